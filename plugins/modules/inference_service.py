#!/usr/bin/python
# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: deploy models as InferenceServices, wait for them and try them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: inference_service
version_added: "0.1.0"
short_description: Deploy models as KServe InferenceServices
description:
  - Creates, changes and deletes InferenceServices by server-side apply with a field manager of its own. Fields taken
    out of the task are taken out of the object, and fields that others own stay.
  - A service that is as wanted costs no write. One list for each namespace tells.
  - Says beforehand when KServe will find no runtime for a service, or takes one by chance.
  - O(wait) knows the domain. It looks at the rollout, the conditions and the pods, many services at once, and ends at
    once on a failure that cannot heal, with its cause and remedy.
  - O(verify) sends a real inference request through the API server, so that no route to the cluster's network is
    needed, and holds the answer against what is expected.
options:
  name:
    description:
      - Name of the service. It begins with a letter and has 53 characters at most, since KServe's Services and
        Deployments carry it with a suffix.
      - Required without O(services).
    type: str
  namespace:
    description: Namespace of the service.
    type: str
  namespaces:
    description: Namespaces that each get the service. Mutually exclusive with O(namespace).
    type: list
    elements: str
  services:
    description:
      - Many services in one task. Each entry has the options of one service (O(name) to O(spec)), as this module has
        them.
      - O(namespace), O(namespaces), O(state) and O(pin_runtime) beside the list are defaults of its entries. Other
        options of one service cannot stand beside the list.
    type: list
    elements: dict
  state:
    description: Whether the service is there.
    type: str
    choices: [present, absent]
    default: present
  labels:
    description:
      - Labels of the InferenceService. Runtimes may read them in their templates, such as C({{.Labels.modelClass}}).
    type: dict
  annotations:
    description:
      - Annotations of the InferenceService, such as C(serving.kserve.io/deploymentMode) and
        C(serving.kserve.io/autoscalerClass). Values are strings.
    type: dict
  format:
    description:
      - Name of the model's format, exactly as the runtime spells it, such as V(sklearn), V(onnx) or V(triton).
    type: str
    aliases: [model_format]
  version:
    description:
      - Version of the format. The runtime must list the same string, so that V("1") and V("1.0") are different.
      - Quote it. YAML makes 1.1 of an unquoted 1.10, and so a number with a fraction is refused.
    type: str
    aliases: [model_version]
  protocol:
    description:
      - Protocol that the service speaks. Where none is given, KServe looks for a runtime that speaks V(v1) (V(v2)
        for the formats triton and vLLM).
    type: str
    choices: [v1, v2, grpc-v1, grpc-v2]
    aliases: [protocol_version, protocolVersion]
  storage_uri:
    description:
      - Where the model is, such as C(pvc://models/iris) or C(s3://bucket/iris).
    type: str
    aliases: [storageUri]
  storage:
    description:
      - The model's place in a storage that an administrator has configured, instead of O(storage_uri).
      - A mapping with C(key), C(path), C(parameters) and C(schemaPath).
    type: dict
  runtime:
    description:
      - Name of the ServingRuntime in the service's namespace, or of the ClusterServingRuntime. A namespaced one hides
        the cluster's of the same name.
      - Where none is given, KServe chooses at every reconcile, and installing another runtime may move the service.
        See O(pin_runtime).
    type: str
  pin_runtime:
    description:
      - Write the runtime that KServe would choose now into the service, so that runtimes that are installed later do
        not move it.
      - A runtime that was pinned before stays for as long as it serves the service. When it does no longer, another is
        pinned, with a warning; where no other would be chosen, it stays, with a warning.
    type: bool
    default: false
  runtime_version:
    description: Tag of the runtime's image, where the runtime lets services choose it.
    type: str
    aliases: [runtimeVersion]
  image:
    description: Image of the model server, instead of the runtime's.
    type: str
  image_pull_policy:
    description: When the image is pulled.
    type: str
    choices: [Always, IfNotPresent, Never]
    aliases: [imagePullPolicy]
  command:
    description: Command of the model server, instead of the runtime's.
    type: list
    elements: str
  args:
    description: Arguments that are appended to the runtime's.
    type: list
    elements: str
  env:
    description:
      - Environment variables of the model server, merged with the runtime's by name. Each has C(name) and C(value) or
        C(valueFrom).
    type: list
    elements: dict
  env_from:
    description: ConfigMaps and Secrets whose keys become environment variables.
    type: list
    elements: dict
    aliases: [envFrom]
  resources:
    description: Requests and limits of the model server.
    type: dict
  ports:
    description: Ports of the model server. The first is what the service's port 80 leads to.
    type: list
    elements: dict
  volume_mounts:
    description: Volumes mounted into the model server.
    type: list
    elements: dict
    aliases: [volumeMounts]
  liveness_probe:
    description: Liveness probe of the model server.
    type: dict
    aliases: [livenessProbe]
  readiness_probe:
    description: Readiness probe of the model server.
    type: dict
    aliases: [readinessProbe]
  startup_probe:
    description: Startup probe of the model server.
    type: dict
    aliases: [startupProbe]
  min_replicas:
    description: Fewest replicas. V(0) lets Knative scale to zero.
    type: int
    aliases: [minReplicas]
  max_replicas:
    description: Most replicas.
    type: int
    aliases: [maxReplicas]
  scale_metric:
    description: What the autoscaler looks at.
    type: str
    choices: [cpu, memory, concurrency, rps]
    aliases: [scaleMetric]
  scale_target:
    description: Value of O(scale_metric) that the autoscaler aims at.
    type: int
    aliases: [scaleTarget]
  container_concurrency:
    description: How many requests a container takes at a time.
    type: int
    aliases: [containerConcurrency]
  service_account:
    description: Service account of the pods, whose secrets give access to the model's storage.
    type: str
    aliases: [service_account_name, serviceAccountName]
  priority_class_name:
    description: Priority class of the pods.
    type: str
    aliases: [priorityClassName]
  pod_labels:
    description: Labels of the pods alone.
    type: dict
  pod_annotations:
    description: Annotations of the pods alone.
    type: dict
  volumes:
    description: Volumes of the pods.
    type: list
    elements: dict
  node_selector:
    description: Labels of the nodes that may run the pods.
    type: dict
    aliases: [nodeSelector]
  affinity:
    description: Affinity of the pods.
    type: dict
  tolerations:
    description: Taints that the pods tolerate.
    type: list
    elements: dict
  image_pull_secrets:
    description: Secrets to pull images with, each with C(name).
    type: list
    elements: dict
    aliases: [imagePullSecrets]
  scheduler_name:
    description: Scheduler of the pods.
    type: str
    aliases: [schedulerName]
  spec:
    description:
      - The InferenceService's C(spec) as in a manifest, for all that has no option here, such as C(transformer) and
        C(explainer). The options above are laid into it. A field must not be given in both.
      - A field that the cluster's CRD does not know is an error.
      - The previous schema (C(predictor.sklearn) and so on) is written as KServe's webhook converts it. It cannot stand
        beside C(predictor.model), which KServe would overwrite with it.
    type: dict
  verify:
    description:
      - An inference request that is sent when the service is ready. The task fails where the answer does not hold
        what is expected. Implies O(wait).
      - Fails where the service is stopped by its annotation, since nothing answers.
      - Needs the right to create on C(services/proxy). Not sent in check mode.
    type: dict
    suboptions:
      body:
        description: JSON body of the request, with C(inputs) for V2, with C(instances) for V1.
        type: dict
        required: true
      expect:
        description: What the answer must hold. Without an entry, any answer is enough.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: Path into the answer, such as C(outputs[0].data) or C(predictions[-1]). Empty for all of it.
            type: str
            default: ''
          equals:
            description: The value is the same JSON data.
            type: raw
          contains:
            description: The value is a text with this in it, a list with this item, or a mapping with these entries.
            type: raw
          close_to:
            description: The value is a number, or a nested list of numbers, no further from this than the tolerance.
            type: raw
          tolerance:
            description: Largest absolute difference for O(verify.expect[].close_to).
            type: float
            default: 1.0e-06
          length:
            description: The value is a list, mapping or text of this length.
            type: int
      model:
        description:
          - Name of the model on the server. By default the service's name, or what its arguments or environment say.
        type: str
      protocol:
        description: Protocol of the request. By default the service's, or its runtime's.
        type: str
        choices: [v1, v2]
      timeout:
        description: Seconds to go on asking while the server does not answer or does not know the model yet.
        type: float
        default: 60.0
  wait:
    description:
      - Wait until the services are ready (and rolled out), or gone.
      - Ends at once where a service cannot become ready without a change.
      - A status from before a change does not count, until KServe shows that it acted, or its controller was seen at
        work for some seconds.
      - What may not be read is not taken for good. RV(results[].wait) and a warning say what is not known.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait for all services of the task.
    type: float
    default: 600.0
  force_conflicts:
    description: Take over fields that other field managers have set to something else. Without it that is an error.
    type: bool
    default: false
  kserve_version:
    description:
      - KServe version whose rules apply to the choice of a runtime. By default it is read from the controller's
        image where that may be read, and else V(0.20.0).
    type: str
  webhook_timeout:
    description: Seconds to go on trying while KServe's webhook does not answer, as in the first moments of its life.
    type: float
    default: 30.0
  workers:
    description: Requests that are sent at a time.
    type: int
    default: 8
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - modelserving.kserve.connection
attributes:
  check_mode:
    support: full
    description: What would change is sent with C(dryRun=All).
  diff_mode:
    support: full
    description: Shows what the task speaks of, without status and defaults.
author:
  - modelserving.kserve contributors (@modelserving)
seealso:
  - module: modelserving.kserve.serving_runtime
  - plugin: modelserving.kserve.select_runtime
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Serve a scikit-learn model with MLServer, and try it
  modelserving.kserve.inference_service:
    name: iris
    namespace: models
    format: sklearn
    version: "1"
    protocol: v2
    storage_uri: pvc://models/iris
    runtime: seldon-mlserver-runtime
    labels:
      modelClass: mlserver_sklearn.SKLearnModel
    annotations:
      serving.kserve.io/autoscalerClass: none
    verify:
      body:
        inputs:
          - name: predict
            shape: [1, 4]
            datatype: FP32
            data: [[5.1, 3.5, 1.4, 0.2]]
      expect:
        - path: outputs[0].data
          equals: [0]

- name: Many services in one task, and wait for all of them
  modelserving.kserve.inference_service:
    namespace: models
    wait: true
    wait_timeout: 300
    services:
      - name: digits
        format: python
        version: "1"
        protocol: v2
        storage_uri: pvc://models/digits/repository
        runtime: triton-runtime
      - name: iris-b
        format: sklearn
        version: "1"
        protocol: v2
        storage_uri: pvc://models/iris
        runtime: seldon-mlserver-runtime
        labels:
          modelClass: mlserver_sklearn.SKLearnModel

- name: Let KServe choose once, and keep its choice
  modelserving.kserve.inference_service:
    name: iris-pinned
    namespace: models
    format: sklearn
    protocol: v2
    storage_uri: pvc://models/iris
    pin_runtime: true
    wait: true

- name: A whole spec, as in a manifest
  modelserving.kserve.inference_service:
    name: own-server
    namespace: models
    spec:
      predictor:
        containers:
          - name: kserve-container
            image: localhost/modelserving/mlserver:1.7.1
            resources:
              requests:
                cpu: 100m

- name: Take services away and wait until they are gone
  modelserving.kserve.inference_service:
    namespace: models
    state: absent
    wait: true
    services:
      - name: digits
      - name: own-server
"""

RETURN = r"""
results:
  description: One entry for each service and namespace, in the order of the task.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the service.
      type: str
    namespace:
      description: Its namespace.
      type: str
    kind:
      description: Always C(InferenceService).
      type: str
    action:
      description: V(create), V(change), V(adopt) (only who owns what changes), V(unchanged), V(delete) or V(absent).
      type: str
    changed:
      description: Whether the object changed, or would.
      type: bool
    adopted:
      description: Whether an object that was already as wanted became ours.
      type: bool
    confirmed:
      description: Whether the API server agreed, by doing it or by a dry run.
      type: bool
    object:
      description:
        - The service as the task left it, without status; in check mode as it would be. Null where there is none.
      type: dict
    diff:
      description: What the task speaks of, C(before) and C(after).
      type: dict
    selection:
      description: >-
        The choice of a runtime as things were, where the service was to be written or its runtime is pinned:
        C(selected), C(candidates), C(rejected), C(reason), C(message), C(explanation), as the filter
        P(modelserving.kserve.select_runtime#filter).
      type: dict
    runtime:
      description: C(kind) and C(name) of the runtime that KServe says it uses (from KServe 0.16 on).
      type: dict
    url:
      description: The service's URL, where KServe has given it one.
      type: str
    wait:
      description: >-
        How waiting ended, C(state) (V(ready), V(stopped), V(gone), V(failed) or V(timeout)), C(message), C(remedy),
        C(seconds), C(transitions), what was waited for with the second at which that began, C(unseen), the lists that
        may not be read (C(what), C(reason), C(message)), and C(doubts), what is therefore not known.
      type: dict
    verify:
      description: The reply to the request, C(ok), C(path), C(status), C(answer), C(problems) and C(seconds).
      type: dict
    findings:
      description: What M(modelserving.kserve.runtime_status) finds of a service that did not become ready.
      type: list
      elements: dict
    error:
      description: What went wrong with this service.
      type: str
    warnings:
      description: Warnings about this service.
      type: list
      elements: str
"""

from ansible_collections.modelserving.kserve.plugins.module_utils.ansible import Session, module
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import service
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import inference_services
from ansible_collections.modelserving.kserve.plugins.module_utils.operations.inference import SAMPLE_OPTIONS

ARGUMENTS = {
    "name": {"type": "str"},
    "namespace": {"type": "str"},
    "namespaces": {"type": "list", "elements": "str"},
    "services": {"type": "list", "elements": "dict"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "pin_runtime": {"type": "bool", "default": False},
    "verify": {"type": "dict", "options": SAMPLE_OPTIONS},
    **service.argument_spec(),
    "wait": {"type": "bool", "default": False},
    "wait_timeout": {"type": "float", "default": 600.0},
    "force_conflicts": {"type": "bool", "default": False},
    "kserve_version": {"type": "str"},
    "webhook_timeout": {"type": "float", "default": 30.0},
    "workers": {"type": "int", "default": 8},
}


@module(
    ARGUMENTS,
    required_one_of=[["name", "services"]],
    mutually_exclusive=[["name", "services"], ["namespace", "namespaces"]],
)
def main(session: Session) -> None:
    """Run the module."""
    task = inference_services.task_of(session.params, session.given, check_mode=session.check_mode)
    result = inference_services.Result()
    session.partial = result.plain
    with session.telling(result.warnings):
        inference_services.run(session.client, task, result)
    failure = result.failure()
    if failure:
        session.fail(failure)
    session.exit(diff=result.diff(), **result.plain())


if __name__ == "__main__":
    main()
