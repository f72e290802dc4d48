# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a cluster, and what is said of what may not be read."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import selection_info as subject


class Cluster:
    """Objects by kind and namespace; lists that are refused; kinds that are not served."""

    def __init__(self, refuses: set[tuple[str, str | None]] = frozenset(), lacks: str = "") -> None:  # type: ignore[assignment]
        self.refuses, self.lacks = refuses, lacks
        self.asked: list[tuple[str, str | None]] = []

    def list(self, resource: Any, namespace: str | None = None, *, label_selector: str = "") -> list[dict[str, Any]]:
        self.asked.append((resource.kind, namespace))
        if resource.kind == self.lacks:
            raise errors.ApiMissing(f"the cluster does not serve {resource.kind}")
        if (resource.kind, namespace) in self.refuses:
            raise errors.Forbidden(f"Cannot read {resource.plural}")
        if resource.kind == "Deployment":
            return []
        where = [namespace] if namespace else ["a", "b"] if resource.namespaced else [None]
        return [
            {
                "kind": resource.kind,
                "metadata": {"name": "x", "managedFields": [], **({"namespace": item} if item else {})},
                "spec": {},
                "status": {"ready": True},
            }
            for item in where
        ]


def run(cluster: Cluster, **task: Any) -> subject.Seen:
    return subject.run(cluster, subject.Task(**task))  # type: ignore[arg-type]


def named(items: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(item["kind"], item["metadata"].get("namespace")) for item in items]


def test_without_namespaces_the_whole_cluster() -> None:
    seen = run(cluster := Cluster())
    assert [space for _kind, space in cluster.asked] == [None] * 4
    assert named(seen.services) == [("InferenceService", "a"), ("InferenceService", "b")]
    assert named(seen.runtimes)[-1] == ("ClusterServingRuntime", None)
    assert all(item.keys() == {"kind", "metadata", "spec"} for item in seen.services + seen.runtimes)
    assert "managedFields" not in seen.services[0]["metadata"]


def test_with_namespaces_nothing_is_listed_cluster_wide_that_has_a_namespace() -> None:
    cluster = Cluster(refuses={("InferenceService", None), ("ServingRuntime", None), ("ClusterServingRuntime", None)})
    seen = run(cluster, namespaces=["b"])
    assert named(seen.services) == [("InferenceService", "b")]
    assert named(seen.runtimes) == [("ServingRuntime", "b")]
    assert [(item["kind"], item["namespace"], item["reason"]) for item in seen.unseen] == [
        ("ClusterServingRuntime", None, "forbidden")
    ]


def test_runtimes_of_the_services_namespaces_where_the_cluster_wide_list_is_refused() -> None:
    seen = run(Cluster(refuses={("ServingRuntime", None), ("ServingRuntime", "b")}))
    assert named(seen.runtimes) == [("ServingRuntime", "a"), ("ClusterServingRuntime", None)]
    assert [item["what"] for item in seen.unseen] == ["ServingRuntimes in namespace b"]


def test_one_refused_namespace_is_unseen_and_all_refused_is_an_error() -> None:
    seen = run(Cluster(refuses={("InferenceService", "a")}), namespaces=["a", "b"])
    assert [item["what"] for item in seen.unseen] == ["InferenceServices in namespace a"]
    with pytest.raises(errors.Forbidden):
        run(Cluster(refuses={("InferenceService", "a")}), namespaces=["a"])


@pytest.mark.parametrize("kind", ["InferenceService", "ServingRuntime"])
def test_a_kind_that_is_not_served_is_no_empty_list(kind: str) -> None:
    with pytest.raises(errors.ApiMissing):
        run(Cluster(lacks=kind))


def test_a_cluster_without_the_cluster_scoped_runtimes_has_none() -> None:
    seen = run(Cluster(lacks="ClusterServingRuntime"), namespaces=["a"])
    assert named(seen.runtimes) == [("ServingRuntime", "a")] and not seen.unseen


def test_no_secret_of_an_object_is_returned() -> None:
    variables = [{"name": "HF_TOKEN", "value": "hf_abc"}, {"name": "LOG_LEVEL", "value": "debug"}]

    class Secretive(Cluster):
        def list(self, *asked: Any, **more: Any) -> list[dict[str, Any]]:
            found = super().list(*asked, **more)
            for item in found:
                copied = {"kubectl.kubernetes.io/last-applied-configuration": '{"value": "hf_abc"}', "kept": "yes"}
                item["metadata"]["annotations"] = copied
                item["spec"] = {"containers": [{"env": variables}]}
            return found

    plain = run(Secretive()).plain()
    assert "hf_abc" not in str(plain) and "debug" in str(plain)
    assert plain["services"][0]["metadata"]["annotations"] == {"kept": "yes"}


def test_only_what_is_wanted_is_asked() -> None:
    run(cluster := Cluster(), reads=["services"], namespaces=["a"])
    assert cluster.asked == [("InferenceService", "a")]
    run(cluster := Cluster(), reads=["runtimes"], namespaces=["a"], runtime_namespaces=["b"])
    assert cluster.asked == [("ServingRuntime", "b"), ("ClusterServingRuntime", None)]
