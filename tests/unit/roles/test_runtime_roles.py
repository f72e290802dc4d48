# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles of runtimes: what they document is what they have."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import catalogue

ROLES = Path(__file__).resolve().parents[3] / "roles"


class Loader(yaml.SafeLoader):
    """YAML as Ansible writes it."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def read(role: str, path: str) -> dict[str, t.Any]:
    content: dict[str, t.Any] = yaml.load((ROLES / role / path).read_text(), Loader)
    return content


@pytest.mark.parametrize("role", ["triton", "mlserver", "runtimes"])
def test_every_setting_is_documented_with_its_default(role: str) -> None:
    defaults = read(role, "defaults/main.yml")
    options = read(role, "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    required = {name for name, option in options.items() if option.get("required")}
    assert set(options) - required == set(defaults)
    assert all(name.startswith(f"{role}_") for name in options)
    for name, value in defaults.items():
        if "{{" not in str(value):
            assert options[name]["default"] == value, name


@pytest.mark.parametrize("role", ["triton", "mlserver", "runtimes"])
def test_every_setting_has_a_comment(role: str) -> None:
    text = (ROLES / role / "defaults" / "main.yml").read_text()
    for block in text.split("\n\n"):
        settings = re.findall(rf"^#? ?({role}_\w+):", block, re.MULTILINE)
        names_speak_for_themselves = {f"{role}_{name}" for name in ("resources", "node_selector")}
        assert not settings or "# " in block or re.search("_probe:", block) or settings[0] in names_speak_for_themselves


@pytest.mark.parametrize(
    ("role", "preset"),
    [("triton", "triton"), ("mlserver", "mlserver")],
)
def test_the_role_has_the_presets_name_image_and_formats(role: str, preset: str) -> None:
    """tests/integration/catalogue compares the whole object, as Ansible renders it."""
    defaults, wanted = read(role, "defaults/main.yml"), catalogue.preset(preset)
    assert defaults[f"{role}_name"] == wanted["name"]
    assert defaults[f"{role}_image"] == wanted["spec"]["containers"][0]["image"]
    assert defaults[f"{role}_formats"] == wanted["spec"]["supportedModelFormats"]
