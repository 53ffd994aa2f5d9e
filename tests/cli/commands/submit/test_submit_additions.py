"""Goal: `submit` and `signal` enlarge a protected position by themselves, and its stop survives it.

Method: processes against a served exchange, with and without a running `watch`; the process that
holds the lift is killed with SIGKILL. What is protected is read from the exchange over plain HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.processes import OwnAccount, Server, exchange, start_execbot
from support.waiting import eventually

D = Decimal
CONFIG = """
trading_execution:
  risk:
    duplicate_window_seconds: 0
    scale_in: {enabled: true, max_steps: 9, min_profit_pct: -100}
"""
PATIENCE_SECONDS = 90
"""For facts that a busy machine brings late; nothing is measured by it."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("exchange")) as server:
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
        yield server


class Trader(OwnAccount):
    def buy_with_stop(self) -> None:
        self.run("submit", "AAPL", "--qty", "10", "--stop-loss", "180", "--wait", "30")

    def sells(self) -> list[dict[str, Any]]:
        """Every order that sells, oldest first, legs among them."""
        flat: list[dict[str, Any]] = []
        for row in self.server.orders(self.key):
            flat += [order for order in (row, *(row["legs"] or ())) if order["side"] == "sell"]
        return flat

    def stops(self) -> list[str]:
        living = ("new", "accepted", "held")
        return [o["qty"] for o in self.sells() if o["type"] == "stop" and o["status"] in living]

    def covered(self) -> Decimal:
        """Shares with a stop. What was bought is learned late after a crash: it may take two."""
        return sum((D(qty) for qty in self.stops()), D(0))

    def qty(self) -> Decimal:
        return sum((D(p["qty"]) for p in self.server.get("/v2/positions", self.key)), D(0))


@pytest.fixture
def trader(served: Server, tmp_path: Path) -> Trader:
    return Trader(served, tmp_path, CONFIG)


class Watch:
    """A running `watch`, from the moment at which it sees the position protected."""

    def __init__(self, trader: Trader) -> None:
        self.path = trader.home / "watch.ndjson"
        self.process = start_execbot(
            ["watch", "--json"], trader.env, stdout=self.path.open("w"), stderr=None
        )

    def lines(self) -> list[dict[str, Any]]:
        whole = self.path.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in whole if line.endswith("\n")]

    def says(self, type_: str, **facts: Any) -> bool:
        return any(
            line["type"] == type_ and all(line.get(k) == v for k, v in facts.items())
            for line in self.lines()
        )

    def __enter__(self) -> Watch:
        assert eventually(lambda: self.says("guard", state="protected")), self.lines()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=PATIENCE_SECONDS)


def test_an_addition_without_watch_ends_with_one_stop_for_the_whole(trader: Trader) -> None:
    trader.buy_with_stop()
    [first] = [o["client_order_id"] for o in trader.sells()]
    dry = trader.run("submit", "AAPL", "--qty", "5", "--dry-run").data
    assert dry["addition"]["lifts"] == [first]
    assert trader.stops() == ["10"]
    done = trader.run("submit", "AAPL", "--qty", "5").data
    assert done["status"] == "filled"
    told = done["addition"]
    assert (told["lifted"], told["position_qty"], told["protected"]) == ([first], "15", True)
    assert trader.stops() == ["15"]
    [shown] = trader.run("exits", "show", "AAPL").data
    assert (shown["guarded"], shown["base_qty"], shown["plan_id"]) == (
        "protected",
        "15",
        told["plan_id"],
    )


def test_an_addition_beside_a_pair_without_watch_gets_a_pair_of_its_own(trader: Trader) -> None:
    legs = ["--stop-loss", "180", "--take-profit", "220"]
    trader.run("submit", "AAPL", "--qty", "10", *legs, "--wait", "30")
    done = trader.run("submit", "AAPL", "--qty", "5").data
    assert done["addition"]["lifted"] == []
    assert done["addition"]["protected"] is True
    assert sorted(trader.stops()) == ["10", "5"]
    targets = [o for o in trader.sells() if o["type"] == "limit" and o["status"] == "new"]
    assert sorted((o["qty"], o["limit_price"]) for o in targets) == [("10", "220"), ("5", "220")]


def test_an_addition_beyond_the_stop_is_refused_as_a_stop_beyond_an_entry_is(
    trader: Trader,
) -> None:
    """Beside a pair it might rest, and its shares would be sold as soon as they are bought."""
    legs = ["--stop-loss", "180", "--take-profit", "220"]
    trader.run("submit", "AAPL", "--qty", "10", *legs, "--wait", "30")
    for more in ((), ("--dry-run",)):
        refused = trader.run("submit", "AAPL", "--qty", "5", "--limit", "170", *more, code=2)
        assert refused.error["kind"] == "exits.stop_wrong_side"
        assert "its shares would be sold at once" in refused.error["error"]
    rests = trader.run("submit", "AAPL", "--qty", "5", "--limit", "181").data
    assert (rests["outcome"], rests["risk"]["usd"], rests["risk"]["r_per_share"]) == (
        "accepted",
        "5",
        "1",
    )


def test_an_addition_with_watch_leaves_the_putting_back_to_it(trader: Trader) -> None:
    trader.buy_with_stop()
    with Watch(trader) as watch:
        done = trader.run("submit", "AAPL", "--qty", "5").data
        assert done["addition"]["protected"] is True
        assert trader.stops() == ["15"]
        added = trader.run("signal", "AAPL", "buy", "--strength", "90", "--qty", "3").data
        assert added["outcome"] == "filled"
        assert any("lifted" in note for note in added["notes"])
        assert trader.stops() == ["18"]
        assert not watch.says("alarm")
        # The lifted stops, and one after each addition: nobody put one back in between.
        assert [(o["qty"], o["status"]) for o in trader.sells()] == [
            ("10", "canceled"),
            ("15", "canceled"),
            ("18", "new"),
        ]


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (("--qty", "5", "--stop-loss", "3%"), 2, "usage.legs"),
        (("--qty", "5", "--limit", "190"), 5, "risk.addition_would_rest"),
        (("--qty", "5", "--limit", "150"), 2, "exits.stop_wrong_side"),
        (("--qty", "100000"), 5, "risk.intraday_margin"),
    ],
)
def test_what_is_refused_never_touches_the_stop(
    trader: Trader, arguments: tuple[str, ...], code: int, kind: str
) -> None:
    trader.buy_with_stop()
    refused = trader.run("submit", "AAPL", *arguments, code=code)
    assert refused.error["kind"] == kind
    assert refused.error["outcome"] == "not_sent"
    assert [(o["qty"], o["status"]) for o in trader.sells()] == [("10", "new")]


def test_a_refusal_of_the_broker_says_that_the_stop_is_back(trader: Trader) -> None:
    trader.buy_with_stop()
    body = {"code": 40310000, "message": "account is not authorized to trade"}
    rule = {"kind": "canned_reply", "method": "POST", "path": "/v2/orders", "key": trader.key}
    trader.server.call("POST", "/sim/faults", {**rule, "count": 1, "status": 403, "body": body})
    refused = trader.run("submit", "AAPL", "--qty", "5", code=6)
    assert refused.error["addition"] == {"protected": True}
    assert trader.stops() == ["10"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("kind", "held"), [("request_delayed", "10"), ("reply_lost", "15")])
def test_watch_restores_the_stop_of_a_submit_that_was_killed(
    trader: Trader, kind: str, held: str
) -> None:
    """Killed with the stop lifted: before the buy is taken, or before its answer is."""
    trader.buy_with_stop()
    with Watch(trader):
        rule = {"kind": kind, "method": "POST", "path": "/v2/orders", "key": trader.key}
        trader.server.call("POST", "/sim/faults", {**rule, "count": 1, "seconds": 600})
        submit = start_execbot(["submit", "AAPL", "--qty", "5"], trader.env)
        assert eventually(lambda: [o["status"] for o in trader.sells()][:1] == ["canceled"])
        if held == "15":
            assert eventually(lambda: trader.qty() == 15)
        submit.kill()
        submit.wait()
        assert submit.returncode == -9
        assert eventually(lambda: trader.covered() == D(held)), trader.sells()
        assert trader.qty() == D(held)


def test_without_watch_protect_restores_the_stop_of_a_killed_submit(trader: Trader) -> None:
    trader.buy_with_stop()
    rule = {"kind": "reply_lost", "method": "POST", "path": "/v2/orders", "key": trader.key}
    trader.server.call("POST", "/sim/faults", {**rule, "count": 1, "seconds": 600})
    submit = start_execbot(["submit", "AAPL", "--qty", "5"], trader.env)
    assert eventually(lambda: trader.qty() == 15)
    submit.kill()
    submit.wait()
    assert trader.stops() == []
    assert eventually(
        lambda: trader.run("exits", "show", "AAPL").data[0]["guarded"] == "unprotected"
    )
    trader.run("protect", "AAPL")
    assert trader.covered() == 15
