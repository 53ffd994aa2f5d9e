"""How long the journal's write lock is held while 10,000 old round trips are archived.

    python tests/benchmarks/archive.py [round trips]

One round trip is traded on the served exchange and cloned onto the days before (`journal.grown`).
Then `execbot journal archive` runs, and another process asks for the write lock all the while, a
thousand times a second: how long it was refused each time is how long a `watch` would have waited.
"""

from __future__ import annotations

import multiprocessing
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from journal.grown import BOOKS, CONFIRMED, grow
from support.processes import done, exchange, execbot, start_execbot

from benchmarks.commands import LIMITS_OFF

LOOK_SECONDS = 0.001


def main(copies: int = 10_000, a_day: int = 100) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "trading.yaml").write_text(LIMITS_OFF)
        with exchange(home) as server:
            env = server.environment(home, EXECBOT_CONFIG=str(home / "trading.yaml"))
            done(env, "submit", "AAPL", "--qty", "1", "--wait", "10")
            done(env, "close", "AAPL", "--wait", "10")
            done(env, "reconcile")
            journal = next((home / "state").rglob("journal.db"))
            grow(journal, copies, a_day=a_day, books=[*BOOKS, *CONFIRMED], alike=50)
            execbot(["journal", "rebuild", "--to", str(home / "anew.db")], env, timeout=600)
            for left in journal.parent.glob("journal.db*"):
                left.unlink()
            (home / "anew.db").rename(journal)
            print(f"{copies} round trips, {a_day} a day: {journal.stat().st_size / 1e6:.0f} MB")
            waits, seconds, files, orders = _archived(journal, env)
    waits.sort()
    share = {name: waits[int(len(waits) * at)] for name, at in (("median", 0.5), ("p99", 0.99))}
    print(f"{orders} orders in {files} files, {seconds:.0f} s; refused {len(waits)} times:")
    print({name: f"{wait * 1000:.0f} ms" for name, wait in (*share.items(), ("max", waits[-1]))})


def _archived(journal: Path, env: dict[str, str]) -> tuple[list[float], float, int, int]:
    ours, theirs = multiprocessing.Pipe()
    asking = multiprocessing.Process(target=_ask, args=(journal, theirs))
    asking.start()
    ours.recv()
    began = time.monotonic()
    running = start_execbot(["journal", "archive", "--before", "2100-01-01", "--quiet"], env)
    out, err = running.communicate()
    seconds = time.monotonic() - began
    ours.send(True)
    waits = ours.recv()
    asking.join()
    assert running.returncode == 0, out + err
    with closing(sqlite3.connect(journal)) as connection:
        sums = "SELECT count(*), coalesce(sum(orders), 0) FROM archives"
        files, orders = connection.execute(sums).fetchone()
    return waits, seconds, files, orders


def _ask(journal: Path, told: Connection) -> None:
    """How long the lock was refused, each time that it was, in seconds."""
    waits, since = list[float](), 0.0
    with closing(sqlite3.connect(journal, isolation_level=None, timeout=0)) as connection:
        told.send(True)
        while not told.poll():
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            except sqlite3.OperationalError:
                since = since or time.monotonic()
            else:
                waits += [time.monotonic() - since] if since else []
                since = 0.0
            time.sleep(LOOK_SECONDS)
    told.send(waits)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
