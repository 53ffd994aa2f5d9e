#!/bin/bash
# pandas-market-calendars 5.5.0 (NYSE) and exchange-calendars 4.13.2 (XNYS): the same days, other hours.
#
# pandas-market-calendars carries the calendars of exchange-calendars as well, so one takes the two for one table.
# Since 1990 they name the very same sessions, but in 15 of them the opening or the closing differs, by up to
# three hours: the late openings after storms, and the mourning of 2002-09-11, are in one of them only, while
# 1999-12-31 closes at 13:00 in the other (the exchange traded until 16:00 that day).
# For a trader: a test over these days fills orders in a market that was shut, or skips hours that were traded;
# an agreement on days is no proof of an agreement on hours.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas-market-calendars==5.5.0 exchange-calendars==4.13.2 pandas==3.1.1
"$folder/venv/bin/python" - <<'PY'
import sys
import warnings

warnings.simplefilter("ignore")

import exchange_calendars
import pandas_market_calendars

FIRST, LAST = "1990-01-02", "2025-12-31"
one = pandas_market_calendars.get_calendar("NYSE").schedule(FIRST, LAST)
two = exchange_calendars.get_calendar("XNYS", start=FIRST, end=LAST).schedule
days = len(set(one.index) ^ set(two.index))
both = one.join(two)
differ = both[(both.market_open != both.open) | (both.market_close != both.close)]
print(f"sessions {len(one)}, named by only one of the two: {days}, with other hours: {len(differ)}")
for day, row in differ.iterrows():
    hours = [f"{at.tz_convert('America/New_York'):%H:%M}" for at in (row.market_open, row.market_close, row.open, row.close)]
    print(f"{day:%Y-%m-%d}  NYSE {hours[0]}-{hours[1]}  XNYS {hours[2]}-{hours[3]}")
still = days == 0 and len(differ) == 15
print("still so: no day differs, the hours do" if still else "CHANGED")
sys.exit(not still)
PY
