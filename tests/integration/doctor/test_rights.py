# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/rbac.md on a real cluster: what a service account with these Roles sees, and what it says with less."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config, resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import collect, diagnose
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds

PAGE = Path(__file__).resolve().parents[3] / "docs" / "rbac.md"
RBAC = "rbac.authorization.k8s.io/v1"
ROLE = Resource(RBAC, "Role", "roles", True)
ROLE_BINDING = Resource(RBAC, "RoleBinding", "rolebindings", True)
SERVICE = Resource(*kinds.INFERENCE_SERVICE)
RUNTIME = Resource(*kinds.SERVING_RUNTIME)

ANSWERS = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.path == "/v2/health/ready"
        body = b"[]" if self.command == "POST" else b"{}"
        self.send_response(200 if known or self.command == "POST" else 404)
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    do_POST = do_GET
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


def documented(name: str) -> dict[str, Any]:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return next(item for block in blocks for item in [yaml.safe_load(block)] if item["metadata"]["name"] == name)


def runtime(namespace: str, name: str, image: str, code: str) -> dict[str, Any]:
    container = {
        "name": "kserve-container",
        "image": image,
        "command": ["python3", "-u", "-c", code],
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
    }
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "supportedModelFormats": [{"name": "rights", "version": "1"}],
            "protocolVersions": ["v2"],
            "containers": [container],
        },
    }


def service(namespace: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {"serving.kserve.io/autoscalerClass": "none"},
        },
        "spec": {"predictor": {"minReplicas": 1, "model": _model(name)}},
    }


def _model(runtime: str) -> dict[str, Any]:
    # Without a storage URI KServe adds its model agent, whose image is not here.
    return {"modelFormat": {"name": "rights"}, "runtime": runtime, "storageUri": "pvc://store"}


def store(namespace: str) -> list[tuple[Resource, dict[str, Any]]]:
    """A volume on the node and a claim that is bound to it."""
    shared = {"storageClassName": "", "accessModes": ["ReadOnlyMany"]}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{namespace}-store"},
        "spec": {
            **shared,
            "capacity": {"storage": "1Mi"},
            "hostPath": {"path": "/models"},
            "claimRef": {"namespace": namespace, "name": "store"},
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "store", "namespace": namespace},
        "spec": {**shared, "volumeName": f"{namespace}-store", "resources": {"requests": {"storage": "1Mi"}}},
    }
    return [(resources.PERSISTENTVOLUME, volume), (resources.PERSISTENTVOLUMECLAIM, claim)]


@pytest.fixture(scope="module")
def models(
    client: Client, cluster: dict[str, Any], make_namespace: Callable[..., str], eventually: Callable[..., Any]
) -> Iterator[str]:
    """A namespace with one server that answers and knows no model, and one that crashes."""
    namespace = make_namespace("rights")
    for kind, obj in store(namespace):
        client.create(kind, obj, namespace if kind.namespaced else None)
    image = cluster["images"]["mlserver"]
    for name, code in (("answers", ANSWERS), ("crashes", "raise SystemError('ledger is locked')")):
        client.create(RUNTIME, runtime(namespace, name, image, code), namespace)
        client.create(SERVICE, service(namespace, name), namespace)

    def settled() -> bool:
        pods = client.list(resources.POD, namespace)
        states = {
            pod["metadata"]["labels"][kinds.LABEL_SERVICE]: (pod["status"].get("containerStatuses") or [{}])[0]
            for pod in pods
        }
        ready = states.get("answers", {}).get("ready")
        return bool(ready and states.get("crashes", {}).get("restartCount", 0) >= 1)

    eventually(settled, timeout=600, every=2)
    yield namespace
    client.delete(resources.PERSISTENTVOLUME, f"{namespace}-store")


@pytest.fixture
def seen_by(client: Client, kubeconfig: str, models: str, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """``seen_by("role", ...)``: the snapshot that a service account with these documented Roles takes."""

    def look(*roles: str, without: str | None = None) -> dict[str, Any]:
        account = f"doctor-{len(roles)}-{without or 'all'}".replace("/", "-")
        client.create(
            resources.SERVICEACCOUNT,
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}},
            models,
        )
        for name in roles:
            _grant(client, models, account, documented(name), without)
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 900}}
        path = resources.SERVICEACCOUNT.path(models, account, "token")
        token = client.request("POST", path, body=request)["status"]["token"]
        file = tmp_path / "kubeconfig"
        file.write_text(yaml.safe_dump(_as_user(yaml.safe_load(Path(kubeconfig).read_text()), token)))
        own = Client(config.load({"kubeconfig": str(file)}), timeout=60)
        return collect.collect(own, namespaces=[models])

    return look


def _grant(client: Client, namespace: str, account: str, role: dict[str, Any], without: str | None) -> None:
    role = copy.deepcopy(role)
    role["metadata"] = {"name": f"{role['metadata']['name']}-{account}", "namespace": namespace}
    for rule in role["rules"]:
        rule["resources"] = [item for item in rule["resources"] if item != without]
    role["rules"] = [rule for rule in role["rules"] if rule["resources"]]
    client.create(ROLE, role, namespace)
    binding = {
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": {"name": role["metadata"]["name"]},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role["metadata"]["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }
    client.create(ROLE_BINDING, binding, namespace)


def _as_user(content: dict[str, Any], token: str) -> dict[str, Any]:
    content["users"] = [{"name": item["name"], "user": {"token": token}} for item in content["users"]]
    return content


def codes(snapshot: dict[str, Any]) -> dict[str, list[str]]:
    return {item["name"]: item["findings"] for item in diagnose.diagnose(snapshot)["services"]}


def unseen(snapshot: dict[str, Any]) -> set[str]:
    return {item["what"].split(" in namespace")[0] for item in snapshot["unseen"]}


def test_the_documented_role_sees_a_namespace_in_full(seen_by: Callable[..., dict[str, Any]]) -> None:
    snapshot = seen_by("modelserving-doctor")
    assert codes(snapshot) == {"answers": ["KS052"], "crashes": ["KS101"]}
    assert any("ledger is locked" in log["head"] for log in snapshot["logs"])
    hidden = unseen(snapshot)
    assert not hidden & {"pods", "events", "logs", "persistentvolumeclaims", "deployments.apps", "services/proxy (get)"}
    assert {"secrets", "nodes", "services/proxy (create)", "admission webhooks", "the KServe controller"} <= hidden


def test_asking_for_the_models_index_is_a_right_of_its_own(seen_by: Callable[..., dict[str, Any]]) -> None:
    snapshot = seen_by("modelserving-doctor", "modelserving-infer")
    assert "services/proxy (create)" not in unseen(snapshot)
    assert [item["status"] for item in snapshot["probes"] if item["purpose"] == "index"] == [200]


def test_dry_runs_are_a_right_of_their_own(seen_by: Callable[..., dict[str, Any]]) -> None:
    snapshot = seen_by("modelserving-doctor", "modelserving-infer", "modelserving-dry-run")
    tried = {item["target"]: item["error"] for item in snapshot["probes"] if item["purpose"] == "webhook"}
    assert {"InferenceService", "ServingRuntime", "Pod"} <= set(tried)
    assert set(tried.values()) == {None}


@pytest.mark.parametrize(
    ("without", "what"),
    [
        ("pods/log", "logs"),
        ("services/proxy", "services/proxy (get)"),
        ("persistentvolumeclaims", "persistentvolumeclaims"),
        ("events", "events"),
    ],
)
def test_with_less_it_says_what_it_could_not_see(
    seen_by: Callable[..., dict[str, Any]], without: str, what: str
) -> None:
    snapshot = seen_by("modelserving-doctor", without=without)
    reasons = {item["what"].split(" in namespace")[0]: item["reason"] for item in snapshot["unseen"]}
    assert reasons[what] == "forbidden"
    result = diagnose.diagnose(snapshot)
    assert {item["name"] for item in result["services"]} == {"answers", "crashes"}
