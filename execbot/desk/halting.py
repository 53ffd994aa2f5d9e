"""The kill switch: raised, with entries canceled and positions closed if asked for, and lifted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from execbot.desk.account import Desk
from execbot.desk.confirming import (
    AGREED,
    Act,
    Consent,
    NotConfirmed,
    confirm,
    needs_consent,
)
from execbot.desk.emergency import close_position, held_now, unrecorded
from execbot.desk.errors import RestoreUnfinished, said_of
from execbot.desk.opening.journal_need import Need
from execbot.desk.opening.outcomes import CommandStep, carried_out
from execbot.journal.care.restored import restored_of
from execbot.journal.errors import JournalError
from execbot.model.errors import ExecbotError
from execbot.model.numbers import text
from execbot.oms.errors import CloseFailed
from execbot.risk.halting import raise_switch
from execbot.risk.halting import resume as lift
from execbot.risk.kill_switch import KillSwitch, Level

__all__ = ["Closing", "Halted", "KillSwitch", "NotDone", "halt", "resume"]

CANCEL_WAIT_SECONDS = 10.0

UNRECORDED = "the halt is not recorded: who can write the journal may still enter"

WAY_OUT = "execbot halt --reason WHY --cancel --flatten --without-journal"


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
    in_doubt: bool = False
    """Whether it may have been done all the same."""

    def to_dict(self) -> Mapping[str, Any]:
        found = {"symbol": self.symbol, "client_order_id": self.client_order_id}
        return {**{k: v for k, v in found.items() if v is not None}, "error": self.error}


class Halted(Struct, frozen=True):
    """`changed` is False where the switch was on already, `recorded` where nobody is told of it.

    `canceled` are client_order_ids. `declined`: nobody agreed to the closing that was asked for.
    """

    switch: KillSwitch
    changed: bool
    canceled: tuple[str, ...] = ()
    closed: tuple[Closing, ...] = ()
    failed: tuple[NotDone, ...] = ()
    recorded: bool = True
    warnings: tuple[str, ...] = ()
    declined: NotConfirmed | None = None


@carried_out(
    CommandStep.INTENT,
    CommandStep.ANSWER,
    CommandStep.CANCEL,
    CommandStep.PLAN,
    CommandStep.DECISION,
    CommandStep.SWITCH,
    CommandStep.MARK,
)
def halt(
    desk: Desk,
    reason: str,
    *,
    reduce_only: bool = False,
    cancel: bool = False,
    flatten: bool = False,
    consent: Consent = AGREED,
) -> Halted:
    """Stop new entries in every process; with `cancel` take back those that work, with `flatten`
    (which implies it) close every position, where that is agreed to.

    The halt itself holds first and asks nobody. What protects a position is never canceled. A part
    that fails does not hold up the others.
    Raises JournalError where the switch cannot be kept and nothing else was asked for.
    """
    if desk.journal_trouble is not None and not (cancel or flatten):
        raise desk.journal_trouble  # the switch alone is nothing but a note in the journal
    level = Level.REDUCE_ONLY if reduce_only else Level.HALTED
    switch, changed = raise_switch(desk.journal, level, reason, "trader", desk.now())
    failed: list[NotDone] = []
    is_recorded = desk.journal_trouble is None
    if not is_recorded:
        failed.append(NotDone(UNRECORDED))
    canceled = _cancel_entries(desk, failed) if cancel or flatten else []
    leave = _leave(desk, consent) if flatten else _Leave(False)
    closed = _flatten(desk, failed) if leave.is_given else []
    names = [*canceled, *(item.client_order_id for item in closed)]
    found = [desk.journal.order_by_client_id(name) for name in names if name]
    return Halted(
        switch,
        changed,
        tuple(canceled),
        tuple(closed),
        tuple(failed),
        is_recorded,
        tuple(unrecorded(desk, [record for record in found if record is not None])),
        leave.declined,
    )


def resume(desk: Desk, reason: str) -> KillSwitch:
    """Allow entries again; what was in force. Losses and rejections in a row count anew.

    Raises RestoreUnfinished.
    """
    restored = restored_of(desk.journal)
    if restored is not None and restored.is_pending:
        raise RestoreUnfinished(f"the journal restored from {restored.source} is not complete")
    return lift(desk.journal, reason, desk.now())


def _cancel_entries(desk: Desk, failed: list[NotDone]) -> list[str]:
    """Cancel the working entries: their client_order_ids, and by name those that could not be
    canceled."""
    from execbot.desk.cancelling import unread

    try:
        result = desk.oms.cancel_all(entries_only=True, wait_seconds=CANCEL_WAIT_SECONDS)
    except (ExecbotError, OSError) as error:
        failed.append(NotDone(f"entries were not canceled: {_said(desk, error)}"))
        return []
    failed += [NotDone(said) for said in unread(result)]
    failed += [NotDone(why, client_order_id=r.client_order_id) for r, why in result.failed]
    failed += [
        NotDone(f"still {record.status}", client_order_id=record.client_order_id)
        for record in (*result.still_open, *result.in_doubt)
    ]
    return [record.client_order_id for record in result.canceled]


def _said(desk: Desk, error: Exception) -> str:
    """What failed, in words, and the way out where it was the journal and the command may not do
    without it."""
    cause = error.cause if isinstance(error, CloseFailed) else error
    if not isinstance(cause, JournalError) or desk.need is Need.BRAKE:
        return said_of(error)
    return f"{said_of(error)}. At once, without it: {WAY_OUT}"


class _Leave(Struct, frozen=True):
    """May positions be closed? `declined` says why not, where there are some."""

    is_given: bool
    declined: NotConfirmed | None = None


def _leave(desk: Desk, consent: Consent) -> _Leave:
    """Ask whether positions may be closed. Without positions nobody is asked, and what turns up
    after that look nobody has agreed to."""
    if not needs_consent(Act.FLATTEN, desk.mode, consent):
        return _Leave(True)
    try:
        count: int | None = len(held_now(desk))
    except (ExecbotError, OSError):
        count = None
    if count == 0:
        return _Leave(False)
    said = "all positions" if count is None else f"{count} position{'s' * (count != 1)}"
    try:
        confirm(desk, Act.FLATTEN, f"{said} at market", consent)
    except NotConfirmed as error:
        return _Leave(False, error)
    return _Leave(True)


def _flatten(desk: Desk, failed: list[NotDone]) -> list[Closing]:
    closed: list[Closing] = []
    try:
        positions = held_now(desk)
    except (ExecbotError, OSError) as error:
        failed.append(NotDone(f"the positions could not be read: {_said(desk, error)}"))
        return []
    for position in positions:
        try:
            record = close_position(desk, position.symbol, reason="halt --flatten").record
        except (ExecbotError, OSError) as error:
            # The next one is tried all the same: each has a close of its own.
            in_doubt = isinstance(error, ExecbotError) and error.in_doubt
            failed.append(NotDone(_said(desk, error), symbol=position.symbol, in_doubt=in_doubt))
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
