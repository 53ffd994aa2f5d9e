"""A working order changed: a changed entry passes every check, like an order of its own."""

from __future__ import annotations

from collections.abc import Callable

from execbot.broker.port import ReplaceRequest
from execbot.journal.records import OrderRecord
from execbot.model.order import OrderRequest
from execbot.oms.errors import Refused
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_gate import AskAnew, Checked
from execbot.oms.results import Gate

Agree = Callable[[OrderRecord, OrderRequest], object]
"""Shown the old order and the new one as a whole; raises where the change is not wanted."""


def replace_checked(
    placer: Placer, identifier: str, change: ReplaceRequest, agree: Agree | None = None
) -> OrderRecord:
    """Change a working order; the record of the new one.

    The new one is judged in the place of the old one, and once more where it would be refused for
    an order that ended meanwhile; `agree` is asked once. Where it trips the kill switch, alerts go
    out. Raises Refused, NotPossible, UnknownOrder, InDoubt, BrokerError and what `agree` raises.
    """
    judged: list[Checked] = []

    def judge(old: OrderRecord, wanted: OrderRequest) -> Gate | None:
        if agree is not None and not judged:
            agree(old, wanted)
        checked = placer.risk.check_replacement(old, wanted)
        if checked is None:
            return None
        checked.asks_anew = not judged
        judged.append(checked)
        return checked.gate

    try:
        try:
            return placer.oms.replace(identifier, change, judge=judge)
        except AskAnew:
            return placer.oms.replace(identifier, change, judge=judge)
    except Refused:
        for checked in judged:
            placer.tell_if_tripped(checked)
        raise
