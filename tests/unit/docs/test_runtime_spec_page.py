# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/runtime-spec.md: the tests that it names are there, and its tables are the catalogue's and the field table's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import catalogue, spec

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "runtime-spec.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_the_page_names_exists(path: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.MULTILINE)


def rows(title: str) -> list[list[str]]:
    """The cells of the tables below a heading, without the head rows."""
    section = PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for number, row in enumerate(cells) if not (number + 1 < len(cells) and set(cells[number + 1][0]) == {"-"})
            and set(row[0]) != {"-"}]  # fmt: skip


@pytest.mark.parametrize("title", ["Spec Attributes", "Priority"])
def test_every_row_names_a_test(title: str) -> None:
    found = rows(title)
    assert len(found) >= 8
    assert all("`tests/" in row[-1] for row in found)


def test_every_attribute_is_an_option_and_the_other_way_round() -> None:
    named = " ".join(row[0] for row in rows("Spec Attributes"))
    for field in spec.SPEC:
        assert re.search(rf"`{field.name}\b", named), field.name


@pytest.mark.parametrize("name", catalogue.PRESETS)
def test_the_presets_row_is_the_catalogues(name: str) -> None:
    preset = catalogue.preset(name)
    formats = "; ".join(
        " ".join(
            part
            for part in (
                entry["name"],
                entry.get("version"),
                "A" if entry.get("autoSelect") else None,
                f"p{entry['priority']}" if "priority" in entry else None,
            )
            if part
        )
        for entry in preset["spec"]["supportedModelFormats"]
    )
    wanted = [
        f"`{name}`",
        preset["name"],
        preset["spec"]["containers"][0]["image"],
        formats,
        " ".join(preset["spec"].get("protocolVersions", ["any"])),
        "; ".join(preset["notes"]),
    ]
    assert wanted in rows("Runtimes: the presets")
