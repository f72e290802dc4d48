# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small Kubernetes client: JSON in, JSON out, one connection pool, every failure a ClusterError.

It stands on urllib3, and on the `kubernetes` library for proxies and for credentials that are more than a token or a
certificate (config.py); it leaves out that library's models and its discovery.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

try:
    import urllib3
    from urllib3._collections import HTTPHeaderDict
except ImportError:  # said by ansible.py, which names the interpreter
    pass

from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import errors
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.plain_access import PlainConfiguration
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import POD, SERVICE, Resource

JSON = "application/json"
# A JSON body is YAML too; this is the media type that makes a PATCH a server-side apply.
APPLY = "application/apply-patch+yaml"
PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
PAGE = 500
CONNECTIONS = 32
ANSWER_LIMIT = 16 * 1024 * 1024


Object = dict[str, Any]
Objects = list[Object]


class Response(NamedTuple):
    """An HTTP answer as it came; headers by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One cluster. Thread-safe. ``requests`` counts the HTTP requests sent."""

    def __init__(
        self,
        configuration: Any,
        *,
        timeout: float = 30.0,
        impersonate_user: str | None = None,
        impersonate_groups: Sequence[str] | None = None,
    ) -> None:
        """configuration: from config.load; timeout: seconds to wait for one answer."""
        configuration.connection_pool_maxsize = CONNECTIONS
        self.host = str(configuration.host)
        self.timeout = timeout
        self.requests = 0
        self._configuration = configuration
        self._http = _connections(configuration)
        self._lock = threading.Lock()
        self._impersonation = [("Impersonate-User", impersonate_user)] if impersonate_user else []
        self._impersonation += [("Impersonate-Group", group) for group in impersonate_groups or []]

    # -- objects ------------------------------------------------------------------------------------------------

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """The object; None if there is none. A kind that the cluster does not serve raises ApiMissing."""
        try:
            return self._call("GET", resource, "read", name, namespace)
        except errors.NotFound:
            return None

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        limit: int = PAGE,
    ) -> Objects:
        """All objects, page by page; each carries its apiVersion and kind, which lists of core kinds leave out."""
        query = {"labelSelector": label_selector, "fieldSelector": field_selector, "limit": limit}
        try:
            items = self._pages(resource, namespace, query)
        except errors.Expired:  # the list took longer than the server remembers: all at once, then
            items = self._pages(resource, namespace, {**query, "limit": None})
        for item in items:
            item.setdefault("apiVersion", resource.api_version)
            item.setdefault("kind", resource.kind)
        return items

    def _pages(self, resource: Resource, namespace: str | None, query: dict[str, Any]) -> Objects:
        items: Objects = []
        token: str | None = None
        while True:
            page = self._call("GET", resource, "read", None, namespace, query={**query, "continue": token})
            if "items" not in page:
                raise self._elsewhere(f"read {resource.describe(None, namespace)}", "a list without items")
            items += page["items"] or []
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return items

    def create(
        self, resource: Resource, body: Mapping[str, Any], namespace: str | None = None, *, dry_run: bool = False
    ) -> dict[str, Any]:
        """POST *body*, to its own namespace where none is given; ``Strict``: an unknown field is an error."""
        return self._call(
            "POST",
            resource,
            "create",
            None,
            namespace or body["metadata"].get("namespace"),
            body=body,
            query=_write_query(dry_run),
            named=_name(body),
        )

    def apply(
        self, resource: Resource, body: Mapping[str, Any], *, manager: str, force: bool = False, dry_run: bool = False
    ) -> dict[str, Any]:
        """Server-side apply; name and namespace come from *body*. Conflict names the other managers in details."""
        meta = body["metadata"]
        query = {**_write_query(dry_run), "fieldManager": manager, "force": "true" if force else "false"}
        return self._call(
            "PATCH", resource, "apply", meta["name"], meta.get("namespace"), body=body, query=query, media=APPLY
        )

    def patch(
        self,
        resource: Resource,
        name: str,
        body: Any,
        namespace: str | None = None,
        *,
        kind: str = "merge",
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """PATCH by *kind*: merge, json or strategic."""
        return self._call(
            "PATCH",
            resource,
            "change",
            name,
            namespace,
            body=body,
            query=_write_query(dry_run),
            media=PATCH_TYPES[kind],
            subresource=subresource,
        )

    def replace(
        self, resource: Resource, body: Mapping[str, Any], *, subresource: str | None = None, dry_run: bool = False
    ) -> dict[str, Any]:
        """PUT *body*; its resourceVersion makes it fail with Conflict where the object changed meanwhile."""
        meta = body["metadata"]
        return self._call(
            "PUT",
            resource,
            "replace",
            meta["name"],
            meta.get("namespace"),
            body=body,
            query=_write_query(dry_run),
            subresource=subresource,
        )

    def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        propagation: str = "Background",
        preconditions: Mapping[str, str] | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any] | None:
        """DELETE; None where there was none. preconditions: ``uid`` and/or ``resourceVersion``."""
        body: dict[str, Any] = {"propagationPolicy": propagation}
        if preconditions:
            body["preconditions"] = preconditions
        if dry_run:
            body["dryRun"] = ["All"]  # in the query it would be ignored: a DELETE with a body reads options there only
        try:
            return self._call("DELETE", resource, "delete", name, namespace, body=body)
        except errors.NotFound:
            return None

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        name: str | None = None,
        resource_version: str | None = None,
        timeout: float = 60.0,
    ) -> Iterator[dict[str, Any]]:
        """Events (``{type, object}``) until *timeout* seconds pass or the server ends the watch."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": max(1, int(timeout)),
            "fieldSelector": f"metadata.name={name}" if name else None,
        }
        answer = self._send("GET", resource.path(namespace), query=query, timeout=timeout + 10, stream=True)
        try:
            what = resource.describe(name, namespace)
            self._check(_response(answer, answer.read() if answer.status >= 300 else b""), "watch", what)
            for line in _lines(answer):
                event = _json_object(line)
                if event is None:
                    raise self._elsewhere(f"watch {what}", "events that are no JSON")
                if event.get("type") == "ERROR":
                    raise errors.Expired(f"The watch on {resource.plural} ended: start it anew.", status=410)
                yield event
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        finally:
            _let_go(answer)

    # -- around objects -----------------------------------------------------------------------------------------

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        previous: bool = False,
        tail_lines: int | None = None,
        limit_bytes: int | None = None,
    ) -> str:
        """A container's log. limit_bytes counts from the log's head, tail_lines from its end."""
        query = {
            "container": container,
            "previous": "true" if previous else None,
            "tailLines": tail_lines,
            "limitBytes": limit_bytes,
        }
        path = POD.path(namespace, pod, "log")
        answer = self.raw("GET", path, query=query)
        self._check(answer, "read", f"the log of container {container} of {POD.describe(pod, namespace)}")
        return answer.body.decode(errors="replace")

    def service_proxy(self, namespace: str, service: str, port: int | str, path: str) -> str:
        """The URL path that reaches *path* on a Service through the API server."""
        return SERVICE.path(namespace, f"{service}:{port}", "proxy") + path

    def pod_proxy(self, namespace: str, pod: str, port: int | str, path: str) -> str:
        """The URL path that reaches *path* on a Pod through the API server."""
        return POD.path(namespace, f"{pod}:{port}", "proxy") + path

    def version(self) -> dict[str, Any]:
        """The API server's /version."""
        return self.request("GET", "/version")

    # -- HTTP ---------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = JSON,
        timeout: float | None = None,
        action: str = "read",
        what: str | None = None,
    ) -> dict[str, Any]:
        """One call on any path of the API; the JSON object that it answers. Raises ClusterError.

        What answers otherwise is no Kubernetes API (a login page, a console): Unreachable, since nothing was done.
        """
        answer = self.raw(
            method, path, query=query, body=body, headers={"Content-Type": content_type}, timeout=timeout, retry=True
        )
        self._check(answer, action, what or path)
        found = _json_object(answer.body)
        if found is None:
            raise self._elsewhere(f"{action} {what or path}", f"status {answer.status}")
        return found

    def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        limit: int = ANSWER_LIMIT,
        retry: bool = False,
    ) -> Response:
        """One call, whatever the status; at most *limit* bytes of the answer. Raises Unreachable only."""
        try:
            answer = self._send(
                method, path, query=query, body=body, headers=headers, timeout=timeout, stream=True, retry=retry
            )
            try:
                content = answer.read(limit) if limit < ANSWER_LIMIT else answer.data
            finally:
                _let_go(answer)
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        return _response(answer, content)

    def _call(
        self,
        method: str,
        resource: Resource,
        action: str,
        name: str | None,
        namespace: str | None,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        media: str = JSON,
        subresource: str | None = None,
        named: str | None = None,
    ) -> dict[str, Any]:
        what = resource.describe(name or named, namespace)
        path = resource.path(namespace, name, subresource)
        try:
            answer = self.request(method, path, query=query, body=body, content_type=media, action=action, what=what)
        except errors.ApiMissing as error:
            raise errors.ApiMissing(
                f"Cannot {action} {what}: the cluster does not serve {resource.api_version} {resource.kind}: "
                "install what brings its CRD.",
                status=error.status,
            ) from error
        if not isinstance(answer.get("kind"), str):
            raise self._elsewhere(f"{action} {what}", "an object without a kind")
        return answer

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        stream: bool = False,
        retry: bool = False,
    ) -> Any:
        with self._lock:
            self.requests += 1
        given = {key: value for key, value in (query or {}).items() if value is not None}
        url = self.host + path + (f"?{urlencode(given)}" if given else "")
        content = json.dumps(body).encode() if body is not None and not isinstance(body, bytes) else body
        seconds = self.timeout if timeout is None else timeout
        try:
            return self._http.request(
                method,
                url,
                body=content,
                headers=self._headers(headers),
                timeout=urllib3.Timeout(connect=min(seconds, 10.0), read=seconds),
                retries=_retries(method) if retry else False,
                preload_content=not stream,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error

    def _headers(self, extra: Mapping[str, str] | None) -> Any:
        headers = HTTPHeaderDict({"Accept": JSON, "User-Agent": "modelserving.kserve"})
        for name, value in self._impersonation:
            headers.add(name, value)
        for setting in self._configuration.auth_settings().values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        if self._configuration.username and "authorization" not in {name.lower() for name in headers}:
            headers["Authorization"] = self._configuration.get_basic_auth_token()
        for name, value in (extra or {}).items():
            headers[name] = value
        return headers

    def _check(self, answer: Response, action: str, what: str) -> None:
        """Raise the error that an answer means, whatever its body is where it means none."""
        html = "html" in answer.headers.get("content-type", "")
        if html or 300 <= answer.status < 400:
            raise self._elsewhere(f"{action} {what}", f"status {answer.status}{_target(answer)}", status=answer.status)
        if not 200 <= answer.status < 300:
            raise errors.from_response(answer.status, answer.body, action=action, what=what)

    def _elsewhere(self, asked: str, answered: str, *, status: int | None = None) -> errors.Unreachable:
        return errors.Unreachable(
            f"Cannot {asked}: {self.host} answered with {answered}, which is no answer of the Kubernetes API: host, "
            "kubeconfig or the proxy probably points elsewhere.",
            status=status,
        )

    def _unreachable(self, error: Exception) -> errors.Unreachable:
        cause = error
        while isinstance(reason := getattr(cause, "reason", None), Exception):
            cause = reason
        text = str(cause).rsplit(": ", 1)[-1] if "Errno" in str(cause) else str(cause)
        return errors.Unreachable(
            f"Cannot reach the Kubernetes API at {self.host} ({text.strip().rstrip('.')}): check that the cluster runs "
            "and that kubeconfig, context, host and proxy point to it."
        )


def _connections(configuration: Any) -> Any:
    """The connection pool. Raises ConfigurationError where a proxy or a certificate does not fit."""
    try:
        return _pool_manager(configuration)
    except (ValueError, OSError, ImportError, urllib3.exceptions.HTTPError) as error:
        proxy = getattr(configuration, "proxy", None)
        what = f"The proxy {_without_login(str(proxy))}" if proxy else f"The way to {configuration.host}"
        raise errors.ConfigurationError(
            f"{what} cannot be used ({_without_login(str(error)).rstrip('.')}): "
            "write proxy (or K8S_AUTH_PROXY) as http://host:port, and check the certificates."
        ) from error


def _without_login(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", text)


def _pool_manager(configuration: Any) -> Any:
    if not isinstance(configuration, PlainConfiguration):
        from kubernetes.client.rest import RESTClientObject

        return RESTClientObject(configuration).pool_manager
    if configuration.tls is None:
        try:
            configuration.tls = _tls(configuration)
        finally:
            configuration.forget_files()
    if not configuration.verify_ssl:  # as the user has it: a warning at each request would be no news
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return urllib3.PoolManager(
        maxsize=configuration.connection_pool_maxsize,
        cert_reqs=configuration.tls.verify_mode,
        ssl_context=configuration.tls,
    )


def _tls(configuration: PlainConfiguration) -> ssl.SSLContext:
    verify = ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE
    context = urllib3.util.ssl_.create_urllib3_context(cert_reqs=verify)
    if configuration.ssl_ca_cert:
        context.load_verify_locations(configuration.ssl_ca_cert)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file, password=_no_password)
    return context


def _no_password() -> str:
    """For an encrypted key, where ssl would ask on the terminal and wait."""
    raise ValueError("the client's key is encrypted, and a task can ask nobody for its password")


def _retries(method: str) -> Any:
    """Requests that were not sent, or that the server put off (429), are safe to repeat; a lost answer only for GET."""
    return urllib3.Retry(
        total=4,
        connect=2,
        read=2 if method == "GET" else 0,
        status=4,
        other=0,
        redirect=0,
        status_forcelist=(429,),
        allowed_methods=None,
        backoff_factor=0.2,
        raise_on_status=False,
    )


def _write_query(dry_run: bool) -> dict[str, Any]:
    return {"fieldValidation": "Strict", "dryRun": "All" if dry_run else None}


def _name(body: Mapping[str, Any]) -> str | None:
    meta = body.get("metadata") or {}
    return meta.get("name") or meta.get("generateName")


def _let_go(answer: Any) -> None:
    """Give the connection back, closed where a rest was not read: it would be the beginning of the next answer."""
    answer.close()
    answer.release_conn()


def _response(answer: Any, content: bytes) -> Response:
    return Response(answer.status, {name.lower(): value for name, value in answer.headers.items()}, content)


def _json_object(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _target(answer: Response) -> str:
    """Where a redirect leads, without what may be secret in a URL."""
    try:
        target = urlsplit(answer.headers.get("location", ""))
        return f" (a redirect to {target.scheme}://{target.hostname})" if target.hostname else ""
    except ValueError:
        return ""


def _lines(answer: Any) -> Iterator[bytes]:
    rest = b""
    for chunk in answer.stream(65536, decode_content=True):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line for line in lines if line.strip())
