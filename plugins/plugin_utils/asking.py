# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugins that need the cluster ask it by a module on the host, which has the access and the libraries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.modelserving.kserve.plugins.module_utils.ansible import AUTH_ARGUMENTS

MODULE = "modelserving.kserve.selection_info"
ACCESS = frozenset(name for option, spec in AUTH_ARGUMENTS.items() for name in (option, *spec.get("aliases", ())))


# What AnsibleModule writes over a value that is, or holds, a secret option's value.
MASKS = ("VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "********")
# What choices are made of; elsewhere (invocation, messages) a mask is right.
DECIDING = ("services", "runtimes", "kserve_version")


def arguments(action: ActionBase, spec: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A task's arguments as (how to reach the cluster, all others by *spec*). Raises AnsibleActionFail.

    The module validates the former, on the host. The task keeps its arguments: a retry runs the same action again.
    """
    access = {name: value for name, value in action._task.args.items() if name in ACCESS}
    _result, given = action.validate_argument_spec({**spec, **{name: {"type": "raw"} for name in ACCESS}})
    return access, {name: given[name] for name in spec}


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
    masked = next(_masked({name: answer.get(name) for name in DECIDING}), None)
    if masked:
        raise AnsibleActionFail(
            f"The cluster's answer cannot be used: Ansible masked {masked}, since a credential of the task (as its "
            "password or api_key) is the same as text there, and what is chosen would be wrong: reach the cluster by "
            "another credential, as a kubeconfig or a token of its own"
        )
    return answer


def _masked(value: Any, path: str = "") -> Iterator[str]:
    """Where Ansible wrote a mask over what the cluster said."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _masked(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _masked(item, f"{path}[{index}]")
    elif isinstance(value, str) and any(mask in value for mask in MASKS):
        yield path
