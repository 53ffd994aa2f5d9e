"""Acting on signals in an opened account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from execbot.desk.context import Context

if TYPE_CHECKING:
    from execbot.oms.signals.executor import Executor


def executor_of(desk: Context) -> Executor:
    """The executor of this account, exits attached as the settings ask."""
    from execbot.desk.protect import Restorer
    from execbot.oms.signals.executor import Executor

    return Executor(desk.oms, desk.risk, alerter=desk.alerter, protect=Restorer(desk))


def new_signal_id(desk: Context) -> str:
    """For a signal that came without one: then only this very signal acts once."""
    return f"cli-{desk.oms.new_id(desk.now()).removeprefix('execbot-')}"
