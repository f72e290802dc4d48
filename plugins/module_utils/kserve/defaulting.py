# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What KServe's defaulting webhook makes of an InferenceService.

Source: pkg/apis/serving/v1beta1/inference_service_defaults.go (DefaultInferenceService, setPredictorModelDefaults,
assign*Runtime, SetRuntimeDefaults).
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import (
    ANNOTATION_DEPLOYMENT_MODE,
    ANNOTATION_SERVER_TYPE,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import mapping, plain, text

# The keys of the previous schema in the order in which the webhook looks for them: the first one there is converted,
# another one beside it stays and is then refused. The key is the model format's name.
FRAMEWORKS: tuple[str, ...] = (
    "sklearn",
    "tensorflow",
    "xgboost",
    "pytorch",
    "triton",
    "onnx",
    "huggingface",
    "pmml",
    "lightgbm",
    "paddle",
)

# Frameworks whose previous schema asks for protocol v2 where it names none (assignTritonRuntime and its like).
FRAMEWORKS_ASKING_FOR_V2 = frozenset({"triton", "onnx", "huggingface"})

# Formats of `model:` that ask for protocol v2 where none is named, by the feature that brings each.
FORMATS_ASKING_FOR_V2: dict[str, str | None] = {"triton": None, "vLLM": "vllm_asks_for_v2"}

MODEL_FORMAT_ANNOTATION = "modelFormat"
MODEL_MESH = "ModelMesh"
DEPLOYMENT_MODES_RENAMED = {"RawDeployment": "Standard", "Serverless": "Knative"}

# constants.go, GetServerTypeFromRuntimeName: runtimes that are known by their name alone.
SERVER_TYPE_BY_NAME = {
    "kserve-mlserver": "mlserver",
    "kserve-torchserve": "torchserve",
    "kserve-tritonserver": "tritonserver",
    "kserve-tensorflow-serving": "tensorflow-serving",
    "kserve-huggingfaceserver": "huggingfaceserver",
    "kserve-vllmserver": "vllmserver",
}

# SetMlServerDefaults, SetTritonDefaults, SetTorchServeDefaults.
PROTOCOL_BY_SERVER_TYPE = {"mlserver": "v2", "tritonserver": "v2", "torchserve": "v1"}


def framework_of(predictor: Mapping[str, t.Any]) -> str | None:
    """Name the previous schema's key that the webhook converts, None where the predictor has none."""
    return next((key for key in FRAMEWORKS if predictor.get(key) is not None), None)


def is_model_mesh(service: Mapping[str, t.Any]) -> bool:
    """Say whether a service is annotated for ModelMesh, which KServe's own controller leaves alone."""
    annotations = mapping(mapping(service, "metadata"), "annotations", "metadata")
    return annotations.get(ANNOTATION_DEPLOYMENT_MODE) == MODEL_MESH


def default_service(
    service: Mapping[str, t.Any],
    kserve_version: str = versions.DEFAULT,
    *,
    default_deployment_mode: str | None = None,
) -> dict[str, t.Any]:
    """Return the InferenceService as KServe's mutating webhook stores it (a copy; the argument is left as it is).

    :param service: the service as a person wrote it, previous schema included.
    :param default_deployment_mode: the cluster's own default (ConfigMap inferenceservice-config, deploy); the webhook
        writes it into the annotations where it is Standard, RawDeployment (before 0.17) or ModelMesh.
    :raises SpecError: where the service is not shaped like one.
    """
    wanted: dict[str, t.Any] = plain(service)
    annotated = ANNOTATION_DEPLOYMENT_MODE in mapping(mapping(wanted, "metadata"), "annotations", "metadata")
    _set_deployment_mode(wanted, kserve_version, default_deployment_mode)
    if annotated and is_model_mesh(wanted):
        return wanted
    predictor = mapping(mapping(wanted, "spec"), "predictor", "spec")
    _convert_framework(predictor)
    if isinstance(predictor.get("model"), dict):
        _default_model(wanted, predictor["model"], kserve_version)
    return wanted


def _set_deployment_mode(wanted: dict[str, t.Any], version: str, default: str | None) -> None:
    annotations = mapping(mapping(wanted, "metadata"), "annotations", "metadata")
    mode = annotations.get(ANNOTATION_DEPLOYMENT_MODE)
    if mode is None:
        names = {"Standard", MODEL_MESH} if versions.known(version) >= (0, 16, 0) else {"RawDeployment", MODEL_MESH}
        if default is not None and default in names:
            _annotate(wanted, ANNOTATION_DEPLOYMENT_MODE, default)
    elif mode in DEPLOYMENT_MODES_RENAMED and versions.supports(version, "deployment_mode_names"):
        annotations[ANNOTATION_DEPLOYMENT_MODE] = DEPLOYMENT_MODES_RENAMED[mode]


def _annotate(wanted: dict[str, t.Any], name: str, value: str) -> None:
    metadata = wanted["metadata"] = mapping(wanted, "metadata")
    annotations = metadata["annotations"] = mapping(metadata, "annotations", "metadata")
    annotations[name] = value


def _convert_framework(predictor: dict[str, t.Any]) -> None:
    framework = framework_of(predictor)
    if framework is None:
        return
    extension = mapping(predictor, framework, "spec.predictor")
    # The previous schema has no format and no runtime of its own: the API server drops them before the webhook.
    kept = {key: value for key, value in extension.items() if key not in ("modelFormat", "runtime")}
    model = {"modelFormat": {"name": framework}, **kept}
    if framework in FRAMEWORKS_ASKING_FOR_V2 and model.get("protocolVersion") is None:
        model["protocolVersion"] = "v2"
    # A `model` given beside the old key is overwritten, as the webhook does it without a word.
    del predictor[framework]
    predictor["model"] = model


def _default_model(wanted: dict[str, t.Any], model: dict[str, t.Any], version: str) -> None:
    name = text(mapping(model, "modelFormat", "spec.predictor.model"), "name", "spec.predictor.model.modelFormat")
    if model.get("protocolVersion") is None and _asks_for_v2(name, version):
        model["protocolVersion"] = "v2"
    if name and versions.supports(version, "model_format_annotation"):
        annotations = mapping(mapping(wanted, "metadata"), "annotations", "metadata")
        if MODEL_FORMAT_ANNOTATION not in annotations:
            _annotate(wanted, MODEL_FORMAT_ANNOTATION, name)


def _asks_for_v2(model_format: str | None, version: str) -> bool:
    if model_format not in FORMATS_ASKING_FOR_V2:
        return False
    feature = FORMATS_ASKING_FOR_V2[model_format]
    return feature is None or versions.supports(version, feature)


def server_type(runtime: Mapping[str, t.Any], kserve_version: str = versions.DEFAULT) -> str | None:
    """Name the server type by which KServe sets a server's own defaults, None where it sets none.

    The annotation counts from 0.17 on, even where it names an unknown type; without it the runtime's name counts.
    """
    metadata = mapping(runtime, "metadata")
    annotations = mapping(metadata, "annotations", "metadata")
    if versions.supports(kserve_version, "server_type_annotation") and ANNOTATION_SERVER_TYPE in annotations:
        return text(annotations, ANNOTATION_SERVER_TYPE, "metadata.annotations")
    return SERVER_TYPE_BY_NAME.get(text(metadata, "name", "metadata") or "")
