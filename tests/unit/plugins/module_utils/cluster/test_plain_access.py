# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain kubeconfig comes to what the `kubernetes` library makes of it; whatever is not plain is left to it."""

from __future__ import annotations

import base64
import copy
import datetime
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config, plain_access
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import ConfigurationError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
DATA = base64.b64encode(PEM.encode()).decode()
SERVER = {"server": "https://one.invalid:6443", "certificate-authority-data": DATA}
Object = dict[str, Any]


def kubeconfig(cluster: Object | None = None, **user: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "clusters": [{"name": "c", "cluster": cluster or SERVER}],
        "users": [{"name": "u", "user": user}],
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "n"}},
            {"name": "two", "context": {"cluster": "c", "user": "u"}},
        ],
    }


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*plain_access._PROXIES, "KUBERNETES_SERVICE_HOST", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)


PLAIN: dict[str, Object] = {
    "token": {"kubeconfig": kubeconfig(token="sesame")},
    "certificate": {"kubeconfig": kubeconfig(**{"client-certificate-data": DATA, "client-key-data": DATA})},
    "another context": {"kubeconfig": kubeconfig(token="sesame"), "context": "two"},
    "no verification": {"kubeconfig": kubeconfig({"server": "https://h", "insecure-skip-tls-verify": True}, token="t")},
    "no TLS": {"kubeconfig": kubeconfig({"server": "http://h/"}, token="t")},
    "options over the file": {
        "kubeconfig": kubeconfig(token="sesame"),
        "api_key": "other",
        "validate_certs": False,
        "host": "https://other/",
    },
    "options alone": {"host": "https://h/", "api_key": "k", "validate_certs": False},
    "a user and a password": {"host": "http://h", "username": "ann", "password": "p"},
}


def seen(configuration: Any) -> Object:
    """What the client takes from a configuration; files by their content."""
    files = (configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file)
    headers = {
        setting["key"].lower(): setting["value"]
        for setting in configuration.auth_settings().values()
        if setting["value"] and setting["in"] == "header"
    }
    if configuration.username and "authorization" not in headers:
        headers["authorization"] = configuration.get_basic_auth_token()
    return {
        "host": configuration.host,
        "verify": bool(configuration.verify_ssl),
        "files": [Path(file).read_text() if file else None for file in files],
        "headers": headers,
    }


@pytest.fixture(scope="module")
def pair() -> tuple[str, str]:
    """A certificate and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "one")])
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + datetime.timedelta(days=36500))
    ).sign(key, hashes.SHA256())
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), key.private_bytes(*plain).decode()


@pytest.mark.parametrize("name", PLAIN)
def test_plain_is_what_the_library_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = config.load(copy.deepcopy(PLAIN[name]))
    assert isinstance(plain, plain_access.PlainConfiguration)
    monkeypatch.setattr(plain_access, "read", lambda *_arguments, **_more: None)
    library = config.load(copy.deepcopy(PLAIN[name]))
    assert not isinstance(library, plain_access.PlainConfiguration)
    assert seen(plain) == seen(library)


def test_a_file_with_relative_paths(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text(PEM)
    cluster = {"server": "https://h", "certificate-authority": "ca.crt"}
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig(cluster, token="t")))
    found = config.load({"kubeconfig": str(path)})
    assert isinstance(found, plain_access.PlainConfiguration)
    assert found.ssl_ca_cert == str(tmp_path / "ca.crt")


def test_the_default_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig(token="t")))
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert config.load({}).host == "https://one.invalid:6443"


LEFT: dict[str, Object] = {
    "exec": {"kubeconfig": kubeconfig(exec={"command": "x"})},
    "auth-provider": {"kubeconfig": kubeconfig(**{"auth-provider": {"name": "oidc"}})},
    "a token in a file": {"kubeconfig": kubeconfig(tokenFile="/t")},
    "a server name": {"kubeconfig": kubeconfig({**SERVER, "tls-server-name": "x"}, token="t")},
    "a proxy in the file": {"kubeconfig": kubeconfig({**SERVER, "proxy-url": "http://p"}, token="t")},
    "a proxy": {"kubeconfig": kubeconfig(token="t"), "proxy": "http://p"},
    "trust by default": {"host": "https://h", "api_key": "k"},
    "an unknown context": {"kubeconfig": kubeconfig(token="t"), "context": "three"},
    "no such file": {"kubeconfig": "/does/not/exist"},
    "a missing certificate": {"kubeconfig": kubeconfig(**{"client-certificate": "/none", "client-key": "/none"})},
    "data that are none": {"kubeconfig": kubeconfig({**SERVER, "certificate-authority-data": "%"}, token="t")},
    "several files": {"kubeconfig": "/a:/b"},
}


@pytest.mark.parametrize("name", LEFT)
def test_the_rest_is_left_to_the_library(name: str) -> None:
    complete = config._complete(LEFT[name])
    assert plain_access.read(LEFT[name], config._ATTRIBUTES, complete=complete) is None


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "KUBERNETES_SERVICE_HOST"])
def test_surroundings_that_are_left_to_the_library(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "http://x")
    auth = {} if variable == "KUBERNETES_SERVICE_HOST" else PLAIN["token"]
    assert plain_access.read(auth, config._ATTRIBUTES, complete=False) is None


def test_a_plain_configuration_needs_no_import_of_the_library(tmp_path: Path, pair: tuple[str, str]) -> None:
    path = tmp_path / "kubeconfig"
    authority = {**SERVER, "certificate-authority-data": base64.b64encode(pair[0].encode()).decode()}
    path.write_text(yaml.safe_dump(kubeconfig(authority, token="t")))
    utils = "ansible_collections.modelserving.kserve.plugins.module_utils.cluster"
    root = Path(__file__).parents[5]
    program = (
        f"import sys, types\n"
        f"for name in ('ansible_collections', 'ansible_collections.modelserving'):\n"
        f"    sys.modules[name] = types.ModuleType(name); sys.modules[name].__path__ = []\n"
        f"ours = types.ModuleType('ansible_collections.modelserving.kserve'); ours.__path__ = [{str(root)!r}]\n"
        f"sys.modules[ours.__name__] = ours\n"
        f"from {utils} import config\n"
        f"from {utils}.client import Client\n"
        f"Client(config.load({{'kubeconfig': {str(path)!r}}}))\n"
        f"assert 'kubernetes' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_keys_are_for_this_user_only_and_go_once_they_are_loaded(pair: tuple[str, str]) -> None:
    certificate, key = (base64.b64encode(text.encode()).decode() for text in pair)
    access = kubeconfig(
        {"server": "https://one.invalid", "certificate-authority-data": certificate},
        **{"client-certificate-data": certificate, "client-key-data": key},
    )
    found = config.load({"kubeconfig": access})
    folder = Path(found.key_file).parent
    assert folder.stat().st_mode & 0o077 == 0 and len(list(folder.iterdir())) == 3
    Client(found)
    assert not folder.exists()
    Client(found)  # what was loaded is kept


def test_what_is_no_certificate_is_said_before_any_request() -> None:
    with pytest.raises(ConfigurationError, match="check the certificates"):
        Client(config.load({"kubeconfig": kubeconfig(token="t")}))


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(pair: tuple[str, str], tmp_path: Path) -> None:
    key = serialization.load_pem_private_key(pair[1].encode(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"sesame")
    )
    files = {"ca_cert": pair[0].encode(), "client_cert": pair[0].encode(), "client_key": locked}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    access = {"host": "https://h", **{name: str(tmp_path / name) for name in files}}
    with pytest.raises(ConfigurationError, match="key is encrypted"):
        Client(config.load(access))
