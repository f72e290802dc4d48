# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter modelserving.kserve.migrate."""

from __future__ import annotations

DOCUMENTATION = r"""
name: migrate
short_description: An InferenceService of the previous schema in the new one
version_added: "0.1.0"
author:
  - modelserving.kserve contributors (@modelserving)
description:
  - Turns C(predictor.sklearn) and its like into C(predictor.model), as KServe's webhook maps them. Every field is kept.
  - A service that is in the new schema already comes back as it is.
positional: runtimes
options:
  _input:
    description: The InferenceService.
    type: dict
    required: true
  runtimes:
    description:
      - The ServingRuntimes and ClusterServingRuntimes among which O(pin) chooses.
      - Left out, they are those that KServe 0.20.0 installs.
    type: list
    elements: dict
  pin:
    description: Write the runtime that KServe would choose into the model.
    type: bool
    default: false
  kserve_version:
    description: The version of KServe that O(pin) follows, from 0.15 on.
    type: str
    default: 0.20.0
seealso:
  - module: modelserving.kserve.migrate_manifest
"""

EXAMPLES = r"""
- name: Show the equivalent new schema
  ansible.builtin.debug:
    msg: "{{ service | modelserving.kserve.migrate(pin=true) | to_nice_yaml }}"
  vars:
    service:
      apiVersion: serving.kserve.io/v1beta1
      kind: InferenceService
      metadata:
        name: example-sklearn-isvc
      spec:
        predictor:
          sklearn:
            storageUri: s3://bucket/sklearn/mnist.joblib
  # predictor:
  #   model:
  #     modelFormat:
  #       name: sklearn
  #     runtime: kserve-sklearnserver
  #     storageUri: s3://bucket/sklearn/mnist.joblib
"""

RETURN = r"""
_value:
  description: The InferenceService in the new schema.
  type: dict
"""

import typing as t
from collections.abc import Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import migration, versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError


def migrate(
    inference_service: t.Any, runtimes: t.Any = None, pin: bool = False, kserve_version: t.Any = versions.DEFAULT
) -> dict[str, t.Any]:
    """Return the service in the new schema; see DOCUMENTATION."""
    if runtimes is not None and not isinstance(runtimes, (list, tuple)):
        raise AnsibleFilterError(f"migrate: runtimes must be a list, not {type(runtimes).__name__}")
    try:
        return migration.migrate(inference_service, runtimes, bool(pin), str(kserve_version))
    except (SpecError, ValueError) as error:
        raise AnsibleFilterError(f"migrate: {error}") from error


class FilterModule:
    """Names the filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"migrate": migrate}
