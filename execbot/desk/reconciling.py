"""Journal and broker brought together, every difference explained, and what stands unprotected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.errors import NotFound
from execbot.desk.account import Desk
from execbot.desk.executions import confirm_fills
from execbot.desk.look.freshen import other_warnings
from execbot.desk.look.protection import Protection, protection_of
from execbot.desk.signals.unfinished import unfinished_closes
from execbot.journal.care.restored import remember_restored, restored_of
from execbot.model.enums import OrderStatus
from execbot.oms.ledger import recording
from execbot.oms.sync.breaks import Break
from execbot.oms.sync.reconcile import ReconcileResult

__all__ = ["Break", "Protection", "ReconcileResult", "Reconciled", "reconcile"]


class Reconciled(Struct, frozen=True):
    """`protected` is every position by symbol, as it stands afterwards."""

    result: ReconcileResult
    protected: Sequence[Protection] = ()
    warnings: Sequence[str] = ()

    @property
    def unprotected(self) -> list[Protection]:
        """Positions without the protection that was promised to them."""
        return [found for found in self.protected if found.missing]

    @property
    def has_findings(self) -> bool:
        return self.result.has_breaks or bool(self.unprotected)


def reconcile(
    desk: Desk,
    *,
    accept_positions: bool = False,
    costs: Mapping[str, Decimal] | None = None,
    wait: bool = False,
) -> Reconciled:
    """As `OrderManagementSystem.reconcile`; alerts that nobody took before are sent again, and what
    a restored journal did not know is settled.

    Writes nothing at the broker. Raises BrokerError.
    """
    result = desk.oms.reconcile(accept_positions=accept_positions, costs=costs, wait=wait)
    result = replace(result, notes=(*result.notes, *_settle_restored(desk, result.has_breaks)))
    desk.alerter.resend()
    warnings = [*confirm_fills(desk), *other_warnings(desk), *unfinished_closes(desk)]
    return Reconciled(result, protection_of(desk), warnings)


def _settle_restored(desk: Desk, differs: bool) -> list[str]:
    """Orders that wait for the open in a restored journal are adopted where the broker has them,
    and given up where not; it is done when no order is in doubt. `differs`: reconciling found
    breaks, so nobody is told that all is well."""
    restored = restored_of(desk.journal)
    if restored is None or not restored.is_pending:
        return []
    notes = []
    for record in desk.journal.orders("open", legs=False):
        if record.status is not OrderStatus.QUEUED:
            continue
        name = record.client_order_id
        with suppress(NotFound):
            order = desk.client.get_order_by_client_id(name)
            with recording(desk.journal) as ledger:
                ledger.snapshot(order, desk.now())
            continue
        reason = "queued in a restored journal: whether it was still wanted is not known"
        desk.oms.lapse(name, reason=reason)
        notes.append(f"{name}: {reason}; nothing was sent")
    if desk.journal.unsettled_orders():
        return [*notes, "orders are in doubt: entries stay halted until reconcile settles them"]
    remember_restored(desk.journal, replace(restored, is_pending=False))
    if differs:
        words = "every order of the restored journal is settled, but breaks remain: look into them"
        return [*notes, f"{words} before `execbot resume`"]
    return [*notes, "the restored journal is complete: `execbot resume` allows entries again"]
