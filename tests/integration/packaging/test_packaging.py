# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three ways in which users get the collection: a plain checkout, a built archive, an AWX project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import ansible_runner
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
KUBERNETES_CORE = ROOT / "build" / "collections" / "ansible_collections" / "kubernetes"
EXTRA = {"site_namespaces": "no-such-namespace"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work tree as git would hand it out: no build/, nothing ignored."""
    target = tmp_path_factory.mktemp("clone") / "modelserving.kserve"
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collections folder with kubernetes.core alone, as Galaxy would have put it there."""
    target = tmp_path_factory.mktemp("collections")
    shutil.copytree(KUBERNETES_CORE, target / "ansible_collections" / "kubernetes")
    return target


def environment(collections: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "K8S_AUTH_"))}
    return {**kept, "ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_LOCALHOST_WARNING": "false", **more}


def tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def run(command: list[str], cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def archive(clone: Path, collections: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection built in a tree in which somebody has worked: git ignores what lies about, galaxy has to, too."""
    untidy = tmp_path_factory.mktemp("untidy") / "kserve"
    shutil.copytree(clone, untidy)
    for pattern in (ROOT / ".gitignore").read_text().split():
        for place in ("",) if pattern.startswith("/") else ("", "tests", "plugins/modules", "roles/triton"):
            path = untidy / place / pattern.strip("/").replace("*", "x")
            if pattern.endswith("/"):
                path.mkdir(parents=True)
                path = path / "left.json"
            path.write_text("left behind")
    out = tmp_path_factory.mktemp("archive")
    run([tool("ansible-galaxy"), "collection", "build", "--output-path", str(out)], untidy, environment(collections))
    (built,) = out.glob("modelserving-kserve-*.tar.gz")
    return built


@pytest.fixture(scope="module")
def installed(clone: Path, collections: Path, archive: Path) -> Path:
    """The collection installed beside kubernetes.core."""
    install = ["collection", "install", "--offline", "--no-deps", str(archive), "-p", str(collections)]
    run([tool("ansible-galaxy"), *install], clone, environment(collections))
    return collections


USERS = ("plugins", "roles", "playbooks", "docs", "meta", "changelogs", "collections")
ALONE = {"README.md", "LICENSE", "CHANGELOG.rst", "tests/config.yml"}


def test_the_archive_holds_what_users_need_and_nothing_else(clone: Path, archive: Path) -> None:
    with tarfile.open(archive) as opened:
        built = {entry.name for entry in opened.getmembers() if entry.isfile()}
    files = {path.relative_to(clone).as_posix() for path in clone.rglob("*") if path.is_file()}
    wanted = {name for name in files if name.split("/")[0] in USERS} | ALONE
    assert built - {"MANIFEST.json", "FILES.json"} == wanted
    assert archive.stat().st_size < 1_500_000


def test_documentation_of_every_plugin_is_readable(installed: Path, clone: Path) -> None:
    env = environment(installed)
    for kind in ("modules", "filter"):
        wanted = [f"modelserving.kserve.{path.stem}" for path in sorted((clone / "plugins" / kind).glob("*.py"))]
        shown = run([tool("ansible-doc"), "-t", kind.removesuffix("s"), "--json", *wanted], clone, env)
        found: dict[str, Any] = json.loads(shown.stdout)
        assert sorted(found) == sorted(wanted)
        assert all(entry["examples"] for entry in found.values()), "a plugin without examples"


def test_playbooks_are_callable_by_name(installed: Path, tmp_path: Path, clone: Path) -> None:
    for playbook in sorted((clone / "playbooks").glob("*.yml")):
        name = f"modelserving.kserve.{playbook.stem}"
        run([tool("ansible-playbook"), name, "--syntax-check", "-i", "localhost,"], tmp_path, environment(installed))


def test_a_namespace_that_is_missing_is_one_clear_sentence(installed: Path, tmp_path: Path, kubeconfig: str) -> None:
    command = [
        "ansible-playbook",
        "modelserving.kserve.site",
        "-i",
        "localhost,",
        "-c",
        "local",
        "-e",
        json.dumps(EXTRA),
    ]
    env = environment(installed, K8S_AUTH_KUBECONFIG=kubeconfig)
    done = subprocess.run(
        [tool(command[0]), *command[1:]], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no-such-namespace" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_as_an_awx_project(clone: Path, tmp_path: Path, kubeconfig: str) -> None:
    """AWX installs collections/requirements.yml into a folder of its own, then runs the playbook by its path."""
    wanted = yaml.safe_load((clone / "collections" / "requirements.yml").read_text())["collections"]
    assert {entry["name"] for entry in wanted if "name" in entry} >= {"kubernetes.core"}
    (own,) = [entry for entry in wanted if entry.get("type") == "dir"]
    target = tmp_path / "requirements_collections"
    shutil.copytree(KUBERNETES_CORE, target / "ansible_collections" / "kubernetes")  # Galaxy's part, done by hand here
    requirements = tmp_path / "requirements.yml"
    requirements.write_text(yaml.safe_dump({"collections": [own]}))
    # AWX calls it in the project's folder, which is what `source: .` is relative to.
    install = ["collection", "install", "--offline", "--no-deps", "-r", str(requirements), "-p", str(target)]
    run([tool("ansible-galaxy"), *install], clone, environment(target))
    private = tmp_path / "private"
    (private / "env").mkdir(parents=True)
    result = ansible_runner.run(
        private_data_dir=str(private),
        project_dir=str(clone),
        playbook="playbooks/site.yml",
        inventory=str(clone / "playbooks" / "inventory"),
        extravars=EXTRA,
        envvars={
            "ANSIBLE_COLLECTIONS_PATH": str(target),
            "K8S_AUTH_KUBECONFIG": kubeconfig,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        quiet=True,
    )
    output = result.stdout.read()
    assert result.status == "failed", output  # the namespace does not exist: the modules ran and said so
    assert "no-such-namespace" in output
    assert "couldn't resolve module" not in output
