# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which runtime is chosen, rule by rule; tests/integration/selection holds the same against KServe's controller."""

from __future__ import annotations

import datetime
import random
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import catalogue, migration, selection
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from hypothesis import given
from hypothesis import strategies as st

SKLEARN = {"name": "sklearn", "version": "1", "autoSelect": True}


def runtime(
    name: str, *formats: dict[str, Any], namespace: str | None = None, created: Any = None, **spec: Any
) -> dict[str, Any]:
    """A runtime of the cluster, or of a namespace where one is given."""
    metadata: dict[str, Any] = {"name": name}
    if namespace is not None:
        metadata["namespace"] = namespace
    if created is not None:
        metadata["creationTimestamp"] = created
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ClusterServingRuntime" if namespace is None else "ServingRuntime",
        "metadata": metadata,
        "spec": {"supportedModelFormats": list(formats or (SKLEARN,)), **spec},
    }


def service(namespace: str | None = None, worker: bool = False, **model: Any) -> dict[str, Any]:
    metadata = {"name": "iris", **({"namespace": namespace} if namespace else {})}
    predictor: dict[str, Any] = {"model": {"modelFormat": {"name": "sklearn"}, **model}}
    if worker:
        predictor["workerSpec"] = {}
    return {"kind": "InferenceService", "metadata": metadata, "spec": {"predictor": predictor}}


def names(result: dict[str, Any]) -> list[str]:
    return [item["name"] for item in result["candidates"]]


def reasons(result: dict[str, Any]) -> list[str]:
    return [item["reason"] for item in result["rejected"]]


@pytest.mark.parametrize(
    "candidate, asked, reason",
    [
        (runtime("a"), service(), None),
        (runtime("a", disabled=True), service(), "disabled"),
        (runtime("a", disabled=False), service(), None),
        (runtime("a", multiModel=True), service(), "multi_model"),
        (runtime("a", {**SKLEARN, "name": "Sklearn"}), service(), "format"),
        (
            runtime("a", {**SKLEARN, "version": "1.0"}),
            service(modelFormat={"name": "sklearn", "version": "1"}),
            "version",
        ),
        (
            runtime("a", {"name": "sklearn", "autoSelect": True}),
            service(modelFormat={"name": "sklearn", "version": "1"}),
            "version",
        ),
        (runtime("a", {**SKLEARN, "autoSelect": False}), service(), "auto_select"),
        (runtime("a", {"name": "sklearn", "version": "1"}), service(), "auto_select"),
        (
            runtime("a", {**SKLEARN, "version": "2"}, {"name": "sklearn", "version": "1"}),
            service(modelFormat={"name": "sklearn", "version": "1"}),
            "auto_select",
        ),
        (runtime("a", protocolVersions=["v2"]), service(), "protocol"),
        (runtime("a", protocolVersions=["v2"]), service(protocolVersion="v2"), None),
        (runtime("a", protocolVersions=[]), service(protocolVersion="grpc-v9"), None),
        (runtime("a", protocolVersions=["v2"]), service(protocolVersion=""), None),
        (runtime("a", protocolVersions=None), service(), None),
        (runtime("a", workerSpec={"containers": []}), service(), "worker_spec"),
        (runtime("a"), service(worker=True), "worker_spec"),
        (runtime("a", workerSpec={}), service(worker=True), None),
        (runtime("a", namespace="models"), service("other"), "other_namespace"),
        (runtime("a", namespace="models"), service("models"), None),
        (runtime("a", namespace="default"), service(), None),
        (runtime("a", namespace="models", disabled=True), service(), "other_namespace"),
        # The service's label mt:sklearn:1 is also that of a format named sklearn:1.
        (runtime("a"), service(modelFormat={"name": "sklearn:1"}), None),
    ],
)
def test_automatic(candidate: dict[str, Any], asked: dict[str, Any], reason: str | None) -> None:
    result = selection.select(asked, [candidate])
    if reason is None:
        assert result["selected"] == {"kind": candidate["kind"], "name": "a"}
        assert (result["reason"], result["message"], result["rejected"]) == (None, None, [])
    else:
        assert result["selected"] is None
        assert result["rejected"] == [{"kind": candidate["kind"], "name": "a", "reason": reason}]
        assert result["reason"] == "NoSupportingRuntime"
        assert result["message"] == "No runtime found to support specified framework/version"


@pytest.mark.parametrize(
    "first, second",
    [
        (runtime("b", namespace="default"), runtime("a", {**SKLEARN, "priority": 9})),
        (runtime("b", {**SKLEARN, "priority": 2}), runtime("a", {**SKLEARN, "priority": 1})),
        (runtime("b", {**SKLEARN, "priority": 1}), runtime("a")),
        (runtime("b", protocolVersions=["v2", "v1"]), runtime("a")),
        (runtime("b", protocolVersions=["v1"]), runtime("a", protocolVersions=[])),
        (
            runtime("b", created="2026-01-02T00:00:00Z"),
            runtime("a", created="2026-01-01T23:59:59Z"),
        ),
        (runtime("b", created="2026-01-01T00:00:00Z"), runtime("a")),
        (runtime("b", created="2026-01-01T02:00:00+01:00"), runtime("a", created="2026-01-01T00:59:59Z")),
        (runtime("a"), runtime("b")),
        # The first entry with the name sets the priority, whatever its version or autoSelect.
        (
            runtime("b", {"name": "sklearn", "version": "0", "priority": 5}, SKLEARN),
            runtime("a", {**SKLEARN, "priority": 3}),
        ),
        # Priority goes before protocol and age.
        (
            runtime("b", {**SKLEARN, "priority": 2}, created="2025-01-01T00:00:00Z"),
            runtime("a", {**SKLEARN, "priority": 1}, protocolVersions=["v1"], created="2026-01-01T00:00:00Z"),
        ),
    ],
)
def test_order(first: dict[str, Any], second: dict[str, Any]) -> None:
    wanted = [first["metadata"]["name"], second["metadata"]["name"]]
    for given_order in ([first, second], [second, first]):
        assert names(selection.select(service(), given_order)) == wanted


def test_protocols_are_ordered() -> None:
    protocols = {"d": ["grpc-v1"], "c": ["grpc-v2"], "b": ["v9"], "e": ["v2"]}
    runtimes = [runtime(name, protocolVersions=[*value, "zz"]) for name, value in protocols.items()]
    runtimes.append(runtime("a"))
    assert names(selection.select(service(protocolVersion="zz"), runtimes)) == ["e", "d", "c", "a", "b"]


@pytest.mark.parametrize(
    "asked, reason, message, rejected",
    [
        ({"runtime": "a"}, None, None, []),
        ({"runtime": "a", "protocolVersion": "v1"}, None, None, []),
        (
            {"runtime": "a", "protocolVersion": "grpc-v2"},
            "NoSupportingRuntime",
            "Specified runtime does not support specified protocol version",
            ["protocol"],
        ),
        (
            {"runtime": "a", "modelFormat": {"name": "sklearn", "version": "2"}},
            "NoSupportingRuntime",
            "Specified runtime does not support specified framework/version",
            ["version"],
        ),
        (
            {"runtime": "a", "modelFormat": {"name": "onnx"}},
            "NoSupportingRuntime",
            "Specified runtime does not support specified framework/version",
            ["format"],
        ),
        ({"runtime": "z"}, "RuntimeNotRecognized", "Waiting for runtime to become available", ["not_named"]),
        ({"runtime": ""}, "RuntimeNotRecognized", "Waiting for runtime to become available", ["not_named"]),
    ],
)
def test_explicit(asked: dict[str, Any], reason: str | None, message: str | None, rejected: list[str]) -> None:
    there = [runtime("a", {"name": "sklearn", "version": "1"}, protocolVersions=["v1"], multiModel=True, workerSpec={})]
    result = selection.select(service(**asked), there)
    assert (result["reason"], result["message"], reasons(result)) == (reason, message, rejected)
    assert result["candidates"] == []
    assert (result["selected"] is None) is (reason is not None)


def test_a_named_runtime_without_a_protocol_may_speak_anything() -> None:
    result = selection.select(service(runtime="a"), [runtime("a", protocolVersions=["v2"])])
    assert result["selected"] == {"kind": "ClusterServingRuntime", "name": "a"}


def test_the_namespace_hides_the_cluster() -> None:
    there = [runtime("a"), runtime("a", namespace="default", disabled=True), runtime("a", namespace="other")]
    result = selection.select(service(runtime="a"), there)
    assert (result["reason"], result["message"]) == ("RuntimeDisabled", "Specified runtime is disabled")
    assert reasons(result) == ["not_named", "disabled", "other_namespace"]
    assert "hidden by the ServingRuntime of the same name" in result["explanation"]


def test_rejected_come_in_the_order_given() -> None:
    there = [runtime("c", disabled=True), runtime("a"), runtime("b", disabled=True)]
    assert [item["name"] for item in selection.select(service(), there)["rejected"]] == ["c", "b"]


@pytest.mark.parametrize(
    "predictor, wanted",
    [
        ({"sklearn": {}}, "kserve-sklearnserver"),
        ({"sklearn": {"protocolVersion": "v2"}}, "kserve-mlserver"),
        ({"onnx": {}}, "kserve-tritonserver"),
        ({"onnx": {"protocolVersion": "v1"}}, None),
        ({"triton": {}}, "kserve-tritonserver"),
        ({"pytorch": {}}, "kserve-torchserve"),
        ({"model": {"modelFormat": {"name": "onnx"}}}, None),
        ({"model": {"modelFormat": {"name": "onnx"}, "protocolVersion": "v2"}}, "kserve-tritonserver"),
        ({"model": {"modelFormat": {"name": "triton"}}}, "kserve-tritonserver"),
        ({"model": {"modelFormat": {"name": "mlflow"}}}, None),
        ({"model": {"modelFormat": {"name": "mlflow"}, "protocolVersion": "v2"}}, "kserve-mlserver"),
        ({"model": {"modelFormat": {"name": "xgboost", "version": "1"}}}, None),
        ({"model": {"modelFormat": {"name": "xgboost", "version": "1"}, "protocolVersion": "v2"}}, "kserve-mlserver"),
        ({"model": {"modelFormat": {"name": "lightgbm", "version": "3"}}}, None),
        ({"model": {"modelFormat": {"name": "tensorflow"}}}, "kserve-tensorflow-serving"),
        ({"model": {"modelFormat": {"name": "tensorflow"}, "protocolVersion": "v2"}}, "kserve-tritonserver"),
        ({"model": {"modelFormat": {"name": "tensorrt"}}}, None),
        ({"model": {"modelFormat": {"name": "huggingface"}}}, "kserve-huggingfaceserver"),
        ({"sklearn": {"storageUri": "x"}, "model": {"modelFormat": {"name": "onnx"}}}, "kserve-sklearnserver"),
    ],
)
def test_outcome_with_what_kserve_installs(predictor: dict[str, Any], wanted: str | None) -> None:
    result = selection.select({"metadata": {}, "spec": {"predictor": predictor}}, migration.out_of_the_box())
    assert (result["selected"] or {}).get("name") == wanted


@pytest.mark.parametrize(
    "version, named, asked, selected",
    [
        # Until 0.16 a server that is known by its name sets its protocol before that is checked.
        ("0.16.0", runtime("kserve-mlserver", protocolVersions=["v1"]), {"runtime": "kserve-mlserver"}, False),
        ("0.17.0", runtime("kserve-mlserver", protocolVersions=["v1"]), {"runtime": "kserve-mlserver"}, True),
        ("v0.15.2", runtime("kserve-torchserve", protocolVersions=["v2"]), {"runtime": "kserve-torchserve"}, False),
        ("0.15", runtime("kserve-mlserver", protocolVersions=["v2"]), {"runtime": "kserve-mlserver"}, True),
        # vLLM asks for v2 from 0.20 on.
        (
            "0.20.0",
            runtime("a", {"name": "vLLM", "autoSelect": True}, protocolVersions=["v2"]),
            {"modelFormat": {"name": "vLLM"}},
            True,
        ),
        (
            "0.19.0",
            runtime("a", {"name": "vLLM", "autoSelect": True}, protocolVersions=["v2"]),
            {"modelFormat": {"name": "vLLM"}},
            False,
        ),
    ],
)
def test_versions(version: str, named: dict[str, Any], asked: dict[str, Any], selected: bool) -> None:
    assert (selection.select(service(**asked), [named], version)["selected"] is not None) is selected


@pytest.mark.parametrize("version", ["0.14.0", "latest", "", "20"])
def test_unknown_versions(version: str) -> None:
    with pytest.raises(ValueError, match="kserve_version"):
        selection.select(service(), [], version)


@pytest.mark.parametrize(
    "predictor, words",
    [
        ({"containers": [{"name": "kserve-container"}]}, "its own containers"),
        ({}, "no model"),
        (None, "no model"),
    ],
)
def test_a_service_that_asks_for_no_runtime(predictor: Any, words: str) -> None:
    result = selection.select({"metadata": {"name": "a"}, "spec": {"predictor": predictor}}, [runtime("a")])
    assert result["selected"] is result["reason"] is result["message"] is None
    assert words in result["explanation"]


def test_model_mesh_is_left_alone() -> None:
    asked = service()
    asked["metadata"]["annotations"] = {"serving.kserve.io/deploymentMode": "ModelMesh"}
    assert selection.select(asked, [runtime("a")])["selected"] is None


@pytest.mark.parametrize(
    "sloppy",
    [
        {"kind": "ClusterServingRuntime", "metadata": {"name": "a"}, "spec": None},
        {"kind": "ClusterServingRuntime", "metadata": None},
        {"kind": "ClusterServingRuntime"},
        {
            "kind": "ServingRuntime",
            "metadata": {"name": "a"},
            "spec": {"supportedModelFormats": None, "disabled": None},
        },
    ],
)
def test_null_and_absent_fields(sloppy: dict[str, Any]) -> None:
    result = selection.select(service(), [sloppy])
    assert reasons(result) == ["format"]


def test_a_timestamp_that_yaml_has_read() -> None:
    old = runtime("a", created=datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc))
    new = runtime("b", created=datetime.datetime(2026, 1, 2))
    assert names(selection.select(service(), [old, new])) == ["b", "a"]


@pytest.mark.parametrize(
    "asked, there, words",
    [
        ("iris", [], "must be a mapping"),
        ({"kind": "Pod"}, [], "InferenceService is needed"),
        (service(modelFormat={"name": "sklearn", "version": 1.1}), [], "quote it"),
        (service(modelFormat={"name": True}), [], "quote it"),
        (service(modelFormat="sklearn"), [], "must be a mapping"),
        ({"spec": {"predictor": []}}, [], "must be a mapping"),
        (service(), [{"kind": "Pod"}], "not a Pod"),
        (service(), ["a"], "not str"),
        (service(), [{"metadata": {}}], "without kind"),
        (service(), [runtime("a", autoSelect="x", disabled="yes")], "true or false"),
        (service(), [runtime("a", {**SKLEARN, "priority": "1"})], "whole number"),
        (service(), [runtime("a", created="yesterday")], "creationTimestamp"),
    ],
)
def test_nonsense_is_one_sentence(asked: Any, there: list[Any], words: str) -> None:
    with pytest.raises(SpecError, match=words) as raised:
        selection.select(asked, there)
    assert "\n" not in str(raised.value)


def test_an_integer_is_taken_as_its_digits() -> None:
    result = selection.select(service(modelFormat={"name": "sklearn", "version": 1}), [runtime("a")])
    assert result["selected"] is not None


MANY = [
    runtime(f"r{number:02}", {**SKLEARN, **({"priority": number % 3 + 1} if number % 5 else {})})
    for number in range(20)
]


def test_more_than_twelve_candidates_are_said_to_be_shuffled() -> None:
    before = selection.select(service(), MANY)
    after = selection.select(service(), MANY, "0.21.0")
    assert sorted(names(before)) == sorted(names(after))
    assert names(before) != names(after)
    assert "shuffles" in before["explanation"] and "shuffles" not in after["explanation"]


FORMATS = st.builds(
    dict,
    name=st.sampled_from(["sklearn", "sklearn", "Sklearn", "onnx"]),
    version=st.sampled_from([None, "1", "2", ""]),
    autoSelect=st.sampled_from([True, True, False, None]),
    priority=st.sampled_from([None, 1, 2, 3]),
)
RUNTIMES = st.lists(
    st.builds(
        lambda name, namespace, formats, protocols, disabled, multi, worker, created: runtime(
            name,
            *formats,
            namespace=namespace,
            created=created,
            protocolVersions=protocols,
            disabled=disabled,
            multiModel=multi,
            **({"workerSpec": {}} if worker else {}),
        ),
        st.sampled_from("abcdef"),
        st.sampled_from([None, "default", "other"]),
        st.lists(FORMATS, min_size=1, max_size=3),
        st.sampled_from([None, [], ["v1"], ["v2"], ["v2", "v1"], ["grpc-v2"]]),
        st.sampled_from([None, False, False, True]),
        st.sampled_from([None, False, False, True]),
        st.sampled_from([False, False, False, True]),
        st.sampled_from([None, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]),
    ),
    max_size=8,
    unique_by=lambda item: (item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]),
)
SERVICES = st.builds(
    lambda name, version, protocol, named, worker: service(
        worker=worker,
        modelFormat={"name": name, "version": version},
        protocolVersion=protocol,
        runtime=named,
    ),
    st.sampled_from(["sklearn", "onnx", "Sklearn"]),
    st.sampled_from([None, "1", "2", ""]),
    st.sampled_from([None, "v1", "v2", "grpc-v2", ""]),
    st.sampled_from([None, None, "a", "z"]),
    st.booleans(),
)


@given(SERVICES, RUNTIMES, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(asked: Any, there: list[Any], shuffle: random.Random) -> None:
    before = selection.select(asked, there)
    shuffled = [*there]
    shuffle.shuffle(shuffled)
    after = selection.select(asked, shuffled)
    for key in ("selected", "candidates", "reason", "message"):
        assert before[key] == after[key]


@given(SERVICES, RUNTIMES)
def test_every_runtime_is_accounted_for(asked: Any, there: list[Any]) -> None:
    result = selection.select(asked, there)
    taken = result["candidates"] or ([result["selected"]] if result["selected"] else [])
    assert len(taken) + len(result["rejected"]) == len(there)
    assert (result["selected"] is None) == (result["reason"] is not None) == (result["message"] is not None)
    if result["candidates"]:
        assert result["selected"] == result["candidates"][0]
    if result["selected"] is None:
        for name in {item["metadata"]["name"] for item in there}:
            assert name in result["explanation"]


@given(SERVICES, RUNTIMES)
def test_pinning_the_choice_keeps_it(asked: Any, there: list[Any]) -> None:
    result = selection.select(asked, there)
    if result["selected"] is None:
        return
    asked["spec"]["predictor"]["model"]["runtime"] = result["selected"]["name"]
    pinned = selection.select(asked, there)
    hidden = any(
        item["metadata"].get("namespace") == "default" and item["metadata"]["name"] == result["selected"]["name"]
        for item in there
    )
    if result["selected"]["kind"] == "ServingRuntime" or not hidden:
        assert pinned["selected"] == result["selected"]


def test_presets_can_be_read() -> None:
    for name in catalogue.PRESETS:
        preset = catalogue.preset(name)
        body = {"kind": "ClusterServingRuntime", "metadata": {"name": preset["name"]}, "spec": preset["spec"]}
        assert selection.read_runtime(body).formats
