# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings a cluster up, looks at it, takes it down."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import host
from .cache import Cache, remove_tree, require_disk
from .engine import Engine, Podman
from .golang import PROGRAMS, GoBuilder
from .images import ImageBuilder
from .kind import Kind, Node, config, networks
from .kserve import CONTROLLER, MODULE_PATH, NAMESPACE, KServe
from .node import NodeBuilder
from .settings import KUBERNETES_VERSION, MLSERVER_IMAGE, TRITON_IMAGE, Options, controller_image
from .source import PUBLISHED_IMAGES, Source, choose, default_node_image, published_controller
from .steps import ClusterError, CommandError, Step, Steps, last_line, say

NODES_SECONDS = 120
PATIENCE_SECONDS = 60
GIGABYTES_A_NODE = 5


@dataclass(frozen=True)
class State:
    """What is there of a cluster.

    Attributes:
        exists: whether there is anything of it at all.
        problem: why it cannot be used; '' when it works.
        kserve_version: the running controller's version.
        workers: worker nodes.
        finished: whether it was once brought up to the end.
    """

    exists: bool
    problem: str = ""
    kserve_version: str = ""
    workers: int = 0
    finished: bool = True

    def difference(self, options: Options) -> str:
        """What a working cluster has otherwise than asked; '' when nothing."""
        found = []
        if self.kserve_version != options.kserve_version:
            found.append(f"KServe {self.kserve_version} instead of {options.kserve_version}")
        if self.workers != options.workers:
            found.append(f"{self.workers} workers instead of {options.workers}")
        return " and ".join(found)


def state_of(nodes: Mapping[str, Any], deployment: Mapping[str, Any]) -> State:
    """The state that the API's answers tell: a NodeList and the controller's Deployment."""
    # Tests may add fake nodes beside kind's own.
    items = [item for item in nodes.get("items", []) if item["spec"].get("providerID", "").startswith("kind://")]
    workers = sum("node-role.kubernetes.io/control-plane" not in item["metadata"].get("labels", {}) for item in items)
    unready = [item["metadata"]["name"] for item in items if not _true(item, "Ready")]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    version = container["image"].rpartition(":")[2]
    if unready:
        return State(True, f"node {unready[0]} is not ready", version, workers)
    if not _true(deployment, "Available"):
        return State(True, "KServe's controller is not available", version, workers)
    return State(True, "", version, workers)


def _true(item: Mapping[str, Any], condition: str) -> bool:
    conditions = item.get("status", {}).get("conditions") or []
    return any(each["type"] == condition and each["status"] == "True" for each in conditions)


class Cluster:
    """One named cluster of this user."""

    def __init__(self, options: Options, cache: Cache, steps: Steps) -> None:
        self.options = options
        self.cache = cache
        self.steps = steps
        self.folder = cache.root / "clusters" / options.name
        self.kubeconfig = self.folder / "kubeconfig"
        self.record = self.folder / "cluster.json"
        self.models = self.folder / "models"
        self.go = GoBuilder(cache, steps)
        self.images = ImageBuilder(cache, steps, self.go)
        self.podman = Podman(cache)

    # -- up

    def up(self) -> None:
        """Leave a working cluster with what the options say, whatever was there before."""
        host.add_system_folders()
        with self.cache.lock(f"cluster-{self.options.name}"):
            state = self._settled_state()
            difference = "" if state.problem else state.difference(self.options)
            if state.exists and not state.problem and not difference:
                self._publish()
                say(f"cluster {self.options.name} is ready: {self._summary()}")
                return
            if state.exists:
                say(f"cluster {self.options.name} is made anew: it has {difference or f'a problem, {state.problem}'}")
            self._create()
            say(f"cluster {self.options.name} is ready: {self._summary()}")

    def _create(self) -> None:
        host.require_go()
        source = self._choose()
        say(f"cluster {self.options.name} from {source.mode}, run by {source.engine}: {source.reason}")
        engine = self._prepare_packages() if source.mode == "packages" else Engine(source.engine)
        node_image = self._node_image(source)
        self._remove()
        require_disk(self.cache.root, GIGABYTES_A_NODE * (1 + self.options.workers), "running the cluster")
        self._record({"engine": source.engine, "mode": source.mode})
        self.models.mkdir(parents=True, exist_ok=True)
        # The servers run as users of their own, and read the models through the nodes' mount.
        self.models.chmod(0o755)
        host.prepare_kernel()
        nodes = self._create_nodes(source, engine, node_image)
        self._install_kserve(source)
        self._record(self._facts(source, nodes))
        self._publish()

    def _choose(self) -> Source:
        return choose(self.options.mode, lambda: default_node_image(self._kind_module()))

    def _kind_module(self) -> Path:
        return self.go.module_folder("kind", "sigs.k8s.io/kind")

    def _prepare_packages(self) -> Podman:
        host.require_root()
        host.require_packages(self.steps)
        self.podman.configure()
        return self.podman

    def _node_image(self, source: Source) -> str:
        """The node image to run; everything that takes long is built here, before anything is removed."""
        if source.mode == "registry":
            return default_node_image(self._kind_module())
        builder = NodeBuilder(self.cache, self.steps, self.podman, self.go, self.images)
        builder.prepare(self.options.kserve_version)
        return builder.image(self.options.kserve_version)

    def _kubectl(self) -> Path:
        """The kubectl that the cluster was made with, or one built now."""
        record = self._recorded()
        if (recorded := Path(record.get("kubectl", ""))).is_file():
            return recorded
        programs = "kubectl" if record.get("mode") == "registry" else "kubernetes"
        return self.go.build(PROGRAMS[programs]) / "kubectl"

    def _create_nodes(self, source: Source, engine: Engine, image: str) -> list[Node]:
        kind = Kind(self.go.build(PROGRAMS["kind"]) / "kind", engine)
        packages = source.mode == "packages"
        with self.steps.step(f"create the nodes ({1 + self.options.workers})", self._log("nodes")) as step:
            content = config(self.options, self.models, packages)
            # kind makes volumes and the network before the containers that use them: nothing may clean up meanwhile.
            with self.cache.lock("nodes"):
                kind.create(step, self.options, content, self.kubeconfig, image)
            nodes = self._nodes(step)
            if packages:
                networks(engine, step, nodes)
            self._call(step, "wait", "--for=condition=Ready", "nodes", "--all", f"--timeout={NODES_SECONDS}s")
        return nodes

    def _nodes(self, step: Step) -> list[Node]:
        """The nodes, once the controller manager has given each its range of pod addresses."""
        deadline = time.monotonic() + NODES_SECONDS
        while time.monotonic() < deadline:
            listed = json.loads(self._ask(step, "get", "nodes", "--output", "json"))["items"]
            nodes = [Node.of(item) for item in listed]
            if len(nodes) == 1 + self.options.workers and all(node.pod_cidr for node in nodes):
                return nodes
            time.sleep(0.5)
        raise ClusterError(f"not every node got a range of pod addresses within {NODES_SECONDS} s")

    def _install_kserve(self, source: Source) -> None:
        version = self.options.kserve_version
        registry = source.mode == "registry"
        image = published_controller(version) if registry else controller_image(version)
        module = self.go.module_folder(f"kserve-{version}", MODULE_PATH)
        with self.steps.step(f"install KServe {version}", self._log("kserve")) as step:
            kserve = KServe(self._kubectl(), self.kubeconfig)
            kserve.install(step, module, version, image)
            kserve.await_ready(step)

    # -- what is there

    def _settled_state(self) -> State:
        """The state, after giving a cluster whose nodes run the time to answer: a busy host makes it slow."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            state = self.state()
            if not state.problem or not state.finished or time.monotonic() > deadline or not self._nodes_run():
                return state
            say(f" ..  cluster {self.options.name}: {state.problem}; its nodes run, so it gets some time")
            time.sleep(5)

    def _nodes_run(self) -> bool:
        """Whether every node's container has a living process, whatever the engine believes."""
        engine, names = self._recorded_engine(), self._recorded().get("nodes", [])
        return bool(engine and names) and all(engine is not None and engine.runs(name) for name in names)

    def state(self) -> State:
        """What is there of the cluster, by asking it."""
        engine = self._recorded_engine()
        exists = self.folder.exists() or bool(engine and engine.containers(self.options.name))
        if not exists:
            return State(False, "there is none")
        if not self.kubeconfig.exists() or "kserve_version" not in self._recorded():
            return State(True, "it was never finished", finished=False)
        with self._quietly() as step:
            try:
                nodes = json.loads(self._ask(step, "get", "nodes", "--output", "json"))
                words = ("get", "deployment", CONTROLLER, "--namespace", NAMESPACE, "--output", "json")
                state = state_of(nodes, json.loads(self._ask(step, *words)))
                if not state.problem:
                    KServe(self._kubectl(), self.kubeconfig).probe(step)
            except CommandError as error:
                return State(True, f"it does not answer ({error}: {last_line(step.log)})")
        return state

    @contextmanager
    def _quietly(self) -> Iterator[Step]:
        """A step that prints nothing, for looks that take a second."""
        self.steps.logs.mkdir(parents=True, exist_ok=True)
        step = Step("look at the cluster", self.steps.logs / f"{self._log('state')}.log", self.steps.env)
        step.log.write_text("")
        yield step

    def status(self) -> bool:
        """Print one line on the cluster; whether it works."""
        host.add_system_folders()
        state = self.state()
        if not state.exists:
            say(f"cluster {self.options.name}: none")
        elif state.problem:
            say(f"cluster {self.options.name}: not usable, {state.problem}")
        else:
            say(f"cluster {self.options.name}: ready, {self._summary()}")
        return state.exists and not state.problem

    def _summary(self) -> str:
        record = self._recorded()
        nodes = len(record.get("nodes", []))
        return (
            f"KServe {record.get('kserve_version')}, Kubernetes {record.get('kubernetes_version')}, "
            f"{nodes} node{'s' if nodes != 1 else ''}, kubeconfig {self.options.kubeconfig}"
        )

    def crds(self, flavour: str) -> None:
        """Give the cluster KServe's full or minimal CRDs.

        Raises:
            ClusterError: there is no working cluster.
        """
        state = self.state()
        if state.problem:
            raise ClusterError(f"cluster {self.options.name} is not usable: {state.problem}")
        module = self.go.module_folder(f"kserve-{state.kserve_version}", MODULE_PATH)
        with self.steps.step(f"put KServe's {flavour} CRDs in place", self._log("crds")) as step:
            KServe(self._kubectl(), self.kubeconfig).replace_crds(step, module, flavour)

    # -- down

    def down(self) -> None:
        """Remove the cluster and everything that was made for it; the cache stays."""
        host.add_system_folders()
        with self.cache.lock(f"cluster-{self.options.name}"):
            engine = self._recorded_engine()
            there = self.folder.exists() or bool(engine and engine.containers(self.options.name))
            if there:
                self._remove()
            for path in (self.options.kubeconfig, self.options.record):
                path.unlink(missing_ok=True)
        say(f"cluster {self.options.name} is removed" if there else f"cluster {self.options.name}: none, nothing to do")

    def _remove(self) -> None:
        """Remove what there is of the cluster: containers in any state, their volumes, its folder, its network.

        A kind cluster of the same name in an engine that this cluster is not recorded in is somebody else's.
        """
        engine = self._recorded_engine()
        if engine and (names := engine.containers(self.options.name)):
            with self.steps.step(f"remove the nodes of {self.options.name}", self._log("remove")) as step:
                step.note(f"containers: {', '.join(names)}")
                for name in names:
                    engine.remove_container(name)
                if left := engine.containers(self.options.name):
                    raise ClusterError(f"the container {left[0]} could not be removed")
        if isinstance(engine, Podman):
            with self.cache.lock("nodes"):
                engine.clean(self.options.name)
        remove_tree(self.folder)

    # -- files

    def _recorded(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads(self.record.read_text())
            return found
        return {}

    def _recorded_engine(self) -> Engine | None:
        """The engine that runs the cluster, or None where that was never settled and podman is not installed."""
        recorded = self._recorded().get("mode")
        if recorded == "registry":
            return Engine(self._recorded()["engine"])
        if shutil.which("podman") and self.podman.folder.exists():
            self.podman.configure()
            return self.podman
        return None

    def _facts(self, source: Source, nodes: list[Node]) -> dict[str, Any]:
        packages = source.mode == "packages"
        own = {"mlserver": MLSERVER_IMAGE, "triton": TRITON_IMAGE}
        with self._quietly() as step:
            version = json.loads(self._ask(step, "get", "--raw", "/version"))["gitVersion"]
        return {
            "name": self.options.name,
            "kubeconfig": str(self.options.kubeconfig),
            "kserve_version": self.options.kserve_version,
            "kubernetes_version": KUBERNETES_VERSION if packages else version,
            "mode": source.mode,
            "reason": source.reason,
            "engine": source.engine,
            "nodes": [node.name for node in nodes],
            "models_dir": str(self.models),
            "kubectl": str(self._kubectl()),
            "images": own if packages else PUBLISHED_IMAGES,
        }

    def _record(self, facts: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.record, json.dumps(facts, indent=2) + "\n")

    def _publish(self) -> None:
        """Put the kubeconfig and the record where this checkout's tests read them."""
        facts = {**self._recorded(), "kubeconfig": str(self.options.kubeconfig)}
        self.options.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.options.kubeconfig, self.kubeconfig.read_text(), 0o600)
        write_whole(self.options.record, json.dumps(facts, indent=2) + "\n")

    def _log(self, name: str) -> str:
        return f"{self.options.name}-{name}"

    def _ask(self, step: Step, *words: str) -> str:
        timeout = "--request-timeout=10s"
        return step.output([self._kubectl(), *words, timeout], env=self._env(), timeout=20)

    def _call(self, step: Step, *words: str) -> None:
        step.run([self._kubectl(), *words], env=self._env())

    def _env(self) -> dict[str, str]:
        return {"KUBECONFIG": str(self.kubeconfig)}


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as stream:
        stream.write(text)
    partial.replace(path)
