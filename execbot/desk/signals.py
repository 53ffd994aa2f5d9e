"""Acting on a strategy's signals for the opened account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from execbot.desk.context import Context
from execbot.model.signal import Signal, read_signal

if TYPE_CHECKING:
    from execbot.oms.signals.executor import Executor as Executor
    from execbot.oms.signals.result import Preview as Preview
    from execbot.oms.signals.result import SignalResult as SignalResult


def executor_of(desk: Context) -> Executor:
    """The executor of this account, exits attached as the settings ask."""
    from execbot.desk.protect import Restorer
    from execbot.oms.signals.executor import Executor

    return Executor(desk.oms, desk.risk, alerter=desk.alerter, protect=Restorer(desk))


def new_signal_id(desk: Context) -> str:
    """For a signal that came without one: then only this very signal acts once."""
    return f"cli-{desk.oms.new_id(desk.now()).removeprefix('execbot-')}"


def signal_of(desk: Context, fields: Mapping[str, Any]) -> Signal:
    """The signal that the fields of its JSON say, made now unless they say when.

    Raises SignalError.
    """
    return read_signal(fields, now=desk.now(), new_id=new_signal_id(desk))


def preview_signal(desk: Context, signal: Signal) -> Preview:
    """What would be done with it: its size, its request and every check. Writes nothing."""
    return executor_of(desk).preview(signal)


def act_on_signal(desk: Context, signal: Signal) -> SignalResult:
    """Size it, check it, send, close, queue or skip it; never raises for what a signal causes."""
    return executor_of(desk).execute_signal(signal)
