"""`--csv` and `--columns`: the forms that every list has beside its table and its --json.

    COLUMNS = ("symbol", "side", "qty", "stop.price", "targets")

    @command
    def positions(cli: Cli, csv: CsvFlag = False, columns: ColumnsFlag = None) -> None:
        form = list_form(cli, COLUMNS, csv=csv, columns=columns)
        ...
        cli.show(rows, *form.views(rows, table, "a line for people"))

`rows` are the mappings that --json carries, with their decimals and times as they are. A column is
named as its field there, `stop.price` for what lies deeper, so both speak of one thing by one name.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from csv import writer
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import Struct

from execbot.cli.errors import usage
from execbot.cli.show.amounts import price
from execbot.cli.show.order_views import when
from execbot.cli.show.output import Cell, Table, is_terminal, plain
from execbot.model.numbers import text
from execbot.model.printable import harmless_line

if TYPE_CHECKING:
    from execbot.cli.command import Cli

CsvFlag = Annotated[bool, typer.Option("--csv", help="Comma-separated, with every column.")]
ColumnsFlag = Annotated[
    str | None,
    typer.Option(
        "--columns", help="Only these, in this order; the names are those of --csv.", metavar="A,B"
    ),
]

Row = Mapping[str, Any]


class ListForm(Struct, frozen=True):
    """How a list was asked for. `names` are its columns where they were chosen, else empty."""

    known: Sequence[str]
    names: Sequence[str] = ()
    csv: bool = False

    @property
    def takes_rows(self) -> bool:
        """Whether `views` looks at its rows at all."""
        return self.csv or bool(self.names)

    def views(self, rows: Sequence[Row], *usual: Table | str) -> list[Table | str]:
        """What to show: the usual tables and lines, the chosen columns, or CSV."""
        if self.csv:
            return [csv_text(self.names or self.known, rows)]
        if self.names:
            return [table_of(self.names, rows)]
        return list(usual)


def list_form(
    cli: Cli, known: Sequence[str], *, csv: bool = False, columns: str | None = None
) -> ListForm:
    """The form that the flags ask for, before anything is asked of the broker.

    Raises Failure (2) for a column that is not `known`, and for flags that contradict each other.
    """
    if cli.json and (csv or columns is not None):
        flag = "--csv" if csv else "--columns"
        raise usage(
            f"{flag} and --json contradict each other",
            hint="--json carries every field.",
            next_step="Leave one of them out.",
            kind="usage.columns",
        )
    return ListForm(known, _chosen(columns, known), csv)


def for_people(line: str) -> str:
    """A line below a table, on a terminal alone: elsewhere it would be one more row."""
    return line if is_terminal() else ""


def _chosen(words: str | None, known: Sequence[str]) -> tuple[str, ...]:
    if words is None:
        return ()
    names = tuple(word.strip().lower() for word in words.split(",") if word.strip())
    unknown = [name for name in names if name not in known]
    if names and not unknown:
        return names
    from difflib import get_close_matches

    near = get_close_matches(unknown[0], known, n=1) if unknown else []
    said = f"there is no column {unknown[0][:40]!r}" if unknown else "--columns names no column"
    raise usage(
        said,
        hint=(f"Did you mean {near[0]}? " if near else "") + f"Columns: {', '.join(known)}.",
        next_step=f"--columns {','.join(known[:3])}",
        kind="usage.columns",
    )


# --- CSV ---------------------------------------------------------------------------------------


def csv_text(names: Sequence[str], rows: Iterable[Row]) -> str:
    """A header and a line a row, as RFC 4180 has it but for the line's end, which is the newline
    of Unix; without the last one.

    Numbers have all their digits, times are UTC, what is not known is empty.
    """
    written = io.StringIO()
    lines = writer(written, lineterminator="\n")
    lines.writerow(names)
    lines.writerows([csv_cell(value_of(row, name)) for name in names] for row in rows)
    return written.getvalue().removesuffix("\n")


_FORMULA = tuple("=+-@＝＋－＠")
"""A spreadsheet takes a cell that begins so for a formula, wherever its text came from (OWASP,
"CSV injection"); Japanese ones take the wide forms as well."""

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def csv_cell(value: object) -> str:
    """One cell. A text that a spreadsheet would carry out gets an apostrophe in front, which
    spreadsheets read as "this is text"; a negative number is none."""
    if isinstance(value, Cell):
        value = value.value
    said = _plain(value)
    is_text = not isinstance(value, int | Decimal | date | datetime | None)
    is_formula = is_text and said.startswith(_FORMULA) and not _NUMBER.fullmatch(said)
    return f"'{said}" if is_formula else said


def _plain(value: object) -> str:
    """Lists with blanks between what they hold, truth as `true` and `false`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        return " ".join(_plain(item) for item in value)
    shown = plain(value)
    return harmless_line(shown if isinstance(shown, str) else str(shown)).strip()


def value_of(row: Row, name: str) -> Any:
    """`stop.price` of `{"stop": {"price": ..}}`, or of a row that has it under this very name; None
    where something on the way is not there."""
    if name in row:
        return row[name]
    found: Any = row
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


# --- chosen columns of a table -----------------------------------------------------------------

_COUNTED = ("qty", "_qty", "seconds", "count", "trades", "n")
"""Names that end so count something: they are no dollars, and keep their digits."""


def table_of(names: Sequence[str], rows: Sequence[Row], *, empty: str = "No rows.") -> Table:
    """A table of the chosen columns, under the names by which they were chosen."""
    cells = [[_shown(name, value_of(row, name)) for name in names] for row in rows]
    numeric = frozenset(
        name for name in names if any(_is_number(value_of(row, name)) for row in rows)
    )
    return Table(tuple(names), cells, numeric=numeric, empty=empty)


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _shown(name: str, value: object) -> object:
    if isinstance(value, datetime):
        return when(value)
    if isinstance(value, Decimal):
        return text(value) if name.endswith(_COUNTED) else price(value)
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        return " ".join(str(_shown(name, item)) for item in value) or None
    return value
