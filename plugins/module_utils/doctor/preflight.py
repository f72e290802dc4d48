# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules that decide before anything is deployed, on manifests, with a snapshot of the cluster where there is one.

Without a snapshot only what the manifests say of themselves and of one another is judged; what would need the cluster
is listed under ``unseen``.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import planned
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import (
    ERROR,
    Finding,
    Ref,
    Remedy,
    ref_of,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import (
    control_plane,
    ports,
    scheduling,
    selection,
    templates,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import Case, Model, Workload
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.codes import code
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.evidence import by_rule, in_field
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import admission, checks, kinds, metrics
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.problems import Problem

KEYS = {
    "ServingRuntime": snap.SERVINGRUNTIMES,
    "ClusterServingRuntime": snap.CLUSTERSERVINGRUNTIMES,
    "InferenceService": snap.INFERENCESERVICES,
    "PersistentVolumeClaim": snap.PVCS,
    "ServiceAccount": snap.SERVICEACCOUNTS,
    "Template": snap.TEMPLATES,
}
NAMED = {"Secret": "secrets", "ConfigMap": "configmaps"}

# Which code a problem of a runtime has, by what its sentence says: first match.
_PROBLEM_CODES: tuple[tuple[str, str], ...] = (
    (r"PYTHONPATH|not allowed for security", "KS012"),
    (r"same priority assigned", "KS010"),
    (r"different priorities assigned|priority of .* is read from its first entry", "KS011"),
    (r"container named|no container is named|kserve-container", "KS006"),
    (r"spec\.containers: (?:Required|Invalid)|no containers", "KS008"),
    (r"cannot be parsed|fails for every service", "KS007"),
    (r"has no value; a placeholder|no placeholder of KServe|stays as it is", "KS009"),
    (r"image .*(?:not valid|no image|no valid)|no image", "KS027"),
)

# utils.go, SupportedStorageURIPrefixList and ValidateStorageURI: a path without scheme is local.
SCHEMES = ("gs", "s3", "pvc", "file", "https", "http", "hdfs", "webhdfs", "oci", "oci+native", "hf")
_SCHEME = re.compile(r"^([\w+.-]+)://")

# distribution/reference: an image's name is lower case, its tag and digest are not.
_IMAGE = re.compile(
    r"^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::\d+)?/)?"
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
    r"(?::[\w][\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$"
)


def findings(manifests: Iterable[Mapping[str, Any]], data: Mapping[str, Any] | None) -> tuple[list[Finding], snap.View]:
    """Findings about the manifests, and the view in which they stand beside what the cluster has."""
    wanted = [dict(copy.deepcopy(item)) for item in manifests]
    view = snap.View(_merged(wanted, data))
    model = Model(view)
    refs = {ref_of(_placed(item)) for item in wanted}
    services = [item for item in view.all(snap.INFERENCESERVICES) if ref_of(item) in refs]
    runtimes = [
        item
        for key in (snap.SERVINGRUNTIMES, snap.CLUSTERSERVINGRUNTIMES)
        for item in view.all(key)
        if ref_of(item) in refs
    ]
    cases = [Case(model, service) for service in services]
    nodes = scheduling.Nodes(view)
    found = list(control_plane.api_missing(view))
    there = _there(data)
    used = {ref_of(case.runtime) for case in cases if case.runtime is not None}
    for runtime in runtimes:
        found += _runtime(view, runtime, data, model.version)
        # A catalogue lies on many a cluster that has not the devices for all of it: only what is new is asked about.
        if (
            nodes.seen
            and not _as_it_is(runtime, there.get(ref_of(runtime)))
            and ref_of(runtime) not in used
            and _serves(runtime)
        ):
            found += _fits(planned.of_runtime(model, runtime), nodes)
    for case in cases:
        found += _service(view, case, nodes, _as_it_is(case.service, there.get(case.ref)))
    named = {(case.namespace, str(case.model_spec.get("runtime"))) for case in cases if case.model_spec.get("runtime")}
    found += selection.hidden_runtimes(view, named)
    found += [item for item in templates.findings(view) if item.object in refs]
    return _once(found), view


def _as_it_is(wanted: Mapping[str, Any], live: Mapping[str, Any] | None) -> bool:
    """Whether the cluster has all that a file says of an object; what servers and KServe add does not count."""
    if live is None:
        return False
    metadata, has = wanted.get("metadata") or {}, live.get("metadata") or {}
    parts = [(metadata.get(key) or {}, has.get(key) or {}) for key in ("labels", "annotations")]
    return all(_contained(one, other) for one, other in [(wanted.get("spec") or {}, live.get("spec") or {}), *parts])


def _contained(wanted: Any, live: Any) -> bool:
    if isinstance(wanted, Mapping):
        said = {key: value for key, value in wanted.items() if value is not None}
        return isinstance(live, Mapping) and all(_contained(value, live.get(key)) for key, value in said.items())
    if isinstance(wanted, (list, tuple)):
        return isinstance(live, (list, tuple)) and len(wanted) == len(live) and all(map(_contained, wanted, live))
    return str(wanted) == str(live)  # a quantity may be a number in the one and text in the other


def _there(data: Mapping[str, Any] | None) -> dict[Ref, dict[str, Any]]:
    """The runtimes and services that the cluster has."""
    objects = (data or {}).get("objects") or {}
    keys = (snap.SERVINGRUNTIMES, snap.CLUSTERSERVINGRUNTIMES, snap.INFERENCESERVICES)
    return {ref_of(item): item for key in keys for item in objects.get(key) or []}


def _once(found: list[Finding]) -> list[Finding]:
    """A runtime's problem that a service's finding tells already is not told twice."""
    told = {(item.code, item.object) for item in found if item.affects}
    broken = {item.object for item in found if item.code == "KS006"}
    return [
        item
        for item in found
        if item.affects or not ((item.code, item.object) in told or (item.code == "KS007" and item.object in broken))
    ]


def _placed(item: dict[str, Any]) -> dict[str, Any]:
    """The manifest with the namespace that kubectl would give it."""
    if item.get("kind") != "ClusterServingRuntime":
        item.setdefault("metadata", {}).setdefault("namespace", "default")
    return item


def _merged(wanted: list[dict[str, Any]], data: Mapping[str, Any] | None) -> dict[str, Any]:
    base = dict(copy.deepcopy(data)) if data is not None else snap.empty()
    base["objects"] = dict(base.get("objects") or {})
    for item in wanted:
        key = KEYS.get(str(item.get("kind")))
        placed = _placed(item)
        if key is not None:
            kept = [other for other in base["objects"].get(key) or [] if ref_of(other) != ref_of(placed)]
            base["objects"][key] = [*kept, placed]
        elif item.get("kind") in NAMED and data is not None:
            spaces = base["names_of"].setdefault(NAMED[item["kind"]], {})
            spaces.setdefault(snap.namespace_of(placed), []).append(snap.name_of(placed))
    if data is None:
        base["objects"].setdefault(snap.SERVINGRUNTIMES, [])
        base["objects"].setdefault(snap.CLUSTERSERVINGRUNTIMES, [])
        base["unseen"].append(
            {
                "what": "the cluster",
                "reason": "not_probed",
                "message": "Only the manifests were judged: runtimes, claims and nodes of a cluster were not seen.",
            }
        )
    return base


# -- runtimes ---------------------------------------------------------------------------------------------------------


def _runtime(
    view: snap.View, runtime: dict[str, Any], data: Mapping[str, Any] | None, version: str
) -> Iterator[Finding]:
    key = KEYS[str(runtime.get("kind"))]
    before = ((data or {}).get("objects") or {}).get(key) or []
    beside = [item for item in view.all(key) if ref_of(item) != ref_of(runtime)]
    known = {ref_of(item) for item in beside}
    existing = beside + [item for item in before if ref_of(item) not in known]
    told: set[str] = set()
    try:
        verdict = admission.admit(runtime, existing, version)
    except (SpecError, ValueError) as error:
        yield _about(runtime, Problem("error", "", str(error)))
        return
    for severity, sentences in (("error", verdict["errors"]), ("warning", verdict["warnings"])):
        for sentence in sentences:
            if sentence not in told:
                told.add(sentence)
                yield _about(runtime, Problem(severity, "", sentence))
    for container in (runtime.get("spec") or {}).get("containers") or []:
        yield from _container(runtime, container)


def _about(runtime: Mapping[str, Any], problem: Problem) -> Finding:
    text = problem.sentence
    name = next((found for pattern, found in _PROBLEM_CODES if re.search(pattern, text)), "KS118")
    meaning = code(name)
    ref = ref_of(dict(runtime))
    sentence, _separator, remedy = text.partition("; ")
    return Finding(
        name,
        problem.severity,
        ref,
        meaning.title if name != "KS118" or problem.severity == "warning" else "The runtime is refused",
        f"{ref}: {sentence.rstrip('.')}.",
        [by_rule(ref, text, problem.path or None)],
        Remedy(f"{(remedy[0].upper() + remedy[1:]) if remedy else meaning.remedy}".rstrip(".") + "."),
        key=text,
    )


def _container(runtime: dict[str, Any], container: Mapping[str, Any]) -> Iterator[Finding]:
    image = str(container.get("image") or "")
    ref = ref_of(runtime)
    if image and "{{" not in image and not _IMAGE.match(image):
        yield Finding(
            "KS027", ERROR, ref, code("KS027").title,
            f"The image name {image!r} of container {container.get('name')} of {ref} is not valid.",
            [in_field(runtime, f"spec.containers[{container.get('name')}].image", image)],
            Remedy(f"{code('KS027').remedy}."),
        )  # fmt: skip
    if container.get("name") != kinds.CONTAINER:
        return
    yield from _ports(runtime, container)
    yield from _metrics(runtime, container)


def _ports(runtime: dict[str, Any], container: Mapping[str, Any]) -> Iterator[Finding]:
    """Row 58 before deploying: the server is told one HTTP port, and probes or the Service ask another."""
    told = ports.configured(dict(container))
    if told is None:
        return
    item = podstate.Container({}, str(container.get("name")), False, dict(container), {})
    declared = podstate.port_numbers(item)
    asked = {port for port in ports.asked(item) if port != told}
    if declared and told not in declared:
        asked.add(declared[0])
    for port in sorted(asked):
        ref = ref_of(runtime)
        yield Finding(
            "KS058", ERROR, ref, code("KS058").title,
            f"The server of {ref} is told to listen on port {told}, and its probes or the Service ask port {port}.",
            [in_field(runtime, f"spec.containers[{container.get('name')}]", f"server {told}, asked {port}")],
            Remedy(f"{code('KS058').remedy}."),
            key=str(port),
        )  # fmt: skip


def _metrics(runtime: dict[str, Any], container: Mapping[str, Any]) -> Iterator[Finding]:
    place = metrics.endpoint((runtime.get("spec") or {}).get("annotations") or {})
    told = ports.metrics_configured(dict(container))
    if place is None or told is None or place[0] == told:
        return
    ref = ref_of(runtime)
    yield Finding(
        "KS061", "warning", ref, code("KS061").title,
        f"The annotation of {ref} says that metrics are at port {place[0]}, and the server is told to offer them at "
        f"{told}.",
        [in_field(runtime, "spec.annotations", f"port {place[0]}")],
        Remedy(f"{code('KS061').remedy}."),
    )  # fmt: skip


# -- services ---------------------------------------------------------------------------------------------------------


def _service(view: snap.View, case: Case, nodes: scheduling.Nodes, as_it_is: bool) -> Iterator[Finding]:
    for problem in checks.check_service(case.service):
        yield case.finding(
            "KS014",
            f"{case.ref}: {problem.sentence}.",
            [by_rule(case.ref, problem.sentence, problem.path)],
            severity=problem.severity,
            key=problem.path,
        )
    yield from _if(control_plane.knative_absent(case))
    chosen = selection.no_runtime(case) if _decidable(view, case) else None
    yield from _if(chosen)
    if chosen is None:
        yield from _if(selection.unusable_runtime(case))
    yield from _if(selection.tied(case))
    yield from _if(_scheme(case))
    yield from _references(view, case)
    if chosen is None and nodes.seen and not (as_it_is and _runs(case)):
        yield from _fits(planned.of_service(case), nodes)


def _if(finding: Finding | None) -> list[Finding]:
    return [] if finding is None else [finding]


def _decidable(view: snap.View, case: Case) -> bool:
    """Whether the runtimes that count were seen: without a cluster those of the manifests are all there are."""
    return (
        view.seen(snap.SERVINGRUNTIMES)
        and bool(case.model_spec)
        and bool(case.model.runtimes(case.namespace))
        or (view.snapshot.get("apis") is not None)
    )


def _scheme(case: Case) -> Finding | None:
    uri = case.storage_uri or ""
    matched = _SCHEME.match(uri)
    if not matched or matched[1] in SCHEMES:
        return None
    return case.finding(
        "KS040",
        f"KServe does not support the scheme {matched[1]}:// of {uri}; it knows {', '.join(SCHEMES)}.",
        [in_field(case.service, "spec.predictor.model.storageUri", uri)],
    )


def _references(view: snap.View, case: Case) -> Iterator[Finding]:
    yield from _claim(view, case)
    account = case.predictor.get("serviceAccountName")
    seen = view.seen(snap.SERVICEACCOUNTS, case.namespace)
    if account and seen and view.get(snap.SERVICEACCOUNTS, case.namespace, account) is None:
        yield case.finding(
            "KS104",
            f"Service account {account} does not exist in namespace {case.namespace}.",
            [in_field(case.service, "spec.predictor.serviceAccountName", account)],
            object=Ref("v1", "ServiceAccount", case.namespace, account),
        )
    for kind, name, path in _configuration(case):
        if view.has_name(NAMED[kind], case.namespace, name) is False:
            yield case.finding(
                "KS042",
                f"{kind} {name} in namespace {case.namespace} does not exist; {path} needs it.",
                [in_field(case.service, path, name)],
                object=Ref("v1", kind, case.namespace, name),
            )


def _claim(view: snap.View, case: Case) -> Iterator[Finding]:
    uri = case.storage_uri or ""
    if not uri.startswith("pvc://") or not view.seen(snap.PVCS, case.namespace):
        return
    name = uri[len("pvc://") :].split("/", 1)[0]
    if view.get(snap.PVCS, case.namespace, name) is None:
        yield case.finding(
            "KS041",
            f"PersistentVolumeClaim {name} does not exist in namespace {case.namespace}; storageUri {uri} needs it.",
            [in_field(case.service, "spec.predictor.model.storageUri", uri)],
            object=Ref("v1", "PersistentVolumeClaim", case.namespace, name),
        )


def _configuration(case: Case) -> Iterator[tuple[str, str, str]]:
    """(kind, name, path) of every Secret and ConfigMap that the container's variables need."""
    for where, container in (("the runtime's", case.runtime_container), ("the service's", case.model_spec)):
        for env in container.get("env") or []:
            source = env.get("valueFrom") or {}
            for kind, key in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
                target = source.get(key) or {}
                if target.get("name") and not target.get("optional"):
                    yield kind, str(target["name"]), f"{where} env {env.get('name')}"
        for entry in container.get("envFrom") or []:
            for kind, key in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
                target = entry.get(key) or {}
                if target.get("name") and not target.get("optional"):
                    yield kind, str(target["name"]), f"{where} envFrom"


# -- nodes ------------------------------------------------------------------------------------------------------------


def _fits(pods: Iterable[planned.Planned], nodes: scheduling.Nodes) -> Iterator[Finding]:
    """Rows 30 to 33 before deploying: whether any node can take the pods that KServe would make."""
    for item in pods:
        try:
            verdict = nodes.why_not(item.pod)
        except ValueError:  # a quantity that is none: said by the rules about the object itself
            continue
        if verdict.get("reason"):
            load = Workload("predictor", None, None)
            yield scheduling.by_nodes(item.case, load, item.pod, verdict, [], item.no_node)


def _runs(case: Case) -> bool:
    """Whether all pods of the service are there: KServe makes no others for what it has done already."""
    return bool(case.workloads) and all(load.complete for load in case.workloads)


def _serves(runtime: Mapping[str, Any]) -> bool:
    """Whether a service can get pods from the runtime at all."""
    spec = runtime.get("spec") or {}
    names = [item.get("name") for item in spec.get("containers") or []]
    return not spec.get("disabled") and not spec.get("multiModel") and kinds.CONTAINER in names
