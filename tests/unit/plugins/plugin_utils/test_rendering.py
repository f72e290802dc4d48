# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every report says the same things, stays well formed whatever it is given, and shows no secret."""

from __future__ import annotations

import copy
import html.parser
import json
import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import report
from ansible_collections.modelserving.kserve.plugins.plugin_utils import rendering
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import planted
from ansible_collections.modelserving.kserve.tests.unit.plugins.plugin_utils import results

FORMATS = list(rendering.FORMATS)
RESULTS = {
    "on call": results.on_call(),
    "one": results.one(),
    "nothing": results.nothing(),
    "two hundred": results.many(200),
    "a thousand": results.many(1000),
}
SHAPES = planted.shapes()
HOSTILE = (
    "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)> ]]> {{ 7 * 7 }} `|` \x1b[31mred\x00\x07 \ud800"
)


class Page(html.parser.HTMLParser):
    """Collects tags and attributes and checks that elements nest."""

    VOID = frozenset(("meta", "input", "img", "br", "hr", "link"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def render(result: dict[str, Any], name: str, **options: Any) -> str:
    return rendering.Renderer(result).render(name, **options)


def everywhere(item: Any, text: str) -> Any:
    """The same structure with *text* added to every string that is no enumerated value."""
    fixed = ("severity", "state", "source", "reason", "scope", "kind", "phase", "taken_at", "docs")
    if isinstance(item, dict):
        return {key: value if key in fixed else everywhere(value, text) for key, value in item.items()}
    if isinstance(item, list):
        return [everywhere(value, text) for value in item]
    return f"{item}{text}" if isinstance(item, str) else item


def words(name: str, rendered: str) -> str:
    """What a reader sees, on one line."""
    if name == "html":
        shown = Page(rendered).words
    elif name == "junit":
        root = ElementTree.fromstring(rendered)
        shown = [*root.itertext(), *(value for node in root.iter() for value in node.attrib.values())]
    else:
        shown = [re.sub(r"\\([^\w\s])", r"\1", rendered) if name == "markdown" else rendered]
    return " ".join(" ".join(shown).split())


@pytest.mark.parametrize("name", ["text", "markdown", "html", "junit"])
def test_every_report_names_cause_evidence_and_remedy(name: str) -> None:
    seen = words(name, render(RESULTS["on call"], name))
    for finding in RESULTS["on call"]["findings"]:
        parts = [finding["code"], finding["title"], finding["cause"], finding["remedy"]["text"]]
        parts += [piece["text"] for piece in finding["evidence"]] + [finding["remedy"]["command"] or ""]
        for part in parts:
            assert " ".join(part.split()) in seen, part


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS.keys())
@pytest.mark.parametrize("name", FORMATS)
def test_the_same_result_gives_the_same_bytes(name: str, result: dict[str, Any]) -> None:
    before = copy.deepcopy(result)
    assert render(result, name) == render(result, name)
    assert result == before


# -- text ------------------------------------------------------------------------------------------------------------


def test_text_begins_with_the_summary_and_the_worst() -> None:
    lines = render(RESULTS["on call"], "text").splitlines()
    assert lines[1] == "2 errors, 1 warning and 1 note. 1 of 5 services ready (2 failed, 1 unknown, 1 loading)."
    assert [line.split()[:2] for line in lines if re.match(r"[A-Z]+ +KS", line)] == [
        ["ERROR", "KS036"],
        ["ERROR", "KS030"],
        ["WARNING", "KS003"],
        ["INFO", "KS061"],
    ]


def test_text_wraps_sentences_and_leaves_commands_alone() -> None:
    text = render(RESULTS["on call"], "text", width=80)
    command = RESULTS["on call"]["findings"][0]["remedy"]["command"]
    assert f"            $ {command}\n" in text
    wrapped = [line for line in text.splitlines() if line.startswith("  cause") or line.startswith(" " * 12 + "never")]
    assert wrapped and all(len(line) <= 80 for line in wrapped)


def test_text_shows_only_the_sections_asked_for() -> None:
    text = render(RESULTS["on call"], "text", sections=["services"])
    assert text.startswith("SERVICE") and "KS036" in text and "cause" not in text and "RUNTIME " in text
    assert render(RESULTS["on call"], "text", sections=["runtimes"]).startswith("RUNTIME")


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (results.nothing(), "Nothing found. No service to show."),
        (results.one(), "Nothing found. The only service is ready."),
        (results.many(4), "Nothing found. All 4 services are ready."),
        (results.many(5), "1 error. 4 of 5 services ready (1 failed)."),
    ],
)
def test_the_headline(result: dict[str, Any], sentence: str) -> None:
    assert report.model(result)["headline"] == sentence


# -- HTML ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS.keys())
def test_html_is_well_formed_and_needs_nothing_else(result: dict[str, Any]) -> None:
    page = Page(render(result, "html"))
    assert not page.named("link") and not page.named("img") and not page.named("iframe")
    assert all("src" not in attributes for _, attributes in page.tags)
    targets = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert len(targets) == sum(1 for _, attributes in page.tags if "id" in attributes), "an id stands twice"
    for attributes in page.named("a"):
        href = attributes["href"] or ""
        assert href.startswith("https://") or href[1:] in targets, href


def test_html_survives_hostile_names() -> None:
    hostile = render(everywhere(results.on_call(), HOSTILE), "html")
    page, plain = Page(hostile), Page(render(results.on_call(), "html"))
    assert [tag for tag, _ in page.tags if tag in ("script", "img")] == [
        tag for tag, _ in plain.tags if tag == "script"
    ]
    assert not [attributes for _, attributes in page.tags if any(key.startswith("on") for key in attributes)]
    assert not re.search(r"[\x00-\x08\x1b\ud800-\udfff]", hostile)
    assert "{{ 7 * 7 }}" in hostile


def test_html_links_documentation_only_over_https() -> None:
    result = results.on_call()
    result["findings"][0]["docs"] = "javascript:alert(1)"
    assert "javascript:" not in render(result, "html")


@pytest.mark.parametrize("count", [1, 5, 12, 13, 200, 1000])
@pytest.mark.parametrize("name", ["wide", "narrow"])
def test_the_picture_has_every_service_once_and_nothing_overlaps(count: int, name: str) -> None:
    picture = report.model(results.many(count))["pictures"][name]
    shown = [box for box in picture.boxes if box["kind"] == "service"]
    assert len({box["anchor"] for box in shown}) == len(shown) == min(count, 300)
    assert all(box["x"] >= 0 and box["x"] + box["w"] <= picture.width for box in picture.boxes)
    assert all(box["y"] >= 0 and box["y"] + box["h"] <= picture.height for box in picture.boxes)
    places = sorted((box["y"], box["y"] + box["h"], box["x"], box["x"] + box["w"]) for box in picture.boxes)
    for index, (_, bottom, left, right) in enumerate(places):
        for top, _, other_left, other_right in places[index + 1 :]:
            if top >= bottom:
                break
            assert other_left >= right or other_right <= left, "two boxes overlap"


def test_a_service_without_a_runtime_and_a_runtime_without_services() -> None:
    model = report.model(results.on_call())
    boxes = [box["lines"][0] for box in model["pictures"]["wide"].boxes if box["kind"] == "runtime"]
    assert boxes == ["triton-gpu", "kserve-mlserver", "no runtime"]
    assert model["unused"] == ["kserve-torchserve"]


# -- JUnit -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS.keys())
@pytest.mark.parametrize("hostile", ["", HOSTILE], ids=["plain", "hostile"])
def test_junit_counts_what_it_holds(result: dict[str, Any], hostile: str) -> None:
    root = ElementTree.fromstring(render(everywhere(result, hostile), "junit"))
    assert root.tag == "testsuites"
    assert int(root.attrib["tests"]) == len(root.findall(".//testcase"))
    assert int(root.attrib["failures"]) == len(root.findall(".//failure"))
    for suite in root:
        assert suite.tag == "testsuite"
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
        assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
        assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped"))
        assert all(case.attrib["name"] and case.attrib["classname"] for case in suite)


@pytest.mark.parametrize(("fail_on", "failures"), [("error", 2), ("warning", 3)])
def test_junit_fails_from_a_severity_on(fail_on: str, failures: int) -> None:
    text = rendering.Renderer(results.on_call(), fail_on=fail_on).render("junit")
    assert len(ElementTree.fromstring(text).findall(".//failure")) == failures


# -- Markdown, JSON --------------------------------------------------------------------------------------------------


def test_markdown_tables_keep_their_columns() -> None:
    lines = render(everywhere(results.on_call(), HOSTILE), "markdown").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert rows and {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {7}


def test_markdown_fences_hold_what_they_are_given() -> None:
    assert rendering.fenced("a\n```\nb") == "````\na\n```\nb\n````"


def test_json_is_the_result() -> None:
    assert json.loads(render(results.on_call(), "json")) == results.on_call()


# -- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_no_report_shows_a_secret(name: str) -> None:
    for shape, (text, parts) in SHAPES.items():
        rendered = render(everywhere(results.on_call(), f" {text}"), name)
        assert not planted.leaks(rendered, parts), shape


@pytest.mark.parametrize("value", planted.ORDINARY)
def test_reports_keep_ordinary_values(value: str) -> None:
    result = results.on_call()
    result["findings"][0]["evidence"][0]["text"] = value
    assert json.loads(render(result, "json"))["findings"][0]["evidence"][0]["text"] == value
    assert " ".join(value.split()) in " ".join(render(result, "text").split())
