# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module does and says the same in Ansible's own process as in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.serving_runtime.support import Object, play, said

MODULE = "modelserving.kserve.serving_runtime"
# its arguments are templates of KServe's, which look like Ansible's
RUNTIME = {"preset": "kserve-huggingfaceserver", "name": "text"}
TASKS: dict[str, Object] = {
    "before": {"check_mode": True},
    "create": {},
    "repeat": {},
    "change": {MODULE: {"labels": {"team": "a"}}},
    "refused": {MODULE: {"supported_model_formats": [{"name": "huggingface", "priority": 0, "auto_select": True}]}},
    "delete": {MODULE: {"state": "absent"}},
    "gone": {MODULE: {"state": "absent"}},
}


def tasks(namespace: str, **access: Any) -> list[Object]:
    given = {**RUNTIME, "namespace": namespace, **access}
    return [{**keywords, MODULE: {**given, **keywords.get(MODULE, {})}} for keywords in TASKS.values()]


def without_place(result: Object, namespace: str) -> Object:
    """A result of one task, less what differs from run to run."""
    kept = {key: value for key, value in result.items() if key not in ("ansible_facts", "results")}
    kept["results"] = [said(item) for item in result.get("results", [])]
    text: Object = yaml.safe_load(yaml.safe_dump(kept).replace(namespace, "NAMESPACE"))
    return text


@pytest.mark.parametrize("access", ["kubeconfig", "unverified"])
def test_both_ways(tmp_path: Path, kubeconfig: str, make_namespace: Callable[..., str], access: str) -> None:
    options = {"validate_certs": False} if access == "unverified" else {}
    marker = tmp_path / "ran"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n: > {marker}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    answers = []
    for interpreter in (sys.executable, str(python)):
        assert not marker.exists()
        namespace = make_namespace("in-process")
        found = play(tmp_path, kubeconfig, tasks(namespace, **options), python=interpreter)
        answers.append([without_place(result, namespace) for result in found])
    assert marker.exists()
    here, elsewhere = answers
    assert here == elsewhere
    by_name = dict(zip(TASKS, here, strict=True))
    assert [name for name, result in by_name.items() if result["changed"]] == ["before", "create", "change", "delete"]
    assert by_name["refused"]["failed"] and "{{.Name}}" in str(by_name["create"])
