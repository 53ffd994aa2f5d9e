#!/bin/bash
# mibian 0.1.3: of two calls that differ in price alone the dearer one has the lower implied volatility.
#
# The search for the volatility ends when the model's price, rounded to as many places as the price that was given, is
# that price. How many these are it counts in the text of the number, and 0.30 is the number 0.3: one place. So a quote
# in cents is met to half a cent, but one that ends in a zero to five cents, a sixth of an option at 0.30, and the
# search ends as soon as it is in there. No parameter says how near is near enough, and the answer has ten digits.
# For a trader: of a call at 0.30 the volatility is more than a point too low here, and lower than that of the same call
# at 0.26. So a smile has teeth at each full dime, contracts look cheap or dear that are not, and the greeks made of that
# volatility are off as well. Many contracts are quoted in nickels and dimes only.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mibian==0.1.3 scipy==1.17.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys

import mibian

CALL = [100, 108, 4, 21]  # the stock at 100, the strike 108, 4 % interest, 21 days


def exact(price):
    low, high = 1.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        dear = mibian.BS(CALL, volatility=middle).callPrice > price
        low, high = (low, middle) if dear else (middle, high)
    return low


found = {}
for price in (0.19, 0.20, 0.21, 0.26, 0.29, 0.30, 0.31, 0.39, 0.40, 0.41):
    found[price] = mibian.BS(CALL, callPrice=price).impliedVolatility
    back = mibian.BS(CALL, volatility=found[price]).callPrice
    print(f"call at {price:.2f}: volatility {found[price]:6.2f} (exact {exact(price):6.2f}), worth {back:.3f} with it")
still = found[0.26] > found[0.30] and found[0.19] > found[0.20] and found[0.40] > found[0.41]
still = still and abs(found[0.30] - exact(0.30)) > 1 > 10 * abs(found[0.31] - exact(0.31))
print("still so: 0.30 has less volatility than 0.26" if still else "CHANGED")
sys.exit(not still)
PY
