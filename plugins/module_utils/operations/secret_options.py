# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What in a task's options is secret, beyond whole options that are marked ``no_log``.

Secrets also come from variables, an inline kubeconfig and the environment of containers, whose other fields are what a
reader of a job log needs.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import shown


def hidden(params: dict[str, Any], argument_spec: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Any], set[str]]:
    """The parameters as anybody may see them, and the texts that no output may hold."""
    cleaned, texts = _without_texts(params, argument_spec)
    presentable: dict[str, Any] = shown.redacted(cleaned)
    found = {str(value) for value in shown.secrets(cleaned)}
    found.update(texts, (repr(text)[1:-1] for text in texts))  # a message quotes a text by its repr
    if found:
        # Whatever holds such a text loses it, names too: so neither short ones nor what the task also says openly.
        openly = json.dumps(presentable, default=str)
        found = {text for text in found if len(text) >= _LONG and text not in openly}
    return presentable, found | _credentials(config.resolve(params))


_LONG = 8

# What variables can stand in, wherever it is in an option.
_STRUCTURED = frozenset(
    ("additional_spec", "builtInAdapter", "built_in_adapter", "containers", "env", "initContainers", "init_containers")
    + ("runtimes", "workerSpec", "worker_spec")
)
_MARKS = "{[:="  # without one of them a text holds no variable's value


def _without_texts(
    params: dict[str, Any], argument_spec: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    """The parameters less what is text where a structure belongs, and these texts; the same where there is none.

    A template, or a quote too many, makes a text of a whole list, secrets included. Nobody can tell them apart in it.
    """
    texts = [holder[key] for holder, key in _texts(params, argument_spec)]
    if not texts:
        return params, []
    result = copy.deepcopy(params)
    for holder, key in list(_texts(result, argument_spec)):
        holder[key] = shown.REDACTED
    return result, texts


def _texts(params: dict[str, Any], argument_spec: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Any, Any]]:
    """Where such texts stand: a mapping or list and the key or index there."""
    for name, option in argument_spec.items():
        structured = "dict" in (option.get("type"), option.get("elements"))
        for key in (name, *(option.get("aliases") or ())):
            if key in params:
                yield from _text_at(params, key, structured)


def _text_at(holder: Any, key: Any, structured: bool) -> Iterator[tuple[Any, Any]]:
    value = holder[key]
    if isinstance(value, dict):
        for name in value:
            yield from _text_at(value, name, name in _STRUCTURED)
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from _text_at(value, index, structured)
    elif structured and isinstance(value, str) and any(mark in value for mark in _MARKS):
        yield holder, key


_SECRET_OPTIONS = ("api_key", "password")
_SECRET_HEADERS = ("proxy_basic_auth", "basic_auth")
_SECRET_KEYS = ("token", "password", "client-key-data", "access-token", "refresh-token", "id-token", "client-secret")


def _credentials(auth: Mapping[str, Any]) -> set[str]:
    """The secrets in resolved auth options, wherever they came from."""
    headers = auth.get("proxy_headers")
    found = [auth.get(name) for name in _SECRET_OPTIONS]
    found += [headers.get(name) for name in _SECRET_HEADERS] if isinstance(headers, Mapping) else []
    found += [_password(auth.get(name)) for name in ("proxy", "host")]
    # options that AnsibleModule refused have any type
    return {text for text in found if text and isinstance(text, str)} | _strings_under_secret_keys(
        auth.get("kubeconfig")
    )


def _password(url: Any) -> str | None:
    try:
        return urlsplit(url).password if isinstance(url, str) else None
    except ValueError:
        return None


def _strings_under_secret_keys(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        found = {item for key, item in value.items() if key in _SECRET_KEYS and isinstance(item, str) and item}
        return found.union(*(_strings_under_secret_keys(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(_strings_under_secret_keys(item) for item in value))
    return set()
