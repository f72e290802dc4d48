# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a runtime reaches the pods; tests/integration/selection/test_restarts.py holds it against Deployments."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import merging
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "base, patch, key, expected",
    [
        ({"a": 1, "b": 2}, {"b": 3}, "", {"a": 1, "b": 3}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, "", {"a": {"c": 2}}),
        ({"a": 1}, {"a": None}, "", {}),
        ([1, 2], [3], "args", [3]),
        ([{"name": "A", "value": "1"}], [{"name": "A", "value": "2"}], "env", [{"name": "A", "value": "2"}]),
        ([{"name": "A"}, {"name": "B"}], [{"name": "C"}], "env", [{"name": "A"}, {"name": "B"}, {"name": "C"}]),
        ([{"key": "a"}], [{"key": "b"}], "tolerations", [{"key": "b"}]),
        (
            [{"mountPath": "/a", "name": "x"}],
            [{"mountPath": "/a", "readOnly": True}],
            "volumeMounts",
            [{"mountPath": "/a", "name": "x", "readOnly": True}],
        ),
        (None, {"a": 1}, "", {"a": 1}),
        ("a", "b", "", "b"),
    ],
)
def test_merged(base: Any, patch: Any, key: str, expected: Any) -> None:
    assert merging.merged(base, patch, key) == expected


@pytest.mark.parametrize(
    "image, version, pulled",
    [
        ("example/server:1", "2", "example/server:2"),
        ("example/server", "2", "example/server:2"),
        ("registry:5000/server", "2", "registry:5000/server:2"),
        ("registry:5000/server:1", "2", "registry:5000/server:2"),
        ("example/server@sha256:abc", "2", "example/server@sha256:abc"),
        ("example/server:1", None, "example/server:1"),
        (None, "2", None),
    ],
)
def test_the_image(image: str | None, version: str | None, pulled: str | None) -> None:
    service = {"spec": {"predictor": {"model": {"modelFormat": {"name": "a"}, "runtimeVersion": version}}}}
    container = {"name": "kserve-container", **({"image": image} if image else {})}
    pod = merging.pod(service, {"spec": {"containers": [container]}})
    assert pod["containers"][0]["image"] == pulled


def test_arguments_are_put_after_one_another() -> None:
    service = {"spec": {"predictor": {"sklearn": {"args": ["--b"]}}}}
    pod = merging.pod(service, {"spec": {"containers": [{"name": "kserve-container", "args": ["--a"]}]}})
    assert pod["containers"][0]["args"] == ["--a", "--b"]


def test_the_transformer_is_merged_with_the_services() -> None:
    transformer = {"name": "transformer-container", "image": "a", "env": [{"name": "A", "value": "1"}]}
    own = {"name": "transformer-container", "image": "b"}
    service = {"spec": {"predictor": {"model": {"modelFormat": {"name": "a"}}, "containers": [own]}}}
    pod = merging.pod(service, {"spec": {"containers": [transformer, {"name": "other", "image": "c"}]}})
    assert pod["containers"] == [{**transformer, "image": "b", "args": []}, {"name": "other", "image": "c"}]


def test_the_containers_come_in_kserves_order() -> None:
    names = ("side", "transformer-container", "kserve-container")
    runtime = {"spec": {"containers": [{"name": name} for name in names]}}
    service = {"spec": {"predictor": {"model": {"modelFormat": {"name": "a"}}, "containers": [{"name": "own"}]}}}
    pod = merging.pod(service, runtime)
    assert [item["name"] for item in pod["containers"]] == ["kserve-container", "transformer-container", "side", "own"]


@pytest.mark.parametrize(
    ("field", "of_runtime", "of_service", "merged"),
    [
        ("nodeSelector", {"a": "1", "b": ""}, {"b": "2", "c": ""}, {"a": "1", "b": "2", "c": ""}),
        ("nodeSelector", {"a": "1"}, {}, {"a": "1"}),
        ("tolerations", [{"key": "a"}], [{"key": "b"}], [{"key": "b"}]),
        # what a Go client leaves out of the patch
        ("tolerations", [{"key": "a"}], [], [{"key": "a"}]),
        ("tolerations", [{"key": "a"}], None, [{"key": "a"}]),
        ("affinity", {"nodeAffinity": {"x": [1]}}, {"podAffinity": {"y": [2]}},
         {"nodeAffinity": {"x": [1]}, "podAffinity": {"y": [2]}}),
        ("affinity", {"nodeAffinity": {"x": [1]}}, {"nodeAffinity": {"x": []}}, {"nodeAffinity": {"x": [1]}}),
    ],
)  # fmt: skip
def test_pod_fields(field: str, of_runtime: Any, of_service: Any, merged: Any) -> None:
    service = {"spec": {"predictor": {"model": {"modelFormat": {"name": "a"}}, field: of_service}}}
    runtime = {"spec": {"containers": [{"name": "kserve-container"}], field: of_runtime}}
    assert merging.pod_spec(service, runtime)[field] == merging.pod(service, runtime)[field] == merged


@pytest.mark.parametrize("said", [None, {}, {"limits": None}, {"limits": {}}])
def test_resources_of_which_the_service_says_nothing_are_the_runtimes(said: Any) -> None:
    resources = {"limits": {"nvidia.com/gpu": "1"}}
    service = {"spec": {"predictor": {"model": {"modelFormat": {"name": "a"}, "resources": said}}}}
    pod = merging.pod(service, {"spec": {"containers": [{"name": "kserve-container", "resources": resources}]}})
    assert pod["containers"][0]["resources"] == resources


def test_what_only_a_service_can_say_of_its_pods() -> None:
    predictor = {"model": {"modelFormat": {"name": "a"}}, "priorityClassName": "high", "minReplicas": 1}
    spec = merging.pod_spec(
        {"spec": {"predictor": predictor}}, {"spec": {"containers": [{"name": "kserve-container"}]}}
    )
    assert set(spec) == {"containers", "priorityClassName"}


TREES = st.recursive(
    st.one_of(st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["env", "args", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def mergeable(value: Any) -> bool:
    """Whether no list that is merged by a key holds anything but mappings."""
    if isinstance(value, dict):
        return all(mergeable(item) and (key != "env" or not isinstance(item, list)) for key, item in value.items())
    return all(map(mergeable, value)) if isinstance(value, list) else True


@given(TREES.filter(mergeable), TREES.filter(mergeable))
def test_merging_twice_is_merging_once(base: Any, patch: Any) -> None:
    once = merging.merged(base, patch)
    assert merging.merged(once, patch) == once


@given(TREES.filter(mergeable))
def test_merging_with_itself_changes_nothing(value: Any) -> None:
    assert merging.merged(value, value) == value
