"""Goal: `watch` in sim mode learns of halts and price bands, like from a data stream.

Method: the exchange shared in a directory, steered by its own control requests; then a real
`watch` process beside `sim halt` and `sim resume`, read back from its NDJSON and the journal.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from support.processes import clean_environment, end_watch, execbot, start_execbot
from support.waiting import eventually

from execbot.broker.data_stream import parse_data_frame
from execbot.broker.market_stream import LimitBand, MarketDataMessage, TradingStatus
from execbot.desk.opening.in_process import InProcessMarketData
from execbot.journal.journal import Journal
from execbot.market.halts import FOLLOWED_KEY
from execbot.sim.doors.transport import SharedVenue, open_shared

Told = TypeVar("Told", TradingStatus, LimitBand)


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[SharedVenue]:
    venue = open_shared(tmp_path, speed=0)
    yield venue
    venue.close()


def control(exchange: SharedVenue, path: str, **body: Any) -> None:
    status, _, reply = exchange.request("POST", path, {}, json.dumps(body).encode())
    assert status == 200, reply


def follow(exchange: SharedVenue) -> tuple[InProcessMarketData, Iterator[MarketDataMessage]]:
    stream = InProcessMarketData(exchange, parse_data_frame)
    stream.subscribe(statuses=["AAPL"], lulds=["AAPL"])
    return stream, stream.messages()


def next_of(messages: Iterator[MarketDataMessage], kind: type[Told]) -> Told:
    return next(m for m in messages if isinstance(m, kind))


def test_a_halt_its_end_and_bands_are_told(exchange: SharedVenue) -> None:
    stream, messages = follow(exchange)
    assert next_of(messages, LimitBand).symbol == "AAPL"
    control(exchange, "/sim/halt", symbol="AAPL", reason="LUDP")
    halted = next_of(messages, TradingStatus)
    assert (halted.symbol, halted.status_code, halted.reason_code) == ("AAPL", "H", "LUDP")
    control(exchange, "/sim/resume", symbol="AAPL")
    assert next_of(messages, TradingStatus).status_code == "T"
    control(exchange, "/sim/band", symbol="AAPL", low="150", high="160")
    band = next_of(messages, LimitBand)
    assert (band.down, band.up) == (Decimal(150), Decimal(160))
    stream.close()
    assert list(messages) == []


def test_a_halt_from_before_is_told_at_first_sight_and_other_symbols_never(
    exchange: SharedVenue,
) -> None:
    control(exchange, "/sim/halt", symbol="AAPL")
    control(exchange, "/sim/halt", symbol="MSFT")
    stream, messages = follow(exchange)
    first = next_of(messages, TradingStatus)
    assert first.symbol == "AAPL"
    stream.subscribe(statuses=["MSFT"])
    assert next_of(messages, TradingStatus).symbol == "MSFT"
    stream.close()


@pytest.mark.timeout(240)
def test_watch_in_sim_mode_sees_a_halt_and_its_end(tmp_path: Path) -> None:
    env = clean_environment(tmp_path, EXECBOT_MODE="sim")
    bought = execbot(["submit", "AAPL", "--qty", "5", "--stop-loss", "5%", "--wait", "30"], env)
    assert bought.code == 0, bought.err
    output = tmp_path / "watch.ndjson"
    watch = start_execbot(["watch", "--json"], env, stdout=output.open("w"), stderr=None)

    def says(type_: str, **facts: str) -> bool:
        lines = [json.loads(x) for x in output.read_text().splitlines(True) if x.endswith("\n")]
        return any(
            line["type"] == type_ and all(line.get(k) == v for k, v in facts.items())
            for line in lines
        )

    try:
        assert eventually(lambda: says("guard", symbol="AAPL", state="protected"))
        assert execbot(["sim", "halt", "AAPL"], env).code == 0
        assert eventually(lambda: says("halt", symbol="AAPL", halted="halted"))
        listed = execbot(["market", "--json"], env)
        assert "AAPL" in json.dumps(listed.data["halts"]), "other processes learn of it"
        refused = execbot(["submit", "AAPL", "--qty", "1", "--dry-run", "--json"], env)
        assert "halt" in refused.data["verdict"]["failures"]
        assert execbot(["sim", "resume", "AAPL"], env).code == 0
        assert eventually(lambda: says("halt", symbol="AAPL", halted="trades again"))
    finally:
        end_watch(watch)


@pytest.mark.timeout(240)
def test_watch_follows_halts_of_the_days_signals_and_of_the_market(tmp_path: Path) -> None:
    """The symbols come from signals that were too weak to act on; SPY is always among them."""
    env = clean_environment(tmp_path, EXECBOT_MODE="sim")

    def signal(symbol: str, name: str, strength: str = "82") -> Any:
        what = ["signal", symbol, "buy", "--strength", strength, "--id", name, "--json"]
        done = execbot(what, env)
        assert done.code == 0, done.err
        return done.data

    def halted() -> str:
        return json.dumps(execbot(["market", "--json"], env).data["halts"])

    def outcome_of(name: str) -> str:
        shown = execbot(["orders", "show", f"execbot-signal-{name}", "--json"], env)
        assert shown.code == 0, shown.err
        return str(shown.data["outcome"])

    without = signal("MSFT", "m0")
    assert without["halts_known"] is False
    assert any("no `watch` runs" in note for note in without["notes"])
    again = signal("IBM", "i0")
    assert again["halts_known"] is False, "the data say it each time"
    assert not any("halted" in note for note in again["notes"]), "the words once a day"
    watch = start_execbot(["watch", "--json"], env, stdout=subprocess.DEVNULL, stderr=None)
    try:
        for symbol in ("KO", "JPM"):
            assert signal(symbol, f"weak-{symbol}", "10")["outcome"] == "not_sent"
            assert eventually(lambda symbol=symbol: signal_is_known(env, symbol))
        assert signal("JPM", "j0")["halts_known"] is True
        assert execbot(["sim", "halt", "KO"], env).code == 0
        assert eventually(lambda: "KO" in halted())
        assert signal("KO", "k1")["outcome"] == "queued"
        assert execbot(["sim", "resume", "KO"], env).code == 0
        assert eventually(lambda: outcome_of("k1") in ("accepted", "filled"))
        assert execbot(["sim", "halt", "SPY", "--reason", "MWC1"], env).code == 0
        assert eventually(lambda: "MWC1" in halted())
        held = signal("XOM", "x1")
        assert held["outcome"] == "queued" and "whole market" in held["message"]
        assert execbot(["sim", "resume", "SPY"], env).code == 0
        assert eventually(lambda: outcome_of("x1") in ("accepted", "filled"))
    finally:
        end_watch(watch)


def signal_is_known(env: dict[str, str], symbol: str) -> bool:
    """Whether the running `watch` has said that it follows the symbol."""
    (path,) = Path(env["XDG_STATE_HOME"]).rglob("journal.db")
    with Journal.open(path, read_only=True) as journal:
        return symbol in (journal.meta_get(FOLLOWED_KEY) or [])
