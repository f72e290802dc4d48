# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What explain_selection is asked and answers: objects with where they come from, choices, and what is not known."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import (
    explaining,
    kinds,
    selection,
    versions,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import (
    DEFAULT_NAMESPACE,
    name_of,
    namespace_of,
    plain,
)
from ansible_collections.modelserving.kserve.plugins.plugin_utils import manifest

SERVICE = kinds.INFERENCE_SERVICE[1]
RUNTIME = kinds.SERVING_RUNTIME[1]
CLUSTER_RUNTIME = kinds.CLUSTER_SERVING_RUNTIME[1]
API = {kind[1]: kind[0] for kind in (kinds.INFERENCE_SERVICE, kinds.SERVING_RUNTIME, kinds.CLUSTER_SERVING_RUNTIME)}

Object = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One object; place: the file and line that it comes from, '' for the cluster's and the task's own."""

    value: Object
    place: str = ""

    def describe(self, kind: str) -> str:
        """The object in words, whatever its shape."""
        named = _metadata(self.value)
        space = "" if kind == CLUSTER_RUNTIME else f"{named.get('namespace') or DEFAULT_NAMESPACE}/"
        where = f" ({self.place})" if self.place else ""
        return f"{kind} {space}{named.get('name') or '(unnamed)'}{where}"


@dataclass
class Question:
    """The services, the runtimes, and the KServe that chooses. unseen: what selection_info could not read."""

    services: list[Entry] = field(default_factory=list)
    runtimes: list[Entry] = field(default_factory=list)
    unseen: list[Object] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    empty: str = "There is no InferenceService."
    kserve_version: str = versions.DEFAULT
    origin: str = "assumed"
    held: dict[Path, int] = field(default_factory=dict)  # how many objects each file that was read holds

    def add(self, entries: Iterable[Entry], kind: str) -> None:
        """Take over objects of a kind."""
        (self.services if kind == SERVICE else self.runtimes).extend(entries)

    def add_files(self, paths: Sequence[str]) -> None:
        """Read services and runtimes from files; a file that cannot be read is an error, and the others count.

        :raises ManifestError: where there is nothing under a path.
        """
        for path in paths:
            files = manifest.files([path])
            for file in files:
                if file not in self.held:  # one that is named twice, as a service's and as a runtime's, counts once
                    self.held[file] = self._add_file(file)
            if not any(self.held[file] for file in files):
                self.warnings.append(f"{path} holds neither an InferenceService nor a runtime that could be read.")

    def _add_file(self, file: Path) -> int:
        try:
            written = [item for item in manifest.read(file, API) if _of_kserve(item.value)]
        except manifest.ManifestError as error:
            self.errors.append(f"{file}: {error}")
            return 0
        for item in written:
            self.add([Entry(plain(item.value), item.place)], item.value["kind"])
        return len(written)

    def version(self, given: str | None) -> None:
        """The version where no cluster is asked. Raises ValueError for one that the rules do not know."""
        if given is not None:
            versions.known(given)
            self.kserve_version, self.origin = given, "given"

    def add_seen(self, seen: Mapping[str, Any], namespaces: Sequence[str]) -> None:
        """Take over what selection_info read; namespaces: those in which services were looked for, none for all."""
        self.kserve_version, self.origin = seen["kserve_version"]["number"], seen["kserve_version"]["origin"]
        self.unseen = list(seen["unseen"])
        self.warnings += seen.get("warnings") or []
        self.warnings += [f"{item['what']} were not seen: {item['message']}" for item in self.unseen]
        self.add([Entry(item) for item in seen["services"]], SERVICE)
        written, live = {_identity(entry.value) for entry in self.runtimes}, seen["runtimes"]
        self.runtimes = [_as_installed(entry, live) for entry in self.runtimes]
        self.runtimes += [Entry(item) for item in live if _identity(item) not in written]
        hidden = {item["namespace"] for item in self.unseen if item["kind"] == SERVICE}
        there = {item["metadata"]["namespace"] for item in seen["services"]}
        missing = sorted(set(namespaces) - there - hidden)
        if missing and there:
            self.warnings.append(f"There is no InferenceService in {_spaces(missing)}.")
        elif missing:
            self.empty = f"There is no InferenceService in {_spaces(missing)}."


def _of_kserve(value: Mapping[str, Any]) -> bool:
    return value.get("apiVersion") == API.get(str(value.get("kind")))


def _spaces(names: Sequence[str]) -> str:
    return f"namespace{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _identity(item: Mapping[str, Any]) -> tuple[str, str, str]:
    kind, metadata = str(item.get("kind")), _metadata(item)
    space = "" if kind == CLUSTER_RUNTIME else metadata.get("namespace") or DEFAULT_NAMESPACE
    return kind, str(space), str(metadata.get("name"))


def _metadata(item: Mapping[str, Any]) -> Object:
    """An object's metadata, empty where it has another shape."""
    metadata = item.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _as_installed(entry: Entry, live: Iterable[Object]) -> Entry:
    """A written runtime as it would stand beside the live ones: as old as the one that it replaces, else the newest."""
    metadata = _metadata(entry.value)
    if not metadata or metadata.get("creationTimestamp"):
        return entry
    replaced = next((item for item in live if _identity(item) == _identity(entry.value)), None)
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    created = replaced["metadata"].get("creationTimestamp", now) if replaced else now
    return Entry({**entry.value, "metadata": {**metadata, "creationTimestamp": created}}, entry.place)


def namespaces(question: Question) -> list[str]:
    """The namespaces of the services, whose ServingRuntimes are the only ones that count for them."""
    found = set()
    for entry in question.services:
        try:
            found.add(namespace_of(entry.value))
        except SpecError:
            continue  # said with the service's own choice
    return sorted(found) or [DEFAULT_NAMESPACE]


def answer(question: Question, why: str) -> Object:
    """The result of explain_selection: choices in the order of the services, the table's lines, errors."""
    errors = list(question.errors)
    known = [runtime for entry in question.runtimes if (runtime := _read(entry, question, errors))]
    rows: list[tuple[Object, selection.Choice]] = []
    plain_choices: list[Object] = []
    doubts: dict[int, str] = {}
    for entry in question.services:
        try:
            choice = selection.choose_among(entry.value, known, question.kserve_version)
            named = {"namespace": namespace_of(entry.value), "name": name_of(entry.value)}
        except (SpecError, ValueError) as error:
            errors.append(f"{entry.describe(SERVICE)}: {error}")
            continue
        doubt = selection.doubt(choice, question.unseen)
        if doubt:
            doubts[len(rows)] = doubt
        rows.append((entry.value, choice))
        plain_choices.append({**named, **choice.plain(), "doubt": doubt})
    lines = explaining.table(rows, why, doubts) if rows else [] if question.services else [question.empty]
    return {
        "choices": plain_choices,
        "lines": [*lines, *(f"ERROR {error}" for error in errors), _decided(question)],
        "errors": errors,
        "unseen": question.unseen,
        "kserve_version": {"number": question.kserve_version, "origin": question.origin},
    }


def _read(entry: Entry, question: Question, errors: list[str]) -> selection.Runtime | None:
    try:
        return selection.read_runtime(entry.value, question.kserve_version)
    except SpecError as error:
        errors.append(f"{entry.describe(str(entry.value.get('kind') or RUNTIME))}: {error}")
        return None


def _decided(question: Question) -> str:
    how = {"given": "given", "found": "found on the cluster", "assumed": "assumed"}[question.origin]
    return f"Decided by the rules of KServe {question.kserve_version} ({how})."
