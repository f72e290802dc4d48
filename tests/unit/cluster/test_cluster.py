# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the API's answers say of a cluster, and when it has to be made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cluster.cluster import State, state_of, write_whole
from cluster.engine import is_node_volume
from cluster.host import COMMANDS, missing_packages
from cluster.kind import Node, cni_config, config
from cluster.settings import Options


def node(
    name: str, *, ready: str = "True", control_plane: bool = False, provider: str = "kind://podman/x"
) -> dict[str, Any]:
    labels = {"node-role.kubernetes.io/control-plane": ""} if control_plane else {}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"providerID": provider},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def deployment(
    available: str = "True", image: str = "localhost/modelserving/kserve-controller:v0.20.0"
) -> dict[str, Any]:
    conditions = [{"type": "Available", "status": available}]
    return {"spec": {"template": {"spec": {"containers": [{"image": image}]}}}, "status": {"conditions": conditions}}


NODES = {"items": [node("c", control_plane=True), node("w")]}


def test_a_ready_cluster() -> None:
    assert state_of(NODES, deployment()) == State(True, "", "v0.20.0", 1)


@pytest.mark.parametrize(
    ("nodes", "controller", "problem"),
    [
        ({"items": [node("c", control_plane=True), node("w", ready="Unknown")]}, deployment(), "node w is not ready"),
        (NODES, deployment("False"), "KServe's controller is not available"),
    ],
)
def test_what_is_wrong(nodes: dict[str, Any], controller: dict[str, Any], problem: str) -> None:
    assert state_of(nodes, controller).problem == problem


def test_fake_nodes_of_tests_do_not_count() -> None:
    fake = node("kwok-1", ready="False", provider="")
    assert state_of({"items": [*NODES["items"], fake]}, deployment()) == State(True, "", "v0.20.0", 1)


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        (Options(workers=1), ""),
        (Options(workers=0), "1 workers instead of 0"),
        (Options(workers=1, kserve_version="v0.15.2"), "KServe v0.20.0 instead of v0.15.2"),
        (Options(workers=2, kserve_version="v0.15.2"), "KServe v0.20.0 instead of v0.15.2 and 1 workers instead of 2"),
    ],
)
def test_what_differs_from_the_options(options: Options, difference: str) -> None:
    assert state_of(NODES, deployment()).difference(options) == difference


def test_each_node_has_the_models_and_room_for_many_pods() -> None:
    made = config(Options(workers=2), Path("/srv/models"), packages=True)
    assert [each["role"] for each in made["nodes"]] == ["control-plane", "worker", "worker"]
    assert all(
        each["extraMounts"] == [{"hostPath": "/srv/models", "containerPath": "/models"}] for each in made["nodes"]
    )
    assert '"maxPods": 250' in made["kubeadmConfigPatches"][0]
    assert made["networking"]["apiServerAddress"] == "127.0.0.1"


def test_published_node_images_keep_their_own_network() -> None:
    made = config(Options(), Path("/srv/models"), packages=False)
    assert made["networking"] == {"apiServerAddress": "127.0.0.1"}
    assert "featureGates" not in made


def test_pods_get_addresses_of_their_nodes_range() -> None:
    assert '"subnet": "10.128.4.0/22"' in cni_config("10.128.4.0/22")


def test_a_node_without_a_range_yet() -> None:
    assert Node.of({"metadata": {"name": "n"}, "spec": {}}) == Node("n", "", "")


@pytest.mark.parametrize(
    ("label", "own"),
    [
        ("two-control-plane", True),
        ("two-worker", True),
        ("two-worker12", True),
        ("two-b-worker", False),
        ("modelserving-control-plane", False),
        ("two", False),
    ],
)
def test_only_the_clusters_own_volumes_are_removed(label: str, own: bool) -> None:
    assert is_node_volume({label: "true"}, "two") is own


def test_missing_packages_are_named_once() -> None:
    assert missing_packages(lambda _command: True, lambda _path: True) == []
    without = {"unshare", "setpriv", "podman"}
    missing = missing_packages(lambda command: command not in without, lambda _path: True)
    assert missing == ["podman", "util-linux"]
    assert missing_packages(lambda _command: None, lambda _path: True) == list(dict.fromkeys(COMMANDS.values()))


def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    target = tmp_path / "kubeconfig"
    target.write_text("old")
    (tmp_path / ".kubeconfig.partial").write_text("left by an interrupted run")
    write_whole(target, "new", 0o600)
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["kubeconfig"]
