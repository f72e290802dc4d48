# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle: a snapshot and its reports as one tar.gz in must-gather's layout, and the way back to a snapshot.

::

    <root>/snapshot.json                                     what read_snapshot loads
    <root>/report.html report.md report.txt report.json      the reports that were given
    <root>/timestamp, version                                as `oc adm must-gather` writes them
    <root>/namespaces/<ns>/<group>/<resource>.yaml           a List, as `oc adm inspect` writes the kinds it knows
    <root>/namespaces/<ns>/<group>/<resource>/<name>.yaml    custom resources
    <root>/namespaces/<ns>/pods/<pod>/<pod>.yaml
    <root>/namespaces/<ns>/pods/<pod>/<container>/<container>/logs/current.log, previous.log
    <root>/cluster-scoped-resources/<group>/<resource>/<name>.yaml

The core group is called "core". The container's name stands twice as in `oc adm inspect`
(openshift/oc pkg/cli/admin/inspect/pod.go, gatherContainerInfo), so that readers of must-gathers find the logs.
The same snapshot and reports give the same bytes.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import redact, snapshot

MODE = 0o600
SNAPSHOT = "snapshot.json"
MAX_SNAPSHOT_BYTES = 1 << 30

# Written as one List each; every other kind as a file an object.
_LISTED_GROUPS = ("", "apps", "autoscaling", "batch", "policy", "networking.k8s.io", "discovery.k8s.io")
_PODS = "pods"

Entry = tuple[str, bytes]


def write(path: str, data: Mapping[str, Any], reports: Mapping[str, str], dump: Callable[[Any], str]) -> bytes:
    """Write the bundle to *path*, readable by its owner only, and return its bytes.

    data: the snapshot, redacted once more on the way in. reports: file name -> text. dump: an object as YAML text.
    The file appears complete or not at all; OSError where it cannot be written.
    """
    packed = pack(data, reports, dump)
    write_file(path, packed)
    return packed


def write_file(path: str, content: bytes) -> None:
    """Replace *path* in one step by a file with mode 0600; directories that lack are made."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(scratch).chmod(MODE)
        Path(scratch).replace(target)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def pack(data: Mapping[str, Any], reports: Mapping[str, str], dump: Callable[[Any], str]) -> bytes:
    """The bundle's bytes."""
    clean = redact.snapshot(dict(data))
    taken = int(snapshot.seconds(clean.get("taken_at")) or 0)
    root = root_name(clean)
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in sorted(entries(clean, reports, dump)):
            member = tarfile.TarInfo(f"{root}/{name}")
            member.size, member.mtime, member.mode = len(content), taken, MODE
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), compresslevel=6, mtime=0)


def root_name(data: Mapping[str, Any]) -> str:
    """The directory that everything lies in, after the moment of the snapshot."""
    digits = "".join(char for char in str(data.get("taken_at") or "") if char.isdigit())
    return f"modelserving-{digits[:14]}" if digits else "modelserving"


def entries(data: Mapping[str, Any], reports: Mapping[str, str], dump: Callable[[Any], str]) -> Iterator[Entry]:
    """Every file of the bundle, relative to its root."""
    yield SNAPSHOT, snapshot.dumps(dict(data)).encode()
    yield "timestamp", f"{data.get('taken_at') or 'unknown'}\n".encode()
    yield "version", f"modelserving.kserve/snapshot\n{data.get('version')}\n".encode()
    for name, text in reports.items():
        yield name, text.encode()
    for key, objects in (data.get("objects") or {}).items():
        for name, content in _object_files(key, objects):
            yield name, dump(content).encode()
    yield from _logs(data.get("logs") or [])


def _object_files(key: str, objects: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Path and content for the objects of one kind; *key* is "<plural>" or "<plural>.<group>"."""
    resource, _dot, group = key.partition(".")
    by_namespace: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for obj in objects:
        by_namespace[snapshot.namespace_of(dict(obj))].append(obj)
    for namespace, members in by_namespace.items():
        base = _base(namespace, group or "core")
        if namespace and group in _LISTED_GROUPS:
            yield f"{base}/{_safe(resource)}.yaml", _list(members)
        else:
            for obj in members:
                yield f"{base}/{_safe(resource)}/{_safe(snapshot.name_of(dict(obj)))}.yaml", obj
        if namespace and resource == _PODS:
            for obj in members:
                pod = _safe(snapshot.name_of(dict(obj)))
                yield f"namespaces/{_safe(namespace)}/pods/{pod}/{pod}.yaml", obj


def _base(namespace: str, group: str) -> str:
    return f"namespaces/{_safe(namespace)}/{_safe(group)}" if namespace else f"cluster-scoped-resources/{_safe(group)}"


def _list(members: list[Mapping[str, Any]]) -> dict[str, Any]:
    first = members[0]
    return {"apiVersion": first.get("apiVersion"), "kind": f"{first.get('kind')}List", "items": members}


def _logs(logs: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    for log in logs:
        namespace, pod, container = (_safe(str(log.get(key))) for key in ("namespace", "pod", "container"))
        name = "previous.log" if log.get("previous") else "current.log"
        yield f"namespaces/{namespace}/pods/{pod}/{container}/{container}/logs/{name}", whole_log(log).encode()


def whole_log(log: Mapping[str, Any]) -> str:
    """Head and tail of a log with a line between them that says what was left out."""
    head, tail = str(log.get("head") or ""), str(log.get("tail") or "")
    if not tail:
        return head
    gap = "..... the middle of the log was not read .....\n" if log.get("truncated") else ""
    return f"{head}{'' if head.endswith(chr(10)) or not head else chr(10)}{gap}{tail}"


def _safe(name: str) -> str:
    """A name as one path segment; Kubernetes names have no slash, what a file brings may."""
    cleaned = "".join(char if char.isalnum() or char in "._-:" else "_" for char in name)
    return cleaned if cleaned.strip(".") else f"_{cleaned}"


# -- back to a snapshot ----------------------------------------------------------------------------------------------


def read_snapshot(path: str) -> dict[str, Any]:
    """The snapshot in a bundle (tar.gz), or in a .json or .json.gz file.

    Raises snapshot.SnapshotError with one sentence: no such file, no bundle, no snapshot in it, a newer version.
    Nothing of the archive is written anywhere.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise snapshot.SnapshotError(f"The snapshot {path} cannot be read: {error.strerror or error}.") from error
    try:
        return snapshot.loads(_snapshot_text(content))
    except snapshot.SnapshotError as error:
        raise snapshot.SnapshotError(f"{path}: {error}") from error
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise snapshot.SnapshotError(f"{path} is damaged or no bundle: {error}.") from error


def _snapshot_text(content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content if not _is_tar(content) else _member(tarfile.open(fileobj=io.BytesIO(content), mode="r:"))
    plain = _unzipped(content)
    return _member(tarfile.open(fileobj=io.BytesIO(plain), mode="r:")) if _is_tar(plain) else plain


def _unzipped(content: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
        plain = stream.read(MAX_SNAPSHOT_BYTES + 1)
    if len(plain) > MAX_SNAPSHOT_BYTES:
        raise snapshot.SnapshotError(f"This is not a snapshot: it unpacks to more than {MAX_SNAPSHOT_BYTES >> 20} MiB.")
    return plain


def _is_tar(content: bytes) -> bool:
    return content[257:262] == b"ustar"


def _member(archive: tarfile.TarFile) -> bytes:
    with archive:
        for member in archive:
            if member.isfile() and Path(member.name).name == SNAPSHOT and member.name.count("/") <= 1:
                file = archive.extractfile(member)
                return file.read() if file else b""
    raise snapshot.SnapshotError(f"This archive holds no {SNAPSHOT}: it is no bundle of modelserving.kserve.")


def as_json(value: Any) -> str:
    """JSON with stable keys, as the reports and the bundle write it."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
