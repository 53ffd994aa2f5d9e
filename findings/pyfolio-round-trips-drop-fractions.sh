#!/bin/bash
# pyfolio-reloaded 0.10.1: its round trips know whole shares only; what is behind the point is left out.
#
# To match purchases with sales it makes a list with one entry for each share, of whole ones: of 1.9 shares one is
# matched, of 0.9 none. Its help says that it takes a portfolio for its single shares, not that the rest is lost, and
# the volume that it makes of the same transactions counts every fraction. Nothing is refused or warned about.
# For a trader: who buys for amounts of dollars, as Alpaca offers it, or coins, trades little else than fractions, and
# the dearer the share, the more of it goes. Five trades of 500 dollars that lost 92 in all are told as three that
# gained 20; the share of winning trades is two thirds, not two fifths.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyfolio-reloaded==0.10.1 numpy==2.4.6 pandas==3.1.1
"$folder/venv/bin/python" - <<'PY'
import sys
import warnings

warnings.simplefilter("ignore")

import pandas as pd
from pyfolio import round_trips, txn

TRADES = [  # about 500 dollars each: quantity, bought at, sold at
    ("F", 41.6, 12.0, 13.0),
    ("KO", 7.2, 69.0, 72.0),
    ("MSFT", 1.2, 420.0, 378.0),
    ("COST", 0.55, 910.0, 810.0),
    ("BLK", 0.5, 1000.0, 900.0),
]
rows = []
for day, (symbol, qty, bought, sold) in enumerate(TRADES, 5):
    rows.append((f"2026-10-{day:02} 14:00", qty, bought, symbol))
    rows.append((f"2026-10-{day:02} 18:00", -qty, sold, symbol))
table = pd.DataFrame(rows, columns=["at", "amount", "price", "symbol"]).set_index("at")
table.index = pd.to_datetime(table.index, utc=True)
trips = round_trips.extract_round_trips(table)
told = dict(zip(trips.symbol, trips.pnl))
total = 0.0
for symbol, qty, bought, sold in TRADES:
    total += qty * (sold - bought)
    seen = f"{told[symbol]:8.2f}" if symbol in told else "no trade"
    print(f"{symbol:4} {qty:5} shares from {bought} to {sold}: {qty * (sold - bought):8.2f}, told {seen}")
volume = txn.get_txn_vol(table).txn_volume.sum()
print(f"sum: {total:.2f}, told {trips.pnl.sum():.2f}; winning {(trips.pnl > 0).mean():.0%}; volume told {volume:.2f}")
whole = abs(volume - sum(qty * (bought + sold) for _, qty, bought, sold in TRADES)) < 1e-6
still = whole and told.keys() == {"F", "KO", "MSFT"} and total < -90 and trips.pnl.sum() > 19
print("still so: a loss is told as a profit" if still else "CHANGED")
sys.exit(not still)
PY
