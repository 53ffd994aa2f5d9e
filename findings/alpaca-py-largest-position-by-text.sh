#!/bin/bash
# alpaca-py 0.44.0: the figures of a parsed Position are text, so comparisons go by the alphabet.
#
# The client parses dates, ids and enums of an answer into types; money and quantities stay `str`. `max` and
# `sorted` work without an error and put 900.00 above 25000.00; `position.qty == 100` is False for a hundred shares.
# For a trader: "trim the largest position", "sell the worst first" pick the wrong one, "have I got it all?" says no.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check alpaca-py==0.44.0
"$folder/venv/bin/python" - <<'PY'
import sys

from alpaca.trading.models import Position


def position(symbol: str, qty: str, value: str, gain: str) -> Position:
    same = dict.fromkeys(("avg_entry_price", "cost_basis", "current_price", "lastday_price"), "250.00")
    rates = dict.fromkeys(("unrealized_plpc", "unrealized_intraday_plpc", "change_today"), "0.01")
    return Position(
        asset_id="11111111-2222-3333-4444-555555555555", symbol=symbol, exchange="NASDAQ", asset_class="us_equity",
        asset_marginable=True, side="long", qty=qty, qty_available=qty, market_value=value,
        unrealized_pl=gain, unrealized_intraday_pl=gain, **same, **rates,
    )


held = [position("BIG", "100", "25000.00", "-250.00"), position("SMALL", "9", "900.00", "-10.00")]
largest = max(held, key=lambda one: one.market_value).symbol
worst = min(held, key=lambda one: one.unrealized_pl).symbol
print(f"BIG is worth 25000.00, SMALL 900.00; the largest by max(): {largest}")
print(f"BIG lost 250.00, SMALL 10.00; the worst by min(): {worst}")
print(f"BIG.qty is {held[0].qty!r}; BIG.qty == 100 is {held[0].qty == 100}")
still = largest == worst == "SMALL" and held[0].qty == "100" and held[0].qty != 100
print("still so: text, not numbers" if still else "CHANGED")
sys.exit(not still)
PY
