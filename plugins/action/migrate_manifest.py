# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrate manifests on the controller: what M(modelserving.kserve.migrate_manifest) documents."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import migration, versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import namespace_of, plain
from ansible_collections.modelserving.kserve.plugins.plugin_utils import asking, manifest

ARGUMENTS: dict[str, Any] = {
    "paths": {"type": "list", "elements": "path", "default": []},
    "pin_runtime": {"type": "bool", "default": False},
    "runtimes": {"type": "list", "elements": "dict"},
    "kserve_version": {"type": "str"},
    "live": {"type": "bool", "default": False},
    "namespaces": {"type": "list", "elements": "str", "default": []},
}
SERVICE = "InferenceService"


class ActionModule(ActionBase):
    """Reads, edits and writes files of the controller; on the host only the cluster is read, by selection_info."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        access, given = asking.arguments(self, ARGUMENTS)
        if not given["paths"] and not given["live"]:
            raise AnsibleActionFail(
                "There is nothing to migrate: name paths, or set live to report the cluster's services"
            )
        try:
            files = manifest.files(given["paths"])
        except manifest.ManifestError as error:
            raise AnsibleActionFail(str(error)) from error
        seen = self._seen(given, files, access, task_vars) if given["live"] else {}
        options = _options(given, seen)
        results, diffs = [], []
        for path in files:
            result, diff = self._migrate(path, options)
            results.append(result)
            diffs.extend(diff)
        live = [item for service in seen.get("services", []) if (item := _stored(service))]
        answer = {
            "changed": any(result["changed"] for result in results),
            "results": results,
            "live": live,
            "lines": [*(_file_lines(results) if files else []), *(_live_lines(live, seen) if seen else [])],
            "unseen": seen.get("unseen", []),
            "warnings": seen.get("warnings", []),
        }
        if self._task.diff:
            answer["diff"] = diffs
        failed = [f"{item['path']}: {item['error']}" for item in results if item["error"]]
        failed += [f"{_named(item)}: {item['error']}" for item in live if item["error"]]
        return {**answer, "failed": True, "msg": "Not migrated: " + "; ".join(failed)} if failed else answer

    def _seen(
        self,
        given: Mapping[str, Any],
        files: Iterable[Path],
        access: Mapping[str, Any],
        task_vars: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        """The cluster's services, and what choosing needs where runtimes are to be pinned."""
        choosing = given["pin_runtime"] and given["runtimes"] is None
        # The files' services may be in other namespaces than those that are looked at.
        spaces = sorted({*given["namespaces"], *_namespaces(files)}) if given["namespaces"] else None
        seen = asking.ask(
            self,
            access,
            task_vars,
            namespaces=given["namespaces"],
            runtime_namespaces=spaces,
            reads=["services", "runtimes", "version"] if choosing else ["services"],
            kserve_version=given["kserve_version"],
        )
        hidden = [item for item in seen["unseen"] if item["kind"] != SERVICE]
        if choosing and hidden:
            raise AnsibleActionFail(
                "No runtime is pinned where not all may be seen, since another could be chosen: "
                + "; ".join(item["message"] for item in hidden)
            )
        seen["warnings"] = [
            *(seen.get("warnings") or []),
            *(f"{item['what']} were not seen: {item['message']}" for item in seen["unseen"]),
        ]
        return seen

    def _migrate(self, path: Path, options: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, str]]]:
        """Return a file's result and its diff; the file is written where it changes and check mode is off."""
        services: list[manifest.Migrated] = []
        try:
            before = after = manifest.read_text(path)
            if SERVICE in before:
                after, services = manifest.migrate(before, **options)
            if after != before and not self._task.check_mode:
                _write(path, after)
        except (manifest.ManifestError, SpecError, OSError, ValueError) as error:
            return {"path": str(path), "changed": False, "services": [], "error": str(error)}, []
        result = {"path": str(path), "changed": after != before, "services": list(map(asdict, services)), "error": None}
        diff = {"before": before, "after": after, "before_header": str(path), "after_header": f"{path} (migrated)"}
        return result, [diff] if after != before else []


def _options(given: Mapping[str, Any], seen: Mapping[str, Any]) -> dict[str, Any]:
    """What manifest.migrate is told: among which runtimes, and by which KServe."""
    live = seen if seen.get("kserve_version") else {}
    runtimes = live.get("runtimes") if given["runtimes"] is None else plain(given["runtimes"])
    version = live["kserve_version"]["number"] if live else given["kserve_version"]
    return {"runtimes": runtimes, "pin": given["pin_runtime"], "kserve_version": version or versions.DEFAULT}


def _namespaces(files: Iterable[Path]) -> set[str]:
    """The namespaces of the files' services; what cannot be read is said when the file is migrated."""
    found = set()
    for path in files:
        try:
            found |= {namespace_of(plain(item.value)) for item in manifest.read(path, [SERVICE])}
        except (manifest.ManifestError, SpecError):
            continue
    return found


def _stored(service: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a live service's result is; None where it is stored in the new schema."""
    metadata = service["metadata"]
    known = {"namespace": metadata["namespace"], "name": metadata["name"], "summary": "", "notes": [], "error": None}
    try:
        plan = migration.plan(service)
    except SpecError as error:
        return {**known, "error": str(error)}
    if plan.framework is None:
        return None
    return {**known, "summary": migration.summary(plan), "notes": list(plan.notes)}


def _named(item: Mapping[str, Any]) -> str:
    return f"{SERVICE} {item['namespace']}/{item['name']}"


def _file_lines(results: Iterable[Mapping[str, Any]]) -> list[str]:
    lines = [
        f"{result['path']}:{service['line']} {service['name']}: {'; '.join([service['summary'], *service['notes']])}"
        for result in results
        for service in result["services"]
    ]
    return lines or ["No InferenceService of the previous schema in the manifests."]


def _live_lines(live: Iterable[Mapping[str, Any]], seen: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{item['namespace']}/{item['name']}: stored in the previous schema; any update that passes the webhook "
        f"converts it ({item['summary']})"
        for item in live
        if not item["error"]
    ]
    if lines:
        return lines
    if not seen["services"]:
        return ["There is no live service where the task looks."]
    partly = " that may be seen" if any(item["kind"] == SERVICE for item in seen["unseen"]) else ""
    return [f"Every live service{partly} is stored in the new schema."]


def _write(path: Path, text: str) -> None:
    """Replace a file in one step, its mode kept."""
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
        Path(scratch).chmod(path.stat().st_mode & 0o7777)
        Path(scratch).replace(path.resolve())
    except OSError:
        Path(scratch).unlink()
        raise
