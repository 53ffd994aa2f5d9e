"""Three small strategies: prices of the last hours in, signals out. Pure.

They are here to give execbot something to do, not to earn money: one buys what fell, one buys what
rises, one sells short what rose. None of them is advice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WINDOW = 24
"""Prices looked at: two hours of five minutes."""


@dataclass(frozen=True)
class Wish:
    """What a strategy wants of one symbol."""

    side: str
    strength: int
    stop_pct: float
    target_pct: float

    def fields(self, symbol: str, strategy: str, price: float, name: str) -> dict[str, Any]:
        """As a line of `execbot signal -`."""
        sign = 1 if self.side == "buy" else -1
        return {
            "id": name,
            "symbol": symbol,
            "side": self.side,
            "strength": self.strength,
            "strategy_id": strategy,
            "expected_price": f"{price:.2f}",
            "stop": f"{price * (1 - sign * self.stop_pct / 100):.2f}",
            "target": f"{price * (1 + sign * self.target_pct / 100):.2f}",
        }


def dip(prices: Sequence[float]) -> Wish | None:
    """Well below the mean, and no longer falling."""
    mean, last = _mean(prices), prices[-1]
    fell = (mean - last) / mean * 100
    if fell < 0.35 or last <= prices[-2]:
        return None
    return Wish("buy", min(95, 65 + int(fell * 20)), stop_pct=0.7, target_pct=1.1)


def breakout(prices: Sequence[float]) -> Wish | None:
    """Higher than in the last two hours."""
    highest, last = max(prices[:-1]), prices[-1]
    if last <= highest * 1.0005:
        return None
    return Wish("buy", 75, stop_pct=0.6, target_pct=1.5)


def fade(prices: Sequence[float]) -> Wish | None:
    """Well above the mean, and no longer rising: sold short."""
    mean, last = _mean(prices), prices[-1]
    rose = (last - mean) / mean * 100
    if rose < 0.4 or last >= prices[-2]:
        return None
    return Wish("sell_short", min(95, 65 + int(rose * 20)), stop_pct=0.8, target_pct=1.0)


def _mean(prices: Sequence[float]) -> float:
    return sum(prices) / len(prices)


STRATEGIES = {
    "dip": (dip, ("AAPL", "MSFT", "NVDA")),
    "breakout": (breakout, ("AMD", "TSLA")),
    "fade": (fade, ("KO", "JPM")),
}
SYMBOLS = tuple(symbol for _, symbols in STRATEGIES.values() for symbol in symbols)
REGIMES = {"TSLA": "volatile", "AMD": "volatile", "NVDA": "volatile"}
