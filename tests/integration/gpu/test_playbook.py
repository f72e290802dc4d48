# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook gpu_nodes, as a user runs it: what it says of the nodes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.integration.gpu.support import CONTROL_PLANE, ROOT, Object, fake_node


def said(kubeconfig: str, **variables: Any) -> str:
    """The playbook's output in check mode, on one line."""
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "tests" / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
        "K8S_AUTH_KUBECONFIG": str(Path(kubeconfig).absolute()),
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, "-i", "localhost,", "modelserving.kserve.gpu_nodes", "--check", "-e", json.dumps(variables)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return " ".join((done.stdout + done.stderr).split())


def test_nodes_that_are_left_alone_are_shown(
    make_nodes: Callable[[Iterable[Object]], list[str]], kubeconfig: str, tag: str
) -> None:
    gpu = {"nvidia.com/gpu": "2"}
    make_nodes([fake_node(f"{tag}-only", gpu, {"test": tag, CONTROL_PLANE: ""})])
    found = f"{tag}-only, nvidia, product unknown, 2 devices, healthy, "
    output = said(kubeconfig, gpu_nodes_selector=f"test={tag}")
    assert f"{found}left alone: is a control plane node" in output
    assert f"control plane nodes: {tag}-only. " in output and "gpu_nodes_control_plane" in output
    output = said(kubeconfig, gpu_nodes_selector=f"test={tag}", gpu_nodes_control_plane=True)
    assert f"{found}change" in output and "left alone" not in output.lower()
    output = said(kubeconfig, gpu_nodes_selector=f"test={tag}-nothing")
    assert "None of the nodes that were looked at has an accelerator." in output
