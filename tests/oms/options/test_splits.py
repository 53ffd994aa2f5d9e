"""Goal: a split of the stock makes no break of its contracts: pending until the rows come, then
booked at the same cost; shares that adjusted calls take are not sold alone.
Method: a desk in virtual time over splits at the exchange; the exchange's list judges.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.contracts import asked, chain, near
from support.desk import KEY
from support.signal_trader import SignalTrader, open_trader

from execbot.model.enums import ErrorCategory, OrderType, Side
from execbot.model.flags import flags_of
from execbot.model.options.contract import ContractQuery
from execbot.model.options.legs import Leg
from execbot.model.options.spreads import spread_request
from execbot.model.order import OrderRequest
from execbot.oms.errors import NotPossible, Refused

D = Decimal
WIDE = {"max_position_size_pct": D(90), "max_account_exposure_pct": D(95)}


def holding(path: Path, qty: int = 1, days: int = 14) -> tuple[SignalTrader, str]:
    trader = open_trader(path, sim={"at": "2026-10-08 10:00"}, **WIDE)
    symbol = near(trader.desk, days=days).symbol
    price = asked(trader.desk, symbol)
    limit = OrderType.LIMIT
    trader.placer.place(OrderRequest(symbol, Side.BUY, qty=D(qty), type=limit, limit_price=price))
    trader.fill(60)
    assert trader.desk.positions_there() == {symbol: str(qty)}
    return trader, symbol


def split(trader: SignalTrader, new: int, old: int, at: str) -> None:
    trader.until(at)
    trader.desk.call("POST", "/sim/split", {"symbol": "AAPL", "new": new, "old": old})
    trader.fill(1)


def books(trader: SignalTrader) -> dict[str, str]:
    return {p.symbol: str(p.qty) for p in trader.desk.journal.positions() if p.qty}


@pytest.mark.parametrize(("new", "old"), [(4, 1), (3, 2), (1, 4)])
def test_change_is_pending_and_then_booked_at_its_cost(tmp_path: Path, new: int, old: int) -> None:
    trader, symbol = holding(tmp_path, qty=2)
    before = trader.desk.journal.position(symbol)
    assert before is not None
    split(trader, new, old, "2026-10-09 09:00")
    there = trader.desk.positions_there()
    assert symbol not in there and len(there) == 1
    [changed] = there
    result = trader.desk.oms.reconcile()
    assert result.breaks == () and result.adopted_positions == ()
    assert any(symbol in note and changed in note for note in result.notes)
    assert books(trader) == {symbol: "2"}
    trader.until("2026-10-12 10:00")
    trader.fill(1)
    assert trader.desk.oms.reconcile().breaks == ()
    assert books(trader) == there
    after = trader.desk.journal.position(changed)
    assert after is not None and after.cost == pytest.approx(before.cost)
    assert sum(p.realized_pl for p in trader.desk.journal.positions()) == 0
    assert trader.desk.oms.reconcile().adjusted_positions == ()  # once


def test_change_without_rows_is_a_break_in_the_end(tmp_path: Path) -> None:
    trader, symbol = holding(tmp_path)
    split(trader, 4, 1, "2026-10-09 09:00")
    trader.desk.venue.exchange.core.late_rows.clear()
    assert trader.desk.oms.reconcile().breaks == ()
    trader.until("2026-10-13 10:00")
    trader.fill(1)
    assert {item.subject for item in trader.desk.oms.reconcile().breaks} >= {symbol}


def test_sale_of_shares_that_adjusted_calls_take_is_refused(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, sim={"at": "2026-10-08 10:00"}, **WIDE)
    trader.placer.place(OrderRequest("AAPL", Side.BUY, qty=D(100)))
    trader.fill(5)
    call = chain(trader.desk)[-1].symbol
    body = {"symbol": call, "qty": -1, "price": "1.00", "key": KEY}
    trader.desk.call("POST", "/sim/options/position", body)
    trader.fill(2)
    trader.desk.oms.reconcile()
    split(trader, 3, 2, "2026-10-09 09:00")
    trader.until("2026-10-12 10:00")
    trader.fill(1)
    assert trader.desk.oms.reconcile().breaks == ()
    assert "150" in books(trader).values()
    with pytest.raises(NotPossible, match="AAPL1"):
        trader.desk.oms.close("AAPL", qty=D(50))


@pytest.mark.parametrize(("qty", "left"), [(3, "5"), (8, None)])
def test_contracts_that_are_sold_before_their_rows_count_once(
    tmp_path: Path, qty: int, left: str | None
) -> None:
    """They are taken over for that; the rows take the place of it, and no quantity is doubled."""
    trader, symbol = holding(tmp_path, qty=2)
    bought = trader.desk.journal.position(symbol)
    assert bought is not None
    split(trader, 4, 1, "2026-10-09 09:00")
    trader.until("2026-10-09 10:00")
    trader.fill(1)
    [changed] = trader.desk.positions_there()
    sold = trader.desk.oms.close(changed, qty=D(qty))
    trader.fill(30)
    there = {} if left is None else {changed: left}
    assert sold.record is not None and trader.desk.positions_there() == there
    result = trader.desk.oms.reconcile()
    assert result.breaks == ()
    trader.until("2026-10-12 10:00")
    trader.fill(1)
    assert trader.desk.oms.reconcile().breaks == ()
    assert books(trader) == there
    [sale] = trader.desk.journal.executions_of(sold.record.client_order_id)
    position = trader.desk.journal.position(changed)
    assert position is not None
    gained = (sale.net_price * 100 - bought.cost / 8) * qty
    assert position.realized_pl == pytest.approx(gained)
    if left is not None:
        assert position.cost == pytest.approx(bought.cost / 8 * (8 - qty))


def codes_of(trader: SignalTrader, request: OrderRequest) -> dict[str, ErrorCategory]:
    """The checks that an order fails."""
    checked = trader.executor.risk.check(request, flags=flags_of(add=True))
    return {failure.code: failure.category for failure in checked.verdict.failures}


@pytest.mark.parametrize("taken_over", [False, True])
@pytest.mark.parametrize(("new", "old"), [(4, 1), (3, 2)])
def test_nothing_is_opened_in_contracts_of_a_stock_while_a_change_of_one_is_pending(
    tmp_path: Path, new: int, old: int, taken_over: bool
) -> None:
    """Exits of the old contract follow to the new one with the rows, for all that is held of it
    then: a leg among it would keep the stop from the broker."""
    trader, symbol = holding(tmp_path, qty=2)
    split(trader, new, old, "2026-10-09 09:00")
    trader.until("2026-10-09 10:00")
    trader.fill(1)
    [changed] = trader.desk.positions_there()
    if taken_over:
        trader.desk.oms.close(changed, qty=D(1))
        trader.fill(30)
    low, high = near(trader.desk), near(trader.desk, steps=1)
    legs = Leg(low.symbol, Side.BUY, 1, True), Leg(high.symbol, Side.SELL, 1, True)
    roll = Leg(changed, Side.SELL, 1, False), Leg(high.symbol, Side.BUY, 1, True)
    one = OrderRequest(low.symbol, Side.BUY, qty=D(1), type=OrderType.LIMIT, limit_price=D(1))
    for request in (one, spread_request(legs, D(1), D(1)), spread_request(roll, D(1), D(1))):
        with pytest.raises(Refused, match=f"{symbol} became .*{changed}"):
            trader.placer.place(request)
        assert codes_of(trader, request)["position_known"] is ErrorCategory.RETRYABLE
    other = next(c for c in trader.desk.client.get_contracts(ContractQuery("MSFT")) if c.is_call)
    assert "position_known" not in codes_of(trader, replace(one, symbol=other.symbol))
    assert "position_known" not in codes_of(trader, OrderRequest("AAPL", Side.BUY, qty=D(1)))
    trader.until("2026-10-12 10:00")
    trader.fill(1)
    assert trader.desk.oms.reconcile().breaks == ()
    assert "position_known" not in codes_of(trader, one)
