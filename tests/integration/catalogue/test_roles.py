# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles triton, mlserver and runtimes on a real cluster: what Ansible renders is the preset."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import catalogue, kinds, runtime

from tests.integration.serving_runtime.support import environment

RUNTIME = Resource(*kinds.SERVING_RUNTIME)
CLUSTER_RUNTIME = Resource(*kinds.CLUSTER_SERVING_RUNTIME)

Object = dict[str, Any]


def play(folder: Path, kubeconfig: str, *roles: tuple[str, Object] | tuple[str, Object, bool]) -> list[Object]:
    """Include roles, each with its variables and perhaps in check mode, in one playbook.

    Returns what each of them registered as <role>_result.
    """
    answers = folder / "answers.jsonl"
    answers.unlink(missing_ok=True)
    tasks: list[Object] = []
    for role, variables, *check in roles:
        included: Object = {"name": f"modelserving.kserve.{role}", "apply": {"check_mode": check == [True]}}
        tasks.append({"ansible.builtin.include_role": included, "vars": variables})
        line = {
            "path": str(answers),
            "line": f"{{{{ {role}_result | to_json }}}}",
            "insertafter": "EOF",
            "create": True,
        }
        tasks.append({"ansible.builtin.lineinfile": line})
    book = folder / "play.json"
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    python = f"ansible_python_interpreter={sys.executable}"
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "-c", "local", "-e", python, book],
        env={**environment(), "K8S_AUTH_KUBECONFIG": kubeconfig},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return [json.loads(line) for line in answers.read_text().splitlines()]


def meant(item: Object) -> Object:
    """An object less what the server and the schema add."""
    metadata = {key: item["metadata"][key] for key in ("name", "labels", "annotations") if key in item["metadata"]}
    return {**item, "metadata": metadata}


@pytest.fixture
def fresh_namespace(client: Client) -> Iterator[str]:
    """The name of a namespace that is not there yet."""
    name = f"roles-{uuid.uuid4().hex[:8]}"
    yield name
    client.delete(resources.NAMESPACE, name)


def test_the_roles_write_their_presets_and_find_them_the_second_time(
    client: Client, namespace: str, kubeconfig: str, tmp_path: Path
) -> None:
    roles = ("triton", "mlserver")
    steps = [(role, {f"{role}_namespaces": [namespace]}, check) for role in roles for check in (True, False, False)]
    answers = play(tmp_path, kubeconfig, *steps)
    for number, role in enumerate(roles):
        checked, first, second = answers[3 * number : 3 * number + 3]
        assert [one["changed"] for one in (checked, first, second)] == [True, True, False]
        wanted = runtime.build({"auto_select": False}, kind="ServingRuntime", preset=catalogue.preset(role))
        live = client.get(RUNTIME, wanted["metadata"]["name"], namespace) or {}
        assert meant(live) == wanted
        assert meant(checked["results"][0]["object"]) == wanted
        assert [item["warnings"] for item in first["results"]] == [[]]


def test_variables_reach_the_object(client: Client, namespace: str, kubeconfig: str, tmp_path: Path) -> None:
    variables: Object = {
        "mlserver_namespaces": [namespace],
        "mlserver_name": "mine",
        "mlserver_image": "localhost/modelserving/mlserver:1.7.1",
        "mlserver_formats": [{"name": "sklearn", "version": 1}],
        "mlserver_auto_select": True,
        "mlserver_metrics_port": 9090,
        "mlserver_env": [
            {"name": "MLSERVER_PARALLEL_WORKERS", "value": "0"},
            {"name": "HF_HOME", "value": "/data"},
            {"name": "MLSERVER_METRICS_DIR", "value": None},
        ],
        "mlserver_kserve_version": "0.18",
        "mlserver_resources": {"limits": {"memory": "1Gi"}},
        "mlserver_shm_size": "1Gi",
        "mlserver_accelerator": "nvidia",
        "mlserver_node_selector": {"disk": "ssd"},
        "mlserver_tolerations": [{"key": "spot", "operator": "Exists"}],
        "mlserver_startup_probe": {},
        "mlserver_pod_labels": {"team": "a"},
    }
    # a format that the image cannot serve is a warning
    newer = {"triton_namespaces": [namespace], "triton_image": "nvcr.io/nvidia/tritonserver:25.03-py3"}
    answer, warned = play(tmp_path, kubeconfig, ("mlserver", variables), ("triton", newer))
    said = " ".join(warned["results"][0]["warnings"])
    assert "cannot serve tensorflow 2" in said and "cannot serve tensorrt 8" in said
    spec = answer["results"][0]["object"]["spec"]
    (container,) = spec["containers"]
    env = {entry["name"]: entry["value"] for entry in container["env"]}
    assert spec["supportedModelFormats"] == [{"name": "sklearn", "version": "1", "autoSelect": True}]
    assert (env["MLSERVER_METRICS_PORT"], env["MLSERVER_PARALLEL_WORKERS"], env["HF_HOME"]) == ("9090", "0", "/data")
    assert (env["MLSERVER_MODEL_NAME"], len(env)) == ("{{.Name}}", 10)
    assert "MLSERVER_METRICS_DIR" not in env
    assert spec["annotations"]["prometheus.kserve.io/port"] == "9090"
    assert container["resources"]["limits"] == {"memory": "1Gi", "nvidia.com/gpu": "1"}
    assert container["volumeMounts"] == [{"name": "shm", "mountPath": "/dev/shm"}]
    assert spec["volumes"][0]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Gi"}
    assert spec["nodeSelector"]["disk"] == "ssd"
    assert {"key": "spot", "operator": "Exists"} in spec["tolerations"]
    assert any(toleration["key"] == "nvidia.com/gpu" for toleration in spec["tolerations"])
    assert "startupProbe" not in container
    assert spec["labels"] == {"team": "a"}


@pytest.mark.parametrize("role", ["triton", "mlserver", "runtimes"])
def test_the_version_whose_rules_count(role: str, namespace: str, kubeconfig: str, tmp_path: Path) -> None:
    where = {"runtimes_list": [{"preset": "triton"}]} if role == "runtimes" else {f"{role}_namespaces": [namespace]}
    with pytest.raises(AssertionError, match=r"kserve_version 0\.14\.0 is older than 0\.15"):
        play(tmp_path, kubeconfig, (role, {**where, f"{role}_kserve_version": "0.14.0"}))


def test_namespaces_are_created_only_when_asked(
    client: Client, fresh_namespace: str, kubeconfig: str, tmp_path: Path
) -> None:
    variables: Object = {"triton_namespaces": [fresh_namespace]}
    with pytest.raises(AssertionError, match=fresh_namespace):
        play(tmp_path, kubeconfig, ("triton", variables))
    assert client.get(resources.NAMESPACE, fresh_namespace) is None
    as_text: Object = {"triton_namespaces": fresh_namespace}  # as -e triton_namespaces=models gives it
    made: Object = {**as_text, "triton_create_namespaces": True}
    written, taken = play(tmp_path, kubeconfig, ("triton", made), ("triton", {**made, "triton_state": "absent"}))
    assert [item["name"] for item in written["results"]] == ["triton-runtime"]
    assert taken["changed"] and client.list(RUNTIME, fresh_namespace) == []


def test_a_list_of_presets_for_the_cluster_and_for_namespaces(
    client: Client, namespace: str, kubeconfig: str, tmp_path: Path
) -> None:
    prefix = f"catalogue-{uuid.uuid4().hex[:6]}"
    entries = [
        {"preset": "kserve-sklearnserver", "name": f"{prefix}-sklearn"},
        {"preset": "amd", "name": f"{prefix}-amd", "metadata_labels": {"a": "b"}},
    ]
    names = [entry["name"] for entry in entries]
    beside: Object = {"runtimes_list": entries}
    inside: Object = {**beside, "runtimes_scope": "namespace", "runtimes_namespaces": [namespace]}
    chosen: Object = {**inside, "runtimes_auto_select": True}
    kept: Object = {**inside, "runtimes_auto_select": "keep"}
    try:
        steps = [("runtimes", variables) for variables in (beside, beside, chosen, kept)]
        first, second, all_chosen, as_it_is = play(tmp_path, kubeconfig, *steps)
        assert [item["name"] for item in first["results"]] == names
        assert (first["changed"], second["changed"]) == (True, False)
        sklearn = client.get(CLUSTER_RUNTIME, names[0]) or {}
        assert sklearn["spec"]["supportedModelFormats"] == [{"name": "sklearn", "version": "1", "autoSelect": False}]
        formats = [item["object"]["spec"]["supportedModelFormats"] for item in all_chosen["results"]]
        assert all(entry["autoSelect"] for listed in formats for entry in listed)
        own = runtime.build({}, kind="ServingRuntime", preset=catalogue.preset("kserve-sklearnserver"))
        assert as_it_is["results"][0]["object"]["spec"] == own["spec"]
    finally:
        play(tmp_path, kubeconfig, ("runtimes", {**beside, "runtimes_state": "absent"}))
    assert all(client.get(CLUSTER_RUNTIME, name) is None for name in names)
