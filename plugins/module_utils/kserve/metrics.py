# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a runtime says its metrics are, and whether what is there is Prometheus text.

Source of the format: Prometheus' text exposition format 0.0.4 and OpenMetrics 1.0.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import (
    ANNOTATION_METRICS_PATH,
    ANNOTATION_METRICS_PORT,
)

DEFAULT_PATH = "/metrics"

# KServe copies the runtime's pod annotations; Prometheus' own pair is read where KServe's is absent.
_ANNOTATIONS = ((ANNOTATION_METRICS_PORT, ANNOTATION_METRICS_PATH), ("prometheus.io/port", "prometheus.io/path"))

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r"[a-zA-Z_][a-zA-Z0-9_]*\s*=\s*\"(?:[^\"\\]|\\.)*\""
_NUMBER = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[iI]nf(?:inity)?|[nN]a[nN])"
_SAMPLE = re.compile(
    rf"(?P<name>{_NAME})\s*(?:\{{\s*(?:{_LABEL}\s*(?:,\s*{_LABEL}\s*)*,?)?\s*\}})?\s+(?P<value>{_NUMBER})"
    rf"(?:\s+{_NUMBER})?(?:\s+#\s.*)?"
)
_COMMENT = re.compile(rf"#\s*(?P<word>HELP|TYPE|UNIT)\s+(?P<name>{_NAME})(?:\s+(?P<text>.*))?")
_TYPES = frozenset(
    {"counter", "gauge", "histogram", "summary", "untyped", "unknown", "info", "stateset", "gaugehistogram"}
)


class MetricsError(ValueError):
    """The text is no Prometheus text; the message is a sentence that names the line."""


@dataclass
class Metrics:
    """A scrape: families by name with their type, and how many samples there were."""

    types: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    samples: int = 0


def endpoint(annotations: Mapping[str, t.Any] | None) -> tuple[int, str] | None:
    """Return (port, path) that a pod's annotations name, None where they name no port or nonsense."""
    for port_key, path_key in _ANNOTATIONS:
        port = str((annotations or {}).get(port_key) or "")
        if port.isdigit() and 0 < int(port) < 65536:
            return int(port), str((annotations or {}).get(path_key) or DEFAULT_PATH)
    return None


def parse(text: str | bytes) -> Metrics:
    """Read Prometheus text.

    :raises MetricsError: where a line is neither a comment nor a sample, or no sample is there.
    """
    content = text.decode(errors="replace") if isinstance(text, bytes) else text
    found = Metrics()
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            _read_line(found, number, line.strip())
    if not found.samples:
        raise MetricsError("there is no sample in it")
    return found


def looks_like(text: str) -> bool:
    """Whether the beginning of an answer is Prometheus text: its last line may be cut and does not count."""
    lines = text.splitlines()
    try:
        parse("\n".join(lines[:-1]) if len(lines) > 1 else text)
    except MetricsError:
        return False
    return True


def _read_line(found: Metrics, number: int, line: str) -> None:
    if line.startswith("#"):
        comment = _COMMENT.fullmatch(line)
        if comment and comment["word"] == "TYPE":
            kind = (comment["text"] or "").strip()
            if kind not in _TYPES:
                raise MetricsError(f"line {number} gives {comment['name']} the unknown type {kind!r}")
            found.types[comment["name"]] = kind
        return
    sample = _SAMPLE.fullmatch(line)
    if sample is None:
        raise MetricsError(f"line {number} is no Prometheus sample: {line[:120]!r}")
    found.names.add(sample["name"])
    found.samples += 1
