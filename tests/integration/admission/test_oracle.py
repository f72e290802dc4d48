# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filter admission predicts against what the API server and KServe's webhooks say, on generated runtimes.

The existing runtimes of a case are really there; the runtime in question is sent with dryRun=All, as a create or, where
the name is taken, as an update. Every case has a model format of its own, so that cases do not meet.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.filter.admission import admission
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import Denied
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.pool import each
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds

SEED = 20260731
SAMPLE, EVERYTHING = 200, 500
NAMESPACED = Resource(*kinds.SERVING_RUNTIME)
CLUSTER = Resource(*kinds.CLUSTER_SERVING_RUNTIME)
PROTOCOLS = (None, [], ["v1"], ["v2"], ["v2"], ["v1", "v2"], ["v1", "v2"], ["v2", "grpc-v2"], ["grpc-v2"])
WORKER = {"name": "worker-container", "image": "example.invalid/w:1"}
GPU_TYPES = "serving.kserve.io/gpu-resource-types"
DENIED = re.compile(r'admission webhook "[^"]*" denied the request: (.*)', re.DOTALL)
REFUSED = re.compile(r'\w+\.serving\.kserve\.io "[^"]*" is invalid: (.*)', re.DOTALL)


@dataclass
class Case:
    """A runtime in question, what is to exist beside it, and the oddity that it has."""

    number: int
    oddity: str
    wanted: dict[str, Any]
    existing: list[dict[str, Any]]
    made: list[dict[str, Any]] = field(default_factory=list)


class Generator:
    """Makes cases from one seed: plain ones that differ in priorities, and one oddity in every second one."""

    def __init__(self, prefix: str, busy: str, empty: str) -> None:
        self.random = random.Random(SEED)
        self.prefix = prefix
        self.busy = busy
        self.empty = empty
        self.rivals = False

    def case(self, number: int) -> Case:
        """Make a case; in every fourth one the runtimes are rivals for one format, so that priorities meet."""
        self.rivals = number % 4 == 0
        cluster = self.random.random() < 0.5
        existing = [self.runtime(number, letter, cluster) for letter in "abc"[: self.random.choice((0, 1, 1, 2, 3))]]
        update = bool(existing) and self.random.random() < 0.35
        wanted = self.runtime(number, self.random.choice("abc"[: len(existing)]) if update else "n", cluster)
        names = list(ODDITIES)
        oddity = names[(number // 2) % len(names)] if number % 2 else "none"
        if not existing and not cluster:
            wanted["metadata"]["namespace"] = self.empty
        ODDITIES[oddity](self, wanted, existing)
        return Case(number, oddity, wanted, existing)

    def runtime(self, number: int, letter: str, cluster: bool) -> dict[str, Any]:
        kind = kinds.CLUSTER_SERVING_RUNTIME if cluster else kinds.SERVING_RUNTIME
        metadata = {"name": f"{self.prefix}-{number}-{letter}"}
        if not cluster:
            metadata["namespace"] = self.busy
        spec: dict[str, Any] = {
            "containers": [{"name": "kserve-container", "image": "example.invalid/server:1"}],
            "supportedModelFormats": [self.entry(number) for _ in range(self.random.choice((1, 1, 2, 3)))],
        }
        if self.rivals:
            spec["supportedModelFormats"] = spec["supportedModelFormats"][:2]
        protocols = self.random.choice(PROTOCOLS)
        if protocols is not None:
            spec["protocolVersions"] = protocols
        for name, chance in (("disabled", 0.12), ("multiModel", 0.12)):
            if self.random.random() < chance:
                spec[name] = self.random.choice((True, True, False))
        return {"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, "spec": spec}

    def entry(self, number: int) -> dict[str, Any]:
        name = f"{self.prefix}-{number}"
        if self.rivals:
            versions = self.random.choice(({}, {"version": "1"}, {"version": "1"}))
            case = self.random.choice((name, name, name.upper()))
            return {"name": case, "autoSelect": True, "priority": self.random.choice((1, 2, 3)), **versions}
        optional = {
            "version": self.random.choice((None, None, "1", "1", "2", "")),
            "autoSelect": self.random.choice((True, True, True, True, True, False, None)),
            "priority": self.random.choice((None, 1, 1, 1, 2, 2)),
        }
        entry = {"name": self.random.choice((name, name, name, name, name.upper(), f"{name}x"))}
        return {**entry, **{key: value for key, value in optional.items() if value is not None}}


Oddity = Callable[[Generator, dict[str, Any], list[dict[str, Any]]], None]


def _container(index: int = 0, **fields: Any) -> Oddity:
    def apply(_: Generator, wanted: dict[str, Any], __: list[dict[str, Any]]) -> None:
        wanted["spec"]["containers"][index].update(fields)

    return apply


def _spec(**fields: Any) -> Oddity:
    def apply(_: Generator, wanted: dict[str, Any], __: list[dict[str, Any]]) -> None:
        wanted["spec"].update(copy.deepcopy(fields))

    return apply


def _format(**fields: Any) -> Oddity:
    def apply(_: Generator, wanted: dict[str, Any], __: list[dict[str, Any]]) -> None:
        wanted["spec"]["supportedModelFormats"][0].update(fields)

    return apply


def _name(change: Callable[[str], str]) -> Oddity:
    def apply(_: Generator, wanted: dict[str, Any], __: list[dict[str, Any]]) -> None:
        wanted["metadata"]["name"] = change(wanted["metadata"]["name"])

    return apply


def _worker(container: dict[str, Any] | None = None, **fields: Any) -> Oddity:
    def apply(_: Generator, wanted: dict[str, Any], __: list[dict[str, Any]]) -> None:
        wanted["spec"].pop("disabled", None)
        wanted["spec"]["workerSpec"] = {"containers": [copy.deepcopy(WORKER)], **copy.deepcopy(fields)}
        wanted["spec"]["containers"][0].update(container or {})

    return apply


def _existing_worker(_: Generator, wanted: dict[str, Any], existing: list[dict[str, Any]]) -> None:
    """Give the old version a workerSpec that the new one has not."""
    for item in existing:
        if item["metadata"]["name"] == wanted["metadata"]["name"]:
            item["spec"]["workerSpec"] = {"containers": [WORKER]}


def _gpu_annotation(value: str, resource: str = "example.com/gpu") -> Oddity:
    worker = _worker({"resources": {"limits": {resource: "1"}}})

    def apply(generator: Generator, wanted: dict[str, Any], existing: list[dict[str, Any]]) -> None:
        worker(generator, wanted, existing)
        wanted["spec"]["annotations"] = {GPU_TYPES: value}

    return apply


def _drop(*path: str) -> Oddity:
    def apply(_: Generator, wanted: dict[str, Any], __: list[dict[str, Any]]) -> None:
        parent: Any = wanted
        for part in path[:-1]:
            parent = parent[part]
        del parent[path[-1]]

    return apply


def _limits(**limits: Any) -> dict[str, Any]:
    return {"resources": {"limits": limits}}


ODDITIES: dict[str, Oddity] = {
    "none": lambda *_: None,
    "worker spec removed": _existing_worker,
    "worker spec": _worker(),
    "worker spec without containers": _worker(containers=None),
    "worker spec with no container": _worker(containers=[]),
    "worker spec with two containers": _worker(containers=[WORKER, {"name": "other"}]),
    "worker spec and pipeline size in env": _worker({"env": [{"name": "PIPELINE_PARALLEL_SIZE", "value": "2"}]}),
    "worker spec and tensor size in env": _worker({"env": [{"name": "TENSOR_PARALLEL_SIZE", "value": "2"}]}),
    "tensor size in env of another container": _worker(
        {"name": "other", "env": [{"name": "TENSOR_PARALLEL_SIZE", "value": "2"}]}
    ),
    "tensor size in env without worker spec": _container(env=[{"name": "TENSOR_PARALLEL_SIZE", "value": "2"}]),
    "unknown GPU": _worker(_limits(**{"example.com/gpu": "1"})),
    "unknown GPU of the worker": _worker(containers=[{**WORKER, **_limits(**{"example.com/gpu": "1"})}]),
    "unknown GPU of another worker": _worker(containers=[{"name": "other", **_limits(**{"example.com/gpu": "1"})}]),
    "known GPU": _worker(_limits(**{"nvidia.com/gpu": "1", "cpu": "1", "ephemeral-storage": "1Gi"})),
    "hugepages are no GPU that KServe knows": _worker({"resources": {"requests": {"hugepages-2Mi": "2Mi"}}}),
    "GPU by annotation": _gpu_annotation('["example.com/gpu"]'),
    "GPU by an empty annotation": _gpu_annotation("[]"),
    "GPU by an annotation that is no JSON": _gpu_annotation("example.com/gpu", "nvidia.com/gpu"),
    "GPU by an annotation of numbers": _gpu_annotation("[1]"),
    "pipeline size 0": _worker(pipelineParallelSize=0),
    "tensor size -1": _worker(tensorParallelSize=-1),
    "sizes 2 and 4": _worker(pipelineParallelSize=2, tensorParallelSize=4),
    "PYTHONPATH": _container(env=[{"name": "A", "value": "1"}, {"name": "PYTHONPATH", "value": "/x"}]),
    "PYTHONPATH from a field": _container(env=[{"name": "PYTHONPATH", "valueFrom": {"fieldRef": {"fieldPath": "a"}}}]),
    "PYTHONPATH of the worker": _worker(containers=[{**WORKER, "env": [{"name": "PYTHONPATH"}]}]),
    "PYTHONPATH in an odd container": _container(name='a "b"\\c', env=[{"name": "PYTHONPATH"}]),
    "priority 0": _format(priority=0),
    "priority -1": _format(priority=-1),
    "priority as text": _format(priority="1"),
    "priority 1.5": _format(priority=1.5),
    "priority 2.0": _format(priority=2.0),
    "priority beyond int32": _format(priority=3_000_000_000),
    "version as a number": _format(version=1),
    "version as a boolean": _format(version=True),
    "version null": _format(version=None),
    "autoSelect as text": _format(autoSelect="true"),
    "format without a name": _format(name=None),
    "no formats": _drop("spec", "supportedModelFormats"),
    "containers missing": _drop("spec", "containers"),
    "containers empty": _spec(containers=[]),
    "container without a name": _container(name=None),
    "no kserve-container": _container(name="server"),
    "spec missing": _drop("spec"),
    "replicas -1": _spec(replicas=-1),
    "replicas 65535": _spec(replicas=65535),
    "cpu as a fraction": _container(**_limits(cpu=0.5)),
    "cpu as a number": _container(**_limits(cpu=2)),
    "cpu as nonsense": _container(**_limits(cpu="one")),
    "memory 2Gi": _container(**_limits(memory="2Gi", cpu="500m")),
    "env twice": _container(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
    "port twice": _container(ports=[{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}]),
    "port with two protocols": _container(ports=[{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]),
    "args as text": _container(args="--a"),
    "args with a number": _container(args=["--a", 1]),
    "env with a number": _container(env=[{"name": "A", "value": 1}]),
    "label with a number": _spec(labels={"a": 1}),
    "label null": _spec(labels={"a": None}),
    "unknown field": _spec(replica=1),
    "probe port as text": _container(readinessProbe={"tcpSocket": {"port": "http"}}),
    "probe without an action": _container(readinessProbe={"httpGet": {"path": "/"}}),
    "toleration": _spec(tolerations=[{"key": "a", "operator": "Exists", "tolerationSeconds": "1"}]),
    "disabled": _spec(disabled=True, workerSpec={"containers": []}),
    "disabled as text": _spec(disabled="yes"),
    "name in upper case": _name(str.upper),
    "name with an underscore": _name(lambda name: f"{name}_a"),
    "name with a dot": _name(lambda name: f"{name}.a"),
    "name of 253": _name(lambda name: name.ljust(253, "x")),
    "name of 254": _name(lambda name: name.ljust(254, "x")),
    "name that ends with a hyphen": _name(lambda name: f"{name}-"),
}


def resource_of(runtime: dict[str, Any]) -> Resource:
    return NAMESPACED if runtime["kind"] == NAMESPACED.kind else CLUSTER


def create_existing(client: Client, case: Case) -> None:
    for runtime in case.existing:
        try:
            case.made.append(client.create(resource_of(runtime), runtime, runtime["metadata"].get("namespace")))
        except Denied:
            continue


def ask(client: Client, case: Case) -> tuple[bool, str]:
    """Send the runtime in question with dryRun=All; return whether it is admitted, and what is said."""
    resource, metadata = resource_of(case.wanted), case.wanted["metadata"]
    old = next((item for item in case.made if item["metadata"]["name"] == metadata["name"]), None)
    body = copy.deepcopy(case.wanted)
    path = resource.path(metadata.get("namespace"), metadata["name"] if old else None)
    if old:
        body["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
    answer = client.raw("PUT" if old else "POST", path, query={"dryRun": "All"}, body=body)
    said = json.loads(answer.body)
    if answer.status < 300:
        return True, ""
    assert answer.status in (400, 403, 422, 500), said
    denied = DENIED.fullmatch(said["message"]) or REFUSED.fullmatch(said["message"])
    assert denied, said["message"]
    return False, denied[1]


def possible_messages(case: Case, existing: list[dict[str, Any]]) -> set[str]:
    """Return what the webhook may say: it compares in no order, and names the first conflict that it meets."""
    everything = admission(case.wanted, existing)["message"]
    own = [item for item in existing if item["metadata"]["name"] == case.wanted["metadata"]["name"]]
    alone = [admission(case.wanted, [*own, item])["message"] for item in existing if item not in own]
    return {everything, *(text for text in alone if text.startswith("same priority"))}


def parts(message: str) -> list[str]:
    """Split an aggregate of the API server, whose parts come in no order."""
    if not message.startswith("["):
        return [message]
    return sorted(re.split(r", (?=(?:metadata|spec|<nil>)[.:\[])", message[1:-1]))


@pytest.fixture(scope="module")
def asked(
    client: Client, make_namespace: Callable[..., str], full: bool
) -> Iterator[list[tuple[Case, list[dict[str, Any]], tuple[bool, str]]]]:
    """Every case with the runtimes that are really there and what the cluster says."""
    busy, empty = make_namespace("admission"), make_namespace("admission")
    generator = Generator(f"adm{busy[-6:]}", busy, empty)
    cases = [generator.case(number) for number in range(EVERYTHING if full else SAMPLE)]
    try:
        for made in each(lambda case: create_existing(client, case), cases, 8):
            if made.error is not None:
                raise made.error
        existing = client.list(NAMESPACED, busy) + client.list(CLUSTER)
        answers = each(lambda case: ask(client, case), cases, 8)
        for answer in answers:
            if answer.error is not None:
                raise answer.error
        yield [(case, existing, answer.value) for case, answer in zip(cases, answers, strict=True)]
    finally:
        made_runtimes = [runtime for case in cases for runtime in case.made]
        each(
            lambda item: client.delete(resource_of(item), item["metadata"]["name"], item["metadata"].get("namespace")),
            made_runtimes,
            8,
        )


def test_the_cluster_says_what_was_predicted(asked: list[tuple[Case, list[dict[str, Any]], tuple[bool, str]]]) -> None:
    differences = []
    for case, existing, (allowed, message) in asked:
        own = [item for item in existing if item["kind"] == case.wanted["kind"]]
        predicted = admission(case.wanted, own)
        expected = [parts(text) for text in possible_messages(case, own)]
        if predicted["allowed"] != allowed or parts(message) not in expected:
            differences.append((case.oddity, case.wanted, predicted["message"], message))
    assert not differences, f"{len(differences)} of {len(asked)} differ: {differences[:3]}"


def test_the_cases_reach_every_refusal(asked: list[tuple[Case, list[dict[str, Any]], tuple[bool, str]]]) -> None:
    messages = [message for _, _, (_, message) in asked]
    for words in ("same priority", "different priorities", "in namespace", "clusterservingruntimes", "is invalid: "):
        assert any(words in message for message in messages), words
    assert sum(not message for message in messages) > len(messages) // 4
