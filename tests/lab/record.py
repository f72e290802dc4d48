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
LABEL = "serving.kserve.io/inferenceservice"
LOG = 12000


def write(folder: Path, case: Case, namespace: str, snapshot: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = part(case, namespace, snapshot)
    expected = {"name": case.name, "kind": case.kind, "code": case.code, "words": list(case.words),
                "namespace": namespace, "exclusive": bool(case.exclusive)}  # fmt: skip
    text = json.dumps({"expected": expected, "snapshot": data}, indent=1, sort_keys=True)
    (folder / f"{case.name}.json").write_text(text + "\n")


def part(case: Case, namespace: str, snapshot: dict[str, Any]) -> dict[str, Any]:
    data = copy.deepcopy(snapshot)
    objects: dict[str, list[dict[str, Any]]] = {}
    for key, items in data["objects"].items():
        kept = [_lean(item) for item in items if _belongs(case, namespace, key, item)]
        if kept or items == [] or key not in ("events",):
            objects[key] = kept
    data["objects"] = objects
    data["logs"] = [
        _short(log)
        for log in data["logs"]
        if case.exclusive or (log["namespace"] == namespace and log["pod"].startswith(case.name))
    ]
    data["probes"] = [item for item in data["probes"] if item["service"] == case.name or item["purpose"] == "webhook"]
    data["names_of"] = {key: {namespace: spaces.get(namespace) or []} for key, spaces in data["names_of"].items()}
    data["apis"] = {
        key: value
        for key, value in (data["apis"] or {}).items()
        if "kserve" in key or key.startswith(("apps/", "serving."))
    }
    return data


def _belongs(case: Case, namespace: str, key: str, item: dict[str, Any]) -> bool:
    metadata = item.get("metadata") or {}
    if case.exclusive:
        return metadata.get("namespace") in (None, "kserve")
    if key in CLUSTER_KINDS:
        return True
    if key in CONTROL_KINDS:
        return False
    if metadata.get("namespace") == "kserve":
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
    metadata = item.get("metadata") or {}
    for name in ("managedFields", "resourceVersion", "selfLink"):
        metadata.pop(name, None)
    return item


def _short(log: dict[str, Any]) -> dict[str, Any]:
    for name in ("head", "tail"):
        text = re.sub(r"\x1b\[[0-9;]*m", "", str(log[name]))
        text = re.sub(r" {3,}", "  ", re.sub(r"-{8,}", "----", text))
        log[name] = text if len(text) <= LOG else f"{text[: LOG // 2]}\n{text[-LOG // 2 :]}"
    return log
