# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the demo's two models, once, and write what the demo asks and what scikit-learn itself answers.

    python tests/demo/models.py CLUSTER.json FACTS.json

They go to the model store of the cluster that CLUSTER.json describes: demo/iris/model.joblib is MLServer's,
demo/digits/repository is Triton's, an ONNX model that the python backend runs with onnxruntime. The training is seeded,
and files that are there are left as they are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import joblib
import sklearn
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).resolve().parent
SEED = 20260131
ASKED = 5  # rows of each data set that no training saw
DATA = {"iris": load_iris, "digits": load_digits}


def split(name: str) -> tuple[Any, Any, Any, Any]:
    """Rows to learn from and rows to ask, always the same ones."""
    rows, labels = DATA[name](return_X_y=True)
    learn, ask, learned, asked = train_test_split(rows, labels, test_size=0.2, random_state=SEED, stratify=labels)
    return learn, ask[:ASKED].astype("float32"), learned, asked[:ASKED]


def train(name: str) -> Any:
    """A classifier for one data set."""
    learn, _ask, learned, _asked = split(name)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, random_state=SEED))
    return model.fit(learn.astype("float32"), learned)


def write_iris(folder: Path) -> None:
    """What MLServer's scikit-learn runtime loads."""
    joblib.dump(train("iris"), folder / "model.joblib")


def write_digits(folder: Path) -> None:
    """A Triton model repository, and beside it the model that the answers are compared with."""
    from skl2onnx import to_onnx

    model = train("digits")
    _learn, ask, _learned, _asked = split("digits")
    joblib.dump(model, folder / "model.joblib")
    version = folder / "repository" / "digits" / "1"
    version.mkdir(parents=True)
    options = {id(model): {"zipmap": False}}
    onnx = to_onnx(model, ask[:1], options=options, target_opset=17)
    (version / "model.onnx").write_bytes(onnx.SerializeToString())
    shutil.copy(HERE / "digits" / "model.py", version / "model.py")
    shutil.copy(HERE / "digits" / "config.pbtxt", version.parent / "config.pbtxt")


WRITERS = {"iris": write_iris, "digits": write_digits}


def fingerprint(name: str) -> str:
    """What a model's files depend on."""
    sources = [Path(__file__), *sorted((HERE / name).glob("*"))]
    parts = [sklearn.__version__, *(path.read_text() for path in sources)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def provide(models: Path, name: str) -> bool:
    """Write a model unless it is there; it appears whole or not at all. Returns whether it was written."""
    target, wanted = models / name, fingerprint(name)
    stamp = target / "fingerprint"
    if stamp.is_file() and stamp.read_text() == wanted:
        return False
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models, prefix=".new-") as scratch:
        fresh = Path(scratch) / name
        fresh.mkdir()
        WRITERS[name](fresh)
        (fresh / "fingerprint").write_text(wanted)
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)  # the servers run as other users
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    return True


def expectation(models: Path, name: str) -> dict[str, Any]:
    """The rows to ask and what scikit-learn answers."""
    model = joblib.load(models / name / "model.joblib")
    _learn, ask, _learned, asked = split(name)
    return {
        "rows": [[float(value) for value in row] for row in ask],
        "predictions": [int(value) for value in model.predict(ask)],
        "probabilities": [[float(value) for value in row] for row in model.predict_proba(ask)],
        "labels": [int(value) for value in asked],
    }


def main() -> None:
    cluster, facts = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    models = Path(cluster["models_dir"]) / "demo"
    for name in WRITERS:
        written = provide(models, name)
        print(f"model {name}: {'trained and written to' if written else 'already in'} {models / name}", flush=True)
    answers = {name: expectation(models, name) for name in WRITERS}
    facts.parent.mkdir(parents=True, exist_ok=True)
    facts.write_text(json.dumps({"cluster": cluster, "answers": answers}, indent=1) + "\n")


if __name__ == "__main__":
    main()
