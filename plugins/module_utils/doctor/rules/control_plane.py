# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KServe itself: its API, controller and configuration, and services that wait for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import log_reading
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import (
    ERROR,
    WARNING,
    Consequence,
    Evidence,
    Finding,
    Ref,
    Remedy,
    ref_of,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import config, policy
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import KNATIVE, STANDARD, Case
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.codes import code
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.evidence import (
    by_rule,
    condensed,
    in_event,
    in_field,
    in_log,
    message_of,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import ANNOTATION_DEPLOYMENT_MODE

CONTROLLER_LABELS = ("kserve-controller-manager", "odh-model-controller")
CONTROLLER = "kserve-controller-manager"
MANAGER = "manager"

# The controller takes a new service up within a second or two.
TAKEN_UP = 30.0
# Its status follows its Deployments' within a second or two.
FINISHED = 60.0
# A finalizer is removed within seconds; ten times that is long.
DELETED = 40.0
# Events of failing reconciliations repeat with a backoff of at most 17 minutes.
EVENT_FRESH = 1100.0

_NOISE = ("object has been modified", "please apply your changes to the latest version", "not found in the cache",
          "StorageError: invalid object", "AlreadyExists", "already exists")  # fmt: skip


def general(
    name: str,
    about: Ref,
    cause: str,
    evidence: list[Evidence],
    *,
    severity: str | None = None,
    remedy: str | None = None,
    command: str | None = None,
    key: str = "",
) -> Finding:
    """A finding about the cluster, which no service is known to be hit by yet."""
    meaning = code(name)
    return Finding(
        name, severity or meaning.severity, about, meaning.title, cause, evidence,
        Remedy(remedy or f"{meaning.remedy}.", command), key=key,
    )  # fmt: skip


# -- the API ----------------------------------------------------------------------------------------------------------


def api_missing(view: snap.View) -> Iterator[Finding]:
    """Row 19: the cluster does not serve KServe's kinds. ClusterServingRuntime may be absent (OpenShift AI)."""
    apis = view.snapshot.get("apis")
    if apis is None:
        return
    for version, plural in (
        ("serving.kserve.io/v1beta1", "inferenceservices"),
        ("serving.kserve.io/v1alpha1", "servingruntimes"),
    ):
        if plural in (apis.get(version) or []):
            continue
        name = f"{plural}.serving.kserve.io"
        served = ", ".join(sorted(item for item in apis if item.startswith("serving.kserve.io"))) or "nothing"
        yield general(
            "KS019",
            Ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", None, name),
            f"The cluster does not serve {version} {plural}: the CustomResourceDefinition {name} is missing. Of "
            f"serving.kserve.io it serves {served}.",
            [by_rule(None, f"GET /apis/{version}: no {plural}")],
        )


# -- the controller ---------------------------------------------------------------------------------------------------


def controllers(view: snap.View) -> list[dict[str, Any]]:
    return [
        item for item in view.all(snap.DEPLOYMENTS) if snap.labels_of(item).get("control-plane") in CONTROLLER_LABELS
    ]


def own_controllers(view: snap.View) -> list[dict[str, Any]]:
    """Those of KServe itself: OpenShift AI's controller beside it registers other webhooks."""
    return [item for item in controllers(view) if snap.labels_of(item).get("control-plane") == CONTROLLER]


def controller_down(view: snap.View) -> Iterator[Finding]:
    """Row 20: no replica of the controller is available."""
    found = own_controllers(view)
    if not found:
        yield from _controller_gone(view)
    for deployment in found:
        if int((deployment.get("status") or {}).get("availableReplicas") or 0) < 1:
            yield _down(view, deployment)


def _controller_gone(view: snap.View) -> Iterator[Finding]:
    namespace = view.snapshot.get("control_namespace")
    served = any(item.startswith("serving.kserve.io/") for item in view.snapshot.get("apis") or {})
    if not served or not view.seen(snap.DEPLOYMENTS) or view.snapshot.get("controller_seen") is not True:
        return
    about = Ref("apps/v1", "Deployment", namespace or "kserve", CONTROLLER)
    yield general(
        "KS020",
        about,
        f"There is no Deployment {CONTROLLER}: KServe's API is served, but its controller is not installed.",
        [by_rule(about, "no Deployment with label control-plane=kserve-controller-manager")],
    )


def _down(view: snap.View, deployment: dict[str, Any]) -> Finding:
    namespace, name = snap.namespace_of(deployment), snap.name_of(deployment)
    replicas = (deployment.get("spec") or {}).get("replicas")
    evidence = [in_field(deployment, "spec.replicas", replicas), in_field(deployment, "status.availableReplicas", 0)]
    about = ref_of(deployment)
    if replicas == 0:
        return general(
            "KS020",
            about,
            f"The KServe controller (Deployment {namespace}/{name}) is scaled to 0 replicas: nothing is reconciled, "
            "and "
            "its webhooks have no endpoints.",
            evidence,
            command=f"kubectl -n {namespace} scale deployment {name} --replicas=1",
            remedy="Scale the Deployment to 1.",
        )
    why, more = _why_down(view, deployment)
    return general(
        "KS020",
        about,
        f"No replica of the KServe controller (Deployment {namespace}/{name}) is available{why}: nothing is "
        "reconciled.",
        [*evidence, *more],
        command=f"kubectl -n {namespace} describe deployment {name}",
    )


def _why_down(view: snap.View, deployment: dict[str, Any]) -> tuple[str, list[Evidence]]:
    namespace = snap.namespace_of(deployment)
    labels = ((deployment.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    pods = [
        pod
        for pod in view.within(snap.PODS, namespace)
        if labels and all(snap.labels_of(pod).get(key) == value for key, value in labels.items())
    ]
    for pod in sorted(pods, key=lambda item: str((item.get("metadata") or {}).get("creationTimestamp")), reverse=True):
        reason = podstate.reason(pod)
        if not reason:
            continue
        text = f": pod {snap.name_of(pod)} is {reason}"
        evidence = [in_field(pod, "status", reason)]
        for item in podstate.containers(pod):
            message = condensed(str(item.waiting.get("message") or item.terminated.get("message") or ""))
            if message and not item.ready:
                text += f" ({message[:300]})"
                evidence.append(in_field(pod, f"status.containerStatuses[{item.name}]", message))
            quote = _log_says(view, pod, item.name) if not item.ready else ""
            if quote:
                text += f", its log says {quote}"
                evidence.append(in_log(pod, item.name, quote))
        unscheduled = podstate.condition(pod, "PodScheduled")
        if unscheduled.get("status") == "False":
            text += f" ({condensed(str(unscheduled.get('message')))})"
        event = _setting_up(view, pod)
        if event is not None:
            text += f" ({event.get('reason')}: {condensed(message_of(event))[:400]})"
            evidence.append(in_event(event))
        return text, evidence
    condition = podstate.condition(deployment, "ReplicaFailure")
    if condition.get("status") == "True":
        message = condensed(str(condition.get("message")))
        return f": {message}", [in_field(deployment, "status.conditions[ReplicaFailure]", message)]
    return ": it has no pods", []


# The kubelet's words for a pod that it cannot set up; they count while no container of it has started.
_NOT_SET_UP = ("FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedMapVolume")


def _setting_up(view: snap.View, pod: dict[str, Any]) -> dict[str, Any] | None:
    if any(item.status.get("state", {}).get("waiting") is None for item in podstate.containers(pod) if item.status):
        return None
    return next((event for event in view.events_of(pod) if event.get("reason") in _NOT_SET_UP), None)


def _log_says(view: snap.View, pod: dict[str, Any], container: str) -> str:
    for log in view.logs_of(snap.namespace_of(pod), snap.name_of(pod)):
        if log.get("container") == container:
            quote = condensed(log_reading.read(f"{log.get('head') or ''}\n{log.get('tail') or ''}").best)
            if quote:
                return quote[:400]
    return ""


def endpoints_ready(view: snap.View, namespace: str, service: str) -> bool | None:
    """Whether a Service has a ready endpoint; None where its slices were not seen."""
    if not view.seen(snap.ENDPOINTSLICES, namespace):
        return None
    for item in view.within(snap.ENDPOINTSLICES, namespace):
        if snap.labels_of(item).get("kubernetes.io/service-name") != service:
            continue
        for endpoint in item.get("endpoints") or []:
            if (endpoint.get("conditions") or {}).get("ready") is not False and endpoint.get("addresses"):
                return True
    return False


# -- configuration ----------------------------------------------------------------------------------------------------


def configuration(view: snap.View, version: str) -> Iterator[Finding]:
    """ConfigMap inferenceservice-config is there, and KServe can read its sections."""
    namespace = view.snapshot.get("control_namespace")
    if not namespace or not view.seen(snap.CONFIGMAPS):
        return
    about = Ref("v1", "ConfigMap", namespace, config.CONFIG)
    found = view.get(snap.CONFIGMAPS, namespace, config.CONFIG)
    if found is None:
        cause = f"ConfigMap {config.CONFIG} is missing in namespace {namespace}: the controller can reconcile nothing."
        yield general("KS139", about, cause, [by_rule(about, "not found")])
        return
    for fault in config.faults(found.get("data") or {}, version):
        yield general(
            "KS139",
            about,
            f"KServe cannot read section {fault.section} of ConfigMap {namespace}/{config.CONFIG}: {fault.text}. So "
            f"{fault.effect}.",
            [in_field(found, fault.path, fault.text)],
            severity=fault.severity,
            remedy=f"Correct data.{fault.section} of the ConfigMap.",
            command=f"kubectl -n {namespace} edit configmap {config.CONFIG}",
            key=fault.section,
        )


def ended_by_configuration(view: snap.View, down: Finding, faults: list[Finding]) -> bool:
    """Whether the controller is down because it cannot read its configuration when it starts; then it is folded there.

    A Deployment that was scaled to 0 does not start at all.
    """
    fault = next((item for item in faults if item.key in config.AT_START), None)
    deployment = view.get(snap.DEPLOYMENTS, down.object.namespace, down.object.name)
    if fault is None or deployment is None or (deployment.get("spec") or {}).get("replicas") == 0:
        return False
    fault.severity = ERROR
    fault.consequences.append(Consequence(down.object, down.cause))
    fault.evidence.extend(down.evidence)
    return True


# -- services and the controller --------------------------------------------------------------------------------------


def unattended(case: Case) -> list[str]:
    """Signs that the controller has not dealt with the service as it is now; empty where there are none."""
    signs = []
    if case.deleting:
        signs.append("it is being deleted and its finalizer remains")
    elif not (case.status.get("conditions") or case.deployments):
        signs.append("it has no status")
    else:
        signs += not_applied(case)
        signs += [f"its pods are ready, and its status still says {_unready(case)}"] if unfinished(case) else []
    return signs


def unfinished(case: Case) -> float | None:
    """For how many seconds all pods are ready of a service that KServe does not call Ready; None where all is in order.

    In Standard mode the status follows the Deployments at once; only an ingress of its own can hold it back.
    """
    if case.is_ready or case.mode != STANDARD or case.frozen or case.stopped or case.deleting or not case.workloads:
        return None
    if (case.condition("IngressReady").get("status"), case.condition("PredictorReady").get("status")) == (
        "False",
        "True",
    ):
        return None
    ages = []
    for load in case.workloads:
        available = podstate.condition(load.deployment or {}, "Available")
        if not load.wanted or not load.complete or available.get("status", "True") != "True":
            return None
        ages += [case.view.age(podstate.condition(pod, "Ready").get("lastTransitionTime")) for pod in load.ready_pods]
    since = min((age for age in ages if age is not None), default=0.0)
    return since if since > FINISHED else None


def _stale(case: Case) -> bool:
    """Whether the status still denies pods that are there."""
    return case.condition("PredictorReady").get("status") != "True"


def _unready(case: Case) -> str:
    condition = case.condition("Ready")
    words = ": ".join(str(condition[part]) for part in ("reason", "message") if condition.get(part))
    return f"Ready is {condition.get('status') or 'Unknown'}{f' ({condensed(words)})' if words else ''}"


def waits_for_controller(case: Case) -> bool:
    """Whether only the controller's own log can tell why nothing goes on with the service."""
    if case.deleting or case.stopped:
        return False
    return unfinished(case) is not None or not (case.status.get("conditions") or case.deployments)


def not_applied(case: Case) -> list[str]:
    """Where the Deployment differs from the service's own fields, in words.

    In Standard mode status.observedGeneration is the Deployment's, not the service's (PropagateRawStatus): it cannot
    tell.
    """
    deployment = next(
        (load.deployment for load in case.workloads if load.component == "predictor" and load.deployment), None
    )
    if deployment is None or not case.model_spec:
        return []
    template = (deployment.get("spec") or {}).get("template") or {}
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    container: dict[str, Any] = next(
        (
            item
            for item in (template.get("spec") or {}).get("containers") or []
            if item.get("name") == "kserve-container"
        ),
        {},
    )
    found = []
    uri = annotations.get("internal.serving.kserve.io/storage-initializer-sourceuri")
    if uri and case.storage_uri and uri != case.storage_uri:
        found.append(f"storageUri is {case.storage_uri}, the Deployment has {uri}")
    image = case.model_spec.get("image") or _image_of_runtime(case)
    if image and container.get("image") not in (None, image, f"{image}-gpu"):
        found.append(f"image is {image}, the Deployment has {container['image']}")
    missing = [str(word) for word in case.model_spec.get("args") or [] if "{{" not in str(word)]
    found += [
        f"argument {word} is not the Deployment's" for word in missing if word not in (container.get("args") or [])
    ]
    known = {str(item.get("name")): item.get("value") for item in container.get("env") or []}
    for env in case.model_spec.get("env") or []:
        value = env.get("value")
        if value is not None and "{{" not in str(value) and known.get(str(env.get("name"))) != value:
            found.append(f"env {env.get('name')} is not the Deployment's")
    for kind, wanted in (case.model_spec.get("resources") or {}).items():
        given = (container.get("resources") or {}).get(kind) or {}
        if isinstance(wanted, dict) and any(str(given.get(name)) != str(value) for name, value in wanted.items()):
            found.append(f"resources.{kind} are not the Deployment's")
    return found


def _image_of_runtime(case: Case) -> str | None:
    """The image that the service gets from its runtime; None where KServe changes it (UpdateImageTag)."""
    image = case.runtime_container.get("image")
    if not image or "{{" in str(image) or case.model_spec.get("runtimeVersion"):
        return None
    return str(image)


def not_taken_up(case: Case) -> Finding | None:
    """Row 20 for one service, where the controller does run: no status after some time."""
    if case.status.get("conditions") or case.deployments or case.age < TAKEN_UP:
        return None
    cause = (
        f"KServe has written no status since the service was created {case.age:.0f} s ago, although its controller runs"
    )
    return _by_controller(case, "KS140", cause, [in_field(case.service, "status", "empty")])


def not_finished(case: Case) -> Finding | None:
    """All pods are ready, and KServe does not write it into the service."""
    since = unfinished(case)
    if since is None:
        return None
    cause = f"All pods of the service are ready since {since:.0f} s, and KServe has not written that: {_unready(case)}"
    return _by_controller(case, "KS146", cause, [in_field(case.service, "status.conditions[Ready]", _unready(case))])


def _by_controller(case: Case, name: str, cause: str, evidence: list[Evidence]) -> Finding:
    """The finding, with what the controller's log says of the service: that makes it certain."""
    said = controller_says(case)
    if said is None:
        namespace = case.view.snapshot.get("control_namespace") or "<KServe's namespace>"
        command = f"kubectl -n {namespace} logs deployment/{CONTROLLER} -c {MANAGER} --tail=1000 | grep {case.name}"
        return case.finding(name, f"{cause}.", evidence, command=command)
    pod, error = said
    evidence.append(in_log(pod, MANAGER, error))
    known = policy.refusal(error, case)
    if known is not None:
        return policy.as_finding(case, known, evidence)
    return case.finding(name, f"{cause}. The controller's log says: {condensed(error).rstrip('.')}.", evidence,
                        severity=ERROR)  # fmt: skip


def controller_says(case: Case) -> tuple[dict[str, Any], str] | None:
    """(pod, error): the controller's newest error about the service, where it is of the last reconciliations."""
    namespace = case.view.snapshot.get("control_namespace") or ""
    newest: tuple[float, dict[str, Any], str] | None = None
    for pod in case.view.within(snap.PODS, namespace):
        if snap.labels_of(pod).get("control-plane") != CONTROLLER:
            continue
        for log in case.view.logs_of(namespace, snap.name_of(pod)):
            for entry in log_entries(f"{log.get('head') or ''}\n{log.get('tail') or ''}"):
                moment = snap.seconds(str(entry.get("ts"))) or 0.0
                if not entry.get("error") or not about_service(entry, case.namespace, case.name):
                    continue
                if any(noise in str(entry["error"]) for noise in _NOISE) or case.view.now - moment > EVENT_FRESH:
                    continue
                if newest is None or moment >= newest[0]:
                    newest = (moment, pod, str(entry["error"]))
    return None if newest is None else newest[1:]


def log_entries(text: str) -> Iterator[dict[str, Any]]:
    """The records of the controller's log: one JSON object a line (zap, as controller-runtime sets it up)."""
    for line in text.splitlines():
        if not line.startswith("{"):
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry


_TRACES = ("stacktrace", "errorVerbose")


def records_about(text: str, services: list[tuple[str, str]], most: int) -> list[str]:
    """The log's lines with an error about one of the services, so many of the newest for each, in the log's order."""
    kept: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for number, line in enumerate(text.splitlines()):
        if '"error"' not in line:
            continue
        for entry in log_entries(line):
            for service in services:
                if entry.get("error") and about_service(entry, *service):
                    told = {key: value for key, value in entry.items() if key not in _TRACES}
                    kept.setdefault(service, []).append((number, json.dumps(told)))
    newest = {item for lines in kept.values() for item in lines[-most:]}
    return [line for _number, line in sorted(newest)]


def about_service(entry: dict[str, Any], namespace: str, name: str) -> bool:
    """Whether a record of the controller's log is about that service; one that names no namespace is about none.

    controller-runtime names the object in every "Reconciler error"; KServe's own records name the service alone.
    """
    return (entry.get("namespace"), entry.get("name")) == (namespace, name)


def not_deleted(case: Case) -> Finding | None:
    """The finalizer keeps the service."""
    metadata = case.service.get("metadata") or {}
    since = case.view.age(metadata.get("deletionTimestamp"))
    finalizers = metadata.get("finalizers") or []
    if since is None or since < DELETED or not finalizers:
        return None
    return case.finding(
        "KS115",
        f"The service was deleted {since:.0f} s ago and the finalizer {', '.join(finalizers)} still holds it.",
        [in_field(case.service, "metadata.finalizers", ", ".join(finalizers))],
    )


def model_mesh(case: Case) -> Finding | None:
    """KServe's own controller leaves a service alone that is annotated for ModelMesh (controller.go, Reconcile)."""
    mode = case.annotations.get(ANNOTATION_DEPLOYMENT_MODE)
    if mode != "ModelMesh" or case.deployments:
        return None
    return case.finding(
        "KS143",
        "The service's annotation serving.kserve.io/deploymentMode is ModelMesh: KServe's controller leaves it "
        "alone, and "
        "nothing makes pods for it.",
        [in_field(case.service, f"metadata.annotations[{ANNOTATION_DEPLOYMENT_MODE}]", mode)],
        command=f"kubectl -n {case.namespace} annotate inferenceservice {case.name} "
        "serving.kserve.io/deploymentMode=Standard --overwrite",
    )


def knative_absent(case: Case) -> Finding | None:
    """Row 22: the service's mode is Knative and the cluster does not serve it."""
    events = [event for event in case.view.events_of(case.service) if event.get("reason") == "ServerlessModeRejected"]
    if case.mode != KNATIVE or case.view.served("serving.knative.dev") is not False and not events:
        return None
    if case.view.served("serving.knative.dev"):
        return None
    annotation = case.annotations.get("serving.kserve.io/deploymentMode")
    source = (
        f"its annotation serving.kserve.io/deploymentMode is {annotation}"
        if annotation
        else "that is the default of inferenceservice-config"
    )
    return case.finding(
        "KS022",
        f"The service's deployment mode is Knative ({source}), and the cluster does not serve serving.knative.dev: "
        "Knative "
        "Serving is not installed.",
        [*[in_event(event) for event in events[:1]], by_rule(case.ref, "serving.knative.dev is not served")],
        "Annotate the service with serving.kserve.io/deploymentMode: Standard, or install Knative Serving.",
        command=f"kubectl -n {case.namespace} annotate inferenceservice {case.name} "
        "serving.kserve.io/deploymentMode=Standard --overwrite",
    )


def reconcile_fails(case: Case) -> Finding | None:
    """Row 21: KServe says why it cannot create what the service needs."""
    message, evidence = _reconcile_message(case)
    if not message:
        return None
    # An event alone does not say that a service which serves as it should still has the trouble.
    doubtful = case.is_ready and case.serving and evidence[0].source == "event" and not not_applied(case)
    severity = WARNING if doubtful else None
    found = policy.refusal(message, case)
    if found is not None:
        return policy.as_finding(case, found, evidence, severity)
    serving = " Pods of before still serve." if case.serving else ""
    return case.finding(
        "KS021",
        f"KServe cannot reconcile the service: {condensed(message).rstrip('.')}.{serving}",
        evidence,
        severity=severity,
    )


_NOT_RECONCILED = ("ReconcileFailed", "InvalidGPUAllocation", "InvalidWorkerSpecNotSet")


def _reconcile_message(case: Case) -> tuple[str, list[Evidence]]:
    for kind in ("PredictorReady", "TransformerReady", "ExplainerReady"):
        condition = case.condition(kind)
        if condition.get("status") == "False" and condition.get("reason") in _NOT_RECONCILED:
            message = str(condition.get("message") or "")
            if not any(noise in message for noise in _NOISE):
                return message, [in_field(case.service, f"status.conditions[{kind}]", message)]
    newest = max(
        (str((item.get("metadata") or {}).get("creationTimestamp") or "") for item in _rollouts(case)), default=""
    )
    for event in case.view.events_of(case.service):
        if event.get("reason") != "InternalError" or any(noise in message_of(event) for noise in _NOISE):
            continue
        seen = snap.event_time(event) or ""
        age = case.view.age(seen)
        # What was rolled out after the event shows that the reconciliation went on.
        fresh = age is not None and age < EVENT_FRESH and (snap.seconds(seen) or 0) > (snap.seconds(newest) or 0)
        if fresh and (not case.deployments or int(event.get("count") or 1) > 1):
            return message_of(event), [in_event(event)]
    return "", []


def _rollouts(case: Case) -> list[dict[str, Any]]:
    return case.view.of_service(snap.REPLICASETS, case.namespace, case.name) or case.deployments
