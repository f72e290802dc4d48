# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one file that knows AnsibleModule: options shared by modules, the client, exit, fail, no_log."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule, _load_params
from ansible_collections.kubernetes.core.plugins.module_utils import args_common
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve.errors import SpecError

# kubernetes.core's own options, so that its variables, module_defaults and habits carry over; one is ours.
AUTH_ARGUMENTS: dict[str, Any] = {
    **args_common.AUTH_ARG_SPEC,
    "request_timeout": {"type": "float", "default": 30.0},
}


class Session:
    """What a module works with: its parameters, the cluster, and the ways out.

    ``partial`` holds what is known so far; a failure returns it beside its message, so that nothing done is lost.
    """

    def __init__(self, module: AnsibleModule) -> None:
        self.params: dict[str, Any] = module.params
        self.check_mode: bool = module.check_mode
        self.diff_mode: bool = module._diff  # AnsibleModule has no public name for it
        self.partial: dict[str, Any] = {}
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
        self._hide(auth)
        return Client(
            config.load(auth),
            timeout=self.params["request_timeout"],
            impersonate_user=auth.get("impersonate_user"),
            impersonate_groups=auth.get("impersonate_groups"),
        )

    def _hide(self, auth: Mapping[str, Any]) -> None:
        """Keep credentials that came from variables or an inline kubeconfig out of every output."""
        secrets = {auth[name] for name in ("api_key", "password") if auth.get(name)}
        secrets |= _strings_under_secret_keys(auth.get("kubeconfig"))
        self._module.no_log_values.update(secrets)

    def warn(self, text: str) -> None:
        """Show a warning in the job log."""
        self._module.warn(text)

    def exit(self, **result: Any) -> NoReturn:
        """End the module well."""
        self._module.exit_json(**result)
        raise AssertionError("exit_json returned")

    def fail(self, message: str, **result: Any) -> NoReturn:
        """End the module with one sentence for the job log."""
        self._module.fail_json(msg=message, **{**self.partial, **result})
        raise AssertionError("fail_json returned")


@contextmanager
def open_module(argument_spec: Mapping[str, Any], *, cluster: bool = True, **options: Any) -> Iterator[Session]:
    """A module's frame: ``with open_module({...}) as session: session.exit(**run(session))``.

    cluster: whether the auth options belong to it. ClusterError and SpecError become one clear failure.
    """
    arguments = {**(AUTH_ARGUMENTS if cluster else {}), **argument_spec}
    session = Session(AnsibleModule(argument_spec=arguments, **options))
    try:
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


_SECRET_KEYS = ("token", "password", "client-key-data", "access-token", "refresh-token", "id-token", "client-secret")


def _strings_under_secret_keys(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        found = {item for key, item in value.items() if key in _SECRET_KEYS and isinstance(item, str)}
        return found.union(*(_strings_under_secret_keys(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(_strings_under_secret_keys(item) for item in value))
    return set()
