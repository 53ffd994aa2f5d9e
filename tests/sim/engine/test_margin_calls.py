"""Goal: a deficit at a close is called, met or not, and frozen; nothing else is.
Method: a scripted market that falls under a position bought on margin.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.scripted_market import Desk, refused

from execbot.sim.engine import Exchange, MemoryArchive

D = Decimal


def on_margin(price: str, when: str = "2026-10-08 15:00") -> Desk:
    """3,900 shares at 100.02 with 100,000 dollars; then the market stands at `price`."""
    desk = Desk()
    desk.market("ABC", "100.00", "100.02", size="10000")
    desk.filled(qty="3900")
    desk.until(when)
    desk.market("ABC", price, price, size="10000")
    return desk


def margin(desk: Desk) -> tuple[str | None, str | None]:
    shown = desk.exchange.margin(desk.id)
    call = shown["margin_call"]
    return (None if call is None else call["amount"], shown["frozen_until"])


# Equity is 3900 x price - 290,078; 30 % of the position must stay.
@pytest.mark.parametrize(
    ("price", "deficit"),
    [("107", None), ("106.30", None), ("106", "698"), ("105", "3428"), ("80", "71678")],
)
def test_a_deficit_beyond_the_least_is_called_at_the_close(price: str, deficit: str | None) -> None:
    desk = on_margin(price)
    assert margin(desk) == (None, None), "nothing is called during the day"
    desk.until("2026-10-09 09:00")
    # 698 dollars are below 1000 and below 5 % of equity.
    assert margin(desk) == (None if deficit in (None, "698") else deficit, None)


def test_a_call_that_is_met_is_gone() -> None:
    desk = on_margin("100")
    desk.until("2026-10-09 10:00")
    assert margin(desk)[0] == "17078"
    desk.exchange.deposit(desk.id, D(20_000))
    desk.until("2026-10-12 10:00")
    assert margin(desk) == (None, None)


def test_a_call_that_is_not_met_freezes_the_account_for_90_days() -> None:
    desk = on_margin("100")
    desk.until("2026-10-12 10:00")
    assert margin(desk) == ("17078", None), "Friday's close; Monday's is the second day"
    assert desk.exchange.margin(desk.id)["margin_call"]["due"] == "2026-10-12"
    desk.until("2026-10-13 10:00")
    assert margin(desk) == ("17078", "2027-01-10")
    account = desk.account()
    assert (account["multiplier"], account["shorting_enabled"]) == ("1", False)
    assert account["buying_power"] == "0"
    assert refused(lambda: desk.place("XYZ", qty="1"))[2] == "insufficient buying power"
    desk.filled(side="sell", qty="3900")
    desk.until("2027-01-08 10:00")
    assert margin(desk) == (None, "2027-01-10")
    assert desk.account()["multiplier"] == "1"
    desk.until("2027-01-11 10:00")
    assert margin(desk) == (None, None)
    assert desk.account()["multiplier"] == "4"


def test_closes_that_nobody_watched_count() -> None:
    watched, left_alone = on_margin("100"), on_margin("100")
    for day in ("09", "12", "13"):
        watched.until(f"2026-10-{day} 10:00")
        watched.account()
    left_alone.until("2026-10-13 10:00")
    assert margin(watched) == margin(left_alone) == ("17078", "2027-01-10")


def test_a_call_is_kept() -> None:
    desk = on_margin("100")
    desk.until("2026-10-13 10:00")
    desk.account()
    core = desk.exchange.core
    archive = core.archive
    assert isinstance(archive, MemoryArchive)
    loaded = Exchange.load(
        desk.exchange.dump(), prices=desk.prices, assets=core.assets,
        calendar=desk.calendar, archive=archive,
    )  # fmt: skip
    assert loaded.margin(desk.id) == desk.exchange.margin(desk.id)
