# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes of inference_service on the real API server, with KServe's webhooks in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import rollout

from tests.integration.inference_service.conftest import Object, Run, iris

RUNTIME = Resource(*kinds.SERVING_RUNTIME)


def said(item: Object) -> Object:
    """What a result says before and after, but for what only the server can know."""
    kept = {key: item[key] for key in ("name", "namespace", "action", "changed", "adopted", "error")}
    diff = {side: asked_for(part) for side, part in item["diff"].items()}
    return {**kept, "diff": diff, "object": asked_for(item["object"] or {})}


def asked_for(item: Object) -> Object:
    """An object less what KServe and the API server write into its metadata meanwhile."""
    metadata = item.get("metadata") or {}
    return {"spec": item.get("spec"), **{key: metadata.get(key) for key in ("name", "labels", "annotations")}}


def step(run: Run, given: Object, action: str) -> None:
    """Check mode's prediction, then the run itself, which is the same."""
    predicted, done = run(given, check=True), run(given)
    assert predicted.failure is None and done.failure is None
    assert done.actions == [action]
    assert [said(item) for item in predicted.items] == [said(item) for item in done.items]
    assert all(item["confirmed"] for item in (*predicted.items, *done.items))


def test_create_repeat_modify_repeat_delete_repeat(run: Run, space: str) -> None:
    given = iris(name="recipe", namespace=space, min_replicas=1)
    step(run, given, "create")
    step(run, given, "unchanged")
    changed = {**given, "labels": {"other": "label"}, "env": [{"name": "A", "value": "1"}], "min_replicas": None}
    step(run, changed, "change")
    step(run, changed, "unchanged")
    gone = {"name": "recipe", "namespace": space, "state": "absent"}
    step(run, gone, "delete")
    run(gone, wait=True)
    step(run, gone, "absent")


# Bodies that KServe's webhook or the schema write down differently from how a person does.
REWRITTEN: dict[str, Object] = {
    "quantities": {
        "format": "sklearn",
        "resources": {"requests": {"cpu": "0.1", "memory": "1024Mi"}, "limits": {"cpu": 2, "memory": "1.5Gi"}},
    },
    "former-mode": {"format": "sklearn", "annotations": {"serving.kserve.io/deploymentMode": "RawDeployment"}},
    "triton-asks-for-v2": {"format": "triton", "storage_uri": "pvc://models/digits/repository"},
    "empty-values": {"format": "sklearn", "env": [], "args": [], "node_selector": {}, "tolerations": []},
    "lists": {
        "format": "sklearn",
        "env": [{"name": "B", "value": "2"}, {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [{"containerPort": 8080}],
        "tolerations": [{"operator": "Exists"}],
        "readiness_probe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 5},
        "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1024Mi"}}],
        "volume_mounts": [{"name": "v", "mountPath": "/v"}],
    },
    "previous-schema": {"spec": {"predictor": {"sklearn": {"storageUri": "pvc://models/iris"}}}},
    "previous-triton": {"spec": {"predictor": {"triton": {"storageUri": "pvc://models/digits/repository"}}}},
}
# The name of a deployment mode depends on KServe's version, which is looked up.
READS = {"former-mode": 2}

# The webhook fills what is in a ConfigMap into containers of one's own.
OWN_CONTAINERS: dict[str, Object] = {
    "own-container": {"spec": {"predictor": {"containers": [{"name": "kserve-container", "image": "x:1"}]}}},
    "transformer": {
        "format": "sklearn",
        "spec": {
            "transformer": {
                "containers": [{"name": "t", "image": "x:1", "resources": {"limits": {"cpu": "1000m"}}}],
                "minReplicas": 0,
            }
        },
    },
}


def stopped(name: str, options: Object, namespace: str) -> Object:
    """Options of a service that KServe stores and does not run."""
    annotations = {**options.get("annotations", {}), "serving.kserve.io/stop": "true"}
    return {**options, "name": name, "namespace": namespace, "annotations": annotations}


@pytest.mark.parametrize("name", REWRITTEN)
def test_a_second_run_sends_nothing_but_the_read(run: Run, space: str, name: str) -> None:
    given = stopped(name, REWRITTEN[name], space)
    assert run(given).actions == ["create"]
    again = run(given)
    assert (again.actions, again.requests) == (["unchanged"], READS.get(name, 1))
    run({"name": name, "namespace": space, "state": "absent"})


@pytest.mark.parametrize("name", OWN_CONTAINERS)
def test_a_second_run_changes_nothing_in_containers_of_ones_own(
    run: Run, space: str, client: Client, name: str
) -> None:
    given = stopped(name, OWN_CONTAINERS[name], space)
    assert run(given).actions == ["create"]
    before = client.get(rollout.INFERENCE_SERVICE, name, space)
    assert run(given, check=True).actions == ["unchanged"]
    assert run(given).actions == ["unchanged"]
    after = client.get(rollout.INFERENCE_SERVICE, name, space)
    assert before and after
    assert (after["spec"], after["metadata"]["generation"]) == (before["spec"], before["metadata"]["generation"])
    run({"name": name, "namespace": space, "state": "absent"})


def test_many_services_and_namespaces_cost_one_list_each_when_unchanged(
    run: Run, make_namespace: Any, client: Client
) -> None:
    spaces = [make_namespace("service-many") for _ in range(2)]
    services = [{"name": f"s{number}", "format": "sklearn"} for number in range(10)]
    given = {"services": services, "namespaces": spaces}
    first = run(given, kserve_version="0.20.0")
    assert first.actions == ["create"] * 20
    assert [(item["name"], item["namespace"]) for item in first.items][:3] == [
        ("s0", spaces[0]),
        ("s0", spaces[1]),
        ("s1", spaces[0]),
    ]
    again = run(given)
    assert (again.actions, again.requests) == (["unchanged"] * 20, 1)  # all namespaces in one list
    run({**given, "state": "absent"}, wait=True)
    assert not [item for item in client.list(rollout.INFERENCE_SERVICE) if item["metadata"]["namespace"] in spaces]


def test_what_others_own_stays_and_what_is_taken_out_goes(run: Run, space: str, client: Client) -> None:
    given = iris(name="shared", namespace=space, labels={"ours": "1"}, env=[{"name": "A", "value": "1"}])
    run(given)
    theirs = {"metadata": {"labels": {"theirs": "1"}}, "spec": {"predictor": {"maxReplicas": 3}}}
    client.patch(rollout.INFERENCE_SERVICE, "shared", theirs, space)
    assert run({**given, "labels": {}, "env": None}).actions == ["change"]
    live = client.get(rollout.INFERENCE_SERVICE, "shared", space)
    assert live is not None
    assert live["metadata"]["labels"] == {"theirs": "1"}
    assert live["spec"]["predictor"]["maxReplicas"] == 3
    assert "env" not in live["spec"]["predictor"]["model"]
    run({"name": "shared", "namespace": space, "state": "absent"})


def test_a_conflict_names_the_other_manager_and_can_be_forced(run: Run, space: str, client: Client) -> None:
    given = iris(name="contested", namespace=space, max_replicas=2)
    run(given)
    client.patch(rollout.INFERENCE_SERVICE, "contested", {"spec": {"predictor": {"maxReplicas": 3}}}, space)
    refused = run(given)
    assert refused.failure and "maxReplicas" in refused.failure and "force_conflicts" in refused.failure
    assert run({**given, "force_conflicts": True}).actions == ["change"]
    run({"name": "contested", "namespace": space, "state": "absent"})


def test_an_unknown_field_is_an_error_and_the_other_service_is_written(run: Run, space: str) -> None:
    services = [
        {"name": "unknown", "format": "sklearn", "spec": {"predictor": {"model": {"storageURI": "x"}}}},
        {"name": "known", "format": "sklearn"},
    ]
    done = run({"services": services, "namespace": space})
    assert done.failure and "storageURI" in done.failure and "(1 of 2 services failed" in done.failure
    assert [item["action"] for item in done.items if item["error"] is None] == ["create"]
    run({"services": [{"name": "known"}], "namespace": space, "state": "absent"})


def test_the_webhook_refuses_in_check_mode_too(run: Run, space: str) -> None:
    given = iris(name="refused", namespace=space, env=[{"name": "PYTHONPATH", "value": "/x"}])
    predicted, done = run(given, check=True), run(given)
    assert predicted.failure == done.failure
    assert done.failure and "PYTHONPATH" in done.failure


def test_a_namespace_that_does_not_exist_yet_is_unconfirmed_in_check_mode(run: Run) -> None:
    given = iris(namespace="no-such-namespace")
    predicted = run(given, check=True)
    assert predicted.failure is None and predicted.items[0]["confirmed"] is False
    assert any("does not exist yet" in text for text in predicted.result.warnings)
    done = run(given)
    assert done.failure and "no-such-namespace" in done.failure


# -- choosing a runtime ------------------------------------------------------------------------------------------------


def test_no_runtime_is_said_beforehand(run: Run, space: str) -> None:
    given = {"name": "hopeless", "namespace": space, "format": "sklearn", "version": "0", "protocol": "v2"}
    done = run(given, check=True)
    assert done.failure is None
    (warning,) = done.result.warnings
    assert "finds no runtime" in warning and "seldon-mlserver-runtime: has sklearn 1" in warning
    assert done.items[0]["selection"]["reason"] == "NoSupportingRuntime"


def test_pinning_names_the_chosen_runtime_and_keeps_it(run: Run, space: str, client: Client) -> None:
    given = {"name": "pinned", "namespace": space, "format": "sklearn", "protocol": "v2", "pin_runtime": True}
    given["annotations"] = {"serving.kserve.io/stop": "true"}
    assert run(given).actions == ["create"]
    live = client.get(rollout.INFERENCE_SERVICE, "pinned", space)
    assert live and live["spec"]["predictor"]["model"]["runtime"] == "seldon-mlserver-runtime"
    again = run(given, kserve_version="0.20.0")
    assert (again.actions, again.requests) == (["unchanged"], 3)  # the services, and the runtimes of both scopes
    assert again.items[0]["selection"]["selected"]["name"] == "seldon-mlserver-runtime"
    changed = run({**given, "labels": {"a": "b"}})
    assert changed.actions == ["change"]
    live = client.get(rollout.INFERENCE_SERVICE, "pinned", space)
    assert live and live["spec"]["predictor"]["model"]["runtime"] == "seldon-mlserver-runtime"
    other = run({**given, "format": "python"})  # the pinned one does not serve it, and no other may be chosen
    assert any("does not serve it any more" in text for text in other.result.warnings)
    run({"name": "pinned", "namespace": space, "state": "absent"})


def own_runtime(name: str, namespace: str, priority: int) -> Object:
    """A runtime for a format that no other test uses."""
    entry = {"name": "pinnable", "version": "1", "autoSelect": True, "priority": priority}
    return {
        "apiVersion": RUNTIME.api_version,
        "kind": RUNTIME.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"supportedModelFormats": [entry], "containers": [{"name": "kserve-container", "image": "x:1"}]},
    }


def test_a_pinned_runtime_that_is_gone_is_replaced_though_nothing_else_changed(
    run: Run, client: Client, make_namespace: Callable[..., str]
) -> None:
    space = make_namespace("service-pin")
    for name, priority in (("first", 2), ("second", 1)):
        client.create(RUNTIME, own_runtime(name, space, priority), space)
    given = {"name": "pinned", "namespace": space, "format": "pinnable", "version": "1", "pin_runtime": True}
    given["annotations"] = {"serving.kserve.io/stop": "true"}

    def pinned() -> str:
        live = client.get(rollout.INFERENCE_SERVICE, "pinned", space)
        assert live is not None
        return str(live["spec"]["predictor"]["model"]["runtime"])

    assert run(given).actions == ["create"] and pinned() == "first"
    client.delete(RUNTIME, "first", space)
    predicted, done = run(given, check=True), run(given)
    assert predicted.actions == done.actions == ["change"] and pinned() == "second"
    warned = "the runtime first that it was pinned to does not serve it any more, so that it is pinned to second now"
    assert warned in predicted.items[0]["warnings"] and warned in done.items[0]["warnings"]
    assert (run(given).actions, run(given).result.warnings) == (["unchanged"], [])

    client.patch(RUNTIME, "second", {"spec": {"disabled": True}}, space)
    kept = run(given)
    assert kept.actions == ["unchanged"] and pinned() == "second"
    assert any("no other would be chosen, so that it stays pinned" in text for text in kept.items[0]["warnings"])
    assert kept.items[0]["selection"]["reason"] == "RuntimeDisabled"
