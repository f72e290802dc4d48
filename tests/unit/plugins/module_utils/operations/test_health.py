# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health checks against a client that answers from tables; real servers answer in tests/integration."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client, Response
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import health

Object = dict[str, Any]
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def service(name: str = "iris", runtime: str | None = "r", status: Object = READY, **model: Any) -> Object:
    named = {"runtime": runtime} if runtime else {}
    spec = {"predictor": {"model": {"modelFormat": {"name": "sklearn"}, **named, **model}}}
    return {"kind": "InferenceService", "metadata": {"name": name, "namespace": "a"}, "spec": spec, "status": status}


def runtime(name: str = "r", namespace: str | None = "a", **spec: Any) -> Object:
    formats = [{"name": "sklearn", "autoSelect": True}]
    return {
        "kind": "ServingRuntime" if namespace else "ClusterServingRuntime",
        "metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z", "namespace": namespace},
        "spec": {"supportedModelFormats": formats, "protocolVersions": ["v2"], "containers": [], **spec},
    }


def pod(owner: str = "iris", annotations: dict[str, str] | None = None) -> Object:
    labels = {"serving.kserve.io/inferenceservice": owner}
    metadata = {"name": f"{owner}-pod", "namespace": "a", "labels": labels, "annotations": annotations or {}}
    return {"metadata": metadata, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}


V2 = {"/v2/health/live": (200, ""), "/v2/health/ready": (200, ""), "/v2/models/iris/ready": (200, "")}


class Cluster:
    """Lists by plural; `says` maps the end of a path to (status, text)."""

    service_proxy = Client.service_proxy
    pod_proxy = Client.pod_proxy

    def __init__(self, says: dict[str, tuple[int, str]], **lists: list[Object]) -> None:
        self.lists = {"pods": [pod()], "inferenceservices": [service()], "servingruntimes": [runtime()], **lists}
        self.says = says
        self.asked: list[tuple[str, str]] = []

    def list(self, resource: Any, namespace: str | None = None, **_how: Any) -> list[Object]:
        found = self.lists.get(resource.plural, [])
        return [item for item in found if namespace in (None, item["metadata"].get("namespace"))]

    def get(self, resource: Any, name: str, _namespace: str | None = None) -> Object | None:
        assert resource.plural == "namespaces"
        return {"metadata": {"name": name}} if name in ("a", "b") else None

    def raw(self, method: str, path: str, **_how: Any) -> Response:
        end = path.split("/proxy", 1)[1]
        self.asked.append((method, end))
        status, text = self.says.get(end, (404, "not here"))
        return Response(status, {}, text.encode())


def run(cluster: Any, **task: Any) -> tuple[health.Task, health.Found]:
    wanted = health.Task(**{"with_metrics": False, "workers": 1, "kserve_version": "0.20.0", **task})
    return wanted, health.run(cluster, wanted, sleep=lambda seconds: None)


def check(cluster: Any, **task: Any) -> dict[str, Any]:
    return health.report(*run(cluster, **task))


def warnings(cluster: Any, **task: Any) -> list[str]:
    return run(cluster, **task)[1].warnings


def test_live_ready_and_model_ready_by_get_alone() -> None:
    cluster = Cluster(V2)
    found = check(cluster)
    assert found["healthy"] and found["summary"] == {"healthy": 1, "unhealthy": 0, "stopped": 0, "idle": 0}
    (item,) = found["services"]
    assert [entry["purpose"] for entry in item["checks"]] == ["live", "ready", "model"]
    assert (item["runtime"], item["how"], item["protocol"]) == ({"kind": "ServingRuntime", "name": "r"}, "named", "v2")
    assert {method for method, _path in cluster.asked} == {"GET"}


def test_a_server_without_the_model_is_unhealthy_and_its_own_models_are_named() -> None:
    index = json.dumps([{"name": "iris", "state": "UNAVAILABLE", "reason": "no file"}, {"name": "b", "state": "READY"}])
    says = {**V2, "/v2/models/iris/ready": (400, ""), "/v2/repository/index": (200, index)}
    found = check(Cluster(says))
    assert not found["healthy"]
    message = found["services"][0]["message"]
    assert "model iris is not ready; the server has iris UNAVAILABLE, b READY (iris: no file)" in message
    assert health.failure(found).startswith("InferenceService iris in namespace a is unhealthy: model: ")


def test_a_repository_names_its_models_itself() -> None:
    index = json.dumps([{"name": "x", "state": "READY"}, {"name": "y", "state": "READY"}])
    says = {**V2, "/v2/models/iris/ready": (404, ""), "/v2/repository/index": (200, index)}
    found = check(Cluster(says))
    assert found["healthy"] and "x READY, y READY" in found["services"][0]["checks"][2]["message"]


def test_an_empty_server_is_unhealthy_though_it_is_ready() -> None:
    says = {**V2, "/v2/models/iris/ready": (404, "unknown"), "/v2/repository/index": (200, "[]")}
    assert "the server has none" in check(Cluster(says))["services"][0]["message"]


def test_an_index_that_may_not_be_asked_changes_no_verdict() -> None:
    refusal = json.dumps({"kind": "Status", "apiVersion": "v1", "message": "cannot create resource services/proxy"})
    says = {**V2, "/v2/models/iris/ready": (404, "unknown model"), "/v2/repository/index": (403, refusal)}
    found = check(Cluster(says))
    assert not found["healthy"] and "unknown model" in found["services"][0]["message"]


def test_forbidden_is_not_healthy_and_says_so() -> None:
    refusal = json.dumps({"kind": "Status", "apiVersion": "v1", "message": 'services "iris-predictor" is forbidden'})
    found = check(Cluster(dict.fromkeys(V2, (403, refusal))))
    assert "the API server refuses the request" in found["services"][0]["message"]


def test_v1() -> None:
    says = {"/": (200, '{"status": "alive"}'), "/v1/models/iris": (200, '{"name": "iris", "ready": true}')}
    cluster = Cluster(says, inferenceservices=[service(protocolVersion="v1")])
    cluster.lists["servingruntimes"] = [runtime(protocolVersions=["v1"])]
    (item,) = check(cluster)["services"]
    assert item["state"] == "healthy" and item["protocol"] == "v1"


def test_grpc_alone_is_judged_by_its_pods() -> None:
    cluster = Cluster({}, inferenceservices=[service(protocolVersion="grpc-v2")])
    cluster.lists["servingruntimes"] = [runtime(protocolVersions=["grpc-v2"])]
    found = check(cluster)
    assert found["healthy"] and "1 of 1 pods are ready" in found["services"][0]["checks"][0]["message"]
    cluster.lists["pods"][0]["status"] = {}
    assert not check(cluster)["healthy"]


def test_stopped_and_idle_services_are_not_unhealthy() -> None:
    stopped = service("stopped", status={"conditions": [{"type": "Stopped", "status": "True"}]})
    stopped["metadata"]["annotations"] = {"serving.kserve.io/stop": "true"}
    idle = service("idle", status={**READY, "deploymentMode": "Knative"})
    cluster = Cluster({}, inferenceservices=[stopped, idle])
    found = check(cluster)
    assert found["healthy"] and found["summary"] == {"healthy": 0, "unhealthy": 0, "stopped": 1, "idle": 1}
    assert cluster.asked == []


def test_only_services_of_the_given_runtimes() -> None:
    services = [service("named"), service("chosen", None, protocolVersion="v2"), service("other", "else")]
    cluster = Cluster({}, inferenceservices=services, pods=[])
    found = check(cluster, runtimes=["r"])
    assert [(item["name"], item["how"]) for item in found["services"]] == [("chosen", "selected"), ("named", "named")]
    # a runtime that is named and not there is still asked for by its name
    assert [item["name"] for item in check(cluster, runtimes=["else"])["services"]] == ["other"]


def test_a_named_service_that_is_not_there_is_missing() -> None:
    found = check(Cluster(V2), names=["iris", "rose"])
    assert not found["healthy"] and found["missing"] == ["rose"]
    assert health.failure(found) == "There is no InferenceService rose here."


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({}, ["There is no InferenceService on the cluster: nothing was checked."]),
        ({"namespaces": ["b"]}, ["There is no InferenceService in namespace b: nothing was checked."]),
        ({"namespaces": ["typo"]}, ["There is no namespace typo: nothing was checked there."]),
        ({"namespaces": ["a", "typo"]}, ["There is no namespace typo: nothing was checked there."]),
        ({"namespaces": []}, ["There is no InferenceService in namespace (none named): nothing was checked."]),
        (
            {"namespaces": ["a"], "runtimes": ["x", "y"]},
            ["There is no InferenceService that uses x or y in namespace a: nothing was checked."],
        ),
        ({"names": ["rose"]}, []),  # it is missing, and that is unhealthy
        ({"namespaces": ["a", "b"]}, []),
    ],
)
def test_nothing_to_check_is_healthy_and_said(task: dict[str, Any], said: list[str]) -> None:
    cluster = Cluster(V2, inferenceservices=[] if not task else [service()])
    assert warnings(cluster, **task) == said
    assert check(cluster, **task)["healthy"] is ("names" not in task)


def test_a_namespace_that_may_not_be_read_is_not_called_absent() -> None:
    class Unsure(Cluster):
        def get(self, *_what: Any) -> Object | None:
            raise errors.Forbidden("Cannot read")

    said = warnings(Unsure(V2), namespaces=["a", "c"])
    assert said == []
    assert warnings(Unsure(V2), namespaces=["c"]) == [
        "There is no InferenceService in namespace c: nothing was checked."
    ]


METRICS = {"prometheus.kserve.io/port": "8082", "prometheus.kserve.io/path": "/metrics"}


@pytest.mark.parametrize(
    ("answer", "ok", "words"),
    [
        ((200, "# TYPE x counter\nx 1\n"), True, "shows 1 samples"),
        ((200, "<html>"), False, "is no Prometheus text: line 1"),
        ((404, "nothing"), False, "answers 404"),
        (
            (503, json.dumps({"kind": "Status", "apiVersion": "v1", "message": "connection refused"})),
            False,
            "connection refused",
        ),
    ],
)
def test_metrics(answer: tuple[int, str], ok: bool, words: str) -> None:
    cluster = Cluster({**V2, "/metrics": answer}, pods=[pod(annotations=METRICS)])
    found = check(cluster, with_metrics=True)
    assert found["healthy"] is ok
    last = found["services"][0]["checks"][-1]
    assert last["purpose"] == "metrics" and words in last["message"]


def test_a_pod_that_says_no_metrics_port_is_not_scraped() -> None:
    assert check(Cluster(V2), with_metrics=True)["healthy"]


def test_a_sample_inference() -> None:
    samples = health._samples(
        [{"name": "iris", "body": {"inputs": []}, "expect": [{"path": "outputs", "length": 1}], "timeout": 0}]
    )
    found = check(Cluster({**V2, "/v2/models/iris/infer": (200, '{"outputs": [1]}')}), samples=samples)
    assert found["healthy"] and found["services"][0]["checks"][-1]["purpose"] == "infer"
    wrong = check(Cluster({**V2, "/v2/models/iris/infer": (200, '{"outputs": []}')}), samples=samples)
    assert not wrong["healthy"] and "which has not the length 1" in wrong["services"][0]["message"]


def test_a_sample_for_a_service_that_is_not_there_is_missing() -> None:
    samples = health._samples([{"name": "rose", "body": {"inputs": []}}])
    assert check(Cluster(V2), samples=samples)["missing"] == ["rose"]


def test_a_sample_is_for_the_service_of_its_namespace() -> None:
    samples = health._samples([{"name": "iris", "namespace": "prod", "body": {"inputs": []}}])
    found = check(Cluster(V2), samples=samples)
    assert not found["healthy"] and found["missing"] == ["prod/iris"]
    assert health.failure(found) == "There is no InferenceService prod/iris here."
    here = health._samples([{"name": "iris", "namespace": "a", "body": {"inputs": []}}])
    assert check(Cluster({**V2, "/v2/models/iris/infer": (200, "{}")}), samples=here)["healthy"]


@pytest.mark.parametrize(
    ("status", "annotations", "said"),
    [
        (
            {"conditions": [{"type": "Stopped", "status": "True"}]},
            {"serving.kserve.io/stop": "true"},
            "the service is stopped (",
        ),
        ({**READY, "deploymentMode": "Knative"}, {}, "the service is idle (scaled to zero)"),
    ],
)
def test_a_sample_that_cannot_be_sent_is_no_success(status: Object, annotations: Object, said: str) -> None:
    asleep = service(status=status)
    asleep["metadata"]["annotations"] = annotations
    cluster = Cluster({}, inferenceservices=[asleep], pods=[])
    assert check(cluster)["healthy"]
    found = check(cluster, samples=health._samples([{"name": "iris", "body": {}}]))
    assert not found["healthy"] and said in health.failure(found)
    assert [item["purpose"] for item in found["services"][0]["checks"]] == ["infer"]


@pytest.mark.parametrize("given", [[{"body": {}}], ["x"], [{"name": "x"}]])
def test_wrong_samples(given: list[Any]) -> None:
    with pytest.raises(SpecError, match=r"samples\[0\]"):
        health._samples(given)


def test_it_asks_again_until_all_are_healthy() -> None:
    cluster = Cluster({})

    def later(_seconds: float) -> None:
        cluster.says = V2

    wanted = health.Task(with_metrics=False, timeout=60, workers=1, kserve_version="0.20.0")
    assert health.run(cluster, wanted, sleep=later).services[0].state == "healthy"  # type: ignore[arg-type]


class Narrow(Cluster):
    """May read services and no more."""

    def list(self, resource: Any, namespace: str | None = None, **_how: Any) -> list[Object]:
        if resource.plural != "inferenceservices":
            raise errors.Forbidden(f"Cannot read the list of {resource.plural}: forbidden")
        return super().list(resource, namespace)


def test_what_else_may_not_be_read_is_said_and_done_without() -> None:
    cluster = Narrow(V2, inferenceservices=[service(protocolVersion="v2")])
    found = check(cluster, with_metrics=True)
    assert found["healthy"]
    assert [item["what"] for item in found["unseen"]] == ["servingruntimes", "clusterservingruntimes", "pods"]
    assert {item["reason"] for item in found["unseen"]} == {"forbidden"}


def test_a_service_whose_runtime_cannot_be_known_is_not_left_out() -> None:
    unknown, named = service("iris", None, protocolVersion="v2"), service("other", "triton", protocolVersion="v2")
    cluster = Narrow(V2, inferenceservices=[unknown, named, service("third", "mlserver")])
    found = check(cluster, runtimes=["triton"])
    assert [(item["name"], item["runtime"]) for item in found["services"]] == [
        ("iris", None),
        ("other", {"kind": None, "name": "triton"}),
    ]
    assert not found["healthy"]
    [said] = warnings(cluster, runtimes=["triton"])
    assert said.startswith("Which runtime InferenceService iris in namespace a uses is not known")
    # where all runtimes may be read, none means none
    assert check(Cluster(V2, inferenceservices=[unknown], servingruntimes=[]), runtimes=["triton"])["services"] == []


@pytest.mark.parametrize(
    ("status", "used"),
    [
        ({"servingRuntimeName": "triton"}, {"kind": "ServingRuntime", "name": "triton"}),
        ({"clusterServingRuntimeName": "triton"}, {"kind": "ClusterServingRuntime", "name": "triton"}),
    ],
)
def test_the_status_says_which_runtime_is_used(status: Object, used: Object) -> None:
    for named in (None, "triton"):
        mine = service("iris", named, {**READY, **status}, protocolVersion="v2")
        for cluster in (Narrow(V2, inferenceservices=[mine]), Cluster(V2, inferenceservices=[mine])):
            found = check(cluster, runtimes=["triton"])
            assert found["healthy"] and found["services"][0]["runtime"] == used
            assert not warnings(cluster, runtimes=["triton"])
            assert check(cluster, runtimes=["r"])["services"] == []


def test_the_runtime_of_the_status_is_found_by_kind_and_namespace() -> None:
    mine = service(status={**READY, "servingRuntimeName": "r"})
    others = [runtime("r", "b", protocolVersions=["grpc-v2"]), runtime("r", None, protocolVersions=["grpc-v2"])]
    cluster = Cluster(V2, inferenceservices=[mine], servingruntimes=[others[0], runtime()])
    cluster.lists["clusterservingruntimes"] = [others[1]]
    assert check(cluster)["services"][0]["protocol"] == "v2"


def test_pods_that_may_not_be_read_are_not_taken_for_ready_nor_for_idle() -> None:
    status = {**READY, "deploymentMode": "Knative"}
    found = check(Narrow({}, inferenceservices=[service(protocolVersion="grpc-v2", status=status)]))
    assert not found["healthy"] and "may not be read" in found["services"][0]["message"]


def test_services_that_may_not_be_read_are_an_error() -> None:
    class Blind(Cluster):
        def list(self, resource: Any, namespace: str | None = None, **_how: Any) -> list[Object]:
            raise errors.Forbidden("Cannot read")

    with pytest.raises(errors.Forbidden):
        check(Blind(V2))


@pytest.mark.parametrize(
    ("asked", "how", "said"),
    [
        (service(runtime=None, protocolVersion="v2"), {"kserve_version": None}, True),
        (service(runtime=None, protocolVersion="v2"), {}, False),
        (service(), {"kserve_version": None}, False),  # it names its runtime: no version changes that
    ],
)
def test_a_version_that_had_to_be_assumed_is_said_where_it_decides(asked: Object, how: Object, said: bool) -> None:
    found = warnings(Cluster(V2, inferenceservices=[asked]), **how)
    assert any("the rules of KServe 0.20.0 are assumed" in text for text in found) is said
