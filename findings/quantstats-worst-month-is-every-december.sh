#!/bin/bash
# quantstats 0.0.86: the worst "month" is all Decembers of all years together, and the worst "M" is a day.
#
# best, worst, win_rate and the averages take `aggregate`. Their help names D, W, M, Q and Y; of these M, Q and Y change
# nothing, the answer is that of single days. The words in the help of aggregate_returns, "month" and "quarter", group
# by the number of the month, over all years. "W" groups by year and number of the week: 2024-12-31, in the first week
# of 2025, is counted with the first days of January 2024. Only "ME", "QE" and "YE", which no help names, are what one
# asks for; the package's own report uses them and is right.
# For a trader: four Decembers of -4 % each are told as one month of -15 %, or the worst month as -4 % where it was
# -6 %; a limit set by the worst month of the past is two and a half times too wide, or a third too narrow.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check quantstats==0.0.86 pandas==3.1.1
"$folder/venv/bin/python" - <<'PY'
import sys
import warnings

warnings.simplefilter("ignore")

import pandas as pd
import quantstats

returns = pd.Series(0.0, index=pd.bdate_range("2022-01-03", "2025-12-31"))
for year in (2022, 2023, 2024, 2025):
    returns[f"{year}-12-15"] = -0.04
returns["2024-06-03"] = returns["2024-06-10"] = -0.03
words = ["D", "M", "month", "ME", "Q", "quarter", "QE", "Y", "YE"]
worst = {word: round(float(quantstats.stats.worst(returns, aggregate=word)), 4) for word in words}
months = returns.groupby([returns.index.year, returns.index.month]).apply(lambda one: (1 + one).prod() - 1)
truth = round(float(months.min()), 4)
print("the worst month by hand: {:.2%}, it was {}-{:02}".format(truth, *months.idxmin()))
for word, value in worst.items():
    print(f"worst(returns, aggregate={word!r}): {value:.2%}")
turn = pd.Series(0.0, index=pd.bdate_range("2024-01-01", "2024-12-31"))
turn["2024-01-03"], turn["2024-12-31"] = -0.05, -0.05
weekly = round(float(quantstats.stats.worst(turn, aggregate="W")), 4)
print(f"-5 % on January 3rd and on December 31st of one year, the worst week ('W'): {weekly:.2%}")
still = truth == worst["ME"] == -0.0591 and worst["M"] == worst["Q"] == worst["Y"] == worst["D"] == -0.04
still = still and worst["month"] == -0.1507 and weekly == -0.0975
print("still so: neither the letter nor the word is a month" if still else "CHANGED")
sys.exit(not still)
PY
