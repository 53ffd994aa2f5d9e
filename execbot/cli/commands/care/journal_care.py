"""`execbot journal verify`, `size`, `backup`, `archive`, `restore`: the journal looked after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.times import read_day
from execbot.cli.job import as_job
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, list_form
from execbot.cli.show.output import Table
from execbot.desk.confirming import Act, confirm
from execbot.desk.journals import archive as archiving
from execbot.desk.journals import care
from execbot.desk.journals import restore as restoring
from execbot.desk.journals.archive import Archive, Archived
from execbot.desk.journals.care import BackedUp, Measured, Verification
from execbot.desk.journals.dated import prune, target_in
from execbot.desk.journals.file import Rebuilt
from execbot.desk.journals.restore import Restoration
from execbot.desk.journals.taken_signals import SignalsCarried
from execbot.desk.look.order_json import record_json
from execbot.desk.opening.journal_need import Need
from execbot.model.times import maybe_iso, show_eastern


@command
def verify(cli: Cli, csv: CsvFlag = False, columns: ColumnsFlag = None) -> None:
    """Check the whole file, derive everything anew from the history, and compare.

    Reads all of it, which takes a while for a large journal; trading goes on meanwhile. `doctor`
    says when it was done last. Ends with 8 where something is damaged or differs.

    \b
    Examples:
      execbot journal verify
      0 6 * * 6 execbot journal verify --json >> verify.log 2>&1
      execbot journal verify --csv
    """
    form = list_form(cli, FOUND_COLUMNS, csv=csv, columns=columns)
    with cli.open(need=Need.LOOK) as desk:
        found = care.verify(desk)
        cli.show(
            {
                "journal": str(found.path),
                "sound": found.is_sound,
                "problems": list(found.problems),
                "archives": found.archives,
                "archive_problems": list(found.archive_problems),
                "events": found.rebuilt.events if found.rebuilt else None,
                **found_json(found.rebuilt),
                "verified_at": found.at,
            },
            *form.views(_verified_rows(found), *_verified_views(found)),
            exit_code=ExitCode.DONE if found.is_sound else ExitCode.BREAKS,
        )


def _verified_rows(found: Verification) -> list[dict[str, Any]]:
    damaged = [{"finding": "damaged", "why": words} for words in found.problems]
    archives = [{"finding": "archive", "why": words} for words in found.archive_problems]
    return [*damaged, *archives, *found_rows(found.rebuilt)]


def _verified_views(found: Verification) -> list[Table | str]:
    if found.problems:
        return [f"{found.path} is damaged:", *found.problems, "Next: execbot journal rebuild"]
    if found.archive_problems:
        next_step = "Next: put them back from a backup, then execbot journal verify"
        return [f"{found.path} is sound, its archives are not:", *found.archive_problems, next_step]
    assert found.rebuilt is not None
    said = f"{found.path}: the file is sound, {found.rebuilt.events} events were replayed."
    if found.is_sound:
        return [said, "Nothing differs: the journal says what its history says."]
    return [said, *found_tables(found.rebuilt), "Next: execbot journal rebuild"]


@command
def size(cli: Cli, csv: CsvFlag = False, columns: ColumnsFlag = None) -> None:
    """How much room the journal takes, table by table with its indexes.

    \b
    Examples:
      execbot journal size
      execbot journal size --json
      execbot journal size --csv
    """
    form = list_form(cli, SIZE_COLUMNS, csv=csv, columns=columns)
    with cli.open(need=Need.LOOK) as desk:
        found = care.measure(desk)
        tables = [{"name": item.name, "bytes": item.bytes} for item in found.sizes.tables]
        archives = [_archive_json(archive) for archive in found.archives]
        rows = [{"kind": "table", **table} for table in tables]
        rows += [{"kind": "archive", **archive} for archive in archives]
        cli.show(
            {
                "path": str(found.path),
                "bytes": found.sizes.bytes,
                "log_bytes": found.sizes.log_bytes,
                "free_bytes": found.sizes.free_bytes,
                "oldest": maybe_iso(found.sizes.oldest),
                "orders": found.counts.orders,
                "events": found.counts.events,
                "tables": tables,
                "archives": archives,
            },
            *form.views(rows, *_size_views(found)),
        )


_OF_AN_ARCHIVE = ("name", "month", "bytes", "orders", "events", "fills", "first_at", "last_at")
SIZE_COLUMNS = ("kind", *_OF_AN_ARCHIVE)
"""A table has a name and bytes."""


def _size_views(found: Measured) -> list[Table | str]:
    sizes, counts = found.sizes, found.counts
    since = f" since {show_eastern(sizes.oldest)}" if sizes.oldest else ""
    views: list[Table | str] = [
        f"{found.path}: {_megabytes(sizes.bytes)}, its log {_megabytes(sizes.log_bytes)}",
        f"{counts.orders} orders, {counts.events} events{since}",
    ]
    if sizes.tables:
        rows = [(item.name, _megabytes(item.bytes)) for item in sizes.tables]
        views.append(Table(("table", "size"), rows))
    if found.archives:
        views.append(_archives_table(found.archives))
    return views


def _archive_json(archive: Archive) -> dict[str, Any]:
    return {name: getattr(archive, name) for name in _OF_AN_ARCHIVE}


def _archives_table(archives: Sequence[Archive]) -> Table:
    rows = [
        (one.month, str(one.orders), str(one.events), _megabytes(one.bytes), one.name)
        for one in archives
    ]
    numbers = frozenset({"orders", "events", "size"})
    return Table(("month", "orders", "events", "size", "archive"), rows, numbers)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


@command
@as_job(lambda given: "backup")
def backup(
    cli: Cli,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The copy; with --keep a folder of dated copies."),
    ],
    keep: Annotated[
        int | None,
        typer.Option(help="Keep so many copies of the account in the folder.", metavar="N", min=1),
    ] = None,
) -> None:
    """Copy the journal as of one moment, and look through the copy; trading goes on meanwhile.

    A copy of the file by other means lacks what the log beside it holds. Files of past months and
    the webhook's signals go along beside the copy. It goes back with `execbot journal restore`.

    \b
    Examples:
      execbot journal backup ~/journal-2026-11-20.db
      execbot journal backup /backup/$(date +%F).db --json
      40 4 * * * execbot journal backup /backup/execbot --keep 14 --quiet --mode paper
    """
    with cli.open(need=Need.LOOK) as desk:
        target = file.absolute() if keep is None else target_in(file.absolute(), desk)
        done = care.backup(desk, target)
        # Only now: a copy that failed takes no older one's place.
        removed = [] if keep is None else prune(target.parent, desk, keep)
        cli.show(
            {
                "journal": str(done.source),
                "backup": str(done.path),
                "bytes": done.bytes,
                "events": done.counts.events,
                "orders": done.counts.orders,
                "until": maybe_iso(done.until),
                "archives": len(done.archives),
                "archives_missing": list(done.archives_missing),
                **_signals_json(done.signals),
                "removed": [str(path) for path in removed],
            },
            f"{done.path}: {done.counts.orders} orders, {done.counts.events} events, "
            f"{_megabytes(done.bytes)}; the copy is sound.",
            *_backed_up_archives(done),
            *_signals_lines(done.signals, "are beside it"),
            *(f"Removed: {path}" for path in removed),
            exit_code=ExitCode.BREAKS if _lacks_something(done) else ExitCode.DONE,
        )


def _lacks_something(done: BackedUp) -> bool:
    return bool(done.archives_missing or (done.signals is not None and done.signals.problem))


def _backed_up_archives(done: BackedUp) -> list[str]:
    there = len(done.archives) - len(done.archives_missing)
    said = [f"{there} files of past months are beside it."] if there else []
    return [*said, *done.archives_missing]


def _signals_json(signals: SignalsCarried | None) -> dict[str, Any]:
    """Of the webhook; null where none were to be carried."""
    is_carried = signals is not None and not signals.problem
    return {
        "signals": signals.count if signals is not None and is_carried else None,
        "signals_waiting": signals.waiting if signals is not None and is_carried else None,
        "signals_problem": (signals.problem or None) if signals is not None else None,
    }


def _signals_lines(signals: SignalsCarried | None, how: str) -> list[str]:
    if signals is None:
        return []
    if signals.problem:
        return [signals.problem]
    waiting = f", {signals.waiting} of them not carried out yet" if signals.waiting else ""
    kept = [f"The damaged file of signals is kept: {signals.kept}"] if signals.kept else []
    return [f"{signals.count} signals of the webhook {how}{waiting}.", *kept]


@command
@as_job(lambda given: "archive")
def archive(
    cli: Cli,
    before: Annotated[
        str,
        typer.Option(
            help="Months that ended before this New York date, or so long ago: 90d.",
            metavar="YYYY-MM-DD",
        ),
    ],
) -> None:
    """Move closed months out of the journal into files of their own.

    `orders` and `report` still read them when asked for that time, and an order by its id; an id
    that was used stays used. What is open stays, and so do the fills of a position that is still
    held. `watch` and trading go on meanwhile; what was moved before a kill stays moved. The file
    shrinks where no `watch` runs; where one does, its room is filled first. Ends with 9 while
    another `archive` runs.

    \b
    Examples:
      execbot journal archive --before 2026-07-01
      40 5 * * 0 execbot journal archive --before 90d --quiet --mode paper
    """
    with cli.open(need=Need.LOOK) as desk:
        day = read_day("--before", before, desk.now())
        done = archiving.archive(desk, day)
        cli.show(
            {
                "journal": str(done.path),
                "before": done.before,
                "archives": [_archive_json(one) for one in done.archives],
                "orders_left": done.orders_left,
                "bytes_before": done.bytes_before,
                "bytes_after": done.bytes_after,
            },
            *_archived_views(done),
        )


def _archived_views(done: Archived) -> list[Table | str]:
    left = f"{done.orders_left} older orders stay: something open or held belongs to them."
    views: list[Table | str] = [left] if done.orders_left else []
    if not done.archives:
        return [f"There was nothing to archive before {done.before}.", *views]
    orders = sum(one.orders for one in done.archives)
    size = f"{_megabytes(done.bytes_before)} before, {_megabytes(done.bytes_after)} now"
    if done.bytes_after >= done.bytes_before:
        size = f"{_megabytes(done.bytes_after)}, with room inside that is filled first"
    said = f"{orders} orders from before {done.before} are archived; the journal: {size}."
    return [said, *views, _archives_table(done.archives)]


@command
def restore(
    cli: Cli,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy made by `backup`.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask on a live account.")] = False,
) -> None:
    """Put a backup in the journal's place, halted, and find what was sent since at the broker.

    The backup is older than the broker. Entries are halted; orders that were sent or placed since
    are looked up and adopted; one that was queued and is not at the broker is given up. Then
    `execbot resume` allows entries again. What was there is kept beside it. Nothing is sent.
    Signals of the webhook that are not here are added, each to be acted on once at most.
    Ends with 8 while breaks remain, with 9 while `watch` or `page --signals` runs.

    \b
    Examples:
      execbot journal restore ~/journal-2026-11-20.db
    """
    with cli.open(need=Need.LOOK) as desk:
        what = f"put {file} in the place of its journal"
        confirm(desk, Act.RESTORE, what, cli.consent(yes))
        done = restoring.restore(desk, file.absolute())
        lacks_signals = done.signals is not None and bool(done.signals.problem)
        is_done = done.is_finished and not done.result.has_breaks and not lacks_signals
        cli.show(
            _restored_json(done),
            *_restored_lines(done),
            exit_code=ExitCode.DONE if is_done else ExitCode.BREAKS,
        )


def _restored_json(done: Restoration) -> dict[str, Any]:
    breaks = done.result.breaks
    return {
        "journal": str(done.path),
        "source": str(done.source),
        "until": maybe_iso(done.backup.until),
        "kept": None if done.kept is None else str(done.kept),
        "finished": done.is_finished,
        "settled": [record_json(record) for record in done.result.settled],
        "adopted_orders": [record_json(record) for record in done.result.adopted_orders],
        "fills_added": done.result.fills_added,
        "breaks": [
            {"kind": item.kind, "subject": item.subject, "ours": item.ours, "theirs": item.theirs}
            for item in breaks
        ],
        "notes": list(done.result.notes),
        "archives_missing": list(done.archives_missing),
        **_signals_json(done.signals),
    }


def _restored_lines(done: Restoration) -> list[str]:
    result, until = done.result, done.backup.until
    said = [
        f"Restored from {done.source}, which ends {show_eastern(until) if until else 'empty'}.",
        "Entries are halted.",
    ]
    if done.kept is not None:
        said.append(f"What was there is kept: {done.kept}")
    said.append(
        f"{len(result.settled)} orders settled, {len(result.adopted_orders)} adopted, "
        f"{result.fills_added} fills added."
    )
    said += [f"BREAK {item.kind} {item.subject}: {item.hint}" for item in result.breaks]
    said += [*result.notes, *done.archives_missing]
    said += _signals_lines(done.signals, "came back")
    return said if done.is_finished else [*said, "Next: execbot reconcile --wait"]


# --- what a rebuild found ------------------------------------------------------------------------


def found_json(rebuilt: Rebuilt | None) -> dict[str, Any]:
    """What was left out, and what differs."""
    return {
        "left_out": [
            {
                "seq": item.seq,
                "kind": item.kind,
                "client_order_id": item.client_order_id,
                "why": item.why,
            }
            for item in (rebuilt.left_out if rebuilt else ())
        ],
        "differences": [
            {
                "table": item.table,
                "key": item.key,
                "column": item.column,
                "was": item.was,
                "now": item.now,
            }
            for item in (rebuilt.differences if rebuilt else ())
        ],
    }


FOUND_COLUMNS = (
    *("finding", "table", "key", "column", "was", "now", "seq", "kind", "client_order_id", "why"),
)


def found_rows(rebuilt: Rebuilt | None) -> list[dict[str, Any]]:
    """The same, one line each."""
    found = found_json(rebuilt)
    left = [{"finding": "left_out", **item} for item in found["left_out"]]
    return [*left, *({"finding": "differs", **item} for item in found["differences"])]


def found_tables(rebuilt: Rebuilt) -> list[Table]:
    """What was left out, and what differs, for people."""
    views = []
    if rebuilt.left_out:
        left = [(item.seq, item.kind, item.client_order_id, item.why) for item in rebuilt.left_out]
        columns = ("event", "kind", "client_order_id", "left out because")
        views.append(Table(columns, left, wrap=frozenset(columns[2:])))
    if rebuilt.differences:
        differing = [
            (item.table, item.key, item.column or "(row)", item.was or "-", item.now or "-")
            for item in rebuilt.differences
        ]
        names = ("table", "which", "what", "in the journal", "rebuilt")
        views.append(Table(names, differing, wrap=frozenset(names[1:])))
    return views
