"""Answers of the commands that look after the account: brake, switch, queue, reports, checks."""

from __future__ import annotations

from typing import Literal

from execbot.journal.records import FillState
from execbot.market.queue import QueueAction
from execbot.market.sessions import Session
from execbot.model.enums import ErrorCategory, Outcome, Side
from execbot.risk.kill_switch import Level
from execbot.schemas.base import Day, Number, Output, Slug, Time
from execbot.schemas.errors import ConfigProblem
from execbot.schemas.orders import OrderRecord


class NotCanceled(OrderRecord):
    """An order that was to be canceled and is not."""

    error: str
    """Why: the broker's word, `not ended yet` or `in doubt`."""


class Unprotected(Output):
    """A position that is left without a stop."""

    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    qty: Number
    """Shares held, signed."""
    uncovered_qty: Number
    """Shares without a stop."""


class CanceledAll(Output):
    """What the emergency brake did."""

    canceled: list[OrderRecord]
    """Orders that are canceled now."""
    filled: list[OrderRecord]
    """Orders whose fill was faster than the cancel."""
    failed: list[NotCanceled]
    """Orders that are not: look at them."""
    unprotected: list[Unprotected]
    """Positions that are left without a stop."""
    recorded: bool
    """What was done is in the journal."""


class KillSwitch(Output):
    """Whether entries are stopped."""

    level: Level
    """Whether entries are stopped, and how strictly."""
    reason: str
    """Why, in words; may be empty."""
    by: str
    """`trader`, or the rule that tripped it."""
    at: Time | None
    """Since when; null when it is off."""


class ClosedByHalt(Output):
    """A position that `halt --flatten` closes."""

    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    qty: Number
    """Shares, without a sign."""
    client_order_id: str | None
    """The closing order; null where nothing was left to close."""
    outcome: Outcome
    """What became of the closing order."""


class HaltFailure(Output):
    """Something that a halt was asked for and could not do."""

    error: str
    """What could not be done, for people."""
    symbol: str | None = None
    """The position that could not be closed."""
    client_order_id: str | None = None
    """The order that could not be canceled."""


class Halted(KillSwitch):
    """The switch as it is now, and what was done beside."""

    changed: bool
    """False: it stood like this before."""
    canceled: list[str]
    """client_order_ids of entries that were canceled."""
    closed: list[ClosedByHalt]
    """Positions that are being closed."""
    failed: list[HaltFailure]
    """What could not be done."""
    recorded: bool
    """The halt is in the journal: false means that other processes do not know of it."""


class Resumed(Output):
    """Entries are allowed again."""

    level: Literal["off"]
    """Entries are allowed."""
    before: KillSwitch
    """The switch as it was."""


class QueuedOrder(OrderRecord):
    """An order that is kept for the open."""

    due: QueueAction
    """What `queue release` would do with it now."""
    waits_for: str
    """Why, in words."""
    expires_at: Time | None
    """When it is dropped."""


class Released(Output):
    """What became of a queued order."""

    client_order_id: str
    """Our id of the order, or that of whoever placed it."""
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    action: QueueAction
    """What was done with it."""
    outcome: Outcome
    """What became of the order."""
    reason: str
    """Why, in words."""
    error_kind: Slug | None
    """Why it could not be sent; null when nothing went wrong."""


class Break(Output):
    """A difference between journal and broker that could not be explained."""

    kind: Slug
    """What differs."""
    subject: str
    """The order or the symbol."""
    ours: str
    """What the journal says."""
    theirs: str
    """What the broker says."""
    cause: str
    """The likely cause, for people."""
    hint: str
    """What to do, for people."""


class Difference(Output):
    """A quantity that was taken over from the broker."""

    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    ours: Number
    """Shares by the sum of the fills, signed."""
    theirs: Number
    """Shares by the broker, signed."""


class Reconciled(Output):
    """How journal and broker were brought together."""

    breaks: list[Break]
    """What stays unexplained; empty is good."""
    settled: list[OrderRecord]
    """Orders in doubt whose fate is known now."""
    adopted_orders: list[OrderRecord]
    """Orders that were placed elsewhere."""
    adopted_positions: list[Difference]
    """Positions from before the journal began."""
    adjusted_positions: list[Difference]
    """Quantities that were accepted by hand."""
    orders_checked: int
    """How many orders were compared."""
    positions_checked: int
    """How many positions were compared."""
    fills_added: int
    """How many executions were new to the journal."""
    inferred_fills: list[str]
    """Execution ids of fills that were concluded and not reported yet."""
    notes: list[str]
    """What was booked, for people."""


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
    """Where it is known, USD or coins."""
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
    unrealized_pl: Number | None
    """USD; null without a price."""


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
    outcomes: dict[Outcome, int]
    """How many orders ended how."""
    bought: Number
    """USD."""
    sold: Number
    """USD."""
    fees: Number | None
    """USD, as far as they are known; null when none is."""
    realized_pl: Number
    """USD before fees."""
    unrealized_pl: Number | None
    """USD; null where a price is missing."""
    slippage_bps: Number | None
    """Average, weighted by what was traded, basis points; positive was worse for us."""
    fill_rate_pct: Number | None
    """Filled of what was asked for, percent."""
    in_doubt: list[str]
    """client_order_ids of orders whose outcome is unknown."""
    recovery: Recovery
    """What became of failures."""


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


class Examined(Output):
    """What one check of `doctor` found."""

    check: str
    """What was looked at."""
    status: Literal["OK", "WARN", "FAIL", "SKIP"]
    """How it stands; `SKIP` could not be looked at."""
    detail: str
    """What was found, for people."""
    next: str
    """What to do, for people; empty when there is nothing to do."""


class Health(Output):
    """Is everything in place to trade."""

    healthy: bool
    """Nothing failed; there may be warnings."""
    checks: list[Examined]
    """One row or more for each check."""


class ConfigValue(Output):
    """One key of the configuration."""

    key: str
    """Dotted: `risk.max_daily_orders`."""
    value: str
    """As it could stand in trading.yaml."""
    source: str
    """`default`, file and line, or the variable that set it."""


class Config(Output):
    """Every key with its value and where that came from."""

    path: str | None
    """The file in use; null when there is none."""
    mode_source: str | None
    """Who chose the mode; null where the choice is refused."""
    credentials: str | None
    """Where the API keys come from; never the keys."""
    values: list[ConfigValue]
    """Every key, in the order of the file."""
    problem: str | None = None
    """Why the configuration cannot be used for trading as it is."""


class LoosenedLimit(Output):
    """One limit that holds back less than before."""

    key: str
    """Dotted name of the key."""
    before: str | int | bool | list[str] | None
    """What ruled the account's last entry; null: no limit."""
    now: str | int | bool | list[str] | None
    """What rules from now on."""


class ConfigAdopted(Output):
    """The limits of this configuration rule the account from now on."""

    loosened: list[LoosenedLimit]
    """Those that are looser than before; empty where none is."""


class ConfigChecked(Output):
    """The configuration is valid."""

    path: str | None
    """The file in use; null when there is none."""
    mode_source: str
    """Who chose the mode."""
    credentials: str
    """Where the API keys come from; never the keys."""
    problems: list[ConfigProblem]
    """Empty: with problems the command fails and the error has them."""


class ConfigWritten(Output):
    """A new trading.yaml."""

    path: str | None
    """The file that was written; null with `--print`."""
    text: str | None = None
    """With `--print`: what would have been written."""
