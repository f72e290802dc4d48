# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the servers behind InferenceServices answer: live, ready, model ready, metrics, and a sample inference.

Everything goes through the API server's proxy. The health requests are all GET, so that the right to read is enough;
a sample inference is a POST and needs the right to create on services/proxy.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, pool
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import POD, Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import (
    kinds,
    metrics,
    protocol,
    selection,
    versions,
    waiting,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import control_plane, inference

INFERENCE_SERVICE = Resource(*kinds.INFERENCE_SERVICE)
SERVING_RUNTIME = Resource(*kinds.SERVING_RUNTIME)
CLUSTER_SERVING_RUNTIME = Resource(*kinds.CLUSTER_SERVING_RUNTIME)

HEALTHY = "healthy"
UNHEALTHY = "unhealthy"
STOPPED = "stopped"
IDLE = "idle"
STATES = (HEALTHY, UNHEALTHY, STOPPED, IDLE)

METRICS = "metrics"
PAUSE = 2.0

Object = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """What to check.

    namespaces: None for all; names: services' names, None for all; runtimes: only services that use one of these,
    None for all; samples: by (namespace or None, name); timeout: seconds to go on until all are healthy;
    request_timeout: seconds for one answer of a server.
    """

    namespaces: Sequence[str] | None = None
    names: Sequence[str] | None = None
    runtimes: Sequence[str] | None = None
    with_metrics: bool = True
    samples: Mapping[tuple[str | None, str], inference.Sample] = field(default_factory=dict)
    timeout: float = 0.0
    request_timeout: float = 10.0
    kserve_version: str | None = None
    workers: int = 8

    def sample(self, namespace: str, name: str) -> inference.Sample | None:
        """The sample for a service; one that names its namespace comes first."""
        return self.samples.get((namespace, name)) or self.samples.get((None, name))


@dataclass(frozen=True)
class Check:
    """One question and its answer. purpose: live | ready | model | metrics | infer."""

    purpose: str
    ok: bool
    path: str
    status: int | None
    message: str

    def plain(self) -> Object:
        """The check for a result."""
        return {
            "purpose": self.purpose,
            "ok": self.ok,
            "path": self.path,
            "status": self.status,
            "message": self.message,
        }


@dataclass
class Health:
    """One service and what its server said."""

    service: Mapping[str, Any]
    runtime: Mapping[str, Any] | None
    how: str | None
    pods: Sequence[Mapping[str, Any]]
    sees_pods: bool = True
    state: str = UNHEALTHY
    message: str = ""
    spoken: str | None = None
    checks: list[Check] = field(default_factory=list)
    reply: inference.Reply | None = None

    @property
    def namespace(self) -> str:
        """The service's namespace."""
        return str(self.service["metadata"]["namespace"])

    @property
    def name(self) -> str:
        """The service's name."""
        return str(self.service["metadata"]["name"])

    def plain(self) -> Object:
        """The service's entry in a result."""
        runtime = self.runtime
        return {
            "namespace": self.namespace,
            "name": self.name,
            "state": self.state,
            "message": self.message,
            "runtime": {"kind": runtime["kind"], "name": runtime["metadata"]["name"]} if runtime else None,
            "how": self.how,
            "protocol": self.spoken,
            "checks": [check.plain() for check in self.checks],
            "sample": self.reply.plain() if self.reply else None,
        }


@dataclass
class Found:
    """The services by namespace and name, and what could not be seen of them: {what, reason, message}."""

    services: list[Health] = field(default_factory=list)
    unseen: list[Object] = field(default_factory=list)

    def miss(self, what: str, error: errors.ClusterError) -> None:
        """Note what may not be read, once."""
        if all(item["what"] != what for item in self.unseen):
            self.unseen.append({"what": what, "reason": error.reason, "message": str(error)})


def task_of(params: Mapping[str, Any], given: Mapping[str, Any]) -> Task:
    """The module's parameters, checked. Raises SpecError."""
    if params["kserve_version"] is not None:
        try:
            versions.known(params["kserve_version"])
        except ValueError as error:
            raise SpecError("", str(error)) from error
    return Task(
        namespaces=params["namespaces"],
        names=params["names"],
        runtimes=params["runtimes"],
        with_metrics=params["metrics"],
        samples=_samples(given.get("samples") or []),
        timeout=params["timeout"],
        request_timeout=params["probe_timeout"],
        kserve_version=params["kserve_version"],
        workers=params["workers"],
    )


def _samples(given: Sequence[Any]) -> dict[tuple[str | None, str], inference.Sample]:
    found: dict[tuple[str | None, str], inference.Sample] = {}
    for index, item in enumerate(given):
        path = f"samples[{index}]"
        if not isinstance(item, Mapping) or not item.get("name"):
            raise SpecError(f"{path}.name", "is required: the service that the request is for")
        options = {key: value for key, value in item.items() if key not in ("name", "namespace")}
        found[item.get("namespace"), str(item["name"])] = inference.sample(options, path)
    return found


def run(client: Client, task: Task, sleep: Callable[[float], None] = time.sleep) -> Found:
    """Check every service that the task means; again until all are healthy or time is up.

    Raises ClusterError where the services cannot be read.
    """
    end = time.monotonic() + task.timeout
    version = task.kserve_version or control_plane.kserve_version(client) or versions.DEFAULT
    while True:
        found = _services(client, task, version)
        pool.each(lambda health: _check(client, task, health), found.services, task.workers)
        if not _missing(task, found) and all(health.state != UNHEALTHY for health in found.services):
            return found
        if time.monotonic() + PAUSE > end:
            return found
        sleep(PAUSE)


def report(task: Task, found: Found) -> Object:
    """The module's result."""
    missing = _missing(task, found)
    summary = {state: sum(health.state == state for health in found.services) for state in STATES}
    return {
        "healthy": not missing and not summary[UNHEALTHY],
        "services": [health.plain() for health in found.services],
        "missing": missing,
        "summary": summary,
        "unseen": found.unseen,
    }


def failure(result: Mapping[str, Any]) -> str:
    """A sentence on what is not healthy."""
    problems = [
        f"InferenceService {item['name']} in namespace {item['namespace']} is unhealthy: {item['message'].rstrip('.')}."
        for item in result["services"]
        if item["state"] == UNHEALTHY
    ]
    problems += [f"There is no InferenceService {name} here." for name in result["missing"]]
    return " ".join(problems)


def _missing(task: Task, found: Found) -> list[str]:
    """The services that the task names and that are not there."""
    there = {health.name for health in found.services}
    asked = [*(task.names or ()), *(name for _namespace, name in task.samples)]
    return sorted({name for name in asked if name not in there})


# -- which services ----------------------------------------------------------------------------------------------------


def _services(client: Client, task: Task, version: str) -> Found:
    found = Found()
    services = _list(client, task, INFERENCE_SERVICE)
    if task.names is not None:
        services = [item for item in services if item["metadata"]["name"] in task.names]
    if not services:
        return found
    runtimes = [*_allowed(client, task, SERVING_RUNTIME, found), *_cluster_runtimes(client, found)]
    pods = _allowed(client, task, POD, found, label_selector=kinds.LABEL_SERVICE)
    read = [selection.read_runtime(item, version) for item in runtimes]
    for service in sorted(services, key=lambda item: (item["metadata"]["namespace"], item["metadata"]["name"])):
        runtime, how = _runtime(service, runtimes, read, version)
        name = runtime["metadata"]["name"] if runtime else _named(service)
        if task.runtimes is None or name in task.runtimes:
            mine = [pod for pod in pods if _belongs(pod, service)]
            found.services.append(Health(service, runtime, how, mine, sees_pods=not _unseen(found, POD)))
    return found


def _allowed(
    client: Client, task: Task, resource: Resource, found: Found, label_selector: str | None = None
) -> list[Object]:
    """A list, or what is missing of it noted."""
    try:
        return _list(client, task, resource, label_selector)
    except errors.Forbidden as error:
        found.miss(resource.plural, error)
        return []


def _unseen(found: Found, resource: Resource) -> bool:
    return any(item["what"] == resource.plural for item in found.unseen)


def _list(client: Client, task: Task, resource: Resource, label_selector: str | None = None) -> list[Object]:
    if task.namespaces is None:
        return client.list(resource, label_selector=label_selector)
    answers = pool.each(
        lambda namespace: client.list(resource, namespace, label_selector=label_selector),
        list(dict.fromkeys(task.namespaces)),
        task.workers,
    )
    for answer in answers:
        if answer.error:
            raise answer.error
    return [item for answer in answers for item in answer.value or []]


def _cluster_runtimes(client: Client, found: Found) -> list[Object]:
    try:
        return client.list(CLUSTER_SERVING_RUNTIME)
    except errors.ApiMissing:  # OpenShift AI may not have the kind
        return []
    except errors.Forbidden as error:
        found.miss(CLUSTER_SERVING_RUNTIME.plural, error)
        return []


def _runtime(
    service: Mapping[str, Any], runtimes: Sequence[Object], read: list[selection.Runtime], version: str
) -> tuple[Object | None, str | None]:
    """The runtime that a service uses, and whether it is named or selected."""
    how = "named" if _named(service) else "selected"
    try:
        choice = selection.choose_among(service, read, version)
    except SpecError:
        return None, None
    if choice.selected is None:
        return None, None
    return runtimes[next(index for index, item in enumerate(read) if item is choice.selected)], how


def _named(service: Mapping[str, Any]) -> str | None:
    model = ((service.get("spec") or {}).get("predictor") or {}).get("model") or {}
    return model.get("runtime")


def _belongs(pod: Mapping[str, Any], service: Mapping[str, Any]) -> bool:
    metadata = pod["metadata"]
    return (
        metadata["namespace"] == service["metadata"]["namespace"]
        and (metadata.get("labels") or {}).get(kinds.LABEL_SERVICE) == service["metadata"]["name"]
        and not metadata.get("deletionTimestamp")
    )


# -- one service -------------------------------------------------------------------------------------------------------


def _check(client: Client, task: Task, health: Health) -> None:
    judgement = waiting.judge(waiting.Observed(health.service, pods=health.pods))
    if judgement.state == waiting.STOPPED:
        health.state, health.message = STOPPED, judgement.text
        return
    if health.sees_pods and not health.pods and _may_be_idle(health.service):
        health.state, health.message = IDLE, "scaled to zero"
        return
    health.spoken = protocol.http_protocol(health.service, health.runtime)
    model = protocol.model_name(health.service, health.runtime)
    requests = protocol.health_requests(health.spoken, model) if health.spoken else []
    for asked in requests:
        health.checks.append(_ask(client, task, health, asked, model))
    if not requests:
        health.checks.append(_ready_pods(health))
    if task.with_metrics:
        health.checks += [check for pod in health.pods for check in _scrape(client, task, pod)]
    sample = task.sample(health.namespace, health.name)
    if sample:
        health.reply = inference.infer(client, health.service, sample, health.runtime)
        text = "; ".join(health.reply.problems) or "the answer holds what is expected"
        reply = health.reply
        health.checks.append(Check(protocol.INFER, reply.ok, reply.path, reply.status, text))
    failed = [check for check in health.checks if not check.ok]
    health.state = UNHEALTHY if failed else HEALTHY
    if failed:
        reason = "" if judgement.state == waiting.READY else f" ({judgement.text})"
        health.message = f"{failed[0].purpose}: {failed[0].message}{reason}"


def _may_be_idle(service: Mapping[str, Any]) -> bool:
    status, predictor = service.get("status") or {}, (service.get("spec") or {}).get("predictor") or {}
    knative = status.get("deploymentMode") in ("Knative", "Serverless")
    ready = any(item.get("type") == "Ready" and item.get("status") == "True" for item in status.get("conditions") or ())
    return ready and (knative or predictor.get("minReplicas") == 0)


def _ask(client: Client, task: Task, health: Health, asked: protocol.Request, model: str) -> Check:
    reply = inference.send(client, health.service, asked, task.request_timeout)
    if asked.purpose == protocol.MODEL and health.spoken == "v2" and not reply.ok and reply.status in (400, 404):
        return _by_index(client, task, health, reply, model)
    message = reply.problems[0] if reply.problems else f"{asked.path} answers {reply.status}"
    return Check(asked.purpose, reply.ok, asked.path, reply.status, message)


def _by_index(client: Client, task: Task, health: Health, reply: inference.Reply, model: str) -> Check:
    """The server knows no model of that name, or it is not ready: ask which ones it has, where that is allowed.

    A repository (Triton's, or a folder of model-settings.json) names its models itself.
    """
    index = inference.send(client, health.service, protocol.request("v2", protocol.INDEX), task.request_timeout)
    try:
        served = protocol.served_models(_text(index.answer)) if index.ok else None
    except ValueError:
        served = None
    if served is None:
        return Check(protocol.MODEL, False, reply.path, reply.status, reply.problems[0])
    listed = ", ".join(f"{item.name} {item.state or 'not loaded'}" for item in served) or "none"
    others = served and model not in {item.name for item in served}
    if others and all(item.ready for item in served):
        return Check(protocol.MODEL, True, index.path, index.status, f"the repository's models are ready: {listed}")
    reasons = "; ".join(f"{item.name}: {item.reason}" for item in served if item.reason)
    text = f"model {model} is not ready; the server has {listed}" + (f" ({reasons})" if reasons else "")
    return Check(protocol.MODEL, False, reply.path, reply.status, text)


def _text(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer)


def _ready_pods(health: Health) -> Check:
    """For a server that cannot be asked over HTTP: are its pods ready?"""
    if not health.sees_pods:
        text = "the server speaks no HTTP protocol that can be asked, and its pods may not be read"
        return Check(protocol.READY, False, "", None, text)
    ready = [pod for pod in health.pods if _is_ready(pod)]
    text = f"{len(ready)} of {len(health.pods)} pods are ready (the server speaks no HTTP protocol that can be asked)"
    return Check(protocol.READY, bool(health.pods) and len(ready) == len(health.pods), "", None, text)


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)


def _scrape(client: Client, task: Task, pod: Mapping[str, Any]) -> list[Check]:
    """Read a pod's metrics where its annotations say that they are; the Service does not carry their port."""
    metadata = pod["metadata"]
    place = metrics.endpoint(metadata.get("annotations"))
    if place is None:
        return []
    port, path = place
    where = f"pod {metadata['name']} port {port}{path}"
    try:
        answer = client.raw(
            "GET",
            client.pod_proxy(metadata["namespace"], metadata["name"], port, path),
            headers={"Accept": "text/plain"},
            timeout=task.request_timeout,
            retry=True,
        )
    except errors.ClusterError as error:
        return [Check(METRICS, False, path, None, str(error))]
    verdict = protocol.proxy_verdict(answer.status, answer.body)
    if verdict is not None or answer.status >= 400:
        text = verdict.text if verdict else f"answers {answer.status}"
        return [Check(METRICS, False, path, answer.status, f"{where}: {text}")]
    try:
        scraped = metrics.parse(answer.body)
    except metrics.MetricsError as error:
        return [Check(METRICS, False, path, answer.status, f"{where} is no Prometheus text: {error}")]
    return [Check(METRICS, True, path, answer.status, f"{where} shows {scraped.samples} samples")]
