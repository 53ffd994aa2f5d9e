"""A desk with everything a signal needs: risk desk, placer and executor under the virtual clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from execbot.config.schema import Mode, RiskSettings, TradingSettings
from execbot.model.signal import Signal, SignalSide
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_desk import RiskDesk
from execbot.oms.signals.executor import Executor
from execbot.oms.signals.result import SignalResult
from support.desk import Desk, open_desk


@dataclass
class Trader:
    desk: Desk
    settings: TradingSettings
    executor: Executor
    count: int = 0
    results: list[SignalResult] = field(default_factory=list)

    @property
    def placer(self) -> Placer:
        return self.executor.placer

    def until(self, when: str) -> None:
        """Step the exchange to a New York time."""
        self.desk.call("POST", "/sim/clock", {"set": when})
        self.desk.venue.advance()

    def signal(self, symbol: str = "AAPL", side: str = "buy", **more: Any) -> SignalResult:
        return self.executor.execute_signal(self.make(symbol, side, **more))

    def make(self, symbol: str = "AAPL", side: str = "buy", **more: Any) -> Signal:
        self.count += 1
        given = {"id": f"s{self.count}", "strength": Decimal(82), "created_at": self.desk.now()}
        return Signal(symbol=symbol, side=SignalSide(side), **{**given, **more})

    def fill(self, seconds: float = 2) -> None:
        """Let the exchange work and take in what it reports."""
        self.desk.sleep(seconds)
        self.desk.oms.apply_batch(self.desk.frames())


def settings_with(**changes: Any) -> TradingSettings:
    """Settings with `risk`, `sizing` and so on given as dicts of what differs."""
    settings = TradingSettings(risk=replace(RiskSettings(), facts_max_age_seconds=Decimal(0)))
    for name, value in changes.items():
        if isinstance(value, dict):
            value = replace(getattr(settings, name), **value)
        settings = replace(settings, **{name: value})
    return settings


def open_trader(path: Path, *, sim: dict[str, Any] | None = None, **changes: Any) -> Trader:
    desk = open_desk(path, **(sim or {}))
    settings = settings_with(**changes)
    risk_desk = RiskDesk(desk.client, desk.journal, settings, Mode.SIM, now=desk.now)
    return Trader(desk, settings, Executor(desk.oms, risk_desk))
