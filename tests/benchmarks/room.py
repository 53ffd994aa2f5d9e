"""What one round trip whose stop `watch` has moved many times takes on the disk, and one order.

    python tests/benchmarks/room.py [moves [copies]]

A signal buys, `watch` follows, the price rises step by step until the stop was moved so often (20
times without a number), then it falls until the stop sells. A simple order is a market order that
fills. The journal with each is cloned (`journal.grown`), and what a copy takes is printed, table by
table and index by index. Copies come with their indexes laid afterwards: pages are full, where
those of a journal that grew by itself are two thirds to nine tenths full.
"""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from journal.grown import BOOKS, CONFIRMED, grow
from support.processes import Server, done, exchange, execbot, start_execbot

from benchmarks.commands import LIMITS_OFF

FAR_TARGET = """  take_profit:
    risk_reward_ratio: 9
    partial_exits: [{level: 9, size_pct: 100}]
"""
"""In `trading.yaml`: nothing is taken before the stop sells."""

LONGEST_SECONDS = 60.0
STEP = 1.004
FIRST, HIGHEST = 100.0, 117.0
MOVED = "order_events WHERE kind = 'replaced'"


def main(moves: int = 20, copies: int = 300) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "trading.yaml").write_text(LIMITS_OFF + FAR_TARGET)
        with exchange(home) as server:
            simple = _home(home, "simple", server)
            done(simple, "submit", "AAPL", "--qty", "1", "--wait", "10")
            done(simple, "close", "AAPL", "--wait", "10")
            done(simple, "reconcile")
            _show("one simple order", _journal(home / "simple"), copies, of=2)
            trip = _home(home, "trip", server)
            _round_trip(server, trip, moves)
            _show(f"a round trip with {moves} moves", _journal(home / "trip"), copies)


def _home(folder: Path, name: str, server: Server) -> dict[str, str]:
    home = folder / name
    home.mkdir()
    config = str(folder / "trading.yaml")
    return server.environment(home, key=name, EXECBOT_CONFIG=config)


def _round_trip(server: Server, env: dict[str, str], moves: int) -> None:
    price = FIRST
    _offer(server, price)
    with Path(env["HOME"], "watch.ndjson").open("w") as out:
        watch = start_execbot(["watch", "--json"], env, stdout=out)
        try:
            wish = {
                "id": "room-signal-0123456789abcdef",
                "symbol": "MSFT",
                "side": "buy",
                "strength": 90,
                "qty": "2",
            }
            told = execbot(["signal", "-", "--json"], env, stdin=json.dumps(wish) + "\n")
            assert told.code == 0, told.out + told.err
            journal = _journal(Path(env["HOME"]))
            _wait(lambda: _count(journal, "orders WHERE type = 'stop'"))
            for move in range(1, moves + 1):
                while _count(journal, MOVED) < move:
                    assert price < HIGHEST, "the stop does not move"
                    price *= STEP
                    _offer(server, price)
                    _wait(lambda least=move: _count(journal, MOVED) >= least, 2, must=False)
            _offer(server, price * 0.95)
            _wait(lambda: not server.get("/v2/positions", env["ALPACA_API_KEY"]))
            time.sleep(2)
        finally:
            watch.send_signal(signal.SIGTERM)
            watch.wait()
    done(env, "reconcile")


def _offer(server: Server, price: float) -> None:
    quote = {"bid": f"{price - 0.01:.2f}", "ask": f"{price + 0.01:.2f}", "size": "5000"}
    server.call("POST", "/sim/price", {"symbol": "MSFT", **quote, "hold": True})


def _count(journal: Path, rows: str) -> int:
    with closing(sqlite3.connect(journal)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {rows}").fetchone()[0])


def _wait(so: Callable[[], object], seconds: float = LONGEST_SECONDS, must: bool = True) -> None:
    until = time.monotonic() + seconds
    while not so() and time.monotonic() < until:
        time.sleep(0.05)
    assert not must or so(), "it did not come"


def _journal(home: Path) -> Path:
    return next((home / "state").rglob("journal.db"))


def _show(name: str, journal: Path, copies: int, of: int = 1) -> None:
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    counts = {book: _count(journal, book) for book in (*BOOKS, *CONFIRMED)}
    grown = journal.with_name("grown.db")
    shutil.copy(journal, grown)
    grow(grown, copies, books=(*BOOKS, *CONFIRMED))
    with closing(sqlite3.connect(grown)) as connection:
        sizes = connection.execute(
            "SELECT name, sum(pgsize) FROM dbstat WHERE aggregate = TRUE GROUP BY 1 ORDER BY 2 DESC"
        ).fetchall()
    rows = ", ".join(f"{count} {book}" for book, count in counts.items() if count)
    total = (grown.stat().st_size - journal.stat().st_size) / copies / of
    print(f"{name}: {total:,.0f} bytes ({rows}); of them")
    for table, size in sizes:
        if size > 20 * 4096:
            print(f"  {table:<36}{size / copies / of:8.0f}")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
