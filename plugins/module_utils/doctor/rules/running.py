# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers that do not start, do not stay up, or do not turn ready."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import log_patterns, log_reading
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import (
    INFO,
    WARNING,
    Evidence,
    Finding,
    Ref,
    ref_of,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import ports
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import Case, Workload
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.codes import CODES
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.evidence import (
    condensed,
    in_event,
    in_field,
    in_log,
    message_of,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.image import pulling
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.storage import log_evidence
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import metrics, quantities

# A container that has been up this long and shows an error in its log is not just slow.
ERROR_GRACE = 45.0
# A container that has restarted twice or more and ended this recently is in a loop, ready or not.
FLAPPING = 240.0
# A pod is gone within seconds of the end of its grace period.
HANGS = 60.0
# Events about probes that belong to the present trouble.
RECENT = 600.0
# A port that refuses connections this long, with no startup probe, is more likely the wrong one.
REFUSED_GRACE = 120.0
# How long a silent container without startup probe may load before its deadline decides (Deployment's default).
DEFAULT_DEADLINE = 600.0
# A kubelet that has just got a pod may not have its ConfigMaps and Secrets yet.
CACHE_GRACE = 60.0
_CACHE_NOT_SYNCED = re.compile(r"failed to sync (?:secret|configmap) cache")
# runc's words for a memory limit that its own first process does not fit into.
_NO_ROOM_TO_START = re.compile(
    r"OOM-killed|unable to set memory limit to|memory limit too low|cannot start a stopped process", re.IGNORECASE
)
# The container runtime needs a few MiB of a pod's memory for itself while it starts it.
ROOM_OF_SANDBOX = 16 * 1024 * 1024
# What may lie between a node's event and the times that it writes into the status.
CLOCK_SLACK = 15.0
# Terminations that say nothing about the program: the node restarted, or the runtime lost the container.
_UNKNOWN_ENDS = ("Unknown", "ContainerStatusUnknown")

_SIGNALS = {
    132: "SIGILL (illegal instruction)",
    134: "SIGABRT (abort)",
    135: "SIGBUS (bus error)",
    136: "SIGFPE (floating point exception)",
    139: "SIGSEGV (segmentation fault)",
}

Extra = tuple[log_patterns.Pattern, ...]


# -- containers that cannot be created or started ---------------------------------------------------------------------


def cannot_start(case: Case, load: Workload, pod: dict[str, Any], extra: Extra = ()) -> Finding | None:
    """The kubelet or the container runtime refuses the container itself."""
    for item in podstate.containers(pod):
        reason = str(item.waiting.get("reason") or "")
        message = condensed(str(item.waiting.get("message") or ""))
        ended = item.terminated
        if reason == "CreateContainerConfigError":
            return _refused_config(case, pod, item, message)
        if ended.get("reason") in ("StartError", "ContainerCannotRun") and item.failed:
            return _start_error(case, pod, item, condensed(str(ended.get("message") or message)))
        if reason == "PostStartHookError":
            return _hook_fails(case, pod, item, _hook_event(case, pod, item), message)
        if reason in ("RunContainerError", "CreateContainerError", "PreCreateHookError"):
            return _start_error(case, pod, item, message)
    return _sandbox(case, pod)


def _refused_config(case: Case, pod: dict[str, Any], item: podstate.Container, message: str) -> Finding:
    evidence = [in_field(pod, f"status.containerStatuses[{item.name}].state.waiting", message)]
    origin, path = case.origin("securityContext", item.name)
    if "runAsNonRoot" in message or "breaks non-root policy" in message:
        user = "has a user that is not a number" if "non-numeric" in message else "runs as root"
        if "breaks non-root policy" in message:
            user = "is run as user 0 (runAsUser)"
        cause = (
            f"Container {item.name} must not run as root (runAsNonRoot), but image {item.spec.get('image')} {user}: "
            f"{message.split(' (pod:')[0].rstrip('.')}."
        )
        return case.finding(
            "KS103", cause, evidence, f"Set runAsUser in {path} of {origin}, or use another image.", object=origin
        )
    since = _since_first(case, pod, item, message)
    if _CACHE_NOT_SYNCED.search(message) and since < CACHE_GRACE:
        return _too_early(
            case,
            f"Container {item.name} of pod {snap.name_of(pod)} waits for {since:.0f} s already: {message}",
            evidence,
        )
    return case.finding(
        "KS109", f"Container {item.name} of pod {snap.name_of(pod)} cannot be created: {message.rstrip('.')}.", evidence
    )


def _since_first(case: Case, pod: dict[str, Any], item: podstate.Container, message: str) -> float:
    """Seconds since the kubelet first said this of the container, else since the pod has been on its node."""
    for event in case.view.events_of(pod):
        if _of_container(event, item) and message and message in condensed(message_of(event)):
            return case.view.age(event.get("firstTimestamp") or snap.event_time(event)) or 0.0
    return case.view.age(podstate.condition(pod, "PodScheduled").get("lastTransitionTime")) or 0.0


def _of_container(event: dict[str, Any], item: podstate.Container) -> bool:
    """Whether the kubelet's event is about this container (spec.containers{name})."""
    involved = event.get("involvedObject") or event.get("regarding") or {}
    return str(involved.get("fieldPath") or "").endswith(f"{{{item.name}}}")


def _too_early(case: Case, cause: str, evidence: list[Evidence]) -> Finding:
    return case.finding("KS134", f"{cause.rstrip('.')}.", evidence, "Look again in a minute.", severity=INFO)


def _start_error(case: Case, pod: dict[str, Any], item: podstate.Container, message: str) -> Finding:
    evidence = [in_field(pod, f"status.containerStatuses[{item.name}]", message)]
    if _NO_ROOM_TO_START.search(message) and _limit_of(item):
        return _too_small(case, item, message, evidence)
    if "exec format error" in message:
        origin, path = case.origin("image", item.name)
        return case.finding(
            "KS029", f"{_architecture(case, pod, item)} ({message.rstrip('.')}).", evidence, object=origin
        )
    words = (item.spec.get("command") or []) + (item.spec.get("args") or [])
    field = "command" if item.spec.get("command") else "args"
    origin, path = case.origin(field, item.name)
    started = f" ({' '.join(str(word) for word in words[:3])})" if words else ""
    says = _runtime_says(message)
    code = "KS102" if _OWN_COMMAND.search(message) else "KS109"
    return case.finding(
        code,
        f"Container {item.name} cannot start its command{started}: {says.rstrip('.')}.",
        evidence,
        f"Correct {path} of {origin}, or use an image that has the program.",
        object=origin,
        key=item.name,
    )


def _limit_of(item: podstate.Container, resource: str = "memory") -> Any:
    return ((item.spec.get("resources") or {}).get("limits") or {}).get(resource)


def _too_small(case: Case, item: podstate.Container, message: str, evidence: list[Evidence]) -> Finding:
    origin, path = case.origin("resources", item.name)
    return case.finding(
        "KS056",
        f"Container {item.name} cannot even be started within its memory limit of {_limit_of(item)}: "
        f"{_runtime_says(message).rstrip('.')}.",
        evidence,
        f"Raise limits.memory in {path} of {origin}.",
        object=origin,
        key=item.name,
    )


def _hook_event(case: Case, pod: dict[str, Any], item: podstate.Container) -> dict[str, Any] | None:
    """The kubelet's event that the postStart hook failed in the container's last run."""
    for event in case.view.events_of(pod):
        if (
            event.get("reason") == "FailedPostStartHook"
            and _of_container(event, item)
            and _of_last_run(event, pod, item)
        ):
            return event
    return None


def _hook_fails(
    case: Case, pod: dict[str, Any], item: podstate.Container, event: dict[str, Any] | None, message: str
) -> Finding:
    """The kubelet ends a container whose postStart hook fails; its own log says nothing of it."""
    hook = (item.spec.get("lifecycle") or {}).get("postStart") or {}
    how, port, path = podstate.probe_target(item, hook)
    what = f"{how} {path} on port {port}" if port else f"{how} {path}"
    origin, field = case.origin("lifecycle", item.name)
    said = message or (condensed(message_of(event)) if event else "")
    evidence = [in_event(event)] if event else []
    return case.finding(
        "KS101",
        f"The postStart hook ({what.strip()}) of container {item.name} fails, so the node ends the container"
        f"{f': {said}' if said else ''}.",
        [
            *evidence,
            _ended(pod, item) if item.terminated else in_field(pod, _state(item), said or "PostStartHookError"),
        ],
        f"Correct {field}.postStart of {origin}; a hook runs beside the server, which may not be up by then.",
        object=origin,
        title="The postStart hook fails",
        key=item.name,
    )


def _state(item: podstate.Container) -> str:
    return f"status.containerStatuses[{item.name}].state"


_OWN_COMMAND = re.compile(
    r"exec: |executable file|exec failed|chdir|getcwd|: stat |container init: exec|permission denied: unknown"
)


def _runtime_says(message: str) -> str:
    """The last link of the container runtime's chain of errors."""
    matched = re.search(r"((?:exec|chdir|mkdir|error mounting|mount|open|stat)\b.*)$", message)
    return matched[1] if matched else message


def _architecture(case: Case, pod: dict[str, Any], item: podstate.Container) -> str:
    node = case.view.get(snap.NODES, None, podstate.node(pod)) or {}
    arch = ((node.get("status") or {}).get("nodeInfo") or {}).get("architecture")
    where = f", and node {podstate.node(pod)} is {arch}" if arch else ""
    return f"Image {item.spec.get('image')} is built for another CPU architecture{where}"


def _sandbox(case: Case, pod: dict[str, Any]) -> Finding | None:
    if not podstate.scheduled(pod) or any(item.running or item.terminated for item in podstate.containers(pod)):
        return None
    for event in case.view.events_of(pod):
        if event.get("reason") != "FailedCreatePodSandBox" or (case.view.age(snap.event_time(event)) or 0.0) > 300:
            continue
        message = condensed(message_of(event))
        room = _memory_of_pod(pod)
        if room is not None and room < ROOM_OF_SANDBOX and _NO_ROOM_TO_START.search(message):
            return _sandbox_too_small(case, pod, room, event)
        runtime_class = (pod.get("spec") or {}).get("runtimeClassName")
        hint = f" The pod names RuntimeClass {runtime_class}." if runtime_class else ""
        return case.finding(
            "KS109",
            f"Node {podstate.node(pod)} cannot create the sandbox of pod {snap.name_of(pod)}: "
            f"{message.rstrip('.')}.{hint}",
            [in_event(event)],
        )
    return None


def _memory_of_pod(pod: dict[str, Any]) -> int | None:
    """Bytes that the node grants to the whole pod: the sum of its containers' limits, None where one has no limit."""
    limits = [_limit_of(item) for item in podstate.containers(pod) if not item.init]
    try:
        return sum(quantities.units(limit) for limit in limits) if all(limits) else None
    except ValueError:
        return None


def _sandbox_too_small(case: Case, pod: dict[str, Any], room: int, event: dict[str, Any]) -> Finding:
    origin, path = case.origin("resources")
    return case.finding(
        "KS056",
        f"Pod {snap.name_of(pod)} may use {quantities.for_humans('memory', room)} of memory in all, in which not even "
        f"its sandbox can be started: {condensed(message_of(event)).rstrip('.')}.",
        [in_event(event)],
        f"Raise limits.memory in {path} of {origin}.",
        object=origin,
        key="sandbox",
    )


# -- containers that end ----------------------------------------------------------------------------------------------


def crashes(case: Case, load: Workload, pod: dict[str, Any], extra: Extra = ()) -> Finding | None:
    """Rows 29, 43 to 57 and 60: a container ended and is not ready now."""
    for item in podstate.containers(pod):
        if item.init or not item.failed or item.terminated.get("reason") in _UNKNOWN_ENDS:
            continue
        return _crash(case, load, pod, item, extra)
    return None


def _crash(case: Case, load: Workload, pod: dict[str, Any], item: podstate.Container, extra: Extra) -> Finding:
    ended = item.terminated
    if ended.get("reason") == "OOMKilled":
        return out_of_memory(case, pod, item)
    hook = _hook_event(case, pod, item)
    if hook is not None:
        return _hook_fails(case, pod, item, hook, "")
    text, previous = log_evidence(case, pod, item)
    reading = log_reading.read(text)
    killed = _killed_by_probe(case, pod, item)
    known = log_patterns.match(reading, log_patterns.SERVER, extra)
    if killed is None:
        if known is not None:
            return by_pattern(case, pod, item, known, reading, previous)
        return _unknown_crash(case, pod, item, reading, text, previous)
    run = _probed_run(case, pod, item, killed, text)
    if not _own_fault(reading) or run.elsewhere.ports or (known is None and not run.loading):
        return _killed(case, pod, item, run, text)
    if known is None:
        return _never_up(case, pod, item, reading, run, previous)
    finding = by_pattern(case, pod, item, known, reading, previous)
    finding.evidence.extend(run.evidence[:1])
    return finding


def _own_fault(reading: log_reading.Reading) -> bool:
    """Whether the log shows a fault of the program's own; what it raises when it is ended is none."""
    return bool(any(not item.following for item in reading.raised) or reading.rows or reading.usage)


def out_of_memory(case: Case, pod: dict[str, Any], item: podstate.Container, severity: str | None = None) -> Finding:
    limit = _limit_of(item)
    origin, path = case.origin("resources", item.name)
    ended = item.terminated
    bound = f"its memory limit is {limit}" if limit else "it has no memory limit, so the node ran out of memory"
    return case.finding(
        "KS056",
        f"Container {item.name} of pod {snap.name_of(pod)} was killed for memory (OOMKilled, exit code "
        f"{ended.get('exitCode')}): {bound}.",
        [_ended(pod, item)],
        f"Raise limits.memory in {path} of {origin} above {limit or 'what the model needs'}, or use a smaller model.",
        object=origin,
        severity=severity,
        key=item.name,
    )


def _ended(pod: dict[str, Any], item: podstate.Container) -> Evidence:
    ended = item.terminated
    text = f"{ended.get('reason') or 'Terminated'}, exit code {ended.get('exitCode')}, {item.restarts} restarts"
    return in_field(pod, f"status.containerStatuses[{item.name}]", text)


def by_pattern(
    case: Case,
    pod: dict[str, Any],
    item: podstate.Container,
    known: log_patterns.Match,
    reading: log_reading.Reading,
    previous: bool,
) -> Finding:
    """A finding from a known log message: what it means, and the message itself."""
    pattern = known.pattern
    quote = condensed(known.text)
    code = pattern.code
    cause = f"{_server(case, item, reading)} in container {item.name} of pod {snap.name_of(pod)} fails: {known.says}"
    if code == "KS029":
        cause = _architecture(case, pod, item)
    detail = condensed(log_patterns.companion(code, reading, quote))
    quoted = "; ".join(text for text in (quote, detail) if text and text not in cause)
    cause += f" ({quoted})." if quoted else "."
    if code == "KS129":
        cause += _port_holders(pod)
    if code in _OF_STORE and case.storage_uri:
        cause += f" The storage path is {case.storage_uri}."
    evidence = [in_log(pod, item.name, quote, previous)]
    evidence += [in_log(pod, item.name, other, previous) for other in reading.decisive[:4] if condensed(other) != quote]
    if item.terminated:
        evidence.append(_ended(pod, item))
    origin, path = _changes(case, item, code, quote)
    return case.finding(
        code,
        cause,
        evidence,
        known.remedy or (f"{_general_remedy(code)} ({path} of {origin})." if path else None),
        object=origin,
        severity=pattern.severity,
        title=pattern.title,
        key=condensed(known.says)[:120],
    )


def _port_holders(pod: dict[str, Any]) -> str:
    """Who else is in the pod's network, where a port is taken."""
    named = []
    for other in podstate.containers(pod):
        if not other.init:
            declared = ", ".join(str(port) for port in podstate.port_numbers(other))
            named.append(f"{other.name} ({declared})" if declared else other.name)
    return f" The containers of the pod share its ports: {', '.join(named)}."


def _general_remedy(code: str) -> str:
    return CODES[code].remedy if code in CODES else "Correct what the log names"


# Codes that are about what lies in the model store.
_OF_STORE = frozenset({"KS043", "KS044", "KS050", "KS053", "KS119", "KS120"})

# What a log finding asks to change: the container's field, where it is one.
_FIELD_OF_CODE = {
    "KS060": "args",
    "KS029": "image",
    "KS045": "image",
    "KS048": "image",
    "KS054": "env",
    "KS055": "image",
}
# What lies here came with the service's model, whatever the runtime sets.
_MODEL_DIRECTORY = "/mnt/models"


def _changes(case: Case, item: podstate.Container, code: str, quote: str) -> tuple[Ref, str]:
    field = _FIELD_OF_CODE.get(code)
    if field is None or (code == "KS054" and _MODEL_DIRECTORY in quote):
        return case.ref, ""
    if field == "args":
        return _argument_origin(case, item, quote)
    return case.origin(field, item.name)


def _argument_origin(case: Case, item: podstate.Container, quote: str) -> tuple[Ref, str]:
    """Arguments are concatenated, the runtime's before the service's: the one that is quoted tells whose it is."""
    own = case.model_spec.get("args") or []
    if any(_word(argument) and _word(argument) in quote for argument in own):
        return case.ref, "spec.predictor.model.args"
    for field in ("args", "command"):
        if any(_word(argument) and _word(argument) in quote for argument in case.runtime_container.get(field) or []):
            return _runtime_origin(case, field)
    return case.origin("args", item.name)


def _runtime_origin(case: Case, field: str) -> tuple[Ref, str]:
    containers = ((case.runtime or {}).get("spec") or {}).get("containers") or []
    index = next((i for i, entry in enumerate(containers) if entry is case.runtime_container), 0)
    return ref_of(case.runtime or {}), f"spec.containers[{index}].{field}"


def _word(argument: Any) -> str:
    return str(argument).split("=", 1)[0].strip()


def _server(case: Case, item: podstate.Container, reading: log_reading.Reading) -> str:
    kind = server_kind(case, item, reading)
    return {"triton": "Triton", "mlserver": "MLServer"}.get(kind, "The server")


def server_kind(case: Case, item: podstate.Container, reading: log_reading.Reading | None = None) -> str:
    """triton, mlserver or "": by the runtime's server-type, the image and command, or the log."""
    annotation = snap.annotations_of(case.runtime or {}).get("serving.kserve.io/server-type", "")
    command = item.spec.get("command") or []
    # A command of its own runs what it names, whatever the image is called.
    hints = command[:1] if command else [annotation, item.spec.get("image") or "", *(item.spec.get("args") or [])]
    words = " ".join(str(word) for word in hints).lower()
    if "tritonserver" in words or "triton" in annotation or (reading is not None and reading.rows):
        return "triton"
    if "mlserver" in words:
        return "mlserver"
    return ""


_GENERIC = {"triton": "KS043", "mlserver": "KS051", "": "KS101"}


def _unknown_crash(
    case: Case, pod: dict[str, Any], item: podstate.Container, reading: log_reading.Reading, text: str, previous: bool
) -> Finding:
    """No pattern knows the log: its decisive lines are the cause."""
    ended = item.terminated
    exit_code = ended.get("exitCode")
    quote = condensed(reading.best)
    signal = _SIGNALS.get(int(exit_code or 0))
    code = "KS137" if signal else _GENERIC[server_kind(case, item, reading)] if reading.decisive else "KS101"
    ends = f"ends with exit code {exit_code}" + (f", {signal}" if signal else "")
    cause = f"{_server(case, item, reading)} in container {item.name} of pod {snap.name_of(pod)} {ends}"
    if quote:
        cause += f": {quote}"
    elif not text:
        seen = bool(case.view.logs_of(snap.namespace_of(pod), snap.name_of(pod)))
        cause += "; its log is empty" if seen else "; its log was not seen"
    evidence = [in_log(pod, item.name, quote, previous)] if quote else []
    evidence += [in_log(pod, item.name, other, previous) for other in reading.decisive[1:4]]
    evidence.append(_ended(pod, item))
    early = not quote and item.restarts < 2
    return case.finding(
        "KS134" if early else code,
        f"{cause.rstrip('.')}.",
        evidence,
        "Look again in a minute." if early else None,
        severity=INFO if early else None,
        command=f"kubectl -n {case.namespace} logs {snap.name_of(pod)} -c {item.name} --previous",
        key=item.name,
    )


# -- probes -----------------------------------------------------------------------------------------------------------


def _killed_by_probe(case: Case, pod: dict[str, Any], item: podstate.Container) -> dict[str, Any] | None:
    """The Killing event of a failed liveness or startup probe that ended the container's last run."""
    for event in case.view.events_of(pod):
        message = message_of(event)
        named = f"Container {item.name} failed" in message and ("liveness" in message or "startup" in message)
        if event.get("reason") == "Killing" and named and _of_last_run(event, pod, item):
            return event
    return None


def _of_last_run(event: dict[str, Any], pod: dict[str, Any], item: podstate.Container) -> bool:
    """Whether the event can belong to the end of the container's last run: not to one long before it.

    From the event to the end pass up to the seconds that the pod grants for a graceful end.
    """
    then, end = snap.seconds(snap.event_time(event)), snap.seconds(item.terminated.get("finishedAt"))
    if then is None or end is None:
        return True
    granted = (pod.get("spec") or {}).get("terminationGracePeriodSeconds")
    return then >= end - float(30 if granted is None else granted) - CLOCK_SLACK


@dataclass(frozen=True)
class _Run:
    """A run that a probe ended: ``up`` tells why the server is known to have been up, "" where it is not."""

    kind: str
    how: str
    port: int | None
    path: str
    said: str
    up: str
    elsewhere: _Elsewhere
    evidence: list[Evidence]

    @property
    def where(self) -> str:
        return " ".join(part for part in (self.how, self.path, f"on port {self.port}" if self.port else "") if part)

    @property
    def loading(self) -> bool:
        """Whether the probe was told nothing but what a server shows that has not come up."""
        return _loading_only(self.said) and not self.up and not self.elsewhere.ports


def _probed_run(case: Case, pod: dict[str, Any], item: podstate.Container, event: dict[str, Any], text: str) -> _Run:
    kind = "startupProbe" if "startup" in message_of(event) else "livenessProbe"
    how, port, path = podstate.probe_target(item, item.probe(kind))
    unhealthy = _telling_failure(case, pod, "Startup" if kind == "startupProbe" else "Liveness")
    said = _probe_says(unhealthy)
    evidence = [in_event(event), *([in_event(unhealthy)] if unhealthy else []), _ended(pod, item)]
    passed = _passed(case, pod, item) if kind == "livenessProbe" else None
    elsewhere = _Elsewhere()
    if how in ("http", "https", "tcp") and not _ANSWERED.search(said):
        elsewhere = _listens_elsewhere(case, pod, item, port, text, passed)
    if elsewhere.words == _ANSWERS:
        elsewhere = _Elsewhere()
    up = ""
    if passed is not None:
        up = "had turned ready"
    elif port is not None and port in ports.listening(text):
        up = f"listened on port {port}"
    return _Run(kind, how, port, path, said, up, elsewhere, evidence)


def _passed(case: Case, pod: dict[str, Any], item: podstate.Container) -> int | None:
    """The port on which the readiness probe has passed in the run that ended; 0 where it asks none; None for no.

    Ready turned False when that run ended, not before it began: so it had been True.
    """
    condition = podstate.condition(pod, "Ready")
    changed = snap.seconds(condition.get("lastTransitionTime"))
    began = snap.seconds(item.terminated.get("startedAt"))
    was = changed is not None and began is not None and changed > began
    if not item.ready and not was:
        return None
    return podstate.probe_target(item, item.probe("readinessProbe"))[1] or 0


# The server took the connection, and spoke or kept silent.
_ANSWERED = re.compile(r"statuscode: \d|awaiting headers|reading body|malformed HTTP|server gave HTTP response")
_SILENT = re.compile(r"awaiting headers|reading body")


def _killed(case: Case, pod: dict[str, Any], item: podstate.Container, run: _Run, text: str) -> Finding:
    if run.elsewhere.ports:
        return _wrong_port(case, pod, item, run.kind, run.port, run.elsewhere, run.evidence, text)
    if run.loading and (run.kind == "startupProbe" or not item.probe("startupProbe")):
        return _killed_while_loading(case, item, run)
    origin, field = case.origin(run.kind, item.name)
    said = run.said or "it fails"
    timeout = {**podstate.PROBE_DEFAULTS, **item.probe(run.kind)}["timeoutSeconds"]
    if _SILENT.search(said):
        said = f"the server takes the connection and does not answer within timeoutSeconds {timeout} ({said})"
    elif _TIMED_OUT.search(said):
        said = f"there is no answer within timeoutSeconds {timeout} ({said})"
    up = f", which {run.up}," if run.up else ""
    return case.finding(
        "KS107" if run.kind == "startupProbe" else "KS106",
        f"The {run.kind} ({run.where}) of container {item.name} kills the server{up} again and again: {said}.",
        run.evidence,
        f"Correct {field} of {origin}: its path, port, scheme and timeoutSeconds have to be what the server answers.",
        object=origin,
        key=item.name,
    )


_TIMED_OUT = re.compile(r"timed? ?out|timeout|deadline exceeded", re.IGNORECASE)


def _killed_while_loading(case: Case, item: podstate.Container, run: _Run) -> Finding:
    lasts = _seconds_allowed(item, run.kind)
    origin, field = case.origin(run.kind, item.name)
    detail = f" ({run.said})" if run.said else ""
    slow = _little_cpu(item)
    if run.kind == "startupProbe":
        return case.finding(
            "KS057",
            f"The startupProbe ({run.where}) of container {item.name} gives the server {lasts:.0f} s, and it is not up "
            f"by then{detail}.{slow}",
            run.evidence,
            f"Raise failureThreshold in {field} of {origin}, or find out what slows the start down.",
            object=origin,
            title="The startup probe kills the server while it loads",
            key=item.name,
        )
    return case.finding(
        "KS057",
        f"The livenessProbe ({run.where}) of container {item.name} kills the server after {lasts:.0f} s, before it has "
        f"finished loading{detail}, and there is no startupProbe.{slow}",
        run.evidence,
        f"Add a startupProbe to {origin} that allows for the loading time, for example 10 s x 60.",
        object=origin,
        patch=_startup_patch(item),
        key=item.name,
    )


def _little_cpu(item: podstate.Container) -> str:
    """Less than one CPU makes a start slow: said beside the finding, since it may be all there is to change."""
    limit = _limit_of(item, "cpu")
    try:
        little = limit is not None and quantities.milli(limit) < 1000
    except ValueError:
        return ""
    return f" Its CPU limit is {limit}, which slows the start down." if little else ""


def _never_up(
    case: Case, pod: dict[str, Any], item: podstate.Container, reading: log_reading.Reading, run: _Run, previous: bool
) -> Finding:
    """The program lives on after its own exception, and a probe ends it: the exception is the cause."""
    quote = condensed(reading.best)
    return case.finding(
        _GENERIC[server_kind(case, item, reading)],
        f"{_server(case, item, reading)} in container {item.name} of pod {snap.name_of(pod)} fails and does not turn "
        f"ready, so its {run.kind} ends it again and again: {quote}.",
        [in_log(pod, item.name, quote, previous), *run.evidence],
        key=item.name,
    )


def _startup_patch(item: podstate.Container) -> dict[str, Any]:
    liveness = {
        key: value
        for key, value in item.probe("livenessProbe").items()
        if key in ("httpGet", "tcpSocket", "grpc", "exec")
    }
    probe = {**liveness, "periodSeconds": 10, "failureThreshold": 60}
    return {"spec": {"containers": [{"name": item.name, "startupProbe": probe}]}}


def _loading_only(said: str) -> bool:
    """Whether a probe's failure is what a server shows while it loads: nobody listens yet, or it says not ready."""
    return not said or bool(
        re.search(r"connection refused|reset by peer|timeout|deadline|EOF|statuscode: (?:400|425|503)", said)
    )


def _seconds_allowed(item: podstate.Container, kind: str) -> float:
    probe = {**podstate.PROBE_DEFAULTS, **item.probe(kind)}
    return float(probe["initialDelaySeconds"]) + float(probe["periodSeconds"]) * float(probe["failureThreshold"])


def _unhealthy(case: Case, pod: dict[str, Any], kind: str | None = None) -> dict[str, Any] | None:
    for event in case.view.events_of(pod):
        if event.get("reason") == "Unhealthy" and (kind is None or message_of(event).startswith(kind)):
            return event
    return None


def _telling_failure(case: Case, pod: dict[str, Any], kind: str) -> dict[str, Any] | None:
    """What a probe was told by a server that answers; that a port is closed is usual while a server starts."""
    recent = [
        event
        for event in case.view.events_of(pod)
        if event.get("reason") == "Unhealthy"
        and message_of(event).startswith(kind)
        and (case.view.age(snap.event_time(event)) or 0.0) < RECENT
    ]
    return next((event for event in recent if not _loading_only(_probe_says(event))), next(iter(recent), None))


def _probe_says(event: dict[str, Any] | None) -> str:
    """What a probe was told, without the kubelet's opening."""
    if event is None:
        return ""
    text = re.sub(r"^(?:Readiness|Liveness|Startup) probe (?:failed|errored)(?: and resulted in [^:]*)?: ?", "",
                  condensed(message_of(event)))  # fmt: skip
    return text.rstrip(".")


_LISTENS, _IS_SET, _ANSWERS = "the server listens on", "the server is set to", "there is an answer on"


@dataclass(frozen=True)
class _Elsewhere:
    """Ports where the server listens instead of the one that is asked, and how that is known; none where it is not."""

    ports: frozenset[int] = frozenset()
    words: str = ""


def _listens_elsewhere(
    case: Case, pod: dict[str, Any], item: podstate.Container, asked: int | None, text: str, passed: int | None = None
) -> _Elsewhere:
    """Where the server listens, if not on the port asked: its log, its answers, a probe that passes, its options."""
    if asked is None:
        return _Elsewhere()
    answers, anything = _answering(case, pod, item)
    known = (ports.listening(text) | answers) - ports.not_http(pod, item)
    known |= {passed} if passed else set()
    if asked in known | anything:
        return _Elsewhere()
    if known:
        return _Elsewhere(frozenset(known), _LISTENS)
    configured = ports.configured(item.spec)
    if configured and configured != asked and text.strip():
        return _Elsewhere(frozenset({configured}), _IS_SET)
    return _Elsewhere(frozenset(anything), _ANSWERS)


def _answering(case: Case, pod: dict[str, Any], item: podstate.Container) -> tuple[set[int], set[int]]:
    """(ports that answer as a model server does, ports that answer anything else) of those asked for a server."""
    live, anything = set(), set()
    others = ports.not_http(pod, item)
    alone = sum(not other.init for other in podstate.containers(pod)) == 1
    for probe in case.view.probes_of(case.namespace, case.name):
        if probe.get("via") != "pods" or probe.get("purpose") != "live" or probe.get("target") != snap.name_of(pod):
            continue
        port = int(probe["port"])
        if probe.get("status") is None or port in others:
            continue
        if probe["status"] == 200 and not metrics.looks_like(str(probe.get("body") or "")):
            live.add(port)
        elif alone or port in podstate.port_numbers(item):
            anything.add(port)
    return live, anything


def _wrong_port(
    case: Case,
    pod: dict[str, Any],
    item: podstate.Container,
    kind: str,
    asked: int | None,
    elsewhere: _Elsewhere,
    evidence: list[Evidence],
    text: str,
) -> Finding:
    origin, path = case.origin(
        kind if item.probe(kind) and case.origin(kind)[1].startswith("spec") else "ports", item.name
    )
    found = ", ".join(str(port) for port in sorted(elsewhere.ports))
    line = next((line for line in text.splitlines() if ports.listening(line)), "")
    if line:
        evidence = [*evidence, in_log(pod, item.name, line.strip())]
    return case.finding(
        "KS058",
        f"The {kind} of container {item.name} asks port {asked}, where nothing listens; "
        f"{elsewhere.words} port {found}.",
        evidence,
        f"Make {path} of {origin}, containerPort and the server's own port agree.",
        object=origin,
        key=item.name,
    )


# -- containers that run and are not ready ----------------------------------------------------------------------------


def not_ready(case: Case, load: Workload, pod: dict[str, Any], extra: Extra = ()) -> Finding | None:
    """Rows 57 to 59: running, no crash, not ready: still loading, or never going to be."""
    if (
        podstate.ready(pod)
        or podstate.deleting(pod)
        or not podstate.scheduled(pod)
        or podstate.phase(pod) in ("Succeeded", "Failed")
    ):
        return None
    for item in podstate.containers(pod):
        if item.init or item.ready or not item.running:
            continue
        return _waits(case, load, pod, item, extra)
    return _starting(case, load, pod)


def _waits(case: Case, load: Workload, pod: dict[str, Any], item: podstate.Container, extra: Extra) -> Finding | None:
    age = case.view.age((item.running or {}).get("startedAt")) or 0.0
    text, previous = log_evidence(case, pod, item)
    kind = "startupProbe" if item.probe("startupProbe") and not item.started else "readinessProbe"
    how, port, path = podstate.probe_target(item, item.probe(kind))
    unhealthy = _unhealthy(case, pod, "Startup" if kind == "startupProbe" else "Readiness")
    said = _probe_says(unhealthy)
    evidence = [in_event(unhealthy)] if unhealthy else []
    budget = _seconds_allowed(item, "startupProbe") if kind == "startupProbe" else 0.0
    elsewhere = _Elsewhere()
    if how in ("http", "https", "tcp") and not _ANSWERED.search(said):
        elsewhere = _listens_elsewhere(case, pod, item, port, text)
    in_time = age <= budget
    if elsewhere.ports and age > _patience(elsewhere, text, in_time):
        return _wrong_port(case, pod, item, kind, port, elsewhere, evidence, text)
    if in_time:
        answer = re.search(r"statuscode: (404|405|401|403)", said)
        if not answer or age < ERROR_GRACE:
            return _early(case, pod, item, age, budget, said, evidence)
    found = _from_log(case, pod, item, text, previous, age, extra)
    if found is not None:
        return found
    if said and not _loading_only(said) and age > 20:
        return _probe_refused(case, pod, item, kind, said, evidence)
    deadline = _deadline(load)
    waits_long = kind == "readinessProbe" and age > REFUSED_GRACE and not item.probe("startupProbe")
    if "connection refused" in said and waits_long:
        return _nobody_listens(case, pod, item, kind, port, age, evidence, deadline)
    if said and (waits_long or _was_ready(case, pod, item, age)):
        return _probe_refused(case, pod, item, kind, said, evidence)
    if age > deadline or (_overdue(load) and age > deadline / 2):
        return _too_slow(case, load, pod, item, age, said, evidence)
    return _early(case, pod, item, age, deadline, said, evidence)


def _patience(elsewhere: _Elsewhere, text: str, in_time: bool) -> float:
    """How long a container must have been up before a port elsewhere counts.

    What the server says of itself counts at once; other signs do only once its startup probe's time is over, for a
    server may open a second port before it has loaded.
    """
    if elsewhere.ports & ports.listening(text):
        return 20.0
    if in_time:
        return float("inf")
    return REFUSED_GRACE if elsewhere.words == _ANSWERS else ERROR_GRACE


def _nobody_listens(
    case: Case,
    pod: dict[str, Any],
    item: podstate.Container,
    kind: str,
    port: int | None,
    age: float,
    evidence: list[Evidence],
    deadline: float,
) -> Finding:
    """Row 58 where the server does not say where it listens: it may still load, until the rollout's deadline."""
    origin, path = case.origin("ports", item.name)
    return case.finding(
        "KS058",
        f"Nothing listens on port {port}, which the {kind} of container {item.name} asks, {age:.0f} s after its "
        f"start: the server listens on another port, or takes long to load without a startupProbe that allows for it."
        f"{_little_cpu(item)}",
        evidence,
        f"Make {path} of {origin}, the probe and the server's own port agree; give a slow server a startupProbe.",
        object=origin,
        severity=None if age > deadline else WARNING,
        key=item.name,
    )


def _was_ready(case: Case, pod: dict[str, Any], item: podstate.Container, age: float) -> bool:
    """Whether the pod stopped being ready: its Ready condition changed well after the container started."""
    if not item.started or age < 120:
        return False
    since = case.view.age(podstate.condition(pod, "Ready").get("lastTransitionTime"))
    return since is not None and since < age - 60


def _from_log(
    case: Case, pod: dict[str, Any], item: podstate.Container, text: str, previous: bool, age: float, extra: Extra
) -> Finding | None:
    reading = log_reading.read(text)
    if age < ERROR_GRACE or not (reading.raised or reading.rows or reading.errors):
        return None
    known = log_patterns.match(reading, log_patterns.SERVER, extra)
    if known is not None:
        return by_pattern(case, pod, item, known, reading, previous)
    if not (reading.raised or reading.rows):
        return None
    quote = condensed(reading.best)
    return case.finding(
        _GENERIC[server_kind(case, item, reading)],
        f"{_server(case, item, reading)} in container {item.name} of pod {snap.name_of(pod)} runs and is not ready: "
        f"{quote}.",
        [in_log(pod, item.name, quote, previous)],
        key=item.name,
    )


def _probe_refused(
    case: Case, pod: dict[str, Any], item: podstate.Container, kind: str, said: str, evidence: list[Evidence]
) -> Finding:
    how, port, path = podstate.probe_target(item, item.probe(kind))
    origin, field = case.origin(kind, item.name)
    where = f"{how} {path} on port {port}" if port else f"{how} {path}"
    hint = ""
    if how == "https" and re.search(r"TLS handshake|HTTP response to HTTPS", said):
        hint = " The probe speaks HTTPS, and the server plain HTTP."
    return case.finding(
        "KS107",
        f"The {kind} ({where.strip()}) of container {item.name} fails: {said}.{hint}",
        evidence,
        f"Correct {field} of {origin}: path, port, scheme and time-out have to be what the server answers; or repair "
        "what the server says.",
        object=origin,
        key=item.name,
    )


def _deadline(load: Workload) -> float:
    seconds = ((load.deployment or {}).get("spec") or {}).get("progressDeadlineSeconds")
    return float(seconds) if seconds else DEFAULT_DEADLINE


def _overdue(load: Workload) -> bool:
    return podstate.condition(load.deployment or {}, "Progressing").get("reason") == "ProgressDeadlineExceeded"


def _too_slow(
    case: Case,
    load: Workload,
    pod: dict[str, Any],
    item: podstate.Container,
    age: float,
    said: str,
    evidence: list[Evidence],
) -> Finding:
    condition = podstate.condition(load.deployment or {}, "Progressing")
    if load.deployment is not None and condition:
        text = f"{condition.get('reason')}: {condition.get('message')}"
        evidence = [*evidence, in_field(load.deployment, "status.conditions[Progressing]", text)]
    detail = f" ({said})" if said else ""
    return case.finding(
        "KS059",
        f"Container {item.name} of pod {snap.name_of(pod)} has been running for {age:.0f} s and is not "
        f"ready{detail}; the "
        f"rollout's deadline is {_deadline(load):.0f} s.{_little_cpu(item)}",
        evidence or [in_field(pod, "status.conditions[Ready]", "False")],
        key=item.name,
    )


def _early(
    case: Case,
    pod: dict[str, Any],
    item: podstate.Container,
    age: float,
    budget: float,
    said: str,
    evidence: list[Evidence],
) -> Finding:
    detail = f" Its probe says: {said}." if said else ""
    return case.finding(
        "KS134",
        f"Container {item.name} of pod {snap.name_of(pod)} has been starting for {age:.0f} s of the {budget:.0f} s "
        "that it "
        f"may take.{detail}",
        evidence or [in_field(pod, f"status.containerStatuses[{item.name}].state.running", f"{age:.0f} s")],
        title="The server is still starting",
    )


def _last_line(case: Case, pod: dict[str, Any], item: podstate.Container) -> str:
    """The last thing that a container said, in brackets; "" where it has said nothing."""
    last = log_reading.read(log_evidence(case, pod, item)[0]).last
    return f" ({condensed(last[-1])})" if last else ""


def _starting(case: Case, load: Workload, pod: dict[str, Any]) -> Finding | None:
    """No container runs yet and nothing is known to be wrong: pulling, mounting or initialising."""
    age = case.view.age((pod.get("metadata") or {}).get("creationTimestamp")) or 0.0
    image = pulling(case, pod)
    doing = f"pulls image {image}" if image else "prepares the pod"
    begun = next((item for item in podstate.containers(pod) if item.init and item.running and not item.started), None)
    if begun:
        doing = f"runs init container {begun.name}{_last_line(case, pod, begun)}"
    evidence = [in_field(pod, "status.phase", podstate.phase(pod))]
    if _overdue(load) and age > _deadline(load):
        return case.finding(
            "KS059",
            f"Node {podstate.node(pod)} {doing} of pod {snap.name_of(pod)} for {age:.0f} s already; the rollout's "
            "deadline is "
            f"{_deadline(load):.0f} s.",
            evidence,
        )
    return case.finding(
        "KS134",
        f"Node {podstate.node(pod)} {doing} of pod {snap.name_of(pod)} since {age:.0f} s.",
        evidence,
        title="The pod is still starting",
    )


# -- pods that are up -------------------------------------------------------------------------------------------------


def restarted(case: Case, load: Workload, pod: dict[str, Any], extra: Extra = ()) -> Finding | None:
    """Row 56 and restarts of a pod that is ready at present: worth a look, no fault of the moment."""
    for item in podstate.containers(pod):
        ended = (item.status.get("lastState") or {}).get("terminated") or {}
        if item.init or not ended or ended.get("reason") in _UNKNOWN_ENDS:
            continue
        since = case.view.age(ended.get("finishedAt"))
        # A server that ends again and again may be ready in between (MLServer's port opens before the model loads).
        if item.restarts >= 2 and since is not None and since < FLAPPING and not _recovered(case, item, ended):
            return _crash(case, load, pod, item, extra)
        if ended.get("reason") == "OOMKilled" and (since is None or since < 86400):
            return out_of_memory(case, pod, item, WARNING)
        if item.restarts >= 3 and since is not None and since < 3600:
            return _unsteady(case, pod, item, extra)
    return None


def _recovered(case: Case, item: podstate.Container, ended: dict[str, Any]) -> bool:
    """Whether the present run has outlived the one before: the loop is over."""
    up = case.view.age((item.running or {}).get("startedAt"))
    start, finish = snap.seconds(ended.get("startedAt")), snap.seconds(ended.get("finishedAt"))
    if up is None or start is None or finish is None:
        return False
    return up > max(30.0, finish - start + 10)


def _unsteady(case: Case, pod: dict[str, Any], item: podstate.Container, extra: Extra) -> Finding:
    text, previous = log_evidence(case, pod, item)
    quote = condensed(log_reading.read(text).best) if previous else ""
    cause = f"Container {item.name} of pod {snap.name_of(pod)} is ready and has restarted {item.restarts} times"
    killed = _killed_by_probe(case, pod, item)
    if killed is not None:
        cause += f"; {condensed(message_of(killed))}"
    elif quote:
        cause += f"; it ended with {quote}"
    return case.finding(
        "KS135",
        f"{cause.rstrip('.')}.",
        [_ended(pod, item), *([in_event(killed)] if killed else [])],
        command=f"kubectl -n {case.namespace} logs {snap.name_of(pod)} -c {item.name} --previous",
        key=item.name,
    )


def hangs(case: Case, load: Workload, pod: dict[str, Any], extra: Extra = ()) -> Finding | None:
    """A pod whose deletion does not end."""
    metadata = pod.get("metadata") or {}
    since = case.view.age(metadata.get("deletionTimestamp"))
    if since is None or since < HANGS:
        return None
    held = metadata.get("finalizers") or []
    why = f"the finalizer {', '.join(held)} holds it" if held else f"node {podstate.node(pod)} has not confirmed it"
    return case.finding(
        "KS136",
        f"Pod {snap.name_of(pod)} should have been gone {since:.0f} s ago: {why}.",
        [in_field(pod, "metadata.deletionTimestamp", metadata.get("deletionTimestamp"))],
        severity=WARNING if load.serving_pods else None,
    )


# -- the Deployment ---------------------------------------------------------------------------------------------------


def rollout(case: Case, load: Workload) -> Finding | None:
    """The Deployment itself keeps its pods from coming: paused, or at 0 replicas."""
    deployment = load.deployment
    if deployment is None:
        return None
    spec = deployment.get("spec") or {}
    status = deployment.get("status") or {}
    if spec.get("paused") and int(status.get("updatedReplicas") or 0) < load.wanted:
        return case.finding(
            "KS112",
            f"Deployment {snap.name_of(deployment)} is paused: its new pods are not rolled out.",
            [in_field(deployment, "spec.paused", "true")],
            object=_deployment_ref(deployment),
            command=f"kubectl -n {case.namespace} rollout resume deployment {snap.name_of(deployment)}",
        )
    return None


def _deployment_ref(deployment: dict[str, Any]) -> Ref:
    return Ref("apps/v1", "Deployment", snap.namespace_of(deployment), snap.name_of(deployment))
