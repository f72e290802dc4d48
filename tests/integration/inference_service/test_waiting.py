# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting and asking, with real servers that start, fail, roll and answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import health, rollout
from ansible_collections.modelserving.kserve.plugins.module_utils.operations.liveness import Controller

from tests.demo import models
from tests.integration.inference_service.conftest import Object, Run, iris
from tests.integration.serving_runtime import support

STORE = "demo"
FLOWER = {"inputs": [{"name": "rows", "shape": [1, 4], "datatype": "FP32", "data": [[5.1, 3.5, 1.4, 0.2]]}]}


def digits(**more: Any) -> Object:
    """The options of a service that Triton serves."""
    return {
        "name": "digits",
        "format": "python",
        "version": "1",
        "protocol": "v2",
        "storage_uri": "pvc://models/digits/repository",
        "runtime": "triton-runtime",
        "annotations": {"serving.kserve.io/autoscalerClass": "none"},
        **more,
    }


@pytest.fixture(scope="module")
def served(run: Run, space: str, cluster: Object) -> Object:
    """Both servers with a model each, waited for and asked; the result of the task."""
    store = Path(cluster["models_dir"]) / STORE
    answers = {name: models.expectation(store, name) for name in models.WRITERS}

    def verify(name: str, tensor: str) -> Object:
        rows = answers[name]["rows"]
        tensors = [{"name": tensor, "shape": [len(rows), len(rows[0])], "datatype": "FP32", "data": rows}]
        return {
            "body": {"inputs": tensors},
            "expect": [
                {"path": "outputs[0].data", "equals": answers[name]["predictions"]},
                {"path": "outputs", "length": {"iris": 1, "digits": 2}[name]},
            ],
        }

    services = [iris(verify=verify("iris", "rows")), digits(verify=verify("digits", "pixels"))]
    done = run({"services": services, "namespace": space}, wait=True)
    assert done.failure is None
    return {item["name"]: item for item in done.items}


@pytest.mark.parametrize("name", models.WRITERS)
def test_a_model_is_served_waited_for_and_answers_as_scikit_learn_does(served: Object, name: str) -> None:
    item = served[name]
    assert item["wait"]["state"] == "ready" and item["verify"]["ok"]
    assert item["wait"]["transitions"][-1]["message"] == "Ready"
    runtime = {"iris": "seldon-mlserver-runtime", "digits": "triton-runtime"}[name]
    assert item["runtime"] in ({"kind": "ServingRuntime", "name": runtime}, None)  # not told before KServe 0.16


def test_again_nothing_changes_and_the_model_is_asked(run: Run, space: str, served: Object) -> None:
    done = run(
        {**iris(verify={"body": FLOWER, "expect": [{"path": "outputs[0].data[0]", "equals": 0}]}), "namespace": space}
    )
    assert done.failure is None and done.actions == ["unchanged"]
    assert done.items[0]["verify"]["ok"] and done.items[0]["wait"]["seconds"] < 5


def test_a_wrong_answer_fails_the_task_and_is_shown(run: Run, space: str, served: Object) -> None:
    wrong = {"body": FLOWER, "expect": [{"path": "outputs[0].data", "equals": [2]}]}
    done = run({**iris(verify=wrong), "namespace": space})
    assert done.failure == (
        f"InferenceService iris in namespace {space} fails verify: outputs[0].data is [0], which does not equal [2]."
    )
    assert done.items[0]["changed"] is False and done.items[0]["verify"]["answer"]["outputs"][0]["data"] == [0]


def test_health_of_both_with_metrics_and_a_sample(client: Client, space: str, served: Object) -> None:
    samples = health._samples([{"name": "iris", "body": FLOWER, "expect": [{"path": "model_name", "equals": "iris"}]}])
    task = health.Task(namespaces=[space], names=["iris", "digits"], samples=samples, timeout=60)
    found = health.report(task, health.run(client, task))
    assert found["healthy"], health.failure(found)
    asked = {item["name"]: [check["purpose"] for check in item["checks"]] for item in found["services"]}
    assert asked == {
        "digits": ["live", "ready", "model", "metrics"],
        "iris": ["live", "ready", "model", "metrics", "infer"],
    }


def test_health_finds_a_model_that_the_server_does_not_know(client: Client, space: str, served: Object) -> None:
    samples = health._samples([{"name": "iris", "body": FLOWER, "model": "rose", "timeout": 1}])
    task = health.Task(namespaces=[space], names=["iris"], samples=samples)
    found = health.report(task, health.run(client, task))
    assert not found["healthy"] and "rose" in health.failure(found)


def test_a_change_is_waited_for_until_the_new_pods_serve(run: Run, space: str, served: Object, client: Client) -> None:
    given = {**digits(env=[{"name": "ROUND", "value": "two"}]), "namespace": space, "wait": True}
    done = run(given)
    assert done.failure is None and done.actions == ["change"]
    selector = "serving.kserve.io/inferenceservice=digits"
    pods = [pod for pod in client.list(resources.POD, space, label_selector=selector) if _serves(pod)]
    assert pods
    for pod in pods:
        env = pod["spec"]["containers"][0]["env"]
        assert {"name": "ROUND", "value": "two"} in env


def _serves(pod: Object) -> bool:
    return not pod["metadata"].get("deletionTimestamp")


def test_a_stuck_rollout_is_a_failure_though_the_old_pods_keep_ready_true(
    run: Run, space: str, served: Object, client: Client
) -> None:
    bad = {**digits(image="localhost/absent:1", image_pull_policy="Never"), "namespace": space, "wait": True}
    done = run(bad)
    assert done.failure and "localhost/absent:1" in done.failure
    assert done.items[0]["wait"]["state"] == "failed" and done.items[0]["wait"]["seconds"] < 60
    live = client.get(rollout.INFERENCE_SERVICE, "digits", space)
    assert live is not None
    ready = [item["status"] for item in live["status"]["conditions"] if item["type"] == "Ready"]
    assert ready == ["True"], "the old pods serve on: KServe's own word is not enough"
    repaired = run({**digits(), "namespace": space, "wait": True})
    assert repaired.failure is None


# -- failures that cannot heal -----------------------------------------------------------------------------------------

# name: options, seconds within which the wait must end, what its message must say
HOPELESS: dict[str, tuple[Object, float, list[str]]] = {
    "no-version": (iris(version="9"), 30, ["version 9", "sklearn 1"]),
    "no-runtime": (iris(runtime="seldon"), 30, ["seldon"]),
    "never-pulled": (iris(image="localhost/absent:1", image_pull_policy="Never"), 40, ["localhost/absent:1"]),
    "bad-image-name": (iris(image="localhost/UPPER:1"), 40, ["localhost/UPPER:1"]),
    "no-claim": (iris(storage_uri="pvc://elsewhere/iris"), 60, ["elsewhere"]),
    "no-secret": (
        iris(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "no-secret", "key": "k"}}}]),
        60,
        ["no-secret"],
    ),
    "no-account": (iris(service_account="nobody"), 60, ["nobody"]),
    "no-such-class": (iris(labels={"modelClass": "mlserver_sklearn.NoSuchModel"}), 150, ["NoSuchModel"]),
}


def test_failures_that_cannot_heal_end_the_wait_with_cause_and_remedy(run: Run, space: str) -> None:
    services = [{**options, "name": name} for name, (options, _limit, _said) in HOPELESS.items()]
    start = time.monotonic()
    done = run({"services": services, "namespace": space}, wait=True, wait_timeout=600)
    assert time.monotonic() - start < 300
    assert done.failure and f"({len(HOPELESS)} of {len(HOPELESS)} services failed" in done.failure
    for item in done.items:
        _options, limit, said = HOPELESS[item["name"]]
        assert item["wait"]["state"] == "failed", (item["name"], item["wait"])
        assert item["wait"]["seconds"] <= limit, (item["name"], item["wait"])
        assert all(words in item["error"] for words in said), (item["name"], item["error"])
        assert item["wait"]["remedy"], item["name"]
        assert item["changed"] and item["object"], "what was done is kept"
    gone = run({"services": [{"name": name} for name in HOPELESS], "namespace": space, "state": "absent"}, wait=True)
    assert gone.failure is None and {item["wait"]["state"] for item in gone.items} == {"gone"}


def test_a_timeout_says_what_was_waited_for(run: Run, space: str) -> None:
    slow = iris(name="slow", startup_probe={"exec": {"command": ["false"]}, "failureThreshold": 100}, namespace=space)
    done = run({**slow, "wait": True, "wait_timeout": 8})
    assert done.failure and "is not ready after" in done.failure
    assert done.items[0]["wait"]["state"] == "timeout" and done.items[0]["wait"]["transitions"]
    run({"name": "slow", "namespace": space, "state": "absent"})


def test_a_stopped_service_is_not_waited_for_in_vain(run: Run, space: str) -> None:
    stop = {"serving.kserve.io/stop": "true"}
    done = run({**iris(name="stopped", annotations=stop), "namespace": space, "wait": True})
    assert done.failure is None and done.items[0]["wait"]["state"] == "stopped"
    asked = run({**iris(name="stopped", annotations=stop, verify={"body": FLOWER}), "namespace": space})
    assert asked.failure and "fails verify: it is stopped by its annotation serving.kserve.io/stop" in asked.failure
    assert asked.items[0]["verify"]["ok"] is False
    run({"name": "stopped", "namespace": space, "state": "absent"})


# -- whether KServe acted ----------------------------------------------------------------------------------------------


def test_the_real_controller_is_seen_at_work(client: Client) -> None:
    controller = Controller(client)
    start = time.monotonic()
    while controller.steady(time.monotonic()) < rollout.SETTLE and time.monotonic() - start < 30:
        controller.look(time.monotonic())
        time.sleep(1)
    assert (controller.trouble, controller.unknown) == ("", "")
    assert time.monotonic() - start < 15
    assert controller._leader is not None, "it elects a leader, whose Lease is followed"


def test_a_change_that_moves_nothing_is_ready_once_the_controller_was_seen(
    run: Run, space: str, served: Object, client: Client
) -> None:
    """KServe leaves such a service alone while it is Ready: nothing shows whether it looked at the change."""
    frozen = {**iris()["annotations"], "serving.kserve.io/disable-auto-update": "true"}
    run({**iris(annotations=frozen), "namespace": space, "wait": True})
    given = {**iris(annotations=frozen, min_replicas=1, max_replicas=1), "namespace": space, "wait": True}
    done = run(given)
    assert done.failure is None and done.actions == ["change"], done.failure
    said = [step["message"] for step in done.items[0]["wait"]["transitions"]]
    assert said[0].startswith(rollout.NOT_ACTED) and said[-1] == "Ready"
    assert done.items[0]["wait"]["seconds"] >= rollout.SETTLE
    again = run(given)
    assert again.actions == ["unchanged"] and again.items[0]["wait"]["seconds"] >= rollout.SETTLE
    assert run({**iris(), "namespace": space, "wait": True}).failure is None


# -- interrupted -------------------------------------------------------------------------------------------------------


def test_an_interrupted_run_is_taken_up_by_the_next(
    run: Run, space: str, kubeconfig: str, client: Client, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    given = {**iris(name="broken-off"), "namespace": space, "wait": True}
    play = tmp_path / "play.yml"
    play.write_text(_playbook(given))
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "-c", "local", str(play)]
    process = subprocess.Popen(
        [*command, "-e", f"ansible_python_interpreter={sys.executable}"],
        env={**support.environment(), "K8S_AUTH_KUBECONFIG": kubeconfig},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        eventually(lambda: client.get(rollout.INFERENCE_SERVICE, "broken-off", space), timeout=120)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)
    done = run(given)
    assert done.failure is None and done.actions == ["unchanged"]
    assert done.items[0]["wait"]["state"] == "ready"
    run({"name": "broken-off", "namespace": space, "state": "absent"})


def _playbook(given: Object) -> str:
    task = {"modelserving.kserve.inference_service": given}
    return json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}])
