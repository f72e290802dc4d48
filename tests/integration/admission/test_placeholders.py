# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gotemplate.py makes of placeholders against what KServe's controller makes of them.

Each text is an argument of a runtime of its own, and a service names that runtime. Where the controller can replace the
placeholders it makes a Deployment (whose pod no node takes), else it says that it failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.pool import each
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import DEPLOYMENT, Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import checks, gotemplate, kinds

RUNTIME = Resource(*kinds.SERVING_RUNTIME)
SERVICE = Resource(*kinds.INFERENCE_SERVICE)
LABELS = {"modelClass": "mlserver_sklearn.SKLearnModel", "example.com/team": "iris"}
ANNOTATIONS = {"note": "<a> & 'b' + \"c\"", "back": "a\\q", "lines": "a\nb"}

TEXTS = (
    "--model_name={{.Name}}",
    "{{ .Namespace }}/{{- .Name -}}/",
    "{{.Labels.modelClass}}",
    "x{{.Labels.absent}}y",
    "{{index .Labels `example.com/team`}}",
    '{{index .Labels "example.com/team"}}',
    "{{.Labels.example-team}}",
    "{{.Annotations.note}}",
    "{{.Annotations.back}}",
    "{{.Annotations.lines}}",
    "{{.Foo}}",
    "{{.metadata.name}}",
    "{{ Name }}",
    "{{.Name",
    "{{}}",
    "{ {.Name} } }}",
    "{{if .Labels.modelClass}}yes{{else}}no{{end}}",
    "{{if .Labels.absent}}yes",
    "{{range $key, $value := .Labels}}{{$key}}={{$value}};{{end}}",
    "{{.Name | len}}",
    "{{or .Labels.absent `fallback`}}",
    "{{/* a comment */}}text",
    "{{`{{`}}",
    "{{eq .Name `a`}}",
)


def name_of(number: int) -> str:
    return f"placeholder-{number}"


def runtime(number: int) -> dict[str, Any]:
    container = {"name": "kserve-container", "image": "example.invalid/server:1", "args": [TEXTS[number]]}
    return {
        "apiVersion": RUNTIME.api_version,
        "kind": RUNTIME.kind,
        "metadata": {"name": name_of(number)},
        "spec": {
            "supportedModelFormats": [{"name": "placeholder"}],
            "containers": [container],
            "nodeSelector": {"example.invalid/no-such-node": "true"},
        },
    }


def service(number: int) -> dict[str, Any]:
    annotations = {**ANNOTATIONS, kinds.ANNOTATION_DEPLOYMENT_MODE: "Standard"}
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.kind,
        "metadata": {
            "name": name_of(number),
            "labels": LABELS,
            "annotations": {**annotations, kinds.ANNOTATION_AUTOSCALER_CLASS: "none"},
        },
        "spec": {"predictor": {"model": {"modelFormat": {"name": "placeholder"}, "runtime": name_of(number)}}},
    }


def outcome(client: Client, namespace: str, number: int) -> str | None:
    """Return the argument of the Deployment's container, FAILED, or None while the controller is not done."""
    deployment = client.get(DEPLOYMENT, f"{name_of(number)}-predictor", namespace)
    if deployment:
        containers = deployment["spec"]["template"]["spec"]["containers"]
        return str(next(item["args"][0] for item in containers if item["name"] == "kserve-container"))
    status = (client.get(SERVICE, name_of(number), namespace) or {}).get("status") or {}
    failure = (status.get("modelStatus") or {}).get("lastFailureInfo")
    if not failure:
        return None
    where = f"in serving runtime {name_of(number)} Container kserve-container"
    assert failure["message"] == f"failed to replace placeholders {where}", failure
    return FAILED


FAILED = "(failed)"


@pytest.fixture(scope="module")
def outcomes(
    client: Client, make_namespace: Callable[..., str], eventually: Callable[..., Any]
) -> Iterator[tuple[str, list[str]]]:
    namespace = make_namespace("placeholder")
    numbers = range(len(TEXTS))
    for result in each(lambda number: client.create(RUNTIME, runtime(number), namespace), numbers, 8):
        assert result.error is None, result.error
    for result in each(lambda number: client.create(SERVICE, service(number), namespace), numbers, 8):
        assert result.error is None, result.error
    yield namespace, [eventually(lambda n=number: outcome(client, namespace, n), 120) for number in numbers]
    each(lambda number: client.delete(SERVICE, name_of(number), namespace), numbers, 8)


@pytest.mark.parametrize("number", range(len(TEXTS)), ids=TEXTS)
def test_the_controller_renders_as_predicted(outcomes: tuple[str, list[str]], number: int) -> None:
    namespace, real = outcomes
    metadata = {"name": name_of(number), "namespace": namespace, "labels": LABELS, "annotations": ANNOTATIONS}
    try:
        predicted = gotemplate.render(TEXTS[number], metadata)
    except gotemplate.TemplateError:
        predicted = FAILED
    assert predicted == real[number]


@pytest.mark.parametrize("number", range(len(TEXTS)), ids=TEXTS)
def test_what_fails_for_every_service_is_told_beforehand(outcomes: tuple[str, list[str]], number: int) -> None:
    """A failure that is not told of is one of the service's own values (a backslash, a line break)."""
    words = ("cannot be parsed", "fails for every service")
    told = any(word in problem.message for problem in checks.check(runtime(number)) for word in words)
    broken_value = any(f".Annotations.{name}" in TEXTS[number] for name in ("back", "lines"))
    assert told is (outcomes[1][number] == FAILED and not broken_value)
