# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: options, their defaults, and one sentence for each bad value."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cluster import cli
from cluster.settings import HERE, KSERVE_VERSIONS, PROJECT, Options
from cluster.steps import ClusterError


def options(argv: list[str], environment: dict[str, str] | None = None) -> Options:
    return cli.options_of(cli.parser(environment or {}).parse_args(argv))


def test_defaults() -> None:
    assert options(["up"]) == Options("modelserving", "v0.20.0", 0, "auto")


def test_the_environment_gives_the_defaults() -> None:
    environment = {
        "CLUSTER": "two",
        "WORKERS": "2",
        "KSERVE_VERSION": "v0.15.2",
        "MODELSERVING_CLUSTER_MODE": "packages",
    }
    assert options(["up"], environment) == Options("two", "v0.15.2", 2, "packages")
    assert options(["up", "--workers", "1"], environment).workers == 1
    assert options(["down"], environment).name == "two"


def test_empty_variables_count_as_unset() -> None:
    assert options(["up"], {"CLUSTER": "", "WORKERS": "", "KSERVE_VERSION": ""}) == Options()


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"WORKERS": "many"}, "WORKERS=many is not a number from 0 to 8"),
        ({"WORKERS": "-1"}, "WORKERS=-1 is not a number"),
        ({"WORKERS": "9"}, "WORKERS=9 is not a number from 0 to 8"),
        ({"KSERVE_VERSION": "v0.1"}, "KSERVE_VERSION=v0.1 is not one of v0.20.0, v0.15.2"),
        ({"CLUSTER": "../etc"}, "CLUSTER=../etc cannot be a cluster's name"),
        ({"CLUSTER": "Big"}, "CLUSTER=Big cannot be a cluster's name"),
        ({"MODELSERVING_CLUSTER_MODE": "magic"}, "MODELSERVING_CLUSTER_MODE=magic is not one of"),
    ],
)
def test_bad_values(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(ClusterError) as caught:
        options(["up"], environment)
    assert sentence in str(caught.value)


def test_a_cluster_of_another_name_has_files_of_its_own() -> None:
    assert Options().kubeconfig == PROJECT / "build/kubeconfig"
    assert Options(name="two").kubeconfig == PROJECT / "build/kubeconfig-two"
    assert Options(name="two").record == PROJECT / "build/cluster-two.json"


def test_the_folder_runs_with_a_bare_interpreter(tmp_path: Path) -> None:
    command = [sys.executable, "-I", str(HERE), "status", "--name", "never-made"]
    environment = {"MODELSERVING_CACHE": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "cluster never-made: none\n", "")


def test_a_bad_value_ends_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["up", "--workers", "x"]) == 1
    assert capsys.readouterr().err == "error: WORKERS=x is not a number from 0 to 8\n"


def test_every_offered_version_has_its_wrapper_module() -> None:
    for version in KSERVE_VERSIONS:
        assert f"github.com/kserve/kserve {version}" in (HERE / "go" / f"kserve-{version}" / "go.mod").read_text()
