"""Rules about whether this symbol may trade now, and whether its price can be believed."""

from __future__ import annotations

from decimal import Decimal

from execbot.config.schema import TradingSettings
from execbot.market.order_hours import in_entry_window, may_trade_now
from execbot.model.amounts import dollars, price_words
from execbot.model.enums import ErrorCategory, OrderType
from execbot.model.flags import Flag
from execbot.model.numbers import is_whole, text
from execbot.model.options.spreads import underlying_of
from execbot.model.symbols import asset_class_of, symbol_key
from execbot.risk.facts import Facts, Intent
from execbot.risk.finding import Finding, percent, unknown, unless
from execbot.risk.instruments import why_not_opened
from execbot.risk.options.facts import is_of_options

HUNDRED = Decimal(100)
SHORT_EQUITY_MIN = Decimal(2000)
"""Alpaca allows shorts from this equity on."""


def instrument(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Pairs that are not quoted in dollars are not opened (`risk/instruments.py`)."""
    symbol = _named(intent)
    why = why_not_opened(symbol)
    seen = asset_class_of(symbol).value
    opened = "a stock, an option, or a pair in dollars"
    return Finding(not why, opened, seen, why and f"{why} (instrument)")


def _named(intent: Intent) -> str:
    """The symbol, or that of a spread's first leg."""
    spread = intent.request.spread
    return spread[0].symbol if spread else intent.request.symbol


def asset_tradable(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    asset = facts.asset
    if intent.request.spread:
        return None  # each leg's contract is looked at
    if asset is None:
        return unknown(f"asset {intent.request.symbol}")
    seen = f"{asset.status or 'no status'}, {'tradable' if asset.tradable else 'not tradable'}"
    return Finding(asset.status == "active" and asset.tradable, "active, tradable", seen)


def symbol_allowed(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    if not limits.symbols:
        return None
    allowed = {symbol_key(symbol) for symbol in limits.symbols}
    symbol = underlying_of(intent.request)
    return Finding(symbol_key(symbol) in allowed, f"one of {len(allowed)} symbols", symbol)


def symbol_not_denied(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    denied = {symbol_key(symbol) for symbol in limits.denied_symbols}
    symbol = underlying_of(intent.request)
    is_denied = bool({symbol_key(symbol), symbol_key(intent.request.symbol)} & denied)
    return Finding(not is_denied, "not denied", f"{symbol} is denied" if is_denied else symbol)


def fractionable(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    request, asset = intent.request, facts.asset
    if asset is None or asset.is_crypto or is_of_options(request):
        return None
    whole = request.qty is not None and is_whole(request.qty)
    if whole:
        return None
    seen = f"{text(request.qty)} shares" if request.qty is not None else "a notional order"
    if intent.opens_short:
        return Finding(False, "whole shares for shorts", seen)
    return Finding(asset.fractionable, "a fractionable asset, or whole shares", seen)


def shortable(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    if not intent.opens_short or is_of_options(intent.request):
        return None
    asset, account = facts.asset, facts.account
    if asset is None or account is None:
        return unknown("asset or account")
    problems = [
        words
        for words, is_wrong in (
            ("risk.allow_short is off", not limits.risk.allow_short),
            ("crypto cannot be shorted", asset.is_crypto),
            ("the account may not short", not account.shorting_enabled),
            ("the asset is not shortable", not asset.shortable),
            ("hard to borrow", not asset.easy_to_borrow and not asset.is_crypto),
            (f"equity below {dollars(SHORT_EQUITY_MIN)}", facts.equity < SHORT_EQUITY_MIN),
        )
        if is_wrong
    ]
    return Finding(not problems, "shortable, easy to borrow", ", ".join(problems) or "shortable")


def short_is_meant(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """A sale of what is not held is a slip unless it was said: by the flag, the signal's own word,
    or the order's `position_intent`."""
    request = intent.request
    if not intent.opens_short or intent.replaces:
        return None
    held = facts.position(request.symbol)
    said = Flag.SHORT in intent.flags or request.position_intent == "sell_to_open"
    if said or held is not None:  # a short that is held was meant when it was opened
        return Finding(True, "--short", "a short that was asked for")
    message = f"you hold no {request.symbol}: selling it opens a SHORT (short_is_meant)."
    message += unless(Flag.SHORT, "If that is meant", limits)
    return Finding(False, "a position, or --short", "none held", message)


def session(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """A replacement waits for its session where the order before it waits: at the broker."""
    if intent.replaces:
        return None
    answer = may_trade_now(intent.request, facts.asset, facts.market, limits.market_hours)
    seen = answer.seen
    if answer.waiting and Flag.AT_BROKER in intent.flags and intent.request.waits_for_session:
        return Finding(True, "--at-broker", f"{seen}: the broker keeps it for the next session")
    if not answer.allowed and facts.market.disagreement:
        seen += f" ({facts.market.disagreement})"
    category = None if answer.allowed or answer.waiting else ErrorCategory.FATAL
    message = "" if answer.allowed else f"not in this session: it needs {answer.limit}, now {seen}"
    return Finding(answer.allowed, answer.limit, seen, message, category=category)


def halt(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    if facts.halt is None:
        return Finding(True, "not halted", "no halt known")
    is_own = facts.halt.symbol == underlying_of(intent.request)
    what = "halted" if is_own else "the whole market is halted"
    return Finding(False, "not halted", f"{what}: {facts.halt.reason}")


def luld_band(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Limit-up limit-down: nothing trades outside the band while the regular session runs.

    A limit must not reach through its far edge. A market order needs an other side inside the
    band, and a market that does not stand at its edge: there a pause follows within seconds.
    """
    request = intent.request
    if is_of_options(request):
        return None
    if not facts.market.is_open or request.type not in (OrderType.LIMIT, OrderType.MARKET):
        return None
    if facts.asset is not None and facts.asset.is_crypto:
        return None
    band = facts.band
    if band is None:
        return Finding(True, "inside the band", "no band known")
    buys = request.side.sign > 0
    if request.type is OrderType.LIMIT and request.limit_price is not None:
        inside = request.limit_price <= band.high if buys else request.limit_price >= band.low
        edge = f"at most {price_words(band.high)}" if buys else f"at least {price_words(band.low)}"
        return Finding(inside, edge, f"limit {price_words(request.limit_price)}")
    if facts.quote is None:
        return None
    bid, ask = facts.quote.bid, facts.quote.ask
    limit = f"inside {price_words(band.low)} to {price_words(band.high)}"
    if buys:
        return Finding(0 < ask <= band.high and bid < band.high, limit, _sides(bid, ask))
    return Finding(bid >= band.low and (ask > band.low or ask <= 0), limit, _sides(bid, ask))


def _sides(bid: Decimal, ask: Decimal) -> str:
    return f"bid {price_words(bid)}, ask {price_words(ask)}"


def entry_window(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    if facts.asset is not None and facts.asset.is_crypto:
        return None
    answer = in_entry_window(facts.market, limits.market_hours)
    category = None if answer.allowed or answer.waiting else ErrorCategory.FATAL
    return Finding(answer.allowed, answer.limit, answer.seen, category=category)


def quote_fresh(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """A quote that is too old or missing cannot value the order. While the market is closed no age
    is judged.

    Its age is measured by the exchange's clock, which gave it its time; ours may be wrong.
    """
    if is_of_options(intent.request):
        return None  # `option_quote` looks at each leg
    if not facts.market.is_open and facts.quote is None and facts.last_price is not None:
        return None
    quote = facts.quote
    most = limits.risk.max_quote_age_seconds
    limit = f"at most {text(most)} s old"
    if quote is None or (quote.bid <= 0 and quote.ask <= 0):
        return Finding(False, limit, "no quote", f"{intent.request.symbol} has no quote")
    if quote.at is None:
        return Finding(False, limit, "a quote without a time")
    if not facts.market.is_open:
        return Finding(True, limit, "the market is not in its regular session")
    age = Decimal(str((facts.market.at - quote.at).total_seconds()))
    return Finding(age <= most, limit, f"{text(age.quantize(Decimal('0.1')))} s")


def spread(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Ask over bid in percent of the middle; a one-sided or crossed quote is not sane.

    A limit order names its own price, so a wide spread does not cost it anything.
    """
    quote = facts.quote
    if quote is None or not facts.market.is_open or is_of_options(intent.request):
        return None
    if intent.request.type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        return None
    limit = percent(limits.risk.max_spread_pct)
    middle = quote.mid
    if middle is None:
        return Finding(False, limit, _sides(quote.bid, quote.ask))
    width = (quote.ask - quote.bid) / middle * HUNDRED
    return Finding(0 <= width <= limits.risk.max_spread_pct, limit, percent(width))


def limit_price_band(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Through the market a wrong limit costs money; resting far away it only waits."""
    request = intent.request
    if is_of_options(request):
        return None
    reference = _reference(facts)
    if request.limit_price is None or reference is None:
        return None
    through = (request.limit_price - reference) / reference * HUNDRED * request.side.sign
    band, passive = limits.risk.limit_price_band_pct, limits.risk.limit_price_passive_band_pct
    where = "through" if through > 0 else "away from"
    seen = f"{percent(abs(through))} {where} {price_words(reference)}"
    if through > 0:
        return Finding(through <= band, f"at most {percent(band)} through the market", seen)
    if passive is None:
        return Finding(True, f"at most {percent(band)} through the market", seen)
    return Finding(-through <= passive, f"at most {percent(passive)} from the market", seen)


def _reference(facts: Facts) -> Decimal | None:
    if facts.fair_price is not None:
        return facts.fair_price
    if facts.quote is None:
        return None
    return max(facts.quote.bid, facts.quote.ask) or None
