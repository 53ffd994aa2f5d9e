"""The answer of `report`: a day's orders, fills, positions and recoveries."""

from __future__ import annotations

from execbot.exits.rules.view import Guarded
from execbot.journal.records import FillState
from execbot.model.enums import ErrorCategory, Outcome, Side
from execbot.schemas.base import Day, Number, Output, Time
from execbot.schemas.operation.account import ContractsHeld
from execbot.schemas.operation.emergency import Unprotected
from execbot.schemas.orders import OrderRecord


class ReportOrder(OrderRecord):
    """An order of the day."""

    slippage_bps: Number | None
    """Basis points of the arrival price; positive was worse for us."""


class ReportFill(Output):
    """An execution of the day, as it stands."""

    execution_id: str
    """The broker's id; ours where the fill was inferred."""
    client_order_id: str
    """Our id of the order, or that of whoever placed it."""
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    side: Side
    """Which way it trades."""
    qty: Number
    """Shares or coins."""
    price: Number
    """USD a share."""
    fee: Number | None
    """What it cost, USD, coins at the price of their purchase; null while it is not known."""
    fee_estimated: bool
    """Its share of what the whole day was charged."""
    at: Time
    """When it was executed."""
    state: FillState
    """How it came to be in the books."""


class ReportPosition(Output):
    """A symbol that was held or traded on the day."""

    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    qty: Number
    """Shares held at its end, signed."""
    avg_entry_price: Number | None
    """USD a share."""
    current_price: Number | None
    """USD a share."""
    realized_pl: Number
    """USD of the day before fees."""
    fees: Number | None
    """What the day's fills in it cost, USD; null while no fee is known."""
    fees_estimated: bool
    """Part of it is a share of what the whole day was charged."""
    net_pl: Number
    """`realized_pl` less `fees`, USD."""
    unrealized_pl: Number | None
    """USD; null without a price."""
    guarded: Guarded | None
    """How it is protected now; null for a day that is over, and where nothing is held."""


class RecoveryCount(Output):
    """How failures of one category ended."""

    category: ErrorCategory
    """What kind of failures."""
    failures: int
    """How many there were."""
    recovered: int
    """In the end it worked."""
    lost: int
    """In the end it did not."""
    open: int
    """Not decided yet."""
    rate: Number | None
    """Recovered as a fraction of what had ended; null when nothing has."""


class Recovery(Output):
    """What became of failures."""

    rate: Number | None
    """Over all categories; null when nothing has ended."""
    by_category: list[RecoveryCount]
    """One row for each category that occurred."""


class Report(Output):
    """What a trading day amounted to."""

    date: Day
    """The trading day."""
    orders: list[ReportOrder]
    """Orders of the day, newest first."""
    fills: list[ReportFill]
    """Executions of the day, oldest first."""
    positions: list[ReportPosition]
    """Symbols held or traded on the day."""
    contracts: list[ContractsHeld]
    """Option contracts held now, by underlying; empty for days that are over."""
    outcomes: dict[Outcome, int]
    """How many orders ended how."""
    bought: Number
    """USD."""
    sold: Number
    """USD."""
    fees: Number | None
    """All that the day was charged, USD; null while no fee is known."""
    fees_by_kind: dict[str, Number]
    """The same by kind: `REG`, `TAF`, `CAT`, `CFEE`, ..."""
    realized_pl: Number
    """USD before fees."""
    net_pl: Number
    """`realized_pl` less `fees`, USD."""
    unrealized_pl: Number | None
    """USD; null where a price is missing."""
    slippage_bps: Number | None
    """Average, weighted by what was traded, basis points; positive was worse for us."""
    fill_rate_pct: Number | None
    """Filled of what was asked for, percent."""
    in_doubt: list[str]
    """client_order_ids of orders whose outcome is unknown."""
    unprotected: list[Unprotected]
    """Positions without the protection that their plan or the configuration promises; of today."""
    recovery: Recovery
    """What became of failures."""
