"""Goal: `exits show` says after the close that the stop does not elect now.

Method: real commands against a served exchange whose clock the test sets.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.processes import exchange, execbot


@pytest.mark.parametrize(("switch", "state"), [("false", "dormant"), ("true", "dormant")])
def test_exits_show_says_after_the_close_that_the_stop_does_not_elect_now(
    tmp_path: Path, switch: str, state: str
) -> None:
    (tmp_path / "trading.yaml").write_text(
        f"trading_execution:\n  market_hours: {{trade_afterhours: {switch}}}\n"
    )
    clock = ("--calendar", "exchange", "--at", "2026-10-07 15:50", "--speed", "0")
    with exchange(tmp_path, *clock) as server:
        env = server.environment(tmp_path, EXECBOT_CONFIG=str(tmp_path / "trading.yaml"))
        server.call("POST", "/sim/price", {"symbol": "AAPL", "price": "200"})
        sent = execbot(["submit", "AAPL", "--qty", "10", "--stop-loss", "2%", "--json"], env)
        assert sent.code == 0, sent.err
        server.call("POST", "/sim/clock", {"step": 5})
        assert execbot(["reconcile", "--json"], env).code == 0
        shown = execbot(["exits", "show", "AAPL", "--json"], env)
        assert shown.data[0]["guarded"] == "protected", json.dumps(shown.data)
        server.call("POST", "/sim/clock", {"set": "2026-10-07 16:05"})
        after = execbot(["exits", "show", "AAPL", "--json"], env)
        assert after.data[0]["guarded"] == state
        assert after.data[0]["covered_qty"] == "10"
