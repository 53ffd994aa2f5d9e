"""Splits: the position's quantity jumps by a ratio and its price by the inverse, with no trade.

The broker cancels open orders at a corporate action, so the plan is rescaled and its exits are
placed anew. A stop at the old price must never be taken for one that the market fell through.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from msgspec.structs import replace

from execbot.exits.levels import on_grid, safe_stop, safe_target
from execbot.exits.plan.plan import ExitPlan, Trail, TrailKind
from execbot.model.numbers import QTY_STEP, ZERO, is_whole, tick_size

SPLIT_GAP = Decimal("0.15")
"""A price that jumps this far, as a share, may be a split (5:4 is the smallest) until the broker's
own position has been read again."""

RATIO_TOLERANCE = Decimal("0.02")
"""How far the average prices may be from a ratio that companies use: brokers round them."""

MIXED_TOLERANCE = Decimal("0.06")
"""The same for an entry price that fills from before and after a split are mixed in."""

COST_SPREAD = Decimal("1.5")
"""How far trades after a split may have moved the cost of a position: the split itself does not."""

SPLIT_TERMS = (
    *(2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 35, 40, 50, 60, 75, 80, 100),
    *(125, 150, 200, 250, 500, 1000),
)
SPLIT_RATIOS = (
    *[Decimal(n) for n in SPLIT_TERMS],
    *[1 / Decimal(n) for n in SPLIT_TERMS],
    *[Decimal(3) / 2, Decimal(5) / 4, Decimal(4) / 3, Decimal(5) / 2],
)


def used_ratio(value: Decimal, tolerance: Decimal = RATIO_TOLERANCE) -> Decimal | None:
    """The nearest ratio that companies use, None where none is as near as `tolerance`."""
    nearest = min(SPLIT_RATIOS, key=lambda ratio: abs(value / ratio - 1))
    return nearest if abs(value / nearest - 1) <= tolerance else None


def ratio_words(ratio: Decimal) -> str:
    """New shares for old ones: `4:1`, `1:10`, `3:2`."""
    parts = Fraction(ratio).limit_denominator(1000)
    return f"{parts.numerator}:{parts.denominator}"


def split_ratio(
    old_qty: Decimal,
    old_avg: Decimal | None,
    new_qty: Decimal,
    new_avg: Decimal | None,
    *,
    in_lieu: bool = False,
) -> Decimal | None:
    """How many new shares there are for an old one, or None when this was no split.

    The average price must have moved by the inverse of a ratio that companies use (2:1 to 1000:1
    and the reverse, 3:2, 5:4, 4:3, 5:2), and the quantity by just that ratio. With `in_lieu` it may
    lack what made no whole share and was paid out.
    """
    if not old_avg or not new_avg or old_qty == 0 or new_qty / old_qty <= 0:
        return None
    ratio = used_ratio(old_avg / new_avg)
    if ratio is None:
        return None
    lost = abs(old_qty) * ratio - abs(new_qty)
    if abs(lost) <= QTY_STEP * 2:
        return ratio
    paid_out = in_lieu and 0 < lost < 1 and is_whole(new_qty)
    return ratio if paid_out else None


def price_ratio(
    plan: ExitPlan,
    our_cost: Decimal,
    their_cost: Decimal,
    average: Decimal | None,
    old_price: Decimal | None,
    price: Decimal | None,
) -> Decimal | None:
    """The ratio of a split that prices tell and the quantity does not gainsay, where it is not just
    that of a split: trades may have followed. None where anything speaks against it.

    The broker's average has moved from the plan's entry price by the inverse of the ratio, the cost
    of the position (signed, here and there) is about what it was, and the market is nearer to where
    the split would put `old_price` (the plan's own best or entry price if None) and the stop than
    to where they are. Enough to move levels, not to book shares.
    """
    old_price = old_price or plan.best_price or plan.entry_price
    if not (plan.entry_price and average and old_price and price and our_cost and their_cost):
        return None
    ratio = used_ratio(plan.entry_price / average, MIXED_TOLERANCE)
    if ratio is None or not 1 / COST_SPREAD <= their_cost / our_cost <= COST_SPREAD:
        return None
    for before in (old_price, plan.stop.price or old_price):
        up = price * price * ratio > before * before
        if up is (ratio > 1):
            return None
    return ratio


def rescaled_by_price(
    plan: ExitPlan, ratio: Decimal, now: datetime, quantities: Sequence[Decimal]
) -> ExitPlan:
    """As `rescaled`, for a position whose size is in doubt: it is one of `quantities`, and must not
    look as if it had grown, which would measure the plan from an average of mixed prices."""
    new = rescaled(plan, ratio, now)
    return replace(new, base_qty=max(new.base_qty, *(abs(qty) for qty in quantities)))


def plan_ratio(plan: ExitPlan, ratios: Sequence[Decimal], average: Decimal | None) -> Decimal:
    """By which of the ratios the plan is behind the broker's average; 1 where it is not any more.

    By its entry price: a plan that was rescaled just before the program ended must not be so again,
    and one that knows the first of two splits lacks the second only. The first of `ratios` is the
    answer where nothing tells.
    """
    if plan.entry_price is None or not average:
        return ratios[0]
    behind = plan.entry_price / average
    return min((*ratios, Decimal(1)), key=lambda ratio: max(behind / ratio, ratio / behind))


def rescaled(plan: ExitPlan, ratio: Decimal, now: datetime) -> ExitPlan:
    """The plan with every price divided, and every quantity multiplied, by `ratio`.

    A decision to leave was taken on prices of before, and is taken again if it holds. Marks begin
    anew: prices from before and after the split may be mixed in them.
    """

    def price(value: Decimal | None) -> Decimal | None:
        return None if value is None else value / ratio

    tick = plan.facts.tick
    least = tick or ZERO  # a level of a contract worth pennies must not become none

    def stop_at(value: Decimal | None) -> Decimal | None:
        return None if value is None else max(safe_stop(value / ratio, plan.side, tick), least)

    def target_at(value: Decimal | None) -> Decimal | None:
        return None if value is None else max(safe_target(value / ratio, plan.side, tick), least)

    stop = replace(
        plan.stop,
        price=stop_at(plan.stop.price),
        initial=stop_at(plan.stop.initial),
        trail=_trail_of_now(plan.stop.trail, ratio, tick),
        high_water=None,
    )
    targets = tuple(
        replace(
            t,
            price=target_at(t.price),
            filled_qty=t.filled_qty * ratio,
        )
        for t in plan.targets
    )
    facts = replace(
        plan.facts,
        atr=price(plan.facts.atr),
        lowest_low=price(plan.facts.lowest_low),
        highest_high=price(plan.facts.highest_high),
    )
    return plan.changed(
        now,
        entry_price=price(plan.entry_price),
        base_qty=plan.base_qty * ratio,
        stop=stop,
        targets=targets,
        facts=facts,
        best_price=None,
        worst_price=None,
        exit=None,
        note=f"split {ratio_words(ratio)}",
    )


def _trail_of_now(trail: Trail | None, ratio: Decimal, tick: Decimal | None) -> Trail | None:
    """A distance in USD is one in prices of before; a percentage is not, and the range has its own.

    Rounded to the nearer side, on the grid that the broker asks of a trail.
    """
    if trail is None or trail.kind is not TrailKind.PRICE:
        return trail
    value = trail.value / ratio
    step = tick or tick_size(value)
    return replace(trail, value=max(on_grid(value, up=False, tick=step), step))
