# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of wrong inputs to a runtime's options, each with the sentence that answers it.

The unit tests put it to the builder, the integration tests to the module on a real cluster.
"""

from __future__ import annotations

import typing as t

MAIN = {"name": "kserve-container", "image": "example/server:1"}


class WrongInput(t.NamedTuple):
    """Options of one runtime that cannot be meant, and the whole message."""

    options: dict[str, t.Any]
    sentence: str


def runtime(sentence: str, **options: t.Any) -> WrongInput:
    """A runtime that is right but for these options."""
    return WrongInput({"name": "wrong", "containers": [MAIN], **options}, sentence)


def container(sentence: str, **fields: t.Any) -> WrongInput:
    """A runtime whose container is right but for these fields."""
    return runtime(sentence, containers=[{**MAIN, **fields}])


def model_format(sentence: str, **fields: t.Any) -> WrongInput:
    """A runtime whose second model format is right but for these fields."""
    return runtime(sentence, supported_model_formats=[{"name": "sklearn"}, {"name": "onnx", **fields}])


WRONG_INPUTS: tuple[WrongInput, ...] = (
    # names
    WrongInput(
        {"containers": [MAIN]}, "metadata.name: is required: give the runtime a name, or a preset that brings one"
    ),
    runtime(
        "metadata.name: is 'My_Runtime', but must be lower-case letters, digits, '-' and '.', 253 at most",
        name="My_Runtime",
    ),
    runtime("metadata.name: is '', but must be lower-case letters, digits, '-' and '.', 253 at most", name=""),
    runtime(
        f"metadata.name: is '{'a' * 254}', but must be lower-case letters, digits, '-' and '.', 253 at most",
        name="a" * 254,
    ),
    runtime("metadata.name: is the number 1.1, where text is needed: quote it (1.10 would become 1.1)", name=1.10),
    WrongInput(
        {"name": "x", "preset": "tritonserver"},
        "preset: 'tritonserver' is no preset; did you mean kserve-tritonserver?",
    ),
    # what is required
    WrongInput({"name": "x"}, "spec.containers: is required: name the container kserve-container and give it an image"),
    runtime("spec.containers[0].name: is required", containers=[{"image": "example/server:1"}]),
    runtime("spec.supportedModelFormats[0].name: is required", supported_model_formats=[{"version": "1"}]),
    container("spec.containers[0].env[1].name: is required", env=[{"name": "A"}, {"value": "1"}]),
    container("spec.containers[0].ports[0].containerPort: is required", ports=[{"name": "http1"}]),
    container("spec.containers[0].volumeMounts[0].mountPath: is required", volume_mounts=[{"name": "shm"}]),
    container(
        "spec.containers[0].readinessProbe.httpGet.port: is required", readiness_probe={"httpGet": {"path": "/"}}
    ),
    runtime("spec.volumes[0].name: is required", volumes=[{"emptyDir": {}}]),
    runtime(
        "spec.volumes[0].persistentVolumeClaim.claimName: is required",
        volumes=[{"name": "m", "persistentVolumeClaim": {}}],
    ),
    runtime("spec.imagePullSecrets[0].name: is required", image_pull_secrets=[{}]),
    runtime(
        "spec.workerSpec.containers: is required: exactly one container, the worker's",
        worker_spec={"tensor_parallel_size": 1},
    ),
    # text that YAML has turned into something else
    model_format(
        "spec.supportedModelFormats[1].version: "
        "is the number 1.1, where text is needed: quote it (1.10 would become 1.1)",
        version=1.10,
    ),
    model_format(
        "spec.supportedModelFormats[1].version: is the boolean true, where text is needed: quote it", version=True
    ),
    model_format(
        "spec.supportedModelFormats[1].name: is the boolean false, where text is needed: quote it", name=False
    ),
    container(
        "spec.containers[0].env[0].value: is the boolean true, where text is needed: quote it",
        env=[{"name": "DEBUG", "value": True}],
    ),
    container(
        "spec.containers[0].env[0].value: is the number 0.5, where text is needed: quote it (1.10 would become 1.1)",
        env=[{"name": "RATIO", "value": 0.5}],
    ),
    container("spec.containers[0].args[1]: is the boolean false, where text is needed: quote it", args=["--on", False]),
    container(
        "spec.containers[0].image: is the number 23.05, where text is needed: quote it (1.10 would become 1.1)",
        image=23.05,
    ),
    container("spec.containers[0].image: must be text, not a mapping", image={"repository": "a", "tag": "b"}),
    runtime("spec.nodeSelector.gpu: is the boolean true, where text is needed: quote it", node_selector={"gpu": True}),
    runtime(
        "spec.annotations['prometheus.io/scrape']: is the boolean true, where text is needed: quote it",
        annotations={"prometheus.io/scrape": True},
    ),
    runtime("spec.labels.team: must be text, not a list", labels={"team": ["a"]}),
    runtime("spec.labels: has the key True, where text is needed: quote it", labels={True: "a"}),
    runtime(
        "spec.tolerations[0].value: is the boolean true, where text is needed: quote it",
        tolerations=[{"key": "gpu", "operator": "Equal", "value": True}],
    ),
    # quantities
    container(
        "spec.containers[0].resources.limits.cpu: is the number 0.5, which the API refuses: quote it",
        resources={"limits": {"cpu": 0.5}},
    ),
    container(
        "spec.containers[0].resources.requests.memory: is '4GB', but must be a quantity such as 500m, 2 or 4Gi",
        resources={"requests": {"memory": "4GB"}},
    ),
    container(
        "spec.containers[0].resources.limits['nvidia.com/gpu']: is the boolean true, where text is needed: quote it",
        resources={"limits": {"nvidia.com/gpu": True}},
    ),
    runtime(
        "spec.volumes[0].emptyDir.sizeLimit: is '2 GiB', but must be a quantity such as 500m, 2 or 4Gi",
        volumes=[{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2 GiB"}}],
    ),
    # numbers and booleans
    model_format("spec.supportedModelFormats[1].priority: is 0, but must be at least 1", autoSelect=True, priority=0),
    model_format("spec.supportedModelFormats[1].priority: is -2, but must be at least 1", priority="-2"),
    model_format("spec.supportedModelFormats[1].priority: must be a whole number, not 1.5", priority=1.5),
    model_format("spec.supportedModelFormats[1].priority: must be a whole number, not 'high'", priority="high"),
    model_format("spec.supportedModelFormats[1].priority: must be a whole number, not a boolean", priority=True),
    model_format(
        "spec.supportedModelFormats[1].priority: is 2147483648, but must be at most 2147483647", priority=2**31
    ),
    model_format("spec.supportedModelFormats[1].autoSelect: must be true or false, not 'maybe'", auto_select="maybe"),
    model_format("spec.supportedModelFormats[1].autoSelect: must be true or false, not 1", auto_select=1),
    runtime("spec.multiModel: must be true or false, not a mapping", multi_model={}),
    runtime("spec.disabled: must be true or false, not 0", disabled=0),
    runtime("spec.replicas: is 70000, but must be at most 65535", replicas=70000),
    runtime(
        "spec.storageHelper.disabled: must be true or false, not 'of course'", storageHelper={"disabled": "of course"}
    ),
    runtime(
        "spec.workerSpec.pipelineParallelSize: is 0, but must be at least 1",
        workerSpec={"pipelineParallelSize": 0, "containers": [{"name": "worker-container"}]},
    ),
    container(
        "spec.containers[0].ports[0].containerPort: is 80800, but must be at most 65535",
        ports=[{"containerPort": 80800}],
    ),
    container(
        "spec.containers[0].livenessProbe.httpGet.port: is 0, but must be at least 1",
        liveness_probe={"httpGet": {"path": "/", "port": 0}},
    ),
    container(
        "spec.containers[0].livenessProbe.periodSeconds: must be a whole number, not '10s'",
        liveness_probe={"httpGet": {"path": "/", "port": 8080}, "periodSeconds": "10s"},
    ),
    container(
        "spec.containers[0].securityContext.runAsUser: must be a whole number, not 'root'",
        security_context={"runAsUser": "root"},
    ),
    container(
        "spec.containers[0].securityContext.runAsNonRoot: must be true or false, not 'always'",
        securityContext={"runAsNonRoot": "always"},
    ),
    # lists and mappings
    runtime("spec.containers: must be a list, not a mapping", containers={"kserve-container": MAIN}),
    runtime("spec.containers[0]: must be a mapping, not 'kserve-container'", containers=["kserve-container"]),
    runtime("spec.containers[1]: is null: take the empty list entry out", containers=[MAIN, None]),
    runtime("spec.protocolVersions: must be a list, not 'v2'", protocol_versions="v2"),
    runtime("spec.supportedModelFormats: must be a list, not 'sklearn'", supportedModelFormats="sklearn"),
    runtime("spec.supportedModelFormats[0]: must be a mapping, not 'sklearn'", supported_model_formats=["sklearn"]),
    runtime("spec.tolerations: must be a list, not a mapping", tolerations={"key": "gpu"}),
    runtime("spec.nodeSelector: must be a mapping, not a list", node_selector=["gpu=true"]),
    runtime("spec.affinity: must be a mapping, not a list", affinity=[]),
    runtime("spec.workerSpec: must be a mapping, not a list", worker_spec=[]),
    container("spec.containers[0].args: must be a list, not '--port=8080'", args="--port=8080"),
    container("spec.containers[0].command: must be a list, not 'tritonserver'", command="tritonserver"),
    container("spec.containers[0].env: must be a list, not a mapping", env={"DEBUG": "1"}),
    container("spec.containers[0].resources: must be a mapping, not a list", resources=[{"limits": {}}]),
    container("spec.containers[0].resources.limits: must be a mapping, not '4Gi'", resources={"limits": "4Gi"}),
    container("spec.containers[0].readinessProbe: must be a mapping, not '/ready'", readinessProbe="/ready"),
    container(
        "spec.containers[0].startupProbe.exec.command: must be a list, not 'true'",
        startup_probe={"exec": {"command": "true"}},
    ),
    # choices
    container(
        "spec.containers[0].imagePullPolicy: is 'Sometimes', but must be Always, IfNotPresent or Never",
        imagePullPolicy="Sometimes",
    ),
    container(
        "spec.containers[0].ports[0].protocol: is 'HTTP', but must be TCP, UDP or SCTP",
        ports=[{"containerPort": 8080, "protocol": "HTTP"}],
    ),
    container(
        "spec.containers[0].livenessProbe.httpGet.scheme: is 'https', but must be HTTP or HTTPS",
        liveness_probe={"httpGet": {"port": 8080, "scheme": "https"}},
    ),
    runtime(
        "spec.tolerations[0].effect: is 'NoSched', but must be NoSchedule, PreferNoSchedule or NoExecute",
        tolerations=[{"key": "gpu", "operator": "Exists", "effect": "NoSched"}],
    ),
    runtime(
        "spec.tolerations[0].operator: is 'Equals', but must be Exists or Equal",
        tolerations=[{"key": "gpu", "operator": "Equals", "value": "a"}],
    ),
    # names of fields
    container(
        "spec.containers[0].imagePulPolicy: is unknown: did you mean imagePullPolicy, "
        "or is it a newer KServe's field, for additional_spec?",
        imagePulPolicy="Always",
    ),
    model_format(
        "spec.supportedModelFormats[1].autoselect: is unknown: did you mean autoSelect, "
        "or is it a newer KServe's field, for additional_spec?",
        autoselect=True,
    ),
    runtime(
        "spec.workerSpec.size: is unknown: a newer KServe's field goes into additional_spec",
        worker_spec={"size": 2},
    ),
    container(
        "spec.containers[0].livenessProbe.http_get: "
        "is spelled httpGet here: Kubernetes' own structures keep their camelCase",
        liveness_probe={"http_get": {"port": 8080}},
    ),
    # two spellings at once
    runtime(
        "spec.multiModel: is given twice, as multi_model and as multiModel: keep one",
        multi_model=False,
        multiModel=True,
    ),
    model_format(
        "spec.supportedModelFormats[1].autoSelect: is given twice, as auto_select and as autoSelect: keep one",
        auto_select=True,
        autoSelect=True,
    ),
    container(
        "spec.containers[0].volumeMounts: is given twice, as volume_mounts and as volumeMounts: keep one",
        volumeMounts=[],
        volume_mounts=[],
    ),
    # metadata
    runtime(
        "metadata.labels: has the key 'team name', which is no name of up to 63 letters, digits, '-', '_' and '.'",
        metadata_labels={"team name": "a"},
    ),
    runtime(
        "metadata.labels.team: is 'a/b', but a label's value has up to 63 letters, digits, '-', '_' and '.'",
        metadata_labels={"team": "a/b"},
    ),
    runtime(
        "metadata.annotations: has the key 'Example.com/x', "
        "which is no name of up to 63 letters, digits, '-', '_' and '.'",
        metadata_annotations={"Example.com/x": "a"},
    ),
    runtime(
        "metadata_annotations.x: is the boolean true, where text is needed: quote it", metadata_annotations={"x": True}
    ),
    # fields beyond the table
    runtime(
        "additional_spec.multiModel: is a known field: give it as the option multi_model",
        additional_spec={"multiModel": True},
    ),
    runtime(
        "additional_spec.containers[0].name: is required, to say which container is meant",
        additional_spec={"containers": [{"brandNew": 1}]},
    ),
    runtime(
        "additional_spec.containers[0].name: is 'sidecar', but the runtime has no such container",
        additional_spec={"containers": [{"name": "sidecar", "brandNew": 1}]},
    ),
    runtime("additional_spec: must be a mapping, not a list", additional_spec=[]),
    # names that are given twice, with a preset as without
    container(
        "spec.containers[0].env[2].name: is 'A', as spec.containers[0].env[0].name is already: "
        "keep one, or give it another name",
        env=[{"name": "A", "value": "1"}, {"name": "B"}, {"name": "A", "value": None}],
    ),
    WrongInput(
        {
            "preset": "triton",
            "containers": [{**MAIN, "env": [{"name": "P", "value": "1"}, {"name": "P", "value": "2"}]}],
        },
        "spec.containers[0].env[1].name: is 'P', as spec.containers[0].env[0].name is already: "
        "keep one, or give it another name",
    ),
    runtime(
        "spec.containers[1].name: is 'kserve-container', as spec.containers[0].name is already: "
        "keep one, or give it another name",
        containers=[MAIN, MAIN],
    ),
    WrongInput(
        {
            "name": "x",
            "preset": "triton",
            "containers": [MAIN, {"name": "helper"}, {"name": "helper", "image": "example/helper:1"}],
        },
        "spec.containers[2].name: is 'helper', as spec.containers[1].name is already: "
        "keep one, or give it another name",
    ),
    runtime(
        "spec.builtInAdapter.env[1].name: is 'A', as spec.builtInAdapter.env[0].name is already: "
        "keep one, or give it another name",
        built_in_adapter={"env": [{"name": "A"}, {"name": "A"}]},
    ),
    runtime(
        "additional_spec.containers[1].name: is 'kserve-container', as additional_spec.containers[0].name is already: "
        "keep one, or give it another name",
        additional_spec={"containers": [{"name": MAIN["name"], "brandNew": 1}, {"name": MAIN["name"], "brandNew": 2}]},
    ),
    runtime("auto_select: must be true or false, not 'auto'", auto_select="auto"),
)
