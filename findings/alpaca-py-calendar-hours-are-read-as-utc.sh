#!/bin/bash
# alpaca-py 0.44.0: the hours that its calendar gives, put into its own requests, are other hours.
#
# get_calendar answers with opening and closing as datetimes without a zone, meant in New York's time. Every request
# takes a datetime without a zone for UTC. So the session of the one, handed to the other as it is, moves by four
# hours in summer and five in winter. Nothing warns, and there are bars and orders at those hours too.
# For a trader: "the bars of the session" are those of 04:30 to 11:00, with the thin trades before the opening in the
# high, the low and the volume, and without the afternoon; of the short day after Thanksgiving not one minute of the
# session is in them. "The orders of the session" end at 11:00: a list of the day's trades lacks the later ones.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check alpaca-py==0.44.0
"$folder/venv/bin/python" - <<'PY'
import json
import sys
import threading
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.requests import StockBarsRequest
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import GetCalendarRequest, GetOrdersRequest

NEW_YORK = ZoneInfo("America/New_York")
DAYS = [
    {"date": "2026-07-15", "open": "09:30", "close": "16:00"},
    {"date": "2026-11-25", "open": "09:30", "close": "16:00"},
    {"date": "2026-11-27", "open": "09:30", "close": "13:00"},
]
asked = []


class Broker(BaseHTTPRequestHandler):
    """Alpaca's calendar; of bars and orders it has none, and keeps what it was asked for."""

    def do_GET(self):
        url = urlsplit(self.path)
        asked.append((url.path, {name: values[0] for name, values in parse_qs(url.query).items()}))
        answer = {"/v2/calendar": DAYS, "/v2/orders": []}.get(url.path, {"bars": {}, "next_page_token": None})
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Broker)
threading.Thread(target=server.serve_forever, daemon=True).start()
here = f"http://127.0.0.1:{server.server_port}"
trading = TradingClient("key", "secret", url_override=here)
data = StockHistoricalDataClient("key", "secret", url_override=here)


def hours(start, end):
    """The two instants that were asked for, on New York's clock."""
    at = [datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (start, end)]
    return "-".join(f"{one.astimezone(NEW_YORK):%H:%M}" for one in at)


got = []
for day in trading.get_calendar(GetCalendarRequest(start=date(2026, 7, 1), end=date(2026, 11, 30))):
    minutes = StockBarsRequest(symbol_or_symbols="SPY", timeframe=TimeFrame.Minute, start=day.open, end=day.close)
    data.get_stock_bars(minutes)
    bars = asked[-1][1]
    trading.get_orders(GetOrdersRequest(after=day.open, until=day.close))
    orders = asked[-1][1]
    session = f"{day.open:%H:%M}-{day.close:%H:%M}"
    got.append((session, hours(bars["start"], bars["end"]), hours(orders["after"], orders["until"])))
    print(f"{day.date}, in New York: session {got[-1][0]}, bars asked for {got[-1][1]}, orders {got[-1][2]}")
server.shutdown()
still = got == [
    ("09:30-16:00", "05:30-12:00", "05:30-12:00"),
    ("09:30-16:00", "04:30-11:00", "04:30-11:00"),
    ("09:30-13:00", "04:30-08:00", "04:30-08:00"),
]
print("still so: the session is asked for at other hours" if still else "CHANGED")
sys.exit(not still)
PY
