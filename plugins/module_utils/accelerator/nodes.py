# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accelerator nodes: what a node has, which labels and taints it should carry, and the patch that gets it there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import labels, owned, placement
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.podresources import amounts
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.vendors import (
    DEFAULT_PREFIX,
    DEFAULT_TABLE,
    Table,
    Vendor,
    is_plain,
    is_true,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

CONTROL_PLANE_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
CONTROL_PLANE = "is a control plane node"
"""why such a node is left alone"""
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
STABLE = (labels.VENDOR, labels.PRODUCT, labels.MEMORY)

_KUBERNETES_KEY = re.compile(r"([^/]+\.)?(kubernetes|k8s)\.io/")
_MIG_RESOURCE = re.compile(r"nvidia\.com/mig-(?P<profile>.+?)(\.shared)?")
# gpu-feature-discovery appends how a device is cut up or shared to the product's name
_PRODUCT_SUFFIX = re.compile(r"(-MIG-(?P<profile>\d+g\.\d+gb[a-z0-9.+]*))?(?P<shared>-SHARED)?$")
_RENAMED = ".shared"
_MEMORY = re.compile(r"(?P<number>\d+)\s*(?P<unit>[KMGT]?)(i?B?)", re.IGNORECASE)
_MIB_OF_UNIT = {"": 1.0, "K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0 * 1024}


@dataclass(frozen=True)
class Accelerator:
    """What a node has of one vendor."""

    vendor: Vendor
    resources: dict[str, int]
    """allocatable devices by resource name"""
    state: str
    product: str | None = None
    memory: int | None = None
    """of one device, in MiB"""
    mig: str | None = None
    """MIG strategy: single or mixed"""
    profiles: dict[str, int] = field(default_factory=dict)
    """MIG profile -> devices"""
    shared: bool = False
    """whether several pods get the same device (time-slicing, MPS)"""
    product_label: tuple[str, str] | None = None
    """the vendor's label that names the product, and its value: with how a device is cut up or shared"""
    unhealthy: int = 0
    """devices that the node knows and does not offer"""
    evidence: str | None = None
    """the label that says "here is hardware", where no device is offered"""
    others: dict[str, int] = field(default_factory=dict)
    """allocatable devices of further vendors, for which the node is not labelled"""

    @property
    def count(self) -> int:
        return sum(self.resources.values())

    @property
    def slice(self) -> str | None:
        """The MIG profile that goes by the name of the whole device's resource (strategy "single")."""
        return next(iter(self.profiles), None) if self.mig == "single" else None

    def plain(self) -> dict[str, Any]:
        """For results."""
        return {
            "vendor": self.vendor.name,
            "resources": dict(self.resources),
            "state": self.state,
            "product": self.product,
            "count": self.count,
            "memory_mib": self.memory,
            "mig": self.mig,
            "mig_profiles": dict(self.profiles),
            "shared": self.shared,
            "unhealthy": self.unhealthy,
            "others": dict(self.others),
        }


@dataclass(frozen=True)
class TaintRule:
    """A taint for accelerator nodes; without a key it is the name of the vendor's resource, as is the custom."""

    key: str | None = None
    value: str | None = None
    """None for what the vendor's own pods expect of a taint named after the resource"""
    effect: str = "NoSchedule"

    def taint(self, vendor: Vendor) -> owned.Taint:
        key = self.key or vendor.resource
        expected = vendor.taint_value if key == vendor.resource else ""
        value = expected if self.value is None else self.value
        taint = {"key": key, "effect": self.effect}
        return {**taint, "value": value} if value else taint


@dataclass(frozen=True)
class Options:
    """What a user asked for, checked."""

    prefix: str = DEFAULT_PREFIX
    table: Table = DEFAULT_TABLE
    taints: tuple[TaintRule, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    """the only nodes to look at; all where empty"""
    exclude: tuple[str, ...] = ()
    """names, or patterns with * and ?"""
    control_plane: bool = False
    present: bool = True

    @property
    def annotation(self) -> str:
        return labels.key(self.prefix, labels.OWNED)


@dataclass(frozen=True)
class Plan:
    """What becomes of one node."""

    name: str
    accelerator: Accelerator | None
    change: owned.Change | None
    """None where the node is left alone"""
    skipped: str | None = None
    """why it is left alone"""
    patch: dict[str, Any] | None = None
    """the merge patch to send, None where nothing differs"""
    born: owned.Born = owned.WITHOUT_TEMPLATE
    """what the plan was made with"""
    adoption: dict[str, Any] | None = None
    """merge patch that records on the node what only its template's record vouches for and the node is about to lose:
    to be sent before the template forgets it"""


def make_options(
    *,
    prefix: str = DEFAULT_PREFIX,
    vendors: Sequence[Mapping[str, Any]] = (),
    taints: Sequence[Mapping[str, Any]] = (),
    extra_labels: Mapping[str, Any] | None = None,
    names: Sequence[str] = (),
    exclude: Sequence[str] = (),
    control_plane: bool = False,
    present: bool = True,
) -> Options:
    """Options from plain values; raises SpecError with the field's path."""
    try:
        table = Table.with_custom(vendors)
    except ValueError as error:
        raise SpecError("vendors", str(error)) from error
    problem = labels.prefix_problem(prefix, table)
    if problem:
        raise SpecError("prefix", problem)
    rules = tuple(_taint_rule(item, f"taints[{index}]", table, present) for index, item in enumerate(taints))
    return Options(
        prefix=prefix,
        table=table,
        taints=rules,
        labels={key: _extra_label(key, value, prefix, table) for key, value in (extra_labels or {}).items()},
        names=tuple(names),
        exclude=tuple(exclude),
        control_plane=control_plane,
        present=present,
    )


def discover(node: Mapping[str, Any], table: Table = DEFAULT_TABLE) -> Accelerator | None:
    """The node's accelerator: by allocatable resources first, by the hardware's labels where none is offered.

    A node with devices of several vendors counts for the first one in the table, since a label has one value: of two
    vendors' products, memory and counts a selector could not tell whose they are. The others are in ``others``.
    """
    status = node.get("status") or {}
    allocatable, capacity = amounts(status.get("allocatable")), amounts(status.get("capacity"))
    devices = {name: value for name, value in sorted(allocatable.items()) if value > 0}
    for vendor in table.vendors:
        offered = {name: value for name, value in devices.items() if vendor.devices(name)}
        if offered:
            others = {name: value for name, value in devices.items() if name not in offered and table.of_resource(name)}
            found = _accelerator(node, vendor, offered, capacity, labels.HEALTHY, None)
            return replace(found, others=others)
    live = placement.node_labels(node)
    for vendor in table.vendors:
        evidence = next((label for label in vendor.present if is_true(live.get(label))), None)
        known = next((name for name, value in capacity.items() if value > 0 and vendor.devices(name)), None)
        if evidence or known:
            reason = evidence or f"capacity of {known}"
            return _accelerator(node, vendor, {}, capacity, labels.DRIVER_NOT_READY, reason)
    return None


def wanted(node: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """The labels and taints of ours that a node should carry, ``{labels: {…}, taints: […]}``; none without devices."""
    accelerator = discover(node, options.table) if options.present else None
    if accelerator is None:
        return {"labels": {}, "taints": []}
    return {
        "labels": {**node_labels(accelerator, options.prefix), **options.labels},
        "taints": taints(accelerator.vendor, options, node["spec"].get("taints") or []),
    }


def node_labels(accelerator: Accelerator, prefix: str) -> dict[str, str]:
    """Our labels for a node with this accelerator."""
    found: dict[str, str | None] = {
        **stable_labels(accelerator),
        labels.STATE: accelerator.state,
        labels.COUNT: str(accelerator.count) if accelerator.count else None,
        labels.MIG: accelerator.mig,
        labels.SHARED: "true" if accelerator.shared else None,
        **{f"mig-{profile}": str(count) for profile, count in accelerator.profiles.items()},
    }
    return {labels.key(prefix, name): value for name, value in found.items() if value}


def stable_labels(accelerator: Accelerator) -> dict[str, str | None]:
    """Names (STABLE) and values that are the same for every node of one machine type."""
    memory = accelerator.memory
    return {
        labels.VENDOR: accelerator.vendor.name,
        labels.PRODUCT: labels.value(accelerator.product) if accelerator.product else None,
        labels.MEMORY: str(memory) if memory else None,
    }


def taints(vendor: Vendor, options: Options, live: Sequence[owned.Taint]) -> list[owned.Taint]:
    """The taints that a node of this vendor should carry; of two with one key and effect the first counts.

    live: those that it carries. A rule without a value takes the one that is there: pods may tolerate that one alone.
    """
    values = {owned.taint_key(taint): taint for taint in live}
    found: dict[owned.TaintKey, owned.Taint] = {}
    for rule in options.taints:
        taint = rule.taint(vendor)
        there = values.get(owned.taint_key(taint)) if rule.value is None else None
        if there:
            taint = {key: there[key] for key in ("key", "effect", "value") if there.get(key)}
        found.setdefault(owned.taint_key(taint), taint)
    return list(found.values())


def plan(node: Mapping[str, Any], options: Options, born: owned.Born = owned.WITHOUT_TEMPLATE) -> Plan:
    """What has to be done to one node. born: what it has from its MachineSet's template."""
    name = str(node["metadata"]["name"])
    accelerator = discover(node, options.table)
    skipped = out_of_scope(node, options)
    if skipped:
        return Plan(name, accelerator, None, skipped=skipped)
    goal = wanted(node, options)
    metadata, spec = node["metadata"], node.get("spec") or {}
    live, annotation = metadata.get("labels") or {}, (metadata.get("annotations") or {}).get(options.annotation)
    named = labels.ours(live, options.prefix, options.table)
    change = owned.change(
        live,
        spec.get("taints") or [],
        annotation,
        wanted_labels=goal["labels"],
        wanted_taints=goal["taints"],
        named=named,
        born=born,
    )
    patch = _patch(node, change, options) if change else None
    adoption = None
    if owned.orphans(annotation, born, change):
        text = owned.known(annotation, named, born).text()
        adoption = {
            "metadata": {
                "resourceVersion": metadata["resourceVersion"],
                "annotations": {options.annotation: text},
            }
        }
    return Plan(name, accelerator, change, patch=patch, born=born, adoption=adoption)


def out_of_scope(node: Mapping[str, Any], options: Options) -> str | None:
    """Why the node is left alone, or None."""
    metadata = node["metadata"]
    live = placement.node_labels(node)
    system = live.get("kubernetes.io/os") or (((node.get("status") or {}).get("nodeInfo") or {}).get("operatingSystem"))
    if metadata.get("deletionTimestamp"):
        return "is being deleted"
    if options.names and metadata["name"] not in options.names:
        return "is not named"
    if any(fnmatchcase(metadata["name"], pattern) for pattern in options.exclude):
        return "is excluded"
    if system == "windows":
        return "runs Windows"
    # what we once wrote may be taken away everywhere
    if options.present and not options.control_plane and any(label in live for label in CONTROL_PLANE_LABELS):
        return CONTROL_PLANE
    return None


def is_ready(node: Mapping[str, Any]) -> bool:
    """Whether the kubelet does not say otherwise."""
    conditions = (node.get("status") or {}).get("conditions") or []
    return not any(item.get("type") == "Ready" and item.get("status") != "True" for item in conditions)


def _patch(node: Mapping[str, Any], change: owned.Change, options: Options) -> dict[str, Any]:
    """A merge patch of our own keys. The resourceVersion makes it fail where somebody wrote to the node meanwhile."""
    metadata: dict[str, Any] = {"resourceVersion": node["metadata"]["resourceVersion"]}
    if change.labels:
        metadata["labels"] = change.labels
    if change.annotation:
        metadata["annotations"] = {options.annotation: change.record.text() if change.record else None}
    if change.taints is None:
        return {"metadata": metadata}
    return {"metadata": metadata, "spec": {"taints": change.taints or None}}


def _accelerator(
    node: Mapping[str, Any],
    vendor: Vendor,
    offered: dict[str, int],
    capacity: Mapping[str, int],
    state: str,
    evidence: str | None,
) -> Accelerator:
    live = placement.node_labels(node)
    product_label = next(((label, live[label]) for label in vendor.product if live.get(label)), None)
    product, profile, shared = _product(product_label[1] if product_label else None)
    profiles = _profiles(offered, profile)
    known = sum(value for name, value in capacity.items() if vendor.devices(name))
    return Accelerator(
        vendor=vendor,
        resources=offered,
        state=state,
        product=product,
        memory=_memory(_first(live, vendor.memory)),
        mig=_strategy(live, vendor, profile) if profiles else None,
        profiles=profiles,
        shared=bool(offered) and (shared or any(_is_shared(live, vendor, name) for name in offered)),
        product_label=product_label,
        unhealthy=max(known - sum(offered.values()), 0),
        evidence=evidence,
    )


def _first(live: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((live[name] for name in names if live.get(name)), None)


def _product(label: str | None) -> tuple[str | None, str | None, bool]:
    """The hardware's name without what says how it is cut up, the MIG profile in it (strategy "single"), and whether it
    says that devices are shared."""
    if not label:
        return None, None, False
    match = _PRODUCT_SUFFIX.search(label)
    return (label[: match.start()] or label, match["profile"], bool(match["shared"])) if match else (label, None, False)


def _is_shared(live: Mapping[str, str], vendor: Vendor, resource: str) -> bool:
    """Whether the devices of one resource are shared, by its name (renameByDefault) or by the label about it."""
    if not vendor.sharing:
        return False
    told = live.get(resource.removesuffix(_RENAMED) + vendor.sharing)
    return resource.endswith(_RENAMED) or told not in (None, "", "none")


def _profiles(offered: Mapping[str, int], single: str | None) -> dict[str, int]:
    if single:
        return {single.replace("+", "."): sum(offered.values())} if offered else {}
    found: dict[str, int] = {}
    for name, count in offered.items():
        match = _MIG_RESOURCE.fullmatch(name)
        if match:
            found[match["profile"]] = found.get(match["profile"], 0) + count
    return found


def _strategy(live: Mapping[str, str], vendor: Vendor, single: str | None) -> str:
    told = _first(live, vendor.strategy)
    return told if told in ("single", "mixed") else ("single" if single else "mixed")


def _memory(label: str | None) -> int | None:
    match = _MEMORY.fullmatch(label or "")
    return round(int(match["number"]) * _MIB_OF_UNIT[match["unit"].upper()]) if match else None


def _taint_rule(item: Mapping[str, Any], path: str, table: Table, present: bool) -> TaintRule:
    rule = TaintRule(item.get("key") or None, item.get("value"), item.get("effect") or "NoSchedule")
    if rule.effect not in EFFECTS:
        raise SpecError(f"{path}.effect", f"must be one of {', '.join(EFFECTS)}, got {rule.effect!r}")
    problem = labels.key_problem(rule.key) if rule.key else None
    if problem:
        raise SpecError(f"{path}.key", f"{rule.key!r} {problem}")
    if rule.key and _KUBERNETES_KEY.match(rule.key):
        raise SpecError(f"{path}.key", f"{rule.key!r} belongs to Kubernetes itself (kubectl cordon, node conditions)")
    nameless = [vendor.name for vendor in table.vendors if not is_plain(vendor.resource)]
    if nameless and not rule.key and present:  # what is taken away is known by its record
        raise SpecError(
            f"{path}.key",
            f"is needed: a taint has the name of a resource, and of vendor {nameless[0]} only a pattern is known "
            "(or give that vendor a resource without *)",
        )
    problem = labels.value_problem(rule.value or "")
    if problem:
        raise SpecError(f"{path}.value", f"{rule.value!r} {problem}")
    return rule


def _extra_label(key: str, value: Any, prefix: str, table: Table) -> str:
    path = f"labels[{key}]"
    problem = labels.key_problem(key)
    if problem:
        raise SpecError(path, problem)
    owner = table.owner(key)
    # a role label is nobody's but the administrator's
    if owner and not key.startswith("node-role.kubernetes.io/"):
        raise SpecError(path, f"belongs to {owner}: use a key of your own")
    if key.startswith(f"{prefix}/"):
        raise SpecError(path, f"lies under {prefix}, where this module keeps its own labels: use another domain")
    if not isinstance(value, str):
        raise SpecError(path, f"must be a string, got {value!r}: quote it")
    problem = labels.value_problem(value)
    if problem:
        raise SpecError(path, f"{value!r} {problem}")
    return value
