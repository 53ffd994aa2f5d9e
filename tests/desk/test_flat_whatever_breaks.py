"""Goal: whatever is wrong with the journal, the way out without it gets flat, and every other
command says that it is damaged.

Method: the journal of an account is spoilt for real, a table, a value or the file itself; commands
run on it in process, and the exchange says what is held.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from desk.sim_account import Harness

Damage = Callable[[Path], None]
TABLES = (
    *("orders", "order_events", "fills", "positions", "meta", "audit", "exit_plans"),
    "position_lives",
)
FLAT = (
    "close AAPL --without-journal",
    "close --all --yes --without-journal",
    "halt --reason test --flatten --yes --without-journal",
)


def whole(journal: Path, *statements: str) -> None:
    """Run statements on it, and leave all of it in the one file."""
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as opened:
        for statement in statements:
            opened.execute(statement)
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def without_table(name: str) -> Damage:
    return lambda journal: whole(journal, f"DROP TABLE {name}")


def with_flipped_time(table: str, column: str) -> Damage:
    """One byte of a time is another: the seconds have a letter in them."""
    flipped = f"substr({column}, 1, 17) || 'x' || substr({column}, 19)"
    return lambda journal: whole(
        journal,
        "DROP TRIGGER IF EXISTS order_events_are_never_changed",
        f"UPDATE {table} SET {column} = {flipped}",
    )


def as_pipe(journal: Path) -> None:
    for path in journal.parent.glob("journal.db*"):
        path.unlink()
    os.mkfifo(journal)


DAMAGES: dict[str, Damage] = {
    **{f"no {name}": without_table(name) for name in TABLES},
    "order": with_flipped_time("orders", "intent_at"),
    "order, no zone": lambda journal: whole(
        journal, "UPDATE orders SET submitted_at = replace(submitted_at, 'Z', '0')"
    ),
    "fill": with_flipped_time("fills", "at"),
    "position": with_flipped_time("positions", "opened_at"),
    "plan": lambda journal: whole(
        journal, "UPDATE exit_plans SET body = replace(body, 'created_at', 'created_xt')"
    ),
    "meta": lambda journal: whole(journal, "UPDATE meta SET value = '{' || value"),
    "not text": lambda journal: whole(
        journal, "UPDATE orders SET symbol = CAST(x'41ff' AS TEXT) WHERE symbol = 'MSFT'"
    ),
    "pipe": as_pipe,
}


@pytest.mark.parametrize("line", FLAT)
@pytest.mark.parametrize("damage", DAMAGES)
def test_one_gets_flat(harness: Harness, damage: str, line: str) -> None:
    said, before, after, _ = harness.run(line, damage=DAMAGES[damage])
    assert before.held == {"AAPL": "4"}
    assert after.held == {}, said
    sold = [o for o in after.orders.values() if o["side"] == "sell" and o["filled_qty"] != "0"]
    assert [order["qty"] for order in sold] == ["4"]
    is_reported = line.startswith("close") or json.loads(said.out)["data"]["recorded"]
    assert said.code == (0 if is_reported else 12), said.everything


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_order_is_canceled(harness: Harness, damage: str) -> None:
    said, _, after, _ = harness.run("cancel-all --yes", damage=DAMAGES[damage])
    assert said.code == 0, said
    assert [o for o in after.orders.values() if o["status"] in ("new", "held", "accepted")] == []
    assert "AAPL: 4 of 4 have no stop" in said.out


@pytest.mark.parametrize("line", ["submit KO --qty 1", "close AAPL", "cancel resting", "positions"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_no_command_takes_it_for_a_bug(harness: Harness, damage: str, line: str) -> None:
    said, before, after, _ = harness.run(line, damage=DAMAGES[damage])
    assert said.code in (0, 3), said.everything
    if said.code == 3:
        kinds = ("journal.corrupt", "journal.unavailable")
        error = json.loads(said.err.splitlines()[-1])
        assert (error["kind"] in kinds, error["outcome"]) == (True, "not_sent"), error
        assert not after.changed_since(before)
