# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import fit
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.requests import accelerator_options
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.vendors import Table

GPU = "nvidia.com/gpu"
PRODUCT = "nvidia.com/gpu.product"
NFD = "feature.node.kubernetes.io/pci-10de.present"


def node(
    name: str = "gpu-1",
    gpus: int | None = None,
    *,
    labels: dict[str, str] | None = None,
    taints: list[dict[str, str]] | None = None,
    ready: str | None = "True",
    allocatable: dict[str, Any] | None = None,
    capacity: dict[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    offered = {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "50Gi", "pods": "10", **(allocatable or {})}
    if gpus is not None:
        offered[GPU] = str(gpus)
    conditions = [{"type": "Ready", "status": ready, "reason": "Kubelet"}] if ready else []
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"taints": taints or [], **spec},
        "status": {"allocatable": offered, "capacity": capacity or {}, "conditions": conditions},
    }


def pod(name: str = "wanted", *, on: str | None = None, phase: str = "Running", **resources: Any) -> dict[str, Any]:
    requests = {key.replace("gpu", GPU): value for key, value in resources.items()}
    spec: dict[str, Any] = {"containers": [{"name": "kserve-container", "resources": {"requests": requests}}]}
    if on:
        spec["nodeName"] = on
    return {"metadata": {"name": name, "namespace": "models"}, "spec": spec, "status": {"phase": phase}}


def with_spec(subject: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {**subject, "spec": {**subject["spec"], **spec}}


def judge(subject: dict[str, Any], *nodes: dict[str, Any], pods: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return fit.why_not(subject, nodes, pods or [])


TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}
ROLE = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
PINNED = {
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": PRODUCT, "operator": "In", "values": ["A100", "H100"]}]}
                ]
            }
        }
    }
}
BUSY = [pod("a", on="gpu-1", gpu=2), pod("b", on="gpu-1", gpu=1)]


@pytest.mark.parametrize(
    ("subject", "subject_node", "pods", "reason", "words"),
    [
        pytest.param(pod(gpu=1), node(), [], "resource_absent", "has no nvidia.com/gpu", id="none"),
        pytest.param(pod(gpu=8), node(gpus=4), [], "resource_absent", "4 nvidia.com/gpu in all, 8", id="never enough"),
        pytest.param(
            pod(gpu=2), node(gpus=4), BUSY, "resource_taken", "models/a (2), models/b (1)", id="taken, by whom"
        ),
        pytest.param(pod(gpu=1), node(labels={NFD: "true"}), [], "driver_not_ready", NFD, id="hardware without driver"),
        pytest.param(
            pod(gpu=1),
            node(gpus=0, capacity={GPU: "2"}),
            [],
            "driver_not_ready",
            "none of them healthy",
            id="unhealthy",
        ),
        pytest.param(
            with_spec(pod(), containers=[{"resources": {"limits": {"nvidia.com/mig-1g.5gb": 1}}}]),
            node(gpus=2, labels={NFD: "true"}),
            [],
            "resource_absent",
            "it offers nvidia.com/gpu",
            id="whole devices instead of MIG",
        ),
        pytest.param(pod(gpu=1), node(gpus=1, taints=[TAINT]), [], "taint", f"{GPU}=present:NoSchedule", id="taint"),
        pytest.param(
            with_spec(pod(gpu=1), nodeSelector={PRODUCT: "A100"}),
            node(gpus=1, labels={PRODUCT: "T4"}),
            [],
            "wrong_product",
            "its value here is 'T4'",
            id="product by selector",
        ),
        pytest.param(
            with_spec(pod(gpu=1), **PINNED),
            node(gpus=1, labels={PRODUCT: "T4"}),
            [],
            "wrong_product",
            "T4",
            id="by affinity",
        ),
        pytest.param(
            with_spec(pod(gpu=1), nodeSelector={"accelerator.modelserving.io/product": "A100"}),
            node(gpus=1),
            [],
            "wrong_product",
            "no such label",
            id="product by our own label",
        ),
        pytest.param(
            with_spec(pod(gpu=1), nodeSelector={PRODUCT: "A100", "zone": "b"}),
            node(gpus=1, labels={PRODUCT: "T4"}),
            [],
            "selector",
            "zone",
            id="product and another label",
        ),
        pytest.param(with_spec(pod(), nodeSelector={"disk": "ssd"}), node(), [], "selector", "disk", id="selector"),
        pytest.param(
            with_spec(pod(), **PINNED),
            node(labels={PRODUCT: "T4"}),
            [],
            "affinity",
            PRODUCT,
            id="affinity without a device",
        ),
        pytest.param(pod(), node(unschedulable=True), [], "unschedulable", "cordoned", id="cordoned"),
        pytest.param(pod(), node(ready="False"), [], "not_ready", "Kubelet", id="not ready by condition"),
        pytest.param(pod(), node(ready="Unknown"), [], "not_ready", "not ready", id="unreachable by condition"),
        pytest.param(pod(), node(taints=[NOT_READY]), [], "not_ready", "not ready", id="not ready by taint"),
        pytest.param(pod(cpu="8"), node(), [], "cpu", "4 cpu in all, 8", id="cpu, too small"),
        pytest.param(
            pod(cpu="2"), node(), [pod("a", on="gpu-1", cpu="2500m")], "cpu", "1500m cpu free of 4", id="cpu, in use"
        ),
        pytest.param(pod(memory="9Gi"), node(), [], "memory", "8Gi memory in all", id="memory"),
        pytest.param(
            pod(**{"ephemeral-storage": "60Gi"}), node(), [], "ephemeral_storage", "50Gi", id="ephemeral storage"
        ),
        pytest.param(
            pod(), node(allocatable={"pods": "1"}), [pod("a", on="gpu-1")], "pods", "1 are allowed", id="pod count"
        ),
        pytest.param(
            pod(**{"example.com/npu": 1}), node(), [], "resource_absent", "example.com/npu", id="unknown vendor"
        ),
    ],
)
def test_one_obstacle(
    subject: dict[str, Any], subject_node: dict[str, Any], pods: list[dict[str, Any]], reason: str, words: str
) -> None:
    verdict = judge(subject, subject_node, pods=pods)
    assert verdict["fits"] == []
    assert verdict["reason"] == reason
    [rejected] = verdict["rejected"]
    assert (rejected["node"], rejected["reason"], rejected["also"]) == ("gpu-1", reason, [])
    assert words in rejected["detail"]
    assert words in verdict["summary"]


@pytest.mark.parametrize(
    ("subject", "subject_node", "pods"),
    [
        pytest.param(pod(gpu=1), node(gpus=4), BUSY, id="one left"),
        pytest.param(pod(gpu=4), node(gpus=4), [pod("a", on="gpu-1", phase="Succeeded", gpu=4)], id="finished pods"),
        pytest.param(pod(gpu=4), node(gpus=4), [pod("a", on="gpu-2", gpu=4)], id="another node's pods"),
        pytest.param(
            with_spec(pod(gpu=1), tolerations=[{"key": GPU, "operator": "Exists"}]),
            node(gpus=1, taints=[TAINT]),
            [],
            id="tolerated",
        ),
        pytest.param(
            with_spec(pod(), tolerations=[{"operator": "Exists"}]),
            node(unschedulable=True, ready="False", taints=[NOT_READY]),
            [],
            id="a pod that tolerates everything",
        ),
        pytest.param(pod(), node(taints=[{**TAINT, "effect": "PreferNoSchedule"}]), [], id="a preference"),
        pytest.param(pod(gpu=0), node(), [], id="none of it asked for"),
        pytest.param(
            pod(on="gpu-1", gpu=1), node(gpus=1), [pod(on="gpu-1", gpu=1)], id="a pod does not compete with itself"
        ),
    ],
)
def test_fits(subject: dict[str, Any], subject_node: dict[str, Any], pods: list[dict[str, Any]]) -> None:
    verdict = judge(subject, subject_node, pods=pods)
    assert verdict["fits"] == ["gpu-1"], verdict["summary"]
    assert (verdict["rejected"], verdict["reason"], verdict["nearest"]) == ([], None, [])


PLAIN = [node("cpu-1"), node("cpu-2"), node("control", taints=[ROLE])]


@pytest.mark.parametrize(
    ("nodes", "pods", "reason", "nearest"),
    [
        (PLAIN, [], "resource_absent", ["cpu-1", "cpu-2"]),
        ([*PLAIN, node(gpus=3)], BUSY, "resource_taken", ["gpu-1"]),
        ([*PLAIN, node(gpus=3, taints=[TAINT])], [], "taint", ["gpu-1"]),
        ([*PLAIN, node(labels={NFD: "true"})], [], "driver_not_ready", ["gpu-1"]),
        # a driver that will not come up matters less than a device that will be free
        ([node("gpu-2", labels={NFD: "true"}), node(gpus=3)], BUSY, "resource_taken", ["gpu-1"]),
        # the only node with devices is a control plane
        ([*PLAIN[:2], node("control", gpus=1, taints=[ROLE])], [], "taint", ["control"]),
    ],
)
def test_the_nearest_node_explains(
    nodes: list[dict[str, Any]], pods: list[dict[str, Any]], reason: str, nearest: list[str]
) -> None:
    verdict = judge(pod(gpu=1), *nodes, pods=pods)
    assert (verdict["reason"], verdict["nearest"]) == (reason, nearest)


def test_nodes_that_were_not_chosen_explain_nothing() -> None:
    subject = with_spec(pod(gpu=1), nodeSelector={"zone": "a"})
    chosen = node(gpus=1, labels={"zone": "a"}, ready="False")
    verdict = judge(subject, node("other", gpus=1), chosen, *PLAIN)
    assert (verdict["reason"], verdict["nearest"]) == ("not_ready", ["gpu-1"])
    # unless no node is what was chosen
    assert judge(subject, node("other", gpus=1), *PLAIN)["reason"] == "selector"


def test_another_product_explains_only_where_the_wanted_one_is_nowhere() -> None:
    subject = with_spec(pod(gpu=1), nodeSelector={PRODUCT: "A100"})
    other = node("t4", gpus=1, labels={PRODUCT: "T4"})
    full = node(gpus=3, labels={PRODUCT: "A100"})
    assert judge(subject, other, full, pods=BUSY)["reason"] == "resource_taken"
    assert judge(subject, other)["reason"] == "wrong_product"


def test_workers_out_of_cpu_explain_more_than_the_control_planes_taint() -> None:
    verdict = judge(pod(cpu="2"), node("worker"), node("control", taints=[ROLE]), pods=[pod("a", on="worker", cpu="3")])
    assert (verdict["reason"], verdict["nearest"]) == ("cpu", ["worker"])


def test_all_obstacles_of_a_node_are_told_gravest_first() -> None:
    subject = with_spec(pod(gpu=1, cpu="8"), nodeSelector={"zone": "b"})
    [rejected] = judge(subject, node(taints=[TAINT]))["rejected"]
    assert rejected["reason"] == "resource_absent"
    assert [item["reason"] for item in rejected["also"]] == ["cpu", "taint", "selector"]


def test_summary_counts_what_it_does_not_name() -> None:
    verdict = judge(pod(gpu=1), *PLAIN, node(gpus=3), pods=BUSY)
    assert verdict["summary"].startswith("None of the 4 nodes can take the pod: gpu-1 has 3 nvidia.com/gpu, 0 free")
    assert verdict["summary"].endswith("; 3 nodes without the resource.")


def test_summary_without_nodes() -> None:
    verdict = judge(pod())
    assert (verdict["summary"], verdict["reason"]) == ("There is no node to take the pod.", None)


def test_host_ports() -> None:
    def listening(name: str, port: int, address: str | None = None, on: str | None = None) -> dict[str, Any]:
        ports = [{"hostPort": port, "protocol": "TCP", **({"hostIP": address} if address else {})}]
        return with_spec(
            pod(name, on=on), containers=[{"name": "c", "ports": ports}], **({"nodeName": on} if on else {})
        )

    taken = [listening("a", 8080, "10.0.0.1", on="gpu-1")]
    assert judge(listening("b", 8080), node(), pods=taken)["reason"] == "host_port"
    assert judge(listening("b", 8080, "10.0.0.2"), node(), pods=taken)["fits"] == ["gpu-1"]
    assert judge(listening("b", 8081), node(), pods=taken)["fits"] == ["gpu-1"]


def test_custom_vendors_have_drivers_too() -> None:
    table = Table.with_custom(
        [{"name": "example", "resources": ["example.com/npu-*"], "present_labels": ["example.com/npu.present"]}]
    )
    subject = pod(**{"example.com/npu-large": 1})
    verdict = fit.why_not(subject, [node(labels={"example.com/npu.present": "true"})], [], table)
    assert verdict["reason"] == "driver_not_ready"


OURS = "accelerator.modelserving.io"
NPU = "example.com/npu-a"
HEALTHY = {f"{OURS}/vendor": "example", f"{OURS}/state": "healthy"}
BROKEN = {**HEALTHY, f"{OURS}/state": "driver-not-ready"}


def asks(resource: str, **spec: Any) -> dict[str, Any]:
    return with_spec(pod(), containers=[{"name": "c", "resources": {"limits": {resource: "1"}}}], **spec)


@pytest.mark.parametrize(
    ("subject", "subject_node", "reason", "words"),
    [
        (
            asks(NPU, nodeSelector={f"{OURS}/product": "B"}),
            node(allocatable={NPU: "1"}, labels={**HEALTHY, f"{OURS}/product": "A"}),
            "wrong_product",
            "has another accelerator than asked for",
        ),
        (asks(NPU), node(capacity={NPU: "2"}), "driver_not_ready", f"has 2 {NPU} devices, none of them healthy"),
        (asks(NPU), node(labels=BROKEN), "driver_not_ready", f"label {OURS}/state=driver-not-ready"),
        # the label of a vendor that the resource is none of
        (asks(GPU), node(labels=BROKEN), "resource_absent", f"has no {GPU}"),
        (asks(NPU), node(labels={**BROKEN, f"{OURS}/vendor": "nvidia"}), "resource_absent", f"has no {NPU}"),
        (asks(GPU), node(labels={**BROKEN, f"{OURS}/vendor": "nvidia"}), "driver_not_ready", "driver-not-ready"),
        # somebody else's label of the name
        (asks(NPU), node(labels={"x/state": "driver-not-ready"}), "resource_absent", f"has no {NPU}"),
    ],
)
def test_a_vendor_that_is_in_no_table_is_known_by_the_node(
    subject: dict[str, Any], subject_node: dict[str, Any], reason: str, words: str
) -> None:
    verdict = judge(subject, subject_node)
    assert verdict["reason"] == reason
    assert words in verdict["summary"]


NVIDIA = {f"{OURS}/vendor": "nvidia", f"{OURS}/state": "healthy", f"{OURS}/product": "A100", f"{OURS}/memory": "40960"}
SINGLE = {f"{OURS}/mig": "single", f"{OURS}/mig-1g.5gb": "56"}


@pytest.mark.parametrize(
    ("accelerator", "labels", "words"),
    [
        ({"vendor": "nvidia", "product": "A100"}, SINGLE, "cut up or shared, and whole ones are asked for"),
        ({"vendor": "nvidia", "memory": "4Gi"}, {f"{OURS}/shared": "true"}, "cut up or shared, and whole ones"),
        ({"vendor": "nvidia", "memory": "80Gi"}, {}, "another accelerator than asked for"),
        ({"vendor": "nvidia", "memory": "80Gi"}, SINGLE, "another accelerator than asked for"),
        ({"mig": "1g.5gb", "resource": GPU}, {}, "another accelerator than asked for"),
        ({"mig": "2g.10gb", "resource": GPU}, SINGLE, "another accelerator than asked for"),
    ],
)
def test_the_wrong_part_of_a_device(accelerator: Any, labels: dict[str, str], words: str) -> None:
    options = accelerator_options(accelerator)
    subject = asks(GPU, nodeSelector=options["node_selector"], affinity=options["affinity"])
    verdict = judge(subject, node(gpus=1, labels={**NVIDIA, **labels}))
    assert verdict["reason"] == "wrong_product"
    assert words in verdict["summary"]


def test_slices_that_are_offered_under_the_name_of_the_whole() -> None:
    verdict = judge(asks("nvidia.com/mig-1g.5gb"), node(gpus=56, labels={**NVIDIA, **SINGLE}))
    assert verdict["reason"] == "resource_absent"
    assert "it offers nvidia.com/gpu (its MIG strategy is single)" in verdict["summary"]


@pytest.mark.parametrize(
    ("subject_node", "devices"),
    [
        (node(allocatable={NPU: "2"}, labels={**HEALTHY, f"{OURS}/count": "2"}), {NPU}),
        # what is beside the devices has another number
        (node(allocatable={NPU: "2", "rdma/hca": "64"}, labels={**HEALTHY, f"{OURS}/count": "2"}), {NPU}),
        (
            node(allocatable={NPU: "2", "example.com/npu-b": "1"}, labels={**HEALTHY, f"{OURS}/count": "3"}),
            {NPU, "example.com/npu-b"},
        ),
        (node(gpus=4, allocatable={"rdma/hca": "64"}, labels={**NVIDIA, f"{OURS}/count": "4"}), set()),
        (node(allocatable={NPU: "2"}), set()),
        (node(allocatable={"hugepages-2Mi": "1Gi"}, labels=HEALTHY), set()),
    ],
)
def test_devices_that_only_our_labels_know(subject_node: dict[str, Any], devices: set[str]) -> None:
    assert fit.labelled_devices(subject_node) == devices


def test_what_is_not_judged_is_named() -> None:
    subject = with_spec(
        pod(),
        affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}},
        schedulingGates=[{"name": "kueue.x-k8s.io/admission"}],
        volumes=[{"name": "m", "persistentVolumeClaim": {"claimName": "m"}}],
    )
    assert judge(subject, node())["unjudged"] == [
        "spec.affinity.podAntiAffinity",
        "spec.schedulingGates",
        "spec.volumes",
    ]
    assert judge(with_spec(pod(), schedulerName="default-scheduler"), node())["unjudged"] == []


def test_a_template_without_a_name_is_judged_against_everybody() -> None:
    template = {"spec": pod(gpu=1)["spec"]}
    assert judge(template, node(gpus=3), pods=BUSY)["reason"] == "resource_taken"
