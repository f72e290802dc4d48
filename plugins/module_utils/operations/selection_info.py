# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read from a cluster what decides which runtime KServe takes: services, runtimes, KServe's version.

With namespaces a right in each of them is enough. What may not be read is said as unseen, never left out in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, pool
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds, versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import control_plane, shown
from ansible_collections.modelserving.kserve.plugins.module_utils.operations.known_runtimes import if_served

INFERENCE_SERVICE = Resource(*kinds.INFERENCE_SERVICE)
SERVING_RUNTIME = Resource(*kinds.SERVING_RUNTIME)
CLUSTER_SERVING_RUNTIME = Resource(*kinds.CLUSTER_SERVING_RUNTIME)

SERVICES = "services"
RUNTIMES = "runtimes"
VERSION = "version"
READS = (SERVICES, RUNTIMES, VERSION)

Object = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """What to read. namespaces, runtime_namespaces: empty for all; the latter None where they are the former."""

    namespaces: Sequence[str] = ()
    runtime_namespaces: Sequence[str] | None = None
    reads: Sequence[str] = READS
    kserve_version: str | None = None


@dataclass
class Seen:
    """What was read. unseen: {what, kind, namespace, reason, message} for each list that may not be read."""

    services: list[Object] = field(default_factory=list)
    runtimes: list[Object] = field(default_factory=list)
    unseen: list[Object] = field(default_factory=list)
    version: control_plane.Version | None = None

    def plain(self) -> Object:
        """The module's result."""
        return {
            "services": self.services,
            "runtimes": self.runtimes,
            "unseen": self.unseen,
            "kserve_version": self.version.plain() if self.version else None,
        }


def task_of(params: Mapping[str, Any]) -> Task:
    """The module's parameters, checked. Raises SpecError."""
    if params["kserve_version"] is not None:
        try:
            versions.known(params["kserve_version"])
        except ValueError as error:
            raise SpecError("", str(error)) from error
    return Task(params["namespaces"], params["runtime_namespaces"], params["reads"], params["kserve_version"])


def run(client: Client, task: Task) -> Seen:
    """Read it. Raises ClusterError where KServe's kinds are not served, or none of the services may be read."""
    seen = Seen()
    if SERVICES in task.reads:
        seen.services = _services(client, task, seen)
    if RUNTIMES in task.reads:
        seen.runtimes = _runtimes(client, task, seen)
    if VERSION in task.reads:
        seen.version = control_plane.deciding(client, task.kserve_version)
    return seen


def _services(client: Client, task: Task, seen: Seen) -> list[Object]:
    found, refused = _lists(client, INFERENCE_SERVICE, task.namespaces or (None,), seen)
    if refused and len(refused) == len(task.namespaces or (None,)):
        raise refused[0]
    return found


def _runtimes(client: Client, task: Task, seen: Seen) -> list[Object]:
    asked = task.namespaces if task.runtime_namespaces is None else task.runtime_namespaces
    namespaces: Sequence[str | None] = sorted(set(asked)) or (None,)
    if namespaces == (None,) and SERVICES in task.reads:
        try:
            found = list(map(_trimmed, client.list(SERVING_RUNTIME)))
        except errors.Forbidden:  # those of the services' namespaces are all that counts
            namespaces = sorted({str(item["metadata"]["namespace"]) for item in seen.services})
            found = _lists(client, SERVING_RUNTIME, namespaces, seen)[0]
    else:
        found = _lists(client, SERVING_RUNTIME, namespaces, seen)[0]
    return found + _of_the_cluster(client, seen)


def _of_the_cluster(client: Client, seen: Seen) -> list[Object]:
    try:
        return list(map(_trimmed, if_served(client, CLUSTER_SERVING_RUNTIME)))
    except errors.Forbidden as error:
        seen.unseen.append(_unseen(CLUSTER_SERVING_RUNTIME, None, error))
        return []


def _lists(
    client: Client, resource: Resource, namespaces: Sequence[str | None], seen: Seen
) -> tuple[list[Object], list[errors.Forbidden]]:
    """The lists together, and what was refused; the latter is noted as unseen. Raises any other ClusterError."""
    found: list[Object] = []
    refused: list[errors.Forbidden] = []
    answers = pool.each(lambda namespace: client.list(resource, namespace), namespaces)
    for namespace, answer in zip(namespaces, answers, strict=True):
        if isinstance(answer.error, errors.Forbidden):
            refused.append(answer.error)
            seen.unseen.append(_unseen(resource, namespace, answer.error))
        elif answer.error:
            raise answer.error
        else:
            found += map(_trimmed, answer.value or [])
    return found, refused


def _unseen(resource: Resource, namespace: str | None, error: errors.ClusterError) -> Object:
    where = f" in namespace {namespace}" if namespace else ""
    return {
        "what": f"{resource.kind}s{where}",
        "kind": resource.kind,
        "namespace": namespace,
        "reason": error.reason,
        "message": str(error),
    }


def _trimmed(item: Object) -> Object:
    """An object without what no choice depends on: most of its size, and secrets."""
    return shown.shown(item) or {}
