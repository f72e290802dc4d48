# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import waiting
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.waiting import Observed, judge

READY_STATUS = {
    "conditions": [
        {"type": "IngressReady", "status": "True"},
        {"type": "PredictorReady", "status": "True"},
        {"type": "Ready", "status": "True"},
        {"type": "Stopped", "status": "False", "severity": "Info"},
    ],
    "modelStatus": {"transitionStatus": "UpToDate", "states": {"activeModelState": "Loaded"}},
}


def _service(status=READY_STATUS, annotations=None, **metadata):
    return {
        "kind": "InferenceService",
        "metadata": {"name": "iris", "namespace": "a", "annotations": annotations or {}, **metadata},
        "status": copy.deepcopy(status),
    }


def _not_ready(**model):
    conditions = [
        {"type": "PredictorReady", "status": "False", "reason": "MinimumReplicasUnavailable", "message": "no replicas"},
        {"type": "Ready", "status": "False", "reason": "MinimumReplicasUnavailable", "message": "no replicas"},
    ]
    return {"conditions": conditions, "modelStatus": model or {"transitionStatus": "InProgress"}}


def _deployment(conditions=(), generation=1, **status):
    counts = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, **status}
    return {
        "metadata": {
            "name": "iris-predictor",
            "uid": "d",
            "generation": generation,
            "annotations": {waiting.REVISION: "2"},
        },
        "spec": {"replicas": 1},
        "status": {**counts, "conditions": list(conditions)},
    }


def _replicaset(revision, pod_hash):
    return {
        "metadata": {
            "ownerReferences": [{"uid": "d"}],
            "annotations": {waiting.REVISION: revision},
            "labels": {waiting.POD_HASH: pod_hash},
        }
    }


def _pod(containers=(), init=(), conditions=(), pod_hash="new", **metadata):
    return {
        "metadata": {"name": "iris-x", "uid": "p", "labels": {waiting.POD_HASH: pod_hash}, **metadata},
        "status": {
            "phase": "Pending",
            "containerStatuses": list(containers),
            "initContainerStatuses": list(init),
            "conditions": list(conditions),
        },
    }


def _container(waiting_for=None, message=None, ended=None, restarts=0, running=False, ready=False, **more):
    state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}} if running else {}
    if waiting_for:
        state["waiting"] = {"reason": waiting_for, "message": message}
    last = {"terminated": ended} if ended else {}
    status = {"name": "kserve-container", "image": "server:1", "restartCount": restarts, "ready": ready}
    return {**status, "state": state, "lastState": last, **more}


def test_ready_and_rolled_out():
    found = judge(Observed(_service(), [_deployment()]))
    assert (found.state, found.text) == ("ready", "Ready")


@pytest.mark.parametrize(
    ("deployment", "said"),
    [
        (_deployment(generation=2), "newest revision is not seen yet"),
        (_deployment(updatedReplicas=0, replicas=1), "0 of 1 pods of Deployment iris-predictor are of the newest"),
        (_deployment(replicas=2), "old pods"),
        (_deployment(availableReplicas=0), "0 of 1 pods of Deployment iris-predictor are available"),
    ],
)
def test_ready_is_not_believed_while_the_newest_rollout_is_on_its_way(deployment, said):
    found = judge(Observed(_service(), [deployment]))
    assert found.state == "waiting" and said in found.text


def test_a_status_from_before_the_write_is_not_believed():
    found = judge(Observed(_service(), [_deployment()]), outdated="KServe has not acted on the change yet")
    assert (found.state, found.text) == ("waiting", "KServe has not acted on the change yet")
    assert "controller" in found.remedy


DEADLINE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too long"}
REFUSED = {"type": "ReplicaFailure", "status": "True", "message": 'pods "x" is forbidden: exceeded quota: q'}


@pytest.mark.parametrize("condition", [DEADLINE, REFUSED])
def test_a_deployments_conditions_count_only_for_the_generation_that_it_observed(condition):
    failed = judge(Observed(_service(_not_ready()), [_deployment([condition])]))
    assert failed.state == "failed"
    repaired = judge(Observed(_service(_not_ready()), [_deployment([condition], generation=2)]))
    assert repaired.state == "waiting" and "newest revision is not seen yet" in repaired.text


def test_pods_from_before_a_repair_are_no_failure():
    pods = [_pod([_container("InvalidImageName", "bad")])]
    assert judge(Observed(_service(_not_ready()), [_deployment()], pods=pods)).state == "failed"
    assert judge(Observed(_service(_not_ready()), [_deployment(generation=2)], pods=pods)).state == "waiting"


def _entry(manager, time, subresource=None):
    return {
        "manager": manager,
        "time": f"2026-01-01T00:00:{time:02}Z",
        **({"subresource": "status"} if subresource else {}),
    }


@pytest.mark.parametrize(
    ("entries", "changed"),
    [
        ([], False),
        ([_entry("modelserving.kserve", 1)], False),  # no status at all is said elsewhere
        ([_entry("modelserving.kserve", 1), _entry("manager", 2, "status")], False),
        ([_entry("modelserving.kserve", 3), _entry("manager", 2, "status")], True),
        ([_entry("modelserving.kserve", 2), _entry("manager", 2, "status")], False),
        ([_entry("modelserving.kserve", 1), _entry("kubectl-edit", 3), _entry("manager", 2, "status")], True),
        ([_entry("modelserving.kserve", 1), _entry("manager", 2, "status"), _entry("manager", 3)], False),
    ],
)
def test_changes_since_the_status_was_written(entries, changed):
    assert waiting.changed_since_status(_service(managedFields=entries)) is changed


def test_no_status_names_the_controller():
    found = judge(Observed(_service(status=None)))
    assert found.state == "waiting" and "controller" in found.text


def test_a_service_that_is_being_deleted():
    assert judge(Observed(_service(deletionTimestamp="2026-01-01T00:00:00Z"))).state == "failed"


def test_a_stopped_service_is_no_failure():
    annotations = {"serving.kserve.io/stop": "True"}  # KServe ignores the case
    stopping = {"conditions": [{"type": "Stopped", "status": "False"}]}
    stopped = {"conditions": [{"type": "Stopped", "status": "True"}, {"type": "Ready", "status": "False"}]}
    assert judge(Observed(_service(stopping, annotations))).state == "waiting"
    assert judge(Observed(_service(stopped, annotations))).state == "stopped"


INVALID = {
    "transitionStatus": "InvalidSpec",
    "lastFailureInfo": {"reason": "NoSupportingRuntime", "message": "No runtime found to support it"},
}


def test_no_runtime_cannot_heal_and_selection_says_why():
    selection = {"selected": None, "explanation": "r1: has sklearn 1, the service asks for version 0"}
    found = judge(Observed(_service(_not_ready(**INVALID)), selection=selection))
    assert found.state == "failed"
    assert "No runtime found to support it (r1: has sklearn 1" in found.text
    assert found.remedy


def test_a_runtime_that_came_later_is_waited_for():
    selection = {"selected": {"kind": "ServingRuntime", "name": "late"}, "explanation": ""}
    found = judge(Observed(_service(_not_ready(**INVALID)), selection=selection))
    assert found.state == "waiting" and "late would do now" in found.text


def test_without_the_runtimes_the_verdict_gets_more_time():
    assert judge(Observed(_service(_not_ready(**INVALID)))).grace >= 10


def test_an_invalid_predictor_is_kserves_word():
    model = {
        "transitionStatus": "InvalidSpec",
        "lastFailureInfo": {"reason": "InvalidPredictorSpec", "message": "failed to find kserve-container"},
    }
    found = judge(Observed(_service(_not_ready(**model))))
    assert found.state == "failed" and "failed to find kserve-container" in found.text


def test_an_old_failure_on_a_loaded_service_is_no_failure():
    status = copy.deepcopy(READY_STATUS)
    status["modelStatus"]["lastFailureInfo"] = INVALID["lastFailureInfo"]
    assert judge(Observed(_service(status), [_deployment()])).state == "ready"


def test_knative_mode_without_knative():
    event = {
        "reason": "ServerlessModeRejected",
        "message": "Knative Services are not available",
        "involvedObject": {"kind": "InferenceService"},
    }
    found = judge(Observed(_service(_not_ready()), events=[event]))
    assert found.state == "failed" and "Standard" in found.remedy
    # a Deployment that is there proves the event old
    assert judge(Observed(_service(), [_deployment()], events=[event])).state == "ready"


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ('pods "x" is forbidden: exceeded quota: q, requested: cpu=1', "ResourceQuota"),
        (
            'pods "x" is forbidden: error looking up service account a/b: serviceaccount "b" not found',
            "service account",
        ),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation', "PodSecurity"),
        ('pods "x" is forbidden: unable to validate against any security context constraint: []', "SCC"),
        ('pods "x" is forbidden: maximum cpu usage per Container is 1, but limit is 2', "LimitRange"),
        ("something new", "read the message"),
    ],
)
def test_pods_that_may_not_be_created(message, remedy):
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    found = judge(Observed(_service(_not_ready()), [_deployment([failure], availableReplicas=0)]))
    assert found.state == "failed"
    assert message in found.text and remedy in found.remedy


def test_a_deadline_that_passed():
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    found = judge(Observed(_service(_not_ready()), [_deployment([condition])]))
    assert found.state == "failed" and "timed out" in found.text


CRASH = {"exitCode": 1, "reason": "Error", "message": "ValueError: no model"}
UNAUTHORIZED = "failed to pull: unauthorized: access token has insufficient scopes"

POD_STATES = [
    (_container("InvalidImageName", "bad"), "failed", "InvalidImageName"),
    (_container("ErrImageNeverPull", "absent"), "failed", "ErrImageNeverPull"),
    (
        _container("ErrImagePull", "manifest for x not found"),
        "failed",
        "cannot pull server:1: manifest for x not found",
    ),
    (_container("ImagePullBackOff", UNAUTHORIZED), "failed", "unauthorized"),
    (_container("ImagePullBackOff", "dial tcp: i/o timeout"), "waiting", "i/o timeout"),
    (_container("ErrImagePull", "toomanyrequests: slow down"), "waiting", "toomanyrequests"),
    (_container("CreateContainerConfigError", 'secret "s" not found'), "failed", 'secret "s" not found'),
    (_container("RunContainerError", "exec: no such file"), "failed", "no such file"),
    (
        _container("CrashLoopBackOff", "back-off", CRASH, restarts=2),
        "failed",
        "ended 3 times (exit code 1): ValueError",
    ),
    (_container("CrashLoopBackOff", "back-off", CRASH, restarts=1), "waiting", "ended twice (exit code 1)"),
    (_container(ended=CRASH, restarts=5, running=True), "waiting", "ended 5 times"),
    (_container(ended=CRASH, restarts=5, running=True, ready=True), "waiting", "pod iris-x is Pending"),
    (_container("CrashLoopBackOff", "", {"exitCode": 0}, restarts=2), "failed", "exit code 0"),
    (
        _container("CrashLoopBackOff", "", {"exitCode": 137, "reason": "OOMKilled"}, restarts=1),
        "failed",
        "out of memory",
    ),
    (_container("CrashLoopBackOff", "", {"exitCode": 137, "reason": "OOMKilled"}), "waiting", "out of memory"),
    (_container("ContainerCreating"), "waiting", "is waiting: ContainerCreating"),
    (_container(running=True), "waiting", "runs and is not ready yet"),
]


@pytest.mark.parametrize(("container", "state", "said"), POD_STATES)
def test_what_a_container_tells(container, state, said):
    found = judge(Observed(_service(_not_ready()), [_deployment(availableReplicas=0)], pods=[_pod([container])]))
    assert found.state == state and said in found.text


def test_an_init_container_fails_the_same_way_and_comes_first():
    init = _container("CrashLoopBackOff", "", CRASH, restarts=3, **{"name": "storage-initializer"})
    pod = _pod([_container("PodInitializing")], [init])
    found = judge(Observed(_service(_not_ready()), [_deployment()], pods=[pod]))
    assert found.state == "failed" and "container storage-initializer" in found.text


@pytest.mark.parametrize(
    ("message", "state"),
    [
        ("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", "waiting"),
        ("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.", "waiting"),
        ('0/1 nodes are available: persistentvolumeclaim "models" not found.', "failed"),
    ],
)
def test_unscheduled(message, state):
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    found = judge(Observed(_service(_not_ready()), [_deployment()], pods=[_pod(conditions=[condition])]))
    assert found.state == state and message in found.text


def test_only_the_newest_revisions_pods_count():
    old = _pod([_container("CrashLoopBackOff", "", CRASH, restarts=9)], pod_hash="old")
    leaving = _pod([_container("InvalidImageName")], deletionTimestamp="2026-01-01T00:00:00Z")
    observed = Observed(_service(), [_deployment()], [_replicaset("1", "old"), _replicaset("2", "new")], [old, leaving])
    assert judge(observed).state == "ready"


def test_a_stuck_new_revision_is_a_failure_though_the_old_one_serves():
    new = _pod([_container("ErrImageNeverPull")])
    observed = Observed(
        _service(),
        [_deployment(replicas=2, availableReplicas=1)],
        [_replicaset("1", "old"), _replicaset("2", "new")],
        [_pod([_container(running=True, ready=True)], pod_hash="old"), new],
    )
    assert judge(observed).state == "failed"


def test_the_latest_telling_event_says_what_a_container_waits_for():
    def event(reason, time, message):
        return {"reason": reason, "message": message, "lastTimestamp": time, "involvedObject": {"uid": "p"}}

    events = [
        event("Pulling", "2026-01-01T00:00:01Z", "Pulling image server:1"),
        event("FailedMount", "2026-01-01T00:00:09Z", "volume x timed out"),
        event("Scheduled", "2026-01-01T00:00:10Z", "assigned"),
    ]
    pod = _pod([_container("ContainerCreating")])
    found = judge(Observed(_service(_not_ready()), [_deployment(availableReplicas=0)], pods=[pod], events=events))
    assert found.text.endswith("FailedMount: volume x timed out")


def test_what_could_not_be_read_is_no_obstacle():
    assert judge(Observed(_service(), None, None, None, None)).state == "ready"
    found = judge(Observed(_service(_not_ready()), None, None, None, None))
    assert found.state == "waiting"
    assert found.text == "condition PredictorReady is False (MinimumReplicasUnavailable: no replicas)"
