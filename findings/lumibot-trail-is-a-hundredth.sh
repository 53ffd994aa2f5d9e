#!/bin/bash
# lumibot 4.6.30, broker Alpaca: a trailing stop of 15 % is sent as one of 0.15 %.
#
# Its documentation of create_order gives the field in fractions (0.05 is 5 %), and so its backtest reads it: with the
# price at 200 a trail_percent of 0.15 puts the stop at 170. Alpaca's field of the same name is in percent (1 is one
# hundredth below the high), and this broker passes the figure on as it is, in an order that is valid in every field.
# (Figures below 0.1, as 5 % would be, Alpaca is said to refuse; then there is no stop. It was not tried here.)
# For a trader: the stop trails thirty cents below 200 instead of thirty dollars. What the test held for months is
# sold at market in the first minutes, and so is every position after it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check alpaca-py==0.44.0 pandas==3.1.1 \
    pandas-market-calendars==5.5.0 termcolor==3.3.0 python-dotenv==1.2.4
# It names some sixty packages as required, most of them for other brokers; for this one these five are enough.
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps lumibot==4.6.30
cd "$folder"
HOME="$folder" "$folder/venv/bin/python" - 2> "$folder/log" <<'PY' || { tail -n 5 "$folder/log" >&2; exit 1; }
import logging
import sys
from types import SimpleNamespace

logging.disable(logging.CRITICAL)

from lumibot.brokers.alpaca import Alpaca
from lumibot.entities import Asset, Order
from lumibot.strategies import Strategy

PRICE = 200.0
sent = []


class Account:
    """Stands for alpaca-py's TradingClient and keeps what it should send."""

    def submit_order(self, order_data):
        sent.append(order_data.to_request_fields())
        return SimpleNamespace(id=str(len(sent)), status="new")


documented = "0.05 would be a 5% trailing stop" in " ".join(Strategy.create_order.__doc__.split())
order = Order("mine", Asset("SPY"), 10, "sell", trail_percent=0.15)
order.update_trail_stop_price(PRICE)
tested = order.get_current_trail_stop_price()
broker = Alpaca(
    {"API_KEY": "key", "API_SECRET": "secret", "PAPER": True},
    trading_client=Account(), connect_stream=False, start_orders_thread=False,
)  # fmt: skip
broker.submit_order(order)
body = sent[0]
at_alpaca = PRICE * (1 - float(body["trail_percent"]) / 100)
print("documented: 0.05 is 5 %:", documented)
print("asked: to trail by 15 %, trail_percent 0.15")
print(f"the price is {PRICE:.2f}; in the backtest the stop stands at {tested:.2f}")
print("sent:", {name: str(body[name]) for name in ("symbol", "qty", "side", "type", "trail_percent")})
print(f"at Alpaca, where trail_percent is in percent, the stop stands at {at_alpaca:.2f}")
still = documented and round(tested, 2) == 170.00 and round(at_alpaca, 2) == 199.70
still = still and str(body["type"].value) == "trailing_stop"
print("still so: thirty dollars of room are thirty cents" if still else "CHANGED")
sys.exit(not still)
PY
