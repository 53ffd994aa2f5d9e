"""Goal: a day's cash is explained to the cent by fills, flows and fees, or somebody is told.

Method: days at the built-in exchange with trades, deposits, fees that come late and money that goes
without a word; the exchange's own account is what is explained.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from support.confirming import Confirmed, open_confirmed
from support.desk import market

from execbot.journal.confirmation import CashDay, CashSample, ExecutionVerdict
from execbot.journal.records import Execution, FillState
from execbot.model.account import Activity
from execbot.model.enums import EventSource, Side
from execbot.model.times import eastern
from execbot.quality.cash import cash_day
from execbot.quality.cash_check import CashCheck, cash_alert_words

D = Decimal


def test_what_a_row_booked_is_counted_as_its_row_alone() -> None:
    """Shares at a strike are a trade in the books and a flow of the account."""
    at = datetime(2026, 10, 9, 20, tzinfo=UTC)
    strike = Execution(
        execution_id="adjust:AAPL", order_id="", client_order_id="", symbol="AAPL",
        side=Side.BUY, at=at, source=EventSource.RECONCILE, state=FillState.BOOKED,
        qty=D(100), price=D(240), net_qty=D(100), net_price=D(240),
        activity_id="row-1", asset_class="us_equity",
    )  # fmt: skip
    row = {"id": "row-1", "activity_type": "OPTRD", "symbol": "AAPL", "qty": "100"}
    row |= {"date": "2026-10-09", "net_amount": "-24000"}
    before, after = at - timedelta(hours=6), at + timedelta(hours=1)
    samples = CashSample(before, D(100_000)), CashSample(after, D(76_000))
    made = cash_day(at.date(), samples, [strike], [Activity.from_wire(row)], at)
    assert (made.verdict, made.difference) == (ExecutionVerdict.CONFIRMED, 0)


class Books:
    """An account whose cash is read each quarter of an hour."""

    def __init__(self, account: Confirmed) -> None:
        self.account = account
        self.check = CashCheck(account.desk.journal, account.desk.client, account.desk.now)
        self.check.turn()
        self.day = eastern(account.desk.now()).date()

    def pass_hours(self, hours: float) -> None:
        for _ in range(int(hours * 2)):
            self.account.desk.sleep(1800)
            self.account.hear()
            self.check.turn()

    def trade(self) -> None:
        desk = self.account.desk
        desk.sleep(30)
        desk.oms.submit(market(qty="20"), role="entry")
        desk.sleep(30)
        desk.oms.submit(market(qty="5", side=Side.SELL), role="exit")
        desk.sleep(30)
        self.account.hear()

    def found(self) -> CashDay:
        found = self.account.desk.journal.cash_day(self.day)
        assert found is not None
        return found

    def cash_there(self) -> Decimal:
        return D(self.account.desk.call("GET", "/v2/account")["cash"])


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(open_confirmed(tmp_path))


def test_a_day_of_trades_and_deposits_is_explained_to_the_cent(books: Books) -> None:
    began = books.cash_there()
    books.trade()
    books.account.desk.call("POST", "/sim/flow", {"type": "CSD", "amount": 5000, "row_after": 7200})
    books.pass_hours(1)
    books.trade()
    ended = books.cash_there()
    books.pass_hours(16)
    made = books.found()
    assert made.verdict is ExecutionVerdict.CONFIRMED
    assert made.change == ended - began
    assert (made.flows, made.difference) == (D(5000), D(0))
    assert made.fills == made.change - D(5000)
    assert cash_alert_words(books.account.desk.journal, books.account.desk.now()) == []


def test_money_that_goes_without_a_word_is_told_once(books: Books) -> None:
    books.trade()
    body = {"type": "CSW", "amount": -40, "row_after": 10 * 24 * 3600}
    books.account.desk.call("POST", "/sim/flow", body)
    books.pass_hours(16)
    made = books.found()
    assert (made.verdict, made.difference) == (ExecutionVerdict.DIFFERS, D(-40))
    journal, now = books.account.desk.journal, books.account.desk.now()
    [words] = cash_alert_words(journal, now)
    assert "-40.00 USD" in words
    assert cash_alert_words(journal, now) == []


def test_a_flow_that_is_told_days_later_makes_a_new_version(books: Books) -> None:
    body = {"type": "CSW", "amount": -40, "row_after": 30 * 3600}
    books.account.desk.call("POST", "/sim/flow", body)
    books.pass_hours(16)
    assert books.found().verdict is ExecutionVerdict.DIFFERS
    books.pass_hours(30)
    made = books.found()
    assert made.verdict is ExecutionVerdict.CONFIRMED
    assert made.version > 1


def test_fees_that_are_charged_later_are_no_error(tmp_path: Path) -> None:
    exchange = {"taf_per_share": "0.5", "sec_per_dollar": "0.001"}
    books = Books(open_confirmed(tmp_path, exchange=exchange))
    books.trade()
    books.pass_hours(16)
    first = books.found()
    assert first.verdict is not ExecutionVerdict.DIFFERS
    books.pass_hours(30)
    assert books.found().verdict is not ExecutionVerdict.DIFFERS


def test_nothing_is_asked_again_within_a_quarter_of_an_hour(books: Books) -> None:
    sent = len(books.account.desk.sent)
    books.account.desk.sleep(600)
    assert books.check.turn() == []
    assert len(books.account.desk.sent) == sent


def test_what_happened_while_nobody_looked_is_not_the_next_days(books: Books) -> None:
    """A machine that was off for days: fees and money of those days are no difference of this."""
    books.trade()
    books.pass_hours(1)
    desk = books.account.desk
    desk.sleep(24 * 3600)
    desk.call("POST", "/sim/flow", {"type": "CSW", "amount": -600})
    desk.sleep(2 * 24 * 3600)
    books.day = eastern(desk.now()).date()
    books.pass_hours(30)
    made = books.found()
    assert (made.verdict, made.difference) == (ExecutionVerdict.CONFIRMED, 0)


def test_a_row_of_a_day_that_was_read_from_its_middle_on_is_no_difference(books: Books) -> None:
    desk = books.account.desk
    desk.sleep(2 * 24 * 3600)
    books.day = eastern(desk.now()).date()
    desk.call("POST", "/sim/flow", {"type": "CSW", "amount": -600})
    desk.sleep(60)
    books.pass_hours(30)
    made = books.found()
    assert (made.verdict, made.why) == (ExecutionVerdict.UNVERIFIED, "row_beside_a_reading")
