"""Goal: what a symbol, a day or a trade cost comes out the same whether the years before are read
or not, in whatever order executions, fees in coins and rows come.

Method: random trades and rows of ten days into a journal, asked again and again on the way, so that
sums are kept and fall; the judge adds up everything that the journal holds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from execbot.config.schema import RiskSettings
from execbot.journal import Journal
from execbot.journal.records import AccountRow, Execution
from execbot.model.account import Activity
from execbot.model.numbers import ZERO
from execbot.model.times import day_begins, eastern
from execbot.oms.ledger import recording
from execbot.oms.machine.table import COIN_FEE
from execbot.oms.position_ledger import positions_before
from execbot.report.daily import daily_report
from execbot.report.span import Span
from execbot.risk.account_rows import coins_of, fees_of, fees_of_order, fees_on, history_of
from execbot.risk.counting import account_counters
from execbot.risk.fees import FEE_ROWS, FillFee, Settled, day_of, settled
from execbot.risk.streaks import closed_trades, losses_in_a_row

D = Decimal
FIRST = datetime(2026, 10, 28, 4, 0, tzinfo=UTC)
DAYS = [eastern(FIRST).date() + timedelta(days=number) for number in range(10)]
NOW = FIRST + timedelta(days=30)
STOCKS, COINS = ("AAPL", "MSFT"), ("BTC/USD", "DOGE/USD")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db") as opened:
        yield opened


def whole(journal: Journal) -> Settled:
    rows = [row.activity for row in journal.account_rows(FEE_ROWS)]
    return settled(journal.executions(), rows)


# --- what comes ----------------------------------------------------------------------------------


def book(journal: Journal, symbol: str, qty: str, at: datetime, *, coin_fee: bool = False) -> None:
    """A trade at a price that differs from moment to moment, or coins that went as a fee."""
    with recording(journal) as ledger:
        ledger.adjust(
            symbol,
            D(qty),
            ZERO if coin_fee else D(90 + at.minute % 20),
            reason=COIN_FEE if coin_fee else "test",
            asset_class="crypto" if symbol in COINS else "us_equity",
            at=at,
            now=NOW + (at - FIRST) / 1000 + timedelta(microseconds=len(journal.executions())),
            is_trade=not coin_fee,
        )


def put(journal: Journal, name: str, day: date, cents: int, **more: str) -> None:
    wire = {"id": name, "date": str(day), "net_amount": str(D(cents) / 100),
            "activity_type": "FEE", "activity_sub_type": "TAF", "status": "executed",
            **more}  # fmt: skip
    activity = Activity.from_wire(wire)
    found = day_of(activity)
    assert found is not None
    with journal.transaction():
        journal.put_account_rows([(found, AccountRow(activity))])


def trade(journal: Journal, chance: random.Random) -> None:
    symbol = chance.choice(STOCKS + COINS)
    at = FIRST + timedelta(seconds=chance.randrange(10 * 86_400))
    if symbol in STOCKS:
        book(journal, symbol, chance.choice(("-3", "-2", "-1", "1", "2", "3")), at)
        return
    before = sum((i.signed_qty for i in journal.executions(until=at, symbol=symbol)), ZERO)
    if before > 0 and chance.random() < 0.4:
        book(journal, symbol, str(-before), at)
    elif before > 0 and chance.random() < 0.5:
        book(journal, symbol, str(-before * D("0.0025")), at, coin_fee=True)
    else:
        book(journal, symbol, "10", at)


def charge(journal: Journal, chance: random.Random, number: int) -> None:
    """A row, which may take the place of an earlier one or be called off."""
    kind = chance.choice(("TAF", "REG", "CAT", "CFEE"))
    more, day = {"activity_sub_type": kind}, chance.choice(DAYS)
    if kind == "CFEE":
        more = {"activity_type": "CFEE", "activity_sub_type": ""}
        if (executions := journal.executions()) and chance.random() < 0.6:
            at = chance.choice(executions).at
            more["created_at"] = at.isoformat()
            day = eastern(at).date() + timedelta(days=chance.choice((-1, 0, 1)))
    if number and chance.random() < 0.2:
        more |= {"previous_id": f"row-{chance.randrange(number)}", "status": "correct"}
    name = number
    if number and chance.random() < 0.2:
        name = chance.randrange(number)
        more["status"] = "canceled"
    put(journal, f"row-{name}", day, -chance.randint(1, 90), **more)


# --- what must come out --------------------------------------------------------------------------


def assert_as_whole(journal: Journal, today: date) -> None:
    costs = whole(journal)
    assert fees_of(journal, STOCKS + COINS, today) == summed(costs), today
    kinds = costs.days.get(today)
    assert fees_on(journal, today) == (None if kinds is None else sum(kinds.values(), ZERO))
    since = day_begins(today)
    trades = [t for t in closed_trades(costs) if t.closed_at >= since]
    found = closed_trades(history_of(journal, STOCKS + COINS, today))
    assert [t for t in found if t.closed_at >= since] == trades
    counters = account_counters(journal, RiskSettings(max_consecutive_losses=9), since)
    assert counters.consecutive_losses == losses_in_a_row(costs, since=since)
    for item in journal.executions(since, since + timedelta(days=1)):
        fee = fees_of_order(journal, [item]).get(item.execution_id)
        assert fee == costs.fills.get(item.execution_id)
    assert_report_as_whole(journal, Span.of(today))


def summed(costs: Settled) -> dict[str, FillFee]:
    found = {}
    for symbol in STOCKS + COINS:
        fee = costs.fee_of_all(item for item in costs.executions if item.symbol == symbol)
        if fee is not None:
            found[symbol] = fee
    return found


def assert_report_as_whole(journal: Journal, day: Span) -> None:
    rows = [row.activity for row in journal.account_rows(FEE_ROWS)]
    stood = positions_before(journal, day.on, STOCKS)
    beside = [i for i in journal.executions(day.start, day.end) if i.symbol in STOCKS]
    known: list[Execution] = [*beside, *coins_of(journal, COINS, day.on)]
    found = daily_report(day, (), known, {}, stood, rows)
    every = daily_report(day, (), journal.executions(), {}, rows=rows)
    assert found == replace(every, fills=found.fills)
    assert {item.execution_id for item in found.fills} == {i.execution_id for i in every.fills}


@pytest.mark.parametrize("seed", range(6))
def test_figures_are_those_of_everything_there_is(journal: Journal, seed: int) -> None:
    chance, rows = random.Random(seed), 0
    for _ in range(60):
        if chance.random() < 0.65:
            trade(journal, chance)
        else:
            charge(journal, chance, rows)
            rows += 1
        if chance.random() < 0.5:
            assert_as_whole(journal, chance.choice(DAYS))
    for today in DAYS:
        assert_as_whole(journal, today)


# --- what is kept, and what makes it fall --------------------------------------------------------


def bought(journal: Journal, *days: int, symbol: str = "AAPL") -> None:
    for number in days:
        book(journal, symbol, "-1", FIRST + timedelta(days=number, hours=12))


def heard(monkeypatch: pytest.MonkeyPatch) -> list[Execution]:
    """What is read of executions from now on."""
    read: list[Execution] = []
    executions = Journal.executions

    def hear(self: Journal, *asked: Any, **more: Any) -> list[Execution]:
        found = executions(self, *asked, **more)
        read.extend(found)
        return found

    monkeypatch.setattr(Journal, "executions", hear)
    return read


def kept(journal: Journal, symbol: str = "AAPL") -> date | None:
    found = journal.fee_sum(symbol, until=DAYS[-1])
    return None if found is None else found.day


def test_what_was_summed_is_read_no_more(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    bought(journal, 0, 1, 5)
    put(journal, "row", DAYS[1], -7)
    assert fees_of(journal, ["AAPL"], DAYS[5]) == {"AAPL": FillFee(D("0.07"))}
    read = heard(monkeypatch)
    assert fees_of(journal, ["AAPL"], DAYS[5]) == {"AAPL": FillFee(D("0.07"))}
    assert {eastern(item.at).date() for item in read} == {DAYS[5]}


def test_of_coins_nothing_before_a_flat_morning_and_after_the_day_is_read(
    journal: Journal,
) -> None:
    for number in (0, 1, 5, 7):
        at = FIRST + timedelta(days=number, hours=12)
        book(journal, "BTC/USD", "10", at)
        book(journal, "BTC/USD", "-0.025", at + timedelta(minutes=5), coin_fee=True)
        book(journal, "BTC/USD", "-9.975", at + timedelta(minutes=9))
    (order,) = [i for i in journal.executions(symbol="BTC/USD") if i.signed_qty == 10][2:3]
    assert {eastern(i.at).date() for i in coins_of(journal, COINS, DAYS[5])} == {DAYS[5]}
    assert len(fees_of_order(journal, [order])) == 1
    trades = closed_trades(history_of(journal, COINS, DAYS[5]))
    assert [eastern(trade.closed_at).date() for trade in trades] == [DAYS[5], DAYS[7]]


def test_what_is_held_since_long_is_not_read_to_count_losses(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, qty in ((0, "10"), (1, "2"), (5, "-3")):
        book(journal, "AAPL", qty, FIRST + timedelta(days=number, hours=12))
    read = heard(monkeypatch)
    risk, today = RiskSettings(max_consecutive_losses=9), day_begins(DAYS[5])
    assert account_counters(journal, risk, today).consecutive_losses == 0
    assert {eastern(item.at).date() for item in read} == {DAYS[5]}
    book(journal, "AAPL", "-9", FIRST + timedelta(days=5, hours=13))
    read.clear()
    (trade,) = closed_trades(history_of(journal, ["AAPL"], DAYS[5]))
    found = account_counters(journal, risk, today).consecutive_losses
    assert (found == 1) == trade.is_loss and len(read) > 3


def test_a_late_row_makes_the_sums_from_its_day_on_fall(journal: Journal) -> None:
    bought(journal, 0, 1, 5)
    for today in (DAYS[1], DAYS[3], DAYS[6]):
        fees_of(journal, ["AAPL"], today)
    put(journal, "late", DAYS[2], -5)
    assert kept(journal) == DAYS[1]
    put(journal, "later", DAYS[0], -5)
    assert kept(journal) is None
    assert fees_of(journal, ["AAPL"], DAYS[6]) == {"AAPL": FillFee(D("0.05"))}


def test_a_row_in_the_place_of_an_earlier_one_makes_all_fall(journal: Journal) -> None:
    bought(journal, 0, 5)
    put(journal, "row", DAYS[0], -7)
    assert fees_of(journal, ["AAPL"], DAYS[4]) == {"AAPL": FillFee(D("0.07"))}
    put(journal, "right", DAYS[5], -9, previous_id="row", status="correct")
    assert kept(journal) is None
    assert fees_of(journal, ["AAPL"], DAYS[4]) == {"AAPL": FillFee(D("0.09"))}


def test_a_late_execution_changes_the_shares_of_other_symbols(journal: Journal) -> None:
    bought(journal, 0)
    put(journal, "row", DAYS[0], -8)
    assert fees_of(journal, ["AAPL"], DAYS[4]) == {"AAPL": FillFee(D("0.08"))}
    bought(journal, 0, symbol="MSFT")
    assert kept(journal) is None
    assert fees_of(journal, ["AAPL"], DAYS[4]) == {"AAPL": FillFee(D("0.04"), estimated=True)}


def test_a_row_that_names_a_moment_before_its_day_makes_that_moment_fall(journal: Journal) -> None:
    """The day of a row may be told in another zone than the execution's."""
    evening = day_begins(DAYS[1]) - timedelta(minutes=5)
    for at in (evening - timedelta(hours=2), evening):
        book(journal, "BTC/USD", "-1" if at == evening else "10", at)
    book(journal, "BTC/USD", "-0.025", evening + timedelta(seconds=30), coin_fee=True)
    assert fees_of(journal, COINS, DAYS[1]) == summed(whole(journal))
    assert kept(journal, "BTC/USD") == DAYS[1]
    put(journal, "row", DAYS[1], -7, activity_type="CFEE", activity_sub_type="",
        created_at=evening.isoformat())  # fmt: skip
    assert kept(journal, "BTC/USD") is None
    found = fees_of(journal, COINS, DAYS[1])
    assert found == summed(whole(journal)) and found["BTC/USD"].amount > D("0.07")
    assert kept(journal, "BTC/USD") == DAYS[1]
    assert fees_of(journal, COINS, DAYS[1]) == found


def test_a_row_of_today_leaves_the_sums_of_before(journal: Journal) -> None:
    bought(journal, 0, 4)
    fees_of(journal, ["AAPL"], DAYS[4])
    put(journal, "row", DAYS[4], -7)
    assert kept(journal) == DAYS[4]


def test_what_is_traded_today_leaves_the_sums_of_before(journal: Journal) -> None:
    bought(journal, 0)
    fees_of(journal, ["AAPL"], DAYS[4])
    bought(journal, 4)
    assert kept(journal) == DAYS[4]


def test_a_sum_ends_before_a_purchase_whose_coins_are_not_booked(journal: Journal) -> None:
    book(journal, "BTC/USD", "10", FIRST + timedelta(days=1, hours=12))
    assert fees_of(journal, ["BTC/USD"], DAYS[5]) == {}
    assert kept(journal, "BTC/USD") == DAYS[1]
    at = FIRST + timedelta(days=5, hours=12)
    book(journal, "BTC/USD", "-0.025", at, coin_fee=True)
    assert fees_of(journal, ["BTC/USD"], DAYS[5]) == {"BTC/USD": FillFee(D("0.025") * 90)}
