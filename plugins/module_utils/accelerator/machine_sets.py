# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenShift's MachineSets: labels and taints for nodes that do not exist yet.

A MachineSet's template (``spec.template.spec.metadata.labels`` and ``.taints``) is copied to each new Machine, and from
there to its node by the machine-api-operator's node link controller, which goes on adding what a Machine's spec says.
So what is taken from a template has to be taken from the Machines too, before it is taken from the nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    nodes: list[str]
    vendor: str | None
    change: owned.Change | None
    """None where the set is left alone: no device, and nothing of ours"""
    patch: dict[str, Any] | None
    machines: list[tuple[str, dict[str, Any]]]
    """(Machine, merge patch) for those that carry what the template is about to lose"""
    record: owned.Record
    """what is ours in the template now"""


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
) -> SetPlan:
    """What has to be done to one MachineSet, given its Machines and the cluster's nodes."""
    metadata = machine_set["metadata"]
    template = ((machine_set.get("spec") or {}).get("template") or {}).get("spec") or {}
    names = [name for name in map(node_of, machines) if name]
    its_nodes = [nodes_by_name[name] for name in names if name in nodes_by_name]
    annotation = (metadata.get("annotations") or {}).get(options.annotation)
    record = owned.Record.parse(annotation)
    goal = _goal(machine_set, its_nodes, bool(names), options)
    change = patch = None
    touched: list[tuple[str, dict[str, Any]]] = []
    if goal is not None:
        live_taints = template.get("taints") or []
        change = owned.change(
            (template.get("metadata") or {}).get("labels") or {},
            live_taints,
            annotation,
            wanted_labels=goal["labels"],
            wanted_taints=goal["taints"],
            prefix=options.prefix,
        )
        patch = _patch(machine_set, change, options) if change else None
        touched = [(machine["metadata"]["name"], body) for machine in machines if (body := _machine(machine, change))]
    return SetPlan(
        name=metadata["name"],
        namespace=metadata["namespace"],
        nodes=[node["metadata"]["name"] for node in its_nodes],
        vendor=goal["vendor"] if goal else None,
        change=change,
        patch=patch,
        machines=touched,
        record=record,
    )


def _goal(
    machine_set: Mapping[str, Any],
    its_nodes: Sequence[Mapping[str, Any]],
    has_nodes: bool,
    options: nodes.Options,
) -> dict[str, Any] | None:
    """Labels and taints for new nodes.

    None where nothing is known: none of its nodes was looked at, or it has none and says nothing of devices.
    """
    if not options.present:
        return {"labels": {}, "taints": [], "vendor": None}
    in_scope = [node for node in its_nodes if not nodes.out_of_scope(node, options)]
    if has_nodes and not in_scope:
        return None
    found = [nodes.discover(node, options.table) for node in in_scope]
    if found and not any(found):
        return {"labels": {}, "taints": [], "vendor": None}
    if not found:
        vendor = _announced(machine_set, options.table)
        return _for_vendor(vendor, [{labels.VENDOR: vendor.name}], options) if vendor else None
    accelerators = [item for item in found if item]
    return _for_vendor(accelerators[0].vendor, [nodes.stable_labels(item) for item in accelerators], options)


def _for_vendor(vendor: Vendor, stable: Sequence[Mapping[str, str | None]], options: nodes.Options) -> dict[str, Any]:
    """A label is for new nodes where all present ones agree on it."""
    first, *others = stable
    common = {
        labels.key(options.prefix, name): value
        for name, value in first.items()
        if value and all(other.get(name) == value for other in others)
    }
    return {"labels": {**common, **options.labels}, "taints": nodes.taints(vendor, options), "vendor": vendor.name}


def _announced(machine_set: Mapping[str, Any], table: Table) -> Vendor | None:
    """The vendor that the annotations for scaling up from zero name."""
    annotations = machine_set["metadata"].get("annotations") or {}
    if not any(str(annotations.get(key, "0")).isdigit() and int(annotations.get(key, "0")) > 0 for key in _GPU_COUNT):
        return None
    return table.of_resource(annotations.get(_GPU_TYPE) or _DEFAULT_GPU_TYPE)


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


def _machine(machine: Mapping[str, Any], change: owned.Change) -> dict[str, Any] | None:
    """A merge patch that takes from a Machine what its template loses; what the template gains is for new Machines."""
    spec = machine.get("spec") or {}
    live = (spec.get("metadata") or {}).get("labels") or {}
    lost_labels = {key: None for key, value in change.labels.items() if value is None and key in live}
    kept = {owned.taint_key(taint) for taint in change.after["taints"]}
    lost_taints = {owned.taint_key(taint) for taint in change.before["taints"]} - kept
    taints = spec.get("taints") or []
    remaining = [taint for taint in taints if owned.taint_key(taint) not in lost_taints]
    body: dict[str, Any] = {"metadata": {"labels": lost_labels}} if lost_labels else {}
    if len(remaining) != len(taints):
        body["taints"] = remaining or None
    return {"metadata": {"resourceVersion": machine["metadata"]["resourceVersion"]}, "spec": body} if body else None
