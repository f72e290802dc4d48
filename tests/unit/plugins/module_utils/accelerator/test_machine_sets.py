# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import machine_sets, nodes, owned

PREFIX = "accelerator.modelserving.io"


def node(name: str, gpus: int, product: str = "T4") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "resourceVersion": "1", "labels": {"nvidia.com/gpu.product": product}},
        "spec": {},
        "status": {"allocatable": {"nvidia.com/gpu": str(gpus)}},
    }


def machine(name: str, node_name: str | None, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "resourceVersion": "2",
            "ownerReferences": [{"kind": "MachineSet", "name": "gpu"}],
        },
        "spec": spec,
        "status": {"nodeRef": {"name": node_name}} if node_name else {},
    }


def machine_set(annotations: dict[str, str] | None = None, **template: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "gpu",
            "namespace": "openshift-machine-api",
            "resourceVersion": "3",
            "annotations": annotations or {},
        },
        "spec": {"template": {"spec": template}},
    }


def plan(
    subject: dict[str, Any],
    machines: list[dict[str, Any]],
    its_nodes: list[dict[str, Any]],
    everywhere: bool = True,
    **options: Any,
) -> machine_sets.SetPlan:
    by_name = {item["metadata"]["name"]: item for item in its_nodes}
    return machine_sets.plan(subject, machines, by_name, nodes.make_options(**options), everywhere=everywhere)


TAINT = {"key": "nvidia.com/gpu", "effect": "NoSchedule", "value": "present"}
OTHER = {"key": "team", "effect": "NoSchedule"}
RECORD = owned.Record({f"{PREFIX}/vendor": None}, {("nvidia.com/gpu", "NoSchedule"): None})
GIVEN = {"metadata": {"labels": {f"{PREFIX}/vendor": "nvidia", "role": "gpu"}}, "taints": [TAINT, OTHER]}
BARE = {"metadata": {"labels": {f"{PREFIX}/vendor": None}}, "taints": [OTHER]}


def labelled_set(
    vendor: str = "nvidia", annotations: dict[str, str] | None = None, product: str | None = None
) -> dict[str, Any]:
    """As an earlier run left it."""
    ours = {f"{PREFIX}/vendor": vendor, **({f"{PREFIX}/product": product} if product else {})}
    record = owned.Record(dict.fromkeys(ours), RECORD.taints if vendor == "nvidia" else {})
    given = {**GIVEN, "metadata": {"labels": {**ours, "role": "gpu"}}}
    given["taints"] = GIVEN["taints"] if vendor == "nvidia" else [OTHER]
    return machine_set({f"{PREFIX}/owned": record.text(), **(annotations or {})}, **given)


def test_the_template_gets_what_all_its_nodes_have_in_common() -> None:
    found = plan(
        machine_set(), [machine("a", "n1"), machine("b", "n2")], [node("n1", 1), node("n2", 4)], taints=[{"value": "x"}]
    )
    assert found.patch is not None
    assert found.patch["spec"]["template"]["spec"] == {
        "metadata": {"labels": {f"{PREFIX}/vendor": "nvidia", f"{PREFIX}/product": "T4"}},
        "taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule", "value": "x"}],
    }
    assert found.patch["metadata"]["resourceVersion"] == "3"
    assert (found.vendor, found.machines, found.born) == ("nvidia", [], {})


def test_nodes_that_differ_share_the_vendor_only() -> None:
    its_nodes = [node("n1", 1, "T4"), node("n2", 1, "A100")]
    found = plan(machine_set(), [machine("a", "n1"), machine("b", "n2")], its_nodes)
    assert found.change is not None
    assert found.change.after["labels"] == {f"{PREFIX}/vendor": "nvidia"}


def test_an_empty_set_says_by_annotation_what_it_will_have() -> None:
    announced = {"machine.openshift.io/GPU": "1"}
    change = plan(machine_set(announced), [], []).change
    assert change is not None and change.after["labels"] == {f"{PREFIX}/vendor": "nvidia"}
    amd = {
        "capacity.cluster-autoscaler.kubernetes.io/gpu-count": "2",
        "capacity.cluster-autoscaler.kubernetes.io/gpu-type": "amd.com/gpu",
    }
    change = plan(machine_set(amd), [], []).change
    assert change is not None and change.after["labels"] == {f"{PREFIX}/vendor": "amd"}


def test_the_type_that_the_autoscaler_takes_for_granted_is_the_weakest_evidence() -> None:
    """OpenShift writes only the number of GPUs, whoever made them."""
    number = {"machine.openshift.io/GPU": "1"}
    carried = labelled_set("amd", number)
    change = plan(carried, [], []).change
    assert change is not None and change.after["labels"] == {f"{PREFIX}/vendor": "amd"}
    told = {**number, "capacity.cluster-autoscaler.kubernetes.io/gpu-type": "habana.ai/gaudi"}
    change = plan(labelled_set("amd", told), [], []).change
    assert change is not None and change.after["labels"] == {f"{PREFIX}/vendor": "gaudi"}


NOT_READY = [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "Unknown"}]
NFD = "feature.node.kubernetes.io/pci-10de.present"


@pytest.mark.parametrize("announced", [{}, {"machine.openshift.io/GPU": "1"}], ids=["by its record", "by annotation"])
@pytest.mark.parametrize(
    ("node_labels", "allocatable", "conditions"),
    [
        pytest.param({}, {}, [], id="no label yet"),
        pytest.param({NFD: "true"}, {"nvidia.com/gpu": "0"}, [], id="no driver yet"),
        pytest.param({}, {}, NOT_READY, id="not ready"),
    ],
)
def test_a_node_that_comes_up_strips_neither_template_nor_machine(
    announced: dict[str, str], node_labels: dict[str, str], allocatable: dict[str, str], conditions: list[Any]
) -> None:
    """Of a set with one node, scaled up from zero or whose node is being replaced."""
    booting = node("n1", 0)
    booting["metadata"]["labels"] = node_labels
    booting["status"] = {"allocatable": allocatable, "conditions": conditions}
    subject = labelled_set(annotations=announced, product="T4")
    machines = [machine("a", "n1", **subject["spec"]["template"]["spec"])]
    found = plan(subject, machines, [booting], taints=[{}])
    assert (found.vendor, found.patch, found.machines) == ("nvidia", None, [])
    # nor does the plan for the node take away what it was born with
    given = subject["spec"]["template"]["spec"]
    booting["metadata"]["labels"] = {**node_labels, **given["metadata"]["labels"]}
    booting["spec"] = {"taints": given["taints"]}
    after = nodes.plan(booting, nodes.make_options(taints=[{}]), found.born["n1"]).change
    assert after is not None and after.taints is None
    assert not [key for key, value in after.labels.items() if value is None]


def test_nodes_with_devices_speak_for_those_that_come_up() -> None:
    booting = node("n2", 0)
    booting["metadata"]["labels"] = {NFD: "true"}
    found = plan(labelled_set("amd"), [machine("a", "n1"), machine("b", "n2")], [node("n1", 1), booting])
    assert found.change is not None
    assert found.change.after["labels"] == {f"{PREFIX}/vendor": "nvidia", f"{PREFIX}/product": "T4"}


def test_a_node_that_is_not_ready_has_no_say() -> None:
    broken = node("n1", 0)
    broken["status"] = {"allocatable": {"amd.com/gpu": "1"}, "conditions": NOT_READY}
    assert plan(labelled_set(product="T4"), [machine("a", "n1")], [broken], taints=[{}]).patch is None
    found = plan(labelled_set(), [machine("a", "n1"), machine("b", "n2")], [broken, node("n2", 1)])
    assert found.change is not None
    assert found.change.after["labels"] == {f"{PREFIX}/vendor": "nvidia", f"{PREFIX}/product": "T4"}


def test_a_set_that_is_scaled_to_zero_keeps_its_product() -> None:
    found = plan(labelled_set(annotations={"machine.openshift.io/GPU": "1"}, product="T4"), [], [], taints=[{}])
    assert (found.vendor, found.patch) == ("nvidia", None)


def test_a_set_of_which_nothing_is_known_is_left_alone() -> None:
    assert plan(machine_set(), [], []).change is None
    assert plan(machine_set({"machine.openshift.io/GPU": "0"}), [], []).change is None
    broken = node("n1", 0)
    broken["status"]["conditions"] = NOT_READY
    assert plan(machine_set(), [machine("a", "n1")], [broken]).change is None
    # its nodes exist, and were not looked at
    assert plan(machine_set(), [machine("a", "elsewhere")], []).change is None
    assert plan(machine_set(), [machine("a", "n1")], [node("n1", 1)], exclude=["n1"]).change is None


def test_a_set_without_devices_gets_nothing() -> None:
    found = plan(machine_set(), [machine("a", "n1")], [node("n1", 0)])
    assert found.patch is None


def test_removal_takes_it_from_template_and_machines() -> None:
    made_since = machine("new", "n2", **GIVEN)
    found = plan(labelled_set(), [machine("old", "n1"), made_since], [node("n1", 1), node("n2", 1)], present=False)
    assert found.patch == {
        "metadata": {"resourceVersion": "3", "annotations": {f"{PREFIX}/owned": None}},
        "spec": {"template": {"spec": BARE}},
    }
    assert found.machines == [("new", {"metadata": {"resourceVersion": "2"}, "spec": BARE})]
    # the node of the older Machine was given nothing: a taint like ours there is not from the template
    assert found.born == {"n2": owned.Born(RECORD)}


def test_a_machine_follows_what_its_template_changes() -> None:
    stale = {"metadata": {"labels": {f"{PREFIX}/vendor": "amd", "role": "gpu"}}, "taints": [OTHER, TAINT]}
    found = plan(labelled_set(), [machine("a", "n1", **stale)], [node("n1", 1)], taints=[{"value": "x"}])
    [(_name, patch)] = found.machines
    assert patch["spec"] == {
        "metadata": {"labels": {f"{PREFIX}/vendor": "nvidia"}},
        "taints": [OTHER, {**TAINT, "value": "x"}],
    }
    assert found.born["n1"] == owned.Born(RECORD, {f"{PREFIX}/vendor": "nvidia"}, [{**TAINT, "value": "x"}])


def test_a_taint_that_is_no_longer_asked_for_leaves_machines_and_the_nodes_born_with_it() -> None:
    found = plan(labelled_set(), [machine("a", "n1", **GIVEN)], [node("n1", 1)])
    assert found.machines[0][1]["spec"] == {"taints": [OTHER]}
    assert found.born["n1"] == owned.Born(RECORD, {f"{PREFIX}/vendor": "nvidia"})


def test_removal_leaves_alone_what_is_not_meant() -> None:
    """Sets of which no node is meant, and the Machines and the template of nodes that are not."""
    machines = [machine("a", "n1", **GIVEN), machine("b", "n2", **GIVEN)]
    both = [node("n1", 1), node("n2", 1)]
    for its_nodes, options in (([], {"everywhere": False}), (both, {"names": ["n3"]}), (both, {"exclude": ["n*"]})):
        found = plan(labelled_set(), machines, its_nodes, present=False, **options)
        assert (found.change, found.patch, found.machines, found.unsure) == (None, None, [], False)
    for its_nodes, options in (([both[0]], {"everywhere": False}), (both, {"exclude": ["n2"]})):
        found = plan(labelled_set(), machines, its_nodes, present=False, **options)
        assert found.patch is None and [name for name, _patch in found.machines] == ["a"]
        assert list(found.born) == ["n1"]


def test_without_nodes_nothing_says_whether_a_set_is_meant() -> None:
    announced = machine_set({"machine.openshift.io/GPU": "1"})
    for subject, present in ((labelled_set(), False), (announced, True)):
        found = plan(subject, [], [], present=present, everywhere=False)
        assert found.unsure and found.change is None
        assert plan(subject, [], [], present=present).patch
    assert not plan(machine_set(), [], [], present=False, everywhere=False).unsure


def test_nodes_that_are_gone_or_going_do_not_keep_a_set_from_being_cleaned() -> None:
    going = node("n1", 1)
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    found = plan(labelled_set(), [machine("a", "n1", **GIVEN), machine("b", "gone")], [going], present=False)
    assert found.patch and [name for name, _patch in found.machines] == ["a"]


def test_machines_are_matched_by_owner_or_label() -> None:
    by_label = {"metadata": {"name": "x", "labels": {"machine.openshift.io/cluster-api-machineset": "gpu"}}}
    assert list(machine_sets.members([machine("a", None), by_label, {"metadata": {"name": "lone"}}])) == ["gpu"]
