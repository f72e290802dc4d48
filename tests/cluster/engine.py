# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Podman with a configuration and a store of its own, apart from the user's."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .cache import Cache, require_disk
from .settings import IMAGE_PREFIX
from .steps import CommandError, Step, guarded

CLUSTER_LABEL = "io.x-k8s.kind.cluster"
KIND_NETWORK = "kind"
GIGABYTES_AN_IMAGE = 6

CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile={nofile}:{nofile}", "nproc={nproc}:{nproc}"]

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{run}/libpod"

[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""

STORAGE_CONF = """\
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{run}/storage"
"""


def _limit(kind: int, most: int) -> int:
    hard = resource.getrlimit(kind)[1]
    return most if hard == resource.RLIM_INFINITY else min(hard, most)


class Engine:
    """A container engine's command line.

    Attributes:
        program: 'docker' or 'podman'.
        env: the environment in which it, and kind with it, runs.
    """

    def __init__(self, program: str) -> None:
        self.program = program
        self.env = {**os.environ, "KIND_EXPERIMENTAL_PROVIDER": program}

    def ask(self, *words: str, timeout: float = 60) -> str:
        """What a command of the engine prints.

        Raises:
            CommandError: it failed, or did not answer in time.
        """
        called = f"{self.program} {words[0]}"
        try:
            done = subprocess.run(
                guarded([self.program, *words]),
                env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"{called} did not answer within {timeout:.0f} s") from error
        except OSError as error:
            raise CommandError(f"{called} could not be started: {error.strerror}") from error
        if done.returncode:
            raise CommandError(f"{called}: {last_line_of(done.stderr) or done.returncode}")
        return done.stdout

    def containers(self, cluster: str) -> list[str]:
        """The names of a kind cluster's node containers, whatever their state; none if the engine fails."""
        words = ("ps", "--all", "--filter", f"label={CLUSTER_LABEL}={cluster}", "--format", "{{.Names}}")
        with suppress(CommandError):
            return self.ask(*words).split()
        return []

    def runs(self, container: str) -> bool:
        """Whether the container has a living process: a store outlives the processes that it tells of."""
        with suppress(CommandError):
            pid = self.ask("inspect", "--format", "{{.State.Pid}}", container).strip()
            return pid not in ("", "0") and Path(f"/proc/{pid}").exists()
        return False

    def remove_container(self, name: str) -> None:
        """Remove a container and its anonymous volumes, running or not, there or not."""
        with suppress(CommandError):
            self.ask("rm", "--force", "--volumes", name, timeout=120)

    def run_in(self, step: Step, container: str, argv: Sequence[str], stdin: str | None = None) -> None:
        """Run a command in a running container."""
        interactive = ["--interactive"] if stdin is not None else []
        step.run([self.program, "exec", *interactive, container, *argv], env=self.env, stdin=stdin)


def last_line_of(text: str) -> str:
    """The last line of a program's error output."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


class Podman(Engine):
    """Podman on the cache's own store."""

    def __init__(self, cache: Cache) -> None:
        super().__init__("podman")
        self.cache = cache
        folder = cache.root / "engine"
        # /run is where containers' locks and sockets belong: it is empty after a restart of the machine.
        run = Path("/run") / f"modelserving.kserve-{hashlib.sha256(str(cache.root).encode()).hexdigest()[:8]}"
        self.folder, self.run_folder = folder, run
        self.env |= {
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        }

    def configure(self) -> None:
        """Write the two configuration files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "networks").mkdir(exist_ok=True)
        values = {
            "folder": self.folder,
            "run": self.run_folder,
            "nofile": _limit(resource.RLIMIT_NOFILE, 1048576),
            "nproc": _limit(resource.RLIMIT_NPROC, 32768),
        }
        for name, template in (("containers.conf", CONTAINERS_CONF), ("storage.conf", STORAGE_CONF)):
            wanted = template.format(**values)
            path = self.folder / name
            if not path.exists() or path.read_text() != wanted:
                path.write_text(wanted)

    def has_image(self, reference: str) -> bool:
        """Whether the store holds the image."""
        with suppress(CommandError):
            self.ask("image", "exists", reference)
            return True
        return False

    def image(self, name: str, key: str, build: Callable[[str], None]) -> str:
        """The reference of an image named by its content, made by build(reference) unless it is there.

        Older images of the same name are removed once the new one is in place, where nothing runs from them.
        """
        reference = f"{IMAGE_PREFIX}/{name}:{key}"
        if self.has_image(reference):
            return reference
        with self.cache.lock(f"image-{name}"):
            if not self.has_image(reference):
                require_disk(self.folder, GIGABYTES_AN_IMAGE, f"building the image {name}")
                build(reference)
                self._prune(name, reference)
        return reference

    def _prune(self, name: str, keep: str) -> None:
        repository = f"{IMAGE_PREFIX}/{name}"
        listed = self.ask("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository).split()
        for other in listed:
            if other != keep and other.startswith(f"{repository}:"):
                with suppress(CommandError):
                    self.ask("image", "rm", other)
        with suppress(CommandError):
            self.ask("image", "prune", "--force")

    def remove_container(self, name: str) -> None:
        """Remove a container without the ten seconds that podman leaves it to stop by itself."""
        with suppress(CommandError):
            self.ask("rm", "--force", "--volumes", "--time", "0", name, timeout=120)

    def clean(self, cluster: str) -> None:
        """Remove what kind leaves beside a cluster's containers: its nodes' volumes, and the last cluster's network."""
        with suppress(CommandError):
            for volume in json.loads(self.ask("volume", "ls", "--format", "json") or "null") or []:
                if is_node_volume(volume.get("Labels") or {}, cluster):
                    self.ask("volume", "rm", "--force", volume["Name"])
        # Refused, and rightly so, while another cluster's nodes are on it.
        with suppress(CommandError):
            self.ask("network", "rm", KIND_NETWORK)


def is_node_volume(labels: Mapping[str, str], cluster: str) -> bool:
    """Whether a volume was made for a node of the cluster: kind labels it with the node's name."""
    return any(re.fullmatch(rf"{re.escape(cluster)}-(control-plane|worker)\d*", label) for label in labels)
