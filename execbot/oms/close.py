"""Closing a position: lift what holds its shares, wait until they are free, sell them once.

The broker keeps shares reserved for working exits, and for a moment after those are canceled; and
it refuses a market order while an order on the other side is working. So: cancel, wait for each to
end, wait for `qty_available`, then send one market order through the submit pipeline, because the
broker's own close request carries no client_order_id and could not be repeated safely.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.broker.port import OrderQuery
from execbot.broker.remedy import Remedy
from execbot.broker.symbols import pair_symbol
from execbot.journal.records import OrderRecord, Origin, Role
from execbot.model.account import Position
from execbot.model.enums import AssetClass, Side, TimeInForce
from execbot.model.numbers import QTY_STEP, ZERO, round_down, text
from execbot.model.order import OrderRequest
from execbot.oms import intake
from execbot.oms.cancel import POLL_FACTOR, POLL_FIRST_SECONDS, POLL_LAST_SECONDS, Canceler
from execbot.oms.errors import CloseFailed, NotPossible, OmsError
from execbot.oms.pipeline import Gate
from execbot.oms.positions import symbol_key

if TYPE_CHECKING:
    from execbot.oms.service import OrderManagementSystem

CLOSE_ATTEMPTS = 3
"""The reservation may outlive `qty_available` by a moment; a refusal for it is tried again."""


class CloseResult(Struct, frozen=True):
    """`record` is the closing order, None when the position closed by itself meanwhile.

    `lifted` are the orders that were canceled for it. `unprotected_qty` is what stays open without
    the exits that were lifted: 0 when everything is being closed.
    """

    symbol: str
    record: OrderRecord | None
    lifted: tuple[OrderRecord, ...] = ()
    unprotected_qty: Decimal = ZERO
    note: str = ""


class Closer:
    """Closes one position."""

    def __init__(self, oms: OrderManagementSystem, wait_seconds: float) -> None:
        self._oms = oms
        self._client = oms.client
        self._wait_seconds = wait_seconds

    def close(
        self,
        symbol: str,
        *,
        qty: Decimal | None,
        percentage: Decimal | None,
        client_order_id: str,
        gate: Gate | None,
        reason: str | None,
    ) -> CloseResult:
        """See `OrderManagementSystem.close`."""
        from execbot.exits.store import lifted

        # A running `watch` must not put back the stops that are lifted here.
        until = self._wait_seconds * 2
        with lifted(self._oms.journal, symbol, self._oms.now, "close", seconds=until):
            return self._close(symbol, qty, percentage, client_order_id, gate, reason)

    def _close(
        self,
        symbol: str,
        qty: Decimal | None,
        percentage: Decimal | None,
        client_order_id: str,
        gate: Gate | None,
        reason: str | None,
    ) -> CloseResult:
        position = self._client.get_position(symbol)
        if position is None or not position.qty:
            raise NotPossible(f"there is no position in {symbol}")
        wanted = closing_qty(position, qty, percentage)
        lifted = self._lift(position, wanted)
        current = self._client.get_position(symbol) if lifted else position
        if current is None or current.qty * position.qty <= 0:
            return CloseResult(symbol, None, tuple(lifted), ZERO, "it was closed by its own exit")
        wanted = min(wanted, abs(current.qty))
        if lifted:
            self._wait_available(symbol, wanted)
        rest = abs(current.qty) - wanted
        naked = rest if any(_is_exit(item, position) for item in lifted) else ZERO
        request = _request(current, wanted, client_order_id, reason)
        try:
            record = self._submit(request, gate)
        except (BrokerError, OmsError) as error:
            if not lifted:
                raise
            held = abs(current.qty)
            result = CloseResult(symbol, None, tuple(lifted), held)
            raise CloseFailed(
                error,
                result,
                f"{symbol} was not closed: {error.message}. {len(lifted)} orders were lifted for "
                f"it; {text(held)} are unprotected",
            ) from error
        return CloseResult(symbol, record, tuple(lifted), naked)

    # --- inside ----------------------------------------------------------------------------

    def _lift(self, position: Position, wanted: Decimal) -> list[OrderRecord]:
        """Cancel entries on the symbol, and the exits if the shares are not free without."""
        key = symbol_key(position.symbol)
        listed = [
            order
            for order in self._client.list_orders(OrderQuery("open", nested=False))
            if symbol_key(order.symbol) == key
        ]
        self._oms.publish(intake.apply_snapshots(self._oms.journal, listed, self._oms.now()))
        working = [
            record
            for record in self._oms.journal.orders("open")
            if symbol_key(record.symbol) == key and record.order_id and record.order.is_working
        ]
        free = position.qty_available
        held = free is not None and abs(free) < wanted
        targets = [item for item in working if held or not _is_exit(item, position)]
        if not targets:
            return []
        canceler = Canceler(self._oms)
        for record in targets:
            error = canceler.request(record)
            if error is not None:
                raise error
        return self._ended(canceler.wait_ended(targets, self._wait_seconds), position)

    def _ended(self, records: Sequence[OrderRecord], position: Position) -> list[OrderRecord]:
        open_still = [item for item in records if not item.order.is_terminal]
        if open_still:
            names = ", ".join(item.order_id for item in open_still)
            raise NotPossible(
                f"{position.symbol} cannot be closed yet: the cancel of {names} is pending",
                record=open_still[0],
                hint="Outside market hours the broker confirms a cancel only later.",
            )
        return list(records)

    def _wait_available(self, symbol: str, wanted: Decimal) -> None:
        """Cancel confirmed at +15 ms, shares free at +78 ms was measured on paper."""
        until = self._oms.now() + timedelta(seconds=self._wait_seconds)
        pause = POLL_FIRST_SECONDS
        while True:
            position = self._client.get_position(symbol)
            free = position.qty_available if position is not None else None
            if position is None or free is None or abs(free) >= min(wanted, abs(position.qty)):
                return
            if self._oms.now() >= until:
                return
            self._oms.sleep(pause)
            pause = min(pause * POLL_FACTOR, POLL_LAST_SECONDS)

    def _submit(self, request: OrderRequest, gate: Gate | None) -> OrderRecord:
        for attempt in range(1, CLOSE_ATTEMPTS + 1):
            try:
                return self._oms.submit(request, gate=gate, origin=Origin.CLOSE, role=Role.EXIT)
            except BrokerError as error:
                waits = error.remedy in (Remedy.WAIT, Remedy.WAIT_OR_ADJUST)
                if not waits or request.client_order_id or attempt == CLOSE_ATTEMPTS:
                    raise
                self._oms.sleep(POLL_FIRST_SECONDS * 4**attempt)
        raise AssertionError("unreachable")


def closing_qty(position: Position, qty: Decimal | None, percentage: Decimal | None) -> Decimal:
    """How much to close, positive; whole shares stay whole. Raises NotPossible.

    `percentage` is in percent of the position, rounded down.
    """
    held = abs(position.qty)
    if qty is None and percentage is None:
        return held
    if qty is not None:
        if qty <= 0 or qty > held:
            raise NotPossible(f"{text(qty)} cannot be closed: {text(held)} are held")
        return qty
    assert percentage is not None
    if not 0 < percentage <= 100:
        raise NotPossible(f"percentage was {text(percentage)}, it must be above 0 and at most 100")
    is_whole = held == held.to_integral_value()
    step = Decimal(1) if is_whole and position.asset_class != AssetClass.CRYPTO else QTY_STEP
    wanted = round_down(held * percentage / 100, step)
    if wanted <= 0:
        raise NotPossible(f"{text(percentage)} % of {text(held)} shares is less than one share")
    return wanted


def _request(
    position: Position, qty: Decimal, client_order_id: str, reason: str | None
) -> OrderRequest:
    is_crypto = position.asset_class == AssetClass.CRYPTO
    is_long = position.qty > 0
    return OrderRequest(
        symbol=pair_symbol(position.symbol) if is_crypto else position.symbol,
        side=Side.SELL if is_long else Side.BUY,
        qty=qty,
        time_in_force=TimeInForce.GTC if is_crypto else TimeInForce.DAY,
        position_intent=None if is_crypto else "sell_to_close" if is_long else "buy_to_close",
        client_order_id=client_order_id,
        reason=reason,
    )


def _is_exit(record: OrderRecord, position: Position) -> bool:
    return record.order.side.sign * position.qty < 0
