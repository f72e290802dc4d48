# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison of tests/integration/selection, on the oldest KServe whose rules are known."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

PLACE = Path(__file__).resolve().parents[1] / "selection" / "test_oracle.py"
SPEC = importlib.util.spec_from_file_location("selection_oracle", PLACE)
assert SPEC and SPEC.loader
oracle = importlib.util.module_from_spec(SPEC)
sys.modules["selection_oracle"] = oracle
SPEC.loader.exec_module(oracle)

version = oracle.version
decided = oracle.decided
test_the_controller_decides_as_predicted = oracle.test_the_controller_decides_as_predicted
test_the_cases_reach_every_rule = oracle.test_the_cases_reach_every_rule
test_servers_that_are_known_by_their_name = oracle.test_servers_that_are_known_by_their_name


def test_this_is_the_baseline(version: str) -> None:
    assert version.lstrip("v").startswith("0.15.")
