# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests that talk to the local cluster."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config, resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client

BUILD = Path(__file__).resolve().parents[2] / "build"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether the long comparisons run in full (make test-all) or as a seeded sample (make test)."""
    return os.environ.get("MODELSERVING_FULL") == "1"


@pytest.fixture(scope="session")
def cluster() -> dict[str, Any]:
    """What the local cluster says of itself: kubeconfig, kserve_version, images, models_dir, nodes."""
    path = Path(os.environ.get("MODELSERVING_CLUSTER", BUILD / "cluster.json"))
    assert path.is_file(), f"{path} does not exist: run `make cluster` first"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.fixture(scope="session")
def kubeconfig(cluster: dict[str, Any]) -> str:
    """The path of the cluster's kubeconfig."""
    return str(os.environ.get("MODELSERVING_KUBECONFIG", cluster["kubeconfig"]))


@pytest.fixture(scope="session")
def client(kubeconfig: str) -> Client:
    """The collection's own client on the local cluster."""
    return Client(config.load({"kubeconfig": kubeconfig}), timeout=60)


@pytest.fixture
def namespace(client: Client) -> Iterator[str]:
    """A namespace of the test's own, removed afterwards."""
    name = _create_namespace(client, "test")
    yield name
    client.delete(resources.NAMESPACE, name)


@pytest.fixture(scope="module")
def make_namespace(client: Client) -> Iterator[Callable[..., str]]:
    """``make_namespace(prefix="t", labels=None) -> name``; all are removed when the module ends."""
    made: list[str] = []

    def make(prefix: str = "test", labels: dict[str, str] | None = None) -> str:
        made.append(_create_namespace(client, prefix, labels))
        return made[-1]

    yield make
    for name in made:
        client.delete(resources.NAMESPACE, name)


def _create_namespace(client: Client, prefix: str, labels: dict[str, str] | None = None) -> str:
    name = f"{prefix}-{uuid.uuid4().hex[:8]}"
    metadata = {"name": name, "labels": labels or {}}
    client.create(resources.NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    return name


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """``eventually(function, timeout=60)``: the first true value of *function*, else the test fails with its last."""

    def wait(function: Callable[[], Any], timeout: float = 60, every: float = 0.5) -> Any:
        end = time.monotonic() + timeout
        while not (value := function()):
            assert time.monotonic() < end, f"still {value!r} after {timeout} s"
            time.sleep(every)
        return value

    return wait
