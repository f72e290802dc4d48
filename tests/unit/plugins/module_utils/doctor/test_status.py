# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runtime_status makes of its options: files, failures, waiting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import collect, snapshot, status
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import handmade as hm

PARAMS: dict[str, Any] = {
    "probe": "all",
    "probe_limit": 100,
    "logs": True,
    "webhooks": True,
    "fail_on": "never",
    "wait": False,
    "wait_timeout": 30,
    "wait_sleep": 0,
}


def broken() -> dict[str, Any]:
    return hm.running(hm.pod(state=hm.waiting("InvalidImageName", "bad"), container={"image": "Bad Name"}))


def loading() -> dict[str, Any]:
    return hm.running(hm.pod(state=hm.waiting("ContainerCreating")))


def ready() -> dict[str, Any]:
    return hm.running(hm.service(ready=True), hm.pod(ready=True))


def full() -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "Insufficient cpu"}
    pod = hm.pod(
        spec={"nodeName": None},
        status={"conditions": [condition]},
        container={"resources": {"requests": {"cpu": "99"}}},
    )
    return hm.running(pod)


def offline(tmp_path: Path, data: dict[str, Any], **params: Any) -> status.Outcome:
    path = tmp_path / "snapshot.json"
    path.write_text(snapshot.dumps(data))
    outcome = status.Outcome()
    status.run(refuse, status.task_of({**PARAMS, "snapshot": str(path), **params}), outcome)
    return outcome


def refuse() -> Any:
    raise AssertionError("an offline run connects to nothing")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., status.Outcome]:
    """``looks(first, second, ..., **params)``: run against a cluster that looks like this, one look after the other."""

    def run(*snapshots: dict[str, Any], **params: Any) -> status.Outcome:
        left = list(snapshots)

        def look(_client: Any, **_options: Any) -> dict[str, Any]:
            return left.pop(0) if len(left) > 1 else left[0]

        monkeypatch.setattr(collect, "collect", look)
        outcome = status.Outcome()
        status.run(lambda: None, status.task_of({**PARAMS, **params}), outcome)  # type: ignore[arg-type,return-value]
        return outcome

    return run


def test_a_saved_snapshot_is_judged_without_a_cluster(tmp_path: Path) -> None:
    outcome = offline(tmp_path, broken())
    assert [item["code"] for item in outcome.result["findings"]] == ["KS027"]
    assert outcome.failure is None


@pytest.mark.parametrize(("fail_on", "fails"), [("never", False), ("error", True), ("warning", True)])
def test_failing_by_severity_keeps_the_result(tmp_path: Path, fail_on: str, fails: bool) -> None:
    outcome = offline(tmp_path, broken(), fail_on=fail_on)
    assert (outcome.failure is not None) is fails
    assert outcome.result["summary"]["error"] == 1
    if fails:
        assert outcome.failure is not None and "KS027" in outcome.failure and "Bad Name" in outcome.failure


def test_namespaces_narrow_a_saved_snapshot(tmp_path: Path) -> None:
    assert offline(tmp_path, broken(), namespace="elsewhere").result["findings"] == []
    assert len(offline(tmp_path, broken(), namespaces=[hm.NS]).result["services"]) == 1


def test_a_file_that_is_no_snapshot_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    for name in (str(path), str(tmp_path / "absent.json")):
        with pytest.raises(status.InputError, match="snapshot"):
            status.run(refuse, status.task_of({**PARAMS, "snapshot": name}), status.Outcome())


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"checks": ["imagery"]}, "imagery"),
        ({"log_patterns": [{"pattern": "("}]}, "no regular expression"),
        ({"wait": True, "snapshot": "x"}, "does not change"),
    ],
)
def test_options_that_do_not_fit_are_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(status.InputError, match=words):
        status.task_of({**PARAMS, **params})


def test_a_snapshot_is_saved_for_its_owner_only(looks: Callable[..., status.Outcome], tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    looks(ready(), save_snapshot=str(path))
    assert snapshot.loads(path.read_text())["objects"]
    assert path.stat().st_mode & 0o077 == 0


def test_a_name_that_is_nowhere_is_unseen(looks: Callable[..., status.Outcome]) -> None:
    assert "nobody" in [item["what"] for item in looks(ready(), name="nobody").result["unseen"]]


def test_waiting_ends_when_all_is_ready(looks: Callable[..., status.Outcome]) -> None:
    outcome = looks(loading(), loading(), ready(), wait=True)
    assert outcome.failure is None
    assert outcome.result["services"][0]["state"] == "ready"


def test_waiting_ends_at_once_for_what_cannot_heal(looks: Callable[..., status.Outcome]) -> None:
    outcome = looks(broken(), wait=True, wait_timeout=3600)
    assert outcome.failure is not None and outcome.failure.startswith("Waiting cannot help: KS027")
    assert outcome.result["summary"]["error"] == 1


def test_waiting_goes_on_for_what_may_heal(looks: Callable[..., status.Outcome]) -> None:
    assert looks(full(), full(), full(), ready(), wait=True).failure is None


def test_waiting_says_for_what_it_waited_in_vain(looks: Callable[..., status.Outcome]) -> None:
    outcome = looks(loading(), wait=True, wait_timeout=0)
    assert outcome.failure is not None and "models/iris (loading)" in outcome.failure
