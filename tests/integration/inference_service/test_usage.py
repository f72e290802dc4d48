# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the documentation as a user would run them, the role and playbooks, and the rights that they need."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import SERVICEACCOUNT, Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import health, inference_services
from ansible_collections.modelserving.kserve.plugins.modules import inference_service, model_health

from tests.integration.inference_service.conftest import PARAMS, Object, Run, iris
from tests.integration.serving_runtime import support

ROOT = Path(__file__).resolve().parents[3]
RBAC = "rbac.authorization.k8s.io/v1"
ROLE = Resource(RBAC, "Role", "roles", True)
ROLE_BINDING = Resource(RBAC, "RoleBinding", "rolebindings", True)


def tasks(module: Any, namespace: str) -> list[Object]:
    """The examples, in a namespace of the test's own."""
    return list(yaml.safe_load(re.sub(r"\bmodels\b(?!/)", namespace, module.EXAMPLES)))


def test_every_example_runs_in_its_order(space: str, kubeconfig: str, tmp_path: Path) -> None:
    *served, gone = tasks(inference_service, space)
    done = support.play(tmp_path, kubeconfig, [*served[:3], *tasks(model_health, space), served[3], gone])
    assert not [answer.get("msg") for answer in done if answer.get("failed")]
    one, many, pinned, *asked, own, last = done
    assert one["results"][0]["verify"]["answer"]["outputs"][0]["data"] == [0]
    assert [item["wait"]["state"] for item in many["results"]] == ["ready", "ready"]
    assert pinned["results"][0]["object"]["spec"]["predictor"]["model"]["runtime"] == "seldon-mlserver-runtime"
    assert all(answer["healthy"] for answer in asked[:2])
    assert own["changed"] and {item["wait"]["state"] for item in last["results"]} == {"gone"}


def test_the_health_playbook_shows_what_is_wrong_and_fails(run: Run, space: str, kubeconfig: str) -> None:
    assert run({**iris(name="fine"), "namespace": space, "wait": True}).failure is None
    run({**iris(name="lame", runtime="no-such-runtime"), "namespace": space})
    shown = _health_playbook(kubeconfig, {"health_check_namespaces": [space], "health_check_timeout": 60})
    assert shown.returncode == 2
    assert f"healthy: {space}/fine on seldon-mlserver-runtime (v2)" in shown.stdout
    assert f"UNHEALTHY: {space}/lame" in shown.stdout
    run({"services": [{"name": "lame"}], "namespace": space, "state": "absent"}, wait=True)
    chosen = {"health_check_namespaces": [space], "health_check_services": ["fine"]}
    assert _health_playbook(kubeconfig, chosen).returncode == 0
    absent = _health_playbook(kubeconfig, {**chosen, "health_check_services": ["fine", "absent"]})
    assert absent.returncode == 2 and "There is no InferenceService absent here." in absent.stdout


def _health_playbook(kubeconfig: str, settings: Object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "modelserving.kserve.health", "-i", "localhost,"]
    return subprocess.run(
        [*command, "-e", json.dumps({"kserve_auth": {"kubeconfig": kubeconfig}, **settings})],
        env={**support.environment(), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_python_without_the_library_is_named(kubeconfig: str, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    bare = str(tmp_path / "bare" / "bin" / "python")
    done = _health_playbook(kubeconfig, {"ansible_python_interpreter": bare})
    assert done.returncode == 2
    assert f"The Python that ran this module, {bare}, lacks the library `kubernetes`" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


# -- rights ------------------------------------------------------------------------------------------------------------


def account(client: Client, kubeconfig: str, space: str, name: str, rules: list[Object]) -> Client:
    """A client with the rights of a Role and no more."""
    named = {"metadata": {"name": name}}
    client.create(SERVICEACCOUNT, {"apiVersion": "v1", "kind": "ServiceAccount", **named}, space)
    client.create(ROLE, {"apiVersion": RBAC, "kind": "Role", **named, "rules": rules}, space)
    subject = {"kind": "ServiceAccount", "name": name, "namespace": space}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    binding = {"apiVersion": RBAC, "kind": "RoleBinding", **named, "subjects": [subject], "roleRef": reference}
    client.create(ROLE_BINDING, binding, space)
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    path = SERVICEACCOUNT.path(space, name, "token")
    token = client.request("POST", path, body=body)["status"]["token"]
    admin = config.load({"kubeconfig": kubeconfig})
    return Client(config.load({"host": admin.host, "api_key": token, "ca_cert": admin.ssl_ca_cert}), timeout=60)


def documented(name: str) -> list[Object]:
    """The rules of a Role in docs/rbac.md."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "rbac.md").read_text(), re.DOTALL)
    roles = [document for block in blocks for document in yaml.safe_load_all(block)]
    return next(list(item["rules"]) for item in roles if item["kind"] == "Role" and item["metadata"]["name"] == name)


SAMPLE = {
    "name": "fine",
    "timeout": 5,
    "body": {"inputs": [{"name": "rows", "shape": [1, 4], "datatype": "FP32", "data": [[5.1, 3.5, 1.4, 0.2]]}]},
}


@pytest.mark.parametrize(
    ("roles", "sample", "healthy", "said"),
    [
        (("modelserving-doctor",), False, True, ""),
        (("modelserving-doctor",), True, False, "the API server refuses the request"),
        (("modelserving-doctor", "modelserving-infer"), True, True, ""),
    ],
)
def test_the_documented_roles_are_enough_and_needed(
    run: Run,
    client: Client,
    kubeconfig: str,
    space: str,
    roles: tuple[str, ...],
    sample: bool,
    healthy: bool,
    said: str,
) -> None:
    assert run({**iris(name="fine"), "namespace": space, "wait": True}).failure is None
    name = "-".join(("reader", str(len(roles)), str(sample).lower()))
    rules = [rule for role in roles for rule in documented(role)]
    narrow = account(client, kubeconfig, space, name, rules)
    samples = health._samples([SAMPLE]) if sample else {}
    task = health.Task(namespaces=[space], names=["fine"], samples=samples, kserve_version="0.20.0")
    found = health.report(task, health.run(narrow, task))
    assert found["healthy"] is healthy, found
    assert said in health.failure(found)
    assert {item["what"] for item in found["unseen"]} <= {"clusterservingruntimes"}


def test_health_leaves_nothing_out_unsaid(run: Run, client: Client, kubeconfig: str, space: str) -> None:
    assert run({**iris(name="fine"), "namespace": space, "wait": True}).failure is None
    rules = [
        {"apiGroups": ["serving.kserve.io"], "resources": ["inferenceservices"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["services/proxy"], "verbs": ["get"]},
    ]
    narrow = account(client, kubeconfig, space, "sees-no-runtime", rules)
    everything = health.run(client, health.Task(namespaces=[space], names=["fine"])).services[0]
    assert everything.used is not None
    task = health.Task(namespaces=[space], names=["fine"], runtimes=[everything.used.name], with_metrics=False)
    found = health.run(narrow, task)
    # KServe's status names it, so that the right to read runtimes is not needed to find the service
    assert [(item.used, item.state) for item in found.services] == [(everything.used, "healthy")]
    assert {item["what"] for item in found.unseen} == {"servingruntimes", "clusterservingruntimes"}
    nothing = health.run(client, health.Task(namespaces=[f"{space}-typo"]))
    assert nothing.warnings == [f"There is no namespace {space}-typo: nothing was checked there."]


def test_a_rollout_that_may_not_be_seen_is_ready_with_a_warning(
    run: Run, client: Client, kubeconfig: str, space: str
) -> None:
    given = {**iris(name="fine"), "namespace": space, "wait": True}
    assert run(given).failure is None
    rules = [{"apiGroups": ["serving.kserve.io"], "resources": ["inferenceservices"], "verbs": ["get", "list"]}]
    narrow = account(client, kubeconfig, space, "sees-no-rollout", rules)
    result = inference_services.Result()
    inference_services.run(
        narrow, inference_services.task_of({**PARAMS, "wait": True}, given, check_mode=False), result
    )
    (item,) = result.plain()["results"]
    assert result.failure() is None and (item["action"], item["wait"]["state"]) == ("unchanged", "ready")
    assert {entry["what"] for entry in item["wait"]["unseen"]} == {"deployments", "replicasets", "pods"}
    (warning,) = result.warnings
    assert f"InferenceService fine in namespace {space}: whether it has rolled out is not known: " in warning
    assert "forbidden" in warning and item["warnings"] == item["wait"]["doubts"]


def test_with_the_right_to_read_services_alone_nothing_is_taken_for_healthy(
    run: Run, client: Client, kubeconfig: str, space: str
) -> None:
    assert run({**iris(name="fine"), "namespace": space, "wait": True}).failure is None
    rules = [{"apiGroups": ["serving.kserve.io"], "resources": ["inferenceservices"], "verbs": ["get", "list"]}]
    narrow = account(client, kubeconfig, space, "blind", rules)
    task = health.Task(namespaces=[space], names=["fine"], kserve_version="0.20.0")
    found = health.report(task, health.run(narrow, task))
    assert not found["healthy"] and "refuses the request" in health.failure(found)
    assert "pods" in {item["what"] for item in found["unseen"]}
