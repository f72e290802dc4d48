# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules inference_service and model_health as a whole, without a cluster: frame, failures, documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import health, inference_services
from ansible_collections.modelserving.kserve.plugins.modules import inference_service, model_health

NOWHERE = {"host": "https://127.0.0.1:1", "api_key": "tok-secret", "validate_certs": False, "request_timeout": 2}
MODULES = {"inference_service": inference_service, "model_health": model_health}


def run(capsys: pytest.CaptureFixture[str], module: Any, **options: Any) -> dict[str, Any]:
    with patch_module_args({**NOWHERE, **options}), pytest.raises(SystemExit):
        module.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_text_is_read_as_it_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, inference_service, name="x", namespace="a", format="sklearn", version=1.10)
    assert result["failed"] and result["msg"].startswith("version: is the number 1.1") and "quote it" in result["msg"]


def test_both_spellings(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, inference_service, name="x", namespace="a", format="f", storage_uri="a", storageUri="b")
    assert "storage_uri: is given twice" in result["msg"]


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (inference_service, {"name": "x", "namespace": "a", "state": "absent"}),
        (inference_service, {"services": [{"name": "x", "format": "f"}], "namespaces": ["a", "b"]}),
        (model_health, {}),
    ],
)
def test_no_cluster_is_one_sentence(capsys: pytest.CaptureFixture[str], module: Any, options: dict[str, Any]) -> None:
    result = run(capsys, module, **options)
    assert result["failed"] and "Cannot reach the Kubernetes API" in result["msg"] and "\n" not in result["msg"]
    assert "tok-secret" not in json.dumps({key: value for key, value in result.items() if key != "invocation"})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"namespace": "a"}, "one of the following is required: name, services"),
        ({"name": "x", "services": [], "namespace": "a"}, "mutually exclusive"),
        ({"name": "x", "namespace": "a", "fromat": "f"}, "fromat"),
        ({"name": "x", "namespace": "a", "format": "f", "kserve_version": "new"}, "is not a KServe version"),
        ({"name": "x", "namespace": "a", "format": "f", "kserve_version": "0.9"}, "older than 0.15"),
    ],
)
def test_wrong_options(capsys: pytest.CaptureFixture[str], options: dict[str, Any], words: str) -> None:
    assert words in run(capsys, inference_service, **options)["msg"]


@pytest.mark.parametrize("name", MODULES)
def test_the_documentation_names_the_options_and_their_defaults(name: str) -> None:
    _same(yaml.safe_load(MODULES[name].DOCUMENTATION)["options"], MODULES[name].ARGUMENTS)


def _same(documented: dict[str, Any], arguments: dict[str, Any]) -> None:
    assert list(documented) == list(arguments) or set(documented) == set(arguments)
    for name, option in documented.items():
        argument = arguments[name]
        for key in ("type", "choices", "elements", "default", "aliases", "required"):
            assert option.get(key) == argument.get(key), (name, key)
        if option.get("suboptions"):
            _same(option["suboptions"], argument["options"])


def _tasks(name: str) -> list[dict[str, Any]]:
    return [task[f"modelserving.kserve.{name}"] or {} for task in yaml.safe_load(MODULES[name].EXAMPLES)]


@pytest.mark.parametrize("options", _tasks("inference_service"))
def test_every_example_of_inference_service_is_read(options: dict[str, Any]) -> None:
    assert inference_services.entries(options)


@pytest.mark.parametrize("options", _tasks("model_health"))
def test_every_example_of_model_health_is_read(options: dict[str, Any]) -> None:
    defaults = {name: argument.get("default") for name, argument in model_health.ARGUMENTS.items()}
    assert health.task_of({**defaults, **options}, options)
