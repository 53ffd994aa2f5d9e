"""Goal: before the open and after the close `watch` takes stops and targets, where that is on.

Method: the real watcher against the real exchange with the market's own calendar, in virtual time;
what is protected is read from the exchange.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from support.settings import additions_allowed
from support.wishes import stop_at, target
from support.world import D, open_market_day

from execbot.exits.rules.view import Guarded
from execbot.model.enums import OrderType, Side
from execbot.model.order import OrderRequest
from execbot.watch.show.position_table import GUARD_WORDS


@pytest.mark.parametrize(
    ("session", "bought", "moment"),
    [
        ("trade_afterhours", "2026-10-07 15:50", "2026-10-07 16:05"),
        ("trade_premarket", "2026-10-07 15:50", "2026-10-08 08:00"),
    ],
)
@pytest.mark.parametrize(("price", "reason"), [("97", "stop"), ("105", "target_1")])
def test_stop_and_target_reached_in_an_extended_session_are_taken_by_watch(
    tmp_path: Path, session: str, bought: str, moment: str, price: str, reason: str
) -> None:
    world = open_market_day(tmp_path, bought, **{session: True})
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100))
    world.run(3)
    world.run_through(moment)
    assert world.guarded() is Guarded.EMULATED
    assert GUARD_WORDS[Guarded.EMULATED][0] == "by watch"
    world.price("AAPL", price)
    world.run(5)
    assert world.witness.qty() == 0
    [sold] = [
        row
        for row in world.witness.orders().values()
        if (row["side"], row["status"]) == ("sell", "filled")
    ]
    assert (sold["type"], sold["extended_hours"], sold["time_in_force"]) == ("limit", True, "day")
    actions = [note.text for note in world.notes_of("action") if "submit" in note.text]
    assert reason in actions[-1]
    assert not world.witness.shorts
    assert world.plan() is None


def test_a_stop_taken_in_part_before_the_open_is_finished_at_market_when_it_opens(
    tmp_path: Path,
) -> None:
    world = open_market_day(tmp_path, "2026-10-07 15:50", trade_premarket=True)
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100))
    world.run(3)
    world.run_through("2026-10-08 09:29:30")
    world.price("AAPL", "97", size="4")
    world.run(0.4)
    assert world.witness.qty() == 6
    world.price("AAPL", "94", size="1000")
    world.run_until("2026-10-08T09:30:02", 0.5)
    assert world.witness.qty() == 0
    assert not world.witness.shorts


def test_a_stop_reached_after_hours_does_not_wait_for_a_target_that_fills_in_part(
    tmp_path: Path,
) -> None:
    world = open_market_day(tmp_path, "2026-10-07 15:50", trade_afterhours=True)
    world.trader.buy("10", stop_at("2%"), target("2%", shares=50), target("6%", shares=50))
    world.run(3)
    world.run_through("2026-10-07 16:05")
    world.price("AAPL", "102.5", size="1")
    world.run(0.4)
    assert 0 < world.witness.qty() < 10
    world.price("AAPL", "95", size="100")
    world.run(5)
    assert world.witness.qty() == 0
    assert not world.witness.shorts


def test_the_first_of_two_targets_taken_after_hours_leaves_the_rest_protected(
    tmp_path: Path,
) -> None:
    world = open_market_day(tmp_path, "2026-10-07 15:50", trade_afterhours=True)
    world.trader.buy("10", stop_at("2%"), target("2%", shares=50), target("6%", shares=50))
    world.run(3)
    world.run_through("2026-10-07 16:05")
    world.price("AAPL", "103")
    world.run(15)
    assert world.witness.qty() == 5
    assert world.witness.covered() == 5
    world.price("AAPL", "107")
    world.run(15)
    assert world.witness.qty() == 0
    assert not world.witness.shorts


def test_an_exit_in_a_thin_extended_session_is_priced_anew_until_it_fills(tmp_path: Path) -> None:
    world = open_market_day(tmp_path, "2026-10-07 15:50", trade_afterhours=True)
    world.trader.buy("10", stop_at("2%"), target("4%", shares=100))
    world.run(3)
    world.run_through("2026-10-07 16:05")
    world.price("AAPL", "97", size="4")
    world.run(0.6)
    world.price("AAPL", "95", size="4")
    world.run(150, 0.5)
    assert world.witness.qty() == 0
    assert not world.witness.shorts
    assert not world.notes_of("unprotected")


def test_an_entry_filled_before_the_open_has_its_stop_waiting_and_watched(tmp_path: Path) -> None:
    world = open_market_day(tmp_path, "2026-10-08 08:00", trade_premarket=True)
    world.trader.buy("10", stop_at("2%"), limit="100.10", extended_hours=True)
    world.run(5)
    assert world.witness.qty() == 10
    [stop] = [r for r in world.witness.living() if r["type"] == "stop"]
    assert (stop["qty"], stop["time_in_force"]) == ("10", "gtc")
    assert world.guarded() is Guarded.EMULATED
    world.run_through("2026-10-08 09:30")
    assert world.guarded() is Guarded.PROTECTED
    assert not world.alarms()


def test_an_addition_after_hours_lifts_the_stop_and_has_it_back(tmp_path: Path) -> None:
    world = open_market_day(tmp_path, "2026-10-07 15:50", trade_afterhours=True)
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    world.run_through("2026-10-07 16:05")
    request = OrderRequest(
        "AAPL",
        Side.BUY,
        qty=D(5),
        type=OrderType.LIMIT,
        limit_price=D("100.05"),
        extended_hours=True,
        client_order_id="more",
    )
    allowed = replace(world.settings, risk=additions_allowed().risk)
    placed = world.trader.place(request, allowed)
    assert placed.addition is not None
    assert len(placed.addition.lifts) == 1
    world.run(5)
    [stop] = world.witness.living("stop")
    assert (stop["qty"], stop["time_in_force"]) == ("15", "gtc")
    assert world.guarded() is Guarded.EMULATED
    assert not world.alarms()
