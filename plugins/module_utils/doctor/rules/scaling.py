# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services and components that have no replicas: stopped on purpose, or scaled away from what they ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import (
    ERROR,
    INFO,
    WARNING,
    Finding,
    ref_of,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import STANDARD, Case, Workload
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.evidence import in_field

# Who may scale to 0 instead of KServe (constants.go, AutoscalerClass).
CLASS_ANNOTATION = "serving.kserve.io/autoscalerClass"
EXTERNAL = "external"


def stopped(case: Case) -> Finding:
    return case.finding(
        "KS063",
        "The service is stopped by its annotation serving.kserve.io/stop.",
        [in_field(case.service, "metadata.annotations[serving.kserve.io/stop]", "true")],
        command=f"kubectl -n {case.namespace} annotate inferenceservice {case.name} serving.kserve.io/stop-",
    )


def scaled_by_hand(case: Case) -> Iterator[Finding]:
    """Row 63's look-alike: a component with 0 replicas whose service does not ask for 0."""
    if case.mode != STANDARD:
        return
    for load in case.workloads:
        minimum = (case.spec.get(load.component) or {}).get("minReplicas")
        if load.deployment is not None and load.wanted == 0 and minimum != 0:
            yield _scaled(case, load, minimum)


def _scaled(case: Case, load: Workload, minimum: int | None) -> Finding:
    """minReplicas that is set says that replicas are meant to run; one that is absent leaves room for a doubt.

    With the autoscaler class external KServe leaves the number to another, which may mean 0.
    """
    deployment = load.deployment or {}
    name = snap.name_of(deployment)
    meant = _rests(case, name)
    if minimum is None:
        minimum = _hpa_minimum(case, name)
    external = case.annotations.get(CLASS_ANNOTATION) == EXTERNAL
    severity = {(False, True): ERROR, (True, False): INFO}.get((external, minimum is not None), WARNING)
    asks = f"asks for minReplicas {minimum}" if minimum is not None else "does not ask for minReplicas 0"
    if meant is not None:
        return case.finding(
            "KS112",
            f"Deployment {name} has 0 replicas: ScaledObject {snap.name_of(meant)} lets its {load.component} rest.",
            [in_field(deployment, "spec.replicas", 0), in_field(meant, "spec.idleReplicaCount", _idle(meant))],
            f"Nothing, if it is meant; else take the pause or idleReplicaCount of {ref_of(meant)} away.",
            object=ref_of(deployment),
            severity=INFO,
            title=f"The {load.component} has no replicas",
            key=load.component,
        )
    return case.finding(
        "KS112",
        f"Deployment {name} has 0 replicas, and the service {asks} of its {load.component}: it was scaled by hand or "
        "by an external autoscaler.",
        [in_field(deployment, "spec.replicas", 0)],
        f"Scale it up again: kubectl -n {case.namespace} scale deployment {name} --replicas={minimum or 1}; or set "
        f"spec.{load.component}.minReplicas to 0 if no replica is meant.",
        object=ref_of(deployment),
        severity=severity,
        title=f"The {load.component} has no replicas",
        key=load.component,
    )


def _hpa_minimum(case: Case, deployment: str) -> int | None:
    """What KServe's HorizontalPodAutoscaler, which never scales to 0, is to keep up; None where there is none."""
    for item in case.view.within(snap.HPAS, case.namespace):
        spec = item.get("spec") or {}
        if (spec.get("scaleTargetRef") or {}).get("name") == deployment:
            return int(spec.get("minReplicas") or 1)
    return None


def _rests(case: Case, deployment: str) -> dict[str, Any] | None:
    """The ScaledObject that keeps a Deployment at 0: KEDA is paused there, or idles."""
    for item in case.view.within(snap.SCALEDOBJECTS, case.namespace):
        target = ((item.get("spec") or {}).get("scaleTargetRef") or {}).get("name")
        if target == deployment and _idle(item) == 0:
            return item
    return None


def _idle(scaled_object: dict[str, Any]) -> int | None:
    """The replicas of a ScaledObject at rest: keda's paused-replicas annotation, else idleReplicaCount."""
    paused = snap.annotations_of(scaled_object).get("autoscaling.keda.sh/paused-replicas")
    if paused is not None:
        return int(paused) if str(paused).isdigit() else None
    idle = (scaled_object.get("spec") or {}).get("idleReplicaCount")
    return idle if isinstance(idle, int) else None
