# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading Kubernetes objects as people write them: what is absent, what is the default namespace, what is nonsense."""

from __future__ import annotations

import datetime
import typing as t
from collections.abc import Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import ANNOTATION_STOP

DEFAULT_NAMESPACE = "default"


def plain(value: t.Any) -> t.Any:
    """Return a deep copy made of dict, list, str, int, float, bool, None only (Ansible hands in subclasses).

    Timestamps that a YAML reader turned into datetime objects become RFC 3339 text again.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime.datetime):
        return _rfc3339(value)
    if isinstance(value, str):
        return str(value)
    return value


def _rfc3339(value: datetime.datetime) -> str:
    moment = value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)
    return moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def mapping(parent: Mapping[str, t.Any], key: str, path: str = "") -> dict[str, t.Any]:
    """Return the mapping under a key; absent and null are an empty one.

    :raises SpecError: where something else is there.
    """
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SpecError(_join(path, key), f"must be a mapping, not {kind_of(value)}")
    return value


def listing(parent: Mapping[str, t.Any], key: str, path: str = "") -> list[t.Any]:
    """Return the list under a key; absent and null are an empty one.

    :raises SpecError: where something else is there.
    """
    value = parent.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise SpecError(_join(path, key), f"must be a list, not {kind_of(value)}")
    return value


def mappings(parent: Mapping[str, t.Any], key: str, path: str = "") -> list[dict[str, t.Any]]:
    """Return the list of mappings under a key; raise SpecError where an item is something else."""
    items = listing(parent, key, path)
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise SpecError(f"{_join(path, key)}[{index}]", f"must be a mapping, not {kind_of(item)}")
    return items


def texts(parent: Mapping[str, t.Any], key: str, path: str = "") -> list[str]:
    """Return the list of strings under a key; raise SpecError where an item is something else."""
    items = listing(parent, key, path)
    for index, item in enumerate(items):
        if not isinstance(item, str):
            raise SpecError(f"{_join(path, key)}[{index}]", f"must be text, not {kind_of(item)}")
    return items


def text(parent: Mapping[str, t.Any], key: str, path: str = "") -> str | None:
    """Return the string under a key, None where it is absent or null; an integer is read as its digits.

    :raises SpecError: for a float or a boolean, whose digits are not what the person wrote (1.10 becomes 1.1).
    """
    value = parent.get(key)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, (float, bool)):
        raise SpecError(_join(path, key), f"is {value!r}, where text is needed: quote it")
    raise SpecError(_join(path, key), f"must be text, not {kind_of(value)}")


def flag(parent: Mapping[str, t.Any], key: str, path: str = "") -> bool:
    """Return the boolean under a key, False where it is absent or null; raise SpecError for anything else."""
    value = parent.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise SpecError(_join(path, key), f"must be true or false, not {value!r}")
    return value


def name_of(resource: Mapping[str, t.Any]) -> str:
    """Return metadata.name, '' where it is absent."""
    return text(mapping(resource, "metadata"), "name", "metadata") or ""


def namespace_of(resource: Mapping[str, t.Any]) -> str:
    """Return metadata.namespace, `default` where it is absent (as kubectl takes it)."""
    return text(mapping(resource, "metadata"), "namespace", "metadata") or DEFAULT_NAMESPACE


def kind_of(value: t.Any) -> str:
    """Name a value's type in the words of a YAML file."""
    for types, word in _WORDS:
        if isinstance(value, types):
            return word
    return type(value).__name__


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


_WORDS: tuple[tuple[t.Any, str], ...] = (
    (bool, "a boolean"),
    (int, "a number"),
    (float, "a number"),
    (str, "text"),
    (Mapping, "a mapping"),
    ((list, tuple), "a list"),
    (type(None), "null"),
)


def is_stopped(service: Mapping[str, t.Any]) -> bool:
    """Say whether a service is stopped and has no pods; KServe chooses its runtime all the same.

    Source: pkg/utils/utils.go (GetForceStopRuntime).
    """
    annotations = (service.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(ANNOTATION_STOP)).lower() == "true"
