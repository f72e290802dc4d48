# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import metrics

SCRAPE = r"""# HELP nv_inference_request_success Number of successful inference requests
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="digits",version="1"} 3
# a remark
# TYPE parallel_request_queue histogram
parallel_request_queue_bucket{le="+Inf",} 1.5e+02 1700000000000
parallel_request_queue_sum +Inf
quoted{path="C:\\x\"y\"",other="a,b}"} NaN
with_exemplar_total{a="b"} 1 # {trace_id="x"} 0.5
"""


def test_prometheus_text_is_read():
    found = metrics.parse(SCRAPE.encode())
    assert found.samples == 5
    assert found.types == {"nv_inference_request_success": "counter", "parallel_request_queue": "histogram"}
    assert "quoted" in found.names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no sample"),
        ("# TYPE x counter\n", "no sample"),
        ("<html>not found</html>", "line 1"),
        ('{"detail": "Not Found"}', "line 1"),
        ("x 1\ny\n", "line 2"),
        ("x{a=1} 1", "line 1"),
        ("x 1 2 3", "line 1"),
        ("# TYPE x thing\nx 1", "unknown type 'thing'"),
    ],
)
def test_what_is_no_prometheus_text_is_said(text, said):
    with pytest.raises(metrics.MetricsError, match=said):
        metrics.parse(text)


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"prometheus.kserve.io/port": "8002", "prometheus.kserve.io/path": "/m"}, (8002, "/m")),
        ({"prometheus.kserve.io/port": "8002", "prometheus.io/port": "9091"}, (8002, "/metrics")),
        ({"prometheus.io/port": "9091", "prometheus.io/path": "/x"}, (9091, "/x")),
        ({"prometheus.io/port": "http"}, None),
        ({"prometheus.io/port": "70000"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_where_the_metrics_are(annotations, expected):
    assert metrics.endpoint(annotations) == expected
