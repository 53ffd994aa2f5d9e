"""How well trades went: win rate, expectancy, profit factor, payoff, streaks, days. Pure.

Counted are closed round trips, never days and never fills; net of the fees that are known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from statistics import median

from msgspec import Struct

from execbot.model.numbers import CENT, ZERO
from execbot.model.times import eastern
from execbot.risk.fees import NO_FEE
from execbot.trades.figures import CLASS_MIN, TRADES_MIN, Figure, figure, mean, rate
from execbot.trades.trade import Trade


class HoldingTime(Struct, frozen=True):
    """How long trades of one kind were held; None below their minimum."""

    n: int
    mean: timedelta | None = None
    median: timedelta | None = None


class Days(Struct, frozen=True):
    """Days of New York on which trades were closed, by what they made together: less than a cent
    is even."""

    won: int
    even: int
    lost: int
    best: Decimal | None = None
    worst: Decimal | None = None


class TradeStats(Struct, frozen=True):
    """Closed trades of one group. `net` is `gross` less `fees`; `fees_estimated`: a share in it of
    what a day was charged. `expectancy_r` counts the trades with a known risk only. `longest_*` are
    streaks in the order of closing. `best` and `worst` are net, of one trade."""

    trades: int
    wins: int
    losses: int
    even: int
    gross: Decimal
    fees: Decimal
    fees_estimated: bool
    net: Decimal
    win_rate: Figure
    expectancy: Figure
    expectancy_r: Figure
    profit_factor: Figure
    payoff: Figure
    mean_win: Figure
    mean_loss: Figure
    best: Decimal | None
    worst: Decimal | None
    held_winners: HoldingTime
    held_losers: HoldingTime
    longest_wins: int
    longest_losses: int
    days: Days


class By(StrEnum):
    """What trades are grouped by. Weekday and hour are those of the entry, in New York; the month
    is that of the exit, when the profit was realised."""

    STRATEGY = "strategy"
    SYMBOL = "symbol"
    REASON = "reason"
    WEEKDAY = "weekday"
    HOUR = "hour"
    MONTH = "month"


def trade_stats(trades: Iterable[Trade], least: int = TRADES_MIN) -> TradeStats:
    """Figures of the closed ones among these."""
    closed = sorted(
        (t for t in trades if t.trip.closed_at is not None), key=lambda t: _closed_order(t)
    )
    nets = [trade.trip.net for trade in closed]
    wins, losses = [t for t in closed if t.is_win], [t for t in closed if t.is_loss]
    won, lost = sum((t.trip.net for t in wins), ZERO), sum((t.trip.net for t in losses), ZERO)
    mean_win = _mean_of(wins, len(closed), least)
    mean_loss = _mean_of(losses, len(closed), least)
    payoff = None
    if mean_win.value is not None and mean_loss.value:
        payoff = Decimal(mean_win.value) / -Decimal(mean_loss.value)
    fees = sum(((t.trip.fees or NO_FEE) for t in closed), NO_FEE)
    return TradeStats(
        trades=len(closed),
        wins=len(wins),
        losses=len(losses),
        even=len(closed) - len(wins) - len(losses),
        gross=sum((t.trip.gross for t in closed), ZERO),
        fees=fees.amount,
        fees_estimated=fees.estimated,
        net=sum(nets, ZERO),
        win_rate=rate(len(wins), len(closed), least),
        expectancy=mean(nets, least),
        expectancy_r=mean([t.r for t in closed if t.r is not None], least),
        profit_factor=figure(won / -lost if lost else None, len(closed), least),
        payoff=figure(payoff, len(closed), least),
        mean_win=mean_win,
        mean_loss=mean_loss,
        best=max(nets, default=None),
        worst=min(nets, default=None),
        held_winners=_holding(wins),
        held_losers=_holding(losses),
        longest_wins=_longest(closed, lambda trade: trade.is_win),
        longest_losses=_longest(closed, lambda trade: trade.is_loss),
        days=_days(closed),
    )


def grouped(trades: Iterable[Trade], by: By) -> Mapping[str, Sequence[Trade]]:
    """Closed trades by a word, the words in their order."""
    found: defaultdict[tuple[int, str], list[Trade]] = defaultdict(list)
    for trade in trades:
        if not trade.trip.is_open:
            found[_key(trade, by)].append(trade)
    return {word: found[number, word] for number, word in sorted(found)}


def _key(trade: Trade, by: By) -> tuple[int, str]:
    trip = trade.trip
    opened = eastern(trip.opened_at)
    if by is By.WEEKDAY:
        return opened.weekday(), opened.strftime("%A")
    if by is By.HOUR:
        return opened.hour, f"{opened:%H}:00"
    if by is By.MONTH:
        return 0, f"{eastern(trip.closed_at or trip.opened_at):%Y-%m}"
    if by is By.STRATEGY:
        return 0, trade.strategy or "-"
    if by is By.REASON:
        return 0, str(trade.ending) if trade.ending is not None else "-"
    return 0, trip.symbol


def _closed_order(trade: Trade) -> tuple[object, ...]:
    return (trade.trip.closed_at, trade.trip.opened_at, trade.trip.id)


def _mean_of(some: Sequence[Trade], trades: int, least: int) -> Figure:
    found = mean([trade.trip.net for trade in some], CLASS_MIN)
    return found if trades >= least else Figure(None, len(some), CLASS_MIN)


def _holding(some: Sequence[Trade]) -> HoldingTime:
    held = [trade.trip.holding for trade in some if trade.trip.holding is not None]
    if len(held) < CLASS_MIN:
        return HoldingTime(len(held))
    middle = timedelta(seconds=median(one.total_seconds() for one in held))
    return HoldingTime(len(held), sum(held, timedelta(0)) / len(held), middle)


def _longest(trades: Iterable[Trade], so: Callable[[Trade], bool]) -> int:
    longest = now = 0
    for trade in trades:
        now = now + 1 if so(trade) else 0
        longest = max(longest, now)
    return longest


def _days(closed: Iterable[Trade]) -> Days:
    made: defaultdict[date, Decimal] = defaultdict(Decimal)
    for trade in closed:
        assert trade.trip.closed_at is not None
        made[eastern(trade.trip.closed_at).date()] += trade.trip.net
    won = sum(1 for net in made.values() if net >= CENT)
    lost = sum(1 for net in made.values() if net <= -CENT)
    amounts = made.values()
    return Days(
        won,
        len(made) - won - lost,
        lost,
        max(amounts, default=None),
        min(amounts, default=None),
    )
