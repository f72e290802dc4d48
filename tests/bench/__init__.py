# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks on the local cluster; they run the mirrored collection, as a user's Ansible would."""

from __future__ import annotations

import os
import sys
from pathlib import Path

MIRROR = Path(__file__).resolve().parents[2] / "build" / "collections"
sys.path.insert(0, os.environ.get("ANSIBLE_COLLECTIONS_PATH", str(MIRROR)))
