# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What explain_selection makes of files and of what was seen on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.plugin_utils import choosing, manifest

ALPHA, BETA = "serving.kserve.io/v1alpha1", "serving.kserve.io/v1beta1"


def service(name: str, namespace: str | None = "m", **model: Any) -> dict[str, Any]:
    wanted = {"modelFormat": {"name": "sklearn"}, "protocolVersion": "v2", **model}
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": BETA,
        "kind": "InferenceService",
        "metadata": metadata,
        "spec": {"predictor": {"model": wanted}},
    }


def runtime(name: str, namespace: str | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": ALPHA,
        "kind": "ServingRuntime" if namespace else "ClusterServingRuntime",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "spec": {"supportedModelFormats": [{"name": "sklearn", "autoSelect": True}], **spec},
    }


def seen(**what: Any) -> dict[str, Any]:
    version = {"number": "0.20.0", "origin": "found"}
    return {"services": [], "runtimes": [], "unseen": [], "kserve_version": version, **what}


def unseen(kind: str, namespace: str | None = None) -> dict[str, Any]:
    return {"what": f"{kind}s", "kind": kind, "namespace": namespace, "reason": "forbidden", "message": "forbidden"}


def answered(*files: Path, **cluster: Any) -> tuple[dict[str, Any], choosing.Question]:
    question = choosing.Question()
    question.add_files([str(file) for file in files])
    if cluster:
        question.add_seen(seen(**cluster), [])
    return choosing.answer(question, "relevant"), question


def row(answer: dict[str, Any], name: str) -> list[str]:
    line = next(line for line in answer["lines"] if line.startswith(f"{name} "))
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_lists_and_documents_of_no_kind(tmp_path: Path) -> None:
    documents = [
        {"replicas": 2, "note": "an InferenceService's values"},
        None,
        ["InferenceService"],
        {"apiVersion": "v1", "kind": "List", "items": [service("a"), runtime("one"), {"kind": "ConfigMap"}]},
        {"apiVersion": BETA, "kind": "InferenceServiceList", "items": [service("b")]},
        {"apiVersion": "example.com/v1", "kind": "InferenceService", "metadata": {"name": "another's"}},
    ]
    (path := tmp_path / "all.yaml").write_text(yaml.safe_dump_all(documents))
    answer, question = answered(path)
    assert [item["name"] for item in answer["choices"]] == ["a", "b"]
    assert row(answer, "m/b")[2] == "one"
    assert not answer["errors"] and not question.warnings


def test_one_bad_object_is_named_and_does_not_hide_the_others(tmp_path: Path) -> None:
    bad = service("bad", version=1.5)
    bad["spec"]["predictor"]["model"]["modelFormat"]["version"] = 1.5
    worse = {**service("worse"), "metadata": ["no mapping"]}
    broken = runtime("broken", "m", supportedModelFormats="sklearn")
    (tmp_path / "a.yaml").write_text("kind: InferenceService\na: [\n")
    (tmp_path / "b.yaml").write_text(yaml.safe_dump_all([service("good"), bad, worse, broken, runtime("one")]))
    answer, _question = answered(tmp_path)
    assert [item["name"] for item in answer["choices"]] == ["good"]
    starts = [error.split(": ")[0] for error in answer["errors"]]
    text = (tmp_path / "b.yaml").read_text().splitlines()
    assert starts[:2] == [
        f"{tmp_path}/a.yaml",
        f"ServingRuntime m/broken ({tmp_path}/b.yaml:{_start(text, 'name: broken')})",
    ]
    assert starts[2] == f"InferenceService m/bad ({tmp_path}/b.yaml:{_start(text, 'name: bad')})"
    assert starts[3].startswith("InferenceService default/(unnamed)")
    assert all(f"ERROR {error}" in answer["lines"] for error in answer["errors"])


def _start(text: list[str], within: str) -> int:
    """The line on which the document that has this line begins."""
    number = next(index for index, line in enumerate(text) if line.strip() == within)
    while number and text[number - 1] != "---":
        number -= 1
    return number + 1


def test_a_file_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    (path := tmp_path / "a.yaml").write_text(yaml.safe_dump_all([service("a"), runtime("one")]))
    answer, question = answered(path, tmp_path)
    assert [len(question.services), len(question.runtimes), question.warnings] == [1, 1, []]
    assert row(answer, "m/a")[3] == "the only candidate"


def test_a_file_without_kserves_objects_is_said(tmp_path: Path) -> None:
    (path := tmp_path / "a.yaml").write_text("kind: ConfigMap\n")
    answer, question = answered(path)
    assert question.warnings == [f"{path} holds neither an InferenceService nor a runtime that could be read."]
    assert answer["lines"][0] == "There is no InferenceService."


def test_relative_paths_start_where_the_command_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "a.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert manifest.files(["deploy", "deploy/a.json"]) == [tmp_path / "deploy" / "a.json"]
    with pytest.raises(manifest.ManifestError, match=f"There is no manifest {tmp_path}/absent"):
        manifest.files(["absent"])


def test_a_written_runtime_stands_in_for_the_live_one(tmp_path: Path) -> None:
    old = {**runtime("one"), "metadata": {"name": "one", "creationTimestamp": "2026-01-01T00:00:00Z"}}
    two = {**runtime("two"), "metadata": {"name": "two", "creationTimestamp": "2026-02-01T00:00:00Z"}}
    new = runtime("three", protocolVersions=["v2"])
    (path := tmp_path / "a.yaml").write_text(
        yaml.safe_dump_all([service("a"), runtime("one", protocolVersions=["v2"])])
    )
    answer, _question = answered(path, runtimes=[old, two])
    (choice,) = answer["choices"]
    assert [item["name"] for item in choice["candidates"]] == ["one", "two"]  # v2 comes before no protocol
    path.write_text(yaml.safe_dump_all([service("a"), runtime("one"), new]))
    (choice,) = answered(path, runtimes=[old, two])[0]["choices"]
    assert [item["name"] for item in choice["candidates"]] == ["three", "two", "one"]  # one stays as old as it is


CLUSTER, HERE, ELSEWHERE = "ClusterServingRuntime", "ServingRuntime", "ServingRuntime"


@pytest.mark.parametrize(
    ("runtimes", "hidden", "model", "doubt"),
    [
        ([runtime("here", "m")], [(CLUSTER, None)], {}, None),
        ([runtime("all")], [(HERE, "other")], {}, None),
        ([runtime("all")], [(HERE, "m")], {}, "ServingRuntimes in namespace m were not seen"),
        ([], [(CLUSTER, None)], {}, "ClusterServingRuntimes were not seen"),
        ([], [(CLUSTER, None)], {"runtime": "x"}, "ClusterServingRuntimes were not seen"),
        ([runtime("x", "m", disabled=True)], [(CLUSTER, None)], {"runtime": "x"}, None),
        (
            [],
            [(HERE, "m"), (CLUSTER, None)],
            {},
            "ServingRuntimes in namespace m and ClusterServingRuntimes were not seen",
        ),
    ],
)
def test_what_may_not_be_read_is_not_absent(
    runtimes: list[Any], hidden: list[tuple[str, str | None]], model: dict[str, Any], doubt: str | None
) -> None:
    question = choosing.Question()
    question.add_seen(
        seen(services=[service("a", **model)], runtimes=runtimes, unseen=[unseen(*item) for item in hidden]), []
    )
    answer = choosing.answer(question, "relevant")
    assert answer["choices"][0]["doubt"] == doubt
    assert (row(answer, "m/a")[2] == "unknown") is (doubt is not None)
    assert doubt is None or row(answer, "m/a")[3].startswith(f"{doubt}; among those seen: ")
    assert len(question.warnings) == len(hidden)


@pytest.mark.parametrize(
    ("origin", "words"), [("found", "found on the cluster"), ("given", "given"), ("assumed", "assumed")]
)
def test_the_version_that_decides_is_said(origin: str, words: str) -> None:
    question = choosing.Question()
    question.add_seen(seen(kserve_version={"number": "0.17.0", "origin": origin}, warnings=["a"]), [])
    answer = choosing.answer(question, "none")
    assert answer["lines"][-1] == f"Decided by the rules of KServe 0.17.0 ({words})."
    assert answer["kserve_version"] == {"number": "0.17.0", "origin": origin} and question.warnings == ["a"]


def test_a_namespace_without_services_is_said() -> None:
    question = choosing.Question()
    question.add_seen(seen(services=[service("a")]), ["m", "typo"])
    assert question.warnings == ["There is no InferenceService in namespace typo."]
    question = choosing.Question()
    question.add_seen(seen(), ["typo", "other"])
    assert choosing.answer(question, "all")["lines"][0] == "There is no InferenceService in namespaces other, typo."
