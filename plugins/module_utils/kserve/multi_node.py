# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pods that KServe makes for a service: one kind, or with several nodes a head and its workers.

Source: components/predictor.go (multiNodeProcess, computeRayNodeAndGPUs, computeMpNodeAndGPUs) and
reconcilers/deployment/deployment_reconciler.go (createRawDeployment, addGPUResourceToDeployment). What the cluster's
inferenceservice-config adds to the list of devices (multiNode.customGPUResourceTypeList) is not looked at.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import merging, quantities, versions, webhook
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import CONTAINER, WORKER_CONTAINER
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import mapping, plain

EXECUTOR_ANNOTATION = "multinode/executor-backend"
BY_PROCESSES = "mp"

Map = dict[str, t.Any]


@dataclass(frozen=True)
class Pods:
    """What a service's pods ask of nodes, as far as a scheduler looks at it."""

    predictor: Map
    """the spec of the predictor's pods; of the head's, where there are several nodes"""
    worker: Map | None = None
    workers: int = 0
    """how many worker pods belong to one head"""


def pods(service: Mapping[str, t.Any], runtime: Mapping[str, t.Any], kserve_version: str = versions.DEFAULT) -> Pods:
    """Return the pods of a service on a runtime.

    Where KServe refuses to make a head and workers, since they ask for too few devices, both are as they are written.

    :raises SpecError: where one of the two is not shaped as such an object.
    :raises ValueError: where a quantity is none.
    """
    head = merging.pod_spec(service, runtime, kserve_version)
    worker = merging.worker_spec(service, runtime)
    if worker is None:
        return Pods(head)
    runtime_spec = mapping(plain(runtime), "spec")
    sizes = {
        **_sizes(mapping(runtime_spec, "workerSpec", "spec")),
        **_sizes(mapping(mapping(mapping(plain(service), "spec"), "predictor"), "workerSpec")),
    }
    tensor, pipeline = sizes.get("tensorParallelSize", 1), sizes.get("pipelineParallelSize", 1)
    if mapping(runtime_spec, "annotations", "spec").get(EXECUTOR_ANNOTATION) == BY_PROCESSES:
        shares: tuple[int, int, int] | None = (pipeline, tensor, tensor)
    else:
        shares = ray_shares(tensor * pipeline, asked(head), asked(worker))
    if shares is None:
        return Pods(head, worker, 1)
    nodes, of_head, of_worker = shares
    fields = merging.pod(service, runtime, kserve_version)
    _give(head, CONTAINER, of_head, fields["annotations"])
    _give(worker, WORKER_CONTAINER, of_worker, {**fields["annotations"], **_annotations(runtime_spec)})
    return Pods(head, worker, nodes - 1)


def ray_shares(total: int, head: int, worker: int) -> tuple[int, int, int] | None:
    """Share devices out among the nodes of a Ray cluster.

    :param total: devices that tensor and pipeline parallelism need together.
    :param head, worker: devices that the head's and one worker's container ask for.
    :returns: nodes with the head's, devices of the head, devices of each worker; None where they are too few.
    """
    if worker > 0:
        nodes = -(-total // worker)
        if head > 0 and -(-total // head) == 1:
            nodes = 1
        if nodes == 1:
            return 1, total, 0
        head = head or total - worker * (nodes - 1)
    elif head > 0:
        nodes, worker = (total - head + 1 if total > head else 1), 1
    else:
        return total, 1, 1
    return None if total > head + worker * (nodes - 1) else (nodes, head, worker)


def _sizes(worker: Map) -> dict[str, int]:
    return {name: int(worker[name]) for name, _word in webhook.PARALLEL_SIZES if worker.get(name) is not None}


def _annotations(runtime_spec: Map) -> Map:
    return mapping(mapping(runtime_spec, "workerSpec"), "annotations")


def asked(spec: Map) -> int:
    """The devices that the first container of a pod's spec requests; limits alone do not count to KServe."""
    requests = ((spec.get("containers") or [{}])[0].get("resources") or {}).get("requests") or {}
    return next((quantities.units(requests[name]) for name in webhook.GPU_TYPES if name in requests), 0)


def _give(spec: Map, name: str, count: int, annotations: Mapping[str, str]) -> None:
    """Write the share into the container, whatever it asked for: of its own device, else of NVIDIA's."""
    known = (*webhook.GPU_TYPES, *(webhook.custom_gpu_types(annotations.get(webhook.GPU_TYPES_ANNOTATION, "")) or ()))
    for container in spec.get("containers") or []:
        if container.get("name") == name:
            resources = container.get("resources") or {}
            limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
            device = next((item for item in known if _some(limits.get(item)) or _some(requests.get(item))), known[0])
            amount = {device: str(count)}
            container["resources"] = {**resources, "limits": {**limits, **amount}, "requests": {**requests, **amount}}


def _some(amount: object) -> bool:
    return amount is not None and quantities.units(amount) > 0
