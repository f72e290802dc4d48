# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes that exist for the scheduler only: their hardware is written in their status, as Kubernetes documents it."""

from __future__ import annotations

import threading
import time
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource

from tests.lab.cases import BUSY_NODE, DRIVERLESS_NODE, GPU_NODE

LEASE = Resource("coordination.k8s.io/v1", "Lease", "leases", True)
MANAGER = "modelserving-lab"

NODES: tuple[tuple[str, dict[str, str], dict[str, str], dict[str, str]], ...] = (
    (GPU_NODE, {"nvidia.com/gpu": "4"}, {"nvidia.com/gpu.present": "true"}, {"dedicated": "inference"}),
    (BUSY_NODE, {"nvidia.com/gpu": "1"}, {"nvidia.com/gpu.present": "true"}, {"dedicated": "training"}),
    (DRIVERLESS_NODE, {}, {"nvidia.com/gpu.present": "true"}, {"lab": "driverless"}),
)


class FakeNodes:
    """Context: the nodes are there and stay Ready; a pod holds the busy one's only GPU."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> FakeNodes:
        for name, devices, labels, taints in NODES:
            self._create(name, devices, labels, taints)
        self.client.apply(resources.POD, self._holder(), manager=MANAGER, force=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join(timeout=20)
        path = resources.POD.path(self.namespace, "training-job")
        self.client.raw("DELETE", path, query={"gracePeriodSeconds": 0})
        for name, *_rest in NODES:
            self.client.delete(resources.NODE, name)
            self.client.delete(LEASE, name, "kube-node-lease")

    def _create(self, name: str, devices: dict[str, str], labels: dict[str, str], taints: dict[str, str]) -> None:
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "labels": {"kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64", **labels},
            },
            "spec": {"taints": [{"key": key, "value": value, "effect": "NoSchedule"} for key, value in taints.items()]},
        }
        self.client.apply(resources.NODE, node, manager=MANAGER, force=True)
        amounts = {"cpu": "8", "memory": "32Gi", "pods": "110", **devices}
        self.client.patch(
            resources.NODE, name, {"status": {"capacity": amounts, "allocatable": amounts}}, subresource="status"
        )
        self._renew(name)

    def _renew(self, name: str) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "written by the lab",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        self.client.patch(
            resources.NODE, name, {"status": {"conditions": [ready]}}, kind="strategic", subresource="status"
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
            for name, *_rest in NODES:
                try:
                    self._renew(name)
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
