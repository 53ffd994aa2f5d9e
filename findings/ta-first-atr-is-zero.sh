#!/bin/bash
# ta 0.11.0: the average true range of the first 13 days is 0.0, a number like any other, and not "unknown".
#
# The RSI of the same package is NaN while its window is not full, as one expects, and NaN spoils what is computed
# from it, as it should. The ATR has zeros there even with fillna=False; with fewer rows than its window it raises an
# IndexError instead.
# For a trader: a stop two ATR below the entry is, for a share with a short history, the entry itself: it fires at
# once. A size by risk divides by zero, or by the smallest distance that is allowed: the largest position of all.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ta==0.11.0 pandas==3.1.1
"$folder/venv/bin/python" - <<'PY'
import sys
import warnings

warnings.simplefilter("ignore")

import pandas as pd
from ta.momentum import rsi
from ta.volatility import average_true_range

close = pd.Series([100.0 + day % 3 for day in range(20)])
atr = average_true_range(close + 1, close - 1, close, window=14, fillna=False)
other = rsi(close, window=14, fillna=False)
print("ATR(14), first 15 days:", [round(value, 2) for value in atr[:15]])
print("RSI(14), the same days:", [round(value, 2) for value in other[:15]])
print("stop at entry - 2 ATR on day 5:", close[5] - 2 * atr[5], "entry:", close[5])
try:
    short = average_true_range(close[:5] + 1, close[:5] - 1, close[:5], window=14).tolist()
except IndexError as error:
    short = f"IndexError: {error}"
print("five days only:", short)
still = list(atr[:13]) == [0.0] * 13 and atr[13] > 0 and other[:13].isna().all()
print("still so: unknown is told as zero" if still else "CHANGED")
sys.exit(not still)
PY
