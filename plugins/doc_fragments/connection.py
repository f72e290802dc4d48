# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that this collection adds to kubernetes.core.k8s_auth_options."""

from __future__ import annotations


class ModuleDocFragment:
    """``extends_documentation_fragment: [kubernetes.core.k8s_auth_options, modelserving.kserve.connection]``."""

    DOCUMENTATION = r"""
options:
  request_timeout:
    description:
      - Seconds to wait for one answer of the Kubernetes API.
    type: float
    default: 30.0
requirements:
  - python >= 3.10
  - kubernetes >= 24.2.0
  - urllib3 >= 1.26.0
"""
