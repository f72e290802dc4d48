# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import service
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError


def _build(name="iris", namespace="garden", **options):
    return service.build(options, name=name, namespace=namespace)


def test_typed_options_go_where_kserve_reads_them():
    wanted = _build(
        labels={"modelClass": "mlserver_sklearn.SKLearnModel"},
        annotations={"serving.kserve.io/autoscalerClass": "none"},
        format="sklearn",
        version=1,
        protocol="v2",
        storage_uri="pvc://models/iris",
        runtime="seldon-mlserver-runtime",
        resources={"requests": {"cpu": "100m", "memory": 1}},
        env=[{"name": "A", "value": 7}],
        args=["--x"],
        min_replicas="1",
        max_replicas=2,
        service_account="models",
        node_selector={"disk": "fast"},
        tolerations=[{"operator": "Exists"}],
        pod_labels={"team": "a"},
    )
    assert wanted == {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": "iris",
            "namespace": "garden",
            "labels": {"modelClass": "mlserver_sklearn.SKLearnModel"},
            "annotations": {"serving.kserve.io/autoscalerClass": "none"},
        },
        "spec": {
            "predictor": {
                "minReplicas": 1,
                "maxReplicas": 2,
                "serviceAccountName": "models",
                "nodeSelector": {"disk": "fast"},
                "tolerations": [{"operator": "Exists"}],
                "labels": {"team": "a"},
                "model": {
                    "modelFormat": {"name": "sklearn", "version": "1"},
                    "protocolVersion": "v2",
                    "storageUri": "pvc://models/iris",
                    "runtime": "seldon-mlserver-runtime",
                    "resources": {"requests": {"cpu": "100m", "memory": "1"}},
                    "env": [{"name": "A", "value": "7"}],
                    "args": ["--x"],
                },
            }
        },
    }


def test_a_spec_passes_through_and_options_fill_it():
    wanted = _build(
        format="onnx",
        spec={
            "predictor": {"model": {"storageUri": "pvc://m"}, "someNewField": {"a": 1}},
            "transformer": {"containers": [{"name": "t", "image": "t:1"}]},
        },
    )
    assert wanted["spec"] == {
        "predictor": {
            "model": {"storageUri": "pvc://m", "modelFormat": {"name": "onnx"}},
            "someNewField": {"a": 1},
        },
        "transformer": {"containers": [{"name": "t", "image": "t:1"}]},
    }


def test_camel_case_names_are_read_too_and_null_is_not_given():
    wanted = _build(format="x", storageUri="pvc://m", protocolVersion="v1", minReplicas=0, runtime=None)
    predictor = wanted["spec"]["predictor"]
    assert predictor["minReplicas"] == 0
    assert predictor["model"] == {"modelFormat": {"name": "x"}, "storageUri": "pvc://m", "protocolVersion": "v1"}


def test_what_is_passed_through_is_copied():
    given = {"predictor": {"model": {"modelFormat": {"name": "x"}}}}
    _build(spec=given, runtime="r")
    assert given == {"predictor": {"model": {"modelFormat": {"name": "x"}}}}


WRONG = [
    ({"format": "sklearn", "version": 1.10}, "version: is the number 1.1.*quote it"),
    ({"format": True}, "format: is the boolean true.*quote it"),
    ({"format": "x", "labels": {"a": 1.5}}, r"labels\.a: is the number 1.5.*quote it"),
    ({"format": "x", "annotations": {"a": False}}, r"annotations\.a: is the boolean false.*quote it"),
    ({"format": "x", "env": [{"name": "A", "value": 1.0}]}, r"env\[0\]\.value: .*quote it"),
    ({"format": "x", "env": [{"value": "1"}]}, r"env\[0\]\.name: is required"),
    ({"format": "x", "env": {"A": "1"}}, "env: must be a list"),
    ({"format": "x", "args": [2.0]}, r"args\[0\]: .*quote it"),
    ({"format": "x", "resources": {"limits": {"cpu": 0.5}}}, r"resources\.limits\.cpu: .*quote it"),
    ({"format": "x", "resources": {"limits": {"cpu": "much"}}}, r"resources\.limits\.cpu: .*quantity"),
    ({"format": "x", "min_replicas": "one"}, "min_replicas: must be a whole number"),
    ({"format": "x", "min_replicas": -1}, "min_replicas: .*at least 0"),
    ({"format": "x", "protocol": "v3"}, "protocol: .*must be v1, v2"),
    ({"format": "x", "protocol": "v2", "protocolVersion": "v2"}, "protocol: is given twice, as protocol and as"),
    ({"format": "x", "storageuri": "pvc://x"}, "storageuri: is no option .*did you mean storage"),
    ({"format": "x", "storage_uri": "a", "storage": {"key": "k"}}, "storage_uri: and storage are both given"),
    ({"format": "x", "spec": {"predictor": {"model": {"modelFormat": {"name": "y"}}}}}, "format: is given twice"),
    ({"format": "x", "spec": ["a"]}, "spec: must be a mapping"),
    ({"format": "x", "spec": {"predictor": ["a"]}}, "spec.predictor: must be a mapping"),
    ({}, "format: is required"),
    ({"storage_uri": "pvc://x"}, "format: is required: name the model's format, such as"),
    # the webhook overwrites model by what the previous schema says
    (
        {"format": "x", "storage_uri": "s3://x", "spec": {"predictor": {"sklearn": {"storageUri": "s3://y"}}}},
        r"^spec\.predictor\.sklearn: is the previous schema and stands beside the options of the model",
    ),
    ({"args": ["a"], "spec": {"predictor": {"onnx": {}}}}, r"^spec\.predictor\.onnx: is the previous schema"),
    (
        {"spec": {"predictor": {"model": {"modelFormat": {"name": "x"}}, "pmml": {"storageUri": "s3://y"}}}},
        r"^spec\.predictor\.pmml: is the previous schema",
    ),
    (
        {"spec": {"predictor": {"triton": {"storageUri": "a"}, "sklearn": {"storageUri": "b"}}}},
        r"^spec\.predictor: has sklearn and triton, but a predictor serves one model",
    ),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_a_wrong_option_is_one_sentence_with_its_path(options, message):
    with pytest.raises(SpecError, match=message):
        _build(**options)


def test_in_a_list_the_path_says_which():
    with pytest.raises(SpecError, match=r"^services\[3\]\.version: "):
        service.build({"format": "x", "version": 1.0}, name="a", namespace="b", path="services[3]")


@pytest.mark.parametrize("name", ["Iris", "1iris", "iris-", "iris.a", "", None, 5, "i_s"])
def test_names_that_kserve_refuses(name):
    with pytest.raises(SpecError, match="name: is .*must begin with a lower-case letter"):
        service.service_name(name)


def test_a_name_whose_service_would_be_too_long():
    assert service.service_name("a" * 53)
    with pytest.raises(SpecError, match="has 54 characters"):
        service.service_name("a" * 54)


def test_the_previous_schema_is_converted_as_the_webhook_does_it():
    wanted = _build(spec={"predictor": {"triton": {"storageUri": "pvc://x"}, "minReplicas": 1}})
    assert service.previous_schema(wanted) == "triton"
    stored = service.as_stored(wanted)
    assert stored["spec"]["predictor"] == {
        "minReplicas": 1,
        "model": {"modelFormat": {"name": "triton"}, "storageUri": "pvc://x", "protocolVersion": "v2"},
    }
    assert service.previous_schema(stored) is None
    assert service.as_stored(stored) == stored


def test_values_are_written_as_the_webhook_stores_them_and_none_is_added():
    wanted = _build(
        format="triton",
        annotations={"serving.kserve.io/deploymentMode": "RawDeployment", "a": "b"},
        resources={"limits": {"cpu": "0.5", "memory": "1024Mi"}},
    )
    assert service.as_stored(wanted) == {
        **wanted,
        "metadata": {
            "name": "iris",
            "namespace": "garden",
            "annotations": {"serving.kserve.io/deploymentMode": "Standard", "a": "b"},
        },
        "spec": {
            "predictor": {
                "model": {
                    "modelFormat": {"name": "triton"},
                    "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}},
                }
            }
        },
    }
    before = service.as_stored(wanted, "0.16.0")["metadata"]["annotations"]
    assert before["serving.kserve.io/deploymentMode"] == "RawDeployment"


def test_pinning_names_the_runtime_and_leaves_the_original():
    wanted = _build(format="x")
    assert service.named_runtime(service.pinned(wanted, "r")) == "r"
    assert service.named_runtime(wanted) is None


def test_every_option_has_one_name_and_an_ansible_type():
    arguments = service.argument_spec()
    names = [name for option in service.OPTIONS for name in option.names]
    assert len(names) == len(set(names))
    assert all(entry["type"] in ("str", "int", "bool", "dict", "list") for entry in arguments.values())
    assert arguments["protocol"]["choices"] == ["v1", "v2", "grpc-v1", "grpc-v2"]
    assert arguments["env"] == {"type": "list", "elements": "dict"}
