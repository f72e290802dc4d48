# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace with a server that says too much, a service that finds no runtime, and a way to run the playbooks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import planted

ROOT = Path(__file__).resolve().parents[3]
RUNTIME = "triton-runtime"
SHAPES = planted.shapes(seed=41)
# Says every secret once, then serves an empty page on the port that KServe probes.
SERVER = "import os, http.server\nprint(os.environ['BANNER'], flush=True)\nprint('listening on 8080', flush=True)\n" + (
    "http.server.HTTPServer(('', 8080), http.server.SimpleHTTPRequestHandler).serve_forever()\n"
)
PASSWORD = "tulip-9-meadow-7"


@dataclass(frozen=True)
class Played:
    """How a playbook ended and what it showed."""

    status: int
    output: str


Play = Callable[..., Played]


def environment(kubeconfig: str) -> dict[str, str]:
    collections = os.environ.get("ANSIBLE_COLLECTIONS_PATH", str(ROOT / "build" / "collections"))
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith(("K8S_AUTH_", "ANSIBLE_"))},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "tests" / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": collections,
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "K8S_AUTH_KUBECONFIG": kubeconfig,
    }


@pytest.fixture(scope="session")
def play(kubeconfig: str) -> Play:
    """``play(arguments, directory, **environment)``: run ansible-playbook there."""

    def run(arguments: list[str], directory: Path, **more: str) -> Played:
        done = subprocess.run(
            ["ansible-playbook", *arguments],
            cwd=directory,
            env={**environment(kubeconfig), "PWD": str(directory), **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        return Played(done.returncode, done.stdout)

    return run


@pytest.fixture(scope="module")
def busy(
    client: Client, cluster: dict[str, Any], make_namespace: Callable[..., str], eventually: Callable[..., Any]
) -> Iterator[str]:
    """A namespace with service iris on runtime triton-runtime, whose server prints secrets, and a lost service."""
    namespace = make_namespace("report")
    volume = f"{namespace}-models"
    client.create(resources.PERSISTENTVOLUME, disk(namespace, volume))
    client.create(resources.PERSISTENTVOLUMECLAIM, claim(volume), namespace)
    client.create(
        resources.Resource(*kinds.SERVING_RUNTIME), runtime(namespace, cluster["images"]["mlserver"]), namespace
    )
    client.create(resources.Resource(*kinds.INFERENCE_SERVICE), service(namespace, "iris", RUNTIME), namespace)
    client.create(resources.Resource(*kinds.INFERENCE_SERVICE), service(namespace, "churn", None), namespace)
    eventually(lambda: says(client, namespace), timeout=240)
    yield namespace
    client.delete(resources.PERSISTENTVOLUME, volume)


def disk(namespace: str, volume: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadOnlyMany"],
            "storageClassName": "",
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": "/models", "type": "DirectoryOrCreate"},
            "claimRef": {"namespace": namespace, "name": "models"},
        },
    }


def claim(volume: str) -> dict[str, Any]:
    spec = {"accessModes": ["ReadOnlyMany"], "storageClassName": "", "volumeName": volume}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models"},
        "spec": {**spec, "resources": {"requests": {"storage": "1Gi"}}},
    }


def says(client: Client, namespace: str) -> bool:
    pods = client.list(resources.POD, namespace, label_selector=f"{kinds.LABEL_SERVICE}=iris")
    for pod in pods:
        states = (pod.get("status") or {}).get("containerStatuses") or []
        if any("running" in state["state"] for state in states):
            return "listening" in client.logs(namespace, pod["metadata"]["name"], kinds.CONTAINER)
    return False


def runtime(namespace: str, image: str) -> dict[str, Any]:
    banner = "\n".join(text for text, _ in SHAPES.values()) + f"\nlogin with {PASSWORD} worked\n"
    container = {
        "name": kinds.CONTAINER,
        "image": image,
        "command": ["python", "-c", SERVER],
        "args": [f"--api-key={SHAPES['Hugging Face token'][1][0]}"],
        "env": [{"name": "BANNER", "value": banner}, {"name": "DB_PASSWORD", "value": PASSWORD}],
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
    }
    spec = {
        "supportedModelFormats": [{"name": "report-iris", "version": "1"}],
        "protocolVersions": ["v2"],
        "containers": [container],
    }
    return {
        "apiVersion": kinds.SERVING_RUNTIME[0],
        "kind": "ServingRuntime",
        "metadata": {"name": RUNTIME, "namespace": namespace},
        "spec": spec,
    }


def service(namespace: str, name: str, used: str | None) -> dict[str, Any]:
    # without a storage KServe adds its model agent, whose image no cluster has to have
    model: dict[str, Any] = {"protocolVersion": "v2", "storageUri": "pvc://models/iris"}
    model["modelFormat"] = {"name": "report-iris", "version": "1"}
    if used:
        model["runtime"] = used
    else:
        model["modelFormat"] = {"name": "report-nobody-serves-this"}
    return {
        "apiVersion": kinds.INFERENCE_SERVICE[0],
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"predictor": {"model": model}},
    }
