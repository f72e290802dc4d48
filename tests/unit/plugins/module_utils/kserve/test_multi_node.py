# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods of a service with several nodes; tests/integration/doctor/test_planned.py holds it against Deployments."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import multi_node

GPU = "nvidia.com/gpu"


def runtime(head: str | None = None, worker: str | None = None, *, device: str = GPU, **more: Any) -> dict[str, Any]:
    def container(name: str, count: str | None) -> dict[str, Any]:
        amounts = {"cpu": "1", **({device: count} if count else {})}
        return {"name": name, "image": "a", "resources": {"limits": amounts, "requests": amounts}}

    own = {"tensorParallelSize": 1, "pipelineParallelSize": 1, **more.pop("worker_spec", {})}
    workers = {"containers": [container("worker-container", worker)], **own}
    return {"spec": {"containers": [container("kserve-container", head)], "workerSpec": workers, **more}}


def service(**worker: Any) -> dict[str, Any]:
    return {"spec": {"predictor": {"model": {"modelFormat": {"name": "a"}}, "workerSpec": worker}}}


def asked(spec: dict[str, Any] | None) -> dict[str, str]:
    assert spec is not None
    resources = spec["containers"][0]["resources"]
    assert resources["limits"] == resources["requests"]
    return {name: value for name, value in resources["limits"].items() if name != "cpu"}


@pytest.mark.parametrize(
    ("total", "head", "worker", "shares"),
    [
        (1, 0, 0, (1, 1, 1)),
        (4, 0, 0, (4, 1, 1)),
        (4, 1, 1, (4, 1, 1)),
        (4, 2, 0, (3, 2, 1)),
        (4, 0, 2, (2, 2, 2)),
        (5, 0, 2, (3, 1, 2)),
        (2, 2, 1, (1, 2, 0)),
        (2, 1, 4, (1, 2, 0)),
        (8, 2, 4, None),
    ],
)
def test_devices_are_shared_out_as_kserve_does(
    total: int, head: int, worker: int, shares: tuple[int, int, int] | None
) -> None:
    assert multi_node.ray_shares(total, head, worker) == shares


def test_without_a_word_each_node_has_one_of_nvidias() -> None:
    pods = multi_node.pods(service(pipelineParallelSize=3), runtime())
    assert (asked(pods.predictor), asked(pods.worker), pods.workers) == ({GPU: "1"}, {GPU: "1"}, 2)


def test_another_device_is_kept() -> None:
    pods = multi_node.pods(service(tensorParallelSize=4), runtime("2", "2", device="amd.com/gpu"))
    assert (asked(pods.predictor), asked(pods.worker), pods.workers) == ({"amd.com/gpu": "2"}, {"amd.com/gpu": "2"}, 1)


def test_by_processes_the_sizes_alone_count() -> None:
    made = runtime("1", "1", annotations={multi_node.EXECUTOR_ANNOTATION: "mp"})
    pods = multi_node.pods(service(tensorParallelSize=4, pipelineParallelSize=2), made)
    assert (asked(pods.predictor), asked(pods.worker), pods.workers) == ({GPU: "4"}, {GPU: "4"}, 1)


def test_the_services_worker_is_laid_over_the_runtimes() -> None:
    own = {
        "containers": [{"name": "worker-container", "resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "2"}}}]
    }
    pods = multi_node.pods(
        service(pipelineParallelSize=2, nodeSelector={"b": "2"}, **own),
        runtime(worker_spec={"nodeSelector": {"a": "1"}}),
    )
    assert pods.worker is not None
    assert pods.worker["nodeSelector"] == {"a": "1", "b": "2"}
    assert pods.worker["containers"][0]["resources"]["limits"] == {"cpu": "2", GPU: "1"}


@pytest.mark.parametrize(
    "asks", [{"spec": {"predictor": {"model": {"modelFormat": {"name": "a"}}}}}, service(pipelineParallelSize=2)]
)
def test_one_kind_of_pods_where_one_of_the_two_knows_of_no_workers(asks: dict[str, Any]) -> None:
    made = runtime("1")
    if "workerSpec" in asks["spec"]["predictor"]:
        del made["spec"]["workerSpec"]
    pods = multi_node.pods(asks, made)
    assert (asked(pods.predictor), pods.worker, pods.workers) == ({GPU: "1"}, None, 0)
