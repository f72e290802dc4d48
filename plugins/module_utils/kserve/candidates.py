# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a choice of runtime reads: of a runtime what it offers, of a service what it asks for.

Source: pkg/apis/serving/v1beta1/predictor_model.go and pkg/apis/serving/v1alpha1/servingruntime_types.go.
"""

from __future__ import annotations

import contextlib
import datetime
import re
import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import defaulting, versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import (
    CLUSTER_SERVING_RUNTIME,
    SERVING_RUNTIME,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import (
    flag,
    mapping,
    mappings,
    name_of,
    namespace_of,
    plain,
    text,
    texts,
)

PROTOCOLS = ("v1", "v2", "grpc-v1", "grpc-v2")
"""Protocols in KServe's order (constants.go, GetProtocolVersionInt); whatever else comes after them."""


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


def read_service(service: Mapping[str, t.Any], kserve_version: str) -> tuple[Wish | None, str | None]:
    """Return what a service asks for, or why it asks for no runtime at all."""
    if not isinstance(service, Mapping):
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


def _without_model(predictor: Mapping[str, t.Any]) -> str:
    if predictor.get("containers"):
        return "its predictor brings its own containers, and KServe asks for no runtime"
    return "its predictor has no model; KServe refuses it"


def read_runtime(runtime: Mapping[str, t.Any], kserve_version: str = versions.DEFAULT) -> Runtime:
    """Return what selection reads of a runtime.

    :raises SpecError: for something that is no ServingRuntime or ClusterServingRuntime.
    """
    kind = runtime.get("kind") if isinstance(runtime, Mapping) else None
    if kind not in (SERVING_RUNTIME[1], CLUSTER_SERVING_RUNTIME[1]):
        raise SpecError("", f"a runtime must be a ServingRuntime or a ClusterServingRuntime, not {_shown(runtime)}")
    with naming(runtime):
        return _read_runtime(plain(runtime), kserve_version)


def _read_runtime(wanted: dict[str, t.Any], kserve_version: str) -> Runtime:
    kind = str(wanted["kind"])
    spec = mapping(wanted, "spec")
    containers = spec.get("containers")
    return Runtime(
        kind=kind,
        namespace=namespace_of(wanted) if kind == SERVING_RUNTIME[1] else None,
        name=name_of(wanted),
        disabled=flag(spec, "disabled", "spec"),
        multi_model=flag(spec, "multiModel", "spec"),
        formats=read_formats(spec),
        protocols=read_protocols(spec),
        worker_spec=spec.get("workerSpec") is not None,
        created=_moment(mapping(wanted, "metadata").get("creationTimestamp")),
        server_type=defaulting.server_type(wanted, kserve_version),
        containers=tuple(str(item.get("name")) for item in mappings(spec, "containers", "spec"))
        if containers is not None
        else None,
    )


@contextlib.contextmanager
def naming(runtime: Mapping[str, t.Any]) -> Iterator[None]:
    """Let a SpecError say which of many runtimes it speaks of."""
    try:
        yield
    except SpecError as error:
        raise SpecError("", f"the {_described(runtime)} cannot be read: {error}") from error


def _described(runtime: Mapping[str, t.Any]) -> str:
    metadata = runtime.get("metadata")
    known = metadata if isinstance(metadata, Mapping) else {}
    where = "/".join(str(known[key]) for key in ("namespace", "name") if known.get(key))
    return f"{runtime.get('kind')} {where or 'without a name'}"


def _shown(value: t.Any) -> str:
    if isinstance(value, Mapping):
        return f"a {value['kind']}" if value.get("kind") else "an object without kind"
    return type(value).__name__


def read_format(entry: Mapping[str, t.Any], path: str = "spec.supportedModelFormats") -> Format:
    """Return an entry of spec.supportedModelFormats."""
    return Format(
        name=text(entry, "name", path) or "",
        version=text(entry, "version", path),
        auto_select=flag(entry, "autoSelect", path),
        priority=_whole(entry.get("priority"), f"{path}.priority"),
    )


def read_formats(spec: Mapping[str, t.Any]) -> tuple[Format, ...]:
    """Return the formats of a runtime's spec."""
    path = "spec.supportedModelFormats"
    entries = mappings(spec, "supportedModelFormats", "spec")
    return tuple(read_format(entry, f"{path}[{index}]") for index, entry in enumerate(entries))


def read_protocols(spec: Mapping[str, t.Any]) -> tuple[str, ...]:
    """Return the protocols of a runtime's spec."""
    return tuple(texts(spec, "protocolVersions", "spec"))


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
