# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why the API server refused an object that a controller wanted to create: quota, limits, security, policy, webhooks.

The same sentences reach a person through a ReplicaSet's FailedCreate, a Deployment's ReplicaFailure, the service's
Ready message, or KServe's InternalError event; ``refusal`` reads them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import Evidence, Finding, Ref, ref_of
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import config
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import Case, Workload
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.evidence import (
    condensed,
    in_event,
    in_field,
    message_of,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import quantities

# Every webhook of KServe is named after this (config/webhook/manifests.yaml).
KSERVE_WEBHOOK = re.compile(r"kserve-webhook-server|serving\.kserve\.io|opendatahub\.io")


CALL_FAILED = re.compile(r"failed calling webhook \"(?P<webhook>[^\"]+)\": (?P<what>.*)", re.DOTALL)


@dataclass(frozen=True)
class Refusal:
    """What a refusal means: the code, a sentence, the object to change and a remedy."""

    code: str
    cause: str
    object: Ref | None = None
    remedy: str | None = None
    command: str | None = None
    key: str = ""
    title: str | None = None


def _quota(matched: re.Match[str], case: Case) -> Refusal:
    quota = matched["quota"]
    numbers = (
        f"asked for {matched['asked'].rstrip(', ')}, used {matched['used'].rstrip(', ')}, "
        f"limited to {matched['limited'].rstrip('.')}"
    )
    return Refusal(
        "KS023",
        f"ResourceQuota {quota} in namespace {case.namespace} is exceeded: {numbers}.",
        Ref("v1", "ResourceQuota", case.namespace, quota),
        "Ask for less in the runtime or the service, delete what is not needed, or raise the quota.",
        f"kubectl -n {case.namespace} describe resourcequota {quota}",
        quota,
    )


def _quota_demands(matched: re.Match[str], case: Case) -> Refusal:
    quota, missing = matched["quota"], matched["missing"]
    origin, path = case.origin("resources")
    return Refusal(
        "KS023",
        f"ResourceQuota {quota} in namespace {case.namespace} demands that every container sets {missing}; "
        f"{path} of {origin} does not.",
        origin,
        f"Set {missing} in {path} of {origin}, or give the namespace a LimitRange with defaults.",
        None,
        quota,
    )


def _limit_range(matched: re.Match[str], case: Case) -> Refusal:
    origin, path = case.origin("resources")
    ranges = [snap.name_of(item) for item in case.view.within(snap.LIMITRANGES, case.namespace)]
    named = f"LimitRange {', '.join(ranges)}" if ranges else "A LimitRange"
    return Refusal(
        "KS024",
        f"{named} in namespace {case.namespace} refuses the pod: {matched['what'].strip().rstrip('.')}.",
        origin,
        f"Set {path} of {origin} within the LimitRange, or change the LimitRange.",
        f"kubectl -n {case.namespace} describe limitrange",
    )


def _over_default(matched: re.Match[str], case: Case) -> Refusal | None:
    """A request above the limit that admission gave a container which sets none.

    Where the limit is the container's own, no LimitRange has a part in it (plugin/pkg/admission/limitranger).
    """
    name, limit = matched["name"], matched["limit"].rstrip(".,;")
    container = _in_template(case, matched["list"], int(matched["index"]))
    if container is None or name in ((container.get("resources") or {}).get("limits") or {}):
        return None
    for limit_range in case.view.within(snap.LIMITRANGES, case.namespace):
        limits = (limit_range.get("spec") or {}).get("limits") or []
        defaults = [(item.get("default") or {}).get(name) for item in limits]
        if not any(value is not None and _same_amount(value, limit) for value in defaults):
            continue
        origin, path = case.origin("resources", str(container.get("name")))
        about = snap.name_of(limit_range)
        return Refusal(
            "KS024",
            f"LimitRange {about} in namespace {case.namespace} gives container {container.get('name')} the limit "
            f"{name} {limit}, because it sets none of its own, and the container asks for {matched['asked']}.",
            origin,
            f"Set limits.{name} in {path} of {origin}, or raise the LimitRange's default.",
            f"kubectl -n {case.namespace} describe limitrange {about}",
            about,
        )
    return None


def _in_template(case: Case, kind: str, index: int) -> dict[str, Any] | None:
    """The container of the Deployments' templates at that place: admission puts others behind the template's own."""
    for deployment in case.deployments:
        spec = (((deployment.get("spec") or {}).get("template") or {}).get("spec")) or {}
        containers = spec.get(kind) or []
        if index < len(containers):
            return dict(containers[index])
    return None


def _same_amount(one: object, other: object) -> bool:
    try:
        return quantities.parse(one) == quantities.parse(other)
    except ValueError:
        return one == other


def _pod_security(matched: re.Match[str], case: Case) -> Refusal:
    origin, path = case.origin("securityContext")
    return Refusal(
        "KS025",
        f"The pod security of namespace {case.namespace} refuses the pod: it violates PodSecurity "
        f"{condensed(matched['what']).rstrip('.')}.",
        origin,
        f"Set what the message asks for in {path} of {origin}, or change the namespace's pod-security.kubernetes.io "
        "labels.",
    )


def _scc(matched: re.Match[str], case: Case) -> Refusal:
    origin, path = case.origin("securityContext")
    return Refusal(
        "KS025",
        f"No security context constraint allows the pod: {condensed(matched['what'])[:600]}.",
        origin,
        f"Drop runAsUser, privileged and the like from {path} of {origin} (restricted-v2 assigns a user), or grant the "
        "service account a constraint that allows them.",
    )


def _service_account(matched: re.Match[str], case: Case) -> Refusal:
    name = matched["name"]
    return Refusal(
        "KS104",
        f"Service account {name} does not exist in namespace {case.namespace}.",
        Ref("v1", "ServiceAccount", case.namespace, name),
        f"Create it, or correct serviceAccountName of {case.ref}.",
        f"kubectl -n {case.namespace} create serviceaccount {name}",
        name,
    )


def _priority_class(matched: re.Match[str], case: Case) -> Refusal:
    name = matched["name"]
    return Refusal(
        "KS132",
        f"PriorityClass {name} does not exist.",
        Ref("scheduling.k8s.io/v1", "PriorityClass", None, name),
        f"Create it, or correct priorityClassName of {case.ref}.",
        None,
        name,
    )


def _webhook_down(matched: re.Match[str], case: Case) -> Refusal:
    webhook, what = matched["webhook"], condensed(matched["what"])
    own = bool(KSERVE_WEBHOOK.search(webhook) or KSERVE_WEBHOOK.search(what))
    certificate = "x509" in what or "certificate" in what
    code = ("KS018" if certificate else "KS017") if own else "KS130"
    return Refusal(
        code,
        f"The admission webhook {webhook} cannot be called: {what.rstrip('.')}.",
        webhook_object(case.view, webhook),
        None,
        None,
        # KServe's webhooks are one server behind one Service: whichever of them failed, it is one fault.
        "" if own else webhook,
    )


def _denied(matched: re.Match[str], case: Case) -> Refusal:
    """KServe's own webhook is no policy: what it refuses for a reason that is not read above is an error of its own."""
    webhook, what = matched["webhook"], condensed(matched["what"])
    if KSERVE_WEBHOOK.search(webhook):
        return Refusal("KS021", f"KServe's own admission webhook {webhook} fails: {what.rstrip('.')}.", case.ref)
    return Refusal(
        "KS105",
        f"The admission webhook {webhook} refuses it: {what.rstrip('.')}.",
        case.ref,
        None,
        None,
        webhook,
    )


def _policy_denied(matched: re.Match[str], case: Case) -> Refusal:
    policy = matched["policy"]
    return Refusal(
        "KS105",
        f"ValidatingAdmissionPolicy {policy} refuses it: {condensed(matched['what']).rstrip('.')}.",
        Ref("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", None, policy),
        f"Change the service to what the policy wants, or the policy {policy}.",
        None,
        policy,
    )


def _namespace_ending(matched: re.Match[str], case: Case) -> Refusal:
    return Refusal(
        "KS133",
        f"Namespace {case.namespace} is being deleted: nothing can be created in it.",
        Ref("v1", "Namespace", None, case.namespace),
        "Deploy the service in another namespace.",
    )


def _storage_scheme(matched: re.Match[str], case: Case) -> Refusal:
    return Refusal(
        "KS040",
        f"KServe does not support the storage URI {case.storage_uri or ''}: {condensed(matched['what']).rstrip('.')}.",
        case.ref,
        "Use a scheme that KServe supports, or give the cluster a ClusterStorageContainer for it.",
    )


def _storage_container(matched: re.Match[str], case: Case) -> Refusal:
    name, what = matched["container"], condensed(matched["what"]).rstrip(".")
    return Refusal(
        "KS040",
        f"ClusterStorageContainer {name}, which the service names in spec.predictor.storageContainerName, {what}.",
        case.ref,
        f"Create or enable ClusterStorageContainer {name}, name one that takes {case.storage_uri or 'the storage URI'},"
        " or leave the choice to KServe.",
        None,
        name,
        "The storage container cannot be used",
    )


def _storage_type(matched: re.Match[str], case: Case) -> Refusal:
    return Refusal(
        "KS042",
        f"KServe cannot use spec.predictor.model.storage: {condensed(matched['what']).rstrip('.')}.",
        case.ref,
        f"Set parameters.type and parameters.bucket in spec.predictor.model.storage of {case.ref}, or type and bucket "
        "in the storage secret's entry.",
        title="The storage's settings are not complete",
    )


def _storage_json(matched: re.Match[str], case: Case) -> Refusal:
    secret, key = matched["secret"], matched["entry"]
    return Refusal(
        "KS042",
        f"Key {key} of Secret {secret} in namespace {case.namespace} is not a JSON object of texts: "
        f"{condensed(matched['what']).rstrip('.')}.",
        Ref("v1", "Secret", case.namespace, secret),
        f'Write key {key} as JSON: {{"type": "s3", "access_key_id": ..., "endpoint_url": ...}}, every value a text.',
        None,
        key,
        "A Secret that the pod needs cannot be read",
    )


def _configuration(matched: re.Match[str], case: Case) -> Refusal:
    namespace = case.view.snapshot.get("control_namespace") or "kserve"
    section = config.section_of(matched["section"])
    said = condensed(matched["what"]).removesuffix("[recovered]").strip(" .:")
    part = f"section {section} of ConfigMap" if section else "ConfigMap"
    return Refusal(
        "KS139",
        f"KServe cannot read {part} {namespace}/{config.CONFIG}: {said}.",
        Ref("v1", "ConfigMap", namespace, config.CONFIG),
        f"Correct data.{section} of the ConfigMap." if section else None,
        f"kubectl -n {namespace} edit configmap {config.CONFIG}",
        section,
    )


def _storage_secret(matched: re.Match[str], case: Case) -> Refusal:
    name = matched["secret"] or matched["other"]
    return Refusal(
        "KS042",
        f"{condensed(matched[0]).rstrip('.')} (Secret {name} in namespace {case.namespace}).",
        Ref("v1", "Secret", case.namespace, name),
        f"Create the secret or the key in it, or correct spec.predictor.model.storage of {case.ref}.",
        None,
        name,
    )


_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Case], Refusal | None]], ...] = tuple(
    (re.compile(pattern, re.DOTALL), reader)
    for pattern, reader in (
        (r"failed calling webhook \"(?P<webhook>[^\"]+)\": (?P<what>.*)", _webhook_down),
        (r"failed calling (?P<what>webhook)(?P<webhook>)", _webhook_down),
        (r"exceeded quota: (?P<quota>[^,]+), requested: (?P<asked>.*?), used: (?P<used>.*?), limited: (?P<limited>.*)",
         _quota),
        (r"failed quota: (?P<quota>[^:]+): must specify (?P<missing>.*)", _quota_demands),
        (r"violates PodSecurity (?P<what>.*)", _pod_security),
        (r"unable to validate against any security context constraint:? ?(?P<what>.*)", _scc),
        (r"error looking up service account [^/]+/(?P<name>[^:]+):", _service_account),
        (r"serviceaccount[s]? \"(?P<name>[^\"]+)\" not found", _service_account),
        (r"no PriorityClass with name (?P<name>\S+) was found", _priority_class),
        (r"can't read storage secret (?P<secret>\S+):.*|specified storage key \S+ not found in storage secret "
         r"(?P<other>\S+)", _storage_secret),
        (r"invalid json encountered in key (?P<entry>\S+) of storage secret (?P<secret>[^\s:]+): (?P<what>.*)",
         _storage_json),
        (r"(?P<what>storage type must be one of \[.*?\]\. storage type \[.*?\] is not supported|unable to determine "
         r"storage type|format \[.*?\] requires a bucket but one wasn't found in storage data or parameters)",
         _storage_type),
        (r"ClusterStorageContainer \\?\"(?P<container>[^\"\\]+)\\?\" (?P<what>not found|is disabled|has workloadType .*"
         r"|does not support storageUri.*|URI check failed.*)", _storage_container),
        *((f"(?i:{pattern})", _configuration) for pattern in config.MESSAGES),
        (r"ValidatingAdmissionPolicy '(?P<policy>[^']+)' with binding '[^']*' denied request: (?P<what>.*)",
         _policy_denied),
        (r"admission webhook \"(?P<webhook>[^\"]+)\" denied the request: (?P<what>.*)", _denied),
        (r"(?P<what>(?:minimum|maximum) \S+ usage per (?:Container|Pod) is .*|"
         r"\S+ max limit to request ratio per (?:Container|Pod) is .*|maximum \S+ usage per PersistentVolumeClaim.*)",
         _limit_range),
        (r"spec\.(?P<list>containers|initContainers)\[(?P<index>\d+)\]\.resources\.requests: Invalid value: "
         r"\\?\"?(?P<asked>[^\":\\]+)\\?\"?: must be less than or equal to (?P<name>\S+) limit of (?P<limit>[^\s\]]+)",
         _over_default),
        (r"because it is being terminated|is being terminated", _namespace_ending),
        (r"StorageURI not supported: (?P<what>.*)", _storage_scheme),
        (r"storageUri, must be one of: (?P<what>.*)", _storage_scheme),
    )
)  # fmt: skip


def refusal(message: str, case: Case) -> Refusal | None:
    """What a refusal means; None for one that is not known."""
    for pattern, reader in _READERS:
        matched = pattern.search(message)
        found = reader(matched, case) if matched else None
        if found is not None:
            return found
    return None


def webhook_object(view: snap.View, webhook: str) -> Ref:
    """The webhook configuration that holds the webhook of that name; one of its name where none was seen."""
    for key in (snap.MUTATING_WEBHOOKS, snap.VALIDATING_WEBHOOKS):
        for configuration in view.all(key):
            if any(item.get("name") == webhook for item in configuration.get("webhooks") or []):
                return ref_of(configuration)
    return Ref("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", None, webhook or "unknown")


def pods_refused(case: Case, load: Workload) -> Finding | None:
    """Rows 23 to 25: the newest ReplicaSet cannot create its pods."""
    if load.replicaset is None or len([pod for pod in load.pods if not podstate.deleting(pod)]) >= load.wanted:
        return None
    message, evidence = _failure_to_create(case, load)
    if not message:
        return None
    found = refusal(message, case)
    if found is None:
        cause = f"The pods of {snap.name_of(load.replicaset)} cannot be created: {_without_prefix(message)}"
        return case.finding("KS133", f"{cause.rstrip('.')}.", evidence, object=case.ref)
    return as_finding(case, found, evidence)


def as_finding(case: Case, found: Refusal, evidence: list[Evidence], severity: str | None = None) -> Finding:
    """The finding for a refusal, which hits the case's service."""
    return case.finding(
        found.code,
        found.cause,
        evidence,
        found.remedy,
        object=found.object,
        command=found.command,
        severity=severity,
        title=found.title,
        key=found.key,
    )


def _failure_to_create(case: Case, load: Workload) -> tuple[str, list[Evidence]]:
    """The ReplicaSet's own condition, which goes away when creation succeeds; its events where it has none."""
    replicaset = load.replicaset or {}
    condition = podstate.condition(replicaset, "ReplicaFailure")
    if condition.get("status") == "True":
        message = str(condition.get("message") or "")
        return message, [in_field(replicaset, "status.conditions[ReplicaFailure]", message)]
    events = [event for event in case.view.events_of(replicaset) if event.get("reason") == "FailedCreate"]
    if events and not load.pods:
        return message_of(events[0]), [in_event(events[0])]
    return "", []


def _without_prefix(message: str) -> str:
    """The message without the pod's generated name."""
    return condensed(re.sub(r'^pods "[^"]*" is forbidden: ', "", re.sub(r"^Error creating: ", "", message)))
