"""How a position stands, as `positions` and the screen of `watch` show it. Pure.

Quantity, prices and profit are the broker's where it was asked, else counted from what is known
here. Stop and targets are the plan's while one is in force, else those of the orders that would
close the position.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.exits.exit_orders import leaves_now
from execbot.model.account import Position
from execbot.model.enums import OPEN_STATUSES, STOP_TYPES, OrderStatus, OrderType, PositionSide
from execbot.model.numbers import ZERO, text
from execbot.model.order import Order
from execbot.model.symbols import multiplier_of

if TYPE_CHECKING:  # `positions` starts without the plans and rules
    from execbot.exits.plan.plan import ExitPlan
    from execbot.exits.rules.view import Coverage, Guarded
    from execbot.exits.structures.plan import StructurePlan


class PositionState(StrEnum):
    PENDING_ENTRY = "PENDING_ENTRY"
    OPEN = "OPEN"
    PENDING_EXIT = "PENDING_EXIT"
    CLOSED = "CLOSED"


class PositionView(Struct, frozen=True):
    """One row of the positions table. `qty` is signed; what is not known is None.

    `stop` is the one nearest to the market, `protected_qty` what all stops at the broker cover,
    `missing` the protection that was promised and is not there, in words. `broker` is the broker's
    own row where it was asked. `realized_pl` is gross, `fees` None while none is known. `r` is the
    profit in multiples of the risk first taken, `risk_usd` what one R of the whole position is.
    """

    symbol: str
    state: PositionState
    side: PositionSide
    qty: Decimal
    avg_entry_price: Decimal | None = None
    current_price: Decimal | None = None
    market_value: Decimal | None = None
    unrealized_pl: Decimal | None = None
    realized_pl: Decimal | None = None
    fees: Decimal | None = None
    fees_estimated: bool = False
    r: Decimal | None = None
    risk_usd: Decimal | None = None
    stop: Decimal | None = None
    targets: tuple[Decimal, ...] = ()
    age_seconds: int | None = None
    best_r: Decimal | None = None
    worst_r: Decimal | None = None
    guarded: Guarded | None = None
    protected_qty: Decimal = ZERO
    missing: str = ""
    broker: Position | None = None
    structure: StructurePlan | None = None
    """The plan of the structure that rules a contract, where it has none of its own."""

    @property
    def net_pl(self) -> Decimal | None:
        """Realised profit, less the fees that are known."""
        return None if self.realized_pl is None else self.realized_pl - (self.fees or ZERO)

    @property
    def is_covered_without_plan(self) -> bool:
        """Stops of another hand, an older bracket or another program, cover all of it."""
        return self._unplanned_qty >= abs(self.qty) > 0

    @property
    def unplanned_stop(self) -> str:
        """In words what stands at the broker for a position without a plan; empty for nothing."""
        if self.is_covered_without_plan:
            return "stop, no plan"
        part = self._unplanned_qty
        return f"stop for {text(part)} of {text(abs(self.qty))}" if part else ""

    @property
    def _unplanned_qty(self) -> Decimal:
        has_no_plan = self.guarded is not None and self.guarded.name == "NO_PLAN"
        return self.protected_qty if has_no_plan else ZERO


class Known(Struct, frozen=True):
    """Facts of a position beside its plan and orders."""

    avg_entry_price: Decimal | None = None
    price: Decimal | None = None
    realized_pl: Decimal | None = None
    fees: Decimal | None = None
    fees_estimated: bool = False
    opened_at: datetime | None = None
    has_entry: bool = False
    """An opening order works."""
    coverage: Coverage | None = None
    missing: str = ""
    broker: Position | None = None
    structure: StructurePlan | None = None


def position_view(
    symbol: str,
    qty: Decimal,
    known: Known,
    *,
    now: datetime,
    plan: ExitPlan | None = None,
    orders: Iterable[Order] = (),
    planned: ExitPlan | None = None,
) -> PositionView:
    """Put a row together. `orders` are the open ones of the symbol, with their legs or without.
    `planned` is a plan whose risk counts, while its levels are shown as orders hold them."""
    side = PositionSide.of(qty)
    if qty == 0 and plan is not None:
        side = plan.side
    price, entry, broker = known.price, known.avg_entry_price, known.broker
    units = qty * multiplier_of(symbol)
    value = None if price is None else units * price
    gain = None if price is None or entry is None else (price - entry) * units
    since = (plan.opened_at if plan else None) or known.opened_at
    exits = _closing(orders, side)
    resting = _resting(exits, side, known.coverage if qty else None)
    kept = plan if plan is not None and plan.is_open and not _is_bare(known) else None
    is_leaving = (plan is not None and plan.exit is not None) or any(map(leaves_now, exits))
    is_leaving = is_leaving or (known.structure is not None and _is_in(known, "LEAVING"))
    measured = plan or planned
    best, worst = (measured.best_price, measured.worst_price) if measured else (None, None)
    return PositionView(
        symbol=symbol,
        state=state_of(qty, has_entry=known.has_entry, is_leaving=is_leaving),
        side=side,
        qty=qty,
        avg_entry_price=entry,
        current_price=price,
        market_value=value if broker is None else broker.market_value,
        unrealized_pl=gain if broker is None else broker.unrealized_pl,
        realized_pl=known.realized_pl,
        fees=known.fees,
        fees_estimated=known.fees_estimated,
        r=_in_r(measured, side, price),
        risk_usd=None if measured is None or measured.risk is None else measured.risk * abs(units),
        stop=resting.stop if kept is None else kept.stop.price,
        targets=resting.targets if kept is None else _targets(kept),
        age_seconds=None if since is None or qty == 0 else _seconds(since, now),
        best_r=_in_r(measured, side, best),
        worst_r=_in_r(measured, side, worst),
        guarded=known.coverage.state if known.coverage is not None else None,
        protected_qty=resting.protected_qty,
        missing=known.missing,
        broker=broker,
        structure=known.structure if qty else None,
    )


def state_of(qty: Decimal, *, has_entry: bool, is_leaving: bool) -> PositionState:
    """`has_entry`: an opening order works; `is_leaving`: an exit was decided or works."""
    if qty != 0:
        return PositionState.PENDING_EXIT if is_leaving else PositionState.OPEN
    return PositionState.PENDING_ENTRY if has_entry else PositionState.CLOSED


_STAYS = OPEN_STATUSES - {OrderStatus.PENDING_CANCEL}


class _Resting(Struct, frozen=True):
    stop: Decimal | None
    targets: tuple[Decimal, ...]
    protected_qty: Decimal


def _closing(orders: Iterable[Order], side: PositionSide) -> list[Order]:
    """The living orders, legs included, that would close a position of `side`; each once."""
    each = {order.id or order.client_order_id: order for order in _flat(orders)}
    return [o for o in each.values() if o.side is side.closing and o.status in _STAYS]


def _flat(orders: Iterable[Order]) -> Iterator[Order]:
    for order in orders:
        yield order
        yield from _flat(order.legs)


def _resting(exits: Iterable[Order], side: PositionSide, coverage: Coverage | None) -> _Resting:
    """Where it was judged what covers the shares, stops that cover none of them are not shown."""
    is_long = side is PositionSide.LONG
    exits = list(exits)
    counts = coverage is None or coverage.covered > 0
    stops = [o for o in exits if o.type in STOP_TYPES] if counts else []
    covered = sum((o.leaves_qty or ZERO for o in stops), ZERO)
    prices = [o.stop_price for o in stops if o.stop_price is not None]
    targets = {o.limit_price for o in exits if o.type is OrderType.LIMIT and not leaves_now(o)}
    return _Resting(
        stop=(max if is_long else min)(prices, default=None),
        targets=tuple(sorted((t for t in targets if t), reverse=not is_long)),
        protected_qty=covered if coverage is None else coverage.covered,
    )


def _is_bare(known: Known) -> bool:
    """Shares lack the stop of their plan: where it would stand says nothing of what stands."""
    return _is_in(known, "UNPROTECTED")


def _is_in(known: Known, name: str) -> bool:
    if known.coverage is None:
        return False
    from execbot.exits.rules.view import Guarded

    return known.coverage.state is Guarded[name]


def _targets(plan: ExitPlan) -> tuple[Decimal, ...]:
    return tuple(target.price for target in plan.open_targets if target.price)


def _in_r(plan: ExitPlan | None, side: PositionSide, at: Decimal | None) -> Decimal | None:
    if plan is None or at is None or plan.entry_price is None:
        return None
    from execbot.exits.levels import r_multiple

    return r_multiple(side, plan.entry_price, plan.stop.initial, at)


def _seconds(since: datetime, now: datetime) -> int:
    return max(int((now - since).total_seconds()), 0)
