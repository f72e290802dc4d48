# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo` from the point where the cluster is up: twice, the second time without a change."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.integration.serving_runtime import support

ROOT = Path(__file__).resolve().parents[3]


def test_the_demo_answers_and_its_second_run_changes_nothing() -> None:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    for _ in range(2):
        done = subprocess.run(
            [str(ROOT / "tests" / "demo" / "run")],
            env={**support.environment(), "PATH": path},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    recap = re.search(r"localhost +: ok=(\d+) +changed=(\d+) ", done.stdout)
    assert recap and int(recap[1]) > 10 and recap[2] == "0"
    for name in ("iris on seldon-mlserver-runtime", "digits on triton-runtime"):
        assert name in done.stdout
    answers = re.findall(r"sample \d is (\w+), says scikit-learn too: (\w+)", done.stdout)
    assert len(answers) == 10 and all(said == expected for said, expected in answers)
