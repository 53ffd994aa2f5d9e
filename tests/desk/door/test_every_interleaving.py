"""Goal: through the door there is never a second order, never one after a revocation, and always an
end, whatever is suspended, killed, late or lost.

Method: every interleaving, not a sample. The model of `door_model` is walked to its last reachable
state; the decisions in it are the real functions.
"""

from __future__ import annotations

from collections import deque
from functools import cache

import pytest
from desk.door.door_model import Life, Move, Step, World, has_ended, moves, start, the_same

from execbot.desk.door.rules import NEXT, STAGES, Heard, Place, Stage, Turn, after, next_stage
from execbot.model.enums import OrderStatus

FAULTS_OF_TWO = 2
"""With two commands not more faults than these on one path: each alone, and every pair."""


@cache
def walked(commands: int) -> dict[World, tuple[World, str] | None]:
    """Every reachable state, each with the state and the move that first led there."""
    first = start(commands)
    most = None if commands == 1 else FAULTS_OF_TWO
    came: dict[World, tuple[World, str] | None] = {first: None}
    fewest = {first: 0}
    todo = deque([first])
    while todo:
        world = todo.popleft()
        for move in moves(world):
            faults = fewest[world] + (move.who == "fault")
            if most is not None and faults > most:
                continue
            found = the_same(move.world)
            if found not in came:
                came[found] = (world, move.name)
            elif fewest[found] <= faults:
                continue
            fewest[found] = faults
            todo.append(found)
    return came


def path(commands: int, world: World) -> str:
    """How it came to that, for whoever must mend it."""
    came, steps = walked(commands), list[str]()
    found = came[world]
    while found is not None:
        steps.append(found[1])
        found = came[found[0]]
    return "\n".join([*reversed(steps), str(world)])


COMMANDS = (1, pytest.param(2, marks=pytest.mark.long))
"""Two at once have some hundred times as many states."""


@pytest.mark.parametrize("commands", COMMANDS)
def test_no_state_has_two_orders_and_none_an_order_after_a_revocation(commands: int) -> None:
    for world in walked(commands):
        assert len(world.orders) <= 1, path(commands, world)
        assert not world.wrong, path(commands, world)


@pytest.mark.parametrize("commands", COMMANDS)
def test_what_a_command_says_is_true_then_and_stays_true(commands: int) -> None:
    for world in walked(commands):
        for command in world.commands:
            if command.told == "sent":
                assert world.orders, path(commands, world)
            if commands == 1 and command.told == "not_sent":
                assert not world.orders, path(commands, world)
            assert command.told != "handed_back", path(commands, world)


@pytest.mark.parametrize("commands", COMMANDS)
def test_a_command_that_runs_ends_whatever_the_watch_does_or_does_not(commands: int) -> None:
    """From every state, with the watch standing still for ever, the command's own steps and the
    passing of time alone lead to its end, and never in a circle."""
    ends: dict[World, bool] = {}
    for world in walked(commands):
        for number, command in enumerate(world.commands):
            if command.life is Life.RUNS:
                alone = world._replace(
                    watch=Life.STOPPED if world.watch is Life.RUNS else world.watch
                )
                assert _ends(alone, number, ends, set()), path(commands, world)


def _ends(world: World, number: int, known: dict[World, bool], above: set[World]) -> bool:
    """Whether every way from here ends."""
    if has_ended(world.commands[number]):
        return True
    key = world
    if key in known:
        return known[key]
    assert key not in above, f"a circle: {world}"
    here = [move for move in moves(world, faults=False) if _is_of(move, number)]
    known[key] = bool(here) and all(
        _ends(move.world, number, known, above | {key}) for move in here
    )
    return known[key]


def _is_of(move: Move, number: int) -> bool:
    return move.who == "time" or move.name.startswith(f"command {number} ")


def test_a_watch_that_wakes_finds_its_request_revoked_and_sends_nothing() -> None:
    seen = [w for w in walked(1) if w.commands[0].worker is Step.HANDED_BACK]
    assert seen
    assert all(("watch", 0) not in world.orders for world in seen)


def test_every_way_out_is_taken_somewhere() -> None:
    """The walk is no proof of what it never reaches."""
    worlds = walked(1)
    assert {w.commands[0].place for w in worlds} == set(Place)
    assert {w.commands[0].stage for w in worlds} == set(Stage)
    assert {w.watch for w in worlds} == set(Life)
    assert {w.orders[0][0] for w in worlds if w.orders} == {"watch", "command"}
    assert {OrderStatus.NEVER_SENT, OrderStatus.ACCEPTED} <= {w.status for w in worlds}


def test_what_a_place_does_not_list_changes_nothing() -> None:
    for place in Place:
        for heard in Heard:
            assert after(place, heard) is NEXT[place].get(heard, place)
    for stage in Stage:
        for turn in Turn:
            assert next_stage(stage, turn) is STAGES[stage].get(turn, stage)


def test_without_the_check_of_the_revocation_the_walk_finds_a_second_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The walk can fail: a watch that does not look at the revocation is found out."""
    monkeypatch.setattr("desk.door.door_model.may_make", lambda by, *, is_revoked: True)
    seen, todo = {start(1)}, [start(1)]
    while todo:
        for move in moves(todo.pop()):
            if move.world not in seen:
                seen.add(move.world)
                todo.append(move.world)
    assert any(world.wrong for world in seen)
