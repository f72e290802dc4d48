# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab of the formats: made once for all of its tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client

from tests.integration.formats import lab as labs


@pytest.fixture(scope="module")
def lab(
    client: Client, cluster: dict[str, Any], make_namespace: Callable[..., str], eventually: Callable[..., Any]
) -> Iterator[labs.Lab]:
    with labs.made(client, cluster, make_namespace("formats"), eventually) as made:
        yield made
