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
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

Resource = Mapping[str, t.Any]


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
    scopes: dict[webhook.Scope, list[_Pending]] = {}
    result = [Turn() for _item in wanted]
    for item, turn in zip(wanted, result, strict=True):
        read = webhook.read_wanted(item, kserve_version)
        scopes.setdefault(read.scope, []).append((read, turn))
    present = {scope: webhook.Peers() for scope in scopes}
    for item in existing:
        scope = webhook.scope_of(item)
        if scope in present:
            present[scope].add(webhook.read_peer(item))
    for scope, pending in scopes.items():
        _in_scope(pending, present[scope], kserve_version)
    return result


_Pending = tuple[webhook.Wanted, Turn]


def _in_scope(pending: list[_Pending], peers: webhook.Peers, version: str) -> None:
    number = 0
    while pending:
        admitted: list[str] = []
        waiting: list[_Pending] = []
        for runtime, turn in pending:
            # against the old and the new versions of this turn: they are written in no certain order
            if _refusal(runtime, peers, version):
                waiting.append((runtime, turn))
            else:
                turn.number = number
                peers.add(runtime.peer)
                admitted.append(runtime.peer.name)
        for name in admitted:
            peers.settle(name)
        if not admitted:
            break
        pending, number = waiting, number + 1
    for runtime, turn in pending:
        turn.errors = [_refusal(runtime, peers, version)]


def _refusal(runtime: webhook.Wanted, peers: webhook.Peers, version: str) -> str:
    """Say what speaks against a runtime, '' where nothing does."""
    try:
        message = runtime.refusal(peers)
    except SpecError as error:  # of a runtime that is there
        return str(error)
    return admission.denial(message, version).sentence if message else ""
