# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a snapshot to findings: pure, so that a saved snapshot is diagnosed offline by the same code.

::

    diagnose(snapshot) -> {
        findings  [{code, severity, object, affects[], title, cause, evidence[], remedy, consequences[], docs}]
                  ordered by severity, services hit (most first), namespace, name, code
                  object, affects[], evidence[].object, consequences[].object: {api_version, kind, namespace|null, name}
        runtimes  [{api_version, kind, namespace|null, name, scope: "namespace"|"cluster", disabled, formats[{name,
                    version|null, auto_select, priority|null}], protocols[], image|null, priority|null,
                    services[{namespace, name, how: "named"|"selected", state, ready}],
                    replicas{wanted, ready}, pods[{namespace, name, node|null, phase, ready, restarts, reason|null}],
                    endpoints[{namespace, service, purpose, path, status|null, error|null}], accelerators{resource: n},
                    findings[code, ...]}]
        services  [{namespace, name, state, ready: bool, runtime{kind, name}|null, how|null, format|null, version|null,
                    protocol|null, storage_uri|null, mode|null, url|null, replicas{wanted, ready}, pods[as above],
                    endpoints[{purpose, path, status|null, error|null}], accelerators{resource: n},
                    message|null, findings[code, ...]}]
                  state: ready | degraded | loading | failed | stopped | scaled_to_zero | deleting | unknown
        summary   {error, warning, info}
        unseen    [{what, reason, message}]
    }
"""

from __future__ import annotations
