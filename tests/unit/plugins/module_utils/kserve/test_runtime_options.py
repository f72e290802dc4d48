# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of a runtime's options and the field table say the same, at every depth."""

from __future__ import annotations

import typing as t

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.doc_fragments.runtime_spec import ModuleDocFragment
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import spec

DOCUMENTED: dict[str, t.Any] = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]

# Documented by a reference to the first place: the fields of a worker's pod and the adapter's variables.
REPEATED = {
    f"worker_spec.{field.option}" for field in spec.POD if field.fields and not field.raw_inside
} | {"built_in_adapter.env"}  # fmt: skip


def walk(
    fields: t.Iterable[spec.Field], documented: t.Mapping[str, t.Any], path: str = ""
) -> t.Iterator[tuple[str, spec.Field | None, dict[str, t.Any] | None]]:
    """Every option by its path, with what the table and the documentation have for it."""
    table = {field.option: field for field in fields}
    for name in sorted({*table, *documented}):
        field, entry = table.get(name), documented.get(name)
        here = f"{path}{name}"
        yield here, field, entry
        if field and entry and here not in REPEATED and not field.raw_inside:
            yield from walk(field.fields, entry.get("suboptions", {}), f"{here}.")


OPTIONS = {path: (field, entry) for path, field, entry in walk((*spec.SPEC, *spec.EXTRAS), DOCUMENTED)}


@pytest.mark.parametrize("path", sorted(OPTIONS))
def test_the_documentation_matches_the_table(path: str) -> None:
    field, entry = OPTIONS[path]
    assert field is not None, "documented, but no field"
    assert entry is not None, "a field, but not documented"
    accepted = {key: value for key, value in spec.ansible_option(field).items() if key != "no_log"}
    assert {key: value for key, value in entry.items() if key not in ("description", "suboptions")} == accepted
    assert all(sentence.strip() for sentence in entry["description"])


def test_the_walk_goes_all_the_way_down() -> None:
    assert {"supported_model_formats.auto_select", "containers.env.value_from", "worker_spec.volumes"} <= set(OPTIONS)
    assert len(OPTIONS) > 80


@pytest.mark.parametrize(
    "option",
    [
        *("multi_model", "grpc_endpoint", "grpc_data_endpoint", "http_data_endpoint"),
        *("replicas", "storage_helper", "built_in_adapter"),
    ],
)
def test_modelmeshs_own_fields_are_said_to_do_nothing_here(option: str) -> None:
    assert "ModelMesh" in "".join(DOCUMENTED[option]["description"])
