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
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import NAMESPACE, POD, Resource
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
from ansible_collections.modelserving.kserve.plugins.module_utils.operations.known_runtimes import if_served

INFERENCE_SERVICE = Resource(*kinds.INFERENCE_SERVICE)
SERVING_RUNTIME = Resource(*kinds.SERVING_RUNTIME)
CLUSTER_SERVING_RUNTIME = Resource(*kinds.CLUSTER_SERVING_RUNTIME)

HEALTHY = "healthy"
UNHEALTHY = "unhealthy"
STOPPED = "stopped"
IDLE = "idle"
STATES = (HEALTHY, UNHEALTHY, STOPPED, IDLE)

NAMED = "named"
SELECTED = "selected"

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


@dataclass(frozen=True)
class Used:
    """The runtime that a service uses. kind: None where that cannot be told; how: named | selected."""

    kind: str | None
    name: str
    how: str


@dataclass
class Health:
    """One service and what its server said. used: which runtime it uses; runtime: that one, where it can be read."""

    service: Mapping[str, Any]
    used: Used | None
    runtime: Mapping[str, Any] | None
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
        return {
            "namespace": self.namespace,
            "name": self.name,
            "state": self.state,
            "message": self.message,
            "runtime": {"kind": self.used.kind, "name": self.used.name} if self.used else None,
            "how": self.used.how if self.used else None,
            "protocol": self.spoken,
            "checks": [check.plain() for check in self.checks],
            "sample": self.reply.plain() if self.reply else None,
        }


@dataclass
class Found:
    """The services by namespace and name, and what could not be seen of them: {what, reason, message}.

    warnings: what a reader must know who takes the result for an answer to what he asked.
    """

    services: list[Health] = field(default_factory=list)
    unseen: list[Object] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

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
    version = control_plane.deciding(client, task.kserve_version)
    while True:
        found = _services(client, task, version.number)
        pool.each(lambda health: _check(client, task, health), found.services, task.workers)
        well = not _missing(task, found) and all(health.state != UNHEALTHY for health in found.services)
        if well or time.monotonic() + PAUSE > end:
            found.warnings += _absences(client, task, found)
            if version.warning and any(_by_the_rules(health) for health in found.services):
                found.warnings.append(version.warning)
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
    """The services that the task names and that are not there: ``name``, or ``namespace/name`` where it says so."""
    there = {(health.namespace, health.name) for health in found.services}
    names = {name for _namespace, name in there}
    asked = [*((None, name) for name in task.names or ()), *task.samples]
    return sorted(
        {
            f"{namespace}/{name}" if namespace else name
            for namespace, name in asked
            if not ((namespace, name) in there if namespace else name in names)
        }
    )


def _absences(client: Client, task: Task, found: Found) -> list[str]:
    """Where nothing was checked: namespaces that do not exist, and all of it where no service was found."""
    with_services = {health.namespace for health in found.services}
    empty = [name for name in dict.fromkeys(task.namespaces or ()) if name not in with_services]
    answers = pool.each(lambda name: client.get(NAMESPACE, name), empty, task.workers)
    # what may not be read is not known to be absent
    absent = [name for name, answer in zip(empty, answers, strict=True) if answer.error is None and not answer.value]
    said = [f"There is no namespace {name}: nothing was checked there." for name in absent]
    looked_at = [name for name in empty if name not in absent]
    if not found.services and not _missing(task, found) and (looked_at or not absent):
        using = f" that uses {' or '.join(task.runtimes)}" if task.runtimes is not None else ""
        where = (
            "on the cluster" if task.namespaces is None else f"in namespace {', '.join(looked_at) or '(none named)'}"
        )
        said.append(f"There is no InferenceService{using} {where}: nothing was checked.")
    return said


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
        used, runtime = _runtime(service, runtimes, read, version)
        unsure = (used is None or used.how == SELECTED) and not _in_status(service) and _runtimes_unseen(found)
        if task.runtimes is not None and unsure:
            found.warnings.append(
                f"Which runtime InferenceService {service['metadata']['name']} in namespace "
                f"{service['metadata']['namespace']} uses is not known, since not all runtimes may be read: it was "
                "checked all the same."
            )
        elif task.runtimes is not None and (used is None or used.name not in task.runtimes):
            continue
        mine = [pod for pod in pods if _belongs(pod, service)]
        found.services.append(Health(service, used, runtime, mine, sees_pods=not _unseen(found, POD)))
    return found


def _by_the_rules(health: Health) -> bool:
    """Whether what KServe would select had to tell the service's runtime."""
    return health.used is not None and health.used.how == SELECTED and not _in_status(health.service)


def _runtimes_unseen(found: Found) -> bool:
    return _unseen(found, SERVING_RUNTIME) or _unseen(found, CLUSTER_SERVING_RUNTIME)


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
        return if_served(client, CLUSTER_SERVING_RUNTIME)
    except errors.Forbidden as error:
        found.miss(CLUSTER_SERVING_RUNTIME.plural, error)
        return []


def _runtime(
    service: Mapping[str, Any], runtimes: Sequence[Object], read: list[selection.Runtime], version: str
) -> tuple[Used | None, Object | None]:
    """The runtime that a service uses, and its object where it is there and may be read.

    What KServe says in the status comes first (since 0.16); else what the service names; else what KServe would select.
    """
    how = NAMED if _named(service) else SELECTED
    told = _in_status(service)
    if told:
        return Used(told[0], told[1], how), next((item for item in runtimes if _is(item, service, *told)), None)
    try:
        choice = selection.choose_among(service, read, version)
    except SpecError:
        choice = None
    if choice is None or choice.selected is None:
        name = _named(service)
        return (Used(None, name, how) if name else None), None
    runtime = runtimes[next(index for index, item in enumerate(read) if item is choice.selected)]
    return Used(runtime["kind"], runtime["metadata"]["name"], how), runtime


def _in_status(service: Mapping[str, Any]) -> tuple[str, str] | None:
    """Kind and name of the runtime that KServe says it used."""
    status = service.get("status") or {}
    for key, resource in (
        ("servingRuntimeName", SERVING_RUNTIME),
        ("clusterServingRuntimeName", CLUSTER_SERVING_RUNTIME),
    ):
        if status.get(key):
            return resource.kind, str(status[key])
    return None


def _is(runtime: Object, service: Mapping[str, Any], kind: str, name: str) -> bool:
    """Whether *runtime* is the one of this kind and name that the service can mean."""
    namespace = service["metadata"]["namespace"] if kind == SERVING_RUNTIME.kind else None
    metadata = runtime["metadata"]
    return (runtime["kind"], metadata["name"], metadata.get("namespace")) == (kind, name, namespace)


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
    sample = task.sample(health.namespace, health.name)
    asleep = _asleep(health, judgement)
    if asleep:
        health.state, health.message = asleep
        if sample:  # who asks for an answer and gets none must not be told that all is well
            text = f"the sample was not sent, since the service is {health.state} ({health.message})"
            health.checks.append(Check(protocol.INFER, False, "", None, text))
            health.state, health.message = UNHEALTHY, f"{protocol.INFER}: {text}"
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


def _asleep(health: Health, judgement: waiting.Judgement) -> tuple[str, str] | None:
    """State and reason of a service that has no server on purpose."""
    if judgement.state == waiting.STOPPED:
        return STOPPED, judgement.text
    if health.sees_pods and not health.pods and _may_be_idle(health.service):
        return IDLE, "scaled to zero"
    return None


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
