# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated runtimes: options that a person might write, all of them valid."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Object = dict[str, Any]

_words = st.sampled_from(["alpha", "beta", "gamma", "1", "x-y"])
_quantities = st.sampled_from(["100m", "1", "2", "1Gi", "512Mi"])
_pairs = st.dictionaries(st.sampled_from(["disk", "zone", "example.com/team"]), _words, max_size=3)
_formats = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["write-a", "write-b"])},
        optional={"version": st.sampled_from(["1", "2", 3]), "autoSelect": st.booleans()},
    ),
    max_size=3,
)
_ports = st.lists(
    st.fixed_dictionaries(
        {"containerPort": st.sampled_from([8080, 9000])},
        optional={"protocol": st.just("TCP"), "name": st.sampled_from(["http1", "h2c"])},
    ),
    max_size=2,
    unique_by=lambda port: port["containerPort"],
)
_variables = st.lists(
    st.one_of(
        st.fixed_dictionaries({"name": st.sampled_from("ABCD"), "value": st.sampled_from(["", "1", "{{.Name}}"])}),
        st.fixed_dictionaries(
            {
                "name": st.sampled_from("EFGH"),
                "valueFrom": st.just({"secretKeyRef": {"name": "credentials", "key": "user"}}),
            }
        ),
    ),
    max_size=3,
    unique_by=lambda variable: variable["name"],
)
_probes = st.sampled_from(
    [
        {"httpGet": {"path": "/v2/health/ready", "port": 8080}, "periodSeconds": 10},
        {"grpc": {"port": 9000}},
        {"tcpSocket": {"port": "http1"}, "failureThreshold": 3},
        {"exec": {"command": ["true"]}},
    ]
)
_containers = st.fixed_dictionaries(
    {"name": st.just("kserve-container"), "image": st.sampled_from(["example/server:1", "example/server:2"])},
    optional={
        "args": st.lists(st.sampled_from(["--model_name={{.Name}}", "--http_port=8080", ""]), max_size=3),
        "command": st.lists(st.just("serve"), max_size=1),
        "env": _variables,
        "ports": _ports,
        "readinessProbe": _probes,
        "resources": st.fixed_dictionaries(
            {}, optional={"limits": st.dictionaries(st.sampled_from(["cpu", "memory"]), _quantities)}
        ),
        "workingDir": st.just("/srv"),
        "imagePullPolicy": st.sampled_from(["Always", "IfNotPresent"]),
    },
)
_affinities = st.sampled_from(
    [
        {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "gpu", "operator": "Exists"}]}]
                }
            }
        },
        {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    ]
)
_fields: dict[str, st.SearchStrategy[Any]] = {
    "supported_model_formats": _formats,
    "protocolVersions": st.lists(st.sampled_from(["v1", "v2"]), max_size=2, unique=True),
    "multiModel": st.booleans(),
    "disabled": st.booleans(),
    "nodeSelector": _pairs,
    "affinity": _affinities,
    "tolerations": st.lists(st.fixed_dictionaries({"key": _words, "operator": st.just("Exists")}), max_size=2),
    "labels": _pairs,
    "annotations": _pairs,
    "metadata_labels": _pairs,
    "metadata_annotations": _pairs,
    "imagePullSecrets": st.lists(st.just({"name": "registry"}), max_size=1),
    "schedulerName": _words,
    "hostIPC": st.booleans(),
    "volumes": st.sampled_from([[], [{"name": "tmp", "emptyDir": {}}], [{"name": "s", "secret": {"secretName": "s"}}]]),
    "grpcEndpoint": st.just("port:8085"),
    "replicas": st.integers(0, 3),
    "storageHelper": st.fixed_dictionaries({}, optional={"disabled": st.booleans()}),
    "builtInAdapter": st.fixed_dictionaries(
        {}, optional={"serverType": st.just("triton"), "memBufferBytes": st.just(134217728), "env": _variables}
    ),
}

options: st.SearchStrategy[Object] = st.builds(
    lambda container, rest: {"containers": [container], **rest},
    _containers,
    st.fixed_dictionaries({}, optional=_fields),
)

# What somebody else does to the object meanwhile: a merge patch, or an apply by another manager.
foreign_edits: st.SearchStrategy[Object] = st.one_of(
    st.builds(
        lambda pairs: {"metadata": {"labels": {f"other-{key}": v for key, v in pairs.items()}}},
        st.dictionaries(st.sampled_from("ab"), _words, min_size=1),
    ),
    st.builds(
        lambda pairs: {"spec": {"nodeSelector": {f"other-{key}": v for key, v in pairs.items()}}},
        st.dictionaries(st.sampled_from("ab"), _words, min_size=1),
    ),
    st.builds(lambda value: {"spec": {"disabled": value}}, st.booleans()),
    st.builds(lambda value: {"spec": {"schedulerName": value}}, _words),
    st.just({"spec": {"schedulerName": None}}),
    st.just({"spec": {"tolerations": []}}),
)
