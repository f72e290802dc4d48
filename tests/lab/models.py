# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The model folder: one good model for each server, and the broken ones that cases name."""

from __future__ import annotations

import struct
from pathlib import Path

ECHO = """import numpy
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        found = [pb_utils.get_input_tensor_by_name(request, "INPUT0") for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", item.as_numpy())]) for item in found]
"""

CONFIG = """name: "{name}"
backend: "{backend}"
max_batch_size: 0
input [ {{ name: "INPUT0" data_type: TYPE_FP32 dims: [ 4 ] }} ]
output [ {{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 4 ] }} ]
"""

TRAINING = """
import joblib
from sklearn.linear_model import LogisticRegression
model = LogisticRegression().fit([[0, 0, 0, 0], [1, 1, 1, 1]], [0, 1])
joblib.dump(model, "{path}")
"""


def write(folder: Path) -> None:
    """Everything but the trained model, which an image with scikit-learn writes (see TRAINING)."""
    triton(folder, "tri-good/echo", ECHO)
    triton(folder, "tri-many/alpha", ECHO)
    triton(folder, "tri-many/beta", ECHO)
    triton(folder, "tri-mixed/other", ECHO)
    triton(folder, "tri-mixed/tri-mixed", ECHO + RAISES)
    triton(folder, "tri-syntax/echo", ECHO, config='name: "echo"\nbackend: "python"\nmax_batch_size: many\n')
    triton(folder, "tri-backend/echo", ECHO, backend="onnxruntime", file="model.onnx")
    triton(folder, "tri-misnamed/echo", ECHO, name="other")
    triton(folder, "tri-module/echo", "import shapely_of_nowhere\n" + ECHO)
    triton(folder, "tri-raises/echo", ECHO + RAISES)
    _write(folder / "tri-noversion/echo/config.pbtxt", CONFIG.format(name="echo", backend="python"))
    _write(folder / "ml-garbage/model.joblib", "this is no pickle")
    _write(folder / "ml-settings/model-settings.json", '{"name": "iris", "implementation": ')
    _write(folder / "ml-types/model-settings.json", '{"name": "iris", "parallel_workers": "many", "implementation": 7}')
    _write(folder / "ml-othername/model-settings.json", OTHER_NAME)
    _write(folder / "ml-empty/README.txt", "no model here")
    _write(folder / "tri-gpukind/echo/config.pbtxt", CONFIG.format(name="echo", backend="python") + GPU_KIND)
    _write(folder / "tri-gpukind/echo/1/model.py", ECHO)
    _write(folder / "ml-fields/model-settings.json", '{"name": "iris", "parameters": {"uri": "./model.joblib"}}')
    _write(folder / "ml-syntax/runtime.py", "class Broken(\n    pass\n")
    _write(folder / "ml-syntax/model-settings.json", '{"name": "broken", "implementation": "runtime.Broken"}')
    _write(folder / "ml-private/model.joblib", "for its owner only")
    _write(folder / "ml-custom/runtime.py", CUSTOM)
    _write(folder / "ml-custom/model-settings.json", '{"name": "ml-custom", "implementation": "runtime.Failing"}')
    binary = folder / "arm64/server"
    binary.parent.mkdir(parents=True, exist_ok=True)
    binary.write_bytes(foreign_program())
    binary.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path == binary else 0o644)
    (folder / "ml-private" / "model.joblib").chmod(0o600)


GPU_KIND = "instance_group [ { kind: KIND_GPU } ]\n"

RAISES = """
    def initialize(self, args):
        raise ValueError("vocabulary file holds 31999 tokens where 32000 are wanted")
"""

CUSTOM = """from mlserver import MLModel


class Failing(MLModel):
    async def load(self) -> bool:
        raise LookupError("feature table orders_v7 has no column unit_price")
"""

OTHER_NAME = '{"name": "flowers", "implementation": "mlserver_sklearn.SKLearnModel"}'


def triton(
    folder: Path,
    place: str,
    code: str,
    *,
    name: str | None = None,
    backend: str = "python",
    config: str | None = None,
    file: str = "model.py",
) -> None:
    """One model of a Triton repository."""
    model = folder / place
    _write(model / "config.pbtxt", config or CONFIG.format(name=name or model.name, backend=backend))
    _write(model / "1" / file, code)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def foreign_program() -> bytes:
    """The header of an ELF program for 64-bit Arm: enough for the kernel to refuse it elsewhere."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 120, 120, 0x1000)
    return ident + header + segment
