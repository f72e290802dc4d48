# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters as a playbook calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.modelserving.kserve.plugins.filter import admission, migrate, select_runtime

ROOT = Path(__file__).resolve().parents[4]
SERVICE = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "iris"},
    "spec": {"predictor": {"sklearn": {"storageUri": "s3://b/m"}}},
}
RUNTIME = {
    "apiVersion": "serving.kserve.io/v1alpha1",
    "kind": "ClusterServingRuntime",
    "metadata": {"name": "sklearnserver", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {
        "supportedModelFormats": [{"name": "sklearn", "version": "1", "autoSelect": True, "priority": 1}],
        "protocolVersions": ["v1"],
        "containers": [{"name": "kserve-container", "image": "a"}],
    },
}


def test_each_file_names_its_filter() -> None:
    for module, name in ((admission, "admission"), (migrate, "migrate"), (select_runtime, "select_runtime")):
        assert list(module.FilterModule().filters()) == [name]


EXPRESSIONS = {
    "selected": "service | modelserving.kserve.select_runtime(runtimes)",
    "earlier": "service | modelserving.kserve.select_runtime(runtimes, kserve_version='0.15.2')",
    "clash": "other | modelserving.kserve.admission(runtimes)",
    "listed": "other | modelserving.kserve.admission({'apiVersion': 'v1', 'kind': 'List', 'items': runtimes})",
    "alone": "other | modelserving.kserve.admission",
    "migrated": "service | modelserving.kserve.migrate(pin=true)",
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a playbook makes of EXPRESSIONS, with Ansible's own string, list and dict types."""
    directory = tmp_path_factory.mktemp("filters")
    written = {name: "{{ " + expression + " }}" for name, expression in EXPRESSIONS.items()}
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"service": SERVICE, "runtimes": [RUNTIME], "other": {**RUNTIME, "metadata": {"name": "other"}}},
        "tasks": [
            {"ansible.builtin.set_fact": {"written": written}},
            {
                "ansible.builtin.copy": {"content": "{{ written | to_json }}", "dest": str(directory / "result.json")},
                "connection": "local",
            },
        ],
    }
    (directory / "play.json").write_text(json.dumps([play]))
    command = [Path(sys.executable).parent / "ansible-playbook", directory / "play.json"]
    # What make sets, where pytest is run without it.
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"), **os.environ}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads((directory / "result.json").read_text())
    return result


def test_select_runtime(rendered: dict[str, Any]) -> None:
    for name in ("selected", "earlier"):
        assert rendered[name]["selected"] == {"kind": "ClusterServingRuntime", "name": "sklearnserver"}
    keys = {"selected", "candidates", "rejected", "reason", "message", "explanation"}
    assert set(rendered["selected"]) == keys


def test_admission(rendered: dict[str, Any]) -> None:
    message = (
        "same priority assigned for the model format sklearn in the clusterservingruntimes sklearnserver and other"
    )
    assert (rendered["clash"]["allowed"], rendered["clash"]["message"]) == (False, message)
    assert rendered["listed"] == rendered["clash"]
    assert len(rendered["clash"]["errors"]) == 1
    assert rendered["alone"] == {"allowed": True, "message": "", "errors": [], "warnings": []}


def test_migrate(rendered: dict[str, Any]) -> None:
    assert rendered["migrated"]["spec"]["predictor"]["model"]["runtime"] == "kserve-sklearnserver"


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: select_runtime.select_runtime("a", []), "select_runtime: the InferenceService must be a mapping"),
        (lambda: select_runtime.select_runtime(SERVICE, "a"), "runtimes must be a list"),
        (lambda: select_runtime.select_runtime(SERVICE, None), "runtimes must be a list"),
        (lambda: select_runtime.select_runtime(SERVICE, [1]), "not int"),
        (lambda: select_runtime.select_runtime(SERVICE, [], kserve_version="0.3"), "older than 0.15"),
        (lambda: select_runtime.select_runtime(SERVICE, [], kserve_version="new"), "not a KServe version"),
        (lambda: admission.admission("a"), "admission: the runtime must be"),
        (lambda: admission.admission(RUNTIME, "a"), "existing_runtimes must be a list"),
        (lambda: admission.admission(RUNTIME, {}), "an existing runtime must be .* not something without a kind"),
        (lambda: admission.admission(RUNTIME, [SERVICE]), "an existing runtime must be .* not InferenceService"),
        (
            lambda: admission.admission(
                RUNTIME, [{**RUNTIME, "metadata": {"name": "b"}, "spec": {"protocolVersions": [[]]}}]
            ),
            "ClusterServingRuntime b cannot be read: spec.protocolVersions",
        ),
        (lambda: admission.admission(SERVICE), "not InferenceService"),
        (lambda: admission.admission(RUNTIME, [], "x"), "not a KServe version"),
        (lambda: migrate.migrate([]), "migrate: the InferenceService must be a mapping"),
        (lambda: migrate.migrate(SERVICE, "a"), "runtimes must be a list"),
        (lambda: migrate.migrate(SERVICE, [], True), "no runtime to pin"),
    ],
)
def test_nonsense_is_an_error_of_the_filter(call: Any, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        call()
