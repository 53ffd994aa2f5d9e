"""Requests to the broker for one signal in a batch of entries.

    python tests/benchmarks/batch.py [signals]

The executor answers the signals one after the other against the built-in exchange in process; 50 ms
of virtual time pass for each. Prints requests a signal by host: the trading host allows 200 a
minute, and one order is one of them.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.signal_trader import SignalTrader, open_trader

from execbot.oms.signals.result import SignalResult

DATA_PATHS = ("/v2/stocks", "/v1beta3", "/v1beta1")
"""Of the data host, which has a rate limit of its own."""


def open_batch(path: Path, **changes: Any) -> SignalTrader:
    """A trader with room for many positions, whose account facts are kept as by default."""
    risk = {"facts_max_age_seconds": Decimal(5)}
    room = {"max_positions": 100, "max_account_exposure_pct": Decimal(100)}
    return open_trader(path, risk=risk, **{**room, **changes})


def symbols_there(trader: SignalTrader, count: int) -> list[str]:
    """Stocks that the exchange trades."""
    rows = trader.desk.call("GET", "/v2/assets?status=active&asset_class=us_equity")
    return [row["symbol"] for row in rows if row["tradable"]][:count]


def carry_out(
    trader: SignalTrader, symbols: list[str], *, round_trip_seconds: float = 0.05
) -> list[SignalResult]:
    """One signal after the other, as `execbot signal -` does; each costs a round trip besides."""
    results = []
    for number, symbol in enumerate(symbols):
        trader.executor.expect(symbols[number + 1 :])
        results.append(trader.signal(symbol, qty=Decimal(1)))
        trader.desk.sleep(round_trip_seconds)
    return results


def asked(trader: SignalTrader, *, data: bool = False) -> list[str]:
    """The requests so far to the trading host, or to that of the data."""
    return [
        line for line in trader.desk.sent if line.partition(" ")[2].startswith(DATA_PATHS) is data
    ]


def main(count: int = 40) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trader = open_batch(Path(folder))
        symbols = symbols_there(trader, count)
        results = carry_out(trader, symbols)
    sent = sum(not result.is_failure for result in results)
    trading, data = asked(trader), asked(trader, data=True)
    print(f"{len(symbols)} entries, {sent} sent")
    print(f"  trading host {len(trading) / len(symbols):.2f} requests a signal   goal: <= 1.2")
    print(f"  data host    {len(data) / len(symbols):.2f} requests a signal")
    for line, number in Counter(trading).most_common():
        print(f"    {number:3} {line}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
