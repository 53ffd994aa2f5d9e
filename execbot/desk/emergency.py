"""Taking risk away although the journal is broken: straight at the broker, and loudly.

Nothing that happens this way is recorded here; the broker remembers it, and the next `reconcile`
with a sound journal takes it in. Closing orders get ids that are counted at the broker
(`oms.send.emergency_ids`), so the same command given twice, or by two people at once, sells once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from execbot.broker.budget import RequestPriority, reading_at
from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.door.relayed import Relayed
from execbot.desk.opening.journal_need import Need
from execbot.desk.protect import protect_again, watched_by
from execbot.journal.care.look_over import damage_in_reach
from execbot.journal.errors import JournalCorrupt, JournalError
from execbot.journal.records import OrderRecord
from execbot.model.account import Position
from execbot.model.numbers import ZERO
from execbot.model.unread import Rows, unread_of
from execbot.oms.errors import CloseFailed, InDoubt, UnknownOrder
from execbot.oms.results import CloseResult
from execbot.oms.send.close import CLOSING
from execbot.oms.send.emergency_ids import EmergencyIds
from execbot.oms.send.orders import held_positions
from execbot.oms.service import OrderManagementSystem


@contextmanager
def offering(way_out: str) -> Iterator[None]:
    """Have a journal that fails inside the block name the way out in its error. Empty where the
    command has taken that way: an error never names the command that just failed."""
    try:
        yield
    except (JournalError, CloseFailed, Relayed) as error:
        if way_out:
            _offer(error, way_out)
        raise


def _offer(error: JournalError | CloseFailed | Relayed, way_out: str) -> None:
    if error.in_doubt:
        return
    if isinstance(error, JournalError):
        error.next_step = f"At once, without it: {way_out}. To repair: {error.next_step}"
    elif error.kind.startswith("journal."):
        error.next_step = f"At once, without it: {way_out}."


def examine(desk: Desk) -> None:
    """Look for damage that a first look does not meet, before anything is lifted."""
    if desk.journal_trouble is not None:
        return
    try:
        damage = damage_in_reach(desk.journal)
        if damage:
            path = desk.journal.path
            raise JournalCorrupt(f"the journal is damaged: {path} ({damage[0]})", path=path)
    except JournalError as error:
        desk.pass_over(error)


@reading_at(RequestPriority.EXIT)
def held_now(desk: Desk) -> Rows[Position]:
    """What may be held. A journal that stands in does not know what was done without it: the fills
    are read first, or a position that is closed already would count as held.
    """
    if desk.journal_trouble is not None:
        with suppress(BrokerError):
            desk.oms.gap_fill()
    # What a damaged journal says of no symbol cannot be closed, and must not look like a failure.
    held = held_positions(desk.oms)
    return Rows((position for position in held if position.symbol), unread_of(held))


def close_position(
    desk: Desk,
    symbol: str,
    *,
    qty: Decimal | None = None,
    percentage: Decimal | None = None,
    client_order_id: str = "",
    reason: str | None = None,
) -> CloseResult:
    """As `OrderManagementSystem.close`, and without the journal where it cannot be used.

    Exits that were lifted for a close that then failed are put back, where their plan says so.
    """
    part = {"qty": qty, "percentage": percentage, "reason": reason}
    try:
        try:
            return _close(desk, symbol, client_order_id=client_order_id, **part)
        except (CloseFailed, JournalError) as error:
            before = error
            _without_the_journal(desk, error)
        done = _close(desk, symbol, client_order_id=client_order_id, **part)
        return _joined(before.result, done) if isinstance(before, CloseFailed) else done
    except (InDoubt, CloseFailed) as error:
        if error.in_doubt and desk.journal_trouble is not None:
            error.next_step = "Give the same command again: under the same id it sells once."
        if (
            isinstance(error, CloseFailed)
            and error.result.unprotected_qty
            and protect_again(desk, error.result.symbol)
        ):
            error.covered()
        raise


def _close(desk: Desk, symbol: str, *, client_order_id: str, **part: Any) -> CloseResult:
    oms = desk.oms
    if desk.journal_trouble is not None:
        ids = EmergencyIds(desk.client, symbol, desk.now())
        with suppress(BrokerError):
            oms.gap_fill()
        if client_order_id:
            with suppress(UnknownOrder):
                oms.refresh(client_order_id)  # given before: nothing is lifted for it again
        if ids.in_progress is not None and not client_order_id:
            record = oms.refresh(ids.in_progress.id)
            return CloseResult(symbol, record, note=CLOSING)
        oms = _with_ids(desk, ids)
    return oms.close(symbol, client_order_id=client_order_id, **part)


def _without_the_journal(desk: Desk, error: CloseFailed | JournalError) -> None:
    """The journal failed before the closing order was sent: where the command may do without, it
    goes on without. Raises the error where it may not."""
    trouble = error.cause if isinstance(error, CloseFailed) else error
    is_new = isinstance(trouble, JournalError) and not desk.journal.keeps_intents
    if not is_new or desk.need is not Need.BRAKE:
        raise error
    if desk.journal_trouble is None:
        assert isinstance(trouble, JournalError)
        desk.pass_over(trouble)
    desk.journal.keeps_intents = True


def _joined(before: CloseResult, done: CloseResult) -> CloseResult:
    """What both tries lifted; what the first left bare still is, as far as it was not closed."""
    sold = (done.record.order.qty if done.record is not None else None) or ZERO
    bare = max(done.unprotected_qty, before.unprotected_qty - sold)
    return replace(done, lifted=(*before.lifted, *done.lifted), unprotected_qty=bare)


def _with_ids(desk: Desk, ids: EmergencyIds) -> OrderManagementSystem:
    return OrderManagementSystem(
        desk.client,
        desk.journal,
        settings=desk.settings.trading.order_management,
        now=desk.now,
        new_id=ids.new_id,
    )


def unrecorded(desk: Desk, records: Sequence[OrderRecord]) -> list[str]:
    """What is not in the account's journal, and how to repair it; nothing when it is in use."""
    trouble = desk.journal_trouble
    if trouble is None:
        return []
    names = ", ".join(record.client_order_id for record in records)
    repair = trouble.next_step
    if "reconcile" not in repair:
        repair += " Then run `execbot reconcile`: it takes in what happened."
    said = [
        f"DONE WITHOUT THE JOURNAL: {trouble.message}.",
        f"Not recorded here, only at the broker: {names}." if names else "",
        f"Repair: {repair}",
        _watching(desk),
    ]
    return [line for line in said if line]


def _watching(desk: Desk) -> str:
    """A warning where a `watch` still reads and writes the journal: nobody can tell it that this is
    meant."""
    pid = watched_by(desk)
    if pid is None:
        return ""
    return f"`execbot watch` runs as process {pid} and may put stops back: kill {pid} ends it."
