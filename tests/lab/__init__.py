# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault lab: faults really made on a real cluster, and healthy services that look suspicious.

python -m tests.lab                  every case, on the cluster "lab" (made if it is not there)
python -m tests.lab NAME ...         some cases
python -m tests.lab --record FOLDER  also keep each case's snapshot, small and redacted, as a test's fixture
"""

from __future__ import annotations

import tests.conftest  # noqa: F401  (makes the collection importable from the checkout)
