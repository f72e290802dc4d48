#!/usr/bin/python
# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: explain_selection
short_description: Show which runtimes KServe takes for InferenceServices, and why not the others
version_added: "0.1.0"
description:
  - Asks P(modelserving.kserve.select_runtime#filter) for every service and prints the answers as a table into the job
    log, with real line breaks whatever callback is in use.
  - Everything happens on the controller, without a cluster.
author:
  - modelserving.kserve contributors (@modelserving)
options:
  services:
    description: The InferenceServices, as they are written in manifests or as the cluster stores them.
    type: list
    elements: dict
    required: true
  runtimes:
    description: The ServingRuntimes (of any namespaces) and ClusterServingRuntimes that there are.
    type: list
    elements: dict
    required: true
  kserve_version:
    description: The version of KServe that decides, from 0.15 on.
    type: str
    default: 0.20.0
  why:
    description:
      - Which of the runtimes that were not taken the table tells of.
      - V(relevant) leaves out those with other formats, other names or in other namespaces.
    type: str
    choices: [relevant, all, none]
    default: relevant
  display:
    description: Print the table into the job log.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
seealso:
  - plugin: modelserving.kserve.select_runtime
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show the runtimes of all services
  modelserving.kserve.explain_selection:
    services: "{{ query('kubernetes.core.k8s', api_version='serving.kserve.io/v1beta1', kind='InferenceService') }}"
    runtimes: "{{ query('kubernetes.core.k8s', api_version=alpha, kind='ClusterServingRuntime') }}"
  vars:
    alpha: serving.kserve.io/v1alpha1
"""

RETURN = r"""
choices:
  description:
    - The choice for each service in the order of O(services), as P(modelserving.kserve.select_runtime#filter) returns
      it, with the service's C(namespace) and C(name).
  returned: always
  type: list
  elements: dict
lines:
  description: The lines of the table.
  returned: always
  type: list
  elements: str
"""
