# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The previous schema and the new one; tests/integration/migration holds both against KServe's webhook."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import defaulting, migration
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from hypothesis import given
from hypothesis import strategies as st


def service(predictor: Any, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "example-sklearn-isvc", **metadata},
        "spec": {"predictor": predictor},
    }


def test_the_example_of_kserves_page() -> None:
    old = service({"sklearn": {"storageUri": "s3://bucket/sklearn/mnist.joblib"}})
    new = migration.migrate(old, pin=True)
    assert new["spec"]["predictor"] == {
        "model": {
            "modelFormat": {"name": "sklearn"},
            "storageUri": "s3://bucket/sklearn/mnist.joblib",
            "runtime": "kserve-sklearnserver",
        }
    }


@pytest.mark.parametrize(
    "framework, runtime",
    [
        ("sklearn", "kserve-sklearnserver"),
        ("tensorflow", "kserve-tensorflow-serving"),
        ("xgboost", "kserve-xgbserver"),
        ("pytorch", "kserve-torchserve"),
        ("triton", "kserve-tritonserver"),
        ("onnx", "kserve-tritonserver"),
        ("huggingface", "kserve-huggingfaceserver"),
        ("pmml", "kserve-pmmlserver"),
        ("lightgbm", "kserve-lgbserver"),
        ("paddle", "kserve-paddleserver"),
    ],
)
def test_every_framework(framework: str, runtime: str) -> None:
    extension = {
        "storageUri": "s3://b/m",
        "runtimeVersion": "1",
        "args": ["--a"],
        "resources": {"limits": {"cpu": "1"}},
    }
    model = migration.migrate(service({framework: extension}), pin=True)["spec"]["predictor"]["model"]
    implied = {"protocolVersion": "v2"} if framework in ("triton", "onnx", "huggingface") else {}
    assert model == {"modelFormat": {"name": framework}, **extension, **implied, "runtime": runtime}


def test_v2_is_pinned_to_a_server_that_speaks_it() -> None:
    new = migration.migrate(service({"sklearn": {"protocolVersion": "v2"}}), pin=True)
    assert new["spec"]["predictor"]["model"]["runtime"] == "kserve-mlserver"


def test_pinning_chooses_among_the_runtimes_that_are_given() -> None:
    mine = {
        "kind": "ServingRuntime",
        "metadata": {"name": "mine"},
        "spec": {"supportedModelFormats": [{"name": "sklearn", "autoSelect": True}]},
    }
    plan = migration.plan(service({"sklearn": {}}), [mine], pin=True)
    assert plan.runtime == plan.service["spec"]["predictor"]["model"]["runtime"] == "mine"
    with pytest.raises(SpecError, match="there is no runtime to pin for example-sklearn-isvc"):
        migration.plan(service({"sklearn": {}}), [], pin=True)


@pytest.mark.parametrize(
    "predictor, annotations",
    [
        ({"model": {"modelFormat": {"name": "sklearn"}}}, {}),
        ({"containers": [{"name": "kserve-container"}]}, {}),
        ({"sklearn": None, "model": {"modelFormat": {"name": "a"}}}, {}),
        ({"sklearn": {}}, {"serving.kserve.io/deploymentMode": "ModelMesh"}),
        ({}, {}),
    ],
)
def test_what_stays_as_it_is(predictor: Any, annotations: Any) -> None:
    old = service(predictor, annotations=annotations)
    plan = migration.plan(old, pin=True)
    assert plan.service == old
    assert plan.framework is None and migration.summary(plan) == ""


def test_the_models_place_and_the_predictors_fields_are_kept() -> None:
    old = service({"minReplicas": 1, "xgboost": {"storageUri": "a"}, "serviceAccountName": "b"})
    assert list(migration.migrate(old)["spec"]["predictor"]) == ["minReplicas", "model", "serviceAccountName"]


@pytest.mark.parametrize(
    "predictor, words",
    [
        ({"sklearn": {}, "model": {"modelFormat": {"name": "onnx"}}}, "its model is dropped"),
        ({"sklearn": {"runtime": "mine"}}, "runtime under sklearn is dropped"),
        ({"sklearn": {"runtimeVersion": "1"}}, "runtimeVersion is kept"),
        ({"sklearn": {"name": "kfserving-container"}}, "refuses it in either schema"),
    ],
)
def test_notes(predictor: Any, words: str) -> None:
    assert any(words in note for note in migration.plan(service(predictor)).notes)


def test_two_frameworks_are_an_error() -> None:
    with pytest.raises(SpecError, match="has sklearn and xgboost; KServe takes exactly one"):
        migration.migrate(service({"xgboost": {}, "sklearn": {}}))


def test_nonsense() -> None:
    for wrong in ("a", service([]), service({"sklearn": "s3://b/m"})):
        with pytest.raises(SpecError):
            migration.migrate(wrong)  # type: ignore[arg-type]


EXTENSIONS = st.dictionaries(
    st.sampled_from(
        ["storageUri", "runtimeVersion", "protocolVersion", "image", "args", "env", "resources", "storage"]
    ),
    st.one_of(st.sampled_from(["v1", "v2", "a"]), st.lists(st.text(max_size=3), max_size=2)),
)


@given(st.sampled_from(defaulting.FRAMEWORKS), EXTENSIONS)
def test_the_webhook_makes_the_same_of_both(framework: str, extension: Any) -> None:
    old = service({"minReplicas": 1, framework: extension})
    before = copy.deepcopy(old)
    new = migration.migrate(old)
    assert defaulting.default_service(new) == defaulting.default_service(old)
    assert migration.migrate(new) == new
    assert old == before
    assert {key: value for key, value in new["spec"]["predictor"]["model"].items() if key in extension} == extension
