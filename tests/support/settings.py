"""Settings of `trading.yaml` for tests: the defaults with what differs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from execbot.config.schema import RiskSettings, ScaleInSettings, TradingSettings


def settings_with(**changes: Any) -> TradingSettings:
    """Settings with `risk`, `sizing` and so on given as dicts of what differs."""
    settings = TradingSettings(risk=replace(RiskSettings(), facts_max_age_seconds=Decimal(0)))
    for name, value in changes.items():
        if isinstance(value, dict):
            value = replace(getattr(settings, name), **value)
        settings = replace(settings, **{name: value})
    return settings


def additions_allowed(**risk: Any) -> TradingSettings:
    """Settings under which a position may be added to at once, at any profit or loss."""
    scale_in = ScaleInSettings(enabled=True, max_steps=5, min_profit_pct=Decimal(-100))
    return settings_with(
        risk={"scale_in": scale_in, "duplicate_window_seconds": Decimal(0), **risk}
    )
