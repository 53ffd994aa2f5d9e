"""How a request leaves the machine: a light transport of our own, and alpaca-py's session.

Neither follows redirects, retries, or waits longer than the timeout, and both know the one thing
that matters after a failure: whether any byte of the request may have left. A third transport, the
in-process door of the built-in exchange, lives outside of this room and has the same shape.
"""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlencode, urlsplit

from msgspec import Struct

from execbot.broker.addresses import check_base_url
from execbot.broker.beside import Beside
from execbot.broker.errors import HeldUp
from execbot.broker.proxy import Proxy, ProxyUnusable, proxy_for, refused_by
from execbot.model.hosts import is_loopback
from execbot.model.timer import boot_seconds

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse
    from ssl import SSLContext

    from _typeshed import WriteableBuffer as Buffer

IDLE_SECONDS_MAX = 15.0
"""A kept connection older than this is not used again: the other side may be about to close it,
and a request lost in that race would be in doubt for nothing."""

IDLE_CONNECTIONS_MAX = 4
BODY_BYTES_MAX = 64 * 1024 * 1024
"""Far above any page of the API; a server that sends more is not the API."""

SECRET_HEADERS = frozenset({"apca-api-key-id", "apca-api-secret-key", "authorization"})


class HttpReply(Struct, frozen=True):
    """`headers` has lower-case names."""

    status: int
    headers: Mapping[str, str]
    text: str


class TransportFailure(Exception):
    """No reply. `sent`: a byte of the request may have left. `cause`: a plain builtin error."""

    def __init__(self, cause: BaseException, *, sent: bool) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.cause = cause
        self.sent = sent


IsLate = Callable[[], bool]
"""Asked right before the first byte of a request: True when it must not leave any more."""


class Transport(Protocol):
    """One HTTP exchange with one base URL. Raises TransportFailure when there is no reply.

    `is_late` is given for what changes something under a deadline: a transport asks it as late as
    it can, and sends nothing (`TransportFailure(HeldUp(), sent=False)`) when it says so.
    """

    def send(
        self,
        method: str,
        url_path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
        is_late: IsLate | None = None,
    ) -> HttpReply: ...

    def close(self) -> None: ...


def refuse_late(is_late: IsLate | None) -> None:
    """Raises TransportFailure when it is too late to send anything."""
    if is_late is not None and is_late():
        raise TransportFailure(HeldUp("held up before it was sent"), sent=False)


class SecretHeaders(dict[str, str]):
    """Headers whose secrets do not show when printed, logged or seen in a traceback."""

    def __repr__(self) -> str:
        shown = {k: "***" if k.lower() in SECRET_HEADERS else v for k, v in self.items()}
        return f"SecretHeaders({shown!r})"


def with_query(url_path: str, query: Mapping[str, str] | None) -> str:
    return f"{url_path}?{urlencode(query)}" if query else url_path


class DirectTransport:
    """`http.client` with connections kept alive. Safe to use from several threads."""

    def __init__(self, base_url: str) -> None:
        self._base_url = check_base_url(base_url)
        parts = urlsplit(self._base_url)
        self._secure = parts.scheme == "https"
        self._host = cast(str, parts.hostname)
        self._port = parts.port
        self._prefix = parts.path.rstrip("/")
        self._idle: list[tuple[HTTPConnection, float]] = []
        self._opening: list[Beside[tuple[HTTPConnection, float] | None]] = []
        self._lock = threading.Lock()
        self._tls_lock = threading.Lock()
        self._context: SSLContext | None = None

    def __repr__(self) -> str:
        return f"DirectTransport({self._host!r})"

    def send(
        self,
        method: str,
        url_path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
        is_late: IsLate | None = None,
    ) -> HttpReply:
        deadline = boot_seconds() + timeout_seconds
        connection = self._connected(timeout_seconds)
        try:
            data = self._request(method, with_query(url_path, query), body, headers)
            refuse_late(is_late)
            self._write(connection, data, deadline)
            return self._read(connection, method, deadline)
        except BaseException:
            connection.close()
            raise

    def open_ahead(self, count: int, *, timeout_seconds: float = 10.0) -> None:
        """Begin to open connections that requests will want in a moment, and do not wait for them.

        A failure is told by the request that needs one, which opens its own.
        """
        with self._lock:
            self._opening += [
                Beside(lambda: self._opened(timeout_seconds), name="connecting")
                for _ in range(min(count, IDLE_CONNECTIONS_MAX))
            ]

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
            idle += [found for one in self._opening if one.is_done and (found := one.result())]
            self._opening = []
        for connection, _ in idle:
            connection.close()

    def _opened(self, timeout_seconds: float) -> tuple[HTTPConnection, float] | None:
        try:
            return self._connect(timeout_seconds), boot_seconds()
        except (TransportFailure, OSError):  # certificates that cannot be read are the latter
            return None

    def _connected(self, timeout_seconds: float) -> HTTPConnection:
        kept = self._take_idle()
        return self._connect(timeout_seconds) if kept is None else kept

    def _connect(self, timeout_seconds: float) -> HTTPConnection:
        proxy = self._proxy()
        connection = _new_connection(
            self._host, self._port, timeout_seconds, self._tls(), proxy=proxy
        )
        try:
            connection.connect()
        except OSError as exc:
            connection.close()
            cause = exc if proxy is None else refused_by(proxy, exc)
            raise TransportFailure(cause, sent=False) from None
        except UnicodeError:  # a host that cannot even be encoded
            raise TransportFailure(socket.gaierror("not a host name"), sent=False) from None
        return connection

    def _tls(self) -> SSLContext | None:
        """One for all connections: reading the certificates that are trusted takes longest."""
        if not self._secure:
            return None
        with self._tls_lock:
            if self._context is None:
                import ssl

                self._context = ssl.create_default_context()
                self._context.set_alpn_protocols(["http/1.1"])
            return self._context

    def _proxy(self) -> Proxy | None:
        try:
            return proxy_for(self._base_url)
        except ProxyUnusable as exc:
            raise TransportFailure(exc, sent=False) from None

    def _take_idle(self) -> HTTPConnection | None:
        """A kept connection, or one that is being opened, that is young and that the other side has
        not closed."""
        while True:
            opening = None
            with self._lock:
                if self._idle:
                    connection, since = self._idle.pop()
                elif self._opening:
                    opening = self._opening.pop(0)
                else:
                    return None
            if opening is not None:
                opened = opening.result()
                if opened is None:
                    return None
                connection, since = opened
            fresh = boot_seconds() - since < IDLE_SECONDS_MAX
            if fresh and _is_quiet(connection.sock):
                return connection
            connection.close()

    def _request(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str] | None
    ) -> bytes:
        head = [f"{method} {self._prefix}{target} HTTP/1.1", f"Host: {self._host_header()}"]
        head += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body is not None or method in ("POST", "PATCH", "PUT"):
            head.append(f"Content-Length: {len(body or b'')}")
        if any("\r" in line or "\n" in line for line in head):
            raise ValueError("a line break in a request line or header")
        return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + (body or b"")

    def _write(self, connection: HTTPConnection, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        sock = connection.sock
        try:
            while view:
                sock.settimeout(_left(deadline))
                view = view[sock.send(view) :]
        except OSError as exc:
            raise TransportFailure(exc, sent=len(view) < len(data)) from None

    def _read(self, connection: HTTPConnection, method: str, deadline: float) -> HttpReply:
        from http.client import HTTPException, HTTPResponse

        reading = cast(socket.socket, _UntilDeadline(connection.sock, deadline))
        response = HTTPResponse(reading, method=method)
        try:
            response.begin()
            chunks = _read_body(response)
        except HTTPException as exc:
            response.close()
            raise TransportFailure(_as_builtin(exc), sent=True) from None
        except OSError as exc:
            response.close()
            raise TransportFailure(exc, sent=True) from None
        reply = HttpReply(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            text=b"".join(chunks).decode("utf-8", errors="replace"),
        )
        if response.will_close:
            connection.close()
        else:
            self._keep(connection)
        return reply

    def _keep(self, connection: HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < IDLE_CONNECTIONS_MAX:
                self._idle.append((connection, boot_seconds()))
                return
        connection.close()

    def _host_header(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return host if self._port is None else f"{host}:{self._port}"


def _new_connection(
    host: str,
    port: int | None,
    timeout_seconds: float,
    tls: SSLContext | None,
    *,
    proxy: Proxy | None = None,
) -> HTTPConnection:
    from http.client import HTTPConnection, HTTPSConnection

    first, at = (host, port) if proxy is None else (proxy.host, proxy.port)
    connection = (
        HTTPConnection(first, at, timeout=timeout_seconds)
        if tls is None
        else HTTPSConnection(first, at, timeout=timeout_seconds, context=tls)
    )
    if proxy is None:
        return connection
    connection.set_tunnel(host, port, proxy.headers)
    return connection


def _is_quiet(sock: socket.socket | None) -> bool:
    """True if nothing waits to be read: no end of the connection, no stray answer."""
    if sock is None:
        return False
    import select

    try:
        readable, _, _ = select.select([sock], [], [], 0)
    except (OSError, ValueError):
        return False
    return not readable


def _left(deadline: float) -> float:
    left = deadline - boot_seconds()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


class _UntilDeadline(io.RawIOBase):
    """Reads a socket, header and body alike, until one moment: a server that dribbles cannot hold
    us. Reading later raises TimeoutError."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        """All that `http.client` asks of a socket. Closing the file leaves the socket open."""
        return io.BufferedReader(self)


def _read_body(response: HTTPResponse) -> list[bytes]:
    chunks: list[bytes] = []
    size = 0
    while not response.isclosed():
        chunk = response.read1(65536)
        if not chunk:
            break
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise ConnectionError("the reply is too large")
        chunks.append(chunk)
    if response.length:
        raise ConnectionError("the reply ended early")
    response.close()
    return chunks


def _as_builtin(exc: BaseException) -> BaseException:
    """A broken HTTP exchange in the words of the operating system."""
    return ConnectionResetError(f"{type(exc).__name__}: {exc}".rstrip(": "))


class SdkTransport:
    """alpaca-py's TradingClient session: its proxies, certificates and User-Agent.

    The SDK sends without a timeout and repeats a POST after 429 and 504 by itself; here every
    request has a timeout and nothing is sent twice, `client` included, which stays usable.
    """

    def __init__(
        self, base_url: str, api_key: str, secret_key: str, *, timeout_seconds: float = 10.0
    ) -> None:
        from alpaca.trading.client import TradingClient

        self._base_url = check_base_url(base_url)
        self.client = TradingClient(api_key, secret_key, url_override=self._base_url)
        self.client._retry = 0
        session = self.client._session
        adapter = _timeout_adapter(timeout_seconds)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        # Neither a proxy nor .netrc has a say in talking to this machine.
        session.trust_env = not is_loopback(urlsplit(self._base_url).hostname or "")
        self._session = session
        self._agent = self.client._get_default_headers().get("User-Agent", "")

    def __repr__(self) -> str:
        return f"SdkTransport({self._base_url!r})"

    def send(
        self,
        method: str,
        url_path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
        is_late: IsLate | None = None,
    ) -> HttpReply:
        import requests
        import urllib3

        refuse_late(is_late)  # it connects after this: as near as the library lets us come
        try:
            response = self._session.request(
                method,
                self._base_url + with_query(url_path, query),
                data=body,
                headers={"User-Agent": self._agent, **(headers or {})},
                allow_redirects=False,
                timeout=timeout_seconds,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError) as exc:
            raise _from_requests(exc) from None
        return HttpReply(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            text=response.content.decode("utf-8", errors="replace"),
        )

    def close(self) -> None:
        self._session.close()


def _timeout_adapter(timeout_seconds: float) -> Any:
    """An adapter that gives every request a timeout, also those that the SDK sends itself."""
    from requests.adapters import HTTPAdapter

    class TimeoutAdapter(HTTPAdapter):
        def send(self, *args: Any, **kwargs: Any) -> Any:
            if kwargs.get("timeout") is None:
                kwargs["timeout"] = timeout_seconds
            return super().send(*args, **kwargs)

    return TimeoutAdapter(max_retries=0)


def _from_requests(exc: BaseException) -> TransportFailure:
    """Find the plain error under requests' and urllib3's wrappings.

    Only a failure to connect proves that nothing left; whatever else happens counts as sent.
    """
    chain = _chain(exc)
    names = {type(link).__name__ for link in chain}
    before = {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ConnectTimeout"}
    sent = not (names & before or "ProxyError" in names or _is_tls(names))
    for link in chain:
        if isinstance(link, OSError) and not type(link).__module__.startswith("requests"):
            return TransportFailure(_scrubbed(link), sent=sent)
    if names & {"ConnectTimeout", "ReadTimeout", "ConnectTimeoutError", "ReadTimeoutError"}:
        return TransportFailure(TimeoutError("timed out"), sent=sent)
    return TransportFailure(ConnectionResetError(type(exc).__name__), sent=sent)


def _is_tls(names: set[str]) -> bool:
    return bool(names & {"SSLCertVerificationError"})


def _scrubbed(exc: OSError) -> OSError:
    """The same error without its request, whose headers hold the keys."""
    copy = type(exc)(*exc.args)
    copy.__traceback__ = None
    return copy


def _chain(exc: BaseException) -> list[BaseException]:
    """The error and everything it wraps, innermost first."""
    found: list[BaseException] = []
    queue: list[object] = [exc]
    while queue and len(found) < 20:
        link = queue.pop(0)
        if not isinstance(link, BaseException) or link in found:
            continue
        found.append(link)
        queue += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
    return found[::-1]
