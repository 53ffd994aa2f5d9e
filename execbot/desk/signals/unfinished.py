"""Closing signals whose process ended with them: nothing was closed, and nobody tries again."""

from __future__ import annotations

from datetime import timedelta

from execbot.desk.account import Desk
from execbot.journal.records import SignalRecord
from execbot.model.enums import REOPENABLE
from execbot.model.order_ids import client_order_id_of
from execbot.oms.send.closing_tries import last_try, was_cut_short
from execbot.oms.signals.claims import UNFINISHED_SECONDS

LOOK_BACK = timedelta(days=1)


def unfinished_closes(desk: Desk) -> list[str]:
    """What to say of each: its position is held still, and no order stands for it."""
    now = desk.now()
    return [
        f"Signal {one.signal_id} (sell {one.symbol}) was begun, and its process ended before it "
        f"was done: {one.symbol} is held. Give the signal again, or: execbot close {one.symbol}"
        for one in desk.journal.claimed_signals(now - LOOK_BACK)
        if now - one.updated_at >= timedelta(seconds=UNFINISHED_SECONDS) and _is_left(desk, one)
    ]


def _is_left(desk: Desk, signal: SignalRecord) -> bool:
    if signal.body.get("side") != "sell" or signal.body.get("legs"):
        return False
    held = desk.journal.position(signal.symbol)
    if held is None or not held.qty:
        return False
    name = client_order_id_of(signal.signal_id)
    last = last_try(desk.journal, name)
    return last is None or last.status in REOPENABLE or was_cut_short(desk.journal, name)
