# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What results show of an object, and of a task's own options."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import shown

SECRET = "hf_abcdefgh"
REFERENCE = {"name": "API_TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "HF_TOKEN"}}}


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ([{"name": "HF_TOKEN", "value": SECRET}], [{"name": "HF_TOKEN", "value": "[redacted]"}]),
        ({"HF_TOKEN": SECRET, "LOG_LEVEL": "debug"}, {"HF_TOKEN": "[redacted]", "LOG_LEVEL": "debug"}),
        ([{"HF_TOKEN": SECRET}], [{"HF_TOKEN": "[redacted]"}]),
        ({"name": "HF_TOKEN", "value": SECRET}, {"name": "HF_TOKEN", "value": "[redacted]"}),
    ],
)
def test_variables_that_are_secret_however_they_are_written(env: Any, expected: Any) -> None:
    given = {"containers": [{"env": env}]}
    assert shown.redacted(given) == {"containers": [{"env": expected}]}
    assert shown.secrets(given) == [SECRET] and SECRET in str(given), "the original is left alone"


@pytest.mark.parametrize("env", [[REFERENCE], {"LOG_LEVEL": "debug", "HF_TOKEN": ""}, None, "text"])
def test_what_holds_no_secret_is_the_same_object(env: Any) -> None:
    given = {"env": env, "HF_TOKEN": "no variable"}
    assert shown.redacted(given) is given and shown.secrets(given) == []


def test_neither_an_object_nor_a_diff_shows_kubectls_copy_of_it() -> None:
    item = {"metadata": {"name": "x", "annotations": {shown.LAST_APPLIED: SECRET, "a": "b"}}, "status": {"x": 1}}
    bare = {"metadata": {"name": "x", "annotations": {"a": "b"}}}
    assert shown.shown(item) == bare and shown.shown(None) is None
    assert shown.diff({"before": item, "after": {}}) == {"before": {**bare, "status": {"x": 1}}, "after": {}}
