# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which KServe runs on a cluster."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import DEPLOYMENT
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import versions

# The controller's Deployment carries it wherever KServe is installed (config/manager, charts, OpenShift AI's operator).
CONTROLLER = "control-plane=kserve-controller-manager"

_TAG = re.compile(r":v?(\d+\.\d+(?:\.\d+)?)[^:/@]*(?:@|$)")
_LABEL = "app.kubernetes.io/version"


def kserve_version(client: Client) -> str | None:
    """The version of the cluster's KServe, from its controller's image or labels; None where it cannot be told."""
    try:
        found = client.list(DEPLOYMENT, label_selector=CONTROLLER)
    except errors.Forbidden:
        return None
    return version_of(found)


def version_of(controllers: Iterable[Mapping[str, Any]]) -> str | None:
    """The version that the controller's Deployments name; one that the rules do not know counts as not told."""
    for deployment in controllers:
        for text in (*_tags(deployment), str((deployment["metadata"].get("labels") or {}).get(_LABEL) or "")):
            try:
                versions.known(text)
            except ValueError:
                continue
            return text.lstrip("v")
    return None


def _tags(deployment: Mapping[str, Any]) -> Iterable[str]:
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        match = _TAG.search(str(container.get("image") or ""))
        if match and container.get("name") == "manager":
            yield match[1]
