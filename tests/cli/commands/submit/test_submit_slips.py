"""Goal: a slip of the fingers sends nothing, and who means it says so with one flag.

Method: real processes against a served exchange, AAPL at 151. What reached the exchange is read
from its own list.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.processes import Outcome, Server, exchange, execbot

D = Decimal
BUY = ("submit", "AAPL", "--qty", "10")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("exchange")) as server:
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "151"})
        yield server


class Trader:
    """An account of its own at a served exchange; a pair of keys is an account."""

    def __init__(self, server: Server, home: Path, config: str = "") -> None:
        self.server, self.key = server, home.name
        (home / "trading.yaml").write_text(f"trading_execution:\n  mode: null\n{config}")
        self.env = server.environment(home, key=self.key, EXECBOT_CONFIG=str(home / "trading.yaml"))

    def run(self, *arguments: str, code: int = 0) -> Outcome:
        done = execbot([*arguments, "--json"], self.env)
        assert done.code == code, done.out + done.err
        return done

    def orders(self) -> list[dict[str, Any]]:
        return self.server.orders(self.key)

    def qty(self) -> Decimal:
        return sum((D(p["qty"]) for p in self.server.get("/v2/positions", self.key)), D(0))


@pytest.fixture
def trader(served: Server, tmp_path: Path) -> Trader:
    return Trader(served, tmp_path)


# --- far levels ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "levels",
    [
        ("--stop-loss", "2"),
        ("--stop-loss", "0.02"),
        ("--stop-loss", "51%"),
        ("--stop-loss", "2%", "--take-profit", "400"),
        ("--take-profit", "152000"),
    ],
)
def test_a_level_further_than_half_the_price_away_is_refused(
    trader: Trader, levels: tuple[str, ...]
) -> None:
    """E-PX-3."""
    error = trader.run(*BUY, *levels, code=2).error
    assert (error["kind"], error["outcome"]) == ("exits.far", "not_sent")
    assert "--far" in error["next"]
    assert trader.orders() == []


def test_a_far_level_that_is_meant_is_sent(trader: Trader) -> None:
    done = trader.run(*BUY, "--stop-loss", "2", "--far", "--wait", "30")
    assert done.data["legs"][0]["stop_price"] == "2"
    [stop] = done.data["exits"]
    assert (stop["level"], stop["pct"], stop["r"]) == ("stop", "-98.68", "-1")
    assert stop["usd"] == "-1490"


def test_half_the_price_is_near_enough(trader: Trader) -> None:
    trader.run(*BUY, "--stop-loss", "50%")


@pytest.mark.parametrize("command", ["protect", "move"])
def test_a_held_position_keeps_its_stop_when_a_slip_would_loosen_it(
    trader: Trader, command: str
) -> None:
    trader.run(*BUY, "--stop-loss", "2%", "--wait", "30")
    way = ("protect", "AAPL") if command == "protect" else ("exits", "move", "AAPL")
    for slip in (("--stop", "1"), ("--target", "1510")):
        assert trader.run(*way, *slip, code=2).error["kind"] == "exits.far"
    [plan] = trader.run("exits", "show", "AAPL").data
    assert plan["stop"]["price"] == "147.98"
    moved = trader.run(*way, "--stop", "1", "--far").data
    assert moved["stop"]["price"] == "1"


def test_a_stop_near_the_market_may_be_far_from_the_entry(served: Server, tmp_path: Path) -> None:
    """It locks in a gain, and sells nothing although no `watch` has seen the entry fill."""
    trader = Trader(served, tmp_path)
    served.call("POST", "/sim/price", {"symbol": "MSFT", "price": "100"})
    trader.run("submit", "MSFT", "--qty", "5", "--stop-loss", "2%", "--wait", "30")
    served.call("POST", "/sim/price", {"symbol": "MSFT", "price": "300"})
    moved = trader.run("exits", "move", "MSFT", "--stop", "290").data
    assert (moved["stop"]["price"], moved["guarded"], trader.qty()) == ("290", "protected", 5)
    trader.run("exits", "move", "MSFT", "--stop", "100")


def test_a_far_level_of_a_signal_is_always_refused(trader: Trader) -> None:
    error = trader.run(
        "signal", "AAPL", "buy", "--strength", "90", "--stop", "2", "--naked", code=2
    ).error
    assert (error["kind"], error["signal"]["outcome"]) == ("exits.far", "not_sent")
    assert trader.orders() == []


# --- distances ----------------------------------------------------------------------------------


def test_every_answer_says_how_far_the_levels_are(trader: Trader) -> None:
    asked = (*BUY, "--stop-loss", "2%", "--take-profit", "2R")
    wanted = [
        {"level": "stop", "asked": "2%", "price": "147.98",
         "pct": "-2", "r": "-1", "usd": "-30.2"},
        {"level": "target", "asked": "2R", "price": "157.04",
         "pct": "4", "r": "2", "usd": "60.4"},
    ]  # fmt: skip
    assert trader.run(*asked, "--dry-run").data["exits"] == wanted
    shown = execbot([*asked, "--dry-run"], trader.env).out
    assert "stop 147.98 (2%): -2 %, -1R, 30.20 USD at risk" in shown
    assert trader.run(*asked, "--wait", "30").data["exits"] == wanted
    [plan] = trader.run("exits", "show", "AAPL").data
    assert plan["distances"] == wanted
    assert "target 157.04 (2R): 4 %, 2R, 60.40 USD gained" in execbot(["exits"], trader.env).out
    moved = execbot(["exits", "move", "AAPL", "--stop", "149"], trader.env).out
    assert "stop 149.00: -1.32 %, -0.66R, 20.00 USD at risk" in moved


# --- shorts -------------------------------------------------------------------------------------


def test_selling_what_is_not_held_needs_the_word_for_it(trader: Trader) -> None:
    sell = ("submit", "AAPL", "--side", "sell", "--qty", "5")
    error = trader.run(*sell, code=5).error
    assert error["kind"] == "risk.short_is_meant"
    assert "opens a SHORT" in error["error"] and "--short" in error["error"]
    assert trader.orders() == []
    done = trader.run(*sell, "--short", "--wait", "30").data
    assert (done["opens_short"], done["status"]) == (True, "filled")
    assert trader.qty() == -5


def test_short_says_the_side_and_the_answer_says_what_it_opens(trader: Trader) -> None:
    shown = execbot(["submit", "AAPL", "--qty", "5", "--short"], trader.env)
    assert shown.code == 0 and "opens a SHORT" in shown.out
    assert trader.orders()[0]["side"] == "sell"
    error = trader.run("submit", "AAPL", "--qty", "5", "--short", "--side", "buy", code=2).error
    assert error["kind"] == "usage.side"


def test_selling_what_is_held_needs_no_word(trader: Trader) -> None:
    trader.run(*BUY, "--wait", "30")
    sold = trader.run("submit", "AAPL", "--side", "sell", "--qty", "4", "--wait", "30").data
    assert sold["opens_short"] is False
    assert trader.qty() == 6


@pytest.mark.parametrize("side", ["short", "sell_short"])
def test_a_signal_says_a_short_by_its_own_word(trader: Trader, side: str) -> None:
    done = trader.run("signal", "AAPL", side, "--strength", "90", "--qty", "5", "--naked").data
    assert "it opens a SHORT" in done["notes"]
    assert trader.orders()[0]["position_intent"] == "sell_to_open"


# --- adding -------------------------------------------------------------------------------------


def test_adding_to_a_position_needs_its_flag_and_no_profit(trader: Trader) -> None:
    trader.run(*BUY, "--wait", "30")
    error = trader.run("submit", "AAPL", "--qty", "5", code=5).error
    assert error["error"] == (
        "Not sent: you already hold 10 AAPL (duplicate_position). To add to it: --add."
    )
    trader.run("submit", "AAPL", "--qty", "5", "--add", "--wait", "30")
    assert trader.qty() == 15


def test_adding_lifts_no_limit_and_no_other_guard(trader: Trader) -> None:
    trader.run(*BUY, "--wait", "30")
    big = trader.run("submit", "AAPL", "--qty", "80", "--add", code=5).error
    assert big["kind"] == "risk.max_position_size"
    again = trader.run(*BUY, "--add", code=5).error
    assert [failure["code"] for failure in again["failures"]] == ["duplicate_intent"]
    assert trader.qty() == 10


def test_a_second_working_order_needs_its_flag(trader: Trader) -> None:
    rest = ("submit", "AAPL", "--qty", "2", "--limit")
    trader.run(*rest, "140")
    error = trader.run(*rest, "141", code=5).error
    assert error["kind"] == "risk.one_pending" and "--also" in error["error"]
    trader.run(*rest, "141", "--also")
    assert {order["limit_price"] for order in trader.orders()} == {"140", "141"}


def test_the_configuration_may_forbid_the_flags(served: Server, tmp_path: Path) -> None:
    trader = Trader(served, tmp_path, "  risk: {allow_flags: [also]}\n")
    error = trader.run(*BUY, "--add", code=5).error
    assert (error["kind"], error["outcome"]) == ("risk.flag_not_allowed", "not_sent")
    assert "--add" in error["error"]
    trader.run(*BUY, "--also", "--wait", "30")
    assert "--add" not in trader.run("submit", "AAPL", "--qty", "5", code=5).error["error"]
    far = trader.run("exits", "move", "AAPL", "--stop", "1", "--far", code=2).error
    assert far["kind"] == "exits.no_plan"


def test_a_queued_addition_remembers_that_it_was_meant(tmp_path: Path) -> None:
    with exchange(tmp_path, "--calendar", "exchange", "--at", "2026-10-09 15:00") as server:
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "151"})
        trader = Trader(server, tmp_path)
        trader.run(*BUY, "--wait", "30")
        server.call("POST", "/sim/clock", {"set": "2026-10-10 12:00"})
        trader.run("submit", "AAPL", "--qty", "5", "--add", "--client-order-id", "more")
        server.call("POST", "/sim/clock", {"set": "2026-10-12 09:31"})
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "151"})
        [released] = trader.run("queue", "release").data
        assert released["outcome"] == "accepted", released


# --- the same id --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("--qty", "5", "--limit", "140"), ("--qty", "5", "--limit", "141")),
        (("--qty", "5", "--stop", "160"), ("--qty", "5", "--stop", "161")),
        (("--qty", "5", "--stop", "160", "--limit", "165"),
         ("--qty", "5", "--stop", "160", "--limit", "166")),
        (("--notional", "500"), ("--notional", "600")),
        (("--qty", "5", "--limit", "140", "--stop-loss", "2%"),
         ("--qty", "5", "--limit", "140", "--stop-loss", "3%")),
        (("--qty", "5", "--limit", "140"), ("--qty", "5", "--limit", "140", "--stop-loss", "3%")),
        (("--side", "sell", "--short", "--qty", "5", "--trail-percent", "2"),
         ("--side", "sell", "--short", "--qty", "5", "--trail-percent", "3")),
    ],
)  # fmt: skip
def test_the_same_id_with_another_price_or_amount_is_another_order(
    trader: Trader, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    named = ("submit", "AAPL", "--client-order-id", "once")
    trader.run(*named, *first)
    again = trader.run(*named, *first)
    assert again.data["already"] is True
    refused = trader.run(*named, *second, code=2).error
    assert refused["kind"] == "usage.client_order_id_reused"
    assert len(trader.orders()) == 1
