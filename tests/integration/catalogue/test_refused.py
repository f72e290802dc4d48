# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong inputs put to the module on a real cluster: each is answered with its sentence, and nothing is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds, spec

from tests.integration.serving_runtime.support import MODULE, play
from tests.wrong_inputs import MAIN, WRONG_INPUTS

RUNTIME = Resource(*kinds.SERVING_RUNTIME)

# The module says which option is missing where the builder speaks of the object.
NAME_REQUIRED = "metadata.name: is required: give the runtime a name, or a preset that brings one"
IN_THE_MODULE = {NAME_REQUIRED: "name: is required, unless a preset brings one"}


# A key that is no text is lost on the way: a playbook here is JSON.
CASES = [case for case in WRONG_INPUTS if json.loads(json.dumps(case.options)) == case.options]


def own_name(options: dict[str, Any], number: int) -> dict[str, Any]:
    """The same wrong input under a name of its own, since a task refuses one name twice."""
    return {**options, "name": f"wrong-{number}"} if options.get("name") in ("wrong", "x") else options


def test_every_sentence_is_said_and_nothing_is_written(
    client: Client, namespace: str, kubeconfig: str, tmp_path: Path
) -> None:
    wrong = [own_name(case.options, number) for number, case in enumerate(CASES)]
    right = {"name": "right", "containers": [MAIN]}
    task = {MODULE: {"namespace": namespace, "runtimes": [right, *wrong]}}
    (answer,) = play(tmp_path, kubeconfig, [task])
    assert answer["failed"]
    said = answer["errors"]
    for number, case in enumerate(CASES, start=1):
        sentence = IN_THE_MODULE.get(case.sentence, case.sentence)
        (found,) = [text for text in said if text.startswith((f"runtimes[{number}]:", f"runtimes[{number}] ("))]
        assert found.endswith(f": {sentence}"), (found, sentence)
    # the right one, first in the list, was not written either
    assert client.list(RUNTIME, namespace) == []


def test_a_single_runtime_is_refused_by_the_same_words(
    client: Client, namespace: str, kubeconfig: str, tmp_path: Path
) -> None:
    """Without a list AnsibleModule reads the options first; what it cannot convert it refuses in its own words."""
    sample = CASES[:: len(CASES) // 8]
    answers = play(tmp_path, kubeconfig, [{MODULE: {"namespace": namespace, **case.options}} for case in sample])
    ours = 0
    for case, answer in zip(sample, answers, strict=True):
        assert answer["failed"] and "\n" not in answer["msg"]
        if IN_THE_MODULE.get(case.sentence, case.sentence) in answer["msg"]:
            ours += 1
        else:
            assert any(f"'{spec.snake(option)}'" in answer["msg"] for option in case.options), (
                answer["msg"],
                case.sentence,
            )
    assert ours > len(sample) / 2
    assert client.list(RUNTIME, namespace) == []
