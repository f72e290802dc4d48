# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the defaulting webhook makes of a service, version by version."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import defaulting, versions
from hypothesis import given
from hypothesis import strategies as st

MODE = "serving.kserve.io/deploymentMode"


def stored(predictor: Any, version: str = "0.20.0", default: str | None = None, **annotations: str) -> dict[str, Any]:
    metadata = {"name": "a", **({"annotations": annotations} if annotations else {})}
    service = {"metadata": metadata, "spec": {"predictor": predictor}}
    return defaulting.default_service(service, version, default_deployment_mode=default)


@pytest.mark.parametrize(
    "version, annotations",
    [("0.15.2", None), ("0.16.0", None), ("0.17.0", {"modelFormat": "onnx"}), ("0.20.0", {"modelFormat": "onnx"})],
)
def test_the_format_becomes_an_annotation(version: str, annotations: Any) -> None:
    assert stored({"onnx": {}}, version)["metadata"].get("annotations") == annotations


def test_an_annotation_that_is_there_stays() -> None:
    assert stored({"onnx": {}}, modelFormat="mine")["metadata"]["annotations"] == {"modelFormat": "mine"}


@pytest.mark.parametrize(
    "version, given_mode, default, kept",
    [
        ("0.20.0", "RawDeployment", None, "Standard"),
        ("0.20.0", "Serverless", None, "Knative"),
        ("0.16.0", "RawDeployment", None, "RawDeployment"),
        ("0.20.0", None, "Standard", "Standard"),
        ("0.20.0", None, "Knative", None),
        ("0.15.2", None, "RawDeployment", "RawDeployment"),
        ("0.15.2", None, "Serverless", None),
        ("0.20.0", "Knative", "Standard", "Knative"),
    ],
)
def test_the_deployment_mode(version: str, given_mode: str | None, default: str | None, kept: str | None) -> None:
    annotations = {MODE: given_mode} if given_mode else {}
    result = stored({"model": {"modelFormat": {"name": ""}}}, version, default, **annotations)
    assert (result["metadata"].get("annotations") or {}).get(MODE) == kept


def test_a_model_mesh_service_is_left_alone() -> None:
    assert stored({"sklearn": {}}, **{MODE: "ModelMesh"})["spec"]["predictor"] == {"sklearn": {}}
    # Only where the service itself says so: with ModelMesh as the cluster's default it is converted.
    assert "model" in stored({"sklearn": {}}, default="ModelMesh")["spec"]["predictor"]


@pytest.mark.parametrize(
    "runtime, version, expected",
    [
        ({"metadata": {"name": "kserve-mlserver"}}, "0.15.2", "mlserver"),
        ({"metadata": {"name": "mine", "annotations": {"serving.kserve.io/server-type": "mlserver"}}}, "0.16.0", None),
        (
            {"metadata": {"name": "mine", "annotations": {"serving.kserve.io/server-type": "mlserver"}}},
            "0.17.0",
            "mlserver",
        ),
        (
            {"metadata": {"name": "kserve-mlserver", "annotations": {"serving.kserve.io/server-type": "x"}}},
            "0.17.0",
            "x",
        ),
        ({"metadata": {"name": "mine"}}, "0.20.0", None),
    ],
)
def test_server_type(runtime: Any, version: str, expected: str | None) -> None:
    assert defaulting.server_type(runtime, version) == expected


@given(st.sampled_from([*defaulting.FRAMEWORKS, "model"]), st.sampled_from(["0.15.2", "0.17.0", "0.20.0"]))
def test_twice_is_once(key: str, version: str) -> None:
    predictor = {key: {"modelFormat": {"name": "vLLM"}} if key == "model" else {"storageUri": "a"}}
    once = stored(predictor, version)
    assert defaulting.default_service(once, version) == once


@pytest.mark.parametrize(
    "text, parsed",
    [("v0.20.0", (0, 20, 0)), ("0.15", (0, 15, 0)), ("0.16.0-rc1", (0, 16, 0)), (" 1.2.3 ", (1, 2, 3))],
)
def test_versions(text: str, parsed: tuple[int, int, int]) -> None:
    assert versions.parse(text) == parsed


@pytest.mark.parametrize("text", ["", "latest", "1", "v", "0.20.x"])
def test_no_versions(text: str) -> None:
    with pytest.raises(ValueError, match="is not a KServe version"):
        versions.parse(text)
