# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OpenShift AI's dashboard: Templates that do not appear, and runtimes that differ from the Template they came from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import snapshot as snap
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import Finding, Remedy, ref_of
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.codes import code
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.rules.evidence import in_field

DASHBOARD = "opendatahub.io/dashboard"
SERVING_SUPPORT = "opendatahub.io/modelServingSupport"
TEMPLATE_NAME = "opendatahub.io/template-name"


def findings(view: snap.View) -> Iterator[Finding]:
    """Rows 15 and 16."""
    disabled = _disabled(view)
    by_name = {snap.name_of(item): item for item in view.all(snap.TEMPLATES)}
    for template in view.all(snap.TEMPLATES):
        if inner_runtime(template) is not None:
            yield from hidden(template, disabled)
    for runtime in view.all(snap.SERVINGRUNTIMES):
        source = by_name.get(snap.annotations_of(runtime).get(TEMPLATE_NAME, ""))
        if source is not None:
            yield from _drift(runtime, source)


def _disabled(view: snap.View) -> set[str]:
    return {
        str(name)
        for config in view.all(snap.DASHBOARDCONFIGS)
        for name in (config.get("spec") or {}).get("templateDisablement") or []
    }


def inner_runtime(template: dict[str, Any]) -> dict[str, Any] | None:
    """The ServingRuntime that a Template deploys; None for a Template of something else."""
    for item in template.get("objects") or []:
        if item.get("kind") == "ServingRuntime":
            return dict(item)
    return None


def hidden(template: dict[str, Any], disabled: set[str]) -> Iterator[Finding]:
    """Row 15: what keeps a Template out of the dashboard's list."""
    runtime = inner_runtime(template) or {}
    problems = []
    if snap.labels_of(template).get(DASHBOARD) != "true":
        problems.append((f"metadata.labels[{DASHBOARD}]", f'the label {DASHBOARD}: "true" is missing'))
    if not _json_list(snap.annotations_of(template).get(SERVING_SUPPORT)):
        problems.append((f"metadata.annotations[{SERVING_SUPPORT}]",
                         f"the annotation {SERVING_SUPPORT} is missing or no JSON list"))  # fmt: skip
    if snap.labels_of(runtime).get(DASHBOARD) != "true":
        problems.append(
            (f"objects[0].metadata.labels[{DASHBOARD}]", f'its runtime lacks the label {DASHBOARD}: "true"')
        )
    if snap.name_of(runtime) in disabled:
        problems.append(("objects[0].metadata.name", f"its runtime {snap.name_of(runtime)} is in templateDisablement"))
    meaning = code("KS015")
    for path, text in problems:
        yield Finding(
            "KS015",
            meaning.severity,
            ref_of(template),
            meaning.title,
            f"Template {snap.name_of(template)} does not appear under Deploy model: {text}.",
            [in_field(template, path, text)],
            Remedy(f"{meaning.remedy}."),
            key=path,
        )


def _json_list(text: str | None) -> bool:
    try:
        return isinstance(json.loads(text or ""), list)
    except ValueError:
        return False


def _drift(runtime: dict[str, Any], template: dict[str, Any]) -> Iterator[Finding]:
    wanted = (inner_runtime(template) or {}).get("spec") or {}
    live = runtime.get("spec") or {}
    changed = sorted(key for key in {*wanted, *live} if wanted.get(key) != live.get(key))
    if not changed:
        return
    meaning = code("KS016")
    yield Finding(
        "KS016",
        meaning.severity,
        ref_of(runtime),
        meaning.title,
        f"ServingRuntime {snap.name_of(runtime)} was made from Template {snap.name_of(template)} and differs from it "
        "in "
        f"{', '.join(changed)}.",
        [in_field(runtime, f"spec.{changed[0]}", "differs from the Template")],
        Remedy(f"{meaning.remedy}."),
    )
