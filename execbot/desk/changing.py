"""Changing an order: another price or quantity, once more, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from execbot.broker.port import ReplaceRequest
from execbot.desk.context import Context
from execbot.desk.orders import full_id, newest
from execbot.oms.errors import Refused

if TYPE_CHECKING:
    from execbot.desk.placing import Sent
    from execbot.journal.records import OrderRecord
    from execbot.model.order import OrderRequest
    from execbot.oms.place.risk_desk import Checked
    from execbot.oms.results import Gate

__all__ = ["ReplaceRequest", "abandon", "replace", "retry"]


def replace(desk: Context, word: str, change: ReplaceRequest) -> OrderRecord:
    """Change a working order, or what it was replaced by; the record of the new one.

    A changed entry passes every check like an order of its own, in the place of the old one; who
    watches for alerts is told of a switch that it trips. Raises Refused, NotPossible, UnknownOrder,
    AmbiguousId, InDoubt, BrokerError.
    """
    judged: list[Checked] = []

    def judge(old: OrderRecord, wanted: OrderRequest) -> Gate | None:
        checked = desk.risk.check_replacement(old, wanted)
        if checked is None:
            return None
        judged.append(checked)
        return checked.gate

    try:
        return desk.oms.replace(newest(desk, full_id(desk, word)), change, judge=judge)
    except Refused:
        for checked in judged:
            desk.placer.tell_if_tripped(checked)
        raise


def retry(desk: Context, word: str) -> Sent:
    """Send a failed order once more, as a new order that passes every check afresh.

    Raises NotPossible, UnknownOrder, Refused, InDoubt, BrokerError.
    """
    from execbot.desk.later_targets import later_targets_behind
    from execbot.desk.placing import Sent
    from execbot.oms.place.retry_by_hand import retry

    record = retry(desk.placer, word).record
    return Sent(record, later=later_targets_behind(desk, record))


def abandon(desk: Context, word: str, reason: str) -> OrderRecord:
    """Give up an order that the broker is not known to have. Raises NotPossible, UnknownOrder."""
    from execbot.oms.place.retry_by_hand import abandon

    return abandon(desk.placer, word, reason)
