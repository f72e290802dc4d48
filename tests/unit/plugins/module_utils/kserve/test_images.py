# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Image tags against model formats."""

from __future__ import annotations

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import images

TRITON = "nvcr.io/nvidia/tritonserver"
MLSERVER = "docker.io/seldonio/mlserver"


def misfits(image: str, name: str, version: str | None = None) -> list[str]:
    entry = {"name": name} if version is None else {"name": name, "version": version}
    containers = [{"name": "side", "image": "x"}, {"name": "kserve-container", "image": image}]
    found = images.warnings({"spec": {"containers": containers, "supportedModelFormats": [entry]}})
    assert all(one.path == "spec.containers[1].image" and one.severity == "warning" for one in found)
    return [one.sentence for one in found]


@pytest.mark.parametrize(
    ("image", "name", "version", "fits"),
    [
        (f"{TRITON}:23.03-py3", "tensorflow", "1", True),
        (f"{TRITON}:23.04-py3", "tensorflow", "1", False),
        (f"{TRITON}:23.04-py3", "tensorflow", "1.15", False),
        (f"{TRITON}:25.02-py3", "tensorflow", "2", True),
        (f"{TRITON}:25.03-py3", "tensorflow", "2", False),
        (f"{TRITON}:25.03-py3", "tensorflow", None, False),
        (f"{TRITON}:25.12-py3", "tensorflow", "2", False),
        (f"{TRITON}:24.04-py3", "tensorrt", "8", True),
        (f"{TRITON}:24.05-py3", "tensorrt", "8", False),
        (f"{TRITON}:24.05-py3", "tensorrt", "10", True),
        (f"{TRITON}:24.04-py3", "tensorrt", "10", False),
        (f"{TRITON}:25.12-py3", "onnx", "1", True),
        (f"{TRITON}:25.12-py3", "python", "1", True),
        (f"{TRITON}:25.12-py3", "pytorch", "1", True),
        (f"{TRITON}:24.04-pyt-python-py3", "onnx", "1", False),
        (f"{TRITON}:24.04-pyt-python-py3", "pytorch", "1", True),
        (f"{TRITON}:24.04-py3-sdk", "python", "1", False),
        (f"{TRITON}:24.04-py3-min", "python", "1", False),
        ("registry.local:5000/mirror/tritonserver:25.03-py3", "tensorflow", "2", False),
        (f"{TRITON}:25.03-py3@sha256:{'0' * 64}", "tensorflow", "2", False),
        # nothing certain is known of these
        (f"{TRITON}@sha256:{'0' * 64}", "tensorflow", "1", True),
        (f"{TRITON}:latest", "tensorflow", "1", True),
        (TRITON, "tensorflow", "1", True),
        ("registry.local:5000/tritonserver", "tensorflow", "1", True),
        ("localhost/modelserving/triton:24.10", "tensorflow", "1", True),
        ("example/my-tritonserver:25.03-py3", "tensorflow", "2", True),
        (f"{TRITON}:25.03-py3", "sklearn", "1", True),
        (f"{MLSERVER}:1.7.1", "sklearn", "1", True),
        (f"{MLSERVER}:1.7.1", "huggingface", "1", True),
        (f"{MLSERVER}:1.0.1", "huggingface", "1", False),
        (f"{MLSERVER}:1.7.1-slim", "xgboost", "1", False),
        (f"{MLSERVER}:1.7.1-slim", "custom", "1", True),
        (f"{MLSERVER}:1.7.1-sklearn", "sklearn", "1", True),
        (f"{MLSERVER}:1.7.1-sklearn", "xgboost", "1", False),
        ("", "tensorflow", "1", True),
    ],
)
def test_which_tag_serves_which_format(image: str, name: str, version: str | None, fits: bool) -> None:
    assert (misfits(image, name, version) == []) is fits


def test_the_sentence_says_what_to_do() -> None:
    assert misfits(f"{TRITON}:25.03-py3", "tensorflow", "2") == [
        "spec.containers[1].image: nvcr.io/nvidia/tritonserver:25.03-py3 cannot serve tensorflow 2: "
        "the TensorFlow backend left Triton at 25.03; use Triton 25.02 or older, or leave the format out"
    ]
    (sentence,) = misfits(f"{TRITON}:24.04-py3", "tensorrt", "10")
    assert sentence.endswith("; use Triton 24.05 or newer, or leave the format out")
    (sentence,) = misfits(f"{MLSERVER}:1.7.1-sklearn", "xgboost", "1")
    assert sentence.endswith(
        "a -sklearn image holds sklearn only; use the full image of the same release, or leave the format out"
    )


def test_a_runtime_without_the_container_or_formats() -> None:
    assert images.warnings({}) == []
    assert images.warnings({"spec": {"containers": [{"name": "other"}], "supportedModelFormats": None}}) == []
    assert images.warnings({"spec": {"containers": [{"name": "kserve-container"}]}}) == []


@pytest.mark.parametrize(
    ("image", "repository", "tag"),
    [
        ("a/b:1", "a/b", "1"),
        ("a/b", "a/b", ""),
        ("host:5000/a", "host:5000/a", ""),
        ("host:5000/a:1@sha256:00", "host:5000/a", "1"),
        ("a@sha256:00", "a", ""),
    ],
)
def test_an_images_parts(image: str, repository: str, tag: str) -> None:
    assert images.split_image(image) == (repository, tag)
