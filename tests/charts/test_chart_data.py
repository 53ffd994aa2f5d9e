"""Goal: a chart shows what the exchange has on record: its bars, its fills, and stops where they
stood.

Method: commands against a served exchange, judged by its own answers to plain requests; and a
trailing stop that the real `watch` moves, judged by the stop orders that the exchange has had.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from charts.making import chart
from support.processes import Server, done, execbot
from support.wishes import stop_at, target, trail
from support.world import World, open_world

from execbot.charts.levels import at_moment
from execbot.charts.model import Kind, Level
from execbot.desk.errors import ExtraMissing
from execbot.desk.look.reporting.chart_files import write_chart
from execbot.desk.look.reporting.charts import marks_of, plan_levels
from execbot.desk.look.trades import Wanted, trades_of
from execbot.model.times import parse_time

D = Decimal
Env = Mapping[str, str]


def price(server: Server, value: str) -> None:
    server.call("POST", "/sim/price", {"symbol": "AAPL", "price": value, "hold": True})


@pytest.fixture
def traded(server: Server, env: dict[str, str]) -> Env:
    """AAPL twice: bought and sold in two parts; bought again and held."""
    price(server, "200")
    done(env, *["submit", "AAPL", "--qty", "10", "--stop-loss", "2%", "--wait", "20"])
    price(server, "203")
    done(env, *["close", "AAPL", "--qty", "4", "--wait", "20"])
    done(env, *["close", "AAPL", "--wait", "20"])
    done(env, *["submit", "AAPL", "--qty", "3", "--stop-loss", "5%", "--wait", "20"])
    return env


def fills(server: Server) -> list[tuple[Any, str, Decimal, Decimal]]:
    listed = server.get("/v2/account/activities/FILL?direction=asc&page_size=100")
    return [
        (parse_time(row["transaction_time"]), row["side"], D(row["qty"]), D(row["price"]))
        for row in listed
    ]


def bars_on_record(server: Server, shown: Mapping[str, Any]) -> list[Any]:
    query = {"symbols": "AAPL", "timeframe": shown["bars_of"], "adjustment": "split"}
    span = {"start": shown["since"], "end": shown["until"], "limit": "10000"}
    request = urllib.request.Request(
        f"{server.data}/v2/stocks/bars?{urlencode({**query, **span})}",
        headers={"APCA-API-KEY-ID": "test-key", "APCA-API-SECRET-KEY": "test-secret"},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return list(json.load(reply)["bars"]["AAPL"])


def test_executions_and_bars_are_the_exchanges(server: Server, traded: Env) -> None:
    shown = done(traded, "chart", "AAPL", "--since", "1d", "--bars", "1min")
    told = [
        (parse_time(e["at"]), e["side"], D(e["qty"]), D(e["price"])) for e in shown["executions"]
    ]
    assert told == fills(server) and len(told) == 4
    assert [e["opens"] for e in shown["executions"]] == [True, False, False, True]
    assert len(shown["trades"]) == 2
    record = bars_on_record(server, shown)
    old = shown["bars"][:-2]  # the last ones may still have grown
    assert len(old) > 100
    for bar, row in zip(old, record, strict=False):
        assert parse_time(bar["at"]) == parse_time(row["t"])
        assert [D(bar[n]) for n in ("open", "high", "low", "close")] == [
            D(str(row[n])) for n in "ohlc"
        ]


def test_without_since_open_trades_are_shown_and_a_trade_by_its_id(traded: Env) -> None:
    opened = done(traded, "chart", "AAPL")
    assert len(opened["trades"]) == 1 and len(opened["executions"]) == 1
    (stop,) = opened["levels"]
    working = done(traded, "positions")[0]["stop"]
    assert working is not None and D(stop["steps"][-1]["price"]) == D(working)
    (closed,) = [t["id"] for t in done(traded, "trades", "--closed")]
    shown = done(traded, "chart", "--trade", closed[-8:])
    assert shown["trades"] == [closed] and len(shown["executions"]) == 3
    assert shown["levels"][0]["steps"][-1]["price"] is None
    assert shown["levels"][0]["steps"][-1]["at"] == shown["executions"][-1]["at"]
    other = execbot(["chart", "MSFT", "--trade", closed, "--json"], traded)
    assert other.code == 2 and "is of AAPL" in other.error["error"]


def test_a_contract_on_the_symbol_has_a_chart_of_its_own(traded: Env) -> None:
    contract = done(traded, "option", "chain", "AAPL", "--calls", "--near", "1")[0]
    bought = ["buy", contract["symbol"], "--qty", "1", "--limit", contract["ask"], "--wait", "20"]
    done(traded, *bought)
    for words in ([], ["--since", "1d"]):
        shown = done(traded, "chart", "AAPL", *words)
        assert shown["symbol"] == "AAPL"
        assert all(D(one["price"]) > 100 for one in shown["executions"]) and shown["executions"]
    assert done(traded, "chart", contract["symbol"])["symbol"] == contract["symbol"]


def test_files_are_written_and_no_bars_is_a_warning(traded: Env, tmp_path: Path) -> None:
    page, picture = tmp_path / "a.html", tmp_path / "a.png"
    told = done(traded, "chart", "AAPL", "--html", str(page), "--png", str(picture))
    assert told["files"] == [str(page), str(picture)]
    assert picture.read_bytes().startswith(b"\x89PNG") and "<svg" in page.read_text()
    assert page.stat().st_mode & 0o077 == 0
    link = tmp_path / "link.html"
    link.symlink_to(page)
    refused = execbot(["chart", "AAPL", "--html", str(link), "--json"], traded)
    assert (refused.code, refused.error["kind"]) == (2, "usage.file")
    assert link.is_symlink()
    bare = execbot(["chart", "ZZZZ", "--since", "2020-01-04"], traded)
    assert bare.code == 0 and "no bars" in bare.out + bare.err


def test_the_terminal_shows_bars_executions_and_the_stop(traded: Env) -> None:
    shown = execbot(["chart", "AAPL", "--since", "1h"], traded)
    assert shown.code == 0, shown.err
    for sign in ("█", "B", "S", "--- stop", "┤", "# Executions", "# Levels"):
        assert sign in shown.out
    assert "\x1b" not in shown.out
    plain = execbot(["chart", "AAPL", "--since", "1h"], {**traded, "PYTHONIOENCODING": "ascii"})
    assert plain.code == 0 and "#" in plain.out and plain.out.isascii()
    assert "\\u" not in plain.out


def test_a_picture_without_matplotlib_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ExtraMissing) as refused:
        write_chart(chart(), tmp_path / "a.html", tmp_path / "a.png")
    assert refused.value.next_step == "pip install matplotlib"
    assert list(tmp_path.iterdir()) == [], "neither of the two"


# --- the way of a stop ---------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> World:
    return open_world(tmp_path)


def levels(world: World) -> list[Level]:
    (trade,) = trades_of(world.desk.journal, Wanted()).trades
    return plan_levels(world.desk.journal, trade)


def stop_orders(world: World) -> list[dict[str, Any]]:
    """The stop orders that the exchange has had, oldest first."""
    listed = world.desk.call("GET", "/v2/orders?status=all&limit=500&direction=asc&nested=false")
    found = [order for order in listed if order["stop_price"] is not None]
    return sorted(found, key=lambda order: str(order["created_at"]))


def test_a_stop_that_was_moved_went_where_the_exchanges_stop_orders_went(world: World) -> None:
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    for level in ("98.5", "99", "99.25"):
        world.trader.move_stop(level)
        world.run(3)
    world.price("AAPL", "99.1")
    world.run(5)
    (stop,) = levels(world)
    way = [step.price for step in stop.steps if step.price is not None]
    assert way == [D(order["stop_price"]) for order in stop_orders(world)]
    assert way[1:] == [D("98.5"), D("99"), D("99.25")]
    (trade,) = trades_of(world.desk.journal, Wanted()).trades
    assert stop.steps[0].at >= trade.trip.opened_at
    assert stop.steps[-1].at == trade.trip.closed_at and stop.stands is None


def test_a_trailing_stop_stood_where_the_exchanges_trailing_order_stood(world: World) -> None:
    world.trader.buy("10", trail("2%"))
    world.run(3)
    stood = []
    for value in ("102", "104", "106"):
        world.price("AAPL", value)
        world.run(3)
        stood.append((world.now(), D(stop_orders(world)[-1]["stop_price"])))
    (stop,) = levels(world)
    for moment, price_there in stood:
        here = at_moment(stop, moment)
        # The plan's price is a tick that may be sent, the broker's own has more digits.
        assert here is not None and abs(here - price_there) < D("0.01")
    assert len({price_there for _, price_there in stood}) == 3


def test_a_target_ends_when_it_was_taken(world: World) -> None:
    world.trader.buy("10", stop_at("2%"), target("3%", shares=50), target("6%", shares=50))
    world.run(3)
    world.price("AAPL", "103.5")
    world.run(5)
    found = {level.word: level for level in levels(world)}
    assert set(found) == {"stop", "target 1", "target 2"}
    assert found["target 1"].stands is None and found["target 2"].stands is not None
    assert found["target 1"].kind is Kind.TARGET
    (trade,) = trades_of(world.desk.journal, Wanted()).trades
    taken = [mark for mark in marks_of(trade.trip) if not mark.opens]
    assert found["target 1"].steps[-1].at >= taken[0].at
