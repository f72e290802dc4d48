# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the options of a runtime."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import spec
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("supportedModelFormats", "supported_model_formats"),
        ("hostIPC", "host_ipc"),
        ("httpDataEndpoint", "http_data_endpoint"),
        ("envFrom", "env_from"),
        ("tensorParallelSize", "tensor_parallel_size"),
        ("disabled", "disabled"),
    ],
)
def test_names_in_ansibles_spelling(name: str, option: str) -> None:
    assert spec.snake(name) == option


# Every field of the spec with a value of its kind, as one would paste it.
PASTED: dict[str, t.Any] = {
    "supportedModelFormats": [
        {"name": "sklearn", "version": "1", "autoSelect": True, "priority": 2},
        {"name": "onnx"},
    ],
    "multiModel": False,
    "disabled": False,
    "protocolVersions": ["v2", "grpc-v2"],
    "containers": [
        {
            "name": "kserve-container",
            "image": "example/server:1.0",
            "command": ["serve"],
            "args": ["--model_name={{.Name}}", "--port=8080"],
            "env": [
                {"name": "A", "value": ""},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            ],
            "envFrom": [{"configMapRef": {"name": "c"}}],
            "resources": {"requests": {"cpu": "500m"}, "limits": {"nvidia.com/gpu": "1", "memory": "4Gi"}},
            "imagePullPolicy": "IfNotPresent",
            "workingDir": "/srv",
            "ports": [{"containerPort": 8080, "name": "http1", "protocol": "TCP"}],
            "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
            "livenessProbe": {"httpGet": {"path": "/v2/health/live", "port": 8080}, "periodSeconds": 30},
            "readinessProbe": {"tcpSocket": {"port": "http1"}},
            "startupProbe": {"exec": {"command": ["true"]}, "failureThreshold": 60},
            "securityContext": {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
            "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
            "tty": False,
        }
    ],
    "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}}],
    "nodeSelector": {"disk": "ssd"},
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 5}],
    "labels": {"team": "a"},
    "annotations": {"prometheus.io/port": "8002"},
    "imagePullSecrets": [{"name": "registry"}],
    "schedulerName": "volcano",
    "hostIPC": True,
    "workerSpec": {
        "pipelineParallelSize": 2,
        "tensorParallelSize": 1,
        "containers": [{"name": "worker-container", "image": "example/worker:1.0"}],
        "nodeSelector": {"disk": "ssd"},
    },
    "grpcEndpoint": "port:8001",
    "grpcDataEndpoint": "port:8001",
    "httpDataEndpoint": "unix:/tmp/http.sock",
    "replicas": 2,
    "storageHelper": {"disabled": True},
    "builtInAdapter": {
        "serverType": "triton",
        "runtimeManagementPort": 8001,
        "memBufferBytes": 134217728,
        "modelLoadingTimeoutMillis": 90000,
        "env": [{"name": "X", "value": "1"}],
    },
}


def test_a_pasted_spec_comes_out_unchanged() -> None:
    assert spec.read(copy.deepcopy(PASTED)).spec == PASTED


def test_the_pasted_spec_has_every_field_there_is() -> None:
    assert set(PASTED) == {field.name for field in spec.SPEC}


def _snaked(value: t.Any, fields: t.Iterable[spec.Field]) -> t.Any:
    """The same in Ansible's spelling, down to where Kubernetes' own structures begin."""
    table = {field.name: field for field in fields}
    return {
        table[key].option: (
            item
            if not table[key].fields or table[key].raw_inside
            else [_snaked(one, table[key].fields) for one in item]
            if isinstance(item, list)
            else _snaked(item, table[key].fields)
        )
        for key, item in value.items()
    }


def test_ansibles_spelling_says_the_same() -> None:
    options = _snaked(PASTED, spec.SPEC)
    assert "supported_model_formats" in options and "auto_select" in options["supported_model_formats"][0]
    assert "image_pull_policy" in options["containers"][0]
    assert spec.read(options).spec == PASTED


def test_reading_leaves_the_input_alone() -> None:
    before = copy.deepcopy(PASTED)
    spec.read(PASTED)
    assert before == PASTED


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"supported_model_formats": [{"name": "sklearn", "version": 1}]}, {"name": "sklearn", "version": "1"}),
        ({"supported_model_formats": [{"name": "a", "priority": "3"}]}, {"name": "a", "priority": 3}),
        ({"supported_model_formats": [{"name": "a", "auto_select": "yes"}]}, {"name": "a", "autoSelect": True}),
        ({"supported_model_formats": [{"name": "a", "auto_select": "False"}]}, {"name": "a", "autoSelect": False}),
        ({"supported_model_formats": [{"name": "a", "version": ""}]}, {"name": "a", "version": ""}),
        ({"supported_model_formats": [{"name": "a", "version": None}]}, {"name": "a"}),
    ],
)
def test_a_format_as_people_write_it(options: dict[str, t.Any], wanted: dict[str, t.Any]) -> None:
    assert spec.read(options).spec == {"supportedModelFormats": [wanted]}


def test_unset_is_not_empty() -> None:
    options = {"volumes": [], "node_selector": {}, "scheduler_name": "", "tolerations": None}
    assert spec.read(options).spec == {"volumes": [], "nodeSelector": {}, "schedulerName": ""}


def test_numbers_in_quantities_arguments_and_ports() -> None:
    container = {
        "name": "kserve-container",
        "args": [8080, "x"],
        "resources": {"limits": {"nvidia.com/gpu": 1, "cpu": "0.5"}},
        "readiness_probe": {"httpGet": {"port": "8080", "path": "/"}, "periodSeconds": "10"},
    }
    (read,) = spec.read({"containers": [container]}).spec["containers"]
    assert read["args"] == ["8080", "x"]
    assert read["resources"] == {"limits": {"nvidia.com/gpu": "1", "cpu": "0.5"}}
    assert read["readinessProbe"] == {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 10}


def test_kubernetes_own_structures_pass_newer_fields() -> None:
    probe = {"httpGet": {"port": 1}, "brandNew": {"x": [1, {"y": None, "z": 1.5}]}}
    (read,) = spec.read({"containers": [{"name": "c", "livenessProbe": probe}]}).spec["containers"]
    assert read["livenessProbe"] == {"httpGet": {"port": 1}, "brandNew": {"x": [1, {"z": 1.5}]}}


def test_extras() -> None:
    read = spec.read(
        {
            "metadata_labels": {"team": "a"},
            "metadata_annotations": {"openshift.io/display-name": "Déjà vu"},
            "auto_select": False,
            "additional_spec": {
                "resourceClaims": [{"name": "gpu"}],
                "containers": [{"name": "kserve-container", "brandNew": 1}],
                "workerSpec": {"brandNew": True},
            },
        }
    )
    assert read.spec == {}
    assert read.metadata == {
        "labels": {"team": "a"},
        "annotations": {"openshift.io/display-name": "Déjà vu"},
    }
    assert read.auto_select is False
    assert read.additional == {
        "resourceClaims": [{"name": "gpu"}],
        "containers": [{"name": "kserve-container", "brandNew": 1}],
        "workerSpec": {"brandNew": True},
    }


def test_split_parts_a_modules_own_options_from_the_runtimes() -> None:
    entry = {"name": "x", "state": "present", "containers": [], "multiModel": False}
    assert spec.split(entry, {"name", "state"}) == (
        {"name": "x", "state": "present"},
        {"containers": [], "multiModel": False},
    )
    with pytest.raises(
        SpecError, match=r"^runtimes\[2\]\.contaners: is no option of a serving runtime; did you mean cont"
    ):
        spec.split({"contaners": []}, {"name"}, "runtimes[2]")


def test_the_argument_spec_offers_both_spellings() -> None:
    options = spec.RUNTIME_OPTIONS
    assert options["supported_model_formats"] == {
        "type": "list",
        "elements": "dict",
        "aliases": ["supportedModelFormats"],
    }
    assert options["image_pull_secrets"]["no_log"] is False
    assert options["replicas"] == {"type": "int"}
    assert options["host_ipc"]["aliases"] == ["hostIPC"]


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5))
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


QUIET = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@QUIET
@given(st.dictionaries(st.sampled_from(sorted(spec.OPTION_NAMES)), ANYTHING, max_size=4))
def test_whatever_is_given_is_read_or_refused_in_one_sentence(options: dict[str, t.Any]) -> None:
    try:
        read = spec.read(options)
    except SpecError as error:
        assert error.path and error.message and "\n" not in error.message.replace("\\n", "")
    else:
        # what was read is plain JSON, and reading it again changes nothing
        json.dumps(read.spec)
        assert spec.read(read.spec).spec == read.spec


@QUIET
@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=1000), max_size=30))
def test_text_is_kept_to_the_letter(text: str) -> None:
    (read,) = spec.read({"containers": [{"name": "c", "args": [text]}]}).spec["containers"]
    assert read["args"] == [text]
