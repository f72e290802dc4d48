# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers' logs a person is shown."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import containers

RUNNING = {"state": {"running": {"startedAt": "2026-11-22T08:00:00Z"}}}
WAITING = {"state": {"waiting": {"reason": "PodInitializing"}}}
DONE = {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
CRASHED = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1}}}
RESTARTED = {**RUNNING, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
SIDECAR = {**RUNNING, "started": True}


def pod(statuses: dict[str, dict[str, Any]], init: tuple[str, ...] = (), **metadata: Any) -> dict[str, Any]:
    named = [{"name": name, **status} for name, status in statuses.items()]
    return {
        "metadata": {"namespace": "models", "name": "iris-0", **metadata},
        "spec": {
            "initContainers": [{"name": name} for name in init],
            "containers": [{"name": name} for name in statuses if name not in init],
        },
        "status": {
            "initContainerStatuses": [status for status in named if status["name"] in init],
            "containerStatuses": [status for status in named if status["name"] not in init],
        },
    }


def read(given: dict[str, Any], container: str | None = None) -> list[tuple[str, bool, str]]:
    return [(log["container"], log["previous"], log["state"]) for log in containers.logs_to_read(given, container)]


@pytest.mark.parametrize(
    ("statuses", "init", "expected"),
    [
        ({"kserve-container": RUNNING}, (), [("kserve-container", False, "running")]),
        ({"queue-proxy": RUNNING, "kserve-container": RUNNING}, (), [("kserve-container", False, "running")]),
        ({"mine": RUNNING, "sidecar": RUNNING}, (), [("mine", False, "running")]),
        ({"kserve-container": CRASHED}, (), [("kserve-container", True, "waiting CrashLoopBackOff")]),
        (
            {"kserve-container": RESTARTED},
            (),
            [("kserve-container", True, "running"), ("kserve-container", False, "running")],
        ),
        (
            {"storage-initializer": CRASHED, "kserve-container": WAITING},
            ("storage-initializer",),
            [
                ("storage-initializer", True, "waiting CrashLoopBackOff"),
                ("kserve-container", False, "waiting PodInitializing"),
            ],
        ),
        (
            {"storage-initializer": DONE, "kserve-container": RUNNING},
            ("storage-initializer",),
            [("kserve-container", False, "running")],
        ),
        (
            {"modelcar": SIDECAR, "kserve-container": RUNNING},
            ("modelcar",),
            [("kserve-container", False, "running")],
        ),
    ],
)
def test_logs_to_read(statuses: dict[str, Any], init: tuple[str, ...], expected: list[tuple[str, bool, str]]) -> None:
    assert read(pod(statuses, init)) == expected


def test_a_container_by_name() -> None:
    given = pod({"queue-proxy": RUNNING, "kserve-container": RUNNING})
    assert read(given, "queue-proxy") == [("queue-proxy", False, "running")]
    assert read(given, "triton") == []
    assert containers.names(given) == ["queue-proxy", "kserve-container"]


def test_a_pod_that_nobody_has_taken_yet() -> None:
    given = pod({"kserve-container": RUNNING})
    given["status"] = {}
    assert read(given) == [("kserve-container", False, "not started")]


def test_pods_that_are_not_ready_come_first_and_leaving_ones_last() -> None:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    pods = [
        {"metadata": {"name": "c", "deletionTimestamp": "2026-11-22T08:00:00Z"}, "status": {}},
        {"metadata": {"name": "a"}, "status": ready},
        {"metadata": {"name": "b"}, "status": {}},
    ]
    assert [item["metadata"]["name"] for item in containers.pods_to_read(pods, 5)] == ["b", "a", "c"]
    assert [item["metadata"]["name"] for item in containers.pods_to_read(pods, 1)] == ["b"]
