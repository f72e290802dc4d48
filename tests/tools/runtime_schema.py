#!/usr/bin/env python3
# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write plugins/module_utils/kserve/runtime_schema.py from KServe's own CRD of ServingRuntime.

    tests/tools/runtime_schema.py CRD.yaml > plugins/module_utils/kserve/runtime_schema.py

CRD.yaml is config/crd/full/serving.kserve.io_servingruntimes.yaml of KServe's module; a unit test compares the two.
"""

from __future__ import annotations

import re
import sys
import typing as t
from pathlib import Path

import yaml

HEADER = '''# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of ServingRuntimeSpec in KServe's full CRD (v0.20.0), a shape a paragraph, a field a line.

Written by tests/tools/runtime_schema.py; read by schema.py. A type is a scalar, a shape's name, [T] for a list or {T}
for a map; `!` marks a required field, `=` a default (JSON), `>=` a minimum, `@` the keys by which a list's items are
unique (`@` alone: the items themselves).
"""

from __future__ import annotations

SHAPES = """
'''
QUANTITY_PATTERN = "[KMGTPE]i"


class Writer:
    """Turns a structural schema into named shapes, equal ones shared."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.shapes: dict[str, str] = {}

    def type_of(self, schema: dict[str, t.Any], hint: str) -> str:
        """Return the type of a schema as a field line writes it, naming shapes on the way."""
        if schema.get("x-kubernetes-int-or-string"):
            return "quantity" if QUANTITY_PATTERN in schema.get("pattern", "") else "int_or_string"
        kind = schema["type"]
        if kind == "array":
            return f"[{self.type_of(schema['items'], singular(hint))}]"
        if kind == "object" and "additionalProperties" in schema:
            return "{" + self.type_of(schema["additionalProperties"], hint) + "}"
        if kind == "object":
            return self.shape(schema, hint)
        return {"int32": "int32", "int64": "int64"}.get(schema.get("format", ""), kind)

    def shape(self, schema: dict[str, t.Any], hint: str) -> str:
        required = schema.get("required", [])
        lines = [
            self.field(name, field, name in required) for name, field in sorted(schema.get("properties", {}).items())
        ]
        body = "\n".join(f"  {line}" for line in lines)
        if body not in self.names:
            self.names[body] = self.free_name(snake(hint))
            self.shapes[self.names[body]] = body
        return self.names[body]

    def field(self, name: str, schema: dict[str, t.Any], required: bool) -> str:
        words = [name + ("!" if required else ""), self.type_of(schema, name)]
        if "default" in schema:
            words.append("=" + {False: "false", True: "true"}.get(schema["default"], f'"{schema["default"]}"'))
        if "minimum" in schema:
            words.append(f">={schema['minimum']}")
        if schema.get("x-kubernetes-list-type") == "map":
            words.append("@" + ",".join(schema["x-kubernetes-list-map-keys"]))
        if schema.get("x-kubernetes-list-type") == "set":
            words.append("@")
        return " ".join(words)

    def free_name(self, name: str) -> str:
        """Return a shape name that is not taken and is no scalar's."""
        candidates = [name, *(f"{name}_{number}" for number in range(2, 100))]
        return next(item for item in candidates if item not in self.shapes)


def singular(name: str) -> str:
    return name[:-1] if name.endswith("s") else name


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def render(crd: dict[str, t.Any]) -> str:
    """Return the module's text for a CRD."""
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    writer = Writer()
    writer.shape(schema["properties"]["spec"], "runtime")
    paragraphs = [f"{name}\n{body}" for name, body in sorted(writer.shapes.items())]
    return HEADER + "\n\n".join(paragraphs).replace("\\", "\\\\") + '\n"""\n'


def main() -> None:
    sys.stdout.write(render(yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
