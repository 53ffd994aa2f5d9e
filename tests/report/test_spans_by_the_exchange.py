"""Goal: what a report says of a day, a week, a month or any days is what the exchange's own record
gives, to the cent.

Method: seeded months of trading in virtual time (partial fills, flips, splits, fees, busts,
corrections, deposits), reported by the desk as the command does it. The judge reads the exchange's
rows and orders alone, in fractions: what was bought and sold, what average cost realised, what each
day was charged, how orders ended, what the account was worth.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from report.a_month import played
from trades.exchange_record import CENT, Fill, fills_of, rows
from trades.test_months import FIRST, LAST, Month

from execbot.desk.account import Desk
from execbot.desk.look.reports import SpanReport, span_report
from execbot.report.costs import CostBy
from execbot.report.scorecard import Judged
from execbot.report.span import Span, month_of, week_of

ZERO = Fraction(0)
TINY = Fraction(1, 10**6)
SPANS = [
    *(Span.of(FIRST + timedelta(days=number)) for number in (0, 3, 9, 20, 31)),
    week_of(date(2026, 10, 5)),
    week_of(date(2026, 10, 19)),
    month_of(date(2026, 10, 1)),
    Span.between(date(2026, 10, 7), date(2026, 10, 13)),
    Span.between(FIRST, LAST),
]


class Record:
    """The exchange's record, by day of New York."""

    def __init__(self, month: Month) -> None:
        self.listed = rows(month.desk)
        by_row = fills_of(month.desk, self.listed)
        self.fills: list[Fill] = [fill for fill in by_row.values() if fill.qty]
        self.realized: defaultdict[date, Fraction] = defaultdict(Fraction)
        self.charged: defaultdict[date, Fraction] = defaultdict(Fraction)
        for row in self.listed:
            if row["activity_type"] == "FEE":
                self.charged[date.fromisoformat(row["date"])] -= Fraction(row["net_amount"])
        self._fold(by_row)

    def _fold(self, by_row: dict[str, Fill]) -> None:
        """Average cost, signed: what goes towards zero is realised, the rest opens."""
        held: defaultdict[str, Fraction] = defaultdict(Fraction)
        cost: defaultdict[str, Fraction] = defaultdict(Fraction)
        for row in self.listed:
            name = row.get("symbol", "")
            if row["activity_type"] == "SPLIT":
                held[name] += Fraction(row["qty"])
                continue
            fill = by_row.get(row["id"])
            if fill is None or not fill.qty:
                continue
            qty = fill.qty if fill.buys else -fill.qty
            closing = ZERO
            if held[name] * qty < 0:
                closing = min(abs(qty), abs(held[name])) * (1 if qty > 0 else -1)
                share = cost[name] * -closing / held[name]
                self.realized[fill.day] += -closing * fill.price - share
                held[name] += closing
                cost[name] -= share
            held[name] += qty - closing
            cost[name] += (qty - closing) * fill.price

    def within(self, span: Span) -> list[Fill]:
        return [fill for fill in self.fills if span.on <= fill.day <= span.last]


@pytest.fixture(scope="module", params=range(2))
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Month, Desk, Record]]:
    month, desk = played(tmp_path_factory.mktemp("reported"), request.param)
    yield month, desk, Record(month)


def near(one: object, other: Fraction) -> bool:
    assert one is not None
    return abs(Fraction(one) - other) < TINY  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("span", SPANS, ids=str)
def test_money_of_any_span_is_the_exchanges(both: tuple[Month, Desk, Record], span: Span) -> None:
    _, desk, record = both
    found = span_report(desk, span)
    books, fills = found.books, record.within(span)
    assert len(books.fills) == len(fills)
    assert near(books.bought, sum((f.qty * f.price for f in fills if f.buys), ZERO))
    assert near(books.sold, sum((f.qty * f.price for f in fills if not f.buys), ZERO))
    days = list(span.days)
    realized = sum((record.realized[day] for day in days), ZERO)
    charged = sum((record.charged[day] for day in days), ZERO)
    assert abs(Fraction(books.realized_pl) - realized) < CENT
    assert near(books.fees_total or 0, charged)
    assert abs(Fraction(books.net_pl) - realized + charged) < CENT
    for day in found.period.days:
        assert near(day.realized, record.realized[day.day])
        assert near(day.fees, record.charged[day.day])
    assert near(sum(day.net for day in found.period.days), realized - charged)


def test_days_add_up_to_the_month(both: tuple[Month, Desk, Record]) -> None:
    _, desk, _ = both
    span = Span.between(FIRST, LAST)
    whole = span_report(desk, span)
    single = [span_report(desk, Span.of(day)) for day in span.days if day.weekday() < 5]
    assert sum(len(day.books.fills) for day in single) == len(whole.books.fills)
    assert sum(day.books.net_pl for day in single) == pytest.approx(whole.books.net_pl)
    assert sum(day.period.trade_stats.trades for day in single) == whole.period.trade_stats.trades
    rows_of = {row.day: row for row in whole.period.days}
    for day in single:
        (mine,) = day.period.days or [None]
        if mine is not None:
            assert mine.net == rows_of[mine.day].net


def test_outcomes_and_success_are_those_of_the_exchanges_orders(
    both: tuple[Month, Desk, Record],
) -> None:
    month, desk, _ = both
    found = span_report(desk, Span.between(FIRST, LAST)).period.executions
    theirs = Counter(row["status"] for row in month.desk.orders_there().values())
    taken = sum(count for status, count in theirs.items() if status != "rejected")
    assert (found.success.taken, found.success.rejected) == (taken, theirs["rejected"])
    assert found.outcomes["filled"] == theirs["filled"]
    assert found.all.orders == sum(
        1 for row in month.desk.orders_there().values() if Fraction(row["filled_qty"])
    )


def test_every_cut_of_the_costs_holds_every_execution_once(
    both: tuple[Month, Desk, Record],
) -> None:
    _, desk, record = both
    found = span_report(desk, Span.between(FIRST, LAST)).period.executions
    for by in CostBy:
        assert sum(row.orders for row in found.costs[by]) == found.all.orders
        assert sum(row.measured for row in found.costs[by]) == found.all.measured
        assert sum(row.usd for row in found.costs[by]) == found.all.usd
    traded = sum((fill.qty * fill.price for fill in record.fills), ZERO)
    assert abs(Fraction(found.all.notional) - traded) < CENT * found.all.orders
    symbols = {row.group: row.orders for row in found.costs[CostBy.SYMBOL]}
    assert symbols.keys() == {fill.symbol for fill in record.fills}


def test_the_scorecard_says_what_there_is_no_basis_for(
    both: tuple[Month, Desk, Record],
) -> None:
    _, desk, _ = both
    lines = {
        line.name: line for line in span_report(desk, Span.between(FIRST, LAST)).period.scorecard
    }
    assert len(lines) == 12
    assert lines["mean slippage"].judged is Judged.NO_BASIS  # fills of the simulator
    assert lines["stream messages"].judged is Judged.NO_BASIS  # no watch ran
    assert lines["audit trail"].judged is Judged.MET
    assert lines["orders nobody asked for"].figure == 0
    assert lines["execution success"].n > 0


def test_equity_of_the_month_is_the_exchanges(both: tuple[Month, Desk, Record]) -> None:
    month, desk, _ = both
    found: SpanReport = span_report(desk, Span.between(FIRST, LAST))
    equity = found.period.equity
    assert equity is not None
    assert near(equity.closing, month.closes[month.sessions[-1].date])
    closes = {row.day: row.equity for row in found.period.days if row.equity is not None}
    for day, close in month.closes.items():
        assert near(closes[day], close)


def test_a_report_that_is_the_first_look_at_a_month_leaves_nothing_out(tmp_path: Path) -> None:
    """No `watch` ran, and no command had confirmed anything before."""
    month, desk = played(tmp_path, 2)
    found = span_report(desk, Span.between(FIRST, LAST)).period
    traded = sum((fill.qty * fill.price for fill in Record(month).fills), ZERO)
    assert (
        abs(Fraction(found.executions.all.notional) - traded) < CENT * found.executions.all.orders
    )
    again = span_report(desk, Span.between(FIRST, LAST)).period
    assert len(again.confirmations) == len(found.confirmations)
