# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every report shows, from the result of runtime_status: sentences, labels, rows and the picture's numbers.

The templates only lay out; what is said is decided here, once for text, Markdown, HTML and JUnit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import redact, topology

SEVERITIES = ("error", "warning", "info")
SECTIONS = ("summary", "findings", "services", "runtimes", "unseen")
# parts of the text report that are shown only where they are asked for
MORE_SECTIONS = ("details", "logs")

STATE_WORDS = {
    "ready": "ready",
    "degraded": "degraded",
    "loading": "loading",
    "failed": "failed",
    "stopped": "stopped",
    "scaled_to_zero": "scaled to zero",
    "deleting": "deleting",
    "unknown": "unknown",
}
_COUNTED = {"error": ("error", "errors"), "warning": ("warning", "warnings"), "info": ("note", "notes")}
_REASONS = {
    "forbidden": "forbidden",
    "unreachable": "unreachable",
    "crd_missing": "kind not installed",
    "not_probed": "not asked",
}
# XML 1.0 has no place for these, and a terminal obeys some of them
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def model(result: Mapping[str, Any], title: str = "Model serving report", names: Sequence[str] = ()) -> dict[str, Any]:
    """What the templates lay out.

    names: only runtimes and services of these names, and the findings about them; empty means all.

    result: what runtime_status returned: findings, runtimes, services, summary, unseen, and if there taken_at,
    kserve_version and kubernetes_version. It is redacted again, and control characters are taken out.
    """
    clean = printable(redact.snapshot({key: value for key, value in result.items() if key in _KEYS}))
    if names:
        clean = _only(clean, set(names))
    services = [_service(item) for item in topology.by_state(clean.get("services") or [])]
    runtimes = [_runtime(item) for item in clean.get("runtimes") or []]
    findings = [_finding(item, number) for number, item in enumerate(clean.get("findings") or [], 1)]
    counts = {severity: sum(1 for item in findings if item["severity"] == severity) for severity in SEVERITIES}
    checked = list(clean.get("checked") or [])
    states = Counter(service["state"] for service in services)
    groups = _groups(runtimes, services)
    return {
        "title": title,
        "taken_at": clean.get("taken_at"),
        "when": when(clean.get("taken_at")),
        "versions": _versions(clean),
        "counts": counts,
        "worst": next((severity for severity in SEVERITIES if counts[severity]), "ok"),
        "headline": headline(counts, states, judged=bool(checked)),
        "coverage": coverage(_looked(len(services), len(runtimes), len(checked)), len(clean.get("unseen") or [])),
        "states": [{"state": s, "word": STATE_WORDS[s], "count": states[s]} for s in topology.STATES if states[s]],
        "findings": findings,
        "services": services,
        "runtimes": runtimes,
        "in_use": [runtime for runtime in runtimes if runtime["services"] or runtime["findings"]],
        "unused": [runtime["label"] for runtime in runtimes if not runtime["services"]],
        "left_out": max(0, len(services) - topology.MOST_SERVICES),
        "checked": [{"where": label(ref), "good": not _hit(ref, findings)} for ref in checked],
        "unseen": [_unseen(item) for item in clean.get("unseen") or []],
        "logs": [_log(item) for item in clean.get("logs") or []],
        "pictures": {
            "wide": topology.draw(groups, topology.WIDE),
            "narrow": topology.draw(groups, topology.NARROW),
        },
        "result": clean,
    }


_KEYS = frozenset(
    (
        *("findings", "runtimes", "services", "summary", "unseen", "logs", "checked"),
        *("taken_at", "kserve_version", "kubernetes_version"),
    )
)


def _only(clean: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    def about(finding: Mapping[str, Any]) -> bool:
        return bool({ref.get("name") for ref in [finding["object"], *finding["affects"]]} & names)

    return {
        **clean,
        "runtimes": [item for item in clean.get("runtimes") or [] if item.get("name") in names],
        "services": [item for item in clean.get("services") or [] if item.get("name") in names],
        "findings": [item for item in clean.get("findings") or [] if about(item)],
    }


def summary(shown: Mapping[str, Any], most: int = 20) -> dict[str, Any]:
    """What a job hands on, from a model: a headline, counts and the worst findings, a line each."""
    return {
        "headline": shown["headline"],
        **shown["counts"],
        "services": len(shown["services"]),
        "ready": sum(1 for service in shown["services"] if service["state"] == "ready"),
        "findings": [f"{item['code']} {item['where']}: {item['title']}" for item in shown["findings"][:most]],
    }


def printable(item: Any) -> Any:
    """The same structure without control characters and terminal colours in its strings."""
    if isinstance(item, str):
        return _CONTROL.sub("", _COLOUR.sub("", item))
    if isinstance(item, Mapping):
        return {key: printable(value) for key, value in item.items()}
    if isinstance(item, (list, tuple)):
        return [printable(value) for value in item]
    return item


def headline(counts: Mapping[str, int], states: Mapping[str, int], *, judged: bool = False) -> str:
    """One sentence: what was found, and how many services are ready. judged: manifests were, and no services."""
    found = [_many(counts[severity], *_COUNTED[severity]) for severity in SEVERITIES if counts.get(severity)]
    first = f"{_listed(found) if found else 'Nothing found'}."
    total = sum(states.values())
    rest = total - states.get("ready", 0)
    others = ", ".join(f"{states[s]} {STATE_WORDS[s]}" for s in topology.STATES if s != "ready" and states.get(s))
    if not total:
        return first if judged else f"{first} No service to show."
    if not rest:
        return f"{first} {'The only service is' if total == 1 else f'All {total} services are'} ready."
    return f"{first} {states.get('ready', 0)} of {total} services ready ({others})."


def coverage(looked: str, unseen: int) -> str:
    """One sentence: what was looked at, and that something was not."""
    return f"{looked}; {_many(unseen, 'thing', 'things')} could not be seen." if unseen else f"{looked}."


def _looked(services: int, runtimes: int, checked: int) -> str:
    if checked:
        return f"{_many(checked, 'runtime or service', 'runtimes and services')} judged before deploying"
    return f"{_many(services, 'service', 'services')} and {_many(runtimes, 'runtime', 'runtimes')} looked at"


def _hit(ref: Mapping[str, Any], findings: Iterable[Mapping[str, Any]]) -> bool:
    return any(label(ref) in (item["where"], *map(label, item.get("affects") or [])) for item in findings)


def when(taken_at: str | None) -> str:
    """A moment for people."""
    matched = re.match(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)$", taken_at or "")
    if not matched:
        return taken_at or ""
    return f"{matched[1]} {matched[2]} {'UTC' if matched[3] == 'Z' else matched[3]}"


def _many(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _versions(clean: Mapping[str, Any]) -> str:
    known = (("KServe", clean.get("kserve_version")), ("Kubernetes", clean.get("kubernetes_version")))
    return ", ".join(f"{name} {version}" for name, version in known if version)


# -- labels ----------------------------------------------------------------------------------------------------------


def label(ref: Mapping[str, Any] | None) -> str:
    """An object as people name it: Kind namespace/name."""
    if not ref:
        return ""
    where = f"{ref['namespace']}/" if ref.get("namespace") else ""
    return f"{ref.get('kind') or 'object'} {where}{ref.get('name') or ''}".strip()


def short(ref: Mapping[str, Any]) -> str:
    """namespace/name, for a list whose kind is known."""
    return f"{ref['namespace']}/{ref['name']}" if ref.get("namespace") else str(ref.get("name"))


def anchor(kind: str, *names: Any) -> str:
    """An identifier for a link inside the report."""
    return "-".join([kind, *(re.sub(r"[^A-Za-z0-9_.-]", "_", str(name)) for name in names if name)])


# -- rows ------------------------------------------------------------------------------------------------------------


def _finding(item: Mapping[str, Any], number: int) -> dict[str, Any]:
    affects = [short(ref) for ref in item.get("affects") or []]
    remedy = item.get("remedy") or {}
    return {
        **item,
        "number": number,
        "anchor": f"finding-{number}",
        "where": label(item.get("object")),
        "namespace": (item.get("object") or {}).get("namespace") or "",
        "hits": affects,
        "others": affects if [label(ref) for ref in item.get("affects") or []] != [label(item.get("object"))] else [],
        "evidence": [{**piece, "where": label(piece.get("object"))} for piece in item.get("evidence") or []],
        "remedy": {key: remedy.get(key) for key in ("text", "command", "patch")},
        "consequences": [
            {"where": label(piece.get("object")), "text": piece.get("text") or ""}
            for piece in item.get("consequences") or []
        ],
    }


def _service(item: Mapping[str, Any]) -> dict[str, Any]:
    runtime = item.get("runtime") or {}
    replicas = item.get("replicas") or {}
    state = item.get("state") if item.get("state") in STATE_WORDS else "unknown"
    where = short(item)
    return {
        **item,
        "state": state,
        "word": STATE_WORDS[str(state)],
        "pods": list(item.get("pods") or []),
        "findings": list(item.get("findings") or []),
        "endpoints": list(item.get("endpoints") or []),
        "label": item.get("name"),
        "sub": " · ".join(part for part in (item.get("namespace"), STATE_WORDS[str(state)]) if part),
        "where": where,
        "title": f"InferenceService {where}: {STATE_WORDS[str(state)]}",
        "anchor": anchor("service", item.get("namespace"), item.get("name")),
        "runtime_name": runtime.get("name") or "",
        "runtime_how": item.get("how") or "",
        "model": " ".join(str(part) for part in (item.get("format"), item.get("version")) if part),
        "ready_of": f"{replicas.get('ready') or 0}/{replicas.get('wanted') or 0}",
        "accelerators_text": _accelerators(item),
        "details": _details(item),
    }


def _details(item: Mapping[str, Any]) -> dict[str, list[str]]:
    """Pods and endpoints, a line each."""
    return {
        "pods": [
            ", ".join(
                [
                    f"{pod.get('name')}: {pod.get('phase')}{'' if pod.get('ready') else ', not ready'}",
                    *([str(pod["reason"])] if pod.get("reason") else []),
                    f"{pod.get('restarts') or 0} restarts",
                    *([f"on {pod['node']}"] if pod.get("node") else []),
                ]
            )
            for pod in item.get("pods") or []
        ],
        "endpoints": [
            f"{point.get('purpose')} {point.get('path')}: {point.get('status') or point.get('error') or 'no answer'}"
            for point in item.get("endpoints") or []
        ],
    }


def _runtime(item: Mapping[str, Any]) -> dict[str, Any]:
    scope = "cluster" if item.get("scope") == "cluster" or not item.get("namespace") else item["namespace"]
    users = [short(user) for user in item.get("services") or []]
    formats = [_format(entry) for entry in item.get("formats") or []]
    return {
        **item,
        "label": short(item),
        "where": scope,
        "anchor": anchor("runtime", item.get("namespace"), item.get("name")),
        "formats_text": ", ".join(dict.fromkeys(formats)),
        "protocols_text": ", ".join(str(protocol) for protocol in item.get("protocols") or []),
        "image_text": item.get("image") or "",
        "users": users,
        "details": {
            **_details(item),
            "formats": [_described_format(entry) for entry in item.get("formats") or []],
            "services": [
                f"{short(user)}: {STATE_WORDS.get(str(user.get('state')), 'unknown')}"
                + (f" ({user['how']})" if user.get("how") else "")
                for user in item.get("services") or []
            ],
        },
        "services": list(item.get("services") or []),
        "findings": list(item.get("findings") or []),
        "accelerators_text": _accelerators(item),
    }


def _format(entry: Mapping[str, Any]) -> str:
    return " ".join(str(part) for part in (entry.get("name"), entry.get("version")) if part)


def _described_format(entry: Mapping[str, Any]) -> str:
    chosen = "chosen automatically" if entry.get("auto_select") else "only where it is named"
    priority = f", priority {entry['priority']}" if entry.get("priority") is not None else ""
    return f"{_format(entry)}: {chosen}{priority}"


def _accelerators(item: Mapping[str, Any]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted((item.get("accelerators") or {}).items()))


def _unseen(item: Mapping[str, Any]) -> dict[str, Any]:
    reason = str(item.get("reason") or "")
    return {**item, "reason": reason, "word": _REASONS.get(reason, reason), "message": item.get("message") or ""}


def _log(item: Mapping[str, Any]) -> dict[str, Any]:
    run = "previous run" if item.get("previous") else str(item.get("state") or "")
    return {
        "where": f"Pod {short({'namespace': item.get('namespace'), 'name': item.get('pod')})}",
        "container": item.get("container") or "",
        "run": run,
        "text": str(item.get("text") or "").rstrip("\n"),
        "error": item.get("error") or "",
    }


# -- the picture -----------------------------------------------------------------------------------------------------


def _groups(runtimes: Iterable[Mapping[str, Any]], services: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Services under the runtime they use, the runtime with the worst service first."""
    known = {_key(runtime.get("kind"), runtime.get("namespace"), runtime.get("name")): runtime for runtime in runtimes}
    grouped: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for service in services[: topology.MOST_SERVICES]:
        grouped.setdefault(_runtime_key(service), []).append(service)
    # services come worst first, and so do their groups
    return [{"runtime": _runtime_box(key, known.get(key)), "services": members} for key, members in grouped.items()]


def _runtime_key(service: Mapping[str, Any]) -> tuple[str, str, str]:
    runtime = service.get("runtime") or {}
    if not runtime.get("name"):
        return ("", "", "")
    namespace = None if runtime.get("kind") == "ClusterServingRuntime" else service.get("namespace")
    return _key(runtime.get("kind"), namespace, runtime.get("name"))


def _key(kind: Any, namespace: Any, name: Any) -> tuple[str, str, str]:
    return (str(kind or ""), str(namespace or ""), str(name or ""))


def _runtime_box(key: tuple[str, str, str], runtime: Mapping[str, Any] | None) -> dict[str, Any]:
    kind, namespace, name = key
    if not name:
        return {"label": "no runtime", "sub": "none was chosen", "title": "No runtime", "kind": "none", "anchor": ""}
    where = f"in {namespace}" if namespace else "of the cluster"
    image = str((runtime or {}).get("image") or "").rsplit("/", 1)[-1].partition("@")[0]
    return {
        "label": name,
        "sub": image or f"{kind} {where}",
        "title": f"{kind} {name} {where}" + (f", image {(runtime or {}).get('image')}" if image else ""),
        "kind": "known" if runtime else "none",
        "anchor": (runtime or {}).get("anchor") or "",
    }
