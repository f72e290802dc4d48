# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that run in Ansible's own process, where that comes to the same as a process of their own and is sooner.

Most tasks of this collection run on the controller, for the cluster is far from every host. There, packing a module,
starting Python and importing the same libraries again take longer than the work (docs/performance.md).
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action.normal import ActionModule as Normal
from ansible.utils.display import Display
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.modelserving.kserve.plugins.module_utils.ansible import Module

Variables = Mapping[str, Any]

# Whoever wants a process for each task, as for its line in the system log, sets this variable to false.
SWITCH = "modelserving_in_process"


class InProcess(Normal):
    """Runs *module* here, or as Ansible runs every module that has no action plugin."""

    module: Module

    def run(self, tmp: str | None = None, task_vars: Variables | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        result = self._run_here(variables) if self._is_here(variables) else None
        return super().run(tmp, task_vars) if result is None else result

    def _is_here(self, task_vars: Variables) -> bool:
        """Whether the module would run on this machine, as this user, by this Python, in this environment, and now."""
        return (
            self._connection.transport == "local"
            and not self._connection.become
            and not self._task.async_val
            and not self._task.timeout  # a process can be left at once, threads that wait for an answer cannot
            and not any(self._task.environment or ())
            and not constants.DEFAULT_KEEP_REMOTE_FILES  # somebody wants to look at the module
            and boolean(self._variable(SWITCH, task_vars, default=True), strict=False)
            and self._variable("ansible_python_interpreter", task_vars) == sys.executable
        )

    def _variable(self, name: str, task_vars: Variables, default: Any = None) -> Any:
        """A variable of the host that runs the module; None where it cannot be told."""
        delegate = self._task.delegate_to
        variables = task_vars.get("ansible_delegated_vars", {}).get(delegate, {}) if delegate else task_vars
        try:
            return self._templar.template(variables.get(name, default))
        except AnsibleError:  # Ansible says what is wrong with it, or goes on without
            return None

    def _run_here(self, task_vars: Variables) -> dict[str, Any] | None:
        given = _json(self._task.args)
        if given is None:
            return None
        logging.getLogger("urllib3").propagate = False  # Ansible's log_path takes everything, and knows no no_log
        with _folder(self._loader.get_basedir()):  # where the local connection runs modules
            result = self.module.here(
                given,
                check_mode=self._task.check_mode,
                diff_mode=self._task.diff,
                invocation=_setting("INJECT_INVOCATION", default=True, task_vars=task_vars),
                verbose=_shows_tracebacks(),
            )
        return None if result is None else wrap_var(result)


def _json(arguments: Variables) -> dict[str, Any] | None:
    """The arguments as a module gets them, None where JSON alone cannot say them (vaulted text, a date)."""
    try:
        given: dict[str, Any] = json.loads(json.dumps(arguments))
    except TypeError:
        return None
    return {name: value for name, value in given.items() if not name.startswith("_ansible_")}


def _shows_tracebacks() -> bool:
    return Display().verbosity >= 3 or bool({"always", "error"} & set(_setting("DISPLAY_TRACEBACK", default=())))


def _setting(name: str, *, default: Any, task_vars: Variables | None = None) -> Any:
    """A setting of Ansible; default: what an ansible-core does that does not know it."""
    try:
        return constants.config.get_config_value(name, variables=task_vars)
    except AnsibleError:
        return default


@contextmanager
def _folder(path: str) -> Iterator[None]:
    """Be in a folder: relative paths of the task start there."""
    before = None
    with suppress(OSError):  # the folder that a command was started in may be gone, or another user's
        before = Path.cwd()
    os.chdir(path)
    try:
        yield
    finally:
        with suppress(OSError):
            os.chdir(before or path)
