"""What an entry was judged by, kept with its intent: whoever asks for its risk later, after a kill
or by the same id, hears what was said at first. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from execbot.model.numbers import ZERO
from execbot.model.options.spreads import underlying_of
from execbot.model.symbols import symbol_key
from execbot.risk.facts import (
    Facts,
    Intent,
    broker_cost,
    buying_power,
    exposure_of,
    market_price,
    order_value,
)
from execbot.risk.options.cover import shares_free
from execbot.risk.options.facts import is_of_options, underlying
from execbot.risk.options.worth import freed_by, net_price
from execbot.risk.pending import Purpose
from execbot.risk.rules_history import day_loss_pct
from execbot.risk.rules_position import options_name, position_name

if TYPE_CHECKING:
    from execbot.config.schema import TradingSettings
    from execbot.journal.journal import Journal
    from execbot.model.order import OrderRequest

ENTRY = "entry"
"""Under this name it stands in the facts of the audit row that let the entry go, or wait."""

PCT_STEP = Decimal("0.01")


class EntryBasis(Struct, frozen=True, omit_defaults=True):
    """USD, but for counts and percent. None: not known.

    `price` is where it would trade, `value` what it adds to exposure, `taken` what the broker holds
    of `power` for it. `held` and `gross` are exposure before it, `positions` are counted with it.
    Of contracts: `net` is the price of one unit, `freed` that of its legs that close, `shares` are
    free to cover what is sold. `lifts`
    are the exits in its way; `shortfall` says why it is smaller than what it was sized by.
    """

    equity: Decimal
    price: Decimal | None = None
    value: Decimal | None = None
    power: Decimal | None = None
    taken: Decimal | None = None
    held: Decimal = ZERO
    gross: Decimal = ZERO
    positions: int = 0
    orders: int = 0
    loss_pct: Decimal | None = None
    limits: Mapping[str, Decimal] = {}
    net: Decimal | None = None
    freed: Decimal = ZERO
    shares: Decimal = ZERO
    opens_short: str = ""
    shortfall: str = ""
    lifts: tuple[str, ...] = ()


def basis_of(
    request: OrderRequest, facts: Facts, settings: TradingSettings, price: Decimal | None = None
) -> EntryBasis:
    """What `facts` say of an entry; `price` is what its levels were measured from."""
    exposure, of_options = exposure_of(facts), is_of_options(request)
    key = options_name(underlying_of(request)) if of_options else symbol_key(request.symbol)
    names = {position_name(name) for name in exposure.symbols}
    held = sum((v for k, v in exposure.by_symbol.items() if position_name(k) == key), ZERO)
    basis = EntryBasis(
        equity=facts.equity,
        price=price or request.limit_price or market_price(facts, request.side),
        value=order_value(request, facts),
        power=buying_power(facts, exposure, of_options=of_options),
        taken=broker_cost(Intent(request, Purpose.ENTRY), facts),
        held=held,
        gross=exposure.gross,
        positions=len(names | {key}),
        orders=facts.counters.orders_today,
        loss_pct=_two(day_loss_pct(facts)),
        limits=_limits(settings),
    )
    if not of_options:
        return basis
    root = underlying(request.spread[0].symbol if request.spread else request.symbol)
    free = shares_free(root, facts.positions, facts.pending)
    net = net_price(request, facts.options, opens=True)
    freed = freed_by(request, facts.options)
    return msgspec.structs.replace(basis, net=net, freed=freed, shares=free)


def _limits(settings: TradingSettings) -> dict[str, Decimal]:
    """Each limit that there is, in the words of trading.yaml."""
    found: dict[str, Decimal | int | None] = {
        "max_positions": settings.max_positions,
        "max_position_size_pct": settings.max_position_size_pct,
        "max_account_exposure_pct": settings.max_account_exposure_pct,
        "risk.max_daily_orders": settings.risk.max_daily_orders,
        "risk.max_daily_loss_pct": settings.risk.max_daily_loss_pct,
    }
    return {name: Decimal(limit) for name, limit in found.items() if limit is not None}


def _two(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(PCT_STEP, ROUND_HALF_EVEN)


def as_facts(basis: EntryBasis) -> dict[str, Any]:
    """As it is kept in an audit row."""
    found: dict[str, Any] = msgspec.to_builtins(basis)
    return found


def basis_kept(journal: Journal, client_order_id: str) -> EntryBasis | None:
    """By what the order was judged last; None for exits, and for orders that a program before this
    one has sent."""
    for row in reversed(journal.audit_of(client_order_id)):
        if ENTRY in row.facts:
            return msgspec.convert(row.facts[ENTRY], EntryBasis)
    return None
