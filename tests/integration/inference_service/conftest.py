# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace with both runtimes and a store that holds the demo's models, and a way to run tasks in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config, resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import inference_services as subject

from tests.demo import models
from tests.integration.serving_runtime import support

Object = dict[str, Any]

# Several pods share two cores here, so they ask for little.
LITTLE = {"requests": {"cpu": "50m", "memory": "200Mi"}, "limits": {"cpu": "2", "memory": "2Gi"}}
SECURITY = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
PROBE = {"httpGet": {"path": "/v2/health/ready", "port": 8080}, "periodSeconds": 2, "failureThreshold": 60}

PARAMS: Object = {
    "wait": False,
    "wait_timeout": 180.0,
    "force_conflicts": False,
    "kserve_version": None,
    "webhook_timeout": 30.0,
    "workers": 8,
}


@dataclass
class Ran:
    """What a task did in this process."""

    result: subject.Result
    requests: int

    @property
    def items(self) -> list[Object]:
        return list(self.result.plain()["results"])

    @property
    def actions(self) -> list[str]:
        return [item["action"] for item in self.items]

    @property
    def failure(self) -> str | None:
        return self.result.failure()


Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def run(kubeconfig: str) -> Run:
    """``run({module options}, check=False)``."""

    def go(given: Object, *, check: bool = False, **params: Any) -> Ran:
        client = Client(config.load({"kubeconfig": kubeconfig}), timeout=60)
        named = {key: value for key, value in given.items() if key in PARAMS}
        task = subject.task_of({**PARAMS, **named, **params}, given, check_mode=check)
        result = subject.Result()
        subject.run(client, task, result)
        return Ran(result, client.requests)

    return go


@pytest.fixture(scope="module")
def space(client: Client, cluster: Object, kubeconfig: str, make_namespace: Callable[..., str]) -> Iterator[str]:
    """A namespace in which models can be served."""
    namespace = make_namespace("service")
    store = Path(cluster["models_dir"]) / "demo"
    for name in models.WRITERS:
        models.provide(store, name)
    volume = f"{namespace}-models"
    _create_store(client, namespace, volume)
    done = support.run(kubeconfig, {"runtimes": _runtimes(cluster["images"])}, namespace=namespace, webhook_timeout=60)
    assert done.failure is None
    yield namespace
    client.delete(resources.PERSISTENTVOLUME, volume)


def _create_store(client: Client, namespace: str, volume: str) -> None:
    claim = {"accessModes": ["ReadOnlyMany"], "storageClassName": "", "volumeName": volume}
    client.create(
        resources.PERSISTENTVOLUME,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadOnlyMany"],
                "storageClassName": "",
                "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": "/models/demo"},
                "claimRef": {"namespace": namespace, "name": "models"},
            },
        },
    )
    client.create(
        resources.PERSISTENTVOLUMECLAIM,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "models"},
            "spec": {**claim, "resources": {"requests": {"storage": "1Gi"}}},
        },
        namespace,
    )


def _runtimes(images: dict[str, str]) -> list[Object]:
    def container(server: str) -> Object:
        return {
            "name": "kserve-container",
            "image": images[server],
            "imagePullPolicy": "IfNotPresent",
            "resources": LITTLE,
            "securityContext": SECURITY,
            "startupProbe": PROBE,
            "readinessProbe": PROBE,
        }

    return [
        {"preset": "triton", "containers": [container("triton")]},
        # the only one that KServe may choose by itself, for the tests of choosing
        {"preset": "mlserver", "auto_select": True, "containers": [container("mlserver")]},
    ]


def iris(**more: Any) -> Object:
    """The options of a service that MLServer serves."""
    return {
        "name": "iris",
        "format": "sklearn",
        "version": "1",
        "protocol": "v2",
        "storage_uri": "pvc://models/iris",
        "runtime": "seldon-mlserver-runtime",
        "labels": {"modelClass": "mlserver_sklearn.SKLearnModel"},
        "annotations": {"serving.kserve.io/autoscalerClass": "none"},
        **more,
    }
