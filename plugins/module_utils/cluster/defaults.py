# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that a schema made from Kubernetes' core types fills in where a person wrote nothing.

A live object has them, the wanted one need not: they are no difference. Source: the ``default`` markers of
k8s.io/api/core/v1 as controller-gen writes them into CRDs; a test compares the table with KServe's CRDs.
"""

from __future__ import annotations

from typing import Any

# (the field above, the field) -> its default; a list's own name stands above the fields of its items
DEFAULTS: dict[tuple[str, str], Any] = {
    ("ports", "protocol"): "TCP",
    ("grpc", "service"): "",
    ("fileKeyRef", "optional"): False,
    ("storageUris", "mountPath"): "/mnt/models",
    ("configMap", "name"): "",
    ("configMapKeyRef", "name"): "",
    ("configMapRef", "name"): "",
    ("imagePullSecrets", "name"): "",
    ("nodePublishSecretRef", "name"): "",
    ("secret", "name"): "",
    ("secretKeyRef", "name"): "",
    ("secretRef", "name"): "",
    ("azureDisk", "fsType"): "ext4",
    ("azureDisk", "readOnly"): False,
    ("iscsi", "iscsiInterface"): "default",
    ("rbd", "keyring"): "/etc/ceph/keyring",
    ("rbd", "pool"): "rbd",
    ("rbd", "user"): "admin",
    ("scaleIO", "fsType"): "xfs",
    ("scaleIO", "storageMode"): "ThinProvisioned",
}


def is_default(above: str, field: str, value: Any) -> bool:
    """Whether *value* of *field* under the field *above* is what the schema fills in by itself."""
    default = DEFAULTS.get((above, field))
    return default is not None and type(default) is type(value) and default == value


def without_defaults(live: Any, wanted: Any, above: str = "") -> Any:
    """*live* less the defaults that *wanted* does not write at the same place."""
    if isinstance(live, dict):
        mine = wanted if isinstance(wanted, dict) else {}
        return {
            key: without_defaults(value, mine.get(key), key)
            for key, value in live.items()
            if key in mine or not is_default(above, key, value)
        }
    if isinstance(live, list):
        beside = wanted if isinstance(wanted, list) else []
        return [without_defaults(item, beside[i] if i < len(beside) else None, above) for i, item in enumerate(live)]
    return live
