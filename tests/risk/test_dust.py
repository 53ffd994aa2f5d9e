"""Goal: dust is shown and counts for nothing: no position of `max_positions`, no re-entry blocked.

Method: the checks and signal rules over positions that are worth next to nothing.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from support import risk_facts as b

from execbot.config.schema import TradingSettings
from execbot.model.account import Position
from execbot.model.signal import Signal, SignalSide
from execbot.oms.signals.rules import skip_entry
from execbot.risk.checks import evaluate
from execbot.risk.facts import exposure_of
from execbot.risk.pending import Purpose

D = Decimal
FULL = TradingSettings(max_positions=2)


def failed(*positions: Position, symbol: str = "AAPL") -> set[str]:
    verdict = evaluate(b.intent(symbol=symbol), b.facts(positions=list(positions)), FULL)
    return {failure.code for failure in verdict.failures}


@pytest.mark.parametrize(
    ("held", "is_dust"),
    [
        (b.held("BTC/USD", "0.000000001", "50000", asset_class="crypto"), True),
        (b.held("KO", "0.01", "60"), True),
        (b.held("KO", "-0.01", "60"), True),
        (b.held("RIGHT", "100", "0"), True),
        (b.held("KO", "0.02", "60"), False),
        (b.held("RIGHT", "100", "0.01"), False),
        (b.held("KO", "0.01", "60", market_value=None, current_price=None), False),
        (b.held("KO", "0.01", "60", market_value=None), True),
        (b.held("AAPL261218C00190000", "1", "0.005", market_value=None), True),
        (b.held("AAPL261218C00190000", "1", "0.05", market_value=None), False),
    ],
)
def test_dust_is_worth_less_than_a_dollar_at_a_known_price(held: Position, is_dust: bool) -> None:
    """E-POS-9: with no price nothing is dust. A contract is worth a hundred times its price."""
    assert held.is_dust() is is_dust


def test_less_than_the_smallest_order_of_a_coin_is_dust_whatever_it_is_worth() -> None:
    held = b.held("BTCUSD", "0.00005", "50000", asset_class="crypto")
    assert not held.is_dust()
    assert held.is_dust(smallest=D("0.0001"))
    facts = b.facts(positions=[held], smallest={"BTCUSD": D("0.0001")})
    assert facts.counted("BTC/USD") is None
    assert facts.position("BTC/USD") is held


def test_dust_is_none_of_the_positions_allowed() -> None:
    """Two are allowed, and this would be the second: the third in the list is dust."""
    assert failed(b.held("KO"), b.held("DUST", "0.000000001", "50000")) == set()
    assert failed(b.held("KO"), b.held("MSFT")) == {"max_positions"}


def test_dust_of_the_symbol_blocks_no_entry() -> None:
    dust = b.held("AAPL", "0.001", "200")
    assert failed(dust) == set()
    signal = Signal(id="one", symbol="AAPL", side=SignalSide.BUY, strength=D(80), created_at=b.NOW)
    assert skip_entry(signal, b.facts(positions=[dust]), FULL) is None
    short = Signal(
        id="two", symbol="AAPL", side=SignalSide.SELL_SHORT, strength=D(80), created_at=b.NOW
    )
    assert skip_entry(short, b.facts(positions=[dust]), FULL) is None


def test_dust_can_still_be_sold() -> None:
    """Shown and not counted, but held: selling it closes."""
    dust = b.held("AAPL", "0.001", "200")
    facts = b.facts(positions=[dust])
    intent = b.intent(Purpose.EXIT, side=b.Side.SELL, qty=D("0.001"))
    assert evaluate(intent, facts, FULL).passed
    assert exposure_of(facts).symbols == frozenset()
