# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real model of every format that the local images can run, behind the catalogue's runtimes.

Not proven here, since no image of this cluster has their backend: tensorflow, pytorch, tensorrt, and onnx by Triton's
own backend. mlflow and huggingface have an image of their own, see test_extra.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources

from tests.integration.formats.lab import Lab

MLSERVER, TRITON = "seldon-mlserver-runtime", "triton-runtime"

# service: (model format, folder in the store, runtime)
SERVICES = {
    "sklearn": ("sklearn", "sklearn", MLSERVER),
    "xgboost": ("xgboost", "xgboost", MLSERVER),
    "lightgbm": ("lightgbm", "lightgbm", MLSERVER),
    "custom": ("custom", "custom", MLSERVER),
    "sklearns": ("sklearn", "repository", MLSERVER),
    "triton-python": ("python", "triton-python", TRITON),
    "triton-onnx": ("onnx", "triton-onnx", TRITON),
    "triton-both": ("python", "triton-both", TRITON),
}


@pytest.fixture(scope="module")
def running(lab: Lab) -> Lab:
    """All services, started together."""
    for name, (model_format, store, runtime_name) in SERVICES.items():
        lab.start(name, model_format, store, runtime_name)
    return lab


def rows_of(lab: Lab, model: str, tensor: str, datatype: str = "FP32") -> list[dict[str, Any]]:
    rows = lab.expected[model]["rows"]
    return [{"name": tensor, "shape": [len(rows), len(rows[0])], "datatype": datatype, "data": rows}]


@pytest.mark.parametrize("name", ["sklearn", "xgboost", "lightgbm"])
def test_mlserver_answers_as_the_library_does(running: Lab, name: str) -> None:
    outputs = running.ask(name, name, rows_of(running, name, "predict"))
    assert outputs["predict"] == pytest.approx(running.expected[name]["answer"], abs=1e-5)


def test_mlserver_serves_a_class_of_ones_own(running: Lab) -> None:
    outputs = running.ask("custom", "custom", rows_of(running, "custom", "rows"))
    rows = running.expected["custom"]["rows"]
    assert outputs["largest"] == pytest.approx(running.expected["custom"]["answer"], abs=1e-5)
    assert outputs["place"] == [row.index(max(row)) for row in rows]


@pytest.mark.parametrize(
    ("name", "model", "tensor"), [("triton-python", "sums", "numbers"), ("triton-onnx", "line", "x")]
)
def test_triton_answers(running: Lab, name: str, model: str, tensor: str) -> None:
    outputs = running.ask(name, model, rows_of(running, model, tensor))
    (answer,) = outputs.values()
    assert answer == pytest.approx(running.expected[model]["answer"], abs=1e-4)


def pods_of(lab: Lab, service: str) -> list[str]:
    found = lab.client.list(
        resources.POD, lab.namespace, label_selector=f"serving.kserve.io/inferenceservice={service}"
    )
    return [pod["metadata"]["name"] for pod in found]


def test_two_models_on_one_pod_of_mlserver(running: Lab) -> None:
    for model in ("sepals", "petals"):
        outputs = running.ask("sklearns", model, rows_of(running, f"repository/{model}", "predict"))
        assert outputs["predict"] == running.expected[f"repository/{model}"]["answer"]
    assert running.expected["repository/sepals"]["answer"] != running.expected["repository/petals"]["answer"]
    assert len(pods_of(running, "sklearns")) == 1


def test_two_models_on_one_pod_of_triton(running: Lab) -> None:
    for model, tensor in (("sums", "numbers"), ("line", "x")):
        outputs = running.ask("triton-both", model, rows_of(running, model, tensor))
        (answer,) = outputs.values()
        assert answer == pytest.approx(running.expected[model]["answer"], abs=1e-4)
    assert len(pods_of(running, "triton-both")) == 1


@pytest.mark.parametrize(("name", "port"), [("sklearn", 8082), ("triton-python", 8002)])
def test_metrics_are_where_the_annotation_says(running: Lab, name: str, port: int) -> None:
    model = {"sklearn": "sklearn", "triton-python": "sums"}[name]
    running.ask(name, model, rows_of(running, model, {"sklearn": "predict", "triton-python": "numbers"}[name]))
    (pod,) = running.client.list(
        resources.POD, running.namespace, label_selector=f"serving.kserve.io/inferenceservice={name}"
    )
    annotations = pod["metadata"]["annotations"]
    assert annotations["prometheus.kserve.io/port"] == str(port)
    path = annotations["prometheus.kserve.io/path"]
    url = f"/api/v1/namespaces/{running.namespace}/pods/{pod['metadata']['name']}:{port}/proxy{path}"
    answer = running.client.raw("GET", url)
    assert answer.status == 200 and b"# TYPE" in answer.body


def test_the_pods_turn_ready(running: Lab) -> None:
    """By the presets' own probes; on a machine that is busy enough one may fail in between."""

    def ready() -> bool:
        pods = running.client.list(resources.POD, running.namespace, label_selector="component=predictor")
        states = [state for pod in pods for state in pod["status"].get("containerStatuses", [])]
        return len(states) == len(SERVICES) and all(state["ready"] for state in states)

    running.eventually(ready, timeout=300)
