"""Everything a risk decision looks at, gathered into one value, and what follows from it.

`Facts` hold what was read (broker, journal, clock) and nothing is read again while deciding.
Pending orders come from two witnesses, the journal and the broker's list; `merge_pending` makes
one list of them that may count an order too often for a moment but never too rarely.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from execbot.config.schema import Mode
from execbot.exits.exit_orders import closes
from execbot.market.halts import Halt, PriceBand
from execbot.market.sessions import MarketNow, Session
from execbot.model.account import Account, Asset, Position
from execbot.model.enums import (
    TERMINAL_STATUSES,
    UNCONFIRMED,
    OrderClass,
    OrderStatus,
    OrderType,
    Side,
)
from execbot.model.flags import NO_FLAGS, Flags
from execbot.model.numbers import ZERO, text
from execbot.model.order import Order, OrderRequest
from execbot.model.quote import Quote
from execbot.model.symbols import is_in_dollars, multiplier_of, option_contract, symbol_key
from execbot.risk.equity import equity_of
from execbot.risk.holding_evidence import Holding
from execbot.risk.kill_switch import OFF, KillSwitch

SHORT_COLLAR = Decimal("1.03")
"""Alpaca values an opening short at 3 % above the ask."""
CRYPTO_MARKET_COLLAR = Decimal("1.02")
"""Alpaca turns a crypto market order into a limit 2 % through the quote."""
STOP_COLLAR_CHEAP = Decimal("1.04")
STOP_COLLAR = Decimal("1.025")
STOP_COLLAR_SPLIT = Decimal(50)
"""A buy stop becomes a stop-limit 4 % above the stop below 50 dollars, 2.5 % from there."""


class Purpose(StrEnum):
    """An entry opens or adds; an exit can only shrink a position."""

    ENTRY = "entry"
    EXIT = "exit"


class PendingOrder(Struct, frozen=True):
    """An order that may still fill. `leaves_qty` None: a notional order, `notional` remains.

    `protective` marks stops and targets; `reserved` that the broker's buying power already
    counts it; `sent_since` that it was sent after the positions were read.
    """

    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    status: OrderStatus
    leaves_qty: Decimal | None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    order_class: OrderClass = OrderClass.NONE
    purpose: Purpose = Purpose.ENTRY
    protective: bool = False
    reserved: bool = False
    price_hint: Decimal | None = None
    id: str = ""
    sent_since: bool = False


class RecentIntent(Struct, frozen=True):
    """A past intent as the duplicate window compares it."""

    client_order_id: str
    at: datetime
    key: tuple[str, ...]


class Counters(Struct, frozen=True):
    """What the journal remembers of today (New York's day) and of the last results."""

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
    holding: Holding | None = None
    """The symbol by both witnesses; None where the journal knows nothing of it."""

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
    """What is about to be sent, and why: the subject of every check.

    `flags` are what the trader said against guards of slips. `replaces` says that it takes the
    place of an order that is at the broker already.
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


def purpose_of(side: Side, held_qty: Decimal) -> Purpose:
    """Against the position it is an exit, otherwise an entry. `held_qty` is signed."""
    return Purpose.EXIT if held_qty * side.sign < 0 else Purpose.ENTRY


def purpose_of_order(order: Order | OrderRequest, held_qty: Decimal) -> Purpose:
    """The `position_intent` where it is given, else by the position."""
    return Purpose.EXIT if closes(order, held_qty) else Purpose.ENTRY


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
    )
    return tuple(
        "" if part is None else text(part) if isinstance(part, Decimal) else str(part)
        for part in parts
    )


def pending_from_order(
    order: Order,
    *,
    held_qty: Decimal,
    protective: bool = False,
    purpose: Purpose | None = None,
    reserved: bool = False,
    price_hint: Decimal | None = None,
) -> PendingOrder:
    """`price_hint` is the last price known for it, for orders that carry none."""
    notional = order.notional
    if notional is not None and order.filled_avg_price is not None:
        notional = max(notional - order.filled_qty * order.filled_avg_price, ZERO)
    return PendingOrder(
        client_order_id=order.client_order_id,
        id=order.id,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        status=order.status,
        leaves_qty=order.leaves_qty,
        notional=notional,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        order_class=order.order_class,
        purpose=purpose or purpose_of_order(order, held_qty),
        protective=protective,
        reserved=reserved,
        price_hint=price_hint or order.filled_avg_price,
    )


def counted_in_full(order: PendingOrder, record: Order) -> PendingOrder:
    """An order of ours that changed after the positions were read: all it did or may still do.

    What filled since is missing in those positions; what filled before is counted twice for a
    moment, which is the safe side.
    """
    if record.is_terminal:
        return replace(order, leaves_qty=record.filled_qty, notional=None)
    return replace(order, leaves_qty=record.qty, notional=record.notional)


def merge_pending(
    ours: Iterable[tuple[PendingOrder, bool]], theirs: Iterable[PendingOrder]
) -> tuple[PendingOrder, ...]:
    """One list from the journal's orders and the broker's open ones.

    `ours` pairs each order of the journal with whether it changed after the broker was asked.
    The broker's word counts for what it lists. Of ours, these count besides:

    - not yet settled or still queued here: the broker cannot know them;
    - changed since the broker was asked: its list is older than that change (see
      `counted_in_full`).

    What the journal holds open but the broker no longer lists, unchanged since, is done there and
    is part of the positions.
    """
    merged = {p.client_order_id or p.id: replace(p, reserved=True) for p in theirs}
    for order, changed_since in ours:
        key = order.client_order_id
        listed = merged.get(key)
        ended_since = changed_since and order.status in TERMINAL_STATUSES
        unconfirmed = order.status in UNCONFIRMED
        if listed is not None and not ended_since:
            merged[key] = replace(
                listed,
                purpose=order.purpose,
                protective=order.protective,
                price_hint=order.price_hint or listed.price_hint,
            )
        elif changed_since or unconfirmed:
            merged[key] = replace(order, reserved=listed is not None)
    return tuple(order for order in merged.values() if order.leaves_qty != 0)


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
    """What a market order would pay per unit, as Alpaca values it.

    The far side of the quote in the regular session, the middle in extended hours, the last
    trade when closed or where the quote has no such side.
    """
    quote = facts.quote
    if quote is not None:
        if facts.market.session in (Session.PRE, Session.AFTER, Session.OVERNIGHT):
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
    """What the order adds to exposure, in USD; None when it cannot be valued."""
    if request.notional is not None:
        return request.notional
    price = unit_price(request, facts)
    if price is None or request.qty is None:
        return None
    return price * request.qty * multiplier_of(request.symbol)


def broker_cost(intent: Intent, facts: Facts) -> Decimal | None:
    """What Alpaca holds against buying power, in USD.

    Opening shorts count at max(limit, 3 % above the ask), crypto market orders at 2 % above it.
    """
    request = intent.request
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
    """What a pending entry may still add; None when no price in dollars is known at all.

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
    """What is held and may still be opened, in USD by symbol key; shorts count as positive.

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
    unreserved = ZERO
    unvalued = []
    for order in facts.pending:
        if order.purpose is Purpose.EXIT:
            continue
        value = pending_value(order, facts)
        if value is None:
            unvalued.append(order.client_order_id)
            value = ZERO
        key = symbol_key(order.symbol)
        by_symbol[key] = by_symbol.get(key, ZERO) + value
        if not order.reserved:
            unreserved += value
    return Exposure(by_symbol, unreserved, tuple(unvalued))


def buying_power(facts: Facts, exposure: Exposure) -> Decimal | None:
    """What the broker would accept, less what it does not know of yet.

    Crypto cannot be bought on margin, so it draws on `non_marginable_buying_power`.
    """
    account = facts.account
    if account is None:
        return None
    told = account.buying_power
    if facts.asset is not None and (facts.asset.is_crypto or not facts.asset.marginable):
        told = account.non_marginable_buying_power or account.cash or told
    return None if told is None else told - exposure.unreserved
