# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observations as evidence."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import Evidence, Ref, ref_of
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.snapshot import event_time


def in_field(obj: dict[str, Any], path: str, text: Any) -> Evidence:
    return Evidence("field", ref_of(obj), str(text), path)


def in_event(event: dict[str, Any]) -> Evidence:
    involved = event.get("involvedObject") or event.get("regarding") or {}
    about = Ref(
        involved.get("apiVersion") or "v1",
        involved.get("kind") or "",
        involved.get("namespace"),
        involved.get("name") or "",
    )
    text = f"{event.get('reason')}: {message_of(event)}"
    return Evidence("event", about, text, involved.get("fieldPath"), event_time(event))


def in_log(pod: dict[str, Any], container: str, text: str, previous: bool = False) -> Evidence:
    return Evidence("log", ref_of(pod), text, f"{container} (previous)" if previous else container)


def on_node(node: dict[str, Any], text: str, path: str | None = None) -> Evidence:
    return Evidence("node", ref_of(node), text, path)


def by_rule(obj: Ref | None, text: str, path: str | None = None) -> Evidence:
    return Evidence("rule", obj, text, path)


def by_probe(about: Ref, probe: dict[str, Any]) -> Evidence:
    answer = f"HTTP {probe['status']}" if probe.get("status") is not None else "no answer"
    detail = probe.get("error") or (probe.get("body") or "").strip()[:300]
    text = f"{probe.get('method') or 'GET'} {probe.get('path')} on port {probe.get('port')}: {answer}"
    return Evidence("probe", about, f"{text} {detail}".strip(), probe.get("path"), probe.get("time"))


def message_of(event: dict[str, Any]) -> str:
    return str(event.get("message") or event.get("note") or "")


def condensed(text: str) -> str:
    """One line: runs of white space become one blank."""
    return re.sub(r"\s+", " ", text).strip()
