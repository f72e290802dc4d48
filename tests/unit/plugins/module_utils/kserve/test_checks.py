# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both the API server and the webhook let through, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import catalogue, checks, pod_checks, schema

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


def with_main(**more: Any) -> dict[str, Any]:
    return {"containers": [{**CONTAINER, **more}]}


def test_a_runtime_without_fault() -> None:
    assert problems(**args("--model_name={{.Name}}", "{{index .Labels `a/b`}}", "${SHELL}", "{x}")) == []


FIELD = {"fieldRef": {"fieldPath": "metadata.name"}}


@pytest.mark.parametrize(
    "spec",
    [
        with_main(ports=[{"containerPort": 1, "name": "http1"}, {"containerPort": 2, "name": "a" * 15}]),
        with_main(ports=[{"containerPort": 1}, {"containerPort": 2, "name": "2-a"}]),
        with_main(resources={"requests": {"cpu": "1000m", "memory": "1Gi"}, "limits": {"cpu": 1}}),
        with_main(resources={"requests": {"memory": "1024Mi"}, "limits": {"memory": "1Gi"}}),
        with_main(resources={"requests": {"memory": "1.5"}, "limits": {"memory": "1e1"}}),
        # an empty value beside a valueFrom is none to Kubernetes
        with_main(env=[{"name": "A", "valueFrom": FIELD}, {"name": "B", "value": "", "valueFrom": FIELD}]),
        with_main(livenessProbe={"httpGet": {"port": 1}, "periodSeconds": 1}),
        with_main(livenessProbe={"httpGet": None, "grpc": {"port": 1}}),
        # other tools' templates have their place in annotations
        {"annotations": {"vault.hashicorp.com/agent-inject-template-a": '{{ with secret "kv/app" }}{{ end }}'}},
        {"containers": [CONTAINER, {"name": "a" * 63, "image": "a"}]},
        with_main(resources={"limits": {"nvidia.com/gpu": 2}}),
        with_main(resources={"limits": {"nvidia.com/gpu": 1}, "requests": {"nvidia.com/gpu": "1000m"}}),
        with_main(resources={"limits": {"hugepages-2Mi": "4Mi"}, "requests": {"hugepages-2Mi": "4Mi", "cpu": 1}}),
        with_main(resources={"requests": {"ephemeral-storage": "1Gi", "cpu": "0.5"}}),
        {"labels": {"team": "", "example.com/Team_1": "a.b"}, "nodeSelector": {"nvidia.com/gpu.product": "A100"}},
        {"annotations": {"Example.com/a": "any thing!"}},
        {"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "configMap": {"name": "c"}, "emptyDir": None}]},
        # KServe counts the GPUs of several nodes' servers itself
        {
            "containers": [{**CONTAINER, "resources": {"requests": {"nvidia.com/gpu": 1}}}],
            "workerSpec": {"containers": [{"name": "worker-container"}]},
        },
        {
            "workerSpec": {
                "containers": [{"name": "worker-container", "resources": {"requests": {"nvidia.com/gpu": 1}}}]
            }
        },
    ],
)
def test_what_kubernetes_takes_is_not_warned_of(spec: Any) -> None:
    assert problems(**spec) == []


def test_a_field_of_a_newer_kserve_is_not_said_to_be_unknown() -> None:
    spec = {"containers": [{**CONTAINER, "newer": 1}], "supportedModelFormats": [SKLEARN], "newer": 1, "replica": 1}
    body = {"kind": "ServingRuntime", "metadata": {"name": "a"}, "spec": spec}
    paths = [problem.path for problem in checks.check(body, ["spec.newer", "spec.containers[0].newer"])]
    assert paths == ["spec.replica"]


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
        (with_main(ports=[{"containerPort": 1, "name": "a" * 16}]), "spec.containers[0].ports[0].name", "a port"),
        (with_main(ports=[{"containerPort": 1, "name": "Http"}]), "spec.containers[0].ports[0].name", "a port"),
        (with_main(ports=[{"containerPort": 1, "name": "8080"}]), "spec.containers[0].ports[0].name", "one letter"),
        (with_main(ports=[{"containerPort": 1, "name": "a--b"}]), "spec.containers[0].ports[0].name", "a port"),
        (args("a", name="Side_Car"), "spec.containers[1].name", "'Side_Car' is no name of a container"),
        (args("a", name="a" * 64), "spec.containers[1].name", "63 at most"),
        (args("a", name="a.b"), "spec.containers[1].name", "no name of a container"),
        (
            with_main(resources={"requests": {"memory": "2Gi"}, "limits": {"memory": "2G"}}),
            "spec.containers[0].resources.requests.memory",
            "requests 2Gi of memory, above the limit 2G",
        ),
        (
            {
                "workerSpec": {
                    "containers": [
                        {"name": "worker-container", "resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1900m"}}}
                    ]
                }
            },
            "spec.workerSpec.containers[0].resources.requests.cpu",
            "above the limit 1900m",
        ),
        (
            with_main(resources={"limits": {"amd.com/gpu": 2}, "requests": {"amd.com/gpu": "1"}}),
            "spec.containers[0].resources.requests.amd.com/gpu",
            "requests 1 of amd.com/gpu, and its limit is 2",
        ),
        (
            with_main(resources={"limits": {"amd.com/gpu": None}, "requests": {"amd.com/gpu": "1"}}),
            "spec.containers[0].resources.requests.amd.com/gpu",
            "has no limit",
        ),
        (
            with_main(resources={"limits": {"nvidia.com/gpu": "0.5"}}),
            "spec.containers[0].resources.limits.nvidia.com/gpu",
            "no whole number",
        ),
        (
            with_main(resources={"limits": {"hugepages-2Mi": "4Mi"}, "requests": {"hugepages-2Mi": "2Mi", "cpu": 1}}),
            "spec.containers[0].resources.requests.hugepages-2Mi",
            "its limit is 4Mi",
        ),
        (with_main(resources={"limits": {"cpu": -1}}), "spec.containers[0].resources.limits.cpu", "less than nothing"),
        (with_main(resources={"limits": {"gpu": 1}}), "spec.containers[0].resources.limits.gpu", "no resource"),
        (
            with_main(resources={"requests": {"nvidia.com/g pu": 1}}),
            "spec.containers[0].resources.requests.nvidia.com/g pu",
            "no resource",
        ),
        (
            {
                "workerSpec": {
                    "containers": [{"name": "other", "image": "a", "resources": {"requests": {"nvidia.com/gpu": 1}}}]
                }
            },
            "spec.workerSpec.containers[0].resources.requests.nvidia.com/gpu",
            "has no limit",
        ),
        ({"labels": {"team": "my team!"}}, "spec.labels.team", "'my team!' is no value of a label"),
        ({"labels": {"a b": ""}}, "spec.labels", "'a b' is no key"),
        ({"annotations": {"a/b/c": "x"}}, "spec.annotations", "'a/b/c' is no key"),
        ({"nodeSelector": {"a b": "c"}}, "spec.nodeSelector", "'a b' is no key"),
        ({"nodeSelector": {"a": "b" * 64}}, "spec.nodeSelector.a", "63 at most"),
        (
            {"workerSpec": {"containers": [{"name": "worker-container"}], "nodeSelector": {"a": "b c"}}},
            "spec.workerSpec.nodeSelector.a",
            "no value of a label",
        ),
        ({"volumes": [{"name": "a"}, {"name": "a"}]}, "spec.volumes[1].name", "a second volume is named a"),
        ({"volumes": [{"name": "A"}]}, "spec.volumes[0].name", "'A' is no name of a volume"),
        (
            {"volumes": [{"name": "a", "emptyDir": {}, "configMap": {"name": "b"}}]},
            "spec.volumes[0]",
            "is emptyDir and configMap at once",
        ),
        (
            {
                "workerSpec": {
                    "containers": [{"name": "worker-container"}],
                    "volumes": [{"name": "a", "emptyDir": {}, "secret": {}}],
                }
            },
            "spec.workerSpec.volumes[0]",
            "keep one of them",
        ),
        (with_main(env=[{"name": "A", "value": "1", "valueFrom": FIELD}]), "spec.containers[0].env[0]", "keep one"),
        (
            with_main(readinessProbe={"httpGet": {"port": 1}, "exec": {"command": ["true"]}}),
            "spec.containers[0].readinessProbe",
            "has exec and httpGet",
        ),
        ({"volumes": [{"name": "a", "hostPath": {"path": "/{{.Name}}"}}]}, "spec.volumes[0].hostPath.path", "stays"),
        ({"annotations": {"a": "{{ .Namespace }}"}}, "spec.annotations.a", "stays as it is"),
        ({"nodeSelector": {"team": "{{index .Labels `team`}}"}}, "spec.nodeSelector.team", "stays as it is"),
        (
            {"workerSpec": {"containers": [{"name": "worker-container"}], "labels": {"a": "{{.Name}}"}}},
            "spec.workerSpec.labels.a",
            "stays as it is",
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


@pytest.mark.parametrize("name", list(catalogue.PRESETS))
def test_kubernetes_takes_the_pods_of_every_preset(name: str) -> None:
    spec = schema.stored(catalogue.preset(name)["spec"])
    assert [problem for rule in pod_checks.CHECKS for problem in rule(spec)] == []


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
