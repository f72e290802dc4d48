# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue against KServe's own config/runtimes, taken from its module: a difference is a drift."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import catalogue, runtime

WRAPPER = Path(__file__).resolve().parents[2] / "cluster" / "go" / "kserve-v0.20.0"
TAG = catalogue.KSERVE_TAG
# openvino's file was exported from a Helm release, whose marks are not the runtime's.
HELM = ("meta.helm.sh/release-name", "meta.helm.sh/release-namespace")


def run(*command: str, folder: Path | None = None) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def module() -> Path:
    """The folder of KServe's module, fetched where it is not there yet."""
    answer = json.loads(run("go", "mod", "download", "-json", f"github.com/kserve/kserve@{TAG}", folder=WRAPPER))
    return Path(answer["Dir"])


@pytest.fixture(scope="session")
def theirs(module: Path) -> dict[str, dict[str, Any]]:
    """KServe's runtimes by name: the default set as kubectl builds it, and the one beside it."""
    documents = list(yaml.safe_load_all(run("kubectl", "kustomize", str(module / "config" / "runtimes"))))
    beside = yaml.safe_load((module / "config" / "runtimes" / "kserve-openvino.yaml").read_text())
    for key in HELM:
        del beside["metadata"]["annotations"][key]
    del beside["metadata"]["labels"]
    return {one["metadata"]["name"]: released(one) for one in [*documents, beside]}


def released(runtime_: dict[str, Any]) -> dict[str, Any]:
    """The object with `latest` read as the release's tag; openvino's `replace` stands for any tag."""
    for container in containers(runtime_):
        container["image"] = re.sub(r":latest(?=-|$)", f":{TAG}", container["image"])
        container["image"] = re.sub(r":replace$", ":latest", container["image"])
    return runtime_


def containers(runtime_: dict[str, Any]) -> list[dict[str, Any]]:
    spec = runtime_["spec"]
    return [*spec["containers"], *spec.get("workerSpec", {}).get("containers", [])]


NAMES = [name for name in catalogue.PRESETS if name.startswith("kserve-")]


def test_the_set_is_the_same(theirs: dict[str, dict[str, Any]]) -> None:
    assert set(theirs) == set(NAMES)
    assert set(theirs) - set(catalogue.OUT_OF_THE_BOX) == {"kserve-openvino"}


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_kserves_own(theirs: dict[str, dict[str, Any]], name: str) -> None:
    built = runtime.build({}, kind="ClusterServingRuntime", preset=catalogue.preset(name))
    assert built == theirs[name]


def test_the_tags_are_those_of_kserves_own_release(module: Path) -> None:
    """`latest` read as the tag is what KServe itself installs."""
    manifest = module / "install" / TAG / "kserve-cluster-resources.yaml"
    installed = {
        one["metadata"]["name"]: [container["image"] for container in containers(one)]
        for one in yaml.safe_load_all(manifest.read_text())
        if one and one["kind"] == "ClusterServingRuntime"
    }
    assert set(installed) == set(catalogue.OUT_OF_THE_BOX)
    for name, images in installed.items():
        built = runtime.build({}, kind="ClusterServingRuntime", preset=catalogue.preset(name))
        assert [container["image"] for container in containers(built)] == images


# The second seed's table: name, and its formats in the seed's own spelling.
SEED = {
    "kserve-lgbserver": ["LightGBM"],
    "kserve-mlserver": ["SKLearn", "XGBoost", "LightGBM", "MLflow"],
    "kserve-paddleserver": ["Paddle"],
    "kserve-pmmlserver": ["PMML"],
    "kserve-sklearnserver": ["SKLearn"],
    "kserve-tensorflow-serving": ["TensorFlow"],
    "kserve-torchserve": ["PyTorch"],
    "kserve-tritonserver": ["TensorFlow", "ONNX", "PyTorch", "TensorRT"],
    "kserve-xgbserver": ["XGBoost"],
}


@pytest.mark.parametrize("name", SEED)
def test_the_seeds_table(name: str) -> None:
    formats = {entry["name"] for entry in catalogue.preset(name)["spec"]["supportedModelFormats"]}
    assert formats - {"triton"} == {one.lower() for one in SEED[name]}
