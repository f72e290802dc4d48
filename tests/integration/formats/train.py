# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train a small model of each kind in the image that will serve it, so that no library's version can differ.

    python train.py STORE

Writes STORE/<name>/… as a storage URI will name it, and STORE/expected.json with the rows to ask and what the libraries
themselves answer. Kinds whose library the image lacks are left out.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

STORE = Path(sys.argv[1])
ASKED = slice(0, 150, 25)

VOCABULARY = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "the",
    "model",
    "server",
    "answers",
    "never",
    "late",
    "often",
)
TEXTS = ["the server answers", "the model answers late", "never", "often the server answers the model"]

CUSTOM = '''"""A model of one's own: the largest number of each row, and its place."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse


class Largest(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload):
        rows = self.decode(payload.inputs[0], default_codec=NumpyCodec)
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                NumpyCodec.encode_output("largest", rows.max(axis=1)),
                NumpyCodec.encode_output("place", np.argmax(rows, axis=1).astype("int64")),
            ],
        )
'''


def folder(name: str) -> Path:
    path = STORE / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def sklearn(rows, labels):
    import joblib
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=1000).fit(rows, labels)
    joblib.dump(model, folder("sklearn") / "model.joblib")
    # the same in a repository of two models, each settings file naming its own model
    for name, columns in (("sepals", slice(0, 2)), ("petals", slice(2, 4))):
        part = rows[:, columns]
        other = LogisticRegression(max_iter=1000).fit(part, labels)
        joblib.dump(other, folder(f"repository/{name}") / "model.joblib")
        settings = {
            "name": name,
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": "./model.joblib"},
        }
        (folder(f"repository/{name}") / "model-settings.json").write_text(json.dumps(settings))
        EXPECTED[f"repository/{name}"] = {"rows": part[ASKED].tolist(), "answer": other.predict(part[ASKED]).tolist()}
    return model.predict(rows[ASKED])


def xgboost(rows, labels):
    from xgboost import XGBClassifier

    model = XGBClassifier(n_estimators=5, max_depth=2, n_jobs=1).fit(rows, labels)
    model.save_model(folder("xgboost") / "model.json")
    return model.predict(rows[ASKED])


def lightgbm(rows, labels):
    import lightgbm

    data = lightgbm.Dataset(rows, label=labels)
    model = lightgbm.train({"objective": "regression", "num_threads": 1, "verbose": -1}, data, 5)
    model.save_model(folder("lightgbm") / "model.bst")
    return model.predict(rows[ASKED])


def mlserver(rows, labels):
    (folder("custom") / "largest.py").write_text(CUSTOM)
    (folder("custom") / "model-settings.json").write_text(json.dumps({"implementation": "largest.Largest"}))
    return rows[ASKED].max(axis=1)


def mlflow(rows, labels):
    import mlflow
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=1000).fit(rows, labels)
    mlflow.sklearn.save_model(model, str(STORE / "mlflow"))
    return model.predict(rows[ASKED])


def huggingface():
    """A classifier of texts with random weights: what it says means nothing, but no other says the same."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    store = folder("huggingface")
    (store / "vocab.txt").write_text("\n".join(VOCABULARY))
    tokenizer = BertTokenizerFast(str(store / "vocab.txt"))
    tokenizer.save_pretrained(store)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        id2label=dict(enumerate(("negative", "neutral", "positive"))),
        initializer_range=1.0,  # the default of 0.02 would have every text look alike
    )
    model = BertForSequenceClassification(config).eval()
    model.save_pretrained(store)
    (store / "model.safetensors").chmod(0o644)  # it is written for its owner alone, and the server is another user
    # the class and the rest come from the runtime
    settings = {"parameters": {"extra": {"task": "text-classification"}}}
    (store / "model-settings.json").write_text(json.dumps(settings))

    def answer(text):
        scores = model(**tokenizer(text, return_tensors="pt")).logits.softmax(-1)[0]
        return {"label": config.id2label[int(scores.argmax())], "score": float(scores.max())}

    with torch.no_grad():
        return {"rows": TEXTS, "answer": [answer(text) for text in TEXTS]}


TRAINERS = {
    "sklearn": ("sklearn", sklearn),
    "xgboost": ("xgboost", xgboost),
    "lightgbm": ("lightgbm", lightgbm),
    "mlserver": ("custom", mlserver),
    "mlflow": ("mlflow", mlflow),
}
EXPECTED: dict[str, dict] = {}


def main() -> None:
    from sklearn.datasets import load_iris

    rows, labels = load_iris(return_X_y=True)
    for library, (name, train) in TRAINERS.items():
        if importlib.util.find_spec(library) is None:
            continue
        answer = [float(value) for value in train(rows, labels)]
        EXPECTED[name] = {"rows": rows[ASKED].tolist(), "answer": answer}
        print(f"trained {name}", flush=True)
    if importlib.util.find_spec("mlserver_huggingface") is not None:
        EXPECTED["huggingface"] = huggingface()
        print("made huggingface", flush=True)
    (STORE / "expected.json").write_text(json.dumps(EXPECTED))


if __name__ == "__main__":
    main()
