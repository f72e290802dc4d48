# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, reconcile
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import versions
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import control_plane, inference_services


def controller(image: str, labels: dict[str, str] | None = None, container: str = "manager") -> dict[str, Any]:
    """As KServe's charts 0.15 to 0.17 make it: kube-rbac-proxy comes before the manager."""
    proxy = {"name": "kube-rbac-proxy", "image": "quay.io/brancz/kube-rbac-proxy:v0.18.0"}
    pod = {"spec": {"containers": [proxy, {"name": container, "image": image}]}}
    return {"metadata": {"name": "c", "labels": labels or {}}, "spec": {"template": pod}}


class Answers:
    """A cluster that has these Deployments, or refuses to list them."""

    def __init__(self, *controllers: dict[str, Any], forbidden: bool = False) -> None:
        self.controllers, self.forbidden = list(controllers), forbidden

    def list(self, resource: Any, namespace: str | None = None, *, label_selector: str = "") -> list[dict[str, Any]]:
        assert (resource.kind, label_selector) == ("Deployment", "control-plane=kserve-controller-manager")
        if self.forbidden:
            raise errors.Forbidden("no")
        return self.controllers


@pytest.mark.parametrize(
    ("deployment", "version"),
    [
        (controller("kserve/kserve-controller:v0.20.0"), "0.20.0"),
        (controller("localhost:5000/kserve-controller:v0.15.2@sha256:abc"), "0.15.2"),
        (controller("registry:5000/kserve-controller"), None),
        (controller("quay.io/x/kserve-controller@sha256:abc", {"app.kubernetes.io/version": "v0.15.2"}), "0.15.2"),
        (controller("kserve/kserve-controller:latest"), None),
        (controller("kserve/kserve-controller:v0.20.0", container="other"), None),
        (controller("kserve/kserve-controller:v0.7.0"), "0.7.0"),
        ({"metadata": {"name": "c"}, "spec": {"replicas": 1}}, None),
    ],
)
def test_the_controllers_version(deployment: dict[str, Any], version: str | None) -> None:
    assert versions.named_by([deployment]) == version


def test_no_controller_tells_nothing() -> None:
    assert versions.named_by([]) is None


@pytest.mark.parametrize(
    ("cluster", "given", "number", "origin", "why"),
    [
        (Answers(forbidden=True), "0.17.0", "0.17.0", "given", None),
        (Answers(controller("kserve/kserve-controller:v0.15.2")), None, "0.15.2", "found", None),
        (Answers(controller("kserve/kserve-controller@sha256:abc")), None, "0.20.0", "assumed", "names one"),
        (Answers(controller("kserve/kserve-controller:v0.7.0")), None, "0.20.0", "assumed", "KServe 0.7.0 is older"),
        (Answers(), None, "0.20.0", "assumed", "names one"),
        (Answers(forbidden=True), None, "0.20.0", "assumed", "may not be read"),
    ],
)
def test_where_the_deciding_version_comes_from(
    cluster: Any, given: str | None, number: str, origin: str, why: str | None
) -> None:
    version = control_plane.deciding(cluster, given)
    assert version.plain() == {"number": number, "origin": origin}
    assert version.warning is None if why is None else why in (version.warning or "")


def test_a_given_version_must_be_one() -> None:
    with pytest.raises(ValueError, match="is not a KServe version"):
        control_plane.deciding(Answers(), "newest")  # type: ignore[arg-type]


@pytest.mark.parametrize(("cluster", "said"), [(Answers(), 1), (Answers(controller("k/k:v0.15.2")), 0)])
def test_services_are_written_by_rules_that_are_said_where_they_are_assumed(cluster: Any, said: int) -> None:
    result = inference_services.Result()
    task = inference_services.Task([], reconcile.Settings(manager="m"))
    run = inference_services._Run(cluster, task, result)
    assert run.version == ("0.20.0" if said else "0.15.2") and not result.warnings
    run._tell_version()
    run._tell_version()
    assert len(result.warnings) == said
