"""Goal: orders that hold the same shares count once, two that only look alike count twice.

Method: living orders made by hand, sorted as the exit rules see them.
"""

from __future__ import annotations

from support.exit_views import order, pair, stop_order

from execbot.exits.living_orders import read_orders
from execbot.model.enums import OrderType, Side


def test_a_pair_holds_its_shares_once() -> None:
    """E-FAM-5: its order class and parent say so."""
    assert read_orders(pair(1, "10", "110"), Side.SELL).held == 10


def test_two_orders_of_the_same_size_hold_theirs_twice() -> None:
    """E-FAM-5: the same size is only a hint."""
    target = order("execbot-x-t1-9", OrderType.LIMIT, "10", limit="110", role="target")
    assert read_orders([stop_order("10"), target], Side.SELL).held == 20
