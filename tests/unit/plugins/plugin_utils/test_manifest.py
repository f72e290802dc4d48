# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests migrated in place: what is not of the migration stays byte for byte."""

from __future__ import annotations

import difflib

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import defaulting, migration
from ansible_collections.modelserving.kserve.plugins.plugin_utils import manifest
from hypothesis import given
from hypothesis import strategies as st

HEAD = "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata:\n  name: a\nspec:\n"


def changed(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@pytest.mark.parametrize(
    "predictor, pin, lines",
    [
        (
            "  predictor:\n    sklearn:  # the framework\n      # where it lies\n      storageUri: 's3://b/m'\n",
            False,
            [
                "-    sklearn:  # the framework",
                "+    model:  # the framework",
                "+      modelFormat:",
                "+        name: sklearn",
            ],
        ),
        (
            "  predictor:\n    sklearn:\n      storageUri: s3://b/m\n",
            True,
            [
                "-    sklearn:",
                "+    model:",
                "+      modelFormat:",
                "+        name: sklearn",
                "+      runtime: kserve-sklearnserver",
            ],
        ),
        (
            "    predictor:\n        triton:\n            storageUri: s3://b/m\n",
            False,
            [
                "-        triton:",
                "+        model:",
                "+            modelFormat:",
                "+                name: triton",
                "+            protocolVersion: v2",
            ],
        ),
        (
            "  predictor: {minReplicas: 1, onnx: {storageUri: a}}\n",
            False,
            [
                "-  predictor: {minReplicas: 1, onnx: {storageUri: a}}",
                "+  predictor: {minReplicas: 1, model: {modelFormat: {name: onnx}, protocolVersion: v2, storageUri: a}}",
            ],
        ),
        (
            "  predictor:\n    xgboost: {}   # nothing\n",
            False,
            ["-    xgboost: {}   # nothing", "+    model: {modelFormat: {name: xgboost}}   # nothing"],
        ),
        (
            '  predictor:\n    "pmml":\n      "storageUri": "a"\n',
            False,
            ['-    "pmml":', '+    "model":', "+      modelFormat:", "+        name: pmml"],
        ),
        (
            "  predictor:\n    paddle: &p\n      storageUri: a\n",
            False,
            ["-    paddle: &p", "+    model: &p", "+      modelFormat:", "+        name: paddle"],
        ),
    ],
)
def test_only_the_migration_changes(predictor: str, pin: bool, lines: list[str]) -> None:
    before = HEAD + predictor
    after, found = manifest.migrate(before, pin=pin)
    assert changed(before, after) == lines
    assert [(item.name, item.line) for item in found] == [("a", 1)]
    assert manifest.migrate(after, pin=pin) == (after, [])


SEVERAL = f"""# A file of several documents.
{HEAD}  predictor:
    sklearn:
      storageUri: a

--- # another
apiVersion: v1
kind: ConfigMap
metadata: {{name: c, creationTimestamp: 2026-01-01T00:00:00Z}}
data:
  sklearn: "{{}}"   # no predictor
---
apiVersion: v1
kind: List
items:
- apiVersion: serving.kserve.io/v1beta1
  kind: InferenceService
  metadata: {{name: l, namespace: n, creationTimestamp: 2026-01-01T00:00:00Z}}
  spec:
    predictor:
      lightgbm:
        storageUri: b
- apiVersion: serving.kserve.io/v1beta1
  kind: InferenceService
  metadata: {{name: new}}
  spec: {{predictor: {{model: {{modelFormat: {{name: a}}}}}}}}
...
"""


def test_documents_and_lists() -> None:
    after, found = manifest.migrate(SEVERAL)
    assert [(item.name, item.namespace) for item in found] == [("a", None), ("l", "n")]
    assert len(changed(SEVERAL, after)) == 8
    assert "# A file of several documents." in after and '"{}"   # no predictor' in after


def test_json() -> None:
    before = (
        '{"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": "j"},\n'
        ' "spec": {"predictor": {"sklearn": {"storageUri": "a"}}}}\n'
    )
    after, _ = manifest.migrate(before)
    assert '"model": {"modelFormat": {"name": "sklearn"}, "storageUri": "a"}' in after


def test_line_ends_are_kept() -> None:
    before = (HEAD + "  predictor:\n    sklearn:\n      storageUri: a\n").replace("\n", "\r\n")
    after, _ = manifest.migrate(before)
    assert after.count("\n") == after.count("\r\n") == before.count("\r\n") + 2


@pytest.mark.parametrize(
    "text, words",
    [
        ("a: [", "no YAML"),
        (HEAD + "  predictor:\n    sklearn:\n      storageUri: {{ b }}\n", "no YAML"),
        (HEAD + "  predictor: {sklearn: {}}\n---\na: {{ b }}\n", "no YAML"),
        (HEAD + "  predictor:\n    sklearn: {}\n    xgboost: {}\n", "line 1: spec.predictor: has sklearn and xgboost"),
        (HEAD + "  predictor:\n    sklearn: {}\n    model: {}\n", "line 7: the predictor has a model beside sklearn"),
        (HEAD + "  predictor:\n    sklearn: {runtime: a}\n", "line 7: sklearn has a field of the new schema"),
        ("x: &x {storageUri: a}\n" + HEAD + "  predictor:\n    sklearn: *x\n", "alias"),
        ("x: &x {sklearn: {storageUri: a}}\n" + HEAD + "  predictor:\n    <<: *x\n", "comes by a merge"),
    ],
)
def test_what_is_not_edited(text: str, words: str) -> None:
    with pytest.raises(manifest.ManifestError, match=words):
        manifest.migrate(text)


EXTENSIONS = st.fixed_dictionaries(
    {},
    optional={
        "storageUri": st.text(max_size=8),
        "runtimeVersion": st.text(max_size=4),
        "protocolVersion": st.sampled_from(["v1", "v2"]),
        "args": st.lists(st.text(max_size=4), max_size=2),
        "env": st.lists(st.fixed_dictionaries({"name": st.text(max_size=3), "value": st.text(max_size=3)}), max_size=2),
        "resources": st.fixed_dictionaries(
            {"limits": st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)}
        ),
    },
)


@given(
    st.sampled_from(defaulting.FRAMEWORKS),
    EXTENSIONS,
    st.sampled_from([None, True, False]),
    st.sampled_from([2, 4]),
    st.booleans(),
)
def test_however_it_is_written(
    framework: str, extension: dict[str, object], flow: bool | None, indent: int, unicode: bool
) -> None:
    service = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "a"},
        "spec": {"predictor": {framework: extension, "minReplicas": 1}},
    }
    before = yaml.safe_dump(service, sort_keys=False, default_flow_style=flow, indent=indent, allow_unicode=unicode)
    after, found = manifest.migrate(before)
    # Read back, because YAML cannot write every character such that it reads the same.
    assert yaml.safe_load(after) == migration.migrate(yaml.safe_load(before))
    assert len(found) == 1
