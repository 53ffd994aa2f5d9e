"""`--stop-loss` and `--take-profit` become the legs of a bracket (both) or an OTO (one).

The prices follow `execbot.exits.levels`: `182.50`, `2%`, `2R`, `1.5ATR`. Relative ones are measured
from where the entry would trade: its limit, its stop, or the quote it would hit. Of several targets
none goes along with the entry: the stop does, and the targets are spread after the fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from execbot.cli.errors import Failure, usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.order_flags import read_price
from execbot.desk.context import Context
from execbot.exits.levels import (
    NO_FACTS,
    LevelError,
    LevelFacts,
    LevelKind,
    LevelSpec,
    parse_level,
    stop_price,
    target_price,
)
from execbot.model.enums import OrderType, PositionSide, Side, TimeInForce
from execbot.model.numbers import text
from execbot.model.order import OrderRequest
from execbot.model.symbols import is_pair

STOP, TARGET = "--stop-loss", "--take-profit"


class Legs(Struct, frozen=True):
    """What was asked for. Several targets share the position in equal parts."""

    stop: LevelSpec | None = None
    targets: tuple[LevelSpec, ...] = ()

    @property
    def are_given(self) -> bool:
        return self.stop is not None or bool(self.targets)


NO_LEGS = Legs()


class Dressed(Struct, frozen=True):
    """The request with its legs priced.

    `spread` are several targets, the nearest first, which do not go along; they are measured by
    `facts` from the entry's real price. `entry` is the price that the legs were measured from.
    """

    request: OrderRequest
    spread: tuple[LevelSpec, ...] = ()
    facts: LevelFacts = NO_FACTS
    entry: Decimal | None = None


def read_legs(request: OrderRequest, stop_loss: str | None, take_profit: Sequence[str]) -> Legs:
    """Check what can be checked before anything is asked of the broker.

    Raises Failure (2), and LevelError for a word that is no level.
    """
    if stop_loss is None and not take_profit:
        return NO_LEGS
    _check_parent(request)
    stop = None if stop_loss is None else _read_level(STOP, stop_loss, request.symbol)
    targets = tuple(_read_level(TARGET, word, request.symbol) for word in take_profit)
    legs = Legs(stop, targets)
    if stop is None:
        _check_without_stop(legs)
    if request.qty is not None and len(targets) > request.qty:
        raise usage(
            f"{TARGET} was given {len(targets)} times with --qty {text(request.qty)}",
            hint="Each target takes one whole share at least.",
            next_step=f"Give {TARGET} less often, or raise --qty to {len(targets)}.",
            kind="usage.targets",
        )
    return legs


def _read_level(flag: str, word: str, symbol: str) -> LevelSpec:
    spec = parse_level(word)
    if spec.kind is LevelKind.PRICE:
        read_price(flag, word, is_pair(symbol))
    return spec


def _check_without_stop(legs: Legs) -> None:
    if len(legs.targets) > 1:
        raise usage(
            f"{TARGET} was given {len(legs.targets)} times with no {STOP}",
            hint="Several targets stand at the broker as pairs, each of a target and a stop.",
            next_step=f"Add {STOP} 2%, or give one {TARGET}.",
            kind="usage.targets",
        )
    if any(target.kind is LevelKind.R_MULTIPLE for target in legs.targets):
        raise usage(
            f"{TARGET} was {legs.targets[0]} with no {STOP}",
            hint="R is the distance from entry to stop.",
            next_step=f"Add {STOP} 2%.",
            kind="usage.r_without_stop",
        )


def _check_parent(request: OrderRequest) -> None:
    """Alpaca's rules for an order with legs."""
    fraction = request.qty is None or request.qty != request.qty.to_integral_value()
    for broken, message, hint in (
        (
            is_pair(request.symbol),
            f"{request.symbol} takes no {STOP} or {TARGET} with the order",
            "Alpaca holds no legs for crypto pairs.",
        ),
        (
            fraction,
            f"{STOP} and {TARGET} need whole shares",
            "Alpaca holds no legs for fractional and --notional orders.",
        ),
        (
            request.extended_hours,
            f"{STOP} and {TARGET} are not possible with --extended-hours",
            "Orders with legs trade in regular hours only.",
        ),
        (
            request.time_in_force not in (TimeInForce.DAY, TimeInForce.GTC),
            f"{STOP} and {TARGET} are not possible with --tif {request.time_in_force}",
            "Orders with legs are day or gtc.",
        ),
        (
            request.type not in (OrderType.MARKET, OrderType.LIMIT),
            f"{STOP} and {TARGET} are not possible with --type {request.type}",
            "The entry of an order with legs is a market or limit order.",
        ),
    ):
        if broken:
            instead = f"Leave them out, and protect the position: execbot protect {request.symbol}"
            raise usage(message, hint=hint, next_step=instead, kind="usage.legs")


def dressed(desk: Context, request: OrderRequest, legs: Legs) -> Dressed:
    """The request with its legs priced. Raises Failure (2) where a level makes no sense, and
    BrokerError."""
    if not legs.are_given:
        return Dressed(request)
    from execbot.exits.plan.attach import Wishes, in_equal_parts, with_legs
    from execbot.oms.place.held_plans import facts_for

    facts = facts_for(desk, request.symbol, Wishes(legs.stop, None, in_equal_parts(legs.targets)))
    entry = _entry_price(desk, request)
    stop, targets = _prices(request, legs, entry, facts)
    if len(targets) <= 1:
        along = targets[0][1] if targets else None
        return Dressed(with_legs(request, stop, along), entry=entry)
    spread = tuple(level for level, _ in targets)
    return Dressed(with_legs(request, stop, None), spread, facts, entry)


def _prices(
    request: OrderRequest, legs: Legs, entry: Decimal, facts: LevelFacts
) -> tuple[Decimal | None, tuple[tuple[LevelSpec, Decimal], ...]]:
    """Of the stop, and of the targets in the order in which they are reached."""
    side = PositionSide.LONG if request.side is Side.BUY else PositionSide.SHORT
    flag, level = STOP, legs.stop
    try:
        stop = None if level is None else stop_price(level, side, entry, facts)
        found = []
        for target in legs.targets:
            flag, level = TARGET, target
            found.append((target, target_price(target, side, entry, stop=stop, facts=facts)))
    except LevelError as error:
        raise usage(
            f"{flag} {level}: {error.message}",
            hint=error.hint,
            next_step=f"Give {flag} as a distance (2%), or a price that is on the right side.",
            kind=error.kind,
        ) from None
    away = 1 if side is PositionSide.LONG else -1
    return stop, tuple(sorted(found, key=lambda item: away * item[1]))


def _entry_price(desk: Context, request: OrderRequest) -> Decimal:
    """Its limit, or what a market order would pay now: the ask for a buy, the bid for a sell."""
    if request.limit_price:
        return request.limit_price
    quote = desk.client.latest_quote(request.symbol)
    price = None
    if quote is not None:
        price = quote.ask if request.side is Side.BUY else quote.bid
    if not price:
        raise Failure(
            "risk.no_quote",
            f"{request.symbol} has no quote to measure stop and target from",
            ExitCode.RISK,
            hint="A percentage, R or ATR needs a price to start from.",
            next_step=f"Give {STOP} and {TARGET} as prices, or a --limit.",
        )
    return price
