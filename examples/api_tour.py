"""execbot from Python: send an order, follow it, compare positions, close.

Runs against the built-in exchange, which it starts by itself and which needs no account:

    python examples/api_tour.py

Against Alpaca's paper account instead, with keys in the environment:

    ALPACA_API_KEY=... ALPACA_SECRET_KEY=... python examples/api_tour.py --paper
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from execbot import (
    AlpacaClient,
    Change,
    Journal,
    OrderManagementSystem,
    OrderRecord,
    OrderRequest,
    PositionTracker,
    Side,
)


@contextlib.contextmanager
def built_in_exchange() -> Iterator[str]:
    """Serve the exchange on a free port of this machine; gives its REST address."""
    command = [sys.executable, "-m", "execbot", "sim", "serve", "--port", "0", "--json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["rest"]
    finally:
        server.terminate()
        server.wait()


def follow(oms: OrderManagementSystem, record: OrderRecord) -> OrderRecord:
    """Ask until the order has ended. A program with many orders listens to the stream instead:
    `for message in client.trade_updates().messages(): ...` and `oms.apply_update(message)`."""
    while not record.order.is_terminal:
        time.sleep(0.1)
        record = oms.refresh(record.client_order_id)
    return record


def tour(client: AlpacaClient, journal: Journal) -> None:
    oms = OrderManagementSystem(client, journal)
    tracker = PositionTracker()

    def on_filled(change: Change) -> None:
        for fill in change.fills:
            tracker.apply_fill(fill)
            print(f"order_filled: {fill.side} {fill.qty} {fill.symbol} at {fill.price}")

    oms.subscribe("order_submitted", lambda c: print(f"order_submitted: {c.record.order_id}"))
    oms.subscribe("order_failed", lambda c: print(f"order_failed: {c.record.note}"))
    oms.subscribe("order_filled", on_filled)

    # The tracker starts from what the broker says and then follows the fills.
    tracker.update_from_broker(client.get_positions())

    # The same client_order_id submits once, however often this program is started.
    request = OrderRequest("AAPL", Side.BUY, qty=Decimal(10), client_order_id="tour-buy")
    bought = follow(oms, oms.submit(request))
    print(f"bought: {bought.status}, {bought.order.filled_qty} at {bought.order.filled_avg_price}")
    again = oms.submit(request)
    print(f"submitted twice, sent once: already={again.already}")

    result = tracker.reconcile(client)
    print(f"tracker and broker differ: {result.has_discrepancies} {list(result.discrepancies)}")

    closed = oms.close("AAPL").record
    assert closed is not None
    sold = follow(oms, closed)
    print(f"sold: {sold.status}, {sold.order.filled_qty} at {sold.order.filled_avg_price}")

    # Journal and broker agree on orders, fills and positions.
    print(f"breaks: {list(oms.reconcile().breaks)}")


def main() -> None:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if "--paper" in sys.argv:
            key, secret = os.environ["ALPACA_API_KEY"], os.environ["ALPACA_SECRET_KEY"]
            client = AlpacaClient(key, secret, paper=True)
        else:
            url = stack.enter_context(built_in_exchange())
            client = AlpacaClient("demo", "demo", trading_url=url, data_url=url)
        with Journal.open(folder / "journal.db") as journal:
            tour(client, journal)


if __name__ == "__main__":
    main()
