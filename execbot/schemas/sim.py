"""Answers of the built-in exchange to those who look at it and steer it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from execbot.schemas.base import Day, Number, Output

ExchangeTime = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$",
        examples=["2026-11-20T15:04:05.123456789Z"],
        title="UTC time, up to nanoseconds",
    ),
]


class SimClock(Output):
    """The exchange's clock."""

    now: ExchangeTime
    """Its time."""
    now_ns: int
    """Nanoseconds since 1970."""
    mode: Literal["wall", "virtual"]
    """`wall` goes by itself, `virtual` stands until it is moved."""
    speed: Number
    """Times real time; 0 stands still."""


class MarginCall(Output):
    """Money that an account owes to its margin."""

    since: str
    """Since when."""
    amount: Number
    """USD."""
    due: str
    """When it must be met."""


class SimAccount(Output):
    """One account of the exchange: each key pair has one."""

    key: str
    """The API key."""
    account_id: str
    """The account's id."""
    cash: Number
    """USD."""
    equity: Number
    """USD."""
    open_orders: int
    """How many orders work."""
    positions: int
    """How many positions are held."""
    margin_call: MarginCall | None
    """The one that is open; null where none is."""
    frozen_until: Day | None
    """Until then nothing is bought on margin, after a call that was not met; else null."""


class SimStatus(Output):
    """The exchange: its clock, accounts, faults and streams."""

    time: ExchangeTime
    """Its time."""
    clock: SimClock
    """How its time goes."""
    seed: int
    """The same seed and the same requests give the same bytes."""
    calendar: Literal["always", "exchange"]
    """Open round the clock, or the real hours."""
    data: str | None
    """Folder or file of recorded prices; null for synthetic ones."""
    trade_through: bool
    """A print beyond a resting limit fills it at its limit."""
    scenario: str | None
    """The file of settings and faults that it began with; null without one."""
    accounts: list[SimAccount]
    """One for each key that was used."""
    faults: int
    """How many rules of faults are in force."""
    streams: list[Any]
    """Who listens."""
    last_seq: int
    """Number of the last event that was told."""
    down: bool
    """It answers no requests at the moment."""


class SimReset(Output):
    """The exchange began anew."""

    reset: bool
    """It did."""
    time: ExchangeTime
    """Its time now."""


class SimCash(Output):
    """An account after money came or went."""

    key: str
    """The API key."""
    cash: Number
    """USD."""


class SimHalt(Output):
    """Whether a symbol trades at the exchange."""

    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    halted: bool
    """It does not trade."""


class SimQuote(Output):
    """What the exchange shows of a symbol."""

    bid: Number
    """USD."""
    ask: Number
    """USD."""
    bid_size: Number
    """Shares or coins."""
    ask_size: Number
    """Shares or coins."""
    last: Number | None
    """USD; null before the first trade."""
    at: ExchangeTime
    """When it was quoted."""


class SimPrice(Output):
    """The price of a symbol at the exchange."""

    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    quote: SimQuote | None
    """Null while it has no price."""


class SimTraded(Output):
    """What of one symbol was traded."""

    bought: Number
    """Shares, coins or contracts."""
    sold: Number
    """Shares, coins or contracts."""


class SimRefused(Output):
    """An order that the exchange did not take."""

    status: int
    """HTTP."""
    message: str
    """What it said."""


class SimRunAccount(Output):
    """What one key pair has to show for a run."""

    account: str
    """The account's number."""
    orders: dict[str, int]
    """Status to how many orders, legs included."""
    traded: dict[str, SimTraded]
    """By symbol."""
    refused: list[SimRefused]
    """The first twenty orders that were not taken."""
    refused_count: int
    """How many were not."""
    positions: dict[str, Number]
    """Symbol to what is held at the end; negative: short."""
    equity: Number
    """USD."""
    cash: Number
    """USD."""
    profit: Number
    """USD, since the account was opened."""


class SimRun(Output):
    """How a bot's run against an exchange of its own has ended."""

    command: list[str]
    """What was run."""
    sealed: bool
    """No other network existed for it."""
    exit_code: int
    """The command's own, and that of `sim run`; 128 + N where signal N ended it."""
    run_seconds: Number
    """How long it ran."""
    accounts: list[SimRunAccount]
    """One for each key that was used."""


class SimServed(Output):
    """The one line of `sim serve --json`, printed when the exchange is open. No envelope."""

    rest: str
    """URL of the trading API."""
    stream: str
    """URL of the trade updates."""
    data: str
    """URL of the market data API."""
    data_stream: str
    """URL of the market data stream for stocks."""
    crypto_stream: str
    """URL of the market data stream for crypto."""
    option_stream: str
    """URL of the market data stream for option contracts (msgpack)."""
    control: str
    """URL of the control plane."""
    key: str
    """A key that is good; any pair is."""
    secret: str
    """The secret of that key."""
    pid: int
    """The process that serves."""
    authority: str | None = None
    """With --tls: the file of the authority that clients must trust."""
