# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of schema defaults against KServe's own CRDs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import defaults

VERSIONS = ("v0.20.0", "v0.15.2")
KINDS = ("servingruntimes", "clusterservingruntimes", "inferenceservices")


def _crds(version: str) -> Path:
    try:
        cache = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        cache = str(Path.home() / "go" / "pkg" / "mod")
    return Path(cache) / "github.com" / "kserve" / f"kserve@{version}" / "config" / "crd" / "full"


def _defaults(schema: dict[str, Any], above: str, name: str) -> Iterator[tuple[tuple[str, str], Any]]:
    if "default" in schema:
        yield (above, name), schema["default"]
    for field, below in (schema.get("properties") or {}).items():
        yield from _defaults(below, name, field)
    if isinstance(schema.get("items"), dict):
        yield from _defaults(schema["items"], above, name)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_table_is_what_the_crds_fill_in(version: str) -> None:
    folder = _crds(version)
    if not folder.is_dir():
        pytest.skip(f"KServe {version} is not in the Go module cache: run `make cluster`")
    found: dict[tuple[str, str], Any] = {}
    for kind in KINDS:
        crd = yaml.load((folder / f"serving.kserve.io_{kind}.yaml").read_text(), yaml.CSafeLoader)
        for served in crd["spec"]["versions"]:
            spec = served["schema"]["openAPIV3Schema"]["properties"]["spec"]
            found |= dict(_defaults(spec, "", "spec"))
    assert found == {place: value for place, value in defaults.DEFAULTS.items() if place in found}
    if version == VERSIONS[0]:
        assert set(defaults.DEFAULTS) == set(found)


def test_a_default_is_left_out_only_where_the_task_does_not_write_it() -> None:
    live = {"ports": [{"containerPort": 1, "protocol": "TCP"}, {"containerPort": 2, "protocol": "UDP"}]}
    assert defaults.without_defaults(live, {}) == {
        "ports": [{"containerPort": 1}, {"containerPort": 2, "protocol": "UDP"}]
    }
    assert defaults.without_defaults(live, live) == live


def test_a_default_counts_only_in_its_place_and_type() -> None:
    assert defaults.is_default("grpc", "service", "")
    assert not defaults.is_default("httpGet", "service", "")
    assert not defaults.is_default("azureDisk", "readOnly", 0)
