# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a task says of its runtimes to wanted objects and everything that is wrong with them; no cluster needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import requests
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import (
    admission,
    runtime,
    shapes,
    spec,
    versions,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

OWN = ("name", "preset", "accelerator")

# What the oldest KServe refuses every later one refuses too: the rules have only grown.
ANY_VERSION = ".".join(map(str, versions.OLDEST))

Object = dict[str, Any]


@dataclass
class Entry:
    """One runtime of a task: its name and object (without a namespace), or the errors that stand against it."""

    name: str
    body: Object = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def of_task(params: Mapping[str, Any], given: Mapping[str, Any]) -> list[Entry]:
    """The runtimes of the module's *params*; *given*: the same as the task wrote them, before any conversion."""
    return entries(
        given,
        kind="ClusterServingRuntime" if params["scope"] == "cluster" else "ServingRuntime",
        present=params["state"] == "present",
        kserve_version=params["kserve_version"],
    )


def entries(given: Mapping[str, Any], *, kind: str, present: bool, kserve_version: str | None) -> list[Entry]:
    """Read every runtime of a task.

    given: the module's options as the task gave them: either ``runtimes``, or one runtime's options; kind:
    ServingRuntime or ClusterServingRuntime; present: whether they shall be there (else names are enough);
    kserve_version: None where the cluster will say it, and what not every version refuses is left for then.
    Errors are collected, each with the place of its entry; SpecError is raised for what concerns the whole task.
    """
    version = ANY_VERSION if kserve_version is None else kserve_version
    try:
        versions.known(version)
    except ValueError as error:
        raise SpecError("", str(error)) from error
    reader = _Reader(kind, present, version)
    found = [reader.read(options, path) for path, options in _one_by_one(given)]
    _refuse_repeated(found)
    return found


def _one_by_one(given: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The runtimes of a task with their places; '' for one that is given by the module's own options."""
    single = {key: value for key, value in given.items() if (key in OWN or key in spec.OPTION_NAMES)}
    several = given.get("runtimes")
    if several is None:
        return [("", single)]
    beside = [key for key, value in single.items() if value is not None]
    if beside:
        raise SpecError(
            "runtimes", f"is given beside {', '.join(beside)}: put everything into runtimes, or leave it out"
        )
    if not isinstance(several, Sequence) or isinstance(several, str):
        raise SpecError("runtimes", "must be a list, each entry the options of one runtime")
    return [(f"runtimes[{index}]", entry) for index, entry in enumerate(several)]


@dataclass(frozen=True)
class _Reader:
    kind: str
    present: bool
    kserve_version: str

    def read(self, options: Any, path: str) -> Entry:
        entry = Entry("")
        try:
            own, fields = spec.split(_mapping(options), OWN)
            entry.name = _name(own)
            if self.present:
                self._judge(entry, own, fields)
        except SpecError as error:
            entry.errors.append(str(error))
        label = " ".join(filter(None, (path, f"({entry.name})" if path and entry.name else "")))
        if label:
            entry.errors = [f"{label}: {text}" for text in entry.errors]
        return entry

    def _judge(self, entry: Entry, own: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
        entry.body = self._build(own, fields)
        passed_on = _passed_on(entry.body, fields)
        verdict = admission.admit(entry.body, (), self.kserve_version, passed_on)
        entry.errors += verdict["errors"]
        entry.warnings += verdict["warnings"]
        if verdict["allowed"]:
            entry.errors += admission.lasting_errors(entry.body, self.kserve_version)

    def _build(self, own: Mapping[str, Any], fields: Mapping[str, Any]) -> Object:
        body = runtime.build(
            fields,
            kind=self.kind,
            name=own.get("name"),
            preset=_preset(own.get("preset")),
            accelerator=requests.accelerator_options(own.get("accelerator")),
        )
        body["spec"] = _without_empty_maps(body["spec"])
        return body


def _passed_on(body: Object, fields: Mapping[str, Any]) -> frozenset[str]:
    """Where the fields of a newer KServe stand, of which the cluster knows more than the rules here."""
    return frozenset(runtime.passed_on(body["spec"], fields.get("additional_spec") or {}))


def _mapping(options: Any) -> Mapping[str, Any]:
    if not isinstance(options, Mapping):
        raise SpecError("", f"must be a mapping of options, not {type(options).__name__}")
    return options


def _name(own: Mapping[str, Any]) -> str:
    if own.get("name") is not None:
        return spec.object_name(own["name"])
    preset = _preset(own.get("preset"))
    if preset is None:
        raise SpecError("name", "is required, unless a preset brings one")
    return str(preset["name"])


def _preset(name: Any) -> Object | None:
    if name is None:
        return None
    if not isinstance(name, str):
        raise SpecError("preset", f"must be the name of a preset, not {shapes.kind_of(name)}")
    from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import catalogue  # large: only where used

    return catalogue.preset(name)


def _without_empty_maps(fields: Object) -> Object:
    """A spec less its empty maps: to KServe they say what no map says, and server-side apply cannot empty a map.

    (The API server answers such an apply with "Invalid value: null": the map that loses its last key becomes null.)
    """
    kept = {key: value for key, value in fields.items() if value != {}}
    if isinstance(kept.get("workerSpec"), dict):
        kept["workerSpec"] = {key: value for key, value in kept["workerSpec"].items() if value != {}}
    return kept


def _refuse_repeated(found: Sequence[Entry]) -> None:
    first: dict[str, int] = {}
    for index, entry in enumerate(found):
        if entry.name and first.setdefault(entry.name, index) != index:
            place = f"runtimes[{first[entry.name]}]"
            entry.errors.append(f"runtimes[{index}] ({entry.name}): has the same name as {place}: give each its own")
