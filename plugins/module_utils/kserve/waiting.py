# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an InferenceService's state means to someone who waits for it: ready, on its way (to what?), or beyond hope.

Pure: objects as the API returns them go in, a :class:`Judgement` comes out.

What KServe's status does not tell, and where this looks instead:

- ``status.observedGeneration`` is not the service's. In Standard mode KServe copies the Deployment's own number there
  (inference_service_status.go, PropagateRawStatus), so it says nothing about whether a change was taken up.
- Ready stays True while a newer rollout is stuck. So the Deployment has to have rolled out as well.
- Image, scheduling, quota and out-of-memory failures appear in no condition. They are read from pods and Deployments.
- ``lastFailureInfo`` is not cleared on recovery. It counts only while ``transitionStatus`` is InvalidSpec.
- What a Deployment and its pods say is of the rollout before, until the Deployment has observed its own generation.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds, shapes

READY = "ready"
WAITING = "waiting"
FAILED = "failed"
STOPPED = "stopped"

REVISION = "deployment.kubernetes.io/revision"
POD_HASH = "pod-template-hash"

Object = Mapping[str, t.Any]


@dataclass(frozen=True)
class Judgement:
    """What was found.

    state: READY | WAITING | FAILED (it cannot heal without a change) | STOPPED (as its annotation asks).
    text: what is waited for, or what is wrong; no end stop. remedy: what to do; '' where nothing is to be done.
    grace: seconds for which a failure must last before it is believed: some pass by themselves in the first moments.
    """

    state: str
    text: str
    remedy: str = ""
    grace: float = 0.0


@dataclass(frozen=True)
class Observed:
    """One service and what belongs to it; a list that may not be read is None, and what it would show is not known."""

    service: Object
    deployments: Sequence[Object] | None = ()
    replicasets: Sequence[Object] | None = ()
    pods: Sequence[Object] | None = ()
    events: Sequence[Object] | None = ()
    # selection.select on the runtimes that exist now, None where it is not known
    selection: Object | None = None


def judge(observed: Observed, *, outdated: str | None = None) -> Judgement:
    """Say how a service stands.

    :param outdated: what is waited for before the status can be believed, since it may be from before the last change;
        None where it can.
    """
    service = observed.service
    if _metadata(service).get("deletionTimestamp"):
        return Judgement(FAILED, "it is being deleted", "wait until it is gone, and create it again")
    if shapes.is_stopped(service):
        return _stopping(service)
    if outdated is not None:
        return Judgement(WAITING, outdated, "see whether KServe's controller runs, and read its log")
    if not service.get("status"):
        return Judgement(
            WAITING, "KServe has written no status: its controller has not looked at the service (does it run?)"
        )
    for judgement in _troubles(observed):
        if judgement.state == FAILED:
            return judgement
    if _condition(service, "Ready").get("status") == "True" and _rolled_out(observed):
        return Judgement(READY, "Ready")
    return next(iter(_troubles(observed)), None) or _progress(observed)


def changed_since_status(service: Object) -> bool:
    """Whether somebody changed a service after KServe last wrote its status (managedFields, whole seconds)."""
    entries = _metadata(service).get("managedFields") or ()
    status = [entry for entry in entries if entry.get("subresource") == "status"]
    kserve = {entry.get("manager") for entry in status}
    changes = [str(entry.get("time") or "") for entry in entries if entry.get("manager") not in kserve]
    return bool(status and changes) and max(changes) > max(str(entry.get("time") or "") for entry in status)


def _stopping(service: Object) -> Judgement:
    if _condition(service, "Stopped").get("status") == "True":
        return Judgement(STOPPED, f"stopped by its annotation {kinds.ANNOTATION_STOP}")
    return Judgement(WAITING, "it is being stopped")


def _troubles(observed: Observed) -> Iterator[Judgement]:
    """Everything that holds the service up, the nearest to the cause first."""
    yield from _invalid_spec(observed)
    yield from _rejected_mode(observed)
    if not all(_is_current(deployment) for deployment in observed.deployments or ()):
        return  # conditions and pods are of the rollout before
    for deployment in observed.deployments or ():
        yield from _deployment_trouble(deployment)
    for pod in current_pods(observed):
        yield from _pod_trouble(pod)


# -- KServe's own verdicts ---------------------------------------------------------------------------------------------

_SELECTION_REASONS = ("RuntimeNotRecognized", "RuntimeDisabled", "NoSupportingRuntime")


def _invalid_spec(observed: Observed) -> Iterator[Judgement]:
    model = observed.service["status"].get("modelStatus") or {}
    if model.get("transitionStatus") != "InvalidSpec":
        return
    failure = model.get("lastFailureInfo") or {}
    reason, message = str(failure.get("reason") or "InvalidSpec"), str(failure.get("message") or "")
    said = f"KServe says {reason}" + (f": {message}" if message else "")
    if reason not in _SELECTION_REASONS:
        yield Judgement(FAILED, said, "correct the service or its runtime", grace=3)
        return
    if observed.selection is None:
        yield Judgement(FAILED, said, "name a runtime that exists here and supports the model's format", grace=15)
    elif observed.selection.get("selected"):
        name = observed.selection["selected"]["name"]
        yield Judgement(WAITING, f"{said}; {name} would do now, and KServe tries again after growing pauses")
    else:
        remedy = "create or enable a runtime that supports it, or change the service to fit one"
        yield Judgement(FAILED, f"{said} ({observed.selection.get('explanation')})", remedy, grace=3)


def _rejected_mode(observed: Observed) -> Iterator[Judgement]:
    if observed.deployments:
        return
    for event in observed.events or ():
        about = event.get("involvedObject") or {}
        if event.get("reason") == "ServerlessModeRejected" and about.get("kind") == "InferenceService":
            yield Judgement(
                FAILED,
                str(event.get("message") or "Knative mode is not available"),
                f"set the annotation {kinds.ANNOTATION_DEPLOYMENT_MODE}: Standard, or install Knative Serving",
                grace=5,
            )


# -- Deployments -------------------------------------------------------------------------------------------------------

# ReplicaFailure messages: pattern, remedy, grace. Quota may be freed by others, a missing account created in a moment.
_CREATION: tuple[tuple[str, str, float], ...] = (
    (r"exceeded quota", "raise the ResourceQuota, free some of it, or ask for less", 30.0),
    (r'serviceaccount "?[^" ]+"? not found', "create the service account, or name another", 15.0),
    (r"violates PodSecurity", "adapt the securityContext, or the namespace's PodSecurity level", 3.0),
    (
        r"unable to validate against any security context constraint",
        "drop runAsUser and privileges, or grant an SCC",
        3.0,
    ),
    (r"(maximum|minimum|must be (less|greater)).* per (Container|Pod)", "keep within the namespace's LimitRange", 3.0),
    (r"", "read the message and correct what it names", 15.0),
)


def _deployment_trouble(deployment: Object) -> Iterator[Judgement]:
    name = _name(deployment)
    failure = _condition(deployment, "ReplicaFailure")
    if failure.get("status") == "True":
        message = str(failure.get("message") or failure.get("reason") or "")
        matching = [row for row in _CREATION if re.search(row[0], message, re.IGNORECASE)]
        _pattern, remedy, grace = matching[0]
        yield Judgement(FAILED, f"Deployment {name} cannot create pods: {message}", remedy, grace)
    progressing = _condition(deployment, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        text = f"Deployment {name} made no progress within its deadline: {progressing.get('message') or ''}".rstrip(
            ": "
        )
        yield Judgement(FAILED, text, "look at its pods: kubectl describe pods", grace=3)


def _rolled_out(observed: Observed) -> bool:
    """Whether every Deployment that is seen has replaced its old pods (kubectl rollout status' rule)."""
    return all(_rollout(deployment) is None for deployment in observed.deployments or ())


def _rollout(deployment: Object) -> str | None:
    spec, status = deployment.get("spec") or {}, deployment.get("status") or {}
    name, wanted = _name(deployment), spec.get("replicas", 1)
    if not _is_current(deployment):
        return f"Deployment {name}'s newest revision is not seen yet"
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted:
        return f"{updated} of {wanted} pods of Deployment {name} are of the newest revision"
    if status.get("replicas", 0) > updated:
        return f"old pods of Deployment {name} are still being replaced"
    return f"{available} of {wanted} pods of Deployment {name} are available" if available < wanted else None


def _is_current(deployment: Object) -> bool:
    """Whether a Deployment's status is about what it asks for now."""
    observed = (deployment.get("status") or {}).get("observedGeneration", 0)
    return bool(observed >= _metadata(deployment).get("generation", 0))


# -- pods --------------------------------------------------------------------------------------------------------------


def current_pods(observed: Observed) -> list[Object]:
    """The pods of each Deployment's newest revision; all living pods where the ReplicaSets are not known."""
    pods = [pod for pod in observed.pods or () if not _metadata(pod).get("deletionTimestamp")]
    hashes = {
        (_metadata(item).get("labels") or {}).get(POD_HASH)
        for item in observed.replicasets or ()
        if _is_newest(item, observed.deployments or ())
    }
    if not hashes:
        return pods
    return [pod for pod in pods if (_metadata(pod).get("labels") or {}).get(POD_HASH) in hashes]


def _is_newest(replicaset: Object, deployments: Sequence[Object]) -> bool:
    owners = {owner.get("uid") for owner in _metadata(replicaset).get("ownerReferences") or ()}
    revision = (_metadata(replicaset).get("annotations") or {}).get(REVISION)
    return any(
        _metadata(item).get("uid") in owners and (_metadata(item).get("annotations") or {}).get(REVISION) == revision
        for item in deployments
    )


# Waiting reasons of a container that no further attempt changes: reason -> remedy.
_HOPELESS: dict[str, str] = {
    "InvalidImageName": "correct the image's name",
    "ErrImageNeverPull": "load the image onto the node, or let imagePullPolicy pull it",
}
# Image pull messages: pattern, remedy. What is not here (no route, timeouts, too many requests) may pass.
_PULL: tuple[tuple[str, str], ...] = (
    (r"unauthorized|authentication required|access.* denied|\b403\b|forbidden", "give a pull secret that may read it"),
    (r"not found|manifest unknown|does not exist|name unknown", "correct the image's name or tag, or mirror it"),
    (r"no match for platform|no matching manifest", "take an image for the nodes' architecture"),
)
_RESTARTS = 2  # the third start that fails is believed
_CONFIG_GRACE = 15.0


def _pod_trouble(pod: Object) -> Iterator[Judgement]:
    status = pod.get("status") or {}
    yield from _unscheduled(pod)
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        yield from _container_trouble(_name(pod), container)


def _unscheduled(pod: Object) -> Iterator[Judgement]:
    condition = _condition(pod, "PodScheduled")
    if condition.get("status") != "False":
        return
    message = str(condition.get("message") or condition.get("reason") or "")
    text = f"pod {_name(pod)} is not scheduled: {message}"
    if re.search(r'persistentvolumeclaim "[^"]+" (not found|is being deleted)', message):
        yield Judgement(FAILED, text, "create the claim, or correct the storage URI", grace=_CONFIG_GRACE)
    else:
        yield Judgement(WAITING, text)


def _container_trouble(pod: str, container: Object) -> Iterator[Judgement]:
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason, message = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
    where = f"container {container.get('name')} of pod {pod}"
    if reason in _HOPELESS:
        yield Judgement(FAILED, f"{where}: {reason}: {message}", _HOPELESS[reason])
    elif reason in ("ErrImagePull", "ImagePullBackOff"):
        yield _pull(where, container, reason, message)
    elif reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
        remedy = "create what it names, or correct the reference"
        yield Judgement(FAILED, f"{where}: {reason}: {message}", remedy, grace=_CONFIG_GRACE)
    else:
        yield from _restarting(where, container)


def _pull(where: str, container: Object, reason: str, message: str) -> Judgement:
    said = f"{where} cannot pull {container.get('image') or 'its image'}: {message or reason}"
    remedy = next((remedy for pattern, remedy in _PULL if re.search(pattern, message, re.IGNORECASE)), None)
    return Judgement(FAILED, said, remedy, grace=2) if remedy else Judgement(WAITING, said)


def _restarting(where: str, container: Object) -> Iterator[Judgement]:
    state = container.get("state") or {}
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated")
    restarts = container.get("restartCount") or 0
    if not ended or (container.get("ready") and state.get("running")) or (ended.get("exitCode") == 0 and not restarts):
        return
    out_of_memory = ended.get("reason") == "OOMKilled"
    how = "out of memory" if out_of_memory else f"exit code {ended.get('exitCode')}"
    message = str(ended.get("message") or "").strip()
    ends = restarts + (0 if state.get("running") else 1)
    text = f"{where} has ended {_times(ends)} ({how})" + (f": {message[-500:]}" if message else "")
    if state.get("running") or ends <= (_RESTARTS if not out_of_memory else 1):
        yield Judgement(WAITING, text)
    elif out_of_memory:
        yield Judgement(FAILED, text, "raise its memory limit")
    else:
        yield Judgement(FAILED, text, "read its log: kubectl logs --previous")


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


# -- on its way --------------------------------------------------------------------------------------------------------


def _progress(observed: Observed) -> Judgement:
    """What a service without trouble is waiting for."""
    for pod in current_pods(observed):
        text = _pod_progress(pod, observed.events or ())
        if text:
            return Judgement(WAITING, text)
    for deployment in observed.deployments or ():
        text = _rollout(deployment)
        if text:
            return Judgement(WAITING, text)
    return Judgement(WAITING, _condition_progress(observed.service))


def _pod_progress(pod: Object, events: Sequence[Object]) -> str | None:
    status = pod.get("status") or {}
    if _condition(pod, "Ready").get("status") == "True":
        return None
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state = container.get("state") or {}
        where = f"container {container.get('name')} of pod {_name(pod)}"
        if state.get("waiting"):
            return f"{where} is waiting: {_latest_event(pod, events) or state['waiting'].get('reason')}"
        if state.get("running") and not container.get("ready"):
            return f"{where} runs and is not ready yet"
    return f"pod {_name(pod)} is {status.get('phase') or 'Pending'}"


_TELLING = ("Pulling", "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "Failed")


def _latest_event(pod: Object, events: Sequence[Object]) -> str | None:
    uid = _metadata(pod).get("uid")
    mine = [item for item in events if (item.get("involvedObject") or {}).get("uid") == uid]
    telling = [item for item in mine if item.get("reason") in _TELLING]
    latest = max(telling, key=lambda item: str(item.get("lastTimestamp") or item.get("eventTime") or ""), default=None)
    return f"{latest['reason']}: {latest.get('message')}" if latest else None


def _condition_progress(service: Object) -> str:
    """The conditions that are not True, the overall one last."""
    names = [str(item.get("type")) for item in (service.get("status") or {}).get("conditions") or ()]
    for name in (*(item for item in names if item not in ("Ready", "Stopped")), "Ready"):
        condition = _condition(service, name)
        if condition.get("status") != "True" and (condition.get("message") or name == "Ready"):
            said = ": ".join(str(condition[key]) for key in ("reason", "message") if condition.get(key))
            return f"condition {name} is {condition.get('status') or 'not there yet'}" + (f" ({said})" if said else "")
    return "condition Ready is not True yet"


# -- reading objects ---------------------------------------------------------------------------------------------------


def _metadata(item: Object) -> Mapping[str, t.Any]:
    return item.get("metadata") or {}


def _name(item: Object) -> str:
    return str(_metadata(item).get("name") or "")


def _condition(item: Object, kind: str) -> Mapping[str, t.Any]:
    conditions = (item.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition.get("type") == kind), {})
