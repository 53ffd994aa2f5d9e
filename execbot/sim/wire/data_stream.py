"""The market-data stream of one connection as a state machine without I/O.

    connect     the server greets; keys in the upgrade's headers count as authentication
    auth        {"action":"auth","key","secret"}, within ten seconds of connecting
    subscribe   {"action":"subscribe","trades":["AAPL"],"bars":["*"], …} adds,
    unsubscribe removes; both are answered with everything that is subscribed to now
    data        arrays of messages, as time goes on; nothing missed is ever sent again

Client messages and the time go in, frames come out; `closed` says that the connection is to be
closed once they are written. A frame is text (JSON) or, for clients that connected with
`Content-Type: application/msgpack`, binary.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from execbot.sim.times import parse_time
from execbot.sim.types import SECOND, Ns
from execbot.sim.wire.data import MarketView
from execbot.sim.wire.data_feed import (
    CHANNEL_OF,
    FOLLOWS_TRADES,
    UNLISTED,
    DataFeed,
    Message,
    Tape,
)
from execbot.sim.wire.http import credentials

if TYPE_CHECKING:
    from execbot.sim.wire.options.option_data import OptionSource

Frame = str | bytes

AUTH_TIMEOUT: Ns = 10 * SECOND
MESSAGES_PER_FRAME = 500
COUNTED = ("trades", "quotes")
"""Channels whose symbols count against a symbol limit; bars do not, and trades of contracts."""

ERRORS = {
    400: "invalid syntax",
    401: "not authenticated",
    402: "auth failed",
    403: "already authenticated",
    404: "auth timeout",
    405: "symbol limit exceeded",
    406: "connection limit exceeded",
    407: "slow client",
    409: "insufficient subscription",
    410: "invalid subscribe action for this feed",
    412: "option messages are only available in MsgPack format",
    413: "star symbol is not allowed for option quotes",
    500: "internal error",
}
FATAL = frozenset({402, 404, 406, 407, 409, 412, 500})
"""Errors after which the server closes the connection."""

Authorize = Callable[[str, str], int | None]
"""(key, secret) -> None when the client may use the stream, else an error code (402, 406, 409)."""


def option_source(market: MarketView, feed: str, now: Ns) -> OptionSource:
    from execbot.sim.wire.options import option_data  # most exchanges are never asked for contracts

    return option_data.source_of(market.prices, market.options, market.calendar, now, feed)


class DataStream:
    """One connection to a feed."""

    def __init__(
        self,
        feed: DataFeed,
        market: MarketView,
        now: Ns,
        *,
        headers: Mapping[str, str],
        authorize: Authorize,
        symbol_limit: int | None = None,
        sparse_ack: bool = False,
    ) -> None:
        """`headers` have lower-case names. `sparse_ack` leaves empty channels out of the
        acknowledgement, as has been measured; the documentation shows them all.
        """
        self.feed = feed
        self.binary = "msgpack" in headers.get("content-type", "")
        self.key: str | None = None
        self.closed = False
        self._authorize = authorize
        self._symbol_limit = symbol_limit
        self._sparse_ack = sparse_ack
        self._headers = headers
        self._deadline = now + AUTH_TIMEOUT
        self._market = market
        self._tape = Tape(feed, market.prices, market.assets, market.calendar, market.newsroom)
        self._wanted: dict[str, frozenset[str]] = {}
        self._sent_to = now - feed.delay

    @property
    def active(self) -> bool:
        """Whether `advance` can have something to send."""
        return not self.closed and (self.key is None or any(self._wanted.values()))

    @property
    def subscriptions(self) -> Mapping[str, frozenset[str]]:
        return self._wanted

    # --- in and out ------------------------------------------------------------------------

    def open(self) -> list[Frame]:
        """The greeting, and the verdict on keys that came with the upgrade."""
        if self.feed.options and not self.binary:
            return self._error(412)
        frames = [self._control({"T": "success", "msg": "connected"})]
        found = credentials(self._headers, {})
        if found is not None:
            frames += self._auth(*found)
        return frames

    def receive(self, data: str | bytes, now: Ns) -> list[Frame]:
        """Takes one message of the client. What was due before it comes first."""
        if self.closed:
            return []
        frames = self.advance(now)
        if self.closed:
            return frames
        message = self._read(data)
        action = message.get("action") if isinstance(message, dict) else None
        if not isinstance(message, dict) or action not in ("auth", "subscribe", "unsubscribe"):
            return frames + self._error(400)
        if action == "auth":
            return frames + self._auth_message(message)
        if self.key is None:
            return frames + self._error(401)
        return frames + self._subscribe(message, adding=action == "subscribe")

    def advance(self, now: Ns) -> list[Frame]:
        """Everything that is due by `now`."""
        if self.closed:
            return []
        if self.key is None:
            return self._error(404) if now >= self._deadline else []
        until = now - self.feed.delay
        after, self._sent_to = self._sent_to, max(until, self._sent_to)
        if until <= after or not any(self._wanted.values()):
            return []
        if self.feed.options:
            self._tape.look_at(option_source(self._market, self.feed.name, until))
        return list(self._frames(self._tape.messages(self._wanted, after, until)))

    def publish(self, message: Message) -> list[Frame]:
        """A message from outside the market's course (a halt, a correction): sent when it is
        subscribed to.
        """
        channel = CHANNEL_OF.get(message["T"], "")
        if ("/" in message["S"]) != self.feed.crypto or self.feed.is_apart:
            return []
        wanted = self._wanted.get(channel, frozenset())
        if self.closed or self.key is None or not wanted & {"*", message["S"]}:
            return []
        return list(self._frames([message]))

    def fail(self, code: int) -> list[Frame]:
        """The server ends the connection with an error: 407 slow client, 500 internal error."""
        return [] if self.closed else self._error(code)

    # --- authentication --------------------------------------------------------------------

    def _auth_message(self, message: Mapping[str, Any]) -> list[Frame]:
        key, secret = message.get("key"), message.get("secret")
        if self.key is not None:
            return self._error(403)
        if not isinstance(key, str) or not isinstance(secret, str):
            return self._error(402)
        return self._auth(key, secret)

    def _auth(self, key: str, secret: str) -> list[Frame]:
        refusal = self._authorize(key, secret)
        if refusal is not None:
            return self._error(refusal)
        self.key = key
        return [self._control({"T": "success", "msg": "authenticated"})]

    # --- subscriptions ---------------------------------------------------------------------

    def _subscribe(self, message: Mapping[str, Any], *, adding: bool) -> list[Frame]:
        changes = {name: value for name, value in message.items() if name != "action"}
        if any(name not in self.feed.channels for name in changes):
            return self._error(410)
        for symbols in changes.values():
            if not isinstance(symbols, list) or not all(isinstance(s, str) for s in symbols):
                return self._error(400)
        if self.feed.options and adding and "*" in changes.get("quotes", ()):
            return self._error(413)
        wanted = dict(self._wanted)
        for name, symbols in changes.items():
            before = wanted.get(name, frozenset())
            chosen = frozenset(symbols)
            wanted[name] = before | chosen if adding else before - chosen
        if "trades" in changes and not self.feed.crypto and not self.feed.options:
            # Corrections and cancels come with the trades and cannot be had without them.
            wanted.update(dict.fromkeys(FOLLOWS_TRADES, wanted["trades"]))
        if adding and self._symbol_limit is not None:
            names = COUNTED[1:] if self.feed.options else COUNTED
            counted: int = sum(len(wanted.get(name, ())) for name in names)
            if counted > self._symbol_limit:
                return self._error(405)
        self._wanted = wanted
        return [self._control(self._acknowledgement())]

    def _acknowledgement(self) -> Message:
        found: Message = {"T": "subscription"}
        for name in self.feed.channels:
            symbols = sorted(self._wanted.get(name, ()))
            if symbols or not (self._sparse_ack or name in UNLISTED):
                found[name] = symbols
        return found

    # --- frames ----------------------------------------------------------------------------

    def _error(self, code: int) -> list[Frame]:
        self.closed = code in FATAL
        return [self._control({"T": "error", "code": code, "msg": ERRORS[code]})]

    def _control(self, message: Message) -> Frame:
        """A control message stands alone in its array."""
        return self._encode([message])

    def _frames(self, messages: list[Message]) -> Iterator[Frame]:
        for i in range(0, len(messages), MESSAGES_PER_FRAME):
            yield self._encode(messages[i : i + MESSAGES_PER_FRAME])

    def _encode(self, messages: list[Message]) -> Frame:
        if not self.binary:
            return json.dumps(messages, separators=(",", ":"))
        import msgpack

        packed = []
        for message in messages:
            if "t" in message:
                stamp = msgpack.Timestamp.from_unix_nano(parse_time(message["t"]))
                message = {**message, "t": stamp}
            packed.append(message)
        data: bytes = msgpack.packb(packed)
        return data

    def _read(self, data: str | bytes) -> Any:
        """The client's message, or None when it cannot be read."""
        if self.binary and isinstance(data, bytes):
            import msgpack

            try:
                return msgpack.unpackb(data)
            except (ValueError, msgpack.UnpackException):
                return None
        try:
            return json.loads(data)
        except ValueError:
            return None
