# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian root file systems by debootstrap, and work inside them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from .cache import Cache, content_key, remove_tree
from .settings import DEBIAN_SUITE
from .steps import Step, Steps

# systemd, a container runtime and what kind's own node image holds, by Debian's names.
NODE_PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "containerd", "runc", "iptables", "nftables", "conntrack", "iproute2",
    "ethtool", "socat", "util-linux", "mount", "ebtables", "kmod", "libseccomp2", "bash", "ca-certificates", "curl",
    "rsync", "jq", "hostname", "gzip", "tar", "containernetworking-plugins", "procps",
)  # fmt: skip

SERVER_PACKAGES = ("python3", "python3-venv", "libpython3.11", "libgomp1", "ca-certificates", "procps")

# Caches and documentation that no program in the image reads.
UNUSED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale", "var/log")

RECIPE = 1

# The environment by which a site sends package clients to its own mirrors and certificates.
PASSED = (
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_CERT", "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
)  # fmt: skip

# Mounts and processes live in namespaces of their own: they end with the command, however it ends.
APART = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc")


def debian_root(cache: Cache, steps: Steps, name: str, packages: Sequence[str]) -> Path:
    """The tar of a minimal Debian with those packages."""
    mirror = os.environ.get("DEBIAN_MIRROR", "")
    key = content_key(RECIPE, DEBIAN_SUITE, packages, UNUSED)

    def build(scratch: Path) -> None:
        root = scratch / "root"
        with steps.step(f"make the {name} root file system (Debian {DEBIAN_SUITE})", f"rootfs-{name}") as step:
            words = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", DEBIAN_SUITE, str(root)]
            step.run([*APART, *words, *([mirror] if mirror else [])])
            for folder in UNUSED:
                empty_folder(root / folder)
            pack(step, root, scratch / "root.tar")
            remove_tree(root)

    return cache.artefact(f"rootfs-{name}", key, build) / "root.tar"


def empty_folder(folder: Path) -> None:
    """Leave the folder, remove what it holds."""
    if folder.is_dir():
        remove_tree(folder)
        folder.mkdir(mode=0o755)


def pack(step: Step, root: Path, target: Path, *paths: str) -> None:
    """Tar a root file system, or only those paths of it, with stable order and numeric owners."""
    chosen = [path.lstrip("/") for path in paths] or ["."]
    step.run(["tar", "--create", "--file", target, "--directory", root, "--numeric-owner", "--sort=name", *chosen])


def unpack(step: Step, tar: Path, root: Path) -> None:
    """Unpack a root file system's tar."""
    root.mkdir(parents=True)
    step.run(["tar", "--extract", "--file", tar, "--directory", root, "--numeric-owner", "--preserve-permissions"])


def in_root(
    step: Step,
    root: Path,
    script: str,
    *,
    binds: Mapping[str, Path] | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a shell script in a root file system that sees /proc, the host's resolver and the bound paths.

    Args:
        binds: path in the root → path here, mounted for the time of the script.
    """
    chosen = {"/etc/resolv.conf": Path("/etc/resolv.conf"), **(binds or {})}
    mounts = [f"mount -t proc proc {root}/proc", f"mount --bind /dev {root}/dev"]
    for inside, outside in chosen.items():
        point = root / inside.lstrip("/")
        _make_mount_point(point, outside)
        mounts.append(f"mount --bind {outside} {point}")
    words = [f"{name}={value}" for name, value in {**_passed(), **(env or {})}.items()]
    enter = f'exec env --ignore-environment {" ".join(map(_quote, words))} chroot {root} sh -euc "$SCRIPT"'
    step.run([*APART, "sh", "-euc", "\n".join([*mounts, enter])], env={**step.env, "SCRIPT": script})


def _passed() -> dict[str, str]:
    fixed = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": "/root",
    }
    return {**fixed, **{name: os.environ[name] for name in PASSED if name in os.environ}}


def _quote(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def _make_mount_point(point: Path, outside: Path) -> None:
    if outside.is_dir():
        point.mkdir(parents=True, exist_ok=True)
    elif not point.exists():
        point.parent.mkdir(parents=True, exist_ok=True)
        point.touch()
