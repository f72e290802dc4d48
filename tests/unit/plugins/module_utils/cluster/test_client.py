# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client over real HTTP on loopback; what a real API server does is tested on the cluster."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster import config, errors, pool
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.client import Client
from ansible_collections.modelserving.kserve.plugins.module_utils.cluster.resources import NAMESPACE, POD, Resource

Answer = tuple[Any, ...]  # status, body, headers
RUNTIME = Resource("serving.kserve.io/v1alpha1", "ServingRuntime", "servingruntimes", True)


class Server:
    """Answers with what the test queued, else with *default*; remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.connections = 0
        self.queue: list[Answer] = []
        self.default: Callable[[dict[str, Any]], Answer] = lambda asked: (200, {"kind": "Pod"})
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def answer(self) -> None:
                split = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = {
                    "method": self.command,
                    "path": split.path,
                    "query": {name: values[0] for name, values in parse_qs(split.query).items()},
                    "headers": self.headers,
                    "body": json.loads(body) if body else None,
                }
                outer.asked.append(asked)
                code, answer, *headers = outer.queue.pop(0) if outer.queue else outer.default(asked)
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(code)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, *arguments: Any) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    threading.Thread(target=running.http.serve_forever, args=[0.02], daemon=True).start()
    yield running
    running.http.shutdown()
    running.http.server_close()


@pytest.fixture
def client(server: Server) -> Client:
    return Client(config.load({"host": server.url, "api_key": "sesame"}), timeout=5)


def failure(code: int, message: str) -> Answer:
    return code, {"kind": "Status", "message": message}


def listed(*names: str, token: str = "") -> Answer:
    items = [{"metadata": {"name": name}} for name in names]
    return 200, {"kind": "PodList", "metadata": {"continue": token} if token else {}, "items": items}


def test_absent_is_none_and_not_served_is_an_error(server: Server, client: Client) -> None:
    server.queue = [failure(404, 'pods "a" not found'), (404, b"404 page not found")]
    assert client.get(POD, "a", "n") is None
    with pytest.raises(errors.ApiMissing, match="does not serve v1 Pod"):
        client.get(POD, "a", "n")


def test_forbidden_is_never_absent(server: Server, client: Client) -> None:
    server.default = lambda asked: failure(403, 'User "x" cannot get resource "pods" in API group "" in the namespace')
    with pytest.raises(errors.Forbidden):
        client.get(POD, "a", "n")
    with pytest.raises(errors.Forbidden):
        client.delete(POD, "a", "n")


def test_list_follows_pages_and_names_kinds(server: Server, client: Client) -> None:
    server.queue = [
        listed("a", token="t"),
        listed("b"),
    ]
    items = client.list(POD, "n", label_selector="a=b", limit=1)
    assert [item["metadata"]["name"] for item in items] == ["a", "b"]
    assert {(item["apiVersion"], item["kind"]) for item in items} == {("v1", "Pod")}
    assert [asked["query"].get("continue") for asked in server.asked] == [None, "t"]
    assert client.requests == 2


def test_list_that_expires_half_way_starts_anew(server: Server, client: Client) -> None:
    server.queue = [
        listed("a", token="t"),
        failure(410, "continue token expired"),
        listed("a", "b"),
    ]
    assert len(client.list(POD, limit=1)) == 2
    assert "limit" not in server.asked[-1]["query"]


def test_apply_is_strict_and_names_its_manager(server: Server, client: Client) -> None:
    body = {"metadata": {"name": "a", "namespace": "n"}}
    client.apply(RUNTIME, body, manager="me", dry_run=True)
    (asked,) = server.asked
    assert asked["path"] == "/apis/serving.kserve.io/v1alpha1/namespaces/n/servingruntimes/a"
    assert asked["query"] == {"fieldManager": "me", "force": "false", "fieldValidation": "Strict", "dryRun": "All"}
    assert asked["headers"]["Content-Type"] == "application/apply-patch+yaml"
    assert asked["headers"]["Authorization"] == "Bearer sesame"


def test_too_many_requests_are_repeated_other_failures_are_not(server: Server, client: Client) -> None:
    server.queue = [failure(429, "slow down"), (200, {"ok": True})]
    assert client.request("GET", "/x") == {"ok": True}
    server.asked.clear()
    server.queue = [failure(500, "boom"), (200, {})]
    with pytest.raises(errors.ServerError, match="boom"):
        client.create(NAMESPACE, {"metadata": {"name": "a"}})
    assert len(server.asked) == 1


LOGIN = "https://login.invalid/?secret=1"
PAGE = b"<!DOCTYPE html><html>Log in</html>"
ELSEWHERE: dict[str, Answer] = {
    "a redirect to a login page": (302, b"", ("Location", LOGIN)),
    "a redirect to nowhere": (307, b""),
    "a console": (200, PAGE, ("Content-Type", "text/html; charset=utf-8")),
    "a page without a type": (200, PAGE),
    "a page that denies": (403, PAGE, ("Content-Type", "text/html")),
    "a page that knows no such path": (404, PAGE, ("Content-Type", "text/html")),
    "nothing": (200, b""),
    "no content": (204, b""),
    "text": (200, b"ok"),
    "a list": (200, []),
    "an object of something else": (200, {"ok": True}),
}
CALLS: dict[str, Callable[[Client], Any]] = {
    "get": lambda client: client.get(POD, "a", "n"),
    "list": lambda client: client.list(POD, "n"),
    "create": lambda client: client.create(NAMESPACE, {"metadata": {"name": "a"}}),
    "apply": lambda client: client.apply(RUNTIME, {"metadata": {"name": "a", "namespace": "n"}}, manager="me"),
    "patch": lambda client: client.patch(POD, "a", {}, "n"),
    "replace": lambda client: client.replace(POD, {"metadata": {"name": "a", "namespace": "n"}}),
    "delete": lambda client: client.delete(POD, "a", "n"),
}


@pytest.mark.parametrize("answer", ELSEWHERE.values(), ids=ELSEWHERE)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_is_no_kubernetes_api_is_unreachable_and_nothing_is_done(
    server: Server, client: Client, call: Callable[[Client], Any], answer: Answer
) -> None:
    server.queue = [answer]
    with pytest.raises(errors.Unreachable, match="no answer of the Kubernetes API.*points elsewhere") as caught:
        call(client)
    assert len(server.asked) == 1, "a redirect is not followed: it would carry the token along"
    assert server.url in str(caught.value) and "secret" not in str(caught.value)


def test_a_redirect_says_where_it_leads(server: Server, client: Client) -> None:
    server.queue = [(302, b"", ("Location", LOGIN))]
    with pytest.raises(errors.Unreachable, match=r"status 302 \(a redirect to https://login.invalid\)"):
        client.version()


def test_a_list_has_items(server: Server, client: Client) -> None:
    server.queue = [(200, {"kind": "PodList", "metadata": {}}), (200, {"kind": "PodList", "items": None})]
    with pytest.raises(errors.Unreachable, match="a list without items"):
        client.list(POD)
    assert client.list(POD) == []


def test_a_page_is_neither_a_log_nor_a_watch(server: Server, client: Client) -> None:
    login, page = (302, b"", ("Location", LOGIN)), (200, PAGE, ("Content-Type", "text/html"))
    server.queue = [(200, b"<line one>"), login, page, login, page, (200, b"ok\n")]
    assert client.logs("n", "a", "c") == "<line one>"
    asks = [lambda: client.logs("n", "a", "c")] * 2 + [lambda: list(client.watch(POD))] * 3
    for ask in asks:
        with pytest.raises(errors.Unreachable, match="points elsewhere"):
            ask()


def test_what_a_service_answers_through_the_proxy_is_its_own_affair(server: Server, client: Client) -> None:
    server.queue = [(200, PAGE, ("Content-Type", "text/html")), (302, b"", ("Location", LOGIN)), (200, b"")]
    path = client.service_proxy("n", "s", 80, "/")
    assert [client.raw("GET", path).status for _ in range(3)] == [200, 302, 200]


def test_raw_gives_any_status_and_no_more_than_the_limit(server: Server, client: Client) -> None:
    server.default = lambda asked: (418, b"x" * 1000)
    answer = client.raw("GET", "/x", limit=10)
    assert (answer.status, answer.body) == (418, b"x" * 10)


def test_what_was_not_read_is_not_the_next_answers_beginning(server: Server, client: Client) -> None:
    long = (200, b"x" * 100_000)
    server.queue = [long, (200, {"gitVersion": "v1"}), (200, b'{"type": "ADDED"}\n' + b"x" * 100_000)]
    assert len(client.raw("GET", "/x", limit=10).body) == 10
    assert client.version() == {"gitVersion": "v1"}
    assert next(client.watch(POD))["type"] == "ADDED"
    server.queue = [(200, {"gitVersion": "v2"})]
    assert client.version() == {"gitVersion": "v2"}


def test_connections_are_used_again(server: Server, client: Client) -> None:
    for _ in range(5):
        client.version()
        client.raw("GET", "/x", limit=1000)
    assert server.connections == 1


def test_impersonation_sends_every_group(server: Server) -> None:
    client = Client(
        config.load({"host": server.url, "api_key": "k"}), impersonate_user="ann", impersonate_groups=["a", "b"]
    )
    client.version()
    headers = server.asked[0]["headers"]
    assert headers["Impersonate-User"] == "ann"
    assert ", ".join(headers.get_all("Impersonate-Group")) == "a, b"


def test_unreachable_says_where_and_what_to_check() -> None:
    client = Client(config.load({"host": "http://127.0.0.1:1", "api_key": "k"}), timeout=1)
    with pytest.raises(errors.Unreachable, match="http://127.0.0.1:1.*[Cc]onnection refused.*kubeconfig"):
        client.version()


def test_each_keeps_order_and_every_items_own_error(server: Server, client: Client) -> None:
    server.default = lambda asked: (
        failure(404, "gone") if asked["path"].endswith("3") else (200, {"path": asked["path"]})
    )
    results = pool.each(lambda number: client.request("GET", f"/{number}"), range(8), workers=4)
    expected = [f"/{number}" for number in range(8) if number != 3]
    assert [result.value["path"] for result in results if result.value] == expected
    assert isinstance(results[3].error, errors.NotFound)


def test_a_defect_is_not_kept_quiet() -> None:
    with pytest.raises(ZeroDivisionError):
        pool.each(lambda number: 1 // number, [1, 0])
    with pytest.raises(ZeroDivisionError):
        pool.each(lambda number: 1 // number, [0])


def test_a_defect_with_one_item_leaves_the_others_their_turn() -> None:
    seen: list[int] = []

    def look(number: int) -> None:
        seen.append(number)
        1 // number

    with pytest.raises(ZeroDivisionError):
        pool.each(look, range(20), workers=2)
    assert sorted(seen) == list(range(20))
