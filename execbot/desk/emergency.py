"""Taking risk away although the journal is broken: straight at the broker, and loudly.

Nothing that happens this way is recorded here; the broker remembers it, and the next `reconcile`
with a sound journal takes it in. Closing orders get ids that are counted at the broker
(`oms.send.emergency_ids`), so the same command given twice, or by two people at once, sells once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.journal.errors import JournalCorrupt, JournalError
from execbot.journal.records import OrderRecord
from execbot.model.account import Position
from execbot.oms.errors import CloseFailed, InDoubt, OmsError, UnknownOrder
from execbot.oms.results import CloseResult
from execbot.oms.send.close import CLOSING
from execbot.oms.send.emergency_ids import FlatIds
from execbot.oms.send.orders import held_positions
from execbot.oms.service import OrderManagementSystem


@contextmanager
def offering(way_out: str) -> Iterator[None]:
    """A journal that fails inside must not be the last word: the error names the way out."""
    try:
        yield
    except JournalError as error:
        error.next_step = f"At once, without it: {way_out}. To repair: {error.next_step}"
        raise
    except CloseFailed as error:
        if isinstance(error.cause, JournalError):
            error.next_step = f"At once, without it: {way_out}."
        raise


def examine(desk: Desk) -> None:
    """Before anything is lifted: damage that a first look does not meet. Slow for a large file."""
    if desk.journal_trouble is not None:
        return
    try:
        damage = desk.journal.check()
        if damage:
            path = desk.journal.path
            raise JournalCorrupt(f"the journal is damaged: {path} ({damage[0]})", path=path)
    except JournalError as error:
        desk.pass_over(error)


def held_now(desk: Desk) -> list[Position]:
    """What may be held. A journal that stands in has not heard of what was done without it: the
    fills are read first, or what is closed already would count as held.
    """
    if desk.journal_trouble is not None:
        with suppress(BrokerError):
            desk.oms.gap_fill()
    return held_positions(desk.oms)


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
    oms = desk.oms
    if desk.journal_trouble is not None:
        ids = FlatIds(desk.client, symbol, desk.now())
        with suppress(BrokerError):
            oms.gap_fill()
        if client_order_id:
            with suppress(UnknownOrder):
                oms.refresh(client_order_id)  # given before: nothing is lifted for it again
        if ids.in_progress is not None and not client_order_id:
            record = oms.refresh(ids.in_progress.id)
            return CloseResult(symbol, record, note=CLOSING)
        oms = _with_ids(desk, ids)
    try:
        return oms.close(
            symbol,
            qty=qty,
            percentage=percentage,
            client_order_id=client_order_id,
            reason=reason,
        )
    except (InDoubt, CloseFailed) as error:
        if error.in_doubt and desk.journal_trouble is not None:
            error.next_step = "Give the same command again: under the same id it sells once."
        if isinstance(error, CloseFailed):
            _cover(desk, error)
        raise


def _cover(desk: Desk, error: CloseFailed) -> None:
    from execbot.desk.protect import protect_again

    with suppress(BrokerError, OmsError, JournalError):
        if error.result.unprotected_qty and protect_again(desk, error.result.symbol):
            error.covered()


def _with_ids(desk: Desk, ids: FlatIds) -> OrderManagementSystem:
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
    """A `watch` that still reads and writes the journal cannot be told that this is meant."""
    from execbot.watch.lock import holder_of

    pid = None
    with suppress(OSError):
        pid = holder_of(desk.directory)
    if pid is None:
        return ""
    return f"`execbot watch` runs as process {pid} and may put stops back: kill {pid} ends it."
