# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host must have: system packages, Go, kernel settings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from .golang import go_version, required_go
from .steps import ClusterError, Steps, say

# Command → the Debian package that holds it. netavark and aardvark-dns lie outside PATH.
COMMANDS = {
    "podman": "podman",
    "runc": "runc",
    "conmon": "conmon",
    "debootstrap": "debootstrap",
    "iptables": "iptables",
    "ip": "iproute2",
    "openssl": "openssl",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "tar": "tar",
}
FILES = {
    "/usr/lib/podman/netavark": "netavark",
    "/usr/lib/podman/aardvark-dns": "aardvark-dns",
    "/etc/containers/policy.json": "golang-github-containers-common",
}
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")

# kubelets and containerds of a few clusters watch more files than the kernel's default of 128 instances allows.
INOTIFY = {"max_user_instances": 1024, "max_user_watches": 524288}
INOTIFY_FOLDER = Path("/proc/sys/fs/inotify")


def missing_packages(has_command: Callable[[str], object], has_file: Callable[[str], bool]) -> list[str]:
    """The Debian packages whose commands or files are not there, each once."""
    commands = [package for command, package in COMMANDS.items() if not has_command(command)]
    files = [package for path, package in FILES.items() if not has_file(path)]
    return list(dict.fromkeys([*commands, *files]))


def add_system_folders() -> None:
    """Make administration commands found on a PATH that lacks their folders."""
    path = os.environ.get("PATH", "").split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([*path, *(folder for folder in SYSTEM_FOLDERS if folder not in path)])


def require_go() -> None:
    """Refuse to go on without a Go that the pinned modules accept.

    Raises:
        ClusterError: no Go, or one that is too old.
    """
    found, wanted = go_version(), ".".join(map(str, required_go()))
    if not found:
        raise ClusterError(f"no Go found: install Go {wanted} or newer and put its go command on PATH")
    numbers = tuple(int(part) for part in found.removeprefix("go").split("-")[0].split(".")[:2] if part.isdigit())
    # From 1.21 on, Go fetches the toolchain that a module asks for by itself, unless GOTOOLCHAIN forbids it.
    if numbers < required_go() and (numbers < (1, 21) or os.environ.get("GOTOOLCHAIN") == "local"):
        raise ClusterError(f"{found} is too old: install Go {wanted} or newer and put its go command on PATH")


def require_root() -> None:
    """Refuse to build node images as a user who may not.

    Raises:
        ClusterError: not root.
    """
    if os.geteuid() != 0:
        raise ClusterError("building the cluster from packages needs root (debootstrap, mounts): run it as root")


def require_packages(steps: Steps) -> None:
    """Install the missing system packages where that is possible, name them where it is not.

    Raises:
        ClusterError: packages are missing and this is not root on Debian.
    """
    names = missing_packages(shutil.which, lambda path: Path(path).exists())
    if not names:
        return
    command = f"apt-get install --no-install-recommends {' '.join(names)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise ClusterError(f"system packages are missing: {', '.join(names)}. On Debian: {command}")
    _install(steps, names)
    if still := missing_packages(shutil.which, lambda path: Path(path).exists()):
        raise ClusterError(f"installed, but not found: {', '.join(still)}. Look at what {command} says")


def _install(steps: Steps, names: Iterable[str]) -> None:
    packages = list(names)
    with steps.step(f"install system packages: {', '.join(packages)}", "apt") as step:
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        step.run(["apt-get", "update"], env=env)
        step.run(["apt-get", "install", "--yes", "--no-install-recommends", *packages], env=env)


def prepare_kernel() -> None:
    """Raise inotify's limits where they are lower than several nodes need; make the folder that kind mounts."""
    Path("/lib/modules").mkdir(exist_ok=True)
    for name, wanted in INOTIFY.items():
        path = INOTIFY_FOLDER / name
        if path.exists() and int(path.read_text()) < wanted:
            try:
                path.write_text(str(wanted))
                say(f" ok  fs.inotify.{name} raised to {wanted}")
            except OSError:
                say(f" ..  fs.inotify.{name} is low and cannot be raised: with many pods, watching files may fail")
