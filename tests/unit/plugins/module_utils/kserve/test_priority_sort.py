# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of candidates against what Go's sort.Slice made of them (recorded/go_sort.json)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import priority_sort
from hypothesis import given
from hypothesis import strategies as st

RECORDED = json.loads((Path(__file__).parent / "recorded" / "go_sort.json").read_text())["cases"]
RANKS = st.lists(st.one_of(st.none(), st.integers(1, 4)), max_size=80)


@pytest.mark.parametrize("ranks, order", RECORDED, ids=range(len(RECORDED)))
def test_as_go_does(ranks: list[int | None], order: list[int]) -> None:
    assert priority_sort.go_order(ranks) == order


def test_go_differs_from_a_stable_sort_somewhere() -> None:
    assert any(order != priority_sort.stable_order(ranks) for ranks, order in RECORDED)


@given(RANKS)
def test_the_result_is_sorted(ranks: list[int | None]) -> None:
    ordered = [ranks[place] for place in priority_sort.go_order(ranks)]
    assert ordered == [ranks[place] for place in priority_sort.stable_order(ranks)]


@given(st.lists(st.one_of(st.none(), st.integers(1, 4)), max_size=12))
def test_up_to_twelve_it_is_stable(ranks: list[int | None]) -> None:
    assert priority_sort.go_order(ranks) == priority_sort.stable_order(ranks)


@given(st.integers(1, 60).flatmap(lambda size: st.permutations(range(size))))
def test_falls_back_to_the_heap(ranks: list[int]) -> None:
    sort = priority_sort._Sort(ranks)
    sort._heap_sort(0, len(ranks))
    assert [ranks[place] for place in sort.places] == sorted(ranks, reverse=True)
