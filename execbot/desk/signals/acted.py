"""What became of a signal, and what to warn of, as one value."""

from __future__ import annotations

from msgspec import Struct

from execbot.oms.signals.result import SignalResult


class Acted(Struct, frozen=True):
    """The two that `act_on_signal` returns."""

    result: SignalResult
    warnings: list[str]
