# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers on snapshots built by hand: times and messages that the fault lab cannot make at will."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import ports
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import handmade as hm

Object = dict[str, Any]
READY = "/v2/health/ready"
STARTUP = {"httpGet": {"path": READY, "port": 8080}, "periodSeconds": 10, "failureThreshold": 60}
LIVENESS = {"httpGet": {"path": "/v2/health/live", "port": 8080}, "periodSeconds": 10}
REFUSED = (
    f'Readiness probe failed: Get "http://10.0.0.9:8080{READY}": dial tcp 10.0.0.9:8080: connect: connection refused'
)


def ago(seconds: float) -> str:
    return snap.stamp((snap.seconds(hm.NOW) or 0) - seconds)


def up(seconds: float, **more: Any) -> Object:
    """A container that runs since so many seconds and is not ready."""
    return {"state": {"running": {"startedAt": ago(seconds)}}, "started": False, **more}


def answer(pod: Object, port: int, status: int, body: str = "", path: str = "/v2/health/live") -> Object:
    return {
        "namespace": hm.NS, "service": "iris", "component": "predictor", "purpose": "live", "via": "pods",
        "target": pod["metadata"]["name"], "port": port, "path": path, "method": "GET", "status": status, "body": body,
        "error": None, "time": hm.NOW,
    }  # fmt: skip


def codes(data: Object) -> list[tuple[str, str]]:
    return [(item["severity"], item["code"]) for item in hm.diagnosed(data)["findings"]]


TENSORFLOW = ["/usr/bin/tensorflow_model_server", "--port=9000", "--rest_api_port=8080"]


@pytest.mark.parametrize(
    ("container", "wanted", "grpc"),
    [
        ({"command": TENSORFLOW}, 8080, 9000),
        ({"command": TENSORFLOW[:2]}, None, 9000),
        ({"args": ["--http_port=8080", "--port=9000"]}, 8080, None),
        ({"args": ["--port", "8000"]}, 8000, None),
        ({"args": ["tritonserver", "--http-port=8080", "--grpc-port=9000"]}, 8080, 9000),
        ({"env": [{"name": "PORT", "value": "1"}, {"name": "MLSERVER_HTTP_PORT", "value": "2"}]}, 2, None),
        ({}, None, None),
    ],
)
def test_a_servers_http_port_is_told_from_its_grpc_port(
    container: Object, wanted: int | None, grpc: int | None
) -> None:
    assert (ports.configured(container), ports.grpc_configured(container)) == (wanted, grpc)


def test_what_mlserver_says_of_its_other_endpoints_is_not_its_http_port() -> None:
    text = (
        "INFO - HTTP server running on http://0.0.0.0:8085\n"
        "INFO:     Uvicorn running on http://0.0.0.0:8085 (Press CTRL+C to quit)\n"
        "INFO - gRPC server running on http://0.0.0.0:9000\n"
        "INFO - Metrics server running on http://0.0.0.0:8082\n"
        "INFO:     Uvicorn running on http://0.0.0.0:8082 (Press CTRL+C to quit)\n"
    )
    assert ports.listening(text) == {8085}


@pytest.mark.parametrize(
    ("container", "probes", "sidecars"),
    [
        # metrics, open before the model is loaded
        ({"ports": [{"containerPort": 8080}, {"containerPort": 8082}]}, [(8082, 404, "")], []),
        ({}, [(8000, 200, "# TYPE up gauge\nup 1\n")], []),
        # somebody else's port
        ({}, [(8888, 200, "")], [{"name": "proxy", "image": "x", "ports": [{"containerPort": 8888}]}]),
        # TensorFlow Serving: the first --port is gRPC's
        ({"command": TENSORFLOW}, [], []),
    ],
)
def test_within_its_startup_time_another_open_port_proves_nothing(
    container: Object, probes: list[tuple[int, int, str]], sidecars: list[Object]
) -> None:
    pod = hm.pod(container={"startupProbe": STARTUP, **container}, state=up(40))
    pod["spec"]["containers"] += sidecars
    refused = hm.event(pod, "Unhealthy", REFUSED.replace("Readiness", "Startup"))
    said = [answer(pod, port, status, body) for port, status, body in probes]
    data = hm.running(pod, refused, probes=said, logs=[hm.log(pod, "loading 4 GB\n", previous=False)])
    assert codes(data) == [("info", "KS134")]


def test_an_answer_on_another_port_counts_after_a_while_without_startup_probe() -> None:
    for age, wanted in ((60, ("info", "KS134")), (130, ("error", "KS058"))):
        pod = hm.pod(container={"readinessProbe": {"tcpSocket": {"port": 8080}}}, state=up(age))
        refused = hm.event(
            pod, "Unhealthy", "Readiness probe failed: dial tcp 10.0.0.9:8080: connect: connection refused"
        )
        assert codes(hm.running(pod, refused, probes=[answer(pod, 8090, 404)])) == [wanted]


def test_a_port_of_a_sidecar_is_never_the_servers() -> None:
    pod = hm.pod(container={"readinessProbe": {"tcpSocket": {"port": 8080}}}, state=up(130))
    pod["spec"]["containers"].append({"name": "helper", "image": "x"})
    data = hm.running(pod, hm.event(pod, "Unhealthy", REFUSED), probes=[answer(pod, 8090, 404)])
    assert codes(data) == [("warning", "KS058")]


@pytest.mark.parametrize(("age", "severity"), [(150, "warning"), (700, "error")])
def test_a_closed_port_is_an_error_once_the_rollouts_deadline_is_over(age: float, severity: str) -> None:
    pod = hm.pod(container={"readinessProbe": {"httpGet": {"path": READY, "port": 8080}}}, state=up(age))
    assert codes(hm.running(pod, hm.event(pod, "Unhealthy", REFUSED))) == [(severity, "KS058")]


# -- the end of a run -----------------------------------------------------------------------------------------------------


def killed(word: str, said: str, **more: Any) -> tuple[Object, list[Object]]:
    """A pod whose container a probe ends again and again, and its events."""
    times = {"startedAt": ago(60), "finishedAt": ago(10)}
    ready_since = more.pop("ready_until", None)
    pod = hm.pod(container=more.pop("container"), state=hm.ended(137, **times))
    if ready_since is not None:
        pod["status"]["conditions"][1]["lastTransitionTime"] = ready_since
    kill = hm.event(pod, "Killing", f"Container kserve-container failed {word} probe, will be restarted",
                    more.pop("at", ago(12)))  # fmt: skip
    return pod, [kill, hm.event(pod, "Unhealthy", f"{word.capitalize()} probe failed: {said}")]


TIMED_OUT = 'Get "http://10.0.0.9:8080/v2/health/live": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'


def test_a_liveness_probe_that_ends_a_ready_server_does_not_speak_of_loading() -> None:
    both = {"livenessProbe": {**LIVENESS, "timeoutSeconds": 2}, "readinessProbe": STARTUP}
    pod, events = killed("liveness", TIMED_OUT, container=both, ready_until=ago(11))
    finding = hm.only_error(hm.running(pod, *events))
    assert finding["code"] == "KS106"
    assert "timeoutSeconds 2" in finding["cause"] and "had turned ready" in finding["cause"]


def test_the_port_on_which_readiness_passes_is_the_servers() -> None:
    wrong = {"livenessProbe": {"tcpSocket": {"port": 8099}}, "readinessProbe": STARTUP}
    pod, events = killed("liveness", "dial tcp 10.0.0.9:8099: connect: connection refused", container=wrong,
                         ready_until=ago(11))  # fmt: skip
    finding = hm.only_error(hm.running(pod, *events))
    assert finding["code"] == "KS058"
    assert "8099" in finding["cause"] and "8080" in finding["cause"]


def test_a_startup_probe_that_times_out_on_a_server_that_listens() -> None:
    pod, events = killed("startup", TIMED_OUT, container={"startupProbe": STARTUP})
    said = hm.log(pod, "INFO:     Uvicorn running on http://0.0.0.0:8080 (Press CTRL+C to quit)\n")
    assert hm.only_error(hm.running(pod, *events, logs=[said]))["code"] == "KS107"
    assert hm.only_error(hm.running(pod, *events))["code"] == "KS057"


def test_an_old_kill_does_not_explain_a_later_crash() -> None:
    raised = 'Traceback (most recent call last):\n  File "/app/server.py", line 3\nLookupError: no column unit_price\n'
    for at, code in ((ago(2400), "KS101"), (ago(12), "KS106")):
        pod, events = killed("liveness", "HTTP probe failed with statuscode: 404", container={"livenessProbe": LIVENESS},
                             at=at)  # fmt: skip
        finding = hm.only_error(hm.running(pod, *events, logs=[hm.log(pod, raised)]))
        assert finding["code"] == code
        assert ("LookupError" in finding["cause"]) == (code == "KS101")


def test_a_server_that_cannot_load_and_lives_on_is_ended_for_its_exception() -> None:
    raised = 'Traceback (most recent call last):\n  File "/app/server.py", line 3\nLookupError: no column unit_price\n'
    pod, events = killed("liveness", "HTTP probe failed with statuscode: 503", container={"livenessProbe": LIVENESS})
    finding = hm.only_error(hm.running(pod, *events, logs=[hm.log(pod, raised)]))
    assert finding["code"] == "KS101"
    assert "LookupError: no column unit_price" in finding["cause"] and "livenessProbe" in finding["cause"]


def test_what_a_program_raises_when_it_is_ended_is_not_its_fault() -> None:
    raised = 'Traceback (most recent call last):\n  File "/app/server.py", line 3\nKeyboardInterrupt\n'
    pod, events = killed("liveness", "connect: connection refused", container={"livenessProbe": LIVENESS})
    assert hm.only_error(hm.running(pod, *events, logs=[hm.log(pod, raised)]))["code"] == "KS057"


def test_a_small_cpu_limit_is_named_where_a_start_takes_too_long() -> None:
    slow = {"startupProbe": STARTUP, "resources": {"limits": {"cpu": "10m"}}}
    pod, events = killed("startup", "connect: connection refused", container=slow)
    assert "CPU limit is 10m" in hm.only_error(hm.running(pod, *events))["cause"]
    slow["resources"]["limits"]["cpu"] = "2"
    assert "CPU limit" not in hm.only_error(hm.running(hm.pod(container=slow, state=hm.ended(137)), *events))["cause"]


# -- containers that cannot be started ------------------------------------------------------------------------------------

RUNC = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to "
    "start container process: container init was OOM-killed (memory limit too low?): unknown"
)  # fmt: skip


def test_a_memory_limit_too_low_for_the_container_runtime() -> None:
    small = {"resources": {"limits": {"memory": "6Mi"}}}
    pod = hm.pod(container=small, state=hm.ended(128, "StartError", message=RUNC))
    finding = hm.only_error(hm.running(pod))
    assert finding["code"] == "KS056"
    assert "6Mi" in finding["cause"] and finding["object"]["kind"] == "ServingRuntime"


@pytest.mark.parametrize(("age", "wanted"), [(20, ("info", "KS134")), (90, ("error", "KS109"))])
def test_a_node_gets_a_minute_for_its_secrets(age: float, wanted: tuple[str, str]) -> None:
    message = "failed to sync secret cache: timed out waiting for the condition"
    pod = hm.pod(state=hm.waiting("CreateContainerConfigError", message))
    failed = hm.event(pod, "Failed", f"Error: {message}", firstTimestamp=ago(age))
    failed["involvedObject"]["fieldPath"] = "spec.containers{kserve-container}"
    assert codes(hm.running(pod, failed)) == [wanted]


def hooked(**state: Any) -> tuple[Object, Object]:
    hook = {"postStart": {"exec": {"command": ["/opt/warm-up"]}}}
    pod = hm.pod(container={"lifecycle": hook}, state=state)
    event = hm.event(pod, "FailedPostStartHook", "PostStartHook failed")
    event["involvedObject"]["fieldPath"] = "spec.containers{kserve-container}"
    return pod, event


def test_a_hook_that_fails_is_not_the_servers_log() -> None:
    pod, event = hooked(**hm.ended(137))
    finding = hm.only_error(hm.running(pod, event, logs=[hm.log(pod, "INFO server starting")]))
    assert "postStart hook (exec /opt/warm-up)" in finding["cause"] and "server starting" not in finding["cause"]
    event["involvedObject"]["fieldPath"] = "spec.containers{another}"
    assert (
        "server starting" in hm.only_error(hm.running(pod, event, logs=[hm.log(pod, "INFO server starting")]))["cause"]
    )


def test_a_hooks_own_message_is_quoted() -> None:
    message = (
        "Exec lifecycle hook ([/opt/warm-up]) for Container failed - error: command '/opt/warm-up' exited with 127"
    )
    pod, _event = hooked(**hm.waiting("PostStartHookError", message))
    finding = hm.only_error(hm.running(pod))
    assert "exited with 127" in finding["cause"] and "cannot start its command" not in finding["cause"]


# -- restarts that are over -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("since", "errors"), [(80, 0), (40, 1)])
def test_a_run_that_outlives_the_one_before_ends_the_loop(since: float, errors: int) -> None:
    state = {
        "restartCount": 2, "ready": True, "started": True, "state": {"running": {"startedAt": ago(since)}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": ago(since + 75),
                                     "finishedAt": ago(since + 10)}},
    }  # fmt: skip
    data = hm.running(hm.service(ready=True), hm.pod(ready=True, state=state))
    assert hm.diagnosed(data)["summary"]["error"] == errors


# -- whose field it is ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("agent", "ConfigMap", "data.agent (image)"),
        ("storage-initializer", "ConfigMap", "data.storageInitializer (image)"),
        ("modelcar-init", "InferenceService", "spec.predictor.model.storageUri"),
        ("modelcar-1", "InferenceService", "spec.predictor.model.storageUri"),
    ],
)
def test_the_image_of_a_container_that_kserve_adds_is_not_the_models(name: str, kind: str, words: str) -> None:
    pod = hm.pod(state=hm.waiting("PodInitializing"))
    waiting = hm.waiting("ErrImagePull", "failed to pull and unpack image: not found")
    key, states = ("initContainers", "initContainerStatuses") if "init" in name else ("containers", "containerStatuses")
    pod["spec"].setdefault(key, []).append({"name": name, "image": "registry.example.org/extra:1"})
    pod["status"].setdefault(states, []).append({"name": name, "ready": False, "restartCount": 0, **waiting})
    finding = hm.only_error(hm.running(pod))
    assert (finding["code"], finding["object"]["kind"]) == ("KS026", kind)
    assert words in finding["remedy"]["text"]


def test_the_pull_policy_is_named_where_it_makes_the_node_ask() -> None:
    broken = hm.waiting("ErrImagePull", "failed to pull: connection refused")
    always = hm.only_error(hm.running(hm.pod(container={"imagePullPolicy": "Always"}, state=broken)))
    assert "imagePullPolicy Always" in always["cause"]
    present = hm.only_error(hm.running(hm.pod(container={"imagePullPolicy": "IfNotPresent"}, state=broken)))
    assert "imagePullPolicy" not in present["cause"]
