# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook migrate.yml: manifests in place, with --check and --diff, and the report of live services."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds

ROOT = Path(__file__).resolve().parents[3]
OLD = """\
# The iris model.
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: iris   # its name
spec:
  predictor:
    sklearn:   # as in 2021
      # trained in spring
      storageUri: "s3://bucket/iris"
"""
NEW = """\
# The iris model.
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: iris   # its name
spec:
  predictor:
    model:   # as in 2021
      modelFormat:
        name: sklearn
      # trained in spring
      storageUri: "s3://bucket/iris"
"""


def migrate(
    *options: str, kubeconfig: str | None = None, cwd: Path | None = None, **variables: Any
) -> subprocess.CompletedProcess[str]:
    collections = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("K8S_AUTH_", "KUBECONFIG"))}
    place = {"K8S_AUTH_KUBECONFIG": kubeconfig} if kubeconfig else {"KUBECONFIG": os.devnull}
    playbook = str(Path(sys.executable).parent / "ansible-playbook")
    command = [playbook, "modelserving.kserve.migrate", "-e", json.dumps(variables), *options]
    environment = {**collections, **kept, **place}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "iris.yaml").write_text(OLD)
    (tmp_path / "deploy" / "other.yml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    (tmp_path / "deploy" / "notes.txt").write_text(OLD)
    (tmp_path / "deploy" / "iris.yaml").chmod(0o640)
    return tmp_path / "deploy"


def test_check_diff_then_for_real_then_again(manifests: Path) -> None:
    looked = migrate("--check", "--diff", migrate_manifests=[str(manifests)])
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert "changed=1" in looked.stdout
    for line in ("-    sklearn:   # as in 2021", "+    model:   # as in 2021", "+        name: sklearn"):
        assert line in looked.stdout
    assert (manifests / "iris.yaml").read_text() == OLD

    done = migrate(migrate_manifests=[str(manifests)])
    assert done.returncode == 0 and "changed=1" in done.stdout, done.stdout
    assert "spec.predictor.sklearn becomes spec.predictor.model" in " ".join(done.stdout.split())
    assert (manifests / "iris.yaml").read_text() == NEW
    assert (manifests / "iris.yaml").stat().st_mode & 0o777 == 0o640
    assert (manifests / "notes.txt").read_text() == OLD

    again = migrate(migrate_manifests=[str(manifests)])
    assert again.returncode == 0 and "changed=0" in again.stdout, again.stdout


def test_relative_paths_start_where_the_command_does(manifests: Path) -> None:
    done = migrate(cwd=manifests.parent, migrate_manifests=["deploy"])
    assert done.returncode == 0 and "changed=1" in done.stdout, done.stdout + done.stderr
    assert (manifests / "iris.yaml").read_text() == NEW
    missing = migrate(cwd=manifests, migrate_manifests=["iris.yaml", "deploy"])
    assert missing.returncode != 0
    assert f"There is no manifest {manifests}/deploy" in " ".join(missing.stdout.split())
    assert "changed=0" in missing.stdout


def test_pinned(manifests: Path) -> None:
    done = migrate(migrate_manifests=[str(manifests / "iris.yaml")], migrate_pin_runtime=True)
    assert done.returncode == 0, done.stdout
    assert "      runtime: kserve-sklearnserver\n" in (manifests / "iris.yaml").read_text()


def test_one_bad_file_does_not_hide_the_others(manifests: Path) -> None:
    (manifests / "bad.yaml").write_text("kind: InferenceService\na: [\n")
    done = migrate(migrate_manifests=[str(manifests)])
    assert done.returncode != 0
    text = " ".join(done.stdout.split())
    assert "bad.yaml: it is no YAML that can be read" in text
    assert "iris: spec.predictor.sklearn becomes spec.predictor.model" in text
    assert (manifests / "iris.yaml").read_text() == NEW


def test_nothing_to_do_is_said() -> None:
    done = migrate()
    assert done.returncode != 0
    assert "Set migrate_manifests" in " ".join(done.stdout.split())


def test_live_services_are_looked_at(kubeconfig: str, client: Client, namespace: str) -> None:
    """The webhook has stored it in the new schema. (test_live.py has services of the previous one.)"""
    document = yaml.safe_load(OLD)
    document["metadata"]["annotations"] = {"serving.kserve.io/stop": "true"}
    client.create(Resource(*kinds.INFERENCE_SERVICE), document, namespace)
    done = migrate(kubeconfig=kubeconfig, migrate_live=True, migrate_namespaces=namespace)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0" in done.stdout
    assert "Every live service is stored in the new schema." in done.stdout
