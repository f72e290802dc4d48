#!/usr/bin/python
# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Show and write reports about runtimes and services
version_added: "0.1.0"
description:
  - Renders what M(modelserving.kserve.runtime_status) returned, as text for the job log and as files.
  - Everything is rendered on the controller, with the templates of role P(modelserving.kserve.troubleshoot#role).
    No Python library is needed on the host, and the cluster is not asked again.
  - Secrets are taken out of every output once more, whatever O(result) holds.
author:
  - modelserving.kserve contributors (@modelserving)
options:
  result:
    description:
      - The result of M(modelserving.kserve.runtime_status) or M(modelserving.kserve.service_logs), as registered.
    type: dict
    required: true
  title:
    description: The heading of the reports.
    type: str
    default: Model serving report
  display:
    description:
      - Print the text report into the job log, with real line breaks whatever callback is in use.
      - The text is returned as RV(text) in any case.
    type: bool
    default: false
  sections:
    description:
      - The parts of the text that is shown and returned. Files hold all of the default ones.
      - V(details) has every runtime and service with its pods and endpoints, and V(logs) what
        M(modelserving.kserve.service_logs) returned.
    type: list
    elements: str
    choices: [summary, findings, services, runtimes, unseen, details, logs]
    default: [summary, findings, services, runtimes, unseen]
  names:
    description: Show only runtimes and services of these names, and the findings about them. Empty means all.
    type: list
    elements: str
    default: []
  width:
    description: Where the sentences of the text report are wrapped. Commands, paths and tables are not.
    type: int
    default: 100
  fail_on:
    description: From which severity on a finding is a failure in the JUnit report.
    type: str
    choices: [error, warning]
    default: error
  text:
    description: Where to write the text report.
    type: path
  markdown:
    description: Where to write the Markdown report.
    type: path
  html:
    description: Where to write the HTML report, one file that needs nothing else.
    type: path
  json:
    description: Where to write the result as JSON.
    type: path
  junit:
    description: Where to write the JUnit report, in which each finding is a test case.
    type: path
  snapshot:
    description:
      - The file on the host in which M(modelserving.kserve.runtime_status) saved its snapshot, or a bundle.
      - Read only where O(bundle) is given, which needs it.
    type: path
  bundle:
    description:
      - Where to write the bundle, a tar.gz in must-gather's layout with the snapshot, the logs and the reports.
      - M(modelserving.kserve.runtime_status) reads it back offline.
    type: path
notes:
  - All paths but O(snapshot) are the controller's; a relative one starts at the playbook's directory.
  - Files are replaced in one step and readable by their owner only (mode 0600). The same result gives the same bytes,
    so that a second run changes nothing.
attributes:
  check_mode:
    description: Renders everything and writes nothing.
    support: full
  diff_mode:
    description: Says what changed, but not how.
    support: none
seealso:
  - module: modelserving.kserve.runtime_status
"""

EXAMPLES = r"""
- name: Look at every model service
  modelserving.kserve.runtime_status:
  register: status

- name: Show what was found and keep it
  modelserving.kserve.report:
    result: "{{ status }}"
    display: true
    html: /tmp/modelserving-report.html
    junit: /tmp/modelserving-report.xml
"""

RETURN = r"""
summary:
  description: What a job may hand on, for example with M(ansible.builtin.set_stats).
  type: dict
  returned: always
  contains:
    headline:
      description: One sentence.
      type: str
      sample: 2 errors, 1 warning and 1 note. 1 of 5 services ready (2 failed, 1 unknown, 1 loading).
    error:
      description: How many errors were found.
      type: int
    warning:
      description: How many warnings were found.
      type: int
    info:
      description: How many notes were found.
      type: int
    services:
      description: How many services were looked at.
      type: int
    ready:
      description: How many of them are ready.
      type: int
    findings:
      description: The first twenty findings, a line each.
      type: list
      elements: str
text:
  description: The text report.
  type: str
  returned: always
files:
  description: The files that were asked for.
  type: list
  elements: dict
  returned: always
  contains:
    format:
      description: text, markdown, html, json, junit or bundle.
      type: str
    path:
      description: Where it lies, on the controller.
      type: str
    size:
      description: Its size in bytes.
      type: int
    sha256:
      description: Its SHA-256 digest.
      type: str
    changed:
      description: Whether it is new or differs from what lay there.
      type: bool
"""
