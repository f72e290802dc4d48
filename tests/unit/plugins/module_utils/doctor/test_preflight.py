# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be decided before deploying: from manifests alone, and beside what a cluster has."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import diagnose, snapshot
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import handmade as hm


def wanted(**model: Any) -> dict[str, Any]:
    made = hm.service(model=model)
    del made["status"]
    return made


def codes(*manifests: dict[str, Any], data: dict[str, Any] | None = None) -> list[str]:
    return [item["code"] for item in diagnose.preflight(manifests, data)["findings"]]


def with_container(**fields: Any) -> dict[str, Any]:
    return hm.runtime(container=fields)


def test_good_manifests_have_no_findings() -> None:
    result = diagnose.preflight([hm.runtime(), wanted()])
    assert result["findings"] == []
    assert set(result) == {"findings", "runtimes", "services", "summary", "unseen"}
    assert result["unseen"][0]["reason"] == "not_probed"


@pytest.mark.parametrize(
    ("manifests", "code"),
    [
        ([hm.runtime(), wanted(runtime="other")], "KS001"),
        ([hm.runtime(disabled=True), wanted()], "KS002"),
        ([hm.runtime(), wanted(modelFormat={"name": "sklearn", "version": "1.0"})], "KS003"),
        ([hm.runtime(), wanted(protocolVersion="v1")], "KS004"),
        ([with_container(name="server"), wanted()], "KS006"),
        ([with_container(args=["--name={{.Model}}"]), wanted()], "KS007"),
        ([with_container(env=[{"name": "PYTHONPATH", "value": "/x"}])], "KS012"),
        ([with_container(image="Team/Server:1")], "KS027"),
        ([hm.runtime(), wanted(storageUri="ftp://host/iris")], "KS040"),
        ([with_container(args=["--http-port=8085"])], "KS058"),
        ([hm.runtime(), hm.service("X" * 60)], "KS014"),
    ],
)
def test_manifests_alone(manifests: list[dict[str, Any]], code: str) -> None:
    assert code in codes(*manifests)


def test_two_runtimes_of_one_task_that_claim_the_same_priority() -> None:
    formats = [{"name": "sklearn", "version": "1", "autoSelect": True, "priority": 2}]
    pair = [hm.runtime(name, supportedModelFormats=formats) for name in ("a", "b")]
    assert "KS010" in codes(*pair)


def test_what_the_cluster_has_counts() -> None:
    cluster = hm.taken(hm.runtime())
    assert codes(wanted(), data=cluster) == []
    assert codes(wanted(storageUri="pvc://archive/iris"), data=cluster) == ["KS041"]
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"namespace": hm.NS, "name": "archive"}}
    assert codes(wanted(storageUri="pvc://archive/iris"), claim, data=cluster) == []


def test_secrets_that_are_not_there_are_named_and_those_that_cannot_be_seen_are_not() -> None:
    env = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "store", "key": "k"}}}]
    runtime = with_container(env=env)
    assert codes(runtime, wanted(), data=hm.taken(names_of={"secrets": {}})) == ["KS042"]
    assert codes(runtime, wanted(), data=hm.taken(names_of={"secrets": {hm.NS: ["store"]}})) == []
    assert codes(runtime, wanted(), data=hm.taken()) == []


def test_a_pod_that_no_node_can_take() -> None:
    runtime = with_container(resources={"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}})
    assert codes(runtime, wanted(), data=hm.taken(hm.node())) == ["KS030"]
    assert codes(runtime, wanted(), data=hm.taken(hm.node(amounts={"nvidia.com/gpu": "1"}))) == []


def test_knative_where_it_is_not_served() -> None:
    service = wanted()
    service["metadata"]["annotations"] = {"serving.kserve.io/deploymentMode": "Knative"}
    assert "KS022" in codes(hm.runtime(), service, data=hm.taken())


def test_the_snapshot_is_left_as_it_is() -> None:
    cluster = hm.taken(hm.runtime())
    before = snapshot.dumps(cluster)
    diagnose.preflight([wanted(), hm.runtime("more")], cluster)
    assert snapshot.dumps(cluster) == before
