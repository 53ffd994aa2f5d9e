"""The account's journal as a file: where it is, what is in it, and deriving it anew in a copy."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from execbot.config.paths import JOURNAL_NAME
from execbot.desk.account import Desk
from execbot.journal.care.look_over import damage_in_reach
from execbot.journal.care.verified import Verified, last_verified
from execbot.oms.sync.rebuild import LeftOut, Rebuilt, RowDifference, rebuilt_into

__all__ = ["JournalFacts", "LeftOut", "Rebuilt", "RowDifference", "describe", "rebuild", "steps_of"]


class JournalFacts(Struct, frozen=True):
    """`problems` are what a command would meet, in SQLite's words; empty is sound. `size` is in
    bytes."""

    path: Path
    size: int
    events: int
    orders: int
    fills: int
    problems: tuple[str, ...] = ()
    verified: Verified | None = None


def describe(desk: Desk) -> JournalFacts:
    """Raises JournalError where the file cannot be used at all."""
    if desk.journal_trouble is not None:
        raise desk.journal_trouble
    path, counts = path_of(desk), desk.journal.counts()
    size = path.stat().st_size if path.exists() else 0
    return JournalFacts(
        path,
        size,
        counts.events,
        counts.orders,
        counts.fills,
        tuple(damage_in_reach(desk.journal)),
        last_verified(desk.journal),
    )


def rebuild(desk: Desk, target: Path | None = None) -> Rebuilt:
    """Derive orders, fills and positions anew in a copy of the journal, and compare the two.

    `target` must not exist; without it the copy stands beside the journal. The journal is only
    read, also while others write to it. Raises JournalError.
    """
    return rebuilt_into(path_of(desk), desk.now(), target)


def steps_of(rebuilt: Rebuilt) -> tuple[str, ...]:
    """How a person puts the rebuilt journal in place of the old one, which is kept."""
    journal = rebuilt.source
    kept = journal.with_name(f"{journal.stem}.before-{rebuilt.path.stem.split('-', 1)[-1]}.db")
    return (
        "stop `execbot watch` and every other execbot of this account",
        f"mv {journal} {kept}",
        f"rm -f {journal}-wal {journal}-shm",
        f"mv {rebuilt.path} {journal}",
        "execbot reconcile",
    )


def path_of(desk: Desk) -> Path:
    return desk.directory / JOURNAL_NAME
