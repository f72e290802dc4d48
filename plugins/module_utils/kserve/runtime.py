# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From options to the wanted ServingRuntime or ClusterServingRuntime."""

from __future__ import annotations

import copy
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds, spec
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
    :param accelerator: {resources, tolerations, node_selector, affinity} to add to the kserve-container and its
        pod; what the options say themselves wins.
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
        _accelerate(wanted, accelerator)
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
    variable. A probe's handler replaces the preset's.
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
        return overlay(_other_handlers_out(key, before, value), value)
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


def _other_handlers_out(key: str, before: dict[str, t.Any], given: dict[str, t.Any]) -> dict[str, t.Any]:
    """A probe has one handler: drop the preset's where another is given."""
    if key in _PROBES and _HANDLERS & given.keys():
        return {name: value for name, value in before.items() if name not in _HANDLERS or name in given}
    return before


def _by_name(key: str, before: list[dict[str, t.Any]], given: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Merge a list by its items' name: the preset's order, then the new ones.

    Of two given entries with one name the last counts. A variable is replaced as a whole: a value and a valueFrom
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


def _accelerate(wanted: dict[str, t.Any], accelerator: Mapping[str, t.Any]) -> None:
    """Add an accelerator's resources to the kserve-container, its tolerations and node selector to the pod."""
    for container in wanted.get("containers") or []:
        if container["name"] == kinds.CONTAINER and accelerator.get("resources"):
            container["resources"] = overlay(container.get("resources", {}), accelerator["resources"])
    missing = [one for one in accelerator.get("tolerations") or [] if one not in wanted.get("tolerations", [])]
    if missing:
        wanted["tolerations"] = [*wanted.get("tolerations", []), *copy.deepcopy(missing)]
    if accelerator.get("node_selector"):
        # what the person wrote in node_selector is more precise than what an accelerator asks for in general
        wanted["nodeSelector"] = {**accelerator["node_selector"], **wanted.get("nodeSelector", {})}
    if accelerator.get("affinity"):
        wanted["affinity"] = overlay(accelerator["affinity"], wanted.get("affinity", {}))


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
