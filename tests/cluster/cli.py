# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: up, down, status, crds, images, tool."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from . import host
from .cache import Cache
from .cluster import Cluster
from .golang import PROGRAMS, GoBuilder
from .images import MLSERVER, MLSERVER_EXTRA, TRITON, ImageBuilder
from .settings import DEFAULT_CLUSTER, KSERVE_VERSIONS, Options
from .source import MODES
from .steps import ClusterError, Steps, say, stop_commands

# Tool → (programs, file).
TOOLS = {
    "etcd": ("etcd", "etcd"),
    "kind": ("kind", "kind"),
    "kube-apiserver": ("kubernetes", "kube-apiserver"),
    "kubectl": ("kubernetes", "kubectl"),
    "kwok": ("kwok", "kwok"),
}
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,38}[a-z0-9])?")
MOST_WORKERS = 8

DESCRIPTION = "The local cluster: kind with KServe, MLServer and Triton; from packages where no image registry answers."
EPILOG = (
    "The defaults of the options come from the environment: CLUSTER, KSERVE_VERSION, WORKERS, "
    "MODELSERVING_CLUSTER_MODE; MODELSERVING_CACHE names the cache folder."
)


def parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """The command line's parser; environ gives the options' defaults."""
    top = argparse.ArgumentParser(prog="python3 tests/cluster", description=DESCRIPTION, epilog=EPILOG)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    helps = {
        "up": "leave a working cluster with these options; changes nothing on a ready one",
        "down": "remove the cluster; the cache stays",
        "status": "say in one line whether the cluster works",
        "crds": "put KServe's full or minimal CRDs in place, for tests of either",
    }
    for name, text in helps.items():
        command = commands.add_parser(name, help=text, description=text, epilog=EPILOG)
        command.add_argument("--name", default=environ.get("CLUSTER") or DEFAULT_CLUSTER, help="default: %(default)s")
        if name == "up":
            _add_up_options(command, environ)
        if name == "crds":
            command.add_argument("flavour", choices=("full", "minimal"))
    images = commands.add_parser("images", help="build the servers' images into the cache and print their archives")
    images.add_argument("--extra", action="store_true", help="one of MLServer with MLflow and Hugging Face as well")
    tool = commands.add_parser("tool", help="print the path of a program, built on demand")
    tool.add_argument("tool", choices=sorted(TOOLS))
    return top


def _add_up_options(command: argparse.ArgumentParser, environ: Mapping[str, str]) -> None:
    version = environ.get("KSERVE_VERSION") or KSERVE_VERSIONS[0]
    command.add_argument("--kserve-version", default=version, help="default: %(default)s")
    command.add_argument("--workers", default=environ.get("WORKERS") or "0", help="worker nodes; default: %(default)s")
    mode = environ.get("MODELSERVING_CLUSTER_MODE") or "auto"
    command.add_argument("--mode", default=mode, help=f"{', '.join(MODES)}; default: %(default)s")


def options_of(arguments: argparse.Namespace) -> Options:
    """The checked options.

    Raises:
        ClusterError: a value that cannot be.
    """
    if not NAME.fullmatch(arguments.name):
        raise ClusterError(
            f"CLUSTER={arguments.name} cannot be a cluster's name: use up to 40 small letters, digits, '-' and '.'"
        )
    if arguments.command != "up":
        return Options(name=arguments.name)
    if arguments.kserve_version not in KSERVE_VERSIONS:
        raise ClusterError(f"KSERVE_VERSION={arguments.kserve_version} is not one of {', '.join(KSERVE_VERSIONS)}")
    if not arguments.workers.isdigit() or int(arguments.workers) > MOST_WORKERS:
        raise ClusterError(f"WORKERS={arguments.workers} is not a number from 0 to {MOST_WORKERS}")
    if arguments.mode not in MODES:
        raise ClusterError(f"MODELSERVING_CLUSTER_MODE={arguments.mode} is not one of {', '.join(MODES)}")
    return Options(arguments.name, arguments.kserve_version, int(arguments.workers), arguments.mode)


def run(arguments: argparse.Namespace) -> int:
    """Carry out a parsed command line; the exit status."""
    cache = Cache()
    steps = Steps(cache.logs)
    if arguments.command == "images":
        return _images(cache, steps, arguments.extra)
    if arguments.command == "tool":
        return _tool(cache, steps, arguments.tool)
    cluster = Cluster(options_of(arguments), cache, steps)
    if arguments.command == "status":
        return 0 if cluster.status() else 1
    if arguments.command == "up":
        cluster.up()
    elif arguments.command == "crds":
        cluster.crds(arguments.flavour)
    else:
        cluster.down()
    return 0


def _images(cache: Cache, steps: Steps, extra: bool) -> int:
    host.add_system_folders()
    host.require_root()
    host.require_packages(steps)
    builder = ImageBuilder(cache, steps, GoBuilder(cache, steps))
    for image in [TRITON, MLSERVER, *([MLSERVER_EXTRA] if extra else [])]:
        archive = builder.server(image)
        say(f"{image.reference} {archive}")
    return 0


def _tool(cache: Cache, steps: Steps, name: str) -> int:
    programs, file = TOOLS[name]
    host.require_go()
    # The path alone goes to standard output, so that a shell can take it.
    sys.stdout, printed = sys.stderr, sys.stdout
    path = GoBuilder(cache, steps).build(PROGRAMS[programs]) / file
    print(path, file=printed)
    return 0


def _interrupted(number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt(signal.Signals(number).name)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup has a run ignore SIGHUP: it stays so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupted)
    try:
        return run(parser(os.environ).parse_args(argv))
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        stop_commands()
        print("interrupted: run the same command again to go on", file=sys.stderr)
        return 130
