"""Option chains, contracts that are held together, exercise."""

from __future__ import annotations

from datetime import date
from typing import Literal

from execbot.exits.rules.view import Guarded
from execbot.schemas.base import Number, Output, Time


class ChainLink(Output):
    """One contract of a chain."""

    symbol: str
    """As orders write it: `AAPL261218C00250000`."""
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
    bid: Number | None
    """USD a share; null where nobody bids."""
    ask: Number | None
    """USD a share; null where nobody offers."""
    bid_size: Number | None
    """Contracts."""
    ask_size: Number | None
    """Contracts."""
    last: Number | None
    """The last trade, USD a share."""
    last_at: Time | None
    """When that was."""
    quoted_at: Time | None
    """The quote's own time."""
    implied_volatility: Number | None
    """Of a year, 0.25 for 25 %; null where the broker leaves it out."""
    delta: Number | None
    """A share; the greeks are null on the day of expiry and of most far strikes."""
    gamma: Number | None
    """A share, for a dollar."""
    theta: Number | None
    """A share, for a day."""
    vega: Number | None
    """A share, for one point of volatility."""
    rho: Number | None
    """A share, for one point of interest."""
    open_interest: Number | None
    """Contracts, of the day before."""
    tradable: bool
    """The broker takes orders."""
    feed: str | None
    """`opra` is the market, `indicative` is modelled."""


class Expiry(Output):
    """A day on which contracts expire."""

    underlying: str
    """What they are on."""
    expiry: date
    """The day."""
    contracts: int
    """How many are listed around the price."""


class HeldLeg(Output):
    """One contract of a structure."""

    symbol: str
    """The contract."""
    qty: Number
    """Contracts, negative where they are sold."""
    avg_entry_price: Number | None
    """USD a share."""
    current_price: Number | None
    """USD a share."""


class StructureExits(Output):
    """Levels that a running `watch` keeps."""

    plan_id: str
    """The plan."""
    legs: list[str]
    """The contracts that it closes together."""
    units: Number | None
    """So many units alone; null: all that are held."""
    stop_net: Number | None
    """Net price of one unit, signed: below 0 for what was sold."""
    target_net: Number | None
    """Net price of one unit, signed."""
    underlying_stop: Number | None
    """Price of the underlying."""
    held_by: Literal["watch"]
    """No broker holds such exits."""


class Structure(Output):
    """What is held of one underlying's contracts."""

    underlying: str
    """What they are on."""
    units: Number
    """Whole structures."""
    legs: list[HeldLeg]
    """By symbol."""
    net_entry_price: Number | None
    """What one unit cost a share; below 0 where it brought money in."""
    net_price: Number | None
    """What one unit is worth a share."""
    unrealized_pl: Number | None
    """USD."""
    max_loss: Number | None
    """USD; null where the loss has no end, or is not known."""
    exits: StructureExits | None
    """Null where none are in force."""
    guarded: Guarded
    """How it is protected now: as the contract of it is that stands worst."""
    missing: str | None
    """Which protection was promised to it and is not there, in words."""


class Exercise(Output):
    """What the broker was told."""

    symbol: str
    """The contract."""
    outcome: Literal["accepted"]
    """The broker has taken it."""
    abandoned: bool
    """It is to expire and not to be exercised."""
    qty: Number
    """Contracts."""
    shares: Number | None
    """Shares that come (plus) or go; null for what is abandoned."""
    cash: Number | None
    """USD, negative where it is paid; null for what is abandoned."""
