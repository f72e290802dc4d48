# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ConfigMap inferenceservice-config, judged as KServe reads it.

Sources: pkg/apis/serving/v1beta1/configmap.go, and the readers of the pod webhook in pkg/webhook/admission/pod.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import ERROR, WARNING
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import quantities, versions

CONFIG = "inferenceservice-config"

_NO_SERVICES = "no service is reconciled, and writes of services are refused"
_NO_WRITES = "writes of services are refused"
_NO_PODS = "no pod of a service can be created"
_NO_NETWORK = "no service is reconciled to the end"

# What Go's encoding/json accepts for a field of the type.
_TYPES: dict[str, tuple[type, ...]] = {
    "a string": (str,),
    "true or false": (bool,),
    "a number": (int, float),
    "an object": (dict,),
    "a list": (list,),
}
_TEXT, _FLAG, _NUMBER, _OBJECT, _LIST = _TYPES

# The controller reads these when it starts, and ends where it cannot (cmd/manager/main.go).
AT_START = ("deploy", "ingress", "multiNode")

Fields = Mapping[str, str]
Problem = tuple[str, str]
"""(field path below the section, what is wrong with it)"""


@dataclass(frozen=True)
class Section:
    """One key of the ConfigMap: what fails where KServe cannot read it, its fields' types, and what their values must
    be."""

    effect: str
    fields: Fields = field(default_factory=dict)
    values: Callable[[Mapping[str, Any], str], Iterator[Problem]] | None = None
    severity: str = ERROR


def _amounts(names: tuple[str, ...], optional: tuple[str, ...] = ()) -> Callable[..., Iterator[Problem]]:
    """KServe parses these as quantities, and an absent one is an empty text, which is none."""

    def check(values: Mapping[str, Any], _version: str) -> Iterator[Problem]:
        for name in (*names, *optional):
            text = _value(values, name)
            if text in (None, "") and name in optional:
                continue
            try:
                quantities.parse(text)
            except (TypeError, ValueError):
                yield name, "is missing" if text is None else f"is {text!r}, which is no quantity"

    return check


def _storage(values: Mapping[str, Any], version: str) -> Iterator[Problem]:
    yield from _amounts(_ROOM, ("cpuModelcar", "memoryModelcar"))(values, version)
    mode = _value(values, "ociModelMode")
    if mode not in (None, "", "modelcar", "native", "fetch"):
        yield "ociModelMode", f"is {mode!r}: KServe knows modelcar, native and fetch"


def _deploy(values: Mapping[str, Any], version: str) -> Iterator[Problem]:
    """NewDeployConfig; v0.16 brought the modes' new names."""
    mode = _value(values, "defaultDeploymentMode")
    known: tuple[str, ...] = ("Serverless", "RawDeployment", "ModelMesh")
    if versions.known(version) >= (0, 16, 0):
        known = ("Standard", "Knative", *known)
    if not mode:
        yield "defaultDeploymentMode", "is missing"
    elif mode not in known:
        yield "defaultDeploymentMode", f"is {mode!r}: KServe knows {', '.join(known)}"


_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")


def _ingress(values: Mapping[str, Any], _version: str) -> Iterator[Problem]:
    """NewIngressConfig and validateIngressGateway."""
    if not _value(values, "ingressGateway"):
        yield "ingressGateway", "is missing"
    if _value(values, "enableGatewayApi"):
        gateway = str(_value(values, "kserveIngressGateway") or "")
        parts = gateway.split("/")
        if not gateway:
            yield "kserveIngressGateway", "is missing, although enableGatewayApi is true"
        elif len(parts) != 2 or not all(_LABEL.match(part) for part in parts):
            yield "kserveIngressGateway", f"is {gateway!r}, not <namespace>/<name>"
    if _value(values, "pathTemplate") and not _value(values, "ingressDomain"):
        yield "ingressDomain", "is missing, although pathTemplate is set"


_ROOM = ("memoryRequest", "memoryLimit", "cpuRequest", "cpuLimit")
_SIDECAR = dict.fromkeys(("image", *_ROOM), _TEXT)

# Not "credentials": what names secrets there is redacted in a snapshot.
SECTIONS: dict[str, Section] = {
    "deploy": Section(_NO_SERVICES, {"defaultDeploymentMode": _TEXT, "deploymentRolloutStrategy": _OBJECT}, _deploy),
    "inferenceService": Section(
        _NO_SERVICES,
        {"serviceAnnotationDisallowedList": _LIST, "serviceLabelDisallowedList": _LIST, "resource": _OBJECT},
    ),
    "explainers": Section(_NO_SERVICES, {"art": _OBJECT}),
    "ingress": Section(
        _NO_NETWORK,
        {
            **dict.fromkeys(
                (
                    "kserveIngressGateway",
                    "ingressGateway",
                    "knativeLocalGatewayService",
                    "localGateway",
                    "localGatewayService",
                    "ingressDomain",
                    "ingressClassName",
                    "domainTemplate",
                    "urlScheme",
                    "pathTemplate",
                ),
                _TEXT,
            ),
            **dict.fromkeys(
                ("enableGatewayApi", "disableIstioVirtualHost", "disableIngressCreation", "disableHTTPRouteTimeout"),
                _FLAG,
            ),
            "additionalIngressDomains": _LIST,
        },
        _ingress,
    ),
    "localModel": Section(
        _NO_WRITES,
        {
            **dict.fromkeys(("jobNamespace", "defaultJobImage"), _TEXT),
            **dict.fromkeys(("fsGroup", "jobTTLSecondsAfterFinished", "reconcilationFrequencyInSecs"), _NUMBER),
            **dict.fromkeys(("enabled", "disableVolumeManagement"), _FLAG),
        },
    ),
    "security": Section(_NO_WRITES, {"autoMountServiceAccountToken": _FLAG}),
    "multiNode": Section("the controller does not start again", {"customGPUResourceTypeList": _LIST}, severity=WARNING),
    "storageInitializer": Section(
        _NO_PODS,
        {**_SIDECAR, "enableModelcar": _FLAG, **dict.fromkeys(("cpuModelcar", "memoryModelcar"), _TEXT)},
        _storage,
    ),
    "logger": Section(_NO_PODS, {**_SIDECAR, "defaultUrl": _TEXT, "tlsSkipVerify": _FLAG}, _amounts(_ROOM)),
    "batcher": Section(_NO_PODS, {**_SIDECAR, "maxBatchSize": _TEXT, "maxLatency": _TEXT}, _amounts(_ROOM)),
    "agent": Section(_NO_PODS, _SIDECAR, _amounts(_ROOM)),
    "metricsAggregator": Section(
        _NO_PODS, dict.fromkeys(("enableMetricAggregation", "enablePrometheusScraping"), _TEXT)
    ),
    "router": Section("InferenceGraphs are not reconciled", _SIDECAR, severity=WARNING),
    "service": Section("it has no effect", {"serviceClusterIPNone": _FLAG}, severity=WARNING),
    "autoscaler": Section("KEDA's scaling windows are not set", severity=WARNING),
    "opentelemetryCollector": Section("services that scale by OpenTelemetry metrics fail", severity=WARNING),
}


@dataclass(frozen=True)
class Fault:
    """What KServe cannot read: ``path`` of the field in the ConfigMap, and a sentence's end about it."""

    section: str
    path: str
    text: str
    effect: str
    severity: str


def faults(data: Mapping[str, str], version: str) -> Iterator[Fault]:
    """Every section that KServe cannot read, once: the first thing that is wrong with it."""
    for name, section in SECTIONS.items():
        text = data.get(name)
        problem = None if text is None else next(_problems(text, section, version), None)
        if problem is not None:
            where, what = problem
            path = f"data.{name}" + (f" ({where})" if where else "")
            said = f"{where} {what}" if where else what
            yield Fault(name, path, said, section.effect, section.severity)


def _problems(text: str, section: Section, version: str) -> Iterator[Problem]:
    try:
        values = json.loads(text)
    except ValueError as error:
        yield "", f"it is not JSON ({error})"
        return
    if values is None:
        values = {}
    if not isinstance(values, dict):
        yield "", "it is not a JSON object"
        return
    for name, wanted in section.fields.items():
        value = _value(values, name)
        if value is None or (isinstance(value, _TYPES[wanted]) and (wanted == _FLAG) == isinstance(value, bool)):
            continue
        yield name, f"is {json.dumps(value)[:80]}, not {wanted}"
        return
    if section.values is not None:
        yield from section.values(values, version)


def _value(values: Mapping[str, Any], name: str) -> Any:
    """A field as Go finds it: the exact name, else one that differs in case only."""
    if name in values:
        return values[name]
    return next((value for key, value in values.items() if key.lower() == name.lower()), None)


# -- what KServe says of it -------------------------------------------------------------------------------------------

# KServe's own words for a section it could not read, and the section they are about.
_WORDS = {"otel": "opentelemetryCollector", "isvc": "inferenceService", "credential": "credentials"}
MESSAGES: tuple[str, ...] = (
    r"failed to parse resource configuration for \\?\"(?P<section>\w+)\\?\"(?P<what>.*)",
    r"unable to unmarshall (?P<section>\w+) json string due to (?P<what>.*)",
    r"unable to parse (?P<section>\w+) config json: (?P<what>.*)",
    r"(?P<what>invalid (?P<section>deploy|ingress) config\b.*)",
    r"(?P<what>invalid (?P<section>deploy)ment mode\. .*)",
    r"invalid \\?\"(?P<section>storageInitializer)\\?\"\.(?P<what>ociModelMode .*)",
    r"(?P<what>configmaps? \\?\"" + CONFIG + r"\\?\" (?P<section>)(?:not found|is forbidden).*)",
)


def section_of(word: str) -> str:
    """The ConfigMap's key for the word that KServe uses of it in an error."""
    return _WORDS.get(word, word)
