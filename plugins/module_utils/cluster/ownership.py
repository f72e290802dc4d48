# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What server-side apply would make of an object, read from the live one and its managedFields.

Pure: nothing is sent. A wanted object is *unchanged* when every field it names has that value (schema defaults aside)
and our manager's Apply entry owns exactly those fields; then an apply could change nothing, neither content nor
ownership. Which maps and lists are one field (atomic) and which are many is read from the managedFields of all
managers, so that full and minimal CRDs (there ``spec`` is one field) need no schema and no switch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import managed_fields
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.defaults import is_default, without_defaults
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.managed_fields import (
    Fields,
    below,
    is_one_field,
    key_of,
)

CREATE = "create"
CHANGE = "change"
ADOPT = "adopt"
UNCHANGED = "unchanged"

Object = dict[str, Any]

_IDENTITY = ("name", "namespace")
# Nobody applies these; the server keeps them.
_SERVER_METADATA = ("creationTimestamp", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "uid")


def decide(wanted: Mapping[str, Any], live: Mapping[str, Any] | None, manager: str) -> str:
    """What an apply of *wanted* by *manager* would do: ``create``, ``change``, ``adopt`` or ``unchanged``.

    adopt: the content stays and only the record of who owns which field changes. ``unchanged`` is certain; the others
    are an expectation, which ``outcome`` replaces by what the server answered.
    """
    if live is None:
        return CREATE
    content = fields_of(wanted)
    shape = managed_fields.of_all(live)
    mine = managed_fields.of_manager(live, manager)
    if _holds(content, live, shape, "") and _owned(content, mine, shape, ""):
        return UNCHANGED
    return CHANGE if _differ(wanted, live, predict(wanted, live, manager), manager) else ADOPT


def outcome(wanted: Mapping[str, Any], before: Mapping[str, Any] | None, after: Mapping[str, Any], manager: str) -> str:
    """What an apply, or its dry run, did: *before* as it was listed, *after* as the server answered."""
    if before is None:
        return CREATE
    if _differ(wanted, before, after, manager):
        return CHANGE
    same = managed_fields.of_manager(before, manager) == managed_fields.of_manager(after, manager)
    return UNCHANGED if same else ADOPT


def asked_for(
    wanted: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    manager: str,
) -> tuple[Object | None, Object | None]:
    """The parts of *before* and *after* that the task speaks of: fields it names or that *manager* owned before.

    Status, schema defaults and the fields of others are left out. None stays None.
    """
    content = fields_of(wanted)
    shape = managed_fields.of_all(before, after)
    owned = managed_fields.of_manager(before or {}, manager)

    def part(item: Mapping[str, Any] | None) -> Object | None:
        return None if item is None else _named(_part(item, content, owned, shape, ""), item)

    return part(before), part(after)


def predict(wanted: Mapping[str, Any], live: Mapping[str, Any] | None, manager: str) -> Object:
    """The object after an apply, worked out here: for where a dry run is not allowed.

    Lists are taken as one field each, as they are in KServe's ServingRuntime; nothing is filled in.
    """
    content = fields_of(wanted)
    if live is None:
        return _named(content, wanted)
    mine, theirs = managed_fields.of_manager(live, manager), managed_fields.of_others(live, manager)
    kept = _without_dropped(live, content, mine, theirs)
    after: Object = _overlaid(kept, content, managed_fields.of_all(live))
    return after


def fields_of(wanted: Mapping[str, Any]) -> Object:
    """What an apply of *wanted* owns: all but identity; nulls, and empty labels and annotations, are not there."""
    content = {key: _without_nulls(value) for key, value in wanted.items() if key not in ("apiVersion", "kind")}
    metadata = {
        key: value
        for key, value in (content.pop("metadata", None) or {}).items()
        if key not in (*_IDENTITY, *_SERVER_METADATA) and value not in ({}, [])
    }
    content.pop("status", None)
    return {**({"metadata": metadata} if metadata else {}), **content}


def body_of(wanted: Mapping[str, Any], live: Mapping[str, Any] | None = None) -> Object:
    """*wanted* as it is sent.

    Where *live* holds the same but for schema defaults, it goes with them: server-side apply compares before defaults
    are filled in, and would see a conflict with whoever wrote the very same list.
    """
    content = fields_of(wanted)
    if live is not None:
        content = _with_defaults_of(live, content, managed_fields.of_all(live), "")
    return _named(content, wanted)


def presentable(live: Mapping[str, Any] | None) -> Object | None:
    """A live object for a result: without status and managedFields."""
    if live is None:
        return None
    metadata = {key: value for key, value in (live.get("metadata") or {}).items() if key != "managedFields"}
    return {**{key: value for key, value in live.items() if key != "status"}, "metadata": metadata}


_SERVER_SET = ("creationTimestamp", "generation", "resourceVersion", "selfLink", "uid")


def as_written(live: Mapping[str, Any] | None) -> Object:
    """A live object for a diff: what somebody wrote, without what the API server adds to every object; or nothing."""
    found = presentable(live)
    if found is None:
        return {}
    return {**found, "metadata": {key: value for key, value in found["metadata"].items() if key not in _SERVER_SET}}


def _named(content: Mapping[str, Any], item: Mapping[str, Any]) -> Object:
    """*content* with the kind, name and namespace of *item*."""
    kind = {key: item[key] for key in ("apiVersion", "kind") if key in item}
    metadata = item.get("metadata") or {}
    identity = {key: metadata[key] for key in _IDENTITY if metadata.get(key)}
    return {**kind, **content, "metadata": {**identity, **(content.get("metadata") or {})}}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


# -- equality ---------------------------------------------------------------------------------------------------


def _holds(wanted: Any, live: Any, shape: Fields | None, above: str) -> bool:
    """Whether *live* has every value that *wanted* names."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        if is_one_field(live, shape):
            return _same(wanted, live, above)
        return all(key in live and _holds(value, live[key], below(shape, key), key) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(live, list):
        if managed_fields.key_names(shape):
            return _items_hold(wanted, live, shape, above)
        if managed_fields.set_values(shape):
            return all(item in live for item in wanted)
    return _same(wanted, live, above)


def _items_hold(wanted: list[Any], live: list[Any], shape: Fields | None, above: str) -> bool:
    keys, shapes = managed_fields.key_names(shape), managed_fields.items(shape)
    there = {key_of(item, keys, above): item for item in live}
    order = [key_of(item, keys, above) for item in wanted]
    if [key for key in there if key in order] != order:
        return False
    return all(
        _holds(item, there[key], shapes.get(key) or None, above) for key, item in zip(order, wanted, strict=True)
    )


def _same(wanted: Any, live: Any, above: str) -> bool:
    """Whether two values are equal through and through, schema defaults in *live* aside."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        extra = (is_default(above, key, value) for key, value in live.items() if key not in wanted)
        return all(extra) and all(key in live and _same(value, live[key], key) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(live, list):
        return len(wanted) == len(live) and all(_same(a, b, above) for a, b in zip(wanted, live, strict=True))
    return isinstance(wanted, bool) == isinstance(live, bool) and bool(wanted == live)  # True == 1, but not in JSON


def _with_defaults_of(live: Any, wanted: Any, shape: Fields | None, above: str) -> Any:
    """*wanted*, each field that is one to server-side apply taken from *live* where they are the same."""
    if isinstance(wanted, dict) and isinstance(live, dict) and not is_one_field(live, shape):
        return {
            key: _with_defaults_of(live[key], value, below(shape, key), key) if key in live else value
            for key, value in wanted.items()
        }
    if isinstance(wanted, list) and managed_fields.key_names(shape):
        return wanted  # its items' fields have owners of their own
    return live if _same(wanted, live, above) else wanted


# -- ownership --------------------------------------------------------------------------------------------------


def _owned(wanted: Any, mine: Fields | None, shape: Fields | None, above: str) -> bool:
    """Whether the entry *mine* owns exactly the fields that *wanted* names, *wanted* being what is live."""
    if mine is None:
        return False
    if isinstance(wanted, dict) and wanted and not is_one_field(wanted, shape):
        return managed_fields.names(mine) == set(wanted) and all(
            _owned(value, below(mine, key), below(shape, key), key) for key, value in wanted.items()
        )
    if isinstance(wanted, list) and wanted and shape:
        return _items_owned(wanted, mine, shape, above)
    return not mine


def _items_owned(wanted: list[Any], mine: Fields, shape: Fields, above: str) -> bool:
    keys = managed_fields.key_names(shape)
    if not keys:
        values = managed_fields.set_values(mine)
        return len(values) == len(wanted) and all(item in values for item in wanted)
    ours, shapes = managed_fields.items(mine), managed_fields.items(shape)
    there = {key_of(item, keys, above): item for item in wanted}
    return set(there) == set(ours) and all(
        _owned(
            managed_fields.less_default_keys(item, keys, above),
            managed_fields.less_default_keys(ours[key], keys, above, "f:"),
            shapes[key],
            above,
        )
        for key, item in there.items()
    )


# -- what is spoken of ------------------------------------------------------------------------------------------


def _differ(wanted: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], manager: str) -> bool:
    """Whether anything that the task speaks of is different."""
    old, new = asked_for(wanted, before, after, manager)
    return old != new


def _part(live: Any, wanted: Any, owned: Fields | None, shape: Fields | None, above: str) -> Any:
    """The part of *live* that *wanted* names or *owned* owns, less defaults."""
    if isinstance(live, dict) and not is_one_field(live, shape):
        named = wanted if isinstance(wanted, dict) else {}
        spoken_of = {*named, *managed_fields.names(owned)}
        return {
            key: _part(value, named.get(key), below(owned, key), below(shape, key), key)
            for key, value in live.items()
            if key in spoken_of
        }
    if isinstance(live, list):
        named_items = wanted if isinstance(wanted, list) else []
        if managed_fields.key_names(shape):
            return _items_part(live, named_items, owned, shape, above)
        if managed_fields.set_values(shape):
            values = [*named_items, *managed_fields.set_values(owned)]
            return [item for item in live if item in values]
    return without_defaults(live, wanted, above)


def _items_part(live: list[Any], wanted: list[Any], owned: Fields | None, shape: Fields | None, above: str) -> Any:
    keys = managed_fields.key_names(shape)
    ours, shapes = managed_fields.items(owned), managed_fields.items(shape)
    named = {key_of(item, keys, above): item for item in wanted}
    found = {key_of(item, keys, above): item for item in live}
    return [
        _part(item, named.get(key), ours.get(key), shapes.get(key) or None, above)
        for key, item in found.items()
        if key in named or key in ours
    ]


# -- prediction -------------------------------------------------------------------------------------------------


def _without_dropped(live: Any, wanted: Any, mine: Fields | None, theirs: Fields | None) -> Any:
    """*live* less the fields that only we own and *wanted* no longer names."""
    if not isinstance(live, dict) or not mine:
        return live
    named = wanted if isinstance(wanted, dict) else {}
    kept: Object = {}
    for key, value in live.items():
        ours, others = below(mine, key), below(theirs, key)
        rest = _without_dropped(value, named.get(key), ours, others)
        dropped = ours is not None and others is None and key not in named
        if dropped and (not ours or not isinstance(value, dict) or not rest):
            continue
        kept[key] = rest
    return kept


def _overlaid(live: Any, wanted: Any, shape: Fields | None) -> Any:
    if not isinstance(wanted, dict) or not isinstance(live, dict) or is_one_field(live, shape):
        return wanted
    over = {key: _overlaid(live[key], value, below(shape, key)) for key, value in wanted.items() if key in live}
    return {**live, **wanted, **over}
