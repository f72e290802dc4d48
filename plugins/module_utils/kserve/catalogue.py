# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runtimes that are ready to use: Triton and MLServer as custom runtimes, KServe's own, and AMD's example.

A preset is {name, labels, annotations, spec, notes}; `preset` returns a copy that a task lays its options over.
KServe's own (`kserve-…`) follow config/runtimes at v0.20.0, `latest` read as that tag: a test compares them field by
field with what `kubectl kustomize` makes of it.
"""

from __future__ import annotations

import copy
import difflib
import typing as t
from collections.abc import Sequence

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

KSERVE_TAG = "v0.20.0"

Map = dict[str, t.Any]


# -- pieces ------------------------------------------------------------------------------------------------------------


def _resources(requests: tuple[str, str], limits: tuple[str, str]) -> Map:
    """Return resources from (cpu, memory) pairs."""
    return {
        "requests": {"cpu": requests[0], "memory": requests[1]},
        "limits": {"cpu": limits[0], "memory": limits[1]},
    }


_SMALL = _resources(("1", "2Gi"), ("1", "2Gi"))
_RESTRICTED: Map = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "privileged": False}
_NON_ROOT: Map = {**_RESTRICTED, "runAsNonRoot": True}


def _formats(*entries: tuple[t.Any, ...]) -> list[Map]:
    """Return supportedModelFormats from (name, version, autoSelect, priority); None leaves a field out."""
    keys = ("name", "version", "autoSelect", "priority")
    return [{key: value for key, value in zip(keys, entry, strict=False) if value is not None} for entry in entries]


def _auto(name: str, priority: int, *versions: str) -> list[Map]:
    return _formats(*((name, version, True, priority) for version in versions))


def _env(**values: str) -> list[Map]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _env_field(name: str, path: str) -> Map:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _shared_memory(name: str, size: str | None = None) -> tuple[list[Map], list[Map]]:
    """Return the volume and the mount of a memory-backed /dev/shm."""
    medium: Map = {"medium": "Memory"}
    if size:
        medium["sizeLimit"] = size
    return [{"name": name, "emptyDir": medium}], [{"name": name, "mountPath": "/dev/shm"}]


def _http_probe(path: str, delay: int | None = None, period: int = 10, **more: int) -> Map:
    timing = {} if delay is None else {"initialDelaySeconds": delay}
    return {"httpGet": {"path": path, "port": 8080}, **timing, "periodSeconds": period, **more}


def _exec_probe(script: str, *, failures: int, period: int, timeout: int, delay: int | None = None) -> Map:
    timing = {} if delay is None else {"initialDelaySeconds": delay}
    return {
        "exec": {"command": ["bash", "-c", script]},
        **timing,
        "failureThreshold": failures,
        "periodSeconds": period,
        "successThreshold": 1,
        "timeoutSeconds": timeout,
    }


# -- KServe's own, config/runtimes -------------------------------------------------------------------------------------

_MODEL = ["--model_name={{.Name}}", "--model_dir=/mnt/models", "--http_port=8080"]


def _kserve(
    name: str,
    server_type: str,
    image: str,
    formats: list[Map],
    container: Map,
    *,
    protocols: Sequence[str] = ("v1", "v2"),
    metrics_port: str = "8080",
    notes: Sequence[str] = (),
    **spec: t.Any,
) -> Map:
    """Return one of KServe's runtimes; ``container`` and ``spec`` override what they have in common."""
    common = {"name": "kserve-container", "image": image, "resources": _SMALL, "securityContext": _NON_ROOT}
    wanted = {
        "annotations": {"prometheus.kserve.io/path": "/metrics", "prometheus.kserve.io/port": metrics_port},
        "supportedModelFormats": formats,
        "containers": [{key: value for key, value in {**common, **container}.items() if value is not None}],
        **spec,
    }
    if protocols:
        wanted["protocolVersions"] = list(protocols)
    return {
        "name": name,
        "labels": {},
        "annotations": {"serving.kserve.io/server-type": server_type},
        "spec": wanted,
        "notes": list(notes),
    }


def _simple(short: str, formats: list[Map], *more_args: str, **spec: t.Any) -> Map:
    """Return one of the servers that KServe builds itself: they share their image's name and their arguments."""
    image = f"kserve/{short}:{KSERVE_TAG}"
    return _kserve(f"kserve-{short}", short, image, formats, {"args": [*_MODEL, *more_args]}, **spec)


def _tritonserver() -> Map:
    formats = [
        *_auto("tensorrt", 1, "8"),
        *_auto("tensorflow", 1, "1", "2"),
        *_auto("onnx", 1, "1"),
        *_formats(("pytorch", "1")),
        *_auto("triton", 1, "2"),
    ]
    args = [
        "--model-store=/mnt/models",
        "--grpc-port=9000",
        "--http-port=8080",
        "--allow-grpc=true",
        "--allow-http=true",
    ]
    return _kserve(
        "kserve-tritonserver",
        "tritonserver",
        "nvcr.io/nvidia/tritonserver:23.05-py3",
        formats,
        {"args": ["tritonserver", *args], "securityContext": {**_NON_ROOT, "runAsUser": 1000}},
        protocols=("v2", "grpc-v2"),
        metrics_port="8002",
        notes=["its image no longer serves tensorflow 1, which left Triton at 23.04"],
    )


def _mlserver_of_kserve() -> Map:
    formats = [
        *_auto("sklearn", 2, "0", "1"),
        *_auto("xgboost", 2, "1", "2"),
        *_auto("lightgbm", 2, "3", "4"),
        *_auto("mlflow", 1, "1", "2"),
    ]
    env = _env(
        MLSERVER_MODEL_IMPLEMENTATION="{{.Labels.modelClass}}", MLSERVER_HTTP_PORT="8080", MLSERVER_GRPC_PORT="9000"
    )
    return _kserve(
        "kserve-mlserver",
        "mlserver",
        "docker.io/seldonio/mlserver:1.7.1",
        formats,
        {"env": env},
        protocols=("v2",),
        notes=[
            "its metrics annotation says 8080, MLServer listens on 8082",
            "before KServe 0.17 it works under the name kserve-mlserver only",
        ],
    )


def _tensorflow_serving() -> Map:
    args = [
        "--model_name={{.Name}}",
        "--port=9000",
        "--rest_api_port=8080",
        "--model_base_path=/mnt/models",
        "--rest_api_timeout_in_ms=60000",
    ]
    return _kserve(
        "kserve-tensorflow-serving",
        "tensorflow-serving",
        "tensorflow/serving:2.6.2",
        _auto("tensorflow", 2, "1", "2"),
        {
            "command": ["/usr/bin/tensorflow_model_server"],
            "args": args,
            "securityContext": {**_NON_ROOT, "runAsUser": 1000},
        },
        protocols=("v1", "grpc-v1"),
    )


def _torchserve() -> Map:
    args = [
        "torchserve",
        "--start",
        "--model-store=/mnt/models/model-store",
        "--ts-config=/mnt/models/config/config.properties",
    ]
    return _kserve(
        "kserve-torchserve",
        "torchserve",
        "pytorch/torchserve-kfs:0.9.0",
        _auto("pytorch", 2, "1"),
        {
            "args": args,
            "env": _env(TS_SERVICE_ENVELOPE="{{.Labels.serviceEnvelope}}"),
            "securityContext": {**_NON_ROOT, "runAsUser": 1000},
        },
        protocols=("v1", "v2", "grpc-v2"),
        metrics_port="8082",
    )


def _predictiveserver() -> Map:
    formats = _formats(("sklearn", "1", False, 3), ("xgboost", "2", False, 3), ("lightgbm", "4", False, 3))
    return _simple(
        "predictiveserver", formats, "--framework={{.Annotations.modelFormat}}", "--nthread=1", multiModel=False
    )


def _huggingfaceserver() -> Map:
    volumes, mounts = _shared_memory("devshm")
    return _kserve(
        "kserve-huggingfaceserver",
        "huggingfaceserver",
        f"kserve/huggingfaceserver:{KSERVE_TAG}",
        _auto("huggingface", 1, "1"),
        {
            "args": ["--model_name={{.Name}}"],
            "env": _env(LMCACHE_USE_EXPERIMENTAL="True"),
            "volumeMounts": mounts,
        },
        protocols=("v2", "v1"),
        hostIPC=False,
        volumes=volumes,
    )


def _vllmserver() -> Map:
    volumes, mounts = _shared_memory("devshm")
    env = _env(
        LMCACHE_USE_EXPERIMENTAL="True", HF_HOME="/tmp", VLLM_CONFIG_ROOT="/tmp", VLLM_WORKER_MULTIPROC_METHOD="spawn"
    )
    return _kserve(
        "kserve-vllmserver",
        "vllmserver",
        f"vllm/vllm-openai:{KSERVE_TAG}",
        _auto("vLLM", 1, "1"),
        {
            "command": ["python", "-m", "vllm.entrypoints.openai.api_server"],
            "args": ["--port=8080", "--served-model-name={{.Name}}", "--model=/mnt/models"],
            "env": env,
            "securityContext": _RESTRICTED,
            "readinessProbe": _http_probe("/v1/models", failureThreshold=3, successThreshold=1, timeoutSeconds=5),
            "startupProbe": _http_probe(
                "/v1/models", 30, 30, failureThreshold=60, successThreshold=1, timeoutSeconds=10
            ),
            "volumeMounts": mounts,
        },
        protocols=(),
        hostIPC=False,
        volumes=volumes,
    )


_HEAD_SCRIPT = """\
export MODEL_DIR_ARG=""
if [[ ! -z ${MODEL_ID} ]]
then
  export MODEL_DIR_ARG="--model_dir=${MODEL_ID}"
fi

if [[ ! -z ${MODEL_DIR} ]]
then
  export MODEL_DIR_ARG="--model_dir=${MODEL_DIR}"
fi

export RAY_ADDRESS=${POD_IP}:${RAY_PORT}
ray start --head --disable-usage-stats --include-dashboard false\x20
python ./huggingfaceserver/health_check.py registered_nodes --retries 200  --probe_name runtime_start

python -m huggingfaceserver ${MODEL_DIR_ARG} --tensor-parallel-size=${TENSOR_PARALLEL_SIZE} \
--pipeline-parallel-size=${PIPELINE_PARALLEL_SIZE} $0 $@
"""

_WORKER_SCRIPT = """\
export RAY_HEAD_ADDRESS=${HEAD_SVC}.${POD_NAMESPACE}.svc.cluster.local:6379
SECONDS=0

while true; do             \x20
  if (( SECONDS <= 240 )); then
    if ray health-check --address "${RAY_HEAD_ADDRESS}" > /dev/null 2>&1; then
      echo "Ray Global Control Service(GCS) is ready."
      break
    fi
    echo "$SECONDS seconds elapsed: Waiting for Ray Global Control Service(GCS) to be ready."
  else
    if ray health-check --address "${RAY_HEAD_ADDRESS}"; then
      echo "Ray Global Control Service(GCS) is ready. Any error messages above can be safely ignored."
      break
    fi
    echo "$SECONDS seconds elapsed: Still waiting for Ray Global Control Service(GCS) to be ready."
  fi

  sleep 5
done

echo "Attempting to connect to Ray cluster at $RAY_HEAD_ADDRESS ..."
ray start --address="${RAY_HEAD_ADDRESS}" --block
"""

_HEALTH = "python ./huggingfaceserver/health_check.py"
_LOCAL = "--health_check_url http://localhost:8080"
_HEAD_HOST = "${HEAD_SVC}.${POD_NAMESPACE}.svc.cluster.local"


def _huggingface_multinode() -> Map:
    image = f"kserve/huggingfaceserver:{KSERVE_TAG}-gpu"
    resources = _resources(("2", "6Gi"), ("4", "12Gi"))
    volumes, mounts = _shared_memory("shm", "3Gi")
    head = {
        "command": ["bash", "-c", _HEAD_SCRIPT],
        "args": ["--model_name={{.Name}}"],
        "env": [
            *_env(RAY_PORT="6379"),
            _env_field("POD_NAMESPACE", "metadata.namespace"),
            _env_field("POD_IP", "status.podIP"),
            *_env(VLLM_CONFIG_ROOT="/tmp", HF_HUB_CACHE="/tmp"),
        ],
        "resources": resources,
        "securityContext": None,
        "livenessProbe": _exec_probe(
            f"{_HEALTH} registered_node_and_runtime_health {_LOCAL} --probe_name head_liveness\n",
            failures=2, period=5, timeout=15,
        ),
        "readinessProbe": _exec_probe(
            f"{_HEALTH} runtime_health {_LOCAL} --probe_name head_readiness\n", failures=2, period=5, timeout=15
        ),
        "startupProbe": _exec_probe(
            f"{_HEALTH} registered_node_and_runtime_health {_LOCAL} --probe_name head_startup\n",
            failures=40, period=30, timeout=30, delay=60,
        ),
        "volumeMounts": mounts,
    }  # fmt: skip
    worker = {
        "name": "worker-container",
        "image": image,
        "command": ["bash", "-c", _WORKER_SCRIPT],
        "env": [_env_field("POD_NAME", "metadata.name"), _env_field("POD_NAMESPACE", "metadata.namespace")],
        "resources": resources,
        "livenessProbe": _exec_probe(
            f"export RAY_ADDRESS={_HEAD_HOST}:6379\n{_HEALTH} registered_nodes --probe_name worker_liveness\n",
            failures=2, period=5, timeout=15,
        ),
        "startupProbe": _exec_probe(
            f"export RAY_HEAD_NODE={_HEAD_HOST}\n"
            "export RAY_ADDRESS=${RAY_HEAD_NODE}:6379\n"
            f"{_HEALTH} registered_node_and_runtime_models --runtime_url http://${{RAY_HEAD_NODE}}:8080/v1/models"
            " --probe_name worker_startup\n",
            failures=40, period=30, timeout=30, delay=60,
        ),
        "volumeMounts": mounts,
    }  # fmt: skip
    return _kserve(
        "kserve-huggingfaceserver-multinode",
        "huggingfaceserver",
        image,
        _auto("huggingface", 2, "1"),
        head,
        protocols=("v2", "v1"),
        volumes=volumes,
        workerSpec={
            "pipelineParallelSize": 1,
            "tensorParallelSize": 1,
            "containers": [worker],
            "volumes": volumes,
        },
    )


def _openvino() -> Map:
    args = [
        "--model_name={{.Name}}",
        "--model_path=/mnt/models",
        "--port=9000",
        "--rest_port=8080",
        "--file_system_poll_wait_seconds=0",
    ]
    formats = [
        *_auto("openvino", 1, "10"),
        *_auto("onnx", 2, "1"),
        *_auto("tensorflow", 3, "1"),
        *_formats(("huggingface", None, True)),
    ]
    return _kserve(
        "kserve-openvino",
        "ovms",
        "openvino/model_server:latest",
        formats,
        {"args": args, "securityContext": {**_NON_ROOT, "runAsUser": 5000}},
        protocols=("v1", "v2", "grpc-v2"),
        notes=[
            "outside KServe's default set, which names no tag for its image",
            "it takes onnx from kserve-tritonserver, whose priority is lower",
        ],
    )


# -- the first seed's: Triton and MLServer as custom runtimes ----------------------------------------------------------

_SEED_RESOURCES = _resources(("500m", "1Gi"), ("2", "4Gi"))


def _metrics(port: str) -> Map:
    """Return the pod annotations that KServe's aggregator, OpenShift AI's metrics Service and Prometheus look for."""
    return {
        "prometheus.kserve.io/port": port,
        "prometheus.kserve.io/path": "/metrics",
        "prometheus.io/port": port,
        "prometheus.io/path": "/metrics",
    }


def _v2_server(container: Map) -> Map:
    """Return a V2 server's container: REST on 8080, the seed's resources and probes, and a probe for the start.

    Triton opens its ports only once its models are loaded, so a liveness probe alone would kill a large model.
    """
    return {
        "name": "kserve-container",
        **container,
        "resources": _SEED_RESOURCES,
        "ports": [{"name": "http1", "containerPort": 8080, "protocol": "TCP"}],
        "startupProbe": _http_probe("/v2/health/ready", failureThreshold=60),
        "livenessProbe": _http_probe("/v2/health/live", 30, 30),
        "readinessProbe": _http_probe("/v2/health/ready", 10, 10),
    }


def _triton() -> Map:
    volumes, mounts = _shared_memory("shm", "2Gi")
    container = {
        # the last tag with TensorRT 8, and with a backend for each of the formats below
        "image": "nvcr.io/nvidia/tritonserver:24.04-py3",
        "args": [
            "tritonserver",
            "--model-store=/mnt/models",
            "--http-port=8080",
            "--grpc-port=9000",
            "--metrics-port=8002",
            "--allow-http=true",
            "--allow-grpc=true",
        ],
        # no runAsNonRoot: the image's user is root, which OpenShift replaces and plain Kubernetes would refuse
        "securityContext": {**_RESTRICTED, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumeMounts": mounts,
    }
    return {
        "name": "triton-runtime",
        "labels": {},
        "annotations": {
            "serving.kserve.io/server-type": "tritonserver",
            "openshift.io/display-name": "NVIDIA Triton Inference Server",
        },
        "spec": {
            "annotations": _metrics("8002"),
            "supportedModelFormats": _formats(
                ("tensorflow", "2"), ("pytorch", "1"), ("onnx", "1"), ("tensorrt", "8"), ("python", "1")
            ),
            "protocolVersions": ["v2", "grpc-v2"],
            "multiModel": False,
            "containers": [_v2_server(container)],
            "volumes": volumes,
        },
        "notes": ["tensorflow 1 left Triton at 23.04: add the format together with an image up to 23.03"],
    }


# From KServe 0.17 an annotation names the service's format; before, and for other classes, the label modelClass counts.
# Without either it is scikit-learn's, as KServe itself has it (SetMlServerDefaults); a model-settings.json wins anyway.
_MODEL_CLASSES = {
    "xgboost": "mlserver_xgboost.XGBoostModel",
    "lightgbm": "mlserver_lightgbm.LightGBMModel",
    "mlflow": "mlserver_mlflow.MLflowRuntime",
    "huggingface": "mlserver_huggingface.HuggingFaceRuntime",
}
MODEL_CLASS = (
    "{{if .Labels.modelClass}}{{.Labels.modelClass}}"
    + "".join(f" {{{{- else if eq .Annotations.modelFormat `{name}`}}}}{path}" for name, path in _MODEL_CLASSES.items())
    + " {{- else}}mlserver_sklearn.SKLearnModel{{end}}"
)


def _mlserver() -> Map:
    container = {
        "image": "docker.io/seldonio/mlserver:1.7.1",
        "env": _env(
            MLSERVER_HTTP_PORT="8080",
            MLSERVER_GRPC_PORT="9000",
            MLSERVER_METRICS_PORT="8082",
            MLSERVER_MODELS_DIR="/mnt/models",
            MLSERVER_MODEL_NAME="{{.Name}}",
            MLSERVER_MODEL_URI="/mnt/models",
            MLSERVER_MODEL_IMPLEMENTATION=MODEL_CLASS,
            # a user id that OpenShift made up owns nothing but /tmp
            MLSERVER_ENVIRONMENTS_DIR="/tmp/mlserver/envs",
            MLSERVER_METRICS_DIR="/tmp/mlserver/metrics",
            HF_HOME="/tmp/mlserver/huggingface",
        ),
        "securityContext": {**_NON_ROOT, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    return {
        "name": "seldon-mlserver-runtime",
        "labels": {},
        # no server-type: with it KServe overwrites the service's label modelClass, for huggingface by scikit-learn's
        "annotations": {"openshift.io/display-name": "Seldon MLServer"},
        "spec": {
            "annotations": _metrics("8082"),
            "supportedModelFormats": _formats(
                ("sklearn", "1"),
                ("xgboost", "1"),
                ("lightgbm", "3"),
                ("mlflow", "1"),
                ("huggingface", "1"),
                ("tempo", "1"),
                ("custom", "1"),
            ),
            "protocolVersions": ["v2"],
            "multiModel": False,
            "containers": [_v2_server(container)],
        },
        "notes": ["tempo and custom are any class of one's own, named in the store's model-settings.json"],
    }


# -- the second seed's example of a custom runtime ---------------------------------------------------------------------


def _amd() -> Map:
    """The AMD Inference Server on an AMD GPU, after its documentation's kserve.rst and quickstart (0.3.0).

    The GPU image's backend is MIGraphX, which reads ONNX; the models lie as in Triton's repository.
    """
    container = {
        "name": "kserve-container",
        "image": "amdih/serve:uif1.1_migraphx_amdinfer_0.3.0",
        "args": [
            "amdinfer-server",
            "--model-repository=/mnt/models",
            "--enable-repository-watcher",
            "--grpc-port=9000",
            "--http-port=8080",
        ],
        "resources": _with_one(_SMALL, "amd.com/gpu"),
    }
    return {
        "name": "kserve-amdserver",
        "labels": {},
        "annotations": {},
        "spec": {
            "supportedModelFormats": _formats(("onnx", "1")),
            "protocolVersions": ["v2", "grpc-v2"],
            "containers": [container],
        },
        "notes": [
            "on CPUs its ZenDNN images serve tensorflow 2 and pytorch 1: override image, formats and resources",
            "the image runs as root",
        ],
    }


def _with_one(resources: Map, name: str) -> Map:
    """Return resources with one accelerator, in requests and limits alike as Kubernetes wants it."""
    return {kind: {**amounts, name: "1"} for kind, amounts in resources.items()}


# -- the table ---------------------------------------------------------------------------------------------------------

PRESETS: dict[str, Map] = {
    "triton": _triton(),
    "mlserver": _mlserver(),
    "kserve-autogluonserver": _simple("autogluonserver", _auto("autogluon", 1, "1")),
    "kserve-huggingfaceserver": _huggingfaceserver(),
    "kserve-huggingfaceserver-multinode": _huggingface_multinode(),
    "kserve-lgbserver": _simple("lgbserver", _auto("lightgbm", 1, "4"), "--nthread=1"),
    "kserve-mlserver": _mlserver_of_kserve(),
    "kserve-paddleserver": _simple("paddleserver", _auto("paddle", 1, "2")),
    "kserve-pmmlserver": _simple("pmmlserver", _auto("pmml", 1, "3", "4")),
    "kserve-predictiveserver": _predictiveserver(),
    "kserve-sklearnserver": _simple("sklearnserver", _auto("sklearn", 1, "1")),
    "kserve-tensorflow-serving": _tensorflow_serving(),
    "kserve-torchserve": _torchserve(),
    "kserve-tritonserver": _tritonserver(),
    "kserve-vllmserver": _vllmserver(),
    "kserve-xgbserver": _simple("xgbserver", _auto("xgboost", 1, "2"), "--nthread=1"),
    "kserve-openvino": _openvino(),
    "amd": _amd(),
}

# What KServe installs by default; kserve-openvino lies beside it.
OUT_OF_THE_BOX = tuple(name for name in PRESETS if name.startswith("kserve-") and name != "kserve-openvino")


def preset(name: str) -> Map:
    """Return a copy of a preset.

    :raises SpecError: for an unknown name, with the closest known one.
    """
    if name not in PRESETS:
        close = difflib.get_close_matches(str(name), PRESETS, 1, 0.5)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(PRESETS)}"
        raise SpecError("preset", f"{name!r} is no preset; {hint}")
    return copy.deepcopy(PRESETS[name])
