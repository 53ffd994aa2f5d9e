"""How a command ended that broke midway: this one place says it, from what was really done.

    with carrying_out(desk):
        ...

- Before the first byte has left, a failure is what it says: nothing was sent.
- After it the journal may fail: the command goes on in memory, an answer that was read keeps its
  meaning, and a warning says what is not recorded. An order needs its intent in the journal all the
  same; where that cannot be written, the command ends.
- An answer that was not read is in doubt. Where some parts were done and others not, the command
  ends as partly done, and what was done is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from msgspec.structs import replace

from execbot.desk.account import Desk
from execbot.desk.opening.deeds import Deed, Deeds, What, current, noting, outcome_of
from execbot.desk.opening.journal_need import Need
from execbot.journal.errors import JournalError
from execbot.journal.stand_in_journal import memory_of
from execbot.journal.standby import Standby
from execbot.model.errors import ExecbotError
from execbot.oms.errors import CloseFailed

P = ParamSpec("P")
R = TypeVar("R")

VERBS = {
    What.ORDER: "sent",
    What.CANCEL: "canceled",
    What.CANCEL_ALL: "canceled every order",
    What.EXERCISE: "exercised",
    What.DO_NOT_EXERCISE: "said not to exercise",
}
UNREAD_HINT = "The broker may have done what was asked. Doing it again could do it twice."
UNREAD_NEXT = "Run `execbot reconcile`; never resubmit."


@contextmanager
def carrying_out(desk: Desk) -> Iterator[Deeds]:
    """One command, or one line of many. Inside another it is a part of that."""
    within = current()
    if within is not None:
        yield within
        return
    deeds, without = Deeds(), desk.need is Need.BRAKE
    standby = Standby(lambda: without or deeds.has_begun, memory_of)
    with noting(deeds), desk.journal.going_on(standby):
        try:
            yield deeds
        except BaseException as error:
            _tell(error, deeds, desk)
            raise


class CommandStep(StrEnum):
    """What a command writes to the journal: before and after each of these it may fail."""

    INTENT = "an order that is about to be sent"
    ANSWER = "orders and fills as the broker shows them"
    CANCEL = "that a cancel was asked for"
    PLAN = "an exit plan, or that its exits are lifted"
    DECISION = "why: a check, a size, a recovery"
    SIGNAL = "that a signal was taken, and what came of it"
    SWITCH = "the kill switch"
    MARK = "how far the broker was read, and that the journal can be written"


STEPS: dict[str, frozenset[CommandStep]] = {}
"""What each command writes, by the name of its function."""


def carried_out(
    *steps: CommandStep,
) -> Callable[[Callable[Concatenate[Desk, P], R]], Callable[Concatenate[Desk, P], R]]:
    """Declares a function of the desk that changes something at the broker: one command, with the
    steps at which it writes the journal. A result with `warnings` says there what is not recorded.
    """

    def declared(
        function: Callable[Concatenate[Desk, P], R],
    ) -> Callable[Concatenate[Desk, P], R]:
        STEPS[function.__name__] = frozenset(steps)

        @wraps(function)
        def run(desk: Desk, /, *args: P.args, **kwargs: P.kwargs) -> R:
            with carrying_out(desk):
                return _warned(desk, function(desk, *args, **kwargs))

        return run

    return declared


def unrecorded_words(desk: Desk) -> list[str]:
    """Warnings of what the last command did that the journal does not have."""
    missed = desk.journal.missed
    if missed is None:
        return []
    return [
        f"Done, but not all of it is recorded: {missed.message}. "
        "Run `execbot reconcile`: it takes in what happened."
    ]


def _warned(desk: Desk, result: R) -> R:
    known = getattr(result, "warnings", None)
    if known is None:
        return result
    new = [said for said in unrecorded_words(desk) if said not in known]
    changed: Any = result
    return replace(changed, warnings=type(known)([*known, *new])) if new else result


# --- the error -----------------------------------------------------------------------------------


def _tell(error: BaseException, deeds: Deeds, desk: Desk) -> None:
    """Put what was done before it into the error. An error that knows what became of its own order
    (a refusal, a doubt) is believed in that; one of the journal or of a file knows nothing."""
    facts: dict[str, Any] = dict(getattr(error, "noted", {}))
    done = [deed for deed in deeds.done if deed.name not in _own(error)]
    if done:
        facts["done"] = [deed.to_dict() for deed in done]
    if desk.journal.missed is not None:
        facts["unrecorded"] = desk.journal.missed.message
    doubtful = getattr(error, "in_doubt", False) or (deeds.unknown and not _knows(error))
    known: Any = error
    known.noted = facts
    if doubtful:
        known.in_doubt = True
        if not _knows(error):
            known.hint, known.next_step = UNREAD_HINT, UNREAD_NEXT
            _add(error, f"whether it was done is not known: {_names(deeds.unknown, desk)}")
    elif not getattr(error, "after", "") and not _is_undone(error):
        known.after = outcome_of(done).value
    if done:
        _add(error, f"done before: {_names(done, desk)}")


def _own(error: BaseException) -> set[str]:
    """The ids of the order that the error is about: it says itself what became of that."""
    record = getattr(error, "record", None)
    ids = [record.client_order_id, record.order_id] if record is not None else []
    return {name for name in (*ids, getattr(error, "client_order_id", None)) if name}


def _knows(error: BaseException) -> bool:
    if isinstance(error, CloseFailed):
        return not isinstance(error.cause, JournalError)
    return isinstance(error, ExecbotError) and not isinstance(error, JournalError)


def _is_undone(error: BaseException) -> bool:
    """Exits that were lifted for an order that then was refused are back: nothing has changed."""
    addition = getattr(error, "noted", {}).get("addition")
    return bool(addition and addition["protected"])


def _add(error: BaseException, words: str) -> None:
    if isinstance(error, ExecbotError) and words.partition(": ")[2]:
        error.message = f"{error.message} ({words})"
        error.args = (error.message,)


def _names(deeds: list[Deed], desk: Desk) -> str:
    return ", ".join(words_of(deed, desk) for deed in deeds)


def words_of(deed: Deed, desk: Desk) -> str:
    """One write in words: "canceled ab12"."""
    name = deed.name or deed.symbol
    if deed.what is What.CANCEL:
        with suppress(JournalError):
            record = desk.journal.order_by_broker_id(name)
            name = record.client_order_id if record is not None else name
    return f"{VERBS[deed.what]} {name}".rstrip()
