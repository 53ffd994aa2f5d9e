"""Goal: at any width the screen shows what matters, and on a wide one everything.

Method: the picture of a hard account is drawn into text of an exact width and read back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from execbot.exits.position_view import PositionState, PositionView
from execbot.exits.rules.view import Guarded
from execbot.model.enums import OrderStatus, OrderType, PositionSide, Side, TimeInForce
from execbot.model.order import Order
from execbot.watch.show.picture import (
    HELP,
    Event,
    HealthView,
    OpenOrder,
    Part,
    Picture,
    draw,
    shortened,
)
from execbot.watch.show.position_table import COLUMNS, fitting

AT = datetime(2026, 11, 20, 15, 4, tzinfo=UTC)
BTC = PositionView(
    symbol="BTC/USD",
    state=PositionState.OPEN,
    side=PositionSide.LONG,
    qty=D("0.12345678"),
    avg_entry_price=D("104250.5"),
    current_price=D("104999.1"),
    market_value=D("12962.7"),
    unrealized_pl=D("-1092.42"),
    realized_pl=D(0),
    r=D("-1.25"),
    stop=D("101122.98"),
    targets=(D("110505.5"),),
    age_seconds=7300,
    best_r=D("0.4"),
    worst_r=D("-1.3"),
    guarded=Guarded.EMULATED,
)
F = replace(BTC, symbol="F", qty=D(-3), avg_entry_price=D("10.4"), current_price=D("10.5"),
            stop=None, targets=(), r=None, unrealized_pl=D("-0.3"),
            guarded=Guarded.UNPROTECTED)  # fmt: skip
ORDER = Order(
    id="61e69015-8549-4bfd-b9c3-01e75843f47d",
    client_order_id="execbot-01a1feb62622624e309e2506240754",
    symbol="BTC/USD",
    side=Side.SELL,
    qty=D("0.12345678"),
    type=OrderType.STOP_LIMIT,
    time_in_force=TimeInForce.GTC,
    stop_price=D("101122.98"),
    limit_price=D("100617.4"),
    status=OrderStatus.PARTIALLY_FILLED,
    filled_qty=D("0.1"),
)
HEALTH = HealthView(True, 3.0, 12.0, 0, 198, 200, 1.0, "HALTED")


def test_what_is_old_is_dimmed_and_nothing_of_it_is_green() -> None:
    def spans(**health: Any) -> str:
        console = Console(width=120, height=24, force_terminal=True, color_system="standard")
        with console.capture() as capture:
            console.print(draw(replace(PICTURE, health=replace(HEALTH, **health)), 120, 24))
        return capture.get()

    safe, green, dim = "protected", "\x1b[32m", "\x1b[2m"
    bold = "\x1b[1;32m"
    now = spans()
    assert f"{green}{safe}" in now and f"{bold}● stream" in now and " SAFE " in now
    one = spans(old_prices=frozenset({"BTC/USD"}))
    assert f"{dim}{safe}" in one and f"{green}{safe}" not in one and f"{bold}●" not in one
    assert "LOOK  BTC/USD has an old price" in one
    blind = spans(unheard_seconds=75.0, old_prices=frozenset({"BTC/USD", "F"}))
    assert "OLD: NOTHING HEARD 1m" in blind and green not in blind
    assert "NOT SAFE  nothing is heard of the account" in blind


def test_help_fits_the_smallest_screen_uncut() -> None:
    _, *lines = drawn(80, shows_help=True)
    assert "\n".join(lines).rstrip() == HELP.rstrip()
    assert len(lines) < 24


PICTURE = Picture(
    title="execbot watch  paper PA3XYZ12345",
    now=AT,
    session="regular",
    positions=[replace(BTC, guarded=Guarded.PROTECTED, unrealized_pl=D("1"))],
    orders=[],
    events=[],
    health=HEALTH,
)


def drawn(width: int, height: int = 24, **changes: Any) -> list[str]:
    picture = Picture(
        title="execbot watch  paper PA3XYZ12345",
        now=AT,
        session="regular",
        positions=[BTC, F],
        orders=[OpenOrder(ORDER)],
        events=[],
        health=HEALTH,
    )
    console = Console(width=width, height=height, color_system=None)
    with console.capture() as capture:
        console.print(draw(replace(picture, **changes), width, height))
    lines = capture.get().splitlines()
    assert all(len(line) <= width for line in lines)
    return lines


def row_of(lines: list[str], word: str) -> list[str]:
    return next(line for line in lines[2:] if f" {word} " in line).split()


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_what_matters_of_a_position_is_there_whole(width: int) -> None:
    lines = drawn(width)
    shown = " ".join(row_of(lines, "BTC/USD"))
    for fact in ("0.12345678", "104999.10", "-1092.42", "101122.98", "by watch"):
        assert fact in shown
    assert "UNPROTECTED" in " ".join(row_of(lines, "F"))
    assert lines[0].startswith(" NOT SAFE  F UNPROTECTED")
    assert "HALTED" in lines[1]
    assert "● stream" in lines[1]


def test_a_wide_screen_shows_everything() -> None:
    lines = drawn(160)
    head = next(line for line in lines if "Symbol" in line)
    assert all(column.name in head for column in COLUMNS if column.name != "bar")
    shown = " ".join(row_of(lines, "BTC/USD"))
    for fact in ("104250.50", "-1.2", "●", "110505.50", "+0.4/-1.3", "2h01m"):
        assert fact in shown
    for fact in ("guard 1 s", "rate 198/200", "frame 3s", "lag 12 ms"):
        assert fact in lines[1]
    order = next(line for line in lines if "stop_limit" in line)
    for fact in ("101122.98/100617.40", "0.1/0.12345678", "partially_filled", "execbot-01a1feb6"):
        assert fact in order


def test_an_empty_account_has_a_whole_head() -> None:
    safe, _, head, row = drawn(80, positions=[], orders=[])[:4]
    assert safe.split() == ["SAFE", "nothing", "is", "held"]
    assert head.split() == ["#", "Symbol", "Qty", "Price", "P&L", "Stop", "Guard"]
    assert row.strip() == "no positions"


def test_a_lost_stream_and_a_halt_are_always_said() -> None:
    health = replace(HEALTH, stream_up=False, halted="REDUCE_ONLY")
    safe, head, *_ = drawn(80, health=health)
    assert "NOT SAFE  the stream is down" in safe
    assert "REDUCE_ONLY" in head
    assert "STREAM DOWN" in head


def test_quantities_that_differ_are_named_while_they_do() -> None:
    assert "AAPL DIFFERS" in drawn(80, health=replace(HEALTH, differing=("AAPL",)))[0]
    two = drawn(80, health=replace(HEALTH, differing=("AAPL", "MSFT")))[0]
    assert "AAPL and 1 more DIFFER" in two
    assert "DIFFER" not in drawn(80, health=HEALTH)[0]


def test_columns_go_in_their_order_and_the_rest_fits() -> None:
    before = {column.name for column in COLUMNS}
    for width in range(200, 60, -1):
        columns, bar = fitting([BTC, F], width)
        names = {column.name for column in columns}
        assert names <= before
        assert 12 <= bar <= 40
        before = names
    assert before == {"Symbol", "Qty", "Price", "P&L", "Stop", "Guard"}


def test_small_positions_keep_target_and_line_on_eighty_columns() -> None:
    plain = replace(BTC, symbol="AAPL", qty=D(10), current_price=D("223.1"), stop=D("218.63"),
                    targets=(D("232.01"),), unrealized_pl=D("0.1"))  # fmt: skip
    names = [column.name for column in fitting([plain], 80)[0]]
    assert {"R", "Target", "bar"} <= set(names)


def test_what_does_not_fit_in_height_is_counted() -> None:
    many = [replace(F, symbol=f"S{number}") for number in range(30)]
    lines = drawn(80, 20, positions=many, orders=[OpenOrder(ORDER)] * 30)
    assert len(lines) <= 20
    shown = [number for number in range(30) for line in lines[2:] if f" S{number} " in line]
    assert f" 1-{len(shown)} of 30 positions (up, down)" in lines
    assert any("of 30 orders (Tab, then up, down)" in line for line in lines)


@pytest.mark.parametrize("passed", [0, 1, 7, 29, 500])
def test_every_row_can_be_scrolled_to_and_keeps_its_number(passed: int) -> None:
    many = [replace(F, symbol=f"S{number}") for number in range(30)]
    lines = drawn(80, 20, positions=many, offsets={Part.POSITIONS: passed})
    rows = [line.split() for line in lines[2:] if line.split()[1:2] and line.split()[1][0] == "S"]
    rows = [row for row in rows if row[1][1:].isdecimal()]
    assert len(rows) > 3
    first = min(passed, 30 - len(rows))
    assert [(row[0], row[1]) for row in rows] == [
        (str(number + 1), f"S{number}") for number in range(first, first + len(rows))
    ]


def test_older_events_are_scrolled_to_from_the_newest_back() -> None:
    events = [Event(AT, f"line {number}.") for number in range(100)]
    newest = drawn(80, events=events)
    assert any("line 99." in line for line in newest)
    older = drawn(80, events=events, offsets={Part.EVENTS: 5})
    assert any("line 94." in line for line in older)
    assert not any("line 95." in line for line in older)
    assert any("5 newer below" in line for line in older)
    assert any("line 0." in line for line in drawn(80, events=events, offsets={Part.EVENTS: 9999}))


@pytest.mark.parametrize(
    ("words", "width", "shown"),
    [("one two", 7, "one two"), ("one two three", 9, "one two …"), ("abcdefgh", 5, "abcdefgh")],
)
def test_an_event_is_cut_between_words(words: str, width: int, shown: str) -> None:
    assert shortened(words, width) == shown


def test_the_moment_at_which_an_order_is_canceled_stands_beside_it() -> None:
    assert not any("Canceled at" in line for line in drawn(120))
    timed = OpenOrder(ORDER, datetime(2026, 11, 20, 15, 5, 30, tzinfo=UTC))
    lines = drawn(120, orders=[timed, OpenOrder(ORDER)])
    assert any("Canceled at" in line for line in lines)
    assert sum("10:05:30" in line for line in lines) == 1
