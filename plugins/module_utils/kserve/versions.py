# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KServe versions: how they are written, and since which one a behaviour holds.

Every rule of this package that changed between KServe 0.15 and 0.20 asks :func:`supports`; nothing else compares
version numbers.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable, Iterator, Mapping

DEFAULT = "0.20.0"
"""The version that is assumed where none is given."""

OLDEST = (0, 15, 0)
"""The oldest version whose source was read for these rules."""

SINCE: dict[str, tuple[int, int, int]] = {
    # pkg/apis/serving/v1beta1/inference_service_defaults.go, SetRuntimeDefaults: by annotation, not only by name.
    "server_type_annotation": (0, 17, 0),
    # inference_service_defaults.go, setPredictorModelDefaults: annotation `modelFormat`.
    "model_format_annotation": (0, 17, 0),
    # inference_service_defaults.go, DefaultInferenceService: RawDeployment -> Standard, Serverless -> Knative.
    "deployment_mode_names": (0, 17, 0),
    # inference_service_defaults.go, setPredictorModelDefaults: protocol v2 for format vLLM.
    "vllm_asks_for_v2": (0, 20, 0),
    # components/predictor.go, reconcileModel: an explicit runtime is validated before server defaults are set.
    "defaults_after_validation": (0, 17, 0),
    # components/predictor.go, reconcileModel: status.servingRuntimeName and clusterServingRuntimeName.
    "runtime_in_status": (0, 16, 0),
    # pkg/webhook/admission/servingruntime/servingruntime_webhook.go, validateBlockedEnvVars.
    "blocked_env": (0, 18, 0),
    # predictor_model.go, sortSupportedRuntimeByPriority: stable after the release that is newest here.
    "stable_priority_sort": (0, 21, 0),
}

CONTROLLER_LABEL = ("control-plane", "kserve-controller-manager")
"""What the controller's Deployment carries wherever KServe is installed (config/manager, charts, OpenShift AI)."""

_MANAGER = "manager"  # the controller's container; charts put kube-rbac-proxy before it
_TAG = re.compile(r":v?(\d+\.\d+(?:\.\d+)?)[^:/@]*(?:@|$)")
_LABEL = "app.kubernetes.io/version"
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-+].*)?")


def parse(version: str) -> tuple[int, int, int]:
    """Read a KServe version such as ``v0.20.0``, ``0.20`` or ``0.15.2-rc1``.

    :returns: major, minor, patch.
    :raises ValueError: where the text is no such version; the message is a sentence for the user.
    """
    match = _VERSION.fullmatch(version.strip()) if isinstance(version, str) else None
    if match is None:
        raise ValueError(f"kserve_version {version!r} is not a KServe version; write it like 0.20.0")
    return int(match[1]), int(match[2]), int(match[3] or 0)


def known(version: str) -> tuple[int, int, int]:
    """Like :func:`parse`, and refuse a version older than the oldest one these rules were read from."""
    parsed = parse(version)
    if parsed < OLDEST:
        hint = "; quote it, since 0.20 without quotes is 0.2" if version == "0.2" else ""
        raise ValueError(
            f"kserve_version {version} is older than 0.15, the oldest KServe whose rules are known here{hint}"
        )
    return parsed


def supports(version: str, feature: str) -> bool:
    """Say whether a KServe version has a behaviour named in :data:`SINCE`."""
    return known(version) >= SINCE[feature]


def named_by(controllers: Iterable[Mapping[str, t.Any]]) -> str | None:
    """The version that the controller's Deployments name, known here or not.

    It is the tag of the manager's image, else the label that installers set; None where neither is a version.
    """
    for deployment in controllers:
        label = str((deployment["metadata"].get("labels") or {}).get(_LABEL) or "")
        for text in (*_tags(deployment), label):
            if _VERSION.fullmatch(text):
                return text.lstrip("v")
    return None


def _tags(deployment: Mapping[str, t.Any]) -> Iterator[str]:
    pod = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    for container in pod.get("containers") or []:
        match = _TAG.search(str(container.get("image") or ""))
        if match and container.get("name") == _MANAGER:
            yield match[1]
