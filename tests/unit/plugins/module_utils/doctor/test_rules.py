# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E501  (messages are quoted as they come)
"""Rules on snapshots built by hand: messages of registries, stores, vendors and OpenShift that no lab here can make."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import handmade as hm

PULL = 'Failed to pull image "registry.example.org/server:1": rpc error: code = Unknown desc = failed to pull: '


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("failed to authorize: 401 Unauthorized", "credentials"),
        ("pull access denied, repository does not exist or may require authorization", "does not allow"),
        ("manifest unknown: manifest unknown", "no such image or tag"),
        ("registry.example.org/server:1: not found", "no such image or tag"),
        ("toomanyrequests: You have reached your pull rate limit", "limits the number of pulls"),
        ("dial tcp: lookup registry.example.org: no such host", "cannot be resolved"),
        ("dial tcp 10.0.0.1:443: i/o timeout", "cannot be reached"),
        (
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "certificate is not trusted",
        ),
        ("http: server gave HTTP response to HTTPS client", "speaks HTTP"),
    ],
)
def test_a_registrys_own_words_decide(message: str, words: str) -> None:
    pod = hm.pod(state=hm.waiting("ImagePullBackOff", 'Back-off pulling image "registry.example.org/server:1"'))
    finding = hm.only_error(hm.running(pod, hm.event(pod, "Failed", PULL + message)))
    assert finding["code"] == "KS026"
    assert words in finding["cause"]
    assert "registry.example.org/server:1" in finding["cause"]
    assert finding["object"]["kind"] == "ServingRuntime"


def test_an_image_of_another_architecture_is_told_apart() -> None:
    pod = hm.pod(state=hm.waiting("ErrImagePull", PULL + "no match for platform in manifest: not found"))
    assert hm.only_error(hm.running(pod))["code"] == "KS029"


def test_a_missing_pull_secret_is_named() -> None:
    pod = hm.pod(
        state=hm.waiting("ErrImagePull", PULL + "401 Unauthorized"),
        spec={"imagePullSecrets": [{"name": "quay-login"}]},
    )
    data = hm.running(pod, names_of={"secrets": {hm.NS: ["other"]}})
    assert "quay-login does not exist" in hm.only_error(data)["cause"]


STORAGE = 'Traceback (most recent call last):\n  File "/storage-initializer/scripts/initializer-entrypoint", line 17\n'


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("RuntimeError: Failed to fetch model. No model found in /mnt/models.", "KS036", "/mnt/models"),
        ("botocore.exceptions.NoCredentialsError: Unable to locate credentials", "KS037", "NoCredentialsError"),
        ("botocore.exceptions.ClientError: An error occurred (403) when calling the HeadObject operation: Forbidden",
         "KS037", "403"),
        ("botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling ListObjectsV2: Access Denied",
         "KS037", "AccessDenied"),
        ("botocore.errorfactory.NoSuchBucket: An error occurred (NoSuchBucket) when calling the ListObjects operation",
         "KS036", "NoSuchBucket"),
        ("botocore.exceptions.SSLError: SSL validation failed for https://minio:9000/b [SSL: CERTIFICATE_VERIFY_FAILED]",
         "KS038", "minio"),
        ('botocore.exceptions.EndpointConnectionError: Could not connect to the endpoint URL: "http://minio:9000/b"',
         "KS127", "http://minio:9000/b"),
        ("requests.exceptions.ConnectionError: HTTPSConnectionPool(host='models.example.org', port=443): Max retries "
         "exceeded (Caused by NameResolutionError: Failed to resolve 'models.example.org')", "KS127", "models.example.org"),
        ("Exception: Cannot recognize storage type for ftp://host/model", "KS040", "ftp://host/model"),
        ("google.auth.exceptions.DefaultCredentialsError: Your default credentials were not found", "KS037", "credentials"),
        ("OSError: [Errno 28] No space left on device", "KS128", "full"),
        ("ValueError: unpack requires a buffer of 4 bytes", "KS128", "buffer of 4 bytes"),
    ],
)  # fmt: skip
def test_the_storage_initializers_last_exception_decides(text: str, code: str, words: str) -> None:
    state = {"name": "storage-initializer", "ready": False, **hm.ended(1)}
    pod = hm.pod(
        spec={"initContainers": [{"name": "storage-initializer", "image": "kserve/storage-initializer:v0.20.0"}]},
        status={"initContainerStatuses": [state]},
        state=hm.waiting("PodInitializing"),
    )
    data = hm.running(pod, logs=[hm.log(pod, STORAGE + text, "storage-initializer")])
    finding = hm.only_error(data)
    assert finding["code"] == code
    assert words in finding["cause"]
    assert "s3://bucket/iris" in finding["cause"]


def errors(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for item in hm.diagnosed(data)["findings"] if item["severity"] == "error"]


RECORDED = json.loads((Path(__file__).parent / "storage_logs.json").read_text())["cases"]
INITIALIZER = {"name": "storage-initializer", "image": "kserve/storage-initializer:v0.20.0"}


@pytest.mark.parametrize("name", [name for name, case in RECORDED.items() if case["code"]])
def test_what_the_storage_initializer_really_says(name: str) -> None:
    """Recorded from KServe's own entrypoint: see storage_logs.json."""
    case = RECORDED[name]
    pod = hm.pod(
        spec={"initContainers": [INITIALIZER]},
        status={"initContainerStatuses": [{"name": "storage-initializer", "ready": False, **hm.ended(1)}]},
        state=hm.waiting("PodInitializing"),
    )
    log = hm.log(pod, "\n".join(case["log"]), "storage-initializer")
    finding = hm.only_error(hm.running(pod, hm.service(model={"storageUri": case["uri"]}), logs=[log]))
    assert finding["code"] == case["code"], finding["cause"]
    assert all(word in finding["cause"] for word in [case["uri"], *case["words"]]), finding["cause"]


def initializing(log: str, since: str, container: dict[str, Any] = INITIALIZER) -> dict[str, Any]:
    """A pod whose init container still runs."""
    running = {"name": container["name"], "ready": False, "state": {"running": {"startedAt": since}}}
    pod = hm.pod(
        spec={"initContainers": [container]},
        status={"initContainerStatuses": [running]},
        state=hm.waiting("PodInitializing"),
    )
    return hm.running(pod, logs=[hm.log(pod, log, container["name"], previous=False)])


RETRIES = (
    "WARNING Retrying (Retry(total=2, connect=2)) after connection broken by NewConnectionError: Connection refused"
)
WAITING = {"name": "wait-for-db", "image": "busybox"}


def test_an_init_container_that_tries_in_vain() -> None:
    assert hm.only_error(initializing(RETRIES, "2026-01-31T11:58:00Z"))["code"] == "KS127"
    assert not errors(initializing(RETRIES, hm.JUST_NOW))
    lines = "\n".join(f"attempt {number}: nslookup: can't resolve 'db.models.svc'" for number in range(40))
    finding = hm.only_error(initializing(lines, "2026-01-31T11:57:00Z", WAITING))
    assert finding["code"] == "KS101" and "wait-for-db" in finding["cause"] and "db.models.svc" in finding["cause"]


@pytest.mark.parametrize(
    ("log", "container"),
    [
        (
            "Error while downloading x: Read timed out.\nTrying to resume download...\nFetching 12 files:  50%",
            INITIALIZER,
        ),
        (f"{RETRIES}\nINFO Downloaded object iris/2.bin to /mnt/models/2.bin", INITIALIZER),
        ("\n".join(f"copied {10 * number} MB of 4000 MB" for number in range(20)), WAITING),
        ("\n".join(f"{number}% done" for number in range(20)), WAITING),
    ],
)
def test_an_init_container_that_gets_on(log: str, container: dict[str, Any]) -> None:
    data = initializing(log, "2026-01-31T11:57:00Z", container)
    data["objects"].setdefault("networkpolicies.networking.k8s.io", []).append(
        network_policy("shut", **EVERY_POD, policyTypes=["Egress"])
    )
    assert not errors(data)


def network_policy(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"namespace": hm.NS, "name": name}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


EVERY_POD: dict[str, Any] = {"podSelector": {}}
UNNAMED = "ERROR [Errno -3] Temporary failure in name resolution"


@pytest.mark.parametrize(
    ("policy", "closed"),
    [
        (network_policy("shut", **EVERY_POD, policyTypes=["Egress"]), True),
        (network_policy("some", **EVERY_POD, policyTypes=["Egress"], egress=[{"to": [{"podSelector": {}}]}]), False),
        (network_policy("open", **EVERY_POD, policyTypes=["Egress"], egress=[{}]), None),
        (network_policy("inward", **EVERY_POD), None),
        (network_policy("others", podSelector={"matchLabels": {"app": "other"}}, policyTypes=["Egress"]), None),
    ],
    ids=lambda value: value["metadata"]["name"] if isinstance(value, dict) else "",
)
def test_a_policy_that_shuts_the_download_off(policy: dict[str, Any], closed: bool | None) -> None:
    state = {"name": "storage-initializer", "ready": False, **hm.ended(1)}
    pod = hm.pod(
        spec={"initContainers": [INITIALIZER]},
        status={"initContainerStatuses": [state]},
        state=hm.waiting("PodInitializing"),
    )
    finding = hm.only_error(hm.running(pod, policy, logs=[hm.log(pod, UNNAMED, "storage-initializer")]))
    assert finding["code"] == "KS127"
    assert (policy["metadata"]["name"] in finding["cause"]) == (closed is not None), finding["cause"]
    assert (finding["object"]["kind"] == "NetworkPolicy") == bool(closed)


def test_a_long_download_is_no_fault_and_names_what_it_does() -> None:
    data = initializing("\n".join(RECORDED["gs-unreachable"]["log"]), "2026-01-31T11:55:00Z")
    assert not errors(data)
    (found,) = [item for item in hm.diagnosed(data)["findings"] if item["code"] == "KS134"]
    assert "storage-initializer" in found["cause"] and "Copying contents" in found["cause"]


@pytest.mark.parametrize("proof", ["pulling", "condition", "made"])
def test_a_mount_that_healed_is_no_fault(proof: str) -> None:
    config = {"name": "settings", "configMap": {"name": "settings"}}
    pod = hm.pod(spec={"volumes": [config]}, state=hm.waiting("ContainerCreating"))
    message = 'MountVolume.SetUp failed for volume "settings" : configmap "settings" not found'
    events = [hm.event(pod, "FailedMount", message, "2026-01-31T11:58:30Z")]
    names: dict[str, list[str]] = {"configmaps": []}
    assert hm.only_error(hm.running(pod, *events, names_of={"configmaps": {hm.NS: []}}))["code"] == "KS042"
    if proof == "pulling":
        events.append(hm.event(pod, "Pulling", 'Pulling image "x"', type="Normal"))
    if proof == "condition":
        pod["status"]["conditions"].append({"type": "PodReadyToStartContainers", "status": "True"})
    if proof == "made":
        names = {"configmaps": ["settings"]}
    data = hm.running(pod, *events, names_of={key: {hm.NS: found} for key, found in names.items()})
    assert not errors(data)


CONFIG = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "kserve", "name": "inferenceservice-config"},
           "data": {}}]  # fmt: skip


def test_a_download_out_of_memory_is_the_configmaps() -> None:
    state = {"name": "storage-initializer", "ready": False, **hm.ended(137, "OOMKilled")}
    limits = {"limits": {"memory": "1Gi"}}
    pod = hm.pod(
        spec={"initContainers": [{"name": "storage-initializer", "image": "x", "resources": limits}]},
        status={"initContainerStatuses": [state]},
    )
    finding = hm.only_error(hm.running(pod, *CONFIG, control_namespace="kserve"))
    assert (finding["code"], finding["object"]["kind"], finding["object"]["name"]) == (
        "KS039", "ConfigMap", "inferenceservice-config",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        ('pods "x" is forbidden: exceeded quota: team, requested: requests.nvidia.com/gpu=1, used: '
         "requests.nvidia.com/gpu=2, limited: requests.nvidia.com/gpu=2", "KS023", ("team", "nvidia.com/gpu")),
        ('pods "x" is forbidden: failed quota: team: must specify limits.cpu for: kserve-container', "KS023", ("limits.cpu",)),
        ('pods "x" is forbidden: maximum memory usage per Container is 512Mi, but limit is 1Gi', "KS024", ("512Mi", "1Gi")),
        ('pods "x" is forbidden: unable to validate against any security context constraint: [provider "restricted-v2": '
         ".spec.securityContext.fsGroup: Invalid value: 1000]", "KS025", ("fsGroup", "restricted-v2")),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false', "KS025",
         ("allowPrivilegeEscalation",)),
        ('pods "x" is forbidden: error looking up service account models/reader: serviceaccount "reader" not found',
         "KS104", ("reader",)),
        ('admission webhook "validate.kyverno.svc-fail" denied the request: policy require-labels fails', "KS105",
         ("kyverno", "require-labels")),
        ('Internal error occurred: failed calling webhook "mutate.istio.io": failed to call webhook: Post "https://istiod": '
         "dial tcp: connect: connection refused", "KS130", ("mutate.istio.io", "connection refused")),
        ('Internal error occurred: failed calling webhook "inferenceservice.kserve-webhook-server.pod-mutator": failed to '
         "call webhook: tls: failed to verify certificate: x509: certificate signed by unknown authority", "KS018",
         ("x509", "pod-mutator")),
        ('Internal error occurred: failed calling webhook "inferenceservice.kserve-webhook-server.pod-mutator": failed to '
         'call webhook: Post "https://kserve-webhook-server-service.kserve.svc:443/mutate-pods": no endpoints available for '
         'service "kserve-webhook-server-service"', "KS017", ("no endpoints available",)),
        ('pods "x" is forbidden: something nobody has seen before', "KS133", ("something nobody has seen before",)),
    ],
)  # fmt: skip
def test_what_refuses_a_pod_is_named(message: str, code: str, words: tuple[str, ...]) -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    finding = hm.only_error(hm.running(hm.replicaset(conditions=[condition])))
    assert finding["code"] == code
    assert all(word in finding["cause"] for word in words)
    assert [item["name"] for item in finding["affects"]] == ["iris"]


def test_one_quota_that_hits_two_services_is_one_finding() -> None:
    message = 'pods "x" is forbidden: exceeded quota: team, requested: pods=1, used: pods=5, limited: pods=5'
    condition = {"type": "ReplicaFailure", "status": "True", "message": message}
    data = hm.taken(
        hm.runtime(), hm.service("a"), hm.service("b"), hm.deployment("a"), hm.deployment("b"),
        hm.replicaset("a", conditions=[condition]), hm.replicaset("b", conditions=[condition]),
    )  # fmt: skip
    finding = hm.only_error(data)
    assert [item["name"] for item in finding["affects"]] == ["a", "b"]
    assert finding["object"] == {"api_version": "v1", "kind": "ResourceQuota", "namespace": "models", "name": "team"}


def unscheduled(
    message: str = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", **more: Any
) -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return hm.pod(
        spec={"nodeName": None, **more.pop("spec", {})}, status={"phase": "Pending", "conditions": [condition]}, **more
    )


GPU = {"resources": {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}}


def test_a_node_with_hardware_and_no_driver_is_told_from_one_without() -> None:
    ready = hm.node(labels={"feature.node.kubernetes.io/pci-10de.present": "true"})
    assert "driver" in hm.only_error(hm.running(unscheduled(container=GPU), ready))["cause"]
    assert "no nvidia.com/gpu" in hm.only_error(hm.running(unscheduled(container=GPU), hm.node()))["cause"]


def test_a_rolling_update_that_waits_for_its_own_old_pod_says_so() -> None:
    old = hm.pod(revision="1", suffix="old", ready=True, container=GPU)
    new = unscheduled(container=GPU, revision="2")
    deployment = hm.deployment()
    deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "2"
    node = hm.node(amounts={"nvidia.com/gpu": "1"})
    data = hm.running(
        hm.service(ready=True),
        deployment,
        hm.replicaset(revision="1"),
        hm.replicaset(revision="2"),
        old,
        new,
        node,
    )
    finding = hm.only_error(data)
    assert finding["code"] == "KS030"
    assert "previous pod iris-predictor-1-old" in finding["cause"]
    assert hm.diagnosed(data)["services"][0]["state"] == "degraded"


def test_without_nodes_the_schedulers_message_decides() -> None:
    pod = unscheduled("0/3 nodes are available: 3 node(s) had untolerated taint {dedicated: gpu}.")
    data = hm.running(pod, unseen=[{"what": "nodes", "reason": "forbidden", "message": "no"}])
    del data["objects"]["nodes"]
    finding = hm.only_error(data)
    assert finding["code"] == "KS031"
    assert "dedicated: gpu" in finding["cause"]


def test_a_claim_that_waits_for_its_first_consumer_is_no_fault_of_its_own() -> None:
    claim = {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"namespace": hm.NS, "name": "store", "creationTimestamp": hm.EARLIER},
        "spec": {}, "status": {"phase": "Pending"},
    }  # fmt: skip
    volumes = [{"name": "m", "persistentVolumeClaim": {"claimName": "store"}}]
    pod = unscheduled("0/1 nodes are available: 1 Insufficient cpu.", spec={"volumes": volumes},
                      container={"resources": {"requests": {"cpu": "64"}}})  # fmt: skip
    assert hm.only_error(hm.running(pod, claim))["code"] == "KS033"


def test_a_volume_in_another_zone() -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"namespace": hm.NS, "name": "store"},
             "spec": {"volumeName": "pv-7"}, "status": {"phase": "Bound"}}  # fmt: skip
    rule = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["eu-1b"]}
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "pv-7"},
        "spec": {"nodeAffinity": affinity},
    }
    pod = unscheduled(
        "0/1 nodes are available: 1 node(s) had volume node affinity conflict.",
        spec={"volumes": [{"name": "m", "persistentVolumeClaim": {"claimName": "store"}}]},
    )
    finding = hm.only_error(hm.running(pod, claim, volume))
    assert finding["code"] == "KS124"
    assert "eu-1b" in finding["cause"] and "pv-7" in finding["cause"]


def test_a_lost_node_comes_before_what_its_pods_last_said() -> None:
    node = hm.node(
        conditions=[{"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."}]
    )
    pod = hm.pod(state=hm.ended(1))
    finding = hm.only_error(hm.running(pod, node))
    assert (finding["code"], finding["object"]["name"]) == ("KS110", "node-1")


def test_an_evicted_pod_counts_while_nothing_replaces_it() -> None:
    gone = hm.pod(suffix="gone")
    gone["status"].update(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    assert hm.only_error(hm.running(gone))["code"] == "KS035"
    healthy = hm.running(hm.service(ready=True), gone, hm.pod(ready=True))
    assert hm.diagnosed(healthy)["findings"] == []


# -- probes -----------------------------------------------------------------------------------------------------------


def test_liveness_alone_kills_a_server_that_loads() -> None:
    probe = {"httpGet": {"path": "/v2/health/live", "port": 8080}, "initialDelaySeconds": 30, "periodSeconds": 10}
    pod = hm.pod(container={"livenessProbe": probe}, state=hm.ended(137))
    killing = hm.event(pod, "Killing", "Container kserve-container failed liveness probe, will be restarted")
    failing = hm.event(pod, "Unhealthy", 'Liveness probe failed: Get "http://10.0.0.9:8080/v2/health/live": dial tcp '
                          "10.0.0.9:8080: connect: connection refused")  # fmt: skip
    data = hm.running(pod, killing, failing, logs=[hm.log(pod, "INFO loading weights\n")])
    finding = hm.only_error(data)
    assert finding["code"] == "KS057"
    assert "60 s" in finding["cause"]
    assert finding["remedy"]["patch"]["spec"]["containers"][0]["startupProbe"]["failureThreshold"] == 60


def test_a_pod_within_its_startup_time_is_no_fault() -> None:
    probe = {"httpGet": {"path": "/v2/health/ready", "port": 8080}, "periodSeconds": 10, "failureThreshold": 60}
    started = {"state": {"running": {"startedAt": "2026-01-31T11:55:00Z"}}, "started": False}
    pod = hm.pod(container={"startupProbe": probe, "readinessProbe": probe}, state=started)
    refused = hm.event(pod, "Unhealthy", "Startup probe failed: connection refused")
    data = hm.running(pod, refused, logs=[hm.log(pod, "ERROR NVML: Driver Not Loaded", previous=False)])
    result = hm.diagnosed(data)
    assert [item["code"] for item in result["findings"]] == ["KS134"]
    assert result["services"][0]["state"] == "loading"


def test_a_server_that_listens_elsewhere_is_found_within_its_startup_time() -> None:
    probe = {"httpGet": {"path": "/v2/health/ready", "port": 8080}, "periodSeconds": 10, "failureThreshold": 60}
    started = {"state": {"running": {"startedAt": "2026-01-31T11:55:00Z"}}, "started": False}
    pod = hm.pod(container={"startupProbe": probe}, state=started)
    text = "2026-01-31 11:55:03,100 [mlserver.rest] INFO - HTTP server running on http://0.0.0.0:8090\n"
    finding = hm.only_error(hm.running(pod, logs=[hm.log(pod, text, previous=False)]))
    assert finding["code"] == "KS058"
    assert "8080" in finding["cause"] and "8090" in finding["cause"]


def test_too_early_to_tell_is_no_error() -> None:
    pod = hm.pod(state=hm.ended(1, restarts=1))
    assert [item["severity"] for item in hm.diagnosed(hm.running(pod))["findings"]] == ["info"]


# -- what is asked of the servers ---------------------------------------------------------------------------------------


def probe(purpose: str, status: int | None, body: str = "", **more: Any) -> dict[str, Any]:
    paths = {"model": "/v2/models/iris/ready", "ready": "/v2/health/ready", "index": "/v2/repository/index"}
    return {
        "namespace": hm.NS, "service": "iris", "component": "predictor", "purpose": purpose, "via": "services",
        "target": "iris-predictor", "port": 80, "path": paths[purpose], "method": "GET", "status": status, "body": body,
        "error": None, "time": hm.NOW, **more,
    }  # fmt: skip


def served(*probes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return hm.running(hm.service(ready=True), hm.pod(ready=True), probes=list(probes), **more)


@pytest.mark.parametrize(
    ("index", "code", "severity"),
    [
        ("[]", "KS052", "error"),
        ('[{"name": "flowers", "state": "READY"}]', "KS062", "error"),
        ('[{"name": "a", "state": "READY"}, {"name": "b", "state": "READY"}]', "KS062", "info"),
        ('[{"name": "iris", "state": "UNAVAILABLE", "reason": "ModuleNotFoundError: No module named \'shap\'"}]', "KS048",
         "error"),
    ],
)  # fmt: skip
def test_ready_is_not_served(index: str, code: str, severity: str) -> None:
    data = served(probe("ready", 200), probe("model", 404, '{"error": "unknown model"}'), probe("index", 200, index))
    findings = hm.diagnosed(data)["findings"]
    assert [(item["code"], item["severity"]) for item in findings] == [(code, severity)]


def test_a_model_that_answers_is_no_finding() -> None:
    assert hm.diagnosed(served(probe("ready", 200), probe("model", 200)))["findings"] == []


# -- OpenShift and other objects ----------------------------------------------------------------------------------------


def template(**more: Any) -> dict[str, Any]:
    inner = {"kind": "ServingRuntime", "metadata": {"name": "triton", "labels": {"opendatahub.io/dashboard": "true"}},
             "spec": {"containers": []}}  # fmt: skip
    return {
        "apiVersion": "template.openshift.io/v1",
        "kind": "Template",
        "metadata": {
            "namespace": "redhat-ods-applications", "name": "triton-template",
            "labels": {"opendatahub.io/dashboard": "true"},
            "annotations": {"opendatahub.io/modelServingSupport": '["single"]'}, **more,
        },
        "objects": [inner],
    }  # fmt: skip


def test_templates_that_the_dashboard_hides() -> None:
    assert hm.diagnosed(hm.taken(template()))["findings"] == []
    unlabelled = hm.diagnosed(hm.taken(template(labels={})))["findings"]
    assert [item["code"] for item in unlabelled] == ["KS015"]
    config = {"apiVersion": "opendatahub.io/v1alpha", "kind": "OdhDashboardConfig", "metadata": {"name": "c"},
              "spec": {"templateDisablement": ["triton"]}}  # fmt: skip
    assert "templateDisablement" in hm.diagnosed(hm.taken(template(), config))["findings"][0]["cause"]


def test_a_clone_that_differs_from_its_template() -> None:
    clone = hm.runtime(metadata={"annotations": {"opendatahub.io/template-name": "triton-template"}})
    codes = [item["code"] for item in hm.diagnosed(hm.taken(template(), clone))["findings"]]
    assert codes == ["KS016"]


def test_a_route_that_is_not_admitted() -> None:
    status = {
        "conditions": [
            {"type": "Ready", "status": "False"},
            {"type": "PredictorReady", "status": "True"},
            {
                "type": "IngressReady",
                "status": "False",
                "reason": "RouteNotAdmitted",
                "lastTransitionTime": hm.EARLIER,
            },
        ]
    }
    admitted = {
        "type": "Admitted",
        "status": "False",
        "reason": "HostAlreadyClaimed",
        "message": "host taken by old/iris",
    }
    route = {"apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": {"namespace": hm.NS, "name": "iris"},
             "status": {"ingress": [{"conditions": [admitted]}]}}  # fmt: skip
    finding = hm.only_error(hm.running(hm.service(status=status), hm.pod(ready=True), route))
    assert finding["code"] == "KS064"
    assert "HostAlreadyClaimed" in finding["cause"]


def test_an_autoscaler_without_metrics() -> None:
    condition = {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric",
                 "message": "unable to get metrics for resource cpu"}  # fmt: skip
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
              "metadata": {"namespace": hm.NS, "name": "iris-predictor", "creationTimestamp": hm.EARLIER},
              "spec": {"scaleTargetRef": {"name": "iris-predictor"}}, "status": {"conditions": [condition]}}  # fmt: skip
    found = hm.diagnosed(hm.running(hm.service(ready=True), hm.pod(ready=True), scaler))["findings"]
    assert [(item["code"], item["severity"]) for item in found] == [("KS065", "warning")]


# -- what is not a fault ------------------------------------------------------------------------------------------------


def test_not_faults() -> None:
    stopped = hm.service(metadata={"annotations": {"serving.kserve.io/stop": "true"}})
    assert hm.diagnosed(hm.running(stopped))["summary"]["error"] == 0
    empty = hm.running(hm.service(predictor={"minReplicas": 0}), hm.deployment(spec={"replicas": 0}))
    assert hm.diagnosed(empty)["findings"] == []
    stale = {"modelStatus": {"transitionStatus": "UpToDate", "lastFailureInfo": {"reason": "RuntimeNotRecognized"}}}
    loaded = hm.service(ready=True, status=stale)
    loaded["status"]["conditions"] = hm.service(ready=True)["status"]["conditions"]
    assert hm.diagnosed(hm.running(loaded, hm.pod(ready=True)))["findings"] == []
    unused = hm.runtime("unused", disabled=True, containers=[{"name": "x", "image": "Not An Image"}])
    assert hm.diagnosed(hm.running(hm.runtime(), unused, hm.service(ready=True), hm.pod(ready=True)))["findings"] == []


def test_events_of_an_earlier_pod_of_the_same_name_do_not_count() -> None:
    pod = hm.pod(ready=True)
    before = hm.event(pod, "Failed", PULL + "not found")
    before["involvedObject"]["uid"] = "of-another-life"
    assert hm.diagnosed(hm.running(hm.service(ready=True), pod, before))["findings"] == []


# -- the control plane --------------------------------------------------------------------------------------------------


def controller(**status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": "kserve", "name": "kserve-controller-manager",
                     "labels": {"control-plane": "kserve-controller-manager"}},
        "spec": {"replicas": status.pop("replicas", 1), "selector": {"matchLabels": {"app": "kserve"}}}, "status": status,
    }  # fmt: skip


def test_services_that_wait_are_folded_under_the_controller() -> None:
    new = hm.service("new", status={})
    new["status"] = {}
    leaving = hm.service(
        "leaving", metadata={"deletionTimestamp": hm.EARLIER, "finalizers": ["inferenceservice.finalizers"]}
    )
    broken = hm.service("iris")
    data = hm.taken(hm.runtime(), new, leaving, broken, controller(replicas=0), hm.deployment(), hm.replicaset(),
                       hm.pod(state=hm.waiting("InvalidImageName", "bad")))  # fmt: skip
    findings = [item for item in hm.diagnosed(data)["findings"] if item["severity"] == "error"]
    assert [item["code"] for item in findings] == ["KS020", "KS027"]
    assert [item["name"] for item in findings[0]["affects"]] == ["leaving", "new"]
    assert "scaled to 0" in findings[0]["cause"]


def test_a_ready_service_whose_change_nobody_applies_waits_for_the_controller() -> None:
    changed = hm.service(ready=True, model={"storageUri": "s3://bucket/iris-v2"})
    deployed = hm.deployment(
        spec={"template": {"metadata": {"annotations": {
            "internal.serving.kserve.io/storage-initializer-sourceuri": "s3://bucket/iris"}}, "spec": {}}})  # fmt: skip
    data = hm.running(changed, deployed, hm.pod(ready=True))
    data["objects"]["deployments.apps"].append(controller(replicas=1, availableReplicas=0))
    finding = hm.only_error(data)
    assert finding["code"] == "KS020"
    assert "iris-v2" in finding["consequences"][0]["text"]


def test_a_missing_api_is_not_an_empty_one() -> None:
    data = hm.taken(apis={"apps/v1": ["deployments"]})
    codes = {item["code"] for item in hm.diagnosed(data)["findings"]}
    assert codes == {"KS019"}


def test_a_bundle_that_is_no_certificate() -> None:
    webhook = {"name": "inferenceservice.kserve-webhook-server.defaulter",
               "clientConfig": {"caBundle": base64.b64encode(b"nothing").decode()}}  # fmt: skip
    configuration = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
                     "metadata": {"name": "inferenceservice.serving.kserve.io"}, "webhooks": [webhook]}  # fmt: skip
    finding = hm.only_error(hm.taken(configuration))
    assert finding["code"] == "KS018"
    assert "no PEM certificate" in finding["cause"]


def test_a_reconciliation_that_failed_once_is_no_error_of_a_service_that_serves() -> None:
    service = hm.service(ready=True)
    passing = hm.event(service, "InternalError", "fails to reconcile predictor: etcdserver: request timed out", count=3)
    assert hm.diagnosed(hm.running(service, hm.pod(ready=True), passing))["summary"]["error"] == 0
    lasting = hm.service(status={"conditions": [{"type": "PredictorReady", "status": "False", "reason": "ReconcileFailed",
                                                 "message": "Deployment.apps is invalid: spec.replicas"}]})  # fmt: skip
    assert hm.only_error(hm.running(lasting))["code"] == "KS021"


def test_modelmesh_leaves_a_service_alone() -> None:
    service = hm.service(metadata={"annotations": {"serving.kserve.io/deploymentMode": "ModelMesh"}})
    assert hm.only_error(hm.taken(hm.runtime(), service))["code"] == "KS143"


def test_a_loop_that_is_over_is_no_error() -> None:
    state = {"restartCount": 2, "lastState": {"terminated": {"exitCode": 1, "reason": "Error",
             "startedAt": "2026-01-31T11:57:50Z", "finishedAt": "2026-01-31T11:58:00Z"}},
             "state": {"running": {"startedAt": "2026-01-31T11:58:10Z"}}}  # fmt: skip
    stable = hm.pod(ready=True, state=state)
    assert hm.diagnosed(hm.running(hm.service(ready=True), stable))["summary"]["error"] == 0
    state["state"] = {"running": {"startedAt": "2026-01-31T11:59:50Z"}}
    state["lastState"]["terminated"]["finishedAt"] = "2026-01-31T11:59:40Z"
    looping = hm.pod(ready=True, state=state)
    data = hm.running(hm.service(ready=True), looping, logs=[hm.log(looping, "Error: no licence for this host")])
    assert hm.only_error(data)["code"] == "KS101"


def test_deleted_services_wait_for_the_webhook_that_keeps_their_finalizer() -> None:
    leaving = hm.service(
        "leaving", metadata={"deletionTimestamp": hm.EARLIER, "finalizers": ["inferenceservice.finalizers"]}
    )
    error = (
        'Internal error occurred: failed calling webhook "inferenceservice.kserve-webhook-server.defaulter": failed to '
        "call webhook: tls: failed to verify certificate: x509: certificate signed by unknown authority"
    )
    tried = {**probe("model", 500), "purpose": "webhook", "via": "dry-run", "target": "InferenceService", "error": error,
             "service": "", "method": "POST"}  # fmt: skip
    finding = hm.only_error(hm.taken(hm.runtime(), leaving, probes=[tried]))
    assert finding["code"] == "KS018"
    assert [item["name"] for item in finding["affects"]] == ["leaving"]


TRACE = 'Traceback (most recent call last):\n  File "/opt/server.py", line 1, in <module>\n'


@pytest.mark.parametrize(
    ("text", "code", "kind"),
    [
        ("ModuleNotFoundError: No module named 'xgboost'", "KS048", "ServingRuntime"),
        ("PermissionError: [Errno 13] Permission denied: '/opt/.metrics'", "KS054", "ServingRuntime"),
        ("PermissionError: [Errno 13] Permission denied: '/mnt/models/model.joblib'", "KS054", "InferenceService"),
    ],
)
def test_what_a_runtime_lacks_is_one_finding_for_all_of_its_services(text: str, code: str, kind: str) -> None:
    pods = [hm.pod(name, state=hm.ended(1)) for name in ("a", "b")]
    each = [item for name in ("a", "b") for item in (hm.service(name), hm.deployment(name), hm.replicaset(name))]
    data = hm.taken(hm.runtime(), hm.node(), *each, *pods, logs=[hm.log(pod, TRACE + text) for pod in pods])
    errors = [item for item in hm.diagnosed(data)["findings"] if item["severity"] == "error"]
    assert {(item["code"], item["object"]["kind"]) for item in errors} == {(code, kind)}
    assert len(errors) == (1 if kind == "ServingRuntime" else 2)
