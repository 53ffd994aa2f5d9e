"""Goal: a position reads the same in `positions` and on the screen of `watch`.

Method: one function puts the row together; tables over quantity, plan, orders and the broker's row.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace
from support.exit_views import T0, D, entry, later, order, pair, plan, stop_order
from support.wishes import target

from execbot.exits.living_orders import SymbolOrder
from execbot.exits.plan.plan import ExitIntent, ExitPlan, ExitStage, PlanStatus
from execbot.exits.position_view import Known, PositionState, PositionView, position_view
from execbot.exits.rules.view import Coverage, Guarded
from execbot.model.account import Position
from execbot.model.enums import OrderStatus, OrderType, PositionSide, Side

HELD = Known(avg_entry_price=D(100), price=D("107.5"), opened_at=T0)


def row(
    qty: str, *orders: SymbolOrder, known: Known = HELD, of: ExitPlan | None = None
) -> PositionView:
    return position_view(
        "AAPL", D(qty), known, now=later(90), plan=of, orders=[item.order for item in orders]
    )


def test_profit_and_r_are_counted_from_what_is_known() -> None:
    shown = row("10", of=plan("95", target("110")))
    assert (shown.state, shown.unrealized_pl, shown.r) == (PositionState.OPEN, D(75), D("1.5"))
    assert (shown.market_value, shown.age_seconds) == (D(1075), 90)
    assert (shown.stop, shown.targets) == (D(95), (D(110),))


def test_where_the_broker_was_asked_its_figures_count() -> None:
    """They know what we do not: the multiplier of an option, fees in the cost."""
    theirs = Position("AAPL", D(10), market_value=D("1074"), unrealized_pl=D("73.5"))
    shown = row("10", known=replace(HELD, broker=theirs))
    assert (shown.market_value, shown.unrealized_pl) == (D("1074"), D("73.5"))


def test_without_a_plan_the_exits_at_the_broker_are_shown() -> None:
    orders = [*pair(1, "6", "110"), *pair(2, "2", "120"), stop_order("2", "96")]
    shown = row("10", *orders)
    assert (shown.stop, shown.targets) == (D(96), (D(110), D(120)))
    assert shown.protected_qty == 10


def test_a_stop_that_is_gone_is_not_drawn_although_the_plan_has_it() -> None:
    bare = replace(HELD, coverage=Coverage(Guarded.UNPROTECTED, D(10)))
    shown = row("10", known=bare, of=plan("95", target("110")))
    assert (shown.guarded, shown.stop, shown.targets) == (Guarded.UNPROTECTED, None, ())
    kept = replace(HELD, coverage=Coverage(Guarded.EMULATED, D(10)))
    assert row("10", known=kept, of=plan("95", target("110"))).stop == 95


@pytest.mark.parametrize("status", [OrderStatus.PENDING_CANCEL, OrderStatus.HELD])
def test_a_stop_that_covers_nothing_is_not_drawn(status: OrderStatus) -> None:
    """On its way out, or the leg of an entry that has not filled: the coverage says so."""
    bare = replace(HELD, coverage=Coverage(Guarded.NO_PLAN, D(10)))
    shown = row("10", stop_order("10", "96", status=status), known=bare)
    assert (shown.stop, shown.protected_qty) == (None, 0)


def test_a_plan_that_has_ended_counts_no_longer() -> None:
    closed = replace(plan("95", target("110")), status=PlanStatus.CLOSED)
    shown = row("10", stop_order("10", "97"), of=closed)
    assert (shown.stop, shown.targets) == (D(97), ())


def test_the_stop_of_a_short_is_the_lowest_one_above() -> None:
    stops = [
        stop_order("4", price, name=f"execbot-x-s-{price}", side=Side.BUY)
        for price in ("105", "104")
    ]
    shown = row("-8", *stops, stop_order("9", "90"))
    assert (shown.side, shown.stop) == (PositionSide.SHORT, D(104))
    assert shown.protected_qty == 8


SALE = order("sale", OrderType.MARKET, "10")
EXIT = order("execbot-x-e-1", OrderType.LIMIT, "10", limit="107")
FAR_LIMIT = order("by-hand", OrderType.LIMIT, "10", limit="150")


@pytest.mark.parametrize(
    ("orders", "state"),
    [
        ([], PositionState.OPEN),
        ([SALE], PositionState.PENDING_EXIT),
        ([EXIT], PositionState.PENDING_EXIT),
        ([FAR_LIMIT], PositionState.OPEN),
        ([stop_order("10")], PositionState.OPEN),
        ([order("sale", OrderType.MARKET, "10", OrderStatus.CANCELED)], PositionState.OPEN),
        ([entry("10", kind=OrderType.MARKET)], PositionState.OPEN),
    ],
)
def test_a_position_is_pending_exit_once_something_leaves_now(
    orders: list[SymbolOrder], state: PositionState
) -> None:
    """The limit of an exit that the rules escalate leaves; one that rests far away does not."""
    assert row("10", *orders).state is state


def test_a_decided_exit_is_pending_before_its_order_is_sent() -> None:
    leaving = replace(plan(), exit=ExitIntent("stop", T0, ExitStage.LIMIT, T0))
    assert row("10", of=leaving).state is PositionState.PENDING_EXIT


@pytest.mark.parametrize(
    ("has_entry", "state"), [(True, PositionState.PENDING_ENTRY), (False, PositionState.CLOSED)]
)
def test_nothing_held_is_an_entry_on_its_way_or_over(has_entry: bool, state: PositionState) -> None:
    shown = row("0", known=Known(has_entry=has_entry), of=plan(side=PositionSide.SHORT))
    assert (shown.state, shown.side, shown.age_seconds) == (state, PositionSide.SHORT, None)


def test_a_clock_behind_the_brokers_makes_no_age_below_zero() -> None:
    shown = row("10", known=replace(HELD, opened_at=later(600)))
    assert shown.age_seconds == Decimal(0)
