# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quantities as Kubernetes' Go code writes them back.

KServe's defaulting webhook reads an InferenceService into Go and writes it out again, so that ``0.5`` is stored as
``500m`` and ``1024Mi`` as ``1Gi``. Whoever compares with what is stored has to write them the same way.

Source: k8s.io/apimachinery/pkg/api/resource/quantity.go (ParseQuantity, CanonicalizeBytes).
"""

from __future__ import annotations

import re
import typing as t
from fractions import Fraction

_QUANTITY = re.compile(r"([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"": 0, "Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_BY_EXPONENT = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BY_POWER = {power: suffix for suffix, power in _BINARY.items()}


def canonical(text: str) -> str:
    """Return a quantity as Go writes it; what is no quantity is returned as it is, for the API server to refuse."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return text
    sign, number, suffix = match[1], match[2], match[3] or ""
    nanos = -(-Fraction(number) * _factor(suffix) * 10**9 // 1)  # finer than 1n is rounded up
    if not nanos:
        return "0"
    amount = Fraction(nanos, 10**9)
    shown = _binary(amount) if suffix in _BINARY and suffix else None
    if shown is None:
        shown = _decimal(nanos, "eE" if suffix[:1] in ("e", "E") and suffix != "E" else "")
    return ("-" if sign == "-" else "") + shown


def _factor(suffix: str) -> Fraction:
    if suffix in _DECIMAL:
        return Fraction(10) ** _DECIMAL[suffix]
    if suffix in _BINARY:
        return Fraction(1024) ** _BINARY[suffix]
    return Fraction(10) ** int(suffix[1:])


def _binary(amount: Fraction) -> str | None:
    """Write a whole number of at least 1Ki with the largest fitting suffix; anything else is written decimally."""
    if amount < 1024 or amount.denominator != 1:
        return None
    number, power = int(amount), 0
    while number % 1024 == 0 and power < max(_BY_POWER):
        number, power = number // 1024, power + 1
    return f"{number}{_BY_POWER[power]}"


def _decimal(nanos: int, exponential: str) -> str:
    number, exponent = nanos, -9
    while number % 1000 == 0 and exponent < (max(_BY_EXPONENT) if not exponential else 99):
        number, exponent = number // 1000, exponent + 3
    if exponential:
        return f"{number}e{exponent}" if exponent else str(number)
    return f"{number}{_BY_EXPONENT[exponent]}"


# Fields of core/v1 that hold one quantity, whatever is around them.
_SINGLE = frozenset({"sizeLimit", "divisor"})


def canonical_quantities(value: t.Any) -> t.Any:
    """Return JSON data with its quantities (resources, sizeLimit, divisor) written canonically."""
    if isinstance(value, dict):
        return {key: _entry(key, item) for key, item in value.items()}
    return [canonical_quantities(item) for item in value] if isinstance(value, list) else value


def _entry(key: str, value: t.Any) -> t.Any:
    if key == "resources" and isinstance(value, dict):
        return {name: _amounts(name, item) for name, item in value.items()}
    if key in _SINGLE and isinstance(value, (str, int)):
        return canonical(str(value))
    return canonical_quantities(value)


def _amounts(key: str, value: t.Any) -> t.Any:
    if key in ("limits", "requests") and isinstance(value, dict):
        return {name: canonical(str(amount)) for name, amount in value.items()}
    return value
