# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KServe's validating webhooks of ServingRuntime and ClusterServingRuntime, check by check.

Source: pkg/webhook/admission/servingruntime/servingruntime_webhook.go, pkg/utils/utils.go (HasUnknownGpuResourceType,
IsValidCustomGPUArray), pkg/validation (ValidateBlockedEnvVars), all of v0.20.0.
"""

from __future__ import annotations

import functools
import json
import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import schema, versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.candidates import (
    Format,
    naming,
    read_formats,
    read_protocols,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import (
    CLUSTER_SERVING_RUNTIME,
    CONTAINER,
    SERVING_RUNTIME,
    WORKER_CONTAINER,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import (
    flag,
    kind_of,
    mapping,
    name_of,
    namespace_of,
    plain,
)

Scope: t.TypeAlias = "tuple[str, str]"  # kind, namespace ('' for the cluster's)
Claim: t.TypeAlias = "tuple[bool, str, str, str | None, int | None]"  # multiModel, protocol, format, version, priority
Place: t.TypeAlias = "tuple[str, int]"  # name, and the how manieth it was taken in

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

    :param existing: runtimes of both kinds and any namespaces.
    :raises SpecError: where an existing runtime that counts cannot be read.
    """
    wanted = read_wanted(runtime, kserve_version)
    peers = Peers()
    for item in existing:
        if item["kind"] == wanted.kind and scope_of(item) == wanted.scope:
            peers.add(read_peer(item))
    return wanted.refusal(peers)


def scope_of(runtime: Mapping[str, t.Any]) -> Scope:
    """Return the kind and the namespace ('' for the cluster's) within which runtimes are compared."""
    kind = str(runtime["kind"])
    if kind != SERVING_RUNTIME[1]:
        return kind, ""
    with naming(runtime):
        return kind, namespace_of(runtime)


# -- the runtimes that are there ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Peer:
    """All that the webhook reads of a runtime that another one is compared with.

    `formats` are those with autoSelect; `fault` says why the runtime cannot be read, and then the rest is empty.
    """

    name: str
    formats: tuple[Format, ...] = ()
    protocols: tuple[str, ...] = ()
    multi_model: bool = False
    disabled: bool = False
    worker_spec: bool = False
    fault: str = ""

    @functools.cached_property
    def claims(self) -> tuple[Claim, ...]:
        """What no other runtime may have: two runtimes clash where they share one of these."""
        return tuple(
            (self.multi_model, protocol, fold(entry.name), entry.version, entry.priority)
            for entry in self.formats
            if entry.priority is not None
            for protocol in self.protocols
        )


_COMPARED = ("supportedModelFormats", "protocolVersions", "multiModel", "disabled")


def read_peer(runtime: Mapping[str, t.Any]) -> Peer:
    """Read a runtime that is there; one of a shape that no schema lets through becomes a peer with a fault.

    :raises SpecError: where not even its name can be read.
    """
    with naming(runtime):
        name = name_of(plain({"metadata": runtime.get("metadata")}))
    spec = runtime.get("spec")
    there = isinstance(spec, Mapping) and spec.get("workerSpec") is not None
    try:
        if not isinstance(spec, (Mapping, type(None))):
            raise SpecError("spec", f"must be a mapping, not {kind_of(spec)}")
        return _peer(name, plain({key: (spec or {}).get(key) for key in _COMPARED}), there)
    except SpecError as error:
        return Peer(name, worker_spec=there, fault=str(error))


def _peer(name: str, spec: dict[str, t.Any], worker_spec: bool) -> Peer:
    return Peer(
        name=name,
        formats=tuple(entry for entry in read_formats(spec) if entry.auto_select),
        protocols=read_protocols(spec),
        multi_model=flag(spec, "multiModel", "spec"),
        disabled=flag(spec, "disabled", "spec"),
        worker_spec=worker_spec,
    )


class Peers:
    """The runtimes of one scope, found by what they claim: a comparison costs the same however many there are.

    A name can be held twice, by a runtime's old version and by the new one, until :meth:`settle` is called.
    """

    def __init__(self) -> None:
        self._peers: dict[Place, Peer] = {}
        self._by_name: dict[str, list[Place]] = {}
        self._by_claim: dict[Claim, list[Place]] = {}
        self._faulty: list[Place] = []
        self._added = 0

    def __bool__(self) -> bool:
        return bool(self._peers)

    def add(self, peer: Peer) -> None:
        """Take a runtime in, beside those that have its name."""
        place = (peer.name, self._added)
        self._added += 1
        self._peers[place] = peer
        self._by_name.setdefault(peer.name, []).append(place)
        for lists in self._lists(peer):
            lists.append(place)

    def settle(self, name: str) -> None:
        """Forget the older versions of a runtime."""
        *older, newest = self._by_name[name]
        self._by_name[name] = [newest]
        for place in older:
            for lists in self._lists(self._peers.pop(place)):
                lists.remove(place)

    def _lists(self, peer: Peer) -> list[list[Place]]:
        if peer.fault:
            return [self._faulty]
        claims = () if peer.disabled else peer.claims
        return [self._by_claim.setdefault(claim, []) for claim in claims]

    def old(self, name: str) -> Peer | None:
        """Return the old version of a runtime."""
        places = self._by_name.get(name)
        return self._peers[places[0]] if places else None

    def rival(self, peer: Peer) -> Peer | None:
        """Return the first by name of the others that claim what a runtime claims."""
        places = [place for claim in peer.claims for place in self._by_claim.get(claim, ()) if place[0] != peer.name]
        return self._peers[min(places)] if places else None

    def faulty(self, but: str) -> Peer | None:
        """Return the first by name of the runtimes that cannot be read, one of the name `but` aside."""
        places = [place for place in self._faulty if place[0] != but]
        return self._peers[min(places)] if places else None


# -- the runtime that is written ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """A runtime that is to be written: what it claims, and what speaks against it whatever else is there."""

    kind: str
    namespace: str
    peer: Peer
    unreadable: str
    inside: str | None
    fault: str

    @property
    def scope(self) -> Scope:
        """The kind and the namespace within which it is compared."""
        return self.kind, self.namespace if self.kind == SERVING_RUNTIME[1] else ""

    def refusal(self, peers: Peers) -> str:
        """Return the words with which the webhook refuses it beside other runtimes, '' where it admits it.

        :raises SpecError: where one of the others cannot be read.
        """
        if self.unreadable or self.peer.disabled:
            return self.unreadable
        return self._priorities(peers) or self._removal(peers) or self.fault

    def _priorities(self, peers: Peers) -> str:
        """Compare with the other runtimes; KServe checks the runtime against itself only if there is one at all."""
        faulty = peers.faulty(self.peer.name)
        if faulty is not None:
            where = "/".join(filter(None, (self.scope[1], faulty.name)))
            text = f"the existing {self.kind} {where} cannot be read: {faulty.fault}; correct it or delete it first"
            raise SpecError("", text)
        name = self.peer.name
        if peers and self.inside is not None:
            return _INSIDE[self.kind].format(format=self.inside, name=name)
        rival = peers.rival(self.peer)
        if rival is None:
            return ""
        same = _format_of_same_priority(self.peer, rival)
        return _AMONG[self.kind].format(format=same, other=rival.name, name=name, namespace=self.namespace)

    def _removal(self, peers: Peers) -> str:
        old = peers.old(self.peer.name)
        if self.peer.worker_spec or old is None or not old.worker_spec:
            return ""
        fault = "removing workerSpec where it already exists is not allowed"
        return f"the {self.kind} {self.peer.name} is invalid: {fault}"


def read_wanted(runtime: Mapping[str, t.Any], kserve_version: str = versions.DEFAULT) -> Wanted:
    """Read a runtime that passed the schema and is to be written."""
    wanted = plain(runtime)
    spec = schema.stored(mapping(wanted, "spec"))
    unreadable = schema.unreadable(spec)
    kind, name = str(wanted["kind"]), name_of(wanted)
    if unreadable is not None:
        return Wanted(kind, namespace_of(wanted), Peer(name), unreadable.text, None, "")
    peer = _peer(name, spec, spec.get("workerSpec") is not None)
    blocked = versions.supports(kserve_version, "blocked_env")
    fault = _several_nodes(wanted, spec) or (_blocked_env(wanted, spec) if blocked else "")
    return Wanted(kind, namespace_of(wanted), peer, "", _differing_format(peer.formats), fault)


def _differing_format(automatic: Iterable[Format]) -> str | None:
    """Name the format that has different priorities in one runtime; the first entry sets what others must equal."""
    priorities: dict[str, int | None] = {}
    for entry in automatic:
        first = priorities.setdefault(entry.name, entry.priority)
        if first is not None and entry.priority is not None and first != entry.priority:
            return entry.name
    return None


def _format_of_same_priority(ours: Peer, theirs: Peer) -> str:
    """Name the format that two runtimes clash in: by the order of the other's formats, in our spelling."""
    return next(own.name for other in theirs.formats for own in ours.formats if _same(own, other))


def _same(one: Format, other: Format) -> bool:
    if one.priority is None or one.priority != other.priority:
        return False
    return fold(one.name) == fold(other.name) and one.version == other.version


def fold(name: str) -> str:
    """Return a name as Go's strings.EqualFold compares it: simple folding, one character for one."""
    return "".join(folded if len(folded := char.casefold()) == 1 else char.lower() for char in name)


def _several_nodes(runtime: dict[str, t.Any], spec: dict[str, t.Any]) -> str:
    fault = _worker_spec_fault(spec)
    if not fault or fault == PANIC:
        return fault
    return f"the {runtime['kind']} {name_of(runtime)} is invalid: {fault}"


def _worker_spec_fault(spec: dict[str, t.Any]) -> str:
    """Return what validateMultiNodeSpec says of the workerSpec that is there, '' where it is content."""
    worker = spec.get("workerSpec")
    if worker is None:
        return ""
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
    custom = custom_gpu_types(written) if written else ()
    if custom is None:
        return f"invalid GPU format({written}) for {GPU_TYPES_ANNOTATION} annotation: must be a valid JSON array"
    resources = container.get("resources") or {}
    asked = {*(resources.get("limits") or ()), *(resources.get("requests") or ())}
    if asked - BASIC_RESOURCES - {*GPU_TYPES, *custom}:
        return f"unknown GPU resource type in a container({container['name']})"
    return ""


def custom_gpu_types(written: str) -> list[str] | None:
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
