"""Requests that a command has handed over to a running `watch`, as far as two must agree on them.

A row says either that the command has taken its request back (it is *revoked*: no order is ever
made of it by anybody but the command), or which order was made of it. Rows are never changed and
never deleted.
"""

from __future__ import annotations

from datetime import UTC, datetime

from execbot.journal.connection import Connection
from execbot.model.times import iso

REVOKED = ""
"""In the place of an order's id."""


class HandOvers(Connection):
    """`name` is what a request goes by: the client_order_id of its order where that was chosen."""

    def revoke(self, name: str) -> None:
        """Take a request back, for ever; twice is once."""
        self._note_hand_over(name, REVOKED)

    def is_revoked(self, name: str) -> bool:
        rows = self._rows(
            "SELECT 1 FROM hand_overs WHERE name = ? AND client_order_id = ?", (name, REVOKED)
        )
        return bool(rows)

    def note_handed_order(self, name: str, client_order_id: str) -> None:
        """An order was made of a request that goes by another name than the order."""
        self._note_hand_over(name, client_order_id)

    def handed_orders(self, name: str) -> list[str]:
        """The client_order_ids that were made of it, oldest first."""
        rows = self._rows(
            "SELECT client_order_id FROM hand_overs WHERE name = ? AND client_order_id > ? "
            "ORDER BY client_order_id",
            (name, REVOKED),
        )
        return [str(row[0]) for row in rows]

    def _note_hand_over(self, name: str, client_order_id: str) -> None:
        self._run(
            "INSERT OR IGNORE INTO hand_overs (name, client_order_id, at) VALUES (?, ?, ?)",
            (name, client_order_id, iso(datetime.now(UTC))),
        )
