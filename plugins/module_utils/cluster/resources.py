# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fixed table of API paths.

Discovery costs a round trip per task and its cache goes stale; the kinds this collection reads are few and known.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resource:
    """One kind as the API serves it; ``Resource("apps/v1", "Deployment", "deployments", True)``."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of the collection, the object or its subresource; no namespace = all namespaces."""
        root = "/api/" if "/" not in self.api_version else "/apis/"
        parts = [root + self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)

    def describe(self, name: str | None = None, namespace: str | None = None) -> str:
        """``Pod a in namespace b``, for sentences."""
        words = self.kind if name else f"the list of {self.plural}"
        words += f" {name}" if name else ""
        return words + (f" in namespace {namespace}" if self.namespaced and namespace else "")


def _core(kind: str, plural: str, namespaced: bool = True) -> Resource:
    return Resource("v1", kind, plural, namespaced)


CONFIGMAP = _core("ConfigMap", "configmaps")
EVENT = _core("Event", "events")
LIMITRANGE = _core("LimitRange", "limitranges")
NAMESPACE = _core("Namespace", "namespaces", False)
NODE = _core("Node", "nodes", False)
PERSISTENTVOLUME = _core("PersistentVolume", "persistentvolumes", False)
PERSISTENTVOLUMECLAIM = _core("PersistentVolumeClaim", "persistentvolumeclaims")
POD = _core("Pod", "pods")
RESOURCEQUOTA = _core("ResourceQuota", "resourcequotas")
SECRET = _core("Secret", "secrets")
SERVICE = _core("Service", "services")
SERVICEACCOUNT = _core("ServiceAccount", "serviceaccounts")

DEPLOYMENT = Resource("apps/v1", "Deployment", "deployments", True)
REPLICASET = Resource("apps/v1", "ReplicaSet", "replicasets", True)
STATEFULSET = Resource("apps/v1", "StatefulSet", "statefulsets", True)
ENDPOINTSLICE = Resource("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", True)
HORIZONTALPODAUTOSCALER = Resource("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True)
LEASE = Resource("coordination.k8s.io/v1", "Lease", "leases", True)
NETWORKPOLICY = Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", True)
INGRESS = Resource("networking.k8s.io/v1", "Ingress", "ingresses", True)
STORAGECLASS = Resource("storage.k8s.io/v1", "StorageClass", "storageclasses", False)
CUSTOMRESOURCEDEFINITION = Resource(
    "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", False
)
_ADMISSION = "admissionregistration.k8s.io/v1"
MUTATINGWEBHOOKCONFIGURATION = Resource(
    _ADMISSION, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", False
)
VALIDATINGWEBHOOKCONFIGURATION = Resource(
    _ADMISSION, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", False
)
