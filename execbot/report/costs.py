"""What executions cost against their arrival, by class, symbol, strategy, hour and size. Pure.

Of confirmations (`execbot.quality`): plus = worse for us, before fees. What could not be measured
is counted, and is in no mean.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from statistics import median

from msgspec import Struct

from execbot.journal.confirmation import Confirmation, Times
from execbot.model.numbers import ZERO
from execbot.model.times import eastern
from execbot.quality.slippage import SHOWN, weighted_mean

TAIL_MIN = 20
"""Below this many the 95th percentile is the worst one, and says nothing of its own."""

SIZES = tuple(Decimal(limit) for limit in (1_000, 5_000, 10_000, 50_000, 200_000))
"""Dollars at which the next class of sizes begins."""


class CostRow(Struct, frozen=True):
    """`orders` filled, `measured` of them have an honest arrival. Basis points; None where nothing
    was measured, of `p95` with fewer than `TAIL_MIN`. `usd` is what they cost together, `notional`
    what was traded, measured or not."""

    group: str
    orders: int
    measured: int
    by_notional: Decimal | None
    by_order: Decimal | None
    median: Decimal | None
    p95: Decimal | None
    worst: Decimal | None
    usd: Decimal
    notional: Decimal

    @property
    def unmeasured(self) -> int:
        return self.orders - self.measured

    @property
    def unmeasured_share(self) -> Decimal | None:
        return Decimal(self.unmeasured) / self.orders if self.orders else None


class CostBy(StrEnum):
    CLASS = "class"
    SYMBOL = "symbol"
    STRATEGY = "strategy"
    HOUR = "hour"
    SIZE = "size"


def cost_row(group: str, made: Sequence[Confirmation]) -> CostRow:
    """The figures of these executions together."""
    measured = [item for item in made if item.cost is not None]
    costs = sorted(item.cost.bps for item in measured if item.cost is not None)
    return CostRow(
        group=group,
        orders=len(made),
        measured=len(measured),
        by_notional=weighted_mean(
            (item.cost.bps, _at_arrival(item)) for item in measured if item.cost is not None
        ),
        by_order=_shown(sum(costs, ZERO) / len(costs)) if costs else None,
        median=_shown(median(costs)) if costs else None,
        p95=percentile(costs, 95) if len(costs) >= TAIL_MIN else None,
        worst=costs[-1] if costs else None,
        usd=sum((item.cost.usd for item in measured if item.cost is not None), ZERO),
        notional=sum((item.filled_usd for item in made), ZERO),
    )


def cost_rows(made: Iterable[Confirmation], by: CostBy) -> list[CostRow]:
    """A row for each group, the groups in their order."""
    found: defaultdict[tuple[int, str], list[Confirmation]] = defaultdict(list)
    for item in made:
        found[_GROUP[by](item)].append(item)
    return [cost_row(key[1], found[key]) for key in sorted(found)]


def percentile(ascending: Sequence[Decimal], percent: int) -> Decimal:
    """By the nearest rank: a value that occurred, never one between two."""
    rank = -(-len(ascending) * percent // 100)
    return ascending[max(rank, 1) - 1]


def _at_arrival(item: Confirmation) -> Decimal:
    """Dollars at the arrival price: the mean weighted by it is all that was lost over all that was
    decided."""
    if item.arrival.price is None or not item.price:
        return ZERO
    return item.filled_usd / item.price * item.arrival.price


def _shown(value: Decimal) -> Decimal:
    return value.quantize(SHOWN, ROUND_HALF_EVEN)


# --- groups ------------------------------------------------------------------------------------


def _class(item: Confirmation) -> tuple[int, str]:
    return 0, str(item.kind)


def _hour(item: Confirmation) -> tuple[int, str]:
    """When it was decided, in New York; of what is not known, when it filled."""
    at = item.times.intent or item.times.first_fill
    return (-1, "-") if at is None else (eastern(at).hour, f"{eastern(at):%H}:00")


def _size(item: Confirmation) -> tuple[int, str]:
    number = sum(1 for limit in SIZES if item.filled_usd >= limit)
    if number == 0:
        return 0, f"under {SIZES[0]:,}"
    low = SIZES[number - 1]
    return number, f"{low:,} to {SIZES[number]:,}" if number < len(SIZES) else f"{low:,} and more"


_GROUP: dict[CostBy, Callable[[Confirmation], tuple[int, str]]] = {
    CostBy.CLASS: _class,
    CostBy.SYMBOL: lambda item: (0, item.symbol),
    CostBy.STRATEGY: lambda item: (0, item.strategy_id or "-"),
    CostBy.HOUR: _hour,
    CostBy.SIZE: _size,
}


# --- times -------------------------------------------------------------------------------------


class TimeRow(Struct, frozen=True):
    """How long one part of the way took: milliseconds, by the nearest rank. `apart`: its two ends
    are of two clocks, so a few milliseconds may be wrong and even negative."""

    name: str
    n: int
    p50_ms: Decimal | None
    p95_ms: Decimal | None
    worst_ms: Decimal | None
    apart: bool


_MS = Decimal("0.001")
_STEPS: tuple[tuple[str, str, str, bool], ...] = (
    ("signal created to received", "signal_created", "signal_received", True),
    ("signal received to intent", "signal_received", "intent", False),
    ("intent to sent", "intent", "sent", False),
    ("sent to acknowledged", "sent", "acknowledged", True),
    ("intent to acknowledged", "intent", "acknowledged", True),
    ("acknowledged to first fill", "acknowledged", "first_fill", False),
    ("first to last fill", "first_fill", "last_fill", False),
    ("signal created to first fill", "signal_created", "first_fill", True),
)
"""Name, the two ends, and whether they are of two clocks."""


def time_rows(made: Sequence[Confirmation]) -> list[TimeRow]:
    """Only what occurred. Times to a fill are of marketable orders: the others wait for a price."""
    rows = [
        time_row(name, (_between(item, begins, ends) for item in made), apart=apart)
        for name, begins, ends, apart in _STEPS
    ]
    return [row for row in rows if row.n]


def time_row(name: str, spans: Iterable[timedelta | None], *, apart: bool) -> TimeRow:
    found = sorted(milliseconds(span) for span in spans if span is not None)
    return TimeRow(
        name,
        len(found),
        percentile(found, 50) if found else None,
        percentile(found, 95) if len(found) >= TAIL_MIN else None,
        found[-1] if found else None,
        apart,
    )


def milliseconds(span: timedelta) -> Decimal:
    return (Decimal(span // timedelta(microseconds=1)) * _MS).normalize() + 0


def _between(item: Confirmation, begins: str, ends: str) -> timedelta | None:
    if ends in ("first_fill", "last_fill") and str(item.kind) != "marketable":
        return None
    times: Times = item.times
    one, other = getattr(times, begins), getattr(times, ends)
    return None if one is None or other is None else other - one
