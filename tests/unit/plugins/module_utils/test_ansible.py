# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of every module: secrets, numbers, and what a failure returns."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.modelserving.kserve.plugins.module_utils.ansible import Module, Session, module
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config

ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str"},
    "containers": {"type": "list", "elements": "dict"},
    "runtimes": {"type": "list", "elements": "dict"},
    "worker_spec": {"type": "dict", "aliases": ["workerSpec"]},
    "workers": {"type": "int", "default": 8},
    "wait_timeout": {"type": "float", "default": 600.0},
}
KUBECONFIG = {
    "current-context": "one",
    "clusters": [{"name": "one", "cluster": {"server": "https://one.invalid"}}],
    "users": [{"name": "ann", "user": {"token": "sesame-open"}}],
    "contexts": [{"name": "one", "context": {"cluster": "one", "user": "ann"}}],
}


def exits(session: Session) -> None:
    session.exit(changed=False)


def printed(main: Module, options: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The result of a module in a process of its own, as with -vvv."""
    with patch_module_args({"_ansible_inject_invocation": True, **options}), pytest.raises(SystemExit):
        main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


# Where Module.here may answer None: options that AnsibleModule refuses, and proxies.
LEFT_TO_A_PROCESS = {
    "test_a_refused_task_shows_no_secret_either",
    "test_text_where_a_structure_belongs_is_not_shown",
    "test_options_of_a_wrong_type_are_refused_and_nothing_else",
    "test_credentials_in_the_environment",
    "test_wrong_ways_to_the_cluster_are_the_users",
    "test_a_proxys_password_is_not_in_its_sentence",
}


@pytest.fixture(params=["in a process of its own", "here"])
def run(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """A module with these options whose work is the given function; its result, as with -vvv."""

    def call(work: Callable[[Session], None] = exits, *, cluster: bool = True, **options: Any) -> dict[str, Any]:
        main = module(ARGUMENTS, cluster=cluster)(work)
        result = None
        if request.param == "here":
            given = json.loads(json.dumps(options))
            result = main.here(given, check_mode=False, diff_mode=False, invocation=True, verbose=True)
            assert result is not None or request.node.originalname in LEFT_TO_A_PROCESS
        return printed(main, options, capsys) if result is None else result

    return call


Run = Callable[..., dict[str, Any]]


def container(**variables: Any) -> dict[str, Any]:
    return {"name": "c", "env": [{"name": name, "value": value} for name, value in variables.items()]}


# -- secrets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("work", [exits, lambda session: session.fail("no"), lambda session: 1 / 0])
def test_variables_that_are_secret_are_not_in_the_invocation(run: Run, work: Callable[[Session], None]) -> None:
    result = run(work, containers=[container(API_PASSWORD="hunter2", PIN_TOKEN="1", LOG_LEVEL="debug")])
    variables = result["invocation"]["module_args"]["containers"][0]["env"]
    assert [variable["value"] for variable in variables] == ["[redacted]", "[redacted]", "debug"]


def test_a_refused_task_shows_no_secret_either(run: Run) -> None:
    result = run(containers=[container(API_PASSWORD="hunter2")], workers="many")
    assert "workers" in result["msg"] and "hunter2" not in json.dumps(result)


def test_a_message_that_quotes_a_long_secret_loses_it(run: Run) -> None:
    result = run(
        lambda session: session.fail("Invalid value: correct-horse"),
        containers=[container(DB_PASSWORD="correct-horse")],
    )
    assert "correct-horse" not in result["msg"] and result["msg"].startswith("Invalid value: ")


@pytest.mark.parametrize("value", ["1", "true", "short"])
def test_a_short_secret_does_not_blank_the_result(run: Run, value: str) -> None:
    said = f"a short result: 1 true {value}"
    assert run(lambda session: session.exit(said=said), containers=[container(A_TOKEN=value)])["said"] == said


def test_what_the_task_says_openly_too_is_no_secret(run: Run) -> None:
    result = run(
        lambda session: session.exit(results=[session.params["name"]]),
        name="triton-runtime",
        containers=[container(A_TOKEN="triton-runtime")],
    )
    assert result["results"] == ["triton-runtime"]


CONTAINERS_AS_TEXT = json.dumps([container(A_TOKEN="correct-'-horse")])


@pytest.mark.parametrize(
    "options",
    [
        {"runtimes": CONTAINERS_AS_TEXT},
        {"runtimes": [CONTAINERS_AS_TEXT]},
        {"containers": CONTAINERS_AS_TEXT[:-3]},
        {"worker_spec": CONTAINERS_AS_TEXT},
        {"workerSpec": CONTAINERS_AS_TEXT},
        {"runtimes": [{"name": "a", "containers": CONTAINERS_AS_TEXT}]},
        {"runtimes": [{"name": "a", "workerSpec": {"containers": CONTAINERS_AS_TEXT}}]},
        {"containers": [{"name": "c", "env": "A_TOKEN=correct-'-horse"}]},
        {"containers": [{"name": "c", "env": ["A_TOKEN=correct-'-horse"]}]},
    ],
)
def test_text_where_a_structure_belongs_is_not_shown(run: Run, options: dict[str, Any]) -> None:
    def quoting(session: Session) -> None:
        session.fail(f"must be a list, not {_innermost(options)!r}")

    result = run(quoting, **options)
    assert result["failed"] and "horse" not in json.dumps(result)
    assert result["invocation"]["module_args"]["workers"] == 8


def _innermost(value: Any) -> str:
    while not isinstance(value, str):
        value = list(value.values() if isinstance(value, dict) else value)[-1]
    return value


def test_text_without_a_value_is_shown(run: Run) -> None:
    result = run(lambda session: session.fail("not 'A_VARIABLE'"), containers=[{"name": "c", "env": ["A_VARIABLE"]}])
    assert result["msg"] == "not 'A_VARIABLE'"
    assert result["invocation"]["module_args"]["containers"][0]["env"] == ["A_VARIABLE"]


def test_an_inline_kubeconfig_is_kept_secret_before_anything_is_connected(run: Run) -> None:
    result = run(lambda session: session.fail("too early"), kubeconfig=KUBECONFIG)
    assert "sesame-open" not in json.dumps(result)
    assert "one.invalid" in json.dumps(result)


def test_credentials_in_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_API_KEY", "tok")
    monkeypatch.setenv("K8S_AUTH_PROXY", "http://ann:let-me-in@proxy.invalid")
    result = run(lambda session: session.fail("tok at http://ann:let-me-in@proxy.invalid"))
    assert "tok" not in result["msg"] and "let-me-in" not in result["msg"]


def test_options_of_a_wrong_type_are_refused_and_nothing_else(run: Run) -> None:
    result = run(kubeconfig=["a"], proxy_headers="x", api_key={"a": "b"}, workers="x")
    assert result["failed"] and "exception" not in result


def test_nothing_of_it_reaches_the_system_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []

    def log(self: AnsibleModule, msg: str, log_args: dict[str, Any] | None = None) -> None:
        logged.append(f"{msg} {log_args}")

    monkeypatch.setattr(AnsibleModule, "log", log)
    options = {"containers": [container(API_PASSWORD="hunter2", LOG_LEVEL="debug")], "kubeconfig": KUBECONFIG}
    printed(module(ARGUMENTS)(exits), options, capsys)
    assert "debug" in logged[0]
    assert "hunter2" not in str(logged) and "sesame-open" not in str(logged)


# -- numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"workers": 0}, "workers: must be 1 or more, not 0"),
        ({"workers": -3}, "workers: must be 1 or more, not -3"),
        ({"request_timeout": 0}, "request_timeout: must be more than 0 seconds, not 0"),
        ({"request_timeout": "inf"}, "request_timeout: must be more than 0 seconds, not inf"),
        ({"wait_timeout": -0.5}, "wait_timeout: must be 0 or more, not -0.5"),
        ({"wait_timeout": "nan"}, "wait_timeout: must be 0 or more, not nan"),
    ],
)
def test_numbers_with_which_nothing_can_be_done(run: Run, options: dict[str, Any], sentence: str) -> None:
    assert run(**options)["msg"] == sentence


def test_numbers_that_mean_at_once(run: Run) -> None:
    assert not run(wait_timeout=0, workers=1, request_timeout=0.5).get("failed")


# -- reaching the cluster -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"proxy": "nonsense"}, "The proxy nonsense"),
        ({"proxy": "ftp://somewhere"}, "The proxy ftp://somewhere"),
        ({"ca_cert": "/no/such/ca.crt"}, "ca_cert: /no/such/ca.crt"),
        ({"client_cert": "/no/such/c.crt", "client_key": "/no/such/c.key"}, "client_cert: /no/such/c.crt"),
    ],
)
def test_wrong_ways_to_the_cluster_are_the_users(run: Run, options: dict[str, Any], words: str) -> None:
    result = run(lambda session: session.client.version(), host="https://127.0.0.1:1", api_key="open-sesame", **options)
    assert result["failed"] and result["msg"].startswith(words)
    assert "exception" not in result and "\n" not in result["msg"]


@pytest.mark.skipif(not config.HAS_KUBERNETES, reason="the library is needed for proxies")
def test_a_proxys_password_is_not_in_its_sentence(run: Run) -> None:
    result = run(
        lambda session: session.client.version(),
        host="https://127.0.0.1:1",
        api_key="open-sesame",
        proxy="ftp://ann:let-me-in@somewhere",
    )
    assert "let-me-in" not in json.dumps(result)


# -- what a failure returns ---------------------------------------------------------------------------------------


def test_a_failure_returns_what_is_known_when_it_happens(run: Run) -> None:
    done: list[str] = []

    def work(session: Session) -> None:
        session.partial = lambda: {"changed": bool(done), "results": done}
        done.append("a")
        raise KeyError("late")

    result = run(work)
    assert "defect of its own (KeyError: 'late')" in result["msg"]
    assert (result["changed"], result["results"]) == (True, ["a"])


def test_a_defect_in_the_telling_does_not_hide_the_first(run: Run) -> None:
    def work(session: Session) -> None:
        session.partial = lambda: {"never": 1 // 0}
        raise KeyError("late")

    assert "KeyError: 'late'" in run(work)["msg"]


def test_values_that_json_does_not_know(run: Run) -> None:
    result = run(lambda session: session.exit(days=[datetime.date(2026, 1, 1)], names={"a"}, pair=("a", 1)))
    assert (result["days"], result["names"], result["pair"]) == (["2026-01-01"], ["a"], ["a", 1])


# -- in a process that goes on ------------------------------------------------------------------------------------


def here(work: Callable[[Session], None] = exits, *, verbose: bool = False, **options: Any) -> dict[str, Any] | None:
    return module(ARGUMENTS)(work).here(options, check_mode=True, diff_mode=True, invocation=verbose, verbose=verbose)


def test_a_session_is_told_how_it_runs() -> None:
    def work(session: Session) -> None:
        session.warn("twice")
        session.warn("twice")
        session.exit(changed=True, modes=(session.check_mode, session.diff_mode), given=session.given)

    result = here(work, name=7)
    assert result == {"changed": True, "modes": [True, True], "given": {"name": 7}, "warnings": ["twice"]}


@pytest.mark.parametrize(
    "options",
    [
        {"workers": "many"},
        {"nmae": "a"},
        {"workerSpec": {}, "worker_spec": {}},  # AnsibleModule warns
    ],
)
def test_what_is_wrong_with_options_is_left_to_ansible(options: dict[str, Any]) -> None:
    assert here(lambda _session: pytest.fail("it ran"), **options) is None


@pytest.mark.parametrize(
    "access", [{"host": "https://h", "api_key": "k"}, {"host": "http://h", "api_key": "k", "proxy": "http://p"}]
)
def test_what_needs_the_library_is_left_to_a_process_of_its_own(access: dict[str, Any]) -> None:
    assert here(lambda session: session.exit(changed=bool(session.client)), **access) is None


def test_warnings_are_shown_however_the_work_ends() -> None:
    def work(session: Session) -> None:
        warnings: list[str] = []
        with session.telling(warnings):
            warnings.append("mind the gap")
            raise KeyError("late")

    result = here(work)
    assert result is not None and "KeyError: 'late'" in result["msg"] and result["warnings"] == ["mind the gap"]


def test_a_defect_keeps_its_traceback_for_those_who_ask() -> None:
    def work(_session: Session) -> None:
        raise KeyError("late")

    for verbose in (True, False):
        result = here(work, verbose=verbose)
        assert result is not None and result["failed"] and ("exception" in result) is verbose
        assert ("invocation" in result) is verbose
