# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod asks of a node, added up as the scheduler does.

Source: k8s.io/component-helpers/resource/helpers.go (PodRequests, AggregateContainerRequests) and, for requests that
follow from limits, k8s.io/kubernetes/pkg/apis/core/v1/defaults.go (SetDefaults_Pod).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import quantities

Amounts = dict[str, int]
"""resource name -> amount: millicores for cpu, whole units (bytes, devices) for all else"""

_FINISHED = ("Succeeded", "Failed")


def amounts(resources: Mapping[str, Any] | None) -> Amounts:
    """A ResourceList as numbers; raises ValueError for a quantity that Kubernetes would refuse."""
    return {name: amount(name, value) for name, value in (resources or {}).items()}


def amount(resource: str, value: object) -> int:
    """One quantity in the unit that the scheduler counts *resource* in."""
    return quantities.milli(value) if resource == "cpu" else quantities.units(value)


def pod_requests(pod: Mapping[str, Any]) -> Amounts:
    """All that the pod asks for: containers and native sidecars together, or the hungriest init step, plus overhead."""
    spec = pod.get("spec") or {}
    statuses = _statuses(pod)
    running = _sum(_container_requests(pod, item, statuses) for item in spec.get("containers") or [])
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or []:
        if container.get("restartPolicy") == "Always":
            own = _container_requests(pod, container, statuses)
            running, sidecars = _sum((running, own)), _sum((sidecars, own))
            peak = _max((peak, sidecars))
        else:
            peak = _max((peak, _sum((_container_requests(pod, container, {}), sidecars))))
    total = {**_max((running, peak)), **_pod_level(spec)}
    return _sum((total, amounts(spec.get("overhead"))))


def takes_room(pod: Mapping[str, Any]) -> bool:
    """Whether the scheduler counts the pod against its node: bound, and not finished (a deleting pod counts)."""
    bound = bool((pod.get("spec") or {}).get("nodeName"))
    return bound and (pod.get("status") or {}).get("phase") not in _FINISHED


def _pod_level(spec: Mapping[str, Any]) -> Amounts:
    """spec.resources (pod-level requests), which replace the containers' sum for cpu, memory and huge pages."""
    requests = _with_limits(spec.get("resources"))
    return amounts({name: value for name, value in requests.items() if _pod_level_resource(name)})


def _pod_level_resource(name: str) -> bool:
    return name in ("cpu", "memory") or name.startswith("hugepages-")


def _container_requests(
    pod: Mapping[str, Any], container: Mapping[str, Any], statuses: Mapping[str, Mapping[str, Any]]
) -> Amounts:
    wanted = amounts(_with_limits(container.get("resources")))
    status = statuses.get(str(container.get("name")))
    if not status or not status.get("resources"):
        return wanted
    # a pod being resized in place holds what it had until the kubelet has given it up
    held = (amounts(status["resources"].get("requests")), amounts(status.get("allocatedResources")))
    return _max(held if _resize_infeasible(pod) else (wanted, *held))


def _with_limits(resources: Mapping[str, Any] | None) -> dict[str, Any]:
    resources = resources or {}
    return {**(resources.get("limits") or {}), **(resources.get("requests") or {})}


def _statuses(pod: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    status = pod.get("status") or {}
    every = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    return {str(item.get("name")): item for item in every}


def _resize_infeasible(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(item.get("type") == "PodResizePending" and item.get("reason") == "Infeasible" for item in conditions)


def _sum(lists: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for item in lists:
        for name, value in item.items():
            total[name] = total.get(name, 0) + value
    return total


def _max(lists: Iterable[Amounts]) -> Amounts:
    most: Amounts = {}
    for item in lists:
        for name, value in item.items():
            most[name] = max(most.get(name, 0), value)
    return most
