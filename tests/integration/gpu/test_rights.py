# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ClusterRole of docs/gpu-nodes.md is enough, and less says what lacks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config, errors
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import NODE, Resource

from tests.integration.gpu.support import ROOT, Object, Run, fake_node

ROLE = Resource("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", False)
BINDING = Resource("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", False)
GROUP = "rbac.authorization.k8s.io"
READ_ONLY = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]}]


def documented() -> list[Object]:
    """The rules that the page grants."""
    page = (ROOT / "docs" / "gpu-nodes.md").read_text()
    blocks = re.findall(r"```yaml\n(apiVersion.*?)```", page, re.DOTALL)
    [role] = [content for content in map(yaml.safe_load, blocks) if content["kind"] == "ClusterRole"]
    rules: list[Object] = role["rules"]
    return rules


@pytest.fixture
def somebody(client: Client, kubeconfig: str, tag: str) -> Iterator[Callable[[list[Object]], Client]]:
    """``somebody(rules)``: a client of a user with these rights and no others."""

    def granted(rules: list[Object]) -> Client:
        head = {"apiVersion": ROLE.api_version, "metadata": {"name": tag}}
        client.create(ROLE, {**head, "kind": ROLE.kind, "rules": rules})
        reference = {"apiGroup": GROUP, "kind": "ClusterRole", "name": tag}
        subjects = [{"apiGroup": GROUP, "kind": "User", "name": tag}]
        client.create(BINDING, {**head, "kind": BINDING.kind, "roleRef": reference, "subjects": subjects})
        return Client(config.load({"kubeconfig": kubeconfig}), timeout=60, impersonate_user=tag)

    yield granted
    client.delete(BINDING, tag)
    client.delete(ROLE, tag)


def test_the_documented_role_is_enough(
    client: Client,
    make_nodes: Callable[[Iterable[Object]], list[str]],
    run: Run,
    tag: str,
    somebody: Callable[[list[Object]], Client],
) -> None:
    make_nodes([fake_node(tag, {"nvidia.com/gpu": "1"}, {"test": tag})])
    other = somebody(documented())
    options: dict[str, Any] = {"selector": f"test={tag}", "taints": [{}]}
    for check in (True, False):
        outcome = run(on=other, check=check, task={"with_machine_sets": True, "with_profiles": True}, **options)
        assert not outcome.failures()
        assert outcome.nodes[0]["changed"]
    assert not run(on=other, **options).plain()["changed"]
    run(on=other, selector=f"test={tag}", present=False)
    assert "taints" not in (client.get(NODE, tag) or {})["spec"]


def test_without_the_right_to_write_each_node_says_so(
    make_nodes: Callable[[Iterable[Object]], list[str]],
    run: Run,
    tag: str,
    somebody: Callable[[list[Object]], Client],
) -> None:
    names = make_nodes(fake_node(f"{tag}-{index}", {"nvidia.com/gpu": "1"}, {"test": tag}) for index in range(2))
    reader = somebody(READ_ONLY)
    for check in (True, False):
        outcome = run(on=reader, selector=f"test={tag}", check=check)
        assert [item["error"]["reason"] for item in outcome.nodes] == ["forbidden", "forbidden"]
        assert [item["changed"] for item in outcome.nodes] == [False, False]
        assert names[0] in outcome.failures()[0]


def test_without_the_right_to_read_nothing_is_taken_for_absent(
    run: Run, somebody: Callable[[list[Object]], Client]
) -> None:
    with pytest.raises(errors.Forbidden):
        run(on=somebody([]))


def test_machine_sets_that_may_not_be_read_are_not_taken_for_absent(
    run: Run, tag: str, somebody: Callable[[list[Object]], Client]
) -> None:
    with pytest.raises(errors.Forbidden):
        run(on=somebody(READ_ONLY), selector=f"test={tag}", task={"with_machine_sets": True})
