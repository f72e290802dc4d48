# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E501  (messages are quoted as they come)
"""Pods without a node, pods that lost theirs, and Deployments without pods."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import diagnose, snapshot
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import handmade as hm

MINUTE_AGO = "2026-01-31T11:59:00Z"
WEEKS_AGO = "2026-01-10T12:00:00Z"
JUST_MADE = {"creationTimestamp": "2026-01-31T11:59:35Z"}


def unscheduled(message: str, name: str = "iris", **more: Any) -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    spec = {"nodeName": None, **more.pop("spec", {})}
    return hm.pod(name, spec=spec, status={"phase": "Pending", "conditions": [condition]}, **more)


def affected(finding: dict[str, Any]) -> list[str]:
    return [item["name"] for item in finding["affects"]]


def two_services(*objects: dict[str, Any], message: str) -> dict[str, Any]:
    """Two services of one runtime whose pods wait for one reason."""
    each = [
        item
        for name in ("a", "b")
        for item in (hm.service(name), hm.deployment(name), hm.replicaset(name), unscheduled(message, name))
    ]
    runtime = [] if any(item["kind"] == "ServingRuntime" for item in objects) else [hm.runtime()]
    return hm.taken(*runtime, *each, *objects)


# -- one fault of a node ----------------------------------------------------------------------------------------------


def test_a_cordoned_node_is_one_finding_for_all_services_that_wait_for_it() -> None:
    cordoned = hm.node(spec={"unschedulable": True})
    finding = hm.only_error(two_services(cordoned, message="0/1 nodes are available: 1 node(s) were unschedulable."))
    assert (finding["code"], finding["object"]["kind"], finding["object"]["name"]) == ("KS111", "Node", "node-1")
    assert affected(finding) == ["a", "b"]


TAINT = {"key": "dedicated", "value": "inference", "effect": "NoSchedule"}
TAINTED = "0/1 nodes are available: 1 node(s) had untolerated taint(s)."


def test_a_taint_that_a_runtime_does_not_tolerate_is_the_runtimes() -> None:
    finding = hm.only_error(two_services(hm.node(spec={"taints": [TAINT]}), message=TAINTED))
    assert (finding["code"], finding["object"]["kind"]) == ("KS031", "ServingRuntime")
    assert affected(finding) == ["a", "b"]
    assert "spec.tolerations" in finding["remedy"]["text"]


@pytest.mark.parametrize(
    "own", [{"tolerations": [{"key": "x"}]}, {"nodeSelector": {"kubernetes.io/hostname": "node-1"}}]
)
def test_a_taint_in_the_way_of_the_services_own_choice_is_the_services(own: dict[str, Any]) -> None:
    data = hm.running(unscheduled(TAINTED, spec=own), hm.node(spec={"taints": [TAINT]}), hm.service(predictor=own))
    assert hm.only_error(data)["object"]["kind"] == "InferenceService"


def test_disk_pressure_is_the_nodes_and_not_to_be_tolerated() -> None:
    taint = {"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule"}
    pressure = {"type": "DiskPressure", "status": "True", "message": "kubelet has disk pressure"}
    full = hm.node(spec={"taints": [taint]}, conditions=[{"type": "Ready", "status": "True"}, pressure])
    finding = hm.only_error(two_services(full, message=TAINTED))
    assert (finding["code"], finding["object"]["kind"]) == ("KS147", "Node")
    assert affected(finding) == ["a", "b"]
    assert "DiskPressure" in finding["cause"] and "toleration" not in finding["remedy"]["text"]


def test_a_taint_of_a_person_beside_the_pressure_is_still_a_matter_of_toleration() -> None:
    taints = [{"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule"}, TAINT]
    assert hm.only_error(hm.running(unscheduled(TAINTED), hm.node(spec={"taints": taints})))["code"] == "KS031"


def test_a_node_name_that_no_node_has_is_the_services_fault() -> None:
    pod = hm.pod(spec={"nodeName": "gone"}, metadata={"creationTimestamp": hm.JUST_NOW})
    finding = hm.only_error(hm.running(pod, hm.service(predictor={"nodeName": "gone"})))
    assert (finding["code"], finding["object"]["kind"]) == ("KS110", "InferenceService")
    assert "gone" in finding["cause"] and "node-1" in finding["cause"]


def test_a_node_that_was_removed_under_a_pod_is_named() -> None:
    finding = hm.only_error(hm.running(hm.pod(spec={"nodeName": "gone"})))
    assert (finding["object"]["kind"], finding["object"]["name"]) == ("Node", "gone")


def test_nodes_that_were_not_seen_prove_nothing() -> None:
    data = hm.running(hm.pod(spec={"nodeName": "gone"}))
    del data["objects"][snapshot.NODES]
    assert all(item["code"] != "KS110" for item in hm.diagnosed(data)["findings"])


# -- the scheduler's own word -----------------------------------------------------------------------------------------

RWOP = "0/3 nodes are available: 1 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod, 2 node(s) had untolerated taint(s). preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
CLAIM = {"volumes": [{"name": "m", "persistentVolumeClaim": {"claimName": "models"}}]}


def claim(phase: str = "Bound", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"namespace": hm.NS, "name": "models", **metadata},
        "spec": {"accessModes": ["ReadWriteOncePod"], "storageClassName": "local"},
        "status": {"phase": phase},
    }


def test_a_reason_that_only_the_scheduler_knows_is_told_at_once_with_who_has_the_claim() -> None:
    holder = hm.pod(suffix="holder", spec=CLAIM, ready=True)
    waiting = unscheduled(RWOP, spec=CLAIM, metadata=JUST_MADE)
    finding = hm.only_error(hm.running(holder, waiting, hm.deployment(spec={"replicas": 2}), claim()))
    assert finding["code"] == "KS125"
    assert "iris-predictor-1-holder has it" in finding["cause"]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("0/1 nodes are available: 1 node(s) exceed max volume count. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.", True),
        ("0/2 nodes are available: 1 Insufficient cpu, 1 node(s) exceed max volume count.", True),
        ("0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.", False),
        ("0/2 nodes are available: 1 Too many pods, 1 node(s) didn't have free ports for the requested pod ports.", False),
        ("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found", False),
    ],
)  # fmt: skip
def test_what_the_nodes_show_too_may_just_have_gone(message: str, told: bool) -> None:
    findings = hm.diagnosed(hm.running(unscheduled(message, metadata=JUST_MADE)))["findings"]
    assert any(item["severity"] == "error" for item in findings) == told


def ignored(age: str = MINUTE_AGO, **spec: Any) -> dict[str, Any]:
    return hm.pod(
        spec={"nodeName": None, **spec},
        status={"phase": "Pending", "conditions": [], "containerStatuses": []},
        metadata={"creationTimestamp": age},
    )


PROVISIONER = {"annotations": {"volume.kubernetes.io/storage-provisioner": "csi.example.org"}}


def test_a_claim_that_is_being_provisioned_is_waited_for() -> None:
    (finding,) = hm.diagnosed(hm.running(ignored(**CLAIM), claim("Pending", **PROVISIONER)))["findings"]
    assert (finding["code"], finding["severity"]) == ("KS134", "info")
    assert "csi.example.org" in finding["cause"]


def test_a_provisioner_that_does_not_come_is_named_after_some_minutes() -> None:
    wanted = claim("Pending", **PROVISIONER)
    finding = hm.only_error(hm.running(ignored(hm.EARLIER, **CLAIM), wanted))
    assert (finding["code"], finding["object"]["name"]) == ("KS041", "models")
    assert "csi.example.org" in finding["cause"]


@pytest.mark.parametrize(("there", "named"), [("local", "csi.example.org"), ("other", "does not exist")])
def test_a_storage_class_that_came_after_its_claim_is_not_missing(there: str, named: str) -> None:
    wanted = claim("Pending", **PROVISIONER)
    missed = hm.event(wanted, "ProvisioningFailed", 'storageclass.storage.k8s.io "local" not found', hm.EARLIER)
    storage = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": there}}
    data = hm.running(ignored(hm.EARLIER, **CLAIM), wanted, missed)
    data["objects"][snapshot.STORAGECLASSES] = [storage]
    finding = hm.only_error(data)
    assert finding["code"] == "KS041" and named in finding["cause"]


def test_a_scheduler_that_places_others_is_not_called_absent() -> None:
    other = hm.pod("other", ready=True)
    other["status"]["conditions"][0]["lastTransitionTime"] = hm.JUST_NOW
    assert [item["code"] for item in hm.diagnosed(hm.running(ignored(), other))["findings"]] == ["KS134"]
    assert hm.only_error(hm.running(ignored()))["code"] == "KS126"
    assert hm.only_error(hm.running(ignored(schedulerName="volcano"), other))["code"] == "KS126"


# -- pods that had a node ---------------------------------------------------------------------------------------------


def gone(when: str, suffix: str, reason: str = "Evicted") -> dict[str, Any]:
    condition = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": when}
    status = {
        "phase": "Failed",
        "reason": reason,
        "message": "low on memory",
        "conditions": [condition],
        "containerStatuses": [],
    }
    return hm.pod(suffix=suffix, status=status, metadata={"creationTimestamp": WEEKS_AGO})


def test_evictions_of_long_ago_are_history_once_the_pod_is_replaced() -> None:
    old = [gone(WEEKS_AGO, "a"), gone(WEEKS_AGO, "b"), gone(WEEKS_AGO, "c", "Terminated")]
    assert hm.diagnosed(hm.running(*old, hm.pod(suffix="d", ready=True), hm.service(ready=True)))["findings"] == []


def test_evictions_that_go_on_are_a_fault_though_a_pod_is_ready() -> None:
    data = hm.running(
        gone(MINUTE_AGO, "a"), gone(hm.JUST_NOW, "b"), hm.pod(suffix="d", ready=True), hm.service(ready=True)
    )
    finding = hm.only_error(data)
    assert finding["code"] == "KS035" and "2 pods" in finding["cause"]


def test_an_eviction_that_nothing_replaced_is_a_fault_however_old() -> None:
    assert hm.only_error(hm.running(gone(WEEKS_AGO, "a")))["code"] == "KS035"


def test_a_preempted_pods_replacement_names_who_took_its_place() -> None:
    victim = hm.pod(suffix="victim")
    event = hm.event(victim, "Preempted", "Preempted by pod 0b5c on node node-1", type="Normal")
    winner = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": "batch", "name": "nightly", "uid": "0b5c"},
        "spec": {"nodeName": "node-1", "priorityClassName": "urgent",
                 "containers": [{"name": "c", "resources": {"requests": {"cpu": "8"}}}]},
        "status": {"phase": "Running"},
    }  # fmt: skip
    waiting = unscheduled(
        "0/1 nodes are available: 1 Insufficient cpu.", container={"resources": {"requests": {"cpu": "4"}}}
    )
    data = hm.running(waiting, event)
    data["objects"][snapshot.OTHER_PODS] = [winner]
    finding = hm.only_error(data)
    assert finding["code"] == "KS122"
    assert "batch/nightly (priority class urgent)" in finding["cause"] and "iris-predictor-1-victim" in finding["cause"]


# -- Deployments without pods -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minimum", "autoscaler", "severity"),
    [
        (1, "none", "error"),
        (None, "none", "warning"),
        (1, "external", "warning"),
        (None, "external", "info"),
        (0, "none", None),
    ],
)
def test_a_service_that_was_scaled_away_is_judged_by_what_it_asks_for(
    minimum: int | None, autoscaler: str, severity: str | None
) -> None:
    service = hm.service(predictor={} if minimum is None else {"minReplicas": minimum})
    service["metadata"]["annotations"] = {"serving.kserve.io/autoscalerClass": autoscaler}
    found = hm.diagnosed(hm.running(service, hm.deployment(spec={"replicas": 0})))
    assert [(item["code"], item["severity"]) for item in found["findings"]] == (
        [("KS112", severity)] if severity else []
    )


def test_a_transformer_without_replicas_is_named_though_the_predictor_serves() -> None:
    service = hm.service(ready=True)
    service["spec"]["transformer"] = {"minReplicas": 2, "containers": [{"name": "c", "image": "x"}]}
    transformer = hm.deployment(spec={"replicas": 0})
    transformer["metadata"].update(name="iris-transformer", labels={**hm.labels(), "component": "transformer"})
    finding = hm.only_error(hm.running(service, hm.deployment(), transformer, hm.pod(ready=True)))
    assert (finding["code"], finding["object"]["name"]) == ("KS112", "iris-transformer")
    assert "minReplicas 2 of its transformer" in finding["cause"]


# -- limits that admission sets ---------------------------------------------------------------------------------------

OVER = 'Pod "x" is invalid: spec.containers[0].resources.requests: Invalid value: "1": must be less than or equal to cpu limit of 500m'


def limited(own: dict[str, Any], **default: str) -> dict[str, Any]:
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": OVER}
    container = {"name": "kserve-container", "resources": {"requests": {"cpu": "1"}, **own}}
    limits = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"namespace": hm.NS, "name": "small"},
        "spec": {"limits": [{"type": "Container", "default": default}]},
    }
    deployment = hm.deployment(spec={"template": {"spec": {"containers": [container]}}})
    return hm.only_error(hm.running(hm.replicaset(conditions=[condition]), deployment, limits))


def test_a_default_limit_below_the_request_is_the_limit_ranges() -> None:
    finding = limited({}, cpu="0.5")
    assert finding["code"] == "KS024"
    assert "LimitRange small" in finding["cause"] and "500m" in finding["cause"]


@pytest.mark.parametrize(("own", "default"), [({"limits": {"cpu": "500m"}}, "500m"), ({}, "2")])
def test_a_limit_that_is_not_the_default_is_not_blamed_on_it(own: dict[str, Any], default: str) -> None:
    assert limited(own, cpu=default)["code"] == "KS133"


NPU = "example.com/npu-a"
OURS = "accelerator.modelserving.io"


def npu_node(devices: str = "2", **labels: str) -> dict[str, Any]:
    ours = {"vendor": "example", "state": "healthy", "count": devices, **labels}
    return hm.node(
        amounts={NPU: devices, "rdma/hca": "64"}, labels={f"{OURS}/{key}": value for key, value in ours.items()}
    )


def test_devices_of_a_vendor_that_only_the_nodes_labels_know_are_counted() -> None:
    asked = {"requests": {NPU: "1", "rdma/hca": "1"}}
    pod = hm.pod(ready=True, container={"resources": asked})
    objects = (hm.runtime(), hm.service(ready=True), hm.deployment(), hm.replicaset(), pod)
    result = diagnose.diagnose(hm.taken(npu_node(), *objects))
    assert result["services"][0]["accelerators"] == result["runtimes"][0]["accelerators"] == {NPU: 1}
    assert diagnose.diagnose(hm.taken(hm.node(), *objects))["services"][0]["accelerators"] == {}


@pytest.mark.parametrize(
    ("node", "code", "words"),
    [
        (npu_node(product="B"), "KS030", "has another accelerator than asked for"),
        (npu_node("0", product="A", state="driver-not-ready"), "KS030", "driver or device plugin not ready"),
    ],
)
def test_a_vendor_that_only_the_nodes_labels_know_is_judged_like_the_others(
    node: dict[str, Any], code: str, words: str
) -> None:
    selector = {f"{OURS}/vendor": "example", f"{OURS}/product": "A"}
    runtime = hm.runtime(container={"resources": {"limits": {NPU: "1"}}}, nodeSelector=selector)
    [finding] = diagnose.preflight([runtime], hm.taken(node))["findings"]
    assert finding["code"] == code
    assert words in finding["cause"]
