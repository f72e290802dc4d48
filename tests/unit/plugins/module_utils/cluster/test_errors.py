# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server's answers, as a real one gave them, and the errors they must become."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors


def status(code: int, message: str, **more: Any) -> bytes:
    return json.dumps({"kind": "Status", "apiVersion": "v1", "code": code, "message": message, **more}).encode()


RBAC = 'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "models"'
QUOTA = 'pods "a" is forbidden: exceeded quota: q, requested: cpu=1, used: cpu=1, limited: cpu=1'
WEBHOOK = (
    'admission webhook "servingruntime.kserve-webhook-server.validator" denied the request: '
    "same priority assigned for the model format f in the servingruntimes a and b in namespace n"
)
POLICY = (
    "servingruntimes.serving.kserve.io \"a\" is forbidden: ValidatingAdmissionPolicy 'team' with binding 'team-n' "
    "denied request: a runtime needs the label team"
)
SILENT = 'admission webhook "strict.example.com" denied the request without explanation'
NO_ENDPOINTS = (
    'Internal error occurred: failed calling webhook "servingruntime.kserve-webhook-server.validator": no endpoints '
    'available for service "kserve-webhook-server-service"'
)
UNKNOWN_FIELD = (
    "failed to create typed patch object (models/a; serving.kserve.io/v1alpha1, Kind=ServingRuntime): "
    ".spec.containers[0].imag: field not declared in schema"
)
CONFLICT = {
    "message": 'Apply failed with 1 conflict: conflict with "kubectl-edit" using x/v1: .spec.multiModel',
    "details": {
        "causes": [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "kubectl-edit" using x/v1',
                "field": ".spec.multiModel",
            }
        ]
    },
}
NO_NAMESPACE = {"message": 'namespaces "n" not found', "details": {"name": "n", "kind": "namespaces"}}

CASES = [
    (403, status(403, RBAC), errors.Forbidden, "grant the right"),
    (403, status(403, QUOTA), errors.Denied, "exceeded quota"),
    (403, status(403, WEBHOOK), errors.Denied, "same priority assigned"),
    (400, status(400, WEBHOOK), errors.Denied, "same priority assigned"),
    (400, status(400, SILENT), errors.Denied, "strict.example.com refuses it without explanation"),
    # a policy chooses its status; 422 is the usual one, which a schema's refusal has too
    *(
        (code, status(code, POLICY), errors.Denied, "'team' refuses it: a runtime needs")
        for code in (401, 403, 413, 422)
    ),
    (500, status(500, NO_ENDPOINTS), errors.WebhookUnavailable, "check that its controller runs"),
    (401, status(401, "Unauthorized"), errors.Unauthorized, "log in again"),
    (404, status(404, 'servingruntimes.serving.kserve.io "a" not found'), errors.NotFound, "check the name"),
    (404, b"404 page not found\n", errors.ApiMissing, "does not serve"),
    (409, status(409, 'Apply failed with 1 conflict: conflict with "k"'), errors.Conflict, "force_conflicts"),
    (409, status(409, **CONFLICT), errors.Conflict, 'spec.multiModel: conflict with "kubectl-edit"'),
    (500, status(500, UNKNOWN_FIELD), errors.Invalid, "spec.containers[0].imag: the cluster's schema has no such"),
    (404, status(404, **NO_NAMESPACE), errors.NotFound, "the namespace does not exist: create it first"),
    (410, status(410, "too old resource version"), errors.Expired, "try again"),
    (422, status(422, "spec.containers: Required value"), errors.Invalid, "spec.containers"),
    (500, b"", errors.ServerError, "HTTP 500"),
    (503, b"<html>no</html>", errors.ServerError, "<html>"),
]


@pytest.mark.parametrize(("code", "body", "kind", "words"), CASES)
def test_answer_becomes_one_sentence(code: int, body: bytes, kind: type[errors.ClusterError], words: str) -> None:
    error = errors.from_response(code, body, action="read", what="ServingRuntime a in namespace n")
    assert type(error) is kind
    assert error.status == code
    text = str(error)
    assert text.startswith("Cannot read ServingRuntime a in namespace n")
    assert words in text
    assert "\n" not in text


def test_denied_keeps_the_webhooks_own_words() -> None:
    error = errors.from_response(403, status(403, WEBHOOK), action="apply", what="x")
    assert isinstance(error, errors.Denied)
    assert error.webhook == "servingruntime.kserve-webhook-server.validator"
    assert (
        error.message == "same priority assigned for the model format f in the servingruntimes a and b in namespace n"
    )


def test_a_policy_is_no_webhook() -> None:
    error = errors.from_response(422, status(422, POLICY), action="apply", what="x")
    assert isinstance(error, errors.Denied)
    assert (error.webhook, error.message) == ("", "a runtime needs the label team")


def test_reasons_are_distinct() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ClusterError)]
    assert len({kind.reason for kind in kinds}) == len(kinds)
