"""Facts from daily bars for levels: one rule for signals, `submit`, `protect`, sizing and `watch`.

As many bars as the rules of the configuration need, and complete days only: a stock's day ends at
20:00 in New York, with the after-hours session, a coin's at 00:00 UTC. Today's running bar would
put "support" at the low of this very minute. Prices are adjusted for splits by the broker.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from execbot.config.schema import SizingMethod, StopMethod, TargetMethod, TradingSettings
from execbot.exits.levels import NICKEL, LevelFacts, highest_high, lowest_low, wilder_atr
from execbot.model.account import Asset
from execbot.model.quote import Bar
from execbot.model.symbols import is_option, is_pair
from execbot.model.times import eastern, new_york

if TYPE_CHECKING:
    from execbot.broker.port import BrokerClient

WARM_UP = 5
"""Periods of bars that Wilder's average is fed with: of where it began, e^-4 is left after them."""

DAY_ENDS = time(20)
"""New York's time at which a stock's day is complete."""

DAY = timedelta(days=1)


def bars_wanted(settings: TradingSettings) -> int:
    """How many complete daily bars the levels of this configuration look at."""
    return max(_atr_bars(settings), bars_needed(settings))


def bars_needed(settings: TradingSettings) -> int:
    """How many there must be at least, or one of the levels is not known."""
    stop, profit = settings.stop_loss, settings.take_profit
    return max(stop.atr_period + 1, stop.support_days, profit.resistance_days)


def days_asked(settings: TradingSettings) -> dict[str, int]:
    """How many complete days each level that the configuration uses cannot do without, by key."""
    stop, profit, sizing = settings.stop_loss, settings.take_profit, settings.sizing.method
    in_ranges = stop.method is StopMethod.ATR or stop.widen_in_volatility or profit.remeasure
    asked = {
        "stop_loss.atr_period": (in_ranges or sizing is SizingMethod.ATR, stop.atr_period + 1),
        "stop_loss.support_days": (stop.method is StopMethod.SUPPORT, stop.support_days),
        "take_profit.resistance_days": (
            profit.method is TargetMethod.RESISTANCE,
            profit.resistance_days,
        ),
    }
    return {key: days for key, (is_used, days) in asked.items() if is_used}


def _atr_bars(settings: TradingSettings) -> int:
    return WARM_UP * settings.stop_loss.atr_period + 1


def start_of(count: int, at: datetime, *, is_crypto: bool) -> datetime:
    """Where to begin reading so that `count` complete days are there: a year has 365 days for a
    coin and 252 for a stock, with a reserve for holidays."""
    days = count + 2 if is_crypto else count * 3 // 2 + 10
    return at - timedelta(days=days)


def complete_days(bars: Iterable[Bar], at: datetime, *, is_crypto: bool) -> list[Bar]:
    """The bars of days that are over at `at`, oldest first; what cannot be a price is left out."""
    found = [b for b in bars if b.low > 0 and b.high >= b.low and _ends(b, is_crypto) <= at]
    return sorted(found, key=lambda bar: bar.at or at)


def _ends(bar: Bar, is_crypto: bool) -> datetime:
    if bar.at is None:
        return datetime.max.replace(tzinfo=new_york())
    if is_crypto:
        return bar.at + DAY
    return datetime.combine(eastern(bar.at).date(), DAY_ENDS, tzinfo=new_york())


def facts_of_days(
    settings: TradingSettings, bars: Sequence[Bar], tick: Decimal | None = None
) -> LevelFacts:
    """Average true range and key levels from complete daily bars; None where they are too few."""
    stop, profit = settings.stop_loss, settings.take_profit
    support, resistance = stop.support_days, profit.resistance_days
    return LevelFacts(
        atr=average_range(settings, bars),
        lowest_low=lowest_low(bars, support) if len(bars) >= support else None,
        highest_high=highest_high(bars, resistance) if len(bars) >= resistance else None,
        offset_pct=stop.key_level_offset_pct,
        tick=tick,
    )


def average_range(settings: TradingSettings, bars: Sequence[Bar]) -> Decimal | None:
    """The average true range, always over the same number of days where they are there."""
    period = settings.stop_loss.atr_period
    if len(bars) <= period:
        return None
    return wilder_atr(bars[-_atr_bars(settings) :], period)


class LevelReader:
    """Reads facts for levels, and remembers the bars of a symbol for the hour."""

    def __init__(self, client: BrokerClient, settings: TradingSettings) -> None:
        self._client = client
        self._settings = settings
        self._days: dict[str, tuple[datetime, list[Bar]]] = {}

    def facts(
        self, symbol: str, at: datetime, *, asset: Asset | None = None, needs_bars: bool = True
    ) -> LevelFacts:
        """The market's facts for levels of `symbol` at `at`, the broker's time.

        `needs_bars` False: no level is measured from daily bars, and none are read. Raises
        BrokerError.
        """
        tick = self._tick(symbol, asset)
        if not needs_bars:
            offset = self._settings.stop_loss.key_level_offset_pct
            return LevelFacts(tick=tick, offset_pct=offset)
        return facts_of_days(self._settings, self.days(symbol, at), tick)

    def atr(self, symbol: str, at: datetime) -> Decimal | None:
        """The average true range alone: what sizing measures. Raises BrokerError."""
        return average_range(self._settings, self.days(symbol, at))

    def days(self, symbol: str, at: datetime) -> list[Bar]:
        """The complete days of `symbol`, oldest first. Raises BrokerError."""
        hour = at.replace(minute=0, second=0, microsecond=0)
        kept = self._days.get(symbol)
        if kept is None or kept[0] != hour:
            is_crypto = is_pair(symbol)
            wanted = bars_wanted(self._settings)
            bars = self._client.get_bars(
                symbol,
                "1Day",
                start=start_of(wanted, at, is_crypto=is_crypto),
                limit=wanted + 1,  # the running day is among them
                newest=True,
            )
            kept = (hour, complete_days(bars, at, is_crypto=is_crypto))
            # Nobody is served by those of an hour that is over. Another thread may add some now.
            known = list(self._days.items())
            self._days = {name: days for name, days in known if days[0] == hour}
            self._days[symbol] = kept
        return kept[1]

    def _tick(self, symbol: str, asset: Asset | None) -> Decimal | None:
        """A coin's own price step, that of all contracts; a stock's follows from the price."""
        if is_option(symbol):
            return NICKEL
        if not is_pair(symbol):
            return None
        known = asset if asset is not None else self._client.get_asset(symbol)
        return known.price_increment
