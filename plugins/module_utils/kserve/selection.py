# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which runtime KServe takes for an InferenceService, and why not the others.

Source: pkg/apis/serving/v1beta1/predictor_model.go (GetSupportingRuntimes, RuntimeSupportsModel and its sorters),
pkg/controller/v1beta1/inferenceservice/components/predictor.go (reconcileModel) and
…/inferenceservice/utils/utils.go (GetServingRuntime).
"""

from __future__ import annotations

import datetime
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import (
    defaulting,
    explaining,
    priority_sort,
    versions,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import (
    CLUSTER_SERVING_RUNTIME,
    SERVING_RUNTIME,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import (
    flag,
    listing,
    mapping,
    mappings,
    name_of,
    namespace_of,
    plain,
    text,
)

PROTOCOLS = ("v1", "v2", "grpc-v1", "grpc-v2")
"""Protocols in KServe's order (constants.go, GetProtocolVersionInt); whatever else comes after them."""

IMPLIED_PROTOCOL = "v1"
"""What an automatic choice asks for where the service names no protocol (ModelSpec.GetProtocol)."""

# status.modelStatus.lastFailureInfo as reconcileModel sets it: check -> (reason, message).
FAILURES: dict[str, tuple[str, str]] = {
    "not_found": ("RuntimeNotRecognized", "Waiting for runtime to become available"),
    "disabled": ("RuntimeDisabled", "Specified runtime is disabled"),
    "protocol": ("NoSupportingRuntime", "Specified runtime does not support specified protocol version"),
    "format": ("NoSupportingRuntime", "Specified runtime does not support specified framework/version"),
    "version": ("NoSupportingRuntime", "Specified runtime does not support specified framework/version"),
    "none_found": ("NoSupportingRuntime", "No runtime found to support specified framework/version"),
}


@dataclass(frozen=True)
class Format:
    """An entry of spec.supportedModelFormats."""

    name: str
    version: str | None
    auto_select: bool
    priority: int | None

    def labels(self) -> tuple[str, ...]:
        """Return what a service may ask for (getServingRuntimeSupportedModelFormatLabelSet)."""
        return (self.name,) if self.version is None else (self.name, f"{self.name}:{self.version}")


@dataclass(frozen=True)
class Runtime:
    """What selection reads of a ServingRuntime (namespace set) or ClusterServingRuntime (namespace None)."""

    kind: str
    namespace: str | None
    name: str
    disabled: bool = False
    multi_model: bool = False
    formats: tuple[Format, ...] = ()
    protocols: tuple[str, ...] = ()
    worker_spec: bool = False
    created: datetime.datetime | None = None
    server_type: str | None = None
    containers: tuple[str, ...] | None = None

    @property
    def ref(self) -> dict[str, str]:
        """The runtime as results name it."""
        return {"kind": self.kind, "name": self.name}

    def priority(self, format_name: str) -> int | None:
        """Return the priority of the first entry with the name, whatever its version or autoSelect (GetPriority)."""
        return next((entry.priority for entry in self.formats if entry.name == format_name), None)

    def speaks(self, protocol: str) -> bool:
        """Say whether a protocol is supported; no protocols named means every one (IsProtocolVersionSupported)."""
        return not protocol or not self.protocols or protocol in self.protocols

    def first_protocol(self) -> int:
        """Return the place of the runtime's lowest protocol in KServe's order (GetProtocolVersionPriority)."""
        places = [PROTOCOLS.index(name) if name in PROTOCOLS else len(PROTOCOLS) for name in self.protocols]
        return min(places, default=len(PROTOCOLS))


@dataclass(frozen=True)
class Wish:
    """What a service asks of its runtime, after the defaulting webhook."""

    name: str
    namespace: str
    format: str = ""
    version: str | None = None
    protocol: str | None = None
    runtime: str | None = None
    worker_spec: bool = False

    @property
    def label(self) -> str:
        """The format as runtimes must have it (getModelFormatLabel)."""
        return self.format if self.version is None else f"{self.format}:{self.version}"


@dataclass
class Choice:
    """What was decided: `failure` is a key of FAILURES, `rejected` pairs each runtime with its reason."""

    wish: Wish | None
    selected: Runtime | None = None
    candidates: list[Runtime] = field(default_factory=list)
    rejected: list[tuple[Runtime, str]] = field(default_factory=list)
    failure: str | None = None
    unused: str | None = None
    unordered: bool = False

    def plain(self) -> dict[str, t.Any]:
        """Return the result of the filter select_runtime."""
        reason, message = FAILURES[self.failure] if self.failure else (None, None)
        return {
            "selected": self.selected.ref if self.selected else None,
            "candidates": [runtime.ref for runtime in self.candidates],
            "rejected": [{**runtime.ref, "reason": reason} for runtime, reason in self.rejected],
            "reason": reason,
            "message": message,
            "explanation": explaining.explain(self),
        }


def select(
    service: t.Mapping[str, t.Any],
    runtimes: t.Iterable[t.Mapping[str, t.Any]],
    kserve_version: str = versions.DEFAULT,
) -> dict[str, t.Any]:
    """Say which runtime KServe takes for a service.

    :param service: an InferenceService as a person wrote it (previous schema included) or as the cluster stores it.
    :param runtimes: ServingRuntimes (of any namespaces) and ClusterServingRuntimes, in any order.
    :param kserve_version: the KServe that decides, 0.15 to 0.20.
    :returns: selected {kind, name} or None; candidates, the whole order of an automatic choice; rejected
        [{kind, name, reason}] in the order of `runtimes`; reason and message as status.modelStatus.lastFailureInfo
        gives them, else None; explanation, a sentence for a person.
    :raises SpecError: where an object is not shaped like one of its kind.
    :raises ValueError: for an unknown KServe version.
    """
    return choose(service, runtimes, kserve_version).plain()


def choose(
    service: t.Mapping[str, t.Any],
    runtimes: t.Iterable[t.Mapping[str, t.Any]],
    kserve_version: str = versions.DEFAULT,
) -> Choice:
    """Like :func:`select`, and return the choice itself."""
    versions.known(kserve_version)
    return choose_among(service, [read_runtime(item, kserve_version) for item in runtimes], kserve_version)


def choose_among(service: t.Mapping[str, t.Any], runtimes: list[Runtime], kserve_version: str) -> Choice:
    """Like :func:`choose`, from runtimes that were read before (for many services over the same runtimes)."""
    wish, unused = read_service(service, kserve_version)
    if wish is None:
        return Choice(None, unused=unused)
    if wish.runtime is not None:
        return _explicit(wish, runtimes, kserve_version)
    return _automatic(wish, runtimes, kserve_version)


def read_service(service: t.Mapping[str, t.Any], kserve_version: str) -> tuple[Wish | None, str | None]:
    """Return what a service asks for, or why it asks for no runtime at all."""
    if not isinstance(service, t.Mapping):
        raise SpecError("", f"the InferenceService must be a mapping, not {type(service).__name__}")
    if service.get("kind") not in (None, "InferenceService"):
        raise SpecError("kind", f"is {service['kind']!r}, where an InferenceService is needed")
    stored = defaulting.default_service(service, kserve_version)
    predictor = mapping(mapping(stored, "spec"), "predictor", "spec")
    if defaulting.is_model_mesh(stored):
        return None, "it is annotated for ModelMesh, and KServe's own controller leaves it alone"
    if predictor.get("model") is None:
        return None, _without_model(predictor)
    path = "spec.predictor.model"
    model = mapping(predictor, "model", "spec.predictor")
    model_format = mapping(model, "modelFormat", path)
    wish = Wish(
        name=name_of(stored),
        namespace=namespace_of(stored),
        format=text(model_format, "name", f"{path}.modelFormat") or "",
        version=text(model_format, "version", f"{path}.modelFormat"),
        protocol=text(model, "protocolVersion", path),
        runtime=text(model, "runtime", path),
        worker_spec=predictor.get("workerSpec") is not None,
    )
    return wish, None


def _without_model(predictor: t.Mapping[str, t.Any]) -> str:
    if predictor.get("containers"):
        return "its predictor brings its own containers, and KServe asks for no runtime"
    return "its predictor has no model; KServe refuses it"


def read_runtime(runtime: t.Mapping[str, t.Any], kserve_version: str = versions.DEFAULT) -> Runtime:
    """Return what selection reads of a runtime.

    :raises SpecError: for something that is no ServingRuntime or ClusterServingRuntime.
    """
    kind = runtime.get("kind") if isinstance(runtime, t.Mapping) else None
    if kind not in (SERVING_RUNTIME[1], CLUSTER_SERVING_RUNTIME[1]):
        raise SpecError("", f"a runtime must be a ServingRuntime or a ClusterServingRuntime, not {_shown(runtime)}")
    wanted = plain(runtime)
    spec = mapping(wanted, "spec")
    containers = spec.get("containers")
    return Runtime(
        kind=str(kind),
        namespace=namespace_of(wanted) if kind == SERVING_RUNTIME[1] else None,
        name=name_of(wanted),
        disabled=flag(spec, "disabled", "spec"),
        multi_model=flag(spec, "multiModel", "spec"),
        formats=tuple(read_format(item) for item in mappings(spec, "supportedModelFormats", "spec")),
        protocols=tuple(str(item) for item in listing(spec, "protocolVersions", "spec")),
        worker_spec=spec.get("workerSpec") is not None,
        created=_moment(mapping(wanted, "metadata").get("creationTimestamp")),
        server_type=defaulting.server_type(wanted, kserve_version),
        containers=tuple(str(item.get("name")) for item in mappings(spec, "containers", "spec"))
        if containers is not None
        else None,
    )


def _shown(value: t.Any) -> str:
    if isinstance(value, t.Mapping):
        return f"a {value['kind']}" if value.get("kind") else "an object without kind"
    return type(value).__name__


def read_format(entry: t.Mapping[str, t.Any]) -> Format:
    """Return an entry of spec.supportedModelFormats."""
    path = "spec.supportedModelFormats"
    return Format(
        name=text(entry, "name", path) or "",
        version=text(entry, "version", path),
        auto_select=flag(entry, "autoSelect", path),
        priority=_whole(entry.get("priority"), f"{path}.priority"),
    )


def _whole(value: t.Any, path: str) -> int | None:
    """Read a whole number, also one written with a fraction of zero, as the API server does."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise SpecError(path, f"must be a whole number, not {value!r}")


_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)?")


def _moment(value: t.Any) -> datetime.datetime | None:
    """Read metadata.creationTimestamp; None where it is absent, which counts as older than every other."""
    if value is None or value == "":
        return None
    match = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise SpecError("metadata.creationTimestamp", f"is {value!r}, where a time like 2026-01-31T08:00:00Z is needed")
    zone = (match[3] or "Z").upper().replace("Z", "+00:00")
    return datetime.datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}")


# The rules of an automatic choice in the order in which a runtime is measured by them (GetSupportingRuntimes).
_RULES: tuple[tuple[str, t.Callable[[Wish, Runtime], bool]], ...] = (
    ("other_namespace", lambda wish, runtime: runtime.namespace not in (None, wish.namespace)),
    ("disabled", lambda wish, runtime: runtime.disabled),
    ("multi_model", lambda wish, runtime: runtime.multi_model),
    ("format", lambda wish, runtime: not _has_format(wish, runtime.formats)),
    ("version", lambda wish, runtime: not _has_version(wish, runtime.formats)),
    ("auto_select", lambda wish, runtime: not _has_version(wish, _automatic_formats(runtime))),
    ("protocol", lambda wish, runtime: not runtime.speaks(_asked_protocol(wish))),
    ("worker_spec", lambda wish, runtime: runtime.worker_spec != wish.worker_spec),
)


def _has_format(wish: Wish, formats: t.Iterable[Format]) -> bool:
    """Say whether there is the format, in whatever version (or the wish matches through its label)."""
    entries = tuple(formats)
    return any(entry.name == wish.format for entry in entries) or _has_version(wish, entries)


def _has_version(wish: Wish, formats: t.Iterable[Format]) -> bool:
    return any(wish.label in entry.labels() for entry in formats)


def _automatic_formats(runtime: Runtime) -> tuple[Format, ...]:
    return tuple(entry for entry in runtime.formats if entry.auto_select)


def _asked_protocol(wish: Wish) -> str:
    return IMPLIED_PROTOCOL if wish.protocol is None else wish.protocol


def _rejection(wish: Wish, runtime: Runtime) -> str | None:
    return next((reason for reason, refuses in _RULES if refuses(wish, runtime)), None)


def _automatic(wish: Wish, runtimes: list[Runtime], kserve_version: str) -> Choice:
    choice = Choice(wish)
    for runtime in runtimes:
        reason = _rejection(wish, runtime)
        if reason is None:
            choice.candidates.append(runtime)
        else:
            choice.rejected.append((runtime, reason))
    choice.candidates, choice.unordered = order(choice.candidates, wish.format, kserve_version)
    if choice.candidates:
        choice.selected = choice.candidates[0]
    else:
        choice.failure = "none_found"
    return choice


def order(
    runtimes: t.Iterable[Runtime], format_name: str, kserve_version: str = versions.DEFAULT
) -> tuple[list[Runtime], bool]:
    """Order candidates as KServe does: namespaced before cluster, then priority, protocol, age, name.

    :returns: the order, and whether it is one that KServe's unstable sort has shuffled (more than 12 candidates of
        one scope, see priority_sort).
    """
    every = list(runtimes)
    stable = versions.supports(kserve_version, "stable_priority_sort")
    ordered: list[Runtime] = []
    shuffled = False
    for scope in (True, False):
        group = sorted((item for item in every if (item.namespace is not None) is scope), key=_before_priority)
        ranks = [_rank(item, format_name) for item in group]
        sort = priority_sort.stable_order if stable else priority_sort.go_order
        places = sort(ranks)
        shuffled = shuffled or places != priority_sort.stable_order(ranks)
        ordered.extend(group[place] for place in places)
    return ordered, shuffled


def _before_priority(runtime: Runtime) -> tuple[int, float, str]:
    """Return the order before priorities: protocol, newest first, name (sortServingRuntimeList)."""
    age = -runtime.created.timestamp() if runtime.created else float("inf")
    return runtime.first_protocol(), age, runtime.name


def _rank(runtime: Runtime, format_name: str) -> int | None:
    return runtime.priority(format_name)


def _explicit(wish: Wish, runtimes: list[Runtime], kserve_version: str) -> Choice:
    choice = Choice(wish)
    named = find(runtimes, t.cast(str, wish.runtime), wish.namespace)
    for runtime in runtimes:
        if runtime is named:
            continue
        foreign = runtime.namespace not in (None, wish.namespace)
        choice.rejected.append((runtime, "other_namespace" if foreign else "not_named"))
    if named is None:
        choice.failure = "not_found"
        return choice
    choice.failure = _explicit_failure(wish, named, kserve_version)
    if choice.failure is None:
        choice.selected = named
    else:
        position = next(index for index, runtime in enumerate(runtimes) if runtime is named)
        choice.rejected.insert(position, (named, choice.failure))
    return choice


def find(runtimes: t.Iterable[Runtime], name: str, namespace: str) -> Runtime | None:
    """Return the runtime that a name means in a namespace, where it hides the cluster's (GetServingRuntime)."""
    matching = [runtime for runtime in runtimes if runtime.name == name and runtime.namespace in (None, namespace)]
    return next((item for item in matching if item.namespace is not None), matching[0] if matching else None)


def _explicit_failure(wish: Wish, runtime: Runtime, kserve_version: str) -> str | None:
    """Name the first check that the named runtime fails; autoSelect, multiModel and workerSpec are not among them."""
    if runtime.disabled:
        return "disabled"
    protocol = _explicit_protocol(wish, kserve_version)
    if protocol is not None and not runtime.speaks(protocol):
        return "protocol"
    if not _has_format(wish, runtime.formats):
        return "format"
    return None if _has_version(wish, runtime.formats) else "version"


def _explicit_protocol(wish: Wish, kserve_version: str) -> str | None:
    """Return the protocol that is checked, if any; before 0.17 a server's own is set before the check."""
    if wish.protocol is not None or versions.supports(kserve_version, "defaults_after_validation"):
        return wish.protocol
    server_type = defaulting.SERVER_TYPE_BY_NAME.get(t.cast(str, wish.runtime))
    return defaulting.PROTOCOL_BY_SERVER_TYPE.get(server_type or "")
