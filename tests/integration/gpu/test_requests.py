# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes the real scheduler takes for what `accelerator` asks for, by the labels that gpu_node gave them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import fit, requests, vendors
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import NODE, POD, SERVICEACCOUNT

from tests.integration.gpu.support import Object, Run, fake_node

GPU = "nvidia.com/gpu"
NPU = "example.com/npu-a"
A100 = "NVIDIA-A100-SXM4-40GB"
VENDORS = [{"name": "example", "resources": ["example.com/npu-*"], "product_labels": ["example.com/product"]}]


def labels(suffix: str = "", memory: str = "40960", **more: str) -> dict[str, str]:
    """What gpu-feature-discovery writes."""
    found = {"gpu.present": "true", "gpu.product": f"{A100}{suffix}", "gpu.memory": memory, **more}
    return {f"nvidia.com/{key.replace('_', '.')}": value for key, value in found.items()}


# Each node's resources and labels of its vendor's operator.
NODES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "whole": ({GPU: "8"}, labels()),
    "single": ({GPU: "56"}, labels("-MIG-1g.5gb", "4864", mig_strategy="single")),
    "mixed": ({"nvidia.com/mig-1g.5gb": "14", GPU: "6"}, labels(mig_strategy="mixed")),
    "shared": ({GPU: "32"}, labels("-SHARED")),
    "npu": ({NPU: "2"}, {"example.com/product": "A"}),
}
# What is asked for, and the nodes that may serve it.
WANTED: list[tuple[Any, set[str]]] = [
    ("nvidia", {"whole", "single", "mixed", "shared"}),
    ({"vendor": "nvidia", "product": A100}, {"whole", "mixed"}),
    ({"vendor": "nvidia", "memory": "1Gi"}, {"whole", "mixed"}),
    ({"mig": "1g.5gb"}, {"mixed"}),
    ({"mig": "1g.5gb", "resource": GPU}, {"single"}),
    ({"mig": "2g.10gb", "resource": GPU}, set()),
    ({"vendor": "example", "resource": NPU, "product": "A"}, {"npu"}),
    ({"vendor": "example", "resource": NPU, "product": "B"}, set()),
]


def test_whole_devices_and_parts_of_them_go_where_they_are(
    client: Client,
    make_nodes: Callable[[Iterable[Object]], list[str]],
    make_namespace: Callable[..., str],
    run: Run,
    eventually: Callable[..., Any],
    tag: str,
) -> None:
    make_nodes([fake_node(f"{tag}-{name}", *content) for name, content in NODES.items()])
    run(names=[f"{tag}-{name}" for name in NODES], vendors=VENDORS)
    namespace = make_namespace("gpu-requests")
    eventually(lambda: client.get(SERVICEACCOUNT, "default", namespace))
    for name in NODES:
        client.patch(NODE, f"{tag}-{name}", {"metadata": {"labels": {"only": f"{tag}-{name}"}}})
    nodes = {node["metadata"]["name"]: node for node in client.list(NODE)}
    pods: dict[str, tuple[bool, str]] = {}
    for index, (accelerator, allowed) in enumerate(WANTED):
        options = requests.accelerator_options(accelerator, table=vendors.Table.with_custom(VENDORS))
        for name in NODES:
            # one pod for each node, which alone is left to it
            spec: Object = {
                "containers": [{"name": "c", "image": "example.invalid/c:1", "resources": options["resources"]}],
                "nodeSelector": {**options["node_selector"], "only": f"{tag}-{name}"},
                "tolerations": [*options["tolerations"], {"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
            }
            if options["affinity"]:
                spec["affinity"] = options["affinity"]
            pods[f"p{index}-{name}"] = (name in allowed, f"{tag}-{name}")
            live = nodes[f"{tag}-{name}"]
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{index}-{name}"}, "spec": spec}
            verdict = fit.why_not(pod, [live], [])
            assert bool(verdict["fits"]) is (name in allowed), (accelerator, name, verdict["summary"])
            if allowed and not verdict["fits"] and GPU in options["resources"]["limits"] and GPU in NODES[name][0]:
                assert verdict["reason"] == "wrong_product", verdict["summary"]
            client.create(POD, pod, namespace)

    def decided() -> dict[str, Object] | None:
        found = {item["metadata"]["name"]: item for item in client.list(POD, namespace)}
        expected = [found[name]["spec"].get("nodeName") == node for name, (fits, node) in pods.items() if fits]
        judged = [item for item in found.values() if (item.get("status") or {}).get("conditions")]
        return found if all(expected) and len(judged) == len(pods) else None

    found = eventually(decided, timeout=60)
    for name, (fits, _node) in pods.items():
        assert bool(found[name]["spec"].get("nodeName")) is fits, name
