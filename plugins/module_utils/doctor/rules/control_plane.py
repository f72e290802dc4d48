# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KServe itself: its API, controller, webhooks and configuration, and services that wait for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import log_reading
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import (
    WARNING,
    Evidence,
    Finding,
    Ref,
    Remedy,
    ref_of,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import certificates, policy
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import KNATIVE, Case
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.codes import code
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.evidence import (
    by_probe,
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
WEBHOOK_SERVICE = "kserve-webhook-server-service"
CONFIG = "inferenceservice-config"
# Not "credentials": what names secrets there is redacted in a snapshot.
CONFIG_SECTIONS = ("deploy", "ingress", "storageInitializer", "logger", "batcher", "agent", "router")

# The controller takes a new service up within a second or two.
TAKEN_UP = 30.0
# A finalizer is removed within seconds; ten times that is long.
DELETED = 40.0
EXPIRY_WARNING = 14 * 86400.0
# Events of failing reconciliations repeat with a backoff of at most 17 minutes.
EVENT_FRESH = 1100.0

_NOISE = ("object has been modified", "please apply your changes to the latest version", "not found in the cache",
          "StorageError: invalid object", "AlreadyExists", "already exists")  # fmt: skip


def _finding(
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
        yield _finding(
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


def controller_down(view: snap.View) -> Iterator[Finding]:
    """Row 20: no replica of the controller is available."""
    found = [item for item in controllers(view) if snap.labels_of(item).get("control-plane") == CONTROLLER]
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
    yield _finding(
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
        return _finding(
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
    return _finding(
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
        return text, evidence
    condition = podstate.condition(deployment, "ReplicaFailure")
    if condition.get("status") == "True":
        message = condensed(str(condition.get("message")))
        return f": {message}", [in_field(deployment, "status.conditions[ReplicaFailure]", message)]
    return ": it has no pods", []


def _log_says(view: snap.View, pod: dict[str, Any], container: str) -> str:
    for log in view.logs_of(snap.namespace_of(pod), snap.name_of(pod)):
        if log.get("container") == container:
            quote = condensed(log_reading.read(f"{log.get('head') or ''}\n{log.get('tail') or ''}").best)
            if quote:
                return quote[:400]
    return ""


# -- webhooks ---------------------------------------------------------------------------------------------------------


def _configurations(view: snap.View) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(configuration, webhook) of KServe's own webhooks."""
    for key in (snap.MUTATING_WEBHOOKS, snap.VALIDATING_WEBHOOKS):
        for configuration in view.all(key):
            for webhook in configuration.get("webhooks") or []:
                if "kserve-webhook-server" in str(webhook.get("name")):
                    yield configuration, webhook


def webhooks_failing(view: snap.View, down: bool) -> list[Finding]:
    """Rows 17 and 18, asked directly: dry-run writes, the Services behind the webhooks, and their CA bundles.

    While the controller is down its webhooks cannot answer: that is no fault of their own.
    """
    found = list(_bundle_faults(view))
    if down:
        return found
    services = list(_service_faults(view))
    tried = [
        finding
        for probe in view.snapshot.get("probes") or []
        if probe.get("purpose") == "webhook" and probe.get("error")
        for finding in _dry_run_fault(view, probe)
    ]
    told = {item.object for item in found}
    silent = [item for item in tried if item.code == "KS017"]
    if services:
        services[0].evidence.extend(evidence for item in silent for evidence in item.evidence)
    elif silent:
        # They are all one server: that one of them does not answer says the same of the others.
        silent[0].evidence.extend(evidence for item in silent[1:] for evidence in item.evidence)
        services = silent[:1]
    return found + services + [item for item in tried if item.code != "KS017" and item.object not in told]


def _service_faults(view: snap.View) -> Iterator[Finding]:
    asked = set()
    for configuration, webhook in _configurations(view):
        target = ((webhook.get("clientConfig") or {}).get("service")) or {}
        where = (str(target.get("namespace")), str(target.get("name")))
        if not target or where in asked or not view.seen(snap.SERVICES, where[0]):
            continue
        asked.add(where)
        about = Ref("v1", "Service", *where)
        if where[0] not in {snap.namespace_of(item) for item in view.all(snap.SERVICES)} and not _collected(
            view, where[0]
        ):
            continue
        service = view.get(snap.SERVICES, *where)
        if service is None:
            yield _finding(
                "KS017",
                about,
                f"KServe's webhooks call Service {where[0]}/{where[1]}, which does not exist: every write of an "
                "InferenceService or a runtime fails.",
                [in_field(configuration, f"webhooks[{webhook.get('name')}].clientConfig.service", "/".join(where))],
                remedy="Restore the Service from KServe's installation.",
            )  # fmt: skip
        elif endpoints_ready(view, where[0], where[1]) is False:
            selector = (service.get("spec") or {}).get("selector") or {}
            pairs = ", ".join(f"{key}={value}" for key, value in sorted(selector.items()))
            yield _finding(
                "KS017",
                about,
                f"Service {where[0]}/{where[1]} behind KServe's webhooks has no ready endpoints although the "
                f"controller runs: its selector is {pairs or 'empty'}. Writes of services and runtimes fail.",
                [in_field(service, "spec.selector", pairs)],
                remedy="Restore the Service's selector and port from KServe's installation.",
            )  # fmt: skip


def _collected(view: snap.View, namespace: str) -> bool:
    return view.snapshot.get("control_namespace") == namespace


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


def _bundle_faults(view: snap.View) -> Iterator[Finding]:
    bundles: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for configuration, webhook in _configurations(view):
        bundle = str((webhook.get("clientConfig") or {}).get("caBundle") or "")
        bundles.setdefault(bundle, []).append((configuration, webhook))
    for bundle, holders in bundles.items():
        yield from _bundle_fault(view, bundle, holders)
    filled = {bundle: holders for bundle, holders in bundles.items() if bundle}
    if len(filled) > 1 and not any(probe.get("purpose") == "webhook" for probe in view.snapshot.get("probes") or []):
        odd = min(filled.values(), key=len)
        names = ", ".join(sorted({snap.name_of(configuration) for configuration, _webhook in odd}))
        yield _finding(
            "KS018",
            ref_of(odd[0][0]),
            f"The caBundle of {names} differs from that of KServe's other webhooks: one of them cannot match the "
            "serving "
            "certificate.",
            [
                in_field(
                    odd[0][0], f"webhooks[{odd[0][1].get('name')}].clientConfig.caBundle", "differs from the others"
                )
            ],
            severity=WARNING,
        )


def _bundle_fault(
    view: snap.View, bundle: str, holders: list[tuple[dict[str, Any], dict[str, Any]]]
) -> Iterator[Finding]:
    configuration, webhook = holders[0]
    names = ", ".join(sorted({snap.name_of(item) for item, _webhook in holders}))
    path = f"webhooks[{webhook.get('name')}].clientConfig.caBundle"
    about = ref_of(configuration)
    if not bundle:
        return
    try:
        found = certificates.from_bundle(bundle)
    except ValueError as error:
        yield _finding("KS018", about, f"The caBundle of {names} is unusable: {error}. Calls of the webhook fail.",
                       [in_field(configuration, path, str(error))])  # fmt: skip
        return
    end = max(item.not_after for item in found)
    if end < view.now:
        yield _finding("KS018", about, f"The CA certificate of {names} expired at {snap.stamp(end)}: calls fail "
                       "with x509.", [in_field(configuration, path, f"notAfter {snap.stamp(end)}")])  # fmt: skip
    elif end < view.now + EXPIRY_WARNING:
        yield _finding("KS131", about, f"The CA certificate of {names} expires at {snap.stamp(end)}.",
                       [in_field(configuration, path, f"notAfter {snap.stamp(end)}")])  # fmt: skip


def _dry_run_fault(view: snap.View, probe: dict[str, Any]) -> Iterator[Finding]:
    message = condensed(str(probe.get("error")))
    if "failed calling webhook" not in message:
        return
    matched = policy.CALL_FAILED.search(message)
    webhook = matched["webhook"] if matched else ""
    what = matched["what"] if matched else message
    own = "kserve-webhook-server" in message or policy.KSERVE_WEBHOOK.search(webhook)
    certificate = "x509" in what or "certificate" in what
    name = ("KS018" if certificate else "KS017") if own else "KS130"
    about = policy.webhook_object(view, webhook) or Ref(
        "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", None, webhook or "unknown"
    )
    effect = (
        "the caBundle of its configuration does not match the serving certificate"
        if certificate
        else ("the webhook's Service or its server does not answer")
    )
    yield _finding(
        name,
        about,
        f"The admission webhook {webhook} cannot be called, so that every write of a {probe.get('target')} fails: "
        f"{effect} "
        f"({what.rstrip('.')}).",
        [by_probe(about, probe)],
        key=webhook if name == "KS130" else "",
    )


# -- configuration ----------------------------------------------------------------------------------------------------


def configuration(view: snap.View) -> Iterator[Finding]:
    """ConfigMap inferenceservice-config is there and its sections are JSON."""
    namespace = view.snapshot.get("control_namespace")
    if not namespace or not view.seen(snap.CONFIGMAPS):
        return
    about = Ref("v1", "ConfigMap", namespace, CONFIG)
    found = view.get(snap.CONFIGMAPS, namespace, CONFIG)
    if found is None:
        yield _finding("KS139", about, f"ConfigMap {CONFIG} is missing in namespace {namespace}: the controller can "
                       "reconcile nothing.", [by_rule(about, "not found")])  # fmt: skip
        return
    for section in CONFIG_SECTIONS:
        text = (found.get("data") or {}).get(section)
        if text is None:
            continue
        try:
            json.loads(text)
        except ValueError as error:
            yield _finding("KS139", about, f"Section {section} of ConfigMap {namespace}/{CONFIG} is not JSON: {error}.",
                           [in_field(found, f"data.{section}", str(error))], key=section)  # fmt: skip


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
    return signs


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
    return case.finding(
        "KS140",
        f"The service was created {case.age:.0f} s ago and KServe has written no status, although its controller runs.",
        [in_field(case.service, "status", "empty")],
        command="kubectl -n kserve logs deployment/kserve-controller-manager -c manager --tail=200",
    )


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
        return case.finding(
            found.code,
            found.cause,
            evidence,
            found.remedy,
            object=found.object,
            command=found.command,
            severity=severity,
            key=found.key,
        )
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
