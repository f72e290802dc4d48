# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle's layout, its way back to a snapshot, and that it holds no secret."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import bundle, redact, snapshot
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import planted

REPORTS = {"report.txt": "all is well\n", "report.html": "<!DOCTYPE html>"}
POD = "namespaces/models/pods/iris-predictor-0"


def data() -> dict[str, Any]:
    made = {**snapshot.empty("2026-11-22T13:00:00Z"), **planted.snapshot("nothing to see")}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker-1"}}
    runtime = {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ClusterServingRuntime",
        "metadata": {"name": "kserve-mlserver"},
    }
    made["objects"].update({snapshot.NODES: [node], snapshot.CLUSTERSERVINGRUNTIMES: [runtime]})
    return made


def files(packed: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        members = archive.getmembers()
        assert all(member.isfile() and member.mode == 0o600 and member.uid == 0 for member in members)
        return {m.name: archive.extractfile(m).read().decode() for m in members}  # type: ignore[union-attr]


def packed(given: dict[str, Any] | None = None) -> bytes:
    return bundle.pack(given or data(), REPORTS, yaml.safe_dump)


def test_the_layout() -> None:
    found = files(packed())
    names = {name.removeprefix("modelserving-20261122130000/") for name in found}
    assert names == {
        "snapshot.json",
        "report.txt",
        "report.html",
        "timestamp",
        "version",
        "cluster-scoped-resources/core/nodes/worker-1.yaml",
        "cluster-scoped-resources/serving.kserve.io/clusterservingruntimes/kserve-mlserver.yaml",
        "namespaces/kserve/core/configmaps.yaml",
        "namespaces/models/core/events.yaml",
        "namespaces/models/core/pods.yaml",
        "namespaces/models/core/secrets.yaml",
        "namespaces/models/serving.kserve.io/inferenceservices/iris.yaml",
        f"{POD}/iris-predictor-0.yaml",
        f"{POD}/kserve-container/kserve-container/logs/current.log",
    }


def test_files_hold_the_objects() -> None:
    found = {name.partition("/")[2]: text for name, text in files(packed()).items()}
    pods = yaml.safe_load(found["namespaces/models/core/pods.yaml"])
    assert (pods["kind"], [pod["metadata"]["name"] for pod in pods["items"]]) == ("PodList", ["iris-predictor-0"])
    assert yaml.safe_load(found[f"{POD}/iris-predictor-0.yaml"]) == pods["items"][0]
    log = found[f"{POD}/kserve-container/kserve-container/logs/current.log"]
    assert log.startswith("INFO starting\n") and "the middle of the log was not read" in log


def test_previous_logs_have_their_own_name() -> None:
    given = data()
    given["logs"].append({**given["logs"][0], "previous": True})
    assert [name for name in files(packed(given)) if name.endswith("logs/previous.log")]


def test_the_same_snapshot_gives_the_same_bytes() -> None:
    assert packed() == packed()


def test_names_stay_inside_the_bundle() -> None:
    given = data()
    given["objects"]["pods"][0]["metadata"].update(name="../../../etc/passwd", namespace="..")
    given["logs"][0].update(namespace="../..", pod="/etc", container="..")
    for name in files(packed(given)):
        assert ".." not in name.split("/") and not name.startswith("/"), name


@pytest.mark.parametrize("name", planted.shapes())
def test_no_file_of_the_bundle_shows_a_secret(name: str) -> None:
    text, parts = planted.shapes()[name]
    given = {**snapshot.empty("2026-11-22T13:00:00Z"), **planted.snapshot(text, parts[0])}
    for file, content in files(packed(given)).items():
        assert not planted.leaks(content, parts), file


# -- there and back --------------------------------------------------------------------------------------------------


def test_a_bundle_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "bundle.tar.gz"
    bundle.write(str(path), data(), REPORTS, yaml.safe_dump)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [child.name for child in path.parent.iterdir()] == ["bundle.tar.gz"]
    assert bundle.read_snapshot(str(path)) == redact.snapshot(data())


@pytest.mark.parametrize("pack", [lambda text: text, gzip.compress], ids=["json", "json.gz"])
def test_a_snapshot_alone_is_read_too(tmp_path: Path, pack: Any) -> None:
    path = tmp_path / "snapshot"
    path.write_bytes(pack(snapshot.dumps(data()).encode()))
    assert bundle.read_snapshot(str(path)) == data()


def test_a_bundle_that_was_unpacked_and_packed_by_hand_is_read(tmp_path: Path) -> None:
    path = tmp_path / "again.tar"
    with tarfile.open(path, "w") as archive:
        content = snapshot.dumps(data()).encode()
        member = tarfile.TarInfo("somewhere/snapshot.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    assert bundle.read_snapshot(str(path)) == data()


def broken(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "broken"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b"[]", "schema"),
        (json.dumps({"schema": snapshot.SCHEMA, "version": 99}).encode(), "version 99"),
        (gzip.compress(b"hello"), "not JSON"),
        (gzip.compress(snapshot.dumps(snapshot.empty()).encode())[:-9], "damaged"),
        (b"\x1f\x8b broken", "damaged"),
    ],
    ids=["empty", "text", "list", "newer", "zipped-text", "cut-short", "broken"],
)
def test_what_is_no_snapshot_is_said_in_a_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(snapshot.SnapshotError, match=says) as raised:
        bundle.read_snapshot(broken(tmp_path, content))
    assert str(raised.value).startswith(str(tmp_path))


def test_an_archive_without_a_snapshot(tmp_path: Path) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        member = tarfile.TarInfo("must-gather/version")
        archive.addfile(member, io.BytesIO(b""))
    with pytest.raises(snapshot.SnapshotError, match=r"holds no snapshot\.json"):
        bundle.read_snapshot(broken(tmp_path, raw.getvalue()))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(snapshot.SnapshotError, match="No such file"):
        bundle.read_snapshot(str(tmp_path / "absent"))


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(b"old")

    def refuse(_self: Path, _mode: int) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(PermissionError):
        bundle.write_file(str(path), b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
