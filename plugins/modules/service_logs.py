#!/usr/bin/python
# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the logs of a service's model server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_logs
short_description: Read the logs of a service's model server
version_added: "0.1.0"
description:
  - Reads the end of the logs of an InferenceService's pods, with the names of the containers that really exist.
    KServe calls the server's container C(kserve-container) whatever runtime it comes from.
  - Where a container has restarted, the log of its previous run is read too, and where the server has not started,
    that of the init containers, such as C(storage-initializer), which hold the reason.
  - Secrets are taken out of what is returned.
author:
  - modelserving.kserve contributors (@modelserving)
options:
  namespace:
    description: Namespace of the service.
    type: str
    required: true
  name:
    description: Name of the InferenceService.
    type: str
    required: true
  component:
    description: The part of the service whose pods are read.
    type: str
    choices: [predictor, transformer, explainer]
    default: predictor
  container:
    description: Read this container only. Without it, the server's, and the init containers where it has not started.
    type: str
  tail_lines:
    description: How many lines of each log, counted from its end.
    type: int
    default: 200
  max_pods:
    description: How many pods at most; those that are not ready come first.
    type: int
    default: 5
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - modelserving.kserve.connection
seealso:
  - module: modelserving.kserve.report
  - module: modelserving.kserve.runtime_status
"""

EXAMPLES = r"""
- name: Read what the server of a service says
  modelserving.kserve.service_logs:
    namespace: models
    name: iris
  register: said

- name: Show it
  modelserving.kserve.report:
    result: "{{ said }}"
    sections: [logs]
    display: true
"""

RETURN = r"""
logs:
  description: The logs, pods that are not ready first.
  type: list
  elements: dict
  returned: always
  contains:
    namespace:
      description: The pod's namespace.
      type: str
    pod:
      description: The pod's name.
      type: str
    container:
      description: The container's name.
      type: str
    previous:
      description: Whether it is the log of the container's previous run.
      type: bool
    state:
      description: What the container does, such as C(running) or C(waiting CrashLoopBackOff).
      type: str
    text:
      description: The end of the log, or nothing.
      type: str
    error:
      description: Why the log could not be read, or null.
      type: str
"""

from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.ansible import Session, module
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import POD, Resource
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import containers, redact
from ansible_collections.modelserving.kserve.plugins.module_utils.kserve import kinds, shapes

ARGUMENTS: dict[str, Any] = {
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "component": {"type": "str", "choices": ["predictor", "transformer", "explainer"], "default": "predictor"},
    "container": {"type": "str"},
    "tail_lines": {"type": "int", "default": 200},
    "max_pods": {"type": "int", "default": 5},
}


def run(session: Session) -> dict[str, Any]:
    """The module's result."""
    given = session.params
    pods = containers.pods_to_read(_pods(session), given["max_pods"])
    if not pods:
        session.fail(_without_pods(session))
    wanted = [log for pod in pods for log in containers.logs_to_read(pod, given["container"])]
    if not wanted:
        there = ", ".join(containers.names(pods[0]))
        pod = pods[0]["metadata"]["name"]
        session.fail(f"Pod {given['namespace']}/{pod} has no container {given['container']}: it has {there}.")
    known = redact.Redactor()
    known.value(pods)  # what the pods are given as a secret is one in their logs, too
    return {"changed": False, "logs": [_read(session, log, known) for log in wanted]}


def _pods(session: Session) -> list[dict[str, Any]]:
    given = session.params
    labels = f"{kinds.LABEL_SERVICE}={given['name']},{kinds.LABEL_COMPONENT}={given['component']}"
    return session.client.list(POD, given["namespace"], label_selector=labels)


def _without_pods(session: Session) -> str:
    """Why there is nothing to read."""
    given = session.params
    what = f"InferenceService {given['namespace']}/{given['name']}"
    service = session.client.get(Resource(*kinds.INFERENCE_SERVICE), given["name"], given["namespace"])
    if service is None:
        return f"{what} does not exist: check its name and namespace."
    if shapes.is_stopped(service):
        return f"{what} is stopped and has no pods: remove its annotation {kinds.ANNOTATION_STOP} to start it."
    return (
        f"{what} has no {given['component']} pods: it is scaled to zero, has no such component, or its pods were never "
        "created; modelserving.kserve.runtime_status says which."
    )


def _read(session: Session, log: dict[str, Any], known: redact.Redactor) -> dict[str, Any]:
    try:
        text = session.client.logs(
            log["namespace"],
            log["pod"],
            log["container"],
            previous=log["previous"],
            tail_lines=session.params["tail_lines"],
        )
    except ClusterError as error:
        return {**log, "text": "", "error": str(error)}
    return {**log, "text": known.everywhere(redact.text(text), keep=log.values()), "error": None}


@module(ARGUMENTS)
def main(session: Session) -> None:
    """Run the module."""
    session.exit(**run(session))


if __name__ == "__main__":
    main()
