#!/bin/bash
# ta 0.11.0: the first 30 values of its KST are made of prices that come later.
#
# KST compares each price with those of 10, 15, 20 and 30 bars before. Where no such bar is yet, this package takes the
# mean of the whole series that it was given, the bars still to come with it, and shows the result as a value: NaN for
# 14 bars, then figures like any other. Only from the 45th bar on are they of the past alone. Sixty bars give one
# history; the same sixty with others behind them give another, of the other sign.
# For a trader: in a test a share that will rise stands below its mean, one that will fall above it, and a rule on
# KST trades on that. Each window of a walk-forward and each new listing begins so; live the same days gave other
# signals, which change again with every bar.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ta==0.11.0 numpy==2.4.6 pandas==3.1.1
"$folder/venv/bin/python" - <<'PY'
import math
import sys

import pandas as pd
import ta

past = [100 + 3 * math.sin(bar / 5) for bar in range(60)]
FUTURES = {"none yet": [], "rises to 150": [150.0] * 60, "falls to 60": [60.0] * 60}
kst = {name: ta.trend.kst(pd.Series(past + later))[: len(past)] for name, later in FUTURES.items()}
table = pd.DataFrame(kst)
print(table.iloc[[13, 14, 20, 30, 43, 44, 59]].round(2).to_string())
differ = table.index[table.notna().all(axis=1) & (table.max(axis=1) - table.min(axis=1) > 1e-9)]
print(f"one past; values that differ: {len(differ)}, of bars {list(differ[:1])} to {list(differ[-1:])}")
early = table.loc[differ[:15]]
still = list(differ) == list(range(14, 44))
still = still and bool((early["rises to 150"] < 0).all() and (early["falls to 60"] > 0).all())
print("still so: yesterday's KST depends on tomorrow" if still else "CHANGED")
sys.exit(not still)
PY
