"""Answers of `journal`: its file, sizes, backups, archives, and how it was rebuilt."""

from __future__ import annotations

from execbot.schemas.base import Day, Output, Time
from execbot.schemas.orders import OrderRecord


class JournalFile(Output):
    """The account's journal as a file."""

    path: str
    """Where it is."""
    bytes: int
    """Its size, without the log beside it."""
    events: int
    """Rows of its history."""
    orders: int
    """Orders that follow from them."""
    fills: int
    """Executions that follow from them."""
    problems: list[str]
    """What a command would meet that is damaged, in SQLite's words; empty is sound. Of a large
    journal only what commands use is looked at: `journal verify` looks through all of it."""
    verified_at: Time | None
    """When all of it was last looked through."""
    verified_sound: bool | None
    """What came out then."""


class TableSize(Output):
    """One table of the journal."""

    name: str
    """What it is called."""
    bytes: int
    """What it takes, with its indexes."""


class ArchiveFile(Output):
    """A past month of the journal in a file of its own."""

    name: str
    """The file, in the directory of the archives beside the journal."""
    month: str
    """`2026-06`; a busy month has several files."""
    bytes: int
    """Its size."""
    orders: int
    """How many orders it has."""
    events: int
    """Rows of their history."""
    fills: int
    """Their executions."""
    first_at: Time
    """The earliest moment of anything in it."""
    last_at: Time
    """The latest."""


class JournalArchived(Output):
    """Closed months moved out of the journal."""

    journal: str
    """The account's journal."""
    before: Day
    """The first New York day that stays."""
    archives: list[ArchiveFile]
    """The files that were written."""
    orders_left: int
    """Older orders that stay: something open, held or unsettled belongs to them."""
    bytes_before: int
    """The journal's size before."""
    bytes_after: int
    """And after. Where writing it anew would hold others up too long, the room stays inside."""


class JournalSize(Output):
    """How much room the journal takes."""

    path: str
    """Where it is."""
    bytes: int
    """The file."""
    log_bytes: int
    """The log beside it, which is folded back from time to time."""
    free_bytes: int
    """Room inside the file that nothing takes."""
    oldest: Time | None
    """When its first event was written."""
    orders: int
    """How many orders it has."""
    events: int
    """Rows of its history."""
    tables: list[TableSize]
    """The largest first; empty where this SQLite does not count pages."""
    archives: list[ArchiveFile]
    """Past months in files of their own, the oldest first."""


class JournalBackup(Output):
    """A copy of the journal, looked through."""

    journal: str
    """The account's journal."""
    backup: str
    """The copy."""
    bytes: int
    """Its size."""
    events: int
    """Rows of its history."""
    orders: int
    """Orders that follow from them."""
    until: Time | None
    """When its last event was written."""
    archives: int
    """How many files of past months belong to it; they are in a directory beside the copy."""
    archives_missing: list[str]
    """Those that are not to be had, in words."""
    signals: int | None
    """How many signals of the webhook are in a file beside the copy; null where none are."""
    signals_waiting: int | None
    """How many of them have no outcome yet."""
    signals_problem: str | None
    """Why they are not beside it, in words; null where nothing failed."""
    removed: list[str]
    """Older copies that were deleted for it (`--keep`)."""


class LeftOutEvent(Output):
    """An event of the journal that is not in the rebuilt one."""

    seq: int
    """Its number in the history."""
    kind: str
    """What it reports; `?` where it cannot be read back."""
    client_order_id: str
    """The order it is about; empty for an adjustment of a position."""
    why: str
    """What about it cannot be, for people."""


class RowDifference(Output):
    """One value that came out differently."""

    table: str
    """`orders`, `fills` or `positions`."""
    key: str
    """Which row: a client_order_id, an execution id or a symbol."""
    column: str
    """Which value of it; empty where the whole row is on one side only."""
    was: str | None
    """In the journal; null where it has no such row or value."""
    now: str | None
    """Rebuilt; null where there is no such row or value."""


class JournalRebuilt(Output):
    """The journal derived anew from its history, in a copy."""

    journal: str
    """The account's journal, which is unchanged."""
    rebuilt: str
    """The new file."""
    events: int
    """How many events were replayed."""
    same: bool
    """Nothing was left out and nothing differs."""
    left_out: list[LeftOutEvent]
    """Reports that cannot be, and rows that cannot be read back."""
    differences: list[RowDifference]
    """What came out differently."""
    steps: list[str]
    """How to use the copy in place of the journal; empty where nothing differs."""


class JournalVerified(Output):
    """The whole journal looked through."""

    journal: str
    """The account's journal."""
    sound: bool
    """The file is sound, nothing is left out and nothing differs."""
    problems: list[str]
    """What of the file is damaged, in SQLite's words."""
    archives: int
    """How many files of past months belong to it."""
    archive_problems: list[str]
    """Those that are missing or not as they were written, in words."""
    events: int | None
    """How many events were replayed; null where the file is damaged."""
    left_out: list[LeftOutEvent]
    """Reports that cannot be, and rows that cannot be read back."""
    differences: list[RowDifference]
    """What comes out differently when it is derived anew."""
    verified_at: Time
    """When this was."""


class RestoreBreak(Output):
    """A difference to the broker that is left."""

    kind: str
    """What differs."""
    subject: str
    """An order or a symbol."""
    ours: str
    """What the journal says."""
    theirs: str
    """What the broker says."""


class JournalRestored(Output):
    """A backup in the journal's place; entries are halted."""

    journal: str
    """The account's journal."""
    source: str
    """The backup."""
    until: Time | None
    """When the last event in the backup was written: nothing after it is known from there."""
    kept: str | None
    """Where the journal that was there is kept; null where there was none."""
    finished: bool
    """What was sent since is found: `resume` allows entries again."""
    settled: list[OrderRecord]
    """Intents of the backup whose fate was looked up."""
    adopted_orders: list[OrderRecord]
    """Orders that the backup did not know."""
    fills_added: int
    """Executions that the backup did not know."""
    breaks: list[RestoreBreak]
    """Differences that are left."""
    notes: list[str]
    """What was booked or given up, for people."""
    archives_missing: list[str]
    """Files of past months that neither the account nor the backup has, in words."""
    signals: int | None
    """How many signals of the webhook came back: those that were not there. Null where the backup
    has none."""
    signals_waiting: int | None
    """How many of them have no outcome yet."""
    signals_problem: str | None
    """Why they did not come back, in words; null where nothing failed."""
