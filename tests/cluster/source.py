# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decides where a cluster comes from: an image registry, or packages."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .engine import Engine
from .steps import ClusterError, CommandError

ENGINES = ("docker", "podman")
PROBE_SECONDS = 20
REASON_LENGTH = 110
MODES = ("auto", "registry", "packages")

# Published images of the same servers, for clusters that can pull.
PUBLISHED_IMAGES = {
    "mlserver": "docker.io/seldonio/mlserver:1.7.1",
    "triton": "nvcr.io/nvidia/tritonserver:24.10-py3",
}


def published_controller(kserve_version: str) -> str:
    """KServe's published controller image."""
    return f"docker.io/kserve/kserve-controller:{kserve_version}"


@dataclass(frozen=True)
class Source:
    """Where a cluster comes from.

    Attributes:
        mode: 'registry' or 'packages'.
        engine: the program that runs the nodes: 'docker' or 'podman'.
        reason: why, in a few words.
    """

    mode: str
    engine: str
    reason: str


def default_node_image(kind_module: Path) -> str:
    """The node image that this kind was released with (kind: pkg/apis/config/defaults/image.go).

    MODELSERVING_NODE_IMAGE names another, say one in a registry of the site.
    """
    if chosen := os.environ.get("MODELSERVING_NODE_IMAGE"):
        return chosen
    text = (kind_module / "pkg/apis/config/defaults/image.go").read_text()
    match = re.search(r'const Image = "([^"]+)"', text)
    if not match:
        raise ClusterError("kind's module names no default node image: set MODELSERVING_NODE_IMAGE")
    return f"docker.io/{match[1]}"


def has_cgroup_v2() -> bool:
    """Whether the host runs the cgroup hierarchy that current node images need."""
    return Path("/sys/fs/cgroup/cgroup.controllers").exists()


def choose(
    mode: str,
    node_image: Callable[[], str],
    ask: Callable[[str, str], str] | None = None,
    cgroup_v2: Callable[[], bool] = has_cgroup_v2,
) -> Source:
    """Where the cluster comes from.

    Args:
        mode: 'auto' to find out, or the one that is wanted.
        node_image: gives the reference of kind's own node image.
        ask: (engine, image) → '' when that engine runs and can get that image, else why not.

    Raises:
        ClusterError: a registry is wanted, and no engine can get the node image.
    """
    if mode == "packages":
        return Source("packages", "podman", "asked for by MODELSERVING_CLUSTER_MODE")
    image, refusals = node_image(), []
    for engine in ENGINES:
        if not (refusal := (ask or why_not)(engine, image)):
            break
        refusals.append(refusal)
    else:
        return _without_registry(mode, "; ".join(refusals))
    if not cgroup_v2():
        return _without_registry(mode, f"{image} needs cgroup v2, and this host has cgroup v1")
    return Source("registry", engine, f"{engine} runs and {image} can be pulled")


def _without_registry(mode: str, reason: str) -> Source:
    if mode == "registry":
        raise ClusterError(f"a cluster from a registry is asked for, but {reason}")
    return Source("packages", "podman", reason)


def why_not(program: str, image: str) -> str:
    """Why that engine cannot run kind with that image; '' if it can."""
    engine = Engine(program)
    try:
        engine.ask("info", timeout=PROBE_SECONDS)
    except CommandError as error:
        return f"no {program} engine answers ({_short(error)})"
    try:
        engine.ask("image", "inspect", image, timeout=PROBE_SECONDS)
        return ""
    except CommandError:
        pass
    name, _at, digest = image.partition("@")
    # Podman asks a registry for a name with a tag or with a digest, not with both.
    reference = f"{name.rpartition(':')[0]}@{digest}" if digest else name
    try:
        engine.ask("manifest", "inspect", reference, timeout=PROBE_SECONDS)
    except CommandError as error:
        return f"{program} cannot get {name} ({_short(error)})"
    return ""


def _short(error: Exception) -> str:
    """The end of a chain of causes, where the cause is."""
    causes = " ".join(str(error).split()).split(": ")
    while len(causes) > 1 and len(": ".join(causes)) > REASON_LENGTH:
        causes.pop(0)
    return ": ".join(causes)[:REASON_LENGTH]
