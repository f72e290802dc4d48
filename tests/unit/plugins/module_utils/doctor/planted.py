# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of many shapes, made from a seed (none is real), and a snapshot that holds them in every place."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from typing import Any

ALNUM = string.ascii_letters + string.digits


class Maker:
    """Random but repeatable text that always has a capital, a small letter and a digit."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def __call__(self, length: int, alphabet: str = ALNUM) -> str:
        body = "".join(self._random.choice(alphabet) for _ in range(length))
        return body if alphabet != ALNUM or length < 4 else "aZ7" + body[3:]

    def base64(self, length: int) -> str:
        return base64.b64encode(self(length).encode()).decode()


def pem(make: Maker, label: str) -> tuple[str, list[str]]:
    """A private key with real armour around random base64, and what must not remain of it."""
    lines = [make(64, ALNUM + "+/") for _ in range(6)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]), lines


def shapes(seed: int = 7) -> dict[str, tuple[str, list[str]]]:
    """name -> (the text as it would be found anywhere, the parts that must be gone)."""
    make = Maker(seed)
    found: dict[str, tuple[str, list[str]]] = {}

    def add(name: str, template: str, *secrets: str) -> None:
        found[name] = (template.format(*secrets), list(secrets))

    jwt = ".".join(
        base64.urlsafe_b64encode(part.encode()).decode().rstrip("=")
        for part in (json.dumps({"alg": "RS256", "kid": make(20)}), json.dumps({"sub": make(12)}), make(120))
    )
    add("json web token", "token review of {0} failed", jwt)
    add("bearer header", "Authorization: Bearer {0}", make(40))
    add("bearer in a sentence", "sent with bearer {0} to the registry", make(32))
    user, password = make(8), make(14)
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    add("basic header", "authorization: Basic {0}", basic)
    add(
        "basic in JSON", '{{"Proxy-Authorization": "Basic {0}"}}', base64.b64encode(b"joe:" + make(9).encode()).decode()
    )
    add("URL with credentials", "GET https://reader:{0}@models.example.com/iris failed", make(12))
    add("URL with a slash in the password", "postgres://app:{0}@db.example.com:5432/mlflow", make(5) + "/" + make(5))
    add("URL with a token alone", "cloning https://{0}@git.example.com/models.git", make(24))
    add("AWS access key id", "credentials for {0} expired", "AKIA" + make(16, string.ascii_uppercase + string.digits))
    add("AWS secret access key", "AWS_SECRET_ACCESS_KEY={0}", make(40, ALNUM + "+/"))
    add("AWS secret access key, bare", "tried {0} against S3", make(40))
    add(
        "AWS signed URL",
        "https://b.s3.amazonaws.com/m?X-Amz-Credential={0}%2F20260101&X-Amz-Signature={1}&X-Amz-Security-Token={2}",
        "ASIA" + make(16, string.ascii_uppercase + string.digits),
        make(64, "0123456789abcdef"),
        make(60),
    )
    add("Azure SAS", "https://a.blob.core.windows.net/c/m?sv=2024-01-01&sp=r&sig={0}%3D", make(43))
    add(
        "Azure connection string",
        "DefaultEndpointsProtocol=https;AccountName=models;AccountKey={0};EndpointSuffix=core.windows.net",
        make(86) + "==",
    )
    add("database connection string", "Server=db;Database=mlflow;User Id=app;Password={0};", make(12))
    add("GCP API key", "key {0} is not enabled", "AIza" + make(35))
    add("GCP OAuth token", "got {0} from the metadata server", "ya29." + make(60))
    key, lines = pem(make, "PRIVATE KEY")
    found["GCP service account"] = (
        json.dumps(
            {
                "type": "service_account",
                "project_id": "models",
                "private_key_id": (key_id := make(40, "0123456789abcdef")),
                "private_key": key,
            }
        ),
        [key_id, *lines],
    )
    for label in ("RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY"):
        found[label] = pem(make, label)
    key, lines = pem(make, "PRIVATE KEY")
    found["private key cut short"] = (key[: len(key) // 2], lines[:2])
    key, lines = pem(make, "PRIVATE KEY")
    found["private key in base64"] = ((encoded := base64.b64encode(key.encode()).decode()), [encoded, *lines])
    add("Hugging Face token", "HF hub said no to {0}", "hf_" + make(34))
    add("GitHub token", "remote: {0} has expired", "ghp_" + make(36))
    add("GitLab token", "remote: {0} has expired", "glpat-" + make(20))
    add("Slack token", "posting with {0}", "xoxb-" + make(24))
    add(
        "Slack webhook", "POST https://hooks.slack.com/services/{0}", "/".join(("T" + make(8), "B" + make(8), make(24)))
    )
    add("NVIDIA key", "NGC key {0} refused", "nvapi-" + make(64))
    add("OpenAI key", "using {0}", "sk-proj-" + make(40))
    add("OpenShift token", "oc login --token={0}", "sha256~" + make(43))
    add("Vault token", "vault says {0} is unknown", "hvs." + make(24))
    add("Docker token", "docker login with {0}", "dckr_pat_" + make(27))
    login = base64.b64encode(f"robot:{make(16)}".encode()).decode()
    found["registry login"] = (json.dumps({"auths": {"quay.io": {"auth": login}}}), [login])
    found["registry login in base64"] = (
        (encoded := base64.b64encode(json.dumps({"auths": {"quay.io": {"auth": login}}}).encode()).decode()),
        [encoded],
    )
    add(
        "kubeconfig",
        "users:\n- name: admin\n  user:\n    client-key-data: {0}\n    token: {1}\n",
        make.base64(60),
        make(30),
    )
    add("password in YAML", "user: app\npassword: {0}\nhost: db\n", make(11))
    add("password in a block of YAML", "password: |\n  {0}\nuser: app\n", make(11))
    add("password in a document in YAML", "credentials: |\n  user: app\n  password: {0}\nhost: db\n", make(11))
    add("password in an argument", "--s3-secret-key={0} --verbose", make(18))
    add("password in two arguments", "server --api-key {0} --port 8080", make(18))
    add("password in quotes", "db_password = '{0} {1}'", make(7), make(8))
    add("password in Python's print", "{{'user': 'app', 'password': '{0}'}}", make(13))
    add("password in escaped JSON", '{{\\"secret_key\\": \\"{0}\\"}}', make(15))
    add("password in Go's print", "{{User:app Password:{0} Host:db}}", make(15))
    add("password hash", "admin:{0}", "$2y$05$" + make(53))
    add("cookie", "Set-Cookie: session={0}; Path=/", make(30))
    add("curl", "curl -u reader:{0} https://models.example.com", make(13))
    return found


# Ordinary values that must stay as they are, whatever surrounds them.
ORDINARY = (
    "nvcr.io/nvidia/tritonserver:25.08-py3",
    "docker.io/seldonio/mlserver@sha256:" + "0f1e2d3c4b5a6978" * 4,
    "docker-pullable://kserve/sklearnserver@sha256:" + "0f1e2d3c4b5a6978" * 4,
    "sha256:" + "0f1e2d3c4b5a6978" * 4,
    "0f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c",
    "5d1f7a30-2c44-4f0e-9a51-6a1b2c3d4e5f",
    "18446744073709551615",
    "s3://models/sklearn/iris",
    "pvc://model-store/triton/densenet_onnx",
    "hf://meta-llama/Llama-3.1-8B-Instruct",
    "/mnt/models/simple_string/1/model.py",
    "/var/run/secrets/kubernetes.io/serviceaccount/token",
    "https://models.example.com:8443/v2/models/iris/ready?verbose=true",
    "serving.kserve.io/v1beta1",
    "torch-resnet50-predictor-6d4f7c9b8d-x2k9q",
    "sk-learn-iris-predictor-00001-deployment-7c9d8",
    "iris-predictor.models.svc.cluster.local",
    "KeyError: 'predict_proba'",
    "couldn't find key access_key_id in Secret models/storage-config",
    'MountVolume.SetUp failed for volume "creds" : secret "storage-config" not found',
    "references non-existent secret key: HF_TOKEN",
    "spec.predictor.model.env[0].valueFrom.secretKeyRef.name",
    "--max-num-batched-tokens=8192 --max-model-len=4096",
    "eos_token: </s> pad_token_id: 0",
    "0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) had untolerated taint {nvidia.com/gpu: true}.",
    "TOKENIZERS_PARALLELISM=false",
    "Invalid token: expired",
    "# ================ CREDENTIALS ================",
    'credentials: |-\n  {\n    "storageSpecSecretName": "storage-config",\n    "s3Endpoint": ""\n  }\n',
    "Basic authentication required",
    'WWW-Authenticate: Bearer realm="https://auth.example.io/token",service="registry"',
    "unable to find backend library for backend 'tensorflow', try specifying runtime on the model configuration.",
    "2026-11-22T13:05:59.123456Z",
    'nv_inference_request_success{model="simple",version="1"} 12',
)


def snapshot(text: str, secret: str | None = None) -> dict[str, Any]:
    """A snapshot with *text* in every place that can hold one, and the bare *secret* where only its name tells."""
    bare = secret or text
    encoded = base64.b64encode(text.encode()).decode()
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "iris-predictor-0",
            "namespace": "models",
            "annotations": {"note": text, "kubectl.kubernetes.io/last-applied-configuration": json.dumps({"x": text})},
        },
        "spec": {
            "containers": [
                {
                    "name": "kserve-container",
                    "image": "docker.io/seldonio/mlserver:1.7.1",
                    "args": ["--config", text, "--hf-token", bare, f"--api-key={bare}"],
                    "command": ["sh", "-c", f"export MODEL_SECRET='{bare}'; exec mlserver start"],
                    "env": [
                        {"name": "SETTINGS", "value": text},
                        {"name": "DB_PASSWORD", "value": bare},
                        {"name": "HF_TOKEN", "value": bare},
                        {"name": "STORAGE_KEY", "value": bare},
                        {
                            "name": "FROM_SECRET",
                            "valueFrom": {"secretKeyRef": {"name": "storage-config", "key": "password"}},
                        },
                    ],
                    "livenessProbe": {
                        "httpGet": {"path": "/", "httpHeaders": [{"name": "Authorization", "value": bare}]}
                    },
                }
            ]
        },
        "status": {"containerStatuses": [{"name": "kserve-container", "state": {"waiting": {"message": text}}}]},
    }
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "iris.17", "namespace": "models"},
        "involvedObject": {"kind": "Pod", "namespace": "models", "name": "iris-predictor-0"},
        "message": f"Error: {text}",
    }
    configmap = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "inferenceservice-config", "namespace": "kserve"},
        "data": {"settings": text, "nested": json.dumps({"storage": {"config": text}}), "tls.key": bare},
    }
    secret_object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "storage-config", "namespace": "models"},
        "data": {"anything": encoded},
        "stringData": {"more": text},
    }
    service = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "iris", "namespace": "models"},
        "spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn"}, "storageUri": text}}},
        "status": {
            "modelStatus": {"lastFailureInfo": {"message": text}},
            "conditions": [{"type": "Ready", "message": text}],
        },
    }
    return {
        "schema": "modelserving.kserve/snapshot",
        "version": 1,
        "taken_at": "2026-11-22T13:00:00Z",
        "namespaces": None,
        "objects": {
            "pods": [pod],
            "events": [event],
            "configmaps": [configmap],
            "secrets": [secret_object],
            "inferenceservices.serving.kserve.io": [service],
        },
        "names_of": {"secrets": {"models": ["storage-config"]}, "configmaps": {}},
        "logs": [
            {
                "namespace": "models",
                "pod": "iris-predictor-0",
                "container": "kserve-container",
                "previous": False,
                "head": f"INFO starting\nERROR {text}\nlast line",
                "tail": f"{text}\nalso {encoded}",
                "truncated": True,
            }
        ],
        "probes": [
            {
                "namespace": "models",
                "service": "iris",
                "component": "predictor",
                "purpose": "model",
                "via": "services",
                "target": "iris-predictor",
                "port": 80,
                "path": "/v2/models/iris/ready",
                "method": "GET",
                "status": 500,
                "body": json.dumps({"error": text}),
                "error": None,
                "time": "2026-11-22T13:00:00Z",
            }
        ],
        "unseen": [{"what": "nodes", "reason": "forbidden", "message": text}],
    }


def leaks(output: str, parts: list[str]) -> list[str]:
    """The secret parts that an output still shows: as they are, or as JSON, HTML and XML would write them."""
    forms: list[Callable[[str], str]] = [
        lambda part: part,
        lambda part: base64.b64encode(part.encode()).decode(),
        lambda part: part.replace("/", "\\/"),
        lambda part: part.replace("+", "&#43;"),
        lambda part: part.replace("/", "%2F").replace("+", "%2B"),
    ]
    return [part for part in parts if any(form(part) in output for form in forms)]
