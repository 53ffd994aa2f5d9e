"""The journal's executions, and the positions that they add up to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from execbot.journal.codec import (
    AMONG,
    execution_of,
    fill_row,
    life_step_of,
    life_step_row,
    listed,
    position_day_of,
    position_day_row,
    position_of,
    position_row,
    with_zone,
)
from execbot.journal.connection import Connection
from execbot.journal.records import Execution, LifeStep, PositionDay, PositionRecord
from execbot.journal.statements import (
    ADD_LIFE_STEP,
    DROP_FEE_SUMS,
    PUT_FILL,
    PUT_POSITION,
    PUT_POSITION_DAY,
)
from execbot.model.order import Fill
from execbot.model.times import day_begins, eastern, iso


class ExecutionBook(Connection):
    """Executions, and the positions that they add up to."""

    def fills(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        symbol: str | None = None,
        *,
        adjustments: bool = False,
    ) -> list[Fill]:
        """Fills as they stand, oldest first: busted ones are gone, corrected ones corrected.

        `adjustments` adds the bookings that were no trades (adopted positions, fees in coins).
        """
        found = self.executions(since, until, symbol)
        return [
            execution.as_fill()
            for execution in found
            if execution.net_qty and (adjustments or execution.client_order_id)
        ]

    def executions(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        symbol: str | None = None,
    ) -> list[Execution]:
        """Everything in the books with its history, busted and inferred executions included."""
        where: list[str] = []
        values: list[Any] = []
        for clause, value in (
            ("at >= ?", iso(since) if since else None),
            ("at < ?", iso(until) if until else None),
            ("symbol = ?", symbol),
        ):
            if value is not None:
                where.append(clause)
                values.append(value)
        sql = "SELECT * FROM fills" + (f" WHERE {' AND '.join(where)}" if where else "")
        sql += " ORDER BY at, execution_id"
        return self._read(execution_of, sql, values)

    def executions_of_orders(self, client_order_ids: Iterable[str]) -> dict[str, list[Execution]]:
        """The booked executions of each of these orders, oldest first."""
        found: dict[str, list[Execution]] = {}
        sql = f"SELECT * FROM fills WHERE client_order_id {AMONG} ORDER BY at, execution_id"
        for execution in self._read(execution_of, sql, (listed(client_order_ids),)):
            found.setdefault(execution.client_order_id, []).append(execution)
        return found

    def executions_of(self, client_order_id: str) -> list[Execution]:
        return self._read(
            execution_of,
            "SELECT * FROM fills WHERE client_order_id = ? ORDER BY at, execution_id",
            (client_order_id,),
        )

    def inferred_executions(self) -> list[Execution]:
        """Executions that were concluded and not reported yet, oldest first."""
        return self._read(
            execution_of, "SELECT * FROM fills WHERE state = 'inferred' ORDER BY at, execution_id"
        )

    def first_execution(self, symbol: str) -> Execution | None:
        found = self._read(
            execution_of,
            "SELECT * FROM fills WHERE symbol = ? ORDER BY at, execution_id LIMIT 1",
            (symbol,),
        )
        return found[0] if found else None

    def was_traded(self, symbol: str) -> bool:
        """Was anything of it ever bought or sold here, beside what was adjusted?"""
        sql = "SELECT 1 FROM fills WHERE symbol = ? AND state != 'adjustment' LIMIT 1"
        return bool(self._rows(sql, (symbol,)))

    def execution_owners(self, execution_ids: Iterable[str]) -> dict[str, str]:
        """The client_order_id that has each of these executions in its books, where one has."""
        sql = f"SELECT execution_id, client_order_id FROM fills WHERE execution_id {AMONG}"
        return {row[0]: row[1] for row in self._rows(sql, (listed(execution_ids),))}

    # --- positions -------------------------------------------------------------------------

    def positions(self) -> list[PositionRecord]:
        """Positions that are held, by symbol."""
        return self._read(
            position_of, "SELECT * FROM positions WHERE (qty = '0') = 0 ORDER BY symbol"
        )

    def flat_since(self, moment: datetime) -> list[PositionRecord]:
        """Positions that are flat now and were traded since."""
        return self._read(
            position_of,
            "SELECT * FROM positions WHERE (qty = '0') = 1 AND updated_at >= ? ORDER BY symbol",
            (iso(moment),),
        )

    def position(self, symbol: str) -> PositionRecord | None:
        found = self._read(position_of, "SELECT * FROM positions WHERE symbol = ?", (symbol,))
        return found[0] if found else None

    def positions_of(self, symbols: Iterable[str]) -> dict[str, PositionRecord]:
        """The positions of these symbols that were ever held, flat ones included."""
        sql = f"SELECT * FROM positions WHERE symbol {AMONG} ORDER BY symbol"
        found = self._read(position_of, sql, (listed(symbols),))
        return {position.symbol: position for position in found}

    # --- positions day by day --------------------------------------------------------------

    def position_day(self, symbol: str, *, until: date) -> PositionDay | None:
        """The youngest day with executions of a symbol, `until` included, that is kept."""
        found = self._read(
            position_day_of,
            "SELECT day, body FROM position_days WHERE symbol = ? AND day <= ? "
            "ORDER BY day DESC LIMIT 1",
            (symbol, str(until)),
        )
        return found[0] if found else None

    def position_before(self, symbol: str, day: date) -> PositionRecord | None:
        """A position as it stood before a New York day; None where the days of an older journal
        are not laid: then its executions have to be added up."""
        following = self._day_following(symbol, day)
        until = day_begins(following.day) if following else None
        if self._has_executions(symbol, day_begins(day), until):
            return None
        if following is not None:
            return following.position
        return self.position(symbol) or PositionRecord(symbol=symbol)

    def day_before(
        self, symbol: str, day: date, so: Callable[[PositionRecord], bool]
    ) -> PositionDay | None:
        """The last day, this one included, before which the position was so; None where none is
        known: then its executions are needed from the first one on."""
        before = self.position_before(symbol, day)
        found = None if before is None else PositionDay(day, before)
        while found is not None and not so(found.position):
            found = self.position_day(symbol, until=found.day - timedelta(days=1))
        return found

    def day_after(
        self, symbol: str, day: date, so: Callable[[PositionRecord], bool]
    ) -> date | None:
        """The first day, this one included, before which the position was so and after which it
        was traded; None where there is none: then all executions until now are needed."""
        found = self._day_following(symbol, day)
        while found is not None and not so(found.position):
            found = self._day_following(symbol, found.day + timedelta(days=1))
        return None if found is None else found.day

    def _day_following(self, symbol: str, day: date) -> PositionDay | None:
        found = self._read(
            position_day_of,
            "SELECT day, body FROM position_days WHERE symbol = ? AND day >= ? "
            "ORDER BY day LIMIT 1",
            (symbol, str(day)),
        )
        return found[0] if found else None

    def _has_executions(self, symbol: str, since: datetime, until: datetime | None) -> bool:
        sql = "SELECT 1 FROM fills WHERE symbol = ? AND at >= ?"
        values = [symbol, iso(since)]
        if until is not None:
            sql += " AND at < ?"
            values.append(iso(until))
        return bool(self._rows(f"{sql} LIMIT 1", values))

    # --- the lives of positions --------------------------------------------------------------

    def last_life(self, symbol: str) -> LifeStep | None:
        """The state that a position is in; None for what was never held or wanted."""
        found = self._read(
            life_step_of,
            "SELECT * FROM position_lives WHERE symbol = ? "
            "ORDER BY event_seq DESC, step DESC LIMIT 1",
            (symbol,),
        )
        return found[0] if found else None

    def lives(self, symbol: str, *, limit: int) -> list[LifeStep]:
        """The last steps of a symbol, oldest first."""
        found = self._read(
            life_step_of,
            "SELECT * FROM position_lives WHERE symbol = ? "
            "ORDER BY event_seq DESC, step DESC LIMIT ?",
            (symbol, limit),
        )
        return found[::-1]

    def recent_lives(self, *, limit: int) -> list[LifeStep]:
        """The last steps of all symbols, oldest first."""
        found = self._read(
            life_step_of,
            "SELECT * FROM position_lives ORDER BY event_seq DESC, symbol DESC, step DESC LIMIT ?",
            (limit,),
        )
        return found[::-1]

    # --- writing (the order ledger of execbot.oms only) ------------------------------------

    def put_executions(self, executions: Iterable[Execution], removed: Iterable[str] = ()) -> None:
        """Writes executions and deletes the `removed`; drops the kept sums of fees from the day
        after the first of them on."""
        put, gone = list(executions), list(removed)
        known = f"SELECT at FROM fills WHERE execution_id {AMONG} ORDER BY at LIMIT 1"
        names = listed([*(item.execution_id for item in put), *gone])
        moments = [item.at for item in put]
        moments += self._read(_moment, known, (names,))
        self._run_many("DELETE FROM fills WHERE execution_id = ?", [(name,) for name in gone])
        self._run_many(PUT_FILL, [fill_row(execution) for execution in put])
        if moments:
            self._run(DROP_FEE_SUMS, (str(eastern(min(moments)).date()),))

    def put_position_days(self, days: Iterable[PositionDay]) -> None:
        self._run_many(PUT_POSITION_DAY, [position_day_row(item) for item in days])

    def drop_position_days(self, symbol: str, *, since: date | None = None) -> None:
        """They fall when something that is older than they are has changed."""
        first = "" if since is None else str(since)
        self._run("DELETE FROM position_days WHERE symbol = ? AND day >= ?", (symbol, first))

    def add_lives(self, steps: Iterable[LifeStep]) -> None:
        """Append: a step that was written is never changed."""
        self._run_many(ADD_LIFE_STEP, [life_step_row(step) for step in steps])

    def put_positions(self, positions: Iterable[PositionRecord]) -> None:
        self._run_many(PUT_POSITION, [position_row(position) for position in positions])


def _moment(row: sqlite3.Row) -> datetime:
    return with_zone(datetime.fromisoformat(row["at"]))
