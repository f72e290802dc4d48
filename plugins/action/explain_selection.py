# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show choices on the controller: what M(modelserving.kserve.explain_selection) documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import explaining
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import plain
from ansible_collections.modelserving.kserve.plugins.plugin_utils import asking, choosing, manifest

ARGUMENTS: dict[str, Any] = {
    "services": {"type": "list", "elements": "dict"},
    "runtimes": {"type": "list", "elements": "dict"},
    "manifests": {"type": "list", "elements": "path", "default": []},
    "runtime_manifests": {"type": "list", "elements": "path", "default": []},
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "kserve_version": {"type": "str"},
    "why": {"type": "str", "choices": list(explaining.WHY), "default": "relevant"},
    "display": {"type": "bool", "default": True},
}


class ActionModule(ActionBase):
    """Reads files here and the cluster by selection_info, chooses and prints."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        access, given = asking.arguments(self, ARGUMENTS)
        question = choosing.Question()
        try:
            _read_files(question, given)
            self._read_cluster(question, given, access, task_vars)
            answer = choosing.answer(question, given["why"])
        except (manifest.ManifestError, ValueError) as error:
            raise AnsibleActionFail(f"The choices cannot be explained: {error}") from error
        if given["display"]:
            Display().display("\n".join(answer["lines"]))
        result = {"changed": False, "warnings": question.warnings, **answer}
        if answer["errors"]:
            result |= {"failed": True, "msg": "Not explained: " + "; ".join(answer["errors"])}
        return result

    def _read_cluster(
        self,
        question: choosing.Question,
        given: Mapping[str, Any],
        access: Mapping[str, Any],
        task_vars: Mapping[str, Any] | None,
    ) -> None:
        """Ask for what neither the task nor its files give."""
        live = {
            "services": given["services"] is None and not given["manifests"],
            "runtimes": given["runtimes"] is None and not given["runtime_manifests"],
        }
        if not any(live.values()):
            question.version(given["kserve_version"])
            return
        reads = [name for name, wanted in live.items() if wanted] + ["version"]
        spaces = None if live["services"] else choosing.namespaces(question)
        seen = asking.ask(
            self,
            access,
            task_vars,
            namespaces=given["namespaces"],
            runtime_namespaces=spaces,
            reads=reads,
            kserve_version=given["kserve_version"],
        )
        question.add_seen(seen, given["namespaces"] if live["services"] else [])


def _read_files(question: choosing.Question, given: Mapping[str, Any]) -> None:
    question.add([choosing.Entry(item) for item in plain(given["services"] or [])], choosing.SERVICE)
    question.add([choosing.Entry(item) for item in plain(given["runtimes"] or [])], choosing.RUNTIME)
    for option in ("manifests", "runtime_manifests"):
        question.add_files(given[option])
