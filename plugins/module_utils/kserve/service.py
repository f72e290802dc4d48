# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From options to the wanted InferenceService.

The table below says for each option where its value goes; how a value is read (strings are strings, one spelling only)
is spec.py's. Paths follow KServe v0.20.0, pkg/apis/serving/v1beta1/{predictor,predictor_model,component}.go.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import typing as t
from collections.abc import Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import defaulting, kinds, spec, versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.quantities import canonical_quantities
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import plain

# pkg/apis/serving/v1beta1/inference_service_validation.go, IsvcNameFmt
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
# The predictor's Service and Deployment are <name>-predictor, and a Service's name has 63 characters at most.
_LONGEST_NAME = 63 - len("-predictor")

PROTOCOLS = ("v1", "v2", "grpc-v1", "grpc-v2")

_METADATA: tuple[str, ...] = ("metadata",)
_MODEL = ("spec", "predictor", "model")
_PREDICTOR = ("spec", "predictor")


@dataclasses.dataclass(frozen=True)
class Option:
    """An option of one service: its names (the first is Ansible's), where its value goes, and how it is read."""

    names: tuple[str, ...]
    target: tuple[str, ...]
    kind: str
    elements: tuple[spec.Field, ...] = ()
    choices: tuple[str, ...] = ()
    minimum: int | None = None

    @property
    def name(self) -> str:
        """The option's name in Ansible's spelling."""
        return self.names[0]

    @property
    def field(self) -> spec.Field:
        """The option as spec.py reads it. What is inside keeps Kubernetes' own names."""
        inside = tuple(dataclasses.replace(item, deep=True) for item in self.elements)
        return spec.Field(self.name, self.kind, inside, choices=self.choices, minimum=self.minimum)


def _option(
    names: str,
    target: tuple[str, ...],
    kind: str,
    elements: tuple[spec.Field, ...] = (),
    choices: tuple[str, ...] = (),
    minimum: int | None = None,
) -> Option:
    return Option(tuple(names.split()), target, kind, elements, choices, minimum)


_CONTAINER = {field.name: field for field in spec.CONTAINER}
_POD = {field.name: field for field in spec.POD}


def _borrowed(name: str, target: tuple[str, ...], fields: Mapping[str, spec.Field]) -> Option:
    """An option that is the runtime's field of the same name, container's or pod's."""
    field = fields[name]
    names = (field.option, field.name) if field.option != field.name else (field.name,)
    return Option(names, (*target, name), field.kind, field.fields, field.choices, field.minimum)


OPTIONS: tuple[Option, ...] = (
    _option("labels", (*_METADATA, "labels"), "pairs"),
    _option("annotations", (*_METADATA, "annotations"), "pairs"),
    _option("format model_format", (*_MODEL, "modelFormat", "name"), "text"),
    _option("version model_version", (*_MODEL, "modelFormat", "version"), "text"),
    _option("protocol protocol_version protocolVersion", (*_MODEL, "protocolVersion"), "text", choices=PROTOCOLS),
    _option("storage_uri storageUri", (*_MODEL, "storageUri"), "text"),
    _option(
        "storage",
        (*_MODEL, "storage"),
        "object",
        (
            spec.Field("key", "text"),
            spec.Field("path", "text"),
            spec.Field("parameters", "pairs"),
            spec.Field("schemaPath", "text"),
        ),
    ),
    _option("runtime", (*_MODEL, "runtime"), "text"),
    _option("runtime_version runtimeVersion", (*_MODEL, "runtimeVersion"), "text"),
    *(
        _borrowed(name, _MODEL, _CONTAINER)
        for name in (
            "image",
            "imagePullPolicy",
            "command",
            "args",
            "env",
            "envFrom",
            "resources",
            "ports",
            "volumeMounts",
            "livenessProbe",
            "readinessProbe",
            "startupProbe",
        )
    ),
    _option("min_replicas minReplicas", (*_PREDICTOR, "minReplicas"), "whole", minimum=0),
    _option("max_replicas maxReplicas", (*_PREDICTOR, "maxReplicas"), "whole", minimum=0),
    _option(
        "scale_metric scaleMetric",
        (*_PREDICTOR, "scaleMetric"),
        "text",
        choices=("cpu", "memory", "concurrency", "rps"),
    ),
    _option("scale_target scaleTarget", (*_PREDICTOR, "scaleTarget"), "whole", minimum=1),
    _option("container_concurrency containerConcurrency", (*_PREDICTOR, "containerConcurrency"), "whole", minimum=0),
    _option("service_account service_account_name serviceAccountName", (*_PREDICTOR, "serviceAccountName"), "text"),
    _option("priority_class_name priorityClassName", (*_PREDICTOR, "priorityClassName"), "text"),
    _option("pod_labels", (*_PREDICTOR, "labels"), "pairs"),
    _option("pod_annotations", (*_PREDICTOR, "annotations"), "pairs"),
    *(
        _borrowed(name, _PREDICTOR, _POD)
        for name in ("volumes", "nodeSelector", "affinity", "tolerations", "imagePullSecrets", "schedulerName")
    ),
)

SPEC_OPTION = "spec"
OPTION_NAMES = frozenset(name for option in OPTIONS for name in option.names) | {SPEC_OPTION}


def argument_spec() -> dict[str, dict[str, t.Any]]:
    """The options of one service as an Ansible argument spec; :func:`build` reads what is inside, more strictly."""
    arguments: dict[str, dict[str, t.Any]] = {SPEC_OPTION: {"type": "dict"}}
    for option in OPTIONS:
        entry = spec.ansible_option(option.field)
        entry.pop("aliases", None)
        if option.names[1:]:
            entry["aliases"] = list(option.names[1:])
        arguments[option.name] = entry
    return arguments


def build(options: Mapping[str, t.Any], *, name: t.Any, namespace: str, path: str = "") -> dict[str, t.Any]:
    """Return the wanted InferenceService.

    :param options: the options of one service as the person gave them; null means not given.
    :param path: where the options stand in the task (``services[2]``), for messages.
    :raises SpecError: one sentence, with the option's path.
    """
    wanted: dict[str, t.Any] = {
        "apiVersion": kinds.INFERENCE_SERVICE[0],
        "kind": kinds.INFERENCE_SERVICE[1],
        "metadata": {"name": service_name(name, path), "namespace": namespace},
        "spec": _passed_through(options.get(SPEC_OPTION), _at(path, SPEC_OPTION)),
    }
    unknown = sorted(str(key) for key in options if key not in OPTION_NAMES)
    if unknown:
        raise SpecError(_at(path, unknown[0]), f"is no option of an InferenceService{_hint(unknown[0])}")
    for option in OPTIONS:
        given = _given(option, options, path)
        if given is not None:
            _put(wanted, option, given, path)
    _check_predictor(wanted, path)
    return wanted


def service_name(name: t.Any, path: str = "") -> str:
    """Return a service's name; raise SpecError where KServe's webhook refuses it or its Service could not be made."""
    at = _at(path, "name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SpecError(
            at, f"is {name!r}, but must begin with a lower-case letter and hold lower-case letters, digits and '-'"
        )
    if len(name) > _LONGEST_NAME:
        raise SpecError(
            at, f"has {len(name)} characters, but {_LONGEST_NAME} at most make the Service {name}-predictor"
        )
    return name


def _given(option: Option, options: Mapping[str, t.Any], path: str) -> t.Any:
    used = [name for name in option.names if options.get(name) is not None]
    if len(used) > 1:
        raise SpecError(_at(path, used[0]), f"is given twice, as {used[0]} and as {used[1]}: keep one")
    return spec.read_value(option.field, options[used[0]], _at(path, used[0])) if used else None


def _put(wanted: dict[str, t.Any], option: Option, value: t.Any, path: str) -> None:
    place = wanted
    for key in option.target[:-1]:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise SpecError(_at(path, ".".join(option.target[: option.target.index(key) + 1])), "must be a mapping")
    key = option.target[-1]
    if key in place:
        raise SpecError(_at(path, option.name), f"is given twice, here and as {'.'.join(option.target)}: keep one")
    place[key] = value


def _passed_through(value: t.Any, path: str) -> dict[str, t.Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise SpecError(path, "must be a mapping: the spec of an InferenceService")
    return t.cast("dict[str, t.Any]", spec.read_raw(value, path))


def _check_predictor(wanted: Mapping[str, t.Any], path: str) -> None:
    predictor = wanted["spec"].get("predictor")
    if not predictor:
        raise SpecError(_at(path, "format"), "is required: name the model's format (or give the whole spec)")
    _check_one_schema(predictor, path)
    model = predictor.get("model") if isinstance(predictor, dict) else None
    if model and not (model.get("modelFormat") or {}).get("name"):
        raise SpecError(_at(path, "format"), "is required: name the model's format, such as sklearn or triton")
    if model and ("storageUri" in model and "storage" in model):
        raise SpecError(_at(path, "storage_uri"), "and storage are both given: keep one")


def _check_one_schema(predictor: t.Any, path: str) -> None:
    """Refuse the previous schema's keys beside `model` or one another: the webhook overwrites `model` by them."""
    given = [key for key in defaulting.FRAMEWORKS if isinstance(predictor, dict) and predictor.get(key) is not None]
    at = _at(path, f"{SPEC_OPTION}.predictor")
    if len(given) > 1:
        raise SpecError(at, f"has {' and '.join(given)}, but a predictor serves one model: keep one")
    if given and predictor.get("model") is not None:
        raise SpecError(
            f"{at}.{given[0]}",
            "is the previous schema and stands beside the options of the model (predictor.model), which KServe would "
            "drop without a word: keep one of them",
        )


def as_stored(wanted: Mapping[str, t.Any], kserve_version: str = versions.DEFAULT) -> dict[str, t.Any]:
    """Write a service's fields as KServe's defaulting webhook stores them, and add none.

    The webhook changes an object after server-side apply has recorded who owns what: fields that it adds belong to
    nobody, values that it rewrites stay ours. So a field rewritten beforehand is found again, and a second run needs
    no request to know that nothing changed. Rewritten are the previous schema (``predictor.sklearn``), quantities, the
    former names of deployment modes, and empty values. What the webhook fills into containers of one's own (from the
    ConfigMap inferenceservice-config) is not foreseen: such a service costs an apply, which then changes nothing.
    """
    stored = defaulting.default_service(wanted, kserve_version)
    service = t.cast("dict[str, t.Any]", plain(wanted))
    annotations = service["metadata"].get("annotations") or {}
    if kinds.ANNOTATION_DEPLOYMENT_MODE in annotations:
        mode = stored["metadata"]["annotations"][kinds.ANNOTATION_DEPLOYMENT_MODE]
        annotations[kinds.ANNOTATION_DEPLOYMENT_MODE] = mode
    if previous_schema(wanted):
        service["spec"] = stored["spec"]
    service["spec"] = _without_empty(canonical_quantities(service["spec"]))
    return service


def _without_empty(fields: dict[str, t.Any]) -> dict[str, t.Any]:
    """A spec less the empty lists and maps of its components and of the model.

    To KServe they say what an absent one says; server-side apply records no owner for an empty list of keyed items,
    and refuses to empty a map.
    """
    kept = {key: value for key, value in fields.items() if value not in ({}, [])}
    return {key: _without_empty(value) if key in _HOLDERS else value for key, value in kept.items()}


_HOLDERS = frozenset({"predictor", "transformer", "explainer", "model"})


def previous_schema(service: Mapping[str, t.Any]) -> str | None:
    """Return the previous schema's key (``sklearn``) that a service uses, None where it uses ``model``."""
    return defaulting.framework_of(service["spec"].get("predictor") or {})


def pinned(wanted: Mapping[str, t.Any], runtime: str) -> dict[str, t.Any]:
    """Return the service with its runtime named."""
    service = t.cast("dict[str, t.Any]", plain(wanted))
    service["spec"]["predictor"]["model"]["runtime"] = runtime
    return service


def named_runtime(service: Mapping[str, t.Any]) -> str | None:
    """Return the runtime that a service names."""
    model = (service.get("spec", {}).get("predictor") or {}).get("model") or {}
    return model.get("runtime")


def _hint(name: str) -> str:
    close = difflib.get_close_matches(name, sorted(OPTION_NAMES), 1, 0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _at(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
