# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What checks.py says Kubernetes refuses in the pods of a runtime, against the API server that refuses it.

Each container goes to the API server as that of a pod, as a dry run, and to the checks as that of a runtime; and so do
labels, annotations, node selectors and volumes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import checks, kinds

FIELD = {"fieldRef": {"fieldPath": "metadata.name"}}

REFUSED: dict[str, dict[str, Any]] = {
    "a port's name of 16 characters": {"ports": [{"containerPort": 1, "name": "a" * 16}]},
    "a port's name with a capital": {"ports": [{"containerPort": 1, "name": "Http"}]},
    "a port's name without a letter": {"ports": [{"containerPort": 1, "name": "8080"}]},
    "a port's name with --": {"ports": [{"containerPort": 1, "name": "a--b"}]},
    "a port's name that ends with -": {"ports": [{"containerPort": 1, "name": "a-"}]},
    "a name with _": {"name": "Side_Car"},
    "a name with a dot": {"name": "a.b"},
    "a name of 64 characters": {"name": "a" * 64},
    "memory above its limit": {"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "2G"}}},
    "cpu above its limit": {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1900m"}}},
    "a value and a valueFrom": {"env": [{"name": "A", "value": "1", "valueFrom": FIELD}]},
    "two handlers": {"readinessProbe": {"httpGet": {"port": 1}, "exec": {"command": ["true"]}}},
    "two handlers at the start": {"startupProbe": {"tcpSocket": {"port": 1}, "grpc": {"port": 1}}},
    "no image": {"image": ""},
    "fewer devices than the limit": {"resources": {"requests": {"amd.com/gpu": 1}, "limits": {"amd.com/gpu": 2}}},
    "more devices than the limit": {"resources": {"requests": {"amd.com/gpu": 2}, "limits": {"amd.com/gpu": 1}}},
    "devices without a limit": {"resources": {"requests": {"nvidia.com/gpu": 1}}},
    "half a device": {"resources": {"limits": {"nvidia.com/gpu": "0.5"}}},
    "a device and a bit": {"resources": {"limits": {"nvidia.com/gpu": "1.0000001"}}},
    "fewer huge pages than the limit": {
        "resources": {"requests": {"cpu": 1, "hugepages-2Mi": "2Mi"}, "limits": {"hugepages-2Mi": "4Mi"}}
    },
    "less than nothing": {"resources": {"limits": {"cpu": "-1"}}},
    "a device without its domain": {"resources": {"limits": {"gpu": 1}}},
    "a device's name with a space": {"resources": {"limits": {"nvidia.com/g pu": 1}}},
    "a device's name of a quota": {"resources": {"limits": {"requests.nvidia.com/gpu": 1}}},
    "a device's name that is too long for a quota's": {"resources": {"limits": {f"{'a.' * 123}aa/gpu": 1}}},
    "storage": {"resources": {"limits": {"storage": "1Gi"}}},
}

TAKEN: dict[str, dict[str, Any]] = {
    "nothing special": {},
    "a port's name of 15 characters": {"ports": [{"containerPort": 1, "name": "a" * 15}]},
    "a port's name that begins with a digit": {"ports": [{"containerPort": 1, "name": "2-a"}]},
    "a name of 63 characters": {"name": "a" * 63},
    "memory at its limit": {"resources": {"requests": {"memory": "1024Mi"}, "limits": {"memory": "1Gi"}}},
    "cpu at its limit": {"resources": {"requests": {"cpu": "1000m"}, "limits": {"cpu": "1"}}},
    "an empty value and a valueFrom": {"env": [{"name": "A", "value": "", "valueFrom": FIELD}]},
    "a variable without a value": {"env": [{"name": "A"}]},
    "devices by their limit alone": {"resources": {"limits": {"nvidia.com/gpu": 2}}},
    "as many devices as the limit": {"resources": {"requests": {"amd.com/gpu": "1000m"}, "limits": {"amd.com/gpu": 1}}},
    "no devices": {"resources": {"limits": {"nvidia.com/gpu": 0}}},
    "huge pages": {"resources": {"limits": {"cpu": 1, "hugepages-2Mi": "4Mi"}}},
    "a device of Kubernetes' own domain": {"resources": {"requests": {"kubernetes.io/gpu": "0.5"}}},
    "half a core": {"resources": {"requests": {"cpu": "0.5"}}},
}

EMPTY: dict[str, Any] = {"emptyDir": {}}

# parts of a pod, by the names that a runtime has for them
PODS_REFUSED: dict[str, dict[str, Any]] = {
    "a label's value with a space": {"labels": {"team": "my team!"}},
    "a label's value of 64 characters": {"labels": {"team": "a" * 64}},
    "a label's key with a space": {"labels": {"my team": "a"}},
    "a label's key with two slashes": {"labels": {"a/b/c": "a"}},
    "an annotation's key with a space": {"annotations": {"my team": "a"}},
    "a selector's key with a space": {"nodeSelector": {"a b": "c"}},
    "a selector's value with a space": {"nodeSelector": {"a": "b c"}},
    "two volumes of one name": {"volumes": [{"name": "a", **EMPTY}, {"name": "a", **EMPTY}]},
    "a volume with two sources": {"volumes": [{"name": "a", **EMPTY, "configMap": {"name": "b"}}]},
    "a volume's name with a capital": {"volumes": [{"name": "A", **EMPTY}]},
    "a volume's name with a dot": {"volumes": [{"name": "a.b", **EMPTY}]},
}

PODS_TAKEN: dict[str, dict[str, Any]] = {
    "labels": {"labels": {"team": "", "example.com/Team_1": "a.B"}},
    "annotations": {"annotations": {"Example.com/a": "any thing!"}},
    "a selector": {"nodeSelector": {"nvidia.com/gpu.product": "A100", "empty": ""}},
    "volumes": {"volumes": [{"name": "a", **EMPTY}, {"name": "b", "configMap": {"name": "c"}}]},
    "a volume without a source": {"volumes": [{"name": "a"}]},
}


def container(**more: Any) -> dict[str, Any]:
    return {"name": "helper", "image": "example.invalid/helper:1", **more}


@pytest.fixture(scope="module")
def refusal(
    client: Client, make_namespace: Callable[..., str], eventually: Callable[..., Any]
) -> Callable[[dict[str, Any]], str]:
    """Says how the API server refuses a pod with a container, '' where it takes it."""
    namespace = make_namespace("pods")
    eventually(lambda: client.get(resources.SERVICEACCOUNT, "default", namespace))

    def ask(wanted: dict[str, Any]) -> str:
        metadata = {"name": "a", **{key: wanted[key] for key in ("labels", "annotations") if key in wanted}}
        spec = {key: value for key, value in wanted.items() if key not in metadata}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        try:
            client.create(resources.POD, pod, namespace, dry_run=True)
        except errors.Invalid as error:
            return str(error)
        return ""

    return ask


MAIN = {"name": "kserve-container", "image": "example.invalid/server:1"}


def warnings(**parts: Any) -> list[str]:
    spec = {"containers": [MAIN], "supportedModelFormats": [{"name": "a"}], **parts}
    found = checks.check({"kind": "ServingRuntime", "metadata": {"name": "a"}, "spec": spec})
    return [problem.sentence for problem in found]


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
def test_what_is_warned_of_is_refused(refusal: Callable[..., str], fields: dict[str, Any]) -> None:
    wanted = container(**fields)
    assert refusal({"containers": [wanted]})
    (warning,) = warnings(containers=[MAIN, wanted])
    assert "refused" in warning


@pytest.mark.parametrize("fields", TAKEN.values(), ids=TAKEN)
def test_what_is_taken_is_not_warned_of(refusal: Callable[..., str], fields: dict[str, Any]) -> None:
    wanted = container(**fields)
    assert (refusal({"containers": [wanted]}), warnings(containers=[MAIN, wanted])) == ("", [])


@pytest.mark.parametrize("parts", PODS_REFUSED.values(), ids=PODS_REFUSED)
def test_pods_that_are_warned_of_are_refused(refusal: Callable[..., str], parts: dict[str, Any]) -> None:
    assert refusal({"containers": [MAIN], **parts})
    (warning,) = warnings(**parts)
    assert "refused" in warning


@pytest.mark.parametrize("parts", PODS_TAKEN.values(), ids=PODS_TAKEN)
def test_pods_that_are_taken_are_not_warned_of(refusal: Callable[..., str], parts: dict[str, Any]) -> None:
    assert (refusal({"containers": [MAIN], **parts}), warnings(**parts)) == ("", [])


def test_a_workers_devices_are_counted_by_kserve(
    client: Client, make_namespace: Callable[..., str], eventually: Callable[..., Any]
) -> None:
    """Whatever a worker asks for, KServe writes both amounts alike; so nothing is said of it."""
    namespace = make_namespace("workers")
    worker = {
        "name": "worker-container",
        "image": MAIN["image"],
        "resources": {"requests": {"nvidia.com/gpu": "0.5"}, "limits": {"nvidia.com/gpu": 1}},
    }
    spec = {
        "containers": [MAIN],
        "supportedModelFormats": [{"name": "of-workers"}],
        "workerSpec": {"containers": [worker]},
    }
    runtime = {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": "workers"},
        "spec": spec,
    }
    assert [problem.sentence for problem in checks.check(runtime)] == []
    model = {"modelFormat": {"name": "of-workers"}, "runtime": "workers", "storageUri": "pvc://none/none"}
    service = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "a", "annotations": {"serving.kserve.io/autoscalerClass": "none"}},
        "spec": {"predictor": {"model": model, "workerSpec": {}}},
    }
    client.create(resources.Resource(*kinds.SERVING_RUNTIME), runtime, namespace)
    client.create(resources.Resource(*kinds.INFERENCE_SERVICE), service, namespace)
    made = eventually(lambda: client.get(resources.DEPLOYMENT, "a-predictor-worker", namespace))
    (written,) = made["spec"]["template"]["spec"]["containers"]
    assert written["resources"]["requests"] == written["resources"]["limits"]
