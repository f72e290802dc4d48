# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a snapshot to findings: pure, so that a saved snapshot is diagnosed offline by the same code.

::

    diagnose(snapshot) -> {
        findings  [{code, severity, object, affects[], title, cause, evidence[], remedy, consequences[], docs}]
                  ordered by severity, services hit (most first), namespace, name, code
                  object, affects[], evidence[].object, consequences[].object: {api_version, kind, namespace|null, name}
        runtimes  [{api_version, kind, namespace|null, name, scope: "namespace"|"cluster", disabled, formats[{name,
                    version|null, auto_select, priority|null}], protocols[], image|null, priority|null,
                    services[{namespace, name, how: "named"|"selected", state, ready}],
                    replicas{wanted, ready}, pods[{namespace, name, node|null, phase, ready, restarts, reason|null}],
                    endpoints[{namespace, service, purpose, path, status|null, error|null}], accelerators{resource: n},
                    findings[code, ...]}]
        services  [{namespace, name, state, ready: bool, runtime{kind, name}|null, how|null, format|null, version|null,
                    protocol|null, storage_uri|null, mode|null, url|null, replicas{wanted, ready}, pods[as above],
                    endpoints[{purpose, path, status|null, error|null}], accelerators{resource: n},
                    message|null, findings[code, ...]}]
                  state: ready | degraded | loading | failed | stopped | scaled_to_zero | deleting | unknown
        summary   {error, warning, info}
        unseen    [{what, reason, message}]
    }

A service's findings are looked for in causal order (control plane, selection, reconciliation, pod creation,
scheduling, storage, image, container, server); the first error explains the rest, which is folded under it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.podresources import pod_requests
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator.vendors import DEFAULT_TABLE
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import preflight as before_deploying
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import (
    ERROR,
    WARNING,
    Consequence,
    Finding,
    Ref,
    merge,
    ordered,
    ref_of,
    summary,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.log_patterns import Pattern, user_patterns
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import (
    control_plane,
    image,
    network,
    policy,
    running,
    scaling,
    scheduling,
    selection,
    storage,
    templates,
    webhooks,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import Case, Model, Workload
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.codes import CODES, THEMES

# KServe's own webhooks do not answer, or are not trusted.
_SILENT = ("KS017", "KS018")

Ask = Callable[[Case, Workload, dict[str, Any]], "Finding | None"]

# Codes that an empty templated value explains (row 9 is then the root).
_OF_EMPTY_VALUES = frozenset({"KS121", "KS050", "KS052", "KS053"})


class _Doctor:
    """One run over one snapshot."""

    def __init__(self, snapshot: Mapping[str, Any], patterns: tuple[Pattern, ...]) -> None:
        self.view = snap.View(dict(snapshot))
        self.model = Model(self.view)
        self.nodes = scheduling.Nodes(self.view)
        self.patterns = patterns
        self.down = list(control_plane.controller_down(self.view))
        self.webhooks = webhooks.failing(self.view, bool(self.down))
        self.config = list(control_plane.configuration(self.view, self.model.version))
        if self.down and control_plane.ended_by_configuration(self.view, self.down[0], self.config):
            self.down = []
        self.missing = list(control_plane.api_missing(self.view))

    # -- one pod ------------------------------------------------------------------------------------------------

    def _pod_rules(self) -> tuple[Ask, ...]:
        """Why a pod is not ready, in causal order."""
        extra = self.patterns
        return (
            scheduling.gated,
            storage.claim_unusable,
            lambda case, load, pod: scheduling.unscheduled(case, load, pod, self.nodes),
            scheduling.node_lost,
            storage.mount_fails,
            image.unusable,
            storage.config_missing,
            lambda case, load, pod: running.cannot_start(case, load, pod, extra),
            lambda case, load, pod: storage.download_fails(case, load, pod, extra),
            lambda case, load, pod: storage.init_hangs(case, load, pod, extra),
            lambda case, load, pod: running.crashes(case, load, pod, extra),
            lambda case, load, pod: running.not_ready(case, load, pod, extra),
        )

    def _pod(self, case: Case, load: Workload, pod: dict[str, Any]) -> Finding | None:
        if podstate.deleting(pod):
            return running.hangs(case, load, pod)
        if podstate.ready(pod):
            return running.restarted(case, load, pod, self.patterns)
        for rule in self._pod_rules():
            finding = rule(case, load, pod)
            if finding is not None:
                return finding
        return None

    # -- one workload -------------------------------------------------------------------------------------------

    def _workload(self, case: Case, load: Workload) -> list[Finding]:
        for rule in (running.rollout, policy.pods_refused, webhooks.not_injected):
            finding = rule(case, load)
            if finding is not None:
                return [finding]
        alive = [pod for pod in load.pods if podstate.phase(pod) not in ("Failed", "Succeeded")]
        found = [finding for pod in alive if (finding := self._pod(case, load, pod)) is not None]
        errors = merge([finding for finding in found if finding.severity == ERROR])
        if errors:
            return self._first(errors)
        gone = [pod for pod in load.pods if podstate.phase(pod) == "Failed"]
        for pod in gone:
            finding = scheduling.evicted(case, load, pod) or scheduling.preempted(case, load, pod)
            if finding is not None:
                return [finding]
        if found:
            worst = merge(found)
            return [item for item in worst if item.severity == WARNING] or worst[:1]
        return []

    @staticmethod
    def _first(errors: list[Finding]) -> list[Finding]:
        """One fault, one finding: what other replicas show beside it is folded under the first."""
        first, *rest = sorted(errors, key=lambda item: item.code == "KS134")
        for other in rest:
            first.consequences.append(Consequence(other.object, f"{other.title}: {other.cause}"))
        return [first]

    # -- one service --------------------------------------------------------------------------------------------

    def service(self, case: Case) -> list[Finding]:
        """What is wrong with one service: at most one error a component, and warnings beside it."""
        signs = control_plane.unattended(case)
        blocker = self._blocker(case) if signs else None
        if blocker is not None:
            blocker.affects.append(case.ref)
            blocker.consequences.append(Consequence(case.ref, f"waits: {'; '.join(signs)}"))
            return []
        if case.deleting:
            return _listed(control_plane.not_deleted(case))
        if case.stopped:
            return [scaling.stopped(case)]
        for rule in _BEFORE_PODS:
            finding = rule(case)
            if finding is not None:
                return self._folded(case, self._told(case, [finding]))
        found = [finding for load in case.workloads for finding in self._workload(case, load)]
        told = len(found)
        found = self._told(case, found)
        if len(found) < told:
            return self._folded(case, found)
        errors = [finding for finding in found if finding.severity == ERROR]
        if not errors and not any(finding.code == "KS134" for finding in found):
            found += self._told(case, list(self._when_up(case)))
        found += list(self._beside(case, found))
        return self._folded(case, found)

    def _blocker(self, case: Case) -> Finding | None:
        """What keeps KServe from dealing with the service: its controller, its configuration, or its own webhook.

        Removing a finalizer is an update, so a webhook that cannot be called keeps a deleted service as well.
        """
        if self.down:
            return self.down[0]
        errors = [item for item in self.config if item.severity == ERROR]
        if case.deleting:
            errors += [item for item in self.webhooks if item.severity == ERROR and item.code in _SILENT]
        return next(iter(errors), None)

    def _told(self, case: Case, found: list[Finding]) -> list[Finding]:
        """The findings that are not what a fault of the cluster, found by itself, does to this service."""
        kept = []
        for finding in found:
            root = self._root(finding)
            if root is None:
                kept.append(finding)
                continue
            root.affects.append(case.ref)
            root.consequences.append(Consequence(case.ref, finding.cause))
            root.evidence.extend(item for item in finding.evidence[:1] if item not in root.evidence)
        return kept

    def _root(self, finding: Finding) -> Finding | None:
        """The cluster's fault behind what one service shows of it.

        KServe's webhooks are one server: while the controller is down, or while they do not answer, every refusal that
        names them is that fault. So is what they cannot read of the configuration.
        """
        if finding.code in _SILENT:
            errors = [item for item in self.webhooks if item.severity == ERROR and item.code in _SILENT]
            alike = [item for item in errors if item.code == finding.code]
            return next(iter([*self.down, *alike, *errors]), None)
        if finding.code == "KS139":
            errors = [item for item in self.config if item.severity == ERROR]
            return next((item for item in errors if item.key == finding.key), next(iter(errors), None))
        if finding.code == "KS145" and finding.object.kind != "Namespace":
            return next((item for item in self.webhooks if item.code == "KS144"), None)
        return None

    def _when_up(self, case: Case) -> Iterator[Finding]:
        yield from scaling.scaled_by_hand(case)
        if case.scaled_to_zero:
            return
        served = True
        for load in case.workloads:
            finding = network.no_endpoints(case, load) or network.not_served(case, load, self.patterns)
            if finding is not None:
                served = served and finding.severity != ERROR
                yield finding
            if served:
                yield from _listed(network.metrics_elsewhere(case, load))
        yield from _listed(network.not_exposed(case))
        yield from network.autoscaler_fails(case)
        if served:
            yield from _listed(control_plane.not_finished(case))

    def _beside(self, case: Case, found: list[Finding]) -> Iterator[Finding]:
        yield from _listed(selection.tied(case))
        yield from _listed(selection.frozen(case))
        for empty in selection.empty_values(case):
            explained = next((item for item in found if _explains(empty, item)), None)
            if explained is not None:
                found.remove(explained)
                empty.severity = ERROR
                empty.evidence.extend(explained.evidence)
                empty.consequences.append(Consequence(explained.object, explained.cause))
            yield empty

    @staticmethod
    def _folded(case: Case, found: list[Finding]) -> list[Finding]:
        """What the service shows of its fault goes under the finding."""
        for finding in found:
            if finding.severity == ERROR:
                finding.consequences.extend(case.symptoms())
                if case.serving and case.is_ready:
                    text = "still says Ready: pods of before serve"
                    finding.consequences.append(Consequence(case.ref, text))
        return found

    # -- the cluster --------------------------------------------------------------------------------------------

    def cluster(self, cases: list[Case]) -> list[Finding]:
        """Faults that are no service's own; those that nobody uses are left out."""
        used = {
            (case.namespace, str(case.model_spec.get("runtime"))) for case in cases if case.model_spec.get("runtime")
        }
        return [
            *self.missing,
            *self.down,
            *self.webhooks,
            *self.config,
            *selection.hidden_runtimes(self.view, used),
            *templates.findings(self.view),
        ]


def _explains(empty: Finding, found: Finding) -> bool:
    if found.severity != ERROR:
        return False
    return found.code in _OF_EMPTY_VALUES or any(empty.key in item.text for item in found.evidence)


def _listed(finding: Finding | None) -> list[Finding]:
    return [] if finding is None else [finding]


# What keeps a service from having pods at all, in KServe's order.
_BEFORE_PODS: tuple[Callable[[Case], Finding | None], ...] = (
    control_plane.model_mesh,
    control_plane.knative_absent,
    selection.no_runtime,
    selection.unusable_runtime,
    control_plane.reconcile_fails,
    control_plane.not_taken_up,
)


# -- results ----------------------------------------------------------------------------------------------------------


def diagnose(
    snapshot: Mapping[str, Any],
    *,
    checks: Iterable[str] | None = None,
    log_patterns: Iterable[Mapping[str, Any]] = (),
    names: Iterable[str] | None = None,
) -> dict[str, Any]:
    """Findings, runtimes, services, summary and unseen of a snapshot (shapes: see the module's docstring).

    :param checks: themes (see rules/codes.py, THEMES) or codes to keep; all by default.
    :param log_patterns: a user's own log patterns (see doctor/log_patterns.py); raises PatternError for a bad one.
    :param names: services, or runtimes with the services that use them, to report on; all by default.
    """
    doctor = _Doctor(snapshot, user_patterns(log_patterns))
    cases = [Case(doctor.model, service) for service in doctor.view.all(snap.INFERENCESERVICES)]
    if names is not None:
        wanted = set(names)
        cases = [case for case in cases if case.name in wanted or _uses(case, wanted)]
    by_case = [(case, doctor.service(case)) for case in cases]
    found = merge([*doctor.cluster(cases), *(finding for _case, findings in by_case for finding in findings)])
    found = ordered([finding for finding in found if _kept(finding, checks)])
    affected = _by_service(found)
    return {
        "findings": [finding.plain() for finding in found],
        "runtimes": _runtimes(doctor, cases, found, affected, names),
        "services": [_service(case, affected.get(case.ref, []), doctor.nodes.labelled_devices) for case in cases],
        "summary": summary(found),
        "unseen": [_unseen(item) for item in doctor.view.unseen],
    }


def preflight(
    manifests: Iterable[Mapping[str, Any]],
    snapshot: Mapping[str, Any] | None = None,
    *,
    checks: Iterable[str] | None = None,
) -> dict[str, Any]:
    """The rules that decide before deploying, on manifests; the result has the shape of ``diagnose``.

    :param manifests: runtimes, services, claims, Secrets and ConfigMaps (their names count), Templates.
    :param snapshot: what the cluster has, where it was seen.
    """
    found, view = before_deploying.findings(manifests, snapshot)
    found = ordered(merge([finding for finding in found if _kept(finding, checks)]))
    return {
        "findings": [finding.plain() for finding in found],
        "runtimes": [],
        "services": [],
        "summary": summary(found),
        "unseen": [_unseen(item) for item in view.unseen],
    }


def _unseen(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: str(item.get(key) or "") for key in ("what", "reason", "message")}


def _uses(case: Case, runtimes: set[str]) -> bool:
    return case.runtime is not None and snap.name_of(case.runtime) in runtimes


def _kept(finding: Finding, checks: Iterable[str] | None) -> bool:
    if checks is None:
        return True
    wanted = set(checks)
    theme = CODES[finding.code].theme if finding.code in CODES else "running"
    return finding.code in wanted or theme in wanted or "all" in wanted


def check_names() -> list[str]:
    """What may be named in ``checks``."""
    return ["all", *THEMES, *CODES]


def _by_service(found: list[Finding]) -> dict[Ref, list[Finding]]:
    affected: dict[Ref, list[Finding]] = defaultdict(list)
    for finding in found:
        for ref in dict.fromkeys(finding.affects):
            affected[ref].append(finding)
    return affected


def state_of(case: Case, found: list[Finding]) -> str:
    """ready, degraded, loading, failed, stopped, scaled_to_zero, deleting or unknown."""
    errors = any(finding.severity == ERROR for finding in found)
    if case.deleting:
        return "deleting"
    if case.stopped:
        return "stopped"
    if errors:
        return "degraded" if case.serving else "failed"
    if case.scaled_to_zero:
        return "scaled_to_zero"
    if case.workloads and all(load.complete for load in case.workloads):
        return "ready" if case.is_ready else "loading"
    if case.pods or case.deployments:
        return "degraded" if case.serving and not case.is_ready else "loading"
    if case.is_ready and not case.view.seen(snap.PODS, case.namespace):
        return "ready"
    return "unknown"


def _service(case: Case, found: list[Finding], devices: frozenset[str]) -> dict[str, Any]:
    model = case.model_spec
    chosen = case.choice.selected if case.choice else None
    ready = case.condition("Ready")
    message = ready.get("message") if ready.get("status") != "True" else None
    return {
        "namespace": case.namespace,
        "name": case.name,
        "state": state_of(case, found),
        "ready": case.is_ready,
        "runtime": chosen.ref if chosen else _in_status(case),
        "how": (("named" if model.get("runtime") else "selected") if chosen else None),
        "format": (model.get("modelFormat") or {}).get("name"),
        "version": (model.get("modelFormat") or {}).get("version"),
        "protocol": model.get("protocolVersion"),
        "storage_uri": case.storage_uri,
        "mode": case.mode,
        "url": case.status.get("url"),
        "replicas": _replicas(case),
        "pods": [podstate.brief(pod) for pod in case.pods],
        "endpoints": [_endpoint(item) for item in case.view.probes_of(case.namespace, case.name)],
        "accelerators": _accelerators(case, devices),
        "message": message,
        "findings": [finding.code for finding in found],
    }


def _in_status(case: Case) -> dict[str, str] | None:
    for kind, key in (("ServingRuntime", "servingRuntimeName"), ("ClusterServingRuntime", "clusterServingRuntimeName")):
        if case.status.get(key):
            return {"kind": kind, "name": str(case.status[key])}
    return None


def _replicas(case: Case) -> dict[str, int]:
    return {
        "wanted": sum(load.wanted for load in case.workloads),
        "ready": sum(len(load.serving_pods) for load in case.workloads),
    }


def _endpoint(probe: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "purpose": probe.get("purpose"),
        "path": probe.get("path"),
        "status": probe.get("status"),
        "error": probe.get("error"),
    }


def _accelerators(case: Case, devices: frozenset[str]) -> dict[str, int]:
    """What the service's pods ask for; devices: the resources of vendors that are in no table."""
    total: dict[str, int] = defaultdict(int)
    for load in case.workloads:
        for pod in load.pods:
            for name, value in pod_requests(pod).items():
                if value and (name in devices or DEFAULT_TABLE.of_resource(name)):
                    total[name] += int(value)
    return dict(total)


def _runtimes(
    doctor: _Doctor,
    cases: list[Case],
    found: list[Finding],
    affected: Mapping[Ref, list[Finding]],
    names: Iterable[str] | None,
) -> list[dict[str, Any]]:
    users: dict[Ref, list[Case]] = defaultdict(list)
    for case in cases:
        if case.runtime is not None and case.model_spec:
            users[ref_of(case.runtime)].append(case)
    about: dict[Ref, list[str]] = defaultdict(list)
    for finding in found:
        about[finding.object].append(finding.code)
    runtimes = [*doctor.view.all(snap.SERVINGRUNTIMES), *doctor.view.all(snap.CLUSTERSERVINGRUNTIMES)]
    wanted = None if names is None else set(names)
    return [
        _runtime(
            runtime,
            users.get(ref_of(runtime), []),
            about.get(ref_of(runtime), []),
            affected,
            doctor.nodes.labelled_devices,
        )
        for runtime in runtimes
        if wanted is None or snap.name_of(runtime) in wanted or users.get(ref_of(runtime))
    ]


def _runtime(
    runtime: Mapping[str, Any],
    users: list[Case],
    codes: list[str],
    affected: Mapping[Ref, list[Finding]],
    devices: frozenset[str],
) -> dict[str, Any]:
    spec = runtime.get("spec") or {}
    ref = ref_of(dict(runtime))
    formats = [
        {
            "name": item.get("name"),
            "version": item.get("version"),
            "auto_select": bool(item.get("autoSelect")),
            "priority": item.get("priority"),
        }
        for item in spec.get("supportedModelFormats") or []
    ]
    containers = spec.get("containers") or [{}]
    main = next((item for item in containers if item.get("name") == "kserve-container"), containers[0])
    services = [_service(case, affected.get(case.ref, []), devices) for case in users]
    accelerators: dict[str, int] = defaultdict(int)
    for service in services:
        for name, value in service["accelerators"].items():
            accelerators[name] += value
    return {
        **ref.plain(),
        "scope": "namespace" if ref.namespace else "cluster",
        "disabled": bool(spec.get("disabled")),
        "formats": formats,
        "protocols": list(spec.get("protocolVersions") or []),
        "image": main.get("image"),
        "priority": next((item["priority"] for item in formats if item["priority"] is not None), None),
        "services": [{key: item[key] for key in ("namespace", "name", "how", "state", "ready")} for item in services],
        "replicas": {key: sum(item["replicas"][key] for item in services) for key in ("wanted", "ready")},
        "pods": [pod for item in services for pod in item["pods"]],
        "endpoints": [
            {"namespace": item["namespace"], "service": item["name"], **endpoint}
            for item in services
            for endpoint in item["endpoints"]
        ],
        "accelerators": dict(accelerators),
        "findings": codes,
    }
