# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results as runtime_status returns them: a morning on call, a healthy cluster of any size, and nothing at all."""

from __future__ import annotations

from typing import Any

SERVING = "serving.kserve.io/v1beta1"
RUNTIMES = "serving.kserve.io/v1alpha1"
DOCS = "https://github.com/modelserving/kserve/tree/main/docs/findings.md"


def ref(kind: str, namespace: str | None, name: str, api_version: str = SERVING) -> dict[str, Any]:
    return {"api_version": api_version, "kind": kind, "namespace": namespace, "name": name}


def finding(code: str, severity: str, obj: dict[str, Any], title: str, cause: str, **more: Any) -> dict[str, Any]:
    given = {"affects": [], "evidence": [], "consequences": [], "remedy": {"text": "", "command": None, "patch": None}}
    fixed = {"code": code, "severity": severity, "object": obj, "title": title, "cause": cause}
    return {**fixed, "docs": f"{DOCS}#{code.lower()}", **given, **more}


def evidence(
    source: str, obj: dict[str, Any], text: str, path: str | None = None, time: str | None = None
) -> dict[str, Any]:
    return {"source": source, "object": obj, "path": path, "text": text, "time": time}


def pod(name: str, ready: bool, restarts: int = 0, reason: str | None = None, phase: str = "Running") -> dict[str, Any]:
    place = {"namespace": "models", "name": name, "node": "worker-2"}
    return {**place, "phase": phase, "ready": ready, "restarts": restarts, "reason": reason}


def runtime(name: str, formats: list[tuple[str, str]], image: str, namespace: str | None = None) -> dict[str, Any]:
    return {
        "api_version": RUNTIMES,
        "kind": "ServingRuntime" if namespace else "ClusterServingRuntime",
        "namespace": namespace,
        "name": name,
        "scope": "namespace" if namespace else "cluster",
        "disabled": False,
        "formats": [{"name": f, "version": v, "auto_select": True, "priority": 1} for f, v in formats],
        "protocols": ["v2"],
        "image": image,
        "priority": 1,
        "services": [],
        "replicas": {"wanted": 0, "ready": 0},
        "pods": [],
        "endpoints": [],
        "accelerators": {},
        "findings": [],
    }


def service(
    name: str, state: str, used: dict[str, Any] | None, pods: list[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    fixed = {
        "namespace": "models",
        "name": name,
        "state": state,
        "ready": state == "ready",
        "runtime": {"kind": used["kind"], "name": used["name"]} if used else None,
        "how": "selected" if used else None,
        "format": "sklearn",
        "version": "1",
        "protocol": "v2",
        "storage_uri": f"s3://models/{name}",
        "mode": "Standard",
        "url": f"http://{name}.models.example.com",
        "replicas": {"wanted": max(len(pods), 1), "ready": sum(1 for p in pods if p["ready"])},
        "pods": pods,
        "endpoints": [],
        "accelerators": {},
        "message": None,
        "findings": [],
    }
    made = {**fixed, **more}
    if used is not None:
        used["services"].append(
            {"namespace": made["namespace"], "name": name, "how": "selected", "state": state, "ready": True}
        )
    return made


def on_call() -> dict[str, Any]:
    """Five services, three of them in trouble, and a right that is missing."""
    mlserver = runtime("kserve-mlserver", [("sklearn", "1"), ("xgboost", "2")], "docker.io/seldonio/mlserver:1.7.1")
    triton = runtime(
        "triton-gpu", [("onnx", "1"), ("tensorrt", "8")], "nvcr.io/nvidia/tritonserver:25.08-py3", "models"
    )
    spare = runtime("kserve-torchserve", [("pytorch", "1")], "docker.io/pytorch/torchserve-kfs:0.9.0")
    services = [
        service("iris", "ready", mlserver, [pod("iris-predictor-7d9c5b6f4-x2k9q", True)]),
        service(
            "fraud-scoring",
            "failed",
            mlserver,
            [pod("fraud-scoring-predictor-5f6c7d8b9-8hq2m", False, 7, "CrashLoopBackOff")],
            findings=["KS036"],
            message="Failed to fetch model. No model found in /mnt/models.",
        ),
        service(
            "densenet",
            "failed",
            triton,
            [pod("densenet-predictor-6c8d9f7b5-l4w7z", False, 0, "Unschedulable", "Pending")],
            findings=["KS030"],
            format="onnx",
            accelerators={"nvidia.com/gpu": 1},
        ),
        service(
            "resnet",
            "loading",
            triton,
            [pod("resnet-predictor-78b5c9d4f-q9v2c", False), pod("resnet-predictor-78b5c9d4f-t5x8n", True)],
            format="onnx",
            accelerators={"nvidia.com/gpu": 1},
        ),
        service("churn", "unknown", None, [], findings=["KS003"], version="2", storage_uri="pvc://store/churn"),
    ]
    fraud, densenet, churn = (
        ref("InferenceService", "models", name) for name in ("fraud-scoring", "densenet", "churn")
    )
    fraud_pod = ref("Pod", "models", "fraud-scoring-predictor-5f6c7d8b9-8hq2m", "v1")
    findings = [
        finding(
            "KS036",
            "error",
            fraud,
            "There is no model under the storage URI",
            "The storage initializer reached the bucket and found nothing under s3://models/fraud-scoring/v12, so the "
            "server never starts. The path is wrong, or the model was not uploaded.",
            affects=[fraud],
            evidence=[
                evidence(
                    "log",
                    fraud_pod,
                    "RuntimeError: Failed to fetch model. No model found in s3://models/fraud-scoring/v12.",
                    "storage-initializer",
                    "2026-11-22T07:58:12Z",
                ),
                evidence("field", fraud, "s3://models/fraud-scoring/v12", "spec.predictor.model.storageUri"),
            ],
            remedy={
                "text": "Upload the model, or name the path where it lies.",
                "command": "kubectl -n models patch inferenceservice fraud-scoring --type merge "
                '-p \'{"spec":{"predictor":{"model":{"storageUri":"s3://models/fraud-scoring/v11"}}}}\'',
                "patch": {"spec": {"predictor": {"model": {"storageUri": "s3://models/fraud-scoring/v11"}}}},
            },
            consequences=[
                {"object": fraud_pod, "text": "The init container restarts for the seventh time (CrashLoopBackOff)."},
                {
                    "object": ref("Deployment", "models", "fraud-scoring-predictor", "apps/v1"),
                    "text": "MinimumReplicasUnavailable",
                },
            ],
        ),
        finding(
            "KS030",
            "error",
            densenet,
            "No node has a free nvidia.com/gpu",
            "2 nodes have nvidia.com/gpu and all 2 of them are taken, by models/resnet and by a pod outside KServe; "
            "1 node has none.",
            affects=[densenet],
            evidence=[
                evidence(
                    "event",
                    ref("Pod", "models", "densenet-predictor-6c8d9f7b5-l4w7z", "v1"),
                    "0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) had untolerated taint {x: y}.",
                    None,
                    "2026-11-22T08:01:40Z",
                ),
                evidence(
                    "node",
                    ref("Node", None, "gpu-1", "v1"),
                    "nvidia.com/gpu: 1 allocatable, 1 taken",
                    "status.allocatable",
                ),
            ],
            remedy={
                "text": "Free a GPU, add a node, or let the service wait in a queue.",
                "command": None,
                "patch": None,
            },
        ),
        finding(
            "KS003",
            "warning",
            churn,
            "No runtime supports sklearn version 2",
            "Versions are compared as text. kserve-mlserver supports sklearn 1 only.",
            affects=[churn],
            evidence=[
                evidence("field", churn, "NoSupportingRuntime", "status.modelStatus.lastFailureInfo.reason"),
                evidence("rule", ref("ClusterServingRuntime", None, "kserve-mlserver", RUNTIMES), "sklearn: 1, not 2"),
            ],
            remedy={
                "text": 'Ask for version "1", or add version "2" to a runtime whose image can load it.',
                "command": None,
                "patch": {"spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn", "version": "1"}}}}},
            },
        ),
        finding(
            "KS061",
            "info",
            ref("ServingRuntime", "models", "triton-gpu", RUNTIMES),
            "Metrics are scraped from port 9091, the server offers them on 8002",
            "enable-prometheus-scraping writes prometheus.io/port 9091 in Standard mode, whatever the runtime says.",
            affects=[ref("InferenceService", "models", "resnet")],
            evidence=[
                evidence("field", ref("Pod", "models", "resnet-predictor-78b5c9d4f-t5x8n", "v1"), "9091", "metadata")
            ],
            remedy={"text": "Scrape with a PodMonitor that names port 8002.", "command": None, "patch": None},
        ),
    ]
    return {
        "findings": findings,
        "runtimes": [mlserver, spare, triton],
        "services": services,
        "summary": {"error": 2, "warning": 1, "info": 1},
        "unseen": [
            {
                "what": "persistentvolumes",
                "reason": "forbidden",
                "message": "User on-call cannot list persistentvolumes at the cluster scope: grant get and list.",
            }
        ],
        "taken_at": "2026-11-22T08:02:07Z",
        "kserve_version": "0.20.0",
        "kubernetes_version": "v1.34.4",
    }


def many(count: int) -> dict[str, Any]:
    """So many services on four runtimes and in five namespaces, one in nine of them failing."""
    names = ("kserve-mlserver", "kserve-tritonserver", "kserve-sklearnserver", "kserve-huggingfaceserver")
    runtimes = [runtime(name, [("sklearn", "1")], f"docker.io/kserve/{name}:v0.20.0") for name in names]
    services, findings = [], []
    for index in range(count):
        state = "failed" if index % 9 == 4 else "loading" if index % 23 == 7 else "ready"
        name, namespace = f"model-{index:03}-{('churn', 'fraud', 'pricing', 'search')[index % 4]}", f"team-{index % 5}"
        pods = [
            pod(f"{name}-predictor-{n}", state == "ready", 0, "CrashLoopBackOff" if state == "failed" else None)
            for n in range(index % 7 + 1)
        ]
        codes = ["KS056"] if state == "failed" else []
        services.append(service(name, state, runtimes[index % 4], pods, namespace=namespace, findings=codes))
        if codes:
            hit = ref("InferenceService", namespace, name)
            text = "lastState.terminated: OOMKilled, exit code 137"
            findings.append(
                finding(
                    "KS056",
                    "error",
                    hit,
                    "The server was killed for memory",
                    "The model needs more than its limit of 2Gi.",
                    affects=[hit],
                    evidence=[evidence("field", ref("Pod", namespace, pods[0]["name"], "v1"), text, "status")],
                    remedy={"text": "Raise the memory limit.", "command": None, "patch": None},
                )
            )
    counts = {"error": len(findings), "warning": 0, "info": 0}
    when = "2026-11-22T08:02:07Z"
    return {
        "findings": findings,
        "runtimes": runtimes,
        "services": services,
        "summary": counts,
        "unseen": [],
        "taken_at": when,
    }


def one() -> dict[str, Any]:
    """One healthy service."""
    mlserver = runtime("kserve-mlserver", [("sklearn", "1")], "docker.io/seldonio/mlserver:1.7.1")
    services = [service("iris", "ready", mlserver, [pod("iris-predictor-7d9c5b6f4-x2k9q", True)])]
    return {**nothing(), "runtimes": [mlserver], "services": services}


def nothing() -> dict[str, Any]:
    """A cluster without anything."""
    empty: dict[str, Any] = {"findings": [], "runtimes": [], "services": [], "unseen": []}
    return {**empty, "summary": {"error": 0, "warning": 0, "info": 0}}
