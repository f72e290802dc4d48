# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between this process and a Kubernetes API server.

Every error's ``str()`` is one sentence for a job log: the object, what is wrong, what to do.
"""

from __future__ import annotations

import json
import re
from typing import Any


class ClusterError(Exception):
    """Base of all errors of this package.

    reason: a stable word for programs (``forbidden``, ``unreachable`` …); status: the HTTP status, None if none came;
    details: the API's ``Status.details`` (``causes`` and so on), never the request's body.
    """

    reason = "error"

    def __init__(self, message: str, *, status: int | None = None, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.details = details or {}


class ConfigurationError(ClusterError):
    """The options, variables or files that say how to reach the cluster do not fit."""

    reason = "configuration"


class Unreachable(ClusterError):
    """No answer (refused, timed out, TLS or name resolution failed), or one that is not of a Kubernetes API."""

    reason = "unreachable"


class Unauthorized(ClusterError):
    """401: the credentials are not accepted."""

    reason = "unauthorized"


class Forbidden(ClusterError):
    """403 by RBAC: whether the object exists is unknown."""

    reason = "forbidden"


class Denied(ClusterError):
    """An admission webhook, policy or quota refused the object; ``message`` is its own text, without the API's prefix.

    webhook: the webhook's name, empty where it was none.
    """

    reason = "denied"

    def __init__(self, sentence: str, *, webhook: str, message: str, status: int | None = None) -> None:
        super().__init__(sentence, status=status)
        self.webhook = webhook
        self.message = message


class NotFound(ClusterError):
    """404 for one object; its API exists."""

    reason = "not_found"


class ApiMissing(ClusterError):
    """404 for the whole kind: the cluster does not serve it (a CRD is not installed)."""

    reason = "crd_missing"


class Conflict(ClusterError):
    """409: another field manager owns a field, or the object changed meanwhile."""

    reason = "conflict"


class Expired(ClusterError):
    """410: a continue token or resourceVersion is too old."""

    reason = "expired"


class Invalid(ClusterError):
    """400 or 422: the schema, or the API server's own validation, refuses the object."""

    reason = "invalid"


class WebhookUnavailable(ClusterError):
    """The API server could not call an admission webhook, so nothing was decided."""

    reason = "webhook_unavailable"


class ServerError(ClusterError):
    """Any other failure that the server reports."""

    reason = "server_error"


# Admission may refuse with any status from 400 on (a policy with 422, as a schema does): it is known by its words.
_REFUSALS = (
    # apiserver/pkg/admission/plugin/webhook/errors/statuserror.go ToStatusErr
    re.compile(
        r'admission webhook "?(?P<webhook>[^" ]+)"? denied the request(?P<text>: .*| without explanation)', re.DOTALL
    ),
    # apiserver/pkg/admission/plugin/policy/validating/dispatcher.go Dispatch
    re.compile(
        r"(?P<policy>ValidatingAdmissionPolicy '[^']+')(?: with binding '[^']+')? denied request(?P<text>: .*)",
        re.DOTALL,
    ),
)

_UNTYPED = re.compile(r"failed to create typed patch object \([^)]*\): \.?(?P<path>[^:]*): (?P<fault>.*)", re.DOTALL)
# structured-merge-diff's words -> ours
_FAULTS = {
    "field not declared in schema": (
        "the cluster's schema has no such field: correct its name, or update what brings the schema"
    ),
}

_BY_STATUS: dict[int, type[ClusterError]] = {
    400: Invalid,
    401: Unauthorized,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Invalid,
}

_REMEDY: dict[type[ClusterError], str] = {
    Unauthorized: "renew the token or the certificate, or log in again",
    NotFound: "check the name and the namespace",
    Conflict: "read the object again, or use force_conflicts to take the field over",
    Expired: "try again",
}


def from_response(status: int, body: bytes, *, action: str, what: str) -> ClusterError:
    """The error that an API server's answer means.

    action: ``read``, ``apply`` …; what: the object in words (``ServingRuntime triton in namespace models``).
    """
    answer = _status_object(body)
    message = str(answer.get("message") or body[:500].decode(errors="replace").strip() or f"HTTP {status}")
    details = answer.get("details") or {}
    start = f"Cannot {action} {what}"
    refused = next(filter(None, (pattern.search(message) for pattern in _REFUSALS)), None)
    if refused:
        return _denied(start, refused, status)
    if status == 403:
        return _forbidden(start, message, details)
    if "failed calling webhook" in message:
        return WebhookUnavailable(
            f"{start}: the API server cannot reach an admission webhook ({message}): check that its controller runs.",
            status=status,
            details=details,
        )
    if status == 404 and not answer:
        return ApiMissing(
            f"{start}: the cluster does not serve this kind: install what brings its CRD, or check the API version.",
            status=status,
        )
    untyped = _UNTYPED.search(message)
    if untyped:  # server-side apply says this with status 500, though the object is at fault
        path, fault = untyped["path"], untyped["fault"].rstrip(".")
        return Invalid(f"{start}: {path}: {_FAULTS.get(fault, fault)}.", status=status, details={"path": path})
    if status == 404 and details.get("kind") == "namespaces":
        return NotFound(f"{start}: the namespace does not exist: create it first.", status=status, details=details)
    if status == 409 and details.get("causes"):
        return _conflict(start, details)
    kind = _BY_STATUS.get(status, ServerError)
    remedy = _REMEDY.get(kind)
    return kind(f"{start}: {message.rstrip('.')}{': ' + remedy if remedy else ''}.", status=status, details=details)


def _denied(start: str, refused: re.Match[str], status: int) -> Denied:
    by, text = refused.groupdict(), refused["text"]
    return Denied(
        f"{start}: {by.get('webhook') or by['policy']} refuses it{text}",
        webhook=by.get("webhook", ""),
        message=text.removeprefix(":").strip(),
        status=status,
    )


def _conflict(start: str, details: dict[str, Any]) -> Conflict:
    owners: dict[str, list[str]] = {}
    for cause in details["causes"]:
        owners.setdefault(str(cause.get("message", "")), []).append(str(cause.get("field", "")).lstrip("."))
    told = "; ".join(f"{', '.join(fields)}: {message}" for message, fields in owners.items())
    return Conflict(
        f"{start}: other managers set the same fields differently ({told}): "
        "leave the fields to them, or use force_conflicts to take them over.",
        status=409,
        details=details,
    )


def _forbidden(start: str, message: str, details: dict[str, Any]) -> ClusterError:
    # Quota, PodSecurity and SCC refusals are 403 too, but no right is missing: the object is what has to change.
    if "cannot" in message and "in API group" in message or message in ("Forbidden", ""):
        return Forbidden(
            f"{start}: forbidden ({message}): grant the right with a Role or ClusterRole and a binding.",
            status=403,
            details=details,
        )
    return Denied(f"{start}: {message}", webhook="", message=message, status=403)


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else {}
