# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The direction of imports (docs/architecture.md): rules stay testable without a cluster, only one file exits."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UTILS = ROOT / "plugins" / "module_utils"
OURS = "ansible_collections.modelserving.kserve.plugins.module_utils."

# package or file of module_utils -> what of module_utils it may import; the standard library always
MAY_IMPORT = {
    "kserve": {"kserve"},
    "accelerator": {"accelerator", "kserve"},
    "doctor/rules": {"doctor", "accelerator", "kserve"},
    "doctor": {"doctor", "accelerator", "kserve"},
    "cluster": {"cluster"},
    "operations": {"operations", "doctor", "accelerator", "kserve", "cluster"},
}
# the only files of doctor/ that read a cluster
READS_CLUSTER = {"doctor/collect.py", "doctor/probes.py"}
# the only places that may import something beyond the standard library, and what
LIBRARIES = {
    "ansible.py": {"ansible", "ansible_collections.kubernetes.core"},
    "cluster/config.py": {"kubernetes", "urllib3"},
    "cluster/client.py": {"kubernetes", "urllib3"},
    "cluster/plain_access.py": {"yaml"},
}


def files() -> list[Path]:
    return sorted(path for path in UTILS.rglob("*.py") if path.name != "__init__.py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def home(name: str) -> str | None:
    return next((package for package in MAY_IMPORT if name.startswith(package + "/")), None)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(UTILS)))
def test_direction(path: Path) -> None:
    name = path.relative_to(UTILS).as_posix()
    package = home(name)
    allowed = set(MAY_IMPORT.get(package or "", ())) | ({"cluster"} if name in READS_CLUSTER else set())
    for imported in imports(path):
        if imported.startswith(OURS):
            target = imported[len(OURS) :].split(".")[0]
            assert package is None or target in allowed, f"{name} imports {target}"
        elif imported.split(".")[0] not in sys.stdlib_module_names:
            libraries = LIBRARIES.get(name, set())
            assert any(imported.startswith(library) for library in libraries), f"{name} imports {imported}"


def test_every_file_has_a_home() -> None:
    """ansible.py alone stands outside the packages: a new file belongs into one of them."""
    assert [name for path in files() if home(name := path.relative_to(UTILS).as_posix()) is None] == ["ansible.py"]


def test_only_one_file_ends_the_process() -> None:
    for path in [*files(), *(ROOT / "plugins" / "filter").glob("*.py")]:
        if path.name == "ansible.py":
            continue
        nodes = list(ast.walk(ast.parse(path.read_text())))
        named = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        named |= {node.id for node in nodes if isinstance(node, ast.Name)}
        assert not named & {"exit_json", "fail_json", "_exit", "SystemExit"}, path
