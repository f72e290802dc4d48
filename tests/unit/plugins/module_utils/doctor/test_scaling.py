# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Deployment at 0 replicas: by hand, or at rest. KEDA's objects are built by hand: the local cluster has no KEDA."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import handmade as hm

TARGET = {"scaleTargetRef": {"name": "iris-predictor"}}


def autoscaler(minimum: int | None) -> dict[str, Any]:
    spec = {**TARGET, **({} if minimum is None else {"minReplicas": minimum})}
    metadata = {"namespace": hm.NS, "name": "iris-predictor"}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}


def scaled_object(annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"namespace": hm.NS, "name": "iris-predictor", "annotations": annotations or {}}
    return {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": {**TARGET, **spec}}


@pytest.mark.parametrize(
    ("beside", "severity"),
    [
        ([], "warning"),
        ([autoscaler(1)], "error"),
        ([autoscaler(None)], "error"),
        ([scaled_object({"autoscaling.keda.sh/paused-replicas": "0"})], "info"),
        ([scaled_object(idleReplicaCount=0)], "info"),
        ([scaled_object(minReplicaCount=1)], "warning"),
    ],
)
def test_who_may_have_scaled_it_to_nothing(beside: list[dict[str, Any]], severity: str) -> None:
    data = hm.running(hm.deployment(spec={"replicas": 0}), *beside)
    found = [item["severity"] for item in hm.diagnosed(data)["findings"] if item["code"] == "KS112"]
    assert found == [severity]
