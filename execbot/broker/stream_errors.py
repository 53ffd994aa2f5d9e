"""Error codes of the market data streams.

Source: https://docs.alpaca.markets/docs/streaming-market-data
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct


class StreamAfter(StrEnum):
    """How a market data connection goes on after an error code."""

    IGNORE = "ignored"
    WARN = "goes on, with a warning"
    RECONNECT = "connects again"
    WAIT = "waits, then connects again"
    STOP = "ends with this error"


class StreamRow(Struct, frozen=True):
    kind: str
    after: StreamAfter
    says: str
    hint: str
    next_step: str


_DATA_PLAN = "see the account's market data plan at Alpaca"

DATA_STREAM_ROWS: Mapping[int, StreamRow] = {
    400: StreamRow(
        "stream.invalid_syntax",
        StreamAfter.WARN,
        "The data server did not understand a message",
        "A symbol may be misspelt; the connection stays.",
        "check the symbols",
    ),
    401: StreamRow(
        "stream.not_authenticated",
        StreamAfter.RECONNECT,
        "the data server wants a log-in first",
        "The session was not authenticated in time.",
        "nothing to do",
    ),
    402: StreamRow(
        "auth.rejected",
        StreamAfter.STOP,
        "The data stream did not accept the API keys",
        "The key or secret is wrong, was regenerated, or belongs to the other environment.",
        "check the keys with `execbot doctor`",
    ),
    403: StreamRow(
        "stream.already_authenticated",
        StreamAfter.IGNORE,
        "The session was authenticated already",
        "Harmless.",
        "nothing to do",
    ),
    404: StreamRow(
        "stream.auth_timeout",
        StreamAfter.RECONNECT,
        "the log-in took too long",
        "The server waits ten seconds for the keys.",
        "nothing to do",
    ),
    405: StreamRow(
        "stream.symbol_limit",
        StreamAfter.WARN,
        "Too many symbols for the data plan; the earlier ones stay subscribed",
        "The free plan streams 30 symbols.",
        "watch fewer symbols",
    ),
    406: StreamRow(
        "stream.connection_limit",
        StreamAfter.WAIT,
        "another connection of this account holds the data stream (code 406)",
        "Usually one connection an endpoint is allowed.",
        "stop the other program",
    ),
    407: StreamRow(
        "stream.slow_client",
        StreamAfter.RECONNECT,
        "we read too slowly and were cut off (code 407)",
        "Too many symbols for this machine or network.",
        "watch fewer symbols",
    ),
    408: StreamRow(
        "stream.not_enabled",
        StreamAfter.STOP,
        "The account may not use this version of the data stream",
        "An old restriction of some accounts.",
        _DATA_PLAN,
    ),
    409: StreamRow(
        "stream.insufficient_subscription",
        StreamAfter.STOP,
        "The data plan does not include this feed",
        "The free plan has the iex feed; sip needs a paid plan.",
        "set broker.feed: iex in trading.yaml",
    ),
    410: StreamRow(
        "stream.invalid_subscription",
        StreamAfter.STOP,
        "This feed does not have what was subscribed to",
        "Crypto has no halts, for instance.",
        "subscribe to less",
    ),
    411: StreamRow(
        "stream.insufficient_scope",
        StreamAfter.STOP,
        "The keys may not read this stream",
        "Their scope does not include market data.",
        _DATA_PLAN,
    ),
    412: StreamRow(
        "stream.encoding",
        StreamAfter.STOP,
        "This feed speaks msgpack only",
        "Option feeds do; execbot does not read them.",
        "use a stock or crypto feed",
    ),
    413: StreamRow(
        "stream.all_symbols",
        StreamAfter.STOP,
        "This feed does not take all symbols at once",
        "Option quotes must be named.",
        "name the symbols",
    ),
    500: StreamRow(
        "stream.server_error",
        StreamAfter.RECONNECT,
        "the data server failed",
        "An error on Alpaca's side.",
        "nothing to do",
    ),
}
