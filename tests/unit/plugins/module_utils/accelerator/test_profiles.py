# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import nodes, profiles

PREFIX = "accelerator.modelserving.io"


def accelerator(resources: dict[str, str], labels: dict[str, str] | None = None) -> nodes.Accelerator:
    found = nodes.discover({"metadata": {"labels": labels or {}}, "status": {"allocatable": resources}})
    assert found is not None
    return found


T4 = {"nvidia.com/gpu.product": "Tesla-T4"}


def test_one_offer_for_each_vendor_resource_and_product() -> None:
    found = profiles.offers(
        [
            accelerator({"nvidia.com/gpu": "1"}, T4),
            accelerator({"nvidia.com/gpu": "4"}, T4),
            accelerator({"nvidia.com/mig-1g.5gb": "7"}, {"nvidia.com/gpu.product": "A100"}),
            accelerator({"amd.com/gpu": "8"}),
        ]
    )
    assert [(item.name, item.resource, item.most, item.title) for item in found] == [
        ("amd", "amd.com/gpu", 8, "AMD GPU"),
        ("nvidia-tesla-t4", "nvidia.com/gpu", 4, "Tesla-T4"),
        ("nvidia-a100-mig-1g-5gb", "nvidia.com/mig-1g.5gb", 7, "A100 (mig-1g.5gb)"),
    ]


PRODUCT = "nvidia.com/gpu.product"


def test_slices_and_replicas_are_offers_of_their_own() -> None:
    """All of them go by nvidia.com/gpu and by one label of ours; the vendor's own tells them apart."""
    whole = accelerator({"nvidia.com/gpu": "8"}, {PRODUCT: "A100"})
    found = profiles.offers(
        [
            whole,
            accelerator({"nvidia.com/gpu": "56"}, {PRODUCT: "A100-MIG-1g.5gb"}),
            accelerator({"nvidia.com/gpu": "16"}, {PRODUCT: "A100-SHARED"}),
            accelerator({"nvidia.com/mig-1g.5gb": "7"}, {PRODUCT: "A100"}),
        ]
    )
    assert [(item.name, item.most, item.title) for item in found] == [
        ("nvidia-a100-mig-1g-5gb-single", 56, "A100 (mig-1g.5gb)"),
        ("nvidia-a100", 8, "A100"),
        ("nvidia-a100-shared", 16, "A100 (shared)"),
        ("nvidia-a100-mig-1g-5gb", 7, "A100 (mig-1g.5gb)"),
    ]
    selectors = [
        profiles.build(profiles.DASHBOARD_HARDWARE, item, OPTIONS, "d")["spec"]["nodeSelector"] for item in found
    ]
    assert [item.get(PRODUCT) for item in selectors] == ["A100-MIG-1g.5gb", "A100", "A100-SHARED", None]
    assert {item[f"{PREFIX}/product"] for item in selectors} == {"A100"}
    # nodes to come have the vendor's label late: it is left out where nothing has to be told apart
    assert profiles.offers([whole])[0].label is None


def test_a_driver_that_is_not_ready_offers_nothing() -> None:
    assert profiles.offers([accelerator({"nvidia.com/gpu": "0"}, {"nvidia.com/gpu.present": "true"})]) == []


OPTIONS = nodes.make_options(taints=[{"key": "gpu-only", "effect": "NoExecute"}, {}])
TOLERATIONS = [{"key": "nvidia.com/gpu", "operator": "Exists"}, {"key": "gpu-only", "operator": "Exists"}]
SELECTOR = {f"{PREFIX}/vendor": "nvidia", f"{PREFIX}/product": "Tesla-T4"}


def built(kind: Any) -> dict[str, Any]:
    [offer] = profiles.offers([accelerator({"nvidia.com/gpu": "4"}, T4)])
    return profiles.build(kind, offer, OPTIONS, "redhat-ods-applications")


@pytest.mark.parametrize("kind", [profiles.INFRASTRUCTURE_V1, profiles.INFRASTRUCTURE_V1ALPHA1])
def test_hardware_profile_of_openshift_ai_3(kind: Any) -> None:
    found = built(kind)
    assert (found["apiVersion"], found["kind"]) == kind[:2]
    assert found["metadata"]["annotations"]["opendatahub.io/display-name"] == "Tesla-T4"
    assert found["spec"]["scheduling"] == {
        "type": "Node",
        "node": {"nodeSelector": SELECTOR, "tolerations": TOLERATIONS},
    }
    device = found["spec"]["identifiers"][-1]
    assert (device["identifier"], device["maxCount"]) == ("nvidia.com/gpu", 4)


def test_profiles_of_openshift_ai_2_22() -> None:
    hardware, accelerated = built(profiles.DASHBOARD_HARDWARE), built(profiles.DASHBOARD_ACCELERATOR)
    assert (hardware["spec"]["nodeSelector"], hardware["spec"]["tolerations"]) == (SELECTOR, TOLERATIONS)
    assert accelerated["spec"]["identifier"] == "nvidia.com/gpu"
    assert accelerated["spec"]["tolerations"] == TOLERATIONS


@pytest.mark.parametrize(
    ("served", "kinds"),
    [
        ([], []),
        ([profiles.INFRASTRUCTURE_V1, profiles.INFRASTRUCTURE_V1ALPHA1], [profiles.INFRASTRUCTURE_V1]),
        ([profiles.INFRASTRUCTURE_V1ALPHA1, profiles.DASHBOARD_HARDWARE], [profiles.INFRASTRUCTURE_V1ALPHA1]),
        (
            [profiles.DASHBOARD_HARDWARE, profiles.DASHBOARD_ACCELERATOR],
            [profiles.DASHBOARD_HARDWARE, profiles.DASHBOARD_ACCELERATOR],
        ),
        ([profiles.DASHBOARD_ACCELERATOR], [profiles.DASHBOARD_ACCELERATOR]),
    ],
)
def test_which_kinds_are_written(served: list[Any], kinds: list[Any]) -> None:
    assert profiles.kinds(lambda kind: kind in served) == kinds


def test_names_are_dns_labels() -> None:
    offer = profiles.Offer("nvidia", "nvidia.com/gpu", "NVIDIA RTX™ 6000 / Ada " + "x" * 60, 1, "NVIDIA GPU")
    assert len(offer.name) <= 63
    assert offer.name.startswith("nvidia-nvidia-rtx-6000-ada-")
    shared = replace(offer, shared=True)
    assert len(shared.name) == 63 and shared.name.endswith("x-shared")


def test_a_pattern_is_no_key_of_a_toleration() -> None:
    options = nodes.make_options(vendors=[{"name": "npu", "resources": ["example.com/npu-*"]}])
    node = {"metadata": {}, "status": {"allocatable": {"example.com/npu-a": "2"}}}
    found = nodes.discover(node, options.table)
    assert found is not None
    [offer] = profiles.offers([found])
    spec = profiles.build(profiles.DASHBOARD_HARDWARE, offer, options, "opendatahub")["spec"]
    assert spec["tolerations"] == [{"key": "example.com/npu-a", "operator": "Exists"}]
