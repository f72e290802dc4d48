# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugins that need the cluster ask it by a module on the host, which has the access and the libraries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.modelserving.kserve.plugins.module_utils.ansible import AUTH_ARGUMENTS

MODULE = "modelserving.kserve.selection_info"
ACCESS = frozenset(name for option, spec in AUTH_ARGUMENTS.items() for name in (option, *spec.get("aliases", ())))


def split(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A task's arguments as (how to reach the cluster, all others). The module validates the former, on the host."""
    access = {name: value for name, value in arguments.items() if name in ACCESS}
    return access, {name: value for name, value in arguments.items() if name not in ACCESS}


def ask(
    action: ActionBase, access: Mapping[str, Any], task_vars: Mapping[str, Any] | None, **options: Any
) -> dict[str, Any]:
    """What selection_info returns: services, runtimes, unseen, kserve_version, warnings. Raises AnsibleActionFail."""
    given = {name: value for name, value in options.items() if value is not None}
    answer: dict[str, Any] = action._execute_module(
        module_name=MODULE, module_args={**access, **given}, task_vars=dict(task_vars or {})
    )
    if answer.get("failed"):
        raise AnsibleActionFail(str(answer.get("msg") or answer))
    return answer
