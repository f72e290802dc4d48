# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run test suites one after another and count what ran: ``suites.py standard | full | NAME ...``.

The local cluster comes up in the background while the suites that need none run. The last line is
``N passed, N failed, N skipped``; a suite that could not start, or that ran nothing, counts as failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LOGS = BUILD / "logs"
MIRROR = BUILD / "collections" / "ansible_collections" / "modelserving" / "kserve"
TAIL = 80


@dataclass(frozen=True)
class Suite:
    """One command. A pytest suite counts its tests, any other counts as one."""

    name: str
    command: tuple[str, ...]
    directory: Path = ROOT
    cluster: str | None = None  # the name of the local cluster it needs
    only_full: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def counts_tests(self) -> bool:
        return "pytest" in self.command


@dataclass(frozen=True)
class Cluster:
    """A local cluster that suites share: options of tests/cluster."""

    name: str
    workers: int = 0
    kserve_version: str = "v0.20.0"
    keep: bool = False

    @property
    def facts(self) -> Path:
        return BUILD / ("cluster.json" if self.name == "modelserving" else f"cluster-{self.name}.json")

    def command(self, verb: str) -> subprocess.Popen[bytes]:
        options = {"CLUSTER": self.name, "WORKERS": str(self.workers), "KSERVE_VERSION": self.kserve_version}
        log = (LOGS / f"cluster-{self.name}-{verb}.log").open("wb")
        command = [sys.executable, "tests/cluster", verb]
        return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **options}, stdout=log, stderr=subprocess.STDOUT)


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: Count) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def _pytest(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "pytest", "-q", *arguments)


def _integration(*topics: str) -> tuple[str, ...]:
    return _pytest(*(f"tests/integration/{topic}" for topic in topics))


KEEP = os.environ.get("KEEP", "1") == "1"

CLUSTERS = {
    "main": Cluster(os.environ.get("CLUSTER", "modelserving"), keep=KEEP),
    "nodes": Cluster("modelserving-nodes", workers=1),
    "baseline": Cluster("modelserving-baseline", kserve_version="v0.15.2"),
}

# Topics of tests/integration. Those of the second list look at a whole cluster, or start many servers: they come when
# the others have taken theirs away.
FIRST = ("admission", "catalogue", "migration", "packaging", "selection", "serving_runtime")
THEN = ("docs", "doctor", "formats", "inference_service", "report")

SUITES = (
    Suite("ruff", ("ruff", "check", ".")),
    Suite("format", ("ruff", "format", "--check", ".")),
    Suite(
        "types", ("mypy", "--config-file", "pyproject.toml", "-p", "ansible_collections.modelserving.kserve.plugins")
    ),
    Suite("yamllint", ("yamllint", "--strict", ".")),
    Suite("ansible-lint", ("ansible-lint", "--offline", "--profile", "production", "--strict"), MIRROR),
    Suite("changelog", ("antsibull-changelog", "lint"), MIRROR),
    Suite("sanity", (sys.executable, str(ROOT / "tests" / "tools" / "sanity.py")), MIRROR),
    Suite("unit", _pytest("tests/unit", "-n", "2")),
    Suite("molecule", ("molecule", "test", "--destroy", "never"), MIRROR, cluster="main"),
    Suite("integration", _integration(*FIRST), cluster="main"),
    Suite("services", _integration(*THEN), cluster="main"),
    Suite("nodes", _integration("gpu"), cluster="nodes"),
    Suite("oldest", _integration("oldest"), cluster="main", only_full=True),
    Suite("baseline", _integration("baseline"), cluster="baseline", only_full=True),
)


def environment_of(suite: Suite) -> dict[str, str]:
    """The variables a suite runs with; a cluster suite learns where its cluster is."""
    variables = {**os.environ, "PYTHONPATH": "", "MYPYPATH": str(BUILD / "collections"), **suite.environment}
    if suite.cluster:
        variables["MODELSERVING_CLUSTER"] = str(CLUSTERS[suite.cluster].facts)
    return variables


def run(suite: Suite) -> Count:
    """Run one suite, its output to a log; print how it ended and, where it failed, the end of the log."""
    log, results = LOGS / f"{suite.name}.log", LOGS / f"{suite.name}.xml"
    results.unlink(missing_ok=True)
    command = [*suite.command, *(["--junitxml", str(results)] if suite.counts_tests else [])]
    print(f"{suite.name}: started", flush=True)
    start = time.monotonic()
    with log.open("wb") as output:
        code = subprocess.run(
            command,
            cwd=suite.directory,
            env=environment_of(suite),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    count = counted(results, code) if suite.counts_tests else Count(passed=int(code == 0), failed=int(code != 0))
    print(f"{suite.name}: {count} in {time.monotonic() - start:.0f} s", flush=True)
    if count.failed:
        show_end(log)
    return count


def counted(results: Path, code: int) -> Count:
    """What pytest's report says; no report, or a bad exit that the report does not explain, is one failure."""
    if not results.is_file():
        return Count(failed=1)
    (suite,) = ElementTree.parse(results).getroot().iter("testsuite")
    total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    if code != 0 and failed == 0:
        failed = 1
    return Count(passed=max(0, total - skipped - failed), failed=failed, skipped=skipped)


def show_end(log: Path) -> None:
    """The last lines of a failed suite's log, and where the whole stands."""
    print(*log.read_text(errors="replace").splitlines()[-TAIL:], sep="\n")
    print(f"the whole log: {log}", flush=True)


def run_with_cluster(name: str, suites: list[Suite], coming: subprocess.Popen[bytes]) -> Count:
    """Wait for the cluster, run its suites, remove it unless it is to be kept."""
    cluster, total = CLUSTERS[name], Count()
    if coming.wait() != 0:
        print(f"cluster {cluster.name}: did not come up", flush=True)
        show_end(LOGS / f"cluster-{cluster.name}-up.log")
        return Count(failed=len(suites))
    for suite in suites:
        total.add(run(suite))
    if not cluster.keep and cluster.command("down").wait() != 0:
        print(f"cluster {cluster.name}: could not be removed", flush=True)
        show_end(LOGS / f"cluster-{cluster.name}-down.log")
        total.failed += 1
    return total


def chosen(names: list[str]) -> list[Suite]:
    """The suites that the words on the command line mean."""
    if names == ["standard"]:
        return [suite for suite in SUITES if not suite.only_full]
    if names == ["full"]:
        os.environ["MODELSERVING_FULL"] = "1"
        return list(SUITES)
    known = {suite.name: suite for suite in SUITES}
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        sys.exit(f"Unknown suite {' '.join(unknown) or '(none)'}: give standard, full, or some of {' '.join(known)}.")
    return [known[name] for name in names]


def main(names: list[str]) -> int:
    """Run the chosen suites; 0 if at least one test ran and none failed."""
    os.chdir(ROOT)
    LOGS.mkdir(parents=True, exist_ok=True)
    suites, total = chosen(names), Count()
    by_cluster: dict[str, list[Suite]] = {}
    for suite in suites:
        if suite.cluster:
            by_cluster.setdefault(suite.cluster, []).append(suite)
    waiting = list(by_cluster.items())
    coming = CLUSTERS[waiting[0][0]].command("up") if waiting else None
    try:
        for suite in suites:
            if not suite.cluster:
                total.add(run(suite))
        for name, members in waiting:
            coming = coming or CLUSTERS[name].command("up")
            total.add(run_with_cluster(name, members, coming))
            coming = None
    except KeyboardInterrupt:
        print("interrupted: the next run goes on where this one stopped", flush=True)
        total.failed += 1
    finally:
        if coming is not None and coming.poll() is None:
            coming.terminate()
            coming.wait()
    if total.passed + total.failed + total.skipped == 0:
        total.failed = 1
    print(total, flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
