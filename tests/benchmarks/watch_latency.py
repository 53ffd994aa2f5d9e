"""How long from a stream frame to durable state and a handed-over reaction, and how many a second.

    python tests/benchmarks/watch_latency.py [rounds]

In one process, on a journal in a temporary directory with durable commits. Frames are those of
market orders that fill; `paced` hands them over at 1,000 a second one by one, `batched` as fast as
they are taken, in the loop's own batches. alpaca-py's `TradingStream` handing out the same frames,
parsed into its models and doing nothing else, is measured in the same round for comparison.

A commit waits for the disk, so each round also measures the bare disk (as much written and synced
as a small commit does, nothing else) and, where there is one, the same pace on a file system in
memory: what is left there is Python and waiting for a processor. Processor time is printed beside
the clock, because other work on the machine stretches the clock.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.desk import open_desk

from benchmarks.measure import Speed
from execbot.broker.port import TradeUpdate
from execbot.broker.stream import parse_frame
from execbot.config.schema import TradingSettings
from execbot.journal.checkpoint import Checkpointer
from execbot.market.sessions import crypto_now
from execbot.watch.loop import BATCH_MAX
from execbot.watch.order_news import OrderNews
from execbot.watch.watcher import Watcher

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
IN_MEMORY = Path("/dev/shm")


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
    watcher = Watcher(desk.oms, TradingSettings(), crypto_now, lambda: datetime.now(UTC))
    watcher.news = OrderNews(watcher.journal)
    return watcher


def parsed(raw: bytes) -> TradeUpdate:
    found = parse_frame(raw)
    assert isinstance(found, TradeUpdate)
    return found


def paced(raw: list[bytes], per_second: int, base: Path | None = None) -> list[float]:
    """Milliseconds from the moment a frame was due to its decision, one commit a wake-up."""
    with tempfile.TemporaryDirectory(dir=base) as folder:
        watcher = new_watcher(Path(folder))
        checkpointer = Checkpointer(watcher.journal.path)  # as the loop has one
        checkpointer.start()
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
            checkpointer.wrote(len(batch))
            done = time.perf_counter()
            latencies += [
                (done - (began + (index + offset) / per_second)) * 1000
                for offset in range(len(batch))
            ]
            index += len(batch)
        checkpointer.close()
        watcher.journal.close()
        return latencies


def bare_disk(times: int = 300, size: int = 100_000) -> list[float]:
    """Milliseconds that the disk needs to keep as much as a small commit writes."""
    found: list[float] = []
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(times):
            file.write(bytes(size))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            found.append((time.perf_counter() - began) * 1000)
    return found


def batched(raw: list[bytes]) -> Speed:
    """Durable events a second."""
    with tempfile.TemporaryDirectory() as folder:
        watcher = new_watcher(Path(folder))
        began, worked = time.perf_counter(), time.process_time()
        for start in range(0, len(raw), BATCH_MAX):
            watcher.take_updates([parsed(item) for item in raw[start : start + BATCH_MAX]])
        speed = Speed.since(began, worked, len(raw))
        watcher.journal.close()
        return speed


def bare_stream(raw: list[bytes]) -> Speed:
    """What alpaca-py hands out: frames parsed into its models, nothing done with them."""
    from alpaca.trading.stream import TradingStream

    async def nothing(update: object) -> None:
        return None

    async def run() -> Speed:
        stream = TradingStream("key", "secret", paper=True)
        stream.subscribe_trade_updates(nothing)
        began, worked = time.perf_counter(), time.process_time()
        for item in raw:
            await stream._dispatch(json.loads(item))
        return Speed.since(began, worked, len(raw))

    return asyncio.run(run())


def show(name: str, milliseconds: list[float]) -> None:
    ranked = sorted(milliseconds)
    p99 = ranked[int(len(ranked) * 0.99)]
    print(f"  {name:34} p50 {statistics.median(ranked):7.2f} ms   p99 {p99:7.2f} ms")


def main(rounds: int = 3) -> None:
    gc.freeze()  # as the loop does
    some, many = frames(4000), frames(20_000)
    for number in range(1, rounds + 1):
        print(f"round {number}")
        show("bare disk", bare_disk())
        show("1,000 events a second", paced(some, 1000))
        if IN_MEMORY.is_dir():
            show("the same without a disk", paced(some, 1000, IN_MEMORY))
        ours, bare = batched(many), bare_stream(many)
        print(f"  durable and decided                {ours}")
        print(f"  alpaca-py's bare stream            {bare}")
        by_clock, by_work = ours.a_second / bare.a_second, bare.work / ours.work
        print(f"  ratio {by_clock:33.2f} by the clock, {by_work:.2f} by processor time")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
