#!/bin/bash
# alpaca-py 0.44.0: a misspelled field of an order request is dropped without an error.
#
# `client_oder_id=`, `extended_hour=`, or `limit_prise` inside a stop_loss are accepted, and what is sent is an
# order without them. Python refuses an unknown keyword nearly everywhere, and these classes do check their
# fields (limit_price on a market order is refused), so one trusts them to know their own names.
# For a trader: without its id a repeated order is a second order; a stop-limit becomes a stop at market.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check alpaca-py==0.44.0 pydantic==2.12.4
"$folder/venv/bin/python" - <<'PY'
import sys

from alpaca.trading.requests import MarketOrderRequest

order = dict(symbol="AAPL", qty=10, side="buy", time_in_force="day", order_class="oto")
right = MarketOrderRequest(**order, client_order_id="mine", stop_loss={"stop_price": 90, "limit_price": 89})
wrong = MarketOrderRequest(**order, client_oder_id="mine", stop_loss={"stop_price": 90, "limit_prise": 89})
right, wrong = right.to_request_fields(), wrong.to_request_fields()
for said, sent in (("spelled right", right), ("misspelled", wrong)):
    print(f"{said:13} id {sent.get('client_order_id')}, stop_loss {sent['stop_loss']}")
still = right["client_order_id"] == "mine" and "limit_price" in right["stop_loss"]
still = still and "client_order_id" not in wrong and wrong["stop_loss"] == {"stop_price": 90.0}
print("still so: no error, no id, no limit" if still else "CHANGED")
sys.exit(not still)
PY
