# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats whose libraries are large: an image of their own, built and tried by `make test-all` only."""

from __future__ import annotations

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
    """The image with every runtime of MLServer's that can be had here, in the cluster's node."""
    if not full:
        pytest.skip("the image is built by make test-all only")
    if cluster["mode"] != "packages":
        return str(cluster["images"]["mlserver"])  # the published one has them all
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "cluster", "images", "--extra"], check=True, capture_output=True, text=True
    )
    reference, archive = next(line.split() for line in done.stdout.splitlines() if EXTRA in line and ".tar" in line)
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


@pytest.mark.parametrize("name", ["mlflow", "huggingface"])
def test_mlserver_answers_as_the_library_does(lab: labs.Lab, name: str) -> None:
    if name not in lab.expected:
        pytest.skip(f"the image has no library for {name}")
    rows, wanted = lab.expected[name]["rows"], lab.expected[name]["answer"]
    lab.start(name, name, name, RUNTIME)
    if name == "huggingface":
        texts = {"name": "text_inputs", "shape": [len(rows)], "datatype": "BYTES", "data": rows}
        outputs = lab.ask(name, name, [{**texts, "parameters": {"content_type": "str"}}])
        found = " ".join(str(value) for values in outputs.values() for value in values)
        assert all(answer["label"] in found for answer in wanted)
        return
    tensor = {"name": "x", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": rows}
    outputs = lab.ask(name, name, [{**tensor, "parameters": {"content_type": "np"}}])
    (answer,) = outputs.values()
    assert answer == pytest.approx(wanted)
