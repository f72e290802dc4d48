# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounded concurrency for requests that do not depend on one another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import ClusterError

Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass
class Result(Generic[Value]):
    """What became of one item: a value, or the ClusterError that stopped it."""

    value: Value | None = None
    error: ClusterError | None = None


def each(function: Callable[[Item], Value], items: Iterable[Item], workers: int = 8) -> list[Result[Value]]:
    """Call *function* on every item, at most *workers* at a time; results in the items' order.

    A ClusterError stays with its item. Any other exception is a defect of this collection: it is raised when all items
    have had their turn, so that what a caller notes in *function* is complete.
    """
    defects: list[Exception] = []

    def attempt(item: Item) -> Result[Value]:
        try:
            return Result(value=function(item))
        except ClusterError as error:
            return Result(error=error)
        except Exception as defect:
            defects.append(defect)
            return Result()

    todo = list(items)
    if len(todo) < 2:
        results = [attempt(item) for item in todo]
    else:
        with ThreadPoolExecutor(max_workers=min(workers, len(todo))) as executor:
            results = list(executor.map(attempt, todo))
    if defects:
        raise defects[0]
    return results
