# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KServe's admission webhooks: are they registered, do they answer, are they trusted; and pods made without them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import (
    ERROR,
    WARNING,
    Finding,
    Ref,
    ref_of,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import certificates, policy
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import Case, Workload
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.control_plane import (
    endpoints_ready,
    general,
    own_controllers,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.evidence import (
    by_probe,
    by_rule,
    condensed,
    in_field,
)

EXPIRY_WARNING = 14 * 86400.0

# What services depend on, by kind of configuration (config/webhook/manifests.yaml): the webhook, and what it does.
REGISTERED: tuple[tuple[str, str, str, str], ...] = (
    (
        snap.MUTATING_WEBHOOKS,
        "MutatingWebhookConfiguration",
        "inferenceservice.kserve-webhook-server.pod-mutator",
        "pods are made without their model, agent and metrics settings",
    ),
    (
        snap.MUTATING_WEBHOOKS,
        "MutatingWebhookConfiguration",
        "inferenceservice.kserve-webhook-server.defaulter",
        "services are stored without KServe's defaults",
    ),
    (
        snap.VALIDATING_WEBHOOKS,
        "ValidatingWebhookConfiguration",
        "inferenceservice.kserve-webhook-server.validator",
        "services are stored unchecked",
    ),
    (
        snap.VALIDATING_WEBHOOKS,
        "ValidatingWebhookConfiguration",
        "servingruntime.kserve-webhook-server.validator",
        "runtimes are stored unchecked",
    ),
)
CONFIGURATION = "inferenceservice.serving.kserve.io"

# What makes a pod one that the pod webhook has to give a model, and where it puts it (storage_initializer_injector.go).
SOURCE_ANNOTATION = "internal.serving.kserve.io/storage-initializer-sourceuri"
AGENT_ANNOTATION = "internal.serving.kserve.io/agent"
MODEL_MOUNTS = ("/mnt/models", "/mnt")
# Namespaces with this label are left out by the pod webhook's namespaceSelector.
LEFT_OUT = "control-plane"


def _configurations(view: snap.View) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(configuration, webhook) of KServe's own webhooks."""
    for key in (snap.MUTATING_WEBHOOKS, snap.VALIDATING_WEBHOOKS):
        for configuration in view.all(key):
            for webhook in configuration.get("webhooks") or []:
                if "kserve-webhook-server" in str(webhook.get("name")):
                    yield configuration, webhook


def failing(view: snap.View, down: bool) -> list[Finding]:
    """Rows 17 and 18, asked directly: dry-run writes, the Services behind the webhooks, and their CA bundles.

    While the controller is down its webhooks cannot answer: that is no fault of their own.
    """
    found = list(_bundle_faults(view))
    if down:
        return [*found, *unregistered(view)]
    services = list(_service_faults(view))
    tried = [
        finding
        for probe in view.snapshot.get("probes") or []
        if probe.get("purpose") == "webhook" and probe.get("error")
        for finding in _dry_run_fault(view, probe)
    ]
    silent = [item for item in tried if item.code == "KS017"]
    untrusted = [item for item in [*found, *tried] if item.code == "KS018" and item.severity == ERROR]
    others = [item for item in [*found, *tried] if item.code != "KS017" and item not in untrusted]
    # They are all one server: that one of them does not answer says the same of the others.
    return [*_one([*services, *silent]), *_one_certificate(view, untrusted), *others, *unregistered(view)]


def _one(findings: list[Finding]) -> list[Finding]:
    """The first of findings about one fault, with the evidence of all."""
    for other in findings[1:]:
        findings[0].evidence.extend(other.evidence)
    return findings[:1]


def _one_certificate(view: snap.View, findings: list[Finding]) -> list[Finding]:
    """One server has one certificate: several configurations that do not trust it have one fault."""
    about = sorted({item.object.name for item in findings})
    if len(about) < 2:
        return _one(findings)
    first = findings[0]
    first.cause += f" The same holds for {', '.join(about)}: more likely the serving certificate was replaced."
    secret = serving_secret(view)
    if secret is not None:
        first.cause += f" The controller serves the one in Secret {secret.namespace}/{secret.name}."
    return _one(findings)


def serving_secret(view: snap.View) -> Ref | None:
    """The Secret that the controller's Deployment mounts its serving certificate from."""
    for deployment in own_controllers(view):
        spec = (((deployment.get("spec") or {}).get("template") or {}).get("spec")) or {}
        for volume in spec.get("volumes") or []:
            name = (volume.get("secret") or {}).get("secretName")
            if name:
                return Ref("v1", "Secret", snap.namespace_of(deployment), str(name))
    return None


def unregistered(view: snap.View) -> Iterator[Finding]:
    """KServe's webhook configurations were deleted, or lack a webhook, while its controller is installed."""
    if not view.snapshot.get("control_namespace") or not own_controllers(view):
        return
    there = {str(webhook.get("name")) for _configuration, webhook in _configurations(view)}
    missing = [row for row in REGISTERED if view.seen(row[0]) and row[2] not in there]
    if not missing:
        return
    about = Ref("admissionregistration.k8s.io/v1", missing[0][1], None, CONFIGURATION)
    yield general(
        "KS144",
        about,
        f"KServe's admission webhook {', '.join(row[2] for row in missing)} is not registered with the API server, "
        f"although the controller is installed: {'; '.join(row[3] for row in missing)}.",
        [by_rule(about, f"no {row[1]} holds {row[2]}") for row in missing],
        command=f"kubectl get {_kinds(missing)}",
    )


def _kinds(rows: list[tuple[str, str, str, str]]) -> str:
    """The kinds of the rows as kubectl takes them."""
    return ",".join(sorted({kind.lower() for _key, kind, _name, _effect in rows}))


def not_injected(case: Case, load: Workload) -> Finding | None:
    """The newest pods were made without their model: the pod webhook has not seen them."""
    if load.component != "predictor":
        return None
    for pod in load.pods:
        if podstate.deleting(pod) or not lacks_model(pod):
            continue
        uri = snap.annotations_of(pod)[SOURCE_ANNOTATION]
        why, about, remedy = _why_not_injected(case)
        evidence = [in_field(pod, f"metadata.annotations[{SOURCE_ANNOTATION}]", uri)]
        return case.finding(
            "KS145",
            f"Pod {snap.name_of(pod)} was made without its model: its annotation asks for {uri}, and nothing is "
            f"mounted at {MODEL_MOUNTS[0]}.{why}",
            evidence,
            remedy,
            object=about,
            command=f"kubectl -n {case.namespace} delete pod {snap.name_of(pod)}",
        )
    return None


def lacks_model(pod: dict[str, Any]) -> bool:
    """Whether a pod that the pod webhook has to give a model has none mounted."""
    notes = snap.annotations_of(pod)
    if not notes.get(SOURCE_ANNOTATION) or AGENT_ANNOTATION in notes:
        return False
    paths = [
        str(mount.get("mountPath") or "").rstrip("/")
        for item in podstate.containers(pod)
        for mount in item.spec.get("volumeMounts") or []
    ]
    return not any(path == MODEL_MOUNTS[1] or path.startswith(MODEL_MOUNTS[0]) for path in paths)


def _why_not_injected(case: Case) -> tuple[str, Ref, str | None]:
    namespace = case.view.get(snap.NAMESPACES, None, case.namespace)
    label = snap.labels_of(namespace).get(LEFT_OUT) if namespace else None
    if namespace is not None and label is not None:
        return (
            f" Namespace {case.namespace} has the label {LEFT_OUT}={label}, and KServe's pod webhook leaves out every "
            "namespace with that label.",
            ref_of(namespace),
            f"Remove the label from the namespace (kubectl label namespace {case.namespace} {LEFT_OUT}-), or deploy "
            "the service in another one; then delete the pod.",
        )
    return " KServe's pod webhook has not seen it: it was not registered when the pod was created.", case.ref, None


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
            yield general(
                "KS017",
                about,
                f"KServe's webhooks call Service {where[0]}/{where[1]}, which does not exist: every write of an "
                "InferenceService or a runtime fails.",
                [in_field(configuration, f"webhooks[{webhook.get('name')}].clientConfig.service", "/".join(where))],
                remedy="Restore the Service from KServe's installation.",
            )
        elif endpoints_ready(view, where[0], where[1]) is False:
            selector = (service.get("spec") or {}).get("selector") or {}
            pairs = ", ".join(f"{key}={value}" for key, value in sorted(selector.items()))
            yield general(
                "KS017",
                about,
                f"Service {where[0]}/{where[1]} behind KServe's webhooks has no ready endpoints although the "
                f"controller runs: its selector is {pairs or 'empty'}. Writes of services and runtimes fail.",
                [in_field(service, "spec.selector", pairs)],
                remedy="Restore the Service's selector and port from KServe's installation.",
            )


def _collected(view: snap.View, namespace: str) -> bool:
    return view.snapshot.get("control_namespace") == namespace


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
        yield general(
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
        yield general(
            "KS018",
            about,
            f"The caBundle of {names} is unusable: {error}. Calls of the webhook fail.",
            [in_field(configuration, path, str(error))],
        )
        return
    end = max(item.not_after for item in found)
    if end < view.now:
        yield general(
            "KS018",
            about,
            f"The CA certificate of {names} expired at {snap.stamp(end)}: calls fail with x509.",
            [in_field(configuration, path, f"notAfter {snap.stamp(end)}")],
        )
    elif end < view.now + EXPIRY_WARNING:
        yield general(
            "KS131",
            about,
            f"The CA certificate of {names} expires at {snap.stamp(end)}.",
            [in_field(configuration, path, f"notAfter {snap.stamp(end)}")],
        )


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
    about = policy.webhook_object(view, webhook)
    effect = (
        "the caBundle of its configuration does not match the serving certificate"
        if certificate
        else ("the webhook's Service or its server does not answer")
    )
    yield general(
        name,
        about,
        f"The admission webhook {webhook} cannot be called, so that every write of a {probe.get('target')} fails: "
        f"{effect} "
        f"({what.rstrip('.')}).",
        [by_probe(about, probe)],
        key=webhook if name == "KS130" else "",
    )
