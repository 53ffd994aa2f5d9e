"""Acting on signals in an opened account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from execbot.desk.context import Context
from execbot.desk.following import follow
from execbot.desk.protect import Restorer, watched_by
from execbot.model.flags import flags_of

if TYPE_CHECKING:
    from execbot.oms.signals.executor import Executor
    from execbot.oms.signals.result import SignalResult

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
    if record.order.is_working and seconds:
        record, more = follow(desk, record, seconds)
        result = replace(result, record=record, outcome=record.outcome)
        warnings += more
    return result, warnings


def new_signal_id(desk: Context) -> str:
    """For a signal that came without one: then only this very signal acts once."""
    return f"cli-{desk.oms.new_id(desk.now()).removeprefix('execbot-')}"
