"""The door as a small model: commands, one watch, a journal and a broker, in every order of events.

Decisions are the real ones: `rules.after` and `rules.next_stage` for both sides, and for the
journal `hand_over.may_make`, `stands` and `may_revoke`. Modelled is what surrounds them: processes
that are suspended or killed between any two steps, replies that come late or never, and time, which
passes wherever it may. The broker takes every order that reaches it, also a second one of the same
id: that the real one refuses it is not relied upon.

Each command asks for the same order id, so two of them are a conflict.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from execbot.desk.door.rules import ENDED, WAITS, Heard, Place, Stage, Turn, after, next_stage
from execbot.model.enums import OrderStatus
from execbot.oms.send.hand_over import By, may_make, may_revoke, stands


class Life(StrEnum):
    RUNS = "runs"
    STOPPED = "stopped"
    DEAD = "dead"


class Step(StrEnum):
    """Where somebody is who carries a request out."""

    IDLE = "idle"
    BEFORE_INTENT = "before_intent"
    BEFORE_POST = "before_post"
    IN_FLIGHT = "in_flight"
    BEFORE_RECORD = "before_record"
    FOLLOWS = "follows"
    SENT = "sent"
    NOT_SENT = "not_sent"
    HANDED_BACK = "handed_back"


RESULTS = (Step.SENT, Step.NOT_SENT, Step.HANDED_BACK)


class Command(NamedTuple):
    """One command, and what the watch has of it. `wire` is the reply that lies in the socket."""

    life: Life = Life.RUNS
    place: Place = Place.ASKING
    told: str = ""
    own: Step = Step.IDLE
    is_open: bool = True
    wire: str = ""
    stage: Stage = Stage.WAITING
    worker: Step = Step.IDLE


class World(NamedTuple):
    """`owner` has inserted the intent that counts: (side, command). `is_quiet`: the quiet time
    since then is over. `orders` are those at the broker, by who sent them."""

    commands: tuple[Command, ...]
    watch: Life = Life.RUNS
    status: OrderStatus | None = None
    owner: tuple[By, int] | None = None
    is_quiet: bool = False
    revoked: bool = False
    orders: tuple[tuple[By, int], ...] = ()
    wrong: str = ""


class Move(NamedTuple):
    """`who` makes it: `command`, `watch`, `time` or `fault`."""

    who: str
    name: str
    world: World


def start(commands: int) -> World:
    return World(tuple(Command() for _ in range(commands)))


def with_command(world: World, number: int, **changes: object) -> World:
    commands = list(world.commands)
    commands[number] = commands[number]._replace(**changes)  # type: ignore[arg-type]
    return world._replace(commands=tuple(commands))


def moves(world: World, *, faults: bool = True) -> Iterator[Move]:
    """Everything that may happen next."""
    yield from _time(world)
    for number, command in enumerate(world.commands):
        if command.life is Life.RUNS:
            yield from _command(world, number, command)
        if world.watch is Life.RUNS:
            yield from _watch(world, number, command)
    if faults:
        yield from _faults(world)


# --- what carries a request out: the pipeline, by whichever side --------------------------------


def _carry(world: World, number: int, by: By, step: Step) -> Iterator[tuple[str, World, Step]]:
    """The next step of the pipeline."""
    if step is Step.BEFORE_INTENT:
        yield from _insert(world, number, by)
    elif step is Step.BEFORE_POST:
        if world.is_quiet and world.owner == (by, number):
            # The request would leave later than others may conclude that it never did.
            closed = world.status is OrderStatus.PENDING
            settled = world._replace(status=OrderStatus.NEVER_SENT) if closed else world
            yield "too late", settled, Step.NOT_SENT
        elif world.owner != (by, number):
            yield "too late, and settled elsewhere", world, Step.FOLLOWS
        else:
            yield "posts", world, Step.IN_FLIGHT
    elif step is Step.BEFORE_RECORD:
        yield "records", world._replace(status=OrderStatus.ACCEPTED), Step.SENT
    elif step is Step.FOLLOWS:
        yield from _follow(world)


def _insert(world: World, number: int, by: By) -> Iterator[tuple[str, World, Step]]:
    if not may_make(by, is_revoked=world.revoked):
        yield "finds it revoked", world, Step.HANDED_BACK
        return
    if by is By.COMMAND:
        world = world._replace(revoked=True)
    if stands(world.status):
        yield "finds an order", world, Step.FOLLOWS
        return
    inserted = world._replace(status=OrderStatus.PENDING, owner=(by, number), is_quiet=False)
    yield "inserts the intent", inserted, Step.BEFORE_POST


def _follow(world: World) -> Iterator[tuple[str, World, Step]]:
    """Somebody else owns it: looked up until it is settled."""
    settled = looked_up(world)
    if not stands(settled.status):
        yield "finds that it was never sent", settled, Step.NOT_SENT
    elif settled.status is not OrderStatus.PENDING:
        yield "finds what became of it", settled, Step.SENT


def looked_up(world: World) -> World:
    """A look-up by the order's id: found, absent for good, or not known yet."""
    if world.status is not OrderStatus.PENDING:
        return world
    if world.orders:
        return world._replace(status=OrderStatus.ACCEPTED)
    return world._replace(status=OrderStatus.NEVER_SENT) if world.is_quiet else world


# --- the two sides ------------------------------------------------------------------------------


def _command(world: World, number: int, command: Command) -> Iterator[Move]:
    def go(heard: Heard, changed: World = world, **more: object) -> Move:
        found = with_command(changed, number, place=after(command.place, heard), **more)
        return Move("command", f"command {number} {heard}", found)

    if command.place in WAITS:
        if command.wire:
            heard = Heard.DECLINED if command.wire == "declined" else Heard.ANSWER
            told = command.wire if heard is Heard.ANSWER else ""
            yield go(heard, told=told, wire="", is_open=False)
        elif not command.is_open:
            yield go(Heard.HUNG_UP)
        else:
            yield go(Heard.SILENCE)
    elif command.place is Place.TAKING_BACK:
        if may_revoke((world.status,)):
            yield go(Heard.TAKEN_BACK, world._replace(revoked=True), own=Step.BEFORE_INTENT)
        else:
            yield go(Heard.STANDS)
    elif command.place is Place.LOOKING_UP:
        settled = looked_up(world)
        if not stands(settled.status):
            yield go(Heard.NOTHING, settled)
        elif settled.status is not OrderStatus.PENDING:
            yield go(Heard.FOUND, settled, told="sent")
    elif command.place is Place.OWN_WAY and command.own not in (*RESULTS, Step.IN_FLIGHT):
        for name, changed, step in _carry(world, number, By.COMMAND, command.own):
            told = step.value if step in RESULTS else ""
            found = with_command(changed, number, own=step, told=told)
            yield Move("command", f"command {number} {name}", found)


def _watch(world: World, number: int, command: Command) -> Iterator[Move]:
    def turned(turn: Turn, changed: World = world, **more: object) -> World:
        stage = next_stage(command.stage, turn)
        return with_command(changed, number, stage=stage, **more)

    if command.stage is Stage.WAITING:
        if command.is_open and command.life is not Life.DEAD:
            yield Move("watch", f"begins {number}", turned(Turn.BEGUN, worker=Step.BEFORE_INTENT))
            yield Move("watch", f"declines {number}", turned(Turn.LATE, wire="declined"))
        else:
            yield Move("watch", f"drops {number}", turned(Turn.LEFT))
    elif command.stage is Stage.WORKING and command.worker in RESULTS:
        handed_back = command.worker is Step.HANDED_BACK
        turn = Turn.HANDED_BACK if handed_back else Turn.DONE
        wire = "declined" if handed_back else command.worker.value
        listens = command.is_open and command.life is not Life.DEAD
        yield Move("watch", f"answers {number}", turned(turn, wire=wire if listens else ""))
        yield Move("watch", f"answer to {number} is lost", turned(turn, is_open=False))
    elif command.stage is Stage.WORKING and command.worker is not Step.IN_FLIGHT:
        for name, changed, step in _carry(world, number, By.WATCH, command.worker):
            if world.revoked and step is Step.BEFORE_POST:
                changed = changed._replace(wrong="an intent after the revocation")
            yield Move("watch", f"{name} for {number}", with_command(changed, number, worker=step))


# --- what nobody decides ------------------------------------------------------------------------


def _time(world: World) -> Iterator[Move]:
    """Requests arrive, and the quiet time passes when none can be on its way any more."""
    flying = [
        (by, number)
        for number, command in enumerate(world.commands)
        for by, step in ((By.COMMAND, command.own), (By.WATCH, command.worker))
        if step is Step.IN_FLIGHT
    ]
    for by, number in flying:
        wrong = world.wrong
        if by is By.WATCH and world.revoked:
            wrong = "an order after the revocation"
        arrived = world._replace(orders=(*world.orders, (by, number)), wrong=wrong)
        field = {By.COMMAND: "own", By.WATCH: "worker"}[by]
        found = with_command(arrived, number, **{field: Step.BEFORE_RECORD})
        yield Move("time", f"the order of {by} {number} arrives", found)
    if world.status is OrderStatus.PENDING and not world.is_quiet and not flying:
        yield Move("time", "the quiet time is over", world._replace(is_quiet=True))
    settled = looked_up(world)
    if settled != world:
        yield Move("time", "somebody reconciles", settled)


def _faults(world: World) -> Iterator[Move]:
    if world.watch is Life.RUNS:
        yield Move("fault", "the watch is suspended", world._replace(watch=Life.STOPPED))
    if world.watch is Life.STOPPED:
        yield Move("fault", "the watch wakes", world._replace(watch=Life.RUNS))
    if world.watch is not Life.DEAD:
        dead = world._replace(watch=Life.DEAD)
        for number in range(len(world.commands)):
            # What lies in the socket is still read; then it is closed.
            dead = with_command(dead, number, is_open=False)
        yield Move("fault", "the watch is killed", dead)
    for number, command in enumerate(world.commands):
        if has_ended(command):
            continue
        if command.life is Life.RUNS:
            stopped = with_command(world, number, life=Life.STOPPED)
            yield Move("fault", f"command {number} is suspended", stopped)
        if command.life is Life.STOPPED:
            yield Move(
                "fault", f"command {number} wakes", with_command(world, number, life=Life.RUNS)
            )
        dead = with_command(world, number, life=Life.DEAD, is_open=False)
        yield Move("fault", f"command {number} is killed", dead)


def the_same(world: World) -> World:
    """Which of two commands is the first makes no difference: one world for both ways to number
    them."""
    if world.commands[::-1] >= world.commands:
        return world
    last = len(world.commands) - 1
    owner = None if world.owner is None else (world.owner[0], last - world.owner[1])
    orders = tuple((by, last - number) for by, number in world.orders)
    return world._replace(commands=world.commands[::-1], owner=owner, orders=orders)


def has_ended(command: Command) -> bool:
    return command.place in ENDED and bool(command.told)
