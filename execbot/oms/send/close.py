"""Closing a position: lift what holds its shares, wait until they are free, sell them once.

The broker keeps shares reserved for working exits, and for a moment after those are canceled; and
it refuses a market order while an order on the other side is working. So: cancel, wait for each to
end, wait for `qty_available`, then send one market order through the submit pipeline, because the
broker's own close request carries no client_order_id and could not be repeated safely. What is
refused because position or exits have changed since begins again with a look (`closing_tries`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.journal.errors import JournalError
from execbot.journal.records import OrderRecord, Origin, Role
from execbot.model.account import Position
from execbot.model.enums import AssetClass, OrderStatus, TimeInForce
from execbot.model.numbers import QTY_STEP, ZERO, is_whole, round_down, text
from execbot.model.options.changed import stock_of
from execbot.model.order import OrderRequest
from execbot.model.quote import Quote
from execbot.model.retrying import Pauses, polled
from execbot.model.symbols import option_contract, pair_symbol, symbol_key, units_word
from execbot.oms.errors import ClientIdReused, CloseFailed, HandedBack, NotPossible, OmsError
from execbot.oms.results import CloseResult, Gate
from execbot.oms.send.cancel import Canceler, has_ended
from execbot.oms.send.closing_tries import (
    CLOSED_MEANWHILE,
    HELD,
    TRIES_MAX,
    has_crossed,
    unused_id,
    was_cut_short,
)
from execbot.oms.send.emergency_ids import is_flat_id
from execbot.oms.send.orders import Orders, held_position, take_in_moved, take_in_open_orders
from execbot.oms.send.waiting import UNTIL_ENDED, UNTIL_TAKEN
from execbot.oms.sync.held_before import take_over
from execbot.risk.options.cover import uncovered_after

REASON = "close"
"""Why the stop is lifted, as the plan says it."""

CLOSING = "it is being closed already"

OWN_EXIT = "it was closed by its own exit"

LIFT_SPELL_SECONDS = 1.0
"""While orders are waited for, the lift of their stop is held on to this often."""


class _Asked(Struct, frozen=True):
    """What all tries of a closing order have in common."""

    client_order_id: str
    gate: Gate | None
    reason: str | None
    decided_by: tuple[Quote, ...] = ()


class Closer:
    """Closes one position."""

    def __init__(self, oms: Orders, wait_seconds: float) -> None:
        self._oms = oms
        self._client = oms.client
        self._wait_seconds = wait_seconds
        self._plan_id: str | None = None

    def close(
        self,
        symbol: str,
        *,
        qty: Decimal | None,
        percentage: Decimal | None,
        client_order_id: str,
        gate: Gate | None,
        reason: str | None,
        decided_by: tuple[Quote, ...] = (),
    ) -> CloseResult:
        """See `OrderManagementSystem.close`."""
        from execbot.exits.store import lifted

        known = self._given_before(symbol, qty, client_order_id)
        if known is not None:
            return CloseResult(symbol, replace(known, already=True))
        # A running `watch` must not put back the stops that are lifted here; should this process
        # be killed, the lift runs out and `watch` does.
        with lifted(self._oms.journal, symbol, self._oms.now, REASON) as plan:
            self._plan_id = plan.plan_id if plan is not None else None
            position = held_position(self._oms, symbol)
            if position is None:
                raise NotPossible(f"there is no position in {symbol}")
            take_over(self._oms.journal, self._client, position, self._oms.now)
            wanted = closing_qty(position, qty, percentage)
            self._refuse_cover(position, wanted)
            taken: list[OrderRecord] = []
            try:
                return self._tried(
                    position, wanted, taken, _Asked(client_order_id, gate, reason, decided_by)
                )
            except (BrokerError, OmsError, JournalError) as error:
                if not taken or isinstance(error, HandedBack):
                    raise  # what was taken back is closed by whoever took it back
                raise _failed(symbol, position, taken, error) from error

    def _refuse_cover(self, position: Position, wanted: Decimal) -> None:
        """Raise NotPossible if the shares to close cover a sold contract: the broker would refuse
        that after the exits were lifted. An answer that cannot be read holds nothing back.
        """
        contract = option_contract(position.symbol)
        root = position.symbol if contract is None else contract.root
        if position.qty < 0 or not self._may_be_cover(position.symbol, root):
            return
        with suppress(BrokerError):
            listed = {symbol_key(p.symbol): p for p in self._client.get_positions()}
            why = uncovered_after(root, listed, {symbol_key(position.symbol): -wanted}, None)
            if why:
                raise NotPossible(
                    f"{position.symbol} is not closed alone: {why}",
                    hint=f"It covers what is sold: both go together, execbot option close {root}",
                )

    def _may_be_cover(self, symbol: str, root: str) -> bool:
        """Whether our fills know of contracts that are sold of the same underlying, or it is a
        contract itself: only then the broker is asked."""
        if option_contract(symbol) is not None:
            return True
        held = ((option_contract(p.symbol), p.qty) for p in self._oms.journal.positions())
        return any(
            c is not None and stock_of(c.root) == stock_of(root) and qty < 0 for c, qty in held
        )

    def _given_before(
        self, symbol: str, qty: Decimal | None, client_order_id: str
    ) -> OrderRecord | None:
        """The closing order that has this id; nothing must be lifted for it a second time.

        Raises ClientIdReused when the id is that of another order, BrokerError when what became of
        it cannot be looked up.
        """
        known = self._oms.sent_before(client_order_id)
        if known is None or was_cut_short(self._oms.journal, client_order_id):
            return None
        sold = known.order.qty
        same_qty = qty is None or sold is None or sold <= qty
        if symbol_key(known.symbol) != symbol_key(symbol) or not same_qty:
            raise ClientIdReused(
                f"client_order_id {client_order_id} was used for another order "
                f"({known.order.side} {text(sold) if sold else ''} {known.symbol})",
                record=known,
            )
        return known

    def _tried(
        self, position: Position, wanted: Decimal, taken: list[OrderRecord], asked: _Asked
    ) -> CloseResult:
        """Lift and sell, and again where an exit has crossed it. `taken` holds what is lifted, at
        every moment, also when this fails."""
        pauses = Pauses(UNTIL_TAKEN)
        for number in range(1, TRIES_MAX + 1):
            try:
                return self._close(position, wanted, taken, asked)
            except BrokerError as error:
                if number == TRIES_MAX or not has_crossed(error):
                    raise
                refused = error
                self._note_again(position.symbol, error, "retry")
                self._oms.timer.sleep(pauses.after(error))
            self._hold_lift()
            now_held = held_position(self._oms, position.symbol)
            other = self._closed_elsewhere(asked)
            if other is not None:
                bare = _left_by(other, now_held, taken)
                return CloseResult(position.symbol, other, tuple(taken), bare)
            if _is_over(now_held, position):
                self._note_again(position.symbol, refused, CLOSED_MEANWHILE)
                return CloseResult(position.symbol, None, tuple(taken), ZERO, OWN_EXIT)
            assert now_held is not None
            wanted = min(wanted, abs(now_held.qty))
            # Its word counts for more than a list, which may show what was free a moment ago.
            is_held = refused.kind == HELD
            position = replace(now_held, qty_available=ZERO) if is_held else now_held
        raise AssertionError("a bound was forgotten")

    def _closed_elsewhere(self, asked: _Asked) -> OrderRecord | None:
        """The order of another process that was given the same id while this one waited: it took
        this one for dead, and a further try would sell twice."""
        if not asked.client_order_id:
            return None
        known = self._oms.sent_before(asked.client_order_id)
        if known is None or known.status is OrderStatus.REJECTED:
            return None
        return replace(known, already=True)

    def _close(
        self, position: Position, wanted: Decimal, taken: list[OrderRecord], asked: _Asked
    ) -> CloseResult:
        """One try."""
        symbol = position.symbol
        working = self._working(position, wanted)
        closing = next((r for r in working if is_flat_id(r.client_order_id)), None)
        if closing is not None and not asked.client_order_id:
            # Of a command without the journal: it has the id that this one would have as well, so
            # to cancel it would leave nothing that sells.
            return CloseResult(symbol, closing, note=CLOSING)
        self._lift(position, wanted, working, taken)
        current = held_position(self._oms, symbol) if taken else position
        if not _is_over(current, position) and taken and not self._wait_available(symbol, wanted):
            current = held_position(self._oms, symbol)
        if _is_over(current, position):
            return CloseResult(symbol, None, tuple(taken), ZERO, OWN_EXIT)
        assert current is not None
        wanted = min(wanted, abs(current.qty))
        rest = abs(current.qty) - wanted
        naked = rest if any(_is_exit(item, position) for item in taken) else ZERO
        name = unused_id(self._oms.journal, asked.client_order_id)
        record = self._oms.submit(
            replace(_request(current, wanted, name, asked.reason), decided_by=asked.decided_by),
            gate=asked.gate,
            origin=Origin.CLOSE,
            role=Role.EXIT,
            of=asked.client_order_id or None,
        )
        return CloseResult(symbol, record, tuple(taken), naked)

    # --- inside ----------------------------------------------------------------------------

    def _working(self, position: Position, wanted: Decimal) -> list[OrderRecord]:
        """Orders that work on the symbol at the broker."""
        key = symbol_key(position.symbol)
        take_in_open_orders(self._oms)
        if wanted < abs(position.qty):
            self._keep_moves(position.symbol)
        return [
            record
            for record in self._oms.journal.orders("open")
            if symbol_key(record.symbol) == key and record.order_id and record.order.is_working
        ]

    def _lift(
        self,
        position: Position,
        wanted: Decimal,
        working: Sequence[OrderRecord],
        taken: list[OrderRecord],
    ) -> None:
        """Cancel entries on the symbol, and the exits if the shares are not free without."""
        free = position.qty_available
        held = free is not None and abs(free) < wanted
        targets = [item for item in working if held or not _is_exit(item, position)]
        canceler = Canceler(self._oms)
        for record in targets:
            taken.append(record)  # also when only the journal fails, after the request
            error = canceler.request(record)
            if error is not None:
                if not error.in_doubt:
                    taken.pop()
                raise error
        if targets:
            self._wait_ended(canceler, targets, taken)
            self._refuse_pending(position.symbol, taken)

    def _wait_ended(
        self, canceler: Canceler, targets: Sequence[OrderRecord], taken: list[OrderRecord]
    ) -> None:
        """Poll in short spells, so that the lift is held on to meanwhile."""
        timer = self._oms.timer
        until = timer.monotonic() + self._wait_seconds
        while True:
            left = until - timer.monotonic()
            seen = canceler.wait_ended(targets, min(left, LIFT_SPELL_SECONDS))
            taken[-len(targets) :] = seen  # before them stands what an earlier try has lifted
            self._hold_lift()
            if left <= LIFT_SPELL_SECONDS or all(map(has_ended, seen)):
                return

    def _hold_lift(self) -> None:
        from execbot.exits.plan.plan import Lift
        from execbot.exits.store import keep_lifted, lease

        if self._plan_id is not None:
            now = self._oms.now()
            lift = Lift(REASON, now + lease(self._oms.now))
            keep_lifted(self._oms.journal, self._plan_id, now, lift)

    def _keep_moves(self, symbol: str) -> None:
        """The rest is protected again by the plan: it must know where the exits stood."""
        from execbot.exits.store import keep_moves

        if self._plan_id is not None:
            take_in_moved(self._oms, self._oms.journal.orders("open", symbol=symbol))
            keep_moves(self._oms.journal, self._plan_id, self._oms.now())

    def _refuse_pending(self, symbol: str, records: Sequence[OrderRecord]) -> None:
        open_still = [item for item in records if not has_ended(item)]
        if open_still:
            names = ", ".join(item.order_id for item in open_still)
            raise NotPossible(
                f"{symbol} cannot be closed yet: the cancel of {names} is pending",
                record=open_still[0],
                hint="Outside market hours the broker confirms a cancel only later.",
            )

    def _wait_available(self, symbol: str, wanted: Decimal) -> bool:
        """Whether anything is held still. Cancel confirmed at +15 ms, shares free at +78 ms was
        measured on paper."""

        def sleep(seconds: float) -> None:
            self._oms.timer.sleep(seconds)
            self._hold_lift()

        def is_free(position: Position | None) -> bool:
            free = position.qty_available if position is not None else None
            return position is None or free is None or abs(free) >= min(wanted, abs(position.qty))

        seen = polled(
            lambda: self._client.get_position(symbol),
            is_free,
            wait=UNTIL_ENDED,
            seconds=self._wait_seconds,
            timer=replace(self._oms.timer, sleep=sleep),
        )
        return seen is not None

    def _note_again(self, symbol: str, error: BrokerError, result: str) -> None:
        """For the order's history. A journal that fails here fails the next intent as well."""
        journal, name = self._oms.journal, error.client_order_id or symbol
        facts = {"kind": error.kind, "category": error.category, "reason": error.message}
        with suppress(JournalError), journal.transaction(recoverable=True):
            journal.audit("recovery", name, error.kind, facts, result, self._oms.now())


def _left_by(closing: OrderRecord, held: Position | None, taken: Sequence[OrderRecord]) -> Decimal:
    """What a closing order leaves without the exits that were lifted."""
    if held is None or not any(_is_exit(item, held) for item in taken):
        return ZERO
    return max(abs(held.qty) - (closing.leaves_qty or ZERO), ZERO)


def _is_over(current: Position | None, position: Position) -> bool:
    """Whether nothing of the position is held any more. Pure."""
    return current is None or current.qty * position.qty <= 0


def _failed(
    symbol: str,
    position: Position,
    taken: Sequence[OrderRecord],
    cause: BrokerError | OmsError | JournalError,
) -> CloseFailed:
    """The error after orders had been lifted, with the shares that stand without them now."""
    held = abs(position.qty)
    exits = [item.order.qty or held for item in taken if _is_exit(item, position)]
    bare = min(held, sum(exits, ZERO))
    message = (
        f"{symbol} was not closed: {cause.message}. Orders lifted for it: "
        f"{', '.join(item.client_order_id for item in taken)}"
    )
    if exits:
        message += f"; {text(bare)} of {text(held)} are unprotected"
    return CloseFailed(cause, CloseResult(symbol, None, tuple(taken), bare), message)


def closing_qty(position: Position, qty: Decimal | None, percentage: Decimal | None) -> Decimal:
    """How much to close, positive; whole shares stay whole. Raises NotPossible.

    `percentage` is in percent of the position, rounded down.
    """
    held = abs(position.qty)
    if qty is None and percentage is None:
        return held
    if qty is not None:
        if not 0 < qty <= held:
            raise _wrong_quantity(position, qty)
        return qty
    assert percentage is not None
    if not 0 < percentage <= 100:
        raise NotPossible(f"percentage was {text(percentage)}, it must be above 0 and at most 100")
    step = Decimal(1) if is_whole(held) and position.asset_class != AssetClass.CRYPTO else QTY_STEP
    wanted = round_down(held * percentage / 100, step)
    if wanted <= 0:
        word = units_word(position.symbol)
        raise NotPossible(f"{text(percentage)} % of {text(held)} {word} is less than one")
    return wanted


def _wrong_quantity(position: Position, qty: Decimal) -> NotPossible:
    has = "hold" if position.qty > 0 else "are short"
    trouble = "is too many" if qty > 0 else "closes nothing"
    error = NotPossible(
        f"you {has} {text(abs(position.qty))} {position.symbol}; {text(qty)} {trouble}"
    )
    error.hint, error.next_step = "", "To close all of it, leave the quantity out."
    return error


def _request(
    position: Position, qty: Decimal, client_order_id: str, reason: str | None
) -> OrderRequest:
    is_crypto = position.asset_class == AssetClass.CRYPTO
    return OrderRequest(
        symbol=pair_symbol(position.symbol) if is_crypto else position.symbol,
        side=position.side.closing,
        qty=qty,
        time_in_force=TimeInForce.GTC if is_crypto else TimeInForce.DAY,
        position_intent=None if is_crypto else position.side.closing.to_close,
        client_order_id=client_order_id,
        reason=reason,
    )


def _is_exit(record: OrderRecord, position: Position) -> bool:
    return record.order.side.sign * position.qty < 0
