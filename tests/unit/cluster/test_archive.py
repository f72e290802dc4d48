# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image archives: what containerd and podman read, the same bytes for the same content."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

from cluster.archive import ImageConfig, digest_of, write_image, write_layer


def write(folder: Path, name: str = "image.tar") -> Path:
    program = folder / "program"
    program.write_bytes(b"binary")
    write_layer(folder / "layer.tar", {"/usr/local/bin/program": program})
    config = ImageConfig(entrypoint=("/program",), env={"HOME": "/tmp"}, user="1000")
    write_image(folder / name, "localhost/test:1", [folder / "layer.tar"], config)
    return folder / name


def test_the_manifest_names_the_layers_by_their_digests(tmp_path: Path) -> None:
    with tarfile.open(write(tmp_path)) as archive:
        content = {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]
    (manifest,) = json.loads(content["manifest.json"])
    assert manifest["RepoTags"] == ["localhost/test:1"]
    config = content[manifest["Config"]]
    assert manifest["Config"] == f"{hashlib.sha256(config).hexdigest()}.json"
    digest = hashlib.sha256(content[manifest["Layers"][0]]).hexdigest()
    parsed = json.loads(config)
    assert parsed["rootfs"] == {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
    assert parsed["config"]["Entrypoint"] == ["/program"]
    assert parsed["config"]["User"] == "1000"
    assert parsed["config"]["Env"] == ["HOME=/tmp"]


def test_programs_are_executable_by_everyone(tmp_path: Path) -> None:
    write(tmp_path)
    with tarfile.open(tmp_path / "layer.tar") as layer:
        (entry,) = layer.getmembers()
    assert (entry.name, entry.mode, entry.uid) == ("usr/local/bin/program", 0o755, 0)


def test_the_same_content_gives_the_same_archive(tmp_path: Path) -> None:
    assert digest_of(write(tmp_path, "one.tar")) == digest_of(write(tmp_path, "two.tar"))
