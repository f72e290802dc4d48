# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pods that KServe would make, and who is to be told where none of the nodes can take them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import WARNING, Finding, Ref, ref_of
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import Case, Model
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds, multi_node
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError


@dataclass(frozen=True)
class Planned:
    """A pod that is not there yet."""

    case: Case
    """whose fields the pod is made of, and where each comes from"""
    pod: dict[str, Any]
    no_node: str
    """how a sentence begins that says why no node takes it"""


def of_service(case: Case) -> Iterator[Planned]:
    """The pods that KServe would make for a service, by its choice of a runtime; none where there is no such choice."""
    if case.model_spec and case.runtime is not None:
        yield from _pods(case.model, case.service, case.runtime, alone=False)
    elif not case.model_spec and case.predictor.get("containers"):  # its pod spec is the predictor's
        name = f"{case.name}-predictor"
        yield Planned(case, _pod(case, name, case.predictor), f"Pod {name} has no node")


def of_runtime(model: Model, runtime: dict[str, Any]) -> Iterator[Planned]:
    """The pods of a service that takes everything from the runtime; what is wrong with them is the runtime's.

    Where the runtime is for several nodes, that of a service over two of them at least.
    """
    try:
        service = _plainest(runtime)
    except ValueError:
        return iter(())
    return _pods(model, service, runtime, alone=True)


def _pods(model: Model, service: dict[str, Any], runtime: dict[str, Any], *, alone: bool) -> Iterator[Planned]:
    try:
        made = multi_node.pods(service, runtime, model.version)
    except (SpecError, ValueError):  # said by the rules about the fields themselves
        return
    sides = [(made.predictor, False), *([(made.worker, True)] if made.worker and made.workers else [])]
    for spec, workers in sides:
        case = Side(model, service, runtime, alone=alone, workers=workers)
        name = f"{case.name}-predictor-worker" if workers else f"{case.name}-predictor"
        whose = "workers" if workers else "pod"
        anybody = f"A service that takes everything from {ref_of(runtime)} would have no node for its {whose}"
        yield Planned(case, _pod(case, name, spec), anybody if alone else f"Pod {name} has no node")


def _pod(case: Case, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": case.namespace, "name": name}, "spec": spec}


def _plainest(runtime: dict[str, Any]) -> dict[str, Any]:
    metadata, spec = runtime.get("metadata") or {}, runtime.get("spec") or {}
    predictor: dict[str, Any] = {"model": {"modelFormat": {"name": "any"}, "runtime": metadata.get("name")}}
    if spec.get("workerSpec"):
        predictor["workerSpec"] = _over_several_nodes(spec)
    api_version, kind, *_rest = kinds.INFERENCE_SERVICE
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"namespace": metadata.get("namespace"), "name": metadata.get("name")},
        "spec": {"predictor": predictor},
    }


def _over_several_nodes(spec: dict[str, Any]) -> dict[str, int]:
    """Sizes with which there are workers: the devices of one node in parallel, and two nodes one after the other."""
    worker = spec["workerSpec"]
    containers = [
        item
        for part, name in ((spec, kinds.CONTAINER), (worker, kinds.WORKER_CONTAINER))
        for item in part.get("containers") or []
        if item.get("name") == name
    ]
    devices = [multi_node.asked({"containers": [item]}) for item in containers]
    return {
        "tensorParallelSize": max(int(worker.get("tensorParallelSize") or 1), *devices, 1),
        "pipelineParallelSize": max(int(worker.get("pipelineParallelSize") or 1), 2),
    }


class Side(Case):
    """A service on a runtime, as far as one kind of its pods is concerned.

    alone: the service says nothing of its own and stands for any that may come, so that what is found is the runtime's,
    and a warning. workers: the pods are its workers', made of both objects' workerSpec.
    """

    def __init__(
        self, model: Model, service: dict[str, Any], runtime: dict[str, Any], *, alone: bool, workers: bool
    ) -> None:
        super().__init__(model, service)
        self._given = runtime
        self._alone = alone
        self._workers = workers
        if workers:
            self.predictor = self.predictor.get("workerSpec") or {}

    @cached_property
    def runtime(self) -> dict[str, Any] | None:
        return self._given

    def origin(
        self, name: str, container: str = kinds.CONTAINER, counts: Callable[[Any], object] = bool
    ) -> tuple[Ref, str]:
        if not self._workers:
            return super().origin(name, container, counts)
        own: list[dict[str, Any]] = self.predictor.get("containers") or []
        if any(counts(item.get(name)) for item in own[:1]):
            return self.ref, f"spec.predictor.workerSpec.containers[0].{name}"
        names = [item.get("name") for item in self._of_workers.get("containers") or []]
        index = names.index(kinds.WORKER_CONTAINER) if kinds.WORKER_CONTAINER in names else 0
        return ref_of(self._given), f"spec.workerSpec.containers[{index}].{name}"

    def pod_origin(self, name: str) -> tuple[Ref, str]:
        if not self._workers:
            return super().pod_origin(name)
        if not self.predictor.get(name) and self._of_workers.get(name):
            return ref_of(self._given), f"spec.workerSpec.{name}"
        return self.ref, f"spec.predictor.workerSpec.{name}"

    @property
    def _of_workers(self) -> dict[str, Any]:
        return (self._given.get("spec") or {}).get("workerSpec") or {}

    def finding(self, code_name: str, *args: Any, **more: Any) -> Finding:
        found = super().finding(code_name, *args, **more)
        if not self._alone:
            return found
        about = ref_of(self._given) if found.object == self.ref else found.object
        return replace(found, severity=WARNING, object=about, affects=[])
