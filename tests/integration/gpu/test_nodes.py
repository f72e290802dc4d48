# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gpu_node on a real API server: what it writes, what it leaves alone, and with others writing at the same time."""

from __future__ import annotations

import copy
import random
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import owned
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import NODE, Resource

from tests.integration.gpu.support import OPERATOR_LABELS, Object, Operators, Run, content, fake_node, offer

PREFIX = "accelerator.modelserving.io"
MakeNodes = Callable[[Iterable[Object]], list[str]]
TAINT = {"key": "nvidia.com/gpu", "effect": "NoSchedule", "value": "present"}
FOREIGN = {"key": "team", "effect": "NoSchedule", "value": "vision"}


def get(client: Client, name: str) -> Object:
    found = client.get(NODE, name)
    assert found
    return found


def ours(node: Object) -> dict[str, str]:
    labels = node["metadata"].get("labels", {})
    return {key.removeprefix(f"{PREFIX}/"): value for key, value in labels.items() if key.startswith(f"{PREFIX}/")}


def entry(outcome: Any, name: str) -> dict[str, Any]:
    [found] = [item for item in outcome.nodes if item["name"] == name]
    return dict(found)


STEPS: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({}, False),
    ({"taints": [{"value": "present"}]}, True),
    ({"taints": [{"value": "present"}]}, False),
    ({"taints": [{"value": "other", "effect": "NoExecute"}], "extra_labels": {"example.org/pool": "serving"}}, True),
    ({"taints": [{"value": "other", "effect": "NoExecute"}], "extra_labels": {"example.org/pool": "serving"}}, False),
    ({"present": False}, True),
    ({"present": False}, False),
]


def test_every_step_is_predicted_repeatable_and_undone(
    client: Client, make_nodes: MakeNodes, run: Run, tag: str
) -> None:
    labels = {**OPERATOR_LABELS, "test": tag, "example.org/pool": "theirs"}
    make_nodes([fake_node(tag, {"nvidia.com/gpu": "2"}, labels, {"example.org/note": "kept"}, taints=[FOREIGN])])
    before = content(get(client, tag))
    for options, changes in STEPS:
        untouched = content(get(client, tag))
        predicted = run(check=True, selector=f"test={tag}", **options)
        assert content(get(client, tag)) == untouched, "check mode wrote"
        done = run(selector=f"test={tag}", **options)
        assert predicted.plain() == done.plain(), options
        assert done.plain()["changed"] is changes, options
    assert content(get(client, tag)) == before


def test_what_is_written(client: Client, make_nodes: MakeNodes, run: Run, tag: str) -> None:
    make_nodes([fake_node(tag, {"nvidia.com/gpu": "2"}, {**OPERATOR_LABELS, "test": tag}, taints=[FOREIGN])])
    run(selector=f"test={tag}", taints=[{}])
    node = get(client, tag)
    assert ours(node) == {
        "vendor": "nvidia",
        "product": "Tesla-T4",
        "memory": "15360",
        "count": "2",
        "state": "healthy",
    }
    assert node["spec"]["taints"] == [FOREIGN, TAINT]
    record = owned.Record.parse(node["metadata"]["annotations"][f"{PREFIX}/owned"])
    assert set(record.labels) == {f"{PREFIX}/{name}" for name in ours(node)}


def test_a_device_that_goes_away_takes_its_labels_along(
    client: Client, make_nodes: MakeNodes, operators: Operators, run: Run, tag: str
) -> None:
    make_nodes([fake_node(tag, {"nvidia.com/gpu": "2"}, {**OPERATOR_LABELS, "test": tag})])
    run(selector=f"test={tag}", taints=[{}])
    offer(client, tag, {"nvidia.com/gpu": None})
    outcome = run(selector=f"test={tag}", taints=[{}])
    node = get(client, tag)
    assert ours(node)["state"] == "driver-not-ready"
    assert "count" not in ours(node)
    assert "feature.node.kubernetes.io/pci-10de.present" in outcome.warnings[0]
    # the card is pulled: NFD takes its label away, and so do we with ours
    operators.write(tag, dict.fromkeys(OPERATOR_LABELS))
    run(selector=f"test={tag}", taints=[{}])
    node = get(client, tag)
    assert ours(node) == {}
    assert "taints" not in node["spec"]
    assert f"{PREFIX}/owned" not in node["metadata"]["annotations"]


def test_which_nodes_are_left_alone(client: Client, make_nodes: MakeNodes, run: Run, tag: str) -> None:
    gpu = {"nvidia.com/gpu": "1"}
    make_nodes(
        [
            fake_node(f"{tag}-plain", {}, {"test": tag}),
            fake_node(f"{tag}-windows", gpu, {"test": tag, "kubernetes.io/os": "windows"}),
            fake_node(f"{tag}-control", gpu, {"test": tag, "node-role.kubernetes.io/control-plane": ""}),
            fake_node(f"{tag}-lab-1", gpu, {"test": tag}),
            fake_node(f"{tag}-leaving", gpu, {"test": tag}),
            fake_node(f"{tag}-taken", gpu, {"test": tag}),
        ]
    )
    client.patch(NODE, f"{tag}-leaving", {"metadata": {"finalizers": ["example.org/wait"]}})
    client.delete(NODE, f"{tag}-leaving")
    try:
        outcome = run(selector=f"test={tag}", exclude=[f"{tag}-lab-*"])
        skipped = {item["name"].removeprefix(f"{tag}-"): item["skipped"] for item in outcome.nodes}
        assert skipped == {
            "windows": "runs Windows",
            "control": "is a control plane node",
            "lab-1": "is excluded",
            "leaving": "is being deleted",
            "taken": None,
        }
        live = {node["metadata"]["name"]: node for node in client.list(NODE, label_selector=f"test={tag}")}
        assert [name for name, node in live.items() if ours(node)] == [f"{tag}-taken"]
        assert outcome.summary["nodes"] == 6
        assert outcome.summary["skipped"] == 4
    finally:
        client.patch(NODE, f"{tag}-leaving", {"metadata": {"finalizers": None}})
    run(selector=f"test={tag}", control_plane=True, names=[f"{tag}-control"])
    assert ours(get(client, f"{tag}-control"))["vendor"] == "nvidia"
    run(selector=f"test={tag}", present=False)  # what was written is taken back wherever it is
    assert ours(get(client, f"{tag}-control")) == {}


def test_a_name_that_is_no_node(run: Run, tag: str) -> None:
    with pytest.raises(errors.NotFound, match=f"no node {tag}"):
        run(names=[tag])


def test_requests_are_one_list_and_one_patch_for_each_difference(
    client: Client, make_nodes: MakeNodes, run: Run, tag: str, full: bool
) -> None:
    count, gpus = (1000, 400) if full else (60, 24)
    make_nodes(
        fake_node(f"{tag}-{index}", {"nvidia.com/gpu": "1"} if index < gpus else {}, {"test": tag})
        for index in range(count)
    )
    start = client.requests
    client.list(NODE, label_selector=f"test={tag}")
    pages = client.requests - start  # of 500 nodes; an empty one ends the list where other nodes follow
    assert pages in (-(-count // 500), -(-count // 500) + 1)

    def requests(**options: Any) -> int:
        start = client.requests
        run(selector=f"test={tag}", **options)
        return client.requests - start

    assert requests() == pages + gpus
    assert requests() == pages
    offer(client, f"{tag}-0", {"nvidia.com/gpu": "2"})
    assert requests() == pages + 1
    assert requests(taints=[{}], check=True) == pages + gpus
    assert requests(present=False) == pages + gpus
    assert requests(present=False) == pages


class Meddler(Client):
    """A client whose every patch finds that somebody else has just written to the node."""

    def __init__(self, other: Client, edits: list[Callable[[], Any]]) -> None:
        super().__init__(other._configuration, timeout=60)
        self.edits = edits
        self.conflicts = 0

    def patch(self, resource: Resource, name: str, body: Any, namespace: str | None = None, **more: Any) -> Object:
        if self.edits and not more.get("dry_run"):
            self.edits.pop(0)()
        try:
            return super().patch(resource, name, body, namespace, **more)
        except errors.Conflict:
            self.conflicts += 1
            raise


def test_what_others_write_meanwhile_is_kept(client: Client, make_nodes: MakeNodes, run: Run, tag: str) -> None:
    make_nodes([fake_node(tag, {"nvidia.com/gpu": "1"}, {"test": tag})])
    meddler = Meddler(
        client,
        [
            lambda: client.patch(NODE, tag, {"spec": {"unschedulable": True, "taints": [FOREIGN]}}),
            lambda: client.patch(NODE, tag, {"metadata": {"labels": {f"{PREFIX}/vendor": "mine"}}}),
            lambda: offer(client, tag, {"nvidia.com/gpu": "4"}),
        ],
    )
    outcome = run(on=meddler, selector=f"test={tag}", taints=[{"value": "present"}])
    node = get(client, tag)
    assert meddler.conflicts >= 3  # kwok writes to the node as well
    assert entry(outcome, tag)["after"]["labels"][f"{PREFIX}/count"] == "4"
    assert ours(node)["count"] == "4"
    assert node["spec"]["unschedulable"] is True
    assert [taint for taint in node["spec"]["taints"] if taint in (FOREIGN, TAINT)] == [FOREIGN, TAINT]
    run(selector=f"test={tag}", present=False)
    node = get(client, tag)
    assert ours(node) == {"vendor": "mine"}, "what somebody wrote there before us comes back"
    assert FOREIGN in node["spec"]["taints"] and TAINT not in node["spec"]["taints"]
    assert node["spec"]["unschedulable"] is True


def test_a_node_that_vanishes_meanwhile(client: Client, make_nodes: MakeNodes, run: Run, tag: str) -> None:
    make_nodes([fake_node(tag, {"nvidia.com/gpu": "1"}, {"test": tag})])
    meddler = Meddler(client, [lambda: client.delete(NODE, tag)])
    outcome = run(on=meddler, selector=f"test={tag}")
    assert (entry(outcome, tag)["action"], entry(outcome, tag)["changed"]) == ("gone", False)


def test_somebody_else_at_work_on_the_same_nodes(
    client: Client, make_nodes: MakeNodes, run: Run, tag: str, full: bool
) -> None:
    """A second writer adds and removes its own labels and taints all the while: nothing of either is lost."""
    chance = random.Random(7)
    names = make_nodes(fake_node(f"{tag}-{index}", {"nvidia.com/gpu": "1"}, {"test": tag}) for index in range(4))
    stop = threading.Event()
    theirs: dict[str, list[Object]] = {name: [] for name in names}

    def write(name: str) -> None:
        while True:
            live = get(client, name)
            taints = [taint for taint in live["spec"].get("taints", []) if not taint["key"].startswith("theirs-")]
            wanted = [{"key": f"theirs-{chance.randrange(3)}", "effect": "NoSchedule"}] if chance.random() < 0.8 else []
            body = {
                "metadata": {
                    "resourceVersion": live["metadata"]["resourceVersion"],
                    "labels": {"theirs": str(chance.random())},
                },
                "spec": {"taints": taints + wanted or None},
            }
            try:
                client.patch(NODE, name, body)
            except errors.Conflict:
                continue
            theirs[name] = wanted
            return

    def keep_writing() -> None:
        while not stop.is_set():
            write(chance.choice(names))

    other = threading.Thread(target=keep_writing)
    other.start()
    try:
        for index in range(30 if full else 8):
            outcome = run(selector=f"test={tag}", taints=[{"value": str(index)}])
            assert not outcome.failures()
    finally:
        stop.set()
        other.join()
    for name in names:
        taints = [{key: taint.get(key) for key in ("key", "effect")} for taint in get(client, name)["spec"]["taints"]]
        assert taints.count({"key": "nvidia.com/gpu", "effect": "NoSchedule"}) == 1
        assert [taint for taint in taints if taint["key"].startswith("theirs-")] == theirs[name]
    run(selector=f"test={tag}", present=False)
    for name in names:
        left = [taint["key"] for taint in get(client, name)["spec"].get("taints", [])]
        assert "nvidia.com/gpu" not in left


def test_two_tasks_at_once_end_well(client: Client, make_nodes: MakeNodes, run: Run, tag: str) -> None:
    names = make_nodes(fake_node(f"{tag}-{index}", {"nvidia.com/gpu": "1"}, {"test": tag}) for index in range(12))
    outcomes: list[Any] = []

    def go() -> None:
        outcomes.append(run(selector=f"test={tag}", taints=[{}]))

    threads = [threading.Thread(target=go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 3 and not any(item.failures() for item in outcomes)
    changed = [item["name"] for outcome in outcomes for item in outcome.nodes if item["changed"]]
    assert sorted(changed) == sorted(names), "each node is changed by exactly one of them"


def test_a_real_node_with_a_kubelet(
    client: Client,
    workers: list[str],
    real_node: Callable[[str, dict[str, str]], None],
    run: Run,
    eventually: Callable[..., Any],
) -> None:
    name = workers[0]
    before = content(get(client, name))
    real_node(name, {"nvidia.com/gpu": "2", "nvidia.com/mig-1g.5gb": "3"})
    # the kubelet takes the capacity over and does not forget it
    eventually(lambda: get(client, name)["status"]["allocatable"].get("nvidia.com/mig-1g.5gb") == "3")
    run(names=[name])
    assert ours(get(client, name)) == {
        "vendor": "nvidia",
        "count": "5",
        "mig": "mixed",
        "mig-1g.5gb": "3",
        "state": "healthy",
    }
    assert not run(names=[name]).plain()["changed"]
    real_node(name, {"nvidia.com/mig-1g.5gb": "0"})
    eventually(lambda: get(client, name)["status"]["allocatable"].get("nvidia.com/mig-1g.5gb") == "0")
    run(names=[name])
    assert ours(get(client, name)) == {"vendor": "nvidia", "count": "2", "state": "healthy"}
    run(names=[name], present=False)
    assert content(get(client, name)) == before


def test_diff_shows_our_part_only(client: Client, make_nodes: MakeNodes, run: Run, tag: str) -> None:
    make_nodes([fake_node(tag, {"amd.com/gpu": "1"}, {"test": tag, "zone": "a"}, taints=[copy.deepcopy(FOREIGN)])])
    [shown] = run(selector=f"test={tag}", check=True).diff()
    assert shown["before_header"] == f"Node {tag}"
    assert shown["before"] == {"labels": {}, "taints": []}
    assert shown["after"]["labels"][f"{PREFIX}/vendor"] == "amd"
    assert shown["after"]["taints"] == []
