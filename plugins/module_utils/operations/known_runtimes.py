# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtimes that could serve a task's services: read once, and anew while they are waited for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, pool
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds

SERVING_RUNTIME = Resource(*kinds.SERVING_RUNTIME)
CLUSTER_SERVING_RUNTIME = Resource(*kinds.CLUSTER_SERVING_RUNTIME)

# Seconds for which an answer, a failed one too, is good enough while services are waited for.
FRESH = 3.0

Object = dict[str, Any]


def if_served(client: Client, resource: Resource) -> list[Object]:
    """All runtimes of a kind; none where the cluster does not serve it, as OpenShift AI may lack the cluster's kind.

    Raises any other ClusterError: what may not be read is not known to be absent.
    """
    try:
        return client.list(resource)
    except errors.ApiMissing:
        return []


class KnownRuntimes:
    """ServingRuntimes of some namespaces and all ClusterServingRuntimes."""

    def __init__(
        self,
        client: Client,
        namespaces: Iterable[str],
        *,
        workers: int = 8,
        on_forbidden: Callable[[errors.Forbidden], None] = lambda error: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = client
        self.namespaces = sorted(set(namespaces))
        self.workers = workers
        self.on_forbidden = on_forbidden
        self.clock = clock
        # What is forbidden stays so for this task: it is told once and not asked for again.
        self._forbidden = False
        self._known: list[Object] | None = None
        self._asked_at = float("-inf")
        self._answered = False

    def known(self) -> list[Object] | None:
        """The runtimes as they were last read; None where they may not be read. Raises ClusterError."""
        if self._known is None and not self._forbidden:
            self._read()
        return self._known

    def now(self) -> list[Object] | None:
        """The runtimes as they are now, give or take FRESH seconds; None while they cannot be read."""
        if not self._forbidden and self.clock() - self._asked_at > FRESH:
            with contextlib.suppress(errors.ClusterError):
                self._read()
        return self._known if self._answered else None

    def _read(self) -> None:
        self._asked_at, self._answered = self.clock(), False
        try:
            self._known = [*if_served(self.client, CLUSTER_SERVING_RUNTIME), *self._of_namespaces()]
        except errors.Forbidden as error:
            self._forbidden = True
            self.on_forbidden(error)
        else:
            self._answered = True

    def _of_namespaces(self) -> list[Object]:
        answers = pool.each(
            lambda namespace: self.client.list(SERVING_RUNTIME, namespace), self.namespaces, self.workers
        )
        for answer in answers:
            if answer.error:
                raise answer.error
        return [runtime for answer in answers for runtime in answer.value or []]
