# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import answers
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

ANSWER = {
    "model_name": "iris",
    "outputs": [{"name": "predict", "shape": [2], "datatype": "INT64", "data": [0, 2]}, {"p": [[0.25, 0.75]]}],
    "a.b": {"ok": True},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", ANSWER),
        ("outputs[0].data", [0, 2]),
        ("outputs[0].data[-1]", 2),
        (".outputs[1].p[0][1]", 0.75),
        ("outputs[0]['datatype']", "INT64"),
        ('["a.b"].ok', True),
    ],
)
def test_a_path_leads_to_its_value(path, value):
    assert answers.value_at(ANSWER, path) == value


@pytest.mark.parametrize("path", ["outputs[2]", "output", "outputs.data", "model_name[0]", "outputs[0].data.x"])
def test_a_path_that_leads_nowhere_is_a_misfit(path):
    (sentence,) = answers.misfits(ANSWER, [{"path": path}])
    assert path in sentence and "is not there" in sentence


@pytest.mark.parametrize("path", ["outputs[", "a..b", "outputs[x]", "a]"])
def test_a_path_that_cannot_be_read_is_refused(path):
    with pytest.raises(SpecError, match="write it like"):
        answers.parse_path(path)


@pytest.mark.parametrize(
    ("expectation", "holds"),
    [
        ({"path": "outputs[0].data", "equals": [0, 2]}, True),
        ({"path": "outputs[0].data", "equals": [0.0, 2.0]}, True),
        ({"path": "outputs[0].data", "equals": [2, 0]}, False),
        ({"path": "outputs[0].data", "equals": [0]}, False),
        ({"path": '["a.b"].ok', "equals": 1}, False),
        ({"path": "outputs[0].data", "contains": 2}, True),
        ({"path": "outputs[0].data", "contains": 1}, False),
        ({"path": "model_name", "contains": "ri"}, True),
        ({"path": "outputs[0]", "contains": {"datatype": "INT64"}}, True),
        ({"path": "outputs[0]", "contains": {"datatype": "FP32"}}, False),
        ({"path": "outputs[0]", "contains": "shape"}, True),
        ({"path": "outputs[1].p", "close_to": [[0.2501, 0.7499]], "tolerance": 0.001}, True),
        ({"path": "outputs[1].p", "close_to": [[0.26, 0.74]], "tolerance": 0.001}, False),
        ({"path": "outputs[1].p", "close_to": [[0.25, 0.75]]}, True),
        ({"path": "outputs[1].p[0][0]", "close_to": 0.25, "tolerance": 0}, True),
        ({"path": "model_name", "close_to": 1}, False),
        ({"path": "outputs[0].data", "length": 2}, True),
        ({"path": "outputs[0].data", "length": 3}, False),
        ({"path": "outputs[0].data", "length": 2, "equals": [1, 2]}, False),
    ],
)
def test_expectations(expectation, holds):
    assert (answers.misfits(ANSWER, [expectation]) == []) is holds


def test_each_misfit_has_its_sentence():
    found = answers.misfits(ANSWER, [{"path": "model_name", "equals": "x", "length": 1}, {"path": "y"}])
    assert [sentence.split(",")[0] for sentence in found][:1] == ['model_name is "iris"']
    assert len(found) == 3
