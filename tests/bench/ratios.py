# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measuring side by side and printing ratios, with the target that each has to meet."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
FACTS = Path(os.environ.get("MODELSERVING_CLUSTER", BUILD / "cluster.json"))


@dataclass
class Report:
    """What was measured; prints as it goes."""

    sizes: list[int]
    repeat: int
    missed: list[str] = field(default_factory=list)

    def title(self, text: str) -> None:
        """Begin a table."""
        print(f"\n{text}", flush=True)

    def ratio(self, what: str, value: float, target: float | None = None) -> None:
        """One ratio; *target*: the least that it has to be."""
        verdict = "" if target is None else f"   target >= {target:g}: {'met' if value >= target else 'MISSED'}"
        print(f"  {what:<86} {value:>8.2f}x{verdict}", flush=True)
        if target is not None and value < target:
            self.missed.append(what)

    def count(self, what: str, value: int, expected: int | None = None) -> None:
        """One number of requests; *expected*: what it has to be."""
        verdict = "" if expected is None else f"   expected {expected}: {'met' if value == expected else 'MISSED'}"
        print(f"  {what:<86} {value:>9}{verdict}", flush=True)
        if expected is not None and value != expected:
            self.missed.append(what)

    def note(self, text: str) -> None:
        """A line beside the numbers."""
        print(f"  {text}", flush=True)

    def finish(self) -> int:
        """The exit status, after a last line."""
        print(f"\n{len(self.missed)} targets missed" + "".join(f"\n  {what}" for what in self.missed), flush=True)
        return 1 if self.missed else 0


def median_times(
    actions: Mapping[str, Callable[[], None]],
    repeat: int,
    *,
    before: Callable[[], None] | None = None,
    once: Sequence[str] = (),
) -> dict[str, float]:
    """The median seconds of each action, in rounds, so that a slow moment of the machine meets all of them alike.

    before: what brings the cluster to the state that each action starts from, not counted; once: actions that take
    so long that one run is enough.
    """
    found: dict[str, list[float]] = {name: [] for name in actions}
    for round_number in range(repeat):
        for name, action in actions.items():
            if round_number and name in once:
                continue
            if before:
                before()
            start = time.perf_counter()
            action()
            found[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in found.items()}


def call(command: Sequence[str | Path], **variables: str) -> None:
    """Run a program; its output is shown only where it fails."""
    environment = {**os.environ, **variables}
    done = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")


def play(playbook: Path, kubeconfig: str) -> None:
    """Run a playbook on localhost with this interpreter and the mirrored collections."""
    collections = os.environ.get("ANSIBLE_COLLECTIONS_PATH", str(BUILD / "collections"))
    call(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "-c", "local", playbook]
        + ["-e", f"ansible_python_interpreter={sys.executable}"],
        ANSIBLE_CONFIG=str(ROOT / "tests" / "ansible.cfg"),
        ANSIBLE_COLLECTIONS_PATH=collections,
        K8S_AUTH_KUBECONFIG=kubeconfig,
    )
