# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.bench``: how much faster or slower than what a user would use instead, as ratios of one run.

Times of one machine say nothing about another, so none is printed. The exit status is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from tests.bench.ratios import Report

# module of tests.bench -> what it compares; each has run(report, full)
BENCHMARKS = {
    "serving_runtimes": "many runtimes: against kubernetes.core.k8s and kubectl apply --server-side",
    "gpu_nodes": "many nodes: against kubernetes.core.k8s and kubectl label",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="only these (default: all)")
    parser.add_argument("--sizes", default="10,100,1000", help="numbers of objects, default %(default)s")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, of which the median counts")
    options = parser.parse_args()
    report = Report([int(size) for size in options.sizes.split(",")], options.repeat)
    for name in options.names or BENCHMARKS:
        try:
            benchmark = importlib.import_module(f"tests.bench.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"tests.bench.{name}":
                raise
            continue
        report.title(f"{name}: {BENCHMARKS[name]}")
        benchmark.run(report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
