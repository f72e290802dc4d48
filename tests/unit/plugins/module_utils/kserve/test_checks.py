# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both the API server and the webhook let through, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import checks

CONTAINER = {"name": "kserve-container", "image": "example/server:1"}
SKLEARN = {"name": "sklearn", "version": "1", "autoSelect": True}


def problems(**spec: Any) -> list[checks.Problem]:
    body = {"containers": [CONTAINER], "supportedModelFormats": [SKLEARN], **spec}
    return checks.check({"kind": "ServingRuntime", "metadata": {"name": "a"}, "spec": body})


def args(*words: str, name: str = "kserve-container") -> dict[str, Any]:
    return {
        "containers": [{**CONTAINER, "args": list(words)}]
        if name == CONTAINER["name"]
        else [CONTAINER, {"name": name, "image": "a", "args": list(words)}]
    }


def test_a_runtime_without_fault() -> None:
    assert problems(**args("--model_name={{.Name}}", "{{index .Labels `a/b`}}", "${SHELL}", "{x}")) == []


@pytest.mark.parametrize(
    "spec, path, words",
    [
        ({"containers": []}, "spec.containers", "there is no container"),
        ({"containers": [{"name": "triton", "image": "a"}]}, "spec.containers", "the containers are triton"),
        (
            args("a", "{{ Name }}"),
            "spec.containers[0].args[1]",
            "function 'Name' not defined; begin the field with a dot",
        ),
        (args('{{index .Labels "a/b"}}'), "spec.containers[0].args[0]", "backquotes"),
        (args("{{.Labels.model-class}}"), "spec.containers[0].args[0]", "bad character"),
        (args("{{.Name"), "spec.containers[0].args[0]", "close the placeholder"),
        (
            {"containers": [{**CONTAINER, "env": [{"name": "A", "value": "{{end}}"}]}]},
            "spec.containers[0].env[0].value",
            "cannot be parsed",
        ),
        (
            {"containers": [CONTAINER, {"name": "transformer-container", "image": "{{x}}"}]},
            "spec.containers[1].image",
            "cannot be parsed",
        ),
    ],
)
def test_errors(spec: Any, path: str, words: str) -> None:
    found = [problem for problem in problems(**spec) if problem.severity == checks.ERROR]
    assert [problem.path for problem in found] == [path]
    assert words in found[0].sentence


@pytest.mark.parametrize(
    "spec, path, words",
    [
        (args("{{.Foo}}"), "spec.containers[0].args[0]", "fails for every service"),
        (args("{{.Name}}", name="sidecar"), "spec.containers[1].args[0]", "stays as it is"),
        (args("--model_name="), "spec.containers[0].args[0]", "may have got lost"),
        (args("--model_name={.Name}"), "spec.containers[0].args[0]", "no placeholder"),
        ({"containers": [{"name": "kserve-container"}]}, "spec.containers[0].image", "no image"),
        ({"containers": [CONTAINER, CONTAINER]}, "spec.containers[1].name", "second container"),
        ({"supportedModelFormats": []}, "spec.supportedModelFormats", "no format"),
        (
            {"supportedModelFormats": [{"name": "a", "priority": 1}]},
            "spec.supportedModelFormats[0].priority",
            "without autoSelect",
        ),
        (
            {"supportedModelFormats": [{"name": "", "autoSelect": True}]},
            "spec.supportedModelFormats[0].name",
            "is empty",
        ),
        (
            {"supportedModelFormats": [{**SKLEARN, "priority": 2}, {**SKLEARN, "version": "0"}]},
            "spec.supportedModelFormats[1].priority",
            "read from its first entry",
        ),
        ({"protocolVersions": ["V2"]}, "spec.protocolVersions[0]", "'V2' is no protocol"),
        ({"multiModel": True}, "spec.multiModel", "ModelMesh"),
        ({"storageHelper": {"disabled": True}}, "spec.storageHelper", "ModelMesh only"),
        ({"builtInAdapter": {"serverType": "triton"}}, "spec.builtInAdapter", "ModelMesh only"),
        ({"replicas": 2}, "spec.replicas", "ModelMesh only"),
        ({"hostIPC": True}, "spec.hostIPC", "does not hand"),
        ({"workerSpec": {"containers": [{"name": "a"}]}}, "spec.workerSpec.containers[0].name", "worker-container"),
        (
            {"workerSpec": {"containers": [{"name": "worker-container", "args": ["{{.Name}}"]}]}},
            "spec.workerSpec.containers[0].args[0]",
            "stays as it is",
        ),
        (
            {"containers": [{**CONTAINER, "volumeMounts": [{"name": "shm", "mountPath": "/a"}]}]},
            "spec.containers[0].volumeMounts[0].name",
            "the volume shm",
        ),
        ({"replica": 1}, "spec.replica", "no such field"),
        (
            {"supportedModelFormats": [{"name": "a", "autoselect": True}]},
            "spec.supportedModelFormats[0].autoselect",
            "write autoSelect",
        ),
        ({"protocol_versions": ["v2"]}, "spec.protocol_versions", "write protocolVersions"),
    ],
)
def test_warnings(spec: Any, path: str, words: str) -> None:
    found = [problem for problem in problems(**spec) if problem.path == path]
    assert [problem.severity for problem in found] == [checks.WARNING]
    assert words in found[0].sentence


def test_a_disabled_or_model_mesh_runtime_needs_no_kserve_container() -> None:
    for more in ({"disabled": True}, {"multiModel": True}):
        assert not [
            item for item in problems(containers=[{"name": "a", "image": "b"}], **more) if item.severity == checks.ERROR
        ]


@pytest.mark.parametrize(
    "name, words",
    [
        ("a" * 53, None),
        ("a" * 54, "53 characters"),
        ("1a", "beginning with a letter"),
        ("a.b", "refused"),
        ("", "refused"),
    ],
)
def test_the_name_of_a_service(name: str, words: str | None) -> None:
    found = checks.check_service({"metadata": {"name": name}})
    assert [words in problem.sentence for problem in found] == ([True] if words else [])


def test_what_the_schema_refuses_is_left_to_the_schema() -> None:
    for spec in ({"containers": "a"}, {"containers": [1]}, {"supportedModelFormats": [None]}, "a", None):
        checks.check_leniently({"spec": spec})
