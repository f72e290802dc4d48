# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which runtime a service gets, and whether it can be turned into pods: KServe's decision made again.

KServe's message ("No runtime found ...") is the same for many causes; the replay names for each runtime what speaks
against it (pkg/controller/v1beta1/inferenceservice/components/predictor.go, reconcileModel).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import (
    WARNING,
    Evidence,
    Finding,
    Ref,
    Remedy,
    ref_of,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import Case
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.codes import code
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.control_plane import not_applied
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.evidence import by_rule, in_field
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import explaining, gotemplate, selection
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import CONTAINER

_SERVICE_API = "serving.kserve.io/v1alpha1"
_FAILURE_REASONS = ("NoSupportingRuntime", "RuntimeNotRecognized", "RuntimeDisabled")

# How near a runtime came to being chosen: the order in which KServe asks (selection._RULES).
_NEARNESS = {
    "not_named": 0,
    "other_namespace": 1,
    "disabled": 2,
    "multi_model": 2,
    "format": 1,
    "version": 3,
    "auto_select": 4,
    "protocol": 5,
    "worker_spec": 6,
}
_CODE_OF_REASON = {
    "protocol": "KS004",
    "version": "KS003",
    "format": "KS003",
    "auto_select": "KS005",
    "worker_spec": "KS005",
    "disabled": "KS005",
    "multi_model": "KS005",
    "other_namespace": "KS005",
}
_CODE_OF_FAILURE = {
    "not_found": "KS001",
    "disabled": "KS002",
    "protocol": "KS004",
    "format": "KS003",
    "version": "KS003",
}


def no_runtime(case: Case) -> Finding | None:
    """Rows 1 to 5: the choice made again fails, or the service still shows a failure that is over."""
    choice = case.choice
    if choice is None or choice.wish is None:
        return None
    if choice.failure is None:
        return _not_noticed(case, choice)
    if not case.model.runtimes_seen and choice.failure in ("not_found", "none_found") and not case.failure:
        return None
    of_kind = _named if choice.wish.runtime is not None else _none_found
    return of_kind(case, choice, choice.wish)


def _evidence(case: Case, choice: selection.Choice) -> list[Evidence]:
    plain = choice.plain()
    found = [by_rule(case.ref, plain["explanation"])]
    if case.failure and case.failure.get("reason") in _FAILURE_REASONS:
        text = f"{case.failure.get('reason')}: {case.failure.get('message')}"
        found.insert(0, in_field(case.service, "status.modelStatus.lastFailureInfo", text))
    return found


def _named(case: Case, choice: selection.Choice, wish: selection.Wish) -> Finding:
    explanation = choice.plain()["explanation"]
    code = _CODE_OF_FAILURE[str(choice.failure)]
    name = str(wish.runtime)
    about, path = case.ref, "spec.predictor.model.runtime"
    remedy = None
    found = selection.find(case.model.runtimes(case.namespace), name, case.namespace)
    if code == "KS001":
        cause, remedy = _unknown_name(case, name, explanation)
    elif code == "KS002" and found is not None:
        about = Ref(_SERVICE_API, found.kind, found.namespace, found.name)
        cause = f"{about} is disabled (spec.disabled: true), and the service names it.{_hidden(case, found)}"
        remedy = f"Set spec.disabled of {about} to false, or name another runtime."
    else:
        why = explaining.why(wish, found, str(choice.failure)) if found is not None else explanation
        asked = _asked(wish)
        cause = (
            f"Runtime {name} ({found.kind if found else 'unknown'}) does not fit: {why}. The service asks for {asked}."
        )
        if code == "KS004":
            path = "spec.predictor.model.protocolVersion"
    return case.finding(
        code,
        cause + _still_serving(case),
        [*_evidence(case, choice), in_field(case.service, path, _at(case, path))],
        remedy,
        object=about,
        key=name,
    )


def _unknown_name(case: Case, name: str, explanation: str) -> tuple[str, str]:
    elsewhere = sorted(
        snap.namespace_of(item) for item in case.view.all(snap.SERVINGRUNTIMES) if snap.name_of(item) == name
    )
    cause = (
        f"The service names the runtime {name}, and there is neither a ServingRuntime {name} in namespace "
        f"{case.namespace} nor a ClusterServingRuntime {name}."
    )
    if elsewhere:
        cause += f" Namespace {', '.join(elsewhere[:5])} has one, which does not count here."
    if "Similar names" in explanation:
        cause += f" Similar names:{explanation.split('Similar names:')[1].split('.')[0]}."
    known = sorted({runtime.name for runtime in case.model.runtimes(case.namespace)})
    there = f" There is {', '.join(known[:10])}." if known else " There is no runtime at all."
    return cause, f"Create the runtime in namespace {case.namespace}, or name one that is there.{there}"


def _hidden(case: Case, found: selection.Runtime) -> str:
    if found.namespace is None or case.view.get(snap.CLUSTERSERVINGRUNTIMES, None, found.name) is None:
        return ""
    return f" It hides the ClusterServingRuntime {found.name}, which has the same name."


def _at(case: Case, path: str) -> str:
    value: Any = {"spec": {**case.spec, "predictor": {**case.predictor, "model": case.model_spec}}}
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return "not set" if value is None else str(value)


def _asked(wish: selection.Wish) -> str:
    version = f" version {wish.version}" if wish.version is not None else ""
    protocol = f", protocol {wish.protocol}" if wish.protocol else ", protocol v1 (implied: the service names none)"
    if wish.runtime is not None and not wish.protocol:
        protocol = ""
    return f"format {wish.format}{version}{protocol}"


def _none_found(case: Case, choice: selection.Choice, wish: selection.Wish) -> Finding:
    nearest = sorted(choice.rejected, key=lambda item: -_near(wish, *item))
    code = _CODE_OF_REASON[nearest[0][1]] if nearest and _near(wish, *nearest[0]) > 0 else "KS003"
    cause = f"No runtime takes {_asked(wish)} in namespace {case.namespace}"
    telling = [item for item in nearest if _near(wish, *item) > 0]
    reasons = [f"{_shown(runtime)}: {explaining.why(wish, runtime, reason)}" for runtime, reason in telling[:6]]
    if nearest and not reasons:
        cause += f": none of the {len(nearest)} runtimes has the format {wish.format}{_close_formats(wish, nearest)}"
    elif reasons:
        more = len(nearest) - len(reasons)
        cause += ": " + "; ".join(reasons) + (f"; and {more} more" if more > 0 else "")
    else:
        cause += ": there is no runtime at all"
    return case.finding(
        code,
        f"{cause}.{_still_serving(case)}",
        _evidence(case, choice),
        _advice(wish, nearest),
        key=f"{wish.label}/{wish.protocol}",
    )


def _close_formats(wish: selection.Wish, rejected: list[tuple[selection.Runtime, str]]) -> str:
    known = sorted({entry.name for runtime, _reason in rejected for entry in runtime.formats})
    close = difflib.get_close_matches(wish.format.lower(), known, 3, 0.6)
    if close:
        return f" (there is {', '.join(close)}; upper and lower case count)"
    return f" (there are {', '.join(known[:12])})" if known else ""


def _near(wish: selection.Wish, runtime: selection.Runtime, reason: str) -> int:
    """How near a runtime came; one that lacks the format is far, whatever else speaks against it."""
    has_format = any(entry.name == wish.format for entry in runtime.formats)
    return _NEARNESS.get(reason, 0) + 1 if has_format else 0


def _advice(wish: selection.Wish, nearest: list[tuple[selection.Runtime, str]]) -> str | None:
    if not nearest or not _near(wish, *nearest[0]):
        return "Correct the format's name, or install a runtime for it."
    runtime, reason = nearest[0]
    name = _shown(runtime)
    versions = sorted({str(entry.version) for entry in runtime.formats if entry.name == wish.format})
    return {
        "protocol": f"Set spec.predictor.model.protocolVersion to {' or '.join(runtime.protocols)}, as {name} has it.",
        "version": f"Ask for version {' or '.join(versions)} (exact strings), or leave the version out.",
        "format": "Correct the format's name (upper and lower case count), or install a runtime for it.",
        "auto_select": f"Name the runtime {name} in the service, or set autoSelect on its format.",
        "disabled": f"Enable {name} (spec.disabled: false).",
        "multi_model": f"Set spec.multiModel of {name} to false; it is for ModelMesh.",
        "worker_spec": "Choose a runtime whose workerSpec matches the service's.",
        "other_namespace": f"Create the runtime in the service's namespace too; {name} counts only in its own.",
    }.get(reason)


def _shown(runtime: selection.Runtime) -> str:
    return runtime.name if runtime.namespace is None else f"{runtime.namespace}/{runtime.name}"


def _still_serving(case: Case) -> str:
    return " Pods of before still serve, but the service is not updated any more." if case.serving else ""


def _not_noticed(case: Case, choice: selection.Choice) -> Finding | None:
    """The failure is stale: KServe tries again by backoff, or when the service is touched."""
    if case.transition != "InvalidSpec" or case.failure.get("reason") not in _FAILURE_REASONS:
        return None
    if case.deployments or case.serving or choice.selected is None:
        return None
    return case.finding(
        "KS113",
        f"The service still says {case.failure.get('reason')} ({case.failure.get('message')}), but "
        f"{choice.selected.kind} "
        f"{choice.selected.name} fits now: KServe tries again by backoff only.",
        _evidence(case, choice),
        command=f"kubectl -n {case.namespace} annotate inferenceservice {case.name} touched=$(date +%s) --overwrite",
    )


# -- from the runtime to pods ---------------------------------------------------------------------------------------


def unusable_runtime(case: Case) -> Finding | None:
    """Rows 6 to 8: the chosen runtime cannot be turned into pods."""
    runtime = case.runtime
    if runtime is None or not case.model_spec:
        return None
    containers = (runtime.get("spec") or {}).get("containers") or []
    names = [str(item.get("name")) for item in containers]
    about = ref_of(runtime)
    status = _invalid_spec(case)
    if not containers:
        nothing = in_field(runtime, "spec.containers", "[]")
        return case.finding("KS008", f"{about} has no containers.", [nothing, *status],
                            object=about)  # fmt: skip
    if CONTAINER not in names:
        return case.finding(
            "KS006",
            f"{about} has no container named {CONTAINER}; it has {', '.join(names)}.",
            [in_field(runtime, "spec.containers[].name", ", ".join(names)), *status],
            f"Rename container {names[0]} of {about} to {CONTAINER}.",
            object=about,
            patch={"spec": {"containers": [{**containers[0], "name": CONTAINER}]}} if len(containers) == 1 else None,
        )
    return _bad_placeholder(case, runtime, status) or _invalid(case, status)


def _invalid_spec(case: Case) -> list[Evidence]:
    if case.transition != "InvalidSpec" or not case.failure:
        return []
    text = f"{case.failure.get('reason')}: {case.failure.get('message')}"
    return [in_field(case.service, "status.modelStatus.lastFailureInfo", text)]


def _bad_placeholder(case: Case, runtime: dict[str, Any], status: list[Evidence]) -> Finding | None:
    metadata = case.service.get("metadata") or {}
    about = ref_of(runtime)
    for where, path, text in _templates(case):
        try:
            gotemplate.render(text, metadata)
        except gotemplate.TemplateError as error:
            obj = about if where is runtime else case.ref
            return case.finding(
                "KS007",
                f"The placeholder {text!r} in {path} of {obj} cannot be rendered: {error}.",
                [in_field(where, path, text), *status],
                f"Correct {path} of {obj}: use a field of the service's metadata, such as {{{{.Name}}}}, and "
                "backquotes "
                "for strings.",
                object=obj,
                key=path,
            )
        except gotemplate.Unknowable:
            continue
    if status and "replace placeholders" in str(case.failure.get("message")):
        return case.finding("KS007", f"{case.failure.get('message')}.", status, object=about)
    return None


def _templates(case: Case) -> Iterator[tuple[dict[str, Any], str, str]]:
    """(object, path, text) of every string with a placeholder in the kserve-container."""
    runtime = case.runtime or {}
    for index, container in enumerate((runtime.get("spec") or {}).get("containers") or []):
        if container.get("name") == CONTAINER:
            for path, text in gotemplate.strings_of(container):
                if "{{" in text:
                    yield runtime, f"spec.containers[{index}].{path}", text
    for name in ("args", "command", "env", "image"):
        for path, text in gotemplate.strings_of(case.model_spec.get(name), name):
            if "{{" in text:
                yield case.service, f"spec.predictor.model.{path}", text


def _invalid(case: Case, status: list[Evidence]) -> Finding | None:
    if not status or case.failure.get("reason") in _FAILURE_REASONS:
        return None
    about = ref_of(case.runtime) if case.runtime else case.ref
    return case.finding(
        "KS117", f"KServe cannot build the pods from {about}: {case.failure.get('message')}.", status, object=about
    )


def empty_values(case: Case) -> Iterator[Finding]:
    """Row 9: what a template became in the pod: empty, <no value>, or not rendered at all."""
    for load in case.workloads:
        template = (((load.deployment or {}).get("spec") or {}).get("template") or {}).get("spec") or {}
        for container in template.get("containers") or []:
            yield from _empty_in(case, load.deployment or {}, container)


def _empty_in(case: Case, deployment: dict[str, Any], container: dict[str, Any]) -> Iterator[Finding]:
    sources = _sources(case) if container.get("name") == CONTAINER else {}
    # An empty value is left out of the stored object (omitempty).
    values = [(str(env.get("name")), str(env.get("value") or "")) for env in _plain_env(container)]
    values += [("", str(argument)) for argument in container.get("args") or []]
    for variable, text in values:
        source = sources.get(variable or text)
        if variable and text == "" and source:
            yield _empty(case, deployment, container, variable, source, "is empty")
        elif "<no value>" in text:
            yield _empty(case, deployment, container, variable or text, source or text, f"is {text!r}")
        elif "{{" in text and "}}" in text:
            yield _empty(case, deployment, container, variable or text, text, f"still holds {text!r}")


def _plain_env(container: dict[str, Any]) -> list[dict[str, Any]]:
    return [env for env in container.get("env") or [] if not env.get("valueFrom")]


def _sources(case: Case) -> dict[str, str]:
    """Template text by variable name."""
    found = {}
    for container in (case.runtime_container, case.model_spec):
        for env in container.get("env") or []:
            if "{{" in str(env.get("value") or ""):
                found[str(env.get("name"))] = str(env["value"])
    return found


def _empty(
    case: Case, deployment: dict[str, Any], container: dict[str, Any], what: str, source: str, state: str
) -> Finding:
    about = ref_of(case.runtime) if case.runtime else case.ref
    label = _label_of(source)
    cause = f"{what} of container {container.get('name')} {state}"
    if source != state and "{{" in source:
        cause += f": its template {source!r} of {about} found nothing"
    if label:
        cause += f", because the service has no {label}"
    return case.finding(
        "KS009",
        f"{cause}.",
        [in_field(deployment, f"spec.template.spec.containers[{container.get('name')}]", f"{what} {state}")],
        f"Give {case.ref} the {label}, or set the value in the runtime." if label else None,
        object=case.ref if label else about,
        severity=WARNING,
        key=what,
    )


def _label_of(source: str) -> str:
    for word, name in ((".Labels.", "label"), (".Annotations.", "annotation")):
        if word in source:
            key = source.split(word, 1)[1]
            return f"{name} {key.split('}')[0].split()[0].strip()}"
    return ""


def tied(case: Case) -> Finding | None:
    """The choice hangs on age or name: installing another runtime moves the service."""
    if case.choice is None or case.choice.selected is None or case.model_spec.get("runtime"):
        return None
    text = explaining.tie(case.choice)
    if not text:
        return None
    return case.finding("KS116", f"{text[0].upper()}{text[1:]}.", [by_rule(case.ref, text)])


def frozen(case: Case) -> Finding | None:
    """Annotation disable-auto-update on a service whose Deployment differs from what it says."""
    if not case.frozen or not case.is_ready:
        return None
    differences = not_applied(case)
    if not differences:
        return None
    return case.finding(
        "KS114",
        "KServe does not apply changes to the service while it is Ready (annotation "
        f"serving.kserve.io/disable-auto-update): {'; '.join(differences)}.",
        [in_field(case.service, "metadata.annotations[serving.kserve.io/disable-auto-update]", "true")],
    )


# -- runtimes by themselves -----------------------------------------------------------------------------------------


def hidden_runtimes(view: snap.View, used: set[tuple[str, str]]) -> Iterator[Finding]:
    """Row 13: a namespaced runtime that hides a cluster runtime for a service that names it."""

    for runtime in view.all(snap.SERVINGRUNTIMES):
        name = snap.name_of(runtime)
        if (snap.namespace_of(runtime), name) not in used or view.get(snap.CLUSTERSERVINGRUNTIMES, None, name) is None:
            continue
        meaning = code("KS013")
        yield Finding(
            "KS013",
            meaning.severity,
            ref_of(runtime),
            meaning.title,
            f"Services in namespace {snap.namespace_of(runtime)} that name {name} get this runtime, not the "
            f"ClusterServingRuntime {name}.",
            [in_field(runtime, "metadata.name", name)],
            Remedy(f"{meaning.remedy}."),
        )
