# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of serving_runtime where no cluster is needed to see them: what stops it before a request is sent.

All else is shown on the real one: tests/integration/serving_runtime.
"""

from __future__ import annotations

import copy
from typing import Any, cast

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, reconcile
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.reconcile import Change, Wanted
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import runtime_entries, serving_runtimes

PARAMS: dict[str, Any] = {
    "state": "present",
    "scope": "namespace",
    "namespace": None,
    "namespaces": None,
    "namespace_selector": None,
    "force": False,
    "force_conflicts": False,
    "webhook_timeout": 0,
    "crd_timeout": 0,
    "workers": 4,
    "kserve_version": "0.20.0",
}


def task(given: dict[str, Any], **params: Any) -> serving_runtimes.Task:
    params = {**PARAMS, **params}
    return serving_runtimes.task_of(params, runtime_entries.of_task(params, given), check_mode=False)


def no_cluster() -> Client:
    raise AssertionError("the cluster was asked for")


def test_errors_of_the_options_need_no_cluster_and_come_together() -> None:
    outcome = serving_runtimes.Outcome()
    given = {"runtimes": [{"name": "x"}, {"preset": "nothing"}]}
    serving_runtimes.run(no_cluster, task(given, namespace="a"), outcome)
    assert len(outcome.errors) == 2
    assert str(outcome.failure()).startswith("2 errors: runtimes[0] (x): spec.containers: is required")
    assert outcome.plain()["results"] == [] and outcome.plain()["changed"] is False


def test_one_error_is_the_message() -> None:
    outcome = serving_runtimes.Outcome()
    serving_runtimes.run(no_cluster, task({"name": "x"}, namespace="a"), outcome)
    assert outcome.failure() == outcome.errors[0]
    assert str(outcome.failure()).startswith("spec.containers: is required")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "namespace: is required"),
        ({"scope": "cluster", "namespace": "a"}, "namespace: has no meaning with scope: cluster"),
        ({"scope": "cluster", "namespaces": ["a"]}, "namespaces: has no meaning"),
        ({"scope": "cluster", "namespace_selector": "a=b"}, "namespace_selector: has no meaning"),
        ({"namespace_selector": ""}, "namespace_selector: is empty, which would mean every namespace"),
        ({"namespace_selector": " "}, "namespace_selector: is empty"),
        ({"namespace": ""}, "namespace: is '', but must be a namespace's name"),
        ({"namespace": "a/b"}, "namespace: is 'a/b', but must be a namespace's name"),
        ({"namespace": "a.b"}, "namespace: is 'a.b'"),
        ({"namespace": "A"}, "namespace: is 'A'"),
        ({"namespace": "a" * 64}, "63 at most"),
        ({"namespaces": ["a", ""]}, r"namespaces\[1\]: is ''"),
        ({"namespaces": ["a", " b"]}, r"namespaces\[1\]: is ' b'"),
    ],
)
def test_where(params: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        task({"preset": "triton"}, **params)


class Installing:
    """A cluster that serves KServe's API from the third question on."""

    def __init__(self) -> None:
        self.asked = 0

    def list(self, _resource: Any, _namespace: str | None = None) -> list[Any]:
        self.asked += 1
        if self.asked < 3:
            raise errors.ApiMissing("the cluster does not serve this kind")
        return []


def test_the_crds_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile.time, "sleep", lambda _seconds: None)
    cluster, outcome = Installing(), serving_runtimes.Outcome()
    waiting = task({"name": "x"}, namespace="a", state="absent", crd_timeout=60)
    serving_runtimes.run(lambda: cast(Client, cluster), waiting, outcome)
    assert [change.action for change in outcome.changes] == ["absent"] and cluster.asked == 3


def test_without_a_timeout_missing_crds_are_an_error_at_once() -> None:
    cluster, outcome = Installing(), serving_runtimes.Outcome()
    with pytest.raises(errors.ApiMissing):
        serving_runtimes.run(lambda: cast(Client, cluster), task({"name": "x"}, namespace="a", state="absent"), outcome)
    assert cluster.asked == 1


def live(**env: str) -> dict[str, Any]:
    variables = [{"name": name, "value": value} for name, value in env.items()]
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": "x", "namespace": "a", "managedFields": []},
        "spec": {"containers": [{"name": "kserve-container", "image": "i", "env": variables}]},
        "status": {},
    }


def changed(before: dict[str, Any] | None, after: dict[str, Any], action: str = "change") -> Change:
    wanted = Wanted(serving_runtimes.SERVING_RUNTIME, "x", "a", after)
    return Change(wanted, action, before, after, "modelserving.kserve", confirmed=True, written=True)


def test_secrets_in_variables_are_not_shown() -> None:
    before, after = live(API_TOKEN="tok-old-1", LEVEL="info"), live(API_TOKEN="tok-new-2", LEVEL="debug")
    kept = copy.deepcopy(after)
    outcome = serving_runtimes.Outcome(with_diff=True, changes=[changed(before, after)])
    told = repr([outcome.plain(), outcome.diff()])
    assert "tok-" not in told and "debug" in told and "[redacted]" in told
    assert after == kept, "the object itself is what is written"


def test_a_result_shows_the_object_without_its_bookkeeping() -> None:
    (result,) = serving_runtimes.Outcome(with_diff=True, changes=[changed(None, live(LEVEL="x"), "create")]).plain()[
        "results"
    ]
    assert "status" not in result["object"] and "managedFields" not in result["object"]["metadata"]
    assert result["diff"]["before"] == {} and result["changed"] is True


@pytest.mark.parametrize(
    ("objects", "kept"), [("all", [True, True]), ("changed", [True, False]), ("none", [False] * 2)]
)
def test_which_objects_are_returned(objects: str, kept: list[bool]) -> None:
    changes = [changed(None, live(), "create"), changed(live(), live(), "unchanged")]
    results = serving_runtimes.Outcome(objects=objects, changes=changes).plain()["results"]
    assert [result["object"] is not None for result in results] == kept


def test_a_failed_object_fails_the_task_and_leaves_the_others_results() -> None:
    good, bad = changed(None, live(), "create"), changed(None, live(), "create")
    bad.error = errors.Conflict("x is taken")
    outcome = serving_runtimes.Outcome(changes=[good, bad])
    assert outcome.failure() == "x is taken (1 of 2 objects failed, see results)"
    assert outcome.plain()["changed"] is True
    assert [result["error"] for result in outcome.plain()["results"]] == [None, "x is taken"]
    assert len(outcome.diff()) == 1


def test_what_is_only_planned_has_not_changed() -> None:
    planned = changed(None, live(), "create")
    planned.written = False
    outcome = serving_runtimes.Outcome(with_diff=True, changes=[planned])
    (result,) = outcome.plain()["results"]
    assert outcome.plain()["changed"] is result["changed"] is False
    assert outcome.plain()["affected"] == {"moves": None, "restarts": None}
    assert (result["action"], result["object"], result["diff"], outcome.diff()) == ("create", None, {}, [])


@pytest.mark.parametrize(
    ("before", "after", "action", "shown"),
    [
        (None, live(LEVEL="new"), "create", None),
        (live(LEVEL="old"), live(LEVEL="new"), "change", "old"),
        (live(LEVEL="old"), None, "delete", "old"),
    ],
)
def test_an_object_that_was_not_written_is_shown_as_it_is(
    before: dict[str, Any] | None, after: dict[str, Any] | None, action: str, shown: str | None
) -> None:
    wanted = Wanted(serving_runtimes.SERVING_RUNTIME, "x", "a", after)
    failed = Change(wanted, action, before, after, "modelserving.kserve", error=errors.Conflict("x is taken"))
    stopped = Change(wanted, action, before, after, "modelserving.kserve", confirmed=True)
    for change in (failed, stopped):
        (result,) = serving_runtimes.Outcome(with_diff=True, changes=[change]).plain()["results"]
        levels = [item["value"] for item in _env(result["object"])] if result["object"] else None
        assert levels == ([shown] if shown else None) and result["diff"] == {}


def _env(item: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = item["spec"]["containers"][0]["env"]
    return found


# -- a cluster that is told step by step ------------------------------------------------------------------------

SERVICE = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "iris", "namespace": "a"},
    "spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn"}, "runtime": "x"}}},
}


class Cluster:
    """Lists by kind, an error for the kinds that are not there, and what was asked for."""

    def __init__(self, **lists: list[Any] | errors.ClusterError) -> None:
        self.lists = lists
        self.asked: list[str] = []

    def list(self, resource: Any, _namespace: str | None = None, **_more: Any) -> list[Any]:
        self.asked.append(resource.kind)
        found = self.lists.get(resource.kind, [])
        if isinstance(found, errors.ClusterError):
            raise found
        return list(found)

    def apply(self, _resource: Any, body: dict[str, Any], *, dry_run: bool, **_how: Any) -> dict[str, Any]:
        self.asked.append(f"{'try' if dry_run else 'apply'} {body['metadata']['name']}")
        return copy.deepcopy(body)

    @property
    def written(self) -> list[str]:
        return [text for text in self.asked if text.startswith("apply")]


def run_on(cluster: Any, given: dict[str, Any], *, check: bool = False, **params: Any) -> serving_runtimes.Outcome:
    merged = {**PARAMS, "namespace": "a", **params}
    outcome = serving_runtimes.Outcome()
    asked = serving_runtimes.task_of(merged, runtime_entries.of_task(merged, given), check_mode=check)
    serving_runtimes.run(lambda: cast(Client, cluster), asked, outcome)
    return outcome


GIVEN = {
    "name": "x",
    "containers": [{"name": "kserve-container", "image": "i"}],
    "supported_model_formats": [{"name": "sklearn"}],
}


@pytest.mark.parametrize("check", [True, False])
def test_openshift_ai_may_not_have_the_clusters_kind(check: bool) -> None:
    gone = errors.ApiMissing("no such kind")
    cluster = Cluster(InferenceService=[SERVICE], ClusterServingRuntime=gone)
    outcome = run_on(cluster, GIVEN, check=check)
    assert outcome.failure() is None
    assert [move["name"] for move in outcome.affected["moves"]] == ["iris"]
    used = Cluster(InferenceService=[SERVICE], ClusterServingRuntime=gone, ServingRuntime=[live()])
    assert "is used by the InferenceService a/iris" in str(run_on(used, {"name": "x"}, state="absent").failure())


PYTHONPATH = {**GIVEN, "containers": [{**GIVEN["containers"][0], "env": [{"name": "PYTHONPATH", "value": "/"}]}]}


def controller(version: str) -> dict[str, Any]:
    container = {"name": "manager", "image": f"kserve/kserve-controller:v{version}"}
    return {"metadata": {"name": "c"}, "spec": {"template": {"spec": {"containers": [container]}}}}


@pytest.mark.parametrize(
    ("given", "deployments", "refused", "warned"),
    [
        (None, [controller("0.15.2")], None, False),
        (None, [controller("0.19.1")], "the webhook of KServe 0.19.1 refuses it (from 0.18 on)", False),
        (None, errors.Forbidden("no"), "the webhook of KServe 0.20.0 refuses it", True),
        (None, [], "the webhook of KServe 0.20.0 refuses it", True),
        ("0.15.2", [controller("0.20.0")], None, False),
        ("0.18.0", [controller("0.15.2")], "the webhook of KServe 0.18.0 refuses it", False),
    ],
)
def test_the_clusters_version_decides(given: str | None, deployments: Any, refused: str | None, warned: bool) -> None:
    cluster = Cluster(Deployment=deployments)
    outcome = run_on(cluster, PYTHONPATH, kserve_version=given)
    assert (refused in str(outcome.failure())) if refused else outcome.failure() is None
    assert any("kserve_version" in text for text in outcome.warnings) is warned
    assert cluster.asked.count("Deployment") == (given is None)


def test_the_version_is_asked_for_only_where_something_is_written() -> None:
    nothing = Cluster()
    run_on(nothing, {"name": "x"}, state="absent", kserve_version=None)
    assert nothing.asked == ["ServingRuntime"]


class Guarded(Cluster):
    """A cluster where each namespace may have an answer of its own, to everything or to one runtime (a/x)."""

    def __init__(self, refusals: dict[str, errors.ClusterError], **lists: Any) -> None:
        super().__init__(**lists)
        self.refusals = refusals

    def apply(self, resource: Any, body: dict[str, Any], **how: Any) -> dict[str, Any]:
        space, name = body["metadata"]["namespace"], body["metadata"]["name"]
        refused = self.refusals.get(space) or self.refusals.get(f"{space}/{name}")
        if refused:
            self.asked.append(f"refuse {name}")
            raise refused
        return super().apply(resource, body, **how)


POLICY = errors.Denied("the policy says no", webhook="", message="no")
SCHEMA = errors.Invalid("spec.newer: the cluster's schema has no such field")
GONE = errors.NotFound("no namespace", details={"kind": "namespaces"})


def told(outcome: serving_runtimes.Outcome) -> list[tuple[Any, ...]]:
    return [(item["namespace"], item["changed"], item["error"]) for item in outcome.plain()["results"]]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("spaces", [["a", "b", "c"], ["b", "a", "c"], ["b", "c", "a"]])
@pytest.mark.parametrize("refusal", [POLICY, errors.Conflict("the other manager's")])
def test_a_refusal_of_one_namespace_stays_there_wherever_it_is_named(
    refusal: errors.ClusterError, spaces: list[str], check: bool
) -> None:
    outcome = run_on(Guarded({"a": refusal}), GIVEN, check=check, namespace=None, namespaces=spaces)
    assert outcome.errors == [] and outcome.plain()["changed"] is True
    assert told(outcome) == [(space, space != "a", str(refusal) if space == "a" else None) for space in spaces]
    assert outcome.failure() == f"{refusal} (1 of 3 objects failed, see results)"


@pytest.mark.parametrize("check", [True, False])
def test_a_body_that_every_namespace_refuses_stops_the_task(check: bool) -> None:
    cluster = Guarded({"a/x": POLICY, "b/x": POLICY})
    other = {**GIVEN, "name": "y", "containers": [{"name": "kserve-container", "image": "j"}]}
    outcome = run_on(cluster, {"runtimes": [GIVEN, other]}, check=check, namespace=None, namespaces=["a", "b"])
    assert outcome.errors == ["the policy says no"] and outcome.plain()["changed"] is False
    assert outcome.affected == {"moves": None, "restarts": None} and cluster.written == []


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("first", [GONE, errors.Forbidden("no right"), POLICY])
def test_a_bad_body_is_found_though_its_first_namespace_cannot_tell(first: errors.ClusterError, check: bool) -> None:
    cluster = Guarded({"a": first, "b/x": SCHEMA})
    other = {**GIVEN, "name": "y", "containers": [{"name": "kserve-container", "image": "j"}]}
    outcome = run_on(cluster, {"runtimes": [other, GIVEN]}, check=check, namespace=None, namespaces=["a", "b"])
    assert outcome.errors == [str(SCHEMA)] and cluster.written == []


def ranked(name: str, priority: int, **more: Any) -> dict[str, Any]:
    formats = [{"name": "f", "version": "1", "autoSelect": True, "priority": priority}]
    return {**GIVEN, "name": name, "supported_model_formats": formats, "protocol_versions": ["v2"], **more}


def there(name: str, priority: int) -> dict[str, Any]:
    formats = [{"name": "f", "version": "1", "autoSelect": True, "priority": priority}]
    spec = {**live()["spec"], "supportedModelFormats": formats, "protocolVersions": ["v2"]}
    return {**live(), "metadata": {"name": name, "namespace": "a", "managedFields": []}, "spec": spec}


SAME_PRIORITY = errors.Denied(
    "same priority", webhook="servingruntime.kserve-webhook-server.validator", message="same priority"
)
MOVED = {"runtimes": [ranked("x", 2), ranked("y", 1, additional_spec={"newer": 1})]}


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("refusal", [SCHEMA, POLICY])
def test_a_body_that_has_to_wait_is_rehearsed_too(refusal: errors.ClusterError, check: bool) -> None:
    cluster = Guarded({"a/y": refusal}, ServingRuntime=[there("x", 1)])
    outcome = run_on(cluster, MOVED, check=check)
    assert outcome.errors == [str(refusal)] and cluster.written == []


def test_what_the_webhook_refuses_until_the_turn_before_is_written_is_no_error() -> None:
    class Real(Guarded):
        def apply(self, resource: Any, body: dict[str, Any], **how: Any) -> dict[str, Any]:
            if "apply x" in self.asked:
                self.refusals = {}
            return super().apply(resource, body, **how)

    check = run_on(Guarded({"a/y": SAME_PRIORITY}, ServingRuntime=[there("x", 1)]), MOVED, check=True)
    assert check.failure() is None and [item["confirmed"] for item in check.plain()["results"]] == [True, False]
    assert "only after other runtimes of this task" in check.warnings[-1]
    cluster = Real({"a/y": SAME_PRIORITY}, ServingRuntime=[there("x", 1)])
    real = run_on(cluster, MOVED)
    assert real.failure() is None and told(real) == told(check)
    assert cluster.asked == ["ServingRuntime", "InferenceService", "try x", "refuse y", "apply x", "apply y"]


@pytest.mark.parametrize("kind", ["InferenceService", "Deployment"])
def test_a_task_that_ends_before_the_first_write_changed_nothing(kind: str) -> None:
    cluster = Cluster(**{kind: errors.Unreachable("timed out")})
    outcome = serving_runtimes.Outcome()
    asked = task(GIVEN, namespace="a", kserve_version=None)
    with pytest.raises(errors.Unreachable):
        serving_runtimes.run(lambda: cast(Client, cluster), asked, outcome)
    assert told(outcome) in ([("a", False, None)], []) and outcome.plain()["changed"] is False
    assert outcome.affected == {"moves": None, "restarts": None}


def test_a_defect_while_writing_counts_what_was_written_and_not_the_turn_after() -> None:
    class Broken(Cluster):
        def apply(self, resource: Any, body: dict[str, Any], **how: Any) -> dict[str, Any]:
            if body["metadata"]["name"] == "z" and not how["dry_run"]:
                raise KeyError("oops")
            return super().apply(resource, body, **how)

    given = {"runtimes": [ranked("x", 2), ranked("y", 1), {**GIVEN, "name": "z"}]}
    merged = {**PARAMS, "namespace": "a"}
    outcome = serving_runtimes.Outcome()
    asked = serving_runtimes.task_of(merged, runtime_entries.of_task(merged, given), check_mode=False)
    cluster = Broken(ServingRuntime=[there("x", 1)])
    with pytest.raises(KeyError):
        serving_runtimes.run(lambda: cast(Client, cluster), asked, outcome)
    assert [item["changed"] for item in outcome.plain()["results"]] == [True, False, False]
    assert outcome.affected == {"moves": None, "restarts": None}


def test_a_task_with_nothing_to_do_affects_nobody() -> None:
    for params in ({"namespace": None, "namespaces": []}, {"state": "absent"}):
        assert run_on(Cluster(), GIVEN, **params).affected == {"moves": [], "restarts": []}


def test_a_service_that_nobody_understands_does_not_hide_what_was_written() -> None:
    odd = {**SERVICE, "spec": {"predictor": {"model": "iris"}}}
    outcome = run_on(Cluster(InferenceService=[odd]), GIVEN)
    assert outcome.failure() is None and outcome.plain()["changed"] is True
    assert outcome.affected == {"moves": None, "restarts": None}
    assert outcome.warnings[-1].startswith("Which services are affected is not known: ")


BROKEN = {**live(), "metadata": {"name": "broken", "namespace": "a"}, "spec": {"supportedModelFormats": ["sklearn"]}}
UNREADABLE = "ServingRuntime a/broken cannot be read: spec.supportedModelFormats[0]: must be a mapping, not text"


def test_beside_a_runtime_that_cannot_be_read_nothing_is_written_but_its_correction() -> None:
    cluster = Cluster(ServingRuntime=[BROKEN], InferenceService=[SERVICE])
    refused = run_on(cluster, GIVEN)
    assert refused.errors == [
        f"ServingRuntime x in namespace a: the existing {UNREADABLE}; correct it or delete it first"
    ]
    corrected = run_on(cluster, {"runtimes": [GIVEN, {**GIVEN, "name": "broken"}]})
    assert corrected.failure() is None and cluster.written == ["apply broken", "apply x"]
    assert corrected.warnings == [f"Which services are affected is not known: the {UNREADABLE}"]


def test_a_runtime_that_cannot_be_read_is_deleted_by_force() -> None:
    class Deleting(Cluster):
        def delete(self, _resource: Any, name: str, _namespace: str, **_how: Any) -> None:
            self.asked.append(f"delete {name}")

    cluster = Deleting(ServingRuntime=[BROKEN], InferenceService=[SERVICE])
    refused = run_on(cluster, {"name": "broken"}, state="absent")
    assert refused.errors == [
        f"Whether services use the runtimes is not known: the {UNREADABLE}; use force to delete them."
    ]
    assert "delete broken" not in cluster.asked
    forced = run_on(cluster, {"name": "broken"}, state="absent", force=True)
    assert forced.failure() is None and cluster.asked[-1] == "delete broken"
