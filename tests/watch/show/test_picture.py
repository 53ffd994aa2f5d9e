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
from execbot.watch.show.picture import HealthView, Picture, draw
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


def drawn(width: int, height: int = 24, **changes: Any) -> list[str]:
    picture = Picture(
        title="execbot watch  paper PA3XYZ12345",
        now=AT,
        session="regular",
        positions=[BTC, F],
        orders=[ORDER],
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
    return next(line for line in lines if f" {word} " in line).split()


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_what_matters_of_a_position_is_there_whole(width: int) -> None:
    lines = drawn(width)
    shown = " ".join(row_of(lines, "BTC/USD"))
    for fact in ("0.12345678", "104999.10", "-1092.42", "101122.98", "by watch"):
        assert fact in shown
    assert "NO STOP" in " ".join(row_of(lines, "F"))
    assert "HALTED" in lines[0]
    assert "● stream" in lines[0]


def test_a_wide_screen_shows_everything() -> None:
    lines = drawn(160)
    head = next(line for line in lines if "Symbol" in line)
    assert all(column.name in head for column in COLUMNS if column.name != "bar")
    shown = " ".join(row_of(lines, "BTC/USD"))
    for fact in ("104250.50", "-1.2", "●", "110505.50", "+0.4/-1.3", "2h01m"):
        assert fact in shown
    for fact in ("guard 1 s", "rate 198/200", "frame 3s", "lag 12 ms"):
        assert fact in lines[0]
    order = next(line for line in lines if "stop_limit" in line)
    for fact in ("101122.98/100617.40", "0.1/0.12345678", "partially_filled", "execbot-01a1feb6"):
        assert fact in order


def test_an_empty_account_has_a_whole_head() -> None:
    head, row = drawn(80, positions=[], orders=[])[1:3]
    assert head.split() == ["#", "Symbol", "Qty", "Price", "P&L", "Stop", "Guard"]
    assert row.strip() == "no positions"


def test_a_lost_stream_and_a_halt_are_always_said() -> None:
    health = replace(HEALTH, stream_up=False, halted="REDUCE_ONLY")
    head = drawn(80, health=health)[0]
    assert "REDUCE_ONLY" in head
    assert "STREAM DOWN" in head


def test_quantities_that_differ_are_named_while_they_do() -> None:
    assert "AAPL DIFFERS" in drawn(80, health=replace(HEALTH, differing=("AAPL",)))[0]
    assert "2 DIFFER" in drawn(80, health=replace(HEALTH, differing=("AAPL", "MSFT")))[0]
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
    lines = drawn(80, 20, positions=many, orders=[ORDER] * 30)
    assert len(lines) <= 20
    more = [line for line in lines if line.strip().startswith("and ")]
    assert [line.split()[2] for line in more] == ["more", "more"]
    shown = sum(f" S{number} " in line for number in range(30) for line in lines)
    assert int(more[0].split()[1]) == 30 - shown
