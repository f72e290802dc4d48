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
  - Services and runtimes that neither an option nor a file gives are read from the cluster, with
    M(modelserving.kserve.selection_info) on the host. Files are read on the controller. Where all is given, no cluster
    is asked.
  - One object that cannot be read does not hide the others; the task fails after the table and names it.
author:
  - modelserving.kserve contributors (@modelserving)
options:
  services:
    description: InferenceServices, as they are written in manifests or as the cluster stores them.
    type: list
    elements: dict
  manifests:
    description:
      - Files, or directories of YAML and JSON files, with InferenceServices. Runtimes in them count too, in place of
        the cluster's of the same name; everything else is passed over.
      - Relative paths start in the directory in which ansible-playbook was started.
    type: list
    elements: path
    default: []
  runtimes:
    description: The ServingRuntimes (of any namespaces) and ClusterServingRuntimes that there are.
    type: list
    elements: dict
  runtime_manifests:
    description: Like O(manifests), for runtimes that stand in for the cluster's.
    type: list
    elements: path
    default: []
  namespaces:
    description: The namespaces whose services are read from the cluster. Empty means all.
    type: list
    elements: str
    default: []
  kserve_version:
    description:
      - The version of KServe that decides, from 0.15 on.
      - Left out, it is that of the cluster where one is asked. Where that cannot be told, 0.20.0 is assumed, with a
        warning.
    type: str
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
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - modelserving.kserve.connection
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
seealso:
  - module: modelserving.kserve.selection_info
  - plugin: modelserving.kserve.select_runtime
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show the runtimes of the services of a namespace
  modelserving.kserve.explain_selection:
    namespaces: [models]

- name: Show which of the cluster's runtimes the services of a repository would get
  modelserving.kserve.explain_selection:
    manifests: [deploy]
"""

RETURN = r"""
choices:
  description:
    - The choice for each service in the order in which they were given or found, as
      P(modelserving.kserve.select_runtime#filter) returns it, with the service's C(namespace) and C(name), and with
      C(doubt), why it is not certain (runtimes that may not be read), else none.
  returned: always
  type: list
  elements: dict
lines:
  description: The lines of the table, and below it what could not be explained and the version that decides.
  returned: always
  type: list
  elements: str
errors:
  description: The files and objects that could not be read, each with its kind, namespace, name, file and line.
  returned: always
  type: list
  elements: str
unseen:
  description: What may not be read on the cluster, as M(modelserving.kserve.selection_info) returns it.
  returned: always
  type: list
  elements: dict
kserve_version:
  description: The version that decides, as C(number) and C(origin) (V(given), V(found) or V(assumed)).
  returned: always
  type: dict
  sample: {number: 0.20.0, origin: found}
"""
