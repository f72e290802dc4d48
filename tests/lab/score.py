# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the doctor named what was broken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.lab.cases import FAULT, HEALTHY, Case

Finding = dict[str, Any]


@dataclass
class Verdict:
    """``found``: some finding names the cause; ``first``: the first one does; ``others``: further errors."""

    case: Case
    found: bool = False
    first: bool = False
    missed: bool = False
    others: list[Finding] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    settled: bool = True

    @property
    def object_only(self) -> bool:
        return self.case.kind == FAULT and not self.found and not self.missed

    @property
    def false_alarm(self) -> bool:
        return self.case.kind == HEALTHY and bool(self.others)


def judge(case: Case, namespace: str, findings: Iterable[Finding], settled: bool = True) -> Verdict:
    """Compare the findings that hit the case's service with what the case broke."""
    relevant = [finding for finding in findings if case.anywhere or _hits(finding, namespace, case.service)]
    verdict = Verdict(case, findings=relevant, settled=settled)
    errors = [finding for finding in relevant if finding["severity"] == "error"]
    if case.kind == HEALTHY:
        verdict.others = errors
        return verdict
    telling = [finding for finding in relevant if names_cause(case, finding)]
    verdict.found = bool(telling)
    verdict.first = bool(relevant) and names_cause(case, relevant[0])
    verdict.missed = not [finding for finding in relevant if finding["severity"] != "info"] and not telling
    verdict.others = [finding for finding in errors if finding not in telling[:1]]
    return verdict


def names_cause(case: Case, finding: Finding) -> bool:
    text = f"{finding['title']} {finding['cause']}".lower()
    return finding["code"] in (case.code, *case.also) and all(word.lower() in text for word in case.words)


def _hits(finding: Finding, namespace: str, name: str) -> bool:
    return any(item["namespace"] == namespace and item["name"] == name for item in finding["affects"])


def table(verdicts: list[Verdict]) -> str:
    """The numbers, and a line for each case that is not as it should be."""
    faults = [item for item in verdicts if item.case.kind == FAULT]
    healthy = [item for item in verdicts if item.case.kind == HEALTHY]
    lines = [
        f"{'faults':<16}{len(faults):>5}",
        f"{'cause found':<16}{sum(item.found for item in faults):>5}",
        f"{'named first':<16}{sum(item.first for item in faults):>5}",
        f"{'object only':<16}{sum(item.object_only for item in faults):>5}",
        f"{'missed':<16}{sum(item.missed for item in faults):>5}",
        f"{'healthy':<16}{len(healthy):>5}",
        f"{'false alarms':<16}{sum(item.false_alarm for item in healthy):>5}",
        f"{'other errors':<16}{sum(len(item.others) for item in faults):>5}",
        f"{'not settled':<16}{sum(not item.settled for item in verdicts):>5}",
    ]
    for item in verdicts:
        if good(item):
            continue
        lines.append(f"{item.case.name}: wanted {item.case.code or 'no error'} {' '.join(item.case.words)}"
                     + ("" if item.settled else " (did not settle)"))  # fmt: skip
        lines += [f"    {f['code']} {f['severity']} {f['object']['kind']} {f['object']['name']}: {f['cause']}"
                  for f in item.findings] or ["    no finding"]  # fmt: skip
    return "\n".join(lines)


def good(verdict: Verdict) -> bool:
    if verdict.case.kind == HEALTHY:
        return not verdict.others and verdict.settled
    return verdict.first and not verdict.others
