# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Auth options, variables and kubeconfig files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import ConfigurationError

KUBECONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "one",
    "clusters": [
        {"name": "one", "cluster": {"server": "https://one.invalid:6443"}},
        {"name": "two", "cluster": {"server": "https://two.invalid:6443/"}},
    ],
    "users": [{"name": "ann", "user": {"token": "sesame"}}],
    "contexts": [
        {"name": "one", "context": {"cluster": "one", "user": "ann"}},
        {"name": "two", "context": {"cluster": "two", "user": "ann"}},
    ],
}


def test_task_wins_over_environment() -> None:
    environment = {"K8S_AUTH_HOST": "https://env", "K8S_AUTH_API_KEY": "from-env"}
    found = config.resolve({"host": "https://task", "api_key": None}, environment)
    assert found == {"host": "https://task", "api_key": "from-env"}


@pytest.mark.parametrize("name", ["K8S_AUTH_VERIFY_SSL", "K8S_AUTH_VALIDATE_CERTS"])
def test_both_spellings_of_a_variable(name: str) -> None:
    assert config.resolve({}, {name: "no"}) == {"validate_certs": False}


def test_variables_with_a_type() -> None:
    environment = {"K8S_AUTH_IMPERSONATE_GROUPS": "a,b", "K8S_AUTH_PROXY_HEADERS_USER_AGENT": "me"}
    expected = {"impersonate_groups": ["a", "b"], "proxy_headers": {"user_agent": "me"}}
    assert config.resolve({}, environment) == expected


def test_false_is_a_value() -> None:
    assert config.resolve({"validate_certs": False}, {"K8S_AUTH_VERIFY_SSL": "yes"}) == {"validate_certs": False}


@pytest.mark.parametrize(("context", "host"), [(None, "https://one.invalid:6443"), ("two", "https://two.invalid:6443")])
def test_inline_kubeconfig(context: str | None, host: str) -> None:
    auth = {"kubeconfig": KUBECONFIG, **({"context": context} if context else {})}
    configuration = config.load(auth)
    assert configuration.host == host
    assert configuration.auth_settings()["BearerToken"]["value"] == "Bearer sesame"


def test_options_override_the_kubeconfig() -> None:
    configuration = config.load({"kubeconfig": KUBECONFIG, "api_key": "other", "validate_certs": False})
    assert configuration.auth_settings()["BearerToken"]["value"] == "Bearer other"
    assert configuration.verify_ssl is False


def test_host_with_token_reads_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/does/not/exist")
    assert config.load({"host": "https://h/", "api_key": "k"}).host == "https://h"


@pytest.mark.parametrize("content", ["not: [yaml", "", "- a list", "apiVersion: v1\nkind: Config\n", "\x00"])
def test_bad_kubeconfig_names_the_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=str(path)) as caught:
        config.load({"kubeconfig": str(path)})
    assert "\n" not in str(caught.value)


def test_missing_kubeconfig_and_context() -> None:
    with pytest.raises(ConfigurationError, match="/does/not/exist does not exist"):
        config.load({"kubeconfig": "/does/not/exist"})
    with pytest.raises(ConfigurationError, match="three"):
        config.load({"kubeconfig": KUBECONFIG, "context": "three"})


@pytest.mark.parametrize("by_library", [False, True])
def test_files_that_a_kubeconfig_names_are_named_where_they_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, by_library: bool
) -> None:
    if by_library:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    missing = tmp_path / "gone.crt"
    cluster = {"server": "https://one.invalid", "certificate-authority": str(missing)}
    kubeconfig = {**KUBECONFIG, "clusters": [{"name": "one", "cluster": cluster}]}
    with pytest.raises(ConfigurationError, match=str(missing)) as caught:
        config.load({"kubeconfig": kubeconfig, "context": "one"})
    assert "kubeconfig" in str(caught.value) and "\n" not in str(caught.value)


def test_a_certificate_that_is_a_directory_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"client_cert: {tmp_path} cannot be read"):
        config.load({"host": "https://h", "client_cert": str(tmp_path), "client_key": str(tmp_path)})
