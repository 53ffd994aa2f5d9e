"""Goal: a producer that counts strength from 0 to 1 is told that it is 0 to 100."""

from __future__ import annotations

from decimal import Decimal

import pytest
from support import risk_facts as b

from execbot.model.signal import Signal, SignalSide
from execbot.oms.signals.rules import skip_unread

D = Decimal


@pytest.mark.parametrize(
    ("strength", "words"),
    [
        ("0.82", "; strength counts from 0 to 100, 82 may be meant"),
        ("1", "; strength counts from 0 to 100, 100 may be meant"),
        ("69", " (strength counts from 0 to 100)"),
        ("0", " (strength counts from 0 to 100)"),
    ],
)
def test_a_weak_signal_is_told_the_scale(strength: str, words: str) -> None:
    signal = Signal("one", "AAPL", SignalSide.BUY, D(strength), b.NOW)
    found = skip_unread(signal, b.NOW, b.LIMITS)
    assert found is not None and found.code == "signal.weak"
    assert found.message == f"strength {strength} does not exceed 70{words}"
