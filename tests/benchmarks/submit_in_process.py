"""In-process submit with its durable intent against a bare `TradingClient.submit_order`.

Run by hand: `python tests/benchmarks/submit_in_process.py [orders]`. Both talk to one server of the
built-in exchange over loopback, in turn, in one process; the medians and their ratio are printed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import MarketOrderRequest
from support.processes import exchange

from execbot.broker.alpaca import AlpacaClient
from execbot.journal.journal import Journal
from execbot.model.enums import Side
from execbot.model.order import OrderRequest
from execbot.oms.service import OrderManagementSystem


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main(orders: int = 300) -> None:
    with tempfile.TemporaryDirectory() as folder, exchange(Path(folder)) as server:
        sdk = TradingClient("bench-key-sdk", "secret-value", url_override=server.rest)
        bare = MarketOrderRequest(
            symbol="AAPL", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY
        )
        client = AlpacaClient(
            "bench-key-ours", "secret-value", trading_url=server.rest, requests_per_minute=None
        )
        with Journal.open(Path(folder) / "journal.db") as journal:
            oms = OrderManagementSystem(client, journal)
            ours_request = OrderRequest("AAPL", Side.BUY, qty=Decimal(1))
            pairs = []
            for number in range(orders + 20):
                pair = (
                    seconds(lambda: oms.submit(ours_request)),
                    seconds(lambda: sdk.submit_order(bare)),
                )
                if number >= 20:
                    pairs.append(pair)
        client.close()
    ours = statistics.median(pair[0] for pair in pairs) * 1000
    theirs = statistics.median(pair[1] for pair in pairs) * 1000
    ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
    print(f"alpaca-py submit_order             {theirs:8.2f} ms")
    print(f"execbot submit, intent durable     {ours:8.2f} ms")
    print(f"  ratio                            {ratio:8.2f}      goal: <= 2")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
