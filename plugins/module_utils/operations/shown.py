# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an object a result and a diff show: no status, no bookkeeping, no secrets in variables."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import ownership

Object = dict[str, Any]


def shown(item: Mapping[str, Any] | None) -> Object | None:
    """An object as results show it."""
    result: Object | None = redacted(ownership.presentable(item))
    return result


def redacted(item: Any) -> Any:
    """A copy without the values of variables whose names speak of secrets; the same where there are none."""
    secret = [variable for variable in _variables(item) if _is_secret(variable)]
    if not secret:
        return item
    result = copy.deepcopy(item)
    for variable in _variables(result):
        if _is_secret(variable):
            variable["value"] = "[redacted]"
    return result


def secrets(item: Any) -> list[Any]:
    """The values that ``redacted`` takes out."""
    return [variable["value"] for variable in _variables(item) if _is_secret(variable)]


def _is_secret(variable: Mapping[str, Any]) -> bool:
    from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import redact  # large: only where needed

    return bool(variable.get("value")) and redact.is_secret_name(str(variable.get("name", "")), environment=True)


def _variables(item: Any, inside_env: bool = False) -> Iterable[Object]:
    if isinstance(item, dict):
        if inside_env and "value" in item:
            yield item
        for key, value in item.items():
            yield from _variables(value, key == "env")
    elif isinstance(item, list):
        for value in item:
            yield from _variables(value, inside_env)
