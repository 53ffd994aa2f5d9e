"""Goal: two processes that both looked before either had sent cannot pass a limit together.

Method: two checks on the same facts, then both orders, through journals of their own on one file.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.contracts import asked, natural, near, vertical
from support.signal_trader import SignalTrader, open_trader

from execbot.config.schema import Mode
from execbot.journal.journal import Journal
from execbot.model.enums import OrderType, Side
from execbot.model.options.spreads import spread_request
from execbot.model.order import OrderRequest
from execbot.oms.errors import Refused
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_gate import RiskGate

D = Decimal


def orders_of(trader: SignalTrader, shape: str) -> tuple[list[OrderRequest], Decimal]:
    """Two orders that bring different contracts, and what both cost in USD."""
    put = near(trader.desk, is_call=False).symbol
    orders = [bought(trader, put, "second")]
    if shape == "contract":
        orders.insert(0, bought(trader, near(trader.desk).symbol, "first"))
    else:
        legs = vertical(trader.desk)
        net = natural(trader.desk, legs)
        orders.insert(0, spread_request(legs, D(5), net, client_order_id="first"))
    prices = ((one.limit_price or D(0)) * (one.qty or D(0)) for one in orders)
    return orders, sum(prices, D(0)) * 100


def bought(trader: SignalTrader, symbol: str, name: str) -> OrderRequest:
    return OrderRequest(
        symbol,
        Side.BUY,
        qty=D(1),
        type=OrderType.LIMIT,
        limit_price=asked(trader.desk, symbol),
        client_order_id=name,
    )


@pytest.mark.parametrize("shape", ["spread", "contract"])
def test_of_two_orders_that_fit_alone_only_one_is_sent(tmp_path: Path, shape: str) -> None:
    trader = open_trader(tmp_path, max_position_size_pct=D(50), max_account_exposure_pct=D(50))
    orders, both = orders_of(trader, shape)
    just_less = (both * D("0.9") / 1000).quantize(D("0.01"))  # in percent of 100,000 USD
    settings = replace(trader.settings, max_account_exposure_pct=just_less)
    placers = []
    for _ in orders:
        journal = Journal.open(tmp_path / "journal.db")
        oms = trader.desk.open_oms(journal)
        gate = RiskGate(oms.client, journal, settings, Mode.SIM, now=trader.desk.now)
        placers.append(Placer(oms, gate))
    checked = [placer.risk.check(one) for placer, one in zip(placers, orders, strict=True)]
    assert all(one.verdict.passed for one in checked)
    placers[0].place(orders[0], checked=checked[0])
    with pytest.raises(Refused):
        placers[1].place(orders[1], checked=checked[1])
    for placer in placers:
        placer.oms.journal.close()
    there = trader.desk.orders_there()
    assert "first" in there and "second" not in there
