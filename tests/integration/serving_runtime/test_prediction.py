# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated runtimes and interference: check mode says what the real run does, and a repetition is a no-op."""

from __future__ import annotations

import copy
import itertools
import os
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.operations.serving_runtimes import SERVING_RUNTIME
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.serving_runtime import specs
from tests.integration.serving_runtime.support import Object, run, said

EXAMPLES = 300 if os.environ.get("MODELSERVING_FULL") == "1" else 20
_names = itertools.count()

_steps = st.lists(st.tuples(specs.options, st.one_of(st.none(), specs.foreign_edits)), min_size=1, max_size=3)


def foreign(live: Object | None) -> Any:
    """The labels and selectors that somebody else put there."""
    if live is None:
        return None
    labels, selector = live["metadata"].get("labels") or {}, live["spec"].get("nodeSelector") or {}
    return [{key: value for key, value in part.items() if key.startswith("other-")} for part in (labels, selector)]


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=_steps, force=st.booleans())
def test_prediction_is_outcome(
    steps: list[tuple[Object, Object | None]], force: bool, namespace: str, client: Client, kubeconfig: str
) -> None:
    name = f"generated-{next(_names)}"
    for options, edit in steps:
        given_options = {"name": name, **options}
        more = {"namespace": namespace, "force_conflicts": force}
        before = client.get(SERVING_RUNTIME, name, namespace)
        check = run(kubeconfig, copy.deepcopy(given_options), check=True, **more)
        assert client.get(SERVING_RUNTIME, name, namespace) == before, "check mode wrote"
        real = run(kubeconfig, copy.deepcopy(given_options), **more)
        assert check.failure == real.failure
        assert [said(item) for item in check.objects] == [said(item) for item in real.objects]
        live = client.get(SERVING_RUNTIME, name, namespace)
        assert foreign(before) in (None, foreign(live)), "what others own was touched"
        if real.failure:
            assert "conflict with" in real.failure and not force
        else:
            repeated = run(kubeconfig, given_options, **more)
            assert (repeated.actions, repeated.requests) == (["unchanged"], 1)
            assert client.get(SERVING_RUNTIME, name, namespace) == live
        if edit:
            client.patch(SERVING_RUNTIME, name, edit, namespace)
    client.delete(SERVING_RUNTIME, name, namespace)


@pytest.mark.parametrize("owner", ["kubectl-create", "kubectl-apply"])
def test_what_is_there_already_is_adopted(owner: str, namespace: str, client: Client, kubeconfig: str) -> None:
    options = {"name": "mine", "preset": "triton"}
    body = run(kubeconfig, options, namespace=namespace, check=True).outcome.changes[0].wanted.body
    assert body is not None
    if owner == "kubectl-create":
        client.create(SERVING_RUNTIME, body, namespace)
    else:
        client.apply(SERVING_RUNTIME, body, manager="kubectl")
    check = run(kubeconfig, options, namespace=namespace, check=True)
    real = run(kubeconfig, options, namespace=namespace)
    for ran in (check, real):
        (item,) = ran.objects
        assert (item["action"], item["changed"], item["adopted"], item["confirmed"]) == ("adopt", True, True, True)
        assert item["diff"]["before"] == item["diff"]["after"]
    assert run(kubeconfig, options, namespace=namespace).actions == ["unchanged"]
