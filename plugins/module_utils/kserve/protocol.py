# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to ask a model server over HTTP, and what its answer means.

One table of requests for both protocols; the caller sends them (through the API server, a port-forward, …) and hands
status and body back to :func:`judge`. gRPC is not asked: the API server's proxy does not carry it.

Sources: KServe python/kserve/kserve/protocol/rest/{v1,v2}_endpoints.py, the Open Inference Protocol, Triton's model
repository extension, TensorFlow Serving's REST API.
"""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.defaulting import (
    PROTOCOL_BY_SERVER_TYPE,
    default_service,
    server_type,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import CONTAINER
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import listing, mapping, name_of, text

LIVE = "live"
READY = "ready"
MODEL = "model"
INDEX = "index"
INFER = "infer"

HTTP_PROTOCOLS = ("v1", "v2")
JSON_HEADERS = {"Content-Type": "application/json"}  # MLServer answers 422 without it

SERVICE_PORT = 80
"""The port of the Service that KServe makes for a predictor, whatever port the container listens on."""


@dataclass(frozen=True)
class Request:
    """One HTTP request to a model server; ``body`` is JSON data or None."""

    purpose: str
    method: str
    path: str
    body: t.Any = None


@dataclass(frozen=True)
class Verdict:
    """What an answer means.

    outcome: ``ok`` | ``failed`` (the server says no) | ``unreachable`` (the proxy got no answer from the server) |
    ``forbidden`` (the API server refuses the proxy request: nothing is known of the server) | ``absent`` (there is no
    such Service or Pod). text: a sentence without an end stop.
    """

    outcome: str
    text: str

    @property
    def ok(self) -> bool:
        """Whether the server said yes."""
        return self.outcome == "ok"


@dataclass(frozen=True)
class ServedModel:
    """An entry of a server's index; state is READY, UNAVAILABLE, LOADING, UNLOADING, NOTREADY or empty (not loaded)."""

    name: str
    version: str | None
    state: str
    reason: str

    @property
    def ready(self) -> bool:
        """Whether the server can infer with it."""
        return self.state.upper() == "READY"

    @property
    def idle(self) -> bool:
        """Whether the server knows the model and has not loaded it, or not any longer.

        Source: Triton's ModelRepositoryManager: no state before the first load, UNAVAILABLE "unloaded" after the last.
        """
        state = self.state.upper()
        return state in ("", "UNLOADING") or (state == "UNAVAILABLE" and self.reason == "unloaded")

    @property
    def failed(self) -> bool:
        """Whether the server tried to load it and could not."""
        return self.state.upper() in ("UNAVAILABLE", "NOTREADY") and not self.idle


# protocol -> purpose -> (method, path). V1 knows neither liveness nor readiness of a server: its root answers at all.
_REQUESTS: dict[str, dict[str, tuple[str, str]]] = {
    "v1": {
        LIVE: ("GET", "/"),
        INDEX: ("GET", "/v1/models"),
        MODEL: ("GET", "/v1/models/{model}"),
        INFER: ("POST", "/v1/models/{model}:predict"),
    },
    "v2": {
        LIVE: ("GET", "/v2/health/live"),
        READY: ("GET", "/v2/health/ready"),
        INDEX: ("POST", "/v2/repository/index"),
        MODEL: ("GET", "/v2/models/{model}/ready"),
        INFER: ("POST", "/v2/models/{model}/infer"),
    },
}


def request(protocol: str, purpose: str, model: str | None = None, body: t.Any = None) -> Request:
    """Make one request; ``model`` is needed for purposes model and infer.

    :raises KeyError: where the protocol (v1, v2) has no such purpose.
    """
    method, path = _REQUESTS[protocol][purpose]
    if purpose == INDEX and method == "POST" and body is None:
        body = {}
    return Request(purpose, method, path.replace("{model}", quote(model or "", safe="")), body)


def health_requests(protocol: str, model: str | None) -> list[Request]:
    """Return the health requests of a protocol in the order in which to read them: live, ready, model.

    :param model: the model's name on the server; None leaves the model's own readiness out.
    """
    purposes = [LIVE, READY, MODEL] if model else [LIVE, READY]
    return [request(protocol, purpose, model) for purpose in purposes if purpose in _REQUESTS.get(protocol, {})]


# Servers that speak the Open Inference Protocol alone over HTTP, by what their image or command is called.
_ONLY_V2 = re.compile(r"mlserver|tritonserver", re.IGNORECASE)


def http_protocol(
    service: Mapping[str, t.Any],
    runtime: Mapping[str, t.Any] | None = None,
    kserve_version: str = versions.DEFAULT,
) -> str | None:
    """Return the HTTP protocol by which a service's server can be asked: v1, v2, or None (gRPC alone, or unknown).

    :param service: the InferenceService as written or as stored.
    :param runtime: its ServingRuntime or ClusterServingRuntime, where it is known.
    :param kserve_version: what the cluster runs: it decides whether the runtime's server type counts.
    """
    stored = default_service(service, kserve_version)
    predictor = mapping(mapping(stored, "spec"), "predictor", "spec")
    asked = text(mapping(predictor, "model", "spec.predictor"), "protocolVersion", "spec.predictor.model")
    if asked:
        return asked if asked in HTTP_PROTOCOLS else None
    if runtime is None:
        return HTTP_PROTOCOLS[0] if predictor.get("model") else None
    spoken = [str(item) for item in listing(mapping(runtime, "spec"), "protocolVersions", "spec")]
    by_server = PROTOCOL_BY_SERVER_TYPE.get(server_type(runtime, kserve_version) or "") or _by_image(runtime)
    if by_server and (by_server in spoken or not spoken):
        return by_server
    if not spoken:
        return HTTP_PROTOCOLS[0]
    return next((protocol for protocol in HTTP_PROTOCOLS if protocol in spoken), None)


def _by_image(runtime: Mapping[str, t.Any]) -> str | None:
    """A runtime may list protocols that its server does not speak: KServe compares them, and asks no server."""
    for container in _containers(mapping(runtime, "spec")):
        words = [container.get("image"), *(container.get("command") or []), *(container.get("args") or [])]
        if container.get("name") == CONTAINER and any(_ONLY_V2.search(str(word)) for word in words if word):
            return "v2"
    return None


def model_name(service: Mapping[str, t.Any], runtime: Mapping[str, t.Any] | None = None) -> str:
    """Return the name under which the server is expected to know the service's model: the service's own name.

    A server told otherwise (--model_name=, --model-name, --load-model of Triton's explicit mode, env
    MLSERVER_MODEL_NAME) is believed; one whose repository decides (Triton, model-settings.json) is asked for its index
    instead.
    """
    predictor = mapping(mapping(service, "spec"), "predictor", "spec")
    for container in _containers(predictor) + _containers(mapping(runtime or {}, "spec")):
        told = _told_name(container)
        if told and "{{" not in told:
            return told
    return name_of(service)


def _containers(spec: Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    found = [spec["model"]] if isinstance(spec.get("model"), dict) else []
    return found + [item for item in spec.get("containers") or [] if isinstance(item, dict)]


def _told_name(container: Mapping[str, t.Any]) -> str | None:
    args = [str(item) for item in container.get("args") or []]
    for index, arg in enumerate(args):
        flag, equals, value = arg.partition("=")
        if flag in ("--model_name", "--model-name", "--load-model"):
            told = value if equals else "".join(args[index + 1 : index + 2])
            return told if told not in ("", "*") else None
    for entry in container.get("env") or []:
        if isinstance(entry, dict) and entry.get("name") == "MLSERVER_MODEL_NAME":
            return str(entry["value"]) if entry.get("value") else None
    return None


def judge(asked: Request, status: int, body: bytes | str) -> Verdict:
    """Say what a server's answer to a request means.

    :param status: the HTTP status; body: the answer as it came.
    """
    content = body.decode(errors="replace") if isinstance(body, bytes) else body
    from_proxy = proxy_verdict(status, content)
    if from_proxy is not None:
        return from_proxy
    if asked.purpose == LIVE and asked.path == "/" and status < 500:
        return Verdict("ok", f"{asked.path} answers {status}")
    if status >= 400:
        return Verdict("failed", f"{asked.path} answers {status}{_quoted(_error_text(content))}")
    said_no = _denial(asked, _json(content))
    if said_no:
        return Verdict("failed", f"{asked.path} answers {status}, but {said_no}")
    return Verdict("ok", f"{asked.path} answers {status}")


def proxy_verdict(status: int, body: bytes | str) -> Verdict | None:
    """Return what the API server itself says instead of the server behind it; None where the server answered."""
    content = body.decode(errors="replace") if isinstance(body, bytes) else body
    if status < 400:
        return None
    if content[:30].lower() == "error trying to reach service:":
        return Verdict("unreachable", content.strip())
    answer = _json(content)
    if not (isinstance(answer, dict) and answer.get("kind") == "Status" and answer.get("apiVersion") == "v1"):
        return None
    message = str(answer.get("message") or f"HTTP {status}")
    if status in (401, 403):
        return Verdict("forbidden", f"the API server refuses the request: {message}")
    if status == 404:
        return Verdict("absent", message)
    return Verdict("unreachable", message)


def served_models(body: bytes | str) -> list[ServedModel]:
    """Read a V2 repository index, or V1's list of models (names alone, which count as ready).

    KServe's own server writes Ready and NotReady, Triton and MLServer READY …

    :raises ValueError: where the body is no index.
    """
    answer = _json(body.decode(errors="replace") if isinstance(body, bytes) else body)
    if isinstance(answer, dict) and isinstance(answer.get("models"), list):
        return [ServedModel(str(name), None, "READY", "") for name in answer["models"]]
    if not isinstance(answer, list) or not all(isinstance(item, dict) and item.get("name") for item in answer):
        raise ValueError("the answer is not a repository index (a list of models)")
    return [
        ServedModel(
            name=str(item["name"]),
            version=str(item["version"]) if item.get("version") else None,
            state=str(item.get("state") or ""),
            reason=str(item.get("reason") or ""),
        )
        for item in answer
    ]


def _denial(asked: Request, answer: t.Any) -> str | None:
    """Return what a 2xx answer's body denies: KServe's servers and TensorFlow Serving say no there."""
    if asked.purpose not in (LIVE, READY, MODEL) or not isinstance(answer, dict):
        return None
    for key in (LIVE, READY):
        if key in answer and str(answer[key]).lower() not in ("true", "1"):
            return f"says {key}: {json.dumps(answer[key])}"
    versions = answer.get("model_version_status")
    if isinstance(versions, list) and not any(_available(item) for item in versions):
        states = ", ".join(f"{item.get('version')} {item.get('state')}" for item in versions if isinstance(item, dict))
        return f"no version of the model is available ({states or 'none is there'})"
    return None


def _available(version: t.Any) -> bool:
    return isinstance(version, dict) and version.get("state") == "AVAILABLE"


def _error_text(content: str) -> str:
    answer = _json(content)
    if isinstance(answer, dict):
        for key in ("error", "message", "detail", "reason"):
            if answer.get(key):
                said = answer[key]
                return said if isinstance(said, str) else json.dumps(said)
    return content


def _quoted(said: str, limit: int = 300) -> str:
    line = " ".join(said.split())
    return f": {line[:limit]}{' …' if len(line) > limit else ''}" if line else ""


def _json(content: str) -> t.Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
