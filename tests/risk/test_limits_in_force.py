"""Goal: no file, directory or edit loosens a limit of a live account without the trader's word.

Method: every limit is spoilt in both directions by a table; orders are checked against a journal
that knows what ruled before.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support import risk_facts as b
from support.desk import market
from support.processes import exchange, execbot
from support.signal_trader import open_trader

from execbot.config.parse import leaves
from execbot.config.schema import Mode, RiskSettings, TradingSettings
from execbot.model.account import Position
from execbot.model.enums import Side
from execbot.risk.checks import evaluate
from execbot.risk.facts import index_positions
from execbot.risk.limits_in_force import LIMITS, LIMITS_KEY, limits_of, loosened
from execbot.risk.pending import Purpose

D = Decimal


def settings(**changes: Any) -> TradingSettings:
    risk = changes.pop("risk", {})
    return replace(TradingSettings(), risk=replace(RiskSettings(), **risk), **changes)


@pytest.mark.parametrize(
    ("looser", "tighter"),
    [
        ({"max_positions": 6}, {"max_positions": 4}),
        ({"max_position_size_pct": D(11)}, {"max_position_size_pct": D(9)}),
        ({"min_signal_strength": D(60)}, {"min_signal_strength": D(80)}),
        ({"risk": {"max_daily_loss_pct": None}}, {"risk": {"max_daily_loss_pct": D(4)}}),
        ({"risk": {"max_daily_orders": 201}}, {"risk": {"max_order_notional": D(100)}}),
        ({"risk": {"duplicate_window_seconds": D(0)}}, {"risk": {"max_order_qty": D(5)}}),
        ({"risk": {"one_pending_per_symbol": False}}, {"risk": {"allow_short": False}}),
        ({"risk": {"max_spread_pct": D(9)}}, {"risk": {"allow_flags": ()}}),
        ({"risk": {"max_quote_age_seconds": D(901)}}, {"symbols": ("AAPL",)}),
    ],
)
def test_each_kind_of_limit_knows_which_way_is_looser(
    looser: dict[str, Any], tighter: dict[str, Any]
) -> None:
    kept = limits_of(settings())
    assert len(loosened(kept, settings(**looser))) == 1
    assert loosened(kept, settings(**tighter)) == []
    assert len(loosened(limits_of(settings(**tighter)), settings())) == 1


def test_lists_are_looser_when_they_let_more_through() -> None:
    kept = limits_of(settings(symbols=("AAPL", "MSFT"), denied_symbols=("GME",)))
    assert loosened(kept, settings(symbols=("AAPL",), denied_symbols=("GME", "AMC"))) == []
    found = loosened(kept, settings(symbols=("AAPL", "KO"), denied_symbols=()))
    assert [item.key for item in found] == ["symbols", "denied_symbols"]
    assert len(loosened(kept, settings(symbols=(), denied_symbols=("GME",)))) == 1


def test_every_limit_is_a_key_of_the_configuration() -> None:
    assert set(LIMITS) <= {leaf.key for leaf in leaves()}


def test_in_live_alone_an_entry_is_refused_and_an_exit_goes() -> None:
    facts = b.facts(loosened=("max_positions 5 -> 6",), live_allowed=True)
    live = replace(facts, mode=Mode.LIVE)
    failed = {f.code for f in evaluate(b.intent(), live, b.LIMITS).failures}
    assert failed == {"limits_adopted"}
    holding = replace(live, positions=index_positions([Position("AAPL", D(10))]))
    assert evaluate(b.intent(Purpose.EXIT, side=Side.SELL), holding, b.LIMITS).passed
    assert evaluate(b.intent(), facts, b.LIMITS).passed


def test_what_ruled_an_entry_is_kept_with_it(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.placer.place(market("AAPL", "1"))
    assert trader.desk.journal.meta_get(LIMITS_KEY) == limits_of(trader.settings)


def test_a_looser_file_is_told_and_can_be_adopted(tmp_path: Path) -> None:
    loose = tmp_path / "loose.yaml"
    loose.write_text("trading_execution:\n  max_positions: 50\n")
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        assert execbot(["submit", "AAPL", "--qty", "1", "--wait", "10"], env).code == 0
        told = execbot(["positions", "--config", str(loose)], env)
        assert "max_positions 5 -> 50" in told.err
        adopted = execbot(["config", "adopt", "--config", str(loose), "--json"], env)
        assert adopted.data["loosened"] == [{"key": "max_positions", "before": 5, "now": 50}]
        assert "looser" not in execbot(["positions", "--config", str(loose)], env).err
