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
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import explaining, selection, versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import name_of, namespace_of, plain

ARGUMENTS: dict[str, Any] = {
    "services": {"type": "list", "elements": "dict", "required": True},
    "runtimes": {"type": "list", "elements": "dict", "required": True},
    "kserve_version": {"type": "str", "default": versions.DEFAULT},
    "why": {"type": "str", "choices": list(explaining.WHY), "default": "relevant"},
    "display": {"type": "bool", "default": True},
}


class ActionModule(ActionBase):
    """Chooses and prints; nothing runs on the host."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validated, given = self.validate_argument_spec(ARGUMENTS)
        try:
            choices = _choices(plain(given["services"]), plain(given["runtimes"]), given["kserve_version"])
        except (SpecError, ValueError) as error:
            raise AnsibleActionFail(f"The choices cannot be explained: {error}") from error
        lines = explaining.table(choices, given["why"])
        if given["display"]:
            Display().display("\n".join(lines))
        named = [
            {"namespace": namespace_of(service), "name": name_of(service), **choice.plain()}
            for service, choice in choices
        ]
        return {"changed": False, "choices": named, "lines": lines}


def _choices(
    services: list[dict[str, Any]], runtimes: list[dict[str, Any]], kserve_version: str
) -> list[tuple[dict[str, Any], selection.Choice]]:
    known = [selection.read_runtime(item, kserve_version) for item in runtimes]
    return [(item, selection.choose_among(item, known, kserve_version)) for item in services]
