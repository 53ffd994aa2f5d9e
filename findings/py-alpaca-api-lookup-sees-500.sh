#!/bin/bash
# py-alpaca-api 3.0.1: an order is looked up by client_order_id among the newest 500 orders only.
#
# Alpaca has a path for that question (/v2/orders:by_client_order_id), which knows every order of the account. This
# client lists one page of all orders and searches it; for an order further back it raises "No order found", and
# cancel_by_client_order_id, built on it, does so too, even while the order is working.
# For a trader: "did my order arrive?" is answered "no" for an old gtc order, and who sends again has it twice.
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
from urllib.parse import parse_qs, urlsplit

from py_alpaca_api.trading.orders import Orders

ORDERS = [{"id": str(number), "client_order_id": f"mine-{number}", "status": "new"} for number in range(501)]
asked = []


class Broker(BaseHTTPRequestHandler):
    """501 orders, the newest first, a page of at most 500; the path by client_order_id knows them all."""

    def do_GET(self):
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        asked.append(self.path)
        if url.path.endswith(":by_client_order_id"):
            answer = next(one for one in ORDERS if one["client_order_id"] == query["client_order_id"][0])
        else:
            answer = ORDERS[::-1][: min(int(query.get("limit", ["50"])[0]), 500)]
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Broker)
threading.Thread(target=server.serve_forever, daemon=True).start()
orders = Orders(f"http://127.0.0.1:{server.server_port}", {})
found = {}
for number in (1, 0):
    try:
        found[number] = orders.get_by_client_order_id(f"mine-{number}").client_order_id
    except Exception as error:
        found[number] = f"{type(error).__name__}: {error}"
    print(f"{500 - number} newer orders: {found[number]}")
print("asked:", sorted({path.split("&")[0] for path in asked}))
still = found[1] == "mine-1" and "No order found" in found[0]
print("still so: the 501st is said not to exist" if still else "CHANGED")
sys.exit(not still)
PY
