# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What admission says of a runtime; tests/integration/admission holds the same against the real webhooks."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import admission, catalogue, webhook
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from hypothesis import given
from hypothesis import strategies as st

CONTAINER = {"name": "kserve-container", "image": "example/server:1"}
WORKER = {"name": "worker-container"}


def entry(name: str = "sklearn", version: str | None = "1", priority: int | None = 1, auto: bool | None = True) -> Any:
    fields = {"name": name, "version": version, "priority": priority, "autoSelect": auto}
    return {key: value for key, value in fields.items() if value is not None}


def runtime(
    name: str = "new", *formats: dict[str, Any], cluster: bool = False, namespace: str = "models", **spec: Any
) -> Any:
    kind = "ClusterServingRuntime" if cluster else "ServingRuntime"
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, **({} if cluster else {"namespace": namespace})},
        "spec": {
            "containers": [copy.deepcopy(CONTAINER)],
            "protocolVersions": ["v2"],
            "supportedModelFormats": list(formats or (entry(),)),
            **spec,
        },
    }


def refused(message: str) -> dict[str, Any]:
    return {"allowed": False, "message": message}


def verdict(wanted: Any, existing: Any = ()) -> dict[str, Any]:
    result = admission.admit(wanted, existing)
    return {key: result[key] for key in ("allowed", "message")}


ADMITTED = {"allowed": True, "message": ""}
SAME = "same priority assigned for the model format {} in the servingruntimes {} and new in namespace models"


@pytest.mark.parametrize(
    "wanted, existing, expected",
    [
        (runtime(), [], ADMITTED),
        (runtime(), [runtime("old")], refused(SAME.format("sklearn", "old"))),
        (
            runtime(cluster=True),
            [runtime("old", cluster=True)],
            refused("same priority assigned for the model format sklearn in the clusterservingruntimes old and new"),
        ),
        # What is compared: the same kind and namespace only.
        (runtime(), [runtime("old", cluster=True)], ADMITTED),
        (runtime(), [runtime("old", namespace="other")], ADMITTED),
        # The first by name is told.
        (runtime(), [runtime("b"), runtime("a")], refused(SAME.format("sklearn", "a"))),
        (runtime(), [runtime("new")], ADMITTED),
        # Names are compared without regard to case, and the new one's spelling is told.
        (runtime("new", entry("SKLearn")), [runtime("old")], refused(SAME.format("SKLearn", "old"))),
        (runtime("new", entry(version=None)), [runtime("old")], ADMITTED),
        (
            runtime("new", entry(version=None)),
            [runtime("old", entry(version=None))],
            refused(SAME.format("sklearn", "old")),
        ),
        (runtime("new", entry(version="1.0")), [runtime("old")], ADMITTED),
        (runtime("new", entry(priority=2)), [runtime("old")], ADMITTED),
        (runtime("new", entry(priority=None)), [runtime("old", entry(priority=None))], ADMITTED),
        (runtime("new", entry(auto=None)), [runtime("old")], ADMITTED),
        (runtime(), [runtime("old", entry(auto=False))], ADMITTED),
        (runtime(protocolVersions=["v1"]), [runtime("old")], ADMITTED),
        (runtime(protocolVersions=["v1", "v2"]), [runtime("old")], refused(SAME.format("sklearn", "old"))),
        (runtime(protocolVersions=[]), [runtime("old", protocolVersions=[])], ADMITTED),
        (runtime(protocolVersions=None), [runtime("old")], ADMITTED),
        (runtime(), [runtime("old", disabled=True)], ADMITTED),
        (runtime(disabled=True), [runtime("old")], ADMITTED),
        (runtime(multiModel=True), [runtime("old")], ADMITTED),
        (runtime(multiModel=True), [runtime("old", multiModel=True)], refused(SAME.format("sklearn", "old"))),
        (runtime(multiModel=False), [runtime("old")], refused(SAME.format("sklearn", "old"))),
    ],
)
def test_priorities_among_runtimes(wanted: Any, existing: Any, expected: Any) -> None:
    assert verdict(wanted, existing) == expected


def test_priorities_within_a_runtime() -> None:
    wanted = runtime("new", entry(version="0", priority=2), entry(priority=1))
    # The check sits inside the loop over what is there; with nothing there it never runs.
    assert verdict(wanted) == ADMITTED
    words = "different priorities assigned for the model format sklearn under the servingruntime new"
    assert verdict(wanted, [runtime("unrelated", entry("onnx"))]) == refused(words)
    assert verdict(wanted, [runtime("new")]) == refused(words)
    assert verdict(wanted, [runtime("unrelated", disabled=True)]) == refused(words)
    assert verdict(wanted, [runtime("unrelated", namespace="other")]) == ADMITTED
    cluster = runtime("new", *wanted["spec"]["supportedModelFormats"], cluster=True)
    assert verdict(cluster, [runtime("a", entry("onnx"), cluster=True)]) == refused(
        "different priorities assigned for the model format sklearn under the clusterservingruntime new"
    )


@pytest.mark.parametrize(
    "formats, admitted",
    [
        ([entry(version="0", priority=None), entry(priority=1), entry(version="2", priority=2)], True),
        ([entry(priority=1), entry(version="2", priority=2, auto=False)], True),
        ([entry(priority=1), entry("SKLEARN", priority=2)], True),
        ([entry(priority=1), entry(version="0", priority=None), entry(version="2", priority=2)], False),
    ],
)
def test_the_first_priority_sets_the_others(formats: Any, admitted: bool) -> None:
    wanted = runtime("new", *formats)
    assert verdict(wanted, [runtime("other", entry("onnx"))])["allowed"] is admitted


INVALID = "the ServingRuntime new is invalid: "


@pytest.mark.parametrize(
    "spec, message",
    [
        ({"workerSpec": {"containers": [WORKER]}}, ""),
        (
            {"workerSpec": {"containers": [WORKER, {"name": "b"}]}},
            f"{INVALID}setting multiple containers in workerSpec is not allowed",
        ),
        ({"workerSpec": {"containers": []}}, webhook.PANIC),
        (
            {"workerSpec": {"containers": [WORKER], "pipelineParallelSize": 0}},
            f"{INVALID}the WorkerSpec.PipelineParallelSize cannot be less than 1(0)",
        ),
        (
            {"workerSpec": {"containers": [WORKER], "tensorParallelSize": -2}},
            f"{INVALID}the WorkerSpec.TensorParallelSize cannot be less than 1(-2)",
        ),
        (
            {
                "workerSpec": {"containers": [WORKER]},
                "containers": [{**CONTAINER, "env": [{"name": "PIPELINE_PARALLEL_SIZE", "value": "1"}]}],
            },
            f"{INVALID}setting PIPELINE_PARALLEL_SIZE in environment variables is not allowed",
        ),
        (
            {"containers": [{**CONTAINER, "env": [{"name": "TENSOR_PARALLEL_SIZE", "value": "1"}]}]},
            "",
        ),
        (
            {
                "workerSpec": {"containers": [WORKER]},
                "containers": [{**CONTAINER, "resources": {"limits": {"example.com/gpu": "1"}}}],
            },
            f"{INVALID}unknown GPU resource type in a container(kserve-container)",
        ),
        (
            {"containers": [{**CONTAINER, "env": [{"name": "PYTHONPATH", "value": "/a"}]}]},
            'the ServingRuntime "new" is invalid: setting PYTHONPATH in container "kserve-container" is not allowed '
            "for security reasons",
        ),
    ],
)
def test_several_nodes_and_blocked_env(spec: Any, message: str) -> None:
    wanted = runtime(**spec)
    assert verdict(wanted) == {"allowed": not message, "message": message}
    assert verdict(runtime(**spec, disabled=True)) == ADMITTED


def test_removing_a_worker_spec() -> None:
    old = runtime("new", workerSpec={"containers": [WORKER]})
    assert verdict(runtime(), [old]) == refused(f"{INVALID}removing workerSpec where it already exists is not allowed")
    assert verdict(runtime(), [{**old, "metadata": {"name": "other", "namespace": "models"}}])["message"].startswith(
        "same"
    )


def test_blocked_env_came_with_0_18() -> None:
    wanted = runtime(containers=[{**CONTAINER, "env": [{"name": "PYTHONPATH"}]}])
    assert admission.admit(wanted, [], "0.17.0")["allowed"]
    assert not admission.admit(wanted, [], "0.18.0")["allowed"]


@pytest.mark.parametrize(
    "change, path",
    [
        ({"spec": {}}, "spec.containers"),
        ({"spec": {"containers": None}}, "spec.containers"),
        ({"spec": {"containers": {}}}, "spec.containers"),
        ({"spec": {"containers": [{"image": "a"}]}}, "spec.containers[0].name"),
        ({"metadata": {"name": "A"}}, "metadata.name"),
        ({"metadata": {"name": "a" * 254}}, "metadata.name"),
        ({"metadata": {}}, "metadata.name"),
        ({"metadata": {"name": "a", "labels": {"b": 1}}}, "metadata.labels"),
        ({"metadata": {"name": "a", "labels": {"b": "c d"}}}, "metadata.labels"),
        ({"metadata": {"name": "a", "annotations": {"a/b/c": ""}}}, "metadata.annotations"),
        ({"metadata": {"name": "a", "annotations": {"a": "x" * 300_000}}}, "metadata.annotations"),
    ],
)
def test_what_the_api_server_refuses(change: Any, path: str) -> None:
    result = admission.admit({**runtime(), **change})
    assert not result["allowed"]
    assert result["message"]
    assert result["errors"][0].startswith(f"{path}: the API server refuses it: ")


@pytest.mark.parametrize(
    "field, value",
    [
        ("priority", 0),
        ("priority", -1),
        ("priority", "1"),
        ("priority", 1.5),
        ("version", 1),
        ("name", None),
        ("autoSelect", "true"),
    ],
)
def test_what_the_schema_refuses_of_a_format(field: str, value: Any) -> None:
    result = admission.admit(runtime("new", {**entry(), field: value}))
    assert not result["allowed"]
    assert f"spec.supportedModelFormats[0].{field}: " in result["message"]


def test_a_number_with_no_fraction_is_whole() -> None:
    wanted = runtime("new", {**entry(), "priority": 1.0})
    assert verdict(wanted) == ADMITTED
    assert verdict(wanted, [runtime("old")]) == refused(SAME.format("sklearn", "old"))


def test_several_refusals_are_joined_as_the_api_server_joins_them() -> None:
    result = admission.admit(runtime("new", {"name": "a", "priority": 0}, containers=[{"name": 1}]))
    assert result["message"].startswith("[spec.") and result["message"].endswith("]")
    assert len(result["errors"]) == 3


@pytest.mark.parametrize("name", list(catalogue.PRESETS))
@pytest.mark.parametrize("kind", ["ServingRuntime", "ClusterServingRuntime"])
def test_every_preset_has_no_error(name: str, kind: str) -> None:
    preset = catalogue.preset(name)
    body = {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": preset["name"], "labels": preset["labels"], "annotations": preset["annotations"]},
        "spec": preset["spec"],
    }
    result = admission.admit(body)
    assert (result["allowed"], result["errors"]) == (True, [])


@pytest.mark.parametrize(
    "wanted, existing, words",
    [
        ("a", [], "not str"),
        ({}, [], "without a kind"),
        ({"kind": "Pod"}, [], "not Pod"),
        (runtime(), ["a"], "an existing runtime must be a ServingRuntime or a ClusterServingRuntime, not str"),
        (runtime(), [{"metadata": {}}], "an existing runtime must be .* not something without a kind"),
        (runtime(), [{"kind": "Pod"}], "an existing runtime must be .* not Pod"),
        (runtime(), [{"kind": "List", "items": [{"kind": "Pod"}]}], "not Pod"),
        (runtime(), [{"kind": "List", "items": {}}], "List.items: must be a list, not a mapping"),
        (
            runtime(),
            [{**runtime("old"), "metadata": "a"}],
            "without a name cannot be read: metadata: must be a mapping",
        ),
        (runtime(), [{**runtime("old"), "spec": []}], "models/old cannot be read: spec: must be a mapping"),
        (
            runtime(),
            [runtime("old", supportedModelFormats=["a"])],
            r"models/old cannot be read: .*Formats\[0\]: must be",
        ),
        (
            runtime(),
            [runtime("old", protocolVersions=[["v1"]])],
            r"cannot be read: spec.protocolVersions\[0\]: must be",
        ),
        (
            runtime(cluster=True),
            [runtime("old", "a", cluster=True)],
            "existing ClusterServingRuntime old cannot be read",
        ),
        ({**runtime(), "metadata": "a"}, [], "must be a mapping"),
    ],
)
def test_nonsense_is_one_sentence(wanted: Any, existing: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        admission.admit(wanted, existing)


def test_what_is_not_compared_may_be_of_any_shape() -> None:
    elsewhere = {"kind": "ServingRuntime", "metadata": {"namespace": "other"}, "spec": "a"}
    assert verdict(runtime(), [{"kind": "ClusterServingRuntime", "spec": []}, elsewhere]) == ADMITTED
    assert verdict(runtime(), [runtime("new", "a")]) == ADMITTED  # its own old version, which it corrects
    assert verdict(runtime(disabled=True), [runtime("old", "a")]) == ADMITTED


def test_a_list_of_kubernetes_is_taken_apart() -> None:
    several = {"apiVersion": "v1", "kind": "List", "items": [runtime("unlike", entry("onnx")), runtime("old")]}
    assert verdict(runtime(), [several]) == refused(SAME.format("sklearn", "old"))
    assert verdict(runtime(), [{"kind": "ServingRuntimeList", "items": None}]) == ADMITTED


def test_absent_namespaces_are_default() -> None:
    wanted, old = runtime(), runtime("old")
    del wanted["metadata"]["namespace"]
    old["metadata"]["namespace"] = "default"
    assert verdict(wanted, [old])["message"].endswith("old and new in namespace default")


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("ONNX", "onnx", True),
        ("\u212a", "k", True),
        ("\u017f", "S", True),
        ("stra\u00dfe", "strasse", False),
        ("\u1e9e", "\u00df", True),
        ("\u03a3", "\u03c2", True),
        ("a", "b", False),
    ],
)
def test_names_fold_as_go_folds_them(one: str, other: str, same: bool) -> None:
    assert (webhook.fold(one) == webhook.fold(other)) is same


@pytest.mark.parametrize(
    "text, shown",
    [
        ("a", '"a"'),
        ('a"b', '"a\\"b"'),
        ("a\\b", '"a\\\\b"'),
        ("a\nb", '"a\\nb"'),
        ("\x01", '"\\x01"'),
        ("\u00e9", '"\u00e9"'),
    ],
)
def test_text_is_quoted_as_go_quotes_it(text: str, shown: str) -> None:
    assert webhook.quoted(text) == shown


SPECS = st.builds(
    lambda formats, protocols, disabled, multi: {
        "containers": [CONTAINER],
        "supportedModelFormats": formats,
        "protocolVersions": protocols,
        "disabled": disabled,
        "multiModel": multi,
    },
    st.lists(
        st.builds(
            entry,
            st.sampled_from(["a", "A", "b"]),
            st.sampled_from([None, "1"]),
            st.sampled_from([None, 1, 2]),
            st.sampled_from([True, True, None]),
        ),
        max_size=3,
    ),
    st.sampled_from([None, [], ["v1"], ["v2"], ["v1", "v2"]]),
    st.sampled_from([None, False, True]),
    st.sampled_from([None, False, True]),
)


@given(SPECS, SPECS)
def test_same_priority_stands_both_ways(one: Any, other: Any) -> None:
    """Two runtimes that are not disabled clash whichever of them comes second."""
    first, second = {**runtime("a"), "spec": one}, {**runtime("b"), "spec": other}
    if one["disabled"] or other["disabled"]:
        return
    messages = [verdict(first, [second])["message"], verdict(second, [first])["message"]]
    clashes = [text.startswith("same priority") for text in messages if not text.startswith("different")]
    assert len(set(clashes)) <= 1


@given(SPECS)
def test_an_update_to_the_same_is_admitted_unless_at_odds_with_itself(spec: Any) -> None:
    wanted = {**runtime("a"), "spec": spec}
    assert verdict(wanted, [wanted])["message"][:9] in ("", "different")


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["containers", "supportedModelFormats", "workerSpec", "labels", "volumes", "disabled", "x"]),
        st.one_of(
            JSON, st.lists(st.dictionaries(st.sampled_from(["name", "env", "args", "priority"]), JSON, max_size=3))
        ),
    )
)
def test_whatever_a_spec_is_there_is_a_verdict(spec: Any) -> None:
    result = admission.admit({**runtime(), "spec": spec}, [runtime("old")])
    assert result["allowed"] is (result["message"] == "")
    assert result["allowed"] or result["errors"]


def test_a_runtime_that_could_never_be_changed_again() -> None:
    """Alone it is let in, as the filter says; its own old version stands against every later change."""
    lonely = runtime("lonely", entry(version="0", priority=1), entry(version="1", priority=2))
    assert admission.admit(lonely)["allowed"]
    refused = admission.admit(lonely, [lonely])
    assert not refused["allowed"]
    (error,) = admission.lasting_errors(lonely)
    assert refused["message"] in error and "refuses every later change of it" in error
    assert error.startswith("spec.supportedModelFormats: ")
    assert admission.lasting_errors(runtime("a", entry(version="0", priority=1), entry(version="1", priority=1))) == []


def test_a_refusal_that_only_newer_ones_make_names_the_version() -> None:
    wanted = runtime("a", containers=[{"name": "kserve-container", "image": "a", "env": [{"name": "PYTHONPATH"}]}])
    (error,) = admission.admit(wanted, (), "0.19.1")["errors"]
    assert "the webhook of KServe 0.19.1 refuses it (from 0.18 on)" in error
