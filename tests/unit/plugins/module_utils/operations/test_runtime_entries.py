# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a task's options to wanted runtimes and all that is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import catalogue
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import runtime_entries

CONTAINERS = [{"name": "kserve-container", "image": "example/server:1"}]
FORMATS = [{"name": "sklearn"}]
SERVER = {"containers": CONTAINERS, "supported_model_formats": FORMATS}


def read(given: dict[str, Any], **more: Any) -> list[runtime_entries.Entry]:
    return runtime_entries.entries(
        given, **{"kind": "ServingRuntime", "present": True, "kserve_version": "0.20.0", **more}
    )


def test_one_runtime_by_the_modules_own_options() -> None:
    (entry,) = read({"name": "x", "namespace": "models", "state": "present", **SERVER})
    assert (entry.name, entry.errors, entry.warnings) == ("x", [], [])
    assert entry.body == {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": "x"},
        "spec": {"containers": CONTAINERS, "supportedModelFormats": FORMATS},
    }


@pytest.mark.parametrize("name", catalogue.PRESETS)
def test_every_preset_is_without_errors(name: str) -> None:
    (entry,) = read({"preset": name})
    assert entry.errors == []
    assert entry.body["metadata"]["name"] == entry.name == catalogue.PRESETS[name]["name"]


def test_errors_of_all_runtimes_come_together_each_with_its_place() -> None:
    found = read(
        {
            "runtimes": [
                {"name": "a", "containers": [{"name": "kserve-container", "imag": "x"}]},
                {"name": "b", **SERVER},
                {"name": "c", "containers": [{"name": "other", "image": "x"}], "supported_model_formats": FORMATS},
                {"preset": "tritn"},
                {"name": "Big", **SERVER},
                {},
                {"name": "d", "colour": "red"},
                "e",
            ]
        }
    )
    errors = [error for entry in found for error in entry.errors]
    places = [
        "runtimes[0] (a): spec.containers[0].imag",
        "runtimes[2] (c): spec.containers: no container is named kserve-container",
        "runtimes[3]: preset: 'tritn' is no preset; did you mean triton?",
        "runtimes[4]: metadata.name",
        "runtimes[5]: name: is required",
        "runtimes[6]: colour",
        "runtimes[7]: must be a mapping",
    ]
    assert len(errors) == len(places)
    for error, place in zip(errors, places, strict=True):
        assert error.startswith(place), error


def test_a_name_is_given_once() -> None:
    found = read({"runtimes": [{"name": "a", **SERVER}, {"name": "b", **SERVER}, {"name": "a", **SERVER}]})
    assert [len(entry.errors) for entry in found] == [0, 0, 1]
    assert found[2].errors == ["runtimes[2] (a): has the same name as runtimes[0]: give each its own"]


def test_runtimes_excludes_the_options_of_one() -> None:
    with pytest.raises(SpecError, match="runtimes: is given beside name, containers"):
        read({"runtimes": [], "name": "x", "containers": CONTAINERS})


def test_null_options_are_not_given() -> None:
    assert read({"runtimes": [{"name": "x", **SERVER}], "name": None, "containers": None})[0].errors == []


@pytest.mark.parametrize("wrong", ["x", '[{"preset": "triton"}]', {"a": 1}, 3])
def test_runtimes_must_be_a_list(wrong: Any) -> None:
    with pytest.raises(SpecError, match="runtimes: must be a list"):
        read({"runtimes": wrong})


def test_to_delete_a_name_is_enough() -> None:
    found = read({"runtimes": [{"name": "x"}, {"preset": "mlserver"}]}, present=False)
    assert [(entry.name, entry.body, entry.errors) for entry in found] == [
        ("x", {}, []),
        ("seldon-mlserver-runtime", {}, []),
    ]


def test_warnings_stay_with_their_runtime() -> None:
    (entry,) = read({"name": "x", **SERVER, "host_ipc": True})
    assert entry.errors == [] and "hostIPC" in entry.warnings[0]


def test_an_accelerator() -> None:
    (entry,) = read({"name": "x", **SERVER, "accelerator": {"vendor": "nvidia", "count": 2}})
    spec = entry.body["spec"]
    assert spec["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "2"}
    assert {"key": "nvidia.com/gpu", "operator": "Exists"} in spec["tolerations"]


def test_empty_maps_are_left_out() -> None:
    (entry,) = read({"name": "x", **SERVER, "node_selector": {}, "affinity": {}, "tolerations": []})
    assert entry.body["spec"] == {"containers": CONTAINERS, "supportedModelFormats": FORMATS, "tolerations": []}


def test_the_version_of_kserve_must_be_one() -> None:
    with pytest.raises(SpecError, match="0.20.0"):
        read({"name": "x", **SERVER}, kserve_version="latest")


def test_blocked_variables_depend_on_the_version() -> None:
    given = {"name": "x", **SERVER, "containers": [{**CONTAINERS[0], "env": [{"name": "PYTHONPATH", "value": "/"}]}]}
    assert "PYTHONPATH" in read(given)[0].errors[0]
    assert read(given, kserve_version="0.15.2")[0].errors == []
    assert read(given, kserve_version=None)[0].errors == [], "the cluster says later which version it is"


@pytest.mark.parametrize("version", [None, "0.15.2", "0.20.0"])
def test_a_runtime_that_could_never_be_changed_again_is_refused_always(version: str | None) -> None:
    """The webhook lets it in while no other runtime is there, and then refuses every change of it."""
    formats = [
        {"name": "sklearn", "version": text, "auto_select": True, "priority": rank}
        for text, rank in (("0", 1), ("1", 2))
    ]
    for kind in ("ServingRuntime", "ClusterServingRuntime"):
        (entry,) = read({"name": "x", **SERVER, "supported_model_formats": formats}, kserve_version=version, kind=kind)
        (error,) = entry.errors
        assert "refuses every later change of it: different priorities assigned for the model format sklearn" in error
    disabled = {"name": "x", **SERVER, "supported_model_formats": formats, "disabled": True}
    assert read(disabled)[0].errors == [], "the webhook looks at nothing of it"


def test_a_newer_kserves_fields_are_passed_on_without_a_warning() -> None:
    additional = {
        "newer": {"a": 1},
        "containers": [{"name": "kserve-container", "newer": 1}],
        "workerSpec": {"newer": 1, "containers": [{"name": "worker-container", "newer": 1}]},
    }
    worker = {"containers": [{"name": "worker-container", "image": "a"}]}
    helper = {"name": "helper", "image": "a", "livenessProbe": {"httpGet": {"port": 1}, "colour": "red"}}
    given = {"name": "x", **SERVER, "containers": [helper, *CONTAINERS], "worker_spec": worker}
    (entry,) = read({**given, "additional_spec": additional})
    assert entry.errors == [] and entry.body["spec"]["workerSpec"]["containers"][0]["newer"] == 1
    (warning,) = entry.warnings
    assert warning.startswith("spec.containers[0].livenessProbe.colour: ")


@pytest.mark.parametrize("preset", [["triton"], {"name": "triton"}, 3, True])
def test_a_preset_is_named_by_text(preset: Any) -> None:
    (entry,) = read({"runtimes": [{"preset": preset}]})
    assert entry.errors[0].startswith("runtimes[0]: preset: must be the name of a preset, not ")
