# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes with devices: what the tests build, and how they look at it."""

from __future__ import annotations

import copy
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.vendors import operator_owned
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import NODE
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import gpu_nodes

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
STAGES = HERE / "kwok-stages.yaml"
FAKE = {"kwok.x-k8s.io/node": "fake"}
TTL = "node.alpha.kubernetes.io/ttl"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"

Object = dict[str, Any]
Run = Callable[..., gpu_nodes.Outcome]
# said at once, so that nobody has to wait for kwok, which keeps it true
READY = {"type": "Ready", "status": "True", "reason": "FakeNode", "message": "a node of the tests"}
# what operators would have put there; after every test it is compared byte by byte
OPERATOR_LABELS = {
    "nvidia.com/gpu.present": "true",
    "nvidia.com/gpu.product": "Tesla-T4",
    "nvidia.com/gpu.memory": "15360",
    "nvidia.com/gpu.count": "2",
    "feature.node.kubernetes.io/pci-10de.present": "true",
    "intel.feature.node.kubernetes.io/gpu": "true",
    "gpu.intel.com/device-id.0300-9a49.present": "true",
    "beta.amd.com/gpu.family": "AI",
}


def fake_node(
    name: str,
    resources: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> Object:
    """A Node that no kubelet stands behind."""
    system = (labels or {}).get("kubernetes.io/os", "linux")
    offered = {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "20Gi", "pods": "20", **(resources or {})}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            # the node controller would make the two the same
            "labels": {"kubernetes.io/os": system, "beta.kubernetes.io/os": system, **(labels or {})},
            "annotations": {**FAKE, TTL: "0", **(annotations or {})},
        },
        "spec": spec,
        "status": {"capacity": dict(offered), "allocatable": dict(offered), "conditions": [dict(READY)]},
    }


def offer(client: Client, name: str, resources: dict[str, str | None]) -> None:
    """Say in a node's status what devices it has, as Kubernetes documents for extended resources."""
    client.patch(
        NODE,
        name,
        {"status": {"capacity": resources, "allocatable": resources}},
        subresource="status",
    )


def content(node: Object) -> Object:
    """All of a node that people and operators write: what removal has to leave as it was."""
    metadata = copy.deepcopy(node["metadata"])
    spec = copy.deepcopy(node.get("spec") or {})
    annotations = metadata.get("annotations") or {}
    annotations.pop(TTL, None)  # the ttl controller's, by the number of nodes
    for field in ("podCIDR", "podCIDRs"):
        spec.pop(field, None)
    return {"labels": metadata.get("labels"), "annotations": annotations, "spec": spec}


def settled(node: Object) -> bool:
    """Whether the node controller has seen that the node is ready. (The rest of its writes is there from the start.)"""
    return "node.kubernetes.io/not-ready" not in [taint["key"] for taint in node["spec"].get("taints", [])]


def operators_part(node: Object) -> dict[str, str]:
    """The labels that are not ours to write. (Roles are an administrator's.)"""
    labels = node["metadata"].get("labels", {})
    role = "node-role.kubernetes.io/"
    return {key: value for key, value in labels.items() if operator_owned(key) and not key.startswith(role)}


class Operators:
    """What the operators' labels of each node have to be: as they were, but for what a test writes in their stead."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._wanted: dict[str, dict[str, str]] = {}

    def know(self, node: Object) -> None:
        """From now on the labels of this node are watched."""
        self._wanted.setdefault(node["metadata"]["name"], operators_part(node))

    def write(self, name: str, labels: dict[str, str | None]) -> None:
        """Write a node's labels as its operators do it; None takes one away."""
        self._client.patch(NODE, name, {"metadata": {"labels": labels}})
        both = {**self._wanted[name], **labels}
        self._wanted[name] = {key: value for key, value in both.items() if value is not None}

    def forget(self, name: str) -> None:
        self._wanted.pop(name, None)

    def differences(self) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
        """Node -> (the labels as they should be, as they are), for nodes that are still there."""
        live = {node["metadata"]["name"]: operators_part(node) for node in self._client.list(NODE)}
        found = {name: (wanted, live[name]) for name, wanted in self._wanted.items() if name in live}
        return {name: (wanted, now) for name, (wanted, now) in found.items() if wanted != now}


def _end_with_parent() -> None:
    """Run in the child: a test run that is killed outright leaves no kwok behind (prctl's PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


@contextmanager
def kwok_running(kubeconfig: str, folder: Path) -> Iterator[None]:
    """kwok keeps the fake nodes ready; its log goes to *folder*."""
    tool = subprocess.run(
        [sys.executable, "tests/cluster", "tool", "kwok"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    selector = ",".join(f"{key}={value}" for key, value in FAKE.items())
    log = folder / "kwok.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                tool.stdout.strip().splitlines()[-1],
                f"--kubeconfig={kubeconfig}",
                f"--config={STAGES}",
                "--manage-all-nodes=false",
                f"--manage-nodes-with-annotation-selector={selector}",
                "--node-lease-duration-seconds=40",
                "--server-address=127.0.0.1:0",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HOME": str(folder)},
            preexec_fn=_end_with_parent,
        )
    try:
        time.sleep(1)
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(30)
