"""A trader who trades by signals: a desk with risk desk, placer and executor, in virtual time."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execbot.config.schema import Mode, TradingSettings
from execbot.model.signal import Signal, SignalSide
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_desk import RiskDesk
from execbot.oms.signals.executor import Executor
from execbot.oms.signals.result import SignalResult
from support.desk import Desk, open_desk
from support.killed import Killed
from support.settings import settings_with


@dataclass
class SignalTrader:
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


def open_trader(path: Path, *, sim: dict[str, Any] | None = None, **changes: Any) -> SignalTrader:
    desk = open_desk(path, **(sim or {}))
    settings = settings_with(**changes)
    risk_desk = RiskDesk(desk.client, desk.journal, settings, Mode.SIM, now=desk.now)
    return SignalTrader(desk, settings, Executor(desk.oms, risk_desk))


def dies_before_its_result_is_kept(
    trader: SignalTrader, signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process has done what the signal asks for, and is killed before it writes so."""

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(trader.executor, "_finish", die)
        with pytest.raises(Killed):
            trader.executor.execute_signal(signal)
    trader.fill()
