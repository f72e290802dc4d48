# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of reconcile against a client that records what it is asked.

That the answers are what an API server gives is shown on the real cluster: tests/integration/serving_runtime.
"""

from __future__ import annotations

from typing import Any, cast

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, reconcile
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.reconcile import Settings, Wanted
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource

THING = Resource("x/v1", "Thing", "things", True)
SETTINGS = Settings(manager="me")
Object = dict[str, Any]


class Recorder:
    """Answers from *objects*; *refusals* maps (method, name) to the errors to raise first."""

    def __init__(self, *objects: Object) -> None:
        self.objects = {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in objects}
        self.refusals: dict[tuple[str, str], list[Exception]] = {}
        self.calls: list[tuple[Any, ...]] = []

    def _refuse(self, method: str, name: str) -> None:
        waiting = self.refusals.get((method, name))
        if waiting:
            raise waiting.pop(0)

    def list(self, resource: Resource, namespace: str | None = None) -> list[Object]:
        self.calls.append(("list", namespace))
        self._refuse("list", namespace or "*")
        return [item for (space, _name), item in self.objects.items() if namespace in (None, space)]

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        self.calls.append(("get", namespace, name))
        return self.objects.get((namespace, name))

    def apply(self, resource: Resource, body: Object, *, manager: str, force: bool, dry_run: bool) -> Object:
        metadata = body["metadata"]
        self.calls.append(("apply", metadata["namespace"], metadata["name"], "dry" if dry_run else "real", force))
        self._refuse("apply", metadata["name"])
        return live(metadata["name"], metadata["namespace"], body["spec"], manager)

    def delete(
        self, resource: Resource, name: str, namespace: str, *, preconditions: Object | None, dry_run: bool
    ) -> Object | None:
        self.calls.append(("delete", namespace, name, "dry" if dry_run else "real", preconditions))
        self._refuse("delete", name)
        return self.objects.get((namespace, name))

    def made(self, *methods: str) -> list[tuple[Any, ...]]:
        return [call for call in self.calls if call[0] in methods]


def live(name: str, namespace: str, spec: Object, manager: str = "me", **metadata: Any) -> Object:
    fields = {"f:spec": {f"f:{key}": {} for key in spec}}
    entry = {"manager": manager, "operation": "Apply", "fieldsV1": fields}
    return {
        "apiVersion": "x/v1",
        "kind": "Thing",
        "metadata": {"name": name, "namespace": namespace, "uid": f"u-{name}", "managedFields": [entry], **metadata},
        "spec": spec,
    }


def want(name: str, spec: Object | None, namespace: str = "a") -> Wanted:
    body = {"apiVersion": "x/v1", "kind": "Thing", "metadata": {"name": name, "namespace": namespace}, "spec": spec}
    return Wanted(THING, name, namespace, body if spec is not None else None)


def ensure(recorder: Recorder, *wanted: Wanted, check_mode: bool = False, **settings: Any) -> list[reconcile.Change]:
    return reconcile.ensure(cast(Client, recorder), wanted, Settings(manager="me", **settings), check_mode=check_mode)


def test_unchanged_costs_one_list_and_no_write() -> None:
    recorder = Recorder(live("x", "a", {"n": 1}), live("y", "a", {"n": 2}))
    changes = ensure(recorder, want("x", {"n": 1}), want("y", {"n": 2}))
    assert [(change.action, change.changed, change.confirmed) for change in changes] == [("unchanged", False, True)] * 2
    assert recorder.calls == [("list", "a")]


def test_several_namespaces_are_one_list() -> None:
    recorder = Recorder(live("x", "a", {"n": 1}), live("x", "b", {"n": 1}))
    ensure(recorder, want("x", {"n": 1}), want("x", {"n": 1}, "b"))
    assert recorder.calls == [("list", None)]


def test_without_the_right_to_list_all_namespaces_each_is_listed() -> None:
    recorder = Recorder(live("x", "a", {"n": 1}), live("x", "b", {"n": 1}))
    recorder.refusals["list", "*"] = [errors.Forbidden("no")]
    changes = ensure(recorder, want("x", {"n": 1}), want("x", {"n": 1}, "b"))
    assert [change.action for change in changes] == ["unchanged"] * 2
    assert sorted(recorder.calls[1:]) == [("list", "a"), ("list", "b")]


def test_what_may_not_be_read_is_not_taken_for_absent() -> None:
    recorder = Recorder()
    recorder.refusals = {("list", "*"): [errors.Forbidden("no")], ("list", "b"): [errors.Forbidden("b is closed")]}
    with pytest.raises(errors.Forbidden, match="b is closed"):
        ensure(recorder, want("x", {}), want("x", {}, "b"))
    assert not recorder.made("apply")


def test_a_single_object_is_read_alone_unless_the_scope_is_asked_for() -> None:
    recorder = Recorder()
    ensure(recorder, want("x", {"n": 1}), check_mode=True)
    reconcile.read(cast(Client, recorder), [want("x", {})], whole=True)
    assert recorder.made("get", "list") == [("get", "a", "x"), ("list", "a")]


def test_results_keep_the_order_of_the_input_and_failures_their_object() -> None:
    recorder = Recorder(live("c", "a", {"n": 0}))
    recorder.refusals["apply", "b"] = [errors.Invalid("b is invalid")]
    names = ["d", "b", "c", "a"]
    changes = ensure(recorder, *(want(name, {"n": 1}) for name in names))
    assert [change.wanted.name for change in changes] == names
    assert [change.action if not change.error else str(change.error) for change in changes] == [
        "create",
        "b is invalid",
        "change",
        "create",
    ]
    assert [change.changed for change in changes] == [True, False, True, True]


def test_check_mode_sends_dry_runs_only() -> None:
    recorder = Recorder(live("y", "a", {"n": 1}), live("z", "a", {"n": 1}))
    changes = ensure(recorder, want("x", {"n": 1}), want("y", {"n": 2}), want("z", None), check_mode=True)
    assert [change.action for change in changes] == ["create", "change", "delete"]
    assert all(change.confirmed for change in changes)
    assert {call[3] for call in recorder.made("apply", "delete")} == {"dry"}


def test_a_forbidden_dry_run_leaves_the_change_unconfirmed() -> None:
    recorder = Recorder()
    recorder.refusals["apply", "x"] = [errors.Forbidden("no")]
    (change,) = ensure(recorder, want("x", {"n": 1}), check_mode=True)
    assert (change.action, change.changed, change.confirmed, change.error) == ("create", True, False, None)
    assert change.after is not None and change.after["spec"] == {"n": 1}


BODIES = ("x", "y")


def rehearsed(recorder: Recorder, spaces: str, *, check_mode: bool = False, **more: Any) -> tuple[list[str], list[str]]:
    """What stands against the two bodies that each of these namespaces shall have, and the namespaces that were tried."""
    wanted = [want(name, {"n": name}, space) for name in BODIES for space in spaces]
    changes = reconcile.plan(wanted, reconcile.Live(), SETTINGS)
    one_by_one = Settings(manager="me", workers=1)
    rehearsal = reconcile.Rehearsal(cast(Client, recorder), one_by_one, check_mode=check_mode, **more)
    if check_mode:
        rehearsal.send(changes)
    refused = rehearsal.refused(changes)
    assert all(call[3] == "dry" for call in recorder.calls)
    return [str(error) for error in refused], [call[2] + call[1] for call in recorder.calls]


def test_where_all_goes_well_a_rehearsal_is_one_of_each_body() -> None:
    assert rehearsed(Recorder(), "abc") == ([], ["xa", "ya"])
    assert rehearsed(Recorder(), "ab", check_mode=True) == ([], ["xa", "xb", "ya", "yb"])


INVALID = errors.Invalid("the schema says no")
DENIED = errors.Denied("a policy says no", webhook="", message="no")
OF_ONE_OBJECT = [DENIED, errors.NotFound("no namespace"), errors.Forbidden("no right"), errors.Conflict("taken")]


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("first", OF_ONE_OBJECT)
def test_what_refuses_one_object_says_nothing_of_the_next(first: errors.ClusterError, check_mode: bool) -> None:
    good = Recorder()
    good.refusals["apply", "x"] = [first]
    refused, tried = rehearsed(good, "abc", check_mode=check_mode)
    assert refused == [] and (check_mode or tried == ["xa", "ya", "xb"])
    bad = Recorder()
    bad.refusals["apply", "x"] = [first, INVALID, INVALID]
    assert rehearsed(bad, "abc", check_mode=check_mode)[0] == ["the schema says no"]


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_body_that_everybody_denies_is_refused(check_mode: bool) -> None:
    recorder = Recorder()
    recorder.refusals["apply", "x"] = [DENIED] * 3
    assert rehearsed(recorder, "abc", check_mode=check_mode)[0] == ["a policy says no"]


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("other", OF_ONE_OBJECT[1:])
def test_a_body_of_which_not_all_is_known_is_not_refused(other: errors.ClusterError, check_mode: bool) -> None:
    for answers in ([DENIED, other], [other, DENIED], [other, other]):
        recorder = Recorder()
        recorder.refusals["apply", "x"] = list(answers)
        assert rehearsed(recorder, "ab", check_mode=check_mode)[0] == []


@pytest.mark.parametrize("kind", [errors.Invalid, errors.WebhookUnavailable, errors.Unreachable, errors.Unauthorized])
def test_what_holds_for_all_needs_no_second_object(kind: type[errors.ClusterError]) -> None:
    recorder = Recorder()
    recorder.refusals["apply", "x"] = [kind("no")] * 3
    refused, tried = rehearsed(recorder, "abc")
    assert refused[0] == "no" and tried.count("xa") == 1 and "xb" not in tried


def test_what_one_namespace_alone_says_of_a_good_body_stays_there() -> None:
    """In check mode every object is tried: what comes after the first that passes must not count there only."""
    recorder = Recorder()
    wanted = [want("x", {"n": 1}, space) for space in "ab"]
    changes = reconcile.plan(wanted, reconcile.Live(), SETTINGS)
    rehearsal = reconcile.Rehearsal(cast(Client, recorder), Settings("me", workers=1), check_mode=True)
    rehearsal.send(changes[:1])
    recorder.refusals["apply", "x"] = [INVALID]
    rehearsal.send(changes)
    assert rehearsal.refused(changes) == [] and changes[1].error is INVALID


def test_many_that_are_refused_are_tried_side_by_side_and_not_written() -> None:
    recorder, spaces = Recorder(), [f"n{number}" for number in range(20)]
    recorder.refusals["apply", "x"] = [errors.Forbidden("no right")] * 40
    changes = reconcile.plan([want("x", {"n": 1}, space) for space in spaces], reconcile.Live(), SETTINGS)
    assert reconcile.Rehearsal(cast(Client, recorder), SETTINGS, check_mode=False).refused(changes) == []
    reconcile.carry_out(cast(Client, recorder), changes, SETTINGS)
    assert [call[3] for call in recorder.calls] == ["dry"] * 20
    assert all(isinstance(change.error, errors.Forbidden) for change in changes)


def test_a_refusal_that_was_expected_shows_that_the_schema_agreed() -> None:
    recorder = Recorder()
    recorder.refusals["apply", "x"] = [DENIED] * 3
    refused, tried = rehearsed(recorder, "abc", premature=lambda change, error: error is DENIED)
    assert (refused, tried) == ([], ["xa", "ya"])
    recorder.refusals["apply", "x"] = [INVALID]
    assert rehearsed(recorder, "abc", premature=lambda change, error: error is DENIED)[0] == ["the schema says no"]


def test_delete_names_the_very_object_that_was_seen() -> None:
    recorder = Recorder(live("x", "a", {}))
    changes = ensure(recorder, want("x", None), want("gone", None))
    assert [(change.action, change.changed) for change in changes] == [("delete", True), ("absent", False)]
    assert recorder.made("delete") == [("delete", "a", "x", "real", {"uid": "u-x"})]
    assert changes[0].diff()["after"] == {}


def test_deleted_by_somebody_else_meanwhile() -> None:
    recorder = Recorder(live("x", "a", {}))
    changes = reconcile.plan([want("x", None)], live_of(recorder), SETTINGS)
    recorder.objects.clear()
    reconcile.carry_out(cast(Client, recorder), changes, SETTINGS)
    assert (changes[0].action, changes[0].changed) == ("absent", False)


def live_of(recorder: Recorder) -> reconcile.Live:
    found = reconcile.Live()
    found.add(THING, recorder.objects.values())
    return found


def test_an_object_that_is_being_deleted_is_not_written() -> None:
    recorder = Recorder(live("x", "a", {}, deletionTimestamp="2026-01-01T00:00:00Z"))
    (change,) = ensure(recorder, want("x", {"n": 1}))
    assert "being deleted" in str(change.error)
    assert not recorder.made("apply")


def test_an_apply_that_turns_out_to_change_nothing_is_unchanged() -> None:
    other = live("x", "a", {"n": 1})
    other["metadata"]["managedFields"].append({"manager": "o", "operation": "Update", "fieldsV1": {"f:spec": {}}})
    recorder = Recorder(live("x", "a", {"n": 1}, "me"))
    changes = reconcile.plan([want("x", {"n": 1})], live_of(recorder), SETTINGS)
    changes[0].action = "change"
    reconcile.carry_out(cast(Client, recorder), changes, SETTINGS)
    assert (changes[0].action, changes[0].changed) == ("unchanged", False)


def test_a_webhook_that_does_not_answer_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(reconcile.time, "sleep", slept.append)
    recorder = Recorder()
    recorder.refusals["apply", "x"] = [errors.WebhookUnavailable("not yet"), errors.WebhookUnavailable("not yet")]
    (change,) = ensure(recorder, want("x", {"n": 1}), webhook_timeout=30)
    assert change.action == "create" and change.error is None and len(slept) == 2


def test_waiting_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(reconcile.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(reconcile.time, "sleep", lambda _seconds: None)

    def never() -> None:
        raise errors.WebhookUnavailable("no endpoints")

    with pytest.raises(errors.WebhookUnavailable):
        reconcile.patiently(never, 5)


def test_many_objects_wait_together(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(reconcile.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(reconcile.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    recorder = Recorder()
    names = [f"x{number}" for number in range(50)]
    for name in names:
        recorder.refusals["apply", name] = [errors.WebhookUnavailable("not yet")] * 1000
    changes = ensure(recorder, *(want(name, {"n": 1}) for name in names), webhook_timeout=30, workers=1)
    assert all(isinstance(change.error, errors.WebhookUnavailable) for change in changes)
    assert now[0] <= 31


def test_a_cluster_that_is_gone_is_not_asked_again() -> None:
    recorder = Recorder()
    recorder.refusals["apply", "b"] = [errors.Unreachable("Cannot reach the Kubernetes API.")]
    changes = ensure(recorder, *(want(name, {"n": 1}) for name in "abcd"), workers=1)
    assert [change.changed for change in changes] == [True, False, False, False]
    assert str(changes[3].error) == "Thing d in namespace a was not tried: Cannot reach the Kubernetes API."
    assert len(recorder.made("apply")) == 2


def test_no_patience_means_one_try() -> None:
    tries: list[int] = []

    def once() -> None:
        tries.append(1)
        raise errors.WebhookUnavailable("no endpoints")

    with pytest.raises(errors.WebhookUnavailable):
        reconcile.patiently(once, 0)
    assert len(tries) == 1


def test_force_conflicts_reaches_the_request() -> None:
    recorder = Recorder()
    ensure(recorder, want("x", {"n": 1}), force_conflicts=True)
    assert recorder.made("apply")[0][4] is True


def test_diff_speaks_of_the_task_only() -> None:
    before = live("x", "a", {"n": 1})
    before["spec"]["foreign"] = True
    recorder = Recorder(before)
    (change,) = ensure(recorder, want("x", {"n": 2}))
    assert (change.diff()["before"]["spec"], change.diff()["after"]["spec"]) == ({"n": 1}, {"n": 2})


def test_a_defect_with_one_object_does_not_lose_what_is_known_of_the_others() -> None:
    recorder = Recorder()
    recorder.refusals["apply", "n3"] = [KeyError("oops")]
    wanted = [want(f"n{number}", {"n": number}) for number in range(12)]
    changes = reconcile.plan(wanted, reconcile.Live(), SETTINGS)
    with pytest.raises(KeyError, match="oops"):
        reconcile.carry_out(cast(Client, recorder), changes, Settings(manager="me", workers=2))
    assert [change.wanted.name for change in changes if not (change.changed and change.confirmed)] == ["n3"]
    assert str(changes[3].error) == "Whether Thing n3 in namespace a was written is not known."
