# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is moved and who is restarted: what a task says beforehand against what KServe then does."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import DEPLOYMENT
from ansible_collections.modelserving.kserve.plugins.module_utils.operations.serving_runtimes import INFERENCE_SERVICE

from tests.integration.serving_runtime.support import Object, Ran

Run = Callable[..., Ran]
Eventually = Callable[..., Any]


@pytest.fixture
def model_format() -> str:
    """A format that no other test has runtimes for."""
    return f"write-{uuid.uuid4().hex[:8]}"


def server(name: str, model_format: str, priority: int | None = None, image: str = "example.invalid/a:1") -> Object:
    entry = {"name": model_format, "autoSelect": True, **({"priority": priority} if priority else {})}
    container = {"name": "kserve-container", "image": image, "imagePullPolicy": "Never"}
    return {"name": name, "supported_model_formats": [entry], "protocol_versions": ["v1"], "containers": [container]}


def service(client: Client, namespace: str, name: str, model_format: str, runtime: str | None = None) -> None:
    model = {"modelFormat": {"name": model_format}, "storageUri": "pvc://none/none"}
    client.create(
        INFERENCE_SERVICE,
        {
            "apiVersion": INFERENCE_SERVICE.api_version,
            "kind": INFERENCE_SERVICE.kind,
            "metadata": {
                "name": name,
                "namespace": namespace,
                "annotations": {"serving.kserve.io/autoscalerClass": "none"},
            },
            "spec": {"predictor": {"minReplicas": 0, "model": {**model, **({"runtime": runtime} if runtime else {})}}},
        },
        namespace,
    )


def chosen(client: Client, namespace: str, name: str) -> Any:
    """The runtime that KServe took, by the service's own status."""
    status = (client.get(INFERENCE_SERVICE, name, namespace) or {}).get("status") or {}
    if status.get("clusterServingRuntimeName"):
        return "ClusterServingRuntime", status["clusterServingRuntimeName"]
    return ("ServingRuntime", status["servingRuntimeName"]) if status.get("servingRuntimeName") else None


def template_image(client: Client, namespace: str, name: str) -> Any:
    deployment = client.get(DEPLOYMENT, f"{name}-predictor", namespace)
    containers = deployment["spec"]["template"]["spec"]["containers"] if deployment else []
    return next((item["image"] for item in containers if item["name"] == "kserve-container"), None)


def test_a_new_runtime_moves_services_as_said(
    run: Run, namespace: str, client: Client, cluster_prefix: str, model_format: str, eventually: Eventually
) -> None:
    clusters = f"{cluster_prefix}server"
    run(server(clusters, model_format, 5), scope="cluster")
    service(client, namespace, "automatic", model_format)
    service(client, namespace, "named", model_format, clusters)
    eventually(lambda: chosen(client, namespace, "automatic") == ("ClusterServingRuntime", clusters))
    given = server("of-the-namespace", model_format)
    check = run(given, namespace=namespace, check=True)
    real = run(given, namespace=namespace)
    (move,) = check.result["affected"]["moves"]
    assert check.result["affected"] == real.result["affected"]
    assert (move["namespace"], move["name"]) == (namespace, "automatic")
    assert move["from"] == {"kind": "ClusterServingRuntime", "name": clusters}
    assert move["to"] == {"kind": "ServingRuntime", "name": "of-the-namespace"}
    # KServe chooses again whenever it looks at a service; a runtime's creation alone does not make it look
    client.patch(INFERENCE_SERVICE, "automatic", {"metadata": {"annotations": {"touched": "1"}}}, namespace)
    eventually(lambda: chosen(client, namespace, "automatic") == ("ServingRuntime", "of-the-namespace"))
    assert chosen(client, namespace, "named") == ("ClusterServingRuntime", clusters)


def test_a_changed_runtime_restarts_services_as_said(
    run: Run, namespace: str, client: Client, model_format: str, eventually: Eventually
) -> None:
    run(server("mine", model_format), namespace=namespace)
    service(client, namespace, "here", model_format)
    eventually(lambda: template_image(client, namespace, "here") == "example.invalid/a:1")
    changed = server("mine", model_format, image="example.invalid/a:2")
    check = run(changed, namespace=namespace, check=True)
    real = run(changed, namespace=namespace)
    assert check.result["affected"] == real.result["affected"]
    (restart,) = real.result["affected"]["restarts"]
    assert (restart["name"], restart["runtime"]["name"], restart["fields"]) == ("here", "mine", ["containers"])
    eventually(lambda: template_image(client, namespace, "here") == "example.invalid/a:2")
    labelled = run({**changed, "metadata_labels": {"team": "a"}}, namespace=namespace)
    assert labelled.actions == ["change"] and labelled.result["affected"]["restarts"] == []


def test_a_runtime_in_use_is_not_deleted(
    run: Run, namespace: str, client: Client, model_format: str, eventually: Eventually
) -> None:
    given = {"runtimes": [server("used", model_format), server("free", f"{model_format}-other")]}
    run(given, namespace=namespace)
    service(client, namespace, "iris", model_format)
    eventually(lambda: chosen(client, namespace, "iris") == ("ServingRuntime", "used"))
    for check in (True, False):
        refused = run(given, namespace=namespace, state="absent", check=check)
        sentence = f"ServingRuntime used in namespace {namespace} is used by the InferenceService {namespace}/iris"
        assert str(refused.failure).startswith(sentence) and "use force" in str(refused.failure)
        assert not refused.result["changed"]
    assert run(given, namespace=namespace).actions == ["unchanged", "unchanged"]
    check = run(given, namespace=namespace, state="absent", force=True, check=True)
    forced = run(given, namespace=namespace, state="absent", force=True)
    assert forced.failure is None and forced.actions == ["delete", "delete"]
    assert check.result["affected"] == forced.result["affected"]
    (move,) = forced.result["affected"]["moves"]
    assert (move["name"], move["to"]) == ("iris", None)
    assert any("is used by" in text for text in forced.outcome.warnings)


def test_a_service_that_is_being_deleted_holds_no_runtime(
    run: Run, namespace: str, client: Client, model_format: str, eventually: Eventually
) -> None:
    given = server("mine", model_format)
    run(given, namespace=namespace)
    service(client, namespace, "leaving", model_format)
    eventually(lambda: chosen(client, namespace, "leaving") == ("ServingRuntime", "mine"))
    client.patch(INFERENCE_SERVICE, "leaving", {"metadata": {"finalizers": ["example.com/held"]}}, namespace)
    client.delete(INFERENCE_SERVICE, "leaving", namespace)
    try:
        there = client.get(INFERENCE_SERVICE, "leaving", namespace)
        assert there is not None and there["metadata"]["deletionTimestamp"]
        changed = run({**given, "node_selector": {"a": "b"}}, namespace=namespace)
        assert changed.result["affected"] == {"moves": [], "restarts": []}
        deleted = run(given, namespace=namespace, state="absent")
        assert deleted.failure is None and deleted.actions == ["delete"]
        assert deleted.result["affected"] == {"moves": [], "restarts": []}
    finally:
        client.patch(INFERENCE_SERVICE, "leaving", {"metadata": {"finalizers": None}}, namespace)


def test_a_stopped_service_has_nothing_to_restart_but_uses_its_runtime(
    run: Run, namespace: str, client: Client, model_format: str, eventually: Eventually
) -> None:
    given = server("mine", model_format)
    run(given, namespace=namespace)
    service(client, namespace, "resting", model_format)
    eventually(lambda: client.get(DEPLOYMENT, "resting-predictor", namespace) is not None)
    stop = {"metadata": {"annotations": {"serving.kserve.io/stop": "true"}}}
    client.patch(INFERENCE_SERVICE, "resting", stop, namespace)
    eventually(lambda: client.get(DEPLOYMENT, "resting-predictor", namespace) is None)
    changed = run(server("mine", model_format, image="example.invalid/a:2"), namespace=namespace)
    assert changed.actions == ["change"]
    assert changed.result["affected"] == {"moves": [], "restarts": []}
    assert client.get(DEPLOYMENT, "resting-predictor", namespace) is None
    refused = run(given, namespace=namespace, state="absent")
    assert f"is used by the InferenceService {namespace}/resting" in str(refused.failure)


def test_a_disabled_runtime_leaves_its_services_without_one(
    run: Run, namespace: str, client: Client, model_format: str, eventually: Eventually
) -> None:
    run(server("mine", model_format), namespace=namespace)
    service(client, namespace, "here", model_format)
    eventually(lambda: chosen(client, namespace, "here") == ("ServingRuntime", "mine"))
    check = run({**server("mine", model_format), "disabled": True}, namespace=namespace, check=True)
    (move,) = check.result["affected"]["moves"]
    assert move["to"] is None and "disabled" in move["reason"]
