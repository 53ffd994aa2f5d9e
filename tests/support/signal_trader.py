"""A trader who trades by signals: a desk with risk desk, placer and executor, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execbot.alerts import Alerter, Delivery
from execbot.config.schema import Mode, TradingSettings
from execbot.model.signal import Signal, SignalSide
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_gate import RiskGate
from execbot.oms.signals.executor import Executor
from execbot.oms.signals.result import SignalResult
from support.desk import Desk, open_desk
from support.harness.killed import Killed
from support.settings import settings_with


class Heard:
    """What a person is told: takes every alert; `alerter` is what sends them."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.now: Callable[[], datetime]
        self.alerter = Alerter(self._take, min_interval_seconds=0, now=lambda: self.now())

    def _take(self, title: str, body: str) -> Delivery:
        self.said.append((title, body))
        return Delivery(1)

    def titles(self) -> list[str]:
        """Of all alerts so far."""
        self.alerter.close()
        return [title.removeprefix("execbot: ") for title, _ in self.said]


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


def open_trader(
    path: Path,
    *,
    sim: dict[str, Any] | None = None,
    heard: Heard | None = None,
    **changes: Any,
) -> SignalTrader:
    desk = open_desk(path, **(sim or {}))
    settings = settings_with(**changes)
    risk_gate = RiskGate(desk.client, desk.journal, settings, Mode.SIM, now=desk.now)
    if heard is not None:
        heard.now = desk.now
    alerter = None if heard is None else heard.alerter
    return SignalTrader(desk, settings, Executor(desk.oms, risk_gate, alerter=alerter))


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
