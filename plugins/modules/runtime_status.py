#!/usr/bin/python
# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: runtime_status
short_description: Say what is wrong with KServe's runtimes and services, why, and what to do
version_added: "0.1.0"
author:
  - modelserving.kserve contributors (@modelserving)
description:
  - Reads runtimes of both scopes, InferenceServices and all that belongs to them, asks the servers, and names for each
    fault one cause with its evidence and remedy. What follows from a fault is folded under it.
  - Changes nothing. The number of list requests does not depend on the number of services.
  - What could not be seen, because it is forbidden, not served or was not asked, is listed under RV(unseen) and never
    taken for healthy or absent.
  - Works offline from a saved snapshot or a bundle with the same rules.
options:
  namespace:
    description:
      - A namespace to look at. Without it and without O(namespaces), all that may be listed are looked at.
    type: str
  namespaces:
    description:
      - Namespaces to look at.
    type: list
    elements: str
  name:
    description:
      - A runtime or an InferenceService to report on. A runtime brings the services that use it.
    type: str
  names:
    description:
      - Several of them.
    type: list
    elements: str
  checks:
    description:
      - Which findings are wanted, by theme (V(selection), V(control_plane), V(policy), V(image), V(scheduling),
        V(storage), V(triton), V(mlserver), V(running), V(network)) or by code, such as V(KS026). All by default.
    type: list
    elements: str
  probe:
    description:
      - Whose endpoints are asked, through the API server. V(all) services, V(unhealthy) ones, or V(none).
    type: str
    choices: [all, unhealthy, none]
    default: all
  probe_limit:
    description:
      - How many services are asked at most. The rest is listed under RV(unseen).
    type: int
    default: 100
  webhooks:
    description:
      - Whether dry-run writes find out that KServe's admission webhooks answer. They change nothing, and need the right
        to create what they try; without it RV(unseen) says so.
    type: bool
    default: true
  logs:
    description:
      - Whether logs of unhealthy pods are read, the present and the previous container's, their head and their tail.
    type: bool
    default: true
  log_patterns:
    description:
      - Log messages of one's own and what they mean, looked for before the collection's.
    type: list
    elements: dict
    suboptions:
      pattern:
        description: A regular expression (Python's) for the decisive line, such as the last exception of a traceback.
        type: str
        required: true
      cause:
        description: What it means, as part of a sentence. May use the pattern's named groups as C({name}).
        type: str
      code:
        description: The code of the finding.
        type: str
        default: KS101
      title:
        description: The title of the finding, the code's own by default.
        type: str
      severity:
        description: The severity, the code's own by default.
        type: str
        choices: [error, warning, info]
      remedy:
        description: What to do.
        type: str
      where:
        description: In which containers' logs it is looked for.
        type: str
        choices: [any, server, storage]
        default: any
  fail_on:
    description:
      - From which severity on the task fails. It returns the same keys then.
    type: str
    choices: [never, error, warning]
    default: never
  wait:
    description:
      - Wait until every service is ready, stopped or scaled to zero. Ends at once where a fault shows that waiting
        cannot heal.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds to wait at most.
    type: int
    default: 600
  wait_sleep:
    description:
      - Seconds between two looks.
    type: int
    default: 5
  snapshot:
    description:
      - A snapshot or bundle that was saved earlier, on the target host. Nothing is read from a cluster then.
    type: path
  save_snapshot:
    description:
      - Where to save the snapshot, on the target host, readable by its owner only. Secrets are redacted in it.
    type: path
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - modelserving.kserve.connection
attributes:
  check_mode:
    description: The module only reads, in check mode as well.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
seealso:
  - module: modelserving.kserve.report
  - module: modelserving.kserve.inference_service
"""

EXAMPLES = r"""
- name: Look at one namespace
  modelserving.kserve.runtime_status:
    namespace: models

- name: Fail the job where a service is broken, and keep what was seen
  modelserving.kserve.runtime_status:
    namespaces: [models, staging]
    fail_on: error
    save_snapshot: /tmp/models-snapshot.json

- name: Wait until the services of one runtime are healthy
  modelserving.kserve.runtime_status:
    namespace: models
    name: triton-runtime
    wait: true
    wait_timeout: 900

- name: Judge a saved snapshot again, without a cluster, and know a message of our own server
  modelserving.kserve.runtime_status:
    snapshot: /tmp/models-snapshot.json
    log_patterns:
      - pattern: "licen[cs]e (?P<key>\\S+) has expired"
        cause: the licence {key} of the scoring library has expired
        remedy: Ask the platform team for a new licence.
"""

RETURN = r"""
findings:
  description:
    - What is wrong, gravest first, then by the number of services hit, namespace, name and code.
  returned: always
  type: list
  elements: dict
  contains:
    code:
      description: A stable code. docs/findings.md lists them all.
      type: str
      sample: KS026
    severity:
      description: V(error), V(warning) or V(info).
      type: str
    object:
      description: What to change, as C(api_version), C(kind), C(namespace) (null where it has none) and C(name).
      type: dict
    affects:
      description: Every InferenceService that is hit.
      type: list
      elements: dict
    title:
      description: The kind of fault.
      type: str
    cause:
      description: What is wrong here, with names and values.
      type: str
    evidence:
      description:
        - What shows it, as C(source) (field, event, log, probe, node or rule), C(object), C(path), C(text), C(time).
      type: list
      elements: dict
    remedy:
      description: What to do, as C(text), C(command) and C(patch) (null where there is none).
      type: dict
    consequences:
      description: What follows from the fault, as C(object) and C(text).
      type: list
      elements: dict
    docs:
      description: Where to read more.
      type: str
runtimes:
  description:
    - The runtimes with scope, formats, image, priority, the services that use them and their state, replicas, pods,
      endpoints that were asked, and accelerators asked for.
  returned: always
  type: list
  elements: dict
services:
  description:
    - The InferenceServices with state (ready, degraded, loading, failed, stopped, scaled_to_zero, deleting, unknown),
      runtime, replicas, pods, endpoints, accelerators, and the codes of the findings that hit them.
  returned: always
  type: list
  elements: dict
summary:
  description: How many findings there are of each severity.
  returned: always
  type: dict
  sample: {error: 1, warning: 0, info: 2}
unseen:
  description:
    - What could not be seen, as C(what), C(reason) (forbidden, unreachable, crd_missing or not_probed) and C(message).
  returned: always
  type: list
  elements: dict
taken_at:
  description: The moment of the snapshot, by the API server's clock.
  returned: always
  type: str
  sample: "2026-11-22T08:02:07Z"
kserve_version:
  description: KServe's version, or null where it was not seen.
  returned: always
  type: str
kubernetes_version:
  description: The version of the Kubernetes API, or null.
  returned: always
  type: str
"""

from ansible_collections.modelserving.kserve.plugins.module_utils import ansible
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import status

PATTERN = {
    "pattern": {"type": "str", "required": True},
    "cause": {"type": "str"},
    "code": {"type": "str", "default": "KS101"},
    "title": {"type": "str"},
    "severity": {"type": "str", "choices": ["error", "warning", "info"]},
    "remedy": {"type": "str"},
    "where": {"type": "str", "choices": ["any", "server", "storage"], "default": "any"},
}

ARGUMENTS = {
    "namespace": {"type": "str"},
    "namespaces": {"type": "list", "elements": "str"},
    "name": {"type": "str"},
    "names": {"type": "list", "elements": "str"},
    "checks": {"type": "list", "elements": "str"},
    "probe": {"type": "str", "choices": ["all", "unhealthy", "none"], "default": "all"},
    "probe_limit": {"type": "int", "default": 100},
    "webhooks": {"type": "bool", "default": True},
    "logs": {"type": "bool", "default": True},
    "log_patterns": {"type": "list", "elements": "dict", "options": PATTERN},
    "fail_on": {"type": "str", "choices": ["never", "error", "warning"], "default": "never"},
    "wait": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 600},
    "wait_sleep": {"type": "int", "default": 5},
    "snapshot": {"type": "path"},
    "save_snapshot": {"type": "path"},
}


@ansible.module(ARGUMENTS)
def main(session: ansible.Session) -> None:
    """Run the module."""
    outcome = status.Outcome()
    session.partial = lambda: {"changed": False, **outcome.result}
    try:
        status.run(lambda: session.client, status.task_of(session.params), outcome)
    except status.InputError as error:
        session.fail(str(error))
    if outcome.failure:
        session.fail(outcome.failure)
    session.exit(**session.partial())


if __name__ == "__main__":
    main()
