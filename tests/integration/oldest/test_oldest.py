# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main jobs with the oldest versions that the collection says it runs with (tests/tools/oldest.py)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
OLDEST = ROOT / "build" / "oldest"
Play = Callable[..., str]


@pytest.fixture(scope="module")
def play(kubeconfig: str, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Run ansible-playbook of that environment: a playbook by name, or a list of tasks; what it prints."""
    subprocess.run([sys.executable, str(ROOT / "tests" / "tools" / "oldest.py")], check=True)
    directory = tmp_path_factory.mktemp("oldest")
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}
    env = {
        **kept,
        "PATH": f"{OLDEST / 'venv' / 'bin'}:{kept['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(OLDEST / "collections"),
        "ANSIBLE_HOME": str(directory / "home"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "K8S_AUTH_KUBECONFIG": kubeconfig,
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def run(what: str | list[dict[str, Any]], *arguments: str, **variables: Any) -> str:
        if isinstance(what, list):
            book = directory / "book.yml"
            book.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": what}]))
            what = str(book)
        command = ["ansible-playbook", what, "-e", json.dumps(variables), *arguments]
        done = subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def changed(output: str) -> int:
    found = re.search(r"localhost +: .*\bchanged=(\d+)", output)
    assert found, output
    return int(found[1])


@pytest.fixture(scope="module")
def namespace(make_namespace: Callable[..., str]) -> str:
    return make_namespace("oldest")


@pytest.fixture(scope="module")
def installed(play: Play, namespace: str) -> str:
    """What the first run of the role printed."""
    return play([{"ansible.builtin.include_role": {"name": "modelserving.kserve.mlserver"}}], **role(namespace))


def role(namespace: str) -> dict[str, Any]:
    variables = [{"name": "API_PASSWORD", "value": "hunter2"}]
    return {"mlserver_namespaces": [namespace], "mlserver_env": variables}


def test_these_are_the_versions(play: Play) -> None:
    manifest = OLDEST / "collections" / "ansible_collections" / "kubernetes" / "core" / "MANIFEST.json"
    assert json.loads(manifest.read_text())["collection_info"]["version"] == "2.4.0"
    module = {"that": ["ansible_version.full == '2.16.0'", "library == ['24.2.0', '1.26.0']"]}
    code = "import json, kubernetes, urllib3; print(json.dumps([kubernetes.__version__, urllib3.__version__]))"
    asked = {"ansible.builtin.command": {"argv": ["{{ ansible_playbook_python }}", "-c", code]}, "register": "asked"}
    play([asked, {"ansible.builtin.assert": module, "vars": {"library": "{{ asked.stdout | from_json }}"}}])


def test_a_role_installs_its_runtime_once(play: Play, namespace: str, installed: str) -> None:
    assert changed(installed) == 1
    task = [{"ansible.builtin.include_role": {"name": "modelserving.kserve.mlserver"}}]
    again = play(task, "-vvv", **role(namespace))
    assert changed(again) == 0
    assert '"invocation"' in again and "hunter2" not in again
    assert changed(play(task, "--check", **{**role(namespace), "mlserver_image": "example/mlserver:2"})) == 1


def test_a_service_is_applied_and_taken_away(play: Play, namespace: str, installed: str) -> None:
    options = {"name": "iris", "namespace": namespace, "format": "sklearn", "storage_uri": "pvc://none/model"}
    stopped = {"annotations": {"serving.kserve.io/stop": "true"}}
    task = [{"modelserving.kserve.inference_service": {**options, **stopped}}]
    assert [changed(play(task)), changed(play(task))] == [1, 0]
    gone = [{"modelserving.kserve.inference_service": {"name": "iris", "namespace": namespace, "state": "absent"}}]
    assert [changed(play(gone)), changed(play(gone))] == [1, 0]


def test_runtime_status_sees_it(play: Play, namespace: str, installed: str) -> None:
    asked = {"modelserving.kserve.runtime_status": {"namespace": namespace}, "register": "status"}
    names = "status.runtimes | selectattr('namespace', 'equalto', space) | map(attribute='name') | list"
    seen = {"ansible.builtin.assert": {"that": [f"{names} == ['seldon-mlserver-runtime']"]}}
    play([asked, {**seen, "vars": {"space": namespace}}])


@pytest.mark.parametrize("name", ["troubleshoot", "status", "explain", "health"])
def test_playbooks(play: Play, namespace: str, installed: str, name: str) -> None:
    variables = {f"{part}_namespaces": [namespace] for part in ("troubleshoot", "explain", "health_check")}
    # the verdict on a cluster that other tests use is none of this one
    assert changed(play(f"modelserving.kserve.{name}", troubleshoot_fail_on="never", **variables)) == 0


def test_a_proxy_is_used_and_a_secret_is_not_shown(play: Play, namespace: str, installed: str) -> None:
    """Proxies are the `kubernetes` library's part, and -vvv shows how modules were called."""
    options = {"name": "x", "namespace": namespace, "state": "absent", "proxy": "http://ann:hunter2@127.0.0.1:9"}
    task = {"modelserving.kserve.serving_runtime": options, "register": "tried", "failed_when": False}
    said = {"ansible.builtin.debug": {"var": "tried.msg"}}
    output = play([task, said], "-vvv")
    assert "Cannot reach the Kubernetes API" in output and "hunter2" not in output.split("TASK [", 1)[1]
