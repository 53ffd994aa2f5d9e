"""Lessons from the result of an action: when to try again, and what not to try.

Kinds are those of the broker's error table (`execbot.broker.error_table`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.rules.actions import BrokerAction, Cancel, Priority, Refresh, Replace, Submit
from execbot.exits.rules.shape import Ladder
from execbot.exits.rules.view import Memory
from execbot.exits.tags import is_exit_tag


class Outcome(Struct, frozen=True):
    """How an action ended. `kind` is empty when it was done, else the slug of its error.

    `named` are the broker ids of orders that a refusal names: they hold the shares.
    """

    kind: str = ""
    message: str = ""
    retry_after_seconds: float | None = None
    named: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        return not self.kind


class Lesson(StrEnum):
    """The consequence of a refusal for the next attempt."""

    SOON = "soon"  # the state at the broker is about to change
    BACK_OFF = "back_off"  # nothing was wrong with the request
    STEP_DOWN = "step_down"  # this shape of exit is not taken: a simpler one
    THROUGH = "through"  # the price is already beyond the stop


LESSONS: dict[str, Lesson] = {
    "broker.insufficient_qty": Lesson.SOON,
    "broker.qty_held_for_orders": Lesson.SOON,
    "broker.insufficient_balance": Lesson.SOON,
    "broker.wash_trade": Lesson.SOON,
    "broker.opposite_order_open": Lesson.SOON,
    "broker.position_intent_mismatch": Lesson.SOON,
    "broker.oco_not_exit": Lesson.SOON,
    "broker.replace_too_early": Lesson.SOON,
    "broker.replace_raced": Lesson.SOON,
    "broker.order_not_open": Lesson.SOON,
    "broker.not_changed": Lesson.SOON,
    "broker.order_already_done": Lesson.SOON,
    "broker.not_cancelable": Lesson.SOON,
    "broker.order_not_found": Lesson.SOON,
    "broker.stop_wrong_side": Lesson.THROUGH,
    "broker.stop_price_rule": Lesson.THROUGH,
    "broker.rate_limited": Lesson.BACK_OFF,
    "broker.crypto_type": Lesson.STEP_DOWN,
    "broker.crypto_order_class": Lesson.STEP_DOWN,
    "broker.crypto_tif": Lesson.STEP_DOWN,
    "broker.fractional_class": Lesson.STEP_DOWN,
    "broker.fractional_tif": Lesson.STEP_DOWN,
    "broker.trail_too_small": Lesson.STEP_DOWN,
    "broker.target_price_rule": Lesson.STEP_DOWN,
    "broker.exit_prices_crossed": Lesson.STEP_DOWN,
    "broker.invalid_price": Lesson.STEP_DOWN,
    "broker.sub_penny": Lesson.STEP_DOWN,
}
"""Kinds not listed: a transport failure backs off, any other refusal steps down after two."""

GONE = "order.not_possible"
"""The order has ended or was replaced by the time that it was to be changed."""

SOON = timedelta(milliseconds=100)
BACK_OFF = timedelta(milliseconds=500)
RETRY_MAX = timedelta(seconds=2)
REFUSAL_PAUSE_MAX = timedelta(seconds=60)
REFUSALS_SOON = 12
"""A stop that is refused again and again is asked for every two seconds so often; after that the
pauses grow, and it is asked for as long as its shares have none (docs/evidence.md, E-PROT-4)."""
SOON_ATTEMPTS_MAX = 6
"""After so many a state that was to change by itself is taken for a lasting refusal."""

STEP_DOWN_LASTS = timedelta(seconds=60)
"""How long a simpler shape is kept before the wished one is tried again."""

NEXT_LADDER = {
    Ladder.FULL: Ladder.STOP_ONLY,
    Ladder.STOP_ONLY: Ladder.EMULATED,
    Ladder.EMULATED: Ladder.EMULATED,
}


def learned(memory: Memory, action: BrokerAction, outcome: Outcome, now: datetime) -> Memory:
    """The memory after an action ended."""
    if isinstance(action, Refresh):
        return memory
    if outcome.is_done:
        # A stop that was placed anew can be moved again.
        moves = memory.moves_refused if isinstance(action, Cancel) else 0
        memory = replace(memory, failures=0, retry_at=None, moves_refused=moves)
        if isinstance(action, Submit):
            memory = replace(memory, refusals=0, refusal="")
        return memory
    lesson = lesson_of(outcome.kind)
    failures = memory.failures + 1
    keeps = isinstance(action, Submit) and not is_exit_tag(action.tag)
    if keeps and lesson is not Lesson.BACK_OFF:
        memory = replace(
            memory, refusals=memory.refusals + 1, refusal=outcome.message, named=outcome.named
        )
    refusals = memory.refusals if keeps else 0
    pause = _pause(lesson, failures, refusals, outcome)
    memory = replace(memory, failures=failures, retry_at=now + pause)
    if action.priority is Priority.EXIT:
        memory = _exit_failed(memory, outcome.kind, outcome.message)
    if isinstance(action, Replace):
        # A lost reply is no refusal, nor is an order that somebody else has moved meanwhile, or is
        # moving now: a stop stands, and must not be taken off for it.
        passes = lesson is Lesson.SOON and failures < SOON_ATTEMPTS_MAX
        refused = 0 if passes or lesson is Lesson.BACK_OFF or outcome.kind == GONE else 1
        return replace(memory, moves_refused=memory.moves_refused + refused)
    if isinstance(action, Cancel):
        return memory
    return _after_refused_submit(memory, action, lesson, now)


TRANSPORT_KINDS = (
    "in_doubt",
    "journal",
    "network.",
    "broker.unavailable",
    "broker.server",
    "broker.gateway",
)
"""How the kinds begin that say nothing about the request itself."""


def lesson_of(kind: str) -> Lesson | None:
    """None: a refusal whose meaning is not listed."""
    if kind.startswith(TRANSPORT_KINDS):
        return Lesson.BACK_OFF
    return LESSONS.get(kind)


def _pause(lesson: Lesson | None, failures: int, refusals: int, outcome: Outcome) -> timedelta:
    if outcome.retry_after_seconds is not None:
        # Never wait out the whole minute: a stop that is refused costs nothing, one not asked
        # for may cost the position.
        return min(timedelta(seconds=outcome.retry_after_seconds), RETRY_MAX)
    base = SOON if lesson is Lesson.SOON else BACK_OFF
    pause: timedelta = base * (2 ** min(failures - 1, 5))
    if lesson is not Lesson.BACK_OFF and refusals > REFUSALS_SOON:
        longer: timedelta = RETRY_MAX * 2 ** min(refusals - REFUSALS_SOON, 5)
        return min(longer, REFUSAL_PAUSE_MAX)
    return min(pause, RETRY_MAX)


def _exit_failed(memory: Memory, kind: str, message: str) -> Memory:
    failures = memory.exit_failures + 1
    return replace(memory, exit_failures=failures, exit_refusal=kind, exit_cause=message)


def exit_rejected_late(memory: Memory, now: datetime) -> Memory:
    """The memory after an exit that was accepted came to nothing: that is a refusal too."""
    memory = _exit_failed(memory, "order.rejected", "it was accepted and then rejected")
    pause = _pause(None, memory.exit_failures, 0, Outcome())
    return replace(memory, retry_at=now + pause)


def _after_refused_submit(
    memory: Memory, action: Submit, lesson: Lesson | None, now: datetime
) -> Memory:
    if lesson is Lesson.THROUGH:
        return replace(memory, through_since=now)
    if lesson is Lesson.BACK_OFF:
        return memory
    patience = SOON_ATTEMPTS_MAX if lesson is Lesson.SOON else 2
    if lesson is not Lesson.STEP_DOWN and memory.failures < patience:
        return memory
    if is_exit_tag(action.tag):
        return memory
    return stepped_down(memory, now)


def stepped_down(memory: Memory, now: datetime) -> Memory:
    """One rung simpler: pairs become plain stops, plain stops are watched by us."""
    ladder = NEXT_LADDER[memory.ladder]
    held_here = memory.is_held_here or ladder is Ladder.EMULATED
    until = now + STEP_DOWN_LASTS
    return replace(memory, ladder=ladder, ladder_until=until, failures=0, is_held_here=held_here)


def refreshed_ladder(memory: Memory, now: datetime, size: Decimal) -> Memory:
    """Try the full shape again once its time has come, or when another quantity is guarded: what
    the broker refused was for the one of before."""
    is_other = memory.size is not None and size != memory.size
    if memory.ladder_until is None or (now < memory.ladder_until and not is_other):
        return memory
    return replace(memory, ladder=Ladder.FULL, ladder_until=None)
