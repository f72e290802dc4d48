# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the servers say when they are asked, and the way to them: endpoints, ingress, autoscalers, metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import log_patterns, log_reading
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import INFO, Evidence, Finding, ref_of
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import ports
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import STANDARD, Case, Workload
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.control_plane import endpoints_ready
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.evidence import (
    by_probe,
    condensed,
    in_event,
    in_field,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.running import by_pattern, server_kind
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.storage import log_evidence
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import metrics
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import CONTAINER

# Endpoints, autoscalers and ingresses follow the pods within seconds; metrics need a minute or two.
SETTLED = 45.0
METRICS_SETTLED = 180.0


def probes(case: Case, purpose: str, via: str | None = None) -> list[dict[str, Any]]:
    return [
        item
        for item in case.view.probes_of(case.namespace, case.name)
        if item.get("purpose") == purpose and (via is None or item.get("via") == via)
    ]


def not_served(case: Case, load: Workload, extra: tuple[log_patterns.Pattern, ...] = ()) -> Finding | None:
    """Rows 52, 58 and 62: the pods are ready, and the server itself says otherwise. Ready is not served."""
    if load.component != "predictor" or not load.ready_pods:
        return None
    asked = probes(case, "model", "services")
    if not asked or any(item.get("status") == 200 for item in asked):
        return None
    unreachable = next((item for item in asked if item.get("status") is None), None)
    if unreachable is not None:
        return _unreachable(case, load, unreachable)
    model = asked[0]
    alive = probes(case, "ready", "services") + probes(case, "live", "services")
    answering = next((item for item in alive if item.get("status") == 200), None)
    if answering is None and model.get("status") not in (400, 404, 503):
        return None
    index = next((item for item in probes(case, "index") if item.get("status") == 200), None)
    names = _models(index)
    if names is None:
        if answering is None:
            return None
        return _said_in_log(case, load, model, extra) or _model_absent(case, load, model, answering)
    failed = [item for item in names if item[1] not in ("READY", "")]
    loaded = [item for item in names if item[1] in ("READY", "")]
    if failed and not loaded:
        return _model_failed(case, load, failed, model, index or model, extra)
    if not names:
        return _said_in_log(case, load, model, extra) or _empty_server(case, load, model, index or model)
    return _other_name(case, load, [item[0] for item in loaded], failed, model, index or model)


def _models(index: dict[str, Any] | None) -> list[tuple[str, str, str]] | None:
    """(name, state, reason) of each model that the server lists; None where it was not asked or lists none."""
    if index is None:
        return None
    try:
        answer = json.loads(index.get("body") or "")
    except ValueError:
        return None
    if isinstance(answer, dict):
        listed = answer.get("models")
        return [(str(item), "READY", "") for item in listed] if isinstance(listed, list) else None
    if not isinstance(answer, list):
        return None
    return [
        (str(item.get("name")), str(item.get("state") or ""), str(item.get("reason") or ""))
        for item in answer
        if isinstance(item, dict)
    ]


def _container(case: Case, load: Workload) -> podstate.Container | None:
    return podstate.container(load.ready_pods[0], CONTAINER) if load.ready_pods else None


def _server_name(case: Case, load: Workload) -> str:
    item = _container(case, load)
    return {"triton": "Triton", "mlserver": "MLServer"}.get(server_kind(case, item) if item else "", "The server")


def _said_in_log(
    case: Case, load: Workload, model: dict[str, Any], extra: tuple[log_patterns.Pattern, ...]
) -> Finding | None:
    """Why a server that is up has no model, where its log tells: settings that it could not read, for one."""
    item = _container(case, load)
    text, previous = log_evidence(case, load.ready_pods[0], item) if item else ("", False)
    reading = log_reading.read(text)
    known = log_patterns.match(reading, log_patterns.SERVER, extra) if reading.raised or reading.rows else None
    if item is None or known is None:
        return None
    finding = by_pattern(case, load.ready_pods[0], item, known, reading, previous)
    finding.evidence.append(by_probe(case.ref, model))
    return finding


def _empty_server(case: Case, load: Workload, model: dict[str, Any], index: dict[str, Any]) -> Finding:
    server = _server_name(case, load)
    lacks = {
        "Triton": "there is no model directory",
        "MLServer": "there is no model-settings.json, and no implementation is set",
    }.get(server, "there is no model")
    where = f"the storage path {case.storage_uri}" if case.storage_uri else "its model directory"
    return case.finding(
        "KS052",
        f"{server} is up and serves no model at all: asked for {case.name}, it answers {model.get('status')}, and its "
        f"model repository is empty. Under {where} {lacks}.",
        [by_probe(case.ref, model), by_probe(case.ref, index)],
        f"Check what lies under {case.storage_uri or 'the storage path'}; for MLServer add model-settings.json, or set "
        "MLSERVER_MODEL_IMPLEMENTATION and MLSERVER_MODEL_NAME.",
    )


def _model_absent(case: Case, load: Workload, model: dict[str, Any], alive: dict[str, Any]) -> Finding | None:
    if not case.model_spec:
        return None
    said = condensed(str(model.get("body") or ""))[:200]
    return case.finding(
        "KS052",
        f"{_server_name(case, load)} is up, but asked whether model {case.name} is ready it answers "
        f"{model.get('status')} "
        f"({said}): it serves no model of that name.",
        [by_probe(case.ref, model), by_probe(case.ref, alive)],
        "Name the model as the service, or see in the server's log which models it loaded.",
    )


def _model_failed(
    case: Case,
    load: Workload,
    failed: list[tuple[str, str, str]],
    model: dict[str, Any],
    index: dict[str, Any],
    extra: tuple[log_patterns.Pattern, ...],
) -> Finding:
    name, state, reason = failed[0]
    reading = log_reading.Reading(rows=[(name, "", reason)] if reason else [])
    if not reason:
        item = _container(case, load)
        text = log_evidence(case, load.ready_pods[0], item)[0] if item else ""
        reading = log_reading.read(text)
    known = log_patterns.match(reading, log_patterns.SERVER, extra)
    quote = condensed(known.text if known else reading.best)
    server = _server_name(case, load)
    generic = {"Triton": "KS043", "MLServer": "KS051"}.get(server, "KS138")
    says = f" because {known.says}" if known else ""
    return case.finding(
        known.pattern.code if known else generic,
        f"{server} is up, but model {name} is {state}{says}{f' ({quote})' if quote else ''}.",
        [by_probe(case.ref, model), by_probe(case.ref, index)],
        known.remedy if known else None,
        key=name,
    )


def _other_name(
    case: Case,
    load: Workload,
    loaded: list[str],
    failed: list[tuple[str, str, str]],
    model: dict[str, Any],
    index: dict[str, Any],
) -> Finding:
    listed = ", ".join(loaded[:8])
    several = len(loaded) > 1
    what = f"models {listed}" if several else f"one model, named {listed}"
    return case.finding(
        "KS062",
        f"{_server_name(case, load)} holds {what}, and no model named {case.name}: requests for "
        f"/v2/models/{case.name} are answered with {model.get('status')} (unknown model).",
        [by_probe(case.ref, model), by_probe(case.ref, index)],
        f"Ask for {loaded[0]}, or name the model {case.name} (model-settings.json, config.pbtxt and its folder, or "
        "--model_name).",
        severity=INFO if several else "warning",
    )


def _unreachable(case: Case, load: Workload, probe: dict[str, Any]) -> Finding | None:
    said = str(probe.get("error") or "")
    item = _container(case, load)
    if "no endpoints available" in said:
        return None
    if "connection refused" in said and item is not None:
        asked = int(probe.get("target_port") or (podstate.port_numbers(item) or [8080])[0])
        text, _previous = log_evidence(case, load.ready_pods[0], item)
        found = ports.listening(text) - {asked}
        where = f"; the server listens on port {', '.join(str(port) for port in sorted(found))}" if found else ""
        origin, path = case.origin("ports")
        return case.finding(
            "KS058",
            f"The Service of the predictor forwards to port {asked} of the pods, where nothing listens{where}.",
            [by_probe(case.ref, probe)],
            f"Make the first containerPort in {path} of {origin} the server's HTTP port.",
            object=origin,
        )
    return case.finding(
        "KS142",
        f"The predictor cannot be reached through the API server although its pods are ready: {condensed(said)[:300]}.",
        [by_probe(case.ref, probe)],
    )


# -- endpoints --------------------------------------------------------------------------------------------------------


def no_endpoints(case: Case, load: Workload) -> Finding | None:
    """Pods are ready, and the Service of the component leads nowhere."""
    if case.mode != STANDARD or load.deployment is None or not load.ready_pods:
        return None
    pod = load.ready_pods[0]
    since = case.view.age(podstate.condition(pod, "Ready").get("lastTransitionTime"))
    name = snap.name_of(load.deployment)
    if since is None or since < SETTLED or not case.view.seen(snap.SERVICES, case.namespace):
        return None
    service = case.view.get(snap.SERVICES, case.namespace, name)
    if service is None:
        if "worker" in name:
            return None
        return case.finding(
            "KS141",
            f"There is no Service {name} in namespace {case.namespace}: the ready pods cannot be reached.",
            [in_field(load.deployment, "metadata.name", name)],
        )
    if endpoints_ready(case.view, case.namespace, name) is not False:
        return None
    selector = (service.get("spec") or {}).get("selector") or {}
    labels = snap.labels_of(pod)
    wrong = [f"{key}={value}" for key, value in sorted(selector.items()) if labels.get(key) != value]
    why = f"its selector asks for {', '.join(wrong)}, which the pods do not have" if wrong else "no pod is behind it"
    return case.finding(
        "KS141",
        f"Service {name} has no ready endpoints although pod {snap.name_of(pod)} is ready: {why}.",
        [in_field(service, "spec.selector", ", ".join(wrong) or "matches")],
        object=ref_of(service),
    )


# -- metrics ----------------------------------------------------------------------------------------------------------


def metrics_elsewhere(case: Case, load: Workload) -> Finding | None:
    """Row 61: the annotated metrics endpoint is closed or is no Prometheus text."""
    for probe in probes(case, "metrics", "pods"):
        if probe.get("status") == 200 and _is_metrics(str(probe.get("body") or "")):
            continue
        pod = next((item for item in load.ready_pods if snap.name_of(item) == probe.get("target")), None)
        item = podstate.container(pod, CONTAINER) if pod else None
        if pod is None or item is None:
            continue
        return _metrics(case, pod, item, probe)
    return None


def _is_metrics(body: str) -> bool:
    if not body.strip():
        return True
    # A body may be cut at the limit: its last line is left out.
    lines = body.splitlines()
    text = "\n".join(lines[:-1]) if len(lines) > 1 else body
    try:
        metrics.parse(text)
    except metrics.MetricsError:
        return False
    return True


def _metrics(case: Case, pod: dict[str, Any], item: podstate.Container, probe: dict[str, Any]) -> Finding:
    annotations = snap.annotations_of(pod)
    key = next(
        (name for name in ("prometheus.kserve.io/port", "prometheus.io/port") if annotations.get(name)),
        "prometheus.io/port",
    )
    port, path = probe.get("port"), probe.get("path")
    said = (
        f"HTTP {probe['status']}" if probe.get("status") is not None else condensed(str(probe.get("error") or "closed"))
    )
    kind = server_kind(case, item)
    known = ports.metrics_configured(item.spec) or {"triton": 8002, "mlserver": 8082}.get(kind)
    hint = f"; the server's metrics are on port {known}" if known and known != port else ""
    if annotations.get("prometheus.io/port") == "9091" and port == 9091:
        hint += " (9091 is what KServe's enable-prometheus-scraping writes in Standard mode)"
    origin = ref_of(case.runtime) if case.runtime else case.ref
    return case.finding(
        "KS061",
        f"The annotation {key} says that metrics are at port {port}{path}, where the pod answers {said}{hint}.",
        [by_probe(ref_of(pod), probe), in_field(pod, f"metadata.annotations[{key}]", annotations.get(key) or port)],
        f"Set {key} in spec.annotations of {origin} to the port of the server's metrics"
        + (f" ({known})." if known else "."),
        object=origin,
    )


# -- ingress and autoscaling ------------------------------------------------------------------------------------------


def not_exposed(case: Case) -> Finding | None:
    """Row 64: the predictor is ready and the way from outside is not."""
    condition = case.condition("IngressReady")
    if condition.get("status") != "False" or case.condition("PredictorReady").get("status") != "True":
        return None
    since = case.view.age(condition.get("lastTransitionTime"))
    if since is not None and since < SETTLED:
        return None
    words = ": ".join(str(condition[part]) for part in ("reason", "message") if condition.get(part))
    detail, evidence = _route_says(case)
    return case.finding(
        "KS064",
        "The service is ready inside the cluster and not reachable from outside: "
        f"{condensed(words) or 'IngressReady=False'}"
        f"{detail}.",
        [in_field(case.service, "status.conditions[IngressReady]", words or "False"), *evidence],
    )


def _route_says(case: Case) -> tuple[str, list[Evidence]]:
    for route in case.view.within(snap.ROUTES, case.namespace):
        if not snap.name_of(route).startswith(case.name):
            continue
        for ingress in (route.get("status") or {}).get("ingress") or []:
            for condition in ingress.get("conditions") or []:
                if condition.get("type") == "Admitted" and condition.get("status") != "True":
                    text = f"{condition.get('reason')}: {condition.get('message')}"
                    return f"; Route {snap.name_of(route)} is not admitted ({text})", [
                        in_field(route, "status.ingress[].conditions[Admitted]", text)
                    ]
    for route in case.view.within(snap.HTTPROUTES, case.namespace):
        if not snap.name_of(route).startswith(case.name):
            continue
        for parent in (route.get("status") or {}).get("parents") or []:
            for condition in parent.get("conditions") or []:
                if condition.get("status") == "False":
                    text = f"{condition.get('type')} {condition.get('reason')}: {condition.get('message')}"
                    return f"; HTTPRoute {snap.name_of(route)}: {text}", [
                        in_field(route, "status.parents[].conditions", text)
                    ]
    return "", []


def autoscaler_fails(case: Case) -> Iterator[Finding]:
    """Row 65: the HPA has no metrics, or KEDA's ScaledObject is not ready."""
    names = {snap.name_of(item) for item in case.deployments}
    for scaler in case.view.within(snap.HPAS, case.namespace):
        target = ((scaler.get("spec") or {}).get("scaleTargetRef") or {}).get("name")
        if target in names:
            yield from _hpa(case, scaler)
    for scaler in case.view.within(snap.SCALEDOBJECTS, case.namespace):
        target = ((scaler.get("spec") or {}).get("scaleTargetRef") or {}).get("name")
        condition = podstate.condition(scaler, "Ready")
        if target in names and condition.get("status") == "False":
            text = f"{condition.get('reason')}: {condition.get('message')}"
            yield case.finding(
                "KS065",
                f"ScaledObject {snap.name_of(scaler)} is not ready: {condensed(text)}.",
                [in_field(scaler, "status.conditions[Ready]", text)],
                object=ref_of(scaler),
            )


def _hpa(case: Case, scaler: dict[str, Any]) -> Iterator[Finding]:
    condition = podstate.condition(scaler, "ScalingActive")
    reason = str(condition.get("reason") or "")
    age = case.view.age((scaler.get("metadata") or {}).get("creationTimestamp")) or 0.0
    if condition.get("status") != "False" or reason == "ScalingDisabled" or age < METRICS_SETTLED or not case.serving:
        return
    text = condensed(f"{reason}: {condition.get('message')}")
    events = [event for event in case.view.events_of(scaler) if event.get("reason") == reason]
    yield case.finding(
        "KS065",
        f"HorizontalPodAutoscaler {snap.name_of(scaler)} does not work ({text}): the service stays at its present "
        "number of "
        "replicas.",
        [in_field(scaler, "status.conditions[ScalingActive]", text), *[in_event(event) for event in events[:1]]],
        "Install the metrics server, set requests for the metric, or annotate the service with "
        "serving.kserve.io/autoscalerClass: none.",
        object=ref_of(scaler),
    )
