# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from decimal import Decimal

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import quantities
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "milli", "units"),
    [
        ("0", 0, 0),
        ("1", 1000, 1),
        ("500m", 500, 1),
        ("0.5", 500, 1),
        (".5", 500, 1),
        ("1.", 1000, 1),
        ("+2", 2000, 2),
        ("-2", -2000, -2),
        ("100u", 1, 1),
        ("1n", 1, 1),
        ("0.1n", 1, 1),  # finer than nano: rounded up, never to nothing
        ("1k", 1_000_000, 1000),
        ("1Ki", 1_024_000, 1024),
        ("1.5Gi", 1_610_612_736_000, 1_610_612_736),
        ("12E", 12 * 10**21, 12 * 10**18),
        ("12E2", 1_200_000, 1200),
        ("12e2", 1_200_000, 1200),
        ("1e-3", 1, 1),
        (2, 2000, 2),
        (0.25, 250, 1),
    ],
)
def test_amounts_as_kubernetes_counts_them(text: object, milli: int, units: int) -> None:
    assert (quantities.milli(text), quantities.units(text)) == (milli, units)


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "1gi", "Gi", "1GB", "1e", "--1", "1,5", "0x10", "1e999", True, None, "٣"]
)
def test_what_kubernetes_refuses_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        quantities.parse(text)


@given(
    st.integers(0, 10**6), st.integers(0, 999), st.sampled_from(["", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"])
)
def test_same_amount_as_the_official_client(whole: int, fraction: int, suffix: str) -> None:
    text = f"{whole}.{fraction:03d}{suffix}"
    assert quantities.parse(text) == Decimal(parse_quantity(text))


@pytest.mark.parametrize(
    ("resource", "amount", "text"),
    [
        ("cpu", 2000, "2"),
        ("cpu", 1500, "1500m"),
        ("memory", 1536 * 2**20, "1.5Gi"),
        ("memory", 2**30, "1Gi"),
        ("memory", 500, "500"),
        ("nvidia.com/gpu", 4, "4"),
    ],
)
def test_written_as_a_person_would(resource: str, amount: int, text: str) -> None:
    assert quantities.for_humans(resource, amount) == text
