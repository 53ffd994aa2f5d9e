"""Goal: whether an order is an exit is answered alike for limits, cancels, the queue and `watch`.

Method: a table over what is said of an order (role, origin, being a leg, its intent) and what is
held, through the one rule.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from execbot.exits.exit_orders import is_exit, is_meant_to_close
from execbot.journal.records import OrderRecord, Origin, Role
from execbot.model.enums import OrderClass, OrderStatus, OrderType, Side, TimeInForce
from execbot.model.order import Order
from execbot.watch.core.symbol_state import is_entry

D = Decimal


def record(side: Side = Side.SELL, **said: Any) -> OrderRecord:
    order = Order(
        id="id-1",
        client_order_id="one",
        symbol="AAPL",
        side=side,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        status=OrderStatus.NEW,
        qty=D(10),
        order_class=said.pop("order_class", OrderClass.NONE),
        position_intent=said.pop("intent", None),
    )
    origin = said.pop("origin", Origin.SUBMIT)
    return OrderRecord(order, origin=origin, intent_at=datetime(2026, 3, 2, tzinfo=UTC), **said)


@pytest.mark.parametrize("held", ["10", "0", "-10"])
@pytest.mark.parametrize(
    ("said", "closes"),
    [
        ({"role": Role.STOP}, True),
        ({"role": Role.TARGET}, True),
        ({"role": Role.EXIT}, True),
        ({"role": Role.ENTRY}, False),
        ({"origin": Origin.CLOSE}, True),
        ({"origin": Origin.EXIT}, True),
        ({"parent_id": "entry", "order_class": OrderClass.BRACKET}, True),
        ({"origin": Origin.FOREIGN, "intent": "sell_to_close"}, True),
        ({"origin": Origin.FOREIGN, "intent": "sell_to_open"}, False),
        # A leg of a spread that opens, and one that closes.
        ({"parent_id": "spread", "order_class": OrderClass.MLEG, "intent": "sell_to_open"}, False),
        ({"parent_id": "spread", "order_class": OrderClass.MLEG, "intent": "buy_to_close"}, True),
    ],
)
def test_what_was_said_of_an_order_counts_whatever_is_held(
    said: dict[str, Any], closes: bool, held: str
) -> None:
    """An exit whose position is gone stays one; a sale that opens does so beside a long, too."""
    for side in Side:
        assert is_exit(record(side, **dict(said)), D(held)) is closes
    assert is_meant_to_close(record(**said)) is closes


@pytest.mark.parametrize(
    ("side", "held", "closes"),
    [
        (Side.SELL, "10", True),
        (Side.SELL, "0", False),
        (Side.SELL, "-10", False),
        (Side.BUY, "10", False),
        (Side.BUY, "-10", True),
    ],
)
@pytest.mark.parametrize("origin", [Origin.SUBMIT, Origin.SIGNAL, Origin.QUEUE, Origin.FOREIGN])
def test_where_nobody_has_said_it_the_side_tells(
    origin: Origin, side: Side, held: str, closes: bool
) -> None:
    assert is_meant_to_close(record(side, origin=origin)) is None
    assert is_exit(record(side, origin=origin), D(held)) is closes


@pytest.mark.parametrize(
    ("said", "entry"),
    [
        ({"role": Role.ENTRY}, True),
        ({}, True),
        ({"intent": "sell_to_close"}, False),
        ({"origin": Origin.CLOSE}, False),
        ({"origin": Origin.FOREIGN, "role": Role.ENTRY}, False),
        ({"parent_id": "entry", "order_class": OrderClass.OTO}, False),
    ],
)
def test_watch_lets_only_entries_of_ours_run_out(said: dict[str, Any], entry: bool) -> None:
    assert is_entry(record(**said)) is entry
