# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dry-run writes that find out whether admission webhooks answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Response
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import probes
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import handmade as hm

REFUSED = 'Internal error occurred: failed calling webhook "x": failed to call webhook: connect: connection refused'


class Webhooks:
    """An API server whose webhooks refuse the first *failures* connections of each kind."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.asked: dict[str, int] = {}

    def raw(self, _method: str, path: str, **_more: Any) -> Response:
        self.asked[path] = self.asked.get(path, 0) + 1
        if self.asked[path] > self.failures:
            return Response(201, {}, b"{}")
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "message": REFUSED,
            "reason": "InternalError",
            "code": 500,
        }
        return Response(500, {}, json.dumps(status).encode())


@pytest.mark.parametrize(("failures", "kept", "asked"), [(0, False, 1), (1, False, 2), (2, True, 2)])
def test_a_webhook_counts_as_down_when_it_fails_twice(
    failures: int, kept: bool, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "SECOND_TRY", 0)
    client = Webhooks(failures)
    configuration = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
                     "metadata": {"name": "inferenceservice.serving.kserve.io"}}  # fmt: skip
    data = {**hm.taken(configuration), "namespaces": [hm.NS]}
    found = probes.run(client, data, probe="all", limit=0)  # type: ignore[arg-type]
    assert len(found) == 4
    assert {bool(item["error"]) for item in found} == {kept}
    assert set(client.asked.values()) == {asked}
