"""Goal: how a position stood before any day is what its executions until then make, however late
or in what order they came; an older journal learns it when it is asked.

Method: trades of random times, booked in random order and batches, against all of them added up;
a bust of yesterday by its frame; a journal whose last migration is undone.
"""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations
from support.oms_making import update

from execbot.journal import Journal
from execbot.journal.migrations import register
from execbot.journal.packing.texts import unpacked
from execbot.journal.records import PositionRecord
from execbot.journal.schema import APPLICATION_ID, STEPS
from execbot.model.times import day_begins, eastern
from execbot.oms.ledger import recording
from execbot.oms.machine.positions import add_execution
from execbot.oms.position_ledger import positions_before
from execbot.oms.sync.intake import apply_update
from execbot.oms.sync.rebuild import rebuild

FIRST = datetime(2026, 10, 28, tzinfo=UTC)
DAYS = [date(2026, 10, 27) + timedelta(days=number) for number in range(10)]
LONG = ("details", "raw")
SYMBOLS = ("AAPL", "MSFT")


def trade(journal: Journal, chance: random.Random, number: int) -> None:
    """New York turns its clocks back in the middle of these days."""
    at = FIRST + timedelta(seconds=chance.randrange(7 * 86_400))
    with recording(journal) as ledger:
        for _ in range(chance.randint(1, 3)):
            number += 1
            at += timedelta(hours=chance.choice((0, 5)), microseconds=1)
            ledger.adjust(
                chance.choice(SYMBOLS),
                Decimal(chance.choice((-3, -2, -1, 1, 2, 3))),
                Decimal(chance.randint(90, 110)),
                reason="test",
                asset_class="us_equity",
                at=at,
                now=FIRST + timedelta(days=30, microseconds=number),
                is_trade=True,
            )


def added_up(journal: Journal, symbol: str, until: datetime) -> PositionRecord:
    position = PositionRecord(symbol=symbol)
    for execution in journal.executions(until=until, symbol=symbol):
        position = add_execution(position, execution)
    return position


def assert_days_are_right(journal: Journal) -> None:
    for day in DAYS:
        found = positions_before(journal, day, SYMBOLS)
        for symbol in SYMBOLS:
            assert found[symbol] == added_up(journal, symbol, day_begins(day)), (symbol, day)


def traded(path: Path, seed: int) -> Journal:
    journal, chance = Journal.open(path), random.Random(seed)
    for number in range(40):
        trade(journal, chance, 10 * number)
    return journal


@pytest.mark.parametrize("seed", range(5))
def test_late_executions_leave_every_day_as_it_was(tmp_path: Path, seed: int) -> None:
    with traded(tmp_path / "journal.db", seed) as journal:
        kept = journal.derived_tables()
        days = {(symbol, eastern(item.at).date().isoformat())
                for symbol in SYMBOLS for item in journal.executions(symbol=symbol)}  # fmt: skip
        assert {(row[0], row[1]) for row in kept["position_days"]} == days
        assert_days_are_right(journal)
        rebuild(journal)
        assert journal.derived_tables() == kept


def test_bust_of_an_earlier_day_makes_the_days_after_it_fall(tmp_path: Path) -> None:
    day = 86_400

    def frame(event: str, second: int, filled: str, qty: str, execution_id: str) -> None:
        status = "filled" if filled == "10" else "partially_filled"
        shown = update(event, status, second=second, filled=filled, avg="100",
                       execution_id=execution_id, qty=qty, price="100")  # fmt: skip
        apply_update(journal, shown, FIRST)

    with Journal.open(tmp_path / "journal.db") as journal:
        frame("partial_fill", 0, "4", "4", "x1")
        frame("fill", day, "10", "6", "x2")
        following = date(2026, 10, 8)
        assert positions_before(journal, following, ["AAPL"])["AAPL"].qty == 4
        raw = {"previous_execution_id": "x1"}
        bust = update("trade_bust", "partially_filled", second=2 * day, filled="6", avg="100",
                      execution_id="x3", qty="4", price="100", raw=raw)  # fmt: skip
        apply_update(journal, bust, FIRST)
        assert positions_before(journal, following, ["AAPL"])["AAPL"].qty == 0
        position = journal.position("AAPL")
        assert position is not None and position.qty == 6
        kept = journal.derived_tables()
        rebuild(journal)
        assert journal.derived_tables() == kept


def older(path: Path) -> None:
    """The same history in a file that the first five steps have built."""
    newer = path.rename(path.with_name("newer.db"))
    migrations = Migrations("execbot")
    for number, (name, sql) in enumerate(STEPS[:5], start=1):
        register(migrations, name, sql, number)
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("unpacked", 1, unpacked)
        connection.execute("PRAGMA journal_mode = WAL")
        migrations.apply(Database(connection))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.commit()
        connection.execute("ATTACH ? AS newer", (str(newer),))
        for table in ("orders", "order_events", "fills", "positions", "meta"):
            columns = [row[1] for row in connection.execute(f"PRAGMA main.table_info({table})")]
            texts = [f"unpacked({name})" if name in LONG else name for name in columns]
            connection.execute(
                f"INSERT INTO main.{table} ({','.join(columns)}) "
                f"SELECT {','.join(texts)} FROM newer.{table}"
            )
        connection.commit()


def test_journal_of_an_earlier_version_lays_its_days_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    traded(path, 7).close()
    older(path)
    with Journal.open(path) as journal:
        assert journal.derived_tables()["position_days"] == []
        trade(journal, random.Random(1), 1000)
        assert_days_are_right(journal)
        kept = journal.derived_tables()
        rebuild(journal)
        assert journal.derived_tables() == kept
