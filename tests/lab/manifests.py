# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manifests that the cases are made of."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

RUNTIME_API = "serving.kserve.io/v1alpha1"
SERVICE_API = "serving.kserve.io/v1beta1"
NODE_MODELS = "/models"
CLAIM = "models"

Object = dict[str, Any]

SMALL = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}


def metadata(name: str, namespace: str | None = None, **more: Any) -> Object:
    return {"name": name, **({"namespace": namespace} if namespace else {}), **more}


def runtime(namespace: str, name: str, container: Mapping[str, Any], **spec: Any) -> Object:
    """A ServingRuntime for a format of its own, so that no case gets another's runtime."""
    return {
        "apiVersion": RUNTIME_API,
        "kind": "ServingRuntime",
        "metadata": metadata(name, namespace, annotations=spec.pop("annotations", {})),
        "spec": {
            "supportedModelFormats": spec.pop("formats", [{"name": "sklearn", "version": "1", "autoSelect": False}]),
            "protocolVersions": spec.pop("protocols", ["v2"]),
            "annotations": spec.pop("pod_annotations", {}),
            "containers": [dict(container), *spec.pop("sidecars", [])],
            **spec,
        },
    }


def mlserver(image: str, /, **more: Any) -> Object:
    """MLServer as its preset runs it, only smaller."""
    env = {
        "MLSERVER_HTTP_PORT": "8080",
        "MLSERVER_GRPC_PORT": "9000",
        "MLSERVER_METRICS_PORT": "8082",
        "MLSERVER_MODELS_DIR": "/mnt/models",
        "MLSERVER_MODEL_NAME": "{{.Name}}",
        "MLSERVER_MODEL_URI": "/mnt/models",
        "MLSERVER_MODEL_IMPLEMENTATION": "mlserver_sklearn.SKLearnModel",
        "MLSERVER_ENVIRONMENTS_DIR": "/tmp/envs",
        "MLSERVER_METRICS_DIR": "/tmp/metrics",
        "MLSERVER_PARALLEL_WORKERS": "0",
        **more.pop("env", {}),
    }
    container = {
        "name": "kserve-container",
        "image": image,
        "env": [{"name": key, "value": value} for key, value in env.items() if value is not None],
        "resources": copy.deepcopy(SMALL),
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "readinessProbe": http("/v2/health/ready"),
        "startupProbe": {**http("/v2/health/ready"), "periodSeconds": 5, "failureThreshold": 60},
    }
    container["env"] += more.pop("extra_env", [])
    container.update(more)
    return {key: value for key, value in container.items() if value is not None}


def triton(image: str, /, *args: str, **more: Any) -> Object:
    """Triton as its preset runs it, only smaller."""
    container = {
        "name": "kserve-container",
        "image": image,
        "args": [
            "tritonserver",
            "--model-store=/mnt/models",
            "--http-port=8080",
            "--grpc-port=9000",
            "--metrics-port=8002",
            "--allow-http=true",
            "--allow-grpc=true",
            *args,
        ],
        "resources": copy.deepcopy(SMALL),
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "readinessProbe": http("/v2/health/ready"),
        "startupProbe": {**http("/v2/health/ready"), "periodSeconds": 5, "failureThreshold": 60},
    }
    container.update(more)
    return {key: value for key, value in container.items() if value is not None}


def program(image: str, code: str, /, **more: Any) -> Object:
    """A container that runs a few lines of Python: what a broken server does, without the server's start-up time."""
    container = {
        "name": "kserve-container",
        "image": image,
        "command": ["python3", "-u", "-c", code],
        "resources": copy.deepcopy(SMALL),
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
    }
    container.update(more)
    return {key: value for key, value in container.items() if value is not None}


def http(path: str, port: int = 8080, **more: Any) -> Object:
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": 5, **more}


def service(namespace: str, name: str, runtime_name: str | None, **more: Any) -> Object:
    """An InferenceService; ``model`` adds to spec.predictor.model, ``predictor`` to spec.predictor."""
    model: Object = {"modelFormat": {"name": "sklearn"}, "storageUri": f"pvc://{CLAIM}/iris"}
    if runtime_name:
        model["runtime"] = runtime_name
    model.update(more.pop("model", {}))
    predictor = {"model": model, "minReplicas": 1, **more.pop("predictor", {})}
    annotations = {"serving.kserve.io/autoscalerClass": "none", **more.pop("annotations", {})}
    return {
        "apiVersion": SERVICE_API,
        "kind": "InferenceService",
        "metadata": metadata(name, namespace, annotations=annotations, labels=more.pop("labels", {})),
        "spec": {"predictor": predictor},
    }


def custom(namespace: str, name: str, container: Mapping[str, Any], **predictor: Any) -> Object:
    """An InferenceService with a container of its own and no runtime."""
    made = service(namespace, name, None)
    made["spec"]["predictor"] = {"minReplicas": 1, "containers": [dict(container)], **predictor}
    return made


def store(namespace: str, claim: str = CLAIM, path: str = NODE_MODELS, kind: str | None = None) -> list[Object]:
    """A volume on the node's model folder and a claim that is bound to it."""
    volume = f"{namespace}-{claim}"
    source = {"path": path, **({"type": kind} if kind else {})}
    shared = {"storageClassName": "", "accessModes": ["ReadOnlyMany"]}
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": metadata(volume),
            "spec": {
                **shared,
                "capacity": {"storage": "1Gi"},
                "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": source,
                "claimRef": {"namespace": namespace, "name": claim},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata(claim, namespace),
            "spec": {**shared, "volumeName": volume, "resources": {"requests": {"storage": "1Gi"}}},
        },
    ]


def namespace(name: str, **labels: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": metadata(name, labels={"modelserving-lab": "true", **labels}),
    }
