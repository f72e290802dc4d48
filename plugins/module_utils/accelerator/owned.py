# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels and taints that we put on an object of somebody else's, and how to take them away again.

What is ours, and what was there before, is recorded in one annotation of the object. So only our own keys are ever
written, stale ones are found without guessing, and a full removal leaves the object as it was. Two things are ours
without a record: what an object was born with from a template that we changed, and our own labels on an object whose
record was lost.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
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
class Born:
    """What an object has from a template."""

    record: Record = NOTHING
    """what of it is ours in the template, so that it does not count as having been there before"""
    labels: Mapping[str, str] = field(default_factory=dict)
    """what of ours it goes on being given, and therefore keeps, whatever else is wanted"""
    taints: list[Taint] = field(default_factory=list)


WITHOUT_TEMPLATE = Born()


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
    named: Collection[str] = (),
    born: Born = WITHOUT_TEMPLATE,
) -> Change:
    """What has to be written so that the object carries what is wanted, and nothing of ours besides.

    labels, taints, annotation: what it carries now; named: those of the labels that are ours by their names.
    """
    ours = known(annotation, named, born)
    new_labels, label_record = _labels(labels, ours, {**born.labels, **wanted_labels})
    new_taints, taint_record = _taints(taints, ours, _both(wanted_taints, born.taints))
    record = Record(label_record, taint_record)
    text = record.text() if record else None
    keys = sorted({*ours.labels, *label_record})
    touched = {*ours.taints, *taint_record}
    return Change(
        labels=new_labels,
        taints=None if new_taints == list(taints) else new_taints,
        record=record,
        annotation=text != annotation,
        before=_view(labels, taints, keys, touched),
        after=_view(_applied(labels, new_labels), new_taints, keys, touched),
    )


def known(annotation: str | None, named: Collection[str] = (), born: Born = WITHOUT_TEMPLATE) -> Record:
    """All that is ours on an object: by its own record, by its template's, and by our labels' names."""
    own = Record.parse(annotation)
    # where the record knows some of our labels, it was not lost: those that it does not know are somebody else's
    lost = dict.fromkeys(named if own.labels.keys().isdisjoint(named) else ())
    return Record({**lost, **born.record.labels, **own.labels}, {**born.record.taints, **own.taints})


def orphans(annotation: str | None, born: Born, planned: Change) -> bool:
    """Whether the plan takes something away that nothing but the template's record says to be ours."""
    own = Record.parse(annotation)
    labels = born.record.labels.keys() - own.labels.keys() - planned.record.labels.keys()
    taints = born.record.taints.keys() - own.taints.keys() - planned.record.taints.keys()
    return bool(labels or taints)


def _labels(
    live: Mapping[str, str], ours: Record, wanted: Mapping[str, str]
) -> tuple[dict[str, str | None], dict[str, str | None]]:
    record = {key: ours.labels[key] if key in ours.labels else live.get(key) for key in wanted}
    changes: dict[str, str | None] = {key: value for key, value in wanted.items() if live.get(key) != value}
    for key, was in ours.labels.items():
        if key not in wanted and live.get(key) != was:
            changes[key] = was
    return changes, record


def _both(wanted: Sequence[Taint], more: Sequence[Taint]) -> list[Taint]:
    """The wanted taints, and of the others those that are not among them."""
    keys = {taint_key(taint) for taint in wanted}
    return [*wanted, *(taint for taint in more if taint_key(taint) not in keys)]


def _taints(
    live: Sequence[Taint], ours: Record, wanted: Sequence[Taint]
) -> tuple[list[Taint], dict[TaintKey, Taint | None]]:
    result = [dict(taint) for taint in live]
    record: dict[TaintKey, Taint | None] = {}
    for taint in wanted:
        key = taint_key(taint)
        index = _find(result, key)
        if index is None:
            result.append(dict(taint))
            record[key] = ours.taints.get(key)
            continue
        same = _same_value(result[index], taint)
        if same and key not in ours.taints:
            continue  # the same taint, put there by somebody else, stays theirs
        record[key] = ours.taints[key] if key in ours.taints else dict(result[index])
        if not same:
            result[index] = dict(taint)
    kept = {taint_key(taint) for taint in wanted}
    for key, was in ours.taints.items():
        index = _find(result, key)
        if key in kept or index is None:
            continue
        result[index : index + 1] = [dict(was)] if was else []
    return result, record


def replaced(taints: Sequence[Taint], before: Sequence[Taint], after: Sequence[Taint]) -> list[Taint] | None:
    """*taints* with those of *before* or *after* among them as they are after; None where they are so already."""
    becomes: dict[TaintKey, Taint | None] = {taint_key(taint): None for taint in before}
    becomes.update((taint_key(taint), taint) for taint in after)
    result: list[Taint] = []
    for taint in taints:
        target = becomes.get(taint_key(taint), taint)
        if target:
            result.append(taint if _same_value(taint, target) else target)
    return None if result == list(taints) else result


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
