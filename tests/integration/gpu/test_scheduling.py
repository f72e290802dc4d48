# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way on real nodes, by the roles: a Triton service that asks for a GPU gets it, waits for it, and gets it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import fit
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import (
    NODE,
    PERSISTENTVOLUME,
    PERSISTENTVOLUMECLAIM,
    POD,
    Resource,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import collect, diagnose
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds

from tests.integration.gpu.support import OPERATOR_LABELS, Object, Operators, content, fake_node

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SERVICE = Resource(*kinds.INFERENCE_SERVICE)
NODE_MODELS = "/models"  # where the cluster's nodes have the host's folder of models
LITTLE = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "2Gi"}}

PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: modelserving.kserve.gpu_nodes}
    - ansible.builtin.include_role: {name: modelserving.kserve.triton}
      when: gpu_nodes_state | default('present') == 'present'
"""


@pytest.fixture
def play(kubeconfig: str, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """``play(variables, *arguments)`` runs the roles as a user does; (number of changes, output)."""
    playbook = tmp_path / "play.yml"
    playbook.write_text(PLAY)

    def run(variables: dict[str, Any], *arguments: str) -> tuple[int, str]:
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "tests" / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
            "K8S_AUTH_KUBECONFIG": str(Path(kubeconfig).absolute()),
        }
        python = {"ansible_python_interpreter": sys.executable, "ansible_connection": "local"}
        program = Path(sys.executable).with_name("ansible-playbook")
        done = subprocess.run(
            [program, "-i", "localhost,", playbook, "-e", json.dumps({**variables, **python}), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found = re.search(r"changed=(\d+)", done.stdout)
        assert found, done.stdout
        return int(found[1]), done.stdout + done.stderr

    return run


@pytest.fixture
def models(client: Client, cluster: Object, make_namespace: Callable[..., str]) -> Iterator[str]:
    """A namespace with a claim on a store that holds the model ``double``."""
    namespace = make_namespace("gpu-serving")
    store = Path(cluster["models_dir"]) / namespace
    (store / "double" / "1").mkdir(parents=True)
    shutil.copy(HERE / "double" / "config.pbtxt", store / "double")
    shutil.copy(HERE / "double" / "model.py", store / "double" / "1")
    size = {"storage": "1Gi"}
    claim = {"accessModes": ["ReadOnlyMany"], "storageClassName": "", "volumeName": namespace}
    volume = {
        "capacity": size,
        "accessModes": ["ReadOnlyMany"],
        "storageClassName": "",
        "hostPath": {"path": f"{NODE_MODELS}/{namespace}"},
        "claimRef": {"namespace": namespace, "name": "models"},
    }
    client.create(
        PERSISTENTVOLUME,
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": namespace}, "spec": volume},
    )
    client.create(
        PERSISTENTVOLUMECLAIM,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "models"},
            "spec": {**claim, "resources": {"requests": size}},
        },
        namespace,
    )
    yield namespace
    client.delete(PERSISTENTVOLUME, namespace)
    shutil.rmtree(store, ignore_errors=True)


def serve(client: Client, namespace: str, name: str) -> None:
    model = {
        "modelFormat": {"name": "python", "version": "1"},
        "runtime": "triton-runtime",
        "protocolVersion": "v2",
        "storageUri": "pvc://models",
    }
    metadata = {"name": name, "annotations": {kinds.ANNOTATION_AUTOSCALER_CLASS: "none"}}
    body = {"apiVersion": SERVICE.api_version, "kind": SERVICE.kind, "metadata": metadata}
    client.create(SERVICE, {**body, "spec": {"predictor": {"model": model}}}, namespace)


def pods_of(client: Client, namespace: str, name: str) -> list[Object]:
    return client.list(POD, namespace, label_selector=f"{kinds.LABEL_SERVICE}={name}")


def condition(pod: Object, kind: str) -> Object:
    found = [item for item in pod.get("status", {}).get("conditions", []) if item["type"] == kind]
    return found[0] if found else {}


def doubled(client: Client, namespace: str, name: str) -> list[float] | None:
    """The model's answer, through the API server; None while there is none."""
    path = client.service_proxy(namespace, f"{name}-predictor", 80, "/v2/models/double/infer")
    numbers = {"name": "numbers", "shape": [2], "datatype": "FP32", "data": [1.5, 4]}
    answer = client.raw("POST", path, body={"inputs": [numbers]}, headers={"Content-Type": "application/json"})
    return json.loads(answer.body)["outputs"][0]["data"] if answer.status == 200 else None


def test_a_service_gets_the_gpu_waits_for_it_and_gets_it(
    client: Client,
    cluster: Object,
    workers: list[str],
    real_node: Callable[[str, dict[str, str]], None],
    operators: Operators,
    make_nodes: Callable[[Iterable[Object]], list[str]],
    models: str,
    play: Callable[..., tuple[int, str]],
    eventually: Callable[..., Any],
    tag: str,
) -> None:
    gpu_node = workers[0]
    live = client.get(NODE, gpu_node)
    assert live
    real_node(gpu_node, {"nvidia.com/gpu": "1"})
    operators.write(gpu_node, {**OPERATOR_LABELS})
    before = client.get(NODE, gpu_node)
    assert before
    # a second node has a free GPU and is not to be used: only the label tells
    make_nodes([fake_node(tag, {"nvidia.com/gpu": "4"}, {"lab": "training"})])
    eventually(lambda: (client.get(NODE, gpu_node) or {})["status"]["allocatable"].get("nvidia.com/gpu") == "1")
    variables = {
        "gpu_nodes_taints": [{}],
        "gpu_nodes_exclude": [tag],
        "triton_namespaces": [models],
        "triton_image": cluster["images"]["triton"],
        "triton_formats": [{"name": "python", "version": "1"}],
        "triton_resources": LITTLE,
        "triton_accelerator": {"vendor": "nvidia", "product": "Tesla-T4"},
    }
    predicted, _output = play(variables, "--check")
    done, output = play(variables)
    assert predicted == done == 2, output
    assert play(variables)[0] == 0, "the second run changed something"
    labelled = client.get(NODE, gpu_node)
    assert labelled and labelled["spec"]["taints"] == [
        {"key": "nvidia.com/gpu", "effect": "NoSchedule", "value": "present"}
    ]

    serve(client, models, "first")
    answer = eventually(lambda: doubled(client, models, "first"), timeout=240, every=1)
    assert answer == [3.0, 8.0]
    [running] = pods_of(client, models, "first")
    assert running["spec"]["nodeName"] == gpu_node

    serve(client, models, "second")
    [waiting] = eventually(
        lambda: [pod for pod in pods_of(client, models, "second") if condition(pod, "PodScheduled")], timeout=60
    )
    assert condition(waiting, "PodScheduled")["reason"] == "Unschedulable"
    verdict = fit.why_not(waiting, client.list(NODE), client.list(POD))
    assert (verdict["reason"], verdict["nearest"]) == ("resource_taken", [gpu_node]), verdict["summary"]
    assert f"taken by {models}/{running['metadata']['name']} (1)" in verdict["summary"]
    found = diagnose.diagnose(collect.collect(client, namespaces=[models], probe="none"))["findings"]
    [finding] = [item for item in found if item["code"] == "KS030"]
    assert [item["name"] for item in finding["affects"]] == ["second"]
    assert running["metadata"]["name"] in finding["cause"]

    client.delete(SERVICE, "first", models)
    answer = eventually(lambda: doubled(client, models, "second"), timeout=240, every=1)
    assert answer == [3.0, 8.0]
    [running] = pods_of(client, models, "second")
    assert running["spec"]["nodeName"] == gpu_node

    # what was written is taken back; the pod that runs goes on
    assert play({**variables, "gpu_nodes_state": "absent"})[0] == 1
    after = client.get(NODE, gpu_node)
    assert after and content(after) == content(before)
    assert doubled(client, models, "second") == [3.0, 8.0]


def test_a_role_that_insists_on_drivers(
    client: Client,
    make_nodes: Callable[[Iterable[Object]], list[str]],
    play: Callable[..., tuple[int, str]],
    tag: str,
) -> None:
    make_nodes([fake_node(tag, {}, {**OPERATOR_LABELS, "test": tag})])
    variables = {"gpu_nodes_selector": f"test={tag}", "triton_namespaces": []}
    _changes, output = play({**variables, "gpu_nodes_require_ready": False}, "--check")
    assert f"without a ready driver on {tag}" in " ".join(output.split())
    with pytest.raises(AssertionError, match="(?s)driver is not ready on " + tag):
        play({**variables, "gpu_nodes_require_ready": True}, "--check")
