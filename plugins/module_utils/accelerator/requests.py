# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `accelerator: nvidia` means for a runtime: resources, tolerations, and how the node is chosen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import labels
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.vendors import (
    DEFAULT_PREFIX,
    DEFAULT_TABLE,
    Table,
    Vendor,
    is_plain,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import quantities, spec
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

SELECT = ("labels", "vendor_labels", "none")

# Ansible's argument spec of the dictionary form; a plain string is {vendor: <string>}, or {resource: <string>}.
OPTIONS: dict[str, dict[str, Any]] = {
    "vendor": {"type": "str"},
    "resource": {"type": "str"},
    "count": {"type": "int", "default": 1},
    "product": {"type": "str"},
    "memory": {"type": "str"},
    "mig": {"type": "str"},
    "select": {"type": "str", "choices": list(SELECT), "default": "labels"},
    "tolerate": {"type": "bool", "default": True},
    "prefix": {"type": "str", "default": DEFAULT_PREFIX},
}

_MIG_PROFILE = re.compile(r"\d+g\.\d+gb(\.[a-z0-9.]+)?")
_MIB = 2**20


def accelerator_options(
    accelerator: str | Mapping[str, Any] | None, *, path: str = "accelerator", table: Table = DEFAULT_TABLE
) -> dict[str, Any]:
    """What a runtime has to say to get the accelerator that is asked for.

    accelerator: a vendor's name (``nvidia``, ``amd``, ``intel``, ``gaudi``), a resource (``example.com/npu``), or a
    dictionary with the keys of OPTIONS: ``count`` devices; ``product`` as the node's label has it; ``memory``, the
    least that one device must have, as a quantity; ``mig``, a profile such as ``1g.5gb``, which nodes of the strategy
    "mixed" offer by its name, and those of "single" as ``resource: nvidia.com/gpu``; ``select``, how a node is
    chosen: by the ``labels`` that gpu_node writes, by the vendor's own (``vendor_labels``), or ``none`` (the resource
    alone decides); ``tolerate``; ``prefix``, gpu_node's.

    Returns::

        resources      {requests: {…}, limits: {…}}: an extended resource needs both, and equal
        tolerations    [{key, operator}]: every effect
        node_selector  {label: value}
        affinity       a pod's affinity, {} unless product, memory or a slice under the whole's name is asked for
        replaces       regular expressions of the resources that this one stands in for: the vendor's
        excludes       those of the accelerators that nobody means to have beside it: the other vendors'

    Empty for None. Raises SpecError with the field's path.
    """
    if accelerator is None:
        return {"resources": {}, "tolerations": [], "node_selector": {}, "affinity": {}, "replaces": [], "excludes": []}
    wanted = _complete(accelerator, path)
    vendor = _vendor(wanted, path, table)
    resource = _resource(wanted, vendor, path)
    amount = str(_count(wanted["count"], f"{path}.count"))
    return {
        "resources": {"requests": {resource: amount}, "limits": {resource: amount}},
        "tolerations": _tolerations(resource, vendor) if wanted["tolerate"] else [],
        "node_selector": _node_selector(wanted, vendor, path),
        "affinity": _affinity(wanted, vendor, resource, path),
        **_rivals(resource, vendor, table),
    }


def _complete(accelerator: str | Mapping[str, Any], path: str) -> dict[str, Any]:
    if isinstance(accelerator, str):
        accelerator = {"resource" if "/" in accelerator else "vendor": accelerator}
    if not isinstance(accelerator, Mapping):
        raise SpecError(path, "must be a vendor's name, a resource name or a dictionary")
    unknown = sorted(set(accelerator) - set(OPTIONS))
    if unknown:
        raise SpecError(f"{path}.{unknown[0]}", f"is not known; known are {', '.join(OPTIONS)}")
    given = {key: value for key, value in accelerator.items() if value is not None}
    wanted = {**{key: option.get("default") for key, option in OPTIONS.items()}, **given}
    for key in ("vendor", "resource", "product", "memory", "mig", "prefix"):
        if wanted[key] is not None and not isinstance(wanted[key], str):
            raise SpecError(f"{path}.{key}", f"must be a string, got {wanted[key]!r}: quote it")
    wanted["tolerate"] = spec.read_value(spec.Field("tolerate", "flag"), wanted["tolerate"], f"{path}.tolerate")
    if wanted["select"] not in SELECT:
        raise SpecError(f"{path}.select", f"must be one of {', '.join(SELECT)}, got {wanted['select']!r}")
    problem = labels.prefix_problem(wanted["prefix"])
    if problem:
        raise SpecError(f"{path}.prefix", problem)
    return wanted


def _vendor(wanted: Mapping[str, Any], path: str, table: Table) -> Vendor | None:
    name, resource = wanted["vendor"], wanted["resource"]
    of_resource = table.of_resource(resource) if resource else None
    if name is None:
        if resource is None and wanted["mig"] is None:
            raise SpecError(path, "needs a vendor or a resource, as in `accelerator: nvidia`")
        return of_resource if resource else table.named("nvidia")
    vendor = table.named(name)
    if vendor is None and resource is None:
        known = ", ".join(item.name for item in table.vendors)
        raise SpecError(f"{path}.vendor", f"{name!r} is not known ({known}): name the resource too")
    if vendor and resource and not vendor.devices(resource):
        raise SpecError(f"{path}.resource", f"{resource} is no device of vendor {name}")
    return vendor


def _resource(wanted: Mapping[str, Any], vendor: Vendor | None, path: str) -> str:
    resource, mig = wanted["resource"], wanted["mig"]
    if mig is not None:
        return _mig_resource(mig, resource, vendor, wanted["select"], path)
    if resource is None and vendor is not None:
        if not is_plain(vendor.resource):
            raise SpecError(f"{path}.resource", f"is required: of vendor {vendor.name} only {vendor.resource} is known")
        return vendor.resource
    resource = str(resource)
    problem = "needs a domain, as in example.com/npu" if "/" not in resource else labels.key_problem(resource)
    if problem or "*" in resource:
        raise SpecError(f"{path}.resource", f"{resource!r} {problem or 'must be one resource, not a pattern'}")
    return str(resource)


def _mig_resource(mig: str, resource: str | None, vendor: Vendor | None, select: str, path: str) -> str:
    profile = mig.removeprefix("mig-")
    if vendor is None or vendor.name != "nvidia":
        raise SpecError(f"{path}.mig", "only NVIDIA's GPUs have MIG profiles")
    if resource not in (None, vendor.resource, f"nvidia.com/mig-{profile}"):
        raise SpecError(f"{path}.mig", f"asks for nvidia.com/mig-{profile}, and resource for {resource}: give one")
    if resource == vendor.resource and select != "labels":
        raise SpecError(f"{path}.mig", f"is told from a whole {resource} only by gpu_node's labels: use select: labels")
    if not _MIG_PROFILE.fullmatch(profile):
        raise SpecError(f"{path}.mig", f"{mig!r} is no MIG profile such as 1g.5gb or 3g.20gb")
    return resource or f"nvidia.com/mig-{profile}"


def _count(count: Any, path: str) -> int:
    if isinstance(count, str) and count.isdigit():
        count = int(count)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise SpecError(path, f"must be a whole number of devices, 1 or more, got {count!r}")
    return count


def _tolerations(resource: str, vendor: Vendor | None) -> list[dict[str, str]]:
    """By convention accelerator nodes are tainted with the resource's own name, whatever the value.

    Key and operator alone are what Kubernetes' own admission plugin ExtendedResourceToleration adds.
    """
    # a vendor of which only a pattern is known has no name for a taint
    keys = dict.fromkeys([vendor.resource if vendor and is_plain(vendor.resource) else resource, resource])
    return [{"key": key, "operator": "Exists"} for key in keys]


def _rivals(resource: str, vendor: Vendor | None, table: Table) -> dict[str, list[str]]:
    own = vendor.patterns if vendor else (re.escape(resource),)
    others = [pattern for item in table.vendors if item != vendor for pattern in item.patterns]
    return {"replaces": list(own), "excludes": others}


def _node_selector(wanted: Mapping[str, Any], vendor: Vendor | None, path: str) -> dict[str, str]:
    product = wanted["product"]
    if wanted["select"] == "none":
        if product:
            raise SpecError(f"{path}.product", "cannot be chosen with select: none")
        return {}
    if wanted["select"] == "vendor_labels":
        return _by_vendor_labels(product, vendor, path)
    prefix = wanted["prefix"]
    name = vendor.name if vendor else wanted["vendor"]
    selector = {labels.key(prefix, labels.VENDOR): name} if name else {}
    if product:
        selector[labels.key(prefix, labels.PRODUCT)] = labels.value(product)
    return selector


def _by_vendor_labels(product: str | None, vendor: Vendor | None, path: str) -> dict[str, str]:
    if not product:
        return {}
    if vendor is None or not vendor.product:
        raise SpecError(f"{path}.select", "this vendor has no product label: use select: labels")
    return {vendor.product[0]: product}


def _affinity(wanted: Mapping[str, Any], vendor: Vendor | None, resource: str, path: str) -> dict[str, Any]:
    expressions = [*_memory(wanted, path), *_cut_or_whole(wanted, vendor, resource)]
    if not expressions:
        return {}
    term = {"nodeSelectorTerms": [{"matchExpressions": expressions}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}}


def _memory(wanted: Mapping[str, Any], path: str) -> list[dict[str, Any]]:
    if wanted["memory"] is None:
        return []
    if wanted["select"] != "labels":
        raise SpecError(f"{path}.memory", "can be chosen only by gpu_node's labels: use select: labels")
    try:
        least = quantities.units(wanted["memory"])
    except ValueError as error:
        raise SpecError(f"{path}.memory", str(error)) from error
    if least < _MIB:
        raise SpecError(f"{path}.memory", f"{wanted['memory']!r} is less than 1Mi: a unit is missing, as in 40Gi")
    # the label counts MiB, and Gt is the one comparison that node affinity has
    bound = str(-(-least // _MIB) - 1)
    return [{"key": labels.key(wanted["prefix"], labels.MEMORY), "operator": "Gt", "values": [bound]}]


def _cut_or_whole(wanted: Mapping[str, Any], vendor: Vendor | None, resource: str) -> list[dict[str, Any]]:
    """What tells a whole device from a part of one, where both are offered under one name.

    A product and its memory are those of a whole device. A node of MIG strategy "single" offers its slices under the
    name of the whole, and one that shares its devices each of them several times; "mixed" has names of its own.
    """
    if vendor is None or resource != vendor.resource or wanted["select"] != "labels":
        return []
    mig = labels.key(wanted["prefix"], labels.MIG)
    if wanted["mig"] is not None:
        profile = labels.key(wanted["prefix"], f"mig-{wanted['mig'].removeprefix('mig-')}")
        return [{"key": mig, "operator": "In", "values": ["single"]}, {"key": profile, "operator": "Exists"}]
    if wanted["product"] is None and wanted["memory"] is None:
        return []
    shared = {"key": labels.key(wanted["prefix"], labels.SHARED), "operator": "DoesNotExist"}
    return [{"key": mig, "operator": "NotIn", "values": ["single"]}, shared] if vendor.strategy else [shared]
