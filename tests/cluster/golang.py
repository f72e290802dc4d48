# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Go programs, built from the modules that the wrapper modules below go/ pin."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .cache import Cache, content_key
from .settings import HERE, KUBERNETES_VERSION
from .steps import ClusterError, Steps

MODULES = HERE / "go"
BUILD_FLAGS = ("-trimpath", "-buildvcs=false", "-mod=readonly")


@dataclass(frozen=True)
class Programs:
    """Programs built together.

    Attributes:
        module: the wrapper module's folder below go/.
        packages: main packages, built to files named like their last element.
        title: what the step says.
        variables: package variables set by the linker.
        rename: built file name → wanted file name.
        name: the artefact's name, where it is not the module's.
    """

    module: str
    packages: tuple[str, ...]
    title: str
    variables: Mapping[str, str]
    rename: Mapping[str, str]
    name: str = ""

    @property
    def artefact(self) -> str:
        """The artefact's name."""
        return f"go-{self.name or self.module}"


def _version_variables(version: str) -> dict[str, str]:
    major, minor = version.removeprefix("v").split(".")[:2]
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return {f"{package}.{name}": value for package in packages for name, value in values.items()}


_KUBERNETES = (
    "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubeadm", "kubectl", "kubelet",
)  # fmt: skip

PROGRAMS: dict[str, Programs] = {
    "kubernetes": Programs(
        "kubernetes",
        tuple(f"k8s.io/kubernetes/cmd/{name}" for name in _KUBERNETES),
        f"compile Kubernetes {KUBERNETES_VERSION}",
        _version_variables(KUBERNETES_VERSION),
        {},
    ),
    "kubectl": Programs(
        "kubernetes",
        ("k8s.io/kubernetes/cmd/kubectl",),
        f"compile kubectl {KUBERNETES_VERSION}",
        _version_variables(KUBERNETES_VERSION),
        {},
        "kubectl",
    ),
    "etcd": Programs("etcd", ("go.etcd.io/etcd/server/v3",), "compile etcd", {}, {"v3": "etcd", "server": "etcd"}),
    "coredns": Programs("coredns", ("github.com/coredns/coredns",), "compile CoreDNS", {}, {}),
    "pause": Programs("pause", (".",), "compile pause", {}, {}),
    "kind": Programs("kind", ("sigs.k8s.io/kind",), "compile kind", {}, {}),
    "kwok": Programs("kwok", ("sigs.k8s.io/kwok/cmd/kwok",), "compile kwok", {}, {}),
}


def kserve_programs(version: str) -> Programs:
    """KServe's controller manager of that version.

    Raises:
        ClusterError: there is no wrapper module for the version.
    """
    module = f"kserve-{version}"
    if not (MODULES / module).is_dir():
        known = ", ".join(sorted(path.name.removeprefix("kserve-") for path in MODULES.glob("kserve-*")))
        raise ClusterError(f"KServe {version} cannot be built here: KSERVE_VERSION is one of {known}")
    return Programs(module, ("github.com/kserve/kserve/cmd/manager",), f"compile KServe {version}", {}, {})


def required_go() -> tuple[int, int]:
    """The newest Go version, as (major, minor), that a wrapper module asks for."""
    texts = [path.read_text() for path in MODULES.glob("*/go.mod")]
    found = [re.search(r"^go (\d+)\.(\d+)", text, re.MULTILINE) for text in texts]
    return max((int(match[1]), int(match[2])) for match in found if match)


def go_version() -> str:
    """The version of the go command on PATH, such as 'go1.26.8'; '' without one."""
    if not shutil.which("go"):
        return ""
    printed = subprocess.run(["go", "version"], capture_output=True, text=True, check=False, cwd=MODULES).stdout
    match = re.search(r"\bgo\d\S*", printed)
    return match[0] if match else ""


def _environment() -> dict[str, str]:
    chosen = {"CGO_ENABLED": "0", "GOFLAGS": " ".join(BUILD_FLAGS), "GOWORK": "off", "GO111MODULE": "on"}
    return {**os.environ, **chosen, "GOOS": "linux"}


class GoBuilder:
    """Builds Go programs into the cache."""

    def __init__(self, cache: Cache, steps: Steps) -> None:
        self.cache = cache
        self.steps = steps
        self.version = go_version()

    def build(self, programs: Programs) -> Path:
        """The folder that holds the programs' binaries."""
        folder = MODULES / programs.module
        key = content_key(folder, programs.packages, dict(programs.variables), BUILD_FLAGS, self.version)

        def compile_into(scratch: Path) -> None:
            with self.steps.step(programs.title, programs.artefact) as step:
                step.run(self._command(programs, scratch), cwd=folder, env=_environment())
            _settle_names(programs, scratch)

        return self.cache.artefact(programs.artefact, key, compile_into)

    def _command(self, programs: Programs, scratch: Path) -> list[str]:
        settings = "".join(f" -X {name}={value}" for name, value in sorted(programs.variables.items()))
        return ["go", "build", "-v", "-ldflags", f"-s -w{settings}", "-o", f"{scratch}/", *programs.packages]

    def module_folder(self, module: str, path: str) -> Path:
        """Where the module cache holds the sources of a module that a wrapper module requires."""
        with self.steps.step(f"fetch the module {path} ({module})", f"module-{module}") as step:
            folder, env = MODULES / module, _environment()
            step.run(["go", "mod", "download", path], cwd=folder, env=env)
            found = json.loads(step.output(["go", "list", "-m", "-json", path], cwd=folder, env=env))
        return Path(found["Dir"])


def _settle_names(programs: Programs, scratch: Path) -> None:
    for built, wanted in programs.rename.items():
        if (scratch / built).exists():
            (scratch / built).rename(scratch / wanted)
