#!/bin/bash
# ffn 1.4.1: the first year of a series is no year: an account that lost 30 % in it has a worst year of -2 %.
#
# Its statistics of years are made of the last price of each year, compared with that of the year before; the first
# year has nothing before it and is dropped, also where the prices begin on its first trading day. So it is missing in
# the best and the worst year, in their mean and volatility and in the share of winning years (the first month in those
# of months). The table of months printed beside them fills the gap with the first price, and shows the year whole.
# With one price more, the last of the year before, all of them are right. No warning, and no word in its help.
# For a trader: prices and accounts are loaded from 2 January on, or from the day the account was opened. Which year is
# dropped is up to the start of the test: begun in 2008, 2020 or 2022, the drop that the test was meant to show is not
# in its worst year, and a limit set by that is fifteen times too narrow.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ffn==1.4.1 numpy==2.4.6 pandas==3.1.1
"$folder/venv/bin/python" - <<'PY'
import sys
import warnings

warnings.simplefilter("ignore")

import ffn
import pandas as pd

YEARS = {2022: -0.30, 2023: 0.05, 2024: -0.02, 2025: 0.08}
days = pd.bdate_range("2021-12-31", "2025-12-31", name="day")
prices = [100.0]
for year, gain in YEARS.items():
    count, start = (days.year == year).sum(), prices[-1]
    prices += [start * (1 + gain * (day + 1) / count) for day in range(count)]
whole = pd.Series(prices, index=days, name="account")
told = {}
for name, series in (("from 2021-12-31", whole), ("from 2022-01-03", whole["2022-01-03":])):
    told[name] = stats = ffn.PerformanceStats(series)
    print(f"{name}: total {stats.total_return:.1%}, worst year {stats.worst_year:.1%}, winning {stats.win_year_perc:.0%}")
late = told["from 2022-01-03"]
print("the table of the second:")
late.display_monthly_returns()
still = abs(told["from 2021-12-31"].worst_year + 0.30) < 1e-9 and abs(late.worst_year + 0.02) < 1e-9
still = still and late.total_return < -0.2 and late.return_table.loc[2022, "YTD"] < -0.29
print("still so: the year of -30 % is not the worst" if still else "CHANGED")
sys.exit(not still)
PY
