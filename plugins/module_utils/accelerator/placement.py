# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node selectors, node affinity, taints and tolerations, judged as the scheduler judges them.

Sources: k8s.io/component-helpers/scheduling/corev1/nodeaffinity/nodeaffinity.go (Match),
k8s.io/apimachinery/pkg/labels/selector.go (Requirement.Matches), k8s.io/api/core/v1/toleration.go (ToleratesTaint).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# PreferNoSchedule is a wish, not a refusal
REFUSING_EFFECTS = ("NoSchedule", "NoExecute")
_INTEGER = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True)
class Unmet:
    """One requirement that a node does not meet."""

    key: str
    text: str
    """the requirement, and what the node has instead"""


def unmet_selector(pod: Mapping[str, Any], node: Mapping[str, Any]) -> list[Unmet]:
    """The entries of spec.nodeSelector that the node's labels lack."""
    labels = node_labels(node)
    wanted = (pod.get("spec") or {}).get("nodeSelector") or {}
    return [
        Unmet(key, f"{key} must be {value!r}, {_present(labels, key)}")
        for key, value in wanted.items()
        if labels.get(key) != value
    ]


def unmet_affinity(pod: Mapping[str, Any], node: Mapping[str, Any]) -> list[Unmet]:
    """What keeps the node from matching the required node affinity; of several terms, the one nearest to matching."""
    affinity = ((pod.get("spec") or {}).get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return []
    terms = [term for term in required.get("nodeSelectorTerms") or [] if _term_size(term)]
    if not terms:
        return [Unmet("", "its required node affinity has only empty terms, which match no node")]
    return min((_unmet_term(term, node) for term in terms), key=len)


def untolerated(pod: Mapping[str, Any], taints: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The taints with a refusing effect that no toleration of the pod covers."""
    tolerations = (pod.get("spec") or {}).get("tolerations") or []
    return [
        taint
        for taint in taints
        if taint.get("effect") in REFUSING_EFFECTS and not any(tolerates(item, taint) for item in tolerations)
    ]


def tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """Whether one toleration covers one taint: an empty effect or key covers all, no operator means Equal."""
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Exists":
        return True
    return operator == "Equal" and (toleration.get("value") or "") == (taint.get("value") or "")


def taint_text(taint: Mapping[str, Any]) -> str:
    """A taint as kubectl writes it: key=value:effect."""
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key')}{value}:{taint.get('effect')}"


def node_labels(node: Mapping[str, Any]) -> dict[str, str]:
    return dict((node.get("metadata") or {}).get("labels") or {})


def _term_size(term: Mapping[str, Any] | None) -> int:
    term = term or {}
    return len(term.get("matchExpressions") or []) + len(term.get("matchFields") or [])


def _unmet_term(term: Mapping[str, Any], node: Mapping[str, Any]) -> list[Unmet]:
    labels = node_labels(node)
    fields = {"metadata.name": str((node.get("metadata") or {}).get("name") or "")}
    unmet = [_unmet(item, labels) for item in term.get("matchExpressions") or [] if not _meets(item, labels)]
    for item in term.get("matchFields") or []:
        # the API takes only In and NotIn with one value here
        if item.get("operator") not in ("In", "NotIn") or not _meets(item, fields):
            unmet.append(_unmet(item, fields))
    return unmet


def label_selector_matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector (meta/v1) selects an object with these labels; an empty one selects all."""
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _meets(requirement, labels) for requirement in selector.get("matchExpressions") or []
    )


def _meets(requirement: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator = str(requirement.get("key")), requirement.get("operator")
    values = requirement.get("values") or []
    if operator == "In":
        return key in labels and labels[key] in values
    if operator == "NotIn":
        return key not in labels or labels[key] not in values
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    if operator in ("Gt", "Lt"):
        return _compares(labels.get(key), operator, values)
    return False


def _compares(actual: str | None, operator: str, values: Sequence[Any]) -> bool:
    texts = (actual, *values)
    if len(texts) != 2 or not all(isinstance(item, str) and _INTEGER.fullmatch(item) for item in texts):
        return False
    mine, bound = int(str(actual)), int(values[0])
    return mine > bound if operator == "Gt" else mine < bound


def _unmet(requirement: Mapping[str, Any], labels: Mapping[str, str]) -> Unmet:
    key, operator = str(requirement.get("key")), requirement.get("operator")
    values = f" [{', '.join(map(str, requirement['values']))}]" if requirement.get("values") else ""
    return Unmet(key, f"{key} {operator}{values}, {_present(labels, key)}")


def _present(labels: Mapping[str, str], key: str) -> str:
    return f"its value here is {labels[key]!r}" if key in labels else "the node has no such label"
