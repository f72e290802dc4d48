# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a service's containers a person wants to read, decided from the pods alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds

SERVERS = (kinds.CONTAINER, kinds.TRANSFORMER_CONTAINER)


def pods_to_read(pods: Iterable[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """So many pods at most: those that are not ready first, then by name. Pods on their way out come last."""
    return sorted(pods, key=lambda pod: (_leaving(pod), _ready(pod), str(pod["metadata"].get("name"))))[:most]


def logs_to_read(pod: Mapping[str, Any], container: str | None = None) -> list[dict[str, Any]]:
    """Logs of one pod, [{namespace, pod, container, previous, state}]; none where it lacks the container asked for.

    Without *container*: the server's, before it those of init containers that have not succeeded while it waits. The
    previous run's log goes before the present one.
    """
    statuses = {str(status.get("name")): status for status in _statuses(pod)}
    chosen = [container] if container else [*_stuck_init_containers(pod, statuses), *servers(pod)]
    metadata = pod["metadata"]
    return [
        {
            "namespace": metadata.get("namespace"),
            "pod": metadata.get("name"),
            "container": name,
            "previous": previous,
            "state": state_of(statuses.get(name)),
        }
        for name in chosen
        if name in names(pod)
        for previous in _runs(statuses.get(name))
    ]


def names(pod: Mapping[str, Any]) -> list[str]:
    """Every container of the pod, init containers last."""
    spec = pod.get("spec") or {}
    return [str(item.get("name")) for key in ("containers", "initContainers") for item in spec.get(key) or []]


def servers(pod: Mapping[str, Any]) -> list[str]:
    """The container that serves: KServe's name for it, else the first, since sidecars are put behind."""
    there = [str(item.get("name")) for item in (pod.get("spec") or {}).get("containers") or []]
    return [name for name in there if name in SERVERS] or there[:1]


def state_of(status: Mapping[str, Any] | None) -> str:
    """running, waiting <reason> or terminated <reason> (<exit code>), as one phrase."""
    for name, detail in ((status or {}).get("state") or {}).items():
        code = f"({detail['exitCode']})" if "exitCode" in detail else ""
        return " ".join(part for part in (name, detail.get("reason") or "", code) if part)
    return "not started"


def _runs(status: Mapping[str, Any] | None) -> list[bool]:
    """Whether the previous run, the present run or both have a log."""
    has_previous = bool(((status or {}).get("lastState") or {}).get("terminated"))
    started = bool({"running", "terminated"} & set((status or {}).get("state") or {}))
    return [True] * has_previous + [False] * (started or not has_previous)


def _stuck_init_containers(pod: Mapping[str, Any], statuses: Mapping[str, Mapping[str, Any]]) -> list[str]:
    init = [str(item.get("name")) for item in (pod.get("spec") or {}).get("initContainers") or []]
    return [name for name in init if not _succeeded(statuses.get(name)) and not _sidecar(statuses.get(name))]


def _succeeded(status: Mapping[str, Any] | None) -> bool:
    terminated = ((status or {}).get("state") or {}).get("terminated") or {}
    return terminated.get("exitCode") == 0


def _sidecar(status: Mapping[str, Any] | None) -> bool:
    return bool((status or {}).get("started")) and "running" in ((status or {}).get("state") or {})


def _statuses(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _leaving(pod: Mapping[str, Any]) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))
