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

INFERENCE_SERVICE = Resource(*kinds.INFERENCE_SERVICE)

GONE = "gone"
TIMEOUT = "timeout"

# Seconds that KServe gets to act on a change before its status counts, unless it is seen to act.
SETTLE = 5.0
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
    with the second at which it began; service: the object as it was last seen.
    """

    state: str
    text: str
    remedy: str
    seconds: float
    transitions: list[dict[str, Any]]
    service: Object | None

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

        def mine(items: list[Object] | None) -> list[Object] | None:
            if items is None:
                return None
            return [item for item in items if _label(item, kinds.LABEL_SERVICE) == name]

        return Observed(
            self.services[name],
            mine(self.deployments),
            mine(self.replicasets),
            mine(self.pods),
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
                    done[target.key] = _outcome(judgement, last[target.key][1], now, transitions[target.key])
            pause = next(pause for begin, pause in reversed(PACE) if now >= begin)
            if len(done) == len(targets) or now + pause > timeout:
                break
            self.sleep(pause)
        for target in targets:
            if target.key not in done:
                judgement, service = last[target.key]
                late = Judgement(TIMEOUT, judgement.text, judgement.remedy)
                done[target.key] = _outcome(late, service, now, transitions[target.key])
        return [done[target.key] for target in targets]

    def _judge(self, target: Target, seen: Seen, now: float) -> Judgement:
        """A judgement whose failure has lasted long enough to be believed."""
        service = seen.services.get(target.name)
        if target.absent:
            return Judgement(GONE, "gone") if service is None else Judgement(WAITING, _leaving(service))
        if service is None:
            return Judgement(FAILED, "it was deleted meanwhile", "find out who deletes it, and create it again")
        observed = seen.observe(target.name, self._selection(service))
        judgement = waiting.judge(observed, taken_up=self._taken_up(target, observed, now))
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
        return self.select(service) if model.get("transitionStatus") == "InvalidSpec" else None

    def _taken_up(self, target: Target, observed: Observed, now: float) -> bool:
        """Whether KServe was seen to act on the last write, or has had the time to."""
        if target.written is None or now >= SETTLE:
            return True
        if _version(observed.service) != _version(target.written):
            return True  # only KServe writes the status, and a status from before the write would be refused
        generations = {str(item["metadata"].get("generation")) for item in observed.deployments or ()}
        return generations != self._generations.setdefault(target.key, generations)

    def _look(self, namespaces: Iterable[str]) -> dict[str, Seen]:
        self._round += 1
        names = sorted(namespaces)
        jobs = [(namespace, resource) for namespace in names for resource in self._resources()]
        answers = pool.each(lambda job: self._list(*job), jobs, self.workers)
        seen = {namespace: Seen() for namespace in names}
        for (namespace, resource), answer in zip(jobs, answers, strict=True):
            if answer.error:
                if resource == INFERENCE_SERVICE or not isinstance(answer.error, errors.Forbidden):
                    raise answer.error
                continue
            self._keep(seen[namespace], namespace, resource, answer.value or [])
        for namespace, found in seen.items():
            found.events = self._events.get(namespace)
        return seen

    def _resources(self) -> list[Resource]:
        resources = [INFERENCE_SERVICE, DEPLOYMENT, REPLICASET, POD]
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


def _outcome(judgement: Judgement, service: Object | None, now: float, transitions: list[dict[str, Any]]) -> Outcome:
    return Outcome(judgement.state, judgement.text, judgement.remedy, round(now, 1), transitions, service)


def _leaving(service: Object) -> str:
    if service["metadata"].get("deletionTimestamp"):
        finalizers = ", ".join(service["metadata"].get("finalizers") or ())
        return f"its finalizers are still to be run ({finalizers})" if finalizers else "it is being deleted"
    return "it is still there"


def _label(item: Object, name: str) -> str | None:
    return (item["metadata"].get("labels") or {}).get(name)


def _version(item: Object) -> str:
    return str(item["metadata"].get("resourceVersion"))
