# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the steps of a build: says when each starts and ends, keeps its log, shows that it progresses."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

PROGRESS_SECONDS = 30
LOG_TAIL_LINES = 12
LOG_LINE_LENGTH = 240


class ClusterError(Exception):
    """One sentence for the person at the terminal: what failed, why, what to do."""


class CommandError(ClusterError):
    """A command exited with an error."""


_print_lock = threading.Lock()
_running: set[subprocess.Popen[Any]] = set()
_stopping = threading.Event()


def say(line: str) -> None:
    """Print one line at once, whole even when several steps run side by side."""
    with _print_lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def duration(seconds: float) -> str:
    """Seconds as a person says them: '0.4 s', '42 s', '8 min 05 s'."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def stop_commands() -> None:
    """Kill the commands that still run and start no more, so that an interrupted build leaves none behind."""
    _stopping.set()
    for process in list(_running):
        _kill(process)


def _kill(process: subprocess.Popen[Any]) -> None:
    """Kill a command that still runs, and the programs that it started: it leads a process group of its own."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def guarded(argv: Sequence[str]) -> list[str]:
    """The command, made to die with this process where util-linux' setpriv can arrange that."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--", *argv] if setpriv else list(argv)


def last_line(log: Path) -> str:
    """The last line of a log that says something, shortened; '' for an empty log."""
    try:
        with log.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - 4096))
            tail = stream.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in tail.replace("\r", "\n").splitlines() if line.strip()]
    return lines[-1][:100] if lines else ""


def log_tail(log: Path, count: int = LOG_TAIL_LINES) -> str:
    """The last lines of a log, indented."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(f"      | {line[:LOG_LINE_LENGTH]}" for line in lines[-count:])


class Step:
    """One running step; its commands write to its log.

    Attributes:
        title: what the step does, as printed.
        log: the file that its commands' output goes to.
    """

    def __init__(self, title: str, log: Path, env: Mapping[str, str]) -> None:
        self.title = title
        self.log = log
        self.env = dict(env)

    def note(self, text: str) -> None:
        """Write a line to the step's log."""
        with self.log.open("a") as stream:
            stream.write(text.rstrip("\n") + "\n")

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str | IO[bytes] | None = None,
        stdout: IO[bytes] | None = None,
        timeout: float | None = None,
    ) -> None:
        """Run a command, its output in the log.

        Raises:
            CommandError: it could not be started, took longer than timeout seconds or exited non-zero.
        """
        words = [str(word) for word in argv]
        self.note("+ " + " ".join(words))
        with self.log.open("ab") as log:
            _execute(
                words,
                env={**self.env, **(env or {})},
                cwd=cwd,
                stdin=stdin,
                stdout=stdout or log,
                stderr=log,
                timeout=timeout,
            )

    def output(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str | None = None,
        timeout: float | None = None,
    ) -> str:
        """Run a command and return what it printed; its error output goes to the log."""
        words = [str(word) for word in argv]
        self.note("+ " + " ".join(words))
        with self.log.open("ab") as log:
            return _execute(
                words,
                env={**self.env, **(env or {})},
                cwd=cwd,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=log,
                timeout=timeout,
            )


def _execute(
    words: list[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None,
    stdin: str | IO[bytes] | None,
    stdout: IO[bytes] | int,
    stderr: IO[bytes],
    timeout: float | None,
) -> str:
    text = stdin.encode() if isinstance(stdin, str) else None
    source: IO[bytes] | int | None = subprocess.PIPE if text is not None else subprocess.DEVNULL
    if stdin is not None and not isinstance(stdin, str):
        source = stdin
    if _stopping.is_set():
        raise CommandError(f"{words[0]} was not started: the run is being stopped")
    try:
        process = subprocess.Popen(
            guarded(words), env=dict(env), cwd=cwd, stdin=source, stdout=stdout, stderr=stderr, start_new_session=True
        )
    except OSError as error:
        raise CommandError(f"{words[0]} could not be started: {error.strerror or error}") from error
    _running.add(process)
    try:
        printed, _errors = process.communicate(text, timeout)
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{_called(words)} did not end within {duration(timeout or 0)}") from error
    finally:
        _kill(process)
        process.wait()
        _running.discard(process)
    if process.returncode != 0:
        raise CommandError(f"{_called(words)} exited with {process.returncode}")
    return printed.decode(errors="replace") if printed is not None else ""


def _called(words: Sequence[str]) -> str:
    """The command as an error names it: the program and its first word."""
    return " ".join([Path(words[0]).name, *words[1:2]])


class Steps:
    """Starts steps and reports on them."""

    def __init__(self, logs: Path, env: Mapping[str, str] | None = None) -> None:
        self.logs = logs
        self.env = dict(os.environ if env is None else env)

    @contextmanager
    def step(self, title: str, log: str) -> Iterator[Step]:
        """A step with its start and end lines; the log named so is begun anew.

        Raises:
            ClusterError: whatever failed in the step, with the step's title and its log.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        step = Step(title, self.logs / f"{log}.log", self.env)
        step.log.write_text("")
        say(f"==> {title}")
        began = time.monotonic()
        ended = threading.Event()
        watcher = threading.Thread(target=_report_progress, args=(step, began, ended), daemon=True)
        watcher.start()
        try:
            yield step
        except (ClusterError, OSError) as error:
            raise _failure(step, error, time.monotonic() - began) from error
        finally:
            ended.set()
        say(f" ok  {title} ({duration(time.monotonic() - began)})")


def _report_progress(step: Step, began: float, ended: threading.Event) -> None:
    while not ended.wait(PROGRESS_SECONDS):
        say(f" ..  {step.title}: {duration(time.monotonic() - began)}, {last_line(step.log)}")


def _failure(step: Step, error: Exception, seconds: float) -> ClusterError:
    tail = log_tail(step.log)
    parts = [f"{step.title} failed after {duration(seconds)}: {error}"]
    if tail:
        parts.append(f"    the end of its log {step.log}:\n{tail}")
    return ClusterError("\n".join(parts))


def side_by_side(*lanes: Callable[[], object]) -> None:
    """Run lanes in parallel; the first failure stops the others' commands and is raised."""
    with ThreadPoolExecutor(max_workers=max(1, len(lanes))) as pool:
        futures = [pool.submit(lane) for lane in lanes]
        try:
            done, pending = wait(futures, return_when=FIRST_EXCEPTION)
        except BaseException:
            stop_commands()
            raise
        failed = [future for future in done if future.exception()]
        if failed and pending:
            stop_commands()
    for future in failed:
        future.result()
