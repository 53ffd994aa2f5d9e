"""Goal: `submit` with several --take-profit never loses one, and says what becomes of each.

Method: processes against a served exchange, with and without a running `watch`; what stands there
is read over plain HTTP. What is refused is a table, and nothing of it reaches the exchange.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.processes import Outcome, OwnAccount, Server, exchange, execbot, start_execbot
from support.waiting import PATIENCE_SECONDS, eventually

D = Decimal
TARGETS = ("--stop-loss", "2%", "--take-profit", "2R", "--take-profit", "1R")
"""The farther one first: they are sorted."""

CONFIG = """
trading_execution:
  risk:
    duplicate_window_seconds: 0
    scale_in: {enabled: true, max_steps: 9, min_profit_pct: -100}
"""
LIVING = ("new", "accepted", "held")


class Trader(OwnAccount):
    def submit(self, *arguments: str, code: int = 0) -> Outcome:
        return self.run("submit", "AAPL", *arguments, code=code)

    def exits(self) -> list[tuple[str, str, str, str]]:
        """What stands on the closing side: class, type, quantity, price."""
        rows = self.server.orders(self.key)
        flat = [order for row in rows for order in (row, *(row["legs"] or ()))]
        return sorted(
            (o["order_class"], o["type"], o["qty"], o["limit_price"] or o["stop_price"])
            for o in flat
            if o["side"] == "sell" and o["status"] in LIVING
        )

    def fault(self, kind: str, **more: Any) -> None:
        rule = {"kind": kind, "key": self.key, "method": "POST", "path": "/v2/orders", "count": 1}
        self.server.call("POST", "/sim/faults", {**rule, **more})


PAIRS = [
    ("oco", "limit", "2", "208"),
    ("oco", "limit", "3", "204"),
    ("oco", "stop", "2", "196"),
    ("oco", "stop", "3", "196"),
]
TOLD = [{"level": "1R", "price": "204", "qty": "3"}, {"level": "2R", "price": "208", "qty": "2"}]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("exchange")) as server:
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
        yield server


@pytest.fixture
def trader(served: Server, tmp_path: Path) -> Trader:
    return Trader(served, tmp_path, CONFIG)


def test_without_watch_the_stop_stands_and_the_answer_says_that_no_target_does(
    trader: Trader,
) -> None:
    done = trader.submit("--qty", "5", *TARGETS, "--wait", "30")
    assert (done.data["status"], done.data["order_class"]) == ("filled", "oto")
    assert trader.exits() == [("oto", "stop", "5", "196")]
    told = done.data["spread"]
    assert (told["stop"], told["targets"], told["watched"]) == ("196", TOLD, False)
    [warning] = done.json["warnings"]
    assert "No `execbot watch` is running" in warning and "execbot protect AAPL" in warning
    [shown] = trader.run("exits", "show", "AAPL").data
    assert (shown["plan_id"], shown["guarded"]) == (told["plan_id"], "protected")
    assert [target["spec"] for target in shown["targets"]] == ["1R", "2R"]
    trader.run("protect", "AAPL")
    assert trader.exits() == PAIRS
    [shown] = trader.run("exits", "show", "AAPL").data
    assert [target["price"] for target in shown["targets"]] == ["204", "208"]


def test_watch_spreads_them_after_the_fill(trader: Trader) -> None:
    log = Path(trader.env["HOME"]) / "watch.ndjson"
    with log.open("w") as out:
        watch = start_execbot(["watch", "--json"], trader.env, stdout=out, stderr=None)
        try:
            assert eventually(lambda: '"type": "started"' in log.read_text()), log.read_text()
            done = trader.submit("--qty", "5", *TARGETS)
            assert done.data["spread"]["watched"] is True
            assert done.json["warnings"] == []
            assert eventually(lambda: trader.exits() == PAIRS), trader.exits()
            [position] = trader.server.get("/v2/positions", trader.key)
            assert position["qty"] == "5"
        finally:
            watch.terminate()
            watch.wait(timeout=PATIENCE_SECONDS)


def test_people_are_told_in_words(trader: Trader) -> None:
    done = execbot(["submit", "AAPL", "--qty", "5", *TARGETS], trader.env)
    assert "Targets after the fill: 3 at 204.00 (1R), 2 at 208.00 (2R)" in done.out
    assert "the stop at 196.00 is for all 5" in done.out
    assert "No `execbot watch` is running" in done.err


def test_a_dry_run_shows_them_and_keeps_no_plan(trader: Trader) -> None:
    dry = trader.submit("--qty", "5", *TARGETS, "--dry-run").data
    assert dry["request"]["order_class"] == "oto"
    assert dry["request"]["stop_loss"] == {"stop_price": "196"}
    assert "take_profit" not in dry["request"]
    assert dry["spread"] == {"plan_id": None, "stop": "196", "targets": TOLD, "watched": False}
    assert trader.run("exits", "show").data == []


def test_one_target_goes_along_as_ever(trader: Trader) -> None:
    done = trader.submit("--qty", "5", "--stop-loss", "2%", "--take-profit", "2R").data
    assert (done["order_class"], done["spread"]) == ("bracket", None)


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (("--qty", "5", *TARGETS[2:]), "usage.targets", "no --stop-loss"),
        (("--qty", "1", *TARGETS), "usage.targets", "2 times with --qty 1"),
        (("--qty", "2.5", *TARGETS), "usage.legs", "whole shares"),
        (("--notional", "500", *TARGETS), "usage.legs", "whole shares"),
        (("--qty", "5", *TARGETS, "--take-profit", "190"), "exits.target_wrong_side", "190"),
        (("--qty", "5", *TARGETS, "--take-profit", "x"), "exits.bad_level", "x"),
        (("--qty", "5", "--side", "sell", *TARGETS, "--take-profit", "210"),
         "exits.target_wrong_side", "210"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_and_nothing_is_sent(
    trader: Trader, arguments: tuple[str, ...], kind: str, words: str
) -> None:
    error = trader.submit(*arguments, code=2).error
    assert (error["kind"], error["outcome"]) == (kind, "not_sent")
    assert words in error["error"]
    assert error["hint"] and (error["next"] or kind == "exits.bad_level")
    assert trader.server.orders(trader.key) == []


def test_an_addition_takes_no_targets_of_its_own_and_comes_under_those_of_the_position(
    trader: Trader,
) -> None:
    trader.submit("--qty", "4", *TARGETS, "--wait", "30")
    trader.run("protect", "AAPL")
    refused = trader.submit("--qty", "2", *TARGETS, code=2).error
    assert refused["kind"] == "usage.legs" and "exits move AAPL" in refused["next"]
    added = trader.submit("--qty", "2").data
    assert (added["addition"]["protected"], added["spread"]) == (True, None)
    sold = [order for order in trader.exits() if order[1] == "limit"]
    assert sum(D(order[2]) for order in sold) == 6
    assert {order[3] for order in sold} == {"204", "208"}


def test_an_addition_before_anybody_has_spread_them_ends_with_all_spread(trader: Trader) -> None:
    trader.submit("--qty", "4", *TARGETS, "--wait", "30")
    [stop] = trader.exits()
    assert stop == ("oto", "stop", "4", "196")
    added = trader.submit("--qty", "2").data
    assert added["addition"]["protected"] is True
    pairs = [order for order in trader.exits() if order[0] == "oco"]
    assert trader.exits() == pairs
    assert sum(D(order[2]) for order in pairs if order[1] == "limit") == 6


# --- again --------------------------------------------------------------------------------------


def test_the_same_id_given_again_sends_nothing_and_leaves_the_plan(trader: Trader) -> None:
    first = trader.submit("--qty", "5", *TARGETS, "--client-order-id", "once", "--wait", "30").data
    again = trader.submit("--qty", "5", *TARGETS, "--client-order-id", "once").data
    assert again["already"] is True
    assert again["spread"]["plan_id"] == first["spread"]["plan_id"]
    trader.submit("--qty", "4", *TARGETS, "--client-order-id", "once", code=2)
    [shown] = trader.run("exits", "show").data
    assert [target["spec"] for target in shown["targets"]] == ["1R", "2R"]


def test_an_order_that_was_refused_brings_its_targets_when_it_is_given_again(
    trader: Trader,
) -> None:
    named = ("--qty", "5", *TARGETS, "--client-order-id", "named")
    trader.run("halt", "--reason", "lunch")
    assert trader.submit(*named, code=5).error["kind"] == "risk.kill_switch"
    trader.run("resume")
    trader.submit(*named, "--wait", "30")
    trader.run("protect", "AAPL")
    assert trader.exits() == PAIRS


def test_a_retry_brings_the_targets_along(trader: Trader) -> None:
    rejected = {"status": 422, "body": {"code": 42210000, "message": "cannot be traded now"}}
    trader.fault("canned_reply", **rejected)
    trader.submit("--qty", "5", *TARGETS, "--client-order-id", "first", code=6)
    assert trader.run("exits", "show").data == []
    again = trader.run("orders", "retry", "first").data
    assert (again["client_order_id"], again["order_class"]) == ("first.h1", "oto")
    assert again["spread"]["targets"] == TOLD
    assert eventually(lambda: trader.exits() == [("oto", "stop", "5", "196")])
    trader.run("protect", "AAPL")
    assert trader.exits() == PAIRS


# --- the queue ----------------------------------------------------------------------------------


@pytest.fixture
def weekend(tmp_path: Path) -> Iterator[Trader]:
    with exchange(tmp_path, "--calendar", "exchange", "--at", "2026-10-10 12:00") as server:
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
        yield Trader(server, tmp_path, CONFIG)


def test_a_queued_order_keeps_its_targets_until_the_open(weekend: Trader) -> None:
    queued = weekend.submit("--qty", "5", *TARGETS, "--client-order-id", "wait").data
    assert (queued["outcome"], queued["spread"]["targets"]) == ("queued", TOLD)
    [shown] = weekend.run("exits", "show").data
    assert shown["status"] == "pending"
    weekend.server.call("POST", "/sim/clock", {"set": "2026-10-12 09:31"})
    weekend.server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
    [released] = weekend.run("queue", "release").data
    assert released["outcome"] == "accepted"
    assert eventually(lambda: weekend.exits() == [("oto", "stop", "5", "196")]), weekend.exits()
    weekend.run("protect", "AAPL")
    assert weekend.exits() == PAIRS


def test_an_order_that_the_broker_finds_closed_waits_with_its_targets(trader: Trader) -> None:
    closed = {"status": 403, "body": {"code": 40310000, "message": "market is closed"}}
    trader.fault("canned_reply", **closed)
    queued = trader.submit("--qty", "5", *TARGETS, "--client-order-id", "early").data
    assert (queued["outcome"], queued["client_order_id"]) == ("queued", "early.q")
    assert queued["spread"]["targets"] == TOLD
    trader.run("queue", "release")
    assert eventually(lambda: trader.exits() == [("oto", "stop", "5", "196")]), trader.exits()
    trader.run("protect", "AAPL")
    assert trader.exits() == PAIRS
