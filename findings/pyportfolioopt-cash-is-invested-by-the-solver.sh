#!/bin/bash
# PyPortfolioOpt 1.6.0: of weights that leave 40 % in cash, lp_portfolio invests 60 % or all, as the solver likes.
#
# The program that turns weights into whole shares makes the sum of two things small: how many dollars each position
# is off its target, and how many dollars are left. A share bought above its target adds its price to the first and
# takes it from the second, so both plans are equally good to it, and which one comes out is up to the solver: HiGHS,
# which cvxpy takes by itself, buys; SciPy's does not. greedy_portfolio of the same class keeps the cash. Its help
# does not say that weights have to sum up to one, and nothing is refused or warned about.
# For a trader: who caps the exposure at 60 % of 100,000 dollars (a target of volatility, say) holds positions for
# 99,480, the bonds at twice their weight; on a machine with other solvers the same program holds other positions.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check PyPortfolioOpt==1.6.0 cvxpy==1.9.3 highspy==1.16.0 \
    scipy==1.17.1 pandas==3.1.1 packaging
"$folder/venv/bin/python" - <<'PY'
import os
import sys
import warnings

warnings.simplefilter("ignore")

import pandas as pd
from pypfopt.discrete_allocation import DiscreteAllocation

WEIGHTS = {"SPY": 0.3, "TLT": 0.2, "GLD": 0.1}
PRICES = pd.Series({"SPY": 600.0, "TLT": 90.0, "GLD": 240.0})
WORTH = 100_000


def held(how, **options):
    """Dollars in each position. What the solver prints about itself is not of interest."""
    allocation = DiscreteAllocation(WEIGHTS, PRICES, total_portfolio_value=WORTH)
    screen = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        shares, _ = getattr(allocation, how)(**options)
        os.dup2(screen, 1)
    return {symbol: round(float(count * PRICES[symbol])) for symbol, count in shares.items()}


ways = {
    "by itself": held("lp_portfolio"),
    "HIGHS": held("lp_portfolio", solver="HIGHS"),
    "SCIPY": held("lp_portfolio", solver="SCIPY"),
    "greedy": held("greedy_portfolio"),
}
print("targets:", {symbol: round(weight * WORTH) for symbol, weight in WEIGHTS.items()}, "sum 60000")
for way, positions in ways.items():
    print(f"{way:9} {positions} sum {sum(positions.values())}")
total = {way: sum(positions.values()) for way, positions in ways.items()}
still = min(total["by itself"], total["HIGHS"]) > 99_000 and max(total["SCIPY"], total["greedy"]) < 61_000
print("still so: the cash is kept or invested by the solver's taste" if still else "CHANGED")
sys.exit(not still)
PY
