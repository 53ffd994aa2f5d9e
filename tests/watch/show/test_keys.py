"""Goal: a key acts on what the trader saw when it was pressed, and on nothing else.

Method: keys are pressed at the real screen over the real watcher while positions come and go.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from support.wishes import stop_at
from support.world import World, open_world

from execbot.watch.show.screen import ScreenSink


def two_positions(path: Path) -> tuple[World, ScreenSink, list[tuple[str, str]]]:
    world = open_world(path, symbols=("AAPL", "MSFT"))
    world.trader.buy("10", stop_at("2%"), symbol="AAPL")
    world.trader.buy("5", stop_at("2%"), symbol="MSFT")
    world.run(3)
    did: list[tuple[str, str]] = []
    screen = ScreenSink(world.now, lambda name, what: did.append((name, what)))
    screen.loop = SimpleNamespace(watcher=world.watcher)  # type: ignore[assignment]
    return world, screen, did


def test_a_number_means_the_position_that_had_it_when_the_prompt_opened(tmp_path: Path) -> None:
    world, screen, did = two_positions(tmp_path)
    screen._press("x")
    screen._press("1")
    assert screen._asked().endswith("1  AAPL 10")
    world.price("AAPL", "97")
    world.run(5)
    assert world.witness.qty("AAPL") == 0
    screen._press("\r")
    screen._press("y")
    screen._press("\r")
    assert did == [("close", "AAPL")]


def test_a_position_is_closed_only_after_a_yes(tmp_path: Path) -> None:
    _, screen, did = two_positions(tmp_path)
    for key in ("x", "1", "\r"):
        screen._press(key)
    assert did == []
    assert screen._asked() == "close AAPL 10 at market? y, Enter (Esc gives up): "
    for answer in (["n", "\r"], ["\r"], ["\x1b"]):
        for key in (*answer, "x", "1", "\r"):
            screen._press(key)
    assert did == []
    screen._press("y")
    screen._press("\r")
    assert did == [("close", "AAPL")]


def test_entries_are_halted_only_after_a_yes(tmp_path: Path) -> None:
    _, screen, did = two_positions(tmp_path)
    for answer in (["n", "\r"], ["\r"], ["1", "\r"], ["y", "\x1b"]):
        for key in ("h", *answer):
            screen._press(key)
        assert (did, screen._prompt) == ([], "")
    for key in ("h", "y", "\r"):
        screen._press(key)
    assert did == [("halt", "")]


def test_a_number_means_the_order_that_had_it_when_the_prompt_opened(tmp_path: Path) -> None:
    world, screen, did = two_positions(tmp_path)
    stop = screen._orders()[0]
    assert stop.symbol == "AAPL"
    screen._press("c")
    screen._press("1")
    assert "AAPL stop" in screen._asked()
    world.price("AAPL", "97")
    world.run(5)
    screen._press("\r")
    assert did == [("cancel", stop.client_order_id)]


def test_a_number_that_no_row_has_does_nothing(tmp_path: Path) -> None:
    _, screen, did = two_positions(tmp_path)
    for key in ("x", "3", "\r", "x", "0", "\r", "x", "1", "\x1b"):
        screen._press(key)
    assert did == []
    assert [event.words for event in screen._events] == [
        "there is no position number 3",
        "there is no position number 0",
    ]


def test_help_never_hides_a_prompt(tmp_path: Path) -> None:
    """Else numbers would be typed unseen, for rows that are not on the screen."""
    _, screen, did = two_positions(tmp_path)
    for back in ("?", "\x1b"):
        screen._press("?")
        assert screen._shows_help
        screen._press(back)
        assert (screen._shows_help, screen._prompt) == (False, "")
    screen._press("?")
    screen._press("x")
    assert not screen._shows_help
    assert screen._asked().startswith("close position number")
    screen._press("\x1b")
    screen._press("?")
    screen._press("q")
    assert did == [("quit", "")]
