# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The presets triton and mlserver on the KServe of OpenShift AI 2.22: the same models, the same answers.

There KServe names neither a model nor its class to a runtime of another name than kserve-mlserver: the runtime does it.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.formats.conftest import lab
from tests.integration.formats.test_formats import (
    running,
    test_metrics_are_where_the_annotation_says,
    test_mlserver_answers_as_the_library_does,
    test_mlserver_serves_a_class_of_ones_own,
    test_the_pods_turn_ready,
    test_triton_answers,
    test_two_models_on_one_pod_of_mlserver,
    test_two_models_on_one_pod_of_triton,
)

__all__ = [
    "lab",
    "running",
    "test_metrics_are_where_the_annotation_says",
    "test_mlserver_answers_as_the_library_does",
    "test_mlserver_serves_a_class_of_ones_own",
    "test_the_pods_turn_ready",
    "test_triton_answers",
    "test_two_models_on_one_pod_of_mlserver",
    "test_two_models_on_one_pod_of_triton",
]


@pytest.fixture(scope="module", autouse=True)
def on_the_baseline(cluster: dict[str, Any]) -> None:
    if not cluster["kserve_version"].startswith("v0.15."):
        pytest.skip(f"this is KServe {cluster['kserve_version']}, not the baseline")
