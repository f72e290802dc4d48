# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Claims, volumes, configuration and the model download."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import log_patterns, log_reading
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import Evidence, Finding, Ref
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import isolation
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import Case, Workload
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.evidence import (
    condensed,
    in_event,
    in_field,
    in_log,
    message_of,
)

_MOUNT_EVENTS = ("FailedMount", "FailedAttachVolume", "FailedMapVolume", "VolumeResizeFailed")
# What the kubelet does once a pod's volumes are there.
_MOUNTED_EVENTS = ("Pulling", "Pulled", "Created", "Started")
# A mount event repeats after at most two minutes while the mount fails; an older one is over.
_MOUNT_FRESH = 300.0
# A claim is usually bound within seconds, and so is a volume mounted.
_BIND_GRACE = 20.0
# A client that tries for longer than this meets more than a moment's trouble.
_TRY_GRACE = 60.0


# -- claims ---------------------------------------------------------------------------------------------------------


def claim_unusable(case: Case, load: Workload, pod: dict[str, Any]) -> Finding | None:
    """Row 41: a claim that the pod mounts is missing, pending or lost."""
    if all(item.status.get("started") for item in podstate.containers(pod) if not item.init) and podstate.scheduled(
        pod
    ):
        return None
    for volume in (pod.get("spec") or {}).get("volumes") or []:
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if not name:
            continue
        finding = _claim(case, pod, str(name))
        if finding is not None:
            return finding
    return None


def _claim(case: Case, pod: dict[str, Any], name: str) -> Finding | None:
    claim = case.view.get(snap.PVCS, case.namespace, name)
    about = Ref("v1", "PersistentVolumeClaim", case.namespace, name)
    scheduling = condensed(str(podstate.condition(pod, "PodScheduled").get("message") or ""))
    if claim is None:
        told = f'persistentvolumeclaim "{name}" not found' in scheduling
        if not told and not case.view.seen(snap.PVCS, case.namespace):
            return None
        return _missing_claim(case, pod, about, scheduling)
    state = (claim.get("status") or {}).get("phase")
    if podstate.deleting(claim) and not podstate.scheduled(pod):
        return case.finding(
            "KS041",
            f"PersistentVolumeClaim {name} is being deleted: no new pod can use it.",
            [in_field(claim, "metadata.deletionTimestamp", (claim.get("metadata") or {}).get("deletionTimestamp"))],
            "Create the claim again once it is gone.",
            object=about,
        )
    if state == "Lost":
        volume = (claim.get("spec") or {}).get("volumeName")
        return case.finding(
            "KS041",
            f"PersistentVolumeClaim {name} is Lost: its volume {volume} is gone.",
            [in_field(claim, "status.phase", state)],
            "Create the claim again and copy the model to it.",
            object=about,
        )
    if state == "Pending" and not podstate.scheduled(pod):
        return _pending_claim(case, claim, about, scheduling)
    return None


def _missing_claim(case: Case, pod: dict[str, Any], about: Ref, scheduling: str) -> Finding:
    others = sorted(snap.name_of(item) for item in case.view.within(snap.PVCS, case.namespace))
    known = f" The namespace has {', '.join(others[:8])}." if others else " The namespace has none."
    evidence = [in_field(pod, "spec.volumes", f"persistentVolumeClaim {about.name}")]
    if scheduling:
        evidence.append(in_field(pod, "status.conditions[PodScheduled]", scheduling))
    return case.finding(
        "KS041",
        f"PersistentVolumeClaim {about.name} does not exist in namespace {about.namespace}."
        f"{known if case.view.seen(snap.PVCS, case.namespace) else ''}",
        evidence,
        f"Create the claim, or correct the storageUri {case.storage_uri or ''} of {case.ref}.",
        object=about,
    )


def _pending_claim(case: Case, claim: dict[str, Any], about: Ref, scheduling: str) -> Finding | None:
    age = case.view.age((claim.get("metadata") or {}).get("creationTimestamp")) or 0.0
    why, evidence = _why_pending(case, claim)
    if not why:
        # WaitForFirstConsumer claims stay Pending until the pod has a node: not their own fault.
        if "unbound immediate PersistentVolumeClaims" not in scheduling or age < _BIND_GRACE:
            return None
        why = f"no volume was bound to it{_provisioner(case, claim)}"
    evidence.append(in_field(claim, "status.phase", "Pending"))
    return case.finding(
        "KS041",
        f"PersistentVolumeClaim {about.name} is Pending: {why.rstrip('.')}.",
        evidence,
        "Correct the claim (storage class, size, access mode, volume name), or create a volume that fits it.",
        object=about,
        command=f"kubectl -n {about.namespace} describe pvc {about.name}",
    )


def _provisioner(case: Case, claim: dict[str, Any]) -> str:
    storage_class = (claim.get("spec") or {}).get("storageClassName")
    if not storage_class:
        return ", and it names no storage class"
    found = case.view.get(snap.STORAGECLASSES, None, storage_class) or {}
    provisioner = found.get("provisioner")
    return f"; its storage class {storage_class} waits for the provisioner {provisioner}" if provisioner else ""


def _why_pending(case: Case, claim: dict[str, Any]) -> tuple[str, list[Evidence]]:
    spec = claim.get("spec") or {}
    storage_class = spec.get("storageClassName")
    if storage_class and case.view.seen(snap.STORAGECLASSES):
        found = case.view.get(snap.STORAGECLASSES, None, storage_class)
        if found is None:
            fitting = any(
                (volume.get("spec") or {}).get("storageClassName") == storage_class
                for volume in case.view.all(snap.PVS)
            )
            if not fitting:
                known = ", ".join(sorted(snap.name_of(item) for item in case.view.all(snap.STORAGECLASSES))) or "none"
                return f"its storage class {storage_class} does not exist (there is {known})", [
                    in_field(claim, "spec.storageClassName", storage_class)
                ]
    volume = spec.get("volumeName")
    if volume and case.view.seen(snap.PVS):
        bound = case.view.get(snap.PVS, None, volume)
        if bound is None:
            return f"its volume {volume} does not exist", [in_field(claim, "spec.volumeName", volume)]
        holder = (bound.get("spec") or {}).get("claimRef") or {}
        if holder.get("name") and (holder.get("namespace"), holder.get("name")) != (
            snap.namespace_of(claim),
            snap.name_of(claim),
        ):
            owner = f"{holder.get('namespace')}/{holder.get('name')}"
            return f"its volume {volume} belongs to the claim {owner}", [in_field(bound, "spec.claimRef", owner)]
    for event in case.view.events_of(claim):
        reason = event.get("reason")
        if reason in ("ProvisioningFailed", "FailedBinding", "ClaimMisbound", "VolumeMismatch") and not (
            _class_came_since(case, message_of(event))
        ):
            return condensed(message_of(event)), [in_event(event)]
    return "", []


def _class_came_since(case: Case, message: str) -> bool:
    """Whether an event misses a storage class that is there now: one manifest often makes the claim and its class."""
    missed = re.search(r'storageclass\S* "(?P<name>[^"]+)" not found', message)
    return missed is not None and case.view.get(snap.STORAGECLASSES, None, missed["name"]) is not None


# -- mounts and references ------------------------------------------------------------------------------------------


def mount_fails(case: Case, load: Workload, pod: dict[str, Any]) -> Finding | None:
    """Rows 41 and 42: the kubelet cannot mount a volume; an event counts while the containers still wait for it."""
    if not podstate.scheduled(pod) or podstate.ready(pod):
        return None
    events = [
        event
        for event in case.view.events_of(pod)
        if event.get("reason") in _MOUNT_EVENTS and (case.view.age(snap.event_time(event)) or 0.0) < _MOUNT_FRESH
    ]
    if not events or not _waits_for_volumes(case, pod, min(case.view.age(snap.event_time(e)) or 0.0 for e in events)):
        return None
    event = next((item for item in events if "timed out waiting" not in message_of(item)), events[0])
    message = condensed(message_of(event))
    if _made_meanwhile(case, message):
        return None
    missing = _missing_reference(case, pod, message, [in_event(event)])
    if missing is not None:
        return missing
    volume = re.search(r'(?:for volume|volume) "([^"]+)"', message)
    claim = _claim_of(pod, volume[1] if volume else None)
    about = Ref("v1", "PersistentVolumeClaim", case.namespace, claim) if claim else case.ref
    what = f"claim {claim}" if claim else f"volume {volume[1]}" if volume else "a volume"
    cause = f"The {what} of pod {snap.name_of(pod)} cannot be mounted: {_mount_reason(message)}."
    cause += _volume_source(case, claim)
    return case.finding("KS041", cause, [in_event(event)], object=about, key=message[:80])


def _waits_for_volumes(case: Case, pod: dict[str, Any], failed: float) -> bool:
    """Whether the volumes, which failed *failed* seconds ago, are still not mounted: all else comes after them."""
    if podstate.condition(pod, "PodReadyToStartContainers").get("status") == "True":
        return False
    if any(item.running or item.terminated for item in podstate.containers(pod)):
        return False
    return not any(
        event.get("reason") in _MOUNTED_EVENTS and (case.view.age(snap.event_time(event)) or 0.0) <= failed
        for event in case.view.events_of(pod)
    )


def _mount_reason(message: str) -> str:
    text = re.sub(r'^(?:MountVolume|AttachVolume)\.\S+ failed for volume "[^"]+" ?: ?', "", message)
    return text.rstrip(".")


def _claim_of(pod: dict[str, Any], volume: str | None) -> str | None:
    found = None
    for item in (pod.get("spec") or {}).get("volumes") or []:
        claim = (item.get("persistentVolumeClaim") or {}).get("claimName")
        if claim and (item.get("name") == volume or found is None):
            found = str(claim)
            if item.get("name") == volume:
                return found
    names = [item.get("name") for item in (pod.get("spec") or {}).get("volumes") or []]
    return None if volume in names else found


def _volume_source(case: Case, claim: str | None) -> str:
    found = case.view.get(snap.PVCS, case.namespace, claim) if claim else None
    name = ((found or {}).get("spec") or {}).get("volumeName")
    volume = case.view.get(snap.PVS, None, name) if name else None
    path = (((volume or {}).get("spec") or {}).get("hostPath") or {}).get("path")
    return f" Volume {name} is the host's {path}." if path else ""


_MISSING = (
    (re.compile(r'(?P<kind>secret|configmap)s? "(?P<name>[^"]+)" not found', re.IGNORECASE), False),
    (
        re.compile(r"couldn't find key (?P<key>\S+) in (?P<kind>Secret|ConfigMap) (?P<ns>[^/\s]+)/(?P<name>[^\s,]+)"),
        True,
    ),
    (re.compile(r"references non-existent (?P<kind>secret|config) key:? (?P<key>[^\s,]+)"), True),
)


def config_missing(case: Case, load: Workload, pod: dict[str, Any]) -> Finding | None:
    """Row 42: CreateContainerConfigError names a ConfigMap, a Secret or a key that is not there."""
    for item in podstate.containers(pod):
        if item.waiting.get("reason") != "CreateContainerConfigError":
            continue
        message = condensed(str(item.waiting.get("message") or ""))
        if _made_meanwhile(case, message):
            continue
        evidence = [in_field(pod, f"status.containerStatuses[{item.name}].state.waiting", message)]
        missing = _missing_reference(case, pod, message, evidence)
        if missing is not None:
            return missing
        if "subPath" in message:
            return case.finding(
                "KS041",
                f"The subPath of a volume of container {item.name} cannot be prepared: {message.rstrip('.')}.",
                evidence,
                f"Correct the path in storageUri {case.storage_uri or ''} of {case.ref}, or create it on the volume.",
            )
    return None


def _made_meanwhile(case: Case, message: str) -> bool:
    """Whether the object that a message misses is there by now: the kubelet finds it at its next try."""
    found = _MISSING[0][0].search(message)
    return bool(found and case.view.has_name(f"{found['kind'].lower()}s", case.namespace, found["name"]))


def _missing_reference(case: Case, pod: dict[str, Any], message: str, evidence: list[Evidence]) -> Finding | None:
    for pattern, has_key in _MISSING:
        matched = pattern.search(message)
        if not matched:
            continue
        groups = matched.groupdict()
        kind = "Secret" if groups["kind"].lower() == "secret" else "ConfigMap"
        key = (groups.get("key") or "").strip("\"'.,") if has_key else ""
        name = groups.get("name") or _volume_reference(pod, kind, message)
        users = list(_users(pod, kind, name, key))
        who = f" Needed by {'; '.join(users[:3])}." if users else ""
        what = f"has no key {key}" if key else "does not exist"
        about = Ref("v1", kind, case.namespace, name)
        return case.finding(
            "KS042",
            f"{kind} {name} in namespace {case.namespace} {what}.{who}",
            evidence,
            f"{'Add the key to' if key else 'Create'} {kind} {name}, or correct the reference in "
            f"{case.origin('env')[0]}.",
            object=about,
            key=key,
        )
    return None


def _volume_reference(pod: dict[str, Any], kind: str, message: str) -> str:
    matched = re.search(r'volume "([^"]+)"', message)
    for volume in (pod.get("spec") or {}).get("volumes") or []:
        if matched and volume.get("name") != matched[1]:
            continue
        source = volume.get("secret") if kind == "Secret" else volume.get("configMap")
        if source:
            return str(source.get("secretName") or source.get("name"))
    return matched[1] if matched else ""


def _users(pod: dict[str, Any], kind: str, name: str, key: str) -> Iterator[str]:
    """Who in the pod refers to the object, in words."""
    reference, source = ("secretKeyRef", "secretRef") if kind == "Secret" else ("configMapKeyRef", "configMapRef")
    for item in podstate.containers(pod):
        for env in item.spec.get("env") or []:
            target = (env.get("valueFrom") or {}).get(reference) or {}
            if target.get("name") == name and (not key or target.get("key") == key):
                yield f"env {env.get('name')} of container {item.name}"
        for entry in item.spec.get("envFrom") or []:
            if (entry.get(source) or {}).get("name") == name:
                yield f"envFrom of container {item.name}"
    for volume in (pod.get("spec") or {}).get("volumes") or []:
        held = {
            "Secret": (volume.get("secret") or {}).get("secretName"),
            "ConfigMap": (volume.get("configMap") or {}).get("name"),
        }
        if held[kind] == name:
            yield f"volume {volume.get('name')}"


# -- the model download ---------------------------------------------------------------------------------------------


def download_fails(
    case: Case, load: Workload, pod: dict[str, Any], extra: tuple[log_patterns.Pattern, ...] = ()
) -> Finding | None:
    """Rows 36 to 40: an init container ends with an error, the storage initializer above all."""
    for item in podstate.containers(pod):
        if not item.init or not item.failed or item.running and not item.restarts:
            continue
        return _failed_init(case, pod, item, extra)
    return None


def init_hangs(
    case: Case, load: Workload, pod: dict[str, Any], extra: tuple[log_patterns.Pattern, ...] = ()
) -> Finding | None:
    """Rows 36 to 40 where the init container goes on trying: its log says at what, again and again."""
    for item in podstate.containers(pod):
        if not item.init or not item.running or item.spec.get("restartPolicy") == "Always":
            continue
        age = case.view.age(item.running.get("startedAt")) or 0.0
        if age > _TRY_GRACE:
            return _hanging_init(case, pod, item, age, extra)
    return None


def _hanging_init(
    case: Case, pod: dict[str, Any], item: podstate.Container, age: float, extra: tuple[log_patterns.Pattern, ...]
) -> Finding | None:
    text, previous = log_evidence(case, pod, item)
    last = (log_reading.read(text).last or [""])[-1]
    storage = _is_storage(item)
    # Only what it says last: a client that tried again and got on says so in the next line.
    known = log_patterns.match(log_reading.read(last), log_patterns.STORAGE if storage else log_patterns.ANY, extra)
    isolated = isolation.of_pod(case.view, pod, isolation.EGRESS)
    shut = isolated is not None and isolated.closed and storage and not log_reading.gets_on(text)
    if known is None and not shut and (storage or not log_reading.repeats(text)):
        return None
    quote = condensed(known.text if known else last)
    running = in_field(pod, f"status.initContainerStatuses[{item.name}].state.running", item.running)
    return _init_finding(
        case,
        item,
        "KS127" if storage else "KS101",
        f"{_work_of(case, item, storage)} does not get on for {age:.0f} s",
        (known, quote),
        [*evidence_of_log(pod, item, quote, previous), running],
        isolated,
        title="An init container waits in vain" if not storage else None,
        remedy=None if storage else f"Give init container {item.name} what it waits for, or correct what it asks.",
    )


def _init_finding(
    case: Case,
    item: podstate.Container,
    code: str,
    what: str,
    told: tuple[log_patterns.Match | None, str],
    evidence: list[Evidence],
    isolated: isolation.Isolation | None,
    *,
    title: str | None = None,
    remedy: str | None = None,
) -> Finding:
    """What an init container does, why by its log (*told*: the known pattern, the quote), and what shuts it off."""
    known, quote = told
    code = known.pattern.code if known else code
    cause = f"{what}{f': {known.says}' if known else ''}{f' ({quote})' if quote else ''}"
    remedy = known.remedy if known else remedy
    shut = None
    if isolated and (known is None or code == "KS127"):
        cause += f"; {isolated.says}"
        evidence = [*evidence, *isolated.evidence]
        shut = isolated.ref if isolated.closed else None
    return case.finding(
        code,
        f"{cause}.",
        evidence,
        f"Let the pod reach what it needs by {shut}, its names (DNS) too." if shut else remedy,
        object=shut,
        severity=known.pattern.severity if known else None,
        title=known.pattern.title if known else title,
        key=item.name,
    )


def _is_storage(item: podstate.Container) -> bool:
    return item.name == "storage-initializer" or "storage-initializer" in str(item.spec.get("image"))


def _work_of(case: Case, item: podstate.Container, storage: bool) -> str:
    return f"The download of {case.storage_uri}" if storage and case.storage_uri else f"Init container {item.name}"


def _failed_init(
    case: Case, pod: dict[str, Any], item: podstate.Container, extra: tuple[log_patterns.Pattern, ...]
) -> Finding:
    ended = item.terminated
    storage = _is_storage(item)
    if ended.get("reason") == "OOMKilled":
        return _init_memory(case, pod, item, storage)
    text, evidence = log_evidence(case, pod, item)
    reading = log_reading.read(text)
    known = log_patterns.match(reading, log_patterns.STORAGE if storage else log_patterns.ANY, extra)
    quote = condensed(known.text if known else reading.best)
    code = known.pattern.code if known else ("KS128" if storage else "KS101")
    what = f"{_work_of(case, item, storage)} fails"
    if not quote and not text:
        what += f" with exit code {ended.get('exitCode')}; its log was not seen"
    detail = condensed(log_patterns.companion(code, reading, quote)) if quote else ""
    isolated = isolation.of_pod(case.view, pod, isolation.EGRESS) if code == "KS127" else None
    return _init_finding(
        case,
        item,
        code,
        what,
        (known, f"{quote}; {detail}" if detail else quote),
        [*evidence_of_log(pod, item, quote, evidence), _ended(pod, item)],
        isolated,
    )


def _init_memory(case: Case, pod: dict[str, Any], item: podstate.Container, storage: bool) -> Finding:
    limit = ((item.spec.get("resources") or {}).get("limits") or {}).get("memory")
    namespace = case.view.snapshot.get("control_namespace")
    about = Ref("v1", "ConfigMap", namespace, "inferenceservice-config") if storage and namespace else case.ref
    return case.finding(
        "KS039" if storage else "KS056",
        f"Init container {item.name} of pod {snap.name_of(pod)} runs out of memory: its limit is {limit or 'not set'}.",
        [_ended(pod, item)],
        "Raise memoryLimit under storageInitializer in ConfigMap inferenceservice-config." if storage else None,
        object=about,
        key=item.name,
    )


def _ended(pod: dict[str, Any], item: podstate.Container) -> Evidence:
    ended = item.terminated
    kind = "initContainerStatuses" if item.init else "containerStatuses"
    text = f"{ended.get('reason') or 'Terminated'}, exit code {ended.get('exitCode')}"
    if item.restarts:
        text += f", {item.restarts} restarts"
    if ended.get("message"):
        text += f": {condensed(str(ended['message']))[:400]}"
    return in_field(pod, f"status.{kind}[{item.name}]", text)


def log_evidence(case: Case, pod: dict[str, Any], item: podstate.Container) -> tuple[str, bool]:
    """(text, whether it is the previous container's): the log of the run that failed, else any there is."""
    logs = [
        log for log in case.view.logs_of(snap.namespace_of(pod), snap.name_of(pod)) if log.get("container") == item.name
    ]
    ended_now = bool((item.status.get("state") or {}).get("terminated"))
    # In a back-off the present log is of the run that ended last; once the container runs again it is the previous one.
    order = (False, True) if ended_now or not item.running else (True, False)
    texts = [
        (text, previous)
        for previous in order
        for log in logs
        if bool(log.get("previous")) == previous and (text := whole(log)).strip()
    ]
    telling = next((found for found in texts if log_reading.read(found[0]).decisive), None)
    if telling is not None or texts:
        return telling or texts[0]
    message = item.terminated.get("message")
    return (str(message), False) if message else ("", False)


def whole(log: dict[str, Any]) -> str:
    head, tail = str(log.get("head") or ""), str(log.get("tail") or "")
    return f"{head}\n{tail}" if tail else head


def evidence_of_log(pod: dict[str, Any], item: podstate.Container, quote: str, previous: bool) -> list[Evidence]:
    return [in_log(pod, item.name, quote, previous)] if quote else []
