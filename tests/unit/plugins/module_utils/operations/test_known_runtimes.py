# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which runtimes are known, with an API that answers, hesitates and forbids."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import known_runtimes as subject

Object = dict[str, Any]


class Api:
    """Answers each list with the runtime that stands for it, or raises `fault`; `now` is its clock's second."""

    def __init__(self, fault: errors.ClusterError | None = None) -> None:
        self.fault = fault
        self.asked = 0
        self.now = 0.0
        self.forbidden: list[str] = []

    def list(self, resource: Any, namespace: str | None = None) -> list[Object]:
        self.asked += 1
        if self.fault:
            raise self.fault
        return [{"kind": resource.kind, "metadata": {"name": f"r{self.asked}", "namespace": namespace}}]

    def runtimes(self, *namespaces: str) -> subject.KnownRuntimes:
        return subject.KnownRuntimes(
            self,  # type: ignore[arg-type]
            namespaces,
            workers=1,
            on_forbidden=lambda error: self.forbidden.append(str(error)),
            clock=lambda: self.now,
        )


def test_they_are_read_once_for_a_task_and_anew_while_waiting() -> None:
    api = Api()
    runtimes = api.runtimes("b", "a", "b")
    first = runtimes.known()
    assert first is not None and [item["metadata"]["namespace"] for item in first] == [None, "a", "b"]
    assert runtimes.known() is first and runtimes.now() is first and api.asked == 3
    api.now = subject.FRESH + 1
    assert runtimes.known() is first
    assert runtimes.now() != first and api.asked == 6


def test_forbidden_is_told_once_and_not_asked_again() -> None:
    api = Api(errors.Forbidden("Cannot read the list of clusterservingruntimes: forbidden."))
    runtimes = api.runtimes("a")
    for second in (0, 10, 20):
        api.now = second
        assert runtimes.known() is None and runtimes.now() is None
    assert api.asked == 1
    assert api.forbidden == ["Cannot read the list of clusterservingruntimes: forbidden."]


def test_while_waiting_a_fault_is_unknown_for_a_moment_and_costs_one_try() -> None:
    api = Api()
    runtimes = api.runtimes("a")
    before = runtimes.known()
    api.fault, api.now = errors.Unreachable("Cannot reach the Kubernetes API"), 10
    asked = api.asked
    assert [runtimes.now() for _service in range(50)] == [None] * 50
    assert api.asked == asked + 1
    assert runtimes.known() is before, "what was read before is still good for a request"
    api.fault, api.now = None, 20
    assert runtimes.now()


def test_before_anything_is_known_a_fault_is_an_error() -> None:
    with pytest.raises(errors.Unreachable):
        Api(errors.Unreachable("Cannot reach the Kubernetes API")).runtimes("a").known()


def test_a_cluster_without_the_cluster_scoped_kind() -> None:
    class Narrow(Api):
        def list(self, resource: Any, namespace: str | None = None) -> list[Object]:
            if resource.kind == "ClusterServingRuntime":
                raise errors.ApiMissing("not served")
            return super().list(resource, namespace)

    known = Narrow().runtimes("a").known()
    assert known is not None and [item["kind"] for item in known] == ["ServingRuntime"]
