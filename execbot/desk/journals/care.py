"""The account's journal looked through, measured and copied; others may use it meanwhile."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from execbot.desk.account import Desk
from execbot.desk.journals.file import path_of
from execbot.desk.journals.taken_signals import SignalsCarried, back_up_signals
from execbot.journal.archives.files import Archive, archives_beside, trouble_with
from execbot.journal.archives.keeping import carried
from execbot.journal.care.copies import backed_up
from execbot.journal.care.sizes import Sizes, sizes_of
from execbot.journal.care.verified import Verified, remember_verified
from execbot.journal.errors import JournalCorrupt, JournalError
from execbot.journal.journal import Counts, Journal
from execbot.oms.sync.rebuild import Rebuilt, rebuilt_into

__all__ = ["BackedUp", "Measured", "Verification", "backup", "measure", "verify"]


class Verification(Struct, frozen=True):
    """`problems` are SQLite's words for what is damaged; of a damaged file nothing is derived."""

    at: datetime
    path: Path
    problems: tuple[str, ...] = ()
    rebuilt: Rebuilt | None = None
    archives: int = 0
    archive_problems: tuple[str, ...] = ()
    """In words: files of past months that are missing, or not as they were written."""

    @property
    def is_sound(self) -> bool:
        rebuilt = self.rebuilt
        is_same = rebuilt is not None and rebuilt.is_same
        return not self.problems and not self.archive_problems and is_same


class Measured(Struct, frozen=True):
    """`archives` are the files of past months, the oldest first."""

    path: Path
    sizes: Sizes
    counts: Counts
    archives: tuple[Archive, ...] = ()


class BackedUp(Struct, frozen=True):
    """A copy, opened and checked. `until` is when the last event in it was written; `archives`
    go along, but for those that are missing, in words; so do the webhook's `signals`, None where
    there never were any."""

    source: Path
    path: Path
    bytes: int
    counts: Counts
    until: datetime | None
    archives: tuple[Archive, ...] = ()
    archives_missing: tuple[str, ...] = ()
    signals: SignalsCarried | None = None


def verify(desk: Desk) -> Verification:
    """Check the whole file and derive everything anew from the history, in a copy that goes again;
    compare the files of past months with what was written.

    The journal remembers when, and what came out. Raises JournalError where it cannot be read.
    """
    if desk.journal_trouble is not None:
        raise desk.journal_trouble
    path, now = path_of(desk), desk.now()
    problems, rebuilt = tuple(desk.journal.check()), None
    archives, troubles = ([], ()) if problems else _archives(desk)
    if not problems and not troubles:
        with tempfile.TemporaryDirectory(prefix="verify-", dir=path.parent) as folder:
            rebuilt = rebuilt_into(path, now, Path(folder, path.name))
    found = Verification(now, path, problems, rebuilt, len(archives), troubles)
    remember_verified(desk.journal, Verified(now, found.is_sound))
    return found


def _archives(desk: Desk) -> tuple[list[Archive], tuple[str, ...]]:
    """The files of past months, and in words what is wrong with them."""
    archives, directory = desk.journal.archives(), desk.journal.archives_directory
    found = (trouble_with(archive, directory) for archive in archives)
    return archives, tuple(words for words in found if words)


def measure(desk: Desk) -> Measured:
    """Raises JournalError."""
    if desk.journal_trouble is not None:
        raise desk.journal_trouble
    archives = tuple(reversed(desk.journal.archives()))
    return Measured(path_of(desk), sizes_of(desk.journal), desk.journal.counts(), archives)


def backup(desk: Desk, target: Path) -> BackedUp:
    """Copy the journal to `target`, which must not exist, and look through the copy; the archives
    go into a directory beside it, the webhook's signals into a file.

    Raises JournalError; then there is no target.
    """
    if desk.journal_trouble is not None:
        raise desk.journal_trouble
    source = path_of(desk)
    backed_up(source, target)
    try:
        done = checked_copy(source, target)
        missing = carried(done.archives, archives_beside(source), archives_beside(target))
        signals = back_up_signals(desk.directory, target)
        return replace(done, archives_missing=missing, signals=signals)
    except JournalError:
        target.unlink(missing_ok=True)
        raise


def checked_copy(source: Path, path: Path) -> BackedUp:
    """What is in a copy that was looked through. Raises JournalCorrupt where it is damaged."""
    with Journal.open(path) as copy:
        problems = copy.check()
        if problems:
            raise JournalCorrupt(f"the copy is damaged: {path} ({problems[0]})", path=path)
        counts, until, archives = copy.counts(), copy.last_written(), copy.archives()
    return BackedUp(source, path, path.stat().st_size, counts, until, tuple(archives))
