# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a case has shown itself: conditions on the cluster, none of them on what the doctor finds."""

from __future__ import annotations

from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import LABEL_SERVICE

Object = dict[str, Any]


class State:
    """Pods, events, ReplicaSets and services of the lab's namespaces at one moment."""

    def __init__(self, client: Client, namespaces: set[str]) -> None:
        self.pods = [pod for pod in client.list(resources.POD, label_selector=LABEL_SERVICE) if _in(pod, namespaces)]
        self.events = [event for event in client.list(resources.EVENT) if _in(event, namespaces)]
        self.sets = client.list(resources.REPLICASET, label_selector=LABEL_SERVICE)
        self.deployments = client.list(resources.DEPLOYMENT, label_selector=LABEL_SERVICE)

    def holds(self, wanted: str, namespace: str, service: str) -> bool:
        """Whether the condition holds for a service: ``name`` or ``name:a,b``."""
        name, _, values = wanted.partition(":")
        pods = [pod for pod in self.pods if _of(pod, namespace, service)]
        check = getattr(self, f"_{name}")
        return bool(check(pods, namespace, service, values.split(",") if values else []))

    def _seconds(self, _pods: list[Object], _namespace: str, _service: str, _values: list[str]) -> bool:
        return True

    def _no_deployment(self, _pods: list[Object], namespace: str, service: str, _values: list[str]) -> bool:
        return not any(_of(item, namespace, service) for item in self.deployments)

    def _refused(self, _pods: list[Object], namespace: str, service: str, _values: list[str]) -> bool:
        sets = [item for item in self.sets if _of(item, namespace, service)]
        return any(podstate.condition(item, "ReplicaFailure").get("status") == "True" for item in sets)

    def _ready(self, pods: list[Object], namespace: str, service: str, _values: list[str]) -> bool:
        deployments = [item for item in self.deployments if _of(item, namespace, service)]
        settled = all(
            (item.get("status") or {}).get("updatedReplicas") == (item.get("spec") or {}).get("replicas")
            and (item.get("status") or {}).get("replicas") == (item.get("spec") or {}).get("replicas")
            for item in deployments
        )
        return bool(pods) and settled and all(podstate.ready(pod) for pod in pods)

    def _restarts(self, pods: list[Object], _namespace: str, _service: str, _values: list[str]) -> bool:
        return any(podstate.restarts(pod) >= 2 for pod in pods)

    def _failed(self, pods: list[Object], _namespace: str, _service: str, _values: list[str]) -> bool:
        return any(podstate.restarts(pod) >= 1 or item.waiting.get("reason") == "RunContainerError"
                   for pod in pods for item in podstate.containers(pod))  # fmt: skip

    def _evicted(self, pods: list[Object], _namespace: str, _service: str, _values: list[str]) -> bool:
        return any((pod.get("status") or {}).get("reason") == "Evicted" for pod in pods)

    def _pods(self, pods: list[Object], _namespace: str, _service: str, _values: list[str]) -> bool:
        return bool(pods)

    def _gone(self, pods: list[Object], _namespace: str, _service: str, _values: list[str]) -> bool:
        return not pods

    def _unscheduled(self, pods: list[Object], _namespace: str, _service: str, _values: list[str]) -> bool:
        return any(not podstate.scheduled(pod) for pod in pods)

    def _waiting(self, pods: list[Object], _namespace: str, _service: str, values: list[str]) -> bool:
        return any(item.waiting.get("reason") in values for pod in pods for item in podstate.containers(pod))

    def _event(self, pods: list[Object], namespace: str, _service: str, values: list[str]) -> bool:
        names = {pod["metadata"]["name"] for pod in pods}
        return any(
            event.get("reason") in values and (event.get("involvedObject") or {}).get("name") in names
            for event in self.events
        )


def _in(obj: Object, namespaces: set[str]) -> bool:
    return obj["metadata"].get("namespace") in namespaces


def _of(obj: Object, namespace: str, service: str) -> bool:
    metadata = obj["metadata"]
    return metadata.get("namespace") == namespace and (metadata.get("labels") or {}).get(LABEL_SERVICE) == service
