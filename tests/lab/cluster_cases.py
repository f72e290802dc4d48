# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""More cases: what nodes, namespaces, claims and KServe's own webhook keep from a service."""

from __future__ import annotations

from tests.lab import manifests as m
from tests.lab.cases import CORDONED_NODE, PRESSED_NODE, SERVE, SLOT, Images, fault, healthy, served
from tests.lab.manifests import Object

# -- nodes ------------------------------------------------------------------------------------------------------------


def _on(node: str) -> Object:
    return {"nodeSelector": {"kubernetes.io/hostname": node}}


@fault("sch-cordoned", "scheduling", "KS111", ("cordoned", CORDONED_NODE), "unscheduled")
def _(ns: str, images: Images) -> list[Object]:
    return served(ns, images, "sch-cordoned", SERVE + "serve(8080)", predictor=_on(CORDONED_NODE))


@fault("sch-pressure", "scheduling", "KS147", ("DiskPressure", PRESSED_NODE), "unscheduled")
def _(ns: str, images: Images) -> list[Object]:
    return served(ns, images, "sch-pressure", SERVE + "serve(8080)", predictor=_on(PRESSED_NODE))


@fault("sch-nodename", "scheduling", "KS110", ("lab-nowhere", "there is no such node"), "pods")
def _(ns: str, images: Images) -> list[Object]:
    return served(ns, images, "sch-nodename", SERVE + "serve(8080)", predictor={"nodeName": "lab-nowhere"})


@fault("sch-oneclaim", "scheduling", "KS125", ("ReadWriteOncePod", "one-at-a-time"), "unscheduled", seconds=30)
def _(ns: str, images: Images) -> list[Object]:
    store = m.store(ns, "one-at-a-time")
    for obj in store:
        obj["spec"]["accessModes"] = ["ReadWriteOncePod"]
    model, predictor = {"storageUri": "pvc://one-at-a-time/iris"}, {"minReplicas": 2}
    return [*store, *served(ns, images, "sch-oneclaim", SERVE + "serve(8080)", model=model, predictor=predictor)]


def _urgent(ns: str, images: Images) -> list[Object]:
    """A pod of higher priority that wants the node's only slot."""
    priority = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": m.metadata("lab-urgent"),
        "value": 1000,
    }
    container = m.program(images.mlserver, "import time; time.sleep(3600)", name="batch", ports=None)
    container["resources"] = {"requests": {SLOT: "1"}, "limits": {SLOT: "1"}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": m.metadata("nightly-batch", ns),
        "spec": {
            "priorityClassName": "lab-urgent",
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
        },
    }
    return [priority, pod]


@fault("sch-preempted", "scheduling", "KS122", ("nightly-batch", "lab-urgent", SLOT), "unscheduled", later=_urgent)
def _(ns: str, images: Images) -> list[Object]:
    room = {"requests": {"cpu": "20m", "memory": "64Mi", SLOT: "1"}, "limits": {SLOT: "1"}}
    return served(ns, images, "sch-preempted", SERVE + "serve(8080)", resources=room)


# -- claims -----------------------------------------------------------------------------------------------------------


def _provisioned(ns: str, images: Images, name: str) -> list[Object]:
    """The scheduler has chosen a node and waits for the volume: it has written nothing into the pod."""
    storage = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": m.metadata(name),
        "provisioner": "csi.lab.invalid",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": m.metadata(name, ns),
        "spec": {
            "storageClassName": name,
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    model = {"storageUri": f"pvc://{name}/iris"}
    return [storage, claim, *served(ns, images, name, SERVE + "serve(8080)", model=model)]


@healthy("ok-provisioning", "seconds", seconds=50)
def _(ns: str, images: Images) -> list[Object]:
    return _provisioned(ns, images, "ok-provisioning")


@fault("sto-provisioner", "storage", "KS041", ("csi.lab.invalid",), "seconds", seconds=195)
def _(ns: str, images: Images) -> list[Object]:
    return _provisioned(ns, images, "sto-provisioner")


# -- what KServe's pod webhook refuses, and where it does not look -----------------------------------------------------


@fault("pol-container", "storage", "KS040", ("team-store", "not found"), "refused")
def _(ns: str, images: Images) -> list[Object]:
    model, predictor = {"storageUri": "s3://models/iris"}, {"storageContainerName": "team-store"}
    return served(ns, images, "pol-container", SERVE + "serve(8080)", model=model, predictor=predictor)


@fault("pol-secretjson", "storage", "KS042", ("minio-lab", "storage-config", "JSON"), "refused", own=True)
def _(ns: str, images: Images) -> list[Object]:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": m.metadata("storage-config", ns),
        "stringData": {"minio-lab": "type: s3\nbucket: models\n"},
    }
    made = served(ns, images, "pol-secretjson", SERVE + "serve(8080)")
    model = made[1]["spec"]["predictor"]["model"]
    del model["storageUri"]
    model["storage"] = {"key": "minio-lab", "path": "iris"}
    return [secret, *made]


@fault("pol-leftout", "control_plane", "KS145", ("control-plane=lab-team", "pvc://models/iris"), "ready", own=True,
       labels={"control-plane": "lab-team"})  # fmt: skip
def _(ns: str, images: Images) -> list[Object]:
    return served(ns, images, "pol-leftout", SERVE + "serve(8080)")


@fault("pol-default", "policy", "KS024", ("tight-defaults", "500m", "kserve-container"), "refused", own=True)
def _(ns: str, images: Images) -> list[Object]:
    limits = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": m.metadata("tight-defaults", ns),
        "spec": {"limits": [{"type": "Container", "default": {"cpu": "500m"}}]},
    }
    room = {"requests": {"cpu": "1", "memory": "64Mi"}}
    return [limits, *served(ns, images, "pol-default", SERVE + "serve(8080)", resources=room)]


# -- replicas ---------------------------------------------------------------------------------------------------------


def _scaled(ns: str, _images: Images) -> list[Object]:
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": m.metadata("run-scaled-predictor", ns),
            "spec": {"replicas": 0},
        }
    ]


@fault("run-scaled", "running", "KS112", ("run-scaled-predictor", "minReplicas 1"), "gone", later=_scaled)
def _(ns: str, images: Images) -> list[Object]:
    # Without an autoscaler KServe writes the number of replicas back.
    scaler = {"serving.kserve.io/autoscalerClass": "hpa"}
    return served(ns, images, "run-scaled", SERVE + "serve(8080)", annotations=scaler)
