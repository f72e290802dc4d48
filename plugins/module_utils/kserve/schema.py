# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the API server's schema makes of a runtime's spec: what it refuses, fills in and does not know.

The schema is that of KServe's full CRD (runtime_schema.py). Source of the behaviour: k8s.io/apiextensions-apiserver,
pkg/apiserver/schema (defaulting, pruning of nulls, listtype) and k8s.io/kube-openapi, pkg/validation/validate.
"""

from __future__ import annotations

import functools
import json
import re
import typing as t
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import runtime_schema
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import plain

QUANTITY = re.compile(
    r"(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?"
)
QUANTITY_SHOWN = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)

# Scalar types of runtime_schema.py: the JSON types that the API server lets through.
SCALARS: dict[str, tuple[str, ...]] = {
    "string": ("string",),
    "boolean": ("boolean",),
    "integer": ("integer",),
    "int32": ("integer",),
    "int64": ("integer",),
    "quantity": ("integer", "string"),
    "int_or_string": ("integer", "string"),
}

# What KServe's webhook can read of a number (Go's types); the API server's schema checks no range.
RANGES: dict[str, tuple[int, int]] = {
    "int32": (-(2**31), 2**31 - 1),
    "int_or_string": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "integer": (-(2**63), 2**63 - 1),
    "uint16": (0, 2**16 - 1),
}
UINT16_FIELDS = frozenset({"spec.replicas"})

# How the webhook names fields whose numbers it cannot read (encoding/json: struct, then path).
GO_FIELDS = {
    "spec.supportedModelFormats.priority": "SupportedModelFormat.spec.supportedModelFormats.priority",
    "spec.replicas": "ServingRuntimeSpec.spec.replicas",
    "spec.containers.ports.containerPort": "ContainerPort.spec.ServingRuntimePodSpec.containers.ports.containerPort",
}


@dataclass(frozen=True)
class Violation:
    """A part of an object that the API server refuses, in its own words (without the object's prefix)."""

    path: str
    text: str
    also: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything that the API server says about it."""
        return (self.text, *self.also)


@dataclass(frozen=True)
class Field:
    """A field of a shape."""

    name: str
    type: str
    required: bool
    default: t.Any
    minimum: int | None
    keys: tuple[str, ...] | None


Shape = dict[str, Field]


@functools.cache
def shapes() -> dict[str, Shape]:
    """Return the shapes of runtime_schema.py by name."""
    paragraphs = re.split(r"\n{2,}", runtime_schema.SHAPES.strip())
    return {name: _shape(lines) for name, *lines in (paragraph.splitlines() for paragraph in paragraphs)}


def _shape(lines: Iterable[str]) -> Shape:
    fields = (_field(*line.split()) for line in lines if line.strip())
    return {field.name: field for field in fields}


def _field(name: str, kind: str, *words: str) -> Field:
    marks = {word[:2] if word.startswith(">=") else word[0]: word for word in words}
    keys = marks.get("@")
    return Field(
        name=name.rstrip("!"),
        type=kind,
        required=name.endswith("!"),
        default=json.loads(marks["="][1:]) if "=" in marks else None,
        minimum=int(marks[">="][2:]) if ">=" in marks else None,
        keys=tuple(keys[1:].split(",")) if keys and len(keys) > 1 else (() if keys else None),
    )


def fields_of(path: str) -> Shape | None:
    """Return the fields below a path of the spec (`containers`, `workerSpec.containers`), None where there are none."""
    shape: Shape | None = shapes()["runtime"]
    for part in filter(None, path.split(".")):
        field = shape.get(part) if shape else None
        shape = shapes().get(_inner(field.type)) if field else None
    return shape


def _inner(kind: str) -> str:
    while kind[0] in "[{":
        kind = kind[1:-1]
    return kind


def stored(spec: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return a spec as the API server stores it: nulls dropped, defaults filled in (unknown fields are kept)."""
    return t.cast("dict[str, t.Any]", _stored(plain(spec), "runtime"))


def _stored(value: t.Any, kind: str) -> t.Any:
    if isinstance(value, list) and kind[0] == "[":
        return [_stored(item, kind[1:-1]) for item in value]
    if not isinstance(value, dict):
        return value
    if kind[0] == "{":
        return {key: _stored(item, kind[1:-1]) for key, item in value.items() if item is not None}
    fields = shapes().get(kind)
    if fields is None:
        return value
    kept = {
        key: _stored(item, fields[key].type) if key in fields else item
        for key, item in value.items()
        if item is not None
    }
    missing = {field.name: field.default for field in fields.values() if field.default is not None}
    return {**kept, **{key: item for key, item in missing.items() if key not in kept}}


def unknown(spec: Mapping[str, t.Any]) -> list[str]:
    """Return the paths of fields that the schema does not have, which the API server drops."""
    return list(_unknown(plain(spec), "runtime", "spec"))


def _unknown(value: t.Any, kind: str, path: str) -> Iterator[str]:
    if isinstance(value, list) and kind[0] == "[":
        for index, item in enumerate(value):
            yield from _unknown(item, kind[1:-1], f"{path}[{index}]")
    elif isinstance(value, dict) and kind[0] == "{":
        for key, item in value.items():
            yield from _unknown(item, kind[1:-1], f"{path}.{key}")
    elif isinstance(value, dict) and kind in shapes():
        fields = shapes()[kind]
        for key, item in value.items():
            if key in fields:
                yield from _unknown(item, fields[key].type, f"{path}.{key}")
            else:
                yield f"{path}.{key}"


def violations(spec: t.Any) -> list[Violation]:
    """Return what the API server refuses in a spec (stored form, see :func:`stored`), in the order of the paths."""
    return list(_check(spec, "runtime", "spec"))


def _check(value: t.Any, kind: str, path: str, field: Field | None = None) -> Iterator[Violation]:
    if kind[0] == "[":
        yield from _check_list(value, kind[1:-1], path, field)
    elif kind[0] == "{":
        yield from _check_map(value, kind[1:-1], path)
    elif kind in SCALARS:
        yield from _check_scalar(value, kind, path, field)
    else:
        yield from _check_shape(value, kind, path)


def _check_list(value: t.Any, kind: str, path: str, field: Field | None) -> Iterator[Violation]:
    if not isinstance(value, list):
        yield _wrong_type(value, ("array",), path)
        return
    for index, item in enumerate(value):
        yield from _check(item, kind, f"{path}[{index}]")
    if field is not None and field.keys is not None:
        yield from _check_unique(value, field.keys, path)


def _check_unique(items: list[t.Any], keys: tuple[str, ...], path: str) -> Iterator[Violation]:
    seen: set[str] = set()
    for index, item in enumerate(items):
        if keys:
            item = {key: item[key] for key in keys if key in item} if isinstance(item, dict) else item
        identity = json.dumps(item, sort_keys=True, separators=(",", ":"))
        if identity in seen:
            yield Violation(f"{path}[{index}]", f"{path}[{index}]: Duplicate value: {identity}")
        seen.add(identity)


def _check_map(value: t.Any, kind: str, path: str) -> Iterator[Violation]:
    if not isinstance(value, dict):
        yield _wrong_type(value, ("object",), path)
        return
    for key, item in value.items():
        yield from _check(item, kind, f"{path}.{key}")


def _check_shape(value: t.Any, kind: str, path: str) -> Iterator[Violation]:
    if not isinstance(value, dict):
        yield _wrong_type(value, ("object",), path)
        return
    for field in shapes()[kind].values():
        where = f"{path}.{field.name}"
        if field.name in value:
            yield from _check(value[field.name], field.type, where, field)
        elif field.required:
            yield Violation(where, f"{where}: Required value")


def _check_scalar(value: t.Any, kind: str, path: str, field: Field | None) -> Iterator[Violation]:
    allowed = SCALARS[kind]
    if json_type(value) not in allowed:
        yield _wrong_type(value, allowed, path)
    elif kind == "quantity" and isinstance(value, str) and not QUANTITY.fullmatch(value):
        shown = json.dumps(value, ensure_ascii=False)
        yield Violation(path, f"{path}: Invalid value: {shown}: {path} in body should match '{QUANTITY_SHOWN}'")
    elif field is not None and field.minimum is not None and value < field.minimum:
        text = f"{path}: Invalid value: {value}: {path} in body should be greater than or equal to {field.minimum}"
        yield Violation(path, text)


def _wrong_type(value: t.Any, allowed: tuple[str, ...], path: str) -> Violation:
    found = json_type(value)
    text = f'{path}: Invalid value: "{found}": {path} in body must be of type {{}}: "{found}"'
    if len(allowed) == 1:
        return Violation(path, text.format(allowed[0]))
    no_schema = f'<nil>: Invalid value: "": "{path}" must validate at least one schema (anyOf)'
    return Violation(path, text.format(",".join(allowed)), (no_schema, text.format(allowed[0])))


def json_type(value: t.Any) -> str:
    """Name a value's JSON type as the API server does; a float without fraction is an integer."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    words: dict[type, str] = {str: "string", list: "array", dict: "object"}
    return words.get(type(value), type(value).__name__)


def unreadable(spec: Mapping[str, t.Any]) -> Violation | None:
    """Return the first number that passes the schema and that KServe's webhook cannot read, else None."""
    return next(_unreadable(spec, "runtime", "spec"), None)


def _unreadable(value: t.Any, kind: str, path: str) -> Iterator[Violation]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unreadable(item, kind[1:-1], f"{path}[{index}]")
    elif isinstance(value, dict):
        fields = shapes().get(kind, {})
        for key in sorted(value):
            inner = fields[key].type if key in fields else kind[1:-1] if kind[0] == "{" else None
            if inner is not None:
                yield from _unreadable(value[key], inner, f"{path}.{key}")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        go_type = "uint16" if path in UINT16_FIELDS else kind
        low, high = RANGES.get(go_type, (value, value))
        if not low <= value <= high:
            where = GO_FIELDS.get(re.sub(r"\[\d+\]", "", path), path)
            go_type = "int32" if go_type == "int_or_string" else "int" if go_type == "integer" else go_type
            yield Violation(
                path, f"json: cannot unmarshal number {value} into Go struct field {where} of type {go_type}"
            )
