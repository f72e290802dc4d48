# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a model server through the API server's proxy: no route to the cluster's network is needed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import answers, protocol
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

# Beyond this an answer is not kept in a result.
ANSWER_SHOWN = 64 * 1024
PAUSE = 1.0


@dataclass(frozen=True)
class Sample:
    """An inference request and what its answer must hold.

    body: JSON data; expect: see answers.misfits; model, spoken: None for what the service says; timeout: seconds to go
    on trying while the server does not answer or does not know the model yet.
    """

    body: Any
    expect: Sequence[Mapping[str, Any]] = ()
    model: str | None = None
    spoken: str | None = None
    timeout: float = 60.0


@dataclass
class Reply:
    """What came back: ok, the request's path, the HTTP status, the parsed answer, and sentences on what is wrong."""

    ok: bool
    path: str
    status: int | None
    answer: Any
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def plain(self) -> dict[str, Any]:
        """The reply for a result; a huge answer is left out."""
        shown = self.answer if len(json.dumps(self.answer, default=str)) <= ANSWER_SHOWN else None
        return {
            "ok": self.ok,
            "path": self.path,
            "status": self.status,
            "answer": shown,
            "problems": self.problems,
            "seconds": self.seconds,
        }


def unasked(problem: str) -> Reply:
    """The reply where nothing could be asked: a request that was wanted and not sent is not fulfilled."""
    return Reply(False, "", None, None, [problem])


SAMPLE_OPTIONS: dict[str, Any] = {
    "body": {"type": "dict", "required": True},
    "expect": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "str", "default": ""},
            "equals": {"type": "raw"},
            "contains": {"type": "raw"},
            "close_to": {"type": "raw"},
            "tolerance": {"type": "float", "default": answers.DEFAULT_TOLERANCE},
            "length": {"type": "int"},
        },
    },
    "model": {"type": "str"},
    "protocol": {"type": "str", "choices": list(protocol.HTTP_PROTOCOLS)},
    "timeout": {"type": "float", "default": 60.0},
}

_KEYS = {"v1": ("instances", "inputs"), "v2": ("inputs",)}


def sample(options: Mapping[str, Any], path: str) -> Sample:
    """Read a sample request as the user gave it.

    Raises SpecError: for an option that is unknown, missing or of the wrong type, and for a path that cannot be read.
    """
    if not isinstance(options, Mapping):
        raise SpecError(path, "must be a mapping with the request's body")
    _refuse_unknown(options, SAMPLE_OPTIONS, path)
    if not isinstance(options.get("body"), Mapping):
        raise SpecError(f"{path}.body", "is required: the JSON body of the request, as a mapping")
    expect = options.get("expect") or []
    if not isinstance(expect, Sequence) or isinstance(expect, str):
        raise SpecError(f"{path}.expect", "must be a list")
    for index, item in enumerate(expect):
        _check_expectation(item, f"{path}.expect[{index}]")
    spoken = options.get("protocol")
    if spoken not in (None, *protocol.HTTP_PROTOCOLS):
        raise SpecError(f"{path}.protocol", f"is {spoken!r}, but must be v1 or v2")
    timeout = options.get("timeout")
    return Sample(
        body=options["body"],
        expect=expect,
        model=str(options["model"]) if options.get("model") is not None else None,
        spoken=spoken,
        timeout=60.0 if timeout is None else _number(timeout, f"{path}.timeout"),
    )


def _check_expectation(item: Any, path: str) -> None:
    if not isinstance(item, Mapping):
        raise SpecError(path, "must be a mapping such as {path: outputs[0].data, equals: [1]}")
    _refuse_unknown(item, SAMPLE_OPTIONS["expect"]["options"], path)
    try:
        answers.parse_path(str(item.get("path") or ""))
    except SpecError as error:
        raise SpecError(f"{path}.path", error.message) from None
    for name in ("tolerance", "length"):
        if item.get(name) is not None:
            _number(item[name], f"{path}.{name}")


def _refuse_unknown(options: Mapping[str, Any], known: Mapping[str, Any], path: str) -> None:
    unknown = sorted(str(key) for key in options if key not in known)
    if unknown:
        raise SpecError(f"{path}.{unknown[0]}", f"is unknown here; there are {', '.join(known)}")


def _number(value: Any, path: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise SpecError(path, f"must be a number, not {value!r}") from None


def entry_service(service: Mapping[str, Any]) -> str:
    """The Kubernetes Service that takes an InferenceService's requests: the transformer's, if it has one."""
    component = "transformer" if (service.get("spec") or {}).get("transformer") else "predictor"
    return f"{service['metadata']['name']}-{component}"


def send(client: Client, service: Mapping[str, Any], asked: protocol.Request, timeout: float | None = None) -> Reply:
    """Send one request to a service's server. Raises nothing: an unreachable API is a reply that is not ok."""
    namespace, name = service["metadata"]["namespace"], entry_service(service)
    path = client.service_proxy(namespace, name, protocol.SERVICE_PORT, asked.path)
    start = time.monotonic()
    try:
        answer = client.raw(
            asked.method, path, body=asked.body, headers=protocol.JSON_HEADERS, timeout=timeout, retry=True
        )
    except errors.ClusterError as error:
        return Reply(False, asked.path, None, None, [str(error)], round(time.monotonic() - start, 3))
    verdict = protocol.judge(asked, answer.status, answer.body)
    return Reply(
        ok=verdict.ok,
        path=asked.path,
        status=answer.status,
        answer=_parsed(answer.body),
        problems=[] if verdict.ok else [f"Service {name}: {verdict.text}"],
        seconds=round(time.monotonic() - start, 3),
    )


def infer(
    client: Client, service: Mapping[str, Any], wanted: Sample, runtime: Mapping[str, Any] | None = None
) -> Reply:
    """Send a sample and hold the answer against what is expected.

    While the server does not answer, or answers that it is not ready (404, 425, 429, 5xx), it is asked again until the
    sample's timeout; an answer is final.
    """
    spoken = wanted.spoken or protocol.http_protocol(service, runtime)
    if spoken is None:
        return unasked("the service speaks gRPC alone, or says no protocol: only v1 and v2 can be asked, set protocol")
    model = wanted.model or protocol.model_name(service, runtime)
    asked = protocol.request(spoken, protocol.INFER, model, wanted.body)
    start = time.monotonic()
    while True:
        reply = send(client, service, asked)
        spent = time.monotonic() - start
        if reply.ok or not _may_pass(reply.status) or spent + PAUSE > wanted.timeout:
            break
        time.sleep(PAUSE)
    if reply.ok:
        reply.problems = answers.misfits(reply.answer, wanted.expect)
        reply.ok = not reply.problems
    elif reply.status in (400, 422) and not any(key in wanted.body for key in _KEYS[spoken]):
        reply.problems.append(f"a {spoken} request has {' or '.join(_KEYS[spoken])}, which this body lacks")
    reply.seconds = round(time.monotonic() - start, 3)
    return reply


def _may_pass(status: int | None) -> bool:
    return status is None or status in (404, 425, 429) or status >= 500


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
