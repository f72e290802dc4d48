# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats whose libraries are large: an image of their own, built and tried by `make test-all` only."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client

from tests.cluster.cache import Cache
from tests.cluster.engine import Podman
from tests.integration.formats import lab as labs

ROOT = Path(__file__).resolve().parents[3]
RUNTIME = "seldon-mlserver-runtime"
EXTRA = "mlserver-extra"


@pytest.fixture(scope="module")
def image(full: bool, cluster: dict[str, Any]) -> str:
    """MLServer with mlflow and huggingface, in the cluster's nodes."""
    if not full:
        pytest.skip("the image is built by make test-all only")
    if cluster["mode"] != "packages":
        return str(cluster["images"]["mlserver"])  # the published one has them
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "cluster", "images", "--extra"], check=True, capture_output=True, text=True
    )
    said = next(line for line in done.stdout.splitlines() if EXTRA in line and line.endswith(".tar"))
    reference, archive = said.split()[-2:]
    podman = Podman(Cache())
    podman.configure()
    for node in cluster["nodes"]:
        with Path(archive).open("rb") as content:
            load = ("ctr", "--namespace", "k8s.io", "images", "import", "--all-platforms", "--digests", "-")
            subprocess.run(["podman", "exec", "--interactive", node, *load], env=podman.env, stdin=content, check=True)
    return reference


@pytest.fixture(scope="module")
def lab(
    client: Client,
    cluster: dict[str, Any],
    make_namespace: Callable[..., str],
    eventually: Callable[..., Any],
    image: str,
) -> Iterator[labs.Lab]:
    with labs.made(client, cluster, make_namespace("formats-extra"), eventually, mlserver=image) as made:
        yield made


def test_mlserver_serves_an_mlflow_model(lab: labs.Lab) -> None:
    rows, wanted = lab.expected["mlflow"]["rows"], lab.expected["mlflow"]["answer"]
    lab.start("mlflow", "mlflow", "mlflow", RUNTIME)
    # the model has no signature, so the request says how to read it
    tensor = {"name": "x", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": rows}
    outputs = lab.ask("mlflow", "mlflow", [tensor], content_type="np")
    (answer,) = outputs.values()
    assert answer == pytest.approx(wanted)


def test_mlserver_serves_a_huggingface_model(lab: labs.Lab) -> None:
    texts, wanted = lab.expected["huggingface"]["rows"], lab.expected["huggingface"]["answer"]
    lab.start("huggingface", "huggingface", "huggingface", RUNTIME)
    # the tensor of this name becomes the pipeline's one argument, a list
    tensor = {"name": "array_inputs", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    (output,) = lab.ask("huggingface", "huggingface", [tensor]).values()
    answers = [json.loads(line) for line in output]
    assert [answer["label"] for answer in answers] == [answer["label"] for answer in wanted]
    scores = [answer["score"] for answer in answers]
    assert scores == pytest.approx([answer["score"] for answer in wanted], abs=1e-5)
    assert len(set(scores)) == len(texts)  # a model that answers the same to all would prove little
