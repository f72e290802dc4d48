# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes quantities ("500m", "4Gi", "1e3") as exact numbers.

The grammar and the rounding are those of k8s.io/apimachinery/pkg/api/resource/quantity.go (ParseQuantity, Value,
MilliValue): anything finer than 1n is rounded away from zero, and so is a value asked for as an integer.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

_SUFFIXES: dict[str, Fraction] = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
    "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}
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
