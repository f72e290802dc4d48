# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The images of the inference servers and of KServe's controller, from packages."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

from .archive import ImageConfig, write_image, write_layer
from .cache import Cache, content_key, remove_tree
from .golang import GoBuilder, kserve_programs
from .rootfs import SERVER_PACKAGES, debian_root, in_root, pack, unpack
from .settings import HERE, IMAGE_PREFIX, MLSERVER_IMAGE, TRITON_IMAGE, controller_image
from .steps import ClusterError, Step, Steps

LOCKS = HERE / "images"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
VENV = "/opt/venv"
MLSERVER_HOME = "/opt/mlserver"
TRITON_HOME = "/opt/tritonserver"
# Debian's Python finds packages here by itself: Triton's python backend passes no PYTHONPATH on.
DIST_PACKAGES = "/usr/local/lib/python3.11/dist-packages"
PIP_FLAGS = "--no-deps --require-hashes --only-binary :all:"
CONTROLLER_USER = "65532:65532"

INSTALL_MLSERVER = f"""
python3 -m venv {VENV}
{VENV}/bin/pip install {PIP_FLAGS} --requirement "/locks/$LOCK"
mkdir -m 1777 {MLSERVER_HOME}
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
    """

    name: str
    reference: str
    lock: str
    config: ImageConfig
    install: str
    paths: tuple[str, ...]


MLSERVER = ServerImage(
    "mlserver", MLSERVER_IMAGE, "mlserver.txt", MLSERVER_CONFIG, INSTALL_MLSERVER, (VENV, MLSERVER_HOME)
)
MLSERVER_EXTRA = replace(
    MLSERVER, name="mlserver-extra", reference=f"{IMAGE_PREFIX}/mlserver-extra:1.7.1", lock="mlserver-extra.txt"
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
        base = debian_root(self.cache, self.steps, "server", SERVER_PACKAGES)
        is_triton = image is TRITON
        more = (LOCKS / "triton-server.txt", TRITON_WRAPPER, _TRITON_LAYOUT) if is_triton else ()
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
                write_image(scratch / "image.tar", image.reference, [base, scratch / "layer.tar"], image.config)
                remove_tree(root)
                (scratch / "layer.tar").unlink()

        return self.cache.artefact(f"image-{image.name}", key, build) / "image.tar"

    def _install(self, step: Step, root: Path, image: ServerImage) -> None:
        """Run the image's script in the root: the lock files are in /locks, downloads are kept in the cache."""
        downloads = self.cache.root / "pip"
        downloads.mkdir(parents=True, exist_ok=True)
        binds = {"/locks": LOCKS, "/pip-cache": downloads}
        if (certificates := Path("/etc/ssl/certs")).is_dir():
            binds["/etc/ssl/certs"] = certificates
        in_root(step, root, image.install, binds=binds, env={"PIP_CACHE_DIR": "/pip-cache", "LOCK": image.lock})

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
