# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real scheduler is the oracle of fit.why_not: generated pods on generated nodes, verdict against verdict."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import fit
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import NODE, POD, SERVICEACCOUNT

from tests.integration.gpu.support import FAKE, READY, Object, fake_node

SEED = 20261122
NODES = 12
ZONES = ["a", "b", "c"]
PRODUCTS = ["T4", "A100", "H100"]
TAINTS = [
    {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"},
    {"key": "nvidia.com/gpu", "effect": "NoExecute"},
    {"key": "team", "value": "vision", "effect": "NoSchedule"},
    {"key": "team", "value": "vision", "effect": "PreferNoSchedule"},
]
TOLERATIONS = [
    {"key": "nvidia.com/gpu", "operator": "Exists"},
    {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present"},
    {"key": "team", "value": "vision", "effect": "NoSchedule"},
    {"key": "team", "value": "speech"},
    {"operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/unschedulable", "operator": "Exists"},
]
REQUIREMENTS = [
    {"key": "zone", "operator": "In", "values": ["a", "b"]},
    {"key": "zone", "operator": "NotIn", "values": ["a"]},
    {"key": "nvidia.com/gpu.product", "operator": "Exists"},
    {"key": "nvidia.com/gpu.product", "operator": "DoesNotExist"},
    {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["T4"]},
    {"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": ["20000"]},
    {"key": "nvidia.com/gpu.memory", "operator": "Lt", "values": ["20000"]},
    {"key": "generation", "operator": "Gt", "values": ["1"]},
]
SELECTORS = [{"zone": "a"}, {"nvidia.com/gpu.product": "A100"}, {"zone": "b", "nvidia.com/gpu.product": "T4"}]
REQUESTS: list[tuple[str, list[str]]] = [
    ("cpu", ["100m", "0.5", "1500m", "2", "5"]),
    ("memory", ["128Mi", "1e9", "3G", "5Gi", "9Gi"]),
    ("ephemeral-storage", ["1Gi", "25Gi"]),
    ("nvidia.com/gpu", ["1", "2", "4"]),
    ("example.com/npu", ["1"]),
]


def some_node(chance: random.Random, name: str, tag: str) -> Object:
    labels = {"oracle": tag, "zone": chance.choice(ZONES), "generation": chance.choice(["1", "2", "x"])}
    resources: dict[str, str] = {}
    if chance.random() < 0.6:
        resources["nvidia.com/gpu"] = chance.choice(["1", "2", "4"])
        labels["nvidia.com/gpu.product"] = chance.choice(PRODUCTS)
        labels["nvidia.com/gpu.memory"] = chance.choice(["15360", "40960"])
    if chance.random() < 0.2:
        labels["feature.node.kubernetes.io/pci-10de.present"] = "true"
    resources["cpu"] = chance.choice(["2", "3500m"])
    resources["pods"] = chance.choice(["4", "20"])
    spec: Object = {"taints": [item for item in TAINTS if chance.random() < 0.2]}
    if chance.random() < 0.15:
        spec["unschedulable"] = True
    return fake_node(name, resources, labels, **spec)


def some_container(chance: random.Random, name: str, often: float, **more: Any) -> Object:
    amounts = {key: chance.choice(values) for key, values in REQUESTS if chance.random() < often}
    # an extended resource's request and limit have to be equal; of others sometimes only the limit is given
    limits = {key: value for key, value in amounts.items() if "/" in key}
    resources = {"limits": amounts} if chance.random() < 0.3 else {"requests": amounts, "limits": limits}
    return {"name": name, "image": "none.invalid/none", "resources": resources, **more}


def some_pod(chance: random.Random, name: str, namespace: str, tag: str, names: list[str]) -> Object:
    spec: Object = {
        "nodeSelector": {"oracle": tag, **(chance.choice(SELECTORS) if chance.random() < 0.2 else {})},
        "containers": [some_container(chance, "kserve-container", 0.35)],
        "initContainers": [],
        "tolerations": [item for item in TOLERATIONS if chance.random() < 0.3],
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
    }
    if chance.random() < 0.3:
        spec["initContainers"].append(some_container(chance, "sidecar", 0.25, restartPolicy="Always"))
    if chance.random() < 0.3:
        spec["initContainers"].append(some_container(chance, "storage-initializer", 0.3))
    if chance.random() < 0.1:
        spec["containers"][0]["ports"] = [{"containerPort": 8080, "hostPort": chance.choice([8080, 8081])}]
    terms = []
    for _term in range(chance.choice([0, 0, 1, 2])):
        terms.append({"matchExpressions": chance.sample(REQUIREMENTS, chance.choice([1, 2]))})
    if chance.random() < 0.5:  # pinned to one node, so that its verdict alone decides
        pin = [{"key": "metadata.name", "operator": "In", "values": [chance.choice(names)]}]
        terms = [{**term, "matchFields": pin} for term in terms or [{}]]
    if terms:
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
        spec["affinity"] = {"nodeAffinity": required}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def scheduled(client: Client, pod: Object) -> Object | None:
    """The pod once the scheduler has decided."""
    live = client.get(POD, pod["metadata"]["name"], pod["metadata"]["namespace"])
    assert live
    conditions = {item["type"]: item for item in live.get("status", {}).get("conditions", [])}
    return live if live["spec"].get("nodeName") or "PodScheduled" in conditions else None


def test_same_verdict_as_the_scheduler(
    client: Client,
    make_nodes: Callable[[Iterable[Object]], list[str]],
    make_namespace: Callable[..., str],
    eventually: Callable[..., Any],
    tag: str,
    full: bool,
) -> None:
    chance = random.Random(SEED)
    namespace = make_namespace("gpu-oracle")
    names = make_nodes(some_node(chance, f"{tag}-{index}", tag) for index in range(NODES))
    eventually(lambda: client.get(SERVICEACCOUNT, "default", namespace))
    verdicts = {"fits": 0, "none": 0}
    seen: set[str] = set()
    differences = []
    for index in range(400 if full else 80):
        wanted = some_pod(chance, f"pod-{index}", namespace, tag, names)
        nodes, pods = client.list(NODE), client.list(POD)
        created = client.create(POD, wanted, namespace)
        mine = fit.why_not(wanted, nodes, pods)
        theirs = eventually(lambda: scheduled(client, created), every=0.05)  # noqa: B023 - called at once
        node = theirs["spec"].get("nodeName")
        verdicts["fits" if node else "none"] += 1
        seen.update(item["reason"] for rejected in mine["rejected"] for item in [rejected, *rejected["also"]])
        if (node in mine["fits"]) if node else not mine["fits"]:
            if not node:
                client.delete(POD, wanted["metadata"]["name"], namespace)
            continue
        differences.append((wanted["spec"], node, mine["summary"], theirs["status"].get("conditions")))
    assert not differences, f"{len(differences)} of {verdicts}: {differences[0]}"
    # the sample has to be worth something: both verdicts, and nearly every reason
    assert min(verdicts.values()) >= 10, verdicts
    wanted_reasons = set(fit.REASONS) - {"not_ready", "wrong_product", "driver_not_ready"}
    assert wanted_reasons - seen <= {"host_port", "pods"}, wanted_reasons - seen


def test_a_node_that_is_not_ready(
    client: Client,
    make_nodes: Callable[[Iterable[Object]], list[str]],
    make_namespace: Callable[..., str],
    eventually: Callable[..., Any],
    tag: str,
) -> None:
    make_nodes([fake_node(tag, {}, {"oracle": tag})])
    namespace = make_namespace("gpu-oracle")
    eventually(lambda: client.get(SERVICEACCOUNT, "default", namespace))
    # kwok goes on saying that the kubelet is alive, but no longer that it is well
    sick = [{**READY, "status": "False", "reason": "KubeletNotReady"}]
    client.patch(NODE, tag, {"metadata": {"annotations": dict.fromkeys(FAKE)}})
    client.patch(NODE, tag, {"status": {"conditions": sick}}, subresource="status")
    wanted = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod", "namespace": namespace},
        "spec": {"nodeSelector": {"oracle": tag}, "containers": [{"name": "c", "image": "none.invalid/none"}]},
    }
    before = fit.why_not(wanted, client.list(NODE), client.list(POD))
    assert (before["reason"], before["nearest"]) == ("not_ready", [tag]), before["summary"]
    # the node controller taints it, and from then on the scheduler refuses it too
    eventually(lambda: "node.kubernetes.io/not-ready" in str(client.get(NODE, tag)))
    created = client.create(POD, wanted, namespace)
    assert not eventually(lambda: scheduled(client, created))["spec"].get("nodeName")
    after = fit.why_not(wanted, client.list(NODE), client.list(POD))
    assert (after["reason"], after["nearest"]) == ("not_ready", [tag]), after["summary"]
