# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection says it needs is what tests/integration/oldest runs it with."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml
from ansible_collections.modelserving.kserve.plugins.doc_fragments.connection import ModuleDocFragment

ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = ROOT / "tests" / "requirements"


def bounds(text: str, sign: str = ">=") -> dict[str, str]:
    return dict(re.findall(rf"^([\w-]+) ?{sign} ?([\d.]+)", text, re.MULTILINE))


def claimed() -> dict[str, str]:
    fragment = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["requirements"]
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    return bounds("\n".join([*fragment, f"ansible-core {runtime['requires_ansible']}"]))


def test_the_lock_holds_the_lower_bounds_that_are_claimed() -> None:
    wanted = bounds((REQUIREMENTS / "oldest.in").read_text())
    assert {**wanted, "python": "3.10"} == claimed()
    locked = bounds((REQUIREMENTS / "oldest.txt").read_text(), "==")
    assert {name: locked[name] for name in wanted} == wanted


def test_ansible_test_knows_the_python() -> None:
    config = yaml.safe_load((ROOT / "tests" / "config.yml").read_text())
    assert config["modules"]["python_requires"] == f">={claimed()['python']}"


def test_the_page_of_dependencies_says_the_same() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    core = yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"]["kubernetes.core"]
    said = {name.lower(): version for name, version in re.findall(r"^\| ([\w-]+) >= ([\d.]+) \|", page, re.MULTILINE)}
    assert said == claimed()
    assert f"collection kubernetes.core {core.replace('>=', '>= ')} |" in page


def test_its_python_is_one_that_it_runs_with() -> None:
    script = [str(ROOT / "tests" / "tools" / "python.sh"), "oldest"]
    found = subprocess.run(script, capture_output=True, text=True, check=True).stdout.strip()
    asked = [found, "-c", "import sys; print(*sys.version_info[:2])"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split() in (
        ["3", "10"],
        ["3", "11"],
        ["3", "12"],
    )
