# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner counts what ran, and never calls a run good that tested nothing."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import pytest

PATH = Path(__file__).resolve().parents[2] / "tools" / "suites.py"


@pytest.fixture
def suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("suites", PATH)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "suites", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "LOGS", tmp_path / "logs")
    monkeypatch.chdir(tmp_path)
    return module


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def run(suites: Any, monkeypatch: pytest.MonkeyPatch, *suite: Any) -> int:
    monkeypatch.setattr(suites, "SUITES", suite)
    return int(suites.main([item.name for item in suite]))


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1]


def test_commands_and_tests_are_counted_together(
    suites: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = tmp_path / "test_sample.py"
    tests.write_text(
        "import pytest\ndef test_a(): pass\ndef test_b(): assert 0\n@pytest.mark.skip\ndef test_c(): pass\n"
    )
    pytest_suite = suites.Suite("tests", (sys.executable, "-m", "pytest", "-q", "-c", os.devnull, str(tests)))
    assert run(suites, monkeypatch, suites.Suite("good", python("pass")), pytest_suite) == 1
    assert last_line(capsys) == "2 passed, 1 failed, 1 skipped"


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)"])
def test_a_failed_command_fails_the_run(
    suites: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    assert run(suites, monkeypatch, suites.Suite("bad", python(f"print('why'); {code}"))) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"


def test_the_end_of_a_failed_log_is_shown(
    suites: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(suites, monkeypatch, suites.Suite("bad", python("print('this is why'); raise SystemExit(1)")))
    assert "this is why" in capsys.readouterr().out


def test_no_test_is_a_failure(
    suites: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = suites.Suite("none", (sys.executable, "-m", "pytest", "-q", "-c", os.devnull, str(tmp_path)))
    assert run(suites, monkeypatch, empty) == 1
    assert last_line(capsys) == "0 passed, 1 failed, 0 skipped"


def test_suites_of_a_cluster_that_does_not_come_up_fail(
    suites: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(suites, "ROOT", tmp_path)  # there is no tests/cluster here, so `up` fails
    needy = suites.Suite("needy", python("raise SystemExit('must not run')"), cluster="main")
    assert run(suites, monkeypatch, needy, suites.Suite("good", python("pass"))) == 1
    out = capsys.readouterr().out
    assert "did not come up" in out
    assert out.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"


def test_unknown_suite_is_named(suites: Any) -> None:
    with pytest.raises(SystemExit, match="Unknown suite nonsense"):
        suites.main(["nonsense"])
