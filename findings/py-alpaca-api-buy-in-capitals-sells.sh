#!/bin/bash
# py-alpaca-api 3.0.1: side="BUY", or "Buy", is sent as a sale.
#
# Whatever is not exactly "buy" becomes "sell"; nothing is refused. Alpaca's own answers and most other clients
# know the word in both spellings (an enum's name is BUY, its value buy), and a signal from elsewhere often says BUY.
# For a trader: the purchase becomes a sale of what is held, or opens a short.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check py-alpaca-api==3.0.1
"$folder/venv/bin/python" - <<'PY'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from py_alpaca_api.trading.orders import Orders

taken = []


class Broker(BaseHTTPRequestHandler):
    """Keeps each order and refuses it, which is enough to read it."""

    def do_POST(self):
        taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(422)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Broker)
threading.Thread(target=server.serve_forever, daemon=True).start()
orders = Orders(f"http://127.0.0.1:{server.server_port}", {})
asked = ["buy", "BUY", "Buy"]
for side in asked:
    try:
        orders.market("AAPL", qty=10, side=side)
    except Exception as refusal:
        print(f"asked: {side:4} sent: {taken[-1]['side']} (the server's refusal: {type(refusal).__name__})")
still = [order["side"] for order in taken] == ["buy", "sell", "sell"]
print("still so: BUY sells" if still else "CHANGED")
sys.exit(not still)
PY
