"""Goal: Alpaca's own Python client lists, reads, orders and streams contracts over real sockets.
Method: a served exchange under a virtual clock that runs; the client unchanged.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest

pytest.importorskip("alpaca")


def test_the_official_client_trades_and_streams_contracts(serve: Any) -> None:
    from alpaca.data.historical.option import OptionHistoricalDataClient
    from alpaca.data.live import OptionDataStream
    from alpaca.data.requests import OptionChainRequest
    from alpaca.trading.client import TradingClient
    from alpaca.trading.requests import (
        GetOptionContractsRequest,
        MarketOrderRequest,
        OptionLegRequest,
    )

    server = serve(seed=1, at="2026-10-08 10:30", speed=5, calendar="exchange")
    trader = TradingClient("k", "s", url_override=server["rest"])
    data = OptionHistoricalDataClient("k", "s", url_override=server["data"])
    listed = trader.get_option_contracts(GetOptionContractsRequest(underlying_symbols=["AAPL"]))
    calls = [c.symbol for c in listed.option_contracts if c.type == "call"][:2]
    chain = data.get_option_chain(
        OptionChainRequest(underlying_symbol="AAPL", expiration_date="2026-10-09")
    )
    assert chain and all(row.latest_quote is not None for row in chain.values())
    legs = [
        OptionLegRequest(symbol=symbol, side=side, ratio_qty=1, position_intent=f"{side}_to_open")
        for symbol, side in zip(calls, ("buy", "sell"), strict=True)
    ]
    order = MarketOrderRequest(qty=1, order_class="mleg", time_in_force="day", legs=legs)
    assert len(trader.submit_order(order).legs) == 2
    stream, quotes = OptionDataStream("k", "s", url_override=server["option_stream"]), []
    heard_one = threading.Event()

    async def heard(quote: Any) -> None:
        quotes.append(quote)
        heard_one.set()

    stream.subscribe_quotes(heard, calls[0])
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    heard_one.wait(timeout=60)
    assert quotes and quotes[0].symbol == calls[0]
    held = {position.symbol: position.qty for position in trader.get_all_positions()}
    assert held == {calls[0]: "1", calls[1]: "-1"}
