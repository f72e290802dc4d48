# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: real workers whose status says that they have devices, and kwok's fake nodes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import nodes
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import pool
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import NODE
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import gpu_nodes

from tests.integration.gpu.support import (
    CONTROL_PLANE,
    FAKE,
    Object,
    Operators,
    Run,
    kwok_running,
    offer,
    settled,
)


@pytest.fixture
def run(client: Client) -> Run:
    """``run(taints=[…], check=False, selector=…)``: the module's work, in this process."""

    def go(
        *,
        check: bool = False,
        on: Client | None = None,
        selector: str | None = None,
        task: dict[str, Any] | None = None,
        **options: Any,
    ) -> gpu_nodes.Outcome:
        made = nodes.make_options(**options)
        outcome = gpu_nodes.Outcome()
        job = gpu_nodes.Task(made, selector=selector, check_mode=check, **(task or {}))
        gpu_nodes.run(on or client, job, outcome)
        return outcome

    return go


@pytest.fixture(scope="session")
def kwok(kubeconfig: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """kwok keeps the fake nodes ready."""
    with kwok_running(kubeconfig, tmp_path_factory.mktemp("kwok")):
        yield


@pytest.fixture
def operators(client: Client) -> Operators:
    """``operators.write(name, {label: value})`` writes labels in the operators' stead; nothing else may touch them."""
    return Operators(client)


@pytest.fixture
def make_nodes(
    client: Client, kwok: None, operators: Operators, eventually: Callable[..., Any]
) -> Iterator[Callable[[Iterable[Object]], list[str]]]:
    """``make_nodes([fake_node(…)])`` creates Nodes, waits until they are ready, and removes them afterwards.

    Whatever the test did, the operators' labels have to be as they were.
    """
    made: list[str] = []

    def ready(names: set[str]) -> bool:
        live = [node for node in client.list(NODE) if node["metadata"]["name"] in names]
        return len(live) == len(names) and all(settled(node) for node in live)

    def make(wanted: Iterable[Object]) -> list[str]:
        bodies = list(wanted)
        made.extend(body["metadata"]["name"] for body in bodies)
        failed = [item.error for item in pool.each(lambda body: client.create(NODE, body), bodies) if item.error]
        assert not failed, failed[0]
        eventually(lambda: ready({body["metadata"]["name"] for body in bodies}), timeout=120)
        for body in bodies:
            operators.know(body)
        return [body["metadata"]["name"] for body in bodies]

    yield make
    touched = operators.differences()
    pool.each(lambda name: client.delete(NODE, name), made)
    assert not touched, touched


@pytest.fixture
def tag() -> str:
    """A label value of the test's own: names and selectors stay apart from everybody else's."""
    return f"gpu-{uuid.uuid4().hex[:6]}"


@pytest.fixture(scope="session")
def workers(client: Client) -> list[str]:
    """The real nodes that take pods."""
    real = [node for node in client.list(NODE) if FAKE.items() - node["metadata"].get("annotations", {}).items()]
    found = [node["metadata"]["name"] for node in real if CONTROL_PLANE not in node["metadata"]["labels"]]
    assert found, "these tests need a cluster with a worker node: WORKERS=1 make cluster"
    return sorted(found)


@pytest.fixture
def real_node(
    client: Client, workers: list[str], operators: Operators
) -> Iterator[Callable[[str, dict[str, str]], None]]:
    """``real_node(name, {resource: count})`` gives a real node devices, and takes them back afterwards.

    Whatever the test did, the operators' labels have to be as they were.
    """
    before: dict[str, Object] = {}
    given: dict[str, dict[str, str | None]] = {}

    def give(name: str, resources: dict[str, str]) -> None:
        live = client.get(NODE, name)
        assert live
        before.setdefault(name, live)
        operators.know(live)
        given.setdefault(name, {}).update(dict.fromkeys(resources))
        offer(client, name, dict(resources))

    yield give
    touched = operators.differences()
    for name, resources in given.items():
        offer(client, name, resources)
        _restore(client, before[name])
        operators.forget(name)
    assert not touched, touched


def _restore(client: Client, before: Object) -> None:
    live = client.get(NODE, before["metadata"]["name"])
    assert live
    metadata: Object = {}
    for part in ("labels", "annotations"):
        then, now = before["metadata"].get(part, {}), live["metadata"].get(part, {})
        metadata[part] = {**dict.fromkeys(now.keys() - then.keys()), **then}
    spec = {"taints": before["spec"].get("taints"), "unschedulable": before["spec"].get("unschedulable")}
    client.patch(NODE, before["metadata"]["name"], {"metadata": metadata, "spec": spec})
