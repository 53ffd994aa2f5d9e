"""What the market says of a symbol, and what may be done with it."""

from __future__ import annotations

from datetime import date
from typing import Literal

from execbot.market.sessions import Session
from execbot.schemas.base import Number, Output, Time


class QuotedContract(Output):
    """An option contract besides its quote; null where the broker leaves it out."""

    underlying: str
    """What it is on."""
    underlying_price: Number | None
    """Its last trade, USD."""
    expiry: date
    """The last day."""
    type: Literal["call", "put"]
    """The right."""
    strike: Number
    """USD a share."""
    open_interest: Number | None
    """Contracts, of the day before."""
    implied_volatility: Number | None
    """Of a year, 0.25 for 25 %."""
    delta: Number | None
    """A share."""
    gamma: Number | None
    """A share, for a dollar."""
    theta: Number | None
    """A share, for a day."""
    vega: Number | None
    """A share, for one point of volatility."""
    rho: Number | None
    """A share, for one point of interest."""


class Quote(Output):
    """One symbol now."""

    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    bid: Number | None
    """USD a share; null where nobody bids."""
    ask: Number | None
    """USD a share; null where nobody offers."""
    bid_size: Number | None
    """Shares or coins."""
    ask_size: Number | None
    """Shares or coins."""
    spread_bps: Number | None
    """Ask less bid in basis points of their middle; negative where they are crossed."""
    last: Number | None
    """The last trade, USD a share."""
    last_at: Time | None
    """When that was."""
    previous_close: Number | None
    """Of the session before the day of the last trade, USD a share."""
    change: Number | None
    """The last price less that close, USD a share."""
    change_pct: Number | None
    """The same in percent of that close."""
    atr: Number | None
    """Average true range over `stop_loss.atr_period` days, USD."""
    tick: Number | None
    """The smallest step of its price, USD."""
    session: Session
    """The part of the trading day."""
    is_open: bool
    """Orders may trade now."""
    halted: bool
    """As far as it is known."""
    halt_reason: str | None
    """Why it is halted; null where it is not."""
    halt_known: bool | None
    """A `watch` runs that would have heard of a halt; null for pairs, which are never halted."""
    tradable: bool
    """The broker takes orders."""
    fractionable: bool
    """Parts of a share may be bought."""
    shortable: bool
    """It may be sold short."""
    easy_to_borrow: bool
    """Without asking for the shares first."""
    marginable: bool
    """It may be bought on margin."""
    exchange: str
    """Where it is listed."""
    asset_class: str
    """`us_equity`, `crypto` or `us_option`."""
    name: str
    """The company, or the pair."""
    feed: str | None
    """`iex`, `sip`, `us`; null where the data plan decides."""
    quoted_at: Time | None
    """When bid and ask were set."""
    age_seconds: Number | None
    """How old they are."""
    option: QuotedContract | None
    """Of an option contract; null for all else, and where it cannot be read."""
