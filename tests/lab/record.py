# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep what a case looked like: its part of a snapshot, small enough to be a unit test's fixture."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

from tests.lab.cases import Case

# Kinds that belong to a namespace are cut down to the case's service; of the others only these are kept.
CLUSTER_KINDS = ("nodes", "persistentvolumes", "storageclasses.storage.k8s.io", "otherpods",
                 "clusterservingruntimes.serving.kserve.io")  # fmt: skip
CONTROL_KINDS = ("mutatingwebhookconfigurations.admissionregistration.k8s.io",
                 "validatingwebhookconfigurations.admissionregistration.k8s.io")  # fmt: skip
CONTROL = "kserve"
LABEL = "serving.kserve.io/inferenceservice"
LOG = 12000


def write(folder: Path, case: Case, namespace: str, snapshot: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = part(case, namespace, snapshot)
    expected = {"name": case.name, "kind": case.kind, "code": case.code, "words": list(case.words),
                "namespace": namespace, "exclusive": case.anywhere}  # fmt: skip
    text = json.dumps({"expected": expected, "snapshot": data}, sort_keys=True, separators=(",", ":"))
    (folder / f"{case.name}.json").write_text(text + "\n")


def part(case: Case, namespace: str, snapshot: dict[str, Any]) -> dict[str, Any]:
    data = copy.deepcopy(snapshot)
    objects: dict[str, list[dict[str, Any]]] = {}
    for key, items in data["objects"].items():
        kept = [_lean(item) for item in items if _belongs(case, namespace, key, item)]
        objects[key] = _distinct(kept) if key == "events" else kept
    data["objects"] = objects
    if not case.exclusive:  # what stands around the controller is left out
        data["control_namespace"] = None
    data["logs"] = [
        _short(log)
        for log in data["logs"]
        if (case.exclusive and log["namespace"] == CONTROL)
        or (log["namespace"] == namespace and log["pod"].startswith(case.name))
    ]
    data["probes"] = [item for item in data["probes"] if item["service"] == case.name or item["purpose"] == "webhook"]
    data["names_of"] = {key: {namespace: spaces.get(namespace) or []} for key, spaces in data["names_of"].items()}
    data["apis"] = {
        key: value
        for key, value in (data["apis"] or {}).items()
        if "kserve" in key or key.startswith(("apps/", "serving."))
    }
    return data


def _distinct(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One event for each object and message."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for event in events:
        name = str((event.get("involvedObject") or {}).get("name"))
        found[(name, str(event.get("reason")), str(event.get("message"))[:80])] = event
    return list(found.values())


def _belongs(case: Case, namespace: str, key: str, item: dict[str, Any]) -> bool:
    metadata = item.get("metadata") or {}
    if key == "namespaces":
        return metadata.get("name") == namespace
    if case.exclusive and metadata.get("namespace") in (None, CONTROL):
        return True
    if key == "persistentvolumes":
        return ((item.get("spec") or {}).get("claimRef") or {}).get("namespace") == namespace
    if key in CLUSTER_KINDS:
        return True
    if key in CONTROL_KINDS:
        return False
    if metadata.get("namespace") == CONTROL:
        return key in ("deployments.apps",)
    if metadata.get("namespace") != namespace and "servingruntimes" not in key:
        return False
    if key == "events":
        return str((item.get("involvedObject") or {}).get("name") or "").startswith(case.name)
    label = (metadata.get("labels") or {}).get(LABEL)
    name = str(metadata.get("name") or "")
    if key.startswith(("inferenceservices", "servingruntimes")):
        return name == case.name or name.startswith(f"{case.name}-")
    return label == case.name if label else True


def _lean(item: dict[str, Any]) -> dict[str, Any]:
    """The object without what no rule reads."""
    metadata = item.get("metadata") or {}
    for name in ("managedFields", "resourceVersion", "selfLink"):
        metadata.pop(name, None)
    status = item.get("status") or {}
    if item.get("kind") == "Node":
        item["status"] = {
            "allocatable": status.get("allocatable"),
            "capacity": status.get("capacity"),
            "conditions": [
                entry
                for entry in status.get("conditions") or []
                if entry.get("type") == "Ready" or entry.get("status") == "True"
            ],
            "nodeInfo": {"architecture": (status.get("nodeInfo") or {}).get("architecture")},
        }
    if item.get("kind") == "Pod":
        for name in ("hostIP", "hostIPs", "podIP", "podIPs", "qosClass"):
            status.pop(name, None)
    if item.get("kind") == "Deployment" and (metadata.get("labels") or {}).get("control-plane"):
        spec = item.get("spec") or {}
        containers = ((spec.get("template") or {}).get("spec") or {}).get("containers") or []
        images = [{"name": entry.get("name"), "image": entry.get("image")} for entry in containers]
        kept = {"replicas": spec.get("replicas"), "selector": spec.get("selector")}
        volumes = ((spec.get("template") or {}).get("spec") or {}).get("volumes") or []
        item["spec"] = {**kept, "template": {"spec": {"containers": images, "volumes": volumes}}}
    if item.get("kind") == "Event":
        for name in ("source", "reportingComponent", "reportingInstance", "eventTime", "action"):
            item.pop(name, None)
    return item


def _short(log: dict[str, Any]) -> dict[str, Any]:
    for name in ("head", "tail"):
        text = re.sub(r"\x1b\[[0-9;]*m", "", str(log[name]))
        text = re.sub(r" {3,}", "  ", re.sub(r"-{8,}", "----", text))
        log[name] = text if len(text) <= LOG else f"{text[: LOG // 2]}\n{text[-LOG // 2 :]}"
    return log
