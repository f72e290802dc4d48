# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of each accelerator vendor: its resources, and the labels that its operators put on nodes.

Sources: the GPU operator's and gpu-feature-discovery's label list (NVIDIA), the k8s-device-plugin's node labeller
(AMD), intel-device-plugins-for-kubernetes' node feature rules and the Gaudi operator (Intel), and Node Feature
Discovery's PCI labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

Toleration = Mapping[str, str]

DEFAULT_PREFIX = "accelerator.modelserving.io"

# Whoever writes under these owns them; this collection reads them and never writes there.
OPERATOR_DOMAINS = (
    "nvidia.com",
    "amd.com",
    "intel.com",
    "habana.ai",
    "kubernetes.io",
    "k8s.io",
    "openshift.io",
)


@dataclass(frozen=True)
class Vendor:
    """One vendor's names. Patterns are regular expressions that a whole resource name must match."""

    name: str
    resource: str
    """the resource that `accelerator: <name>` asks for; a pattern where a user gave nothing else"""
    patterns: tuple[str, ...]
    """resources that stand for a device of this vendor"""
    present: tuple[str, ...] = ()
    """labels (NFD's, or the vendor's own) that say "the hardware is here", whatever the driver does"""
    product: tuple[str, ...] = ()
    """labels that name the product, best first"""
    memory: tuple[str, ...] = ()
    """labels with the memory of one device: a bare number counts MiB, "192G" (AMD's labeller) GiB"""
    strategy: tuple[str, ...] = ()
    """labels that tell how devices are partitioned (MIG)"""
    sharing: str = ""
    """what follows a resource's name in the label that tells how its devices are shared (time-slicing, MPS)"""
    taint_value: str = ""
    """the value of a taint named after the resource, as the vendor's own pods expect it"""
    tolerations: tuple[Toleration, ...] = ()
    """what all of the vendor's own pods (feature discovery, driver, device plugin) are known to tolerate by default"""
    reserved: tuple[str, ...] = ()
    """resources and labels of a user's vendor; OPERATOR_DOMAINS has the others'"""
    display: str = ""

    def devices(self, name: str) -> bool:
        """Whether the resource *name* stands for a device of this vendor."""
        return any(_compiled(pattern).fullmatch(name) for pattern in self.patterns)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_VENDORS: tuple[Vendor, ...] = (
    Vendor(
        name="nvidia",
        display="NVIDIA GPU",
        resource="nvidia.com/gpu",
        # ".shared" is what time-slicing and MPS name a replica when renameByDefault is on
        patterns=(r"nvidia\.com/gpu(\.shared)?", r"nvidia\.com/mig-.+"),
        present=(
            "feature.node.kubernetes.io/pci-10de.present",
            "feature.node.kubernetes.io/pci-0302_10de.present",
            "feature.node.kubernetes.io/pci-0300_10de.present",
            "nvidia.com/gpu.present",
        ),
        product=("nvidia.com/gpu.product",),
        memory=("nvidia.com/gpu.memory",),
        strategy=("nvidia.com/mig.strategy",),
        sharing=".sharing-strategy",
        taint_value="present",
        # the Node Feature Discovery of the device plugin's chart, and of the GPU operator before 23.3, wants this value
        tolerations=({"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"},),
    ),
    Vendor(
        name="amd",
        display="AMD GPU",
        resource="amd.com/gpu",
        # with resource_naming_strategy=mixed the device plugin names partitions, as in amd.com/cpx_nps4
        patterns=(r"amd\.com/gpu", r"amd\.com/[a-z]+_nps\d"),
        # display controllers and processing accelerators are Instinct cards. Not pci-0300_1002, which is also every
        # processor with integrated graphics: a node that is none would be labelled and tainted
        present=(
            "feature.node.kubernetes.io/amd-gpu",
            "feature.node.kubernetes.io/pci-0380_1002.present",
            "feature.node.kubernetes.io/pci-1200_1002.present",
        ),
        product=("amd.com/gpu.product-name", "beta.amd.com/gpu.product-name"),
        memory=("amd.com/gpu.vram", "beta.amd.com/gpu.vram"),
    ),
    Vendor(
        name="intel",
        display="Intel GPU",
        resource="gpu.intel.com/i915",
        # the same prefix also carries monitoring and fractional resources, which are no devices
        patterns=(r"gpu\.intel\.com/(?:i915|xe)",),
        present=("intel.feature.node.kubernetes.io/gpu",),
        # of the memory nothing is said: gpu.intel.com/memory.max of older plugins was the sum of the node's devices
        product=("gpu.intel.com/product",),
    ),
    Vendor(
        name="gaudi",
        display="Intel Gaudi",
        resource="habana.ai/gaudi",
        patterns=(r"habana\.ai/gaudi\d?",),
        present=(
            "intel.feature.node.kubernetes.io/gaudi",
            "feature.node.kubernetes.io/pci-1da3.present",
            "feature.node.kubernetes.io/pci-1200_1da3.present",
        ),
        # used by autoscalers, and documented nowhere: the node has no product where nobody writes it
        product=("habana.ai/product.name",),
    ),
)

VENDORS: Mapping[str, Vendor] = {vendor.name: vendor for vendor in _VENDORS}


@dataclass(frozen=True)
class Table:
    """The vendors to look for: the built-in ones, and those that a user adds (an added name replaces a built-in)."""

    vendors: tuple[Vendor, ...] = field(default=_VENDORS)

    @classmethod
    def with_custom(cls, custom: Iterable[Mapping[str, object]]) -> Table:
        """The table with *custom* vendors, given as dictionaries.

        Keys: name, resources (names, or patterns with ``*``), and optionally present_labels, product_labels,
        memory_labels, display_name. Raises ValueError with what is wrong.
        """
        added = [_custom(entry) for entry in custom]
        names = {vendor.name for vendor in added}
        return cls((*added, *(vendor for vendor in _VENDORS if vendor.name not in names)))

    def of_resource(self, resource: str) -> Vendor | None:
        """The vendor of a resource name, or None."""
        return next((vendor for vendor in self.vendors if vendor.devices(resource)), None)

    def named(self, name: str) -> Vendor | None:
        return next((vendor for vendor in self.vendors if vendor.name == name), None)

    def owner(self, key: str) -> str | None:
        """Whose a label or annotation key is, in words that follow "belongs to"; None where it may be ours."""
        vendor = next((vendor for vendor in self.vendors if vendor.devices(key) or key in vendor.reserved), None)
        if vendor:
            return f"vendor {vendor.name}, whose resource or label it is"
        return "an operator or to Kubernetes itself" if operator_owned(key) else None

    def domain_owner(self, domain: str) -> str | None:
        """Whose a whole domain is, as ``owner`` says it: any vendor's that writes names right under it."""
        own = f"{domain}/"
        vendor = next((item for item in self.vendors if own in map(_domain, item.reserved)), None)
        return f"vendor {vendor.name}, which writes there" if vendor else self.owner(f"{domain}/x")


DEFAULT_TABLE = Table()


def _custom(entry: Mapping[str, object]) -> Vendor:
    name = entry.get("name")
    resources = _strings(entry, "resources")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", name):
        raise ValueError(f"a vendor's name must be usable as a label value, got {name!r}")
    if not resources or any("/" not in resource or "*" in resource.partition("/")[0] for resource in resources):
        raise ValueError(f"vendor {name} needs resources, each with a domain, as in example.com/npu")
    labels = {key: _strings(entry, f"{key}_labels") for key in ("present", "product", "memory")}
    names = [*resources, *(label for found in labels.values() for label in found)]
    return Vendor(
        name=name,
        display=str(entry.get("display_name") or name),
        resource=next(filter(is_plain, resources), resources[0]),
        patterns=tuple(re.escape(resource).replace(r"\*", ".*") for resource in resources),
        present=labels["present"],
        product=labels["product"],
        memory=labels["memory"],
        reserved=tuple(dict.fromkeys(names)),
    )


def _strings(entry: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = entry.get(key) or ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"vendor {entry.get('name')}: {key} must be a list of strings")
    return tuple(value)


def operator_owned(key: str) -> bool:
    """Whether a label or annotation key lies under a domain that an operator or Kubernetes itself writes."""
    return _under(key, OPERATOR_DOMAINS)


def _domain(name: str) -> str:
    domain, slash, _name = name.partition("/")
    return domain + slash


def _under(key: str, reserved: Iterable[str]) -> bool:
    """Whether a key lies under one of these domains, or is one of these names."""
    domain, slash, _name = key.partition("/")
    return any(domain == owner or bool(slash) and domain.endswith(f".{owner}") for owner in reserved)


def is_plain(resource: str) -> bool:
    """Whether a resource is a name, and no pattern with ``*``."""
    return "*" not in resource


def is_true(value: str | None) -> bool:
    """Whether a presence label says yes: it is there, and not "false"."""
    return value is not None and value.lower() != "false"


def names_product(label: str) -> bool:
    """Whether a node label names an accelerator's product: a vendor's own, or ``<prefix>/product``."""
    return label in _PRODUCT_LABELS or label.partition("/")[2] == "product"


_PRODUCT_LABELS = frozenset(label for vendor in _VENDORS for label in vendor.product)
