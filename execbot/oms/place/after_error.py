"""Decides what to do after a submission failed: retry, send a smaller or different order, wait, or
stop.

Pure. A `BrokerError` and the history of the attempts go in, one `RetryDecision` comes out:

| error | next |
|---|---|
| in doubt | `settle`: only a look-up by client_order_id can tell; never re-sent from here |
| id in use already | `settle`: it is there |
| rate limit, network before anything left | `stop`: it was sent again under its id already |
| shares held by orders being canceled | `retry` a few times, then `adjust` to what is free |
| buying power, quantity | `adjust`: what the broker says it would take, less a reserve |
| not fractionable, price grid, hours | `adjust`: the nearest order that is allowed |
| market order refused where a limit is taken | `adjust`: a marketable limit |
| closed, auction window | `queue` |
| symbol, account, keys, permission | `stop`, and tell a person |

An adjusted order is a new intent with a new id (`.2`, `.3`, ...), is never larger than the one
before, and never the same as one that was refused already.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal, localcontext
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.broker.remedy import Remedy
from execbot.config.schema import OrderManagementSettings
from execbot.model.enums import OrderType, Side, TimeInForce
from execbot.model.numbers import (
    CENT,
    QTY_STEP,
    ZERO,
    first_known,
    is_whole,
    maybe_decimal,
    round_down,
    round_up,
    tick_size,
)
from execbot.model.order import OrderRequest
from execbot.model.quote import Quote

FIT_RESERVE = Decimal("0.98")
"""Prices move between the refusal and the next attempt."""
MIN_NOTIONAL = Decimal(1)


class RetryStep(StrEnum):
    RETRY = "retry"
    ADJUST = "adjust"
    QUEUE = "queue"
    SETTLE = "settle"
    STOP = "stop"


class History(Struct, frozen=True):
    """The attempts so far. `sent` are all requests refused yet, newest last.

    `retried_id` is the id that the ids of the retries (`.r1`, `.r2`) are made of.
    """

    retries: int = 0
    adjustments: int = 0
    rejections: int = 0
    sent: tuple[OrderRequest, ...] = ()
    retried_id: str = ""


class RetryDecision(Struct, frozen=True):
    """`request` only with ADJUST; a RETRY waits first. `tell`: a person must know."""

    step: RetryStep
    reason: str
    request: OrderRequest | None = None
    tell: bool = False


_HELD = frozenset({"broker.qty_held_for_orders"})
_WAITS_A_MOMENT = frozenset(
    {"broker.closing_order_open", "broker.oco_not_exit", "broker.position_intent_mismatch"}
)
_CLOSED = frozenset({"broker.market_closed", "broker.opg_window", "broker.cls_window"})


def next_step(
    error: BrokerError,
    request: OrderRequest,
    history: History,
    settings: OrderManagementSettings,
    *,
    quote: Quote | None = None,
) -> RetryDecision:
    """Decide; `quote` serves marketable limits.

    What may be sent again as it is, under the same id, the pipeline has sent again by then: that
    is the one back-off, because only there is the intent known to be one and the same.
    """
    history = replace(history, sent=(*history.sent, request))
    if error.in_doubt or error.remedy in (Remedy.IN_DOUBT, Remedy.DUPLICATE):
        return RetryDecision(RetryStep.SETTLE, f"{error.kind}: looked up by client_order_id")
    if error.remedy in (Remedy.RETRY, Remedy.RETRY_AFTER):
        return RetryDecision(
            RetryStep.STOP, f"{error.message}; sending it again did not help", tell=True
        )
    if error.kind in _CLOSED:
        return RetryDecision(RetryStep.QUEUE, error.message)
    if error.kind in _HELD or error.kind in _WAITS_A_MOMENT:
        return _wait_or_adjust(error, request, history, settings)
    if error.remedy is Remedy.WAIT:
        return RetryDecision(RetryStep.QUEUE, error.message)
    if error.remedy is Remedy.ADJUST or _is_market_refused(error, request):
        return _adjust(error, request, history, settings, quote)
    return RetryDecision(RetryStep.STOP, error.message, tell=error.remedy is Remedy.FATAL_ACCOUNT)


def next_after_rejection(
    reason: str,
    request: OrderRequest,
    history: History,
    settings: OrderManagementSettings,
    *,
    quote: Quote | None = None,
) -> RetryDecision:
    """The broker took the order and rejected it later, mostly without saying why.

    The one attempt that differs and is no worse for us is a limit at a marketable price.
    """
    history = replace(history, sent=(*history.sent, request))
    if history.rejections >= settings.reject_attempts:
        return RetryDecision(
            RetryStep.STOP, f"rejected {history.rejections} times: {reason}", tell=True
        )
    if request.type is not OrderType.MARKET:
        return RetryDecision(RetryStep.STOP, f"rejected: {reason}", tell=True)
    limited = marketable_limit(request, quote, settings.marketable_limit_pct)
    return _as_new_attempt(limited, history, settings, "a marketable limit instead of market")


def _wait_or_adjust(
    error: BrokerError,
    request: OrderRequest,
    history: History,
    settings: OrderManagementSettings,
) -> RetryDecision:
    if history.retries < settings.retry_attempts:
        return RetryDecision(RetryStep.RETRY, error.kind)
    if error.kind in _HELD:
        return _adjust(error, request, history, settings, None)
    return RetryDecision(RetryStep.STOP, error.message)


# --- adjusting -----------------------------------------------------------------------------


def _adjust(
    error: BrokerError,
    request: OrderRequest,
    history: History,
    settings: OrderManagementSettings,
    quote: Quote | None,
) -> RetryDecision:
    changed, why = _changed(error, request, settings, quote)
    if changed is None:
        return RetryDecision(RetryStep.STOP, f"{error.message}; {why}")
    return _as_new_attempt(changed, history, settings, why)


def _changed(
    error: BrokerError,
    request: OrderRequest,
    settings: OrderManagementSettings,
    quote: Quote | None,
) -> tuple[OrderRequest | None, str]:
    match error.kind:
        case (
            "broker.insufficient_buying_power"
            | "broker.insufficient_day_trading_buying_power"
            | "broker.insufficient_options_buying_power"
        ):
            return _fitted_to_money(error, request)
        case "broker.insufficient_qty" | "broker.qty_held_for_orders":
            return _fitted_to_shares(error, request, "available")
        case "broker.insufficient_balance":
            return _fitted_to_shares(error, request, "balance")
        case (
            "broker.not_fractionable"
            | "broker.fractional_disabled"
            | "broker.fractional_tif"
            | "broker.fractional_class"
            | "broker.fractional_short"
        ):
            return _whole(request, quote)
        case "broker.sub_penny":
            return _on_grid(request), "prices rounded to the grid"
        case "broker.notional_decimals" if request.notional is not None:
            return replace(request, notional=round_down(request.notional, CENT)), "whole cents"
        case "broker.crypto_tif":
            return replace(request, time_in_force=TimeInForce.GTC), "gtc, as pairs take it"
        case "broker.hard_to_borrow_day_only":
            return replace(request, time_in_force=TimeInForce.DAY), "day, as the borrow asks"
    if request.type is OrderType.MARKET and error.kind in _MARKET_REFUSED:
        limited = marketable_limit(request, quote, settings.marketable_limit_pct)
        return limited, "a marketable limit instead of market"
    return None, "nothing that could be changed would be what was asked for"


_MARKET_REFUSED = frozenset({"broker.extended_hours_rule", "broker.rejected"})


def _is_market_refused(error: BrokerError, request: OrderRequest) -> bool:
    said = error.said.lower()
    return (
        request.type is OrderType.MARKET
        and error.kind in _MARKET_REFUSED
        and "market order" in said
    )


def _as_new_attempt(
    changed: OrderRequest | None,
    history: History,
    settings: OrderManagementSettings,
    why: str,
) -> RetryDecision:
    """A bounded number of attempts, each different from all before it."""
    if changed is None:
        return RetryDecision(RetryStep.STOP, f"{why}: not possible without a price")
    if history.adjustments >= settings.adjust_attempts:
        return RetryDecision(
            RetryStep.STOP, f"{history.adjustments} adjustments did not help", tell=True
        )
    if any(_same(changed, old) for old in history.sent):
        return RetryDecision(RetryStep.STOP, f"{why}: that was refused already")
    first = history.sent[0]
    number = len({old.client_order_id for old in history.sent}) + 1
    base = first.client_order_id
    changed = replace(changed, client_order_id=f"{base}.{number}" if base else "")
    return RetryDecision(RetryStep.ADJUST, why, request=changed)


def _same(one: OrderRequest, other: OrderRequest) -> bool:
    return replace(one, client_order_id="") == replace(other, client_order_id="")


_POWER = ("buying_power", "daytrading_buying_power")
"""Where a refusal says what there is, the first that does."""


def _fitted_to_money(error: BrokerError, request: OrderRequest) -> tuple[OrderRequest | None, str]:
    """Alpaca's reply says what it has and what the order would cost: shrink by that ratio."""
    figures = (maybe_decimal(error.extra.get(name)) for name in _POWER)
    power = first_known(*figures)
    cost = maybe_decimal(error.extra.get("cost_basis"))
    if power is None or power <= 0:
        return None, "no buying power is left"
    if request.notional is not None:
        fitted = round_down(min(power, request.notional) * FIT_RESERVE, CENT)
        if fitted < MIN_NOTIONAL:
            return None, f"{fitted} USD is less than the broker takes"
        return replace(request, notional=fitted), f"notional reduced to {fitted}"
    if request.qty is None or cost is None or cost <= 0:
        return None, "the broker did not say what would fit"
    with localcontext() as context:
        context.rounding = ROUND_DOWN
        share = min(power / cost, Decimal(1)) * FIT_RESERVE
        qty = _like(request.qty, request.qty * share)
    if qty <= 0:
        return None, "not even the smallest quantity fits"
    return replace(request, qty=qty), f"quantity reduced to {qty}"


def _fitted_to_shares(
    error: BrokerError, request: OrderRequest, field: str
) -> tuple[OrderRequest | None, str]:
    available = maybe_decimal(error.extra.get(field))
    if available is None or request.qty is None:
        return None, "the broker did not say what is free"
    qty = min(available, request.qty)
    if qty <= 0:
        return None, "nothing is free"
    return replace(request, qty=qty), f"quantity reduced to the {qty} that are free"


def _whole(request: OrderRequest, quote: Quote | None) -> tuple[OrderRequest | None, str]:
    qty = request.qty
    if qty is None and request.notional is not None and quote is not None:
        price = request.limit_price or (quote.ask if request.side is Side.BUY else quote.bid)
        qty = request.notional / price if price > 0 else None
    if qty is None:
        return None, "no price to turn dollars into shares"
    whole = round_down(qty, Decimal(1))
    if whole <= 0:
        return None, "less than one whole share"
    return replace(request, qty=whole, notional=None), f"{whole} whole shares"


def _on_grid(request: OrderRequest) -> OrderRequest:
    """Limits round to the side that costs less; stops to the side that triggers later."""
    buys = request.side is Side.BUY
    changes: dict[str, Decimal] = {}
    if request.limit_price is not None:
        rounding = round_down if buys else round_up
        changes["limit_price"] = rounding(request.limit_price, tick_size(request.limit_price))
    if request.stop_price is not None:
        rounding = round_up if buys else round_down
        changes["stop_price"] = rounding(request.stop_price, tick_size(request.stop_price))
    return replace(request, **changes)


def _like(old: Decimal, new: Decimal) -> Decimal:
    """As many decimals as the old quantity used: whole shares stay whole."""
    step = Decimal(1) if is_whole(old) else QTY_STEP
    return round_down(new, step)


def marketable_limit(
    request: OrderRequest, quote: Quote | None, through_pct: Decimal
) -> OrderRequest | None:
    """A limit order that would trade at once: through the far side of the quote by a little.

    None when the quote has no such side. Notional market orders become notional limits.
    """
    if quote is None:
        return None
    far = quote.ask if request.side is Side.BUY else quote.bid
    if far <= ZERO:
        return None
    price = far * (1 + through_pct / 100 * request.side.sign)
    step = tick_size(price)
    rounded = round_up(price, step) if request.side is Side.BUY else round_down(price, step)
    return replace(request, type=OrderType.LIMIT, limit_price=max(rounded, step))
