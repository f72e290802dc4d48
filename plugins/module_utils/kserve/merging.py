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
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import CONTAINER, TRANSFORMER_CONTAINER
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
    model = mapping(predictor, "model", "spec.predictor")
    spec = stored(mapping(plain(runtime), "spec"))
    result: Map = {"containers": _containers(spec, model, predictor)}
    for name in POD_FIELDS:
        given = predictor.get(name)
        result[name] = spec.get(name) if given is None else merged(spec.get(name), given, name)
    metadata = mapping(wanted, "metadata")
    for name in ("labels", "annotations"):
        own = {**mapping(metadata, name), **mapping(predictor, name)}
        result[name] = {**(spec.get(name) or {}), **own}
    if predictor.get("workerSpec") is not None:
        result["workerSpec"] = spec.get("workerSpec")
    return result


def _containers(spec: Map, model: Map, predictor: Map) -> list[Map]:
    """Return the runtime's containers as the service changes them."""
    own = {key: item for key, item in model.items() if key not in MODEL_FIELDS}
    result = []
    for container in spec.get("containers") or ():
        if container.get("name") == CONTAINER:
            container = _overlaid(container, own)
            container = {**container, "image": _image(container.get("image"), model.get("runtimeVersion"))}
        elif container.get("name") == TRANSFORMER_CONTAINER:
            beside = predictor.get("containers") or ()
            container = next(
                (_overlaid(container, item) for item in beside if item.get("name") == TRANSFORMER_CONTAINER), container
            )
        result.append(container)
    return result


def _overlaid(container: Map, own: Map) -> Map:
    """Lay a container over another one: arguments are put after one another, the rest is merged."""
    args = [*(container.get("args") or ()), *(own.get("args") or ())]
    return {**merged(container, {key: item for key, item in own.items() if key != "args"}), "args": args}


def _image(image: str | None, runtime_version: str | None) -> str | None:
    """Return the image that is pulled: runtimeVersion takes the tag's place, unless the image has a digest."""
    if image is None or runtime_version is None or "@sha256:" in image:
        return image
    return f"{_TAG.sub('', image)}:{runtime_version}"
