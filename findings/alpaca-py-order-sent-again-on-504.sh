#!/bin/bash
# alpaca-py 0.44.0: an order whose POST was answered 504 is sent again.
#
# A 504 comes from a gateway that lost patience: the order may well have arrived. The client repeats the POST all
# the same, up to three times, three seconds apart, for every verb; TradingClient has no argument that switches it
# off. The server below takes each order and answers 504 twice, as such a gateway does.
# For a trader: without a client_order_id of one's own, one call buys several times.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check alpaca-py==0.44.0
"$folder/venv/bin/python" - <<'PY'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from alpaca.trading.client import TradingClient
from alpaca.trading.requests import MarketOrderRequest

taken = []


class Gateway(BaseHTTPRequestHandler):
    """Takes every order; its first two answers are 504."""

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        taken.append(order)
        status = 504 if len(taken) < 3 else 200
        body = json.dumps({"id": str(len(taken)), **order}).encode() if status == 200 else b"{}"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Gateway)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = TradingClient("key", "secret", raw_data=True, url_override=f"http://127.0.0.1:{server.server_port}")
client.submit_order(MarketOrderRequest(symbol="AAPL", qty=10, side="buy", time_in_force="day"))
named = sum("client_order_id" in order for order in taken)
print(f"one call of submit_order; orders that arrived: {len(taken)}, with an id that could tell them apart: {named}")
still = len(taken) == 3 and named == 0
print("still so: one call, three orders" if still else "CHANGED")
sys.exit(not still)
PY
