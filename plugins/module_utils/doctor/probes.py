# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask the servers themselves, through the API server: health and models over the Service, metrics over the pod.

Ready is not served: only the model's own ready says that the model is. The Service does not carry the metrics port, so
metrics are asked of the pod. gRPC cannot pass the API server's proxy and is said to be unprobed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.pool import each
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import ports
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import (
    STANDARD,
    Case,
    Model,
    Workload,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds, metrics, protocol
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

# Seconds until a webhook that did not answer is asked again.
SECOND_TRY = 3.0
WORKERS = 16
TIMEOUT = 10.0
BODY = 4096
METRICS_BODY = 16384
MAX_PORTS = 12

MODES = ("all", "unhealthy", "none")


@dataclass(frozen=True)
class Probe:
    """One request to a server: via ``services`` or ``pods``, target as the proxy names it."""

    namespace: str
    service: str
    component: str
    purpose: str
    via: str
    target: str
    port: int
    path: str
    method: str = "GET"
    limit: int = BODY
    target_port: int | None = None
    model: str = ""


def run(
    client: Client,
    data: dict[str, Any],
    *,
    probe: str,
    limit: int,
    names: Iterable[str] | None = None,
    dry_run: bool = True,
) -> list[dict[str, Any]]:
    """Results (see snapshot.py, probes) for the services of a snapshot; adds to its unseen what was not asked."""
    if probe == "none":
        _unseen(data, "endpoints", "not_probed", "No endpoint was asked, as asked for (probe: none).")
        return []
    view = snap.View(data)
    cases = list(_chosen(view, probe, names))
    if len(cases) > limit:
        _unseen(
            data, "endpoints", "not_probed", f"Endpoints of {len(cases) - limit} services were not asked (probe_limit)."
        )
    planned = [item for case in cases[:limit] for item in _plan(case, data)]
    found = [item for item in each(lambda item: _ask(client, item), planned, WORKERS) if item.error is None]
    results = [item.value for item in found if item.value is not None]
    results += _ask_more(client, planned, results)
    if dry_run:
        results += _dry_runs(client, view, data)
    return list(_told(results, data))


def _unseen(data: dict[str, Any], what: str, reason: str, message: str) -> None:
    if all(item["what"] != what for item in data["unseen"]):
        data["unseen"].append({"what": what, "reason": reason, "message": message})


def _chosen(view: snap.View, probe: str, names: Iterable[str] | None) -> Iterator[Case]:
    model = Model(view)
    wanted = set(names) if names else None
    for service in view.all(snap.INFERENCESERVICES):
        case = Case(model, service)
        if wanted is not None and case.name not in wanted:
            continue
        if case.stopped or case.deleting or not case.pods:
            continue
        if probe == "all" or not case.is_ready or any(not podstate.ready(pod) for pod in case.pods):
            yield case


# -- planning ---------------------------------------------------------------------------------------------------------


def _plan(case: Case, data: dict[str, Any]) -> Iterator[Probe]:
    for load in case.workloads:
        if load.component != "predictor":
            continue
        if load.serving_pods and load.deployment is not None and case.mode == STANDARD:
            yield from _of_service(case, load, data)
        if load.ready_pods:
            yield from _metrics(case, load, load.ready_pods[0])
        yield from _of_waiting(case, load)


def _of_service(case: Case, load: Workload, data: dict[str, Any]) -> Iterator[Probe]:
    if not case.model_spec:
        return
    try:
        spoken = protocol.http_protocol(case.service, case.runtime, case.model.version)
        model = protocol.model_name(case.service, case.runtime)
    except SpecError:
        return
    if spoken is None:
        _unseen(
            data,
            f"gRPC endpoint of {case.namespace}/{case.name}",
            "not_probed",
            "gRPC does not pass the API server's proxy: forward the port to ask it.",
        )
        return
    main = next(iter(load.serving_pods), None)
    item = podstate.container(main, kinds.CONTAINER) if main else None
    target_port = (podstate.port_numbers(item) or [ports.DEFAULT])[0] if item else None
    first = Probe(case.namespace, case.name, load.component, protocol.MODEL, "services",
                  snap.name_of(load.deployment or {}), protocol.SERVICE_PORT, "", target_port=target_port,
                  model=model)  # fmt: skip
    for purpose in (protocol.READY, protocol.MODEL) if spoken == "v2" else (protocol.MODEL,):
        yield _request(first, spoken, purpose)


def _request(of: Probe, spoken: str, purpose: str) -> Probe:
    """Another request to the same Service."""
    asked = protocol.request(spoken, purpose, of.model)
    limit = METRICS_BODY if purpose == protocol.INDEX else BODY
    return replace(of, purpose=purpose, method=asked.method, path=asked.path, limit=limit)


def _metrics(case: Case, load: Workload, pod: dict[str, Any]) -> Iterator[Probe]:
    place = metrics.endpoint(snap.annotations_of(pod))
    if place is not None:
        port, path = place
        yield Probe(
            case.namespace, case.name, load.component, "metrics", "pods", snap.name_of(pod), port, path,
            limit=METRICS_BODY,
        )  # fmt: skip


def _of_waiting(case: Case, load: Workload) -> Iterator[Probe]:
    """A pod that runs and is not ready: where does it listen?"""
    for pod in load.pods[:2]:
        if podstate.ready(pod) or podstate.deleting(pod):
            continue
        item = podstate.container(pod, kinds.CONTAINER)
        if item is None or not item.running:
            continue
        for port in ports.candidates(pod, item)[:MAX_PORTS]:
            yield Probe(
                case.namespace, case.name, load.component, "live", "pods", snap.name_of(pod), port, "/v2/health/live"
            )


# -- asking -----------------------------------------------------------------------------------------------------------


def _ask(client: Client, probe: Probe) -> dict[str, Any]:
    kind = resources.SERVICE if probe.via == "services" else resources.POD
    path = kind.path(probe.namespace, f"{probe.target}:{probe.port}", "proxy") + probe.path
    result: dict[str, Any] = {
        "namespace": probe.namespace,
        "service": probe.service,
        "component": probe.component,
        "purpose": probe.purpose,
        "via": probe.via,
        "target": probe.target,
        "port": probe.port,
        "target_port": probe.target_port,
        "path": probe.path,
        "method": probe.method,
        "status": None,
        "body": "",
        "error": None,
        "time": snap.stamp(time.time()),
    }
    body: dict[str, Any] | None = {} if probe.method == "POST" else None
    headers = {"Content-Type": "application/json", "Accept": "*/*"}
    try:
        answer = client.raw(probe.method, path, body=body, headers=headers, timeout=TIMEOUT, limit=probe.limit)
    except ClusterError as error:
        result["error"] = str(error)
        return result
    said = protocol.proxy_verdict(answer.status, answer.body)
    if said is None:
        result.update(status=answer.status, body=answer.body.decode(errors="replace"))
    else:
        result.update(error=said.text, denied=said.outcome == "forbidden")
    return result


def _ask_more(client: Client, planned: list[Probe], results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where a server answers and does not know the model, ask which models it has.

    A server that knows nothing under V1's path may speak V2 alone: a runtime that lists no protocol, or both, does not
    tell. It is asked by V2 as well.
    """
    asked = {(item.namespace, item.service, item.path): item for item in planned if item.purpose == protocol.MODEL}
    more: list[Probe] = []
    for item in results:
        probe = asked.get((item["namespace"], item["service"], item["path"]))
        if probe is None or item["purpose"] != protocol.MODEL or item["status"] in (None, 200):
            continue
        v1 = probe.path == protocol.request("v1", protocol.MODEL, probe.model).path
        further = (protocol.READY, protocol.MODEL, protocol.INDEX) if v1 else (protocol.INDEX,)
        more += [_request(probe, "v1", protocol.INDEX)] if v1 else []
        more += [_request(probe, "v2", purpose) for purpose in further]
    return [item.value for item in each(lambda probe: _ask(client, probe), more, WORKERS) if item.value is not None]


def _told(results: list[dict[str, Any]], data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Results without what RBAC denied: that is not the server's answer, but something unseen."""
    for item in results:
        if not item.pop("denied", False):
            yield item
            continue
        verb = "create" if item["method"] == "POST" else "get"
        what = f"{item['via']}/proxy ({verb}) in namespace {item['namespace']}"
        _unseen(data, what, "forbidden", f"{item['purpose']}: {item['error']}")


# -- admission webhooks -----------------------------------------------------------------------------------------------


def _dry_runs(client: Client, view: snap.View, data: dict[str, Any]) -> list[dict[str, Any]]:
    """Dry-run writes: the only way to know that the webhooks answer before somebody's write fails."""
    namespace = _namespace_for_writes(view, data)
    keys = (snap.MUTATING_WEBHOOKS, snap.VALIDATING_WEBHOOKS)
    if namespace is None or all(view.seen(key) and not view.all(key) for key in keys):
        return []
    results = each(lambda body: _dry_run_twice(client, body, namespace, data), _samples(view), WORKERS)
    return [item.value for item in results if item.value is not None]


def _dry_run_twice(
    client: Client, sample: tuple[Resource, dict[str, Any]], namespace: str, data: dict[str, Any]
) -> dict[str, Any] | None:
    """A webhook that fails once may only have lost a connection: it counts when it fails again."""
    found = _dry_run(client, sample, namespace, data)
    if found is None or not found["error"]:
        return found
    time.sleep(SECOND_TRY)
    return _dry_run(client, sample, namespace, data)


def _namespace_for_writes(view: snap.View, data: Mapping[str, Any]) -> str | None:
    for namespace in data.get("namespaces") or []:
        return str(namespace)
    for service in view.all(snap.INFERENCESERVICES):
        return snap.namespace_of(service)
    return "default"


def _samples(view: snap.View) -> list[tuple[Resource, dict[str, Any]]]:
    container = {"name": kinds.CONTAINER, "image": "localhost/none:none"}
    runtime = {"supportedModelFormats": [{"name": "modelserving-dry-run"}], "containers": [container]}
    model = {"modelFormat": {"name": "modelserving-dry-run"}, "storageUri": "pvc://none/none"}
    label = {snap.SERVICE_LABEL: "modelserving-dry-run"}
    samples: list[tuple[Resource, dict[str, Any]]] = [
        (Resource(*kinds.INFERENCE_SERVICE), {"spec": {"predictor": {"model": model}}}),
        (Resource(*kinds.SERVING_RUNTIME), {"spec": runtime}),
        (resources.POD, {"metadata": {"labels": label}, "spec": {"containers": [container]}}),
    ]
    if view.seen(snap.CLUSTERSERVINGRUNTIMES):
        samples.append((Resource(*kinds.CLUSTER_SERVING_RUNTIME), {"spec": runtime}))
    return samples


def _dry_run(
    client: Client, sample: tuple[Resource, dict[str, Any]], namespace: str, data: dict[str, Any]
) -> dict[str, Any] | None:
    resource, body = sample
    where = namespace if resource.namespaced else None
    metadata = {**(body.get("metadata") or {}), "name": "modelserving-dry-run"}
    if where:
        metadata["namespace"] = where
    wanted = {"apiVersion": resource.api_version, "kind": resource.kind, **body, "metadata": metadata}
    answer = client.raw("POST", resource.path(where), query={"dryRun": "All"}, body=wanted, timeout=TIMEOUT + 20,
                        headers={"Content-Type": "application/json"})  # fmt: skip
    verdict = protocol.proxy_verdict(answer.status, answer.body)
    said = verdict.text if verdict else None
    if answer.status == 403 and said and "cannot create" in said:
        _unseen(data, "admission webhooks", "forbidden",
                f"Whether the webhooks answer was not tried: dry-run writes are not allowed ({said}).")  # fmt: skip
        return None
    return {
        "namespace": where or "",
        "service": "",
        "component": "",
        "purpose": "webhook",
        "via": "dry-run",
        "target": resource.kind,
        "port": None,
        "path": resource.path(where),
        "method": "POST",
        "status": answer.status,
        "body": "",
        "error": said if said and "failed calling webhook" in said else None,
        "time": snap.stamp(time.time()),
    }
