# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs KServe from its Go module's own manifests, without cert-manager and with no ingress."""

from __future__ import annotations

import base64
import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .steps import CommandError, Step

NAMESPACE = "kserve"
CONTROLLER = "kserve-controller-manager"
CONFIG_MAP = "inferenceservice-config"
CERTIFICATE_SECRET = "kserve-webhook-server-cert"
WEBHOOK_SERVICE = "kserve-webhook-server-service"
MODULE_PATH = "github.com/kserve/kserve"
READY_SECONDS = 180
CRD_SECONDS = 60
ESTABLISHED = (
    "{{range .items}}{{$name := .metadata.name}}{{range .status.conditions}}"
    '{{if and (eq .type "Established") (eq .status "True")}}{{$name}} {{end}}{{end}}{{end}}'
)

# What is installed beside config/default where that leaves it out, as KServe's own releases do.
PARTS = ("configmap", "storagecontainers")

# Not for this cluster: cert-manager's objects, and the local model cache's programs, whose images are not built.
UNWANTED_GROUPS = ("cert-manager.io/",)
UNWANTED_NAME = "localmodel"
SIDECAR = "kube-rbac-proxy"

NEW_CERTIFICATE = (
    "openssl", "req", "-x509", "-nodes", "-days", "3650", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
)  # fmt: skip

Object = dict[str, Any]


def deployment_mode(version: str) -> str:
    """The name of the mode without Knative, which KServe 0.16 renamed."""
    major, minor = (int(part) for part in version.removeprefix("v").split(".")[:2])
    return "Standard" if (major, minor) >= (0, 16) else "RawDeployment"


def config_changes(version: str) -> dict[str, dict[str, Any]]:
    """The ConfigMap's entries that a cluster without Knative, Istio and ingress needs, by key."""
    return {
        "deploy": {"defaultDeploymentMode": deployment_mode(version)},
        "ingress": {"disableIngressCreation": True, "disableIstioVirtualHost": True},
    }


def parse_objects(text: str) -> Iterator[Object]:
    """The objects of concatenated JSON documents."""
    decoder, position = json.JSONDecoder(), 0
    while start := text.find("{", position) + 1:
        found, position = decoder.raw_decode(text, start - 1)
        yield found


def wanted(item: Mapping[str, Any]) -> bool:
    """Whether an object of KServe's manifests belongs in this cluster."""
    if any(item["apiVersion"].startswith(group) for group in UNWANTED_GROUPS):
        return False
    if item["kind"] in ("CustomResourceDefinition", "Namespace"):
        return True
    return UNWANTED_NAME not in item["metadata"]["name"]


@dataclass(frozen=True)
class Plan:
    """What KServe's objects are adapted to."""

    version: str
    image: str
    ca: bytes

    def adapted(self, items: Iterable[Object]) -> list[Object]:
        """The wanted objects, each made to fit."""
        return [self._adapt(item) for item in items if wanted(item)]

    def _adapt(self, item: Object) -> Object:
        name, kind = item["metadata"]["name"], item["kind"]
        if kind == "Deployment":
            self._adapt_controller(item["spec"]["template"]["spec"])
        if kind.endswith("WebhookConfiguration"):
            for webhook in item["webhooks"]:
                webhook["clientConfig"]["caBundle"] = base64.b64encode(self.ca).decode()
        if (kind, name) == ("ConfigMap", CONFIG_MAP):
            for key, values in config_changes(self.version).items():
                item["data"][key] = json.dumps(json.loads(item["data"].get(key) or "{}") | values)
        return item

    def _adapt_controller(self, pod: Object) -> None:
        pod["containers"] = [each for each in pod["containers"] if each["name"] != SIDECAR]
        (manager,) = pod["containers"]
        manager["image"] = self.image
        manager["imagePullPolicy"] = "IfNotPresent"
        # The published limit of a tenth of a core makes the start take minutes on a busy machine.
        manager["resources"] = {"requests": {"cpu": "50m", "memory": "100Mi"}}
        manager["readinessProbe"] |= {"initialDelaySeconds": 1, "periodSeconds": 2}


def namespace_object() -> Object:
    """The namespace, with the label by which KServe's pod webhook leaves its own pods alone."""
    metadata = {"name": NAMESPACE, "labels": {"control-plane": CONTROLLER}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def secret_object(folder: Path) -> Object:
    """The webhook server's certificate as a Secret."""
    data = {f"tls.{kind}": base64.b64encode((folder / f"tls.{kind}").read_bytes()).decode() for kind in ("crt", "key")}
    metadata = {"name": CERTIFICATE_SECRET, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": data}


def make_certificates(step: Step, folder: Path) -> bytes:
    """Write a CA and the webhook server's certificate; returns the CA's certificate (PEM)."""
    host = f"{WEBHOOK_SERVICE}.{NAMESPACE}.svc"
    step.run(
        [*NEW_CERTIFICATE, "-subj", "/CN=kserve-webhook-ca", "-keyout", folder / "ca.key", "-out", folder / "ca.crt"]
    )
    names = f"-subj /CN={host} -addext subjectAltName=DNS:{host} -addext basicConstraints=CA:FALSE".split()
    signer: list[str | Path] = ["-CA", folder / "ca.crt", "-CAkey", folder / "ca.key"]
    step.run([*NEW_CERTIFICATE, *names, *signer, "-keyout", folder / "tls.key", "-out", folder / "tls.crt"])
    return (folder / "ca.crt").read_bytes()


class KServe:
    """KServe in one cluster, by kubectl."""

    def __init__(self, kubectl: Path | str, kubeconfig: Path) -> None:
        self.kubectl = str(kubectl)
        self.env = {"KUBECONFIG": str(kubeconfig)}

    def install(self, step: Step, module: Path, version: str, image: str) -> None:
        """Apply KServe's manifests from its module's folder."""
        with tempfile.TemporaryDirectory() as folder:
            ca = make_certificates(step, Path(folder))
            objects = Plan(version, image, ca).adapted(self._manifests(step, module))
            first = [item for item in objects if item["kind"] in ("CustomResourceDefinition", "Namespace")]
            rest = [item for item in objects if item not in first]
            self.apply(step, [namespace_object(), *(item for item in first if item["kind"] != "Namespace")])
            self._await_crds(step, first)
            self.apply(step, [secret_object(Path(folder)), *rest])

    def replace_crds(self, step: Step, module: Path, flavour: str) -> None:
        """Put KServe's full or minimal CRDs in place of those that are there; objects stay."""
        self.apply(step, self.read(step, module / "config/crd" / flavour))

    def _manifests(self, step: Step, module: Path) -> list[Object]:
        objects = self.read(step, module / "config/default")
        kinds = {item["kind"] for item in objects}
        for part in PARTS:
            more = self.read(step, module / "config" / part)
            objects += [item for item in more if item["kind"] not in kinds]
        return objects

    def read(self, step: Step, folder: Path) -> list[Object]:
        """The objects of a kustomization."""
        text = step.output([self.kubectl, "kustomize", folder])
        # kubectl is the YAML reader here: an empty local patch prints each object as JSON.
        words = ["patch", "--local", "--type", "merge", "--patch", "{}", "--output", "json", "--filename", "-"]
        return list(parse_objects(step.output([self.kubectl, *words], stdin=text)))

    def apply(self, step: Step, objects: list[Object]) -> None:
        """Apply objects by server-side apply."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        words = ["apply", "--server-side", "--force-conflicts", "--filename", "-"]
        step.run([self.kubectl, *words], env=self.env, stdin=text)

    def _await_crds(self, step: Step, objects: Iterable[Object]) -> None:
        """Wait until the API serves the CRDs' kinds; kubectl's own wait trips over a CRD without a status."""
        names = {item["metadata"]["name"] for item in objects if item["kind"] == "CustomResourceDefinition"}
        deadline = time.monotonic() + CRD_SECONDS
        while missing := names - self._established(step):
            if time.monotonic() > deadline:
                raise CommandError(f"the CRD {min(missing)} was not established within {CRD_SECONDS} s")
            time.sleep(0.5)

    def _established(self, step: Step) -> set[str]:
        words = ["get", "crds", "--output", f"go-template={ESTABLISHED}"]
        return set(step.output([self.kubectl, *words], env=self.env).split())

    def await_ready(self, step: Step) -> None:
        """Wait until the controller is available and its webhooks let good objects pass.

        Raises:
            CommandError: not within READY_SECONDS.
        """
        deadline = time.monotonic() + READY_SECONDS
        words = ["rollout", "status", f"deployment/{CONTROLLER}", "--namespace", NAMESPACE]
        step.run([self.kubectl, *words, f"--timeout={READY_SECONDS}s"], env=self.env)
        while True:
            try:
                self.probe(step)
                return
            except CommandError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def probe(self, step: Step) -> None:
        """Ask the webhooks: a dry-run create of a ServingRuntime and of an InferenceService.

        Raises:
            CommandError: the API or a webhook does not answer, or refuses.
        """
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": probe_objects()})
        words = ["create", "--dry-run=server", "--filename", "-"]
        step.run([self.kubectl, *words], env=self.env, stdin=text, timeout=30)


def probe_objects() -> list[Object]:
    """A ServingRuntime and an InferenceService that KServe admits; they are never stored."""
    metadata = {"name": "modelserving-probe", "namespace": "default"}
    container = {"name": "kserve-container", "image": "probe"}
    formats = [{"name": "probe", "version": "1"}]
    runtime = {"supportedModelFormats": formats, "containers": [container]}
    model = {"modelFormat": {"name": "probe"}, "storageUri": "pvc://probe"}
    return [
        {"apiVersion": "serving.kserve.io/v1alpha1", "kind": "ServingRuntime", "metadata": metadata, "spec": runtime},
        {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": metadata,
            "spec": {"predictor": {"model": model}},
        },
    ]
