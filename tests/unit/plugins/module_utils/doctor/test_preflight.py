# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be decided before deploying: from manifests alone, and beside what a cluster has."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import diagnose, planned, snapshot
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import Model
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import handmade as hm


def wanted(**model: Any) -> dict[str, Any]:
    made = hm.service(model=model)
    del made["status"]
    return made


def codes(*manifests: dict[str, Any], data: dict[str, Any] | None = None) -> list[str]:
    return [item["code"] for item in diagnose.preflight(manifests, data)["findings"]]


def with_container(**fields: Any) -> dict[str, Any]:
    return hm.runtime(container=fields)


def test_good_manifests_have_no_findings() -> None:
    result = diagnose.preflight([hm.runtime(), wanted()])
    assert result["findings"] == []
    assert set(result) == {"findings", "runtimes", "services", "summary", "unseen"}
    assert result["unseen"][0]["reason"] == "not_probed"


@pytest.mark.parametrize(
    ("manifests", "code"),
    [
        ([hm.runtime(), wanted(runtime="other")], "KS001"),
        ([hm.runtime(disabled=True), wanted()], "KS002"),
        ([hm.runtime(), wanted(modelFormat={"name": "sklearn", "version": "1.0"})], "KS003"),
        ([hm.runtime(), wanted(protocolVersion="v1")], "KS004"),
        ([with_container(name="server"), wanted()], "KS006"),
        ([with_container(args=["--name={{.Model}}"]), wanted()], "KS007"),
        ([with_container(env=[{"name": "PYTHONPATH", "value": "/x"}])], "KS012"),
        ([with_container(image="Team/Server:1")], "KS027"),
        ([hm.runtime(), wanted(storageUri="ftp://host/iris")], "KS040"),
        ([with_container(args=["--http-port=8085"])], "KS058"),
        ([hm.runtime(), hm.service("X" * 60)], "KS014"),
    ],
)
def test_manifests_alone(manifests: list[dict[str, Any]], code: str) -> None:
    assert code in codes(*manifests)


def test_two_runtimes_of_one_task_that_claim_the_same_priority() -> None:
    formats = [{"name": "sklearn", "version": "1", "autoSelect": True, "priority": 2}]
    pair = [hm.runtime(name, supportedModelFormats=formats) for name in ("a", "b")]
    assert "KS010" in codes(*pair)


def test_what_the_cluster_has_counts() -> None:
    cluster = hm.taken(hm.runtime())
    assert codes(wanted(), data=cluster) == []
    assert codes(wanted(storageUri="pvc://archive/iris"), data=cluster) == ["KS041"]
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"namespace": hm.NS, "name": "archive"}}
    assert codes(wanted(storageUri="pvc://archive/iris"), claim, data=cluster) == []


def test_secrets_that_are_not_there_are_named_and_those_that_cannot_be_seen_are_not() -> None:
    env = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "store", "key": "k"}}}]
    runtime = with_container(env=env)
    assert codes(runtime, wanted(), data=hm.taken(names_of={"secrets": {}})) == ["KS042"]
    assert codes(runtime, wanted(), data=hm.taken(names_of={"secrets": {hm.NS: ["store"]}})) == []
    assert codes(runtime, wanted(), data=hm.taken()) == []


def test_a_pod_that_no_node_can_take() -> None:
    runtime = with_container(resources={"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}})
    assert codes(runtime, wanted(), data=hm.taken(hm.node())) == ["KS030"]
    assert codes(runtime, wanted(), data=hm.taken(hm.node(amounts={"nvidia.com/gpu": "1"}))) == []


GPU = {"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}}
TOLERATED = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
OTHER = [{"key": "other", "operator": "Exists"}]
TAINTED = {"taints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]}


def gpu_node(name: str = "gpu-1", **more: Any) -> dict[str, Any]:
    return hm.node(name, amounts={"nvidia.com/gpu": "1"}, **more)


def gpu_runtime(**spec: Any) -> dict[str, Any]:
    return hm.runtime(container={"resources": GPU}, **spec)


def on(predictor: dict[str, Any] | None = None, **model: Any) -> dict[str, Any]:
    made = hm.service(model=model, predictor=predictor or {})
    del made["status"]
    return made


@pytest.mark.parametrize(
    ("runtime", "service", "node", "code"),
    [
        # maps merge: what the service does not name is still the runtime's
        (gpu_runtime(), on(resources={"requests": {"cpu": "100m"}}), hm.node(), "KS030"),
        (gpu_runtime(), on(resources={}), hm.node(), "KS030"),
        (gpu_runtime(), on(resources={"limits": {"nvidia.com/gpu": "2"}, "requests": {"nvidia.com/gpu": "2"}}),
         gpu_node(), "KS030"),
        (gpu_runtime(nodeSelector={"pool": "a"}), on({"nodeSelector": {"zone": "b"}}), gpu_node(labels={"zone": "b"}),
         "KS032"),
        (gpu_runtime(nodeSelector={"pool": "a"}), on({"nodeSelector": {"pool": "b"}}), gpu_node(labels={"pool": "b"}),
         None),
        # a list is replaced, unless it is empty
        (gpu_runtime(tolerations=TOLERATED), on(), gpu_node(spec=TAINTED), None),
        (gpu_runtime(tolerations=TOLERATED), on({"tolerations": OTHER}), gpu_node(spec=TAINTED), "KS031"),
        (gpu_runtime(tolerations=TOLERATED), on({"tolerations": []}), gpu_node(spec=TAINTED), None),
        # containers and init containers of the service's own are in the pod too
        (hm.runtime(), on({"containers": [{"name": "transformer-container", "resources": GPU}]}), hm.node(), "KS030"),
        (hm.runtime(), on({"initContainers": [{"name": "init", "resources": GPU}]}), hm.node(), "KS030"),
    ],
)  # fmt: skip
def test_the_pod_that_is_judged_is_kserves(
    runtime: dict[str, Any], service: dict[str, Any], node: dict[str, Any], code: str | None
) -> None:
    assert codes(runtime, service, data=hm.taken(node)) == ([code] if code else [])


def told(*manifests: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    [finding] = diagnose.preflight(manifests, data)["findings"]
    return finding


def test_whose_resources_are_too_many() -> None:
    manifests = gpu_runtime(), on(resources={"requests": {"cpu": "100m"}})
    assert told(*manifests, data=hm.taken(hm.node()))["object"]["kind"] == "ServingRuntime"
    manifests = gpu_runtime(), on(resources={"requests": {"cpu": "100"}})
    found = told(*manifests, data=hm.taken(gpu_node()))
    assert (found["code"], found["object"]["kind"]) == ("KS033", "InferenceService")


def test_a_custom_predictor_is_its_own_pod() -> None:
    service = on()
    service["spec"]["predictor"] = {"containers": [{"name": "kserve-container", "image": "a", "resources": GPU}]}
    assert codes(service, data=hm.taken(hm.node())) == ["KS030"]
    assert codes(service, data=hm.taken(gpu_node())) == []


def test_a_runtime_that_no_node_can_serve_is_warned_of_before_anybody_uses_it() -> None:
    found = told(gpu_runtime(), data=hm.taken(hm.node()))
    assert (found["code"], found["severity"], found["affects"]) == ("KS030", "warning", [])
    assert found["object"]["name"] == "rt"
    assert found["cause"].startswith(
        "A service that takes everything from ServingRuntime models/rt would have no node for its pod. "
    )
    assert codes(gpu_runtime(), data=hm.taken(gpu_node())) == []


def test_taints_that_a_runtime_does_not_tolerate_are_warned_of() -> None:
    found = told(gpu_runtime(), data=hm.taken(gpu_node(spec=TAINTED)))
    assert (found["code"], found["severity"], found["object"]["kind"]) == ("KS031", "warning", "ServingRuntime")
    assert "to spec.tolerations of ServingRuntime models/rt" in found["remedy"]["text"]


def test_a_runtime_for_the_whole_cluster_is_warned_of_too() -> None:
    runtime = gpu_runtime()
    runtime["kind"] = "ClusterServingRuntime"
    del runtime["metadata"]["namespace"]
    assert told(runtime, data=hm.taken(hm.node()))["object"]["kind"] == "ClusterServingRuntime"


def stored(item: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """An object of a file as a cluster holds it; spec: what its server and KServe have added there."""
    metadata = {**item["metadata"], "uid": "1", "resourceVersion": "7", "annotations": {"added": "by-kserve"}}
    return {**item, "metadata": metadata, "spec": {**item["spec"], **spec}, "status": item.get("status", {})}


def test_runtimes_that_the_cluster_has_are_judged_by_who_uses_them() -> None:
    there = hm.taken(hm.node(), stored(gpu_runtime(), protocolVersions=["v2"]))
    assert codes(gpu_runtime(), data=there) == []
    assert codes(gpu_runtime(), on(), data=there) == ["KS030"]
    changed = gpu_runtime(tolerations=TOLERATED)
    assert codes(changed, data=there) == ["KS030"]


def test_a_runtime_is_not_told_twice_beside_its_service() -> None:
    assert codes(gpu_runtime(), on(), data=hm.taken(hm.node())) == ["KS030"]
    # its services say themselves what they need
    need_none = on(resources={kind: {"nvidia.com/gpu": "0"} for kind in ("limits", "requests")})
    assert codes(gpu_runtime(), need_none, data=hm.taken(hm.node())) == []


@pytest.mark.parametrize("spec", [{"disabled": True}, {"multiModel": True}])
def test_a_runtime_that_makes_no_pods_needs_no_node(spec: dict[str, Any]) -> None:
    assert "KS030" not in codes(gpu_runtime(**spec), data=hm.taken(hm.node()))


def test_a_service_that_runs_needs_no_second_node() -> None:
    holder = hm.pod(ready=True, spec={"nodeName": "gpu-1"}, container={"resources": GPU})
    service = hm.service(ready=True)
    live = stored(service, added={"by": "kserve"})
    there = hm.taken(gpu_node(), gpu_runtime(), live, hm.deployment(), hm.replicaset(), holder)
    assert codes(gpu_runtime(), service, data=there) == []
    # a change makes new pods beside the old ones
    assert codes(gpu_runtime(), on({"labels": {"a": "b"}}), data=there) == ["KS030"]


def workers(count: int = 1, **spec: Any) -> dict[str, Any]:
    container = {"name": "worker-container", "image": "registry.example.org/server:1", "resources": GPU}
    return {"pipelineParallelSize": count, "tensorParallelSize": 1, "containers": [container], **spec}


def multi(**worker: Any) -> dict[str, Any]:
    return on({"workerSpec": worker}, modelFormat={"name": "sklearn", "version": "1"})


def test_the_workers_of_several_nodes_are_judged() -> None:
    selector = {"pool": "workers"}
    runtime = gpu_runtime(workerSpec=workers(2, nodeSelector=selector))
    found = told(runtime, data=hm.taken(gpu_node()))
    assert (found["code"], found["severity"]) == ("KS032", "warning")
    assert "would have no node for its workers" in found["cause"]
    assert "spec.workerSpec.nodeSelector of ServingRuntime models/rt" in found["remedy"]["text"]
    nodes = [gpu_node(), gpu_node("gpu-2", labels=selector)]
    assert codes(runtime, multi(), data=hm.taken(*nodes)) == []
    found = told(runtime, multi(), data=hm.taken(gpu_node()))
    assert (found["code"], found["severity"]) == ("KS032", "error")
    assert found["cause"].startswith("Pod iris-predictor-worker has no node. ")
    assert [item["name"] for item in found["affects"]] == ["iris"]
    own = multi(nodeSelector={"pool": "mine"})
    remedy = told(runtime, own, data=hm.taken(*nodes))["remedy"]["text"]
    assert "spec.predictor.workerSpec.nodeSelector of InferenceService models/iris" in remedy


def test_a_service_on_one_node_has_no_workers() -> None:
    runtime = gpu_runtime(workerSpec=workers(1, nodeSelector={"pool": "workers"}))
    assert codes(runtime, multi(), data=hm.taken(gpu_node())) == []
    assert codes(runtime, multi(pipelineParallelSize=2), data=hm.taken(gpu_node())) == ["KS032"]


@pytest.mark.parametrize(("head", "worker"), [("1", "1"), ("2", "2"), ("1", "4"), ("4", "1"), (None, None)])
def test_a_runtime_for_several_nodes_is_judged_with_workers_that_have_devices(
    head: str | None, worker: str | None
) -> None:
    def asking(count: str | None) -> dict[str, Any]:
        return {kind: {"nvidia.com/gpu": count} if count else {"cpu": "1"} for kind in ("limits", "requests")}

    of_worker = {"name": "worker-container", "resources": asking(worker)}
    runtime = hm.runtime(container={"resources": asking(head)}, workerSpec=workers(containers=[of_worker]))
    pods = planned.of_runtime(Model(snapshot.View(hm.taken(runtime))), runtime)
    asked = [item.pod["spec"]["containers"][0]["resources"]["requests"]["nvidia.com/gpu"] for item in pods]
    assert asked == [head or "1", worker or "1"]


def test_quantities_that_are_none_are_left_to_the_rules_about_fields() -> None:
    broken = {"limits": {"nvidia.com/gpu": "many"}}
    assert "KS030" not in codes(with_container(resources=broken), wanted(), data=hm.taken(hm.node()))
    assert "KS030" not in codes(hm.runtime(), wanted(resources=broken), data=hm.taken(hm.node()))


def test_knative_where_it_is_not_served() -> None:
    service = wanted()
    service["metadata"]["annotations"] = {"serving.kserve.io/deploymentMode": "Knative"}
    assert "KS022" in codes(hm.runtime(), service, data=hm.taken())


def test_the_snapshot_is_left_as_it_is() -> None:
    cluster = hm.taken(hm.runtime())
    before = snapshot.dumps(cluster)
    diagnose.preflight([wanted(), hm.runtime("more")], cluster)
    assert snapshot.dumps(cluster) == before
