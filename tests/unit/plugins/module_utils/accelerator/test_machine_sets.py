# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

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
    subject: dict[str, Any], machines: list[dict[str, Any]], its_nodes: list[dict[str, Any]], **options: Any
) -> machine_sets.SetPlan:
    by_name = {item["metadata"]["name"]: item for item in its_nodes}
    return machine_sets.plan(subject, machines, by_name, nodes.make_options(**options))


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
    assert (found.nodes, found.vendor, found.machines) == (["n1", "n2"], "nvidia", [])


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


def test_a_set_of_which_nothing_is_known_is_left_alone() -> None:
    assert plan(machine_set(), [], []).change is None
    assert plan(machine_set({"machine.openshift.io/GPU": "0"}), [], []).change is None
    # its nodes exist, and were not looked at
    assert plan(machine_set(), [machine("a", "elsewhere")], []).change is None
    assert plan(machine_set(), [machine("a", "n1")], [node("n1", 1)], exclude=["n1"]).change is None


def test_a_set_without_devices_gets_nothing() -> None:
    found = plan(machine_set(), [machine("a", "n1")], [node("n1", 0)])
    assert found.patch is None


def test_removal_takes_it_from_template_and_machines() -> None:
    taint = {"key": "nvidia.com/gpu", "effect": "NoSchedule"}
    record = owned.Record({f"{PREFIX}/vendor": None}, {("nvidia.com/gpu", "NoSchedule"): None})
    labels = {f"{PREFIX}/vendor": "nvidia", "role": "gpu"}
    other = {"key": "team", "effect": "NoSchedule"}
    subject = machine_set({f"{PREFIX}/owned": record.text()}, metadata={"labels": labels}, taints=[taint, other])
    made_since = machine("new", "n2", metadata={"labels": labels}, taints=[taint, other])
    found = plan(subject, [machine("old", "n1"), made_since], [node("n1", 1), node("n2", 1)], present=False)
    assert found.patch == {
        "metadata": {"resourceVersion": "3", "annotations": {f"{PREFIX}/owned": None}},
        "spec": {
            "template": {"spec": {"metadata": {"labels": {f"{PREFIX}/vendor": None}}, "taints": [other]}},
        },
    }
    assert found.machines == [
        (
            "new",
            {
                "metadata": {"resourceVersion": "2"},
                "spec": {"metadata": {"labels": {f"{PREFIX}/vendor": None}}, "taints": [other]},
            },
        )
    ]
    assert found.record == record


def test_machines_are_matched_by_owner_or_label() -> None:
    by_label = {"metadata": {"name": "x", "labels": {"machine.openshift.io/cluster-api-machineset": "gpu"}}}
    assert list(machine_sets.members([machine("a", None), by_label, {"metadata": {"name": "lone"}}])) == ["gpu"]
