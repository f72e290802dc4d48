# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Placeholders such as {{.Name}} in a runtime's containers.

KServe writes the merged kserve-container (and transformer-container) as JSON, takes it for a Go html/template, carries
it out over the InferenceService's ObjectMeta and reads the result as JSON again.
Source: pkg/controller/v1beta1/inferenceservice/utils/utils.go, ReplacePlaceholders.
"""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.template_exec import Unknowable, execute
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.template_lexer import TemplateError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.template_parser import Tree, parse

__all__ = ["TemplateError", "Unknowable", "go_json", "parse_text", "render", "speaks_of_a_service", "strings_of"]

# What Go's encoding/json writes differently from Python's.
_GO_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})

_METADATA = re.compile(r"\{\{[^}]*\.(Name|Namespace|Labels|Annotations)\b")


def speaks_of_a_service(text: str) -> bool:
    """Say whether a text has a placeholder with a field of the service's metadata, and so one that is KServe's."""
    return _METADATA.search(text) is not None


def go_json(value: t.Any) -> str:
    """Write a value as Go's encoding/json does (<, > and & escaped)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_GO_ESCAPES)


def parse_text(text: str) -> Tree:
    """Parse the placeholders of one string as they stand in the container's JSON.

    :raises TemplateError: where KServe would report that it failed to replace placeholders.
    """
    return parse(go_json(text))


def render(value: t.Any, metadata: Mapping[str, t.Any]) -> t.Any:
    """Return a container (or one of its strings) with its placeholders replaced.

    :param metadata: the InferenceService's metadata.
    :raises TemplateError: where KServe fails; `parsed` is False where it fails for every service.
    :raises Unknowable: where the template uses what is not followed here.
    """
    text = execute(parse(go_json(value)), metadata)
    try:
        return json.loads(text)
    except ValueError as error:
        message = "the result is no JSON: a value has a backslash, a quote or a line break"
        raise TemplateError(message, parsed=True) from error


def strings_of(value: t.Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string within a value that may hold a placeholder, with its path; a map's keys count too."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings_of(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            where = f"{path}.{key}" if path else str(key)
            if "{{" in str(key):
                yield where, str(key)
            yield from strings_of(item, where)
