# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom a new, changed or deleted runtime concerns: KServe chooses again at every reconcile.

Source: pkg/controller/v1beta1/inferenceservice/controller.go (Reconcile, servingRuntimeFunc, disable-auto-update) and
components/predictor.go (buildPredictorResources: what of a runtime reaches the pods).
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import explaining, merging, selection, versions
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.kinds import (
    ANNOTATION_DISABLE_AUTO_UPDATE,
    ANNOTATION_SERVER_TYPE,
    CLUSTER_SERVING_RUNTIME,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.selection import Choice, Runtime
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import (
    is_stopped,
    mapping,
    name_of,
    namespace_of,
)

Resource = Mapping[str, t.Any]
Identity: t.TypeAlias = "tuple[str, str | None, str]"  # kind, namespace (None: cluster-wide), name


class Runtimes:
    """Runtimes read once and looked up by namespace, for many services."""

    def __init__(self, runtimes: Iterable[Resource], kserve_version: str) -> None:
        self.version = kserve_version
        self.cluster: list[Runtime] = []
        self.by_namespace: dict[str, list[Runtime]] = {}
        self.resources: dict[Identity, Resource] = {}
        self.faults: dict[str | None, SpecError] = {}
        for resource in runtimes:
            try:
                runtime = selection.read_runtime(resource, kserve_version)
            except SpecError as error:
                self.faults.setdefault(_place(resource)[1], error)
                continue
            self.resources[_identity(runtime)] = resource
            if runtime.namespace is None:
                self.cluster.append(runtime)
            else:
                self.by_namespace.setdefault(runtime.namespace, []).append(runtime)

    def choose(self, service: Resource) -> Choice:
        """Return the choice for a service among the runtimes of its namespace and the cluster's.

        :raises SpecError: where one of these cannot be read.
        """
        for where in (None, namespace_of(service)):
            if where in self.faults:
                raise self.faults[where]
        candidates = [*self.by_namespace.get(namespace_of(service), ()), *self.cluster]
        return selection.choose_among(service, candidates, self.version)

    def resource(self, runtime: Runtime) -> Resource:
        """Return the object that a runtime was read from."""
        return self.resources[_identity(runtime)]


def moves(
    services: Iterable[Resource],
    before: Iterable[Resource],
    after: Iterable[Resource],
    kserve_version: str = versions.DEFAULT,
) -> list[dict[str, t.Any]]:
    """Return the services whose runtime is another one afterwards, in the order of `services`.

    :returns: [{namespace, name, from, to, reason}]; from and to are {kind, name}, None where there is no runtime.
    """
    old, new = Runtimes(before, kserve_version), Runtimes(after, kserve_version)
    found = []
    for service in services:
        if goes(service) or keeps_still(service):
            continue
        was, becomes = old.choose(service), new.choose(service)
        if _ref(was) != _ref(becomes):
            found.append({**_service(service), "from": _ref(was), "to": _ref(becomes), "reason": _reason(was, becomes)})
    return found


def goes(service: Resource) -> bool:
    """Say whether a service is being deleted: KServe asks for no runtime any more (Reconcile ends before it)."""
    return bool(mapping(service, "metadata").get("deletionTimestamp"))


def keeps_still(service: Resource) -> bool:
    """Say whether KServe leaves a service as it is whatever becomes of its runtime (disable-auto-update and Ready)."""
    if _annotations(service).get(ANNOTATION_DISABLE_AUTO_UPDATE) != "true":
        return False
    conditions = mapping(service, "status").get("conditions") or ()
    return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)


def _annotations(resource: Resource) -> dict[str, t.Any]:
    return mapping(mapping(resource, "metadata"), "annotations", "metadata")


def _service(service: Resource) -> dict[str, str]:
    return {"namespace": namespace_of(service), "name": name_of(service)}


def _ref(choice: Choice) -> dict[str, str] | None:
    return choice.selected.ref if choice.selected else None


def _reason(was: Choice, becomes: Choice) -> str:
    """Say why the choice is another one."""
    wish = t.cast(selection.Wish, becomes.wish)
    if was.selected is None:
        runtime = t.cast(Runtime, becomes.selected)
        return f"{runtime.name} serves it; before, no runtime did"
    against = _against(was.selected, becomes)
    if becomes.selected is None:
        return f"{was.selected.name} {against}, and no other runtime serves it"
    if against is not None:
        return f"{was.selected.name} {against}"
    if wish.runtime is not None:
        return "the runtime of the namespace hides the cluster's of the same name"
    first = becomes.selected
    rival = next(item for item in becomes.candidates if _same(item, was.selected))
    names = f"{explaining.full_name(first)} comes before {explaining.full_name(rival)}"
    return f"{names}: {explaining.precedence(first, rival, wish.format)}"


def _same(one: Runtime, other: Runtime) -> bool:
    return _identity(one) == _identity(other)


def _identity(runtime: Runtime) -> Identity:
    return runtime.kind, runtime.namespace, runtime.name


def _place(resource: Resource) -> Identity:
    """Return the identity of a runtime, which may be one that cannot be read."""
    kind = str(resource["kind"])
    return kind, None if kind == CLUSTER_SERVING_RUNTIME[1] else namespace_of(resource), name_of(resource)


def _against(runtime: Runtime, becomes: Choice) -> str | None:
    """Say what speaks against the runtime of before, None where it is a candidate still."""
    for rejected, reason in becomes.rejected:
        if _same(rejected, runtime):
            return explaining.why(t.cast(selection.Wish, becomes.wish), rejected, reason)
    candidates = [*becomes.candidates, *([becomes.selected] if becomes.selected else [])]
    return None if any(_same(item, runtime) for item in candidates) else "is no longer there"


def restarts(
    services: Iterable[Resource],
    before: Iterable[Resource],
    after: Iterable[Resource],
    kserve_version: str = versions.DEFAULT,
) -> list[dict[str, t.Any]]:
    """Return the services that stay on their runtime and whose pods are replaced because it changes.

    :returns: [{namespace, name, runtime, fields}]; runtime is {kind, name}, fields the parts of the runtime's spec
        that change the pods (`containers`, `nodeSelector`, …) or `server-type` for the annotation.
    """
    old, new = Runtimes(before, kserve_version), Runtimes(after, kserve_version)
    found = []
    for service in services:
        if goes(service) or keeps_still(service) or is_stopped(service):
            continue
        was, becomes = old.choose(service).selected, new.choose(service).selected
        if was is None or becomes is None or not _same(was, becomes):
            continue
        before_it, after_it = old.resource(was), new.resource(becomes)
        if before_it == after_it:
            continue
        fields = changed_fields(service, before_it, after_it, kserve_version)
        if fields:
            found.append({**_service(service), "runtime": becomes.ref, "fields": fields})
    return found


def changed_fields(
    service: Resource, before: Resource, after: Resource, kserve_version: str = versions.DEFAULT
) -> list[str]:
    """Name the parts of a runtime whose change replaces the pods of a service on it.

    What the service sets itself does not count: a runtime's new image changes nothing where the service names its own.
    """
    old, new = (merging.pod(service, item, kserve_version) for item in (before, after))
    changed = [name for name in old if (old[name] or None) != (new[name] or None)]
    if versions.supports(kserve_version, "server_type_annotation") and _server_type(before) != _server_type(after):
        changed.append("server-type")
    return changed


def _server_type(runtime: Resource) -> t.Any:
    return _annotations(runtime).get(ANNOTATION_SERVER_TYPE)


def users(
    services: Iterable[Resource],
    asked: Sequence[Resource],
    runtimes: Iterable[Resource],
    kserve_version: str = versions.DEFAULT,
) -> list[list[dict[str, str]]]:
    """Return for each runtime of `asked` the services that it serves, or that name it although it refuses them.

    A stopped service counts, since it could not be started again without its runtime; one that is being deleted not.

    :param runtimes: all runtimes that are there, those in question included.
    :returns: [{namespace, name, how}] in the order of `services`; how is `named` or `selected`.
    :raises SpecError: where a runtime that a service might get cannot be read.
    """
    index = Runtimes(runtimes, kserve_version)
    found: dict[Identity, list[dict[str, str]]] = {}
    for service in services:
        if goes(service):
            continue
        used = _use(index.choose(service))
        if used is not None:
            runtime, how = used
            found.setdefault(_identity(runtime), []).append({**_service(service), "how": how})
    return [found.get(_place(item), []) for item in asked]


def _use(choice: Choice) -> tuple[Runtime, str] | None:
    """Return the one runtime that a service is on, or names, and how it came to it."""
    if choice.wish is None:
        return None
    if choice.wish.runtime is None:
        return (choice.selected, "selected") if choice.selected else None
    refused = [item for item, reason in choice.rejected if reason not in ("not_named", "other_namespace")]
    named = choice.selected or next(iter(refused), None)
    return (named, "named") if named else None
