# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which changes of a runtime replace the pods of a service on it: predicted, and what becomes of its Deployment.

Every case has a runtime and a service of its own. A scheduler that does not exist keeps the pods from any node.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.pool import each
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import DEPLOYMENT, Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import affected, kinds

RUNTIME = Resource(*kinds.SERVING_RUNTIME)
SERVICE = Resource(*kinds.INFERENCE_SERVICE)
IMAGE = "example.invalid/server:1"
SETTLE = 5


def container(**fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "kserve-container", "image": IMAGE, "args": ["--a"], **fields}]}


# What changes in the runtime's spec, and what the service's model and predictor set themselves.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "image": (container(image="example.invalid/server:2"), {}, {}),
    "image, the service names its own": (
        container(image="example.invalid/server:2"),
        {"image": "example.invalid/x:1"},
        {},
    ),
    "tag, the service has a runtimeVersion": (container(image="example.invalid/server:2"), {"runtimeVersion": "9"}, {}),
    "name of the image, the service has a runtimeVersion": (
        container(image="example.invalid/b:1"),
        {"runtimeVersion": "9"},
        {},
    ),
    "args": (container(args=["--b"]), {"args": ["--c"]}, {}),
    "env": (container(env=[{"name": "A", "value": "1"}]), {}, {}),
    "env, the service sets it": (
        container(env=[{"name": "A", "value": "1"}]),
        {"env": [{"name": "A", "value": "2"}]},
        {},
    ),
    "env, the service sets another": (
        container(env=[{"name": "A", "value": "1"}]),
        {"env": [{"name": "B", "value": "2"}]},
        {},
    ),
    "resources": (container(resources={"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}), {}, {}),
    "resources, the service sets them": (
        container(resources={"limits": {"cpu": "2"}, "requests": {"cpu": "2"}}),
        {"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}},
        {},
    ),
    "formats": ({"supportedModelFormats": [{"name": "restarted", "version": "2", "autoSelect": True}]}, {}, {}),
    "protocols": ({"protocolVersions": ["v2", "v1"]}, {}, {}),
    "node selector": ({"nodeSelector": {"a": "b"}}, {}, {}),
    "node selector, the service sets it": ({"nodeSelector": {"a": "b"}}, {}, {"nodeSelector": {"a": "c"}}),
    "tolerations": ({"tolerations": [{"key": "gpu", "operator": "Exists"}]}, {}, {}),
    "tolerations, the service has its own": (
        {"tolerations": [{"key": "gpu", "operator": "Exists"}]},
        {},
        {"tolerations": [{"key": "other", "operator": "Exists"}]},
    ),
    "tolerations, the service has an empty list": (
        {"tolerations": [{"key": "gpu", "operator": "Exists"}]},
        {},
        {"tolerations": []},
    ),
    "tolerations, both": (
        {"tolerations": [{"key": "gpu", "operator": "Exists"}]},
        {},
        {"tolerations": [{"key": "gpu", "operator": "Exists"}]},
    ),
    "volumes": ({"volumes": [{"name": "scratch", "emptyDir": {}}]}, {}, {}),
    "labels": ({"labels": {"team": "a"}}, {}, {}),
    "labels, the service sets it": ({"labels": {"team": "a"}}, {}, {"labels": {"team": "b"}}),
    "annotations": ({"annotations": {"example.com/a": "b"}}, {}, {}),
    "a field of ModelMesh": ({"replicas": 2}, {}, {}),
    "host IPC": ({"hostIPC": True}, {}, {}),
}
NAMES = list(CASES)


def name_of(case: str) -> str:
    return f"restart-{NAMES.index(case)}"


def runtime(case: str, changed: bool) -> dict[str, Any]:
    spec = {"supportedModelFormats": [{"name": "restarted"}], "protocolVersions": ["v2"], **container()}
    return {
        "apiVersion": RUNTIME.api_version,
        "kind": RUNTIME.kind,
        "metadata": {"name": name_of(case)},
        "spec": {**spec, **(copy.deepcopy(CASES[case][0]) if changed else {})},
    }


def service(case: str) -> dict[str, Any]:
    _, model, predictor = CASES[case]
    asked = {"modelFormat": {"name": "restarted"}, "runtime": name_of(case), "protocolVersion": "v2"}
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.kind,
        "metadata": {
            "name": name_of(case),
            "annotations": {kinds.ANNOTATION_DEPLOYMENT_MODE: "Standard", kinds.ANNOTATION_AUTOSCALER_CLASS: "none"},
        },
        "spec": {"predictor": {"schedulerName": "no-such-scheduler", "model": {**asked, **model}, **predictor}},
    }


@pytest.fixture(scope="module")
def replaced(
    client: Client, make_namespace: Callable[..., str], eventually: Callable[..., Any]
) -> Iterator[dict[str, bool]]:
    """For each case whether the Deployment's pod template changed after the runtime did."""
    namespace = make_namespace("restart")

    def templates() -> dict[str, Any]:
        deployments = client.list(DEPLOYMENT, namespace)
        return {item["metadata"]["name"].removesuffix("-predictor"): item["spec"]["template"] for item in deployments}

    def settled(before: dict[str, Any]) -> dict[str, Any]:
        """Wait until the templates stand still."""
        while True:
            time.sleep(SETTLE)
            after = templates()
            if after == before:
                return after
            before = after

    for result in each(lambda case: client.create(RUNTIME, runtime(case, False), namespace), NAMES, 4):
        assert result.error is None, result.error
    for result in each(lambda case: client.create(SERVICE, service(case), namespace), NAMES, 4):
        assert result.error is None, result.error
    eventually(lambda: len(templates()) == len(CASES), 240)
    before = settled(templates())
    for result in each(
        lambda case: client.apply(RUNTIME, at(namespace, runtime(case, True)), manager="t", force=True), NAMES, 4
    ):
        assert result.error is None, result.error
    after = settled(eventually(lambda: changed(before, templates()), 120))
    yield {case: before[name_of(case)] != after[name_of(case)] for case in NAMES}
    each(lambda case: client.delete(SERVICE, name_of(case), namespace), NAMES, 4)


def at(namespace: str, body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "metadata": {**body["metadata"], "namespace": namespace}}


def changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any] | None:
    return after if before != after else None


@pytest.mark.parametrize("case", NAMES)
def test_the_pods_are_replaced_as_predicted(replaced: dict[str, bool], case: str) -> None:
    found = affected.restarts([service(case)], [runtime(case, False)], [runtime(case, True)])
    assert bool(found) is replaced[case], found


def test_some_are_replaced_and_some_are_not(replaced: dict[str, bool]) -> None:
    assert 8 < sum(replaced.values()) < len(CASES) - 8
