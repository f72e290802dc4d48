# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots recorded from the fault lab (python -m tests.lab --record): the rules name the cause in each of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import diagnose

FIXTURES = Path(__file__).parent / "fixtures"
RECORDED = sorted(FIXTURES.glob("*.json"))


def hit(finding: dict[str, Any], expected: dict[str, Any]) -> bool:
    return expected["exclusive"] or any(
        item["name"] == expected["name"] and item["namespace"] == expected["namespace"] for item in finding["affects"]
    )


def test_there_are_snapshots() -> None:
    assert len(RECORDED) >= 50


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded(path: Path) -> None:
    data = json.loads(path.read_text())
    expected = data["expected"]
    result = diagnose.diagnose(data["snapshot"])
    found = [item for item in result["findings"] if hit(item, expected)]
    errors = [item for item in result["findings"] if item["severity"] == "error"]
    if expected["kind"] == "healthy":
        assert errors == []
        return
    first = found[0]
    text = f"{first['title']} {first['cause']}".lower()
    assert first["code"] == expected["code"], text
    assert all(word.lower() in text for word in expected["words"]), text
    assert len(errors) <= 1, [(item["code"], item["cause"]) for item in errors]
    assert first["evidence"] and first["remedy"]["text"]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_contract_holds(path: Path) -> None:
    """Keys, types and order as promised: lists are never null, evidence is never empty."""
    result = diagnose.diagnose(json.loads(path.read_text())["snapshot"])
    assert set(result) == {"findings", "runtimes", "services", "summary", "unseen"}
    assert json.loads(json.dumps(result)) == result
    for finding in result["findings"]:
        assert set(finding) == {
            "code", "severity", "object", "affects", "title", "cause", "evidence", "remedy", "consequences", "docs",
        }  # fmt: skip
        assert set(finding["object"]) == {"api_version", "kind", "namespace", "name"}
        assert set(finding["remedy"]) == {"text", "command", "patch"}
        assert finding["evidence"]
        for item in finding["evidence"]:
            assert set(item) == {"source", "object", "path", "text", "time"}
            assert item["source"] in ("field", "event", "log", "probe", "node", "rule")
    keys = [
        (("error", "warning", "info").index(item["severity"]), -len(item["affects"]), item["object"]["namespace"] or "",
         item["object"]["name"], item["code"])
        for item in result["findings"]
    ]  # fmt: skip
    assert keys == sorted(keys)
    for item in result["unseen"]:
        assert set(item) == {"what", "reason", "message"}
        assert item["reason"] in ("forbidden", "unreachable", "crd_missing", "not_probed")
