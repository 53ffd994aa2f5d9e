"""The table of positions on the screen: the columns that the width has room for.

What a trader must always see is symbol, quantity, price, profit, stop and guard; the rest goes in a
fixed order until the table fits, and the line between stop and target takes what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from msgspec import Struct
from rich.table import Table
from rich.text import Text

from execbot.exits.position_view import PositionState, PositionView
from execbot.exits.rules.view import Guarded
from execbot.model.amounts import even, signed
from execbot.model.enums import PositionSide
from execbot.model.numbers import text
from execbot.model.printable import harmless_line
from execbot.model.times import show_age
from execbot.watch.show.gain_style import gain_style

BAR = "bar"
BAR_MIN, BAR_MAX = 12, 40

GUARD_WORDS: dict[Guarded, tuple[str, str]] = {
    Guarded.PROTECTED: ("protected", "green"),
    Guarded.ARRIVING: ("arriving", "yellow"),
    Guarded.UNPROTECTED: ("UNPROTECTED", "bold red"),
    Guarded.EMULATED: ("by watch", "yellow"),
    Guarded.DORMANT: ("at the open", "yellow"),
    Guarded.SUSPENDED: ("SUSPENDED", "bold red"),
    Guarded.LIFTED: ("lifted", "yellow"),
    Guarded.LEAVING: ("leaving", "yellow"),
    Guarded.NO_PLAN: ("no plan", "red"),
    Guarded.PENDING: ("pending event", "yellow"),
    Guarded.DUST: ("dust", "dim"),
    Guarded.FLAT: ("-", ""),
}


class Column(Struct, frozen=True):
    """`lasts` says how long a column stays as the screen gets narrower; 0 goes first."""

    name: str
    cell: Callable[[PositionView], Text]
    lasts: int
    is_text: bool = False


ALWAYS = 9


def _guard(row: PositionView) -> Text:
    word, style = GUARD_WORDS[row.guarded or Guarded.NO_PLAN]
    if row.unplanned_stop:
        word, style = row.unplanned_stop, "yellow" if row.is_covered_without_plan else "red"
    if row.state is PositionState.PENDING_ENTRY:
        word, style = "entering", "yellow"
    return Text(word, style=style)


COLUMNS: tuple[Column, ...] = (
    Column("Symbol", lambda row: Text(harmless_line(row.symbol)), ALWAYS, is_text=True),
    Column("Qty", lambda row: Text(text(row.qty)), ALWAYS),
    Column("Entry", lambda row: _price(row.avg_entry_price), 3),
    Column("Price", lambda row: _price(row.current_price), ALWAYS),
    Column("P&L", lambda row: _money(row.unrealized_pl), ALWAYS),
    Column("R", lambda row: _r(row.r), 6),
    Column("Stop", lambda row: _stop(row), ALWAYS),
    Column(BAR, lambda row: Text(), 4),
    Column("Target", lambda row: _target(row), 5),
    Column("Best/worst R", lambda row: _range(row), 1),
    Column("Age", lambda row: Text(show_age(row.age_seconds)), 2),
    Column("Guard", _guard, ALWAYS, is_text=True),
)


def positions_table(
    rows: Sequence[PositionView], width: int, first: int = 1, *, old: frozenset[str] = frozenset()
) -> Table:
    """Rows are numbered from `first`: the keys ask for these numbers. Those of `old` symbols are
    dimmed, and nothing of them is green: their price, and what follows from it, is not of now."""
    columns, bar = fitting(rows, width, first)
    if not rows:
        columns = [column for column in columns if column.lasts == ALWAYS]
    table = Table(box=None, padding=(0, 1, 0, 0), expand=True, show_edge=False)
    table.add_column("#", justify="right", style="dim", no_wrap=True)
    for column in columns:
        if column.name == BAR:
            table.add_column("", width=bar, no_wrap=True)
            continue
        justify = "left" if column.is_text else "right"
        table.add_column(column.name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for number, row in enumerate(rows, first):
        cells = [
            level_bar(row, bar) if column.name == BAR else column.cell(row) for column in columns
        ]
        if row.symbol in old:
            cells = [Text(cell.plain, style="dim") for cell in cells]
        table.add_row(str(number), *cells)
    if not rows:
        table.add_row("", Text("no positions", style="dim"))
    return table


def fitting(rows: Sequence[PositionView], width: int, first: int = 1) -> tuple[list[Column], int]:
    """The columns that have room beside each other, and how long the bar may be."""
    columns = list(COLUMNS)
    room = width - len(str(first + len(rows) - 1)) - 1
    while (left := room - sum(_width(column, rows) + 1 for column in columns)) < 0:
        least = min(columns, key=lambda column: column.lasts)
        if least.lasts == ALWAYS:
            break
        columns.remove(least)
    return columns, min(BAR_MIN + max(left, 0), BAR_MAX)


def _width(column: Column, rows: Sequence[PositionView]) -> int:
    if column.name == BAR:
        return BAR_MIN
    return max([len(column.name), *(column.cell(row).cell_len for row in rows)])


def level_bar(row: PositionView, width: int) -> Text:
    """The price between its stop and its last target, drawn to scale.

    A short is drawn the other way round: the stop is always at the left end.
    """
    price, stop = row.current_price, row.stop
    if price is None or stop is None:
        return Text("·" * width, style="dim")
    end = row.targets[-1] if row.targets else _open_end(row, price, stop)
    if end == stop:
        return Text("·" * width, style="dim")

    def cell(at: Decimal) -> int:
        share = (at - stop) / (end - stop)
        return max(0, min(width - 1, int(share * (width - 1))))

    cells = ["─"] * width
    cells[0], cells[-1] = "├", "┤" if row.targets else "→"
    for target in row.targets[:-1]:
        cells[cell(target)] = "○"
    if row.avg_entry_price is not None:
        cells[cell(row.avg_entry_price)] = "┊"
    at = cell(price)
    cells[at] = "●"
    drawn = Text("".join(cells), style="dim")
    gains = (row.unrealized_pl or 0) >= 0
    drawn.stylize("bold green" if gains else "bold red", at, at + 1)
    return drawn


def _open_end(row: PositionView, price: Decimal, stop: Decimal) -> Decimal:
    """Without a target the line reaches as far beyond the price as the stop is behind it."""
    entry = row.avg_entry_price or price
    reach = max(abs(price - stop), abs(entry - stop)) * 2
    return stop + reach if row.side is PositionSide.LONG else stop - reach


def _price(value: Decimal | None) -> Text:
    return Text("-" if value is None else even(value))


def _stop(row: PositionView) -> Text:
    """Of a structure it is a net price of all its legs, or a price of the underlying."""
    plan = row.structure
    if plan is None:
        return _price(row.stop)
    if plan.stop_net is None and plan.underlying_stop is not None:
        return Text(f"{plan.underlying} {even(plan.underlying_stop.price)}")
    return _net(plan.stop_net)


def _target(row: PositionView) -> Text:
    if row.structure is not None:
        return _net(row.structure.target_net)
    return _price(row.targets[-1] if row.targets else None)


def _net(value: Decimal | None) -> Text:
    return Text("-" if value is None else f"net {even(abs(value))}")


def _money(value: Decimal | None) -> Text:
    if value is None:
        return Text("-")
    shown = signed(value)
    return Text(shown, style=gain_style(shown))


def _r(value: Decimal | None) -> Text:
    return Text("-" if value is None else signed(value, 1))


def _range(row: PositionView) -> Text:
    return Text.assemble(_r(row.best_r), "/", _r(row.worst_r))
