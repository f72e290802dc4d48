# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one file that knows AnsibleModule: options shared by modules, the client, exit, fail, no_log."""

from __future__ import annotations

import copy
import json
import math
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule, _load_params
from ansible_collections.kubernetes.core.plugins.module_utils import args_common
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import shown

# kubernetes.core's own options, so that its variables, module_defaults and habits carry over; one is ours.
AUTH_ARGUMENTS: dict[str, Any] = {
    **args_common.AUTH_ARG_SPEC,
    "request_timeout": {"type": "float", "default": 30.0},
}

# Number options, by their names, that have no meaning below a bound; any name that ends in `timeout` is in seconds.
_LEAST = {"workers": 1, "max_pods": 1, "tail_lines": 0, "probe_limit": 0, "wait_sleep": 0}
_ABOVE_ZERO = ("request_timeout", "probe_timeout")  # a request that may take no time at all cannot be sent


class _Module(AnsibleModule):
    """An AnsibleModule that tells nobody its secrets: no caller in ``invocation``, no log of the host it runs on.

    AnsibleModule does so for whole options (``no_log``). Here secrets also come from variables, an inline kubeconfig
    and the environment of containers, whose other fields are what a reader of a job log needs.
    """

    params: dict[str, Any]

    def exit_json(self, **kwargs: Any) -> NoReturn:
        super().exit_json(**self._with_invocation(kwargs))
        raise AssertionError("exit_json returned")

    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn:
        super().fail_json(msg, **self._with_invocation(kwargs))
        raise AssertionError("fail_json returned")

    def _with_invocation(self, result: dict[str, Any]) -> dict[str, Any]:
        return {"invocation": {"module_args": self._hide_secrets()}, **result}

    def _log_invocation(self) -> None:  # what AnsibleModule sends to syslog when it starts
        params = self.params
        self.params = self._hide_secrets()
        try:
            super()._log_invocation()
        finally:
            self.params = params

    def _hide_secrets(self) -> dict[str, Any]:
        """The parameters without secrets, which from now on no output holds either."""
        params, texts = _without_texts(self.params, self.argument_spec)
        presentable: dict[str, Any] = shown.redacted(params)
        self.no_log_values.update(_credentials(config.resolve(self.params)))
        secrets = {str(value) for value in shown.secrets(params)}
        secrets.update(texts, (repr(text)[1:-1] for text in texts))  # a message quotes a text by its repr
        if secrets:
            # Whatever holds such a text loses it, names too: so neither short ones nor what the task also says openly.
            openly = json.dumps(presentable, default=str)
            self.no_log_values.update(text for text in secrets if len(text) >= _LONG and text not in openly)
        return presentable


_LONG = 8

# What variables can stand in, wherever it is in an option.
_STRUCTURED = frozenset(
    ("additional_spec", "builtInAdapter", "built_in_adapter", "containers", "env", "initContainers", "init_containers")
    + ("runtimes", "workerSpec", "worker_spec")
)
_MARKS = "{[:="  # without one of them a text holds no variable's value


def _without_texts(
    params: dict[str, Any], argument_spec: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    """The parameters less what is text where a structure belongs, and these texts; the same where there is none.

    A template, or a quote too many, makes a text of a whole list, secrets included. Nobody can tell them apart in it.
    """
    texts = [holder[key] for holder, key in _texts(params, argument_spec)]
    if not texts:
        return params, []
    result = copy.deepcopy(params)
    for holder, key in list(_texts(result, argument_spec)):
        holder[key] = shown.REDACTED
    return result, texts


def _texts(params: dict[str, Any], argument_spec: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Any, Any]]:
    """Where such texts stand: a mapping or list and the key or index there."""
    for name, option in argument_spec.items():
        structured = "dict" in (option.get("type"), option.get("elements"))
        for key in (name, *(option.get("aliases") or ())):
            if key in params:
                yield from _text_at(params, key, structured)


def _text_at(holder: Any, key: Any, structured: bool) -> Iterator[tuple[Any, Any]]:
    value = holder[key]
    if isinstance(value, dict):
        for name in value:
            yield from _text_at(value, name, name in _STRUCTURED)
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from _text_at(value, index, structured)
    elif structured and isinstance(value, str) and any(mark in value for mark in _MARKS):
        yield holder, key


class Session:
    """What a module works with: its parameters, the cluster, and the ways out.

    ``partial`` tells what is known so far: a failure returns it beside its message, so that nothing done is lost.
    """

    def __init__(self, module: AnsibleModule) -> None:
        self.params: dict[str, Any] = module.params
        self.check_mode: bool = module.check_mode
        self.diff_mode: bool = module._diff  # AnsibleModule has no public name for it
        self.partial: Callable[[], dict[str, Any]] = dict
        self._module = module
        self._client: Client | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The options as the task gave them: AnsibleModule turns 1.10 into "1.1" and true into "True" in ``params``."""
        return {name: value for name, value in _load_params().items() if not name.startswith("_ansible_")}

    @property
    def client(self) -> Client:
        """The cluster that the auth options name; nothing is sent before the first request."""
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _connect(self) -> Client:
        if not config.HAS_KUBERNETES:
            self.fail(missing_library())
        auth = config.resolve(self.params)
        return Client(
            config.load(auth),
            timeout=self.params["request_timeout"],
            impersonate_user=auth.get("impersonate_user"),
            impersonate_groups=auth.get("impersonate_groups"),
        )

    def warn(self, text: str) -> None:
        """Show a warning in the job log."""
        self._module.warn(text)

    def exit(self, **result: Any) -> NoReturn:
        """End the module well."""
        self._module.exit_json(**result)
        raise AssertionError("exit_json returned")

    def fail(self, message: str, **result: Any) -> NoReturn:
        """End the module with one sentence for the job log."""
        self._module.fail_json(msg=message, **{**self._known(), **result})
        raise AssertionError("fail_json returned")

    def _known(self) -> dict[str, Any]:
        try:
            return self.partial()
        except Exception:  # the defect that ends the module may be in its telling: say that one
            return {}


@contextmanager
def open_module(argument_spec: Mapping[str, Any], *, cluster: bool = True, **options: Any) -> Iterator[Session]:
    """A module's frame: ``with open_module({...}) as session: session.exit(**run(session))``.

    cluster: whether the auth options belong to it. ClusterError and SpecError become one clear failure.
    """
    arguments = {**(AUTH_ARGUMENTS if cluster else {}), **argument_spec}
    session = Session(_Module(argument_spec=arguments, **options))
    try:
        _check_numbers(session.params)
        yield session
    except (ClusterError, SpecError) as error:
        session.fail(str(error))
    except Exception as error:  # a defect of ours: say so, and keep what is needed to report it
        session.fail(
            f"modelserving.kserve met a defect of its own ({type(error).__name__}: {error}): please report it "
            "with the traceback that -vvv shows.",
            exception=traceback.format_exc(),
        )


def missing_library() -> str:
    """The sentence for an interpreter without the `kubernetes` library."""
    return (
        f"The Python that ran this module, {sys.executable}, lacks the library `kubernetes`: install it there with "
        f"`{sys.executable} -m pip install kubernetes`, or set ansible_python_interpreter to a Python that has it "
        "(with connection: local, '{{ ansible_playbook_python }}' is Ansible's own)."
    )


def _check_numbers(params: Mapping[str, Any]) -> None:
    """Refuse, by the option's name, numbers with which nothing can be done."""
    for name, value in params.items():
        least = _LEAST.get(name, 0 if name.endswith("timeout") else None)
        if least is None or not isinstance(value, (int, float)):
            continue
        if name in _ABOVE_ZERO and not (value > 0 and math.isfinite(value)):
            raise SpecError(name, f"must be more than 0 seconds, not {value:g}")
        if not (value >= least and math.isfinite(value)):
            raise SpecError(name, f"must be {least} or more, not {value:g}")


_SECRET_OPTIONS = ("api_key", "password")
_SECRET_HEADERS = ("proxy_basic_auth", "basic_auth")
_SECRET_KEYS = ("token", "password", "client-key-data", "access-token", "refresh-token", "id-token", "client-secret")


def _credentials(auth: Mapping[str, Any]) -> set[str]:
    """The secrets in resolved auth options, wherever they came from."""
    headers = auth.get("proxy_headers")
    found = [auth.get(name) for name in _SECRET_OPTIONS]
    found += [headers.get(name) for name in _SECRET_HEADERS] if isinstance(headers, Mapping) else []
    found += [_password(auth.get(name)) for name in ("proxy", "host")]
    # options that AnsibleModule refused have any type
    return {text for text in found if text and isinstance(text, str)} | _strings_under_secret_keys(
        auth.get("kubeconfig")
    )


def _password(url: Any) -> str | None:
    try:
        return urlsplit(url).password if isinstance(url, str) else None
    except ValueError:
        return None


def _strings_under_secret_keys(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        found = {item for key, item in value.items() if key in _SECRET_KEYS and isinstance(item, str) and item}
        return found.union(*(_strings_under_secret_keys(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(_strings_under_secret_keys(item) for item in value))
    return set()
