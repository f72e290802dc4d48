# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a task of inference_service, and what is doubtful about a choice; all else is shown on the real cluster."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, reconcile
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import diagnose
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import explaining, selection
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import inference_services as subject


def entry(**given: Any) -> subject.Entry:
    (found,) = subject.entries({"name": "iris", "namespace": "a", "format": "sklearn", **given})
    return found


def test_one_service_from_the_modules_own_options() -> None:
    found = entry(pin_runtime="yes", wait=True, kubeconfig="x", version=1)
    assert (found.name, found.namespaces, found.present, found.pin, found.path) == ("iris", ("a",), True, True, "")
    assert found.options == {"format": "sklearn", "version": 1}


def test_entries_of_a_list_take_over_where_and_whether() -> None:
    services = [
        {"name": "x", "format": "f"},
        {"name": "y", "format": "f", "namespace": "own", "state": "present"},
        {"name": "z", "format": "f", "pin_runtime": False},
    ]
    given = {"services": services, "namespaces": ["a", "b"], "state": "absent", "pin_runtime": True}
    found = subject.entries(given)
    assert [(item.name, item.namespaces, item.present, item.pin) for item in found] == [
        ("x", ("a", "b"), False, True),
        ("y", ("own",), True, True),
        ("z", ("a", "b"), False, False),
    ]


def test_a_service_that_shall_be_absent_needs_a_name_only() -> None:
    (found,) = subject.entries({"name": "x", "namespace": "a", "state": "absent"})
    assert not found.present


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": "x", "format": "f"}, "^namespace: is required"),
    ({"name": "x", "format": "f", "namespaces": []}, "^namespace: is required"),
    ({"name": "x", "format": "f", "namespace": "a", "namespaces": ["b"]}, "^namespace: and namespaces are both given"),
    ({"name": "x", "format": "f", "namespaces": "a"}, "^namespace: is required"),
    ({"name": "x", "format": "f", "namespaces": ["a", None]}, "^namespace: must be text, not null"),
    ({"name": "x", "format": "f", "namespace": "a/b"}, "^namespace: is 'a/b', but must be a namespace's name"),
    ({"name": "X", "format": "f", "namespace": "a"}, "^name: is 'X'"),
    ({"namespace": "a", "format": "f"}, "^name: is required"),
    ({"name": "x", "namespace": "a", "format": "f", "state": "gone"}, "^state: is 'gone'"),
    ({"name": "x", "namespace": "a", "format": "f", "pin_runtime": "maybe"}, "^pin_runtime: must be true or false"),
    ({"name": "x", "namespace": "a", "format": "f", "verify": {}}, "^verify.body: is required"),
    ({"services": {"name": "x"}}, "^services: must be a list"),
    ({"services": "x"}, "^services: must be a list"),
    ({"services": ["x"], "namespace": "a"}, r"^services\[0\]: must be a mapping"),
    ({"services": [], "format": "f"}, "^services: is given beside format"),
    ({"services": [{"name": "x", "namespace": "a"}]}, r"^services\[0\].format: is required"),
    ({"services": [{"name": "x", "namespace": "a", "fromat": "f"}]}, r"^services\[0\].fromat: .*did you mean format"),
    (
        {"services": [{"name": "x", "format": "f"}, {"name": "x", "format": "g"}], "namespace": "a"},
        r"^services\[1\]: is x in namespace a, and so is services\[0\]",
    ),
    (
        {"services": [{"name": "x", "format": 1.5}, {"name": "Y", "format": "f"}], "namespace": "a"},
        r"^2 errors: services\[0\].format: .*quote it.* services\[1\].name: is 'Y'",
    ),
]


@pytest.mark.parametrize(("given", "words"), WRONG)
def test_wrong_tasks(given: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        subject.entries(given)
    assert "\n" not in str(caught.value)


def runtime(name: str, namespace: str | None = "a", created: str = "2026-01-01T00:00:00Z", **spec: Any) -> Any:
    metadata = {"name": name, "creationTimestamp": created, **({"namespace": namespace} if namespace else {})}
    formats = [{"name": "sklearn", "autoSelect": True, "priority": spec.pop("priority", None)}]
    return {
        "kind": "ServingRuntime" if namespace else "ClusterServingRuntime",
        "metadata": metadata,
        "spec": {"supportedModelFormats": formats, "containers": [{"name": "kserve-container"}], **spec},
    }


SERVICE = {
    "kind": "InferenceService",
    "metadata": {"name": "iris", "namespace": "a"},
    "spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn"}}}},
}


@pytest.mark.parametrize(
    ("runtimes", "words"),
    [
        ([], "KServe finds no runtime for it now"),
        ([runtime("one")], None),
        ([runtime("one"), runtime("two")], "is a tie: the runtimes a/one and a/two differ in nothing but age and name"),
        (
            [runtime("one"), runtime("two", created="2026-01-02T00:00:00Z")],
            "KServe takes a/two now, since it is the newer one",
        ),
        ([runtime("one", priority=1), runtime("two", priority=2)], None),
        ([runtime("one", priority=2), runtime("two", priority=2)], "is a tie"),
        ([runtime("one"), runtime("two", namespace=None)], None),
        ([runtime("one", protocolVersions=["v1"]), runtime("two", protocolVersions=["v1", "v2"])], "is a tie"),
        ([runtime("one", protocolVersions=["v1"]), runtime("two")], None),
        ([runtime("one", disabled=True), runtime("two")], None),
    ],
)
def test_doubts_about_the_choice(runtimes: list[Any], words: str | None) -> None:
    found = subject._doubt(selection.choose(SERVICE, runtimes))
    assert (found is None) if words is None else (words in str(found))


TIED = [runtime("one"), runtime("two")]
BY_PROTOCOL = [runtime("one", protocolVersions=["v1"]), runtime("two")]
BY_PRIORITY = [runtime("one", priority=1), runtime("two", priority=2)]


@pytest.mark.parametrize(("runtimes", "tied"), [(TIED, True), (BY_PROTOCOL, False), (BY_PRIORITY, False)])
def test_a_tie_is_one_to_the_module_the_doctor_and_the_explanation(runtimes: list[Any], tied: bool) -> None:
    choice = selection.choose(SERVICE, runtimes)
    objects = [{"apiVersion": "serving.kserve.io/v1alpha1", **item} for item in runtimes] + [
        {"apiVersion": "serving.kserve.io/v1beta1", **SERVICE}
    ]
    found = {finding["code"] for finding in diagnose.preflight(objects, None)["findings"]}
    assert ("is a tie" in str(subject._doubt(choice))) is tied
    assert ("KS116" in found) is tied
    assert ("a tie" in choice.plain()["explanation"]) is tied
    assert ("a tie" in "\n".join(explaining.table([(SERVICE, choice)]))) is tied


def test_among_many_of_one_priority_the_order_is_no_comfort() -> None:
    many = [
        runtime(f"r{index:02}", created=f"2026-01-01T00:00:{index:02}Z", priority=index % 2 + 1) for index in range(30)
    ]
    choice = selection.choose(SERVICE, many)
    assert choice.unordered and "KServe's order of such is not stable" in str(subject._doubt(choice))


def test_a_named_runtime_is_no_tie() -> None:
    named = {**SERVICE, "spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn"}, "runtime": "one"}}}}
    assert subject._doubt(selection.choose(named, [runtime("one"), runtime("two")])) is None
    missing = {**SERVICE, "spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn"}, "runtime": "three"}}}}
    assert "finds no runtime" in str(subject._doubt(selection.choose(missing, [runtime("one")])))


# -- an assumed version ------------------------------------------------------------------------------------------------


class Unversioned:
    """Runtimes, and a controller whose version cannot be told."""

    def __init__(self, *runtimes: Any) -> None:
        self.runtimes = runtimes

    def list(self, resource: Any, namespace: str | None = None, *, label_selector: str = "") -> list[Any]:
        return [item for item in self.runtimes if item["kind"] == resource.kind]


def planned(live_runtime: str | None, *runtimes: Any, **given: Any) -> list[str]:
    """The warnings of a pinning task up to its writes; live_runtime: the pin that the live service has."""
    result = subject.Result()
    task = subject.Task([entry(pin_runtime=True, **given)], reconcile.Settings(manager="m"))
    run = subject._Run(Unversioned(*runtimes), task, result)  # type: ignore[arg-type]
    (item,) = run.items
    wanted = reconcile.Wanted(subject.rollout.INFERENCE_SERVICE, "iris", "a", subject._body(item.entry, "a"))
    live = reconcile.Live()
    if live_runtime:
        body = run._named(wanted, live_runtime).body or {}
        live.add(wanted.resource, [{**body, "metadata": {**body["metadata"], "uid": "1", "resourceVersion": "1"}}])
        owned = reconcile.plan([run._named(wanted, live_runtime)], live, task.settings)[0]
        live.add(wanted.resource, [{**(owned.after or {}), "metadata": _as_applied(owned.after or {}, body)}])
    item.change = run._planned(item, wanted, live)
    run._warn()
    assert item.change.writes is (live_runtime not in [one["metadata"]["name"] for one in runtimes] and bool(runtimes))
    return result.warnings


def _as_applied(after: Any, body: Any) -> Any:
    def fields(value: Any) -> Any:
        return {f"f:{key}": fields(item) for key, item in value.items()} if isinstance(value, dict) else {}

    content = {key: value for key, value in body.items() if key in ("spec",)}
    labels = {key: value for key, value in body["metadata"].items() if key in ("labels", "annotations")}
    owner = {
        "manager": "m",
        "operation": "Apply",
        "apiVersion": body["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": fields({**content, **({"metadata": labels} if labels else {})}),
    }
    return {**after["metadata"], "managedFields": [owner]}


def test_an_assumed_version_is_told_only_where_its_rules_decide() -> None:
    assert planned("one", runtime("one")) == [], "nothing is written, nothing moves"
    (said,) = planned(None, runtime("one"))
    assert "are assumed" in said, "a service is written"
    said, moved = planned("gone", runtime("one"))
    assert "are assumed" in said and "pinned to one now" in moved
    said, stays = planned("gone")
    assert "are assumed" in said and "stays pinned" in stays


# -- what counts as done -----------------------------------------------------------------------------------------------


class Unreadable(Unversioned):
    """A cluster that answers for services, of which it has none, and for nothing else."""

    def list(self, resource: Any, namespace: str | None = None, *, label_selector: str = "") -> list[Any]:
        raise errors.Unreachable("timed out")

    def get(self, resource: Any, name: str, namespace: str | None = None) -> None:
        assert resource.kind == "InferenceService"


def test_a_task_that_ends_before_the_first_write_changed_nothing() -> None:
    result = subject.Result()
    task = subject.Task([entry()], reconcile.Settings(manager="m"))
    with pytest.raises(errors.Unreachable):
        subject.run(Unreadable(), task, result)  # type: ignore[arg-type]
    (told,) = result.plain()["results"]
    assert (told["action"], told["changed"], told["object"], told["diff"]) == ("create", False, None, {})
    assert result.plain()["changed"] is False and result.diff() == []
