"""Goal: a signal leaves no position without its stop, whether or not a `watch` runs.

Method: real processes against a served exchange; what stands there is read from its own list.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.processes import Outcome, Server, exchange, execbot, start_execbot
from support.waiting import PATIENCE_SECONDS, eventually

D = Decimal
BUY = ("signal", "AAPL", "buy", "--strength", "90", "--qty", "10", "--id", "one")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("exchange")) as server:
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "100"})
        yield server


class Trader:
    """An account of its own at a served exchange; a pair of keys is an account."""

    def __init__(self, server: Server, home: Path, config: str = "") -> None:
        self.server, self.key, self.home = server, home.name, home
        (home / "trading.yaml").write_text(f"trading_execution:\n  mode: null\n{config}")
        self.env = server.environment(home, key=self.key, EXECBOT_CONFIG=str(home / "trading.yaml"))

    def run(self, *arguments: str, code: int = 0) -> Outcome:
        done = execbot([*arguments, "--json"], self.env, timeout=PATIENCE_SECONDS)
        assert done.code == code, done.out + done.err
        return done

    def orders(self) -> list[dict[str, Any]]:
        rows = self.server.orders(self.key)
        return [order for row in rows for order in (row, *(row["legs"] or ()))]

    def stops(self) -> list[tuple[str, str]]:
        living = ("new", "accepted", "held")
        return [
            (o["qty"], o["stop_price"])
            for o in self.orders()
            if o["type"] == "stop" and o["status"] in living
        ]

    def qty(self) -> Decimal:
        return sum((D(p["qty"]) for p in self.server.get("/v2/positions", self.key)), D(0))


@pytest.fixture
def trader(served: Server, tmp_path: Path) -> Trader:
    return Trader(served, tmp_path)


def test_without_watch_the_stop_goes_along_and_what_nobody_does_is_said(trader: Trader) -> None:
    done = trader.run(*BUY)
    assert done.data["outcome"] == "filled"
    assert trader.stops() == [("10", "98")]
    [warning] = done.json["warnings"]
    assert "No `execbot watch` is running" in warning
    assert "targets 1R, 2R" in warning and "trailing by 1%" in warning
    assert [one["price"] for one in done.data["exits"]] == ["98", "102", "104"]


def test_with_watch_the_parts_get_their_pairs_as_ever(trader: Trader) -> None:
    log = trader.home / "watch.ndjson"
    with log.open("w") as out:
        watch = start_execbot(["watch", "--json"], trader.env, stdout=out, stderr=None)
        try:
            assert eventually(lambda: '"type": "started"' in log.read_text()), log.read_text()
            done = trader.run(*BUY)
            assert done.json["warnings"] == []
            assert eventually(lambda: sorted(trader.stops()) == [("5", "98"), ("5", "98")])
            [entry] = [o for o in trader.orders() if o["side"] == "buy"]
            assert (entry["order_class"], entry["legs"]) == ("", None)
        finally:
            watch.terminate()
            watch.wait(timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("config", "arguments"),
    [
        ("  stop_loss: {method: trailing}\n", BUY),
        ("  sizing: {whole_shares: false}\n", (*BUY[:5], "--qty", "1.5")),
        ("", ("signal", "BTC/USD", "buy", "--strength", "90", "--notional", "500")),
    ],
    ids=["trailing", "fraction", "coin"],
)
def test_a_stop_that_cannot_go_along_refuses_the_signal_unless_it_is_meant(
    served: Server, tmp_path: Path, config: str, arguments: tuple[str, ...]
) -> None:
    trader = Trader(served, tmp_path, config)
    named = tuple(a for a in arguments if a not in ("--id", "one"))
    error = trader.run(*named, "--id", "again", code=2).error
    assert (error["kind"], error["signal"]["outcome"]) == ("exits.needs_watch", "not_sent")
    assert "execbot watch" in error["next"] and "--naked" in error["next"]
    assert trader.run(*named, "--dry-run", code=2).error["kind"] == "exits.needs_watch"
    assert trader.orders() == []
    done = trader.run(*named, "--id", "again", "--naked")
    assert done.data["outcome"] in ("filled", "accepted")
    assert "placing the stop" in done.json["warnings"][0]
    assert trader.stops() == []


def test_lines_of_a_pipe_are_held_to_the_same_rule(trader: Trader) -> None:
    lines = [
        {"symbol": "AAPL", "side": "buy", "strength": 90, "qty": 10, "id": "a"},
        {"symbol": "ETH/USD", "side": "buy", "strength": 90, "notional": 500, "id": "b"},
    ]
    path = trader.home / "signals.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = execbot(["signal", "--file", str(path), "--json"], trader.env)
    assert done.code == 12, done.err
    first, second = (json.loads(line) for line in done.out.splitlines())
    assert (first["outcome"], second["reason"]) == ("filled", "exits.needs_watch")
    assert any("No `execbot watch`" in note for note in first["notes"])
    assert trader.stops() == [("10", "98")]


def test_a_configuration_without_protection_promises_no_stop(
    served: Server, tmp_path: Path
) -> None:
    trader = Trader(served, tmp_path, "  exits: {protect_signals: false}\n")
    done = trader.run(*BUY)
    assert (done.data["outcome"], done.json["warnings"]) == ("filled", [])


@pytest.fixture
def weekend(tmp_path: Path) -> Iterator[Server]:
    with exchange(tmp_path, "--calendar", "exchange", "--at", "2026-10-10 12:00") as server:
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
        yield server


def open_at(server: Server, price: str) -> None:
    server.call("POST", "/sim/clock", {"set": "2026-10-12 09:31"})
    server.call("POST", "/sim/price", {"symbol": "AAPL", "price": price})


def test_cron_releases_a_queued_signal_with_its_stop(weekend: Server, tmp_path: Path) -> None:
    trader = Trader(weekend, tmp_path)
    assert trader.run(*BUY).data["outcome"] == "queued"
    open_at(weekend, "100")
    [released] = trader.run("queue", "release").data
    assert released["outcome"] == "accepted", released
    assert eventually(lambda: trader.stops() == [("10", "98")])


def test_cron_leaves_a_signal_in_the_queue_whose_stop_nobody_would_place(
    weekend: Server, tmp_path: Path
) -> None:
    trader = Trader(weekend, tmp_path, "  stop_loss: {method: trailing}\n")
    assert trader.run(*BUY).data["outcome"] == "queued"
    assert trader.run(*BUY[:-1], "two", "--naked", code=0).data["reason"] == "signal.order_pending"
    open_at(weekend, "100")
    [kept] = trader.run("queue", "release", code=12).data
    assert (kept["action"], kept["error_kind"]) == ("keep", "exits.needs_watch")
    assert trader.orders() == []


def test_a_queued_signal_remembers_that_it_was_meant_naked(weekend: Server, tmp_path: Path) -> None:
    trader = Trader(weekend, tmp_path, "  stop_loss: {method: trailing}\n")
    assert trader.run(*BUY, "--naked").data["outcome"] == "queued"
    open_at(weekend, "100")
    [released] = trader.run("queue", "release").data
    assert released["outcome"] == "accepted", released
