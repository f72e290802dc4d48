# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What selection.py predicts against what KServe's controller does, on generated runtimes and services.

Every case has a model format of its own, so that cases do not meet. The runtimes have a placeholder that fails: the
controller chooses one, says in which runtime it could not replace placeholders, and makes no Deployment, so that
hundreds of choices cost no pod, and every version of KServe tells which runtime it took.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import Denied
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.pool import each
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds, selection, versions

SEED = 20260731
SAMPLE, EVERYTHING = 300, 400
SERVING_RUNTIME = Resource(*kinds.SERVING_RUNTIME)
CLUSTER_SERVING_RUNTIME = Resource(*kinds.CLUSTER_SERVING_RUNTIME)
INFERENCE_SERVICE = Resource(*kinds.INFERENCE_SERVICE)
CONTAINER = {"name": "kserve-container", "image": "example.invalid/server:1", "args": ["{{.NoSuchField}}"]}
TAKEN = re.compile(r"failed to replace placeholders in serving runtime (\S+) Container kserve-container")
WAIT = 600

# Half of the cases are contests: every runtime serves the service, and the order decides.
CONTEST_PROTOCOLS = {
    "v1": (None, [], ["v1"], ["v1"], ["v1", "v2"], ["v2", "v1"], ["v1", "grpc-v2"]),
    "v2": (None, [], ["v2"], ["v2"], ["v1", "v2"], ["v2", "grpc-v2"], ["grpc-v1", "v2"]),
    "grpc-v2": (None, ["grpc-v2"], ["v2", "grpc-v2"], ["v9", "grpc-v2"], ["grpc-v1", "grpc-v2"]),
}

VERSIONS = (None, None, "1", "1", "2", "1.0", "")
PROTOCOLS = (None, [], ["v1"], ["v1"], ["v2"], ["v1", "v2"], ["grpc-v1"], ["v2", "grpc-v2"], ["grpc-v2"], ["v9"])
ASKED_PROTOCOLS = (None, None, None, "v1", "v2", "v2", "grpc-v1", "grpc-v2", "v9", "")
SECOND = 1.1


@dataclass
class Case:
    """Runtimes in the order in which they are made (a wave is a second), and the service that asks."""

    number: int
    service: dict[str, Any]
    waves: list[list[dict[str, Any]]]
    made: list[dict[str, Any]] = field(default_factory=list)


class Generator:
    """Makes cases from one seed, in two namespaces."""

    def __init__(self, prefix: str, namespace: str, other_namespace: str, mode: str) -> None:
        self.mode = mode
        self.random = random.Random(SEED)
        self.prefix = prefix
        self.namespace = namespace
        self.other_namespace = other_namespace

    def case(self, number: int) -> Case:
        return self.contest(number) if number % 2 else self.medley(number)

    def contest(self, number: int) -> Case:
        """Make a case of runtimes that all serve the service, save for a stray one."""
        protocol = self.random.choice((None, "v1", "v2", "v2", "grpc-v2"))
        waves: list[list[dict[str, Any]]] = [[], []]
        for letter in self.random.sample("abcdefgh", self.random.choice((2, 3, 4, 6, 8))):
            runtime = self.contestant(number, letter, CONTEST_PROTOCOLS[protocol or "v1"])
            waves[self.random.randrange(2)].append(runtime)
        service = self.service(number, [])
        service["spec"]["predictor"] = {
            "model": {"modelFormat": {"name": f"{self.prefix}-{number}"}, "storageUri": "pvc://models/none"}
        }
        if protocol:
            service["spec"]["predictor"]["model"]["protocolVersion"] = protocol
        if self.random.random() < 0.3:
            service["spec"]["predictor"]["model"]["modelFormat"]["version"] = "1"
        return Case(number, service, waves)

    def contestant(self, number: int, letter: str, protocols: tuple[Any, ...]) -> dict[str, Any]:
        runtime = self.runtime(number)
        runtime["metadata"]["name"] = f"{self.prefix}-{number}-{letter}"
        name = f"{self.prefix}-{number}"
        priority = self.random.choice((None, None, 1, 2, 3, 4, 5))
        entries: list[dict[str, Any]] = [{"name": name, "version": "1", "autoSelect": True}]
        if priority is not None:
            entries[0]["priority"] = priority
        if self.random.random() < 0.3:
            # The first entry's priority counts, even where another entry is the one that matches.
            entries.insert(0, {"name": name, "version": "0", "priority": self.random.choice((1, 5))})
        runtime["spec"] = {"containers": [CONTAINER], "supportedModelFormats": entries}
        chosen = self.random.choice(protocols)
        if chosen is not None:
            runtime["spec"]["protocolVersions"] = chosen
        return runtime

    def medley(self, number: int) -> Case:
        """Make a case of everything; runtimes of one scope and name are made once."""
        waves: list[list[dict[str, Any]]] = [[], []]
        seen: set[tuple[str, ...]] = set()
        for _ in range(self.random.choice((1, 2, 2, 3, 4, 5, 6))):
            runtime = self.runtime(number)
            metadata = runtime["metadata"]
            identity = (runtime["kind"], metadata.get("namespace", ""), metadata["name"])
            if identity not in seen:
                seen.add(identity)
                waves[self.random.randrange(2)].append(runtime)
        return Case(number, self.service(number, [name for *_, name in sorted(seen)]), waves)

    def format_name(self, number: int) -> str:
        name = f"{self.prefix}-{number}"
        return self.random.choice((name, name, name, name, name, name.upper(), f"{name}x"))

    def runtime(self, number: int) -> dict[str, Any]:
        pick = self.random.random
        scope = self.random.choice(("namespace", "namespace", "namespace", "cluster", "cluster", "other"))
        metadata = {"name": f"{self.prefix}-{number}-{self.random.choice('abcdef')}"}
        if scope != "cluster":
            metadata["namespace"] = self.namespace if scope == "namespace" else self.other_namespace
        spec: dict[str, Any] = {"containers": [CONTAINER], "supportedModelFormats": self.formats(number)}
        protocols = self.random.choice(PROTOCOLS)
        if protocols is not None:
            spec["protocolVersions"] = protocols
        if pick() < 0.1:
            spec["disabled"] = True
        if pick() < 0.2:
            spec["multiModel"] = True
        if pick() < 0.15:
            spec["workerSpec"] = {"containers": [{"name": "worker-container", "image": "example.invalid/server:1"}]}
        kind = kinds.CLUSTER_SERVING_RUNTIME if scope == "cluster" else kinds.SERVING_RUNTIME
        return {"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, "spec": spec}

    def formats(self, number: int) -> list[dict[str, Any]]:
        entries = []
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            entry: dict[str, Any] = {"name": self.format_name(number)}
            optional = {
                "version": self.random.choice(VERSIONS),
                "autoSelect": self.random.choice((True, True, True, True, False, None)),
                "priority": self.random.choice((None, None, 1, 2, 3)),
            }
            entries.append({**entry, **{key: value for key, value in optional.items() if value is not None}})
        return entries

    def service(self, number: int, names: list[str]) -> dict[str, Any]:
        model: dict[str, Any] = {"modelFormat": {"name": f"{self.prefix}-{number}"}, "storageUri": "pvc://models/none"}
        draw = self.random.random()
        if draw < 0.05:
            model["modelFormat"]["name"] += ":1"
        elif draw < 0.1:
            model["modelFormat"]["name"] = model["modelFormat"]["name"].upper()
        version = self.random.choice(VERSIONS)
        if version is not None:
            model["modelFormat"]["version"] = version
        protocol = self.random.choice(ASKED_PROTOCOLS)
        if protocol is not None:
            model["protocolVersion"] = protocol
        if self.random.random() < 0.35:
            model["runtime"] = self.random.choice([*names, f"{self.prefix}-none"])
        predictor: dict[str, Any] = {"model": model, "minReplicas": 1, "maxReplicas": 1}
        if self.random.random() < 0.12:
            predictor["workerSpec"] = {}
        return {
            "apiVersion": kinds.INFERENCE_SERVICE[0],
            "kind": kinds.INFERENCE_SERVICE[1],
            "metadata": {
                "name": f"{self.prefix}-{number}",
                "namespace": self.namespace,
                "annotations": {
                    kinds.ANNOTATION_DEPLOYMENT_MODE: self.mode,
                    kinds.ANNOTATION_AUTOSCALER_CLASS: "none",
                },
            },
            "spec": {"predictor": predictor},
        }


def resource_of(runtime: dict[str, Any]) -> Resource:
    return SERVING_RUNTIME if runtime["kind"] == kinds.SERVING_RUNTIME[1] else CLUSTER_SERVING_RUNTIME


def create(client: Client, wanted: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """Create runtimes; None where the webhook refuses one (two of a format with the same priority, and so on)."""
    results = each(lambda item: client.create(resource_of(item), item, item["metadata"].get("namespace")), wanted, 8)
    for result in results:
        if result.error is not None and not isinstance(result.error, Denied):
            raise result.error
    return [result.value for result in results]


def make_runtimes(client: Client, cases: list[Case]) -> None:
    """Create the cases' runtimes in two waves a second apart, so that ages differ and ages tie."""
    for wave in range(2):
        # Within a case one after the other: the webhook compares with what its cache has.
        results = each(lambda case, wave=wave: create(client, case.waves[wave]), cases, 8)
        for case, result in zip(cases, results, strict=True):
            if result.error is not None:
                raise result.error
            case.made += [runtime for runtime in result.value if runtime is not None]
        time.sleep(SECOND)


def decision(service: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the controller decided, None where it has not yet."""
    status = service.get("status") or {}
    failure = (status.get("modelStatus") or {}).get("lastFailureInfo") or {}
    if not failure:
        return None
    if failure["reason"] != "InvalidPredictorSpec":
        return {"selected": None, "reason": failure["reason"], "message": failure["message"]}
    taken = TAKEN.fullmatch(failure["message"])
    assert taken, failure
    selected = {"kind": None, "name": taken[1]}
    for kind, key in (
        (kinds.SERVING_RUNTIME, "servingRuntimeName"),
        (kinds.CLUSTER_SERVING_RUNTIME, "clusterServingRuntimeName"),
    ):
        if status.get(key):
            assert status[key] == taken[1], status
            selected["kind"] = kind[1]
    return {"selected": selected, "reason": None, "message": None}


def reported(case: Case, selected: dict[str, Any] | None, namespace: str, version: str) -> dict[str, Any] | None:
    """Return how the controller names a choice.

    From 0.16 on it looks the kind up by name, and finds the namespaced one first; before that it names no kind.
    """
    if selected is None:
        return None
    if not versions.supports(version, "runtime_in_status"):
        return {**selected, "kind": None}
    hidden = any(
        item["kind"] == kinds.SERVING_RUNTIME[1]
        and item["metadata"]["name"] == selected["name"]
        and item["metadata"]["namespace"] == namespace
        for item in case.made
    )
    return {**selected, "kind": kinds.SERVING_RUNTIME[1]} if hidden else selected


def clean_up(client: Client, cases: list[Case], namespace: str) -> None:
    each(lambda case: client.delete(INFERENCE_SERVICE, case.service["metadata"]["name"], namespace), cases, 8)
    runtimes = [runtime for case in cases for wave in case.waves for runtime in wave]
    each(
        lambda item: client.delete(resource_of(item), item["metadata"]["name"], item["metadata"].get("namespace")),
        runtimes,
        8,
    )


@pytest.fixture(scope="module")
def version(cluster: dict[str, Any]) -> str:
    """The KServe that decides."""
    return str(cluster["kserve_version"])


@pytest.fixture(scope="module")
def decided(
    client: Client, make_namespace: Callable[..., str], version: str, full: bool
) -> Iterator[list[tuple[Case, dict[str, Any], dict[str, Any]]]]:
    """Every case with what was predicted and what the controller decided."""
    namespace, other = make_namespace("selection"), make_namespace("selection")
    mode = "Standard" if versions.supports(version, "deployment_mode_names") else "RawDeployment"
    generator = Generator(f"sel{namespace[-6:]}", namespace, other, mode)
    cases = [generator.case(number) for number in range(EVERYTHING if full else SAMPLE)]
    try:
        make_runtimes(client, cases)
        for result in each(lambda case: client.create(INFERENCE_SERVICE, case.service, namespace), cases, 8):
            if result.error is not None:
                raise result.error
        decisions = wait_for_decisions(client, cases, namespace)
        found = []
        for case in cases:
            predicted = selection.select(case.service, case.made, version)
            predicted["selected"] = reported(case, predicted["selected"], namespace, version)
            found.append((case, predicted, decisions[case.service["metadata"]["name"]]))
        yield found
    finally:
        clean_up(client, cases, namespace)


def wait_for_decisions(client: Client, cases: list[Case], namespace: str) -> dict[str, dict[str, Any]]:
    deadline = time.monotonic() + WAIT
    while True:
        services = client.list(INFERENCE_SERVICE, namespace)
        decisions = {item["metadata"]["name"]: decision(item) for item in services}
        missing = [name for name, value in decisions.items() if value is None]
        if len(decisions) == len(cases) and not missing:
            return {name: value for name, value in decisions.items() if value is not None}
        assert time.monotonic() < deadline, f"KServe decided nothing for {missing[:5]}"
        time.sleep(1)


def test_the_controller_decides_as_predicted(decided: list[tuple[Case, dict[str, Any], dict[str, Any]]]) -> None:
    differences = [
        (case.service["spec"], predicted, real)
        for case, predicted, real in decided
        if {key: predicted[key] for key in ("selected", "reason", "message")} != real
    ]
    assert not differences, f"{len(differences)} of {len(decided)} differ: {differences[:3]}"


def test_the_cases_reach_every_rule(decided: list[tuple[Case, dict[str, Any], dict[str, Any]]]) -> None:
    reasons = {item["reason"] for _, predicted, _ in decided for item in predicted["rejected"]}
    assert reasons == {
        *("disabled", "multi_model", "format", "version", "auto_select", "protocol", "worker_spec"),
        *("other_namespace", "not_named"),
    }
    assert {real["reason"] for _, _, real in decided} == {
        *(None, "NoSupportingRuntime", "RuntimeNotRecognized", "RuntimeDisabled"),
    }
    contested = [predicted for _, predicted, _ in decided if len(predicted["candidates"]) > 1]
    assert len(contested) > len(decided) // 4


@pytest.mark.parametrize("name", ["kserve-mlserver", "kserve-torchserve", "kserve-tritonserver", "mine"])
@pytest.mark.parametrize("protocols", [["v1"], ["v2"]], ids=str)
def test_servers_that_are_known_by_their_name(
    client: Client,
    make_namespace: Callable[..., str],
    eventually: Callable[..., Any],
    version: str,
    name: str,
    protocols: list[str],
) -> None:
    """Until 0.16 a named server's own protocol is set before the protocol is checked."""
    namespace = make_namespace("selection")
    spec = {"containers": [CONTAINER], "supportedModelFormats": [{"name": "known"}], "protocolVersions": protocols}
    body = {"apiVersion": SERVING_RUNTIME.api_version, "kind": SERVING_RUNTIME.kind, "metadata": {"name": name}}
    made = client.create(SERVING_RUNTIME, {**body, "spec": spec}, namespace)
    service = Generator("known", namespace, "", "").service(0, [])
    service["metadata"]["annotations"].pop(kinds.ANNOTATION_DEPLOYMENT_MODE)
    service["spec"] = {"predictor": {"model": {"modelFormat": {"name": "known"}, "runtime": name}}}
    client.create(INFERENCE_SERVICE, service, namespace)
    real = eventually(lambda: decision(client.get(INFERENCE_SERVICE, "known-0", namespace) or {}), 120)
    predicted = selection.select(service, [made], version)
    assert (predicted["reason"], predicted["message"]) == (real["reason"], real["message"])
    client.delete(INFERENCE_SERVICE, "known-0", namespace)
