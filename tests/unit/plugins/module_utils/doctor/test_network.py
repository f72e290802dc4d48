# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers answer when they are asked for their model: ready is not served, and not every other name is a fault."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Response
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import diagnose
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import handmade as hm
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor.test_collect import (
    look,
    proxied,
    serving,
)

Object = dict[str, Any]
V2 = {"model": "/v2/models/iris/ready", "ready": "/v2/health/ready", "index": "/v2/repository/index"}
V1 = {"model": "/v1/models/iris", "index": "/v1/models"}
TRITON = {"image": "nvcr.io/nvidia/tritonserver:24.10-py3"}


def said(path: str, status: int | None, body: Any = "", **more: Any) -> Object:
    """One answer; a body that is no text is given as JSON."""
    purpose = next(name for table in (V1, V2) for name, known in table.items() if known == path)
    return {
        "namespace": hm.NS, "service": "iris", "component": "predictor", "purpose": purpose, "via": "services",
        "target": "iris-predictor", "port": 80, "target_port": 8080, "path": path, "method": "GET", "status": status,
        "body": body if isinstance(body, str) else json.dumps(body), "error": None, "time": hm.NOW, **more,
    }  # fmt: skip


UP = said(V2["ready"], 200)
UNKNOWN = said(V2["model"], 404, {"error": "unknown model"})


def found(*probes: Object, container: Object | None = None) -> list[tuple[str, str, str]]:
    pod = hm.pod(ready=True, container=container or {})
    data = hm.running(hm.service(ready=True), pod, probes=list(probes))
    return [(item["severity"], item["code"], item["cause"]) for item in hm.diagnosed(data)["findings"]]


def index(*models: Object) -> Object:
    return said(V2["index"], 200, list(models))


def entry(name: str, state: str | None = "READY", reason: str | None = None) -> Object:
    told = {"name": name, "version": "1", "state": state, "reason": reason}
    return {key: value for key, value in told.items() if value is not None}


@pytest.mark.parametrize(
    ("models", "severity", "code", "words"),
    [
        # --model-control-mode=explicit: known, and never loaded
        ([{"name": "iris"}], "error", "KS052", "has loaded no model of that name"),
        ([{"name": "flowers"}, {"name": "trees"}], "error", "KS052", "holds flowers, trees"),
        ([entry("flowers"), {"name": "iris"}], "error", "KS052", "has not loaded"),
        # --exit-on-error=false: the service's own model failed beside another
        ([entry("flowers"), entry("iris", "UNAVAILABLE", "unable to find backend library for backend 'onnx'")],
         "error", "KS045", "iris is UNAVAILABLE"),
        ([entry("flowers"), entry("trees", "UNAVAILABLE", "no config.pbtxt")], "error", "KS043", "no config.pbtxt"),
        # an update leaves the version before it behind
        ([entry("flowers"), entry("flowers", "UNAVAILABLE", "unloaded")], "info", "KS062", "named flowers"),
        ([entry("iris", "LOADING")], "info", "KS134", "is loading"),
        # KServe's own words
        ([entry("iris", "NotReady")], "error", "KS043", "NotReady"),
        ([entry("flowers", "Ready")], "info", "KS062", "named flowers"),
        ([entry("iris")], "error", "KS138", "lists model iris"),
    ],
)  # fmt: skip
def test_the_states_of_an_index(models: list[Object], severity: str, code: str, words: str) -> None:
    findings = found(UP, UNKNOWN, index(*models), container=TRITON)
    assert [item[:2] for item in findings] == [(severity, code)]
    assert words in findings[0][2]


def test_a_repository_of_triton_names_its_models_itself() -> None:
    assert [item[0] for item in found(UP, UNKNOWN, index(entry("flowers")), container=TRITON)] == ["info"]
    assert [item[0] for item in found(UP, UNKNOWN, index(entry("flowers")))] == ["error"]


def test_an_index_that_may_not_be_asked_proves_nothing() -> None:
    assert [item[:2] for item in found(UP, UNKNOWN)] == [("warning", "KS052")]
    assert "could not be asked" in found(UP, UNKNOWN)[0][2]
    gone = said(V2["index"], 405, {"detail": "Method Not Allowed"})
    assert [item[:2] for item in found(UP, UNKNOWN, gone)] == [("error", "KS052")]


def test_v2_is_asked_where_v1_is_not_spoken() -> None:
    nothing = {"detail": "Not Found"}
    first = [said(V1["model"], 404, nothing), said(V1["index"], 404, nothing)]
    assert [item[1] for item in found(*first, UP, UNKNOWN, index())] == ["KS052"]
    assert found(*first, UP, said(V2["model"], 200)) == []
    # neither: nobody's answer
    assert found(*first, said(V2["ready"], 404, nothing), said(V2["model"], 404, nothing)) == []


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (404, {"error": "Servable not found for request: Latest(iris)"}, "KS052"),
        (200, {"model_version_status": [{"version": "1", "state": "END", "status": {"error_message": "no file"}}]},
         "KS052"),
        (200, {"model_version_status": [{"version": "2", "state": "LOADING"}]}, "KS134"),
        (200, {"name": "iris", "ready": "True"}, None),
        (404, "404 page not found", None),
    ],
)  # fmt: skip
def test_what_servers_of_v1_say(status: int, body: Any, code: str | None) -> None:
    assert [item[1] for item in found(said(V1["model"], status, body))] == ([code] if code else [])


HTTP2 = (
    "error trying to reach service: net/http: HTTP/1.x transport connection broken: malformed HTTP response "
    '"\\x00\\x00\\x18\\x04\\x00\\x00\\x00\\x00\\x00\\x00\\x04\\x00?\\xff\\xff\\x00\\x05\\x00?\\xff\\xff"'
)


@pytest.mark.parametrize(
    ("names", "error", "wanted"),
    [
        (("grpc", "http"), HTTP2, ("error", "KS058")),
        (("h2c", "http"), HTTP2, ("warning", "KS058")),
        (("grpc",), HTTP2, ("warning", "KS058")),
        (("a", "b"), "error trying to reach service: EOF", ("error", "KS058")),
        (("a", "b"), "error trying to reach service: dial tcp 10.0.0.9:9000: i/o timeout", ("warning", "KS142")),
    ],
)
def test_a_service_that_leads_to_grpc(names: tuple[str, ...], error: str, wanted: tuple[str, str]) -> None:
    declared = [{"containerPort": 9000 - 920 * place, "name": name} for place, name in enumerate(names)]
    container = {**TRITON, "ports": declared, "args": ["tritonserver", "--grpc-port=9000", "--http-port=8080"]}
    findings = found(said(V2["model"], None, error=error, target_port=9000), container=container)
    assert [item[:2] for item in findings] == [wanted]
    assert wanted[1] != "KS058" or "9000, which speaks gRPC" in findings[0][2]


# -- what is asked --------------------------------------------------------------------------------------------------------


def answers(**paths: Response) -> Any:
    client = serving()
    client.answers = {
        proxied(
            resources.SERVICE, "iris-predictor:80", {**V2, "v1": V1["model"], "v1_index": V1["index"]}[name]
        ): answer
        for name, answer in paths.items()
    }
    return client


def judged(data: Object) -> list[Object]:
    return list(diagnose.diagnose(data, checks=["running", "triton", "mlserver", "network"])["findings"])


def test_without_the_right_to_post_a_model_of_another_name_is_no_error() -> None:
    denied = {"kind": "Status", "apiVersion": "v1", "message": "cannot create resource services/proxy"}
    client = answers(
        ready=Response(200, {}, b""),
        model=Response(404, {}, b'{"error": "unknown model"}'),
        index=Response(403, {}, json.dumps(denied).encode()),
    )
    data = look(client, probe="all")
    assert any(item["reason"] == "forbidden" and "create" in item["what"] for item in data["unseen"])
    assert [(item["severity"], item["code"]) for item in judged(data)] == [("warning", "KS052")]


def test_a_server_of_v2_behind_a_runtime_that_lists_both_protocols() -> None:
    nothing = Response(404, {}, b'{"detail": "Not Found"}')
    client = answers(v1=nothing, v1_index=nothing, ready=Response(200, {}, b""), index=Response(200, {}, b"[]"),
                     model=Response(404, {}, b'{"error": "Model iris not found"}'))  # fmt: skip
    client.objects[0]["spec"]["protocolVersions"] = ["v1", "v2"]
    data = look(client, probe="all")
    assert [item["path"] for item in data["probes"]] == [
        V1["model"],
        V1["index"],
        V2["ready"],
        V2["model"],
        V2["index"],
    ]
    assert [item["code"] for item in judged(data)] == ["KS052"]


def test_a_model_is_asked_for_by_the_name_that_its_server_was_told() -> None:
    client = serving()
    client.objects[1]["spec"]["predictor"]["model"]["args"] = ["--model_name=flowers"]
    client.answers = {
        proxied(resources.SERVICE, "iris-predictor:80", path): Response(200, {}, b"")
        for path in ("/v2/health/ready", "/v2/models/flowers/ready")
    }
    data = look(client, probe="all")
    assert [item["status"] for item in data["probes"]] == [200, 200]
    assert judged(data) == []
