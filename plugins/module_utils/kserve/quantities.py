# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes quantities ("500m", "4Gi", "1e3") as exact numbers, and as Kubernetes' Go code writes them back.

The grammar and the rounding are those of k8s.io/apimachinery/pkg/api/resource/quantity.go (ParseQuantity, Value,
MilliValue, CanonicalizeBytes): anything finer than 1n is rounded away from zero, and so is a value asked for as an
integer.

KServe's defaulting webhook reads an InferenceService into Go and writes it out again, so that ``0.5`` is stored as
``500m`` and ``1024Mi`` as ``1Gi``. Whoever compares with what is stored has to write them the same way.
"""

from __future__ import annotations

import re
import typing as t
from fractions import Fraction
from functools import lru_cache

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_SUFFIXES: dict[str, Fraction] = {
    **{suffix: Fraction(10) ** exponent for suffix, exponent in _DECIMAL.items()},
    **{suffix: Fraction(1024) ** power for suffix, power in _BINARY.items()},
}
_BY_EXPONENT = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BY_POWER = {0: "", **{power: suffix for suffix, power in _BINARY.items()}}
_QUANTITY = re.compile(r"([+-]?)([0-9]+\.?[0-9]*|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?")
_NANO = 10**9
# an exponent beyond this is no amount of anything, and would only cost time
_MAX_EXPONENT = 60


def parse(value: object) -> Fraction:
    """The amount that a quantity stands for: a string as in YAML, or a plain number.

    Raises ValueError for what Kubernetes would refuse.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"{value!r} is not a quantity")
    return _parse_text(value if isinstance(value, str) else repr(value))


@lru_cache(maxsize=4096)
def _parse_text(text: str) -> Fraction:
    match = _QUANTITY.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a quantity: write a number with an optional suffix, as in 500m, 4Gi or 2")
    sign, number, suffix = match.groups()
    nanos = Fraction(number) * _scale(suffix or "", text) * _NANO
    amount = Fraction(_round_up(nanos), _NANO)
    return -amount if sign == "-" else amount


def _scale(suffix: str, text: str) -> Fraction:
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    exponent = int(suffix[1:])
    if abs(exponent) > _MAX_EXPONENT:
        raise ValueError(f"{text!r} is not a quantity: its exponent is out of range")
    return Fraction(10) ** exponent


def _round_up(amount: Fraction) -> int:
    return -((-amount.numerator) // amount.denominator)


def units(value: object) -> int:
    """A quantity in whole units (bytes, devices), rounded up as Quantity.Value does."""
    return _round_up(parse(value))


def milli(value: object) -> int:
    """A quantity in thousandths (of a core), rounded up as Quantity.MilliValue does."""
    return _round_up(parse(value) * 1000)


def may_be_overcommitted(resource: str) -> bool:
    """Whether less of a resource may be requested than its limit is; of the others both must be the same.

    Source: kubernetes/pkg/apis/core/helper/helpers.go (IsOvercommitAllowed, IsNativeResource, IsHugePageResourceName).
    """
    return ("/" not in resource or "kubernetes.io/" in resource) and not resource.startswith("hugepages-")


def for_humans(resource: str, amount: int) -> str:
    """An amount in the unit that the scheduler counts *resource* in, as a person would write it.

    Millicores for cpu, bytes for memory, storage and huge pages, plain numbers for everything else.
    """
    if resource == "cpu":
        return f"{amount // 1000}" if amount % 1000 == 0 else f"{amount}m"
    if resource in ("memory", "ephemeral-storage") or resource.startswith("hugepages-"):
        return _bytes(amount)
    return str(amount)


def _bytes(amount: int) -> str:
    for suffix in ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki"):
        size = int(_SUFFIXES[suffix])
        if abs(amount) >= size:
            text = f"{amount / size:.1f}"
            return text.removesuffix(".0") + suffix
    return str(amount)


def canonical(text: str) -> str:
    """A quantity as Go writes it; what is no quantity is returned as it is, for the API server to refuse."""
    try:
        amount = parse(text)
    except ValueError:
        return text
    if not amount:
        return "0"
    suffix = text.lstrip("+-0123456789.")
    shown = _binary(abs(amount)) if suffix in _BINARY else None
    if shown is None:
        shown = _decimal(abs(amount), exponential=suffix not in _SUFFIXES)
    return ("-" if amount < 0 else "") + shown


def _binary(amount: Fraction) -> str | None:
    """A whole number of at least 1Ki with the largest fitting suffix; anything else is written decimally."""
    if amount < 1024 or amount.denominator != 1:
        return None
    number, power = int(amount), 0
    while number % 1024 == 0 and power < max(_BY_POWER):
        number, power = number // 1024, power + 1
    return f"{number}{_BY_POWER[power]}"


def _decimal(amount: Fraction, *, exponential: bool) -> str:
    number, exponent = int(amount * _NANO), -9
    while number % 1000 == 0 and exponent < (max(_BY_EXPONENT) if not exponential else _MAX_EXPONENT):
        number, exponent = number // 1000, exponent + 3
    if exponential:
        return f"{number}e{exponent}" if exponent else str(number)
    return f"{number}{_BY_EXPONENT[exponent]}"


# Fields of core/v1 that hold one quantity, whatever is around them.
_SINGLE = frozenset({"sizeLimit", "divisor"})


def canonical_quantities(value: t.Any) -> t.Any:
    """JSON data with its quantities (resources, sizeLimit, divisor) written canonically."""
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
