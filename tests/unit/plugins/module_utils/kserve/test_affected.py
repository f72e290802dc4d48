# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services a runtime's coming, changing and going concerns."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import affected
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from hypothesis import given
from hypothesis import strategies as st

A = {"kind": "ClusterServingRuntime", "name": "a"}
B = {"kind": "ClusterServingRuntime", "name": "b"}


def runtime(name: str, priority: int | None = None, namespace: str | None = None, **spec: Any) -> dict[str, Any]:
    entry = {"name": "sklearn", "version": "1", "autoSelect": True, **({"priority": priority} if priority else {})}
    return {
        "kind": "ServingRuntime" if namespace else "ClusterServingRuntime",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "spec": {
            "supportedModelFormats": [entry],
            "containers": [{"name": "kserve-container", "image": "example/server:1"}],
            **spec,
        },
    }


def service(name: str = "iris", namespace: str = "models", **model: Any) -> dict[str, Any]:
    predictor = {"model": {"modelFormat": {"name": "sklearn"}, **model}}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"predictor": predictor}}


def held(**status: Any) -> dict[str, Any]:
    wanted = service()
    wanted["metadata"]["annotations"] = {"serving.kserve.io/disable-auto-update": "true"}
    return {**wanted, "status": {"conditions": [{"type": "Ready", **status}]}}


def with_metadata(wanted: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {**wanted, "metadata": {**wanted["metadata"], **metadata}}


def stopped(word: str = "true", **model: Any) -> dict[str, Any]:
    return with_metadata(service(**model), annotations={"serving.kserve.io/stop": word})


def going(**model: Any) -> dict[str, Any]:
    return with_metadata(service(**model), deletionTimestamp="2026-01-31T08:00:00Z")


@pytest.mark.parametrize(
    "asked, before, after, moved, words",
    [
        (service(), [runtime("a", 1)], [runtime("a", 1), runtime("b", 2)], (A, B), "priority for sklearn is 2"),
        (service(), [runtime("a")], [], (A, None), "no longer there"),
        (service(), [], [runtime("a")], (None, A), "before, no runtime did"),
        (service(), [runtime("a")], [runtime("a", disabled=True)], (A, None), "is disabled"),
        (service(), [runtime("a"), runtime("b")], [runtime("a", disabled=True), runtime("b")], (A, B), "is disabled"),
        (service(), [runtime("a")], [runtime("a"), runtime("b", namespace="other")], None, ""),
        (
            service(),
            [runtime("a")],
            [runtime("a"), runtime("a", namespace="models")],
            (A, {"kind": "ServingRuntime", "name": "a"}),
            "runtimes of the namespace come before",
        ),
        (
            service(runtime="a"),
            [runtime("a")],
            [runtime("a"), runtime("a", namespace="models")],
            (A, {"kind": "ServingRuntime", "name": "a"}),
            "hidden by the ServingRuntime of the same name",
        ),
        (service(runtime="a"), [runtime("a", 1)], [runtime("a", 1), runtime("b", 2)], None, ""),
        (service(), [runtime("a", 1)], [runtime("a", 2)], None, ""),
        (held(status="True"), [runtime("a")], [], None, ""),
        (held(status="False"), [runtime("a")], [], (A, None), "no longer there"),
        (going(), [runtime("a")], [], None, ""),
        (going(runtime="a"), [runtime("a")], [], None, ""),
        # KServe chooses for a stopped service too, and tells it where there is none
        (stopped(), [runtime("a")], [], (A, None), "no longer there"),
    ],
)
def test_moves(asked: Any, before: Any, after: Any, moved: Any, words: str) -> None:
    found = affected.moves([asked], before, after)
    if moved is None:
        assert found == []
        return
    assert [(item["from"], item["to"]) for item in found] == [moved]
    assert (found[0]["namespace"], found[0]["name"]) == ("models", "iris")
    assert words in found[0]["reason"]


def test_moves_come_in_the_services_order() -> None:
    services = [service(name) for name in "cab"]
    assert [item["name"] for item in affected.moves(services, [runtime("a")], [])] == ["c", "a", "b"]


@pytest.mark.parametrize(
    "change, fields",
    [
        ({"containers": [{"name": "kserve-container", "image": "example/server:2"}]}, ["containers"]),
        ({"nodeSelector": {"gpu": "yes"}, "tolerations": [{"key": "gpu"}]}, ["nodeSelector", "tolerations"]),
        ({"annotations": {"prometheus.kserve.io/port": "8080"}}, ["annotations"]),
        ({"labels": {}}, []),
        ({"protocolVersions": ["v1"]}, []),
        ({"disabled": False}, []),
        ({"workerSpec": None}, []),
        ({"containers": [{"name": "kserve-container", "image": "example/server:1", "env": None}]}, []),
        # What the schema fills in is no change.
        (
            {
                "containers": [
                    {"name": "kserve-container", "image": "example/server:1", "ports": [{"containerPort": 1}]}
                ]
            },
            ["containers"],
        ),
    ],
)
def test_restarts(change: Any, fields: list[str]) -> None:
    found = affected.restarts([service()], [runtime("a")], [runtime("a", **change)])
    assert [item["fields"] for item in found] == ([fields] if fields else [])
    assert [item["runtime"] for item in found] == ([A] if fields else [])


def test_what_the_schema_fills_in_restarts_nothing() -> None:
    container = {"name": "kserve-container", "ports": [{"containerPort": 1}]}
    filled = {"name": "kserve-container", "ports": [{"containerPort": 1, "protocol": "TCP"}]}
    before, after = runtime("a", containers=[container]), runtime("a", containers=[filled])
    assert affected.restarts([service()], [before], [after]) == []


@pytest.mark.parametrize(
    "asked, restarted",
    [(going(), False), (stopped(), False), (stopped("True"), False), (stopped("false"), True), (stopped("yes"), True)],
)
def test_services_without_pods_do_not_restart(asked: Any, restarted: bool) -> None:
    changed = runtime("a", nodeSelector={"gpu": "yes"})
    assert bool(affected.restarts([asked], [runtime("a")], [changed])) is restarted


@pytest.mark.parametrize("named", [None, "a"])
def test_a_service_that_is_being_deleted_uses_nothing_and_a_stopped_one_does(named: str | None) -> None:
    there = [runtime("a")]
    assert affected.users([going(runtime=named)], there, there) == [[]]
    (found,) = affected.users([stopped(runtime=named)], there, there)
    assert [item["name"] for item in found] == ["iris"]


def test_the_server_type_restarts() -> None:
    changed = runtime("a")
    changed["metadata"]["annotations"] = {"serving.kserve.io/server-type": "mlserver"}
    assert affected.restarts([service()], [runtime("a")], [changed])[0]["fields"] == ["server-type"]
    assert affected.restarts([service()], [runtime("a")], [changed], "0.16.0") == []


def test_a_service_that_moves_is_no_restart() -> None:
    before, after = [runtime("a", 1)], [runtime("a", 1, nodeSelector={"a": "b"}), runtime("b", 2)]
    assert affected.restarts([service()], before, after) == []
    assert len(affected.moves([service()], before, after)) == 1


def test_worker_specs_restart_services_with_several_nodes_only() -> None:
    before = runtime("a", workerSpec={"containers": [{"name": "worker-container", "image": "a"}]})
    after = runtime("a", workerSpec={"containers": [{"name": "worker-container", "image": "b"}]})
    several = service()
    several["spec"]["predictor"]["workerSpec"] = {}
    assert [item["fields"] for item in affected.restarts([several, service("x", runtime="a")], [before], [after])] == [
        ["workerSpec"]
    ]


def test_users() -> None:
    there = [runtime("a", 2), runtime("b", 1, disabled=True), runtime("a", namespace="other")]
    services = [
        service("selected"),
        service("named", runtime="a"),
        service("elsewhere", "other"),
        service("refused", runtime="b"),
        service("absent", runtime="c"),
    ]
    nobodys = runtime("c", namespace="third")
    assert affected.users(services, [*there, nobodys], there) == [
        [
            {"namespace": "models", "name": "selected", "how": "selected"},
            {"namespace": "models", "name": "named", "how": "named"},
        ],
        [{"namespace": "models", "name": "refused", "how": "named"}],
        [{"namespace": "other", "name": "elsewhere", "how": "selected"}],
        [],
    ]


def test_a_runtime_that_cannot_be_read_matters_to_the_services_that_might_get_it() -> None:
    broken = {**runtime("broken", namespace="third"), "spec": {"supportedModelFormats": ["sklearn"]}}
    there = [runtime("a"), broken]
    assert len(affected.users([service()], [runtime("a")], there)[0]) == 1
    assert affected.users([service()], [broken], there) == [[]]
    for ask in (affected.moves, affected.restarts, affected.users):
        with pytest.raises(
            SpecError, match=r"the ServingRuntime third/broken cannot be read: spec.supportedModelFormats"
        ):
            ask([service(namespace="third")], there, there)


def test_the_users_of_many_runtimes_cost_one_choice_for_each_service(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = []
    choose = affected.selection.choose_among
    monkeypatch.setattr(affected.selection, "choose_among", lambda *given: chosen.append(given) or choose(*given))
    there = [runtime("a", namespace=f"n{number}") for number in range(20)]
    services = [service(namespace=f"n{number}") for number in range(20)]
    assert [len(users) for users in affected.users(services, there, there)] == [1] * 20
    assert len(chosen) == 20


RUNTIMES = st.lists(
    st.builds(
        runtime,
        st.sampled_from("abc"),
        st.sampled_from([None, 1, 2]),
        st.sampled_from([None, "models"]),
        disabled=st.booleans(),
    ),
    max_size=5,
    unique_by=lambda item: (item["kind"], item["metadata"]["name"]),
)
SERVICES = st.lists(st.builds(service, st.sampled_from("xyz"), runtime=st.sampled_from([None, "a", "b"])), max_size=4)


@given(SERVICES, RUNTIMES)
def test_nothing_changed_concerns_nobody(services: Any, there: Any) -> None:
    assert affected.moves(services, there, copy.deepcopy(there)) == []
    assert affected.restarts(services, there, copy.deepcopy(there)) == []


@given(SERVICES, RUNTIMES, RUNTIMES)
def test_moving_back_is_the_mirror(services: Any, before: Any, after: Any) -> None:
    there = affected.moves(services, before, after)
    back = affected.moves(services, after, before)
    assert [(item["name"], item["from"], item["to"]) for item in there] == [
        (item["name"], item["to"], item["from"]) for item in back
    ]


@given(SERVICES, RUNTIMES)
def test_deleting_moves_exactly_the_users(services: Any, there: Any) -> None:
    for gone, users in zip(there, affected.users(services, there, there), strict=True):
        left = [item for item in there if item is not gone]
        moved = [item["name"] for item in affected.moves(services, there, left)]
        assert set(moved) <= {item["name"] for item in users}
        assert all(item["name"] in moved for item in users if item["how"] == "selected")
