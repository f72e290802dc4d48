# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of a runtime's spec."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import runtime_schema, schema

ROOT = Path(__file__).resolve().parents[5]
CRD = "config/crd/full/serving.kserve.io_{}.yaml"


def kserve_module() -> Path:
    """KServe's own module, as the local cluster's build fetches it."""
    places = sorted(Path.home().glob("go/pkg/mod/github.com/kserve/kserve@v0.20.0"))
    if not places:
        pytest.skip("KServe's module v0.20.0 is not there; `make cluster` fetches it")
    return places[0]


@pytest.mark.parametrize("plural", ["servingruntimes", "clusterservingruntimes"])
def test_the_table_is_that_of_kserves_crd(plural: str) -> None:
    spec = importlib.util.spec_from_file_location("writer", ROOT / "tests" / "tools" / "runtime_schema.py")
    assert spec and spec.loader
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    crd = yaml.safe_load((kserve_module() / CRD.format(plural)).read_text(encoding="utf-8"))
    namespace: dict[str, Any] = {}
    exec(writer.render(crd), namespace)
    assert namespace["SHAPES"] == runtime_schema.SHAPES


def test_fields_of_a_path() -> None:
    top, container = schema.fields_of(""), schema.fields_of("workerSpec.containers")
    assert top is not None and top["containers"].required and top["workerSpec"].type == "worker_spec"
    assert container is not None and container["name"].required
    assert schema.fields_of("disabled") is None and schema.fields_of("nothing.there") is None


def test_what_is_stored() -> None:
    spec = {
        "containers": [{"name": "a", "ports": [{"containerPort": 1}], "image": None}],
        "labels": {"a": None, "b": "c"},
        "disabled": None,
        "volumes": [{"name": "v", "iscsi": {"iqn": "a", "lun": 1, "targetPortal": "b"}}],
        "unknown": 1,
    }
    assert schema.stored(spec) == {
        "containers": [{"name": "a", "ports": [{"containerPort": 1, "protocol": "TCP"}]}],
        "labels": {"b": "c"},
        "volumes": [{"name": "v", "iscsi": {"iqn": "a", "lun": 1, "targetPortal": "b", "iscsiInterface": "default"}}],
        "unknown": 1,
    }
    assert spec["disabled"] is None


def test_unknown_fields() -> None:
    spec = {"containers": [{"name": "a", "imagepullpolicy": "b"}], "labels": {"any": "b"}, "workerSpec": {"x": 1}}
    assert schema.unknown(spec) == ["spec.containers[0].imagepullpolicy", "spec.workerSpec.x"]


@pytest.mark.parametrize(
    "quantity, valid",
    [
        ("500m", True),
        ("2Gi", True),
        (1, True),
        ("1e3", True),
        ("+.5", True),
        ("abc", False),
        (0.5, False),
        ("1 Gi", False),
        ("", False),
    ],
)
def test_quantities(quantity: Any, valid: bool) -> None:
    spec = {"containers": [{"name": "a", "resources": {"limits": {"cpu": quantity}}}]}
    assert (not schema.violations(spec)) is valid


@pytest.mark.parametrize(
    "spec, path",
    [
        ({"replicas": -1}, "spec.replicas"),
        ({"replicas": 65536}, "spec.replicas"),
        ({"supportedModelFormats": [{"name": "a", "priority": 2**31}]}, "spec.supportedModelFormats[0].priority"),
    ],
)
def test_numbers_that_the_webhook_cannot_read(spec: Any, path: str) -> None:
    found = schema.unreadable({"containers": [], **spec})
    assert found is not None and found.path == path


def test_numbers_that_it_can_read() -> None:
    assert schema.unreadable({"replicas": 65535, "workerSpec": {"tensorParallelSize": 2**31}}) is None
