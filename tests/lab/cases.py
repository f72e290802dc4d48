# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cases: what is made, when it has shown itself, which finding must come first and what its cause must name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.lab import manifests as m
from tests.lab.manifests import Object

FAULT = "fault"
HEALTHY = "healthy"

GPU_NODE = "lab-gpu"
BUSY_NODE = "lab-busy"
DRIVERLESS_NODE = "lab-driverless"
CORDONED_NODE = "lab-cordoned"
PRESSED_NODE = "lab-pressed"
# An extended resource of which the real node has one.
SLOT = "example.org/lab-slot"


@dataclass(frozen=True)
class Images:
    mlserver: str
    triton: str


@dataclass
class Case:
    """``code`` and ``words``: the finding that must come first, and what its cause has to name (any case).

    ``settled`` is a condition on the cluster (see settle.py), never on findings; ``seconds`` how long to wait at least.
    ``later`` are objects put there once ``settled_first`` holds. ``own`` gives the case a namespace of its own.
    ``exclusive`` cases are about the control plane; those found ``anywhere`` hit no service of the case's name.
    """

    name: str
    theme: str
    kind: str
    code: str = ""
    words: tuple[str, ...] = ()
    objects: Callable[[str, Images], list[Object]] = lambda _namespace, _images: []
    settled: str = "seconds"
    seconds: float = 20.0
    timeout: float = 240.0
    later: Callable[[str, Images], list[Object]] | None = None
    settled_first: str = "ready"
    own: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    exclusive: bool = False
    anywhere: bool = False
    deleted: bool = False

    @property
    def service(self) -> str:
        return self.name


_CASES: list[Case] = []


def fault(
    name: str,
    theme: str,
    code: str,
    words: str | tuple[str, ...],
    settled: str = "seconds",
    **more: Any,
) -> Callable[[Callable[[str, Images], list[Object]]], Callable[[str, Images], list[Object]]]:
    def register(objects: Callable[[str, Images], list[Object]]) -> Callable[[str, Images], list[Object]]:
        wanted = (words,) if isinstance(words, str) else words
        _CASES.append(Case(name, theme, FAULT, code, wanted, objects, settled, **more))
        return objects

    return register


def healthy(name: str, settled: str = "ready", **more: Any) -> Callable[..., Any]:
    def register(objects: Callable[[str, Images], list[Object]]) -> Callable[[str, Images], list[Object]]:
        _CASES.append(Case(name, "healthy", HEALTHY, "", (), objects, settled, **more))
        return objects

    return register


def all_cases() -> list[Case]:
    return list(_CASES)


def _ml(namespace: str, images: Images, name: str, uri: str = "iris", **more: Any) -> list[Object]:
    """An MLServer runtime and a service on it, both named after the case."""
    model = {"storageUri": f"pvc://models/{uri}", **more.pop("model", {})}
    service = {key: more.pop(key) for key in ("predictor", "annotations", "labels") if key in more}
    spec = {
        key: more.pop(key)
        for key in (
            "formats",
            "protocols",
            "sidecars",
            "volumes",
            "nodeSelector",
            "affinity",
            "tolerations",
            "disabled",
        )
        if key in more
    }
    spec["pod_annotations"] = more.pop("pod_annotations", {})
    return [
        m.runtime(namespace, name, m.mlserver(images.mlserver, **more), **spec),
        m.service(namespace, name, name, model=model, **service),
    ]


def _tri(namespace: str, images: Images, name: str, uri: str, *args: str, **more: Any) -> list[Object]:
    spec = {key: more.pop(key) for key in ("volumes", "pod_annotations") if key in more}
    formats = [{"name": "triton", "version": "2"}]
    return [
        m.runtime(namespace, name, m.triton(images.triton, *args, **more), formats=formats, **spec),
        m.service(
            namespace, name, name, model={"modelFormat": {"name": "triton"}, "storageUri": f"pvc://models/{uri}"}
        ),
    ]


def served(namespace: str, images: Images, name: str, code: str, **more: Any) -> list[Object]:
    """A server of a few lines of Python, its runtime and a service on it, both named after the case."""
    spec = {key: more.pop(key) for key in ("volumes", "sidecars", "pod_annotations", "formats") if key in more}
    service = {key: more.pop(key) for key in ("predictor", "model", "annotations", "labels") if key in more}
    return [
        m.runtime(namespace, name, m.program(images.mlserver, code, **more), **spec),
        m.service(namespace, name, name, **service),
    ]


SERVE = """
import http.server, json, os, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"{}"
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
def serve(port):
    server = http.server.ThreadingHTTPServer(("0.0.0.0", port), Handler)
    print(f"INFO: Uvicorn running on http://0.0.0.0:{port} (Press CTRL+C to quit)")
    server.serve_forever()
"""


# -- selection and specification --------------------------------------------------------------------------------------


@fault("sel-unknown", "selection", "KS001", "sklearn-runtime-of-nobody", "no_deployment")
def _(ns: str, images: Images) -> list[Object]:
    return [m.service(ns, "sel-unknown", "sklearn-runtime-of-nobody")]


@fault("sel-elsewhere", "selection", "KS001", ("sel-elsewhere", "lab-own-sel-elsewhere"), "no_deployment", own=True)
def _(ns: str, images: Images) -> list[Object]:
    return [
        m.runtime("lab", "sel-elsewhere-rt", m.mlserver(images.mlserver)),
        m.service(ns, "sel-elsewhere", "sel-elsewhere-rt"),
    ]


@fault("sel-disabled", "selection", "KS002", ("disabled", "sel-disabled"), "no_deployment")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "sel-disabled", disabled=True)


@fault("sel-version", "selection", "KS003", ("1.0", "version"), "no_deployment")
def _(ns: str, images: Images) -> list[Object]:
    formats = [{"name": "labversion", "version": "1", "autoSelect": True}]
    made = _ml(ns, images, "sel-version", formats=formats)
    made[1]["spec"]["predictor"]["model"].update(
        modelFormat={"name": "labversion", "version": "1.0"}, protocolVersion="v2"
    )
    del made[1]["spec"]["predictor"]["model"]["runtime"]
    return made


@fault("sel-format", "selection", "KS003", ("xgboost", "sel-format"), "no_deployment")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "sel-format", model={"modelFormat": {"name": "xgboost"}})


@fault("sel-protocol", "selection", "KS004", ("v1", "v2", "sel-protocol"), "no_deployment")
def _(ns: str, images: Images) -> list[Object]:
    formats = [{"name": "labprotocol", "version": "1", "autoSelect": True}]
    made = _ml(ns, images, "sel-protocol", formats=formats, model={"modelFormat": {"name": "labprotocol"}})
    del made[1]["spec"]["predictor"]["model"]["runtime"]
    return made


@fault("sel-explicit-protocol", "selection", "KS004", ("v1", "sel-explicit-protocol"), "no_deployment")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "sel-explicit-protocol", model={"protocolVersion": "v1"})


@fault("sel-auto", "selection", "KS005", ("sel-auto", "autoSelect"), "no_deployment")
def _(ns: str, images: Images) -> list[Object]:
    formats = [{"name": "labauto", "version": "1", "autoSelect": False}]
    made = _ml(
        ns, images, "sel-auto", formats=formats, model={"modelFormat": {"name": "labauto"}, "protocolVersion": "v2"}
    )
    del made[1]["spec"]["predictor"]["model"]["runtime"]
    return made


@fault("sel-container", "selection", "KS006", ("kserve-container", "mlserver-main"), "no_deployment")
def _(ns: str, images: Images) -> list[Object]:
    return [
        m.runtime(ns, "sel-container", {**m.mlserver(images.mlserver), "name": "mlserver-main"}),
        m.service(ns, "sel-container", "sel-container"),
    ]  # fmt: skip


@fault("sel-placeholder", "selection", "KS007", ("{{.ModelName}}",), "no_deployment")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "sel-placeholder", env={"MLSERVER_MODEL_NAME": "{{.ModelName}}"})


@fault("sel-label", "selection", "KS009", ("MLSERVER_MODEL_IMPLEMENTATION", "modelClass"), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "sel-label", env={"MLSERVER_MODEL_IMPLEMENTATION": "{{.Labels.modelClass}}"})


# -- control plane, where it is no more than one service's ------------------------------------------------------------


@fault("cp-knative", "control_plane", "KS022", ("Knative",), "no_deployment")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "cp-knative", annotations={"serving.kserve.io/deploymentMode": "Knative"})


@fault("cp-invalid", "control_plane", "KS021", ("limit", "cpu"), "no_deployment")
def _(ns: str, images: Images) -> list[Object]:
    resources = {"requests": {"cpu": "2", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    return _ml(ns, images, "cp-invalid", resources=resources)


@fault("cp-scheme", "storage", "KS040", ("ftp://models.example.org/iris",), "no_deployment")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "cp-scheme", model={"storageUri": "ftp://models.example.org/iris"})


# -- quota and policy -------------------------------------------------------------------------------------------------


@fault("pol-quota", "policy", "KS023", ("team-quota", "memory"), "refused", own=True)
def _(ns: str, images: Images) -> list[Object]:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": m.metadata("team-quota", ns),
        "spec": {"hard": {"requests.memory": "32Mi"}},
    }
    return [quota, *_ml(ns, images, "pol-quota")]


@fault("pol-demands", "policy", "KS023", ("limits-wanted", "limits.cpu"), "refused", own=True)
def _(ns: str, images: Images) -> list[Object]:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": m.metadata("limits-wanted", ns),
        "spec": {"hard": {"limits.cpu": "8"}},
    }
    resources = {"requests": {"cpu": "20m", "memory": "64Mi"}}
    return [quota, *_ml(ns, images, "pol-demands", resources=resources)]


@fault("pol-limits", "policy", "KS024", ("512Mi", "1Gi"), "refused", own=True)
def _(ns: str, images: Images) -> list[Object]:
    limits = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": m.metadata("small-containers", ns),
        "spec": {"limits": [{"type": "Container", "max": {"memory": "512Mi"}}]},
    }
    return [limits, *_ml(ns, images, "pol-limits")]


@fault("pol-security", "policy", "KS025", ("PodSecurity", "privileged"), "refused", own=True,
       labels={"pod-security.kubernetes.io/enforce": "baseline"})  # fmt: skip
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "pol-security", securityContext={"privileged": True})


@fault("pol-account", "policy", "KS104", ("model-reader",), "refused")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "pol-account", predictor={"serviceAccountName": "model-reader"})


@fault("pol-priority", "policy", "KS132", ("inference-high",), "refused")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "pol-priority", predictor={"priorityClassName": "inference-high"})


@fault("pol-admission", "policy", "KS105", ("lab-owner-label", "cost-centre"), "refused", own=True)
def _(ns: str, images: Images) -> list[Object]:
    api = "admissionregistration.k8s.io/v1"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    policy = {
        "apiVersion": api,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": m.metadata("lab-owner-label"),
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [
                {"expression": "'cost-centre' in object.metadata.labels", "message": "pods need the label cost-centre"}
            ],
        },
    }
    binding = {
        "apiVersion": api,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": m.metadata("lab-owner-label"),
        "spec": {
            "policyName": "lab-owner-label",
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ns}}},
        },
    }
    return [policy, binding, *_ml(ns, images, "pol-admission")]


@fault("pol-runtimeclass", "policy", "KS133", ("gvisor-lab",), "refused")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "pol-runtimeclass", predictor={"runtimeClassName": "gvisor-lab"})


# -- images -----------------------------------------------------------------------------------------------------------


@fault("img-host", "image", "KS026", ("registry.lab.invalid",), "waiting:ImagePullBackOff,ErrImagePull", seconds=30)
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "img-host", image="registry.lab.invalid/team/mlserver:1.7.1")


@fault(
    "img-refused", "image", "KS026", ("127.0.0.1:5999", "refused"), "waiting:ImagePullBackOff,ErrImagePull", seconds=30
)
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "img-refused", image="127.0.0.1:5999/mlserver:1.7.1")


@fault("img-tag", "image", "KS026", ("99.9",), "waiting:ImagePullBackOff,ErrImagePull", seconds=30)
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "img-tag", image=images.mlserver.rsplit(":", 1)[0] + ":99.9")


@fault("img-name", "image", "KS027", ("Team/MLServer:latest",), "waiting:InvalidImageName")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "img-name", image="Team/MLServer:latest")


@fault("img-never", "image", "KS028", ("mlserver-of-my-laptop", "Never"), "waiting:ErrImageNeverPull")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "img-never", image="localhost/mlserver-of-my-laptop:1", imagePullPolicy="Never")


@fault("img-arch", "image", "KS029", ("architecture",), "failed")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "img-arch", uri="arm64", command=["/mnt/models/server"], args=None)


# -- scheduling and accelerators --------------------------------------------------------------------------------------


@fault("sch-cpu", "scheduling", "KS033", ("cpu", "64"), "unscheduled")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "sch-cpu", resources={"requests": {"cpu": "64", "memory": "64Mi"}})


@fault("sch-memory", "scheduling", "KS033", ("memory", "900"), "unscheduled")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "sch-memory", resources={"requests": {"cpu": "20m", "memory": "900Gi"}})


@fault("sch-selector", "scheduling", "KS032", ("disktype", "nvme"), "unscheduled")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "sch-selector", nodeSelector={"disktype": "nvme"})


@fault("sch-affinity", "scheduling", "KS032", ("topology.kubernetes.io/zone", "eu-west-9a"), "unscheduled")
def _(ns: str, images: Images) -> list[Object]:
    term = {"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["eu-west-9a"]}]}
    wanted = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    return _ml(ns, images, "sch-affinity", affinity=wanted)


def _gpu(count: str, name: str = "nvidia.com/gpu") -> Object:
    return {"requests": {"cpu": "20m", "memory": "64Mi", name: count}, "limits": {name: count}}


@fault("gpu-taint", "scheduling", "KS031", ("dedicated=inference", GPU_NODE), "unscheduled")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "gpu-taint", resources=_gpu("1"), nodeSelector={"kubernetes.io/hostname": GPU_NODE})


@fault("gpu-taken", "scheduling", "KS030", ("nvidia.com/gpu", "training-job", BUSY_NODE), "unscheduled")
def _(ns: str, images: Images) -> list[Object]:
    tolerations = [{"key": "dedicated", "operator": "Equal", "value": "training", "effect": "NoSchedule"}]
    return _ml(ns, images, "gpu-taken", resources=_gpu("1"), tolerations=tolerations)


@fault("gpu-absent", "scheduling", "KS030", ("amd.com/gpu",), "unscheduled")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "gpu-absent", resources=_gpu("1", "amd.com/gpu"))


@fault("gpu-driver", "scheduling", "KS030", ("driver", DRIVERLESS_NODE), "unscheduled")
def _(ns: str, images: Images) -> list[Object]:
    selector = {"kubernetes.io/hostname": DRIVERLESS_NODE}
    return _ml(ns, images, "gpu-driver", resources=_gpu("1"), nodeSelector=selector)


@fault("sch-scheduler", "scheduling", "KS126", ("volcano-lab",), "unscheduled", seconds=45)
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "sch-scheduler", predictor={"schedulerName": "volcano-lab"})


@fault("sch-spread", "scheduling", "KS123", ("podAntiAffinity", "kubernetes.io/hostname"), "unscheduled", seconds=40)
def _(ns: str, images: Images) -> list[Object]:
    term = {"labelSelector": {"matchLabels": {"lab": "sch-spread"}}, "topologyKey": "kubernetes.io/hostname"}
    wanted = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    code = SERVE + "serve(8080)"
    return served(
        ns,
        images,
        "sch-spread",
        code,
        predictor={"affinity": wanted, "labels": {"lab": "sch-spread"}, "minReplicas": 2},
    )


@fault("sch-gated", "scheduling", "KS034", ("example.org/budget",), "unscheduled")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "sch-gated", predictor={"schedulingGates": [{"name": "example.org/budget"}]})


@fault("sch-evicted", "scheduling", "KS035", ("scratch", "5Mi"), "evicted", timeout=200)
def _(ns: str, images: Images) -> list[Object]:
    code = "import time; open('/scratch/f', 'wb').write(bytes(40 * 1024 * 1024)); time.sleep(3600)"
    return served(
        ns, images, "sch-evicted", code,
        volumes=[{"name": "scratch", "emptyDir": {"sizeLimit": "5Mi"}}],
        volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}],
        securityContext={"runAsUser": 0},
    )  # fmt: skip


# -- storage and configuration ----------------------------------------------------------------------------------------


@fault("sto-claim", "storage", "KS041", ("iris-archive",), "unscheduled")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "sto-claim", model={"storageUri": "pvc://iris-archive/iris"})


@fault("sto-class", "storage", "KS041", ("slow-pending", "ceph-rbd-lab"), "unscheduled", seconds=30)
def _(ns: str, images: Images) -> list[Object]:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": m.metadata("slow-pending", ns),
        "spec": {
            "storageClassName": "ceph-rbd-lab",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    return [claim, *_ml(ns, images, "sto-class", model={"storageUri": "pvc://slow-pending/iris"})]


@fault("sto-folder", "storage", "KS041", ("/models/moved-away", "lost-folder"), "event:FailedMount", seconds=30)
def _(ns: str, images: Images) -> list[Object]:
    volume = m.store(ns, "lost-folder", "/models/moved-away", "Directory")
    return [*volume, *_ml(ns, images, "sto-folder", model={"storageUri": "pvc://lost-folder/iris"})]


@fault("sto-configmap", "storage", "KS042", ("server-tuning",), "waiting:CreateContainerConfigError")
def _(ns: str, images: Images) -> list[Object]:
    env = [{"name": "TUNING", "valueFrom": {"configMapKeyRef": {"name": "server-tuning", "key": "threads"}}}]
    return _ml(ns, images, "sto-configmap", extra_env=env)


@fault("sto-key", "storage", "KS042", ("store-access", "AWS_SECRET"), "waiting:CreateContainerConfigError")
def _(ns: str, images: Images) -> list[Object]:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": m.metadata("store-access", ns),
        "stringData": {"user": "models"},
    }
    env = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "store-access", "key": "AWS_SECRET"}}}]
    return [secret, *_ml(ns, images, "sto-key", extra_env=env)]


@fault("sto-secret", "storage", "KS042", ("tls-of-server",), "event:FailedMount", seconds=30)
def _(ns: str, images: Images) -> list[Object]:
    volumes = [{"name": "tls", "secret": {"secretName": "tls-of-server"}}]
    return _ml(ns, images, "sto-secret", volumes=volumes, volumeMounts=[{"name": "tls", "mountPath": "/tls"}])


@fault("sto-path", "mlserver", "KS050", ("pvc://models/ml-nowhere",), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "sto-path", uri="ml-nowhere")


# -- Triton -----------------------------------------------------------------------------------------------------------


@fault("tri-syntax", "triton", "KS044", ("config.pbtxt", "expected integer, got: many"), "failed")
def _(ns: str, images: Images) -> list[Object]:
    return _tri(ns, images, "tri-syntax", "tri-syntax")


@fault("tri-noversion", "triton", "KS044", ("echo", "version"), "failed")
def _(ns: str, images: Images) -> list[Object]:
    return _tri(ns, images, "tri-noversion", "tri-noversion")


@fault("tri-backend", "triton", "KS045", ("onnxruntime",), "failed")
def _(ns: str, images: Images) -> list[Object]:
    return _tri(ns, images, "tri-backend", "tri-backend")


@fault("tri-module", "triton", "KS048", ("shapely_of_nowhere",), "failed")
def _(ns: str, images: Images) -> list[Object]:
    return _tri(ns, images, "tri-module", "tri-module")


@fault("tri-raises", "triton", "KS043", ("31999",), "failed")
def _(ns: str, images: Images) -> list[Object]:
    return _tri(ns, images, "tri-raises", "tri-raises")


@fault("tri-misnamed", "triton", "KS044", ("other", "echo"), "failed")
def _(ns: str, images: Images) -> list[Object]:
    return _tri(ns, images, "tri-misnamed", "tri-misnamed")


@fault("tri-argument", "triton", "KS060", ("model-stroe",), "failed")
def _(ns: str, images: Images) -> list[Object]:
    return _tri(ns, images, "tri-argument", "tri-good", "--model-stroe=/mnt/models")


@fault("tri-shm", "triton", "KS047", ("shared memory",), "failed")
def _(ns: str, images: Images) -> list[Object]:
    return _tri(ns, images, "tri-shm", "tri-good", "--backend-config=python,shm-default-byte-size=268435456")


# -- MLServer ---------------------------------------------------------------------------------------------------------


@fault("mls-nofile", "mlserver", "KS050", ("pvc://models/ml-empty",), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "mls-nofile", uri="ml-empty")


@fault("mls-garbage", "mlserver", "KS119", ("pvc://models/ml-garbage",), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "mls-garbage", uri="ml-garbage")


@fault("mls-module", "mlserver", "KS121", ("mlserver_catboost",), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "mls-module", env={"MLSERVER_MODEL_IMPLEMENTATION": "mlserver_catboost.CatboostModel"})


@fault("mls-empty", "mlserver", "KS052", ("mls-empty",), "ready")
def _(ns: str, images: Images) -> list[Object]:
    nothing = {"MLSERVER_MODEL_IMPLEMENTATION": None, "MLSERVER_MODEL_NAME": None, "MLSERVER_MODEL_URI": None}
    return _ml(ns, images, "mls-empty", uri="ml-empty", env=nothing)


@fault("mls-settings", "mlserver", "KS053", ("model-settings.json",), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "mls-settings", uri="ml-settings")


@fault("mls-readonly", "mlserver", "KS054", ("/tmp",), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    env = {"MLSERVER_PARALLEL_WORKERS": "1"}
    return _ml(ns, images, "mls-readonly", env=env, securityContext={"readOnlyRootFilesystem": True})


@fault("mls-custom", "mlserver", "KS051", ("unit_price",), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    nothing = {"MLSERVER_MODEL_IMPLEMENTATION": None, "MLSERVER_MODEL_NAME": None, "MLSERVER_MODEL_URI": None}
    return _ml(ns, images, "mls-custom", uri="ml-custom", env=nothing, workingDir="/mnt/models")


@fault("mls-port", "mlserver", "KS051", ("http_port", "eighty"), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "mls-port", env={"MLSERVER_HTTP_PORT": "eighty"})


@fault("mls-othername", "mlserver", "KS062", ("flowers", "mls-othername"), "ready")
def _(ns: str, images: Images) -> list[Object]:
    nothing = {"MLSERVER_MODEL_IMPLEMENTATION": None, "MLSERVER_MODEL_NAME": None, "MLSERVER_MODEL_URI": None}
    return _ml(ns, images, "mls-othername", uri="ml-othername", env=nothing)


# -- running ----------------------------------------------------------------------------------------------------------


@fault("run-memory", "running", "KS056", ("64Mi", "OOMKilled"), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    small = {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}}
    return served(ns, images, "run-memory", "x = bytearray(400 * 1024 * 1024)", resources=small)


@fault("run-liveness", "running", "KS057", ("livenessProbe", "startupProbe"), "restarts", seconds=60)
def _(ns: str, images: Images) -> list[Object]:
    code = SERVE + "print('loading the model'); time.sleep(600); serve(8080)"
    probe = m.http("/v2/health/live", initialDelaySeconds=5, failureThreshold=2)
    return served(ns, images, "run-liveness", code, livenessProbe=probe, terminationGracePeriodSeconds=None)


@fault("run-port", "running", "KS058", ("8080", "8085"), "seconds", seconds=60)
def _(ns: str, images: Images) -> list[Object]:
    return served(ns, images, "run-port", SERVE + "serve(8085)", readinessProbe=m.http("/v2/health/ready"))


@fault("run-tcp-port", "running", "KS058", ("8080", "8090"), "seconds", seconds=135)
def _(ns: str, images: Images) -> list[Object]:
    code = "from http.server import *; ThreadingHTTPServer(('', 8090), SimpleHTTPRequestHandler).serve_forever()"
    return served(ns, images, "run-tcp-port", code)


@fault("run-path", "running", "KS107", ("404", "/healthz/ready"), "seconds", seconds=60)
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "run-path", readinessProbe=m.http("/healthz/ready"), startupProbe=None)


@fault("run-command", "running", "KS102", ("mlserver-launch",), "failed")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "run-command", command=["mlserver-launch"], args=["start"])


@fault("run-root", "running", "KS103", ("root",), "waiting:CreateContainerConfigError")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "run-root", securityContext={"runAsNonRoot": True, "runAsUser": 0})


@fault("run-exception", "running", "KS101", ("KeyError", "tenant_quota"), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    return served(ns, images, "run-exception", "settings = {}\nprint('starting')\nsettings['tenant_quota']")


@fault("run-signal", "running", "KS137", ("139", "SIGSEGV"), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    code = "import os, signal; signal.signal(signal.SIGSEGV, signal.SIG_DFL); print('vector unit on'); "
    return served(
        ns, images, "run-signal", code + "os.kill(os.getpid(), signal.SIGSEGV); import ctypes; ctypes.string_at(0)"
    )


@fault("run-address", "running", "KS129", ("8080", "use"), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    sidecar = m.program(images.mlserver, SERVE + "serve(8080)", name="proxy", ports=None)
    return served(ns, images, "run-address", SERVE + "time.sleep(5); serve(8080)", sidecars=[sidecar])


@fault("run-hangs", "running", "KS106", ("livenessProbe", "500"), "restarts", seconds=60)
def _(ns: str, images: Images) -> list[Object]:
    code = (
        SERVE
        + """
class Sick(Handler):
    def do_GET(self):
        self.send_response(500); self.send_header("Content-Length", "0"); self.end_headers()
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Sick).serve_forever()
"""
    )
    return served(
        ns, images, "run-hangs", code, livenessProbe=m.http("/v2/health/live", failureThreshold=2), readinessProbe=None
    )


@fault("run-argument", "running", "KS060", ("--wrokers",), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "run-argument", command=["mlserver"], args=["start", "--wrokers", "2", "/mnt/models"])


@fault("run-metrics", "running", "KS061", ("9191",), "ready")
def _(ns: str, images: Images) -> list[Object]:
    places = {"prometheus.kserve.io/port": "9191", "prometheus.kserve.io/path": "/metrics"}
    return _ml(ns, images, "run-metrics", pod_annotations=places)


@fault("run-rollout", "image", "KS026", "registry.next.invalid", "waiting:ImagePullBackOff,ErrImagePull", timeout=300,
       later=lambda ns, images: _ml(ns, images, "run-rollout", image="registry.next.invalid/mlserver:2.0"))  # fmt: skip
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "run-rollout")


# -- the same kinds of fault in other clothes --------------------------------------------------------------------------


@fault("more-scheme", "running", "KS107", ("speaks HTTPS", "plain HTTP"), seconds=60)
def _(ns: str, images: Images) -> list[Object]:
    probe = m.http("/v2/health/ready")
    probe["httpGet"]["scheme"] = "HTTPS"
    return served(ns, images, "more-scheme", SERVE + "serve(8080)", readinessProbe=probe)


@fault("more-exec", "running", "KS107", ("/tmp/warm",), seconds=60)
def _(ns: str, images: Images) -> list[Object]:
    probe = {"exec": {"command": ["cat", "/tmp/warm"]}, "periodSeconds": 5}
    return served(ns, images, "more-exec", SERVE + "serve(8080)", readinessProbe=probe)


@fault("more-completes", "running", "KS101", ("exit code 0", "nothing to serve"), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    return served(ns, images, "more-completes", "print('nothing to serve, bye')")


@fault("more-shell", "running", "KS101", ("mlservr",), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "more-shell", command=["sh", "-c", "exec mlservr start /mnt/models"])


@fault("more-modelpath", "running", "KS107", ("404", "/v2/models/more-modelpath/ready"), seconds=75)
def _(ns: str, images: Images) -> list[Object]:
    nothing = {"MLSERVER_MODEL_IMPLEMENTATION": None, "MLSERVER_MODEL_NAME": None, "MLSERVER_MODEL_URI": None}
    probe = m.http("/v2/models/{{.Name}}/ready")
    return _ml(ns, images, "more-modelpath", uri="ml-othername", env=nothing, readinessProbe=probe, startupProbe=None)


@fault("more-norepo", "triton", "KS052", ("pvc://models/ml-nowhere-either",), "ready")
def _(ns: str, images: Images) -> list[Object]:
    return _tri(ns, images, "more-norepo", "ml-nowhere-either")


@fault("more-gpukind", "triton", "KS043", ("gpu",), "failed")
def _(ns: str, images: Images) -> list[Object]:
    return _tri(ns, images, "more-gpukind", "tri-gpukind")


@fault("more-sameport", "triton", "KS129", ("8080",), "failed")
def _(ns: str, images: Images) -> list[Object]:
    container = m.triton(images.triton)
    args = [word.replace("--grpc-port=9000", "--grpc-port=8080") for word in container["args"]]
    return _tri(ns, images, "more-sameport", "tri-good", args=args)


@fault("more-fields", "mlserver", "KS053", ("model-settings.json", "implementation"), "ready")
def _(ns: str, images: Images) -> list[Object]:
    nothing = {"MLSERVER_MODEL_IMPLEMENTATION": None, "MLSERVER_MODEL_NAME": None, "MLSERVER_MODEL_URI": None}
    return _ml(ns, images, "more-fields", uri="ml-fields", env=nothing)


@fault("more-sidecar", "running", "KS101", ("audit-agent", "collector.lab.invalid"), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    code = "import time; time.sleep(2); raise ConnectionError('no route to collector.lab.invalid:9411')"
    sidecar = m.program(images.mlserver, code, name="audit-agent", ports=None)
    return served(ns, images, "more-sidecar", SERVE + "serve(8080)", sidecars=[sidecar])


@fault("more-init", "storage", "KS101", ("prepare-schema", "table features is locked"), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    code = "raise RuntimeError('table features is locked')"
    init = {"name": "prepare-schema", "image": images.mlserver, "command": ["python3", "-c", code]}
    return served(ns, images, "more-init", SERVE + "serve(8080)", predictor={"initContainers": [init]})


@fault("more-items", "storage", "KS042", ("server-tls", "server.key"), "event:FailedMount", seconds=30)
def _(ns: str, images: Images) -> list[Object]:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": m.metadata("server-tls", ns),
        "stringData": {"server.crt": "x"},
    }
    source = {"secretName": "server-tls", "items": [{"key": "server.key", "path": "server.key"}]}
    volumes = [{"name": "tls", "secret": source}]
    return [
        secret,
        *_ml(ns, images, "more-items", volumes=volumes, volumeMounts=[{"name": "tls", "mountPath": "/tls"}]),
    ]


@fault("more-hostport", "scheduling", "KS125", ("18080",), "unscheduled", seconds=40)
def _(ns: str, images: Images) -> list[Object]:
    ports = [{"containerPort": 8080, "hostPort": 18080, "protocol": "TCP"}]
    return served(ns, images, "more-hostport", SERVE + "serve(8080)", ports=ports, predictor={"minReplicas": 2})


@fault("more-unreadable", "mlserver", "KS054", ("model.joblib",), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "more-unreadable", uri="ml-private", securityContext={"runAsUser": 12345})


@fault("more-longlog", "running", "KS101", ("OverflowError", "ledger page 77"), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    code = "for i in range(4000): print(f'INFO epoch {i} ' + 'x' * 80)\nraise OverflowError('ledger page 77')"
    return served(ns, images, "more-longlog", code)


@fault("more-startup", "running", "KS107", ("startupProbe", "404"), seconds=80)
def _(ns: str, images: Images) -> list[Object]:
    probe = {**m.http("/healthz"), "failureThreshold": 100}
    return _ml(ns, images, "more-startup", startupProbe=probe)


@fault("more-transformer", "image", "KS026", ("registry.transformer.invalid",),
       "waiting:ImagePullBackOff,ErrImagePull", seconds=30)  # fmt: skip
def _(ns: str, images: Images) -> list[Object]:
    made = served(ns, images, "more-transformer", SERVE + "serve(8080)")
    container = {
        "name": "kserve-container",
        "image": "registry.transformer.invalid/tokenise:3",
        "resources": m.SMALL,
    }
    made[1]["spec"]["transformer"] = {"minReplicas": 1, "containers": [container]}
    return made


@fault("more-multimodel", "selection", "KS005", ("more-multimodel", "multiModel"), "no_deployment")
def _(ns: str, images: Images) -> list[Object]:
    formats = [{"name": "labmulti", "version": "1", "autoSelect": True}]
    made = _ml(ns, images, "more-multimodel", formats=formats)
    made[0]["spec"]["multiModel"] = True
    made[1]["spec"]["predictor"]["model"].update(modelFormat={"name": "labmulti"}, protocolVersion="v2")
    del made[1]["spec"]["predictor"]["model"]["runtime"]
    return made


@fault("more-case", "selection", "KS003", ("LabCase", "labcase"), "no_deployment")
def _(ns: str, images: Images) -> list[Object]:
    formats = [{"name": "labcase", "version": "1", "autoSelect": True}]
    made = _ml(ns, images, "more-case", formats=formats)
    made[1]["spec"]["predictor"]["model"].update(modelFormat={"name": "LabCase"}, protocolVersion="v2")
    del made[1]["spec"]["predictor"]["model"]["runtime"]
    return made


@fault("more-storagekey", "storage", "KS042", ("storage-config",), "seconds", seconds=30)
def _(ns: str, images: Images) -> list[Object]:
    made = _ml(ns, images, "more-storagekey")
    model = made[1]["spec"]["predictor"]["model"]
    del model["storageUri"]
    model["storage"] = {"key": "minio-lab", "path": "iris", "parameters": {"type": "s3", "bucket": "models"}}
    return made


@fault(
    "more-initializer", "image", "KS026", ("storage-initializer",), "waiting:ImagePullBackOff,ErrImagePull", seconds=30
)
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "more-initializer", model={"storageUri": "s3://models/iris"})


@fault("more-syntax", "mlserver", "KS051", ("SyntaxError",), "restarts")
def _(ns: str, images: Images) -> list[Object]:
    nothing = {"MLSERVER_MODEL_IMPLEMENTATION": None, "MLSERVER_MODEL_NAME": None, "MLSERVER_MODEL_URI": None}
    return _ml(ns, images, "more-syntax", uri="ml-syntax", env=nothing, workingDir="/mnt/models")


@fault("more-modelmesh", "control_plane", "KS143", ("ModelMesh",), "no_deployment")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "more-modelmesh", annotations={"serving.kserve.io/deploymentMode": "ModelMesh"})


@fault("more-slowstart", "running", "KS057", ("startupProbe", "15 s"), "restarts", seconds=60)
def _(ns: str, images: Images) -> list[Object]:
    code = SERVE + "print('loading the model'); time.sleep(600); serve(8080)"
    probe = {**m.http("/v2/health/ready"), "failureThreshold": 3}
    return served(ns, images, "more-slowstart", code, startupProbe=probe)


@fault("more-finalizer", "control_plane", "KS115", ("example.org/keep",), "seconds", seconds=75, deleted=True)
def _(ns: str, images: Images) -> list[Object]:
    made = served(ns, images, "more-finalizer", SERVE + "serve(8080)")
    made[1]["metadata"]["finalizers"] = ["example.org/keep"]
    return made


@fault("more-ephemeral", "scheduling", "KS035", ("ephemeral",), "evicted", timeout=200)
def _(ns: str, images: Images) -> list[Object]:
    code = "import time; open('/tmp/f', 'wb').write(bytes(60 * 1024 * 1024)); time.sleep(3600)"
    limits = {"requests": {"cpu": "20m"}, "limits": {"memory": "256Mi", "ephemeral-storage": "10Mi"}}
    return served(ns, images, "more-ephemeral", code, resources=limits)


# -- what looks like another fault, or like none ------------------------------------------------------------------------


@fault("img-always", "image", "KS026", ("imagePullPolicy Always",), "waiting:ImagePullBackOff,ErrImagePull", seconds=30)
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "img-always", imagePullPolicy="Always")


@fault("img-agent", "image", "KS026", ("agent",), "waiting:ImagePullBackOff,ErrImagePull", seconds=30)
def _(ns: str, images: Images) -> list[Object]:
    logger = {"mode": "all", "url": "http://collector.lab.invalid/"}
    return served(ns, images, "img-agent", SERVE + "serve(8080)", predictor={"logger": logger})


@fault("tri-explicit", "triton", "KS052", ("echo", "explicit"), "ready")
def _(ns: str, images: Images) -> list[Object]:
    return _tri(ns, images, "tri-explicit", "tri-good", "--model-control-mode=explicit")


@fault("tri-mixed", "triton", "KS043", ("tri-mixed", "31999"), "ready")
def _(ns: str, images: Images) -> list[Object]:
    return _tri(ns, images, "tri-mixed", "tri-mixed", "--exit-on-error=false", "--strict-readiness=false")


@fault("tri-grpcport", "running", "KS058", ("9000", "gRPC"), "ready")
def _(ns: str, images: Images) -> list[Object]:
    both = [
        {"containerPort": 9000, "name": "grpc", "protocol": "TCP"},
        {"containerPort": 8080, "name": "http", "protocol": "TCP"},
    ]
    return _tri(ns, images, "tri-grpcport", "tri-good", ports=both)


@fault("mls-protocols", "mlserver", "KS052", ("mls-protocols",), "ready")
def _(ns: str, images: Images) -> list[Object]:
    nothing = {"MLSERVER_MODEL_IMPLEMENTATION": None, "MLSERVER_MODEL_NAME": None, "MLSERVER_MODEL_URI": None}
    return _ml(ns, images, "mls-protocols", uri="ml-empty", env=nothing, protocols=["v1", "v2"])


# One that answers /v2/health/live as told and everything else with 200; the log says what a test wants it to say.
ANSWERS = """
import http.server, sys, time, traceback
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/v2/health/live":
            time.sleep({wait})
        self.send_response({status} if self.path == "/v2/health/live" else 200)
        self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler)
{first}
server.serve_forever()
"""


@fault("run-loadfails", "running", "KS101", ("LookupError", "unit_price", "livenessProbe"), "restarts", seconds=60)
def _(ns: str, images: Images) -> list[Object]:
    fails = "try:\n    raise LookupError('no column unit_price')\nexcept LookupError:\n    traceback.print_exc()"
    code = ANSWERS.format(wait=0, status=503, first=fails)
    probe = m.http("/v2/health/live", failureThreshold=2)
    return served(ns, images, "run-loadfails", code, livenessProbe=probe, readinessProbe=probe)


@fault("run-slowlive", "running", "KS106", ("livenessProbe", "timeoutSeconds 1"), "restarts", seconds=60)
def _(ns: str, images: Images) -> list[Object]:
    code = ANSWERS.format(wait=4, status=200, first="")
    probe = m.http("/v2/health/live", failureThreshold=2, initialDelaySeconds=10)
    return served(ns, images, "run-slowlive", code, livenessProbe=probe, readinessProbe=m.http("/v2/health/ready"))


@fault("run-liveport", "running", "KS058", ("livenessProbe", "8099", "8080"), "restarts", seconds=60)
def _(ns: str, images: Images) -> list[Object]:
    code = ANSWERS.format(wait=0, status=200, first="")
    probe = m.http("/v2/health/live", 8099, failureThreshold=2, initialDelaySeconds=10)
    return served(ns, images, "run-liveport", code, livenessProbe=probe, readinessProbe=m.http("/v2/health/ready"))


@fault("run-slowstartup", "running", "KS107", ("startupProbe", "timeoutSeconds 1"), "restarts", seconds=60)
def _(ns: str, images: Images) -> list[Object]:
    says = "print('INFO: Uvicorn running on http://0.0.0.0:8080 (Press CTRL+C to quit)')"
    code = ANSWERS.format(wait=4, status=200, first=says)
    return served(ns, images, "run-slowstartup", code, startupProbe=m.http("/v2/health/live", failureThreshold=3))


@fault("run-throttled", "running", "KS057", ("startupProbe", "CPU limit is 20m"), "restarts", seconds=60)
def _(ns: str, images: Images) -> list[Object]:
    code = SERVE + "sum(i * i for i in range(60_000_000)); serve(8080)"
    probe = {**m.http("/v2/health/ready"), "failureThreshold": 4}
    limits = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "20m", "memory": "256Mi"}}
    return served(ns, images, "run-throttled", code, startupProbe=probe, resources=limits)


@fault("run-poststart", "running", "KS101", ("postStart", "warm-up"), "restarts", seconds=40)
def _(ns: str, images: Images) -> list[Object]:
    hook = {"postStart": {"exec": {"command": ["sh", "-c", "exec /opt/warm-up"]}}}
    return served(ns, images, "run-poststart", SERVE + "print('INFO serving'); serve(8080)", lifecycle=hook)


@fault("run-tiny", "running", "KS056", ("2Mi", "memory limit"), "failed")
def _(ns: str, images: Images) -> list[Object]:
    tiny = {"requests": {"cpu": "20m", "memory": "2Mi"}, "limits": {"memory": "2Mi"}}
    sidecar = m.program(images.mlserver, "import time; time.sleep(3600)", name="proxy", ports=None)
    return served(ns, images, "run-tiny", SERVE + "serve(8080)", resources=tiny, sidecars=[sidecar])


@fault("run-tinypod", "running", "KS056", ("2Mi", "sandbox"), "event:FailedCreatePodSandBox")
def _(ns: str, images: Images) -> list[Object]:
    tiny = {"requests": {"cpu": "20m", "memory": "2Mi"}, "limits": {"memory": "2Mi"}}
    return served(ns, images, "run-tinypod", SERVE + "serve(8080)", resources=tiny)


# -- healthy and suspicious -------------------------------------------------------------------------------------------


@healthy("ok-mlserver")
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "ok-mlserver")


@healthy("ok-triton")
def _(ns: str, images: Images) -> list[Object]:
    return _tri(ns, images, "ok-triton", "tri-good")


@healthy("ok-many")
def _(ns: str, images: Images) -> list[Object]:
    return _tri(ns, images, "ok-many", "tri-many")


@healthy("ok-stopped", "seconds", seconds=20)
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "ok-stopped", annotations={"serving.kserve.io/stop": "true"})


@healthy("ok-zero", "seconds", seconds=20)
def _(ns: str, images: Images) -> list[Object]:
    return served(ns, images, "ok-zero", SERVE + "serve(8080)", predictor={"minReplicas": 0})


@healthy("ok-loading", "seconds", seconds=70)
def _(ns: str, images: Images) -> list[Object]:
    code = (
        SERVE
        + "print('ERROR: NVML not found, going on without GPU'); print('loading 40 GB'); time.sleep(1200); serve(8080)"
    )
    probe = {**m.http("/v2/health/ready"), "periodSeconds": 10, "failureThreshold": 60}
    return served(ns, images, "ok-loading", code, startupProbe=probe)


@healthy("ok-stale", "ready", settled_first="no_deployment", timeout=400,
         later=lambda ns, images: _ml(ns, images, "ok-stale")[:1])  # fmt: skip
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "ok-stale")[1:]


@healthy("ok-latebound", "ready", settled_first="unscheduled", timeout=300,
         later=lambda ns, images: m.store(ns, "late-claim"))  # fmt: skip
def _(ns: str, images: Images) -> list[Object]:
    return _ml(ns, images, "ok-latebound", model={"storageUri": "pvc://late-claim/iris"})


@healthy("ok-restarted", "ready", seconds=45)
def _(ns: str, images: Images) -> list[Object]:
    code = (
        SERVE
        + """
if not os.path.exists("/state/seen"):
    open("/state/seen", "w").close()
    raise ConnectionError("feature store is not up yet")
serve(8080)
"""
    )
    return served(
        ns, images, "ok-restarted", code,
        volumes=[{"name": "state", "emptyDir": {}}],
        volumeMounts=[{"name": "state", "mountPath": "/state"}],
        securityContext={"runAsUser": 0},
    )  # fmt: skip


@healthy("ok-noisy", seconds=40)
def _(ns: str, images: Images) -> list[Object]:
    code = (
        SERVE
        + """
print("ERROR failed to initialize NVML: Driver Not Loaded")
print("Traceback (most recent call last):\\n  File 'x', line 1\\nImportError: no telemetry, going on without")
serve(8080)
"""
    )
    return served(ns, images, "ok-noisy", code)


@healthy("ok-custom")
def _(ns: str, images: Images) -> list[Object]:
    return [m.custom(ns, "ok-custom", m.program(images.mlserver, SERVE + "serve(8080)"))]


@healthy("ok-unused", "seconds", seconds=10)
def _(ns: str, images: Images) -> list[Object]:
    broken = m.runtime(ns, "ok-unused-broken", m.mlserver("registry.lab.invalid/none:1"), disabled=True)
    return [broken]


@healthy(
    "ok-rolled", "ready", later=lambda ns, images: served(ns, images, "ok-rolled", SERVE + "print(2)\nserve(8080)")
)
def _(ns: str, images: Images) -> list[Object]:
    return served(ns, images, "ok-rolled", SERVE + "serve(8080)")


@healthy("ok-metricsfirst", "seconds", seconds=70)
def _(ns: str, images: Images) -> list[Object]:
    """A server whose metrics answer while its model loads, within the time that its startup probe gives it."""
    code = (
        "import threading, time; from http.server import *; print('loading 40 GB')\n"
        "metrics = ThreadingHTTPServer(('0.0.0.0', 8082), BaseHTTPRequestHandler)\n"
        "threading.Thread(target=metrics.serve_forever).start(); time.sleep(1200)"
    )
    both = [
        {"containerPort": 8080, "name": "serving", "protocol": "TCP"},
        {"containerPort": 8082, "name": "second", "protocol": "TCP"},
    ]
    probe = {**m.http("/v2/health/ready"), "periodSeconds": 10, "failureThreshold": 60}
    return served(ns, images, "ok-metricsfirst", code, startupProbe=probe, ports=both)


@healthy("ok-slowload", "seconds", seconds=140)
def _(ns: str, images: Images) -> list[Object]:
    """A server without startup probe that loads for long, within the time that its rollout may take."""
    code = SERVE + "print('loading 40 GB'); time.sleep(1200); serve(8080)"
    return served(ns, images, "ok-slowload", code, readinessProbe=m.http("/v2/health/ready"))


@healthy("ok-dependency", "ready", seconds=125)
def _(ns: str, images: Images) -> list[Object]:
    """Two restarts while something that it needs came up; it serves since."""
    code = (
        SERVE
        + """
open("/state/runs", "a").write("x")
if os.path.getsize("/state/runs") < 3:
    time.sleep(20)
    raise ConnectionError("feature store is not up yet")
serve(8080)
"""
    )
    return served(
        ns, images, "ok-dependency", code,
        volumes=[{"name": "state", "emptyDir": {}}],
        volumeMounts=[{"name": "state", "mountPath": "/state"}],
        securityContext={"runAsUser": 0},
    )  # fmt: skip


def names(wanted: list[str]) -> Iterator[Case]:
    for case in _CASES:
        if not wanted or any(case.name == name or case.name.startswith(f"{name}-") for name in wanted):
            yield case
