# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Go programs: what is pinned, and which Go it takes."""

from __future__ import annotations

import pytest
from cluster import golang, host
from cluster.golang import MODULES, PROGRAMS, kserve_programs, required_go
from cluster.settings import KUBERNETES_VERSION
from cluster.steps import ClusterError


def test_kubeadm_can_parse_the_version_that_the_linker_sets() -> None:
    variables = PROGRAMS["kubernetes"].variables
    assert variables["k8s.io/component-base/version.gitVersion"] == KUBERNETES_VERSION
    assert variables["k8s.io/component-base/version.gitMinor"] == KUBERNETES_VERSION.split(".")[1]


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_every_program_is_named_by_its_wrapper_module(name: str) -> None:
    programs = PROGRAMS[name]
    tools = MODULES / programs.module / "tools.go"
    for package in programs.packages:
        assert package == "." or f'_ "{package}"' in tools.read_text()


def test_an_unknown_kserve_names_the_known_ones() -> None:
    with pytest.raises(ClusterError, match=r"v9 cannot be built here: KSERVE_VERSION is one of v0\.15\.2, v0\.20\.0"):
        kserve_programs("v9")


@pytest.mark.parametrize(
    ("found", "toolchain", "sentence"),
    [
        ("", "", "no Go found"),
        ("go1.19.8", "", "go1.19.8 is too old"),
        ("go1.21.0", "local", "go1.21.0 is too old"),
        ("go1.21.0", "", ""),
        ("go9.0", "local", ""),
    ],
)
def test_which_go_is_accepted(found: str, toolchain: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "go_version", lambda: found)
    monkeypatch.setenv("GOTOOLCHAIN", toolchain)
    if not sentence:
        host.require_go()
        return
    with pytest.raises(ClusterError, match=sentence):
        host.require_go()


def test_the_wanted_go_is_the_newest_that_a_module_asks_for() -> None:
    assert required_go() >= (1, 25)


def test_versions_are_read_from_what_go_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golang.shutil, "which", lambda _name: None)
    assert golang.go_version() == ""
