# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the servers say when they are asked, and the way to them: endpoints, ingress, autoscalers, metrics."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import log_patterns, log_reading
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import (
    ERROR,
    INFO,
    WARNING,
    Evidence,
    Finding,
    ref_of,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import isolation, ports
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
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
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import metrics, protocol
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


@dataclass(frozen=True)
class _Talk:
    """What the server said in one protocol: of the model, that it is up, and its index of models (None: not known)."""

    model: dict[str, Any]
    alive: dict[str, Any] | None
    index: dict[str, Any] | None
    served: list[protocol.ServedModel] | None

    @property
    def name(self) -> str:
        """The model that was asked for."""
        return _asked_for(self.model)

    @property
    def refuses_index(self) -> bool:
        """Whether the server itself has no such endpoint, as against nobody having been allowed to ask."""
        return self.index is not None and self.index.get("status") is not None


_MODEL_PATH = re.compile(r"^/(?P<protocol>v\d)/models/(?P<name>[^/:]+)")


def _asked_for(probe: dict[str, Any]) -> str:
    matched = _MODEL_PATH.match(str(probe.get("path") or ""))
    return unquote(matched["name"]) if matched else ""


def _spoken(probe: dict[str, Any]) -> str:
    return str(probe.get("path") or "").partition("/models")[0].split("/")[1]


def _served(probe: dict[str, Any]) -> bool:
    """Whether a server says that it has the model ready; KServe's and TensorFlow Serving's deny it with HTTP 200."""
    asked = protocol.Request(protocol.MODEL, "GET", str(probe.get("path")))
    status = probe.get("status")
    return status is not None and protocol.judge(asked, int(status), str(probe.get("body") or "")).ok


def not_served(case: Case, load: Workload, extra: tuple[log_patterns.Pattern, ...] = ()) -> Finding | None:
    """Rows 52, 58 and 62: the pods are ready, and the server itself says otherwise. Ready is not served."""
    if load.component != "predictor" or not load.ready_pods:
        return None
    asked = probes(case, protocol.MODEL, "services")
    if not asked or any(_served(item) for item in asked):
        return None
    unreachable = next((item for item in asked if item.get("status") is None), None)
    if unreachable is not None:
        return _unreachable(case, load, unreachable)
    talk = next((talk for item in reversed(asked) if (talk := _talk(case, item)) is not None), None)
    return _not_served(case, load, talk, extra) if talk else None


def _talk(case: Case, model: dict[str, Any]) -> _Talk | None:
    """None where the answer may be anybody's: of a server that does not speak the protocol at all."""
    mine = f"/{_spoken(model)}/"
    said = [item for item in case.view.probes_of(case.namespace, case.name) if item.get("via") == "services"]
    said = [item for item in said if str(item.get("path")).startswith(mine)]
    alive = next((item for item in said if item["purpose"] in ("ready", "live") and item.get("status") == 200), None)
    index = next((item for item in said if item["purpose"] == protocol.INDEX), None)
    served = _models(index)
    talk = _Talk(model, alive, index, served)
    knows = alive is not None or served is not None
    return talk if knows or (mine == "/v1/" and _speaks_of_models(model)) else None


def _speaks_of_models(model: dict[str, Any]) -> bool:
    """Whether an answer to V1's path is a model server's: KServe's and TensorFlow Serving's name the error."""
    try:
        answer = json.loads(model.get("body") or "")
    except ValueError:
        return False
    return isinstance(answer, dict) and ("error" in answer or "model_version_status" in answer)


def _models(index: dict[str, Any] | None) -> list[protocol.ServedModel] | None:
    """The models that the server lists; None where it was not asked or lists none."""
    if index is None or index.get("status") != 200:
        return None
    try:
        return protocol.served_models(str(index.get("body") or ""))
    except ValueError:
        return None


def _not_served(case: Case, load: Workload, talk: _Talk, extra: tuple[log_patterns.Pattern, ...]) -> Finding | None:
    if _loads_a_version(talk.model):
        return _still_loads(case, load, talk)
    if talk.served is None:
        return _said_in_log(case, load, talk, extra) or _model_absent(case, load, talk)
    own = [item for item in talk.served if item.name == talk.name]
    ready = {item.name for item in talk.served if item.ready}
    # One entry a version: those that an update has unloaded say nothing of the model.
    failed = [item for item in talk.served if item.failed and item.name not in ready]
    loading = [item for item in talk.served if item.state.upper() == "LOADING"]
    failed.sort(key=lambda item: item.name != talk.name)
    if failed:
        return _model_failed(case, load, failed[0], talk, extra)
    if any(item.name == talk.name or not own for item in loading):
        return _still_loads(case, load, talk)
    if talk.name in ready:
        return _denied(case, load, talk)
    if own or (talk.served and not ready):
        return _not_loaded(case, load, talk)
    if not ready:
        return _said_in_log(case, load, talk, extra) or _empty_server(case, load, talk)
    return _other_name(case, load, sorted(ready), talk)


def _container(case: Case, load: Workload) -> podstate.Container | None:
    return podstate.container(load.ready_pods[0], CONTAINER) if load.ready_pods else None


def _server_name(case: Case, load: Workload) -> str:
    item = _container(case, load)
    return {"triton": "Triton", "mlserver": "MLServer"}.get(server_kind(case, item) if item else "", "The server")


def _heard(case: Case, talk: _Talk) -> list[Evidence]:
    return [by_probe(case.ref, item) for item in (talk.model, talk.index or talk.alive) if item is not None]


def _said_in_log(case: Case, load: Workload, talk: _Talk, extra: tuple[log_patterns.Pattern, ...]) -> Finding | None:
    """Why a server that is up has no model, where its log tells: settings that it could not read, for one."""
    item = _container(case, load)
    text, previous = log_evidence(case, load.ready_pods[0], item) if item else ("", False)
    reading = log_reading.read(text)
    known = log_patterns.match(reading, log_patterns.SERVER, extra) if reading.raised or reading.rows else None
    if item is None or known is None:
        return None
    finding = by_pattern(case, load.ready_pods[0], item, known, reading, previous)
    finding.evidence.append(by_probe(case.ref, talk.model))
    return finding


def _empty_server(case: Case, load: Workload, talk: _Talk) -> Finding:
    server = _server_name(case, load)
    lacks = {
        "Triton": "there is no model directory",
        "MLServer": "there is no model-settings.json, and no implementation is set",
    }.get(server, "there is no model")
    where = f"the storage path {case.storage_uri}" if case.storage_uri else "its model directory"
    return case.finding(
        "KS052",
        f"{server} is up and serves no model at all: asked for {talk.name}, it answers {talk.model.get('status')}, and "
        f"its model repository is empty. Under {where} {lacks}.",
        _heard(case, talk),
        f"Check what lies under {case.storage_uri or 'the storage path'}; for MLServer add model-settings.json, or set "
        "MLSERVER_MODEL_IMPLEMENTATION and MLSERVER_MODEL_NAME.",
    )


def _not_loaded(case: Case, load: Workload, talk: _Talk) -> Finding:
    """Triton knows its repository and loads from it what it is told to, no more."""
    names = list(dict.fromkeys(served.name for served in talk.served or []))
    known = talk.name in names
    why = ", for it is started with --model-control-mode=explicit" if _explicit(_container(case, load)) else ""
    return case.finding(
        "KS052",
        f"{_server_name(case, load)} is up and has loaded no model{' of that name' if known else ''}: asked for "
        f"{talk.name}, it answers {talk.model.get('status')}; its repository holds {', '.join(names[:8])}, which it "
        f"has not loaded{why}.",
        _heard(case, talk),
        f"Add --load-model={talk.name if known else names[0]} to its arguments, or leave --model-control-mode out so "
        "that it loads all.",
    )


def _explicit(item: podstate.Container | None) -> bool:
    words = [*(item.spec.get("command") or []), *(item.spec.get("args") or [])] if item else []
    return re.search(r"--model-control-mode[= ]explicit", " ".join(str(word) for word in words)) is not None


def _loads_a_version(model: dict[str, Any]) -> bool:
    """Whether TensorFlow Serving is on its way to a version (its ModelVersionStatus.State)."""
    return re.search(r'"state":\s*"(?:START|LOADING)"', str(model.get("body") or "")) is not None


def _still_loads(case: Case, load: Workload, talk: _Talk) -> Finding:
    return case.finding(
        "KS134",
        f"{_server_name(case, load)} is up and still loads: asked for model {talk.name}, it answers "
        f"{talk.model.get('status')}, and says that it is loading.",
        _heard(case, talk),
        title="The model is still loading",
    )


def _denied(case: Case, load: Workload, talk: _Talk) -> Finding:
    """The server lists the model and says of itself that it is not ready: a moment after the start that may pass."""
    since = case.view.age(podstate.condition(load.ready_pods[0], "Ready").get("lastTransitionTime"))
    young = since is not None and since < SETTLED
    return case.finding(
        "KS134" if young else "KS138",
        f"{_server_name(case, load)} lists model {talk.name}, but asked whether it is ready it answers "
        f"{talk.model.get('status')}: {condensed(str(talk.model.get('body') or ''))[:200] or 'nothing more'}.",
        _heard(case, talk),
    )


def _model_absent(case: Case, load: Workload, talk: _Talk) -> Finding:
    said = condensed(str(talk.model.get("body") or ""))[:200]
    answers = (
        f"{_server_name(case, load)} is up, but asked whether model {talk.name} is ready it answers "
        f"{talk.model.get('status')} ({said})"
    )
    if _spoken(talk.model) == "v1" or talk.refuses_index:
        return case.finding(
            "KS052",
            f"{answers}: it serves no model of that name.",
            _heard(case, talk),
            "Name the model as the service, or see in the server's log which models it loaded.",
        )
    return case.finding(
        "KS052",
        f"{answers}. Whether it serves one of another name is not known: its repository index could not be asked.",
        _heard(case, talk),
        "Allow to create services/proxy, so that the index can be asked, or see in the server's log which models it "
        "loaded.",
        severity=WARNING,
        title="The server does not know the model by the service's name",
    )


def _model_failed(
    case: Case,
    load: Workload,
    failed: protocol.ServedModel,
    talk: _Talk,
    extra: tuple[log_patterns.Pattern, ...],
) -> Finding:
    reading = log_reading.Reading(rows=[(failed.name, "", failed.reason)] if failed.reason else [])
    if not failed.reason:
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
        f"{server} is up, but model {failed.name} is {failed.state}{says}{f' ({quote})' if quote else ''}.",
        _heard(case, talk),
        known.remedy if known else None,
        key=failed.name,
    )


def _other_name(case: Case, load: Workload, loaded: list[str], talk: _Talk) -> Finding:
    """Row 62. Triton's repository names its models, and a client of Triton asks for them by these names."""
    listed = ", ".join(loaded[:8])
    several = len(loaded) > 1
    server = _server_name(case, load)
    what = f"models {listed}" if several else f"one model, named {listed}"
    path = f"/{_spoken(talk.model)}/models/{talk.name}"
    return case.finding(
        "KS062",
        f"{server} holds {what}, and no model named {talk.name}: requests for {path} are answered with "
        f"{talk.model.get('status')} (unknown model).",
        _heard(case, talk),
        f"Ask for {loaded[0]}, or name the model {talk.name} (model-settings.json, config.pbtxt and its folder, or "
        "--model_name).",
        severity=INFO if several or server == "Triton" else ERROR,
    )


def _unreachable(case: Case, load: Workload, probe: dict[str, Any]) -> Finding | None:
    said = str(probe.get("error") or "")
    item = _container(case, load)
    if "no endpoints available" in said:
        return None
    if item is not None:
        asked = int(probe.get("target_port") or (podstate.port_numbers(item) or [ports.DEFAULT])[0])
        if _HTTP2.search(said) or (_NO_HTTP.search(said) and asked == ports.grpc_configured(item.spec)):
            return _speaks_grpc(case, item, asked, probe)
    if "connection refused" in said and item is not None:
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
    fails = "The predictor cannot be reached through the API server although its pods are ready: "
    fails += condensed(said)[:300]
    isolated = isolation.of_pod(case.view, load.ready_pods[0], isolation.INGRESS) if load.ready_pods else None
    if isolated is None:
        return case.finding("KS142", f"{fails}.", [by_probe(case.ref, probe)])
    # Policies that let named ones in may well mean to keep others out, the API server among them.
    return case.finding(
        "KS142",
        f"{fails}; {isolated.says}.",
        [by_probe(case.ref, probe), *isolated.evidence],
        f"Let the clients of {case.ref.name} in by {isolated.ref}.",
        object=isolated.ref if isolated.closed else None,
        severity=ERROR if isolated.closed else INFO,
    )


# What Go's HTTP client makes of a server's first HTTP/2 frame (SETTINGS: type 4 after the length's three bytes).
_HTTP2 = re.compile(r'malformed HTTP response "\\x00\\x00(?:\\x[0-9a-f]{2}|\\?.)\\x04')
_NO_HTTP = re.compile(r"malformed HTTP response|EOF|connection reset by peer")


def _speaks_grpc(case: Case, item: podstate.Container, asked: int, probe: dict[str, Any]) -> Finding:
    """The first containerPort is gRPC's: perhaps it is meant so (h2c, or no other port); HTTP clients fail at it."""
    origin, path = case.origin("ports")
    entry: dict[str, Any] = next(
        (port for port in item.spec.get("ports") or [] if port.get("containerPort") == asked), {}
    )
    http = [port for port in podstate.port_numbers(item) if port != asked]
    meant = str(entry.get("name") or "").lower().startswith("h2c" if http else ("h2c", "grpc"))
    better = ports.configured(item.spec) or (http[0] if len(http) == 1 else None)
    return case.finding(
        "KS058",
        f"The Service's port {protocol.SERVICE_PORT} goes to the first containerPort, {asked}, which speaks gRPC: HTTP "
        "requests fail.",
        [by_probe(case.ref, probe)],
        f"Put the server's HTTP port{f', {better},' if better else ''} first in {path} of {origin}, or ask the service "
        "by gRPC.",
        object=origin,
        severity=WARNING if meant else None,
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
        body = str(probe.get("body") or "")
        if probe.get("status") == 200 and (not body.strip() or metrics.looks_like(body)):
            continue
        pod = next((item for item in load.ready_pods if snap.name_of(item) == probe.get("target")), None)
        item = podstate.container(pod, CONTAINER) if pod else None
        if pod is None or item is None:
            continue
        return _metrics(case, pod, item, probe)
    return None


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
    known = ports.metrics_configured(item.spec) or ports.METRICS_DEFAULTS.get(kind)
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
