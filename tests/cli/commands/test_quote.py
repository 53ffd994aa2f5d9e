"""Goal: `quote` shows the exchange's own prices, and figures that follow from them.

Method: a served exchange whose clock stands still, asked with plain requests.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.processes import exchange, execbot

D = Decimal


def test_figures_follow_from_what_the_exchange_says(tmp_path: Path) -> None:
    clock = ("--calendar", "exchange", "--at", "2026-10-07 11:00", "--speed", "0")
    with exchange(tmp_path, *clock) as server:
        env = server.environment(tmp_path)
        done = execbot(["quote", "AAPL", "BTC/USD", "ZZZZ", "--json"], env)
        quoted = server.get("/v2/stocks/quotes/latest?symbols=AAPL")["quotes"]["AAPL"]
        last = server.get("/v2/stocks/trades/latest?symbols=AAPL")["trades"]["AAPL"]
        days = server.get(
            "/v2/stocks/bars?symbols=AAPL&timeframe=1Day&start=2026-10-01&end=2026-10-07&limit=50"
        )["bars"]["AAPL"]
        asset = server.get("/v2/assets/AAPL")
        alone = execbot(["quote", "ZZZZ", "--json"], env)
        gone = execbot(["quote", "AAPL260101C00100000", "--json"], env)
        sent = execbot(["submit", "AAPL260101C00100000", "--qty", "1", "--limit", "1"], env)
        assert server.orders() == []
    assert done.code == 12  # one of them is not known
    stock, pair = done.data
    bid, ask, price = (D(str(value)) for value in (quoted["bp"], quoted["ap"], last["p"]))
    assert (D(stock["bid"]), D(stock["ask"]), D(stock["last"])) == (bid, ask, price)
    assert (D(stock["bid_size"]), D(stock["ask_size"])) == (quoted["bs"], quoted["as"])
    assert float(stock["spread_bps"]) == pytest.approx(
        float((ask - bid) / ((ask + bid) / 2)) * 10_000, abs=0.006
    )
    close = [D(str(day["c"])) for day in days if day["t"] < "2026-10-07"][-1]
    assert D(stock["previous_close"]) == close
    assert D(stock["change"]) == price - close
    assert float(stock["change_pct"]) == pytest.approx(
        float((price - close) / close) * 100, abs=1e-6
    )
    for name in ("tradable", "fractionable", "shortable", "marginable"):
        assert stock[name] == asset[name]
    assert (stock["session"], stock["is_open"], stock["tick"]) == ("regular", True, "0.01")
    assert stock["halt_known"] is False  # nobody watches
    assert (pair["shortable"], pair["halt_known"], pair["feed"]) == (False, None, "us")
    for unknown in (alone, gone):
        assert (unknown.code, unknown.out) == (2, "")
        assert unknown.error["kind"] == "broker.unknown_symbol"
    assert sent.code == 2  # its symbol can be read, but there is no such contract any more
