"""Rules that only orders of option contracts are held to. Facts: Alpaca's options pages."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

from execbot.config.schema import TradingSettings
from execbot.model.amounts import dollars, money_words
from execbot.model.enums import ErrorCategory, OrderType, TimeInForce
from execbot.model.numbers import CENT, ZERO, is_whole, text
from execbot.model.options.contract import Contract
from execbot.model.options.grid import is_on_grid, neighbours
from execbot.model.options.legs import Leg
from execbot.model.options.spreads import underlying_of
from execbot.model.options.structure import why_no_structure
from execbot.model.symbols import option_contract, symbol_key
from execbot.model.times import eastern
from execbot.risk.facts import Facts, Intent, option_worth
from execbot.risk.finding import Finding, percent, unknown
from execbot.risk.options.cover import shares_free, uncovered_after
from execbot.risk.options.facts import is_of_options, legs_of, natural_price
from execbot.risk.options.worth import Worth
from execbot.risk.pending import Purpose

HUNDRED = Decimal(100)
OPENING_STOPS = time(15, 30)
"""From here on Alpaca opens nothing that expires on the same day."""

LEVEL_COVERED, LEVEL_LONG, LEVEL_SPREADS = 1, 2, 3

_SINGLE_TYPES = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)
_SPREAD_TYPES = (OrderType.MARKET, OrderType.LIMIT)


def legs(intent: Intent) -> tuple[Leg, ...]:
    return legs_of(intent.request, opens=intent.purpose is Purpose.ENTRY)


def terms(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Types, time in force, whole contracts, ratios: what Alpaca takes of an option order."""
    request = intent.request
    if not is_of_options(request):
        return None
    is_spread = bool(request.spread)
    types = _SPREAD_TYPES if is_spread else _SINGLE_TYPES
    tifs = (TimeInForce.DAY,) if is_spread else (TimeInForce.DAY, TimeInForce.GTC)
    limit = f"{', '.join(types)}; {' or '.join(tifs)}; whole contracts"
    wrong = ""
    if request.qty is None:
        wrong = "options are ordered in contracts, not in dollars"
    elif not is_whole(request.qty):
        wrong = f"{text(request.qty)} contracts"
    elif request.type not in types:
        wrong = f"type {request.type}"
    elif request.time_in_force not in tifs:
        wrong = f"time in force {request.time_in_force}"
    elif request.extended_hours:
        wrong = "options trade in the regular session only"
    elif request.stop_loss is not None or request.take_profit is not None:
        wrong = "no stop and no target can go along with an option order"
    elif is_spread:
        wrong = why_no_structure(request.spread)
    message = f"no such order is taken in options: {wrong} (needs {limit})" if wrong else ""
    return Finding(not wrong, limit, wrong or "as options are ordered", message)


def contract(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Every contract that is opened is listed, standard, and has days enough left."""
    if not is_of_options(intent.request):
        return None
    least = limits.options.min_days
    limit = f"active, standard, at least {least} days to expiry"
    for leg in legs(intent):
        if not leg.opens:
            continue
        listed = facts.options.contracts.get(leg.symbol)
        if listed is None:
            return unknown(f"contract {leg.symbol}")
        why = _why_not(listed, facts, least)
        if why:
            return Finding(False, limit, why, f"{leg.symbol}: {why}")
    return Finding(True, limit, "as needed")


def _why_not(listed: Contract, facts: Facts, least: int) -> str:
    wall = eastern(facts.market.at)
    days = (listed.expires - wall.date()).days
    if days < 0:
        return "it has expired"
    if listed.status != "active" or not listed.tradable:
        return f"{listed.status or 'no status'}, {'' if listed.tradable else 'not '}tradable"
    if not listed.is_standard:
        return "an adjusted contract: it delivers no plain 100 shares, and may be closed only"
    if listed.style != "american":
        return f"exercise is {listed.style}: cash-settled contracts are not opened here"
    if days == 0 and wall.time() >= OPENING_STOPS:
        return "it expires today, and from 15:30 on nothing in it is opened"
    if days < least:
        return f"{days} days to expiry (options.min_days)"
    return ""


def level(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """The account's options level allows the strategy."""
    if not is_of_options(intent.request):
        return None
    needed = level_needed(legs(intent))
    have = None if facts.account is None else facts.account.options_level
    if have is None:
        return None  # the broker says it with its refusal
    what = {1: "covered calls and cash-secured puts", 2: "bought contracts", 3: "spreads"}[needed]
    message = (
        ""
        if have >= needed
        else (
            f"the account's options level is {have}, {what} need {needed}: "
            "ask Alpaca for it, or raise max_options_trading_level of the account"
        )
    )
    return Finding(have >= needed, f"level {needed} for {what}", f"level {have}", message)


def level_needed(found: tuple[Leg, ...]) -> int:
    if len(found) > 1:
        return LEVEL_SPREADS
    return LEVEL_LONG if found[0].side.sign > 0 else LEVEL_COVERED


def grid(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Prices stand on the grid of the contract; net prices of spreads have two decimals."""
    request = intent.request
    if not is_of_options(request):
        return None
    for what, price in (("limit", request.limit_price), ("stop", request.stop_price)):
        if price is None:
            continue
        if request.spread:
            if price % CENT:
                return Finding(False, "two decimals", f"{what} {money_words(price)}")
            continue
        listed = facts.options.contracts.get(request.symbol) or _by_symbol(request.symbol)
        if listed is not None and not is_on_grid(listed, price):
            below, above = neighbours(listed, price)
            near = f"{money_words(below)} or {money_words(above)}"
            seen = f"{what} {money_words(price)}"
            message = f"{seen} is off the price grid of {request.symbol}: {near}"
            return Finding(False, near, seen, message)
    return Finding(True, "the price grid", "on it")


def _by_symbol(symbol: str) -> Contract | None:
    """For exits nothing is asked: the finest grid that it may have."""
    said = option_contract(symbol)
    if said is None:
        return None
    return Contract(symbol, "", True, said.expires, said.root, said.root, said.is_call, said.strike)


def quoted(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Both sides are quoted, not too wide, lately; and a limit does not reach far through them."""
    request = intent.request
    if not is_of_options(request) or not facts.market.is_open:
        return None
    most, oldest = limits.options.max_spread_pct, limits.risk.max_quote_age_seconds
    limit = f"both sides, at most {percent(most)} apart"
    seen = "-"
    for leg in legs(intent):
        quote = facts.options.quotes.get(leg.symbol)
        if quote is None or quote.mid is None or quote.mid <= 0:
            sides = "no quote"
            if quote is not None:
                sides = f"bid {money_words(quote.bid)}, ask {money_words(quote.ask)}"
            message = f"{leg.symbol} is not quoted on both sides: {sides}"
            return Finding(False, limit, sides, message)
        width = (quote.ask - quote.bid) / quote.mid * HUNDRED
        seen = f"{leg.symbol} {percent(width)}"
        is_step = quote.ask - quote.bid <= CENT * 5
        if width < 0 or (width > most and not is_step):
            message = f"{leg.symbol}: bid {money_words(quote.bid)}, ask {money_words(quote.ask)}"
            message += f", {percent(width)} apart (options.max_spread_pct {percent(most)})"
            return Finding(False, limit, seen, message)
        age = None if quote.at is None else (facts.market.at - quote.at).total_seconds()
        if age is None or age > oldest:
            shown = "of no time" if age is None else f"{age:.0f} s old"
            return Finding(False, f"at most {text(oldest)} s old", shown)
    return Finding(True, limit, seen)


def price_band(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Through the other side of the market a wrong limit costs money."""
    request = intent.request
    if not is_of_options(request) or request.limit_price is None:
        return None
    if _is_free(intent, facts):
        message = "at this credit it can lose nothing, and nobody pays for that: was --debit meant?"
        seen = f"net {money_words(request.limit_price)}"
        return Finding(False, "a price that can fill", seen, message)
    natural = natural_price(legs(intent), facts.options.quotes)
    if natural is None:
        return None
    net = request.limit_price if request.spread else request.limit_price * request.side.sign
    band = max(abs(natural), NATURAL_MIN) * limits.risk.limit_price_band_pct / HUNDRED
    seen = f"net {money_words(net)}, the market {money_words(natural)}"
    message = ""
    if net > natural + band:
        message = f"the limit is far through the market: {seen}"
        if request.spread and natural < 0 < net:
            message += "; this spread brings money in: was --credit meant?"
    limit = f"at most {money_words(band.quantize(CENT))} through"
    return Finding(net <= natural + band, limit, seen, message)


def _is_free(intent: Intent, facts: Facts) -> bool:
    """A spread that opens, is to bring money in, and pays at every price of the underlying."""
    request = intent.request
    if request.limit_price is None or request.limit_price >= 0:
        return False
    if not request.spread or not all(leg.opens for leg in request.spread):
        return False
    found = option_worth(request, facts)
    return found is not None and found.loss is not None and found.loss <= 0


NATURAL_MIN = Decimal("0.25")
"""A band in percent of a price near nothing would be nothing."""


def premium(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    found = _worth(intent, facts)
    if found is None:
        return None
    if isinstance(found, Finding):
        return found
    return _share(max(found.premium, ZERO), limits.options.max_premium_pct, facts)


def contracts(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Contracts of one order, all its legs that open together."""
    request = intent.request
    if not is_of_options(request) or request.qty is None:
        return None
    qty = request.qty * sum(leg.ratio for leg in legs(intent) if leg.opens)
    most = limits.options.max_contracts
    return Finding(qty <= most, f"{most} contracts", text(qty))


def loss(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """The most the structure can lose stays within its share of equity."""
    found = _worth(intent, facts)
    if found is None:
        return None
    if isinstance(found, Finding):
        return found
    if found.loss is None:
        return Finding(False, "a bounded loss", "calls sold without cover", _NAKED)
    return _share(found.loss, limits.options.max_loss_pct, facts)


_NAKED = "it sells calls that nothing covers: the loss has no end"


def covered(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """No short is left uncovered, whatever fills first (`risk/options/cover.py`)."""
    request = intent.request
    root = underlying_of(request)
    limit = "every sold contract covered"
    if intent.purpose is Purpose.ENTRY and not request.spread and is_of_options(request):
        found = legs(intent)[0]
        if not (found.side.sign < 0 and found.contract.is_call):
            return Finding(True, limit, "covered")
        free = shares_free(root, facts.positions, facts.pending)
        needed = (request.qty or ZERO) * HUNDRED
        message = (
            ""
            if needed <= free
            else (
                f"{text(needed)} free shares of {root} must cover it, {text(free)} are free "
                "(stops and targets hold theirs): buy shares, or sell a spread with --leg"
            )
        )
        return Finding(needed <= free, f"{text(needed)} free shares of {root}", text(free), message)
    change = _change(intent)
    if not change:
        return None
    cash = None if facts.account is None else facts.account.options_buying_power
    why = uncovered_after(root, facts.positions, change, cash)
    hint = " Close the whole structure in one order: execbot option close, or submit --leg."
    category = ErrorCategory.FATAL
    return Finding(not why, limit, why or "covered", f"{why}.{hint}" if why else "", category)


def _change(intent: Intent) -> dict[str, Decimal]:
    """The order's signed change of holdings that may serve as cover: the legs of a spread (one that
    opens brings its own cover), or what an exit sells. Empty for the rest: a purchase takes no
    cover away."""
    request = intent.request
    if request.qty is None:
        return {}
    if request.spread:
        return {leg.symbol: leg.signed * request.qty for leg in request.spread}
    if intent.purpose is Purpose.EXIT and request.side.sign < 0:
        return {symbol_key(request.symbol): -request.qty}
    return {}


def available(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Legs that close take no more than is held and free; legs that open close nothing."""
    request = intent.request
    if not request.spread or request.qty is None:
        return None
    for leg in request.spread:
        held = facts.position(leg.symbol)
        qty, asked = (ZERO if held is None else held.qty), request.qty * leg.ratio
        if leg.opens:
            if qty * leg.side.sign < 0:
                message = f"{text(qty)} {leg.symbol} are held: this leg would close them, say so"
                return Finding(False, "legs that open", leg.intent, message)
            continue
        free = abs(qty) if held is None or held.qty_available is None else abs(held.qty_available)
        free = min(free, abs(qty)) if qty * leg.side.sign < 0 else ZERO
        taken = sum(
            (o.leaves_qty or ZERO for o in facts.pending
             if o.symbol == leg.symbol and not o.reserved and o.purpose is Purpose.EXIT),
            ZERO,
        )  # fmt: skip
        if asked > free - taken:
            message = f"{text(asked)} {leg.symbol} are to be closed, {text(free - taken)} are free"
            return Finding(False, f"{text(free - taken)} free", text(asked), message)
    return Finding(True, "free contracts", "free")


def _worth(intent: Intent, facts: Facts) -> Worth | Finding | None:
    request = intent.request
    if not is_of_options(request):
        return None
    found = option_worth(request, facts)
    return unknown("price") if found is None else found


def _share(value: Decimal, most_pct: Decimal, facts: Facts) -> Finding:
    if facts.equity <= 0:
        return unknown("equity")
    most = facts.equity * most_pct / HUNDRED
    seen = f"{dollars(value)} ({percent(value / facts.equity * HUNDRED)})"
    return Finding(value <= most, f"{percent(most_pct)} of equity, {dollars(most)}", seen)
