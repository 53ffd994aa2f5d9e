"""Goal: gross, fees and net equal the exchange's own record to the cent (E-FEE-1, E-COST-2).

Method: days of trades at an exchange that charges fees, through the journal as commands fill it.
The judge is the exchange: its cash before and after, and its rows.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import Desk, market, open_desk

from execbot.model.enums import Side, TimeInForce
from execbot.model.times import eastern
from execbot.oms.sync.coin_fees import book_coin_fees
from execbot.report.daily import DailyReport, daily_report
from execbot.report.span import Span
from execbot.risk.account_rows import fees_of, history_of, market_prices, refresh_rows
from execbot.risk.fees import FEE_ROWS, FillFee, settled
from execbot.risk.streaks import closed_trades

D = Decimal
RATES = {
    "taf_per_share": "0.000166",
    "sec_per_dollar": "0.0000278",
    "cat_per_share": "0.000053",
}
FIRST = date(2026, 10, 7)
HALF_A_CENT = D("0.005")
"""The account shows its cash in cents."""


def cash(desk: Desk) -> Decimal:
    return D(desk.call("GET", "/v2/account")["cash"])


def price(desk: Desk, symbol: str, value: str) -> None:
    desk.call("POST", "/sim/price", {"symbol": symbol, "price": value, "hold": True})


def trade(desk: Desk, symbol: str, qty: str) -> None:
    side = Side.BUY if D(qty) > 0 else Side.SELL
    tif = TimeInForce.GTC if "/" in symbol else TimeInForce.DAY
    desk.oms.submit(market(symbol, str(abs(D(qty))), side, time_in_force=tif))
    desk.sleep(2)


def sell_all(desk: Desk, symbol: str) -> None:
    held = D(desk.positions_there().get(symbol.replace("/", ""), "0"))
    if held:
        trade(desk, symbol, str(-held))


def until(desk: Desk, when: str) -> None:
    desk.call("POST", "/sim/clock", {"set": when})
    desk.venue.advance()


def learn(desk: Desk) -> None:
    """What a report does before it counts."""
    desk.oms.gap_fill()
    held = desk.client.get_positions()
    prices = market_prices(held)
    assert refresh_rows(desk.journal, desk.client, desk.now(), prices, far_back=True)
    book_coin_fees(desk.journal, held, desk.now())


def report(desk: Desk, on: date = FIRST) -> DailyReport:
    journal = desk.journal
    rows = [row.activity for row in journal.account_rows(FEE_ROWS)]
    return daily_report(Span.of(on), journal.orders(), journal.executions(), {}, rows=rows)


def fees(day: DailyReport) -> list[FillFee | None]:
    return [day.fill_fees.get(fill.execution_id) for fill in day.fills]


def charged(desk: Desk) -> Mapping[date, Mapping[str, Decimal]]:
    """Dollars by the exchange's rows; coins have a price of their own there."""
    found: defaultdict[date, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    path = "/v2/account/activities?activity_types=FEE,CFEE,PTC&page_size=100&direction=asc"
    rows: list[dict[str, Any]] = desk.call("GET", path)
    assert len(rows) < 100
    for row in rows:
        kind = row.get("activity_sub_type") or row["activity_type"]
        coins = D(row.get("qty") or "0") * D(row.get("price") or "0")
        found[date.fromisoformat(row["date"])][kind] -= D(row["net_amount"]) + coins
    return found


# --- coins -------------------------------------------------------------------------------------


def test_fees_of_coins_are_told_at_once(tmp_path: Path) -> None:
    """Sold at the price of the purchase: no loss by the prices, and one all the same."""
    desk = open_desk(tmp_path)
    price(desk, "DOGE/USD", "0.18")
    before = cash(desk)
    trade(desk, "DOGE/USD", "6000")
    sell_all(desk, "DOGE/USD")
    learn(desk)
    day = report(desk)
    lost = cash(desk) - before
    assert abs(day.net_pl - lost) < HALF_A_CENT
    assert day.fees_total == sum(charged(desk)[FIRST].values())
    assert day.realized_pl - (day.fees_total or 0) == day.net_pl
    assert day.net_pl < day.realized_pl
    assert desk.journal.positions() == []
    (closed,) = closed_trades(history_of(desk.journal, ["DOGE/USD"], FIRST))
    assert abs(closed.net - lost) < HALF_A_CENT


def test_a_fee_larger_than_the_usual_share_is_booked_by_its_row(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)
    trade(desk, "BTC/USD", "0.1")
    learn(desk)
    desk.call("POST", "/sim/fee", {"type": "CFEE", "symbol": "BTC/USD", "amount": "0.002"})
    learn(desk)
    there = D(desk.positions_there()["BTCUSD"])
    held = desk.journal.position("BTC/USD")
    assert held is not None and held.qty == there
    desk.sleep(1)
    assert not desk.oms.reconcile().has_breaks


def test_coins_that_went_without_a_row_stay_a_break(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)
    trade(desk, "BTC/USD", "0.1")
    learn(desk)
    assert not desk.oms.reconcile().has_breaks
    (account,) = desk.venue.exchange.core.accounts.values()
    account.position("BTC/USD").shed(D("0.01"))
    learn(desk)
    result = desk.oms.reconcile()
    assert [item.kind for item in result.breaks] == ["position.qty"]


def test_fees_booked_in_the_evening_belong_to_the_purchases_of_the_day(tmp_path: Path) -> None:
    """One row a day and pair; the difference is booked the next morning only."""
    desk = open_desk(tmp_path, exchange={"crypto_fees_daily": True})
    price(desk, "BTC/USD", "50000")
    for _ in range(2):
        trade(desk, "BTC/USD", "0.1")
    until(desk, "2026-10-08 09:00")
    learn(desk)
    day, next_day = report(desk), report(desk, FIRST + timedelta(days=1))
    paid = fees(day)
    assert [fee and fee.estimated for fee in paid] == [True, True]
    bought = sum((fill.net_qty for fill in day.fills), D(0))
    went = bought - D(desk.positions_there()["BTCUSD"])
    (first, second) = (fill.net_price for fill in day.fills)
    assert first == second and day.fees == {"CFEE": went * first}
    assert next_day.fees == {}


# --- stocks ------------------------------------------------------------------------------------


def test_fees_of_stocks_are_exact_by_day_and_shared_over_its_trades(tmp_path: Path) -> None:
    desk = open_desk(tmp_path, exchange=RATES)
    price(desk, "AAPL", "200")
    price(desk, "MSFT", "400")
    trade(desk, "AAPL", "300")
    for qty in ("-100", "-150", "-50"):
        trade(desk, "AAPL", qty)
    trade(desk, "MSFT", "10")
    trade(desk, "MSFT", "-10")
    learn(desk)
    assert report(desk).fees_total is None
    until(desk, "2026-10-08 09:00")
    learn(desk)
    day = report(desk)
    assert dict(day.fees) == dict(charged(desk)[FIRST]) != {}
    shares = [fee for fee in fees(day) if fee is not None]
    assert sum(fee.amount for fee in shares) == day.fees_total
    assert all(fee.amount == fee.amount.quantize(D("0.01")) for fee in shares)
    assert all(fee.estimated for fee in shares)
    by_symbol = {line.symbol: line for line in day.positions}
    assert sum(line.net_pl for line in day.positions) == day.net_pl
    aapl, msft = by_symbol["AAPL"].fees, by_symbol["MSFT"].fees
    assert aapl is not None and msft is not None and aapl.amount > msft.amount


def test_a_fee_without_a_trade_is_the_days_and_nobodys(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)
    trade(desk, "AAPL", "10")
    desk.call("POST", "/sim/fee", {"type": "PTC", "symbol": "AAPL", "amount": 2})
    desk.call("POST", "/sim/fee", {"type": "FEE", "amount": 25})
    learn(desk)
    day = report(desk)
    assert day.fees == {"PTC": 2, "FEE": 25}
    assert day.net_pl == day.realized_pl - 27
    assert fees(day) == [None]


def test_a_row_that_comes_later_corrects_its_day(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)
    trade(desk, "AAPL", "10")
    trade(desk, "AAPL", "-10")
    body = {"type": "FEE", "sub_type": "TAF", "amount": "0.02", "row_after": 86_400}
    desk.call("POST", "/sim/fee", body)
    learn(desk)
    assert report(desk).fees_total is None
    desk.sleep(86_500)
    learn(desk)
    assert report(desk).fees == {"TAF": D("0.02")}
    assert [fee and fee.amount for fee in fees(report(desk))] == [None, D("0.02")]
    assert report(desk, FIRST + timedelta(days=1)).fees_total is None


def test_rows_of_weeks_in_which_nobody_looked_are_read(tmp_path: Path) -> None:
    """A look, three weeks of trading by another program, and the next look."""
    desk = open_desk(tmp_path, exchange=RATES)
    price(desk, "AAPL", "200")
    trade(desk, "AAPL", "300")
    learn(desk)
    for day in ("2026-10-08", "2026-10-30"):
        until(desk, f"{day} 10:00")
        trade(desk, "AAPL", "-100")
    until(desk, "2026-10-31 09:00")
    learn(desk)
    for on in (date(2026, 10, 8), date(2026, 10, 30)):
        assert report(desk, on).fees == charged(desk)[on] != {}


# --- random days -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_random_days_with_fees_busts_and_flows_add_up_to_the_cash(
    tmp_path: Path, seed: int
) -> None:
    """Once flat, what came in is what is reported net, less what was deposited or withdrawn."""
    chance = random.Random(seed)
    daily = {"crypto_fees_daily": chance.random() < 0.5}
    desk = open_desk(tmp_path, exchange={**daily, **RATES})
    before, flows = cash(desk), D(0)
    symbols = ("AAPL", "MSFT", "DOGE/USD", "BTC/USD")
    sizes = {"AAPL": "100", "MSFT": "40", "DOGE/USD": "5000", "BTC/USD": "0.2"}
    prices = {"AAPL": 200.0, "MSFT": 400.0, "DOGE/USD": 0.2, "BTC/USD": 50000.0}
    days = [FIRST, FIRST + timedelta(days=1), FIRST + timedelta(days=2)]
    for day in days:
        until(desk, f"{day} 10:00")
        for _ in range(8):
            symbol = chance.choice(symbols)
            prices[symbol] *= chance.uniform(0.97, 1.03)
            price(desk, symbol, f"{prices[symbol]:.4g}")
            held = D(desk.positions_there().get(symbol.replace("/", ""), "0"))
            if held and chance.random() < 0.6:
                trade(desk, symbol, str(-held))
            else:
                trade(desk, symbol, sizes[symbol])
            if chance.random() < 0.2:
                amount = D(chance.choice([-700, 1500]))
                kind = "CSD" if amount > 0 else "CSW"
                desk.call("POST", "/sim/flow", {"type": kind, "amount": str(amount)})
                flows += amount
            if chance.random() < 0.4:
                learn(desk)
                assert_summed(desk, symbols)
        if chance.random() < 0.7:
            bust(desk)
    for symbol in symbols:
        sell_all(desk, symbol)
    desk.oms.apply_batch(desk.frames())
    until(desk, f"{days[-1] + timedelta(days=1)} 09:00")
    learn(desk)
    assert desk.positions_there() == {} and desk.journal.positions() == []
    assert_summed(desk, symbols)
    reports = [report(desk, day) for day in days]
    made = sum((day.net_pl for day in reports), D(0))
    assert abs(made - (cash(desk) - before - flows)) <= HALF_A_CENT, f"seed {seed}"
    dollars = charged(desk)
    for day in reports:
        for kind in ("REG", "TAF", "CAT"):
            assert day.fees.get(kind, D(0)) == dollars[day.day.on].get(kind, D(0))
        shares = sum((fee.amount for fee in fees(day) if fee), D(0))
        assert abs(shares - (day.fees_total or D(0))) < D("1e-12")
        lines = sum((line.net_pl for line in day.positions), D(0))
        assert abs(lines - day.net_pl) < D("1e-12")


def assert_summed(desk: Desk, symbols: Collection[str]) -> None:
    """Sums that were kept on the way, and fell, are what all executions cost."""
    rows = [row.activity for row in desk.journal.account_rows(FEE_ROWS)]
    costs = settled(desk.journal.executions(), rows)
    found = fees_of(desk.journal, symbols, eastern(desk.now()).date())
    for symbol in symbols:
        mine = [item for item in costs.executions if item.symbol == symbol]
        assert found.get(symbol) == costs.fee_of_all(mine)


def bust(desk: Desk) -> None:
    """The last purchase of AAPL never was, where its shares are still held."""
    held = D(desk.positions_there().get("AAPL", "0"))
    fills = [fill for fill in desk.journal.fills() if fill.symbol == "AAPL"]
    today = eastern(desk.now()).date()
    if held and fills and fills[-1].side is Side.BUY and eastern(fills[-1].at).date() == today:
        desk.call("POST", "/sim/executions/bust", {"order_id": fills[-1].order_id})
