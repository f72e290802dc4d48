# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an object a result and a diff show: no status, no bookkeeping, no secrets in variables."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import ownership

# kubectl's copy of the whole object, secrets in variables included
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
REDACTED = "[redacted]"

Object = dict[str, Any]


def shown(item: Mapping[str, Any] | None) -> Object | None:
    """An object as results show it."""
    result: Object | None = redacted(_without_copy(ownership.presentable(item)))
    return result


def diff(sides: Mapping[str, Mapping[str, Any]]) -> Object:
    """What differs, as results and ``--diff`` show it; sides: the object before and after."""
    return {side: redacted(_without_copy(item)) for side, item in sides.items()}


def redacted(item: Any) -> Any:
    """A copy without the values of variables whose names speak of secrets; the same where there are none."""
    if not any(_secret_variables(item)):
        return item
    result = copy.deepcopy(item)
    for holder, key in list(_secret_variables(result)):
        holder[key] = REDACTED
    return result


def secrets(item: Any) -> list[Any]:
    """The values that ``redacted`` takes out."""
    return [holder[key] for holder, key in _secret_variables(item)]


def _without_copy(item: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    metadata = (item or {}).get("metadata") or {}
    if item is None or LAST_APPLIED not in (metadata.get("annotations") or {}):
        return item
    kept = {name: value for name, value in metadata["annotations"].items() if name != LAST_APPLIED}
    return {**item, "metadata": {**metadata, "annotations": kept}}


def _secret_variables(item: Any) -> Iterator[tuple[Object, str]]:
    """Where secret values stand: a mapping and the key of its value."""
    for name, holder, key in _variables(item):
        if holder[key] and _is_secret(name):
            yield holder, key


def _is_secret(name: str) -> bool:
    from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import redact  # large: only where needed

    return redact.is_secret_name(name, environment=True)


def _variables(item: Any, inside_env: bool = False) -> Iterator[tuple[str, Object, str]]:
    """Variables as (name, mapping, key of the value): KServe's {name, value}, and name: value, which is refused."""
    if isinstance(item, dict):
        if inside_env and "value" in item:
            yield str(item.get("name", "")), item, "value"
        if inside_env:
            scalars = (key for key, value in item.items() if not isinstance(value, (dict, list)))
            yield from ((str(key), item, key) for key in scalars if key not in ("name", "value"))
        for key, value in item.items():
            yield from _variables(value, key == "env")
    elif isinstance(item, list):
        for value in item:
            yield from _variables(value, inside_env)
