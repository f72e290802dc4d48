# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is built and run: versions, names and the options of a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent

KSERVE_VERSIONS = ("v0.20.0", "v0.15.2")
KUBERNETES_VERSION = "v1.34.4"
DEFAULT_CLUSTER = "modelserving"
DEBIAN_SUITE = "bookworm"

# One host folder, mounted here on every node: hostPath volumes below it are the model store.
NODE_MODELS = "/models"

IMAGE_PREFIX = "localhost/modelserving"
MLSERVER_IMAGE = f"{IMAGE_PREFIX}/mlserver:1.7.1"
TRITON_IMAGE = f"{IMAGE_PREFIX}/triton:24.10"


def controller_image(kserve_version: str) -> str:
    """The name under which a KServe controller built here is loaded into the nodes."""
    return f"{IMAGE_PREFIX}/kserve-controller:{kserve_version}"


@dataclass(frozen=True)
class Options:
    """What a caller asked for.

    Attributes:
        name: the kind cluster's name.
        kserve_version: a Go module version of KServe that this folder has a wrapper module for.
        workers: worker nodes beside the control plane.
        mode: 'auto', 'registry' or 'packages'.
    """

    name: str = DEFAULT_CLUSTER
    kserve_version: str = KSERVE_VERSIONS[0]
    workers: int = 0
    mode: str = "auto"

    @property
    def suffix(self) -> str:
        """What tells this cluster's files in build/ from the default cluster's."""
        return "" if self.name == DEFAULT_CLUSTER else f"-{self.name}"

    @property
    def kubeconfig(self) -> Path:
        """The cluster's own kubeconfig."""
        return PROJECT / "build" / f"kubeconfig{self.suffix}"

    @property
    def record(self) -> Path:
        """What `up` leaves for tests and the demo to read."""
        return PROJECT / "build" / f"cluster{self.suffix}.json"
