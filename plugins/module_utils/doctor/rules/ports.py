# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which port a server listens on, from its log, its arguments and its environment, and which one its probes ask."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import metrics

# How servers say in their log where they listen for HTTP.
_LISTENING = (
    re.compile(r"Started HTTPService at [\w.:\[\]*]*?:(\d+)"),
    re.compile(r"HTTP server running on https?://[^:\s]+:(\d+)"),
    re.compile(r"Uvicorn running on https?://[^\s:]+:(\d+)"),
    re.compile(r"Listening at: https?://[^\s:]+:(\d+)"),
    re.compile(r"Serving HTTP on \S+ port (\d+)"),
    re.compile(r"Exporting HTTP/REST API at:\S*?:(\d+)"),
    re.compile(r"Inference Bind to: https?://[^\s:]+:(\d+)", re.IGNORECASE),
    re.compile(r"\b[Ll]istening (?:on|at)\b[^\n]*?[:\s](\d{2,5})\b"),
    re.compile(r"\b[Rr]unning on https?://[^\s:/]+:(\d+)"),
)

# Lines about a server's other endpoints.
_OTHER_ENDPOINT = re.compile(r"grpc|metrics|prometheus|management", re.IGNORECASE)

# Options and variables that set the HTTP port of servers that KServe runs, the plainest first: beside one of the first
# row, --port is another endpoint's.
_HTTP_OPTIONS = (
    re.compile(r"^--(?:http[-_]port|rest_api_port|http\.port)(?:=(\d+))?$"),
    re.compile(r"^--port(?:=(\d+))?$"),
)
_HTTP_VARIABLES = ("MLSERVER_HTTP_PORT", "AIP_HTTP_PORT", "HTTP_PORT", "PORT")
_GRPC_OPTIONS = (re.compile(r"^--grpc[-_]port(?:=(\d+))?$"),)
_GRPC_VARIABLES = ("MLSERVER_GRPC_PORT",)
_METRICS_OPTIONS = (re.compile(r"^--metrics[-_]port(?:=(\d+))?$"),)
_METRICS_VARIABLES = ("MLSERVER_METRICS_PORT",)
# TensorFlow Serving: --port is gRPC's, and without --rest_api_port there is no HTTP.
_TENSORFLOW_SERVING = "tensorflow_model_server"
# The servers' own defaults for metrics.
METRICS_DEFAULTS = {"triton": 8002, "mlserver": 8082}

# Where KServe sends requests where a container declares no port.
DEFAULT = 8080


def listening(log: str) -> set[int]:
    """Ports where the server says it listens for HTTP; those that it names for gRPC or metrics are left out."""
    found: set[int] = set()
    others: set[int] = set()
    for line in log.splitlines():
        named = {int(port) for pattern in _LISTENING for port in pattern.findall(line)}
        (others if _OTHER_ENDPOINT.search(line) else found).update(named)
    return found - others


def configured(container: dict[str, Any]) -> int | None:
    """The HTTP port that the container's own arguments or variables set; None where they set none."""
    options = _HTTP_OPTIONS[:1] if _serves_tensorflow(container) else _HTTP_OPTIONS
    return _option(container, options) or _variable(container, _HTTP_VARIABLES)


def grpc_configured(container: dict[str, Any]) -> int | None:
    options = _HTTP_OPTIONS[1:] if _serves_tensorflow(container) else _GRPC_OPTIONS
    return _option(container, options) or _variable(container, _GRPC_VARIABLES)


def metrics_configured(container: dict[str, Any]) -> int | None:
    return _option(container, _METRICS_OPTIONS) or _variable(container, _METRICS_VARIABLES)


def _serves_tensorflow(container: dict[str, Any]) -> bool:
    return any(_TENSORFLOW_SERVING in word for word in _words(container))


def _words(container: dict[str, Any]) -> list[str]:
    parts = [*(container.get("command") or []), *(container.get("args") or [])]
    return [word for part in parts for word in str(part).split()]


def _option(container: dict[str, Any], patterns: tuple[re.Pattern[str], ...]) -> int | None:
    words = _words(container)
    for pattern in patterns:
        for index, word in enumerate(words):
            matched = pattern.match(word)
            if matched and matched[1]:
                return int(matched[1])
            if matched and index + 1 < len(words) and words[index + 1].isdigit():
                return int(words[index + 1])
    return None


def _variable(container: dict[str, Any], names: tuple[str, ...]) -> int | None:
    values = {env.get("name"): str(env.get("value") or "") for env in container.get("env") or []}
    return next((int(values[name]) for name in names if values.get(name, "").isdigit()), None)


def asked(
    item: podstate.Container, kinds: tuple[str, ...] = ("startupProbe", "readinessProbe", "livenessProbe")
) -> set[int]:
    """Ports that the container's network probes ask."""
    found = set()
    for kind in kinds:
        probe = item.probe(kind)
        how, port, _path = podstate.probe_target(item, probe) if probe else ("", None, "")
        if port and how in ("http", "https", "tcp"):
            found.add(port)
    return found


# Where HTTP servers listen when nobody tells them otherwise.
COMMON = (8080, 8000, 8081, 8085, 8090, 8888, 5000, 3000, 80)


def candidates(pod: dict[str, Any], item: podstate.Container) -> list[int]:
    """Ports where the server may be found: declared, asked by probes, configured, and the usual ones."""
    found = [*podstate.port_numbers(item), *sorted(asked(item)), configured(item.spec), *COMMON]
    others = not_http(pod, item)
    return [port for port in dict.fromkeys(found) if port and port not in others]


_NOT_HTTP = re.compile(r"grpc|h2c|metrics|prom", re.IGNORECASE)


def not_http(pod: dict[str, Any], item: podstate.Container) -> set[int]:
    """Ports of the pod that are known to be something else than the server's HTTP: metrics, gRPC, other containers'."""
    found: set[int | None] = {metrics_configured(item.spec), grpc_configured(item.spec), _annotated(pod, item)}
    found |= {port for name, port in METRICS_DEFAULTS.items() if name in str(item.spec.get("image")).lower()}
    for entry in item.spec.get("ports") or []:
        if _NOT_HTTP.search(str(entry.get("name") or "")):
            found.add(entry.get("containerPort"))
    for other in podstate.containers(pod):
        if other.name != item.name:
            found |= {*podstate.port_numbers(other), *asked(other)} - asked(item)
    # Several servers give out metrics on the port where they answer requests.
    return {port for port in found if port is not None and port != configured(item.spec)}


def _annotated(pod: dict[str, Any], item: podstate.Container) -> int | None:
    """The metrics port of the pod's annotations, unless it is the one that the Service leads to."""
    place = metrics.endpoint(snap.annotations_of(pod))
    return place[0] if place and place[0] not in podstate.port_numbers(item)[:1] else None
