#!/bin/bash
# TA-Lib 0.8.2, ta 0.11.0, stockstats 0.6.10, finta 1.3: the RSI of a price that stands still is 0, 100, 50 and NaN.
#
# Without a gain and without a loss the formula divides zero by zero. TA-Lib answers 0.0, "sold out", ta answers 100.0,
# "bought up", each a number like any other and the strongest signal there is. Of a price that moves all four agree to
# six digits and more, so that one is taken for a faster build of the other.
# For a trader: a share whose takeover in cash is settled prints one price for an hour, and so does a halted one that
# is filled up to whole minutes. The rule "buy below 30, sell above 70" buys it with one package and sells it
# with the other, and a test on moving prices finds no difference between the two.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check TA-Lib==0.8.2 ta==0.11.0 stockstats==0.6.10 \
    finta==1.3 numpy==2.4.6 pandas==3.1.1
"$folder/venv/bin/python" - <<'PY'
import math
import sys
import warnings

warnings.simplefilter("ignore")

import pandas as pd
import stockstats
import ta
import talib
from finta import TA


def rsi(close):
    """The last RSI of 14 by each package."""
    bars = pd.DataFrame({name: close for name in ("open", "high", "low", "close")})
    bars["volume"] = 1000.0
    bars.index = pd.date_range("2026-11-20 09:30", periods=len(close), freq="min")
    series = {
        "TA-Lib": talib.RSI(bars["close"], 14),
        "ta": ta.momentum.rsi(bars["close"], 14),
        "stockstats": stockstats.wrap(bars.copy())["rsi_14"],
        "finta": TA.RSI(bars, 14),
    }
    return {name: float(values.iloc[-1]) for name, values in series.items()}


moving = rsi([100 + 5 * math.sin(minute / 7) for minute in range(300)])
still_price = rsi([54.20] * 300)
for name in moving:
    print(f"{name:10} of a moving price {moving[name]:8.4f}, of one that stands still {still_price[name]:6.1f}")
agree = max(moving.values()) - min(moving.values()) < 1e-6
still = agree and [still_price[name] for name in ("TA-Lib", "ta", "stockstats")] == [0.0, 100.0, 50.0]
still = still and math.isnan(still_price["finta"])
print("still so: one buys what the other sells" if still else "CHANGED")
sys.exit(not still)
PY
