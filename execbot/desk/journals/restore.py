"""A backup put in the journal's place, and brought up to what the broker knows.

A restored journal is older than the broker. So it is put there with entries halted, and what was
sent since is found at the broker: intents by their client_order_id, everything else among the
orders and fills since the backup. The webhook's signals come back beside it. An order that waited
for the open may have been sent, canceled or changed since: it is never sent from here. A kill at
any moment leaves the journal that was there, or the restored one, halted; the same command, or
`execbot reconcile`, goes on.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from msgspec import Struct

from execbot.desk.account import Desk
from execbot.desk.journals.alone import alone, one_that_archives
from execbot.desk.journals.care import BackedUp, checked_copy
from execbot.desk.journals.file import path_of
from execbot.desk.journals.taken_signals import (
    SignalsCarried,
    nobody_takes,
    put_back_signals,
)
from execbot.desk.reconciling import ReconcileResult, reconcile
from execbot.journal.archives.files import archives_beside
from execbot.journal.archives.keeping import carried
from execbot.journal.care.copies import copied_to, kept_aside, put_in_place
from execbot.journal.care.restored import Restored, remember_restored, restored_of
from execbot.journal.errors import JournalUnavailable
from execbot.journal.journal import Journal
from execbot.risk.halting import raise_switch
from execbot.risk.kill_switch import Level

__all__ = ["Restoration", "restore"]

STAGED_NAME = "journal.restoring.db"
BY = "restore"


class Restoration(Struct, frozen=True):
    """What was put in place, where the journal that was there is kept (None: there was none), and
    what reconciling brought. `is_finished`: entries may be allowed again with `resume`."""

    path: Path
    source: Path
    backup: BackedUp
    kept: Path | None
    result: ReconcileResult
    is_finished: bool
    archives_missing: tuple[str, ...] = ()
    """In words: files of past months that neither the account nor the backup has."""
    signals: SignalsCarried | None = None
    """The webhook's that came back; None where the backup has none."""


def restore(desk: Desk, source: Path) -> Restoration:
    """Put the backup `source` in the place of the account's journal.

    Raises AlreadyWatching, AlreadyTaking, AlreadyArchiving, JournalError (nothing has changed then)
    and BrokerError: then the journal is restored and halted, and `reconcile` goes on.
    """
    with (
        alone(desk),
        nobody_takes(desk.directory),
        one_that_archives(desk.directory),
    ):
        staged = desk.directory / STAGED_NAME
        backup = _prepared(source, staged, desk.now())
        kept = kept_aside(path_of(desk), desk.now())
        desk.journal.close()
        put_in_place(staged, path_of(desk))
        desk.reopen()
        directory = archives_beside(path_of(desk))
        missing = carried(desk.journal.archives(), archives_beside(source), directory)
        signals = put_back_signals(source, desk.directory, desk.now())
        result = reconcile(desk, wait=True).result
        restored = restored_of(desk.journal)
    is_finished = restored is None or not restored.is_pending
    return Restoration(path_of(desk), source, backup, kept, result, is_finished, missing, signals)


def _prepared(source: Path, staged: Path, now: datetime) -> BackedUp:
    """A copy of the backup beside the journal: looked through, brought to this version, halted."""
    for left in staged.parent.glob(f"{staged.name}*"):
        left.unlink()
    if not source.exists():
        missing = JournalUnavailable(f"there is no backup: {source}", path=source)
        missing.next_step = "Give the file that `execbot journal backup` wrote."
        raise missing
    copied_to(source, staged).close()
    backup = checked_copy(source, staged)
    with Journal.open(staged) as journal, journal.transaction():
        reason = f"the journal was restored from {source.name}"
        raise_switch(journal, Level.HALTED, reason, BY, now)
        remember_restored(journal, Restored(now, backup.until, str(source)))
    return backup
