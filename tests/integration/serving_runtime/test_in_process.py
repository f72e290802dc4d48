# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module does and says the same in Ansible's own process as in a process of its own."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.serving_runtime.support import Object, play, said

ROOT = Path(__file__).resolve().parents[3]
OURS = "modelserving.kserve."
MODULE = f"{OURS}serving_runtime"
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


class BothWays:
    """Runs tasks in Ansible's process, then in processes of their own."""

    def __init__(self, folder: Path, kubeconfig: str) -> None:
        self._folder, self._kubeconfig = folder, kubeconfig
        self._marker = folder / "ran"
        self._python = folder / "python"
        self._python.write_text(f'#!/bin/sh\n: > {self._marker}\nexec {sys.executable} "$@"\n')
        self._python.chmod(0o755)

    def here(self, tasks: list[Object]) -> list[Object]:
        log = self._folder / "log"
        found = play(self._folder, self._kubeconfig, tasks, log=log)
        texts = [text for text in re.split(r"^TASK ", log.read_text(), flags=re.M) if text.startswith(f"[{OURS}")]
        started = [text.splitlines()[0] for text in texts if " EXEC " in text]
        assert len(texts) == len(tasks) and not started, started
        return found

    def elsewhere(self, tasks: list[Object]) -> list[Object]:
        assert not self._marker.exists()
        found = play(self._folder, self._kubeconfig, tasks, python=str(self._python))
        assert self._marker.exists()
        return found


@pytest.fixture
def both(tmp_path: Path, kubeconfig: str) -> BothWays:
    return BothWays(tmp_path, kubeconfig)


def tasks(namespace: str, **access: Any) -> list[Object]:
    given = {**RUNTIME, "namespace": namespace, **access}
    return [{**keywords, MODULE: {**given, **keywords.get(MODULE, {})}} for keywords in TASKS.values()]


def without_place(result: Object, namespace: str) -> Object:
    """A result of one task, less what differs from run to run."""
    kept = {key: value for key, value in result.items() if key not in ("ansible_facts", "results")}
    kept["results"] = [said(item) for item in result.get("results", [])]
    text: Object = json.loads(json.dumps(kept).replace(namespace, "NAMESPACE"))
    return text


@pytest.mark.parametrize("access", ["kubeconfig", "unverified"])
def test_runtimes(both: BothWays, make_namespace: Callable[..., str], access: str) -> None:
    options = {"validate_certs": False} if access == "unverified" else {}
    answers = []
    for run in (both.here, both.elsewhere):
        namespace = make_namespace("in-process")
        answers.append([without_place(result, namespace) for result in run(tasks(namespace, **options))])
    here, elsewhere = answers
    assert here == elsewhere
    by_name = dict(zip(TASKS, here, strict=True))
    assert [name for name, result in by_name.items() if result["changed"]] == ["before", "create", "change", "delete"]
    assert by_name["refused"]["failed"] and "{{.Name}}" in str(by_name["create"])


# -- every module --------------------------------------------------------------------------------------------------

STOPPED = {"serving.kserve.io/stop": "true"}  # so that its state stays as it is while both ways look at it
SERVICE = {"name": "iris", "model_format": "sklearn", "storage_uri": "pvc://models/iris", "annotations": STOPPED}
# module -> its options
LOOKS: dict[str, Object] = {
    "gpu_node": {"nodes": ["nobody"]},
    "inference_service": {**SERVICE, "namespace": "NAMESPACE", "wait": False},
    "model_health": {"namespaces": ["NAMESPACE"], "fail": False},
    "preflight": {"namespaces": ["NAMESPACE"]},
    "runtime_status": {"namespaces": ["NAMESPACE"]},
    "selection_info": {"namespaces": ["NAMESPACE"]},
    "service_logs": {"namespace": "NAMESPACE", "name": "iris"},
    "serving_runtime": {**RUNTIME, "namespace": "NAMESPACE"},
}
VOLATILE = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|\+00:00)?|\b\d+(\.\d+)? ?(ms|s|seconds?|minutes?)\b"
)


def test_every_module(both: BothWays, make_namespace: Callable[..., str], kubeconfig: str, tmp_path: Path) -> None:
    modules = [path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if "\n@" in path.read_text()]
    assert sorted(modules) == sorted(LOOKS)
    namespace = make_namespace("in-process")
    service = {**SERVICE, "namespace": namespace, "wait": False}
    (made,) = play(tmp_path, kubeconfig, [{f"{OURS}inference_service": service}])
    assert made["changed"], made
    looks = [{f"{OURS}{name}": _placed(given, namespace), "check_mode": True} for name, given in LOOKS.items()]
    answers = [[_lasting(result) for result in run(looks)] for run in (both.here, both.elsewhere)]
    for name, here, elsewhere in zip(LOOKS, *answers, strict=True):
        assert here == elsewhere, name


def _placed(given: Object, namespace: str) -> Object:
    text: Object = json.loads(json.dumps(given).replace("NAMESPACE", namespace))
    return text


def _lasting(result: Object) -> Object:
    kept = {key: value for key, value in result.items() if key != "ansible_facts"}
    if isinstance(kept.get("results"), list):
        kept["results"] = [said(item) if "object" in item else item for item in kept["results"]]
    text: Object = json.loads(VOLATILE.sub("WHEN", json.dumps(kept)))
    return text
