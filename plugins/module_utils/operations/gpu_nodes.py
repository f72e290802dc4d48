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
from functools import partial
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import (
    labels,
    machine_sets,
    nodes,
    owned,
    placement,
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

    @property
    def everywhere(self) -> bool:
        """Whether all nodes of the cluster are listed."""
        return not (self.selector or self.options.names)

    @property
    def limited(self) -> bool:
        """Whether some nodes are left out by their names or labels."""
        return not self.everywhere or bool(self.options.exclude)


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
    born = {name: found for item in sets for name, found in item.plan.born.items()}
    plans = [
        nodes.plan(node, task.options, born.get(node["metadata"]["name"], owned.WITHOUT_TEMPLATE)) for node in live
    ]
    plans, failed = _adopted(client, task, plans)
    held = _held(sets, failed)
    _write_sets(client, task, sets, held, outcome)
    outcome.nodes += _write_nodes(client, task, plans, failed)
    outcome.summary.update(_summary(plans, outcome.nodes))
    outcome.warnings += [*_warnings(plans, task.options), *_taint_warnings(outcome.entries, task.options)]
    if task.with_profiles:
        outcome.profiles += _profiles(client, task, plans, outcome)


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


def _adopted(
    client: Client, task: Task, plans: Sequence[nodes.Plan]
) -> tuple[list[nodes.Plan], dict[str, errors.ClusterError]]:
    """The plans, after each node has on record what only its template vouches for and is about to forget; and what went
    wrong with a node.

    So a task that is cut short between template and node is finished by the next one.
    """

    def adopt(plan: nodes.Plan) -> nodes.Plan | None:
        def again(live: dict[str, Any]) -> Mapping[str, Any] | None:
            return nodes.plan(live, task.options, plan.born).adoption

        _persistently(client, NODE, plan.name, None, plan.adoption, again, dry_run=task.check_mode)
        live = None if task.check_mode else client.get(NODE, plan.name)
        return nodes.plan(live, task.options, plan.born) if live else None

    todo = [plan for plan in plans if plan.adoption]
    answers = dict(zip((plan.name for plan in todo), pool.each(adopt, todo, task.workers), strict=True))
    done = {name: answer.value for name, answer in answers.items() if answer.value}
    failed = {name: answer.error for name, answer in answers.items() if answer.error}
    return [done.get(plan.name, plan) for plan in plans], failed


def _held(sets: Sequence[_Set], failed: dict[str, errors.ClusterError]) -> dict[str, errors.ClusterError]:
    """The MachineSets that must not forget, since a node of theirs is not on record; *failed* gets their other nodes.

    What the template forgets would be nobody's on that node. The others would get back at once what is taken from them.
    """
    held: dict[str, errors.ClusterError] = {}
    for item in sets:
        name = next((name for name in item.plan.born if name in failed), None)
        if name is None:
            continue
        held[item.plan.name] = _since(f"MachineSet {item.plan.name}", failed[name])
        for other in item.plan.born:
            failed.setdefault(other, _since(f"Node {other}", held[item.plan.name]))
    return held


def _since(what: str, cause: errors.ClusterError) -> errors.ClusterError:
    error = errors.ClusterError(f"{what} was left as it is: {cause}")
    error.reason = cause.reason
    return error


def _write_nodes(
    client: Client, task: Task, plans: Sequence[nodes.Plan], failed: Mapping[str, errors.ClusterError]
) -> list[dict[str, Any]]:
    """Write the nodes but those that *failed* before."""
    latest = {plan.name: plan for plan in plans}

    def write(plan: nodes.Plan) -> str:
        def again(live: dict[str, Any]) -> Mapping[str, Any] | None:
            latest[plan.name] = nodes.plan(live, task.options, plan.born)
            return latest[plan.name].patch

        return _persistently(client, NODE, plan.name, None, plan.patch, again, dry_run=task.check_mode)

    todo = [plan for plan in plans if plan.patch and plan.name not in failed]
    answers = dict(zip((plan.name for plan in todo), pool.each(write, todo, task.workers), strict=True))
    answers.update({plan.name: pool.Result(error=failed[plan.name]) for plan in plans if plan.name in failed})
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


@dataclass
class _Set:
    """A MachineSet's plan, and how to plan anew where somebody else changes the set meanwhile."""

    plan: machine_sets.SetPlan
    replan: Callable[[dict[str, Any]], machine_sets.SetPlan]


def _plan_sets(client: Client, task: Task, live: Sequence[dict[str, Any]], outcome: Outcome) -> list[_Set]:
    try:
        sets = client.list(MACHINE_SET, task.machine_sets_namespace)
        machines = client.list(MACHINE, task.machine_sets_namespace) if sets else []
    except errors.ApiMissing:
        outcome.warnings.append("The cluster does not serve MachineSets (machine.openshift.io): none was labelled.")
        return []
    members = machine_sets.members(machines)
    by_name = {node["metadata"]["name"]: node for node in live}
    plans = []
    for item in sets:
        its_machines = members.get(item["metadata"]["name"], [])
        replan = partial(
            machine_sets.plan,
            machines=its_machines,
            nodes_by_name=by_name,
            options=task.options,
            everywhere=task.everywhere,
        )
        plans.append(_Set(replan(item), replan))
    unsure = [item.plan.name for item in plans if item.plan.unsure]
    if unsure:
        outcome.warnings.append(
            f"Without nodes it is not known whether `nodes` or `selector` mean MachineSet {', '.join(unsure)}: left "
            "alone. A task without `nodes` and `selector` takes in every MachineSet."
        )
    return plans


def _write_sets(
    client: Client, task: Task, sets: Sequence[_Set], held: Mapping[str, errors.ClusterError], outcome: Outcome
) -> None:
    """Write the MachineSets and their Machines but those that are *held* back."""

    def write(item: _Set) -> str:
        first = item.plan
        moved = _write_machines(client, first, task.check_mode)

        def again(live: dict[str, Any]) -> Mapping[str, Any] | None:
            nonlocal moved
            item.plan = item.replan(live)
            moved = _write_machines(client, item.plan, task.check_mode) or moved
            return item.plan.patch

        answer = _persistently(
            client, MACHINE_SET, first.name, first.namespace, first.patch, again, dry_run=task.check_mode
        )
        return "change" if moved and answer == "unchanged" else answer

    told = [item for item in sets if item.plan.vendor or item.plan.patch or item.plan.machines]
    todo = [item for item in told if (item.plan.patch or item.plan.machines) and item.plan.name not in held]
    answers = dict(zip((item.plan.name for item in todo), pool.each(write, todo, task.workers), strict=True))
    answers.update({name: pool.Result(error=error) for name, error in held.items()})
    for item in told:
        plan = item.plan
        change = plan.change if plan.patch or not plan.machines else None
        entry = _entry("MachineSet", plan.name, plan.namespace, change, answers.get(plan.name))
        outcome.machine_sets.append({**entry, "vendor": plan.vendor})


def _write_machines(client: Client, plan: machine_sets.SetPlan, dry_run: bool) -> bool:
    """Write the Machines before their set; whether one was changed."""
    change = plan.change
    if change is None:
        return False
    answers = [
        _persistently(
            client,
            MACHINE,
            name,
            plan.namespace,
            patch,
            lambda live: machine_sets.machine_patch(live, change),
            dry_run=dry_run,
        )
        for name, patch in plan.machines
    ]
    return "change" in answers


# -- profiles ---------------------------------------------------------------------------------------------------


def _profiles(client: Client, task: Task, plans: Sequence[nodes.Plan], outcome: Outcome) -> list[dict[str, Any]]:
    kinds = profiles.kinds(lambda kind: _served(client, kind))
    if not kinds:
        outcome.warnings.append("The cluster serves neither HardwareProfile nor AcceleratorProfile: none was written.")
        return []
    namespace = task.profiles_namespace or _dashboard_namespace(client)
    found = profiles.offers(plan.accelerator for plan in plans if plan.accelerator and not plan.skipped)
    if task.options.present:
        wanted = [_wanted_profile(task, kind, offer, namespace) for kind in kinds for offer in found]
    else:
        going = {offer.name for offer in found} - _kept_profiles(client, task, plans) if task.limited else None
        wanted = [item for kind in kinds for item in _unwanted_profiles(client, kind, namespace, going)]
    settings = reconcile.Settings(manager=FIELD_MANAGER, force_conflicts=task.force_conflicts, workers=task.workers)
    changes = reconcile.ensure(client, wanted, settings, check_mode=task.check_mode)
    return [_profile_entry(change) for change in changes]


def _wanted_profile(
    task: Task, kind: tuple[str, str, str, bool], offer: profiles.Offer, namespace: str
) -> reconcile.Wanted:
    body = profiles.build(kind, offer, task.options, namespace)
    return reconcile.Wanted(Resource(*kind), offer.name, namespace, body)


def _unwanted_profiles(
    client: Client, kind: tuple[str, str, str, bool], namespace: str, going: set[str] | None
) -> list[reconcile.Wanted]:
    """Our profiles, or those of them with a name in *going*, to be deleted."""
    ours = ",".join(f"{key}={value}" for key, value in profiles.MANAGED_BY.items())
    names = [item["metadata"]["name"] for item in client.list(Resource(*kind), namespace, label_selector=ours)]
    return [
        reconcile.Wanted(Resource(*kind), name, namespace, None) for name in names if going is None or name in going
    ]


def _kept_profiles(client: Client, task: Task, plans: Sequence[nodes.Plan]) -> set[str]:
    """The profiles of devices on nodes that keep their labels, since the task leaves them alone."""
    touched = {plan.name for plan in plans if not plan.skipped}
    vendor = labels.key(task.options.prefix, labels.VENDOR)
    others = [node for node in client.list(NODE, label_selector=vendor) if node["metadata"]["name"] not in touched]
    found = [nodes.discover(node, task.options.table) for node in others]
    return {offer.name for offer in profiles.offers(item for item in found if item)}


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


def _warnings(plans: Sequence[nodes.Plan], options: nodes.Options) -> list[str]:
    considered = [(plan.name, plan.accelerator) for plan in plans if not plan.skipped and plan.accelerator]
    waiting = [(name, str(item.evidence)) for name, item in considered if not item.count]
    partly = [(name, str(item.unhealthy)) for name, item in considered if item.count and item.unhealthy]
    mixed = [(name, f"{item.vendor.name}, beside {', '.join(item.others)}") for name, item in considered if item.others]
    found = []
    if waiting:
        found.append(
            f"Accelerator hardware without a ready driver on {_some(waiting)}: look at the vendor's operator, its "
            "driver and device plugin pods on the node."
        )
    if partly:
        found.append(f"Devices that are known but not offered, most likely unhealthy, on {_some(partly)}.")
    if mixed:
        found.append(
            f"Devices of several vendors on {_some(mixed)}: a node is labelled for one of them. Ask for the others "
            "with `select: none`."
        )
    # a cluster whose devices are all there, or somebody who named the node, is hardly content with nothing
    control_plane = [
        plan.name
        for plan in plans
        if plan.accelerator and plan.skipped == nodes.CONTROL_PLANE and (not considered or plan.name in options.names)
    ]
    if control_plane:
        found.append(
            f"Left alone, being control plane nodes: {_some(control_plane)}. They have accelerators; `control_plane: "
            "true` (`gpu_nodes_control_plane` of the role) takes them in."
        )
    return found


def _taint_warnings(entries: Sequence[Mapping[str, Any]], options: nodes.Options) -> list[str]:
    """Of taints that are written now, those that keep the vendor's own pods away from new nodes."""
    found: dict[str, str] = {}
    for entry in entries:
        name = entry.get("vendor") or (entry.get("accelerator") or {}).get("vendor")
        vendor = options.table.named(name or "")
        if vendor is None or not entry["changed"]:
            continue
        new = [taint for taint in entry["after"]["taints"] if taint not in entry["before"]["taints"]]
        for taint in placement.untolerated({"spec": {"tolerations": vendor.tolerations}}, new):
            evicts = " It also evicts those that run." if taint["effect"] == "NoExecute" else ""
            text = placement.taint_text(taint)
            found[f"{vendor.name} {text}"] = (
                f"Not all of {vendor.display}'s own pods (feature discovery, driver, device plugin) are known to "
                f"tolerate {text} by default: give them a toleration, or a node that is born with the taint never "
                f"offers a device.{evicts}"
            )
    return list(found.values())


def _some(items: Sequence[tuple[str, str] | str]) -> str:
    """The first five nodes and what is to be said of each, and how many more there are."""
    named = ", ".join(item if isinstance(item, str) else f"{item[0]} ({item[1]})" for item in items[:5])
    return f"{named} and {len(items) - 5} more" if len(items) > 5 else named
