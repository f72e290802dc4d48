# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kind's node image from packages, in layers: Debian, Kubernetes, the servers, KServe's controller."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from .archive import ImageConfig, write_image, write_layer
from .cache import Cache, content_key, remove_tree
from .engine import Podman
from .golang import MODULES, PROGRAMS, GoBuilder
from .images import MLSERVER, TRITON, ImageBuilder
from .rootfs import NODE_PACKAGES, debian_root, in_root, pack, unpack
from .settings import KUBERNETES_VERSION
from .steps import CommandError, Step, Steps, side_by_side

BASE_RECIPE = 1
LAYER_RECIPE = 2
BINARIES = ("kubeadm", "kubectl", "kubelet")
# Without it nft lists the protocol tcp as 6. kube-proxy, which compares what nft lists with its own keys whenever an hour has
# passed, would then take all its Service rules for leftovers and delete them (pkg/proxy/nftables, cleanupLeftoverKeys).
PROTOCOLS = "tcp 6 TCP\nudp 17 UDP\nsctp 132 SCTP\n"
SANDBOX_IMAGE = "registry.k8s.io/pause:3.10"
BINARY_PATH = "/usr/local/bin"
ENTRYPOINT = '["/usr/local/bin/entrypoint", "/sbin/init"]'
CONTAINERD_SECONDS = 60
STOP_CONTAINERD = "pkill -x containerd; while pgrep -x containerd; do sleep 0.1; done"

# What kind's Dockerfile does to its base image, with Debian's paths (kind: images/base/Dockerfile).
SET_UP = r"""
rm -f /lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service \
  /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* \
  /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/sockets.target.wants/*udev* \
  /lib/systemd/system/sockets.target.wants/*initctl* /lib/systemd/system/basic.target.wants/*
echo ReadKMsg=no >> /etc/systemd/journald.conf
systemctl enable kubelet.service containerd.service undo-mount-hacks.service
systemctl mask systemd-binfmt.service
mkdir -p /etc/kubernetes/manifests /opt/cni/bin
for plugin in host-local loopback portmap ptp; do cp /usr/lib/cni/$plugin /opt/cni/bin/; done
for program in containerd containerd-shim-runc-v2 ctr; do ln -sf /usr/bin/$program /usr/local/bin/$program; done
ln -sf /usr/sbin/runc /usr/local/sbin/runc
sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' /etc/containerd/config.toml
grep -q 'restrict_oom_score_adj = true' /etc/containerd/config.toml
ctr oci spec | jq 'del(.process.rlimits)
  | .hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}]' > /etc/containerd/cri-base.json
"""

# kube-proxy calls nft: the program and the libraries that the loader finds for it.
PACK_NFT = r"""
libraries=$(ldd /usr/sbin/nft | grep -o '/[^ ]*')
tar --create --dereference --absolute-names --transform 's,^/,,' --file /nft.tar /usr/sbin/nft $libraries
"""


class NodeBuilder:
    """Builds kind's node image into podman's store."""

    def __init__(self, cache: Cache, steps: Steps, podman: Podman, go: GoBuilder, images: ImageBuilder) -> None:
        self.cache = cache
        self.steps = steps
        self.podman = podman
        self.go = go
        self.images = images

    def image(self, kserve_version: str) -> str:
        """The reference of the node image that holds everything a cluster with that KServe needs."""
        servers = self._servers(self._kubernetes(self._base()))
        archive = self.images.controller(kserve_version)
        return self._layer(f"node-kserve-{kserve_version}", servers, [archive], f"add KServe {kserve_version}")

    def prepare(self, kserve_version: str) -> None:
        """Build side by side what does not depend on each other: compiles in one lane, file systems in the other."""

        def programs() -> None:
            for name in ("kind", "kubernetes", "etcd", "coredns", "pause"):
                self.go.build(PROGRAMS[name])
            self.images.controller(kserve_version)

        def file_systems() -> None:
            self._base()
            for image in (TRITON, MLSERVER):
                self.images.server(image)

        side_by_side(programs, file_systems)

    def _servers(self, below: str) -> str:
        archives = [self.images.server(image) for image in (TRITON, MLSERVER)]
        return self._layer("node-servers", below, archives, "add Triton and MLServer")

    def _base(self) -> Path:
        """Debian with kind's own files, as a folder of root.tar and nft.tar."""
        debian = debian_root(self.cache, self.steps, "node", NODE_PACKAGES)
        key = content_key(BASE_RECIPE, debian.parent.name, SET_UP, PACK_NFT, MODULES / "kind")

        def build(scratch: Path) -> None:
            files = self.go.module_folder("kind", "sigs.k8s.io/kind") / "images/base/files"
            with self.steps.step("set up the node's root file system", "node-base") as step:
                root = scratch / "root"
                unpack(step, debian, root)
                _lay_out_kind_files(step, files, root)
                in_root(step, root, SET_UP)
                in_root(step, root, PACK_NFT)
                (root / "nft.tar").rename(scratch / "nft.tar")
                pack(step, root, scratch / "root.tar")
                remove_tree(root)

        return self.cache.artefact("node-base", key, build)

    def _kubernetes(self, base: Path) -> str:
        """The base with Kubernetes' programs and the control plane's images."""
        programs = {name: self.go.build(PROGRAMS[name]) for name in ("kubernetes", "etcd", "coredns", "pause")}
        kubernetes = programs["kubernetes"]
        archives = self._control_plane(programs, base / "nft.tar")
        key = content_key(LAYER_RECIPE, base.name, kubernetes.name, archives.name, BINARIES)

        def build(reference: str) -> None:
            with self.steps.step("make the node image: Kubernetes", "node-kubernetes") as step:
                below = self._import_base(step, base)
                with self._container(step, "node-kubernetes", below, [kubernetes, archives]) as container:
                    for name in BINARIES:
                        self.podman.run_in(step, container, ["cp", f"{kubernetes}/{name}", f"/usr/bin/{name}"])
                    version = ["sh", "-c", f"echo {KUBERNETES_VERSION} > /kind/version"]
                    self.podman.run_in(step, container, version)
                    self._load(step, container, sorted(archives.glob("*.tar")))
                    self._commit(step, container, reference)

        return self.podman.image("node-kubernetes", key, build)

    def _import_base(self, step: Step, base: Path) -> str:
        reference = f"localhost/modelserving/node-base:{base.name.rpartition('-')[2]}"
        if not self.podman.has_image(reference):
            changes = ["ENV container=docker", "STOPSIGNAL SIGRTMIN+3", f"ENTRYPOINT {ENTRYPOINT}"]
            words = [word for change in changes for word in ("--change", change)]
            step.run(["podman", "import", *words, base / "root.tar", reference], env=self.podman.env)
        return reference

    def _layer(self, name: str, below: str, archives: Sequence[Path], title: str) -> str:
        key = content_key(LAYER_RECIPE, below, [archive.parent.name for archive in archives])

        def build(reference: str) -> None:
            with (
                self.steps.step(f"make the node image: {title}", name) as step,
                self._container(step, name, below, [archive.parent for archive in archives]) as container,
            ):
                self._load(step, container, archives)
                self._commit(step, container, reference)

        return self.podman.image(name, key, build)

    @contextmanager
    def _container(self, step: Step, name: str, image: str, folders: Sequence[Path]) -> Iterator[str]:
        """A container of the image that only sleeps, with those folders mounted where they are here."""
        container = f"modelserving-build-{name}"
        self.podman.remove_container(container)
        volumes = [word for folder in folders for word in ("--volume", f"{folder}:{folder}:ro")]
        flags = ["--detach", "--privileged", "--network", "none", "--tmpfs", "/run", "--tmpfs", "/tmp"]
        sleep = ["--entrypoint", '["sleep", "infinity"]']
        try:
            step.run(["podman", "run", *flags, "--name", container, *volumes, *sleep, image], env=self.podman.env)
            yield container
        finally:
            self.podman.remove_container(container)

    def _load(self, step: Step, container: str, archives: Sequence[Path]) -> None:
        """Import image archives into the container's containerd."""
        step.run(["podman", "exec", "--detach", container, "containerd"], env=self.podman.env)
        self._await_containerd(step, container)
        for archive in archives:
            words = ["ctr", "--namespace", "k8s.io", "images", "import"]
            self.podman.run_in(step, container, [*words, "--no-unpack", "--all-platforms", "--digests", str(archive)])
        self.podman.run_in(step, container, ["sh", "-c", STOP_CONTAINERD])

    def _await_containerd(self, step: Step, container: str) -> None:
        deadline = time.monotonic() + CONTAINERD_SECONDS
        while True:
            try:
                self.podman.run_in(step, container, ["ctr", "version"])
                return
            except CommandError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)

    def _commit(self, step: Step, container: str, reference: str) -> None:
        change = ["--change", f"ENTRYPOINT {ENTRYPOINT}", "--change", "CMD []"]
        step.run(["podman", "commit", "--quiet", *change, container, reference], env=self.podman.env)

    def _control_plane(self, programs: Mapping[str, Path], nft: Path) -> Path:
        """The folder of the archives of kubeadm's images, under the names that kubeadm asks for."""
        key = content_key(LAYER_RECIPE, sorted(folder.name for folder in programs.values()), nft.parent.name)

        def build(scratch: Path) -> None:
            with self.steps.step("make the control plane's images", "control-plane") as step:
                names = _image_names(step, programs["kubernetes"] / "kubeadm")
                for reference in [*names, SANDBOX_IMAGE]:
                    _control_plane_image(scratch, reference, programs, nft)

        return self.cache.artefact("control-plane", key, build)


def _image_names(step: Step, kubeadm: Path) -> list[str]:
    return step.output([kubeadm, "config", "images", "list", "--kubernetes-version", KUBERNETES_VERSION]).split()


def _control_plane_image(folder: Path, reference: str, programs: Mapping[str, Path], nft: Path) -> None:
    """Write one static program's image; kube-proxy's has nft as well."""
    name, tag = reference.rpartition("/")[2].split(":")
    source = programs.get(name, programs["kubernetes"]) / name
    # CoreDNS' Deployment and the sandbox name no command: theirs comes from the image.
    config = ImageConfig(entrypoint=(f"{BINARY_PATH}/{name}",) if name in ("coredns", "pause") else ())
    files = {f"{BINARY_PATH}/{name}": source}
    protocols = folder / "protocols"
    if name == "kube-proxy":
        protocols.write_text(PROTOCOLS)
        files["/etc/protocols"] = protocols
    layer = folder / f"{name}-{tag}.layer"
    write_layer(layer, files)
    layers = [nft, layer] if name == "kube-proxy" else [layer]
    write_image(folder / f"{name}-{tag}.tar", reference, layers, config)
    layer.unlink()
    protocols.unlink(missing_ok=True)


def _lay_out_kind_files(step: Step, files: Path, root: Path) -> None:
    """Copy kind's files with the modes that its Dockerfile gives them."""
    programs = ("usr/local/bin", "kind/bin")
    for source in sorted(path for path in files.rglob("*") if path.is_file()):
        relative = source.relative_to(files)
        target = root / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        target.chmod(0o755 if str(relative.parent) in programs else 0o644)
        step.note(f"file {relative}")
