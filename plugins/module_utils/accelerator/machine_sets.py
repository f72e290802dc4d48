# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenShift's MachineSets: labels and taints for nodes that do not exist yet.

A MachineSet's template (``spec.template.spec.metadata.labels`` and ``.taints``) is copied to each new Machine, and from
there to its node by the machine-api-operator's node link controller, which goes on adding what a Machine's spec says.
So what is taken from a template has to be taken from the Machines too, before it is taken from the nodes; and what a
Machine goes on giving stays on its node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import labels, nodes, owned
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.vendors import Table, Vendor

MACHINE_SET = ("machine.openshift.io/v1beta1", "MachineSet", "machinesets", True)
MACHINE = ("machine.openshift.io/v1beta1", "Machine", "machines", True)
NAMESPACE = "openshift-machine-api"

_SET_LABEL = "machine.openshift.io/cluster-api-machineset"
_GPU_COUNT = ("capacity.cluster-autoscaler.kubernetes.io/gpu-count", "machine.openshift.io/GPU")
_GPU_TYPE = "capacity.cluster-autoscaler.kubernetes.io/gpu-type"
# what the autoscaler assumes where only a number is given
_DEFAULT_GPU_TYPE = "nvidia.com/gpu"


@dataclass(frozen=True)
class SetPlan:
    """What becomes of one MachineSet and of its Machines."""

    name: str
    namespace: str
    vendor: str | None = None
    change: owned.Change | None = None
    """None where the set is left alone: it is not meant, or nothing is known of devices"""
    patch: dict[str, Any] | None = None
    machines: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """(Machine, merge patch) for those that carry what the template changes"""
    born: dict[str, owned.Born] = field(default_factory=dict)
    """node -> what its Machine gave it and is ours"""
    unsure: bool = False
    """left alone since it has no node that could tell whether it is meant, though there would be something to do"""


def members(machines: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """MachineSet name -> its Machines."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for machine in machines:
        name = set_of(machine)
        if name:
            found.setdefault(name, []).append(machine)
    return found


def set_of(machine: Mapping[str, Any]) -> str | None:
    """The MachineSet that made this Machine."""
    metadata = machine["metadata"]
    owners = [item["name"] for item in metadata.get("ownerReferences") or [] if item.get("kind") == "MachineSet"]
    return next(iter(owners), None) or (metadata.get("labels") or {}).get(_SET_LABEL)


def node_of(machine: Mapping[str, Any]) -> str | None:
    """The node that this Machine became."""
    return ((machine.get("status") or {}).get("nodeRef") or {}).get("name")


def plan(
    machine_set: Mapping[str, Any],
    machines: Sequence[Mapping[str, Any]],
    nodes_by_name: Mapping[str, Mapping[str, Any]],
    options: nodes.Options,
    *,
    everywhere: bool = True,
) -> SetPlan:
    """What has to be done to one MachineSet, given its Machines and the nodes that were looked at.

    everywhere: whether those are all of the cluster's. Where not, a set is meant if a node of it is.
    """
    metadata, live = machine_set["metadata"], _template(machine_set)
    annotation = (metadata.get("annotations") or {}).get(options.annotation)
    # a node that is going says nothing of those to come
    its_nodes = [node for node in _nodes(machines, nodes_by_name) if not _going(node)]
    in_scope = [node for node in its_nodes if not nodes.out_of_scope(node, options)]
    goal = _goal(machine_set, in_scope, options) if in_scope or not its_nodes else None
    name, namespace = metadata["name"], metadata["namespace"]
    if goal is None:
        return SetPlan(name, namespace)
    named = labels.ours(live.labels, options.prefix, options.table)
    change = owned.change(
        live.labels,
        live.taints,
        annotation,
        wanted_labels=goal["labels"],
        wanted_taints=goal["taints"],
        named=named,
    )
    if not (everywhere or in_scope):
        return SetPlan(name, namespace, unsure=bool(change) and not any(map(node_of, machines)))
    meant = [item for item in machines if not _left_alone(item, nodes_by_name, options, everywhere)]
    # the nodes that are left alone keep what they have, and so does the template that they came from
    whole = options.present or len(meant) == len(machines)
    patched = [(item["metadata"]["name"], body) for item in meant if (body := machine_patch(item, change))]
    return SetPlan(
        name,
        namespace,
        vendor=goal["vendor"],
        change=change,
        patch=_patch(machine_set, change, options) if whole and change else None,
        machines=patched,
        born=_born(meant, owned.known(annotation, named), change),
    )


@dataclass(frozen=True)
class _Given:
    """Labels and taints that a Machine, or a template for Machines, gives to nodes."""

    labels: Mapping[str, str]
    taints: Sequence[owned.Taint]


def _given(spec: Mapping[str, Any] | None) -> _Given:
    return _Given(((spec or {}).get("metadata") or {}).get("labels") or {}, (spec or {}).get("taints") or [])


def _template(machine_set: Mapping[str, Any]) -> _Given:
    return _given(((machine_set.get("spec") or {}).get("template") or {}).get("spec"))


def _nodes(
    machines: Sequence[Mapping[str, Any]], nodes_by_name: Mapping[str, Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    names = [name for name in map(node_of, machines) if name]
    return [nodes_by_name[name] for name in names if name in nodes_by_name]


def _left_alone(
    machine: Mapping[str, Any],
    nodes_by_name: Mapping[str, Mapping[str, Any]],
    options: nodes.Options,
    everywhere: bool,
) -> bool:
    """Whether a Machine stays as it is, since its node does."""
    name = node_of(machine)
    if name is None:
        return False
    if name not in nodes_by_name:
        return not everywhere
    node = nodes_by_name[name]
    return not _going(node) and bool(nodes.out_of_scope(node, options))


def _going(node: Mapping[str, Any]) -> bool:
    return bool(node["metadata"].get("deletionTimestamp"))


def _born(machines: Iterable[Mapping[str, Any]], ours: owned.Record, change: owned.Change) -> dict[str, owned.Born]:
    """What each node has from its Machine. One that was made before the template was changed gave nothing of ours.

    ours: in the template as it is; change: what becomes of it.
    """
    taints_after = {owned.taint_key(taint): taint for taint in change.after["taints"]}
    found: dict[str, owned.Born] = {}
    for machine in machines:
        name, given = node_of(machine), _given(machine.get("spec"))
        keys = {owned.taint_key(taint) for taint in given.taints}
        record = owned.Record(
            {key: was for key, was in ours.labels.items() if key in given.labels},
            {key: was for key, was in ours.taints.items() if key in keys},
        )
        if name and record:
            found[name] = owned.Born(
                record,
                {key: change.after["labels"][key] for key in record.labels if key in change.record.labels},
                [taints_after[key] for key in record.taints if key in change.record.taints],
            )
    return found


def _goal(
    machine_set: Mapping[str, Any], its_nodes: Sequence[Mapping[str, Any]], options: nodes.Options
) -> dict[str, Any] | None:
    """Labels and taints for new nodes; None where nothing says what they will have.

    The nodes that offer devices say it. One that does not may be coming up: until its driver is installed, neither
    devices nor labels tell it from a node without hardware.
    """
    nothing: dict[str, Any] = {"labels": {}, "taints": [], "vendor": None}
    if not options.present:
        return nothing
    live = _template(machine_set).taints
    ready = [node for node in its_nodes if nodes.is_ready(node)]
    found = [accelerator for node in ready if (accelerator := nodes.discover(node, options.table))]
    offering = [item for item in found if item.count]
    if offering:
        return _for_vendor(offering[0].vendor, [nodes.stable_labels(item) for item in offering], options, live)
    carried = _carried(machine_set, options)
    vendor = _expected(machine_set, found, carried, options.table)
    if vendor is None:
        return nothing if ready else None
    same = carried.get(labels.VENDOR) == vendor.name
    return _for_vendor(vendor, [carried if same else {labels.VENDOR: vendor.name}], options, live)


def _carried(machine_set: Mapping[str, Any], options: nodes.Options) -> dict[str, str]:
    """Of the labels that say what a node has, those that the template carries and that are ours."""
    live = _template(machine_set).labels
    annotation = (machine_set["metadata"].get("annotations") or {}).get(options.annotation)
    ours = owned.known(annotation, labels.ours(live, options.prefix, options.table)).labels
    keys = {name: labels.key(options.prefix, name) for name in nodes.STABLE}
    return {name: live[key] for name, key in keys.items() if key in ours and key in live}


def _expected(
    machine_set: Mapping[str, Any],
    found: Sequence[nodes.Accelerator],
    carried: Mapping[str, str],
    table: Table,
) -> Vendor | None:
    """The vendor of nodes of which none offers a device yet: by their hardware, by the annotations for scaling up from
    zero, by what earlier nodes had, and last by what the autoscaler would take for granted."""
    if found:
        return found[0].vendor
    annotations = machine_set["metadata"].get("annotations") or {}
    announced = any(str(annotations.get(key, "0")).isdigit() and int(annotations.get(key, "0")) for key in _GPU_COUNT)
    told = annotations.get(_GPU_TYPE) if announced else None
    if told:
        return table.of_resource(told)
    assumed = table.of_resource(_DEFAULT_GPU_TYPE) if announced else None
    return table.named(carried.get(labels.VENDOR, "")) or assumed


def _for_vendor(
    vendor: Vendor,
    stable: Sequence[Mapping[str, str | None]],
    options: nodes.Options,
    live: Sequence[owned.Taint],
) -> dict[str, Any]:
    """A label is for new nodes where all present ones agree on it."""
    first, *others = stable
    common = {
        labels.key(options.prefix, name): value
        for name, value in first.items()
        if value and all(other.get(name) == value for other in others)
    }
    return {
        "labels": {**common, **options.labels},
        "taints": nodes.taints(vendor, options, live),
        "vendor": vendor.name,
    }


def _patch(machine_set: Mapping[str, Any], change: owned.Change, options: nodes.Options) -> dict[str, Any]:
    metadata: dict[str, Any] = {"resourceVersion": machine_set["metadata"]["resourceVersion"]}
    if change.annotation:
        metadata["annotations"] = {options.annotation: change.record.text() if change.record else None}
    template: dict[str, Any] = {}
    if change.labels:
        template["metadata"] = {"labels": change.labels}
    if change.taints is not None:
        template["taints"] = change.taints or None
    body: dict[str, Any] = {"metadata": metadata}
    return {**body, "spec": {"template": {"spec": template}}} if template else body


def machine_patch(machine: Mapping[str, Any], change: owned.Change) -> dict[str, Any] | None:
    """A merge patch by which a Machine follows its template in what both carry; what is new there is for new Machines.

    Else the machine API would go on putting the old labels and taints on the Machine's node.
    """
    given = _given(machine.get("spec"))
    before, after = change.before["labels"], change.after["labels"]
    shared = [key for key in {**before, **after} if key in given.labels]
    relabelled = {key: after.get(key) for key in shared if after.get(key) != given.labels[key]}
    taints = owned.replaced(given.taints, change.before["taints"], change.after["taints"])
    body: dict[str, Any] = {"metadata": {"labels": relabelled}} if relabelled else {}
    if taints is not None:
        body["taints"] = taints or None
    return {"metadata": {"resourceVersion": machine["metadata"]["resourceVersion"]}, "spec": body} if body else None
