# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Artefacts named by what goes into them: built in a scratch folder, published by one rename."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .steps import ClusterError, say

KEY_LENGTH = 16
GIGABYTES_AN_ARTEFACT = 3


def default_root() -> Path:
    """MODELSERVING_CACHE, or modelserving.kserve in the user's cache folder."""
    if chosen := os.environ.get("MODELSERVING_CACHE"):
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "modelserving.kserve"


def content_key(*inputs: object) -> str:
    """A short hash of inputs; a Path counts by its content (a folder: its files' names and contents)."""
    digest = hashlib.sha256()
    for item in inputs:
        digest.update(_content(item))
        digest.update(b"\0")
    return digest.hexdigest()[:KEY_LENGTH]


def _content(item: object) -> bytes:
    if isinstance(item, Path):
        return _folder(item) if item.is_dir() else hashlib.sha256(item.read_bytes()).digest()
    return json.dumps(item, sort_keys=True, default=str).encode()


def _folder(folder: Path) -> bytes:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return b"".join(str(path.relative_to(folder)).encode() + b"\0" + _content(path) for path in files)


def require_disk(folder: Path, gigabytes: int, purpose: str) -> None:
    """Refuse to begin what would end in a full disk.

    Raises:
        ClusterError: the file system of folder has less free.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free // 10**9
    if free < gigabytes:
        raise ClusterError(
            f"{purpose} needs {gigabytes} GB below {folder}, and {free} GB are free: make room, "
            "or name a folder on another disk by MODELSERVING_CACHE"
        )


class Cache:
    """A folder of artefacts, shared by every checkout of the user.

    Layout: artefacts/NAME-KEY/, tmp/NAME/ (being built), locks/NAME.lock, logs/.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_root()
        self.artefacts = self.root / "artefacts"
        self.scratch = self.root / "tmp"
        self.locks = self.root / "locks"
        self.logs = self.root / "logs"

    def path(self, name: str, key: str) -> Path:
        """Where the artefact lies, or will lie."""
        return self.artefacts / f"{name}-{key}"

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the lock of that name; say so when another process holds it and this one waits."""
        self.locks.mkdir(parents=True, exist_ok=True)
        with (self.locks / f"{name}.lock").open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f" ..  waiting for another run that holds the lock {name}")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def artefact(
        self, name: str, key: str, build: Callable[[Path], None], gigabytes: int = GIGABYTES_AN_ARTEFACT
    ) -> Path:
        """The artefact's folder, built by build(scratch folder) unless it is there already; that takes gigabytes.

        An interrupted build leaves only its scratch folder, which the next one clears. Older artefacts of the
        same name are removed once the new one is in place.
        """
        final = self.path(name, key)
        if final.is_dir():
            return final
        with self.lock(name):
            if not final.is_dir():
                require_disk(self.root, gigabytes, f"building {name}")
                self._build(name, final, build)
        return final

    def _build(self, name: str, final: Path, build: Callable[[Path], None]) -> None:
        scratch = self.fresh_scratch(name)
        build(scratch)
        final.parent.mkdir(parents=True, exist_ok=True)
        scratch.rename(final)
        self._prune(name, final)

    def fresh_scratch(self, name: str) -> Path:
        """An empty scratch folder; what an interrupted build left there goes first."""
        scratch = self.scratch / name
        remove_tree(scratch)
        scratch.mkdir(parents=True)
        return scratch

    def _prune(self, name: str, keep: Path) -> None:
        length = len(name) + 1 + KEY_LENGTH
        for other in self.artefacts.glob(f"{name}-*"):
            if other != keep and len(other.name) == length:
                remove_tree(other)


def mounts_below(folder: Path, table: str | None = None) -> list[Path]:
    """Mount points at or below a folder, the deepest first (table: the text of /proc/self/mounts)."""
    text = Path("/proc/self/mounts").read_text() if table is None else table
    points = [Path(line.split()[1].replace("\\040", " ")) for line in text.splitlines() if line.strip()]
    return sorted((point for point in points if point == folder or folder in point.parents), reverse=True)


def remove_tree(folder: Path) -> None:
    """Remove a folder; refuse while something is mounted in it, so that no other file system is emptied."""
    if not folder.exists():
        return
    if mounted := mounts_below(folder.resolve()):
        raise ClusterError(f"{mounted[0]} is still mounted: unmount it (umount {mounted[0]}), then run this again")
    shutil.rmtree(folder)
