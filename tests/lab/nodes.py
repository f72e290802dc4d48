# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes that exist for the scheduler only: their hardware is written in their status, as Kubernetes documents it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource

from tests.lab.cases import BUSY_NODE, CORDONED_NODE, DRIVERLESS_NODE, GPU_NODE, PRESSED_NODE, SLOT

LEASE = Resource("coordination.k8s.io/v1", "Lease", "leases", True)
MANAGER = "modelserving-lab"


@dataclass(frozen=True)
class Fake:
    """``taints`` are NoSchedule; ``conditions`` are True beside Ready, and Kubernetes taints the node for them."""

    name: str
    devices: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    taints: dict[str, str] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    cordoned: bool = False


NODES = (
    Fake(GPU_NODE, {"nvidia.com/gpu": "4"}, {"nvidia.com/gpu.present": "true"}, {"dedicated": "inference"}),
    Fake(BUSY_NODE, {"nvidia.com/gpu": "1"}, {"nvidia.com/gpu.present": "true"}, {"dedicated": "training"}),
    Fake(DRIVERLESS_NODE, {}, {"nvidia.com/gpu.present": "true"}, {"lab": "driverless"}),
    Fake(CORDONED_NODE, cordoned=True),
    Fake(PRESSED_NODE, taints={"node.kubernetes.io/disk-pressure": ""}, conditions=("DiskPressure",)),
)


class FakeNodes:
    """Context: the nodes are there and stay Ready; a pod holds the busy one's only GPU."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> FakeNodes:
        for fake in NODES:
            self._create(fake)
        self._slots({SLOT: "1"})
        self.client.apply(resources.POD, self._holder(), manager=MANAGER, force=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join(timeout=20)
        path = resources.POD.path(self.namespace, "training-job")
        self.client.raw("DELETE", path, query={"gracePeriodSeconds": 0})
        self._slots({SLOT: None})
        for fake in NODES:
            self.client.delete(resources.NODE, fake.name)
            self.client.delete(LEASE, fake.name, "kube-node-lease")

    def _slots(self, amounts: dict[str, str | None]) -> None:
        """An extended resource of the real node: the kubelet keeps what others write there."""
        real = self.client.list(resources.NODE, label_selector="node-role.kubernetes.io/control-plane")
        for node in real:
            self.client.patch(
                resources.NODE, node["metadata"]["name"], {"status": {"capacity": amounts}}, subresource="status"
            )

    def _create(self, fake: Fake) -> None:
        spec: dict[str, Any] = {"unschedulable": True} if fake.cordoned else {}
        if fake.taints:
            spec["taints"] = [
                {"key": key, "value": value, "effect": "NoSchedule"} for key, value in fake.taints.items()
            ]
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": fake.name,
                "labels": {"kubernetes.io/hostname": fake.name, "kubernetes.io/arch": "amd64", **fake.labels},
            },
            "spec": spec,
        }
        self.client.apply(resources.NODE, node, manager=MANAGER, force=True)
        amounts = {"cpu": "8", "memory": "32Gi", "pods": "110", **fake.devices}
        self.client.patch(
            resources.NODE, fake.name, {"status": {"capacity": amounts, "allocatable": amounts}}, subresource="status"
        )
        self._renew(fake)

    def _renew(self, fake: Fake) -> None:
        name = fake.name
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "written by the lab",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        others = [
            {**ready, "type": kind, "reason": f"KubeletHas{kind}", "message": f"kubelet has {kind}"}
            for kind in fake.conditions
        ]
        self.client.patch(
            resources.NODE, name, {"status": {"conditions": [ready, *others]}}, kind="strategic", subresource="status"
        )
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": "kube-node-lease"},
            "spec": {
                "holderIdentity": name,
                "leaseDurationSeconds": 40,
                "renewTime": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime()),
            },
        }
        self.client.apply(LEASE, lease, manager=MANAGER, force=True)

    def _beat(self) -> None:
        while not self._end.wait(10):
            for fake in NODES:
                try:
                    self._renew(fake)
                except ClusterError:
                    continue

    def _holder(self) -> dict[str, Any]:
        device = {"nvidia.com/gpu": "1"}
        container = {"name": "train", "image": "localhost/none:1", "resources": {"requests": device, "limits": device}}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "training-job", "namespace": self.namespace},
            "spec": {
                "nodeName": BUSY_NODE,
                "containers": [container],
                "tolerations": [{"operator": "Exists"}],
                "terminationGracePeriodSeconds": 0,
            },
        }
