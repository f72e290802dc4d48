# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTML report in a real browser: nothing sticks out on a phone, the filter filters, dark is dark."""

from __future__ import annotations

import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.plugin_utils import rendering
from ansible_collections.modelserving.kserve.tests.tools import screenshot
from ansible_collections.modelserving.kserve.tests.unit.plugins.plugin_utils import results

pytestmark = pytest.mark.skipif(screenshot.browser() is None, reason="no Chromium here; CHROMIUM may name one")

# Shows the report in a frame of a phone's or a desk's width and writes down what it measures.
FRAME = """<!DOCTYPE html><body style="margin:0"><iframe id="page" style="border:0;width:{width}px;height:900px" srcdoc="{page}">
</iframe><pre id="measured"></pre><script>
document.getElementById('page').addEventListener('load', function () {{
  var page = this.contentDocument, root = page.documentElement;
  function shown() {{ return page.querySelectorAll('.finding:not([hidden])').length; }}
  var found = {{width: root.scrollWidth, all: shown(), ground: getComputedStyle(page.body).backgroundColor, wide: []}};
  page.querySelectorAll('body *').forEach(function (node) {{
    var box = node.getBoundingClientRect();
    if (box.width && box.right > {width} + 1 && !node.closest('.panel')) {{ found.wide.push(node.tagName); }}
  }});
  found.pictures = [].filter.call(page.querySelectorAll('.panel > svg'), function (svg) {{
    return svg.getBoundingClientRect().width > 0;
  }}).map(function (svg) {{ return svg.getAttribute('class'); }});
  var button = page.querySelector('button[data-severity=error]');
  if (button) {{ button.click(); found.errors = shown(); page.querySelector('button[data-severity=""]').click(); }}
  var input = page.querySelector('input');
  if (input) {{
    input.value = 'NO SUCH THING'; input.dispatchEvent(new Event('input'));
    found.none = shown(); found.said = !page.getElementById('nothing').hidden;
  }}
  document.getElementById('measured').textContent = JSON.stringify(found);
}});
</script>"""


def measure(directory: Path, result: dict[str, Any], width: int, scheme: str = "light") -> dict[str, Any]:
    page = html.escape(rendering.Renderer(result).render("html"))
    frame = directory / "frame.html"
    frame.write_text(FRAME.format(width=width, page=page))
    program = screenshot.browser()
    assert program
    command = screenshot.arguments(program, str(directory / "profile"), max(width, 500), 900, scheme)
    done = subprocess.run(
        [*command, "--virtual-time-budget=20000", "--dump-dom", frame.as_uri()],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    written = re.search(r'<pre id="measured">(.*?)</pre>', done.stdout, re.S)
    assert written and written[1], "the browser measured nothing"
    measured: dict[str, Any] = json.loads(html.unescape(written[1]))
    return measured


@pytest.mark.parametrize(("width", "picture"), [(1280, "wide"), (390, "narrow")])
@pytest.mark.parametrize("result", [results.on_call(), results.many(60)], ids=["on call", "sixty"])
def test_nothing_sticks_out_and_the_filter_filters(
    tmp_path: Path, result: dict[str, Any], width: int, picture: str
) -> None:
    measured = measure(tmp_path, result, width)
    assert measured["width"] <= width and measured["wide"] == []
    assert measured["pictures"] == [picture]
    assert measured["all"] == len(result["findings"])
    assert measured["errors"] == result["summary"]["error"]
    assert measured["none"] == 0 and measured["said"] is True


def test_dark_is_dark(tmp_path: Path) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        (directory := tmp_path / scheme).mkdir()
        found = re.findall(r"\d+", measure(directory, results.one(), 1280, scheme)["ground"])
        grounds.append(sum(int(part) for part in found[:3]))
    light, dark = grounds
    assert light > 600 and dark < 150
