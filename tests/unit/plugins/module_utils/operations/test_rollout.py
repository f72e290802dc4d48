# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting with a clock and a cluster that are scripted; that KServe behaves so is shown on the real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import control_plane, rollout
from ansible_collections.modelserving.kserve.plugins.module_utils.operations.rollout import Target, Waiter

Object = dict[str, Any]


def service(name: str, ready: bool, version: str = "1", **model: Any) -> Object:
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "metadata": {"name": name, "namespace": "a", "resourceVersion": version},
        "status": {"conditions": conditions, "modelStatus": model},
    }


def pod(name: str, reason: str, message: str = "") -> Object:
    waiting = {"reason": reason, "message": message}
    container = {"name": "kserve-container", "restartCount": 0, "ready": False, "state": {"waiting": waiting}}
    labels = {"serving.kserve.io/inferenceservice": name}
    return {
        "metadata": {"name": f"{name}-pod", "labels": labels},
        "status": {"phase": "Pending", "containerStatuses": [container], "conditions": []},
    }


def controller(available: int = 1, *flags: str) -> Object:
    """KServe's controller, as its Deployment."""
    pod = {"containers": [{"name": "manager", "args": list(flags)}]}
    return {
        "metadata": {"name": "kserve-controller-manager", "namespace": "kserve"},
        "spec": {"template": {"spec": pod}},
        "status": {"availableReplicas": available},
    }


class World:
    """A cluster whose lists depend on the second; `at` maps a plural to a function of the time.

    KServe's controller is `controllers`, its Lease `leases`.
    """

    def __init__(self, **at: Callable[[float], list[Object]]) -> None:
        self.at = {"controllers": lambda now: [controller()], **at}
        self.now = 0.0
        self.listed: list[tuple[str, str | None, str | None]] = []

    def list(self, resource: Any, namespace: str | None = None, *, label_selector: str | None = None) -> list[Object]:
        self.listed.append((resource.plural, namespace, label_selector))
        of_kserve = label_selector == control_plane.CONTROLLER
        return self.at.get("controllers" if of_kserve else resource.plural, lambda now: [])(self.now)

    def get(self, resource: Any, name: str, namespace: str | None = None) -> Object | None:
        assert (name, namespace) == ("kserve-controller-manager-leader-lock", "kserve")
        return next(iter(self.at.get(resource.plural, lambda now: [])(self.now)), None)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def wait(world: World, *targets: Target, timeout: float = 60, **more: Any) -> list[rollout.Outcome]:
    waiter = Waiter(world, workers=1, clock=lambda: world.now, sleep=world.sleep, **more)  # type: ignore[arg-type]
    return waiter.wait(targets, timeout)


def test_each_service_has_its_own_outcome_and_time() -> None:
    def services(now: float) -> list[Object]:
        return [service("quick", True), service("slow", now >= 7), service("never", False)]

    world = World(inferenceservices=services)
    found = wait(world, Target("a", "slow"), Target("a", "never"), Target("a", "quick"), timeout=10)
    assert [(item.state, item.seconds) for item in found] == [("ready", 7.0), ("timeout", 10.0), ("ready", 0.0)]
    assert found[1].ok is False and found[1].transitions[0]["seconds"] == 0.0


def test_a_round_costs_the_same_lists_however_many_services() -> None:
    names = [f"s{number}" for number in range(50)]
    world = World(inferenceservices=lambda now: [service(name, True) for name in names])
    assert all(item.ok for item in wait(world, *(Target("a", name) for name in names)))
    assert sorted(plural for plural, _namespace, _selector in world.listed) == [
        "deployments",
        "inferenceservices",
        "pods",
        "replicasets",
    ]


def test_what_is_waited_for_is_kept_with_its_second() -> None:
    def pods(now: float) -> list[Object]:
        return [pod("x", "ContainerCreating" if now < 3 else "PodInitializing")]

    world = World(inferenceservices=lambda now: [service("x", now >= 5)], pods=pods)
    (found,) = wait(world, Target("a", "x"))
    assert [(item["seconds"], item["message"].rpartition(" ")[2]) for item in found.transitions] == [
        (0.0, "ContainerCreating"),
        (3.0, "PodInitializing"),
        (5.0, "Ready"),
    ]


def test_a_failure_that_cannot_heal_ends_the_wait_at_once() -> None:
    world = World(inferenceservices=lambda now: [service("x", False)], pods=lambda now: [pod("x", "InvalidImageName")])
    (found,) = wait(world, Target("a", "x"), timeout=600)
    assert (found.state, found.seconds) == ("failed", 0.0)
    assert found.remedy


def test_a_failure_that_passes_within_its_grace_is_none() -> None:
    def pods(now: float) -> list[Object]:
        return [pod("x", "CreateContainerConfigError", 'secret "s" not found')] if now < 10 else []

    world = World(inferenceservices=lambda now: [service("x", now >= 12)], pods=pods)
    assert wait(world, Target("a", "x"))[0].state == "ready"
    lasting = World(
        inferenceservices=lambda now: [service("x", False)],
        pods=lambda now: [pod("x", "CreateContainerConfigError", 'secret "s" not found')],
    )
    (found,) = wait(lasting, Target("a", "x"))
    assert found.state == "failed" and 10 <= found.seconds <= 20


def test_a_ready_from_before_the_write_is_not_believed_until_kserve_acts() -> None:
    written = service("x", True, version="5")

    def services(now: float) -> list[Object]:
        return [service("x", True, "5") if now < 2 else service("x", True, "6", transitionStatus="UpToDate")]

    (found,) = wait(World(inferenceservices=services), Target("a", "x", written=written))
    assert (found.state, found.seconds) == ("ready", 2.0)


def test_what_others_write_to_the_service_does_not_show_that_kserve_acted() -> None:
    written = service("x", True, version="5")
    world = World(inferenceservices=lambda now: [service("x", True, version=f"{now}")], controllers=lambda now: [])
    assert wait(world, Target("a", "x", written=written))[0].state == "timeout"


def test_a_write_that_moves_nothing_is_believed_when_the_controller_was_seen_at_work() -> None:
    written = service("x", True, version="5")
    (found,) = wait(World(inferenceservices=lambda now: [written]), Target("a", "x", written=written))
    assert (found.state, found.seconds, found.doubts) == ("ready", rollout.SETTLE, [])


def renewed(at: float, holder: str = "one") -> Object:
    """The leader's Lease, last renewed at a second."""
    spec = {"holderIdentity": holder, "acquireTime": "t0", "renewTime": f"t{at}"}
    return {"metadata": {"name": "kserve-controller-manager-leader-lock", "namespace": "kserve"}, "spec": spec}


IDLE: dict[str, tuple[dict[str, Callable[[float], list[Object]]], str]] = {
    "scaled to zero": (
        {"controllers": lambda now: [controller(0)]},
        "no available pod (Deployment kserve-controller-manager in namespace kserve)",
    ),
    "not there": ({"controllers": lambda now: []}, "no Deployment has its controller's label"),
    "its node is lost, and the Deployment does not know it yet": (
        {"controllers": lambda now: [controller(1, "--leader-elect")], "leases": lambda now: [renewed(0)]},
        "not seen to renew its Lease kserve-controller-manager-leader-lock in namespace kserve",
    ),
}


@pytest.mark.parametrize("name", IDLE)
def test_a_change_that_no_controller_is_there_to_act_on_is_never_ready(name: str) -> None:
    state, words = IDLE[name]
    written = service("x", True, version="5")
    world = World(inferenceservices=lambda now: [written], **state)
    (found,) = wait(world, Target("a", "x", written=written))
    assert (found.state, found.ok) == ("timeout", False)
    assert "KServe has not acted on the change: " in found.text and words in found.text
    assert "controller" in found.remedy


def test_a_controller_that_comes_back_is_given_its_time() -> None:
    written = service("x", True, version="5")
    world = World(inferenceservices=lambda now: [written], controllers=lambda now: [controller(int(now >= 20))])
    (found,) = wait(world, Target("a", "x", written=written))
    assert (found.state, found.seconds) == ("ready", 20 + rollout.SETTLE)


def test_a_new_leader_is_given_its_time_from_when_it_leads() -> None:
    written = service("x", True, version="5")
    world = World(
        inferenceservices=lambda now: [written],
        controllers=lambda now: [controller(1, "--leader-elect")],
        leases=lambda now: [renewed(now // 2) if now >= 15 else renewed(0, "dead")],
    )
    (found,) = wait(world, Target("a", "x", written=written))
    assert (found.state, found.seconds) == ("ready", 15 + rollout.SETTLE)


def test_a_lease_counts_only_where_the_controller_elects_a_leader() -> None:
    written = service("x", True, version="5")
    world = World(inferenceservices=lambda now: [written], leases=lambda now: [renewed(0)])
    assert wait(world, Target("a", "x", written=written))[0].state == "ready"


def test_a_controller_that_may_not_be_seen_is_a_doubt() -> None:
    class Local(World):
        def list(self, resource: Any, namespace: str | None = None, **how: Any) -> list[Object]:
            if namespace is None:
                raise errors.Forbidden("Cannot read the list of deployments: forbidden.")
            return super().list(resource, namespace, **how)

    written = service("x", True, version="5")
    (found,) = wait(Local(inferenceservices=lambda now: [written]), Target("a", "x", written=written))
    assert (found.state, found.seconds) == ("ready", rollout.SETTLE)
    assert found.doubts == [
        "whether KServe acted on the last change is not known: Cannot read the list of deployments: forbidden."
    ]
    assert found.plain()["doubts"] == found.doubts


def changed(at: int) -> Object:
    """A ready service whose status was written at second 5, and which somebody changed at another one."""
    entries = [
        {"manager": "modelserving.kserve", "time": f"2026-01-01T00:00:{at:02}Z"},
        {"manager": "manager", "subresource": "status", "time": "2026-01-01T00:00:05Z"},
    ]
    found = service("x", True)
    found["metadata"]["managedFields"] = entries
    return found


def test_an_earlier_change_that_kserve_has_not_acted_on_is_not_ready_in_the_next_run_either() -> None:
    world = World(inferenceservices=lambda now: [changed(9)], controllers=lambda now: [controller(0)])
    (found,) = wait(world, Target("a", "x"))
    assert found.state == "timeout" and "KServe has not acted" in found.text
    alive = World(inferenceservices=lambda now: [changed(9)])
    assert wait(alive, Target("a", "x"))[0].seconds == rollout.SETTLE
    acted = World(inferenceservices=lambda now: [changed(1)], controllers=lambda now: [controller(0)])
    assert wait(acted, Target("a", "x"))[0].seconds == 0.0


def test_services_are_read_before_what_belongs_to_them() -> None:
    world = World(inferenceservices=lambda now: [service("x", True)])
    wait(world, Target("a", "x"))
    assert world.listed[0][0] == "inferenceservices"


def test_a_new_generation_of_the_deployment_shows_that_kserve_acted() -> None:
    written = service("x", True, version="5")

    def deployments(now: float) -> list[Object]:
        labels = {"serving.kserve.io/inferenceservice": "x"}
        done = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
        metadata = {"name": "x-predictor", "labels": labels, "generation": 1 if now < 3 else 2}
        return [{"metadata": metadata, "spec": {"replicas": 1}, "status": done}]

    world = World(inferenceservices=lambda now: [written], deployments=deployments)
    (found,) = wait(world, Target("a", "x", written=written))
    assert (found.state, found.seconds) == ("ready", 3.0)


def test_gone_is_waited_for_with_the_finalizers_named() -> None:
    leaving = service("x", True)
    leaving["metadata"].update(deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["inferenceservice.finalizers"])
    world = World(inferenceservices=lambda now: [leaving] if now < 3 else [])
    (found,) = wait(world, Target("a", "x", absent=True))
    assert (found.state, found.seconds, found.ok) == ("gone", 3.0, True)
    assert "inferenceservice.finalizers" in found.transitions[0]["message"]


def test_a_service_that_somebody_deletes_is_a_failure() -> None:
    world = World(inferenceservices=lambda now: [service("x", False)] if now < 2 else [])
    assert wait(world, Target("a", "x"))[0].text == "it was deleted meanwhile"


def test_the_selection_is_asked_only_while_kserve_finds_no_runtime() -> None:
    asked: list[str] = []

    def select(live: Any) -> Object:
        asked.append(live["metadata"]["name"])
        return {"selected": None, "explanation": "none fits"}

    invalid = {"transitionStatus": "InvalidSpec", "lastFailureInfo": {"reason": "NoSupportingRuntime", "message": "no"}}
    world = World(inferenceservices=lambda now: [service("good", True), service("bad", False, **invalid)])
    good, bad = wait(world, Target("a", "good"), Target("a", "bad"), select=select)
    assert good.ok and bad.state == "failed" and "none fits" in bad.text
    assert set(asked) == {"bad"}


def test_a_selection_that_cannot_be_made_for_a_while_does_not_end_the_wait() -> None:
    def select(live: Any) -> Object:
        raise errors.Unreachable("Cannot reach the Kubernetes API")

    invalid = {"transitionStatus": "InvalidSpec", "lastFailureInfo": {"reason": "NoSupportingRuntime", "message": "no"}}
    services = World(
        inferenceservices=lambda now: [service("bad", False, **invalid) if now < 10 else service("bad", True)]
    )
    (found,) = wait(services, Target("a", "bad"), select=select)
    assert (found.state, found.seconds) == ("ready", 10.0)


class Flaky(World):
    """Does not answer from the second `down` to the second `up`."""

    down, up = 1.0, 30.0

    def list(self, resource: Any, namespace: str | None = None, *, label_selector: str | None = None) -> list[Object]:
        if self.down <= self.now < self.up:
            raise errors.Unreachable("Cannot reach the Kubernetes API")
        return super().list(resource, namespace, label_selector=label_selector)


def test_an_api_that_does_not_answer_for_a_while_is_waited_out() -> None:
    world = Flaky(inferenceservices=lambda now: [service("x", now >= 40)])
    (found,) = wait(world, Target("a", "x"))
    assert found.state == "ready"
    assert "Cannot reach" in found.transitions[1]["message"]


def test_an_api_that_stays_away_is_an_error() -> None:
    world = Flaky(inferenceservices=lambda now: [service("x", False)])
    world.up = 1e9
    with pytest.raises(errors.Unreachable):
        wait(world, Target("a", "x"), timeout=600)


class Narrow(World):
    """May read services only."""

    def list(self, resource: Any, namespace: str | None = None, *, label_selector: str | None = None) -> list[Object]:
        if resource.plural != "inferenceservices":
            raise errors.Forbidden(f"Cannot read the list of {resource.plural}: forbidden")
        return super().list(resource, namespace, label_selector=label_selector)


def test_what_may_not_be_read_is_done_without_and_said() -> None:
    (found,) = wait(Narrow(inferenceservices=lambda now: [service("x", now >= 3)]), Target("a", "x"))
    assert found.state == "ready"
    assert found.doubts == ["whether it has rolled out is not known: Cannot read the list of deployments: forbidden"]
    unseen = found.plain()["unseen"]
    assert [(item["what"], item["reason"]) for item in unseen] == [
        ("deployments", "forbidden"),
        ("events", "forbidden"),
        ("pods", "forbidden"),
        ("replicasets", "forbidden"),
    ]


def test_what_is_seen_in_full_leaves_no_doubt() -> None:
    (found,) = wait(World(inferenceservices=lambda now: [service("x", True)]), Target("a", "x"))
    assert (found.plain()["unseen"], found.doubts) == ([], [])


def test_services_that_may_not_be_read_are_an_error() -> None:
    class Blind(World):
        def list(self, resource: Any, *_where: Any, **_how: Any) -> list[Object]:
            raise errors.Forbidden("Cannot read")

    with pytest.raises(errors.Forbidden):
        wait(Blind(), Target("a", "x"))
