# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make build/oldest: the oldest Python, ansible-core, kubernetes and kubernetes.core that the collection says it runs with.

tests/requirements/oldest.txt locks them. ``build/oldest/venv/bin`` has the commands, ``build/oldest/collections`` the
collection (the mirror's) and kubernetes.core.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import mirror

REQUIREMENTS = mirror.ROOT / "tests" / "requirements"
LOCK = REQUIREMENTS / "oldest.txt"
OLDEST = mirror.ROOT / "build" / "oldest"
COLLECTIONS = OLDEST / "collections" / "ansible_collections"


def make_environment() -> None:
    """Once per lock file; what was made halfway is made anew."""
    stamp = OLDEST / ".ready"
    if stamp.is_file() and stamp.read_bytes() == LOCK.read_bytes():
        return
    stamp.unlink(missing_ok=True)
    shutil.rmtree(OLDEST / "venv", ignore_errors=True)
    script = [str(mirror.ROOT / "tests" / "tools" / "python.sh"), "oldest"]
    python = subprocess.run(script, check=True, capture_output=True, text=True).stdout.strip()
    print(f"oldest: creating build/oldest/venv with {python}", flush=True)
    subprocess.run([python, "-m", "venv", "--without-pip", str(OLDEST / "venv")], check=True)
    install = [
        str(Path(sys.executable).parent / "uv"),
        "pip",
        "install",
        "--quiet",
        "--require-hashes",
        "-r",
        str(LOCK),
    ]
    subprocess.run([*install, "--python", str(OLDEST / "venv" / "bin" / "python")], check=True)
    stamp.write_bytes(LOCK.read_bytes())


def make_collections() -> None:
    """kubernetes.core of the time, and a link to the mirror, which `make collection` keeps up to date."""
    COLLECTIONS.mkdir(parents=True, exist_ok=True)
    mirror.add_kubernetes_core(COLLECTIONS, REQUIREMENTS / "oldest-collections.txt")
    link = COLLECTIONS / "modelserving"
    if not link.is_symlink():
        link.symlink_to(mirror.COLLECTIONS / "modelserving")


if __name__ == "__main__":
    OLDEST.mkdir(parents=True, exist_ok=True)
    make_environment()
    make_collections()
