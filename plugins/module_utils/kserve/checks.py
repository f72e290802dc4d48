# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What admission lets through and what can never work, or does not do what it seems to.

Every check is a generator of Problems over a runtime's spec; :func:`check` runs them all, those of pod_checks.py among
them. What admission itself refuses is in admission.py.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable, Collection, Iterator, Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import gotemplate, images, pod_checks, schema
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import CONTAINER, TRANSFORMER_CONTAINER
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.pod_checks import containers
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.problems import ERROR, WARNING, Problem
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import mapping, name_of, plain

__all__ = ["ERROR", "WARNING", "Problem", "check", "check_leniently", "check_service"]

PROTOCOLS = frozenset({"v1", "v2", "grpc-v1", "grpc-v2"})
MODEL_MESH_FIELDS = ("grpcEndpoint", "grpcDataEndpoint", "httpDataEndpoint", "replicas", "storageHelper")
SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
MAX_DNS_LABEL = 63
PREDICTOR_SUFFIX = "-predictor"

# An InferenceService as plain as one can be, to see which placeholders work for every service.
SAMPLE_METADATA = {"name": "example", "namespace": "default"}

# A flag that ends where its value should begin: what remains of --model_name={{.Name}} once Jinja has had it.
_EMPTY_FLAG = re.compile(r"--?[A-Za-z][\w.-]*=")
# One brace where KServe wants two: {.Name}.
_OTHER_PLACEHOLDER = re.compile(r"(?<!\{)\{\s*\.[A-Z]\w*[\w.]*\s*\}(?!\})")

Check = Callable[[dict[str, t.Any]], Iterator[Problem]]


def check(runtime: Mapping[str, t.Any], passed_on: Collection[str] = ()) -> list[Problem]:
    """Return the problems of a runtime that the API server's schema lets through.

    :param passed_on: paths of fields that are known to be newer than the schema.
    :returns: errors (no kserve-container, placeholders that cannot be parsed) and warnings, in the checks' order.
    """
    wanted = plain(runtime)
    spec = schema.stored(mapping(wanted, "spec"))
    problems = [problem for rule in _CHECKS for problem in rule(spec)]
    return [*_but(passed_on, problems), *images.warnings(wanted)]


def check_leniently(runtime: Mapping[str, t.Any], passed_on: Collection[str] = ()) -> list[Problem]:
    """Like :func:`check`, for a runtime that the schema refuses: what can be said is said, the rest left out."""
    problems: list[Problem] = []
    spec = runtime.get("spec")
    if not isinstance(spec, dict):
        return problems
    for rule in _CHECKS:
        try:
            problems.extend(rule(schema.stored(spec)))
        except (AttributeError, KeyError, TypeError, ValueError):
            # The rule met the very part that the schema refuses, which is told already.
            continue
    return _but(passed_on, problems)


def _but(passed_on: Collection[str], problems: list[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.severity == ERROR or problem.path not in passed_on]


def _main_container(spec: dict[str, t.Any]) -> Iterator[Problem]:
    if spec.get("multiModel") or spec.get("disabled"):
        return
    given = spec.get("containers") or []
    if not any(container.get("name") == CONTAINER for container in given):
        names = ", ".join(str(container.get("name")) for container in given)
        found = f"the containers are {names}" if names else "there is no container"
        yield Problem(ERROR, "spec.containers", f"no container is named {CONTAINER}: {found}", f"name one {CONTAINER}")


def _placeholders(spec: dict[str, t.Any]) -> Iterator[Problem]:
    for path, container in containers(spec):
        replaced = container.get("name") in (CONTAINER, TRANSFORMER_CONTAINER)
        for where, text in gotemplate.strings_of(container):
            if "{{" in text or "}}" in text:
                yield from _placeholder(f"{path}.{where}", text, replaced)
    for index, container in enumerate((spec.get("workerSpec") or {}).get("containers") or ()):
        for where, text in gotemplate.strings_of(container):
            if "{{" in text:
                yield from _placeholder(f"spec.workerSpec.containers[{index}].{where}", text, False)


def _placeholders_elsewhere(spec: dict[str, t.Any]) -> Iterator[Problem]:
    """Placeholders outside of containers, which KServe hands on as they are (predictor.go, buildPodSpec).

    Only those that are KServe's by their field: other templates have their place in annotations.
    """
    for path, pod in (("spec", spec), ("spec.workerSpec", spec.get("workerSpec") or {})):
        around = {key: value for key, value in pod.items() if key not in ("containers", "workerSpec")}
        for where, text in gotemplate.strings_of(around):
            if gotemplate.speaks_of_a_service(text):
                yield from _placeholder(f"{path}.{where}", text, False)


def _placeholder(path: str, text: str, replaced: bool) -> Iterator[Problem]:
    if not replaced:
        where = f"{CONTAINER} and {TRANSFORMER_CONTAINER}"
        message = f"{text!r} stays as it is: KServe replaces placeholders in {where} only"
        yield Problem(WARNING, path, message, "write the value itself")
        return
    try:
        gotemplate.render(text, SAMPLE_METADATA)
    except gotemplate.TemplateError as error:
        if error.parsed:
            yield Problem(WARNING, path, f"the placeholder {text!r} fails for every service: {error}", _FIELDS)
        else:
            yield Problem(ERROR, path, f"the placeholder {text!r} cannot be parsed: {error}", _remedy(text))
    except gotemplate.Unknowable:
        return


_FIELDS = "use a field of the service's metadata, such as {{.Name}}, {{.Namespace}} or {{.Labels.key}}"


def _remedy(text: str) -> str:
    if '"' in text:
        return "write strings within placeholders in backquotes: {{index .Labels `a/b`}}"
    if re.search(r"\{\{-?\s*\w", text):
        return "begin the field with a dot: {{.Name}}"
    if re.search(r"\.(Labels|Annotations)\.[\w.]*[-/]", text):
        return "take a key with - or / by index and backquotes: {{index .Labels `a-b`}}"
    return "close the placeholder, or write {{`{{`}} for the characters themselves"


def _eaten_placeholders(spec: dict[str, t.Any]) -> Iterator[Problem]:
    remedy = "keep {{.Name}} from Jinja with !unsafe or {% raw %}"
    for path, container in containers(spec):
        for key in ("command", "args"):
            words = container.get(key) or ()
            for index, word in enumerate(words):
                where = f"{path}.{key}[{index}]"
                if _EMPTY_FLAG.fullmatch(word):
                    yield Problem(WARNING, where, f"{word!r} has no value; a placeholder may have got lost", remedy)
                elif _OTHER_PLACEHOLDER.search(word):
                    yield Problem(WARNING, where, f"{word!r} is no placeholder of KServe's", "write {{.Name}}")


def _formats(spec: dict[str, t.Any]) -> Iterator[Problem]:
    entries = spec.get("supportedModelFormats") or []
    if not entries and not spec.get("disabled"):
        message = "no format is named; no service can run on it"
        yield Problem(WARNING, "spec.supportedModelFormats", message, "name the formats that the server reads")
    for index, entry in enumerate(entries):
        path = f"spec.supportedModelFormats[{index}]"
        if entry.get("priority") is not None and not entry.get("autoSelect"):
            message = f"the priority of {entry.get('name')} counts for nothing without autoSelect"
            yield Problem(WARNING, f"{path}.priority", message, "set autoSelect: true, or leave the priority out")
        if not entry.get("name"):
            yield Problem(WARNING, f"{path}.name", "the name is empty; no service can ask for it", "name the format")
    yield from _first_priorities(entries)


def _first_priorities(entries: list[dict[str, t.Any]]) -> Iterator[Problem]:
    """Warn of priorities that KServe does not read: it takes that of the first entry with the name."""
    first: dict[str, tuple[int, t.Any]] = {}
    for index, entry in enumerate(entries):
        name, priority = str(entry.get("name")), entry.get("priority")
        place, known = first.setdefault(name, (index, priority))
        if entry.get("autoSelect") and priority != known:
            message = (
                f"the priority of {name} is read from its first entry "
                f"(spec.supportedModelFormats[{place}]: {'none' if known is None else known}), not from this one"
            )
            path = f"spec.supportedModelFormats[{index}].priority"
            yield Problem(WARNING, path, message, "give all its entries the same priority")


def _protocols(spec: dict[str, t.Any]) -> Iterator[Problem]:
    protocols = spec.get("protocolVersions") or []
    for index, protocol in enumerate(protocols):
        if protocol not in PROTOCOLS:
            message = f"{protocol!r} is no protocol that KServe knows (v1, v2, grpc-v1, grpc-v2)"
            yield Problem(WARNING, f"spec.protocolVersions[{index}]", message, "correct the protocol")


def _model_mesh(spec: dict[str, t.Any]) -> Iterator[Problem]:
    if spec.get("multiModel"):
        message = "multiModel keeps the runtime from every automatic choice: it is for ModelMesh"
        yield Problem(WARNING, "spec.multiModel", message, "leave it out unless ModelMesh uses the runtime")
        return
    for name in MODEL_MESH_FIELDS:
        if spec.get(name) is not None:
            yield Problem(WARNING, f"spec.{name}", f"{name} has an effect with ModelMesh only", "leave it out")
    if spec.get("builtInAdapter") is not None:
        yield Problem(
            WARNING, "spec.builtInAdapter", "builtInAdapter has an effect with ModelMesh only", "leave it out"
        )


def _host_ipc(spec: dict[str, t.Any]) -> Iterator[Problem]:
    if spec.get("hostIPC"):
        message = "KServe does not hand hostIPC on to the pods"
        yield Problem(WARNING, "spec.hostIPC", message, "set hostIPC in the service's predictor")


def _workers(spec: dict[str, t.Any]) -> Iterator[Problem]:
    workers = (spec.get("workerSpec") or {}).get("containers") or []
    if workers and workers[0].get("name") != "worker-container":
        message = f"the worker's container is named {workers[0].get('name')}; KServe looks for worker-container"
        yield Problem(WARNING, "spec.workerSpec.containers[0].name", message, "name it worker-container")


_NO_SUCH_FIELD = "KServe 0.20's CRD has no such field: the API server drops it, or refuses it in a server-side apply"


def _unknown_fields(spec: dict[str, t.Any]) -> Iterator[Problem]:
    known = {name.lower(): name for name in ("autoSelect", *schema.shapes()["runtime"])}
    for path in schema.unknown(spec):
        name = path.rpartition(".")[2]
        hint = known.get(name.replace("_", "").lower())
        remedy = f"write {hint}" if hint and hint != name else "correct or remove it"
        yield Problem(WARNING, path, _NO_SUCH_FIELD, remedy)


_CHECKS: tuple[Check, ...] = (
    _main_container,
    _placeholders,
    _placeholders_elsewhere,
    *pod_checks.CHECKS,
    _eaten_placeholders,
    _formats,
    _protocols,
    _model_mesh,
    _host_ipc,
    _workers,
    _unknown_fields,
)


def check_service(service: Mapping[str, t.Any]) -> list[Problem]:
    """Return the problems of an InferenceService that concern its name.

    Source: inference_service_validation.go (IsvcNameFmt); the Service `<name>-predictor` is a DNS label.
    """
    name = name_of(service)
    problems = []
    if not SERVICE_NAME.fullmatch(name):
        message = f"{name!r} is refused: lower case letters, digits and -, beginning with a letter, ending without -"
        problems.append(Problem(ERROR, "metadata.name", message, "choose another name"))
    length = len(name) + len(PREDICTOR_SUFFIX)
    if length > MAX_DNS_LABEL:
        message = f"the name has {len(name)} characters; with {PREDICTOR_SUFFIX} its Services may have {MAX_DNS_LABEL}"
        limit = MAX_DNS_LABEL - len(PREDICTOR_SUFFIX)
        problems.append(Problem(ERROR, "metadata.name", message, f"use {limit} characters or fewer"))
    return problems
