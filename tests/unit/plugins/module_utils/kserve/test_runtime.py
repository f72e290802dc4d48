# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building a ServingRuntime from options and a preset."""

from __future__ import annotations

import copy
import re
import typing as t

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.accelerator import requests
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import catalogue, runtime
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

CONTAINER = {"name": "kserve-container", "image": "example/server:1"}

PRESET: dict[str, t.Any] = {
    "name": "example",
    "labels": {"from": "preset"},
    "annotations": {"serving.kserve.io/server-type": "example"},
    "notes": ["a note"],
    "spec": {
        "annotations": {"prometheus.io/port": "8080", "prometheus.io/path": "/metrics"},
        "supportedModelFormats": [{"name": "a", "version": "1", "autoSelect": True, "priority": 1}, {"name": "b"}],
        "protocolVersions": ["v2"],
        "containers": [
            {
                "name": "kserve-container",
                "image": "example/server:1",
                "args": ["--a", "--b"],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2", "memory": "4Gi"}},
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 10},
            },
            {"name": "helper", "image": "example/helper:1"},
        ],
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}],
    },
}


def build(preset: dict[str, t.Any] | None = PRESET, **options: t.Any) -> dict[str, t.Any]:
    return runtime.build(options, kind="ServingRuntime", name="r", preset=preset)


def container(wanted: dict[str, t.Any], name: str = "kserve-container") -> dict[str, t.Any]:
    (found,) = (one for one in wanted["spec"]["containers"] if one["name"] == name)
    return t.cast("dict[str, t.Any]", found)


def kserve_container(**fields: t.Any) -> dict[str, t.Any]:
    """What the PRESET's main container becomes with these fields given for it."""
    return container(build(containers=[{"name": "kserve-container", **fields}]))


def test_an_object_without_a_preset() -> None:
    wanted = runtime.build(
        {
            "containers": [CONTAINER],
            "supported_model_formats": [{"name": "a", "version": 1}],
            "metadata_labels": {"x": "y"},
        },
        kind="ClusterServingRuntime",
        name="r",
    )
    assert wanted == {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ClusterServingRuntime",
        "metadata": {"name": "r", "labels": {"x": "y"}},
        "spec": {"supportedModelFormats": [{"name": "a", "version": "1"}], "containers": [CONTAINER]},
    }


def test_a_preset_as_it_is() -> None:
    before = copy.deepcopy(PRESET)
    wanted = runtime.build({}, kind="ServingRuntime", preset=PRESET)
    assert wanted["metadata"] == {
        "name": "example",
        "labels": PRESET["labels"],
        "annotations": PRESET["annotations"],
    }
    assert wanted["spec"] == PRESET["spec"]
    wanted["spec"]["containers"][0]["args"].append("changed")
    assert before == PRESET


def test_containers_merge_by_name_in_the_presets_order() -> None:
    wanted = build(containers=[{"name": "extra", "image": "x"}, {"name": "kserve-container", "image": "new:2"}])
    assert [one["name"] for one in wanted["spec"]["containers"]] == ["kserve-container", "helper", "extra"]
    assert container(wanted)["image"] == "new:2"
    assert container(wanted)["args"] == ["--a", "--b"]


def test_env_merges_by_name_and_args_are_replaced() -> None:
    main = kserve_container(
        env=[{"name": "C", "value": "3"}, {"name": "A", "value_from": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        args=["--c"],
    )
    assert main["env"] == [
        {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "B", "value": "2"},
        {"name": "C", "value": "3"},
    ]
    assert main["args"] == ["--c"]


FIELD = {"fieldRef": {"fieldPath": "metadata.name"}}


@pytest.mark.parametrize(
    ("entry", "left"),
    [
        ({"name": "A", "value": None}, [{"name": "B", "value": "2"}]),
        ({"name": "A", "value": None, "valueFrom": None}, [{"name": "B", "value": "2"}]),
        ({"name": "C", "value": None}, [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]),
        ({"name": "A", "value": ""}, [{"name": "A", "value": ""}, {"name": "B", "value": "2"}]),
        ({"name": "A"}, [{"name": "A"}, {"name": "B", "value": "2"}]),
        (
            {"name": "A", "value": None, "value_from": FIELD},
            [{"name": "A", "valueFrom": FIELD}, {"name": "B", "value": "2"}],
        ),
    ],
)
def test_a_null_value_takes_a_variable_away(entry: dict[str, t.Any], left: list[dict[str, t.Any]]) -> None:
    assert kserve_container(env=[entry])["env"] == left


def test_a_null_value_without_a_preset_sets_nothing() -> None:
    env = [{"name": "A", "value": None}, {"name": "B", "value": "2"}]
    wanted = build(None, containers=[{**CONTAINER, "env": env}])
    assert container(wanted)["env"] == [{"name": "B", "value": "2"}]
    worker = {"name": "worker-container", "env": [{"name": "A", "value": None}]}
    wanted = build(None, containers=[CONTAINER], workerSpec={"containers": [worker]})
    assert wanted["spec"]["workerSpec"]["containers"] == [{"name": "worker-container", "env": []}]


def test_maps_merge_and_null_takes_a_key_away() -> None:
    main = kserve_container(resources={"limits": {"nvidia.com/gpu": 1, "memory": None}})
    assert main["resources"] == {"requests": {"cpu": "1"}, "limits": {"cpu": "2", "nvidia.com/gpu": "1"}}
    wanted = build(annotations={"prometheus.io/path": None, "x": "y"})
    assert wanted["spec"]["annotations"] == {"prometheus.io/port": "8080", "x": "y"}


@pytest.mark.parametrize(
    "resources, limits, requests",
    [
        ({"limits": {"amd.com/gpu": 2}}, {"amd.com/gpu": "2"}, {"amd.com/gpu": "2"}),
        ({"limits": {"amd.com/gpu": None}}, {}, {}),
        # what is said of both is taken as it is said, and warned of (pod_checks.py)
        (
            {"limits": {"amd.com/gpu": 2}, "requests": {"amd.com/gpu": 4}},
            {"amd.com/gpu": "2"},
            {"amd.com/gpu": "4"},
        ),
        ({"limits": {"nvidia.com/gpu": 1}}, {"amd.com/gpu": "1", "nvidia.com/gpu": "1"}, {"amd.com/gpu": "1"}),
        ({"limits": {"memory": "64Gi"}}, {"amd.com/gpu": "1", "memory": "64Gi"}, {"amd.com/gpu": "1"}),
    ],
)
def test_a_presets_request_of_a_device_follows_the_limit(
    resources: dict[str, t.Any], limits: dict[str, str], requests: dict[str, str]
) -> None:
    preset = catalogue.preset("amd")
    container = {"name": "kserve-container", "resources": resources}
    made = runtime.build({"containers": [container]}, kind="ServingRuntime", preset=preset)
    before = preset["spec"]["containers"][0]["resources"]
    wanted = {"limits": limits, "requests": requests}
    for kind, devices in wanted.items():
        kept = {name: amount for name, amount in before[kind].items() if "/" not in name}
        assert made["spec"]["containers"][0]["resources"][kind] == {**kept, **devices}


def test_other_lists_are_replaced() -> None:
    wanted = build(
        supported_model_formats=[{"name": "c"}], protocol_versions=["v1"], volumes=[{"name": "v", "emptyDir": {}}]
    )
    assert wanted["spec"]["supportedModelFormats"] == [{"name": "c"}]
    assert wanted["spec"]["protocolVersions"] == ["v1"]
    assert wanted["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]


def test_empty_takes_a_presets_value_away() -> None:
    assert "readinessProbe" not in kserve_container(readiness_probe={})
    assert kserve_container(env=[], args=[])["env"] == []
    assert "annotations" not in build(annotations={})["spec"]
    assert build(volumes=[])["spec"]["volumes"] == []
    assert "annotations" not in build(metadata_annotations={"serving.kserve.io/server-type": None})["metadata"]


def test_null_means_not_given() -> None:
    assert kserve_container(args=None, readiness_probe=None) == container(build())
    assert build(volumes=None, multi_model=None)["spec"] == PRESET["spec"]


def test_nulls_in_maps_vanish_where_there_is_no_preset() -> None:
    limits = {"cpu": "1", "memory": None}
    wanted = build(
        None, containers=[{**CONTAINER, "resources": {"limits": limits}}], node_selector={"a": None, "b": "c"}
    )
    assert container(wanted)["resources"] == {"limits": {"cpu": "1"}}
    assert wanted["spec"]["nodeSelector"] == {"b": "c"}


def test_empty_is_kept_where_there_is_no_preset() -> None:
    wanted = build(None, containers=[CONTAINER], node_selector={}, volumes=[], scheduler_name="")
    assert wanted["spec"] == {"containers": [CONTAINER], "nodeSelector": {}, "volumes": [], "schedulerName": ""}


def test_a_probes_handler_replaces_the_presets() -> None:
    probe = kserve_container(readinessProbe={"exec": {"command": ["true"]}})["readinessProbe"]
    assert probe == {"exec": {"command": ["true"]}, "periodSeconds": 10}
    probe = kserve_container(readinessProbe={"periodSeconds": 5})["readinessProbe"]
    assert probe == {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5}


@pytest.mark.parametrize(
    ("value", "formats", "wanted"),
    [
        (False, None, [{"name": "a", "version": "1", "autoSelect": False}, {"name": "b", "autoSelect": False}]),
        (
            True,
            None,
            [
                {"name": "a", "version": "1", "autoSelect": True, "priority": 1},
                {"name": "b", "autoSelect": True},
            ],
        ),
        (
            False,
            [{"name": "a", "auto_select": True, "priority": 2}, {"name": "b"}],
            [{"name": "a", "autoSelect": True, "priority": 2}, {"name": "b", "autoSelect": False}],
        ),
    ],
)
def test_auto_select_for_every_format(value: bool, formats: t.Any, wanted: t.Any) -> None:
    options = {} if formats is None else {"supported_model_formats": formats}
    assert build(auto_select=value, **options)["spec"]["supportedModelFormats"] == wanted


def test_an_accelerator_is_added_to_what_is_there() -> None:
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    wanted = runtime.build(
        {"tolerations": [toleration], "node_selector": {"pool": "mine"}},
        kind="ServingRuntime",
        preset=PRESET,
        accelerator={
            "resources": {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}},
            "tolerations": [toleration, {"key": "other", "operator": "Exists"}],
            "node_selector": {"pool": "theirs", "gpu": "true"},
            "affinity": {"nodeAffinity": {"x": []}},
        },
    )
    assert wanted["spec"]["affinity"] == {"nodeAffinity": {"x": []}}
    assert container(wanted)["resources"] == {
        "requests": {"cpu": "1", "nvidia.com/gpu": "1"},
        "limits": {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": "1"},
    }
    assert "resources" not in container(wanted, "helper")
    assert wanted["spec"]["tolerations"] == [toleration, {"key": "other", "operator": "Exists"}]
    assert wanted["spec"]["nodeSelector"] == {"pool": "mine", "gpu": "true"}


def accelerated(accelerator: t.Any, preset: str | None = None, **options: t.Any) -> dict[str, t.Any]:
    """The spec of a runtime with an accelerator, as the module builds it."""
    if preset is None:
        options.setdefault("containers", [CONTAINER])
    made = runtime.build(
        options,
        kind="ServingRuntime",
        name="rt",
        preset=catalogue.preset(preset) if preset else None,
        accelerator=requests.accelerator_options(accelerator),
    )
    return made["spec"]


def devices(container: dict[str, t.Any]) -> dict[str, str]:
    limits, requested = (container["resources"][kind] for kind in ("limits", "requests"))
    found = {name: value for name, value in limits.items() if "/" in name}
    assert found == {name: value for name, value in requested.items() if "/" in name}
    return found


def asking(**limits: str) -> dict[str, t.Any]:
    names = {"nvidia": "nvidia.com/gpu", "amd": "amd.com/gpu", "slice": "nvidia.com/mig-1g.5gb", "rdma": "rdma/hca"}
    return {**CONTAINER, "resources": {"limits": {names.get(key, key): value for key, value in limits.items()}}}


@pytest.mark.parametrize(
    ("accelerator", "container", "words"),
    [
        ("nvidia", asking(nvidia="2"), "limits.nvidia.com/gpu: asks for 2 of nvidia.com/gpu, and accelerator for 1"),
        ({"vendor": "nvidia", "memory": "40Gi"}, asking(nvidia="2"), "limits.nvidia.com/gpu"),
        ("nvidia", asking(slice="1"), "limits.nvidia.com/mig-1g.5gb: asks for 1 of nvidia.com/mig-1g.5gb"),
        ("nvidia", asking(amd="1"), "limits.amd.com/gpu: asks for 1 of amd.com/gpu, and accelerator for 1 of nvidia"),
        ("example.com/npu", asking(nvidia="1"), "limits.nvidia.com/gpu"),
        ("nvidia", {**CONTAINER, "resources": {"requests": {"nvidia.com/gpu": "2"}}}, "requests.nvidia.com/gpu"),
    ],
)
def test_devices_that_contradict_the_accelerator_are_refused(accelerator: t.Any, container: t.Any, words: str) -> None:
    with pytest.raises(SpecError, match=re.escape(words)) as caught:
        accelerated(accelerator, containers=[{"name": "helper", "image": "x"}, container])
    assert caught.value.path.startswith("spec.containers[1].resources.")


@pytest.mark.parametrize(
    ("accelerator", "container", "wanted"),
    [
        ({"vendor": "nvidia", "count": 2}, asking(nvidia="2"), {"nvidia.com/gpu": "2"}),
        ("nvidia", asking(cpu="4"), {"nvidia.com/gpu": "1"}),
    ],
)
def test_devices_that_agree_with_the_accelerator(accelerator: t.Any, container: t.Any, wanted: dict[str, str]) -> None:
    assert devices(accelerated(accelerator, containers=[container])["containers"][0]) == wanted


def test_what_is_no_accelerator_stays_beside_it() -> None:
    made = accelerated("nvidia", containers=[asking(rdma="1")])
    assert made["containers"][0]["resources"]["limits"] == {"rdma/hca": "1", "nvidia.com/gpu": "1"}


@pytest.mark.parametrize(
    ("accelerator", "wanted"),
    [("amd", {"amd.com/gpu": "1"}), ({"vendor": "amd", "count": 4}, {"amd.com/gpu": "4"}),
     ("amd.com/cpx_nps4", {"amd.com/cpx_nps4": "1"})],
)  # fmt: skip
def test_an_accelerator_stands_in_for_a_presets_device(accelerator: t.Any, wanted: dict[str, str]) -> None:
    assert devices(accelerated(accelerator, "amd")["containers"][0]) == wanted


def test_a_preset_for_another_vendors_device_is_refused_unless_its_own_is_taken_away() -> None:
    with pytest.raises(SpecError, match=r"the preset asks for 1 of amd\.com/gpu, and accelerator for 1 of nvidia"):
        accelerated("nvidia", "amd")
    away = {kind: {"amd.com/gpu": None} for kind in ("limits", "requests")}
    made = accelerated("nvidia", "amd", containers=[{"name": "kserve-container", "resources": away}])
    assert devices(made["containers"][0]) == {"nvidia.com/gpu": "1"}


def terms(spec: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    return spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]


def test_nodes_have_to_meet_what_the_person_and_the_accelerator_require() -> None:
    zones = [{"key": "zone", "operator": "In", "values": [value]} for value in ("a", "b")]
    name = {"key": "metadata.name", "operator": "In", "values": ["node-1"]}
    required = [{"matchExpressions": [zones[0]]}, {"matchExpressions": [zones[1]], "matchFields": [name]}, {}]
    affinity = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": required}},
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []},
    }
    asked = {"vendor": "nvidia", "memory": "40Gi"}
    [alone] = terms(accelerated(asked))
    made = accelerated(asked, affinity=affinity)
    assert terms(made) == [
        {"matchExpressions": [zones[0], *alone["matchExpressions"]]},
        {"matchExpressions": [zones[1], *alone["matchExpressions"]], "matchFields": [name]},
        {},  # matches no node, and so it stays
    ]
    assert made["affinity"]["podAntiAffinity"] == affinity["podAntiAffinity"]


def test_the_workers_of_several_nodes_get_the_accelerator_too() -> None:
    made = accelerated({"vendor": "nvidia", "memory": "40Gi", "count": 2}, "kserve-huggingfaceserver-multinode")
    for part in (made, made["workerSpec"]):
        assert devices(part["containers"][0]) == {"nvidia.com/gpu": "2"}
        assert part["nodeSelector"] == {"accelerator.modelserving.io/vendor": "nvidia"}
        assert part["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]
        assert terms(part) == terms(made)


def test_a_workers_device_that_contradicts_the_accelerator_is_refused() -> None:
    worker = {"name": "worker-container", "resources": {"limits": {"amd.com/gpu": "4"}}}
    with pytest.raises(SpecError, match="asks for 4") as caught:
        accelerated("nvidia", "kserve-huggingfaceserver-multinode", worker_spec={"containers": [worker]})
    assert caught.value.path == "spec.workerSpec.containers[0].resources.limits.amd.com/gpu"


@pytest.mark.parametrize("kinds", [["limits"], ["requests"], ["limits", "requests"]])
def test_workers_may_have_a_number_of_devices_of_their_own(kinds: list[str]) -> None:
    worker = {"name": "worker-container", "resources": {kind: {"nvidia.com/gpu": "4"} for kind in kinds}}
    made = accelerated("nvidia", "kserve-huggingfaceserver-multinode", worker_spec={"containers": [worker]})
    [built] = made["workerSpec"]["containers"]
    assert {kind: built["resources"][kind]["nvidia.com/gpu"] for kind in ("limits", "requests")} == {
        "limits": "4",
        "requests": "4",
    }
    assert made["workerSpec"]["tolerations"]


@pytest.mark.parametrize(
    "node_affinity", [{}, {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}]
)
def test_an_empty_affinity_takes_nothing_away(node_affinity: dict[str, t.Any]) -> None:
    asked = {"vendor": "nvidia", "memory": "40Gi"}
    assert terms(accelerated(asked, affinity={"nodeAffinity": node_affinity})) == terms(accelerated(asked))


def test_fields_beyond_the_table() -> None:
    wanted = build(
        additional_spec={"resourceClaims": [{"name": "g"}], "containers": [{"name": "helper", "brandNew": {"x": 1}}]}
    )
    assert wanted["spec"]["resourceClaims"] == [{"name": "g"}]
    assert container(wanted, "helper") == {"name": "helper", "image": "example/helper:1", "brandNew": {"x": 1}}


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (lambda: build(None), "spec.containers"),
        (lambda: runtime.build({"containers": [CONTAINER]}, kind="ServingRuntime"), "metadata.name"),
        (lambda: runtime.build({}, kind="ServingRuntime", name="Upper", preset=PRESET), "metadata.name"),
        (lambda: build(worker_spec={"tensor_parallel_size": 2}), "spec.workerSpec.containers"),
        (
            lambda: build(additional_spec={"containers": [{"name": "nobody", "x": 1}]}),
            "additional_spec.containers[0].name",
        ),
        (
            lambda: runtime.build({"replicas": -1}, kind="ServingRuntime", preset=PRESET, path="runtimes[3].spec"),
            "runtimes[3].spec.replicas",
        ),
    ],
)
def test_what_cannot_be_built(call: t.Callable[[], t.Any], path: str) -> None:
    with pytest.raises(SpecError) as caught:
        call()
    assert caught.value.path == path


def test_a_preset_is_never_written_to() -> None:
    before = copy.deepcopy(PRESET)
    runtime.build(
        {
            "containers": [{"name": "kserve-container", "image": "x"}],
            "auto_select": False,
            "additional_spec": {"new": 1},
        },
        kind="ServingRuntime",
        preset=PRESET,
        accelerator={
            "resources": {"limits": {"amd.com/gpu": "1"}},
            "tolerations": [{"key": "a"}],
            "node_selector": {"b": "c"},
        },
    )
    assert before == PRESET
