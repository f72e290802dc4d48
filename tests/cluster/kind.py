# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters by kind: create, look at, delete."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .engine import Engine
from .settings import NODE_MODELS, Options
from .steps import Step

MAX_PODS = 250
POD_SUBNET = "10.128.0.0/12"
# 1,022 addresses a node, so that MAX_PODS fit; 1,024 nodes, so that hundreds of fake ones do.
NODE_MASK = 22

KUBELET = {
    "kind": "KubeletConfiguration",
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "maxPods": MAX_PODS,
    "serializeImagePulls": False,
    "systemReserved": {"cpu": "50m", "memory": "128Mi"},
}

CONTROL_PLANE = {
    "kind": "ClusterConfiguration",
    "controllerManager": {"extraArgs": {"node-cidr-mask-size": str(NODE_MASK)}},
    # A cluster that is made anew after a crash needs no etcd that survives one; waiting for the disk costs seconds.
    "etcd": {"local": {"extraArgs": {"unsafe-no-fsync": "true"}}},
}


def config(options: Options, models: Path, packages: bool) -> dict[str, Any]:
    """kind's configuration of the cluster (packages: with the node image built here)."""
    mount = {"hostPath": str(models), "containerPath": NODE_MODELS}
    roles = ["control-plane", *["worker"] * options.workers]
    content: dict[str, Any] = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"apiServerAddress": "127.0.0.1"},
        "nodes": [{"role": role, "extraMounts": [mount]} for role in roles],
        "kubeadmConfigPatches": [json.dumps(KUBELET)],
    }
    if packages:
        content["networking"] |= {"disableDefaultCNI": True, "kubeProxyMode": "nftables", "podSubnet": POD_SUBNET}
        content["featureGates"] = {"KubeletInUserNamespace": True}
        content["kubeadmConfigPatches"].append(json.dumps(CONTROL_PLANE))
    return content


def cni_config(pod_cidr: str) -> str:
    """The CNI configuration of a node: a point-to-point link for each pod, addresses from the node's range."""
    ipam = {
        "type": "host-local",
        "dataDir": "/run/cni-ipam-state",
        "routes": [{"dst": "0.0.0.0/0"}],
        "ranges": [[{"subnet": pod_cidr}]],
    }
    plugins = [
        {"type": "ptp", "ipMasq": True, "ipam": ipam},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    return json.dumps({"cniVersion": "0.3.1", "name": "modelserving", "plugins": plugins}, indent=2)


@dataclass(frozen=True)
class Node:
    """A node as the API tells it."""

    name: str
    address: str
    pod_cidr: str

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Node:
        """From a Node object."""
        addresses = {entry["type"]: entry["address"] for entry in item.get("status", {}).get("addresses", [])}
        return cls(item["metadata"]["name"], addresses.get("InternalIP", ""), item["spec"].get("podCIDR", ""))


class Kind:
    """The kind program on one container engine."""

    def __init__(self, program: Path, engine: Engine) -> None:
        self.program = program
        self.env = engine.env

    def create(self, step: Step, options: Options, content: Mapping[str, Any], kubeconfig: Path, image: str) -> None:
        """Create the cluster; its kubeconfig goes to that file alone."""
        words = ["create", "cluster", "--name", options.name, "--kubeconfig", str(kubeconfig), "--config", "-"]
        chosen = ["--image", image] if image else []
        step.run([self.program, *words, *chosen], env=self.env, stdin=json.dumps(content))


def networks(engine: Engine, step: Step, nodes: Sequence[Node]) -> None:
    """Give each node its CNI configuration and its routes to the other nodes' pods."""
    for node in nodes:
        write = ["sh", "-c", "mkdir -p /etc/cni/net.d && cat > /etc/cni/net.d/10-modelserving.conflist"]
        engine.run_in(step, node.name, write, stdin=cni_config(node.pod_cidr))
        for other in nodes:
            if other is not node:
                engine.run_in(step, node.name, ["ip", "route", "replace", other.pod_cidr, "via", other.address])
