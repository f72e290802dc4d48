# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of a ServingRuntime as a table, and how they are read from what a person wrote.

The table follows KServe v0.20.0, pkg/apis/serving/v1alpha1/servingruntime_types.go, and its CRD
(config/crd/full/serving.kserve.io_servingruntimes.yaml) for core/v1 Container.

Every field is known under the CRD's own name and under Ansible's snake_case. The reading is stricter than
AnsibleModule's: that one turns 1.10 into "1.1" and true into "True" where text is wanted, and takes one of two
spellings in silence. So `read` wants the input as it was given, before AnsibleModule has converted it.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
import typing as t
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.shapes import kind_of, plain


@dataclasses.dataclass(frozen=True)
class Field:
    """One field: its name in the CRD, its kind (a key of `_READERS`) and what its value must be.

    ``deep`` marks core/v1 structures that keep Kubernetes' camelCase: their known fields are checked for their
    type, unknown ones are left to the cluster's own schema. ``keeps_null`` tells a null that is written from nothing.
    ``by_name``: the items of a list merge by their names over a preset's, so that no two may have the same.
    """

    name: str
    kind: str
    fields: tuple[Field, ...] = ()
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    deep: bool = False
    keeps_null: bool = False
    by_name: bool = False

    @property
    def option(self) -> str:
        """The field's name as an Ansible option."""
        return snake(self.name)

    @functools.cached_property
    def raw_inside(self) -> bool:
        """Whether the fields inside keep Kubernetes' camelCase only."""
        return any(field.deep for field in self.fields)

    @functools.cached_property
    def spellings(self) -> dict[str, Field]:
        """The fields inside, by every name that they may be given."""
        names = {field.name: field for field in self.fields}
        if not self.raw_inside:
            names.update({field.option: field for field in self.fields})
        return names


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the options of one runtime say, in the CRD's own names.

    In ``spec`` and ``metadata`` a null inside a map of strings asks for that key to be taken away from a preset, and a
    null as a variable's value for the variable.
    """

    spec: dict[str, t.Any]
    metadata: dict[str, dict[str, t.Any]]
    additional: dict[str, t.Any]
    auto_select: bool | None


def snake(name: str) -> str:
    """Return a CRD field's name in Ansible's spelling: ``hostIPC`` becomes ``host_ipc``."""
    return re.sub(r"(?<=[a-z0-9])([A-Z]+)", lambda match: "_" + match.group(1).lower(), name)


def _deep(*fields: Field) -> tuple[Field, ...]:
    return tuple(dataclasses.replace(field, deep=True) for field in fields)


INT32 = 2**31 - 1

_HTTP_GET = _deep(
    Field("path", "text"),
    Field("port", "port", required=True),
    Field("host", "text"),
    Field("scheme", "text", choices=("HTTP", "HTTPS")),
    Field("httpHeaders", "objects", _deep(Field("name", "text", required=True), Field("value", "text", required=True))),
)
_EXEC = _deep(Field("command", "texts"))
_TCP_SOCKET = _deep(Field("port", "port", required=True), Field("host", "text"))
_PROBE = _deep(
    Field("exec", "object", _EXEC),
    Field("httpGet", "object", _HTTP_GET),
    Field("tcpSocket", "object", _TCP_SOCKET),
    Field(
        "grpc",
        "object",
        _deep(Field("port", "whole", required=True, minimum=1, maximum=65535), Field("service", "text")),
    ),
    Field("initialDelaySeconds", "whole", minimum=0),
    Field("periodSeconds", "whole", minimum=0),
    Field("timeoutSeconds", "whole", minimum=0),
    Field("successThreshold", "whole", minimum=0),
    Field("failureThreshold", "whole", minimum=0),
    Field("terminationGracePeriodSeconds", "whole", minimum=0),
)
_HOOK = _deep(
    Field("exec", "object", _EXEC),
    Field("httpGet", "object", _HTTP_GET),
    Field("tcpSocket", "object", _TCP_SOCKET),
    Field("sleep", "object", _deep(Field("seconds", "whole", required=True))),
)
_LIFECYCLE = _deep(Field("postStart", "object", _HOOK), Field("preStop", "object", _HOOK), Field("stopSignal", "text"))
_SECURITY_CONTEXT = _deep(
    Field("allowPrivilegeEscalation", "flag"),
    Field("capabilities", "object", _deep(Field("add", "texts"), Field("drop", "texts"))),
    Field("privileged", "flag"),
    Field("procMount", "text"),
    Field("readOnlyRootFilesystem", "flag"),
    Field("runAsGroup", "whole"),
    Field("runAsNonRoot", "flag"),
    Field("runAsUser", "whole"),
    Field("appArmorProfile", "raw"),
    Field("seLinuxOptions", "raw"),
    Field("seccompProfile", "object", _deep(Field("type", "text", required=True), Field("localhostProfile", "text"))),
    Field("windowsOptions", "raw"),
)
_PORTS = _deep(
    Field("containerPort", "whole", required=True, minimum=1, maximum=65535),
    Field("name", "text"),
    Field("protocol", "text", choices=("TCP", "UDP", "SCTP")),
    Field("hostPort", "whole", minimum=0, maximum=65535),
    Field("hostIP", "text"),
)
_VOLUME_MOUNTS = _deep(
    Field("name", "text", required=True),
    Field("mountPath", "text", required=True),
    Field("subPath", "text"),
    Field("subPathExpr", "text"),
    Field("readOnly", "flag"),
    Field("recursiveReadOnly", "text"),
    Field("mountPropagation", "text"),
)
_VOLUMES = _deep(
    Field("name", "text", required=True),
    Field("emptyDir", "object", _deep(Field("medium", "text"), Field("sizeLimit", "quantity"))),
    Field(
        "persistentVolumeClaim", "object", _deep(Field("claimName", "text", required=True), Field("readOnly", "flag"))
    ),
    Field(
        "secret", "object", _deep(Field("secretName", "text"), Field("optional", "flag"), Field("defaultMode", "whole"))
    ),
    Field(
        "configMap", "object", _deep(Field("name", "text"), Field("optional", "flag"), Field("defaultMode", "whole"))
    ),
    Field("hostPath", "object", _deep(Field("path", "text", required=True), Field("type", "text"))),
)
_ENV_FROM = _deep(
    Field("prefix", "text"),
    Field("configMapRef", "object", _deep(Field("name", "text"), Field("optional", "flag"))),
    Field("secretRef", "object", _deep(Field("name", "text"), Field("optional", "flag"))),
)
_VALUE_FROM = _deep(
    Field("fieldRef", "object", _deep(Field("fieldPath", "text", required=True), Field("apiVersion", "text"))),
    Field(
        "resourceFieldRef",
        "object",
        _deep(Field("resource", "text", required=True), Field("containerName", "text"), Field("divisor", "quantity")),
    ),
    Field(
        "configMapKeyRef",
        "object",
        _deep(Field("key", "text", required=True), Field("name", "text"), Field("optional", "flag")),
    ),
    Field(
        "secretKeyRef",
        "object",
        _deep(Field("key", "text", required=True), Field("name", "text"), Field("optional", "flag")),
    ),
)
_AFFINITY = _deep(Field("nodeAffinity", "raw"), Field("podAffinity", "raw"), Field("podAntiAffinity", "raw"))

_ENV = (
    Field("name", "text", required=True),
    Field("value", "text"),
    Field("valueFrom", "object", _VALUE_FROM),
)
_RESOURCES = (
    Field("limits", "quantities"),
    Field("requests", "quantities"),
    Field("claims", "objects", _deep(Field("name", "text", required=True), Field("request", "text"))),
)

CONTAINER: tuple[Field, ...] = (
    Field("name", "text", required=True),
    Field("image", "text"),
    Field("command", "texts"),
    Field("args", "texts"),
    Field("env", "objects", _ENV, by_name=True),
    Field("envFrom", "objects", _ENV_FROM),
    Field("resources", "object", _RESOURCES),
    Field("imagePullPolicy", "text", choices=("Always", "IfNotPresent", "Never")),
    Field("workingDir", "text"),
    Field("ports", "objects", _PORTS),
    Field("volumeMounts", "objects", _VOLUME_MOUNTS),
    Field(
        "volumeDevices",
        "objects",
        _deep(Field("name", "text", required=True), Field("devicePath", "text", required=True)),
    ),
    Field("livenessProbe", "object", _PROBE),
    Field("readinessProbe", "object", _PROBE),
    Field("startupProbe", "object", _PROBE),
    Field("securityContext", "object", _SECURITY_CONTEXT),
    Field("lifecycle", "object", _LIFECYCLE),
    Field(
        "resizePolicy",
        "objects",
        _deep(Field("resourceName", "text", required=True), Field("restartPolicy", "text", required=True)),
    ),
    Field("restartPolicy", "text"),
    Field("restartPolicyRules", "objects", _deep(Field("action", "text", required=True), Field("exitCodes", "raw"))),
    Field("stdin", "flag"),
    Field("stdinOnce", "flag"),
    Field("tty", "flag"),
    Field("terminationMessagePath", "text"),
    Field("terminationMessagePolicy", "text", choices=("File", "FallbackToLogsOnError")),
)


def _overlaid(container: tuple[Field, ...]) -> tuple[Field, ...]:
    """The fields of a container that is laid over a preset's: a null there takes a variable away (runtime.py)."""
    env = tuple(dataclasses.replace(field, keeps_null=field.name == "value") for field in _ENV)
    return tuple(dataclasses.replace(field, fields=env) if field.name == "env" else field for field in container)


_TOLERATION = (
    Field("key", "text"),
    Field("operator", "text", choices=("Exists", "Equal")),
    Field("value", "text"),
    Field("effect", "text", choices=("NoSchedule", "PreferNoSchedule", "NoExecute")),
    Field("tolerationSeconds", "whole"),
)

POD: tuple[Field, ...] = (
    Field("containers", "objects", _overlaid(CONTAINER), by_name=True),
    Field("volumes", "objects", _VOLUMES),
    Field("nodeSelector", "pairs"),
    Field("affinity", "object", _AFFINITY),
    Field("tolerations", "objects", _TOLERATION),
    Field("labels", "pairs"),
    Field("annotations", "pairs"),
    Field("imagePullSecrets", "objects", (Field("name", "text", required=True),)),
    Field("schedulerName", "text"),
    Field("hostIPC", "flag"),
)

SPEC: tuple[Field, ...] = (
    Field(
        "supportedModelFormats",
        "objects",
        (
            Field("name", "text", required=True),
            Field("version", "text"),
            Field("autoSelect", "flag"),
            Field("priority", "whole", minimum=1, maximum=INT32),
        ),
    ),
    Field("multiModel", "flag"),
    Field("disabled", "flag"),
    Field("protocolVersions", "texts"),
    *POD,
    Field(
        "workerSpec",
        "object",
        (
            Field("pipelineParallelSize", "whole", minimum=1),
            Field("tensorParallelSize", "whole", minimum=1),
            *POD,
        ),
    ),
    Field("grpcEndpoint", "text"),
    Field("grpcDataEndpoint", "text"),
    Field("httpDataEndpoint", "text"),
    # uint16 in KServe: a larger number makes its webhook fail to decode the object
    Field("replicas", "whole", minimum=0, maximum=65535),
    Field("storageHelper", "object", (Field("disabled", "flag"),)),
    Field(
        "builtInAdapter",
        "object",
        (
            Field("serverType", "text"),
            Field("runtimeManagementPort", "whole", minimum=0, maximum=65535),
            Field("memBufferBytes", "whole", minimum=0),
            Field("modelLoadingTimeoutMillis", "whole", minimum=0),
            Field("env", "objects", _ENV, by_name=True),
        ),
    ),
)

# Options that are no field of the CRD's spec.
EXTRAS: tuple[Field, ...] = (
    Field("metadata_labels", "pairs"),
    Field("metadata_annotations", "pairs"),
    Field("auto_select", "flag"),
    Field("additional_spec", "raw"),
)

_ANSIBLE_TYPES: dict[str, dict[str, t.Any]] = {
    "text": {"type": "str"},
    "whole": {"type": "int"},
    "flag": {"type": "bool"},
    "texts": {"type": "list", "elements": "str"},
    "pairs": {"type": "dict"},
    "quantities": {"type": "dict"},
    "object": {"type": "dict"},
    "objects": {"type": "list", "elements": "dict"},
    "raw": {"type": "dict"},
}


def ansible_option(field: Field) -> dict[str, t.Any]:
    """Return a field's entry in an Ansible argument spec, without suboptions.

    Suboptions are left out on purpose: AnsibleModule would convert them, and `read` checks them better.
    """
    entry = dict(_ANSIBLE_TYPES[field.kind])
    if field.option != field.name:
        entry["aliases"] = [field.name]
    if field.required:
        entry["required"] = True
    if field.choices:
        entry["choices"] = list(field.choices)
    if re.search("secret|token", field.option):
        entry["no_log"] = False  # a Secret's name; without this AnsibleModule warns about the option's name
    return entry


RUNTIME_OPTIONS: dict[str, dict[str, t.Any]] = {field.option: ansible_option(field) for field in (*SPEC, *EXTRAS)}
OPTION_NAMES = frozenset(name for field in (*SPEC, *EXTRAS) for name in (field.option, field.name))


def split(
    entry: Mapping[str, t.Any], own: Collection[str], path: str = ""
) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """Part one entry of a task into a module's own options and those of the runtime, both as given.

    :param own: the names of the module's own options (state, name, …); a runtime's field of the same name loses.
    :raises SpecError: for a name that is neither.
    """
    ours: dict[str, t.Any] = {}
    runtime: dict[str, t.Any] = {}
    for key, value in entry.items():
        if key in own:
            ours[key] = value
        elif key in OPTION_NAMES:
            runtime[key] = value
        else:
            close = _close(str(key), [*own, *OPTION_NAMES])
            hint = f"; did you mean {close}?" if close else ""
            raise SpecError(_at(path, str(key)), f"is no option of a serving runtime{hint}")
    return ours, runtime


def read(options: Mapping[str, t.Any], path: str = "spec") -> Settings:
    """Read one runtime's options, as the person gave them, into the CRD's own names.

    Null means not given. Empty text, list and map are kept. Strings are strings: an integer is taken as its digits, a
    float or boolean is refused. Numbers and booleans may be text, which Jinja makes of them.

    :param options: the names of `RUNTIME_OPTIONS` or their aliases; nothing else.
    :param path: the path of the spec in messages.
    :raises SpecError: one sentence, with the field's path.
    """
    if not isinstance(options, Mapping):
        raise SpecError(path, f"must be a mapping of options, not {kind_of(options)}")
    extras = {field.name for field in EXTRAS}
    spec = _object(_SPEC, {k: v for k, v in options.items() if k not in extras}, path)
    given = _object(_EXTRAS, {k: v for k, v in options.items() if k in extras}, "")
    metadata = {
        "labels": _checked(given.get("metadata_labels", {}), _label_value, "metadata.labels"),
        "annotations": given.get("metadata_annotations", {}),
    }
    for kind, values in metadata.items():
        for key in values:
            _qualified(key, f"metadata.{kind}")
    additional = given.get("additional_spec", {})
    return Settings(spec, metadata, _additional(additional, SPEC, "additional_spec"), given.get("auto_select"))


def read_value(field: Field, value: t.Any, path: str) -> t.Any:
    """Read one value of any table of fields, as strictly as `read` does; raise SpecError with the path."""
    return _value(field, value, path)


def read_raw(value: t.Any, path: str) -> t.Any:
    """Read JSON that no table describes into plain types; raise SpecError for what YAML made of an unquoted value."""
    return _raw(_RAW, value, path)


# -- reading one value -------------------------------------------------------------------------------------------------


def _value(field: Field, value: t.Any, path: str) -> t.Any:
    return _READERS[field.kind](field, value, path)


def _text(field: Field, value: t.Any, path: str) -> str:
    if isinstance(value, bool):
        raise SpecError(path, f"is the boolean {str(value).lower()}, where text is needed: quote it")
    if isinstance(value, float):
        raise SpecError(path, f"is the number {value}, where text is needed: quote it (1.10 would become 1.1)")
    if isinstance(value, int):
        value = str(value)
    if not isinstance(value, str):
        raise SpecError(path, f"must be text, not {kind_of(value)}" + (": quote it" if _is_scalar(value) else ""))
    if field.choices and value not in field.choices:
        raise SpecError(path, f"is {value!r}, but must be {_either(field.choices)}")
    return str(value)


def _whole(field: Field, value: t.Any, path: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise SpecError(path, f"must be a whole number, not {_shown(value)}")
    if field.minimum is not None and value < field.minimum:
        raise SpecError(path, f"is {value}, but must be at least {field.minimum}")
    if field.maximum is not None and value > field.maximum:
        raise SpecError(path, f"is {value}, but must be at most {field.maximum}")
    return int(value)


_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _flag(field: Field, value: t.Any, path: str) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _FLAGS:
        return _FLAGS[value.lower()]
    raise SpecError(path, f"must be true or false, not {_shown(value)}")


def _port(field: Field, value: t.Any, path: str) -> int | str:
    # IntOrString: a name must hold a letter, so digits in quotes (Jinja makes them) can only mean the number
    if isinstance(value, str) and not value.isdigit():
        return value
    return _whole(dataclasses.replace(field, minimum=1, maximum=65535), value, path)


# The pattern of the CRD's quantities, apimachinery pkg/api/resource
_QUANTITY = re.compile(
    r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+))?"
)


def _quantity(field: Field, value: t.Any, path: str) -> str:
    if isinstance(value, float):
        raise SpecError(path, f"is the number {value}, which the API refuses: quote it")
    text = _text(field, value, path)
    if not _QUANTITY.fullmatch(text):
        raise SpecError(path, f"is {text!r}, but must be a quantity such as 500m, 2 or 4Gi")
    return text


def _texts(field: Field, value: t.Any, path: str) -> list[str]:
    return [_text(field, item, f"{path}[{index}]") for index, item in enumerate(_list(value, path))]


def _pairs(field: Field, value: t.Any, path: str) -> dict[str, str | None]:
    return _map(value, path, lambda item, at: None if item is None else _text(field, item, at))


def _quantities(field: Field, value: t.Any, path: str) -> dict[str, str | None]:
    return _map(value, path, lambda item, at: None if item is None else _quantity(field, item, at))


def _objects(field: Field, value: t.Any, path: str) -> list[dict[str, t.Any]]:
    items = [_object(field, item, f"{path}[{index}]") for index, item in enumerate(_list(value, path))]
    return _named_apart(items, path) if field.by_name else items


def _named_apart(items: list[dict[str, t.Any]], path: str) -> list[dict[str, t.Any]]:
    first: dict[str, int] = {}
    for index, item in enumerate(items):
        known = first.setdefault(item["name"], index)
        if known != index:
            text = f"is {item['name']!r}, as {path}[{known}].name is already: keep one, or give it another name"
            raise SpecError(f"{path}[{index}].name", text)
    return items


def _object(field: Field, value: t.Any, path: str) -> dict[str, t.Any]:
    if not isinstance(value, Mapping):
        raise SpecError(path, f"must be a mapping, not {_shown(value)}")
    result: dict[str, t.Any] = {}
    for key, item in value.items():
        name = str(key)
        known = field.spellings.get(name)
        if known is None:
            if not field.raw_inside:
                raise SpecError(_at(path, name), _unknown(name, field.spellings))
            _refuse_snake(name, field, path)
            if item is not None:
                result[name] = _raw(_RAW, item, _at(path, name))
            continue
        if item is None and not known.keeps_null:
            continue
        if known.name in result:
            raise SpecError(_at(path, known.name), f"is given twice, as {known.option} and as {known.name}: keep one")
        result[known.name] = None if item is None else _value(known, item, _at(path, known.name))
    for known in field.fields:
        if known.required and known.name not in result:
            raise SpecError(_at(path, known.name), "is required")
    return result


def _raw(field: Field, value: t.Any, path: str) -> t.Any:
    """Return any JSON value in plain types; a null in a map counts as absent, as in Kubernetes."""
    if isinstance(value, Mapping):
        return {
            _key(key, path): _raw(field, item, _at(path, str(key))) for key, item in value.items() if item is not None
        }
    if isinstance(value, (list, tuple)):
        return [_raw(field, item, f"{path}[{index}]") for index, item in enumerate(_list(value, path))]
    if isinstance(value, (str, bool, int, float)):
        return plain(value)
    raise SpecError(path, f"must be plain YAML, not {kind_of(value)}: quote it")


_RAW = Field("", "raw")
_SPEC = Field("spec", "object", SPEC)
_EXTRAS = Field("options", "object", EXTRAS)
_READERS: dict[str, Callable[[Field, t.Any, str], t.Any]] = {
    "text": _text,
    "whole": _whole,
    "flag": _flag,
    "port": _port,
    "quantity": _quantity,
    "texts": _texts,
    "pairs": _pairs,
    "quantities": _quantities,
    "object": _object,
    "objects": _objects,
    "raw": _raw,
}


# -- fields beyond the table -------------------------------------------------------------------------------------------

_NESTED = ("containers", "workerSpec")


def _additional(value: t.Any, fields: tuple[Field, ...], path: str) -> dict[str, t.Any]:
    """Read `additional_spec`: fields that the table does not know, at the top, in containers[] and in workerSpec."""
    if not isinstance(value, Mapping):
        raise SpecError(path, f"must be a mapping, not {_shown(value)}")
    known = {name: field for field in fields for name in (field.name, field.option)}
    result: dict[str, t.Any] = {}
    for key, item in value.items():
        at = _at(path, _key(key, path))
        field = known.get(key)
        if field is None:
            result[str(key)] = _raw(_RAW, item, at)
        elif key == "name" and fields is CONTAINER:
            result["name"] = _text(field, item, at)
        elif key in _NESTED and field.kind == "object":
            result[key] = _additional(item, field.fields, at)
        elif key in _NESTED:
            containers = [_additional_container(one, f"{at}[{n}]") for n, one in enumerate(_list(item, at))]
            result[key] = _named_apart(containers, at)
        else:
            raise SpecError(at, f"is a known field: give it as the option {field.option}")
    return result


def _additional_container(value: t.Any, path: str) -> dict[str, t.Any]:
    result = _additional(value, CONTAINER, path)
    if "name" not in result:
        raise SpecError(_at(path, "name"), "is required, to say which container is meant")
    return result


# -- small things ------------------------------------------------------------------------------------------------------


def _list(value: t.Any, path: str) -> list[t.Any]:
    if not isinstance(value, (list, tuple)):
        raise SpecError(path, f"must be a list, not {_shown(value)}")
    for index, item in enumerate(value):
        if item is None:
            raise SpecError(f"{path}[{index}]", "is null: take the empty list entry out")
    return list(value)


def _map(value: t.Any, path: str, read_item: Callable[[t.Any, str], str | None]) -> dict[str, str | None]:
    if not isinstance(value, Mapping):
        raise SpecError(path, f"must be a mapping, not {_shown(value)}")
    return {_key(key, path): read_item(item, _at(path, str(key))) for key, item in value.items()}


def _key(key: t.Any, path: str) -> str:
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    if not isinstance(key, str):
        raise SpecError(path, f"has the key {key!r}, where text is needed: quote it")
    return str(key)


def _refuse_snake(name: str, field: Field, path: str) -> None:
    for known in field.fields:
        if known.option == name:
            raise SpecError(
                _at(path, name), f"is spelled {known.name} here: Kubernetes' own structures keep their camelCase"
            )


_NAME_PART = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def _qualified(key: str, path: str) -> None:
    """Check a label's or annotation's key: apimachinery, pkg/util/validation, IsQualifiedName."""
    prefix, slash, name = key.rpartition("/")
    if not _NAME_PART.fullmatch(name) or (slash and (len(prefix) > 253 or not _DNS_NAME.fullmatch(prefix))):
        raise SpecError(path, f"has the key {key!r}, which is no name of up to 63 letters, digits, '-', '_' and '.'")


def _label_value(value: str | None, path: str) -> str | None:
    if value and not _NAME_PART.fullmatch(value):
        raise SpecError(path, f"is {value!r}, but a label's value has up to 63 letters, digits, '-', '_' and '.'")
    return value


def _checked(values: dict[str, t.Any], check: Callable[[t.Any, str], t.Any], path: str) -> dict[str, t.Any]:
    return {key: check(value, _at(path, key)) for key, value in values.items()}


def object_name(name: t.Any) -> str:
    """Return an object's name; raise SpecError where the API server would refuse it (IsDNS1123Subdomain)."""
    text = _text(Field("name", "text"), name, "metadata.name")
    if len(text) > 253 or not _DNS_NAME.fullmatch(text):
        raise SpecError(
            "metadata.name", f"is {text!r}, but must be lower-case letters, digits, '-' and '.', 253 at most"
        )
    return text


_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def namespace_name(name: t.Any, path: str) -> str:
    """Return a namespace's name; raise SpecError where the API server would refuse it (IsDNS1123Label)."""
    text = _text(Field("namespace", "text"), name, path)
    if not _DNS_LABEL.fullmatch(text):
        raise SpecError(
            path, f"is {text!r}, but must be a namespace's name: lower-case letters, digits and '-', 63 at most"
        )
    return text


def _at(path: str, key: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", key):
        key = f"[{key!r}]"
        return path + key
    return f"{path}.{key}" if path else key


def _close(name: str, names: Iterable[str]) -> str | None:
    """Return the name that was probably meant, in the spelling that the person uses."""
    alike = sorted(known for known in names if "_" in name or "_" not in known)
    return next(iter(difflib.get_close_matches(name, alike, 1, 0.6)), None)


def _unknown(name: str, names: Iterable[str]) -> str:
    close = _close(name, names)
    if close:
        return f"is unknown: did you mean {close}, or is it a newer KServe's field, for additional_spec?"
    return "is unknown: a newer KServe's field goes into additional_spec"


def _either(choices: Sequence[str]) -> str:
    return ", ".join(choices[:-1]) + " or " + choices[-1]


def _shown(value: t.Any) -> str:
    return repr(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else kind_of(value)


def _is_scalar(value: t.Any) -> bool:
    return value is not None and not isinstance(value, (Mapping, list, tuple))
