# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The snapshot: all that the rules read, as plain JSON, and an indexed view on it.

::

    schema              "modelserving.kserve/snapshot"
    version             1: a reader refuses a higher one
    taken_at            RFC 3339, the API server's clock where it told one
    kubernetes_version  "v1.34.4" or null
    kserve_version      "0.20.0" or null: from the controller's image or its labels
    control_namespace   where the KServe controller runs, or null
    namespaces          the namespaces asked for, or null for all
    names               the services asked for, or null for all
    probe               "all" | "unhealthy" | "none"
    apis                {"serving.kserve.io/v1beta1": ["inferenceservices", ...], ...}: what the cluster serves, or null
    objects             {"<plural>" or "<plural>.<group>": [object, ...]}: as the API returns them, slimmed (see slim);
                        a key that is absent was not asked for, an empty list was answered empty
    names_of            {"secrets": {"<namespace>": ["<name>", ...]}, "configmaps": {...}}: names only, never data
    logs                [{namespace, pod, container, previous: bool, head: str, tail: str, truncated: bool}]
                        tail is "" where head holds the whole log
    probes              [{namespace, service, component, purpose, via: "services"|"pods", target, port, path, method,
                          status: int|null, body: str, error: str|null, time}]
                        service: the InferenceService; purpose: live | ready | model | index | metrics | webhook
                        status null with error: the server did not answer
    unseen              [{what, reason: forbidden|unreachable|crd_missing|not_probed, message}]
                        what starts with the object key, "<key>" or "<key> in namespace <ns>", or names the thing

Objects are slimmed (no managedFields, no last-applied configuration) and redacted (see doctor/redact.py) when they are
taken: a snapshot may be kept and passed on.
"""

from __future__ import annotations

import calendar
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

SCHEMA = "modelserving.kserve/snapshot"
VERSION = 1

# Keys of snapshot["objects"].
CLUSTERSERVINGRUNTIMES = "clusterservingruntimes.serving.kserve.io"
CONFIGMAPS = "configmaps"
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
DASHBOARDCONFIGS = "odhdashboardconfigs.opendatahub.io"
DEPLOYMENTS = "deployments.apps"
ENDPOINTSLICES = "endpointslices.discovery.k8s.io"
EVENTS = "events"
HPAS = "horizontalpodautoscalers.autoscaling"
HTTPROUTES = "httproutes.gateway.networking.k8s.io"
INFERENCESERVICES = "inferenceservices.serving.kserve.io"
INGRESSES = "ingresses.networking.k8s.io"
KNATIVE_REVISIONS = "revisions.serving.knative.dev"
KNATIVE_SERVICES = "services.serving.knative.dev"
LIMITRANGES = "limitranges"
MUTATING_WEBHOOKS = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
NAMESPACES = "namespaces"
NETWORKPOLICIES = "networkpolicies.networking.k8s.io"
NODES = "nodes"
OTHER_PODS = "otherpods"
PODS = "pods"
PRIORITYCLASSES = "priorityclasses.scheduling.k8s.io"
PVCS = "persistentvolumeclaims"
PVS = "persistentvolumes"
REPLICASETS = "replicasets.apps"
RESOURCEQUOTAS = "resourcequotas"
ROUTES = "routes.route.openshift.io"
RUNTIMECLASSES = "runtimeclasses.node.k8s.io"
SCALEDOBJECTS = "scaledobjects.keda.sh"
SERVICEACCOUNTS = "serviceaccounts"
SERVICES = "services"
SERVINGRUNTIMES = "servingruntimes.serving.kserve.io"
STORAGECLASSES = "storageclasses.storage.k8s.io"
TEMPLATES = "templates.template.openshift.io"
VALIDATING_WEBHOOKS = "validatingwebhookconfigurations.admissionregistration.k8s.io"
VIRTUALSERVICES = "virtualservices.networking.istio.io"

REASONS = ("forbidden", "unreachable", "crd_missing", "not_probed")

SERVICE_LABEL = "serving.kserve.io/inferenceservice"
COMPONENT_LABEL = "component"

_NOISY_ANNOTATIONS = ("kubectl.kubernetes.io/last-applied-configuration",)


class SnapshotError(ValueError):
    """A file that is no snapshot, or one of a newer version; the message says which."""


def empty(taken_at: str | None = None) -> dict[str, Any]:
    """A snapshot with nothing in it: the base for a collector, a test or a preflight run."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "taken_at": taken_at or stamp(time.time()),
        "kubernetes_version": None,
        "kserve_version": None,
        "control_namespace": None,
        "namespaces": None,
        "names": None,
        "probe": "none",
        "apis": None,
        "objects": {},
        "names_of": {},
        "logs": [],
        "probes": [],
        "unseen": [],
    }


def loads(text: str | bytes) -> dict[str, Any]:
    """A snapshot from JSON text; raises SnapshotError with a sentence."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise SnapshotError(f"This is not a snapshot: not JSON ({error}).") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise SnapshotError(f"This is not a snapshot: its schema is not {SCHEMA}.")
    if not isinstance(data.get("version"), int) or data["version"] > VERSION:
        raise SnapshotError(
            f"The snapshot has version {data.get('version')}, this collection reads up to {VERSION}: use a newer one."
        )
    return {**empty(data.get("taken_at")), **data}


def dumps(snapshot: dict[str, Any]) -> str:
    """The snapshot as JSON text, keys in a stable order."""
    return json.dumps(snapshot, indent=1, sort_keys=True) + "\n"


def slim(obj: dict[str, Any]) -> dict[str, Any]:
    """The object without what no rule reads and what only makes snapshots large."""
    metadata = dict(obj.get("metadata") or {})
    metadata.pop("managedFields", None)
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k not in _NOISY_ANNOTATIONS}
    if annotations:
        metadata["annotations"] = annotations
    else:
        metadata.pop("annotations", None)
    return {**obj, "metadata": metadata}


def stamp(seconds: float) -> str:
    """RFC 3339 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


_TIME = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)$")


def seconds(text: str | None) -> float | None:
    """Seconds since the epoch of an RFC 3339 time; None where there is none."""
    matched = _TIME.match(text or "")
    if not matched:
        return None
    base = float(calendar.timegm(time.strptime(matched[1], "%Y-%m-%dT%H:%M:%S")))
    if matched[2] == "Z":
        return base
    sign = 1 if matched[2][0] == "+" else -1
    hours, minutes = matched[2][1:].split(":")
    return base - sign * (int(hours) * 3600 + int(minutes) * 60)


def event_time(event: dict[str, Any]) -> str | None:
    """When an event was last seen."""
    series = event.get("series") or {}
    return (
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event.get("firstTimestamp")
        or (event.get("metadata") or {}).get("creationTimestamp")
    )


def owner(obj: dict[str, Any], kind: str) -> str | None:
    """Name of the owner of that kind."""
    for reference in (obj.get("metadata") or {}).get("ownerReferences") or []:
        if reference.get("kind") == kind:
            return str(reference.get("name"))
    return None


def name_of(obj: dict[str, Any]) -> str:
    return str((obj.get("metadata") or {}).get("name") or "")


def namespace_of(obj: dict[str, Any]) -> str:
    return str((obj.get("metadata") or {}).get("namespace") or "")


def labels_of(obj: dict[str, Any]) -> dict[str, str]:
    return (obj.get("metadata") or {}).get("labels") or {}


def annotations_of(obj: dict[str, Any]) -> dict[str, str]:
    return (obj.get("metadata") or {}).get("annotations") or {}


class View:
    """An indexed, read-only view on a snapshot: a look-up costs the same however many services there are."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.snapshot = snapshot
        self.now: float = seconds(snapshot.get("taken_at")) or 0.0
        self.objects: dict[str, list[dict[str, Any]]] = snapshot.get("objects") or {}
        self.unseen: list[dict[str, Any]] = snapshot.get("unseen") or []
        self._unseen_keys = {str(item.get("what")) for item in self.unseen}
        self._by_name: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
        self._by_namespace: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self._by_service: dict[str, dict[tuple[str, str], list[dict[str, Any]]]] = {}
        self._events: dict[tuple[str, str, str], list[dict[str, Any]]] | None = None
        self._logs = _grouped(snapshot.get("logs") or [], lambda log: (log["namespace"], log["pod"]))
        self._probes = _grouped(snapshot.get("probes") or [], lambda probe: (probe["namespace"], probe["service"]))

    # -- objects ------------------------------------------------------------------------------------------------

    def all(self, key: str) -> list[dict[str, Any]]:
        return self.objects.get(key) or []

    def get(self, key: str, namespace: str | None, name: str | None) -> dict[str, Any] | None:
        if key not in self._by_name:
            self._by_name[key] = {(namespace_of(obj), name_of(obj)): obj for obj in self.all(key)}
        return self._by_name[key].get((namespace or "", name or ""))

    def within(self, key: str, namespace: str) -> list[dict[str, Any]]:
        """The objects of one namespace."""
        if key not in self._by_namespace:
            self._by_namespace[key] = _grouped(self.all(key), namespace_of)
        return self._by_namespace[key].get(namespace) or []

    def of_service(self, key: str, namespace: str, service: str) -> list[dict[str, Any]]:
        """The objects that KServe labelled with the InferenceService's name."""
        if key not in self._by_service:
            self._by_service[key] = _grouped(
                self.all(key), lambda obj: (namespace_of(obj), labels_of(obj).get(SERVICE_LABEL, ""))
            )
        return self._by_service[key].get((namespace, service)) or []

    def seen(self, key: str, namespace: str | None = None) -> bool:
        """Whether the cluster answered for this kind, so that "not in the list" means "not there"."""
        if key not in self.objects or key in self._unseen_keys:
            return False
        return namespace is None or f"{key} in namespace {namespace}" not in self._unseen_keys

    def has_name(self, key: str, namespace: str, name: str) -> bool | None:
        """Whether a secret or configmap of that name exists; None where the names were not seen."""
        names = (self.snapshot.get("names_of") or {}).get(key)
        if names is None or key in self._unseen_keys or f"{key} in namespace {namespace}" in self._unseen_keys:
            return None
        return name in (names.get(namespace) or [])

    def served(self, group: str) -> bool | None:
        """Whether the cluster serves the API group; None where that was not seen."""
        apis = self.snapshot.get("apis")
        if apis is None:
            return None
        return any(version.startswith(f"{group}/") for version in apis)

    # -- what belongs to objects --------------------------------------------------------------------------------

    def events_of(self, obj: dict[str, Any]) -> list[dict[str, Any]]:
        """Events about the object, newest first; those about an earlier object of the same name are left out."""
        metadata = obj.get("metadata") or {}
        uid = metadata.get("uid")
        events = self.events_about(obj.get("kind") or "", metadata.get("namespace") or "", metadata.get("name") or "")
        return [event for event in events if _same_uid(event, uid)]

    def events_about(self, kind: str, namespace: str, name: str) -> list[dict[str, Any]]:
        if self._events is None:
            self._events = _grouped(self.all(EVENTS), _involved)
            for events in self._events.values():
                events.sort(key=lambda event: seconds(event_time(event)) or 0.0, reverse=True)
        return self._events.get((kind, namespace, name)) or []

    def logs_of(self, namespace: str, pod: str) -> list[dict[str, Any]]:
        return self._logs.get((namespace, pod)) or []

    def probes_of(self, namespace: str, service: str) -> list[dict[str, Any]]:
        return self._probes.get((namespace, service)) or []

    def age(self, text: str | None) -> float | None:
        """Seconds from an RFC 3339 time to the moment of the snapshot."""
        then = seconds(text)
        return None if then is None else max(0.0, self.now - then)


def _grouped(items: Iterable[dict[str, Any]], key: Any) -> dict[Any, list[dict[str, Any]]]:
    groups: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return dict(groups)


def _involved(event: dict[str, Any]) -> tuple[str, str, str]:
    involved = event.get("involvedObject") or event.get("regarding") or {}
    return (involved.get("kind") or "", involved.get("namespace") or "", involved.get("name") or "")


def _same_uid(event: dict[str, Any], uid: str | None) -> bool:
    involved = event.get("involvedObject") or event.get("regarding") or {}
    return not uid or not involved.get("uid") or involved["uid"] == uid
