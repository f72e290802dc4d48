# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes tests/cluster importable as the package `cluster`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

TESTS = str(Path(__file__).resolve().parents[2])
if TESTS not in sys.path:
    sys.path.insert(0, TESTS)


@pytest.fixture(autouse=True)
def not_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    """One test's stopped run must not stop the next one's."""
    from cluster import steps

    monkeypatch.setattr(steps, "_stopping", threading.Event())
