# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render reports on the controller: what M(modelserving.kserve.report) documents."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import bundle, report
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.snapshot import SnapshotError
from ansible_collections.modelserving.kserve.plugins.plugin_utils.rendering import FORMATS, Renderer, yaml_dump

IN_BUNDLE = {"text": "report.txt", "markdown": "report.md", "html": "report.html", "json": "report.json"}
ARGUMENTS: dict[str, Any] = {
    "result": {"type": "dict", "required": True},
    "title": {"type": "str", "default": "Model serving report"},
    "sections": {
        "type": "list",
        "elements": "str",
        "choices": [*report.SECTIONS, *report.MORE_SECTIONS],
        "default": list(report.SECTIONS),
    },
    "names": {"type": "list", "elements": "str", "default": []},
    "width": {"type": "int", "default": 100},
    "display": {"type": "bool", "default": False},
    "fail_on": {"type": "str", "choices": ["error", "warning"], "default": "error"},
    "snapshot": {"type": "path"},
    "bundle": {"type": "path"},
    **{name: {"type": "path"} for name in FORMATS},
}


def _rendered(renderer: Renderer, name: str) -> bytes:
    return renderer.render(name).encode()


class ActionModule(ActionBase):
    """Renders, shows and writes; nothing runs on the host but the reading of its snapshot."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validated, given = self.validate_argument_spec(ARGUMENTS, required_by={"bundle": ["snapshot"]})
        result = json.loads(json.dumps(given["result"]))  # Ansible's own string types are none that YAML knows
        renderer = Renderer(result, title=given["title"], fail_on=given["fail_on"], names=given["names"])
        text = renderer.render("text", width=given["width"], sections=given["sections"])
        if given["display"]:
            Display().display(text)
        try:
            files = [self._write(name, path, content) for name, path, content in self._wanted(given, renderer)]
        except (SnapshotError, OSError) as error:
            raise AnsibleActionFail(f"The report was not written: {error}") from error
        changed = any(file["changed"] for file in files)
        return {"changed": changed, "summary": report.summary(renderer.model), "text": text, "files": files}

    def _wanted(self, given: Mapping[str, Any], renderer: Renderer) -> list[tuple[str, str, Callable[[], bytes]]]:
        """Format, path and content of every file that was asked for."""
        wanted: list[tuple[str, str, Callable[[], bytes]]] = [
            (name, given[name], partial(_rendered, renderer, name)) for name in FORMATS if given[name]
        ]
        if given["bundle"]:
            wanted.append(("bundle", given["bundle"], partial(self._bundle, given["snapshot"], renderer)))
        return wanted

    def _bundle(self, snapshot_path: str, renderer: Renderer) -> bytes:
        reports = {file: renderer.render(name) for name, file in IN_BUNDLE.items()}
        return bundle.pack(self._snapshot(snapshot_path), reports, yaml_dump)

    def _snapshot(self, path: str) -> dict[str, Any]:
        """The snapshot that lies on the host, or on the controller where the connection is local."""
        if getattr(self._connection, "transport", "local") == "local":
            return bundle.read_snapshot(self._loader.path_dwim(path))
        with tempfile.TemporaryDirectory() as scratch:
            local = f"{scratch}/snapshot"
            self._connection.fetch_file(path, local)
            return bundle.read_snapshot(local)

    def _write(self, name: str, path: str, content: Callable[[], bytes]) -> dict[str, Any]:
        target = Path(self._loader.path_dwim(path))
        rendered = content()
        changed = not target.is_file() or target.read_bytes() != rendered
        if changed and not self._task.check_mode:
            bundle.write_file(str(target), rendered)
        digest = hashlib.sha256(rendered).hexdigest()
        return {"format": name, "path": str(target), "size": len(rendered), "sha256": digest, "changed": changed}
