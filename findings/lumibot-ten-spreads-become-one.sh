#!/bin/bash
# lumibot 4.6.30, broker Alpaca: an order for ten spreads is sent as an order for one.
#
# Alpaca wants the ratios of the legs without a common divisor, and how many times that unit is wanted in `qty`. This
# broker divides the ratios by their divisor, as it should, and then puts the quantity of the first leg, divided as
# well, where the divisor belongs. Legs that have no common divisor go wrong the other way: each leg is multiplied by
# the first one's quantity. With one contract a leg, as one tries it out, all is right.
# For a trader: ten spreads of a plan (say a hedge) are one, nine tenths of the risk stay open; two against three
# become four against six, twice what was meant to be at stake.
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


def leg(side, contracts, strike):
    call = Asset("SPY", "option", expiration=date(2026, 12, 18), strike=strike, right="CALL")
    return Order("mine", call, contracts, side)


broker = Alpaca(
    {"API_KEY": "key", "API_SECRET": "secret", "PAPER": True},
    trading_client=Account(), connect_stream=False, start_orders_thread=False,
)  # fmt: skip
ASKED = [(1, 1), (10, 10), (2, 4), (2, 3)]
got = []
for bought, sold in ASKED:
    legs = [leg("buy_to_open", bought, 600), leg("sell_to_open", sold, 610)]
    broker.submit_orders(legs, is_multileg=True, order_type="debit", price=1.25)
    order = sent[-1]
    ratios = [int(one["ratio_qty"]) for one in order["legs"]]
    got.append(tuple(int(order["qty"]) * ratio for ratio in ratios))
    print(f"asked: {bought} and {sold} contracts; sent: qty {order['qty']}, ratios {ratios}, which are {got[-1]}")
still = got == [(1, 1), (1, 1), (1, 2), (4, 6)]
print("still so: ten are one, two and three are four and six" if still else "CHANGED")
sys.exit(not still)
PY
