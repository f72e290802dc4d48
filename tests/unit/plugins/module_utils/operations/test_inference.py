# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to a model server, against a client that answers from a script."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client, Response
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import ClusterError, Unreachable
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import protocol
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import inference

SERVICE = {
    "metadata": {"name": "iris", "namespace": "a"},
    "spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn"}, "protocolVersion": "v2"}}},
}
BODY = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1.0]}]}
NO_ENDPOINTS = {"kind": "Status", "apiVersion": "v1", "message": "no endpoints available for service", "code": 503}


class Server:
    """Answers (status, JSON) one after the other, the last one for ever."""

    service_proxy = Client.service_proxy

    def __init__(self, *answers: tuple[int, Any] | ClusterError) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Any]] = []

    def raw(self, method: str, path: str, *, body: Any = None, **_more: Any) -> Response:
        self.asked.append((method, path, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ClusterError):
            raise answer
        content = answer[1] if isinstance(answer[1], bytes) else json.dumps(answer[1]).encode()
        return Response(answer[0], {}, content)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "PAUSE", 0.001)


def infer(server: Server, service: Any = SERVICE, runtime: Any = None, **options: Any) -> inference.Reply:
    wanted = inference.sample({"body": BODY, "timeout": 1, **options}, "verify")
    return inference.infer(server, service, wanted, runtime)  # type: ignore[arg-type]


def test_the_request_goes_through_the_service_with_the_services_name_as_model() -> None:
    server = Server((200, {"outputs": []}))
    assert infer(server).ok
    path = "/api/v1/namespaces/a/services/iris-predictor:80/proxy/v2/models/iris/infer"
    assert server.asked == [("POST", path, BODY)]


def test_model_and_protocol_can_be_said() -> None:
    server = Server((200, {"predictions": [1]}))
    assert infer(server, model="other", protocol="v1", body={"instances": [[1]]}).ok
    assert server.asked[0][1].endswith("/proxy/v1/models/other:predict")


def test_the_runtime_says_the_protocol_that_the_service_leaves_open() -> None:
    service = {**SERVICE, "spec": {"predictor": {"model": {"modelFormat": {"name": "x"}, "runtime": "r"}}}}
    runtime = {"kind": "ServingRuntime", "metadata": {"name": "r"}, "spec": {"protocolVersions": ["v2"]}}
    server = Server((200, {}))
    infer(server, service, runtime)
    assert "/v2/models/" in server.asked[0][1]


def test_a_transformer_takes_the_requests() -> None:
    service = {**SERVICE, "spec": {**SERVICE["spec"], "transformer": {"containers": []}}}
    server = Server((200, {}))
    infer(server, service)
    assert "/services/iris-transformer:80/" in server.asked[0][1]


def test_grpc_alone_cannot_be_asked() -> None:
    service = {
        **SERVICE,
        "spec": {"predictor": {"model": {"modelFormat": {"name": "x"}, "protocolVersion": "grpc-v2"}}},
    }
    reply = infer(Server((200, {})), service)
    assert not reply.ok and "gRPC" in reply.problems[0]


def test_a_server_that_is_not_there_yet_is_asked_again() -> None:
    server = Server((503, NO_ENDPOINTS), (404, {"error": "unknown model"}), Unreachable("gone"), (200, {"a": 1}))
    reply = infer(server, expect=[{"path": "a", "equals": 1}])
    assert reply.ok and len(server.asked) == 4


def test_a_refusal_is_final() -> None:
    server = Server((400, {"error": "unexpected shape"}))
    reply = infer(server)
    assert not reply.ok and len(server.asked) == 1
    assert reply.problems == ["Service iris-predictor: /v2/models/iris/infer answers 400: unexpected shape"]


def test_a_body_for_the_other_protocol_is_said() -> None:
    reply = infer(Server((422, {"error": "inputs: field required"})), body={"instances": [[1]]})
    assert "a v2 request has inputs, which this body lacks" in reply.problems


def test_time_runs_out() -> None:
    reply = infer(Server((503, NO_ENDPOINTS)), timeout=0.01)
    assert not reply.ok and "no endpoints available" in reply.problems[0]


def test_a_wrong_answer_is_final_and_shown() -> None:
    server = Server((200, {"outputs": [{"data": [1]}]}))
    reply = infer(server, expect=[{"path": "outputs[0].data", "equals": [0]}])
    assert (reply.ok, len(server.asked)) == (False, 1)
    assert reply.problems == ["outputs[0].data is [1], which does not equal [0]"]
    assert reply.plain()["answer"] == {"outputs": [{"data": [1]}]}


def test_a_huge_answer_is_left_out_of_the_result() -> None:
    reply = infer(Server((200, {"data": ["x" * 1000] * 100})))
    assert reply.ok and reply.plain()["answer"] is None


def test_an_answer_that_is_no_json_is_text() -> None:
    reply = inference.send(Server((200, b"fine")), SERVICE, protocol.request("v2", protocol.LIVE))  # type: ignore[arg-type]
    assert reply.ok and reply.answer == "fine"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "verify: must be a mapping"),
        ({}, "verify.body: is required"),
        ({"body": "x"}, "verify.body: is required"),
        ({"body": BODY, "expects": []}, "verify.expects: is unknown here; there are body, expect"),
        ({"body": BODY, "expect": {"path": "a"}}, "verify.expect: must be a list"),
        ({"body": BODY, "expect": ["a"]}, r"verify.expect\[0\]: must be a mapping"),
        ({"body": BODY, "expect": [{"is": 1}]}, r"verify.expect\[0\].is: is unknown"),
        ({"body": BODY, "expect": [{"path": "a["}]}, r"verify.expect\[0\].path: cannot be read"),
        ({"body": BODY, "expect": [{"length": "x"}]}, r"verify.expect\[0\].length: must be a number"),
        ({"body": BODY, "protocol": "grpc-v2"}, "verify.protocol: is 'grpc-v2'"),
        ({"body": BODY, "timeout": "soon"}, "verify.timeout: must be a number"),
    ],
)
def test_wrong_samples(options: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        inference.sample(options, "verify")
