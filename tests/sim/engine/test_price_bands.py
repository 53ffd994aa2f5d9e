"""Goal: the crypto price band cancels what is about to trade outside of it, and nothing else.
Method: a scripted market; the texts are those of Alpaca's changelog.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.scripted_market import Desk

D = Decimal
BTC = "BTC/USD"


def banded(low: str = "49000", high: str = "50005") -> Desk:
    desk = Desk(event_reasons=True)
    desk.exchange.set_band(BTC, D(low), D(high))
    return desk


def reason(desk: Desk) -> str | None:
    last = desk.exchange.events[-1].data
    assert last["event"] == "canceled"
    found: str | None = last.get("reason")
    return found


def test_a_market_order_outside_the_band_is_canceled() -> None:
    desk = banded()
    order = desk.place(BTC, qty="0.1")
    desk.run()
    done = desk.order(order)
    assert (done["status"], done["filled_qty"]) == ("canceled", "0")
    assert reason(desk) == (
        "canceled due to price band protection. Index price: 49502.5, "
        "Price band: 1.02%, Rejected price: 50010"
    )
    assert desk.account()["cash"] == "100000"


def test_a_limit_rests_until_the_market_brings_it_outside_the_band() -> None:
    desk = banded("49000", "51000")
    order = desk.place(BTC, qty="0.1", type="limit", limit_price="48000")
    desk.run()
    assert desk.status(order) == "new"
    desk.market(BTC, "47990", "48000")
    assert desk.status(order) == "canceled"
    assert "Rejected price: 48000" in str(reason(desk))


def test_what_was_filled_before_stays_filled() -> None:
    desk = banded("49000", "51000")
    desk.market(BTC, "50000", "50010", size="0.04")
    order = desk.place(BTC, qty="0.1", type="limit", limit_price="52000")
    desk.run()
    desk.market(BTC, "51500", "51510", size="1")
    done = desk.order(order)
    assert (done["status"], done["filled_qty"]) == ("canceled", "0.04")


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_inside_the_band_nothing_is_different(side: str) -> None:
    desk = banded("49000", "51000")
    desk.filled(BTC, qty="0.2")
    if side == "sell":
        desk.filled(BTC, side="sell", qty="0.1")


def test_a_stale_reference_price_cancels_what_would_trade_and_lets_the_rest_be() -> None:
    desk = Desk(event_reasons=True)
    desk.exchange.set_stale(BTC, True)
    market = desk.place(BTC, qty="0.1")
    limit = desk.place(BTC, qty="0.1", type="limit", limit_price="40000")
    desk.run()
    assert (desk.status(market), desk.status(limit)) == ("canceled", "new")
    events = [e.data for e in desk.exchange.events if e.data["event"] == "canceled"]
    assert events[-1]["reason"] == "canceled due to reference price stale"
    desk.exchange.set_stale(BTC, False)
    desk.filled(BTC, qty="0.1")


def test_reasons_are_silent_unless_they_are_switched_on() -> None:
    desk = Desk()
    desk.exchange.set_stale(BTC, True)
    desk.place(BTC, qty="0.1")
    desk.run()
    assert desk.exchange.events[-1].data["event"] == "canceled"
    assert "reason" not in desk.exchange.events[-1].data


def test_a_stock_outside_its_band_waits_instead() -> None:
    desk = Desk()
    desk.exchange.set_band("ABC", D(90), D("100.01"))
    order = desk.place()
    desk.run()
    assert desk.status(order) == "new"
    desk.exchange.set_band("ABC", D(90), D(110))
    desk.market("ABC", "100.00", "100.02")
    assert desk.status(order) == "filled"
