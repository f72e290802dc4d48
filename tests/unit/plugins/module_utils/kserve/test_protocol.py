# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import protocol


def _service(**model):
    return {
        "kind": "InferenceService",
        "metadata": {"name": "flowers", "namespace": "garden"},
        "spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn"}, **model}}},
    }


def _runtime(name="custom", annotations=None, **spec):
    return {
        "kind": "ServingRuntime",
        "metadata": {"name": name, "namespace": "garden", "annotations": annotations or {}},
        "spec": spec,
    }


def _status(code, message, reason=""):
    return json.dumps({"kind": "Status", "apiVersion": "v1", "code": code, "message": message, "reason": reason})


@pytest.mark.parametrize(
    ("spoken", "expected"),
    [
        ("v2", [("GET", "/v2/health/live"), ("GET", "/v2/health/ready"), ("GET", "/v2/models/flowers/ready")]),
        ("v1", [("GET", "/"), ("GET", "/v1/models/flowers")]),
        ("grpc-v2", []),
    ],
)
def test_health_requests_by_protocol(spoken, expected):
    assert [(item.method, item.path) for item in protocol.health_requests(spoken, "flowers")] == expected


def test_without_a_model_name_only_the_server_is_asked():
    assert [item.purpose for item in protocol.health_requests("v2", None)] == ["live", "ready"]


def test_a_model_name_is_quoted_and_a_body_kept():
    asked = protocol.request("v2", protocol.INFER, "a/b c", {"inputs": []})
    assert (asked.method, asked.path, asked.body) == ("POST", "/v2/models/a%2Fb%20c/infer", {"inputs": []})
    assert protocol.request("v1", protocol.INFER, "m").path == "/v1/models/m:predict"
    assert protocol.request("v2", protocol.INDEX).body == {}


@pytest.mark.parametrize(
    ("service", "runtime", "expected"),
    [
        (_service(protocolVersion="v2"), None, "v2"),
        (_service(protocolVersion="v1"), _runtime(protocolVersions=["v2"]), "v1"),
        (_service(protocolVersion="grpc-v2"), _runtime(protocolVersions=["v2"]), None),
        (_service(), None, "v1"),  # an automatic choice implies v1
        (_service(), _runtime(protocolVersions=["v2", "grpc-v2"]), "v2"),
        (_service(), _runtime(protocolVersions=["v2", "v1"]), "v1"),
        (_service(), _runtime(protocolVersions=["grpc-v2"]), None),
        (_service(), _runtime(), "v1"),
        (_service(), _runtime(annotations={"serving.kserve.io/server-type": "tritonserver"}), "v2"),
        # servers that speak V2 alone, whatever their runtime lists
        (_service(), _runtime(containers=[{"name": "kserve-container", "image": "quay.io/x/mlserver:1"}]), "v2"),
        (
            _service(),
            _runtime(
                containers=[{"name": "kserve-container", "image": "x", "args": ["tritonserver"]}],
                protocolVersions=["v1", "v2"],
            ),
            "v2",
        ),
        (
            _service(),
            _runtime(containers=[{"name": "proxy", "image": "mlserver"}], protocolVersions=["v1", "v2"]),
            "v1",
        ),
        (
            _service(),
            _runtime(annotations={"serving.kserve.io/server-type": "torchserve"}, protocolVersions=["v1", "v2"]),
            "v1",
        ),
        ({"metadata": {"name": "old"}, "spec": {"predictor": {"triton": {"storageUri": "pvc://x"}}}}, None, "v2"),
        ({"metadata": {"name": "own"}, "spec": {"predictor": {"containers": [{"name": "c"}]}}}, None, None),
    ],
)
def test_the_protocol_is_the_services_else_its_runtimes(service, runtime, expected):
    assert protocol.http_protocol(service, runtime) == expected


@pytest.mark.parametrize(
    ("model", "runtime", "expected"),
    [
        ({}, None, "flowers"),
        ({"args": ["--model_name=roses"]}, None, "roses"),
        ({"args": ["--model-name", "roses"]}, None, "roses"),
        ({"args": ["--model-control-mode=explicit", "--load-model=roses"]}, None, "roses"),
        ({"args": ["--load-model=*"]}, None, "flowers"),
        ({"env": [{"name": "MLSERVER_MODEL_NAME", "value": "roses"}]}, None, "roses"),
        ({}, _runtime(containers=[{"name": "kserve-container", "args": ["--model_name={{.Name}}"]}]), "flowers"),
        (
            {},
            _runtime(containers=[{"name": "c", "env": [{"name": "MLSERVER_MODEL_NAME", "value": "fixed"}]}]),
            "fixed",
        ),
    ],
)
def test_the_model_has_the_services_name_unless_the_server_is_told_another(model, runtime, expected):
    assert protocol.model_name(_service(**model), runtime) == expected


LIVE2 = protocol.request("v2", protocol.LIVE)
READY2 = protocol.request("v2", protocol.READY)
MODEL2 = protocol.request("v2", protocol.MODEL, "m")
LIVE1 = protocol.request("v1", protocol.LIVE)
MODEL1 = protocol.request("v1", protocol.MODEL, "m")


@pytest.mark.parametrize(
    ("asked", "status", "body", "outcome", "said"),
    [
        (LIVE2, 200, b"", "ok", "/v2/health/live answers 200"),
        (LIVE2, 200, b'{"live": true}', "ok", "200"),
        (READY2, 200, b'{"ready": false}', "failed", "says ready: false"),
        (READY2, 400, b"", "failed", "answers 400"),
        (MODEL2, 404, b'{"error": "Request for unknown model: \'m\' is not found"}', "failed", "unknown model"),
        (LIVE1, 404, b'{ "error": "Malformed request" }', "ok", "answers 404"),  # TensorFlow Serving has no root
        (LIVE1, 500, b"oops", "failed", "oops"),
        (MODEL1, 200, b'{"name": "m", "ready": "True"}', "ok", "200"),
        (MODEL1, 200, b'{"name": "m", "ready": "False"}', "failed", "says ready"),
        (MODEL1, 200, b'{"model_version_status": [{"version": "1", "state": "AVAILABLE"}]}', "ok", "200"),
        (MODEL1, 200, b'{"model_version_status": [{"version": "1", "state": "LOADING"}]}', "failed", "1 LOADING"),
        (
            LIVE2,
            503,
            _status(503, 'no endpoints available for service "m-predictor"'),
            "unreachable",
            "no endpoints available",
        ),
        (LIVE2, 403, _status(403, 'services "m" is forbidden'), "forbidden", "refuses the request"),
        (LIVE2, 404, _status(404, 'services "m-predictor" not found'), "absent", "not found"),
        # the server's own 503, which carries no Status of the API server
        (READY2, 503, b'{"error":"Model with name m is not ready."}', "failed", "not ready"),
    ],
)
def test_what_an_answer_means(asked, status, body, outcome, said):
    verdict = protocol.judge(asked, status, body)
    assert (verdict.outcome, verdict.ok) == (outcome, outcome == "ok")
    assert said in verdict.text


def test_a_long_error_is_cut():
    assert len(protocol.judge(MODEL2, 500, b"x" * 5000).text) < 400


def test_an_index_of_triton_and_one_of_kserve():
    triton = protocol.served_models(
        b'[{"name":"a","version":"1","state":"READY"},{"name":"b","state":"UNAVAILABLE","reason":"no"}]'
    )
    assert [(item.name, item.version, item.ready, item.reason) for item in triton] == [
        ("a", "1", True, ""),
        ("b", None, False, "no"),
    ]
    assert [item.ready for item in protocol.served_models('[{"name":"m","state":"Ready","reason":""}]')] == [True]


def test_v1s_list_and_the_states_that_are_no_failure():
    assert [(item.name, item.ready) for item in protocol.served_models('{"models": ["m"]}')] == [("m", True)]
    body = (
        b'[{"name":"idle"},{"name":"old","state":"UNAVAILABLE","reason":"unloaded"},'
        b'{"name":"bad","state":"UNAVAILABLE","reason":"x"},{"name":"busy","state":"LOADING"},'
        b'{"name":"no","state":"NotReady"}]'
    )
    found = protocol.served_models(body)
    assert [item.name for item in found if item.idle] == ["idle", "old"]
    assert [item.name for item in found if item.failed] == ["bad", "no"]


def test_a_proxy_that_answers_in_plain_text():
    verdict = protocol.judge(READY2, 502, b"Error trying to reach service: 'dial tcp 10.0.0.1:8080: i/o timeout'")
    assert verdict.outcome == "unreachable"


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'[{"state":"READY"}]'])
def test_what_is_no_index_is_said(body):
    with pytest.raises(ValueError, match="repository index"):
        protocol.served_models(body)
