"""Cost and risk of an entry, and the room it leaves in the limits. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from execbot.exits.entry_risk import EntryRisk as EntryRisk
from execbot.exits.entry_risk import LimitUse
from execbot.model.numbers import CENT
from execbot.model.symbols import multiplier_of
from execbot.oms.place.entry_basis import PCT_STEP, EntryBasis, basis_of
from execbot.risk.options.facts import is_of_options, legs_of
from execbot.risk.options.worth import worth_of
from execbot.risk.pending import Purpose

if TYPE_CHECKING:
    from execbot.config.schema import TradingSettings
    from execbot.exits.plan.plan import ExitPlan
    from execbot.journal.records import OrderRecord
    from execbot.model.order import OrderRequest
    from execbot.oms.place.placed import Placed
    from execbot.oms.place.risk_gate import Checked

HUNDRED = Decimal(100)


def entry_risk(
    checked: Checked | None,
    plan: ExitPlan | None,
    limits: TradingSettings,
    *,
    price: Decimal | None = None,
    record: OrderRecord | None = None,
) -> EntryRisk | None:
    """By the facts that the entry was judged by; None for an exit, or where it was not judged.

    `plan` is its own, or that of the position it adds to; `price` where it would trade. A `record`
    that has filled tells what was paid.
    """
    if checked is None or checked.purpose is not Purpose.ENTRY:
        return None
    basis = basis_of(checked.request, checked.facts, limits, price)
    return risk_by(basis, checked.request, plan, record)


def risk_by(
    basis: EntryBasis,
    request: OrderRequest,
    plan: ExitPlan | None,
    record: OrderRecord | None = None,
) -> EntryRisk:
    """The same by what was kept of the facts."""
    if is_of_options(request) and (plan is None or request.spread):
        return _of_contracts(basis, request, record)
    paid = None if record is None else record.order.filled_avg_price
    at = paid or basis.price
    qty = request.qty
    if record is not None and record.order.is_terminal and record.order.filled_qty:
        qty = record.order.filled_qty
    if qty is None and request.notional is not None and at:
        qty = request.notional / at
    units = None if qty is None else qty * multiplier_of(request.symbol)
    cost = units * at if units is not None and at is not None else basis.value
    stop = _stop_of(plan, at)
    each = None if stop is None or at is None else (at - stop) * request.side.sign
    usd = cost if each is None else None if units is None else units * each
    if each is not None and each <= 0:
        each, usd = None, None  # beyond the stop: what its sale will bring nobody knows
    return EntryRisk(
        cost=_cents(cost),
        cost_pct=_percent(cost, basis.equity),
        usd=_cents(usd),
        usd_pct=_percent(usd, basis.equity),
        price=at,
        stop=stop,
        r_per_share=each,
        buying_power_left=_left(basis.power, basis.taken),
        limits=tuple(_uses(basis, cost)),
    )


def _of_contracts(
    basis: EntryBasis, request: OrderRequest, record: OrderRecord | None
) -> EntryRisk:
    """Without a stop: the premium is what they cost, the worst loss what they risk."""
    paid = None if record is None else record.order.filled_avg_price
    net, price = basis.net, request.limit_price
    if paid is not None:
        net, price = paid if request.spread else paid * request.side.sign, paid
    found = None
    if net is not None and request.qty is not None:
        legs = legs_of(request, opens=True)
        found = worth_of(legs, request.qty, net, basis.shares, basis.freed)
    cost = None if found is None else found.premium
    usd = None if found is None else found.loss
    taken = None if found is None else found.tied_up
    value = None
    if found is not None and found.at_risk is not None:
        value = max(found.at_risk, found.premium)
    return EntryRisk(
        cost=_cents(cost),
        cost_pct=_percent(cost, basis.equity),
        usd=_cents(usd),
        usd_pct=_percent(usd, basis.equity),
        price=price,
        stop=None,
        r_per_share=None,
        buying_power_left=_left(basis.power, taken),
        limits=tuple(_uses(basis, value)),
        is_most=True,
    )


def risk_of(placed: Placed, plan: ExitPlan | None, limits: TradingSettings) -> EntryRisk | None:
    """Of an entry that was placed now; one that was given before is told of as it was then."""
    record, entry = placed.record, placed.entry
    if record.order.is_refused_change:
        return None
    if placed.basis is not None and entry is not None:
        return risk_by(placed.basis, entry.request, plan, record)
    if record.already:
        return None
    price = None if entry is None else entry.price
    return entry_risk(placed.checked, plan, limits, price=price, record=record)


def _stop_of(plan: ExitPlan | None, price: Decimal | None) -> Decimal | None:
    """Where the plan's stop stands, or would for an entry at `price`."""
    if plan is None:
        return None
    if plan.stop.price is not None or price is None:
        return plan.stop.price
    from execbot.exits.levels import LevelError
    from execbot.exits.plan.plan import priced

    try:
        return priced(plan, price, plan.updated_at).stop.price
    except LevelError:
        return None


def _uses(basis: EntryBasis, cost: Decimal | None) -> list[LimitUse]:
    """Each limit that there is, this entry counted."""

    def part(before: Decimal) -> Decimal | None:
        return None if cost is None else _percent(before + cost, basis.equity)

    used: dict[str, Decimal | int | None] = {
        "max_positions": basis.positions,
        "max_position_size_pct": part(basis.held),
        "max_account_exposure_pct": part(basis.gross),
        "risk.max_daily_orders": basis.orders + 1,
        "risk.max_daily_loss_pct": basis.loss_pct,
    }
    return [
        LimitUse(name, None if (found := used[name]) is None else Decimal(found), limit)
        for name, limit in basis.limits.items()
    ]


def _left(power: Decimal | None, taken: Decimal | None) -> Decimal | None:
    return None if power is None or taken is None else _cents(power - taken)


def _percent(part: Decimal | None, whole: Decimal) -> Decimal | None:
    if part is None or whole <= 0:
        return None
    return (part / whole * HUNDRED).quantize(PCT_STEP, ROUND_HALF_EVEN)


def _cents(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(CENT, ROUND_HALF_EVEN)
