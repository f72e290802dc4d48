# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read from a cluster all that the rules need: a constant number of list requests (pages apart), then logs and probes.

Nothing is judged here, and nothing that could not be seen is taken for absent: it is recorded under ``unseen``.
Secrets and ConfigMaps are listed as metadata only, so that their data never leaves the cluster.
"""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import (
    ApiMissing,
    ClusterError,
    Forbidden,
    Unauthorized,
    Unreachable,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.pool import each
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import log_reading, probes, redact
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import control_plane, webhooks
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import Case, Model
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds, versions

WORKERS = 16
# One request a kind covers the whole cluster; for this many namespaces or fewer, one a namespace asks for less.
FEW_NAMESPACES = 2

LOG_BYTES = 32 * 1024
LOG_TAIL_LINES = 3000
LOG_TAIL_BYTES = 512 * 1024
LOG_PODS = 60
# Of the running controller's log only what it says of services that wait for it is kept, so many records each.
CONTROLLER_RECORDS = 3
MOST_NAMESPACES = 20
LOG_PODS_A_SERVICE = 2

CONTROLLERS = "control-plane in (kserve-controller-manager,odh-model-controller)"
CONTROL_NAMESPACES = ("kserve", "redhat-ods-applications", "opendatahub")

# What the kubelet answers, with 200, for a container that the runtime has already removed.
_LOG_GONE = ("unable to retrieve container logs for", "failed to try resolving symlinks in path")

_METADATA = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
_DISCOVERY = {
    "Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
}
_OURS = f"{snap.SERVICE_LABEL}"


@dataclass(frozen=True)
class Read:
    """One list: ``label`` and ``field`` narrow it, ``slim`` drops what is large and not read."""

    key: str
    resource: Resource
    label: str | None = None
    field: str | None = None
    slim: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    optional: bool = False


def _without(*paths: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def slim(obj: dict[str, Any]) -> dict[str, Any]:
        for path in paths:
            parent: Any = obj
            *way, last = path.split(".")
            for part in way:
                parent = parent.get(part) if isinstance(parent, dict) else None
            if isinstance(parent, dict):
                parent.pop(last, None)
        return obj

    return slim


_INFERENCE_SERVICE = Resource(*kinds.INFERENCE_SERVICE)
_SERVING_RUNTIME = Resource(*kinds.SERVING_RUNTIME)
_CLUSTER_SERVING_RUNTIME = Resource(*kinds.CLUSTER_SERVING_RUNTIME)

# What belongs to services and their namespaces.
NAMESPACED: tuple[Read, ...] = (
    Read(snap.SERVINGRUNTIMES, _SERVING_RUNTIME),
    Read(snap.PODS, resources.POD, label=_OURS),
    Read(snap.DEPLOYMENTS, resources.DEPLOYMENT, label=_OURS),
    Read(snap.REPLICASETS, resources.REPLICASET, label=_OURS, slim=_without("spec.template")),
    Read(snap.SERVICES, resources.SERVICE, label=_OURS),
    Read(snap.ENDPOINTSLICES, resources.ENDPOINTSLICE, label=_OURS),
    Read(snap.PVCS, resources.PERSISTENTVOLUMECLAIM),
    Read(snap.RESOURCEQUOTAS, resources.RESOURCEQUOTA),
    Read(snap.LIMITRANGES, resources.LIMITRANGE),
    Read(snap.SERVICEACCOUNTS, resources.SERVICEACCOUNT),
    Read(snap.HPAS, resources.HORIZONTALPODAUTOSCALER),
    Read(snap.NETWORKPOLICIES, resources.NETWORKPOLICY),
    Read(snap.EVENTS, resources.EVENT, field="type=Warning"),
    Read(snap.EVENTS, resources.EVENT, field="reason=Killing"),
    Read(snap.EVENTS, resources.EVENT, field="reason=Pulling"),
    Read(snap.EVENTS, resources.EVENT, field="reason=Pulled"),
    Read(snap.EVENTS, resources.EVENT, field="reason=Preempted"),
    Read(snap.SCALEDOBJECTS, Resource("keda.sh/v1alpha1", "ScaledObject", "scaledobjects", True), optional=True),
    Read(snap.ROUTES, Resource("route.openshift.io/v1", "Route", "routes", True), optional=True),
    Read(
        snap.HTTPROUTES,
        Resource("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", True),
        optional=True,
    ),
    Read(
        snap.VIRTUALSERVICES,
        Resource("networking.istio.io/v1beta1", "VirtualService", "virtualservices", True),
        optional=True,
    ),
    Read(snap.KNATIVE_SERVICES, Resource("serving.knative.dev/v1", "Service", "services", True), optional=True),
    Read(snap.KNATIVE_REVISIONS, Resource("serving.knative.dev/v1", "Revision", "revisions", True), optional=True),
    Read(snap.TEMPLATES, Resource("template.openshift.io/v1", "Template", "templates", True), optional=True),
    Read(
        snap.DASHBOARDCONFIGS,
        Resource("opendatahub.io/v1alpha", "OdhDashboardConfig", "odhdashboardconfigs", True),
        optional=True,
    ),
)

CLUSTER_WIDE: tuple[Read, ...] = (
    Read(snap.CLUSTERSERVINGRUNTIMES, _CLUSTER_SERVING_RUNTIME),
    Read(snap.NODES, resources.NODE, slim=_without("status.images", "status.volumesInUse", "status.volumesAttached")),
    Read(snap.PVS, resources.PERSISTENTVOLUME),
    Read(snap.STORAGECLASSES, resources.STORAGECLASS),
    Read(snap.MUTATING_WEBHOOKS, resources.MUTATINGWEBHOOKCONFIGURATION),
    Read(snap.VALIDATING_WEBHOOKS, resources.VALIDATINGWEBHOOKCONFIGURATION),
)

NAMES: tuple[tuple[str, Resource], ...] = (("secrets", resources.SECRET), ("configmaps", resources.CONFIGMAP))


@dataclass
class Scope:
    """What was asked for: namespaces None is the whole cluster."""

    namespaces: list[str] | None
    names: list[str] | None = None

    @property
    def per_namespace(self) -> bool:
        return self.namespaces is not None and len(self.namespaces) <= FEW_NAMESPACES

    def holds(self, namespace: str) -> bool:
        return self.namespaces is None or namespace in self.namespaces


@dataclass
class _Answers:
    """What the cluster told so far."""

    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    names_of: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    unseen: list[dict[str, str]] = field(default_factory=list)

    def add(self, key: str, items: Iterable[dict[str, Any]]) -> None:
        self.objects.setdefault(key, []).extend(snap.slim(item) for item in items)

    def miss(self, what: str, error: ClusterError) -> None:
        reason = error.reason if error.reason in snap.REASONS else "unreachable"
        self.note(what, "crd_missing" if isinstance(error, ApiMissing) else reason, str(error))

    def note(self, what: str, reason: str, message: str) -> None:
        if all(item["what"] != what for item in self.unseen):
            self.unseen.append({"what": what, "reason": reason, "message": message})


def collect(
    client: Client,
    *,
    namespaces: Iterable[str] | None = None,
    names: Iterable[str] | None = None,
    probe: str = "all",
    probe_limit: int = 100,
    logs: bool = True,
    log_bytes: int = LOG_BYTES,
    dry_run: bool = True,
) -> dict[str, Any]:
    """The snapshot (see snapshot.py) of namespaces, or of all that the credentials may see.

    :param names: only these services are probed, and only their pods' logs are read.
    :param probe: all | unhealthy | none: which services' endpoints are asked; probe_limit: how many services at most.
    :param logs: whether logs of unhealthy pods are read; log_bytes: of the head and of the tail of each.
    :param dry_run: whether dry-run writes find out that admission webhooks answer (they change nothing).
    :raises ClusterError: where the API cannot be reached, or does not accept the credentials.
    """
    started = client.raw("GET", "/version")
    version = _git_version(started.body)
    if started.status == 401 or (started.status < 400 and version is None):
        client.version()  # raises the sentence for it: not let in, or no Kubernetes API
    scope = Scope(sorted(set(namespaces)) if namespaces is not None else None, sorted(names) if names else None)
    data = snap.empty(_clock(started.headers.get("date")))
    data.update(probe=probe, namespaces=scope.namespaces, names=scope.names)
    data["kubernetes_version"] = version
    answers = _Answers()
    data["apis"] = _discover(client, answers)
    _list_everything(client, scope, answers, data)
    data.update(objects=answers.objects, names_of=answers.names_of, unseen=answers.unseen)
    data["kserve_version"] = _kserve_version(answers.objects.get(snap.DEPLOYMENTS) or [])
    _complete(client, data, answers)
    data["probes"] = probes.run(client, data, probe=probe, limit=probe_limit, names=scope.names, dry_run=dry_run)
    if logs:
        data["logs"] = [*_read_logs(client, data, scope, log_bytes), *_controller_logs(client, data, scope)]
    else:
        answers.note("logs", "not_probed", "The logs were not read, as asked.")
    return redact.snapshot(data)


# -- the API itself ---------------------------------------------------------------------------------------------------


def _clock(date: str | None) -> str:
    """The API server's time, so that ages do not depend on this machine's clock."""
    parsed = email.utils.parsedate_to_datetime(date) if date else None
    return snap.stamp(parsed.timestamp() if parsed else time.time())


def _git_version(body: bytes) -> str | None:
    try:
        return str(json.loads(body).get("gitVersion") or "") or None
    except (ValueError, AttributeError):
        return None


def _discover(client: Client, answers: _Answers) -> dict[str, list[str]] | None:
    """What the cluster serves, in one request (aggregated discovery, Kubernetes 1.27 and later)."""
    answer = client.raw("GET", "/apis", headers=_DISCOVERY)
    if answer.status != 200:
        answers.note(
            "apis", "forbidden" if answer.status == 403 else "unreachable", f"GET /apis: HTTP {answer.status}."
        )
        return None
    try:
        found = json.loads(answer.body)
    except ValueError:
        return None
    if found.get("kind") == "APIGroupDiscoveryList":
        return {
            f"{group['metadata']['name']}/{version['version']}": [
                item["resource"] for item in version.get("resources") or []
            ]
            for group in found.get("items") or []
            for version in group.get("versions") or []
        }
    return _discover_plainly(client, found)


def _discover_plainly(client: Client, found: Mapping[str, Any]) -> dict[str, list[str]]:
    served: dict[str, list[str]] = {}
    for group in found.get("groups") or []:
        for version in group.get("versions") or []:
            name = str(version.get("groupVersion"))
            served[name] = []
            if name.startswith("serving.kserve.io/"):
                listed = client.raw("GET", f"/apis/{name}")
                if listed.status == 200:
                    served[name] = [item["name"] for item in json.loads(listed.body).get("resources") or []]
    return served


def _serves(apis: Mapping[str, list[str]] | None, resource: Resource) -> bool:
    if apis is None or "/" not in resource.api_version:
        return True
    listed = apis.get(resource.api_version)
    return listed is not None and (not listed or resource.plural in listed)


def _kserve_version(deployments: Iterable[Mapping[str, Any]]) -> str | None:
    name, value = versions.CONTROLLER_LABEL
    return versions.named_by(item for item in deployments if snap.labels_of(dict(item)).get(name) == value)


# -- lists ------------------------------------------------------------------------------------------------------------


def _list_everything(client: Client, scope: Scope, answers: _Answers, data: dict[str, Any]) -> None:
    """All lists, those that need no other's answer at the same time."""
    _settle_scope(client, scope, answers, data)
    reads = [read for read in (*NAMESPACED, *CLUSTER_WIDE) if not read.optional or _serves(data["apis"], read.resource)]
    todo: list[Callable[[], None]] = [_listing(client, scope, answers, read) for read in reads]
    todo += [_naming(client, scope, answers, key, resource) for key, resource in NAMES]
    todo.append(lambda: _control_plane(client, scope, answers, data))
    for result in each(lambda job: job(), todo, WORKERS):
        if isinstance(result.error, Unreachable):
            raise result.error


def _settle_scope(client: Client, scope: Scope, answers: _Answers, data: dict[str, Any]) -> None:
    """The services first: whether the whole cluster may be listed decides how the rest is."""
    read = Read(snap.INFERENCESERVICES, _INFERENCE_SERVICE)
    try:
        if scope.namespaces is None:
            answers.add(read.key, client.list(read.resource))
            return
    except Forbidden as error:
        scope.namespaces = _allowed_namespaces(client)
        if not scope.namespaces:
            answers.miss(read.key, error)
            return
        answers.note(
            "other namespaces",
            "forbidden",
            f"InferenceServices may not be listed in the whole cluster; looked at {', '.join(scope.namespaces)}.",
        )
    except ApiMissing as error:
        answers.miss(read.key, error)
        return
    data["namespaces"] = scope.namespaces
    _listing(client, scope, answers, read)()


def _allowed_namespaces(client: Client) -> list[str]:
    """The namespaces that the credentials may see: OpenShift lists one's projects, others list all or none."""
    for resource in (Resource("project.openshift.io/v1", "Project", "projects", False), resources.NAMESPACE):
        try:
            return sorted(snap.name_of(item) for item in client.list(resource))
        except (Forbidden, ApiMissing):
            continue
    return []


def _listing(client: Client, scope: Scope, answers: _Answers, read: Read) -> Callable[[], None]:
    def job() -> None:
        if not read.resource.namespaced or scope.namespaces is None:
            _try(answers, read, lambda: _list(client, read), read.key)
        elif scope.per_namespace:
            for namespace in scope.namespaces:
                _in_namespace(client, answers, read, namespace)
        else:
            _in_many(client, scope, answers, read)

    return job


def _list(client: Client, read: Read, namespace: str | None = None) -> list[dict[str, Any]]:
    return client.list(read.resource, namespace, label_selector=read.label, field_selector=read.field)


def _in_namespace(client: Client, answers: _Answers, read: Read, namespace: str) -> None:
    what = f"{read.key} in namespace {namespace}"
    _try(answers, read, lambda: _list(client, read, namespace), what)


def _in_many(client: Client, scope: Scope, answers: _Answers, read: Read) -> None:
    """Many namespaces: one list of the cluster where that is allowed, else one a namespace."""
    try:
        found = _list(client, read)
    except Forbidden:
        for namespace in scope.namespaces or []:
            _in_namespace(client, answers, read, namespace)
        return
    except ClusterError as error:
        _failed(answers, read, error, read.key)
        return
    answers.add(read.key, _slimmed(read, [item for item in found if scope.holds(snap.namespace_of(item))]))


def _try(answers: _Answers, read: Read, ask: Callable[[], list[dict[str, Any]]], what: str) -> None:
    try:
        answers.add(read.key, _slimmed(read, ask()))
    except ClusterError as error:
        _failed(answers, read, error, what)


def _failed(answers: _Answers, read: Read, error: ClusterError, what: str) -> None:
    if isinstance(error, (Unreachable, Unauthorized)):
        raise error
    if not (read.optional and isinstance(error, ApiMissing)):
        answers.miss(what, error)


def _slimmed(read: Read, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [read.slim(item) for item in items] if read.slim else items


def _naming(client: Client, scope: Scope, answers: _Answers, key: str, resource: Resource) -> Callable[[], None]:
    """Names without data: the API server sends metadata only."""

    def job() -> None:
        spaces: list[str | None] = list(scope.namespaces or []) if scope.namespaces is not None else [None]
        if len(spaces) > FEW_NAMESPACES:
            spaces = [None]
        for namespace in spaces:
            what = key if namespace is None else f"{key} in namespace {namespace}"
            try:
                for item in _metadata_pages(client, resource, namespace):
                    answers.names_of.setdefault(key, {}).setdefault(snap.namespace_of(item), []).append(
                        snap.name_of(item)
                    )
            except ClusterError as error:
                if isinstance(error, (Unreachable, Unauthorized)):
                    raise
                answers.miss(what, error)
        answers.names_of.setdefault(key, {})

    return job


def _metadata_pages(client: Client, resource: Resource, namespace: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token: str | None = None
    path = resource.path(namespace)
    while True:
        answer = client.raw("GET", path, query={"limit": 500, "continue": token}, headers=_METADATA, retry=True)
        if answer.status >= 300:
            client.request("GET", path, query={"limit": 1}, what=resource.describe(None, namespace))
            return found
        page = json.loads(answer.body)
        found += page.get("items") or []
        token = (page.get("metadata") or {}).get("continue")
        if not token:
            return found


# -- KServe's control plane -------------------------------------------------------------------------------------------


def _control_plane(client: Client, scope: Scope, answers: _Answers, data: dict[str, Any]) -> None:
    """The controller's Deployment wherever it is; then what stands around it, in its namespace."""
    try:
        found = client.list(resources.DEPLOYMENT, label_selector=CONTROLLERS)
        data["controller_seen"] = True
    except Forbidden as error:
        found = _controllers_by_namespace(client)
        if not found:
            answers.miss("the KServe controller", error)
            return
    answers.add(snap.DEPLOYMENTS, found)
    main = next((item for item in found if "kserve" in snap.labels_of(item).get("control-plane", "")), None)
    namespace = snap.namespace_of(main) if main else _namespace_of_webhook(client)
    data["control_namespace"] = namespace
    if namespace is None:
        return
    reads = [
        Read(snap.PODS, resources.POD, label="control-plane"),
        Read(snap.SERVICES, resources.SERVICE),
        Read(snap.ENDPOINTSLICES, resources.ENDPOINTSLICE),
    ]
    if not scope.holds(namespace):
        reads.append(Read(snap.EVENTS, resources.EVENT, field="type=Warning"))
    for read in reads:
        _in_namespace(client, answers, read, namespace)
    _config(client, answers, namespace)


def _controllers_by_namespace(client: Client) -> list[dict[str, Any]]:
    for namespace in CONTROL_NAMESPACES:
        try:
            found = client.list(resources.DEPLOYMENT, namespace, label_selector=CONTROLLERS)
        except Forbidden:
            continue
        if found:
            return found
    return []


def _namespace_of_webhook(client: Client) -> str | None:
    """Where the webhook configuration says that the controller is, when its Deployment is gone."""
    try:
        found = client.get(resources.MUTATINGWEBHOOKCONFIGURATION, "inferenceservice.serving.kserve.io")
    except ClusterError:
        return None
    for webhook in (found or {}).get("webhooks") or []:
        service = (webhook.get("clientConfig") or {}).get("service") or {}
        if service.get("namespace"):
            return str(service["namespace"])
    return None


def _config(client: Client, answers: _Answers, namespace: str) -> None:
    try:
        found = client.get(resources.CONFIGMAP, "inferenceservice-config", namespace)
    except ClusterError as error:
        answers.miss(snap.CONFIGMAPS, error)
        return
    answers.add(snap.CONFIGMAPS, [_without_examples(found)] if found else [])


def _without_examples(config: dict[str, Any]) -> dict[str, Any]:
    values = {key: value for key, value in (config.get("data") or {}).items() if not key.startswith("_")}
    return {**config, "data": values}


# -- what only some snapshots need ------------------------------------------------------------------------------------


def _complete(client: Client, data: dict[str, Any], answers: _Answers) -> None:
    """Pods of others, which matter only where a pod finds no node; namespaces whose pods KServe's webhook left out."""
    pods = answers.objects.get(snap.PODS) or []
    if any(not podstate.scheduled(pod) for pod in pods):
        read = Read(
            snap.OTHER_PODS,
            resources.POD,
            field="spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed",
            slim=_room_only,
        )
        _try(answers, read, lambda: _list(client, read), snap.OTHER_PODS)
    left_out = sorted({snap.namespace_of(pod) for pod in pods if webhooks.lacks_model(pod)})
    for namespace in left_out[:MOST_NAMESPACES]:
        _namespace(client, answers, namespace)


def _namespace(client: Client, answers: _Answers, name: str) -> None:
    try:
        found = client.get(resources.NAMESPACE, name)
    except ClusterError as error:
        if isinstance(error, (Unreachable, Unauthorized)):
            raise
        answers.miss(f"{snap.NAMESPACES} {name}", error)
        return
    answers.add(snap.NAMESPACES, [found] if found else [])


def _room_only(pod: dict[str, Any]) -> dict[str, Any]:
    """What a pod takes of its node, and whose it is."""
    spec = pod.get("spec") or {}

    def room(container: Mapping[str, Any]) -> dict[str, Any]:
        kept = {name: container[name] for name in ("name", "resources", "ports", "restartPolicy") if name in container}
        return dict(kept)

    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": snap.namespace_of(pod),
            "name": snap.name_of(pod),
            "uid": (pod.get("metadata") or {}).get("uid"),
        },
        "spec": {
            "nodeName": spec.get("nodeName"),
            "priorityClassName": spec.get("priorityClassName"),
            "overhead": spec.get("overhead") or {},
            "containers": [room(item) for item in spec.get("containers") or []],
            "initContainers": [room(item) for item in spec.get("initContainers") or []],
        },
        "status": {"phase": podstate.phase(pod)},
    }


# -- logs -------------------------------------------------------------------------------------------------------------


def _read_logs(client: Client, data: dict[str, Any], scope: Scope, log_bytes: int) -> list[dict[str, Any]]:
    """Logs of pods that are not well, and of those whose server does not answer as it should."""
    wanted = _log_targets(data, scope)
    pods = list(dict.fromkeys((item[0], item[1]) for item in wanted))
    if len(pods) > LOG_PODS:
        kept = set(pods[:LOG_PODS])
        wanted = [item for item in wanted if (item[0], item[1]) in kept]
        data["unseen"].append(
            {
                "what": "logs",
                "reason": "not_probed",
                "message": f"Logs were read of {LOG_PODS} unhealthy pods; {len(pods) - LOG_PODS} more were left out.",
            }
        )
    results = each(lambda item: _log(client, *item, log_bytes), wanted, WORKERS)
    found = []
    for item, result in zip(wanted, results, strict=True):
        if result.value is not None:
            found.append(result.value)
        elif isinstance(result.error, Forbidden):
            what = f"logs in namespace {item[0]}"
            if all(entry["what"] != what for entry in data["unseen"]):
                data["unseen"].append({"what": what, "reason": "forbidden", "message": str(result.error)})
    return found


def _controller_logs(client: Client, data: dict[str, Any], scope: Scope) -> list[dict[str, Any]]:
    """What the running controller says of services that only it can explain."""
    view = snap.View(data)
    model = Model(view)
    cases = [Case(model, service) for service in view.all(snap.INFERENCESERVICES)]
    waiting = [
        case
        for case in cases
        if (not scope.names or case.name in scope.names) and control_plane.waits_for_controller(case)
    ]
    namespace = str(data.get("control_namespace") or "")
    pods = [
        pod
        for pod in view.within(snap.PODS, namespace)
        if snap.labels_of(pod).get("control-plane") == control_plane.CONTROLLER and podstate.ready(pod)
    ]
    found = []
    for pod in pods if waiting else []:
        try:
            text = client.logs(
                namespace,
                snap.name_of(pod),
                control_plane.MANAGER,
                tail_lines=LOG_TAIL_LINES,
                limit_bytes=LOG_TAIL_BYTES,
            )
        except Unreachable:
            raise
        except ClusterError as error:
            data["unseen"].append({"what": "the controller's log", "reason": "forbidden", "message": str(error)})
            continue
        kept = control_plane.records_about(text, [(case.namespace, case.name) for case in waiting], CONTROLLER_RECORDS)
        if kept:
            found.append(
                {
                    "namespace": namespace,
                    "pod": snap.name_of(pod),
                    "container": control_plane.MANAGER,
                    "previous": False,
                    "head": "\n".join(kept),
                    "tail": "",
                    "truncated": False,
                }
            )
    return found


def _log_targets(data: dict[str, Any], scope: Scope) -> list[tuple[str, str, str, bool]]:
    """(namespace, pod, container, previous) of every log to read."""
    view = snap.View(data)
    model = Model(view)
    found: list[tuple[str, str, str, bool]] = []
    for service in view.all(snap.INFERENCESERVICES):
        if scope.names and snap.name_of(service) not in scope.names:
            continue
        found += _of_service(view, Case(model, service))
    for deployment in view.all(snap.DEPLOYMENTS):
        if snap.labels_of(deployment).get("control-plane") and not (deployment.get("status") or {}).get(
            "availableReplicas"
        ):
            for pod in view.within(snap.PODS, snap.namespace_of(deployment)):
                if snap.labels_of(pod).get("control-plane") == snap.labels_of(deployment)["control-plane"]:
                    found += _of_pod(pod, every=False)
    return list(dict.fromkeys(found))


def _of_service(view: snap.View, case: Case) -> list[tuple[str, str, str, bool]]:
    if case.stopped:
        return []
    unserved = any(
        item.get("purpose") in ("model", "ready") and item.get("via") == "services" and item.get("status") != 200
        for item in view.probes_of(case.namespace, case.name)
    )
    found: list[tuple[str, str, str, bool]] = []
    for load in case.workloads:
        unwell = [pod for pod in load.pods if not podstate.ready(pod) or podstate.restarts(pod)]
        chosen = sorted(unwell, key=lambda pod: -podstate.restarts(pod))[:LOG_PODS_A_SERVICE]
        if unserved and load.component == "predictor" and not chosen:
            chosen = load.ready_pods[:1]
        for pod in chosen:
            found += _of_pod(pod, every=unserved)
    return found


def _of_pod(pod: dict[str, Any], every: bool) -> list[tuple[str, str, str, bool]]:
    namespace, name = snap.namespace_of(pod), snap.name_of(pod)
    found = []
    for item in podstate.containers(pod):
        ended = bool((item.status.get("state") or {}).get("terminated"))
        if item.done or not (item.failed or item.restarts or every or (item.running and not item.ready)):
            continue
        if item.running or ended or item.waiting.get("reason") == "CrashLoopBackOff":
            found.append((namespace, name, item.name, False))
        if item.restarts:
            found.append((namespace, name, item.name, True))
    return found


def _log(
    client: Client, namespace: str, pod: str, container: str, previous: bool, log_bytes: int
) -> dict[str, Any] | None:
    """The head of a log, and its tail where the head is not all. None where there is none (yet, or any more)."""
    try:
        head = client.logs(namespace, pod, container, previous=previous, limit_bytes=log_bytes)
        truncated = len(head.encode()) >= log_bytes
        tail = (
            client.logs(
                namespace, pod, container, previous=previous, tail_lines=LOG_TAIL_LINES, limit_bytes=LOG_TAIL_BYTES
            )
            if truncated
            else ""
        )
    except (Forbidden, Unreachable):
        raise
    except ClusterError:
        return None
    if head.startswith(_LOG_GONE):
        return None
    return {
        "namespace": namespace,
        "pod": pod,
        "container": container,
        "previous": previous,
        "head": head,
        "tail": log_reading.excerpt(tail, log_bytes),
        "truncated": truncated,
    }
