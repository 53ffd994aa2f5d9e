"""`--stop-loss` and `--take-profit` become the legs of a bracket (both) or an OTO (one).

The prices follow `execbot.exits.levels`: `182.50`, `2%`, `2R`, `1.5ATR`. Relative ones are measured
from where the entry would trade: its limit, its stop, or the quote it would hit.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from execbot.broker.port import BrokerClient
from execbot.cli.errors import Failure, usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.order_flags import is_crypto_pair, read_price
from execbot.exits.levels import (
    LevelFacts,
    LevelKind,
    LevelSpec,
    parse_level,
    stop_price,
    target_price,
    wilder_atr,
)
from execbot.model.enums import OrderClass, OrderType, PositionSide, Side, TimeInForce
from execbot.model.order import OrderRequest, StopLoss, TakeProfit

ATR_PERIOD = 14
ATR_DAYS_BACK = 60
"""Calendar days that surely hold enough trading days to settle Wilder's average."""


def read_specs(
    request: OrderRequest, stop_loss: str | None, take_profit: str | None
) -> tuple[LevelSpec | None, LevelSpec | None]:
    """Check what can be checked before anything is asked of the broker."""
    if stop_loss is None and take_profit is None:
        return None, None
    _check_parent(request)
    specs: list[LevelSpec | None] = []
    for flag, word in (("--stop-loss", stop_loss), ("--take-profit", take_profit)):
        if word is None:
            specs.append(None)
            continue
        spec = parse_level(word)
        if spec.kind is LevelKind.PRICE:
            read_price(flag, word, is_crypto_pair(request.symbol))
        specs.append(spec)
    stop, target = specs
    if target is not None and target.kind is LevelKind.R_MULTIPLE and stop is None:
        raise usage(
            f"--take-profit was {take_profit} with no --stop-loss",
            hint="R is the distance from entry to stop.",
            kind="usage.r_without_stop",
        )
    return stop, target


def _check_parent(request: OrderRequest) -> None:
    """Alpaca's rules for an order with legs."""
    fraction = request.qty is None or request.qty != request.qty.to_integral_value()
    for broken, message, hint in (
        (
            is_crypto_pair(request.symbol),
            f"{request.symbol} takes no --stop-loss or --take-profit with the order",
            "Alpaca holds no legs for crypto pairs. Protect the position: execbot protect.",
        ),
        (
            fraction,
            "--stop-loss and --take-profit need whole shares",
            "Alpaca holds no legs for fractional and --notional orders.",
        ),
        (
            request.extended_hours,
            "--stop-loss and --take-profit are not possible with --extended-hours",
            "Orders with legs trade in regular hours only.",
        ),
        (
            request.time_in_force not in (TimeInForce.DAY, TimeInForce.GTC),
            f"--stop-loss and --take-profit are not possible with --tif {request.time_in_force}",
            "Orders with legs are day or gtc.",
        ),
        (
            request.type not in (OrderType.MARKET, OrderType.LIMIT),
            f"--stop-loss and --take-profit are not possible with --type {request.type}",
            "The entry of an order with legs is a market or limit order.",
        ),
    ):
        if broken:
            raise usage(message, hint=hint, kind="usage.legs")


def with_legs(
    request: OrderRequest,
    stop: LevelSpec | None,
    target: LevelSpec | None,
    client: BrokerClient,
    now: datetime,
) -> OrderRequest:
    """The request with its legs priced. Raises LevelError where a level makes no sense."""
    if stop is None and target is None:
        return request
    side = PositionSide.LONG if request.side is Side.BUY else PositionSide.SHORT
    entry = request.limit_price or _market_price(request, client)
    facts = LevelFacts(atr=_atr(request, client, now) if _needs_atr(stop, target) else None)
    stop_at = None if stop is None else stop_price(stop, side, entry, facts)
    target_at = (
        None if target is None else target_price(target, side, entry, stop=stop_at, facts=facts)
    )
    both = stop_at is not None and target_at is not None
    return replace(
        request,
        order_class=OrderClass.BRACKET if both else OrderClass.OTO,
        stop_loss=None if stop_at is None else StopLoss(stop_at),
        take_profit=None if target_at is None else TakeProfit(target_at),
    )


def _needs_atr(*specs: LevelSpec | None) -> bool:
    return any(spec is not None and spec.kind is LevelKind.ATR for spec in specs)


def _market_price(request: OrderRequest, client: BrokerClient) -> Decimal:
    """What a market order would pay now: the ask for a buy, the bid for a sell."""
    quote = client.latest_quote(request.symbol)
    price = None
    if quote is not None:
        price = quote.ask if request.side is Side.BUY else quote.bid
    if not price:
        raise Failure(
            "risk.no_quote",
            f"{request.symbol} has no quote to measure stop and target from",
            ExitCode.RISK,
            hint="A percentage, R or ATR needs a price to start from.",
            next_step="Give --stop-loss and --take-profit as prices, or a --limit.",
        )
    return price


def _atr(request: OrderRequest, client: BrokerClient, now: datetime) -> Decimal:
    bars = client.get_bars(request.symbol, "1Day", start=now - timedelta(days=ATR_DAYS_BACK))
    return wilder_atr(bars, ATR_PERIOD)
