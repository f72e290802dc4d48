# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of the control plane: one at a time, and undone whatever happens."""

from __future__ import annotations

import base64
import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import collect, diagnose
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds

from tests.lab import record, score
from tests.lab.cases import FAULT, Case, Images

SERVICE = Resource(*kinds.INFERENCE_SERVICE)
CONTROL = "kserve"
CONTROLLER = "kserve-controller-manager"
WEBHOOK_SERVICE = "kserve-webhook-server-service"
WEBHOOKS = "inferenceservice.serving.kserve.io"
CONFIG = "inferenceservice-config"


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
        time.sleep(6)
        yield
    finally:
        client.patch(
            resources.SERVICE, WEBHOOK_SERVICE, {"spec": {"selector": {"control-plane": None, **selector}}}, CONTROL
        )


@contextmanager
def bundle_stale(client: Client) -> Iterator[None]:
    """Another authority's certificate: here the API server's own, which signs nothing of KServe's."""
    other = (client.get(resources.CONFIGMAP, "kube-root-ca.crt", CONTROL) or {})["data"]["ca.crt"]
    bundle = base64.b64encode(other.encode()).decode()
    with _webhooks(client, lambda webhook: webhook["clientConfig"].update(caBundle=bundle)):
        yield


@contextmanager
def _webhooks(client: Client, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    kind = resources.MUTATINGWEBHOOKCONFIGURATION
    found = client.get(kind, WEBHOOKS) or {}
    before = copy.deepcopy(found["webhooks"])
    changed = copy.deepcopy(found["webhooks"])
    for webhook in changed:
        change(webhook)
    client.patch(kind, WEBHOOKS, {"webhooks": changed})
    try:
        time.sleep(4)
        yield
    finally:
        client.patch(kind, WEBHOOKS, {"webhooks": before})


@contextmanager
def config_broken(client: Client) -> Iterator[None]:
    found = client.get(resources.CONFIGMAP, CONFIG, CONTROL) or {}
    before = found["data"]["storageInitializer"]
    client.patch(resources.CONFIGMAP, CONFIG, {"data": {"storageInitializer": before.rstrip().rstrip("}")}}, CONTROL)
    try:
        yield
    finally:
        client.patch(resources.CONFIGMAP, CONFIG, {"data": {"storageInitializer": before}}, CONTROL)


@dataclass
class Trial:
    """One fault of the control plane: ``broken`` is a context in which it lasts."""

    case: Case
    broken: Callable[[Client], Any]

    def run(self, client: Client, _images: Images, folder: Path | None) -> score.Verdict:
        until(lambda: not client.list(SERVICE, "lab"), 120)
        until(lambda: reachable(client), 120)
        with self.broken(client):
            snapshot = collect.collect(client, namespaces=["lab", CONTROL])
            result = diagnose.diagnose(snapshot)
            if folder is not None:
                record.write(folder, self.case, "lab", snapshot)
        return score.judge(self.case, "lab", result["findings"])


def _case(name: str, code: str, *words: str) -> Case:
    return Case(name, "control_plane", FAULT, code, words, exclusive="yes")


TRIALS = (
    Trial(_case("cp-scaled", "KS020", "scaled to 0", CONTROLLER), scaled_away),
    Trial(_case("cp-crashing", "KS020", "leader-elektion"), crashing),
    Trial(_case("cp-endpoints", "KS017", WEBHOOK_SERVICE, "kserve-controller-renamed"), endpoints_lost),
    Trial(_case("cp-bundle", "KS018", "x509"), bundle_stale),
    Trial(_case("cp-config", "KS139", "storageInitializer"), config_broken),
)


def reachable(client: Client) -> bool:
    """Whether writes pass the webhooks again, several times in a row: the nodes' proxy rules follow with a delay."""
    runtime = Resource(*kinds.SERVING_RUNTIME)
    container = {"name": "kserve-container", "image": "localhost/none:1"}
    body = {
        "apiVersion": runtime.api_version,
        "kind": runtime.kind,
        "metadata": {"name": "reachable", "namespace": "lab"},
        "spec": {"containers": [container]},
    }
    try:
        for _try in range(5):
            client.create(runtime, body, "lab", dry_run=True)
    except ClusterError:
        return False
    return True


def wanted(names: list[str]) -> list[Trial]:
    return [trial for trial in TRIALS if not names or any(trial.case.name.startswith(name) for name in names)]


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
