"""What the screen shows, as a pure function of the state: Rich renderables, no terminal.

Only the terminal's own colours by name are used, never a background, so it reads on dark and on
light. Every fact that has a colour also has a word or a sign.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from execbot.exits.position_view import PositionView
from execbot.model.amounts import even
from execbot.model.numbers import text
from execbot.model.order import Order
from execbot.model.order_words import spreads_words
from execbot.model.printable import harmless_line
from execbot.model.times import eastern, show_age
from execbot.watch.show.position_table import positions_table
from execbot.watch.show.totals_line import SEPARATOR, Totals, fitting
from execbot.watch.show.verdict import verdict, verdict_line

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
    unheard_seconds: float | None = None
    """Since the broker said anything of the account, once it is too long: what is shown is old."""
    old_prices: frozenset[str] = frozenset()
    """Symbols whose price is the last one that was known, and not of now."""


class Event(Struct, frozen=True):
    at: datetime
    words: str
    is_alarm: bool = False


class OpenOrder(Struct, frozen=True):
    """`ends_at`: when this program cancels it, unfilled."""

    order: Order
    ends_at: datetime | None = None


class Part(StrEnum):
    """What can be scrolled."""

    POSITIONS = "positions"
    ORDERS = "orders"
    EVENTS = "events"


class Picture(Struct, frozen=True):
    """Everything on the screen. `prompt` replaces the line of keys while it asks something."""

    title: str
    now: datetime
    session: str
    positions: Sequence[PositionView]
    orders: Sequence[OpenOrder]
    events: Sequence[Event]
    health: HealthView
    prompt: str = ""
    shows_help: bool = False
    totals: Totals | None = None
    """The account, once it is known."""
    part: Part = Part.POSITIONS
    """What the keys scroll."""
    offsets: Mapping[Part, int] = {}
    """How many rows of each part are passed over; those of the events from the newest back."""
    color: str = ""
    """Of the account's name, in Rich's words; red for live."""


def draw(picture: Picture, width: int, height: int) -> RenderableType:
    """Fit the picture into `width` x `height`: positions first, events take what is left."""
    safe = verdict(
        picture.positions,
        stream_up=picture.health.stream_up,
        differing=picture.health.differing,
        is_blind=picture.health.unheard_seconds is not None,
        old_prices=picture.health.old_prices,
    )
    head = [verdict_line(safe, width), _header(picture, width)]
    if picture.shows_help:
        return Group(head[0], Text(HELP))
    rows_left = height - 3  # verdict, header and keys
    account = [] if picture.totals is None else [_account(picture.totals, width)]
    rows_left -= len(account)
    positions_max = max(min(len(picture.positions), rows_left // 2 - 2), 1)
    rows_left -= max(min(len(picture.positions), positions_max), 1) + 1
    orders_max = max(min(len(picture.orders), rows_left // 2 - 1), 1)
    rows_left -= min(max(len(picture.orders), 1), orders_max) + 1
    parts: list[RenderableType] = [
        *head,
        *account,
        *_cut(
            partial(positions_table, old=picture.health.old_prices),
            picture,
            Part.POSITIONS,
            positions_max,
            width,
        ),
        *_cut(_orders, picture, Part.ORDERS, orders_max, width),
        *_events(picture, max(rows_left - 1, 1), width),
        _keys(picture, width),
    ]
    return Group(*parts)


HELP = """
  Keys
    ?   this page; any key leads back
    c   cancel an order: its number, Enter
    x   close a position: its number, Enter; then y, Enter
    h   halt: no new entries (exits go on)
    q   stop watching; orders stay at the broker
    up, down (k, j), page up, page down   scroll; Tab: positions, orders, events

  Protection
    protected   every share has a stop at the broker
    by watch    no stop works at the broker now: it ends with this program
    at the open the broker's stop is there, and elects in regular hours only
    UNPROTECTED shares without their stop: being repaired, or see the alarm;
                canceled by hand or elsewhere: `execbot protect SYMBOL` resumes
    SUSPENDED   the same, and other stops cover the shares
    no plan     opened without a stop: `execbot protect SYMBOL`
    pending event  exercised, assigned or expired: the broker's rows are to come
    dust        worth too little to be sold: counts for nothing, needs no stop
    DIFFERS     the broker holds another quantity: see `execbot reconcile`

  The line:  ├ stop   ┤ last target   ○ target   ┊ entry   ● price
"""


def _cut(
    table: Callable[[Sequence[Any], int, int], Table],
    picture: Picture,
    part: Part,
    most: int,
    width: int,
) -> list[RenderableType]:
    """At most so many lines below the head; the last one says which rows these are."""
    rows: Sequence[Any] = picture.positions if part is Part.POSITIONS else picture.orders
    if len(rows) <= most:
        return [table(rows, width, 1)]
    room = max(most - 1, 0)
    if not room:
        return [Text(f" and {len(rows)} more", style="dim")]
    begin = min(picture.offsets.get(part, 0), len(rows) - room)
    return [
        table(rows[begin : begin + room], width, begin + 1),
        _which(picture, part, begin, room, len(rows)),
    ]


def _which(picture: Picture, part: Part, begin: int, room: int, count: int) -> Text:
    """`3-9 of 24`, and how to see the others."""
    how = "up, down" if picture.part is part else "Tab, then up, down"
    return Text(f" {begin + 1}-{begin + room} of {count} {part.value} ({how})", style="dim")


def _header(picture: Picture, width: int) -> Text:
    """Name and session at the left; at the right as much of the health as there is room for."""
    health = picture.health
    left = _name(picture, picture.title)
    right = _heard(health)
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


def _heard(health: HealthView) -> Text:
    """Whether what is shown is of now: green only if it is."""
    if health.unheard_seconds is not None:
        return Text(f"○ OLD: NOTHING HEARD {show_age(int(health.unheard_seconds))}", "bold red")
    if not health.stream_up:
        return Text("○ STREAM DOWN", "bold red")
    return Text("● stream", "yellow" if health.old_prices else "green")


def _account(totals: Totals, width: int) -> Text:
    """The account in one line, as much of it as there is room for."""
    line = Text(" ")
    for number, part in enumerate(fitting(totals, width - 1)):
        line.append(SEPARATOR if number else "")
        line.append(part.words, style=part.style)
    line.truncate(width)
    return line


def _name(picture: Picture, title: str) -> Text:
    left = Text(f" {title}", style=f"bold {picture.color}".strip())
    left.append(f"  {picture.session}", style="cyan")
    left.append(f"  {eastern(picture.now).strftime('%H:%M')} ET", style="")
    if picture.health.halted:
        left.append(f"  {picture.health.halted}", style="bold red")
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


def _orders(orders: Sequence[OpenOrder], width: int, first: int) -> Table:
    wide = width >= WIDE
    timed = any(one.ends_at is not None for one in orders)
    table = Table(box=None, padding=(0, 1, 0, 0), expand=True, show_edge=False)
    table.add_column("#", justify="right", style="dim", no_wrap=True)
    table.add_column("Open orders", no_wrap=True)
    table.add_column("Price", justify="right", no_wrap=True)
    table.add_column("Filled", justify="right", no_wrap=True)
    table.add_column("Status", no_wrap=True)
    if timed:
        table.add_column("Canceled at", no_wrap=True, min_width=11)
    if wide:
        table.add_column("client_order_id", no_wrap=True, overflow="ellipsis")
    for number, one in enumerate(orders, first):
        order = one.order
        size = text(order.qty) if order.qty is not None else "?"
        cells: list[RenderableType] = [
            str(number),
            Text(order_words(order)),
            _prices(order),
            f"{text(order.filled_qty)}/{size}",
            order.status.value,
        ]
        if timed:
            cells.append("" if one.ends_at is None else eastern(one.ends_at).strftime("%H:%M:%S"))
        if wide:
            cells.append(Text(harmless_line(order.client_order_id), style="dim"))
        table.add_row(*cells)
    if not orders:
        table.add_row("", Text("none", style="dim"))
    return table


def order_words(order: Order) -> str:
    if order.is_spread:
        return f"{spreads_words(order)} {order.type.value}"
    size = text(order.qty) if order.qty is not None else "?"
    return f"{order.side.value} {size} {harmless_line(order.symbol)} {order.type.value}"


def _prices(order: Order) -> str:
    """`180.00`, `trail 2%`, for a stop-limit both: `180.00/179.50`."""
    if order.trail_percent is not None:
        return f"trail {text(order.trail_percent)}%"
    found = [price for price in (order.stop_price, order.limit_price) if price is not None]
    return "/".join(even(price) for price in found) or "-"


def _events(picture: Picture, room: int, width: int) -> list[Text]:
    """The newest at the bottom; further up from there as far as was scrolled."""
    events = list(picture.events)
    back = min(picture.offsets.get(Part.EVENTS, 0), max(len(events) - room, 0))
    title = Text(" Events", style="bold")
    if back:
        title.append(f"  {back} newer below", style="dim")
    lines = [title]
    for event in events[max(len(events) - back - room, 0) : len(events) - back]:
        line = Text(f" {eastern(event.at).strftime('%H:%M:%S')} ", style="dim")
        words = shortened(event.words, width - line.cell_len)
        line.append(words, style="bold red" if event.is_alarm else "")
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    lines.extend(Text("") for _ in range(room - len(lines) + 1))
    return lines


def shortened(words: str, width: int) -> str:
    """As many whole words as there is room for."""
    if len(words) <= width:
        return words
    whole = words[: max(width - 1, 0)].rpartition(" ")[0]
    return f"{whole} …" if whole else words


def _keys(picture: Picture, width: int) -> Text:
    if picture.prompt:
        return Text(f" {picture.prompt}", style="bold yellow")
    words = f" ? help   c cancel   x close   h halt   q quit   Tab scrolls {picture.part.value}"
    line = Text(words, style="dim")
    line.truncate(width)
    return line
