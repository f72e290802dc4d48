# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of every shape in every place are gone; ordinary values stay."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import redact
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import planted
from hypothesis import given, settings
from hypothesis import strategies as st

SHAPES = planted.shapes()


def shape_of(item: Any) -> Any:
    """Keys and types, to compare structure."""
    if isinstance(item, dict):
        return {key: shape_of(value) for key, value in item.items()}
    if isinstance(item, list):
        return [shape_of(value) for value in item]
    return type(item)


def test_the_shapes_are_many() -> None:
    assert len(SHAPES) >= 40
    assert all(part in text for text, parts in SHAPES.values() for part in parts[:1] if "\n" not in text)


@pytest.mark.parametrize("name", SHAPES)
def test_a_secret_is_gone_from_text(name: str) -> None:
    text, parts = SHAPES[name]
    for around in ("{}", "ERROR {}", "line before\n{}\nline after", "[{}]", "msg=({})"):
        redacted = redact.text(around.format(text))
        assert not planted.leaks(redacted, parts), redacted
        assert redact.PLACEHOLDER in redacted


@pytest.mark.parametrize("name", SHAPES)
def test_a_secret_is_gone_from_every_place_of_a_snapshot(name: str) -> None:
    text, parts = SHAPES[name]
    data = planted.snapshot(text, parts[0])
    before = json.dumps(data)
    redacted = redact.snapshot(data)
    assert not planted.leaks(json.dumps(redacted), parts)
    assert shape_of(redacted) == shape_of(data)
    assert json.dumps(data) == before, "the snapshot that was given has changed"


@pytest.mark.parametrize("seed", range(5))
def test_other_secrets_of_the_same_shapes_are_gone_too(seed: int) -> None:
    for name, (text, parts) in planted.shapes(seed + 100).items():
        assert not planted.leaks(redact.text(text), parts), name


@pytest.mark.parametrize("value", planted.ORDINARY)
def test_ordinary_values_stay(value: str) -> None:
    assert redact.text(value) == value
    data = planted.snapshot(value, "true")
    del data["objects"]["secrets"]  # what a Secret holds is secret, whatever it looks like
    redacted = redact.snapshot(data)
    assert redacted["objects"]["events"] == data["objects"]["events"]
    assert redacted["logs"][0]["head"] == data["logs"][0]["head"]
    assert (
        redacted["objects"]["inferenceservices.serving.kserve.io"]
        == data["objects"]["inferenceservices.serving.kserve.io"]
    )


@pytest.mark.parametrize("name", SHAPES)
def test_redacting_twice_changes_nothing(name: str) -> None:
    text, parts = SHAPES[name]
    once = redact.text(text)
    assert redact.text(once) == once
    snapshot = redact.snapshot(planted.snapshot(text, parts[0]))
    assert redact.snapshot(snapshot) == snapshot


def test_a_secret_found_in_one_place_is_gone_from_the_others() -> None:
    data = planted.snapshot("nothing to see")
    data["objects"]["pods"][0]["spec"]["containers"][0]["env"].append(
        {"name": "DB_PASSWORD", "value": "tulip-9-meadow"}
    )
    data["logs"][0]["tail"] = "login of app with tulip-9-meadow failed"
    redacted = redact.snapshot(data)
    assert redacted["logs"][0]["tail"] == "login of app with [redacted] failed"


def test_a_name_repeated_under_a_secret_variable_does_not_hide_the_object() -> None:
    data = planted.snapshot("nothing to see")
    data["objects"]["pods"][0]["spec"]["containers"][0]["env"] = [{"name": "STORAGE_SECRET", "value": "storage-config"}]
    redacted = redact.snapshot(data)
    assert redacted["objects"]["secrets"][0]["metadata"]["name"] == "storage-config"
    assert redacted["names_of"] == data["names_of"]


@pytest.mark.parametrize(
    "value",
    ["", "true", "$(HF_TOKEN)", "${TOKEN}", "{{.Labels.token}}", "<no value>", "/etc/secrets/token", "None", "1"],
)
def test_what_is_no_secret_stays_under_a_secret_name(value: str) -> None:
    env = [{"name": "HF_TOKEN", "value": value}]
    assert redact.value({"env": env}) == {"env": env}


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("PASSWORD", True),
        ("PGPASSWORD", True),
        ("MYSQL_PWD", True),
        ("AWS_ACCESS_KEY_ID", True),
        ("OPENAI_API_KEY", True),
        ("ENCRYPTION_KEY", True),
        ("KEY", True),
        ("HF_TOKEN", True),
        ("BASIC_AUTH", True),
        ("AZURE_STORAGE_SAS_TOKEN", True),
        ("GOOGLE_APPLICATION_CREDENTIALS", True),
        ("MAX_TOKENS", False),
        ("API_TOKENS", True),
        ("TOKENIZERS_PARALLELISM", False),
        ("TOKEN_FILE", False),
        ("SECRET_NAME", False),
        ("TOKEN_URL", False),
        ("MONKEY", False),
        ("KEYCLOAK_URL", False),
        ("PUBLIC_KEY", False),
        ("EOS_TOKEN", False),
        ("PASSTHROUGH", False),
        ("MODEL_NAME", False),
    ],
)
def test_names_of_environment_variables(name: str, secret: bool) -> None:
    assert redact.is_secret_name(name, environment=True) is secret


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("apiKey", True),
        ("clientSecret", True),
        ("tls.key", True),
        ("client-key-data", True),
        ("openshift.io/token-secret.value", True),
        ("openshift.io/token-secret.name", False),
        ("key", False),
        ("topologyKey", False),
        ("secretName", False),
        ("secretKeyRef", False),
        ("automountServiceAccountToken", True),  # its value is a boolean, and only strings are taken out
        ("tokenExpirationSeconds", False),
        ("s3AccessKeyIDName", False),
    ],
)
def test_names_of_fields(name: str, secret: bool) -> None:
    assert redact.is_secret_name(name) is secret


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{begin}\n{a}\n{b}\nlistening on 8080\n", "[redacted]\nlistening on 8080\n"),
        ("starting\n{begin}\n{a}\nkL9", "starting\n[redacted]"),
        ("{b}\nkL9==\n{end}\nlistening on 8080\n", "[redacted]\nlistening on 8080\n"),
        ("INFO {begin}\nINFO {a}\nINFO kL9\nINFO {end}\nINFO up", "[redacted]\nINFO up"),
        ("INFO {begin}\nINFO {a}\nINFO {b}\nINFO up", "[redacted]\nINFO [redacted]\nINFO [redacted]\nINFO up"),
        ("{begin}\n{a}\n{begin}\n{b}\n{end}\nup", "[redacted]\n[redacted]\nup"),
    ],
)
def test_a_key_that_was_cut_takes_nothing_else_along(text: str, expected: str) -> None:
    make = planted.Maker(3)
    lines = {"begin": "-----BEGIN RSA PRIVATE KEY-----", "end": "-----END RSA PRIVATE KEY-----"}
    given = text.format(**lines, a=make(64), b=make(64))
    redacted = redact.text(given)
    assert redacted in (expected, f"INFO {expected}")
    assert redact.text(redacted) == redacted


def test_a_secret_object_keeps_its_keys() -> None:
    secret = {
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"user": "YQ==", "password": "Yg=="},
        "type": "Opaque",
    }
    assert redact.value(secret) == {
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"user": redact.PLACEHOLDER, "password": redact.PLACEHOLDER},
        "type": "Opaque",
    }


def test_the_last_applied_configuration_keeps_its_structure() -> None:
    name = "kubectl.kubernetes.io/last-applied-configuration"
    applied = json.dumps({"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "czNjcjN0LXZhbHVl"}})
    redacted = redact.value({"metadata": {"annotations": {name: applied, "plain": "x"}}})
    inner = json.loads(redacted["metadata"]["annotations"][name])
    assert inner == {"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": redact.PLACEHOLDER}}


def test_a_document_under_a_telling_name_keeps_its_structure() -> None:
    """KServe's inferenceservice-config has a section "credentials" that names secrets and holds none."""
    section = {
        "storageSpecSecretName": "storage-config",
        "storageSecretNameAnnotation": "serving.kserve.io/storageSecretName",
        "gcs": {"gcsCredentialFileName": "gcloud-application-credentials.json"},
        "s3": {"s3AccessKeyIDName": "AWS_ACCESS_KEY_ID", "s3SecretAccessKeyName": "AWS_SECRET_ACCESS_KEY"},
    }
    config = {"kind": "ConfigMap", "data": {"credentials": json.dumps(section, indent=3)}}
    assert redact.value(config) == config
    section["s3"]["secretAccessKey"] = "wJalrXUtnFEMIK7MDENGbPxRfiCY"
    redacted = redact.value({"kind": "ConfigMap", "data": {"credentials": json.dumps(section)}})
    assert json.loads(redacted["data"]["credentials"]) == {
        **section,
        "s3": {**section["s3"], "secretAccessKey": redact.PLACEHOLDER},
    }


def test_public_certificates_stay() -> None:
    certificate = "-----BEGIN CERTIFICATE-----\n" + "MIIB" * 16 + "\n-----END CERTIFICATE-----\n"
    webhook = {"webhooks": [{"clientConfig": {"caBundle": base64.b64encode(certificate.encode()).decode()}}]}
    assert redact.value(webhook) == webhook


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_any_structure_keeps_its_shape_and_is_stable(item: Any) -> None:
    redacted = redact.value(item)
    assert shape_of(redacted) == shape_of(item)
    assert redact.value(redacted) == redacted
