# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import placement

TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("toleration", "covered"),
    [
        ({"key": "nvidia.com/gpu", "operator": "Exists"}, True),
        ({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}, True),
        ({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "nvidia.com/gpu", "operator": "Equal", "value": "present"}, True),
        ({"key": "nvidia.com/gpu", "value": "present"}, True),
        ({"key": "nvidia.com/gpu", "value": "yes"}, False),
        ({"key": "nvidia.com/gpu"}, False),
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "amd.com/gpu", "operator": "Exists"}, False),
        ({"key": "nvidia.com/gpu", "operator": "Matches"}, False),
    ],
)
def test_tolerates(toleration: dict[str, str], covered: bool) -> None:
    assert placement.tolerates(toleration, TAINT) is covered


def test_an_absent_value_equals_an_empty_one() -> None:
    assert placement.tolerates({"key": "a", "value": ""}, {"key": "a", "effect": "NoSchedule"})


def test_preferences_refuse_nobody() -> None:
    taints = [{**TAINT, "effect": effect} for effect in ("PreferNoSchedule", "NoSchedule", "NoExecute")]
    assert [item["effect"] for item in placement.untolerated({"spec": {}}, taints)] == ["NoSchedule", "NoExecute"]


LABELS = {"zone": "a", "generation": "7", "name": ""}


def affinity(*terms: dict[str, Any] | None) -> dict[str, Any]:
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return {"spec": {"affinity": {"nodeAffinity": required}}}


def term(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def field(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchFields": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("terms", "matches"),
    [
        ([term("zone", "In", "a", "b")], True),
        ([term("zone", "In", "b")], False),
        ([term("absent", "In", "a")], False),
        ([term("name", "In", "")], True),
        ([term("zone", "NotIn", "b")], True),
        ([term("zone", "NotIn", "a")], False),
        ([term("absent", "NotIn", "a")], True),
        ([term("name", "Exists")], True),
        ([term("absent", "Exists")], False),
        ([term("absent", "DoesNotExist")], True),
        ([term("zone", "DoesNotExist")], False),
        ([term("generation", "Gt", "6")], True),
        ([term("generation", "Gt", "7")], False),
        ([term("generation", "Lt", "8")], True),
        ([term("generation", "Lt", "7")], False),
        ([term("generation", "Gt", "6.5")], False),
        ([term("generation", "Gt", "5", "6")], False),
        ([term("zone", "Gt", "1")], False),
        ([term("absent", "Lt", "1")], False),
        ([term("zone", "Near", "a")], False),
        ([field("metadata.name", "In", "node-1")], True),
        ([field("metadata.name", "NotIn", "node-1")], False),
        ([field("metadata.name", "Exists")], False),
        ([term("zone", "In", "b"), term("generation", "Exists")], True),
        ([{**term("zone", "In", "a"), **field("metadata.name", "In", "node-2")}], False),
        ([{}], False),
        ([None], False),
        ([], False),
        ([{}, term("zone", "In", "a")], True),
    ],
)
def test_required_node_affinity(terms: list[dict[str, Any] | None], matches: bool) -> None:
    node = {"metadata": {"name": "node-1", "labels": LABELS}}
    assert (not placement.unmet_affinity(affinity(*terms), node)) is matches


def test_no_requirement_matches_every_node() -> None:
    assert placement.unmet_affinity({"spec": {"affinity": {"nodeAffinity": {}}}}, {}) == []


def test_of_several_terms_the_nearest_one_is_explained() -> None:
    far = {"matchExpressions": [*term("zone", "In", "b")["matchExpressions"], *term("x", "Exists")["matchExpressions"]]}
    unmet = placement.unmet_affinity(affinity(far, term("zone", "In", "c")), {"metadata": {"labels": LABELS}})
    assert [item.text for item in unmet] == ["zone In [c], its value here is 'a'"]


def test_node_selector_names_each_label_that_differs() -> None:
    pod = {"spec": {"nodeSelector": {"zone": "a", "generation": "8", "disk": "ssd"}}}
    unmet = placement.unmet_selector(pod, {"metadata": {"labels": LABELS}})
    assert [item.key for item in unmet] == ["generation", "disk"]
    assert "its value here is '7'" in unmet[0].text
    assert "the node has no such label" in unmet[1].text
