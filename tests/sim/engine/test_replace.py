"""Goal: replacing an order as Alpaca does it, races included. Method: a scripted market."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.scripted_market import Desk, refused

from execbot.sim.engine import FaultKind, OrderFault

LOW = {"type": "limit", "limit_price": "90"}


def working(desk: Desk, **given: Any) -> dict[str, Any]:
    order = desk.place(**{**LOW, **given})
    desk.run()
    return order


def test_the_replacement_is_a_new_order_that_takes_over() -> None:
    desk = Desk()
    old = working(desk, client_order_id="old")
    new = desk.replace(old, limit_price="91", client_order_id="new")
    assert (new["status"], new["replaces"], new["limit_price"]) == ("new", old["id"], "91")
    assert new["id"] != old["id"] and new["client_order_id"] == "new"
    assert desk.status(old) == "pending_replace"
    desk.run()
    done = desk.order(old)
    assert (done["status"], done["replaced_by"]) == ("replaced", new["id"])
    assert done["replaced_at"] == "2026-10-08T14:00:01.006Z"
    assert desk.events(old)[-1] == "replaced"
    assert desk.events(new) == ["new"]
    desk.market("ABC", "90.90", "90.95")
    assert desk.order(new)["filled_avg_price"] == "90.95"


def test_a_replacement_gets_a_client_order_id_of_its_own() -> None:
    desk = Desk()
    old = working(desk, client_order_id="old")
    assert desk.replace(old, qty="5")["client_order_id"] != "old"
    assert desk.refusal(client_order_id="old")[2] == "client_order_id must be unique"


@pytest.mark.parametrize(
    ("given", "change", "answer"),
    [
        ({}, {"limit_price": "90"}, (422, 42210000, "order parameters are not changed")),
        ({}, {}, (422, 42210000, "order parameters are not changed")),
        ({}, {"stop_price": "80"}, (422, 40010001, "limit orders must not have stop_price")),
        ({}, {"trail": "1"}, (422, 40010001, "limit orders must not have trail")),
        ({}, {"limit_price": "0"}, (422, 40010001, "limit price must be > 0")),
        ({}, {"qty": "0"}, (422, 40010001, "qty must be > 0")),
        ({}, {"time_in_force": "soon"}, (422, 40010001, "invalid time_in_force")),
        ({}, {"limit_price": "90.001"}, (
            422, 42210000, "invalid limit_price 90.001. "
            "sub-penny increment does not fulfill minimum pricing criteria")),
        ({}, {"qty": "100000"}, (403, 40310000, "insufficient buying power")),
        ({"qty": "1.5"}, {"qty": "2"},
         (422, 42210000, "qty cannot be changed for fractional orders")),
        ({"order_class": "bracket", "take_profit": {"limit_price": "110"},
          "stop_loss": {"stop_price": "80"}}, {"qty": "5"},
         (422, 42210000, "qty cannot be changed for advanced orders")),
        ({"order_class": "bracket", "take_profit": {"limit_price": "110"},
          "stop_loss": {"stop_price": "80"}}, {"time_in_force": "gtc"},
         (422, 42210000, "time_in_force cannot be changed for advanced orders")),
    ],
)  # fmt: skip
def test_what_a_replace_refuses(
    given: dict[str, Any], change: dict[str, Any], answer: tuple[int, int, str]
) -> None:
    desk = Desk()
    old = working(desk, **given)
    assert refused(lambda: desk.replace(old, **change)) == answer
    assert desk.status(old) == "new"


def test_states_that_refuse_a_replace() -> None:
    desk = Desk()
    order = desk.place(**LOW)
    change = {"limit_price": "91"}
    assert refused(lambda: desk.replace(order, **change))[2] == (
        "cannot replace order in pending_new status"
    )
    desk.run()
    new = desk.replace(order, **change)
    assert refused(lambda: desk.replace(order, **change))[2] == (
        "cannot replace order in pending_replace status"
    )
    assert refused(lambda: desk.replace(new, limit_price="92"))[2] == (
        "order chain not fully replaced"
    )
    for either in (order, new):
        assert refused(lambda o=either: desk.cancel(o))[2] == "order is not cancelable"
    desk.run()
    assert refused(lambda: desk.replace(order, **change))[2] == "order already replaced"
    desk.cancel(new)
    assert refused(lambda: desk.replace(new, limit_price="92"))[2] == (
        "cannot replace order in pending_cancel status"
    )
    desk.run()
    assert refused(lambda: desk.replace(new, limit_price="92"))[2] == (
        "unable to replace order, order is not open"
    )


def test_a_fill_can_win_against_a_replace() -> None:
    desk = Desk()
    old = working(desk)
    desk.prices.tick("ABC", desk.now + 3_000_000, "89.00", "89.02")
    desk.exchange.market_changed("ABC")
    new = desk.replace(old, limit_price="88")
    desk.run()
    assert (desk.status(old), desk.status(new)) == ("filled", "rejected")
    assert desk.events(old)[-2:] == ["fill", "order_replace_rejected"]
    assert desk.events(new) == ["rejected"]


@pytest.mark.parametrize(("carries", "shown"), [(True, "4"), (False, "0")])
def test_the_quantity_of_a_replacement_is_the_total_of_its_chain(carries: bool, shown: str) -> None:
    desk = Desk(replace_carries_filled_qty=carries)
    desk.market("ABC", "100.00", "100.02", size="4")
    old = desk.place(type="limit", limit_price="100.02")
    desk.run()
    assert refused(lambda: desk.replace(old, qty="4"))[2] == (
        "unable to replace order, qty must be > filled_qty"
    )
    new = desk.replace(old, qty="7")
    desk.run()
    assert desk.order(new)["filled_qty"] == shown
    desk.market("ABC", "100.00", "100.02", size="50")
    done = desk.order(new)
    assert (done["status"], done["filled_qty"]) == ("filled", str(int(shown) + 3))
    assert desk.position()["qty"] == "7"


def test_while_a_replace_is_on_its_way_the_larger_order_is_reserved() -> None:
    desk = Desk()
    old = working(desk, qty="1000")
    free = Decimal(desk.account()["buying_power"])
    assert free == 400_000 - 90_000
    desk.replace(old, qty="2000")
    assert Decimal(desk.account()["buying_power"]) == 400_000 - 180_000
    desk.run()
    assert Decimal(desk.account()["buying_power"]) == 400_000 - 180_000


def test_a_closing_order_cannot_grow_beyond_the_position() -> None:
    desk = Desk()
    desk.filled()
    order = desk.place(side="sell", qty="6", type="limit", limit_price="120")
    desk.run()
    assert refused(lambda: desk.replace(order, qty="11"))[:2] == (403, 40310000)
    new = desk.replace(order, qty="10")
    assert desk.position()["qty_available"] == "0"
    desk.run()
    assert (desk.status(new), desk.position()["qty_available"]) == ("new", "0")


def test_a_stop_leg_is_replaced_and_keeps_its_place() -> None:
    desk = Desk()
    desk.place(order_class="oto", stop_loss={"stop_price": "90"}, client_order_id="entry")
    desk.run()
    parent = desk.exchange.order_by_client_id(desk.id, "entry")
    leg = desk.order(parent, nested=True)["legs"][0]
    new = desk.replace(leg, stop_price="95")
    assert (new["order_class"], new["legs"], new["status"]) == ("oto", None, "new")
    desk.run()
    assert desk.status(leg) == "replaced"
    assert [o["id"] for o in desk.order(parent, nested=True)["legs"]] == [new["id"]]
    error = refused(lambda: desk.place(side="sell", qty="2"))
    assert error[0] == 403
    desk.market("ABC", "94.50", "94.60", last="94.50")
    desk.run()
    assert desk.status(new) == "filled"


def test_both_legs_of_a_working_bracket_can_be_moved() -> None:
    desk = Desk()
    parent = desk.place(
        order_class="bracket", take_profit={"limit_price": "110"}, stop_loss={"stop_price": "90"}
    )
    desk.run()
    target, stop = parent["legs"]
    higher = desk.replace(stop, stop_price="95")
    assert higher["status"] == "held"
    nearer = desk.replace(target, limit_price="105")
    desk.run()
    assert (desk.status(stop), desk.status(target)) == ("replaced", "replaced")
    assert refused(lambda: desk.replace(nearer, stop_price="95"))[2] == (
        "limit orders must not have stop_price"
    )
    desk.market("ABC", "105.00", "105.02")
    desk.run()
    assert (desk.status(nearer), desk.status(higher)) == ("filled", "canceled")


def test_the_stop_leg_of_a_waiting_bracket_can_be_moved() -> None:
    desk = Desk()
    parent = desk.place(
        **LOW, order_class="bracket", take_profit={"limit_price": "110"},
        stop_loss={"stop_price": "80"},
    )  # fmt: skip
    desk.run()
    new = desk.replace(parent["legs"][1], stop_price="85")
    desk.run()
    desk.market("ABC", "89.00", "89.02")
    desk.run()
    assert (desk.status(parent), desk.status(new)) == ("filled", "held")
    desk.market("ABC", "84.90", "84.95", last="84.90")
    desk.run()
    assert desk.status(new) == "filled"
    assert desk.exchange.positions(desk.id) == []


def test_the_entry_of_a_bracket_can_be_repriced_and_keeps_its_legs() -> None:
    desk = Desk()
    parent = desk.place(
        **LOW, order_class="bracket", take_profit={"limit_price": "110"},
        stop_loss={"stop_price": "80"},
    )  # fmt: skip
    desk.run()
    new = desk.replace(parent, limit_price="95")
    desk.run()
    desk.market("ABC", "94.90", "94.95")
    desk.run()
    assert desk.status(new) == "filled"
    assert [leg["status"] for leg in desk.order(new, nested=True)["legs"]] == ["new", "held"]


def test_a_stop_that_fires_beats_the_replacement_of_its_target() -> None:
    desk = Desk()
    parent = desk.place(
        order_class="bracket", take_profit={"limit_price": "110"}, stop_loss={"stop_price": "90"}
    )
    desk.run()
    target, stop = parent["legs"]
    new = desk.replace(target, limit_price="105")
    desk.market("ABC", "89.00", "89.02", last="89.00")
    desk.run()
    assert (desk.status(target), desk.status(new), desk.status(stop)) == (
        "replaced", "rejected", "filled",
    )  # fmt: skip
    assert desk.exchange.positions(desk.id) == []


@pytest.mark.parametrize("elected_on_the_way", [False, True])
def test_a_stop_that_was_elected_is_not_taken_back(elected_on_the_way: bool) -> None:
    """It is a market order then, here in a market that has not enough for it."""
    desk = Desk()
    desk.place()
    desk.run()
    stop = desk.place(side="sell", type="stop", stop_price="95")
    desk.run()
    new = desk.replace(stop, stop_price="90") if elected_on_the_way else None
    desk.market("ABC", "94.00", "94.02", last="94.00", size="4")
    if new is None:
        desk.run(0.1)
        assert desk.order(stop)["filled_qty"] == "4"
        assert refused(lambda: desk.replace(stop, stop_price="90")) == (
            422, 40010001, "market orders require no stop or limit price",
        )  # fmt: skip
    desk.run()
    assert new is None or desk.status(new) == "rejected"
    desk.market("ABC", "94.00", "94.02", last="94.00")
    desk.run()
    assert desk.status(stop) == "filled"


def test_the_injected_race_fills_the_old_order_first() -> None:
    desk = Desk()
    old = working(desk)
    desk.exchange.inject(OrderFault(FaultKind.REPLACE_RACE))
    new = desk.replace(old, limit_price="91")
    desk.run()
    assert (desk.status(old), desk.status(new)) == ("filled", "rejected")
