# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a runtime reaches a service's pods, after the service's own fields are laid over it.

Source: pkg/controller/v1beta1/inferenceservice/utils/utils.go (MergeRuntimeContainers, MergePodSpec, UpdateImageTag),
components/predictor.go (buildPodSpec, buildObjectMeta) and Kubernetes' strategic merge patch with the merge keys of
core/v1.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import defaulting, versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import (
    CONTAINER,
    TRANSFORMER_CONTAINER,
    WORKER_CONTAINER,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.schema import stored
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import mapping, plain

# Lists that are merged item by item, by the key of their items; every other list is replaced as a whole.
MERGE_KEYS = {
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "volumes": "name",
    "imagePullSecrets": "name",
}
# Fields of the model that are no fields of its container.
MODEL_FIELDS = frozenset(
    {"modelFormat", "runtime", "storageUri", "runtimeVersion", "protocolVersion", "storage", "confidential"}
)
POD_FIELDS = ("nodeSelector", "affinity", "tolerations", "volumes", "imagePullSecrets", "schedulerName")
# What a service's pod fields say to the scheduler beside those; a runtime has none of them.
SERVICE_POD_FIELDS = (
    "initContainers",
    "nodeName",
    "hostNetwork",
    "overhead",
    "priority",
    "priorityClassName",
    "resourceClaims",
    "resources",
    "runtimeClassName",
    "schedulingGates",
    "topologySpreadConstraints",
)
_TAG = re.compile(r":[\w.\-_]*$")

Map = dict[str, t.Any]


def merged(base: t.Any, patch: t.Any, key: str = "") -> t.Any:
    """Lay a patch over a value as a strategic merge patch does; null in the patch removes."""
    if isinstance(base, dict) and isinstance(patch, dict):
        result = {name: item for name, item in base.items() if name not in patch}
        for name, item in patch.items():
            if item is not None:
                result[name] = merged(base.get(name), item, name)
        return result
    if isinstance(base, list) and isinstance(patch, list) and key in MERGE_KEYS:
        return _merged_list(base, patch, MERGE_KEYS[key])
    return patch


def _merged_list(base: list[Map], patch: list[Map], key: str) -> list[Map]:
    patches = {item.get(key): item for item in patch}
    known = {item.get(key) for item in base}
    kept = [merged(item, patches[item.get(key)]) if item.get(key) in patches else item for item in base]
    return [*kept, *(item for item in patch if item.get(key) not in known)]


def pod(service: Mapping[str, t.Any], runtime: Mapping[str, t.Any], kserve_version: str = versions.DEFAULT) -> Map:
    """Return what a runtime gives a service's pods, by the runtime's field: containers, volumes, labels, …

    :param service: an InferenceService that this runtime serves.
    :returns: containers with the service's overrides, placeholders as they are written; pod fields; labels and
        annotations; workerSpec where the service has several nodes.
    """
    wanted = defaulting.default_service(service, kserve_version)
    predictor = mapping(mapping(wanted, "spec"), "predictor", "spec")
    spec = stored(mapping(plain(runtime), "spec"))
    result: Map = {"containers": _containers(spec, predictor), **_pod_fields(spec, predictor)}
    metadata = mapping(wanted, "metadata")
    for name in ("labels", "annotations"):
        own = {**mapping(metadata, name), **mapping(predictor, name)}
        result[name] = {**(spec.get(name) or {}), **own}
    if predictor.get("workerSpec") is not None:
        result["workerSpec"] = spec.get("workerSpec")
    return result


def pod_spec(service: Mapping[str, t.Any], runtime: Mapping[str, t.Any], kserve_version: str = versions.DEFAULT) -> Map:
    """Return the spec of a service's pods on a runtime, as far as a scheduler looks at it."""
    fields = pod(service, runtime, kserve_version)
    own = _scheduled(mapping(mapping(service, "spec"), "predictor", "spec"))
    return _without_nothing({**own, **{name: fields[name] for name in ("containers", *POD_FIELDS)}})


def worker_spec(service: Mapping[str, t.Any], runtime: Mapping[str, t.Any]) -> Map | None:
    """Return the spec of the worker pods of a service with several nodes, as `pod_spec` does.

    None where the service has no workerSpec, or the runtime no container for its workers (KServe then makes no pod).
    Source: components/predictor.go (multiNodeProcess).
    """
    own = mapping(mapping(plain(service), "spec"), "predictor", "spec").get("workerSpec")
    given = mapping(stored(mapping(plain(runtime), "spec")), "workerSpec", "spec")
    container = next((item for item in given.get("containers") or () if item.get("name") == WORKER_CONTAINER), None)
    if own is None or container is None:
        return None
    patch: Map = next(iter(own.get("containers") or ()), {})
    fields = {"containers": [_overlaid(container, patch)], **_pod_fields(given, own)}
    return _without_nothing({**_scheduled(own), **fields})


def _pod_fields(base: Map, own: Map) -> Map:
    result = {}
    for name in POD_FIELDS:
        given = _sent(own.get(name))
        result[name] = base.get(name) if given is None or given == [] else merged(base.get(name), given, name)
    return result


def _scheduled(own: Mapping[str, t.Any]) -> Map:
    return {name: plain(own[name]) for name in SERVICE_POD_FIELDS if name in own}


def _without_nothing(spec: Map) -> Map:
    return {name: value for name, value in spec.items() if value not in (None, "", [], {})}


def _sent(value: t.Any) -> t.Any:
    """A value as KServe's Go types encode it for the patch: what is null or an empty list is not said at all."""
    if isinstance(value, dict):
        said = {key: _sent(item) for key, item in value.items()}
        return {key: item for key, item in said.items() if item is not None and item != []}
    return [_sent(item) for item in value] if isinstance(value, list) else value


def _containers(spec: Map, predictor: Map) -> list[Map]:
    """Return the pod's containers in KServe's order (buildPodSpec): the runtime's as the service changes them, its own.

    Of the service's own only those count that the runtime does not have: KServe makes one of the two transformers.
    """
    model = mapping(predictor, "model", "spec.predictor")
    own = {key: item for key, item in model.items() if key not in MODEL_FIELDS}
    beside = list(predictor.get("containers") or ())
    result = []
    for container in spec.get("containers") or ():
        if container.get("name") == CONTAINER:
            container = _overlaid(container, own)
            container = {**container, "image": _image(container.get("image"), model.get("runtimeVersion"))}
        elif container.get("name") == TRANSFORMER_CONTAINER:
            transformer = next((item for item in beside if item.get("name") == TRANSFORMER_CONTAINER), None)
            if transformer is not None:
                beside.remove(transformer)
                container = _overlaid(container, transformer)
        result.append(container)
    return sorted([*result, *beside], key=_place)


def _place(container: Map) -> int:
    """The predictor comes first, the transformer second, whoever names it."""
    first = (CONTAINER, TRANSFORMER_CONTAINER)
    return first.index(container["name"]) if container.get("name") in first else len(first)


def _overlaid(container: Map, own: Map) -> Map:
    """Lay a container over another one: arguments are put after one another, the rest is merged."""
    args = [*(container.get("args") or ()), *(own.get("args") or ())]
    patch = {key: item for key, item in _sent(own).items() if key != "args" and item != ""}
    return {**merged(container, patch), "args": args}


def _image(image: str | None, runtime_version: str | None) -> str | None:
    """Return the image that is pulled: runtimeVersion takes the tag's place, unless the image has a digest."""
    if image is None or runtime_version is None or "@sha256:" in image:
        return image
    return f"{_TAG.sub('', image)}:{runtime_version}"
