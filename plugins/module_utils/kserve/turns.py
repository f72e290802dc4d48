# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order several runtimes can be written so that KServe's webhook admits each.

The webhook compares a runtime with what is there at that moment. Where one task moves priorities around, a runtime may
have to wait until another has given its priority up; runtimes of one turn can be written at the same time.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import admission, versions, webhook
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import name_of, namespace_of

Resource = Mapping[str, t.Any]
Scope = tuple[str, str]

# All that the webhook reads of another runtime (servingruntime_webhook.go); the rest need not be looked at.
_COMPARED = ("supportedModelFormats", "protocolVersions", "multiModel", "disabled", "workerSpec")


@dataclass
class Turn:
    """When a runtime can be written: number 0 at once, 1 after those of 0 …; errors: why it never can."""

    number: int = 0
    errors: list[str] = field(default_factory=list)


def turns(
    wanted: Sequence[Resource], existing: Iterable[Resource], kserve_version: str = versions.DEFAULT
) -> list[Turn]:
    """Return a turn for each runtime that is to be written, in the order of *wanted*.

    :param wanted: the runtimes as they shall be, with kind, name and namespace.
    :param existing: what is there, old versions of *wanted* included; any kinds and namespaces.
    """
    present: dict[Scope, dict[str, Resource]] = {}
    for item in existing:
        present.setdefault(webhook.scope_of(item), {})[name_of(item)] = _compared(item)
    scopes: dict[Scope, list[int]] = {}
    for index, item in enumerate(wanted):
        scopes.setdefault(webhook.scope_of(item), []).append(index)
    result = [Turn() for _item in wanted]
    for scope, indexes in scopes.items():
        _in_scope([(wanted[index], result[index]) for index in indexes], present.get(scope, {}), kserve_version)
    return result


def _in_scope(pending: list[tuple[Resource, Turn]], present: dict[str, Resource], version: str) -> None:
    number = 0
    while pending:
        admitted: list[Resource] = []
        waiting: list[tuple[Resource, Turn]] = []
        for runtime, turn in pending:
            # against the old and the new versions of this turn: they are written in no certain order
            if webhook.refusal(runtime, [*present.values(), *admitted], version):
                waiting.append((runtime, turn))
            else:
                turn.number = number
                admitted.append(_compared(runtime))
        present.update({name_of(item): item for item in admitted})
        if not admitted:
            break
        pending, number = waiting, number + 1
    for runtime, turn in pending:
        turn.errors = _errors(runtime, list(present.values()), version)


def _errors(runtime: Resource, others: list[Resource], version: str) -> list[str]:
    message = webhook.refusal(runtime, others, version)
    told = admission.admit(runtime, others, version)["errors"]
    return [error for error in told if message in error] or [message]


def _compared(runtime: Resource) -> Resource:
    spec = runtime.get("spec") or {}
    return {
        "kind": runtime["kind"],
        "metadata": {"name": name_of(runtime), "namespace": namespace_of(runtime)},
        "spec": {name: spec[name] for name in _COMPARED if name in spec},
    }
