# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every preset in both scopes by ansible-playbook: create, repeat, modify, repeat, take back, delete, delete again.

Each step runs in check mode first, and check mode's answer has to be the real run's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import catalogue

from tests.integration.serving_runtime.support import MODULE, Object, play, said

# what a step of the recipe asks for, and what becomes of each object
STEPS = (
    ("plain", "present", "create"),
    ("plain", "present", "unchanged"),
    ("modified", "present", "change"),
    ("modified", "present", "unchanged"),
    ("plain", "present", "change"),
    ("plain", "absent", "delete"),
    ("plain", "absent", "absent"),
)
MODIFIED: Object = {
    "metadata_labels": {"team": "vision", "modelserving.test/number": 1},
    "metadata_annotations": {"modelserving.test/note": "änderung: 1"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "containers": [
        {
            "name": "kserve-container",
            "env": [{"name": "EXTRA", "value": "1"}],
            "resources": {"limits": {"memory": "3Gi"}},
        }
    ],
}


def runtimes(version: str, prefix: str, cluster: bool) -> list[Object]:
    """Every preset; in the cluster's scope none is chosen by itself, since other tests have services there."""
    more = {"auto_select": False} if cluster else {}
    changes = MODIFIED if version == "modified" else {}
    return [{"preset": name, "name": f"{prefix}{name}", **more, **changes} for name in catalogue.PRESETS]


def tasks(where: Object, prefix: str) -> list[Object]:
    """The recipe's tasks, each in check mode and then for real."""
    cluster = where.get("scope") == "cluster"
    return [
        {MODULE: {**where, "state": state, "runtimes": runtimes(version, prefix, cluster)}, "check_mode": check}
        for version, state, _expected in STEPS
        for check in (True, False)
    ]


@pytest.mark.parametrize("scope", ["namespace", "cluster"])
def test_recipe(
    scope: str, namespace: str, cluster_prefix: str, client: Client, kubeconfig: str, tmp_path: Path
) -> None:
    where: Object = {"scope": "cluster"} if scope == "cluster" else {"namespace": namespace}
    prefix = cluster_prefix if scope == "cluster" else ""
    answers = play(tmp_path, kubeconfig, tasks(where, prefix))
    for number, (version, state, expected) in enumerate(STEPS):
        check, real = answers[2 * number], answers[2 * number + 1]
        for answer in (check, real):
            assert not answer["failed"], answer["msg"]
            assert [item["action"] for item in answer["results"]] == [expected] * len(catalogue.PRESETS)
            assert answer["changed"] is (expected not in ("unchanged", "absent"))
            assert all(item["confirmed"] for item in answer["results"])
        assert [said(item) for item in check["results"]] == [said(item) for item in real["results"]], (version, state)
        assert headless(check["diff"]) == headless(real["diff"])
        assert check["affected"] == real["affected"] == {"moves": [], "restarts": []}


def headless(diff: Any) -> Any:
    """Diffs in the order of the objects; ansible-core gives a list back as it was."""
    return [{"before": item["before"], "after": item["after"]} for item in diff]


def test_a_diff_speaks_of_what_changes_only(namespace: str, kubeconfig: str, tmp_path: Path) -> None:
    before = {"name": "x", "preset": "triton"}
    after = {**before, "node_selector": {"disk": "ssd"}}
    answers = play(
        tmp_path, kubeconfig, [{MODULE: {"namespace": namespace, **options}} for options in (before, after, before)]
    )
    created, changed, restored = (answer["diff"][0] for answer in answers)
    assert created["before"] == {}
    assert {**changed["before"]["spec"], "nodeSelector": {"disk": "ssd"}} == changed["after"]["spec"]
    assert restored == {
        "before": changed["after"],
        "after": changed["before"],
        "before_header": changed["before_header"],
        "after_header": changed["after_header"],
    }
    assert "status" not in created["after"] and "uid" not in created["after"]["metadata"]
