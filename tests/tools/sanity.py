# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test sanity --venv`` in the mirror, where only package registries can be reached.

ansible-test would download get-pip.py; a bootstrap of the same name that uses the interpreter's own ensurepip does.
It lives under a home of its own (build/sanity-home): the user's ~/.ansible stays as it is.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from ansible_test._internal import python_requirements

HOME = Path(os.environ["MODELSERVING_CHECKOUT"]) / "build" / "sanity-home"

# What the target runs; ruff and mypy look after tests/.
CONTENT = ("plugins/", "meta/", "playbooks/", "roles/")

BOOTSTRAP = """\
import re, runpy, sys
import ensurepip
# get-pip.py installs what it is asked for; ensurepip puts pip there, and pip then does the asking.
arguments = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
ensurepip.bootstrap(upgrade=False)
sys.argv = ["pip", "install", *arguments]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def write_bootstraps() -> None:
    """One bootstrap for each pip version that this ansible-test may ask for."""
    source = Path(python_requirements.__file__).read_text()
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in set(re.findall(r"['=\"](\d+\.\d+(?:\.\d+)?)['\"]", source)):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(BOOTSTRAP)


def main() -> int:
    """Exit with ansible-test's status."""
    write_bootstraps()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = ["ansible-test", "sanity", "--venv", "--python", python, "--color", "no", *(sys.argv[1:] or CONTENT)]
    return subprocess.run(command, env={**os.environ, "HOME": str(HOME)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
