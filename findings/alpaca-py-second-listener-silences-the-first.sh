#!/bin/bash
# alpaca-py 0.44.0: a second subscription to the same updates replaces the first handler, without a word.
#
# subscribe_trade_updates keeps one handler, subscribe_trades one a symbol; and a handler of a symbol takes that symbol
# away from the handler of "*". Nothing is logged, both calls look the same.
# For a trader: two strategies in one program share the stream (Alpaca allows one connection), each subscribes to its
# fills, and the one that came first never hears of a fill: it goes on believing that it holds nothing.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check alpaca-py==0.44.0
"$folder/venv/bin/python" - <<'PY'
import asyncio
import contextlib
import json
import logging
import sys

import websockets
from alpaca.trading.stream import TradingStream

logging.disable(logging.CRITICAL)
ORDER = {
    "id": "61e69015-8549-4bfd-b9c3-01e75843f47d", "client_order_id": "mine-1", "symbol": "AAPL", "side": "buy",
    "type": "market", "order_type": "market", "order_class": "", "time_in_force": "day", "status": "filled",
    "qty": "10", "filled_qty": "10", "filled_avg_price": "150", "extended_hours": False,
    "asset_id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415", "asset_class": "us_equity",
    "created_at": "2026-11-20T15:00:00Z", "updated_at": "2026-11-20T15:00:01Z",
    "submitted_at": "2026-11-20T15:00:00Z",
}  # fmt: skip
FILL = {"event": "fill", "timestamp": "2026-11-20T15:00:01Z", "price": "150", "qty": "10", "position_qty": "10",
        "execution_id": "2f63ea93-423d-4169-b3f6-3fdafc10c418", "order": ORDER}  # fmt: skip
heard = {"first strategy": [], "second strategy": []}


async def broker(socket):
    """Lets anyone in, then tells one fill."""
    await socket.recv()
    await socket.send(json.dumps({"stream": "authorization", "data": {"status": "authorized"}}).encode())
    await socket.recv()
    await socket.send(json.dumps({"stream": "listening", "data": {"streams": ["trade_updates"]}}).encode())
    await socket.send(json.dumps({"stream": "trade_updates", "data": FILL}).encode())
    await asyncio.sleep(3)


def handler(name):
    async def update(data):
        heard[name].append(str(data.event))

    return update


async def main():
    async with websockets.serve(broker, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        stream = TradingStream("key", "secret", url_override=f"ws://127.0.0.1:{port}")
        for name in heard:
            stream.subscribe_trade_updates(handler(name))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stream._run_forever(), 2)


asyncio.run(main())
for name, events in heard.items():
    print(f"{name} heard: {events}")
still = [len(events) for events in heard.values()] == [0, 1]
print("still so: the first hears nothing" if still else "CHANGED")
sys.exit(not still)
PY
