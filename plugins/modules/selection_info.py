#!/usr/bin/python
# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the services and runtimes of a cluster, and its KServe's version."""

from __future__ import annotations

DOCUMENTATION = r"""
module: selection_info
short_description: Read from a cluster what decides which runtime KServe takes
version_added: "0.1.0"
author:
  - modelserving.kserve contributors (@modelserving)
description:
  - Returns InferenceServices, the runtimes among which KServe chooses for them, and the version of the KServe that
    chooses. M(modelserving.kserve.explain_selection) and M(modelserving.kserve.migrate_manifest) read clusters by it.
  - The right to list in the namespaces is enough. What may not be read is listed under RV(unseen).
options:
  namespaces:
    description:
      - The namespaces whose InferenceServices and ServingRuntimes are read. Empty means all.
      - ClusterServingRuntimes are read always.
    type: list
    elements: str
    default: []
  runtime_namespaces:
    description: The namespaces whose ServingRuntimes are read, where they are others than O(namespaces).
    type: list
    elements: str
  reads:
    description: What is wanted.
    type: list
    elements: str
    choices: [services, runtimes, version]
    default: [services, runtimes, version]
  kserve_version:
    description:
      - The version of KServe that chooses, from 0.15 on.
      - Left out, it is that of the cluster; where that cannot be told, 0.20.0 is assumed, with a warning.
    type: str
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - modelserving.kserve.connection
attributes:
  check_mode:
    description: The module only reads, in check mode as well.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
seealso:
  - module: modelserving.kserve.explain_selection
  - plugin: modelserving.kserve.select_runtime
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Read the services of a namespace and the runtimes that they may get
  modelserving.kserve.selection_info:
    namespaces: [models]
  register: seen

- name: Say what each of them gets
  ansible.builtin.debug:
    msg: "{{ (item | modelserving.kserve.select_runtime(seen.runtimes, seen.kserve_version.number)).explanation }}"
  loop: "{{ seen.services }}"
  loop_control:
    label: "{{ item.metadata.name }}"
"""

RETURN = r"""
services:
  description: >-
      The InferenceServices, without C(status), C(metadata.managedFields) and kubectl's annotation of what was applied
      last; values of variables whose names speak of secrets are redacted.
  returned: always
  type: list
  elements: dict
runtimes:
  description: The ServingRuntimes and ClusterServingRuntimes, without the same.
  returned: always
  type: list
  elements: dict
unseen:
  description:
    - What may not be read, as C(what), C(kind), C(namespace) (none for the whole cluster), C(reason) and C(message).
  returned: always
  type: list
  elements: dict
kserve_version:
  description:
    - The version whose rules apply, as C(number) and C(origin) (V(given), V(found) or V(assumed)); none where it was
      not wanted.
  returned: always
  type: dict
  sample: {number: 0.20.0, origin: found}
"""

from ansible_collections.modelserving.kserve.plugins.module_utils.ansible import Session, module
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import selection_info

ARGUMENTS = {
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "runtime_namespaces": {"type": "list", "elements": "str"},
    "reads": {
        "type": "list",
        "elements": "str",
        "choices": ["services", "runtimes", "version"],
        "default": ["services", "runtimes", "version"],
    },
    "kserve_version": {"type": "str"},
}


@module(ARGUMENTS)
def main(session: Session) -> None:
    """Run the module."""
    seen = selection_info.run(session.client, selection_info.task_of(session.params))
    if seen.version and seen.version.warning:
        session.warn(seen.version.warning)
    session.exit(changed=False, **seen.plain())


if __name__ == "__main__":
    main()
