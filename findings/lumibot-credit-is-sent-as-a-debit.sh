#!/bin/bash
# lumibot 4.6.30, broker Alpaca: a spread sold for a credit of 1.25 is sent as an offer to pay up to 1.25.
#
# Alpaca reads the limit of an order of several legs by its sign: above zero you pay, below zero you receive (its API
# reference says so at `limit_price`). lumibot's words for it are "debit" and "credit", and it sends both with the
# price as it stands, next to a `side` that Alpaca does not ask for here; a comment in its source says that the sign
# is not used. Its own way from a limit with a negative price goes through these words too, and drops the sign.
# How the real Alpaca fills it was not tried here.
# For a trader: "not for less than 125 dollars a spread" becomes "I pay up to 125 dollars": it is filled at any price,
# as a market order would be, 1,250 dollars away from the limit for five spreads in the worst case.
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
from datetime import date
from types import SimpleNamespace

logging.disable(logging.CRITICAL)

from lumibot.brokers.alpaca import Alpaca
from lumibot.entities import Asset, Order

sent = []


class Account:
    """Stands for alpaca-py's TradingClient and keeps what it should send."""

    def submit_order(self, order_data):
        sent.append(order_data.to_request_fields())
        return SimpleNamespace(id=str(len(sent)), status="new")


def spread(low, high):
    """A call of 600 and one of 610: what is done with each."""
    sides = {600: low, 610: high}
    expiry = date(2026, 12, 18)
    return [
        Order("mine", Asset("SPY", "option", expiration=expiry, strike=strike, right="CALL"), 1, side)
        for strike, side in sides.items()
    ]


broker = Alpaca(
    {"API_KEY": "key", "API_SECRET": "secret", "PAPER": True},
    trading_client=Account(), connect_stream=False, start_orders_thread=False,
)  # fmt: skip
bought = spread("buy_to_open", "sell_to_open")
sold = spread("sell_to_open", "buy_to_open")
broker.submit_orders(bought, is_multileg=True, order_type="debit", price=1.25)
broker.submit_orders(sold, is_multileg=True, order_type="credit", price=1.25)
for asked, order in zip(("bought for a debit of 1.25", "sold for a credit of 1.25"), sent):
    legs = ", ".join(f"{one['side']} {one['symbol']}" for one in order["legs"])
    print(f"{asked:26} -> {order['type']} {order['limit_price']:+} side {order['side']}: {legs}")
still = [order["limit_price"] for order in sent] == [1.25, 1.25] and sent[1]["legs"][0]["side"] == "sell"
print("still so: one limit for paying and for being paid" if still else "CHANGED")
sys.exit(not still)
PY
