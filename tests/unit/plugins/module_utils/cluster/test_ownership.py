# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""decide, outcome, asked_for and predict against managedFields as an API server writes them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import ownership

ME = "modelserving.kserve"
Object = dict[str, Any]


def entry(fields: Object, manager: str = ME, operation: str = "Apply", **more: str) -> Object:
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields, **more}


def leaves(*names: str) -> Object:
    return {f"f:{name}": {} for name in names}


def runtime(spec: Object, labels: Object | None = None, managed: list[Object] | None = None, **more: Any) -> Object:
    metadata: Object = {"name": "triton", "namespace": "models"}
    if labels is not None:
        metadata["labels"] = labels
    if managed is not None:
        metadata |= {"managedFields": managed, "uid": "u-1", "resourceVersion": "7", "generation": 1}
    return {"apiVersion": "x/v1", "kind": "Thing", "metadata": metadata, "spec": spec, **more}


CONTAINER = {"name": "c", "image": "i:1", "ports": [{"containerPort": 8080}]}
SPEC: Object = {"containers": [CONTAINER], "multiModel": False, "nodeSelector": {"disk": "ssd"}}
LIVE_SPEC: Object = {**SPEC, "containers": [{**CONTAINER, "ports": [{"containerPort": 8080, "protocol": "TCP"}]}]}
FULL: Object = {
    "f:metadata": {"f:labels": leaves("team")},
    "f:spec": {**leaves("containers", "multiModel"), "f:nodeSelector": leaves("disk")},
}
MINIMAL: Object = {"f:metadata": {"f:labels": leaves("team")}, "f:spec": {}}
LABELS = {"team": "a"}
OTHERS = entry({"f:metadata": {"f:annotations": {".": {}, **leaves("seen")}}}, "kubectl-edit", "Update")
STATUS = entry({"f:status": {}}, ME, "Apply", subresource="status")


def without(fields: Object, *path: str) -> Object:
    fields = copy.deepcopy(fields)
    place = fields
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return fields


def decide(wanted: Object, live: Object | None) -> str:
    return ownership.decide(wanted, live, ME)


WANTED = runtime(SPEC, LABELS)

UNCHANGED_CASES = {
    "full CRD": runtime(LIVE_SPEC, LABELS, [entry(FULL)]),
    "minimal CRD": runtime(SPEC, LABELS, [entry(MINIMAL)]),
    "a default that somebody wrote out": runtime(LIVE_SPEC, LABELS, [entry(MINIMAL)]),
    "labels of others": runtime(LIVE_SPEC, {**LABELS, "x": "y"}, [entry(FULL), OTHERS]),
    "others own the same fields too": runtime(LIVE_SPEC, LABELS, [entry(FULL, "gitops"), entry(FULL)]),
    "fields of others beside ours": runtime(
        {**LIVE_SPEC, "disabled": True}, LABELS, [entry(FULL), entry({"f:spec": leaves("disabled")}, "other")]
    ),
    "a key of others in a map that is ours in part": runtime(
        {**LIVE_SPEC, "nodeSelector": {"disk": "ssd", "zone": "b"}},
        LABELS,
        [entry(FULL), entry({"f:spec": {"f:nodeSelector": leaves("zone")}}, "other")],
    ),
    "a status, and our entry on it": runtime(LIVE_SPEC, LABELS, [entry(FULL), STATUS], status={"ready": True}),
}


@pytest.mark.parametrize("name", UNCHANGED_CASES)
def test_unchanged(name: str) -> None:
    assert decide(WANTED, UNCHANGED_CASES[name]) == "unchanged"


ADOPT_CASES = {
    "created by another, full": runtime(LIVE_SPEC, LABELS, [entry(FULL, "kubectl", "Update")]),
    "created by another, minimal": runtime(SPEC, LABELS, [entry(MINIMAL, "kubectl", "Update")]),
    "our Update is not our Apply": runtime(LIVE_SPEC, LABELS, [entry(FULL, ME, "Update")]),
    "our Apply on the status is not ours": runtime(LIVE_SPEC, LABELS, [entry(FULL, ME, subresource="status")]),
    "no managedFields at all": runtime(LIVE_SPEC, LABELS, []),
    "another took a field over": runtime(
        LIVE_SPEC, LABELS, [entry(without(FULL, "f:spec", "f:multiModel")), entry(FULL, "other")]
    ),
    "another took a label over": runtime(LIVE_SPEC, LABELS, [entry(without(FULL, "f:metadata")), OTHERS]),
    "we own a field more, which another owns too": runtime(
        {**LIVE_SPEC, "disabled": True},
        LABELS,
        [
            entry({**FULL, "f:spec": {**FULL["f:spec"], **leaves("disabled")}}),
            entry({"f:spec": leaves("disabled")}, "other"),
        ],
    ),
    "we own an empty map that others filled": runtime(
        LIVE_SPEC,
        LABELS,
        [
            entry({**FULL, "f:spec": leaves("containers", "multiModel", "nodeSelector")}),
            entry({"f:spec": {"f:nodeSelector": leaves("disk")}}, "other"),
        ],
    ),
}


@pytest.mark.parametrize("name", ADOPT_CASES)
def test_adopt(name: str) -> None:
    assert decide(WANTED, ADOPT_CASES[name]) == "adopt"


CHANGE_CASES = {
    "another value": runtime({**LIVE_SPEC, "multiModel": True}, LABELS, [entry(FULL)]),
    "a value in a list": runtime({**SPEC, "containers": [{**CONTAINER, "image": "i:2"}]}, LABELS, [entry(FULL)]),
    "a key that is no default in a list": runtime(
        {**SPEC, "containers": [{**CONTAINER, "tty": True}]}, LABELS, [entry(FULL)]
    ),
    "a port that is not the default": runtime(
        {**SPEC, "containers": [{**CONTAINER, "ports": [{"containerPort": 8080, "protocol": "UDP"}]}]},
        LABELS,
        [entry(FULL)],
    ),
    "a longer list": runtime({**SPEC, "containers": [CONTAINER, CONTAINER]}, LABELS, [entry(FULL)]),
    "a missing field": runtime(without(LIVE_SPEC, "multiModel"), LABELS, [entry(FULL)]),
    "a missing label": runtime(LIVE_SPEC, {}, [entry(FULL)]),
    "a field taken out of the task": runtime(
        {**LIVE_SPEC, "disabled": True}, LABELS, [entry({**FULL, "f:spec": {**FULL["f:spec"], **leaves("disabled")}})]
    ),
    "a label taken out of the task": runtime(
        LIVE_SPEC, {**LABELS, "old": "1"}, [entry({**FULL, "f:metadata": {"f:labels": leaves("team", "old")}})]
    ),
    "a field more in a spec that is one field": runtime({**SPEC, "disabled": True}, LABELS, [entry(MINIMAL)]),
    "a field more in a spec that is one field of another": runtime(
        {**SPEC, "disabled": True}, LABELS, [entry(MINIMAL, "kubectl", "Update")]
    ),
}


@pytest.mark.parametrize("name", CHANGE_CASES)
def test_change(name: str) -> None:
    assert decide(WANTED, CHANGE_CASES[name]) == "change"


def test_create() -> None:
    assert decide(WANTED, None) == "create"


def test_nulls_and_empty_labels_are_not_wanted() -> None:
    wanted = runtime({**SPEC, "disabled": None}, {})
    assert decide(wanted, runtime(LIVE_SPEC, None, [entry({"f:spec": FULL["f:spec"]})])) == "unchanged"
    assert ownership.body_of(wanted) == runtime(SPEC)


def test_0_is_not_false() -> None:
    assert decide(WANTED, runtime({**LIVE_SPEC, "multiModel": 0}, LABELS, [entry(FULL)])) != "unchanged"


def test_an_empty_list_is_not_an_unset_one() -> None:
    wanted = runtime({**SPEC, "tolerations": []}, LABELS)
    assert decide(wanted, UNCHANGED_CASES["full CRD"]) == "change"


# Keyed lists, as an InferenceService has them (recorded form: k:{"name":"A"})
ENV = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
ENV_FIELDS: Object = {
    'k:{"name":"A"}': {".": {}, **leaves("name", "value")},
    'k:{"name":"B"}': {".": {}, **leaves("name", "value")},
}


def keyed(wanted: list[Object], live: list[Object], *managed: Object) -> str:
    return decide(runtime({"env": wanted}), runtime({"env": live}, None, list(managed)))


def env_entry(fields: Object, manager: str = ME) -> Object:
    return entry({"f:spec": {"f:env": fields}}, manager)


def test_keyed_list_unchanged() -> None:
    assert keyed(ENV, ENV, env_entry(ENV_FIELDS)) == "unchanged"


def test_keyed_list_with_an_item_of_another() -> None:
    foreign = env_entry({'k:{"name":"C"}': {".": {}, **leaves("name", "value")}}, "other")
    assert keyed(ENV, [*ENV, {"name": "C", "value": "3"}], env_entry(ENV_FIELDS), foreign) == "unchanged"


def test_keyed_list_item_taken_out() -> None:
    assert keyed(ENV[:1], ENV, env_entry(ENV_FIELDS)) in ("change", "adopt")


def test_keyed_list_value_and_order() -> None:
    assert keyed([ENV[0], {"name": "B", "value": "x"}], ENV, env_entry(ENV_FIELDS)) == "change"
    assert keyed(ENV[::-1], ENV, env_entry(ENV_FIELDS)) != "unchanged"


@pytest.mark.parametrize("written", [{}, {"protocol": "TCP"}])
def test_keyed_list_with_a_default_in_its_key(written: Object) -> None:
    fields = {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, **leaves("containerPort")}}
    live = runtime(
        {"ports": [{"containerPort": 80, "protocol": "TCP"}]}, None, [entry({"f:spec": {"f:ports": fields}})]
    )
    assert decide(runtime({"ports": [{"containerPort": 80, **written}]}), live) == "unchanged"


def test_sets() -> None:
    managed = [entry({"f:metadata": {"f:finalizers": {".": {}, 'v:"mine"': {}}}}), entry({}, "other")]
    live = runtime({}, None, managed)
    live["metadata"]["finalizers"] = ["mine", "theirs"]
    wanted = runtime({})
    del wanted["spec"]
    wanted["metadata"]["finalizers"] = ["mine"]
    assert decide(wanted, live) == "unchanged"
    wanted["metadata"]["finalizers"] = ["mine", "theirs"]
    assert decide(wanted, live) == "adopt"


# -- outcome and diff -------------------------------------------------------------------------------------------


def asked_for(wanted: Object, before: Object | None, after: Object | None) -> Any:
    return ownership.asked_for(wanted, before, after, ME)


def test_a_diff_leaves_out_status_defaults_and_others() -> None:
    before = runtime(
        {**LIVE_SPEC, "disabled": True, "nodeSelector": {"disk": "hdd", "zone": "b"}},
        {**LABELS, "x": "y"},
        [entry(FULL), entry({"f:spec": {"f:nodeSelector": leaves("zone")}}, "other")],
        status={"a": 1},
    )
    after = copy.deepcopy(before)
    after["spec"]["nodeSelector"]["disk"] = "ssd"
    after["status"] = {"a": 2}
    old, new = asked_for(WANTED, before, after)
    assert old == runtime({**SPEC, "nodeSelector": {"disk": "hdd"}}, LABELS)
    assert new == WANTED


def test_a_diff_shows_what_was_taken_out() -> None:
    before = CHANGE_CASES["a field taken out of the task"]
    old, new = asked_for(WANTED, before, UNCHANGED_CASES["full CRD"])
    assert old["spec"]["disabled"] is True
    assert "disabled" not in new["spec"]


def test_a_diff_of_what_was_not_there() -> None:
    assert asked_for(WANTED, None, UNCHANGED_CASES["full CRD"]) == (None, WANTED)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, UNCHANGED_CASES["full CRD"], "create"),
        (UNCHANGED_CASES["full CRD"], UNCHANGED_CASES["full CRD"], "unchanged"),
        (ADOPT_CASES["created by another, full"], UNCHANGED_CASES["full CRD"], "adopt"),
        (CHANGE_CASES["another value"], UNCHANGED_CASES["full CRD"], "change"),
        (CHANGE_CASES["a field more in a spec that is one field"], UNCHANGED_CASES["minimal CRD"], "change"),
    ],
)
def test_outcome(before: Object | None, after: Object, expected: str) -> None:
    assert ownership.outcome(WANTED, before, after, ME) == expected


def test_outcome_ignores_what_others_did_meanwhile() -> None:
    before = UNCHANGED_CASES["full CRD"]
    after = copy.deepcopy(before)
    after["metadata"] |= {"annotations": {"seen": "1"}, "resourceVersion": "9"}
    after["spec"]["disabled"] = True
    after["status"] = {"x": 1}
    assert ownership.outcome(WANTED, before, after, ME) == "unchanged"


def test_every_expected_change_is_predicted_to_reach_the_wanted_state() -> None:
    shared = "we own a field more, which another owns too"
    for live in [*CHANGE_CASES.values(), *(case for name, case in ADOPT_CASES.items() if name != shared)]:
        after = ownership.predict(WANTED, live, ME)
        _old, new = asked_for(WANTED, live, after)
        assert new == WANTED


def test_a_prediction_keeps_what_others_own() -> None:
    live = runtime(
        {**LIVE_SPEC, "disabled": True, "hostIPC": True},
        {**LABELS, "x": "y"},
        [
            entry({**FULL, "f:spec": {**FULL["f:spec"], **leaves("disabled", "hostIPC")}}),
            entry({"f:spec": leaves("disabled"), "f:metadata": {"f:labels": leaves("x")}}, "other"),
        ],
        status={"a": 1},
    )
    after = ownership.predict(WANTED, live, ME)
    assert after["spec"] == {**SPEC, "disabled": True}
    assert after["metadata"]["labels"] == {**LABELS, "x": "y"}
    assert after["status"] == {"a": 1}


def test_a_prediction_replaces_a_spec_that_is_one_field() -> None:
    live = CHANGE_CASES["a field more in a spec that is one field"]
    assert ownership.predict(WANTED, live, ME)["spec"] == SPEC


def test_what_is_sent_takes_the_defaults_of_what_is_there() -> None:
    sent = ownership.body_of(WANTED, ADOPT_CASES["created by another, full"])
    assert sent["spec"]["containers"] == LIVE_SPEC["containers"]
    changed = runtime({**SPEC, "containers": [{**CONTAINER, "image": "i:2"}]}, LABELS)
    assert ownership.body_of(changed, ADOPT_CASES["created by another, full"]) == changed
    minimal = runtime(LIVE_SPEC, LABELS, [entry(MINIMAL, "kubectl")])
    assert ownership.body_of(WANTED, minimal)["spec"] == LIVE_SPEC


def test_what_is_sent_takes_nothing_that_is_not_wanted() -> None:
    more = {**LIVE_SPEC, "nodeSelector": {"disk": "ssd", "zone": "b"}, "disabled": True}
    live = runtime(more, LABELS, [entry(FULL), entry({"f:spec": {"f:nodeSelector": leaves("zone")}}, "other")])
    assert ownership.body_of(WANTED, live)["spec"] == LIVE_SPEC


def test_presentable() -> None:
    live = UNCHANGED_CASES["a status, and our entry on it"]
    shown = ownership.presentable(live)
    assert shown is not None and "status" not in shown and "managedFields" not in shown["metadata"]
    assert "status" in live and ownership.presentable(None) is None
