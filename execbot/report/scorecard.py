"""The requirements as figures: each with what it rests on, and whether it was met. Pure.

A figure without a basis is never met: where no `watch` ran nobody knows how it would have done, and
on `sim` and `paper` fills are made up from the quote, so slippage measures nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from execbot.journal.confirmation import OrderKind
from execbot.report.audit_trail import AuditTrail
from execbot.report.costs import CostRow, TimeRow
from execbot.report.executions import Executions
from execbot.report.operation import Operation
from execbot.report.protection import ProtectionReport
from execbot.report.recoveries import RecoveryCount, overall_rate

PERCENT = Decimal(100)

UPDATE_MS, LATENCY_MS, MESSAGE_MS = 50, 100, 10
CLOCKS_MS = 5
"""So far two clocks that are kept by the net may well be apart."""

SIGNALS_A_MINUTE = 100


class Judged(StrEnum):
    MET = "met"
    NOT_MET = "not_met"
    NO_BASIS = "no_basis"


class Line(Struct, frozen=True):
    """One requirement. `figure` is in `unit`; None where there is none. `n` observations."""

    name: str
    goal: str
    figure: Decimal | None
    unit: str
    n: int
    judged: Judged
    basis: str


class Basis(Struct, frozen=True):
    """All that the scorecard is made of. `real_fills`: an account with real money."""

    executions: Executions
    recoveries: Sequence[RecoveryCount]
    protection: ProtectionReport
    operation: Operation
    trail: AuditTrail
    real_fills: bool


def scorecard(basis: Basis) -> list[Line]:
    return [
        _success(basis),
        _slippage(basis),
        _position_tracking(basis),
        _stops(basis),
        _uptime(basis),
        _recovery(basis),
        _unasked(basis),
        _audit(basis),
        _latency(basis),
        _updates(basis),
        _messages(basis),
        _signals(basis),
    ]


def _line(
    name: str,
    goal: str,
    figure: Decimal | None,
    unit: str,
    n: int,
    met: bool,
    basis: str,
    *,
    no_basis: str = "",
) -> Line:
    """`no_basis` says why there is none, however good the figure looks."""
    if no_basis or figure is None or not n:
        return Line(name, goal, figure, unit, n, Judged.NO_BASIS, no_basis or basis)
    return Line(name, goal, figure, unit, n, Judged.MET if met else Judged.NOT_MET, basis)


def _percent(share: Decimal | None) -> Decimal | None:
    return None if share is None else share * PERCENT


def _success(basis: Basis) -> Line:
    found = basis.executions.success
    share = found.rate
    why = (
        f"orders of ours handed to the broker: {found.rejected} rejected, "
        f"{found.never_sent} never reached it, {found.in_doubt} in doubt"
    )
    met = share is not None and share > Decimal("0.95")
    return _line("execution success", "> 95 %", _percent(share), "%", found.sent, met, why)


def _slippage(basis: Basis) -> Line:
    row = basis.executions.all
    mean = None if row.by_order is None else row.by_order / PERCENT
    market = basis.executions.of_class(OrderKind.MARKETABLE)
    words = [
        f"mean by order; by notional {_bps(row.by_notional)}, median {_bps(row.median)}",
        f"95th percentile {_bps(row.p95)}, marketable only {_bps(_mean(market))}",
        f"{row.unmeasured} of {row.orders} not measured",
    ]
    why = "; ".join(words)
    no = "" if basis.real_fills else f"no measure: fills of sim and paper are made up; {why}"
    met = mean is not None and mean < Decimal("0.1")
    return _line("mean slippage", "< 0.1 %", mean, "%", row.measured, met, why, no_basis=no)


def _mean(row: CostRow | None) -> Decimal | None:
    return None if row is None else row.by_order


def _bps(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:z.2f} bps"


def _position_tracking(basis: Basis) -> Line:
    found = basis.executions
    alarms = basis.operation.alarms.get("position_differs", 0)
    share = Decimal(found.tracked - found.mistracked) / found.tracked if found.tracked else None
    why = (
        "executions whose quantity the broker's own position confirmed; "
        f"{found.all.orders - found.tracked} not verified, {alarms} alarms of a difference"
    )
    met = not found.mistracked and not alarms
    return _line("position tracking", "100 %", _percent(share), "%", found.tracked, met, why)


def _stops(basis: Basis) -> Line:
    found = basis.protection.stops
    why = f"{found.whole} filled whole, {found.part} in part, {found.rejected} rejected"
    met = found.due == found.whole and not basis.protection.alarms
    if basis.protection.alarms:
        why += f"; {basis.protection.alarms} alarms of shares without a stop"
    no = "" if found.due else "no stop was due"
    rate = _percent(found.rate)
    return _line("stop execution", "100 %", rate, "%", found.due, met, why, no_basis=no)


def _uptime(basis: Basis) -> Line:
    found = basis.operation
    share = found.uptime
    minutes = found.open_for.total_seconds() / 60
    why = f"what each run told of the time before it, and a sample a minute: {len(found.gaps)} gaps"
    no = ""
    if not found.open_for:
        no = "no session"
    elif not found.sampled:
        no = "no watch ran"
    met = share is not None and share > Decimal("0.999")
    return _line(
        "uptime in market hours",
        "> 99.9 %",
        _percent(share),
        "%",
        int(minutes),
        met,
        why,
        no_basis=no,
    )


def _recovery(basis: Basis) -> Line:
    rate = overall_rate(basis.recoveries)
    n = sum(c.recovered + c.lost for c in basis.recoveries if c.category != "fatal")
    share = None if rate is None else Decimal(repr(rate)) * PERCENT
    why = "failures that could be recovered from, by episode"
    met = share is not None and share > 80
    no = "" if n else "nothing failed that could be recovered from"
    return _line("recovery", "> 80 %", share, "%", n, met, why, no_basis=no)


def _unasked(basis: Basis) -> Line:
    found = basis.trail
    why = f"orders of ours without a wish on record; {found.foreign} placed elsewhere are not ours"
    if found.unasked:
        why += f": {', '.join(found.unasked[:5])}"
    figure = Decimal(len(found.unasked))
    return _line("orders nobody asked for", "0", figure, "", found.orders, not found.unasked, why)


def _audit(basis: Basis) -> Line:
    found = basis.trail
    n = found.orders + found.fills
    missing = len(found.unasked) + len(found.untraced)
    share = Decimal(n - missing) / n if n else None
    why = f"{found.orders} orders with a wish on record, {found.fills} fills with a report of them"
    return _line("audit trail", "100 %", _percent(share), "%", n, not missing, why)


def _latency(basis: Basis) -> Line:
    why = "intent durable to acknowledged by the broker, the network and both clocks in it"
    return _of_time("order latency", LATENCY_MS, _acknowledged(basis), why, _apart(basis))


def _acknowledged(basis: Basis) -> TimeRow | None:
    return next((r for r in basis.executions.times if r.name == "intent to acknowledged"), None)


def _updates(basis: Basis) -> Line:
    why = "from the fill, by the broker's clock, to our books; fills that the stream told"
    return _of_time("position updates", UPDATE_MS, basis.trail.lags, why, _apart(basis))


def _apart(basis: Basis) -> str:
    """What one clock's being behind takes from the one time it adds to the other: where either says
    that the later came first, neither is measured."""
    halves = [row.p50_ms for row in (basis.trail.lags, _acknowledged(basis)) if row is not None]
    least = min((half for half in halves if half is not None), default=Decimal(0))
    if least >= -CLOCKS_MS:
        return ""
    return f"no measure: our clock and the broker's are {-least:.0f} ms apart, or more"


def _of_time(name: str, goal: int, row: TimeRow | None, why: str, apart: str) -> Line:
    figure = None if row is None else row.p95_ms if row.p95_ms is not None else row.worst_ms
    n = 0 if row is None else row.n
    what = "95th percentile" if row is not None and row.p95_ms is not None else "the slowest"
    met = figure is not None and figure < goal
    said = f"{what}; {why}"
    no = f"{apart}; {said}" if n and apart else ""
    return _line(name, f"< {goal} ms", figure, "ms", n, met, said, no_basis=no)


def _messages(basis: Basis) -> Line:
    pace = basis.operation.pace
    share = Decimal(pace.within(MESSAGE_MS)) / pace.n if pace.n else None
    why = f"share that watch made durable within 10 ms; the slowest took {pace.worst_ms} ms"
    no = "" if pace.n else "no watch took a stream message"
    met = share is not None and share >= Decimal("0.95")
    return _line(
        "stream messages", "95 % in 10 ms", _percent(share), "%", pace.n, met, why, no_basis=no
    )


def _signals(basis: Basis) -> Line:
    found = basis.operation
    most = Decimal(found.busiest_minute)
    why = "the most signals that came within 60 seconds"
    no = "" if most >= SIGNALS_A_MINUTE else f"never that many came; {why}"
    return _line("signals a minute", "100", most, "a minute", found.signals, True, why, no_basis=no)
