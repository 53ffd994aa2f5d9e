"""Goal: brackets, OCO and OTO live and die as Alpaca's. Method: a scripted market."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from support.scripted_market import Desk, refusal_of, refused

from execbot.sim.types import ApiError

TP, SL = {"limit_price": "110"}, {"stop_price": "90"}
BRACKET: dict[str, Any] = {"order_class": "bracket", "take_profit": TP, "stop_loss": SL}
OCO: dict[str, Any] = {
    "order_class": "oco", "type": "limit", "side": "sell", "take_profit": TP, "stop_loss": SL,
    "time_in_force": "gtc",
}  # fmt: skip


def entered(desk: Desk, **given: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A filled bracket with working legs: parent, target, stop."""
    parent = desk.place(**{**BRACKET, "time_in_force": "gtc", **given})
    desk.run()
    target, stop = desk.order(parent, nested=True)["legs"]
    return parent, target, stop


def test_a_bracket_answers_with_two_legs_that_are_held() -> None:
    desk = Desk()
    parent = desk.place(**{**BRACKET, "stop_loss": {"stop_price": "90", "limit_price": "89"}})
    target, stop = parent["legs"]
    assert (target["type"], target["limit_price"], target["status"]) == ("limit", "110", "held")
    assert (stop["type"], stop["stop_price"], stop["limit_price"], stop["status"]) == (
        "stop_limit", "90", "89", "held",
    )  # fmt: skip
    assert {leg["order_class"] for leg in (parent, target, stop)} == {"bracket"}
    assert {leg["side"] for leg in (target, stop)} == {"sell"}
    assert {leg["position_intent"] for leg in (target, stop)} == {"sell_to_close"}
    assert target["legs"] is None and target["client_order_id"] != parent["client_order_id"]


def test_legs_wake_only_when_the_entry_is_complete() -> None:
    desk = Desk()
    parent = desk.place(**{**BRACKET, "qty": "1500"})
    desk.run()
    target, stop = parent["legs"]
    assert desk.status(parent) == "partially_filled"
    assert (desk.status(target), desk.status(stop)) == ("held", "held")
    assert desk.position()["qty_available"] == "1000", "the filled part is unprotected"
    desk.market("ABC", "100.00", "100.02")
    desk.run(0.039)
    assert (desk.status(parent), desk.status(target)) == ("filled", "held")
    desk.run(0.001)
    assert (desk.status(target), desk.status(stop)) == ("new", "held")
    assert desk.events(target) == ["new"]
    assert desk.events(stop) == []


def test_an_entry_canceled_after_a_partial_fill_never_wakes_its_legs() -> None:
    desk = Desk()
    parent = desk.place(**{**BRACKET, "qty": "1500"})
    desk.run()
    desk.cancel(parent)
    desk.run()
    assert (desk.status(parent), desk.order(parent)["filled_qty"]) == ("canceled", "1000")
    assert [desk.status(leg) for leg in parent["legs"]] == ["canceled", "canceled"]
    assert desk.position()["qty_available"] == "1000"


@pytest.mark.parametrize("moved_first", [False, True])
def test_a_leg_that_is_moved_while_its_entry_ends_ends_with_it(moved_first: bool) -> None:
    """A trader moves the stop some milliseconds before or after the entry is canceled."""
    for milliseconds in range(120):
        desk = Desk()
        parent = desk.place(order_class="oto", stop_loss=SL, qty="1500")
        desk.run()
        (stop,) = parent["legs"]

        def move(desk: Desk = desk, stop: dict[str, Any] = stop) -> None:
            with suppress(ApiError):
                desk.replace(stop, stop_price="91")

        def cancel(desk: Desk = desk, parent: dict[str, Any] = parent) -> None:
            desk.cancel(parent)

        first, second = (move, cancel) if moved_first else (cancel, move)
        first()
        desk.run(milliseconds / 1000)
        second()
        desk.run()
        assert not desk.exchange.core.accounts[desk.id].live, milliseconds


def test_the_target_fills_and_the_stop_is_canceled_without_an_event() -> None:
    desk = Desk()
    parent, target, stop = entered(desk)
    desk.market("ABC", "110.00", "110.02")
    assert desk.status(target) == "filled"
    assert desk.status(stop) == "held"
    desk.run()
    assert desk.status(stop) == "canceled"
    assert desk.events(stop) == []
    assert desk.exchange.positions(desk.id) == []
    assert desk.events(parent)[-1] == "fill"


def test_the_missing_event_can_be_switched_on() -> None:
    desk = Desk(sibling_cancel_event=True)
    _, _, stop = entered(desk)
    desk.market("ABC", "110.00", "110.02")
    desk.run()
    assert desk.events(stop) == ["canceled"]


def test_the_stop_fires_and_the_target_is_shown_as_replaced() -> None:
    desk = Desk()
    _, target, stop = entered(desk)
    desk.market("ABC", "89.90", "89.95", last="89.90")
    assert (desk.status(target), desk.status(stop)) == ("replaced", "new")
    assert desk.order(target)["replaced_by"] == stop["id"]
    desk.run()
    assert desk.order(stop)["filled_avg_price"] == "89.9"
    assert desk.events(target)[-1] == "replaced"
    assert desk.events(stop) == ["new", "fill"]


def test_the_target_can_be_shown_as_canceled_instead() -> None:
    desk = Desk(stop_replaces_target=False)
    _, target, stop = entered(desk)
    desk.market("ABC", "89.90", "89.95", last="89.90")
    desk.run()
    assert (desk.status(target), desk.status(stop)) == ("canceled", "filled")


def test_a_partial_target_shrinks_the_stop() -> None:
    desk = Desk()
    _, target, stop = entered(desk)
    desk.market("ABC", "110.00", "110.02", size="4")
    assert desk.order(target)["filled_qty"] == "4"
    assert desk.order(stop)["qty"] == "6"
    desk.market("ABC", "89.90", "89.95", last="89.90")
    desk.run()
    assert desk.order(stop)["filled_qty"] == "6"
    assert desk.exchange.positions(desk.id) == []


def test_canceling_any_member_cancels_the_group() -> None:
    for member in (1, 2):
        desk = Desk()
        group = entered(desk)
        desk.cancel(group[member])
        desk.run()
        assert [desk.status(order) for order in group] == ["filled", "canceled", "canceled"]
        assert desk.position()["qty_available"] == "10"
    desk = Desk()
    parent = desk.place(**BRACKET, type="limit", limit_price="95")
    desk.run()
    desk.cancel(parent)
    desk.run()
    assert [desk.status(leg) for leg in parent["legs"]] == ["canceled", "canceled"]


def test_a_filled_bracket_entry_cannot_be_canceled() -> None:
    desk = Desk()
    parent, _, _ = entered(desk)
    assert refused(lambda: desk.cancel(parent)) == (
        422, 42210000, 'order is already in "filled" state',
    )  # fmt: skip


def test_day_legs_die_at_the_close_and_leave_the_position_naked() -> None:
    desk = Desk("2026-10-08 15:50")
    _, target, stop = entered(desk, time_in_force="day")
    desk.until("2026-10-08 16:00:01")
    assert (desk.status(target), desk.status(stop)) == ("expired", "expired")
    assert desk.position()["qty"] == "10"


def test_a_bracket_needs_a_flat_or_like_position_and_no_opposite_order() -> None:
    entry = (422, 42210000, "bracket orders must be entry orders")
    desk = Desk()
    desk.filled(side="sell")
    assert desk.refusal(**BRACKET) == entry
    desk = Desk()
    desk.filled()
    desk.place(side="sell", type="limit", limit_price="120")
    desk.run()
    assert desk.refusal(**BRACKET) == entry
    desk = Desk()
    desk.filled()
    assert desk.place(**BRACKET)["status"] == "pending_new"


def test_a_short_bracket_has_its_legs_mirrored() -> None:
    desk = Desk()
    parent = desk.place(
        side="sell", order_class="bracket", take_profit={"limit_price": "90"},
        stop_loss={"stop_price": "110"}, time_in_force="gtc",
    )  # fmt: skip
    desk.run()
    target, stop = parent["legs"]
    assert (target["side"], target["position_intent"]) == ("buy", "buy_to_close")
    desk.market("ABC", "110.00", "110.02", last="110.00")
    desk.run()
    assert (desk.status(stop), desk.status(target)) == ("filled", "replaced")
    assert desk.exchange.positions(desk.id) == []


def test_an_oco_is_its_own_target_with_one_held_leg() -> None:
    desk = Desk()
    desk.filled()
    parent = desk.place(**OCO)
    assert (parent["type"], parent["limit_price"], parent["stop_price"]) == ("limit", "110", None)
    assert [(leg["type"], leg["status"]) for leg in parent["legs"]] == [("stop", "held")]
    desk.run()
    assert desk.status(parent) == "new"
    desk.market("ABC", "89.00", "89.02", last="89.00")
    desk.run()
    assert (desk.status(parent), desk.status(parent["legs"][0])) == ("replaced", "filled")


def test_an_oco_target_that_fills_cancels_its_stop() -> None:
    desk = Desk()
    desk.filled()
    parent = desk.place(**OCO)
    desk.run()
    desk.market("ABC", "111.00", "111.02")
    desk.run()
    assert (desk.status(parent), desk.status(parent["legs"][0])) == ("filled", "canceled")
    assert desk.exchange.positions(desk.id) == []


def test_an_oco_beside_a_plain_stop_holds_its_shares_once() -> None:
    desk = Desk()
    desk.filled(qty="3")
    plain = desk.place(side="sell", type="stop", qty="2", stop_price="80", time_in_force="gtc")
    pair = desk.place(**{**OCO, "qty": "1"})
    desk.run()
    error = refusal_of(lambda: desk.place(side="sell", qty="1"))
    assert error.message == "insufficient qty available for order (requested: 1, available: 0)"
    assert error.extra == {
        "available": "0",
        "existing_qty": "3",
        "held_for_orders": "3",
        "symbol": "ABC",
        "related_orders": [plain["id"], pair["id"]],
    }
    desk.cancel(pair)
    desk.run(2)
    assert desk.status(pair) == desk.status(pair["legs"][0]) == "canceled"


def test_an_oto_has_one_leg_that_becomes_new() -> None:
    desk = Desk()
    parent = desk.place(order_class="oto", stop_loss=SL)
    leg = parent["legs"][0]
    assert (len(parent["legs"]), leg["type"], leg["status"]) == (1, "stop", "held")
    desk.run()
    assert desk.status(leg) == "new"
    assert desk.order(leg)["submitted_at"] == "2026-10-08T14:00:00.093Z"
    desk.market("ABC", "90.00", "90.02", last="90.00")
    desk.run()
    assert desk.status(leg) == "filled"


def test_shares_are_held_between_the_entry_fill_and_the_waking_of_the_legs() -> None:
    desk = Desk()
    desk.place(**BRACKET)
    desk.run(0.06)
    assert desk.position()["qty_available"] == "0"
    assert desk.refusal(side="sell")[0] == 403


def test_a_leg_whose_shares_were_sold_meanwhile_is_rejected() -> None:
    desk = Desk()
    parent = desk.place(**{**BRACKET, "qty": "1500"})
    desk.run()
    desk.filled(side="sell", qty="500")
    desk.market("ABC", "100.00", "100.02")
    desk.run()
    assert desk.status(parent) == "filled"
    assert [desk.status(leg) for leg in parent["legs"]] == ["rejected", "canceled"]
    assert desk.position()["qty_available"] == "1000"


def test_nested_and_flat_lists() -> None:
    desk = Desk()
    parent, target, stop = entered(desk)

    def ids(**query: str) -> list[str]:
        return [row["id"] for row in desk.exchange.orders(desk.id, query)]

    assert ids() == [target["id"]], "the held stop is not among the open orders"
    assert ids(nested="true") == [], "nothing: the parent is closed"
    assert ids(status="all", direction="asc") == [stop["id"], parent["id"], target["id"]]
    nested = desk.exchange.orders(desk.id, {"status": "all", "nested": "true"})
    assert [row["id"] for row in nested] == [parent["id"]]
    assert [leg["id"] for leg in nested[0]["legs"]] == [target["id"], stop["id"]]
    assert desk.order(parent)["legs"] is None


def test_cancel_all_names_the_leg_and_shows_the_parent() -> None:
    desk = Desk()
    parent, target, _ = entered(desk)
    plain = desk.place("XYZ", type="limit", limit_price="90")
    items = desk.exchange.cancel_all(desk.id)
    assert [(item["id"], item["status"]) for item in items] == [
        (target["id"], 200),
        (plain["id"], 200),
    ]
    assert items[0]["body"]["id"] == parent["id"] and len(items[0]["body"]["legs"]) == 2
    assert items[1]["body"]["status"] == "pending_cancel"
    desk.run()
    assert desk.exchange.orders(desk.id, {}) == []


def test_cancel_all_lists_an_oco_once() -> None:
    desk = Desk()
    desk.filled()
    pair = desk.place(**OCO)
    desk.run()
    items = desk.exchange.cancel_all(desk.id)
    assert [(item["id"], item["body"]["status"]) for item in items] == [
        (pair["id"], "pending_cancel")
    ]


def test_a_bracket_after_the_close_waits_with_its_legs() -> None:
    desk = Desk("2026-10-10 12:00")
    parent = desk.place(**{**BRACKET, "time_in_force": "gtc"})
    assert parent["status"] == "accepted"
    assert [leg["status"] for leg in parent["legs"]] == ["held", "held"]
    desk.until("2026-10-12 09:31")
    assert desk.status(parent) == "filled"
    assert desk.status(parent["legs"][0]) == "new"
