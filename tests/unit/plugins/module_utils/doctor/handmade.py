# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots built by hand, for what the lab cannot make: other vendors' messages, OpenShift, registries, GPUs."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import diagnose, snapshot

NOW = "2026-01-31T12:00:00Z"
EARLIER = "2026-01-31T11:30:00Z"
JUST_NOW = "2026-01-31T11:59:50Z"
NS = "models"
Object = dict[str, Any]


def runtime(name: str = "rt", **spec: Any) -> Object:
    container = {
        "name": "kserve-container",
        "image": "registry.example.org/server:1",
        "ports": [{"containerPort": 8080}],
        **spec.pop("container", {}),
    }
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"namespace": NS, "name": name, **spec.pop("metadata", {})},
        "spec": {
            "supportedModelFormats": [{"name": "sklearn", "version": "1", "autoSelect": True}],
            "protocolVersions": ["v2"],
            "containers": [container],
            **spec,
        },
    }


def service(name: str = "iris", *, ready: bool = False, model: Object | None = None, **more: Any) -> Object:
    predictor = {
        "model": {
            "modelFormat": {"name": "sklearn"},
            "runtime": "rt",
            "storageUri": "s3://bucket/iris",
            **(model or {}),
        },
        **more.pop("predictor", {}),
    }
    condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": EARLIER}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"namespace": NS, "name": name, "creationTimestamp": EARLIER, **more.pop("metadata", {})},
        "spec": {"predictor": predictor},
        "status": {"conditions": [condition, {**condition, "type": "PredictorReady"}], **more.pop("status", {})},
    }


def labels(name: str = "iris") -> Object:
    return {"serving.kserve.io/inferenceservice": name, "component": "predictor"}


def deployment(name: str = "iris", **more: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "namespace": NS,
            "name": f"{name}-predictor",
            "labels": labels(name),
            "annotations": {"deployment.kubernetes.io/revision": "1"},
        },
        "spec": {"replicas": 1, **more.pop("spec", {})},
        "status": more.pop("status", {}),
    }


def replicaset(name: str = "iris", revision: str = "1", **status: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "namespace": NS,
            "name": f"{name}-predictor-{revision}",
            "labels": labels(name),
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "creationTimestamp": EARLIER,
            "ownerReferences": [{"kind": "Deployment", "name": f"{name}-predictor"}],
        },
        "status": status,
    }


def pod(name: str = "iris", *, suffix: str = "a", revision: str = "1", ready: bool = False, **more: Any) -> Object:
    container = {
        "name": "kserve-container",
        "image": "registry.example.org/server:1",
        "ports": [{"containerPort": 8080}],
        **more.pop("container", {}),
    }
    state = {"name": "kserve-container", "ready": ready, "restartCount": 0, **more.pop("state", {})}
    if ready:
        state = {"started": True, "state": {"running": {"startedAt": EARLIER}}, **state}
    conditions = [
        {"type": "PodScheduled", "status": "True"},
        {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": EARLIER},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": NS,
            "name": f"{name}-predictor-{revision}-{suffix}",
            "uid": f"{name}-{revision}-{suffix}",
            "labels": labels(name),
            "creationTimestamp": EARLIER,
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"{name}-predictor-{revision}"}],
            **more.pop("metadata", {}),
        },
        "spec": {"nodeName": "node-1", "containers": [container], **more.pop("spec", {})},
        "status": {
            "phase": "Running" if ready else "Pending",
            "conditions": conditions,
            "containerStatuses": [state],
            **more.pop("status", {}),
        },
    }


def node(name: str = "node-1", **more: Any) -> Object:
    amounts = {"cpu": "8", "memory": "32Gi", "pods": "110", **more.pop("amounts", {})}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **more.pop("labels", {})}},
        "spec": more.pop("spec", {}),
        "status": {
            "allocatable": amounts,
            "capacity": amounts,
            "nodeInfo": {"architecture": "amd64"},
            "conditions": more.pop("conditions", [{"type": "Ready", "status": "True"}]),
        },
    }


def event(obj: Object, reason: str, message: str, time: str = JUST_NOW, **more: Any) -> Object:
    metadata = obj["metadata"]
    about = {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "namespace": metadata.get("namespace"),
        "name": metadata["name"],
        "uid": metadata.get("uid"),
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": metadata.get("namespace"), "name": f"{metadata['name']}.{reason}"},
        "involvedObject": {key: value for key, value in about.items() if value},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": time,
        **more,
    }


def network(name: str = "iris") -> list[Object]:
    """The predictor's Service and its EndpointSlice."""
    where = {"namespace": NS, "name": f"{name}-predictor"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**where, "labels": labels(name)},
            "spec": {"selector": {}},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**where, "labels": {**labels(name), "kubernetes.io/service-name": f"{name}-predictor"}},
            "endpoints": [{"addresses": ["10.0.0.9"], "conditions": {"ready": True}}],
        },
    ]


def waiting(reason: str, message: str = "") -> Object:
    return {"state": {"waiting": {"reason": reason, "message": message}}}


def ended(code: int, reason: str = "Error", restarts: int = 3, **more: Any) -> Object:
    """A container in a crash loop."""
    return {
        "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"}},
        "lastState": {"terminated": {"exitCode": code, "reason": reason, "finishedAt": JUST_NOW, **more}},
    }


def log(of: Object, text: str, container: str = "kserve-container", previous: bool = True) -> Object:
    return {
        "namespace": NS,
        "pod": of["metadata"]["name"],
        "container": container,
        "previous": previous,
        "head": text,
        "tail": "",
        "truncated": False,
    }


KEYS = {
    "Deployment": snapshot.DEPLOYMENTS,
    "Event": snapshot.EVENTS,
    "InferenceService": snapshot.INFERENCESERVICES,
    "LimitRange": snapshot.LIMITRANGES,
    "Node": snapshot.NODES,
    "PersistentVolume": snapshot.PVS,
    "PersistentVolumeClaim": snapshot.PVCS,
    "Pod": snapshot.PODS,
    "ReplicaSet": snapshot.REPLICASETS,
    "Service": snapshot.SERVICES,
    "EndpointSlice": snapshot.ENDPOINTSLICES,
    "ServingRuntime": snapshot.SERVINGRUNTIMES,
    "ClusterServingRuntime": snapshot.CLUSTERSERVINGRUNTIMES,
    "HorizontalPodAutoscaler": snapshot.HPAS,
    "NetworkPolicy": snapshot.NETWORKPOLICIES,
    "Template": snapshot.TEMPLATES,
    "OdhDashboardConfig": snapshot.DASHBOARDCONFIGS,
    "Route": snapshot.ROUTES,
    "MutatingWebhookConfiguration": snapshot.MUTATING_WEBHOOKS,
    "ValidatingWebhookConfiguration": snapshot.VALIDATING_WEBHOOKS,
    "Namespace": snapshot.NAMESPACES,
    "ConfigMap": snapshot.CONFIGMAPS,
    "ScaledObject": snapshot.SCALEDOBJECTS,
}


def taken(*objects: Object, **more: Any) -> Object:
    """A snapshot of these objects; kinds that no object has were seen, and are empty."""
    data = snapshot.empty(NOW)
    data["kserve_version"] = "0.20.0"
    data["apis"] = {
        "serving.kserve.io/v1beta1": ["inferenceservices"],
        "serving.kserve.io/v1alpha1": ["servingruntimes", "clusterservingruntimes"],
    }
    data["objects"] = {key: [] for key in KEYS.values()}
    for obj in objects:
        data["objects"][KEYS[obj["kind"]]].append(copy.deepcopy(obj))
    data.update(more)
    return data


def running(*objects: Object, **more: Any) -> Object:
    """A snapshot of the usual runtime, service, Deployment and ReplicaSet, and what a test adds."""
    kinds = {obj["kind"] for obj in objects}
    usual = [
        item
        for item in (runtime(), service(), deployment(), replicaset(), node(), *network())
        if item["kind"] not in kinds
    ]
    return taken(*usual, *objects, **more)


def diagnosed(data: Object, **options: Any) -> Object:
    return diagnose.diagnose(data, **options)


def only_error(data: Object, **options: Any) -> Object:
    """The one error of a snapshot."""
    errors = [item for item in diagnosed(data, **options)["findings"] if item["severity"] == "error"]
    assert len(errors) == 1, [(item["code"], item["cause"]) for item in errors]
    return dict(errors[0])
