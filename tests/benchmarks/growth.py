"""What years of past orders cost: every command on a journal without and with them.

    python tests/benchmarks/growth.py [orders [runs]]

Past orders (100,000 without a number) are cloned from real round trips of the same run: two market
orders, then a bracket that is bought, followed by `watch` and closed. Each command runs in turn on
the journal without and on the one with them, both at one served exchange, so that the day is the
same; printed are wall time, processor time, peak memory and bytes read (SQLite's pages and all),
each with its ratio to the empty journal, and what a past order takes on the disk, table by table.
"""

from __future__ import annotations

import shutil
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from journal.grown import grow
from support.processes import EXECBOT, Server, done, exchange, execbot

from benchmarks.commands import LIMITS_OFF
from benchmarks.measure import Run, run_once

ALIKE = 20
"""So many round trips share what is packed of them, which is as long and sooner made."""

COMMANDS: Mapping[str, Sequence[str]] = {
    "orders": ["orders"],
    "orders --status open": ["orders", "--status", "open"],
    "orders --status closed, 20": ["orders", "--status", "closed", "--limit", "20"],
    "orders --symbol MSFT, 20": ["orders", "--status", "all", "--symbol", "MSFT", "--limit", "20"],
    "positions": ["positions"],
    "exits": ["exits"],
    "queue": ["queue"],
    "market": ["market"],
    "report --daily": ["report", "--daily"],
    "doctor": ["doctor"],
    "reconcile": ["reconcile"],
    "watch --seconds 1": ["watch", "--seconds", "1", "--plain"],
    "submit": ["submit", "AAPL", "--qty", "1"],
    "close": ["close", "AAPL", "--qty", "1"],
    "cancel-all": ["cancel-all"],
    "halt": ["halt", "--reason", "growth"],
    "resume": ["resume"],
}


def main(orders: int = 100_000, runs: int = 5) -> None:
    with tempfile.TemporaryDirectory() as folder:
        empty, grown = Path(folder, "empty"), Path(folder, "grown")
        empty.mkdir()
        (empty / "trading.yaml").write_text(LIMITS_OFF)
        with exchange(empty) as server:
            env = _env(server, empty)
            _trade(env)
            grown.mkdir()
            shutil.copytree(empty / "state", grown / "state")
            per_copy = _count(_journal(grown))
            _grow_beside(_journal(grown), -(-orders // per_copy))
            _show_disk(_journal(empty), _journal(grown))
            print(f"\n{'command':<28}{'':>9} wall s    cpu s   MB peak    MB read")
            for name, words in COMMANDS.items():
                _compare(name, words, env, _env(server, grown, empty), runs)


def _grow_beside(journal: Path, copies: int) -> None:
    """In a process of its own: whatever memory this one has had, the commands that it measures are
    said to have had as well."""
    process = get_context("spawn").Process(
        target=grow, args=(journal, copies), kwargs={"alike": ALIKE}
    )
    process.start()
    process.join()
    assert process.exitcode == 0


def _env(server: Server, home: Path, config: Path | None = None) -> dict[str, str]:
    return server.environment(home, EXECBOT_CONFIG=str((config or home) / "trading.yaml"))


def _trade(env: dict[str, str]) -> None:
    """What is cloned: a simple round trip, and one with exits under `watch`."""
    done(env, "submit", "AAPL", "--qty", "1", "--wait", "10")
    done(env, "close", "AAPL", "--wait", "10")
    exits = ["--stop-loss", "3%", "--take-profit", "8%"]
    done(env, "submit", "MSFT", "--qty", "2", "--wait", "10", *exits)
    _watch(env, 3)
    done(env, "close", "MSFT", "--wait", "10")
    _watch(env, 2)
    done(env, "reconcile")


def _watch(env: dict[str, str], seconds: int) -> None:
    ended = execbot(["watch", "--seconds", str(seconds), "--plain"], env)
    assert ended.code == 0, ended.err


def _journal(home: Path) -> Path:
    return next((home / "state").rglob("journal.db"))


def _count(journal: Path) -> int:
    with closing(sqlite3.connect(journal)) as connection:
        return int(connection.execute("SELECT count(*) FROM orders").fetchone()[0])


def _show_disk(empty: Path, grown: Path) -> None:
    orders = _count(grown) - _count(empty)
    print(f"{orders:,} past orders, {grown.stat().st_size / 1e6:,.0f} MB; bytes of each by table:")
    with closing(sqlite3.connect(grown)) as connection:
        rows = connection.execute(
            "SELECT name, sum(pgsize) FROM dbstat WHERE aggregate = TRUE GROUP BY name "
            "ORDER BY 2 DESC LIMIT 24"
        ).fetchall()
    for name, size in rows:
        print(f"  {name:<32}{size / orders:8.0f}")


def _compare(
    name: str, words: Sequence[str], empty: dict[str, str], grown: dict[str, str], runs: int
) -> None:
    command = [*EXECBOT, *words, "--json"] if "--plain" not in words else [*EXECBOT, *words]
    pairs = [(run_once(command, empty), run_once(command, grown)) for _ in range(runs + 1)][1:]
    for label, of in (("without", 0), ("with", 1)):
        print(f"{name if not of else '':<28}{label:>9}{_line([pair[of] for pair in pairs])}")
    ratios = [
        statistics.median(_figure(b, n) / (_figure(a, n) or 1) for a, b in pairs) for n in range(4)
    ]
    print(f"{'':<28}{'ratio':>9}" + "".join(f"{ratio:9.2f}" for ratio in ratios))


def _figure(run: Run, number: int) -> float:
    return (run.wall_seconds, run.cpu_seconds, run.memory_mb, run.read_mb)[number]


def _line(found: Sequence[Run]) -> str:
    return "".join(f"{statistics.median(_figure(r, n) for r in found):9.3f}" for n in range(4))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
