#!/usr/bin/python
# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serving_runtime
short_description: Manage KServe's ServingRuntimes and ClusterServingRuntimes
version_added: "0.1.0"
author:
  - modelserving.kserve contributors (@modelserving)
description:
  - Creates, changes and deletes ServingRuntimes and ClusterServingRuntimes, one or many, in one or many namespaces, in
    one task.
  - Everything is checked before anything is written, against the schema, against the rules of KServe's webhook and
    against what admission lets through although it can never work. Errors are told all at once and nothing is
    written; whatever else seems wrong is a warning.
  - Writes by server-side apply with the field manager C(modelserving.kserve). An object that is already as wanted and
    ours costs no write. Fields taken out of the task are taken out of the object, fields that others own stay.
  - Tells which InferenceServices a change moves to another runtime and which it restarts, in check mode too.
options:
  state:
    description:
      - V(present) creates or changes the runtimes.
      - V(absent) deletes them. A runtime that InferenceServices use is deleted only with O(force).
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - Name of the runtime. A preset brings one of its own.
    type: str
  preset:
    description:
      - A runtime from the collection's catalogue, to be used as it is or as the base for the other options, such as
        V(triton), V(mlserver), V(kserve-sklearnserver) or V(amd). All of them are listed in the collection's
        documentation.
    type: str
  accelerator:
    description:
      - The accelerator that the C(kserve-container) needs, and the worker's where there is one. Adds its resource, the
        tolerations that nodes with it usually ask for, a node selector, and with C(product) or C(memory) an affinity.
      - Devices in the container's own C(resources) that contradict it are refused.
      - A vendor (V(nvidia), V(amd), V(intel), V(gaudi)), a resource (V(example.com/npu)), or a dictionary with
        C(vendor) or C(resource), C(count), C(product), C(memory), C(mig), C(select) (V(labels), V(vendor_labels),
        V(none)), C(tolerate) and C(prefix).
    type: raw
  runtimes:
    description:
      - Several runtimes at once, each a dictionary with O(name), O(preset), O(accelerator) and the options of a
        runtime that this module has.
      - They are checked against one another too.
      - Excludes the options of a single runtime.
    type: list
    elements: dict
  scope:
    description:
      - V(namespace) manages ServingRuntimes, V(cluster) ClusterServingRuntimes.
    type: str
    choices: [namespace, cluster]
    default: namespace
  namespace:
    description:
      - The namespace of the runtimes.
    type: str
  namespaces:
    description:
      - Several namespaces; each gets every runtime.
    type: list
    elements: str
  namespace_selector:
    description:
      - A label selector such as V(team=fraud,stage in (test,live)). Each namespace that it matches gets every runtime.
      - An empty one is refused, since it would mean every namespace.
    type: str
  force:
    description:
      - With O(state=absent), delete runtimes although InferenceServices use them.
    type: bool
    default: false
  force_conflicts:
    description:
      - Take over fields that another field manager set to something else.
    type: bool
    default: false
  webhook_timeout:
    description:
      - Seconds to go on trying while KServe's webhook does not answer, as it is for a while after its installation.
    type: int
    default: 30
  crd_timeout:
    description:
      - Seconds to wait until the cluster serves KServe's API, where KServe is being installed.
    type: int
    default: 0
  workers:
    description:
      - How many objects are written at a time.
    type: int
    default: 8
  return_objects:
    description:
      - Which objects the results show. With hundreds of runtimes V(changed) spares Ansible, and a controller that keeps
        results, megabytes that nobody reads.
    type: str
    choices: [all, changed, none]
    default: all
  kserve_version:
    description:
      - The version of KServe whose rules count. By default the cluster's own, which is looked up only when something is
        to be written; where it cannot be told, the newest that is known.
    type: str
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - modelserving.kserve.connection
  - modelserving.kserve.runtime_spec
attributes:
  check_mode:
    description: Whether the module can run in check mode.
    support: full
    details:
      - What would change is sent with C(dryRun=All). Where that is not allowed, the result is unconfirmed and a
        warning says so.
  diff_mode:
    description: Whether the module shows what changed.
    support: full
    details:
      - A diff speaks of the fields that the task names, and of those that it named before.
seealso:
  - module: modelserving.kserve.inference_service
  - module: modelserving.kserve.runtime_status
notes:
  - An empty map in the spec is left out. It says the same to KServe, and server-side apply cannot empty a map.
"""

EXAMPLES = r"""
- name: Triton from the catalogue, in one namespace
  modelserving.kserve.serving_runtime:
    preset: triton
    namespace: models

- name: MLServer for every namespace of a team, chosen by itself for its formats
  modelserving.kserve.serving_runtime:
    preset: mlserver
    namespace_selector: team=fraud
    auto_select: true

- name: A server of our own
  modelserving.kserve.serving_runtime:
    name: shop-recommender
    namespace: models
    supported_model_formats:
      - name: recommender
        version: "2"
        auto_select: true
        priority: 1
    protocol_versions: [v2]
    containers:
      - name: kserve-container
        image: registry.example.com/shop/recommender:2.3
        args:
          - !unsafe "--model_name={{.Name}}"
          - --model_dir=/mnt/models
        env:
          - name: LOG_LEVEL
            value: info
        resources:
          requests: {cpu: 500m, memory: 1Gi}
          limits: {cpu: "2", memory: 4Gi}
        readiness_probe:
          httpGet: {path: /v2/health/ready, port: 8080}

- name: A spec as KServe's own documents show it, pasted
  modelserving.kserve.serving_runtime:
    name: example-runtime
    namespace: models
    supportedModelFormats:
      - name: example-format
        version: "1"
        autoSelect: true
    containers:
      - name: kserve-container
        image: examplemodelserver:latest
        imagePullPolicy: IfNotPresent
        args:
          - --model_dir=/mnt/models
          - --http_port=8080

- name: Several runtimes in several namespaces, one on GPUs
  modelserving.kserve.serving_runtime:
    namespaces: [models, models-test]
    runtimes:
      - preset: mlserver
      - preset: triton
        name: triton-gpu
        accelerator: nvidia
        metadata_labels:
          team: vision
  register: installed

- name: Who was moved to another runtime
  ansible.builtin.debug:
    var: installed.affected.moves

- name: For the whole cluster, to be used by services that name it
  modelserving.kserve.serving_runtime:
    preset: kserve-sklearnserver
    scope: cluster
    auto_select: false

- name: Delete a runtime, unless a service uses it
  modelserving.kserve.serving_runtime:
    name: triton-gpu
    namespaces: [models, models-test]
    state: absent
"""

RETURN = r"""
results:
  description: What became of each object, runtimes in the task's order and namespaces within; always a list.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the runtime.
      type: str
    namespace:
      description: Its namespace, null for the cluster's.
      type: str
    kind:
      description: ServingRuntime or ClusterServingRuntime.
      type: str
    action:
      description:
        - What it needs, RV(results[].changed) says whether it was done. V(create), V(change), V(adopt) (already as
          wanted, and now ours), V(unchanged), V(delete) or V(absent) (there was nothing to delete).
      type: str
    changed:
      description: Whether it changed, in check mode whether it would. A task that is stopped changes nothing.
      type: bool
    adopted:
      description: Whether an object that was already as wanted became this collection's.
      type: bool
    confirmed:
      description: Whether the API server agreed, by doing it or by a dry run.
      type: bool
    object:
      description:
        - The object as it is now, in check mode as it would be, without status and managedFields. An object that could
          not be written is as it was before. Null where it is not there, or left out by O(return_objects).
      type: dict
    diff:
      description:
        - With C(--diff), what the task speaks of, C(before) and C(after). Empty where nothing changes, as where the
          object could not be written.
      type: dict
    error:
      description: Why this object could not be written, else null.
      type: str
    warnings:
      description: What seems wrong with this object.
      type: list
      elements: str
  sample:
    - name: triton-runtime
      namespace: models
      kind: ServingRuntime
      action: create
      changed: true
      adopted: false
      confirmed: true
      error: null
      warnings: []
affected:
  description:
    - The InferenceServices that the task concerns. Both lists are null where that is not known, because the right to
      see the services lacks or because the task failed before.
  returned: always
  type: dict
  contains:
    moves:
      description: The services whose runtime becomes another one.
      type: list
      elements: dict
      sample:
        - namespace: models
          name: iris
          from: {kind: ClusterServingRuntime, name: kserve-sklearnserver}
          to: {kind: ServingRuntime, name: seldon-mlserver-runtime}
          reason: seldon-mlserver-runtime comes before kserve-sklearnserver, it is in the namespace
    restarts:
      description: The services whose pods are replaced because their runtime changes.
      type: list
      elements: dict
      sample:
        - namespace: models
          name: iris
          runtime: {kind: ServingRuntime, name: seldon-mlserver-runtime}
          fields: [containers]
errors:
  description:
    - Everything for which the task was refused before anything was written.
    - What Ansible itself refuses, such as a list that is text, and a number out of its range are told in C(msg) alone.
  returned: when the task is refused
  type: list
  elements: str
"""

from ansible_collections.modelserving.kserve.plugins.module_utils import ansible
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import spec
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import runtime_entries, serving_runtimes

ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str"},
    "preset": {"type": "str"},
    "accelerator": {"type": "raw"},
    "runtimes": {"type": "list", "elements": "dict"},
    "scope": {"type": "str", "choices": ["namespace", "cluster"], "default": "namespace"},
    "namespace": {"type": "str"},
    "namespaces": {"type": "list", "elements": "str"},
    "namespace_selector": {"type": "str"},
    "force": {"type": "bool", "default": False},
    "force_conflicts": {"type": "bool", "default": False},
    "webhook_timeout": {"type": "int", "default": 30},
    "crd_timeout": {"type": "int", "default": 0},
    "workers": {"type": "int", "default": 8},
    "return_objects": {"type": "str", "choices": ["all", "changed", "none"], "default": "all"},
    "kserve_version": {"type": "str"},
    **spec.RUNTIME_OPTIONS,
}


@ansible.module(ARGUMENTS, mutually_exclusive=[("namespace", "namespaces", "namespace_selector")])
def main(session: ansible.Session) -> None:
    """Run the module."""
    outcome = serving_runtimes.Outcome(with_diff=session.diff_mode, objects=session.params["return_objects"])
    session.partial = lambda: {**outcome.plain(), **({"diff": outcome.diff()} if session.diff_mode else {})}
    with session.telling(outcome.warnings):
        try:
            entries = runtime_entries.of_task(session.params, session.given)
            task = serving_runtimes.task_of(session.params, entries, check_mode=session.check_mode)
            serving_runtimes.run(lambda: session.client, task, outcome)
        except SpecError as error:
            outcome.errors.append(str(error))
    failure = outcome.failure()
    if failure:
        session.fail(failure)
    session.exit(**session.partial())


if __name__ == "__main__":
    main()
