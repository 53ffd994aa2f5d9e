"""The answer of `report`: a day, or any span of days, in blocks."""

from __future__ import annotations

from typing import Literal

from execbot.exits.rules.view import Guarded
from execbot.schemas.base import Day, Number, Output, Time
from execbot.schemas.operation import daily_report
from execbot.schemas.statistics import EquityFigures, TradeFigures


class DayOfReport(Output):
    """One day of the span. Amounts are USD."""

    date: Day
    """A New York day on which something happened, or a session closed."""
    fills: int
    """Executions."""
    traded: Number
    """Bought and sold together."""
    realized_pl: Number
    """Before fees."""
    fees: Number
    """Charged on it."""
    net_pl: Number
    """Realized less fees."""
    equity: Number | None
    """At its close; null where nothing is known."""


class CashOfDay(Output):
    """The check of a day's cash against fills, flows and fees."""

    date: Day
    """The New York day."""
    verdict: Literal["confirmed", "differs", "unverified"]
    """What came of it."""
    change: Number
    """Of the account's cash, USD."""
    difference: Number
    """What nothing explains, USD."""
    why: str | None
    """What an unverified one waits for."""


class TradesOfReport(TradeFigures):
    """Figures of the trades that were closed in the span."""

    open_trades: int
    """Trades that are still open; in no figure."""
    best_trades: list[str]
    """Ids of the ten best ones that won, the best first."""
    worst_trades: list[str]
    """Ids of the ten worst ones that lost, the worst first."""


class EntriesFilled(Output):
    """Entries of ours that ended at the broker."""

    ended: int
    """How many there were."""
    whole: int
    """Filled whole."""
    part: int
    """Filled in part."""
    none: int
    """Did not fill at all."""
    fill_rate: Number | None
    """Share that filled, in part or whole."""
    filled_share: Number | None
    """Mean share of the quantity that filled."""


class CostOfGroup(Output):
    """What executions cost against their arrival: basis points, plus is worse, before fees."""

    group: str
    """What they have in common."""
    orders: int
    """Orders that filled."""
    measured: int
    """Those with an honest arrival price."""
    unmeasured_share: Number | None
    """The others, as a fraction."""
    mean_bps_by_notional: Number | None
    """Weighted by dollars at the arrival."""
    mean_bps_by_order: Number | None
    """Each order once."""
    median_bps: Number | None
    """Of the orders."""
    p95_bps: Number | None
    """By the nearest rank; null below 20 measured orders."""
    worst_bps: Number | None
    """Of one order."""
    usd: Number
    """All together, USD."""
    notional: Number
    """What was traded, measured or not, USD."""


class MissedEntries(Output):
    """Opportunity cost of entries that did not fill whole; plus is a gain missed."""

    orders: int
    """How many there were."""
    measured: int
    """Those whose price at the end is known."""
    usd: Number
    """All together, USD."""


class PriceLater(Output):
    """Where the price went after the fill; plus is on in the order's direction."""

    after_seconds: int
    """1, 60 or 300."""
    n: int
    """Orders."""
    mean_bps: Number
    """Each order once."""
    median_bps: Number
    """Of the orders."""


class TimeOfStep(Output):
    """How long one part of the way took, by the nearest rank."""

    name: str
    """`sent to acknowledged`, ..."""
    n: int
    """Orders; times to a fill are of marketable ones."""
    p50_ms: Number | None
    """Half of them took at most so long."""
    p95_ms: Number | None
    """Null below 20 orders."""
    worst_ms: Number | None
    """The slowest."""
    two_clocks: bool
    """Its ends are of two clocks: a few milliseconds may be wrong."""


class ExecutionOfReport(Output):
    """How well orders were executed."""

    sent: int
    """Orders of ours that were handed to the broker; legs with their parent."""
    taken: int
    """Those that it took."""
    rejected: int
    """It refused them, at once or later."""
    never_sent: int
    """Proven not to have reached it."""
    in_doubt: int
    """Nobody knows yet."""
    success_rate: Number | None
    """Taken of sent, as a fraction."""
    entries: EntriesFilled
    """How entries ended."""
    verdicts: dict[str, int]
    """Confirmations by verdict."""
    findings: dict[str, int]
    """What differs, by kind."""
    cost: CostOfGroup
    """Of all executions."""
    cost_by: dict[str, list[CostOfGroup]]
    """By class, symbol, strategy, hour of the decision (New York) and size in dollars."""
    effective_over_quoted: Number | None
    """Median over marketable orders: 1 paid the spread, below 1 was better."""
    effective_over_quoted_n: int
    """How many there were."""
    missed: MissedEntries
    """What did not fill."""
    later: list[PriceLater]
    """Did we chase?"""
    times: list[TimeOfStep]
    """From the signal to the last fill."""


class FailureOfReport(Output):
    """One cause of failures, and how they ended."""

    cause: str
    """The kind of the error."""
    category: str
    """`retryable`, `adjustable`, `fatal`, `waiting`."""
    failures: int
    """How many there were."""
    recovered: int
    """The order went out after all, or is queued."""
    lost: int
    """It was given up."""
    open: int
    """In doubt."""


class UncoveredInState(Output):
    """A symbol with shares that no stop at the broker covered."""

    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    state: Guarded
    """How the position stood meanwhile."""
    times: int
    """How often."""
    seconds: Number
    """How long in all."""
    share_minutes: Number
    """Shares times minutes."""


class StopsDue(Output):
    """Stops of ours that were due."""

    due: int
    """Filled, or rejected by the broker after it had them."""
    executed: int
    """Filled whole."""
    in_part: int
    """Filled in part."""
    rejected: int
    """Taken away by the broker."""
    expired: int
    """Ended unused: not due."""
    rate: Number | None
    """Executed of due, as a fraction."""


class ProtectionOfReport(Output):
    """How well shares were protected, as `watch` saw it."""

    share_minutes_without_stop: Number
    """Of shares whose promised stop the broker did not hold."""
    seconds_without_stop: Number
    """How long in all, over the symbols."""
    by_state: list[UncoveredInState]
    """States in which shares were uncovered, those without a plan included."""
    alarms: int
    """Of shares without a stop."""
    guard_changes: int
    """What all this rests on; 0: no `watch` was there."""
    stops: StopsDue
    """What became of stops."""


class LimitHit(Output):
    """A check of ours that refused orders."""

    rule: str
    """Its name, as in `submit --dry-run`."""
    times: int
    """Orders; one that broke several rules is counted in each."""
    symbols: list[str]
    """Whose they were."""
    last_at: Time
    """The last time."""


class HaltOfReport(Output):
    """The kill switch was raised."""

    level: str
    """`entries` or `all`."""
    by: str
    """`trader`, or the check."""
    reason: str | None
    """In words."""
    since: Time
    """When it was raised."""
    until: Time | None
    """When it was lifted or changed; null: not in this span."""


class LimitsOfReport(Output):
    """What our own checks stopped."""

    refused: int
    """Orders."""
    hits: list[LimitHit]
    """By rule, the most frequent first."""
    halts: list[HaltOfReport]
    """In their order."""


class GapOfWatch(Output):
    """Market hours in which no `watch` took a sample."""

    since: Time
    """From then on."""
    until: Time
    """Until then."""


class StreamLoss(Output):
    """The stream of trade updates was lost."""

    since: Time
    """When it was noticed."""
    until: Time | None
    """When it was back; null: not in this span."""
    reason: str | None
    """In words."""


class OperationOfReport(Output):
    """How `watch` did in market hours."""

    session_minutes: Number
    """How long the sessions were until now, from the first entry of the journal on."""
    watched_minutes: Number | None
    """How much of it was watched, by the minute; null: no `watch` ran."""
    uptime: Number | None
    """The one over the other."""
    gaps: list[GapOfWatch]
    """What was missed."""
    stream_losses: list[StreamLoss]
    """In their order."""
    alarms: dict[str, int]
    """By kind."""
    critical_alarms: int
    """Those that money was at risk in."""
    stream_messages: int
    """Whose pace was counted."""
    signals: int
    """Received."""
    signals_in_busiest_minute: int
    """The most within 60 seconds."""


class ScorecardLine(Output):
    """One requirement."""

    name: str
    """`execution success`, `mean slippage`, ..."""
    goal: str
    """What it asks for."""
    figure: Number | None
    """What was measured, in `unit`; null: nothing."""
    unit: str | None
    """`%`, `ms`, `a minute`."""
    n: int
    """Observations: orders, executions, minutes, ..."""
    judged: Literal["met", "not_met", "no_basis"]
    """`no_basis`: what there is does not tell."""
    basis: str
    """What it rests on, in words."""


class Report(daily_report.Report):
    """What a day, or a span of days, amounted to. `orders`, `fills` and all amounts are the whole
    span's."""

    date: Day
    """The day; of a longer span its first one."""
    first: Day
    """The first day."""
    last: Day
    """The last one, included."""
    notes: list[str]
    """What to know of the days: closed, to come, not over."""
    sessions: int
    """Sessions of the exchange in them."""
    days: list[DayOfReport]
    """Day by day."""
    cash_days: list[CashOfDay]
    """Checks of each day's cash."""
    equity: EquityFigures | None
    """Null where no session is known."""
    trades: TradesOfReport
    """Round trips."""
    execution: ExecutionOfReport
    """Quality of execution."""
    failures: list[FailureOfReport]
    """By cause, the most frequent first."""
    protection: ProtectionOfReport
    """Shares without a stop, and stops that were due."""
    limits: LimitsOfReport
    """Orders that our own checks refused, and halts."""
    operation: OperationOfReport
    """Uptime, stream, alarms."""
    scorecard: list[ScorecardLine]
    """The requirements, one by one."""
    written: list[str]
    """Files that were written, by `--html`, `--csv` and `--parquet`."""
