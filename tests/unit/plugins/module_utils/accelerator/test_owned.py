# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import labels as names
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import owned
from hypothesis import given
from hypothesis import strategies as st

PREFIX = "accelerator.modelserving.io"
VENDOR = f"{PREFIX}/vendor"
TAINT = {"key": "nvidia.com/gpu", "effect": "NoSchedule"}


class Carrier:
    """Stands for the node: what it carries, and a change applied as the API server would."""

    def __init__(self, labels: dict[str, str], taints: list[owned.Taint], annotation: str | None = None) -> None:
        self.labels, self.taints, self.annotation = dict(labels), copy.deepcopy(taints), annotation

    def want(
        self, labels: dict[str, str], taints: list[owned.Taint], born: owned.Born = owned.WITHOUT_TEMPLATE
    ) -> owned.Change:
        change = owned.change(
            self.labels,
            self.taints,
            self.annotation,
            wanted_labels=labels,
            wanted_taints=taints,
            named=names.ours(self.labels, PREFIX),
            born=born,
        )
        for key, value in change.labels.items():
            if value is None:
                del self.labels[key]
            else:
                self.labels[key] = value
        if change.taints is not None:
            self.taints = change.taints
        if change.annotation:
            self.annotation = change.record.text() if change.record else None
        return change

    def carried(self) -> tuple[dict[str, str], list[owned.Taint], str | None]:
        return copy.deepcopy((self.labels, self.taints, self.annotation))


KEYS = [VENDOR, f"{PREFIX}/product", "example.org/team", "nvidia.com/gpu.present"]
LABELS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["a", "b", "", "nvidia"]))
OURS = st.dictionaries(st.sampled_from(KEYS[:3]), st.sampled_from(["a", "b"]))
TAINTS = st.lists(
    st.fixed_dictionaries(
        {"key": st.sampled_from(["nvidia.com/gpu", "team"]), "effect": st.sampled_from(["NoSchedule", "NoExecute"])},
        optional={"value": st.sampled_from(["x", "y"])},
    ),
    unique_by=owned.taint_key,
    max_size=4,
)


@given(LABELS, TAINTS, st.lists(st.tuples(OURS, TAINTS), min_size=1, max_size=4))
def test_whatever_was_wanted_removal_restores_what_was_there(
    labels: dict[str, str], taints: list[owned.Taint], wishes: list[tuple[dict[str, str], list[owned.Taint]]]
) -> None:
    # our own labels are ours without a record too (it may be lost), so none may be there to begin with
    labels = {key: value for key, value in labels.items() if not key.startswith(f"{PREFIX}/")}
    carrier = Carrier(labels, taints)
    before = carrier.carried()
    for wanted_labels, wanted_taints in wishes:
        carrier.want(wanted_labels, wanted_taints)
        assert wanted_labels.items() <= carrier.labels.items()
        assert all(taint in carrier.taints for taint in wanted_taints)
        assert not carrier.want(wanted_labels, wanted_taints), "asked twice, changed twice"
    carrier.want({}, [])
    after = carrier.carried()
    assert after[0] == before[0]
    assert sorted(after[1], key=owned.taint_key) == sorted(before[1], key=owned.taint_key)
    assert after[2] is None


@given(LABELS, TAINTS, OURS, TAINTS)
def test_only_what_is_wanted_or_was_ours_is_written(
    labels: dict[str, str], taints: list[owned.Taint], wanted: dict[str, str], wanted_taints: list[owned.Taint]
) -> None:
    carrier = Carrier(labels, taints)
    change = carrier.want(wanted, wanted_taints)
    ours = {key for key in labels if key.startswith(f"{PREFIX}/") and labels.get(VENDOR) == "nvidia"}
    assert set(change.labels) <= set(wanted) | ours
    touched = {owned.taint_key(taint) for taint in wanted_taints}
    others = [taint for taint in taints if owned.taint_key(taint) not in touched]
    assert [taint for taint in carrier.taints if owned.taint_key(taint) not in touched] == others


def test_a_stale_label_goes() -> None:
    carrier = Carrier({}, [])
    carrier.want({VENDOR: "nvidia", f"{PREFIX}/count": "4"}, [])
    carrier.want({VENDOR: "nvidia"}, [])
    assert carrier.labels == {VENDOR: "nvidia"}


def test_a_value_that_somebody_changed_is_set_right() -> None:
    carrier = Carrier({}, [])
    carrier.want({VENDOR: "nvidia"}, [])
    carrier.labels[VENDOR] = "mine"
    assert carrier.want({VENDOR: "nvidia"}, []).labels == {VENDOR: "nvidia"}
    carrier.want({}, [])
    assert carrier.labels == {}


def test_a_foreign_value_comes_back() -> None:
    carrier = Carrier({"example.org/team": "vision"}, [{**TAINT, "value": "theirs"}])
    carrier.want({"example.org/team": "serving"}, [{**TAINT, "value": "ours"}])
    assert carrier.taints == [{**TAINT, "value": "ours"}]
    carrier.want({}, [])
    assert (carrier.labels, carrier.taints) == ({"example.org/team": "vision"}, [{**TAINT, "value": "theirs"}])


def test_the_same_taint_set_by_the_administrator_stays_his() -> None:
    carrier = Carrier({}, [dict(TAINT)])
    assert not carrier.want({}, [TAINT])
    carrier.want({}, [])
    assert carrier.taints == [TAINT]


def test_a_lost_record_is_found_again() -> None:
    carrier = Carrier({}, [])
    carrier.want({VENDOR: "nvidia"}, [])
    for broken in (None, "not json", "[]", '{"taints": [{}]}'):
        carrier.annotation = broken
        carrier.want({VENDOR: "nvidia"}, [])
        assert owned.Record.parse(carrier.annotation).labels == {VENDOR: None}
    carrier.want({}, [])
    assert carrier.labels == {}


def test_labels_without_a_record_go_by_their_names() -> None:
    theirs = {"example.org/team": "vision", f"{PREFIX}/pool": "theirs", f"{PREFIX}/mig-view": "theirs"}
    ours = {VENDOR: "amd", f"{PREFIX}/count": "4", f"{PREFIX}/state": "healthy", f"{PREFIX}/mig-1g.5gb": "7"}
    carrier = Carrier({**theirs, **ours}, [])
    carrier.want({}, [])
    assert carrier.carried() == (theirs, [], None)


def test_a_lost_record_is_not_taken_for_a_value_to_restore() -> None:
    carrier = Carrier({VENDOR: "nvidia", f"{PREFIX}/count": "4"}, [])
    carrier.want({VENDOR: "nvidia", f"{PREFIX}/count": "8"}, [])
    carrier.want({}, [])
    assert carrier.labels == {}


def test_under_a_prefix_that_others_use_a_label_like_ours_stays_theirs() -> None:
    theirs = {f"{PREFIX}/state": "CA", f"{PREFIX}/product": "R740", VENDOR: "dell"}
    carrier = Carrier(theirs, [])
    assert not carrier.want({}, [])
    carrier.want({VENDOR: "nvidia", f"{PREFIX}/state": "healthy"}, [])
    assert carrier.labels == {**theirs, VENDOR: "nvidia", f"{PREFIX}/state": "healthy"}
    assert not carrier.want({VENDOR: "nvidia", f"{PREFIX}/state": "healthy"}, [])
    carrier.want({}, [])
    assert carrier.labels == theirs


TEMPLATE = owned.Record({"example.org/team": None}, {("nvidia.com/gpu", "NoSchedule"): None})
NEWBORN = ({"example.org/team": "serving"}, [dict(TAINT)])


def test_what_came_from_the_template_is_ours() -> None:
    carrier = Carrier(*NEWBORN)
    assert carrier.want({"example.org/team": "serving"}, [TAINT], owned.Born(TEMPLATE)).annotation
    carrier.want({}, [])
    assert (carrier.labels, carrier.taints) == ({}, [])


def test_what_came_from_the_template_goes_without_ever_having_been_recorded() -> None:
    carrier = Carrier(*NEWBORN)
    change = carrier.want({}, [], owned.Born(TEMPLATE))
    assert carrier.carried() == ({}, [], None)
    assert owned.orphans(None, owned.Born(TEMPLATE), change)
    assert not owned.orphans(TEMPLATE.text(), owned.Born(TEMPLATE), change)


def test_what_the_template_goes_on_giving_stays_whatever_is_wanted() -> None:
    carrier = Carrier(*NEWBORN)
    born = owned.Born(TEMPLATE, {"example.org/team": "serving"}, [TAINT])
    change = carrier.want({}, [], born)
    assert (carrier.labels, carrier.taints) == NEWBORN
    assert change.record == TEMPLATE and not owned.orphans(None, born, change)
    assert not carrier.want({}, [], born)


def test_a_taint_that_somebody_removed_is_not_missed() -> None:
    carrier = Carrier({}, [])
    carrier.want({}, [TAINT])
    carrier.taints = []
    carrier.want({}, [])
    assert carrier.carried() == ({}, [], None)


def test_times_on_taints_survive() -> None:
    theirs: dict[str, Any] = {"key": "team", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"}
    carrier = Carrier({}, [theirs])
    carrier.want({}, [TAINT])
    assert carrier.taints[0] == theirs
