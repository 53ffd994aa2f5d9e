"""Goal: without a `watch` the run that met the rate limit sends what waits for it, before it ends.

Method: a real `signal --file` against the served exchange, which answers 429 once.
"""

from __future__ import annotations

import json
from pathlib import Path

from support.processes import OwnAccount, Server, execbot


def test_lines_that_come_behind_the_rate_limit_go_in_their_order(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "trader").mkdir()
    once = "trading_execution: {order_management: {retry_attempts: 0}}"
    trader = OwnAccount(server, tmp_path / "trader", once)
    server.call(
        "POST",
        "/sim/faults",
        {
            "kind": "rate_limited",
            "method": "POST",
            "path": "/v2/orders",
            "count": 1,
            "params": {"retry_after": 2},
        },
    )
    lines = [
        {"id": name, "symbol": symbol, "side": "buy", "strength": 90}
        for name, symbol in (("a", "AAPL"), ("b", "KO"), ("c", "MSFT"))
    ]
    path = tmp_path / "signals.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = execbot(["signal", "--file", str(path), "--json"], trader.env)
    assert done.code == 0, done.out
    told = [json.loads(line) for line in done.out.splitlines()]
    assert [line["line"] for line in told] == [1, 2, 3]
    # The second may be on its way already when the first meets the limit.
    assert [told[n]["outcome"] for n in (0, 2)] == ["queued", "queued"]
    assert "rate limit" in told[0]["message"]
    entries = [row for row in server.orders(trader.key) if row["side"] == "buy"]
    symbols = [row["symbol"] for row in entries]
    assert sorted(symbols) == ["AAPL", "KO", "MSFT"]
    assert symbols.index("AAPL") < symbols.index("MSFT")
