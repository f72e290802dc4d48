# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of docs/troubleshooting.md on the real cluster: what they show, write, and keep to themselves."""

from __future__ import annotations

import json
import re
import shlex
import tarfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import ansible_runner
import pytest
import yaml
from ansible_collections.modelserving.kserve.tests.integration.report import conftest as lab
from ansible_collections.modelserving.kserve.tests.unit.plugins.module_utils.doctor import planted

FQCN = "modelserving.kserve"
NAME = "modelserving-report"
FORMATS = {"text": "txt", "markdown": "md", "html": "html", "json": "json", "junit": "xml", "bundle": "tar.gz"}


def extra(**variables: Any) -> list[str]:
    return ["-e", json.dumps(variables)]


def secrets() -> list[str]:
    return [lab.PASSWORD, *(part for _, parts in lab.SHAPES.values() for part in parts)]


@pytest.fixture(scope="module")
def report(busy: str, play: lab.Play, tmp_path_factory: pytest.TempPathFactory) -> tuple[lab.Played, Path]:
    """One run of troubleshoot.yml that writes every format."""
    directory = tmp_path_factory.mktemp("report")
    wanted = {"troubleshoot_directory": "out", "troubleshoot_formats": list(FORMATS)}
    arguments = extra(troubleshoot_namespaces=[busy], **wanted)
    return play([f"{FQCN}.troubleshoot", *arguments], directory, ANSIBLE_SHOW_CUSTOM_STATS="true"), directory / "out"


def test_the_job_log_reads_like_text_and_the_job_fails(report: tuple[lab.Played, Path], busy: str) -> None:
    played, _ = report
    assert played.status == 2, played.output
    lines = played.output.splitlines()
    assert f"  object    InferenceService {busy}/churn" in lines
    assert any(re.match(r"ERROR   KS0\d\d  ", line) for line in lines)
    assert any(re.match(rf"{busy}/iris +\w+", line) for line in lines)
    assert "\\n" not in played.output


def test_the_job_leaves_a_summary(report: tuple[lab.Played, Path]) -> None:
    stats = report[0].output.partition("CUSTOM STATS: ")[2]
    assert "modelserving_troubleshoot" in stats and "InferenceService" in stats and "headline" in stats


def test_every_file_is_there_and_private(report: tuple[lab.Played, Path]) -> None:
    files = {path.name: path.stat().st_mode & 0o777 for path in report[1].iterdir()}
    assert files == {f"{NAME}.{ending}": 0o600 for ending in FORMATS.values()}
    ElementTree.parse(report[1] / f"{NAME}.xml")


def test_no_secret_is_in_the_log_or_in_any_file(report: tuple[lab.Played, Path], busy: str) -> None:
    played, directory = report
    shown = {"the job log": played.output}
    shown |= {path.name: path.read_text() for path in directory.iterdir() if path.suffix != ".gz"}
    with tarfile.open(directory / f"{NAME}.tar.gz") as archive:
        shown |= {m.name: archive.extractfile(m).read().decode() for m in archive.getmembers()}  # type: ignore[union-attr]
    for where, text in shown.items():
        assert not planted.leaks(text, secrets()), where
    pods = next(text for name, text in shown.items() if name.endswith(f"{busy}/core/pods.yaml"))
    assert "[redacted]" in pods and "listening on 8080" in pods and "DB_PASSWORD" in pods


def test_the_bundle_is_judged_again_without_a_cluster(
    report: tuple[lab.Played, Path], play: lab.Play, tmp_path: Path
) -> None:
    bundle = str(report[1] / f"{NAME}.tar.gz")
    given = extra(troubleshoot_snapshot=bundle, troubleshoot_directory="again", troubleshoot_formats=["json", "bundle"])
    offline = {"K8S_AUTH_KUBECONFIG": str(tmp_path / "absent")}
    first = play([f"{FQCN}.troubleshoot", *given], tmp_path, **offline)
    assert first.status == 2, first.output
    before, after = (json.loads((d / f"{NAME}.json").read_text()) for d in (report[1], tmp_path / "again"))
    assert before == after
    second = play([f"{FQCN}.troubleshoot", *given], tmp_path, **offline)
    assert re.search(r"changed=0 ", second.output), "the same snapshot gave other bytes"


def test_logs_say_what_is_missing(busy: str, play: lab.Play, tmp_path: Path) -> None:
    asked = (
        ({"name": "iris", "container": "triton"}, "has no container triton: it has kserve-container"),
        ({"name": "churn"}, "has no predictor pods"),
        ({"name": "nosuch"}, "does not exist"),
    )
    tasks = [
        {"modelserving.kserve.service_logs": {"namespace": busy, **given}, "ignore_errors": True} for given, _ in asked
    ]
    book = tmp_path / "play.yml"
    book.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    output = " ".join(play([str(book)], tmp_path).output.split())
    for _, says in asked:
        assert says in output, output


def test_logs_want_a_service(busy: str, play: lab.Play, tmp_path: Path) -> None:
    played = play([f"{FQCN}.troubleshoot", "--tags", "logs", "-e", f"troubleshoot_namespace={busy}"], tmp_path)
    assert played.status == 2 and "missing required arguments: troubleshoot_service" in played.output


def test_the_output_of_automation_controller_shows_the_report(busy: str, kubeconfig: str, tmp_path: Path) -> None:
    """Automation Controller runs jobs with ansible-runner and shows the events' output."""
    ran = ansible_runner.run(
        private_data_dir=str(tmp_path),
        playbook=f"{FQCN}.status",
        extravars={"troubleshoot_namespaces": [busy]},
        envvars=lab.environment(kubeconfig),
        quiet=True,
    )
    events = list(ran.events)
    assert ran.rc == 0, "\n".join(event["stdout"] for event in events)
    lines = [line for event in events for line in event["stdout"].splitlines()]
    assert any(re.match(rf"{busy}/churn +failed", line) for line in lines), lines
    artifacts = [event["event_data"]["artifact_data"] for event in events if event["event"] == "playbook_on_stats"]
    assert artifacts[0]["modelserving_troubleshoot"]["localhost"]["services"] == 2


@pytest.mark.parametrize("playbook", ["troubleshoot", "status", "preflight"])
def test_every_host_is_a_cluster_of_its_own(
    playbook: str, busy: str, kubeconfig: str, play: lab.Play, tmp_path: Path
) -> None:
    """Two clusters of an inventory; nobody answers at the second. The variable of the environment means neither."""
    hosts = {
        "here": {"kserve_auth": {"kubeconfig": kubeconfig}},
        "nobody": {"kserve_auth": {"host": "https://127.0.0.1:9", "api_key": "none", "validate_certs": False}},
    }
    (tmp_path / "clusters.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    given = extra(troubleshoot_namespaces=[busy], troubleshoot_fail_on="never")
    command = [f"{FQCN}.{playbook}", "-i", "clusters.yml", *given]
    played = play(command, tmp_path, K8S_AUTH_KUBECONFIG=str(tmp_path / "nosuch"))
    assert played.status == 2, played.output
    assert set(re.findall(r"^fatal: \[(\w+)", played.output, re.M)) == {"nobody"}, played.output
    assert "Cannot reach the Kubernetes API at https://127.0.0.1:9" in played.output
    assert f"{busy}/iris" in played.output or f"{busy}/churn" in played.output


def test_preflight_does_not_pass_for_want_of_files(play: lab.Play, tmp_path: Path) -> None:
    played = play([f"{FQCN}.preflight", *extra(troubleshoot_manifests=["nosuch/*.yaml"])], tmp_path)
    assert played.status == 2 and "No file matches nosuch/*.yaml" in played.output


def test_preflight_writes_a_check_for_a_pipeline(busy: str, play: lab.Play, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(yaml.safe_dump(lab.service(busy, "good", lab.RUNTIME)))
    given = extra(
        troubleshoot_manifests=["good.yaml"],
        troubleshoot_namespaces=[busy],
        troubleshoot_directory="out",
        troubleshoot_formats=["junit", "bundle"],
    )
    played = play([f"{FQCN}.preflight", *given], tmp_path)
    assert played.status == 0, played.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{NAME}.xml"]
    suites = ElementTree.parse(tmp_path / "out" / f"{NAME}.xml").getroot()
    (case,) = suites.findall("*[@name='judged without findings']/testcase")
    assert case.attrib["name"] == f"InferenceService {busy}/good" and not suites.findall(".//failure")


# -- every command of docs/troubleshooting.md ------------------------------------------------------------------------


def commands() -> list[str]:
    page = (lab.ROOT / "docs" / "troubleshooting.md").read_text()
    blocks = re.findall(r"^```shell\n(.*?)^```$", page, re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


@pytest.fixture(scope="module")
def documented(busy: str, play: lab.Play, tmp_path_factory: pytest.TempPathFactory) -> dict[str, lab.Played]:
    """Each command of the page as it ran in one directory, in the page's order, on the test's own namespace."""
    directory = tmp_path_factory.mktemp("documented")
    good, bad = lab.service(busy, "good", lab.RUNTIME), lab.service(busy, "bad", lab.RUNTIME)
    bad["spec"]["predictor"]["model"]["modelFormat"]["version"] = "7"
    (directory / "manifests").mkdir()
    (directory / "manifests" / "good.yaml").write_text(yaml.safe_dump(good))
    (directory / "manifests" / "bad.yaml").write_text(yaml.safe_dump_all([bad, None]))
    ran = {}
    for command in commands():
        program, *arguments = shlex.split(command.replace('"models"', f'"{busy}"').replace("=models", f"={busy}"))
        assert program == "ansible-playbook"
        ran[command.removeprefix(f"ansible-playbook {FQCN}.")] = play(arguments, directory)
    return ran


def only(documented: dict[str, lab.Played], *words: str) -> lab.Played:
    (found,) = [played for command, played in documented.items() if all(word in command for word in words)]
    return found


def test_every_documented_command_runs(documented: dict[str, lab.Played]) -> None:
    assert len(documented) >= 12
    for command, played in documented.items():
        # over the whole cluster other people's faults are met: that is no usage error, lost file or defect
        assert played.status == 0 or "The report above names cause and remedy" in played.output, (
            f"{command}\n{played.output}"
        )


def test_runtimes_lists_them(documented: dict[str, lab.Played], busy: str) -> None:
    output = only(documented, "--tags runtimes").output
    assert re.search(rf"{lab.RUNTIME} +{busy} +report-iris 1 +v2 .* {busy}/iris", output), output


def test_logs_come_from_the_container_that_exists(documented: dict[str, lab.Played]) -> None:
    output = only(documented, "--tags logs").output
    assert re.search(r"^Pod \S+/iris-predictor-\S+, container kserve-container \(running\):$", output, re.M), output
    assert "listening on 8080" in output.splitlines()
    assert "login with [redacted] worked" in output
    assert not planted.leaks(output, secrets())


def test_describe_names_who_uses_a_runtime(documented: dict[str, lab.Played], busy: str) -> None:
    output = only(documented, "--tags describe", "troubleshoot_runtime").output
    assert f"ServingRuntime {busy}/{lab.RUNTIME}" in output.splitlines(), output
    assert re.search(rf"  services     {busy}/iris: \w+", output), output


def test_describe_names_the_pods_of_a_service(documented: dict[str, lab.Played], busy: str) -> None:
    output = only(documented, "--tags describe", "troubleshoot_service").output
    assert re.search(rf"^InferenceService {busy}/iris: \w+$", output, re.M), output
    assert re.search(r"  pods         iris-predictor-\S+: Running", output), output


def test_status_shows_tables_and_does_not_fail(documented: dict[str, lab.Played], busy: str) -> None:
    played = documented["status"]
    assert played.status == 0, played.output
    assert re.search(rf"^{busy}/churn +failed", played.output, re.M) and "  cause  " not in played.output


def test_one_service_of_one_namespace(documented: dict[str, lab.Played], busy: str) -> None:
    output = only(documented, '"troubleshoot_names"').output
    assert f"{busy}/iris" in output and f"{busy}/churn" not in output


def test_preflight_compares_with_the_cluster(documented: dict[str, lab.Played], busy: str) -> None:
    (played,) = [
        played
        for command, played in documented.items()
        if command.startswith("preflight") and "manifests" in command and "live" not in command
    ]
    assert played.status == 2, played.output
    assert f"  object    InferenceService {busy}/bad" in played.output.splitlines(), played.output
    assert f"{busy}/good" not in played.output


def test_preflight_needs_no_cluster(documented: dict[str, lab.Played]) -> None:
    output = only(documented, "preflight", "troubleshoot_live").output
    assert "2 runtimes and services judged before deploying" in output and "Not seen:" in output, output


def test_preflight_judges_what_the_cluster_has(documented: dict[str, lab.Played], busy: str) -> None:
    played = documented["preflight"]
    assert played.status == 2 and f"  object    InferenceService {busy}/churn" in played.output.splitlines()


def test_the_play_of_the_page_about_reports_runs(busy: str, play: lab.Play, tmp_path: Path) -> None:
    page = (lab.ROOT / "docs" / "reports.md").read_text()
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S)
    book = tmp_path / "play.yml"
    book.write_text(block.replace("[models]", f"[{busy}]").replace("/tmp/", f"{tmp_path}/"))
    played = play([str(book)], tmp_path)
    assert played.status == 0, played.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.html", "report.xml", "report.tar.gz"}


def test_the_log_patterns_of_the_page_are_taken(busy: str, play: lab.Play, tmp_path: Path) -> None:
    page = (lab.ROOT / "docs" / "troubleshooting.md").read_text()
    (block,) = [text for text in re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S) if "log_patterns" in text]
    (tmp_path / "patterns.yml").write_text(block)
    given = ["-e", "@patterns.yml", *extra(troubleshoot_namespaces=[busy], troubleshoot_fail_on="never")]
    played = play([f"{FQCN}.troubleshoot", *given], tmp_path)
    assert played.status == 0, played.output
