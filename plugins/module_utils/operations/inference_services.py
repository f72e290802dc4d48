# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work of inference_service: options -> wanted services -> planned -> written -> waited for -> asked.

Check mode and a real run share everything up to the writes. A failure stays with its service.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, pool, reconcile
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.reconcile import Change, Live, Wanted
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import (
    explaining,
    kinds,
    selection,
    service,
    spec,
    versions,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.waiting import READY, STOPPED
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import (
    control_plane,
    inference,
    rollout,
    shown,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.operations.known_runtimes import KnownRuntimes

# Options of one service that are no field of it, and those that a list's entries take over from the task.
OWN = ("name", "namespace", "namespaces", "state", "pin_runtime", "verify")
SHARED = ("namespace", "namespaces", "state", "pin_runtime")
STATES = ("present", "absent")

Object = dict[str, Any]


# -- reading a task ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One service of a task. options: its fields as given; path: where they stand, for messages."""

    name: str
    namespaces: tuple[str, ...]
    present: bool = True
    pin: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    sample: inference.Sample | None = None
    path: str = ""


def entries(given: Mapping[str, Any]) -> list[Entry]:
    """Read every service of a task from its options as they were given.

    Raises SpecError, one sentence for each entry that is wrong.
    """
    found: list[Entry] = []
    problems: list[str] = []
    for options, path in _one_by_one(given):
        try:
            found.append(_entry(options, path))
        except SpecError as error:
            problems.append(str(error))
    problems += _repeated(found)
    if problems:
        raise SpecError("", problems[0] if len(problems) == 1 else f"{len(problems)} errors: {'. '.join(problems)}")
    return found


def _one_by_one(given: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    single = {key: value for key, value in given.items() if key in OWN or key in service.OPTION_NAMES}
    several = _listed(given.get("services"))
    if several is None:
        return [(single, "")]
    beside = [key for key, value in single.items() if value is not None and key not in SHARED]
    if beside:
        raise SpecError(
            "services", f"is given beside {', '.join(beside)}: put everything into services, or leave it out"
        )
    shared = {key: value for key, value in single.items() if value is not None}
    merged: list[tuple[Mapping[str, Any], str]] = []
    for index, item in enumerate(several):
        path = f"services[{index}]"
        if not isinstance(item, Mapping):
            raise SpecError(path, "must be a mapping, the options of one service")
        own = {key: value for key, value in item.items() if value is not None}
        inherited = dict(shared)
        if "namespace" in own or "namespaces" in own:
            inherited = {key: value for key, value in shared.items() if not key.startswith("namespace")}
        merged.append(({**inherited, **own}, path))
    return merged


def _listed(value: Any) -> list[Any] | None:
    if value is not None and not isinstance(value, list):
        raise SpecError("services", "must be a list, each entry the options of one service")
    return value


def _entry(options: Mapping[str, Any], path: str) -> Entry:
    own = {key: options.get(key) for key in OWN}
    state = own["state"] or "present"
    if state not in STATES:
        raise SpecError(_at(path, "state"), f"is {state!r}, but must be present or absent")
    if own["name"] is None:
        raise SpecError(_at(path, "name"), "is required")
    entry = Entry(
        name=service.service_name(own["name"], path),
        namespaces=_namespaces(own, path),
        present=state == "present",
        pin=_pin(own["pin_runtime"], _at(path, "pin_runtime")),
        options={key: value for key, value in options.items() if key not in OWN},
        sample=inference.sample(own["verify"], _at(path, "verify")) if own["verify"] is not None else None,
        path=path,
    )
    if entry.present:
        _body(entry, entry.namespaces[0])  # what is wrong is said before anything is read or written
    return entry


def _namespaces(own: Mapping[str, Any], path: str) -> tuple[str, ...]:
    one, several = own["namespace"], own["namespaces"]
    if one is not None and several is not None:
        raise SpecError(_at(path, "namespace"), "and namespaces are both given: keep one")
    names = [one] if one is not None else several
    if not isinstance(names, list) or not names:
        raise SpecError(_at(path, "namespace"), "is required (or namespaces, a list)")
    return tuple(dict.fromkeys(spec.namespace_name(name, _at(path, "namespace")) for name in names))


def _pin(value: Any, path: str) -> bool:
    return value is not None and bool(spec.read_value(spec.Field("pin_runtime", "flag"), value, path))


def _body(entry: Entry, namespace: str) -> Object:
    return service.build(entry.options, name=entry.name, namespace=namespace, path=entry.path)


def _repeated(found: Iterable[Entry]) -> list[str]:
    seen: dict[tuple[str, str], str] = {}
    problems = []
    for entry in found:
        for namespace in entry.namespaces:
            first = seen.setdefault((namespace, entry.name), entry.path)
            if first != entry.path:
                problems.append(f"{entry.path}: is {entry.name} in namespace {namespace}, and so is {first}: keep one")
    return problems


def _at(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


# -- a task ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """What the module was asked to do. kserve_version: None to find it on the cluster; timeouts in seconds."""

    entries: Sequence[Entry]
    settings: reconcile.Settings
    kserve_version: str | None = None
    wait: bool = False
    wait_timeout: float = 600.0
    check_mode: bool = False


def task_of(params: Mapping[str, Any], given: Mapping[str, Any], *, check_mode: bool) -> Task:
    """The module's parameters, checked. Raises SpecError."""
    version = params["kserve_version"]
    if version is not None:
        try:
            versions.known(version)
        except ValueError as error:
            raise SpecError("", str(error)) from error
    return Task(
        entries=entries(given),
        settings=reconcile.Settings(
            manager=kinds.FIELD_MANAGER,
            force_conflicts=params["force_conflicts"],
            workers=params["workers"],
            webhook_timeout=params["webhook_timeout"],
        ),
        kserve_version=version,
        wait=params["wait"],
        wait_timeout=params["wait_timeout"],
        check_mode=check_mode,
    )


@dataclass
class Item:
    """One service in one namespace, and all that becomes known of it."""

    entry: Entry
    namespace: str
    change: Change | None = None
    choice: selection.Choice | None = None
    warnings: list[str] = field(default_factory=list)
    outcome: rollout.Outcome | None = None
    reply: inference.Reply | None = None
    findings: list[Object] = field(default_factory=list)

    def describe(self) -> str:
        """The service in words."""
        return f"InferenceService {self.entry.name} in namespace {self.namespace}"

    @property
    def failure(self) -> str | None:
        """What went wrong, as a sentence; None where nothing did."""
        if self.change is not None and self.change.error:
            return str(self.change.error)
        if self.outcome is not None and not self.outcome.ok:
            return self._not_there(self.outcome)
        if self.reply is not None and not self.reply.ok:
            return f"{self.describe()} fails verify: {'; '.join(self.reply.problems)}."
        return None

    def _not_there(self, outcome: rollout.Outcome) -> str:
        goal = "ready" if self.entry.present else "gone"
        after = f" after {outcome.seconds:g} s" if outcome.state == rollout.TIMEOUT else ""
        cause, remedy = outcome.text, outcome.remedy
        diagnosis = next((finding for finding in self.findings if finding["severity"] == "error"), None)
        if diagnosis:
            cause = f"{diagnosis['cause'].rstrip('.')} [{diagnosis['code']}]"
            remedy = diagnosis["remedy"]["text"] or remedy
        said = f"{self.describe()} is not {goal}{after}: {cause.rstrip('.')}"
        return f"{said}: {remedy.rstrip('.')}." if remedy else f"{said}."

    def done(self, *, predicted: bool) -> bool:
        """Whether the service changed in this run, or with *predicted* would in a real one."""
        return self.change is not None and self.change.done(predicted=predicted)

    def plain(self, *, predicted: bool) -> Object:
        """The service's entry in results; *predicted*: whether check mode has rehearsed what it says."""
        change = self.change
        outcome = self.outcome
        done = self.done(predicted=predicted)
        now = change.now(predicted=predicted) if change else None
        known = (outcome.service if outcome else None) or now
        return {
            "name": self.entry.name,
            "namespace": self.namespace,
            "kind": kinds.INFERENCE_SERVICE[1],
            "action": change.action if change else None,
            "changed": done,
            "adopted": bool(change and change.adopted and done),
            "confirmed": bool(change and change.confirmed),
            "object": shown.shown(now) if change else None,
            "diff": shown.diff(change.diff()) if change and done else {},
            "selection": self.choice.plain() if self.choice else None,
            "runtime": _runtime_in_use(known),
            "url": ((known or {}).get("status") or {}).get("url"),
            "wait": outcome.plain() if outcome else None,
            "verify": self.reply.plain() if self.reply else None,
            "findings": self.findings,
            "error": self.failure,
            "warnings": self.warnings,
        }


def _runtime_in_use(known: Mapping[str, Any] | None) -> Object | None:
    status = (known or {}).get("status") or {}
    for key, kind in (
        ("servingRuntimeName", kinds.SERVING_RUNTIME),
        ("clusterServingRuntimeName", kinds.CLUSTER_SERVING_RUNTIME),
    ):
        if status.get(key):
            return {"kind": kind[1], "name": status[key]}
    return None


@dataclass
class Result:
    """The module's result as it grows: what is known is returned, failure or not.

    predicted: what is planned counts as done, since check mode has rehearsed it; otherwise only what was written does.
    """

    items: list[Item] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    predicted: bool = False

    def plain(self) -> Object:
        """The module's result."""
        results = [item.plain(predicted=self.predicted) for item in self.items]
        return {"changed": any(item["changed"] for item in results), "results": results}

    def diff(self) -> list[Object]:
        """What --diff prints: each object that changes, in order."""
        return [
            {
                **shown.diff(item.change.diff()),
                "before_header": f"{item.describe()} (before)",
                "after_header": f"{item.describe()} (after)",
            }
            for item in self.items
            if item.change and item.done(predicted=self.predicted)
        ]

    def failure(self) -> str | None:
        """Why the task fails; None where it does not."""
        failed = [item.failure for item in self.items if item.failure]
        if not failed:
            return None
        more = f" ({len(failed)} of {len(self.items)} services failed, see results)" if len(self.items) > 1 else ""
        return f"{failed[0]}{more}"

    def warn(self, item: Item, text: str) -> None:
        """Keep a warning with its service, and for the job log."""
        item.warnings.append(text)
        self.warnings.append(f"{item.describe()}: {text}")

    def warn_all(self, items: Sequence[Item], text: str) -> None:
        """Keep a warning with each of its services, and once for the job log."""
        for item in items:
            item.warnings.append(text)
        more = f" and {len(items) - 1} more" if len(items) > 1 else ""
        self.warnings.append(f"{items[0].describe()}{more}: {text}")


def run(client: Client, task: Task, result: Result) -> None:
    """Do the task; what becomes known goes into *result*. Raises ClusterError where nothing can be known."""
    _Run(client, task, result).go()


class _Run:
    """One task on one cluster, step by step."""

    def __init__(self, client: Client, task: Task, result: Result) -> None:
        self.client = client
        self.task = task
        self.result = result
        self.items = [Item(entry, namespace) for entry in task.entries for namespace in entry.namespaces]
        result.items = self.items
        present = (item.namespace for item in self.items if item.entry.present)
        self._runtimes = KnownRuntimes(
            client, present, workers=task.settings.workers, on_forbidden=self._tell_forbidden
        )

    def go(self) -> None:
        self._plan()
        self._warn()
        changes = [item.change for item in self.items if item.change]
        if self.task.check_mode:
            reconcile.Rehearsal(self.client, self.task.settings, check_mode=True).send(changes)
            self.result.predicted = True
            self._tell_unconfirmed()
            return
        reconcile.carry_out(self.client, changes, self.task.settings)
        self._wait()
        self._verify()

    # -- planning ---------------------------------------------------------------------------------------------

    def _plan(self) -> None:
        asked = [Wanted(rollout.INFERENCE_SERVICE, item.entry.name, item.namespace, None) for item in self.items]
        live = reconcile.read(self.client, asked, workers=self.task.settings.workers)
        for item, place in zip(self.items, asked, strict=True):
            item.change = self._planned(item, place, live)

    def _planned(self, item: Item, place: Wanted, live: Live) -> Change:
        if not item.entry.present:
            return self._plan_one(place, live)
        body = _body(item.entry, item.namespace)
        framework = service.previous_schema(body)
        if framework:
            self.result.warn(item, f"predictor.{framework} is the previous schema: write predictor.model instead")
        body = service.as_stored(body, self.version if _version_matters(body) else versions.DEFAULT)
        wanted = Wanted(place.resource, place.name, place.namespace, body)
        if not item.entry.pin or service.named_runtime(body) or not body["spec"]["predictor"].get("model"):
            return self._plan_one(wanted, live)
        return self._pinned(item, wanted, live)

    def _plan_one(self, wanted: Wanted, live: Live) -> Change:
        return reconcile.plan([wanted], live, self.task.settings)[0]

    def _pinned(self, item: Item, wanted: Wanted, live: Live) -> Change:
        """Name the runtime that would be chosen; one that was named before is replaced when it serves no more."""
        body = wanted.body or {}
        before = service.named_runtime(live.get(wanted) or {})
        if before:
            kept = self._plan_one(self._named(wanted, before), live)
            item.choice = self._choose(kept.wanted.body or {})
            if item.choice is None or item.choice.selected:
                return kept
        choice = self._choose(body)
        if choice and (before or not choice.selected):
            self._tell_version()  # the warnings below are by its rules
        chosen = choice.selected.name if choice and choice.selected else None
        if before:
            gone = f"the runtime {before} that it was pinned to does not serve it any more"
            if chosen is None:
                self.result.warn(item, f"{gone}, and no other would be chosen, so that it stays pinned")
                return kept
            self.result.warn(item, f"{gone}, so that it is pinned to {chosen} now")
        item.choice = choice
        if chosen is None:
            self.result.warn(item, "no runtime is pinned, since none is known that would be chosen")
            return self._plan_one(wanted, live)
        return self._plan_one(self._named(wanted, chosen), live)

    def _named(self, wanted: Wanted, runtime: str) -> Wanted:
        return Wanted(wanted.resource, wanted.name, wanted.namespace, service.pinned(wanted.body or {}, runtime))

    # -- selection --------------------------------------------------------------------------------------------

    @functools.cached_property
    def deciding(self) -> control_plane.Version:
        """The KServe whose rules apply; the cluster is asked for it at most once."""
        return control_plane.deciding(self.client, self.task.kserve_version)

    @property
    def version(self) -> str:
        return self.deciding.number

    def _tell_version(self) -> None:
        """An assumed version is told, once, where its rules decide what is written or said."""
        if self.deciding.warning and self.deciding.warning not in self.result.warnings:
            self.result.warnings.append(self.deciding.warning)

    def _choose(self, body: Mapping[str, Any]) -> selection.Choice | None:
        """What KServe would choose of the runtimes as they were read; None where they may not be read."""
        runtimes = self._runtimes.known()
        return None if runtimes is None else selection.choose(body, runtimes, self.version)

    def _select_now(self, live: Mapping[str, Any]) -> Object | None:
        """What KServe would choose of the runtimes that there are now; None where they cannot be read."""
        runtimes = self._runtimes.now()
        if runtimes is None:
            return None
        self._tell_version()
        return selection.choose(live, runtimes, self.version).plain()

    def _tell_forbidden(self, error: errors.Forbidden) -> None:
        self.result.warnings.append(f"Whether KServe will find a runtime is not known: {error}")

    def _warn(self) -> None:
        """Say beforehand where KServe will find no runtime, or takes one by chance."""
        for item in self.items:
            change = item.change
            if change is None or not change.wanted.body or not change.writes or change.error:
                continue
            item.choice = self._choose(change.wanted.body)
            if item.choice or _version_matters(change.wanted.body):
                self._tell_version()
            text = _doubt(item.choice) if item.choice else None
            if text:
                self.result.warn(item, text)

    # -- writing and after ------------------------------------------------------------------------------------

    def _tell_unconfirmed(self) -> None:
        for item in self.items:
            change = item.change
            if change is None or change.confirmed or not change.writes:
                continue
            missing = isinstance(change.error, errors.NotFound) and change.error.details.get("kind") == "namespaces"
            if missing:
                change.error = None
                self.result.warn(item, f"unconfirmed: the namespace {item.namespace} does not exist yet.")
            elif change.error is None:
                self.result.warn(item, "unconfirmed: the right to try it with dryRun=All lacks.")

    def _wait(self) -> None:
        waited = [
            item
            for item in self.items
            if item.change and not item.change.error and (self.task.wait or item.entry.sample) and _worth_waiting(item)
        ]
        if not waited:
            return
        waiter = rollout.Waiter(self.client, select=self._select_now, workers=self.task.settings.workers)
        targets = [_target(item) for item in waited]
        for item, outcome in zip(waited, waiter.wait(targets, self.task.wait_timeout), strict=True):
            item.outcome = outcome
        self._tell_doubts(waited)
        self._diagnose([item for item in waited if item.outcome and not item.outcome.ok and item.entry.present])

    def _tell_doubts(self, waited: Sequence[Item]) -> None:
        doubtful: dict[str, list[Item]] = {}
        for item in waited:
            for text in item.outcome.doubts if item.outcome else ():
                doubtful.setdefault(text, []).append(item)
        for text, items in doubtful.items():
            self.result.warn_all(items, text)

    def _diagnose(self, failed: Sequence[Item]) -> None:
        """Add what the doctor finds to services that did not become ready."""
        if not failed:
            return
        from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import (  # large: only where needed
            collect,
            diagnose,
        )

        try:
            snapshot = collect.collect(
                self.client,
                namespaces={item.namespace for item in failed},
                names={item.entry.name for item in failed},
                probe="unhealthy",
                dry_run=False,
            )
        except errors.ClusterError as error:
            self.result.warnings.append(f"No diagnosis: {error}")
            return
        found = diagnose.diagnose(snapshot, names={item.entry.name for item in failed})["findings"]
        for item in failed:
            item.findings = [finding for finding in found if _concerns(finding, item)]

    def _verify(self) -> None:
        asked = []
        for item in self.items:
            if not item.entry.sample or not item.outcome or not item.outcome.service:
                continue
            if item.outcome.state == READY:
                asked.append((item, item.entry.sample, item.outcome.service))
            elif item.outcome.state == STOPPED:
                item.reply = inference.unasked(
                    f"it is {item.outcome.text}, so that no server was asked: take that away, or verify"
                )
        if not asked:
            return
        try:
            self._runtimes.known()  # once, before several services need them at a time
        except errors.ClusterError as error:
            for item, _sample, _live in asked:
                item.reply = inference.unasked(str(error).rstrip("."))
            return
        replies = pool.each(lambda each: self._ask(each[1], each[2]), asked, self.task.settings.workers)
        for (item, _sample, _live), reply in zip(asked, replies, strict=True):
            if reply.error:
                raise reply.error
            item.reply = reply.value

    def _ask(self, sample: inference.Sample, live: Mapping[str, Any]) -> inference.Reply:
        return inference.infer(self.client, live, sample, self._runtime_of(live))

    def _runtime_of(self, live: Mapping[str, Any]) -> Mapping[str, Any] | None:
        used = _runtime_in_use(live)
        named = used["name"] if used else service.named_runtime(live)
        namespace = live["metadata"]["namespace"]
        candidates = [item for item in self._runtimes.known() or () if item["metadata"]["name"] == named]
        return next(
            (item for item in candidates if item["metadata"].get("namespace") == namespace),
            next((item for item in candidates if not item["metadata"].get("namespace")), None),
        )


def _concerns(finding: Mapping[str, Any], item: Item) -> bool:
    return any(
        ref["kind"] == kinds.INFERENCE_SERVICE[1]
        and (ref["namespace"], ref["name"]) == (item.namespace, item.entry.name)
        for ref in finding["affects"]
    )


def _version_matters(body: Mapping[str, Any]) -> bool:
    """Whether what the webhook stores of a service depends on KServe's version."""
    return kinds.ANNOTATION_DEPLOYMENT_MODE in (body["metadata"].get("annotations") or {})


def _doubt(choice: selection.Choice) -> str | None:
    """What is doubtful about KServe's choice of a runtime, as things are now."""
    if choice.failure:
        return f"KServe finds no runtime for it now: {choice.plain()['explanation']}"
    tie = explaining.tie(choice)
    return f"the choice of a runtime is a tie: {tie}: name one, or set pin_runtime" if tie else None


def _worth_waiting(item: Item) -> bool:
    return item.entry.present or bool(item.change and item.change.before is not None)


def _target(item: Item) -> rollout.Target:
    change = item.change
    written = change.after if change and change.alters_content else None
    return rollout.Target(item.namespace, item.entry.name, absent=not item.entry.present, written=written)
