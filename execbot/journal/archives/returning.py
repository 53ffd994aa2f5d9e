"""Takes a family of orders back out of an archive, because something new is told of it.

A late bust or correction changes an order of a past month. The file stays as it is; its rows come
back into the journal as they were, the journal remembers that they are not to be read there any
more, and then the event is applied like any other.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from execbot.journal.archives.families import Link, families
from execbot.journal.archives.tables import KINDS, LINKS, Taken
from execbot.journal.books import Books
from execbot.journal.codec import AMONG, listed, packed_request


def bring_back(journal: Books, past: Books, archive: int, orders: Collection[str]) -> None:
    """Put the families of these orders, which are in the archive, back into the journal. Within the
    caller's transaction. Raises JournalError."""
    taken = _families_of(past, frozenset(orders))
    for table, (column, names) in taken.rows().items():
        columns = [row[1] for row in journal._rows(f"PRAGMA table_info({table})")]
        marks = ",".join("?" * len(columns))
        wanted = ",".join(columns)
        rows = past._rows(f"SELECT {wanted} FROM {table} WHERE {column} {AMONG}", (listed(names),))
        journal._run_many(
            f"INSERT INTO {table} ({wanted}) VALUES ({marks})",
            [
                tuple(_as_written(journal, table, name, row[name]) for name in columns)
                for row in rows
            ],
        )
    journal._run_many("DELETE FROM archived_ids WHERE id = ? AND kind = ?", taken.ids())
    journal._run_many(
        "INSERT OR IGNORE INTO archive_returns (archive, id) VALUES (?, ?)",
        [(archive, name) for name in taken.subjects],
    )


def _as_written(journal: Books, table: str, column: str, value: Any) -> Any:
    """Packs again what the journal packs: a rebuild would write it so."""
    if not isinstance(value, str):
        return value
    if column == "request_json":
        return packed_request(value)
    kind = KINDS.get((table, column))
    return value if kind is None else journal._packed(value, kind)


def _families_of(past: Books, orders: frozenset[str]) -> Taken:
    links = [Link(*row) for row in past._rows(f"SELECT {LINKS} FROM orders")]
    tied = [
        link
        for family in families(links)
        if not orders.isdisjoint(link.client_order_id for link in family)
        for link in family
    ]
    names = tuple(link.client_order_id for link in tied)
    signals = {link.signal_id for link in tied if link.signal_id}
    return Taken(
        orders=names,
        order_ids=tuple(link.order_id for link in tied if link.order_id),
        executions=tuple(
            row[0]
            for row in past._rows(
                f"SELECT execution_id FROM fills WHERE client_order_id {AMONG}",
                (listed(names),),
            )
        ),
        signals=tuple(sorted(signals)),
        plans=tuple(sorted({link.plan_id for link in tied if link.plan_id})),
    )
