"""How large: every sizing method, then the limits it must fit into, then rounding down.

Pure. A method gives a wish; each limit then caps it; what remains is rounded down to what the
broker takes. Every number on the way is kept as a step, so that the audit row can explain the
size. A result below the minimum is a refusal that carries the numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal, localcontext

from msgspec import Struct
from msgspec.structs import replace

from execbot.config.schema import SizingMethod, SizingSettings, StarRule, TradingSettings
from execbot.exits.plan.wishes import Risked as Risked
from execbot.model.amounts import money_words, price_words
from execbot.model.enums import Side
from execbot.model.numbers import CENT, QTY_STEP, ZERO, round_down, text
from execbot.model.symbols import is_option, multiplier_of, symbol_key
from execbot.risk.facts import (
    CRYPTO_MARKET_COLLAR,
    SHORT_COLLAR,
    Exposure,
    Facts,
    buying_power,
    exposure_of,
)

CRYPTO_ORDER_NOTIONAL_MAX = Decimal(200_000)
"""Alpaca's cap on one crypto order."""
HUNDRED = Decimal(100)
_NOTIONAL_METHODS = frozenset({SizingMethod.NOTIONAL, SizingMethod.STARS})


class SizeRequest(Struct, frozen=True):
    """An entry to be sized. `price` is the expected cost of one unit, `stop` the price at which the
    trade is wrong.

    `qty` or `notional` given by the trader or the signal replace the configured method.
    `whole_shares`: exits held by the broker need whole shares. `risk` is the loss at the stop that
    the trader allows; without it `sizing.risk_per_trade_pct` decides.
    """

    symbol: str
    side: Side
    price: Decimal
    stop: Decimal | None = None
    qty: Decimal | None = None
    notional: Decimal | None = None
    tier: str | None = None
    confidence: Decimal | None = None
    whole_shares: bool = True
    as_notional: bool = True
    risk: Risked | None = None


class SizingStep(Struct, frozen=True):
    """One rule and what it allowed: units, and their worth in USD at the expected price."""

    rule: str
    qty: Decimal
    value: Decimal
    note: str = ""


def _by_value(rule: str, value: Decimal, price: Decimal, note: str) -> SizingStep:
    return SizingStep(rule, value / price, value, note)


def _by_qty(rule: str, qty: Decimal, price: Decimal, note: str = "") -> SizingStep:
    return SizingStep(rule, qty, qty * price, note)


class Sized(Struct, frozen=True):
    """Exactly one of `qty` and `notional` is set; `estimated_qty` serves both."""

    method: SizingMethod
    qty: Decimal | None
    notional: Decimal | None
    estimated_qty: Decimal
    steps: tuple[SizingStep, ...]

    @property
    def binding_rule(self) -> str:
        """The rule that decided the size."""
        deciding = (step for step in self.steps if step.rule != "rounding")
        return min(deciding, key=lambda step: step.qty).rule

    def shortfall(self) -> str:
        """Why it is smaller than its rule alone would make it; empty if it is not."""
        first, rule = self.steps[0], self.binding_rule
        if rule == first.rule:
            return ""
        [step] = [one for one in self.steps if one.rule == rule]
        alone = text(round_down(first.qty, QTY_STEP if self.notional is not None else Decimal(1)))
        return (
            f"Size: {rule} allows {text(self.estimated_qty)} ({step.note}); "
            f"by {first.rule} alone it would be {alone}"
        )


class SizeRefused(Struct, frozen=True):
    """`code` is stable; `message` carries the numbers; `steps` how far it got."""

    code: str
    message: str
    steps: tuple[SizingStep, ...] = ()


class _Refuse(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def size(request: SizeRequest, facts: Facts, limits: TradingSettings) -> Sized | SizeRefused:
    """The quantity or notional to order: the method's wish, capped by every limit, rounded down."""
    if is_option(request.symbol):
        request = _in_contracts(request)
    steps: list[SizingStep] = []
    with localcontext() as context:
        context.rounding, context.prec = ROUND_DOWN, 50
        try:
            if request.price <= 0:
                raise _Refuse("size.no_price", f"no price for {request.symbol}")
            method = method_of(request, limits.sizing)
            steps.append(_wish(method, request, facts, limits))
            steps.extend(_caps(request, facts, limits))
            return _rounded(method, request, facts, limits, steps)
        except _Refuse as refused:
            return SizeRefused(refused.code, refused.message, tuple(steps))


def _in_contracts(request: SizeRequest) -> SizeRequest:
    """A unit is a contract: what it costs and what its stop loses is a hundred times its price."""
    each = multiplier_of(request.symbol)
    stop = None if request.stop is None else request.stop * each
    return replace(
        request, price=request.price * each, stop=stop, whole_shares=True, as_notional=False
    )


def method_of(request: SizeRequest, sizing: SizingSettings) -> SizingMethod:
    if request.risk is not None:
        return SizingMethod.RISK
    if request.qty is not None:
        return SizingMethod.QTY
    return SizingMethod.NOTIONAL if request.notional is not None else sizing.method


# --- the wish ------------------------------------------------------------------------------


def _wish(
    method: SizingMethod, request: SizeRequest, facts: Facts, limits: TradingSettings
) -> SizingStep:
    sizing = limits.sizing
    match method:
        case SizingMethod.QTY:
            qty = request.qty if request.qty is not None else sizing.qty
            return _by_qty("qty", qty, request.price)
        case SizingMethod.NOTIONAL:
            dollars = request.notional if request.notional is not None else sizing.notional
            return _by_value("notional", dollars, request.price, f"{money_words(dollars)} USD")
        case SizingMethod.EQUITY_PCT:
            dollars = _equity(facts) * sizing.equity_pct / HUNDRED
            note = f"{text(sizing.equity_pct)} % of equity"
            return _by_value("equity_pct", dollars, request.price, note)
        case SizingMethod.RISK:
            return _risk_step("risk", _stop_distance(request), request, facts, sizing)
        case SizingMethod.ATR:
            if facts.atr is None or facts.atr <= 0:
                raise _Refuse("size.no_atr", f"no average true range for {request.symbol}")
            distance = facts.atr * sizing.atr_risk_multiplier
            return _risk_step("atr", distance, request, facts, sizing)
        case SizingMethod.STARS:
            return _stars_step(request, sizing)


def _risk_step(
    rule: str, distance: Decimal, request: SizeRequest, facts: Facts, sizing: SizingSettings
) -> SizingStep:
    """Equity times the risked part, divided by what one unit loses at the stop."""
    asked = request.risk or Risked(pct=sizing.risk_per_trade_pct)
    risked = asked.usd
    if risked is None:
        risked = _equity(facts) * (asked.pct or ZERO) / HUNDRED
    note = f"{money_words(round_down(risked, CENT))} USD at risk, "
    note += f"{price_words(distance, request.symbol)} a unit"
    return _by_qty(rule, risked / distance, request.price, note)


def _stop_distance(request: SizeRequest) -> Decimal:
    if request.stop is None:
        raise _Refuse("size.no_stop", "sizing by risk needs a stop")
    distance = (request.price - request.stop) * request.side.sign
    if distance <= 0:
        raise _Refuse(
            "size.stop_side",
            f"stop {price_words(request.stop, request.symbol)} is not on the losing side of "
            f"{price_words(request.price, request.symbol)}",
        )
    return distance


def _stars_step(request: SizeRequest, sizing: SizingSettings) -> SizingStep:
    stars = stars_of(request.tier, request.confidence, sizing.star_rules)
    if stars is None:
        raise _Refuse(
            "size.no_stars",
            f"no star rule for tier {request.tier or '-'}, confidence {request.confidence or '-'}",
        )
    dollars = sizing.star_notional.get(stars)
    if dollars is None:
        raise _Refuse("size.no_stars", f"sizing.star_notional has no size for {stars} stars")
    return _by_value("stars", dollars, request.price, f"{stars} stars, {money_words(dollars)} USD")


def stars_of(
    tier: str | None, confidence: Decimal | None, rules: tuple[StarRule, ...]
) -> int | None:
    """The stars of the first rule that fits: its tier (empty fits all) and least confidence."""
    for rule in rules:
        if (not rule.tier or rule.tier == (tier or "")) and (
            confidence or ZERO
        ) >= rule.min_confidence:
            return rule.stars
    return None


def _equity(facts: Facts) -> Decimal:
    if facts.equity <= 0:
        raise _Refuse("size.no_equity", f"account equity is {money_words(facts.equity)}")
    return facts.equity


# --- the limits ----------------------------------------------------------------------------


def _caps(request: SizeRequest, facts: Facts, limits: TradingSettings) -> Iterator[SizingStep]:
    """Each limit as a size. A market order may pay more, so that reserve is taken off first."""
    reserve = 1 + limits.sizing.price_buffer_pct / HUNDRED
    exposure = exposure_of(facts)
    for rule, dollars in _value_caps(request, facts, limits, exposure):
        note = f"{money_words(round_down(dollars, CENT))} USD left"
        yield _by_value(rule, max(dollars, ZERO) / reserve, request.price, note)
    if limits.risk.max_order_qty is not None:
        yield _by_qty("max_order_qty", limits.risk.max_order_qty, request.price)
    of_options = is_option(request.symbol)
    if of_options:
        most = Decimal(limits.options.max_contracts)
        yield _by_qty("options.max_contracts", most, request.price)
    power = buying_power(facts, exposure, of_options=of_options)
    if power is not None:
        value = max(power, ZERO) / (reserve * _collar(request, facts))
        note = f"{money_words(round_down(power, CENT))} USD left"
        yield _by_value("buying_power", value, request.price, note)


def _value_caps(
    request: SizeRequest, facts: Facts, limits: TradingSettings, exposure: Exposure
) -> Iterator[tuple[str, Decimal]]:
    equity = _equity(facts)
    held = exposure.by_symbol.get(symbol_key(request.symbol), ZERO)
    yield "max_position_size_pct", equity * limits.max_position_size_pct / HUNDRED - held
    most = equity * limits.max_account_exposure_pct / HUNDRED
    yield "max_account_exposure_pct", most - exposure.gross
    if limits.risk.max_order_notional is not None:
        yield "max_order_notional", limits.risk.max_order_notional
    if is_option(request.symbol):
        yield "options.max_premium_pct", equity * limits.options.max_premium_pct / HUNDRED
        yield "options.max_loss_pct", equity * limits.options.max_loss_pct / HUNDRED
    if facts.asset is not None and facts.asset.is_crypto:
        yield "crypto_order_max", CRYPTO_ORDER_NOTIONAL_MAX


def _collar(request: SizeRequest, facts: Facts) -> Decimal:
    if request.side is Side.SELL:
        return SHORT_COLLAR
    is_crypto = facts.asset is not None and facts.asset.is_crypto
    return CRYPTO_MARKET_COLLAR if is_crypto else Decimal(1)


# --- rounding ------------------------------------------------------------------------------


def quantity_step(request: SizeRequest, facts: Facts) -> Decimal:
    """The grid a quantity must lie on: whole shares, nine decimals, or the coin's increment."""
    asset = facts.asset
    if asset is not None and asset.is_crypto:
        return asset.min_trade_increment or QTY_STEP
    fractional = asset is not None and asset.fractionable and not request.whole_shares
    if request.side is Side.SELL:
        fractional = False  # shorts are whole shares
    return QTY_STEP if fractional else Decimal(1)


def _rounded(
    method: SizingMethod,
    request: SizeRequest,
    facts: Facts,
    limits: TradingSettings,
    steps: list[SizingStep],
) -> Sized | SizeRefused:
    smallest = min(steps, key=lambda step: step.qty)
    grid = quantity_step(request, facts)
    qty = round_down(smallest.qty, grid)
    value = qty * request.price
    steps.append(SizingStep("rounding", qty, value, f"steps of {text(grid)}"))
    is_crypto = facts.asset is not None and facts.asset.is_crypto
    least = facts.asset.min_order_size if is_crypto and facts.asset is not None else None
    if qty <= 0 or value < limits.sizing.min_notional or (least is not None and qty < least):
        wanted = least if least is not None and qty < least else grid
        return SizeRefused(
            "size.below_minimum",
            f"{smallest.rule} allows {text(round_down(smallest.qty, QTY_STEP))} of "
            f"{request.symbol} at {price_words(request.price, request.symbol)}, below the minimum "
            f"of {text(wanted)} and {money_words(limits.sizing.min_notional)} USD",
            tuple(steps),
        )
    dollars = round_down(smallest.value, CENT)
    wants_notional = method in _NOTIONAL_METHODS and request.as_notional and grid == QTY_STEP
    if wants_notional and not is_crypto and dollars >= limits.sizing.min_notional:
        return Sized(method, None, dollars, qty, tuple(steps))
    return Sized(method, qty, None, qty, tuple(steps))
