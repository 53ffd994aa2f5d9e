"""Journal and broker brought together, every difference explained."""

from __future__ import annotations

from execbot.desk.context import Context
from execbot.oms.sync.reconcile import ReconcileResult

__all__ = ["ReconcileResult", "reconcile"]


def reconcile(
    desk: Context, *, accept_positions: bool = False, wait: bool = False
) -> ReconcileResult:
    """As `OrderManagementSystem.reconcile`; alerts that nobody took before are sent again.

    Writes nothing at the broker. Raises BrokerError.
    """
    result = desk.oms.reconcile(accept_positions=accept_positions, wait=wait)
    desk.alerter.resend()
    return result
