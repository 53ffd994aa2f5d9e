#!/bin/bash
# msts-trader 0.47.1: stops that work at the broker are never found.
#
# `open_stops` compares str(order_type) with "stop"; alpaca-py has an enum there, whose text is "OrderType.STOP".
# The answer is an empty dictionary, and no error says so.
# For a trader: whoever asks which positions are protected hears "none", and places a second stop beside the first,
# or sells what the first one sells too.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check msts-trader==0.47.1 alpaca-py==0.44.0
"$folder/venv/bin/python" - <<'PY'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from alpaca.trading.client import TradingClient
from msts_trader.brokers.alpaca import Alpaca

STAMP = "2026-10-08T15:10:18Z"
UUID = "61e69015-8549-4bfd-b9c3-01e75843f47d"
STOP = {
    "id": UUID, "client_order_id": "stop-1", "created_at": STAMP, "updated_at": STAMP, "submitted_at": STAMP,
    "asset_id": UUID, "symbol": "AAPL", "asset_class": "us_equity", "qty": "10", "filled_qty": "0",
    "order_class": "", "order_type": "stop", "type": "stop", "side": "sell", "time_in_force": "gtc",
    "stop_price": "90", "status": "new", "extended_hours": False,
}


class Broker(BaseHTTPRequestHandler):
    """Has one open order: a stop."""

    def do_GET(self):
        body = json.dumps([STOP]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Broker)
threading.Thread(target=server.serve_forever, daemon=True).start()
broker = object.__new__(Alpaca)  # its own constructor knows no URL
broker._client = TradingClient("k", "s", url_override=f"http://127.0.0.1:{server.server_port}")
[seen] = broker._client.get_orders()
found = broker.open_stops()
print(f"the broker has: {seen.symbol} {seen.order_type.value} {seen.stop_price}; open_stops says: {found}")
still = found == {}
print("still so: the stop is not found" if still else "CHANGED")
sys.exit(not still)
PY
