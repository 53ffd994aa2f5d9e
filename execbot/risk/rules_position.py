"""Rules about size: caps, buying power, positions, exposure, and our other orders."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from execbot.config.schema import TradingSettings
from execbot.market.wash_trade import is_wash_trade
from execbot.model.account import Position
from execbot.model.amounts import dollars
from execbot.model.enums import ErrorCategory, Side
from execbot.model.flags import Flag
from execbot.model.numbers import ZERO, text
from execbot.model.options.spreads import underlying_of
from execbot.model.symbols import option_contract, symbol_key
from execbot.risk.facts import Facts, Intent, broker_cost, exposure_of, order_value
from execbot.risk.facts import buying_power as power_of
from execbot.risk.finding import Finding, percent, unknown, unless
from execbot.risk.options.facts import is_of_options
from execbot.risk.pending import PendingOrder, Purpose, purpose_of

HUNDRED = Decimal(100)
BROKER_POSITION_PCT = Decimal(600)
"""Alpaca restricts an account to closing when one position exceeds six times its equity."""


def max_order_notional(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    most = limits.risk.max_order_notional
    if most is None:
        return None
    value = order_value(intent.request, facts)
    return unknown("price") if value is None else _at_most(value, most)


def max_order_qty(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    most, qty = limits.risk.max_order_qty, intent.request.qty
    if most is None:
        return None
    if qty is None:
        value, price = intent.request.notional, facts.quote.ask if facts.quote else None
        if value is None or not price:
            return unknown("quantity")
        qty = value / price
    return Finding(qty <= most, text(most), text(qty.normalize()))


def buying_power(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """The broker's own formula, minus our orders that Alpaca has not acknowledged yet."""
    cost = broker_cost(intent, facts)
    is_of_contracts = is_of_options(intent.request)
    power = power_of(facts, exposure_of(facts), of_options=is_of_contracts)
    if cost is None:
        return unknown("price")
    if power is None:
        return unknown("buying power")
    return _at_most(cost, power)


def max_position_size(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    value = order_value(intent.request, facts)
    if value is None:
        return unknown("price")
    if facts.equity <= 0:
        return unknown("equity")
    return _share(_held_value(intent, facts) + value, limits.max_position_size_pct, facts)


def position_known(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Fills and the broker's list fit together (docs/evidence.md, E-POS-3, E-ALL-3)."""
    held = facts.holding
    if facts.unread:
        message = f"nothing is known of it: the broker's answer is impossible ({facts.unread})"
        return Finding(False, "an answer that can be", "unknown", message)
    if facts.changing:
        message = f"{facts.changing}; nothing is opened in it until the broker's rows tell"
        return Finding(False, "no change of the symbol under way", "one under way", message)
    if held is None:
        return None
    limit = f"{text(held.low)} to {text(held.high)} at the broker"
    if held.is_known:
        return Finding(True, limit, text(held.by_broker))
    message = f"how much {held.symbol} is held is not known: {held.describe()}"
    return Finding(False, limit, text(held.by_broker), message)


def positions_protected(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """No position lacks the protection promised to it, where entries wait for that."""
    if not limits.exits.unprotected_stops_entries:
        return None
    seen = "; ".join(facts.unprotected)
    message = f"entries wait until the protection is back: {seen}" if seen else ""
    return Finding(not seen, "every position protected as promised", seen or "protected", message)


def max_positions(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Counts symbols held, symbols with an entry pending, and this one."""
    this = underlying_of(intent.request) if is_of_options(intent.request) else ""
    symbols = {position_name(symbol) for symbol in exposure_of(facts).symbols}
    symbols.add(options_name(this) if this else symbol_key(intent.request.symbol))
    return Finding(
        len(symbols) <= limits.max_positions, str(limits.max_positions), f"{len(symbols)} with this"
    )


def position_name(key: str) -> str:
    """The contracts of one underlying are one position: their legs stand together."""
    contract = option_contract(key)
    return key if contract is None else options_name(contract.root)


def options_name(root: str) -> str:
    return f"{root} options"


def _held_value(intent: Intent, facts: Facts) -> Decimal:
    """Position plus pending entries of the symbol (for contracts: of the whole underlying), in
    USD."""
    by_symbol = exposure_of(facts).by_symbol
    if not is_of_options(intent.request):
        return by_symbol.get(symbol_key(intent.request.symbol), ZERO)
    name = options_name(underlying_of(intent.request))
    return sum((v for key, v in by_symbol.items() if position_name(key) == name), ZERO)


def max_exposure(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """All positions, long and short, everything pending, and this order."""
    value = order_value(intent.request, facts)
    if value is None:
        return unknown("price")
    if facts.equity <= 0:
        return unknown("equity")
    exposure = exposure_of(facts)
    if exposure.unvalued:
        return unknown(f"value of {', '.join(exposure.unvalued)}")
    return _share(exposure.gross + value, limits.max_account_exposure_pct, facts)


def broker_position_ratio(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    value = order_value(intent.request, facts)
    if value is None or facts.equity <= 0:
        return None
    return _share(_held_value(intent, facts) + value, BROKER_POSITION_PCT, facts)


def one_pending(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Stops and targets of a held position do not count as pending: they only wait. An order that
    replaces a working one is no second one."""
    if not limits.risk.one_pending_per_symbol or Flag.ALSO in intent.flags or intent.replaces:
        return None
    found = [o for o in _others(intent, facts) if not o.protective]
    others = list(dict.fromkeys(o.group or o.client_order_id or o.id for o in found))
    seen = ", ".join(others) if others else "none"
    symbol = intent.request.symbol or "one of its contracts"
    message = f"an order of {symbol} is working: {seen} (one_pending)."
    message += unless(Flag.ALSO, "To send a second", limits)
    return Finding(not others, "no pending order", seen, message if others else "")


def duplicate_position(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Adding is for winners, in a limited number of steps, and only where switched on; by hand it
    is for who says so."""
    held = _added_to(intent, facts)
    if held is None:
        return Finding(True, "no position", "none")
    scale = limits.risk.scale_in
    shown = f"{text(held.qty)} held"
    if Flag.ADD in intent.flags:
        return Finding(True, "a position, with --add", shown)
    if not scale.enabled:
        message = f"{_held_words(held)} (duplicate_position)."
        message += unless(Flag.ADD, "To add to it", limits)
        return Finding(False, "no position, or --add", shown, message)
    profit = _profit_pct(facts, held.symbol)
    if profit is None:
        return unknown("profit of the position")
    steps = facts.counters.scale_in_steps
    limit = f"profit of {percent(scale.min_profit_pct)}, at most {scale.max_steps} steps"
    passed = profit >= scale.min_profit_pct and steps < scale.max_steps
    seen = f"{shown}, profit {percent(profit)}, {steps} steps taken"
    message = f"{_held_words(held)} (duplicate_position): limit {limit}, seen {seen}."
    message += unless(Flag.ADD, "To add to it all the same", limits)
    return Finding(passed, limit, seen, "" if passed else message)


def _added_to(intent: Intent, facts: Facts) -> Position | None:
    """The position that the order enlarges; of a spread the first leg that does."""
    if not intent.request.spread:
        return facts.counted(intent.request.symbol)
    found = (facts.counted(leg.symbol) for leg in intent.request.spread if leg.opens)
    return next((held for held in found if held is not None), None)


def _held_words(held: Position) -> str:
    if held.qty < 0:
        return f"you are short {text(-held.qty)} {held.symbol} already"
    return f"you already hold {text(held.qty)} {held.symbol}"


def opposite_order(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Alpaca: no short sale while a long buy is open, no long buy while a short sale is open."""
    found = [
        o.client_order_id or o.id
        for o in _others(intent, facts)
        if o.purpose is Purpose.ENTRY and o.side is not _side_on(intent, o)
    ]
    return Finding(not found, "no entry of the other side", ", ".join(found) or "none")


def wash_trade(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """No order that could trade with one of ours (`market/wash_trade.py`).

    A symbol's protective OCO exits never stand in the way of scaling in; a plain stop does.
    """
    for order in _others(intent, facts):
        if intent.request.spread and order.side is _side_on(intent, order):
            continue
        if intent.request.spread or is_wash_trade(intent.request, order):
            seen = f"{order.side} {order.type} {order.client_order_id or order.id}"
            return Finding(False, "no order of ours on the other side", seen)
    return Finding(True, "no order of ours on the other side", "none")


def shares_available(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """An exit never asks for more than is held, nor for shares that other orders hold.

    The broker's word on what is free is older than the exits that were sent since it was asked.
    """
    if intent.purpose is not Purpose.EXIT or intent.request.spread:
        return None
    held = facts.position(intent.request.symbol)
    if held is None or purpose_of(intent.request.side, held.qty) is not Purpose.EXIT:
        message = f"there is no position in {intent.request.symbol} to close"
        return Finding(False, "a position to close", "none", message, ErrorCategory.FATAL)
    total = abs(held.qty)
    free = total if held.qty_available is None else min(abs(held.qty_available), total)
    free = max(free - _taken_since(intent, facts), ZERO)
    asked = intent.request.qty
    if asked is None:
        value, price = intent.request.notional, held.current_price
        if value is None or not price:
            return None
        asked = value / price
    category = None if asked <= total else ErrorCategory.FATAL
    seen = f"{text(asked.normalize())} asked, {text(total)} held"
    message = ""
    if asked > free:
        message = f"{text(free)} of {intent.request.symbol} are free: {seen}"
        if asked <= total and intent.request.qty is not None:
            way = f"execbot close {intent.request.symbol} --qty {text(asked.normalize())}"
            message += f". With the exits that hold them lifted: {way}"
    return Finding(asked <= free, f"{text(free)} free", seen, message, category)


# --- helpers -------------------------------------------------------------------------------


def _others(intent: Intent, facts: Facts) -> Iterator[PendingOrder]:
    """Pending orders on the same symbol, this one itself left out."""
    request, own_id = intent.request, intent.request.client_order_id
    keys = {symbol_key(leg.symbol) for leg in request.spread} or {symbol_key(request.symbol)}
    for order in facts.pending:
        is_own = bool(own_id) and own_id in (order.client_order_id, order.group)
        if symbol_key(order.symbol) in keys and not is_own:
            yield order


def _side_on(intent: Intent, order: PendingOrder) -> Side:
    """The side of the order, or of its leg, on the symbol of another one."""
    legs = (leg.side for leg in intent.request.spread if leg.symbol == order.symbol)
    return next(legs, intent.request.side)


def _taken_since(intent: Intent, facts: Facts) -> Decimal:
    """Shares that our exits took or hold which were sent after the position was read."""
    return sum(
        (
            order.leaves_qty or ZERO
            for order in _others(intent, facts)
            if order.sent_since and not order.reserved and order.purpose is Purpose.EXIT
        ),
        ZERO,
    )


def _at_most(value: Decimal, most: Decimal) -> Finding:
    return Finding(value <= most, dollars(most), dollars(value))


def _share(value: Decimal, most_pct: Decimal, facts: Facts) -> Finding:
    most = facts.equity * most_pct / HUNDRED
    seen = f"{dollars(value)} ({percent(value / facts.equity * HUNDRED)})"
    return Finding(value <= most, f"{percent(most_pct)} of equity, {dollars(most)}", seen)


def _profit_pct(facts: Facts, symbol: str) -> Decimal | None:
    held = facts.position(symbol)
    if held is None or not held.avg_entry_price:
        return None
    price = held.current_price or facts.fair_price
    if price is None:
        return None
    direction = 1 if held.qty > 0 else -1
    return (price - held.avg_entry_price) / held.avg_entry_price * HUNDRED * direction
