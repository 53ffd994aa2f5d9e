#!/bin/bash
# ccxt 4.5.90, exchange `alpaca`: the unified parameter stopLossPrice is passed on unread, the order is a market order.
#
# In ccxt, create_order(..., "market", "sell", 1, None, {"stopLossPrice": 90}) means: sell when the price falls to
# 90. Where an exchange has no such order ccxt usually raises NotSupported, as its create_stop_loss_order does here.
# This class puts the parameter into Alpaca's body as it came, next to type "market". (Its list of features says
# that stopLossPrice is not supported, and that an attached stopLoss is: that, too, goes out under a name that
# Alpaca's API does not have.) How the real Alpaca treats the unknown field was not tried here.
# For a trader: where it is ignored, the protective order sells the coin now, at market.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ccxt==4.5.90
"$folder/venv/bin/python" - <<'PY'
import json
import sys

import ccxt

ASSET = {
    "id": "1", "class": "crypto", "exchange": "CRYPTO", "symbol": "BTC/USD", "name": "Bitcoin", "status": "active",
    "tradable": True, "fractionable": True, "min_order_size": "0.0001",
    "min_trade_increment": "0.000000001", "price_increment": "0.5",
}


class Offline(ccxt.alpaca):
    """The class as it is, its requests kept instead of sent."""

    sent: list = []

    def fetch(self, url, method="GET", headers=None, body=None):
        if "/assets" in url:
            return [ASSET]
        self.sent.append(json.loads(body))
        return {"id": "1", "symbol": "BTC/USD", "status": "accepted", **self.sent[-1]}


client = Offline({"apiKey": "key", "secret": "secret"})
client.create_order("BTC/USD", "market", "sell", 1, None, {"stopLossPrice": 90})
client.create_order("BTC/USD", "market", "buy", 1, None, {"stopLoss": {"triggerPrice": 90}})
features = client.features["spot"]["createOrder"]
said = {"stopLossPrice": features["stopLossPrice"], "stopLoss": bool(features["stopLoss"])}
for order in client.sent:
    order.pop("client_order_id")
    print("sent:", order)
print("features say:", said)
protective, attached = client.sent
still = (
    protective["type"] == "market" and "stop_price" not in protective
    and "stop_loss" not in attached and "order_class" not in attached and said["stopLoss"]
)
print("still so: a plain market order each" if still else "CHANGED")
sys.exit(not still)
PY
