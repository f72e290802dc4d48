# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to a runtime at admission: the API server's schema, then KServe's validating webhooks.

The parts are in metadata.py and schema.py (the API server), webhook.py (KServe) and checks.py (what both let through).
"""

from __future__ import annotations

import typing as t
from collections.abc import Collection, Iterable, Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import (
    checks,
    metadata,
    schema,
    versions,
    webhook,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import (
    CLUSTER_SERVING_RUNTIME,
    SERVING_RUNTIME,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.problems import (
    ERROR,
    WARNING,
    Problem,
    sentences,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import listing, plain

KINDS = (SERVING_RUNTIME[1], CLUSTER_SERVING_RUNTIME[1])

# For each refusal of the webhook, recognized by a part of its text: where it lies and what to do about it.
_REMEDIES: tuple[tuple[str, str, str], ...] = (
    ("different priorities", "spec.supportedModelFormats", "give every version of the format the same priority"),
    ("same priority", "spec.supportedModelFormats", "choose another priority, or name no common protocol"),
    ("removing workerSpec", "spec.workerSpec", "keep the workerSpec, or delete the runtime and create it anew"),
    ("multiple containers", "spec.workerSpec.containers", "keep one container"),
    ("PARALLEL_SIZE in env", "spec.containers", "set the size in workerSpec instead"),
    ("unknown GPU", "spec", f"name the resource in the annotation {webhook.GPU_TYPES_ANNOTATION} of the spec"),
    ("invalid GPU format", f"spec.annotations.{webhook.GPU_TYPES_ANNOTATION}", 'write it like ["example.com/gpu"]'),
    ("ParallelSize cannot", "spec.workerSpec", "use 1 or more"),
    ("security reasons", "spec.containers", "set the path in the image"),
    ("panic:", "spec.workerSpec.containers", "give the workerSpec one container; KServe's webhook fails on none"),
    ("cannot unmarshal", "spec", "use a smaller number"),
)


# Refusals that not every version makes: a part of the text, and the rule's name in versions.SINCE.
_SINCE = {"security reasons": "blocked_env"}


def admit(
    runtime: Mapping[str, t.Any],
    existing: Iterable[Mapping[str, t.Any]] = (),
    kserve_version: str = versions.DEFAULT,
    passed_on: Collection[str] = (),
) -> dict[str, t.Any]:
    """Say whether a runtime would be admitted, and what else is wrong with it.

    :param runtime: the ServingRuntime or ClusterServingRuntime that is to be created or updated.
    :param existing: what is there, see :func:`runtimes_of`; only runtimes of the same kind and namespace count, the
        same name is the old one.
    :param passed_on: paths of fields of a newer KServe, of which no word is said.
    :returns: allowed (schema and webhook); message, the webhook's words, or the schema's where it refuses, '' where
        allowed; errors and warnings, sentences for a person (see checks.check).
    :raises SpecError: for something that is no runtime, or cannot be read as one.
    """
    wanted = plain(runtime)
    require_runtime(wanted)
    there = runtimes_of(existing)
    refused = _refused_by_schema(wanted)
    if refused:
        message = _aggregate([text for violation in refused for text in violation.texts])
        problems = [*map(_schema_problem, refused), *checks.check_leniently(wanted, passed_on)]
    else:
        message = webhook.refusal(wanted, there, kserve_version)
        denied = [denial(message, kserve_version)] if message else []
        problems = [*denied, *checks.check(wanted, passed_on)]
    return {
        "allowed": not message,
        "message": message,
        "errors": _distinct(sentences(problems, ERROR)),
        "warnings": _distinct(sentences(problems, WARNING)),
    }


def _aggregate(texts: list[str]) -> str:
    """Join what the API server says, as it does."""
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _distinct(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def require_runtime(runtime: t.Any, what: str = "the runtime") -> None:
    """Raise SpecError for something that is neither a ServingRuntime nor a ClusterServingRuntime."""
    if not isinstance(runtime, Mapping):
        raise SpecError("", f"{what} must be a ServingRuntime or a ClusterServingRuntime, not {type(runtime).__name__}")
    if runtime.get("kind") not in KINDS:
        kind = runtime.get("kind") or "something without a kind"
        raise SpecError("kind", f"{what} must be a ServingRuntime or a ClusterServingRuntime, not {kind}")


def runtimes_of(existing: Iterable[t.Any]) -> list[Mapping[str, t.Any]]:
    """Return the runtimes of a list, those of a Kubernetes List in it one by one.

    :raises SpecError: for something that is no runtime: passed over, it would be taken for one that stands against
        nothing.
    """
    found: list[Mapping[str, t.Any]] = []
    for item in existing:
        if isinstance(item, Mapping) and str(item.get("kind")).endswith("List"):
            found.extend(runtimes_of(listing(plain(item), "items", str(item["kind"]))))
        else:
            require_runtime(item, "an existing runtime")
            found.append(item)
    return found


def _refused_by_schema(runtime: dict[str, t.Any]) -> list[schema.Violation]:
    violations = metadata.violations(runtime)
    spec = runtime.get("spec")
    if spec is not None:
        violations.extend(schema.violations(schema.stored(spec) if isinstance(spec, dict) else spec))
    return violations


def _schema_problem(violation: schema.Violation) -> Problem:
    message = violation.text.removeprefix(f"{violation.path}: ")
    return Problem(ERROR, violation.path, f"the API server refuses it: {message}")


def denial(message: str, kserve_version: str) -> Problem:
    """Return what to say of a refusal of KServe's webhook, given its words."""
    path, remedy = _place_and_remedy(message)
    feature = next((name for part, name in _SINCE.items() if part in message), None)
    if feature is None:
        return Problem(ERROR, path, f"KServe's webhook refuses it: {message}", remedy)
    since = ".".join(map(str, versions.SINCE[feature][:2]))
    return Problem(
        ERROR, path, f"the webhook of KServe {kserve_version} refuses it (from {since} on): {message}", remedy
    )


def _place_and_remedy(message: str) -> tuple[str, str]:
    return next(((path, remedy) for part, path, remedy in _REMEDIES if part in message), ("spec", ""))


def lasting_errors(runtime: Mapping[str, t.Any], kserve_version: str = versions.DEFAULT) -> list[str]:
    """Return why a runtime that :func:`admit` lets in while it is alone could never be changed again.

    The webhook looks at what is inside a runtime only where another one is there, and its own old version is one.
    Source: servingruntime_webhook.go, Handle.
    """
    message = webhook.refusal(runtime, (runtime,), kserve_version)
    if not message:
        return []
    path, remedy = _place_and_remedy(message)
    text = f"KServe's webhook lets it in only while it is alone, and refuses every later change of it: {message}"
    return [Problem(ERROR, path, text, remedy).sentence]
