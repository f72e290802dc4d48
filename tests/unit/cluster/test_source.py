# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registry or packages: the choice and its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster.source import choose, default_node_image
from cluster.steps import ClusterError

IMAGE = "docker.io/kindest/node:v1"


def asker(**refusals: str):  # type: ignore[no-untyped-def]
    return lambda engine, _image: refusals[engine]


def test_docker_comes_first() -> None:
    source = choose("auto", lambda: IMAGE, asker(docker="", podman=""), lambda: True)
    assert (source.mode, source.engine) == ("registry", "docker")
    assert source.reason == f"docker runs and {IMAGE} can be pulled"


def test_podman_where_docker_does_not_answer() -> None:
    source = choose("auto", lambda: IMAGE, asker(docker="no engine", podman=""), lambda: True)
    assert (source.mode, source.engine) == ("registry", "podman")


def test_packages_where_no_engine_gets_the_image_and_every_reason_is_said() -> None:
    source = choose("auto", lambda: IMAGE, asker(docker="no engine", podman="no registry"), lambda: True)
    assert (source.mode, source.reason) == ("packages", "no engine; no registry")


def test_packages_where_the_image_cannot_run() -> None:
    source = choose("auto", lambda: IMAGE, asker(docker="", podman=""), lambda: False)
    assert source.mode == "packages"
    assert "cgroup v2" in source.reason


def test_packages_when_asked_for_without_asking_anyone() -> None:
    def unexpected(*_arguments: str) -> str:
        raise AssertionError("asked")

    assert choose("packages", unexpected, unexpected).mode == "packages"


def test_a_registry_that_is_asked_for_and_not_there_is_an_error() -> None:
    with pytest.raises(ClusterError, match="asked for, but no engine; no registry"):
        choose("registry", lambda: IMAGE, asker(docker="no engine", podman="no registry"), lambda: True)


def test_the_default_node_image_is_kinds_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELSERVING_NODE_IMAGE", raising=False)
    file = tmp_path / "pkg/apis/config/defaults/image.go"
    file.parent.mkdir(parents=True)
    file.write_text('package defaults\n\nconst Image = "kindest/node:v9@sha256:1"\n')
    assert default_node_image(tmp_path) == "docker.io/kindest/node:v9@sha256:1"
    monkeypatch.setenv("MODELSERVING_NODE_IMAGE", "registry.site/node:1")
    assert default_node_image(tmp_path) == "registry.site/node:1"
