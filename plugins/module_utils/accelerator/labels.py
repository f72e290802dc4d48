# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The labels that this collection puts on accelerator nodes: their names, and what makes a value fit."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import vendors

VENDOR = "vendor"
PRODUCT = "product"
COUNT = "count"
MEMORY = "memory"
MIG = "mig"
SHARED = "shared"
STATE = "state"
OWNED = "owned"
"""the annotation that records which keys are ours"""

_NAMES = re.compile(rf"{VENDOR}|{PRODUCT}|{COUNT}|{MEMORY}|{MIG}|{MIG}-\d+g\..+|{SHARED}|{STATE}")

HEALTHY = "healthy"
DRIVER_NOT_READY = "driver-not-ready"

MAX_VALUE = 63
_DNS = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_PREFIX = re.compile(rf"{_DNS}(\.{_DNS})*")
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


def key(prefix: str, name: str) -> str:
    """``accelerator.modelserving.io/vendor``."""
    return f"{prefix}/{name}"


def ours(live: Mapping[str, str], prefix: str, table: vendors.Table = vendors.DEFAULT_TABLE) -> set[str]:
    """Those of an object's labels that are ours by their names, whether or not a record says so.

    We never write one without ``<prefix>/vendor``, a name of the table: where it is something else, a prefix is used
    that others use too, and ``<prefix>/product`` is theirs.
    """
    if table.named(live.get(key(prefix, VENDOR), "")) is None:
        return set()
    return {name for name in live if name.startswith(f"{prefix}/") and _NAMES.fullmatch(name[len(prefix) + 1 :])}


def value(text: str) -> str:
    """*text* as a label value: at most 63 characters of [A-Za-z0-9._-], beginning and ending with a letter or digit.

    Every other character becomes "-", so that "Tesla T4 (16 GB)" stays readable.
    """
    clean = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")
    return clean[:MAX_VALUE].rstrip("._-")


def key_problem(name: str) -> str | None:
    """Why *name* (``name`` or ``prefix/name``) is no label key, in words that follow it; None where it is one."""
    prefix, slash, last = name.rpartition("/")
    if slash and (len(prefix) > 253 or not _PREFIX.fullmatch(prefix)):
        return f"has the prefix {prefix!r}, which is no lower-case DNS name"
    if not _NAME.fullmatch(last):
        return "must end in at most 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit"
    return None


def value_problem(text: str) -> str | None:
    """Why *text* is no label value; None where it is one (the empty string is)."""
    if text == "" or _NAME.fullmatch(text):
        return None
    return "must be at most 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit"


def prefix_problem(prefix: str, table: vendors.Table = vendors.DEFAULT_TABLE) -> str | None:
    """Why *prefix* cannot be the collection's own; None where it can."""
    if len(prefix) > 253 or not _PREFIX.fullmatch(prefix):
        return f"{prefix!r} is no lower-case DNS name such as {vendors.DEFAULT_PREFIX}"
    owner = table.domain_owner(prefix)
    return f"{prefix!r} belongs to {owner}: choose a domain of your own" if owner else None
