"""Acting on a strategy's signals for the opened account."""

from __future__ import annotations

from execbot.desk.context import Context
from execbot.desk.protect import Restorer
from execbot.oms.signals.executor import Executor


def executor_of(desk: Context) -> Executor:
    """The executor of this account, exits attached as the settings ask."""
    return Executor(desk.oms, desk.risk, alerter=desk.alerter, protect=Restorer(desk))
