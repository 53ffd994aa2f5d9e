"""What the screen shows, as a pure function of the state: Rich renderables, no terminal.

Only the terminal's own colours by name are used, never a background, so it reads on dark and on
light. Every fact that has a colour also has a word or a sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from execbot.exits.position_state import PositionState, PositionView
from execbot.exits.view import Guarded
from execbot.model.enums import PositionSide
from execbot.model.numbers import text
from execbot.model.order import Order
from execbot.model.times import eastern

WIDE = 120
"""From this many columns on there is room for entry, age and excursions."""

GUARD_WORDS: dict[Guarded, tuple[str, str]] = {
    Guarded.PROTECTED: ("protected", "green"),
    Guarded.ARRIVING: ("arriving", "yellow"),
    Guarded.UNPROTECTED: ("NO STOP", "bold red"),
    Guarded.EMULATED: ("by watch", "yellow"),
    Guarded.DORMANT: ("at the open", "yellow"),
    Guarded.SUSPENDED: ("SUSPENDED", "bold red"),
    Guarded.LIFTED: ("lifted", "yellow"),
    Guarded.LEAVING: ("leaving", "yellow"),
    Guarded.NO_PLAN: ("no plan", "red"),
    Guarded.FLAT: ("-", ""),
}


class HealthView(Struct, frozen=True):
    """The state of the loop itself."""

    stream_up: bool = False
    frame_age_seconds: float | None = None
    lag_ms: float = 0.0
    waiting: int = 0
    requests_left: int | None = None
    requests_per_minute: int | None = None
    guard_age_seconds: float | None = None
    halted: str = ""


class Event(Struct, frozen=True):
    at: datetime
    words: str
    is_alarm: bool = False


class Picture(Struct, frozen=True):
    """Everything on the screen. `prompt` replaces the line of keys while it asks something."""

    title: str
    now: datetime
    session: str
    positions: Sequence[PositionView]
    orders: Sequence[Order]
    events: Sequence[Event]
    health: HealthView
    prompt: str = ""
    shows_help: bool = False


def draw(picture: Picture, width: int, height: int) -> RenderableType:
    """Fit the picture into `width` x `height`: positions first, events take what is left."""
    if picture.shows_help:
        return Group(_header(picture, width), Text(HELP))
    wide = width >= WIDE
    rows_left = height - 2  # header and keys
    positions_max = max(min(len(picture.positions), rows_left // 2 - 2), 1)
    rows_left -= max(min(len(picture.positions), positions_max), 1) + 1
    orders_max = max(min(len(picture.orders), rows_left // 2 - 1), 1)
    rows_left -= min(max(len(picture.orders), 1), orders_max) + 1
    parts: list[RenderableType] = [
        _header(picture, width),
        _positions(picture.positions[:positions_max], wide, width),
        _orders(picture.orders[:orders_max], wide),
        *_events(picture.events, max(rows_left - 1, 1), width),
        _keys(picture, width),
    ]
    return Group(*parts)


HELP = """
  Keys
    ?   this page, and back
    c   cancel an order: its number, Enter
    x   close a position: its number, Enter
    h   halt: no new entries (exits go on)
    q   stop watching; orders stay at the broker

  Protection
    protected   every share has a stop at the broker
    by watch    the broker does not hold or elect the stop now: it ends with this program
    at the open the broker's stop is there, and elects in the regular session only
    NO STOP     shares without a stop; it is being repaired, or see the alarm
    SUSPENDED   the exits were canceled by hand: `execbot protect SYMBOL` resumes
    no plan     opened without a stop: `execbot protect SYMBOL`

  The line between stop and target:  ├ stop   ┤ last target   ○ target   ┊ entry   ● price
"""


def _header(picture: Picture, width: int) -> Text:
    health = picture.health
    left = Text(f" {picture.title}", style="bold")
    left.append(f"  {picture.session}", style="cyan")
    left.append(f"  {eastern(picture.now).strftime('%H:%M')} ET", style="")
    if health.halted:
        left.append(f"  {health.halted}", style="bold red")
    right = _health(health)
    space = max(width - left.cell_len - right.cell_len - 1, 1)
    left.append(" " * space)
    left.append_text(right)
    left.truncate(width)
    return left


def _health(health: HealthView) -> Text:
    age = health.frame_age_seconds
    state = Text("● stream" if health.stream_up else "○ STREAM DOWN")
    state.stylize("green" if health.stream_up else "bold red")
    if age is not None and health.stream_up:
        state.append(f" {_age(int(age))}", style="dim")
    state.append(f"  lag {health.lag_ms:.0f} ms", style="dim")
    if health.requests_left is not None:
        state.append(f"  rate {health.requests_left}/{health.requests_per_minute}", style="dim")
    guard = health.guard_age_seconds
    if guard is not None:
        state.append(f"  guard {guard:.0f} s", style="dim")
    return state


def _positions(rows: Sequence[PositionView], wide: bool, width: int) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), expand=True, show_edge=False)
    table.add_column("#", justify="right", style="dim", no_wrap=True)
    for name, justify in (("Symbol", "left"), ("Qty", "right")):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    if wide:
        table.add_column("Entry", justify="right", no_wrap=True)
    table.add_column("Price", justify="right", no_wrap=True)
    table.add_column("P&L", justify="right", no_wrap=True)
    table.add_column("R", justify="right", no_wrap=True)
    table.add_column("Stop", justify="right", no_wrap=True)
    bar = 40 if wide else 16
    table.add_column("", width=bar, no_wrap=True)
    table.add_column("Target", justify="right", no_wrap=True)
    if wide:
        table.add_column("Best/worst R", justify="right", no_wrap=True)
        table.add_column("Age", justify="right", no_wrap=True)
    table.add_column("Guard", no_wrap=True)
    for number, row in enumerate(rows, 1):
        table.add_row(*_position_cells(number, row, wide, bar))
    if not rows:
        table.add_row("", Text("no positions", style="dim"))
    return table


def _position_cells(number: int, row: PositionView, wide: bool, bar: int) -> list[RenderableType]:
    word, style = GUARD_WORDS[row.guarded]
    if row.state is PositionState.PENDING_ENTRY:
        word, style = "entering", "yellow"
    cells: list[RenderableType] = [str(number), row.symbol, text(row.qty)]
    if wide:
        cells.append(_price(row.avg_entry_price))
    cells += [
        _price(row.current_price),
        _money(row.unrealized_pl),
        _signed(row.r),
        _price(row.stop),
        level_bar(row, bar),
        _price(row.targets[-1] if row.targets else None),
    ]
    if wide:
        best, worst = _signed(row.best_r), _signed(row.worst_r)
        cells += [Text.assemble(best, "/", worst), _age(row.age_seconds)]
    cells.append(Text(word, style=style))
    return cells


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


def _orders(orders: Sequence[Order], wide: bool) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), expand=True, show_edge=False)
    table.add_column("#", justify="right", style="dim", no_wrap=True)
    table.add_column("Open orders", no_wrap=True)
    table.add_column("Price", justify="right", no_wrap=True)
    table.add_column("Filled", justify="right", no_wrap=True)
    table.add_column("Status", no_wrap=True)
    if wide:
        table.add_column("client_order_id", no_wrap=True, overflow="ellipsis")
    for number, order in enumerate(orders, 1):
        price = order.limit_price or order.stop_price
        if order.trail_percent is not None:
            shown: RenderableType = f"trail {text(order.trail_percent)}%"
        else:
            shown = _price(price)
        size = text(order.qty) if order.qty is not None else "?"
        cells: list[RenderableType] = [
            str(number),
            f"{order.side.value} {size} {order.symbol} {order.type.value}",
            shown,
            f"{text(order.filled_qty)}/{size}",
            order.status.value,
        ]
        if wide:
            cells.append(Text(order.client_order_id, style="dim"))
        table.add_row(*cells)
    if not orders:
        table.add_row("", Text("none", style="dim"))
    return table


def _events(events: Sequence[Event], room: int, width: int) -> list[Text]:
    lines = [Text(" Events", style="bold")]
    for event in list(events)[-room:]:
        line = Text(f" {eastern(event.at).strftime('%H:%M:%S')} ", style="dim")
        line.append(event.words, style="bold red" if event.is_alarm else "")
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    lines.extend(Text("") for _ in range(room - len(lines) + 1))
    return lines


def _keys(picture: Picture, width: int) -> Text:
    if picture.prompt:
        return Text(f" {picture.prompt}", style="bold yellow")
    line = Text(" ? help   c cancel   x close   h halt   q quit", style="dim")
    line.truncate(width)
    return line


def _price(value: Decimal | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if abs(value) >= 1 else text(value)


def _money(value: Decimal | None) -> Text:
    if value is None:
        return Text("-")
    return Text(f"{value:+.2f}", style="green" if value >= 0 else "red")


def _signed(value: Decimal | None) -> Text:
    return Text("-" if value is None else f"{value:+.1f}")


def _age(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
