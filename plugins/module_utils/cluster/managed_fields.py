# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading metadata.managedFields: who owns which field.

Source of the format: k8s.io/apimachinery meta/v1 FieldsV1; sigs.k8s.io/structured-merge-diff fieldpath/serialize-pe.go
(``f:<name>`` a field, ``k:<json>`` an item of a keyed list, ``v:<json>`` a value of a set, ``.`` the thing itself).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.defaults import DEFAULTS

Fields = Mapping[str, Any]


def of_all(*live: Mapping[str, Any] | None) -> Fields | None:
    """The fields that anybody owns on any of the objects; those of the status left out. None where nobody does."""
    return merged(entry.get("fieldsV1") or {} for item in live for entry in _entries(item or {})) or None


def of_manager(live: Mapping[str, Any], manager: str) -> Fields:
    """The fields that *manager* owns by server-side apply."""
    return merged(entry.get("fieldsV1") or {} for entry in _entries(live) if _applied_by(entry, manager))


def of_others(live: Mapping[str, Any], manager: str) -> Fields:
    """The fields that anybody but *manager* owns."""
    return merged(entry.get("fieldsV1") or {} for entry in _entries(live) if not _applied_by(entry, manager))


def has_applied(live: Mapping[str, Any], manager: str) -> bool:
    """Whether *manager* has an entry of its own on the object."""
    return any(_applied_by(entry, manager) for entry in _entries(live))


def merged(entries: Iterable[Fields]) -> Fields:
    """The union of field sets, without the marks of the thing itself."""
    result: dict[str, Any] = {}
    for entry in entries:
        _merge_into(result, entry)
    return result


def _merge_into(result: dict[str, Any], entry: Fields) -> None:
    for key, below_key in entry.items():
        if key != ".":
            _merge_into(result.setdefault(key, {}), below_key)


def _entries(live: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = (live.get("metadata") or {}).get("managedFields") or []
    return [entry for entry in entries if not entry.get("subresource")]


def _applied_by(entry: Mapping[str, Any], manager: str) -> bool:
    return entry.get("manager") == manager and entry.get("operation") == "Apply"


def below(fields: Fields | None, name: str) -> Fields | None:
    """The fields under the field *name*; None where it is not there."""
    return None if fields is None else fields.get("f:" + name)


def names(fields: Fields | None) -> set[str]:
    """The names of the fields directly under *fields*."""
    return {key[2:] for key in fields or {} if key.startswith("f:")}


def is_one_field(value: Any, shape: Fields | None) -> bool:
    """Whether a live map is one field to server-side apply: somebody owns it, and nobody a part of it."""
    return isinstance(value, dict) and bool(value) and shape is not None and not shape


def set_values(fields: Fields | None) -> list[Any]:
    """The values of a list that is a set."""
    return [json.loads(key[2:]) for key in fields or {} if key.startswith("v:")]


def key_names(fields: Fields | None) -> tuple[str, ...]:
    """The key fields of a keyed list; none where it is another kind of list, or no item is owned."""
    key = next((key for key in fields or {} if key.startswith("k:")), None)
    return tuple(sorted(json.loads(key[2:]))) if key else ()


def items(fields: Fields | None) -> dict[str, Fields]:
    """A keyed list's items by their key in one spelling (see ``key_of``)."""
    return {
        json.dumps(json.loads(key[2:]), sort_keys=True): under
        for key, under in (fields or {}).items()
        if key.startswith("k:")
    }


def key_of(item: Any, keys: tuple[str, ...], above: str) -> str:
    """The key of a list's item in one spelling; for a key field left out, the schema's default counts."""
    fields = item if isinstance(item, dict) else {}
    found = {name: fields.get(name, DEFAULTS.get((above, name))) for name in keys}
    return json.dumps({name: value for name, value in found.items() if value is not None}, sort_keys=True)


def less_default_keys(fields: Fields, keys: tuple[str, ...], above: str, prefix: str = "") -> dict[str, Any]:
    """An item, or its owner's entry, less the key fields with a default: written or not, the item is the same."""
    return {
        name: value
        for name, value in fields.items()
        if not (name[len(prefix) :] in keys and (above, name[len(prefix) :]) in DEFAULTS)
    }
