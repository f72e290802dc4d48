# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""M(modelserving.kserve.runtime_status), which runs in Ansible's own process where it can."""

from __future__ import annotations

from ansible_collections.modelserving.kserve.plugins.modules import runtime_status
from ansible_collections.modelserving.kserve.plugins.plugin_utils.in_process import InProcess


class ActionModule(InProcess):
    """See InProcess."""

    module = runtime_status.main
