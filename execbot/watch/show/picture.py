"""What the screen shows, as a pure function of the state: Rich renderables, no terminal.

Only the terminal's own colours by name are used, never a background, so it reads on dark and on
light. Every fact that has a colour also has a word or a sign.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from execbot.exits.position_view import PositionView
from execbot.model.amounts import even
from execbot.model.numbers import text
from execbot.model.order import Order
from execbot.model.printable import harmless_line
from execbot.model.times import eastern, show_age
from execbot.watch.show.position_table import positions_table

WIDE = 120
"""From this many columns on there is room for the client_order_id of every order."""


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
    differing: Sequence[str] = ()
    """Symbols of which the broker holds another quantity than the fills add up to, as was told."""


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
    rows_left = height - 2  # header and keys
    positions_max = max(min(len(picture.positions), rows_left // 2 - 2), 1)
    rows_left -= max(min(len(picture.positions), positions_max), 1) + 1
    orders_max = max(min(len(picture.orders), rows_left // 2 - 1), 1)
    rows_left -= min(max(len(picture.orders), 1), orders_max) + 1
    parts: list[RenderableType] = [
        _header(picture, width),
        *_cut(positions_table, picture.positions, positions_max, width),
        *_cut(_orders, picture.orders, orders_max, width),
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
    DIFFERS     the broker holds another quantity: `execbot reconcile` says more

  The line between stop and target:  ├ stop   ┤ last target   ○ target   ┊ entry   ● price
"""


def _cut(
    table: Callable[[Sequence[Any], int], Table], rows: Sequence[Any], most: int, width: int
) -> list[RenderableType]:
    """At most so many lines below the head; the last one says how many rows are left out."""
    if len(rows) <= most:
        return [table(rows, width)]
    shown = max(most - 1, 0)
    more = Text(f" and {len(rows) - shown} more", style="dim")
    return [table(rows[:shown], width), more] if shown else [more]


def _header(picture: Picture, width: int) -> Text:
    """Name and session at the left; at the right as much of the health as there is room for."""
    health = picture.health
    left = _name(picture, picture.title)
    right = Text("● stream" if health.stream_up else "○ STREAM DOWN")
    right.stylize("green" if health.stream_up else "bold red")
    if left.cell_len + right.cell_len >= width:
        left = _name(picture, picture.title.removeprefix("execbot watch").strip())
    for fact in _health(health):
        if left.cell_len + right.cell_len + len(fact) + 2 <= width:
            right.append(fact, style="dim")
    space = max(width - left.cell_len - right.cell_len - 1, 1)
    left.append(" " * space)
    left.append_text(right)
    left.truncate(width)
    return left


def _name(picture: Picture, title: str) -> Text:
    left = Text(f" {title}", style="bold")
    left.append(f"  {picture.session}", style="cyan")
    left.append(f"  {eastern(picture.now).strftime('%H:%M')} ET", style="")
    if picture.health.halted:
        left.append(f"  {picture.health.halted}", style="bold red")
    differing = picture.health.differing
    if differing:
        words = (
            f"{harmless_line(differing[0])} DIFFERS"
            if len(differing) == 1
            else f"{len(differing)} DIFFER"
        )
        left.append(f"  {words}", style="bold red")
    return left


def _health(health: HealthView) -> list[str]:
    """Numbers about the loop, the most telling one first."""
    facts: list[str] = []
    if health.guard_age_seconds is not None:
        facts.append(f"  guard {health.guard_age_seconds:.0f} s")
    if health.requests_left is not None:
        facts.append(f"  rate {health.requests_left}/{health.requests_per_minute}")
    if health.frame_age_seconds is not None and health.stream_up:
        facts.append(f"  frame {show_age(int(health.frame_age_seconds))}")
    facts.append(f"  lag {health.lag_ms:.0f} ms")
    return facts


def _orders(orders: Sequence[Order], width: int) -> Table:
    wide = width >= WIDE
    table = Table(box=None, padding=(0, 1, 0, 0), expand=True, show_edge=False)
    table.add_column("#", justify="right", style="dim", no_wrap=True)
    table.add_column("Open orders", no_wrap=True)
    table.add_column("Price", justify="right", no_wrap=True)
    table.add_column("Filled", justify="right", no_wrap=True)
    table.add_column("Status", no_wrap=True)
    if wide:
        table.add_column("client_order_id", no_wrap=True, overflow="ellipsis")
    for number, order in enumerate(orders, 1):
        size = text(order.qty) if order.qty is not None else "?"
        cells: list[RenderableType] = [
            str(number),
            Text(order_words(order)),
            _prices(order),
            f"{text(order.filled_qty)}/{size}",
            order.status.value,
        ]
        if wide:
            cells.append(Text(harmless_line(order.client_order_id), style="dim"))
        table.add_row(*cells)
    if not orders:
        table.add_row("", Text("none", style="dim"))
    return table


def order_words(order: Order) -> str:
    size = text(order.qty) if order.qty is not None else "?"
    return f"{order.side.value} {size} {harmless_line(order.symbol)} {order.type.value}"


def _prices(order: Order) -> str:
    """`180.00`, `trail 2%`, for a stop-limit both: `180.00/179.50`."""
    if order.trail_percent is not None:
        return f"trail {text(order.trail_percent)}%"
    found = [price for price in (order.stop_price, order.limit_price) if price is not None]
    return "/".join(even(price) for price in found) or "-"


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
