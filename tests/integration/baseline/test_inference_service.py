# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""inference_service on the KServe of OpenShift AI 2.22: written, unchanged the second time, served and asked.

KServe 0.15 tells no runtime in its status, knows RawDeployment and Serverless only, and stops Knative services alone.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.inference_service.conftest import run, space
from tests.integration.inference_service.test_waiting import (
    served,
    test_a_change_is_waited_for_until_the_new_pods_serve,
    test_a_model_is_served_waited_for_and_answers_as_scikit_learn_does,
    test_a_stuck_rollout_is_a_failure_though_the_old_pods_keep_ready_true,
    test_again_nothing_changes_and_the_model_is_asked,
    test_health_of_both_with_metrics_and_a_sample,
)
from tests.integration.inference_service.test_writes import (
    test_a_second_run_sends_nothing_but_the_read,
    test_create_repeat_modify_repeat_delete_repeat,
    test_no_runtime_is_said_beforehand,
)

__all__ = [
    "run",
    "served",
    "space",
    "test_a_change_is_waited_for_until_the_new_pods_serve",
    "test_a_model_is_served_waited_for_and_answers_as_scikit_learn_does",
    "test_a_second_run_sends_nothing_but_the_read",
    "test_a_stuck_rollout_is_a_failure_though_the_old_pods_keep_ready_true",
    "test_again_nothing_changes_and_the_model_is_asked",
    "test_create_repeat_modify_repeat_delete_repeat",
    "test_health_of_both_with_metrics_and_a_sample",
    "test_no_runtime_is_said_beforehand",
]


@pytest.fixture(scope="module", autouse=True)
def on_the_baseline(cluster: dict[str, Any]) -> None:
    if not cluster["kserve_version"].startswith("v0.15."):
        pytest.skip(f"this is KServe {cluster['kserve_version']}, not the baseline")
