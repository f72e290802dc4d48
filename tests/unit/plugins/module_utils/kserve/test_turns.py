# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of writes; that KServe admits them in it is shown in tests/integration/serving_runtime."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import turns, webhook
from hypothesis import given
from hypothesis import strategies as st

Object = dict[str, Any]


def runtime(name: str, priority: int | None, namespace: str = "a", model_format: str = "f") -> Object:
    entry: Object = {"name": model_format, "version": "1", "autoSelect": True}
    if priority is not None:
        entry["priority"] = priority
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "supportedModelFormats": [entry],
            "protocolVersions": ["v2"],
            "containers": [{"name": "kserve-container", "image": "i"}],
        },
    }


def numbers(wanted: list[Object], existing: list[Object]) -> list[int | str]:
    return [turn.number if not turn.errors else "refused" for turn in turns.turns(wanted, existing)]


def test_unrelated_runtimes_are_written_at_once() -> None:
    assert numbers([runtime("x", 1), runtime("y", 2), runtime("x", 1, "b")], [runtime("z", 3)]) == [0, 0, 0]


def test_a_runtime_waits_until_another_has_given_its_priority_up() -> None:
    existing = [runtime("x", 1), runtime("y", 2), runtime("z", 3)]
    assert numbers([runtime("x", 2), runtime("y", 3), runtime("z", 4)], existing) == [2, 1, 0]


def test_priorities_that_change_places_cannot_be_written() -> None:
    wanted = [runtime("x", 2), runtime("y", 1)]
    found = turns.turns(wanted, [runtime("x", 1), runtime("y", 2)])
    assert all("same priority" in turn.errors[0] for turn in found)


def test_two_new_ones_with_the_same_priority_are_refused_in_their_order() -> None:
    assert numbers([runtime("x", 1), runtime("y", 1)], []) == [0, "refused"]


def test_the_error_names_both_the_field_and_the_other_runtime() -> None:
    (turn,) = turns.turns([runtime("x", 1)], [runtime("y", 1)])
    assert "spec.supportedModelFormats" in turn.errors[0]
    assert "in the servingruntimes y and x in namespace a" in turn.errors[0]


def test_other_namespaces_and_kinds_do_not_count() -> None:
    cluster = {**runtime("y", 1), "kind": "ClusterServingRuntime", "metadata": {"name": "y"}}
    assert numbers([runtime("x", 1)], [runtime("y", 1, "b"), cluster]) == [0]


def test_every_runtime_is_read_once_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    formats = webhook.read_formats
    monkeypatch.setattr(webhook, "read_formats", lambda spec: read.append(spec) or formats(spec))
    existing = [runtime(f"x{number}", number) for number in range(1, 31)]
    wanted = [runtime(f"x{number}", number + 1) for number in range(1, 31)]
    assert max(numbers(wanted, existing)) == 29
    assert len(read) == len(existing) + len(wanted)


def test_the_first_rival_by_name_is_told() -> None:
    one, other = runtime("b", 1), runtime("a", 2)
    both = runtime("x", 1)
    both["spec"]["supportedModelFormats"].append({"name": "f", "version": "2", "autoSelect": True, "priority": 1})
    other["spec"]["supportedModelFormats"][0].update(version="2", priority=1)
    (turn,) = turns.turns([both], [one, other])
    assert "in the servingruntimes a and x in namespace a" in turn.errors[0]


MALFORMED = {**runtime("broken", 9), "spec": {"supportedModelFormats": ["f"]}}


def test_nothing_is_written_beside_a_runtime_that_cannot_be_read() -> None:
    found = turns.turns([runtime("x", 1), runtime("x", 1, "b")], [MALFORMED])
    assert [turn.errors for turn in found] == [
        [
            "the existing ServingRuntime a/broken cannot be read: spec.supportedModelFormats[0]: "
            "must be a mapping, not text; correct it or delete it first"
        ],
        [],
    ]


def test_a_task_can_correct_a_runtime_that_cannot_be_read() -> None:
    assert numbers([runtime("x", 1), runtime("broken", 2)], [MALFORMED]) == [1, 0]


_priorities = st.lists(st.tuples(st.sampled_from("uvwxyz"), st.integers(1, 5)), unique_by=lambda pair: pair[0])


@given(_priorities, _priorities)
def test_every_order_within_a_turn_is_admitted_and_the_refused_could_not_be(
    before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    present = {name: runtime(name, priority) for name, priority in before}
    if any(webhook.refusal(item, present.values()) for item in present.values()):
        return  # no cluster can hold these
    wanted = [runtime(name, priority) for name, priority in after]
    found = turns.turns(wanted, present.values())
    for number in range(max((turn.number for turn in found), default=0) + 1):
        together = [item for item, turn in zip(wanted, found, strict=True) if turn.number == number and not turn.errors]
        for order in itertools.islice(itertools.permutations(together), 6):
            state = dict(present)
            for item in order:
                assert not webhook.refusal(item, state.values())
                state[item["metadata"]["name"]] = item
        present.update({item["metadata"]["name"]: item for item in together})
    for item, turn in zip(wanted, found, strict=True):
        assert bool(turn.errors) == (present.get(item["metadata"]["name"]) != item)
        assert not turn.errors or webhook.refusal(item, present.values())
