"""Answers of `trades`: round trips, their legs, lots and parts."""

from __future__ import annotations

from typing import Literal

from execbot.schemas.base import Number, Output, Time


class SplitOfTrade(Output):
    """A split while the trade was open."""

    at: Time
    """When it was booked."""
    ratio: Number
    """New shares for one old share."""


class Levels(Output):
    """Stop and targets of a plan."""

    stop: str | None
    """A price, or as it was asked for (`2%`)."""
    trail: str | None
    """By how much the stop follows: `1%`, `2USD`, `3ATR`."""
    targets: list[str]
    """Prices, or as they were asked for; `-` where one has none yet."""


class SideCost(Output):
    """What the orders of one side cost against their arrival, before fees; plus is worse."""

    bps: Number | None
    """Basis points of what was worth at the arrival; null where nothing was measured."""
    usd: Number | None
    """Dollars."""
    measured: int
    """Orders with an honest arrival price."""
    orders: int
    """All orders of that side."""


class LegOfTrade(Output):
    """A contract of a structure, or shares that its contracts have delivered. Amounts are USD."""

    symbol: str
    """The contract, or the underlying."""
    trade_id: str
    """What it would be called as a trade of its own."""
    side: Literal["long", "short"]
    """Which way it was opened."""
    ratio: Number | None
    """Contracts of one unit, below 0 for sold ones; null for shares."""
    entered_qty: Number
    """All contracts that were opened."""
    exited_qty: Number
    """All that were closed, or ended."""
    qty: Number
    """What is still held, signed."""
    entry_price: Number
    """A share."""
    exit_price: Number | None
    """A share; 0 for what ended worthless or was delivered."""
    closed_at: Time | None
    """When the last one went; null while some are held."""
    gross_pl: Number
    """Realized, before fees."""
    fees: Number | None
    """As far as known."""
    net_pl: Number
    """Gross less the fees that are known."""


class TradeOfList(Output):
    """A round trip from flat to flat, at average cost. Amounts are USD. Contracts that stood
    together are one trade: it counts units, and its prices are net prices of one unit a share."""

    id: str
    """What it is called: the symbol, and a word that follows from the order that opened it."""
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`, an option contract; of a structure its underlying."""
    asset_class: str
    """`us_equity`, `crypto`, `us_option`."""
    side: Literal["long", "short"]
    """Which way it was opened; a structure that brought money in is `short`."""
    opened_at: Time
    """Its first execution, by the broker's clock."""
    closed_at: Time | None
    """Its last one; null while it is open."""
    held_seconds: int | None
    """From the first to the last execution; null while it is open."""
    entered_qty: Number
    """All that was opened, in shares of the end: a split counts."""
    exited_qty: Number
    """All that was closed."""
    qty: Number
    """What is still held, signed."""
    peak_qty: Number
    """The most that was held."""
    entry_price: Number
    """The average of all that was opened, in shares of the end."""
    exit_price: Number | None
    """The average of all that was sold (of a short: bought back)."""
    gross_pl: Number
    """Realized by average cost, before fees."""
    gross_pl_fifo: Number
    """The same, first in, first out: equal once the trade is closed."""
    fees: Number | None
    """As far as known; null where nothing is known."""
    fees_estimated: bool
    """Shares of what a day was charged are in it."""
    net_pl: Number
    """Gross less the fees that are known."""
    splits: list[SplitOfTrade]
    """Splits while it was open."""
    entry_net: Number | None
    """Of a structure: what one unit cost a share; below 0 what it brought."""
    exit_net: Number | None
    """What one unit was left at, signed likewise; what was delivered is counted."""
    legs: list[LegOfTrade]
    """Of a structure; empty for any other trade."""
    strategy_id: str | None
    """Whose trade it was."""
    strength: Number | None
    """Of the signal that opened it."""
    r: Number | None
    """Net by what was at risk at the entry; null where that is not known, and while it is open."""
    risk_usd: Number | None
    """What was at risk: each share to the stop that stood when it was bought; of a structure, and
    of contracts without a stop, the most that could be lost."""
    risk_stop: Number | None
    """The first stop."""
    risk_from: Literal["entry", "later", "max_loss"] | None
    """`later`: the first stop was given after the entry had filled; `max_loss`: the most that
    could be lost."""
    reason: str | None
    """Why it ended: `stop`, `target 1`, `trailing`, `time`, `close_of_day`, `signal`, `by_hand`,
    `flatten`, `elsewhere`, `liquidation` (the broker closed a contract on its last day), `expired`,
    `exercised`, `assigned`, `delivered`, `before_expiry`, `corporate_action`, `transfer`,
    `adjusted`, `unknown`."""
    reasons: list[str]
    """All ways its shares were closed, with how many, the last one last: `target 1:50`."""
    asked: Levels
    """As they were asked for."""
    stood: Levels
    """Where they stood at the end."""
    worst_price: Number | None
    """The worst price that was seen while it was open; there may have been worse ones."""
    best_price: Number | None
    """The best one."""
    worst_r: Number | None
    """The worst price in R."""
    best_r: Number | None
    """The best price in R."""
    excursion_from: Literal["watch", "1-minute bars", "1-day bars", "own fills"] | None
    """Whose prices these are."""
    cost_in: SideCost
    """Of its entries."""
    cost_out: SideCost
    """Of its exits."""
    plan_ids: list[str]
    """Its exit plans."""


class LotOfTrade(Output):
    """Shares that one execution opened and another closed, first in, first out."""

    symbol: str
    """The trade's."""
    side: Literal["long", "short"]
    """The trade's."""
    qty: Number
    """In shares as they were at the closing."""
    opened_at: Time
    """The older execution."""
    closed_at: Time
    """The younger one."""
    price_in: Number
    """What they cost a share, after splits."""
    price_out: Number
    """What they brought a share; where nothing was sold, their cost."""
    gross_pl: Number
    """Before fees."""
    fees: Number
    """Their part of both executions' fees, as far as known."""
    fees_estimated: bool
    """Shares of what a day was charged are in it."""
    net_pl: Number
    """Gross less fees."""
    is_sale: bool
    """False: they left without a sale, which realizes nothing."""
    trade_id: str
    """The trade's id."""
    execution_in: str
    """The older execution's id."""
    execution_out: str
    """The younger one's."""


class PartOfTrade(Output):
    """What one execution did to the trade."""

    execution_id: str
    """The broker's, or the journal's own."""
    symbol: str | None
    """The contract, in the trade of a structure; else the trade's."""
    client_order_id: str | None
    """The order; null for what belongs to none."""
    at: Time
    """When, by the broker."""
    side: Literal["buy", "sell"]
    """Which way."""
    qty: Number
    """The trade's part of it: a flip is a part of two trades."""
    price: Number
    """What was paid or got."""
    opens: bool
    """It made the position larger."""
    is_trade: bool
    """False: shares came or went without a price being paid."""
    held: Number
    """What was held after it, signed."""
    gross_pl: Number
    """What it realized."""
    fee: Number | None
    """Null where none is known."""
    fee_estimated: bool
    """A share of what a day was charged."""
    booked_as: str | None
    """The journal's word for what belongs to no order: `split`, `renamed`, `opexp`."""


class TradeShown(TradeOfList):
    """One trade in full."""

    parts: list[PartOfTrade]
    """Its executions, oldest first."""
    lots: list[LotOfTrade]
    """Its lots, in the order in which they were closed."""


# --- statistics --------------------------------------------------------------------------------
