"""Trade updates: Alpaca's account stream.

Handshake: connect, `auth`, authorization reply, `listen`, listening reply. Paper sends its JSON in
binary frames, live in text; both are read. The broker replays nothing, so each Connected tells the
reader to fill the gap from REST.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from execbot.broker.errors import plain_line
from execbot.broker.port import TradeUpdate, TradeUpdateStream
from execbot.broker.reconnect import Drop, ReconnectingStream
from execbot.broker.stream_states import Gap, StreamState
from execbot.model.border import unread
from execbot.model.json_in import read_json, refuse_deep
from execbot.model.numbers import maybe_decimal
from execbot.model.order import Order
from execbot.model.row_checks import update_trouble
from execbot.model.times import parse_time
from execbot.model.unread import Unread

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

TRADE_UPDATES = "trade_updates"


class Authorization(Struct, frozen=True):
    """`action` is what was refused or allowed: `authenticate`, or `listen` when it came early."""

    authorized: bool
    action: str


class Listening(Struct, frozen=True):
    streams: tuple[str, ...]


class ServerError(Struct, frozen=True):
    message: str


class Unreadable(Struct, frozen=True):
    """`unread` is the frame where it was JSON, with its symbol where that could be told."""

    reason: str
    unread: Unread | None = None


class OtherStream(Struct, frozen=True):
    """A message of a stream that we did not ask for, or do not know yet."""

    name: str


Frame = TradeUpdate | Authorization | Listening | ServerError | Unreadable | OtherStream


def parse_frame(frame: str | bytes, now: datetime | None = None) -> Frame:
    """Read one frame, text or binary. Pure; never raises: what cannot be read says so.

    Without `now` a time is not judged by how far ahead it is.
    """
    try:
        data = _decoded(frame)
    except ValueError:
        return Unreadable("a frame was not JSON")
    if not isinstance(data, dict):
        return Unreadable("a frame was not an object")
    body = data.get("data")
    body = body if isinstance(body, dict) else {}
    if data.get("action") == "error":
        return ServerError(plain_line(str(body.get("error_message") or "unknown error")))
    stream = str(data.get("stream") or "")
    if stream == "authorization":
        return Authorization(body.get("status") == "authorized", str(body.get("action") or ""))
    if stream == "listening":
        streams = body.get("streams")
        return Listening(tuple(map(str, streams)) if isinstance(streams, list) else ())
    if stream == TRADE_UPDATES:
        return parse_trade_update(body, now)
    return OtherStream(stream)


def messages_of(frame: str | bytes, now: datetime) -> list[TradeUpdate | StreamState]:
    """The messages in a frame; a frame that we cannot read becomes a Gap."""
    found = parse_frame(frame, now)
    if isinstance(found, TradeUpdate):
        return [found]
    return [Gap(now, found.reason, found.unread)] if isinstance(found, Unreadable) else []


def _decoded(frame: str | bytes) -> Any:
    """The fast decoder first; what only it refuses (a NaN, say) is read the tolerant way."""
    try:
        value = _DECODER.decode(frame)  # it takes no half characters
        refuse_deep(value, frame)
        return value
    except (ValueError, RecursionError):
        return read_json(frame)


_DECODER = msgspec.json.Decoder()


def parse_trade_update(
    data: Mapping[str, Any], now: datetime | None = None
) -> TradeUpdate | Unreadable:
    """Read the `data` of a trade update; unknown events and missing fields survive."""
    trouble = update_trouble(data, now)
    if trouble:
        return Unreadable(f"an impossible trade update: {trouble}", unread("frame", data, trouble))
    return TradeUpdate(
        event=str(data["event"]),
        order=Order.from_wire(data["order"], now),
        at=parse_time(data.get("timestamp")) or parse_time(data.get("at")),
        execution_id=_text(data.get("execution_id")),
        price=maybe_decimal(data.get("price")),
        qty=maybe_decimal(data.get("qty")),
        position_qty=maybe_decimal(data.get("position_qty")),
        reason=_text(data.get("reason")),
        event_id=_text(data.get("event_id")),
        raw=data,
    )


def _text(value: object) -> str | None:
    return str(value) if value else None


class TradeStream(ReconnectingStream[TradeUpdate], TradeUpdateStream):
    """One account's trade updates. One connection at a time is allowed by the broker."""

    def _open(self, socket: ClientConnection) -> list[TradeUpdate]:
        auth = {"action": "auth", "key": self._api_key, "secret": self._secret_key}
        socket.send(json.dumps(auth))
        early: list[TradeUpdate] = []
        reply = self._await(socket, Authorization, early)
        if not reply.authorized:
            raise self._wrong_keys()
        socket.send(json.dumps({"action": "listen", "data": {"streams": [TRADE_UPDATES]}}))
        heard = self._await(socket, Listening, early)
        if TRADE_UPDATES not in heard.streams:
            raise Drop("the server does not offer trade updates")
        return early

    def _await(self, socket: ClientConnection, kind: type[Any], early: list[TradeUpdate]) -> Any:
        """Wait for a reply of this kind; keep updates that come before it."""
        deadline = self._monotonic() + self._times.open
        while (left := deadline - self._monotonic()) > 0:
            try:
                found = parse_frame(socket.recv(timeout=left), self._now())
            except TimeoutError:
                break
            if isinstance(found, kind):
                return found
            if isinstance(found, Authorization) and not found.authorized:
                raise Drop(f"the server refused to {found.action or 'go on'}")
            if isinstance(found, ServerError):
                raise Drop(f"the server failed: {found.message}")
            if isinstance(found, TradeUpdate):
                early.append(found)
        raise Drop("the server did not answer the log-in in time")

    def _read(self, frame: str | bytes) -> Iterator[TradeUpdate | StreamState]:
        now = self._now()
        found = parse_frame(frame, now)
        if isinstance(found, TradeUpdate):
            yield found
        elif isinstance(found, Unreadable):
            yield Gap(now, found.reason, found.unread)
        elif isinstance(found, ServerError):
            raise Drop(f"the server failed: {found.message}")
        elif isinstance(found, Authorization) and not found.authorized:
            raise Drop("the server ended the session")
        elif isinstance(found, Listening) and TRADE_UPDATES not in found.streams:
            raise Drop("the server stopped sending trade updates")
