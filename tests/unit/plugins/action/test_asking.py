# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What actions ask a module on the host, with which access, and what they make of its answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible_collections.modelserving.kserve.plugins.action import explain_selection, migrate_manifest

ACCESS = {"host": "https://other.example", "kubeconfig": "~/other", "api_key": "key", "verify_ssl": False}
SEEN = {"services": [], "runtimes": [], "unseen": [], "kserve_version": {"number": "0.20.0", "origin": "found"}}


class Asked:
    """An action whose module answers from a table."""

    def __init__(self, kind: Any, arguments: dict[str, Any], **answer: Any) -> None:
        self.task = Task()
        self.task.action = kind.__name__
        self.task.args = dict(arguments)
        self.calls: list[dict[str, Any]] = []
        connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nowhere"))
        self.action = kind.ActionModule(self.task, connection, None, DataLoader(), None, None)
        self.action._execute_module = self._execute
        self.answer = {**SEEN, **answer}

    def _execute(self, module_name: str, module_args: dict[str, Any], **_more: Any) -> dict[str, Any]:
        self.calls.append(module_args)
        return {**self.answer, "invocation": {"module_args": {"api_key": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"}}}


BOTH = [(explain_selection, {"display": False}), (migrate_manifest, {"live": True})]


@pytest.mark.parametrize(("kind", "own"), BOTH)
def test_a_retry_asks_the_same_cluster(kind: Any, own: dict[str, Any]) -> None:
    asked = Asked(kind, {**ACCESS, **own})
    first, second = asked.action.run(), asked.action.run()
    assert first == second and asked.task.args == {**ACCESS, **own}
    assert asked.calls[0] == asked.calls[1] and ACCESS.items() <= asked.calls[0].items()


@pytest.mark.parametrize(("kind", "own"), BOTH)
def test_an_option_that_there_is_not_is_refused_and_the_task_keeps_its_own(kind: Any, own: dict[str, Any]) -> None:
    asked = Asked(kind, {**ACCESS, **own, "namespcaes": ["a"]})
    with pytest.raises(AnsibleActionFail, match="namespcaes"):
        asked.action.run()
    assert not asked.calls and asked.task.args.keys() == {*ACCESS, *own, "namespcaes"}


def service(format_name: str) -> dict[str, Any]:
    model = {"modelFormat": {"name": format_name}}
    return {
        "kind": "InferenceService",
        "metadata": {"name": "iris", "namespace": "a"},
        "spec": {"predictor": {"model": model}},
    }


@pytest.mark.parametrize("mask", ["VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "my-********-model"])
@pytest.mark.parametrize(("kind", "own"), BOTH)
def test_an_answer_that_ansible_masked_is_not_used(kind: Any, own: dict[str, Any], mask: str) -> None:
    with pytest.raises(
        AnsibleActionFail, match=r"services\[0\]\.spec\.predictor\.model\.modelFormat\.name.*kubeconfig"
    ):
        Asked(kind, {**ACCESS, **own}, services=[service(mask)]).action.run()


def test_an_answer_as_it_is_is_used() -> None:
    result = Asked(explain_selection, {"display": False}, services=[service("sklearn")]).action.run()
    assert "iris" in "\n".join(result["lines"])
