"""The price grid of option orders.

| class | below 3.00 | 3.00 and up |
|---|---|---|
| standard | 0.05 | 0.10 |
| Penny Program | 0.01 | 0.05 |
| SPY, QQQ, IWM | 0.01 | 0.01 |

(Alpaca's support page "Options pricing increments and options order handling".) An order off the
grid is routed to one venue alone or rejected later, so it is not sent. Net prices of spreads have
two decimals.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from execbot.model.numbers import CENT
from execbot.model.options.contract import Contract

GRID_SPLIT = Decimal(3)
NICKEL, DIME = Decimal("0.05"), Decimal("0.10")
ALL_PENNIES = frozenset({"SPY", "QQQ", "IWM"})


def price_step(contract: Contract, price: Decimal) -> Decimal:
    """The step at a price. A row that does not say whether the contract is in the Penny Program
    is held to that finer grid: the broker knows better than a guess."""
    if contract.underlying in ALL_PENNIES:
        return CENT
    is_penny = contract.penny is not False
    if price < GRID_SPLIT:
        return CENT if is_penny else NICKEL
    return NICKEL if is_penny else DIME


def is_on_grid(contract: Contract, price: Decimal) -> bool:
    return price > 0 and price % price_step(contract, price) == 0


def neighbours(contract: Contract, price: Decimal) -> tuple[Decimal, Decimal]:
    """The prices of the grid just below and above."""
    step = price_step(contract, price)
    steps = price / step
    below = steps.to_integral_value(ROUND_FLOOR) * step
    above = steps.to_integral_value(ROUND_CEILING) * step
    return below.quantize(CENT), above.quantize(CENT)


def on_grid(contract: Contract, price: Decimal, *, up: bool) -> Decimal:
    """The nearest price of the grid that is not below (`up`), or not above. At least one step."""
    below, above = neighbours(contract, price)
    found = above if up else below
    return found if found > 0 else price_step(contract, price)
