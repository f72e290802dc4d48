# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter modelserving.kserve.select_runtime."""

from __future__ import annotations

DOCUMENTATION = r"""
name: select_runtime
short_description: Which runtime KServe takes for an InferenceService, and why not the others
version_added: "0.1.0"
author:
  - modelserving.kserve contributors (@modelserving)
description:
  - Decides as KServe's controller does, without a cluster.
  - An InferenceService that names a runtime (C(spec.predictor.model.runtime)) is measured by the checks of that choice;
    one that names none gets the first of the candidates.
  - The previous schema (C(spec.predictor.sklearn) and its like) is read as KServe's webhook converts it.
positional: runtimes
options:
  _input:
    description:
      - The InferenceService, as it is written in a manifest or as the cluster stores it.
      - Without a namespace it is taken to be in C(default).
    type: dict
    required: true
  runtimes:
    description:
      - The ServingRuntimes (of any namespaces) and ClusterServingRuntimes that there are, for example the C(resources)
        of M(kubernetes.core.k8s_info).
      - ServingRuntimes of other namespaces than the service's are never chosen.
    type: list
    elements: dict
    required: true
  kserve_version:
    description: The version of KServe that decides, from 0.15 on.
    type: str
    default: 0.20.0
seealso:
  - plugin: modelserving.kserve.admission
    plugin_type: filter
notes:
  - With more than 12 candidates KServe 0.20's sort moves candidates of equal priority; the result follows it.
"""

EXAMPLES = r"""
- name: Ask which runtime the service gets
  ansible.builtin.debug:
    msg: "{{ (service | modelserving.kserve.select_runtime(runtimes)).explanation }}"
  vars:
    service:
      apiVersion: serving.kserve.io/v1beta1
      kind: InferenceService
      metadata:
        name: example-sklearn-isvc
      spec:
        predictor:
          model:
            modelFormat:
              name: sklearn
              version: "0"
            storageUri: s3://bucket/sklearn/mnist.joblib
    runtimes:
      - apiVersion: serving.kserve.io/v1alpha1
        kind: ClusterServingRuntime
        metadata:
          name: kserve-sklearnserver
        spec:
          supportedModelFormats:
            - name: sklearn
              version: "1"
              autoSelect: true
          containers:
            - name: kserve-container
              image: kserve/sklearnserver:v0.20.0
  # No runtime serves InferenceService default/example-sklearn-isvc, which asks for sklearn version 0, protocol v1 […].
  # Rejected: kserve-sklearnserver: has sklearn 1, the service asks for version 0.
"""

RETURN = r"""
_value:
  description: The choice.
  type: dict
  contains:
    selected:
      description: The runtime that is taken, none where there is none.
      type: dict
      sample: {kind: ClusterServingRuntime, name: kserve-sklearnserver}
    candidates:
      description: The whole order of an automatic choice, the one that is taken first; empty where a runtime is named.
      type: list
      elements: dict
    rejected:
      description:
        - The other runtimes in the order of I(runtimes), each with the first reason that speaks against it.
        - One of V(disabled), V(multi_model), V(format), V(version), V(auto_select), V(protocol), V(worker_spec),
          V(other_namespace), V(not_named).
      type: list
      elements: dict
      sample: [{kind: ClusterServingRuntime, name: kserve-mlserver, reason: protocol}]
    reason:
      description: The reason in C(status.modelStatus.lastFailureInfo), none where a runtime is taken.
      type: str
      sample: NoSupportingRuntime
    message:
      description: The message in C(status.modelStatus.lastFailureInfo), none where a runtime is taken.
      type: str
      sample: No runtime found to support specified framework/version
    explanation:
      description: The choice in words, with what speaks against each runtime.
      type: str
"""

import typing as t
from collections.abc import Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import selection, versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError


def select_runtime(
    inference_service: t.Any, runtimes: t.Any, kserve_version: t.Any = versions.DEFAULT
) -> dict[str, t.Any]:
    """Say which runtime KServe takes; see DOCUMENTATION."""
    if not isinstance(runtimes, (list, tuple)):
        raise AnsibleFilterError(f"select_runtime: runtimes must be a list, not {type(runtimes).__name__}")
    try:
        return selection.select(inference_service, runtimes, str(kserve_version))
    except (SpecError, ValueError) as error:
        raise AnsibleFilterError(f"select_runtime: {error}") from error


class FilterModule:
    """Names the filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"select_runtime": select_runtime}
