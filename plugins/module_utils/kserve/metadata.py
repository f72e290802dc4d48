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


def violations(resource: t.Mapping[str, t.Any]) -> list[Violation]:
    """Return what the API server refuses in an object's metadata.

    :raises SpecError: where metadata is no mapping.
    """
    return list(_violations(mapping(resource, "metadata")))


def _violations(metadata: dict[str, t.Any]) -> t.Iterator[Violation]:
    yield from _name(metadata)
    for field, check in (("labels", _label), ("annotations", _annotation)):
        entries = metadata.get(field)
        if entries is None:
            continue
        path = f"metadata.{field}"
        if not isinstance(entries, dict):
            yield _undecodable(path, entries, "a mapping")
            continue
        for key, value in entries.items():
            yield from check(path, key, value)
    yield from _size(metadata.get("annotations"))


def _name(metadata: dict[str, t.Any]) -> t.Iterator[Violation]:
    name = metadata.get("name")
    path = "metadata.name"
    if name is None or name == "":
        if not metadata.get("generateName"):
            yield Violation(path, f"{path}: Required value: name or generateName is required")
    elif not isinstance(name, str):
        yield _undecodable(path, name, "text")
    else:
        yield from (_invalid(path, name, text) for text in subdomain_faults(name))


def subdomain_faults(name: str) -> list[str]:
    """Return what is wrong with a name that must be a DNS subdomain."""
    faults = [f"must be no more than {MAX_NAME} bytes"] if len(name.encode()) > MAX_NAME else []
    return faults if SUBDOMAIN.fullmatch(name) else [*faults, _NOT_SUBDOMAIN]


def _label(path: str, key: str, value: t.Any) -> t.Iterator[Violation]:
    yield from _key(path, key)
    if value is None:
        return
    if not isinstance(value, str):
        yield _undecodable(f"{path}.{key}", value, "text")
    elif len(value) > MAX_LABEL:
        yield _invalid(path, value, f"must be no more than {MAX_LABEL} bytes")
    elif value and not QUALIFIED.fullmatch(value):
        yield _invalid(path, value, _NOT_LABEL_VALUE)


def _annotation(path: str, key: str, value: t.Any) -> t.Iterator[Violation]:
    yield from _key(path, key.lower())
    if value is not None and not isinstance(value, str):
        yield _undecodable(f"{path}.{key}", value, "text")


def _key(path: str, key: str) -> t.Iterator[Violation]:
    prefix, slash, name = key.rpartition("/")
    if slash and (not prefix or "/" in prefix or subdomain_faults(prefix)):
        yield _invalid(path, key, f"prefix part {_NOT_SUBDOMAIN}")
    elif not name:
        yield _invalid(path, key, "name part must be non-empty")
    elif len(name) > MAX_LABEL:
        yield _invalid(path, key, f"name part must be no more than {MAX_LABEL} bytes")
    elif not QUALIFIED.fullmatch(name):
        yield _invalid(path, key, _NOT_QUALIFIED)


def _size(annotations: t.Any) -> t.Iterator[Violation]:
    if not isinstance(annotations, dict):
        return
    size = sum(len(str(part).encode()) for pair in annotations.items() for part in pair if part is not None)
    if size > MAX_ANNOTATIONS:
        yield Violation(
            "metadata.annotations",
            f"metadata.annotations: Too long: may not be more than {MAX_ANNOTATIONS} bytes",
        )


def _invalid(path: str, value: str, text: str) -> Violation:
    return Violation(path, f"{path}: Invalid value: {json.dumps(value, ensure_ascii=False)}: {text}")


def _undecodable(path: str, value: t.Any, wanted: str) -> Violation:
    return Violation(path, f"{path}: must be {wanted}, and is {json_type(value)}; the API server cannot read it")
