# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work of serving_runtime: wanted objects -> checked -> planned -> rehearsed -> carried out -> result.

Check mode and a real run share everything but the writes, so that what check mode says is what happens; what it cannot
know it calls unconfirmed. Nothing is written before every check of the whole task has passed; from then on a failure
stays with its object.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, ownership, reconcile
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.reconcile import Change, Live, Wanted
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import NAMESPACE, Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds, spec
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import control_plane, shown
from ansible_collections.modelserving.kserve.plugins.module_utils.operations.known_runtimes import if_served
from ansible_collections.modelserving.kserve.plugins.module_utils.operations.runtime_entries import Entry

SERVING_RUNTIME = Resource(*kinds.SERVING_RUNTIME)
CLUSTER_SERVING_RUNTIME = Resource(*kinds.CLUSTER_SERVING_RUNTIME)
INFERENCE_SERVICE = Resource(*kinds.INFERENCE_SERVICE)

# seconds in which a webhook's cache has surely seen a write
LAG = 10.0

Object = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """What the module was asked to do.

    kserve_version: None to find it on the cluster; namespaces: None for cluster scope, or where *selector* (a label
    selector of namespaces) says which; force: delete runtimes that are in use; crd_timeout: seconds to wait until the
    cluster serves the kind.
    """

    entries: Sequence[Entry]
    settings: reconcile.Settings
    kserve_version: str | None = None
    cluster_scope: bool = False
    namespaces: Sequence[str] | None = None
    selector: str | None = None
    present: bool = True
    force: bool = False
    crd_timeout: float = 0.0
    check_mode: bool = False

    @property
    def resource(self) -> Resource:
        """The kind that is written."""
        return CLUSTER_SERVING_RUNTIME if self.cluster_scope else SERVING_RUNTIME


_UNKNOWN: Mapping[str, None] = {"moves": None, "restarts": None}


@dataclass
class Outcome:
    """The module's result as it grows: what is known is returned, failure or not.

    with_diff: whether the results tell what differs; twice a thousand objects take a playbook seconds to digest.
    objects: which results show their object: all, changed or none.
    changes: the plan, of which only what was written counts as done; predicted: all of it counts, since check mode has
    rehearsed it. affected: null lists as long as it is not known.
    """

    with_diff: bool = False
    objects: str = "all"
    changes: list[Change] = field(default_factory=list)
    predicted: bool = False
    affected: Object = field(default_factory=lambda: dict(_UNKNOWN))
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: dict[int, list[str]] = field(default_factory=dict)  # warnings of single changes, by their place

    def plain(self) -> Object:
        """The module's result."""
        return {
            "changed": any(change.done(predicted=self.predicted) for change in self.changes),
            "results": [self._result(index, change) for index, change in enumerate(self.changes)],
            "affected": self.affected,
            **({"errors": self.errors} if self.errors else {}),
        }

    def _result(self, index: int, change: Change) -> Object:
        done = change.done(predicted=self.predicted)
        now = change.now(predicted=self.predicted)
        return {
            "name": change.wanted.name,
            "namespace": change.wanted.namespace,
            "kind": change.wanted.resource.kind,
            "action": change.action,
            "changed": done,
            "adopted": change.adopted and done,
            "confirmed": change.confirmed,
            "object": shown.shown(now) if self._shows(change) else None,
            "diff": shown.diff(change.diff()) if done and self.with_diff else {},
            "error": str(change.error) if change.error else None,
            "warnings": self.notes.get(index, []),
        }

    def _shows(self, change: Change) -> bool:
        return self.objects == "all" or (self.objects == "changed" and change.writes)

    def diff(self) -> list[Object]:
        """What --diff prints: each object that changes, in order."""
        return [
            {
                **shown.diff(change.diff()),
                "before_header": f"{change.wanted.describe()} (before)",
                "after_header": f"{change.wanted.describe()} (after)",
            }
            for change in self.changes
            if change.done(predicted=self.predicted)
        ]

    def failure(self) -> str | None:
        """Why the task fails, None where it does not."""
        if self.errors:
            return self.errors[0] if len(self.errors) == 1 else f"{len(self.errors)} errors: " + " ".join(self.errors)
        failed = [change.error for change in self.changes if change.error]
        if not failed:
            return None
        more = f" ({len(failed)} of {len(self.changes)} objects failed, see results)" if len(self.changes) > 1 else ""
        return f"{failed[0]}{more}"


class _Stop(Exception):
    """The outcome's errors say why nothing is written."""


def run(connect: Callable[[], Client], task: Task, outcome: Outcome) -> None:
    """Do the task; what becomes known goes into *outcome*. Raises ClusterError where nothing can be known."""
    try:
        _refuse([error for entry in task.entries for error in entry.errors], outcome)
        _Run(connect(), task, outcome).go()
    except _Stop:
        return


def _refuse(found: Sequence[str], outcome: Outcome) -> None:
    outcome.errors += found
    if outcome.errors:
        raise _Stop


class _Run:
    """One task on one cluster, step by step."""

    def __init__(self, client: Client, task: Task, outcome: Outcome) -> None:
        self.client = client
        self.task = task
        self.outcome = outcome
        self.live = Live()
        self.later: list[list[int]] = []  # places of changes that have to wait for others, turn by turn

    @property
    def changes(self) -> list[Change]:
        return self.outcome.changes

    @functools.cached_property
    def deciding(self) -> control_plane.Version:
        """The KServe whose rules apply; the cluster is asked for it at most once, and only if something is written."""
        return control_plane.deciding(self.client, self.task.kserve_version)

    @property
    def version(self) -> str:
        return self.deciding.number

    def go(self) -> None:
        task = self.task
        wanted = self._wanted()
        if not wanted:
            self._nobody_affected()
            return
        self.live = self._read(wanted)
        self.outcome.changes = reconcile.plan(wanted, self.live, task.settings)
        self._note_warnings()
        if task.present:
            self._ask_the_webhooks_rules()
        if not any(change.writes for change in self.changes):
            self._nobody_affected()
            return
        surroundings = self._surroundings()
        if not task.present:
            self._refuse_used(surroundings)
        self._rehearse()
        self._carry_out()
        try:
            self._tell_affected(surroundings)
        except SpecError as error:
            self._affected_unknown(str(error))
        except Exception as error:  # by now things are written: what became of them must be told whatever fails here
            self._affected_unknown(f"{type(error).__name__}: {error}")

    # -- what is wanted, what is there ----------------------------------------------------------------------------

    def _wanted(self) -> list[Wanted]:
        namespaces = self._namespaces()
        if not namespaces:
            where = f"matches {self.task.selector!r}" if self.task.selector else "is given"
            self.outcome.warnings.append(f"No namespace {where}: nothing was done.")
        return [self._object(entry, namespace) for entry in self.task.entries for namespace in namespaces]

    def _namespaces(self) -> Sequence[str | None]:
        if self.task.cluster_scope:
            return [None]
        if self.task.selector is None:
            return list(dict.fromkeys(self.task.namespaces or ()))
        found = self.client.list(NAMESPACE, label_selector=self.task.selector)
        return sorted(item["metadata"]["name"] for item in found if not item["metadata"].get("deletionTimestamp"))

    def _object(self, entry: Entry, namespace: str | None) -> Wanted:
        body = None
        if self.task.present:
            place = {"namespace": namespace} if namespace else {}
            body = {**entry.body, "metadata": {**entry.body["metadata"], **place}}
        return Wanted(self.task.resource, entry.name, namespace, body)

    def _read(self, wanted: Sequence[Wanted]) -> Live:
        return reconcile.patiently(
            lambda: reconcile.read(self.client, wanted, whole=True, workers=self.task.settings.workers),
            self.task.crd_timeout,
            while_=errors.ApiMissing,
        )

    def _note_warnings(self) -> None:
        """Warnings of a runtime are told once, and returned with each of its objects."""
        for entry in self.task.entries:
            self.outcome.warnings += [f"{entry.name}: {text}" for text in entry.warnings]
        by_name = {entry.name: entry.warnings for entry in self.task.entries if entry.warnings}
        for index, change in enumerate(self.changes):
            if change.wanted.name in by_name:
                self._note(index, *by_name[change.wanted.name])

    def _note(self, index: int, *texts: str) -> None:
        self.outcome.notes.setdefault(index, []).extend(texts)

    # -- checks ---------------------------------------------------------------------------------------------------

    def _ask_the_webhooks_rules(self) -> None:
        """Refuse what KServe's webhook would refuse, and find the order in which it admits the rest."""
        places = [index for index, change in enumerate(self.changes) if change.writes]
        if not places:
            return
        from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import turns  # only where written

        bodies = [self.changes[index].wanted.body or {} for index in places]
        found = turns.turns(bodies, self.live.of(self.task.resource), self.version)
        refused = []
        for index, turn in zip(places, found, strict=True):
            change = self.changes[index]
            refused += [f"{change.wanted.describe()}: {text}" for text in turn.errors]
        self._refuse_by_rules(refused)
        last = max(turn.number for turn in found)
        self.later = [
            [index for index, turn in zip(places, found, strict=True) if turn.number == number]
            for number in range(1, last + 1)
        ]

    def _refuse_by_rules(self, refused: Sequence[str]) -> None:
        """An assumed version is told where something is refused by its rules."""
        if refused and self.deciding.warning:
            self.outcome.warnings.append(self.deciding.warning)
        _refuse(refused, self.outcome)

    def _refuse_used(self, surroundings: _Surroundings) -> None:
        """Deleting a runtime that services use breaks them at their next reconcile."""
        if surroundings.unseen and not self.task.force:
            _refuse([f"Whether services use the runtimes is not known: {surroundings.unseen}"], self.outcome)
        if not surroundings.services:
            return
        from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import affected

        gone = [(change, change.before) for change in self.changes if change.writes and change.before]
        before = [live for _change, live in gone]
        try:
            found = affected.users(surroundings.services, before, surroundings.before, self.version)
        except SpecError as error:  # a runtime that no schema lets through: force is the way to be rid of it
            if not self.task.force:
                _refuse(
                    [f"Whether services use the runtimes is not known: {error}; use force to delete them."],
                    self.outcome,
                )
            return
        refused = [
            f"{_in_use(change, users)}: move them to another runtime, or use force to delete it."
            for (change, _live), users in zip(gone, found, strict=True)
            if users
        ]
        if self.task.force:
            self.outcome.warnings += [text.partition(": move them")[0] + "." for text in refused]
        else:
            _refuse(refused, self.outcome)

    # -- writing --------------------------------------------------------------------------------------------------

    def _rehearse(self) -> None:
        """One of each body, so that the schema's refusals come before any write; in check mode the others too.

        What stands against a body as a whole stops the task; what refuses one object (a quota or a policy of its
        namespace) stays with it, as it does where it is written. An object that has to wait for others may be refused
        by KServe's webhook now; its schema has spoken before.
        """
        waiting = {index for turn in self.later for index in turn}
        later = [self.changes[index] for index in sorted(waiting)]
        at_once = [change for index, change in enumerate(self.changes) if index not in waiting]
        keys = {change.wanted.key for change in later}
        rehearsal = reconcile.Rehearsal(
            self.client,
            self.task.settings,
            check_mode=self.task.check_mode,
            premature=lambda change, error: change.wanted.key in keys and _by_kserve(error),
        )
        if self.task.check_mode:
            rehearsal.send(at_once)
        _refuse([str(error) for error in rehearsal.refused([*at_once, *later])], self.outcome)
        if self.task.check_mode:
            self._tell_unconfirmed(waiting)
            self.outcome.predicted = True

    def _tell_unconfirmed(self, waiting: set[int]) -> None:
        for index, change in enumerate(self.changes):
            if change.confirmed or not change.writes:
                continue
            missing = isinstance(change.error, errors.NotFound) and change.error.details.get("kind") == "namespaces"
            if change.error and not missing:
                continue
            why = "the right to try it with dryRun=All lacks"
            if missing:
                change.error = None
                why = (
                    f"the namespace {change.wanted.namespace} does not exist yet, and the real run fails unless "
                    "something creates it before"
                )
            elif index in waiting:
                why = "it can be written only after other runtimes of this task"
            text = f"{change.wanted.describe()} is unconfirmed: {why}."
            self.outcome.warnings.append(text)
            self._note(index, text)

    def _carry_out(self) -> None:
        if self.task.check_mode:
            return
        waiting = {index for turn in self.later for index in turn}
        first = [index for index in range(len(self.changes)) if index not in waiting]
        for number, places in enumerate((first, *self.later)):
            changes = [self.changes[index] for index in places]
            # KServe's webhook looks at a cache, which may not have seen the turn before yet
            reconcile.carry_out(self.client, changes, self.task.settings, lag=LAG if number else 0.0)

    # -- who is affected ------------------------------------------------------------------------------------------

    def _surroundings(self) -> _Surroundings:
        """The services and the runtimes of both kinds that the changes can concern, as they are before them."""
        touched = list(dict.fromkeys(c.wanted.namespace for c in self.changes if c.action in _ALTERING))
        if not touched:
            return _Surroundings()
        try:
            services = self._services(touched)
            if not services:
                return _Surroundings()
            other = SERVING_RUNTIME if self.task.cluster_scope else CLUSTER_SERVING_RUNTIME
            before = [*self.live.of(self.task.resource), *if_served(self.client, other)]
        except errors.Forbidden as error:
            return _Surroundings(unseen=str(error))
        return _Surroundings(services, before)

    def _services(self, touched: list[str | None]) -> list[Object]:
        """The services of the namespaces *touched*; of all where a cluster runtime is."""
        workers = self.task.settings.workers
        try:
            found = reconcile.list_in(self.client, INFERENCE_SERVICE, touched, workers=workers)
        except errors.ApiMissing:
            return []
        return [item for item in found if touched == [None] or item["metadata"]["namespace"] in touched]

    def _tell_affected(self, surroundings: _Surroundings) -> None:
        if surroundings.unseen:
            self._affected_unknown(surroundings.unseen)
            return
        if not surroundings.services or not any(change.alters_content for change in self.changes):
            self._nobody_affected()
            return
        from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import affected

        services, before, version = surroundings.services, surroundings.before, self.version
        after = list(_after(before, self.changes))
        self.outcome.affected = {
            "moves": affected.moves(services, before, after, version),
            "restarts": affected.restarts(services, before, after, version),
        }

    def _nobody_affected(self) -> None:
        self.outcome.affected = {"moves": [], "restarts": []}

    def _affected_unknown(self, why: str) -> None:
        self.outcome.warnings.append(f"Which services are affected is not known: {why}")
        self.outcome.affected = dict(_UNKNOWN)


@dataclass(frozen=True)
class _Surroundings:
    services: list[Object] = field(default_factory=list)
    before: list[Object] = field(default_factory=list)
    unseen: str | None = None


_ALTERING = (ownership.CREATE, ownership.CHANGE, reconcile.DELETE)

# what the names of all of KServe's webhooks hold: config/webhook/manifests.yaml
_KSERVES_WEBHOOKS = "kserve-webhook-server"


def _by_kserve(error: errors.ClusterError) -> bool:
    return isinstance(error, errors.Denied) and _KSERVES_WEBHOOKS in error.webhook


def _after(before: Iterable[Object], changes: Iterable[Change]) -> Iterable[Object]:
    """The runtimes once the changes are made; a new one is the newest, which counts in KServe's order."""
    altered = {change.wanted.key: change for change in changes if change.alters_content}
    for item in before:
        metadata = item["metadata"]
        resource = SERVING_RUNTIME if item["kind"] == SERVING_RUNTIME.kind else CLUSTER_SERVING_RUNTIME
        if (resource, metadata.get("namespace"), metadata["name"]) not in altered:
            yield item
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    for change in altered.values():
        if change.after is not None:
            created = change.after["metadata"].get("creationTimestamp") or now
            yield {**change.after, "metadata": {**change.after["metadata"], "creationTimestamp": created}}


def _in_use(change: Change, users: Sequence[Mapping[str, str]], shown: int = 10) -> str:
    names = [f"{user['namespace']}/{user['name']}" for user in users]
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    plural = "s" if len(names) > 1 else ""
    return f"{change.wanted.describe()} is used by the InferenceService{plural} {', '.join(names[:shown])}{more}"


_WHERE = ("namespace", "namespaces", "namespace_selector")


def task_of(params: Mapping[str, Any], entries: Sequence[Entry], *, check_mode: bool) -> Task:
    """The module's parameters, checked. Raises SpecError."""
    cluster_scope = params["scope"] == "cluster"
    given = [name for name in _WHERE if params.get(name) is not None]
    if cluster_scope and given:
        raise SpecError(given[0], "has no meaning with scope: cluster: leave it out")
    if not cluster_scope and not given:
        raise SpecError("namespace", "is required (or namespaces, namespace_selector, or scope: cluster)")
    return Task(
        entries=entries,
        settings=reconcile.Settings(
            manager=kinds.FIELD_MANAGER,
            force_conflicts=params["force_conflicts"],
            workers=params["workers"],
            webhook_timeout=params["webhook_timeout"],
        ),
        kserve_version=params["kserve_version"],
        cluster_scope=cluster_scope,
        namespaces=_names(params),
        selector=_selector(params.get("namespace_selector")),
        present=params["state"] == "present",
        force=params["force"],
        crd_timeout=params["crd_timeout"],
        check_mode=check_mode,
    )


def _names(params: Mapping[str, Any]) -> list[str] | None:
    """The namespaces that are named, None where none of the two options is given."""
    one, several = params.get("namespace"), params.get("namespaces")
    if one is not None:
        return [spec.namespace_name(one, "namespace")]
    if several is None:
        return None
    return [spec.namespace_name(name, f"namespaces[{index}]") for index, name in enumerate(several)]


def _selector(text: str | None) -> str | None:
    """A label selector; an empty one would mean every namespace, the control plane's too."""
    if text is None or text.strip():
        return text
    raise SpecError(
        "namespace_selector",
        "is empty, which would mean every namespace: write a label selector such as team=fraud, "
        "or kubernetes.io/metadata.name to mean them all",
    )
