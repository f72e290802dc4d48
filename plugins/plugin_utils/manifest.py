# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests on the controller: finding and reading them, and migrating InferenceServices inside their text.

A migrated text otherwise stays as it is, byte for byte. The YAML library says where a key and its value stand; only
those places are rewritten. Comments, quotes, indentation, line breaks and other documents are kept because they are
never written anew.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import defaulting, migration, versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

SUFFIXES = (".yml", ".yaml", ".json")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ManifestError(ValueError):
    """A manifest that cannot be read or edited; the message is a sentence for the user."""


@dataclass(frozen=True)
class Edit:
    """Replace the characters from start to end."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Migrated:
    """One service that a manifest holds in the previous schema."""

    name: str
    namespace: str | None
    line: int
    summary: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Written:
    """One object that a file holds, and the line on which it begins."""

    value: dict[str, Any]
    path: Path
    line: int

    @property
    def place(self) -> str:
        """Where it stands, for a sentence."""
        return f"{self.path}:{self.line}"


def files(paths: Iterable[str]) -> list[Path]:
    """The files that are meant, directories searched; relative paths start where ansible-playbook was started.

    :raises ManifestError: where there is nothing under a path.
    """
    found: list[Path] = []
    for given in paths:
        path = Path.cwd() / Path(given).expanduser()
        if path.is_dir():
            found += sorted(item for item in path.rglob("*") if item.is_file() and item.suffix in SUFFIXES)
        elif path.is_file():
            found.append(path)
        else:
            raise ManifestError(f"There is no manifest {path}: name a file or a directory")
    return list(dict.fromkeys(found))


def read(path: Path, kinds: Iterable[str]) -> list[Written]:
    """The objects of these kinds in a file, those of Lists included; everything else in it is passed over.

    :raises ManifestError: where the file cannot be read, or speaks of one of the kinds and is no YAML.
    """
    wanted = set(kinds)
    text = read_text(path)
    if not any(kind in text for kind in wanted):
        return []
    objects = [item for node in _documents(text) for item in _objects(node)]
    return [Written(_value(item), path, item.start_mark.line + 1) for item in objects if _kind(item) in wanted]


def read_text(path: Path) -> str:
    """A file's text, line breaks as they are. Raises ManifestError where it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ManifestError(f"it cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ManifestError("it is no text in UTF-8") from error


def migrate(
    text: str,
    runtimes: Iterable[Mapping[str, Any]] | None = None,
    pin: bool = False,
    kserve_version: str = versions.DEFAULT,
) -> tuple[str, list[Migrated]]:
    """Return the manifest with its InferenceServices in the new schema, and what was migrated.

    :raises ManifestError: where the text is no YAML, or a service is written in a way that cannot be edited in place.
    """
    among = None if runtimes is None else list(runtimes)
    edits: list[Edit] = []
    found: list[Migrated] = []
    for node in _documents(text):
        for service in _services(node):
            plan = _plan(service, among, pin, kserve_version)
            if plan.framework is None:
                continue
            edits.extend(_edits(text, service, plan))
            metadata = plan.service.get("metadata") or {}
            line = service.start_mark.line + 1
            summary = migration.summary(plan)
            found.append(Migrated(metadata.get("name", ""), metadata.get("namespace"), line, summary, plan.notes))
    if not edits:
        return text, []
    result = _apply(text, edits)
    _require_same(text, result, among, pin, kserve_version)
    return result, found


def _documents(text: str) -> list[yaml.Node]:
    try:
        return [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None]
    except yaml.YAMLError as error:
        raise ManifestError(f"it is no YAML that can be read: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _services(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    """Yield the InferenceServices of a document, those of a List included."""
    for item in _objects(node):
        if migration.is_service({"apiVersion": _scalar(item, "apiVersion"), "kind": _kind(item)}):
            yield item


def _objects(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    """Yield the mappings that a document is made of: itself, or the items of a List."""
    if not isinstance(node, yaml.MappingNode):
        return
    items = _entry(node, "items")
    if str(_kind(node)).endswith("List") and isinstance(items, yaml.SequenceNode):
        for item in items.value:
            yield from _objects(item)
    else:
        yield node


def _kind(node: yaml.MappingNode) -> str | None:
    return _scalar(node, "kind")


def _scalar(node: yaml.MappingNode, name: str) -> str | None:
    value = _entry(node, name)
    return str(value.value) if isinstance(value, yaml.ScalarNode) else None


def _entry(node: yaml.MappingNode, name: str) -> yaml.Node | None:
    return next((value for key, value in node.value if isinstance(key, yaml.ScalarNode) and key.value == name), None)


def _plan(
    service: yaml.MappingNode, runtimes: list[Mapping[str, Any]] | None, pin: bool, kserve_version: str
) -> migration.Migration:
    try:
        return migration.plan(_value(service), runtimes, pin, kserve_version)
    except SpecError as error:
        raise ManifestError(f"line {service.start_mark.line + 1}: {error}") from error


def _value(node: yaml.Node) -> Any:
    """Return what a node holds, merges and anchors resolved."""
    loader = yaml.SafeLoader("")
    try:
        # A copy, because reading a merge writes what it brings into the node.
        return loader.construct_document(copy.deepcopy(node))
    except yaml.YAMLError as error:
        raise ManifestError(f"it is no YAML that can be read: {_one_line(error)}") from error
    finally:
        loader.dispose()


def _field(node: yaml.Node, name: str) -> tuple[yaml.Node, yaml.Node]:
    """Return a mapping's key and value as they stand in the text."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    found = [(key, value) for key, value in pairs if key.value == name]
    if not found:
        line = node.start_mark.line + 1
        raise ManifestError(f"line {line}: {name} comes by a merge (<<), which cannot be edited in place: write it out")
    return found[-1]


def _edits(text: str, service: yaml.MappingNode, plan: migration.Migration) -> Iterator[Edit]:
    spec = _field(service, "spec")[1]
    predictor = _field(spec, "predictor")[1]
    framework = str(plan.framework)
    if any(pair[0].value == "model" for pair in predictor.value):
        line = predictor.start_mark.line + 1
        raise ManifestError(f"line {line}: the predictor has a model beside {framework}, which KServe drops: remove it")
    key, value = _field(predictor, framework)
    if not isinstance(value, yaml.MappingNode) or value.start_mark.index < key.start_mark.index:
        line = key.start_mark.line + 1
        raise ManifestError(f"line {line}: {framework} is an alias, which cannot be edited in place: write it out")
    if any(pair[0].value in ("modelFormat", "runtime") for pair in value.value):
        line = value.start_mark.line + 1
        raise ManifestError(f"line {line}: {framework} has a field of the new schema, which KServe drops: remove it")
    written = text[key.start_mark.index : key.end_mark.index]
    yield Edit(key.start_mark.index, key.end_mark.index, written.replace(framework, "model"))
    yield _model_fields(text, value, plan, key, quoted=written[:1] == '"')


def _model_fields(text: str, value: yaml.MappingNode, plan: migration.Migration, key: yaml.Node, quoted: bool) -> Edit:
    """Put the format (and what else is new) before the value's first field, in the value's own style."""
    entries: list[tuple[str, Any]] = [("modelFormat", {"name": plan.framework})]
    added = (("protocolVersion", plan.protocol), ("runtime", plan.runtime))
    entries.extend((name, item) for name, item in added if item is not None)
    if value.flow_style:
        inside = ", ".join(_flow(name, item, quoted) for name, item in entries)
        rest = ", " if value.value else ""
        start = value.start_mark.index + 1
        return Edit(start, start, f"{inside}{rest}")
    first = value.value[0][0].start_mark
    indent = " " * first.column
    newline = "\r\n" if "\r\n" in text else "\n"
    step = " " * max(first.column - key.start_mark.column, 1)
    lines = [line for name, item in entries for line in _block(name, item, step)]
    # On the line after the key, so that a comment stays above the field that it is about.
    start = text.index("\n", key.end_mark.index) + 1
    return Edit(start, start, "".join(f"{indent}{line}{newline}" for line in lines))


def _flow(name: str, value: Any, quoted: bool) -> str:
    mark = '"' if quoted else ""
    if isinstance(value, dict):
        inside = ", ".join(_flow(key, item, quoted) for key, item in value.items())
        return f"{mark}{name}{mark}: {{{inside}}}"
    return f"{mark}{name}{mark}: {mark}{value}{mark}"


def _block(name: str, value: Any, step: str) -> list[str]:
    if isinstance(value, dict):
        return [f"{name}:", *(step + line for key, item in value.items() for line in _block(key, item, step))]
    return [f"{name}: {value}"]


def _apply(text: str, edits: Iterable[Edit]) -> str:
    for edit in sorted(edits, key=lambda item: item.start, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _require_same(
    before: str, after: str, runtimes: list[Mapping[str, Any]] | None, pin: bool, kserve_version: str
) -> None:
    """Read the edited text again: it must hold exactly what the migration of each document gives."""
    wanted = [_migrated(item, runtimes, pin, kserve_version) for item in _load(before)]
    if _load(after) != wanted:
        raise ManifestError("editing it in place would change more than the migration: migrate it by hand")


def _load(text: str) -> list[Any]:
    try:
        return list(yaml.load_all(text, Loader=LOADER))
    except yaml.YAMLError as error:
        raise ManifestError(f"it is no YAML that can be read: {_one_line(error)}") from error


def _migrated(item: Any, runtimes: list[Mapping[str, Any]] | None, pin: bool, kserve_version: str) -> Any:
    if not isinstance(item, dict):
        return item
    if migration.is_service(item):
        predictor = (item.get("spec") or {}).get("predictor") or {}
        if defaulting.framework_of(predictor) is not None:
            return _without_dates(migration.migrate(item, runtimes, pin, kserve_version), item)
    if str(item.get("kind", "")).endswith("List") and isinstance(item.get("items"), list):
        return {**item, "items": [_migrated(part, runtimes, pin, kserve_version) for part in item["items"]]}
    return item


def _without_dates(migrated: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    """Keep what the migration does not touch as the YAML reader gives it (timestamps are no text there)."""
    kept = {name: item[name] for name in migrated if name != "spec"}
    return {**kept, "spec": migrated["spec"]}
