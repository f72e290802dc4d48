#!/usr/bin/python
# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: what will go wrong with manifests, before they are applied."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Say what will go wrong with runtimes and services before they are applied
version_added: "0.1.0"
author:
  - modelserving.kserve contributors (@modelserving)
description:
  - Judges manifests of runtimes and InferenceServices by the rules that need no running pod, for example whether a
    runtime will be found, whether admission refuses it, or whether its templates can be filled in.
  - Looks at the cluster that they are meant for, or at a saved snapshot of it, and writes nothing.
  - Puts the pods that KServe would make to the cluster's nodes. Of a runtime that is new, and used by no service here,
    that is a warning.
  - Without O(manifests) the runtimes and services that the cluster has are judged by the same rules.
options:
  manifests:
    description:
      - ServingRuntimes, ClusterServingRuntimes, InferenceServices, and what they refer to (claims, ServiceAccounts,
        Secrets and ConfigMaps, of which only the names count). Other kinds are passed over.
    type: list
    elements: dict
  live:
    description:
      - Whether the cluster is looked at. Without it and without O(snapshot) only what the manifests say of themselves
        and of one another is judged, and RV(unseen) lists what would need the cluster.
    type: bool
    default: true
  snapshot:
    description:
      - A snapshot or bundle that was saved earlier, on the target host. It stands in for the cluster.
    type: path
  namespaces:
    description: Namespaces of the cluster to look at. All that may be listed by default.
    type: list
    elements: str
  checks:
    description: Which findings are wanted, by theme or code, as in M(modelserving.kserve.runtime_status).
    type: list
    elements: str
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - modelserving.kserve.connection
attributes:
  check_mode:
    description: The module only reads, in check mode as well.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
seealso:
  - module: modelserving.kserve.report
  - module: modelserving.kserve.runtime_status
"""

EXAMPLES = r"""
- name: Judge a manifest against the cluster that it is meant for
  modelserving.kserve.preflight:
    manifests: "{{ lookup('ansible.builtin.file', 'iris.yaml') | from_yaml_all }}"
  register: judged

- name: Judge it alone, without a cluster
  modelserving.kserve.preflight:
    manifests: "{{ lookup('ansible.builtin.file', 'iris.yaml') | from_yaml_all }}"
    live: false

- name: Judge what the cluster has
  modelserving.kserve.preflight:
    namespaces: [models]
"""

RETURN = r"""
findings:
  description: What will go wrong, in the shape that M(modelserving.kserve.runtime_status) documents.
  returned: always
  type: list
  elements: dict
summary:
  description: How many findings there are of each severity.
  returned: always
  type: dict
  sample: {error: 1, warning: 0, info: 2}
checked:
  description: The runtimes and services that were judged, as C(api_version), C(kind), C(namespace) and C(name).
  returned: always
  type: list
  elements: dict
runtimes:
  description: Empty, so that the result has the shape of M(modelserving.kserve.runtime_status).
  returned: always
  type: list
  elements: dict
services:
  description: Empty as well.
  returned: always
  type: list
  elements: dict
unseen:
  description: What could not be seen, as C(what), C(reason) and C(message).
  returned: always
  type: list
  elements: dict
taken_at:
  description: The moment of the snapshot, or null.
  returned: always
  type: str
kserve_version:
  description: KServe's version, or null where it was not seen.
  returned: always
  type: str
kubernetes_version:
  description: The version of the Kubernetes API, or null.
  returned: always
  type: str
"""

from collections.abc import Iterator
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.ansible import Session, module
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import bundle, collect, diagnose
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import ref_of

ARGUMENTS: dict[str, Any] = {
    "manifests": {"type": "list", "elements": "dict"},
    "live": {"type": "bool", "default": True},
    "snapshot": {"type": "path"},
    "namespaces": {"type": "list", "elements": "str"},
    "checks": {"type": "list", "elements": "str"},
}
JUDGED = (snap.SERVINGRUNTIMES, snap.CLUSTERSERVINGRUNTIMES, snap.INFERENCESERVICES)
KINDS = ("ServingRuntime", "ClusterServingRuntime", "InferenceService")


def run(session: Session) -> dict[str, Any]:
    """The module's result."""
    given = session.params
    unknown = sorted(set(given["checks"] or ()) - set(diagnose.check_names()))
    if unknown:
        session.fail(f"checks: {', '.join(unknown)} is no theme and no code of docs/findings.md.")
    data = _snapshot(session)
    manifests = list(_items(given["manifests"] or []))
    if given["manifests"] is None:
        if data is None:
            session.fail("There is nothing to judge: give manifests, a snapshot, or leave live at true.")
        manifests = [item for key in JUDGED for item in data["objects"].get(key) or []]
    result = diagnose.preflight(manifests, data, checks=given["checks"])
    checked = [ref_of(item).plain() for item in manifests if item.get("kind") in KINDS]
    # neither decides anything before deploying
    result["unseen"] = [item for item in result["unseen"] if item["what"] not in ("endpoints", "logs")]
    seen = {key: (data or {}).get(key) for key in ("taken_at", "kserve_version", "kubernetes_version")}
    return {"changed": False, **result, "checked": checked, **seen}


def _items(manifests: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The manifests, those inside a List too; empty documents are left out."""
    for item in manifests:
        if str((item or {}).get("kind") or "").endswith("List") and isinstance(item.get("items"), list):
            yield from _items(item["items"])
        elif item:
            yield item


def _snapshot(session: Session) -> dict[str, Any] | None:
    given = session.params
    if given["snapshot"]:
        try:
            return bundle.read_snapshot(given["snapshot"])
        except snap.SnapshotError as error:
            session.fail(f"snapshot: {error}")
    if not given["live"]:
        return None
    return collect.collect(session.client, namespaces=given["namespaces"], probe="none", logs=False, dry_run=False)


@module(ARGUMENTS)
def main(session: Session) -> None:
    """Run the module."""
    session.exit(**run(session))


if __name__ == "__main__":
    main()
