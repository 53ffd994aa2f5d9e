"""Durable stream events a second: frames parsed, applied by the state machine and committed.

Run by hand: `python tests/benchmarks/events.py [orders [rounds]]`. Each order gives four frames:
pending_new, new, partial_fill, fill.
Baseline of the same run: alpaca-py's own parsing of the same frames into `TradeUpdate` objects,
which is what its `TradingStream` does before it calls a handler, and which neither checks, stores
nor commits anything.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import Speed
from execbot.broker.port import TradeUpdate
from execbot.broker.stream import parse_frame
from execbot.journal.journal import Journal
from execbot.oms.sync.intake import apply_batch

BATCH = 200
"""What queues up while one transaction is being committed, at these rates."""


def frames(orders: int) -> Iterator[bytes]:
    """Frames of orders as the trade-update stream sends them."""
    steps = (
        ("pending_new", "pending_new", "0", None),
        ("new", "new", "0", None),
        ("partial_fill", "partially_filled", "4", "4"),
        ("fill", "filled", "10", "6"),
    )
    for number in range(orders):
        order_id, client_order_id = str(uuid.uuid4()), f"bench-{number}"
        for step, (event, status, filled, qty) in enumerate(steps):
            stamp = f"2026-11-20T15:{number // 60 % 60:02d}:{number % 60:02d}.{step + 1:03d}Z"
            frame = _frame(order_id, client_order_id, event, status, filled, qty, stamp)
            yield json.dumps(frame).encode()


def _frame(
    order_id: str,
    client_order_id: str,
    event: str,
    status: str,
    filled: str,
    qty: str | None,
    stamp: str,
) -> dict[str, Any]:
    data: dict[str, Any] = {
        "event": event,
        "at": stamp,
        "timestamp": stamp,
        "order": {
            "id": order_id,
            "client_order_id": client_order_id,
            "created_at": stamp,
            "updated_at": stamp,
            "submitted_at": stamp,
            "filled_at": None,
            "expired_at": None,
            "canceled_at": None,
            "failed_at": None,
            "replaced_at": None,
            "replaced_by": None,
            "replaces": None,
            "asset_id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415",
            "symbol": "AAPL",
            "asset_class": "us_equity",
            "notional": None,
            "qty": "10",
            "filled_qty": filled,
            "filled_avg_price": None if filled == "0" else "186.42",
            "order_class": "",
            "order_type": "market",
            "type": "market",
            "side": "buy",
            "time_in_force": "day",
            "limit_price": None,
            "stop_price": None,
            "status": status,
            "extended_hours": False,
            "legs": None,
            "trail_percent": None,
            "trail_price": None,
            "hwm": None,
        },
    }
    if qty is not None:
        data |= {
            "execution_id": str(uuid.uuid4()),
            "price": "186.42",
            "qty": qty,
            "position_qty": filled,
        }
    return {"stream": "trade_updates", "data": data}


def ours(raw: list[bytes], folder: Path) -> Speed:
    """Made durable."""
    with Journal.open(folder / "journal.db") as journal:
        began, worked = time.perf_counter(), time.process_time()
        for first in range(0, len(raw), BATCH):
            updates = [parse_frame(frame) for frame in raw[first : first + BATCH]]
            apply_batch(
                journal,
                [update for update in updates if isinstance(update, TradeUpdate)],
                datetime.now(UTC),
            )
        return Speed.since(began, worked, len(raw))


def theirs(raw: list[bytes]) -> Speed:
    """Parsed by alpaca-py and dropped."""
    from alpaca.trading.models import TradeUpdate as SdkTradeUpdate

    began, worked = time.perf_counter(), time.process_time()
    for frame in raw:
        SdkTradeUpdate(**json.loads(frame)["data"])
    return Speed.since(began, worked, len(raw))


def main(orders: int = 5000, rounds: int = 3) -> None:
    raw = list(frames(orders))
    for number in range(1, rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            durable = ours(raw, Path(folder))
        bare = theirs(raw)
        by_clock, by_work = durable.a_second / bare.a_second, bare.work / durable.work
        print(f"round {number}")
        print(f"  alpaca-py, parsed and dropped   {bare}")
        print(f"  execbot, applied and committed  {durable}")
        print(f"  ratio {by_clock:30.2f} by the clock, {by_work:.2f} by processor time")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3]))
