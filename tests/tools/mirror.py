# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mirror the checkout to build/collections/ansible_collections/modelserving/kserve and put kubernetes.core beside it.

ansible-test refuses a symlinked collection, so the mirror is a copy; only files whose content differs are written,
so that their times, and what caches by them, stay.
"""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COLLECTIONS = ROOT / "build" / "collections" / "ansible_collections"
LOCK = ROOT / "tests" / "requirements" / "collections.txt"


def checkout_files() -> list[Path]:
    """Every file of the work tree that git does not ignore, relative to the root."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
    ).stdout.decode()
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


def mirror(files: list[Path], target: Path) -> None:
    """Make *target* hold exactly *files*, rewriting only what differs."""
    wanted = {target / name for name in files}
    for name in files:
        destination = target / name
        if destination.is_file() and filecmp.cmp(ROOT / name, destination, shallow=False):
            continue
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, destination)
    for stale in [path for path in target.rglob("*") if path.is_file() and path not in wanted]:
        if not {"output", ".git"} & set(stale.relative_to(target).parts):  # ansible-test's results, our marker
            stale.unlink()


def make_root(target: Path) -> None:
    """A repository of its own: under the checkout's, ansible-test and ansible-lint would find every file ignored."""
    if not (target / ".git").is_dir():
        subprocess.run(["git", "init", "--quiet", str(target)], check=True)


def add_kubernetes_core(collections: Path = COLLECTIONS, lock: Path = LOCK) -> None:
    """Unpack kubernetes.core out of the locked `ansible` package, once per lock file."""
    target = collections / "kubernetes" / "core"
    stamp = target.parent / ".lock"
    if stamp.is_file() and stamp.read_bytes() == lock.read_bytes():
        return
    print("collections: fetching kubernetes.core (inside the `ansible` package)", flush=True)
    with tempfile.TemporaryDirectory(dir=collections) as scratch:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
            + ["--requirement", str(lock), "--dest", scratch],
            check=True,
        )
        (wheel,) = Path(scratch).glob("ansible-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            prefix = "ansible_collections/kubernetes/core/"
            archive.extractall(scratch, [name for name in archive.namelist() if name.startswith(prefix)])
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        (Path(scratch) / prefix).rename(target)
    stamp.write_bytes(lock.read_bytes())


if __name__ == "__main__":
    COLLECTIONS.mkdir(parents=True, exist_ok=True)
    mirror(checkout_files(), COLLECTIONS / "modelserving" / "kserve")
    make_root(COLLECTIONS / "modelserving" / "kserve")
    add_kubernetes_core()
