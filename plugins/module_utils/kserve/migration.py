# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the previous schema (`predictor.sklearn` and its like) to `predictor.model`, as KServe's webhook maps it.

Source: pkg/apis/serving/v1beta1/inference_service_defaults.go (setPredictorModelDefaults, assign*Runtime). The webhook
also annotates the stored service (`modelFormat`) and sets no runtime; a migrated manifest leaves the annotation to it.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import (
    catalogue,
    defaulting,
    selection,
    versions,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import (
    CLUSTER_SERVING_RUNTIME,
    INFERENCE_SERVICE,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import mapping, name_of, plain

PREDICTOR = "spec.predictor"


@dataclass(frozen=True)
class Migration:
    """What becomes of one service; where nothing is to be migrated, `framework` is None.

    protocol and runtime are what is added to the model, None where nothing is; notes are sentences for a person.
    """

    service: dict[str, t.Any]
    framework: str | None = None
    protocol: str | None = None
    runtime: str | None = None
    notes: tuple[str, ...] = ()


def is_service(resource: t.Any) -> bool:
    """Say whether an object is an InferenceService of the API version that has predictors of both schemas."""
    if not isinstance(resource, Mapping):
        return False
    return (resource.get("apiVersion"), resource.get("kind")) == INFERENCE_SERVICE[:2]


def migrate(
    service: Mapping[str, t.Any],
    runtimes: Iterable[Mapping[str, t.Any]] | None = None,
    pin: bool = False,
    kserve_version: str = versions.DEFAULT,
) -> dict[str, t.Any]:
    """Return a service in the new schema; one that is in it already comes back as it is."""
    return plan(service, runtimes, pin, kserve_version).service


def plan(
    service: Mapping[str, t.Any],
    runtimes: Iterable[Mapping[str, t.Any]] | None = None,
    pin: bool = False,
    kserve_version: str = versions.DEFAULT,
) -> Migration:
    """Say how a service is migrated.

    :param runtimes: the runtimes among which `pin` chooses; KServe's own (as v0.20.0 installs them) where None.
    :param pin: write the runtime that KServe would choose into the model, so that later installs cannot move it.
    :raises SpecError: where the webhook would refuse the service, or where `pin` finds no runtime.
    """
    wanted = plain(service)
    if not isinstance(wanted, dict):
        raise SpecError("", f"the InferenceService must be a mapping, not {type(service).__name__}")
    predictor = mapping(mapping(wanted, "spec"), "predictor", "spec")
    framework = defaulting.framework_of(predictor)
    if framework is None:
        return Migration(wanted)
    if defaulting.is_model_mesh(wanted):
        note = "it is annotated for ModelMesh, and KServe's webhook leaves its predictor as it is"
        return Migration(wanted, notes=(note,))
    _require_one(predictor, framework)
    notes = _notes(predictor, framework)
    model, protocol = _model(mapping(predictor, framework, PREDICTOR), framework)
    wanted["spec"]["predictor"] = _replaced(predictor, framework, model)
    runtime = _pinned(wanted, runtimes, kserve_version) if pin else None
    if runtime is not None:
        model["runtime"] = runtime
    return Migration(wanted, framework, protocol, runtime, notes)


def _require_one(predictor: dict[str, t.Any], framework: str) -> None:
    others = [key for key in defaulting.FRAMEWORKS if key != framework and predictor.get(key) is not None]
    if others:
        message = f"has {framework} and {' and '.join(others)}; KServe takes exactly one: remove what is not meant"
        raise SpecError(PREDICTOR, message)


def _notes(predictor: dict[str, t.Any], framework: str) -> tuple[str, ...]:
    notes = []
    if predictor.get("model") is not None:
        notes.append(f"its model is dropped: KServe overwrites it with {framework}, which stands beside it")
    dropped = sorted({"modelFormat", "runtime"} & set(mapping(predictor, framework, PREDICTOR)))
    if dropped:
        notes.append(f"{' and '.join(dropped)} under {framework} is dropped: the previous schema has no such field")
    if mapping(predictor, framework, PREDICTOR).get("runtimeVersion") is not None:
        notes.append(
            "runtimeVersion is kept: it becomes the tag of the runtime's image, which may be another image now"
        )
    if mapping(predictor, framework, PREDICTOR).get("name"):
        notes.append("its container's name is kept, and KServe 0.20's webhook refuses it in either schema: remove it")
    return tuple(notes)


def _model(extension: dict[str, t.Any], framework: str) -> tuple[dict[str, t.Any], str | None]:
    """Return the new schema's model, every field kept, and the protocol that had to be added."""
    kept = {key: value for key, value in extension.items() if key not in ("modelFormat", "runtime")}
    model: dict[str, t.Any] = {"modelFormat": {"name": framework}, **kept}
    protocol = added_protocol(framework, extension)
    if protocol is not None:
        model["protocolVersion"] = protocol
    return model, protocol


def added_protocol(framework: str, extension: Mapping[str, t.Any]) -> str | None:
    """Return the protocol that the previous schema implies and the new one has to name, None where there is none."""
    if framework in defaulting.FRAMEWORKS_ASKING_FOR_V2 and extension.get("protocolVersion") is None:
        return "v2"
    return None


def _replaced(predictor: dict[str, t.Any], framework: str, model: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the predictor with the model in the framework's place."""
    kept = {key: value for key, value in predictor.items() if key != "model"}
    return {("model" if key == framework else key): model if key == framework else kept[key] for key in kept}


def _pinned(service: dict[str, t.Any], runtimes: Iterable[Mapping[str, t.Any]] | None, kserve_version: str) -> str:
    among = out_of_the_box() if runtimes is None else runtimes
    choice = selection.choose(service, among, kserve_version)
    if choice.selected is None:
        name = name_of(service) or "without name"
        raise SpecError(PREDICTOR, f"there is no runtime to pin for {name}. {choice.plain()['explanation']}")
    return choice.selected.name


def out_of_the_box() -> list[dict[str, t.Any]]:
    """Return the ClusterServingRuntimes that KServe v0.20.0 installs."""
    api_version, kind = CLUSTER_SERVING_RUNTIME[:2]
    presets = [catalogue.preset(name) for name in catalogue.OUT_OF_THE_BOX]
    return [
        {
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {"name": preset["name"], "annotations": preset["annotations"]},
            "spec": preset["spec"],
        }
        for preset in presets
    ]


def summary(migration: Migration) -> str:
    """Return what a migration does, in one sentence; '' where it does nothing."""
    if migration.framework is None:
        return ""
    added = {"protocolVersion": migration.protocol, "runtime": migration.runtime}
    more = [f"{name} {value}" for name, value in added.items() if value]
    with_more = f" with {' and '.join(more)}" if more else ""
    return f"{PREDICTOR}.{migration.framework} becomes {PREDICTOR}.model, format {migration.framework}{with_more}"
