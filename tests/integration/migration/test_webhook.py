# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The previous schema and its migration, both put to KServe's webhook: what is stored must be the same."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.filter.migrate import migrate
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import defaulting, kinds, migration
from ansible_collections.modelserving.kserve.plugins.plugin_utils import manifest

SERVICE = Resource(*kinds.INFERENCE_SERVICE)

# What services of KServe 0.7 to 0.9 set beside the storage URI.
EXTENSIONS: dict[str, dict[str, Any]] = {
    "storage URI": {"storageUri": "s3://bucket/model"},
    "nothing": {},
    "protocol": {"storageUri": "s3://bucket/model", "protocolVersion": "v2"},
    "protocol v1": {"storageUri": "s3://bucket/model", "protocolVersion": "v1"},
    "runtime version": {"storageUri": "s3://bucket/model", "runtimeVersion": "v0.9.0-gpu"},
    "container overrides": {
        "storageUri": "pvc://models/a",
        "image": "example.invalid/server:1",
        "args": ["--nthread=2"],
        "env": [{"name": "OMP_NUM_THREADS", "value": "1"}],
        "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": "1", "nvidia.com/gpu": "1"}},
        "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": 8080}},
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    },
    "storage": {"storage": {"key": "credentials", "path": "models/a", "parameters": {"bucket": "b"}}},
}


def service(framework: str, extension: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.kind,
        "metadata": {"name": f"old-{framework}", "annotations": {"example.com/kept": "yes"}},
        "spec": {
            "predictor": {
                "minReplicas": 0,
                "serviceAccountName": "models",
                framework: extension,
                "volumes": [{"name": "scratch", "emptyDir": {}}],
            }
        },
    }


def stored(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    """Return annotations and spec as the webhook leaves them (nothing is written)."""
    made = client.create(SERVICE, copy.deepcopy(body), "default", dry_run=True)
    return {"annotations": made["metadata"]["annotations"], "spec": made["spec"]}


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("framework", defaulting.FRAMEWORKS)
def test_both_forms_are_stored_alike(client: Client, framework: str, extension: str) -> None:
    old = service(framework, EXTENSIONS[extension])
    new = migrate(old)
    assert "model" in new["spec"]["predictor"] and framework not in new["spec"]["predictor"]
    assert stored(client, new) == stored(client, old)


@pytest.mark.parametrize("framework", defaulting.FRAMEWORKS)
def test_manifests_are_stored_alike(client: Client, framework: str) -> None:
    text = yaml.safe_dump(service(framework, EXTENSIONS["container overrides"]), sort_keys=False)
    migrated, found = manifest.migrate(text)
    assert len(found) == 1
    assert stored(client, yaml.safe_load(migrated)) == stored(client, yaml.safe_load(text))


def test_the_first_framework_wins_over_a_model_beside_it(client: Client) -> None:
    old = service("sklearn", {"storageUri": "s3://bucket/old"})
    old["spec"]["predictor"]["model"] = {"modelFormat": {"name": "onnx"}, "storageUri": "s3://bucket/lost"}
    assert stored(client, migrate(old)) == stored(client, old)


@pytest.mark.parametrize("migrated", [False, True])
def test_a_name_is_refused_in_both_forms_and_told_of(client: Client, migrated: bool) -> None:
    old = service("sklearn", {"storageUri": "s3://bucket/a", "name": "kfserving-container"})
    plan = migration.plan(old)
    with pytest.raises(ClusterError, match="the 'name' field is not allowed in standard predictor"):
        stored(client, plan.service if migrated else old)
    assert any("name" in note and "refuses" in note for note in plan.notes)


def test_two_frameworks_are_refused_as_the_webhook_refuses_them(client: Client) -> None:
    old = service("sklearn", {"storageUri": "s3://bucket/a"})
    old["spec"]["predictor"]["xgboost"] = {"storageUri": "s3://bucket/b"}
    with pytest.raises(ClusterError, match="exactly one of"):
        stored(client, old)
    with pytest.raises(Exception, match="has sklearn and xgboost"):
        migrate(old)


DEFAULTING: dict[str, dict[str, Any]] = {
    "triton asks for v2": {"model": {"modelFormat": {"name": "triton"}}},
    "vLLM asks for v2": {"model": {"modelFormat": {"name": "vLLM"}}},
    "vllm does not": {"model": {"modelFormat": {"name": "vllm"}}},
    "onnx as a model does not": {"model": {"modelFormat": {"name": "onnx"}}},
    "a protocol stays": {"model": {"modelFormat": {"name": "triton"}, "protocolVersion": "grpc-v2"}},
    **{f"{name} of the previous schema": {name: {"storageUri": "s3://b/m"}} for name in defaulting.FRAMEWORKS},
}
MODES = {"none": None, "old raw": "RawDeployment", "old serverless": "Serverless", "standard": "Standard"}


def same_defaults(predicted: dict[str, Any], real: dict[str, Any]) -> None:
    """Assert that what is predicted is stored; the webhook writes empty fields of the container besides."""
    model, wanted = real["spec"]["predictor"]["model"], predicted["spec"]["predictor"]["model"]
    assert {key: value for key, value in model.items() if value not in ("", {})} == wanted
    annotations = predicted["metadata"].get("annotations") or {}
    assert {key: real["annotations"].get(key) for key in annotations} == annotations


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", DEFAULTING)
def test_defaulting(client: Client, case: str, mode: str) -> None:
    wanted = {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.kind,
        "metadata": {"name": "defaulted"},
        "spec": {"predictor": copy.deepcopy(DEFAULTING[case])},
    }
    if MODES[mode]:
        wanted["metadata"]["annotations"] = {kinds.ANNOTATION_DEPLOYMENT_MODE: MODES[mode]}
    same_defaults(defaulting.default_service(wanted), stored(client, wanted))
