# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles with which OpenShift AI's dashboard offers accelerators: one for each vendor, resource and product found.

Which kind is written depends on what the cluster serves: HardwareProfile of infrastructure.opendatahub.io (OpenShift
AI 3), or of dashboard.opendatahub.io together with AcceleratorProfile (2.22, whose dashboard reads either, by a flag).
Sources: opendatahub-operator api/infrastructure/v1/hardwareprofile_types.go, odh-dashboard
frontend/src/api/k8s/hardwareProfiles.ts and its CRDs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import labels, nodes
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.nodes import Accelerator
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.requests import accelerator_options

NAMESPACES = ("redhat-ods-applications", "opendatahub")
MANAGED_BY = {"app.kubernetes.io/managed-by": "modelserving.kserve"}

# What the dashboard offers beside the devices; a user changes it in the form.
_CPU = {"displayName": "CPU", "identifier": "cpu", "minCount": 1, "defaultCount": 2, "resourceType": "CPU"}
_MEMORY = {
    "displayName": "Memory",
    "identifier": "memory",
    "minCount": "2Gi",
    "defaultCount": "8Gi",
    "resourceType": "Memory",
}


@dataclass(frozen=True)
class Offer:
    """One kind of device that the cluster has."""

    vendor: str
    resource: str
    product: str | None
    most: int
    """devices on the largest node: more cannot be given to one pod"""
    display: str
    slice: str | None = None
    """the MIG profile, where slices go by the whole device's resource"""
    shared: bool = False
    """whether several pods get the same device"""
    label: tuple[str, str] | None = None
    """the vendor's label that tells this offer from one of the same product that is cut up or shared otherwise"""

    @property
    def name(self) -> str:
        """An object's name: lower-case letters, digits and "-"."""
        resource = self.resource.partition("/")[2]
        kind = [
            "" if resource == "gpu" else resource,
            f"mig-{self.slice}-single" if self.slice else "",
            "shared" if self.shared and not resource.endswith("shared") else "",
        ]
        head, tail = _dns(self.vendor, self.product or ""), _dns(*kind)
        return f"{head[: labels.MAX_VALUE - len(tail) - 1].rstrip('-')}-{tail}" if tail else head[: labels.MAX_VALUE]

    @property
    def title(self) -> str:
        resource = self.resource.partition("/")[2]
        mig = f"mig-{self.slice}" if self.slice else resource if resource.startswith("mig-") else ""
        kind = ", ".join(filter(None, [mig, "shared" if self.shared else ""]))
        return " ".join(filter(None, [self.product or self.display, f"({kind})" if kind else ""]))


def _dns(*parts: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", "-".join(filter(None, parts)).lower()).strip("-")


def offers(accelerators: Iterable[Accelerator]) -> list[Offer]:
    """What the cluster has to offer, one entry for each vendor, resource, product, and way to cut up or share it.

    The label of a product is the same for whole devices, slices and replicas of it. Where a cluster has more than one
    of them, the vendor's own label tells them apart; elsewhere it is left out, since new nodes get it late.
    """
    found: dict[tuple[str, str, str | None, str | None, bool], Offer] = {}
    forms: dict[tuple[str, str, str | None], set[tuple[str, str] | None]] = {}
    for item in accelerators:
        vendor = item.vendor
        for resource, count in item.resources.items():
            key = (vendor.name, resource, item.product, item.slice, item.shared)
            most = max(found[key].most, count) if key in found else count
            label = found[key].label if key in found else item.product_label
            display = vendor.display or vendor.name
            found[key] = Offer(*key[:3], most, display, slice=item.slice, shared=item.shared, label=label)
            forms.setdefault(key[:3], set()).add(label)
    return [
        replace(offer, label=offer.label if len(forms[key[:3]]) > 1 else None)
        for key, offer in sorted(found.items(), key=str)
    ]


def build(kind: tuple[str, str, str, bool], offer: Offer, options: nodes.Options, namespace: str) -> dict[str, Any]:
    """The profile object of one kind (an entry of KINDS) for one offer."""
    api_version, name, _plural, _namespaced = kind
    annotations, spec = _SPECS[api_version, name](offer, options)
    metadata: dict[str, Any] = {"name": offer.name, "namespace": namespace, "labels": dict(MANAGED_BY)}
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": api_version, "kind": name, "metadata": metadata, "spec": spec}


def _placement(offer: Offer, options: nodes.Options) -> tuple[dict[str, str], list[dict[str, str]]]:
    wanted = {
        "vendor": offer.vendor,
        "resource": offer.resource,
        "product": offer.product,
        "prefix": options.prefix,
    }
    found = accelerator_options(wanted, table=options.table)
    ours = [{"key": rule.key, "operator": "Exists"} for rule in options.taints if rule.key]
    tolerations = found["tolerations"] + [item for item in ours if item not in found["tolerations"]]
    return {**found["node_selector"], **dict([offer.label] if offer.label else [])}, tolerations


def _identifiers(offer: Offer) -> list[dict[str, Any]]:
    device = {
        "displayName": offer.display,
        "identifier": offer.resource,
        "minCount": 1,
        "maxCount": offer.most,
        "defaultCount": 1,
        "resourceType": "Accelerator",
    }
    return [dict(_CPU), dict(_MEMORY), device]


def _infrastructure(offer: Offer, options: nodes.Options) -> tuple[dict[str, str], dict[str, Any]]:
    selector, tolerations = _placement(offer, options)
    annotations = {
        "opendatahub.io/display-name": offer.title,
        "opendatahub.io/description": _description(offer),
        "opendatahub.io/disabled": "false",
        "opendatahub.io/dashboard-feature-visibility": "[]",
    }
    node = {"nodeSelector": selector, "tolerations": tolerations}
    return annotations, {"identifiers": _identifiers(offer), "scheduling": {"type": "Node", "node": node}}


def _dashboard(offer: Offer, options: nodes.Options) -> tuple[dict[str, str], dict[str, Any]]:
    selector, tolerations = _placement(offer, options)
    return {}, {
        "displayName": offer.title,
        "description": _description(offer),
        "enabled": True,
        "identifiers": _identifiers(offer),
        "nodeSelector": selector,
        "tolerations": tolerations,
    }


def _accelerator(offer: Offer, options: nodes.Options) -> tuple[dict[str, str], dict[str, Any]]:
    _selector, tolerations = _placement(offer, options)
    return {}, {
        "displayName": offer.title,
        "description": _description(offer),
        "enabled": True,
        "identifier": offer.resource,
        "tolerations": tolerations,
    }


def _description(offer: Offer) -> str:
    return f"Up to {offer.most} {offer.resource} for one server."


_Builder = Callable[[Offer, nodes.Options], tuple[dict[str, str], dict[str, Any]]]

INFRASTRUCTURE_V1 = ("infrastructure.opendatahub.io/v1", "HardwareProfile", "hardwareprofiles", True)
INFRASTRUCTURE_V1ALPHA1 = ("infrastructure.opendatahub.io/v1alpha1", "HardwareProfile", "hardwareprofiles", True)
DASHBOARD_HARDWARE = ("dashboard.opendatahub.io/v1alpha1", "HardwareProfile", "hardwareprofiles", True)
DASHBOARD_ACCELERATOR = ("dashboard.opendatahub.io/v1", "AcceleratorProfile", "acceleratorprofiles", True)

_SPECS: dict[tuple[str, str], _Builder] = {
    INFRASTRUCTURE_V1[:2]: _infrastructure,
    INFRASTRUCTURE_V1ALPHA1[:2]: _infrastructure,
    DASHBOARD_HARDWARE[:2]: _dashboard,
    DASHBOARD_ACCELERATOR[:2]: _accelerator,
}

# Of each row the first kind that the cluster serves is written; a later row only where no earlier one is served.
GENERATIONS: tuple[tuple[tuple[tuple[str, str, str, bool], ...], ...], ...] = (
    ((INFRASTRUCTURE_V1, INFRASTRUCTURE_V1ALPHA1),),
    ((DASHBOARD_HARDWARE,), (DASHBOARD_ACCELERATOR,)),
)


def kinds(served: Callable[[tuple[str, str, str, bool]], bool]) -> list[tuple[str, str, str, bool]]:
    """The kinds to write, given which ones the cluster serves."""
    for generation in GENERATIONS:
        found = [next((kind for kind in row if served(kind)), None) for row in generation]
        if any(found):
            return [kind for kind in found if kind]
    return []
