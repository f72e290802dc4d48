# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what the documentation tells a reader to type: fenced blocks of Markdown pages, EXAMPLES of plugins."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
_FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: *language* is the word behind the fence."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """README, docs/ and the roles' READMEs."""
    return sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("roles/*/README.md")])


def blocks(*languages: str) -> Iterator[Block]:
    """Every fenced block of these languages."""
    for page in pages():
        text = page.read_text()
        for match in _FENCE.finditer(text):
            if match[2] in languages:
                indent = len(match[1])
                body = "\n".join(line[indent:] for line in match[3].splitlines()) + "\n"
                yield Block(str(page.relative_to(ROOT)), text.count("\n", 0, match.start()) + 1, match[2], body)


def commands(block: Block) -> Iterator[str]:
    """The commands of a shell block: continued lines joined, comments left out."""
    for line in block.text.replace("\\\n", " ").splitlines():
        command = re.sub(r"\s+", " ", line.split(" # ")[0]).strip()
        if command and not command.startswith("#"):
            yield command


def examples(kind: str) -> Iterator[tuple[str, Any]]:
    """(plugin, parsed EXAMPLES) of every module or filter written in Python."""
    for path in sorted((ROOT / "plugins" / kind).glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "EXAMPLES":
                yield path.stem, yaml.safe_load(ast.literal_eval(node.value))
