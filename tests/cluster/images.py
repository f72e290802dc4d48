# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The images of the inference servers and of KServe's controller, from packages."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

from .archive import ImageConfig, write_image, write_layer
from .cache import GIGABYTES_AN_ARTEFACT, Cache, content_key, remove_tree
from .golang import GoBuilder, kserve_programs
from .rootfs import SERVER_PACKAGES, debian_root, in_root, pack, unpack
from .settings import HERE, IMAGE_PREFIX, MLSERVER_IMAGE, TRITON_IMAGE, controller_image
from .steps import ClusterError, Step, Steps

LOCKS = HERE / "images"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
VENV = "/opt/venv"
MLSERVER_HOME = "/opt/mlserver"
TRITON_HOME = "/opt/tritonserver"
TORCH_HOME = "/opt/torch"
# Debian's Python finds packages here by itself: Triton's python backend passes no PYTHONPATH on.
DIST_PACKAGES = "/usr/local/lib/python3.11/dist-packages"
PIP_FLAGS = "--no-deps --require-hashes --only-binary :all:"
CONTROLLER_USER = "65532:65532"

INSTALL_MLSERVER = f"""
python3 -m venv {VENV}
{VENV}/bin/pip install {PIP_FLAGS} --requirement "/locks/$LOCK"
mkdir -m 1777 {MLSERVER_HOME}
"""

# TensorFlow's headers are 160 MB that no server reads.
INSTALL_MLSERVER_EXTRA = f"""{INSTALL_MLSERVER}
rm -r {VENV}/lib/python3.11/site-packages/tensorflow/include
"""

# PyPI's torch for Linux is built for CUDA and does not load without its gigabytes; Debian's is for the CPU alone. Of the
# packages that it depends on, only the libraries that it loads and the servers' base lacks are kept.
TAKE_TORCH = f"""
ls /usr/lib/x86_64-linux-gnu > /tmp/present
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends python3-torch
cd /usr/lib/python3/dist-packages
mkdir -p {TORCH_HOME}/lib
cp --archive torch torch-*.egg-info {TORCH_HOME}
ldd torch/_C.*.so torch/lib/libtorch_global_deps.so torch/bin/torch_shm_manager |
    sed -n 's/.* => \\([^ ]*\\) (.*/\\1/p' | sort -u > /tmp/loaded
for library in $(cat /tmp/loaded) torch/lib/libtorch_global_deps.so; do
    grep -qxF "${{library##*/}}" /tmp/present || cp --dereference "$library" {TORCH_HOME}/lib
done
cd {TORCH_HOME}/torch
rm -r lib include test
ln -s ../lib lib
find bin -type f ! -name torch_shm_manager -delete
"""

INSTALL_TRITON = f"""
python3 -m venv /tmp/venv
mkdir -p {TRITON_HOME} {DIST_PACKAGES} /tmp/wheel
/tmp/venv/bin/pip install {PIP_FLAGS} --target {DIST_PACKAGES} --requirement "/locks/$LOCK"
/tmp/venv/bin/pip download {PIP_FLAGS} --dest /tmp/wheel --requirement /locks/triton-server.txt
"""

# Any user may run the servers: what they write beside their working folder goes where everyone may write.
MLSERVER_CONFIG = ImageConfig(
    cmd=("sh", "-c", 'exec mlserver start "${MLSERVER_MODELS_DIR}"'),
    env={"PATH": f"{VENV}/bin:{PATH}", "MLSERVER_MODELS_DIR": "/mnt/models", "HOME": "/tmp"},
    user="1000",
    workdir=MLSERVER_HOME,
)

MLSERVER_EXTRA_CONFIG = replace(
    MLSERVER_CONFIG, env={**MLSERVER_CONFIG.env, "PYTHONPATH": TORCH_HOME, "LD_LIBRARY_PATH": f"{TORCH_HOME}/lib"}
)

TRITON_CONFIG = ImageConfig(
    cmd=("tritonserver", "--model-repository=/mnt/models"),
    env={"PATH": f"{TRITON_HOME}/bin:{PATH}", "HOME": "/tmp"},
    user="1000",
    workdir=TRITON_HOME,
)

# The wheel keeps the server's folders elsewhere than the server expects them, so they are always named.
TRITON_WRAPPER = f"""\
#!/bin/sh
LD_LIBRARY_PATH="{TRITON_HOME}/lib${{LD_LIBRARY_PATH:+:${{LD_LIBRARY_PATH}}}}" \\
exec {TRITON_HOME}/libexec/tritonserver \\
  --backend-directory={TRITON_HOME}/backends --cache-directory={TRITON_HOME}/caches "$@"
"""


@dataclass(frozen=True)
class ServerImage:
    """An inference server's image.

    Attributes:
        name: the artefact's name.
        reference: the image's name in the cluster.
        lock: the file of pinned, hashed requirements below images/.
        config: what the image runs.
        install: the script that installs it into a Debian with Python.
        paths: what the script leaves, and the image keeps.
        torch: whether the image has Debian's PyTorch below these.
        gigabytes: what building it takes at its height.
    """

    name: str
    reference: str
    lock: str
    config: ImageConfig
    install: str
    paths: tuple[str, ...]
    torch: bool = False
    gigabytes: int = GIGABYTES_AN_ARTEFACT


MLSERVER = ServerImage(
    "mlserver", MLSERVER_IMAGE, "mlserver.txt", MLSERVER_CONFIG, INSTALL_MLSERVER, (VENV, MLSERVER_HOME)
)
MLSERVER_EXTRA = replace(
    MLSERVER,
    name="mlserver-extra",
    reference=f"{IMAGE_PREFIX}/mlserver-extra:1.7.1",
    lock="mlserver-extra.txt",
    config=MLSERVER_EXTRA_CONFIG,
    install=INSTALL_MLSERVER_EXTRA,
    torch=True,
    gigabytes=6,
)
TRITON = ServerImage("triton", TRITON_IMAGE, "triton.txt", TRITON_CONFIG, INSTALL_TRITON, (TRITON_HOME, DIST_PACKAGES))


class ImageBuilder:
    """Builds image archives into the cache."""

    def __init__(self, cache: Cache, steps: Steps, go: GoBuilder) -> None:
        self.cache = cache
        self.steps = steps
        self.go = go

    def server(self, image: ServerImage) -> Path:
        """The archive of a server's image.

        Raises:
            ClusterError: the image has no lock file in this checkout.
        """
        lock = LOCKS / image.lock
        if not lock.is_file():
            raise ClusterError(f"the image {image.name} has no requirements file {lock}")
        base = self._base()
        layers = [base, self._torch()] if image.torch else [base]
        is_triton = image is TRITON
        more: tuple[object, ...] = tuple(layer.parent.name for layer in layers[1:])
        if is_triton:
            more = (LOCKS / "triton-server.txt", TRITON_WRAPPER, _TRITON_LAYOUT)
        config = image.config.document(()).decode()
        key = content_key(base.parent.name, lock, image.reference, config, image.install, image.paths, *more)

        def build(scratch: Path) -> None:
            with self.steps.step(f"make the image {image.reference}", f"image-{image.name}") as step:
                root = scratch / "root"
                unpack(step, base, root)
                self._install(step, root, image)
                if is_triton:
                    _lay_out_triton(root)
                pack(step, root, scratch / "layer.tar", *image.paths)
                remove_tree(root)
                write_image(scratch / "image.tar", image.reference, [*layers, scratch / "layer.tar"], image.config)
                (scratch / "layer.tar").unlink()

        return self.cache.artefact(f"image-{image.name}", key, build, image.gigabytes) / "image.tar"

    def _install(self, step: Step, root: Path, image: ServerImage) -> None:
        """Run the image's script in the root: the lock files are in /locks, downloads are kept in the cache."""
        downloads = self.cache.root / "pip"
        downloads.mkdir(parents=True, exist_ok=True)
        binds = {"/locks": LOCKS, "/pip-cache": downloads, **_certificates()}
        in_root(step, root, image.install, binds=binds, env={"PIP_CACHE_DIR": "/pip-cache", "LOCK": image.lock})

    def _base(self) -> Path:
        return debian_root(self.cache, self.steps, "server", SERVER_PACKAGES)

    def _torch(self) -> Path:
        """A layer with PyTorch in TORCH_HOME, kept apart from what is installed above it."""
        base = self._base()

        def build(scratch: Path) -> None:
            with self.steps.step("take PyTorch for CPUs out of Debian", "torch") as step:
                root = scratch / "root"
                unpack(step, base, root)
                in_root(step, root, TAKE_TORCH, binds=_certificates())
                pack(step, root, scratch / "layer.tar", TORCH_HOME)
                remove_tree(root)

        return self.cache.artefact("torch", content_key(base.parent.name, TAKE_TORCH), build) / "layer.tar"

    def controller(self, version: str) -> Path:
        """The archive of KServe's controller image."""
        programs = self.go.build(kserve_programs(version))
        reference = controller_image(version)
        config = ImageConfig(entrypoint=("/manager",), user=CONTROLLER_USER)
        key = content_key(programs.name, reference, config.document(()).decode())

        def build(scratch: Path) -> None:
            write_layer(scratch / "layer.tar", {"/manager": programs / "manager"})
            write_image(scratch / "image.tar", reference, [scratch / "layer.tar"], config)
            (scratch / "layer.tar").unlink()

        return self.cache.artefact(f"image-kserve-{version}", key, build) / "image.tar"


def _certificates() -> dict[str, Path]:
    """This machine's certificates, where package clients in a root look for them."""
    folder = Path("/etc/ssl/certs")
    return {str(folder): folder} if folder.is_dir() else {}


# Folder in the wheel → folder of the server.
_TRITON_LAYOUT = {
    "pytriton/tritonserver/bin/": "libexec/",
    "pytriton/tritonserver/backends/": "backends/",
    "pytriton/tritonserver/caches/": "caches/",
    "pytriton/tritonserver/python_backend_stubs/3.11/": "backends/python/",
    "nvidia_pytriton.libs/": "lib/",
}


def _lay_out_triton(root: Path) -> None:
    """Take the server, its python backend and its libraries out of the downloaded wheel."""
    (wheel,) = (root / "tmp/wheel").glob("*.whl")
    home = root / TRITON_HOME.lstrip("/")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            source = next((prefix for prefix in _TRITON_LAYOUT if name.startswith(prefix)), None)
            if source is None or name.endswith("/"):
                continue
            target = home / _TRITON_LAYOUT[source] / name.removeprefix(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))
            target.chmod(0o755)
    wrapper = home / "bin/tritonserver"
    wrapper.parent.mkdir(exist_ok=True)
    wrapper.write_text(TRITON_WRAPPER)
    wrapper.chmod(0o755)
