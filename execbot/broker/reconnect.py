"""Keeps a WebSocket alive: connects, notices silence, backs off, closes cleanly.

What both of Alpaca's streams have in common; the protocol spoken on the socket is the subclass's.
The reading thread is the caller's own, no thread outlives `messages()`, and a closed stream says
goodbye properly: after an unclean end the broker keeps the place taken for a minute or more.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import urlsplit

from execbot.broker.errors import AuthenticationError, BrokerError, StreamError, plain_line
from execbot.broker.proxy import proxy_for
from execbot.broker.remedy import Remedy
from execbot.broker.stream_states import Connected, Disconnected, StreamState
from execbot.broker.stream_times import StreamTimes
from execbot.model.hosts import is_loopback
from execbot.model.retrying import Pauses, error_of
from execbot.model.timer import boot_seconds

if TYPE_CHECKING:
    from tenacity import RetryCallState
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import ClientConnection

Message = TypeVar("Message")

LOOK_SECONDS = 0.5
"""How often a waiting reader looks whether it was asked to close. Closing from a signal handler of
the reading thread itself must not take locks, so it only leaves a note."""

FRAMES_QUEUED_MAX = 65_536
"""While REST fills a gap frames wait here; a full queue would also stop the answers to pings."""

FRAME_BYTES_MAX = 16 * 1024 * 1024


class Drop(Exception):
    """This connection is over; the next may work. `wait_at_least` in seconds."""

    def __init__(self, reason: str, *, wait_at_least: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_at_least = wait_at_least


class ReconnectingStream(ABC, Generic[Message]):
    """The loop around one socket. One reader; `close` from any thread or signal handler.

    `probe` is asked when the stream is silent although the socket lives: False means that REST
    knows of something the stream did not tell, and the connection is made anew.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        secret_key: str,
        *,
        now: Callable[[], datetime],
        times: StreamTimes | None = None,
        probe: Callable[[], bool] | None = None,
        monotonic: Callable[[], float] = boot_seconds,
    ) -> None:
        self.url = _check_stream_url(url)
        self._api_key = api_key
        self._secret_key = secret_key
        self._now = now
        self._times = times or StreamTimes()
        self.probe = probe
        self._monotonic = monotonic
        self._closing = False
        self._given_up = ""
        self._wake = threading.Event()
        self._socket: ClientConnection | None = None
        self._reader: int | None = None
        self._was_connected = False
        self._look = min(LOOK_SECONDS, self._times.silence, self._times.pong)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @abstractmethod
    def _open(self, socket: ClientConnection) -> list[Message]:
        """Log in and subscribe; return what came meanwhile. Raises Drop or BrokerError."""

    @abstractmethod
    def _read(self, frame: str | bytes) -> Iterable[Message | StreamState]:
        """Messages in one frame. Raises Drop or BrokerError."""

    def messages(self) -> Iterator[Message | StreamState]:
        """Yield until `close`. Raises BrokerError when reconnecting cannot help."""
        self._reader = threading.get_ident()
        pauses = Pauses(self._wait)
        while not self._closing:
            connected_at: list[float] = []
            drop = yield from self._one_connection(connected_at)
            if self._closing:
                return
            lived = self._monotonic() - connected_at[0] if connected_at else 0.0
            if lived >= self._times.stable:
                pauses = Pauses(self._wait)
            wait = pauses.after(drop)
            yield Disconnected(self._now(), str(drop), wait)
            self._rest(wait)

    def close(self) -> None:
        """End `messages()`. Idempotent; returns when a goodbye was said where that is possible."""
        self._closing = True
        if threading.get_ident() == self._reader:
            return  # inside of the loop, perhaps a signal handler: the loop says goodbye itself
        self._wake.set()
        socket = self._socket
        if socket is not None:
            socket.close()

    def renew(self, reason: str) -> None:
        """Drop this connection and open another. Callable from any thread."""
        self._given_up = reason

    def _one_connection(
        self, connected_at: list[float]
    ) -> Generator[Message | StreamState, None, Drop]:
        from websockets.exceptions import (
            ConnectionClosed,
            InvalidHandshake,
            InvalidStatus,
            InvalidURI,
        )
        from websockets.sync.client import connect

        times = self._times
        try:
            proxy = proxy_for(self.url)
            with connect(
                self.url,
                open_timeout=times.open,
                close_timeout=times.close,
                ping_interval=None,
                max_queue=FRAMES_QUEUED_MAX,
                max_size=FRAME_BYTES_MAX,
                compression=None,
                proxy=None if proxy is None else proxy.url,
            ) as socket:
                self._socket = socket
                try:
                    early = self._open(socket)
                    connected_at.append(self._monotonic())
                    self._was_connected, self._given_up = True, ""
                    yield Connected(self._now())
                    yield from early
                    yield from self._frames(socket)
                finally:
                    socket.close()  # before `with` would: an ordinary goodbye in every case
            return Drop("closed")
        except Drop as drop:
            return drop
        except InvalidStatus as exc:
            return self._refused_upgrade(exc)
        except ConnectionClosed as exc:
            return Drop(f"the connection ended: {plain_line(str(exc))}")
        except InvalidURI as exc:
            raise StreamError("stream.bad_url", f"Not a usable stream URL: {exc}") from None
        except (OSError, InvalidHandshake, EOFError) as exc:
            said = plain_line(str(exc)) or type(exc).__name__
            return Drop(f"no connection to {self.url}: {said}")
        finally:
            self._socket = None

    def _frames(self, socket: ClientConnection) -> Iterator[Message | StreamState]:
        heard_at = self._monotonic()
        while not self._closing:
            if self._given_up:
                raise Drop(self._given_up)
            try:
                frame = socket.recv(timeout=self._look)
            except TimeoutError:
                if self._monotonic() - heard_at >= self._times.silence:
                    self._check_alive(socket)
                    heard_at = self._monotonic()
                continue
            heard_at = self._monotonic()
            yield from self._read(frame)

    def _check_alive(self, socket: ClientConnection) -> None:
        pong = socket.ping()
        deadline = self._monotonic() + self._times.pong
        while not pong.wait(self._look):
            if self._closing:
                return
            if self._monotonic() >= deadline:
                raise Drop("the connection went silent: no answer to a ping")
        if self.probe is not None and not self.probe():
            raise Drop("the stream is silent although the account changed")

    def _refused_upgrade(self, exc: InvalidStatus) -> Drop:
        status = exc.response.status_code
        if status in (401, 403):
            raise self._wrong_keys(status)
        if status == 429:
            return Drop(
                "another connection of this account holds the stream (HTTP 429)",
                wait_at_least=self._times.taken,
            )
        if 400 <= status < 500 and not self._was_connected:
            raise StreamError(
                "stream.not_found",
                f"There is no stream at this address (HTTP {status})",
                "The URL is not that of a stream of Alpaca's.",
                "check the URL with `execbot doctor`",
                status=status,
            )
        return Drop(f"the server refused the connection (HTTP {status})")

    def _wrong_keys(self, status: int | None = None) -> BrokerError:
        return AuthenticationError(
            "auth.rejected",
            "The stream did not accept the API keys",
            "The key or secret is wrong, was regenerated, or belongs to the other environment.",
            "check the keys with `execbot doctor`",
            Remedy.FATAL_ACCOUNT,
            status=status,
        )

    def _wait(self, tries: RetryCallState) -> float:
        drop = error_of(tries)
        least = drop.wait_at_least if isinstance(drop, Drop) else 0.0
        return least + self._times.before_reconnect(tries)

    def _rest(self, seconds: float) -> None:
        deadline = self._monotonic() + seconds
        while not self._closing and (left := deadline - self._monotonic()) > 0:
            self._wake.wait(min(left, LOOK_SECONDS))


def _check_stream_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError(f"not a ws(s) URL: {url!r}")
    if parts.scheme == "ws" and not is_loopback(parts.hostname):
        raise ValueError(f"ws without TLS is only for this machine, not for {parts.hostname}")
    return url
