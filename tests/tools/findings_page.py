# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/findings.md from the table of codes and the table of log patterns.

python tests/tools/findings_page.py          writes it
python tests/tools/findings_page.py --check  says whether it is current
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "findings.md"
sys.path.insert(0, str(ROOT))

HEAD = """# Findings

Every finding of `modelserving.kserve.runtime_status` has a code that means the same for ever. This page is generated
from the rules (`tests/tools/findings_page.py`); a test holds it current.

A finding is about one fault: what follows from it is folded under it. *Preflight* marks codes that are also decided
before anything is deployed.
"""


def page() -> str:
    """The page's text."""
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import log_patterns
    from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.codes import CODES, THEMES

    yield HEAD
    for theme, title in THEMES.items():
        mine = [item for item in CODES.values() if item.theme == theme]
        yield f"- [{title}](#{_anchor(title)}): {', '.join(f'[{item.code}](#{item.code.lower()})' for item in mine)}"
    yield ""
    for theme, title in THEMES.items():
        yield f"## {title}\n"
        yield f"`checks: [{theme}]`\n"
        for item in sorted((item for item in CODES.values() if item.theme == theme), key=lambda item: item.code):
            patterns = [entry for entry in log_patterns.TABLE if entry.code == item.code]
            yield f"### {item.code}\n"
            preflight = ", preflight" if item.preflight else ""
            yield f"**{item.title}** ({item.severity}{preflight})\n"
            yield f"- Shows as: {_escaped(item.shows)}."
            yield f"- Remedy: {_escaped(item.remedy)}."
            if patterns:
                said = dict.fromkeys(entry.says for entry in patterns)
                yield f"- Known log messages: {'; '.join(_escaped(text) for text in said)}."
            yield ""


def _anchor(title: str) -> str:
    return "".join(char for char in title.lower().replace(" ", "-") if char.isalnum() or char == "-")


def _escaped(text: str) -> str:
    """Text as Markdown shows it: a pattern's groups as code, no stray HTML."""
    return re.sub(r"\{(\w+)\}", r"`\1`", text).replace("<", "\\<")


def main(arguments: list[str]) -> int:
    import tests.conftest  # noqa: F401  (makes the collection importable from the checkout)

    text = page()
    if "--check" in arguments:
        current = PAGE.is_file() and PAGE.read_text() == text
        print(
            "docs/findings.md is current" if current else "docs/findings.md is stale: run tests/tools/findings_page.py"
        )
        return 0 if current else 1
    PAGE.write_text(text)
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
