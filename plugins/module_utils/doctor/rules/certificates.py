# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dates and names in a PEM certificate, read with the standard library alone (X.509, RFC 5280; DER, X.690)."""

from __future__ import annotations

import base64
import binascii
import calendar
import re
import time
from dataclasses import dataclass

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class Certificate:
    """Validity in seconds since the epoch; names as raw DER, good for comparing."""

    not_before: float
    not_after: float
    issuer: bytes
    subject: bytes


def from_bundle(bundle: str) -> list[Certificate]:
    """The certificates of a caBundle (base64 of PEM); raises ValueError where it is none."""
    try:
        text = base64.b64decode(bundle, validate=True).decode("ascii", "replace")
    except (binascii.Error, ValueError) as error:
        raise ValueError("it is not base64") from error
    found = [_read(base64.b64decode("".join(body.split()))) for body in _PEM.findall(text)]
    if not found:
        raise ValueError("it holds no PEM certificate")
    return found


def _read(der: bytes) -> Certificate:
    try:
        outer = _children(_value(der))
        fields = _children(outer[0][1])
        index = 1 if fields[0][0] == 0xA0 else 0
        issuer, validity, subject = fields[index + 2], fields[index + 3], fields[index + 4]
        start, end = (_time(tag, value) for tag, value in _children(validity[1])[:2])
    except (IndexError, ValueError) as error:
        raise ValueError("a certificate in it cannot be read") from error
    return Certificate(start, end, issuer[1], subject[1])


def _value(der: bytes) -> bytes:
    return _children(der)[0][1]


def _children(data: bytes) -> list[tuple[int, bytes]]:
    """The (tag, value) pairs of a DER sequence's content."""
    found = []
    place = 0
    while place < len(data):
        tag, length, place = data[place], data[place + 1], place + 2
        if length & 0x80:
            size = length & 0x7F
            length, place = int.from_bytes(data[place : place + size], "big"), place + size
        if place + length > len(data):
            raise ValueError("the data ends early")
        found.append((tag, data[place : place + length]))
        place += length
    return found


def _time(tag: int, value: bytes) -> float:
    text = value.decode("ascii").rstrip("Z")
    if tag == 0x17:  # UTCTime: two digits of the year
        text = ("20" if int(text[:2]) < 50 else "19") + text
    return float(calendar.timegm(time.strptime(text[:14], "%Y%m%d%H%M%S")))
