#!/usr/bin/python
# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: migrate_manifest
short_description: Move InferenceServices in manifests from the previous schema to predictor.model
version_added: "0.1.0"
description:
  - Rewrites C(predictor.sklearn) and its like (C(tensorflow), C(xgboost), C(pytorch), C(triton), C(onnx),
    C(huggingface), C(pmml), C(lightgbm), C(paddle)) into C(predictor.model), as KServe's webhook maps them.
  - Files are edited in place, on the controller. Only the places of the migration are rewritten; comments, quotes,
    indentation and every other document of the file stay byte for byte. The result is read again and compared with the
    migration before anything is written.
  - Every field is kept, those of KServe 0.7 to 0.9 too (C(runtimeVersion), C(protocolVersion), overrides of the
    container). Where the previous schema implies a protocol (C(triton), C(onnx), C(huggingface)), it is written out.
  - Files without an InferenceService of the previous schema are left alone.
  - Services of a cluster are reported where O(live) asks for it, never changed; they are read with
    M(modelserving.kserve.selection_info) on the host.
author:
  - modelserving.kserve contributors (@modelserving)
options:
  paths:
    description:
      - Manifests, as YAML or JSON, or directories of such, which are searched for C(.yml), C(.yaml) and C(.json).
      - Relative paths start in the directory in which ansible-playbook was started.
    type: list
    elements: path
    default: []
  pin_runtime:
    description:
      - Write the runtime that KServe would choose into the model, so that a runtime that is installed later cannot move
        the service.
      - A service for which no runtime would be chosen is an error of its file.
    type: bool
    default: false
  runtimes:
    description:
      - The ServingRuntimes and ClusterServingRuntimes among which O(pin_runtime) chooses.
      - Left out, they are those of the cluster with O(live), else those that KServe 0.20.0 installs.
    type: list
    elements: dict
  kserve_version:
    description:
      - The version of KServe that O(pin_runtime) follows, from 0.15 on.
      - Left out, it is that of the cluster where its runtimes are read, else 0.20.0.
    type: str
  live:
    description: Report the services that the cluster has stored in the previous schema.
    type: bool
    default: false
  namespaces:
    description: The namespaces in which O(live) looks. Empty means all.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - modelserving.kserve.connection
attributes:
  check_mode:
    support: full
    description: Says what would change, writes nothing.
  diff_mode:
    support: full
    description: Shows the lines of each file.
seealso:
  - plugin: modelserving.kserve.migrate
    plugin_type: filter
"""

EXAMPLES = r"""
- name: See what would become of the manifests of a repository
  modelserving.kserve.migrate_manifest:
    paths: [deploy]
  check_mode: true
  diff: true

- name: Migrate one manifest and pin the runtime
  modelserving.kserve.migrate_manifest:
    paths: [deploy/iris.yaml]
    pin_runtime: true

- name: See which services of a cluster are stored in the previous schema
  modelserving.kserve.migrate_manifest:
    live: true
    namespaces: [models]
"""

RETURN = r"""
results:
  description: A result for each file, in the order of O(paths).
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: The file.
      type: str
    changed:
      description: Whether it was, or in check mode would be, rewritten.
      type: bool
    services:
      description: The services that were migrated.
      type: list
      elements: dict
      contains:
        name:
          description: The service's name.
          type: str
        namespace:
          description: The service's namespace, none where the manifest names none.
          type: str
        line:
          description: The line on which the service begins.
          type: int
        summary:
          description: What was done.
          type: str
          sample: spec.predictor.sklearn becomes spec.predictor.model, format sklearn
        notes:
          description: What deserves a look afterwards.
          type: list
          elements: str
    error:
      description: Why the file was left as it is, none where all is well.
      type: str
live:
  description:
    - The cluster's services that are stored in the previous schema, as C(namespace), C(name), C(summary), C(notes) and
      C(error), why one could not be read (none where all is well).
  returned: always
  type: list
  elements: dict
lines:
  description: The same in sentences, for people.
  returned: always
  type: list
  elements: str
unseen:
  description: What may not be read on the cluster, as M(modelserving.kserve.selection_info) returns it.
  returned: always
  type: list
  elements: dict
"""
