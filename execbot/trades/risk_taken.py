"""What a round trip had at risk, frozen share by share when they were bought. Pure.

R after Van Tharp: the profit in units of what would have been lost at the stop. A stop that was
moved afterwards changes nothing, and neither does one that was never there: without a stop there is
no R, but for contracts, whose largest loss is known at the entry. Shares that were added later are
at risk to the stop as it stood then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from execbot.exits.plan.plan import ExitPlan
from execbot.model.enums import PositionSide
from execbot.model.numbers import ZERO
from execbot.model.options.structure import Holding, max_loss
from execbot.model.symbols import OPTION_MULTIPLIER, multiplier_of, option_contract
from execbot.trades.model import RoundTrip


class RiskFrom(StrEnum):
    """What measures the risk: which stop, or none."""

    ENTRY = "entry"  # that of the entry
    LATER = "later"  # the first one, given after the entry had filled
    MAX_LOSS = "max_loss"  # contracts: the most that could be lost, by the prices of the entry


class RiskTaken(Struct, frozen=True):
    """`usd` of the whole trip; `per_share` in shares and prices of its end (see `RoundTrip`).
    `stop` is the first stop, as it was given; None where the largest loss measures it."""

    usd: Decimal
    per_share: Decimal
    stop: Decimal | None
    source: RiskFrom


def risk_taken(trip: RoundTrip, plans: Sequence[ExitPlan]) -> RiskTaken | None:
    """None without a stop, with one on the wrong side of the entry, and for shares that were taken
    over. `plans` are the versions of its plans, oldest first."""
    stops = [(plan, plan.stop.price) for plan in plans if plan.stop.price is not None]
    entries = [part for part in trip.entries if part.is_trade]
    if not stops or not entries or len(entries) < len(trip.entries):
        return None
    source = RiskFrom.ENTRY if stops[0][0].created_at <= entries[0].at else RiskFrom.LATER
    away = 1 if trip.side is PositionSide.LONG else -1
    usd = ZERO
    for part in entries:
        stop = _stop_at(stops, part.at)
        risk = (part.price - stop) * away
        if risk <= 0:
            return None
        usd += risk * part.qty * multiplier_of(trip.symbol)
    per_share = usd / trip.entered / multiplier_of(trip.symbol)
    first = stops[0][0].stop.initial or stops[0][1]
    return RiskTaken(usd, per_share, first, source)


def largest_loss(trips: Sequence[RoundTrip], units: Decimal) -> RiskTaken | None:
    """What contracts held together could have lost, at the prices at which they were opened; what
    became of them later changes nothing. None for a loss without end, for what was taken over, and
    where nothing could be lost."""
    held, paid = [], ZERO
    for trip in trips:
        contract = option_contract(trip.symbol)
        if contract is None or not all(part.is_trade for part in trip.entries):
            return None
        away = 1 if trip.side is PositionSide.LONG else -1
        held.append(Holding(contract, trip.entered * away))
        paid += trip.entry_value * away
    usd = max_loss(held, paid)
    if not usd:
        return None
    return RiskTaken(usd, usd / units / OPTION_MULTIPLIER, None, RiskFrom.MAX_LOSS)


def _stop_at(stops: Sequence[tuple[ExitPlan, Decimal]], at: datetime) -> Decimal:
    """The stop that ruled then; before there was one, the first that came."""
    then = [price for plan, price in stops if plan.updated_at <= at]
    if then:
        return then[-1]
    plan, price = stops[0]
    return plan.stop.initial or price
