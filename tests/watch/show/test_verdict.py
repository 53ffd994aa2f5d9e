"""Goal: the first line of the screen answers "am I safe?" and never says so where it is not.

Method: a table of every guard; properties over any set of positions.
"""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from execbot.exits.position_view import PositionState, PositionView
from execbot.exits.rules.view import Guarded
from execbot.model.enums import PositionSide
from execbot.watch.show.keys import keys_of
from execbot.watch.show.verdict import Level, verdict, verdict_line, worst_first

AAPL = PositionView(
    symbol="AAPL",
    state=PositionState.OPEN,
    side=PositionSide.LONG,
    qty=D(10),
    avg_entry_price=D(100),
    current_price=D(101),
    market_value=D(1010),
    unrealized_pl=D(10),
    realized_pl=D(0),
    guarded=Guarded.PROTECTED,
)
BAD = {Guarded.UNPROTECTED, Guarded.SUSPENDED}
FINE = {Guarded.PROTECTED, Guarded.DUST, Guarded.FLAT}


def level(*guards: Guarded, stream_up: bool = True, differing: tuple[str, ...] = ()) -> Level:
    rows = [replace(AAPL, symbol=f"S{n}", guarded=guard) for n, guard in enumerate(guards)]
    return verdict(rows, stream_up=stream_up, differing=differing).level


@pytest.mark.parametrize("guard", list(Guarded))
def test_every_guard_has_its_level(guard: Guarded) -> None:
    wanted = Level.NOT_SAFE if guard in BAD else Level.SAFE if guard in FINE else Level.LOOK
    assert level(guard) is wanted


@given(st.lists(st.sampled_from(list(Guarded)), max_size=6), st.booleans(), st.booleans())
def test_it_is_as_bad_as_the_worst_and_says_why(
    guards: list[Guarded], stream_up: bool, differs: bool
) -> None:
    rows = [replace(AAPL, symbol=f"S{n}", guarded=guard) for n, guard in enumerate(guards)]
    said = verdict(rows, stream_up=stream_up, differing=("X",) if differs else ())
    assert said.level >= max((level(guard) for guard in guards), default=Level.SAFE)
    assert (said.level is Level.SAFE) == (not said.reasons)
    if differs:
        assert said.level is Level.NOT_SAFE
    if not stream_up:
        assert said.level is not Level.SAFE
    for width in (20, 80, 160):
        line = verdict_line(said, width).plain
        assert len(line) <= width
        assert line.strip().startswith(("SAFE", "LOOK", "NOT SAFE"))


def test_the_worst_position_stands_first_and_is_named_first() -> None:
    rows = [
        replace(AAPL, symbol="A"),
        replace(AAPL, symbol="B", guarded=Guarded.NO_PLAN),
        replace(AAPL, symbol="D", guarded=Guarded.UNPROTECTED),
        replace(AAPL, symbol="C", guarded=Guarded.UNPROTECTED),
    ]
    assert [row.symbol for row in worst_first(rows)] == ["C", "D", "B", "A"]
    said = verdict(rows, stream_up=True)
    assert verdict_line(said, 100).plain == " NOT SAFE  C and 1 more UNPROTECTED; B has no stop"
    assert verdict_line(said, 49).plain == " NOT SAFE  C and 1 more UNPROTECTED (and 1 more)"


def test_a_stop_of_another_hand_is_not_said_to_be_missing() -> None:
    rows = [
        replace(AAPL, symbol="A", guarded=Guarded.NO_PLAN, protected_qty=D(10)),
        replace(AAPL, symbol="B", guarded=Guarded.NO_PLAN, protected_qty=D(4)),
        replace(AAPL, symbol="C", guarded=Guarded.NO_PLAN),
        replace(AAPL, symbol="D", guarded=Guarded.NO_PLAN, qty=D(-10), protected_qty=D(10)),
    ]
    said = verdict(rows, stream_up=True)
    assert said.level is Level.LOOK
    assert list(said.reasons) == [
        "C has no stop",
        "B has a stop for a part, and no plan",
        "A and 1 more have a stop, and no plan keeps it",
    ]
    words = [row.unplanned_stop for row in rows]
    assert words == ["stop, no plan", "stop for 4 of 10", "", "stop, no plan"]
    assert replace(rows[0], guarded=Guarded.PROTECTED).unplanned_stop == ""


def test_an_entry_that_waits_holds_nothing_yet() -> None:
    entry = replace(AAPL, qty=D(0), state=PositionState.PENDING_ENTRY, guarded=None)
    assert verdict([entry], stream_up=True).level is Level.SAFE


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("q", ["q"]),
        ("\x1b", ["\x1b"]),
        ("\x1b[A\x1b[B", ["up", "down"]),
        ("\x1bOA", ["up"]),
        ("\x1b[5~\x1b[6~", ["page up", "page down"]),
        ("\x1b[H\x1b[F\t", ["home", "end", "\t"]),
        ("\x1b[15~x", ["x"]),
        ("1\r", ["1", "\r"]),
    ],
)
def test_keys_that_move_are_read_whole(typed: str, keys: list[str]) -> None:
    assert keys_of(typed) == keys
