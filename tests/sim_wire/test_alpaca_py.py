"""Goal: alpaca-py, unchanged, cannot tell. Method: its real clients over real sockets."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, OrderStatus, TimeInForce
from alpaca.trading.requests import (
    MarketOrderRequest,
)
from alpaca.trading.stream import TradingStream

WAIT_SECONDS = 20


def client(exchange: Any, key: str | None = None) -> TradingClient:
    return TradingClient(
        key or uuid.uuid4().hex, "secret", paper=True, url_override=exchange["rest"]
    )


def eventually(check: Callable[[], Any]) -> Any:
    """Asks until the answer is true, for a bounded time."""
    deadline = datetime.now(UTC) + timedelta(seconds=WAIT_SECONDS)
    while datetime.now(UTC) < deadline:
        found = check()
        if found:
            return found
        threading.Event().wait(0.02)
    raise AssertionError(f"did not come about within {WAIT_SECONDS} s")


@contextmanager
def listening(stream: Any, subscribe: Callable[[], None]) -> Iterator[None]:
    """Runs an SDK stream on a thread of its own."""
    subscribe()
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stream.stop()
        thread.join(timeout=10)


def filled(trading: TradingClient, order_id: Any) -> Any:
    def check() -> Any:
        order = trading.get_order_by_id(order_id)
        return order if order.status == OrderStatus.FILLED else None

    return eventually(check)


def buy(trading: TradingClient, symbol: str = "AAPL", qty: float = 1, **more: Any) -> Any:
    return trading.submit_order(
        MarketOrderRequest(
            symbol=symbol, qty=qty, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, **more
        )
    )


def test_market_order_is_filled_and_is_a_position(exchange: Any) -> None:
    trading = client(exchange)
    order = buy(trading, "AAPL", 10)
    assert order.status == OrderStatus.PENDING_NEW
    done = filled(trading, order.id)
    assert float(done.filled_qty) == 10
    position = trading.get_open_position("AAPL")
    assert position.qty == "10"
    assert position.avg_entry_price == str(done.filled_avg_price)
    assert float(trading.get_account().cash) < 100_000


def test_trading_stream_delivers_the_life_of_an_order(exchange: Any) -> None:
    key = uuid.uuid4().hex
    stream = TradingStream(key, "secret", url_override=exchange["stream"])
    seen: list[Any] = []

    async def on_update(update: Any) -> None:
        seen.append(update)

    with listening(stream, lambda: stream.subscribe_trade_updates(on_update)):
        trading = client(exchange, key)
        control = exchange["control"] + "/status"
        eventually(lambda: _listening(control, key))
        order = buy(trading, "MSFT", 3)
        eventually(lambda: any(update.event == "fill" for update in seen))
    assert [str(update.event) for update in seen] == ["pending_new", "new", "fill"]
    assert {update.order.id for update in seen} == {order.id}
    assert seen[-1].qty == 3 and seen[-1].position_qty == 3


def _listening(url: str, key: str) -> bool:
    import json
    import urllib.request

    with urllib.request.urlopen(url, timeout=10) as reply:
        streams = json.load(reply)["streams"]
    return any(s["key"] == key and s["listening"] for s in streams)
