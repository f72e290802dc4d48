# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rule says: a finding, its evidence and its remedy.

A finding is about one fault. Its ``object`` is what a person has to change, ``affects`` names every
InferenceService that the fault hits, and what follows from the fault is folded under it as consequences.
The plain form of a finding (``Finding.plain``) is the collection's stable contract.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ERROR = "error"
WARNING = "warning"
INFO = "info"
SEVERITIES = (ERROR, WARNING, INFO)

EVIDENCE_SOURCES = ("field", "event", "log", "probe", "node", "rule")

MAX_EVIDENCE = 8
MAX_CONSEQUENCES = 20
MAX_TEXT = 1200

DOCS = "https://github.com/modelserving/kserve/tree/main/docs/findings.md"


@dataclass(frozen=True, order=True)
class Ref:
    """A reference to one Kubernetes object; a cluster-scoped one has no namespace."""

    api_version: str
    kind: str
    namespace: str | None
    name: str

    def plain(self) -> dict[str, Any]:
        return {
            "api_version": self.api_version,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
        }

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {where}{self.name}"


def ref_of(obj: dict[str, Any]) -> Ref:
    """Reference to an object as the API returns it (apiVersion, kind, metadata)."""
    metadata = obj.get("metadata") or {}
    return Ref(
        obj.get("apiVersion") or "",
        obj.get("kind") or "",
        metadata.get("namespace"),
        metadata.get("name") or metadata.get("generateName") or "",
    )


@dataclass(frozen=True)
class Evidence:
    """One observation: ``source`` is one of EVIDENCE_SOURCES, ``path`` a field path or a log's container."""

    source: str
    object: Ref | None
    text: str
    path: str | None = None
    time: str | None = None

    def plain(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "object": self.object.plain() if self.object else None,
            "path": self.path,
            "text": shorten(self.text),
            "time": self.time,
        }


@dataclass(frozen=True)
class Remedy:
    """What to do: a sentence, and where one exists the command or the patch that does it."""

    text: str
    command: str | None = None
    patch: dict[str, Any] | None = None

    def plain(self) -> dict[str, Any]:
        return {"text": self.text, "command": self.command, "patch": self.patch}


@dataclass(frozen=True)
class Consequence:
    object: Ref
    text: str

    def plain(self) -> dict[str, Any]:
        return {"object": self.object.plain(), "text": shorten(self.text)}


@dataclass
class Finding:
    """One fault. ``key`` tells apart two faults with the same code on the same object."""

    code: str
    severity: str
    object: Ref
    title: str
    cause: str
    evidence: list[Evidence]
    remedy: Remedy
    affects: list[Ref] = field(default_factory=list)
    consequences: list[Consequence] = field(default_factory=list)
    key: str = ""

    @property
    def identity(self) -> tuple[str, Ref, str]:
        return (self.code, self.object, self.key)

    def plain(self) -> dict[str, Any]:
        """The finding as the modules return it: JSON types only, lists never null."""
        return {
            "code": self.code,
            "severity": self.severity,
            "object": self.object.plain(),
            "affects": [ref.plain() for ref in sorted(set(self.affects))],
            "title": self.title,
            "cause": shorten(self.cause),
            "evidence": [item.plain() for item in self.evidence[:MAX_EVIDENCE]],
            "remedy": self.remedy.plain(),
            "consequences": [item.plain() for item in self.consequences[:MAX_CONSEQUENCES]],
            "docs": f"{DOCS}#{self.code.lower()}",
        }


def shorten(text: str, limit: int = MAX_TEXT) -> str:
    """Text cut in the middle to a length that fits a job log."""
    if len(text) <= limit:
        return text
    half = limit // 2 - 3
    return f"{text[:half]} ... {text[-half:]}"


def merge(findings: list[Finding]) -> list[Finding]:
    """Findings of one identity become one: affects, evidence and consequences are united, the worst severity wins."""
    merged: dict[tuple[str, Ref, str], Finding] = {}
    for finding in findings:
        known = merged.setdefault(finding.identity, finding)
        if known is finding:
            continue
        known.affects.extend(finding.affects)
        if len(known.evidence) < MAX_EVIDENCE:
            known.evidence.extend(item for item in finding.evidence if item not in known.evidence)
        if len(known.consequences) < MAX_CONSEQUENCES:
            known.consequences.extend(item for item in finding.consequences if item not in known.consequences)
        if SEVERITIES.index(finding.severity) < SEVERITIES.index(known.severity):
            known.severity = finding.severity
    return list(merged.values())


def ordered(findings: list[Finding]) -> list[Finding]:
    """Severity, then the number of services hit (most first), then namespace, name and code."""
    return sorted(
        findings,
        key=lambda f: (
            SEVERITIES.index(f.severity),
            -len(set(f.affects)),
            f.object.namespace or "",
            f.object.name,
            f.code,
            f.key,
        ),
    )


def summary(findings: list[Finding]) -> dict[str, int]:
    return {severity: sum(1 for f in findings if f.severity == severity) for severity in SEVERITIES}
