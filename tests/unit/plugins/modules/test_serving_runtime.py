# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as a whole, without a cluster: its frame, its failures, its documentation."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import runtime_entries
from ansible_collections.modelserving.kserve.plugins.modules import serving_runtime

NOWHERE = {"host": "https://127.0.0.1:1", "api_key": "tok", "validate_certs": False, "request_timeout": 2}
SERVER = [{"name": "kserve-container", "image": "example/server:1"}]


def run(capsys: pytest.CaptureFixture[str], **options: Any) -> dict[str, Any]:
    with patch_module_args({**NOWHERE, **options}), pytest.raises(SystemExit):
        serving_runtime.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_text_is_read_as_it_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    formats = [{"name": "sklearn", "version": 1.10}]
    result = run(capsys, name="x", namespace="a", containers=SERVER, supported_model_formats=formats)
    assert result["failed"] and result["results"] == []
    assert result["msg"].startswith("spec.supportedModelFormats[0].version") and "quote it" in result["msg"]


def test_both_spellings(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, name="x", namespace="a", containers=SERVER, host_ipc=True, hostIPC=True)
    assert "is given twice" in result["msg"]


def test_no_cluster_is_one_sentence_and_not_an_absent_runtime(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, name="x", namespace="a", state="absent")
    assert result["failed"] and result["changed"] is False
    assert "Cannot reach the Kubernetes API" in result["msg"] and "\n" not in result["msg"]
    assert "tok" not in json.dumps(result["msg"])


class Console(BaseHTTPRequestHandler):
    """What stands at a console's URL, which a user took for the API's."""

    def answer(self) -> None:
        self.send_response(302)
        self.send_header("Location", "https://login.invalid/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PATCH = do_DELETE = answer  # noqa: N815

    def log_message(self, *arguments: Any) -> None: ...


@pytest.fixture
def console() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Console)
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("options", [{"state": "absent"}, {"containers": SERVER}])
def test_a_login_page_is_no_success(capsys: pytest.CaptureFixture[str], console: str, options: dict[str, Any]) -> None:
    result = run(capsys, **{"host": console, "name": "x", "namespace": "a", **options})
    assert result["failed"] and result["changed"] is False and result["results"] == []
    assert "no answer of the Kubernetes API" in result["msg"] and "exception" not in result


def test_where_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    assert "namespace: is required" in run(capsys, name="x", containers=SERVER)["msg"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "x"}, "namespace: is required"),
        ({"name": "x", "namespace_selector": " "}, "namespace_selector: is empty"),
        ({"name": "x", "namespace": "A"}, "namespace: is 'A'"),
        ({"name": "x", "runtimes": [{"name": "y"}], "namespace": "a"}, "runtimes: is given beside name"),
        ({"name": "x", "namespace": "a", "kserve_version": "new"}, "'new' is not a KServe version"),
    ],
)
def test_a_task_that_is_refused_as_a_whole_says_so_in_errors_too(
    capsys: pytest.CaptureFixture[str], options: dict[str, Any], words: str
) -> None:
    result = run(capsys, **options)
    assert result["errors"] == [result["msg"]] and words in result["msg"]
    assert (result["changed"], result["results"]) == (False, [])
    assert result["affected"] == {"moves": None, "restarts": None}


RUNTIMES = [{"name": "x", "containers": [{**SERVER[0], "env": [{"name": "HF_TOKEN", "value": "correct-horse"}]}]}]


@pytest.mark.parametrize(
    "options",
    [
        {"runtimes": json.dumps(RUNTIMES)},
        {"runtimes": [json.dumps(RUNTIMES[0])[:-1]]},
        {"runtimes": [{"name": "x", "containers": json.dumps(RUNTIMES[0]["containers"])}]},
        {"name": "x", "containers": json.dumps(RUNTIMES[0]["containers"])},
        {"name": "x", "worker_spec": json.dumps(RUNTIMES)},
        {"name": "x", "containers": [{**SERVER[0], "env": ["HF_TOKEN=correct-horse"]}]},
    ],
)
def test_a_template_that_made_text_of_a_list_prints_no_secret(
    capsys: pytest.CaptureFixture[str], options: dict[str, Any]
) -> None:
    result = run(capsys, namespace="a", _ansible_inject_invocation=True, **options)
    assert result["failed"] and result["invocation"]["module_args"]["namespace"] == "a"
    assert "correct-horse" not in json.dumps(result)


def test_namespaces_exclude_one_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert "mutually exclusive" in run(capsys, name="x", namespace="a", namespaces=["b"])["msg"]


@pytest.mark.parametrize("task", yaml.safe_load(serving_runtime.EXAMPLES.replace("!unsafe", "")))
def test_every_example_is_without_errors(task: dict[str, Any]) -> None:
    options = task.get("modelserving.kserve.serving_runtime")
    if options is None:
        return
    params = {"scope": "namespace", "state": "present", "kserve_version": "0.20.0", **options}
    for entry in runtime_entries.of_task(params, options):
        assert entry.errors == [], task["name"]


def test_the_documentation_names_the_options_and_their_defaults() -> None:
    documented = yaml.safe_load(serving_runtime.DOCUMENTATION)["options"]
    for name, option in documented.items():
        argument = serving_runtime.ARGUMENTS[name]
        for key in ("type", "choices", "elements", "default"):
            assert option.get(key) == argument.get(key), (name, key)
