# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From wanted objects to a cluster that has them: read, plan, rehearse, carry out.

A caller that needs nothing in between::

    wanted = [Wanted(resource, name, namespace, body)]
    changes = reconcile.ensure(client, wanted, Settings(manager="me"), check_mode=True)

A caller that checks the plan against rules of its own takes the steps one by one; check mode and a real run share all
of them but the last::

    live = reconcile.read(client, wanted, whole=True)      # one list per kind and scope
    changes = reconcile.plan(wanted, live, settings)       # pure
    rehearsal = reconcile.Rehearsal(client, settings, check_mode=check_mode)
    if check_mode:
        rehearsal.send(changes)
    if not rehearsal.refused(changes) and not check_mode:  # bodies that no object can have
        reconcile.carry_out(client, changes, settings)

Changes keep the order of *wanted*, and a ClusterError stays with the object it stopped (``Change.error``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, ownership, pool
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.ownership import (
    ADOPT,
    CHANGE,
    CREATE,
    UNCHANGED,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource

DELETE = "delete"
ABSENT = "absent"

WORKERS = 8
PAUSE = 1.0

Object = dict[str, Any]
Key: TypeAlias = "tuple[Resource, str | None, str]"
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Settings:
    """How to write.

    manager: the field manager's name; force_conflicts: take over fields that other managers set to something else;
    workers: requests at a time; webhook_timeout: seconds to go on trying while an admission webhook does not answer.
    """

    manager: str
    force_conflicts: bool = False
    workers: int = WORKERS
    webhook_timeout: float = 0.0


@dataclass(frozen=True)
class Wanted:
    """One object that shall be as *body* says, or shall not be there (None). namespace: None for cluster scope."""

    resource: Resource
    name: str
    namespace: str | None
    body: Object | None

    @property
    def key(self) -> Key:
        """What tells one object from another."""
        return self.resource, self.namespace, self.name

    def describe(self) -> str:
        """The object in words."""
        return self.resource.describe(self.name, self.namespace)


@dataclass
class Change:
    """What one wanted object needs, and what became of it.

    action: create, change, adopt (only the record of ownership changes), unchanged, delete or absent;
    before, after: the live object then and now (in check mode: as it would be), with managedFields; None: not there;
    confirmed: whether the API server agreed, by a dry run or by doing it; written: whether by doing it;
    error: why it could not be.
    """

    wanted: Wanted
    action: str
    before: Object | None
    after: Object | None
    manager: str
    confirmed: bool = False
    written: bool = False
    error: errors.ClusterError | None = None

    @property
    def writes(self) -> bool:
        """Whether a request has to be sent."""
        return self.action not in (UNCHANGED, ABSENT)

    @property
    def changed(self) -> bool:
        """Whether the object changes, or who owns its fields."""
        return self.writes and self.error is None

    @property
    def adopted(self) -> bool:
        """Whether an object that was already as wanted became ours."""
        return self.action == ADOPT and self.error is None

    @property
    def alters_content(self) -> bool:
        """Whether the object's content changes, and not only its record of owners."""
        return self.action in (CREATE, CHANGE, DELETE) and self.error is None

    def done(self, *, predicted: bool) -> bool:
        """Whether it changed in this run; *predicted*: or would in a real one, since check mode has rehearsed it."""
        return self.changed and (self.written or predicted)

    def now(self, *, predicted: bool) -> Object | None:
        """The live object as this run leaves it, or with *predicted* as a real one would; None: not there."""
        return self.after if self.done(predicted=predicted) or not self.writes else self.before

    def diff(self) -> dict[str, Any]:
        """What the task speaks of, before and after; empty mappings for what is not there."""
        if self.wanted.body is None:
            return {"before": ownership.as_written(self.before), "after": {}}
        before, after = ownership.asked_for(self.wanted.body, self.before, self.after, self.manager)
        return {"before": before or {}, "after": after or {}}


@dataclass
class Live:
    """What the cluster held when it was read."""

    objects: dict[Key, Object] = field(default_factory=dict)

    def get(self, wanted: Wanted) -> Object | None:
        """The live object that *wanted* names."""
        return self.objects.get(wanted.key)

    def of(self, resource: Resource) -> list[Object]:
        """Everything that was read of a kind."""
        return [item for (kind, _namespace, _name), item in self.objects.items() if kind == resource]

    def add(self, resource: Resource, items: Iterable[Object]) -> None:
        """Remember what a list or a get answered."""
        for item in items:
            metadata = item["metadata"]
            self.objects[resource, metadata.get("namespace"), metadata["name"]] = item


# -- reading ----------------------------------------------------------------------------------------------------


def read(client: Client, wanted: Sequence[Wanted], *, whole: bool = False, workers: int = WORKERS) -> Live:
    """What is there: one list per kind and scope (a namespace, or all where several are wanted).

    A single object of a kind is read alone, unless the *whole* scope is asked for. Where the right to list all
    namespaces lacks, each namespace is listed. Raises ClusterError: what cannot be read is not known to be absent.
    """
    live = Live()
    for resource in dict.fromkeys(item.resource for item in wanted):
        of_kind = [item for item in wanted if item.resource == resource]
        if len(of_kind) == 1 and not whole:
            found = client.get(resource, of_kind[0].name, of_kind[0].namespace)
            live.add(resource, [found] if found else [])
        else:
            namespaces = list(dict.fromkeys(item.namespace for item in of_kind))
            live.add(resource, list_in(client, resource, namespaces, workers=workers))
    return live


def list_in(
    client: Client, resource: Resource, namespaces: Sequence[str | None], *, workers: int = WORKERS
) -> list[Object]:
    """The objects of at least these namespaces: one list, or one for each where listing all of them is forbidden."""
    if len(namespaces) == 1:
        return client.list(resource, namespaces[0])
    try:
        return client.list(resource)
    except errors.Forbidden:
        answers = pool.each(lambda namespace: client.list(resource, namespace), namespaces, workers)
    for answer in answers:
        if answer.error:
            raise answer.error
    return [item for answer in answers for item in answer.value or []]


# -- planning ---------------------------------------------------------------------------------------------------


def plan(wanted: Sequence[Wanted], live: Live, settings: Settings) -> list[Change]:
    """What each object needs, in order. Sends nothing."""
    return [_planned(item, live.get(item), settings.manager) for item in wanted]


def _planned(wanted: Wanted, live: Object | None, manager: str) -> Change:
    if wanted.body is None:
        action = DELETE if live else ABSENT
        return Change(wanted, action, live, None, manager, confirmed=action == ABSENT)
    action = ownership.decide(wanted.body, live, manager)
    if action == UNCHANGED:
        return Change(wanted, action, live, live, manager, confirmed=True)
    change = Change(wanted, action, live, ownership.predict(wanted.body, live, manager), manager)
    if live and live["metadata"].get("deletionTimestamp"):
        change.error = errors.Conflict(
            f"Cannot apply {wanted.describe()}: it is being deleted: run the task again when it is gone."
        )
    return change


# -- rehearsing -------------------------------------------------------------------------------------------------


# What holds for every object of a body: its schema refuses it, or nobody answers.
_HOLDS_FOR_ALL = (errors.Invalid, errors.WebhookUnavailable, errors.Unreachable, errors.Unauthorized)


def _never(_change: Change, _error: errors.ClusterError) -> bool:
    return False


class Rehearsal:
    """Dry runs of a task's changes: each becomes what the server answers, and nothing is written.

    check_mode: a dry run that is forbidden leaves its change unconfirmed; before a real run it is the change's error,
    since the write would say the same. premature: tells a refusal that is expected as long as others are not written
    yet; it leaves the change unconfirmed too.
    """

    def __init__(
        self,
        client: Client,
        settings: Settings,
        *,
        check_mode: bool,
        premature: Callable[[Change, errors.ClusterError], bool] = _never,
    ) -> None:
        self._batch = _Batch(client, settings, dry_run=True)
        self._workers = settings.workers
        self._check_mode = check_mode
        self._premature = premature
        self._answers: dict[Key, errors.ClusterError | None] = {}

    def send(self, changes: Iterable[Change]) -> None:
        """Try each change that would write and was not tried yet."""
        todo = [change for change in changes if change.writes and not change.error and not self._heard(change)]
        for change, answer in zip(todo, pool.each(self._batch.send, todo, self._workers), strict=True):
            self._answers[change.wanted.key] = answer.error
            if answer.error is None:
                _settle(change, answer.value)
            elif not self._leaves_open(change, answer.error):
                change.error = answer.error

    def refused(self, changes: Iterable[Change]) -> list[errors.ClusterError]:
        """What stands against whole bodies, an error for each.

        A body is known to be good when one object with it passes, and to be bad when its schema refuses it. Any other
        answer speaks of one object (its namespace lacks, or a quota or a policy of it refuses): then the next ones of
        that body are tried, in order. A body that all of them are denied is refused too. So where all goes well this
        costs a request for each different body, however many namespaces there are.
        """
        bodies = _by_body(changes)
        open_, width = bodies, 1
        while open_:
            self.send(change for body in open_ for change in self._untried(body)[:width])
            open_ = [body for body in open_ if self._untried(body) and self._decisive(body) is None]
            width = self._workers
        return [error for error in map(self._against, bodies) if error]

    def _heard(self, change: Change) -> bool:
        return change.wanted.key in self._answers

    def _leaves_open(self, change: Change, error: errors.ClusterError) -> bool:
        forbidden = self._check_mode and isinstance(error, errors.Forbidden)
        return forbidden or self._premature(change, error)

    def _untried(self, body: Sequence[Change]) -> list[Change]:
        return [change for change in body if not change.error and not self._heard(change)]

    def _decisive(self, body: Sequence[Change]) -> Change | None:
        """The first whose answer holds for the body, so that the order of the answers does not count."""
        return next((change for change in body if self._heard(change) and self._decides(change)), None)

    def _decides(self, change: Change) -> bool:
        error = self._answers[change.wanted.key]
        return error is None or isinstance(error, _HOLDS_FOR_ALL) or self._premature(change, error)

    def _against(self, body: Sequence[Change]) -> errors.ClusterError | None:
        decisive = self._decisive(body)
        if decisive:
            return decisive.error
        all_denied = all(isinstance(change.error, errors.Denied) for change in body)
        return body[0].error if all_denied else None


def _by_body(changes: Iterable[Change]) -> list[list[Change]]:
    """The changes that would write an object, those with the same body together."""
    bodies: dict[tuple[Resource, str], list[Change]] = {}
    for change in changes:
        if change.writes and change.wanted.body is not None:
            content = ownership.fields_of(change.wanted.body)
            bodies.setdefault((change.wanted.resource, json.dumps(content, sort_keys=True)), []).append(change)
    return list(bodies.values())


# -- carrying out -----------------------------------------------------------------------------------------------


def carry_out(client: Client, changes: Sequence[Change], settings: Settings, *, lag: float = 0.0) -> None:
    """Write what has to be written, a bounded number at a time; one failure does not hide the others.

    lag: seconds to go on trying where a webhook refuses, because its view of what was written before may be old.
    Each change says at once what became of it, so that a defect with one does not lose what is known of the others.
    """
    todo = [change for change in changes if change.writes and not change.error]
    batch = _Batch(client, settings, dry_run=False, lag=lag)

    def write(change: Change) -> None:
        change.error = errors.ClusterError(f"Whether {change.wanted.describe()} was written is not known.")
        try:
            answer = batch.send(change)
        except errors.ClusterError as error:
            change.error = error
            return
        change.error = None
        change.written = True
        _settle(change, answer)

    pool.each(write, todo, settings.workers)


def ensure(
    client: Client, wanted: Sequence[Wanted], settings: Settings, *, check_mode: bool, whole: bool = False
) -> list[Change]:
    """Read, plan, rehearse in check mode, else carry out."""
    live = read(client, wanted, whole=whole, workers=settings.workers)
    changes = plan(wanted, live, settings)
    if check_mode:
        Rehearsal(client, settings, check_mode=True).send(changes)
    else:
        carry_out(client, changes, settings)
    return changes


_WAITED_OUT = (errors.WebhookUnavailable, errors.Denied)


class _Batch:
    """Requests sent together: they share one deadline for webhooks, and stop at a cluster that cannot be reached.

    Otherwise a thousand objects would wait a thousand times.
    """

    def __init__(self, client: Client, settings: Settings, *, dry_run: bool, lag: float = 0.0) -> None:
        self.client = client
        self.settings = settings
        self.dry_run = dry_run
        self.waited_out = _WAITED_OUT if lag else errors.WebhookUnavailable
        self.deadline = time.monotonic() + max(settings.webhook_timeout, lag)
        self.stopped: errors.ClusterError | None = None

    def send(self, change: Change) -> Object | None:
        if self.stopped:
            raise type(self.stopped)(f"{change.wanted.describe()} was not tried: {self.stopped}")
        try:
            return patiently(
                lambda: _send_once(self.client, change, self.settings, self.dry_run),
                self.deadline - time.monotonic(),
                while_=self.waited_out,
            )
        except (errors.Unreachable, errors.Unauthorized) as error:
            self.stopped = error
            raise


def _send_once(client: Client, change: Change, settings: Settings, dry_run: bool) -> Object | None:
    wanted = change.wanted
    if wanted.body is None:
        uid = ((change.before or {}).get("metadata") or {}).get("uid")
        seen = {"uid": uid} if uid else None  # another object of the same name is not the one that was judged
        return client.delete(wanted.resource, wanted.name, wanted.namespace, preconditions=seen, dry_run=dry_run)
    body = ownership.body_of(wanted.body, change.before)
    return client.apply(
        wanted.resource, body, manager=settings.manager, force=settings.force_conflicts, dry_run=dry_run
    )


def _settle(change: Change, answer: Object | None) -> None:
    """Take over what the server says became of the object."""
    change.confirmed = True
    if change.wanted.body is None or answer is None:
        change.action = DELETE if answer is not None else ABSENT  # gone meanwhile: not our doing
        return
    change.after = answer
    change.action = ownership.outcome(change.wanted.body, change.before, answer, change.manager)


def patiently(
    attempt: Callable[[], Answer],
    timeout: float,
    *,
    while_: type[errors.ClusterError] | tuple[type[errors.ClusterError], ...] = errors.WebhookUnavailable,
    pause: float = PAUSE,
) -> Answer:
    """The first answer of *attempt*; an error of *while_* is waited out, at most *timeout* seconds."""
    end = time.monotonic() + timeout
    while True:
        try:
            return attempt()
        except while_:
            if time.monotonic() + pause > end:
                raise
        time.sleep(pause)
