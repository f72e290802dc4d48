# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether KServe's controller is at work, for those who wait for it to act on a change.

A change that needs no new pods leaves no trace: neither the status nor a Deployment moves. Then the only way to tell it
from a change that nobody looked at is to see that the controller runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import DEPLOYMENT, LEASE
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import control_plane

# cmd/manager/main.go, LeaderLockName and the flag --leader-elect
LEADER_LOCK = "kserve-controller-manager-leader-lock"
LEADER_FLAG = "--leader-elect"
# controller-runtime's default lease duration, in seconds; it renews every 2 s
LEASE_LASTS = 15.0

Object = Mapping[str, Any]


class Controller:
    """KServe's controller as it is seen look by look.

    It is at work while its Deployment has an available pod and, where it elects a leader and the Lease may be read, the
    same leader renews the Lease. Renewals are compared with one another, never with a clock of ours.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        # Why it is not known whether it works; '' where it is known.
        self.unknown = ""
        # What speaks against it; '' where nothing does.
        self.trouble = ""
        self._since: float | None = None
        self._first = 0.0
        self._leader: tuple[Any, ...] | None = None
        self._renewed: Any = None
        self._renewed_at = 0.0

    def steady(self, now: float) -> float:
        """The seconds for which it has been seen at work."""
        return 0.0 if self._since is None else now - self._since

    def look(self, now: float) -> None:
        """Look at it once. Raises ClusterError where the API does not answer."""
        try:
            found = self.client.list(DEPLOYMENT, label_selector=control_plane.CONTROLLER)
        except errors.Forbidden as error:
            self.unknown, self.trouble, self._since = str(error), "", None
            return
        self.unknown = ""
        running = next((item for item in found if (item.get("status") or {}).get("availableReplicas")), None)
        if running is None:
            self.trouble, self._since, self._leader = _idle(found), None, None
            return
        self.trouble = ""
        lease = self._lease(running) if _elects(running) else None
        if lease is None:
            self._since = now if self._since is None else self._since
        else:
            self._follow(lease, now)

    def _lease(self, deployment: Object) -> Object | None:
        try:
            return self.client.get(LEASE, LEADER_LOCK, deployment["metadata"].get("namespace"))
        except (errors.Forbidden, errors.ApiMissing):
            return None

    def _follow(self, lease: Object, now: float) -> None:
        spec = lease.get("spec") or {}
        leader, renewed = (spec.get("holderIdentity"), spec.get("acquireTime")), spec.get("renewTime")
        if leader != self._leader:  # what is read first may be old: a renewal has to be seen
            self._leader, self._first, self._since = leader, now, None
            self._renewed, self._renewed_at = renewed, now
        elif renewed != self._renewed:
            self._renewed, self._renewed_at = renewed, now
            self._since = self._first if self._since is None else self._since
        elif now - self._renewed_at > LEASE_LASTS:
            self._first, self._since = now, None
        if self._since is None:
            where = f"namespace {lease['metadata'].get('namespace')}"
            self.trouble = f"its controller is not seen to renew its Lease {LEADER_LOCK} in {where}"


def _idle(found: Iterable[Object]) -> str:
    names = [f"{item['metadata']['name']} in namespace {item['metadata'].get('namespace')}" for item in found]
    if not names:
        return f"no Deployment has its controller's label {control_plane.CONTROLLER}"
    return f"its controller has no available pod (Deployment {', '.join(names)})"


def _elects(deployment: Object) -> bool:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    flags = [
        str(flag) for container in containers for flag in (*container.get("command", ()), *container.get("args", ()))
    ]
    return any(flag in (LEADER_FLAG, f"{LEADER_FLAG}=true") for flag in flags)
