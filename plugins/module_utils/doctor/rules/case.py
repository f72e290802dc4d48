# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One InferenceService with everything that belongs to it: what the rules about services look at.

Names and labels: pkg/constants/constants.go, pkg/controller/v1beta1/inferenceservice/components/predictor.go
(buildObjectMeta).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import (
    Consequence,
    Evidence,
    Finding,
    Ref,
    Remedy,
    ref_of,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.codes import code
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import defaulting, selection, shapes, versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import (
    ANNOTATION_DEPLOYMENT_MODE,
    ANNOTATION_DISABLE_AUTO_UPDATE,
    CONTAINER,
    STORAGE_INITIALIZER,
)

# The container that KServe adds for the logger and the batcher (pkg/constants/constants.go, AgentContainerName).
AGENT = "agent"
STORAGE_SECTION = "storageInitializer"

STANDARD = "Standard"
KNATIVE = "Knative"
# Names of the modes before KServe 0.16, and what they are called now.
MODES = {"RawDeployment": STANDARD, "Serverless": KNATIVE, STANDARD: STANDARD, KNATIVE: KNATIVE}

REVISION_ANNOTATION = "deployment.kubernetes.io/revision"
KNATIVE_REVISION_LABEL = "serving.knative.dev/revision"


@dataclass
class Workload:
    """One Deployment (or Knative revision) of a component: its newest pods apart from those it replaces."""

    component: str
    deployment: dict[str, Any] | None
    replicaset: dict[str, Any] | None
    pods: list[dict[str, Any]] = field(default_factory=list)
    old_pods: list[dict[str, Any]] = field(default_factory=list)

    @property
    def wanted(self) -> int:
        if self.deployment is None:
            return len(self.pods)
        replicas = (self.deployment.get("spec") or {}).get("replicas")
        return 1 if replicas is None else int(replicas)

    @property
    def ready_pods(self) -> list[dict[str, Any]]:
        return [pod for pod in self.pods if podstate.ready(pod)]

    @property
    def serving_pods(self) -> list[dict[str, Any]]:
        """Ready pods of any generation."""
        return [pod for pod in self.pods + self.old_pods if podstate.ready(pod)]

    @property
    def complete(self) -> bool:
        return len(self.ready_pods) >= self.wanted


class Model:
    """What all cases of one snapshot share: the view, runtimes read once, the KServe version."""

    def __init__(self, view: snap.View) -> None:
        self.view = view
        self.version = _known_version(view.snapshot.get("kserve_version"))
        self._cluster = self._read(view.all(snap.CLUSTERSERVINGRUNTIMES))
        self._namespaced: dict[str, list[selection.Runtime]] = {}

    def runtimes(self, namespace: str) -> list[selection.Runtime]:
        """The runtimes that a service of the namespace can get, read for selection."""
        if namespace not in self._namespaced:
            self._namespaced[namespace] = self._read(self.view.within(snap.SERVINGRUNTIMES, namespace))
        return self._namespaced[namespace] + self._cluster

    def _read(self, objects: list[dict[str, Any]]) -> list[selection.Runtime]:
        found = []
        for obj in objects:
            try:
                found.append(selection.read_runtime(obj, self.version))
            except SpecError:
                continue
        return found

    @property
    def runtimes_seen(self) -> bool:
        """Whether "no such runtime" can be said at all."""
        view = self.view
        cluster = view.seen(snap.CLUSTERSERVINGRUNTIMES) or self._absent(snap.CLUSTERSERVINGRUNTIMES)
        return cluster and view.seen(snap.SERVINGRUNTIMES)

    def _absent(self, key: str) -> bool:
        return any(item.get("what") == key and item.get("reason") == "crd_missing" for item in self.view.unseen)


class Case:
    """One InferenceService: facts are computed when a rule first asks for them."""

    def __init__(self, model: Model, service: dict[str, Any]) -> None:
        self.model = model
        self.view = model.view
        self.service = service
        self.namespace = snap.namespace_of(service)
        self.name = snap.name_of(service)
        self.ref = ref_of(service)
        self.spec: dict[str, Any] = service.get("spec") or {}
        self.predictor: dict[str, Any] = self.spec.get("predictor") or {}
        self.status: dict[str, Any] = service.get("status") or {}
        self.annotations = snap.annotations_of(service)

    # -- the service itself -------------------------------------------------------------------------------------

    @cached_property
    def model_spec(self) -> dict[str, Any]:
        """spec.predictor.model, or the previous schema's key in its place; {} for a custom predictor."""
        stored = self.predictor.get("model")
        if stored:
            return dict(stored)
        try:
            predictor = defaulting.default_service(self.service, self.model.version)["spec"]["predictor"] or {}
        except (SpecError, KeyError, TypeError):
            return {}
        return dict(predictor.get("model") or {})

    def condition(self, kind: str) -> dict[str, Any]:
        return podstate.condition(self.service, kind)

    @property
    def is_ready(self) -> bool:
        return self.condition("Ready").get("status") == "True"

    @property
    def age(self) -> float:
        return self.view.age((self.service.get("metadata") or {}).get("creationTimestamp")) or 0.0

    @property
    def stopped(self) -> bool:
        return shapes.is_stopped(self.service)

    @property
    def deleting(self) -> bool:
        return podstate.deleting(self.service)

    @property
    def frozen(self) -> bool:
        """KServe leaves the service alone while it is Ready (controller.go, Reconcile)."""
        return self.annotations.get(ANNOTATION_DISABLE_AUTO_UPDATE) == "true"

    @cached_property
    def mode(self) -> str:
        """Standard or Knative: the status decides, then the annotation, then the cluster's default."""
        for value in (
            self.status.get("deploymentMode"),
            self.annotations.get(ANNOTATION_DEPLOYMENT_MODE),
            default_mode(self.view),
        ):
            if value in MODES:
                return MODES[str(value)]
        return STANDARD

    @property
    def failure(self) -> dict[str, Any]:
        """status.modelStatus.lastFailureInfo; it is not cleared on recovery, so it proves nothing by itself."""
        return (self.status.get("modelStatus") or {}).get("lastFailureInfo") or {}

    @property
    def transition(self) -> str:
        return str((self.status.get("modelStatus") or {}).get("transitionStatus") or "")

    @property
    def storage_uri(self) -> str | None:
        return self.model_spec.get("storageUri")

    # -- the runtime --------------------------------------------------------------------------------------------

    @cached_property
    def choice(self) -> selection.Choice | None:
        """KServe's choice of a runtime made again; None where the service is not shaped so that it can be made."""
        try:
            return selection.choose_among(self.service, self.model.runtimes(self.namespace), self.model.version)
        except (SpecError, ValueError):
            return None

    @cached_property
    def runtime(self) -> dict[str, Any] | None:
        """The runtime object in use: as the choice says, else as the status says."""
        if self.choice and self.choice.selected:
            chosen = self.choice.selected
            key = snap.SERVINGRUNTIMES if chosen.namespace is not None else snap.CLUSTERSERVINGRUNTIMES
            return self.view.get(key, chosen.namespace, chosen.name)
        named = self.status.get("servingRuntimeName") or self.model_spec.get("runtime")
        found = self.view.get(snap.SERVINGRUNTIMES, self.namespace, named) if named else None
        if found is None:
            named = self.status.get("clusterServingRuntimeName") or self.model_spec.get("runtime")
            found = self.view.get(snap.CLUSTERSERVINGRUNTIMES, None, named) if named else None
        return found

    @property
    def runtime_container(self) -> dict[str, Any]:
        """The runtime's kserve-container, {} where there is none."""
        spec = (self.runtime or {}).get("spec") or {}
        return next((item for item in spec.get("containers") or [] if item.get("name") == CONTAINER), {})

    # -- what runs ----------------------------------------------------------------------------------------------

    @cached_property
    def deployments(self) -> list[dict[str, Any]]:
        return self.view.of_service(snap.DEPLOYMENTS, self.namespace, self.name)

    @cached_property
    def pods(self) -> list[dict[str, Any]]:
        return self.view.of_service(snap.PODS, self.namespace, self.name)

    @cached_property
    def workloads(self) -> list[Workload]:
        """One per Deployment; in Knative mode one per component, split by the latest created revision."""
        if not self.deployments or self.mode == KNATIVE:
            return self._by_revision()
        return [self._workload(deployment) for deployment in self.deployments]

    def _workload(self, deployment: dict[str, Any]) -> Workload:
        sets = [
            item
            for item in self.view.of_service(snap.REPLICASETS, self.namespace, self.name)
            if snap.owner(item, "Deployment") == snap.name_of(deployment)
        ]
        newest = newest_replicaset(deployment, sets)
        names = {snap.name_of(item) for item in sets}
        component = snap.labels_of(deployment).get(snap.COMPONENT_LABEL) or "predictor"
        workload = Workload(component, deployment, newest)
        for pod in self.pods:
            owner = snap.owner(pod, "ReplicaSet")
            if newest is not None and owner == snap.name_of(newest):
                workload.pods.append(pod)
            elif owner in names:
                workload.old_pods.append(pod)
            elif newest is None and (owner or "").startswith(f"{snap.name_of(deployment)}-"):
                workload.pods.append(pod)
        return workload

    def _by_revision(self) -> list[Workload]:
        components: dict[str, Workload] = {}
        for pod in self.pods:
            component = snap.labels_of(pod).get(snap.COMPONENT_LABEL) or "predictor"
            workload = components.setdefault(component, Workload(component, None, None))
            latest = ((self.status.get("components") or {}).get(component) or {}).get("latestCreatedRevision")
            revision = snap.labels_of(pod).get(KNATIVE_REVISION_LABEL)
            old = bool(latest and revision and revision != latest)
            (workload.old_pods if old else workload.pods).append(pod)
        return list(components.values())

    @property
    def serving(self) -> bool:
        """Whether some predictor pod is ready, of whatever generation."""
        return any(load.serving_pods for load in self.workloads if load.component == "predictor")

    @cached_property
    def minimum(self) -> int | None:
        """spec.predictor.minReplicas as written; None where it is not (KServe takes 1)."""
        return self.predictor.get("minReplicas")

    @property
    def scaled_to_zero(self) -> bool:
        """No pods are wanted at present, by whatever scales the service."""
        if self.mode == KNATIVE:
            return not self.pods and self.minimum in (None, 0) and self._knative_idle()
        return bool(self.deployments) and all(load.wanted == 0 for load in self.workloads)

    def _knative_idle(self) -> bool:
        revisions = self.view.of_service(snap.KNATIVE_REVISIONS, self.namespace, self.name)
        if not revisions:
            return self.is_ready
        return any(podstate.condition(item, "Active").get("status") == "False" for item in revisions)

    # -- findings -----------------------------------------------------------------------------------------------

    def origin(self, name: str, container: str = CONTAINER, counts: Callable[[Any], object] = bool) -> tuple[Ref, str]:
        """Where a container's field comes from, as (object to change, field path).

        The service's own value wins over the runtime's (MergeServingRuntimeAndInferenceServiceSpecs). counts: whether
        a value of the service says what is looked for; maps merge, and the rest of one may be the runtime's.
        """
        for path, spec in self._own_containers(container):
            if counts(spec.get(name)):
                return self.ref, f"{path}.{name}"
        index, found = self._runtime_container(container)
        if found is not None and self.runtime is not None:
            return ref_of(self.runtime), f"spec.containers[{index}].{name}"
        section = _injected(container)
        if section == STORAGE_SECTION and name == "image" and container != STORAGE_INITIALIZER:
            return self.ref, "spec.predictor.model.storageUri"
        if section:
            namespace = self.view.snapshot.get("control_namespace") or "kserve"
            return Ref("v1", "ConfigMap", namespace, "inferenceservice-config"), f"data.{section} ({name})"
        return self.ref, f"spec.predictor.{'model.' if self.model_spec else ''}{name}"

    def pod_origin(self, name: str) -> tuple[Ref, str]:
        """Where a pod-level field (nodeSelector, tolerations ...) comes from."""
        if self.predictor.get(name):
            return self.ref, f"spec.predictor.{name}"
        if self.runtime is not None and ((self.runtime.get("spec") or {}).get(name)):
            return ref_of(self.runtime), f"spec.{name}"
        return self.ref, f"spec.predictor.{name}"

    def _own_containers(self, container: str) -> list[tuple[str, dict[str, Any]]]:
        found: list[tuple[str, dict[str, Any]]] = []
        if container == CONTAINER and self.model_spec:
            found.append(("spec.predictor.model", self.model_spec))
        for component in ("predictor", "transformer", "explainer"):
            spec = self.spec.get(component) or {}
            for index, item in enumerate(spec.get("containers") or []):
                alone = component == "predictor" and not self.model_spec and len(spec["containers"]) == 1
                if item.get("name") == container or alone:
                    found.append((f"spec.{component}.containers[{index}]", item))
            for index, item in enumerate(spec.get("initContainers") or []):
                if item.get("name") == container:
                    found.append((f"spec.{component}.initContainers[{index}]", item))
        return found

    def _runtime_container(self, container: str) -> tuple[int, dict[str, Any] | None]:
        spec = (self.runtime or {}).get("spec") or {}
        for index, item in enumerate(spec.get("containers") or []):
            if item.get("name") == container:
                return index, item
        return 0, None

    def finding(
        self,
        code_name: str,
        cause: str,
        evidence: list[Evidence],
        remedy: str | None = None,
        *,
        object: Ref | None = None,
        command: str | None = None,
        patch: dict[str, Any] | None = None,
        severity: str | None = None,
        title: str | None = None,
        key: str = "",
    ) -> Finding:
        """A finding that affects this service."""
        meaning = code(code_name)
        return Finding(
            code=code_name,
            severity=severity or meaning.severity,
            object=object or self.ref,
            title=title or meaning.title,
            cause=cause,
            evidence=evidence,
            remedy=Remedy(remedy or f"{meaning.remedy}.", command, patch),
            affects=[self.ref],
            key=key,
        )

    def symptoms(self) -> list[Consequence]:
        """What the service and its pods show of a fault."""
        found = []
        for pod in self.pods:
            why = podstate.reason(pod)
            if why:
                text = f"is not ready: {why}"
                if podstate.restarts(pod):
                    text += f", restarted {podstate.restarts(pod)} times"
                found.append(Consequence(ref_of(pod), text))
        for kind in ("PredictorReady", "TransformerReady", "ExplainerReady", "Ready"):
            condition = self.condition(kind)
            if condition and condition.get("status") != "True":
                words = [str(condition[part]) for part in ("reason", "message") if condition.get(part)]
                detail = f" ({': '.join(words)})" if words else ""
                found.append(Consequence(self.ref, f"{kind} is {condition.get('status')}{detail}"))
        return found


def _injected(container: str) -> str:
    """The section of inferenceservice-config that a container comes from which KServe's webhook adds; "" for others.

    Source: pkg/webhook/admission/pod/agent_injector.go (InjectAgent), storage_initializer_injector.go, and
    pkg/utils/storage.go (ModelcarNames): a modelcar's image is the model itself.
    """
    if container == AGENT:
        return "agent"
    modelcar = re.fullmatch(r"modelcar(-init)?(-\d+)?", container)
    return STORAGE_SECTION if modelcar or container == STORAGE_INITIALIZER else ""


def newest_replicaset(deployment: dict[str, Any], sets: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The ReplicaSet of the Deployment's present template: the one with its revision, else the youngest."""
    revision = snap.annotations_of(deployment).get(REVISION_ANNOTATION)
    for item in sets:
        if revision and snap.annotations_of(item).get(REVISION_ANNOTATION) == revision:
            return item
    return max(sets, key=lambda item: str((item.get("metadata") or {}).get("creationTimestamp")), default=None)


def config_of(view: snap.View) -> dict[str, str] | None:
    """The data of inferenceservice-config, None where it was not seen."""
    namespace = view.snapshot.get("control_namespace")
    found = view.get(snap.CONFIGMAPS, namespace, "inferenceservice-config")
    return (found.get("data") or {}) if found else None


def default_mode(view: snap.View) -> str | None:
    """deploy.defaultDeploymentMode of inferenceservice-config."""
    try:
        return str(json.loads((config_of(view) or {}).get("deploy") or "{}").get("defaultDeploymentMode") or "") or None
    except ValueError:
        return None


def _known_version(text: str | None) -> str:
    try:
        return ".".join(str(part) for part in versions.known(text)) if text else versions.DEFAULT
    except ValueError:
        return versions.DEFAULT
