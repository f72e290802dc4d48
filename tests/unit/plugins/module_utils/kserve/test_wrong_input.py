# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong inputs: each is refused in one sentence that begins with the field's path.

tests/integration/catalogue puts the same table to the module and sees that nothing is written.
"""

from __future__ import annotations

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import catalogue, runtime
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

from tests.wrong_inputs import WRONG_INPUTS, WrongInput


@pytest.mark.parametrize("case", WRONG_INPUTS, ids=lambda case: case.sentence[:60])
def test_is_refused_in_one_sentence(case: WrongInput) -> None:
    options = dict(case.options)
    preset = options.pop("preset", None)
    name = options.pop("name", None)
    with pytest.raises(SpecError) as caught:
        runtime.build(
            options,
            kind="ServingRuntime",
            name=name,
            preset=None if preset is None else catalogue.preset(preset),
        )
    assert str(caught.value) == case.sentence
    assert caught.value.path and case.sentence.startswith(f"{caught.value.path}: ")


def test_there_are_enough_and_no_two_alike() -> None:
    assert len(WRONG_INPUTS) >= 50
    assert len({case.sentence for case in WRONG_INPUTS}) == len(WRONG_INPUTS)
