"""Goal: what came to the account or left it is neither profit nor loss of the day (E-CASH-1).

Method: tables of rows; the exchange takes and brings cash and shares while orders are checked.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import market
from support.signal_trader import SignalTrader, open_trader

from execbot.journal.records import AccountRow
from execbot.model.account import Account, Activity
from execbot.model.times import eastern
from execbot.oms.errors import Refused
from execbot.risk.flows import day_change, day_return, flows_begin, flows_of
from execbot.risk.halting import current
from execbot.trades.equity import Basis, EquityDay

D = Decimal
DAY = date(2026, 10, 7)


def row(kind: str, worth: str | None = None, **more: str) -> AccountRow:
    wire = {"id": f"{kind}::1", "activity_type": kind, "date": str(DAY), **more}
    return AccountRow(Activity.from_wire(wire), None if worth is None else D(worth))


@pytest.mark.parametrize(
    ("rows", "amount"),
    [
        ([row("CSD", net_amount="50000")], "50000"),
        ([row("CSW", net_amount="-6000")], "-6000"),
        ([row("JNLC", net_amount="10"), row("ACATC", net_amount="-4")], "6"),
        ([row("JNLS", symbol="AAPL", qty="-10", price="20")], "-200"),
        ([row("ACATS", symbol="BTC/USD", qty="2")], "100"),
        ([row("CSW", net_amount="-6000", status="canceled")], "0"),
        ([row("CSW", net_amount="-6000", date="2026-10-06")], "0"),
        ([row("CSW", net_amount="-6000", id="a::b"), row("CSD", net_amount="1")], "-5999"),
        (
            [
                row("CSW", net_amount="-6000", id="a::b"),
                row("CSW", net_amount="-600", id="c::d", previous_id="b", status="correct"),
            ],
            "-600",
        ),
        ([row("TRANS", net_amount="-5"), row("JNL", net_amount="3")], "-2"),
        ([row("ACATS", "55", symbol="AAPL", qty="2", price="20")], "110"),
        ([row("JNLS", "55", symbol="AAPL", qty="-2", price="20")], "-110"),
        ([row("DIV", net_amount="7"), row("FEE", net_amount="-1")], "0"),
    ],
)
def test_rows_of_the_day_are_added_up(rows: list[AccountRow], amount: str) -> None:
    assert flows_of(rows, DAY, {"BTCUSD": D(50)}).amount == D(amount)


@pytest.mark.parametrize(
    ("created_at", "equity", "last_equity", "flows", "expected"),
    [
        pytest.param("2026-10-07T14:00:00Z", "100000", "100000", "100000", "0", id="opening cash"),
        pytest.param("2026-10-08T00:40:00Z", "99000", "100000", "100000", "-1000", id="late, lost"),
        pytest.param("2026-10-07T14:00:00Z", "100000", "0", "100000", "0", id="none at the close"),
        pytest.param("2026-10-07T14:00:00Z", "99000", "100000", "0", "-1000", id="its row is late"),
        pytest.param("2026-10-07T14:00:00Z", "105000", "100000", "5000", "0", id="only the other"),
        pytest.param("2026-10-06T14:00:00Z", "200000", "100000", "100000", "0", id="a day old"),
        pytest.param("2026-10-06T14:00:00Z", "100000", "100000", "100000", "-100000", id="lost"),
        pytest.param("", "100000", "100000", "100000", "-100000", id="age unknown"),
    ],
)
def test_the_opening_cash_of_an_account_counts_once(
    created_at: str, equity: str, last_equity: str, flows: str, expected: str
) -> None:
    """Alpaca dates the row of a new paper account's cash by the day on which it was opened."""
    account = Account.from_wire(
        {"created_at": created_at, "equity": equity, "last_equity": last_equity}
    )
    assert day_change(account, D(flows), DAY) == D(expected)


@pytest.mark.parametrize(
    ("asof", "on", "flows", "expected"),
    [
        pytest.param("2026-10-06", "2026-10-07", {"2026-10-07": "500"}, "0", id="of today"),
        pytest.param("2026-10-02", "2026-10-05", {"2026-10-03": "500"}, "0", id="of the weekend"),
        pytest.param(
            "2026-10-02",
            "2026-10-05",
            {"2026-10-02": "9", "2026-10-05": "500"},
            "0",
            id="of Friday",
        ),
        pytest.param("2026-10-07", "2026-10-07", {"2026-10-07": "9"}, "500", id="page turned"),
        pytest.param("2026-10-08", "2026-10-07", {"2026-10-07": "500"}, "0", id="of tomorrow"),
        pytest.param("2025-10-06", "2026-10-07", {"2026-10-06": "9"}, "500", id="of last year"),
        pytest.param("soon", "2026-10-07", {"2026-10-07": "500"}, "0", id="no day"),
        pytest.param(None, "2026-10-07", {"2026-10-07": "500"}, "0", id="not said"),
    ],
)
def test_what_the_last_close_does_not_hold_yet_is_no_profit(
    asof: str | None, on: str, flows: dict[str, str], expected: str
) -> None:
    """The broker says of which day's close `last_equity` is."""
    day = date.fromisoformat(on)
    account = Account.from_wire({"equity": "1500", "last_equity": "1000", "balance_asof": asof})
    rows = [row("CSD", net_amount=amount, date=of, id=of) for of, amount in flows.items()]
    came = flows_of(rows, day, {}, first=flows_begin(account, day))
    assert day_change(account, came.amount, day) == D(expected)


@pytest.mark.parametrize(
    ("flows", "expected"),
    [
        pytest.param({}, "0.05", id="nothing came"),
        pytest.param({"a": "1000"}, "-0.475", id="what came was there to work with"),
        pytest.param({"a": "-200"}, "0.25", id="what went was there as well"),
        pytest.param({"a": "1000", "b": "-900"}, "-0.025", id="both"),
    ],
)
def test_a_days_percent_are_of_what_was_there_to_make_them_as_in_statistics(
    flows: dict[str, str], expected: str
) -> None:
    account = Account.from_wire(
        {"equity": "1050", "last_equity": "1000", "balance_asof": "2026-10-06"}
    )
    rows = [row("CSD", net_amount=amount, id=f"{of}::1") for of, amount in flows.items()]
    found = flows_of(rows, DAY, {}, first=flows_begin(account, DAY))
    mine = day_return(account, found)
    day = EquityDay(DAY, Basis.RUNNING, D(1000), D(1050), found.amount, found.came)
    assert mine == D(expected)
    assert day.rate == pytest.approx(float(mine or 0))


def test_an_account_without_anything_has_no_percent() -> None:
    account = Account.from_wire({"equity": "5", "last_equity": "0", "balance_asof": "2026-10-06"})
    assert day_return(account, flows_of([], DAY, {})) is None


def test_an_account_that_was_opened_on_a_weekend_has_no_close_before_monday() -> None:
    account = Account.from_wire(
        {
            "created_at": "2026-10-03T14:00:00Z",
            "equity": "99000",
            "last_equity": "100000",
            "balance_asof": "2026-10-02",
        }
    )
    assert day_change(account, D(100000), date(2026, 10, 5)) == -1000


def test_shares_without_a_price_are_named() -> None:
    assert flows_of([row("JNLS", symbol="XYZ", qty="3")], DAY, {}).unpriced == ("XYZ",)


# --- against the exchange ----------------------------------------------------------------------


def trader(path: Path) -> SignalTrader:
    return open_trader(path, risk={"duplicate_window_seconds": D(0)}, max_positions=50)


def flow(opened: SignalTrader, **body: Any) -> None:
    opened.desk.call("POST", "/sim/flow", body)


def lose(opened: SignalTrader, amount: str = "8900") -> None:
    """Cash goes, and no row tells where."""
    opened.executor.risk.reader.account_facts(fresh=True)
    (account,) = opened.desk.venue.exchange.core.accounts.values()
    account.cash -= D(amount)


def failed(opened: SignalTrader) -> set[str]:
    verdict = opened.executor.risk.check(market("MSFT", "1")).verdict
    return {failure.code for failure in verdict.failures}


def test_a_withdrawal_is_no_loss(tmp_path: Path) -> None:
    opened = trader(tmp_path)
    opened.executor.risk.reader.account_facts(fresh=True)
    flow(opened, type="CSW", amount=-6000)
    opened.desk.sleep(61)
    assert "daily_loss" not in failed(opened)


@pytest.mark.parametrize("amount", [-6000, 50000])
def test_what_came_today_is_neither_profit_nor_loss_once_the_broker_has_turned_the_page(
    tmp_path: Path, amount: int
) -> None:
    """After hours `last_equity` becomes that of today's close, which holds the row of today."""
    opened = open_trader(tmp_path, sim={"calendar": "exchange"})
    opened.executor.risk.reader.account_facts(fresh=True)
    flow(opened, type="CSD" if amount > 0 else "CSW", amount=amount)
    for hour in (11, 15, 19, 21, 23):
        opened.desk.call("POST", "/sim/clock", {"set": f"2026-10-07 {hour}:30"})
        assert change(opened) == 0, hour


def test_a_deposit_hides_no_loss(tmp_path: Path) -> None:
    """8,900 of 100,000 are lost; equity stands 41,100 higher than yesterday."""
    opened = trader(tmp_path)
    lose(opened)
    flow(opened, type="CSD", amount=50000)
    opened.desk.sleep(61)
    assert "daily_loss" in failed(opened)


def test_a_row_that_comes_later_corrects_the_day_before_anything_is_latched(
    tmp_path: Path,
) -> None:
    opened = trader(tmp_path)
    flow(opened, type="CSW", amount=-6000, row_after=60)
    with pytest.raises(Refused):
        opened.placer.place(market("MSFT", "1"))
    assert not current(opened.desk.journal).stops_entries
    opened.desk.sleep(65)
    opened.placer.place(market("MSFT", "1"))


def test_a_loss_that_lasts_latches_the_switch(tmp_path: Path) -> None:
    opened = trader(tmp_path)
    lose(opened)
    for seconds in (0, 130):
        opened.desk.sleep(seconds)
        with pytest.raises(Refused):
            opened.placer.place(market("MSFT", "1"))
    assert current(opened.desk.journal).stops_entries


def test_a_broker_that_tells_no_rows_holds_no_order_up(tmp_path: Path) -> None:
    opened = trader(tmp_path)
    opened.desk.fault("server_error", count=None, path="/v2/account/activities", status=500)
    opened.placer.place(market("MSFT", "1"))


# --- shares ------------------------------------------------------------------------------------


def change(opened: SignalTrader) -> Decimal:
    """The day's profit as the limit sees it."""
    facts = opened.executor.risk.check(market("MSFT", "1")).facts
    assert facts.account is not None
    found = day_change(facts.account, facts.flows, eastern(facts.now).date())
    assert found is not None
    return found


@pytest.mark.parametrize("kind", ["ACATS", "JNLS", "FOPT"])
def test_shares_that_come_are_worth_what_the_market_pays_not_what_they_had_cost(
    tmp_path: Path, kind: str
) -> None:
    """Bought for 20 elsewhere, at 100 today: they bring no profit, and they hide no loss."""
    opened = trader(tmp_path)
    opened.desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "100", "hold": True})
    flow(opened, type=kind, symbol="AAPL", qty=100, price=20)
    opened.desk.sleep(61)
    assert abs(change(opened)) < 10
    lose(opened)
    assert "daily_loss" in failed(opened)


def test_shares_that_went_are_no_loss_though_their_row_has_no_price(tmp_path: Path) -> None:
    opened = trader(tmp_path)
    opened.desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "100", "hold": True})
    opened.desk.oms.submit(market("AAPL", "100"))
    opened.desk.sleep(2)
    flow(opened, type="JNLS", symbol="AAPL", qty=-100)
    opened.desk.sleep(61)
    assert abs(change(opened)) < 10


def test_what_the_shares_do_after_they_came_is_the_days_profit(tmp_path: Path) -> None:
    opened = trader(tmp_path)
    opened.desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "100", "hold": True})
    flow(opened, type="ACATS", symbol="AAPL", qty=100, price=20)
    opened.desk.sleep(61)
    change(opened)
    opened.desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "90", "hold": True})
    opened.desk.sleep(61)
    assert abs(change(opened) + 1000) < 10
