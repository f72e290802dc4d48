# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gpu_node's work on nodes, Machines, MachineSets and profiles in memory, where others write at the same time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import nodes, profiles
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Response
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import gpu_nodes

Object = dict[str, Any]
PREFIX = "accelerator.modelserving.io"
TAINT = {"key": "nvidia.com/gpu", "effect": "NoSchedule", "value": "present"}
SPACE = "openshift-machine-api"


def merged(live: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


class Cluster:
    """Objects by plural and name. A patch of an old version is a conflict; `meanwhile` runs before a patch."""

    def __init__(self, **lists: list[Object]) -> None:
        self.objects = {
            (plural, item["metadata"]["name"]): copy.deepcopy(item) for plural, items in lists.items() for item in items
        }
        self.meanwhile: dict[str, Callable[[], None]] = {}
        self.patched: list[str] = []
        self.refused: dict[tuple[str, str], errors.ClusterError] = {}

    def of(self, plural: str, name: str) -> Object:
        return self.objects[plural, name]

    def edit(self, plural: str, name: str, patch: Object) -> None:
        done = merged(self.of(plural, name), patch)
        done["metadata"]["resourceVersion"] = str(int(done["metadata"]["resourceVersion"]) + 1)
        self.objects[plural, name] = done

    def list(
        self,
        resource: Any,
        _namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> list[Object]:
        found = [item for (plural, _name), item in self.objects.items() if plural == resource.plural]
        if label_selector:
            key, _equals, value = label_selector.partition("=")
            found = [item for item in found if key in item["metadata"].get("labels", {})]
            found = [item for item in found if value in ("", item["metadata"]["labels"][key])]
        if field_selector:
            found = [item for item in found if f"metadata.name={item['metadata']['name']}" == field_selector]
        return copy.deepcopy(found)

    def get(self, resource: Any, name: str, _namespace: str | None = None) -> Object | None:
        return copy.deepcopy(self.objects.get((resource.plural, name)))

    def patch(self, resource: Any, name: str, body: Object, _namespace: str | None = None, **how: Any) -> Object:
        act = self.meanwhile.pop(name, None)
        if act:
            act()
        self.patched.append(name)
        if (resource.plural, name) in self.refused:
            raise self.refused[resource.plural, name]
        if body["metadata"]["resourceVersion"] != self.of(resource.plural, name)["metadata"]["resourceVersion"]:
            raise errors.Conflict(f"Cannot change {name}: it changed.")
        if not how.get("dry_run"):
            self.edit(resource.plural, name, body)
        return self.of(resource.plural, name)


def node(name: str, labels: dict[str, str] | None = None, resource: str = "nvidia.com/gpu", **spec: Any) -> Object:
    metadata = {"name": name, "resourceVersion": "1", "labels": labels or {}}
    return {"metadata": metadata, "spec": spec, "status": {"allocatable": {resource: "1"}}}


def machine_set(name: str, annotations: dict[str, str] | None = None, **template: Any) -> Object:
    metadata = {"name": name, "namespace": SPACE, "resourceVersion": "1", "annotations": annotations or {}}
    return {"kind": "MachineSet", "metadata": metadata, "spec": {"template": {"spec": template}}}


def machine(name: str, owner: str, **spec: Any) -> Object:
    references = [{"kind": "MachineSet", "name": owner}]
    metadata = {"name": name, "namespace": SPACE, "resourceVersion": "1", "ownerReferences": references}
    return {"kind": "Machine", "metadata": metadata, "spec": spec, "status": {"nodeRef": {"name": name}}}


def run(cluster: Cluster, *, task: Object | None = None, **options: Any) -> gpu_nodes.Outcome:
    wanted = gpu_nodes.Task(nodes.make_options(**options), **{"with_machine_sets": True, "workers": 1, **(task or {})})
    outcome = gpu_nodes.Outcome()
    gpu_nodes.run(cluster, wanted, outcome)  # type: ignore[arg-type]
    return outcome


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_nodes.time, "sleep", lambda _seconds: None)


def scale_up(cluster: Cluster, owner: str, name: str) -> None:
    """As the machine API does it: Machine and node are born with what the template says."""
    template = copy.deepcopy(cluster.of("machinesets", owner)["spec"]["template"]["spec"])
    cluster.objects["machines", name] = machine(name, owner, **template)
    born = node(name, (template.get("metadata") or {}).get("labels"), taints=template.get("taints") or [])
    cluster.objects["nodes", name] = born


OPTIONS: Object = {"taints": [{}], "extra_labels": {"example.org/team": "serving"}}


@pytest.fixture
def scaled() -> Cluster:
    """One node that was labelled, and one that was born since."""
    cluster = Cluster(nodes=[node("old")], machinesets=[machine_set("gpu")], machines=[machine("old", "gpu")])
    run(cluster, **OPTIONS)
    scale_up(cluster, "gpu", "new")
    return cluster


def bare(cluster: Cluster, name: str) -> bool:
    found = cluster.of("nodes", name)
    return not (found["metadata"].get("labels") or found["metadata"].get("annotations") or found["spec"].get("taints"))


def test_absent_cleans_nodes_that_were_born_labelled(scaled: Cluster) -> None:
    assert scaled.of("nodes", "new")["spec"]["taints"] == [TAINT]
    predicted = run(scaled, present=False, task={"check_mode": True}).plain()
    assert run(scaled, present=False).plain() == predicted
    assert bare(scaled, "old") and bare(scaled, "new")
    assert scaled.of("machines", "new")["spec"] == {"metadata": {"labels": {}}}
    assert not run(scaled, present=False).plain()["changed"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_what_cannot_be_put_on_record_is_not_forgotten(scaled: Cluster, check_mode: bool) -> None:
    """A node born with our taint has no record. If it cannot get one, nobody would know the taint for ours."""
    scale_up(scaled, "gpu", "newer")
    before = copy.deepcopy(scaled.objects)
    refused = errors.Forbidden("Cannot change Node new: forbidden.")
    scaled.refused["nodes", "new"] = refused
    task = {"check_mode": check_mode}
    outcome = run(scaled, present=False, task=task)
    failed = {item["name"]: item["error"] for item in outcome.entries if item["error"]}
    assert failed["new"] == {"reason": "forbidden", "message": str(refused)}
    assert failed["gpu"]["reason"] == "forbidden" and "MachineSet gpu was left as it is" in failed["gpu"]["message"]
    assert "MachineSet gpu was left as it is" in failed["newer"]["message"]
    for key in (("machinesets", "gpu"), ("machines", "new"), ("machines", "newer"), ("nodes", "new")):
        assert scaled.objects[key] == before[key]
    assert not any(item["changed"] for item in outcome.machine_sets)
    assert scaled.of("nodes", "newer")["spec"]["taints"] == [TAINT]
    # what no template gave goes, and the next task finishes the work
    assert bare(scaled, "old") is not check_mode
    scaled.refused.clear()
    assert not run(scaled, present=False).failures()
    assert all(bare(scaled, name) for name in ("old", "new", "newer"))


def test_dropping_the_taints_reaches_nodes_that_were_born_with_them(scaled: Cluster) -> None:
    run(scaled, **{**OPTIONS, "taints": []})
    assert not scaled.of("nodes", "new")["spec"].get("taints")
    assert not scaled.of("machines", "new")["spec"].get("taints")
    assert not run(scaled, **{**OPTIONS, "taints": []}).plain()["changed"]


def test_a_removal_that_was_cut_short_is_finished_by_the_next(scaled: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_arguments: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(gpu_nodes, "_write_nodes", killed)
        run(scaled, present=False)
    assert not scaled.of("machinesets", "gpu")["spec"]["template"]["spec"].get("taints")
    run(scaled, present=False)
    assert bare(scaled, "old") and bare(scaled, "new")


def test_a_booting_node_keeps_what_its_machine_gave_it(scaled: Cluster) -> None:
    """Its driver offers nothing yet, and the machine API would put the labels back at once."""
    scaled.edit("nodes", "new", {"status": {"allocatable": None}})
    run(scaled, **OPTIONS)
    found = scaled.of("nodes", "new")
    assert found["metadata"]["labels"][f"{PREFIX}/vendor"] == "nvidia" and found["spec"]["taints"] == [TAINT]
    assert not run(scaled, **OPTIONS).plain()["changed"]


def test_nodes_without_a_record_are_cleaned_too() -> None:
    labels = {f"{PREFIX}/vendor": "nvidia", f"{PREFIX}/state": "healthy", "pool": "a"}
    cluster = Cluster(nodes=[node("lost", labels)])
    run(cluster, present=False, task={"with_machine_sets": False})
    assert cluster.of("nodes", "lost")["metadata"]["labels"] == {"pool": "a"}


def test_a_set_that_somebody_edits_meanwhile_is_planned_again(scaled: Cluster) -> None:
    theirs = {"key": "team", "effect": "NoSchedule"}
    template = {"taints": [theirs, TAINT], "metadata": {"labels": {"pool": "b"}}}
    scaled.meanwhile["gpu"] = lambda: scaled.edit("machinesets", "gpu", {"spec": {"template": {"spec": template}}})
    outcome = run(scaled, present=False)
    assert not outcome.failures() and outcome.machine_sets[0]["changed"]
    left = scaled.of("machinesets", "gpu")["spec"]["template"]["spec"]
    assert left == {"metadata": {"labels": {"pool": "b"}}, "taints": [theirs]}


def test_a_machine_that_somebody_edits_meanwhile_is_planned_again(scaled: Cluster) -> None:
    name = "new"
    scaled.meanwhile[name] = lambda: scaled.edit("machines", name, {"spec": {"metadata": {"labels": {"x": "y"}}}})
    # the node of this name is adopted first
    scaled.edit(
        "nodes",
        name,
        {
            "metadata": {
                "annotations": {
                    f"{PREFIX}/owned": scaled.of("nodes", "old")["metadata"]["annotations"][f"{PREFIX}/owned"]
                }
            }
        },
    )
    assert not run(scaled, present=False).failures()
    assert scaled.of("machines", name)["spec"] == {"metadata": {"labels": {"x": "y"}}}


def test_removal_from_some_nodes_leaves_the_other_sets_alone(scaled: Cluster) -> None:
    scaled.objects["machinesets", "else"] = machine_set("else")
    scaled.objects["machines", "other"] = machine("other", "else")
    scaled.objects["nodes", "other"] = node("other")
    run(scaled, **OPTIONS)
    before = copy.deepcopy(scaled.objects)
    run(scaled, present=False, names=["other"])
    assert bare(scaled, "other")
    assert scaled.of("machinesets", "else")["spec"]["template"]["spec"] == {"metadata": {"labels": {}}}
    for key, item in before.items():
        assert key[1] in ("else", "other") or scaled.objects[key] == item


def test_a_set_without_nodes_is_left_alone_where_only_some_nodes_are_meant() -> None:
    announced = {"machine.openshift.io/GPU": "1"}
    cluster = Cluster(nodes=[node("a"), node("b")], machinesets=[machine_set("empty", announced)])
    outcome = run(cluster, names=["a"])
    assert outcome.machine_sets == [] and "MachineSet empty: left alone" in outcome.warnings[0]
    assert run(cluster).machine_sets[0]["changed"]
    assert run(cluster, names=["a"]).warnings == []
    assert "left alone" in run(cluster, names=["a"], present=False).warnings[0]


class Dashboard(Cluster):
    """Serves hardware profiles."""

    def raw(self, _method: str, path: str, **_how: Any) -> Response:
        served = path == f"/apis/{profiles.INFRASTRUCTURE_V1[0]}"
        return Response(200 if served else 404, {}, b'{"resources": [{"name":"hardwareprofiles"}]}')


def test_removal_from_some_nodes_keeps_the_profiles_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def profile(name: str) -> Object:
        return {"metadata": {"name": name, "labels": dict(profiles.MANAGED_BY), "resourceVersion": "1"}}

    asked: list[list[str]] = []

    def ensure(_client: Any, wanted: Any, _settings: Any, *, check_mode: bool) -> list[Any]:
        asked.append(sorted(item.name for item in wanted))
        return []

    monkeypatch.setattr(gpu_nodes.reconcile, "ensure", ensure)
    cluster = Dashboard(
        nodes=[node("a"), node("b"), node("c", resource="amd.com/gpu")],
        hardwareprofiles=[profile("nvidia"), profile("amd"), profile("gaudi")],
    )
    task = {"with_machine_sets": False, "with_profiles": True, "profiles_namespace": "d"}
    run(cluster, task=task)
    for options in ({"names": ["a", "c"]}, {"exclude": ["b"]}, {}):
        run(cluster, present=False, task={**task, "check_mode": True}, **options)
    assert asked[1:] == [["amd"], ["amd"], ["amd", "gaudi", "nvidia"]]


def test_devices_of_a_second_vendor_are_told() -> None:
    both = node("both")
    both["status"]["allocatable"]["amd.com/gpu"] = "2"
    outcome = run(Cluster(nodes=[both]), task={"with_machine_sets": False})
    assert "both (nvidia, beside amd.com/gpu)" in outcome.warnings[0] and "select: none" in outcome.warnings[0]
    assert outcome.nodes[0]["accelerator"]["others"] == {"amd.com/gpu": 2}


CONTROL = {"node-role.kubernetes.io/control-plane": ""}


@pytest.mark.parametrize(
    ("workers", "options", "told"),
    [
        pytest.param([], {}, True, id="a cluster of one node"),
        pytest.param(["cpu"], {}, True, id="no accelerator elsewhere"),
        pytest.param(["nvidia.com/gpu"], {}, False, id="the usual case"),
        pytest.param(["nvidia.com/gpu"], {"names": ["one", "worker-0"]}, True, id="named"),
        pytest.param([], {"control_plane": True}, False, id="taken in"),
        pytest.param([], {"present": False}, False, id="absent takes them in"),
        pytest.param([], {"exclude": ["one"]}, False, id="excluded"),
    ],
)
def test_control_plane_nodes_that_would_be_missed(workers: list[str], options: Object, told: bool) -> None:
    live = [node("one", CONTROL), *(node(f"worker-{index}", resource=name) for index, name in enumerate(workers))]
    warnings = run(Cluster(nodes=live), task={"with_machine_sets": False}, **options).warnings
    assert ["control plane nodes: one. " in warning for warning in warnings] == [True] * told


@pytest.mark.parametrize(
    ("resource", "taint", "words"),
    [
        ("nvidia.com/gpu", {}, None),
        ("nvidia.com/gpu", {"effect": "PreferNoSchedule", "key": "own"}, None),
        ("nvidia.com/gpu", {"value": "true"}, "NVIDIA GPU's own pods"),
        ("nvidia.com/gpu", {"key": "own"}, "tolerate own:NoSchedule by"),
        ("nvidia.com/gpu", {"effect": "NoExecute"}, "nvidia.com/gpu=present:NoExecute"),
        ("nvidia.com/gpu", {"effect": "NoExecute"}, "evicts those that run"),
        ("amd.com/gpu", {}, "tolerate amd.com/gpu:NoSchedule by"),
        ("gpu.intel.com/xe", {}, "tolerate gpu.intel.com/i915:NoSchedule by"),
        ("habana.ai/gaudi", {}, "tolerate habana.ai/gaudi:NoSchedule by"),
    ],
)
def test_a_taint_that_locks_out_the_vendors_own_pods(resource: str, taint: Object, words: str | None) -> None:
    cluster = Cluster(nodes=[node("a", resource=resource), node("b", resource=resource)])
    task = {"with_machine_sets": False}
    for check_mode in (True, False):
        warnings = run(cluster, taints=[taint], task={**task, "check_mode": check_mode}).warnings
        assert [str(words) in warning for warning in warnings] == [True] * bool(words)
    assert run(cluster, taints=[taint], task=task).warnings == [], "told when it is written"
