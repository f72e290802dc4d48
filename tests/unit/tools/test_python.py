# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tests/tools/python.sh: the interpreter that build/venv is made with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "python.sh"


def found(**variables: str) -> Path:
    answer = subprocess.run(
        [str(SCRIPT)], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    ).stdout
    return Path(answer.strip())


def test_a_virtual_environment_names_what_it_was_made_from() -> None:
    """Whoever rebuilds build/venv has it first on the PATH, and removes it before making it anew."""
    inside = Path(sys.executable).parent
    assert sys.prefix != sys.base_prefix, "this test runs in build/venv"
    for interpreter in (found(PATH=f"{inside}:{os.environ['PATH']}"), found(PYTHON=sys.executable)):
        assert interpreter.is_file()
        assert not interpreter.is_relative_to(sys.prefix)


def test_what_does_not_run_is_passed_over(tmp_path: Path) -> None:
    shim = tmp_path / "python3.14"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    assert found(PATH=f"{tmp_path}:{os.environ['PATH']}").parent != tmp_path
