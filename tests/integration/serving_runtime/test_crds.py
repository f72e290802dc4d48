# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ownership.decide says from a list against what ``dryRun=All`` says, on KServe's full and minimal CRDs.

Both are installed under groups of their own, so that the cluster's KServe is left alone. In the minimal CRD ``spec`` is
one atomic field, in the full one every field has its owner.
"""

from __future__ import annotations

import copy
import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, ownership, reconcile
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.reconcile import Settings, Wanted
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import (
    CUSTOMRESOURCEDEFINITION,
    Resource,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import runtime_entries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.serving_runtime import specs

ME = "modelserving.kserve"
EXAMPLES = 300 if os.environ.get("MODELSERVING_FULL") == "1" else 25
Object = dict[str, Any]
_names = itertools.count()


def crd_of_kserve(variant: str) -> Object:
    """KServe's CRD out of its module, in a group of the tests' own and without KServe's webhooks."""
    version = os.environ.get("KSERVE_VERSION", "v0.20.0")
    path = f"config/crd/{variant}/serving.kserve.io_servingruntimes.yaml"
    cache = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip()
    crd: Object = yaml.load(
        (Path(cache) / "github.com" / "kserve" / f"kserve@{version}" / path).read_text(), yaml.CSafeLoader
    )
    group = f"{variant}.write.modelserving.test"
    crd["metadata"] = {"name": f"servingruntimes.{group}"}
    crd["spec"]["group"] = group
    return crd


@pytest.fixture(scope="module", params=["full", "minimal"])
def kind(request: pytest.FixtureRequest, client: Client, eventually: Callable[..., Any]) -> Iterator[Resource]:
    """A ServingRuntime of the CRD's full or minimal form."""
    crd = crd_of_kserve(request.param)
    client.apply(CUSTOMRESOURCEDEFINITION, crd, manager="tests", force=True)
    resource = Resource(f"{crd['spec']['group']}/v1alpha1", "ServingRuntime", "servingruntimes", True)

    def served() -> bool:
        try:
            return client.list(resource) is not None
        except errors.ApiMissing:
            return False

    eventually(served)
    yield resource
    client.delete(CUSTOMRESOURCEDEFINITION, crd["metadata"]["name"])


def body_of(kind: Resource, name: str, namespace: str, options: Object) -> Object:
    (entry,) = runtime_entries.entries(
        {"name": name, **options}, kind="ServingRuntime", present=True, kserve_version="0.20.0"
    )
    assert not entry.errors
    metadata = {**entry.body["metadata"], "namespace": namespace}
    return {**entry.body, "apiVersion": kind.api_version, "metadata": metadata}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    first=specs.options,
    applier=st.sampled_from([ME, "kubectl", "both"]),
    edit=st.one_of(st.none(), specs.foreign_edits),
    second=st.one_of(st.none(), specs.options),
)
def test_the_decision_is_the_servers(
    kind: Resource,
    namespace: str,
    client: Client,
    first: Object,
    applier: str,
    edit: Object | None,
    second: Object | None,
) -> None:
    name = f"generated-{next(_names)}"
    body = body_of(kind, name, namespace, copy.deepcopy(first))
    for manager in ("kubectl", ME) if applier == "both" else (applier,):
        client.apply(kind, ownership.body_of(body, client.get(kind, name, namespace)), manager=manager)
    if edit:
        client.patch(kind, name, edit, namespace)
    wanted = body_of(kind, name, namespace, copy.deepcopy(second or first))
    live = client.get(kind, name, namespace)
    assert live is not None
    answer = client.apply(kind, ownership.body_of(wanted, live), manager=ME, dry_run=True, force=True)
    decided, outcome = ownership.decide(wanted, live, ME), ownership.outcome(wanted, live, answer, ME)
    assert decided == outcome
    # nothing that speaks of content may differ where nothing is said to change
    if decided == "unchanged":
        assert bare(answer) == bare(live)
        assert managed(answer) == managed(live)
    predicted = ownership.predict(wanted, live, ME)
    assert ownership.asked_for(wanted, live, predicted, ME) == ownership.asked_for(wanted, live, answer, ME)
    client.delete(kind, name, namespace)


def bare(item: Object) -> Object:
    metadata = {key: item["metadata"].get(key) for key in ("labels", "annotations")}
    return {"metadata": metadata, "spec": item["spec"]}


def managed(item: Object) -> list[Any]:
    entries = item["metadata"]["managedFields"]
    return sorted((entry["manager"], entry["operation"], str(entry["fieldsV1"])) for entry in entries)


OPTIONS: Object = {
    "containers": [{"name": "kserve-container", "image": "example/server:1", "ports": [{"containerPort": 8080}]}],
    "multiModel": False,
    "metadata_labels": {"team": "a"},
}


def ensure(client: Client, kind: Resource, body: Object, **more: Any) -> reconcile.Change:
    wanted = [Wanted(kind, body["metadata"]["name"], body["metadata"]["namespace"], body)]
    force = more.pop("force_conflicts", False)
    (change,) = reconcile.ensure(
        client, wanted, Settings(ME, force_conflicts=force), check_mode=more.get("check", False)
    )
    return change


def test_the_life_of_an_object(kind: Resource, namespace: str, client: Client) -> None:
    body = body_of(kind, "life", namespace, OPTIONS)
    more = body_of(kind, "life", namespace, {**OPTIONS, "nodeSelector": {"disk": "ssd"}})
    for wanted, expected in ((body, "create"), (body, "unchanged"), (more, "change"), (more, "unchanged")):
        assert ensure(client, kind, wanted, check=True).action == expected
        assert ensure(client, kind, wanted).action == expected
    assert ensure(client, kind, body).action == "change"
    live = client.get(kind, "life", namespace)
    assert live is not None and "nodeSelector" not in live["spec"], "a field taken out of the task stays"


def test_adoption_is_one_apply(kind: Resource, namespace: str, client: Client) -> None:
    body = body_of(kind, "adopted", namespace, OPTIONS)
    client.create(kind, body, namespace)
    assert ensure(client, kind, body, check=True).action == "adopt"
    assert ensure(client, kind, body).adopted
    sent = client.requests
    assert ensure(client, kind, body).action == "unchanged"
    assert client.requests == sent + 1


def test_a_conflict_names_the_manager_and_the_field(kind: Resource, namespace: str, client: Client) -> None:
    body = body_of(kind, "conflict", namespace, OPTIONS)
    client.apply(kind, {**body, "spec": {**body["spec"], "multiModel": True}}, manager="gitops")
    field = "spec.multiModel" if "full" in kind.api_version else "spec"
    for check in (True, False):
        change = ensure(client, kind, body, check=check)
        assert isinstance(change.error, errors.Conflict)
        assert f'({field}: conflict with "gitops"' in str(change.error) and "force_conflicts" in str(change.error)
        assert not change.changed
    assert ensure(client, kind, body, force_conflicts=True).action == "change"
    assert ensure(client, kind, body).action == "unchanged"


def test_an_unknown_field_is_an_error_where_there_is_a_schema(kind: Resource, namespace: str, client: Client) -> None:
    body = body_of(kind, "unknown", namespace, {**OPTIONS, "additional_spec": {"newerField": {"a": 1}}})
    for check in (True, False):
        change = ensure(client, kind, body, check=check)
        if "full" in kind.api_version:
            assert isinstance(change.error, errors.Invalid)
            assert "spec.newerField: the cluster's schema has no such field" in str(change.error)
            assert client.get(kind, "unknown", namespace) is None
        else:
            assert change.error is None and change.after is not None
            assert change.after["spec"]["newerField"] == {"a": 1}
