# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""N runtimes over N/10 namespaces: created, and found unchanged, by four means, on the local cluster."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config, pool, resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import PAGE, Client
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import runtime_entries, serving_runtimes

from tests.bench.ratios import FACTS, ROOT, Report, call, median_times, play

PER_NAMESPACE = 10
LOOP_UP_TO = 100  # beyond, a loop takes a quarter of an hour and shows nothing new
OURS, LIST_FORM, KUBECTL, LOOP, EMPTY = "ours", "list form", "kubectl", "loop", "empty play"

# total of the other over total of ours; at sizes from (the second number) on
UNCHANGED_TARGETS = {LOOP: (30.0, 100), LIST_FORM: (1.0, 10), KUBECTL: (1.0, 100)}
CREATE_TARGETS = {LOOP: (15.0, 100)}

OPTIONS = {
    "state": "present",
    "scope": "namespace",
    "force": False,
    "force_conflicts": False,
    "webhook_timeout": 30,
    "crd_timeout": 0,
    "workers": 8,
    "kserve_version": "0.20.0",
}


@dataclass
class Scene:
    """N runtimes in namespaces of their own, as each of the tools wants them, in files of *folder*."""

    client: Client
    kubeconfig: str
    folder: Path
    runtimes: list[dict[str, Any]]
    namespaces: list[str]

    @property
    def size(self) -> int:
        return len(self.runtimes) * len(self.namespaces)

    def write_files(self) -> None:
        """The playbooks and the manifest."""
        given = {"runtimes": self.runtimes, "namespaces": self.namespaces}
        objects = self.objects()
        self._file("objects.yml", yaml.safe_dump_all(objects))
        files = [f"{number}.object.yml" for number, _object in enumerate(objects)]
        for file, item in zip(files, objects, strict=True):
            self._file(file, yaml.safe_dump(item))
        self._file("given.json", json.dumps(given))
        # what became of each object is told, as kubectl does in a line, and the objects are not
        ours = {**{name: f"{{{{ {name} }}}}" for name in given}, "return_objects": "none"}
        manifest = str(self.folder / "objects.yml")
        self._playbook(EMPTY, [], [])
        self._playbook(OURS, ["given.json"], [{"modelserving.kserve.serving_runtime": ours}])
        self._playbook(LIST_FORM, [], [{"kubernetes.core.k8s": {"src": manifest, "state": "present"}}])
        looped = {"kubernetes.core.k8s": {"src": "{{ item }}", "state": "present"}}
        self._playbook(LOOP, [], [{**looped, "loop": [str(self.folder / file) for file in files]}])

    def _file(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def _playbook(self, name: str, variables: list[str], tasks: list[dict[str, Any]]) -> None:
        files = [str(self.folder / file) for file in variables]
        head = {"hosts": "localhost", "gather_facts": False, "vars_files": files}
        self._file(f"{name}.play.yml", yaml.safe_dump([{**head, "tasks": tasks}]))

    def objects(self) -> list[dict[str, Any]]:
        """The objects that the task stands for."""
        found = runtime_entries.entries(
            {"runtimes": self.runtimes}, kind="ServingRuntime", present=True, kserve_version=OPTIONS["kserve_version"]
        )
        return [
            {**entry.body, "metadata": {**entry.body["metadata"], "namespace": namespace}}
            for entry in found
            for namespace in self.namespaces
        ]

    def action(self, name: str) -> Callable[[], None]:
        """What brings the runtimes into being by the tool *name*."""
        if name == KUBECTL:
            command = [kubectl(), "--kubeconfig", self.kubeconfig, "apply", "--server-side"]
            return lambda: call([*command, "--field-manager=bench", "-f", self.folder / "objects.yml"])
        return lambda: play(self.folder / f"{name}.play.yml", self.kubeconfig)

    def remove_runtimes(self) -> None:
        """Leave empty namespaces."""
        paths = [serving_runtimes.SERVING_RUNTIME.path(name) for name in self.namespaces]
        for answer in pool.each(lambda path: self.client.request("DELETE", path), paths):
            if answer.error:
                raise answer.error

    def requests(self) -> int:
        """How many requests our task sends, as the client counts them."""
        client = Client(config.load({"kubeconfig": self.kubeconfig}))
        params = {**OPTIONS, "namespaces": self.namespaces}
        entries = runtime_entries.of_task(params, {"runtimes": self.runtimes})
        task = serving_runtimes.task_of(params, entries, check_mode=False)
        outcome = serving_runtimes.Outcome()
        serving_runtimes.run(lambda: client, task, outcome)
        assert outcome.failure() is None, outcome.failure()
        return client.requests


def kubectl() -> str:
    """The cluster's own kubectl, else the one on the PATH."""
    recorded = json.loads(FACTS.read_text()).get("kubectl")
    if recorded and Path(recorded).is_file():
        return str(recorded)
    built = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "cluster"), "tool", "kubectl"], capture_output=True, text=True
    )
    path = (built.stdout.strip().splitlines() or [""])[-1]
    return path if Path(path).is_file() else shutil.which("kubectl") or sys.exit("kubectl is not to be found")


def run(report: Report) -> None:
    """Measure every size."""
    kubeconfig = json.loads(FACTS.read_text())["kubeconfig"]
    client = Client(config.load({"kubeconfig": kubeconfig}), timeout=120)
    for size in report.sizes:
        _at(report, size, client, kubeconfig)


def _at(report: Report, size: int, client: Client, kubeconfig: str) -> None:
    runtimes = [{"preset": "mlserver", "name": f"bench-{number}"} for number in range(min(size, PER_NAMESPACE))]
    spaces = [f"bench-{uuid.uuid4().hex[:8]}" for _number in range(max(1, size // PER_NAMESPACE))]
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(client, kubeconfig, Path(folder), runtimes, spaces)
        scene.write_files()
        try:
            pool.each(lambda name: client.create(resources.NAMESPACE, _namespace(name)), spaces)
            _measure(report, scene)
        finally:
            pool.each(lambda name: client.delete(resources.NAMESPACE, name), spaces)


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _measure(report: Report, scene: Scene) -> None:
    size = scene.size
    tools = [EMPTY, OURS, LIST_FORM, KUBECTL, *([LOOP] if size <= LOOP_UP_TO else [])]
    once = [LOOP] if size > PER_NAMESPACE else []
    actions = {tool: scene.action(tool) for tool in tools}
    report.note(f"N = {size}, in {len(scene.namespaces)} namespaces")
    creating = median_times(actions, report.repeat, before=scene.remove_runtimes, once=once)
    scene.remove_runtimes()
    creating_requests = scene.requests()
    unchanged = median_times(actions, report.repeat, once=once)
    for tool in tools[2:]:
        least, start = UNCHANGED_TARGETS[tool]
        target = least if size >= start else None
        report.ratio(f"N={size} unchanged: {tool} / ours", unchanged[tool] / unchanged[OURS], target)
    for tool in tools[2:]:
        least, start = CREATE_TARGETS.get(tool, (0.0, sys.maxsize))
        target = least if size >= start else None
        report.ratio(f"N={size} creating: {tool} / ours", creating[tool] / creating[OURS], target)
    above = creating[OURS] - creating[EMPTY]
    at_scale = 1.0 if size >= LOOP_UP_TO else None
    report.ratio(f"N={size} creating: kubectl / ours above an empty play", creating[KUBECTL] / above, at_scale)
    pages = -(-_listed(scene) // PAGE)
    report.count(f"N={size} unchanged: requests of ours (one list per page of {PAGE})", scene.requests(), max(1, pages))
    report.count(f"N={size} creating: requests of ours", creating_requests)


def _listed(scene: Scene) -> int:
    """How many runtimes one list of the scope holds: other namespaces of the cluster may have some too."""
    scope = scene.namespaces[0] if len(scene.namespaces) == 1 else None
    return len(scene.client.list(serving_runtimes.SERVING_RUNTIME, scope))
