# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages tell a reader to type is typed here, against the demo's models in the namespace `models`.

Commands run as they stand. Plays, tasks and manifests run without being left behind: check mode, server-side dry run.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import documents
import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds

ROOT = documents.ROOT
# What a block may leave to its reader.
GIVEN = {
    "clusters": "clusters",
    "runtime": {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": "a", "namespace": "models"},
        "spec": {
            "supportedModelFormats": [{"name": "sklearn", "version": "1", "autoSelect": True}],
            "containers": [{"name": "kserve-container", "image": "example.com/a:1"}],
        },
    },
    "service": {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "iris", "namespace": "models"},
        "spec": {
            "predictor": {
                "model": {
                    "modelFormat": {"name": "sklearn", "version": "1"},
                    "protocolVersion": "v2",
                    "runtime": "seldon-mlserver-runtime",
                    "storageUri": "pvc://models/iris",
                }
            }
        },
    },
    "existing_runtimes": [],
    "runtimes": [],
}
# Commands that another suite runs, or that nothing here can: the page says them, this table says where they are shown.
ELSEWHERE = {
    "make demo": "molecule/default runs the same playbook; tests/integration/inference_service/test_demo.py",
    "make test": "this run",
    "ansible-playbook modelserving.kserve.site": "molecule/default, with images that the cluster has; packaging, by name",
    "make ": "tests/unit/docs/test_commands.py: the targets exist",
    "ansible-galaxy collection install git+": "tests/integration/packaging installs the built collection",
    "pip install kubernetes": "tests/requirements: the environment this runs in",
    "python3 tests/cluster": "tests/unit/cluster and every run of the suites",
    "CONTAINERS_": "the shell of whoever looks into a node",
    "podman ": "the shell of whoever looks into a node",
}


def shell_commands() -> list[Any]:
    found = [(block, command) for block in documents.blocks("shell") for command in documents.commands(block)]
    return [pytest.param(command, id=f"{block} {command[:60]}") for block, command in found if not elsewhere(command)]


def elsewhere(command: str) -> bool:
    return any(command.startswith(start) for start in ELSEWHERE)


def yaml_blocks() -> list[Any]:
    return [pytest.param(block, id=str(block)) for block in documents.blocks("yaml")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a reader stands: a folder with manifests of his own and an inventory."""
    path = tmp_path_factory.mktemp("reader")
    (path / "manifests").mkdir()
    (path / "manifests" / "service.yaml").write_text(yaml.safe_dump(GIVEN["service"]))
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (path / "inventory.yml").write_text(yaml.safe_dump({"clusters": {"hosts": {"localhost": host}}}))
    return path


DEMO = {"iris": ("sklearn 1", "seldon-mlserver-runtime"), "digits": ("python 1", "triton-runtime")}


@pytest.fixture(scope="module")
def run(client: Client, cluster: dict[str, Any], kubeconfig: str, folder: Path) -> Iterator[Any]:
    """Run a command where the namespace `models` has the demo's runtimes and models."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_INVENTORY", "K8S_AUTH_"))
    }
    environment = {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "K8S_AUTH_KUBECONFIG": kubeconfig,
        "KUBECONFIG": kubeconfig,
    }

    def execute(*command: str, cwd: Path = folder) -> str:
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    (facts := folder / "cluster.json").write_text(json.dumps(cluster))
    subprocess.run([sys.executable, "tests/demo/models.py", str(facts), "build/demo.json"], cwd=ROOT, check=True)
    demo = ["ansible-playbook", "-i", "tests/demo/inventory", "tests/demo/demo.yml", "-e", "demo_namespace=models"]
    execute(*demo, cwd=ROOT)
    yield execute
    client.delete(resources.NAMESPACE, "models")
    client.delete(resources.PERSISTENTVOLUME, "models-models")


@pytest.mark.parametrize("block", yaml_blocks())
def test_yaml(block: documents.Block, run: Any, folder: Path) -> None:
    for content in yaml.safe_load_all(block.text):
        if isinstance(content, dict) and "apiVersion" in content:
            (folder / "manifest.yml").write_text(yaml.safe_dump(content))
            run("kubectl", "apply", "--dry-run=server", "-f", "manifest.yml")
        elif isinstance(content, list):
            plays = "hosts" in content[0]
            text = block.text if plays else play_of(block.text)
            (folder / "play.yml").write_text(text)
            given = json.dumps(GIVEN)
            out = run("ansible-playbook", "-i", "inventory.yml", "play.yml", "--check", "-e", given)
            assert "skipping: no hosts matched" not in out
        else:
            assert isinstance(content, dict)


def play_of(tasks: str) -> str:
    indented = "\n".join(f"    {line}" for line in tasks.splitlines())
    return f"- hosts: clusters\n  gather_facts: false\n  tasks:\n{indented}\n"


@pytest.mark.parametrize("command", shell_commands())
def test_shell(command: str, run: Any) -> None:
    out = run("bash", "-euc", command)
    assert not re.search(r"skipping: no hosts matched|Traceback", out), out


def test_the_table_of_the_demos_services(run: Any, client: Client, namespace: str) -> None:
    """docs/selection.md: explain, on the demo's live services and a service of a second namespace that gets no runtime."""
    lost = {**GIVEN["service"], "metadata": {"name": "lost", "annotations": {"serving.kserve.io/stop": "true"}}}
    lost["spec"] = {"predictor": {"model": {"modelFormat": {"name": "absent"}, "storageUri": "pvc://models/iris"}}}
    client.create(resources.Resource(*kinds.INFERENCE_SERVICE), lost, namespace)
    asked = json.dumps({"explain_namespaces": ["models", namespace], "explain_why": "all"})
    lines = run("ansible-playbook", "modelserving.kserve.explain", "-e", asked).splitlines()
    table = {line.split()[0]: re.split(r"  +", line) for line in lines if re.match(rf"(models|{namespace})/", line)}
    for name, (wanted, runtime) in DEMO.items():
        assert table[f"models/{name}"][1:] == [f"{wanted}, v2", f"models/{runtime}", "the service names it"]
    assert table[f"{namespace}/lost"][1:3] == ["absent, v1 (implied)", "none"]
    assert table[f"{namespace}/lost"][3].startswith("NoSupportingRuntime: ")
    assert re.search(r"^SERVICE +ASKS FOR +RUNTIME +BECAUSE$", "\n".join(lines), re.MULTILINE)
    assert f"  - not models/triton-runtime: is in namespace models, the service in {namespace}" in lines
    served = client.list(resources.Resource(*kinds.INFERENCE_SERVICE), "models")
    assert {item["metadata"]["name"] for item in served} == DEMO.keys()
    for item in served:
        assert DEMO[item["metadata"]["name"]][1] == item["status"]["servingRuntimeName"]
