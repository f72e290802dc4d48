# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of an admitted runtime makes Kubernetes refuse the pods, or the Deployment and the Service around them.

KServe hands these parts on as they are (components/predictor.go, buildPodSpec, buildObjectMeta, reconcileWorker). The
rules are those of kubernetes/pkg/apis/core/validation/validation.go, by the function that each check names.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable, Iterator

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import (
    gotemplate,
    metadata,
    quantities,
    schema,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import CONTAINER, WORKER_CONTAINER
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.problems import WARNING, Problem

Map = dict[str, t.Any]

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")

_PORT_NAME = re.compile(r"(?=.{1,15}\Z)(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_NAME = f"use lower-case letters, digits and -, {metadata.MAX_LABEL} at most"


def containers(spec: Map) -> Iterator[tuple[str, Map]]:
    """Yield the containers of a runtime's pod with their paths, those of the workers aside."""
    for index, container in enumerate(spec.get("containers") or ()):
        yield f"spec.containers[{index}]", container


def all_containers(spec: Map) -> Iterator[tuple[str, Map]]:
    """Yield the containers of a runtime's pods with their paths, those of the workers last."""
    yield from containers(spec)
    for index, container in enumerate((spec.get("workerSpec") or {}).get("containers") or ()):
        yield f"spec.workerSpec.containers[{index}]", container


def _pods(spec: Map) -> Iterator[tuple[str, Map]]:
    yield "spec", spec
    yield "spec.workerSpec", spec.get("workerSpec") or {}


def _refused(path: str, message: str, remedy: str) -> Problem:
    return Problem(WARNING, path, f"{message}; pods with it are refused", remedy)


# -- containers --------------------------------------------------------------------------------------------------------


def _image(spec: Map) -> Iterator[Problem]:
    for path, container in containers(spec):
        if not container.get("image"):
            message = f"container {container.get('name')} has no image: its pods are refused unless services set one"
            yield Problem(WARNING, f"{path}.image", message, "set the image")


def _unique_names(spec: Map) -> Iterator[Problem]:
    seen: set[str] = set()
    for path, container in containers(spec):
        name = str(container.get("name"))
        if name in seen:
            yield _refused(f"{path}.name", f"a second container is named {name}", "give each container its own name")
        seen.add(name)


def _names(spec: Map) -> Iterator[Problem]:
    """ValidateDNS1123Label, IsValidPortName."""
    for path, container in all_containers(spec):
        name = str(container.get("name"))
        if not _is_label(name):
            yield _refused(f"{path}.name", f"{name!r} is no name of a container", _LABEL_NAME)
        for index, port in enumerate(container.get("ports") or ()):
            if port.get("name") and not _PORT_NAME.fullmatch(port["name"]):
                message = f"{port['name']!r} is no name of a port"
                remedy = "use at most 15 lower-case letters, digits and single -, one letter at least"
                yield _refused(f"{path}.ports[{index}].name", message, remedy)


def _is_label(name: str) -> bool:
    return len(name) <= metadata.MAX_LABEL and metadata.LABEL.fullmatch(name) is not None


def _variables(spec: Map) -> Iterator[Problem]:
    """validateEnvVarValueFrom; an empty value is none."""
    for path, container in all_containers(spec):
        for index, entry in enumerate(container.get("env") or ()):
            if entry.get("value") and entry.get("valueFrom"):
                message = f"{entry.get('name')} has a value and a valueFrom"
                yield _refused(f"{path}.env[{index}]", message, "keep one of them")


def _probes(spec: Map) -> Iterator[Problem]:
    """validateHandler."""
    for path, container in all_containers(spec):
        for kind in PROBES:
            handlers = [name for name in HANDLERS if (container.get(kind) or {}).get(name) is not None]
            if len(handlers) > 1:
                yield _refused(f"{path}.{kind}", f"has {' and '.join(handlers)}", "keep one of them")


# -- amounts -----------------------------------------------------------------------------------------------------------

# pkg/apis/core/helper: IsStandardContainerResourceName; hugepages- are named by their size
_STANDARD = frozenset(("cpu", "memory", "ephemeral-storage"))
_HUGE_PAGES = "hugepages-"


def _amounts(spec: Map) -> Iterator[Problem]:
    """validateContainerResourceName, ValidateResourceQuantityValue, ValidateContainerResourceRequirements."""
    several = spec.get("workerSpec") is not None
    for path, container in all_containers(spec):
        resources = container.get("resources") or {}
        server = WORKER_CONTAINER if path.startswith("spec.workerSpec") else CONTAINER
        counted = several and container.get("name") == server
        limits, requests = (_handed_on(counted, resources.get(kind) or {}) for kind in ("limits", "requests"))
        for kind, amounts in (("limits", limits), ("requests", requests)):
            for name, amount in amounts.items():
                yield from _impossible(f"{path}.resources.{kind}.{name}", name, amount)
        for name, asked in requests.items():
            yield from _against_the_limit(f"{path}.resources.requests.{name}", name, asked, limits.get(name))


def _handed_on(counted: bool, amounts: Map) -> Map:
    """Leave devices out that KServe counts itself, writing limits and requests alike: those of several nodes' servers.

    Source: reconcilers/deployment/deployment_reconciler.go, addGPUResourceToDeployment.
    """
    if counted:
        return {name: amount for name, amount in amounts.items() if not _is_extended(name)}
    return amounts


def _impossible(path: str, name: str, amount: t.Any) -> Iterator[Problem]:
    if not _is_resource(name):
        remedy = "use cpu, memory, ephemeral-storage, hugepages-SIZE or a device such as nvidia.com/gpu"
        yield _refused(path, f"{name!r} is no resource of a container", remedy)
        return
    parsed = _parsed(amount)
    if parsed is not None and parsed < 0:
        yield _refused(path, f"{amount} of {name} is less than nothing", "use 0 or more")
    elif parsed is not None and _is_extended(name) and quantities.milli(amount) % 1000:
        yield _refused(path, f"{amount} of {name} is no whole number", "devices are counted: use a whole number")


def _against_the_limit(path: str, name: str, asked: t.Any, limit: t.Any) -> Iterator[Problem]:
    if not _is_resource(name):
        return
    exact = not quantities.may_be_overcommitted(name)
    if limit is None:
        if exact:
            yield _refused(path, f"requests {asked} of {name}, which has no limit", "set the limit, and to the same")
        return
    one, other = _parsed(asked), _parsed(limit)
    if one is None or other is None:
        return
    if exact and one != other:
        yield _refused(path, f"requests {asked} of {name}, and its limit is {limit}", "set both to the same")
    elif one > other:
        message = f"requests {asked} of {name}, above the limit {limit}"
        yield _refused(path, message, "raise the limit, or request less")


def _parsed(amount: t.Any) -> t.Any:
    try:
        return quantities.parse(amount)
    except ValueError:
        return None


def _is_resource(name: str) -> bool:
    if "/" not in name:
        return name in _STANDARD or name.startswith(_HUGE_PAGES)
    # as the name of its quota, IsExtendedResourceName
    return "kubernetes.io/" in name or not (name.startswith("requests.") or metadata.key_faults(f"requests.{name}"))


def _is_extended(name: str) -> bool:
    return "/" in name and "kubernetes.io/" not in name


# -- the pod -----------------------------------------------------------------------------------------------------------


def _labels(spec: Map) -> Iterator[Problem]:
    """ValidateLabels (of labels and of the node selector), ValidateAnnotations."""
    for path, pod in _pods(spec):
        for name in ("labels", "nodeSelector"):
            for key, value in (pod.get(name) or {}).items():
                yield from _key(f"{path}.{name}", key)
                if metadata.value_faults(value) and not gotemplate.speaks_of_a_service(value):
                    message = f"{value!r} is no value of a label"
                    remedy = f"use letters, digits, '-', '_' and '.', {metadata.MAX_LABEL} at most"
                    yield _refused(f"{path}.{name}.{key}", message, remedy)
        for key in pod.get("annotations") or {}:
            yield from _key(f"{path}.annotations", key, key.lower())


def _key(path: str, key: str, compared: str | None = None) -> Iterator[Problem]:
    if metadata.key_faults(key if compared is None else compared) and not gotemplate.speaks_of_a_service(key):
        remedy = f"use letters, digits, '-', '_' and '.', {metadata.MAX_LABEL} at most, after an optional domain and /"
        yield _refused(path, f"{key!r} is no key", remedy)


def _volumes(spec: Map) -> Iterator[Problem]:
    """ValidateVolumes, validateVolumeSource; a volume without a source is an emptyDir."""
    sources = set(schema.fields_of("volumes") or {}) - {"name"}
    for path, pod in _pods(spec):
        seen: set[str] = set()
        for index, volume in enumerate(pod.get("volumes") or ()):
            name, where = str(volume.get("name")), f"{path}.volumes[{index}]"
            if name in seen:
                yield _refused(f"{where}.name", f"a second volume is named {name}", "give each volume its own name")
            elif not _is_label(name):
                yield _refused(f"{where}.name", f"{name!r} is no name of a volume", _LABEL_NAME)
            seen.add(name)
            given = [source for source in volume if source in sources]
            if len(given) > 1:
                yield _refused(where, f"the volume {name} is {' and '.join(given)} at once", "keep one of them")


def _volume_mounts(spec: Map) -> Iterator[Problem]:
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    for path, container in containers(spec):
        for index, mount in enumerate(container.get("volumeMounts") or ()):
            if mount.get("name") not in volumes:
                message = f"mounts the volume {mount.get('name')}, which the runtime does not have"
                remedy = "add it to volumes, unless every service brings it"
                yield Problem(WARNING, f"{path}.volumeMounts[{index}].name", message, remedy)


CHECKS: tuple[Callable[[Map], Iterator[Problem]], ...] = (
    _image,
    _unique_names,
    _names,
    _amounts,
    _variables,
    _probes,
    _labels,
    _volumes,
    _volume_mounts,
)
