# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports from the result of runtime_status, rendered on the controller with the templates of role troubleshoot."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import bundle, report
from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).resolve().parents[2] / "roles" / "troubleshoot" / "templates"
FORMATS = {
    "text": "report.txt.j2",
    "markdown": "report.md.j2",
    "html": "report.html.j2",
    "junit": "report.xml.j2",
    "json": None,
}
WIDTH = 100


class Renderer:
    """Renders one result in any of FORMATS; what all of them show is worked out once."""

    def __init__(
        self,
        result: Mapping[str, Any],
        *,
        title: str = "Model serving report",
        fail_on: str = "error",
        names: Sequence[str] = (),
    ) -> None:
        self.model = report.model(result, title, names)
        self._fail_on = fail_on

    def render(self, name: str, *, width: int = WIDTH, sections: Sequence[str] = report.SECTIONS) -> str:
        """The report in the format *name*. width and sections are read by the text format."""
        template = FORMATS[name]
        if template is None:
            return bundle.as_json(self.model["result"])
        rendered = (
            _environment()
            .get_template(template)
            .render(
                **self.model,
                sections=sections,
                failing=("error", "warning") if self._fail_on == "warning" else ("error",),
                wrapped=lambda text, indent=0: wrapped(text, width, indent),
            )
        )
        return rendered.rstrip() + "\n"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: bool(name and name.endswith((".html.j2", ".xml.j2"))),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(table=table, md=markdown, fenced=fenced, patch=as_yaml, indented=indented)
    return environment


def wrapped(text: Any, width: int, indent: int = 0) -> str:
    """Text wrapped to *width*, every line but the first indented; long words (paths, images) stay whole."""
    lines: list[str] = []
    for line in str(text or "").splitlines():
        lines += textwrap.wrap(line, max(width - indent, 40), break_long_words=False, break_on_hyphens=False) or [""]
    return ("\n" + " " * indent).join(lines)


def indented(text: Any, indent: int) -> str:
    """Text with every line but the first indented and none wrapped: a command stays one that can be copied."""
    return ("\n" + " " * indent).join(str(text or "").splitlines())


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[tuple[str, str]], most: int = 48) -> str:
    """Rows as aligned columns; *columns* are (heading, key). Columns that are empty throughout are left out."""
    cells = [[heading, *(_cell(row.get(key), most) for row in rows)] for heading, key in columns]
    shown = [column for column in cells if any(column[1:])]
    widths = [max(map(len, column)) for column in shown]
    lines = zip(*shown, strict=True) if shown else ()
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: Any, most: int) -> str:
    text = (
        " ".join(", ".join(map(str, value)).split()) if isinstance(value, list) else " ".join(str(value or "").split())
    )
    return text if len(text) <= most else f"{text[: most - 9]}…{text[-8:]}"


def markdown(text: Any) -> str:
    """Text as Markdown shows it unchanged, on one line: no emphasis, link, HTML or table cell of its own."""
    flat = " ".join(str(text if text is not None else "").split())
    return re.sub(r"([\\`*_{}\[\]<>|#~!])", r"\\\1", flat)


def fenced(text: Any, language: str = "") -> str:
    """A code block whose fence is longer than any that the text holds."""
    body = str(text or "").rstrip("\n")
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{body}\n{fence}"


def as_yaml(value: Any) -> str:
    """A patch or an object as people write it."""
    plain = json.loads(json.dumps(value))  # Ansible's own string types are none that YAML knows
    return str(
        yaml.safe_dump(plain, sort_keys=False, default_flow_style=False, allow_unicode=True, width=1000)
    ).rstrip()


def yaml_dump(value: Any) -> str:
    """YAML for the bundle's files: libyaml's dumper where it is there, ten times faster."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(
        yaml.dump(value, Dumper=dumper, sort_keys=True, default_flow_style=False, allow_unicode=True, width=1000)
    )
