# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrate_live where services really are stored in the previous schema.

KServe's webhook converts at every write, so such services are from before it. Here they are written to an API server of
the tests' own that has KServe's CRDs and no webhook; nothing is done to the cluster that others use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import resources
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds

from tests.integration import bare
from tests.integration.migration.test_playbook import OLD, migrate

SERVICE = Resource(*kinds.INFERENCE_SERVICE)
RUNTIME = Resource(*kinds.SERVING_RUNTIME)
CLUSTER_RUNTIME = Resource(*kinds.CLUSTER_SERVING_RUNTIME)


def service(name: str, **predictor: Any) -> dict[str, Any]:
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.kind,
        "metadata": {"name": name},
        "spec": {"predictor": predictor},
    }


@pytest.fixture(scope="module")
def stored(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The kubeconfig of a cluster with services of both schemas in two namespaces."""
    with bare.api_server(tmp_path_factory.mktemp("bare")) as kubeconfig:
        own = bare.connect(kubeconfig)
        bare.install_crds(client, own, *(item.plural for item in (SERVICE, RUNTIME, CLUSTER_RUNTIME)))
        for namespace in ("models", "other"):
            own.create(resources.NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        new = {"modelFormat": {"name": "sklearn"}, "storageUri": "s3://bucket/new"}
        own.create(SERVICE, service("old", sklearn={"storageUri": "s3://bucket/old"}), "models")
        own.create(SERVICE, service("new", model=new), "models")
        own.create(SERVICE, service("older", triton={"storageUri": "s3://bucket/older"}), "other")
        live = own.get(SERVICE, "old", "models")
        assert live and live["spec"]["predictor"]["sklearn"]["storageUri"] == "s3://bucket/old"
        yield kubeconfig


def said(done: Any) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0" in done.stdout
    return " ".join(done.stdout.split())


def test_services_of_the_previous_schema_are_reported(stored: str) -> None:
    text = said(migrate(kubeconfig=stored, migrate_live=True))
    for name, framework in (("models/old", "sklearn"), ("other/older", "triton")):
        assert f"{name}: stored in the previous schema; any update that passes the webhook converts it" in text
        assert f"spec.predictor.{framework} becomes spec.predictor.model, format {framework}" in text
    assert "models/new" not in text
    live = bare.connect(stored).get(SERVICE, "old", "models")
    assert live and "sklearn" in live["spec"]["predictor"]


def test_only_the_namespaces_that_are_named(stored: str) -> None:
    text = said(migrate(kubeconfig=stored, migrate_live=True, migrate_namespaces="other"))
    assert "other/older" in text and "models/old" not in text


def test_a_namespace_without_services_is_not_called_migrated(stored: str) -> None:
    text = said(migrate(kubeconfig=stored, migrate_live=True, migrate_namespaces=["default"]))
    assert "There is no live service where the task looks." in text and "Every live service" not in text


def test_with_pin_the_clusters_runtimes_are_chosen_from(stored: str, tmp_path: Path) -> None:
    own = bare.connect(stored)
    formats = [{"name": "sklearn", "version": "1", "autoSelect": True}]
    for resource, name in ((CLUSTER_RUNTIME, "of-the-cluster"), (RUNTIME, "of-another-namespace")):
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name},
            "spec": {"supportedModelFormats": formats, "containers": [{"name": "kserve-container", "image": "a:1"}]},
        }
        own.create(resource, body, "models" if resource.namespaced else None)
    (manifest := tmp_path / "iris.yaml").write_text(OLD.replace("  name: iris", "  namespace: other\n  name: iris"))
    done = migrate(
        kubeconfig=stored,
        migrate_live=True,
        migrate_namespaces=["models"],
        migrate_manifests=[str(manifest)],
        migrate_pin_runtime=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "runtime: of-the-cluster\n" in manifest.read_text()
    assert "KServe's version is not known" in " ".join((done.stdout + done.stderr).split())
