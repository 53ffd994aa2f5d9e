"""The one wrapper around everything that listens: HTTP and WebSockets, known and unknown paths.

A check that is written as HTTP middleware does not see WebSockets, and one that is written into
each route is forgotten in one of them. So all of it stands here, in plain ASGI, and whoever listens
is wrapped:

    guarded = Guard(app, Hosts(port=8787), authorize=access.knows, open_paths=("/", "/static/"))

What is not open needs `authorize` to say yes; with `authorize` None the app asks for itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, NamedTuple

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from execbot.model.printable import harmless_line
from execbot.page.hosts import SAME_SITE_WORDS, Hosts

log = logging.getLogger("execbot.page")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_BYTES_MAX = 64 * 1024
BODY_SECONDS = 5.0
"""From the first byte of the head to the last one of the body: who is slower is sent away."""

SAFE_METHODS = ("GET", "HEAD")
REFUSED_SOCKET = 1008
"""RFC 6455, 7.4.1: a policy was violated. Before it is accepted the server answers 403."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Added to every answer that does not say otherwise."""


class Caller(Struct, frozen=True):
    """Who asks: what the head of a request says. `address` is the peer's, or what a trusted proxy
    says of it; `bearer` and `cookies` are secrets."""

    address: str
    method: str
    path: str
    headers: Mapping[str, str]
    is_socket: bool
    is_encrypted: bool

    @property
    def bearer(self) -> str | None:
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        return value.strip() if kind.lower() == "bearer" and value.strip() else None

    @property
    def cookies(self) -> dict[str, str]:
        pairs = (part.partition("=") for part in self.headers.get("cookie", "").split(";"))
        return {name.strip(): value.strip() for name, _, value in pairs if name.strip()}


class Refusal(Exception):
    """Ends a request with this status and these words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Said(NamedTuple):
    """A refusal as it is sent."""

    media_type: str
    body: bytes


def plainly(refusal: Refusal) -> Said:
    return Said("text/plain; charset=utf-8", f"{refusal.words}\n".encode())


FAILED = Refusal(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "The page failed at this: see page.log in the account's directory.",
)
"""All that anybody is told of what was never thought of: its cause is in the log alone."""


def answered_failed(
    said: Callable[[Refusal], Said] = plainly,
) -> Callable[[Request, Exception], Awaitable[Response]]:
    """For the apps inside: Starlette answers by itself before the guard hears of the failure."""

    async def answer(request: Request, error: Exception) -> Response:
        found = said(FAILED)
        return Response(found.body, FAILED.status, media_type=found.media_type)

    return answer


class Guard:
    """Wraps an ASGI app. `open_paths` that end with `/` are open with all that is below them."""

    def __init__(
        self,
        app: App,
        hosts: Hosts,
        *,
        authorize: Callable[[Caller], bool] | None = None,
        open_paths: Collection[str] = (),
        trusted_proxies: Collection[str] = (),
        is_encrypted: bool = False,
        body_bytes_max: int = BODY_BYTES_MAX,
        body_seconds: float = BODY_SECONDS,
        said: Callable[[Refusal], Said] = plainly,
        path_shown: Callable[[str], str] = harmless_line,
    ) -> None:
        """`path_shown`: a path as the log may have it."""
        self._app = app
        self._hosts = hosts
        self._authorize = authorize
        self._open_paths = tuple(open_paths)
        self._trusted_proxies = frozenset(trusted_proxies)
        self._is_encrypted = is_encrypted
        self._body_bytes_max = body_bytes_max
        self._body_seconds = body_seconds
        self._said = said
        self._path_shown = path_shown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        caller = self._caller(scope)
        scope["caller"] = caller
        try:
            self._check(caller)
            if not caller.is_socket:
                receive = await self._whole_body(caller, receive)
        except Refusal as refusal:
            return await self._refuse(scope, refusal, receive, send)
        await self._answered(scope, receive, _Sending(send))

    async def _answered(self, scope: Scope, receive: Receive, send: _Sending) -> None:
        """Answer, whatever goes wrong inside: that is kept in the log, and no trace of it goes
        out."""
        try:
            await self._app(scope, receive, send)
        except Exception:
            log.exception("%s failed", self._path_shown(str(scope["path"])))
            if scope["type"] == "http" and not send.has_begun:
                await self._refuse(scope, FAILED, receive, send)

    # --- who -------------------------------------------------------------------------------

    def _caller(self, scope: Scope) -> Caller:
        headers = _headers(scope)
        address = str((scope.get("client") or ("", 0))[0])
        is_encrypted = self._is_encrypted
        if address in self._trusted_proxies:
            # The last entry is what the proxy itself has seen; those before it anybody can write.
            said = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
            address = said or address
            is_encrypted = headers.get("x-forwarded-proto", "").strip().lower() == "https"
        return Caller(
            address=address,
            method=str(scope.get("method", "GET")),
            path=str(scope["path"]),
            headers=headers,
            is_socket=scope["type"] == "websocket",
            is_encrypted=is_encrypted,
        )

    def _check(self, caller: Caller) -> None:
        """Raises Refusal."""
        headers = caller.headers
        words = self._hosts.refusal(headers.get("host", ""))
        if words is None and "origin" in headers:
            words = self._hosts.origin_refusal(headers["origin"], headers.get("host", ""))
        site = headers.get("sec-fetch-site", "").lower()
        if words is None and site not in SAME_SITE_WORDS and not self._is_visit(caller):
            words = f"a page of another site has asked (Sec-Fetch-Site: {site[:40]})"
        if words is not None:
            log.warning("refused %s: %s", self._path_shown(caller.path), harmless_line(words))
            raise Refusal(HTTPStatus.FORBIDDEN, words)
        if self._authorize is None or self._is_open(caller.path):
            return
        if not self._authorize(caller):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Not signed in: `execbot page link`.")
        writes = caller.is_socket or caller.method not in SAFE_METHODS
        # The cookie comes with requests of any page on this host; the Origin says which it was.
        if writes and caller.bearer is None and "origin" not in headers:
            raise Refusal(HTTPStatus.FORBIDDEN, "a request with a cookie must say its Origin")

    def _is_open(self, path: str) -> bool:
        return any(
            path == known or (known.endswith("/") and known != "/" and path.startswith(known))
            for known in self._open_paths
        )

    def _is_visit(self, caller: Caller) -> bool:
        """Somebody follows a link to the page itself: it says nothing before one has signed in."""
        return (
            caller.method == "GET"
            and not caller.is_socket
            and caller.path == "/"
            and self._is_open("/")
            and caller.headers.get("sec-fetch-mode") == "navigate"
            and caller.headers.get("sec-fetch-dest") == "document"
        )

    # --- what ------------------------------------------------------------------------------

    async def _whole_body(self, caller: Caller, receive: Receive) -> Receive:
        """Read the body, within its bounds, before the app sees any of it. Raises Refusal."""
        length = caller.headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length) > self._body_bytes_max:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return _replayed(message, receive)
                    body += message.get("body", b"")
                    if len(body) > self._body_bytes_max:
                        words = "the body is too large"
                        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, words)
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise Refusal(HTTPStatus.REQUEST_TIMEOUT, "the body came too slowly") from None
        whole = {"type": "http.request", "body": bytes(body), "more_body": False}
        return _replayed(whole, receive)

    async def _refuse(self, scope: Scope, refusal: Refusal, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()  # websocket.connect
            words = refusal.words[:100]
            await send({"type": "websocket.close", "code": REFUSED_SOCKET, "reason": words})
            return
        said = self._said(refusal)
        start = {
            "type": "http.response.start",
            "status": int(refusal.status),
            "headers": [
                (b"content-type", said.media_type.encode()),
                (b"content-length", str(len(said.body)).encode()),
                # What is left of a body that was refused is not read.
                (b"connection", b"close"),
            ],
        }
        sending = send if isinstance(send, _Sending) else _Sending(send)
        await sending(start)
        await sending({"type": "http.response.body", "body": said.body})


def _replayed(first: Message, receive: Receive) -> Receive:
    """`receive`, with a message put before it."""
    kept = [first]

    async def again() -> Message:
        return kept.pop() if kept else await receive()

    return again


def _headers(scope: Scope) -> dict[str, str]:
    """Names in lower case. A header that comes twice is joined, as RFC 9110, 5.3 has it: two hosts
    are then no host."""
    found: dict[str, str] = {}
    for name, value in scope.get("headers", ()):
        key, said = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]},{said}" if key in found else said
    return found


class _Sending:
    """Adds our headers to an answer, and knows whether it has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            there = {name.lower() for name, _ in message.get("headers", ())}
            added = [
                (name.encode(), value.encode())
                for name, value in HEADERS.items()
                if name.encode() not in there
            ]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await self._send(message)
