"""The baseline: the shortest script that submits the same order with alpaca-py."""

import os
import uuid

from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import MarketOrderRequest

client = TradingClient(
    os.environ["ALPACA_API_KEY"],
    os.environ["ALPACA_SECRET_KEY"],
    url_override=os.environ["ALPACA_TRADING_URL"],
)
order = client.submit_order(
    MarketOrderRequest(
        symbol="AAPL",
        qty=1,
        side=OrderSide.BUY,
        time_in_force=TimeInForce.DAY,
        client_order_id=str(uuid.uuid4()),
    )
)
print(order.id, order.status)
