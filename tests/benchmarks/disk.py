"""What a round trip with `watch` takes on the disk: a bracket whose stop moves so many times.

    python tests/benchmarks/disk.py [moves]

A served exchange's price is raised step by step, so that `watch` moves the trailing stop; then the
position is closed. Printed is what its rows take, table by table: payload, and pages once the
journal holds a thousand such round trips, where nothing is rounded up any more. With EXECBOT_KEEP
the journal is copied there.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from journal.grown import grow
from support.processes import Server, done, exchange, execbot, start_execbot

from benchmarks.commands import LIMITS_OFF

ONE_TARGET = """
  take_profit: {method: percent, pct: 40, partial_exits: []}
"""
TRIPS = 500
START, STEP = Decimal("1.02"), Decimal("1.006")
"""The stop follows once the trade has earned what it risks."""

PATIENCE_SECONDS = 40


def main(moves: int = 20) -> None:
    with tempfile.TemporaryDirectory() as folder, exchange(Path(folder)) as server:
        home = Path(folder)
        (home / "trading.yaml").write_text(LIMITS_OFF + ONE_TARGET)
        env = server.environment(home, EXECBOT_CONFIG=str(home / "trading.yaml"))
        moved = _trip(server, env, moves)
        journal = next((home / "state").rglob("journal.db"))
        if kept := os.environ.get("EXECBOT_KEEP"):
            with closing(sqlite3.connect(journal)) as connection:
                connection.execute("VACUUM INTO ?", (kept,))
        grown = home / "grown.db"
        with closing(sqlite3.connect(journal)) as connection:
            connection.execute("VACUUM INTO ?", (str(grown),))
        grow(grown, TRIPS)
        _show(grown, moved)


def _trip(server: Server, env: dict[str, str], moves: int) -> int:
    price = Decimal("200")
    _set(server, price)
    given = execbot(["signal", "-", "--json"], env, stdin=_signal() + "\n")
    assert given.code == 0, given
    with open(os.devnull, "w") as nowhere:
        watch = start_execbot(["watch", "--plain"], env, stdout=nowhere, stderr=nowhere)
        try:
            stop = _stop(server, "")
            price *= START
            for _ in range(moves):
                price = (price * STEP).quantize(Decimal("0.01"))
                _set(server, price)
                stop = _stop(server, stop)
            done(env, "close", "AAPL", "--wait", "20")
            time.sleep(2)
        finally:
            watch.terminate()
            watch.wait()
    done(env, "reconcile")
    return moves


def _signal() -> str:
    """Its exits are those of trading.yaml, with a stop that trails."""
    made = datetime.now(UTC).isoformat()
    return json.dumps({"id": "signal-of-a-round-trip", "symbol": "AAPL", "side": "buy", "qty": "4",
                       "strength": 90, "strategy_id": "disk", "ttl_seconds": 3600,
                       "created_at": made})  # fmt: skip


def _set(server: Server, price: Decimal) -> None:
    server.call("POST", "/sim/price", {"symbol": "AAPL", "price": str(price)})


def _stop(server: Server, before: str) -> str:
    """The living stop's id, once it is another one."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        rows = [row for order in server.orders() for row in (order, *(order["legs"] or ()))]
        living = {
            row["id"]
            for row in rows
            if row["type"] == "stop" and row["status"] in ("new", "accepted", "held")
        }
        if living and before not in living:
            return str(sorted(living)[0])
        time.sleep(0.1)
    raise SystemExit("the stop does not move")


def _show(grown: Path, moves: int) -> None:
    with closing(sqlite3.connect(grown)) as connection:
        connection.execute("VACUUM")
        rows = connection.execute(
            "SELECT m.tbl_name, s.name, sum(s.pgsize) FROM dbstat s JOIN sqlite_master m "
            "ON m.name = s.name WHERE s.aggregate = TRUE GROUP BY 1, 2 ORDER BY 3 DESC"
        ).fetchall()
        trips = TRIPS + 1
        total = sum(size for _, _, size in rows)
        print(f"a round trip with {moves} moves of the stop: {total / trips / 1000:.1f} kB")
        for table, name, size in rows:
            if size / trips > 20:
                count = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                print(f"  {table:<16}{name:<40}{size / trips:9.0f}{count / trips:7.1f} rows")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
