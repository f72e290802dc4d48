# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of the control plane: one at a time, and undone whatever happens."""

from __future__ import annotations

import base64
import copy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import ClusterError, WebhookUnavailable
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import collect, diagnose
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import LABEL_SERVICE

from tests.lab import record, score
from tests.lab.cases import FAULT, SERVE, Case, Images, served

SERVICE = Resource(*kinds.INFERENCE_SERVICE)
RUNTIME = Resource(*kinds.SERVING_RUNTIME)
CONTROL = "kserve"
CONTROLLER = "kserve-controller-manager"
WEBHOOK_SERVICE = "kserve-webhook-server-service"
WEBHOOKS = "inferenceservice.serving.kserve.io"
CONFIG = "inferenceservice-config"
CERTIFICATE = "kserve-webhook-server-cert"


@contextmanager
def _controller(client: Client, change: dict[str, Any], back: dict[str, Any]) -> Iterator[None]:
    client.patch(resources.DEPLOYMENT, CONTROLLER, change, CONTROL, kind="strategic")
    try:
        yield
    finally:
        client.patch(resources.DEPLOYMENT, CONTROLLER, back, CONTROL, kind="strategic")


@contextmanager
def scaled_away(client: Client) -> Iterator[None]:
    with _controller(client, {"spec": {"replicas": 0}}, {"spec": {"replicas": 1}}):
        until(lambda: not _controller_pods(client))
        yield
    until(lambda: _available(client))


@contextmanager
def crashing(client: Client) -> Iterator[None]:
    deployment = client.get(resources.DEPLOYMENT, CONTROLLER, CONTROL) or {}
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    args = list(container.get("args") or [])

    def with_args(values: list[str], strategy: dict[str, Any]) -> dict[str, Any]:
        patch = {"name": container["name"], "args": values}
        return {"spec": {"strategy": strategy, "template": {"spec": {"containers": [patch]}}}}

    recreate = {"type": "Recreate", "rollingUpdate": None}
    change = with_args([*args, "--leader-elektion"], recreate)
    with _controller(client, change, with_args(args, recreate)):
        until(lambda: any(_restarts(pod) >= 2 for pod in _controller_pods(client)), 120)
        yield
    until(lambda: _available(client), 120)


@contextmanager
def endpoints_lost(client: Client) -> Iterator[None]:
    service = client.get(resources.SERVICE, WEBHOOK_SERVICE, CONTROL) or {}
    selector = service["spec"]["selector"]
    wrong = dict.fromkeys(selector) | {"control-plane": "kserve-controller-renamed"}
    client.patch(resources.SERVICE, WEBHOOK_SERVICE, {"spec": {"selector": wrong}}, CONTROL)
    try:
        _restart(client)
        time.sleep(6)
        yield
    finally:
        client.patch(
            resources.SERVICE, WEBHOOK_SERVICE, {"spec": {"selector": {"control-plane": None, **selector}}}, CONTROL
        )


def _restart(client: Client) -> None:
    """A new controller pod: connections that the API server holds open would outlive the endpoints."""
    old = {pod["metadata"]["name"] for pod in _controller_pods(client)}
    for name in old:
        client.delete(resources.POD, name, CONTROL)
    until(
        lambda: any(podstate.ready(pod) and pod["metadata"]["name"] not in old for pod in _controller_pods(client)), 120
    )


def _other_bundle(client: Client) -> str:
    """Another authority's certificate: here the API server's own, which signs nothing of KServe's."""
    other = (client.get(resources.CONFIGMAP, "kube-root-ca.crt", CONTROL) or {})["data"]["ca.crt"]
    return base64.b64encode(other.encode()).decode()


@contextmanager
def bundle_stale(client: Client) -> Iterator[None]:
    """One configuration trusts another authority."""
    with _trusting(client, resources.MUTATINGWEBHOOKCONFIGURATION, WEBHOOKS, _other_bundle(client)):
        yield


@contextmanager
def bundles_stale(client: Client) -> Iterator[None]:
    """No configuration trusts the serving certificate, as after it was replaced."""
    bundle = _other_bundle(client)
    with ExitStack() as stack:
        for kind in (resources.MUTATINGWEBHOOKCONFIGURATION, resources.VALIDATINGWEBHOOKCONFIGURATION):
            for item in client.list(kind):
                if any("kserve-webhook-server" in webhook["name"] for webhook in item.get("webhooks") or []):
                    stack.enter_context(_trusting(client, kind, item["metadata"]["name"], bundle))
        yield


@contextmanager
def _trusting(client: Client, kind: Resource, name: str, bundle: str) -> Iterator[None]:
    before = copy.deepcopy((client.get(kind, name) or {})["webhooks"])
    changed = copy.deepcopy(before)
    for webhook in changed:
        webhook["clientConfig"].update(caBundle=bundle)
    client.patch(kind, name, {"webhooks": changed})
    try:
        time.sleep(4)
        yield
    finally:
        client.patch(kind, name, {"webhooks": before})


@contextmanager
def unregistered(client: Client) -> Iterator[None]:
    """The pod webhook and the defaulter are not asked at all."""
    kind = resources.MUTATINGWEBHOOKCONFIGURATION
    before = copy.deepcopy(client.get(kind, WEBHOOKS) or {})
    client.delete(kind, WEBHOOKS)
    try:
        time.sleep(4)
        yield
    finally:
        client.create(kind, _anew(before))


@contextmanager
def certificate_gone(client: Client) -> Iterator[None]:
    """The controller's pod waits for the Secret with its serving certificate."""
    before = copy.deepcopy(client.get(resources.SECRET, CERTIFICATE, CONTROL) or {})
    client.delete(resources.SECRET, CERTIFICATE, CONTROL)
    for pod in _controller_pods(client):
        client.delete(resources.POD, pod["metadata"]["name"], CONTROL)
    try:
        until(lambda: any(_waits_for_volume(client, pod) for pod in _controller_pods(client)), 60)
        yield
    finally:
        client.create(resources.SECRET, _anew(before))
        until(lambda: _available(client), 180)


def _anew(obj: dict[str, Any]) -> dict[str, Any]:
    for name in ("resourceVersion", "uid", "creationTimestamp", "managedFields", "generation"):
        obj["metadata"].pop(name, None)
    return obj


def _waits_for_volume(client: Client, pod: dict[str, Any]) -> bool:
    selector = f"involvedObject.name={pod['metadata']['name']},reason=FailedMount"
    return bool(client.list(resources.EVENT, CONTROL, field_selector=selector))


def configured(section: str, change: Callable[[str], str]) -> Callable[[Client], Any]:
    """A section of inferenceservice-config rewritten."""

    @contextmanager
    def broken(client: Client) -> Iterator[None]:
        found = client.get(resources.CONFIGMAP, CONFIG, CONTROL) or {}
        before = found["data"][section]
        client.patch(resources.CONFIGMAP, CONFIG, {"data": {section: change(before)}}, CONTROL)
        try:
            yield
        finally:
            client.patch(resources.CONFIGMAP, CONFIG, {"data": {section: before}}, CONTROL)

    return broken


def _cut(text: str) -> str:
    return text.rstrip().rstrip("}")


def _with(**values: Any) -> Callable[[str], str]:
    """The section's JSON with other values; None takes one away."""

    def change(text: str) -> str:
        changed = {**json.loads(text), **values}
        return json.dumps({key: value for key, value in changed.items() if value is not None})

    return change


INSIDE = "inside"
REFUSED = "refused"


@dataclass
class Trial:
    """One fault of the control plane: ``broken`` is a context in which it lasts.

    ``service`` is what the case's own service does: made INSIDE the fault, or made before and REFUSED its pod inside.
    """

    case: Case
    broken: Callable[[Client], Any]
    service: str = ""

    def run(self, client: Client, images: Images, folder: Path | None) -> score.Verdict:
        until(lambda: not client.list(SERVICE, "lab"), 120)
        until(lambda: reachable(client), 120)
        try:
            if self.service == REFUSED:
                self._make(client, images)
                until(lambda: any(podstate.ready(pod) for pod in self._pods(client)), 120)
            with self.broken(client):
                self._hit(client, images)
                snapshot = collect.collect(client, namespaces=["lab", CONTROL])
                result = diagnose.diagnose(snapshot)
                if folder is not None:
                    record.write(folder, self.case, "lab", snapshot)
        finally:
            if self.service:
                until(lambda: reachable(client), 120)
                client.delete(SERVICE, self.case.name, "lab")
                client.delete(RUNTIME, self.case.name, "lab")
        return score.judge(self.case, "lab", result["findings"])

    def _make(self, client: Client, images: Images) -> None:
        for obj in served("lab", images, self.case.name, SERVE + "serve(8080)"):
            kind = RUNTIME if obj["kind"] == "ServingRuntime" else SERVICE
            until(lambda kind=kind, obj=obj: _created(client, kind, obj))

    def _hit(self, client: Client, images: Images) -> None:
        if self.service == INSIDE:
            self._make(client, images)
            until(lambda: bool(self._pods(client)), 25)
            time.sleep(10)
        if self.service == REFUSED:
            for pod in self._pods(client):
                client.delete(resources.POD, pod["metadata"]["name"], "lab")
            until(lambda: any(_refused(item) for item in client.list(resources.REPLICASET, "lab")), 60)

    def _pods(self, client: Client) -> list[dict[str, Any]]:
        return client.list(resources.POD, "lab", label_selector=f"{LABEL_SERVICE}={self.case.name}")


def _created(client: Client, kind: Resource, obj: dict[str, Any]) -> bool:
    """The nodes' proxy rules follow the webhook's endpoints with a delay: a write may fail for a moment."""
    try:
        client.create(kind, obj)
    except WebhookUnavailable:
        return False
    return True


def _refused(replicaset: dict[str, Any]) -> bool:
    return podstate.condition(replicaset, "ReplicaFailure").get("status") == "True"


def _trial(name: str, code: str, words: tuple[str, ...], broken: Callable[[Client], Any], service: str = "") -> Trial:
    case = Case(name, "control_plane", FAULT, code, words, exclusive=True, anywhere=not service)
    return Trial(case, broken, service)


TRIALS = (
    _trial("cp-scaled", "KS020", ("scaled to 0", CONTROLLER), scaled_away),
    _trial("cp-crashing", "KS020", ("leader-elektion",), crashing),
    _trial("cp-secret", "KS020", (CERTIFICATE, "FailedMount"), certificate_gone),
    _trial("cp-endpoints", "KS017", (WEBHOOK_SERVICE, "kserve-controller-renamed"), endpoints_lost),
    _trial("cp-unanswered", "KS017", (WEBHOOK_SERVICE, "kserve-controller-renamed"), endpoints_lost, REFUSED),
    _trial("cp-bundle", "KS018", ("x509",), bundle_stale),
    _trial("cp-certificate", "KS018", ("x509", CERTIFICATE), bundles_stale, REFUSED),
    _trial("cp-unregistered", "KS144", ("pod-mutator", "defaulter"), unregistered, INSIDE),
    _trial("cp-config", "KS139", ("storageInitializer",), configured("storageInitializer", _cut)),
    _trial("cp-agent", "KS139", ("agent", "not JSON"), configured("agent", _cut), REFUSED),
    _trial("cp-amount", "KS139", ("memoryLimit", "lots"),
           configured("storageInitializer", _with(memoryLimit="lots")), REFUSED),
    _trial("cp-mode", "KS139", ("RawDeploymnt",), configured("deploy", _with(defaultDeploymentMode="RawDeploymnt"))),
    _trial("cp-gateway", "KS139", ("ingressGateway",), configured("ingress", _with(ingressGateway=None)), INSIDE),
)  # fmt: skip


def reachable(client: Client) -> bool:
    """Whether writes pass the webhooks again, several times in a row: the nodes' proxy rules follow with a delay."""
    container = {"name": "kserve-container", "image": "localhost/none:1"}
    body = {
        "apiVersion": RUNTIME.api_version,
        "kind": RUNTIME.kind,
        "metadata": {"name": "reachable", "namespace": "lab"},
        "spec": {"containers": [container]},
    }
    try:
        for _try in range(5):
            client.create(RUNTIME, body, "lab", dry_run=True)
    except ClusterError:
        return False
    return True


def wanted(names: list[str]) -> list[Trial]:
    return [
        trial
        for trial in TRIALS
        if not names or any(trial.case.name == name or trial.case.name.startswith(f"{name}-") for name in names)
    ]


def _controller_pods(client: Client) -> list[dict[str, Any]]:
    return client.list(resources.POD, CONTROL, label_selector=f"control-plane={CONTROLLER}")


def _restarts(pod: dict[str, Any]) -> int:
    return sum(int(item.get("restartCount") or 0) for item in (pod.get("status") or {}).get("containerStatuses") or [])


def _available(client: Client) -> bool:
    deployment = client.get(resources.DEPLOYMENT, CONTROLLER, CONTROL) or {}
    return bool((deployment.get("status") or {}).get("availableReplicas"))


def until(holds: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait until something holds; whether it did in time."""
    end = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(2)
    return held
