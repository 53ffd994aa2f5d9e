"""How results and failures are shown: Rich on a terminal, tab-separated elsewhere, or one JSON
object. Data goes to stdout, messages to stderr. Rich is imported only to draw on a terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TextIO

from execbot.cli.errors import Failure

SCHEMA = "execbot/v1"

NUMERIC = "right"
"""Columns of numbers line up on the right."""


@dataclass(frozen=True, slots=True)
class Table:
    """What a list looks like to people. `numeric` names the columns of numbers; `empty` is the
    sentence for a terminal when there are no rows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    numeric: frozenset[str] = frozenset()
    empty: str = "Nothing to show."
    title: str = ""


@dataclass(frozen=True, slots=True)
class Style:
    """`json` beats everything; `color` only matters on a terminal."""

    json: bool = False
    color: bool = True
    debug: bool = False

    @classmethod
    def of(cls, *, json: bool, no_color: bool, debug: bool) -> Style:
        """NO_COLOR (any value) and TERM=dumb switch colour off like --no-color does."""
        plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        return cls(json, not plain, debug)


def is_terminal(stream: TextIO | None = None) -> bool:
    try:
        return (stream or sys.stdout).isatty()
    except ValueError:
        return False


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
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "ok": ok,
        "command": command,
        "mode": mode,
        "account": account,
        "as_of": plain(datetime.now(UTC)),
        "data": plain(data),
        "warnings": list(warnings),
    }


def print_json(value: Any, stream: TextIO | None = None) -> None:
    import json

    _write(json.dumps(plain(value), ensure_ascii=False), stream or sys.stdout)


def print_table(table: Table, style: Style) -> None:
    """Rich on a terminal; elsewhere a header and tab-separated rows, never cut."""
    if is_terminal():
        _print_rich(table, style)
        return
    _write("\t".join(table.columns), sys.stdout)
    for row in table.rows:
        _write("\t".join(_cell(value) for value in row), sys.stdout)


def print_line(line: str) -> None:
    _write(line, sys.stdout)


def print_note(line: str) -> None:
    """A message for people: on stderr, so that data stays clean."""
    _write(line, sys.stderr)


def print_failure(failure: Failure, style: Style) -> None:
    """One JSON object, or three short lines: what, why, what next."""
    if style.json:
        print_json(failure.as_json(), sys.stderr)
        return
    color = style.color and is_terminal(sys.stderr)
    head = "\x1b[1;31mError:\x1b[0m" if color else "Error:"
    checks = failure.extra.get("failures") or ()
    if checks:
        print_note(f"{head} refused by {len(checks)} check{'s' if len(checks) > 1 else ''}")
        for check in checks:
            print_note(f"  - {check['message']}")
    else:
        print_note(f"{head} {failure.message}")
    if failure.hint:
        print_note(f"  why:  {failure.hint}")
    if failure.next_step:
        print_note(f"  next: {failure.next_step}")


def _print_rich(table: Table, style: Style) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(no_color=not style.color, highlight=False)
    if not table.rows:
        console.print(table.empty)
        return
    drawn = RichTable(box=box.SIMPLE_HEAD, title=table.title or None, title_justify="left")
    for column in table.columns:
        right = column in table.numeric
        drawn.add_column(
            column,
            justify="right" if right else "left",
            no_wrap=right,
            overflow="fold",
        )
    for row in table.rows:
        drawn.add_row(*(Text(_cell(value), _row_style(value)) for value in row))
    console.print(drawn)


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


def _row_style(value: object) -> str:
    return _WORD_STYLES.get(str(value), "")


def _cell(value: object) -> str:
    """One line of text, whatever the value: tabs and newlines would break the columns."""
    if value is None or value == "":
        return "-"
    shown = plain(value)
    word = shown if isinstance(shown, str) else str(shown)
    return " ".join(word.split()) if any(c in word for c in "\t\r\n") else word


def _write(line: str, stream: TextIO) -> None:
    stream.write(line + "\n")
    stream.flush()
