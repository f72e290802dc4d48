# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From kubernetes.core's auth options and K8S_AUTH_* variables to a client configuration.

The options are kubernetes.core's, so that playbooks, variables and habits carry over; the reading is the `kubernetes`
library's (kubeconfig, in-cluster, exec plugins, token refresh), which is imported only where plain_access.py has no
answer.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import plain_access
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import ConfigurationError

HAS_KUBERNETES = importlib.util.find_spec("kubernetes") is not None  # its absence is said by ansible.py

# option -> attribute of kubernetes.client.Configuration; the variable is K8S_AUTH_<OPTION> or K8S_AUTH_<ATTRIBUTE>.
_ATTRIBUTES = {
    "host": "host",
    "validate_certs": "verify_ssl",
    "ca_cert": "ssl_ca_cert",
    "client_cert": "cert_file",
    "client_key": "key_file",
    "proxy": "proxy",
    "no_proxy": "no_proxy",
    "username": "username",
    "password": "password",
}
_FILES = {name: _ATTRIBUTES[name] for name in ("ca_cert", "client_cert", "client_key")}
_WORDS = {"ca_cert": "certificate authority", "client_cert": "client certificate", "client_key": "client key"}
_OTHERS = ("kubeconfig", "context", "api_key", "persist_config", "impersonate_user", "impersonate_groups")
_BOOLEANS = ("validate_certs", "persist_config")


def resolve(options: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The auth options that apply, by kubernetes.core's names: the task's, else the environment's, else left out."""
    environment = os.environ if environment is None else environment
    found: dict[str, Any] = {}
    for name in (*_ATTRIBUTES, *_OTHERS):
        value = options.get(name)
        if value is None:
            value = _from_environment(name, environment)
        if value is not None:
            found[name] = value
    headers = options.get("proxy_headers") or _proxy_headers(environment)
    if headers:
        found["proxy_headers"] = headers
    return found


def _from_environment(name: str, environment: Mapping[str, str]) -> Any:
    attribute = _ATTRIBUTES.get(name, name)
    text = environment.get(f"K8S_AUTH_{name.upper()}") or environment.get(f"K8S_AUTH_{attribute.upper()}")
    if text is None:
        return None
    if name in _BOOLEANS:
        return text.lower() not in ("0", "false", "no")
    if name == "impersonate_groups":
        return [group for group in text.split(",") if group]
    return text


def _proxy_headers(environment: Mapping[str, str]) -> dict[str, str]:
    names = ("proxy_basic_auth", "basic_auth", "user_agent")
    found = {name: environment.get(f"K8S_AUTH_PROXY_HEADERS_{name.upper()}") for name in names}
    return {name: value for name, value in found.items() if value}


def load(auth: Mapping[str, Any], *, library: bool = True) -> Any:
    """A ``kubernetes.client.Configuration``, or a PlainConfiguration, from resolved options (see ``resolve``).

    As in kubernetes.core: a host with credentials is enough; else a named kubeconfig or context; else the pod's own
    service account; else the default kubeconfig. Raises ConfigurationError.

    library: whether the `kubernetes` library may be used; None where it is needed and may not.
    """
    configuration = plain_access.read(auth, _ATTRIBUTES, complete=_complete(auth))
    if configuration is None:
        if not library:
            return None
        configuration = _read_by_library(auth)
    configuration.host = str(configuration.host).rstrip("/")
    if "api_key" in auth:
        configuration.api_key = {"authorization": f"Bearer {auth['api_key']}"}
        configuration.refresh_api_key_hook = None
    _check_files(configuration, auth)
    return configuration


def _check_files(configuration: Any, auth: Mapping[str, Any]) -> None:
    """Name a file that cannot be read; ssl would say "No such file or directory" alone, at the first request."""
    for option, attribute in _FILES.items():
        path = getattr(configuration, attribute)
        if path and not (Path(path).is_file() and os.access(path, os.R_OK)):
            place = option if option in auth else f"The {_WORDS[option]} in {_place(auth.get('kubeconfig'))}"
            wrong = "cannot be read" if Path(path).exists() else "does not exist"
            raise ConfigurationError(f"{place}: {path} {wrong}: give the path of a file that this user may read.")


def _read_by_library(auth: Mapping[str, Any]) -> Any:
    import kubernetes.client

    configuration = kubernetes.client.Configuration()
    if not _complete(auth):
        _load_into(configuration, auth)
    for name, attribute in _ATTRIBUTES.items():
        if name in auth:
            setattr(configuration, attribute, auth[name])
    if "proxy_headers" in auth:
        import urllib3.util  # comes with kubernetes

        configuration.proxy_headers = urllib3.util.make_headers(**auth["proxy_headers"])
    return configuration


def _complete(auth: Mapping[str, Any]) -> bool:
    pairs = (("username", "password"), ("api_key",), ("client_cert", "client_key"))
    return bool(auth.get("host")) and any(all(auth.get(name) for name in pair) for pair in pairs)


def _load_into(configuration: Any, auth: Mapping[str, Any]) -> None:
    import kubernetes.config

    wanted = auth.get("kubeconfig")
    try:
        if not wanted and not auth.get("context") and _inside_cluster(configuration):
            return
        options = {
            "context": auth.get("context"),
            "persist_config": auth.get("persist_config", True),
            "client_configuration": configuration,
        }
        if isinstance(wanted, Mapping):
            options.pop("persist_config")
            kubernetes.config.load_kube_config_from_dict(config_dict=dict(wanted), **options)
        else:
            kubernetes.config.load_kube_config(config_file=_existing(wanted), **options)
    except ConfigurationError:
        raise
    except Exception as error:  # the library raises ConfigException, but also yaml's, KeyError, TypeError, OSError
        raise ConfigurationError(
            f"Cannot read how to reach the cluster from {_place(wanted)}: {_first_line(error)}: "
            "set kubeconfig (or K8S_AUTH_KUBECONFIG, or KUBECONFIG) to a valid file, or host and api_key."
        ) from error


def _inside_cluster(configuration: Any) -> bool:
    import kubernetes.config

    try:
        kubernetes.config.load_incluster_config(client_configuration=configuration)
    except kubernetes.config.ConfigException:
        return False
    return True


def _existing(path: str | None) -> str | None:
    if path and not Path(path).expanduser().is_file():
        raise ConfigurationError(f"The kubeconfig {path} does not exist: give the path of an existing file.")
    return str(Path(path).expanduser()) if path else None


def _place(kubeconfig: Any) -> str:
    if isinstance(kubeconfig, Mapping):
        return "the kubeconfig given inline"
    return f"the kubeconfig {kubeconfig or os.environ.get('KUBECONFIG') or '~/.kube/config'}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
