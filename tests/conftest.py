# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make ``ansible_collections.modelserving.kserve`` importable straight from the checkout."""

from __future__ import annotations

import sys
import types
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
COLLECTIONS = ROOT / "build" / "collections"


def _package(name: str, *paths: Path) -> None:
    module = types.ModuleType(name)
    module.__path__ = [str(path) for path in paths]  # type: ignore[attr-defined]
    sys.modules[name] = module


# The mirror under build/ would do, but a test should see the file that was just edited.
sys.path.insert(0, str(ROOT))
_package("ansible_collections", COLLECTIONS / "ansible_collections")
_package("ansible_collections.modelserving", COLLECTIONS / "ansible_collections" / "modelserving")
_package("ansible_collections.modelserving.kserve", ROOT)

# The same examples in every run, and no deadline: a busy machine is no fault of the code.
settings.register_profile("modelserving", deadline=None, derandomize=True)
settings.load_profile("modelserving")
