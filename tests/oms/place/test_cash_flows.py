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

from execbot.model.account import Activity
from execbot.oms.errors import Refused
from execbot.risk.flows import flows_of
from execbot.risk.halting import current

D = Decimal
DAY = date(2026, 10, 7)


def row(kind: str, **more: str) -> Activity:
    return Activity.from_wire({"id": "1", "activity_type": kind, "date": str(DAY), **more})


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
        ([row("DIV", net_amount="7"), row("FEE", net_amount="-1")], "0"),
    ],
)
def test_rows_of_the_day_are_added_up(rows: list[Activity], amount: str) -> None:
    assert flows_of(rows, DAY, {"BTCUSD": D(50)}).amount == D(amount)


def test_shares_without_a_price_are_named() -> None:
    assert flows_of([row("JNLS", symbol="XYZ", qty="3")], DAY, {}).unpriced == ("XYZ",)


# --- against the exchange ----------------------------------------------------------------------


def trader(path: Path) -> SignalTrader:
    return open_trader(path, risk={"duplicate_window_seconds": D(0)}, max_positions=50)


def flow(opened: SignalTrader, **body: Any) -> None:
    opened.desk.call("POST", "/sim/flow", body)


def lose(opened: SignalTrader, amount: str = "8900") -> None:
    """Cash goes, and no row tells where."""
    opened.executor.desk.reader.account_facts(fresh=True)
    (account,) = opened.desk.venue.exchange.core.accounts.values()
    account.cash -= D(amount)


def failed(opened: SignalTrader) -> set[str]:
    verdict = opened.executor.desk.check(market("MSFT", "1")).verdict
    return {failure.code for failure in verdict.failures}


def test_a_withdrawal_is_no_loss(tmp_path: Path) -> None:
    opened = trader(tmp_path)
    opened.executor.desk.reader.account_facts(fresh=True)
    flow(opened, type="CSW", amount=-6000)
    opened.desk.sleep(61)
    assert "daily_loss" not in failed(opened)


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
