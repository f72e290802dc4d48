# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result as a whole: contract, merging, order, choice of checks, size, and the page of codes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import diagnose, findings, redact, snapshot
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.codes import CODES, THEMES
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import handmade as hm

ROOT = Path(__file__).resolve().parents[5]


def broken(name: str = "iris", image: str = "Bad Name") -> list[dict[str, Any]]:
    pod = hm.pod(name, state=hm.waiting("InvalidImageName", "invalid reference format"), container={"image": image})
    return [hm.service(name), hm.deployment(name), hm.replicaset(name), pod]


def test_an_empty_snapshot_has_every_key() -> None:
    assert diagnose.diagnose(snapshot.empty()) == {
        "findings": [],
        "runtimes": [],
        "services": [],
        "summary": {"error": 0, "warning": 0, "info": 0},
        "unseen": [],
    }


def test_a_fault_of_a_runtime_is_one_finding_with_all_its_services() -> None:
    data = hm.taken(hm.runtime(), *broken("b"), *broken("a"))
    result = diagnose.diagnose(data)
    (finding,) = result["findings"]
    assert finding["object"]["kind"] == "ServingRuntime"
    assert [item["name"] for item in finding["affects"]] == ["a", "b"]
    assert result["summary"] == {"error": 1, "warning": 0, "info": 0}
    assert result["runtimes"][0]["findings"] == ["KS027"]
    assert [item["findings"] for item in result["services"]] == [["KS027"], ["KS027"]]


def test_symptoms_are_folded_under_the_cause() -> None:
    (finding,) = diagnose.diagnose(hm.taken(hm.runtime(), *broken()))["findings"]
    texts = [item["text"] for item in finding["consequences"]]
    assert any("InvalidImageName" in text for text in texts)
    assert any("Ready is False" in text for text in texts)


def test_order() -> None:
    def made(code: str, severity: str, name: str, hits: int, namespace: str | None = "n") -> findings.Finding:
        ref = findings.Ref("v1", "Pod", namespace, name)
        affects = [findings.Ref("v1", "InferenceService", "n", str(index)) for index in range(hits)]
        return findings.Finding(code, severity, ref, "", "", [], findings.Remedy(""), affects)

    wanted = [
        made("KS009", "error", "z", 3),
        made("KS001", "error", "a", 1, None),
        made("KS001", "error", "a", 1),
        made("KS002", "error", "a", 1),
        made("KS001", "error", "b", 1),
        made("KS001", "warning", "a", 9),
        made("KS001", "info", "a", 0),
    ]
    assert findings.ordered(list(reversed(wanted))) == wanted


def test_checks_choose_by_theme_and_code() -> None:
    data = hm.taken(hm.runtime(), *broken())
    assert diagnose.diagnose(data, checks=["image"])["summary"]["error"] == 1
    assert diagnose.diagnose(data, checks=["KS027"])["summary"]["error"] == 1
    assert diagnose.diagnose(data, checks=["storage", "KS001"])["findings"] == []


def test_names_choose_services_and_the_services_of_runtimes() -> None:
    other = hm.runtime("other")
    data = hm.taken(hm.runtime(), other, *broken("a"), *broken("b"))
    assert [item["name"] for item in diagnose.diagnose(data, names=["a"])["services"]] == ["a"]
    by_runtime = diagnose.diagnose(data, names=["rt"])
    assert [item["name"] for item in by_runtime["services"]] == ["a", "b"]
    assert [item["name"] for item in by_runtime["runtimes"]] == ["rt"]


@pytest.mark.parametrize(
    ("objects", "state"),
    [
        ([hm.service(ready=True), hm.pod(ready=True)], "ready"),
        ([hm.service(), hm.deployment(spec={"replicas": 0})], "scaled_to_zero"),
        ([hm.service(metadata={"annotations": {"serving.kserve.io/stop": "true"}})], "stopped"),
        ([hm.service(metadata={"deletionTimestamp": hm.JUST_NOW})], "deleting"),
        ([hm.service(), hm.pod(state=hm.waiting("ErrImagePull", "not found"))], "failed"),
        ([hm.service(), hm.pod(state=hm.waiting("ContainerCreating"))], "loading"),
    ],
)
def test_states(objects: list[dict[str, Any]], state: str) -> None:
    assert diagnose.diagnose(hm.running(*objects))["services"][0]["state"] == state


def test_what_was_not_seen_is_passed_on() -> None:
    unseen = [{"what": "nodes", "reason": "forbidden", "message": "no right"}]
    assert diagnose.diagnose(hm.taken(unseen=unseen))["unseen"] == unseen


def test_a_runtime_that_may_not_be_seen_is_not_called_missing() -> None:
    data = hm.taken(hm.service(), unseen=[{"what": snapshot.SERVINGRUNTIMES, "reason": "forbidden", "message": ""}])
    del data["objects"][snapshot.SERVINGRUNTIMES]
    assert [item["code"] for item in diagnose.diagnose(data)["findings"]] != ["KS001"]


def test_a_thousand_services_take_seconds() -> None:
    objects: list[dict[str, Any]] = [hm.runtime(), *(hm.node(f"node-{index}") for index in range(50))]
    for index in range(1000):
        name = f"service-{index}"
        if index % 10:
            objects += [
                hm.service(name, ready=True),
                hm.deployment(name),
                hm.replicaset(name),
                hm.pod(name, ready=True),
            ]
            objects += hm.network(name)
        else:
            objects += broken(name)
    data = hm.taken(*objects)
    started = time.process_time()
    result = diagnose.diagnose(redact.snapshot(data))
    spent = time.process_time() - started
    assert len(result["services"]) == 1000
    assert [len(item["affects"]) for item in result["findings"]] == [100]
    assert spent < 20, f"{spent:.1f} s"


def test_snapshots_are_saved_and_loaded() -> None:
    data = hm.taken(*broken())
    assert snapshot.loads(snapshot.dumps(data)) == data
    for text, words in (
        ("{", "not JSON"),
        ("{}", "schema"),
        ('{"schema": "modelserving.kserve/snapshot", "version": 99}', "99"),
    ):
        with pytest.raises(snapshot.SnapshotError, match=words):
            snapshot.loads(text)


def test_every_code_has_a_theme_and_all_its_words() -> None:
    for code in CODES.values():
        assert code.theme in THEMES
        assert code.severity in findings.SEVERITIES
        assert code.title and code.shows and code.remedy
        assert not code.remedy.endswith(".")


def test_the_page_of_codes_is_current() -> None:
    script = ROOT / "tests" / "tools" / "findings_page.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_times() -> None:
    assert snapshot.seconds("2026-01-31T12:00:00Z") == snapshot.seconds("2026-01-31T13:00:00.123456+01:00")
    assert snapshot.seconds("yesterday") is None
