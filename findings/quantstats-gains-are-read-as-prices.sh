#!/bin/bash
# quantstats 0.0.86: returns that hold no loss and one gain over 100 % are taken for prices.
#
# Most of its figures take "returns or prices" and tell them apart by their values: nothing below zero and something
# above one are prices, whose changes are then used. Total return does not ask so, and is right; the figures beside
# it on one page belong to another series.
# For a trader: five winning trades in options, one of them +150 %, have a win rate of 50 % and a Sharpe ratio of a
# quarter of what it is; one losing trade more, and every figure jumps.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check quantstats==0.0.86 empyrical-reloaded==0.7.1 pandas==3.1.1
"$folder/venv/bin/python" - <<'PY'
import sys
import warnings

warnings.simplefilter("ignore")

import empyrical
import pandas as pd
import quantstats

won = pd.Series([0.5, 1.5, 0.2, 0.4, 0.1], index=pd.date_range("2026-01-05", periods=5))
lost = pd.concat([won, pd.Series([-0.01], index=[pd.Timestamp("2026-01-10")])])
seen = {}
for name, returns in (("five gains", won), ("and a loss of 1 %", lost)):
    seen[name] = [
        round(float(value), 2)
        for value in (
            quantstats.stats.win_rate(returns),
            quantstats.stats.sharpe(returns),
            empyrical.sharpe_ratio(returns),
            quantstats.stats.comp(returns),
            empyrical.cum_returns_final(returns),
        )
    ]
    print(name, "- win rate %s, Sharpe %s (empyrical %s), total %s (empyrical %s)" % tuple(seen[name]))
gains, with_loss = seen.values()
still = gains[0] == 0.5 and gains[1] != gains[2] and with_loss[1] == with_loss[2] and gains[3] == gains[4]
print("still so: five gains of five are a win rate of one half" if still else "CHANGED")
sys.exit(not still)
PY
