#!/bin/bash
# alpaca-py 0.44.0: a Decimal or text quantity becomes a float in the request, and digits are lost.
#
# Alpaca states coin quantities as text with nine places. Whoever sells exactly what the position says hands that
# text, or its Decimal, to the request: it goes out as a JSON float of 17 digits at most, nearest, not cut down.
# For a trader: of a cheap coin held in billions, the sale asks for a little more than there is and is refused,
# or leaves dust that counts as a position; a comparison of asked and filled by text finds a difference.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check alpaca-py==0.44.0
"$folder/venv/bin/python" - <<'PY'
import json
import sys
from decimal import Decimal

from alpaca.trading.requests import MarketOrderRequest

still = True
for held in ("1234567890.123456789", "9007199254.740993999"):
    for asked in (held, Decimal(held)):
        order = MarketOrderRequest(symbol="SHIB/USD", qty=asked, side="sell", time_in_force="gtc")
        sent = json.dumps(order.to_request_fields()["qty"])
        more = Decimal(sent) - Decimal(held)
        print(f"{type(asked).__name__:8} {held} is sent as {sent}: {more:+f}")
        still = still and more != 0
print("still so: what is sent is not what was asked" if still else "CHANGED")
sys.exit(not still)
PY
