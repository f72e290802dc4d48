# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a pod has no node, or lost it. The event no longer names taints (Kubernetes 1.34): the nodes are read."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import fit, placement
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import Evidence, Finding, Ref, ref_of
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import Case, Workload
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.evidence import (
    condensed,
    in_event,
    in_field,
    message_of,
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

# What Kubernetes itself taints a node for, and the node's condition behind it (TaintNodesByCondition).
_PRESSURE = {
    "node.kubernetes.io/disk-pressure": "DiskPressure",
    "node.kubernetes.io/memory-pressure": "MemoryPressure",
    "node.kubernetes.io/pid-pressure": "PIDPressure",
    "node.kubernetes.io/network-unavailable": "NetworkUnavailable",
    "node.kubernetes.io/out-of-service": "out of service",
}

# What the scheduler's message says of nodes for reasons that Nodes weighs too, or that pass by themselves.
_WEIGHED = re.compile(
    r"untolerated taint|node affinity/selector|didn't match Pod's node affinity|unschedulable|Insufficient |Too many "
    r"pods|free ports|unbound immediate PersistentVolumeClaims"
)
# A provisioner makes a volume within seconds or minutes; the scheduler waits for it for ten (volumebinding, 600 s).
PROVISION_GRACE = 180.0
# A pod that ended longer ago than this, and was replaced since, is history.
RECENT = 600.0
# The nodes are listed at the same moment as the pods: one that joins just then is no missing one.
JOIN_GRACE = 10.0

# The field to change for each code, on the pod.
_FIELDS = {"KS032": "nodeSelector", "KS030": "resources", "KS033": "resources"}


# A container's path without what leads from its pod to it.
_POD_OF = re.compile(r"\.(?:containers\[|model\.)")


def _names_device(resources: Any) -> bool:
    """Whether a container's resources name any that its node must have beside cpu and memory."""
    return any("/" in name for amounts in _amounts(resources) for name in amounts)


def _names_plain(resources: Any) -> bool:
    return any("/" not in name for amounts in _amounts(resources) for name in amounts)


def _amounts(resources: Any) -> list[dict[str, Any]]:
    return [(resources or {}).get(kind) or {} for kind in ("limits", "requests")]


# Whose resources a shortage is about, where a service's are laid over its runtime's name by name.
_SAYS = {"KS030": _names_device, "KS033": _names_plain}

DEFAULT_SCHEDULER = "default-scheduler"
_PROVISIONER = ("volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner")
# Verdicts that freed room would change.
_NO_ROOM = ("KS030", "KS033", "KS125")


class Nodes:
    """The cluster's nodes with what runs on them, indexed once for all pods."""

    def __init__(self, view: snap.View) -> None:
        self.view = view
        self._cluster: fit.Cluster | None = None

    @property
    def seen(self) -> bool:
        return self.view.seen(snap.NODES) and bool(self.view.all(snap.NODES))

    @cached_property
    def labelled_devices(self) -> frozenset[str]:
        """The resources that stand for accelerators of vendors whom only the nodes' labels know."""
        return frozenset().union(*(fit.labelled_devices(node) for node in self.view.all(snap.NODES)))

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
    finding = None
    if verdict and verdict.get("reason") and special is None:
        finding = by_nodes(case, load, pod, verdict, evidence)
    elif not (verdict and verdict["fits"] and special is None and age < _patience(message)):
        finding = _from_message(case, pod, message, special, evidence)
    return finding and (_preempted_before(case, load, pod, finding) or finding)


def _patience(message: str) -> float:
    """How long the scheduler may say no although a node fits: what was in the way may just have gone."""
    return SCHEDULE_GRACE if _unweighed(message) else 4 * SCHEDULE_GRACE


def _unweighed(message: str) -> list[str]:
    """The scheduler's reasons that the nodes do not show: its word is all there is of them, and enough.

    The message is "0/3 nodes are available: 1 <reason>, 2 <reason>. <what preemption would do>", or one reason for all
    (framework.FitError).
    """
    reasons = message.partition("nodes are available: ")[2].partition(". ")[0].rstrip(".")
    return [part for part in re.split(r", (?=\d)", reasons) if part and not _WEIGHED.search(part)]


def _ignored(case: Case, pod: dict[str, Any]) -> Finding:
    """The scheduler has written nothing: it waits for a volume, or none looks at the pod at all."""
    waiting = _provisioning(case, pod)
    if waiting is not None:
        return waiting
    scheduler = (pod.get("spec") or {}).get("schedulerName") or DEFAULT_SCHEDULER
    if scheduler == DEFAULT_SCHEDULER and _places_others(case, pod):
        return case.finding(
            "KS134",
            f"The scheduler has not decided about pod {snap.name_of(pod)} yet, and places other pods.",
            [in_field(pod, "status.conditions[PodScheduled]", "absent")],
        )
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


def _places_others(case: Case, pod: dict[str, Any]) -> bool:
    """Whether the default scheduler has placed a pod since this one was created."""
    created = snap.seconds((pod.get("metadata") or {}).get("creationTimestamp")) or 0.0
    for other in case.view.all(snap.PODS):
        if ((other.get("spec") or {}).get("schedulerName") or DEFAULT_SCHEDULER) != DEFAULT_SCHEDULER:
            continue
        placed = podstate.condition(other, "PodScheduled")
        if placed.get("status") == "True" and (snap.seconds(placed.get("lastTransitionTime")) or 0.0) > created:
            return True
    return False


def _claims(case: Case, pod: dict[str, Any]) -> list[dict[str, Any]]:
    """The pod's claims that were seen."""
    names = [
        (volume.get("persistentVolumeClaim") or {}).get("claimName")
        for volume in (pod.get("spec") or {}).get("volumes") or []
    ]
    return [claim for name in names if name and (claim := case.view.get(snap.PVCS, case.namespace, name)) is not None]


def _provisioning(case: Case, pod: dict[str, Any]) -> Finding | None:
    """The scheduler has chosen a node and waits until the claim's volume is made there (volumebinding, PreBind)."""
    for claim in _claims(case, pod):
        if (claim.get("status") or {}).get("phase") != "Pending":
            continue
        notes = snap.annotations_of(claim)
        provisioner = next((notes[name] for name in _PROVISIONER if notes.get(name)), None)
        age = case.view.age((pod.get("metadata") or {}).get("creationTimestamp")) or 0.0
        name = snap.name_of(claim)
        who = f"provisioner {provisioner}" if provisioner else "its volume"
        evidence = [in_field(claim, "status.phase", "Pending")]
        evidence += [in_event(event) for event in case.view.events_of(claim)[:2]]
        said = next((message_of(event) for event in case.view.events_of(claim) if event.get("type") == "Warning"), "")
        detail = f" ({condensed(said).rstrip('.')})" if said else ""
        late = age > PROVISION_GRACE
        return case.finding(
            "KS041" if late else "KS134",
            f"Pod {snap.name_of(pod)} waits since {age:.0f} s for PersistentVolumeClaim {name}, which waits for {who}"
            f"{detail}.",
            evidence,
            f"See why {who} does not come: its pods and their logs." if late else None,
            object=ref_of(claim) if late else None,
            command=f"kubectl -n {case.namespace} describe pvc {name}",
        )
    return None


def _preempted_before(case: Case, load: Workload, pod: dict[str, Any], finding: Finding) -> Finding | None:
    """A pod of higher priority took the place of this one's predecessor: that is why there is no room.

    The victim is deleted; what remains is its event, which names the winner by uid (preemption.go, prepareCandidate).
    """
    replicaset = snap.name_of(load.replicaset or {})
    if finding.code not in _NO_ROOM or not replicaset:
        return None
    event = next((item for item in _preemptions(case) if _victim(item).startswith(f"{replicaset}-")), None)
    if event is None:
        return None
    return case.finding(
        "KS122",
        f"Pod {_victim(event)} had to make room for {_winner(case, event)}, and its replacement finds none: "
        f"{finding.cause}",
        [in_event(event), *finding.evidence],
        severity=finding.severity,
        key=replicaset,
    )


def _preemptions(case: Case) -> list[dict[str, Any]]:
    return [
        event
        for event in case.view.within(snap.EVENTS, case.namespace)
        if event.get("reason") == "Preempted" and (case.view.age(snap.event_time(event)) or 0.0) < RECENT * 6
    ]


def _victim(event: dict[str, Any]) -> str:
    return str((event.get("involvedObject") or event.get("regarding") or {}).get("name") or "")


def _winner(case: Case, event: dict[str, Any]) -> str:
    """The pod that the event names by its uid, where it was seen."""
    message = message_of(event)
    for key in (snap.OTHER_PODS, snap.PODS):
        for other in case.view.all(key):
            uid = (other.get("metadata") or {}).get("uid")
            if uid and str(uid) in message:
                priority = (other.get("spec") or {}).get("priorityClassName")
                suffix = f" (priority class {priority})" if priority else ""
                return f"pod {snap.namespace_of(other)}/{snap.name_of(other)}{suffix}"
    return "a pod of higher priority"


def _by_message(message: str, wanted: tuple[str, ...] | None = None) -> str | None:
    for pattern, code in _MESSAGES:
        if re.search(pattern, message) and (wanted is None or code in wanted):
            return code
    return None


def _from_message(
    case: Case, pod: dict[str, Any], message: str, special: str | None, evidence: list[Evidence]
) -> Finding:
    # What keeps a pod off nodes that could take it decides, not what keeps it off the others.
    code = special or _by_message(" ".join(_unweighed(message)) or message) or "KS125"
    cause = f"Pod {snap.name_of(pod)} has no node: {message.rstrip('.')}."
    if code == "KS124":
        cause += _volume_hint(case, pod)
    if code == "KS123":
        cause += f" The rule is {_spread_rule(pod)}."
    if "ReadWriteOncePod" in message:
        cause += _claim_holders(case, pod)
    origin, path = _target(case, code, pod)
    return case.finding(code, cause, evidence, object=origin, key=path)


def _claim_holders(case: Case, pod: dict[str, Any]) -> str:
    """Who has the claim that only one pod may use."""
    alone = {snap.name_of(claim) for claim in _claims(case, pod) if _for_one_pod(claim)}
    for other in case.view.within(snap.PODS, case.namespace):
        if snap.name_of(other) == snap.name_of(pod) or not podstate.scheduled(other):
            continue
        held = sorted(alone & {snap.name_of(claim) for claim in _claims(case, other)})
        if held:
            return f" Claim {held[0]} is ReadWriteOncePod, and pod {snap.name_of(other)} has it."
    return ""


def _for_one_pod(claim: dict[str, Any]) -> bool:
    return "ReadWriteOncePod" in ((claim.get("spec") or {}).get("accessModes") or [])


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
    case: Case,
    load: Workload,
    pod: dict[str, Any],
    verdict: dict[str, Any],
    evidence: list[Evidence],
    no_node: str | None = None,
) -> Finding:
    """The finding for a verdict of accelerator.fit: which node comes nearest, and what is in its way.

    no_node: how the cause begins; by default "Pod … has no node".
    """
    code = _CODES.get(str(verdict["reason"]), "KS125")
    nearest = _nearest(case, verdict)
    pressure = _under_pressure(pod, nearest) if code == "KS031" and nearest else ""
    if pressure:
        code = "KS147"
    wanted = ", ".join(f"{value} {name}" for name, value in (verdict.get("requests") or {}).items())
    summary = str(verdict["summary"]).rstrip(".")
    cause = f"{no_node or f'Pod {snap.name_of(pod)} has no node'}. {summary}.{pressure}"
    if wanted and code in ("KS030", "KS033"):
        cause += f" The pod asks for {wanted}."
    if code in ("KS030", "KS033"):
        cause += _deadlock(load, verdict)
    for item in _near_first(verdict)[:4]:
        node = case.view.get(snap.NODES, None, item["node"])
        if node is not None:
            details = "; ".join([item["detail"], *(also["detail"] for also in item.get("also") or [])])
            evidence.append(on_node(node, f"{item['node']} {details}"))
    # A node's own state is one fault, however many services wait for it.
    origin, path = (ref_of(nearest), "") if code in _OF_NODES and nearest else _target(case, code, pod)
    remedy, command = _advice(case, code, verdict, origin, path)
    return case.finding(code, cause, evidence, remedy, object=origin, command=command, key=path)


_OF_NODES = ("KS110", "KS111", "KS147")


def _nearest(case: Case, verdict: dict[str, Any]) -> dict[str, Any] | None:
    """The node that comes closest to taking the pod; the first by name, so that services agree on it."""
    names = sorted(verdict.get("nearest") or [])
    return case.view.get(snap.NODES, None, names[0]) if names else None


def _under_pressure(pod: dict[str, Any], node: dict[str, Any]) -> str:
    """What Kubernetes tainted the node for: its trouble is to be ended, not tolerated."""
    taints = placement.untolerated(pod, (node.get("spec") or {}).get("taints") or [])
    known = [_PRESSURE[str(taint.get("key"))] for taint in taints if str(taint.get("key")) in _PRESSURE]
    if not known or len(known) < len(taints):
        return ""
    said = [
        condensed(str(condition.get("message") or ""))
        for kind in known
        if (condition := podstate.condition(node, kind)).get("status") == "True"
    ]
    detail = f": {'; '.join(text for text in said if text).rstrip('.')}" if any(said) else ""
    return f" Kubernetes keeps new pods off node {snap.name_of(node)} because it reports {', '.join(known)}{detail}."


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
    if code == "KS031":
        return _tolerating(case, pod)
    name = _FIELDS.get(code)
    if name == "resources":
        return case.origin(name, counts=_SAYS[code])
    if name == "nodeSelector" and not (pod.get("spec") or {}).get("nodeSelector"):
        name = "affinity"
    if name:
        return case.pod_origin(name)
    return case.ref, ""


def _tolerating(case: Case, pod: dict[str, Any]) -> tuple[Ref, str]:
    """Where a toleration belongs: to what sets some already, else to what sends the pod to such nodes.

    The runtime's own resources, selector or tolerations make it one fault for all of its services.
    """
    for name in ("tolerations", "nodeSelector", "affinity"):
        origin, path = case.pod_origin(name)
        if case.predictor.get(name) or origin != case.ref:
            return origin, path.replace(name, "tolerations")
    origin, path = case.origin("resources", counts=_names_device)
    return origin, f"{_POD_OF.split(path)[0]}.tolerations"


def _advice(case: Case, code: str, verdict: dict[str, Any], origin: Ref, path: str) -> tuple[str | None, str | None]:
    nearest = min(verdict.get("nearest") or ["<node>"])
    if code == "KS147":
        return (
            f"Free what node {nearest} is short of; the taint goes away by itself.",
            f"kubectl describe node {nearest}",
        )
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
    alike = [other for other in load.pods if (other.get("status") or {}).get("reason") == reason]
    if load.complete:
        # What was replaced long ago is history; what happens again and again is not over.
        alike = [other for other in alike if _ended(case, other) < RECENT]
    again = len(alike)
    if load.complete and (again < 2 or pod not in alike):
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


def _ended(case: Case, pod: dict[str, Any]) -> float:
    """For how many seconds a pod has been over."""
    times = [
        str(item.terminated["finishedAt"]) for item in podstate.containers(pod) if item.terminated.get("finishedAt")
    ]
    for kind in ("DisruptionTarget", "Ready"):
        times.append(str(podstate.condition(pod, kind).get("lastTransitionTime") or ""))
    times.append(str((pod.get("metadata") or {}).get("creationTimestamp") or ""))
    known = [moment for text in times if (moment := snap.seconds(text)) is not None]
    return case.view.now - max(known) if known else 0.0


def node_lost(case: Case, load: Workload, pod: dict[str, Any]) -> Finding | None:
    """The node under a pod stopped answering: the pod's own state is stale."""
    node = case.view.get(snap.NODES, None, podstate.node(pod)) if podstate.node(pod) else None
    if podstate.phase(pod) in ("Succeeded", "Failed"):
        return None
    if node is None:
        return _no_such_node(case, pod)
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


def _no_such_node(case: Case, pod: dict[str, Any]) -> Finding | None:
    """The pod names a node that is not there: nothing runs it, and Kubernetes deletes it within a minute (PodGC)."""
    name = podstate.node(pod)
    if not name or not case.view.seen(snap.NODES) or not case.view.all(snap.NODES):
        return None
    named = case.predictor.get("nodeName") == name
    age = case.view.age((pod.get("metadata") or {}).get("creationTimestamp")) or 0.0
    if not named and age < JOIN_GRACE:
        return None
    known = ", ".join(sorted(snap.name_of(item) for item in case.view.all(snap.NODES))[:8])
    why = f", which spec.predictor.nodeName of {case.ref} asks for" if named else ""
    return case.finding(
        "KS110",
        f"Pod {snap.name_of(pod)} is assigned to node {name}{why}, and there is no such node. The cluster has {known}.",
        [in_field(pod, "spec.nodeName", name)],
        f"Remove spec.predictor.nodeName of {case.ref}, or name a node that exists."
        if named
        else f"Delete the pod, so that it is placed elsewhere, if node {name} does not come back.",
        object=case.ref if named else Ref("v1", "Node", None, name),
        title="The node of the pod does not exist",
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
