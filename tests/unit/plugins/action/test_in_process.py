# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real tasks of ansible-playbook: which run in Ansible's own process, and that they say the same as those that do not."""

from __future__ import annotations

import datetime
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[4]
PLUGINS = ROOT / "plugins"
MODULE = "modelserving.kserve.serving_runtime"
# nobody listens there: the task ends with a sentence that only the module itself can have written
ACCESS = {"host": "http://127.0.0.1:1", "api_key": "sesame"}
RUNTIME = {"name": "a", "preset": "mlserver", "namespace": "a"}
ARGUMENTS: dict[str, Any] = {**ACCESS, **RUNTIME}
KUBECONFIG = {
    "current-context": "one",
    "clusters": [{"name": "one", "cluster": {"server": ACCESS["host"]}}],
    "users": [{"name": "ann", "user": {"token": "sesame"}}],
    "contexts": [{"name": "one", "context": {"cluster": "one", "user": "ann"}}],
}
# a connection that is not local, for all that Ansible knows
CONNECTION = """
from ansible.plugins.connection.local import Connection as Local
from ansible.plugins.connection.local import DOCUMENTATION as _LOCAL

DOCUMENTATION = _LOCAL.replace("name: local", "name: elsewhere")


class Connection(Local):
    transport = "elsewhere"
"""

# what a task says besides -> whether it runs in Ansible's own process
TASKS: dict[str, tuple[dict[str, Any], bool]] = {
    "as it is": ({}, True),
    "with defaults of the play": (
        {
            MODULE: RUNTIME,
            "module_defaults": {"group/modelserving.kserve.kserve": ACCESS},
        },
        True,
    ),
    "delegated to this host": ({"delegate_to": "localhost"}, True),
    "in a loop": ({MODULE: {**ARGUMENTS, "name": "{{ item }}"}, "loop": ["a", "b"]}, True),
    "without logs": ({"no_log": True}, True),
    "with a relative path": ({MODULE: {**RUNTIME, "kubeconfig": "access.yml"}}, True),
    "by choice": ({"vars": {"modelserving_in_process": False}}, False),
    "on another machine": ({"vars": {"ansible_connection": "elsewhere"}}, False),
    "with too little time": ({MODULE: {**ARGUMENTS, "host": "{{ silent }}"}, "timeout": 2}, False),
    "by another Python": ({"vars": {"ansible_python_interpreter": "{{ python }}"}}, False),
    "by a Python that is left out": ({"vars": {"ansible_python_interpreter": "{{ none | default(omit) }}"}}, False),
    "delegated to another Python": ({"delegate_to": "elsewhere"}, False),
    "delegated to a Python to be found": ({"delegate_to": "bare"}, False),
    "with an environment": ({"environment": {"K8S_AUTH_CONTEXT": "other"}}, False),
    "by another user": (
        {"become": True, "become_method": "ansible.builtin.sudo", "vars": {"ansible_become_exe": "{{ sudo }}"}},
        False,
    ),
    "in the background": ({"async": 60, "poll": 1}, False),
    "with an option that there is not": ({MODULE: {**ARGUMENTS, "nmae": "a"}}, False),
    "with a date": ({MODULE: {**ARGUMENTS, "annotations": {"made": datetime.date(2026, 1, 1)}}}, False),
    "with a proxy": ({MODULE: {**ARGUMENTS, "proxy": "http://127.0.0.1:2"}}, False),
}


class Ran(NamedTuple):
    here: bool
    result: dict[str, Any]


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def play(folder: Path, tasks: dict[str, dict[str, Any]], **environment: str) -> dict[str, Ran]:
    """Run tasks in one playbook, away from its folder: their results, and whether Ansible started processes for them."""
    answers = folder / "answers.json"
    variables = {
        "python": script(folder / "python", f'exec {sys.executable} "$@"'),
        # a stand-in for sudo: it becomes nobody else
        "sudo": script(folder / "sudo", 'while [ "$1" != /bin/sh ]; do shift; done; exec "$@"'),
    }
    registered = [
        {"name": name, MODULE: ARGUMENTS, **keywords, "register": f"task_{number}", "ignore_errors": True}
        for number, (name, keywords) in enumerate(tasks.items())
    ]
    names = ", ".join(f"task_{number}" for number in range(len(tasks)))
    save = {"ansible.builtin.copy": {"content": f"{{{{ [{names}] | to_json }}}}", "dest": str(answers)}, "no_log": True}
    book = {"hosts": "localhost", "gather_facts": False, "tasks": [*registered, save], "vars": variables}
    bare = {"ansible_connection": "local"}
    local = {**bare, "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    elsewhere = {**bare, "ansible_python_interpreter": variables["python"]}
    hosts = {"localhost": local, "elsewhere": elsewhere, "bare": bare}
    for path, content in {"play.yml": [book], "hosts.yml": {"all": {"hosts": hosts}}, "access.yml": KUBECONFIG}.items():
        (folder / path).write_text(yaml.safe_dump(content))
    (folder / "connection_plugins").mkdir(exist_ok=True)
    (folder / "connection_plugins" / "elsewhere.py").write_text(CONNECTION)
    away = folder / "away"
    away.mkdir(exist_ok=True)
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-vvv", "-i", folder / "hosts.yml", folder / "play.yml"],
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        cwd=away,
    )
    output = done.stdout + done.stderr
    # "errantly": Ansible's word for what a process prints past it
    assert done.returncode == 0 and "errantly" not in output, output[-3000:]
    said = dict(re.findall(r"^TASK \[(.*?)\] \*+\n(.*?)(?=^TASK |^PLAY RECAP)", done.stdout, re.M | re.S))
    results = json.loads(answers.read_text())
    return {name: Ran(" EXEC " not in said[name], result) for name, result in zip(tasks, results, strict=True)}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ran]]:
    """Every task of the table."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never answers
        address = {"silent": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        tasks = {
            name: {**keywords, "vars": {**address, **keywords.get("vars", {})}} for name, (keywords, _) in TASKS.items()
        }
        yield play(tmp_path_factory.mktemp("play"), tasks)


@pytest.mark.parametrize("name", TASKS)
def test_where_a_task_runs(ran: dict[str, Ran], name: str) -> None:
    assert ran[name].here is TASKS[name][1], ran[name].result


# What Ansible adds to what a process printed, and what it leaves out of no_log's result.
ADDED = {"ansible_facts", "async_dir", "ansible_job_id", "finished", "results_file", "started", "stderr", "stdout"}
ADDED |= {"stderr_lines", "stdout_lines"}


@pytest.mark.parametrize(
    "name",
    [
        "with defaults of the play",
        "by another Python",
        "delegated to another Python",
        "delegated to this host",
        "with a relative path",
        "by choice",
        "on another machine",
        "by another user",
        "in the background",
    ],
)
def test_it_says_the_same_everywhere(ran: dict[str, Ran], name: str) -> None:
    expected, found = (
        {key: value for key, value in ran[case].result.items() if key not in ADDED} for case in ("as it is", name)
    )
    assert "Cannot reach the Kubernetes API" in found["msg"] and found["failed"] and found["changed"] is False
    assert found == expected


def test_each_item_of_a_loop_has_its_result(ran: dict[str, Ran]) -> None:
    results = ran["in a loop"].result["results"]
    assert [(item["item"], item["failed"]) for item in results] == [("a", True), ("b", True)]


def test_ansible_words_what_is_wrong_with_an_option(ran: dict[str, Ran]) -> None:
    assert "Unsupported parameters" in ran["with an option that there is not"].result["msg"]


def test_a_task_that_takes_too_long_ends(ran: dict[str, Ran]) -> None:
    result = ran["with too little time"].result
    assert result["failed"] and "imed out" in result["msg"] and "defect" not in result["msg"]


def test_whoever_keeps_modules_gets_modules(tmp_path: Path) -> None:
    assert not play(tmp_path, {"as it is": {}}, ANSIBLE_KEEP_REMOTE_FILES="1", ANSIBLE_REMOTE_TMP=str(tmp_path))[
        "as it is"
    ].here


def test_requests_are_not_in_ansibles_log(tmp_path: Path) -> None:
    ran = play(tmp_path, {"as it is": {"no_log": True}}, ANSIBLE_LOG_PATH=str(tmp_path / "log"))["as it is"]
    log = (tmp_path / "log").read_text()
    assert ran.here and "as it is" in log and "urllib3" not in log


def test_every_module_with_work_of_its_own_has_its_action() -> None:
    """The others are actions alone: their modules are documentation."""
    for path in PLUGINS.glob("modules/*.py"):
        if "\n@" in path.read_text():
            action = (PLUGINS / "action" / path.name).read_text()
            assert f"module = {path.stem}.main" in action and "InProcess" in action
