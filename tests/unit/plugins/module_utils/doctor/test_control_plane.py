# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E501  (messages are quoted as they come)
"""KServe's controller, webhooks and configuration: one fault of theirs is one finding, whatever services show of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import config, control_plane
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import handmade as hm

KSERVE = "kserve"
MUTATOR = "inferenceservice.kserve-webhook-server.pod-mutator"
DENIED = f'admission webhook "{MUTATOR}" denied the request: '
ROOM = {"memoryRequest": "100Mi", "memoryLimit": "1Gi", "cpuRequest": "100m", "cpuLimit": "1"}
GOOD = {
    "deploy": '{"defaultDeploymentMode": "Standard"}',
    "ingress": '{"ingressGateway": "a/b", "enableGatewayApi": false}',
    "storageInitializer": json.dumps(ROOM),
    "agent": json.dumps(ROOM),
    "logger": json.dumps(ROOM),
    "batcher": json.dumps(ROOM),
}


def configuration(**sections: str | None) -> dict[str, Any]:
    data = {key: value for key, value in {**GOOD, **sections}.items() if value is not None}
    metadata = {"namespace": KSERVE, "name": "inferenceservice-config"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def controller(**more: Any) -> dict[str, Any]:
    labels = {"control-plane": "kserve-controller-manager"}
    volume = {"name": "cert", "secret": {"secretName": "kserve-webhook-server-cert"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": KSERVE, "name": "kserve-controller-manager", "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"spec": {"volumes": [volume]}},
            **more.pop("spec", {}),
        },
        "status": {"availableReplicas": 1, **more},
    }


def manager(**status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": KSERVE,
            "name": "kserve-controller-manager-1",
            "uid": "manager",
            "labels": {"control-plane": "kserve-controller-manager"},
            "creationTimestamp": hm.EARLIER,
        },
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": "manager", "image": "kserve/kserve-controller:v0.20.0"}],
        },
        "status": {"phase": "Running", "containerStatuses": [], **status},
    }


def configurations(*left_out: str) -> list[dict[str, Any]]:
    """KServe's webhook configurations, less the webhooks named."""
    found = []
    for kind, configuration_name, names in (
        (
            "MutatingWebhookConfiguration",
            "inferenceservice",
            ("inferenceservice.kserve-webhook-server.defaulter", MUTATOR),
        ),
        ("ValidatingWebhookConfiguration", "inferenceservice", ("inferenceservice.kserve-webhook-server.validator",)),
        ("ValidatingWebhookConfiguration", "servingruntime", ("servingruntime.kserve-webhook-server.validator",)),
    ):
        kept = [name for name in names if name not in left_out]
        if kept:
            found.append(
                {
                    "apiVersion": "admissionregistration.k8s.io/v1",
                    "kind": kind,
                    "metadata": {"name": f"{configuration_name}.serving.kserve.io"},
                    "webhooks": [{"name": name, "clientConfig": {}} for name in kept],
                }
            )
    return found


def refused(message: str) -> dict[str, Any]:
    text = f"Internal error occurred: {message}" if message.startswith("failed calling") else message
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": text}
    return hm.replicaset(conditions=[condition])


def tried(kind: str, webhook: str, why: str) -> dict[str, Any]:
    """A dry-run write that the API server could not ask KServe's webhook about."""
    error = f'Internal error occurred: failed calling webhook "{webhook}": failed to call webhook: {why}'
    return {
        "namespace": hm.NS, "service": "", "component": "", "purpose": "webhook", "via": "dry-run", "target": kind,
        "port": None, "path": "/x", "method": "POST", "status": 500, "body": "", "error": error, "time": hm.NOW,
    }  # fmt: skip


X509 = 'Post "https://kserve-webhook-server-service.kserve.svc:443/x": tls: failed to verify certificate: x509: certificate signed by unknown authority'
NOBODY = 'Post "https://kserve-webhook-server-service.kserve.svc:443/x": no endpoints available for service "kserve-webhook-server-service"'
TRIED = (
    ("InferenceService", "inferenceservice.kserve-webhook-server.defaulter"),
    ("ServingRuntime", "servingruntime.kserve-webhook-server.validator"),
    ("Pod", MUTATOR),
)


def cluster(*objects: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A service whose KServe has all that it needs, and what a test changes of it."""
    kinds = {(item["kind"], item["metadata"].get("namespace")) for item in objects}
    usual = [item for item in (configuration(), controller()) if (item["kind"], KSERVE) not in kinds]
    if not any("Webhook" in item["kind"] for item in objects):
        usual += configurations()
    own = [
        item
        for item in (hm.runtime(), hm.service(), hm.deployment(), hm.replicaset(), hm.node(), *hm.network())
        if item["kind"] not in {kind for kind, namespace in kinds if namespace != KSERVE}
    ]
    return hm.taken(*usual, *own, *objects, **{"control_namespace": KSERVE, **more})


def affected(finding: dict[str, Any]) -> list[str]:
    return [item["name"] for item in finding["affects"]]


# -- webhooks ---------------------------------------------------------------------------------------------------------


def test_a_certificate_that_no_webhook_trusts_is_one_finding_that_names_the_refused_service() -> None:
    data = cluster(
        refused(f'failed calling webhook "{MUTATOR}": failed to call webhook: {X509}'),
        probes=[tried(kind, webhook, X509) for kind, webhook in TRIED],
    )
    finding = hm.only_error(data)
    assert finding["code"] == "KS018"
    assert affected(finding) == ["iris"]
    assert "kserve-webhook-server-cert" in finding["cause"] and "servingruntime" in finding["cause"]


def test_a_webhook_service_without_endpoints_names_its_selector_first_and_the_refused_service() -> None:
    where = {"namespace": KSERVE, "name": "kserve-webhook-server-service"}
    webhooks = configurations()
    for item in webhooks:
        item["webhooks"][0]["clientConfig"] = {"service": where}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": where,
        "spec": {"selector": {"control-plane": "renamed"}},
    }
    data = cluster(
        *webhooks,
        service,
        refused(f'failed calling webhook "{MUTATOR}": failed to call webhook: {NOBODY}'),
        probes=[tried(kind, webhook, NOBODY) for kind, webhook in TRIED],
    )
    finding = hm.only_error(data)
    assert (finding["code"], finding["object"]["kind"]) == ("KS017", "Service")
    assert "renamed" in finding["cause"]
    assert affected(finding) == ["iris"]


def test_a_refusal_that_names_a_webhook_which_was_not_tried_is_still_one_finding_for_all_services() -> None:
    message = f'Internal error occurred: failed calling webhook "{MUTATOR}": failed to call webhook: {NOBODY}'
    condition = {"type": "ReplicaFailure", "status": "True", "message": message}
    data = hm.taken(
        hm.runtime(), hm.service("a"), hm.service("b"), hm.deployment("a"), hm.deployment("b"),
        hm.replicaset("a", conditions=[condition]), hm.replicaset("b", conditions=[condition]),
    )  # fmt: skip
    assert affected(hm.only_error(data)) == ["a", "b"]


def test_webhooks_that_are_not_registered_are_named() -> None:
    finding = hm.only_error(cluster(*configurations(MUTATOR), hm.pod(ready=True), hm.service(ready=True)))
    assert (finding["code"], finding["object"]["kind"]) == ("KS144", "MutatingWebhookConfiguration")
    assert MUTATOR in finding["cause"] and "defaulter" not in finding["cause"]


def test_registrations_that_were_not_seen_are_not_called_absent() -> None:
    data = cluster(*configurations(MUTATOR), hm.pod(ready=True), hm.service(ready=True))
    del data["objects"][snapshot.MUTATING_WEBHOOKS]
    assert hm.diagnosed(data)["findings"] == []


SOURCE = {"annotations": {"internal.serving.kserve.io/storage-initializer-sourceuri": "s3://bucket/iris"}}


def test_a_pod_without_its_model_follows_from_the_missing_webhook() -> None:
    finding = hm.only_error(cluster(*configurations(MUTATOR), hm.pod(metadata=SOURCE, state=hm.ended(1))))
    assert finding["code"] == "KS144"
    assert affected(finding) == ["iris"]


def test_a_namespace_that_the_pod_webhook_leaves_out_is_the_cause() -> None:
    labels = {"control-plane": "team-a"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": hm.NS, "labels": labels}}
    finding = hm.only_error(cluster(namespace, hm.pod(metadata=SOURCE, state=hm.ended(1))))
    assert (finding["code"], finding["object"]["kind"]) == ("KS145", "Namespace")
    assert "control-plane=team-a" in finding["cause"] and "s3://bucket/iris" in finding["cause"]


@pytest.mark.parametrize("path", ["/mnt/models", "/mnt/models/base", "/mnt/"])
def test_a_pod_with_its_model_is_in_order(path: str) -> None:
    pod = hm.pod(metadata=SOURCE, ready=True, container={"volumeMounts": [{"name": "m", "mountPath": path}]})
    assert hm.diagnosed(cluster(pod, hm.service(ready=True)))["findings"] == []


# -- configuration ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "text", "words"),
    [
        ("agent", "{", "not JSON"),
        ("inferenceService", "[]", "not a JSON object"),
        ("deploy", '{"defaultDeploymentMode": "RawDeploymnt"}', "RawDeploymnt"),
        ("deploy", "{}", "defaultDeploymentMode is missing"),
        ("ingress", '{"ingressDomain": "example.com"}', "ingressGateway is missing"),
        ("ingress", '{"ingressGateway": "a/b", "enableGatewayApi": true}', "kserveIngressGateway is missing"),
        ("ingress", '{"ingressGateway": "a/b", "enableGatewayApi": true, "kserveIngressGateway": "gw"}', "<namespace>/<name>"),
        ("ingress", '{"ingressGateway": "a/b", "disableIngressCreation": "true"}', "not true or false"),
        ("storageInitializer", json.dumps({**ROOM, "memoryLimit": "lots"}), "memoryLimit"),
        ("storageInitializer", json.dumps({**ROOM, "ociModelMode": "sidecar"}), "sidecar"),
        ("batcher", json.dumps({"memoryLimit": "1Gi"}), "is missing"),
        ("logger", json.dumps({**ROOM, "cpuLimit": 1}), "not a string"),
        ("security", '{"autoMountServiceAccountToken": "no"}', "not true or false"),
    ],
)  # fmt: skip
def test_a_section_that_kserve_cannot_read_is_named(section: str, text: str, words: str) -> None:
    finding = hm.only_error(cluster(configuration(**{section: text}), hm.pod(ready=True), hm.service(ready=True)))
    assert (finding["code"], finding["object"]["name"]) == ("KS139", "inferenceservice-config")
    assert f"section {section} " in finding["cause"] and words in finding["cause"]


def test_what_kserve_reads_without_complaint_is_in_order() -> None:
    sections = {
        **GOOD,
        "deploy": '{"DefaultDeploymentMode": "RawDeployment"}',
        "ingress": '{"ingressGateway": "a/b", "ingressClassName": null, "additionalIngressDomains": ["x"], "unknown": 1}',
        "storageInitializer": json.dumps({**ROOM, "enableModelcar": True, "uidModelcar": 1010, "cpuModelcar": "10m"}),
        "localModel": '{"enabled": false, "fsGroup": 1000}',
        "anything": "no JSON",
    }
    assert list(config.faults(sections, "0.20.0")) == []


def test_the_modes_names_are_those_of_the_version() -> None:
    sections = {"deploy": '{"defaultDeploymentMode": "Standard"}'}
    assert [item.section for item in config.faults(sections, "0.15.2")] == ["deploy"]
    assert list(config.faults(sections, "0.16.0")) == []


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("agent", DENIED + "panic: unable to unmarshall agent json string due to unexpected end of JSON input [recovered]"),
        ("storageInitializer", DENIED + "panic: Unable to unmarshall storageInitializer json string due to invalid character 'x'  [recovered]"),
        ("storageInitializer", DENIED + 'failed to parse resource configuration for "storageInitializer"."memoryLimit": quantities must match the regular expression'),
        ("logger", DENIED + 'Failed to parse resource configuration for "logger": "quantities must match the regular expression"'),
        ("deploy", "fails to create DeployConfig: invalid deployment mode. Supported modes are Knative, Standard and ModelMesh"),
        ("ingress", "unable to parse ingress config json: invalid character 'i' looking for beginning of value"),
    ],
)  # fmt: skip
def test_what_kserve_cannot_read_is_the_configmaps_whether_it_was_seen_or_not(section: str, message: str) -> None:
    blind = hm.only_error(hm.running(refused(message)))
    assert (blind["code"], blind["object"]["kind"], affected(blind)) == ("KS139", "ConfigMap", ["iris"])
    assert f"section {section} " in blind["cause"]
    seeing = hm.only_error(cluster(refused(message), configuration(**{section: "{"})))
    assert (seeing["code"], affected(seeing)) == ("KS139", ["iris"])
    assert "not JSON" in seeing["cause"]


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        (DENIED + 'ClusterStorageContainer "team-store" not found', "KS040", ("team-store", "not found")),
        (DENIED + 'ClusterStorageContainer "team-store" is disabled', "KS040", ("team-store", "disabled")),
        (DENIED + 'ClusterStorageContainer "team-store" does not support storageUri "s3://bucket/iris"', "KS040",
         ("team-store", "does not support")),
        (DENIED + "invalid json encountered in key minio of storage secret storage-config: invalid character 'a' looking for "
         "beginning of value", "KS042", ("minio", "storage-config")),
        (DENIED + "storage type must be one of [s3, hdfs, webhdfs]. storage type [gs4] is not supported", "KS042", ("gs4",)),
        (DENIED + "format [s3] requires a bucket but one wasn't found in storage data or parameters", "KS042", ("bucket",)),
        (DENIED + "Invalid configuration: cannot find container: kserve-container", "KS021", ("cannot find container",)),
        ('admission webhook "policy.example.org" denied the request: no', "KS105", ("policy.example.org",)),
    ],
)  # fmt: skip
def test_kserves_own_refusals_are_no_policy(message: str, code: str, words: tuple[str, ...]) -> None:
    finding = hm.only_error(hm.running(refused(message)))
    assert finding["code"] == code
    assert all(word in finding["cause"] for word in words)


def test_a_controller_that_ends_over_its_configuration_is_the_configurations_fault() -> None:
    state = {"name": "manager", "ready": False, **hm.ended(1)}
    data = cluster(
        configuration(ingress="{"),
        controller(availableReplicas=0),
        manager(containerStatuses=[state]),
        hm.service(status={"conditions": []}),
    )
    finding = hm.only_error(data)
    assert finding["code"] == "KS139"
    assert any(item["object"]["name"] == "kserve-controller-manager" for item in finding["consequences"])


def test_a_controller_that_is_scaled_away_is_a_fault_of_its_own() -> None:
    data = cluster(configuration(ingress="{"), controller(spec={"replicas": 0}, availableReplicas=0))
    codes = {item["code"] for item in hm.diagnosed(data)["findings"] if item["severity"] == "error"}
    assert codes == {"KS020", "KS139"}


# -- the controller ---------------------------------------------------------------------------------------------------


def test_a_controller_that_waits_for_its_certificate_says_so() -> None:
    pod = manager(
        phase="Pending", containerStatuses=[{"name": "manager", "ready": False, **hm.waiting("ContainerCreating")}]
    )
    message = 'MountVolume.SetUp failed for volume "cert" : secret "kserve-webhook-server-cert" not found'
    finding = hm.only_error(cluster(controller(availableReplicas=0), pod, hm.event(pod, "FailedMount", message)))
    assert finding["code"] == "KS020"
    assert "kserve-webhook-server-cert" in finding["cause"]


def unfinished() -> dict[str, Any]:
    condition = {"type": "Ready", "status": "Unknown", "lastTransitionTime": hm.EARLIER}
    return hm.service(status={"conditions": [condition]})


def test_ready_pods_of_a_service_that_is_not_called_ready_are_a_finding() -> None:
    (finding,) = hm.diagnosed(cluster(unfinished(), hm.pod(ready=True)))["findings"]
    assert (finding["code"], finding["severity"]) == ("KS146", "warning")
    assert "-n kserve logs" in finding["remedy"]["command"]


def log(*records: dict[str, Any]) -> list[dict[str, Any]]:
    text = "\n".join(json.dumps(item) for item in records)
    return [{"namespace": KSERVE, "pod": "kserve-controller-manager-1", "container": "manager", "previous": False,
             "head": text, "tail": "", "truncated": False}]  # fmt: skip


def record(error: str, name: str = "iris", **more: Any) -> dict[str, Any]:
    about = {"name": name, "namespace": hm.NS}
    return {
        "level": "error",
        "ts": hm.JUST_NOW,
        "msg": "Reconciler error",
        "InferenceService": about,
        **about,
        "error": error,
        **more,
    }


@pytest.mark.parametrize("service", [unfinished(), hm.service(status={"conditions": []})], ids=["unfinished", "new"])
def test_the_controllers_log_tells_why_it_does_not_go_on(service: dict[str, Any]) -> None:
    objects = [unfinished(), hm.pod(ready=True)] if service["status"]["conditions"] else [service]
    data = cluster(*objects, manager(), logs=log(record("disk of another", "other"), record("the gateway is gone")))
    if not service["status"]["conditions"]:
        data["objects"][snapshot.DEPLOYMENTS] = [controller()]
    finding = hm.only_error(data)
    assert finding["code"] == ("KS146" if service["status"]["conditions"] else "KS140")
    assert "the gateway is gone" in finding["cause"]


def test_a_record_without_a_namespace_may_be_about_another_service_of_the_name() -> None:
    entry = {"level": "error", "ts": hm.JUST_NOW, "msg": "Failed to reconcile", "Name": "iris", "error": "who knows"}
    data = cluster(unfinished(), hm.pod(ready=True), manager(), logs=log(entry))
    assert [item["severity"] for item in hm.diagnosed(data)["findings"]] == ["warning"]


def test_an_old_record_of_the_controller_proves_nothing() -> None:
    data = cluster(unfinished(), hm.pod(ready=True), manager(), logs=log(record("long ago", ts=hm.EARLIER)))
    assert [item["severity"] for item in hm.diagnosed(data)["findings"]] == ["warning"]


def test_of_a_log_the_newest_records_about_waiting_services_are_kept() -> None:
    lines = [json.dumps(record(f"try {number}", stacktrace="x" * 500)) for number in range(5)]
    lines += ['not JSON with "error"', json.dumps(record("other", "other"))]
    kept = control_plane.records_about("\n".join(lines), [(hm.NS, "iris")], 2)
    assert [json.loads(line)["error"] for line in kept] == ["try 3", "try 4"]
    assert "stacktrace" not in kept[0]
