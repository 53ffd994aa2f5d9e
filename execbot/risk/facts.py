"""Everything a risk decision looks at, gathered into one value, and what follows from it.

`Facts` hold what was read (broker, journal, clock) and nothing is read again while deciding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from msgspec import Struct, field
from msgspec.structs import replace

from execbot.config.schema import Mode, TradingSettings
from execbot.market.halts import Halt, PriceBand
from execbot.market.sessions import EXTENDED, MarketNow, Session
from execbot.model.account import Account, Asset, Position
from execbot.model.enums import (
    OrderType,
    Side,
)
from execbot.model.flags import NO_FLAGS, Flags
from execbot.model.numbers import ZERO, first_known, text
from execbot.model.order import Order, OrderRequest
from execbot.model.quote import Quote
from execbot.model.symbols import is_in_dollars, multiplier_of, option_contract, symbol_key
from execbot.risk.equity import equity_of
from execbot.risk.holding_evidence import HoldingRange
from execbot.risk.kill_switch import OFF, KillSwitch
from execbot.risk.options.cover import shares_free
from execbot.risk.options.exposure import options_at_risk
from execbot.risk.options.facts import NO_OPTIONS, OptionFacts, is_of_options, underlying
from execbot.risk.options.worth import Worth, worth
from execbot.risk.pending import PendingOrder, Purpose

SHORT_COLLAR = Decimal("1.03")
"""Alpaca values an opening short at 3 % above the ask."""
CRYPTO_MARKET_COLLAR = Decimal("1.02")
"""Alpaca turns a crypto market order into a limit 2 % through the quote."""
READING_SECONDS_MAX = 15.0
"""How long reading the facts of one decision may take: three answers of a slow broker, one after
the other. Longer than that and they are read once more."""
STOP_COLLAR_CHEAP = Decimal("1.04")
STOP_COLLAR = Decimal("1.025")
STOP_COLLAR_SPLIT = Decimal(50)
"""A buy stop becomes a stop-limit 4 % above the stop below 50 dollars, 2.5 % from there."""


def spread_max(limits: TradingSettings) -> float:
    """How far apart the facts of one decision may lie, in seconds: as old as kept ones may be, and
    as long as it takes to read the others."""
    return READING_SECONDS_MAX + float(limits.risk.facts_max_age_seconds)


class RecentIntent(Struct, frozen=True):
    """A past intent as the duplicate window compares it."""

    client_order_id: str
    at: datetime
    key: tuple[str, ...]


class Counters(Struct, frozen=True):
    """The journal's counts of today (New York's day) and of the last results."""

    orders_today: int = 0
    consecutive_losses: int = 0
    consecutive_rejections: int = 0
    scale_in_steps: int = 0
    recent: tuple[RecentIntent, ...] = ()


class Facts(Struct, frozen=True):
    """All facts about one intent at `now`. None means it could not be read."""

    now: datetime
    mode: Mode
    market: MarketNow
    account: Account | None = None
    asset: Asset | None = None
    quote: Quote | None = None
    last_price: Decimal | None = None
    positions: Mapping[str, Position] = field(default_factory=dict)
    pending: tuple[PendingOrder, ...] = ()
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    smallest: Mapping[str, Decimal] = field(default_factory=dict)
    """The smallest order that the broker takes, by symbol key, where one is known."""
    kill_switch: KillSwitch = OFF
    halt: Halt | None = None
    band: PriceBand | None = None
    counters: Counters = Counters()
    live_allowed: bool = False
    atr: Decimal | None = None
    loosened: tuple[str, ...] = ()
    """Limits that hold back less than those that ruled the account's last entry, in words."""
    flows: Decimal = ZERO
    """Cash and securities that came today (plus) or went (minus), in USD."""
    unprotected: tuple[str, ...] = ()
    """Positions without the protection promised to them, in words; empty where nobody asks."""
    holding: HoldingRange | None = None
    """The symbol by both witnesses; None where the journal knows nothing of it."""
    unread: str = ""
    """What is impossible in what the broker says of the symbol, in words; else empty."""
    changing: str = ""
    """What another symbol seems to have become, this one or a contract of its stock, while no row
    of the broker's says so, in words; else empty."""

    options: OptionFacts = NO_OPTIONS
    """What is listed and quoted of the contracts that the order opens."""

    has_moved: bool = False
    """An order has ended since the account was asked: what it held or reserved counts still."""

    spread_seconds: float | None = None
    """How far apart what the broker said was read, in the machine's seconds; None where that is of
    no matter."""

    def position(self, symbol: str) -> Position | None:
        return self.positions.get(symbol_key(symbol))

    def counted(self, symbol: str) -> Position | None:
        """The position, unless it is dust: that is shown, and counts for no limit."""
        held = self.position(symbol)
        return None if held is None or self.is_dust(held) else held

    def is_dust(self, held: Position) -> bool:
        return held.is_dust(self.smallest.get(symbol_key(held.symbol)))

    @property
    def fair_price(self) -> Decimal | None:
        """The middle of the quote, else the last trade."""
        middle = self.quote.mid if self.quote is not None else None
        return middle if middle is not None else self.last_price

    @property
    def equity(self) -> Decimal:
        """Equity in USD as limits are measured by it (see `execbot.risk.equity`); 0: none known."""
        return equity_of(self.account).safe


class Intent(Struct, frozen=True):
    """The order about to be sent, and its purpose: the subject of every check.

    `flags` lift guards against slips, as the trader asked. `replaces`: it takes the place of an
    order that is at the broker already.
    """

    request: OrderRequest
    purpose: Purpose
    flags: Flags = NO_FLAGS
    replaces: bool = False

    @property
    def opens_short(self) -> bool:
        return self.purpose is Purpose.ENTRY and self.request.side is Side.SELL


def index_positions(positions: Iterable[Position]) -> dict[str, Position]:
    return {symbol_key(p.symbol): p for p in positions if p.qty != 0}


def intent_key(request: OrderRequest) -> tuple[str, ...]:
    """Two intents with the same key ask for the same thing: 150.10 and 150.1 are one price."""
    parts = (
        request.symbol,
        request.side,
        request.type,
        request.qty,
        request.notional,
        request.limit_price,
        request.stop_price,
        request.trail_price,
        request.trail_percent,
        " ".join(f"{leg.intent}:{leg.ratio}:{leg.symbol}" for leg in request.spread) or None,
    )
    return tuple(
        "" if part is None else text(part) if isinstance(part, Decimal) else str(part)
        for part in parts
    )


def taken_back(facts: Facts, order: Order, names: frozenset[str]) -> Facts:
    """The facts as if an entry of ours had never been given: its replacement is judged whole.

    `names` are the client_order_ids of it and of its legs. They are pending no longer, what they
    reserved is buying power again, and what filled is taken out of the position.
    """
    gone = [pending for pending in facts.pending if pending.client_order_id in names]
    freed = sum((pending_value(p, facts) or ZERO for p in gone if p.reserved), ZERO)
    freed += order.filled_qty * (order.filled_avg_price or ZERO)
    positions = dict(facts.positions)
    key = symbol_key(order.symbol)
    held = positions.get(key)
    if held is not None and order.filled_qty:
        rest = max(abs(held.qty) - order.filled_qty, ZERO)
        if not rest:
            del positions[key]
        else:
            value = position_value(held, facts.prices) * rest / abs(held.qty)
            positions[key] = replace(held, qty=rest * order.side.sign, market_value=value)
    return replace(
        facts,
        account=_with_more_power(facts.account, freed),
        positions=positions,
        pending=tuple(p for p in facts.pending if p not in gone),
    )


def _with_more_power(account: Account | None, freed: Decimal) -> Account | None:
    if account is None:
        return None
    power, plain = account.buying_power, account.non_marginable_buying_power
    return replace(
        account,
        buying_power=None if power is None else power + freed,
        non_marginable_buying_power=None if plain is None else plain + freed,
    )


# --- prices and values ---------------------------------------------------------------------


def market_price(facts: Facts, side: Side) -> Decimal | None:
    """The price per unit of a market order, as Alpaca values it.

    The far side of the quote in the regular session, the middle in extended hours, the last
    trade when closed or where the quote has no such side.
    """
    quote = facts.quote
    if quote is not None:
        if facts.market.session in EXTENDED:
            middle = quote.mid
            if middle is not None:
                return middle
        far = quote.ask if side is Side.BUY else quote.bid
        if far > 0 and facts.market.session is not Session.CLOSED:
            return far
        if far > 0 and facts.last_price is None:
            return far
    return facts.last_price


def unit_price(request: OrderRequest, facts: Facts) -> Decimal | None:
    """The highest price per unit an order is expected to trade at; None if nothing is known."""
    price = market_price(facts, request.side)
    if request.side is Side.SELL:
        known = [p for p in (request.limit_price, request.stop_price, price) if p is not None]
        return max(known, default=None)
    if request.limit_price is not None:
        return request.limit_price
    if request.type is OrderType.STOP and request.stop_price is not None:
        cheap = request.stop_price < STOP_COLLAR_SPLIT
        return request.stop_price * (STOP_COLLAR_CHEAP if cheap else STOP_COLLAR)
    return price


def order_value(request: OrderRequest, facts: Facts) -> Decimal | None:
    """The exposure that the order adds, in USD; None if it cannot be valued."""
    if request.notional is not None:
        return request.notional
    if is_of_options(request):
        found = option_worth(request, facts)
        return None if found is None or found.at_risk is None else max(found.at_risk, found.premium)
    price = unit_price(request, facts)
    if price is None or request.qty is None:
        return None
    return price * request.qty * multiplier_of(request.symbol)


def option_worth(request: OrderRequest, facts: Facts) -> Worth | None:
    """Premium, loss and collateral of an entry in contracts; None where it has no price."""
    root = underlying(request.spread[0].symbol if request.spread else request.symbol)
    free = shares_free(root, facts.positions, facts.pending)
    return worth(request, facts.options, free, opens=True)


def broker_cost(intent: Intent, facts: Facts) -> Decimal | None:
    """The amount that Alpaca takes off buying power for the order, in USD.

    Opening shorts count at max(limit, 3 % above the ask), crypto market orders at 2 % above it.
    """
    request = intent.request
    if is_of_options(request):
        found = option_worth(request, facts)
        return None if found is None else found.tied_up
    value = order_value(request, facts)
    if value is None or request.qty is None:
        return value
    if intent.opens_short:
        ask = facts.quote.ask if facts.quote and facts.quote.ask > 0 else facts.last_price
        if ask is None:
            return None
        return max(request.limit_price or ZERO, ask * SHORT_COLLAR) * request.qty
    is_crypto = facts.asset is not None and facts.asset.is_crypto
    if is_crypto and request.type is OrderType.MARKET:
        return value * CRYPTO_MARKET_COLLAR
    return value


def position_value(position: Position, prices: Mapping[str, Decimal]) -> Decimal:
    """Absolute market value; entry price stands in where the broker sends no current one."""
    if position.market_value is not None:
        return abs(position.market_value)
    price = position.current_price or prices.get(position.symbol) or position.avg_entry_price
    return abs(position.qty * (price or ZERO)) * multiplier_of(position.symbol)


def pending_value(order: PendingOrder, facts: Facts) -> Decimal | None:
    """The exposure that a pending entry may still add, in USD; None if no price in dollars is
    known.

    A contract that is sold risks what its holder may put or call: its strike. So does one that is
    bought at an unknown price. Each leg of a spread counts alone, so that none lowers another.
    """
    if order.purpose is Purpose.EXIT:
        return ZERO
    if order.leaves_qty is None:
        return order.notional
    if not is_in_dollars(order.symbol):
        return None
    qty = order.leaves_qty * multiplier_of(order.symbol)
    contract = option_contract(order.symbol)
    if contract is not None and order.side is Side.SELL:
        return qty * contract.strike
    if order.side is Side.BUY and order.limit_price is not None:
        return qty * order.limit_price
    held = facts.position(order.symbol)
    known = [
        order.limit_price,
        order.stop_price,
        facts.prices.get(order.symbol),
        order.price_hint,
        held.current_price if held else None,
    ]
    price = max((p for p in known if p is not None), default=None)
    if price is None and contract is not None:
        price = contract.strike
    return None if price is None else qty * price


class Exposure(Struct, frozen=True):
    """Positions plus pending entries, in USD by symbol key; shorts count as positive.

    `unvalued` are pending entries for which no price is known: limits then cannot be shown to
    hold.
    """

    by_symbol: Mapping[str, Decimal]
    unreserved: Decimal
    unvalued: tuple[str, ...] = ()

    @property
    def gross(self) -> Decimal:
        return sum(self.by_symbol.values(), ZERO)

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset(self.by_symbol)


def exposure_of(facts: Facts) -> Exposure:
    """Positions plus everything pending that could become one."""
    by_symbol: dict[str, Decimal] = {
        key: position_value(position, facts.prices)
        for key, position in facts.positions.items()
        if not facts.is_dust(position)
    }
    by_symbol |= options_at_risk(facts.positions)
    unreserved = ZERO
    unvalued = []
    groups: set[str] = set()
    for order in facts.pending:
        if order.purpose is Purpose.EXIT:
            continue
        value = pending_value(order, facts)
        if order.group and order.group_risk is not None:
            value = ZERO if order.group in groups else order.group_risk
            groups.add(order.group)
        if value is None:
            unvalued.append(order.client_order_id)
            value = ZERO
        key = symbol_key(order.symbol)
        by_symbol[key] = by_symbol.get(key, ZERO) + value
        if not order.reserved:
            unreserved += value
    return Exposure(by_symbol, unreserved, tuple(unvalued))


def buying_power(facts: Facts, exposure: Exposure, *, of_options: bool = False) -> Decimal | None:
    """The broker's buying power, less our entries that it has not acknowledged yet.

    Options draw on `options_buying_power`, which is like cash. Crypto cannot be bought on margin,
    so it draws on `non_marginable_buying_power`.
    """
    account = facts.account
    if account is None:
        return None
    if of_options:
        power = first_known(
            account.options_buying_power, account.non_marginable_buying_power, account.cash
        )
        return None if power is None else power - exposure.unreserved
    power = account.buying_power
    if facts.asset is not None and (facts.asset.is_crypto or not facts.asset.marginable):
        power = first_known(account.non_marginable_buying_power, account.cash, power)
    return None if power is None else power - exposure.unreserved
