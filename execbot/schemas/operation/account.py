"""Answers of `market` and `account`."""

from __future__ import annotations

from execbot.market.sessions import Session
from execbot.schemas.base import Day, Number, Output, Time
from execbot.schemas.operation.emergency import KillSwitch


class MarketState(Output):
    """Whether a market is open."""

    is_open: bool
    """Regular trading is on."""
    session: Session
    """The part of the day."""
    never_closes: bool
    """It trades round the clock."""
    next_open: Time | None
    """When it opens next; null when it never closes."""
    next_close: Time | None
    """When it closes next; null when it never closes."""
    early_close: bool
    """Today it closes early."""
    trading_day: Day | None
    """The day that this session belongs to."""
    disagreement: str | None
    """Where our calendar and the broker's clock differ, in words."""


class Holiday(Output):
    """A day on which stocks do not trade, or close early."""

    date: Day
    """The day."""
    closes: str | None
    """New York time of an early close (`13:00`); null when it is closed all day."""


class TradingHalt(Output):
    """A symbol that does not trade now."""

    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    since: Time
    """Since when."""
    reason: str
    """Halt code of the tape."""


class Market(Output):
    """Open or closed, and what is ahead."""

    at: Time
    """The broker's time."""
    eastern: str
    """The same in New York, for people."""
    stocks: MarketState
    """Shares and ETFs."""
    crypto: MarketState
    """Pairs."""
    holidays: list[Holiday]
    """The next ones, soonest first."""
    halts: list[TradingHalt]
    """As far as they are known."""
    calendar: str
    """Where our calendar comes from."""


class DayFigures(Output):
    """What the day has made so far."""

    date: Day
    """Of New York."""
    profit: Number | None
    """What equity moved since the last close less `flows`, USD; fees that the broker has charged
    are out of it. Null while equity is not known."""
    profit_pct: Number | None
    """The same in percent of the last close's equity and what came since: the base of `stats`. Null
    where nothing was there."""
    flows: Number
    """Cash and securities that came (plus) or went (minus) since the last close, USD."""
    fees: Number | None
    """What the broker has charged for the day, USD; null while no fee is known."""


class LimitUsed(Output):
    """How far a limit of the account is used."""

    name: str
    """Its key in trading.yaml."""
    used: Number | None
    """As it stands; null while it is not known, and without a limit."""
    limit: Number | None
    """Null: there is none."""
    left: Number | None
    """What is left of it."""


class Margin(Output):
    """What positions bind."""

    multiplier: Number | None
    """1 in a cash account, 2 or 4 with margin."""
    initial: Number | None
    """USD that open positions need to be opened."""
    maintenance: Number | None
    """USD that they need to be kept."""
    excess: Number | None
    """Equity above `maintenance`, USD; below 0 there is a margin call."""


class ContractsHeld(Output):
    """The contracts of one underlying, all together. USD, the multiplier counted."""

    underlying: str
    """What they are on."""
    long: Number
    """Contracts that were bought."""
    short: Number
    """Contracts that were sold."""
    cost: Number | None
    """What was paid, below 0 what came in; null where it is not known."""
    market_value: Number | None
    """Below 0 where buying them back costs more than the others bring; null without a price."""
    max_loss: Number | None
    """The most that they can lose at what they have cost; null without an end, or not known."""


class AccountState(Output):
    """What the account is worth, and how far its limits are used."""

    account_number: str
    """The broker's number."""
    status: str
    """The broker's word: `ACTIVE`."""
    equity: Number | None
    """USD."""
    equity_known: bool
    """It fits what the account holds; else entries are refused."""
    last_equity: Number | None
    """At the last close, USD."""
    cash: Number | None
    """USD."""
    buying_power: Number | None
    """USD, with margin."""
    non_marginable_buying_power: Number | None
    """USD for coins and what else has no margin."""
    day: DayFigures
    """What today has made."""
    open_pl: Number | None
    """Of all positions at current prices, USD; null where one has no price."""
    exposure: Number
    """Positions, long and short, and entries that may still fill, USD. Contracts count a
    hundredfold, with a sold one among them by what they are worth and the collateral behind."""
    contracts: list[ContractsHeld]
    """By underlying."""
    long_market_value: Number | None
    """USD."""
    short_market_value: Number | None
    """USD, below 0."""
    limits: list[LimitUsed]
    """Those of the whole account."""
    margin: Margin
    """What positions bind."""
    blocked: list[str]
    """What the broker has blocked: `trading_blocked`, `account_blocked`, ..."""
    kill_switch: KillSwitch
    """What stops entries here."""
    market: MarketState
    """Of stocks."""
    halts: list[TradingHalt]
    """As far as they are known."""
