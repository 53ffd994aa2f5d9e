"""Goal: contracts count in contracts, and in dollars with their multiplier, with the most to lose.

Method: tables by hand; a spread at the exchange, where the account and its limits are read.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.contracts import natural, near, vertical
from support.signal_trader import open_trader

from execbot.model.account import Position
from execbot.model.enums import OrderClass, OrderStatus, OrderType, Side, TimeInForce
from execbot.model.options.spreads import spread_request
from execbot.model.order import Order
from execbot.risk.facts import exposure_of
from execbot.risk.options.held import contracts_held, largest_loss_of
from execbot.risk.rules_position import position_name

D = Decimal
LOW, HIGH = "AAPL261218C00250000", "AAPL261218C00260000"
PUT = "AAPL261218P00250000"


def position(symbol: str, qty: str, paid: str, price: str | None = None) -> Position:
    now = None if price is None else D(price)
    return Position(symbol, D(qty), avg_entry_price=D(paid), current_price=now)


@pytest.mark.parametrize(
    ("held", "counts", "cost", "value", "loss"),
    [
        ([(LOW, "2", "2", "3"), (HIGH, "-2", "0.80", "1")], (2, 2), 240, 400, 240),
        ([(LOW, "-1", "2", "3"), (HIGH, "1", "0.80", "1")], (1, 1), -120, -200, 880),
        ([(LOW, "3", "2", "2.50")], (3, 0), 600, 750, 600),
        ([(PUT, "-1", "4", "5")], (0, 1), -400, -500, 24600),
        ([(LOW, "-1", "2", "3")], (0, 1), -200, -300, None),
        ([(LOW, "-1", "2", None), ("AAPL", "100", "240", "250")], (0, 1), -200, None, 0),
    ],
)
def test_contracts_of_an_underlying_count_together(
    held: list[tuple[str, str, str, str | None]],
    counts: tuple[int, int],
    cost: int,
    value: int | None,
    loss: int | None,
) -> None:
    [found] = contracts_held(position(*one) for one in held)
    assert (found.long, found.short) == counts
    assert (found.cost, found.market_value, found.max_loss) == (cost, value, loss)
    assert largest_loss_of([found]) == loss


def test_an_order_of_several_legs_is_worth_a_hundred_times_its_price() -> None:
    plain = Order(
        "1", "a", "AAPL", Side.BUY, OrderType.LIMIT, TimeInForce.DAY, OrderStatus.NEW
    )  # fmt: skip
    spread = replace(plain, symbol="", order_class=OrderClass.MLEG)
    assert (plain.multiplier, spread.multiplier) == (1, 100)


def test_a_spread_is_one_position_of_the_limits_and_counts_by_what_it_may_lose(
    tmp_path: Path,
) -> None:
    trader = open_trader(tmp_path, max_position_size_pct=D(50), max_account_exposure_pct=D(90))
    legs = vertical(trader.desk)
    trader.placer.place(spread_request(legs, D(2), natural(trader.desk, legs) + D("0.10")))
    trader.fill(60)
    rows = trader.desk.call("GET", "/v2/positions")
    [found] = contracts_held(trader.desk.client.get_positions())
    assert found.market_value == sum(D(row["market_value"]) for row in rows)
    assert found.cost == sum(D(row["cost_basis"]) for row in rows) == found.max_loss
    width = near(trader.desk, steps=1).strike - near(trader.desk).strike
    facts = trader.executor.risk.reader.account_wide()
    exposure = exposure_of(facts)
    assert exposure.gross == found.market_value <= width * 200
    assert len({position_name(s) for s in exposure.symbols}) == 1
