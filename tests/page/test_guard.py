"""Goal: whatever listens is guarded: no route and no socket answers a foreign Host, a foreign
Origin, a page of another site, or somebody who has not signed in.

Method: the app's own list of routes is walked, over real sockets, against a page as a process.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from page.conftest import Site
from starlette.routing import WebSocketRoute
from support.waiting import eventually
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from execbot.page.access import Access
from execbot.page.actions import Actions
from execbot.page.app import OPEN_PATHS
from execbot.page.following import Following
from execbot.page.guard import BODY_BYTES_MAX
from execbot.page.heads import HEAD_SECONDS
from execbot.page.hub import SOCKETS_MAX, Hub
from execbot.page.listening import CONNECTIONS_MAX
from execbot.page.metrics.serving import Metrics
from execbot.page.run import page_app

FOREIGN: dict[str, Mapping[str, str]] = {
    "host": {"Host": "evil.example"},
    "rebound": {"Host": "evil.example:{port}"},
    "origin": {"Origin": "https://evil.example"},
    "other port": {"Origin": "http://127.0.0.1:1"},
    "no origin at all": {"Origin": "null"},
    "site": {"Sec-Fetch-Site": "cross-site"},
    "same site, other port": {"Sec-Fetch-Site": "same-site"},
}


def routes() -> tuple[list[tuple[str, str]], list[str]]:
    """(method, path) of every route, and every socket, of the app as it is built."""
    parts = (Actions.__new__(Actions), Following.__new__(Following), Metrics.__new__(Metrics))
    app = page_app(Access("x" * 32), 1, Hub(), None, *parts)  # type: ignore[arg-type]
    sockets = [r.path for r in app.routes if isinstance(r, WebSocketRoute)]
    sockets += [r.path for r in app.routes if type(r).__name__ == "APIWebSocketRoute"]
    plain = [
        (method, re.sub(r"\{.*?\}", "main.js", route.path))
        for route in app.routes
        for method in getattr(route, "methods", None) or ()
    ]
    return plain, sorted(set(sockets))


ROUTES, SOCKETS = routes()


def is_open(path: str) -> bool:
    return any(
        path == o or (o.endswith("/") and o != "/" and path.startswith(o)) for o in OPEN_PATHS
    )


@pytest.fixture(scope="module")
def session(site: Site) -> str:
    """A cookie, by the door that browsers take."""
    origin = {"Origin": site.page.url, "Sec-Fetch-Site": "same-origin"}
    status, _, headers = site.page.ask("/login", {"token": site.page.token}, origin)
    assert status == 200
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and site.page.token not in cookie
    assert cookie.startswith(f"execbot_page_{site.page.port}=")
    return cookie.partition(";")[0]


def test_there_are_routes_and_a_socket_to_walk() -> None:
    paths = {path for _, path in ROUTES}
    assert {"/", "/login", "/api/board", "/api/order", "/api/actions/agree", "/metrics"} <= paths
    assert SOCKETS == ["/live"]
    assert not paths & {"/docs", "/redoc", "/openapi.json"}


@pytest.mark.parametrize("kind", FOREIGN)
def test_no_route_answers_what_comes_from_elsewhere(site: Site, session: str, kind: str) -> None:
    foreign = {k: v.format(port=site.page.port) for k, v in FOREIGN[kind].items()}
    for method, path in ROUTES:
        body = {} if method == "POST" else None
        for known in ({"Cookie": session}, {"Authorization": f"Bearer {site.page.token}"}):
            status, text, _ = site.page.ask(path, body, {**known, **foreign}, method)
            assert status == 403, (method, path, known.keys(), text)


def test_no_route_answers_without_a_session(site: Site) -> None:
    for method, path in [*ROUTES, ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/nowhere")]:
        if is_open(path):
            continue
        body = {} if method == "POST" else None
        for given in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "execbot_page_1=x"}):
            assert site.page.ask(path, body, given, method)[0] == 401, (method, path)


def test_a_cookie_alone_does_not_write(site: Site, session: str) -> None:
    """Another port of this host gets the cookie sent; it cannot say our Origin."""
    for method, path in ROUTES:
        if method == "POST" and not is_open(path):
            assert site.page.ask(path, {}, {"Cookie": session}, method)[0] == 403


def opened(site: Site, headers: Mapping[str, str], path: str = "/live") -> dict[str, Any] | int:
    """The first message of a socket, or the status that it was refused with."""

    async def look() -> dict[str, Any] | int:
        url = f"ws://127.0.0.1:{site.page.port}{path}"
        given = {k: v for k, v in headers.items() if k not in ("Origin", "Host")}
        try:
            async with connect(
                url,
                additional_headers=given,
                origin=headers.get("Origin"),
                proxy=None,  # type: ignore[arg-type]
            ) as open_:
                found: dict[str, Any] = json.loads(await open_.recv())
                return found
        except InvalidStatus as error:
            return error.response.status_code

    return asyncio.run(look())


def test_a_socket_opens_for_the_page_and_for_a_program_only(site: Site, session: str) -> None:
    bearer = {"Authorization": f"Bearer {site.page.token}"}
    for path in SOCKETS:
        for good in ({"Cookie": session, "Origin": site.page.url}, bearer):
            first = opened(site, good, path)
            assert isinstance(first, dict) and first["type"] == "snapshot"
        for foreign in ("https://evil.example", "http://127.0.0.1:1", "null"):
            assert opened(site, {"Cookie": session, "Origin": foreign}, path) == 403
            assert opened(site, {**bearer, "Origin": foreign}, path) == 403
        assert opened(site, {"Cookie": session}, path) == 403
        assert opened(site, {"Origin": site.page.url}, path) == 403
        site_ = {"Cookie": session, "Origin": site.page.url, "Sec-Fetch-Site": "cross-site"}
        assert opened(site, site_, path) == 403


def raw(site: Site, text: str) -> str:
    """What a plain socket is answered, or nothing where it is only closed."""
    with socket.create_connection(("127.0.0.1", site.page.port), 30) as line:
        line.sendall(text.encode())
        line.settimeout(60)
        return line.recv(4096).decode("latin-1")


def test_a_socket_of_another_host_and_two_hosts_are_refused(site: Site, session: str) -> None:
    upgrade = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    head = f"GET /live HTTP/1.1\r\nHost: evil.example:{site.page.port}\r\n{upgrade}"
    origin = f"Origin: http://evil.example:{site.page.port}\r\nCookie: {session}\r\n\r\n"
    assert " 403 " in raw(site, head + origin).splitlines()[0]
    twice = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{site.page.port}\r\nHost: evil.example\r\n\r\n"
    assert raw(site, twice).splitlines()[0].split()[1] in ("400", "403")


def test_a_link_from_elsewhere_opens_the_shell_alone(site: Site) -> None:
    visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    visit["Sec-Fetch-Dest"] = "document"
    status, text, headers = site.page.ask("/", None, visit)
    assert status == 200 and "AAPL" not in text
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert "frame-ancestors 'none'" in policy
    for path in ("/api/board", "/static/main.js"):
        assert site.page.ask(path, None, visit)[0] == 403


def test_a_body_that_is_too_large_or_too_slow_is_refused(site: Site) -> None:
    large = {"token": "x" * BODY_BYTES_MAX}
    assert site.page.ask("/login", large, {"Origin": site.page.url})[0] == 413
    chunk = "10000\r\n" + "x" * 0x10000 + "\r\n"
    head = (
        f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{site.page.port}\r\n"
        "Content-Type: application/json\r\n"
    )
    assert " 413 " in raw(site, f"{head}Transfer-Encoding: chunked\r\n\r\n{chunk}{chunk}")
    assert " 408 " in raw(site, f"{head}Content-Length: 100\r\n\r\n{{")
    assert site.page.board["account"], "the others are served all the same"


def test_connections_that_say_nothing_keep_nobody_out(site: Site) -> None:
    """As many as may be; some begin a head and go on with it a byte at a time."""
    place = ("127.0.0.1", site.page.port)
    silent = [socket.create_connection(place, 30) for _ in range(CONNECTIONS_MAX + 20)]
    began = time.monotonic()
    try:
        for line in silent[:40]:
            line.sendall(b"GET / HTTP/1.1\r\nHost: ")
        while time.monotonic() - began < HEAD_SECONDS + 1:
            time.sleep(0.5)
            for line in silent[:40]:
                with suppress(OSError):
                    line.sendall(b"1")
        assert eventually(lambda: site.page.ask("/api/board")[0] == 200)
        for line in silent:
            line.settimeout(30)
            with suppress(ConnectionError):  # one that is still open raises TimeoutError
                line.recv(4096)
    finally:
        for line in silent:
            line.close()


def test_a_line_that_is_kept_open_serves_one_request_after_the_other(site: Site) -> None:
    """Also one that comes later than a head may take, and while an answer is under way."""
    with socket.create_connection(("127.0.0.1", site.page.port), 30) as line:
        for _ in range(3):
            line.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{site.page.port}\r\n\r\n".encode())
            found = b""
            while b"</html>" not in found:
                found += line.recv(65536)
            assert b" 200 " in found.splitlines()[0]
            time.sleep(3)


def test_wrong_tokens_are_slowed_down_and_lock_nobody_out(site: Site, session: str) -> None:
    origin = {"Origin": site.page.url}
    codes = {site.page.ask("/login", {"token": "wrong"}, origin)[0] for _ in range(15)}
    assert 429 in codes and codes <= {401, 429}
    assert site.page.ask("/api/board", None, {"Cookie": session})[0] == 200


def test_five_hundred_sockets_do_not_keep_the_page_from_who_was_there(
    site: Site, session: str
) -> None:
    headers = {"Cookie": session}

    async def crowd() -> tuple[int, int]:
        url = f"ws://127.0.0.1:{site.page.port}/live"
        options: dict[str, Any] = {"additional_headers": headers, "proxy": None}
        options |= {"origin": site.page.url, "open_timeout": 60, "compression": None}
        first = await connect(url, **options)
        await first.recv()

        async def one() -> Any:
            try:
                other = await connect(url, **options)
                await other.recv()
                return other
            except (InvalidStatus, ConnectionClosed, OSError, TimeoutError):
                return None

        others = await asyncio.gather(*(one() for _ in range(500)))
        inside = [other for other in others if other is not None]
        heard = json.loads(await asyncio.wait_for(first.recv(), 60))
        assert heard["type"] in ("change", "snapshot")
        for other in [first, *inside]:
            other.transport.abort()
        return len(inside), len(others)

    inside, tried = asyncio.run(crowd())
    assert 0 < inside < tried and inside <= SOCKETS_MAX
    until = time.monotonic() + 60
    while site.page.ask("/api/board", None, headers)[0] != 200 and time.monotonic() < until:
        pass
    assert site.page.ask("/api/board", None, headers)[0] == 200


@pytest.fixture(scope="module", autouse=True)
def no_secret_is_left(site: Site) -> Iterator[None]:
    """In the end no token and no session stands in any log, nor in the journal."""
    yield
    secret = site.page.token.encode()
    for path in [*site.directory.glob("*.log*"), *site.directory.glob("journal.db*"),
                 site.home / "watch.out", site.home / "page.err"]:  # fmt: skip
        assert secret not in path.read_bytes(), path
    assert (site.directory / "page.link").stat().st_mode & 0o777 == 0o600
