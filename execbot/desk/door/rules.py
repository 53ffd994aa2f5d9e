"""What either side of the door does next. Pure: an event and where it stands in, the next out.

A command *asks* and waits. Without an answer it *takes back*: it revokes its request in the journal
and goes its own way, if no order stands for it. Where one does, the watch has inserted it and owns
its sending: the command *listens* on as long as the watch gives a sign of life, and then *looks up*
what became of the order. That too may find that nothing stands (closed as never sent): then it
takes back after all.

The watch keeps a request *waiting* until a worker is free, and then *works*; it ends what it has
begun, whoever still listens. `oms.send.hand_over` refuses it the intent of what was taken back.

An event that a place does not list changes nothing there.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

SILENCE_SECONDS = 2.0
"""A command that hears nothing for so long gives up waiting: no answer, and no sign that its
request is being worked on."""

SIGN_SECONDS = 0.5
"""How often the watch gives that sign."""

WORK_SECONDS_MAX = 60.0
"""Longer than anything the pipeline does, following an order apart. After it a sign of life counts
no more."""


class Place(StrEnum):
    """Where a command stands."""

    ASKING = "asking"
    TAKING_BACK = "taking_back"
    LISTENING = "listening"
    LOOKING_UP = "looking_up"
    OWN_WAY = "own_way"
    """It carries the request out itself, under the same name."""
    ANSWERED = "answered"
    """It knows what the watch made of it."""


class Heard(StrEnum):
    """What happens to a command."""

    ANSWER = "answer"
    DECLINED = "declined"
    AT_WORK = "at_work"
    SILENCE = "silence"
    HUNG_UP = "hung_up"
    TAKEN_BACK = "taken_back"
    """The revocation is in the journal."""
    STANDS = "stands"
    """An order of the request is there: the watch's, to be sent by it."""
    FOUND = "found"
    """What became of that order, in doubt included."""
    NOTHING = "nothing"
    """It was closed as never sent, or denied."""


NEXT: Mapping[Place, Mapping[Heard, Place]] = {
    Place.ASKING: {
        Heard.ANSWER: Place.ANSWERED,
        Heard.DECLINED: Place.TAKING_BACK,
        Heard.AT_WORK: Place.ASKING,
        Heard.SILENCE: Place.TAKING_BACK,
        Heard.HUNG_UP: Place.TAKING_BACK,
    },
    Place.TAKING_BACK: {
        Heard.TAKEN_BACK: Place.OWN_WAY,
        Heard.STANDS: Place.LISTENING,
    },
    Place.LISTENING: {
        Heard.ANSWER: Place.ANSWERED,
        Heard.AT_WORK: Place.LISTENING,
        Heard.DECLINED: Place.LOOKING_UP,
        Heard.SILENCE: Place.LOOKING_UP,
        Heard.HUNG_UP: Place.LOOKING_UP,
    },
    Place.LOOKING_UP: {
        Heard.FOUND: Place.ANSWERED,
        Heard.NOTHING: Place.TAKING_BACK,
    },
    Place.OWN_WAY: {},
    Place.ANSWERED: {},
}

WAITS = frozenset({Place.ASKING, Place.LISTENING})
"""Where a command waits for the watch."""

ENDED = frozenset({Place.OWN_WAY, Place.ANSWERED})
"""Where the door has done its part."""


def after(place: Place, heard: Heard) -> Place:
    """Where a command stands after it has heard something."""
    return NEXT[place].get(heard, place)


class Stage(StrEnum):
    """Where the watch has a request."""

    WAITING = "waiting"
    WORKING = "working"
    ANSWERED = "answered"
    DROPPED = "dropped"
    """Nothing was done for it."""


class Turn(StrEnum):
    """What happens to a request in the watch."""

    BEGUN = "begun"
    DONE = "done"
    LEFT = "left"
    """Whoever asked has closed the connection."""
    LATE = "late"
    """It has waited so long that whoever asked has given up."""
    HANDED_BACK = "handed_back"
    """It met the revocation."""
    ENDING = "ending"
    """The watch ends."""


STAGES: Mapping[Stage, Mapping[Turn, Stage]] = {
    Stage.WAITING: {
        Turn.BEGUN: Stage.WORKING,
        Turn.LEFT: Stage.DROPPED,
        Turn.LATE: Stage.DROPPED,
        Turn.ENDING: Stage.DROPPED,
    },
    Stage.WORKING: {
        Turn.DONE: Stage.ANSWERED,
        Turn.HANDED_BACK: Stage.DROPPED,
    },
    Stage.ANSWERED: {},
    Stage.DROPPED: {},
}


def next_stage(stage: Stage, turn: Turn) -> Stage:
    """Where the watch has the request after that."""
    return STAGES[stage].get(turn, stage)


UNUSED_EVERY_SECONDS = 1.0
"""Of what is read ahead for requests to come: not more often than this without a request that made
use of it."""


class Reading(Struct, frozen=True):
    """What the watch read ahead last; `began` is in the machine's own seconds."""

    symbol: str
    began: float
    is_taken: bool = False

    def but_taken(self) -> Reading:
        return replace(self, is_taken=True)


def is_due(last: Reading | None, now: float, *, has_room: bool) -> bool:
    """Whether the watch reads ahead for a request that is said to come. `has_room`: enough of the
    minute's requests is left. One reading that was taken cost nothing: its request would have asked
    the same."""
    if not has_room:
        return False
    return last is None or last.is_taken or not 0 <= now - last.began < UNUSED_EVERY_SECONDS


def is_usable(last: Reading, symbol: str, now: float, age_max: float) -> bool:
    """Whether an entry in this symbol may go by it: once, and while it is young."""
    return last.symbol == symbol and not last.is_taken and 0 <= now - last.began < age_max
