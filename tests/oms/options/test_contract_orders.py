"""Goal: orders of contracts go from request to books and limits as those of shares do.

Method: a desk in virtual time at the exchange with its chains; the exchange's own lists as witness.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.contracts import asked, natural, near, vertical
from support.signal_trader import SignalTrader, open_trader

from execbot.model.enums import OrderStatus, OrderType, Side
from execbot.model.flags import flags_of
from execbot.model.options.spreads import spread_request
from execbot.model.order import OrderRequest
from execbot.oms.errors import InDoubt, NotPossible, Refused
from execbot.risk.facts import exposure_of

D = Decimal
WIDE = {"max_position_size_pct": D(50), "max_account_exposure_pct": D(90)}


@pytest.fixture
def trader(tmp_path: Path) -> SignalTrader:
    return open_trader(tmp_path, **WIDE)


def limit(symbol: str, price: Decimal, side: Side = Side.BUY, qty: int = 1, **more: Any) -> Any:
    return OrderRequest(symbol, side, qty=D(qty), type=OrderType.LIMIT, limit_price=price, **more)


def bought(trader: SignalTrader, symbol: str, qty: int = 1) -> None:
    trader.placer.place(limit(symbol, asked(trader.desk, symbol), qty=qty))
    trader.fill(30)
    assert trader.desk.positions_there()[symbol] == str(qty)


def test_contract_is_bought_and_sold_with_its_intents_and_its_books_in_dollars(
    trader: SignalTrader,
) -> None:
    symbol = near(trader.desk).symbol
    bought(trader, symbol)
    position = trader.desk.journal.position(symbol)
    assert position is not None and position.cost == position.avg_entry_price * 100
    sold = trader.placer.place(OrderRequest(symbol, Side.SELL, qty=D(1)))
    trader.fill(30)
    assert symbol not in trader.desk.positions_there()
    intents = [row["position_intent"] for row in trader.desk.orders_there().values()]
    assert intents == ["buy_to_open", "sell_to_close"]
    assert trader.desk.oms.record(sold.record.client_order_id).status is OrderStatus.FILLED
    assert trader.desk.oms.reconcile().breaks == ()


def test_spread_fills_whole_counts_by_its_loss_and_is_closed_as_one(trader: SignalTrader) -> None:
    legs = vertical(trader.desk)
    placed = trader.placer.place(spread_request(legs, D(2), natural(trader.desk, legs) + D("0.10")))
    trader.fill(60)
    held = trader.desk.positions_there()
    assert held == {legs[0].symbol: "2", legs[1].symbol: "-2"}
    assert trader.desk.oms.record(placed.record.client_order_id).status is OrderStatus.FILLED
    assert {p.symbol: str(p.qty) for p in trader.desk.journal.positions()} == held
    checked = trader.executor.risk.check(OrderRequest("MSFT", Side.BUY, qty=D(1)))
    width = near(trader.desk, steps=1).strike - near(trader.desk).strike
    assert 0 < exposure_of(checked.facts).gross <= width * 200
    closing = trader.placer.place(spread_request(vertical(trader.desk, opens=False), D(2), D(0)))
    trader.fill(60)
    assert trader.desk.positions_there() == {}
    assert trader.desk.oms.record(closing.record.client_order_id).status is OrderStatus.FILLED
    assert trader.desk.oms.reconcile().breaks == ()


def test_pending_spread_counts_once_by_its_loss_from_its_intent_on(trader: SignalTrader) -> None:
    """Before the broker has named its legs only the request tells of them."""
    legs = vertical(trader.desk)
    trader.desk.fault("request_lost", path="/v2/orders", method="POST", count=20)
    with pytest.raises(InDoubt):
        trader.placer.place(spread_request(legs, D(1), D("0.50")))
    checked = trader.executor.risk.check(OrderRequest("MSFT", Side.BUY, qty=D(1)))
    assert exposure_of(checked.facts).gross == 50


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda desk: limit(near(desk).symbol, D("4.03")), "risk.option_grid"),
        (lambda desk: limit(near(desk).symbol, D("19.90")), "risk.option_price_band"),
        (lambda desk: limit(near(desk).symbol, D("5.95"), qty=11), "risk.option_contracts"),
        (lambda desk: limit(near(desk).symbol, D("5.95"), qty=9), "risk.option_premium"),
        (
            lambda desk: limit(near(desk).symbol, D("5.95"), time_in_force="ioc"),
            "risk.option_terms",
        ),
        (lambda desk: limit(near(desk).symbol, D("6.10"), Side.SELL), "risk.option_covered"),
        (
            lambda desk: limit(near(desk, is_call=False).symbol, D("6.10"), Side.SELL),
            "risk.option_max_loss",
        ),
        (lambda desk: spread_request(vertical(desk)[1:], D(1), D("-1")), "risk.option_terms"),
        (lambda desk: spread_request(vertical(desk), D(1), D(9)), "risk.option_price_band"),
        (
            lambda desk: spread_request(vertical(desk, opens=False), D(1), D(0)),
            "risk.option_legs_free",
        ),
    ],
)
def test_refused_by_its_own_check(trader: SignalTrader, make: Any, code: str) -> None:
    with pytest.raises(Refused) as caught:
        trader.placer.place(make(trader.desk), flags=flags_of(short=True))
    codes = {f"risk.{failure.code}" for failure in caught.value.verdict.results}
    assert code in codes
    assert trader.desk.orders_there() == {}


def test_long_leg_is_not_sold_alone(trader: SignalTrader) -> None:
    legs = vertical(trader.desk)
    trader.placer.place(spread_request(legs, D(1), natural(trader.desk, legs) + D("0.10")))
    trader.fill(60)
    with pytest.raises(Refused) as caught:
        trader.placer.place(OrderRequest(legs[0].symbol, Side.SELL, qty=D(1)))
    assert "no cover" in caught.value.message
    with pytest.raises(NotPossible, match="not closed alone"):
        trader.desk.oms.close(legs[0].symbol)


def test_signal_of_a_contract_is_sized_in_dollars_and_needs_a_stop(trader: SignalTrader) -> None:
    symbol = near(trader.desk).symbol
    ask = asked(trader.desk, symbol)
    assert "option_stop" in str(trader.signal(symbol))
    result = trader.signal(symbol, stop=(ask * D("0.8")).quantize(D("0.1")))
    rows = trader.desk.orders_there().values()
    assert rows, result
    order = next(row for row in trader.desk.orders_there().values() if row["symbol"] == symbol)
    assert (order["type"], order["position_intent"]) == ("limit", "buy_to_open"), result
    assert D(order["qty"]) * ask * 100 <= 2000  # options.max_premium_pct of 100,000
