# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real tasks of ansible-playbook: which run in Ansible's own process, and that they say the same as those that do not."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[4]
PLUGINS = ROOT / "plugins"
MODULE = "modelserving.kserve.serving_runtime"
# nobody listens there: the task ends with a sentence that only the module itself can have written
ARGUMENTS: dict[str, Any] = {
    "host": "http://127.0.0.1:1",
    "api_key": "k",
    "name": "a",
    "preset": "mlserver",
    "namespace": "a",
}

# what a task says besides -> whether it runs in Ansible's own process
TASKS: dict[str, tuple[dict[str, Any], bool]] = {
    "as it is": ({}, True),
    "with defaults of the play": (
        {
            MODULE: {"preset": "mlserver", "name": "a", "namespace": "a"},
            "module_defaults": {"group/modelserving.kserve.kserve": {"host": ARGUMENTS["host"], "api_key": "k"}},
        },
        True,
    ),
    "delegated to this host": ({"delegate_to": "localhost"}, True),
    "in a loop": ({MODULE: {**ARGUMENTS, "name": "{{ item }}"}, "loop": ["a", "b"]}, True),
    "without logs": ({"no_log": True}, True),
    "with too little time": ({MODULE: {**ARGUMENTS, "host": "{{ silent }}"}, "timeout": 2}, True),
    "by another Python": ({"vars": {"ansible_python_interpreter": "{{ python }}"}}, False),
    "delegated to another Python": ({"delegate_to": "elsewhere"}, False),
    "with an environment": ({"environment": {"K8S_AUTH_CONTEXT": "other"}}, False),
    "by another user": (
        {"become": True, "become_method": "ansible.builtin.sudo", "vars": {"ansible_become_exe": "{{ sudo }}"}},
        False,
    ),
    "in the background": ({"async": 60, "poll": 1}, False),
    "with an option that there is not": ({MODULE: {**ARGUMENTS, "nmae": "a"}}, False),
    "with a secret proxy": ({MODULE: {**ARGUMENTS, "proxy": "http://127.0.0.1:2"}}, False),
}


class Ran(NamedTuple):
    here: bool
    result: dict[str, Any]


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """Every task, in one playbook: its result, and whether Ansible started a process for it."""
    folder = tmp_path_factory.mktemp("play")
    answers = folder / "answers.json"
    silent = socket.create_server(("127.0.0.1", 0))  # takes connections, and never answers
    variables = {
        "silent": f"http://127.0.0.1:{silent.getsockname()[1]}",
        "python": script(folder / "python", f'exec {sys.executable} "$@"'),
        # a stand-in for sudo: it becomes nobody else
        "sudo": script(folder / "sudo", 'while [ "$1" != /bin/sh ]; do shift; done; exec "$@"'),
    }
    tasks = [
        {"name": name, MODULE: ARGUMENTS, **keywords, "register": f"task_{number}", "ignore_errors": True}
        for number, (name, (keywords, _here)) in enumerate(TASKS.items())
    ]
    names = ", ".join(f"task_{number}" for number in range(len(tasks)))
    save = {"ansible.builtin.copy": {"content": f"{{{{ [{names}] | to_json }}}}", "dest": str(answers)}, "no_log": True}
    book = folder / "play.yml"
    book.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [*tasks, save]}]))
    hosts = folder / "hosts.yml"
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    elsewhere = {**local, "ansible_python_interpreter": variables["python"]}
    hosts.write_text(
        yaml.safe_dump({"all": {"hosts": {"localhost": local, "elsewhere": elsewhere}, "vars": variables}})
    )
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-vvv", "-i", hosts, book],
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,
    )
    silent.close()
    output = done.stdout + done.stderr
    # "errantly": Ansible's word for what a process prints past it
    assert done.returncode == 0 and "errantly" not in output, output[-3000:]
    said = dict(re.findall(r"^TASK \[(.*?)\] \*+\n(.*?)(?=^TASK |^PLAY RECAP)", done.stdout, re.M | re.S))
    results = json.loads(answers.read_text())
    return {name: Ran(" EXEC " not in said[name], result) for name, result in zip(TASKS, results, strict=True)}


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


def test_every_module_with_work_of_its_own_has_its_action() -> None:
    """The others are actions alone: their modules are documentation."""
    for path in PLUGINS.glob("modules/*.py"):
        if "\n@" in path.read_text():
            action = (PLUGINS / "action" / path.name).read_text()
            assert f"module = {path.stem}.main" in action and "InProcess" in action
