# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrate manifests on the controller: what M(modelserving.kserve.migrate_manifest) documents."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import plain
from ansible_collections.modelserving.kserve.plugins.plugin_utils import manifest

SUFFIXES = (".yml", ".yaml", ".json")
ARGUMENTS: dict[str, Any] = {
    "paths": {"type": "list", "elements": "path", "required": True},
    "pin_runtime": {"type": "bool", "default": False},
    "runtimes": {"type": "list", "elements": "dict"},
    "kserve_version": {"type": "str", "default": versions.DEFAULT},
}


class ActionModule(ActionBase):
    """Reads, edits and writes files of the controller; nothing runs on the host."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validated, given = self.validate_argument_spec(ARGUMENTS)
        options = {
            "runtimes": None if given["runtimes"] is None else plain(given["runtimes"]),
            "pin": given["pin_runtime"],
            "kserve_version": str(given["kserve_version"]),
        }
        results, diffs = [], []
        for path in self._files(given["paths"]):
            result, diff = self._migrate(path, options)
            results.append(result)
            diffs.extend(diff)
        failed = [f"{result['path']}: {result['error']}" for result in results if result["error"]]
        answer = {"changed": any(result["changed"] for result in results), "results": results}
        if self._task.diff:
            answer["diff"] = diffs
        return {**answer, "failed": True, "msg": "Not migrated: " + "; ".join(failed)} if failed else answer

    def _files(self, paths: list[str]) -> Iterator[Path]:
        for given in paths:
            path = Path(self._loader.path_dwim(str(given)))
            if path.is_dir():
                yield from sorted(item for item in path.rglob("*") if item.is_file() and item.suffix in SUFFIXES)
            elif path.is_file():
                yield path
            else:
                raise AnsibleActionFail(f"There is no manifest {path}: name a file or a directory")

    def _migrate(self, path: Path, options: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, str]]]:
        """Return a file's result and its diff; the file is written where it changes and check mode is off."""
        services: list[manifest.Migrated] = []
        try:
            before = path.read_bytes().decode("utf-8")
            after = before
            if "InferenceService" in before:
                after, services = manifest.migrate(before, **options)
            if after != before and not self._task.check_mode:
                _write(path, after)
        except (manifest.ManifestError, SpecError, OSError, ValueError) as error:
            return {"path": str(path), "changed": False, "services": [], "error": str(error)}, []
        result = {"path": str(path), "changed": after != before, "services": list(map(asdict, services)), "error": None}
        diff = {"before": before, "after": after, "before_header": str(path), "after_header": f"{path} (migrated)"}
        return result, [diff] if after != before else []


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
