# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A choice of runtime in words, for the person who asks why."""

from __future__ import annotations

import difflib
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

if t.TYPE_CHECKING:
    from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.selection import Choice, Runtime, Wish

KSERVE_CONTAINER = "kserve-container"
SIMILAR = 0.75
MAX_ELSEWHERE = 10


def explain(choice: Choice) -> str:
    """Say in one paragraph which runtime was chosen, and for each other one what speaks against it."""
    if choice.wish is None:
        return f"No runtime is chosen for this service: {choice.unused}."
    parts = [_verdict(choice, choice.wish), *_cautions(choice, choice.wish)]
    reasons = list(_reasons(choice, choice.wish))
    if reasons:
        parts.append(f"{'Not chosen' if choice.selected else 'Rejected'}: {'; '.join(reasons)}.")
    return " ".join(parts)


def _reasons(choice: Choice, wish: Wish) -> Iterator[str]:
    """Say what speaks against each runtime; those of other namespaces, which may be many, in one breath at the end."""
    elsewhere = [runtime for runtime, reason in choice.rejected if reason == "other_namespace"]
    for runtime, reason in choice.rejected:
        if reason != "other_namespace":
            yield f"{full_name(runtime)}: {why(wish, runtime, reason)}"
    if elsewhere:
        verb = "is" if len(elsewhere) == 1 else "are"
        names = [full_name(runtime) for runtime in elsewhere[:MAX_ELSEWHERE]]
        more = len(elsewhere) - len(names)
        listed = _listed([*names, f"{more} more"] if more else names)
        yield f"{listed} {verb} in another namespace than {wish.namespace}"


def why(wish: Wish, runtime: Runtime, reason: str) -> str:
    """Say what a reason of `rejected` means for one runtime."""
    return _WHY[reason](wish, runtime)


# Which runtimes that were not taken the table tells of: those whose name or format is the one in question, or all.
WHY = ("relevant", "all", "none")
_IRRELEVANT = frozenset({"format", "other_namespace", "not_named"})
_HEAD = ("SERVICE", "ASKS FOR", "RUNTIME", "BECAUSE")


def table(
    choices: Iterable[tuple[Mapping[str, t.Any], Choice]],
    why_not: str = "relevant",
    doubts: Mapping[int, str] | None = None,
) -> list[str]:
    """Return choices as a table's lines, under each service what spoke against the runtimes that were not taken.

    :param choices: services with their choices, in the order of the lines.
    :param why_not: one of WHY.
    :param doubts: why a choice is not certain, by its place among the choices.
    """
    rows: list[tuple[str, ...]] = [_HEAD]
    for place, (service, choice) in enumerate(choices):
        row = _row(service, choice)
        rows.append(_doubted(row, doubts[place]) if doubts and place in doubts else row)
        rows.extend(_notes(choice, why_not))
    widths = [max(len(row[column]) for row in rows if len(row) > 1) for column in range(len(_HEAD) - 1)]
    return [_line(row, widths) for row in rows]


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    if len(row) == 1:
        return f"  - {row[0]}"
    return "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()


def _row(service: Mapping[str, t.Any], choice: Choice) -> tuple[str, ...]:
    metadata = service.get("metadata") or {}
    name = f"{metadata.get('namespace') or 'default'}/{metadata.get('name') or '(unnamed)'}"
    if choice.wish is None:
        return name, "-", "-", str(choice.unused)
    wish = choice.wish
    version = "" if wish.version is None else f" {wish.version}"
    asked = wish.protocol or ("v1 (implied)" if wish.runtime is None and wish.protocol is None else "any")
    asks = f"{wish.format}{version}, {asked}"
    if choice.selected is None:
        failure = choice.plain()
        return name, asks, "none", f"{failure['reason']}: {failure['message']}"
    return name, asks, full_name(choice.selected), _because(choice, wish)


def _doubted(row: tuple[str, ...], doubt: str) -> tuple[str, ...]:
    *asked, runtime, _because = row
    return (*asked, "unknown", f"{doubt}; among those seen: {runtime}")


def _because(choice: Choice, wish: Wish) -> str:
    selected = t.cast("Runtime", choice.selected)
    if wish.runtime is not None:
        return "the service names it"
    if len(choice.candidates) == 1:
        return "the only candidate"
    rival = choice.candidates[1]
    return f"before {full_name(rival)}: {precedence(selected, rival, wish.format)}"


def _notes(choice: Choice, why_not: str) -> Iterator[tuple[str]]:
    if choice.wish is None or why_not == "none":
        return
    hidden = 0
    for runtime, reason in choice.rejected:
        same_name = runtime.name == choice.wish.runtime and reason != "other_namespace"
        if why_not == "all" or reason not in _IRRELEVANT or same_name:
            yield (f"not {full_name(runtime)}: {why(choice.wish, runtime, reason)}",)
        else:
            hidden += 1
    if hidden and choice.selected is None:
        yield (f"and {hidden} with other formats, other names or in other namespaces",)
    yield from ((caution,) for caution in _cautions(choice, choice.wish))


def _verdict(choice: Choice, wish: Wish) -> str:
    service = f"InferenceService {wish.namespace}/{wish.name or '(unnamed)'}"
    if choice.selected is None:
        return _no_runtime(choice, wish, service)
    if wish.runtime is not None:
        return f"{service} names {choice.selected.kind} {choice.selected.name}, which serves {_asks(wish)}."
    others = choice.candidates[1:]
    if not others:
        return f"{service} asks for {_asks(wish)}; {choice.selected.kind} {choice.selected.name} is the only candidate."
    return (
        f"{service} asks for {_asks(wish)}; {choice.selected.kind} {choice.selected.name} comes before "
        f"{full_name(others[0])}: {precedence(choice.selected, others[0], wish.format)}."
        + (f" The order goes on: {', '.join(full_name(item) for item in others[1:])}." if others[1:] else "")
    )


def _no_runtime(choice: Choice, wish: Wish, service: str) -> str:
    if wish.runtime is None:
        return f"No runtime serves {service}, which asks for {_asks(wish)}." + ("" if choice.rejected else _NONE_GIVEN)
    if choice.failure != "not_found":
        return f"{service} names the runtime {wish.runtime}, which KServe refuses for {_asks(wish)}."
    close = difflib.get_close_matches(
        wish.runtime, {runtime.name for runtime, reason in choice.rejected if reason == "not_named"}, 3, SIMILAR
    )
    hint = f" Similar names: {', '.join(close)}." if close else ""
    return (
        f"{service} names the runtime {wish.runtime!r}, and there is no ServingRuntime of that name in namespace "
        f"{wish.namespace} and no such ClusterServingRuntime.{hint}"
    )


_NONE_GIVEN = " There is no runtime at all."


def _asks(wish: Wish) -> str:
    version = "" if wish.version is None else f" version {wish.version}"
    shape = " on several nodes (workerSpec)" if wish.worker_spec else ""
    return f"{wish.format or 'an unnamed format'}{version}{_protocol_asked(wish)}{shape}"


def _protocol_asked(wish: Wish) -> str:
    if wish.protocol:
        return f", protocol {wish.protocol}"
    if wish.runtime is not None or wish.protocol == "":
        return ""
    return ", protocol v1 (what KServe asks for where the service names none)"


def precedence(first: Runtime, second: Runtime, format_name: str) -> str:
    """Say by which rule one candidate comes before another."""
    if first.namespace is not None and second.namespace is None:
        return "runtimes of the namespace come before those of the cluster"
    one, other = first.priority(format_name), second.priority(format_name)
    if one != other:
        return f"its priority for {format_name} is {_or_none(one)}, the other's {_or_none(other)}"
    if first.first_protocol() < second.first_protocol():
        return f"equal priority, and its lowest protocol ({_lowest(first)}) comes first"
    if first.first_protocol() == second.first_protocol():
        return f"a tie in priority and protocol, and {_by_chance(first, second)}"
    return "equal priority, and KServe's sort, which shuffles so many, leaves it first"


def _by_chance(first: Runtime, second: Runtime) -> str:
    return "its name comes first" if first.created == second.created else "it is the newer one"


def _lowest(runtime: Runtime) -> str:
    return min(runtime.protocols, key=lambda name: _PROTOCOL_ORDER.get(name, len(_PROTOCOL_ORDER)))


_PROTOCOL_ORDER = {"v1": 0, "v2": 1, "grpc-v1": 2, "grpc-v2": 3}


def _or_none(priority: int | None) -> str:
    return "not set" if priority is None else str(priority)


def tie(choice: Choice) -> str | None:
    """Say that nothing in the first two candidates decides between them, so that reinstalling one may move services.

    A tie is one to everybody here: the module that writes services, the doctor, and explanations.

    :returns: a clause without end stop; None where there is no tie.
    """
    if choice.wish is None or choice.wish.runtime is not None or len(choice.candidates) < 2:
        return None
    first, second = choice.candidates[:2]
    if _standing(first, choice.wish.format) != _standing(second, choice.wish.format):
        return None
    names = f"the runtimes {full_name(first)} and {full_name(second)}"
    if choice.unordered:  # the sort that shuffles equals keeps no order of protocols either
        return f"{names} have the same priority, and among so many candidates KServe's order of such is not stable"
    if first.first_protocol() != second.first_protocol():
        return None
    return (
        f"{names} differ in nothing but age and name, and KServe takes {full_name(first)} now, since "
        f"{_by_chance(first, second)}"
    )


def _standing(runtime: Runtime, format_name: str) -> tuple[bool, int | None]:
    return runtime.namespace is None, runtime.priority(format_name)


def _cautions(choice: Choice, wish: Wish) -> list[str]:
    cautions = []
    if choice.unordered:
        cautions.append(
            "With more than 12 candidates KServe's sort shuffles those of equal priority; the order given here is the "
            "one that its sort arrives at, and adding a runtime may change it."
        )
    if choice.selected is not None:
        cautions.extend(_cannot_work(choice.selected, wish))
    return cautions


def _cannot_work(runtime: Runtime, wish: Wish) -> Iterator[str]:
    """Say what lets the chosen runtime fail after the choice (reconcileModel checks none of it)."""
    if runtime.containers is not None and KSERVE_CONTAINER not in runtime.containers:
        yield f"It cannot work: {runtime.name} has no container named {KSERVE_CONTAINER} (InvalidPredictorSpec)."
    if wish.runtime is not None and wish.worker_spec and not runtime.worker_spec:
        yield f"It cannot work: {runtime.name} has no workerSpec, and KServe's controller panics on the service's."
    if runtime.multi_model:
        yield f"{runtime.name} is a ModelMesh runtime (multiModel), which a single-model service may not run on."


def full_name(runtime: Runtime) -> str:
    """Name a runtime so that one of a namespace and one of the cluster are told apart."""
    return runtime.name if runtime.namespace is None else f"{runtime.namespace}/{runtime.name}"


def _format(wish: Wish, runtime: Runtime) -> str:
    names = _distinct(entry.name for entry in runtime.formats)
    if not names:
        return "names no model format"
    similar = [name for name in names if name.casefold() == wish.format.casefold()]
    if similar:
        return f"has {similar[0]}, the service asks for {wish.format}: names are case-sensitive"
    close = difflib.get_close_matches(wish.format, names, 1, SIMILAR)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"has {_listed(names)}, not {wish.format or 'an unnamed format'}{hint}"


def _version(wish: Wish, runtime: Runtime) -> str:
    entries = [entry for entry in runtime.formats if entry.name == wish.format]
    had = _distinct(entry.version for entry in entries if entry.version is not None)
    if not had:
        return f"has {wish.format} without a version, the service asks for version {wish.version}"
    return f"has {wish.format} {_listed(had)}, the service asks for version {wish.version}"


def _auto_select(wish: Wish, runtime: Runtime) -> str:
    automatic = _distinct(
        entry.version for entry in runtime.formats if entry.name == wish.format and entry.auto_select and entry.version
    )
    version = "" if wish.version is None else f" {wish.version}"
    rest = f" (only for {wish.format} {_listed(automatic)})" if automatic else ""
    return f"has {wish.format}{version} without autoSelect{rest}; name it in the service to use it"


def _protocol(wish: Wish, runtime: Runtime) -> str:
    asked = wish.protocol or "v1, because it names no protocolVersion"
    return f"speaks {_listed(runtime.protocols)}, the service asks for {asked}"


def _worker_spec(wish: Wish, runtime: Runtime) -> str:
    if runtime.worker_spec:
        return "has a workerSpec (several nodes), the service has none"
    return "has no workerSpec, the service asks for several nodes"


def _not_named(wish: Wish, runtime: Runtime) -> str:
    if runtime.name == wish.runtime:
        return f"hidden by the ServingRuntime of the same name in namespace {wish.namespace}"
    return f"the service names {wish.runtime}"


def _other_namespace(wish: Wish, runtime: Runtime) -> str:
    return f"is in namespace {runtime.namespace}, the service in {wish.namespace}"


_WHY: dict[str, Callable[[t.Any, t.Any], str]] = {
    "disabled": lambda wish, runtime: "is disabled",
    "multi_model": lambda wish, runtime: "is for ModelMesh (multiModel), not for a single model",
    "format": _format,
    "version": _version,
    "auto_select": _auto_select,
    "protocol": _protocol,
    "worker_spec": _worker_spec,
    "other_namespace": _other_namespace,
    "not_named": _not_named,
}


def _distinct(items: Iterable[t.Any]) -> list[t.Any]:
    return list(dict.fromkeys(items))


def _listed(items: Sequence[t.Any]) -> str:
    words = [str(item) for item in items]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
