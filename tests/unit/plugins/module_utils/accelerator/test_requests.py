# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import fit
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.requests import accelerator_options
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.vendors import Table
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

PREFIX = "accelerator.modelserving.io"


@pytest.mark.parametrize(
    ("accelerator", "resource", "count", "selector"),
    [
        ("nvidia", "nvidia.com/gpu", "1", {f"{PREFIX}/vendor": "nvidia"}),
        ("amd", "amd.com/gpu", "1", {f"{PREFIX}/vendor": "amd"}),
        ("intel", "gpu.intel.com/i915", "1", {f"{PREFIX}/vendor": "intel"}),
        ("gaudi", "habana.ai/gaudi", "1", {f"{PREFIX}/vendor": "gaudi"}),
        ("example.com/npu", "example.com/npu", "1", {}),
        ({"vendor": "nvidia", "count": 2}, "nvidia.com/gpu", "2", {f"{PREFIX}/vendor": "nvidia"}),
        ({"vendor": "nvidia", "count": "2"}, "nvidia.com/gpu", "2", {f"{PREFIX}/vendor": "nvidia"}),
        (
            {"vendor": "nvidia", "product": "Tesla T4 (16 GB)"},
            "nvidia.com/gpu",
            "1",
            {f"{PREFIX}/vendor": "nvidia", f"{PREFIX}/product": "Tesla-T4-16-GB"},
        ),
        (
            {"vendor": "nvidia", "product": "NVIDIA-A100", "select": "vendor_labels"},
            "nvidia.com/gpu",
            "1",
            {"nvidia.com/gpu.product": "NVIDIA-A100"},
        ),
        ({"vendor": "nvidia", "select": "none"}, "nvidia.com/gpu", "1", {}),
        ({"mig": "1g.5gb"}, "nvidia.com/mig-1g.5gb", "1", {f"{PREFIX}/vendor": "nvidia"}),
        ({"resource": "nvidia.com/mig-3g.20gb"}, "nvidia.com/mig-3g.20gb", "1", {f"{PREFIX}/vendor": "nvidia"}),
        ({"resource": "example.com/npu", "vendor": "example"}, "example.com/npu", "1", {f"{PREFIX}/vendor": "example"}),
        ({"vendor": "amd", "prefix": "gpu.example.org"}, "amd.com/gpu", "1", {"gpu.example.org/vendor": "amd"}),
        ({"vendor": "intel", "resource": "gpu.intel.com/xe"}, "gpu.intel.com/xe", "1", {f"{PREFIX}/vendor": "intel"}),
    ],
)
def test_resources_and_selector(accelerator: Any, resource: str, count: str, selector: dict[str, str]) -> None:
    options = accelerator_options(accelerator)
    assert options["resources"] == {"requests": {resource: count}, "limits": {resource: count}}
    assert options["node_selector"] == selector


@pytest.mark.parametrize(
    ("accelerator", "keys"),
    [
        ("nvidia", ["nvidia.com/gpu"]),
        # nodes are tainted with the vendor's main resource, whatever slices they offer
        ({"mig": "1g.5gb"}, ["nvidia.com/gpu", "nvidia.com/mig-1g.5gb"]),
        ("example.com/npu", ["example.com/npu"]),
        ({"vendor": "nvidia", "tolerate": False}, []),
        ({"vendor": "nvidia", "tolerate": "false"}, []),  # what a template makes of it
    ],
)
def test_tolerations(accelerator: Any, keys: list[str]) -> None:
    tolerations = accelerator_options(accelerator)["tolerations"]
    assert tolerations == [{"key": key, "operator": "Exists"} for key in keys]


def test_nothing_asked_for() -> None:
    options = accelerator_options(None)
    assert options == dict.fromkeys(("resources", "node_selector", "affinity"), {}) | dict.fromkeys(
        ("tolerations", "replaces", "excludes"), []
    )


@pytest.mark.parametrize(("label", "fits"), [("40959", False), ("40960", True), ("81920", True)])
def test_memory_is_a_least(label: str, fits: bool) -> None:
    options = accelerator_options({"vendor": "nvidia", "memory": "40Gi"})
    pod = {
        "spec": {
            "containers": [{"name": "c", "resources": options["resources"]}],
            "nodeSelector": options["node_selector"],
            "affinity": options["affinity"],
        }
    }
    node = {
        "metadata": {"name": "a", "labels": {f"{PREFIX}/vendor": "nvidia", f"{PREFIX}/memory": label}},
        "status": {"allocatable": {"nvidia.com/gpu": "1", "pods": "10"}},
    }
    assert bool(fit.why_not(pod, [node], [])["fits"]) is fits


WHOLE = {f"{PREFIX}/vendor": "nvidia", f"{PREFIX}/product": "A100", f"{PREFIX}/memory": "81920"}
NODES = {
    "whole": (WHOLE, "nvidia.com/gpu"),
    # strategy mixed: what is cut up has a name of its own, and what is not is whole
    "mixed": ({**WHOLE, f"{PREFIX}/mig": "mixed", f"{PREFIX}/mig-1g.10gb": "7"}, "nvidia.com/gpu"),
    "single": ({**WHOLE, f"{PREFIX}/mig": "single", f"{PREFIX}/mig-1g.10gb": "56"}, "nvidia.com/gpu"),
    "other slices": ({**WHOLE, f"{PREFIX}/mig": "single", f"{PREFIX}/mig-2g.20gb": "24"}, "nvidia.com/gpu"),
    "shared": ({**WHOLE, f"{PREFIX}/shared": "true"}, "nvidia.com/gpu"),
    "slices": ({**WHOLE, f"{PREFIX}/mig": "mixed", f"{PREFIX}/mig-1g.10gb": "56"}, "nvidia.com/mig-1g.10gb"),
}


@pytest.mark.parametrize(
    ("accelerator", "fits"),
    [
        # whatever the cluster offers under the name
        ("nvidia", ["whole", "mixed", "single", "other slices", "shared"]),
        ({"vendor": "nvidia", "product": "A100"}, ["whole", "mixed"]),
        ({"vendor": "nvidia", "memory": "40Gi"}, ["whole", "mixed"]),
        ({"mig": "1g.10gb"}, ["slices"]),
        ({"mig": "1g.10gb", "product": "A100"}, ["slices"]),
        ({"mig": "1g.10gb", "resource": "nvidia.com/gpu"}, ["single"]),
        ({"mig": "1g.10gb", "resource": "nvidia.com/gpu", "product": "A100"}, ["single"]),
    ],
)
def test_whole_devices_and_parts_of_them(accelerator: Any, fits: list[str]) -> None:
    options = accelerator_options(accelerator)
    pod = {
        "spec": {
            "containers": [{"name": "c", "resources": options["resources"]}],
            "nodeSelector": options["node_selector"],
            "affinity": options["affinity"],
        }
    }
    nodes = [
        {"metadata": {"name": name, "labels": carried}, "status": {"allocatable": {resource: "1", "pods": "10"}}}
        for name, (carried, resource) in NODES.items()
    ]
    assert fit.why_not(pod, nodes, [])["fits"] == fits


def test_what_cannot_be_asked_for_beside_it() -> None:
    options = accelerator_options("nvidia")

    def named(patterns: list[str], name: str) -> bool:
        return any(re.fullmatch(pattern, name) for pattern in patterns)

    assert named(options["replaces"], "nvidia.com/mig-1g.5gb")
    assert named(options["excludes"], "amd.com/gpu")
    assert not any(named(options[key], "rdma/hca") for key in ("replaces", "excludes"))
    assert named(accelerator_options("example.com/npu")["replaces"], "example.com/npu")


def test_custom_vendor() -> None:
    table = Table.with_custom([{"name": "example", "resources": ["example.com/npu"]}])
    options = accelerator_options("example", table=table)
    assert options["resources"]["limits"] == {"example.com/npu": "1"}
    assert options["node_selector"] == {f"{PREFIX}/vendor": "example"}


def test_a_vendor_of_which_only_a_pattern_is_known_needs_a_resource() -> None:
    table = Table.with_custom([{"name": "example", "resources": ["example.com/npu-*"]}])
    with pytest.raises(SpecError, match="only example.com/npu-\\* is known") as caught:
        accelerator_options("example", table=table)
    assert caught.value.path == "accelerator.resource"
    options = accelerator_options({"vendor": "example", "resource": "example.com/npu-a"}, table=table)
    assert options["resources"]["limits"] == {"example.com/npu-a": "1"}


@pytest.mark.parametrize(
    ("accelerator", "path", "words"),
    [
        ("cuda", "accelerator.vendor", "not known"),
        (True, "accelerator", "dictionary"),
        (["nvidia"], "accelerator", "dictionary"),
        ({}, "accelerator", "vendor or a resource"),
        ({"count": 1}, "accelerator", "vendor or a resource"),
        ({"vendor": "nvidia", "gpus": 1}, "accelerator.gpus", "not known"),
        ({"vendor": "nvidia", "count": 0}, "accelerator.count", "1 or more"),
        ({"vendor": "nvidia", "count": 1.5}, "accelerator.count", "whole number"),
        ({"vendor": "nvidia", "count": True}, "accelerator.count", "whole number"),
        ({"vendor": "nvidia", "resource": "amd.com/gpu"}, "accelerator.resource", "no device of vendor nvidia"),
        ({"resource": "gpu"}, "accelerator.resource", "domain"),
        ({"resource": "nvidia.com/mig-*"}, "accelerator.resource", "letters"),
        ({"vendor": "amd", "mig": "1g.5gb"}, "accelerator.mig", "only NVIDIA"),
        ({"vendor": "nvidia", "mig": "half"}, "accelerator.mig", "no MIG profile"),
        ({"mig": "1g.5gb", "resource": "nvidia.com/mig-2g.10gb"}, "accelerator.mig", "give one"),
        ({"mig": "1g.5gb", "resource": "nvidia.com/gpu", "select": "none"}, "accelerator.mig", "select: labels"),
        ({"vendor": "nvidia", "product": 4}, "accelerator.product", "quote it"),
        ({"vendor": "nvidia", "product": "T4", "select": "none"}, "accelerator.product", "select: none"),
        ({"vendor": "nvidia", "select": "magic"}, "accelerator.select", "must be one of"),
        ({"vendor": "nvidia", "memory": "40"}, "accelerator.memory", "unit is missing"),
        ({"vendor": "nvidia", "memory": "40 GB"}, "accelerator.memory", "not a quantity"),
        ({"vendor": "nvidia", "memory": "40Gi", "select": "none"}, "accelerator.memory", "select: labels"),
        ({"vendor": "nvidia", "prefix": "nvidia.com"}, "accelerator.prefix", "belongs to an operator"),
        ({"vendor": "nvidia", "prefix": "Not A Domain"}, "accelerator.prefix", "DNS name"),
    ],
)
def test_what_makes_no_sense_is_said(accelerator: Any, path: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        accelerator_options(accelerator)
    assert caught.value.path == path
    assert words in caught.value.message


def test_tolerate_is_true_or_false() -> None:
    with pytest.raises(SpecError, match=r"^accelerator\.tolerate: must be true or false, not 'maybe'"):
        accelerator_options({"vendor": "nvidia", "tolerate": "maybe"})
