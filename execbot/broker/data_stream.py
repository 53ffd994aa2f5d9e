"""Live quotes, trades, halts and price bands: Alpaca's market data streams.

Every message is an array. The server greets, takes the keys, then the subscriptions, and repeats
nothing after a reconnect. Messages are handed on one by one; a reader that cannot keep up merges
them itself, since only it knows what may be dropped.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from execbot.broker.errors import AuthenticationError, BrokerError, StreamError, plain_line
from execbot.broker.market_stream import (
    DataWarning,
    LimitBand,
    MarketDataStream,
    TradingStatus,
)
from execbot.broker.reconnect import Drop, ReconnectingStream
from execbot.broker.remedy import Remedy
from execbot.broker.stream_errors import DATA_STREAM_ROWS, StreamAfter
from execbot.broker.stream_states import Gap, StreamState
from execbot.model.json_in import read_json
from execbot.model.plausible import believed, believed_time, symbol_trouble
from execbot.model.quote import Quote, Trade

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

CHANNELS = ("quotes", "trades", "statuses", "lulds")
CRYPTO_CHANNELS = ("quotes", "trades")
"""Crypto does not halt: asking its stream for statuses is an error (code 410)."""

Tick = Quote | Trade | TradingStatus | LimitBand


class Control(Struct, frozen=True):
    """`success` and `subscription` messages; `msg` as sent."""

    type: str
    msg: str


class DataError(Struct, frozen=True):
    code: int
    msg: str


class NotRead(Struct, frozen=True):
    """A message that could not be read."""

    reason: str


DataMessage = Tick | Control | DataError | NotRead


def parse_data_frame(frame: str | bytes, now: datetime | None = None) -> list[DataMessage]:
    """Read one frame: an array of messages. Pure; never raises. Unknown types are left out.

    Without `now` a time is not judged by how far ahead it is.
    """
    try:
        rows = read_json(frame, parse_float=Decimal)
    except ValueError:
        return [NotRead("a frame was not JSON")]
    found = (_parse_row(row, now) for row in (rows if isinstance(rows, list) else [rows]))
    return [message for message in found if message is not None]


def _parse_row(row: object, now: datetime | None) -> DataMessage | None:
    if not isinstance(row, Mapping):
        return NotRead("no object")
    kind, symbol = row.get("T"), row.get("S")
    if kind in ("q", "t", "s", "l"):
        if not isinstance(symbol, str) or symbol_trouble(symbol):
            return NotRead("a message had no symbol")
        return _of_symbol(kind, symbol, row, now)
    if kind in ("success", "subscription"):
        return Control(str(kind), str(row.get("msg") or ""))
    if kind == "error":
        code = row.get("code")
        return DataError(code if isinstance(code, int) else 0, plain_line(str(row.get("msg"))))
    return None


def _of_symbol(
    kind: str, symbol: str, row: Mapping[str, Any], now: datetime | None
) -> Tick | NotRead:
    """Refuses a trade or a band at 0: it would fire exits. A quote may have a side of 0."""
    if kind == "q":
        return Quote.from_wire(symbol, row, now)
    if kind == "t":
        trade = Trade.from_wire(symbol, row, now)
        return trade if trade.price > 0 else NotRead(f"a trade of {symbol} had no price")
    if kind == "s":
        return TradingStatus(
            symbol,
            believed_time(row.get("t"), now),
            status_code=str(row.get("sc") or ""),
            status_message=str(row.get("sm") or ""),
            reason_code=str(row.get("rc") or ""),
            reason_message=str(row.get("rm") or ""),
            tape=str(row.get("z") or ""),
        )
    up, down = believed(row.get("u")), believed(row.get("d"))
    if up is None or down is None:
        return NotRead(f"a price band of {symbol} had no price")
    return LimitBand(
        symbol,
        believed_time(row.get("t"), now),
        up=up,
        down=down,
        indicator=str(row.get("i") or ""),
        tape=str(row.get("z") or ""),
    )


class DataStream(ReconnectingStream[Tick], MarketDataStream):
    """One market data endpoint. `channels` are those the endpoint has."""

    def __init__(
        self,
        url: str,
        api_key: str,
        secret_key: str,
        *,
        channels: tuple[str, ...] = CHANNELS,
        **options: Any,
    ) -> None:
        super().__init__(url, api_key, secret_key, **options)
        self._wanted: dict[str, set[str]] = {channel: set() for channel in channels}
        self._lock = threading.Lock()
        self._live: ClientConnection | None = None

    def subscribe(
        self,
        *,
        quotes: Iterable[str] = (),
        trades: Iterable[str] = (),
        statuses: Iterable[str] = (),
        lulds: Iterable[str] = (),
    ) -> None:
        asked = {"quotes": quotes, "trades": trades, "statuses": statuses, "lulds": lulds}
        with self._lock:
            new = {
                channel: sorted(set(asked[channel]) - known)
                for channel, known in self._wanted.items()
            }
            for channel, symbols in new.items():
                self._wanted[channel] |= set(symbols)
            self._tell("subscribe", new)

    def unsubscribe(
        self,
        *,
        quotes: Iterable[str] = (),
        trades: Iterable[str] = (),
        statuses: Iterable[str] = (),
        lulds: Iterable[str] = (),
    ) -> None:
        asked = {"quotes": quotes, "trades": trades, "statuses": statuses, "lulds": lulds}
        with self._lock:
            gone = {
                channel: sorted(set(asked[channel]) & known)
                for channel, known in self._wanted.items()
            }
            for channel, symbols in gone.items():
                self._wanted[channel] -= set(symbols)
            self._tell("unsubscribe", gone)

    def _tell(self, action: str, symbols: Mapping[str, list[str]]) -> None:
        """Send a change if connected; else the next connection subscribes to everything."""
        from websockets.exceptions import ConnectionClosed

        asked = {channel: names for channel, names in symbols.items() if names}
        if self._live is None or not asked:
            return
        try:
            self._live.send(json.dumps({"action": action, **asked}))
        except ConnectionClosed:
            self._live = None

    def _open(self, socket: ClientConnection) -> list[Tick]:
        with self._lock:
            self._live = None
        auth = {"action": "auth", "key": self._api_key, "secret": self._secret_key}
        socket.send(json.dumps(auth))
        self._await_login(socket)
        with self._lock:
            self._live = socket
            self._tell("subscribe", {name: sorted(have) for name, have in self._wanted.items()})
        return []

    def _await_login(self, socket: ClientConnection) -> None:
        deadline = self._monotonic() + self._times.open
        while (left := deadline - self._monotonic()) > 0:
            try:
                found = parse_data_frame(socket.recv(timeout=left), self._now())
            except TimeoutError:
                break
            for message in found:
                if isinstance(message, Control) and message.msg == "authenticated":
                    return
                if isinstance(message, DataError):
                    self._judge(message)
        raise Drop("the server did not answer the log-in in time")

    def _read(self, frame: str | bytes) -> Iterator[Tick | StreamState]:
        for message in parse_data_frame(frame, self._now()):
            if isinstance(message, DataError):
                if (warning := self._judge(message)) is not None:
                    yield warning
            elif isinstance(message, NotRead):
                yield Gap(self._now(), message.reason)
            elif not isinstance(message, Control):
                yield message

    def _judge(self, error: DataError) -> DataWarning | None:
        """Act on an error code: ignore it, warn, end this connection, or give up."""
        row = DATA_STREAM_ROWS.get(error.code)
        if row is None:
            return DataWarning(self._now(), error.code, error.msg)
        if row.after is StreamAfter.IGNORE:
            return None
        if row.after is StreamAfter.WARN:
            return DataWarning(self._now(), error.code, row.says)
        if row.after in (StreamAfter.RECONNECT, StreamAfter.WAIT):
            taken = row.after is StreamAfter.WAIT
            raise Drop(row.says, wait_at_least=self._times.taken if taken else 0.0)
        raise data_stream_error(error.code, error.msg)


def data_stream_error(code: int, said: str = "") -> BrokerError:
    """The error of a code after which reconnecting cannot help."""
    row = DATA_STREAM_ROWS[code]
    family = AuthenticationError if row.kind.startswith("auth.") else StreamError
    remedy = Remedy.FATAL_ACCOUNT if family is AuthenticationError else Remedy.FATAL_REQUEST
    return family(row.kind, row.says, row.hint, row.next_step, remedy, code=code, said=said)
