# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which port a server listens on, from its log, its arguments and its environment, and which one its probes ask."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate

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

# Options and variables that set the HTTP port of servers that KServe runs.
_PORT_OPTION = re.compile(r"^--(?:http[-_]port|rest_api_port|port|http\.port)(?:=(\d+))?$")
_PORT_VARIABLES = ("MLSERVER_HTTP_PORT", "AIP_HTTP_PORT", "HTTP_PORT", "PORT")
_METRICS_OPTION = re.compile(r"^--metrics[-_]port(?:=(\d+))?$")
_METRICS_VARIABLES = ("MLSERVER_METRICS_PORT",)


def listening(log: str) -> set[int]:
    """Ports that the server says it listens on."""
    return {int(found) for pattern in _LISTENING for found in pattern.findall(log)}


def configured(container: dict[str, Any]) -> int | None:
    """The HTTP port that the container's own arguments or variables set; None where they set none."""
    return _option(container, _PORT_OPTION) or _variable(container, _PORT_VARIABLES)


def metrics_configured(container: dict[str, Any]) -> int | None:
    return _option(container, _METRICS_OPTION) or _variable(container, _METRICS_VARIABLES)


def _option(container: dict[str, Any], pattern: re.Pattern[str]) -> int | None:
    words = [
        word
        for part in [*(container.get("command") or []), *(container.get("args") or [])]
        for word in str(part).split()
    ]
    for index, word in enumerate(words):
        matched = pattern.match(word)
        if matched and matched[1]:
            return int(matched[1])
        if matched and index + 1 < len(words) and words[index + 1].isdigit():
            return int(words[index + 1])
    return None


def _variable(container: dict[str, Any], names: tuple[str, ...]) -> int | None:
    for env in container.get("env") or []:
        if env.get("name") in names and str(env.get("value") or "").isdigit():
            return int(env["value"])
    return None


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


def candidates(item: podstate.Container) -> list[int]:
    """Ports where the server may be found: declared, asked by probes, configured, and the usual ones."""
    ports = [*podstate.port_numbers(item), *sorted(asked(item)), configured(item.spec), *COMMON]
    return [port for port in dict.fromkeys(ports) if port]
