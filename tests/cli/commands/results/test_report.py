"""Goal: `report` tells of the days that were asked for, in every form; what it cannot do it says
before anything is written.

Method: commands as processes on an account of the built-in exchange, a `watch` beside them.
"""

from __future__ import annotations

import csv
import json
import signal
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.processes import Server, done, exchange, execbot, start_execbot
from support.waiting import eventually


def test_a_report_in_every_form(sim_env: dict[str, str], tmp_path: Path) -> None:
    done(sim_env, "submit", "AAPL", "--qty", "3", "--stop-loss", "2%", "--wait", "20")
    done(sim_env, "close", "AAPL", "--qty", "1", "--wait", "20")
    page, folder = tmp_path / "page.html", tmp_path / "rows"
    data = done(sim_env, "report", "--weekly", "--html", str(page), "--csv", str(folder))
    assert data["execution"]["sent"] == data["execution"]["taken"] >= 2
    assert data["execution"]["entries"]["whole"] == 1
    assert sum(day["fills"] for day in data["days"]) == len(data["fills"]) == 2
    assert data["trades"]["open_trades"] == 1
    lines = {line["name"]: line for line in data["scorecard"]}
    assert lines["orders nobody asked for"]["judged"] == "met"
    assert lines["mean slippage"]["judged"] == "no_basis"
    assert page.read_text().startswith("<!doctype html>")
    assert str(page) in data["written"]
    with (folder / "fills.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["execution_id"] for row in rows] == [f["execution_id"] for f in data["fills"]]
    shown = execbot(["report"], sim_env)
    assert "# Scorecard" in shown.out and "no basis" in shown.out


def test_what_contradicts_itself_or_cannot_be_written_is_said(
    sim_env: dict[str, str], tmp_path: Path
) -> None:
    for words in (
        ["--weekly", "--monthly"],
        ["--daily", "--from", "2026-10-01"],
        ["--to", "2026-10-01"],
        ["--from", "2026-10-02", "--to", "2026-10-01"],
        ["--date", "2026-10-01", "--from", "2026-10-01"],
        ["--date", "tomorrow"],
        ["--html", str(tmp_path / "nowhere" / "page.html")],
    ):
        found = execbot(["report", *words, "--json"], sim_env)
        assert (found.code, found.out) == (2, ""), words
        error = json.loads(found.err)
        assert error["kind"].startswith("usage"), words
        assert "Traceback" not in found.err
    if find_spec("pyarrow") is None:
        found = execbot(["report", "--parquet", str(tmp_path / "data"), "--json"], sim_env)
        assert (found.code, json.loads(found.err)["kind"]) == (2, "usage.extra")
        assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (["--date", "2025-12-25"], "2025-12-25 is a holiday: the exchange is closed."),
        (["--date", "2026-01-03"], "2026-01-03 is a Saturday: the exchange is closed."),
        (["--monthly", "--date", "2033-03-05"], "2033-03-01 to 2033-03-31 is still to come"),
    ],
)
def test_days_without_a_session_and_days_to_come_say_so(
    tmp_path: Path, words: list[str], note: str
) -> None:
    with exchange(tmp_path, "--calendar", "exchange") as server:
        told(server.environment(tmp_path), words, note)


def told(env: dict[str, str], words: list[str], note: str) -> None:
    found = execbot(["report", *words, "--json"], env)
    assert found.code == 0
    (said,) = json.loads(found.out)["data"]["notes"]
    assert said.startswith(note)
    assert note in execbot(["report", *words], env).out


def test_a_watch_gives_the_scorecard_its_basis(server: Server, env: dict[str, str]) -> None:
    process = start_execbot(["watch", "--json"], env)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line).get("type") == "stream":
                break
        done(env, "submit", "AAPL", "--qty", "3", "--stop-loss", "2%", "--wait", "30")

        def covered() -> bool:
            return done(env, "report")["protection"]["guard_changes"] > 0

        assert eventually(covered)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    finally:
        process.kill()
        process.communicate()
    data = done(env, "report")
    lines = {line["name"]: line for line in data["scorecard"]}
    for name in ("stream messages", "position updates", "position tracking"):
        assert lines[name]["n"] > 0, name
        assert lines[name]["judged"] != "no_basis", name
    assert data["operation"]["stream_messages"] > 0
    assert data["execution"]["verdicts"] == {"confirmed": 1}


def test_a_day_that_is_over_is_valued_at_its_close(tmp_path: Path) -> None:
    """By the exchange's own bar of that day, whatever the price is when somebody asks."""
    with exchange(tmp_path, "--at", "2026-10-12 10:00", "--calendar", "exchange") as server:
        env = server.environment(tmp_path)
        done(env, "submit", "KO", "--qty", "3", "--wait", "20")
        server.call("POST", "/sim/clock", {"set": "2026-10-14 11:00"})
        server.call("POST", "/sim/price", {"symbol": "KO", "price": "300", "hold": True})
        then = done(env, "report", "--date", "2026-10-12")["positions"][0]
        now = done(env, "report", "--date", "2026-10-14")["positions"][0]
        bars = server.call(
            "GET", "/v2/stocks/bars?symbols=KO&timeframe=1Day&start=2026-10-12&end=2026-10-13"
        )["bars"]["KO"]
    assert Decimal(str(then["current_price"])) == Decimal(str(bars[0]["c"]))
    assert Decimal(str(now["current_price"])) == 300 != Decimal(str(bars[0]["c"]))
