# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import labels, nodes, owned
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.vendors import operator_owned
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from hypothesis import given
from hypothesis import strategies as st

PREFIX = "accelerator.modelserving.io"
NFD = "feature.node.kubernetes.io/pci-10de.present"


def node(
    name: str = "gpu-1",
    allocatable: dict[str, Any] | None = None,
    node_labels: dict[str, str] | None = None,
    capacity: dict[str, Any] | None = None,
    **metadata: Any,
) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": node_labels or {}, "resourceVersion": "7", **metadata},
        "spec": {},
        "status": {"allocatable": allocatable or {}, "capacity": capacity or allocatable or {}},
    }


def ours(plan: nodes.Plan) -> dict[str, str]:
    assert plan.change is not None
    found: dict[str, str] = plan.change.after["labels"]
    return {key.removeprefix(f"{PREFIX}/"): value for key, value in found.items()}


A100 = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB", "nvidia.com/gpu.memory": "40960", NFD: "true"}


@pytest.mark.parametrize(
    ("subject", "wanted"),
    [
        pytest.param(
            node(allocatable={"nvidia.com/gpu": "4"}, node_labels=A100),
            {
                "vendor": "nvidia",
                "product": "NVIDIA-A100-SXM4-40GB",
                "memory": "40960",
                "count": "4",
                "state": "healthy",
            },
            id="NVIDIA",
        ),
        pytest.param(
            node(
                allocatable={"nvidia.com/mig-1g.5gb": "7", "nvidia.com/mig-3g.20gb": "2"},
                node_labels={**A100, "nvidia.com/mig.strategy": "mixed"},
            ),
            {
                "vendor": "nvidia",
                "product": "NVIDIA-A100-SXM4-40GB",
                "memory": "40960",
                "count": "9",
                "mig": "mixed",
                "mig-1g.5gb": "7",
                "mig-3g.20gb": "2",
                "state": "healthy",
            },
            id="MIG mixed",
        ),
        pytest.param(
            node(
                allocatable={"nvidia.com/gpu": "7"},
                node_labels={
                    "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb",
                    "nvidia.com/gpu.memory": "4864",
                    "nvidia.com/mig.strategy": "single",
                },
            ),
            {
                "vendor": "nvidia",
                "product": "NVIDIA-A100-SXM4-40GB",
                "memory": "4864",
                "count": "7",
                "mig": "single",
                "mig-1g.5gb": "7",
                "state": "healthy",
            },
            id="MIG single",
        ),
        pytest.param(
            node(allocatable={"nvidia.com/gpu": "8"}, node_labels={"nvidia.com/gpu.product": "Tesla-T4-SHARED"}),
            {"vendor": "nvidia", "product": "Tesla-T4", "count": "8", "shared": "true", "state": "healthy"},
            id="time-sliced, says the product",
        ),
        pytest.param(
            node(allocatable={"nvidia.com/gpu.shared": "8"}, node_labels={"nvidia.com/gpu.product": "Tesla-T4"}),
            {"vendor": "nvidia", "product": "Tesla-T4", "count": "8", "shared": "true", "state": "healthy"},
            id="time-sliced, says the resource",
        ),
        pytest.param(
            node(
                allocatable={"nvidia.com/gpu": "8"},
                node_labels={"nvidia.com/gpu.product": "Tesla-T4", "nvidia.com/gpu.sharing-strategy": "mps"},
            ),
            {"vendor": "nvidia", "product": "Tesla-T4", "count": "8", "shared": "true", "state": "healthy"},
            id="MPS, says the strategy",
        ),
        pytest.param(
            node(
                allocatable={"nvidia.com/mig-1g.5gb": "14"},
                node_labels={
                    "nvidia.com/gpu.product": "A100",
                    "nvidia.com/gpu.sharing-strategy": "none",
                    "nvidia.com/mig-1g.5gb.sharing-strategy": "time-slicing",
                },
            ),
            {
                "vendor": "nvidia",
                "product": "A100",
                "count": "14",
                "mig": "mixed",
                "mig-1g.5gb": "14",
                "shared": "true",
                "state": "healthy",
            },
            id="shared slices",
        ),
        pytest.param(
            node(
                allocatable={"nvidia.com/gpu": "8"},
                node_labels={"nvidia.com/gpu.product": "Tesla-T4", "nvidia.com/gpu.sharing-strategy": "none"},
            ),
            {"vendor": "nvidia", "product": "Tesla-T4", "count": "8", "state": "healthy"},
            id="not shared",
        ),
        pytest.param(
            node(
                allocatable={"amd.com/gpu": "8"},
                node_labels={"amd.com/gpu.product-name": "AMD_Instinct_MI300X", "amd.com/gpu.vram": "192G"},
            ),
            {"vendor": "amd", "product": "AMD_Instinct_MI300X", "memory": "196608", "count": "8", "state": "healthy"},
            id="AMD",
        ),
        pytest.param(
            node(allocatable={"gpu.intel.com/xe": "1", "gpu.intel.com/xe_monitoring": "1"}),
            {"vendor": "intel", "count": "1", "state": "healthy"},
            id="Intel, monitoring is no device",
        ),
        pytest.param(
            node(allocatable={"habana.ai/gaudi": "8"}, node_labels={"habana.ai/product.name": "Intel-Gaudi-2-96GB"}),
            {"vendor": "gaudi", "product": "Intel-Gaudi-2-96GB", "count": "8", "state": "healthy"},
            id="Gaudi",
        ),
        pytest.param(
            node(allocatable={"nvidia.com/gpu": "0"}, node_labels=A100),
            {
                "vendor": "nvidia",
                "product": "NVIDIA-A100-SXM4-40GB",
                "memory": "40960",
                "state": "driver-not-ready",
            },
            id="hardware, no device",
        ),
        pytest.param(
            node(capacity={"amd.com/gpu": "2"}, allocatable={"amd.com/gpu": "0"}),
            {"vendor": "amd", "state": "driver-not-ready"},
            id="all devices unhealthy",
        ),
        pytest.param(
            node(node_labels={"feature.node.kubernetes.io/pci-1200_1002.present": "true"}),
            {"vendor": "amd", "state": "driver-not-ready"},
            id="AMD, by its PCI class",
        ),
        pytest.param(
            node(node_labels={"feature.node.kubernetes.io/pci-0300_1002.present": "true"}),
            {},
            id="a processor with integrated graphics",
        ),
        pytest.param(node(allocatable={"nvidia.com/gpu": "0"}), {}, id="none at all"),
        pytest.param(node(node_labels={NFD: "false"}), {}, id="NFD says no"),
        pytest.param(node(allocatable={"cpu": "4"}), {}, id="an ordinary node"),
    ],
)
def test_labels(subject: dict[str, Any], wanted: dict[str, str]) -> None:
    assert ours(nodes.plan(subject, nodes.Options())) == wanted


def test_devices_that_are_known_but_not_offered_are_counted() -> None:
    found = nodes.discover(node(allocatable={"nvidia.com/gpu": "3"}, capacity={"nvidia.com/gpu": "4"}))
    assert found is not None
    assert (found.state, found.count, found.unhealthy) == ("healthy", 3, 1)


def test_custom_vendors_come_first() -> None:
    options = nodes.make_options(
        vendors=[{"name": "example", "resources": ["example.com/npu*"], "product_labels": ["example.com/product"]}]
    )
    subject = node(allocatable={"example.com/npu": "2"}, node_labels={"example.com/product": "N 1"})
    assert ours(nodes.plan(subject, options)) == {
        "vendor": "example",
        "product": "N-1",
        "count": "2",
        "state": "healthy",
    }


@pytest.mark.parametrize(
    ("subject", "options", "why"),
    [
        (node(deletionTimestamp="2026-01-01T00:00:00Z"), nodes.Options(), "is being deleted"),
        (node(node_labels={"kubernetes.io/os": "windows"}), nodes.Options(), "runs Windows"),
        (node(node_labels={"node-role.kubernetes.io/master": ""}), nodes.Options(), "is a control plane node"),
        (
            node(node_labels={"node-role.kubernetes.io/control-plane": ""}),
            nodes.Options(control_plane=True),
            None,
        ),
        # what we wrote may be taken away, wherever it is
        (node(node_labels={"node-role.kubernetes.io/master": ""}), nodes.Options(present=False), None),
        (node("gpu-7"), nodes.Options(exclude=("gpu-?",)), "is excluded"),
        (node("gpu-77"), nodes.Options(exclude=("gpu-?",)), None),
        (node("gpu-2"), nodes.Options(names=("gpu-1",)), "is not named"),
        (node("gpu-1"), nodes.Options(names=("gpu-1",)), None),
    ],
)
def test_which_nodes_are_left_alone(subject: dict[str, Any], options: nodes.Options, why: str | None) -> None:
    subject["status"]["allocatable"] = {"nvidia.com/gpu": "1"}
    plan = nodes.plan(subject, options)
    assert plan.skipped == why
    assert (plan.patch is None) is (why is not None or not options.present)


def test_windows_is_known_by_the_kubelet_too() -> None:
    subject = node(allocatable={"nvidia.com/gpu": "1"})
    subject["status"]["nodeInfo"] = {"operatingSystem": "windows"}
    assert nodes.plan(subject, nodes.Options()).skipped == "runs Windows"


def test_the_patch_holds_our_keys_and_a_precondition_only() -> None:
    subject = node(allocatable={"nvidia.com/gpu": "1"}, node_labels={**A100, "zone": "a"})
    options = nodes.make_options(taints=[{"value": "present"}], extra_labels={"example.org/pool": "serving"})
    patch = nodes.plan(subject, options).patch
    assert patch is not None
    assert patch["metadata"]["resourceVersion"] == "7"
    assert set(patch["metadata"]) == {"resourceVersion", "labels", "annotations"}
    assert not any(operator_owned(key) for key in patch["metadata"]["labels"])
    assert patch["metadata"]["labels"]["example.org/pool"] == "serving"
    assert list(patch["metadata"]["annotations"]) == [f"{PREFIX}/owned"]
    assert patch["spec"] == {"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule", "value": "present"}]}


def apply(subject: dict[str, Any], patch: dict[str, Any]) -> None:
    """A JSON merge patch (RFC 7386) of the parts that plans write."""
    for field in ("labels", "annotations"):
        target = subject["metadata"].setdefault(field, {})
        for key, value in patch["metadata"].get(field, {}).items():
            target.pop(key, None) if value is None else target.update({key: value})
    if "spec" in patch:
        subject["spec"].pop("taints", None)
        if patch["spec"]["taints"] is not None:
            subject["spec"]["taints"] = patch["spec"]["taints"]


def test_cordon_and_foreign_taints_stay() -> None:
    foreign = [
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": "2026-01-01T00:00:00Z"},
        {"key": "team", "value": "a", "effect": "NoExecute"},
    ]
    subject = node(allocatable={"nvidia.com/gpu": "1"})
    subject["spec"] = {"unschedulable": True, "taints": list(foreign)}
    patch = nodes.plan(subject, nodes.make_options(taints=[{}])).patch
    assert patch is not None and set(patch["spec"]) == {"taints"}
    assert patch["spec"]["taints"][:2] == foreign
    apply(subject, patch)
    away = nodes.plan(subject, nodes.make_options(present=False)).patch
    assert away is not None and away["spec"]["taints"] == foreign


def test_a_device_that_goes_away_takes_its_labels_and_taints_along() -> None:
    subject = node(allocatable={"nvidia.com/gpu": "2"}, node_labels={"zone": "a"})
    options = nodes.make_options(taints=[{}])
    apply(subject, nodes.plan(subject, options).patch or {})
    subject["status"]["allocatable"] = {"nvidia.com/gpu": "0"}
    subject["status"]["capacity"] = {"nvidia.com/gpu": "0"}
    apply(subject, nodes.plan(subject, options).patch or {})
    assert subject["metadata"]["labels"] == {"zone": "a"}
    assert subject["metadata"]["annotations"] == {}
    assert subject["spec"] == {}
    assert nodes.plan(subject, options).patch is None


def test_several_taints_and_one_key_twice() -> None:
    options = nodes.make_options(
        taints=[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}, {"key": "a", "effect": "NoExecute"}]
    )
    subject = node(allocatable={"nvidia.com/gpu": "1"})
    assert nodes.wanted(subject, options)["taints"] == [
        {"key": "a", "effect": "NoSchedule", "value": "1"},
        {"key": "a", "effect": "NoExecute"},
    ]


@pytest.mark.parametrize(
    ("resource", "rule", "value"),
    [
        # what the vendor's own pods expect
        ("nvidia.com/gpu", {}, "present"),
        ("nvidia.com/gpu", {"key": "nvidia.com/gpu"}, "present"),
        ("nvidia.com/gpu", {"value": "true"}, "true"),
        ("nvidia.com/gpu", {"value": ""}, None),
        ("nvidia.com/gpu", {"key": "example.com/gpu-only"}, None),
        ("amd.com/gpu", {}, None),
    ],
)
def test_the_value_of_a_taint(resource: str, rule: dict[str, str], value: str | None) -> None:
    [taint] = nodes.wanted(node(allocatable={resource: "1"}), nodes.make_options(taints=[rule]))["taints"]
    assert taint.get("value") == value


NPU = {
    "name": "npu",
    "resources": ["example.com/npu", "example.com/npu-*"],
    "product_labels": ["labels.example.org/product", "npu-product"],
}
PATTERN = {"name": "npu", "resources": ["example.com/npu-*"]}


@pytest.mark.parametrize(
    ("options", "path", "words"),
    [
        ({"vendors": [NPU], "prefix": "example.com"}, "prefix", "vendor npu"),
        ({"vendors": [NPU], "prefix": "labels.example.org"}, "prefix", "vendor npu"),
        (
            {"vendors": [NPU], "extra_labels": {"labels.example.org/product": "y"}},
            "labels[labels.example.org/product]",
            "vendor npu",
        ),
        ({"vendors": [NPU], "extra_labels": {"npu-product": "y"}}, "labels[npu-product]", "vendor npu"),
        ({"vendors": [{"name": "x", "resources": ["*.com/npu"]}]}, "vendors", "domain"),
        # there is no name for it
        ({"vendors": [PATTERN], "taints": [{"key": "a"}, {}]}, "taints[1].key", "vendor npu"),
        ({"prefix": "nvidia.com"}, "prefix", "belongs to an operator"),
        ({"prefix": "gpu.intel.com"}, "prefix", "belongs to an operator"),
        ({"prefix": "a b"}, "prefix", "DNS"),
        ({"vendors": [{"name": "x"}]}, "vendors", "needs resources"),
        ({"vendors": [{"name": "x y", "resources": ["a/b"]}]}, "vendors", "label value"),
        ({"vendors": [{"name": "x", "resources": ["gpu"]}]}, "vendors", "domain"),
        ({"vendors": [{"name": "x", "resources": "a/b"}]}, "vendors", "list of strings"),
        ({"taints": [{"effect": "Never"}]}, "taints[0].effect", "NoExecute"),
        ({"taints": [{}, {"key": "a b"}]}, "taints[1].key", "letters"),
        ({"taints": [{"key": "node.kubernetes.io/unschedulable"}]}, "taints[0].key", "Kubernetes itself"),
        ({"taints": [{"key": "a", "value": "x y"}]}, "taints[0].value", "letters"),
        ({"extra_labels": {"nvidia.com/gpu.present": "true"}}, "labels[nvidia.com/gpu.present]", "operator"),
        ({"extra_labels": {f"{PREFIX}/vendor": "x"}}, f"labels[{PREFIX}/vendor]", "its own labels"),
        ({"extra_labels": {"a": 1}}, "labels[a]", "quote it"),
        ({"extra_labels": {"a": "x" * 64}}, "labels[a]", "63"),
        ({"extra_labels": {"A_b/c": "x"}}, "labels[A_b/c]", "DNS"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        nodes.make_options(**options)
    assert caught.value.path == path
    assert words in caught.value.message


def test_a_taint_without_a_value_is_the_one_that_is_there() -> None:
    options = nodes.make_options(taints=[{}])
    bare = {"key": "nvidia.com/gpu", "effect": "NoSchedule"}
    for there, becomes in (([], {**bare, "value": "present"}), ([bare], bare), ([{**bare, "value": "x"}], None)):
        subject = node(allocatable={"nvidia.com/gpu": "1"})
        subject["spec"]["taints"] = there
        assert nodes.wanted(subject, options)["taints"] == [becomes or there[0]]


def test_what_is_taken_away_needs_no_name() -> None:
    assert nodes.make_options(vendors=[PATTERN], taints=[{}], present=False).taints


def test_a_domain_of_ones_own_is_free_beside_a_custom_vendor_in_it() -> None:
    vendors = [{"name": "npu", "resources": ["example.com/npu"]}]
    assert nodes.make_options(
        vendors=vendors, prefix="gpu.example.com", extra_labels={"example.com/tier": "gpu"}
    ).labels


def test_keys_beside_those_of_a_custom_vendor_are_free() -> None:
    nodes.make_options(vendors=[NPU], prefix="example.org", extra_labels={"myexample.com/x": "y", "product": "z"})
    options = nodes.make_options(vendors=[PATTERN], taints=[{"key": "a"}])
    assert nodes.wanted(node(allocatable={"example.com/npu-a": "1"}), options)["taints"][0]["key"] == "a"


def test_a_role_label_may_be_set() -> None:
    assert nodes.make_options(extra_labels={"node-role.kubernetes.io/gpu": ""}).labels


@given(st.text())
def test_label_values_always_fit(text: str) -> None:
    assert labels.value_problem(labels.value(text)) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("Tesla T4 (16 GB)", "Tesla-T4-16-GB"), ("x" * 62 + "--y", "x" * 62), ("_a_", "a"), ("", "")],
)
def test_label_values_stay_readable(text: str, value: str) -> None:
    assert labels.value(text) == value


def test_an_empty_record_is_no_annotation() -> None:
    assert not owned.Record()
    assert nodes.plan(node(), nodes.Options()).patch is None
