# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The step runner: what it prints, what it keeps, what it leaves running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster import steps
from cluster.steps import ClusterError, CommandError, Steps, duration, last_line, side_by_side


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.9, "9.9 s"), (42.4, "42 s"), (60, "1 min 00 s"), (485, "8 min 05 s")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_step_says_when_it_starts_and_how_long_it_took(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Steps(tmp_path).step("bake bread", "bread") as step:
        step.run(["echo", "rising"])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "==> bake bread"
    assert re.fullmatch(r" ok  bake bread \(\d\.\d s\)", printed[1])
    assert (tmp_path / "bread.log").read_text() == "+ echo rising\nrising\n"


def test_a_long_step_shows_that_it_progresses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "PROGRESS_SECONDS", 0.05)
    with Steps(tmp_path).step("bake bread", "bread") as step:
        step.run(["sh", "-c", "echo kneading; sleep 0.4"])
    assert re.search(r"^ \.\.  bake bread: 0\.\d s, kneading$", capsys.readouterr().out, re.MULTILINE)


def test_a_failed_step_names_itself_the_cause_and_its_log(tmp_path: Path) -> None:
    with (
        pytest.raises(ClusterError, match=r"bake bread failed after .*: sh -c exited with 3") as caught,
        Steps(tmp_path).step("bake bread", "bread") as step,
    ):
        step.run(["sh", "-c", "echo the oven is cold >&2; exit 3"])
    assert str(tmp_path / "bread.log") in str(caught.value)
    assert "| the oven is cold" in str(caught.value)


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ClusterError), Steps(tmp_path).step("bake", "bake") as step:
        step.run(["/nowhere/oven"])


def test_output_and_stdin(tmp_path: Path) -> None:
    with Steps(tmp_path).step("echo", "echo") as step:
        assert step.output(["cat"], stdin="dough") == "dough"
        assert step.output(["sh", "-c", 'printf "$LOAF"'], env={"LOAF": "rye"}) == "rye"


def test_a_command_past_its_time_is_killed(tmp_path: Path) -> None:
    began = time.monotonic()
    with Steps(tmp_path).step("sleep", "sleep") as step, pytest.raises(CommandError, match="did not end within 0.2 s"):
        step.run(["sleep", "30"], timeout=0.2)
    assert time.monotonic() - began < 10


def test_the_first_failing_lane_stops_the_others(tmp_path: Path) -> None:
    runner = Steps(tmp_path)

    def long() -> None:
        with runner.step("long", "long") as step:
            step.run(["sleep", "60"])

    def failing() -> None:
        with runner.step("failing", "failing") as step:
            step.run(["sh", "-c", "sleep 0.3; exit 1"])

    began = time.monotonic()
    with pytest.raises(ClusterError, match="failing failed"):
        side_by_side(long, failing)
    assert time.monotonic() - began < 20


def test_lanes_run_side_by_side() -> None:
    done: list[str] = []
    side_by_side(lambda: done.append("one"), lambda: done.append("two"))
    assert sorted(done) == ["one", "two"]


@pytest.mark.parametrize(("text", "line"), [("", ""), ("a\nb\n\n", "b"), ("10%\r20%\r", "20%"), ("x" * 200, "x" * 100)])
def test_last_line(tmp_path: Path, text: str, line: str) -> None:
    log = tmp_path / "log"
    log.write_text(text)
    assert last_line(log) == line


def test_a_killed_run_takes_its_commands_along(tmp_path: Path) -> None:
    """kill -9 of the run must not leave a compile behind."""
    if steps.guarded(["true"]) == ["true"]:
        pytest.skip("util-linux' setpriv is not installed")
    pid_file = tmp_path / "pid"
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from cluster.steps import Steps\n"
        "with Steps(Path(sys.argv[2])).step('sleep', 'sleep') as step:\n"
        f"    step.run(['sh', '-c', 'echo $$ > {pid_file}; exec sleep 60'])\n"
    )
    tests = str(Path(steps.__file__).resolve().parents[1])
    run = subprocess.Popen([sys.executable, "-c", program, tests, str(tmp_path)], stdout=subprocess.DEVNULL)
    sleeper = _await_pid(pid_file)
    run.kill()
    run.wait()
    assert _is_gone(sleeper)


def _await_pid(path: Path) -> int:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if path.exists() and path.read_text().strip():
            return int(path.read_text())
        time.sleep(0.05)
    raise AssertionError("the command never started")


def _is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    return False


def test_an_interrupted_command_takes_its_children_along(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with Steps(tmp_path).step("sleep", "sleep") as step, pytest.raises(CommandError):
        step.run(["sh", "-c", f"sleep 60 & echo $! > {pid_file}; wait"], timeout=0.5)
    assert _is_gone(_await_pid(pid_file))
