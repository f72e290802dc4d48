# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images that cannot be pulled or used: what the kubelet and the container runtime say about them."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import Evidence, Finding
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules import pods as podstate
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.case import Case, Workload
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.evidence import (
    condensed,
    in_event,
    in_field,
    message_of,
)

# What a registry or the network says, most telling first: pattern, what it means, what to do.
_REASONS: tuple[tuple[str, str, str], ...] = (
    (r"no match for platform|no matching manifest|does not match the specified platform|exec format",
     "the image has no variant for the node's architecture",
     "Use an image for the node's architecture, or select other nodes."),
    (r"toomanyrequests|rate limit|429 Too Many",
     "the registry limits the number of pulls",
     "Give a pull secret of an account with a higher limit, or mirror the image."),
    (r"x509|certificate (?:signed|has expired|is not valid)|tls: ",
     "the registry's certificate is not trusted by the node",
     "Install the registry's CA on the nodes."),
    (r"server gave HTTP response to HTTPS client",
     "the registry speaks HTTP where the node asks by HTTPS",
     "Configure the registry as insecure on the nodes, or give it a certificate."),
    (r"no such host|server misbehaving|Temporary failure in name resolution|name resolution",
     "the registry's name cannot be resolved",
     "Correct the registry's name, or the node's DNS."),
    (r"connection refused|no route to host|network is unreachable|i/o timeout|deadline exceeded|connection reset|"
     r"proxyconnect|EOF|dial tcp",
     "the registry cannot be reached from the node",
     "Check registry, proxy and firewall, or mirror the image."),
    (r"unauthori[sz]ed|authentication required|denied|forbidden|\b403\b|\b401\b|no basic auth credentials|"
     r"insufficient_scope|authorization failed",
     "the registry does not allow the pull: credentials are missing, wrong, or the repository does not exist",
     "Give a pull secret (imagePullSecrets of the runtime, the service or its service account), or correct the name."),
    (r"manifest unknown|not found|manifest for .* not found|does not exist|no such (?:image|manifest)|NotFound",
     "the registry has no such image or tag",
     "Correct the image's name or tag, or push it."),
    (r"signature|policy",
     "the node's image policy refuses the image",
     "Sign the image, or allow it in the node's policy."),
    (r"no space left on device",
     "the node's disk is full",
     "Free the node's image store."),
)  # fmt: skip

_NO_SECRET = "FailedToRetrieveImagePullSecret"
_PULLING = ("ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "SignatureValidationFailed", "ImageInspectError")


def unusable(case: Case, load: Workload, pod: dict[str, Any]) -> Finding | None:
    """Rows 26 to 28: a container waits for its image."""
    for item in podstate.containers(pod):
        reason = str(item.waiting.get("reason") or "")
        if reason == "InvalidImageName":
            return _invalid(case, pod, item)
        if reason == "ErrImageNeverPull":
            return _never_pull(case, pod, item)
        if reason in _PULLING:
            return _not_pulled(case, pod, item)
    return None


def _invalid(case: Case, pod: dict[str, Any], item: podstate.Container) -> Finding:
    image = str(item.spec.get("image"))
    origin, path = case.origin("image", item.name)
    message = condensed(str(item.waiting.get("message") or ""))
    return case.finding(
        "KS027",
        f"The image name {image!r} of container {item.name} is not valid ({_tail(message)}).",
        [in_field(pod, _path(item), message or image)],
        f"Correct {path} of {origin}.",
        object=origin,
        key=image,
    )


def _never_pull(case: Case, pod: dict[str, Any], item: podstate.Container) -> Finding:
    image = str(item.spec.get("image"))
    origin, path = case.origin("image", item.name)
    return case.finding(
        "KS028",
        f"Image {image} is not on node {podstate.node(pod)}, and imagePullPolicy Never forbids to pull it.",
        [in_field(pod, _path(item), condensed(str(item.waiting.get("message") or "")))],
        f"Load the image on the node, correct {path} of {origin}, or set imagePullPolicy to IfNotPresent.",
        object=origin,
        key=image,
    )


def _not_pulled(case: Case, pod: dict[str, Any], item: podstate.Container) -> Finding:
    image = str(item.spec.get("image"))
    origin, path = case.origin("image", item.name)
    text, evidence = _telling(case, pod, item, image)
    meaning, advice = _meaning(text)
    code = "KS029" if "architecture" in meaning else "KS026"
    cause = f"Image {image} of container {item.name} cannot be pulled from {registry(image)}: {meaning}."
    if text:
        cause += f" The node says: {_tail(text)}."
    if item.spec.get("imagePullPolicy") == "Always":
        advice = f"{advice.rstrip('.')}, or set imagePullPolicy to IfNotPresent where the nodes have the image."
        cause += " With imagePullPolicy Always the node asks the registry even where it has the image."
    secrets = _missing_secrets(case, pod)
    if secrets:
        cause += f" Pull secret {', '.join(secrets)} does not exist in namespace {case.namespace}."
    return case.finding(
        code,
        cause,
        [*evidence, in_field(pod, _path(item), item.waiting.get("message") or item.waiting.get("reason"))],
        f"{advice} The image is {path} of {origin}.",
        object=origin,
        key=image,
    )


def _telling(case: Case, pod: dict[str, Any], item: podstate.Container, image: str) -> tuple[str, list[Evidence]]:
    """The message with the registry's own words: the waiting message when it has them, else the kubelet's event."""
    waiting = condensed(str(item.waiting.get("message") or ""))
    for event in case.view.events_of(pod):
        message = condensed(message_of(event))
        about = event.get("reason") == "Failed" and image in message and ("rror" in message or "pull" in message)
        if about and "Back-off" not in message and "ImagePullBackOff" not in message:
            return message, [in_event(event)]
    return ("" if waiting.startswith("Back-off") and "rror" not in waiting else waiting), []


def _meaning(text: str) -> tuple[str, str]:
    for pattern, meaning, advice in _REASONS:
        if re.search(pattern, text, re.IGNORECASE):
            return meaning, advice
    return "the pull fails", "Correct what the message names, or mirror the image."


def _tail(text: str) -> str:
    """The last part of the runtime's chain of errors, which is where the registry speaks."""
    text = condensed(text).rstrip(".")
    return text if len(text) < 400 else f"... {text[-380:]}"


def _missing_secrets(case: Case, pod: dict[str, Any]) -> list[str]:
    names = [str(entry.get("name")) for entry in (pod.get("spec") or {}).get("imagePullSecrets") or []]
    missing = [name for name in names if case.view.has_name("secrets", case.namespace, name) is False]
    for event in case.view.events_of(pod):
        told = re.search(r"\(([^)]+)\)", message_of(event)) if event.get("reason") == _NO_SECRET else None
        if told:
            missing += [name.strip() for name in told[1].split(",") if name.strip() not in missing]
    return missing


def registry(image: str) -> str:
    """The registry that an image reference names; docker.io where it names none (distribution/reference)."""
    head, slash, _rest = image.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        return head
    return "docker.io"


def _path(item: podstate.Container) -> str:
    kind = "initContainerStatuses" if item.init else "containerStatuses"
    return f"status.{kind}[{item.name}].state.waiting"


def pulling(case: Case, pod: dict[str, Any]) -> str | None:
    """The image that the node is pulling at present, from the event that no later one has answered."""
    for event in case.view.events_of(pod):
        if event.get("reason") == "Pulling":
            matched = re.search(r'"([^"]+)"', message_of(event))
            return matched[1] if matched else None
        if event.get("reason") in ("Pulled", "Failed"):
            return None
    return None


__all__ = ["pulling", "registry", "unusable"]
