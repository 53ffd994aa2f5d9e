"""Goal: what a report says of the quality of a day's executions (cost by class, symbol, hour and
size, spread, price after, what did not fill, times) is what the exchange's own record gives.

Method: the random days of `test_independent`; the judge reads the exchange's orders, executions
and quotes, classes and measures each order by itself, and adds up in fractions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from quality.test_independent import Day, executed_by_frames, played

from execbot.journal.confirmation import Confirmation
from execbot.report.costs import CostBy, CostRow, TimeRow
from execbot.report.executions import Executions, executions_of

D = Decimal
ZERO = Fraction(0)
HUNDREDTH = Fraction(1, 100)
"""Of a basis point: to which figures of one order are rounded."""
SIZES = (1_000, 5_000, 10_000, 50_000, 200_000)


@dataclass
class Judged:
    """One order as the exchange has it. Costs in basis points of the middle on arrival."""

    name: str
    symbol: str
    sign: int
    qty: Fraction
    value: Fraction
    arrival: Fraction | None
    width: Fraction
    marketable: bool
    decided: datetime | None
    acknowledged: datetime
    done: datetime | None
    wanted: Fraction
    later: dict[int, Fraction]
    ended_at: Fraction | None = None

    @property
    def paid(self) -> Fraction:
        return self.value / self.qty

    @property
    def each(self) -> Fraction:
        assert self.arrival is not None
        return (self.paid - self.arrival) * self.sign

    @property
    def bps(self) -> Fraction:
        assert self.arrival is not None
        return self.each / self.arrival * 10_000


class Record:
    """A day, judged by the exchange alone."""

    def __init__(self, day: Day) -> None:
        self.day, self.account = day, day.account
        journal = self.account.desk.journal
        self.made = journal.confirmations()
        self.missed = journal.missed_orders()
        self.found: Executions = executions_of(journal.orders(), self.made, self.missed)
        executed = executed_by_frames(self.account)
        self.orders = self.account.desk.orders_there()
        self.judged = {
            name: self._judge(row, executed.get(row["id"], {})) for name, row in self.orders.items()
        }
        self.filled = {
            item.client_order_id: self.judged[item.client_order_id] for item in self.made
        }

    def _judge(self, row: dict[str, Any], fills: dict[str, tuple[Decimal, Decimal]]) -> Judged:
        name, symbol = row["client_order_id"], row["symbol"]
        sign = 1 if row["side"] == "buy" else -1
        # Of another program's order nothing but its arrival at the broker is known.
        decided = self.day.decided.get(name) or moment(row["submitted_at"])
        qty = sum((Fraction(q) for q, _ in fills.values()), ZERO)
        value = sum((Fraction(q) * Fraction(p) for q, p in fills.values()), ZERO)
        arrival, width, marketable = None, ZERO, row["type"] == "market"
        if decided is not None:
            bid, ask, _ = self.account.quote_there(symbol, decided)
            arrival, width = (Fraction(bid) + Fraction(ask)) / 2, Fraction(ask) - Fraction(bid)
            if row["type"] == "limit":
                marketable = D(row["limit_price"]) >= ask  # the day's limits are purchases
        done = row["filled_at"] or row["canceled_at"] or row["expired_at"]
        one = Judged(
            name,
            symbol,
            sign,
            qty,
            value,
            arrival,
            width,
            marketable,
            decided,
            moment(row["submitted_at"]),
            None if done is None else moment(done),
            Fraction(row["qty"]),
            {},
        )
        return one

    def middle(self, symbol: str, at: datetime) -> Fraction:
        bid, ask, _ = self.account.quote_there(symbol, at)
        return (Fraction(bid) + Fraction(ask)) / 2


def moment(text: str) -> datetime:
    """To the microsecond."""
    return datetime.fromisoformat(text)


@pytest.fixture(scope="module", params=[4, pytest.param(1, marks=pytest.mark.long)])
def record(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Record:
    return Record(played(tmp_path_factory.mktemp("sums"), request.param))


def test_the_day_had_everything(record: Record) -> None:
    assert {str(item.kind) for item in [*record.made, *record.missed]} == {"marketable", "resting"}
    assert any(item.missed is not None for item in [*record.made, *record.missed])
    assert {one.name in record.day.decided for one in record.filled.values()} == {True, False}


def test_classes_and_spreads_are_those_of_the_quote_on_arrival(record: Record) -> None:
    ratios = []
    for item in record.made:
        one = record.filled[item.client_order_id]
        if one.decided is None:
            continue
        assert (str(item.kind) == "marketable") == one.marketable, one
        assert (item.effective_over_quoted is not None) == one.marketable
        if not one.marketable:
            continue
        assert one.arrival is not None
        effective = 2 * one.each
        assert near(item.quoted_spread_bps, one.width / one.arrival * 10_000)
        assert near(item.effective_spread_bps, effective / one.arrival * 10_000)
        assert near(item.effective_over_quoted, effective / one.width)
        ratios.append(effective / one.width)
    assert record.found.quoted == len(ratios) > 0
    assert near(record.found.effective_over_quoted, median(ratios))


def near(one: Decimal | None, other: Fraction, within: Fraction = HUNDREDTH) -> bool:
    return one is not None and abs(Fraction(one) - other) <= within


# --- costs ----------------------------------------------------------------------------------------


def size_of(one: Judged) -> str:
    number = sum(one.value >= limit for limit in SIZES)
    if not number:
        return f"under {SIZES[0]:,}"
    low = f"{SIZES[number - 1]:,}"
    return f"{low} to {SIZES[number]:,}" if number < len(SIZES) else f"{low} and more"


def hour_of(one: Judged) -> str:
    at = one.decided
    assert at is not None
    return at.astimezone(ZoneInfo("America/New_York")).strftime("%H:00")


_WORD: dict[CostBy, Callable[[Judged], str]] = {
    CostBy.CLASS: lambda one: "marketable" if one.marketable else "resting",
    CostBy.SYMBOL: lambda one: one.symbol,
    CostBy.STRATEGY: lambda one: "-",
    CostBy.SIZE: size_of,
    CostBy.HOUR: hour_of,
}


def test_all_executions_together(record: Record) -> None:
    assert_row(record.found.all, record.filled.values())


@pytest.mark.parametrize("by", list(CostBy))
def test_costs_of_each_group(record: Record, by: CostBy) -> None:
    """Orders of another program have no decision: for their hour nothing but the fill is known."""
    ours = [one for one in record.filled.values() if by is not CostBy.HOUR or one.decided]
    groups: defaultdict[str, list[Judged]] = defaultdict(list)
    for one in ours:
        groups[_WORD[by](one)].append(one)
    made = [item for item in record.made if record.filled[item.client_order_id] in ours]
    rows = {row.group: row for row in executions_of([], made, []).costs[by]}
    assert rows.keys() == groups.keys()
    for word, some in groups.items():
        assert_row(rows[word], some)


def assert_row(row: CostRow, some: Iterable[Judged]) -> None:
    orders = list(some)
    measured = [one for one in orders if one.arrival is not None]
    assert (row.orders, row.measured) == (len(orders), len(measured))
    assert near(row.notional, sum((one.value for one in orders), ZERO), HUNDREDTH * len(orders))
    if not measured:
        assert row.by_order is row.median is row.worst is row.by_notional is None
        return
    costs = sorted(one.bps for one in measured)
    decided = sum((one.qty * one.arrival for one in measured if one.arrival), ZERO)
    lost = sum((one.each * one.qty for one in measured), ZERO)
    assert near(row.by_notional, lost / decided * 10_000, 2 * HUNDREDTH)
    assert near(row.by_order, sum(costs, ZERO) / len(costs), 2 * HUNDREDTH)
    assert near(row.median, median(costs), 2 * HUNDREDTH)
    assert near(row.worst, costs[-1])
    assert near(row.usd, lost, HUNDREDTH * len(costs))
    assert (row.p95 is not None) == (len(costs) >= 20)
    if row.p95 is not None:
        assert sum(near(row.p95, cost) for cost in costs)
        assert sum(cost <= Fraction(row.p95) + HUNDREDTH for cost in costs) >= len(costs) * 0.95


# --- after the fill, and what did not fill ------------------------------------------------------


def test_price_after_the_fill(record: Record) -> None:
    drifts: defaultdict[int, list[Fraction]] = defaultdict(list)
    for item in record.made:
        one = record.filled[item.client_order_id]
        for later in item.later:
            assert item.times.last_fill is not None
            at = item.times.last_fill + timedelta(seconds=later.after_seconds)
            moved = (record.middle(one.symbol, at) - one.paid) * one.sign / one.paid * 10_000
            if later.moved_bps is not None:
                assert near(later.moved_bps, moved)
                drifts[later.after_seconds].append(moved)
    assert [row.after_seconds for row in record.found.drifts] == [1, 60, 300]
    for row in record.found.drifts:
        some = drifts[row.after_seconds]
        assert row.n == len(some) > 0
        assert near(row.mean, sum(some, ZERO) / len(some), 2 * HUNDREDTH)
        assert near(row.median, median(some), 2 * HUNDREDTH)


def test_opportunity_cost_of_entries_that_ended_before_they_filled(record: Record) -> None:
    """Of canceled ones, whole or in part: what was left, from the decision to the end."""
    total, count = ZERO, 0
    told = {item.client_order_id: item for item in [*record.made, *record.missed]}
    for name, row in record.orders.items():
        one = record.judged[name]
        if row["status"] != "canceled" or one.decided is None or one.sign < 0:
            continue
        assert one.done is not None and one.arrival is not None
        left = one.wanted - one.qty
        made: Confirmation = told[name]
        assert made.missed is not None and made.missed.at == one.done
        assert Fraction(made.missed.qty) == left
        count += 1
        if made.missed.usd is not None:
            usd = left * (record.middle(one.symbol, one.done) - one.arrival)
            assert near(made.missed.usd, usd)
            total += usd
    assert record.found.missed.orders == count > 0
    assert near(record.found.missed.usd, total, HUNDREDTH * count)


# --- times ----------------------------------------------------------------------------------------


def test_times_are_the_brokers_to_the_microsecond(record: Record) -> None:
    spans: list[Decimal] = []
    executed_at = when_filled(record)
    for item in record.made:
        one = record.filled[item.client_order_id]
        row = record.orders[item.client_order_id]
        assert item.times.acknowledged == one.acknowledged
        moments = executed_at[row["id"]]
        assert (item.times.first_fill, item.times.last_fill) == (min(moments), max(moments))
        if one.done is not None:
            assert item.times.done == one.done
        if str(item.kind) == "marketable":
            span = min(moments) - one.acknowledged
            spans.append(D(span // timedelta(microseconds=1)) / 1000)
    rows = {row.name: row for row in record.found.times}
    assert_times(rows["acknowledged to first fill"], sorted(spans))


def when_filled(record: Record) -> dict[str, list[datetime]]:
    """By order, of the executions that stand."""
    standing = executed_by_frames(record.account)
    record.account.desk.seen = 0
    found: defaultdict[str, list[datetime]] = defaultdict(list)
    for frame in record.account.desk.frames():
        if (
            frame.event in ("fill", "partial_fill")
            and frame.execution_id in standing[frame.order.id]
        ):
            found[frame.order.id].append(moment(str(frame.raw["timestamp"])))
    return found


def assert_times(row: TimeRow, spans: list[Decimal]) -> None:
    assert row.n == len(spans) > 0
    assert row.p50_ms == spans[-(-len(spans) // 2) - 1]
    assert row.worst_ms == spans[-1]
    assert (row.p95_ms is not None) == (len(spans) >= 20)
