# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which node takes a pod, and why the others do not.

The judgement is that of the scheduler's filters NodeUnschedulable, NodeAffinity, TaintToleration, NodePorts and
NodeResourcesFit (k8s.io/kubernetes/pkg/scheduler/framework/plugins), over plain objects as the API returns them. What
else can keep a pod waiting (affinity between pods, topology spread, volumes, claims, gates, another scheduler) is not
judged, and named under ``unjudged`` where the pod uses it. Preemption of pods of lower priority is not weighed either.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import labels, placement
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.podresources import (
    Amounts,
    amounts,
    pod_requests,
    takes_room,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.vendors import (
    DEFAULT_TABLE,
    Table,
    Vendor,
    is_true,
    names_product,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import quantities

NAMED = 5
"""how many nodes or pods a sentence names before it only counts"""


@dataclass(frozen=True)
class Reason:
    """How far a node with this obstacle is from taking the pod, and how a count of such nodes reads."""

    distance: int
    phrase: str


# In the order in which obstacles of one distance matter. A node's distance is the sum over its obstacles: the nearest
# node is the one whose obstacle explains why the pod waits. What passes by itself is near, missing hardware far away.
REASONS: dict[str, Reason] = {
    "resource_taken": Reason(1, "with the devices taken"),
    "cpu": Reason(1, "short of cpu"),
    "memory": Reason(1, "short of memory"),
    "ephemeral_storage": Reason(1, "short of ephemeral storage"),
    "pods": Reason(1, "full of pods"),
    "host_port": Reason(1, "with the host port in use"),
    "taint": Reason(1, "with a taint that the pod does not tolerate"),
    "selector": Reason(1, "not matching the node selector"),
    "affinity": Reason(1, "not matching the node affinity"),
    "wrong_product": Reason(2, "with another accelerator product"),
    "unschedulable": Reason(2, "cordoned"),
    "not_ready": Reason(4, "not ready"),
    "driver_not_ready": Reason(5, "whose accelerator driver is not ready"),
    "resource_absent": Reason(10, "without the resource"),
}
_RANK = {reason: rank for rank, reason in enumerate(REASONS)}
_TOO_SMALL = 6
# Where some node is what the pod's selector and affinity ask for, the others were not meant.
_CHOICES = ("selector", "affinity", "wrong_product")
_NOT_MEANT = 8
# A control plane's taint keeps it out of the choice: other nodes explain more, unless they lack the hardware.
_ROLE_TAINT = 7

_NOT_READY_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_CORDON_TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_PLAIN = {"cpu": "cpu", "memory": "memory", "ephemeral-storage": "ephemeral_storage"}


@dataclass(frozen=True)
class Obstacle:
    """One thing that keeps one node from taking the pod; ``detail`` continues a sentence that names the node."""

    reason: str
    detail: str
    distance: int

    @classmethod
    def of(cls, reason: str, detail: str, distance: int | None = None) -> Obstacle:
        return cls(reason, detail, REASONS[reason].distance if distance is None else distance)


@dataclass
class _NodeState:
    """A node, what it offers, and what bound pods hold of it."""

    node: Mapping[str, Any]
    name: str
    allocatable: Amounts
    capacity: Amounts
    used: Amounts = field(default_factory=dict)
    pods: list[tuple[Mapping[str, Any], Amounts]] = field(default_factory=list)

    def add(self, pod: Mapping[str, Any], requests: Amounts) -> None:
        self.pods.append((pod, requests))
        for name, value in requests.items():
            self.used[name] = self.used.get(name, 0) + value


class Cluster:
    """Nodes with their bound pods, read once; judges any number of pods."""

    def __init__(
        self, nodes: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]], table: Table = DEFAULT_TABLE
    ) -> None:
        self.table = table
        self.nodes = [_state(node) for node in nodes]
        by_name = {state.name: state for state in self.nodes}
        for pod in pods:
            state = by_name.get((pod.get("spec") or {}).get("nodeName") or "")
            if state and takes_room(pod):
                state.add(pod, pod_requests(pod))

    def why_not(self, pod: Mapping[str, Any]) -> dict[str, Any]:
        """As `why_not` below."""
        requests = pod_requests(pod)
        fits: list[str] = []
        rejected: list[tuple[_NodeState, list[Obstacle]]] = []
        for state in self.nodes:
            obstacles = self._obstacles(pod, requests, state)
            if obstacles:
                rejected.append((state, obstacles))
            else:
                fits.append(state.name)
        rejected = _not_meant_far(rejected, fits)
        nearest = _nearest(rejected)
        return {
            "fits": fits,
            "rejected": [_rejection(state, obstacles) for state, obstacles in rejected],
            "reason": None if fits or not nearest else nearest[0][1][0].reason,
            "nearest": [] if fits else [state.name for state, _obstacles in nearest],
            "requests": {name: quantities.for_humans(name, value) for name, value in sorted(requests.items())},
            "unjudged": _unjudged(pod),
            "summary": _summary(fits, rejected, nearest),
        }

    def _obstacles(self, pod: Mapping[str, Any], requests: Amounts, state: _NodeState) -> list[Obstacle]:
        used, count = _without(pod, state)
        return [
            *_readiness(pod, state.node),
            *_taints(pod, state.node),
            *self._labels(pod, requests, state),
            *_ports(pod, state),
            *_pod_count(state, count),
            *(
                obstacle
                for name, wanted in requests.items()
                if wanted > 0 and (obstacle := self._resource(name, wanted, used.get(name, 0), state))
            ),
        ]

    def _labels(self, pod: Mapping[str, Any], requests: Amounts, state: _NodeState) -> list[Obstacle]:
        found: list[Obstacle] = []
        for reason, unmet in (
            ("selector", placement.unmet_selector(pod, state.node)),
            ("affinity", placement.unmet_affinity(pod, state.node)),
        ):
            if not unmet:
                continue
            text = "; ".join(item.text for item in unmet)
            what = _meant(unmet, state) if _offers_a_device(requests, state) else ""
            if what:
                found.append(Obstacle.of("wrong_product", f"{what}: {text}"))
            else:
                what = "node selector" if reason == "selector" else "required node affinity"
                found.append(Obstacle.of(reason, f"does not match the pod's {what}: {text}"))
        return found

    def _resource(self, name: str, wanted: int, used: int, state: _NodeState) -> Obstacle | None:
        offered = state.allocatable.get(name, 0)
        if wanted <= offered - used:
            return None
        if name in _PLAIN:
            return _plain_shortage(name, wanted, used, offered)
        if offered == 0:
            return self._absent(name, state)
        if wanted > offered:
            return Obstacle.of("resource_absent", f"has {offered} {name} in all, {wanted} asked for")
        holders = _holders(name, state)
        detail = f"has {offered} {name}, {max(offered - used, 0)} free, {wanted} asked for; taken by {holders}"
        return Obstacle.of("resource_taken", detail)

    def _absent(self, name: str, state: _NodeState) -> Obstacle:
        """Why a node offers none of a resource, by what it says itself; the table knows more of the vendors in it."""
        vendor = self.table.of_resource(name)
        others = sorted(
            item for item, value in state.allocatable.items() if value > 0 and vendor and vendor.devices(item)
        )
        if others:
            sliced = " (its MIG strategy is single)" if _slices_as_whole(placement.node_labels(state.node)) else ""
            return Obstacle.of("resource_absent", f"has no {name}; it offers {', '.join(others)}{sliced}")
        known = sum(
            value for item, value in state.capacity.items() if item == name or (vendor and vendor.devices(item))
        )
        if known:
            what = (vendor.display or vendor.name) if vendor else name
            return Obstacle.of("driver_not_ready", f"has {known} {what} devices, none of them healthy")
        label = self._evidence(vendor, state.node)
        if label:
            detail = f"has the hardware (label {label}), but offers no {name}: driver or device plugin not ready"
            return Obstacle.of("driver_not_ready", detail)
        return Obstacle.of("resource_absent", f"has no {name}")

    def _evidence(self, vendor: Vendor | None, node: Mapping[str, Any]) -> str | None:
        """The label that says that the hardware of a resource is there, whatever the driver does.

        A vendor that is not in the table is whoever's name is not in it either, on a label of ours.
        """
        live = placement.node_labels(node)
        said = next((label for label in (vendor.present if vendor else ()) if is_true(live.get(label))), None)
        if said:
            return said
        for prefix, name in _labelled(live).items():
            if live.get(labels.key(prefix, labels.STATE)) != labels.DRIVER_NOT_READY:
                continue
            if name == vendor.name if vendor else self.table.named(name) is None:
                return f"{labels.key(prefix, labels.STATE)}={labels.DRIVER_NOT_READY}"
        return None


def why_not(
    pod: Mapping[str, Any],
    nodes: Iterable[Mapping[str, Any]],
    pods: Iterable[Mapping[str, Any]],
    table: Table = DEFAULT_TABLE,
) -> dict[str, Any]:
    """Which of *nodes* take *pod* (an object with spec; a template's will do), given all *pods* of the cluster.

    For many pods build one `Cluster` and ask it. Returns::

        fits      names of the nodes that take it, in the order given
        rejected  [{node, reason, detail, also: [{reason, detail}]}]: reason is one of REASONS, the gravest of the
                  node's obstacles; also holds its others
        reason    why no node takes it: the gravest obstacle of the nearest node; None where one fits or there is none
        nearest   the nodes that come closest to taking it; empty where one fits
        requests  {resource: quantity} that the pod asks for in all
        unjudged  fields of the pod that can also keep it waiting and were not looked at
        summary   one sentence

    Raises ValueError where a quantity is none.
    """
    return Cluster(nodes, pods, table).why_not(pod)


def labelled_devices(node: Mapping[str, Any], table: Table = DEFAULT_TABLE) -> set[str]:
    """The resources of a node that stand for devices of a vendor whom *table* does not know, by our labels.

    The labels name the vendor and count the devices. Where they count none of the node's own resources, several make
    up the number together.
    """
    live, status = placement.node_labels(node), node.get("status") or {}
    offered = amounts(status.get("allocatable"))
    candidates = {name: value for name, value in offered.items() if _is_extended(name) and not table.of_resource(name)}
    for prefix, vendor in _labelled(live).items():
        known = table.named(vendor)
        if known is None or not any(known.devices(name) for name in offered):
            count = live.get(labels.key(prefix, labels.COUNT))
            counted = {name for name, value in candidates.items() if str(value) == count}
            return counted or {name for name, value in candidates.items() if value > 0}
    return set()


def _labelled(live: Mapping[str, str]) -> dict[str, str]:
    """Prefix and vendor of the labels that gpu_node wrote, under whatever prefix: it always writes vendor and state."""
    states = (labels.HEALTHY, labels.DRIVER_NOT_READY)
    prefixes = [
        key.rpartition("/")[0] for key, value in live.items() if key.endswith(f"/{labels.STATE}") and value in states
    ]
    return {prefix: live[key] for prefix in prefixes if (key := labels.key(prefix, labels.VENDOR)) in live}


def _is_extended(name: str) -> bool:
    """Whether a resource is none of Kubernetes' own (k8s.io/component-helpers, IsExtendedResourceName)."""
    return "/" in name and "kubernetes.io/" not in name and not name.startswith("requests.")


def _offers_a_device(requests: Amounts, state: _NodeState) -> bool:
    return any(_is_extended(name) and state.allocatable.get(name, 0) > 0 for name in requests)


def _meant(unmet: Sequence[placement.Unmet], state: _NodeState) -> str:
    """What requirements say that ask for a kind of accelerator which the node's is not; "" where they are others."""
    live = placement.node_labels(state.node)
    prefixes = _labelled(live)
    ours = [prefix in prefixes and name for prefix, _slash, name in (item.key.rpartition("/") for item in unmet)]
    if all(name in (labels.MIG, labels.SHARED) for name in ours) and (_slices_as_whole(live) or _shared(live)):
        return "has its accelerators cut up or shared, and whole ones are asked for"
    if all(names_product(item.key) or (name and _KIND.fullmatch(name)) for item, name in zip(unmet, ours, strict=True)):
        return "has another accelerator than asked for"
    return ""


# Labels that tell devices of one vendor apart, beside the product.
_KIND = re.compile(rf"{labels.MEMORY}|{labels.SHARED}|{labels.MIG}(-.+)?")


def _slices_as_whole(live: Mapping[str, str]) -> bool:
    """Whether each of a node's slices is offered as if it were a whole device."""
    return any(live.get(labels.key(prefix, labels.MIG)) == "single" for prefix in _labelled(live))


def _shared(live: Mapping[str, str]) -> bool:
    return any(labels.key(prefix, labels.SHARED) in live for prefix in _labelled(live))


def _state(node: Mapping[str, Any]) -> _NodeState:
    status = node.get("status") or {}
    return _NodeState(
        node=node,
        name=str((node.get("metadata") or {}).get("name")),
        allocatable=amounts(status.get("allocatable")),
        capacity=amounts(status.get("capacity")),
    )


def _identity(pod: Mapping[str, Any]) -> tuple[Any, Any]:
    meta = pod.get("metadata") or {}
    return meta.get("namespace"), meta.get("name")


def _without(pod: Mapping[str, Any], state: _NodeState) -> tuple[Amounts, int]:
    """What others hold of the node: a pod that is already there does not compete with itself."""
    own = next((held for other, held in state.pods if _identity(other) == _identity(pod) and _identity(pod)[1]), None)
    if own is None:
        return state.used, len(state.pods)
    return {name: value - own.get(name, 0) for name, value in state.used.items()}, len(state.pods) - 1


def _readiness(pod: Mapping[str, Any], node: Mapping[str, Any]) -> list[Obstacle]:
    found: list[Obstacle] = []
    spec, status = node.get("spec") or {}, node.get("status") or {}
    if spec.get("unschedulable") and placement.untolerated(pod, [_CORDON_TAINT]):
        found.append(Obstacle.of("unschedulable", "is cordoned (spec.unschedulable)"))
    ready = next((item for item in status.get("conditions") or [] if item.get("type") == "Ready"), None)
    taints = [taint for taint in spec.get("taints") or [] if taint.get("key") in _NOT_READY_TAINTS]
    if ready and ready.get("status") != "True":
        # the node controller taints such a node at once; a snapshot may have caught it before
        key = _NOT_READY_TAINTS[1] if ready.get("status") == "Unknown" else _NOT_READY_TAINTS[0]
        taints.append({"key": key, "effect": "NoSchedule"})
    if placement.untolerated(pod, taints):
        cause = f" ({ready.get('reason')})" if ready and ready.get("status") != "True" and ready.get("reason") else ""
        found.append(Obstacle.of("not_ready", f"is not ready{cause}"))
    return found


def _taints(pod: Mapping[str, Any], node: Mapping[str, Any]) -> list[Obstacle]:
    told_elsewhere = (*_NOT_READY_TAINTS, _CORDON_TAINT["key"])
    spec = node.get("spec") or {}
    taints = [
        taint
        for taint in spec.get("taints") or []
        if taint.get("key") not in told_elsewhere
        or (taint.get("key") == _CORDON_TAINT["key"] and not spec.get("unschedulable"))
    ]
    return [
        Obstacle.of(
            "taint",
            f"has the taint {placement.taint_text(taint)}, which the pod does not tolerate",
            _ROLE_TAINT if str(taint.get("key")).startswith("node-role.kubernetes.io/") else None,
        )
        for taint in placement.untolerated(pod, taints)
    ]


def _pod_count(state: _NodeState, count: int) -> list[Obstacle]:
    allowed = state.allocatable.get("pods", 0)
    if count + 1 <= allowed:
        return []
    return [Obstacle.of("pods", f"runs {count} pods, and {allowed} are allowed", None if allowed else _TOO_SMALL)]


def _plain_shortage(name: str, wanted: int, used: int, offered: int) -> Obstacle:
    def text(value: int) -> str:
        return quantities.for_humans(name, value)

    if wanted > offered:
        detail, distance = f"has {text(offered)} {name} in all, {text(wanted)} asked for", _TOO_SMALL
    else:
        free = text(max(offered - used, 0))
        detail, distance = f"has {free} {name} free of {text(offered)}, {text(wanted)} asked for", None
    return Obstacle.of(_PLAIN[name], detail, distance)


def _holders(name: str, state: _NodeState) -> str:
    held = sorted(
        ((held[name], "/".join(filter(None, _identity(pod)))) for pod, held in state.pods if held.get(name)),
        key=lambda item: (-item[0], item[1]),
    )
    named = [f"{pod} ({value})" for value, pod in held[:NAMED]]
    more = len(held) - len(named)
    return ", ".join([*named, *([f"{more} more"] if more else [])]) or "nobody"


def _ports(pod: Mapping[str, Any], state: _NodeState) -> list[Obstacle]:
    wanted = _host_ports(pod)
    if not wanted:
        return []
    taken = {port for other, _held in state.pods if _identity(other) != _identity(pod) for port in _host_ports(other)}
    clash = sorted(port for address, protocol, port in wanted if _clashes(address, protocol, port, taken))
    return [Obstacle.of("host_port", f"has its host port {port} in use") for port in clash]


def _host_ports(pod: Mapping[str, Any]) -> set[tuple[str, str, int]]:
    spec = pod.get("spec") or {}
    sidecars = [item for item in spec.get("initContainers") or [] if item.get("restartPolicy") == "Always"]
    return {
        (port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", port["hostPort"])
        for container in [*(spec.get("containers") or []), *sidecars]
        for port in container.get("ports") or []
        if port.get("hostPort")
    }


def _clashes(address: str, protocol: str, port: int, taken: set[tuple[str, str, int]]) -> bool:
    return any(
        port == other_port and protocol == other_protocol and (address == other or "0.0.0.0" in (address, other))
        for other, other_protocol, other_port in taken
    )


def _unjudged(pod: Mapping[str, Any]) -> list[str]:
    spec = pod.get("spec") or {}
    affinity = spec.get("affinity") or {}
    checks = {
        "spec.affinity.podAffinity": affinity.get("podAffinity"),
        "spec.affinity.podAntiAffinity": affinity.get("podAntiAffinity"),
        "spec.topologySpreadConstraints": spec.get("topologySpreadConstraints"),
        "spec.resourceClaims": spec.get("resourceClaims"),
        "spec.schedulingGates": spec.get("schedulingGates"),
        "spec.schedulerName": spec.get("schedulerName") not in (None, "", "default-scheduler"),
        "spec.volumes": any("persistentVolumeClaim" in volume for volume in spec.get("volumes") or []),
    }
    return [path for path, used in checks.items() if used]


def _not_meant_far(
    rejected: Sequence[tuple[_NodeState, list[Obstacle]]], fits: Sequence[str]
) -> list[tuple[_NodeState, list[Obstacle]]]:
    """Weigh the pod's own choice of nodes: what it did not choose explains nothing, unless no node is what it chose."""
    chosen = bool(fits) or any(not _missed(obstacles) for _state, obstacles in rejected)
    return [
        (state, sorted((_far(item) if chosen else item for item in obstacles), key=_weight))
        for state, obstacles in rejected
    ]


def _missed(obstacles: Sequence[Obstacle]) -> bool:
    return any(item.reason in _CHOICES for item in obstacles)


def _far(obstacle: Obstacle) -> Obstacle:
    return replace(obstacle, distance=_NOT_MEANT) if obstacle.reason in _CHOICES else obstacle


def _weight(obstacle: Obstacle) -> tuple[int, int]:
    return -obstacle.distance, _RANK[obstacle.reason]


def _distance(obstacles: Sequence[Obstacle]) -> int:
    return sum(obstacle.distance for obstacle in obstacles)


def _nearest(
    rejected: Sequence[tuple[_NodeState, list[Obstacle]]],
) -> list[tuple[_NodeState, list[Obstacle]]]:
    if not rejected:
        return []
    least = min((_distance(obstacles), _RANK[obstacles[0].reason]) for _state, obstacles in rejected)
    return [
        (state, obstacles)
        for state, obstacles in rejected
        if (_distance(obstacles), _RANK[obstacles[0].reason]) == least
    ]


def _rejection(state: _NodeState, obstacles: Sequence[Obstacle]) -> dict[str, Any]:
    first, *rest = obstacles
    return {
        "node": state.name,
        "reason": first.reason,
        "detail": first.detail,
        "also": [{"reason": item.reason, "detail": item.detail} for item in rest],
    }


def _summary(
    fits: Sequence[str],
    rejected: Sequence[tuple[_NodeState, list[Obstacle]]],
    nearest: Sequence[tuple[_NodeState, list[Obstacle]]],
) -> str:
    total = len(fits) + len(rejected)
    if not total:
        return "There is no node to take the pod."
    if fits:
        return f"{len(fits)} of {_nodes(total)} can take the pod: {_names(fits)}."
    opening = "The only node cannot" if total == 1 else f"None of the {total} nodes can"
    state, obstacles = nearest[0]
    parts = [f"{state.name} " + ", and ".join(obstacle.detail for obstacle in obstacles)]
    alike = len(nearest) - 1
    if alike:
        parts.append(f"{alike} more {REASONS[obstacles[0].reason].phrase}")
    close = {id(item) for item, _obstacles in nearest}
    rest = Counter(obstacles[0].reason for item, obstacles in rejected if id(item) not in close)
    parts += [f"{_nodes(rest[reason])} {REASONS[reason].phrase}" for reason in REASONS if rest[reason]]
    return f"{opening} take the pod: {'; '.join(parts)}."


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


def _names(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
