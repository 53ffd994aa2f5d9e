"""Cost and risk of an entry, and the room it leaves in the limits. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from execbot.exits.entry_risk import EntryRisk as EntryRisk
from execbot.exits.entry_risk import LimitUse
from execbot.model.enums import OrderType
from execbot.model.numbers import CENT, ZERO
from execbot.model.options.spreads import underlying_of
from execbot.model.symbols import multiplier_of, symbol_key
from execbot.risk.facts import (
    Facts,
    Intent,
    broker_cost,
    buying_power,
    exposure_of,
    market_price,
    option_worth,
    order_value,
)
from execbot.risk.options.facts import is_of_options
from execbot.risk.pending import Purpose
from execbot.risk.rules_history import day_loss_pct
from execbot.risk.rules_position import options_name, position_name

if TYPE_CHECKING:
    from execbot.config.schema import TradingSettings
    from execbot.exits.plan.plan import ExitPlan
    from execbot.journal.records import OrderRecord
    from execbot.model.order import OrderRequest
    from execbot.oms.place.placed import Placed
    from execbot.oms.place.risk_gate import Checked

HUNDRED = Decimal(100)
PCT_STEP = Decimal("0.01")


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
    request, facts = checked.request, checked.facts
    if is_of_options(request) and (plan is None or request.spread):
        return _of_contracts(request, facts, limits, record)
    paid = None if record is None else record.order.filled_avg_price
    at = paid or price or request.limit_price or market_price(facts, request.side)
    qty = request.qty
    if record is not None and record.order.is_terminal and record.order.filled_qty:
        qty = record.order.filled_qty
    if qty is None and request.notional is not None and at:
        qty = request.notional / at
    units = None if qty is None else qty * multiplier_of(request.symbol)
    cost = units * at if units is not None and at is not None else order_value(request, facts)
    stop = _stop_of(plan, at)
    each = None if stop is None or at is None else abs(at - stop)
    usd = cost if each is None else None if units is None else units * each
    taken = broker_cost(Intent(request, Purpose.ENTRY), facts)
    power = buying_power(facts, exposure_of(facts), of_options=is_of_options(request))
    return EntryRisk(
        cost=_cents(cost),
        cost_pct=_percent(cost, facts.equity),
        usd=_cents(usd),
        usd_pct=_percent(usd, facts.equity),
        price=at,
        stop=stop,
        r_per_share=each,
        buying_power_left=None if power is None or taken is None else _cents(power - taken),
        limits=tuple(_uses(request.symbol, cost, facts, limits)),
    )


def _of_contracts(
    request: OrderRequest, facts: Facts, limits: TradingSettings, record: OrderRecord | None
) -> EntryRisk:
    """Without a stop: the premium is what they cost, the worst loss what they risk."""
    paid = None if record is None else record.order.filled_avg_price
    if paid is not None:
        request = replace(request, type=OrderType.LIMIT, limit_price=paid)
    found, power = (
        option_worth(request, facts),
        buying_power(facts, exposure_of(facts), of_options=True),
    )
    cost = None if found is None else found.premium
    usd = None if found is None else found.at_risk
    taken = None if found is None else found.tied_up
    value = None if found is None or usd is None else max(usd, found.premium)
    name = options_name(underlying_of(request))
    return EntryRisk(
        cost=_cents(cost),
        cost_pct=_percent(cost, facts.equity),
        usd=_cents(usd),
        usd_pct=_percent(usd, facts.equity),
        price=request.limit_price,
        stop=None,
        r_per_share=None,
        buying_power_left=None if power is None or taken is None else _cents(power - taken),
        limits=tuple(_uses(name, value, facts, limits)),
    )


def risk_of(placed: Placed, plan: ExitPlan | None, limits: TradingSettings) -> EntryRisk | None:
    """Of an entry that was placed now; one that was given before is told of as it was then."""
    if placed.record.already or placed.record.order.is_refused_change:
        return None
    price = None if placed.entry is None else placed.entry.price
    return entry_risk(placed.checked, plan, limits, price=price, record=placed.record)


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


def _uses(
    symbol: str, cost: Decimal | None, facts: Facts, limits: TradingSettings
) -> list[LimitUse]:
    """Each limit that there is, this entry counted."""
    exposure = exposure_of(facts)
    key = position_name(symbol_key(symbol))
    names = {position_name(name) for name in exposure.symbols}
    held = sum((v for k, v in exposure.by_symbol.items() if position_name(k) == key), ZERO)
    found: list[tuple[str, Decimal | int | None, Decimal | int | None]] = [
        ("max_positions", len(names | {key}), limits.max_positions),
        (
            "max_position_size_pct",
            None if cost is None else _percent(held + cost, facts.equity),
            limits.max_position_size_pct,
        ),
        (
            "max_account_exposure_pct",
            None if cost is None else _percent(exposure.gross + cost, facts.equity),
            limits.max_account_exposure_pct,
        ),
        (
            "risk.max_daily_orders",
            facts.counters.orders_today + 1,
            limits.risk.max_daily_orders,
        ),
        ("risk.max_daily_loss_pct", _two(day_loss_pct(facts)), limits.risk.max_daily_loss_pct),
    ]
    return [
        LimitUse(name, None if used is None else Decimal(used), Decimal(limit))
        for name, used, limit in found
        if limit is not None
    ]


def _percent(part: Decimal | None, whole: Decimal) -> Decimal | None:
    return None if part is None or whole <= 0 else _two(part / whole * HUNDRED)


def _two(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(PCT_STEP, ROUND_HALF_EVEN)


def _cents(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(CENT, ROUND_HALF_EVEN)
