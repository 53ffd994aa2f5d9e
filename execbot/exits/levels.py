"""Stops and targets as pure functions: where they stand for an entry price and a side.

A level is asked for as a `LevelSpec` (`182.50`, `2%`, `2R`, `1.5ATR`, `support`, `resistance`)
and becomes a price with the facts of `LevelFacts` (average true range, lowest low, highest high).

Rounding goes to the safe side of the price grid: a stop is rounded towards the entry, so that the
risk is never larger than asked; a target too, so that it is never harder to reach than asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from itertools import pairwise

from msgspec import Struct

from execbot.model.amounts import price_words
from execbot.model.enums import ErrorCategory, PositionSide
from execbot.model.errors import ExecbotError
from execbot.model.numbers import ZERO, text, tick_size, to_decimal
from execbot.model.quote import Bar


class LevelError(ExecbotError, ValueError):
    """A level that makes no sense. `kind` is a stable slug, `hint` says what would."""

    category = ErrorCategory.ADJUSTABLE

    def __init__(self, kind: str, message: str, hint: str, next_step: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.hint = hint
        self.next_step = next_step


@contextmanager
def naming(what: str, spec: LevelSpec) -> Iterator[None]:
    """Errors of the block say which level they are about (`stop 2%: ...`), once."""
    try:
        yield
    except LevelError as error:
        says_it = spec.words in error.message.split()
        raise LevelError(
            error.kind,
            error.message if says_it else f"{what} {spec.words}: {error.message}",
            error.hint,
            f"Give the {what} as a distance (2%), or as a price on the right side.",
        ) from None


class LevelKind(StrEnum):
    PRICE = "price"
    PERCENT = "percent"
    OFFSET = "offset"
    R_MULTIPLE = "r"
    ATR = "atr"
    SUPPORT = "support"
    RESISTANCE = "resistance"


class LevelSpec(Struct, frozen=True):
    """`value` is a price, a percentage, a distance in USD, or a multiple, by `kind`."""

    kind: LevelKind
    value: Decimal = ZERO

    def __str__(self) -> str:
        return _SPEC_TEXT[self.kind].format(text(self.value))

    @property
    def words(self) -> str:
        """In a sentence: a price has its decimals there."""
        return price_words(self.value) if self.kind is LevelKind.PRICE else str(self)


_SPEC_TEXT = {
    LevelKind.PRICE: "{}",
    LevelKind.PERCENT: "{}%",
    LevelKind.OFFSET: "{}USD",
    LevelKind.R_MULTIPLE: "{}R",
    LevelKind.ATR: "{}ATR",
    LevelKind.SUPPORT: "support",
    LevelKind.RESISTANCE: "resistance",
}
_SPEC = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(%|r|atr|usd)?\s*", re.IGNORECASE)
_UNITS = {
    "": LevelKind.PRICE,
    "%": LevelKind.PERCENT,
    "r": LevelKind.R_MULTIPLE,
    "atr": LevelKind.ATR,
    "usd": LevelKind.OFFSET,
}


def parse_level(word: str) -> LevelSpec:
    """Read `182.5`, `2%`, `2R`, `1.5ATR`, `3USD`, `support`, `resistance`; LevelError otherwise."""
    plain = word.strip().lower()
    if plain in (LevelKind.SUPPORT, LevelKind.RESISTANCE):
        return LevelSpec(LevelKind(plain))
    match = _SPEC.fullmatch(word)
    if match is None:
        raise LevelError(
            "exits.bad_level",
            f"level was {word!r}",
            "give a price (182.50), a percentage (2%), a multiple (2R, 1.5ATR), a distance (3USD)",
        )
    value = to_decimal(match[1])
    if value <= 0:
        raise LevelError("exits.bad_level", f"level was {word!r}", "it must be above zero")
    return LevelSpec(_UNITS[(match[2] or "").lower()], value)


class LevelFacts(Struct, frozen=True):
    """Facts of the market. `lowest_low` and `highest_high` are of the last N complete days."""

    atr: Decimal | None = None
    lowest_low: Decimal | None = None
    highest_high: Decimal | None = None
    offset_pct: Decimal = Decimal("0.1")
    """How far beyond a key level, and away from a round number, a stop is placed (percent)."""
    tick: Decimal | None = None
    """The asset's own price step (crypto); None is the equity grid."""


NO_FACTS = LevelFacts()


# --- facts from bars ---------------------------------------------------------------------------


def wilder_atr(bars: Sequence[Bar], period: int = 14) -> Decimal:
    """Average true range as Wilder smoothed it (New Concepts in Technical Trading, 1978).

    The first value is the plain mean of the first `period` true ranges, each later one is
    `(previous * (period - 1) + true_range) / period`. A true range needs the close before it, so
    `period + 1` bars are the least. Raises LevelError when there are fewer.
    """
    if period < 1 or len(bars) < period + 1:
        raise LevelError(
            "exits.too_few_bars",
            f"average true range over {period} days needs {period + 1} daily bars, got {len(bars)}",
            "use a percentage or a price for this symbol",
        )
    ranges = [
        max(bar.high - bar.low, abs(bar.high - before.close), abs(bar.low - before.close))
        for before, bar in pairwise(bars)
    ]
    average = sum(ranges[:period], ZERO) / period
    for true_range in ranges[period:]:
        average = (average * (period - 1) + true_range) / period
    return average


def lowest_low(bars: Sequence[Bar], days: int) -> Decimal:
    """The lowest low of the last `days` bars: the support."""
    return min(bar.low for bar in _last(bars, days))


def highest_high(bars: Sequence[Bar], days: int) -> Decimal:
    """The highest high of the last `days` bars: the resistance."""
    return max(bar.high for bar in _last(bars, days))


def _last(bars: Sequence[Bar], days: int) -> Sequence[Bar]:
    if days < 1 or not bars:
        raise LevelError(
            "exits.too_few_bars",
            f"a key level of {days} days needs daily bars, got {len(bars)}",
            "use a percentage or a price for this symbol",
        )
    return bars[-days:]


# --- the price grid ----------------------------------------------------------------------------


NICKEL, DIME, OPTION_SPLIT = Decimal("0.05"), Decimal("0.10"), Decimal(3)
"""Steps of option prices outside the Penny Program, below and from three dollars: prices of that
grid are on every finer one (`model/options/grid.py`)."""


def on_grid(price: Decimal, *, up: bool, tick: Decimal | None = None) -> Decimal:
    """The nearest price of the grid at or beyond `price`, in the direction given."""
    step = tick if tick is not None else tick_size(price)
    if step == NICKEL and price >= OPTION_SPLIT:
        step = DIME  # the grid of options; a multiple of ten cents is one of five, too
    rounding = ROUND_CEILING if up else ROUND_FLOOR
    return (price / step).to_integral_value(rounding) * step


def safe_stop(price: Decimal, side: PositionSide, tick: Decimal | None = None) -> Decimal:
    """Towards the entry: up for a long, down for a short, so that no more is risked than asked."""
    return on_grid(price, up=side is PositionSide.LONG, tick=tick)


def safe_target(price: Decimal, side: PositionSide, tick: Decimal | None = None) -> Decimal:
    """Towards the entry: down for a long, up for a short, so that it is no harder to reach."""
    return on_grid(price, up=side is PositionSide.SHORT, tick=tick)


def round_number_step(price: Decimal) -> Decimal:
    """The spacing of the round numbers near which stops of many traders gather."""
    for above, step in _ROUND_STEPS:
        if price >= above:
            return step
    return Decimal("0.01")


_ROUND_STEPS = (
    (Decimal(1000), Decimal(50)),
    (Decimal(200), Decimal(10)),
    (Decimal(50), Decimal(5)),
    (Decimal(10), Decimal(1)),
    (Decimal(1), Decimal("0.5")),
    (Decimal("0.1"), Decimal("0.05")),
)


def away_from_round(price: Decimal, side: PositionSide, offset: Decimal) -> Decimal:
    """Move a stop that lies within `offset` of a round number to just beyond that number.

    Beyond means the far side: a long's stop goes `offset` below it, a short's `offset` above, so
    that a touch of the round number alone does not take it.
    """
    step = round_number_step(price)
    number = (price / step).to_integral_value() * step
    if number <= 0 or abs(price - number) >= offset:
        return price
    return number - offset if side is PositionSide.LONG else number + offset


# --- stops -------------------------------------------------------------------------------------


def stop_price(
    spec: LevelSpec, side: PositionSide, entry: Decimal, facts: LevelFacts | None = None
) -> Decimal:
    """The stop for an entry at `entry`. Raises LevelError where it would not stop a loss."""
    facts = facts or NO_FACTS
    _positive(entry, "entry price")
    price = safe_stop(_raw_stop(spec, side, entry, facts), side, facts.tick)
    check_stop(price, side, entry)
    return price


def _raw_stop(spec: LevelSpec, side: PositionSide, entry: Decimal, facts: LevelFacts) -> Decimal:
    loss = -1 if side is PositionSide.LONG else 1
    if spec.kind is LevelKind.PRICE:
        return spec.value
    if spec.kind is LevelKind.PERCENT:
        return entry * (1 + loss * spec.value / 100)
    if spec.kind is LevelKind.OFFSET:
        return entry + loss * spec.value
    if spec.kind is LevelKind.ATR:
        return entry + loss * spec.value * _known(facts.atr, "average true range")
    if spec.kind is LevelKind.R_MULTIPLE:
        raise LevelError(
            "exits.stop_in_r",
            f"stop was {spec}",
            "R is measured from the stop, so a stop cannot be given in R; use 2% or a price",
        )
    wanted = LevelKind.SUPPORT if side is PositionSide.LONG else LevelKind.RESISTANCE
    if spec.kind is not wanted:
        raise LevelError(
            "exits.wrong_key_level",
            f"stop of a {side} position was {spec}",
            f"a {side} position stops beyond {wanted}",
        )
    key = facts.lowest_low if side is PositionSide.LONG else facts.highest_high
    return _beyond_key_level(_known(key, str(wanted)), side, facts.offset_pct)


def _beyond_key_level(key: Decimal, side: PositionSide, offset_pct: Decimal) -> Decimal:
    offset = key * offset_pct / 100
    beyond = key - offset if side is PositionSide.LONG else key + offset
    return away_from_round(beyond, side, offset)


def check_stop(stop: Decimal, side: PositionSide, price: Decimal) -> None:
    """Raise LevelError unless a stop at `stop` lies on the losing side of `price`."""
    _positive(stop, "stop")
    if stop >= price if side is PositionSide.LONG else stop <= price:
        word = "below" if side is PositionSide.LONG else "above"
        raise LevelError(
            "exits.stop_wrong_side",
            f"stop was {price_words(stop)} with the price at {price_words(price)}",
            f"the stop of a {side} position must be {word} the price",
        )


FAR = Decimal("0.5")
"""A stop or target further away than this share of the price is most often a slip: `2` for `2%`."""


def check_near(name: str, level: Decimal, *prices: Decimal | None) -> None:
    """Raise LevelError when a level is far from every one of the known prices."""
    known = [price for price in prices if price]
    if not known or any(abs(level - price) <= price * FAR for price in known):
        return
    price = min(known, key=lambda one: abs(level - one))
    away = abs(level - price) / price * 100
    raise LevelError(
        "exits.far",
        f"{name} at {price_words(level)} is {text(away.quantize(Decimal('0.1')))} % away from "
        f"{price_words(price)}",
        f"A {name} further than half the price away is most often a slip (2 for 2%).",
        "Give it as a distance (2%), or add --far if it is meant.",
    )


# --- targets -----------------------------------------------------------------------------------


def target_price(
    spec: LevelSpec,
    side: PositionSide,
    entry: Decimal,
    *,
    stop: Decimal | None = None,
    facts: LevelFacts | None = None,
) -> Decimal:
    """The target for an entry at `entry`; R multiples are measured against `stop`.

    Raises LevelError where it would not be a gain, or where R is asked for without a stop.
    """
    facts = facts or NO_FACTS
    _positive(entry, "entry price")
    price = safe_target(_raw_target(spec, side, entry, stop, facts), side, facts.tick)
    check_target(price, side, entry)
    return price


def _raw_target(
    spec: LevelSpec,
    side: PositionSide,
    entry: Decimal,
    stop: Decimal | None,
    facts: LevelFacts,
) -> Decimal:
    gain = 1 if side is PositionSide.LONG else -1
    if spec.kind is LevelKind.PRICE:
        return spec.value
    if spec.kind is LevelKind.PERCENT:
        return entry * (1 + gain * spec.value / 100)
    if spec.kind is LevelKind.OFFSET:
        return entry + gain * spec.value
    if spec.kind is LevelKind.ATR:
        return entry + gain * spec.value * _known(facts.atr, "average true range")
    if spec.kind is LevelKind.R_MULTIPLE:
        if stop is None:
            raise LevelError(
                "exits.r_without_stop",
                f"target was {spec} with no stop",
                "R is the distance from entry to stop; give a stop too",
            )
        return entry + gain * spec.value * abs(entry - stop)
    wanted = LevelKind.RESISTANCE if side is PositionSide.LONG else LevelKind.SUPPORT
    if spec.kind is not wanted:
        raise LevelError(
            "exits.wrong_key_level",
            f"target of a {side} position was {spec}",
            f"a {side} position aims at {wanted}",
        )
    key = facts.highest_high if side is PositionSide.LONG else facts.lowest_low
    # Just before the key level: where others sell is where a target stops filling.
    return _known(key, str(wanted)) * (1 - gain * facts.offset_pct / 100)


def check_target(target: Decimal, side: PositionSide, price: Decimal) -> None:
    """Raise LevelError unless a target at `target` lies on the winning side of `price`."""
    _positive(target, "target")
    if target <= price if side is PositionSide.LONG else target >= price:
        word = "above" if side is PositionSide.LONG else "below"
        raise LevelError(
            "exits.target_wrong_side",
            f"target was {price_words(target)} with the price at {price_words(price)}",
            f"the target of a {side} position must be {word} the price",
        )


def risk_per_share(entry: Decimal, stop: Decimal) -> Decimal:
    """One R: what a share loses when the stop is taken at its price."""
    return abs(entry - stop)


def r_multiple(
    side: PositionSide, entry: Decimal, initial_stop: Decimal | None, price: Decimal
) -> Decimal | None:
    """How many R the position has won (negative: lost) at `price`; None without a stop."""
    if initial_stop is None or initial_stop == entry:
        return None
    won = price - entry if side is PositionSide.LONG else entry - price
    return won / risk_per_share(entry, initial_stop)


def _positive(value: Decimal, name: str) -> None:
    if not value.is_finite() or value <= 0:
        raise LevelError("exits.bad_level", f"{name} was {value}", "it must be above zero")


def _known(value: Decimal | None, name: str) -> Decimal:
    if value is None or value <= 0:
        raise LevelError(
            "exits.level_unknown",
            f"{name} was not known",
            "use a percentage or a price for this symbol",
        )
    return value
