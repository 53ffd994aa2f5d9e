#!/bin/bash
# backtesting 0.6.6: the profit factor counts percents, not money: an account that lost has one of 2.
#
# The profit factor is what the winning trades earned over what the losing trades lost. This package adds up the
# percentages of the trades, whatever their size: one share that gained a tenth weighs twice as much as ninety that
# lost a twentieth. No word of its documentation says so, and the neighbours in the same table (SQN, the Kelly
# criterion) are of money. With trades of one size all is right.
# For a trader: who adds to losing positions, or takes profits in small pieces (each piece is a trade of its own),
# reads "two dollars won for each one lost" over an account that shrinks; optimize(maximize="Profit Factor") looks
# for just that.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check backtesting==0.6.6 numpy==2.4.6 pandas==3.1.1
"$folder/venv/bin/python" - 2> "$folder/log" <<'PY' || { tail -n 5 "$folder/log" >&2; exit 1; }
import sys

import pandas as pd
from backtesting import Backtest, Strategy

PRICES = [100.0, 100.0, 100.0, 110.0, 100.0, 95.0, 95.0]
DAYS = pd.bdate_range("2026-11-02", periods=len(PRICES))
BARS = pd.DataFrame({name: PRICES for name in ("Open", "High", "Low", "Close")}, index=DAYS)


class TwoTrades(Strategy):
    """One share from 100 to 110, then some from 100 to 95. An order fills at the open of the next day."""

    second_size = 1

    def init(self):
        pass

    def next(self):
        days = len(self.data)
        if days in (2, 4):
            self.buy(size=1 if days == 2 else self.second_size)
        elif days in (3, 5):
            self.position.close()


got = {}
for second_size in (1, 90):
    stats = Backtest(BARS, TwoTrades, cash=10_000).run(second_size=second_size)
    gains = [float(gain) for gain in stats["_trades"]["PnL"]]
    by_hand = gains[0] / -gains[1]
    got[second_size] = (gains, round(by_hand, 3), round(float(stats["Profit Factor"]), 3))
    print(f"1 share, then {second_size}: gains {gains}, account {stats['Return [%]']:+.2f} %,", end=" ")
    print("won by lost %s, Profit Factor %s" % got[second_size][1:])
still = got == {1: ([10.0, -5.0], 2.0, 2.0), 90: ([10.0, -450.0], 0.022, 2.0)}
print("still so: 450 lost for 10 won is a factor of 2" if still else "CHANGED")
sys.exit(not still)
PY
