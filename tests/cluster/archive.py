# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes container images as docker-archive tars: the form that podman, kind and containerd all read."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Every entry carries this time, so that the same content gives the same image.
EPOCH = 0
BLOCK = 1 << 20


@dataclass(frozen=True)
class ImageConfig:
    """What runs in the image and how; the fields are those of the OCI image configuration."""

    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = "/"

    def document(self, diff_ids: Iterable[str]) -> bytes:
        """The image configuration as JSON."""
        config = {
            "Entrypoint": list(self.entrypoint) or None,
            "Cmd": list(self.cmd) or None,
            "Env": [f"{name}={value}" for name, value in self.env.items()],
            "User": self.user,
            "WorkingDir": self.workdir,
        }
        content = {
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
        }
        return json.dumps(content, sort_keys=True).encode()


def digest_of(path: Path) -> str:
    """The sha256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_layer(target: Path, files: Mapping[str, Path]) -> None:
    """Write a layer of program files: path in the image → file here; all root's, mode 0755."""
    with tarfile.open(target, "w") as layer:
        for name, source in sorted(files.items()):
            with source.open("rb") as stream:
                layer.addfile(_entry(name.lstrip("/"), source.stat().st_size, 0o755), stream)


def write_image(target: Path, reference: str, layers: Sequence[Path], config: ImageConfig) -> None:
    """Write an image of uncompressed layers under that name."""
    digests = [digest_of(layer) for layer in layers]
    document = config.document(f"sha256:{digest}" for digest in digests)
    config_name = f"{hashlib.sha256(document).hexdigest()}.json"
    names = [f"{digest}.tar" for digest in digests]
    manifest = json.dumps([{"Config": config_name, "RepoTags": [reference], "Layers": names}]).encode()
    with tarfile.open(target, "w") as archive:
        for name, layer in zip(names, layers, strict=True):
            with layer.open("rb") as stream:
                archive.addfile(_entry(name, layer.stat().st_size, 0o644), stream)
        for name, data in ((config_name, document), ("manifest.json", manifest)):
            archive.addfile(_entry(name, len(data), 0o644), io.BytesIO(data))


def _entry(name: str, size: int, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, mode, EPOCH
    return entry
