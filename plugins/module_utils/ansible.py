# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one file that knows AnsibleModule: options shared by modules, the client, exit, fail, no_log."""

from __future__ import annotations

import datetime
import json
import math
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule, _load_params
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible_collections.kubernetes.core.plugins.module_utils import args_common
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError
from ansible_collections.modelserving.kserve.plugins.module_utils.operations import secret_options

# kubernetes.core's own options, so that its variables, module_defaults and habits carry over; one is ours.
AUTH_ARGUMENTS: dict[str, Any] = {
    **args_common.AUTH_ARG_SPEC,
    "request_timeout": {"type": "float", "default": 30.0},
}

# Number options, by their names, that have no meaning below a bound; any name that ends in `timeout` is in seconds.
_LEAST = {"workers": 1, "max_pods": 1, "tail_lines": 0, "probe_limit": 0, "wait_sleep": 0}
_ABOVE_ZERO = ("request_timeout", "probe_timeout")  # a request that may take no time at all cannot be sent


class _Process(AnsibleModule):
    """An AnsibleModule that tells nobody its secrets: no caller in ``invocation``, no log of the host it runs on.

    AnsibleModule does so for whole options (``no_log``); operations/secret_options.py has the rest.
    """

    params: dict[str, Any]

    @property
    def given(self) -> dict[str, Any]:
        """The options as the task gave them."""
        return {name: value for name, value in _load_params().items() if not name.startswith("_ansible_")}

    @property
    def diff_mode(self) -> bool:
        """Whether the task shows diffs."""
        return bool(self._diff)  # AnsibleModule has no public name for it

    def configuration(self, auth: Mapping[str, Any]) -> Any:
        """How to reach the cluster, see config.load."""
        if not config.HAS_KUBERNETES:
            raise ClusterError(missing_library())
        return config.load(auth)

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
        presentable, secrets = secret_options.hidden(self.params, self.argument_spec)
        self.no_log_values.update(secrets)
        return presentable


class _Ended(BaseException):
    """The end of a module in a process that goes on, as SystemExit is elsewhere; result None: see Module.here."""

    def __init__(self, result: dict[str, Any] | None) -> None:
        super().__init__()
        self.result = result


class _Here:
    """What _Process is to a Session, in a process that goes on: the same options, and a result instead of an end."""

    check_mode: bool
    diff_mode: bool
    given: dict[str, Any]
    params: dict[str, Any]

    def __init__(
        self,
        module: Module,
        given: dict[str, Any],
        *,
        check_mode: bool,
        diff_mode: bool,
        invocation: bool,
        verbose: bool,
    ) -> None:
        """Raises _Ended where AnsibleModule has to tell what is wrong with the options, or to warn of them."""
        checked = ArgumentSpecValidator(module.argument_spec, **module.constraints).validate(given)
        if checked.error_messages or checked._warnings or checked._deprecations:
            raise _Ended(None)
        self.check_mode, self.diff_mode = check_mode, diff_mode
        self.given, self.params = given, checked.validated_parameters
        self._secrets = set(checked._no_log_values)
        self._argument_spec = module.argument_spec
        self._invocation, self._verbose = invocation, verbose
        self._warnings: dict[str, None] = {}  # each once, in order

    def configuration(self, auth: Mapping[str, Any]) -> Any:
        """How to reach the cluster, without programs and files of the library."""
        configuration = config.load(auth, library=False) if config.HAS_KUBERNETES else None
        if configuration is None:
            raise _Ended(None)
        return configuration

    def warn(self, text: str) -> None:
        self._warnings[text] = None

    def exit_json(self, **result: Any) -> NoReturn:
        raise _Ended(self._shown(result))

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        raise _Ended(self._shown({**result, "failed": True, "msg": msg}))

    def _shown(self, result: dict[str, Any]) -> dict[str, Any]:
        """The result as it comes out of a process: JSON, without secrets."""
        presentable, secrets = secret_options.hidden(self.params, self._argument_spec)
        if self._invocation:
            result["invocation"] = {"module_args": presentable}
        if not self._verbose:
            result.pop("exception", None)
        if self._warnings:
            result["warnings"] = list(self._warnings)
        # as in AnsibleModule, `changed` survives a secret "True"
        kept = {name: value for name, value in result.items() if value is None or isinstance(value, bool)}
        cleaned = remove_values(result, self._secrets | secrets)
        return {**json.loads(json.dumps(cleaned, default=_as_json)), **kept}


def _as_json(value: Any) -> Any:
    """What AnsibleModule makes of values that JSON does not know: dates and sets."""
    return value.isoformat() if isinstance(value, datetime.date) else list(value)


class Session:
    """What a module works with: its parameters, the cluster, and the ways out.

    ``partial`` tells what is known so far: a failure returns it beside its message, so that nothing done is lost.
    """

    def __init__(self, module: _Process | _Here) -> None:
        self.params: dict[str, Any] = module.params
        self.check_mode: bool = module.check_mode
        self.diff_mode: bool = module.diff_mode
        self.partial: Callable[[], dict[str, Any]] = dict
        self._module = module
        self._client: Client | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The options as the task gave them: AnsibleModule turns 1.10 into "1.1" and true into "True" in ``params``."""
        return self._module.given

    @property
    def client(self) -> Client:
        """The cluster that the auth options name; nothing is sent before the first request."""
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _connect(self) -> Client:
        auth = config.resolve(self.params)
        return Client(
            self._module.configuration(auth),
            timeout=self.params["request_timeout"],
            impersonate_user=auth.get("impersonate_user"),
            impersonate_groups=auth.get("impersonate_groups"),
        )

    def warn(self, text: str) -> None:
        """Show a warning in the job log."""
        self._module.warn(text)

    @contextmanager
    def telling(self, warnings: Iterable[str]) -> Iterator[None]:
        """Do the work inside; what *warnings* have come to by its end is shown, however it ends."""
        try:
            yield
        finally:
            for text in warnings:
                self.warn(text)

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


class Module:
    """A module: its options, and its work in a Session, which ``session.exit`` or ``session.fail`` ends."""

    def __init__(self, work: Callable[[Session], None], argument_spec: Mapping[str, Any], **constraints: Any) -> None:
        """constraints: mutually_exclusive and the like, as for AnsibleModule."""
        self.argument_spec = dict(argument_spec)
        self.constraints = constraints
        self._work = work

    def __call__(self) -> None:
        """Run as Ansible runs modules: in a process of its own, which ends with it."""
        self._run(_Process(argument_spec=self.argument_spec, supports_check_mode=True, **self.constraints))

    def here(
        self, given: dict[str, Any], *, check_mode: bool, diff_mode: bool, invocation: bool, verbose: bool
    ) -> dict[str, Any] | None:
        """Run in this process, and return what the module's own would have printed.

        given: the options as JSON has them; invocation: whether to return them, too; verbose: with tracebacks.
        None, and nothing done, where it has to be a process of its own: options that AnsibleModule refuses or warns of
        are told in its words, and the `kubernetes` library starts programs and leaves files until the process ends.
        """
        try:
            modes = {"check_mode": check_mode, "diff_mode": diff_mode, "invocation": invocation, "verbose": verbose}
            self._run(_Here(self, given, **modes))
        except _Ended as ended:
            return ended.result
        raise AssertionError("the module did not end")

    def _run(self, face: _Process | _Here) -> None:
        """ClusterError and SpecError become one clear failure."""
        session = Session(face)
        try:
            _check_numbers(session.params)
            self._work(session)
        except (ClusterError, SpecError) as error:
            session.fail(str(error))
        except Exception as error:  # a defect of ours: say so, and keep what is needed to report it
            session.fail(
                f"modelserving.kserve met a defect of its own ({type(error).__name__}: {error}): please report it "
                "with the traceback, which -vvv and ANSIBLE_DISPLAY_TRACEBACK=always show.",
                exception=traceback.format_exc(),
            )


def module(
    argument_spec: Mapping[str, Any], *, cluster: bool = True, **constraints: Any
) -> Callable[[Callable[[Session], None]], Module]:
    """Make a module of a function that does its work; cluster: whether the auth options belong to it."""
    arguments = {**(AUTH_ARGUMENTS if cluster else {}), **argument_spec}
    return lambda work: Module(work, arguments, **constraints)


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
