# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The field table against the full CRDs of KServe's module: every field is an option, of the CRD's own type."""

from __future__ import annotations

import json
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import catalogue, spec

WRAPPER = Path(__file__).resolve().parents[2] / "cluster" / "go" / "kserve-v0.20.0"
CRDS = ("serving.kserve.io_servingruntimes.yaml", "serving.kserve.io_clusterservingruntimes.yaml")

TYPES = {
    "text": {"type": "string"},
    "whole": {"type": "integer"},
    "flag": {"type": "boolean"},
    "port": {"x-kubernetes-int-or-string": True},
    "quantity": {"x-kubernetes-int-or-string": True},
    "texts": {"type": "array"},
    "objects": {"type": "array"},
    "pairs": {"type": "object"},
    "quantities": {"type": "object"},
    "object": {"type": "object"},
    "raw": {"type": "object"},
}
# Required here although the schema lets it be missing: a reference to no Secret is never meant.
STRICTER = {"imagePullSecrets.name", "workerSpec.imagePullSecrets.name"}


def schema(crd: str) -> dict[str, t.Any]:
    answer = subprocess.run(
        ["go", "mod", "download", "-json", f"github.com/kserve/kserve@{catalogue.KSERVE_TAG}"],
        cwd=WRAPPER,
        check=True,
        capture_output=True,
        text=True,
    )
    path = Path(json.loads(answer.stdout)["Dir"]) / "config" / "crd" / "full" / crd
    (version,) = yaml.safe_load(path.read_text())["spec"]["versions"]
    found: dict[str, t.Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def compare(fields: t.Iterable[spec.Field], wanted: dict[str, t.Any], path: str = "") -> t.Iterator[str]:
    """Sentences on every difference between the table and a schema of properties."""
    table = {field.name: field for field in fields}
    properties = wanted.get("properties", {})
    whole_table = not any(field.deep for field in table.values())
    for name in properties.keys() - table.keys():
        if whole_table:
            yield f"{path}{name} is no option"
    for name, field in table.items():
        here = f"{path}{name}"
        if name not in properties:
            yield f"{here} is no field of the CRD"
            continue
        yield from compare_one(field, properties[name], here, name in wanted.get("required", ()))


def compare_one(field: spec.Field, wanted: dict[str, t.Any], path: str, required: bool) -> t.Iterator[str]:
    if any(wanted.get(key) != value for key, value in TYPES[field.kind].items()):
        yield f"{path} is {wanted.get('type')} in the CRD, {field.kind} here"
    if field.kind == "texts" and wanted["items"] != {"type": "string"}:
        yield f"{path} is no list of text in the CRD"
    if field.kind in ("pairs", "quantities") and "additionalProperties" not in wanted:
        yield f"{path} is no map in the CRD"
    is_container_list = path in ("containers", "workerSpec.containers")
    if required != field.required and not is_container_list and path not in STRICTER:
        yield f"{path} is {'' if required else 'not '}required in the CRD"
    if field.fields:
        inner = wanted["items"] if field.kind == "objects" else wanted
        yield from compare(field.fields, inner, f"{path}.")


@pytest.mark.parametrize("crd", CRDS)
def test_the_table_is_the_crds(crd: str) -> None:
    assert list(compare(spec.SPEC, schema(crd))) == []


def test_a_difference_would_be_seen() -> None:
    wanted = schema(CRDS[0])
    wanted["properties"]["brandNew"] = {"type": "string"}
    wanted["properties"]["replicas"] = {"type": "string"}
    del wanted["properties"]["containers"]["items"]["properties"]["image"]
    assert list(compare(spec.SPEC, wanted)) == [
        "brandNew is no option",
        "containers.image is no field of the CRD",
        "replicas is string in the CRD, whole here",
    ]
