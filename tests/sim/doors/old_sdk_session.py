"""A session of the older `alpaca-trade-api`, run by `test_other_sdks.py` with its own packages.

Arguments: REST URL, URL of the data streams. Prints one JSON object of what it saw.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from typing import Any

import alpaca_trade_api as old

KEY, SECRET, WAIT_SECONDS = "old-sdk", "secret", 60


def main() -> None:
    rest_url, stream_url = sys.argv[1:3]
    api = old.REST(KEY, SECRET, rest_url, api_version="v2")
    seen: list[Any] = []
    quotes: list[Any] = []
    stream = old.Stream(KEY, SECRET, base_url=rest_url, data_stream_url=stream_url)

    async def on_update(update: Any) -> None:
        seen.append(update.event)

    async def on_quote(quote: Any) -> None:
        quotes.append(quote.symbol)

    stream.subscribe_trade_updates(on_update)
    stream.subscribe_quotes(on_quote, "SPY")
    threading.Thread(target=lambda: asyncio.run(run(stream)), daemon=True).start()
    wait_for(lambda: quotes)
    account = api.get_account()
    order = api.submit_order("AAPL", qty=2, side="buy", type="market", time_in_force="day")
    wait_for(lambda: "fill" in seen)
    position = api.get_position("AAPL")
    limit = api.submit_order(
        "AAPL", qty=1, side="buy", type="limit", limit_price="1", time_in_force="gtc"
    )
    wait_for(lambda: api.get_order(limit.id).status == "new")
    changed = api.replace_order(limit.id, limit_price="2")
    wait_for(lambda: api.get_order(limit.id).status == "replaced")
    api.cancel_order(changed.id)
    wait_for(lambda: api.get_order(changed.id).status == "canceled")
    found = {
        "cash": account.cash,
        "filled": api.get_order(order.id).status,
        "position": position.qty,
        "events": seen[:3],
        "quotes": quotes[0],
        "clock_open": api.get_clock().is_open,
        "days": len(api.get_calendar("2026-11-20", "2026-11-27")),
        "asset": api.get_asset("AAPL").symbol,
        "fills": len(api.get_activities("FILL")),
        "ask": api.get_latest_quote("AAPL").ap > 0,
        "bars": len(api.get_bars("AAPL", "1Min", start="2026-01-05", limit=5)),
        "snapshot": "SPY" in api.get_snapshots(["SPY"]),
        "refusal": refusal(api),
    }
    print(json.dumps(found))


def refusal(api: Any) -> list[Any]:
    try:
        api.submit_order("AAPL", qty=10_000_000, side="buy", type="market", time_in_force="day")
    except old.rest.APIError as error:
        return [error.status_code, error.code, str(error)]
    return []


async def run(stream: Any) -> None:
    await asyncio.gather(stream._trading_ws._run_forever(), stream._data_ws._run_forever())


def wait_for(check: Any) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError("did not come about")
        time.sleep(0.02)


main()
