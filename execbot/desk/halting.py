"""The kill switch: raised, with entries canceled and positions closed if asked for, and lifted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.desk.context import Context
from execbot.desk.emergency import close_position, unrecorded
from execbot.journal.errors import JournalError
from execbot.model.numbers import text
from execbot.oms.errors import OmsError
from execbot.oms.send.orders import held_positions
from execbot.risk.halting import raise_switch
from execbot.risk.halting import resume as lift
from execbot.risk.kill_switch import KillSwitch, Level

__all__ = ["Closing", "Halted", "KillSwitch", "NotDone", "halt", "resume"]

CANCEL_WAIT_SECONDS = 10.0

Approve = Callable[[int | None], bool]
"""Shown how many positions would be closed (None: the broker does not say); whether to go on."""


class Closing(Struct, frozen=True):
    """One position that is being closed. `outcome` is an Outcome word."""

    symbol: str
    qty: str
    client_order_id: str | None
    outcome: str


class NotDone(Struct, frozen=True):
    """A part of the halt that failed; `subject` is a symbol, a client_order_id, or neither."""

    error: str
    symbol: str | None = None
    client_order_id: str | None = None

    def to_dict(self) -> Mapping[str, Any]:
        found = {"symbol": self.symbol, "client_order_id": self.client_order_id}
        return {**{k: v for k, v in found.items() if v is not None}, "error": self.error}


class Halted(Struct, frozen=True):
    """`changed` is False where the switch was on already, `recorded` where nobody is told of it.

    `canceled` are client_order_ids.
    """

    switch: KillSwitch
    changed: bool
    canceled: tuple[str, ...] = ()
    closed: tuple[Closing, ...] = ()
    failed: tuple[NotDone, ...] = ()
    recorded: bool = True
    warnings: tuple[str, ...] = ()


def halt(
    desk: Context,
    reason: str,
    *,
    reduce_only: bool = False,
    cancel: bool = False,
    flatten: bool = False,
    approve: Approve | None = None,
) -> Halted:
    """Stop new entries in every process; with `cancel` take back those that work, with `flatten`
    (which implies it) close every position, where `approve` does not say no.

    What protects a position is never canceled. A part that fails does not hold up the others.
    Raises JournalError where the switch cannot be kept and nothing else was asked for.
    """
    if desk.journal_trouble is not None and not (cancel or flatten):
        raise desk.journal_trouble  # the switch alone is nothing but a note in the journal
    level = Level.REDUCE_ONLY if reduce_only else Level.HALTED
    switch, changed = raise_switch(desk.journal, level, reason, "trader", desk.now())
    failed: list[NotDone] = []
    if desk.journal_trouble is not None:
        failed.append(
            NotDone("the halt is not recorded: who can write the journal may still enter")
        )
    canceled = _cancel_entries(desk, failed) if cancel or flatten else []
    closed = _flatten(desk, failed) if flatten and _may_flatten(desk, approve) else []
    names = [*canceled, *(item.client_order_id for item in closed)]
    found = [desk.journal.order_by_client_id(name) for name in names if name]
    return Halted(
        switch,
        changed,
        tuple(canceled),
        tuple(closed),
        tuple(failed),
        desk.journal_trouble is None,
        tuple(unrecorded(desk, [record for record in found if record is not None])),
    )


def resume(desk: Context, reason: str) -> KillSwitch:
    """Allow entries again; what was in force. Losses and rejections in a row count anew."""
    return lift(desk.journal, reason, desk.now())


def _cancel_entries(desk: Context, failed: list[NotDone]) -> list[str]:
    """The client_order_ids; what cannot be canceled is named."""
    from execbot.desk.cancelling import unread

    try:
        result = desk.oms.cancel_all(entries_only=True, wait_seconds=CANCEL_WAIT_SECONDS)
    except BrokerError as error:
        failed.append(NotDone(f"entries were not canceled: {error.message}"))
        return []
    failed += [NotDone(said) for said in unread(result)]
    failed += [NotDone(why, client_order_id=r.client_order_id) for r, why in result.failed]
    failed += [
        NotDone(f"still {record.status}", client_order_id=record.client_order_id)
        for record in (*result.still_open, *result.in_doubt)
    ]
    return [record.client_order_id for record in result.canceled]


def _may_flatten(desk: Context, approve: Approve | None) -> bool:
    """Nobody is asked about nothing."""
    if approve is None:
        return True
    try:
        count: int | None = len(held_positions(desk.oms))
    except BrokerError:
        count = None
    return count == 0 or approve(count)


def _flatten(desk: Context, failed: list[NotDone]) -> list[Closing]:
    closed: list[Closing] = []
    try:
        positions = held_positions(desk.oms)
    except BrokerError as error:
        failed.append(NotDone(f"the positions could not be read: {error.message}"))
        return []
    for position in positions:
        try:
            record = close_position(desk, position.symbol, reason="halt --flatten").record
        except (OmsError, BrokerError, JournalError) as error:
            failed.append(NotDone(str(error), symbol=position.symbol))
            continue
        closed.append(
            Closing(
                position.symbol,
                text(abs(position.qty)),
                record.client_order_id if record else None,
                record.outcome.value if record else "filled",
            )
        )
    return closed
