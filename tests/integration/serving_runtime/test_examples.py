# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's EXAMPLES, run as a playbook twice, in namespaces and under names of this test's own."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import yaml
from ansible_collections.modelserving.kserve.plugins.modules import serving_runtime

from tests.integration.serving_runtime.support import environment


def examples(first: str, second: str, team: str, prefix: str) -> str:
    """EXAMPLES with only the names of places changed; the text stays, since `!unsafe` is for Ansible to read."""
    text = re.sub(r"\bmodels-test\b", second, serving_runtime.EXAMPLES)
    text = re.sub(r"(namespace: |\[)models\b", rf"\g<1>{first}", text)
    text = text.replace("team=fraud", f"team={team}")
    return text.replace("    scope: cluster\n", f"    scope: cluster\n    name: {prefix}server\n")


def test_every_example_works_and_is_idempotent(
    make_namespace: Callable[..., str], cluster_prefix: str, kubeconfig: str, tmp_path: Path
) -> None:
    team = f"write-{uuid.uuid4().hex[:6]}"
    first, second, _third = make_namespace("write"), make_namespace("write"), make_namespace("write", {"team": team})
    tasks = examples(first, second, team, cluster_prefix).strip().removeprefix("---")
    book = tmp_path / "play.yml"
    book.write_text("- hosts: localhost\n  gather_facts: false\n  tasks:\n" + re.sub(r"(?m)^", "    ", tasks))
    count = len(yaml.safe_load(tasks.replace("!unsafe", "")))
    for changed in (count - 1, 2):  # all but debug; the last example takes back what the fifth makes
        command = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "-c", "local", book]
        done = subprocess.run(
            [*command, "-e", f"ansible_python_interpreter={sys.executable}"],
            env={**environment(), "K8S_AUTH_KUBECONFIG": kubeconfig},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        assert f"ok={count} " in done.stdout and f"changed={changed} " in done.stdout, done.stdout[-1500:]
