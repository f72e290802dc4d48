# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as a whole, without a cluster: its frame, its failures, its documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import labels, nodes, requests
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import gpu_nodes
from ansible_collections.modelserving.kserve.plugins.modules import gpu_node

NOWHERE = {"host": "https://127.0.0.1:1", "api_key": "tok", "validate_certs": False, "request_timeout": 2}
DOCUMENTED = yaml.safe_load(gpu_node.DOCUMENTATION)["options"]


def run(capsys: pytest.CaptureFixture[str], **options: Any) -> dict[str, Any]:
    with patch_module_args({**NOWHERE, **options}), pytest.raises(SystemExit):
        gpu_node.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prefix": "nvidia.com"}, "prefix: 'nvidia.com' belongs to an operator"),
        ({"labels": {"nvidia.com/gpu.present": "true"}}, "labels[nvidia.com/gpu.present]: belongs to an operator"),
        ({"labels": {"pool": 1}}, "labels[pool]: must be a string, got 1: quote it"),
        ({"taints": [{"key": "node.kubernetes.io/unschedulable"}]}, "taints[0].key"),
        ({"taints": [{"effect": "Never"}]}, "NoExecute"),
        ({"vendors": [{"name": "x", "resources": ["npu"]}]}, "vendors: vendor x needs resources, each with a domain"),
        ({"state": "gone"}, "present, absent"),
        ({"gpus": True}, "Unsupported parameters"),
        ({"workers": 0}, "workers: must be 1 or more, not 0"),
        ({"request_timeout": 0}, "request_timeout: must be more than 0"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(
    capsys: pytest.CaptureFixture[str], options: dict[str, Any], words: str
) -> None:
    result = run(capsys, **options)
    assert result["failed"] and words in result["msg"]


def test_no_cluster_is_one_sentence_and_no_node_is_taken_for_absent(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, state="absent")
    assert (result["failed"], result["changed"], result["results"]) == (True, False, [])
    assert "Cannot reach the Kubernetes API" in result["msg"] and "\n" not in result["msg"]
    assert "tok" not in json.dumps(result["msg"])


@pytest.mark.parametrize("task", yaml.safe_load(gpu_node.EXAMPLES), ids=lambda task: str(task["name"]))
def test_every_example_is_without_errors(task: dict[str, Any]) -> None:
    options = task["modelserving.kserve.gpu_node"] or {}
    defaults = {name: option.get("default") for name, option in gpu_node.ARGUMENTS.items()}
    assert set(options) <= set(defaults)
    gpu_node.task_of({**defaults, **options}, check_mode=True)


def test_documentation_and_argument_spec_agree() -> None:
    def shape(options: dict[str, Any]) -> dict[str, Any]:
        keys = ("type", "elements", "default", "choices", "required")
        return {
            name: {
                **{key: option[key] for key in keys if key in option},
                "options": shape(option.get("suboptions") or option.get("options") or {}),
            }
            for name, option in options.items()
        }

    assert shape(DOCUMENTED) == shape(gpu_node.ARGUMENTS)


def test_defaults_are_those_of_the_rules() -> None:
    assert gpu_node.ARGUMENTS["prefix"]["default"] == nodes.DEFAULT_PREFIX
    assert (
        gpu_node.ARGUMENTS["machine_sets_namespace"]["default"]
        == gpu_nodes.Task(nodes.Options()).machine_sets_namespace
    )
    assert requests.OPTIONS["prefix"]["default"] == nodes.DEFAULT_PREFIX


def test_every_label_is_documented() -> None:
    text = " ".join(DOCUMENTED["prefix"]["description"])
    for name in (labels.VENDOR, labels.PRODUCT, labels.COUNT, labels.MEMORY, labels.MIG, labels.SHARED, labels.STATE):
        assert f"/{name})" in text
    assert labels.HEALTHY in text and labels.DRIVER_NOT_READY in text


class Cluster:
    """A client whose nodes are given, and whose patches fail as told."""

    def __init__(self, *live: dict[str, Any], failing: dict[str, errors.ClusterError] | None = None) -> None:
        self.live = {node["metadata"]["name"]: node for node in live}
        self.failing = failing or {}
        self.patched: list[str] = []

    def list(self, *_arguments: Any, **_selectors: Any) -> list[dict[str, Any]]:
        return list(self.live.values())

    def get(self, _resource: Any, name: str, _namespace: Any = None) -> dict[str, Any] | None:
        return self.live.get(name)

    def patch(self, _resource: Any, name: str, _body: Any, _namespace: Any = None, **_more: Any) -> None:
        self.patched.append(name)
        if name in self.failing:
            raise self.failing[name]


def gpu(name: str, resource: str = "nvidia.com/gpu") -> dict[str, Any]:
    metadata = {"name": name, "resourceVersion": "1", "labels": {}}
    return {"metadata": metadata, "spec": {}, "status": {"allocatable": {resource: "1"}}}


def outcome_of(cluster: Any, **options: Any) -> gpu_nodes.Outcome:
    outcome = gpu_nodes.Outcome()
    gpu_nodes.run(cluster, gpu_nodes.Task(nodes.make_options(**options)), outcome)
    return outcome


def test_one_nodes_failure_does_not_hide_the_others() -> None:
    cluster = Cluster(gpu("a"), gpu("b"), gpu("c"), failing={"b": errors.Forbidden("Cannot change Node b: forbidden.")})
    outcome = outcome_of(cluster)
    assert [(item["name"], item["changed"]) for item in outcome.nodes] == [("a", True), ("b", False), ("c", True)]
    assert outcome.nodes[1]["error"] == {"reason": "forbidden", "message": "Cannot change Node b: forbidden."}
    assert outcome.plain()["changed"] is True
    assert (outcome.summary["changed"], outcome.summary["failed"]) == (2, 1)


def test_a_conflict_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_nodes.time, "sleep", lambda _seconds: None)
    cluster = Cluster(gpu("a"), failing={"a": errors.Conflict("Cannot change Node a: it changed.")})
    [entry] = outcome_of(cluster).nodes
    assert len(cluster.patched) == gpu_nodes.ATTEMPTS
    assert entry["error"]["reason"] == "conflict"


def test_ordinary_nodes_are_counted_and_not_listed() -> None:
    plain = [gpu(f"cpu-{index}", "cpu") for index in range(5)]
    outcome = outcome_of(Cluster(*plain, gpu("a")))
    assert [item["name"] for item in outcome.nodes] == ["a"]
    assert (outcome.summary["nodes"], outcome.summary["accelerator_nodes"]) == (6, 1)
    assert [item["name"] for item in outcome_of(Cluster(*plain), names=["cpu-1"]).nodes] == ["cpu-1"]
