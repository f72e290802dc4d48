# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""N fake nodes with a device each: labelled, and found labelled, by gpu_node and by what a user would take instead."""

from __future__ import annotations

import json
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import nodes
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config, pool
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import PAGE, Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import NODE
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import gpu_nodes

from tests.bench.ratios import FACTS, Report, call, median_times, play
from tests.bench.serving_runtimes import kubectl
from tests.integration.gpu.support import fake_node, kwok_running, settled

LOOP_UP_TO = 100  # beyond, a loop takes a quarter of an hour and shows nothing new
OURS, LIST_FORM, KUBECTL, LOOP, EMPTY = "ours", "list form", "kubectl label", "loop", "empty play"
TARGETS = {LOOP: (15.0, 100)}  # total of the other over total of ours; at sizes from the second number on
PREFIX = nodes.DEFAULT_PREFIX
LABELS = {f"{PREFIX}/vendor": "nvidia", f"{PREFIX}/count": "1", f"{PREFIX}/state": "healthy"}


@dataclass
class Scene:
    """N nodes that carry the label ``bench=<tag>``, and a playbook for each tool."""

    client: Client
    kubeconfig: str
    folder: Path
    tag: str
    names: list[str]

    @property
    def selector(self) -> str:
        return f"bench={self.tag}"

    def write_files(self) -> None:
        """The playbooks. The others are told what is to be written; only gpu_node finds it out."""
        wanted = {"apiVersion": "v1", "kind": "Node", "metadata": {"labels": LABELS}}
        definitions = [{**wanted, "metadata": {"name": name, "labels": LABELS}} for name in self.names]
        patched = {"state": "patched", "definition": wanted}
        self._playbook(EMPTY, [])
        self._playbook(OURS, [{"modelserving.kserve.gpu_node": {"selector": self.selector}}])
        self._playbook(LIST_FORM, [{"kubernetes.core.k8s": {"state": "patched", "definition": definitions}}])
        self._playbook(LOOP, [{"kubernetes.core.k8s": {**patched, "name": "{{ item }}"}, "loop": self.names}])

    def _playbook(self, name: str, tasks: list[dict[str, Any]]) -> None:
        content = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
        (self.folder / f"{name}.play.yml").write_text(yaml.safe_dump(content))

    def action(self, name: str) -> Callable[[], None]:
        """What labels the nodes by the tool *name*."""
        if name == KUBECTL:
            pairs = [f"{key}={value}" for key, value in LABELS.items()]
            command = [kubectl(), "--kubeconfig", self.kubeconfig, "label", "node", "--overwrite"]
            return lambda: call([*command, "--selector", self.selector, *pairs])
        return lambda: play(self.folder / f"{name}.play.yml", self.kubeconfig)

    def strip(self) -> None:
        """Take the labels away again, whoever wrote them."""
        nothing = {"labels": dict.fromkeys(LABELS), "annotations": {f"{PREFIX}/owned": None}}
        _all(pool.each(lambda name: self.client.patch(NODE, name, {"metadata": nothing}), self.names))

    def pages(self) -> int:
        """How many requests one list of the nodes takes; the server ends it with an empty page if other nodes follow."""
        client = Client(config.load({"kubeconfig": self.kubeconfig}), timeout=120)
        client.list(NODE, label_selector=self.selector)
        return client.requests

    def requests(self) -> int:
        """How many requests our task sends, as the client counts them."""
        client = Client(config.load({"kubeconfig": self.kubeconfig}), timeout=120)
        outcome = gpu_nodes.Outcome()
        gpu_nodes.run(client, gpu_nodes.Task(nodes.make_options(), selector=self.selector), outcome)
        assert not outcome.failures(), outcome.failures()
        return client.requests


def run(report: Report) -> None:
    """Measure every size."""
    facts = json.loads(FACTS.read_text())
    client = Client(config.load({"kubeconfig": facts["kubeconfig"]}), timeout=120)
    with tempfile.TemporaryDirectory() as folder, kwok_running(facts["kubeconfig"], Path(folder)):
        for size in report.sizes:
            _at(report, size, client, facts["kubeconfig"], Path(folder))


def _at(report: Report, size: int, client: Client, kubeconfig: str, folder: Path) -> None:
    tag = uuid.uuid4().hex[:6]
    scene = Scene(client, kubeconfig, folder, tag, [f"bench-{tag}-{number}" for number in range(size)])
    bodies = [fake_node(name, {"nvidia.com/gpu": "1"}, {"bench": tag}) for name in scene.names]
    try:
        _all(pool.each(lambda body: client.create(NODE, body), bodies))
        _wait_until_settled(scene)
        scene.write_files()
        _measure(report, scene)
    finally:
        pool.each(lambda name: client.delete(NODE, name), scene.names)


def _wait_until_settled(scene: Scene) -> None:
    """Until Kubernetes' own controllers have done with the new nodes: they would be measured too."""
    end = time.monotonic() + 600
    while not all(settled(node) for node in scene.client.list(NODE, label_selector=scene.selector)):
        if time.monotonic() > end:
            sys.exit(f"{len(scene.names)} fake nodes did not become ready within 10 minutes")
        time.sleep(1)


def _all(answers: list[pool.Result[Any]]) -> None:
    for answer in answers:
        if answer.error:
            raise answer.error


def _measure(report: Report, scene: Scene) -> None:
    size = len(scene.names)
    tools = [EMPTY, OURS, LIST_FORM, KUBECTL, *([LOOP] if size <= LOOP_UP_TO else [])]
    once = [LOOP] if size > 10 else []
    actions = {tool: scene.action(tool) for tool in tools}
    report.note(f"N = {size} nodes")
    changing = median_times(actions, report.repeat, before=scene.strip, once=once)
    scene.strip()
    changing_requests = scene.requests()
    unchanged = median_times(actions, report.repeat, once=once)
    for what, times in (("labelling", changing), ("unchanged", unchanged)):
        for tool in tools[2:]:
            least, start = TARGETS.get(tool, (0.0, sys.maxsize))
            target = least if size >= start else None
            report.ratio(f"N={size} {what}: {tool} / ours", times[tool] / times[OURS], target)
        # kubectl starts no play; what Ansible itself takes is not the module's
        above = max(times[OURS] - times[EMPTY], 0.01)
        report.ratio(f"N={size} {what}: {KUBECTL} / ours above an empty play", times[KUBECTL] / above)
    pages = scene.pages()
    report.count(f"N={size} unchanged: requests of ours (one list per page of {PAGE})", scene.requests(), pages)
    report.count(f"N={size} labelling: requests of ours (and one patch per node)", changing_requests, pages + size)
