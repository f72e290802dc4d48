# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which runtime KServe takes for an InferenceService, and why not the others.

Source: pkg/apis/serving/v1beta1/predictor_model.go (GetSupportingRuntimes, RuntimeSupportsModel and its sorters),
pkg/controller/v1beta1/inferenceservice/components/predictor.go (reconcileModel) and
…/inferenceservice/utils/utils.go (GetServingRuntime).
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import (
    defaulting,
    explaining,
    priority_sort,
    versions,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.candidates import (
    PROTOCOLS,
    Format,
    Runtime,
    Wish,
    read_format,
    read_runtime,
    read_service,
)

__all__ = [
    "FAILURES",
    "PROTOCOLS",
    "Choice",
    "Format",
    "Runtime",
    "Wish",
    "choose",
    "choose_among",
    "find",
    "order",
    "read_format",
    "read_runtime",
    "read_service",
    "select",
]

IMPLIED_PROTOCOL = "v1"
"""What an automatic choice asks for where the service names no protocol (ModelSpec.GetProtocol)."""

# status.modelStatus.lastFailureInfo as reconcileModel sets it: check -> (reason, message).
FAILURES: dict[str, tuple[str, str]] = {
    "not_found": ("RuntimeNotRecognized", "Waiting for runtime to become available"),
    "disabled": ("RuntimeDisabled", "Specified runtime is disabled"),
    "protocol": ("NoSupportingRuntime", "Specified runtime does not support specified protocol version"),
    "format": ("NoSupportingRuntime", "Specified runtime does not support specified framework/version"),
    "version": ("NoSupportingRuntime", "Specified runtime does not support specified framework/version"),
    "none_found": ("NoSupportingRuntime", "No runtime found to support specified framework/version"),
}


@dataclass
class Choice:
    """What was decided: `failure` is a key of FAILURES, `rejected` pairs each runtime with its reason."""

    wish: Wish | None
    selected: Runtime | None = None
    candidates: list[Runtime] = field(default_factory=list)
    rejected: list[tuple[Runtime, str]] = field(default_factory=list)
    failure: str | None = None
    unused: str | None = None
    unordered: bool = False

    def plain(self) -> dict[str, t.Any]:
        """Return the result of the filter select_runtime."""
        reason, message = FAILURES[self.failure] if self.failure else (None, None)
        return {
            "selected": self.selected.ref if self.selected else None,
            "candidates": [runtime.ref for runtime in self.candidates],
            "rejected": [{**runtime.ref, "reason": reason} for runtime, reason in self.rejected],
            "reason": reason,
            "message": message,
            "explanation": explaining.explain(self),
        }


def select(
    service: Mapping[str, t.Any],
    runtimes: Iterable[Mapping[str, t.Any]],
    kserve_version: str = versions.DEFAULT,
) -> dict[str, t.Any]:
    """Say which runtime KServe takes for a service.

    :param service: an InferenceService as a person wrote it (previous schema included) or as the cluster stores it.
    :param runtimes: ServingRuntimes (of any namespaces) and ClusterServingRuntimes, in any order.
    :param kserve_version: the KServe that decides, 0.15 to 0.20.
    :returns: selected {kind, name} or None; candidates, the whole order of an automatic choice; rejected
        [{kind, name, reason}] in the order of `runtimes`; reason and message as status.modelStatus.lastFailureInfo
        gives them, else None; explanation, a sentence for a person.
    :raises SpecError: where an object is not shaped like one of its kind.
    :raises ValueError: for an unknown KServe version.
    """
    return choose(service, runtimes, kserve_version).plain()


def choose(
    service: Mapping[str, t.Any],
    runtimes: Iterable[Mapping[str, t.Any]],
    kserve_version: str = versions.DEFAULT,
) -> Choice:
    """Like :func:`select`, and return the choice itself."""
    versions.known(kserve_version)
    return choose_among(service, [read_runtime(item, kserve_version) for item in runtimes], kserve_version)


def doubt(choice: Choice, unseen: Iterable[Mapping[str, t.Any]]) -> str | None:
    """Say why a choice is not certain where some lists of runtimes may not be read; None where it is.

    Runtimes of the namespace come first, so that one that was found there stands whatever the cluster has.

    :param unseen: kind and namespace (None for the whole cluster) of each list that was not read.
    """
    if choice.wish is None:
        return None
    hidden = {(item["kind"], item["namespace"]) for item in unseen}
    namespace = choice.wish.namespace
    missing = []
    if hidden & {("ServingRuntime", namespace), ("ServingRuntime", None)}:
        missing.append(f"ServingRuntimes in namespace {namespace}")
    judged = (runtime for runtime, reason in choice.rejected if reason == choice.failure)
    met = choice.selected or next(judged, None)
    settled_here = met is not None and met.namespace is not None and not missing
    if ("ClusterServingRuntime", None) in hidden and not settled_here:
        missing.append("ClusterServingRuntimes")
    return f"{' and '.join(missing)} were not seen" if missing else None


def choose_among(service: Mapping[str, t.Any], runtimes: list[Runtime], kserve_version: str) -> Choice:
    """Like :func:`choose`, from runtimes that were read before (for many services over the same runtimes)."""
    wish, unused = read_service(service, kserve_version)
    if wish is None:
        return Choice(None, unused=unused)
    if wish.runtime is not None:
        return _explicit(wish, runtimes, kserve_version)
    return _automatic(wish, runtimes, kserve_version)


# The rules of an automatic choice in the order in which a runtime is measured by them (GetSupportingRuntimes).
_RULES: tuple[tuple[str, Callable[[Wish, Runtime], bool]], ...] = (
    ("other_namespace", lambda wish, runtime: runtime.namespace not in (None, wish.namespace)),
    ("disabled", lambda wish, runtime: runtime.disabled),
    ("multi_model", lambda wish, runtime: runtime.multi_model),
    ("format", lambda wish, runtime: not _has_format(wish, runtime.formats)),
    ("version", lambda wish, runtime: not _has_version(wish, runtime.formats)),
    ("auto_select", lambda wish, runtime: not _has_version(wish, _automatic_formats(runtime))),
    ("protocol", lambda wish, runtime: not runtime.speaks(_asked_protocol(wish))),
    ("worker_spec", lambda wish, runtime: runtime.worker_spec != wish.worker_spec),
)


def _has_format(wish: Wish, formats: Iterable[Format]) -> bool:
    """Say whether there is the format, in whatever version (or the wish matches through its label)."""
    entries = tuple(formats)
    return any(entry.name == wish.format for entry in entries) or _has_version(wish, entries)


def _has_version(wish: Wish, formats: Iterable[Format]) -> bool:
    return any(wish.label in entry.labels() for entry in formats)


def _automatic_formats(runtime: Runtime) -> tuple[Format, ...]:
    return tuple(entry for entry in runtime.formats if entry.auto_select)


def _asked_protocol(wish: Wish) -> str:
    return IMPLIED_PROTOCOL if wish.protocol is None else wish.protocol


def _rejection(wish: Wish, runtime: Runtime) -> str | None:
    return next((reason for reason, refuses in _RULES if refuses(wish, runtime)), None)


def _automatic(wish: Wish, runtimes: list[Runtime], kserve_version: str) -> Choice:
    choice = Choice(wish)
    for runtime in runtimes:
        reason = _rejection(wish, runtime)
        if reason is None:
            choice.candidates.append(runtime)
        else:
            choice.rejected.append((runtime, reason))
    choice.candidates, choice.unordered = order(choice.candidates, wish.format, kserve_version)
    if choice.candidates:
        choice.selected = choice.candidates[0]
    else:
        choice.failure = "none_found"
    return choice


def order(
    runtimes: Iterable[Runtime], format_name: str, kserve_version: str = versions.DEFAULT
) -> tuple[list[Runtime], bool]:
    """Order candidates as KServe does: namespaced before cluster, then priority, protocol, age, name.

    :returns: the order, and whether it is one that KServe's unstable sort has shuffled (more than 12 candidates of
        one scope, see priority_sort).
    """
    every = list(runtimes)
    stable = versions.supports(kserve_version, "stable_priority_sort")
    ordered: list[Runtime] = []
    shuffled = False
    for scope in (True, False):
        group = sorted((item for item in every if (item.namespace is not None) is scope), key=_before_priority)
        ranks = [_rank(item, format_name) for item in group]
        sort = priority_sort.stable_order if stable else priority_sort.go_order
        places = sort(ranks)
        shuffled = shuffled or places != priority_sort.stable_order(ranks)
        ordered.extend(group[place] for place in places)
    return ordered, shuffled


def _before_priority(runtime: Runtime) -> tuple[int, float, str]:
    """Return the order before priorities: protocol, newest first, name (sortServingRuntimeList)."""
    age = -runtime.created.timestamp() if runtime.created else float("inf")
    return runtime.first_protocol(), age, runtime.name


def _rank(runtime: Runtime, format_name: str) -> int | None:
    return runtime.priority(format_name)


def _explicit(wish: Wish, runtimes: list[Runtime], kserve_version: str) -> Choice:
    choice = Choice(wish)
    named = find(runtimes, t.cast(str, wish.runtime), wish.namespace)
    for runtime in runtimes:
        if runtime is named:
            continue
        foreign = runtime.namespace not in (None, wish.namespace)
        choice.rejected.append((runtime, "other_namespace" if foreign else "not_named"))
    if named is None:
        choice.failure = "not_found"
        return choice
    choice.failure = _explicit_failure(wish, named, kserve_version)
    if choice.failure is None:
        choice.selected = named
    else:
        position = next(index for index, runtime in enumerate(runtimes) if runtime is named)
        choice.rejected.insert(position, (named, choice.failure))
    return choice


def find(runtimes: Iterable[Runtime], name: str, namespace: str) -> Runtime | None:
    """Return the runtime that a name means in a namespace, where it hides the cluster's (GetServingRuntime)."""
    matching = [runtime for runtime in runtimes if runtime.name == name and runtime.namespace in (None, namespace)]
    return next((item for item in matching if item.namespace is not None), matching[0] if matching else None)


def _explicit_failure(wish: Wish, runtime: Runtime, kserve_version: str) -> str | None:
    """Name the first check that the named runtime fails; autoSelect, multiModel and workerSpec are not among them."""
    if runtime.disabled:
        return "disabled"
    protocol = _explicit_protocol(wish, kserve_version)
    if protocol is not None and not runtime.speaks(protocol):
        return "protocol"
    if not _has_format(wish, runtime.formats):
        return "format"
    return None if _has_version(wish, runtime.formats) else "version"


def _explicit_protocol(wish: Wish, kserve_version: str) -> str | None:
    """Return the protocol that is checked, if any; before 0.17 a server's own is set before the check."""
    if wish.protocol is not None or versions.supports(kserve_version, "defaults_after_validation"):
        return wish.protocol
    server_type = defaulting.SERVER_TYPE_BY_NAME.get(t.cast(str, wish.runtime))
    return defaulting.PROTOCOL_BY_SERVER_TYPE.get(server_type or "")
