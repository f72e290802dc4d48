# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook explain.yml, for live services and for manifests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds

from tests.integration import bare

ROOT = Path(__file__).resolve().parents[3]
RUNTIME = Resource(*kinds.SERVING_RUNTIME)
SERVICE = Resource(*kinds.INFERENCE_SERVICE)


def runtime(name: str, **entry: Any) -> dict[str, Any]:
    return {
        "apiVersion": RUNTIME.api_version,
        "kind": RUNTIME.kind,
        "metadata": {"name": name},
        "spec": {
            "supportedModelFormats": [{"name": "explained", "version": "1", "autoSelect": True, **entry}],
            "protocolVersions": ["v2"],
            "containers": [{"name": "server", "image": "example.invalid/server:1"}],
        },
    }


def service(name: str, **model: Any) -> dict[str, Any]:
    wanted = {"modelFormat": {"name": "explained"}, **model}
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.kind,
        "metadata": {"name": name},
        "spec": {"predictor": {"model": wanted}},
    }


def play(kubeconfig: str | None, cwd: Path | None = None, **variables: Any) -> subprocess.CompletedProcess[str]:
    """Run the playbook."""
    collections = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("K8S_AUTH_", "KUBECONFIG"))}
    place = {"K8S_AUTH_KUBECONFIG": kubeconfig} if kubeconfig else {"KUBECONFIG": os.devnull}
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        "modelserving.kserve.explain",
        "-e",
        json.dumps(variables),
    ]
    environment = {**collections, **kept, **place}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def explain(kubeconfig: str | None, cwd: Path | None = None, **variables: Any) -> list[str]:
    """Run the playbook; return what it prints."""
    done = play(kubeconfig, cwd, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0" in done.stdout
    return (done.stdout + done.stderr).splitlines()


def columns(lines: list[str], name: str) -> list[str]:
    """Return the cells of a service's line."""
    line = next(item for item in lines if item.startswith(f"{name} "))
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_live_services(client: Client, kubeconfig: str, make_namespace: Callable[..., str]) -> None:
    namespace = make_namespace("explain")
    for item in (runtime("first", priority=2), runtime("second", priority=1)):
        client.create(RUNTIME, item, namespace)
    client.create(SERVICE, service("asks-v1"), namespace)
    client.create(SERVICE, service("asks-v2", protocolVersion="v2"), namespace)
    client.create(SERVICE, service("names", protocolVersion="v2", runtime="second"), namespace)
    lines = explain(kubeconfig, explain_namespaces=[namespace])
    assert columns(lines, f"{namespace}/asks-v2") == [
        f"{namespace}/asks-v2",
        "explained, v2",
        f"{namespace}/first",
        f"before {namespace}/second: its priority for explained is 2, the other's 1",
    ]
    assert columns(lines, f"{namespace}/names")[2:] == [f"{namespace}/second", "the service names it"]
    assert columns(lines, f"{namespace}/asks-v1")[1:] == [
        "explained, v1 (implied)",
        "none",
        "NoSupportingRuntime: No runtime found to support specified framework/version",
    ]
    why = f"  - not {namespace}/first: speaks v2, the service asks for v1, because it names no protocolVersion"
    assert why in lines
    assert any(line.endswith("(found on the cluster).") for line in lines)
    for name in ("asks-v1", "asks-v2", "names"):
        client.delete(SERVICE, name, namespace)


def test_manifests_without_a_cluster(tmp_path: Path) -> None:
    services, runtimes = tmp_path / "services.yaml", tmp_path / "runtimes.yaml"
    old = service("old")
    old["spec"]["predictor"] = {"onnx": {"storageUri": "s3://b/m"}}
    services.write_text(yaml.safe_dump_all([service("a", protocolVersion="v2"), old, {"kind": "ConfigMap"}]))
    runtimes.write_text(yaml.safe_dump_all([runtime("r"), {**runtime("c"), "kind": "ClusterServingRuntime"}]))
    lines = explain(
        None,
        explain_manifests=[str(services)],
        explain_runtimes=[str(runtimes)],
        explain_kserve_version="0.16.0",
        explain_why="all",
    )
    assert columns(lines, "default/a")[2] == "default/r"
    assert columns(lines, "default/old")[1:3] == ["onnx, v2", "none"]
    assert "  - not default/r: has explained, not onnx" in lines
    assert "Decided by the rules of KServe 0.16.0 (given)." in lines


def test_relative_paths_lists_and_documents_of_no_kind(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    listed = {"apiVersion": "v1", "kind": "List", "items": [service("a", protocolVersion="v2"), runtime("r")]}
    (tmp_path / "deploy" / "all.yaml").write_text(yaml.safe_dump_all([{"replicas": 1}, listed]))
    lines = explain(None, cwd=tmp_path, explain_manifests=["deploy"], explain_runtimes=["deploy/all.yaml"])
    assert columns(lines, "default/a")[2:] == ["default/r", "the only candidate"]
    assert "Decided by the rules of KServe 0.20.0 (assumed)." in lines


def test_one_bad_service_is_named_and_does_not_hide_the_others(tmp_path: Path) -> None:
    bad = service("bad")
    bad["spec"]["predictor"]["model"]["modelFormat"]["version"] = 1.5
    (path := tmp_path / "all.yaml").write_text(yaml.safe_dump_all([runtime("r"), bad, service("a")]))
    done = play(None, explain_manifests=[str(path)], explain_runtimes=[str(path)])
    assert done.returncode != 0
    assert columns(done.stdout.splitlines(), "default/a")[2] == "none"
    assert f"Not explained: InferenceService default/bad ({path}:" in " ".join(done.stdout.split())


def test_manifests_against_the_clusters_runtimes(
    client: Client, kubeconfig: str, make_namespace: Callable[..., str], tmp_path: Path
) -> None:
    namespace = make_namespace("explain")
    client.create(RUNTIME, runtime("there"), namespace)
    wanted = service("a", protocolVersion="v2")
    wanted["metadata"]["namespace"] = namespace
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(wanted))
    lines = explain(kubeconfig, cwd=tmp_path, explain_manifests="a.yaml")
    assert columns(lines, f"{namespace}/a")[2:] == [f"{namespace}/there", "the only candidate"]


def test_who_may_read_one_namespace_sees_what_is_certain(
    client: Client, kubeconfig: str, make_namespace: Callable[..., str]
) -> None:
    namespace = make_namespace("explain")
    _allow(client, namespace)
    client.create(RUNTIME, runtime("here"), namespace)
    for item in (service("certain", protocolVersion="v2"), service("uncertain")):
        item["metadata"]["annotations"] = {"serving.kserve.io/stop": "true"}
        client.create(SERVICE, item, namespace)
    access = {"kubeconfig": kubeconfig, "impersonate_user": f"system:serviceaccount:{namespace}:reader"}
    lines = explain(None, explain_namespaces=[namespace], kserve_auth=access)
    assert columns(lines, f"{namespace}/certain")[2:] == [f"{namespace}/here", "the only candidate"]
    assert columns(lines, f"{namespace}/uncertain")[2] == "unknown"
    text = " ".join(" ".join(lines).split())
    assert "ClusterServingRuntimes were not seen; among those seen: none" in text
    assert "ClusterServingRuntimes were not seen: Cannot read the list of clusterservingruntimes: forbidden" in text
    assert "its Deployment may not be read, so the rules of KServe 0.20.0 are assumed" in text
    assert "Decided by the rules of KServe 0.20.0 (assumed)." in lines
    refused = play(None, kserve_auth=access)
    assert refused.returncode != 0
    assert "Cannot read the list of inferenceservices: forbidden" in " ".join(refused.stdout.split())


def _allow(client: Client, namespace: str) -> None:
    """Let the ServiceAccount `reader` list services and runtimes of its namespace, and nothing else."""
    api = "rbac.authorization.k8s.io/v1"
    rule = {"apiGroups": ["serving.kserve.io"], "resources": ["*"], "verbs": ["get", "list"]}
    head = {"apiVersion": api, "metadata": {"name": "reader"}}
    client.create(Resource(api, "Role", "roles", True), {**head, "kind": "Role", "rules": [rule]}, namespace)
    binding = {
        **head,
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
    }
    client.create(Resource(api, "RoleBinding", "rolebindings", True), binding, namespace)


def test_a_cluster_without_kserve_is_no_cluster_without_services(tmp_path: Path) -> None:
    with bare.api_server(tmp_path) as kubeconfig:
        done = play(kubeconfig)
    assert done.returncode != 0
    text = " ".join(done.stdout.split())
    assert "does not serve serving.kserve.io/v1beta1 InferenceService: install what brings its CRD" in text
    assert "SERVICE" not in done.stdout
