# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the lab: make the faults in batches, let them show, look once, compare."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import (
    config,
    pool,
    resources,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import (
    ClusterError,
    WebhookUnavailable,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import (
    collect,
    diagnose,
)
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds

import tests.lab.cluster_cases  # noqa: F401  (its cases register themselves)
from tests.lab import exclusive, manifests, models, record, score
from tests.lab.cases import Case, Images, names
from tests.lab.nodes import FakeNodes
from tests.lab.settle import State

ROOT = Path(__file__).resolve().parents[2]
MANAGER = "modelserving-lab"
SHARED = "lab"
BATCH = 14

_KINDS = {
    "ServingRuntime": Resource(*kinds.SERVING_RUNTIME),
    "InferenceService": Resource(*kinds.INFERENCE_SERVICE),
    "Namespace": resources.NAMESPACE,
    "PersistentVolume": resources.PERSISTENTVOLUME,
    "PersistentVolumeClaim": resources.PERSISTENTVOLUMECLAIM,
    "ResourceQuota": resources.RESOURCEQUOTA,
    "LimitRange": resources.LIMITRANGE,
    "Secret": resources.SECRET,
    "ConfigMap": resources.CONFIGMAP,
    "Deployment": resources.DEPLOYMENT,
    "Pod": resources.POD,
    "PriorityClass": Resource("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", False),
    "StorageClass": resources.STORAGECLASS,
    "ValidatingAdmissionPolicy": Resource(
        "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", False
    ),
    "ValidatingAdmissionPolicyBinding": Resource(
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        False,
    ),
}
SERVICE = _KINDS["InferenceService"]


class Lab:
    """A cluster with the lab's namespaces and model folder."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.client = Client(config.load({"kubeconfig": facts["kubeconfig"]}), timeout=60)
        self.images = Images(facts["images"]["mlserver"], facts["images"]["triton"])
        self.models = Path(facts["models_dir"])
        self.node = facts["nodes"][0]
        self.engine = facts.get("engine") or "docker"

    def prepare(self) -> None:
        models.write(self.models)
        for obj in (manifests.namespace(SHARED), *manifests.store(SHARED)):
            self.apply(obj)
        if not exclusive.until(lambda: exclusive.reachable(self.client), 180):
            raise SystemExit("KServe's webhooks do not answer on the lab's cluster: make it anew")
        if not (self.models / "iris" / "model.joblib").is_file():
            self._train()
        shutil.copy(self.models / "iris" / "model.joblib", self.models / "ml-othername" / "model.joblib")

    def _train(self) -> None:
        """A model of the image's own scikit-learn, made by the image itself."""
        folder = self.models / "iris"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        code = models.TRAINING.format(path="/models/iris/model.joblib")
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "train-iris", "namespace": SHARED},
            "spec": {
                "restartPolicy": "Never",
                "containers": [
                    {
                        "name": "train",
                        "image": self.images.mlserver,
                        "command": ["python3", "-c", code],
                        "volumeMounts": [{"name": "models", "mountPath": "/models"}],
                    }
                ],
                "volumes": [{"name": "models", "hostPath": {"path": manifests.NODE_MODELS}}],
            },
        }
        self.client.apply(resources.POD, pod, manager=MANAGER, force=True)
        end = time.monotonic() + 180
        while not (folder / "model.joblib").is_file():
            if time.monotonic() > end:
                raise SystemExit("the lab could not train its model: see pod train-iris in namespace lab")
            time.sleep(2)
        time.sleep(2)
        self.client.delete(resources.POD, "train-iris", SHARED)

    def apply(self, obj: dict[str, Any]) -> None:
        end = time.monotonic() + 90
        while True:
            try:
                self.client.apply(_KINDS[obj["kind"]], obj, manager=MANAGER, force=True)
                return
            except WebhookUnavailable:  # a busy machine: the controller is not ready for a moment
                if time.monotonic() > end:
                    raise
                time.sleep(3)

    def namespace(self, case: Case) -> str:
        return f"lab-own-{case.name}" if case.own else SHARED

    def make(self, case: Case, objects: Callable[[str, Images], list[dict[str, Any]]]) -> None:
        namespace = self.namespace(case)
        for obj in objects(namespace, self.images):
            self.apply(obj)

    def open(self, case: Case) -> None:
        if case.own:
            self.apply(manifests.namespace(self.namespace(case), **case.labels))
            for obj in manifests.store(self.namespace(case)):
                self.apply(obj)
        self.make(case, case.objects)
        if case.deleted:
            time.sleep(5)
            self.client.delete(SERVICE, case.service, self.namespace(case))

    def close(self, case: Case) -> None:
        namespace = self.namespace(case)
        objects = [*case.objects(namespace, self.images), *(case.later(namespace, self.images) if case.later else [])]
        for obj in reversed(objects):
            where = obj["metadata"].get("namespace")
            kind, name = _KINDS[obj["kind"]], obj["metadata"]["name"]
            if obj["metadata"].get("finalizers"):
                self.client.patch(kind, name, {"metadata": {"finalizers": None}}, where)
            self.client.delete(kind, name, where)
        if case.own:
            self.client.delete(resources.NAMESPACE, namespace)
            self.client.delete(resources.PERSISTENTVOLUME, f"{namespace}-{manifests.CLAIM}")


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def wait(lab: Lab, batch: list[Case]) -> dict[str, bool]:
    """Until every case has shown itself or is out of time; second halves are made on the way."""
    started = time.monotonic()
    pending = {case.name: case for case in batch}
    first = {case.name for case in batch if case.later}
    since: dict[str, float] = {}
    while pending:
        time.sleep(3)
        state = State(lab.client, {lab.namespace(case) for case in batch})
        now = time.monotonic()
        for case in list(pending.values()):
            wanted = case.settled_first if case.name in first else case.settled
            holds = state.holds(wanted, lab.namespace(case), case.service)
            if case.name in first:
                if holds and now - started > 15 and case.later is not None:
                    lab.make(case, case.later)
                    first.discard(case.name)
                    since[case.name] = now + 5
                continue
            if holds and now - started >= case.seconds and now >= since.get(case.name, 0):
                del pending[case.name]
            elif now - started > case.timeout:
                say(f"{case.name} did not settle in {case.timeout:.0f} s ({wanted})")
                break
        if now - started > max(case.timeout for case in batch):
            break
    return {case.name: case.name not in pending for case in batch}


def run_batch(lab: Lab, batch: list[Case], folder: Path | None) -> list[score.Verdict]:
    say(f"make {', '.join(case.name for case in batch)}")
    opened = pool.each(lab.open, batch, 4)
    for case, result in zip(batch, opened, strict=True):
        if result.error is not None:
            say(f"{case.name}: {result.error}")
    settled = wait(lab, batch)
    spaces = sorted({lab.namespace(case) for case in batch})
    before = lab.client.requests
    begun = time.monotonic()
    snapshot = collect.collect(lab.client, namespaces=spaces)
    result = diagnose.diagnose(snapshot)
    say(f"looked: {lab.client.requests - before} requests, {time.monotonic() - begun:.1f} s, {result['summary']}")
    if folder is not None:
        for case in batch:
            record.write(folder, case, lab.namespace(case), snapshot)
    verdicts = [score.judge(case, lab.namespace(case), result["findings"], settled[case.name]) for case in batch]
    for verdict in verdicts:
        mark = "ok " if score.good(verdict) else "BAD"
        shown = "; ".join(f"{item['code']} {item['cause'][:230]}" for item in verdict.findings[:2]) or "-"
        say(f"  {mark} {verdict.case.name:<22} {shown}")
    for result_ in pool.each(lab.close, batch, 4):
        if result_.error is not None:
            say(str(result_.error))
    return verdicts


def facts(name: str) -> dict[str, Any]:
    """The lab's own cluster: faults of the control plane would disturb others on a shared one."""
    path = ROOT / "build" / ("cluster.json" if name == "modelserving" else f"cluster-{name}.json")
    if not path.is_file():
        subprocess.run([sys.executable, str(ROOT / "tests" / "cluster"), "up"], check=True,
                       env={**os.environ, "CLUSTER": name})  # fmt: skip
    return dict(json.loads(path.read_text()))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("cases", nargs="*", help="names of cases, or what they begin with; all by default")
    parser.add_argument("--record", type=Path, help="folder for the cases' snapshots")
    parser.add_argument("--cluster", default=os.environ.get("LAB_CLUSTER", "lab"))
    parser.add_argument("--batch", type=int, default=BATCH)
    arguments = parser.parse_args()
    unknown = [name for name in arguments.cases if not [*names([name]), *exclusive.wanted([name])]]
    if unknown:
        parser.error(f"no case is called, or begins with, {', '.join(unknown)}")
    lab = Lab(facts(arguments.cluster))
    lab.prepare()
    wanted = list(names(arguments.cases))
    verdicts: list[score.Verdict] = []
    with FakeNodes(lab.client, SHARED):
        for start in range(0, len(wanted), arguments.batch):
            verdicts += run_batch(lab, wanted[start : start + arguments.batch], arguments.record)
    for trial in exclusive.wanted(arguments.cases):
        say(f"make {trial.case.name}")
        try:
            verdicts.append(trial.run(lab.client, lab.images, arguments.record))
        except ClusterError as error:
            say(f"{trial.case.name}: {error}")
            verdicts.append(score.Verdict(trial.case, missed=True, settled=False))
    print(score.table(verdicts))
    return 0 if verdicts and all(score.good(item) for item in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
