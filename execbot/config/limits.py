"""Bounds of each number in `trading.yaml`, and which way each risk limit is tightened.

Numbers without an entry in `BOUNDS` must not be negative. `TIGHTER` lists the keys that protect
the account: an environment variable or a flag may move them only in the direction given here.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec import Struct


class Bound(Struct, frozen=True):
    """`low` and `high` are inclusive unless `above` says that `low` itself is not allowed."""

    low: Decimal | None = Decimal(0)
    high: Decimal | None = None
    above: bool = False

    def complaint(self, value: Decimal) -> str:
        """Says what is wrong with the value; empty if nothing is."""
        if self.low is not None and (value < self.low or (self.above and value == self.low)):
            return f"was {value}, must be {'above' if self.above else 'at least'} {self.low}"
        if self.high is not None and value > self.high:
            return f"was {value}, must be at most {self.high}"
        return ""


NOT_NEGATIVE = Bound()
POSITIVE = Bound(above=True)
AT_LEAST_ONE = Bound(Decimal(1))
PERCENT = Bound(Decimal(0), Decimal(100), above=True)
PERCENT_OR_ZERO = Bound(Decimal(0), Decimal(100))

BOUNDS: dict[str, Bound] = {
    "max_positions": AT_LEAST_ONE,
    # Above 100 % is margin: Alpaca lends up to four times equity during the day.
    "max_position_size_pct": Bound(Decimal(0), Decimal(400), above=True),
    "max_account_exposure_pct": Bound(Decimal(0), Decimal(400), above=True),
    "min_signal_strength": PERCENT_OR_ZERO,
    "signal_ttl_seconds": POSITIVE,
    # Above a day two wanted entries would be one.
    "signals.repeat_seconds": Bound(Decimal(0), Decimal(86_400)),
    "signals.per_second_max": AT_LEAST_ONE,
    "signals.waiting_max": AT_LEAST_ONE,
    "signals.strength": PERCENT_OR_ZERO,
    "signals.silence_hours": POSITIVE,
    "stop_loss.default_pct": PERCENT,
    "stop_loss.atr_multiplier": POSITIVE,
    "stop_loss.trailing_pct": PERCENT,
    "stop_loss.atr_period": Bound(Decimal(1), Decimal(500)),
    "stop_loss.support_days": Bound(Decimal(1), Decimal(500)),
    "stop_loss.key_level_offset_pct": PERCENT_OR_ZERO,
    "stop_loss.tighten_within_pct": PERCENT,
    "stop_loss.tighten_to_pct": PERCENT,
    "take_profit.risk_reward_ratio": POSITIVE,
    "take_profit.pct": POSITIVE,
    "take_profit.resistance_days": Bound(Decimal(1), Decimal(500)),
    "take_profit.partial_exits.level": POSITIVE,
    "take_profit.partial_exits.size_pct": PERCENT,
    "order_management.timeout_seconds": POSITIVE,
    # Each retry is a request under the same id; more than this only delays the bad news.
    "order_management.retry_attempts": Bound(Decimal(0), Decimal(20)),
    "order_management.adjust_attempts": Bound(Decimal(0), Decimal(20)),
    "order_management.reject_attempts": Bound(Decimal(0), Decimal(20)),
    "order_management.settle_quiet_seconds": POSITIVE,
    "order_management.slippage_alert_pct": PERCENT_OR_ZERO,
    "order_management.exit_timeout_seconds": POSITIVE,
    "order_management.marketable_limit_pct": PERCENT,
    "market_hours.queue_expires_hours": POSITIVE,
    "market_hours.no_entry_first_minutes": Bound(Decimal(0), Decimal(390)),
    "market_hours.no_entry_last_minutes": Bound(Decimal(0), Decimal(390)),
    "sizing.qty": POSITIVE,
    "sizing.notional": POSITIVE,
    "sizing.equity_pct": PERCENT,
    "sizing.risk_per_trade_pct": PERCENT,
    "sizing.atr_risk_multiplier": POSITIVE,
    "sizing.star_rules.stars": Bound(Decimal(1), Decimal(5)),
    "sizing.star_rules.min_confidence": Bound(Decimal(0), Decimal(1)),
    "sizing.star_notional": POSITIVE,
    "sizing.min_notional": POSITIVE,
    "sizing.price_buffer_pct": PERCENT_OR_ZERO,
    "risk.max_order_notional": POSITIVE,
    "risk.max_order_qty": POSITIVE,
    "risk.max_quote_age_seconds": POSITIVE,
    "risk.max_spread_pct": PERCENT,
    "options.max_premium_pct": PERCENT,
    "options.max_loss_pct": PERCENT,
    "options.max_contracts": AT_LEAST_ONE,
    # A market whose ask is several times its bid is more than 100 % wide.
    "options.max_spread_pct": Bound(Decimal(0), Decimal(200), above=True),
    "options.close_before_expiry_minutes": Bound(Decimal(0), Decimal(390)),
    "options.stop_limit_pct": PERCENT,
    "risk.limit_price_band_pct": PERCENT,
    "risk.limit_price_passive_band_pct": PERCENT,
    # Beyond a minute "fresh" would be the wrong word for an account.
    "risk.facts_max_age_seconds": Bound(Decimal(0), Decimal(60)),
    "risk.max_daily_loss_pct": PERCENT,
    "risk.max_daily_orders": AT_LEAST_ONE,
    "risk.max_consecutive_losses": AT_LEAST_ONE,
    "risk.max_consecutive_rejections": AT_LEAST_ONE,
    # Negative allows adding to losers; the default adds to winners only.
    "risk.scale_in.min_profit_pct": Bound(Decimal(-100), None),
    "exits.unprotected_alarm_seconds": POSITIVE,
    "exits.guard_interval_seconds": POSITIVE,
    "exits.time_stop_minutes": AT_LEAST_ONE,
    "exits.flatten_before_close_minutes": Bound(Decimal(1), Decimal(390)),
    "broker.timeout_seconds": Bound(Decimal(0), Decimal(300), above=True),
    "broker.requests_per_minute": AT_LEAST_ONE,
    "stream.backoff_seconds": POSITIVE,
    "stream.backoff_max_seconds": POSITIVE,
    "stream.silence_probe_seconds": POSITIVE,
    "stream.lost_alarm_seconds": POSITIVE,
    "stream.poll_seconds": POSITIVE,
    "logs.max_megabytes": POSITIVE,
    "logs.keep_files": AT_LEAST_ONE,
    "logs.keep_days": POSITIVE,
    "sim.starting_cash": POSITIVE,
}


def bound_of(key: str) -> Bound:
    return BOUNDS.get(key, NOT_NEGATIVE)


Tighter = Callable[[Any, Any], bool]
"""(limit in force, wanted value) -> the wanted value is at least as tight."""


def _lower(limit: Any, wanted: Any) -> bool:
    """None means no limit at all."""
    return limit is None or (wanted is not None and wanted <= limit)


def _higher(limit: Any, wanted: Any) -> bool:
    return limit is None or (wanted is not None and wanted >= limit)


def _on(limit: Any, wanted: Any) -> bool:
    return bool(wanted) or not limit


def _off(limit: Any, wanted: Any) -> bool:
    return not wanted or bool(limit)


def _subset(limit: Any, wanted: Any) -> bool:
    """An empty list of symbols allows every symbol."""
    return not limit or (bool(wanted) and set(wanted) <= set(limit))


def _fewer(limit: Any, wanted: Any) -> bool:
    """An empty list of flags allows none."""
    return set(wanted) <= set(limit)


def _superset(limit: Any, wanted: Any) -> bool:
    return set(wanted) >= set(limit)


def _same(limit: Any, wanted: Any) -> bool:
    """A value that the file pins must stay; one that it leaves open may be pinned."""
    return limit is None or wanted == limit


TIGHTER: dict[str, Tighter] = {
    "account": _same,
    "symbols": _subset,
    "denied_symbols": _superset,
    "max_positions": _lower,
    "max_position_size_pct": _lower,
    "max_account_exposure_pct": _lower,
    "min_signal_strength": _higher,
    "signal_ttl_seconds": _lower,
    "market_hours.no_entry_first_minutes": _higher,
    "market_hours.no_entry_last_minutes": _higher,
    "risk.max_order_notional": _lower,
    "risk.max_order_qty": _lower,
    "risk.max_quote_age_seconds": _lower,
    "risk.max_spread_pct": _lower,
    "risk.limit_price_band_pct": _lower,
    "risk.limit_price_passive_band_pct": _lower,
    "risk.facts_max_age_seconds": _lower,
    "risk.max_daily_loss_pct": _lower,
    "risk.max_daily_orders": _lower,
    "risk.max_consecutive_losses": _lower,
    "risk.max_consecutive_rejections": _lower,
    "risk.duplicate_window_seconds": _higher,
    "risk.one_pending_per_symbol": _on,
    "risk.allow_short": _off,
    "risk.allow_flags": _fewer,
    "risk.scale_in.enabled": _off,
    "risk.scale_in.max_steps": _lower,
    "risk.scale_in.min_profit_pct": _higher,
    "options.max_premium_pct": _lower,
    "options.max_contracts": _lower,
    "options.max_loss_pct": _lower,
    "options.min_days": _higher,
    "options.max_spread_pct": _lower,
    "options.close_before_expiry_minutes": _higher,
    "exits.protect_signals": _on,
    "exits.protect_submitted": _on,
    "exits.every_position": _on,
    "exits.unprotected_alarm_seconds": _lower,
    "exits.unprotected_stops_entries": _on,
}


def loosens(key: str, limit: object, wanted: object) -> bool:
    """Whether the wanted value is a looser limit than the one in force; False for other keys."""
    rule = TIGHTER.get(key)
    return rule is not None and not rule(limit, wanted)
