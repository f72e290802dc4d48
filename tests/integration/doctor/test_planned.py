# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods that preflight judges, and those of the Deployments that KServe makes of the same runtimes and services.

A scheduler that does not exist keeps the pods from any node.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import requests
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.pool import each
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import DEPLOYMENT, Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import planned, snapshot
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import Case, Model
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import catalogue, kinds, runtime
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.quantities import canonical_quantities

Object = dict[str, Any]
RUNTIME = Resource(*kinds.SERVING_RUNTIME)
SERVICE = Resource(*kinds.INFERENCE_SERVICE)
NOBODY = {"schedulerName": "no-such-scheduler"}
GPU = {"limits": {"nvidia.com/gpu": "1"}, "requests": {"cpu": "1", "nvidia.com/gpu": "1"}}
TOLERATED = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
OTHER = [{"key": "other", "operator": "Equal", "value": "x", "effect": "NoSchedule"}]
AT_MOST = 180
SETTLE = 10
MULTI = "kserve-huggingfaceserver-multinode"


def required(*values: str) -> Object:
    expressions = [{"key": "zone", "operator": "In", "values": list(values)}]
    terms = {"nodeSelectorTerms": [{"matchExpressions": expressions}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def spread(weight: int) -> Object:
    term = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}}
    return {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": weight, "podAffinityTerm": term}]
        }
    }


def container(name: str = "kserve-container", **fields: Any) -> Object:
    return {"name": name, "image": "example.invalid/server:1", **fields}


def on_gpu(**spec: Any) -> Object:
    return {"containers": [container(resources=GPU)], **spec}


# The runtime's spec, what the service says of its model, and of its predictor beside it.
CASES: dict[str, tuple[Object, Object, Object]] = {
    "resources, nothing said": (on_gpu(), {}, {}),
    "resources, cpu said": (on_gpu(), {"resources": {"requests": {"cpu": "100m"}}}, {}),
    "resources, an empty map": (on_gpu(), {"resources": {}}, {}),
    "resources, another number": (
        on_gpu(),
        {"resources": {"limits": {"nvidia.com/gpu": "2"}, "requests": {"nvidia.com/gpu": "2"}}},
        {},
    ),
    "tolerations, none said": (on_gpu(tolerations=TOLERATED), {}, {}),
    "tolerations, others said": (on_gpu(tolerations=TOLERATED), {}, {"tolerations": OTHER}),
    "tolerations, an empty list": (on_gpu(tolerations=TOLERATED), {}, {"tolerations": []}),
    "selector": (on_gpu(nodeSelector={"a": "1", "b": ""}), {}, {"nodeSelector": {"b": "2", "c": ""}}),
    "selector, an empty map": (on_gpu(nodeSelector={"a": "1"}), {}, {"nodeSelector": {}}),
    "affinity, of another kind": (on_gpu(affinity=required("a")), {}, {"affinity": spread(1)}),
    "affinity, of the same kind": (
        on_gpu(affinity={**required("a", "b"), **spread(1)}),
        {},
        {"affinity": required("c")},
    ),
    "containers": (
        {"containers": [container("side"), container("transformer-container"), container(resources=GPU)]},
        {},
        {"containers": [container("transformer-container", resources=GPU), container("own")]},
    ),
    "init containers": (on_gpu(), {}, {"initContainers": [container("first", resources=GPU)]}),
    "priority": (on_gpu(), {}, {"priorityClassName": "no-such-class", "nodeName": "no-such-node"}),
}

# The sizes and fields of a service's workerSpec, on the preset with an accelerator.
WORKERS: dict[str, tuple[Any, Object]] = {
    "the head alone": ("nvidia", {}),
    "two nodes": ("nvidia", {"pipelineParallelSize": 2}),
    "three nodes of two devices": (
        {"vendor": "nvidia", "count": 2},
        {"pipelineParallelSize": 3, "tensorParallelSize": 2},
    ),
    "another vendor": ("amd", {"pipelineParallelSize": 2}),
    "without a word of devices": (None, {"pipelineParallelSize": 2}),
    "workers of their own": (
        {"vendor": "nvidia", "memory": "40Gi"},
        {"pipelineParallelSize": 2, "tolerations": OTHER, "nodeSelector": {"zone": "a"}},
    ),
}
NAMES = [*CASES, *WORKERS]


def name_of(case: str) -> str:
    return f"planned-{NAMES.index(case)}"


def made_runtime(case: str) -> Object:
    if case in CASES:
        spec = {"supportedModelFormats": [{"name": "planned"}], "protocolVersions": ["v2"], **CASES[case][0]}
        metadata = {"name": name_of(case)}
        return {"apiVersion": RUNTIME.api_version, "kind": RUNTIME.kind, "metadata": metadata, "spec": spec}
    options = {"supported_model_formats": [{"name": "planned"}]}
    return runtime.build(
        options,
        kind=RUNTIME.kind,
        name=name_of(case),
        preset=catalogue.preset(MULTI),
        accelerator=requests.accelerator_options(WORKERS[case][0]),
    )


def made_service(case: str) -> Object:
    model: Object = {"modelFormat": {"name": "planned"}, "runtime": name_of(case), "protocolVersion": "v2"}
    if case in CASES:
        predictor = {**NOBODY, "model": {**model, **CASES[case][1]}, **CASES[case][2]}
    else:
        worker = {**NOBODY, **WORKERS[case][1]}
        predictor = {**NOBODY, "model": {**model, "storageUri": "pvc://models"}, "workerSpec": worker}
    annotations = {kinds.ANNOTATION_DEPLOYMENT_MODE: "Standard", kinds.ANNOTATION_AUTOSCALER_CLASS: "none"}
    metadata = {"name": name_of(case), "annotations": annotations}
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.kind,
        "metadata": metadata,
        "spec": {"predictor": predictor},
    }


@pytest.fixture(scope="module")
def templates(client: Client, make_namespace: Callable[..., str]) -> dict[str, Object]:
    """The pod specs of KServe's Deployments that want any pod, by the Deployment's name without what follows it.

    KServe 0.20 deletes a Deployment of workers and makes it anew again and again: what was seen at any moment counts.
    """
    namespace = make_namespace("planned")
    for kind, make in ((RUNTIME, made_runtime), (SERVICE, made_service)):
        for result in each(lambda case, kind=kind, make=make: client.create(kind, make(case), namespace), NAMES, 4):
            assert result.error is None, result.error
    found: dict[str, Object] = {}

    def all_seen() -> bool:
        for item in client.list(DEPLOYMENT, namespace):
            if item["spec"].get("replicas") != 0:
                name = item["metadata"]["name"].replace("-predictor", "")
                found[name] = item["spec"]["template"]["spec"]
        return not {name for case in NAMES for name in predicted(case)} - found.keys()

    end = time.monotonic() + AT_MOST
    while not all_seen() and time.monotonic() < end:
        time.sleep(0.2)
    settled = time.monotonic() + SETTLE
    while time.monotonic() < settled:  # for what was not predicted
        all_seen()
        time.sleep(0.2)
    return found


def predicted(case: str) -> dict[str, Object]:
    data = snapshot.empty()
    data["objects"] = {
        snapshot.SERVINGRUNTIMES: [{**made_runtime(case), "metadata": {"name": name_of(case), "namespace": "ns"}}],
        snapshot.CLUSTERSERVINGRUNTIMES: [],
    }
    model = Model(snapshot.View(data))
    service = made_service(case)
    service["metadata"]["namespace"] = "ns"
    pods = [item.pod for item in planned.of_service(Case(model, service))]
    return {item["metadata"]["name"].replace("-predictor", ""): item["spec"] for item in pods}


FIELDS = ("nodeSelector", "tolerations", "affinity", "schedulerName", "priorityClassName", "nodeName")


def scheduled(spec: Object) -> Object:
    """What the scheduler looks at; a group of containers as (name, resources) in their order."""
    groups = {
        key: [(item["name"], canonical_quantities(item.get("resources") or {})) for item in spec.get(key) or []]
        for key in ("containers", "initContainers")
    }
    return {**groups, **{name: spec.get(name) or None for name in FIELDS}}


@pytest.mark.parametrize("case", NAMES)
def test_the_pods_that_are_judged_are_kserves(case: str, templates: dict[str, Object]) -> None:
    real = {
        name: scheduled(spec) for name, spec in templates.items() if name.split("-")[1] == name_of(case).split("-")[1]
    }
    assert {name: scheduled(spec) for name, spec in predicted(case).items()} == real
