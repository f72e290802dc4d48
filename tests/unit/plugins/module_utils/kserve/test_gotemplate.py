# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placeholders against what Go's html/template made of them (recorded/go_templates.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import gotemplate
from hypothesis import given
from hypothesis import strategies as st

RECORDED = json.loads((Path(__file__).parent / "recorded" / "go_templates.json").read_text())


def outcome(text: str, metadata: dict[str, Any]) -> list[str] | None:
    """Return what becomes of a text, None where nothing is said about it."""
    try:
        return ["ok", gotemplate.render([text], metadata)[0]]
    except gotemplate.TemplateError as error:
        return ["exec" if error.parsed else "parse", ""]
    except gotemplate.Unknowable:
        return None


@pytest.mark.parametrize("text, first, second", RECORDED["cases"])
def test_as_go_does(text: str, first: list[str], second: list[str]) -> None:
    for metadata, expected in zip(RECORDED["metadata"], (first, second), strict=True):
        found = outcome(text, metadata)
        assert found == expected or (found is None and expected[0] != "parse")


def test_little_is_unknowable() -> None:
    unknown = [text for text, *_ in RECORDED["cases"] if outcome(text, RECORDED["metadata"][0]) is None]
    assert len(unknown) < len(RECORDED["cases"]) // 8


@pytest.mark.parametrize(
    "text, words",
    [
        ("{{.Name", "bad character"),
        ("{{ Name }}", "function 'Name' not defined"),
        ("{{.Labels.a-b}}", "bad character"),
        ('{{index .Labels "a/b"}}', "unexpected '\\\\'"),
        ("{{}}", "missing value"),
        ("{{if .Name}}a", "unexpected EOF"),
        ("{{end}}", "unexpected {{end}}"),
        ("{{$x}}", "undefined variable"),
        ("{{.Name | 1}}", "non executable command"),
    ],
)
def test_says_why_it_cannot_be_parsed(text: str, words: str) -> None:
    with pytest.raises(gotemplate.TemplateError) as raised:
        gotemplate.parse_text(text)
    assert words in str(raised.value)
    assert not raised.value.parsed


def test_values_are_html_escaped() -> None:
    metadata = {"name": "a", "annotations": {"x": "<1 & 2>"}}
    assert gotemplate.render("{{.Annotations.x}}", metadata) == "&lt;1 &amp; 2&gt;"


@pytest.mark.parametrize("value", ["a\\q", "line\nbreak"])
def test_a_value_that_breaks_the_json(value: str) -> None:
    with pytest.raises(gotemplate.TemplateError, match="no JSON"):
        gotemplate.render("{{.Annotations.x}}", {"annotations": {"x": value}})


def test_a_container_is_rendered_as_a_whole() -> None:
    container = {
        "name": "kserve-container",
        "args": ["--n={{.Name}}"],
        "env": [{"name": "A", "value": "{{.Namespace}}"}],
    }
    assert gotemplate.render(container, {"name": "iris", "namespace": "models"}) == {
        "name": "kserve-container",
        "args": ["--n=iris"],
        "env": [{"name": "A", "value": "models"}],
    }


def test_strings_are_found_with_their_paths() -> None:
    container = {"args": ["a"], "env": [{"name": "b"}], "{{x}}": 1}
    assert list(gotemplate.strings_of(container)) == [("args[0]", "a"), ("env[0].name", "b"), ("{{x}}", "{{x}}")]


@given(st.text(alphabet=st.characters(exclude_characters="{}", exclude_categories=("Cs",))))
def test_text_without_braces_stays(text: str) -> None:
    assert gotemplate.render(text, {"name": "a"}) == text


@given(st.text(alphabet="{}.`\"'()|$-=:, \nNameLabels/*ifendrange0", max_size=40))
def test_never_anything_but_its_own_errors(text: str) -> None:
    outcome(text, {"name": "a", "labels": {"b": "c"}})
