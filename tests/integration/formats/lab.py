# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace with the catalogue's runtimes, a store with a model of each kind, and services that are asked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import catalogue, kinds, runtime, versions

HERE = Path(__file__).resolve().parent
NODE_MODELS = "/models"  # where the cluster's nodes have the host's folder of models
RUNTIME = Resource(*kinds.SERVING_RUNTIME)
SERVICE = Resource(*kinds.INFERENCE_SERVICE)
# Several pods share two cores here, so they ask for little.
LITTLE = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "2Gi"}}
CLASSES = {
    "xgboost": "mlserver_xgboost.XGBoostModel",
    "lightgbm": "mlserver_lightgbm.LightGBMModel",
    "mlflow": "mlserver_mlflow.MLflowRuntime",
    "huggingface": "mlserver_huggingface.HuggingFaceRuntime",
}
# What is asked comes from the store alone.
OFFLINE = {"name": "HF_HUB_OFFLINE", "value": "1"}


@dataclass
class Lab:
    """The namespace, and what its store holds: the rows to ask of each model and the answers that are right."""

    client: Client
    namespace: str
    kserve_version: str
    expected: dict[str, dict[str, Any]]
    eventually: Callable[..., Any]
    started: set[str] = field(default_factory=set)

    def start(self, name: str, model_format: str, store: str, runtime_name: str) -> None:
        """Create an InferenceService on one of the runtimes; nothing waits."""
        if name in self.started:
            return
        self.started.add(name)
        labels = {}
        if not versions.supports(self.kserve_version, "model_format_annotation") and model_format in CLASSES:
            labels["modelClass"] = CLASSES[model_format]
        model = {
            "modelFormat": {"name": model_format},
            "runtime": runtime_name,
            "protocolVersion": "v2",
            "storageUri": f"pvc://models/{store}",
        }
        self.client.create(
            SERVICE,
            {
                "apiVersion": SERVICE.api_version,
                "kind": SERVICE.kind,
                "metadata": {
                    "name": name,
                    "labels": labels,
                    "annotations": {kinds.ANNOTATION_AUTOSCALER_CLASS: "none"},
                },
                "spec": {"predictor": {"model": model}},
            },
            self.namespace,
        )

    def call(self, method: str, name: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A request to a service through the API server; (status, answer)."""
        url = f"/api/v1/namespaces/{self.namespace}/services/{name}-predictor:80/proxy/{path}"
        answer = self.client.raw(method, url, body=body, headers={"Content-Type": "application/json"}, timeout=30)
        return answer.status, json.loads(answer.body) if answer.body.strip().startswith((b"{", b"[")) else answer.body

    def ask(self, name: str, model: str, inputs: list[dict[str, Any]], **parameters: str) -> dict[str, Any]:
        """Wait until the model is ready, infer, and return the outputs by name."""
        self.eventually(lambda: self.call("GET", name, f"v2/models/{model}/ready")[0] == 200, timeout=300, every=1)
        status, answer = self.call(
            "POST", name, f"v2/models/{model}/infer", {"inputs": inputs, "parameters": parameters}
        )
        assert status == 200, answer
        return {output["name"]: output["data"] for output in answer["outputs"]}


@contextmanager
def made(
    client: Client,
    cluster: dict[str, Any],
    namespace: str,
    eventually: Callable[..., Any],
    mlserver: str | None = None,
) -> Iterator[Lab]:
    """A lab in a namespace of its own, with the store filled and the runtimes written.

    mlserver: another image of MLServer than the cluster's own.
    """
    images = {**cluster["images"], **({"mlserver": mlserver} if mlserver else {})}
    store = Path(cluster["models_dir"]) / namespace
    store.mkdir(mode=0o777)
    store.chmod(0o777)  # the trainer's user is not ours
    volume = _claim_store(client, namespace)
    try:
        for preset in ("triton", "mlserver"):
            client.create(RUNTIME, _runtime(preset, images[preset]), namespace)
        expected = _write_triton_models(store)
        expected |= _train(client, namespace, images["mlserver"], store, eventually)
        yield Lab(client, namespace, cluster["kserve_version"], expected, eventually)
    finally:
        client.delete(resources.PERSISTENTVOLUME, volume)
        shutil.rmtree(store, ignore_errors=True)


def _runtime(preset: str, image: str) -> dict[str, Any]:
    """The preset as it is, but for its image, the size of its pods and what they may not ask of others."""
    container = {"name": kinds.CONTAINER, "image": image, "resources": LITTLE, "env": [OFFLINE]}
    return runtime.build({"containers": [container]}, kind=RUNTIME.kind, preset=catalogue.preset(preset))


def _claim_store(client: Client, namespace: str) -> str:
    size = {"storage": "1Gi"}
    client.create(
        resources.PERSISTENTVOLUME,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": namespace},
            "spec": {
                "capacity": size,
                "accessModes": ["ReadWriteMany"],
                "storageClassName": "",
                "hostPath": {"path": f"{NODE_MODELS}/{namespace}"},
                "claimRef": {"namespace": namespace, "name": "models"},
            },
        },
    )
    client.create(
        resources.PERSISTENTVOLUMECLAIM,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "models"},
            "spec": {
                "accessModes": ["ReadWriteMany"],
                "storageClassName": "",
                "volumeName": namespace,
                "resources": {"requests": size},
            },
        },
        namespace,
    )
    return namespace


def _train(
    client: Client, namespace: str, image: str, store: Path, eventually: Callable[..., Any]
) -> dict[str, dict[str, Any]]:
    """Run train.py in MLServer's own image, on the store."""
    script = {"train.py": (HERE / "train.py").read_text()}
    client.create(
        resources.CONFIGMAP,
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "train"}, "data": script},
        namespace,
    )
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "train"},
        "spec": {
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "train",
                    "image": image,
                    "command": ["python", "/scripts/train.py", "/store"],
                    "env": [{"name": "OMP_NUM_THREADS", "value": "1"}, OFFLINE],
                    "volumeMounts": [
                        {"name": "scripts", "mountPath": "/scripts"},
                        {"name": "store", "mountPath": "/store"},
                    ],
                }
            ],
            "volumes": [
                {"name": "scripts", "configMap": {"name": "train"}},
                {"name": "store", "persistentVolumeClaim": {"claimName": "models"}},
            ],
        },
    }
    client.create(resources.POD, pod, namespace)

    def phase() -> str | None:
        found = (client.get(resources.POD, "train", namespace) or {}).get("status", {}).get("phase", "")
        return found if found in ("Succeeded", "Failed") else None

    assert eventually(phase, timeout=600) == "Succeeded", client.logs(namespace, "train", "train")
    expected: dict[str, dict[str, Any]] = json.loads((store / "expected.json").read_text())
    return expected


def _write_triton_models(store: Path) -> dict[str, dict[str, Any]]:
    """Three repositories for Triton: each model alone, and both together."""
    weights = np.arange(8, dtype=np.float32).reshape(4, 2) / 4 - 1
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    for repository in ("triton-python", "triton-both"):
        _copy_model(store / repository / "sums", "python")
    for repository in ("triton-onnx", "triton-both"):
        target = _copy_model(store / repository / "line", "onnx")
        (target / "1" / "model.onnx").write_bytes(_line(weights).SerializeToString())
    return {
        "sums": {"rows": rows.tolist(), "answer": rows.sum(axis=1).tolist()},
        "line": {"rows": rows.tolist(), "answer": (rows @ weights).flatten().tolist()},
    }


def _copy_model(target: Path, source: str) -> Path:
    (target / "1").mkdir(parents=True)
    shutil.copy(HERE / "models" / source / "config.pbtxt", target)
    shutil.copy(HERE / "models" / source / "model.py", target / "1")
    return target


def _line(weights: np.ndarray[Any, Any]) -> onnx.ModelProto:
    """y = x · weights"""
    floats = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "line",
        [onnx.helper.make_tensor_value_info("x", floats, [None, 4])],
        [onnx.helper.make_tensor_value_info("y", floats, [None, 2])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
