#!/usr/bin/python
# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: label and taint the nodes that have accelerators."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_node
version_added: "0.1.0"
short_description: Label and taint the nodes that have GPUs or other accelerators
description:
  - Finds the nodes that offer accelerators, by their allocatable resources, and labels them under a prefix of its
    own with vendor, product, number of devices, memory, MIG and state, so that serving runtimes can ask for them.
  - A node whose hardware is known to Node Feature Discovery but that offers no device is labelled
    C(driver-not-ready).
  - Reads the nodes with one list (pages apart) and sends one patch for each node that differs, several at a time.
    Labels of a device that went away are removed.
  - What the module owns, and what was there before, is recorded in the annotation C(<prefix>/owned) of the node.
    O(state=absent) takes all of it back and leaves the node as it was.
  - Never writes labels of the vendors' operators or of Kubernetes (C(nvidia.com/*), C(amd.com/*),
    C(feature.node.kubernetes.io/*) and so on), and never touches a cordon. Windows nodes and nodes that are being
    deleted are left alone.
  - A patch carries the node's resourceVersion. Where somebody else wrote to the node meanwhile, the node is read
    and planned again.
options:
  state:
    description:
      - V(present) writes labels and taints, V(absent) takes away all that this module wrote.
      - V(absent) needs the O(machine_sets) and O(profiles) that V(present) had; else the machine API puts back on a
        node what its Machine says.
    type: str
    choices: [present, absent]
    default: present
  nodes:
    description:
      - Names of the nodes to look at. All of them where unset.
    type: list
    elements: str
    default: []
  selector:
    description:
      - Label selector of the nodes to look at, as kubectl takes it.
    type: str
  exclude:
    description:
      - Names of nodes to leave alone; C(*) and C(?) stand for any characters and any one character.
    type: list
    elements: str
    default: []
  control_plane:
    description:
      - Whether to look at control plane nodes too. Needed on clusters of one node.
      - O(state=absent) always looks at them.
    type: bool
    default: false
  prefix:
    description:
      - The domain under which the module keeps its labels and its annotation.
      - C(<prefix>/vendor), C(/product), C(/count), C(/memory) (of one device, in MiB), C(/mig) (C(single) or
        C(mixed)), C(/mig-<profile>) (devices of this profile), C(/shared) (C(true) where several pods get the same
        device) and C(/state) (C(healthy) or C(driver-not-ready)).
      - No domain of an operator, of Kubernetes, or of the resources and labels of O(vendors).
    type: str
    default: accelerator.modelserving.io
  labels:
    description:
      - Further labels for nodes with accelerators. Values are strings. Keys are not those of operators, of
        Kubernetes, or of O(vendors).
    type: dict
    default: {}
  taints:
    description:
      - Taints for nodes with accelerators. None by default.
      - A taint is one and the same by key and effect; a present one with another value is changed, and restored by
        O(state=absent). One that was there with the same value stays its owner's.
    type: list
    elements: dict
    default: []
    suboptions:
      key:
        description:
          - Key of the taint. By default the name of the vendor's resource, such as C(nvidia.com/gpu), which
            O(modelserving.kserve.serving_runtime#module:accelerator) tolerates. Needed where one of O(vendors) has
            only resources with C(*).
          - Of the vendors' own pods (feature discovery, driver, device plugin) only NVIDIA's tolerate a taint by
            default, C(nvidia.com/gpu) with effect C(NoSchedule). All others have to be given a toleration, or new nodes
            never offer a device. A task that writes such a taint warns of it.
        type: str
      value:
        description:
          - Value of the taint. By default C(present) for C(nvidia.com/gpu), the one value that all of NVIDIA's charts
            tolerate, and none for others. The empty string is none too.
        type: str
      effect:
        description:
          - What happens to pods that do not tolerate it. V(NoExecute) also evicts those that run there already, the
            vendors' own among them.
        type: str
        choices: [NoSchedule, PreferNoSchedule, NoExecute]
        default: NoSchedule
  vendors:
    description:
      - Accelerators beside NVIDIA's, AMD's and Intel's. One with a known name (C(nvidia), C(amd), C(intel),
        C(gaudi)) replaces what is built in.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Value of the label C(<prefix>/vendor).
        type: str
        required: true
      resources:
        description:
          - Resources that stand for a device, such as C(example.com/npu); C(*) stands for any characters.
        type: list
        elements: str
        required: true
      present_labels:
        description: Labels that say that the hardware is there, whether or not its driver works.
        type: list
        elements: str
      product_labels:
        description: Labels with the name of the product, best first.
        type: list
        elements: str
      memory_labels:
        description: Labels with the memory of one device, in MiB or as in C(192G).
        type: list
        elements: str
      display_name:
        description: Name for people, in profiles and messages.
        type: str
  machine_sets:
    description:
      - Whether OpenShift's MachineSets get the labels (those that all nodes of a set share) and the taints in their
        templates, so that new nodes do not come bare. A warning where the cluster does not serve them.
      - What new nodes will have is known from the nodes of a set that offer devices. Where none does (there is none, or
        its driver is being installed), a set's annotations for scaling from zero and what its template carries decide.
      - A set is meant where a node of it is. With O(nodes) or O(selector) a set without nodes is left alone, with a
        warning.
      - O(state=absent) takes them from the templates of which it means every node, and from the Machines of the nodes
        that it means.
    type: bool
    default: false
  machine_sets_namespace:
    description: Namespace of the MachineSets.
    type: str
    default: openshift-machine-api
  profiles:
    description:
      - Whether to write a profile for OpenShift AI's dashboard for each vendor, resource and product found, and for
        each way in which it is cut up (MIG) or shared. By what the cluster serves that is a HardwareProfile of
        C(infrastructure.opendatahub.io), or a HardwareProfile and an AcceleratorProfile of
        C(dashboard.opendatahub.io). A warning where it serves none.
      - O(state=absent) removes those that carry C(app.kubernetes.io/managed-by=modelserving.kserve); with O(nodes),
        O(selector) or O(exclude) those of them whose devices no other labelled node has.
    type: bool
    default: false
  profiles_namespace:
    description:
      - Namespace of the profiles. By default C(redhat-ods-applications), else C(opendatahub), where it exists.
    type: str
  force_conflicts:
    description:
      - Whether to take over fields of profiles that another field manager set to something else.
    type: bool
    default: false
  workers:
    description: Patches to send at a time.
    type: int
    default: 8
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - modelserving.kserve.connection
attributes:
  check_mode:
    description: Patches are sent as a dry run, so that what the API server would refuse is known.
    support: full
  diff_mode:
    description: Shows the module's own labels and taints.
    support: full
author:
  - modelserving.kserve contributors (@modelserving)
seealso:
  - module: modelserving.kserve.serving_runtime
"""

EXAMPLES = r"""
- name: Label every node that has GPUs
  modelserving.kserve.gpu_node:

- name: Keep other pods off the GPU nodes
  modelserving.kserve.gpu_node:
    taints:
      - effect: NoSchedule

- name: A pool of its own, with a taint and a role
  modelserving.kserve.gpu_node:
    selector: pool=serving
    exclude: [gpu-lab-*]
    labels:
      node-role.kubernetes.io/gpu: ""
    taints:
      - key: example.com/serving-only
        value: "true"

- name: An accelerator that the module does not know
  modelserving.kserve.gpu_node:
    vendors:
      - name: example
        resources: [example.com/npu]
        present_labels: [feature.node.kubernetes.io/pci-1d94.present]

- name: On OpenShift AI, new nodes and the dashboard too
  modelserving.kserve.gpu_node:
    machine_sets: true
    profiles: true

- name: Take all of it back
  modelserving.kserve.gpu_node:
    state: absent
"""

RETURN = r"""
results:
  description: One entry for each node that has an accelerator, was changed or was named, in the order of the list.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the node.
      type: str
    action:
      description: One of C(change), C(unchanged), C(skipped) and C(gone) (deleted meanwhile).
      type: str
    changed:
      description: Whether the node was, or in check mode would be, changed.
      type: bool
    skipped:
      description: Why the node was left alone, or null.
      type: str
    accelerator:
      description:
        - What the node has, or null; vendor, resources (allocatable devices by resource), state, product, count,
          memory_mib, mig, mig_profiles, shared (whether several pods get the same device), unhealthy (devices that are
          known but not offered) and others (allocatable devices of further vendors, for which a node is not labelled).
      type: dict
    before:
      description: The module's labels and taints on the node, as they were.
      type: dict
    after:
      description: The same, as they are now.
      type: dict
    error:
      description: What kept the node from being changed, as reason and message, or null.
      type: dict
  sample:
    - name: gpu-1
      action: change
      changed: true
      skipped: null
      accelerator: {vendor: nvidia, resources: {nvidia.com/gpu: 4}, state: healthy, count: 4}
      before: {labels: {}, taints: []}
      after: {labels: {accelerator.modelserving.io/vendor: nvidia}, taints: []}
      error: null
machine_sets:
  description: One entry for each MachineSet with accelerators; kind, name, namespace, action, vendor and so on.
  returned: always
  type: list
  elements: dict
profiles:
  description: One entry for each profile; kind, api_version, name, namespace, action and so on.
  returned: always
  type: list
  elements: dict
summary:
  description: Numbers of nodes, skipped, accelerator_nodes, healthy, driver_not_ready, devices, changed and failed.
  returned: always
  type: dict
  sample: {nodes: 40, skipped: 3, accelerator_nodes: 4, healthy: 4, driver_not_ready: 0, devices: 16, changed: 1}
"""

from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils import ansible
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import nodes
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import gpu_nodes

ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "nodes": {"type": "list", "elements": "str", "default": []},
    "selector": {"type": "str"},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "control_plane": {"type": "bool", "default": False},
    "prefix": {"type": "str", "default": "accelerator.modelserving.io"},
    "labels": {"type": "dict", "default": {}},
    "taints": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "key": {"type": "str", "no_log": False},
            "value": {"type": "str"},
            "effect": {
                "type": "str",
                "choices": ["NoSchedule", "PreferNoSchedule", "NoExecute"],
                "default": "NoSchedule",
            },
        },
    },
    "vendors": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "resources": {"type": "list", "elements": "str", "required": True},
            "present_labels": {"type": "list", "elements": "str"},
            "product_labels": {"type": "list", "elements": "str"},
            "memory_labels": {"type": "list", "elements": "str"},
            "display_name": {"type": "str"},
        },
    },
    "machine_sets": {"type": "bool", "default": False},
    "machine_sets_namespace": {"type": "str", "default": "openshift-machine-api"},
    "profiles": {"type": "bool", "default": False},
    "profiles_namespace": {"type": "str"},
    "force_conflicts": {"type": "bool", "default": False},
    "workers": {"type": "int", "default": 8},
}


def task_of(params: dict[str, Any], check_mode: bool) -> gpu_nodes.Task:
    """The module's parameters, checked."""
    options = nodes.make_options(
        prefix=params["prefix"],
        vendors=params["vendors"],
        taints=params["taints"],
        extra_labels=params["labels"],
        names=params["nodes"],
        exclude=params["exclude"],
        control_plane=params["control_plane"],
        present=params["state"] == "present",
    )
    return gpu_nodes.Task(
        options,
        selector=params["selector"],
        with_machine_sets=params["machine_sets"],
        machine_sets_namespace=params["machine_sets_namespace"],
        with_profiles=params["profiles"],
        profiles_namespace=params["profiles_namespace"],
        force_conflicts=params["force_conflicts"],
        workers=params["workers"],
        check_mode=check_mode,
    )


@ansible.module(ARGUMENTS)
def main(session: ansible.Session) -> None:
    """Run the module."""
    outcome = gpu_nodes.Outcome()
    session.partial = lambda: {**outcome.plain(), **({"diff": outcome.diff()} if session.diff_mode else {})}
    with session.telling(outcome.warnings):
        gpu_nodes.run(session.client, task_of(session.params, session.check_mode), outcome)
    failures = outcome.failures()
    if failures:
        more = f" ({len(failures) - 1} more failed, see results)" if len(failures) > 1 else ""
        session.fail(f"{failures[0]}{more}")
    session.exit(**session.partial())


if __name__ == "__main__":
    main()
