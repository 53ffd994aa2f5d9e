"""Out of a position, whole or in part, or out of everything; without the journal if need be."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.budget import RequestPriority, reading_at
from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.emergency import close_position, held_now, unrecorded
from execbot.desk.errors import NothingClosed
from execbot.desk.following import follow, raise_if_rejected
from execbot.desk.opening.outcomes import CommandStep, carried_out
from execbot.desk.protect import protect_again
from execbot.journal.errors import JournalError
from execbot.journal.records import OrderRecord
from execbot.model.enums import REOPENABLE
from execbot.model.errors import ExecbotError
from execbot.model.unread import unread_of
from execbot.oms.errors import NotPossible
from execbot.oms.results import CloseResult
from execbot.oms.send.closing_tries import was_cut_short
from execbot.oms.send.orders import held_position


class Part(Struct, frozen=True):
    """How much to close: shares or coins, or a percentage; neither means all of it."""

    qty: Decimal | None = None
    percentage: Decimal | None = None


WHOLE = Part()

NOTHING_HELD = "there is no position, nothing to close"


class Closed(Struct, frozen=True):
    """What became of one position.

    `record` is the closing order as last seen, None where nothing was sent: `note` then says why.
    `lifted` are the orders that were canceled for it. `recorded` says whether the account's journal
    has it; None where nothing was done. `rest` says that what stays open has its stop again.
    """

    symbol: str
    record: OrderRecord | None = None
    lifted: tuple[OrderRecord, ...] = ()
    note: str = ""
    recorded: bool | None = None
    warnings: tuple[str, ...] = ()
    rest: str = ""

    @property
    def records(self) -> tuple[OrderRecord, ...]:
        return self.lifted if self.record is None else (self.record, *self.lifted)


class Failed(Struct, frozen=True):
    """A position that could not be closed."""

    symbol: str
    error: Exception


class ClosedAll(Struct, frozen=True):
    """Each position in turn, as the broker lists them: closed, or why not."""

    positions: tuple[Closed | Failed, ...] = ()
    recorded: bool = True
    warnings: tuple[str, ...] = ()

    @property
    def closed(self) -> list[Closed]:
        return [item for item in self.positions if isinstance(item, Closed)]

    @property
    def failed(self) -> list[Failed]:
        return [item for item in self.positions if isinstance(item, Failed)]


@carried_out(
    CommandStep.INTENT, CommandStep.ANSWER, CommandStep.CANCEL, CommandStep.PLAN, CommandStep.MARK
)
def close(
    desk: Desk,
    symbol: str,
    part: Part = WHOLE,
    *,
    reason: str | None = None,
    client_order_id: str = "",
    wait_seconds: float | None = None,
) -> Closed:
    """Close one position at market, lifting the exits that hold its shares.

    `wait_seconds` follows the closing order to its end. Raises OrderRejected, CloseFailed,
    NotPossible, ClientIdReused, InDoubt, BrokerError, JournalError.
    """
    given = desk.journal.order_by_client_id(client_order_id)
    is_new = given is None or given.status in REOPENABLE
    is_new = is_new or was_cut_short(desk.journal, client_order_id)
    with reading_at(RequestPriority.EXIT):
        if is_new and held_position(desk.oms, symbol) is None:
            return Closed(symbol, note=NOTHING_HELD)
    result = close_position(
        desk,
        symbol,
        qty=part.qty,
        percentage=part.percentage,
        client_order_id=client_order_id,
        reason=reason,
    )
    done = _followed(desk, result, wait_seconds)
    return replace(done, warnings=(*done.warnings, *unrecorded(desk, done.records)))


@carried_out(
    CommandStep.INTENT, CommandStep.ANSWER, CommandStep.CANCEL, CommandStep.PLAN, CommandStep.MARK
)
def close_all(
    desk: Desk, *, reason: str | None = None, wait_seconds: float | None = None
) -> ClosedAll:
    """Close every position, each on its own: one that fails does not keep the others open.

    Raises NothingClosed when not one could be closed, and JournalError when it fails before
    anything was done: the others would meet it.
    """
    done: list[Closed | Failed] = []
    held = held_now(desk)
    unknown = [
        f"Not closed, the broker's answer is impossible: {row}."
        for row in unread_of(held)
        if row.symbol not in {position.symbol for position in held}
    ]
    for position in held:
        symbol = position.symbol
        try:
            result = close_position(desk, symbol, reason=reason)
            done.append(_followed(desk, result, wait_seconds))
        except (ExecbotError, OSError) as error:
            if isinstance(error, JournalError) and not done:
                raise
            is_gone = isinstance(error, NotPossible) and _is_gone(desk, symbol)
            done.append(Closed(symbol, note=NOTHING_HELD) if is_gone else Failed(symbol, error))
    closed = [item for item in done if isinstance(item, Closed)]
    failures = [(item.symbol, item.error) for item in done if isinstance(item, Failed)]
    if failures and not closed:
        raise NothingClosed(failures)
    records = [record for item in closed for record in item.records]
    warnings = [words for item in closed for words in item.warnings]
    return ClosedAll(
        tuple(done),
        desk.journal_trouble is None,
        (*warnings, *unknown, *unrecorded(desk, records)),
    )


def closed_elsewhere(desk: Desk, record: OrderRecord, *, wait_seconds: float | None) -> Closed:
    """What became of a closing order that another process has sent for this command, and could not
    tell. Raises OrderRejected."""
    return _followed(desk, CloseResult(record.symbol, record), wait_seconds)


@reading_at(RequestPriority.EXIT)
def _is_gone(desk: Desk, symbol: str) -> bool:
    """It was sold since the list was read: by an earlier close, a stop, or another process."""
    with suppress(BrokerError):
        return held_position(desk.oms, symbol) is None
    return False


def _followed(desk: Desk, result: CloseResult, wait_seconds: float | None) -> Closed:
    """The closing order's outcome; what stays open gets the stop of its plan back."""
    record, symbol = result.record, result.symbol
    if record is None:
        note = result.note or "nothing to close"
        return Closed(symbol, None, result.lifted, note, desk.journal_trouble is None)
    warnings = [f"{symbol}: {result.note}"] if result.note else []
    if record.already:
        warnings.append(f"{record.client_order_id} was given before: nothing was sent.")
    if wait_seconds is not None:
        record, said = follow(desk, record, wait_seconds)
        warnings += said
    raise_if_rejected(record)
    rest = ""
    if result.unprotected_qty and protect_again(desk, symbol):
        rest = result.covered_rest
    elif result.unprotected_qty:
        warnings.append(f"{symbol}: {result.bare_rest(result.unprotected_qty)}")
    recorded = desk.journal_trouble is None
    return Closed(symbol, record, result.lifted, result.note, recorded, tuple(warnings), rest)
