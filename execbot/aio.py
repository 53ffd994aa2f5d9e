"""execbot for asyncio: the same names, with `await` before what talks to the broker.

    from execbot.aio import AlpacaClient, OrderManagementSystem, OrderRequest, PositionTracker

    client = AlpacaClient(api_key="...", secret_key="...", paper=True)
    order = await client.place_order(OrderRequest(symbol="AAPL", side="BUY", quantity=10))

Each request runs in a thread, so the event loop stays free; a canceled `await` does not take the
request back. What reads and writes only the journal is not awaited.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

from execbot.broker import alpaca
from execbot.broker.port import BrokerClient
from execbot.config.mode import choose_endpoints
from execbot.config.schema import Mode
from execbot.desk.opening.library import OrderManagementSystem
from execbot.model.order import OrderRequest
from execbot.oms.sync import tracker
from execbot.oms.sync.differences import compare
from execbot.oms.sync.tracker import TrackerResult

__all__ = ["AlpacaClient", "OrderManagementSystem", "OrderRequest", "PositionTracker"]

P = ParamSpec("P")
R = TypeVar("R")


def _awaited(
    method: Callable[Concatenate[alpaca.AlpacaClient, P], R],
) -> Callable[Concatenate[AlpacaClient, P], Coroutine[Any, Any, R]]:
    """The method of the plain client, carried out in a thread."""

    async def call(self: AlpacaClient, /, *values: P.args, **named: P.kwargs) -> R:
        return await asyncio.to_thread(method, self.plain, *values, **named)

    call.__name__, call.__doc__ = method.__name__, method.__doc__
    return call


class AlpacaClient:
    """One Alpaca account, awaited. `plain` is the client that does it.

    URLs that are not given come from the environment (ALPACA_BASE_URL and the others that
    docs/configuration.md lists), checked against paper or live. Raises ConfigError for a URL that
    contradicts it, ValueError for an unusable key.
    """

    def __init__(
        self,
        api_key: str,
        secret_key: str,
        *,
        paper: bool = True,
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        mode = Mode.PAPER if paper else Mode.LIVE
        found = choose_endpoints(mode, os.environ if env is None else env)
        urls = {
            "trading_url": found.trading,
            "stream_url": found.stream,
            "data_url": found.data,
            "data_stream_url": found.data_stream,
        }
        self.plain: alpaca.AlpacaClient = alpaca.AlpacaClient(
            api_key, secret_key, paper=paper, **{**urls, **options}
        )

    def __repr__(self) -> str:
        return f"aio.{self.plain!r}"

    place_order = _awaited(alpaca.AlpacaClient.place_order)
    get_order = _awaited(alpaca.AlpacaClient.get_order)
    get_order_by_client_id = _awaited(alpaca.AlpacaClient.get_order_by_client_id)
    list_orders = _awaited(alpaca.AlpacaClient.list_orders)
    replace_order = _awaited(alpaca.AlpacaClient.replace_order)
    cancel_order = _awaited(alpaca.AlpacaClient.cancel_order)
    cancel_all_orders = _awaited(alpaca.AlpacaClient.cancel_all_orders)
    get_positions = _awaited(alpaca.AlpacaClient.get_positions)
    get_position = _awaited(alpaca.AlpacaClient.get_position)
    close_position = _awaited(alpaca.AlpacaClient.close_position)
    close_all_positions = _awaited(alpaca.AlpacaClient.close_all_positions)
    get_account = _awaited(alpaca.AlpacaClient.get_account)
    get_clock = _awaited(alpaca.AlpacaClient.get_clock)
    get_calendar = _awaited(alpaca.AlpacaClient.get_calendar)
    get_asset = _awaited(alpaca.AlpacaClient.get_asset)
    latest_quotes = _awaited(alpaca.AlpacaClient.latest_quotes)
    latest_trades = _awaited(alpaca.AlpacaClient.latest_trades)
    quote_at = _awaited(alpaca.AlpacaClient.quote_at)
    get_bars = _awaited(alpaca.AlpacaClient.get_bars)
    get_activities = _awaited(alpaca.AlpacaClient.get_activities)

    def close(self) -> None:
        """Give the connections back."""
        self.plain.close()


class PositionTracker(tracker.PositionTracker):
    """Positions in memory, compared with the broker's; `reconcile` is awaited."""

    async def reconcile(  # type: ignore[override]
        self, client: AlpacaClient | BrokerClient
    ) -> TrackerResult:
        """Compare with the broker's positions now. Raises BrokerError."""
        plain = client.plain if isinstance(client, AlpacaClient) else client
        theirs = await asyncio.to_thread(plain.get_positions)
        return TrackerResult(tuple(compare(self.positions, theirs)))
