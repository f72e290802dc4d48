# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which model formats an image can serve, by its name and tag.

Only what is certain is said: an image under another name, or a tag that is no release, is let be.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.problems import WARNING, Problem


@dataclasses.dataclass(frozen=True)
class Range:
    """The releases of a server that serve a format: ``first`` and ``last`` are included, None is open.

    An empty ``version`` is every version of the format.
    """

    format: str
    version: str
    first: tuple[int, ...] | None
    last: tuple[int, ...] | None
    why: str


# NVIDIA's release notes and support matrix; tags are year.month
_TRITON = (
    Range("tensorflow", "1", None, (23, 3), "the TensorFlow 1 backend left Triton at 23.04"),
    Range("tensorflow", "", None, (25, 2), "the TensorFlow backend left Triton at 25.03"),
    Range(
        "tensorrt", "8", None, (24, 4), "a plan runs on its own TensorRT generation only, and 24.05 brought TensorRT 10"
    ),
    Range("tensorrt", "10", (24, 5), None, "a plan runs on its own TensorRT generation only, and 24.04 has TensorRT 8"),
)
# the first releases of the packages mlserver-…, whose versions are the server's
_MLSERVER = (Range("huggingface", "", (1, 1), None, "the HuggingFace runtime came with MLServer 1.1"),)

# Parts of an image's tag that say which backends are in it; None: no server at all.
_TRITON_FLAVOURS: dict[str, tuple[str, ...] | None] = {
    "-py3-min": (),
    "-py3-sdk": None,
    "-py3-igpu-sdk": None,
    "-pyt-python-py3": ("pytorch", "python", "triton"),
    "-tf2-python-py3": ("tensorflow", "python", "triton"),
    "-vllm-python-py3": ("vLLM", "python", "triton"),
    "-trtllm-python-py3": ("tensorrt_llm", "python", "triton"),
}
_MLSERVER_FORMATS = ("sklearn", "xgboost", "lightgbm", "mlflow", "huggingface")
_MLSERVER_FLAVOURS: dict[str, tuple[str, ...] | None] = {
    "-slim": (),
    **{f"-{name}": (name,) for name in _MLSERVER_FORMATS},
}


@dataclasses.dataclass(frozen=True)
class Server:
    """What is known of one server's images."""

    title: str
    repository: t.Pattern[str]
    tag: t.Pattern[str]
    ranges: tuple[Range, ...]
    flavours: dict[str, tuple[str, ...] | None]
    # formats that a flavour's list speaks about; others are let be
    known: tuple[str, ...]


SERVERS = (
    Server(
        "Triton",
        re.compile(r"(?:.*/)?tritonserver"),
        re.compile(r"(\d\d)\.(\d\d)(-.*)?"),
        _TRITON,
        _TRITON_FLAVOURS,
        ("tensorflow", "pytorch", "onnx", "tensorrt", "python", "triton"),
    ),
    Server(
        "MLServer",
        re.compile(r"(?:.*/)?seldonio/mlserver"),
        re.compile(r"(\d+)\.(\d+)(?:\.\d+)?(-.*)?"),
        _MLSERVER,
        _MLSERVER_FLAVOURS,
        _MLSERVER_FORMATS,
    ),
)


def warnings(runtime: Mapping[str, t.Any]) -> list[Problem]:
    """Return the formats of a ServingRuntime that its image cannot serve, in the order of the formats."""
    spec = runtime.get("spec") or {}
    for index, container in enumerate(spec.get("containers") or []):
        if isinstance(container, dict) and container.get("name") == kinds.CONTAINER:
            path = f"spec.containers[{index}].image"
            return list(_misfits(str(container.get("image") or ""), spec.get("supportedModelFormats") or [], path))
    return []


def split_image(image: str) -> tuple[str, str]:
    """Return an image's repository, its registry's host and port included, and its tag ('' without one)."""
    name = image.partition("@")[0]
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        return name, ""
    return repository, tag


def _misfits(image: str, formats: list[t.Any], path: str) -> Iterator[Problem]:
    repository, tag = split_image(image)
    for server in SERVERS:
        match = server.tag.fullmatch(tag)
        if not server.repository.fullmatch(repository) or not match:
            continue
        release, flavour = (int(match[1]), int(match[2])), match[3] or ""
        for entry in formats:
            why = _why_not(server, release, flavour, str(entry.get("name") or ""), str(entry.get("version") or ""))
            if why:
                label = " ".join(filter(None, (entry.get("name"), entry.get("version"))))
                remedy = _remedy(server, release, str(entry.get("name")), str(entry.get("version") or ""))
                yield Problem(WARNING, path, f"{image} cannot serve {label}: {why}", remedy)


def _why_not(server: Server, release: tuple[int, ...], flavour: str, name: str, version: str) -> str | None:
    if flavour in server.flavours:
        inside = server.flavours[flavour]
        if inside is None:
            return f"a {flavour} image holds no server"
        if name in server.known and name not in inside:
            return f"a {flavour} image holds {', '.join(inside) if inside else 'no backend'} only"
    for one in _ranges(server, name, version):
        if (one.first and release < one.first) or (one.last and release > one.last):
            return one.why
    return None


def _ranges(server: Server, name: str, version: str) -> list[Range]:
    """Return what is known of a format: its own version's entry first ("8" covers "8.6"), then the format's."""
    major = version.partition(".")[0]
    return [one for one in server.ranges if one.format == name and one.version in (major, "")]


def _remedy(server: Server, release: tuple[int, ...], name: str, version: str) -> str:
    for one in _ranges(server, name, version):
        if one.last and release > one.last:
            return f"use {server.title} {_tag(server, one.last)} or older, or leave the format out"
        if one.first and release < one.first:
            return f"use {server.title} {_tag(server, one.first)} or newer, or leave the format out"
    return "use the full image of the same release, or leave the format out"


def _tag(server: Server, release: tuple[int, ...]) -> str:
    return f"{release[0]}.{release[1]:02d}" if server.title == "Triton" else f"{release[0]}.{release[1]}"
