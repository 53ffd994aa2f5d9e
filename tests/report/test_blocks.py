"""Goal: each block of a report counts what its definition says, and says where it knows nothing.

Method: small hand-made histories, every result worked out by hand; hypothesis for what must hold of
any.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal.rows import confirmation, record
from msgspec.structs import replace

from execbot.exits.rules.view import Guarded
from execbot.journal.confirmation import Confirmation, Cost, Finding, OrderKind, PositionChange
from execbot.journal.records import AuditRow, OrderRecord, Origin, Role, SignalTimes, Trail
from execbot.market.calendar_cache import load_table
from execbot.market.sessions import TradingDay, trading_day
from execbot.model.enums import EventSource, OrderStatus, OrderType, Side
from execbot.report.audit_trail import audit_trail
from execbot.report.costs import CostBy, cost_row, cost_rows, percentile, time_row
from execbot.report.executions import entry_fills, executions_of, success_of
from execbot.report.failures import failures_of
from execbot.report.limits import limits_of
from execbot.report.operation import busiest_minute, gaps_of, operation_of
from execbot.report.protection import exposures_of, protection_report, stops_of
from execbot.report.scorecard import Basis, Judged, Line, scorecard
from execbot.report.span import Span, month_of, span_notes, week_of

D = Decimal
T0 = datetime(2026, 10, 7, 14, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def day(on: date = date(2026, 10, 7)) -> TradingDay:
    found = trading_day(load_table(), on)
    assert found is not None
    return found


# --- days ----------------------------------------------------------------------------------------


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    assert str(week_of(date(2026, 11, 29))) == "2026-11-23 to 2026-11-29"
    assert str(month_of(date(2026, 2, 17))) == "2026-02-01 to 2026-02-28"
    assert str(month_of(date(2026, 12, 31))) == "2026-12-01 to 2026-12-31"
    with pytest.raises(ValueError):
        Span.between(date(2026, 1, 2), date(2026, 1, 1))


def test_a_span_over_the_change_of_clocks_has_an_hour_more() -> None:
    span = Span.between(date(2026, 10, 31), date(2026, 11, 1))
    assert span.end - span.start == timedelta(hours=49)
    assert [str(one) for one in span.days] == ["2026-10-31", "2026-11-01"]


@pytest.mark.parametrize(
    ("span", "sessions", "words"),
    [
        (Span.of(date(2026, 11, 26)), [], "is a holiday"),
        (Span.of(date(2026, 11, 28)), [], "is a Saturday"),
        (Span.between(date(2026, 11, 28), date(2026, 11, 29)), [], "had no session"),
        (Span.of(date(2026, 12, 24)), [date(2026, 12, 24)], "still to come"),
        (week_of(date(2026, 11, 30)), [date(2026, 11, 30)], "not over"),
        (Span.of(date(2026, 11, 30)), [date(2026, 11, 30)], ""),
    ],
)
def test_what_a_reader_must_know_of_the_days(span: Span, sessions: list[date], words: str) -> None:
    found = span_notes(span, sessions, date(2026, 11, 30))
    assert words in " ".join(found) and bool(found) == bool(words)


# --- costs ---------------------------------------------------------------------------------------


def cost(bps: str | None, usd: str = "0", notional: str = "1000", **more: Any) -> Confirmation:
    made = confirmation("a")
    arrival = replace(made.arrival, price=D(100))
    return replace(
        made,
        arrival=arrival,
        price=D(100),
        filled_usd=D(notional),
        cost=None if bps is None else Cost(D(bps), D(usd)),
        **more,
    )


def test_a_cost_row_by_hand() -> None:
    some = [cost("1", "0.1"), cost("4", "1.2", "3000"), cost("-2", "-0.2"), cost(None)]
    row = cost_row("all", some)
    assert (row.orders, row.measured, row.unmeasured_share) == (4, 3, D("0.25"))
    assert row.by_order == D("1.00")
    assert row.by_notional == D("2.20")  # (1 + 12 - 2) / 5
    assert (row.median, row.worst, row.usd, row.notional) == (1, 4, D("1.1"), 6000)
    assert row.p95 is None  # too few


def test_nothing_measured_gives_no_figure() -> None:
    row = cost_row("all", [cost(None), cost(None)])
    assert (row.by_order, row.by_notional, row.median, row.worst) == (None, None, None, None)
    assert row.unmeasured_share == 1
    assert cost_row("all", []).unmeasured_share is None


@given(st.lists(st.integers(-500, 500), min_size=1, max_size=80))
def test_a_percentile_is_one_of_the_values_and_as_many_lie_below(values: list[int]) -> None:
    ascending = sorted(D(value) for value in values)
    found = percentile(ascending, 95)
    assert found in ascending
    assert sum(value <= found for value in ascending) * 100 >= 95 * len(values)
    assert sum(value < found for value in ascending) * 100 < 95 * len(values)


def test_the_tail_is_told_from_twenty_on() -> None:
    row = cost_row("all", [cost(str(number)) for number in range(1, 21)])
    assert (row.p95, row.worst, row.median) == (19, 20, D("10.50"))


def test_groups_by_size_and_hour_are_in_their_order() -> None:
    some = [cost("1", notional=amount) for amount in ("999.99", "1000", "5000", "250000")]
    sizes = [row.group for row in cost_rows(some, CostBy.SIZE)]
    assert sizes == ["under 1,000", "1,000 to 5,000", "5,000 to 10,000", "200,000 and more"]
    times = replace(cost("1").times, intent=datetime(2026, 10, 7, 13, 59, tzinfo=UTC))
    late = replace(times, intent=datetime(2026, 10, 7, 19, tzinfo=UTC))
    rows = cost_rows([cost("1", times=late), cost("1", times=times)], CostBy.HOUR)
    assert [row.group for row in rows] == ["09:00", "15:00"]


def test_a_time_row_in_milliseconds() -> None:
    row = time_row("x", [timedelta(milliseconds=n) for n in (5, 1, 3)] + [None], apart=False)
    assert (row.n, row.p50_ms, row.p95_ms, row.worst_ms) == (3, 3, None, 5)


# --- orders --------------------------------------------------------------------------------------


def order(
    name: str, status: OrderStatus, qty: str = "10", filled: str = "0", **more: Any
) -> OrderRecord:
    base = record(name)
    made = replace(base.order, status=status, qty=D(qty), filled_qty=D(filled))
    if status in (OrderStatus.DENIED, OrderStatus.NEVER_SENT):
        made = replace(made, id="")
    return replace(base, order=made, **more)


def test_success_counts_what_was_handed_to_the_broker() -> None:
    some = [
        order("a", OrderStatus.FILLED),
        order("b", OrderStatus.CANCELED),
        order("c", OrderStatus.REJECTED),
        order("d", OrderStatus.DENIED),
        order("e", OrderStatus.NEVER_SENT),
        order("f", OrderStatus.IN_DOUBT),
        order("g", OrderStatus.FILLED, origin=Origin.FOREIGN),
        order("h", OrderStatus.FILLED, parent_id="a"),
    ]
    found = success_of(some)
    assert (found.sent, found.taken) == (5, 2)
    assert (found.rejected, found.never_sent, found.in_doubt) == (1, 1, 1)
    assert found.rate == D("0.4")


def test_fill_rate_of_entries_leaves_exits_and_working_orders_out() -> None:
    some = [
        order("a", OrderStatus.FILLED, filled="10"),
        order("b", OrderStatus.CANCELED, filled="4"),
        order("c", OrderStatus.EXPIRED),
        order("d", OrderStatus.NEW),
        order("e", OrderStatus.CANCELED, role=Role.STOP),
        order("f", OrderStatus.FILLED, filled="10", origin=Origin.CLOSE),
    ]
    found = entry_fills(some)
    assert (found.ended, found.whole, found.part, found.none) == (3, 1, 1, 1)
    assert found.by_quantity == D("1.4") / 3


# --- failures, limits ----------------------------------------------------------------------------


def audit(
    kind: str, subject: str, rule: str, result: str, at: datetime = T0, /, **facts: Any
) -> AuditRow:
    return AuditRow(0, at, kind, subject, rule, facts, result)


def test_failures_are_told_by_what_began_them() -> None:
    timeout = {"kind": "network.timeout", "category": "retryable"}
    power = {"kind": "broker.insufficient_buying_power", "category": "adjustable"}
    rows = [
        audit("recovery", "a", "network.timeout", "retry", **timeout),
        audit("recovery", "a.r1", "recovered", "recovered", category="retryable"),
        audit("recovery", "b", "network.timeout", "settle", **timeout),
        audit("recovery", "c", "x", "adjust", **power),
        audit("recovery", "c", "x", "stop", **power),
    ]
    found = {one.cause: (one.recovered, one.lost, one.open) for one in failures_of(rows)}
    assert found == {
        "network.timeout": (1, 0, 1),
        "broker.insufficient_buying_power": (0, 1, 0),
    }


def test_an_order_that_broke_two_limits_is_one_refused_order() -> None:
    failed = [{"code": "max_exposure"}, {"code": "daily_loss"}]
    rows = [
        audit("gate", "a", "risk.daily_loss", "denied", failed=failed),
        audit("gate", "b", "risk.max_exposure", "denied", T0 + MINUTE),
        audit("halt", "account", "daily_loss", "entries", T0, reason="lost 5 %"),
        audit("halt", "account", "trader", "off", T0 + MINUTE),
    ]
    found = limits_of(rows, {"a": "AAPL", "b": "KO"})
    assert found.refused == 2
    assert [(hit.rule, hit.times, hit.symbols) for hit in found.hits] == [
        ("max_exposure", 2, ("AAPL", "KO")),
        ("daily_loss", 1, ("AAPL",)),
    ]
    (halt,) = found.halts
    assert (halt.by, halt.reason, halt.until) == ("daily_loss", "lost 5 %", T0 + MINUTE)


# --- protection ----------------------------------------------------------------------------------


def guard(at: datetime, state: Guarded, uncovered: str = "0", symbol: str = "AAPL") -> AuditRow:
    return audit("guard", symbol, "watch", "", at, state=state.value, uncovered=uncovered)


def test_share_minutes_are_shares_times_minutes_until_the_next_change() -> None:
    rows = [
        guard(T0 - MINUTE, Guarded.UNPROTECTED, "10"),  # before the span: counts from its start
        guard(T0 + 2 * MINUTE, Guarded.PROTECTED),
        guard(T0 + 3 * MINUTE, Guarded.ARRIVING, "4"),
        guard(T0 + 3.5 * MINUTE, Guarded.PROTECTED),
        guard(T0 + 5 * MINUTE, Guarded.LEAVING, "10"),
        guard(T0 + 9 * MINUTE, Guarded.NO_PLAN, "10", "KO"),
    ]
    found = protection_report(rows, [], T0, T0 + 10 * MINUTE)
    assert found.share_minutes == 22
    assert found.lasted == 2.5 * MINUTE
    assert {(e.symbol, e.state): e.share_minutes for e in found.exposures} == {
        ("AAPL", Guarded.UNPROTECTED): 20,
        ("AAPL", Guarded.ARRIVING): 2,
        ("KO", Guarded.NO_PLAN): 10,  # nothing was promised: shown, and not in the sum
    }


def test_what_nobody_watched_is_not_counted() -> None:
    rows = [guard(T0, Guarded.UNPROTECTED, "10")]
    gaps = [(T0 + MINUTE, T0 + 4 * MINUTE)]
    (found,) = exposures_of(rows, T0, T0 + 5 * MINUTE, gaps)
    assert found.share_minutes == 20


def test_stops_that_were_due() -> None:
    def stop(name: str, status: OrderStatus, filled: str = "0") -> OrderRecord:
        made = order(name, status, filled=filled, role=Role.STOP)
        times = {"filled_at": T0, "failed_at": T0, "expired_at": T0, "submitted_at": T0}
        return replace(made, order=replace(made.order, type=OrderType.STOP, **times))

    some = [
        stop("a", OrderStatus.FILLED, "10"),
        stop("b", OrderStatus.CANCELED, "3"),
        stop("c", OrderStatus.REJECTED),
        stop("d", OrderStatus.EXPIRED),
        stop("e", OrderStatus.CANCELED),
        order("f", OrderStatus.FILLED, filled="10"),
    ]
    found = stops_of(some, T0, T0 + MINUTE)
    assert (found.whole, found.part, found.rejected, found.expired) == (1, 1, 1, 1)
    assert (found.due, found.rate) == (3, D(1) / 3)
    assert stops_of(some, T0 + MINUTE, T0 + 2 * MINUTE).due == 0


# --- operation -----------------------------------------------------------------------------------


def minutes_of(one: TradingDay) -> list[datetime]:
    return [one.open + MINUTE * n for n in range(391)]


def test_uptime_is_what_was_sampled_of_the_session() -> None:
    one = day()
    seen = [at for at in minutes_of(one) if not 60 < (at - one.open) / MINUTE < 100]
    found = operation_of([], seen, [one], [], one.open, one.after_close)
    # Each sample stands for the minute after it: the 60th's for the 61st minute.
    assert found.gaps == [(one.open + 61 * MINUTE, one.open + 100 * MINUTE)]
    assert found.uptime == D(390 - 39) / 390


def test_uptime_counts_from_when_there_was_something_to_watch_until_now() -> None:
    one = day()
    begun, now = one.open + 30 * MINUTE, one.open + 40 * MINUTE
    seen = [at for at in minutes_of(one) if begun <= at <= now]
    found = operation_of([], seen, [one], [], begun, now)
    assert (found.open_for, found.uptime, found.gaps) == (10 * MINUTE, 1, [])
    assert operation_of([], [], [one], [], begun, now).uptime is None
    just = operation_of([], [begun], [one], [], begun, begun + MINUTE / 200)
    assert just.uptime == 1, "less than a second after the beginning"
    assert gaps_of(one.open, one.close, []) == [(one.open, one.close)]


def unwatched(at: datetime, since: datetime | None) -> AuditRow:
    since_ = None if since is None else since.isoformat()
    return audit("stream", "watch", "watch", "", at, state="unwatched", since=since_)


def test_uptime_knows_of_a_minute_without_a_watch() -> None:
    """Samples are a minute apart, and the goal is 99.9 %: 23 seconds of a session."""
    one = day()
    seen = minutes_of(one)
    at = one.open + 60 * MINUTE
    half = MINUTE / 2
    rows = [
        unwatched(one.open - MINUTE, one.open - 90 * MINUTE),  # before the session: nobody cares
        unwatched(at + half, at),
        unwatched(at + 2 * half, at + half - MINUTE / 10),  # overlaps
    ]
    found = operation_of(rows, seen, [one], [], one.open, one.after_close)
    assert found.gaps == [(at, at + MINUTE)]
    assert found.uptime == D(389) / 390
    assert found.losses == []


def test_uptime_ends_with_the_last_run_and_begins_with_the_first() -> None:
    one = day()
    begun, now = one.open + 30 * MINUTE, one.open + 40 * MINUTE
    seen = [at for at in minutes_of(one) if begun + MINUTE <= at <= now]
    first = [unwatched(begun + MINUTE, None)]
    found = operation_of(first, seen, [one], [], begun, now, left_at=now - MINUTE)
    assert found.gaps == [(begun, begun + MINUTE), (now - MINUTE, now)]
    assert found.uptime == D(8) / 10


def test_losses_of_the_stream_and_alarms() -> None:
    rows = [
        audit("stream", "watch", "watch", "", T0, state="up"),
        audit("stream", "watch", "watch", "", T0 + MINUTE, state="down", reason="closed"),
        audit("stream", "watch", "watch", "", T0 + 2 * MINUTE, state="down", reason="refused"),
        audit("stream", "watch", "watch", "", T0 + 3 * MINUTE, state="up"),
        audit("stream", "watch", "watch", "", T0 + 4 * MINUTE, state="down", reason="closed"),
        audit("alarm", "AAPL", "watch", "", T0, kind="unprotected", critical=True),
        audit("alarm", "AAPL", "watch", "", T0 - MINUTE, kind="unprotected", critical=True),
    ]
    found = operation_of(rows, [], [], [], T0, T0 + 5 * MINUTE)
    assert [(loss.since - T0, loss.until and loss.until - T0) for loss in found.losses] == [
        (MINUTE, 3 * MINUTE),
        (4 * MINUTE, None),
    ]
    assert (found.alarms, found.critical) == ({"unprotected": 1}, 1)


@given(st.lists(st.integers(0, 600), max_size=60))
def test_the_busiest_minute_is_the_fullest_of_all(seconds: list[int]) -> None:
    moments = sorted(T0 + timedelta(seconds=n) for n in seconds)
    most = max((sum(at <= other < at + MINUTE for other in moments) for at in moments), default=0)
    assert busiest_minute(moments) == most


# --- the trail and the scorecard -----------------------------------------------------------------


def trail(name: str, kind: str, execution: str | None = None, lag_ms: int = 0) -> Trail:
    source = EventSource.STREAM if execution else EventSource.LOCAL
    return Trail(name, kind, source, execution, T0, T0 + timedelta(milliseconds=lag_ms), "applied")


def test_an_order_without_a_wish_and_a_fill_without_a_report_are_named() -> None:
    from journal.rows import execution

    some = [
        order("a", OrderStatus.FILLED),
        order("b", OrderStatus.FILLED),
        order("c", OrderStatus.FILLED, origin=Origin.FOREIGN),
    ]
    fills = [replace(execution(name), client_order_id="a") for name in ("x", "y")]
    rows = [trail("a", "intent"), trail("a", "fill", "x", 30), trail("b", "new", "of new", 900)]
    found = audit_trail(some, fills, rows)
    assert (found.unasked, found.untraced, found.foreign) == (("b",), ("y",), 1)
    assert (found.lags.n, found.lags.worst_ms) == (1, 30)


def card(made: list[Confirmation], *, real: bool, **more: Any) -> dict[str, Line]:
    one = day()
    records = [order("a", OrderStatus.FILLED, filled="10")]
    signals = [SignalTimes(T0 + timedelta(milliseconds=n), T0, "sent") for n in range(100)]
    basis = Basis(
        executions_of(records, made, []),
        more.get("recoveries", []),
        protection_report([], [], T0, T0 + MINUTE),
        operation_of([], more.get("seen", []), [one], signals, one.open, one.close),
        audit_trail(records, [], [trail("a", "intent")]),
        real,
    )
    return {line.name: line for line in scorecard(basis)}


def test_slippage_is_a_measure_of_real_fills_alone() -> None:
    made = [cost("4"), cost("8")]
    real, played = card(made, real=True), card(made, real=False)
    assert (real["mean slippage"].figure, real["mean slippage"].judged) == (D("0.06"), Judged.MET)
    assert played["mean slippage"].judged is Judged.NO_BASIS
    assert card([cost("12")], real=True)["mean slippage"].judged is Judged.NOT_MET
    assert card([cost(None)], real=True)["mean slippage"].judged is Judged.NO_BASIS


def test_the_scorecard_judges_only_what_it_has_seen() -> None:
    lines = card([], real=True)
    assert lines["uptime in market hours"].judged is Judged.NO_BASIS
    assert lines["position tracking"].judged is Judged.NO_BASIS
    assert lines["recovery"].judged is Judged.NO_BASIS
    assert lines["stop execution"].judged is Judged.NO_BASIS
    assert lines["signals a minute"].judged is Judged.MET
    assert lines["orders nobody asked for"].judged is Judged.MET
    watched = card([], real=True, seen=minutes_of(day()))
    assert watched["uptime in market hours"].judged is Judged.MET


def timed(ms: int) -> Confirmation:
    """Acknowledged so many milliseconds after the intent."""
    made = cost("1")
    later = T0 + timedelta(milliseconds=ms)
    return replace(made, times=replace(made.times, intent=T0, acknowledged=later))


@pytest.mark.parametrize(
    ("ms", "judged"),
    [(40, Judged.MET), (400, Judged.NOT_MET), (-3, Judged.MET), (-300, Judged.NO_BASIS)],
)
def test_what_came_first_by_two_clocks_that_are_apart_measures_nothing(
    ms: int, judged: Judged
) -> None:
    """Acknowledged 300 ms before the intent: our clock is fast, and no latency is proved by it."""
    line = card([timed(ms)], real=True)["order latency"]
    assert (line.judged, line.n, line.figure) == (judged, 1, ms)
    assert ("300 ms apart" in line.basis) is (ms == -300)


def test_one_position_that_differs_is_not_met() -> None:
    change = PositionChange(D(10), D(10), "stream")
    right = cost("1", position=change)
    wrong = cost("1", position=change, findings=(Finding("position", "5 are missing"),))
    assert card([right], real=True)["position tracking"].judged is Judged.MET
    line = card([right, wrong], real=True)["position tracking"]
    assert (line.figure, line.n, line.judged) == (50, 2, Judged.NOT_MET)


def test_kinds_and_sides_of_the_hand_made_are_as_meant() -> None:
    """Else the costs above would be of another class."""
    assert cost("1").kind is OrderKind.MARKETABLE
    assert order("a", OrderStatus.NEW).order.side is Side.BUY
