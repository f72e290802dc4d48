# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work of gpu_node: read the nodes once, plan each, write only what differs.

Machine sets come before nodes: what a Machine still says would be put back on its node.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import (
    labels,
    machine_sets,
    nodes,
    owned,
    profiles,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, pool, reconcile
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import (
    NAMESPACE,
    NODE,
    Resource,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import FIELD_MANAGER

MACHINE_SET = Resource(*machine_sets.MACHINE_SET)
MACHINE = Resource(*machine_sets.MACHINE)

ATTEMPTS = 10
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0


@dataclass(frozen=True)
class Task:
    """What the module was asked to do, beside what its options say of each node."""

    options: nodes.Options
    selector: str | None = None
    with_machine_sets: bool = False
    machine_sets_namespace: str = machine_sets.NAMESPACE
    with_profiles: bool = False
    profiles_namespace: str | None = None
    force_conflicts: bool = False
    workers: int = 8
    check_mode: bool = False


@dataclass
class Outcome:
    """The module's result as it grows; ``plain`` is what is returned, failure or not."""

    nodes: list[dict[str, Any]] = field(default_factory=list)
    machine_sets: list[dict[str, Any]] = field(default_factory=list)
    profiles: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [*self.machine_sets, *self.nodes, *self.profiles]

    def plain(self) -> dict[str, Any]:
        return {
            "changed": any(item["changed"] for item in self.entries),
            "results": self.nodes,
            "machine_sets": self.machine_sets,
            "profiles": self.profiles,
            "summary": self.summary,
        }

    def diff(self) -> list[dict[str, Any]]:
        """For Ansible's diff mode."""
        return [_diff(item) for item in self.entries if item["changed"]]

    def failures(self) -> list[str]:
        return [item["error"]["message"] for item in self.entries if item["error"]]


def run(client: Client, task: Task, outcome: Outcome) -> None:
    """Do the task; *outcome* holds what was done, also when an error ends it early."""
    live = _list_nodes(client, task)
    sets = _plan_sets(client, task, live, outcome) if task.with_machine_sets else []
    inherited = {name: item.record for item in sets for name in item.nodes}
    plans = [nodes.plan(node, task.options, inherited.get(node["metadata"]["name"], owned.NOTHING)) for node in live]
    _write_sets(client, task, sets, outcome)
    outcome.nodes += _write_nodes(client, task, plans)
    outcome.summary.update(_summary(plans, outcome.nodes))
    outcome.warnings += _warnings(plans)
    if task.with_profiles:
        found = [plan.accelerator for plan in plans if plan.accelerator and not plan.skipped]
        outcome.profiles += _profiles(client, task, found, outcome)


def _list_nodes(client: Client, task: Task) -> list[dict[str, Any]]:
    names = task.options.names
    single = f"metadata.name={names[0]}" if len(names) == 1 else None
    found = client.list(NODE, label_selector=task.selector, field_selector=single)
    missing = sorted(set(names) - {node["metadata"]["name"] for node in found})
    if missing and task.options.present:
        where = f" that match the selector {task.selector}" if task.selector else ""
        raise errors.NotFound(
            f"There is no node {', '.join(missing)} among those{where or ' of the cluster'}: check `nodes`."
        )
    return [node for node in found if not names or node["metadata"]["name"] in names]


# -- writing, with others writing too ---------------------------------------------------------------------------


def _persistently(
    client: Client,
    resource: Resource,
    name: str,
    namespace: str | None,
    patch: Mapping[str, Any] | None,
    again: Callable[[dict[str, Any]], Mapping[str, Any] | None],
    *,
    dry_run: bool,
) -> str:
    """Send *patch*; where the object changed meanwhile, read it, plan anew with *again*, and try again.

    Returns ``change``, ``unchanged`` (somebody else did the same) or ``gone``.
    """
    for attempt in range(ATTEMPTS):
        if patch is None:
            return "unchanged"
        try:
            client.patch(resource, name, patch, namespace, dry_run=dry_run)
            return "change"
        except errors.NotFound:
            return "gone"
        except errors.Conflict:
            if attempt == ATTEMPTS - 1:
                raise
        # others retry too: at random, so that they do not meet again
        time.sleep(random.uniform(0.5, 1.5) * min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE))
        live = client.get(resource, name, namespace)
        if live is None:
            return "gone"
        patch = again(live)
    raise AssertionError("unreachable")


def _write_nodes(client: Client, task: Task, plans: Sequence[nodes.Plan]) -> list[dict[str, Any]]:
    latest = {plan.name: plan for plan in plans}

    def write(plan: nodes.Plan) -> str:
        def again(live: dict[str, Any]) -> Mapping[str, Any] | None:
            latest[plan.name] = nodes.plan(live, task.options, plan.inherited)
            return latest[plan.name].patch

        return _persistently(client, NODE, plan.name, None, plan.patch, again, dry_run=task.check_mode)

    todo = [plan for plan in plans if plan.patch]
    answers = dict(zip((plan.name for plan in todo), pool.each(write, todo, task.workers), strict=True))
    # of a thousand nodes without devices there is nothing to tell
    told = [plan for plan in plans if plan.accelerator or plan.patch or plan.name in task.options.names]
    return [_node_entry(latest[plan.name], answers.get(plan.name)) for plan in told]


def _node_entry(plan: nodes.Plan, answer: pool.Result[str] | None) -> dict[str, Any]:
    entry = _entry("Node", plan.name, None, plan.change, answer)
    if plan.skipped:
        entry["action"] = "skipped"
    return {**entry, "skipped": plan.skipped, "accelerator": plan.accelerator.plain() if plan.accelerator else None}


def _entry(
    kind: str, name: str, namespace: str | None, change: owned.Change | None, answer: pool.Result[str] | None
) -> dict[str, Any]:
    """One object's part of the result."""
    nothing: dict[str, Any] = {"labels": {}, "taints": []}
    action = (answer.value or "change") if answer else "unchanged"
    error = answer.error if answer else None
    return {
        "kind": kind,
        "name": name,
        "namespace": namespace,
        "action": action,
        "changed": action == "change" and error is None,
        "before": nothing if change is None else change.before,
        "after": nothing if change is None else change.after,
        "error": {"reason": error.reason, "message": str(error)} if error else None,
    }


def _diff(entry: Mapping[str, Any]) -> dict[str, Any]:
    where = f"{entry['namespace']}/" if entry["namespace"] else ""
    header = f"{entry['kind']} {where}{entry['name']}"
    return {
        "before_header": header,
        "after_header": header,
        "before": entry["before"],
        "after": entry["after"],
    }


# -- machine sets -----------------------------------------------------------------------------------------------


def _plan_sets(
    client: Client, task: Task, live: Sequence[dict[str, Any]], outcome: Outcome
) -> list[machine_sets.SetPlan]:
    try:
        sets = client.list(MACHINE_SET, task.machine_sets_namespace)
        machines = client.list(MACHINE, task.machine_sets_namespace) if sets else []
    except errors.ApiMissing:
        outcome.warnings.append("The cluster does not serve MachineSets (machine.openshift.io): none was labelled.")
        return []
    members = machine_sets.members(machines)
    by_name = {node["metadata"]["name"]: node for node in live}
    return [machine_sets.plan(item, members.get(item["metadata"]["name"], []), by_name, task.options) for item in sets]


def _write_sets(client: Client, task: Task, sets: Sequence[machine_sets.SetPlan], outcome: Outcome) -> None:
    def write(plan: machine_sets.SetPlan) -> str:
        for machine, patch in plan.machines:
            _write_machine(client, plan.namespace, machine, patch, task.check_mode)
        return _persistently(
            client, MACHINE_SET, plan.name, plan.namespace, plan.patch, _give_up, dry_run=task.check_mode
        )

    told = [plan for plan in sets if plan.change is not None and (plan.vendor or plan.patch)]
    todo = [plan for plan in told if plan.patch]
    answers = dict(zip((plan.name for plan in todo), pool.each(write, todo, task.workers), strict=True))
    for plan in told:
        entry = _entry("MachineSet", plan.name, plan.namespace, plan.change, answers.get(plan.name))
        outcome.machine_sets.append({**entry, "vendor": plan.vendor})


def _write_machine(client: Client, namespace: str, name: str, patch: Mapping[str, Any], dry_run: bool) -> None:
    _persistently(client, MACHINE, name, namespace, patch, _give_up, dry_run=dry_run)


def _give_up(live: dict[str, Any]) -> Mapping[str, Any] | None:
    """Machine sets are planned together with their nodes: a second look at one alone does not do."""
    raise errors.Conflict(
        f"Cannot change {live['kind']} {live['metadata']['name']}: it was changed meanwhile: run the task again."
    )


# -- profiles ---------------------------------------------------------------------------------------------------


def _profiles(client: Client, task: Task, found: Sequence[nodes.Accelerator], outcome: Outcome) -> list[dict[str, Any]]:
    kinds = profiles.kinds(lambda kind: _served(client, kind))
    if not kinds:
        outcome.warnings.append("The cluster serves neither HardwareProfile nor AcceleratorProfile: none was written.")
        return []
    namespace = task.profiles_namespace or _dashboard_namespace(client)
    wanted = [item for kind in kinds for item in _wanted_profiles(client, task, kind, namespace, found)]
    settings = reconcile.Settings(manager=FIELD_MANAGER, force_conflicts=task.force_conflicts, workers=task.workers)
    changes = reconcile.ensure(client, wanted, settings, check_mode=task.check_mode)
    return [_profile_entry(change) for change in changes]


def _wanted_profiles(
    client: Client,
    task: Task,
    kind: tuple[str, str, str, bool],
    namespace: str,
    found: Sequence[nodes.Accelerator],
) -> list[reconcile.Wanted]:
    resource = Resource(*kind)
    if task.options.present:
        bodies = [profiles.build(kind, offer, task.options, namespace) for offer in profiles.offers(found)]
        return [reconcile.Wanted(resource, body["metadata"]["name"], namespace, body) for body in bodies]
    ours = ",".join(f"{key}={value}" for key, value in profiles.MANAGED_BY.items())
    live = client.list(resource, namespace, label_selector=ours)
    return [reconcile.Wanted(resource, item["metadata"]["name"], namespace, None) for item in live]


def _served(client: Client, kind: tuple[str, str, str, bool]) -> bool:
    api_version, _kind, plural, _namespaced = kind
    path = f"/apis/{api_version}"
    answer = client.raw("GET", path)
    if answer.status == 404:
        return False
    if answer.status != 200:
        raise errors.from_response(answer.status, answer.body, action="read", what=path)
    return f'"name":"{plural}"' in answer.body.decode().replace(" ", "")


def _dashboard_namespace(client: Client) -> str:
    for name in profiles.NAMESPACES:
        if client.get(NAMESPACE, name):
            return name
    raise errors.NotFound(
        f"None of the namespaces {', '.join(profiles.NAMESPACES)} exists: name the dashboard's in `profiles_namespace`."
    )


def _profile_entry(change: reconcile.Change) -> dict[str, Any]:
    wanted, error = change.wanted, change.error
    return {
        "kind": wanted.resource.kind,
        "api_version": wanted.resource.api_version,
        "name": wanted.name,
        "namespace": wanted.namespace,
        "action": change.action,
        "changed": change.changed,
        "confirmed": change.confirmed,
        **change.diff(),
        "error": {"reason": error.reason, "message": str(error)} if error else None,
    }


# -- what to tell -----------------------------------------------------------------------------------------------


def _summary(plans: Sequence[nodes.Plan], entries: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    considered = [plan for plan in plans if not plan.skipped]
    states = [plan.accelerator.state for plan in considered if plan.accelerator]
    return {
        "nodes": len(plans),
        "skipped": len(plans) - len(considered),
        "accelerator_nodes": len(states),
        "healthy": states.count(labels.HEALTHY),
        "driver_not_ready": states.count(labels.DRIVER_NOT_READY),
        "devices": sum(plan.accelerator.count for plan in considered if plan.accelerator),
        "changed": sum(1 for entry in entries if entry["changed"]),
        "failed": sum(1 for entry in entries if entry["error"]),
    }


def _warnings(plans: Sequence[nodes.Plan]) -> list[str]:
    waiting = [plan for plan in plans if not plan.skipped and plan.accelerator and not plan.accelerator.count]
    partly = [plan for plan in plans if not plan.skipped and plan.accelerator and plan.accelerator.count]
    partly = [plan for plan in partly if plan.accelerator and plan.accelerator.unhealthy]
    found = []
    if waiting:
        named = ", ".join(f"{plan.name} ({plan.accelerator.evidence})" for plan in waiting[:5] if plan.accelerator)
        more = f" and {len(waiting) - 5} more" if len(waiting) > 5 else ""
        found.append(
            f"Accelerator hardware without a ready driver on {named}{more}: look at the vendor's operator, its driver "
            "and device plugin pods on the node."
        )
    if partly:
        named = ", ".join(f"{plan.name} ({plan.accelerator.unhealthy})" for plan in partly[:5] if plan.accelerator)
        found.append(f"Devices that are known but not offered, most likely unhealthy, on {named}.")
    return found
