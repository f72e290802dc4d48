# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task as a whole promises: few requests, all or nothing before the first write, results in order."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import PAGE, Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import Denied, Forbidden
from ansible_collections.modelserving.kserve.plugins.module_utils.operations.serving_runtimes import SERVING_RUNTIME

from tests.integration.serving_runtime.support import Object, Ran
from tests.integration.serving_runtime.support import run as run_with

Run = Callable[..., Ran]
Make = Callable[..., str]

MAIN: Object = {"name": "kserve-container", "image": "example/server:1"}


def server(name: str, **more: Any) -> Object:
    return {"name": name, "containers": [MAIN], "supported_model_formats": [{"name": "write-none"}], **more}


def prioritized(name: str, priority: int, model_format: str = "write-priority") -> Object:
    entry = {"name": model_format, "version": "1", "autoSelect": True, "priority": priority}
    return server(name, supported_model_formats=[entry], protocol_versions=["v2"])


def names(client: Client, namespace: str) -> list[str]:
    return sorted(item["metadata"]["name"] for item in client.list(SERVING_RUNTIME, namespace))


# -- requests ---------------------------------------------------------------------------------------------------


def test_unchanged_costs_one_list_per_scope(run: Run, make_namespace: Make, client: Client) -> None:
    spaces = [make_namespace("write") for _number in range(3)]
    given = {"runtimes": [{"preset": "triton"}, {"preset": "mlserver"}, server("third")]}
    first = run(given, namespaces=spaces)
    assert first.failure is None and first.actions == ["create"] * 9
    again, check = run(given, namespaces=spaces), run(given, namespaces=spaces, check=True)
    pages = -(-len(client.list(SERVING_RUNTIME)) // PAGE)  # other tests have runtimes in other namespaces
    assert again.actions == check.actions == ["unchanged"] * 9
    assert {again.requests, check.requests} <= {pages, pages + 1}
    assert run(given, namespaces=spaces[:1]).requests == 1


def test_results_are_in_the_order_of_the_input(run: Run, make_namespace: Make) -> None:
    spaces = [make_namespace("write") for _number in range(3)][::-1]
    given = {"runtimes": [server("zz"), server("aa"), server("mm")]}
    found = [(item["name"], item["namespace"]) for item in run(given, namespaces=spaces).objects]
    assert found == [(name, space) for name in ("zz", "aa", "mm") for space in spaces]


def test_namespaces_by_label(run: Run, make_namespace: Make, client: Client) -> None:
    label = {"modelserving.test/write": "selected"}
    spaces = sorted(make_namespace("write", label) for _number in range(2))
    make_namespace("write")
    found = run(server("x"), namespace_selector="modelserving.test/write in (selected)")
    assert [item["namespace"] for item in found.objects] == spaces
    none = run(server("x"), namespace_selector="modelserving.test/write=nobody")
    assert none.objects == [] and "No namespace matches" in none.outcome.warnings[0] and none.failure is None


# -- all or nothing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [True, False])
def test_a_field_that_the_crd_does_not_know_stops_the_task(
    check: bool, run: Run, namespace: str, client: Client
) -> None:
    given = {"runtimes": [server("good"), server("newer", additional_spec={"newerField": 1})]}
    found = run(given, namespace=namespace, check=check)
    assert "ServingRuntime newer in namespace" in str(found.failure)
    assert "spec.newerField: the cluster's schema has no such field" in str(found.failure)
    assert names(client, namespace) == [] and not found.result["changed"]


@pytest.mark.parametrize("check", [True, False])
def test_runtimes_of_one_task_are_checked_against_one_another(
    check: bool, run: Run, namespace: str, client: Client
) -> None:
    found = run({"runtimes": [prioritized("one", 1), prioritized("two", 1)]}, namespace=namespace, check=check)
    assert f"in the servingruntimes one and two in namespace {namespace}" in str(found.failure)
    assert names(client, namespace) == []


def test_what_is_there_is_checked_too_and_all_is_told_at_once(run: Run, namespace: str, client: Client) -> None:
    run({"runtimes": [prioritized("there", 1), prioritized("there-too", 2)]}, namespace=namespace)
    given = {"runtimes": [prioritized("a", 1), server("good"), prioritized("b", 2)]}
    found = run(given, namespace=namespace)
    assert len(found.outcome.errors) == 2 and "2 errors: " in str(found.failure)
    assert names(client, namespace) == ["there", "there-too"]


def test_one_objects_failure_does_not_hide_the_others(run: Run, make_namespace: Make, client: Client) -> None:
    here, there = make_namespace("write"), make_namespace("write")
    client.apply(SERVING_RUNTIME, _taken("x", there), manager="gitops")
    found = run(server("x", disabled=False), namespaces=[there, "write-no-such-namespace", here])
    assert [bool(item["error"]) for item in found.objects] == [True, True, False]
    assert 'spec.disabled: conflict with "gitops"' in found.objects[0]["error"]
    assert "the namespace does not exist: create it first" in found.objects[1]["error"]
    assert found.objects[2]["action"] == "create" and found.result["changed"] is True
    assert "2 of 3 objects failed" in str(found.failure)
    forced = run(server("x", disabled=False), namespaces=[there], force_conflicts=True)
    assert forced.actions == ["change"] and forced.failure is None


def _taken(name: str, namespace: str) -> Object:
    return {
        "apiVersion": SERVING_RUNTIME.api_version,
        "kind": SERVING_RUNTIME.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [MAIN], "disabled": True},
    }


def test_a_namespace_that_is_not_there_yet_is_unconfirmed_in_check_mode(run: Run) -> None:
    found = run(server("x"), namespace="write-no-such-namespace", check=True)
    (item,) = found.objects
    assert (item["action"], item["confirmed"], item["error"]) == ("create", False, None)
    assert "does not exist yet, and the real run fails unless something creates it" in item["warnings"][-1]


def _no_quota(client: Client, namespace: str, eventually: Callable[..., Any]) -> Iterator[None]:
    quota = {"hard": {"count/servingruntimes.serving.kserve.io": "0"}}
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": quota}
    quotas = resources.Resource("v1", "ResourceQuota", "resourcequotas", True)
    client.create(quotas, body, namespace)
    eventually(lambda: ((client.get(quotas, "none", namespace) or {}).get("status") or {}).get("hard"))
    yield


def _leaving(client: Client, namespace: str, eventually: Callable[..., Any]) -> Iterator[None]:
    """A namespace that is being deleted, for as long as a finalizer holds one of its objects."""
    kept = resources.Resource("v1", "ConfigMap", "configmaps", True)
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept", "finalizers": ["write.test/keep"]}}
    client.create(kept, body, namespace)
    client.delete(resources.NAMESPACE, namespace)
    yield
    client.patch(kept, "kept", {"metadata": {"finalizers": None}}, namespace)


def _policy(client: Client, namespace: str, eventually: Callable[..., Any]) -> Iterator[None]:
    """A ValidatingAdmissionPolicy in front of one namespace; it refuses with 422, as a schema does."""
    api, name = "admissionregistration.k8s.io/v1", f"write-{namespace}"
    policies = resources.Resource(api, "ValidatingAdmissionPolicy", "validatingadmissionpolicies", False)
    bindings = resources.Resource(api, "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", False)
    rule = {
        "apiGroups": ["serving.kserve.io"],
        "apiVersions": ["*"],
        "resources": ["servingruntimes"],
        "operations": ["*"],
    }
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": "no runtimes here"}],
    }
    client.create(policies, {"apiVersion": api, "kind": policies.kind, "metadata": {"name": name}, "spec": spec})
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    bound = {"policyName": name, "validationActions": ["Deny"], "matchResources": where}
    client.create(bindings, {"apiVersion": api, "kind": bindings.kind, "metadata": {"name": name}, "spec": bound})
    try:
        _until_refused(client, namespace, "no runtimes here")
        yield
    finally:
        client.delete(bindings, name)
        client.delete(policies, name)


REFUSALS = {
    "exceeded quota": _no_quota,
    "because it is being terminated": _leaving,
    "denied request: no runtimes here|refuses it: no runtimes here": _policy,
}


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("words", REFUSALS)
def test_check_mode_says_what_the_real_run_does_where_one_namespace_refuses(
    words: str, place: int, run: Run, make_namespace: Make, client: Client, eventually: Callable[..., Any]
) -> None:
    spaces = [make_namespace("write") for _number in range(3)]
    with contextmanager(REFUSALS[words])(client, spaces[place], eventually):
        check, real = (run(server("x"), namespaces=spaces, check=check) for check in (True, False))
    assert [_told(item) for item in check.objects] == [_told(item) for item in real.objects]
    assert [bool(item["error"]) for item in real.objects] == [number == place for number in range(3)]
    assert check.failure == real.failure and re.search(words, str(real.failure))
    assert check.result["changed"] is real.result["changed"] is True and check.outcome.errors == []
    assert real.objects[place]["object"] is None


@pytest.mark.parametrize("check", [True, False])
def test_what_every_namespace_refuses_stops_the_task(
    check: bool, run: Run, make_namespace: Make, client: Client, eventually: Callable[..., Any]
) -> None:
    spaces = [make_namespace("write") for _number in range(2)]
    with ExitStack() as stack:
        for space in spaces:
            stack.enter_context(contextmanager(_policy)(client, space, eventually))
        found = run(server("x"), namespaces=spaces, check=check)
    assert len(found.outcome.errors) == 1 and "no runtimes here" in str(found.failure)
    assert found.result["changed"] is False and found.result["affected"] == {"moves": None, "restarts": None}


def _told(item: Object) -> Object:
    return {key: item[key] for key in ("name", "namespace", "action", "changed", "confirmed", "error")}


def test_versions_of_one_format_with_two_priorities_are_refused_at_once(
    run: Run, namespace: str, client: Client
) -> None:
    """KServe lets such a runtime in where no other is, and then every change of it out."""
    formats = [
        {"name": "write-versions", "version": version, "autoSelect": True, "priority": priority}
        for version, priority in (("0", 1), ("1", 2))
    ]
    alone = server("alone", supported_model_formats=formats)
    assert "refuses every later change of it" in str(run(alone, namespace=namespace).failure)
    assert names(client, namespace) == []
    body = _taken("alone", namespace)
    body["spec"] = {"containers": [MAIN], "supportedModelFormats": formats}
    client.apply(SERVING_RUNTIME, body, manager="tests")
    body["spec"]["containers"] = [{**MAIN, "image": "example/server:2"}]
    with pytest.raises(Denied, match="different priorities assigned for the model format write-versions"):
        client.apply(SERVING_RUNTIME, body, manager="tests")


def test_the_rules_are_those_of_the_clusters_kserve(run: Run, namespace: str, cluster: Object) -> None:
    env = [{"name": "PYTHONPATH", "value": "/"}]
    given = server("x", containers=[{**MAIN, "env": env}])
    found = run(given, namespace=namespace, kserve_version=None)
    version = cluster["kserve_version"].lstrip("v")
    assert f"the webhook of KServe {version} refuses it" in str(found.failure)
    assert not any("assumed" in text for text in found.outcome.warnings)
    first, again = (run(server("x"), namespace=namespace, kserve_version=None) for _time in range(2))
    assert (first.actions, again.actions) == (["create"], ["unchanged"])
    assert again.requests == 1


# -- order ------------------------------------------------------------------------------------------------------


def test_priorities_are_moved_in_an_order_that_the_webhook_admits(run: Run, namespace: str) -> None:
    before = {"runtimes": [prioritized("a", 1), prioritized("b", 2), prioritized("c", 3)]}
    after = {"runtimes": [prioritized("a", 2), prioritized("b", 3), prioritized("c", 4)]}
    assert run(before, namespace=namespace).failure is None
    check = run(after, namespace=namespace, check=True)
    assert check.failure is None
    assert [item["confirmed"] for item in check.objects] == [False, False, True]
    assert any("only after other runtimes of this task" in text for text in check.outcome.warnings)
    real = run(after, namespace=namespace)
    assert real.failure is None
    assert check.actions == real.actions == ["change"] * 3
    assert run(after, namespace=namespace).actions == ["unchanged"] * 3
    swapped = run({"runtimes": [prioritized("a", 3), prioritized("b", 2)]}, namespace=namespace)
    assert len(swapped.outcome.errors) == 2


@pytest.mark.parametrize("check", [True, False])
def test_what_has_to_wait_is_held_against_the_schema_before_anything_is_written(
    check: bool, run: Run, namespace: str, client: Client
) -> None:
    assert run(prioritized("a", 1), namespace=namespace).failure is None
    newer = {**prioritized("b", 1), "additional_spec": {"newerField": 1}}
    found = run({"runtimes": [prioritized("a", 2), newer]}, namespace=namespace, check=check)
    assert "spec.newerField: the cluster's schema has no such field" in str(found.failure)
    assert found.result["changed"] is False and names(client, namespace) == ["a"]
    (kept,) = client.list(SERVING_RUNTIME, namespace)
    assert kept["spec"]["supportedModelFormats"][0]["priority"] == 1


# -- rights -----------------------------------------------------------------------------------------------------

RUNTIMES = {"apiGroups": ["serving.kserve.io"], "resources": ["servingruntimes"]}
AROUND = {"apiGroups": ["serving.kserve.io"], "resources": ["inferenceservices", "clusterservingruntimes"]}


@pytest.fixture
def person(client: Client, kubeconfig: str) -> Callable[..., Object]:
    """``person(namespace, rules, around=True)``: a kubeconfig of somebody with just these rights there."""

    def make(namespace: str, rules: list[Object], around: bool = True) -> Object:
        client.create(resources.SERVICEACCOUNT, _named("v1", "ServiceAccount", namespace), namespace)
        _allow(client, namespace, rules, around)
        path = resources.SERVICEACCOUNT.path(namespace, "person", "token")
        token = client.request("POST", path, body={"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"})
        return _as_person(kubeconfig, token["status"]["token"])

    return make


def _named(api_version: str, kind: str, namespace: str, **more: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "person", "namespace": namespace}, **more}


def _allow(client: Client, namespace: str, rules: list[Object], around: bool, home: str | None = None) -> None:
    api = "rbac.authorization.k8s.io/v1"
    subject = {"kind": "ServiceAccount", "name": "person", "namespace": home or namespace}
    role = resources.Resource(api, "Role", "roles", True)
    binding = resources.Resource(api, "RoleBinding", "rolebindings", True)
    everything = [*rules, {**AROUND, "verbs": ["get", "list"]}] if around else rules
    client.create(role, _named(api, "Role", namespace, rules=everything), namespace)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "person"}
    client.create(binding, _named(api, "RoleBinding", namespace, roleRef=reference, subjects=[subject]), namespace)


def _as_person(kubeconfig: str, token: str) -> Object:
    """The cluster of a kubeconfig with a token for its user."""
    access: Object = yaml.safe_load(Path(kubeconfig).read_text())
    return {**access, "users": [{**user, "user": {"token": token}} for user in access["users"]]}


def test_who_may_only_read_gets_an_unconfirmed_answer(
    person: Callable[..., Object], make_namespace: Make, run: Run
) -> None:
    space = make_namespace("write")
    run(server("there"), namespace=space)
    reader = person(space, [{**RUNTIMES, "verbs": ["get", "list"]}])
    given = {"runtimes": [server("there", disabled=True), server("new")]}
    check = run_with(reader, given, namespace=space, check=True)
    assert check.failure is None and check.result["changed"] is True
    assert [(item["action"], item["confirmed"]) for item in check.objects] == [("change", False), ("create", False)]
    assert sum("unconfirmed" in text for text in check.outcome.warnings) == 2
    assert check.objects[0]["object"]["spec"]["disabled"] is True
    real = run_with(reader, given, namespace=space)
    assert "forbidden" in str(real.failure) and real.result["changed"] is False
    assert run_with(reader, server("there"), namespace=space).actions == ["unchanged"]


def test_who_may_not_read_gets_an_error_and_not_an_absent_runtime(
    person: Callable[..., Object], make_namespace: Make
) -> None:
    space = make_namespace("write")
    with pytest.raises(Forbidden, match="grant the right"):
        run_with(person(space, []), server("x"), namespace=space, state="absent")


def test_the_right_to_list_some_namespaces_is_enough(
    person: Callable[..., Object], make_namespace: Make, client: Client
) -> None:
    one, two, third = (make_namespace("write") for _number in range(3))
    rules = [{**RUNTIMES, "verbs": ["*"]}]
    writer = person(one, rules)
    _allow(client, two, rules, around=True, home=one)
    found = run_with(writer, server("x"), namespaces=[one, two])
    assert found.failure is None and found.actions == ["create", "create"]
    assert run_with(writer, server("x"), namespaces=[one, two]).actions == ["unchanged", "unchanged"]
    with pytest.raises(Forbidden, match=third):
        run_with(writer, server("x"), namespaces=[one, two, third])


@pytest.mark.parametrize("check", [True, False])
def test_a_bad_body_is_found_behind_a_namespace_where_nothing_may_be_tried(
    check: bool, person: Callable[..., Object], make_namespace: Make, client: Client
) -> None:
    closed, open_ = make_namespace("write"), make_namespace("write")
    writer = person(closed, [{**RUNTIMES, "verbs": ["get", "list"]}])
    _allow(client, open_, [{**RUNTIMES, "verbs": ["*"]}], around=True, home=closed)
    newer = server("newer", disabled=True, additional_spec={"newerField": 1})
    given = {"runtimes": [server("good"), newer]}
    found = run_with(writer, given, namespaces=[closed, open_], check=check)
    assert len(found.outcome.errors) == 1 and f"ServingRuntime newer in namespace {open_}" in str(found.failure)
    assert names(client, open_) == [] and found.result["changed"] is False
    real = run_with(writer, server("good"), namespaces=[closed, open_])
    assert [bool(item["error"]) for item in real.objects] == [True, False] and "forbidden" in str(real.failure)


def test_without_a_look_at_the_services_nothing_in_use_can_be_deleted(
    person: Callable[..., Object], make_namespace: Make, run: Run, client: Client
) -> None:
    space = make_namespace("write")
    run(server("x"), namespace=space)
    writer = person(space, [{**RUNTIMES, "verbs": ["*"]}], around=False)
    refused = run_with(writer, server("x"), namespace=space, state="absent")
    assert "Whether services use the runtimes is not known" in str(refused.failure)
    assert names(client, space) == ["x"]
    changed = run_with(writer, server("x", disabled=True), namespace=space)
    assert changed.failure is None and changed.result["affected"] == {"moves": None, "restarts": None}
    forced = run_with(writer, server("x"), namespace=space, state="absent", force=True)
    assert forced.failure is None and forced.actions == ["delete"]


# -- KServe that is not ready yet -------------------------------------------------------------------------------

CONFIGURATION = resources.VALIDATINGWEBHOOKCONFIGURATION


@pytest.fixture
def silent_webhook(client: Client, namespace: str) -> Iterator[Callable[[], None]]:
    """A webhook without a server in front of this namespace's runtimes; call the fixture to take it away."""
    name = f"write-silent-{namespace}"
    hook = {
        "name": "silent.modelserving.test",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "clientConfig": {"service": {"namespace": namespace, "name": "nobody", "path": "/"}},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "rules": [
            {
                "apiGroups": ["serving.kserve.io"],
                "apiVersions": ["*"],
                "resources": ["servingruntimes"],
                "operations": ["*"],
            }
        ],
    }
    client.create(
        CONFIGURATION,
        {
            "apiVersion": CONFIGURATION.api_version,
            "kind": CONFIGURATION.kind,
            "metadata": {"name": name},
            "webhooks": [hook],
        },
    )
    _until_refused(client, namespace)
    yield lambda: client.delete(CONFIGURATION, name) and None
    client.delete(CONFIGURATION, name)


def _until_refused(client: Client, namespace: str, words: str = "webhook") -> None:
    """The API server takes a moment to learn of a webhook or a policy."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            client.apply(SERVING_RUNTIME, _taken("probe", namespace), manager="tests", dry_run=True)
        except Exception as error:
            assert words in str(error), error
            return
        time.sleep(0.2)
    raise AssertionError("it is not asked")


def test_a_webhook_that_does_not_answer_is_named(silent_webhook: Any, run: Run, namespace: str) -> None:
    found = run(server("x"), namespace=namespace, webhook_timeout=0)
    assert "cannot reach an admission webhook" in str(found.failure)
    assert found.result["changed"] is False


def test_a_webhook_that_answers_in_time_is_waited_for(
    silent_webhook: Callable[[], None], run: Run, namespace: str
) -> None:
    timer = threading.Timer(3, silent_webhook)
    timer.start()
    found = run(server("x"), namespace=namespace, webhook_timeout=60)
    timer.join()
    assert found.failure is None and found.actions == ["create"]
