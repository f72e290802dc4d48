# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every attribute of a runtime, seen where it arrives: in the Deployment that KServe makes of a service that uses it.

No pod has to run for that: the services ask for a node that there is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds

from tests.integration.serving_runtime.support import run

RUNTIME = Resource(*kinds.SERVING_RUNTIME)
SERVICE = Resource(*kinds.INFERENCE_SERVICE)
NOWHERE = {"modelserving.test/node": "none"}
AFFINITY = {
    "podAntiAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": 1,
                "podAffinityTerm": {
                    "topologyKey": "kubernetes.io/hostname",
                    "labelSelector": {"matchLabels": {"a": "b"}},
                },
            }
        ]
    }
}
TOLERATION = {"key": "modelserving.test/taint", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}

# Both spellings, as tasks mix them.
OPTIONS: dict[str, Any] = {
    "name": "everything",
    "multiModel": False,
    "disabled": False,
    "supportedModelFormats": [{"name": "anything", "version": 1}],
    "protocol_versions": ["v2"],
    "containers": [
        {
            "name": "kserve-container",
            "image": "localhost/modelserving/none:1",
            "imagePullPolicy": "Never",
            "command": ["serve"],
            "args": ["--model_name={{.Name}}", "--namespace={{.Namespace}}", "--label={{.Labels.team}}"],
            "workingDir": "/srv",
            "env": [{"name": "MODEL", "value": "{{.Name}}"}, {"name": "PLAIN", "value": "1"}],
            "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "64Mi"}},
            "livenessProbe": {"httpGet": {"path": "/live", "port": 8080}, "periodSeconds": 7},
            "readinessProbe": {"exec": {"command": ["true"]}, "initialDelaySeconds": 3},
            "volume_mounts": [{"name": "scratch", "mountPath": "/scratch"}],
            "ports": [{"containerPort": 8080, "name": "http1"}],
            "security_context": {"runAsNonRoot": True},
        },
        {"name": "helper", "image": "localhost/modelserving/none:2"},
    ],
    "volumes": [{"name": "scratch", "emptyDir": {}}],
    "nodeSelector": NOWHERE,
    "affinity": AFFINITY,
    "tolerations": [TOLERATION],
    "labels": {"from": "runtime"},
    "annotations": {"modelserving.test/from": "runtime"},
    "image_pull_secrets": [{"name": "registry"}],
    "scheduler_name": "nobody",
    "host_ipc": True,
    "storageHelper": {"disabled": True},
    "grpcEndpoint": "port:8085",
    "replicas": 3,
}


def service(name: str, **model: Any) -> dict[str, Any]:
    asked = {"modelFormat": {"name": "anything"}, "storageUri": "pvc://models/x", **model}
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.kind,
        "metadata": {
            "name": name,
            "labels": {"team": "blue"},
            "annotations": {kinds.ANNOTATION_AUTOSCALER_CLASS: "none"},
        },
        "spec": {"predictor": {"model": asked}},
    }


@pytest.fixture(scope="module")
def namespace_of_all(client: Client, make_namespace: Callable[..., str], kubeconfig: str) -> str:
    """A namespace with the runtime `everything` and copies of it that are disabled or for ModelMesh."""
    namespace = make_namespace("attributes")
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    client.create(resources.PERSISTENTVOLUMECLAIM, claim, namespace)
    entries = [
        OPTIONS,
        {**OPTIONS, "name": "disabled", "disabled": True},
        {
            **OPTIONS,
            "name": "mesh",
            "multiModel": True,
            "supportedModelFormats": [{"name": f"mesh-{namespace}", "autoSelect": True}],
        },
    ]
    done = run(kubeconfig, {"runtimes": entries}, namespace=namespace)
    assert done.failure is None
    for one in (
        service("plain", runtime="everything", args=["--of=the-service"]),
        service("off", runtime="disabled"),
        service("lost", modelFormat={"name": f"mesh-{namespace}"}),
    ):
        client.create(SERVICE, one, namespace)
    return namespace


@pytest.fixture(scope="module")
def template(client: Client, namespace_of_all: str, eventually: Callable[..., Any]) -> dict[str, Any]:
    """The pod template of the service `plain`."""
    found: dict[str, Any] = eventually(
        lambda: client.get(resources.DEPLOYMENT, "plain-predictor", namespace_of_all), timeout=60
    )
    pod: dict[str, Any] = found["spec"]["template"]
    return pod


@pytest.fixture(scope="module")
def container(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in template["spec"]["containers"] if one["name"] == "kserve-container")
    return found


@pytest.mark.parametrize(
    ("attribute", "wanted"),
    [
        ("image", "localhost/modelserving/none:1"),
        ("imagePullPolicy", "Never"),
        ("command", ["serve"]),
        # the runtime's arguments, filled in, and then the service's
        ("args", ["--model_name=plain", "--namespace={namespace}", "--label=blue", "--of=the-service"]),
        ("workingDir", "/srv"),
        ("securityContext", {"runAsNonRoot": True}),
    ],
)
def test_containers(container: dict[str, Any], namespace_of_all: str, attribute: str, wanted: Any) -> None:
    found = container[attribute]
    if attribute == "args":
        wanted = [text.format(namespace=namespace_of_all) for text in wanted]
    assert found == wanted


def test_containers_resources(container: dict[str, Any]) -> None:
    assert container["resources"]["requests"]["cpu"] == "10m"
    assert container["resources"]["limits"]["memory"] == "64Mi"


def test_containers_env(container: dict[str, Any]) -> None:
    found = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert (found["MODEL"], found["PLAIN"]) == ("plain", "1")


@pytest.mark.parametrize(
    ("attribute", "wanted"),
    [
        ("livenessProbe", {"httpGet": {"path": "/live", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 7}),
        ("readinessProbe", {"exec": {"command": ["true"]}, "initialDelaySeconds": 3}),
    ],
)
def test_containers_probes(container: dict[str, Any], attribute: str, wanted: dict[str, Any]) -> None:
    assert wanted.items() <= container[attribute].items()


def test_containers_all_of_them(template: dict[str, Any]) -> None:
    assert {one["name"] for one in template["spec"]["containers"]} == {"kserve-container", "helper"}


@pytest.mark.parametrize(
    ("attribute", "wanted"),
    [
        ("nodeSelector", NOWHERE),
        ("affinity", AFFINITY),
        ("tolerations", [TOLERATION]),
        ("schedulerName", "nobody"),
        ("imagePullSecrets", [{"name": "registry"}]),
    ],
)
def test_pod(template: dict[str, Any], attribute: str, wanted: Any) -> None:
    assert template["spec"][attribute] == wanted


def test_pod_labels_annotations_volumes(template: dict[str, Any], container: dict[str, Any]) -> None:
    assert template["metadata"]["labels"]["from"] == "runtime"
    assert template["metadata"]["annotations"]["modelserving.test/from"] == "runtime"
    assert {"name": "scratch", "emptyDir": {}} in template["spec"]["volumes"]
    assert {"name": "scratch", "mountPath": "/scratch"} in container["volumeMounts"]


def test_what_does_nothing_here(
    client: Client, namespace_of_all: str, template: dict[str, Any], eventually: Callable[..., Any]
) -> None:
    """hostIPC is lost on the way, ModelMesh's replicas and endpoints count for nothing, and so does storageHelper."""
    found = client.get(resources.DEPLOYMENT, "plain-predictor", namespace_of_all) or {}
    assert found["spec"]["replicas"] == 1
    assert "hostIPC" not in template["spec"]
    mine = "serving.kserve.io/inferenceservice=plain"
    (pod,) = eventually(lambda: client.list(resources.POD, namespace_of_all, label_selector=mine), timeout=60)
    claims = [one["persistentVolumeClaim"] for one in pod["spec"]["volumes"] if "persistentVolumeClaim" in one]
    assert [claim["claimName"] for claim in claims] == ["models"]
    stored = client.get(RUNTIME, "everything", namespace_of_all) or {}
    assert (stored["spec"]["storageHelper"], stored["spec"]["grpcEndpoint"]) == ({"disabled": True}, "port:8085")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        # disabled: true
        ("off", "RuntimeDisabled"),
        # multiModel: true: never chosen, although its format fits and autoSelect is on
        ("lost", "NoSupportingRuntime"),
    ],
)
def test_taken_out_of_use(
    client: Client, namespace_of_all: str, eventually: Callable[..., Any], name: str, reason: str
) -> None:
    def failure() -> str | None:
        found = client.get(SERVICE, name, namespace_of_all) or {}
        answer: str | None = found.get("status", {}).get("modelStatus", {}).get("lastFailureInfo", {}).get("reason")
        return answer

    assert eventually(failure, timeout=60) == reason


def test_the_webhooks_rules_on_priorities(kubeconfig: str, namespace_of_all: str) -> None:
    """Versions of one format must agree, and two runtimes must not have the same priority; said before the write."""
    own = f"shared-{namespace_of_all}"

    def entry(name: str, *formats: tuple[str, int]) -> dict[str, Any]:
        listed = [{"name": own, "version": version, "autoSelect": True, "priority": rank} for version, rank in formats]
        return {**OPTIONS, "name": name, "supportedModelFormats": listed}

    assert run(kubeconfig, {"runtimes": [entry("first", ("0", 2), ("1", 2))]}, namespace=namespace_of_all).actions == [
        "create"
    ]
    differing = run(kubeconfig, {"runtimes": [entry("second", ("0", 3), ("1", 4))]}, namespace=namespace_of_all)
    assert f"different priorities assigned for the model format {own}" in str(differing.failure)
    equal = run(kubeconfig, {"runtimes": [entry("second", ("1", 2))]}, namespace=namespace_of_all)
    assert f"same priority assigned for the model format {own}" in str(equal.failure)
    assert run(kubeconfig, {"runtimes": [entry("second", ("1", 3))]}, namespace=namespace_of_all).actions == ["create"]
