# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module runtime_status does: look (or load), judge, wait until healthy, say whether that is a failure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import bundle, collect, diagnose
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import ERROR, SEVERITIES, WARNING
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.log_patterns import (
    PatternError,
    user_patterns,
)

FAIL_ON = ("never", ERROR, WARNING)
EMPTY: dict[str, Any] = {
    "findings": [],
    "runtimes": [],
    "services": [],
    "summary": dict.fromkeys(SEVERITIES, 0),
    "unseen": [],
    "taken_at": None,
    "kserve_version": None,
    "kubernetes_version": None,
}

# States that are as the user wants them; a service that is stopped or scaled to zero is not waited for.
SETTLED = ("ready", "stopped", "scaled_to_zero")
# Faults that time or somebody else may heal while one waits: capacity, gates, pulls, a controller on its way up.
MAY_HEAL = frozenset(
    {"KS020", "KS017", "KS023", "KS030", "KS033", "KS034", "KS035", "KS110", "KS111", "KS122", "KS140"}
)
# A fault counts as one that cannot heal when two looks in a row show it.
LOOKS = 2


class InputError(ValueError):
    """Options that do not fit; the message says which."""


@dataclass(frozen=True)
class Task:
    """The module's options."""

    namespaces: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    checks: tuple[str, ...] | None = None
    probe: str = "all"
    probe_limit: int = 100
    logs: bool = True
    log_patterns: tuple[Mapping[str, Any], ...] = ()
    webhooks: bool = True
    fail_on: str = "never"
    wait: bool = False
    wait_timeout: int = 600
    wait_sleep: int = 5
    snapshot: str | None = None
    save_snapshot: str | None = None


@dataclass
class Outcome:
    """The result, and the sentence that makes it a failure where it is one."""

    result: dict[str, Any] = field(default_factory=lambda: dict(EMPTY))
    failure: str | None = None


def task_of(params: Mapping[str, Any]) -> Task:
    """Read the module's parameters; raises InputError with a sentence."""

    def listed(single: str, several: str) -> tuple[str, ...] | None:
        values = [*([params[single]] if params.get(single) else []), *(params.get(several) or [])]
        return tuple(dict.fromkeys(str(value) for value in values)) or None

    checks = tuple(params.get("checks") or ()) or None
    unknown = sorted(set(checks or ()) - set(diagnose.check_names()))
    if unknown:
        raise InputError(
            f"checks: {', '.join(unknown)} is no theme and no code; themes are "
            f"{', '.join(name for name in diagnose.check_names() if not name.startswith('KS'))}."
        )
    patterns = tuple(params.get("log_patterns") or ())
    try:
        user_patterns(patterns)
    except PatternError as error:
        raise InputError(str(error)) from error
    if params.get("wait") and params.get("snapshot"):
        raise InputError("wait: a saved snapshot does not change; leave wait or snapshot out.")
    return Task(
        namespaces=listed("namespace", "namespaces"),
        names=listed("name", "names"),
        checks=checks,
        probe=params["probe"],
        probe_limit=params["probe_limit"],
        logs=params["logs"],
        log_patterns=patterns,
        webhooks=params["webhooks"],
        fail_on=params["fail_on"],
        wait=params["wait"],
        wait_timeout=params["wait_timeout"],
        wait_sleep=params["wait_sleep"],
        snapshot=params.get("snapshot"),
        save_snapshot=params.get("save_snapshot"),
    )


def run(connect: Callable[[], Any], task: Task, outcome: Outcome) -> None:
    """Fill *outcome*; raises ClusterError for an unreachable API, InputError for a file that is no snapshot."""
    if task.snapshot is not None:
        data = _load(task.snapshot)
    elif task.wait:
        data = _wait(connect(), task, outcome)
    else:
        data = _look(connect(), task)
    if task.save_snapshot:
        _save(task.save_snapshot, data)
    outcome.result = _judge(data, task)
    if outcome.failure is None:
        outcome.failure = failure(outcome.result, task)


def _look(client: Any, task: Task) -> dict[str, Any]:
    return collect.collect(
        client,
        namespaces=task.namespaces,
        probe=task.probe,
        probe_limit=task.probe_limit,
        logs=task.logs,
        dry_run=task.webhooks,
    )


def _judge(data: Mapping[str, Any], task: Task) -> dict[str, Any]:
    result = diagnose.diagnose(data, checks=task.checks, log_patterns=task.log_patterns, names=task.names)
    result.update({key: data.get(key) for key in ("taken_at", "kserve_version", "kubernetes_version")})
    if task.names is not None and task.snapshot is None:
        known = {item["name"] for item in (*result["services"], *result["runtimes"])}
        for name in task.names:
            if name not in known:
                where = f"namespaces {', '.join(task.namespaces)}" if task.namespaces else "any namespace"
                message = f"There is no runtime and no InferenceService named {name} in {where}, or it may not be seen."
                result["unseen"].append({"what": name, "reason": "not_probed", "message": message})
    if task.namespaces is not None and task.snapshot is not None:
        spaces = set(task.namespaces)
        result["services"] = [item for item in result["services"] if item["namespace"] in spaces]
        result["runtimes"] = [item for item in result["runtimes"] if item["namespace"] in {None, *spaces}]
        result["findings"] = [item for item in result["findings"] if _within(item, spaces)]
        result["summary"] = {
            severity: sum(1 for item in result["findings"] if item["severity"] == severity) for severity in SEVERITIES
        }
    return result


def _within(finding: Mapping[str, Any], spaces: set[str]) -> bool:
    namespaces = {finding["object"]["namespace"], *(item["namespace"] for item in finding["affects"])}
    return bool(namespaces & spaces) or finding["object"]["namespace"] is None


def failure(result: Mapping[str, Any], task: Task) -> str | None:
    """The sentence for findings as grave as ``fail_on``; None where there are none."""
    if task.fail_on == "never":
        return None
    grave = SEVERITIES[: SEVERITIES.index(task.fail_on) + 1]
    found = [item for item in result["findings"] if item["severity"] in grave]
    if not found:
        return None
    first = found[0]
    more = f" {len(found) - 1} more findings follow." if len(found) > 1 else ""
    return f"{first['code']} {first['title']}: {first['cause']} {first['remedy']['text']}{more}"


# -- waiting ----------------------------------------------------------------------------------------------------------


def _wait(client: Any, task: Task, outcome: Outcome) -> dict[str, Any]:
    """Look until every service is as wanted, one shows twice what cannot heal, or the time is over."""
    end = time.monotonic() + task.wait_timeout
    seen: dict[tuple[str, str], int] = {}
    while True:
        data = _look(client, task)
        result = diagnose.diagnose(data, log_patterns=task.log_patterns, names=task.names)
        outcome.result = result
        waiting = [item for item in result["services"] if item["state"] not in SETTLED]
        if result["services"] and not waiting or task.names is None and not result["services"]:
            return data
        broken = incurable(result["findings"])
        seen = {key: seen.get(key, 0) + 1 for key in broken}
        final = next((key for key, count in seen.items() if count >= LOOKS), None)
        if final is not None:
            finding = broken[final]
            outcome.failure = (
                f"Waiting cannot help: {finding['code']} {finding['title']}: {finding['cause']} "
                + (finding["remedy"]["text"])
            )
            return data
        if time.monotonic() + task.wait_sleep > end:
            outcome.failure = _out_of_time(result, waiting, task)
            return data
        time.sleep(task.wait_sleep)


def incurable(findings: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Errors that no waiting heals, by code and object."""
    return {
        (item["code"], f"{item['object']['kind']}/{item['object']['namespace']}/{item['object']['name']}"): item
        for item in findings
        if item["severity"] == ERROR and item["affects"] and item["code"] not in MAY_HEAL
    }


def _out_of_time(result: Mapping[str, Any], waiting: list[Mapping[str, Any]], task: Task) -> str:
    if not waiting:
        return f"Nothing named {', '.join(task.names or ())} turned up within {task.wait_timeout} s."
    names = ", ".join(f"{item['namespace']}/{item['name']} ({item['state']})" for item in waiting[:10])
    hint = ""
    if result["findings"]:
        first = result["findings"][0]
        hint = f" {first['code']} {first['title']}: {first['cause']}"
    return f"Not healthy after {task.wait_timeout} s: {names}.{hint}"


# -- snapshots in files -----------------------------------------------------------------------------------------------


def _load(path: str) -> dict[str, Any]:
    try:
        return bundle.read_snapshot(path)
    except (OSError, snap.SnapshotError) as error:
        raise InputError(f"snapshot: {error}") from error


def _save(path: str, data: Mapping[str, Any]) -> None:
    try:
        bundle.write_file(str(Path(path).expanduser()), snap.dumps(dict(data)).encode())
    except OSError as error:
        raise InputError(f"save_snapshot: {error}") from error
