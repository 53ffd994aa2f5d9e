"""What a week shall be: its days, its speed, how much is traded. Plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

HALF_DAY_WEEK = ("2026-11-23", "2026-11-27")
"""Thanksgiving, and the half day after it."""

CLOCK_CHANGE_WEEK = ("2026-10-26", "2026-11-02")
"""Over the Sunday on which New York's summer time ends, to the Monday after it."""

SYMBOLS = ("AAPL", "MSFT", "KO", "INTC", "NVDA", "SPY", "CSCO")
RENAMES = (("KO", "PEP"), ("INTC", "ORCL"), ("CSCO", "IBM"))
"""A symbol of the strategy, and one that it does not trade."""


@dataclass(frozen=True)
class Wanted:
    """`weeks` are first and last days; between two of them the machine is off. `speed` is how many
    of the exchange's seconds pass in one of ours. `stride_minutes`: how far the nights are stepped
    at once; each job that is due within one is fired once."""

    seed: str = "1"
    speed: float = 20.0
    weeks: Sequence[tuple[str, str]] = (CLOCK_CHANGE_WEEK, HALF_DAY_WEEK)
    signal_seconds: float = 90.0
    stride_minutes: float = 60.0
    session_minutes: float | None = None
    is_short: bool = False
    managers: Sequence[str] = ("systemd", "cron")
    """Who starts everything, week by week."""
    zone: str = "America/New_York"
    disk_kilobytes: int = 400_000

    @property
    def first(self) -> str:
        return self.weeks[0][0]

    def manager_of(self, number: int) -> str:
        return self.managers[number % len(self.managers)]

    def is_in(self, number: int, day: date) -> bool:
        first, last = self.weeks[number]
        return date.fromisoformat(first) <= day <= date.fromisoformat(last)

    @property
    def alarm_seconds(self) -> float:
        """`exits.unprotected_alarm_seconds`: five of ours."""
        return 5 * self.speed

    def trading_yaml(self, pings: Mapping[str, str]) -> str:
        return _YAML.format(
            alarm=self.alarm_seconds,
            guard=self.speed,
            timeout=60 * self.speed,
            exit_timeout=30 * self.speed,
            ttl=self.ttl_seconds,
            pings="\n".join(f"    {job}: {url}" for job, url in pings.items()),
            requests=int(200 * self.speed),
        )

    @property
    def ttl_seconds(self) -> float:
        return 300 * max(self.speed / 5, 1)

    market: Mapping[str, str] = field(
        default_factory=lambda: {"NVDA": "volatile", "INTC": "trending"}
    )


_YAML = """\
# Durations that the exchange's clock rules are those of the template times the speed; limits that
# count a day's orders are off, for a strategy here trades more in a day than one does in a month.
trading_execution:
  mode: paper
  max_positions: 20
  max_account_exposure_pct: 100
  signal_ttl_seconds: {ttl}
  order_management:
    timeout_seconds: {timeout}
    exit_timeout_seconds: {exit_timeout}
  market_hours:
    trade_premarket: true
    trade_afterhours: true
    trade_overnight: true
  risk:
    max_daily_orders: null
    max_daily_loss_pct: null
    duplicate_window_seconds: 0
  exits:
    unprotected_alarm_seconds: {alarm}
    guard_interval_seconds: {guard}
  broker: {{requests_per_minute: {requests}}}
  alerts: {{min_severity: warning, daily_report: true}}
  ping:
{pings}
"""
