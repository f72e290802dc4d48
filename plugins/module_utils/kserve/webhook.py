# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KServe's validating webhooks of ServingRuntime and ClusterServingRuntime, check by check.

Source: pkg/webhook/admission/servingruntime/servingruntime_webhook.go, pkg/utils/utils.go (HasUnknownGpuResourceType,
IsValidCustomGPUArray), pkg/validation (ValidateBlockedEnvVars), all of v0.20.0.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterable, Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import schema, versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.candidates import Format, read_format
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import (
    CLUSTER_SERVING_RUNTIME,
    CONTAINER,
    SERVING_RUNTIME,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import (
    mapping,
    name_of,
    namespace_of,
    plain,
)

Existing = list[tuple[str, dict[str, t.Any]]]

WORKER_CONTAINER = "worker-container"
GPU_TYPES_ANNOTATION = "serving.kserve.io/gpu-resource-types"
GPU_TYPES = ("nvidia.com/gpu", "amd.com/gpu", "intel.com/gpu", "habana.ai/gaudi")
BASIC_RESOURCES = frozenset({"cpu", "memory", "storage", "ephemeral-storage"})
BLOCKED_ENV = frozenset({"PYTHONPATH"})
PARALLEL_SIZE_ENV = ("PIPELINE_PARALLEL_SIZE", "TENSOR_PARALLEL_SIZE")
PARALLEL_SIZES = (("pipelineParallelSize", "PipelineParallelSize"), ("tensorParallelSize", "TensorParallelSize"))
PANIC = "panic: runtime error: index out of range [0] with length 0 [recovered]"

# The words of the two webhooks, by kind.
_INSIDE = {
    SERVING_RUNTIME[1]: "different priorities assigned for the model format {format} under the servingruntime {name}",
    CLUSTER_SERVING_RUNTIME[1]: (
        "different priorities assigned for the model format {format} under the clusterservingruntime {name}"
    ),
}
_AMONG = {
    SERVING_RUNTIME[1]: (
        "same priority assigned for the model format {format} in the servingruntimes {other} and {name}"
        " in namespace {namespace}"
    ),
    CLUSTER_SERVING_RUNTIME[1]: (
        "same priority assigned for the model format {format} in the clusterservingruntimes {other} and {name}"
    ),
}


def refusal(
    runtime: Mapping[str, t.Any],
    existing: Iterable[Mapping[str, t.Any]] = (),
    kserve_version: str = versions.DEFAULT,
) -> str:
    """Return the words with which KServe's webhook refuses a runtime that passed the schema, '' where it admits it.

    Where several existing runtimes stand against it, the first by name is told; KServe itself names any of them.
    """
    wanted = plain(runtime)
    spec = schema.stored(mapping(wanted, "spec"))
    unreadable = schema.unreadable(spec)
    if unreadable is not None:
        return unreadable.text
    if spec.get("disabled"):
        return ""
    others = in_scope(wanted, existing)
    return (
        _priorities(wanted, spec, others)
        or _several_nodes(wanted, spec, others)
        or (_blocked_env(wanted, spec) if versions.supports(kserve_version, "blocked_env") else "")
    )


def in_scope(runtime: Mapping[str, t.Any], existing: Iterable[Mapping[str, t.Any]]) -> Existing:
    """Return name and spec of the existing runtimes that the webhook compares with, by name."""
    scope = scope_of(runtime)
    found = []
    for item in existing:
        if not isinstance(item, Mapping) or not item.get("kind"):
            raise SpecError("", "an existing runtime must be an object with its kind")
        if item["kind"] != scope[0]:
            continue
        metadata = plain(item.get("metadata") or {})
        if scope_of({"kind": scope[0], "metadata": metadata}) == scope:
            found.append((name_of({"metadata": metadata}), mapping(plain({"spec": item.get("spec")}), "spec")))
    return sorted(found, key=lambda pair: pair[0])


def scope_of(runtime: Mapping[str, t.Any]) -> tuple[str, str]:
    kind = str(runtime["kind"])
    return kind, namespace_of(runtime) if kind == SERVING_RUNTIME[1] else ""


def _priorities(runtime: dict[str, t.Any], spec: dict[str, t.Any], others: Existing) -> str:
    """Compare with every other runtime; the check of the runtime against itself sits inside that loop."""
    name, kind = name_of(runtime), runtime["kind"]
    for other_name, other_spec in others:
        inside = _differing_format(spec)
        if inside is not None:
            return _INSIDE[kind].format(format=inside, name=name)
        same = None if other_name == name else _format_of_same_priority(spec, other_spec)
        if same is not None:
            return _AMONG[kind].format(format=same, other=other_name, name=name, namespace=namespace_of(runtime))
    return ""


def _automatic(spec: Mapping[str, t.Any]) -> list[Format]:
    entries = (read_format(item) for item in spec.get("supportedModelFormats") or ())
    return [entry for entry in entries if entry.auto_select]


def _differing_format(spec: dict[str, t.Any]) -> str | None:
    """Name the format that has different priorities in one runtime; the first entry sets what others must equal."""
    priorities: dict[str, int | None] = {}
    for entry in _automatic(spec):
        first = priorities.setdefault(entry.name, entry.priority)
        if first is not None and entry.priority is not None and first != entry.priority:
            return entry.name
    return None


def _format_of_same_priority(spec: dict[str, t.Any], other: dict[str, t.Any]) -> str | None:
    if bool(spec.get("multiModel")) != bool(other.get("multiModel")) or other.get("disabled"):
        return None
    if not set(spec.get("protocolVersions") or ()) & set(other.get("protocolVersions") or ()):
        return None
    for theirs in _automatic(other):
        for ours in _automatic(spec):
            if _same_format(theirs, ours) and ours.priority is not None and ours.priority == theirs.priority:
                return ours.name
    return None


def _same_format(one: Format, other: Format) -> bool:
    return fold(one.name) == fold(other.name) and one.version == other.version


def fold(name: str) -> str:
    """Return a name as Go's strings.EqualFold compares it: simple folding, one character for one."""
    return "".join(folded if len(folded := char.casefold()) == 1 else char.lower() for char in name)


def _several_nodes(runtime: dict[str, t.Any], spec: dict[str, t.Any], others: Existing) -> str:
    old = next((other for name, other in others if name == name_of(runtime)), {})
    fault = _worker_spec_fault(spec, old)
    if not fault or fault == PANIC:
        return fault
    return f"the {runtime['kind']} {name_of(runtime)} is invalid: {fault}"


def _worker_spec_fault(spec: dict[str, t.Any], old: dict[str, t.Any]) -> str:
    """Return what validateMultiNodeSpec says, '' where it is content."""
    worker = spec.get("workerSpec")
    if worker is None:
        removed = old.get("workerSpec") is not None
        return "removing workerSpec where it already exists is not allowed" if removed else ""
    containers = worker.get("containers") or []
    if len(containers) > 1:
        return "setting multiple containers in workerSpec is not allowed"
    annotations = spec.get("annotations") or {}
    for container in spec.get("containers") or ():
        if container["name"] == CONTAINER and (fault := _head_fault(container, annotations)):
            return fault
    if not containers:
        return PANIC
    if containers[0]["name"] == WORKER_CONTAINER and (fault := _gpu_fault(containers[0], annotations)):
        return fault
    return _size_fault(worker)


def _head_fault(container: dict[str, t.Any], annotations: dict[str, str]) -> str:
    env = {item["name"] for item in container.get("env") or ()}
    for name in PARALLEL_SIZE_ENV:
        if name in env:
            return f"setting {name} in environment variables is not allowed"
    return _gpu_fault(container, annotations)


def _gpu_fault(container: dict[str, t.Any], annotations: dict[str, str]) -> str:
    written = annotations.get(GPU_TYPES_ANNOTATION, "")
    custom = _custom_gpu_types(written) if written else ()
    if custom is None:
        return f"invalid GPU format({written}) for {GPU_TYPES_ANNOTATION} annotation: must be a valid JSON array"
    resources = container.get("resources") or {}
    asked = {*(resources.get("limits") or ()), *(resources.get("requests") or ())}
    if asked - BASIC_RESOURCES - {*GPU_TYPES, *custom}:
        return f"unknown GPU resource type in a container({container['name']})"
    return ""


def _custom_gpu_types(written: str) -> list[str] | None:
    """Read the annotation; None where it is no JSON list of at least one non-empty string."""
    try:
        names = json.loads(written)
    except ValueError:
        return None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        return None
    return names


def _size_fault(worker: dict[str, t.Any]) -> str:
    for field, word in PARALLEL_SIZES:
        size = worker.get(field)
        if size is not None and size < 1:
            return f"the WorkerSpec.{word} cannot be less than 1({int(size)})"
    return ""


def _blocked_env(runtime: dict[str, t.Any], spec: dict[str, t.Any]) -> str:
    workers = (spec.get("workerSpec") or {}).get("containers") or []
    for container in [*(spec.get("containers") or []), *workers]:
        for item in container.get("env") or ():
            if item["name"] in BLOCKED_ENV:
                fault = f"setting {item['name']} in container {quoted(container['name'])} is not allowed"
                shown = quoted(name_of(runtime))
                return f"the {runtime['kind']} {shown} is invalid: {fault} for security reasons"
    return ""


def quoted(text: str) -> str:
    """Quote text as Go's %q does."""
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b"}
    escapes.update({"\f": "\\f", "\v": "\\v"})
    return '"' + "".join(escapes.get(char) or _printable(char) for char in text) + '"'


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
