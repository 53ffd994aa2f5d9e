"""What a closing signal does: take pending entries back, then sell what is held, once.

Closing asks for as little as it can: the open orders and the position. What cannot be taken back
(an entry in doubt, a cancel that the broker does not answer) is told, and the position is closed
all the same. What stays open is covered again.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.alerts import Alert, Alerter
from execbot.broker.budget import RequestPriority, reading_at
from execbot.broker.errors import BrokerError
from execbot.journal.records import OrderRecord
from execbot.model.account import Position
from execbot.model.enums import LAPSED, Outcome
from execbot.model.numbers import ZERO, text
from execbot.model.order_ids import client_order_id_of
from execbot.model.signal import Signal
from execbot.model.symbols import symbol_key
from execbot.oms.errors import CloseFailed, HandedBack, InDoubt, NotPossible, OmsError
from execbot.oms.place.placer import Placer
from execbot.oms.results import CloseResult
from execbot.oms.send.closing_tries import last_try, was_cut_short
from execbot.oms.send.exits_of import is_exit_of, unprotected
from execbot.oms.send.orders import held_position, take_in_open_orders
from execbot.oms.signals.result import CLOSED, SignalResult, skipped
from execbot.oms.signals.rules import Skip

CANCEL_WAIT_SECONDS = 10.0


class TakenBack(Struct, frozen=True):
    """Entries that were canceled, and why others could not be."""

    canceled: tuple[OrderRecord, ...] = ()
    errors: tuple[InDoubt | BrokerError, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        done = (f"canceled {record.client_order_id}" for record in self.canceled)
        return (*done, *(f"an entry may still fill: {error.message}" for error in self.errors))


class SignalCloses:
    """Carries closing signals out for one account."""

    def __init__(self, placer: Placer, alerter: Alerter | None) -> None:
        self._placer = placer
        self._alerter = alerter

    @reading_at(RequestPriority.EXIT)
    def known(self, signal: Signal) -> OrderRecord | None:
        """The closing order of a signal whose process died with it, unless it was never sent, or
        the process died before it could try again after a refusal."""
        found = self._placer.oms.sent_before(client_order_id_of(signal.id))
        return None if self.was_cut_short(signal) else found

    def was_cut_short(self, signal: Signal) -> bool:
        """Whether its closing order was refused for what passes, and nobody tried it again."""
        return was_cut_short(self._placer.oms.journal, client_order_id_of(signal.id))

    @reading_at(RequestPriority.EXIT)
    def carry_out(self, signal: Signal) -> SignalResult:
        """Cancel entries that are still pending, then close what is held.

        Raises OmsError, BrokerError or JournalError.
        """
        oms = self._placer.oms
        held = held_position(oms, signal.symbol)
        unread = take_in_open_orders(self._placer.oms).unread
        entries = self._entries(signal.symbol, held)
        taken = self._take_back(entries, unread)
        if entries:
            held = held_position(oms, signal.symbol)
        if held is not None and held.qty:
            return self._close(signal, held, taken)
        if taken.errors:
            raise taken.errors[0]
        if not taken.canceled:
            return skipped(signal, Skip("signal.nothing_to_close", f"no {signal.symbol} is held"))
        return SignalResult(
            signal,
            Outcome.CANCELED,
            message="the pending entry was canceled; nothing was held",
            record=taken.canceled[0],
            notes=taken.notes,
        )

    def too_late(self, signal: Signal, why: str) -> NotPossible:
        """For a signal whose time is over when it is given again to be carried on."""
        last = last_try(self._placer.oms.journal, client_order_id_of(signal.id))
        error = NotPossible(
            f"{signal.symbol} was not closed: {last.note if last else 'its order was refused'}; "
            f"the process that was to try again ended, and {why}",
            record=last,
            hint="What it had lifted is put back by `watch` alone.",
        )
        error.next_step = f"execbot close {signal.symbol}"
        return error

    # --- inside ----------------------------------------------------------------------------

    def _entries(self, symbol: str, held: Position | None) -> list[OrderRecord]:
        """What is on its way into the position, ours and other programs'."""
        positions = [held] if held is not None else []
        return [
            record
            for record in self._placer.oms.journal.orders("open")
            if symbol_key(record.symbol) == symbol_key(symbol) and not is_exit_of(record, positions)
        ]

    def _take_back(self, entries: Iterable[OrderRecord], unread: BrokerError | None) -> TakenBack:
        oms, ended = self._placer.oms, []
        errors: list[InDoubt | BrokerError] = [] if unread is None else [unread]
        for record in entries:
            name = record.client_order_id
            try:
                ended.append(oms.cancel(name, wait_seconds=CANCEL_WAIT_SECONDS))
            except NotPossible:
                continue
            except (InDoubt, BrokerError) as error:
                errors.append(error)
                self._tell(error.kind, f"{name} may still fill: {error.message}", record.symbol)
        return TakenBack(tuple(r for r in ended if r.status in LAPSED), tuple(errors))

    def _close(self, signal: Signal, held: Position, taken: TakenBack) -> SignalResult:
        symbol = signal.symbol
        try:
            closed = self._placer.oms.close(
                symbol,
                qty=None if signal.qty is None else min(signal.qty, abs(held.qty)),
                reason=f"signal {signal.id}",
                client_order_id=client_order_id_of(signal.id),
            )
        except CloseFailed as error:
            if error.result.unprotected_qty:
                self._placer.protect(symbol, None)
                if not self._uncovered(held, abs(held.qty)):
                    error.covered()
            self._tell(error.kind, error.message, symbol)
            raise
        except OmsError as error:
            if error.kind not in (NotPossible.kind, HandedBack.kind):
                self._tell(error.kind, error.message, symbol)
            raise
        lifted = (f"canceled {record.client_order_id}" for record in closed.lifted)
        notes = (*taken.notes, *lifted, *self._covered_rest(held, closed))
        if closed.record is None:
            return SignalResult(signal, Outcome.FILLED, CLOSED, closed.note, notes=notes)
        return SignalResult(
            signal,
            closed.record.outcome,
            message=f"closing {text(closed.record.order.qty or ZERO)} {symbol}",
            record=closed.record,
            notes=notes,
        )

    def _covered_rest(self, held: Position, closed: CloseResult) -> tuple[str, ...]:
        """Have what stays open covered; the words for it where its exits had been lifted."""
        rest = closed.unprotected_qty
        if not rest:
            return ()
        self._placer.protect(closed.symbol, closed.record)
        bare = self._uncovered(held, rest)
        if not bare:
            return (closed.covered_rest,)
        said = closed.bare_rest(bare)
        self._tell("unprotected", f"{closed.symbol}: {said}", closed.symbol)
        return (said,)

    def _uncovered(self, held: Position, rest: Decimal) -> Decimal:
        """How much of `rest` (positive) no armed stop covers."""
        position = replace(held, qty=rest if held.qty > 0 else -rest)
        bare = unprotected(self._placer.oms.journal, [position])
        return sum((item.uncovered_qty for item in bare), ZERO)

    def _tell(self, kind: str, message: str, symbol: str) -> None:
        if self._alerter is not None:
            self._alerter.alert(Alert(kind, message, symbol))
