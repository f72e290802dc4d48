# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for many InferenceServices at once: a few lists a round for each namespace, however many services it holds.

What a state means is kserve/waiting.py's; here are the clock and the requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, pool
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import (
    DEPLOYMENT,
    EVENT,
    POD,
    REPLICASET,
    Resource,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds, waiting
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.waiting import (
    FAILED,
    READY,
    STOPPED,
    WAITING,
    Judgement,
    Observed,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.operations.liveness import Controller

INFERENCE_SERVICE = Resource(*kinds.INFERENCE_SERVICE)

GONE = "gone"
TIMEOUT = "timeout"

# Seconds for which KServe's controller is seen at work before a status counts that a change has not moved.
SETTLE = 5.0
NOT_ACTED = "KServe has not acted on the change"
# Seconds for which the API may not answer before waiting is given up.
PATIENCE = 60.0
# (seconds waited, seconds between two rounds)
PACE = ((0.0, 1.0), (30.0, 2.0), (120.0, 5.0))
EVENTS_EVERY = 4

Object = Mapping[str, Any]
Key = tuple[str, str]


@dataclass
class Target:
    """One service to wait for.

    absent: wait until it is gone; written: the object as the last write left it, None where nothing was written.
    """

    namespace: str
    name: str
    absent: bool = False
    written: Object | None = None

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return self.namespace, self.name


@dataclass
class Outcome:
    """What became of a target.

    state: ready | stopped | gone | failed | timeout; text, remedy: see Judgement; transitions: what was waited for,
    with the second at which it began; service: the object as it was last seen; unseen: the lists that may not be read,
    plural -> why; doubts: sentences on what is not known of the state.
    """

    state: str
    text: str
    remedy: str
    seconds: float
    transitions: list[dict[str, Any]]
    service: Object | None
    unseen: Mapping[str, str] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the target is where it was to be."""
        return self.state in (READY, STOPPED, GONE)

    def plain(self) -> dict[str, Any]:
        """The outcome for a result."""
        return {
            "state": self.state,
            "message": self.text,
            "remedy": self.remedy or None,
            "seconds": self.seconds,
            "transitions": self.transitions,
            "unseen": [
                {"what": plural, "reason": errors.Forbidden.reason, "message": why}
                for plural, why in sorted(self.unseen.items())
            ],
            "doubts": self.doubts,
        }


@dataclass
class Seen:
    """The lists of one namespace; a list that may not be read is None."""

    services: dict[str, Object] = field(default_factory=dict)
    deployments: list[Object] | None = None
    replicasets: list[Object] | None = None
    pods: list[Object] | None = None
    events: list[Object] | None = None

    def observe(self, name: str, selection: Object | None) -> Observed:
        """What belongs to one service."""

        return Observed(
            self.services[name],
            _of(self.deployments, name),
            _of(self.replicasets, name),
            _of(self.pods, name),
            self.events,
            selection,
        )


class Waiter:
    """Waits for targets; ``select`` says which runtime a service would get now (None: not known)."""

    def __init__(
        self,
        client: Client,
        *,
        select: Callable[[Object], Object | None] = lambda service: None,
        workers: int = 8,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.select = select
        self.workers = workers
        self.clock = clock
        self.sleep = sleep
        self._since: dict[Key, tuple[str, float]] = {}
        self._generations: dict[Key, set[str]] = {}
        self._events: dict[str, list[Object] | None] = {}
        self._forbidden: dict[str, dict[str, str]] = {}
        self._controller = Controller(client)
        self._believed: set[Key] = set()
        self._doubts: dict[Key, str] = {}
        self._round = 0

    def wait(self, targets: Sequence[Target], timeout: float) -> list[Outcome]:
        """One outcome for each target, in their order, after *timeout* seconds at most.

        Raises ClusterError where the services cannot be read at all.
        """
        start = self.clock()
        transitions: dict[Key, list[dict[str, Any]]] = {target.key: [] for target in targets}
        done: dict[Key, Outcome] = {}
        last: dict[Key, tuple[Judgement, Object | None]] = {}
        answered = start
        while True:
            pending = [target for target in targets if target.key not in done]
            trouble = ""
            try:
                seen = self._look({target.namespace for target in pending})
                self._settle(pending, seen, self.clock() - start)
                answered = self.clock()
            except (errors.Unreachable, errors.ServerError) as error:
                if self.clock() - answered > PATIENCE:
                    raise
                seen, trouble = {}, str(error)
            now = self.clock() - start
            for target in pending:
                if seen:
                    judgement = self._judge(target, seen[target.namespace], now)
                    last[target.key] = judgement, seen[target.namespace].services.get(target.name)
                else:
                    judgement = Judgement(WAITING, trouble)
                    last[target.key] = judgement, last.get(target.key, (None, None))[1]
                _note(transitions[target.key], judgement, now)
                if judgement.state != WAITING:
                    done[target.key] = self._outcome(target, judgement, last, now, transitions)
            pause = next(pause for begin, pause in reversed(PACE) if now >= begin)
            if len(done) == len(targets) or now + pause > timeout:
                break
            self.sleep(pause)
        for target in targets:
            if target.key not in done:
                judgement = last[target.key][0]
                late = Judgement(TIMEOUT, judgement.text, judgement.remedy)
                done[target.key] = self._outcome(target, late, last, now, transitions)
        return [done[target.key] for target in targets]

    def _judge(self, target: Target, seen: Seen, now: float) -> Judgement:
        """A judgement whose failure has lasted long enough to be believed."""
        service = seen.services.get(target.name)
        if target.absent:
            return Judgement(GONE, "gone") if service is None else Judgement(WAITING, _leaving(service))
        if service is None:
            return Judgement(FAILED, "it was deleted meanwhile", "find out who deletes it, and create it again")
        observed = seen.observe(target.name, self._selection(service))
        judgement = waiting.judge(observed, outdated=self._outdated(target))
        if judgement.state != FAILED:
            self._since.pop(target.key, None)
            return judgement
        kind, since = self._since.get(target.key, ("", now))
        if kind != judgement.remedy:
            since = now
        self._since[target.key] = judgement.remedy, since
        if now - since >= judgement.grace:
            return judgement
        return Judgement(WAITING, judgement.text, judgement.remedy)

    def _selection(self, service: Object) -> Object | None:
        model = (service.get("status") or {}).get("modelStatus") or {}
        if model.get("transitionStatus") != "InvalidSpec":
            return None
        try:
            return self.select(service)
        except errors.ClusterError:  # it is asked again in the next round
            return None

    # -- whether a status can be believed -------------------------------------------------------------------------

    def _settle(self, targets: Sequence[Target], seen: Mapping[str, Seen], now: float) -> None:
        """Learn whose status is about the last change. KServe's controller is looked at only where it shows nothing."""
        doubtful = []
        for target in targets:
            service = seen[target.namespace].services.get(target.name)
            if service is None or target.absent or target.key in self._believed:
                continue
            if self._shows(target, service, seen[target.namespace]):
                self._believed.add(target.key)
            else:
                doubtful.append(target.key)
        if not doubtful:
            return
        self._controller.look(now)
        if self._controller.steady(now) >= SETTLE:
            self._believed.update(doubtful)
        elif self._controller.unknown and now >= SETTLE:
            self._believed.update(doubtful)
            text = f"whether KServe acted on the last change is not known: {self._controller.unknown}"
            self._doubts.update(dict.fromkeys(doubtful, text))

    def _shows(self, target: Target, service: Object, seen: Seen) -> bool:
        """Whether the objects show that KServe acted on the last change, this task's or an earlier one."""
        if target.written is None:
            return not waiting.changed_since_status(service)
        if service.get("status") != target.written.get("status"):
            return True  # only KServe writes the status, and a status from before the write would be refused
        deployments = _of(seen.deployments, target.name) or ()
        generations = {str(item["metadata"].get("generation")) for item in deployments}
        return generations != self._generations.setdefault(target.key, generations)

    def _outdated(self, target: Target) -> str | None:
        if target.key in self._believed:
            return None
        trouble = self._controller.trouble
        return f"{NOT_ACTED}: {trouble}" if trouble else f"{NOT_ACTED} yet"

    def _outcome(
        self,
        target: Target,
        judgement: Judgement,
        last: Mapping[Key, tuple[Judgement, Object | None]],
        now: float,
        transitions: Mapping[Key, list[dict[str, Any]]],
    ) -> Outcome:
        unseen = {} if target.absent else dict(self._forbidden.get(target.namespace, {}))
        doubts = [self._doubts[target.key]] if target.key in self._doubts else []
        if judgement.state == READY and DEPLOYMENT.plural in unseen:
            doubts.append(f"whether it has rolled out is not known: {unseen[DEPLOYMENT.plural]}")
        return Outcome(
            judgement.state,
            judgement.text,
            judgement.remedy,
            round(now, 1),
            transitions[target.key],
            last[target.key][1],
            unseen,
            doubts,
        )

    # -- requests --------------------------------------------------------------------------------------------------

    def _look(self, namespaces: Iterable[str]) -> dict[str, Seen]:
        """The services first: what is read after them is no older than the status that is judged by it."""
        self._round += 1
        seen = {namespace: Seen() for namespace in sorted(namespaces)}
        for resources in ([INFERENCE_SERVICE], self._belongings()):
            jobs = [(namespace, resource) for namespace in seen for resource in resources]
            answers = pool.each(lambda job: self._list(*job), jobs, self.workers)
            for (namespace, resource), answer in zip(jobs, answers, strict=True):
                if answer.error is None:
                    self._forbidden.get(namespace, {}).pop(resource.plural, None)
                    self._keep(seen[namespace], namespace, resource, answer.value or [])
                elif resource != INFERENCE_SERVICE and isinstance(answer.error, errors.Forbidden):
                    self._forbidden.setdefault(namespace, {})[resource.plural] = str(answer.error)
                else:
                    raise answer.error
        for namespace, found in seen.items():
            found.events = self._events.get(namespace)
        return seen

    def _belongings(self) -> list[Resource]:
        resources = [DEPLOYMENT, REPLICASET, POD]
        return [*resources, EVENT] if self._round % EVENTS_EVERY == 0 else resources

    def _list(self, namespace: str, resource: Resource) -> list[dict[str, Any]]:
        owned = resource not in (INFERENCE_SERVICE, EVENT)
        return self.client.list(resource, namespace, label_selector=kinds.LABEL_SERVICE if owned else None)

    def _keep(self, seen: Seen, namespace: str, resource: Resource, items: list[Any]) -> None:
        if resource == INFERENCE_SERVICE:
            seen.services = {item["metadata"]["name"]: item for item in items}
        elif resource == EVENT:
            self._events[namespace] = items
        else:
            setattr(seen, resource.plural, items)


def _note(transitions: list[dict[str, Any]], judgement: Judgement, now: float) -> None:
    if not transitions or transitions[-1]["message"] != judgement.text:
        transitions.append({"seconds": round(now, 1), "message": judgement.text})


def _leaving(service: Object) -> str:
    if service["metadata"].get("deletionTimestamp"):
        finalizers = ", ".join(service["metadata"].get("finalizers") or ())
        return f"its finalizers are still to be run ({finalizers})" if finalizers else "it is being deleted"
    return "it is still there"


def _of(items: list[Object] | None, name: str) -> list[Object] | None:
    """Of a list, what belongs to a service; None where the list is not known."""
    return None if items is None else [item for item in items if _label(item, kinds.LABEL_SERVICE) == name]


def _label(item: Object, name: str) -> str | None:
    return (item["metadata"].get("labels") or {}).get(name)
