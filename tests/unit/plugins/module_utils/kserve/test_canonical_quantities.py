# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.quantities import (
    canonical,
    canonical_quantities,
)
from hypothesis import given, settings
from hypothesis import strategies as st

# What apimachinery v0.34.4 writes for what it read (encoding/json over resource.Quantity).
WRITTEN = """
0.1 100m
0.5 500m
1 1
1.0 1
1000m 1
1500m 1500m
1024Mi 1Gi
1.5Gi 1536Mi
0.5Gi 512Mi
1000Mi 1000Mi
1024 1024
1000 1k
2000 2k
1e3 1e3
1.5e3 1500
12e4 120e3
1e10 10e9
1e-3 1e-3
10e-1 1
0.0001 100u
0.0000000001 1n
1n 1n
1500u 1500u
100Ki 100Ki
0.5Ki 512
1023Ki 1023Ki
1.0001Ki 1024102400u
0 0
0.0 0
0Gi 0
-1 -1
-1500m -1500m
.5 500m
1E 1E
2048Gi 2Ti
1048576 1048576
123456789 123456789
1.0000000001 1000000001n
100000000000000000 100P
"""


@pytest.mark.parametrize(("text", "written"), [line.split() for line in WRITTEN.strip().splitlines()])
def test_written_as_go_writes_it(text, written):
    assert canonical(text) == written


@pytest.mark.parametrize("text", ["", "much", "1 Gi", "1GB", "1..0", "--1"])
def test_what_is_no_quantity_is_left_to_the_api_server(text):
    assert canonical(text) == text


@settings(deadline=None)
@given(st.decimals(min_value=0, max_value=10**6, places=3), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi"]))
def test_writing_twice_changes_nothing(number, suffix):
    once = canonical(f"{number}{suffix}")
    assert canonical(once) == once


def test_only_quantities_are_rewritten():
    data = {
        "a": "1000m",
        "emptyDir": {"sizeLimit": "1024Mi"},
        "list": [{"resources": {"limits": {"cpu": "1000m"}, "requests": {"cpu": 0}, "claims": [{"name": "1000m"}]}}],
    }
    assert canonical_quantities(data) == {
        "a": "1000m",
        "emptyDir": {"sizeLimit": "1Gi"},
        "list": [{"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "0"}, "claims": [{"name": "1000m"}]}}],
    }
