# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter modelserving.kserve.admission."""

from __future__ import annotations

DOCUMENTATION = r"""
name: admission
short_description: Whether a ServingRuntime or ClusterServingRuntime would be admitted, and what else is wrong with it
version_added: "0.1.0"
author:
  - modelserving.kserve contributors (@modelserving)
description:
  - Says without a cluster what the API server's schema and KServe's validating webhook say, and what both let through
    although it can never work.
positional: existing_runtimes
options:
  _input:
    description:
      - The ServingRuntime or ClusterServingRuntime that is to be created or changed.
      - A ServingRuntime without a namespace is taken to be in C(default).
    type: dict
    required: true
  existing_runtimes:
    description:
      - The ServingRuntimes and ClusterServingRuntimes that are there, kinds and namespaces mixed. Anything else is
        an error.
      - Only those of the runtime's kind and namespace count; one of the same name is its old version.
      - A Kubernetes List, as C(kubectl get -o yaml) prints it, is taken apart, in the list or in its place; so is one
        runtime alone. Of a result of M(kubernetes.core.k8s_info) give the C(resources).
    type: list
    elements: dict
    default: []
  kserve_version:
    description: The version of KServe whose webhook decides, from 0.15 on.
    type: str
    default: 0.20.0
seealso:
  - plugin: modelserving.kserve.select_runtime
    plugin_type: filter
notes:
  - Where several existing runtimes stand against the new one, KServe names any of them; the filter names the first by
    namespace and name.
  - The schema is that of KServe's full CRDs.
"""

EXAMPLES = r"""
- name: Refuse a priority that is taken before anything is written
  ansible.builtin.assert:
    that: verdict.allowed
    fail_msg: "{{ verdict.message }}"
  vars:
    verdict: "{{ runtime | modelserving.kserve.admission(existing_runtimes) }}"
    existing_runtimes: "{{ lookup('kubernetes.core.k8s', kind='ClusterServingRuntime',
                           api_version='serving.kserve.io/v1alpha1', wantlist=true) }}"
    runtime:
      apiVersion: serving.kserve.io/v1alpha1
      kind: ClusterServingRuntime
      metadata:
        name: my-sklearnserver
      spec:
        protocolVersions: [v1]
        supportedModelFormats:
          - name: sklearn
            version: "1"
            autoSelect: true
            priority: 1
        containers:
          - name: kserve-container
            image: example/sklearnserver:1.0
  # same priority assigned for the model format sklearn in the clusterservingruntimes kserve-sklearnserver and
  # my-sklearnserver
"""

RETURN = r"""
_value:
  description: The verdict.
  type: dict
  contains:
    allowed:
      description: Whether the schema and the webhook let the runtime through.
      type: bool
    message:
      description:
        - What the webhook says, word for word and without the API server's prefix; an empty string where it is allowed.
        - Where the schema refuses the runtime, the webhook is never asked, and this is what the API server says.
      type: str
      sample: removing workerSpec where it already exists is not allowed
    errors:
      description: What stops a task of this collection, a sentence each with the path of the field.
      type: list
      elements: str
    warnings:
      description: What does not do what it seems to, or fails later, a sentence each with the path of the field.
      type: list
      elements: str
"""

import typing as t
from collections.abc import Callable, Mapping

from ansible.errors import AnsibleFilterError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import admission as rules
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError


def admission(
    runtime: t.Any, existing_runtimes: t.Any = (), kserve_version: t.Any = versions.DEFAULT
) -> dict[str, t.Any]:
    """Say whether a runtime would be admitted; see DOCUMENTATION."""
    existing = () if existing_runtimes is None else existing_runtimes
    if isinstance(existing, Mapping):
        existing = [existing]
    if not isinstance(existing, (list, tuple)):
        raise AnsibleFilterError(f"admission: existing_runtimes must be a list, not {type(existing).__name__}")
    try:
        return rules.admit(runtime, existing, str(kserve_version))
    except (SpecError, ValueError) as error:
        raise AnsibleFilterError(f"admission: {error}") from error


class FilterModule:
    """Names the filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"admission": admission}
