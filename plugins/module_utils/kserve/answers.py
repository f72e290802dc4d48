# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Does an inference answer hold what was expected? Expectations are data: a path into the JSON answer and a test."""

from __future__ import annotations

import json
import math
import re
import typing as t
from collections.abc import Iterable, Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

TESTS = ("equals", "contains", "close_to", "length")
DEFAULT_TOLERANCE = 1e-6

_STEP = re.compile(r"""\.?(?P<key>[^.\[\]]+)|\[(?P<index>-?\d+)\]|\[(?P<quote>["'])(?P<quoted>.*?)(?P=quote)\]""")


class Missing(LookupError):
    """The path leads nowhere; the message says where it ends."""


def parse_path(path: str) -> list[str | int]:
    """Read ``outputs[0].data``, ``predictions[-1]`` or ``outputs[0]["data"]``; the empty path is the whole answer.

    :raises SpecError: for anything else.
    """
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise SpecError(
                "verify.expect.path", f"cannot be read at {path[position:]!r}; write it like outputs[0].data"
            )
        index = match["index"]
        steps.append(int(index) if index is not None else match["key"] or match["quoted"] or "")
        position = match.end()
    return steps


def value_at(answer: t.Any, path: str) -> t.Any:
    """Return the value that a path leads to; raise Missing with a sentence where there is none."""
    value = answer
    for step in parse_path(path):
        if not _leads_on(value, step):
            raise Missing(f"{path or 'the answer'} is not there (no {step!r} in {shown(value)})")
        value = value[step]
    return value


def _leads_on(value: t.Any, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(value, list) and -len(value) <= step < len(value)
    return isinstance(value, dict) and step in value


def misfits(answer: t.Any, expectations: Iterable[Mapping[str, t.Any]]) -> list[str]:
    """Return a sentence for each expectation that the answer does not hold; an empty list is success.

    :param expectations: each ``{path, equals | contains | close_to (+ tolerance) | length}``; with no test, the path
        must exist. close_to compares numbers, nested lists of numbers too, within an absolute tolerance.
    """
    found: list[str] = []
    for expectation in expectations:
        path = str(expectation.get("path") or "")
        try:
            value = value_at(answer, path)
        except Missing as error:
            found.append(str(error))
            continue
        found += [
            f"{path or 'the answer'} is {shown(value)}, which {_WORDS[test]} {shown(expectation[test])}"
            for test in TESTS
            if expectation.get(test) is not None and not _holds(test, value, expectation)
        ]
    return found


_WORDS = {
    "equals": "does not equal",
    "contains": "does not contain",
    "close_to": "is not close to",
    "length": "has not the length",
}


def _holds(test: str, value: t.Any, expectation: Mapping[str, t.Any]) -> bool:
    wanted = expectation[test]
    if test == "equals":
        return same(value, wanted)
    if test == "length":
        return isinstance(value, (list, dict, str)) and len(value) == int(wanted)
    if test == "contains":
        return contains(value, wanted)
    tolerance = expectation.get("tolerance")
    return close(value, wanted, DEFAULT_TOLERANCE if tolerance is None else float(tolerance))


def same(value: t.Any, wanted: t.Any) -> bool:
    """Compare JSON data; 1 and 1.0 are the same number, true and 1 are not the same."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return isinstance(value, bool) and isinstance(wanted, bool) and value is wanted
    if isinstance(value, list) and isinstance(wanted, list):
        return len(value) == len(wanted) and all(same(*pair) for pair in zip(value, wanted, strict=True))
    if isinstance(value, dict) and isinstance(wanted, dict):
        return value.keys() == wanted.keys() and all(same(value[key], wanted[key]) for key in value)
    return bool(value == wanted)


def contains(value: t.Any, wanted: t.Any) -> bool:
    """Say whether text holds a text, a list an item, or a mapping all the entries of a mapping."""
    if isinstance(value, str):
        return str(wanted) in value
    if isinstance(value, list):
        return any(same(item, wanted) for item in value)
    if isinstance(value, dict) and isinstance(wanted, dict):
        return all(key in value and same(value[key], wanted[key]) for key in wanted)
    return isinstance(value, dict) and wanted in value


def close(value: t.Any, wanted: t.Any, tolerance: float) -> bool:
    """Compare numbers within a tolerance, nested lists item by item."""
    if isinstance(value, list) and isinstance(wanted, list):
        return len(value) == len(wanted) and all(close(*pair, tolerance) for pair in zip(value, wanted, strict=True))
    if not all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in (value, wanted)):
        return False
    return math.isclose(value, wanted, rel_tol=0.0, abs_tol=tolerance)


def shown(value: t.Any, limit: int = 200) -> str:
    """Return JSON text short enough for a job log."""
    said = json.dumps(value, ensure_ascii=False, default=str)
    return said if len(said) <= limit else f"{said[:limit]} …"
