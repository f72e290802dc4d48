#!/usr/bin/python
# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: ask the servers behind InferenceServices whether they serve."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_health
version_added: "0.1.0"
short_description: Ask model servers whether they are live, ready and have their model
description:
  - Finds InferenceServices, all of them or those that use given runtimes, and asks the server of each one whether it
    is live, ready and has its model, in the protocol that it speaks (V1 or V2).
  - Reads the metrics of each pod where its annotations say that they are, and parses them as Prometheus text.
  - Sends a sample inference where one is given, and holds the answer against what is expected.
  - Everything goes through the API server, so that no route to the cluster's network is needed. Changes nothing.
  - A server that speaks gRPC alone, or no protocol that is known, is judged by its pods. Services that are stopped or
    scaled to zero are not unhealthy, unless a sample is given for them, which cannot be sent.
  - Warns where there was nothing to check, and of namespaces that do not exist.
options:
  namespaces:
    description: Namespaces to look at. All of them where unset.
    type: list
    elements: str
  names:
    description: Names of the services to look at. One that is not there is unhealthy.
    type: list
    elements: str
  runtimes:
    description:
      - Only services that use a ServingRuntime or ClusterServingRuntime of one of these names, be it named in the
        service or chosen by KServe.
      - A service of which that is not known, since the runtimes may not be read, is checked too, with a warning.
    type: list
    elements: str
  metrics:
    description: Whether to read the pods' metrics. Needs the right to get C(pods/proxy).
    type: bool
    default: true
  samples:
    description: Inference requests to send. Needs the right to create on C(services/proxy).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the service.
        type: str
        required: true
      namespace:
        description: Its namespace. Without it, every service of that name is asked.
        type: str
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
            description: Largest absolute difference for O(samples[].expect[].close_to).
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
  timeout:
    description: Seconds to ask again until all services are healthy. V(0) asks once.
    type: float
    default: 0.0
  probe_timeout:
    description: Seconds to wait for one answer of a server.
    type: float
    default: 10.0
  fail:
    description: Fail where a service is unhealthy. The result is returned all the same.
    type: bool
    default: true
  kserve_version:
    description:
      - KServe version whose rules say which runtime a service uses. By default it is read from the controller's image
        where that may be read, and else V(0.20.0).
    type: str
  workers:
    description: Servers that are asked at a time.
    type: int
    default: 8
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - modelserving.kserve.connection
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode. Sample inferences are left out in check mode.
author:
  - modelserving.kserve contributors (@modelserving)
seealso:
  - module: modelserving.kserve.inference_service
  - module: modelserving.kserve.runtime_status
"""

EXAMPLES = r"""
- name: Are all services of a namespace healthy?
  modelserving.kserve.model_health:
    namespaces: [models]

- name: Wait for the services of two runtimes, and try one of them
  modelserving.kserve.model_health:
    namespaces: [models]
    runtimes: [triton-runtime, seldon-mlserver-runtime]
    timeout: 120
    samples:
      - name: iris
        body:
          inputs:
            - name: predict
              shape: [1, 4]
              datatype: FP32
              data: [[5.1, 3.5, 1.4, 0.2]]
        expect:
          - path: outputs[0].data
            equals: [0]

- name: Look without failing
  modelserving.kserve.model_health:
    fail: false
  register: health
"""

RETURN = r"""
healthy:
  description: Whether no service is unhealthy and none that was named is missing.
  returned: always
  type: bool
services:
  description: The services that were looked at, by namespace and name.
  returned: always
  type: list
  elements: dict
  contains:
    namespace:
      description: Namespace of the service.
      type: str
    name:
      description: Name of the service.
      type: str
    state:
      description: V(healthy), V(unhealthy), V(stopped) or V(idle) (scaled to zero).
      type: str
    message:
      description: What is wrong; empty where nothing is.
      type: str
    runtime:
      description:
        - C(kind) and C(name) of the runtime that the service uses, as KServe says in its status, or else as the service
          names it or as KServe would choose. The kind is null where it cannot be told.
      type: dict
    how:
      description: V(named) in the service, or V(selected) by KServe.
      type: str
    protocol:
      description: Protocol in which the server was asked, V(v1) or V(v2).
      type: str
    checks:
      description: >-
        What was asked, C(purpose) (V(live), V(ready), V(model), V(metrics) or V(infer)), C(ok), C(path), C(status) and
        C(message).
      type: list
      elements: dict
    sample:
      description: The reply to the sample inference, C(ok), C(path), C(status), C(answer), C(problems), C(seconds).
      type: dict
missing:
  description: >-
    Services that were asked for and are not there, as C(name), or as C(namespace/name) where the sample names its
    namespace.
  returned: always
  type: list
  elements: str
unseen:
  description: What could not be seen, C(what), C(reason) and C(message). Without pods, no metrics are read.
  returned: always
  type: list
  elements: dict
summary:
  description: How many services are C(healthy), C(unhealthy), C(stopped) and C(idle).
  returned: always
  type: dict
"""

import dataclasses

from ansible_collections.modelserving.kserve.plugins.module_utils.ansible import Session, module
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import health
from ansible_collections.modelserving.kserve.plugins.module_utils.operations.inference import SAMPLE_OPTIONS

ARGUMENTS = {
    "namespaces": {"type": "list", "elements": "str"},
    "names": {"type": "list", "elements": "str"},
    "runtimes": {"type": "list", "elements": "str"},
    "metrics": {"type": "bool", "default": True},
    "samples": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, "namespace": {"type": "str"}, **SAMPLE_OPTIONS},
    },
    "timeout": {"type": "float", "default": 0.0},
    "probe_timeout": {"type": "float", "default": 10.0},
    "fail": {"type": "bool", "default": True},
    "kserve_version": {"type": "str"},
    "workers": {"type": "int", "default": 8},
}


@module(ARGUMENTS)
def main(session: Session) -> None:
    """Run the module."""
    task = health.task_of(session.params, session.given)
    if session.check_mode:
        task = dataclasses.replace(task, samples={})
    found = health.run(session.client, task)
    for warning in found.warnings:
        session.warn(warning)
    result = health.report(task, found)
    if not result["healthy"] and session.params["fail"]:
        session.fail(health.failure(result), changed=False, **result)
    session.exit(changed=False, **result)


if __name__ == "__main__":
    main()
