# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubeconfig with nothing but a token, a certificate or a password, read without the `kubernetes` library.

Importing that library takes longer than everything else a task does, 0.7 s of 1.2. What it is needed for (exec plugins,
token refresh, in-cluster access, proxies, merged files) is left to it, and so is every irregularity, so that errors
have one source: ``read`` answers None for all of that.
"""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_CLUSTER = {"server", "certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify", "extensions"}
_USER = {
    *("token", "username", "password", "extensions"),
    *("client-certificate", "client-certificate-data", "client-key", "client-key-data"),
}


@dataclass
class PlainConfiguration:
    """The attributes of ``kubernetes.client.Configuration`` that matter here."""

    host: str = ""
    verify_ssl: bool = True
    ssl_ca_cert: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    username: str | None = None
    password: str | None = None
    api_key: dict[str, str] = field(default_factory=dict)
    refresh_api_key_hook: None = None
    connection_pool_maxsize: int = 4
    tls: ssl.SSLContext | None = None  # once certificates and keys are loaded

    @cached_property
    def scratch(self) -> tempfile.TemporaryDirectory[str]:
        """A folder that only this user can read, for certificates and keys of the kubeconfig."""
        return tempfile.TemporaryDirectory(prefix="modelserving-kserve-")

    def forget_files(self) -> None:
        """Once certificates and keys are loaded, they need not lie on a disk."""
        if "scratch" in vars(self):
            self.scratch.cleanup()

    def auth_settings(self) -> dict[str, dict[str, Any]]:
        """The headers that say who is asking, in the library's form."""
        if "authorization" not in self.api_key:
            return {}
        value = self.api_key["authorization"]
        return {"BearerToken": {"in": "header", "key": "authorization", "value": value}}

    def get_basic_auth_token(self) -> str:
        """The Authorization header for a user name and a password."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password or ''}".encode()).decode()


def read(auth: Mapping[str, Any], attributes: Mapping[str, str], *, complete: bool) -> PlainConfiguration | None:
    """What *auth* (see config.resolve) comes to, None where the library has to say.

    attributes: option -> attribute; complete: whether *auth* needs no kubeconfig.
    """
    if any(os.environ.get(name) for name in _PROXIES) or {"proxy", "no_proxy", "proxy_headers"} & auth.keys():
        return None
    configuration = PlainConfiguration()
    try:
        if not complete and not _from_kubeconfig(configuration, auth):
            return None
    except Exception:  # whatever is wrong with the file, the library says it
        return None
    for option, attribute in attributes.items():
        if option in auth:
            setattr(configuration, attribute, auth[option])
    if configuration.host.startswith("https:") and configuration.verify_ssl and not configuration.ssl_ca_cert:
        return None  # which authorities are trusted by default is the library's to say
    return configuration


def _from_kubeconfig(configuration: PlainConfiguration, auth: Mapping[str, Any]) -> bool:
    found = _kubeconfig(auth)
    if found is None:
        return False
    config, folder = found
    context = _named(config["contexts"], auth.get("context") or config["current-context"])["context"]
    cluster = _named(config["clusters"], context["cluster"])["cluster"]
    user = _named(config["users"], context["user"])["user"]
    if set(cluster) - _CLUSTER or set(user) - _USER:
        return False
    configuration.host = cluster["server"]
    configuration.verify_ssl = not cluster.get("insecure-skip-tls-verify", False)
    configuration.ssl_ca_cert = _file(configuration, cluster, "certificate-authority", folder)
    configuration.cert_file = _file(configuration, user, "client-certificate", folder)
    configuration.key_file = _file(configuration, user, "client-key", folder)
    configuration.username, configuration.password = user.get("username"), user.get("password")
    if user.get("token"):
        configuration.api_key = {"authorization": f"Bearer {user['token']}"}
    return True


def _kubeconfig(auth: Mapping[str, Any]) -> tuple[dict[str, Any], Path] | None:
    """The kubeconfig and the folder that its relative paths start from."""
    wanted = auth.get("kubeconfig")
    if isinstance(wanted, Mapping):
        return dict(wanted), Path.cwd()
    if not wanted and not auth.get("context") and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return None
    path = str(wanted or os.environ.get("KUBECONFIG") or "~/.kube/config")
    if os.pathsep in path:
        return None
    import yaml  # comes with `kubernetes`

    file = Path(path).expanduser()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(file.read_text(), Loader=loader), file.parent


def _named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [item for item in items if item["name"] == name]
    return found


def _file(configuration: PlainConfiguration, section: Mapping[str, Any], name: str, folder: Path) -> str | None:
    """The path of a certificate or a key; data in the kubeconfig go into a file, which is what Python's ssl reads."""
    data = section.get(f"{name}-data")
    if data:
        path = Path(configuration.scratch.name) / name
        path.write_bytes(base64.b64decode(data, validate=True))
        return str(path)
    if not section.get(name):
        return None
    return str((folder / section[name]).resolve(strict=True))
