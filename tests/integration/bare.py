# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server of a test's own, with etcd and nothing else: no KServe, no webhook, no controller.

It stands for a cluster before KServe is installed, and, with KServe's CRDs, for one whose services were stored before
KServe's webhook converted them.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config, errors, resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120


@contextlib.contextmanager
def api_server(folder: Path) -> Iterator[str]:
    """Start one whose data and logs are in *folder*; yield the path of a kubeconfig."""
    etcd, peer, port = _free_ports(3)
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f'{token},tester,tester,"system:masters"\n')
    key = folder / "service-accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    with (
        _running("etcd", folder, _etcd_options(folder, etcd, peer)),
        _running("kube-apiserver", folder, _server_options(folder, etcd, port, key)) as server,
    ):
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(port, token, folder / "certificates" / "apiserver.crt")))
        _wait(str(kubeconfig), server, folder)
        yield str(kubeconfig)


def connect(kubeconfig: str) -> Client:
    """A client of it."""
    return Client(config.load({"kubeconfig": kubeconfig}), timeout=60)


def install_crds(source: Client, target: Client, *plurals: str) -> None:
    """Give *target* CRDs of *source*'s KServe, and wait until they are served."""
    for plural in plurals:
        name = f"{plural}.serving.kserve.io"
        crd = source.get(resources.CUSTOMRESOURCEDEFINITION, name)
        assert crd, f"{name} is not installed"
        target.create(resources.CUSTOMRESOURCEDEFINITION, {**crd, "metadata": {"name": name}, "status": None})
        end = time.monotonic() + START_SECONDS
        while not _served(target, crd):
            assert time.monotonic() < end, f"{name} is not served"
            time.sleep(0.3)


def _served(client: Client, crd: dict[str, Any]) -> bool:
    spec = crd["spec"]
    try:
        for version in spec["versions"]:
            api = f"{spec['group']}/{version['name']}"
            names = spec["names"]
            client.list(resources.Resource(api, names["kind"], names["plural"], spec["scope"] == "Namespaced"))
    except (errors.ApiMissing, errors.ServerError):
        return False
    return True


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]


def _etcd_options(folder: Path, port: int, peer: int) -> list[str]:
    clients, peers = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    return [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",
    ]


def _server_options(folder: Path, etcd: int, port: int, key: Path) -> list[str]:
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://tests.invalid",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--disable-admission-plugins=ServiceAccount",
    ]


def _kubeconfig(port: int, token: str, certificate: Path) -> dict[str, Any]:
    # The certificate is one that the server signs itself when it starts.
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(certificate)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "bare", "cluster": cluster}],
        "users": [{"name": "tester", "user": {"token": token}}],
        "contexts": [{"name": "bare", "context": {"cluster": "bare", "user": "tester"}}],
        "current-context": "bare",
    }


@contextlib.contextmanager
def _running(program: str, folder: Path, options: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    built = subprocess.run(
        [sys.executable, "tests/cluster", "tool", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    command = [built.stdout.strip().splitlines()[-1], *options]
    with (folder / f"{program}.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)}, preexec_fn=_end_with_parent
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_with_parent() -> None:
    """Run in the child: a test run that is killed outright leaves no server behind (prctl's PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _wait(kubeconfig: str, server: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while not _ready(kubeconfig, folder / "certificates" / "apiserver.crt"):
        log = (folder / "kube-apiserver.log").read_text()
        assert server.poll() is None and time.monotonic() < end, log[-3000:]
        time.sleep(0.5)


def _ready(kubeconfig: str, certificate: Path) -> bool:
    if not certificate.is_file():
        return False
    try:
        client = connect(kubeconfig)
        return client.raw("GET", "/readyz").status == 200 and client.get(resources.NAMESPACE, "default") is not None
    except errors.ClusterError:
        return False
