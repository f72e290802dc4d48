# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import control_plane


def controller(image: str, labels: dict[str, str] | None = None, container: str = "manager") -> dict[str, Any]:
    pod = {"spec": {"containers": [{"name": "proxy", "image": "proxy:v9.9.9"}, {"name": container, "image": image}]}}
    return {"metadata": {"name": "c", "labels": labels or {}}, "spec": {"template": pod}}


@pytest.mark.parametrize(
    ("deployment", "version"),
    [
        (controller("kserve/kserve-controller:v0.20.0"), "0.20.0"),
        (controller("localhost:5000/kserve-controller:v0.15.2@sha256:abc"), "0.15.2"),
        (controller("registry:5000/kserve-controller"), None),
        (controller("quay.io/x/kserve-controller@sha256:abc", {"app.kubernetes.io/version": "v0.15.2"}), "0.15.2"),
        (controller("kserve/kserve-controller:latest"), None),
        (controller("kserve/kserve-controller:v0.7.0"), None),  # older than the rules
        (controller("kserve/kserve-controller:v0.20.0", container="other"), None),
    ],
)
def test_the_controllers_version(deployment: dict[str, Any], version: str | None) -> None:
    assert control_plane.version_of([deployment]) == version


def test_no_controller_tells_nothing() -> None:
    assert control_plane.version_of([]) is None
