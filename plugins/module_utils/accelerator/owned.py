# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels and taints that we put on an object of somebody else's, and how to take them away again.

What is ours, and what was there before, is recorded in one annotation of the object. So only our own keys are ever
written, stale ones are found without guessing, and a full removal leaves the object as it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Taint = dict[str, Any]
TaintKey = tuple[str, str]
"""key and effect: what makes a taint one and the same to Kubernetes"""


@dataclass(frozen=True)
class Record:
    """What we own: for each label and taint the value that it had before, None where it was not there."""

    labels: Mapping[str, str | None] = field(default_factory=dict)
    taints: Mapping[TaintKey, Taint | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.labels or self.taints)

    def text(self) -> str:
        """The annotation's value: the same record is always the same text."""
        taints = [
            {"key": key, "effect": effect, "was": was} for (key, effect), was in sorted(self.taints.items(), key=str)
        ]
        return json.dumps({"labels": dict(self.labels), "taints": taints}, sort_keys=True, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str | None) -> Record:
        """The record in an annotation; an empty one where there is none, or where somebody broke it."""
        try:
            content = json.loads(text or "{}")
            return cls(
                {str(key): was for key, was in content.get("labels", {}).items()},
                {(item["key"], item["effect"]): item.get("was") for item in content.get("taints", [])},
            )
        except (ValueError, AttributeError, KeyError, TypeError):
            return cls()


NOTHING = Record()


@dataclass(frozen=True)
class Change:
    """The way from what an object carries to what it should carry."""

    labels: dict[str, str | None]
    """label -> new value, None to take it away; only those that differ"""
    taints: list[Taint] | None
    """the whole new list, None where it stays as it is"""
    record: Record
    annotation: bool
    """whether the annotation has to be written"""
    before: dict[str, Any]
    after: dict[str, Any]

    def __bool__(self) -> bool:
        return bool(self.labels or self.annotation or self.taints is not None)


def change(
    labels: Mapping[str, str],
    taints: Sequence[Taint],
    annotation: str | None,
    *,
    wanted_labels: Mapping[str, str],
    wanted_taints: Sequence[Taint],
    prefix: str,
    inherited: Record = NOTHING,
) -> Change:
    """What has to be written so that the object carries what is wanted, and nothing of ours besides.

    labels, taints, annotation: what it carries now; inherited: what came from its template and is ours there, so that
    it does not count as having been there before.
    """
    owned = Record.parse(annotation)
    new_labels, label_record = _labels(labels, owned, wanted_labels, prefix, inherited)
    new_taints, taint_record = _taints(taints, owned, wanted_taints, inherited)
    record = Record(label_record, taint_record)
    text = record.text() if record else None
    keys = sorted({*owned.labels, *label_record})
    touched = {*owned.taints, *taint_record}
    return Change(
        labels=new_labels,
        taints=None if new_taints == list(taints) else new_taints,
        record=record,
        annotation=text != annotation,
        before=_view(labels, taints, keys, touched),
        after=_view(_applied(labels, new_labels), new_taints, keys, touched),
    )


def _labels(
    live: Mapping[str, str], owned: Record, wanted: Mapping[str, str], prefix: str, inherited: Record
) -> tuple[dict[str, str | None], dict[str, str | None]]:
    changes: dict[str, str | None] = {}
    record: dict[str, str | None] = {}
    for key, value in wanted.items():
        record[key] = _label_before(key, value, live, owned, prefix, inherited)
        if live.get(key) != value:
            changes[key] = value
    for key, was in owned.labels.items():
        if key not in wanted and live.get(key) != was:
            changes[key] = was
    return changes, record


def _label_before(
    key: str, value: str, live: Mapping[str, str], owned: Record, prefix: str, inherited: Record
) -> str | None:
    for record in (owned, inherited):
        if key in record.labels:
            return record.labels[key]
    # Under our own prefix, and just what we would write: ours, from a template or a record that was lost.
    if key.startswith(f"{prefix}/") and live.get(key) == value:
        return None
    return live.get(key)


def _taints(
    live: Sequence[Taint], owned: Record, wanted: Sequence[Taint], inherited: Record
) -> tuple[list[Taint], dict[TaintKey, Taint | None]]:
    result = [dict(taint) for taint in live]
    record: dict[TaintKey, Taint | None] = {}
    for taint in wanted:
        key = taint_key(taint)
        index = _find(result, key)
        if index is None:
            result.append(dict(taint))
            record[key] = owned.taints.get(key)
            continue
        known = next((record_of.taints[key] for record_of in (owned, inherited) if key in record_of.taints), _UNKNOWN)
        if _same_value(result[index], taint):
            if known is not _UNKNOWN:
                record[key] = known
            continue  # the same taint, put there by somebody else, stays theirs
        record[key] = dict(result[index]) if known is _UNKNOWN else known
        result[index] = dict(taint)
    kept = {taint_key(taint) for taint in wanted}
    for key, was in owned.taints.items():
        index = _find(result, key)
        if key in kept or index is None:
            continue
        result[index : index + 1] = [dict(was)] if was else []
    return result, record


_UNKNOWN: Any = object()


def taint_key(taint: Mapping[str, Any]) -> TaintKey:
    return str(taint["key"]), str(taint["effect"])


def _same_value(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (one.get("value") or "") == (other.get("value") or "")


def _find(taints: Sequence[Taint], key: TaintKey) -> int | None:
    return next((index for index, taint in enumerate(taints) if taint_key(taint) == key), None)


def _applied(live: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in {**live, **changes}.items() if value is not None}


def _view(
    labels: Mapping[str, str], taints: Sequence[Taint], keys: Sequence[str], touched: set[TaintKey]
) -> dict[str, Any]:
    """The part of the object that this task is about, for diffs and results."""
    return {
        "labels": {key: labels[key] for key in keys if key in labels},
        "taints": [_plain(taint) for taint in taints if taint_key(taint) in touched],
    }


def _plain(taint: Mapping[str, Any]) -> Taint:
    return {key: taint[key] for key in ("key", "value", "effect") if taint.get(key)}
