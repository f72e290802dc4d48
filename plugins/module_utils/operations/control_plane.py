# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which KServe's rules hold on a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import DEPLOYMENT
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import versions

CONTROLLER = "=".join(versions.CONTROLLER_LABEL)

GIVEN = "given"
FOUND = "found"
ASSUMED = "assumed"


@dataclass(frozen=True)
class Version:
    """The KServe whose rules are applied. origin: given | found | assumed; why: why it had to be assumed."""

    number: str
    origin: str
    why: str = ""

    @property
    def warning(self) -> str | None:
        """A sentence for the job log where the version is an assumption."""
        if self.origin != ASSUMED:
            return None
        return f"{self.why}, so the rules of KServe {self.number} are assumed: set kserve_version if it is another one."

    def plain(self) -> dict[str, Any]:
        """The version for a result."""
        return {"number": self.number, "origin": self.origin}


def deciding(client: Client, given: str | None = None) -> Version:
    """The version whose rules apply: the given one, else the cluster's own, else the newest known here.

    Raises ValueError for a given one that the rules do not know.
    """
    if given is not None:
        versions.known(given)
        return Version(given, GIVEN)
    try:
        controllers = client.list(DEPLOYMENT, label_selector=CONTROLLER)
    except errors.Forbidden:
        return _assumed("KServe's version is not known, since its Deployment may not be read")
    found = versions.named_by(controllers)
    if found is None:
        return _assumed("KServe's version is not known, since no Deployment of its controller names one")
    try:
        versions.known(found)
    except ValueError:
        return _assumed(f"The cluster's KServe {found} is older than any known here")
    return Version(found, FOUND)


def _assumed(why: str) -> Version:
    return Version(versions.DEFAULT, ASSUMED, why)
