# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a pod has no node, or lost it. The event no longer names taints (Kubernetes 1.34): the nodes are read."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import fit
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import Evidence, Finding, Ref, ref_of
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import Case, Workload
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.evidence import (
    condensed,
    in_event,
    in_field,
    on_node,
)

# A scheduler looks at a new pod within seconds; an extended resource may take a moment to be freed.
SCHEDULE_GRACE = 15.0

_CODES = {
    "resource_taken": "KS030",
    "resource_absent": "KS030",
    "driver_not_ready": "KS030",
    "wrong_product": "KS030",
    "taint": "KS031",
    "selector": "KS032",
    "affinity": "KS032",
    "cpu": "KS033",
    "memory": "KS033",
    "ephemeral_storage": "KS033",
    "unschedulable": "KS111",
    "not_ready": "KS110",
    "pods": "KS125",
    "host_port": "KS125",
}

# What the scheduler's own message tells where the nodes cannot be read, or do not explain it.
_MESSAGES: tuple[tuple[str, str], ...] = (
    (r"volume node affinity conflict|no available volume zone|volume zone", "KS124"),
    (r"pod affinity|pod anti-affinity|topology spread", "KS123"),
    (r"untolerated taint", "KS031"),
    (r"node affinity/selector|node\(s\) didn't match", "KS032"),
    (r"unschedulable", "KS111"),
    (r"Insufficient (?:cpu|memory|ephemeral-storage)", "KS033"),
    (r"Insufficient \S+", "KS030"),
)

# The field to change for each code, on the pod.
_FIELDS = {"KS031": "tolerations", "KS032": "nodeSelector", "KS030": "resources", "KS033": "resources"}


class Nodes:
    """The cluster's nodes with what runs on them, indexed once for all pods."""

    def __init__(self, view: snap.View) -> None:
        self.view = view
        self._cluster: fit.Cluster | None = None

    @property
    def seen(self) -> bool:
        return self.view.seen(snap.NODES) and bool(self.view.all(snap.NODES))

    def why_not(self, pod: dict[str, Any]) -> dict[str, Any]:
        if self._cluster is None:
            known = {(snap.namespace_of(pod), snap.name_of(pod)): pod for pod in self.view.all(snap.OTHER_PODS)}
            known.update({(snap.namespace_of(pod), snap.name_of(pod)): pod for pod in self.view.all(snap.PODS)})
            self._cluster = fit.Cluster(self.view.all(snap.NODES), known.values())
        return self._cluster.why_not(pod)


def gated(case: Case, load: Workload, pod: dict[str, Any]) -> Finding | None:
    """Row 34: a scheduling gate; before every other look at the scheduler."""
    gates = [str(gate.get("name")) for gate in (pod.get("spec") or {}).get("schedulingGates") or []]
    if not gates or podstate.scheduled(pod):
        return None
    condition = podstate.condition(pod, "PodScheduled")
    cause = f"Pod {snap.name_of(pod)} waits for the scheduling gate {', '.join(gates)} to be removed."
    queue = snap.labels_of(pod).get("kueue.x-k8s.io/queue-name")
    if queue:
        cause += f" Its Kueue queue is {queue}."
    evidence = [in_field(pod, "spec.schedulingGates", ", ".join(gates))]
    if condition:
        evidence.append(in_field(pod, "status.conditions[PodScheduled]", condition.get("message") or "SchedulingGated"))
    return case.finding("KS034", cause, evidence, key=",".join(gates))


def unscheduled(case: Case, load: Workload, pod: dict[str, Any], nodes: Nodes) -> Finding | None:
    """Rows 30 to 33: the scheduler finds no node."""
    condition = podstate.condition(pod, "PodScheduled")
    if podstate.scheduled(pod) or podstate.phase(pod) in ("Succeeded", "Failed"):
        return None
    age = case.view.age((pod.get("metadata") or {}).get("creationTimestamp")) or 0.0
    if not condition or condition.get("status") != "False":
        return _ignored(case, pod) if age > 2 * SCHEDULE_GRACE else None
    message = condensed(str(condition.get("message") or ""))
    evidence = [in_field(pod, "status.conditions[PodScheduled]", message)]
    special = _by_message(message, ("KS124", "KS123"))
    verdict = nodes.why_not(pod) if nodes.seen else None
    if verdict and verdict.get("reason") and special is None:
        return by_nodes(case, load, pod, verdict, evidence)
    if verdict and verdict["fits"] and special is None and age < 4 * SCHEDULE_GRACE:
        return None
    return _from_message(case, pod, message, special, evidence)


def _ignored(case: Case, pod: dict[str, Any]) -> Finding:
    scheduler = (pod.get("spec") or {}).get("schedulerName") or "default-scheduler"
    origin, path = case.pod_origin("schedulerName")
    cause = (
        f"No scheduler has looked at pod {snap.name_of(pod)}: it names the scheduler {scheduler}, which does not run."
    )
    return case.finding(
        "KS126",
        cause,
        [in_field(pod, "spec.schedulerName", scheduler)],
        f"Set {path} of {origin} to a scheduler that runs (default-scheduler), or start {scheduler}.",
        object=origin,
        key=scheduler,
    )


def _by_message(message: str, wanted: tuple[str, ...] | None = None) -> str | None:
    for pattern, code in _MESSAGES:
        if re.search(pattern, message) and (wanted is None or code in wanted):
            return code
    return None


def _from_message(
    case: Case, pod: dict[str, Any], message: str, special: str | None, evidence: list[Evidence]
) -> Finding:
    code = special or _by_message(message) or "KS125"
    cause = f"Pod {snap.name_of(pod)} has no node: {message.rstrip('.')}."
    if code == "KS124":
        cause += _volume_hint(case, pod)
    if code == "KS123":
        cause += f" The rule is {_spread_rule(pod)}."
    origin, path = _target(case, code, pod)
    return case.finding(code, cause, evidence, object=origin, key=path)


def _volume_hint(case: Case, pod: dict[str, Any]) -> str:
    for volume in (pod.get("spec") or {}).get("volumes") or []:
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        found = case.view.get(snap.PVCS, case.namespace, claim) if claim else None
        volume_name = ((found or {}).get("spec") or {}).get("volumeName")
        bound = case.view.get(snap.PVS, None, volume_name) if volume_name else None
        terms = (((bound or {}).get("spec") or {}).get("nodeAffinity") or {}).get("required") or {}
        if terms:
            wanted = "; ".join(
                f"{rule.get('key')} {rule.get('operator')} {', '.join(rule.get('values') or [])}"
                for term in terms.get("nodeSelectorTerms") or []
                for rule in term.get("matchExpressions") or []
            )
            return f" Volume {volume_name} of claim {claim} can only be used where {wanted}."
    return ""


def _spread_rule(pod: dict[str, Any]) -> str:
    spec = pod.get("spec") or {}
    affinity = spec.get("affinity") or {}
    for name in ("podAntiAffinity", "podAffinity"):
        for term in (affinity.get(name) or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or []:
            selector = (term.get("labelSelector") or {}).get("matchLabels") or term.get("labelSelector") or {}
            return f"{name} on {term.get('topologyKey')} for pods with {_pairs(selector)}"
    for item in spec.get("topologySpreadConstraints") or []:
        return f"topologySpreadConstraints on {item.get('topologyKey')} with maxSkew {item.get('maxSkew')}"
    return "in the pod's affinity"


def _pairs(labels: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or "any label"


def by_nodes(
    case: Case, load: Workload, pod: dict[str, Any], verdict: dict[str, Any], evidence: list[Evidence]
) -> Finding:
    """The finding for a verdict of accelerator.fit: which node comes nearest, and what is in its way."""
    code = _CODES.get(str(verdict["reason"]), "KS125")
    wanted = ", ".join(f"{value} {name}" for name, value in (verdict.get("requests") or {}).items())
    summary = str(verdict["summary"]).rstrip(".")
    cause = f"Pod {snap.name_of(pod)} has no node. {summary}."
    if wanted and code in ("KS030", "KS033"):
        cause += f" The pod asks for {wanted}."
    if code in ("KS030", "KS033"):
        cause += _deadlock(load, verdict)
    for item in _near_first(verdict)[:4]:
        node = case.view.get(snap.NODES, None, item["node"])
        if node is not None:
            details = "; ".join([item["detail"], *(also["detail"] for also in item.get("also") or [])])
            evidence.append(on_node(node, f"{item['node']} {details}"))
    origin, path = _target(case, code, pod)
    remedy, command = _advice(case, code, verdict, origin, path)
    return case.finding(code, cause, evidence, remedy, object=origin, command=command, key=path)


def _near_first(verdict: dict[str, Any]) -> list[dict[str, Any]]:
    near = set(verdict.get("nearest") or [])
    return sorted(verdict.get("rejected") or [], key=lambda item: item["node"] not in near)


def _deadlock(load: Workload, verdict: dict[str, Any]) -> str:
    """A rolling update that waits for what the service's own old pods hold never ends."""
    if verdict.get("reason") not in ("resource_taken", "cpu", "memory"):
        return ""
    holders = [snap.name_of(pod) for pod in load.old_pods if podstate.scheduled(pod)]
    if not holders:
        return ""
    return (
        f" The service's own previous pod {holders[0]} holds some of it, and the rolling update removes it only when "
        "the new one is ready."
    )


def _target(case: Case, code: str, pod: dict[str, Any]) -> tuple[Ref, str]:
    name = _FIELDS.get(code)
    if name == "resources":
        return case.origin(name)
    if name == "nodeSelector" and not (pod.get("spec") or {}).get("nodeSelector"):
        name = "affinity"
    if name:
        return case.pod_origin(name)
    return case.ref, ""


def _advice(case: Case, code: str, verdict: dict[str, Any], origin: Ref, path: str) -> tuple[str | None, str | None]:
    nearest = (verdict.get("nearest") or ["<node>"])[0]
    if code == "KS031":
        node = case.view.get(snap.NODES, None, nearest) or {}
        taints = [
            f"{taint.get('key')}={taint.get('value')}:{taint.get('effect')}".replace("=None:", ":")
            for taint in (node.get("spec") or {}).get("taints") or []
        ]
        return (
            f"Add a toleration for {', '.join(taints) or 'the taint'} to {path} of {origin}, or remove the taint from "
            f"node {nearest}.",
            f"kubectl taint node {nearest} {taints[0]}-" if taints else None,
        )
    if code == "KS032":
        return f"Correct {path} of {origin}, or give a node the labels that it asks for.", None
    if code == "KS111":
        return f"Uncordon node {nearest}.", f"kubectl uncordon {nearest}"
    if code in ("KS030", "KS033"):
        return f"Ask for less in {path} of {origin}, free what other pods hold, or add a node that has it.", None
    return None, None


def evicted(case: Case, load: Workload, pod: dict[str, Any]) -> Finding | None:
    """Row 35: the kubelet evicted or rejected the pod; counts while nothing replaces it, or when it happens again."""
    status = pod.get("status") or {}
    reason = str(status.get("reason") or "")
    if podstate.phase(pod) != "Failed" or not reason:
        return None
    again = sum(1 for other in load.pods if (other.get("status") or {}).get("reason") == reason)
    if load.complete and again < 2:
        return None
    message = condensed(str(status.get("message") or "")).rstrip(".")
    node = case.view.get(snap.NODES, None, podstate.node(pod)) if podstate.node(pod) else None
    pressure = [
        str(item.get("type"))
        for item in ((node or {}).get("status") or {}).get("conditions") or []
        if str(item.get("type")).endswith("Pressure") and item.get("status") == "True"
    ]
    gone = reason in ("Evicted", "Preempting", "NodeShutdown", "Terminated")
    does = "was evicted from" if gone else f"was rejected ({reason}) by"
    cause = f"Pod {snap.name_of(pod)} {does} node {podstate.node(pod)}: {message or reason}."
    if again > 1:
        cause += f" That happened to {again} pods."
    if pressure:
        cause += f" The node reports {', '.join(pressure)}."
    return case.finding("KS035" if gone else "KS125", cause, [in_field(pod, "status.message", message or reason)])


def node_lost(case: Case, load: Workload, pod: dict[str, Any]) -> Finding | None:
    """The node under a pod stopped answering: the pod's own state is stale."""
    node = case.view.get(snap.NODES, None, podstate.node(pod)) if podstate.node(pod) else None
    if node is None or podstate.phase(pod) in ("Succeeded", "Failed"):
        return None
    condition = podstate.condition(node, "Ready")
    if not condition or condition.get("status") == "True":
        return None
    message = condensed(str(condition.get("message") or condition.get("reason") or ""))
    cause = f"Node {snap.name_of(node)}, where pod {snap.name_of(pod)} runs, is not ready: {message.rstrip('.')}."
    return case.finding(
        "KS110",
        cause,
        [on_node(node, f"Ready is {condition.get('status')}: {message}", "status.conditions[Ready]")],
        object=ref_of(node),
        command=f"kubectl describe node {snap.name_of(node)}",
    )


def preempted(case: Case, load: Workload, pod: dict[str, Any]) -> Finding | None:
    """A pod of higher priority took the place, and nothing has replaced this one yet."""
    condition = podstate.condition(pod, "DisruptionTarget")
    if condition.get("status") != "True" or "Preempt" not in str(condition.get("reason")) or load.complete:
        return None
    events = [event for event in case.view.events_of(pod) if event.get("reason") == "Preempted"]
    message = condensed(str(condition.get("message") or ""))
    return case.finding(
        "KS122",
        f"Pod {snap.name_of(pod)} had to make room: {message}",
        [in_field(pod, "status.conditions[DisruptionTarget]", message), *[in_event(event) for event in events[:1]]],
    )
