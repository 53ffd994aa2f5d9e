"""How long from a stream frame to durable state and a handed-over reaction, and how many a second.

    python tests/benchmarks/watch_latency.py

In one process, on a journal in a temporary directory with durable commits. Frames are those of
market orders that fill; `paced` hands them over at 1,000 a second one by one, `batched` as fast as
they are taken, in the loop's own batches. alpaca-py's `TradingStream` handing out the same frames,
parsed into its models and doing nothing else, is measured in the same run for comparison.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.desk import open_desk

from execbot.broker.port import TradeUpdate
from execbot.broker.stream import parse_frame
from execbot.config.schema import TradingSettings
from execbot.market.sessions import crypto_now
from execbot.watch.loop import BATCH_MAX
from execbot.watch.watcher import Watcher

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def frame(number: int, event: str) -> bytes:
    """One frame of order `number`: `new`, then `fill`."""
    at = (START + timedelta(milliseconds=number)).isoformat().replace("+00:00", "Z")
    done = event == "fill"
    order = {
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "client_order_id": f"bench-{number}",
        "created_at": at,
        "updated_at": at,
        "submitted_at": at,
        "filled_at": at if done else None,
        "asset_id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415",
        "symbol": ("AAPL", "MSFT", "NVDA", "TSLA", "SPY")[number % 5],
        "asset_class": "us_equity",
        "notional": None,
        "qty": "10",
        "filled_qty": "10" if done else "0",
        "filled_avg_price": "187.42" if done else None,
        "order_class": "",
        "order_type": "market",
        "type": "market",
        "side": "buy" if number % 2 else "sell",
        "time_in_force": "day",
        "limit_price": None,
        "stop_price": None,
        "status": "filled" if done else "new",
        "extended_hours": False,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
    }
    data: dict[str, Any] = {"event": event, "timestamp": at, "order": order}
    data["execution_id"] = f"{int(done):08d}-0000-4000-8000-{number:012d}"
    if done:
        data |= {"price": "187.42", "qty": "10", "position_qty": "10"}
    return json.dumps({"stream": "trade_updates", "data": data}).encode()


def frames(count: int) -> list[bytes]:
    return [frame(n, event) for n in range(count // 2) for event in ("new", "fill")]


def new_watcher(folder: Path) -> Watcher:
    desk = open_desk(folder)
    return Watcher(desk.oms, TradingSettings(), crypto_now, lambda: datetime.now(UTC))


def parsed(raw: bytes) -> TradeUpdate:
    found = parse_frame(raw)
    assert isinstance(found, TradeUpdate)
    return found


def paced(raw: list[bytes], per_second: int) -> list[float]:
    """Milliseconds from the moment a frame was due to its decision, one commit a wake-up."""
    with tempfile.TemporaryDirectory() as folder:
        watcher = new_watcher(Path(folder))
        latencies: list[float] = []
        began = time.perf_counter()
        index = 0
        while index < len(raw):
            due = began + index / per_second
            if (wait := due - time.perf_counter()) > 0:
                time.sleep(wait)
            ready = int((time.perf_counter() - began) * per_second) + 1
            batch = raw[index : min(ready, len(raw))]
            watcher.take_updates([parsed(item) for item in batch])
            done = time.perf_counter()
            latencies += [
                (done - (began + (index + offset) / per_second)) * 1000
                for offset in range(len(batch))
            ]
            index += len(batch)
        return latencies


def batched(raw: list[bytes]) -> float:
    """Durable events a second."""
    with tempfile.TemporaryDirectory() as folder:
        watcher = new_watcher(Path(folder))
        began = time.perf_counter()
        for start in range(0, len(raw), BATCH_MAX):
            watcher.take_updates([parsed(item) for item in raw[start : start + BATCH_MAX]])
        return len(raw) / (time.perf_counter() - began)


def bare_stream(raw: list[bytes]) -> float:
    """What alpaca-py hands out: frames parsed into its models, nothing done with them."""
    from alpaca.trading.stream import TradingStream

    async def nothing(update: object) -> None:
        return None

    async def run() -> float:
        stream = TradingStream("key", "secret", paper=True)
        stream.subscribe_trade_updates(nothing)
        began = time.perf_counter()
        for item in raw:
            await stream._dispatch(json.loads(item))
        return len(raw) / (time.perf_counter() - began)

    return asyncio.run(run())


def main() -> None:
    latencies = sorted(paced(frames(4000), 1000))
    p50 = statistics.median(latencies)
    p99 = latencies[int(len(latencies) * 0.99)]
    ours, bare = batched(frames(20_000)), bare_stream(frames(20_000))
    print(f"at 1,000 events a second: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    print(f"durable and decided: {ours:,.0f} events a second")
    print(f"alpaca-py's bare stream: {bare:,.0f} events a second; ratio {ours / bare:.2f}")


if __name__ == "__main__":
    main()
