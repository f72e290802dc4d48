# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MachineSets and profiles, on hand-made CRDs of the same group, version and kind (openshift-crds.yaml says what that
proves): OpenShift itself cannot run here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import profiles
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import NODE, Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.operations.gpu_nodes import MACHINE, MACHINE_SET

from tests.integration.gpu.support import OPERATOR_LABELS, Object, Operators, Run, content, fake_node, offer

CRD = Resource("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", False)
PREFIX = "accelerator.modelserving.io"
VENDOR, PRODUCT = f"{PREFIX}/vendor", f"{PREFIX}/product"
TAINT = {"key": "nvidia.com/gpu", "effect": "NoSchedule", "value": "present"}
THEIRS = {"key": "team", "effect": "NoSchedule"}
DEFINITIONS = list(yaml.safe_load_all((Path(__file__).parent / "openshift-crds.yaml").read_text()))


@pytest.fixture
def serve_kinds(client: Client, eventually: Callable[..., Any]) -> Iterator[Callable[..., None]]:
    """``serve_kinds("machinesets.machine.openshift.io", …)``: the stand-ins of these names, until the test ends."""
    made: list[str] = []

    def established(name: str) -> bool:
        conditions = ((client.get(CRD, name) or {}).get("status") or {}).get("conditions") or []
        return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)

    def serve(*names: str) -> None:
        for name in names:
            [definition] = [item for item in DEFINITIONS if item["metadata"]["name"] == name]
            assert client.get(CRD, name) is None, f"{name} is there already: not a cluster for this test"
            client.create(CRD, definition)
            made.append(name)
            eventually(lambda name=name: established(name))

    yield serve
    for name in made:
        client.delete(CRD, name)
    for name in made:
        eventually(lambda name=name: client.get(CRD, name) is None)


MACHINES = ("machinesets.machine.openshift.io", "machines.machine.openshift.io")
MakeNodes = Callable[[Iterable[Object]], list[str]]


def machine_set(client: Client, namespace: str, name: str, **metadata: Any) -> None:
    template = {"metadata": {"labels": {"pool": "gpu"}}, "taints": [THEIRS], "providerSpec": {"value": {"kind": "x"}}}
    client.create(
        MACHINE_SET,
        {
            "apiVersion": MACHINE_SET.api_version,
            "kind": MACHINE_SET.kind,
            "metadata": {"name": name, **metadata},
            "spec": {"replicas": 1, "template": {"spec": template}},
        },
        namespace,
    )


def machine(client: Client, namespace: str, owner: str, node: str, spec: Object | None = None) -> None:
    uid = (client.get(MACHINE_SET, owner, namespace) or {})["metadata"]["uid"]
    reference = {"apiVersion": MACHINE_SET.api_version, "kind": MACHINE_SET.kind, "name": owner, "uid": uid}
    client.create(
        MACHINE,
        {
            "apiVersion": MACHINE.api_version,
            "kind": MACHINE.kind,
            "metadata": {"name": node, "ownerReferences": [reference]},
            "spec": spec or {},
        },
        namespace,
    )
    client.patch(MACHINE, node, {"status": {"nodeRef": {"name": node}}}, namespace, subresource="status")


def template_of(client: Client, namespace: str, name: str) -> Object:
    found = client.get(MACHINE_SET, name, namespace)
    assert found
    template: Object = found["spec"]["template"]["spec"]
    return template


def test_new_nodes_do_not_come_bare_and_removal_reaches_them_all(
    client: Client,
    make_nodes: MakeNodes,
    make_namespace: Callable[..., str],
    serve_kinds: Callable[..., None],
    run: Run,
    tag: str,
) -> None:
    serve_kinds(*MACHINES)
    namespace = make_namespace("gpu-machines")
    labels = {**OPERATOR_LABELS, "test": tag}
    make_nodes([fake_node(f"{tag}-old", {"nvidia.com/gpu": "1"}, labels), fake_node(f"{tag}-cpu", {}, {"test": tag})])
    machine_set(client, namespace, "gpu")
    machine_set(client, namespace, "cpu")
    machine_set(client, namespace, "empty", annotations={"machine.openshift.io/GPU": "1"})
    machine(client, namespace, "gpu", f"{tag}-old")
    machine(client, namespace, "cpu", f"{tag}-cpu")
    before = {name: template_of(client, namespace, name) for name in ("gpu", "cpu", "empty")}
    task = {"with_machine_sets": True, "machine_sets_namespace": namespace}
    # no selector: with one nobody knows whether it means a set without nodes
    options: Object = {"taints": [{"value": "present"}], "task": task}
    limited = run(check=True, selector=f"test={tag}", **options)
    assert [item["name"] for item in limited.machine_sets] == ["gpu"] and "MachineSet empty" in limited.warnings[0]

    predicted = run(check=True, **options)
    assert {name: template_of(client, namespace, name) for name in before} == before, "check mode wrote"
    done = run(**options)
    assert predicted.plain() == done.plain()
    assert [(item["name"], item["changed"]) for item in done.machine_sets] == [("empty", True), ("gpu", True)]
    gpu, empty = template_of(client, namespace, "gpu"), template_of(client, namespace, "empty")
    assert gpu["metadata"]["labels"] == {
        "pool": "gpu",
        VENDOR: "nvidia",
        PRODUCT: "Tesla-T4",
        f"{PREFIX}/memory": "15360",
    }
    assert gpu["taints"] == [THEIRS, TAINT]
    assert gpu["providerSpec"] == {"value": {"kind": "x"}}
    assert empty["metadata"]["labels"] == {"pool": "gpu", VENDOR: "nvidia"}
    assert template_of(client, namespace, "cpu") == before["cpu"]
    assert not run(**options).plain()["changed"]

    # the machine API makes a node from the template, which therefore carries label and taint from its first moment
    def scale_up(name: str) -> None:
        born = {**labels, **gpu["metadata"]["labels"]}
        make_nodes([fake_node(name, {"nvidia.com/gpu": "1"}, born, taints=gpu["taints"])])
        machine(client, namespace, "gpu", name, {"metadata": gpu["metadata"], "taints": gpu["taints"]})

    scale_up(f"{tag}-new")
    run(**options)
    assert not run(**options).plain()["changed"]
    scale_up(f"{tag}-late")  # no run of ours sees it before the removal

    run(present=False, task=task)
    assert {name: template_of(client, namespace, name) for name in before} == before
    for name in (f"{tag}-new", f"{tag}-late"):
        made = client.get(MACHINE, name, namespace)
        assert made and made["spec"] == {"metadata": {"labels": {"pool": "gpu"}}, "taints": [THEIRS]}
    for name in (f"{tag}-old", f"{tag}-new", f"{tag}-late"):
        node = client.get(NODE, name)
        assert node and not [key for key in str(content(node)).split("'") if key.startswith(PREFIX)]
        assert "nvidia.com/gpu" not in [taint["key"] for taint in node["spec"].get("taints", [])]
    assert not run(present=False, task=task).plain()["changed"]


def test_a_set_that_is_scaled_up_from_zero_keeps_what_it_has_while_its_node_comes_up(
    client: Client,
    make_nodes: MakeNodes,
    make_namespace: Callable[..., str],
    serve_kinds: Callable[..., None],
    operators: Operators,
    run: Run,
    tag: str,
) -> None:
    serve_kinds(*MACHINES)
    namespace = make_namespace("gpu-machines")
    machine_set(client, namespace, "empty", annotations={"machine.openshift.io/GPU": "1"})
    options: Object = {"taints": [{}], "task": {"with_machine_sets": True, "machine_sets_namespace": namespace}}
    run(**options)
    template = template_of(client, namespace, "empty")
    assert template["taints"] == [THEIRS, TAINT] and template["metadata"]["labels"][VENDOR] == "nvidia"
    born = {"test": tag, **template["metadata"]["labels"]}
    make_nodes([fake_node(tag, {}, born, taints=template["taints"])])
    given = {"metadata": template["metadata"], "taints": template["taints"]}
    machine(client, namespace, "empty", tag, given)

    # Node Feature Discovery sees the card, the driver comes up, the device plugin offers the device
    steps: list[Callable[[], None]] = [
        lambda: None,
        lambda: operators.write(tag, {"feature.node.kubernetes.io/pci-10de.present": "true"}),
        lambda: operators.write(tag, {**OPERATOR_LABELS}),
        lambda: offer(client, tag, {"nvidia.com/gpu": "1"}),
    ]
    for step in steps:
        step()
        run(**options)
        now = template_of(client, namespace, "empty")
        assert now["taints"] == template["taints"]
        assert now["metadata"]["labels"].items() >= template["metadata"]["labels"].items()
        made, node = client.get(MACHINE, tag, namespace), client.get(NODE, tag)
        assert made and made["spec"] == given
        assert node and TAINT in node["spec"]["taints"] and node["metadata"]["labels"][VENDOR] == "nvidia"
    assert now["metadata"]["labels"][PRODUCT] == "Tesla-T4"


def test_removal_from_one_node_leaves_the_other_set_alone(
    client: Client,
    make_nodes: MakeNodes,
    make_namespace: Callable[..., str],
    serve_kinds: Callable[..., None],
    run: Run,
    tag: str,
) -> None:
    serve_kinds(*MACHINES)
    namespace = make_namespace("gpu-machines")
    make_nodes([fake_node(f"{tag}-{name}", {"nvidia.com/gpu": "1"}, {"test": tag}) for name in ("a", "b")])
    for name in ("a", "b"):
        machine_set(client, namespace, name)
        machine(client, namespace, name, f"{tag}-{name}")
    task = {"with_machine_sets": True, "machine_sets_namespace": namespace}
    bare = template_of(client, namespace, "a")
    run(selector=f"test={tag}", taints=[{}], task=task)
    labelled = template_of(client, namespace, "b")
    assert labelled != bare
    run(present=False, names=[f"{tag}-a"], task=task)
    assert (template_of(client, namespace, "a"), template_of(client, namespace, "b")) == (bare, labelled)


def test_a_cluster_without_the_machine_api_is_told_so(
    client: Client, make_nodes: MakeNodes, run: Run, tag: str
) -> None:
    assert client.get(CRD, MACHINES[0]) is None
    make_nodes([fake_node(tag, {"nvidia.com/gpu": "1"}, {"test": tag})])
    task = {"with_machine_sets": True, "with_profiles": True}
    outcome = run(selector=f"test={tag}", task=task)
    assert "does not serve MachineSets" in outcome.warnings[0]
    assert "neither HardwareProfile nor AcceleratorProfile" in outcome.warnings[1]
    assert outcome.nodes[0]["changed"]


INFRASTRUCTURE = ["hardwareprofiles.infrastructure.opendatahub.io"]
DASHBOARD = ["hardwareprofiles.dashboard.opendatahub.io", "acceleratorprofiles.dashboard.opendatahub.io"]


@pytest.mark.parametrize(
    ("served", "kinds"),
    [
        (INFRASTRUCTURE, [profiles.INFRASTRUCTURE_V1]),
        (DASHBOARD, [profiles.DASHBOARD_HARDWARE, profiles.DASHBOARD_ACCELERATOR]),
        (INFRASTRUCTURE + DASHBOARD, [profiles.INFRASTRUCTURE_V1]),
    ],
)
def test_profiles_by_what_the_cluster_serves(
    client: Client,
    make_nodes: MakeNodes,
    make_namespace: Callable[..., str],
    serve_kinds: Callable[..., None],
    run: Run,
    tag: str,
    served: list[str],
    kinds: list[Any],
) -> None:
    serve_kinds(*served)
    namespace = make_namespace("gpu-dashboard")
    labels = {**OPERATOR_LABELS, "test": tag}
    make_nodes(
        [
            fake_node(f"{tag}-0", {"nvidia.com/gpu": "1"}, labels),
            fake_node(f"{tag}-1", {"nvidia.com/gpu": "4"}, labels),
            fake_node(f"{tag}-2", {"amd.com/gpu": "8"}, {"test": tag}),
        ]
    )
    task = {"with_profiles": True, "profiles_namespace": namespace}
    options: Object = {"selector": f"test={tag}", "taints": [{"key": "gpu-only"}], "task": task}
    foreign = {"name": "by-hand", "namespace": namespace}
    first = Resource(*kinds[0])
    spec = {"displayName": "x", "enabled": True} if first.api_version.startswith("dashboard") else {}
    client.create(
        first, {"apiVersion": first.api_version, "kind": first.kind, "metadata": foreign, "spec": spec}, namespace
    )

    predicted = run(check=True, **options)
    done = run(**options)
    names = [(kind[1], name) for kind in kinds for name in ("amd", "nvidia-tesla-t4")]
    assert [(item["kind"], item["name"]) for item in done.profiles] == names
    assert all(item["action"] == "create" and item["confirmed"] for item in predicted.profiles + done.profiles)
    assert [item["action"] for item in run(**options).profiles] == ["unchanged"] * len(names)
    made = client.get(first, "nvidia-tesla-t4", namespace)
    assert made and made["spec"]["identifiers"][-1]["maxCount"] == 4
    assert "gpu-only" in str(made["spec"])

    gone = run(present=False, selector=f"test={tag}", task=task)
    assert [item["action"] for item in gone.profiles] == ["delete"] * len(names)
    assert [item["metadata"]["name"] for item in client.list(first, namespace)] == ["by-hand"]
    assert run(present=False, selector=f"test={tag}", task=task).profiles == []
