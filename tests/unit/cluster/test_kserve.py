# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KServe's manifests made to fit a cluster without cert-manager, Knative and ingress."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cluster.kserve import Plan, config_changes, deployment_mode, parse_objects, probe_objects, wanted

PLAN = Plan("v0.20.0", "localhost/controller:v0.20.0", b"-----CA-----")


def item(kind: str, name: str, api: str = "v1", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, **fields}


@pytest.mark.parametrize(
    ("version", "mode"),
    [("v0.15.2", "RawDeployment"), ("v0.16.0", "Standard"), ("v0.20.0", "Standard"), ("v1.0.0", "Standard")],
)
def test_the_mode_without_knative(version: str, mode: str) -> None:
    assert deployment_mode(version) == mode
    assert config_changes(version)["deploy"] == {"defaultDeploymentMode": mode}


@pytest.mark.parametrize(
    ("one", "kept"),
    [
        (item("Certificate", "serving-cert", "cert-manager.io/v1"), False),
        (item("Issuer", "selfsigned-issuer", "cert-manager.io/v1"), False),
        (item("Deployment", "kserve-localmodel-controller-manager", "apps/v1"), False),
        (item("ValidatingWebhookConfiguration", "localmodelcache.serving.kserve.io"), False),
        (item("CustomResourceDefinition", "localmodelcaches.serving.kserve.io"), True),
        (item("Deployment", "kserve-controller-manager", "apps/v1"), True),
        (item("Service", "kserve-webhook-server-service"), True),
    ],
)
def test_what_is_installed(one: dict[str, Any], kept: bool) -> None:
    assert wanted(one) is kept


def test_the_controller_runs_the_given_image_without_its_sidecar() -> None:
    containers = [
        {"name": "kube-rbac-proxy", "image": "proxy"},
        {"name": "manager", "image": "published", "readinessProbe": {"initialDelaySeconds": 30, "httpGet": {}}},
    ]
    spec = {"template": {"spec": {"containers": containers}}}
    (made,) = PLAN.adapted([item("Deployment", "kserve-controller-manager", "apps/v1", spec=spec)])
    (manager,) = made["spec"]["template"]["spec"]["containers"]
    assert (manager["image"], manager["imagePullPolicy"]) == ("localhost/controller:v0.20.0", "IfNotPresent")
    assert "limits" not in manager["resources"]
    assert manager["readinessProbe"] == {"initialDelaySeconds": 1, "periodSeconds": 2, "httpGet": {}}


def test_every_webhook_trusts_the_new_authority() -> None:
    webhooks = [{"clientConfig": {"service": {}}}, {"clientConfig": {"caBundle": "Cg=="}}]
    (made,) = PLAN.adapted([item("MutatingWebhookConfiguration", "inferenceservice", webhooks=webhooks)])
    bundles = [base64.b64decode(webhook["clientConfig"]["caBundle"]) for webhook in made["webhooks"]]
    assert bundles == [b"-----CA-----"] * 2


def test_the_config_map_keeps_what_is_not_changed() -> None:
    data = {"ingress": '{"ingressDomain": "example.com", "disableIngressCreation": false}', "other": "kept"}
    (made,) = PLAN.adapted([item("ConfigMap", "inferenceservice-config", data=data)])
    assert json.loads(made["data"]["ingress"]) == {
        "ingressDomain": "example.com",
        "disableIngressCreation": True,
        "disableIstioVirtualHost": True,
    }
    assert json.loads(made["data"]["deploy"]) == {"defaultDeploymentMode": "Standard"}
    assert made["data"]["other"] == "kept"


def test_concatenated_documents_are_told_apart() -> None:
    assert list(parse_objects('{"a": {"b": "{"}}\n{"c": 1}\n')) == [{"a": {"b": "{"}}, {"c": 1}]
    assert list(parse_objects("\n")) == []


def test_the_probe_asks_both_webhooks() -> None:
    assert [each["kind"] for each in probe_objects()] == ["ServingRuntime", "InferenceService"]
