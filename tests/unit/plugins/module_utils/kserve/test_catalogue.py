# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of presets. What KServe's own look like is compared in tests/integration/catalogue."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import (
    admission,
    catalogue,
    gotemplate,
    images,
    runtime,
    spec,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

NAMES = sorted(catalogue.PRESETS)


def wanted(name: str, **options: t.Any) -> dict[str, t.Any]:
    return runtime.build(options, kind="ServingRuntime", preset=catalogue.preset(name))


def env(built: dict[str, t.Any]) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in built["spec"]["containers"][0].get("env", [])}


def formats(built: dict[str, t.Any]) -> set[tuple[str, str]]:
    return {(entry["name"], entry.get("version", "")) for entry in built["spec"]["supportedModelFormats"]}


def test_a_copy_is_handed_out() -> None:
    catalogue.preset("triton")["spec"]["containers"][0]["args"].append("changed")
    assert "changed" not in catalogue.preset("triton")["spec"]["containers"][0]["args"]


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_is_what_the_field_table_reads(name: str) -> None:
    """So a preset could be pasted as options: same fields, same types, nothing left over."""
    content = catalogue.preset(name)["spec"]
    assert spec.read(content).spec == content
    json.dumps(content)


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_has_the_one_container_that_kserve_looks_for(name: str) -> None:
    built = wanted(name)
    assert [one["name"] for one in built["spec"]["containers"]] == ["kserve-container"]
    assert ":" in built["spec"]["containers"][0]["image"]
    assert catalogue.preset(name)["name"] == built["metadata"]["name"]


@pytest.mark.parametrize("kind", ["ServingRuntime", "ClusterServingRuntime"])
@pytest.mark.parametrize("name", NAMES)
def test_no_preset_is_refused(name: str, kind: str) -> None:
    answer = admission.admit(runtime.build({}, kind=kind, preset=catalogue.preset(name)), [])
    assert (answer["allowed"], answer["message"], answer["errors"]) == (True, "", [])


def test_kserves_own_set_can_be_installed_together() -> None:
    built = [
        runtime.build({}, kind="ClusterServingRuntime", preset=catalogue.preset(name))
        for name in catalogue.OUT_OF_THE_BOX
    ]
    for index, one in enumerate(built):
        assert admission.admit(one, built[:index])["errors"] == []


def test_the_seeds_names_and_formats() -> None:
    triton, mlserver = wanted("triton"), wanted("mlserver")
    assert triton["metadata"]["name"] == "triton-runtime"
    assert formats(triton) == {
        ("tensorflow", "2"),
        ("pytorch", "1"),
        ("onnx", "1"),
        ("tensorrt", "8"),
        ("python", "1"),
    }
    assert mlserver["metadata"]["name"] == "seldon-mlserver-runtime"
    assert formats(mlserver) >= {
        ("sklearn", "1"),
        ("xgboost", "1"),
        ("lightgbm", "3"),
        ("mlflow", "1"),
        ("huggingface", "1"),
        ("tempo", "1"),
    }


@pytest.mark.parametrize("name", ["triton", "mlserver"])
def test_what_the_seed_sets_for_both(name: str) -> None:
    built = wanted(name)
    (container,) = built["spec"]["containers"]
    assert container["resources"] == {
        "requests": {"cpu": "500m", "memory": "1Gi"},
        "limits": {"cpu": "2", "memory": "4Gi"},
    }
    probes = {
        kind: (probe["httpGet"]["path"], probe.get("initialDelaySeconds"), probe["periodSeconds"])
        for kind in ("livenessProbe", "readinessProbe", "startupProbe")
        for probe in [container[kind]]
    }
    assert probes == {
        "livenessProbe": ("/v2/health/live", 30, 30),
        "readinessProbe": ("/v2/health/ready", 10, 10),
        "startupProbe": ("/v2/health/ready", None, 10),
    }
    assert container["startupProbe"]["failureThreshold"] == 60
    assert built["spec"]["multiModel"] is False
    assert "v2" in built["spec"]["protocolVersions"]
    # installing it must not move a service, nor collide with KServe's own priorities
    assert not any(entry.get("autoSelect") or "priority" in entry for entry in built["spec"]["supportedModelFormats"])
    assert "runAsUser" not in container["securityContext"]


def test_metrics_where_the_servers_have_them() -> None:
    triton, mlserver = wanted("triton"), wanted("mlserver")
    assert triton["spec"]["annotations"]["prometheus.io/port"] == "8002"
    assert "--metrics-port=8002" in triton["spec"]["containers"][0]["args"]
    port = env(mlserver)["MLSERVER_METRICS_PORT"]
    assert port == "8082"
    assert {value for key, value in mlserver["spec"]["annotations"].items() if key.endswith("/port")} == {port}


def test_triton_has_shared_memory() -> None:
    built = wanted("triton")
    assert built["spec"]["volumes"] == [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}}]
    assert built["spec"]["containers"][0]["volumeMounts"] == [{"name": "shm", "mountPath": "/dev/shm"}]


def test_mlserver_names_its_model_itself() -> None:
    """KServe 0.15 sets these for a runtime named kserve-mlserver only."""
    values = env(wanted("mlserver"))
    assert values["MLSERVER_MODEL_NAME"] == "{{.Name}}"
    assert values["MLSERVER_MODEL_URI"] == "/mnt/models"
    assert ".Labels.modelClass" in values["MLSERVER_MODEL_IMPLEMENTATION"]


def test_kservess_own_can_be_installed_without_taking_services_over() -> None:
    built = wanted("kserve-sklearnserver", auto_select=False)
    assert built["spec"]["supportedModelFormats"] == [{"name": "sklearn", "version": "1", "autoSelect": False}]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "kserve-tritonserver"])
def test_no_image_is_known_not_to_serve_its_formats(name: str) -> None:
    assert images.warnings(wanted(name)) == []


def test_kserves_own_triton_cannot_serve_all_that_it_says() -> None:
    (problem,) = images.warnings(wanted("kserve-tritonserver"))
    assert "cannot serve tensorflow 1" in problem.message


def test_the_amd_example_asks_for_its_gpu() -> None:
    built = wanted("amd")
    assert built["spec"]["containers"][0]["resources"]["limits"]["amd.com/gpu"] == "1"
    assert "v2" in built["spec"]["protocolVersions"]


def test_an_unknown_name() -> None:
    with pytest.raises(SpecError, match=r"^preset: 'tritn' is no preset; did you mean triton\?$"):
        catalogue.preset("tritn")
    with pytest.raises(SpecError, match="known are triton, mlserver, kserve-"):
        catalogue.preset("zzz")


@pytest.mark.parametrize(
    ("labels", "annotations", "wanted"),
    [
        ({}, {}, "mlserver_sklearn.SKLearnModel"),
        ({}, {"modelFormat": "sklearn"}, "mlserver_sklearn.SKLearnModel"),
        ({}, {"modelFormat": "xgboost"}, "mlserver_xgboost.XGBoostModel"),
        ({}, {"modelFormat": "lightgbm"}, "mlserver_lightgbm.LightGBMModel"),
        ({}, {"modelFormat": "mlflow"}, "mlserver_mlflow.MLflowRuntime"),
        ({}, {"modelFormat": "huggingface"}, "mlserver_huggingface.HuggingFaceRuntime"),
        ({"modelClass": "mine.Model"}, {"modelFormat": "xgboost"}, "mine.Model"),
    ],
)
def test_the_class_of_a_services_model(labels: dict[str, str], annotations: dict[str, str], wanted: str) -> None:
    metadata = {"name": "a", "labels": labels, "annotations": annotations}
    assert gotemplate.render(catalogue.MODEL_CLASS, metadata) == wanted
