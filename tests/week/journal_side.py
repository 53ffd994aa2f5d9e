"""What execbot believes, read from its journal's tables and its own commands' answers."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any

from week.record import Record

if TYPE_CHECKING:
    from week.play import Week

ENDED = {"filled", "canceled", "expired", "rejected", "replaced"}


@dataclass(frozen=True)
class Books:
    positions: dict[str, Fraction]
    executed: dict[str, Fraction]
    """Shares by the broker's id of the order."""
    statuses: dict[str, str]
    doubtful: list[str]


_JOURNALS = ".local/state/execbot/paper-*/journal.db"

_READ = """
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30)
rows = lambda query: db.execute(query).fetchall()
print(json.dumps({
    "fills": rows("SELECT order_id, net_qty FROM fills WHERE order_id <> ''"),
    "orders": rows("SELECT client_order_id, order_id, status FROM orders"),
    "positions": rows("SELECT symbol, qty FROM positions"),
}))
"""


_IN_DOUBT = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30)
print(db.execute("SELECT count(*) FROM orders WHERE status = 'in_doubt'").fetchone()[0])
"""


def _run_inside(week: Week, program: str) -> CompletedProcess[str]:
    """Of the journal, by a program inside: SQLite resolves every link of a path, and would look
    outside."""
    name = str(week.machine.home / _JOURNALS)
    shell = f'exec "$0" -c "$1" {name}'
    return week.machine.call(("/bin/sh", "-c", shell, sys.executable, program), {})


def is_in_doubt(week: Week) -> bool:
    """Whether the fate of an order is still unknown here; not while there is no journal."""
    done = _run_inside(week, _IN_DOUBT)
    return done.returncode == 0 and done.stdout.strip() != "0"


def read_books(week: Week) -> Books:
    done = _run_inside(week, _READ)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    executed: defaultdict[str, Fraction] = defaultdict(Fraction)
    for order_id, qty in found["fills"]:
        executed[order_id] += Fraction(qty)
    return Books(
        {symbol: Fraction(qty) for symbol, qty in found["positions"] if Fraction(qty)},
        {name: qty for name, qty in executed.items() if qty},
        {order_id: status for _, order_id, status in found["orders"] if order_id},
        [name for name, _, status in found["orders"] if status in ("in_doubt", "submitting")],
    )


def differences(books: Books, record: Record) -> list[str]:
    """Journal against exchange: positions, orders, executions."""
    found = []
    if books.positions != record.positions:
        found.append(f"positions: ours {plain(books.positions)}, theirs {plain(record.positions)}")
    theirs = record.executed()
    for order_id in books.executed.keys() | theirs.keys():
        ours, there = books.executed.get(order_id, 0), theirs.get(order_id, 0)
        if ours != there:
            found.append(f"executions of {order_id}: ours {ours}, there {there}")
    for row in record.flat:
        status = books.statuses.get(row["id"])
        if status is None:
            found.append(f"order {row['client_order_id']} ({row['status']}) is not in the journal")
        elif (status in ENDED) != (row["status"] in ENDED):
            found.append(f"order {row['client_order_id']}: ours {status}, there {row['status']}")
    found += [f"in doubt: {name}" for name in books.doubtful]
    return found


def plain(held: dict[str, Fraction]) -> dict[str, float]:
    return {symbol: float(qty) for symbol, qty in sorted(held.items())}


def ask(week: Week, *words: str) -> tuple[int, Any, str]:
    """A command by the judge's own shell: its code, its data, what it said of errors."""
    program = week.unit.command[0]
    command = [program, *words, "--mode", "paper", "--json"]
    done = week.machine.call(command, week.unit.environment)
    try:
        data = json.loads(done.stdout)["data"]
    except (ValueError, KeyError):
        data = None
    return done.returncode, data, done.stderr


def trouble(week: Week) -> str:
    """What the heartbeat of `watch` says that keeps it from its work; empty without one."""
    root = week.machine.outside / ".local" / "state" / "execbot"
    for path in root.glob("paper-*/watch.beat"):
        with suppress(OSError, ValueError):  # it is being replaced
            return str(json.loads(path.read_bytes())["trouble"])
    return ""


def state_bytes(week: Week) -> int:
    """Journal and logs, copies left out: those are bounded by their number."""
    root = week.machine.outside / ".local" / "state" / "execbot"
    files = [path for path in root.rglob("*") if path.is_file() and "backups" not in path.parts]
    return sum(path.stat().st_size for path in files)


def memory_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0
