"""Acting on a strategy's signals for the opened account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.following import follow
from execbot.desk.look.halts_known import halts_known
from execbot.desk.look.order_ends import endings_of
from execbot.desk.opening.outcomes import CommandStep, carried_out, unrecorded_words
from execbot.desk.protect import Restorer, watched_by
from execbot.desk.queue_care import unattended
from execbot.model.flags import flags_of
from execbot.model.signal import Signal, read_signal

if TYPE_CHECKING:
    from execbot.oms.signals.executor import Executor as Executor
    from execbot.oms.signals.result import Preview as Preview
    from execbot.oms.signals.result import SignalResult as SignalResult

WAIT_SECONDS = 10.0
"""How long the entry of a signal is followed where no `watch` runs."""

LINE_WAIT_SECONDS = 3.0
"""The same for one of many lines, which holds up the others."""


def executor_of(desk: Desk, *, naked: bool = False) -> Executor:
    """The executor of this account, exits attached as the settings ask.

    `naked`: an entry goes although nobody would place its stop. Raises FlagNotAllowed.
    """
    from execbot.oms.signals.executor import Executor

    desk.placer.refuse_flags(flags_of(naked=naked))
    return Executor(
        desk.oms,
        desk.risk,
        alerter=desk.alerter,
        protect=Restorer(desk),
        is_watched=lambda: watched_by(desk) is not None,
        naked=naked,
    )


def answered(
    desk: Desk,
    result: SignalResult,
    seconds: float = WAIT_SECONDS,
    *,
    waited: Sequence[str] = (),
) -> tuple[SignalResult, list[str]]:
    """The result as it is reported, and warnings: where no `watch` runs the entry is followed to
    its fill. `waited` is what an earlier following said; it stands where this one's would."""
    from execbot.oms.signals.result import REPEATED

    result, warnings = _unwatched(desk, result, seconds)
    warnings += waited
    record = result.record
    if record is None or result.code not in ("", REPEATED):
        return result, warnings
    ending = endings_of(desk, [record]).get(record.client_order_id)
    warnings += unattended(desk, record, ending)
    halts = halts_known(desk, record)
    notes = (*result.notes, halts.line) if halts.line else result.notes
    at = None if ending is None else ending.at
    return replace(result, cancel_at=at, halts_known=halts.known, notes=notes), warnings


def _unwatched(desk: Desk, result: SignalResult, seconds: float) -> tuple[SignalResult, list[str]]:
    """Where no `watch` runs: follow the entry to its fill, and say what nobody does."""
    record = result.record
    is_entry = record is not None and result.signal.side.opens and not result.code
    if record is None or not is_entry or watched_by(desk) is not None:
        return result, []
    from execbot.exits.plan.left_to_watch import without_watch

    warnings = [without_watch(record.symbol, result.left)] if result.left else []
    if not record.order.is_working or not seconds:
        return result, warnings
    record, more = follow(desk, record, seconds)
    warnings += more
    return replace(result, record=record, outcome=record.outcome), warnings


def new_signal_id(desk: Desk) -> str:
    """For a signal that came without one: then only this very signal acts once."""
    return f"cli-{desk.oms.new_id(desk.now()).removeprefix('execbot-')}"


def signal_of(desk: Desk, fields: Mapping[str, Any]) -> Signal:
    """The signal that the fields of its JSON say, made now unless they say when.

    Raises SignalError.
    """
    return read_signal(fields, now=desk.now(), new_id=new_signal_id(desk))


def preview_signal(desk: Desk, signal: Signal, *, naked: bool = False) -> Preview:
    """What would be done with the signal: its size, its request and every check. Writes nothing.
    Raises FlagNotAllowed, BrokerError.
    """
    return executor_of(desk, naked=naked).preview(signal)


@carried_out(
    CommandStep.INTENT,
    CommandStep.ANSWER,
    CommandStep.CANCEL,
    CommandStep.PLAN,
    CommandStep.DECISION,
    CommandStep.SIGNAL,
    CommandStep.MARK,
)
def act_on_signal(
    desk: Desk, signal: Signal, *, naked: bool = False
) -> tuple[SignalResult, list[str]]:
    """Size the signal and check it, then send, close, queue or skip; the result, and warnings.

    Where no `watch` runs its entry is followed to the fill. Never raises for what a signal causes;
    raises FlagNotAllowed.
    """
    executor = executor_of(desk, naked=naked)
    release_what_waits(desk, executor)
    result, said = answered(desk, executor.execute_signal(signal))
    return result, [*said, *unrecorded_words(desk)]


def acted_elsewhere(
    desk: Desk, signal: Signal, *, naked: bool = False
) -> tuple[SignalResult, list[str]]:
    """What another process made of this signal, which it was given and could not report."""
    executor = executor_of(desk, naked=naked)
    return answered(desk, executor.made_elsewhere(signal))


def release_what_waits(desk: Desk, executor: Executor, *, patience_seconds: float = 0.0) -> None:
    """Where no `watch` does it: send the entries that wait for the rate limit, before others and
    once more after them, when there is time to wait it out. What is refused then stays in the
    queue, or says so in the journal."""
    from execbot.oms.release_queue import release_due
    from execbot.oms.send.waiting import through_rate_limit, waits_for_rate_limit

    if waits_for_rate_limit(desk.journal) and watched_by(desk) is None:
        with suppress(BrokerError):
            through_rate_limit(
                lambda: release_due(executor), timer=desk.oms.timer, seconds=patience_seconds
            )
