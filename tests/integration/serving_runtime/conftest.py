# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of serving_runtime's tests."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.operations.serving_runtimes import (
    CLUSTER_SERVING_RUNTIME,
)

from tests.integration.serving_runtime import support


@pytest.fixture
def run(kubeconfig: str) -> Callable[..., support.Ran]:
    """``run(given, check=False, **module parameters)``: a task in this process."""

    def go(given: dict[str, Any], **more: Any) -> support.Ran:
        return support.run(kubeconfig, given, **more)

    return go


@pytest.fixture
def cluster_prefix(client: Client) -> Iterator[str]:
    """A prefix for the names of cluster-scoped runtimes, which are removed afterwards."""
    prefix = f"write-{uuid.uuid4().hex[:6]}-"
    yield prefix
    for item in client.list(CLUSTER_SERVING_RUNTIME):
        if item["metadata"]["name"].startswith(prefix):
            client.delete(CLUSTER_SERVING_RUNTIME, item["metadata"]["name"])
