"""Acting on a strategy's signals for the opened account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from execbot.desk.context import Context
from execbot.desk.following import follow
from execbot.desk.protect import Restorer, watched_by
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


def executor_of(desk: Context, *, naked: bool = False) -> Executor:
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


def unwatched(
    desk: Context, result: SignalResult, seconds: float = WAIT_SECONDS
) -> tuple[SignalResult, list[str]]:
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


def new_signal_id(desk: Context) -> str:
    """For a signal that came without one: then only this very signal acts once."""
    return f"cli-{desk.oms.new_id(desk.now()).removeprefix('execbot-')}"


def signal_of(desk: Context, fields: Mapping[str, Any]) -> Signal:
    """The signal that the fields of its JSON say, made now unless they say when.

    Raises SignalError.
    """
    return read_signal(fields, now=desk.now(), new_id=new_signal_id(desk))


def preview_signal(desk: Context, signal: Signal, *, naked: bool = False) -> Preview:
    """What would be done with it: its size, its request and every check. Writes nothing.

    Raises FlagNotAllowed, BrokerError.
    """
    return executor_of(desk, naked=naked).preview(signal)


def act_on_signal(
    desk: Context, signal: Signal, *, naked: bool = False
) -> tuple[SignalResult, list[str]]:
    """Size it, check it, send, close, queue or skip it; the result, and what to warn of.

    Where no `watch` runs its entry is followed to the fill. Never raises for what a signal causes;
    raises FlagNotAllowed.
    """
    return unwatched(desk, executor_of(desk, naked=naked).execute_signal(signal))
