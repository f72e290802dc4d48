# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the API server refuses in the metadata of any object.

Source: k8s.io/apimachinery, pkg/api/validation (ValidateObjectMeta, ValidateAnnotations), pkg/apis/meta/v1/validation
(ValidateLabels) and pkg/util/validation; the sentences are theirs.
"""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.schema import Violation, json_type
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import mapping

MAX_NAME = 253
MAX_LABEL = 63
MAX_ANNOTATIONS = 256 * 1024

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
LABEL = re.compile(_LABEL)
SUBDOMAIN = re.compile(_SUBDOMAIN)
QUALIFIED = re.compile(_QUALIFIED)

_NOT_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_NOT_LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    r"'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_NOT_QUALIFIED = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    f"character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED}')"
)


def violations(resource: Mapping[str, t.Any]) -> list[Violation]:
    """Return what the API server refuses in an object's metadata.

    :raises SpecError: where metadata is no mapping.
    """
    return list(_violations(mapping(resource, "metadata"), str(resource.get("kind"))))


def _violations(metadata: dict[str, t.Any], kind: str) -> Iterator[Violation]:
    undecodable = next(_undecodable(metadata), None)
    if undecodable is not None:
        field, value, wanted = undecodable
        text = f"json: cannot unmarshal {_GO_WORDS[json_type(value)]} into Go struct field ObjectMeta.{field}"
        yield Violation(
            f"metadata.{field}", f'{kind} in version "v1alpha1" cannot be handled as a {kind}: {text} {wanted}'
        )
        return
    yield from _name(metadata.get("name"), metadata.get("generateName"))
    for key, value in (metadata.get("labels") or {}).items():
        faults = [(key, text) for text in key_faults(key)] + [(value, text) for text in value_faults(value or "")]
        yield from (_invalid("metadata.labels", shown, text) for shown, text in faults)
    for key in metadata.get("annotations") or {}:
        yield from (_invalid("metadata.annotations", key, text) for text in key_faults(key.lower()))
    yield from _size(metadata.get("annotations") or {})


_GO_WORDS = {"integer": "number", "number": "number", "boolean": "bool", "array": "array", "object": "object"}
_GO_WORDS["string"] = "string"


def _undecodable(metadata: dict[str, t.Any]) -> Iterator[tuple[str, t.Any, str]]:
    """Yield the fields that the API server cannot read at all, with what it wants instead."""
    for field in ("annotations", "labels"):
        entries = metadata.get(field)
        if entries is not None and not isinstance(entries, dict):
            yield field, entries, "of type map[string]string"
        elif entries is not None:
            wrong = (value for value in entries.values() if value is not None and not isinstance(value, str))
            yield from ((field, value, "of type string") for value in wrong)
    for field in ("name", "namespace", "generateName"):
        if not isinstance(metadata.get(field), (str, type(None))):
            yield field, metadata[field], "of type string"


def _name(name: str | None, prefix: str | None) -> Iterator[Violation]:
    path = "metadata.name"
    if name:
        yield from (_invalid(path, name, text) for text in subdomain_faults(name))
    elif not prefix:
        yield Violation(path, f"{path}: Required value: name or generateName is required")


def subdomain_faults(name: str) -> list[str]:
    """Return what is wrong with a name that must be a DNS subdomain."""
    faults = [f"must be no more than {MAX_NAME} characters"] if len(name.encode()) > MAX_NAME else []
    return faults if SUBDOMAIN.fullmatch(name) else [*faults, _NOT_SUBDOMAIN]


def key_faults(key: str) -> list[str]:
    """Return what is wrong with a label's or annotation's key (IsQualifiedName)."""
    parts = key.split("/")
    if len(parts) > 2:
        rule = _NOT_QUALIFIED.replace("name part", "a qualified name", 1)
        return [f"{rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    faults = []
    if len(parts) == 2:
        faults = [f"prefix part {text}" for text in (subdomain_faults(parts[0]) if parts[0] else ["must be non-empty"])]
    if not parts[-1]:
        faults.append("name part must be non-empty")
    elif len(parts[-1].encode()) > MAX_LABEL:
        faults.append(f"name part must be no more than {MAX_LABEL} characters")
    if not QUALIFIED.fullmatch(parts[-1]):
        faults.append(_NOT_QUALIFIED)
    return faults


def value_faults(value: str) -> list[str]:
    """Return what is wrong with a label's value (IsValidLabelValue)."""
    faults = [f"must be no more than {MAX_LABEL} characters"] if len(value.encode()) > MAX_LABEL else []
    return faults if not value or QUALIFIED.fullmatch(value) else [*faults, _NOT_LABEL_VALUE]


def _size(annotations: dict[str, str]) -> Iterator[Violation]:
    size = sum(len((part or "").encode()) for pair in annotations.items() for part in pair)
    if size > MAX_ANNOTATIONS:
        text = f"Too long: may not be more than {MAX_ANNOTATIONS} bytes"
        yield Violation("metadata.annotations", f"metadata.annotations: {text}")


def _invalid(path: str, value: str, text: str) -> Violation:
    return Violation(path, f"{path}: Invalid value: {json.dumps(value, ensure_ascii=False)}: {text}")
