# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""NetworkPolicies that stand between a pod and others.

A pod that at least one policy selects for a direction may only do there what these policies' rules together name
(networking/v1, NetworkPolicySpec). Whether the network's provider enforces policies cannot be seen: they explain a
connection that fails, and are no fault by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import placement
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import Evidence, Ref, ref_of
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.evidence import in_field

INGRESS, EGRESS = "Ingress", "Egress"
_RULES = {INGRESS: "ingress", EGRESS: "egress"}
_PEERS = {INGRESS: "from", EGRESS: "to"}
_SAYS = {
    INGRESS: ("lets nobody reach the pod", "lets only those reach the pod whom it names"),
    EGRESS: ("lets the pod reach nothing", "lets the pod reach only what it names"),
}


@dataclass(frozen=True)
class Isolation:
    """The policies that select a pod for one direction; *closed*: none of their rules allows anything."""

    direction: str
    policies: tuple[dict[str, Any], ...]
    closed: bool

    @property
    def ref(self) -> Ref:
        """The policy to change first."""
        return ref_of(self.policies[0])

    @property
    def says(self) -> str:
        """A clause: which policies, and what they leave."""
        names = ", ".join(snap.name_of(item) for item in self.policies[:3])
        several = len(self.policies) > 1
        verb = _SAYS[self.direction][0 if self.closed else 1]
        if several:
            verb = f"together {verb.replace('lets', 'let', 1).replace('it names', 'they name')}"
        return f"NetworkPolic{'ies' if several else 'y'} {names} {verb}"

    @property
    def evidence(self) -> list[Evidence]:
        """One a policy."""
        return [in_field(item, f"spec.{_RULES[self.direction]}", self._rules(item) or "none") for item in self.policies]

    def _rules(self, policy: dict[str, Any]) -> list[dict[str, Any]]:
        return (policy.get("spec") or {}).get(_RULES[self.direction]) or []


def of_pod(view: snap.View, pod: dict[str, Any], direction: str) -> Isolation | None:
    """What isolates a pod; None where nothing does, or where a rule allows everybody."""
    labels = snap.labels_of(pod)
    found = tuple(
        policy
        for policy in view.within(snap.NETWORKPOLICIES, snap.namespace_of(pod))
        if direction in _types(policy)
        and placement.label_selector_matches((policy.get("spec") or {}).get("podSelector") or {}, labels)
    )
    rules = [rule for policy in found for rule in (policy.get("spec") or {}).get(_RULES[direction]) or []]
    if not found or any(not rule.get(_PEERS[direction]) and not rule.get("ports") for rule in rules):
        return None
    return Isolation(direction, found, not rules)


def _types(policy: dict[str, Any]) -> list[str]:
    """The directions of a policy; the API server's default: Ingress, and Egress where it has egress rules."""
    spec = policy.get("spec") or {}
    return spec.get("policyTypes") or [INGRESS, *([EGRESS] if spec.get("egress") else [])]
