# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of KServe's own page on serving runtimes, one by one: what the filter says and what KServe does.

Each example keeps its shape; the format sklearn and the runtimes' names get a prefix of the test's own, so that the
cluster's other runtimes do not take part.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.filter.select_runtime import select_runtime
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds, selection

RUNTIME = Resource(*kinds.CLUSTER_SERVING_RUNTIME)
NAMESPACED = Resource(*kinds.SERVING_RUNTIME)
SERVICE = Resource(*kinds.INFERENCE_SERVICE)
SECOND = 1.1


class Stage:
    """A namespace with runtimes of the test's own format, and services that ask for it."""

    def __init__(self, client: Client, namespace: str, eventually: Callable[..., Any]) -> None:
        self.client = client
        self.namespace = namespace
        self.eventually = eventually
        self.prefix = f"seed{namespace[-6:]}"
        self.runtimes: list[dict[str, Any]] = []

    def name(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def runtime(self, name: str, formats: list[dict[str, Any]], protocols: list[str], **more: Any) -> None:
        """Create a ClusterServingRuntime; formats named sklearn become the test's own."""
        spec = {
            "protocolVersions": protocols,
            "supportedModelFormats": [{**entry, "name": self.name(entry["name"])} for entry in formats],
            "containers": [{"name": "server", "image": "example.invalid/server:1"}],
            **more,
        }
        body = {"apiVersion": RUNTIME.api_version, "kind": RUNTIME.kind, "metadata": {"name": self.name(name)}}
        self.runtimes.append(self.client.create(RUNTIME, {**body, "spec": spec}))

    def update(self, name: str, spec: dict[str, Any]) -> None:
        changed = self.client.patch(RUNTIME, self.name(name), {"spec": spec})
        self.runtimes = [changed if item["metadata"]["name"] == self.name(name) else item for item in self.runtimes]

    def decide(self, service_name: str, **model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Create a service for the format sklearn; return what the filter says and what KServe does."""
        wanted = {"modelFormat": {"name": self.name("sklearn"), **model.pop("format", {})}, "storageUri": "s3://b/m"}
        if "runtime" in model:
            model["runtime"] = self.name(model["runtime"])
        service = {
            "apiVersion": SERVICE.api_version,
            "kind": SERVICE.kind,
            "metadata": {"name": service_name, "namespace": self.namespace},
            "spec": {"predictor": {"model": {**wanted, **model}}},
        }
        self.client.create(SERVICE, service, self.namespace)
        status = self.eventually(lambda: self.decided(service_name))
        failure = status["modelStatus"]["lastFailureInfo"]
        chosen = status.get("clusterServingRuntimeName") if failure["reason"] == "InvalidPredictorSpec" else None
        real = {"selected": chosen, "reason": None if chosen else failure["reason"]}
        return select_runtime(service, self.runtimes), {**real, "message": None if chosen else failure["message"]}

    def decided(self, name: str) -> dict[str, Any] | None:
        service = self.client.get(SERVICE, name, self.namespace) or {}
        status: dict[str, Any] = service.get("status") or {}
        return status if (status.get("modelStatus") or {}).get("lastFailureInfo") else None

    def agree(self, service_name: str, selected: str | None, reason: str | None = None, **model: Any) -> dict[str, Any]:
        """Assert that filter and controller both arrive at what is expected; return what the filter says."""
        predicted, real = self.decide(service_name, **model)
        expected = self.name(selected) if selected else None
        assert (real["selected"], real["reason"]) == (expected, reason)
        assert (predicted["selected"] or {}).get("name") == expected
        assert (predicted["reason"], predicted["message"]) == (reason, real["message"])
        return predicted


@pytest.fixture
def stage(client: Client, make_namespace: Callable[..., str], eventually: Callable[..., Any]) -> Iterator[Stage]:
    namespace = make_namespace("seed")
    made = Stage(client, namespace, eventually)
    yield made
    for service in client.list(SERVICE, namespace):
        client.delete(SERVICE, service["metadata"]["name"], namespace)
    for runtime in made.runtimes:
        client.delete(RUNTIME, runtime["metadata"]["name"])


SKLEARN_1 = {"name": "sklearn", "version": "1", "autoSelect": True}
SKLEARN_0 = {"name": "sklearn", "version": "0", "autoSelect": True}


def test_explicit(stage: Stage) -> None:
    """`runtime: kserve-mlserver`: looked up by name, its formats checked."""
    stage.runtime("mlserver", [SKLEARN_0, SKLEARN_1], ["v2"])
    stage.runtime("sklearnserver", [SKLEARN_1], ["v1", "v2"])
    said = stage.agree("explicit", "mlserver", runtime="mlserver")
    assert said["candidates"] == []
    stage.agree("absent", None, "RuntimeNotRecognized", runtime="other")
    stage.agree("version", None, "NoSupportingRuntime", runtime="sklearnserver", format={"version": "0"})
    stage.agree("protocol", None, "NoSupportingRuntime", runtime="mlserver", protocolVersion="v1")


def test_explicit_ignores_auto_select(stage: Stage) -> None:
    stage.runtime("sklearnserver", [{"name": "sklearn", "version": "1"}], ["v1"])
    stage.agree("explicit", "sklearnserver", runtime="sklearnserver")
    said = stage.agree("implicit", None, "NoSupportingRuntime")
    assert [item["reason"] for item in said["rejected"]] == ["auto_select"]


def test_implicit(stage: Stage) -> None:
    """No runtime named: the one that has the format with autoSelect."""
    stage.runtime("sklearnserver", [SKLEARN_1], ["v1", "v2"])
    stage.agree("implicit", "sklearnserver")


def test_version_mismatch(stage: Stage) -> None:
    """`version: "0"` where there is sklearn 1 only."""
    stage.runtime("sklearnserver", [SKLEARN_1], ["v1", "v2"])
    said = stage.agree("version", None, "NoSupportingRuntime", format={"version": "0"})
    assert [item["reason"] for item in said["rejected"]] == ["version"]
    words = f"{stage.name('sklearnserver')}: has {stage.name('sklearn')} 1, the service asks for version 0"
    assert words in said["explanation"]


def test_priority(stage: Stage) -> None:
    """Two runtimes for sklearn 1 and v2: the higher priority is taken."""
    stage.runtime("sklearnserver", [{**SKLEARN_1, "priority": 1}], ["v1", "v2"])
    stage.runtime("mlserver", [{**SKLEARN_1, "priority": 2}], ["v2"])
    said = stage.agree("priority", "mlserver", protocolVersion="v2")
    assert [item["name"] for item in said["candidates"]] == [stage.name("mlserver"), stage.name("sklearnserver")]
    # Without a protocol the service asks for v1, which the page does not say.
    stage.agree("no-protocol", "sklearnserver")


def test_a_priority_comes_before_none(stage: Stage) -> None:
    stage.runtime("with", [{**SKLEARN_1, "priority": 1}], ["v2"])
    time.sleep(SECOND)
    stage.runtime("without", [SKLEARN_1], ["v2"])
    stage.agree("priority", "with", protocolVersion="v2")


def test_priority_without_auto_select_counts_for_nothing(stage: Stage) -> None:
    stage.runtime("high", [{"name": "sklearn", "version": "1", "priority": 9}], ["v2"])
    stage.runtime("low", [{**SKLEARN_1, "priority": 1}], ["v2"])
    stage.agree("priority", "low", protocolVersion="v2")


def test_several_versions_of_one_format(stage: Stage) -> None:
    """Versions 0 and 1 under one runtime with one priority."""
    stage.runtime("mlserver", [{**SKLEARN_0, "priority": 2}, {**SKLEARN_1, "priority": 2}], ["v2"])
    stage.runtime("sklearnserver", [{**SKLEARN_1, "priority": 1}], ["v1", "v2"])
    for version in ("0", "1"):
        stage.agree(f"version-{version}", "mlserver", format={"version": version}, protocolVersion="v2")
    said = stage.agree("version-2", None, "NoSupportingRuntime", format={"version": "2"}, protocolVersion="v2")
    assert "has" in said["explanation"] and "0 and 1" in said["explanation"]


def test_unspecified_priorities_take_the_newest(stage: Stage) -> None:
    """The page calls this no guarantee; the code takes the newest, and the name where the ages are equal."""
    stage.runtime("older", [SKLEARN_1], ["v2"])
    time.sleep(SECOND)
    stage.runtime("newer", [SKLEARN_1], ["v2"])
    stage.agree("newest", "newer", protocolVersion="v2")


def test_disabled(stage: Stage) -> None:
    stage.runtime("sklearnserver", [SKLEARN_1], ["v1"], disabled=True)
    stage.agree("explicit", None, "RuntimeDisabled", runtime="sklearnserver")
    said = stage.agree("implicit", None, "NoSupportingRuntime")
    assert [item["reason"] for item in said["rejected"]] == ["disabled"]


def test_more_than_twelve_candidates(stage: Stage) -> None:
    """KServe 0.20's sort by priority is not stable above twelve; the prediction follows it all the same."""
    for number in range(17):
        priority = {"priority": 1 + number % 3} if number % 4 else {}
        # One protocol each, so that the webhook lets equal priorities stand beside one another.
        stage.runtime(f"many-{number:02}", [{**SKLEARN_1, **priority}], [f"p{number}"])
    for number in range(17):
        stage.update(f"many-{number:02}", {"protocolVersions": []})
    ordered, _ = selection.order(map(selection.read_runtime, stage.runtimes), stage.name("sklearn"))
    said = stage.agree("many", ordered[0].name.removeprefix(f"{stage.prefix}-"), protocolVersion="v2")
    assert len(said["candidates"]) == 17
