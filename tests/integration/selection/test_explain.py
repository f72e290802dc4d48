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


def explain(kubeconfig: str | None, **variables: Any) -> list[str]:
    """Run the playbook; return what it prints."""
    collections = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("K8S_AUTH_", "KUBECONFIG"))}
    place = {"K8S_AUTH_KUBECONFIG": kubeconfig} if kubeconfig else {"KUBECONFIG": os.devnull}
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        "modelserving.kserve.explain",
        "-e",
        json.dumps(variables),
    ]
    done = subprocess.run(command, env={**collections, **kept, **place}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0" in done.stdout
    return done.stdout.splitlines()


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
