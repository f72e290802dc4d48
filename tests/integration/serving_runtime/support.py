# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ways in which these tests run serving_runtime: in a playbook, and in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import runtime_entries, serving_runtimes

ROOT = Path(__file__).resolve().parents[3]
MODULE = "modelserving.kserve.serving_runtime"
SERVER_SET = ("creationTimestamp", "generation", "resourceVersion", "uid")

Object = dict[str, Any]

PARAMS: Object = {
    "state": "present",
    "scope": "namespace",
    "namespace": None,
    "namespaces": None,
    "namespace_selector": None,
    "force": False,
    "force_conflicts": False,
    "webhook_timeout": 0,
    "crd_timeout": 0,
    "workers": 8,
    "kserve_version": "0.20.0",
}


@dataclass
class Ran:
    """What one run in this process did."""

    outcome: serving_runtimes.Outcome
    requests: int

    @property
    def result(self) -> Object:
        return self.outcome.plain()

    @property
    def objects(self) -> list[Object]:
        return list(self.result["results"])

    @property
    def actions(self) -> list[str]:
        return [item["action"] for item in self.objects]

    @property
    def failure(self) -> str | None:
        return self.outcome.failure()


def run(kubeconfig: str | Object, given: Object, *, check: bool = False, **params: Any) -> Ran:
    """Do a task in this process, with a client of its own that counts its requests."""
    client = Client(config.load({"kubeconfig": kubeconfig}), timeout=60)
    merged = {**PARAMS, **params}
    entries = runtime_entries.of_task(merged, given)
    task = serving_runtimes.task_of(merged, entries, check_mode=check)
    outcome = serving_runtimes.Outcome(with_diff=True)
    serving_runtimes.run(lambda: client, task, outcome)
    return Ran(outcome, client.requests)


def said(result: Object) -> Object:
    """What a result says of an object, but for what only the server can know."""
    kept = {key: value for key, value in result.items() if key not in ("object", "warnings")}
    item = result["object"]
    if item is None:
        return {**kept, "object": None}
    metadata = {key: value for key, value in item["metadata"].items() if key not in SERVER_SET}
    return {**kept, "object": {**item, "metadata": metadata}}


def play(
    folder: Path, kubeconfig: str, tasks: list[Object], *, python: str = sys.executable, log: Path | None = None
) -> list[Object]:
    """Run *tasks* in one playbook with the mirrored collection; the registered result of each.

    python: what modules run with; Ansible's own runs this collection's in Ansible's process; log: what is printed, with
    -vvv.
    """
    answers = folder / "answers.json"
    registered = [
        {**task, "register": f"answer_{number}", "ignore_errors": True, "diff": True}
        for number, task in enumerate(tasks)
    ]
    names = ", ".join(f"answer_{number}" for number in range(len(tasks)))
    save = {"ansible.builtin.copy": {"content": f"{{{{ [{names}] | to_json }}}}", "dest": str(answers)}, "no_log": True}
    book = folder / "play.json"  # JSON is YAML
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [*registered, save]}]))
    command = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "-c", "local", book]
    done = subprocess.run(
        [*command, "-e", f"ansible_python_interpreter={python}", *(["-vvv"] if log else [])],
        env={**environment(), "K8S_AUTH_KUBECONFIG": kubeconfig},
        capture_output=True,
        text=True,
        timeout=900,
    )
    said = done.stdout + done.stderr
    if log:
        log.write_text(said)
    assert done.returncode == 0 and "errantly" not in said, said[-5000:]
    found: list[Object] = json.loads(answers.read_text())
    return found


def environment() -> dict[str, str]:
    """The environment in which the mirrored collection is found."""
    collections = os.environ.get("ANSIBLE_COLLECTIONS_PATH", str(ROOT / "build" / "collections"))
    return {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "tests" / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": collections,
    }
