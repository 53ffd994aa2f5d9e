"""Which limits last ruled the account, and whether a configuration is looser than they were.

A variable never loosens a limit, but another file, another directory or an edit can. The journal
keeps what ruled the account's last entry: in live a looser configuration takes no entries until
`execbot config adopt` says that it is meant; elsewhere one line says what became looser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Struct

from execbot.config.parse import leaves
from execbot.config.schema import TradingSettings
from execbot.model.numbers import maybe_decimal, text

LIMITS_KEY = "limits_in_force"
"""Meta: each limit's key with its value as text, a list of words, or null for none."""


class Looser(StrEnum):
    """The direction in which a limit becomes looser."""

    HIGHER = "higher"
    LOWER = "lower"
    ON = "on"
    OFF = "off"
    MORE = "more"
    ANYTHING = "anything"
    FEWER = "fewer"


LIMITS: Mapping[str, Looser] = {
    "symbols": Looser.ANYTHING,
    "denied_symbols": Looser.FEWER,
    "max_positions": Looser.HIGHER,
    "max_position_size_pct": Looser.HIGHER,
    "max_account_exposure_pct": Looser.HIGHER,
    "min_signal_strength": Looser.LOWER,
    "risk.max_order_notional": Looser.HIGHER,
    "risk.max_order_qty": Looser.HIGHER,
    "risk.max_quote_age_seconds": Looser.HIGHER,
    "risk.max_spread_pct": Looser.HIGHER,
    "risk.limit_price_band_pct": Looser.HIGHER,
    "risk.limit_price_passive_band_pct": Looser.HIGHER,
    "risk.max_daily_loss_pct": Looser.HIGHER,
    "risk.max_daily_orders": Looser.HIGHER,
    "risk.max_consecutive_losses": Looser.HIGHER,
    "risk.max_consecutive_rejections": Looser.HIGHER,
    "risk.duplicate_window_seconds": Looser.LOWER,
    "risk.one_pending_per_symbol": Looser.OFF,
    "risk.allow_short": Looser.ON,
    "risk.allow_flags": Looser.MORE,
    "risk.scale_in.enabled": Looser.ON,
    "risk.scale_in.max_steps": Looser.HIGHER,
    "risk.scale_in.min_profit_pct": Looser.LOWER,
    "options.max_premium_pct": Looser.HIGHER,
    "options.max_contracts": Looser.HIGHER,
    "options.max_loss_pct": Looser.HIGHER,
    "options.min_days": Looser.LOWER,
    "options.max_spread_pct": Looser.HIGHER,
}
"""Every key that holds entries back. None is no limit at all, and so are no `symbols`."""


class Loosened(Struct, frozen=True):
    """One limit that holds back less than the one before it."""

    key: str
    before: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.key} {_shown(self.before)} -> {_shown(self.now)}"


def limits_of(settings: TradingSettings) -> dict[str, Any]:
    """Each limit as the journal keeps it."""
    found = {leaf.key: leaf.default for leaf in leaves(settings) if leaf.key in LIMITS}
    return {key: _kept(value) for key, value in found.items()}


def loosened(before: object, settings: TradingSettings) -> list[Loosened]:
    """The limits that are looser now than those kept in the journal. Empty if none were kept; a new
    key is never looser."""
    if not isinstance(before, Mapping):
        return []
    now = limits_of(settings)
    return [
        Loosened(key, before[key], now[key])
        for key, way in LIMITS.items()
        if key in before and key in now and _is_looser(way, before[key], now[key])
    ]


def _is_looser(way: Looser, before: Any, now: Any) -> bool:
    return before != now and _TESTS[way](before, now)


def _higher(before: Any, now: Any) -> bool:
    return before is not None and (now is None or _number(now) > _number(before))


def _lower(before: Any, now: Any) -> bool:
    return before is not None and (now is None or _number(now) < _number(before))


def _anything(before: Any, now: Any) -> bool:
    """An empty list is no limit."""
    return bool(before) and (not now or not set(now) <= set(before))


_TESTS: Mapping[Looser, Callable[[Any, Any], bool]] = {
    Looser.HIGHER: _higher,
    Looser.LOWER: _lower,
    Looser.ON: lambda before, now: bool(now),
    Looser.OFF: lambda before, now: not now,
    Looser.MORE: lambda before, now: not set(now) <= set(before),
    Looser.ANYTHING: _anything,
    Looser.FEWER: lambda before, now: not set(before) <= set(now),
}


def _number(value: Any) -> Decimal:
    return maybe_decimal(value) or Decimal(0)


def _kept(value: Any) -> Any:
    if isinstance(value, Decimal):
        return text(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return sorted(str(item) for item in value)
    return value


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "none"
    return " ".join(value) if isinstance(value, list) else str(value)
