#!/bin/bash
# QuantLib 1.44: on the day it expires, an option in the money is worth 0.0 and has a delta of 0.0.
#
# A pricing engine counts nothing that happens on the evaluation date itself, and a date has no hours: on its last day
# the option has expired since midnight. No error and no warning; the day before it is priced as one expects.
# Settings.includeReferenceDateEvents decides, and is off.
# For a trader: contracts that expire today trade until 16:00 New York. A tool that marks them with these figures
# shows a call ten dollars in the money as worthless, a book as flat that is long 100 shares a contract, and a
# closing order priced at the model's value gives it away.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check QuantLib==1.44
"$folder/venv/bin/python" - <<'PY'
import sys

import QuantLib as ql

TODAY = ql.Date(20, 11, 2026)
ql.Settings.instance().evaluationDate = TODAY
DAYS = ql.Actual365Fixed()


def flat(rate):
    return ql.YieldTermStructureHandle(ql.FlatForward(TODAY, rate, DAYS))


def call_of_100(expiry):
    """Value and delta of a call of strike 100 while the share stands at 110."""
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(110.0)),
        flat(0.0),
        flat(0.04),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(TODAY, ql.NullCalendar(), 0.5, DAYS)),
    )
    option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Call, 100.0), ql.EuropeanExercise(expiry))
    option.setPricingEngine(ql.AnalyticEuropeanEngine(process))
    return round(option.NPV(), 2), round(option.delta(), 2)


tomorrow, today = call_of_100(TODAY + 1), call_of_100(TODAY)
print("share 110, call of strike 100: value, delta")
print("expires tomorrow:", tomorrow)
print("expires today:   ", today)
still = tomorrow[0] >= 10 and tomorrow[1] == 1 and today == (0.0, 0.0)
print("still so: ten dollars in the money are worth nothing on the last day" if still else "CHANGED")
sys.exit(not still)
PY
