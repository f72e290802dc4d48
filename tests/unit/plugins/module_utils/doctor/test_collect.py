# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a cluster, and what is made of answers that do not come. The real cluster has tests of its own."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Response
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import collect, diagnose, snapshot
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import handmade as hm

APIS = {
    "kind": "APIGroupDiscoveryList",
    "items": [
        {
            "metadata": {"name": "serving.kserve.io"},
            "versions": [
                {"version": "v1beta1", "resources": [{"resource": "inferenceservices"}]},
                {
                    "version": "v1alpha1",
                    "resources": [{"resource": "servingruntimes"}, {"resource": "clusterservingruntimes"}],
                },
            ],
        }
    ],
}


CONTROLLER = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "namespace": "kserve",
        "name": "kserve-controller-manager",
        "labels": {"control-plane": "kserve-controller-manager"},
    },
    "spec": {"replicas": 1},
    "status": {"availableReplicas": 1},
}


class Recorded:
    """A client that answers from objects, refuses what it is told to, and remembers what it was asked."""

    def __init__(
        self, *objects: dict[str, Any], forbidden: tuple[str, ...] = (), missing: tuple[str, ...] = ()
    ) -> None:
        self.objects = objects
        self.forbidden = forbidden
        self.missing = missing
        self.asked: list[tuple[str, str | None]] = []
        self.log_texts: dict[tuple[str, bool], str] = {}
        self.answers: dict[str, Response] = {}

    def _check(self, plural: str, namespace: str | None) -> None:
        self.asked.append((plural, namespace))
        if plural in self.missing:
            raise errors.ApiMissing(f"{plural} is not served")
        if plural in self.forbidden or (namespace is None and f"all {plural}" in self.forbidden):
            raise errors.Forbidden(f"{plural} is forbidden", status=403)

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> list[dict[str, Any]]:
        self._check(resource.plural, namespace)
        wanted = [item for item in self.objects if item["kind"] == resource.kind]
        if namespace is not None:
            wanted = [item for item in wanted if item["metadata"].get("namespace") == namespace]
        if label_selector and label_selector.startswith("control-plane"):
            wanted = [item for item in wanted if "control-plane" in item["metadata"].get("labels", {})]
        elif label_selector:
            wanted = [item for item in wanted if label_selector in item["metadata"].get("labels", {})]
        if field_selector and field_selector.startswith("reason="):
            wanted = [item for item in wanted if item.get("reason") == field_selector.removeprefix("reason=")]
        return json.loads(json.dumps(wanted))

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        self._check(resource.plural, namespace)
        if resource is not resources.CONFIGMAP:
            return None
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name}, "data": {}}

    def raw(self, method: str, path: str, **_more: Any) -> Response:
        self.asked.append((f"{method} {path}", None))
        if path in self.answers:
            return self.answers[path]
        if path == "/version":
            date = "Sat, 31 Jan 2026 12:00:00 GMT"
            return Response(200, {"date": date}, b'{"gitVersion": "v1.34.4"}')
        if path == "/apis":
            return Response(200, {}, json.dumps(APIS).encode())
        plural = path.rsplit("/", 1)[-1]
        if plural in self.forbidden:
            return Response(403, {}, b"{}")
        return Response(200, {}, b'{"items": []}')

    def request(self, _method: str, path: str, **_more: Any) -> Any:
        raise errors.Forbidden(f"{path} is forbidden", status=403)

    def logs(self, _namespace: str, _pod: str, container: str, *, previous: bool = False, **more: Any) -> str:
        text = self.log_texts.get((container, previous), "")
        return text[-(more["tail_lines"] * 10) :] if more.get("tail_lines") else text[: more["limit_bytes"]]

    def lists(self) -> Counter[str]:
        return Counter(plural for plural, _namespace in self.asked if "/" not in plural)


def look(client: Recorded, **options: Any) -> dict[str, Any]:
    return collect.collect(client, **{"probe": "none", "dry_run": False, **options})  # type: ignore[arg-type]


def healthy(count: int) -> list[dict[str, Any]]:
    names = [f"s{index}" for index in range(count)]
    return [hm.runtime()] + [
        item
        for name in names
        for item in (
            hm.service(name, ready=True),
            hm.deployment(name),
            hm.replicaset(name),
            hm.pod(name, ready=True),
            *hm.network(name),
        )
    ]


def test_the_number_of_requests_does_not_depend_on_the_number_of_services() -> None:
    few, many = Recorded(*healthy(1)), Recorded(*healthy(300))
    look(few)
    assert len(look(many)["objects"][snapshot.INFERENCESERVICES]) == 300
    assert few.lists() == many.lists()
    assert len(many.asked) < 45


def test_the_clock_is_the_api_servers() -> None:
    data = look(Recorded())
    assert (data["taken_at"], data["kubernetes_version"]) == ("2026-01-31T12:00:00Z", "v1.34.4")


def test_what_is_forbidden_is_unseen_and_not_empty() -> None:
    data = look(Recorded(*healthy(1), forbidden=("nodes", "secrets", "persistentvolumeclaims")))
    reasons = {item["what"]: item["reason"] for item in data["unseen"]}
    assert reasons["nodes"] == reasons["persistentvolumeclaims"] == reasons["secrets"] == "forbidden"
    view = snapshot.View(data)
    assert not view.seen(snapshot.NODES)
    assert view.has_name("secrets", hm.NS, "any") is None


def test_a_kind_that_is_not_served_is_said_to_be() -> None:
    data = look(Recorded(missing=("clusterservingruntimes",)))
    assert {"clusterservingruntimes.serving.kserve.io": "crd_missing"}.items() <= {
        item["what"]: item["reason"] for item in data["unseen"]
    }.items()


def test_namespaces_that_were_asked_for_are_listed_one_by_one_when_they_are_few() -> None:
    client = Recorded(*healthy(1))
    data = look(client, namespaces=[hm.NS])
    assert ("pods", hm.NS) in client.asked and ("pods", None) not in client.asked
    assert data["namespaces"] == [hm.NS]


def test_many_namespaces_are_one_list_and_then_one_each_where_that_is_forbidden() -> None:
    spaces = [hm.NS, "b", "c", "d"]
    allowed = Recorded(*healthy(1))
    look(allowed, namespaces=spaces)
    assert allowed.lists()["persistentvolumeclaims"] == 1
    refused = Recorded(*healthy(1), forbidden=("all persistentvolumeclaims",))
    look(refused, namespaces=spaces)
    assert refused.lists()["persistentvolumeclaims"] == 5


def test_without_the_right_to_list_the_cluster_the_namespaces_one_may_see_are_looked_at() -> None:
    mine = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": hm.NS}}
    data = look(Recorded(*healthy(1), mine, forbidden=("all inferenceservices",), missing=("projects",)))
    assert data["namespaces"] == [hm.NS]
    assert any(item["what"] == "other namespaces" for item in data["unseen"])
    assert len(diagnose.diagnose(data)["services"]) == 1


def test_secrets_are_asked_for_as_metadata_only() -> None:
    client = Recorded(*healthy(1))
    look(client)
    assert "secrets" not in client.lists()
    assert any(path == "GET /api/v1/secrets" for path, _namespace in client.asked)
    assert "metadata" in collect._METADATA["Accept"].lower()


def crashing() -> list[dict[str, Any]]:
    return [hm.runtime(), hm.service(), hm.deployment(), hm.replicaset(), hm.pod(state=hm.ended(1))]


def test_logs_of_unhealthy_pods_are_read_of_this_run_and_the_one_before() -> None:
    client = Recorded(*crashing())
    client.log_texts = {
        ("kserve-container", False): "starting\n",
        ("kserve-container", True): "Traceback (most recent call last):\n  File \"x\", line 1\nKeyError: 'a'\n",
    }
    data = look(client)
    assert [(item["container"], item["previous"]) for item in data["logs"]] == [
        ("kserve-container", False),
        ("kserve-container", True),
    ]
    assert "KeyError" in diagnose.diagnose(data)["findings"][0]["cause"]
    assert look(Recorded(*healthy(1)))["logs"] == []


def test_a_long_log_is_read_at_both_ends() -> None:
    client = Recorded(*crashing())
    client.log_texts = {("kserve-container", True): "first line\n" + "x" * 5000 + "\nlast line\n"}
    (log,) = (item for item in look(client, log_bytes=1000)["logs"] if item["previous"])
    assert log["truncated"] and log["head"].startswith("first line") and log["tail"].endswith("last line\n")


def test_a_pod_without_a_node_makes_the_other_pods_matter() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no"}
    waiting = hm.pod(spec={"nodeName": None}, status={"conditions": [condition]})
    client = Recorded(hm.runtime(), hm.service(), hm.deployment(), hm.replicaset(), waiting, hm.node())
    assert snapshot.OTHER_PODS in look(client)["objects"]
    assert snapshot.OTHER_PODS not in look(Recorded(*healthy(1)))["objects"]


def test_an_unreachable_api_is_an_error_and_no_empty_snapshot() -> None:
    class Gone(Recorded):
        def raw(self, *_args: Any, **_more: Any) -> Response:
            raise errors.Unreachable("Cannot reach the Kubernetes API")

    with pytest.raises(errors.Unreachable):
        look(Gone())


@pytest.mark.parametrize("answer", [Response(302, {}, b""), Response(200, {}, b"<html>"), Response(200, {}, b"[]")])
def test_a_login_page_is_an_error_and_no_empty_snapshot(answer: Response) -> None:
    class Console(Recorded):
        def version(self) -> Any:
            raise errors.Unreachable("no answer of the Kubernetes API")

    client = Console()
    client.answers["/version"] = answer
    with pytest.raises(errors.Unreachable, match="no answer of"):
        look(client)


MANAGER = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "namespace": "kserve",
        "name": "kserve-controller-manager-1",
        "labels": {"control-plane": "kserve-controller-manager"},
    },
    "spec": {"containers": [{"name": "manager"}]},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


def test_of_a_running_controllers_log_only_what_waiting_services_need_is_kept() -> None:
    about = {"name": "iris", "namespace": hm.NS}
    lines = [
        {"level": "info", "ts": hm.NOW, "msg": "Reconciling", **about},
        {"level": "error", "ts": hm.NOW, "msg": "Reconciler error", **about, "name": "other", "error": "not asked for"},
        {
            "level": "error",
            "ts": hm.NOW,
            "msg": "Reconciler error",
            **about,
            "error": "no room",
            "stacktrace": "x" * 99,
        },
    ]
    client = Recorded(hm.runtime(), hm.service(status={"conditions": []}), CONTROLLER, MANAGER)
    client.log_texts = {("manager", False): "\n".join(json.dumps(line) for line in lines)}
    data = look(client)
    (log,) = data["logs"]
    assert (log["namespace"], log["container"]) == ("kserve", "manager")
    assert "no room" in log["head"] and "not asked for" not in log["head"] and "stacktrace" not in log["head"]
    assert any("no room" in item["cause"] for item in diagnose.diagnose(data)["findings"])
    content = Recorded(*healthy(1), CONTROLLER, MANAGER)
    content.log_texts = client.log_texts
    assert look(content)["logs"] == []


def test_the_controllers_events_are_read_though_only_other_namespaces_were_asked_for() -> None:
    pod = {**MANAGER, "status": {}}
    event = hm.event(pod, "FailedMount", 'secret "x" not found')
    asked = look(Recorded(*healthy(1), CONTROLLER, pod, event), namespaces=[hm.NS])
    assert [item["reason"] for item in asked["objects"][snapshot.EVENTS]] == ["FailedMount"]
    everything = look(Recorded(*healthy(1), CONTROLLER, pod, event))
    assert [item["reason"] for item in everything["objects"][snapshot.EVENTS]] == ["FailedMount"]


def test_the_namespace_of_a_pod_without_its_model_is_read() -> None:
    source = {"annotations": {"internal.serving.kserve.io/storage-initializer-sourceuri": "s3://bucket/iris"}}
    made = [hm.runtime(), hm.service(), hm.deployment(), hm.replicaset()]
    client = Recorded(*made, hm.pod(metadata=source))
    look(client)
    assert client.lists()["namespaces"] == 1
    mounted = Recorded(
        *made, hm.pod(metadata=source, container={"volumeMounts": [{"name": "m", "mountPath": "/mnt/models"}]})
    )
    look(mounted)
    assert mounted.lists()["namespaces"] == 0


# -- probes -------------------------------------------------------------------------------------------------------------


def proxied(kind: Resource, target: str, path: str) -> str:
    return kind.path(hm.NS, target, "proxy") + path


def serving() -> Recorded:
    pod = hm.pod(ready=True)
    return Recorded(
        hm.runtime(), hm.service("iris", ready=True), hm.deployment(), hm.replicaset(), pod, *hm.network(), CONTROLLER
    )


def test_a_server_that_does_not_know_the_model_is_asked_for_its_models() -> None:
    client = serving()
    service = "iris-predictor:80"
    client.answers = {
        proxied(resources.SERVICE, service, "/v2/health/ready"): Response(200, {}, b""),
        proxied(resources.SERVICE, service, "/v2/models/iris/ready"): Response(404, {}, b'{"error": "unknown model"}'),
        proxied(resources.SERVICE, service, "/v2/repository/index"): Response(200, {}, b"[]"),
    }
    data = look(client, probe="all")
    assert [(item["purpose"], item["status"]) for item in data["probes"]] == [
        ("ready", 200),
        ("model", 404),
        ("index", 200),
    ]
    assert diagnose.diagnose(data)["findings"][0]["code"] == "KS052"


def test_what_the_api_server_says_is_not_what_the_server_says() -> None:
    client = serving()
    status = {"kind": "Status", "apiVersion": "v1", "message": "error trying to reach service: connection refused"}
    for path in ("/v2/health/ready", "/v2/models/iris/ready"):
        client.answers[proxied(resources.SERVICE, "iris-predictor:80", path)] = Response(
            503, {}, json.dumps(status).encode()
        )
    data = look(client, probe="all")
    assert [item["status"] for item in data["probes"]] == [None, None]
    assert diagnose.diagnose(data)["findings"][0]["code"] == "KS058"


def test_a_probe_that_rbac_denies_is_unseen() -> None:
    client = serving()
    status = {"kind": "Status", "apiVersion": "v1", "message": 'services "x" is forbidden: cannot get services/proxy'}
    for path in ("/v2/health/ready", "/v2/models/iris/ready"):
        client.answers[proxied(resources.SERVICE, "iris-predictor:80", path)] = Response(
            403, {}, json.dumps(status).encode()
        )
    data = look(client, probe="all")
    assert data["probes"] == []
    assert any(item["what"].startswith("services/proxy") and item["reason"] == "forbidden" for item in data["unseen"])
    assert [item for item in diagnose.diagnose(data)["findings"] if item["affects"]] == []


def test_grpc_and_services_beyond_the_limit_are_said_to_be_unprobed() -> None:
    client = serving()
    client.objects[1]["spec"]["predictor"]["model"]["protocolVersion"] = "grpc-v2"
    assert any(item["what"].startswith("gRPC") for item in look(client, probe="all")["unseen"])
    several = look(Recorded(*healthy(3)), probe="all", probe_limit=1)
    assert any("2 services were not asked" in item["message"] for item in several["unseen"])
