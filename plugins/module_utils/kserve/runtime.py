# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From options to the wanted ServingRuntime or ClusterServingRuntime."""

from __future__ import annotations

import copy
import re
import typing as t
from collections.abc import Iterable, Iterator, Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds, quantities, spec
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

API_VERSIONS = {
    kind: api_version for api_version, kind, *_rest in (kinds.SERVING_RUNTIME, kinds.CLUSTER_SERVING_RUNTIME)
}


def build(
    options: Mapping[str, t.Any],
    *,
    kind: str,
    name: str | None = None,
    preset: Mapping[str, t.Any] | None = None,
    accelerator: Mapping[str, t.Any] | None = None,
    path: str = "spec",
) -> dict[str, t.Any]:
    """Return the wanted object, without a namespace.

    :param options: the options of one runtime as the person gave them, either spelling: see `spec.read`.
    :param kind: ServingRuntime or ClusterServingRuntime.
    :param name: metadata.name; a preset brings its own where this is empty.
    :param preset: what `catalogue.preset` returns; the options are laid over it, see `overlay`.
    :param accelerator: what `accelerator.requests.accelerator_options` returns, to add to the kserve-container and its
        pod, and to the worker's where there is one. The options' own tolerations, node selector and affinity hold
        beside it (a node selector's label of the same name wins); devices that contradict it are refused.
    :param path: the path of the spec in messages, where it is one of many.
    :raises SpecError: one sentence, with the field's path.
    """
    settings = spec.read(options, path)
    base = preset or {}
    formats_given = "supportedModelFormats" in settings.spec
    wanted = overlay(base.get("spec", {}), settings.spec)
    if settings.auto_select is not None:
        _auto_select(wanted, settings.auto_select, formats_given)
    if accelerator:
        _accelerate(wanted, accelerator, settings.spec, kinds.CONTAINER, path)
        if wanted.get("workerSpec"):
            own = settings.spec.get("workerSpec") or {}
            _accelerate(wanted["workerSpec"], accelerator, own, kinds.WORKER_CONTAINER, f"{path}.workerSpec")
    _add_unknown(wanted, settings.additional, "additional_spec")
    if wanted.get("containers") is None:
        raise SpecError(f"{path}.containers", "is required: name the container kserve-container and give it an image")
    if "workerSpec" in wanted and wanted["workerSpec"].get("containers") is None:
        raise SpecError(f"{path}.workerSpec.containers", "is required: exactly one container, the worker's")
    metadata: dict[str, t.Any] = {"name": _name(name, base)}
    for key, given in settings.metadata.items():
        values = overlay(base.get(key, {}), given)
        if values:
            metadata[key] = values
    return {"apiVersion": API_VERSIONS[kind], "kind": kind, "metadata": metadata, "spec": wanted}


def _name(name: str | None, preset: Mapping[str, t.Any]) -> str:
    if name is not None:
        return spec.object_name(name)
    if "name" not in preset:
        raise SpecError("metadata.name", "is required: give the runtime a name, or a preset that brings one")
    return str(preset["name"])


# -- laying options over a preset --------------------------------------------------------------------------------------


def passed_on(wanted: Mapping[str, t.Any], additional: Mapping[str, t.Any], path: str = "spec") -> Iterator[str]:
    """Yield the paths in a built spec at which the fields of additional_spec stand."""
    for key, value in additional.items():
        if key == "containers":
            places = {container["name"]: index for index, container in enumerate(wanted["containers"])}
            for item in value:
                where = f"{path}.{key}[{places[str(item['name'])]}]"
                yield from (f"{where}.{name}" for name in item if name != "name")
        elif key == "workerSpec":
            yield from passed_on(wanted[key], value, f"{path}.{key}")
        else:
            yield f"{path}.{key}"


# Lists that merge by the items' name; every other list is replaced. KServe itself merges a service's container with
# its runtime's by the same keys (pkg/controller/v1beta1/inferenceservice/utils/utils.go, MergeRuntimeContainers).
_BY_NAME = frozenset(("containers", "env"))
_HANDLERS = frozenset(("exec", "httpGet", "tcpSocket", "grpc"))
_PROBES = frozenset(("livenessProbe", "readinessProbe", "startupProbe"))


def overlay(base: Mapping[str, t.Any], given: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Lay given fields over a preset's: maps merge, containers and env merge by name, everything else is replaced.

    An empty map takes the preset's whole map away, a null in a map one key, a variable with a null for its value that
    variable. A probe's handler replaces the preset's, and the limit of a device its request too.
    """
    result: dict[str, t.Any] = {}
    for key, before in base.items():
        if key not in given:
            result[key] = _copied(key, before)
        elif not _takes_away(before, given[key]):
            result[key] = _merged(key, before, given[key])
    for key, value in given.items():
        if key not in base and value is not None:
            result[key] = _copied(key, value)
    return result


def _takes_away(before: t.Any, value: t.Any) -> bool:
    return value is None or (value == {} and isinstance(before, dict))


def _merged(key: str, before: t.Any, value: t.Any) -> t.Any:
    if isinstance(value, dict) and isinstance(before, dict):
        return overlay(_fitting(key, before, value), value)
    if key in _BY_NAME and value and isinstance(before, list):
        return _by_name(key, before, value)
    return _copied(key, value)


def _copied(key: str, value: t.Any) -> t.Any:
    """Copy the value of a field. A null asks to take something of a preset's away, and here is nothing."""
    if isinstance(value, dict):
        return {name: _copied(name, item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_copied("", item) for item in value if not (key == "env" and _takes_variable_away(item))]
    return value


def _takes_variable_away(entry: Mapping[str, t.Any]) -> bool:
    return "value" in entry and entry["value"] is None and not entry.get("valueFrom")


def _fitting(key: str, before: dict[str, t.Any], given: dict[str, t.Any]) -> dict[str, t.Any]:
    """What of a preset's map goes together with what is given."""
    if key in _PROBES and _HANDLERS & given.keys():
        # a probe has one handler
        return {name: value for name, value in before.items() if name not in _HANDLERS or name in given}
    if key == "resources" and before.get("requests"):
        return {**before, "requests": _following(before["requests"], given.get("limits") or {})}
    return before


def _following(before: dict[str, t.Any], limits: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Let a preset's requests of devices follow the limits that are given: Kubernetes wants both to be the same."""
    devices = {name: amount for name, amount in limits.items() if not quantities.may_be_overcommitted(name)}
    followed = {name: devices.get(name, amount) for name, amount in before.items()}
    return {name: amount for name, amount in followed.items() if amount is not None}


def _by_name(key: str, before: list[dict[str, t.Any]], given: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Merge a list by its items' name: the preset's order, then the new ones.

    No two given entries have one name, see `spec.read`. A variable is replaced as a whole: a value and a valueFrom
    exclude each other.
    """
    result = {item["name"]: _copied("", item) for item in before}
    for item in given:
        if key == "env" and _takes_variable_away(item):
            result.pop(item["name"], None)
            continue
        known = result.get(item["name"]) if key == "containers" else None
        result[item["name"]] = overlay(known or {}, item)
    return list(result.values())


def _auto_select(wanted: dict[str, t.Any], value: bool, formats_given: bool) -> None:
    """Set autoSelect on every format; the person's own word on a single format wins.

    Without autoSelect a preset's priority means nothing to KServe, so it goes too.
    """
    for entry in wanted.get("supportedModelFormats", []):
        if formats_given and "autoSelect" in entry:
            continue
        entry["autoSelect"] = value
        if not value and not formats_given:
            entry.pop("priority", None)


# -- adding an accelerator ---------------------------------------------------------------------------------------------


def _accelerate(
    wanted: dict[str, t.Any], accelerator: Mapping[str, t.Any], given: Mapping[str, t.Any], container: str, path: str
) -> None:
    """Add an accelerator's resources to a container of a pod, its tolerations, selector and affinity to the pod.

    wanted: the pod's part of the spec, the preset's and the options' together; given: the options' alone.
    """
    names = [item.get("name") for item in wanted.get("containers") or []]
    if container in names and accelerator.get("resources"):
        own = {item.get("name"): (index, item) for index, item in enumerate(given.get("containers") or [])}
        index, said = own.get(container, (names.index(container), {}))
        _add_devices(
            wanted["containers"][names.index(container)], accelerator, said, f"{path}.containers[{index}].resources"
        )
    missing = [one for one in accelerator.get("tolerations") or [] if one not in wanted.get("tolerations", [])]
    if missing:
        wanted["tolerations"] = [*wanted.get("tolerations", []), *copy.deepcopy(missing)]
    if accelerator.get("node_selector"):
        # what the person wrote in node_selector is more precise than what an accelerator asks for in general
        wanted["nodeSelector"] = {**accelerator["node_selector"], **wanted.get("nodeSelector", {})}
    if accelerator.get("affinity"):
        wanted["affinity"] = _with_both(accelerator["affinity"], wanted.get("affinity", {}))


def _add_devices(
    container: dict[str, t.Any], accelerator: Mapping[str, t.Any], said: Mapping[str, t.Any], path: str
) -> None:
    """Put an accelerator's resources into a container.

    It stands in for a preset's device of the same vendor. What the options say of devices must be the same, and a
    preset's device of another vendor is what its image is made for: both are refused, not lost. Workers may have a
    number of their own (predictor.go, computeRayNodeAndGPUs).
    """
    resources = container.get("resources", {})
    for kind, amounts in accelerator["resources"].items():
        wanted, (name, amount) = dict(resources.get(kind) or {}), next(iter(amounts.items()))
        if container.get("name") == kinds.WORKER_CONTAINER:
            amount = _said_of(name, said, amount)
        for other, value in list(wanted.items()):
            replaced = other == name or _any(accelerator.get("replaces"), other)
            if not replaced and not _any(accelerator.get("excludes"), other):
                continue
            person = other in ((said.get("resources") or {}).get(kind) or {})
            if other == name and (not person or _same(value, amount)):
                continue
            asks = f"asks for {value} of {other}, and accelerator for {amount} of {name}"
            if person:
                raise SpecError(f"{path}.{kind}.{other}", f"{asks}: give one of the two")
            if not replaced:
                remedy = f"choose a preset for it, or take the other away with {{{kind}: {{{other}: null}}}}"
                raise SpecError(f"{path}.{kind}.{other}", f"the preset {asks}, and no node has both: {remedy}")
            del wanted[other]
        resources = {**resources, kind: {**wanted, name: amount}}
    container["resources"] = resources


def _any(patterns: Iterable[str] | None, name: str) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in patterns or ())


def _same(value: object, amount: str) -> bool:
    try:
        return quantities.units(value) == quantities.units(amount)
    except ValueError:
        return False


def _with_both(asked: Mapping[str, t.Any], own: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Lay a person's affinity over an accelerator's; nodes have to meet what both require.

    Terms are alternatives: each of the person's gets the accelerator's expressions beside its own. An empty term, which
    matches no node, stays empty.
    """
    nodes = _without_empty({"nodeAffinity": own.get("nodeAffinity") or {}})  # an empty one requires nothing
    own = {**{key: value for key, value in own.items() if key != "nodeAffinity"}, **nodes}
    result = overlay(asked, own)
    terms, more = (_required(item) for item in (own, asked))
    if terms and more:
        both = [_joined(one, other) if _says(one) else one for one in terms for other in (more if _says(one) else [{}])]
        result["nodeAffinity"][_REQUIRED]["nodeSelectorTerms"] = both
    return result


def _said_of(device: str, said: Mapping[str, t.Any], otherwise: t.Any) -> t.Any:
    """How many of a device the options give a container, by limits or requests."""
    given = (said.get("resources") or {}).values()
    return next((amounts[device] for amounts in given if device in (amounts or {})), otherwise)


def _without_empty(affinity: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """An affinity without the maps and lists that say nothing; terms stay as they are."""
    found = {key: _without_empty(value) if isinstance(value, dict) else value for key, value in affinity.items()}
    return {key: value for key, value in found.items() if value not in ({}, [])}


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def _required(affinity: Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    return ((affinity.get("nodeAffinity") or {}).get(_REQUIRED) or {}).get("nodeSelectorTerms") or []


def _says(term: Mapping[str, t.Any]) -> bool:
    return bool(term.get("matchExpressions") or term.get("matchFields"))


def _joined(one: Mapping[str, t.Any], other: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A term that asks for what both ask for."""
    result = {}
    for key in ("matchExpressions", "matchFields"):
        items = [*(one.get(key) or []), *(item for item in other.get(key) or [] if item not in (one.get(key) or []))]
        if items:
            result[key] = copy.deepcopy(items)
    return result


def _add_unknown(wanted: dict[str, t.Any], additional: Mapping[str, t.Any], path: str) -> None:
    """Add the fields of additional_spec, which the field table does not know."""
    for key, value in additional.items():
        if key == "containers":
            _add_to_containers(wanted.get(key) or [], value, f"{path}.{key}")
        elif key == "workerSpec":
            _add_unknown(wanted.setdefault(key, {}), value, f"{path}.{key}")
        else:
            wanted[key] = copy.deepcopy(value)


def _add_to_containers(containers: list[dict[str, t.Any]], additional: list[dict[str, t.Any]], path: str) -> None:
    named = {container["name"]: container for container in containers}
    for index, item in enumerate(additional):
        if item["name"] not in named:
            raise SpecError(f"{path}[{index}].name", f"is {item['name']!r}, but the runtime has no such container")
        named[item["name"]].update(copy.deepcopy(item))
