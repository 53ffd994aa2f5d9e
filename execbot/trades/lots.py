"""Lots of one round trip, first in, first out: what the tax counts. Pure."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from execbot.journal.records import Execution
from execbot.model.enums import PositionSide
from execbot.model.numbers import QTY_STEP, ZERO, round_up
from execbot.model.symbols import multiplier_of
from execbot.risk.fees import FillFee
from execbot.trades.model import Lot


class _Held(Struct):
    """What is left of one opening execution; `cost` in dollars, `fee` what its rest has cost."""

    execution_id: str
    opened_at: datetime
    qty: Decimal
    cost: Decimal
    fee: Decimal
    estimated: bool


class LotQueue:
    """The lots that are held, oldest first, and those that were matched with an exit."""

    def __init__(self, symbol: str, trade_id: str, side: PositionSide) -> None:
        self._symbol, self._trade_id, self._side = symbol, trade_id, side
        self._held: deque[_Held] = deque()
        self.matched: list[Lot] = []

    def put(self, item: Execution, qty: Decimal, fee: FillFee | None) -> None:
        cost = qty * item.net_price * multiplier_of(self._symbol)
        paid = fee or FillFee(ZERO)
        self._held.append(_Held(item.execution_id, item.at, qty, cost, paid.amount, paid.estimated))

    def take(self, item: Execution, qty: Decimal, fee: FillFee | None, *, is_trade: bool) -> None:
        """The oldest shares go first; those that nobody sold are of every lot a part."""
        held = sum((lot.qty for lot in self._held), ZERO)
        left, share_left = qty, (fee or FillFee(ZERO)).amount
        for lot in list(self._held):
            if not left:
                break
            part = lot.qty if is_trade else round_up(lot.qty * qty / held, QTY_STEP)
            out = min(part, lot.qty, left)
            is_last = out == left
            share = share_left if is_last else (fee or FillFee(ZERO)).amount * out / qty
            self.matched.append(self._matched(lot, item, out, share, fee, is_trade))
            left, share_left = left - out, share_left - share
        self._held = deque(lot for lot in self._held if lot.qty)

    def split(self, new: Decimal) -> None:
        """The same cost in so many new shares together; the last lot takes what rounding leaves."""
        held = sum((lot.qty for lot in self._held), ZERO)
        left = new
        for lot in self._held:
            is_last = lot is self._held[-1]
            lot.qty = left if is_last else (lot.qty * new / held).quantize(QTY_STEP)
            left -= lot.qty

    def _matched(
        self,
        lot: _Held,
        item: Execution,
        qty: Decimal,
        exit_fee: Decimal,
        fee: FillFee | None,
        is_trade: bool,
    ) -> Lot:
        """Take `qty` out of a lot."""
        whole = qty == lot.qty
        cost = lot.cost if whole else lot.cost * qty / lot.qty
        paid = lot.fee if whole else lot.fee * qty / lot.qty
        lot.qty, lot.cost, lot.fee = lot.qty - qty, lot.cost - cost, lot.fee - paid
        each = multiplier_of(self._symbol)
        proceeds = qty * item.net_price * each if is_trade else cost
        sign = 1 if self._side is PositionSide.LONG else -1
        return Lot(
            symbol=self._symbol,
            trade_id=self._trade_id,
            side=self._side,
            qty=qty,
            opened_at=lot.opened_at,
            closed_at=item.at,
            price_in=cost / qty / each,
            price_out=proceeds / qty / each,
            gross=(proceeds - cost) * sign,
            fees=FillFee(paid + exit_fee, lot.estimated or (fee is not None and fee.estimated)),
            execution_in=lot.execution_id,
            execution_out=item.execution_id,
            is_trade=is_trade,
        )
