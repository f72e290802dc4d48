# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What checks.py says Kubernetes refuses in the pods of a runtime, against the API server that refuses it.

Each container goes to the API server as that of a pod, as a dry run, and to the checks as that of a runtime.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors, resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import checks

FIELD = {"fieldRef": {"fieldPath": "metadata.name"}}

REFUSED: dict[str, dict[str, Any]] = {
    "a port's name of 16 characters": {"ports": [{"containerPort": 1, "name": "a" * 16}]},
    "a port's name with a capital": {"ports": [{"containerPort": 1, "name": "Http"}]},
    "a port's name without a letter": {"ports": [{"containerPort": 1, "name": "8080"}]},
    "a port's name with --": {"ports": [{"containerPort": 1, "name": "a--b"}]},
    "a port's name that ends with -": {"ports": [{"containerPort": 1, "name": "a-"}]},
    "a name with _": {"name": "Side_Car"},
    "a name with a dot": {"name": "a.b"},
    "a name of 64 characters": {"name": "a" * 64},
    "memory above its limit": {"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "2G"}}},
    "cpu above its limit": {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1900m"}}},
    "a value and a valueFrom": {"env": [{"name": "A", "value": "1", "valueFrom": FIELD}]},
    "two handlers": {"readinessProbe": {"httpGet": {"port": 1}, "exec": {"command": ["true"]}}},
    "two handlers at the start": {"startupProbe": {"tcpSocket": {"port": 1}, "grpc": {"port": 1}}},
    "no image": {"image": ""},
}

TAKEN: dict[str, dict[str, Any]] = {
    "nothing special": {},
    "a port's name of 15 characters": {"ports": [{"containerPort": 1, "name": "a" * 15}]},
    "a port's name that begins with a digit": {"ports": [{"containerPort": 1, "name": "2-a"}]},
    "a name of 63 characters": {"name": "a" * 63},
    "memory at its limit": {"resources": {"requests": {"memory": "1024Mi"}, "limits": {"memory": "1Gi"}}},
    "cpu at its limit": {"resources": {"requests": {"cpu": "1000m"}, "limits": {"cpu": "1"}}},
    "an empty value and a valueFrom": {"env": [{"name": "A", "value": "", "valueFrom": FIELD}]},
    "a variable without a value": {"env": [{"name": "A"}]},
}


def container(**more: Any) -> dict[str, Any]:
    return {"name": "helper", "image": "example.invalid/helper:1", **more}


@pytest.fixture(scope="module")
def refusal(
    client: Client, make_namespace: Callable[..., str], eventually: Callable[..., Any]
) -> Callable[[dict[str, Any]], str]:
    """Says how the API server refuses a pod with a container, '' where it takes it."""
    namespace = make_namespace("pods")
    eventually(lambda: client.get(resources.SERVICEACCOUNT, "default", namespace))

    def ask(wanted: dict[str, Any]) -> str:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [wanted]}}
        try:
            client.create(resources.POD, pod, namespace, dry_run=True)
        except errors.Invalid as error:
            return str(error)
        return ""

    return ask


def warnings(wanted: dict[str, Any]) -> list[str]:
    main = {"name": "kserve-container", "image": "example.invalid/server:1"}
    spec = {"containers": [main, wanted], "supportedModelFormats": [{"name": "a"}]}
    found = checks.check({"kind": "ServingRuntime", "metadata": {"name": "a"}, "spec": spec})
    return [problem.sentence for problem in found]


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
def test_what_is_warned_of_is_refused(refusal: Callable[..., str], fields: dict[str, Any]) -> None:
    wanted = container(**fields)
    assert refusal(wanted)
    (warning,) = warnings(wanted)
    assert "refused" in warning


@pytest.mark.parametrize("fields", TAKEN.values(), ids=TAKEN)
def test_what_is_taken_is_not_warned_of(refusal: Callable[..., str], fields: dict[str, Any]) -> None:
    wanted = container(**fields)
    assert (refusal(wanted), warnings(wanted)) == ("", [])
