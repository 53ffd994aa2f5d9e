"""How results and failures are shown: Rich on a terminal, tab-separated elsewhere, or one JSON
object. Data goes to stdout, messages to stderr. Rich is imported only to draw on a terminal.

Everything passes `execbot.model.printable` on its way out: lines in `_write`, cells in `_cell`.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TextIO

from msgspec import Struct

from execbot.cli.errors import Failure
from execbot.cli.show.long_words import broken_behind_slashes, rooms_for_words
from execbot.cli.show.prose import broken
from execbot.model.printable import harmless, harmless_line, json_text

SCHEMA = "execbot/v1"


class Cell(Struct, frozen=True):
    """A value with a shorter form for the terminal: an id's first digits, a time of today.

    `style` is its colour there, in Rich's words."""

    value: object
    short: str
    style: str = ""

    def __str__(self) -> str:
        return self.short


class Table(Struct, frozen=True):
    """What a list looks like to people.

    `numeric` columns line up on the right. On a terminal that is too narrow the columns of `drop`
    go, the first of them first, and those of `wrap` break into lines; elsewhere every column is
    there in full. `empty` is said on a terminal when there are no rows. `total` is a last row,
    under a line: for people, so on a terminal alone.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    numeric: frozenset[str] = frozenset()
    empty: str = "Nothing to show."
    title: str = ""
    drop: Sequence[str] = ()
    wrap: frozenset[str] = frozenset()
    total: Sequence[object] = ()


class Drawing(Struct, frozen=True):
    """A picture in characters of our own, with colours for a terminal and without."""

    plain: str
    colored: str


class Style(Struct, frozen=True):
    """`json` beats everything; `color` only matters on a terminal."""

    json: bool = False
    color: bool = True
    debug: bool = False

    @classmethod
    def of(cls, *, json: bool, no_color: bool, debug: bool) -> Style:
        """NO_COLOR (any value) and TERM=dumb switch colour off like --no-color does."""
        plain = no_color or bool(os.environ.get("NO_COLOR")) or _is_dumb()
        return cls(json, not plain, debug)


def is_terminal(stream: TextIO | None = None) -> bool:
    try:
        return (stream or sys.stdout).isatty()
    except ValueError:
        return False


def columns_of(stream: TextIO) -> int:
    """The width of the terminal as Rich counts it: COLUMNS, else its own; 0 for anything else."""
    if not is_terminal(stream):
        return 0
    said = os.environ.get("COLUMNS", "")
    try:
        return int(said) if said.isdigit() else os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 0


def can_draw() -> bool:
    """A terminal on stdout that can move its cursor: one that says TERM=dumb takes lines alone."""
    return is_terminal() and not _is_dumb()


def _is_dumb() -> bool:
    return os.environ.get("TERM") == "dumb"


def plain(value: Any) -> Any:
    """A value as JSON may carry it: decimals as text, times as RFC 3339 in UTC."""
    if value is None or isinstance(value, bool | int | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, Decimal):
        from execbot.model.numbers import text

        return text(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return str(value)


def envelope(
    command: str,
    data: Any,
    *,
    ok: bool = True,
    mode: str | None = None,
    account: str | None = None,
    profile: str | None = None,
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """`profile` is there where one was chosen."""
    return {
        "schema": SCHEMA,
        "ok": ok,
        "command": command,
        "mode": mode,
        "account": account,
        **({"profile": profile} if profile else {}),
        "as_of": plain(datetime.now(UTC)),
        "data": plain(data),
        "warnings": list(warnings),
    }


def print_json(value: Any, stream: TextIO | None = None) -> None:
    _write(json_text(plain(value)), stream or sys.stdout)


def print_table(table: Table, style: Style, *, titled: bool = False) -> None:
    """Rich on a terminal; elsewhere a header and tab-separated rows, never cut.

    `titled` puts the title above these as `# Orders`, for an answer of several tables.
    """
    if is_terminal():
        _print_rich(table, style)
        return
    if titled and table.title:
        _write(f"# {table.title}", sys.stdout)
    _write("\t".join(table.columns), sys.stdout)
    for row in table.rows:
        _write("\t".join(_cell(value) for value in row), sys.stdout)


def print_line(line: str) -> None:
    _write(broken(line, columns_of(sys.stdout)), sys.stdout)


_IN_ASCII = str.maketrans("┌┐└┘┤├┬┴┼─│█", "++++||+++-|#")


def print_drawing(drawing: Drawing, style: Style) -> None:
    """Colours are escape sequences, so it is written as it is; in ASCII where nothing else goes."""
    shown = drawing.colored if style.color and is_terminal() else drawing.plain
    try:
        shown.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        shown = shown.translate(_IN_ASCII)
    _write("", sys.stdout, shown)


def print_note(line: str, *, mark: str = "") -> None:
    """A message for people: on stderr, so that data stays clean. `mark` is a head of our own.

    A message that cannot be written must not end a command that has just sent an order.
    """
    try:
        _write(line if mark else broken(line, columns_of(sys.stderr)), sys.stderr, mark)
    except OSError:
        muffle(2)


def muffle(descriptor: int) -> None:
    """Nobody can be reached there any more; what is still buffered goes nowhere, in silence."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def let_go(descriptor: int) -> None:
    """Nobody reads there: threads that wait in a write go on, and what they write goes nowhere.

    Else Python would wait for them at the end of the process, for ever. Only for the main thread.
    """
    muffle(descriptor)
    # A write that a signal interrupts is begun again, on the descriptor as it is now.
    signal.signal(signal.SIGURG, lambda number, frame: None)
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and thread.ident is not None:
            signal.pthread_kill(thread.ident, signal.SIGURG)


def takes_words(descriptor: int) -> bool:
    """Whether something can be written there without waiting for a reader."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return any(events & select.POLLOUT for _, events in poll.poll(0))


def print_failure(failure: Failure, style: Style) -> None:
    """One JSON object, or three short lines: what, why, what next."""
    if style.json:
        print_note(json_text(plain(failure.as_json())))
        return
    color = style.color and is_terminal(sys.stderr)
    head = "\x1b[1;31mError:\x1b[0m " if color else "Error: "
    checks = failure.extra.get("failures") or ()
    if checks:
        print_note(f"refused by {len(checks)} check{'s' if len(checks) > 1 else ''}", mark=head)
        for check in checks:
            print_note(f"  - {harmless_line(check['message'])}")
    else:
        plain_head = broken(f"Error: {harmless_line(failure.message)}", columns_of(sys.stderr))
        print_note(plain_head.removeprefix("Error: "), mark=head)
    if failure.hint:
        print_note(f"  why:  {harmless_line(failure.hint)}")
    if failure.next_step:
        print_note(f"  next: {failure.next_step}")


def _print_rich(table: Table, style: Style) -> None:
    from rich import box
    from rich.console import Console, ConsoleDimensions
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(color_system="auto" if style.color else None, highlight=False)
    if not table.rows:
        console.print(table.empty)
        return
    title = table.title or None
    gap = GAP if _width(table, range(len(table.columns)), GAP) <= console.width else NARROW_GAP
    shown = _columns_that_fit(table, console.width, gap)
    drawn = RichTable(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, gap - 2, 0, 1),
        title=title,
        title_justify="left",
    )
    wrap = _wrapped(table, shown, console.width, gap)
    # Better a line that the terminal breaks than a number without its last digit.
    width = max(_width(table, shown, gap, wrap), console.width)
    broken = [n for n in shown if table.columns[n] in wrap]
    texts = {n: [table.columns[n], *(_short(row[n]) for row in table.rows)] for n in broken}
    fixed = _width(table, [n for n in shown if n not in broken], gap, wrap) + gap * len(broken)
    rooms = rooms_for_words(texts, console.width - fixed, WRAPPED_WIDTH_MIN)
    for number in shown:
        name = table.columns[number]
        drawn.add_column(
            name,
            justify="right" if name in table.numeric else "left",
            no_wrap=name not in wrap,
            overflow="fold",
            width=rooms.get(number),
        )

    for row in table.rows:
        cells = (broken_behind_slashes(_short(row[n]), rooms.get(n, sys.maxsize)) for n in shown)
        drawn.add_row(*(Text(c, _cell_style(row[n])) for c, n in zip(cells, shown, strict=True)))
    if table.total:
        drawn.add_section()
        total = (
            Text(_total(cell), _cell_style(cell)) for cell in map(table.total.__getitem__, shown)
        )
        drawn.add_row(*total, style="bold")
    # A width given to `print` is cut down to the terminal's; one without a height is not heard at a
    # terminal that can do nothing (TERM=dumb).
    console.size = ConsoleDimensions(width, console.height)
    console.print(drawn, crop=False)


WRAPPED_WIDTH_MIN = 16
"""A column that may break into lines is counted with this width at least."""

GAP, NARROW_GAP = 3, 2
"""Blanks between columns, and those where not all of the columns have room."""


def _columns_that_fit(table: Table, width: int, gap: int) -> list[int]:
    """Which columns are drawn: all, less those of `drop` that there is no room for."""
    shown = list(range(len(table.columns)))
    for name in table.drop:
        if _width(table, shown, gap) <= width:
            break
        shown.remove(list(table.columns).index(name))
    return shown


def _wrapped(table: Table, shown: Sequence[int], width: int, gap: int) -> frozenset[str]:
    """Which columns break into lines: those of `wrap`, and where that is not enough the widest of
    those with several words in a cell."""
    wrap = table.wrap

    def longest(number: int) -> int:
        return max((len(_short(row[number])) for row in table.rows), default=0)

    prose = [n for n in shown if any(" " in _short(row[n]) for row in table.rows)]
    for number in sorted(prose, key=longest, reverse=True):
        if _width(table, shown, gap, wrap) <= width or longest(number) <= WRAPPED_WIDTH_MIN:
            break
        wrap |= {table.columns[number]}
    return wrap


def _width(table: Table, shown: Iterable[int], gap: int, wrap: frozenset[str] | None = None) -> int:
    wrap = table.wrap if wrap is None else wrap
    total = 0
    for number in shown:
        name = table.columns[number]
        widest = max((len(_short(row[number])) for row in table.rows), default=0)
        if table.total:
            widest = max(widest, len(_total(table.total[number])))
        if name in wrap:
            widest = min(widest, WRAPPED_WIDTH_MIN)
        total += max(widest, len(name)) + gap
    return total


_WORD_STYLES = {
    "filled": "green",
    "rejected": "red",
    "denied": "red",
    "in_doubt": "bold yellow",
    "pending": "yellow",
    "FAIL": "bold red",
    "OK": "green",
    "WARN": "yellow",
    "long": "green",
    "short": "red",
    "buy": "green",
    "sell": "red",
}


def _cell_style(value: object) -> str:
    if isinstance(value, Cell) and value.style:
        return value.style
    return _WORD_STYLES.get(str(value), "")


def _total(value: object) -> str:
    """A column without a total stays empty."""
    return "" if value is None else _short(value)


def _short(value: object) -> str:
    return harmless_line(value.short) if isinstance(value, Cell) else _cell(value)


def _cell(value: object) -> str:
    """One line of text, whatever the value: tabs and newlines would break the columns."""
    if isinstance(value, Cell):
        value = value.value
    if value is None or value == "":
        return "-"
    shown = plain(value)
    return harmless_line(shown if isinstance(shown, str) else str(shown))


def _write(line: str, stream: TextIO, mark: str = "") -> None:
    """`mark` is written as it is, the line made harmless."""
    stream.write(f"{mark}{harmless(line)}\n")
    stream.flush()
