# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.podresources import (
    pod_requests,
    takes_room,
)


def container(cpu: str | None = None, gpu: int | None = None, **more: Any) -> dict[str, Any]:
    requests = {key: value for key, value in {"cpu": cpu, "nvidia.com/gpu": gpu}.items() if value is not None}
    return {"name": "c", "resources": {"requests": requests}, **more}


def pod(*containers: dict[str, Any], init: list[dict[str, Any]] | None = None, **spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(containers), "initContainers": init or [], **spec}}


SIDECAR = {"restartPolicy": "Always"}


@pytest.mark.parametrize(
    ("subject", "cpu"),
    [
        pytest.param(pod(container("1"), container("500m")), 1500, id="containers add up"),
        pytest.param(pod(container("1"), init=[container("3"), container("2")]), 3000, id="the largest init container"),
        pytest.param(pod(container("1"), init=[container("500m")]), 1000, id="a small init container costs nothing"),
        pytest.param(pod(container("1"), init=[container("2", **SIDECAR)]), 3000, id="a sidecar stays"),
        pytest.param(
            pod(container("1"), init=[container("2", **SIDECAR), container("3")]), 5000, id="init after a sidecar"
        ),
        pytest.param(
            pod(container("1"), init=[container("3"), container("1", **SIDECAR)]), 3000, id="init before a sidecar"
        ),
        pytest.param(pod(container("1"), overhead={"cpu": "250m"}), 1250, id="overhead"),
        pytest.param(
            pod({"name": "c", "resources": {"limits": {"cpu": "2"}}}), 2000, id="a limit alone is the request too"
        ),
        pytest.param(
            pod({"name": "c", "resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}}), 1000, id="request wins"
        ),
        pytest.param(
            pod(container("1"), container("1"), resources={"requests": {"cpu": "5"}}), 5000, id="pod-level request"
        ),
        pytest.param(pod({"name": "c"}), 0, id="nothing asked for"),
    ],
)
def test_cpu(subject: dict[str, Any], cpu: int) -> None:
    assert pod_requests(subject).get("cpu", 0) == cpu


def test_devices_are_counted_like_everything_else() -> None:
    subject = pod(container(gpu=1), container(gpu=2), init=[container(gpu=4)])
    assert pod_requests(subject)["nvidia.com/gpu"] == 4


@pytest.mark.parametrize(
    ("conditions", "cpu"),
    [([], 3000), ([{"type": "PodResizePending", "reason": "Infeasible"}], 2000)],
)
def test_a_pod_being_resized_holds_what_the_kubelet_gave_it(conditions: list[dict[str, str]], cpu: int) -> None:
    subject = pod(container("3"))
    subject["status"] = {
        "conditions": conditions,
        "containerStatuses": [
            {"name": "c", "resources": {"requests": {"cpu": "2"}}, "allocatedResources": {"cpu": "1"}},
        ],
    }
    assert pod_requests(subject)["cpu"] == cpu


@pytest.mark.parametrize(
    ("node_name", "phase", "counts"),
    [
        ("a", "Running", True),
        ("a", "Pending", True),
        ("a", "Succeeded", False),
        ("a", "Failed", False),
        ("", "Pending", False),
    ],
)
def test_which_pods_hold_room(node_name: str, phase: str, counts: bool) -> None:
    assert takes_room({"spec": {"nodeName": node_name}, "status": {"phase": phase}}) is counts
