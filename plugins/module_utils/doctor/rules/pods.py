# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a pod's status says, in the terms that the rules ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Kubernetes' defaults for a probe (core/v1 Probe).
PROBE_DEFAULTS = {"periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3, "initialDelaySeconds": 0}


@dataclass(frozen=True)
class Container:
    """One container of a pod: its spec and its status side by side."""

    pod: dict[str, Any]
    name: str
    init: bool
    spec: dict[str, Any]
    status: dict[str, Any]

    @property
    def ready(self) -> bool:
        return bool(self.status.get("ready"))

    @property
    def restarts(self) -> int:
        return int(self.status.get("restartCount") or 0)

    @property
    def waiting(self) -> dict[str, Any]:
        return (self.status.get("state") or {}).get("waiting") or {}

    @property
    def running(self) -> dict[str, Any] | None:
        return (self.status.get("state") or {}).get("running")

    @property
    def terminated(self) -> dict[str, Any]:
        """How the present run ended, else how the one before it ended."""
        state = (self.status.get("state") or {}).get("terminated")
        return state or (self.status.get("lastState") or {}).get("terminated") or {}

    @property
    def done(self) -> bool:
        """An init container that has ended well."""
        ended = (self.status.get("state") or {}).get("terminated") or {}
        return self.init and ended.get("exitCode") == 0

    @property
    def failed(self) -> bool:
        """Not up at present, and its last run ended: with an error, or although it should have stayed."""
        ended = self.terminated
        if not ended or self.done or self.ready:
            return False
        if self.init:
            return ended.get("exitCode") != 0
        return True

    @property
    def started(self) -> bool:
        return bool(self.status.get("started"))

    def probe(self, kind: str) -> dict[str, Any]:
        return self.spec.get(kind) or {}

    def startup_seconds(self) -> float:
        """How long the container may take before its startup or liveness probe ends it; 0 without either."""
        budget = 0.0
        for kind in ("startupProbe", "livenessProbe"):
            probe = {**PROBE_DEFAULTS, **self.probe(kind)} if self.probe(kind) else None
            if probe:
                budget += float(probe["initialDelaySeconds"])
                budget += float(probe["periodSeconds"]) * float(probe["failureThreshold"])
        return budget


def containers(pod: dict[str, Any]) -> Iterator[Container]:
    """Init containers in their order, then the others."""
    spec = pod.get("spec") or {}
    status = pod.get("status") or {}
    for init, specs, statuses in (
        (True, spec.get("initContainers"), status.get("initContainerStatuses")),
        (False, spec.get("containers"), status.get("containerStatuses")),
    ):
        by_name = {item.get("name"): item for item in statuses or []}
        for item in specs or []:
            yield Container(pod, item.get("name") or "", init, item, by_name.get(item.get("name")) or {})


def container(pod: dict[str, Any], name: str) -> Container | None:
    return next((item for item in containers(pod) if item.name == name), None)


def condition(obj: dict[str, Any], kind: str) -> dict[str, Any]:
    """The condition of that type, {} where there is none."""
    for item in (obj.get("status") or {}).get("conditions") or []:
        if item.get("type") == kind:
            return dict(item)
    return {}


def phase(pod: dict[str, Any]) -> str:
    return str((pod.get("status") or {}).get("phase") or "")


def deleting(obj: dict[str, Any]) -> bool:
    return bool((obj.get("metadata") or {}).get("deletionTimestamp"))


def ready(pod: dict[str, Any]) -> bool:
    return condition(pod, "Ready").get("status") == "True" and not deleting(pod)


def scheduled(pod: dict[str, Any]) -> bool:
    return bool((pod.get("spec") or {}).get("nodeName"))


def node(pod: dict[str, Any]) -> str | None:
    return (pod.get("spec") or {}).get("nodeName")


def restarts(pod: dict[str, Any]) -> int:
    return sum(item.restarts for item in containers(pod))


def reason(pod: dict[str, Any]) -> str | None:
    """One word for why the pod is not ready, as kubectl would say it."""
    if deleting(pod):
        return "Terminating"
    for item in containers(pod):
        if item.waiting.get("reason") and item.waiting["reason"] not in ("PodInitializing", "ContainerCreating"):
            return str(item.waiting["reason"])
        if item.failed and item.terminated.get("reason"):
            return str(item.terminated["reason"])
    if (pod.get("status") or {}).get("reason"):
        return str(pod["status"]["reason"])
    unscheduled = condition(pod, "PodScheduled")
    if unscheduled.get("status") == "False":
        return str(unscheduled.get("reason") or "Unschedulable")
    for item in containers(pod):
        if item.waiting.get("reason"):
            return str(item.waiting["reason"])
    return None if ready(pod) else "NotReady"


def brief(pod: dict[str, Any]) -> dict[str, Any]:
    """The pod as services[] and runtimes[] show it."""
    metadata = pod.get("metadata") or {}
    return {
        "namespace": metadata.get("namespace"),
        "name": metadata.get("name"),
        "node": node(pod),
        "phase": phase(pod),
        "ready": ready(pod),
        "restarts": restarts(pod),
        "reason": reason(pod),
    }


def port_numbers(item: Container) -> list[int]:
    return [int(port["containerPort"]) for port in item.spec.get("ports") or [] if port.get("containerPort")]


def named_port(item: Container, port: Any) -> int | None:
    """A probe's port as a number: names are looked up in the container's ports."""
    if isinstance(port, int):
        return port
    if isinstance(port, str) and port.isdigit():
        return int(port)
    for entry in item.spec.get("ports") or []:
        if entry.get("name") == port:
            return int(entry["containerPort"])
    return None


def probe_target(item: Container, probe: dict[str, Any]) -> tuple[str, int | None, str]:
    """(how, port, path) of a probe: how is http, https, tcp, grpc or exec."""
    if "httpGet" in probe:
        get = probe["httpGet"]
        return str(get.get("scheme") or "HTTP").lower(), named_port(item, get.get("port")), str(get.get("path") or "/")
    if "tcpSocket" in probe:
        return "tcp", named_port(item, probe["tcpSocket"].get("port")), ""
    if "grpc" in probe:
        return "grpc", named_port(item, probe["grpc"].get("port")), str(probe["grpc"].get("service") or "")
    if "exec" in probe:
        return "exec", None, " ".join(probe["exec"].get("command") or [])
    return "", None, ""
