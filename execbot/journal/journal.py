"""The journal: orders, their events, fills and positions. All SQL of the project lives in here."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from execbot.journal.archives.reads import LedgerReads
from execbot.journal.codec import FILL_COLUMNS, LIFE_COLUMNS, ORDER_COLUMNS, POSITION_COLUMNS
from execbot.journal.confirmation_book import CashBook, ConfirmationBook
from execbot.journal.hand_overs import HandOvers
from execbot.journal.schema import LIVES_NEVER_DELETED, LIVES_SINCE

DERIVED_TABLES = {"orders": "client_order_id", "fills": "execution_id", "positions": "symbol"}
"""What follows from the events, and by which column its rows are told apart."""


class Counts(Struct, frozen=True):
    """How many rows a journal has."""

    events: int
    orders: int
    fills: int


class Journal(LedgerReads, ConfirmationBook, CashBook, HandOvers):
    """The durable memory of one account in one mode.

    `Journal.open(path)` creates or upgrades it. Every method may raise `JournalError`. Reads see
    what is committed, or, inside `transaction()`, what is being written.
    """

    def clear_derived(self) -> None:
        """Empty what follows from the events, before it is derived again."""
        for table in (*DERIVED_TABLES, "position_days", "fee_sums"):
            self._run(f"DELETE FROM {table}")
        self._run("DROP TRIGGER position_lives_are_never_deleted")
        self._run("DELETE FROM position_lives WHERE event_seq > ?", (self.lives_since(),))
        self._run(LIVES_NEVER_DELETED)

    def lives_since(self) -> int:
        """The last event of which lives are not derived anew; 0 in a journal that has all of its
        own. It was there before lives were, was archived, or was written by an earlier version."""
        sql = "SELECT seq FROM order_events WHERE has_lives = 0 ORDER BY seq DESC LIMIT 1"
        unfollowed = self._rows(sql)
        return max(int(self.meta_get(LIVES_SINCE, 0)), *(int(row[0]) for row in unfollowed), 0)

    def counts(self) -> Counts:
        """How much there is of each."""
        counts = [
            int(self._rows(f"SELECT count(*) FROM {table}")[0][0])
            for table in ("order_events", "orders", "fills")
        ]
        return Counts(*counts)

    def derived_tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """The derived tables whole and sorted, to compare two derivations."""
        return {
            table: sorted(
                tuple(row[column] for column in columns)
                for row in self._rows(f"SELECT * FROM {table}")
            )
            for table, columns in (
                ("orders", ORDER_COLUMNS_BY_KEY),
                ("fills", FILL_COLUMNS),
                ("positions", POSITION_COLUMNS),
                ("position_days", ("symbol", "day", "body")),
                ("position_lives", LIFE_COLUMNS),
            )
        }


ORDER_COLUMNS_BY_KEY = (
    "client_order_id",
    *[name for name in ORDER_COLUMNS if name != "client_order_id"],
)
